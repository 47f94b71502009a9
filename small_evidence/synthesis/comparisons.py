"""Therapies compared within studies: two groups of different patients of one study, over all diseases.

A study compares two therapies where it is randomised or has a comparison group, or where its rows name their arms. Arms
of any size are compared: the intervals allow for small ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from small_evidence.extraction.overlap import chosen, cohorts
from small_evidence.pooling.comparisons import COMPARISON, MEASURES, compare_many, methods_of
from small_evidence.review import Review
from small_evidence.synthesis.policy import candidate_rows

# Why two arms are not compared: "" where they are, else this or the reason of `policy` that keeps one of them out
COUNTS_MISSING = "counts_missing"
PAIR = ["therapy", "comparator"]
COUNTED = [*PAIR, "study_id", "reason", "x1", "n1", "x2", "n2"]  # a row a pair and study
COMPARISONS = [*PAIR, "reason", *COMPARISON, "studies", "level"]


class _Side(NamedTuple):
    """The patients of a study under one therapy."""

    therapy: str
    arms: frozenset[str]  # their names, none where they have no name
    outcomes: frozenset[str]
    x: float
    n: float
    reason: str  # "" where the counts are used


def compare_arms(review: Review) -> pd.DataFrame:
    """Compare therapies with each other, and with placebo or no treatment, within studies.

    Returns
    -------
    DataFrame with the columns COMPARISONS: a row a pair of therapies and measure (OR, RR, RD; of therapy against
    comparator) as `pooling.comparisons.compare` gives it, with the studies and the best level of evidence among them.
    Where several studies compare, rows of the other methods follow that of the default method of the measure.
    Studies that compare, but not with usable counts of both arms, have a row a pair and reason, without a measure and
    with k = 0; comparator is "" where the tables have one arm only. A patient is counted once: of several reports of
    the same patients the one that people chose, else the largest.
    """
    places = {therapy: place for place, therapy in enumerate(_in_order(review))}
    pairs = pd.DataFrame(_pairs(review, places), columns=COUNTED)
    usable = _each_patient_once(pairs[pairs["reason"] == ""], review)
    named = usable.groupby(PAIR)["study_id"].agg(";".join).rename("studies")
    several = usable[usable.groupby(PAIR)["study_id"].transform("size") > 1]
    parts = [
        compare_many(several if number else usable, PAIR, measure, method, review.conf_level)
        for measure in MEASURES
        for number, method in enumerate(methods_of(measure))
    ]
    compared = pd.concat(parts, ignore_index=True).merge(named, on=PAIR).assign(reason="")
    unused = pairs[pairs["reason"] != ""].groupby([*PAIR, "reason"], sort=False, as_index=False)
    missing = unused.agg(studies=("study_id", ";".join)).assign(measure="", method="", interval="", status="", k=0)
    table = pd.concat([compared, missing], ignore_index=True)
    table["level"] = [_best_level(review, studies.split(";")) for studies in table["studies"]]
    order = [table[column].map(places).fillna(-1) for column in PAIR] + [table["reason"] != ""]
    table = table.assign(a=order[0], b=order[1], c=order[2]).sort_values(["a", "b", "c"], kind="stable")
    return table[COMPARISONS].reset_index(drop=True)


def compared_studies(review: Review, therapy: str, comparator: str) -> pd.DataFrame:
    """Studies that `compare_arms` compares these two in, with the columns COUNTED; x1 of n1 are those under therapy."""
    places = {therapy: place for place, therapy in enumerate(_in_order(review))}
    pairs = pd.DataFrame(_pairs(review, places), columns=COUNTED)
    own = (pairs["therapy"] == therapy) & (pairs["comparator"] == comparator) & (pairs["reason"] == "")
    return _each_patient_once(pairs[own], review)[COUNTED].reset_index(drop=True)


def _in_order(review: Review) -> list[str]:
    """Therapies as they are printed, those that are compared with others after them, placebo and no treatment last."""
    therapies, responses = review["therapies"], review["responses"]
    nothing = set(therapies.loc[therapies["kind"] == "none", "therapy"])
    comparators = set(responses.loc[responses["role"] == "comparator", "therapy"])
    printed = [therapy for _, members in review.classes for therapy in members]
    return sorted(printed, key=lambda therapy: (therapy in nothing, therapy in comparators))


def _pairs(review: Review, places: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    """Every two therapies that a study compares, with the counts of both or the reason why they are not used."""
    therapies = review["therapies"]
    nothing = set(therapies.loc[therapies["kind"] == "none", "therapy"])
    separate = review.controlled
    rows = candidate_rows(review, comparators=True)
    # without a comparison group only arms that are named are known to be different patients
    rows = rows[rows["study_id"].isin(separate) | (rows["arm"] != "")]
    for study, own in rows.groupby("study_id", sort=False):
        sides = [_side(str(therapy), group) for therapy, group in own.groupby("therapy")]
        sides.sort(key=lambda side: places[side.therapy])
        if len(sides) == 1 and study in separate and sides[0].therapy not in nothing:
            yield sides[0].therapy, "", study, COUNTS_MISSING, *[float("nan")] * 4
        for one, other in combinations(sides, 2):
            if {one.therapy, other.therapy} <= nothing or one.arms & other.arms or one.outcomes != other.outcomes:
                continue
            reasons = {one.reason, other.reason} - {""}
            reason = COUNTS_MISSING if COUNTS_MISSING in reasons else min(reasons, default="")
            yield one.therapy, other.therapy, study, reason, one.x, one.n, other.x, other.n


def _side(therapy: str, rows: pd.DataFrame) -> _Side:
    """Sum of the arms of a study under one therapy; where none has usable counts, the reason of the first."""
    used = rows[rows["reason"] == ""]
    shown = used if len(used) else rows
    return _Side(
        therapy,
        frozenset(shown["arm"]) - {""},
        frozenset(shown["outcome"]),
        used["responders"].sum(),
        used["n"].sum(),
        "" if len(used) else rows["reason"].iloc[0],
    )


def _each_patient_once(pairs: pd.DataFrame, review: Review) -> pd.DataFrame:
    """One study a pair and cohort: the report that people chose, else the largest."""
    cohort, aside = cohorts(review["studies"], review["overlaps"]), chosen(review["overlaps"])
    pairs = pairs.assign(cohort=pairs["study_id"].map(cohort), size=-(pairs["n1"] + pairs["n2"]))
    there = pairs.groupby([*PAIR, "cohort"])["study_id"].transform(";".join).astype("str").str.split(";")
    pairs["aside"] = [
        bool(set(others) & set(aside.get(study, ()))) for study, others in zip(pairs["study_id"], there, strict=True)
    ]
    ranked = pairs.sort_values(["aside", "size"], kind="stable")
    return pairs.loc[ranked.index[~ranked.duplicated([*PAIR, "cohort"])].sort_values()]


def _best_level(review: Review, studies: list[str]) -> str:
    levels = set(review["study_levels"].set_index("study_id")["level"].reindex(studies))
    return next((level for level in review.scheme["order"] if level in levels), "")
