"""Files of references as databases and reference managers write them, read by content and not by the name's ending.

The only module that knows these formats. Every record is read, or named with its file and line; what a record does not
say stays empty.
"""

from __future__ import annotations

import datetime
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from small_evidence import CONTROL, ReviewError, shown
from small_evidence.extraction.identifiers import (
    first_doi,
    first_pmcid,
    first_pmid,
    is_pubmed,
    normal_pmid,
    trial_numbers,
)
from small_evidence.extraction.people import Person, people, person
from small_evidence.extraction.schema import column_name
from small_evidence.extraction.spreadsheets import UnreadableFileError, open_file, read_csv

FIRST_YEAR = 1800
TYPE_TAGS = frozenset(("ty", "pt", "0", "type", "ref-type"))
# tag or column, in small letters, by what it says, the preferred one first
Roles = Mapping[str, tuple[str, ...]]
Fields = dict[str, list[str]]


class ReferenceFileError(ReviewError):
    """Files of references of which none can be read; the text says which and why."""


@dataclass(frozen=True)
class Reference:
    """One record of a file of references; "" where the file does not say.

    Attributes
    ----------
    key : str; its name in the file, else its number
    authors : tuple of Person
    title, journal, year, volume, issue, pages : str
    doi, pmid, pmcid, trials : str; identifiers in their normal form, several trials separated by ";"
    database : str; where the record comes from, as the file says
    file, line : name of the file and line in it at which the record begins
    remark : str; what the file says that could not be taken over
    fields : dict of lists; everything that the file says, by tag or column in small letters
    """

    key: str
    authors: tuple[Person, ...]
    title: str
    journal: str
    year: str
    volume: str
    issue: str
    pages: str
    doi: str
    pmid: str
    pmcid: str
    trials: str
    database: str
    file: str
    line: int
    remark: str
    fields: Fields

    @property
    def says_something(self) -> bool:
        """Whether the record has more than its type."""
        return any(text.strip() for tag, texts in self.fields.items() if tag not in TYPE_TAGS for text in texts)

    @property
    def author(self) -> str:
        """The first author as "Doe JA", or the name of the group."""
        return self.authors[0].short if self.authors else ""

    @property
    def place(self) -> str:
        """Journal, year, volume and pages as "Arthritis Rheum 1995;38(11):1646-54"."""
        if not (self.journal and self.volume and self.pages):
            return self.journal
        issue = f"({self.issue})" if self.issue else ""
        return f"{self.journal} {f'{self.year};' if self.year else ''}{self.volume}{issue}:{self.pages}"


@dataclass(frozen=True)
class Unread:
    """A file, or a part of one from a line on, that is not taken for a reference, and why."""

    file: str
    line: int | None
    words: str

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.words}"


# --------------------------------------------------------------------------------------------------- files


def read_folder(folder: str | Path) -> tuple[list[Reference], list[Unread]]:
    """The references of all files of a folder and its subfolders, in the order of their names.

    Parameters
    ----------
    folder : path; files that begin with a dot are left out, everything else is read or named

    Raises
    ------
    ReferenceFileError: there is no file
    """
    folder = Path(folder)
    return read_files(reference_files(folder), folder)


def reference_files(folder: str | Path) -> list[Path]:
    """Every file below the folder; no link to another folder is followed, it is itself in the list."""
    found: list[Path] = []
    for path in sorted(Path(folder).glob("*")):
        if path.name.startswith((".", "~$")):
            continue
        found += reference_files(path) if path.is_dir() and not path.is_symlink() else [path]
    return found


def read_files(paths: Iterable[str | Path], folder: str | Path | None = None) -> tuple[list[Reference], list[Unread]]:
    """The references of files.

    Parameters
    ----------
    paths : files
    folder : path that no link may lead out of; by default the folder of each file

    Returns
    -------
    (references, unread): every record of every file is in one of the two

    Raises
    ------
    ReferenceFileError: there is no file
    """
    files = [Path(path) for path in paths]
    if not files:
        raise ReferenceFileError("no references: put files of references into data/raw/references")
    references: list[Reference] = []
    unread: list[Unread] = []
    for path in files:
        root = Path(folder) if folder else path.parent
        name = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
        try:
            found, left = read_text(_decoded(open_file(path, root)), name)
        except UnreadableFileError as error:
            found, left = [], [Unread(name, error.row, error.words)]
        references += found
        unread += left
    return references, unread


