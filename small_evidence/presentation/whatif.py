"""What a reader's own selection of studies and choices is computed from: counts and rules, for the page of the report.

The page selects arms and pools them by the rules of `synthesis.policy` and by the default model of `pooling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.overlap import chosen, cohorts
from small_evidence.extraction.schema import SILENT, numbers
from small_evidence.names import combined_classes
from small_evidence.pooling.methods import METHODS
from small_evidence.reasons import arm_reason
from small_evidence.review import Review
from small_evidence.synthesis.policy import candidate_rows
from small_evidence.wording import ids_in, interval_label, method_label, missing, word

PAGE_METHOD = "glmm"  # what the script of the page computes, with the default interval
FIXED = ("comparator", "other_outcome", "other_unit")  # reasons that no choice of a reader changes


def whatif_data(review: Review) -> dict[str, Any]:
    """Rows, studies and choices of a review as plain data, for JSON.

    Returns
    -------
    dict with choices (those of the review), rows (as `policy.candidate_rows`; reason is what keeps a row out whatever
    the reader chooses, words the same for people), studies and labels by slug, and groups: the
    therapies of each analysis over all diseases by its place on the page ("therapy-drug_a"); no groups where the
    review pools by another model than the page has, and unable says so
    """
    policy = review.policy
    unable = _unable(review)
    rows = candidate_rows(review.with_policy(response="any", secondary_sources="include", verified_only=False))
    aside = chosen(review["overlaps"])
    cohort = cohorts(review["studies"], review["overlaps"])
    separate = review.controlled
    years = numbers(review["studies"].set_index("study_id")["year"])
    status = review["studies"].set_index("study_id")["status"]
    rows = rows.assign(complete=numbers(rows["n_complete"]), status=rows["study_id"].map(status))
    used = dict.fromkeys(rows["study_id"])
    return {
        "choices": {
            "response": policy["response"],
            "secondary": policy["secondary_sources"],
            "leastArm": policy["min_arm_size"],
            "leastStudies": policy["min_studies"],
            "timePoint": policy["time_point"],
            "verifiedOnly": bool(policy["verified_only"]),
            "threshold": review.response_threshold,
            "level": review.conf_level,
        },
        "unit": word("unit", policy["unit"]),
        "rows": [_row(row, review) for row in rows.to_dict("records")],
        "studies": {
            study: {
                "label": review.labels.study[study],
                "year": _number(years[study]),
                "cohort": cohort[study],
                "aside": list(aside.get(study, ())),
                "separate": study in separate,
            }
            for study in used
        },
        "therapies": dict(review.labels.therapy),
        "diseases": dict(review.labels.disease_short),
        "groups": {} if unable else _groups(review, rows),
        "unable": unable,
    }


def _unable(review: Review) -> str:
    """Why a reader cannot untick studies in the page; "" where that is offered."""
    method, interval = review.policy["method"], review.policy["interval"]
    if interval == "default":
        interval = METHODS[method].default_interval
    own = METHODS[PAGE_METHOD].default_interval
    if (method, interval) == (PAGE_METHOD, own):
        return ""
    return (
        f"Studies cannot be unticked in this page: the review pools by {method_label(method)}, interval: "
        f"{interval_label(interval)}; the page itself computes only {method_label(PAGE_METHOD)}, interval: "
        f"{interval_label(own)}. Results without each study and with other choices are listed under Other analyses."
    )


def _groups(review: Review, rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Label and therapies of the analyses over all diseases that have counts."""
    counted = set(rows.loc[rows["responders"].notna() & (rows["n"] > 0), "therapy"])
    found = set(rows["therapy"])
    there = {name: [slug for slug in slugs if slug in found] for name, slugs in review.classes}
    combined = combined_classes(there, review.policy["classes_not_combined"])
    single = {("therapy", slug): [slug] for slugs in there.values() for slug in slugs}
    joint = {("class", name): there[name] for name in combined}
    return {
        f"{scope}-{slug}": {"label": review.labels.of(scope, slug), "therapies": therapies}
        for (scope, slug), therapies in (single | joint).items()
        if counted & set(therapies)
    }


def _row(row: Mapping[Any, Any], review: Review) -> dict[str, Any]:
    fixed = row["reason"] in FIXED or row["pool"] != "yes"
    return {
        "id": row["response_id"],
        "study": row["study_id"],
        "arm": row["arm"],
        "therapy": row["therapy"],
        "disease": row["disease"],
        "outcome": row["outcome"],
        "responders": _number(row["responders"]),
        "complete": _number(row["complete"]),
        "n": _number(row["n"]),
        "months": _number(row["time_point_months"]),
        "awaiting": row["status"] == "awaiting",
        "secondary": "secondary" in ids_in(row["evidence_basis"]),
        "unverified": row["verified_by"] in SILENT,
        "reason": row["reason"] if fixed else "",
        "words": arm_reason(row, review) if fixed else "",
    }


def _number(value: float) -> float | int | None:
    if missing(value):
        return None
    return int(value) if float(value).is_integer() else float(value)
