"""A policy of synthesis (the section of that name in a review's config), for tests to take or to change a key of."""

POLICY = {
    "method": "glmm",
    "interval": "profile",
    "priors": {"b_sd": 2.5, "tau_scale": 1.0},
    "level": 0.95,
    "least_studies": 3,
    "least_arm": 3,
    "response": "any",
    "unit": "patient",
    "secondary_sources": "include",
    "classes_not_combined": ["combination", "physical_treatment"],
}
