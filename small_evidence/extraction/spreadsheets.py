"""Opens the CSV files and workbooks that people made, as rows of text: the only module that does not trust a file.

A file may be damaged, of another kind than its name says, or made to harm: a few kilobytes that unpack to gigabytes,
a cell in the last corner of a sheet, text that stands for more text. Nothing is read before its size is known, nothing
is followed out of the folder, no formula or macro is run. What cannot be read is said in one sentence. In workbooks
that are created here text stays text.

Notes
-----
The cells of a workbook are read here in one pass over the XML of a sheet, which also finds what the eye cannot see
(merged and hidden cells, formulas without a value). openpyxl takes ten times as long; calamine is quick, but sets up
every cell up to the last one, so that a 5 kB file with a cell in XFD1048576 ends the process.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import math
import re
import zipfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree
from xml.parsers import expat

from small_evidence import ReviewError, shown
from small_evidence.extraction.schema import column_name

if TYPE_CHECKING:
    import xlsxwriter

CREATED = datetime.datetime(2000, 1, 1)  # of files that are written: a date of the run would make two runs differ
LARGEST_FILE = 128 * 2**20  # bytes of a file: twice 100,000 response rows as CSV
LARGEST_UNPACKED = 400 * 2**20  # bytes of a workbook unpacked: three times 100,000 response rows
LARGEST_PART = 8 * 2**20  # bytes of the list of sheets or of the formats of a workbook
MOST_PARTS = 10_000  # files in the archive that a workbook is
MOST_CELLS = 10_000_000  # of a table, also empty ones between others: four times 100,000 response rows
HEADER_ROWS = 6  # first rows of a table among which its header is sought
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384  # of a sheet

CELL_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"}
_WORKBOOK_START, _OLD_WORKBOOK_START = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_DOCUMENT_TYPE = "contains an XML document type, which no spreadsheet writes"


class UnreadableFileError(ReviewError):
    """Why a file cannot be read.

    Parameters
    ----------
    rule : the rule of extraction it breaks
    words : the sentence
    row, column : where in the file, when that is known
    """

    def __init__(self, rule: str, words: str, row: int | None = None, column: str = ""):
        super().__init__(words)
        self.rule, self.words, self.row, self.column = rule, words, row, column


class Mark(NamedTuple):
    """Something about a sheet that its text does not show; position counts columns from 0."""

    rule: str
    row: int | None
    position: int | None
    words: str


class Sheet(NamedTuple):
    """The rows of a sheet, the first (header) row first; their row numbers; and what else there is to say of it."""

    rows: list[list[str]]
    row_numbers: list[int]
    marks: list[Mark]


# ------------------------------------------------------------------------------------------------ any file


def create_workbook(
    path: str | Path, title: str, created: datetime.datetime = CREATED, **options: object
) -> xlsxwriter.Workbook:
    """A new workbook in which no text becomes a formula, a link or a number; written where its `with` ends.

    Parameters
    ----------
    path : file to write
    title, created : properties of the file
    options : more options of xlsxwriter.Workbook
    """
    import xlsxwriter

    text_stays = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path), text_stays | options)
    book.set_properties({"title": title, "created": created})
    return book


def open_file(path: Path, folder: Path) -> bytes:
    """The bytes of a file of the folder.

    Raises
    ------
    UnreadableFileError: a link to a file elsewhere, not a file, too large, or not to be opened
    """
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UnreadableFileError("link_outside", "a link to a file outside this folder; put the file itself here")
        if not path.exists():
            raise UnreadableFileError("unreadable_file", "a broken symbolic link; put the file itself here")
        if not path.is_file():
            raise UnreadableFileError("unreadable_file", "not a file")
        with path.open("rb") as stream:
            raw = stream.read(LARGEST_FILE + 1) if path.stat().st_size <= LARGEST_FILE else None
    except RuntimeError as error:  # a link to itself, before Python 3.13
        raise UnreadableFileError("unreadable_file", "a broken symbolic link; put the file itself here") from error
    except OSError as error:
        raise UnreadableFileError("unreadable_file", f"cannot be opened ({error.strerror})") from error
    if raw is None or len(raw) > LARGEST_FILE:
        raise UnreadableFileError("file_too_large", f"larger than {LARGEST_FILE // 2**20} MiB")
    return raw


def _too_many_cells(where: str = "") -> UnreadableFileError:
    return UnreadableFileError("file_too_large", f"{where}has more than {MOST_CELLS} cells, empty ones between counted")


def peek(folder: Path, wanted: Mapping[str, Iterable[str]]) -> dict[str, list[dict[str, str]]]:
    """The rows of tables as they stand, unchecked; none of a table that is not there or cannot be read.

    Parameters
    ----------
    folder : path of data/raw
    wanted : table -> names of columns that are sought in its header
    """
    found = {}
    book = folder / "extraction.xlsx"
    if book.exists():
        with contextlib.suppress(UnreadableFileError):
            found = {name: sheet.rows for name, sheet in read_workbook(open_file(book, folder), wanted)[0].items()}
    for table, known in wanted.items():
        if (folder / f"{table}.csv").exists():
            with contextlib.suppress(UnreadableFileError):
                found[table] = read_csv(open_file(folder / f"{table}.csv", folder), known)
    tables = {}
    for table in wanted:
        header, *body = [[cell.strip() for cell in row] for row in found.get(table) or [[]]]
        header = [column_name(name) for name in header]
        tables[table] = [dict(zip(header, row, strict=False)) for row in body]
    return tables


# --------------------------------------------------------------------------------------------------- CSV


def read_csv(raw: bytes, known: Iterable[str]) -> list[list[str]]:
    """The rows of a CSV file, the header first.

    Parameters
    ----------
    raw : the file, UTF-8 with or without a byte order mark; commas, semicolons or tabs
    known : names of the columns that are sought in the header; the separator that finds most of them is taken

    Raises
    ------
    UnreadableFileError: not a CSV file, not UTF-8, or quotation marks that are not closed
    """
    if raw.startswith((_WORKBOOK_START, _OLD_WORKBOOK_START)):
        raise UnreadableFileError("not_utf8", "a workbook, not a CSV file; save it as extraction.xlsx or as CSV UTF-8")
    if b"\0" in raw:
        raise UnreadableFileError("not_utf8", "not text in UTF-8; save it as CSV UTF-8")
    if sum(raw.count(mark) for mark in (b",", b";", b"\t", b"\r", b"\n")) > MOST_CELLS:
        raise _too_many_cells()
    try:
        return _parse_csv(raw, "utf-8-sig", known)
    except UnicodeDecodeError:
        rows = _parse_csv(raw, "latin-1", known)
    for number, row in enumerate(rows, start=1):
        for position, cell in enumerate(row):
            try:
                cell.encode("latin-1").decode("utf-8")
            except UnicodeDecodeError:
                column = rows[0][position].strip() if position < len(rows[0]) else ""
                words = f"{shown(cell)} is not UTF-8; save the file as CSV UTF-8"
                raise UnreadableFileError("not_utf8", words, number, column) from None
    raise UnreadableFileError("not_utf8", "not UTF-8; save the file as CSV UTF-8")


def _parse_csv(raw: bytes, encoding: str, known: Iterable[str]) -> list[list[str]]:
    known, rows = set(known), []

    def records(separator):
        text = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, newline="")
        return csv.reader(text, delimiter=separator, strict=True)

    def named(separator):
        most = -1
        # with names in quotation marks, any other separator than the right one breaks the row
        with contextlib.suppress(csv.Error):
            for row in islice(records(separator), HEADER_ROWS):
                most = max(most, sum(column_name(cell) in known for cell in row))
        return most

    csv.field_size_limit(LARGEST_FILE)
    try:
        # spreadsheets of countries with a decimal comma write semicolons: take what finds the most columns
        separator = max(",;\t", key=named)
        for row in records(separator):
            rows.append(row)
    except csv.Error:
        words = "a quotation mark in this row is not closed, or is inside a text and is not doubled"
        raise UnreadableFileError("bad_csv", words, len(rows) + 1) from None
    return rows


# -------------------------------------------------------------------------------------------- workbooks


def read_workbook(raw: bytes, wanted: Iterable[str]) -> tuple[dict[str, Sheet], list[Mark]]:
    """The sheets of a workbook and what is to be said of it as a whole.

    Parameters
    ----------
    raw : the .xlsx file
    wanted : names of the sheets to read; of others only the first row that holds something

    Raises
    ------
    UnreadableFileError: encrypted, with macros, damaged, or far larger than anyone's extraction
    """
    if raw.startswith(_OLD_WORKBOOK_START):
        raise UnreadableFileError("bad_workbook", "encrypted, or an old .xls file; save it as .xlsx without a password")
    if not raw.startswith(b"PK"):
        raise UnreadableFileError("bad_workbook", "not a workbook; save it as .xlsx")
    try:
        if raw.count(b"PK\x01\x02") > MOST_PARTS:
            raise UnreadableFileError("file_too_large", f"contains more than {MOST_PARTS} parts")
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            _refuse(parts)
            return _read_sheets(parts, set(wanted))
    except UnreadableFileError:
        raise
    except Exception as error:  # damaged files make zipfile, zlib and expat raise almost anything
        words = f"damaged, it cannot be read ({type(error).__name__}); save it again as .xlsx"
        raise UnreadableFileError("bad_workbook", words) from error


def _refuse(parts: zipfile.ZipFile) -> None:
    """Raise for a workbook that is not to be unpacked."""
    if any(part.flag_bits & 1 for part in parts.infolist()):
        raise UnreadableFileError("bad_workbook", "encrypted; save it as .xlsx without a password")
    if sum(part.file_size for part in parts.infolist()) > LARGEST_UNPACKED:
        raise UnreadableFileError("file_too_large", f"unpacks to more than {LARGEST_UNPACKED // 2**20} MiB")
    for name in parts.namelist():
        if name.lower().endswith("vbaproject.bin") or "/macrosheets/" in name.lower():
            raise UnreadableFileError("bad_workbook", "contains macros; save it as .xlsx")
        if name.endswith((".xml", ".rels")):
            with parts.open(name) as part:
                if b"<!DOCTYPE" in part.read(2**16):  # of the parts that are read, the parser finds it anywhere
                    raise UnreadableFileError("bad_workbook", _DOCUMENT_TYPE)


def _read_sheets(parts: zipfile.ZipFile, wanted: set[str]) -> tuple[dict[str, Sheet], list[Mark]]:
    book_path = next((target for kind, target in _links(parts, "").values() if kind == "officeDocument"), "")
    book, links = _tree(parts, book_path or "xl/workbook.xml"), _links(parts, book_path or "xl/workbook.xml")
    targets = dict(links.values())
    shared = _shared_strings(parts, targets["sharedStrings"]) if "sharedStrings" in targets else []
    dates = _date_styles(_tree(parts, targets["styles"])) if "styles" in targets else {}
    from_1904 = any(_is_true(item.get("date1904")) for item in book.iter() if _local(item.tag) == "workbookPr")

    sheets: dict[str, Sheet] = {}
    for item in book.iter():
        link = next((value for key, value in item.attrib.items() if _local(key) == "id"), "")
        if _local(item.tag) != "sheet" or links.get(link, ("", ""))[0] != "worksheet":
            continue
        name = item.get("name", "")
        if name in sheets:
            raise UnreadableFileError("bad_workbook", f"two sheets are named {shown(name)}")
        with parts.open(links[link][1]) as stream:
            reader = _SheetReader(name, shared, dates, from_1904, whole=name in wanted)
            sheets[name] = reader.read(stream)
        if item.get("state", "visible") != "visible":
            sheets[name].marks.append(Mark("hidden_cells", None, None, "the sheet is hidden; it is read"))
    linked = any("/externalLinks/" in name for name in parts.namelist())
    words = "contains links to other files; they are not followed, the values stored in the cells are read"
    return sheets, [Mark("external_links", None, None, words)] if linked else []


def _local(name: str) -> str:
    """The name of an element or attribute without its namespace."""
    return name.rpartition("}")[2]


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _parser() -> expat.XMLParserType:
    """A parser that goes no further when text is defined to stand for more text."""

    def refuse(*_):
        raise UnreadableFileError("bad_workbook", _DOCUMENT_TYPE)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _tree(parts: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if parts.getinfo(name).file_size > LARGEST_PART:
        raise UnreadableFileError("file_too_large", f"its part {name} is larger than {LARGEST_PART // 2**20} MiB")
    raw = parts.read(name)
    _parser().Parse(raw, True)
    return ElementTree.fromstring(raw)


def _links(parts: zipfile.ZipFile, name: str) -> dict[str, tuple[str, str]]:
    """What a part leads to inside the workbook: id -> kind and name of the part."""
    folder, _, file = name.rpartition("/")
    path = f"{folder}/_rels/{file}.rels".lstrip("/")
    if path not in parts.namelist():
        return {}
    links = {}
    for item in _tree(parts, path):
        target = item.get("Target", "")
        if item.get("TargetMode") != "External":
            whole = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}".lstrip("/")
            links[item.get("Id", "")] = item.get("Type", "").rpartition("/")[2], whole
    return links


def _date_styles(styles: ElementTree.Element) -> dict[str, str]:
    """Styles of cells that show a number as a date or time -> "date" or "timedelta"."""
    codes, found = {}, {}
    for item in styles.iter():
        if _local(item.tag) == "numFmt":
            codes[item.get("numFmtId", "")] = item.get("formatCode", "")
    formats = next((item for item in styles if _local(item.tag) == "cellXfs"), ())
    for style, item in enumerate(formats):
        number = item.get("numFmtId", "0")
        if number in codes or 14 <= int(number) <= 47:
            from openpyxl.styles import numbers  # costs 0.2 s, and most reviews hold no such format

            code = codes.get(number) or numbers.BUILTIN_FORMATS.get(int(number), "General")
            if numbers.is_timedelta_format(code):
                found[str(style)] = "timedelta"
            elif numbers.is_date_format(code):
                found[str(style)] = "date"
    return found


def _shared_strings(parts: zipfile.ZipFile, name: str) -> list[str]:
    """The texts that cells refer to by number, without how they are pronounced."""
    texts, pieces, phonetic, prefix = [], [], 0, ""
    collecting = False

    def start(tag, attributes):
        nonlocal collecting, phonetic, prefix
        if tag.endswith("sst"):
            prefix = tag[:-3]
        elif tag == prefix + "si":
            pieces.clear()
        elif tag == prefix + "rPh":
            phonetic += 1
        collecting = tag == prefix + "t" and not phonetic

    def end(tag):
        nonlocal collecting, phonetic
        collecting = False
        if tag == prefix + "si":
            texts.append(_unescaped("".join(pieces)))
            if len(texts) > MOST_CELLS:
                raise _too_many_cells()
        elif tag == prefix + "rPh":
            phonetic -= 1

    def characters(text):
        if collecting:
            pieces.append(text)

    parser = _parser()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    with parts.open(name) as stream:
        parser.ParseFile(stream)
    return texts


def _unescaped(text: str) -> str:
    """`_x000D_` stands for a character that XML cannot hold (ECMA-376, ST_Xstring)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class _EnoughError(Exception):
    """Nothing more of this sheet is wanted."""


