"""Adverse events by treatment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import numbers
from small_evidence.review import Review
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTE_NR, NOTHING, cell, counted, fraction, joined, missing, word

NO_STATEMENT = "no statement found"


def adverse_event_table(review: Review) -> Table:
    """Adverse events by treatment; a stated zero, silence and an unclear statement are kept apart.

    Every treatment with an eligible study has at least one row; studies without any statement are named, since
    silence is not zero.
    """
    studies, responses, adverse_events = review["studies"], review["responses"], review["adverse_events"]
    study_labels = review.labels.study
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    reported = adverse_events[adverse_events["study_id"].isin(active)]
    reported = reported.assign(x=numbers(reported["n_patients"]), n=numbers(reported["n_at_risk"]))
    used = responses[responses["study_id"].isin(active)]
    rows: list[dict[str, Any]] = []
    for therapy in (member for _, members in review.classes for member in members):
        statements = reported[reported["therapy"] == therapy]
        users = dict.fromkeys(used.loc[used["therapy"] == therapy, "study_id"])
        title = review.labels.therapy[therapy]
        events: Iterable[Any] = statements.itertuples()
        for event in events:
            rows.append(
                {
                    "about": {"therapy": therapy, "study": event.study_id, "source": cell(event.source)},
                    "Treatment": title,
                    "Study": study_labels.get(event.study_id, event.study_id),
                    "Adverse event": cell(event.term),
                    "Patients (%)": "NR" if missing(event.x) and missing(event.n) else fraction(event.x, event.n),
                    "Serious": cell(event.serious),
                    "Statement": word("reporting", event.reporting),
                    "Note": cell(event.notes),
                }
            )
        silent = [study for study in users if study not in set(statements["study_id"])]
        if silent:
            some = bool(len(statements))
            rows.append(
                {
                    "about": {"therapy": therapy, "study": ";".join(silent), "source": NOTHING},
                    "Treatment": title,
                    "Study": joined(study_labels[study] for study in silent),
                    "Adverse event": NO_STATEMENT,
                    "Patients (%)": "NR",
                    "Serious": "NR",
                    "Statement": NO_STATEMENT,
                    "Note": f"the other studies of this {review.subject.singular}" if some else NOTHING,
                }
            )
    columns = (
        Column("Study", 27),
        Column("Adverse event", 25),
        Column("Patients (%)", 14, "right"),
        Column("Serious", 8),
        Column("Statement", 15),
        Column("Note", 34),
    )
    frame = pd.DataFrame(rows, columns=["Treatment", *(column.name for column in columns)])
    left = adverse_events[~adverse_events["study_id"].isin(active)]
    notes = [
        "Silence is not zero: a study counts as free of an event only where it says so. No statement found: nothing "
        "about harm is visible in the text that was read.",
        "Patients (%): patients with the event of those at risk. An entry may be a withdrawal; terms are those of the "
        "studies.",
    ]
    if len(left):
        notes.append(f"Not shown: {counted(len(left), 'statement')} of excluded studies.")
    notes.append(NOTE_NR)
    return Table(
        "adverse_events", "", f"Adverse events by {review.subject.singular}", frame, columns, group="Treatment",
        footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip
