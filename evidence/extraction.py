"""Reads the extracted tables and checks them: the only module that knows the files and the rules between rows.

All faults of all tables are found before anything is said or written, so that a reviewer mends them in one go.
"""

import csv
import datetime
import io
import re
import warnings
import zipfile
from decimal import Decimal
from pathlib import Path

import pandas as pd

from evidence import ReviewError
from evidence.schema import (
    MISSING,
    TABLES,
    check_cell,
    columns,
    empty_table,
    nearest,
    needed_columns,
    numbers,
    shown,
)

WORKBOOK = "extraction.xlsx"
LARGEST_FILE = 256 * 2**20  # bytes: five times 100,000 response rows as CSV
LARGEST_UNPACKED = 400 * 2**20  # bytes of a workbook unpacked: three times 100,000 response rows
LARGEST_CASE_REPORT = 4  # patients; from five on authors speak of a series (Abu-Zidan 2012, World J Emerg Surg 7:5)
FIRST_YEAR = 1900

# Rule -> (severity, the rule in a sentence). Errors are impossible or incomplete and stop the run; warnings
# are suspicious but possible. The rules on single cells and on files stand here, those between rows below.
RULES = {
    "missing_folder": ("error", "The folder of the tables exists."),
    "missing_table": ("error", "Every table a review needs is there."),
    "empty_table": ("error", "A table that a review needs has rows."),
    "two_sources": ("error", "A table is a CSV file or a sheet of the workbook, not both."),
    "misspelt_table": ("error", "A file or sheet is not named nearly like a table that is missing."),
    "extra_table": ("warning", "Files and sheets that are no table of the review are left out."),
    "unreadable_file": ("error", "A file can be opened."),
    "file_too_large": ("error", "A file is not larger than anyone's extraction."),
    "not_utf8": ("error", "A CSV file is text in UTF-8."),
    "bad_csv": ("error", "Quotation marks in a CSV file come in pairs."),
    "ragged_row": ("error", "Every row of a CSV file has as many cells as the header."),
    "bad_workbook": ("error", "The workbook is a whole, unencrypted .xlsx file without macros."),
    "merged_cells": ("error", "No cells of a table are merged."),
    "uncached_formula": ("error", "Every formula in the workbook has its value stored beside it."),
    "error_cell": ("error", "No cell shows an error of the spreadsheet, such as #REF!."),
    "date_cell": ("warning", "No column holds dates; a spreadsheet makes dates of ranges such as 3-78."),
    "missing_column": ("error", "Every column a table needs is there."),
    "misspelt_column": ("error", "A column is not named nearly like a column that is missing."),
    "duplicate_column": ("error", "No column stands twice in a table."),
    "unnamed_column": ("error", "A column with cells has a name."),
    "extra_column": ("warning", "Columns that the table does not have are left out."),
    "blank_cell": ("error", "A cell that must be filled is filled, if only with NR."),
    "control_character": ("error", "No text holds control characters."),
    "text_too_long": ("error", "No text is longer than a spreadsheet cell."),
    "unknown_word": ("error", "A column with a vocabulary holds words of that vocabulary."),
    "not_a_slug": ("error", "A short name is made of small letters, digits and underscores."),
    "reserved_name": ("error", "A short name is not a name with a meaning of its own, such as all or con."),
    "not_a_count": ("error", "A count is a whole number from 0 on, NR, UNCLEAR or empty."),
    "not_a_number": ("error", "A number is written with digits and a decimal point."),
    "not_a_share": ("error", "A share lies between 0 and 1."),
    "not_a_year": ("error", "A year has four digits."),
    "not_a_doi": ("error", "A DOI is written without an address."),
    "not_a_pmid": ("error", "A PubMed number has digits only."),
    "not_a_level": ("error", "A level of evidence set by hand looks like one."),
}
_CHECKS = []  # (rule, tables it needs, function), in the order of this file

_SPREADSHEETS = {".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"}
_CELL_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"}
_ISSUE_COLUMNS = ["severity", "rule", "file", "sheet", "row", "column", "study_id", "message"]
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_PLAIN_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


class ExtractionError(ReviewError):
    """Every fault of the extraction tables at once.

    Parameters
    ----------
    faults : DataFrame with columns severity, rule, file, sheet, row, column, study_id, message; one row a fault
    folder : where the tables were sought, as people know it
    """

    def __init__(self, faults, folder):
        super().__init__(faults, folder)
        self.faults = faults
        self.folder = folder

    def __str__(self):
        count = len(self.faults)
        head = f"{count} {'fault' if count == 1 else 'faults'} in {self.folder}; nothing was changed:"
        return "\n".join([head, *fault_lines(self.faults)])


def fault_lines(issues):
    """One line a fault or warning: "data/raw/responses.csv, row 6, column responders: 23 of n = 21 (study doe2022)"."""
    lines = []
    for issue in issues.itertuples(index=False):
        place = issue.file
        place += f", sheet {issue.sheet}" if issue.sheet else ""
        place += f", row {issue.row}" if pd.notna(issue.row) else ""
        place += f", column {issue.column}" if issue.column else ""
        lines.append(f"{place}: {issue.message}" + (f" (study {issue.study_id})" if issue.study_id else ""))
    return lines


# ---------------------------------------------------------------------------------------------- reading


def read_tables(folder):
    """Read the tables of a review as strings, from CSV files or from the sheets of one workbook.

    Parameters
    ----------
    folder : path of data/raw, holding <table>.csv or extraction.xlsx with a sheet of the same name a table

    Returns
    -------
    dict of DataFrames of str, one for every table of the schema (a table that is not there and need not be is
    empty); the index, named "row", is the row number a spreadsheet shows

    Raises
    ------
    ExtractionError: files that are missing, unreadable, or lack columns
    """
    tables, faults = _read(Path(folder))
    errors = _issues(faults, "error")
    if len(errors):
        raise ExtractionError(errors, shown_folder(folder))
    return tables


def shown_folder(folder):
    """The folder as people of the review know it: from data/raw on, or its last part."""
    parts = Path(folder).absolute().parts
    for start in range(len(parts) - 2, -1, -1):
        if parts[start : start + 2] == ("data", "raw"):
            return "/".join(parts[start:])
    return Path(folder).name or str(folder)