class _SheetReader:
    """One pass over the XML of a sheet."""

    def __init__(self, name: str, shared: list[str], dates: Mapping[str, str], from_1904: bool, whole: bool):
        self.name, self.shared, self.dates, self.from_1904, self.whole = name, shared, dates, from_1904, whole
        self.marks: list[Mark] = []
        self.rows: dict[int, list[str]] = {}
        self.cells, self.columns, self.spelled = 0, {}, {}
        self.hidden_rows, self.hidden_columns = [], []
        self.row, self.row_text, self.hidden, self.column = 0, "", False, 0
        self.kind = self.style = self.value = self.formula = self.inline = None
        self.pieces: list[str] = []
        self.phonetic = False
        self.tags: dict[str, str] = {}

    def read(self, stream) -> Sheet:
        parser = _parser()
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler = self.characters
        with contextlib.suppress(_EnoughError):
            parser.ParseFile(stream)
        header = self.rows.pop(1, [])
        row_numbers = sorted(self.rows)
        self._name_hidden(header)
        return Sheet([header, *(self.rows[row] for row in row_numbers)], [1, *row_numbers], self.marks)

    # The three functions that the parser calls: two million times each for 100,000 rows, so they do little.

    def start(self, tag, attributes):
        name = self.tags.get(tag)
        if name is None:
            name = self._know(tag)
        if name == "c":
            self.kind, self.style = attributes.get("t", "n"), attributes.get("s")
            self.value = self.formula = self.inline = None
            self._place(attributes.get("r"))
        elif name in ("v", "f", "t"):
            self.pieces = []
        elif name == "row":
            self.row_text = attributes.get("r", "")
            row = int(self.row_text) if self.row_text else self.row + 1
            if not self.row < row <= LAST_ROW:
                raise ValueError(f"row {row} after row {self.row}")
            self.row, self.column = row, 0
            self.hidden = _is_true(attributes.get("hidden")) or attributes.get("ht") in ("0", "0.0")
        elif name:
            self._start_other(name, attributes)

    def end(self, tag):
        name = self.tags[tag]
        if name == "v":
            self.value = "".join(self.pieces)
        elif name == "c":
            self._finish_cell()
        elif name == "t":
            if not self.phonetic:
                self.inline = (self.inline or "") + "".join(self.pieces)
        elif name == "f":
            self.formula = "".join(self.pieces)
        elif name == "rPh":
            self.phonetic = False

    def characters(self, text):
        self.pieces.append(text)

    def _know(self, tag: str) -> str:
        """The name of a tag as used here, "" for one of no interest; the prefix is that of the first tag of all."""
        if not self.tags:
            if not tag.endswith("worksheet"):
                raise ValueError(f"{tag} is not a worksheet")
            prefix = tag.removesuffix("worksheet")
            known = ("c", "v", "f", "t", "row", "rPh", "col", "mergeCell")
            self.tags = {prefix + name: name for name in known}
        return self.tags.setdefault(tag, "")

    def _start_other(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "mergeCell":
            area = attributes.get("ref", "")
            row = int(re.search(r"[0-9]{1,7}", area)[0])
            words = f"the cells {shown(area)[1:-1]} are merged; split them and fill each"
            self.marks.append(Mark("merged_cells", row, None, words))
        elif name == "col" and (_is_true(attributes.get("hidden")) or attributes.get("width") in ("0", "0.0")):
            self.hidden_columns.append((int(attributes["min"]), int(attributes["max"])))
        elif name == "rPh":
            self.phonetic = True

    def _place(self, reference: str | None) -> None:
        """Go to the column of a cell; one without a reference stands beside the last."""
        if reference is None:
            self.column += 1
        else:
            letters = reference.rstrip("0123456789")
            column = self.columns.get(letters)
            if column is None:
                column = self.columns[letters] = _column_number(letters)
            if column <= self.column or (self.row_text and reference[len(letters) :] != self.row_text):
                raise ValueError(f"cell {reference} is out of place")
            self.column = column
        if not self.row or self.column > LAST_COLUMN:
            raise ValueError("a cell outside the sheet")

    def _finish_cell(self) -> None:
        text = self._text()
        if not text:
            return
        if not self.whole:
            self.rows[self.row] = [text]
            raise _EnoughError
        row = self.rows.get(self.row)
        if row is None:
            row = self.rows[self.row] = []
            if self.hidden:
                self.hidden_rows.append(self.row)
        missing = self.column - 1 - len(row)
        self.cells += missing + 1
        if self.cells > MOST_CELLS:
            raise _too_many_cells(f"the sheet {shown(self.name)} ")
        if missing:
            row.extend([""] * missing)
        row.append(text)

    def _text(self) -> str:
        """The cell as a person reads it."""
        value, kind = self.value, self.kind
        if self.formula is not None and not value and not (kind == "str" and value is not None):
            formula = f"the formula {shown('=' + self.formula)}" if self.formula else "a formula"
            self._mark("uncached_formula", f"{formula} has no stored value; type the value")
            return ""
        if kind == "inlineStr":
            return _unescaped(self.inline or "")
        if not value:
            return ""
        if kind == "s":
            return self.shared[int(value)]
        if kind == "n":
            if self.style in self.dates:
                return self._date(value)
            text = self.spelled.get(value)
            if text is None:
                text = self.spelled[value] = _spell_number(value)
            return text
        if kind == "str":
            text = _unescaped(value)
            if text in CELL_ERRORS:
                self._mark("error_cell", f"the cell shows {text}")
            return text
        if kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE"
        if kind == "e":
            self._mark("error_cell", f"the cell shows {shown(value)[1:-1]}")
        elif kind == "d":
            self._mark_date(value)
        else:
            raise ValueError(f"a cell of kind {kind}")
        return value

    def _date(self, value: str) -> str:
        from openpyxl.utils import datetime as dates

        epoch = dates.CALENDAR_MAC_1904 if self.from_1904 else dates.CALENDAR_WINDOWS_1900
        try:
            text = spell(dates.from_excel(float(value), epoch, timedelta=self.dates[self.style] == "timedelta"))
        except (OverflowError, ValueError):
            text = _spell_number(value)  # no day of the calendar
        self._mark_date(text)
        return text

    def _mark_date(self, text: str) -> None:
        self._mark("date_cell", f"a date, read as {text}; if a range was typed, format the cell as text")

    def _mark(self, rule: str, words: str) -> None:
        if self.whole:
            self.marks.append(Mark(rule, self.row, self.column - 1, words))

    def _name_hidden(self, header: list[str]) -> None:
        if self.hidden_rows:
            words = f"hidden rows are read too: {_ranges(self.hidden_rows)}"
            self.marks.append(Mark("hidden_cells", None, None, words))
        for first, last in self.hidden_columns:
            for position in range(first - 1, min(last, len(header))):
                if header[position]:
                    self.marks.append(Mark("hidden_cells", 1, position, "the column is hidden; it is read"))


def _column_number(letters: str) -> int:
    """A -> 1, AB -> 28."""
    if not re.fullmatch("[A-Z]{1,3}", letters):
        raise ValueError(f"column {letters}")
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _ranges(numbers: list[int], most: int = 10) -> str:
    """3, 4, 5, 9 -> "3 to 5, 9"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    words = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:most]]
    return ", ".join(words) + (f" and {len(ranges) - most} more" if len(ranges) > most else "")


def _spell_number(value: str) -> str:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a number")
    return spell(number)


def spell(value: object) -> str:
    """A value of a cell as a person reads it: 12.0 -> "12", a date -> "2018-07-01", nothing -> ""."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        # 15 digits are what a spreadsheet shows; more would print 0.1 + 0.2 as 0.30000000000000004
        return str(int(value)) if value.is_integer() else format(Decimal(f"{value:.15g}"), "f")
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return str(value)
