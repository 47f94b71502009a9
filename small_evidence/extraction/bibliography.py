"""Studies as BibTeX and RIS, and BibTeX, RIS and PubMed files as studies: the only module that knows these formats.

What is not reported is left out of a citation, and nothing that a file does not say is put into a study.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from small_evidence import ReviewError, shown
from small_evidence.extraction.overlap import near_titles
from small_evidence.extraction.schema import MISSING, SILENT, check_cell, columns
from small_evidence.extraction.spreadsheets import UnreadableFileError, open_file

FORMATS = (".bib", ".ris", ".nbib")
# "Ann Rheum Dis 1998;57(4):252", with or without the year and the number of the issue
PRINTED = re.compile(
    r"(?P<journal>.+?) (?:(?P<year>\d{4});)?(?P<volume>\d+)(?:\((?P<issue>[^()]+)\))?:(?P<pages>[\w-]+)"
)
FIRST_ONLY = "Later authors are not recorded."
PROPOSAL = ["proposal", "duplicate_of", "evidence", "file", "reference"]


class ReferenceFileError(ReviewError):
    """A file of references that cannot be read whole; the text says which and where."""


# ---------------------------------------------------------------------------------------------- export


def citations(studies: pd.DataFrame) -> list[dict[str, str]]:
    """What is known of each study as a citation.

    Parameters
    ----------
    studies : DataFrame; the checked table studies

    Returns
    -------
    list of dict with study_id, status and, where known, author ("Palmieri, G. M. A."), title, journal, year, volume,
    issue, pages, doi, pmid. The place in a journal is split only where it is printed as journal, volume and pages and
    does not contradict the year.
    """
    return [_citation(row) for row in studies.to_dict("records")]


def _citation(row: dict) -> dict[str, str]:
    told = {name: " ".join(row[name].split()) for name in ("title", "journal", "year", "doi", "pmid")}
    place = PRINTED.fullmatch(told["journal"])
    if place and place["year"] in (None, told["year"]):
        told |= {name: place[name] for name in ("journal", "volume", "issue", "pages") if place[name]}
    author = "" if row["first_author"] in MISSING else _inverted(row["first_author"])
    told = {"author": author, **told}
    known = {name: value for name, value in told.items() if value and value not in MISSING}
    return {"study_id": row["study_id"], "status": row["status"], **known}


def _inverted(author: str) -> str:
    """ "Palmieri GMA" as "Palmieri, G. M. A."; a name without initials as it is."""
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
    import bibtexparser
    from bibtexparser.middlewares import LatexEncodingMiddleware
    from bibtexparser.model import Entry, Field

    names = {"issue": "number"}
    entries = []
    for found in citations(studies):
        key, status = found.pop("study_id"), found.pop("status")
        fields = [Field(names.get(name, name), value) for name, value in found.items()]
        fields.append(Field("keywords", status))
        if "author" in found:
            fields.append(Field("note", FIRST_ONLY))
        entries.append(Entry("article" if "journal" in found else "misc", key, fields))
    library = bibtexparser.Library(entries)
    return bibtexparser.write_string(library, prepend_middleware=[LatexEncodingMiddleware()])


def ris(studies: pd.DataFrame) -> str:
    """The studies as a RIS file, ID = study_id, the PubMed number as accession number, the status as keyword.

    Parameters
    ----------
    studies : DataFrame; the checked table studies
    """
    import rispy

    class Writer(rispy.RisWriter):
        """Writes no number before a reference, which is not part of the format."""

        def set_header(self, count):
            return ""

    names = {"journal": "journal_name", "issue": "number"}
    records = []
    for found in citations(studies):
        key, status = found.pop("study_id"), found.pop("status")
        record = {"type_of_reference": "JOUR" if "journal" in found else "GEN", "id": key}
        if "author" in found:
            record |= {"authors": [found.pop("author")], "notes": [FIRST_ONLY]}
        if "pages" in found:
            start, _, end = found.pop("pages").partition("-")
            record |= {"start_page": start} | ({"end_page": end} if end else {})
        if "pmid" in found:
            record |= {"accession_number": found.pop("pmid"), "name_of_database": "PubMed"}
        record |= {names.get(name, name): value for name, value in found.items()}
        records.append(record | {"keywords": [status]})
    return rispy.dumps(records, implementation=Writer)


def save_text(text: str, path: str | Path) -> None:
    """Write UTF-8 with LF."""
    Path(path).write_bytes(text.encode("utf-8"))


# ---------------------------------------------------------------------------------------------- import


def read_references(path: str | Path) -> list[dict[str, str]]:
    """The references of a BibTeX (.bib), RIS (.ris) or PubMed (.nbib) file.

    Parameters
    ----------
    path : file; its suffix says which format

    Returns
    -------
    list of dict with key, author ("Palmieri GMA"), title, journal ("Arthritis Rheum 1995;38(11):1646-54"), year, doi,
    pmid; "" where the file does not say

    Raises
    ------
    ReferenceFileError: the file is not text in UTF-8, of another format, or a reference in it cannot be read; nothing
    is left out in silence
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ReferenceFileError(f"{path.name}: not a file of references; allowed are {', '.join(FORMATS)}")
    try:
        text = open_file(path, path.parent).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReferenceFileError(f"{path.name}: not text in UTF-8; export it again as UTF-8") from error
    except UnreadableFileError as error:
        raise ReferenceFileError(f"{path.name}: {error.words}") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    read = {".bib": _read_bibtex, ".ris": _read_ris, ".nbib": _read_nbib}[path.suffix.lower()]
    found = read(text, path.name)
    if not found:
        raise ReferenceFileError(f"{path.name}: holds no reference")
    return found