def _read(folder):
    """Tables as `read_tables` returns them and the faults found on the way, each a tuple for `_issues`."""
    where = shown_folder(folder)
    if not folder.is_dir():
        return {}, [("missing_folder", where, "", None, "", "", "no such folder")]
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SPREADSHEETS and path.is_file() and not path.name.startswith((".", "~$"))
    ]
    sheets, faults = {}, []
    if folder / WORKBOOK in files:
        sheets, faults = _read_workbook(folder / WORKBOOK, f"{where}/{WORKBOOK}")
    csv_files = {path.stem: path for path in files if path.suffix == ".csv"}
    unread_workbook = any(fault[0] in ("bad_workbook", "unreadable_file", "file_too_large") for fault in faults)

    tables = {}
    for table, (_, _, required, _) in TABLES.items():
        if table in csv_files and table in sheets:
            words = f"also in {where}/{WORKBOOK}, sheet {table}; keep one of the two"
            faults.append(("two_sources", f"{where}/{table}.csv", "", None, "", "", words))
        elif table in csv_files:
            try:
                rows, found = _read_csv(csv_files[table], table, f"{where}/{table}.csv")
            except OSError as error:
                words = f"cannot be opened ({error.strerror})"
                rows, found = None, [("unreadable_file", f"{where}/{table}.csv", "", None, "", "", words)]
            faults += found
            if rows is not None:
                tables[table], found = _frame(rows, table, f"{where}/{table}.csv", "")
                faults += found
        elif table in sheets:
            tables[table], found = _frame(sheets[table], table, f"{where}/{WORKBOOK}", table)
            faults += found
        elif not required:
            tables[table] = empty_table(table).rename_axis("row")
        elif not unread_workbook:
            words = f"missing; sought {where}/{table}.csv and the sheet {table} of {where}/{WORKBOOK}"
            faults.append(("missing_table", f"{where}/{table}.csv", "", None, "", "", words))

    absent = [table for table in TABLES if table not in csv_files and table not in sheets]
    others = [(path.stem, f"{where}/{path.name}", "") for path in files if path.name != WORKBOOK]
    others = [other for other in others if f"{where}/{other[0]}.csv" != other[1] or other[0] not in TABLES]
    others += [(name, f"{where}/{WORKBOOK}", name) for name, rows in sheets.items() if name not in TABLES and rows]
    for name, file, sheet in others:
        faults.append(_other_table(name, file, sheet, absent))
    for table in tables.values():
        table.attrs["warnings"] = [fault for fault in faults if RULES[fault[0]][0] == "warning"]
    return tables, faults


def _other_table(name, file, sheet, absent):
    near = nearest(name, [*absent, Path(WORKBOOK).stem], cutoff=0.8)
    if near == Path(WORKBOOK).stem and not sheet:
        words = f"not read; save it as {WORKBOOK}, without macros"
        return "misspelt_table", file, sheet, None, "", "", words
    if near and not sheet and name == near:
        words = f"not read; save it as {near}.csv or as the sheet {near} of {WORKBOOK}"
        return "misspelt_table", file, sheet, None, "", "", words
    if near in absent:
        return "misspelt_table", file, sheet, None, "", "", f"not read; is {near} meant?"
    return "extra_table", file, sheet, None, "", "", "not a table of the review; left out"


def _read_csv(path, table, file):
    """The rows of a CSV file, the header first, as lists of strings; None where the file cannot be read."""

    def unreadable(rule, words, row=None, column=""):
        return None, [(rule, file, "", row, column, "", words)]

    if path.stat().st_size > LARGEST_FILE:
        return unreadable("file_too_large", f"larger than {LARGEST_FILE // 2**20} MiB")
    raw = path.read_bytes()
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return unreadable("not_utf8", f"a workbook, not a CSV file; save it as {WORKBOOK} or as CSV UTF-8")
    if b"\0" in raw:
        return unreadable("not_utf8", "not text in UTF-8; save it as CSV UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        rows, faults = _parse_csv(raw.decode("latin-1"), table, file)
        for number, row in enumerate(rows or [], start=1):
            for position, cell in enumerate(row):
                try:
                    cell.encode("latin-1").decode("utf-8")
                except UnicodeDecodeError:
                    column = rows[0][position].strip() if position < len(rows[0]) else ""
                    words = f"{shown(cell)} is not UTF-8; save the file as CSV UTF-8"
                    return unreadable("not_utf8", words, number, column)
        return None, faults or [("not_utf8", file, "", None, "", "", "not UTF-8; save the file as CSV UTF-8")]
    return _parse_csv(text, table, file)


def _parse_csv(text, table, file):
    def records(separator):
        return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    csv.field_size_limit(LARGEST_FILE)
    known, rows = set(columns(table)), []
    try:
        # spreadsheets of countries with a decimal comma write semicolons: take what finds the most columns
        separator = max(",;\t", key=lambda mark: sum(name.strip() in known for name in next(records(mark), [])))
        for row in records(separator):
            rows.append(row)
    except csv.Error:
        words = "a quotation mark in this row is not closed, or stands inside a text and is not doubled"
        return None, [("bad_csv", file, "", len(rows) + 1, "", "", words)]
    return rows, []


def _read_workbook(path, file):
    """The sheets of the workbook, each a list of rows of strings, and the faults found."""

    def unreadable(words, rule="bad_workbook"):
        return {}, [(rule, file, "", None, "", "", words)]

    try:
        if path.stat().st_size > LARGEST_FILE:
            return unreadable(f"larger than {LARGEST_FILE // 2**20} MiB", "file_too_large")
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        return unreadable(f"cannot be opened ({error.strerror})", "unreadable_file")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return unreadable("encrypted, or an old .xls file; save it as .xlsx without a password")
    if not start.startswith(b"PK"):
        return unreadable("not a workbook; save it as .xlsx")
    import openpyxl  # costs 0.2 s, and most reviews are CSV files

    try:
        with zipfile.ZipFile(path) as parts:
            if any(part.flag_bits & 1 for part in parts.infolist()):
                return unreadable("encrypted; save it as .xlsx without a password")
            if sum(part.file_size for part in parts.infolist()) > LARGEST_UNPACKED:
                return unreadable(f"unpacks to more than {LARGEST_UNPACKED // 2**20} MiB", "file_too_large")
            if any(name.lower().endswith("vbaproject.bin") for name in parts.namelist()):
                return unreadable("holds macros; save it as .xlsx")
            for name in parts.namelist():
                if name.endswith((".xml", ".rels")) and b"<!" in parts.open(name).read(1024):
                    return unreadable("holds an XML document type, which no spreadsheet writes")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # openpyxl on styles and drop-downs it drops
                book = openpyxl.load_workbook(path, read_only=True, data_only=True)
                sheets, faults = {}, []
                for sheet in book.worksheets:
                    sheet.reset_dimensions()  # the size a file claims may be wrong
                    cells = [list(row) for row in sheet.iter_rows(values_only=True)]
                    merged, formulas = _sheet_marks(parts, sheet._worksheet_path)
                    if sheet.title in TABLES:
                        faults += _sheet_faults(path, file, sheet.title, cells, merged, formulas)
                    sheets[sheet.title] = [[_spell(value) for value in row] for row in cells]
                book.close()
    except Exception as error:  # damaged files make zipfile, zlib, expat and openpyxl raise almost anything
        return unreadable(f"damaged, it cannot be read ({type(error).__name__}); save it again as .xlsx")
    return sheets, faults


def _sheet_marks(parts, name):
    """Merged ranges of a sheet and whether it has formulas, from its XML: the fast reader of openpyxl tells neither."""
    merged, formulas, rest = [], False, b""
    with parts.open(name.lstrip("/")) as stream:
        while chunk := stream.read(2**20):
            chunk = rest + chunk
            formulas = formulas or re.search(rb"<(?:\w+:)?f[ />]", chunk) is not None
            merged += re.findall(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z0-9:]+)"[^>]*>', chunk)
            rest = chunk[chunk.rfind(b">") + 1 :]  # a tag cut in two is read with the next chunk
    return [name.decode() for name in merged], formulas