def _decoded(raw: bytes) -> str:
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        words = "not text in UTF-8; export it again as UTF-8"
        raise UnreadableFileError("not_utf8", words, raw.count(b"\n", 0, error.start) + 1) from error
    if "\0" in text:
        raise UnreadableFileError("not_utf8", "not text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(text: str, name: str) -> tuple[list[Reference], list[Unread]]:
    """The references in the text of a file, and what is none; the format is found by what the text looks like."""
    reader = next((reader for looks_like, reader in _READERS if looks_like(text)), None)
    if reader is None:
        words = "empty" if not text.strip() else f"no format of references that is known; known are {FORMATS}"
        return [], [Unread(name, None, words)]
    try:
        references, unread = reader(text, name)
    except UnreadableFileError as error:
        return [], [Unread(name, error.row, error.words)]
    if not references and not unread:
        unread = [Unread(name, None, "has no reference")]
    return references, unread


# ------------------------------------------------------------------------------------------- what a record says


def _reference(
    fields: Fields, roles: Roles, key: str, place: tuple[str, int], remarks: Iterable[str] = ()
) -> Reference:
    """A reference from the fields of a record; `roles` says which field says what."""
    fields = {tag: [CONTROL.sub("", text) for text in values] for tag, values in fields.items()}

    def texts(*names: str) -> list[str]:
        return [text for name in names for tag in roles.get(name, ()) for text in fields.get(tag, []) if text.strip()]

    def first(name: str) -> str:
        return _line(next(iter(texts(name)), ""))

    def all_of_first(name: str) -> list[str]:
        tag = next((tag for tag in roles.get(name, ()) if any(map(str.strip, fields.get(tag, [])))), "")
        return [_line(text) for text in fields.get(tag, [])]

    said = list(remarks)
    database = first("database")
    authors = people(all_of_first("author")) or [person(name + ",") for name in all_of_first("group")]
    if not texts("title"):
        said.append("the record has no title")
    year = next(filter(None, map(year_in, texts("year"))), "")
    if not year and texts("year"):
        said.append(f"year in the file: {shown(first('year'))}")
    doi = first_doi(texts("doi", "address"), texts("note"))
    if not doi and texts("doi"):
        said.append(f"doi in the file: {shown(first('doi'))}")
    accession = first("accession")
    is_own = is_pubmed(database) or accession.casefold().startswith(("medline", "pmid"))
    pmid = next(filter(None, map(normal_pmid, texts("pmid"))), "") or (normal_pmid(accession) if is_own else "")
    start, end = first("start"), first("end")
    return Reference(
        key=_line(key),
        authors=tuple(authors),
        title=plain_title(first("title")),
        journal=plain_title(first("journal")),
        year=year,
        volume=first("volume"),
        issue=first("issue"),
        pages=re.sub("-{2,}|[–—−]", "-", first("pages") or (f"{start}-{end}" if start and end else start)),
        doi=doi,
        pmid=pmid or first_pmid(texts("address"), texts("note"), database),
        pmcid=first_pmcid(texts("pmcid", "address", "note")),
        trials=trial_numbers(texts("trial", "address", "note")),
        database=database,
        file=place[0],
        line=place[1],
        remark="; ".join(said),
        fields=fields,
    )


def year_in(text: str) -> str:
    """The year of a date ("2021/05/01", "c2021", "20210501", "2021 Mar-Apr", "2021a"); "" where there is none.

    >>> year_in("1995 Nov 12"), year_in("20210501"), year_in("c2021"), year_in("in press"), year_in("18 pages")
    ('1995', '2021', '2021', '', '')
    """
    found = re.search(r"(?<!\d)(\d{4})(?:(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])?)?(?!\d)", text)
    while found and not FIRST_YEAR <= int(found[1]) <= datetime.date.today().year + 1:
        found = re.compile(r"(?<!\d)(\d{4})(?!\d)").search(text, found.end())
    return found[1] if found else ""


# the markup that databases put into titles; anything else between < and > is text, such as p<0.05
_MARKUP = re.compile(
    r"</?(?:jats:|mml:)?(?:b|bold|br|em|emph|font|i|inf|inline-formula|italic|math|mi|mn|mo|mrow|msub|msup|p|sc|scp|span|"
    r"strong|sub|sup|title|tt|u|underline)(?:\s[^<>]*)?/?>",
    re.I,
)


def plain_title(title: str) -> str:
    """A title without markup, entities and the full stop at its end.

    >>> plain_title("<i>Alpha sapiens</i> and &quot;beta&quot;."), plain_title("n&lt;3 with p<0.05")
    ('Alpha sapiens and "beta"', 'n<3 with p<0.05')
    """
    for _ in range(2):  # some programs escape what was escaped
        title = html.unescape(title)
    return re.sub(r"(?<!\.)\.$", "", _line(_MARKUP.sub("", title)))


def _line(value: object) -> str:
    """A value on one line, without what cannot be printed: line ends become spaces, marks without a width nothing."""
    text = str(value)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in text)
    return " ".join(text.split())


# ---------------------------------------------------------------------------------- formats with a tag on each line


@dataclass(frozen=True)
class _Tagged:
    """How a format writes its tags."""

    roles: Roles
    tag: re.Pattern[str]  # groups: tag, text
    start: str  # tag that begins a record
    end: str = ""  # tag that ends it; else an empty line does
    repeated: tuple[str, ...] = ()  # tags of which each further line is a value of its own
    header: tuple[str, ...] = ()  # tags that stand before or after all records
    joins: str = "\n"  # between the lines of one value


RIS_TAGS = """
TY ER A1 A2 A3 A4 AB AD AN AU BT C1 C2 C3 C4 C5 C6 C7 C8 CA CN CP CT CY DA DB DI DO DP ED EP ET ID IS J1 J2 JA JF JO
KW L1 L2 L3 L4 LA LB LK M1 M2 M3 N1 N2 NV OP PB PM PMID PMCID PP PY RI RN RP SE SN SP ST T1 T2 T3 TA TI TT U1 U2 U3 U4
U5 UR VL VO Y1 Y2
"""
_RIS = _Tagged(
    roles={
        "author": ("au", "a1"),
        "title": ("ti", "t1", "ct", "st"),
        "journal": ("jo", "ja", "jf", "j2", "j1", "t2", "bt"),
        "year": ("py", "y1", "da"),
        "volume": ("vl", "vo"),
        "issue": ("is", "cp"),
        "start": ("sp",),
        "end": ("ep",),
        "pages": ("pp",),
        "doi": ("do", "di"),
        "address": ("l1", "l2", "l3", "l4", "lk", "ur", "m3", "an"),
        "note": ("n1", "u1", "u2", "u3", "u4", "u5", "c1", "c2", "c7", "m1", "m2", "rn", "an"),
        "pmid": ("pmid", "pm"),
        "accession": ("an",),
        "database": ("db", "dp"),
        "pmcid": ("pmcid",),
        "key": ("id",),
    },
    # one space less than the format wants is taken where the tag is one of the format; longer tags are of some programs
    tag=re.compile(rf"([A-Z][A-Z0-9])  - ?(.*)|({'|'.join(RIS_TAGS.split())}) ?-(?: (.*)|\s*)|(ER)\s*"),
    start="ty",
    end="er",
)
_PUBMED = _Tagged(
    roles={
        "author": ("fau", "au"),
        "group": ("cn", "fed"),
        "title": ("ti", "bti"),
        "journal": ("ta", "jt"),
        "year": ("dp", "dep", "edat"),
        "volume": ("vi",),
        "issue": ("ip",),
        "pages": ("pg",),
        "doi": ("lid", "aid", "so"),
        "pmid": ("pmid",),
        "pmcid": ("pmc", "pmcr"),
        "trial": ("si",),
        "key": ("pmid",),
    },
    tag=re.compile(r"(?=[A-Z ]{4}-)([A-Z]{2,4}) {0,2}-(?: (.*)|\s*)"),
    start="pmid",
    joins=" ",
)
_ENDNOTE = _Tagged(
    roles={
        "author": ("a",),
        "title": ("t",),
        "journal": ("j", "b"),
        "year": ("d", "8"),
        "volume": ("v",),
        "issue": ("n",),
        "pages": ("p",),
        "doi": ("r",),
        "address": ("u", ">", "m"),
        "note": ("z", "1", "2", "3", "4", "m"),
        "accession": ("m",),
        "database": ("~", "w"),
        "pmcid": ("2",),
        "key": ("f",),
    },
    tag=re.compile(r"%([0-9A-Z@!#$&()*+,\-./:;<=>?\[\]^_~])(?: (.*)|\s*)"),
    start="0",
)
_WEB_OF_SCIENCE = _Tagged(
    roles={
        "author": ("af", "au"),
        "group": ("ca", "gp"),
        "title": ("ti",),
        "journal": ("ji", "j9", "so"),
        "year": ("py", "ey", "ea", "pd"),
        "volume": ("vl",),
        "issue": ("is",),
        "start": ("bp", "ar"),
        "end": ("ep",),
        "doi": ("di", "d2"),
        "pmid": ("pm",),
        "accession": ("ut",),
        "key": ("ut",),
    },
    tag=re.compile(r"([A-Z][A-Z0-9])(?: (.*)|\s*)"),
    start="pt",
    end="er",
    repeated=("au", "af", "ca", "gp"),
    header=("fn", "vr", "ef"),
    joins=" ",
)
# lines that some programs put before the records of a RIS file, and the numbers that others write between them
_AROUND = re.compile(r"\s*(?:(?:Provider|Database|Content|Source)\s*:.*|\d+\.)\s*")


def _read_tagged(text: str, name: str, form: _Tagged) -> tuple[list[Reference], list[Unread]]:
    references: list[Reference] = []
    unread: list[Unread] = []
    for lines, ended in _records(text, form, unread, name):
        fields: Fields = {}
        last = ""
        for _, tag, value in lines:
            if tag:
                fields.setdefault(tag, []).append(value)
                last = tag
            elif last in form.repeated:
                fields[last].append(value)
            elif last:
                fields[last][-1] += form.joins + value
        at = lines[0][0]
        remarks = [] if ended else [f"the record has no end ({form.end.upper()}); is the file cut off?"]
        key = next(iter(fields.get(next(iter(form.roles["key"])), [])), "") or str(len(references) + 1)
        found = _reference(fields, form.roles, key, (name, at), remarks)
        if form is _PUBMED and found.title.startswith("[") and found.title.endswith("]"):
            found = replace(found, title=found.title[1:-1].removesuffix("."))  # PubMed marks a translated title so
        if found.says_something:
            references.append(found)
        else:
            unread.append(Unread(name, at, f"a record of which nothing is there but its type; {_ended_words(ended)}"))
    return references, unread


def _ended_words(ended: bool) -> str:
    return "fill it in or delete it" if ended else "is the file cut off?"


Lines = list[tuple[int, str, str]]  # number of the line, tag in small letters ("" where it goes on), text


def _records(text: str, form: _Tagged, unread: list[Unread], name: str) -> Iterator[tuple[Lines, bool]]:
    """The lines of each record and whether it was ended as the format wants; what belongs to none goes to `unread`."""
    current: Lines = []
    stray: Lines = []
    blank = False

    def told() -> None:
        if stray:
            unread.append(Unread(name, stray[0][0], f"text outside of a record: {shown(stray[0][2])}"))
            stray.clear()

    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            blank = True
            continue
        found = form.tag.fullmatch(line)
        tag, value = _matched(found) if found else ("", line.strip())
        if tag in form.header and tag:
            pass
        elif tag and tag == form.end:
            if current:
                yield from _split(current, form, True)
            current = []
        elif tag == form.start or (tag and blank and not form.end and not _goes_on(current, tag)):
            told()
            if current and not (form.end and not any(of == form.start for _, of, _ in current)):
                yield from _split(current, form, not form.end)
                current = []
            current.append((number, tag, value))
        elif tag:
            told()
            current.append((number, tag, value))
        elif current:
            current.append((number, "", value))
        elif not _AROUND.fullmatch(line):
            stray.append((number, "", value))
        blank = False
    told()
    if current:
        yield from _split(current, form, not form.end)


def _matched(found: re.Match[str]) -> tuple[str, str]:
    groups = [group for group in found.groups() if group is not None]
    return groups[0].lower(), groups[1].strip() if len(groups) > 1 else ""


def _goes_on(current: Lines, tag: str) -> bool:
    """Whether a tag after an empty line belongs to the record before it: one that has not got that tag yet."""
    return bool(current) and tag not in {of for _, of, _ in current}


def _split(lines: Lines, form: _Tagged, ended: bool) -> Iterator[tuple[Lines, bool]]:
    """Lines up to an end as one record, or as two where what stands before the type has a title of its own."""
    at = next((at for at, (_, tag, _) in enumerate(lines) if tag == form.start), 0)
    titles = form.roles["title"]
    if at and all(any(tag in titles for _, tag, _ in part) for part in (lines[:at], lines[at:])):
        yield lines[:at], False
        lines = lines[at:]
    yield lines, ended


# ------------------------------------------------------------------------------------------------------ BibTeX

_BIBTEX: Roles = {
    "author": ("author",),
    "group": ("collaboration",),
    "title": ("title",),
    "journal": ("journal", "journaltitle", "booktitle"),
    "year": ("year", "date", "issued"),
    "volume": ("volume",),
    "issue": ("number", "issue"),
    "pages": ("pages",),
    "doi": ("doi",),
    "address": ("url", "ee", "link", "eprint", "bdsk-url-1", "howpublished"),
    "note": ("note", "annote"),
    "pmid": ("pmid", "pubmed", "pubmed_id"),
    "pmcid": ("pmcid", "pmc"),
    "accession": ("eprint",),
    "database": ("eprinttype", "archiveprefix"),
}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"


def _read_bibtex(text: str, name: str) -> tuple[list[Reference], list[Unread]]:
    import logging

    from bibtexparser import model
    from bibtexparser.entrypoint import parse_string
    from bibtexparser.middlewares.names import split_multiple_persons_names

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # what it would print is said below
    unread: list[Unread] = []
    strings = {month: month.capitalize() for month in _MONTHS.split()}
    entries = []
    for read in parse_string(text, parse_stack=[]).blocks:
        line = (read.start_line or 0) + 1
        block: model.Block | None = read
        if isinstance(read, model.DuplicateBlockKeyBlock | model.DuplicateFieldKeyBlock):
            block = read.ignore_error_block  # a key or field that stands twice does not spoil the reference
        if isinstance(block, model.String):
            strings[block.key.lower()] = _bibtex_value(str(block.value), strings)
        elif isinstance(block, model.Entry):
            fields: dict[str, str] = {}
            for field in block.fields:
                fields.setdefault(field.key.lower(), _bibtex_value(str(field.value), strings))
            entries.append((line, block.key, fields))
        elif isinstance(block, model.ParsingFailedBlock):
            unread.append(Unread(name, line, "this reference cannot be read; is a brace or comma missing?"))
        elif isinstance(block, model.ImplicitComment):
            stray = [part for part in block.comment.split("\n") if part.strip() and not part.lstrip().startswith("%")]
            if stray:
                unread.append(Unread(name, line, f"text outside of a record: {shown(stray[0])}"))
    parents = {key.lower(): fields for _, key, fields in entries}
    references = []
    for line, key, own in entries:
        fields = own
        parent = parents.get(own.get("crossref", "").lower(), {}) if "crossref" in own else {}
        if parent:
            fields = {**{"booktitle" if tag == "title" else tag: value for tag, value in parent.items()}, **own}
        said: Fields = {tag: [_plain_latex(value)] for tag, value in fields.items() if tag != "author"}
        names = split_multiple_persons_names(fields.get("author", "")) if fields.get("author") else []
        # braces around a whole name keep it together, and so say that it is a group
        said["author"] = [f"{{{_plain_latex(one)}}}" if _in_braces(one) else _plain_latex(one) for one in names]
        remarks = (
            [f"crossref to {shown(own['crossref'])}, which is not in the file"]
            if "crossref" in own and not parent
            else []
        )
        references.append(_reference(said, _BIBTEX, key, (name, line), remarks))
    return references, unread


def _bibtex_value(raw: str, strings: Mapping[str, str]) -> str:
    """A value with names of strings replaced and parts joined: jt # " Test" -> "J Test"."""
    return "".join(_bibtex_part(part.strip(), strings) for part in _at_level_0(raw, "#"))


def _bibtex_part(part: str, strings: Mapping[str, str]) -> str:
    if len(part) >= 2 and (part[0], part[-1]) in {("{", "}"), ('"', '"')}:
        return part[1:-1]
    return strings.get(part.lower(), part)


def _at_level_0(text: str, mark: str) -> list[str]:
    """The parts of a text between marks that are outside of braces and quotation marks."""
    if mark not in text:
        return [text]
    parts, level, quoted = [""], 0, False
    for at, sign in enumerate(text):
        escaped = at > 0 and text[at - 1] == "\\"
        if sign == '"' and level == 0 and not escaped:
            quoted = not quoted
        level += (sign == "{") - (sign == "}") if not escaped else 0
        if sign == mark and level == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _in_braces(name: str) -> bool:
    """Whether one pair of braces goes around all of a name."""
    if not (name.startswith("{") and name.endswith("}")):
        return False
    level = 0
    for at, sign in enumerate(name):
        level += (sign == "{") - (sign == "}")
        if level == 0 and at < len(name) - 1:
            return False
    return " " in name


@cache
def _latex() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]  # has no types

    return LatexNodes2Text(math_mode="verbatim", keep_comments=False)


def _plain_latex(text: str) -> str:
    """LaTeX as text: accents, signs and braces."""
    if not re.search(r"[\\{}~$%]|--|``|''", text):
        return text
    try:
        plain = _latex().latex_to_text(text)
    except Exception:  # the decoder lets whatever goes wrong pass through; the text is then taken as it is
        plain = text
    return re.sub("[{}]", "", plain)


# ---------------------------------------------------------------------------------------------------- tables (CSV)

# names of columns in small letters: Scopus, PubMed, Web of Science (tab-delimited), Rayyan, Covidence, ASReview, Embase
_TABLE: Roles = {
    "author": ("author full names", "authors", "author(s)", "author names", "author", "af", "au", "first author"),
    "title": ("title", "article title", "document title", "ti"),
    "journal": ("abbreviated source title", "source title", "journal/book", "journal", "publication title", "ji", "so"),
    "year": ("year", "publication year", "published year", "py", "date", "create date", "publication date"),
    "volume": ("volume", "vl"),
    "issue": ("issue", "is"),
    "pages": ("pages", "page"),
    "start": ("page start", "start page", "bp", "art. no."),
    "end": ("page end", "end page", "ep"),
    "doi": ("doi", "di", "doi link"),
    "address": ("url", "link", "urls", "citation"),
    "note": ("notes", "note", "extra"),
    "pmid": ("pmid", "pubmed id", "pubmed_id", "pm", "medline pmid"),
    "pmcid": ("pmcid", "pmc", "pmc_id", "extra"),
    "accession": ("accession number", "ut"),
    "database": ("database", "source database"),
    "trial": ("trial", "clinical trial numbers"),
    "key": ("key", "covidence #", "record_id", "eid", "pmid", "id", "ut"),
}
TABLE_COLUMNS = frozenset(name for names in _TABLE.values() for name in names)


def _is_table(text: str) -> bool:
    head = text.lstrip().split("\n", 1)[0]
    names = [{name.strip().strip('"').casefold() for name in head.split(mark)} for mark in ",;\t"]
    return any(
        len(found & TABLE_COLUMNS) >= 2 and found & {"title", "article title", "document title", "ti"}
        for found in names
    )


def _read_table(text: str, name: str) -> tuple[list[Reference], list[Unread]]:
    header, *rows = read_csv(text.encode("utf-8"), {column_name(known) for known in TABLE_COLUMNS})
    columns = [cell.strip().casefold() for cell in header]
    references, unread = [], []
    for at, cells in enumerate(rows, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(columns) :]):
            words = "more cells than columns; is a text with a comma not in quotation marks?"
            unread.append(Unread(name, at, words))
            continue
        row = dict(zip(columns, cells, strict=False))
        fields = {
            column: [_without_ids(value) if column == "author full names" else value] for column, value in row.items()
        }
        key = next((row[column] for column in _TABLE["key"] if row.get(column, "").strip()), str(at - 1))
        references.append(_reference(fields, _TABLE, key, (name, at)))
    return references, unread


def _without_ids(names: str) -> str:
    """Names as Scopus writes them in full, without its numbers: "Doe, Anna (57200000000); Roe, B. (…)"."""
    return re.sub(r"\s*\(\d{6,}\)", "", names)


# ------------------------------------------------------------------------------------------- CSL-JSON and EndNote XML

_CSL: Roles = {
    "author": ("author",),
    "title": ("title",),
    "journal": ("container-title-short", "journalabbreviation", "container-title", "publicationtitle"),
    "year": ("issued", "published", "published-online", "available-date", "date"),
    "volume": ("volume",),
    "issue": ("issue",),
    "pages": ("page", "page-first", "pages"),
    "doi": ("doi",),
    "address": ("url", "id"),
    "note": ("note", "annote", "extra"),
    "pmid": ("pmid",),
    "pmcid": ("pmcid",),
    "database": ("source", "archive"),
    "key": ("id", "citation-key"),
}


