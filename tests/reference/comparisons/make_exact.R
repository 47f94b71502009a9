# Exact odds ratios of the first data sets of comparisons.json by R's own tests. Rscript make_exact.R writes exact.json.
suppressMessages(library(jsonlite))
sets <- fromJSON("comparisons.json", simplifyVector = FALSE)$sets
calls <- c(one = 'fisher.test(matrix(c(x1, n1 - x1, x2, n2 - x2), 2))$p.value, conf.int, estimate; first study of the set',
           all = 'mantelhaen.test(array(rbind(x1, n1 - x1, x2, n2 - x2), c(2, 2, k)), exact = TRUE)')
show <- function(res) if (is.character(res)) list(error = res) else
  list(estimate = unname(res$estimate), ci = res$conf.int[1:2], p = res$p.value)
try_it <- function(code) tryCatch(show(code), error = function(e) show(conditionMessage(e)))
out <- lapply(sets[1:120], function(s) {
  x1 <- unlist(s$x1); n1 <- unlist(s$n1); x2 <- unlist(s$x2); n2 <- unlist(s$n2)
  list(one = try_it(fisher.test(matrix(c(x1[1], n1[1] - x1[1], x2[1], n2[1] - x2[1]), 2))),
       all = try_it(mantelhaen.test(array(rbind(x1, n1 - x1, x2, n2 - x2), c(2, 2, length(x1))), exact = TRUE)))
})
meta <- list(R = R.version.string, calls = as.list(calls), data = "SYNTHETIC, the sets of comparisons.json")
write(toJSON(list(meta = meta, sets = out), digits = 12, auto_unbox = TRUE, na = "string"), "exact.json")