def _sheet_faults(path, file, sheet, cells, merged, formulas):
    import openpyxl

    header = [_spell(value).strip() for value in cells[0]] if cells else []

    def fault(rule, row, position, words):
        column = header[position] if position < len(header) else ""
        return rule, file, sheet, row, column, "", words

    faults = [
        (
            "merged_cells",
            file,
            sheet,
            int(re.search(r"\d+", area)[0]),
            "",
            "",
            f"the cells {area} are merged; split them and fill each",
        )
        for area in merged
    ]
    for number, row in enumerate(cells[1:], start=2):
        for position, value in enumerate(row):
            if isinstance(value, str):
                if value in _CELL_ERRORS:
                    faults.append(fault("error_cell", number, position, f"the cell shows {value}"))
            elif isinstance(value, datetime.date | datetime.time | datetime.timedelta):
                words = f"a date, read as {_spell(value)}; if a range was typed, format the cell as text"
                faults.append(fault("date_cell", number, position, words))
    if formulas:
        book = openpyxl.load_workbook(path, read_only=True)
        book[sheet].reset_dimensions()
        for number, row in enumerate(book[sheet].iter_rows(values_only=True), start=1):
            for position, value in enumerate(row):
                is_formula = (isinstance(value, str) and value.startswith("=")) or hasattr(value, "ref")
                value = getattr(value, "text", value)
                stored = cells[number - 1][position : position + 1] if number <= len(cells) else []
                if is_formula and stored in ([], [None]):
                    words = f"the formula {shown(value)} has no stored value; type the value"
                    faults.append(fault("uncached_formula", number, position, words))
        book.close()
    return faults


def _spell(value):
    """A cell of a workbook as a person reads it: 12.0 -> "12", a date -> "2018-07-01", nothing -> ""."""
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


def _frame(rows, table, file, sheet, row_numbers=None):
    """A table from its rows of strings; a column it lacks is empty, one it does not know is left out.

    `row_numbers` are those of the rows below the header, as a spreadsheet shows them, by default 2, 3, …
    """
    faults, row_numbers = [], row_numbers or range(2, len(rows) + 1)

    def fault(rule, words, row=None, column=""):
        faults.append((rule, file, sheet, row, column, "", words))

    rows = [[cell.strip() for cell in row] for row in rows]
    header = rows[0] if rows else []
    width = max((position for position, name in enumerate(header, start=1) if name), default=0)
    known = columns(table)
    for position, name in enumerate(header[:width]):
        if name and name in header[:position]:
            fault("duplicate_column", "stands twice in the header", 1, name)
    absent = [name for name in known if name not in header]
    needed = needed_columns(table)
    unknown = [name for name in header if name and name not in known]
    meant = {name: near for name in unknown if (near := nearest(name, absent, cutoff=0.75))}
    for name in absent:
        if name in needed:
            near = next((f"; is {shown(word)} meant?" for word, near in meant.items() if near == name), "")
            words = f"missing; sought in the header: {', '.join(filter(None, header)) or 'empty'}{near}"
            fault("missing_column", words, 1, name)
    for name in unknown:
        if name not in meant:
            fault("extra_column", "not a column of this table; left out", 1, name)
        elif meant[name] not in needed:
            fault("misspelt_column", f"not a column of this table; is {meant[name]} meant?", 1, name)

    body, kept = [], []
    for number, row in zip(row_numbers, rows[1:], strict=True):
        if not any(row):
            continue
        if not sheet and len(row) != len(header) and (len(row) < width or any(row[width:])):
            words = f"{len(row)} cells, the header has {len(header)}; a separator inside a text needs quotation marks"
            fault("ragged_row", words, number)
        elif any(row[width:]):
            words = f"{shown(next(filter(None, row[width:])))} stands in a column without a name"
            fault("unnamed_column", words, number)
        for position, name in enumerate(header[:width]):
            if not name and position < len(row) and row[position]:
                words = f"{shown(row[position])} stands in a column without a name"
                fault("unnamed_column", words, number)
        body.append((row + [""] * width)[:width])
        kept.append(number)
    if TABLES[table].required and not body and not any(f[0] == "missing_column" for f in faults):
        fault("empty_table", "the table has no rows")

    frame = empty_table(table).reindex(range(len(body)), fill_value="")
    for name in known:
        if name in header:
            position = header.index(name)
            frame[name] = pd.Series([row[position] for row in body], dtype="str")
    frame.index = pd.Index(kept, dtype="int64", name="row")
    frame.attrs = {
        "file": file,
        "sheet": sheet,
        "absent": absent,
        "broken": any(RULES[found[0]][0] == "error" for found in faults),
    }
    return frame, faults


