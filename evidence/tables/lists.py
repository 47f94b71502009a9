"""The lists beside the paper: published claims beside these tables, and studies whose counts are missing."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evidence.tables.parts import level_note
from evidence.tables.table import Column, Table
from evidence.wording import NOTE_NR, cell, counted, joined, level_text, missing, number_or_nr, whole_or_text


def reconciliation_table(reconciliation: pd.DataFrame) -> Table:
    """Published claims beside what these tables give.

    Parameters
    ----------
    reconciliation : DataFrame of `reconciliation.reconcile_claims`
    """
    columns = (
        Column("About", 24),
        Column("What", 18),
        Column("Published", 20),
        Column("These tables", 26),
        Column("Verdict", 10),
        Column("Why", 52),
    )
    rows = [
        {
            "Publication": cell(claim.review),
            "About": cell(claim.about),
            "What": cell(claim.measure),
            "Published": cell(claim.claimed),
            "These tables": cell(claim.ours),
            "Verdict": cell(claim.verdict),
            "Why": cell(claim.why),
        }
        for claim in reconciliation.itertuples()
    ]
    frame = pd.DataFrame(rows, columns=["Publication", *(column.name for column in columns)])
    # One heading a publication, also where its claims are not beside each other.
    first = {review: place for place, review in reversed(list(enumerate(frame["Publication"])))}
    frame = frame.sort_values("Publication", key=lambda reviews: reviews.map(first), kind="stable", ignore_index=True)
    sizes = frame["Verdict"].value_counts()
    notes = [
        f"Of {counted(len(frame), 'claim')}: "
        + "; ".join(f"{sizes[verdict]} {verdict}" for verdict in sizes.index)
        + "."
    ] * bool(len(frame))
    notes += [
        "Cannot be told: the claim rests on studies whose counts are not in hand, on another outcome, or is a "
        "judgement. That is neither agreement nor disagreement.",
        NOTE_NR,
    ]
    return Table(
        "reconciliation", "", "Published claims beside these tables", frame, columns,
        group="Publication", footnotes=tuple(notes), listed=True,
    )  # fmt: skip


def awaiting_table(awaiting: pd.DataFrame, schemes: Mapping, scheme: str) -> Table:
    """The reviewer's work list: studies whose counts are missing, most useful first.

    Parameters
    ----------
    awaiting : DataFrame of `reconciliation.awaiting_list`
    schemes : mapping; the file of the level schemes
    scheme : str; the scheme used
    """
    columns = (
        Column("No.", 5, "center"),
        Column("Study", 20),
        Column("Year", 6, "center"),
        Column("Level", 8),
        Column("Treatments", 20),
        Column("Diseases", 18),
        Column("Patients", 8, "center"),
        Column("What is missing", 34),
        Column("Where it may be had", 28),
        Column("What it would add", 34),
    )
    rows = [
        {
            "No.": number_or_nr(study.priority),
            "Study": cell(study.label),
            "Year": whole_or_text(study.year),
            "Level": level_text(study.level),
            "Treatments": cell(study.therapies),
            "Diseases": cell(study.diseases),
            "Patients": whole_or_text(study.n),
            "What is missing": joined(cell(text) for text in (study.missing, study.reason) if not missing(text)),
            "Where it may be had": cell(study.where),
            "What it would add": cell(study.adds),
        }
        for study in awaiting.itertuples()
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    allows = int((awaiting["would_allow_pooling"] == "yes").sum())
    notes = [
        f"{counted(len(frame), 'study', 'studies')}, most useful first; {allows} of them would make an analysis "
        "large enough to pool. Then those of the earlier review, then by level and by number of patients.",
        *level_note(schemes, scheme),
        NOTE_NR,
    ]
    return Table(
        "awaiting", "", "Studies whose counts are missing", frame, columns, footnotes=tuple(notes),
        listed=True,
    )  # fmt: skip
