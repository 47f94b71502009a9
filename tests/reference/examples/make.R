# Pooled results of the examples by metafor: Rscript tests/reference/examples/make.R examples tests/reference/examples
# Written with R 4.2.2, metafor 3.8.1 and lme4 1.1.31. Arms of a class are taken as independent, as the primary model takes them.
suppressMessages(library(metafor))
where <- commandArgs(trailingOnly = TRUE)
rows <- list()
keep <- function(review, analysis, model, fit) {
  rows[[length(rows) + 1]] <<- data.frame(review = review, analysis = analysis, model = model, k = fit$k,
    b = as.numeric(tail(fit$beta, 1)), se = tail(fit$se, 1), tau2 = fit$tau2)
}
for (review in c("prevalence", "anticoagulation")) {
  folder <- file.path(where[1], review, "data/raw")
  arms <- read.csv(file.path(folder, "responses.csv"))
  drugs <- read.csv(file.path(folder, "therapies.csv"))
  arms <- merge(merge(arms, drugs, by = "therapy"), read.csv(file.path(folder, "studies.csv")), by = "study_id")
  arms <- arms[arms$kind != "none", ]
  groups <- c(split(arms, arms$therapy), setNames(split(arms, arms$therapy_class), paste0("class-", sort(unique(arms$therapy_class)))))
  for (name in names(groups)) {
    group <- groups[[name]]
    if (length(unique(group$study_id)) < 3) next
    keep(review, name, "glmm", rma.glmm(measure = "PLO", xi = responders, ni = n, data = group, nAGQ = 21))
    if (review == "anticoagulation") {
      keep(review, name, "year", rma.glmm(measure = "PLO", xi = responders, ni = n, mods = ~ I(year - 2000), data = group, nAGQ = 21))
    }
  }
  if (review == "prevalence") {
    keep(review, "class-smell", "method", rma.glmm(measure = "PLO", xi = responders, ni = n, mods = ~ method, data = arms, nAGQ = 21))
  } else {
    two <- merge(arms[arms$therapy == "vka", ], read.csv(file.path(folder, "responses.csv")) |> subset(therapy == "placebo"), by = "study_id")
    keep(review, "vka-placebo", "mh_rr", rma.mh(measure = "RR", ai = responders.x, n1i = n.x, ci = responders.y, n2i = n.y, data = two))
  }
}
write.csv(format(do.call(rbind, rows), digits = 12, trim = TRUE), file.path(where[2], "pooled.csv"), row.names = FALSE, quote = FALSE)