# --------------------------------------------------------------------------------------------- checking


def check_extraction(folder, year=None):
    """Read and check the tables of a review in one go.

    Parameters
    ----------
    folder : path of data/raw
    year : int; the newest year a study may have, by default the present one

    Returns
    -------
    (tables, issues): tables of str without faults, normalised, with a fresh index; issues as of `check_tables`,
    warnings only

    Raises
    ------
    ExtractionError: with every fault of files, cells and rows
    """
    tables, faults = _read(Path(folder))
    return _check(tables, faults, shown_folder(folder), year)


def check_tables(tables, folder="data/raw", year=None):
    """Check tables in hand, as `read_tables` returns them or made in a notebook.

    Parameters
    ----------
    tables : dict of DataFrames of str; a table that is absent and not required is taken as empty
    folder : where they came from, for the messages
    year : int; the newest year a study may have, by default the present one

    Returns
    -------
    (tables, issues): normalised tables, and a DataFrame of warnings with columns severity, rule, file, sheet, row,
    column, study_id, message

    Raises
    ------
    ExtractionError: with every fault
    """
    where, framed, faults = shown_folder(folder), {}, []
    for table, (_, _, required, _) in TABLES.items():
        if table in tables:
            frame = tables[table]
            cells = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
            rows = [[str(name) for name in frame.columns], *([_spell(cell) for cell in row] for row in cells)]
            row_numbers = list(frame.index) if frame.index.name == "row" else None
            file, sheet = frame.attrs.get("file", f"{where}/{table}.csv"), frame.attrs.get("sheet", "")
            framed[table], found = _frame(rows, table, file, sheet, row_numbers)
            faults += [*frame.attrs.get("warnings", []), *found]
        elif required:
            faults.append(("missing_table", f"{where}/{table}.csv", "", None, "", "", "missing"))
        else:
            framed[table] = empty_table(table)
    return _check(framed, faults, where, year)


def _check(tables, faults, where, year):
    checked, cell_faults = {}, []
    for table, frame in tables.items():
        checked[table], found = _check_cells(table, frame)
        cell_faults += found
    faults = [*faults, *cell_faults]
    bad_cells = {(file, sheet, row, column) for _, file, sheet, row, column, *_ in cell_faults}
    sound = {table for table in checked if not tables[table].attrs.get("broken")}
    context = dict(checked)
    context["year"] = year or datetime.date.today().year
    if {"studies", "responses"} <= set(checked):
        of_study = checked["studies"].drop_duplicates("study_id").drop(columns=["_row", "notes"])
        context["arms"] = checked["responses"].merge(of_study, on="study_id", how="left").fillna("")
    for rule, needs, check in _CHECKS:
        if not sound.issuperset(needs):
            continue  # its table could not be read; the fault is named already
        for table, column, bad, words in check(context):
            frame = context["arms"] if table == "arms" else context[table]
            table = "responses" if table == "arms" else table
            rows = frame[bad.to_numpy()]
            if rows.empty:
                continue
            attrs = tables[table].attrs
            file, sheet = attrs.get("file", f"{where}/{table}.csv"), attrs.get("sheet", "")
            said = words(rows) if callable(words) else words
            said = [said] * len(rows) if isinstance(said, str) else list(said)
            study = rows["study_id"] if "study_id" in rows else [""] * len(rows)
            for row, who, sentence in zip(rows["_row"], study, said, strict=True):
                if (file, sheet, row, column) not in bad_cells:
                    faults.append((rule, file, sheet, row, column, who, sentence))
    errors = _issues(faults, "error")
    if len(errors):
        raise ExtractionError(errors, where)
    clean = {}
    for table in TABLES:
        clean[table] = checked[table].drop(columns="_row")
        clean[table].attrs = {}
    return clean, _issues(faults, "warning")


def _check_cells(table, frame):
    """The table with every cell in its normal form, the row numbers as column _row, and the faults of its cells."""
    attrs, faults = frame.attrs, []
    checked = pd.DataFrame({name: frame[name] for name in columns(table)}).astype("str")
    checked.attrs = {}
    row_numbers = pd.Series(frame.index, index=checked.index)
    study = checked["study_id"] if "study_id" in checked else pd.Series("", index=checked.index)
    for name in columns(table):
        if name in attrs.get("absent", []):
            continue  # a column that is needed and missing is one fault, not one a row
        found = {value: check_cell(table, name, value) for value in checked[name].unique()}
        broken = {value: (rule, words) for value, (_, rule, words) in found.items() if rule}
        bad = checked[name].isin(list(broken))
        for value, row, who in zip(checked[name][bad], row_numbers[bad], study[bad], strict=True):
            rule, words = broken[value]
            place = (attrs.get("file", ""), attrs.get("sheet", ""), row, name)
            faults.append((rule, *place, who if name != "study_id" else "", words))
        checked[name] = checked[name].map({value: normal for value, (normal, _, _) in found.items()})
    checked = checked.astype("str").reset_index(drop=True)
    checked["_row"] = row_numbers.to_numpy()
    return checked, faults


def _issues(faults, severity):
    """Faults of one severity as a DataFrame, sorted by file, sheet, row and column; the same fault once."""
    rows = [(severity, *fault) for fault in faults if RULES[fault[0]][0] == severity]
    order = ["severity", "rule", "file", "sheet", "row", "column", "study_id", "message"]
    issues = pd.DataFrame(rows, columns=order).drop_duplicates()
    issues = issues.astype(dict.fromkeys(set(order) - {"row"}, "str") | {"row": "Int64"})
    by = ["file", "sheet", "row", "column", "rule"]
    return issues.sort_values(by, na_position="first", kind="stable", ignore_index=True)


def _rule(rule, severity, sentence, *needs):
    """Register a rule between rows.

    The function gets the checked tables (with the row of the spreadsheet as _row), and "arms", the responses with
    the columns of their study; it yields table, column at fault, a mask of rows, and the words, which may be a
    function of those rows.
    """
    RULES[rule] = (severity, sentence)

    def register(check):
        _CHECKS.append((rule, needs, check))
        return check

    return register


