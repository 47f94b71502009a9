"""Studies as BibTeX, RIS and CSL-JSON, and files of references as proposals for the table studies.

What is not reported is left out of a citation, and nothing that a file does not say is put into a study.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from small_evidence import shown
from small_evidence.extraction.duplicates import find_duplicates
from small_evidence.extraction.people import person
from small_evidence.extraction.reference_files import Reference, ReferenceFileError, Unread, read_files
from small_evidence.extraction.schema import MISSING, SILENT, check_cell, columns
from small_evidence.saving import save_bytes

Record: TypeAlias = Mapping[Hashable, Any]  # one row of studies

# "Ann Rheum Dis 1998;57(4):252", with or without the year and the number of the issue
PRINTED = re.compile(
    r"(?P<journal>.+?) (?:(?P<year>\d{4});)?(?P<volume>\d+)(?:\((?P<issue>[^()]+)\))?:(?P<pages>[\w-]+)"
)
FIRST_ONLY = "Later authors are not recorded."
PROPOSAL = [
    "proposal", "duplicate_of", "evidence", "file", "line", "reference", "authors", "pmcid", "trials", "database",
]  # fmt: skip
NEW, NOT_READ = "new", "not_read"


# ---------------------------------------------------------------------------------------------- export


def citations(studies: pd.DataFrame) -> list[dict[str, str]]:
    """What is known of each study as a citation.

    Parameters
    ----------
    studies : DataFrame; the checked table studies

    Returns
    -------
    list of dict with study_id, status and, where known, author ("Doe, J. A."), title, journal, year, volume,
    issue, pages, doi, pmid. The place in a journal is split only where it is printed as journal, volume and pages and
    does not contradict the year.
    """
    return [_citation(row) for row in studies.to_dict("records")]


def _citation(row: Record) -> dict[str, str]:
    told = {name: " ".join(row[name].split()) for name in ("title", "journal", "year", "doi", "pmid")}
    place = PRINTED.fullmatch(told["journal"])
    if place and place["year"] in (None, told["year"]):
        told |= {name: place[name] for name in ("journal", "volume", "issue", "pages") if place[name]}
    author = "" if row["first_author"] in MISSING else _inverted(row["first_author"])
    told = {"author": author, **told}
    known = {name: value for name, value in told.items() if value and value not in MISSING}
    return {"study_id": row["study_id"], "status": row["status"], **known}


def _inverted(author: str) -> str:
    """ "Doe JA" as "Doe, J. A."; a name without initials as it is."""
    surname, _, initials = author.strip().rpartition(" ")
    if not surname or not re.fullmatch(r"[^\W\d_a-z-]{1,4}", initials):
        return author.strip()
    return f"{surname}, {' '.join(f'{letter}.' for letter in initials)}"


def bibtex(studies: pd.DataFrame) -> str:
    """The studies as a BibTeX file, keys = study_id, the status as keyword.

    Parameters
    ----------
    studies : DataFrame; the checked table studies
    """
    from bibtexparser.entrypoint import write_string
    from bibtexparser.library import Library
    from bibtexparser.middlewares import LatexEncodingMiddleware
    from bibtexparser.model import Block, Entry, Field

    names = {"issue": "number"}
    entries: list[Block] = []
    for found in citations(studies):
        key, status = found.pop("study_id"), found.pop("status")
        fields = [Field(names.get(name, name), value) for name, value in found.items()]
        fields.append(Field("keywords", status))
        if "author" in found:
            fields.append(Field("note", FIRST_ONLY))
        entries.append(Entry("article" if "journal" in found else "misc", key, fields))
    return write_string(Library(entries), prepend_middleware=[LatexEncodingMiddleware()])


def ris(studies: pd.DataFrame) -> str:
    """The studies as a RIS file, ID = study_id, the PubMed number as accession number, the status as keyword.

    Parameters
    ----------
    studies : DataFrame; the checked table studies
    """
    import rispy  # type: ignore[import-untyped]  # has no types

    class Writer(rispy.RisWriter):  # type: ignore[misc]  # has no types
        """Writes no number before a reference, which is not part of the format."""

        def set_header(self, count: int) -> str:
            return ""

    names = {"journal": "journal_name", "issue": "number"}
    records = []
    for found in citations(studies):
        key, status = found.pop("study_id"), found.pop("status")
        record: dict[str, str | list[str]] = {"type_of_reference": "JOUR" if "journal" in found else "GEN", "id": key}
        if "author" in found:
            record |= {"authors": [found.pop("author")], "notes": [FIRST_ONLY]}
        if "pages" in found:
            start, _, end = found.pop("pages").partition("-")
            record |= {"start_page": start} | ({"end_page": end} if end else {})
        if "pmid" in found:
            record |= {"accession_number": found.pop("pmid"), "name_of_database": "PubMed"}
        record |= {names.get(name, name): value for name, value in found.items()}
        records.append(record | {"keywords": [status]})
    return str(rispy.dumps(records, implementation=Writer))


def csl_json(studies: pd.DataFrame) -> str:
    """The studies as CSL-JSON, as Zotero and pandoc read it; id = study_id, the status as keyword.

    Parameters
    ----------
    studies : DataFrame; the checked table studies
    """
    names = {"title": "title", "journal": "container-title", "volume": "volume", "issue": "issue", "pages": "page"}
    names |= {"doi": "DOI", "pmid": "PMID"}
    items = []
    for found in citations(studies):
        item: dict[str, object] = {"id": found["study_id"]}
        item["type"] = "article-journal" if "journal" in found else "document"
        item |= {names[name]: value for name, value in found.items() if name in names}
        if "author" in found:
            who = person(found["author"])
            # one first author is all that the table has; a note says so, as in the other formats
            group = who.group or not who.given
            item["author"] = [{"literal": who.surname} if group else {"family": who.surname, "given": who.given}]
            item["note"] = FIRST_ONLY
        if "year" in found:
            item["issued"] = {"date-parts": [[int(found["year"])]]}
        items.append(item | {"keyword": found["status"]})
    return json.dumps(items, ensure_ascii=False, indent=2) + "\n"


def save_text(text: str, path: str | Path) -> None:
    """Write UTF-8 with LF."""
    save_bytes(text.encode("utf-8"), path)


# ---------------------------------------------------------------------------------------------- import


def import_proposals(
    paths: Iterable[str | Path], studies: pd.DataFrame, folder: str | Path | None = None
) -> pd.DataFrame:
    """Rows for the table studies from files of references, for a person to accept; duplicates are named.

    Parameters
    ----------
    paths : files of references; see `reference_files.FORMATS`
    studies : DataFrame; the checked table studies
    folder : path that no link may lead out of; by default the folder of each file

    Returns
    -------
    DataFrame with the columns of studies and PROPOSAL: proposal ("new"; "duplicate": same DOI or PubMed number;
    "possible_duplicate": titles or places alike; "not_read": a file or a part of one that is no reference, whose words
    are in evidence), duplicate_of (study_id in studies, or of an earlier proposal), evidence, and the file, line and
    key of the reference. Every row is awaiting; design, counts and cohort are left to the reader.

    Raises
    ------
    ReferenceFileError: there is no file, or nothing in them can be read
    """
    found, unread = read_files(paths, folder)
    if not found:
        raise ReferenceFileError("\n".join(map(str, unread)))
    asked = dict.fromkeys(studies["study_id"], 1)
    rows = [_study(reference, asked) for reference in found]
    everything = pd.DataFrame([*map(_of_study, studies.to_dict("records")), *map(_of_reference, found)])
    names = [*studies["study_id"], *(row["study_id"] for row in rows)]
    alike = {row["record"] - len(studies): row for row in find_duplicates(everything).to_dict("records")}
    for at, (row, reference) in enumerate(zip(rows, found, strict=True)):
        pair = alike.get(at)
        row |= {
            "proposal": pair["certainty"] if pair else NEW,
            "duplicate_of": names[pair["other"]] if pair else "",
            "evidence": _evidence(pair["evidence"], pair["value"], row) if pair else "",
            "authors": "; ".join(author.inverted for author in reference.authors),
            "line": str(reference.line),
            "reference": reference.key,
        } | {name: getattr(reference, name) for name in ("file", "pmcid", "trials", "database")}
    rows += [_not_read(part) for part in unread]
    return pd.DataFrame(rows, columns=[*columns("studies"), *PROPOSAL], dtype="str").fillna("")


def _evidence(kind: str, value: str, row: dict[str, str]) -> str:
    words = {
        "doi": f"DOI {row['doi']} of both",
        "pmid": f"PubMed number {row['pmid']} of both",
        "title": "same title" if value == "1.00" else f"titles alike ({value} of 1)",
        "place": "same volume, page, year and first author",
    }
    return words[kind]


def _not_read(part: Unread) -> dict[str, str]:
    where = {"file": part.file, "line": str(part.line or "")}
    return {"proposal": NOT_READ, "evidence": part.words} | where


def _of_study(row: Record) -> dict[str, str]:
    """What is compared of a row of studies."""
    place = _citation({"status": "", **row})
    surname = "" if row["first_author"] in SILENT else person(row["first_author"]).surname
    known = {name: row[name] for name in ("title", "year", "doi", "pmid")}
    return known | {"surname": surname, "volume": place.get("volume", ""), "pages": place.get("pages", "")}


def _of_reference(reference: Reference) -> dict[str, str]:
    surname = reference.authors[0].surname if reference.authors else ""
    return {"surname": surname} | {
        name: getattr(reference, name) for name in ("title", "year", "doi", "pmid", "volume", "pages")
    }


def _study(reference: Reference, asked: dict[str, int]) -> dict[str, str]:
    """A row of studies; a cell that the table would refuse becomes NR and is named in the notes."""
    surname = reference.authors[0].surname if reference.authors else ""
    name = _free_name(surname, reference.year, asked)
    cells = dict.fromkeys(columns("studies"), "") | {
        "study_id": name,
        "label": " ".join(filter(None, [surname or name, reference.year])),
        "first_author": reference.author or "NR",
        "year": reference.year or "NR",
        "title": reference.title or "NR",
        "journal": reference.place or "NR",
        "doi": reference.doi or "NR",
        "pmid": reference.pmid or "NR",
        "design": "NR",
        "controlled": "NR",
        "n_patients": "NR",
        "published_review": "unknown",
        "status": "awaiting",
        "status_reason": f"imported from {reference.file}, not read yet",
    }
    refused = [column for column, value in cells.items() if check_cell("studies", column, value)[1]]
    told = [reference.remark, *(f"{column} in the file: {shown(cells[column])}" for column in refused)]
    cells["notes"] = "; ".join(filter(None, told))
    return cells | dict.fromkeys(refused, "NR")


def _free_name(surname: str, year: str, asked: dict[str, int]) -> str:
    """A study_id such as doe2022, or doe2022b where that is taken; it is taken from then on.

    `asked` has every name that is taken, with how often it was asked for, so that a common one is found at once.
    """
    plain = unicodedata.normalize("NFKD", surname.casefold()).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or "study"
    stem += year or "_nd"
    while True:
        number = asked[stem] = asked.get(stem, 0) + 1
        name = stem if number == 1 else f"{stem}{chr(96 + number)}" if number <= 26 else f"{stem}_{number}"
        if (number == 1 or name not in asked) and not check_cell("studies", "study_id", name)[1]:
            asked.setdefault(name, 1)
            return name
