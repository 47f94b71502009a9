"""Records of one report that came from several databases: found with the evidence for it, never merged.

The same DOI or PubMed number makes a duplicate. Titles alike make a possible one, which a person decides on. Where two
or more of first author, year, place in the journal and DOI speak against it, or two
PubMed numbers, the pair is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from small_evidence.extraction.identifiers import same_doi
from small_evidence.extraction.schema import SILENT

NEAR_TITLE = 0.9  # share of letters that agree (indel ratio) from which two titles count as the same but for spelling
FEW_WORDS = 4  # a title of fewer words ("Reply to the authors") is shared by many papers
LONG_ENOUGH = 30  # letters of a title of which another one may be the beginning, without the subtitle
CLOSE_YEARS = 1  # between publication online and in print
RAREST_WORDS = 5  # of a title
SHARED_WORDS = 3  # of these; two titles that share fewer, or whose years are not close, are compared by their beginning
ANY_YEAR = "any"
LARGE_BUCKET = 60  # titles of one key; of more than that, each is compared with so many before it
COLUMNS = ["record", "other", "certainty", "evidence", "value"]
DUPLICATE, POSSIBLE = "duplicate", "possible_duplicate"

# numbers of parts, and words of which one in only one of two titles makes them two papers
ROMAN_NUMBERS = "ii iii iv vi vii viii ix"
KINDS_OF_PAPER = (
    "reply response comment commentary correction corrigendum erratum protocol retraction retracted addendum"
)
_ROMAN, _KINDS = frozenset(ROMAN_NUMBERS.split()), frozenset(KINDS_OF_PAPER.split())


class _Record(NamedTuple):
    doi: str
    pmid: str
    title: str
    words: tuple[str, ...]
    marks: tuple[str, ...]  # numbers, and words that tell kinds of papers apart
    surname: str
    year: str
    volume: str
    page: str


def find_duplicates(records: pd.DataFrame) -> pd.DataFrame:
    """Every record that looks like an earlier one.

    Parameters
    ----------
    records : DataFrame of str with title and, where known, doi, pmid, surname, year, volume, pages; "" or NR where not

    Returns
    -------
    DataFrame with the columns COLUMNS, positions of a record and of the first earlier record that it looks like, one
    row a record: certainty "duplicate" with evidence doi or pmid, or "possible_duplicate" with evidence title (value:
    how alike, 0 to 1) or place (same volume, page, year and author, titles not alike)
    """
    made = [_record(row) for row in records.to_dict("records")]
    found: dict[int, tuple[int, str, str, str]] = {}
    for name in ("doi", "pmid"):
        seen: dict[str, int] = {}
        for at, record in enumerate(made):
            value = getattr(record, name)
            if value and value in seen:
                found.setdefault(at, (seen[value], DUPLICATE, name, value))
            elif value:
                seen[value] = at
    best: dict[int, tuple[float, int]] = {}
    for at, earlier in _candidates(made):
        ratio = 0.0 if at in found else likeness(made[at], made[earlier])
        if ratio and (at not in best or (ratio, -earlier) > (best[at][0], -best[at][1])):
            best[at] = (ratio, earlier)
    for at, (ratio, earlier) in best.items():
        found[at] = (earlier, POSSIBLE, "title", f"{ratio:.2f}")
    for at, earlier in _same_place(made):
        found.setdefault(at, (earlier, POSSIBLE, "place", ""))
    return pd.DataFrame([(at, *found[at]) for at in sorted(found)], columns=COLUMNS)


def _record(row: Mapping[Hashable, Any]) -> _Record:
    known = {name: "" if str(value) in SILENT else str(value) for name, value in row.items()}
    title = "" if known["title"].startswith("[") else plain(known["title"])  # a description, no title
    pages = known.get("pages", "")
    return _Record(
        same_doi(known.get("doi", "")),
        known.get("pmid", ""),
        title.replace(" ", ""),
        tuple(title.split()),
        _marks(title.split()),
        plain(known.get("surname", "")).replace(" ", ""),
        known.get("year", ""),
        known.get("volume", "").strip(),
        re.split(r"[-–,; ]", pages.strip(), maxsplit=1)[0].lstrip("0").casefold(),
    )


def plain(text: str) -> str:
    """Words of small letters without accents, separated by spaces; Greek letters and other scripts stay."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in folded if not unicodedata.combining(c))))


