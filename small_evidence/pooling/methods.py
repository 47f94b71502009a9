"""The pooling methods: what each is called, what it estimates, which intervals it offers and whom it cites.

Pure data, the only list of methods. The engine, the configuration's schema, the documents and every label are made
from it or tested against it.
"""

from typing import NamedTuple


class Interval(NamedTuple):
    """One way to make an interval."""

    label: str
    short_label: str
    citations: tuple[str, ...] = ()  # keys of presentation.references.METHODS


class Method(NamedTuple):
    """One way to pool responders of several studies."""

    label: str
    short_label: str
    estimand: str  # a key of ESTIMANDS
    intervals: tuple[str, ...]  # keys of INTERVALS, the default first
    module: str  # where its ``fit`` is; "" for none
    options: tuple[str, ...]  # what `pool_responses` takes for it beside the counts
    configurable: bool = True  # may be the primary method of a review
    citations: tuple[str, ...] = ()

    @property
    def default_interval(self) -> str:
        """The interval of who asks for none."""
        return self.intervals[0]


# Whose proportion ``estimate`` is.
ESTIMANDS = {
    "median": "the median study",
    "mean": "the mean study",
    "common": "every study, assumed to be the same",
}

INTERVALS = {
    "profile_student": Interval(
        "penalised profile likelihood with Student's critical value, never inside the exact interval",
        "profile, Student",
        ("hardy1996", "rover2021"),
    ),
    "profile": Interval("profile likelihood", "profile likelihood", ("hardy1996",)),
    "profile_t": Interval(
        "profile likelihood, t quantiles with k − 1 degrees of freedom", "profile, t quantiles", ("hardy1996",)
    ),
    "wald_z": Interval("Wald, normal quantiles", "Wald"),
    "wald_t": Interval("Wald, t quantiles with k − 1 degrees of freedom", "Wald, t quantiles"),
    "hk": Interval("Hartung-Knapp", "Hartung-Knapp"),
    "hk_adhoc": Interval("Hartung-Knapp, never narrower than the normal one", "Hartung-Knapp, never narrower"),
    "credible": Interval("credible interval", "credible interval"),
    "clopper_pearson": Interval("exact (Clopper-Pearson)", "exact interval", ("clopper1934",)),
    "wilson": Interval("Wilson", "Wilson"),
    "jeffreys": Interval("Jeffreys", "Jeffreys"),
    "agresti_coull": Interval("Agresti-Coull", "Agresti-Coull"),
}

METHODS = {
    "glmm": Method(
        "binomial-normal random-effects model on the logit scale, by maximum likelihood",
        "binomial-normal",
        "median",
        ("profile_student", "profile", "profile_t", "wald_z", "wald_t"),
        "small_evidence.pooling.glmm",
        ("interval",),
        citations=("stijnen2010",),
    ),
    "beta_binomial": Method(
        "beta-binomial model, by maximum likelihood",
        "beta-binomial",
        "mean",
        ("profile", "wald_z"),
        "small_evidence.pooling.beta_binomial",
        ("interval",),
    ),
    "bayes": Method(
        "Bayesian binomial-normal model with weakly informative priors",
        "Bayesian binomial-normal",
        "median",
        ("credible",),
        "small_evidence.pooling.bayes",
        ("interval", "priors"),
    ),
    "inverse_variance": Method(
        "inverse-variance random-effects model",
        "inverse variance",
        "median",
        ("wald_z", "hk", "hk_adhoc"),
        "small_evidence.pooling.inverse_variance",
        ("interval", "measure", "tau2_method"),
    ),
    "fixed": Method(
        "inverse-variance common-effect model",
        "inverse variance, common effect",
        "common",
        ("wald_z", "hk", "hk_adhoc"),
        "small_evidence.pooling.inverse_variance",
        ("interval", "measure"),
        configurable=False,
    ),
    "crude": Method(
        "summed counts",
        "summed counts",
        "common",
        ("clopper_pearson", "wilson", "jeffreys", "agresti_coull"),
        "",
        ("interval",),
        configurable=False,
        citations=("clopper1934",),
    ),
}

# Scales of the two-step models: label and short label.
MEASURES = {
    "PLO": ("logit", "logit"),
    "PAS": ("arcsine", "arcsine"),
    "PFT": ("Freeman-Tukey double arcsine", "Freeman-Tukey"),
    "PR": ("untransformed proportions", "raw proportion"),
}
