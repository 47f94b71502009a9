"""What the rows of a table are about, for the filters of a page: diseases, levels, classes, kinds, pooled, counts.

Read from the ids that each row has (`Table.about`), never from its words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from small_evidence.extraction.schema import ALL, SILENT, numbers
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.policy import counted_column
from small_evidence.tables.table import Table
from small_evidence.wording import ids_in, level_text, word

About = Mapping[str, str]


def facet_values(review: Review) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Filters in their order: the name of what rows know of themselves, a label, and the values with theirs."""
    kinds = dict.fromkeys(kind for kind in review["therapies"]["kind"] if kind not in SILENT)
    levels = [(level, level) for level in (*review.scheme["order"], level_text(""))]
    yes_no = [("yes", "yes"), ("no", "no")]
    return [
        ("diseases", "Disease", [(slug, review.labels.disease_short[slug]) for slug in review.diseases]),
        ("levels", "Level", levels),
        ("class", "Class", [(slug, review.labels.therapy_class[slug]) for slug, _ in review.classes]),
        ("kind", f"Kind of {review.subject.singular}", [(kind, word("kind", kind)) for kind in kinds]),
        ("pooled", "Pooled", yes_no),
        ("counts", "Counts available", yes_no),
    ]


def facets_of(review: Review) -> Callable[[About], dict[str, str]]:
    """Function that gives the facets of a row of what it is about; those that do not apply are absent.

    A row about an analysis has the diseases and levels of its treatment or class; a row about studies or response rows
    has their own, as far as they are about the treatments that it names.
    """
    classes = dict(zip(review["therapies"]["therapy"], review["therapies"]["therapy_class"], strict=True))
    kinds = dict(zip(review["therapies"]["therapy"], review["therapies"]["kind"], strict=True))
    members = dict(review.classes)
    graded = dict(zip(review["study_levels"]["study_id"], review["study_levels"]["level"], strict=True))
    responses = review["responses"]
    known = numbers(responses[counted_column(review.policy)]).notna() & numbers(responses["n"]).notna()
    rows: list[Any] = responses.assign(counts=known).to_dict("records")
    by_id = {row["response_id"]: row for row in rows}
    by_study: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_study[row["study_id"]].append(row)
    by_subject: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for level in review["therapy_levels"].to_dict("records"):
        by_subject[level["scope"], level["therapy"]].append(level)

    def of_therapies(slugs: Iterable[str]) -> dict[str, Iterable[str]]:
        slugs = [slug for slug in slugs if slug in classes]
        return {"class": (classes[slug] for slug in slugs), "kind": (kinds[slug] for slug in slugs)}

    def of_analysis(one: Analysis) -> dict[str, Iterable[str]]:
        slugs = members[one.therapy] if one.scope == "class" else [one.therapy]
        levels = [level for level in by_subject[one.scope, one.therapy] if one.disease in (ALL, level["disease"])]
        return of_therapies(slugs) | {
            "diseases": (level["disease"] for level in levels if level["disease"] != ALL),
            "levels": (level_text(level["level"]) for level in levels),
            "pooled": yes_no(one.pooled),
            "counts": yes_no(one.result["k"]),
        }

    def of_rows(about: About) -> dict[str, Iterable[str]]:
        therapies, studies = ids_in(about.get("therapy")), ids_in(about.get("study"))
        own = [by_id[name] for name in ids_in(about.get("response"))]
        own = own or [row for study in studies for row in by_study[study]]
        own = [row for row in own if row["therapy"] in therapies] or own
        graded_here = studies or [row["study_id"] for row in own]
        found = of_therapies(therapies or (row["therapy"] for row in own))
        found |= {"levels": (level_text(graded.get(study)) for study in graded_here)}
        return found | {
            "diseases": (row["disease"] for row in own),
            "counts": yes_no(any(row["counts"] for row in own)),
        }

    def of_names(slugs: Iterable[str]) -> dict[str, Iterable[str]]:
        slugs = list(slugs)
        levels = [level for slug in slugs for level in by_subject["therapy", slug]]
        analyses = [review.analysis_of("therapy", slug) for slug in slugs]
        return of_therapies(slugs) | {
            "diseases": (level["disease"] for level in levels if level["disease"] != ALL),
            "levels": (level_text(level["level"]) for level in levels),
            "pooled": yes_no(any(one and one.pooled for one in analyses)) if slugs else [],
            "counts": yes_no(any(one and one.result["k"] for one in analyses)) if slugs else [],
        }

    def found(about: About) -> dict[str, str]:
        analysis = review.analyses.get(about.get("analysis", ""))
        if analysis is not None:
            made = of_analysis(analysis)
        elif about.get("study") or about.get("response"):
            made = of_rows(about)
        else:
            made = of_names(ids_in(about.get("therapy")))
        said = {
            name: ";".join(dict.fromkeys(one for one in values if one not in SILENT)) for name, values in made.items()
        }
        return {name: values for name, values in said.items() if values}

    return found


def with_facets(table: Table, facets: Callable[[About], dict[str, str]]) -> Table:
    """The table with the facets of each row, beside what it says itself."""
    own = ({name: words for name, words in about.items() if words} for about in table.about)
    return replace(table, about=tuple(facets(about) | about for about in own))


def yes_no(is_so: object) -> list[str]:
    return ["yes" if is_so else "no"]
