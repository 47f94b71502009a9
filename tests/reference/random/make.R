# 200 random data sets and what metafor makes of them: Rscript tests/reference/random/make.R tests/reference/random
# k 3 to 30, n 2 to 60, the proportions logit-normal. Written with R 4.2.2 and metafor 3.8.1.
suppressMessages(library(metafor))
folder <- commandArgs(trailingOnly = TRUE)[1]
set.seed(20261121)
arms <- list()
fits <- list()
for (set in 1:200) {
  k <- sample(3:30, 1)
  ni <- sample(2:60, k, replace = TRUE)
  xi <- rbinom(k, ni, plogis(rnorm(k, qlogis(runif(1, 0.05, 0.95)), sample(c(0, 0.3, 0.8, 1.5), 1))))
  arms[[set]] <- data.frame(set = set, xi = xi, ni = ni)
  keep <- function(model, fit) {
    fits[[length(fits) + 1]] <<- if (inherits(fit, "error")) {
      data.frame(set = set, model = model, b = NA, se = NA, tau2 = NA, ci_lb = NA, ci_ub = NA, q = NA)
    } else {
      q <- if (model == "glmm") fit$QE.LRT else fit$QE
      data.frame(set = set, model = model, b = as.numeric(fit$beta), se = fit$se, tau2 = fit$tau2,
                 ci_lb = fit$ci.lb, ci_ub = fit$ci.ub, q = q)
    }
  }
  quiet <- function(expression) suppressWarnings(tryCatch(expression, error = function(e) e))
  keep("glmm", quiet(rma.glmm(measure = "PLO", xi = xi, ni = ni, nAGQ = 21)))
  for (method in c("DL", "REML", "PM")) {
    keep(method, quiet(rma(measure = "PLO", xi = xi, ni = ni, method = method,
                           control = list(threshold = 1e-12, maxiter = 10000, tol = 1e-12))))
  }
  keep("DL knha", quiet(rma(measure = "PLO", xi = xi, ni = ni, method = "DL", test = "knha")))
}
save <- function(parts, name) {
  write.csv(format(do.call(rbind, parts), digits = 15, trim = TRUE), file.path(folder, name),
            row.names = FALSE, quote = FALSE)
}
save(arms, "arms.csv")
save(fits, "fits.csv")
