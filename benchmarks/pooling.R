# Seconds of processor time that metafor takes for each data set of a file of arms (columns group, responders, n), and
# how many fits of rma.glmm fail:
# Rscript benchmarks/pooling.R <arms.csv> <glmm fits> <inverse-variance fits>
suppressMessages(library(metafor))
if (!requireNamespace("lme4", quietly = TRUE)) stop("rma.glmm needs the R package lme4: without it every fit fails")
arguments <- commandArgs(trailingOnly = TRUE)
arms <- split(read.csv(arguments[1]), read.csv(arguments[1])$group)
time <- function(fits, fit) {
  chosen <- arms[seq_len(min(as.numeric(fits), length(arms)))]
  failed <- 0
  spent <- system.time(for (part in chosen) {
    found <- suppressWarnings(try(fit(part), silent = TRUE))
    failed <- failed + inherits(found, "try-error")
  })[c("user.self", "sys.self")]
  c(sum(spent) / length(chosen), failed)
}
glmm <- time(arguments[2], function(part) rma.glmm(measure = "PLO", xi = responders, ni = n, data = part, nAGQ = 21))
two_step <- time(arguments[3], function(part) rma(measure = "PLO", xi = responders, ni = n, data = part, method = "DL"))
cat(glmm[1], two_step[1], glmm[2], "\n")
