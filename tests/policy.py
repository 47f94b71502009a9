"""A policy of synthesis (the section of that name in a review's config) for tests, and a review under it."""

from small_evidence.appraisal.levels import grade_studies, grade_therapies, level_sensitivity
from small_evidence.review import Review
from small_evidence.synthesis.analyses import pool_arms
from small_evidence.synthesis.policy import select_arms

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


def with_levels(review: Review, scheme: str | None = None) -> Review:
    """The review with arms, pools and levels, the latter under another scheme if one is named."""
    if scheme:
        review = Review(review.tables, {**review.config, "grading": {**review.config["grading"], "scheme": scheme}})
    arms = select_arms(review)
    review = review.with_results({"study_levels": grade_studies(review), "arms": arms})
    review = review.with_results({"pooled": pool_arms(review, arms)})
    return review.with_results(
        {"therapy_levels": grade_therapies(review), "level_sensitivity": level_sensitivity(review)}
    )