def _read_bibtex(text: str, name: str) -> list[dict[str, str]]:
    import logging

    import bibtexparser
    from bibtexparser.middlewares import LatexDecodingMiddleware
    from bibtexparser.model import DuplicateBlockKeyBlock, DuplicateFieldKeyBlock, Entry, ParsingFailedBlock

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # what it would print is said below
    library = bibtexparser.parse_string(text, append_middleware=[LatexDecodingMiddleware()])
    found = []
    for block in library.blocks:
        if isinstance(block, DuplicateBlockKeyBlock | DuplicateFieldKeyBlock):
            block = block.ignore_error_block  # a key or field that stands twice does not spoil the reference
        if isinstance(block, ParsingFailedBlock):
            line = block.start_line + 1
            raise ReferenceFileError(
                f"{name}, line {line}: this reference cannot be read; is a brace or comma missing?"
            )
        if isinstance(block, Entry):
            cells = {field.key.lower(): re.sub(r"[{}]", "", str(field.value)) for field in block.fields}
            is_pubmed = cells.get("eprinttype", "").lower() in ("pubmed", "pmid")
            found.append(
                _reference(
                    key=block.key,
                    author=re.split(r"\s+and\s+", cells.get("author", ""))[0],
                    title=cells.get("title", ""),
                    journal=cells.get("journal", cells.get("journaltitle", "")),
                    year=cells.get("year", cells.get("date", "")),
                    volume=cells.get("volume", ""),
                    issue=cells.get("number", cells.get("issue", "")),
                    pages=cells.get("pages", ""),
                    doi=cells.get("doi", ""),
                    pmid=cells.get("pmid", cells.get("eprint", "") if is_pubmed else ""),
                )
            )
    return found


