"""From a number back to what was read: every analysis followed to its response rows and their sources."""

from __future__ import annotations

import pandas as pd

from small_evidence.extraction.schema import numbers

FROM_ARM = ["analysis", "scope", "therapy", "disease", "study_id", "entered", "reason"]
FROM_ROW = ["outcome", "unit", "evidence_basis", "confidence", "source", "location", "paraphrase"]
COLUMNS = [*FROM_ARM, "response_id", "row_therapy", "row_disease", "responders", "n", *FROM_ROW]


def counted_column(policy: dict) -> str:
    """The column of responses that is counted as responders under the section `synthesis` of the config."""
    return "n_complete" if policy["response"] == "complete" else "responders"


def trace_rows(arms: pd.DataFrame, responses: pd.DataFrame, policy: dict) -> pd.DataFrame:
    """The response rows behind every arm of every analysis.

    Parameters
    ----------
    arms : DataFrame from `synthesis.select_arms`
    responses : DataFrame; the checked table responses (text cells)
    policy : dict; the section `synthesis` of the config; says which column is counted as responders

    Returns
    -------
    DataFrame, a row an analysis, study arm and response row: what the arm is and whether it entered (COLUMNS up to
    reason), the row by its response_id, its responders and n as counted (NaN where not in hand), and what was read:
    outcome, unit, evidence_basis, confidence, source, location, paraphrase. Within an analysis the counts of the rows
    that entered add up to events and n of `pooled`.
    """
    rows = responses.rename(columns={"therapy": "row_therapy", "disease": "row_disease"})
    rows = rows.assign(responders=numbers(responses[counted_column(policy)]), n=numbers(responses["n"]))
    parts = arms[FROM_ARM].assign(response_id=arms["response_ids"].str.split(";")).explode("response_id")
    found = rows[["response_id", "row_therapy", "row_disease", "responders", "n", *FROM_ROW]]
    return parts.merge(found, on="response_id", how="left", validate="many_to_one")[COLUMNS]