def _given(series):
    """Where a cell says something: not empty, NR or UNCLEAR."""
    return ~series.isin(["", *MISSING])


def _first_row(frame, by, rows):
    """For each row of the mask, the number of the first such row with the same values in `by`; else missing."""
    return frame["_row"].where(rows).groupby([frame[name] for name in by]).transform("min")


def _said_twice(frame, by, rows):
    """Mask of rows that repeat an earlier row in `by`, among the rows of the mask."""
    return rows & (frame["_row"] > _first_row(frame, by, rows))


def _row_words(series):
    return "row " + series.astype("Int64").astype("str")


# ------------------------------------------------------------------------------------ rules: keys and names


@_rule("duplicate_key", "error", "The columns that name a row name one row only.")
def _(t):
    for table, (_, key, _, _) in TABLES.items():
        if table not in t:
            continue
        frame, key = t[table], list(key)
        twice = _said_twice(frame, key, frame[key[0]].ne(""))
        first = _first_row(frame, key, frame[key[0]].ne(""))
        yield (
            table,
            key[0],
            twice,
            lambda r, key=key, first=first: (
                r[key].agg(", ".join, axis=1) + " stands in " + _row_words(first[r.index]) + " already"
            ),
        )


def _unknown(t, table, column, target, *also):
    names, frame = t[target], t[table]
    slug = names.columns[0]
    known = set(names[slug])
    other = {}
    for name in names.itertuples(index=False):
        words = [getattr(name, "label", ""), *getattr(name, "synonyms", "").split(";")]
        other |= {word.strip().lower(): name[0] for word in words if word.strip()}
    bad = ~frame[column].isin([*known, *also, ""])
    unknown = frame[column][bad].unique()
    # comparing words is slow: after two hundred unknown ones something else is wrong
    near = {word: other.get(word.lower()) or nearest(word, known) for word in unknown[:200]}

    def words(rows):
        hints = rows[column].map(lambda word: f"; nearest is {near[word]}" if near.get(word) else "")
        return rows[column].map(shown) + f" is not in the table {target}" + hints

    return table, column, bad, words


@_rule("unknown_study", "error", "A study_id stands in the table studies.", "studies")
def _(t):
    for table in ("responses", "adverse_events"):
        if table in t:
            yield _unknown(t, table, "study_id", "studies")


@_rule("unknown_therapy", "error", "A therapy stands in the table therapies.", "therapies")
def _(t):
    also = {"responses": MISSING, "adverse_events": MISSING, "published_claims": ("all", *MISSING), "scenarios": ()}
    for table, words in also.items():
        if table in t:
            yield _unknown(t, table, "therapy", "therapies", *words)


@_rule("unknown_disease", "error", "A disease stands in the table diseases.", "diseases")
def _(t):
    for table in ("responses", "published_claims"):
        if table in t:
            yield _unknown(t, table, "disease", "diseases", "all", *MISSING)


@_rule("label_twice", "warning", "No two studies, therapies or diseases have the same label.")
def _(t):
    for table in ("studies", "therapies", "diseases"):
        if table in t:
            frame = t[table].assign(label=t[table]["label"].str.casefold())
            rows = _given(t[table]["label"])
            first = _first_row(frame, ["label"], rows)
            yield (
                table,
                "label",
                _said_twice(frame, ["label"], rows),
                lambda r, first=first: (
                    r["label"].map(shown) + " is the label in " + _row_words(first[r.index]) + " too"
                ),
            )


@_rule("unused_name", "warning", "Every therapy and disease is used somewhere.", *TABLES)
def _(t):
    for table, column in (("therapies", "therapy"), ("diseases", "disease")):
        tables = ("responses", "adverse_events", "published_claims", "scenarios")
        used = {name for other in tables if column in t[other] for name in t[other][column]}
        yield table, column, ~t[table][column].isin([*used, ""]), "not used in any table"


# ----------------------------------------------------------------------------------------- rules: studies


@_rule("year_range", "error", "A year lies between 1900 and the present one.", "studies")
def _(t):
    year = numbers(t["studies"]["year"])
    bad = (year < FIRST_YEAR) | (year > t["year"])
    yield "studies", "year", bad, lambda r: r["year"] + f" is not between {FIRST_YEAR} and {t['year']}"


@_rule("label_year", "warning", "A year in a study's label is the year of the study.", "studies")
def _(t):
    s = t["studies"]
    in_label = s["label"].str.extract(r"\b((?:19|20)[0-9]{2})[a-z]?$", expand=False)
    bad = in_label.notna() & numbers(s["year"]).notna() & (in_label != s["year"])
    yield "studies", "year", bad, lambda r: r["year"] + ", but the label is " + r["label"].map(shown)


@_rule(
    "design_controlled",
    "error",
    "Trials, controlled cohorts and case-control studies are controlled, case series and reports are not.",
    "studies",
)
def _(t):
    s = t["studies"]
    controlled = s["design"].isin(["rct", "controlled_nonrandomised", "cohort_controlled", "case_control"])
    bad = (controlled & s["controlled"].eq("no")) | (
        s["design"].str.startswith("case_") & ~controlled & s["controlled"].eq("yes")
    )
    yield "studies", "controlled", bad, lambda r: r["controlled"] + " contradicts design " + r["design"]


@_rule("case_report_size", "warning", "A case report has at most 4 patients.", "studies")
def _(t):
    s = t["studies"]
    bad = s["design"].eq("case_report") & (numbers(s["n_patients"]) > LARGEST_CASE_REPORT)
    yield "studies", "design", bad, lambda r: "case_report with n_patients = " + r["n_patients"]


@_rule("status_reason", "error", "A study that is awaiting or excluded has a reason.", "studies")
def _(t):
    s = t["studies"]
    bad = s["status"].isin(["awaiting", "excluded"]) & ~_given(s["status_reason"])
    yield "studies", "status_reason", bad, lambda r: "no reason is given for status " + r["status"]


@_rule("override_reason", "error", "A level set by hand has a reason.", "studies")
def _(t):
    s = t["studies"]
    bad = s["level_override"].ne("") & ~_given(s["level_override_reason"])
    yield "studies", "level_override_reason", bad, lambda r: "no reason is given for level " + r["level_override"]


