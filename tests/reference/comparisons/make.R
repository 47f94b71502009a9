# Two arms a study: random data sets and what metafor makes of them. Rscript make.R writes comparisons.json beside itself.
suppressMessages({library(metafor); library(jsonlite)})
set.seed(20261128)
SETS <- 240
GLMM <- 70  # the first so many also by the conditional model, which takes seconds each
calls <- c(
  mh = 'rma.mh(measure = measure, ai = x1, n1i = n1, ci = x2, n2i = n2, add = 0, to = "none", drop00 = FALSE, correct = FALSE)',
  peto = 'rma.peto(ai = x1, n1i = n1, ci = x2, n2i = n2, add = 0, to = "none", drop00 = FALSE)',
  glmm = paste('rma.glmm(measure = "OR", model = "CM.EL", ai = x1, n1i = n1, ci = x2, n2i = n2, drop00 = FALSE,',
               'control = list(dnchgcalc = "dnoncenhypergeom", dnchgprec = 1e-10, hessianCtrl = list(r = 8), intCtrl = list(rel.tol = 1e-9)))'))
fit <- function(call, data, measure = NULL) {
  # a warning (studies dropped, a maximum not found) is kept beside the numbers
  said <- character()
  res <- withCallingHandlers(
    tryCatch(eval(parse(text = call), c(as.list(data), list(measure = measure))), error = function(e) conditionMessage(e)),
    warning = function(w) { said <<- c(said, conditionMessage(w)); invokeRestart("muffleWarning") })
  if (is.character(res)) return(list(error = res))
  out <- list(b = as.numeric(res$beta), se = res$se, ci_lb = res$ci.lb, ci_ub = res$ci.ub, q = res$QE, k = res$k, warnings = said)
  if (inherits(res, "rma.mh")) out <- c(out, list(mh = res$MH, mh_p = res$MHp, tarone = res$TA))
  if (inherits(res, "rma.glmm")) out <- c(out, list(tau2 = res$tau2, loglik = res$fit.stats["ll", "ML"]))
  out
}
sets <- lapply(seq_len(SETS), function(i) {
  k <- sample(2:7, 1)
  tau <- sample(c(0, 0.5, 1.2), 1); effect <- rnorm(1, 0, 1)
  base <- rnorm(k, sample(c(-2.5, 0, 2), 1), 0.7)
  n1 <- sample(3:30, k, TRUE); n2 <- sample(3:30, k, TRUE)
  x2 <- rbinom(k, n2, plogis(base)); x1 <- rbinom(k, n1, plogis(base + effect + rnorm(k, 0, tau)))
  data <- data.frame(x1, n1, x2, n2)
  message(i)
  c(as.list(data),
    setNames(lapply(c("OR", "RR", "RD"), function(m) fit(calls["mh"], data, m)), c("mh_or", "mh_rr", "mh_rd")),
    list(peto = fit(calls["peto"], data)),
    if (i <= GLMM) list(glmm = fit(calls["glmm"], data)))
})
meta <- list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
             lme4 = as.character(packageVersion("lme4")), calls = as.list(calls), data = "SYNTHETIC, drawn by make.R")
write(toJSON(list(meta = meta, sets = sets), digits = 12, auto_unbox = TRUE, na = "null", null = "null"), "comparisons.json")
