"""The boxes of a PRISMA 2020 flow and the sums that must hold between their numbers.

Labels of Page et al. (2021), BMJ 372:n71, in own words. A number that is not reported (NR) ends a sum: nothing is
worked out from the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from small_evidence.extraction.schema import numbers

# label in the table screening, in small letters -> box; a label that begins with one of STARTS is in that box too
BOXES = {
    "records identified": "identified",
    "duplicates removed before screening": "duplicates",
    "removed by automation before screening": "automation",
    "removed for other reasons before screening": "other_reasons",
    "records screened": "screened",
    "records excluded": "excluded",
    "reports sought for retrieval": "sought",
    "reports not retrieved": "not_retrieved",
    "reports assessed for eligibility": "assessed",
    "reports excluded with reasons": "reports_excluded",
    "studies included": "studies",
    "reports of included studies": "reports",
    "studies in previous version": "previous_studies",
    "reports in previous version": "previous_reports",
    "total studies included": "total_studies",
    "total reports of included studies": "total_reports",
    "records from websites": "websites",
    "records from organisations": "organisations",
    "records from citation searching": "citations",
    "other reports sought for retrieval": "other_sought",
    "other reports not retrieved": "other_not_retrieved",
    "other reports assessed for eligibility": "other_assessed",
    "other reports excluded": "other_excluded",
}
# a list of reasons ("Reports excluded: wrong outcome") has a row each
STARTS = {"reports excluded:": "reports_excluded", "other reports excluded:": "other_excluded"}
# box, what it is made of (added), what is taken away; the other methods may be absent
SUMS = (
    ("screened", ("identified",), ("duplicates", "automation", "other_reasons")),
    ("sought", ("screened",), ("excluded",)),
    ("assessed", ("sought",), ("not_retrieved",)),
    ("other_assessed", ("other_sought",), ("other_not_retrieved",)),
    ("reports", ("assessed", "other_assessed"), ("reports_excluded", "other_excluded")),
    ("total_studies", ("previous_studies", "studies"), ()),
    ("total_reports", ("previous_reports", "reports"), ()),
)
OPTIONAL = ("other_assessed", "other_excluded", "previous_studies", "previous_reports")
# box, a box it is part of
PARTS = (
    ("duplicates", "identified"),
    ("automation", "identified"),
    ("other_reasons", "identified"),
    ("screened", "identified"),
    ("excluded", "screened"),
    ("sought", "screened"),
    ("not_retrieved", "sought"),
    ("assessed", "sought"),
    ("reports_excluded", "assessed"),
    ("studies", "reports"),
    ("other_not_retrieved", "other_sought"),
    ("other_assessed", "other_sought"),
    ("other_excluded", "other_assessed"),
    ("total_studies", "total_reports"),
    ("studies", "total_studies"),
    ("reports", "total_reports"),
)
RULES = {
    "flow_part": ("error", "No box of the PRISMA flow is larger than the box that it is part of."),
    "flow_sum": ("warning", "The boxes of the PRISMA flow add up, where all of their numbers are reported."),
}


def box_of(label: str) -> str:
    """The box that a label stands for; "" for a label of the review's own."""
    plain = " ".join(label.casefold().split())
    start = next((box for words, box in STARTS.items() if plain.startswith(words)), "")
    return BOXES.get(plain, start)


def box_numbers(screening: pd.DataFrame) -> dict[str, float]:
    """The number in each box that the table has, NaN where one of its rows is not reported.

    Parameters
    ----------
    screening : DataFrame; the checked table. The rows of a box with several (reasons for exclusion) are added up; where
        a total stands beside its reasons, the total counts.
    """
    rows = screening.assign(box=screening["label"].map(box_of), count=numbers(screening["n"]))
    rows = rows[rows["box"] != ""]
    is_total = rows["label"].str.casefold().str.split().str.join(" ").isin(list(BOXES))
    has_total = rows["box"].isin(rows.loc[is_total & rows["count"].notna(), "box"])
    return rows[is_total | ~has_total & ~is_total].groupby("box", sort=False)["count"].agg(_total).to_dict()


def _total(counts: pd.Series) -> float:
    return counts.sum(skipna=False)


def faults(screening: pd.DataFrame) -> Iterator[tuple]:
    """Numbers that do not add up, as (rule, table, row, column, study_id, words).

    Parameters
    ----------
    screening : DataFrame; the checked table with _row, the row of the spreadsheet
    """
    if screening.empty:
        return
    known = box_numbers(screening)
    rows = screening.assign(box=screening["label"].map(box_of))
    rows["total"] = rows["label"].str.casefold().str.split().str.join(" ").isin(list(BOXES))
    place = rows.sort_values("total", ascending=False, kind="stable").drop_duplicates("box").set_index("box")
    name = place["label"].where(place["total"], place["label"].str.partition(":")[0])
    impossible = set()
    for part, whole in PARTS:
        if known.get(part, float("nan")) > known.get(whole, float("nan")):
            impossible |= {part, whole}
            words = f"{known[part]:.0f}, more than {name[whole]} ({known[whole]:.0f})"
            yield "flow_part", "screening", place.loc[part, "_row"], "n", "", words
    for box, added, taken in SUMS:
        terms = [*added, *taken]
        used = [term for term in terms if term in known or term not in OPTIONAL]
        if box not in known or box in impossible or any(term not in known for term in used):
            continue
        total = sum(known[term] if term in added else -known[term] for term in used)
        if total == total and known[box] == known[box] and total != known[box]:
            sign = {term: "−" if term in taken else "+" for term in used}
            told = " ".join(f"{sign[term]} {known[term]:.0f} ({name[term]})" for term in used)
            words = f"{known[box]:.0f}, but {told.removeprefix('+ ')} is {total:.0f}"
            yield "flow_sum", "screening", place.loc[box, "_row"], "n", "", words
