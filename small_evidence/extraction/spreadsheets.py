"""Opens the CSV files and workbooks that people made, as rows of text: the only module that does not trust a file.

A file may be damaged, of another kind than its name says, or made to harm: a few kilobytes that unpack to gigabytes,
a cell in the last corner of a sheet, text that stands for more text. Nothing is read before its size is known, nothing
is followed out of the folder, no formula or macro is run. What cannot be read is said in one sentence. In workbooks
that are created here text stays text.

Notes
-----
openpyxl reads workbooks. Of its reader of sheets only the methods for a row and a cell are called, so that formulas
without a value, merged and hidden cells are found in one pass, and what no table needs (validations, colours) cannot
fail. calamine is quicker, but sets up every cell up to the last one, so that a 5 kB file with a cell in XFD1048576 ends
the process.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # has no types

from small_evidence import ReviewError, shown
from small_evidence.extraction.schema import column_name
from small_evidence.saving import beside

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import xlsxwriter  # type: ignore[import-untyped]  # has no types
    from openpyxl.worksheet._reader import WorkSheetParser  # type: ignore[import-untyped]  # has no types

CREATED = datetime.datetime(2000, 1, 1)  # of files that are written: a date of the run would make two runs differ
LARGEST_FILE = 128 * 2**20  # bytes of a file: twice 100,000 response rows as CSV
LARGEST_UNPACKED = 400 * 2**20  # bytes of a workbook unpacked: three times 100,000 response rows
LARGEST_PART = 8 * 2**20  # bytes of the list of sheets or of the formats of a workbook
MOST_PARTS = 10_000  # files in the archive that a workbook is
MOST_ELEMENTS = 10_000_000  # of XML in a workbook: twice 100,000 response rows
MOST_MARKS = 500_000  # cells of a sheet of which something is to be said
MOST_CELLS = 10_000_000  # of a table, also empty ones between others: four times 100,000 response rows
HEADER_ROWS = 6  # first rows of a table among which its header is sought
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384  # of a sheet

CELL_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"}
_WORKBOOK_START, _OLD_WORKBOOK_START = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_DOCUMENT_TYPE = "contains an XML document type, which no spreadsheet writes"
_DOCTYPES = tuple("<!DOCTYPE".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_KINDS = frozenset(("n", "s", "str", "inlineStr", "b", "e", "d"))  # of cells
_NO_SIZE = ("0", "0.0")  # of a row or column that is not seen


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


@contextlib.contextmanager
def create_workbook(
    path: str | Path, title: str, created: datetime.datetime = CREATED, **options: object
) -> Iterator[xlsxwriter.Workbook]:
    """A new workbook in which no text becomes a formula, a link or a number; written where its `with` ends.

    Parameters
    ----------
    path : file to write
    title, created : properties of the file
    options : more options of xlsxwriter.Workbook
    """
    import xlsxwriter

    text_stays = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    no_files = {"in_memory": True}  # for each part, which take longer to delete than all else
    with beside(Path(path)) as place, xlsxwriter.Workbook(str(place), text_stays | no_files | options) as book:
        book.set_properties({"title": title, "created": created})
        yield book


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
    known = set(known)
    rows: list[list[str]] = []

    def records(separator: str) -> Iterator[list[str]]:
        text = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, newline="")
        return csv.reader(text, delimiter=separator, strict=True)

    def named(separator: str) -> int:
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
        with _Parts(io.BytesIO(raw)) as parts, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what openpyxl leaves out is nothing that a table needs
            _refuse(parts)
            return _read_sheets(parts, set(wanted))
    except UnreadableFileError:
        raise
    except DefusedXmlException as error:
        raise UnreadableFileError("bad_workbook", _DOCUMENT_TYPE) from error
    except Exception as error:  # damaged files make zipfile, zlib and expat raise almost anything
        words = f"damaged, it cannot be read ({type(error).__name__}); save it again as .xlsx"
        raise UnreadableFileError("bad_workbook", words) from error


class _Parts(zipfile.ZipFile):
    """The archive of a workbook, of which no part that openpyxl reads at once is large."""

    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        part = name if isinstance(name, zipfile.ZipInfo) else self.getinfo(name)
        if part.file_size > LARGEST_PART:
            raise UnreadableFileError(
                "file_too_large", f"its part {part.filename} is larger than {LARGEST_PART // 2**20} MiB"
            )
        return super().read(name, pwd)


def _refuse(parts: zipfile.ZipFile) -> None:
    """Raise for a workbook that is not to be unpacked."""
    if any(part.flag_bits & 1 for part in parts.infolist()):
        raise UnreadableFileError("bad_workbook", "encrypted; save it as .xlsx without a password")
    if sum(part.file_size for part in parts.infolist()) > LARGEST_UNPACKED:
        raise UnreadableFileError("file_too_large", f"unpacks to more than {LARGEST_UNPACKED // 2**20} MiB")
    elements = 0
    for name in parts.namelist():
        if name.lower().endswith("vbaproject.bin") or "/macrosheets/" in name.lower():
            raise UnreadableFileError("bad_workbook", "contains macros; save it as .xlsx")
        with parts.open(name) as stream:
            end = b""
            while chunk := stream.read(2**20):
                if name.endswith((".xml", ".rels")) and any(mark in end + chunk for mark in _DOCTYPES):
                    raise UnreadableFileError("bad_workbook", _DOCUMENT_TYPE)
                end = chunk[-len(_DOCTYPES[-1]) :]
                elements += chunk.count(b"<") - chunk.count(b"</")
        if elements > MOST_ELEMENTS:
            raise UnreadableFileError("file_too_large", f"contains more than {MOST_ELEMENTS} elements of XML")


def _read_sheets(parts: _Parts, wanted: set[str]) -> tuple[dict[str, Sheet], list[Mark]]:
    from openpyxl.reader.excel import ExcelReader  # type: ignore[import-untyped]  # has no types
    from openpyxl.styles.stylesheet import apply_stylesheet  # type: ignore[import-untyped]  # has no types
    from openpyxl.worksheet._reader import WorkSheetParser
    from openpyxl.xml.constants import SHARED_STRINGS  # type: ignore[import-untyped]  # has no types

    book = ExcelReader(parts.fp, read_only=True, data_only=True, keep_links=False)
    book.archive = parts
    book.read_manifest()
    book.read_workbook()
    apply_stylesheet(parts, book.wb)
    texts = book.package.find(SHARED_STRINGS)
    shared = _shared_strings(parts, texts.PartName.lstrip("/")) if texts else []
    dates = {"date_formats": book.wb._date_formats, "timedelta_formats": book.wb._timedelta_formats}
    sheets: dict[str, Sheet] = {}
    for item, link in book.parser.find_sheets():
        if not link.Type.endswith("/worksheet"):
            continue
        if item.name in sheets:
            raise UnreadableFileError("bad_workbook", f"two sheets are named {shown(item.name)}")
        with parts.open(link.target) as stream:
            parser = WorkSheetParser(stream, shared, data_only=True, epoch=book.wb.epoch, **dates)
            sheets[item.name] = _SheetReader(item.name, parser, item.name in wanted).read()
        if item.state != "visible":
            sheets[item.name].marks.append(Mark("hidden_cells", None, None, "the sheet is hidden; it is read"))
    linked = any("/externalLinks/" in name for name in parts.namelist())
    words = "contains links to other files; they are not followed, the values stored in the cells are read"
    return sheets, [Mark("external_links", None, None, words)] if linked else []


def _elements(stream: IO[bytes]) -> Iterator[Element]:
    """Each element of a part, when it ends."""
    from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]  # has no types

    return (element for _, element in iterparse(stream, forbid_dtd=True))


def _shared_strings(parts: zipfile.ZipFile, name: str) -> list[str]:
    """The texts that cells refer to by number, without how they are pronounced."""
    texts = []
    with parts.open(name) as stream:
        for element in _elements(stream):
            if element.tag == f"{_MAIN}si":
                pieces = [*element.iterfind(f"{_MAIN}t"), *element.iterfind(f"{_MAIN}r/{_MAIN}t")]
                texts.append(_unescaped("".join(piece.text or "" for piece in pieces)))
                element.clear()
    return texts


def _unescaped(text: str) -> str:
    """`_x000D_` stands for a character that XML cannot hold (ECMA-376, ST_Xstring)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


class _SheetReader:
    """One pass over the XML of a sheet; openpyxl reads a row and its cells."""

    def __init__(self, name: str, parser: WorkSheetParser, whole: bool):
        self.name, self.parser, self.whole = name, parser, whole
        self.marks: list[Mark] = []
        self.rows: dict[int, list[str]] = {}
        self.cells = 0
        self.hidden_rows: list[int] = []
        self.hidden_columns: list[tuple[int, int]] = []

    def read(self) -> Sheet:
        loose = 0  # cells that are in no row
        for element in _elements(self.parser.source):
            tag = element.tag.removeprefix(_MAIN)
            if tag == "c":
                loose += 1
            elif tag == "row":
                loose -= len(element)
                self._read_row(element)
                element.clear()
                if self.rows and not self.whole:
                    break
            elif tag == "mergeCell":
                area = element.get("ref", "")
                words = f"the cells {shown(area)[1:-1]} are merged; split them and fill each"
                self.marks.append(Mark("merged_cells", int(re.findall(r"[0-9]{1,7}", area)[0]), None, words))
            elif tag == "col" and (_is_true(element.get("hidden")) or element.get("width") in _NO_SIZE):
                self.hidden_columns.append((int(element.attrib["min"]), int(element.attrib["max"])))
            if len(self.marks) > MOST_MARKS:
                words = f"the sheet {shown(self.name)} has more than {MOST_MARKS} merged cells, dates or errors"
                raise UnreadableFileError("file_too_large", words)
        if loose:
            raise ValueError("a cell in no row")
        header = self.rows.pop(1, [])
        row_numbers = sorted(self.rows)
        self._name_hidden(header)
        return Sheet([header, *(self.rows[row] for row in row_numbers)], [1, *row_numbers], self.marks)

    def _read_row(self, element: Element) -> None:
        if len(element) > LAST_COLUMN:
            raise ValueError(f"a row of {len(element)} cells")
        before = self.parser.row_counter
        row, cells = self.parser.parse_row(element)
        if not before < row <= LAST_ROW:
            raise ValueError(f"row {row} after row {before}")
        texts: list[str] = []
        column = 0
        for cell, inner in zip(cells, element, strict=True):
            if cell["row"] != row or not column < cell["column"] <= LAST_COLUMN:
                raise ValueError(f"cell {inner.get('r')} is out of place")
            column = cell["column"]
            if text := self._text(row, column, cell, inner):
                missing = column - 1 - len(texts)
                self.cells += missing + 1
                if self.cells > MOST_CELLS:
                    raise _too_many_cells(f"the sheet {shown(self.name)} ")
                texts += [""] * missing
                texts.append(text)
        if texts:
            self.rows[row] = texts
            if _is_true(element.get("hidden")) or element.get("ht") in _NO_SIZE:
                self.hidden_rows.append(row)

    def _text(self, row: int, column: int, cell: Mapping[str, Any], element: Element) -> str:
        """The cell as a person reads it."""

        def mark(rule: str, words: str) -> None:
            self.marks.append(Mark(rule, row, column - 1, words))

        kind, value = element.get("t", "n"), cell["value"]
        if kind not in _KINDS:
            raise ValueError(f"a cell of kind {kind}")
        if value is None:
            formula = element.find(f"{_MAIN}f")
            # an empty text may be what a formula gave
            if formula is not None and not (kind == "str" and element.find(f"{_MAIN}v") is not None):
                words = f"the formula {shown('=' + formula.text)}" if formula.text else "a formula"
                mark("uncached_formula", f"{words} has no stored value; type the value")
            return ""
        if kind in ("str", "inlineStr"):
            value = _unescaped(value)
        if kind == "e" or (kind == "str" and value in CELL_ERRORS):
            mark("error_cell", f"the cell shows {shown(value)[1:-1]}")
        elif kind == "n" and cell["data_type"] == "e":  # formatted as a date, but no day of the calendar
            value = float(element.findtext(f"{_MAIN}v", ""))
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is no number")
        text = spell(value)
        if cell["data_type"] == "d" or (kind == "n" and cell["data_type"] == "e"):
            mark("date_cell", f"a date, read as {text}; if a range was typed, format the cell as text")
        return text

    def _name_hidden(self, header: list[str]) -> None:
        if self.hidden_rows:
            words = f"hidden rows are read too: {_ranges(self.hidden_rows)}"
            self.marks.append(Mark("hidden_cells", None, None, words))
        for first, last in self.hidden_columns:
            for position in range(first - 1, min(last, len(header))):
                if header[position]:
                    self.marks.append(Mark("hidden_cells", 1, position, "the column is hidden; it is read"))


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