@_rule("override_missing", "warning", "A reason for a level set by hand comes with the level.", "studies")
def _(t):
    s = t["studies"]
    bad = s["level_override"].eq("") & _given(s["level_override_reason"])
    yield "studies", "level_override", bad, "a reason is given, but no level"


@_rule("same_report", "warning", "A DOI, a PubMed number and a title belong to one study.", "studies")
def _(t):
    s = t["studies"]
    cohort = s["cohort_id"].where(_given(s["cohort_id"]), s["study_id"])
    frame = s.assign(
        doi=s["doi"].str.lower(), title=s["title"].str.lower().str.replace(r"\W+", " ", regex=True).str.strip()
    )
    for column in ("doi", "pmid", "title"):
        rows = _given(s[column])
        first = _first_row(frame, [column], rows)
        first_cohort = first.map(dict(zip(s["_row"], cohort, strict=True)))
        bad = _said_twice(frame, [column], rows) & cohort.ne(first_cohort)
        yield (
            "studies",
            column,
            bad,
            lambda r, column=column, first=first: (
                r[column].map(shown) + " is in " + _row_words(first[r.index]) + " too: the same patients?"
            ),
        )


@_rule(
    "included_without_counts",
    "warning",
    "A study that is included has a row with n and responders.",
    "studies",
    "responses",
)
def _(t):
    s, r = t["studies"], t["responses"]
    counted = r["study_id"][numbers(r["n"]).notna() & numbers(r["responders"]).notna()]
    bad = s["status"].eq("included") & ~s["study_id"].isin(counted)
    yield "studies", "status", bad, "included, but no row of responses has both n and responders"


@_rule(
    "awaiting_without_row", "warning", "A study that is awaiting counts has a row in responses.", "studies", "responses"
)
def _(t):
    s = t["studies"]
    bad = s["status"].eq("awaiting") & ~s["study_id"].isin(t["responses"]["study_id"])
    yield "studies", "study_id", bad, "awaiting counts, but no row of responses says for which therapy"


# --------------------------------------------------------------------------------------- rules: responses


@_rule("responders_over_n", "error", "Responders are at most n.", "responses")
def _(t):
    r = t["responses"]
    bad = numbers(r["responders"]) > numbers(r["n"])
    yield "responses", "responders", bad, lambda r: r["responders"] + " of n = " + r["n"]


@_rule(
    "counts_sum",
    "error",
    "Complete and partial responses together are the responders, when all are given.",
    "responses",
)
def _(t):
    r = t["responses"]
    bad = (numbers(r["n_complete"]) + numbers(r["n_partial"]) - numbers(r["responders"])).abs() > 0
    yield (
        "responses",
        "responders",
        bad,
        lambda r: r["responders"] + ", but complete + partial is " + r["n_complete"] + " + " + r["n_partial"],
    )


@_rule(
    "part_over_responders",
    "error",
    "Complete or partial responses alone are not more than the responders.",
    "responses",
)
def _(t):
    r = t["responses"]
    both = numbers(r["n_complete"]).notna() & numbers(r["n_partial"]).notna()
    for column in ("n_complete", "n_partial"):
        bad = (numbers(r[column]) > numbers(r["responders"])) & ~both
        yield "responses", column, bad, lambda r, column=column: r[column] + " of responders = " + r["responders"]


@_rule("counts_over_n", "error", "Complete, partial and no responses together are at most n.", "responses")
def _(t):
    r = t["responses"]
    parts = pd.concat([numbers(r[name]) for name in ("n_complete", "n_partial", "n_none")], axis=1)
    bad = parts.sum(axis=1) > numbers(r["n"])

    def words(rows):
        given = rows[["n_complete", "n_partial", "n_none"]].where(lambda cells: cells.apply(_given))
        sums = given.agg(lambda row: " + ".join(f"{name[2:]} {cell}" for name, cell in row.dropna().items()), axis=1)
        return rows["n"] + ", but " + sums + " is more"

    yield "responses", "n", bad, words
    both = numbers(r["responders"]) + numbers(r["n_none"])
    bad = ~bad & (both > numbers(r["n"])) & ~(numbers(r["responders"]) > numbers(r["n"]))
    yield (
        "responses",
        "n",
        bad,
        lambda r: r["n"] + ", but responders " + r["responders"] + " + none " + r["n_none"] + " is more",
    )


@_rule("counts_short", "warning", "Complete, partial and no responses together are n, when all are given.", "responses")
def _(t):
    r = t["responses"]
    known = numbers(r["n_complete"]) + numbers(r["n_partial"]) + numbers(r["n_none"])
    yield (
        "responses",
        "n",
        known < numbers(r["n"]),
        lambda r: r["n"] + ", but complete, partial and none add up to " + known[r.index].astype(int).astype("str"),
    )


@_rule("responders_missing", "warning", "Responders are given where complete and partial responses are.", "responses")
def _(t):
    r = t["responses"]
    bad = (numbers(r["n_complete"]) + numbers(r["n_partial"])).notna() & ~_given(r["responders"])
    yield (
        "responses",
        "responders",
        bad,
        lambda r: (
            r["responders"].replace("", "empty")
            + ", though complete "
            + r["n_complete"]
            + " and partial "
            + r["n_partial"]
            + " are given"
        ),
    )


@_rule(
    "n_over_patients", "error", "The patients of a row are at most the patients of its study.", "studies", "responses"
)
def _(t):
    a = t["arms"]
    bad = a["unit"].eq("patient") & (numbers(a["n"]) > numbers(a["n_patients"]))
    yield "arms", "n", bad, lambda r: r["n"] + " of the study's n_patients = " + r["n_patients"]


@_rule(
    "diseases_over_patients",
    "error",
    "The patients of a study over all diseases, for one therapy, are at most the patients of the study.",
    "studies",
    "responses",
)
def _(t):
    a = t["arms"]
    n = numbers(a["n"])
    rows = a["unit"].eq("patient") & a["primary_outcome"].eq("yes") & a["disease"].ne("all") & _given(a["therapy"])
    rows &= ~_said_twice(a, ["study_id", "therapy", "disease"], rows)  # that is another fault
    by = [a["study_id"], a["therapy"]]
    total = n.where(rows).groupby(by).transform("sum")
    last = a["_row"].where(rows & n.notna()).groupby(by).transform("max")
    most = numbers(a["n_patients"])
    alone = (n.where(rows) > most).groupby(by).transform("any")
    bad = rows & (a["_row"] == last) & (total > most) & ~alone
    yield (
        "arms",
        "n",
        bad,
        lambda r: (
            "the rows of "
            + r["therapy"]
            + " add up to "
            + total[r.index].astype(int).astype("str")
            + " of the study's n_patients = "
            + r["n_patients"]
        ),
    )


