"""Which tables, results and analyses a review has and what they are called.

No pandas here: the Snakefile asks at every start which figures there will be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

SCHEMA_VERSION = (
    2  # of the columns and choices of a review; `small-evidence migrate` brings a review of an earlier one here
)

# Extraction tables, in the order of forms and checks
EXTRACTED = (
    "studies", "responses", "adverse_events", "therapies", "diseases", "published_review", "published_claims",
    "screening", "records", "scenarios", "caveats", "outcomes", "certainty", "risk_of_bias", "overlaps", "adjudication",
)  # fmt: skip
# What the synthesis makes of them, in the order in which one needs the other: results/tables/<name>.csv
RESULT_TABLES = (
    "study_levels", "appraisal", "arms", "pooled", "pooled_events", "comparisons", "trace", "overlap_candidates",
    "sensitivity", "heterogeneity", "certainty_ratings", "therapy_levels", "level_sensitivity",
    "reconciliation", "contradictions", "awaiting",
)  # fmt: skip
# What the check finds beside the tables, in results/tables too
FOUND = ("extraction_issues", "retracted")
ALL = "all"  # the disease of an analysis over all of them
SILENT_CLASSES = ("", "NR", "UNCLEAR")


def analysis_id(scope: str, therapy: str, disease: str = ALL) -> str:
    """Name of an analysis; slugs hold no hyphen, so the parts cannot run into each other.

    >>> analysis_id("therapy", "drug_a"), analysis_id("class", "class_a", "adults")
    ('drug_a', 'class-class_a-adults')
    """
    parts = ["class"] * (scope == "class") + [therapy] + [disease] * (disease != ALL)
    return "-".join(parts)


def combined_classes(members: Mapping[str, Collection[str]], not_combined: Iterable[str] = ()) -> list[str]:
    """Classes that are analysed as a whole: those of two or more therapies that the review does not keep apart.

    >>> combined_classes({"class_a": {"drug_a", "drug_b"}, "class_b": {"drug_c"}, "NR": {"drug_d", "drug_e"}})
    ['class_a']
    """
    apart = {*not_combined, *SILENT_CLASSES}
    return [name for name, therapies in members.items() if len(therapies) >= 2 and name not in apart]


def forest_names(
    responses: Iterable[Mapping[Any, str]], therapies: Iterable[Mapping[Any, str]], not_combined: Iterable[str] = ()
) -> list[str]:
    """Analyses with a forest plot: therapies with a row offered for pooling, and combined classes of these.

    Parameters
    ----------
    responses, therapies : rows of the tables with at least therapy and pool, therapy and therapy_class
    """
    offered = {row["therapy"] for row in responses if row["pool"] == "yes"}
    members: dict[str, set[str]] = {}
    for row in therapies:
        if row["therapy"] in offered:
            members.setdefault(row["therapy_class"], set()).add(row["therapy"])
    single = sorted({therapy for group in members.values() for therapy in group})
    return [*single, *sorted(analysis_id("class", name) for name in combined_classes(members, not_combined))]