def _read_json(text: str, name: str) -> tuple[list[Reference], list[Unread]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        return [], [Unread(name, error.lineno, f"not JSON ({error.msg}); is the file cut off?")]
    items = content.get("items", content.get("references", [content])) if isinstance(content, dict) else content
    references, unread = [], []
    for number, item in enumerate(items if isinstance(items, list) else [items], 1):
        found = _of_csl(item, number, name) if isinstance(item, dict) else None
        if found and found.says_something:
            references.append(found)
        else:
            unread.append(Unread(name, None, f"item {number} is not a reference in CSL-JSON"))
    return references, unread


def _of_csl(item: Mapping[str, Any], number: int, name: str) -> Reference:
    fields: Fields = {}
    for tag, value in item.items():
        if tag in ("author", "editor", "creators"):
            people_of = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
            if tag == "creators":  # of Zotero's own JSON: authors, editors and others in one list
                people_of, tag = [one for one in people_of if one.get("creatorType", "author") == "author"], "author"
            fields[tag] = [_csl_name(one) for one in people_of]
        elif isinstance(value, Mapping):  # a date
            parts = value.get("date-parts") or [[value.get("raw") or value.get("literal") or ""]]
            fields[tag.lower()] = [
                "-".join(str(part) for part in parts[0]) if isinstance(parts[0], list) else str(parts[0])
            ]
        elif isinstance(value, list):
            fields[tag.lower()] = [str(one) for one in value]
        else:
            fields[tag.lower()] = [str(value)]
    return _reference(fields, _CSL, str(item.get("id", number)), (name, number))


def _csl_name(name: Mapping[str, Any]) -> str:
    whole, family = name.get("literal", name.get("name")), name.get("family", name.get("lastName"))
    if whole:
        return f"{{{whole}}}"
    particle = name.get("non-dropping-particle") or name.get("dropping-particle")
    surname = " ".join(str(part) for part in (particle, family) if part)
    given = name.get("given", name.get("firstName"))
    return ", ".join(str(part) for part in (surname, name.get("suffix"), given) if part)


_ENDNOTE_XML: Roles = {
    "author": ("author",),
    "title": ("title",),
    "journal": ("full-title", "abbr-1", "secondary-title"),
    "year": ("year", "date"),
    "volume": ("volume",),
    "issue": ("number", "issue"),
    "pages": ("pages",),
    "doi": ("electronic-resource-num",),
    "address": ("url", "accession-num"),
    "note": ("notes", "custom1", "custom2", "label", "accession-num"),
    "accession": ("accession-num",),
    "database": ("remote-database-name", "remote-database-provider"),
    "pmcid": ("custom2",),
    "key": ("rec-number",),
}


def _read_xml(text: str, name: str) -> tuple[list[Reference], list[Unread]]:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # has no types
    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]  # has no types

    try:
        root = fromstring(text.encode("utf-8"), forbid_dtd=True)
    except ParseError as error:
        return [], [Unread(name, error.position[0], "not whole XML; is the file cut off?")]
    except DefusedXmlException:
        return [], [
            Unread(
                name,
                None,
                "contains an XML document type, as PubMed's XML does; not read, export it as PubMed text or RIS",
            )
        ]
    records = list(root.iter("record"))
    if not records or root.tag not in ("xml", "records"):
        return [], [Unread(name, None, f"XML that is not EndNote's ({shown(root.tag)}); export it as RIS")]
    references, unread = [], []
    for number, record in enumerate(records, 1):
        fields: Fields = {}
        for element in record.iter():
            if element.tag == "style" or (len(element) and any(child.tag != "style" for child in element)):
                continue
            if value := "".join(element.itertext()).strip():
                fields.setdefault(element.tag, []).append(value)
        fields["author"] = [
            "".join(author.itertext()).strip() for author in record.findall("contributors/authors/author")
        ]
        key = fields.get("rec-number", [str(number)])[0]
        found = _reference(fields, _ENDNOTE_XML, key, (name, number))
        if found.says_something:
            references.append(found)
        else:
            unread.append(Unread(name, None, f"record {number} is empty"))
    return references, unread


# --------------------------------------------------------------------------------------------- which format it is

FORMATS = (
    "RIS, BibTeX, PubMed, EndNote (.enw and XML), Web of Science, CSL-JSON, and CSV of Scopus, PubMed, Rayyan, "
    "Covidence or ASReview"
)
_Reader = Callable[[str, str], tuple[list[Reference], list[Unread]]]


def _tagged(form: _Tagged) -> _Reader:
    return lambda text, name: _read_tagged(text, name, form)


def _has(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.search(pattern, text, re.M) is not None


_READERS: tuple[tuple[Callable[[str], bool], _Reader], ...] = (
    (lambda text: text.lstrip().startswith("<"), _read_xml),
    (lambda text: re.match(r"\s*(?:\[\s*(?:\{|\])|\{\s*\")", text) is not None, _read_json),
    (_is_table, _read_table),
    (_has(r"^PMID- *\d"), _tagged(_PUBMED)),
    (_has(r"^TY {1,2}-"), _tagged(_RIS)),
    (_has(r"^\s*@\s*\w+\s*[{(]"), _read_bibtex),
    (_has(r"^%0 \S|^%T \S"), _tagged(_ENDNOTE)),
    (_has(r"^PT [A-Z]\b"), _tagged(_WEB_OF_SCIENCE)),
    (_has(r"^(?:TI|T1|AU|A1|DO)  -"), _tagged(_RIS)),
)