def likeness(one: _Record, other: _Record) -> float:
    """How alike two titles are, from NEAR_TITLE to 1; 0 where they are not, or where too much speaks against it."""
    from rapidfuzz.fuzz import ratio

    if one.marks != other.marks:
        return 0.0
    alike = ratio(one.title, other.title, score_cutoff=100 * NEAR_TITLE) / 100
    if not alike:
        short, long = sorted((one.title, other.title), key=len)
        if len(short) < LONG_ENOUGH or not long.startswith(short) or against(one, other):
            return 0.0
        alike = NEAR_TITLE
    if min(len(one.words), len(other.words)) < FEW_WORDS:
        known = one.surname and other.surname and one.year and other.year
        return alike if known and not against(one, other) else 0.0
    return alike if against(one, other) < 2 else 0.0


def against(one: _Record, other: _Record) -> int:
    """How many of first author, year, place in the journal and DOI are known of both records and differ.

    Two PubMed numbers count twice: PubMed has one for each report.
    """
    surnames = bool(one.surname and other.surname) and not (
        one.surname.endswith(other.surname) or other.surname.endswith(one.surname)
    )
    years = bool(one.year and other.year) and abs(int(one.year) - int(other.year)) > CLOSE_YEARS
    volumes = bool(one.volume and other.volume) and one.volume != other.volume
    pages = bool(one.page and other.page) and one.page != other.page
    dois = bool(one.doi and other.doi) and one.doi != other.doi
    pmids = bool(one.pmid and other.pmid) and one.pmid != other.pmid
    return surnames + years + (volumes or pages) + dois + 2 * pmids


def _marks(words: list[str]) -> tuple[str, ...]:
    return tuple(sorted(word for word in words if word.isdigit() or word in _ROMAN or word in _KINDS))


def _candidates(records: list[_Record]) -> Iterator[tuple[int, int]]:
    """Pairs that may have one title, the later record first: by its beginning, or by rare words in close years.

    A year that one of the records does not have rules nothing out.
    """
    frequency = Counter(word for record in records for word in set(record.words))
    buckets: dict[object, list[int]] = defaultdict(list)
    for at, record in enumerate(records):
        if not record.title:
            continue
        rare = sorted(set(record.words), key=lambda word: (frequency[word], word))[:RAREST_WORDS]
        shared = min(SHARED_WORDS, max(1, len(rare) - 1))  # one word of a short title may be spelt otherwise
        groups = list(combinations(sorted(rare), shared))
        start = record.title[:LONG_ENOUGH]
        keys = [start, *((group, year) for group in groups for year in _years_sought(record.year))]
        earlier = {other for key in keys for other in buckets.get(key, ())[-LARGE_BUCKET:]}
        yield from ((at, other) for other in sorted(earlier))
        buckets[start].append(at)
        for group in groups:
            buckets[group, record.year].append(at)
            if record.year:
                buckets[group, ANY_YEAR].append(at)


def _years_sought(year: str) -> list[str]:
    """Years of the records that one of this year is compared with: close ones and none; of one without a year, all."""
    if not year:
        return ["", ANY_YEAR]
    return ["", *(str(int(year) + step) for step in range(-CLOSE_YEARS, CLOSE_YEARS + 1))]


def _same_place(records: Iterable[_Record]) -> Iterator[tuple[int, int]]:
    """Records with one volume, first page, year and first author, whatever their titles, such as translated ones."""
    seen: dict[tuple[str, ...], int] = {}
    for at, record in enumerate(records):
        key = (record.volume, record.page, record.year, record.surname)
        if all(key):
            if key in seen:
                yield at, seen[key]
            seen.setdefault(key, at)
