"""Levels of evidence with the studies that gave them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL
from small_evidence.reasons import agreement_words, therapy_level_words
from small_evidence.review import Review
from small_evidence.tables.parts import level_cell, level_note, subject_column, treatments
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    cell,
    counted,
    joined,
    level_text,
    scheme_name,
)


def level_table(review: Review) -> Table:
    """Levels of evidence by treatment and disease: the studies of the best level, the other levels, other schemes."""
    schemes = review.standards.levels["schemes"]
    others = [name for name in schemes if name != review.scheme_name]
    elsewhere = {
        (line["scope"], line["therapy"], line["disease"]): joined(
            f"{scheme_name(name)}: {level_text(line[name])}" for name in others
        )
        for line in review["level_sensitivity"].to_dict("records")
    }
    marks = Marks()
    rows: list[dict[str, Any]] = []
    emphasised: list[int] = []
    for treatment in treatments(review):
        for disease in (ALL, *review.diseases):
            level = review.level_of(treatment.scope, treatment.slug, disease)
            if not level:
                continue
            if treatment.scope == "class":
                emphasised.append(len(rows))
            rows.append(
                {
                    "about": {
                        "therapy": treatment.slug,
                        "class": treatment.therapy_class,
                        "diseases": "" if disease == ALL else disease,
                        "levels": level_text(level["level"]),
                    },
                    "Class": treatment.group,
                    "Treatment": treatment.label,
                    "Disease": "All diseases" if disease == ALL else review.labels.disease[disease],
                    "Level": level_cell(level, marks),
                    "Studies of this level": therapy_level_words(level, review),
                    "Studies and patients by level": joined(_at_levels(level, review)),
                    "Under other schemes": elsewhere.get((treatment.scope, treatment.slug, disease), NOTHING),
                    "Direction": cell(level["direction"]),
                    "Best and lower levels": agreement_words(level, review),
                }
            )
    columns = (
        subject_column(review, 20),
        Column("Disease", 18),
        Column("Level", 7),
        Column("Studies of this level", 36),
        Column("Studies and patients by level", 26),
        Column("Under other schemes", 20),
        Column("Direction", 8),
        Column("Best and lower levels", 26),
    )
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = [
        f"The level of each {review.subject.singular} is the best level among its studies that are not excluded, with "
        "or without counts.",
        *level_note(review),
        f"Other schemes: {joined(schemes[name]['title'] for name in others)}.",
        "Best and lower levels: whether the summed counts at the best level lie on the same side of the threshold "
        "as those at the other levels.",
        *marks.footnotes(),
        NOTE_NR,
    ]
    return Table(
        "levels", "", f"Level of evidence by {review.subject.singular} and disease", frame, columns, group="Class",
        emphasised=tuple(emphasised), footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _at_levels(level: Mapping[str, Any], review: Review) -> list[str]:
    """Studies, those with counts, and patients at each level that has any."""
    return [
        f"{one}: {counted(int(level[f'k_{one}']), 'study', 'studies')}, {int(level[f'counts_{one}'])} with counts, "
        f"{counted(int(level[f'patients_{one}']), 'patient')}"
        for one in review.scheme["order"]
        if level[f"k_{one}"]
    ]
