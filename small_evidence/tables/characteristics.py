"""Table I, the levels and their meaning, and Table II, the studies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import LABELS, SILENT
from small_evidence.reasons import retraction_notes
from small_evidence.review import Review
from small_evidence.tables.parts import abbreviations, level_note
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    capital,
    cell,
    counted,
    joined,
    level_text,
    missing,
    sort_name,
    whole_or_text,
    word,
)

STATUSES = {"included": "Included", "awaiting": "Awaiting counts", "excluded": "Excluded"}


def table_i(review: Review) -> Table:
    """Table I: the levels of evidence of the scheme, their meaning, and how many studies have each."""
    scheme, graded = review.scheme, review["study_levels"]
    rows = []
    for level in scheme["order"]:
        designs = [
            word("design", design) + ("*" if design in scheme["judgements"] else "")
            for design, given in scheme["designs"].items()
            if given == level and design in LABELS["design"]
        ]
        meaning = cell(scheme["levels"][level]["meaning"])
        rows.append(
            {
                "Level": level,
                "Meaning": meaning,
                "Designs graded so": joined(designs),
                "Studies": int((graded["level"] == level).sum()),
            }
        )
    columns = (
        Column("Level", 8),
        Column("Meaning", 48),
        Column("Designs graded so", 52),
        Column("Studies", 9, "center"),
    )
    notes = [f"Scheme: {scheme['title']}. {cell(scheme['citation'])}"]
    if scheme["note"]:
        notes.append(cell(scheme["note"]))
    if scheme["confidence"] in ("low", "medium"):
        notes.append(f"Certainty that these are the published definitions: {scheme['confidence']}.")
    if any("*" in row["Designs graded so"] for row in rows):
        notes.append("* The scheme does not name this design; it was placed by judgement.")
    ungraded = int(((graded["status"] != "excluded") & (graded["gradable"] != "yes")).sum())
    notes.append(
        "Studies: included studies and those awaiting counts; a level depends on the design, not on the counts."
        + (f" {counted(ungraded, 'study', 'studies')} could not be graded." if ungraded else "")
    )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table(
        "table_i", "Table I", "Levels of evidence and their meaning", frame, columns, footnotes=tuple(notes),
        landscape=False,
    )  # fmt: skip


def table_ii(review: Review) -> Table:
    """Table II: characteristics of the studies; included, awaiting counts, and excluded with the reason."""
    studies, responses, marks = review["studies"], review["responses"], Marks()
    of_study = responses.groupby("study_id").agg(
        response=("response_id", ";".join), therapies=("therapy", "unique"), diseases=("disease", "unique")
    )
    own = of_study.to_dict("index")
    graded = review["study_levels"].set_index("study_id").to_dict("index")
    patients = f"Patients with {review.condition}" if review.condition else "Patients"
    rows: list[dict[str, Any]] = []
    ordered = studies.assign(name=studies["label"].map(sort_name)).sort_values("name", kind="stable")
    for status, title in STATUSES.items():
        for study in ordered[ordered["status"] == status].to_dict("records"):
            used = own.get(study["study_id"], {"response": "", "therapies": [], "diseases": []})
            rows.append(
                {
                    "about": {
                        "id": f"study-{study['study_id']}",
                        "study": study["study_id"],
                        "response": used["response"],
                        "therapy": ";".join(used["therapies"]),
                    },
                    "Status": title,
                    "Study": review.labels.study[study["study_id"]],
                    "Year": whole_or_text(study["year"]),
                    "Design": word("design", study["design"]),
                    "Controlled": cell(review.comparison_group[study["study_id"]]),
                    patients: whole_or_text(study["n_patients"]),
                    "Diseases": joined(review.labels.disease_short.get(slug, cell(slug)) for slug in used["diseases"]),
                    "Treatments": joined(review.labels.therapy.get(slug, cell(slug)) for slug in used["therapies"]),
                    "Level": _study_level(graded[study["study_id"]], marks),
                    "DOI, PMID": _identifiers(study),
                    "In published review": word("published_review", study["published_review"]),
                    "What is missing, or why excluded": cell(study["status_reason"]),
                }
            )
    columns = [
        Column("Study", 18),
        Column("Year", 6, "center"),
        Column("Design", 13),
        Column("Controlled", 9),
        Column(patients, 10, "center", thousands=True),
        Column("Diseases", 9),
        Column("Treatments", 21, heading=capital(review.subject.plural)),
        Column("Level", 7),
        Column("DOI, PMID", 22),
        Column("In published review", 8.5),
        Column("What is missing, or why excluded", 33),
    ]
    if not review.follows:
        columns = [column for column in columns if column.name != "In published review"]
    frame = pd.DataFrame(rows, columns=["Status", *(column.name for column in columns)])
    sizes = studies["status"].value_counts()
    notes = [
        "; ".join(f"{title}: {int(sizes.get(status, 0))}" for status, title in STATUSES.items())
        + " studies. Awaiting counts: eligible, but the number of patients or of "
        + f"{review.response.noun_plural} is missing or not verified; graded, not pooled.",
        *abbreviations(responses["disease"], review["diseases"]),
        *level_note(review),
        *marks.footnotes(),
        *retraction_notes(review, studies["study_id"]),
    ]
    if review.follows:
        notes.append(f"In published review: whether the study is one of those of {review.follows}, where known.")
    notes.append(NOTE_NR)
    return Table(
        "table_ii", "Table II", "Characteristics of the studies", frame, tuple(columns), group="Status",
        footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _study_level(graded: Mapping[Any, Any], marks: Marks) -> str:
    """The level of a study, with a mark where its authors set it; excluded studies have none."""
    if graded["status"] == "excluded":
        return NOTHING
    words = level_text(graded["level"])
    if missing(graded["override"]):
        return words
    by_design, why = level_text(graded["level_by_design"]), cell(graded["override_reason"])
    return words + marks.mark(f"Level set by the authors, by design {by_design}: {why}")


def _identifiers(study: Mapping[Any, Any]) -> str:
    found = [
        *([f"doi:{study['doi']}"] if study["doi"] not in SILENT else []),
        *([f"PMID {study['pmid']}"] if study["pmid"] not in SILENT else []),
    ]
    return joined(found) if found else "NR"
