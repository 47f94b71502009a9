"""A policy of synthesis (the section of that name in a review's config) for tests, and what a review gives under it."""

from small_evidence.appraisal.levels import grade_studies, therapy_results
from small_evidence.synthesis.analyses import pool_arms, select_arms

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


def results_of(tables, standard, scheme=None, policy=POLICY, line=0.5):
    """Arms, pools and levels of the tables of a review, by name."""
    found = {"study_levels": grade_studies(tables["studies"], standard, scheme)}
    found["arms"] = select_arms(tables["studies"], tables["responses"], tables["therapies"], policy)
    found["pooled"] = pool_arms(found["arms"], policy, line)
    return found | therapy_results(tables | found, standard, policy, line)
