"""What guidance suggests for a clinical scenario beside what the tables of the review show, with its caveats."""

from __future__ import annotations

from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, SILENT, humanise
from small_evidence.review import Analysis, Review
from small_evidence.tables.parts import (
    POOLED,
    RESPONSE,
    STUDIES_NOTE,
    abbreviations,
    disease_cell,
    level_cell,
    level_note,
    model_notes,
    pooled_cell,
    pooled_column,
    response_cell,
    response_column,
    subject_column,
)
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import NOTE_NR, NOTHING, cell, counted, ids_in, joined, word

NO_EVIDENCE = "no evidence in these tables"
OWN = "In the scenario's diseases"


def scenario_table(review: Review) -> Table:
    """Evidence by clinical scenario: each suggested treatment with the evidence in its diseases, then in all.

    A suggestion without an eligible study says so; what is suggested is the source's, nothing is suggested here.
    """
    marks, scenarios = Marks(), review["scenarios"].to_dict("records")
    titles: dict[str, str] = {}
    for row in scenarios:
        label = row["scenario_label"]
        titles.setdefault(row["scenario"], humanise(row["scenario"]) if label in SILENT else cell(label))
    # One heading a scenario, also where its rows are not beside each other.
    place = {slug: at for at, slug in enumerate(titles)}
    rows = []
    for row in sorted(scenarios, key=lambda row: place[row["scenario"]]):
        source = "" if row["source"] in SILENT else marks.mark(f"Suggested by: {cell(row['source'])}")
        label = review.labels.therapy.get(row["therapy"]) or humanise(row["therapy"])
        rows.append(
            {
                "Scenario": titles[row["scenario"]],
                "Treatment": label + source,
                "Suggested": word("scenarios.role", row["role"]),
                "Rationale of the source": cell(row["rationale"]),
                **_evidence(row["therapy"], ids_in(row["diseases"]), review, marks),
            }
        )
    columns = (
        subject_column(review, 18),
        Column("Suggested", 9),
        Column("Rationale of the source", 30),
        Column(OWN, 30),
        Column("Level", 6, over="All diseases"),
        Column("Studies", 15, over="All diseases"),
        _over_all(response_column(review)),
        _over_all(pooled_column(review)),
    )
    frame = pd.DataFrame(rows, columns=["Scenario", *(column.name for column in columns)])
    used = {disease for row in scenarios for disease in ids_in(row["diseases"])}
    notes = [*_notes(frame, review), *marks.footnotes(), *abbreviations(used, review["diseases"]), NOTE_NR]
    return Table(
        "scenarios", "", "Evidence by clinical scenario", frame, columns, group="Scenario", footnotes=tuple(notes),
        about=tuple({"therapy": row["therapy"]} for row in sorted(scenarios, key=lambda row: place[row["scenario"]])),
    )  # fmt: skip


def caveat_table(review: Review) -> Table:
    """Caveats that guidance prints beside its suggestions."""
    rows = [{name.capitalize(): cell(row[name]) for name in ("topic", "caveat", "source")} for row in _caveats(review)]
    columns = (Column("Topic", 18), Column("Caveat", 70), Column("Source", 34))
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table("caveats", "", "Caveats of the guidance", frame, columns, footnotes=(NOTE_NR,), landscape=False)


def _caveats(review: Review) -> list[dict[Any, Any]]:
    return review["caveats"].to_dict("records")


def _evidence(therapy: str, diseases: list[str], review: Review, marks: Marks) -> dict[str, Any]:
    """Cells of the evidence on a treatment: in the diseases of the scenario, and in all diseases."""
    analysis = review.analysis_of("therapy", therapy)
    if analysis is None:
        return dict.fromkeys((OWN, "Level", RESPONSE, POOLED), NOTHING) | {"Studies": NO_EVIDENCE}
    short = review.labels.disease_short
    own = []
    for disease in diseases:
        found = review.analysis_of("therapy", therapy, disease)
        # commas within a disease, since semicolons separate the diseases
        words = disease_cell(found, review, marks).replace("; ", ", ") if found else "no study"
        own.append(f"{short.get(disease, cell(disease))}: {words}")
    return {
        OWN: joined(own) if diseases not in ([], [ALL]) else "not limited to a disease",
        "Level": level_cell(analysis.level, marks),
        "Studies": _studies(analysis),
        RESPONSE: response_cell(analysis, review),
        POOLED: pooled_cell(analysis, review, marks),
    }


def _studies(analysis: Analysis) -> str:
    """'2 included; 1 without counts', only what there is."""
    result = analysis.result
    sizes = (("k", "included"), ("k_left_out", "not included"), ("k_awaiting", "without counts"))
    return "; ".join(f"{int(result[name])} {role}" for name, role in sizes if result[name])


def _over_all(column: Column) -> Column:
    return Column(column.name, column.width, column.align, over="All diseases", heading=column.heading)


def _notes(frame: pd.DataFrame, review: Review) -> list[str]:
    notes = []
    if len(frame):
        without = int((frame["Studies"] == NO_EVIDENCE).sum())
        of = f"Of {counted(len(frame), 'suggestion')}, {without or 'none'}"
        notes.append(f"{of} {'has' if without <= 1 else 'have'} {NO_EVIDENCE}.")
    notes += [
        "What is suggested, and why, is taken from the source; nothing is recommended here.",
        f"{OWN}: patients with these diseases, whatever else the scenario says of them. All diseases: all patients "
        f"with the {review.subject.singular}.",
        STUDIES_NOTE,
        *model_notes(review),
        *level_note(review),
    ]
    if len(review["caveats"]):
        notes.append(f"Caveats of the guidance: {joined(_sentences(review), ' ')}")
    return notes


def _sentences(review: Review) -> list[str]:
    return [f"{cell(row['topic'])}: {cell(row['caveat'])}" for row in _caveats(review)]
