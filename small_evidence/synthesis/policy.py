"""Which study arms enter which analysis, and why the others do not: nothing else decides whether counts are used.

An arm is a group of patients of one study under one therapy. No rule here looks at how many of them responded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from small_evidence.extraction.overlap import chosen, cohorts
from small_evidence.extraction.schema import ALL, SILENT, numbers
from small_evidence.names import analysis_id, combined_classes
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.review import Review

SMALL_ARM = "small_arm"  # fewer patients than the policy asks for
# Why an arm is not in an analysis, beside the codes of `pool_reason_code` that an extractor gives; "" where it is.
REASONS = (
    "comparator",  # placebo or no treatment
    "other_outcome",  # not one of the outcomes that count as one response
    "other_unit",  # detail: the unit
    "other_time_point",
    "complete_not_reported",  # where only complete responses count
    "counts_missing",
    "counts_unverified",
    "secondary_source",  # where the review leaves such counts out
    "unverified",  # where only counts that a second person has verified are used
    "same_patients",  # detail: the study or therapy under which they are counted
    "maybe_same_patients",  # the same, where the tables do not say
    SMALL_ARM,
)

ARMS = [
    "analysis", "scope", "therapy", "disease", "study_id", "arm", "entered", "reason", "detail", "responders", "n",
    "n_treated", "ci_lb", "ci_ub", "arm_disease", "arm_therapy", "outcome", "evidence_basis", "year", "response_ids",
    "source",
]  # fmt: skip


def counted_column(policy: Mapping[str, Any]) -> str:
    """The column of responses that is counted as responders under the section `synthesis` of the config."""
    return "n_complete" if policy["response"] == "complete" else "responders"


def select_arms(review: Review) -> pd.DataFrame:
    """Study arms of every analysis: those that enter and those that do not, with the reason.

    Analyses are each therapy and each class of two or more therapies, over all diseases and by disease. Within one
    analysis a patient is counted once: rows of one arm for different diseases are summed; of arms or reports of the
    same patients the one chosen in the table overlaps is kept, or else the largest.

    Returns
    -------
    DataFrame with the columns ARMS; reason is "" or a code of REASONS or `pool_reason_code`, detail a slug or the
    extractor's own words; responders and n are counts (NaN where missing), ci_lb and ci_ub the exact interval of an arm
    that entered. A study without counts has its row too.
    """
    rows = candidate_rows(review)
    rows = pd.concat([rows.assign(scope="therapy", group=rows["therapy"]), _class_rows(rows, review)])
    by_disease = rows[~rows["disease"].isin((*SILENT, ALL))]
    rows = pd.concat([rows.assign(analysed=ALL), by_disease.assign(analysed=by_disease["disease"])])
    if rows.empty:
        return pd.DataFrame(columns=ARMS)
    keys = zip(rows["scope"], rows["group"], rows["analysed"], strict=True)
    rows["analysis"] = [analysis_id(*key) for key in keys]
    arms = _summed_over_diseases(rows)
    for place, reason, detail in _counted_elsewhere(arms, review):
        arms.loc[place, ["reason", "detail"]] = reason, detail
    arms = with_least_size(arms, review.policy["min_arm_size"])
    counts = arms[["responders", "n"]].where(arms["entered"] == "yes", 0.0).to_numpy(float)
    arms["ci_lb"], arms["ci_ub"] = proportion_interval(counts[:, 0], counts[:, 1], conf_level=review.conf_level)
    return arms[ARMS].reset_index(drop=True)


def with_least_size(arms: pd.DataFrame, size: int) -> pd.DataFrame:
    """The arms with another least number of patients: those that nothing else keeps out enter from this size on."""
    free = arms["reason"].isin(("", SMALL_ARM))
    reason = arms["reason"].mask(free, np.where(arms["n"] < size, SMALL_ARM, ""))
    return arms.assign(reason=reason, entered=np.where(reason == "", "yes", "no"))


def candidate_rows(review: Review, *, comparators: bool = False) -> pd.DataFrame:
    """Rows of primary outcomes of studies that are not excluded; `reason` is what keeps a row out by itself.

    Parameters
    ----------
    comparators : whether placebo and no treatment count like a therapy
    """
    policy, responses = review.policy, review["responses"]
    facts = review["studies"].set_index("study_id")
    status = responses["study_id"].map(facts["status"])
    rows = responses[
        (responses["primary_outcome"] == "yes")
        & ~responses["therapy"].isin(SILENT)
        & status.isin(["included", "awaiting"])
    ].copy()
    rows["responders"] = numbers(rows[counted_column(policy)])
    for column in ("n", "n_treated", "time_point_months"):
        rows[column] = numbers(rows[column])
    rows["year"] = numbers(rows["study_id"].map(facts["year"]))
    kind = rows["therapy"].map(review["therapies"].set_index("therapy")["kind"])
    missing = rows["n"].isna() | rows["responders"].isna() | (rows["n"] == 0)
    by_choice = rows["pool"] != "yes"
    rules: list[tuple[pd.Series, Any]] = [
        ((kind == "none") & (not comparators), "comparator"),
        (~rows["outcome"].isin(review.response_outcomes), "other_outcome"),
        (rows["unit"] != policy["unit"], "other_unit"),
        (by_choice, rows["pool_reason_code"].where(~rows["pool_reason_code"].isin(SILENT), "other")),
        (missing & (policy["response"] == "complete"), "complete_not_reported"),
        (missing, "counts_missing"),
        (rows["study_id"].map(facts["status"]) == "awaiting", "counts_unverified"),
        ((rows["evidence_basis"] == "secondary") & (policy["secondary_sources"] == "exclude"), "secondary_source"),
        (rows["verified_by"].isin(SILENT) & policy["verified_only"], "unverified"),
    ]
    rows["reason"] = np.select([rule for rule, _ in rules], [code for _, code in rules], default="")
    words = rows["pool_reason"].where(~rows["pool_reason"].isin(SILENT), "")
    rows["detail"] = words.where(by_choice, "").where(rows["reason"] != "other_unit", rows["unit"])
    rows.loc[_other_time_points(rows, policy["time_point"]), "reason"] = "other_time_point"
    return rows


def _other_time_points(rows: pd.DataFrame, which: str | float) -> np.ndarray:
    """Rows of an arm and outcome at another time than the one that is used; a time that is not reported comes last."""
    free = rows[rows["reason"] == ""]
    time = free["time_point_months"]
    order = {"first": time, "last": -time}.get(str(which))
    if order is None:
        order = (time - float(which)).abs()
    keys = ["study_id", "arm", "therapy", "disease", "outcome"]
    ranked = free.assign(order=order).sort_values("order", kind="stable", na_position="last")
    return rows.index.isin(ranked.index[ranked.duplicated(keys) & ranked["time_point_months"].notna()])


def _class_rows(rows: pd.DataFrame, review: Review) -> pd.DataFrame:
    """The same rows once more under their class, for classes that are combined."""
    class_of = review["therapies"].set_index("therapy")["therapy_class"]
    group = rows["therapy"].map(class_of)
    members: dict[Any, set[str]] = rows["therapy"].groupby(group).agg(set).to_dict()
    chosen_rows = group.isin(combined_classes(members, review.policy["classes_not_combined"]))
    return rows[chosen_rows].assign(scope="class", group=group[chosen_rows])


def _summed_over_diseases(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an arm: its rows for different diseases summed; a row that is kept out stays a row of its own."""
    # of rows that are summed, those that do not say how many were treated count the evaluated patients
    rows = rows.assign(
        part=np.where(rows["reason"] != "", rows["response_id"], ""),
        treated=rows["n_treated"].fillna(rows["n"]),
        known=rows["n_treated"].notna(),
    )
    keys = ["analysis", "scope", "group", "analysed", "study_id", "arm", "therapy", "part"]
    groups = rows.groupby(keys, sort=False)
    arms = groups.agg(
        reason=("reason", "first"), detail=("detail", "first"), known=("known", "any"), year=("year", "first")
    )
    arms[["responders", "n", "n_treated"]] = groups[["responders", "n", "treated"]].sum(min_count=1)
    joined = {"disease": ";", "outcome": ";", "evidence_basis": ";", "response_id": ";", "source": "; "}
    for column, between in joined.items():
        arms[column] = _each_once(rows[column], groups.ngroup(), between)
    arms = arms.rename(columns={"disease": "arm_disease", "response_id": "response_ids"}).reset_index()
    arms["n_treated"] = arms["n_treated"].where(arms["known"])
    return arms.rename(columns={"therapy": "arm_therapy", "group": "therapy", "analysed": "disease"})