def _read_ris(text: str, name: str) -> list[dict[str, str]]:
    import rispy

    begun = len(re.findall(r"^TY  -", text, re.M))
    records = rispy.loads(text)
    if begun != len(records):
        words = f"{begun} references begin (TY  - ), but {len(records)} are complete (ER  - )"
        raise ReferenceFileError(f"{name}: {words}; is the file cut off?")

    def first(record: dict, *names: str) -> str:
        value = next((record[word] for word in names if record.get(word)), "")
        return str(value[0] if isinstance(value, list) else value)

    found = []
    for number, record in enumerate(records, start=1):
        database = first(record, "name_of_database", "database_provider").lower()
        is_pubmed = any(word in database for word in ("pubmed", "medline", "nlm"))
        start, end = first(record, "start_page"), first(record, "end_page")
        links = re.search(r"pubmed\D*/(\d+)", " ".join(map(str, record.get("urls", []))))
        found.append(
            _reference(
                key=first(record, "id") or str(number),
                author=first(record, "authors", "first_authors"),
                title=first(record, "title", "primary_title"),
                journal=first(record, "journal_name", "alternate_title2", "alternate_title3", "secondary_title"),
                year=first(record, "year", "publication_year", "date"),
                volume=first(record, "volume"),
                issue=first(record, "number"),
                pages=f"{start}-{end}" if end else start,
                doi=first(record, "doi"),
                pmid=first(record, "accession_number") if is_pubmed else links[1] if links else "",
            )
        )
    return found


def _read_nbib(text: str, name: str) -> list[dict[str, str]]:
    import nbib

    begun = len(re.findall(r"^PMID- ", text, re.M))
    try:
        records = nbib.read(text)
    except Exception as error:  # the reader lets whatever goes wrong in a line pass through
        raise ReferenceFileError(f"{name}: not a file of PubMed ({shown(error)})") from error
    if begun != len(records):
        words = f"{begun} references begin (PMID-), but {len(records)} can be told apart"
        raise ReferenceFileError(f"{name}: {words}; an empty line belongs between two")
    found = []
    for number, record in enumerate(records, start=1):
        author = next(iter(record.get("authors", [])), {})
        found.append(
            _reference(
                key=str(record.get("pubmed_id", number)),
                author=author.get("author_abbreviated") or author.get("author", ""),
                title=record.get("title", ""),
                journal=record.get("journal_abbreviated") or record.get("journal", ""),
                year=record.get("publication_date", ""),
                volume=record.get("journal_volume", ""),
                issue=record.get("journal_issue", ""),
                pages=record.get("pages", ""),
                doi=record.get("doi", ""),
                pmid=str(record.get("pubmed_id", "")),
            )
        )
    return found


def _reference(key, author, title, journal, year, volume, issue, pages, doi, pmid) -> dict[str, str]:
    """One reference in the words of the table studies."""
    found = re.search(r"\b(1[89]|20)\d\d\b", str(year))
    year = found[0] if found else ""
    place = _line(journal)
    if place and volume and pages:
        number = f"({_line(issue)})" if issue else ""
        place += f" {f'{year};' if year else ''}{_line(volume)}{number}:{re.sub('[-–]+', '-', _line(pages))}"
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", _line(doi), flags=re.I)
    return {
        "key": _line(key),
        "author": _short_name(_line(author)),
        "title": re.sub(r"(?<!\.)\.$", "", _line(title)),  # PubMed ends every title with a full stop
        "journal": place,
        "year": year,
        "doi": doi,
        "pmid": _line(pmid),
    }


