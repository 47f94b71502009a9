"""Adverse events by treatment."""

from __future__ import annotations

import pandas as pd

from small_evidence.extraction.schema import numbers
from small_evidence.tables.parts import therapy_order
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTE_NR, NOTHING, cell, count, counted, fraction, joined, labels_of, missing, word


def adverse_event_table(
    adverse_events: pd.DataFrame, studies: pd.DataFrame, responses: pd.DataFrame, therapies: pd.DataFrame
) -> Table:
    """Adverse events by treatment; a stated zero, silence and an unclear statement are kept apart.

    Every treatment with an eligible study has at least one row; studies without any statement are named, since
    silence is not zero.

    Parameters
    ----------
    adverse_events, studies, responses, therapies : extraction tables
    """
    study_labels, therapy_labels = labels_of(studies, "study_id"), labels_of(therapies, "therapy")
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    told = adverse_events[adverse_events["study_id"].isin(active)]
    told = told.assign(x=numbers(told["n_patients"]), n=numbers(told["n_at_risk"]))
    used = responses[responses["study_id"].isin(active)]
    rows = []
    for therapy in (member for _, members in therapy_order(therapies) for member in members):
        statements = told[told["therapy"] == therapy]
        users = dict.fromkeys(used.loc[used["therapy"] == therapy, "study_id"])
        title = therapy_labels[therapy]
        for event in statements.itertuples():
            rows.append(
                {
                    "about": {"therapy": therapy, "study": event.study_id, "source": cell(event.source)},
                    "Treatment": title,
                    "Study": study_labels.get(event.study_id, event.study_id),
                    "Adverse event": cell(event.term),
                    "Patients (%)": _events(event),
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
                    "Adverse event": "no statement found",
                    "Patients (%)": "NR",
                    "Serious": "NR",
                    "Statement": "no statement found",
                    "Note": "the other studies of this treatment" if some else NOTHING,
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
        "adverse_events", "", "Adverse events by treatment", frame, columns, group="Treatment",
        footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _events(event) -> str:
    if not missing(event.x) and not missing(event.n) and event.n:
        return fraction(event.x, event.n)
    if missing(event.x) and missing(event.n):
        return "NR"
    return f"{count(event.x)}/{count(event.n)}"
