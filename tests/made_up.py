"""A small made-up review: each row names only what differs from the usual."""

import pandas as pd

STUDY = {
    "design": "case_series", "controlled": "no", "n_patients": "NR", "cohort_id": "", "status": "included",
    "status_reason": "", "level_override": "", "level_override_reason": "", "year": "2001", "published_review": "yes",
    "doi": "NR", "pmid": "NR", "title": "A title", "journal": "A journal", "notes": "",
}  # fmt: skip
RESPONSE = {
    "therapy": "drug", "disease": "ssc", "outcome": "clinical_response", "primary_outcome": "yes", "unit": "patient",
    "n": "NR", "responders": "NR", "n_complete": "NR", "n_partial": "NR", "pool": "yes", "pool_reason": "",
    "evidence_basis": "abstract", "source": "doi:10.1/own", "notes": "",
}  # fmt: skip


def review(studies, responses, classes=None):
    """Tables of a review: studies by name, responses as (study, cells), classes of the therapies by name."""
    classes = classes or {"drug": "group_one"}
    return {
        "studies": pd.DataFrame(
            [{"study_id": name, "label": name.title()} | STUDY | facts for name, facts in studies.items()],
            columns=["study_id", "label", *STUDY],
        ),
        "responses": pd.DataFrame(
            [
                {"study_id": study, "response_id": f"{study}_{at}"} | RESPONSE | facts
                for at, (study, facts) in enumerate(responses)
            ],
            columns=["study_id", "response_id", *RESPONSE],
        ),
        "therapies": pd.DataFrame(
            [{"therapy": name, "label": name.title(), "therapy_class": group} for name, group in classes.items()]
        ),
        "diseases": pd.DataFrame({"disease": ["ssc", "dm"], "label": ["Systemic sclerosis", "Dermatomyositis"]}),
    }
