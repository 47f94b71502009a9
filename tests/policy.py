"""A policy of synthesis (the section of that name in a review's config) for tests, and a review under it."""

from small_evidence.config import read_config
from small_evidence.review import Review

POLICY = {
    "method": "glmm",
    "interval": "profile",
    "priors": {"b_sd": 2.5, "tau_scale": 1.0},
    "conf_level": 0.95,
    "min_studies": 3,
    "min_arm_size": 3,
    "response": "any",
    "unit": "patient",
    "secondary_sources": "include",
    "classes_not_combined": ["combination", "physical_treatment"],
}


def under(tables, **choices):
    """The bundled review with these tables, under the policy above with other choices."""
    return Review(tables, read_config()).with_policy(**POLICY | choices)
