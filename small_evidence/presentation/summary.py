"""The summary at the top of the report: what is known and what is not, in plain words, and a map of the evidence.

Every sentence is made from numbers by one rule, whichever way they point; none is advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from small_evidence.extraction.schema import ALL, SILENT
from small_evidence.presentation.records import record_facts
from small_evidence.review import Analysis, Review
from small_evidence.tables.parts import (
    comparison_group_words,
    counts_head,
    subject_column,
    treatments,
    verification_words,
)
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTHING, counted, fraction, ids_in, joined, level_text

MOST_NAMED = 8  # treatments in a sentence; more are counted
MAP = "evidence_map"


def plain_summary(review: Review) -> list[str]:
    """Sentences for patients and for authors of guidelines: how much was found, how certain, and what is not known."""
    whole = review.studied
    used = [one for one in whole if one.result["k"]]
    condition = f" for {review.condition}" if review.condition else ""
    of = f"{len(used)} of {counted(len(whole), *review.subject)}{condition}"
    sentences = [f"Counts of {review.response.noun_plural} are available for {of}."]
    if used:
        sentences.append(_best_level(whole, review))
        sentences.append(f"Of the {review.subject.plural} over all diseases, {_against_the_line(used, review)}.")
    single = [one for one in review.analyses.values() if one.scope == "therapy" and one.disease != ALL]
    by_disease = [one for one in single if one.result["k"]]
    if by_disease:
        sentences.append(f"Looked at in one disease at a time, {_against_the_line(by_disease, review)}.")
    return [*sentences, *_not_known(whole, used, review)]


def _best_level(whole: Iterable[Analysis], review: Review) -> str:
    levels = {one.label: level_text(one.level.get("level", "")) for one in whole}
    best = next((level for level in review.scheme["order"] if level in levels.values()), "")
    if not best:
        return f"No {review.subject.singular} has a study that can be given a level of evidence."
    names = [label for label, level in levels.items() if level == best]
    meaning = review.scheme["levels"][best]["meaning"]
    found = f"{best} ({meaning.lower()}): {_named(names)}"
    return f"The highest level of evidence of any {review.subject.singular} is {found}."


def _against_the_line(analyses: Iterable[Analysis], review: Review) -> str:
    """'the interval lies above 50% for A (9/9); below for none; across it, so that neither is shown, for 12'."""
    parts: dict[str, list[str]] = {"above": [], "below": [], "across": [], "": []}
    for one in analyses:
        direction = one.result["direction"] if one.result["direction"] in parts else ""
        parts[direction].append(f"{one.label} {fraction(one.result['events'], one.result['n'])}")
    line = f"{review.response_threshold * 100:g}%"
    words = f"the interval lies above {line} for {_named(parts['above'])}; below {line} for "
    words += f"{_named(parts['below'])}; and on both sides, so that neither is shown, for {len(parts['across'])}"
    return words + f"; {len(parts[''])} have no interval" * bool(parts[""])


def _named(names: list[str]) -> str:
    if not names:
        return "none"
    return joined(names, "; ") if len(names) <= MOST_NAMED else str(len(names))


def _not_known(whole: Sequence[Analysis], used: list[Analysis], review: Review) -> list[str]:
    studies = review["studies"].set_index("study_id")
    entered = {study for one in used for study in one.entered["study_id"]}
    sentences = []
    if entered and not any("full_text" in bases for one in used for bases in one.entered["evidence_basis"].map(ids_in)):
        sentences.append("No count was read in the full text of a study.")
    if entered:
        if review.subject.singular != "test":
            sentences.append(f"Not known: what the proportion would have been without the {review.subject.singular}.")
        sentences.append(f"Studies with counts that had a comparison group: {comparison_group_words(entered, review)}.")
    active = set(studies.index[studies["status"] != "excluded"])
    silent = active - set(review["adverse_events"]["study_id"])
    event, waiting = review.response.event_plural, len(review["awaiting"])
    unknown = [
        f"harms in {len(silent)} of {counted(len(active), 'study', 'studies')}, of which nothing was read on harm"
    ]
    if waiting:
        unknown.append(
            f"how many {event} in {counted(waiting, 'study', 'studies')} whose counts are missing or not verified"
        )
    if without := len(whole) - len(used):
        unknown.append(f"how many {event} in any study of {counted(without, *review.subject)}")
    return [*sentences, f"{'Also not' if entered else 'Not'} known: {joined(unknown)}."]


# Map -------------------------------------------------------------------------------------------------------------


def evidence_map_table(review: Review) -> Table:
    """Which treatment was studied in which disease: the level there and the counts, or that there are none."""
    shown = [slug for slug in review.diseases if any(one.disease == slug for one in review.analyses.values())]
    rows, about = [], []
    for treatment in treatments(review):
        whole = review.analysis_of(treatment.scope, treatment.slug)
        if treatment.scope != "therapy" or whole is None:
            continue
        cells = {slug: _cell(review.analysis_of("therapy", treatment.slug, slug), review) for slug in shown}
        everywhere = _cell(whole, review)
        rows.append({"Class": treatment.group, "Treatment": treatment.label, "All diseases": everywhere} | cells)
        about.append({"analysis": whole.name, "therapy": treatment.slug})
    short = review.labels.disease_short
    columns = (
        subject_column(review, 18),
        Column("All diseases", 12),
        *(Column(slug, 12, heading=short[slug], over="By disease") for slug in shown),
    )
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    note = (
        f"Best level of evidence among the studies, then {counts_head(review)} of the study arms that are included. "
        f"No counts: there are studies, none with counts that can be used. {NOTHING}: no study was found."
    )
    return Table(
        MAP, "", f"Evidence map: {review.subject.plural} by disease", frame, columns, group="Class", footnotes=(note,),
        about=tuple(about),
    )  # fmt: skip


def _cell(one: Analysis | None, review: Review) -> str:
    if one is None:
        return NOTHING
    level = level_text(one.level.get("level", "")) if one.level else NOTHING
    counts = fraction(one.result["events"], one.result["n"]) if one.result["k"] else "no counts"
    return f"{level}: {counts}"


# About the review ------------------------------------------------------------------------------------------------

ABOUT = {  # what the configuration says of the publication, and its label
    "search": "Last search",
    "registration": "Registration",
    "funding": "Funding",
    "conflicts": "Conflicts of interest",
    "licence": "Licence",
}


def about_review(review: Review, release: str, versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """Terms and words: version, search, extractors, conflicts, licence, how to cite."""
    known = record_facts(review)
    facts = [(label, known[key] or "not stated") for key, label in ABOUT.items()]
    version = f"release {release} and the changes since, which are listed above" if release else "not released yet"
    names = joined((author["name"] for author in review.config["publication"]["authors"]), ", ")
    software = f"Evidence report made with small-evidence {versions['small_evidence']}"
    cited = [names, review.config["review"]["title"], f"Data {release}" * bool(release), software]
    return [
        ("Authors", names or "not stated"),
        ("Version of the data", version),
        ("Extracted by", _people(review, "extracted_by")),
        ("Verified by", _people(review, "verified_by")),
        ("Verification", verification_words(review)),
        *facts,
        ("How to cite", f"{'. '.join(filter(None, cited))}. Cite the studies whose counts you use as well."),
    ]


def _people(review: Review, column: str) -> str:
    names = review["responses"][column]
    sizes = names[~names.isin(SILENT)].value_counts()
    parts = [f"{name} ({counted(int(size), 'row')})" for name, size in sizes.items()]
    silent = int(names.isin(SILENT).sum())
    return joined([*parts, *[f"not stated ({counted(silent, 'row')})"] * bool(silent)]) or "no rows"
