"""Table I, the levels and their meaning, and Table II, the studies."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.schema import LABELS
from small_evidence.tables.parts import abbreviations, level_note, scheme_of
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    SILENT,
    cell,
    counted,
    joined,
    labels_of,
    level_text,
    missing,
    short_labels,
    whole_or_text,
    word,
)


def table_i(schemes: Mapping, scheme: str, study_levels: pd.DataFrame | None = None) -> Table:
    """Table I: the levels of evidence of a scheme and their meaning.

    Parameters
    ----------
    schemes : mapping; the file of the level schemes
    scheme : str; the scheme used
    study_levels : DataFrame of `grading.grade_studies`; adds how many studies of the review have each level
    """
    facts = schemes["schemes"][scheme]
    judged = set(facts.get("judgements", ()))
    rows = []
    for level in facts["order"]:
        designs = [
            word("design", design) + ("*" if design in judged else "")
            for design, given in facts["designs"].items()
            if given == level and design in LABELS["design"]
        ]
        meaning = cell(facts["levels"][level]["meaning"])
        row = {"Level": level, "Meaning": meaning, "Designs graded so": joined(designs)}
        if study_levels is not None:
            row["Studies"] = int((study_levels["level"].map(level_text) == level).sum())
        rows.append(row)
    columns = [
        Column("Level", 8),
        Column("Meaning", 48),
        Column("Designs graded so", 52),
    ]
    notes = [f"Scheme: {facts['title']}. {cell(facts['citation'])}"]
    if facts["note"]:
        notes.append(cell(facts["note"]))
    if facts.get("confidence") in ("low", "medium"):
        notes.append(f"Certainty that these are the published definitions: {facts['confidence']}.")
    if any("*" in row["Designs graded so"] for row in rows):
        notes.append("* The scheme does not spell this design out; it was placed by judgement.")
    if study_levels is not None:
        columns.append(Column("Studies", 9, "center"))
        active = study_levels[study_levels["status"] != "excluded"]
        ungraded = int((active["gradable"] != "yes").sum())
        notes.append(
            "Studies: included ones and those awaiting counts; a level needs the design, not the counts."
            + (f" {counted(ungraded, 'study', 'studies')} could not be graded." if ungraded else "")
        )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table(
        "table_i", "Table I", "Levels of evidence and their meaning", frame, tuple(columns), footnotes=tuple(notes),
        landscape=False,
    )  # fmt: skip


def table_ii(
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    study_levels: pd.DataFrame,
    schemes: Mapping,
    condition: str = "the condition",
    follows: str = "",
) -> Table:
    """Table II: characteristics of the studies; included, awaiting counts, and excluded with the reason.

    Parameters
    ----------
    studies, responses, therapies, diseases : extraction tables
    study_levels : DataFrame of `grading.grade_studies`
    schemes : mapping; the file of the level schemes
    condition : str; what the patients counted have
    follows : str; the earlier review that `published_review` refers to ("" = none, then no such column)
    """
    therapy_labels, short = labels_of(therapies, "therapy"), short_labels(diseases)
    own_rows = responses.groupby("study_id")["response_id"].agg(";".join)
    treatments = responses.groupby("study_id")["therapy"].unique()
    illnesses = responses.groupby("study_id")["disease"].unique()
    graded = study_levels.set_index("study_id")
    patients = f"Patients with {condition}"
    marks = Marks()
    rows = []
    titles = {"included": "Included", "awaiting": "Awaiting counts", "excluded": "Excluded"}
    ordered = studies.assign(name=studies["label"].str.casefold()).sort_values("name", kind="stable")
    for status, title in titles.items():
        for study in ordered[ordered["status"] == status].itertuples():
            level = NOTHING
            if status != "excluded":
                grade = graded.loc[study.study_id]
                level = level_text(grade["level"])
                if not missing(grade["override"]):
                    by_design, why = level_text(grade["level_by_design"]), cell(grade["override_reason"])
                    level += marks.mark(f"Level set by hand from {by_design}: {why}")
            identifiers = [f"doi:{study.doi}"] * (study.doi not in SILENT) + [f"PMID {study.pmid}"] * (
                study.pmid not in SILENT
            )
            rows.append(
                {
                    "about": {
                        "id": f"study-{study.study_id}",
                        "study": study.study_id,
                        "response": own_rows.get(study.study_id, ""),
                        "therapy": ";".join(treatments.get(study.study_id, [])),
                    },
                    "Status": title,
                    "Study": cell(study.label),
                    "Year": whole_or_text(study.year),
                    "Design": word("design", study.design),
                    "Controlled": cell(study.controlled),
                    patients: whole_or_text(study.n_patients),
                    "Diseases": joined(short.get(s, cell(s)) for s in illnesses.get(study.study_id, [])),
                    "Treatments": joined(therapy_labels.get(s, cell(s)) for s in treatments.get(study.study_id, [])),
                    "Level": level,
                    "DOI, PMID": joined(identifiers) if identifiers else "NR",
                    "In earlier review": word("published_review", study.published_review),
                    "What is missing, or why excluded": cell(study.status_reason),
                }
            )
    columns = [
        Column("Study", 18),
        Column("Year", 6, "center"),
        Column("Design", 13),
        Column("Controlled", 9),
        Column(patients, 10, "center"),
        Column("Diseases", 9),
        Column("Treatments", 21),
        Column("Level", 7),
        Column("DOI, PMID", 22),
        Column("In earlier review", 8.5),
        Column("What is missing, or why excluded", 33),
    ]
    if not follows:
        columns = [column for column in columns if column.name != "In earlier review"]
    frame = pd.DataFrame(rows, columns=["Status", *(column.name for column in columns)])
    sizes = studies["status"].value_counts()
    notes = [
        "; ".join(f"{title}: {int(sizes.get(status, 0))}" for status, title in titles.items())
        + " studies. Awaiting counts: eligible, but the number of patients or of responders is not in hand; graded, "
        "not pooled.",
        *abbreviations(set(responses["disease"]), diseases),
        *level_note(schemes, scheme_of(study_levels, schemes)),
        *marks.footnotes(),
    ]
    if follows:
        notes.append(f"In earlier review: whether the study is one of those of {follows}, as far as could be told.")
    notes.append(NOTE_NR)
    return Table(
        "table_ii", "Table II", "Characteristics of the studies", frame, tuple(columns), group="Status",
        footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip
