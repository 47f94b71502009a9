"""Reports that may be on the same patients: how they are found, and what people decided about them."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any, TypeVar

import pandas as pd

from small_evidence.extraction.schema import SILENT

T = TypeVar("T")

NEAR_TITLE = 0.9  # ratio of difflib from which two titles count as the same but for spelling
CLOSE_YEARS = 3  # years between two papers of one author on one treatment that may share patients
RAREST_WORDS = 4  # of a title; two titles that share none of them are not compared letter by letter
COMMON_WORD = 200  # titles; a word that is in more of them brings no two together, equal titles are found all the same
LARGE_GROUP = 30  # studies with the same key; of more than that each is paired with its neighbour only
CANDIDATES = [
    "study_a", "study_b", "strength", "evidence", "therapies", "pooled_together", "decision", "keep", "reason",
]  # fmt: skip


def overlap_candidates(
    studies: pd.DataFrame, responses: pd.DataFrame, overlaps: pd.DataFrame, similar: bool = True
) -> pd.DataFrame:
    """Pairs of studies that may report on the same patients, with the evidence for it and what was decided.

    Parameters
    ----------
    studies, responses, overlaps : DataFrame; checked extraction tables (text cells)
    similar : bool; whether pairs of strength "similar" are sought

    Returns
    -------
    DataFrame with the columns CANDIDATES, a row a pair. strength "same": one cohort_id, DOI or PubMed number, or titles
    alike but for spelling; "similar": one first author on one therapy within CLOSE_YEARS; "named": in the table
    overlaps only. therapies: those that both studies have rows for; pooled_together: those of them that both offer
    for pooling (slugs joined by ";"). decision is "" where there is no row in overlaps.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}

    def note(a: str, b: str, kind: str, words: str) -> None:
        pair = (a, b) if place[a] < place[b] else (b, a)
        found.setdefault(pair, {})[kind] = words

    place = {study: position for position, study in enumerate(studies["study_id"])}
    for column, name in (("cohort_id", "cohort_id"), ("doi", "DOI"), ("pmid", "PubMed number")):
        known = studies[~studies[column].isin(SILENT)]
        for value, ids in known.groupby(known[column].str.casefold(), sort=False)["study_id"]:
            for a, b in _pairs(list(ids)):
                note(a, b, column, f"{name} {value} of both")
    for a, b, ratio in near_titles(studies.set_index("study_id")["title"]):
        note(a, b, "title", "same title" if ratio == 1 else f"titles alike ({ratio:.2f} of 1)")
    same = set(found)
    for a, b, shared, years in _pairs_of_one_author(studies, responses) if similar else ():
        note(a, b, "author", f"one first author on {shared}, {years[0]} and {years[1]}")
    decided = decisions(overlaps)
    for a, b in decided:
        if a in place and b in place and (a, b) not in found and (b, a) not in found:
            note(a, b, "named", "named in the table overlaps")

    about = responses[responses["study_id"].isin({study for pair in found for study in pair})]
    treated = about.groupby("study_id")["therapy"].agg(set).to_dict()
    offered = about[about["pool"] == "yes"].groupby("study_id")["therapy"].agg(set).to_dict()
    rows = []
    for a, b in sorted(found, key=lambda pair: (place[pair[0]], place[pair[1]])):
        evidence = found[a, b]
        strength = "same" if (a, b) in same else "similar" if "author" in evidence else "named"
        both = [
            ";".join(sorted((known.get(a, set()) & known.get(b, set())) - set(SILENT))) for known in (treated, offered)
        ]
        row = decided.get((a, b)) or decided.get((b, a)) or {}
        last = [row.get(name, "") for name in ("decision", "keep", "reason")]
        rows.append([a, b, strength, "; ".join(evidence.values()), *both, *last])
    return pd.DataFrame(rows, columns=CANDIDATES, dtype="str")


def decisions(overlaps: pd.DataFrame) -> dict[tuple[str, str], dict[Hashable, Any]]:
    """The rows of the table overlaps by their pair of studies, as typed."""
    return {(row["study_a"], row["study_b"]): row for row in overlaps.to_dict("records")}


