# The same forest plots by metafor, and by meta where it is installed: time of one figure and of the set, PNG and PDF.
# Rscript benchmarks/figures.R <arms.csv> <analysis> <folder>; prints seconds as one line of JSON.
started <- Sys.time()
suppressMessages(library(metafor))
seconds <- list(start = as.numeric(Sys.time() - started, units = "secs"))
arguments <- commandArgs(trailingOnly = TRUE)
arms <- read.csv(arguments[1], colClasses = "character")
arms <- arms[arms$entered == "yes" & arms$disease == "all", ]
arms$responders <- as.numeric(arms$responders)
arms$n <- as.numeric(arms$n)
analyses <- unique(arms$analysis)
fits <- lapply(analyses, function(analysis) {
  part <- arms[arms$analysis == analysis, ]
  effects <- escalc(measure = "PLO", xi = responders, ni = n, data = part)
  fit <- NULL
  if (nrow(part) >= 3) fit <- tryCatch(rma(yi, vi, data = effects), error = function(e) NULL)
  list(part = part, effects = effects, fit = fit)
})
names(fits) <- analyses
page <- function(ending, path, rows) {
  height <- 1 + 0.4 * rows
  if (ending == "pdf") pdf(path, width = 7.48, height = height)
  else png(path, width = 7.48, height = height, units = "in", res = 200)
  par(mar = c(4, 1, 1, 1), cex = 0.6)
}
draw <- function(one, ending, path) {
  page(ending, path, nrow(one$part))
  if (is.null(one$fit)) forest(one$effects$yi, one$effects$vi, slab = one$part$study_id, transf = transf.ilogit)
  else forest(one$fit, slab = one$part$study_id, transf = transf.ilogit)
  invisible(dev.off())
}
draw_meta <- function(one, ending, path) {
  page(ending, path, nrow(one$part))
  object <- meta::metaprop(responders, n, studlab = study_id, data = one$part, method = "Inverse")
  meta::forest(object)
  invisible(dev.off())
}
time_all <- function(who, drawing) {
  found <- list()
  for (ending in c("png", "pdf")) {
    path <- file.path(arguments[3], paste0("peer.", ending))
    drawing(fits[[1]], ending, path)  # loads the device, once
    found[[paste0(who, ", one figure, ", ending)]] <- system.time(drawing(fits[[arguments[2]]], ending, path))[["elapsed"]]
    found[[paste0(who, ", the set, ", ending)]] <-
      system.time(for (one in fits) drawing(one, ending, path))[["elapsed"]]
  }
  found
}
seconds <- c(seconds, time_all("metafor", draw))
if (requireNamespace("meta", quietly = TRUE)) seconds <- c(seconds, time_all("meta", draw_meta))
seconds$figures <- length(fits)
cat("{", paste0("\"", names(seconds), "\": ", format(unlist(seconds), digits = 6), collapse = ", "), "}\n", sep = "")
