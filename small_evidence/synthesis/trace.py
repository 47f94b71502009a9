"""From a number back to what was read: every analysis followed to its response rows and their sources."""

from __future__ import annotations

import pandas as pd

from small_evidence.extraction.schema import numbers
from small_evidence.review import Review
from small_evidence.synthesis.policy import counted_column

FROM_ARM = ["analysis", "scope", "therapy", "disease", "study_id", "arm", "entered", "reason", "detail"]
FROM_ROW = [
    "outcome", "unit", "evidence_basis", "confidence", "extracted_by", "verified_by", "source", "location",
    "paraphrase",
]  # fmt: skip
COLUMNS = [*FROM_ARM, "response_id", "row_therapy", "row_disease", "responders", "n", *FROM_ROW]


def trace_rows(review: Review, arms: pd.DataFrame) -> pd.DataFrame:
    """The response rows behind every arm of every analysis.

    Parameters
    ----------
    arms : DataFrame from `policy.select_arms`

    Returns
    -------
    DataFrame, a row an analysis, study arm and response row: what the arm is and whether it entered (COLUMNS up to
    detail), the row by its response_id, its responders and n as counted (NaN where missing), and what was read. Within
    an analysis the counts of the rows that entered add up to events and n of `pooled`.
    """
    responses = review["responses"]
    rows = responses.rename(columns={"therapy": "row_therapy", "disease": "row_disease"})
    rows = rows.assign(responders=numbers(responses[counted_column(review.policy)]), n=numbers(responses["n"]))
    parts = arms[FROM_ARM].assign(response_id=arms["response_ids"].str.split(";")).explode("response_id")
    found = rows[["response_id", "row_therapy", "row_disease", "responders", "n", *FROM_ROW]]
    return parts.merge(found, on="response_id", how="left", validate="many_to_one")[COLUMNS]
