"""The one result record of every pooling method: its columns and its statuses."""

# Order is fixed and every column is always there, whatever the method: NaN or "" where a method has no such thing.
# Proportions are 0..1; b, se, tau2 (and its limits) are on the scale of the model.
RECORD = (
    "method",  # a key of methods.METHODS
    "interval",  # how ci_lb and ci_ub were made, a key of methods.INTERVALS
    "measure",  # transformation of the two-step models, "" for the others
    "tau2_method",  # estimator of tau2 in the two-step models, "" for the others
    "conf_level",  # coverage asked of every interval in the row
    "k",  # arms with at least one patient
    "events",  # responders, summed
    "n",  # patients, summed
    "estimate",  # pooled proportion (random effects: of the median study)
    "ci_lb",
    "ci_ub",
    "pi_lb",  # prediction interval: where the proportion of a new study is expected
    "pi_ub",
    "b",  # the estimate on the scale of the model
    "se",
    "tau2",  # variance between studies
    "tau2_lb",
    "tau2_ub",
    "mean_proportion",  # proportion of the mean study: the integral over the random effect
    "mean_ci_lb",
    "mean_ci_ub",
    "q",  # heterogeneity: likelihood ratio of one proportion a study against one for all (or Cochran's Q)
    "q_df",
    "q_p",
    "q_p_se",  # standard error of q_p: 0 where it is exact, above 0 where it was estimated from random tables
    "i2",  # 0..1
    "h2",
    "loglik",
    "nodes",  # quadrature nodes of the last evaluation
    "status",  # one of STATUSES
    "rho",  # beta-binomial: correlation of two patients of one study
    "note",  # codes of NOTES, joined by ";"
)

TEXT_COLUMNS = ("method", "interval", "measure", "tau2_method", "status", "note")

STATUSES = {
    "ok": "the model was fitted and every parameter lies inside its range",
    "tau2_zero": "the model was fitted; its estimate of tau2 is 0, the edge of the range",
    "tau2_unbounded": (
        "all or none had the outcome in every study, and both kinds occur: the likelihood grows as tau2 goes to "
        "infinity; given is the share of studies in which all had it"
    ),
    "all_responders": "every patient of every study had the outcome: 1, with the exact bound of the summed counts",
    "no_responders": "no patient of any study had the outcome: 0, with the exact bound of the summed counts",
    "single_study": "one study: its own proportion and exact interval, nothing is pooled",
    "tau_not_identified": (
        "every study has one patient, so tau2 cannot be estimated: the summed counts with their exact interval, "
        "which takes one proportion to hold for all"
    ),
    "no_interval": "the model was fitted, but its interval has no width or a limit was not found",
    "no_common_tau2": "not pooled: subgroups share one tau2, which cannot be estimated here",
    "no_data": "no arm with patients",
    "not_converged": "the maximum was not found; nothing is reported",
}

MEAN_CODES = ("no_mean", "no_mean_interval")  # beside a pooled median

# Remarks on a result; `wording.NOTES` has the words.
NOTES = (
    "empty_arms",
    "giant_arm",
    "one_proportion_assumed",
    "widened_to_estimate",
    "wide_interval",
    "wide_prediction",
    *MEAN_CODES,
    *("no_maximum", "limit_not_found", "no_lower_limit", "no_upper_limit", "no_tau2_limit", "tau2_limit_not_found"),
    *("prior_upper", "prior_lower", "prior_tau", "prior_overruled", "too_many_patients"),
    *("corrected", "common_effect", "tau2_interval_empty", "tau2_outside_interval", "no_width", "cut"),
    "common_tau2",
)

MIN_K_PREDICTION = 3  # Higgins, Thompson & Spiegelhalter 2009: no prediction from two studies
