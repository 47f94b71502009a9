"""The summary of findings of single-arm evidence: what was found, how certain it is, and what limits that.

The certainty that the rules propose and the one that the authors confirmed are shown apart (`tables.certainty`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.appraisal.certainty import Q_P, SMALL_ARM, WIDE
from small_evidence.pooling.prediction import NEXT_PATIENTS
from small_evidence.review import Analysis, Review
from small_evidence.tables.certainty import Rating, ratings
from small_evidence.tables.parts import (
    POOLED,
    RESPONSE,
    level_note,
    mean_cell,
    model_notes,
    outcome_label,
    pooled_cell,
    pooled_column,
    response_cell,
    response_column,
    subject_column,
    tau2_words,
    treatments,
)
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    counted,
    coverage,
    ids_in,
    interval,
    joined,
    level_text,
    missing,
    next_patients,
    number_or_nr,
    p_value,
    per_cent,
    rounded,
    word,
)

# A note is written of fewer studies than this, a choice of this project; the other limits are those of the proposal.
FEW_STUDIES = 5

# Names of columns
MEAN, PREDICTION, NEXT, ABOVE = "Mean study", "Prediction", "Next patients", "Further study above"
TAU2, LIMITS = "tau²", "What limits certainty"
PROPOSED, CONFIRMED = "Proposed", "Confirmed"


def findings_table(review: Review) -> Table:
    """Summary of findings: a row a treatment with counts that are included in an analysis, over all diseases."""
    marks, rated = Marks(), ratings(review)
    rows: list[dict[str, Any]] = []
    emphasised: list[int] = []
    without: list[str] = []
    members_with_counts: dict[str, int] = {}
    for treatment in treatments(review):
        analysis = review.analysis_of(treatment.scope, treatment.slug)
        if analysis is None:
            continue
        whole = treatment.scope == "class"
        if not analysis.result["k"]:
            without += [] if whole else [treatment.label]
            continue
        # a class of which only one member has counts would say the same once more
        if whole and members_with_counts.get(treatment.group, 0) < 2:
            continue
        if whole:
            emphasised.append(len(rows))
        else:
            members_with_counts[treatment.group] = members_with_counts.get(treatment.group, 0) + 1
        row = _row(analysis, review, marks) | _certainty(rated[analysis.name])
        rows.append({"Class": treatment.group, "Treatment": treatment.label} | row)
    columns = _columns(review)
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = [*_notes(review), *marks.footnotes()]
    if without:
        notes.append(f"No counts that could be analysed: {'; '.join(without)}. Table IV shows what is missing.")
    notes.append(NOTE_NR)
    title = "Summary of findings, single-arm evidence" + (f": {review.condition}" if review.condition else "")
    return Table(
        "findings", "", title, frame, columns, group="Class", emphasised=tuple(emphasised), footnotes=tuple(notes),
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _row(analysis: Analysis, review: Review, marks: Marks) -> dict[str, Any]:
    """Cells of an analysis with counts."""
    result = analysis.result
    outcomes = dict.fromkeys(outcome for ids in analysis.entered["outcome"] for outcome in ids_in(ids))
    return {
        "about": {"analysis": analysis.name},
        "Outcome": joined(outcome_label(outcome, review) for outcome in outcomes),
        "Studies": int(result["k"]),
        "Patients": number_or_nr(result["n"]),
        RESPONSE: response_cell(analysis, review),
        POOLED: pooled_cell(analysis, review, marks),
        MEAN: mean_cell(result, marks) if analysis.pooled else NOTHING,
        PREDICTION: interval(result["pi_lb"], result["pi_ub"]) if analysis.pooled else NOTHING,
        NEXT: next_patients(result),
        ABOVE: NOTHING if missing(result["further_above"]) else rounded(result["further_above"], 2),
        TAU2: tau2_words(result) if analysis.pooled else NOTHING,
        "Level": level_text(analysis.level.get("level")),
        LIMITS: joined([*certainty_notes(analysis, review.comparison_group), *level_notes(analysis.level)]),
    }


def _certainty(rating: Rating) -> dict[str, str]:
    return {PROPOSED: rating.proposed, CONFIRMED: rating.confirmed}


def _columns(review: Review) -> tuple[Column, ...]:
    conf = coverage(review.conf_level)
    return (
        subject_column(review),
        Column("Outcome", 14),
        Column("Studies", 7, "center"),
        Column("Patients", 8, "center", thousands=True),
        response_column(review),
        pooled_column(review),
        Column(MEAN, 10, heading=f"Mean study, % [{conf} CI]"),
        Column(PREDICTION, 11, heading=f"{conf} prediction interval, %"),
        Column(NEXT, 9, "center", heading=f"Of {NEXT_PATIENTS} further {word('unit', review.policy['unit'])} [{conf}]"),
        Column(ABOVE, 9, "right", heading=f"P(further study above {review.response_threshold * 100:g}%)"),
        Column(TAU2, 9, heading=f"tau² [{conf} CI]"),
        Column("Level", 6),
        Column(PROPOSED, 8, over="Certainty"),
        Column(CONFIRMED, 9, over="Certainty"),
        Column(LIMITS, 38),
    )


def _notes(review: Review) -> list[str]:
    return [
        f"Single-arm evidence: the share of {word('unit', review.policy['unit'])} who {review.response.event_plural}. "
        f"Without a comparison it shows no effect of the {review.subject.singular}. Studies and patients are those "
        "included in the analysis.",
        *model_notes(review),
        "Median study: the proportion of a study in the middle of the distribution of studies; mean study: the average "
        "over that distribution. They differ where studies differ.",
        "Prediction interval: the proportion expected in a further study. Further patients: "
        f"{review.response.noun_plural} expected among {NEXT_PATIENTS} in a further study. Above "
        f"{review.response_threshold * 100:g}%: the probability that the proportion in a further study is above it. "
        "Predictions are of the binomial-normal model, from three studies on. tau²: variance between studies, logit "
        "scale.",
        "Certainty (GRADE): proposed by rules from the numbers, and confirmed by the authors, who may say otherwise; "
        "the table of certainty has the grounds. What limits certainty is read from the numbers. Few "
        f"studies: fewer than {FEW_STUDIES}. Small arms: half of them or more have fewer than {SMALL_ARM} patients. "
        f"Wide interval: it spans more than {WIDE * 100:.0f} percentage points. Studies differ: heterogeneity test "
        f"P < {Q_P:.2f}.",
        *level_note(review),
    ]


def certainty_notes(analysis: Analysis, comparison_group: Mapping[str, str]) -> list[str]:
    """What in the numbers of an analysis limits how far its result can be relied on.

    Parameters
    ----------
    analysis : with at least one arm that is included
    comparison_group : by study_id, of the review
    """
    result, arms, pooled = analysis.result, analysis.entered, analysis.pooled
    k, notes = int(result["k"]), []
    if k < FEW_STUDIES:
        notes.append("1 study only" if k == 1 else f"few studies ({k})")
    sizes = sorted(arms["n"])
    if sizes[(len(sizes) - 1) // 2] < SMALL_ARM:
        span = f"{sizes[0]:.0f}" if sizes[0] == sizes[-1] else f"{sizes[0]:.0f} to {sizes[-1]:.0f}"
        notes.append(f"small {'arm' if len(sizes) == 1 else 'arms'} ({span} patients)")
    _, lower, upper = analysis.estimate
    if upper - lower > WIDE:
        notes.append(f"wide interval ({(upper - lower) * 100:.0f} percentage points)")
    if pooled and not missing(result["q_p"]) and result["q_p"] < Q_P:
        p = p_value(result["q_p"])
        notes.append(f"studies differ (P {p if p[0] == '<' else f'= {p}'})")
    if pooled and not missing(result["pi_lb"]) and result["pi_ub"] - result["pi_lb"] > WIDE:
        low, high = per_cent(result["pi_lb"]), per_cent(result["pi_ub"])
        notes.append(f"a further study may find anything from {low}% to {high}%")
    elif k > 1 and not pooled:
        notes.append("difference between studies not estimated")
    elif pooled and missing(result["pi_lb"]):
        notes.append("difference between studies cannot be estimated")
    read = arms["evidence_basis"].map(ids_in)
    secondary = arms.loc[read.map(lambda bases: "secondary" in bases), "study_id"].nunique()
    if secondary:
        notes.append(f"{'' if secondary == k else f'{secondary} of {k} '}known from a secondary source only")
    abstracts = arms.loc[read.map(lambda bases: bases == ["abstract"]), "study_id"].nunique()
    if abstracts:
        notes.append(f"{'' if abstracts == k else f'{abstracts} of {k} '}read as an abstract only")
    groups = set(arms["study_id"].map(comparison_group))
    if "yes" not in groups:
        notes.append("no comparison group" if groups == {"no"} else "no comparison group reported")
    if result["k_awaiting"]:
        notes.append(f"counts of {counted(int(result['k_awaiting']), 'further study', 'further studies')} missing")
    return notes


def level_notes(level: Mapping[str, Any]) -> list[str]:
    """A level of which no study is in the number beside it says nothing about that number."""
    if level.get("level_in_number") != "no":
        return []
    k = counted(int(level[f"k_{level['level']}"]), "study", "studies")
    return [f"level {level['level']} is based on {k} not included in this number"]
