"""Studies whose counts are missing or not verified, as a work list for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, SILENT, humanise
from small_evidence.review import Review
from small_evidence.synthesis.awaiting import rows_without_counts
from small_evidence.tables.parts import level_note
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTE_NR,
    capital,
    cell,
    counted,
    ids_in,
    joined,
    level_text,
    missing,
    number_or_nr,
    whole_or_text,
)

FIELDS = {
    "disease": "disease",
    "n": "number of patients",
    "responders": "number of responders",
    "verification": "check of the counts against the full text",
}

Row = Mapping[Any, Any]


def awaiting_table(review: Review) -> Table:
    """The reviewer's work list, most useful first; of a review with the result awaiting."""
    columns = (
        Column("No.", 5, "center"),
        Column("Study", 20),
        Column("Year", 6, "center"),
        Column("Level", 8),
        Column("Treatments", 20, heading=capital(review.subject.plural)),
        Column("Diseases", 18),
        Column("Patients", 8, "center", thousands=True),
        Column("What is missing", 34),
        Column("Where it may be found", 28),
        Column("What it would add", 34),
    )
    awaiting, labels = review["awaiting"], review.labels
    lacking = dict(list(rows_without_counts(review).groupby("study_id")))
    titles = review["studies"].set_index("study_id")[["title", "journal"]].to_dict("index")
    rows = []
    for study in awaiting.to_dict("records"):
        absent = missing_words(lacking[study["study_id"]], review)
        rows.append(
            {
                "No.": number_or_nr(study["priority"]),
                "Study": labels.study[study["study_id"]],
                "Year": whole_or_text(study["year"]),
                "Level": level_text(study["level"]),
                "Treatments": _named(study["therapies"], labels.therapy, "not reported"),
                "Diseases": _named(study["diseases"], labels.disease, "not reported"),
                "Patients": number_or_nr(study["n"]),
                "What is missing": joined(cell(text) for text in (absent, study["reason"]) if not missing(text)),
                "Where it may be found": where_words(study, titles[study["study_id"]]),
                "What it would add": adds_words(study, review),
            }
        )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    notes = (
        missing_counts_words(review),
        "Order: studies that would make an analysis large enough to pool, then those of the published review, then by "
        "level and by number of patients.",
        *level_note(review),
        NOTE_NR,
    )
    about = tuple({"study": study} for study in awaiting["study_id"])
    title = "Studies whose counts are missing or not verified"
    return Table("awaiting", "", title, frame, columns, footnotes=notes, listed=True, about=about)


def missing_counts_words(review: Review) -> str:
    """Of how many studies the counts are missing or not verified, with what that number is made of.

    The one sentence for this number: every text and note takes it from here.
    """
    awaiting, arms = review["awaiting"], review["arms"]
    partly = int(awaiting["study_id"].isin(arms.loc[arms["entered"] == "yes", "study_id"]).sum())
    words = f"Counts are missing or not verified in {counted(len(awaiting), 'study', 'studies')}"
    if partly:
        words += f", of which {partly} {'is' if partly == 1 else 'are'} included with other rows"
    allows = int((awaiting["would_allow_pooling"] == "yes").sum())
    if len(awaiting):
        words += f"; {allows} of them would make an analysis large enough to pool"
    return f"{words}."


def missing_words(rows: pd.DataFrame, review: Review) -> str:
    """What the rows of one study lack, of `rows_without_counts`; therapy and disease only where they differ."""
    labels = {"therapy": review.labels.therapy, "disease": review.labels.disease}
    names = FIELDS | {"therapy": review.subject.singular}
    told = []
    for row in rows.to_dict("records"):
        fields = ids_in(row["missing"])
        if row["kind"] == "no_response_row":
            told.append("a response row: " + ", ".join(names[name] for name in fields))
            continue
        words = ", ".join(names[name] for name in fields)
        if "verification" in fields:
            words += " ({responders}/{n})".format(**review.response_rows[row["response_id"]])
        places = [
            labels[key].get(row[key]) or humanise(row[key]) for key in labels if len(set(rows[key])) > 1
        ]  # fmt: skip
        told.append(f"{', '.join(places)}: {words}" if places else words)
    return "; ".join(dict.fromkeys(told))


def where_words(study: Row, facts: Row) -> str:
    """Links to a study, pages that quote it, else its title."""
    parts = list(ids_in(study["links"]))
    if not parts and facts["title"] in SILENT:
        parts = ["no identifier and no title known"]
    elif not parts:
        journal = f", {facts['journal']}" if facts["journal"] not in SILENT else ""
        parts = [f"no identifier known; title: {cell(facts['title'].strip('[]'))}{journal}"]
    return "; ".join([*parts, *(f"quoted on {link}" for link in ids_in(study["quoted"]))])


def adds_words(study: Row, review: Review) -> str:
    """What the counts of a study would add, of its row of `awaiting`."""
    least, adds = review.policy["min_studies"], study["adds"]
    if adds == "therapy_unknown":
        return f"not assessable: {review.subject.singular} not reported"
    if adds == "nothing":
        return "nothing: it is in these analyses already"
    analyses = [review.analyses[name] for name in ids_in(study["analyses"])]
    if adds == "small_arm":
        single = [found.label for found in analyses if found.scope == "therapy" and found.disease == ALL]
        return f"{'; '.join(single)}: fewer than {review.policy['min_arm_size']} patients, shown but not pooled"
    words = []
    allows = set(ids_in(study["allows"]))
    for found, k, others in zip(analyses, ids_in(study["studies_now"]), ids_in(study["studies_listed"]), strict=True):
        label = f"{found.label} as a class" if found.scope == "class" else found.label
        now = f"{label}: {counted(int(k), 'study', 'studies') if int(k) else 'no study'} now"
        if found.name in allows:
            words.append(f"{now}, this {_ordinal(int(k) + 1)} would allow pooling")
        elif found.disease == ALL:
            needed = f" of {least} needed" * (int(k) < least)
            more = f" ({others} in this list)" * (int(k) < least and int(others) > 1)
            words.append(f"{now}, would be the {_ordinal(int(k) + 1)}{needed}{more}")
    return "; ".join(words)


def _named(slugs: str, labels: Mapping[str, str], absent: str) -> str:
    names: Iterable[str] = (absent if slug in SILENT else labels.get(slug) or humanise(slug) for slug in ids_in(slugs))
    return joined(names)


def _ordinal(number: int) -> str:
    """
    >>> [_ordinal(number) for number in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
