"""What guidance suggests for a clinical scenario beside what the tables of the review show."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.schema import humanise
from small_evidence.synthesis.analyses import ALL
from small_evidence.tables.parts import (
    abbreviations,
    by_key,
    disease_cell,
    level_note,
    model_notes,
    pooled_value,
    scheme_of,
)
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    SILENT,
    cell,
    counted,
    fraction,
    interval,
    joined,
    labels_of,
    level_text,
    short_labels,
    word,
)

NO_EVIDENCE = "no evidence in these tables"


def scenario_table(
    scenarios: pd.DataFrame,
    pooled: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    schemes: Mapping,
    policy: Mapping,
) -> Table:
    """Evidence by clinical scenario: each suggested treatment with its level, studies, responders and pooled response.

    A suggestion without an eligible study says so; what is suggested is the source's, nothing is suggested here.

    Parameters
    ----------
    scenarios, therapies, diseases : extraction tables
    pooled : DataFrame of `synthesis.pool_arms`
    therapy_levels : DataFrame of `grading.grade_therapies`
    schemes : mapping; the file of the level schemes
    policy : mapping; the section `synthesis` of the config
    """
    key = ("scope", "therapy", "disease")
    lines, levels = by_key(pooled, key), by_key(therapy_levels, key)
    therapy_labels, short = labels_of(therapies, "therapy"), short_labels(diseases)
    marks, used, rows = Marks(), set(), []
    coverage = f"{policy['conf_level']:.0%}"
    response, result = f"Responders/n (%) [{coverage} CI]", f"Pooled % [{coverage} CI]"
    titles = {}
    for row in scenarios.itertuples():
        titles.setdefault(row.scenario, humanise(row.scenario) if row.scenario_label in SILENT else row.scenario_label)
    # One heading a scenario, also where its rows are not beside each other.
    place = {slug: at for at, slug in enumerate(titles)}
    for row in sorted(scenarios.itertuples(), key=lambda row: place[row.scenario]):
        source = "" if row.source in SILENT else marks.mark(f"Suggested by: {cell(row.source)}")
        values = {
            "Scenario": cell(titles[row.scenario]),
            "Treatment": therapy_labels.get(row.therapy, humanise(row.therapy)) + source,
            "Suggested": word("scenarios.role", row.role),
            "Why, as its source says": cell(row.rationale),
        }
        line = lines.get(("therapy", row.therapy, ALL))
        if line is None:
            nothing = dict.fromkeys((response, result, "By disease"), NOTHING)
            rows.append(values | {"Level": NOTHING, "Studies": NO_EVIDENCE} | nothing)
            continue
        here = [slug for slug in diseases["disease"] if ("therapy", row.therapy, slug) in lines]
        used.update(here)
        cells = [disease_cell(lines["therapy", row.therapy, slug], marks) for slug in here]
        # commas within a disease, since semicolons set the diseases apart
        told = [f"{short[slug]}: {words.replace('; ', ', ')}" for slug, words in zip(here, cells, strict=True)]
        level = levels.get(("therapy", row.therapy, ALL))
        crude = NOTHING
        if line["k"]:
            crude = f"{fraction(line['events'], line['n'])} {interval(line['crude_ci_lb'], line['crude_ci_ub'])}"
        rows.append(
            values
            | {
                "Level": level_text(level["level"]) if level else "not gradable",
                "Studies": _studies(line),
                response: crude,
                result: pooled_value(line, marks) if line["pooled"] == "yes" else f"not pooled: {line['reason']}",
                "By disease": joined(told),
            }
        )
    columns = (
        Column("Treatment", 18),
        Column("Suggested", 9),
        Column("Why, as its source says", 30),
        Column("Level", 6),
        Column("Studies", 15),
        Column(response, 15),
        Column(result, 16),
        Column("By disease", 30),
    )
    frame = pd.DataFrame(rows, columns=["Scenario", *(column.name for column in columns)])
    missing_rows = int((frame["Studies"] == NO_EVIDENCE).sum())
    notes = []
    if len(frame):
        have = "has" if missing_rows <= 1 else "have"
        of = f"Of {counted(len(frame), 'suggestion')}, {missing_rows or 'none'}"
        notes.append(f"{of} {have} {NO_EVIDENCE}.")
    notes += [
        "What is suggested, and why, is taken from the source as it stands; nothing is recommended here. The evidence "
        "is of all patients with the treatment, not only of those in the scenario.",
        "Studies: analysed, counts entered the analysis; left out, counts in hand but not entered (reasons in Table "
        "III); awaiting, eligible but the counts are not in hand.",
        *model_notes(pooled, policy),
        *level_note(schemes, scheme_of(therapy_levels, schemes)),
        *marks.footnotes(),
        *abbreviations(used, diseases),
        NOTE_NR,
    ]
    return Table(
        "scenarios", "", "Evidence by clinical scenario", frame, columns, group="Scenario", footnotes=tuple(notes),
    )  # fmt: skip


def _studies(line: Mapping) -> str:
    """'2 analysed; 1 awaiting', only what there is."""
    words = ((line["k"], "analysed"), (line["k_left_out"], "left out"), (line["k_awaiting"], "awaiting"))
    return "; ".join(f"{int(number)} {role}" for number, role in words if number)