def _line(value) -> str:
    """A value on one line, without what cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def _short_name(author: str) -> str:
    """ "Palmieri, Gino M. A." as "Palmieri GMA"; names in another order stay as they are."""
    surname, comma, given = author.partition(",")
    if not comma:
        return author
    parts = re.split(r"[\s.]+", given.replace("-", " ").strip(" ."))
    # given names shrink to their first letter, initials that were written together stay
    initials = "".join(part if part.isupper() and len(part) <= 3 else part[:1].upper() for part in parts)
    return f"{surname.strip()} {initials}".strip()


def import_proposals(paths: Iterable[str | Path], studies: pd.DataFrame) -> pd.DataFrame:
    """Rows for the table studies from files of references, for a person to accept; duplicates are named.

    Parameters
    ----------
    paths : files .bib, .ris or .nbib
    studies : DataFrame; the checked table studies

    Returns
    -------
    DataFrame with the columns of studies and PROPOSAL: proposal ("new", "duplicate": same DOI or PubMed number,
    "possible duplicate": titles alike), duplicate_of (study_id in studies, or of an earlier proposal), evidence, and
    the file and key of the reference. Every row is awaiting; design, counts and cohort are left to the reader.

    Raises
    ------
    ReferenceFileError: there is no file, or one cannot be read whole
    """
    paths = sorted(map(Path, paths))
    if not paths:
        raise ReferenceFileError(f"no references: put files ({', '.join(FORMATS)}) into data/raw/references")
    found = [(path.name, reference) for path in paths for reference in read_references(path)]
    known = studies[["study_id", "doi", "pmid", "title"]].to_dict("records")
    taken = set(studies["study_id"])
    rows = []
    titles = pd.Series([reference["title"] for _, reference in found], dtype="str")
    alike = _alike(titles, studies)
    for position, (file, reference) in enumerate(found):
        row = _study(reference, file, taken)
        proposal, other, evidence = _duplicate(row, known, alike.get(position, []), rows)
        rows.append(row | dict(zip(PROPOSAL, [proposal, other, evidence, file, reference["key"]], strict=True)))
        known.append({name: row[name] for name in ("study_id", "doi", "pmid", "title")})
    return pd.DataFrame(rows, columns=[*columns("studies"), *PROPOSAL], dtype="str")


def _alike(titles: pd.Series, studies: pd.DataFrame) -> dict[int, list[tuple]]:
    """For each reference, studies and earlier references with a title like its own: (study_id or position, ratio)."""
    alike: dict[int, list[tuple]] = {}
    for position, study, ratio in near_titles(titles, studies.set_index("study_id")["title"]):
        alike.setdefault(position, []).append((study, ratio))
    for earlier, later, ratio in near_titles(titles):
        alike.setdefault(later, []).append((earlier, ratio))
    return alike


def _duplicate(row: dict, known: list[dict], alike: list[tuple], rows: list[dict]) -> tuple[str, str, str]:
    for column, name in (("doi", "DOI"), ("pmid", "PubMed number")):
        if row[column] not in SILENT:
            for other in known:
                if other[column].casefold() == row[column].casefold():
                    return "duplicate", other["study_id"], f"{name} {row[column]} of both"
    if alike:
        other, ratio = max(alike, key=lambda pair: pair[1])
        name = rows[other]["study_id"] if isinstance(other, int) else other
        return "possible duplicate", name, "same title" if ratio == 1 else f"titles alike ({ratio:.2f} of 1)"
    return "new", "", ""


def _study(reference: dict, file: str, taken: set[str]) -> dict[str, str]:
    """A row of studies; a cell that the table would refuse becomes NR and is told in the notes."""
    surname = reference["author"].rpartition(" ")[0] or reference["author"]
    name = _free_name(surname, reference["year"], taken)
    cells = dict.fromkeys(columns("studies"), "") | {
        "study_id": name,
        "label": " ".join(filter(None, [surname or name, reference["year"]])),
        "first_author": reference["author"] or "NR",
        "year": reference["year"] or "NR",
        "title": reference["title"] or "NR",
        "journal": reference["journal"] or "NR",
        "doi": reference["doi"] or "NR",
        "pmid": reference["pmid"] or "NR",
        "design": "NR",
        "controlled": "NR",
        "n_patients": "NR",
        "published_review": "unknown",
        "status": "awaiting",
        "status_reason": f"imported from {file}, not read yet",
    }
    refused = [column for column, value in cells.items() if check_cell("studies", column, value)[1]]
    cells["notes"] = "; ".join(f"{column} in the file: {shown(cells[column])}" for column in refused)
    return cells | dict.fromkeys(refused, "NR")


def _free_name(surname: str, year: str, taken: set[str]) -> str:
    """A study_id such as doe2022, or doe2022b where that is taken; it is taken from then on."""
    plain = unicodedata.normalize("NFKD", surname.casefold()).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or "study"
    stem += year or "_nd"
    name, number = stem, 1
    while name in taken or check_cell("studies", "study_id", name)[1]:
        number += 1
        name = f"{stem}{chr(96 + number)}" if number <= 26 else f"{stem}_{number}"
    taken.add(name)
    return name