def assumed(candidates: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table overlaps that take every pair for the same patients unless it was decided to be distinct.

    Of a pair without a decision no report is chosen, so that the larger arm is kept.
    """
    taken = candidates[candidates["decision"] != "distinct"]
    return taken[["study_a", "study_b", "keep", "reason"]].assign(decision="same_patients")


def exchanged(overlaps: pd.DataFrame) -> pd.DataFrame:
    """The table overlaps with the other report kept wherever one was chosen."""
    other = overlaps["study_b"].where(overlaps["keep"] == overlaps["study_a"], overlaps["study_a"])
    return overlaps.assign(keep=other.where(overlaps["keep"] != "", ""))


def cohorts(studies: pd.DataFrame, overlaps: pd.DataFrame) -> pd.Series:
    """One name for all studies on the same patients, by study_id: by cohort_id and by the decisions.

    A study without a cohort_id is its own cohort. The name of a joint cohort is that of its first study.
    """
    own = studies["cohort_id"].where(~studies["cohort_id"].isin(SILENT), studies["study_id"])
    cohort = dict(zip(studies["study_id"], own, strict=True))
    for (a, b), row in decisions(overlaps).items():
        if row["decision"] == "same_patients" and a in cohort and b in cohort:
            joined, gone = cohort[a], cohort[b]
            cohort = {study: joined if name == gone else name for study, name in cohort.items()}
    return pd.Series(cohort, dtype="str")


def chosen(overlaps: pd.DataFrame) -> dict[str, dict[str, str]]:
    """For each study that was set aside, the studies kept instead and why: {study: {kept: reason}}."""
    aside: dict[str, dict[str, str]] = {}
    for (a, b), row in decisions(overlaps).items():
        if row["decision"] == "same_patients" and row["keep"] in (a, b):
            aside.setdefault(b if row["keep"] == a else a, {})[row["keep"]] = row["reason"]
    return aside


def plain_title(title: str) -> str:
    """The words of a printed title; "" for one that is not known or only described (in square brackets)."""
    if title in SILENT or title.startswith("["):
        return ""
    return " ".join(re.sub(r"\W+", " ", title.casefold()).split())


def near_titles(titles: pd.Series, others: pd.Series | None = None) -> Iterator[tuple[str, str, float]]:
    """Pairs of titles that are the same but for spelling, as (label, label, ratio from NEAR_TITLE to 1).

    Parameters
    ----------
    titles : Series of str, its index the labels
    others : Series of str to compare with; by default the titles are compared with each other, every pair once
    """
    plain = [(label, plain_title(title)) for label, title in zip(titles.index, titles, strict=True)]
    known = plain
    if others is not None:
        known = [(label, plain_title(title)) for label, title in zip(others.index, others, strict=True)]
    frequency = Counter(word for _, title in known for word in set(title.split()))
    by_word: dict[str, list[int]] = {}
    for position, (_, title) in enumerate(known):
        for word in _rarest(title, frequency):
            by_word.setdefault(word, []).append(position)
    for position, (label, title) in enumerate(plain):
        near = {there for word in _rarest(title, frequency) for there in by_word.get(word, ())}
        for there in sorted(near):
            if others is None and there <= position:
                continue
            ratio = title_ratio(title, known[there][1])
            if ratio >= NEAR_TITLE:
                yield label, known[there][0], ratio


def title_ratio(a: str, b: str) -> float:
    """How alike two plain titles are, 0 to 1; 0 where they cannot reach NEAR_TITLE or say different numbers.

    "Part 1" and "Part 2" of a paper differ by one letter and are not the same paper.
    """
    if not a or not b or re.findall(r"\d+", a) != re.findall(r"\d+", b):
        return 0.0
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    if matcher.real_quick_ratio() < NEAR_TITLE or matcher.quick_ratio() < NEAR_TITLE:
        return 0.0
    return matcher.ratio()


def _rarest(title: str, frequency: Counter[str]) -> list[str]:
    words = sorted(set(title.split()), key=lambda word: (frequency[word], word))[:RAREST_WORDS]
    return [title] * bool(title) + [word for word in words if frequency[word] <= COMMON_WORD]


def _pairs(ids: list[T]) -> Iterator[tuple[T, T]]:
    """Every pair; of a large group each with the next one, so that a key that says nothing costs no hours."""
    for position, a in enumerate(ids):
        others = ids[position + 1 :] if len(ids) <= LARGE_GROUP else ids[position + 1 : position + 2]
        for b in others:
            yield a, b


def _pairs_of_one_author(
    studies: pd.DataFrame, responses: pd.DataFrame
) -> Iterator[tuple[str, str, str, tuple[str, str]]]:
    """Pairs of studies on one therapy with one first author and years close to each other, and what they share.

    Initials agree or are missing.
    """
    authors = studies[~studies["first_author"].isin(SILENT) & studies["year"].str.fullmatch(r"\d{4}")]
    names = authors["first_author"].str.casefold().str.extract(r"^(?P<surname>.*?)(?: (?P<initials>[^ ]{1,4}))?$")
    authors = authors[["study_id", "year"]].assign(**names.fillna(""))
    treated = responses.loc[~responses["therapy"].isin(SILENT), ["study_id", "therapy"]].drop_duplicates()
    rows = authors.merge(treated, on="study_id").sort_values("year", kind="stable")
    shared: dict[tuple[str, str], tuple[set[str], tuple[str, str]]] = {}
    for _, group in rows.groupby(["surname", "therapy"], sort=False):
        for one, other in _pairs(group.to_dict("records")):
            same_initials = not one["initials"] or not other["initials"] or one["initials"][0] == other["initials"][0]
            if same_initials and int(other["year"]) - int(one["year"]) <= CLOSE_YEARS:
                therapies, _ = shared.setdefault(
                    (one["study_id"], other["study_id"]), (set(), (one["year"], other["year"]))
                )
                therapies.add(one["therapy"])
    for (a, b), (therapies, years) in shared.items():
        yield a, b, ", ".join(sorted(therapies)), years
