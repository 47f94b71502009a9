"""Included studies, their arms and counts as the CSV files that RevMan imports, in one archive.

The files and what a row of each is are those of Cochrane's page on templates for data extraction
(documentation.cochrane.org/revman-kb/data-extraction-templates-260702375.html). That page gives no column names. Those
of study information (Study, Char: ...) are the ones that public programs read from the data packages of Cochrane
reviews, those of study arms and study results the ones that a public program, ebm_backend, writes for RevMan. Nothing
was imported into RevMan itself. Judgements of risk of bias are left out: the words that RevMan expects in their columns
are not published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import SILENT
from small_evidence.release.archive import save_archive
from small_evidence.review import Review, csv_bytes
from small_evidence.synthesis.analyses import over_all
from small_evidence.wording import ids_in, labels_of, word

STUDY_INFORMATION = ("Study", "Char: Participants", "Char: Notes")
STUDY_ARMS = ("Study", "Arm", "Description", "Intervention")
STUDY_RESULTS = (
    "Study", "Outcome", "Data type", "Effect measure", "Arm", "Reference arm", "Sample size", "Cases", "Mean",
    "SD", "SE", "Variance", "CI level", "CI start", "CI end", "Exp mean", "Exp CI start", "Exp CI end", "t-test",
    "z-test", "P value", "Covariance method", "Covariance", "Other arm 1", "Other arm 2", "Correlation arm 1",
    "Correlation arm 2", "Correlation", "Other mean", "Other SE", "Other variance", "Other CI level",
    "Other CI start", "Other CI end", "Other exp mean", "Other exp CI start", "Other exp CI end", "Other t-test",
    "Other z-test", "Other P value", "Footnotes",
)  # fmt: skip
DICHOTOMOUS = "Dichotomous"
# Reasons for which an arm is in no analysis here although its counts are its own: size and role, not doubt
EXPORTED = ("", "small_arm", "comparator")


def save_revman(review: Review, path: str | Path) -> None:
    """Write the archive; the same review gives the same bytes."""
    members = {f"{name}.csv": csv_bytes(frame) for name, frame in revman_tables(review).items()}
    save_archive(members, path)


def revman_tables(review: Review) -> dict[str, pd.DataFrame]:
    """Study information, arms and results of the included studies.

    Parameters
    ----------
    review : Review with results

    Returns
    -------
    dict of file stem to DataFrame: study-information (a row a study), study-arms (a row an arm), study-results (a row
    an arm with its counts). Arms are those of the analyses over all diseases, and those left out for a reason of
    EXPORTED; arms without counts, and those whose counts are doubtful or the same patients', are not among them.
    """
    included = review["studies"][review["studies"]["status"] == "included"]
    names = _unique_names(included)
    arms = over_all(review["arms"])
    has_counts = arms["n"].notna() & arms["responders"].notna()
    counted = arms[has_counts & arms["reason"].isin(EXPORTED) & arms["study_id"].isin(list(names))]
    responses = review["responses"].set_index("response_id")
    information = [_study(study, names, review) for study in included.to_dict("records")]
    rows = [_arm(arm, names, responses, review) for arm in counted.to_dict("records")]
    return {
        "study-information": _frame(information, STUDY_INFORMATION),
        "study-arms": _frame(rows, STUDY_ARMS),
        "study-results": _frame(rows, STUDY_RESULTS),
    }


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype(object).fillna("")


def _unique_names(studies: pd.DataFrame) -> dict[str, str]:
    """Name of each study, by which RevMan joins the files: its label, with the slug where two are the same."""
    labels = labels_of(studies, "study_id")
    taken = Counter(labels.values())
    return {slug: label if taken[label] == 1 else f"{label} ({slug})" for slug, label in labels.items()}


def _study(study: Mapping[Any, str], names: Mapping[str, str], review: Review) -> dict[str, Any]:
    slug = study["study_id"]
    patients = "" if study["n_patients"] in SILENT else f"{study['n_patients']} patients"
    known = {name: study[name] for name in ("design", "doi", "pmid") if study[name] not in SILENT}
    notes = [
        *([f"Design: {word('design', known['design'])}"] if "design" in known else []),
        *([f"doi:{known['doi']}"] if "doi" in known else []),
        *([f"PMID {known['pmid']}"] if "pmid" in known else []),
        *(["Report retracted"] if slug in review.retracted else []),
    ]
    return {"Study": names[slug], "Char: Participants": patients, "Char: Notes": "; ".join(notes)}


def _arm(arm: Mapping[Any, Any], names: Mapping[str, str], responses: pd.DataFrame, review: Review) -> dict[str, Any]:
    """A row of an arm and of its result; the columns of both."""
    therapy = review.labels.therapy[arm["therapy"]]
    rows = responses.loc[ids_in(arm["response_ids"])]
    return {
        "Study": names[arm["study_id"]],
        "Arm": f"{therapy}, {arm['arm']}" if arm["arm"] else therapy,
        "Description": _given(rows["dose"]),
        "Intervention": therapy,
        "Outcome": review.outcome(arm["outcome"]).label,
        "Data type": DICHOTOMOUS,
        "Sample size": int(arm["n"]),
        "Cases": int(arm["responders"]),
        "Footnotes": _given(rows["response_definition"]),
    }


def _given(cells: pd.Series) -> str:
    """What is reported, each once; "" for nothing."""
    return "; ".join(dict.fromkeys(cell for cell in cells if cell not in SILENT))
