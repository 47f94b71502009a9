"""Levels of evidence with the rules that gave them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.synthesis.analyses import ALL
from small_evidence.tables.parts import level_note, scheme_of, therapy_order
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    all_of,
    cell,
    class_label,
    counted,
    joined,
    labels_of,
    level_text,
    missing,
    scheme_name,
    with_labels,
)


def level_table(
    therapy_levels: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    studies: pd.DataFrame,
    schemes: Mapping,
    class_labels: Mapping[str, str] | None = None,
    level_sensitivity: pd.DataFrame | None = None,
) -> Table:
    """Levels of evidence by treatment and disease with the rule that gave each.

    Parameters
    ----------
    therapy_levels : DataFrame of `grading.grade_therapies`
    therapies, diseases, studies : extraction tables
    schemes : mapping; the file of the level schemes
    class_labels : mapping from the slug of a class to its label
    level_sensitivity : DataFrame of `grading.level_sensitivity`; adds the levels under the other schemes
    """
    class_labels = class_labels or {}
    scheme = scheme_of(therapy_levels, schemes)
    others = [name for name in schemes["schemes"] if name != scheme]
    elsewhere = {}
    if level_sensitivity is not None:
        for line in level_sensitivity.to_dict("records"):
            key = (line["scope"], line["therapy"], line["disease"])
            elsewhere[key] = joined(f"{scheme_name(name)}: {level_text(line[name])}" for name in others)
    order = schemes["schemes"][scheme]["order"]
    therapy_labels, study_labels = labels_of(therapies, "therapy"), labels_of(studies, "study_id")
    disease_labels = {ALL: "All diseases"} | labels_of(diseases, "disease")
    rows, emphasised = [], []
    ranked = [ALL, *diseases["disease"]]
    by_group = dict(list(therapy_levels.groupby(["scope", "therapy"], sort=False)))

    def add(group, label, levels):
        place = levels["disease"].map({slug: rank for rank, slug in enumerate(ranked)})
        for line in levels.assign(place=place).sort_values("place").to_dict("records"):
            at_level = []
            for level in order:
                k = int(line[f"k_{level}"])
                if k:
                    having = f"{counted(k, 'study', 'studies')}, {int(line[f'counts_{level}'])} with counts"
                    at_level.append(f"{level}: {having}, {counted(int(line[f'patients_{level}']), 'patient')}")
            agreement = cell(line["agreement"])
            if not missing(line["agreement_note"]):
                agreement += f": {with_labels(cell(line['agreement_note']), study_labels)}"
            rows.append(
                {
                    "Class": group,
                    "Treatment": label,
                    "Disease": disease_labels.get(line["disease"], line["disease"]),
                    "Level": level_text(line["level"]),
                    "How it was reached": with_labels(cell(line["rule"]), study_labels),
                    "Studies and patients by level": joined(at_level),
                    "Under other schemes": elsewhere.get((line["scope"], line["therapy"], line["disease"]), NOTHING),
                    "Direction": cell(line["direction"]),
                    "Best level and the rest": agreement,
                }
            )

    for therapy_class, members in therapy_order(therapies):
        group = class_label(therapy_class, class_labels)
        for therapy in members:
            if ("therapy", therapy) in by_group:
                add(group, therapy_labels[therapy], by_group["therapy", therapy])
        if ("class", therapy_class) in by_group:
            first = len(rows)
            add(group, all_of(group), by_group["class", therapy_class])
            emphasised += range(first, len(rows))
    columns = (
        Column("Treatment", 20),
        Column("Disease", 18),
        Column("Level", 7),
        Column("How it was reached", 36),
        Column("Studies and patients by level", 26),
        Column("Under other schemes", 20),
        Column("Direction", 8),
        Column("Best level and the rest", 26),
    )
    if level_sensitivity is None:
        columns = tuple(column for column in columns if column.name != "Under other schemes")
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = [
        "A treatment has the best level among its studies that are not excluded, with or without counts.",
        *level_note(schemes, scheme),
        *(
            [f"Other schemes: {joined(schemes['schemes'][name]['title'] for name in others)}."]
            if level_sensitivity is not None
            else []
        ),
        "Best level and the rest: whether the summed counts at the best level lie on the same side of the reference "
        "line as those at the other levels.",
        NOTE_NR,
    ]
    return Table(
        "levels", "", "Level of evidence by treatment and disease", frame, columns, group="Class",
        emphasised=tuple(emphasised), footnotes=tuple(notes),
    )  # fmt: skip
