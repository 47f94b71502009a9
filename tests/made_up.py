"""A small made-up review: each row names only what differs from the usual."""

import pandas as pd

from small_evidence.config import complete_config
from small_evidence.extraction.schema import columns
from small_evidence.review import Review
from tests.policy import POLICY

STUDY = {
    "design": "case_series", "controlled": "no", "n_patients": "NR", "status": "included", "year": "2001",
    "published_review": "yes", "doi": "NR", "pmid": "NR", "title": "A title", "journal": "A journal",
}  # fmt: skip
RESPONSE = {
    "therapy": "drug", "disease": "ssc", "outcome": "clinical_response", "primary_outcome": "yes", "unit": "patient",
    "n": "NR", "responders": "NR", "n_complete": "NR", "n_partial": "NR", "pool": "yes", "evidence_basis": "abstract",
    "source": "doi:10.1/own",
}  # fmt: skip
DISEASES = {"ssc": "Systemic sclerosis", "dm": "Dermatomyositis"}


def frame(table, rows):
    """Rows as a checked table: every column of the schema, empty where a row does not name it."""
    return pd.DataFrame(rows, columns=columns(table), dtype="str").fillna("")


def review(studies, responses, classes=None, kinds=None, **policy):
    """A review: studies by name, responses as (study, cells), classes and kinds of the therapies by name, choices."""
    classes = classes or {"drug": "group_one"}
    kinds = {"placebo": "none"} | (kinds or {})
    tables = {
        "studies": frame(
            "studies", [{"study_id": name, "label": name.title()} | STUDY | facts for name, facts in studies.items()]
        ),
        "responses": frame(
            "responses",
            [
                {"study_id": study, "response_id": f"{study}_{at}"} | RESPONSE | facts
                for at, (study, facts) in enumerate(responses)
            ],
        ),
        "therapies": frame(
            "therapies",
            [
                {"therapy": name, "label": name.title(), "therapy_class": group, "kind": kinds.get(name, "drug")}
                for name, group in classes.items()
            ],
        ),
        "diseases": frame("diseases", [{"disease": slug, "label": label} for slug, label in DISEASES.items()]),
    }
    return Review(tables, complete_config({"synthesis": POLICY | policy}))