@_rule("one_primary", "error", "A study has one primary outcome for a therapy, disease and unit.", "responses")
def _(t):
    r = t["responses"]
    by = ["study_id", "therapy", "disease", "unit"]
    rows = r["primary_outcome"].eq("yes") & _given(r["therapy"])
    first = _first_row(r, by, rows)
    yield (
        "responses",
        "primary_outcome",
        _said_twice(r, by, rows),
        lambda r: (
            "second primary outcome for "
            + r[["therapy", "disease", "unit"]].agg(", ".join, axis=1)
            + "; the first is in "
            + _row_words(first[r.index])
        ),
    )


@_rule("no_primary", "warning", "A study has a primary outcome for each therapy, disease and unit.", "responses")
def _(t):
    r = t["responses"]
    by = [r[name] for name in ("study_id", "therapy", "disease", "unit")]
    none = ~r["primary_outcome"].eq("yes").groupby(by).transform("any")
    bad = none & (r["_row"] == r["_row"].groupby(by).transform("min"))
    yield "responses", "primary_outcome", bad, "no row of this study, therapy, disease and unit is the primary outcome"


@_rule(
    "all_beside_diseases",
    "error",
    "A row for all diseases never stands beside rows for single diseases of the same study and therapy, unless "
    "those are marked as second outcomes that are not pooled.",
    "responses",
)
def _(t):
    r = t["responses"]
    by = [r[name] for name in ("study_id", "therapy", "unit")]
    rows = (r["primary_outcome"].eq("yes") | r["pool"].eq("yes")) & _given(r["therapy"])
    single = r["_row"].where(rows & r["disease"].ne("all")).groupby(by).transform("min")
    bad = rows & r["disease"].eq("all") & single.notna()
    disease = dict(zip(r["_row"], r["disease"], strict=True))
    yield (
        "responses",
        "disease",
        bad,
        lambda r: (
            "all, but "
            + _row_words(single[r.index])
            + " has "
            + single[r.index].map(disease)
            + " of the same study and therapy"
        ),
    )


@_rule("pool_without_counts", "error", "A row that is pooled has n, from 1 on, and responders.", "responses")
def _(t):
    r = t["responses"]
    pooled = r["pool"].eq("yes")
    for column in ("n", "responders"):
        bad = pooled & numbers(r[column]).isna()
        yield (
            "responses",
            column,
            bad,
            lambda r, column=column: r[column].replace("", "empty") + ", but pool = yes needs the count",
        )
    yield "responses", "n", pooled & numbers(r["n"]).eq(0), "0, but pool = yes needs patients"


@_rule("pool_without_name", "error", "A row that is pooled names its therapy and disease.", "responses")
def _(t):
    r = t["responses"]
    for column in ("therapy", "disease"):
        bad = r["pool"].eq("yes") & r[column].isin(MISSING)
        yield "responses", column, bad, lambda r, column=column: r[column] + ", but pool = yes needs the name"


@_rule("pool_second_outcome", "error", "A row that is pooled is the primary outcome.", "responses")
def _(t):
    r = t["responses"]
    bad = r["pool"].eq("yes") & r["primary_outcome"].eq("no")
    yield "responses", "pool", bad, "yes, but the row is not the primary outcome"


@_rule("pool_reason", "error", "A row that is not pooled has a reason.", "responses")
def _(t):
    r = t["responses"]
    bad = r["pool"].eq("no") & ~_given(r["pool_reason"])
    yield "responses", "pool_reason", bad, "no reason is given for pool = no"


@_rule("pool_not_included", "error", "A row that is pooled belongs to an included study.", "studies", "responses")
def _(t):
    a = t["arms"]
    bad = a["pool"].eq("yes") & a["status"].isin(["awaiting", "excluded"])
    yield "arms", "pool", bad, lambda r: "yes, but the study is " + r["status"]


@_rule("mixed_units", "error", "Patients and lesions are never in one pool.", "responses")
def _(t):
    r = t["responses"]
    pooled = r["pool"].eq("yes") & _given(r["therapy"])
    first = r["_row"].where(pooled & r["unit"].eq("patient")).groupby(r["therapy"]).transform("min")
    yield (
        "responses",
        "unit",
        pooled & r["unit"].eq("lesion") & first.notna(),
        lambda r: "lesion, but " + _row_words(first[r.index]) + " pools patients for " + r["therapy"],
    )


@_rule("cohort_twice", "error", "Two reports on one cohort are never in one pool.", "studies", "responses")
def _(t):
    a = t["arms"]
    pooled = a["pool"].eq("yes") & _given(a["therapy"]) & _given(a["cohort_id"])
    first = _first_row(a, ["therapy", "cohort_id"], pooled)
    study = first.map(dict(zip(a["_row"], a["study_id"], strict=True)))

    def words(r):
        where = _row_words(first[r.index]) + ", study " + study[r.index]
        return "yes, but cohort " + r["cohort_id"] + " is pooled for " + r["therapy"] + " in " + where

    yield "arms", "pool", pooled & a["study_id"].ne(study), words


@_rule("report_twice", "error", "A DOI or PubMed number is never twice in one pool.", "studies", "responses")
def _(t):
    a = t["arms"]
    cohort = a["cohort_id"].where(_given(a["cohort_id"]), a["study_id"])
    frame = a.assign(doi=a["doi"].str.lower())
    for column in ("doi", "pmid"):
        pooled = a["pool"].eq("yes") & _given(a["therapy"]) & _given(a[column])
        first = _first_row(frame, ["therapy", column], pooled)
        study = first.map(dict(zip(a["_row"], a["study_id"], strict=True)))
        first_cohort = first.map(dict(zip(a["_row"], cohort, strict=True)))

        def words(r, column=column, first=first, study=study):
            where = _row_words(first[r.index]) + ", study " + study[r.index]
            return "yes, but " + column.upper() + " " + r[column] + " is pooled for " + r["therapy"] + " in " + where

        yield "arms", "pool", pooled & a["study_id"].ne(study) & cohort.ne(first_cohort), words