def _each_once(cells: Iterable[str], groups: Iterable[int], between: str) -> list[str]:
    """The different cells of each group in their order, joined; pandas would make a column of each group."""
    parts: dict[int, dict[str, None]] = defaultdict(dict)
    for group, cell in zip(groups, cells, strict=True):
        parts[group][cell] = None
    return [between.join(parts[group]) for group in sorted(parts)]


def _counted_elsewhere(arms: pd.DataFrame, review: Review) -> Iterator[tuple[int, str, str]]:
    """Arms whose patients another arm of the same analysis counts: place, reason, and under which study or therapy.

    Where people chose a report and it has an arm in the analysis, that report is kept, otherwise the one with the
    largest arm; within a study the largest arm.
    """
    cohort = cohorts(review["studies"], review["overlaps"])
    aside = chosen(review["overlaps"])
    separate = review.controlled
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    free: Iterable[Any] = arms[arms["reason"] == ""].itertuples()
    for arm in free:
        groups[arm.analysis, cohort[arm.study_id]].append(arm)
    for group in groups.values():
        if len(group) == 1:
            continue
        there = {arm.study_id for arm in group}
        group.sort(key=lambda arm: (bool(there & set(aside.get(arm.study_id, ()))), -arm.n))
        kept: list[Any] = []
        for arm in group:
            if kept and arm.study_id != kept[0].study_id:
                yield arm.Index, "same_patients", kept[0].study_id
                continue
            found = ((_shared(arm, other, arm.study_id in separate), other) for other in kept)
            shared: tuple[str, Any] = next(((reason, other) for reason, other in found if reason), ("", None))
            reason, other = shared
            if reason:
                yield arm.Index, reason, other.arm_therapy
            else:
                kept.append(arm)


def _shared(arm: Any, other: Any, separate: bool) -> str:
    """Whether two arms of one study are the same patients: "same_patients", "maybe_same_patients", or "" if not."""
    if arm.arm and other.arm:
        return "same_patients" if arm.arm == other.arm else ""
    return "" if separate else "maybe_same_patients"
