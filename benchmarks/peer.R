# The same work by metafor: read the arms, pool each therapy by rma.glmm, draw one PNG forest plot a therapy, write one table.
# Rscript benchmarks/peer.R <arms.csv> <folder>
suppressMessages(library(metafor))
# without lme4 every rma.glmm is an error, and an error is quick
if (!requireNamespace("lme4", quietly = TRUE)) stop("the R package lme4 is needed")
failed <- 0
arguments <- commandArgs(trailingOnly = TRUE)
arms <- read.csv(arguments[1], colClasses = "character")
folder <- arguments[2]
dir.create(folder, showWarnings = FALSE, recursive = TRUE)
arms <- arms[arms$disease == "all" & arms$n != "" & arms$responders != "", ]
arms$responders <- as.numeric(arms$responders)
arms$n <- as.numeric(arms$n)
# arms that did not enter are drawn where no other is, and never pooled
arms <- arms[arms$entered == "yes" | !(arms$analysis %in% arms$analysis[arms$entered == "yes"]), ]
rows <- list()
for (analysis in unique(arms$analysis)) {
  part <- arms[arms$analysis == analysis, ]
  effects <- escalc(measure = "PLO", xi = responders, ni = n, data = part)
  fit <- NULL
  if (nrow(part) >= 3 && all(part$entered == "yes")) {
    # rma.glmm stops with an error where all or none respond, and where tau2 is 0 and its optimiser fails
    fit <- tryCatch(rma.glmm(measure = "PLO", xi = responders, ni = n, data = part, nAGQ = 21),
                    error = function(e) { failed <<- failed + 1; NULL })
  }
  png(file.path(folder, paste0("forest_", analysis, ".png")), width = 1800, height = 300 + 120 * nrow(part), res = 300)
  par(mar = c(4, 1, 1, 1), cex = 0.6)
  if (is.null(fit)) {
    forest(effects$yi, effects$vi, slab = part$study_id, transf = transf.ilogit)
  } else {
    forest(fit, slab = part$study_id, transf = transf.ilogit)
  }
  invisible(dev.off())
  pooled <- if (is.null(fit)) rep(NA, 3) else transf.ilogit(c(fit$beta, fit$ci.lb, fit$ci.ub))
  rows[[analysis]] <- data.frame(analysis = analysis, k = nrow(part), events = sum(part$responders), n = sum(part$n),
                                 estimate = pooled[1], ci_lb = pooled[2], ci_ub = pooled[3])
}
write.csv(do.call(rbind, rows), file.path(folder, "pooled.csv"), row.names = FALSE)
message(failed, " fits of rma.glmm failed")