@_rule(
    "pooled_review",
    "warning",
    "Reviews and opinions are not pooled with the studies they speak of.",
    "studies",
    "responses",
)
def _(t):
    a = t["arms"]
    bad = a["pool"].eq("yes") & a["design"].isin(["systematic_review", "expert_opinion"])
    yield "arms", "pool", bad, lambda r: "yes, but the design is " + r["design"] + ": its patients may be in other rows"


@_rule("pooled_secondary", "warning", "A row that is pooled rests on the study itself.", "responses")
def _(t):
    r = t["responses"]
    bad = r["pool"].eq("yes") & r["evidence_basis"].eq("secondary")
    yield (
        "responses",
        "evidence_basis",
        bad,
        lambda r: (
            "secondary, and pool = yes: " + r["responders"] + "/" + r["n"] + " is someone else's account of the study"
        ),
    )


# ----------------------------------------------------------------- rules: adverse events, claims, screening


@_rule("events_over_risk", "error", "Patients with an adverse event are at most those at risk.", "adverse_events")
def _(t):
    a = t["adverse_events"]
    bad = numbers(a["n_patients"]) > numbers(a["n_at_risk"])
    yield "adverse_events", "n_patients", bad, lambda r: r["n_patients"] + " of n_at_risk = " + r["n_at_risk"]


@_rule(
    "events_reporting",
    "error",
    "A stated zero has no patients, and what is not reported has no count.",
    "adverse_events",
)
def _(t):
    a = t["adverse_events"]
    count = numbers(a["n_patients"])
    bad = (a["reporting"].eq("reported_none") & (count > 0)) | (a["reporting"].eq("not_reported") & count.notna())
    yield "adverse_events", "reporting", bad, lambda r: r["reporting"] + ", but n_patients = " + r["n_patients"]


@_rule("events_zero", "warning", "A stated zero is marked as reported_none.", "adverse_events")
def _(t):
    a = t["adverse_events"]
    bad = a["reporting"].eq("reported") & numbers(a["n_patients"]).eq(0)
    yield "adverse_events", "reporting", bad, "reported, but n_patients = 0: reported_none?"


@_rule(
    "events_without_response",
    "warning",
    "A therapy with adverse events has a response row of the study.",
    "adverse_events",
    "responses",
)
def _(t):
    a, r = t["adverse_events"], t["responses"]
    pairs = set(zip(r["study_id"], r["therapy"], strict=True))
    there = pd.Series([pair in pairs for pair in zip(a["study_id"], a["therapy"], strict=True)], index=a.index)
    bad = a["study_id"].isin(r["study_id"]) & _given(a["therapy"]) & ~there.astype(bool)
    yield "adverse_events", "therapy", bad, lambda r: r["therapy"] + ", but the study has no row of responses for it"


@_rule("claim_interval", "error", "A published value lies within its interval.", "published_claims")
def _(t):
    c = t["published_claims"]
    value, low, high = numbers(c["value"]), numbers(c["ci_lb"]), numbers(c["ci_ub"])
    bad = (low > high) | (value < low) | (value > high)
    yield (
        "published_claims",
        "value",
        bad,
        lambda r: (
            r["value"]
            + " with an interval from "
            + r["ci_lb"].replace("", "nothing")
            + " to "
            + r["ci_ub"].replace("", "nothing")
            + " (claim "
            + r["claim_id"]
            + ")"
        ),
    )


@_rule("claim_share", "error", "A published pooled response lies between 0 and 1.", "published_claims")
def _(t):
    c = t["published_claims"]
    for column in ("value", "ci_lb", "ci_ub"):
        share = numbers(c[column])
        bad = c["quantity"].eq("pooled_response") & ((share < 0) | (share > 1))
        yield (
            "published_claims",
            column,
            bad,
            lambda r, column=column: r[column] + " is not a share from 0 to 1 (claim " + r["claim_id"] + ")",
        )


@_rule("claim_responders", "error", "Published responders are at most n.", "published_claims")
def _(t):
    c = t["published_claims"]
    bad = c["quantity"].eq("responders") & (numbers(c["value"]) > numbers(c["n"]))
    yield (
        "published_claims",
        "value",
        bad,
        lambda r: r["value"] + " of n = " + r["n"] + " (claim " + r["claim_id"] + ")",
    )


# ----------------------------------------------------------------------------------------------- saving


def save_csv(frame, path):
    """Write a table as CSV: UTF-8, LF, every digit of a float, no text that a spreadsheet takes for a formula.

    A text that begins with = + - @, a tab or a line feed gets an apostrophe before it, unless it is a plain
    number (-17.67). `read_processed` and `read_result` take that apostrophe away again, so a table comes back
    as it was, and people can open the file in a spreadsheet.
    """
    safe = frame.copy()
    for position, dtype in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            column = safe.iloc[:, position].astype(object)
            safe.isetitem(position, column.map(_guard, na_action="ignore"))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(safe.to_csv(index=False, lineterminator="\n").encode("utf-8"))


def _guard(value):
    is_formula = isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value)
    return "'" + value if is_formula else value


def _unguard(value):
    is_guarded = isinstance(value, str) and value.startswith("'") and _FORMULA.match(value)
    return value[1:] if is_guarded else value


def save_tables(tables, folder):
    """Write checked tables as <folder>/<table>.csv, also those without rows."""
    for table in TABLES:
        save_csv(tables[table], Path(folder) / f"{table}.csv")


def read_processed(folder, table):
    """A checked table as `save_tables` wrote it: every cell a string, "" and "NR" kept apart."""
    path = Path(folder) / f"{table}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", engine="c")
    return frame.apply(lambda column: column.map(_unguard)).astype("str")


def read_result(path):
    """A table of results: numbers as numbers, empty cells as missing, "NR" and "NA" as text."""
    frame = pd.read_csv(
        path, keep_default_na=False, na_values=[""], encoding="utf-8", engine="c", float_precision="round_trip"
    )
    for name in frame.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes]]:
        frame[name] = frame[name].map(_unguard, na_action="ignore")
    return frame
