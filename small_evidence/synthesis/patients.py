"""How many patients the studies of an analysis have: the one count of patients that tables and figures print."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from small_evidence.extraction.schema import SILENT, numbers
from small_evidence.review import Review
from small_evidence.wording import ids_in


def treated(review: Review, diseases: Collection[str] | None = None) -> pd.Series:
    """Patients of all studies of an analysis whose number is known, those without counts too; a cohort once.

    Parameters
    ----------
    diseases : those of the rows that are counted; all if None

    Returns
    -------
    Series of float by analysis; NaN where no study reports its number

    Notes
    -----
    Of several time points the largest number counts. Within a study the arms that are included together are different
    patients and are summed; of the others it is not known, so that the largest one counts if it is larger.
    """
    arms, facts = review["arms"], review["responses"].set_index("response_id")
    rows = arms.assign(response_id=arms["response_ids"].map(ids_in)).explode("response_id")
    rows = rows.assign(
        unit=rows["response_id"].map(facts["unit"]),
        row_disease=rows["response_id"].map(facts["disease"]),
        size=rows["response_id"].map(numbers(facts["n"])),
        group=rows["arm"].where(~rows["arm"].isin(SILENT), rows["arm_therapy"]),
        cohort=rows["study_id"].map(_cohorts(review["studies"])),
    )
    rows = rows[rows["unit"] == review.policy["unit"]]
    if diseases is not None:
        rows = rows[rows["row_disease"].isin(diseases)]
    group = ["analysis", "cohort", "study_id", "group"]
    by_disease = rows.groupby([*group, "row_disease"]).agg(size=("size", "max"), entered=("entered", "max"))
    groups = by_disease.groupby(group)
    by_group = pd.DataFrame({"size": groups["size"].sum(min_count=1), "entered": groups["entered"].max()})
    by_study = by_group.groupby(group[:3])["size"].max()
    together = by_group.loc[by_group["entered"] == "yes", "size"].groupby(group[:3]).sum(min_count=1)
    largest = pd.concat([by_study, together], axis=1).max(axis=1)
    total: pd.Series = largest.groupby(group[:2]).max().groupby("analysis").sum(min_count=1)
    return total


def _cohorts(studies: pd.DataFrame) -> pd.Series:
    """The cohort of each study, the study itself where none is named."""
    named = studies["cohort_id"].where(~studies["cohort_id"].isin(SILENT), studies["study_id"])
    return named.set_axis(studies["study_id"])
