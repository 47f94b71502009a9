"""The summary of findings of single-arm evidence: what was found, and what in the numbers limits trust in it.

The notes are read from the numbers by the rules below. They are no rating of certainty: nobody made one.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.schema import humanise
from small_evidence.synthesis.analyses import ALL, over_all
from small_evidence.tables.parts import (
    by_key,
    level_note,
    model_notes,
    pooled_value,
    scheme_of,
    therapy_order,
)
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    all_of,
    class_label,
    counted,
    fraction,
    ids_in,
    interval,
    joined,
    labels_of,
    level_text,
    missing,
    number_or_nr,
    p_value,
    per_cent,
)

# When a note is written. Choices of this project, printed with the table; none is a published cut-off.
FEW_STUDIES = 5  # fewer than this
SMALL_ARM = 10  # patients; half of the arms or more have fewer
WIDE = 0.50  # an interval that spans more of the scale than this
Q_P = 0.10  # a heterogeneity test below this


def findings_table(
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    schemes: Mapping,
    policy: Mapping,
    class_labels: Mapping[str, str] | None = None,
    condition: str = "",
) -> Table:
    """Summary of findings: a row a treatment with counts that entered an analysis, over all diseases.

    Parameters
    ----------
    pooled, arms : DataFrames of `synthesis.pool_arms` and `synthesis.select_arms`
    therapy_levels : DataFrame of `grading.grade_therapies`
    studies, responses, therapies : extraction tables
    schemes : mapping; the file of the level schemes
    policy : mapping; the section `synthesis` of the config
    class_labels : mapping from the slug of a class to its label
    condition : str; for the caption
    """
    class_labels = class_labels or {}
    therapy_labels = labels_of(therapies, "therapy")
    key = ("scope", "therapy", "disease")
    lines = by_key(pooled, key)
    levels = by_key(therapy_levels, key)
    entered = dict(list(arms[arms["entered"] == "yes"].groupby("analysis", sort=False)))
    outcomes = responses.set_index("response_id")["outcome"]
    controlled = set(studies.loc[studies["controlled"] == "yes", "study_id"])
    coverage = f"{policy['conf_level']:.0%}"
    response, result = f"Responders/n (%) [{coverage} CI]", f"Pooled % [{coverage} CI]"
    predicted = f"{coverage} prediction interval, %"
    single = over_all(pooled)
    analysed = set(single.loc[single["k"] > 0, "therapy"])
    marks = Marks()
    rows, emphasised, without = [], [], []

    def row_of(group, label, scope, therapy):
        line = lines[scope, therapy, ALL]
        own = entered[line["analysis"]]
        best = levels[scope, therapy, ALL]
        told = [response for ids in own["response_ids"] for response in ids_in(ids)]
        return {
            "about": {"analysis": line["analysis"]},
            "Class": group,
            "Treatment": label,
            "Outcome": joined(humanise(outcomes[response]).lower() for response in told if response in outcomes.index),
            "Studies": int(line["k"]),
            "Patients": number_or_nr(line["n"]),
            response: f"{fraction(line['events'], line['n'])} {interval(line['crude_ci_lb'], line['crude_ci_ub'])}",
            result: pooled_value(line, marks) if line["pooled"] == "yes" else f"not pooled: {line['reason']}",
            predicted: interval(line["pi_lb"], line["pi_ub"]) if line["pooled"] == "yes" else NOTHING,
            "Level": level_text(best["level"]),
            "What limits certainty": joined([*certainty_notes(line, own, controlled), *level_notes(best)]),
        }

    for therapy_class, members in therapy_order(therapies):
        group = class_label(therapy_class, class_labels)
        for therapy in members:
            if ("therapy", therapy, ALL) not in lines:
                continue
            if therapy in analysed:
                rows.append(row_of(group, therapy_labels[therapy], "therapy", therapy))
            else:
                without.append(therapy_labels[therapy])
        # a class of which only one member has counts would say the same once more
        counted_members = [member for member in members if member in analysed]
        if ("class", therapy_class, ALL) in lines and len(counted_members) > 1:
            emphasised.append(len(rows))
            rows.append(row_of(group, all_of(group), "class", therapy_class))
    columns = (
        Column("Treatment", 18),
        Column("Outcome", 16),
        Column("Studies", 7, "center"),
        Column("Patients", 8, "center"),
        Column(response, 15),
        Column(result, 16),
        Column(predicted, 11),
        Column("Level", 6),
        Column("What limits certainty", 46),
    )
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = [
        "Single-arm evidence: the share of treated patients who responded. Without a comparison it does not tell what "
        "would have happened untreated. Studies and patients are those that entered the analysis.",
        *model_notes(pooled, policy),
        "Prediction interval: where the response of a further study would lie.",
        "What limits certainty is read from the numbers and is no rating of certainty, since none was made. Few "
        f"studies: fewer than {FEW_STUDIES}. Small arms: half of them or more have fewer than {SMALL_ARM} patients. "
        f"Wide interval: it spans more than {WIDE * 100:.0f} percentage points. Studies differ: heterogeneity test "
        f"P < {Q_P:.2f}.",
        *level_note(schemes, scheme_of(therapy_levels, schemes)),
        *marks.footnotes(),
    ]
    if without:
        notes.append(f"No counts that could be analysed: {'; '.join(without)}. Table IV says what is awaited.")
    notes.append(NOTE_NR)
    title = "Summary of findings, single-arm evidence" + (f": {condition}" if condition else "")
    return Table(
        "findings", "", title, frame, columns, group="Class", emphasised=tuple(emphasised), footnotes=tuple(notes),
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def certainty_notes(line: Mapping, arms: pd.DataFrame, controlled: set[str]) -> list[str]:
    """What in the numbers of an analysis limits how far its result can be relied on.

    Parameters
    ----------
    line : mapping; the row of `pooled`
    arms : DataFrame; the arms that entered it, at least one
    controlled : set of study_id with a comparison group
    """
    k, notes = int(line["k"]), []
    if k < FEW_STUDIES:
        notes.append("1 study only" if k == 1 else f"few studies ({k})")
    sizes = sorted(arms["n"])
    if sizes[(k - 1) // 2] < SMALL_ARM:
        span = f"{sizes[0]:.0f}" if sizes[0] == sizes[-1] else f"{sizes[0]:.0f} to {sizes[-1]:.0f}"
        notes.append(f"small {'arm' if k == 1 else 'arms'} ({span} patients)")
    pooled = line["pooled"] == "yes"
    lower, upper = (line["ci_lb"], line["ci_ub"]) if pooled else (line["crude_ci_lb"], line["crude_ci_ub"])
    if upper - lower > WIDE:
        notes.append(f"wide interval ({(upper - lower) * 100:.0f} percentage points)")
    if pooled and not missing(line["q_p"]) and line["q_p"] < Q_P:
        p = p_value(line["q_p"])
        notes.append(f"studies differ (P {p if p.startswith('<') else f'= {p}'})")
    if pooled and not missing(line["pi_lb"]) and line["pi_ub"] - line["pi_lb"] > WIDE:
        low, high = per_cent(line["pi_lb"]), per_cent(line["pi_ub"])
        notes.append(f"a further study may find anything from {low}% to {high}%")
    elif k > 1 and not pooled:
        notes.append("difference between studies not estimated")
    elif pooled and missing(line["pi_lb"]):
        notes.append("difference between studies cannot be estimated")
    secondary = {row.study_id for row in arms.itertuples() if "secondary" in ids_in(row.evidence_basis)}
    if secondary:
        whole = "known" if len(secondary) == k else f"{len(secondary)} of {k} known"
        notes.append(f"{whole} from a secondary source only")
    abstracts = {row.study_id for row in arms.itertuples() if ids_in(row.evidence_basis) == ["abstract"]}
    if abstracts:
        whole = "read" if len(abstracts) == k else f"{len(abstracts)} of {k} read"
        notes.append(f"{whole} as an abstract only")
    if not controlled & set(arms["study_id"]):
        notes.append("no comparison group")
    if line["k_awaiting"]:
        notes.append(f"counts of {counted(int(line['k_awaiting']), 'further study', 'further studies')} awaited")
    return notes


def level_notes(levels: Mapping) -> list[str]:
    """A level that no study with usable counts has says nothing about the numbers beside it."""
    level = level_text(levels["level"])
    if levels.get(f"counts_{level}", 1):
        return []
    k = counted(int(levels[f"k_{level}"]), "study", "studies")
    return [f"level {level} rests on {k} whose counts did not enter"]
