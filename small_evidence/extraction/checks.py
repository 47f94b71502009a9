"""Reads the extracted tables and checks them: the only module that knows the files and the rules between rows.

All errors of all tables are found before anything is printed or written, so that a reviewer fixes them at once.
"""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from small_evidence import ReviewError, shown
from small_evidence.config import FILE, read_config
from small_evidence.extraction import agreement, appraisals, defaults, rules, screening
from small_evidence.extraction.schema import (
    LONGEST_TEXT,
    MISSING,
    SILENT,
    TABLES,
    RowFault,
    check_cell,
    column_name,
    columns,
    data_dictionary,
    empty_table,
    must_be_filled,
    nearest,
    needed_columns,
    numeric_columns,
)
from small_evidence.extraction.spreadsheets import (
    HEADER_ROWS,
    Sheet,
    UnreadableFileError,
    open_file,
    read_csv,
    read_workbook,
    spell,
)
from small_evidence.places import changed
from small_evidence.standards import standards_of

Tables: TypeAlias = dict[str, pd.DataFrame]
Fault: TypeAlias = tuple[str, str, str, int | None, str, str, str]  # rule, file, sheet, row, column, study_id, words

WORKBOOK = "extraction.xlsx"
DECISIONS = "adjudication.xlsx"  # results/tables/disagreements.xlsx filled in
SECOND = "second_extraction"  # folder below data/raw with the tables of a second person
# Sheets of the form that explain it and hold its lists; they are no tables and need no warning.
FORM_SHEETS = ("Read me", "Lists")
SHOWN_ALIKE = 3  # errors of one kind in one column that a message prints
TOTALS = ("total", "totals", "sum", "overall", "grand total", "all studies", "all patients")
TOTALLED = ("studies", "responses", "adverse_events")  # tables of rows that a spreadsheet may sum
COVARIATES_OF = "studies"  # the table whose columns may be covariates
PLACED = {"studies": "study_id", "responses": "response_id"}  # tables whose rows have a name

# The rules on files, headers and cells; those between rows are in their own module.
RULES = {
    "missing_folder": ("error", "The folder of the tables exists."),
    "missing_table": ("error", "Every table a review needs is there."),
    "empty_table": ("error", "A table that a review needs has rows."),
    "two_sources": ("error", "A table is a CSV file or a sheet of the workbook, not both."),
    "misspelt_table": ("error", "A file or sheet is not named nearly like a table that is missing."),
    "extra_table": ("warning", "Files and sheets that are no table of the review are left out."),
    "unreadable_file": ("error", "A file can be opened."),
    "link_outside": ("error", "A file is not a link to a file outside the folder."),
    "file_too_large": ("error", "A file is not larger than anyone's extraction."),
    "not_utf8": ("error", "A CSV file is text in UTF-8."),
    "bad_csv": ("error", "Quotation marks in a CSV file come in pairs."),
    "ragged_row": ("error", "Every row of a CSV file has as many cells as the header."),
    "bad_workbook": ("error", "The workbook is a whole, unencrypted .xlsx file without macros."),
    "external_links": ("warning", "The workbook contains no links to other files; they are never followed."),
    "merged_cells": ("error", "No cells of a table are merged."),
    "hidden_cells": ("warning", "No sheet, row or column of a table is hidden; what is hidden is read all the same."),
    "uncached_formula": ("error", "Every formula in the workbook has its value stored beside it."),
    "error_cell": ("error", "No cell shows an error of the spreadsheet, such as #REF!."),
    "date_cell": ("warning", "No column contains dates; a spreadsheet makes dates of ranges such as 3-78."),
    "missing_column": ("error", "Every column a table needs is there."),
    "missing_covariate": ("error", "Every covariate that the config names is a column of studies."),
    "misspelt_column": ("error", "A column is not named nearly like a column that is missing."),
    "duplicate_column": ("error", "No column appears twice in a table."),
    "unnamed_column": ("error", "A column with cells has a name."),
    "extra_column": ("warning", "Columns that the table does not have are left out."),
    "blank_cell": ("error", "A cell that must be filled is filled, if only with NR."),
    "control_character": ("error", "No text contains control characters."),
    "text_too_long": ("error", "No text is longer than a spreadsheet cell."),
    "unknown_word": ("error", "A column with a vocabulary contains words of that vocabulary."),
    "not_a_slug": ("error", "A short name is made of small letters, digits and underscores."),
    "reserved_name": ("error", "A short name is not a name with a meaning of its own, such as all or con."),
    "example_row": ("error", "The made-up row of the form is deleted before the tables are read."),
    "not_a_count": ("error", "A count is a whole number from 0 on, NR, UNCLEAR or empty."),
    "not_a_number": ("error", "A number is written with digits and a decimal point."),
    "not_a_share": ("error", "A share lies between 0 and 1."),
    "not_a_year": ("error", "A year has four digits."),
    "not_a_doi": ("error", "A DOI is written without an address."),
    "not_a_pmid": ("error", "A PubMed number has digits only."),
    "not_a_date": ("error", "A date is written year-month-day."),
    "not_a_level": ("error", "A level of evidence set by hand looks like one."),
    "adjudication_unknown": ("error", "A decision on two extractions names a row and column that they have."),
    "adjudication_value": ("error", "The agreed value of a decision is one that its column may hold."),
    "adjudication_stale": ("warning", "The extractions still say what was decided on; else the decision is not used."),
    "adjudicated_value": ("warning", "An agreed value takes the place of the first extraction's, and is reported."),
    "extractors_differ": (
        "warning",
        "Two extractions agree on pooled counts, or the difference was decided.",
    ),
    "adjudication_missing": (
        "error",
        "The same, where `extraction: require_adjudication` of the config is true: each difference is decided.",
    ),
    "title_row": ("error", "The first row of a table is its header."),
    "total_row": ("error", "No row of a table is a total."),
    **defaults.RULES,
    **rules.RULES,
    **appraisals.RULES,
    **screening.RULES,
}

NO_FOLDER = (
    "no such folder; small-evidence new my-review makes a folder with a form, or put the form extraction.xlsx or CSV "
    "tables there"
)
_GAPS = ("missing_folder", "missing_table", "empty_table", "missing_covariate")  # of a review that has only begun
_SPREADSHEETS = {".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"}
_ISSUE_COLUMNS = ["severity", "rule", "file", "sheet", "row", "column", "study_id", "message"]
_OTHER_WORDS = ("unknown_word", "not_a_slug", "not_a_count", "not_a_number", "not_a_share", "not_a_year")
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DATE_LIKE = re.compile(f"[0-9]{{1,2}}-{_MONTH}|{_MONTH}-[0-9]{{2}}", re.IGNORECASE)


class ExtractionError(ReviewError):
    """Every error of the extraction tables at once.

    Parameters
    ----------
    faults : DataFrame with columns severity, rule, file, sheet, row, column, study_id, message; one row a fault
    folder : where the tables were sought, as people know it
    """

    def __init__(self, faults: pd.DataFrame, folder: str) -> None:
        super().__init__(faults, folder)
        self.faults = faults
        self.folder = folder

    def __str__(self) -> str:
        count = len(self.faults)
        head = f"{count} {'error' if count == 1 else 'errors'} in {self.folder}; nothing was changed:"
        return "\n".join([head, *grouped_lines(self.faults)])


def grouped_lines(issues: pd.DataFrame) -> list[str]:
    """The lines of `fault_lines`; of the same rule in one column the first three and how many more there are."""
    alike = ["rule", "file", "sheet", "column"]
    groups = issues.groupby(alike, sort=False)
    number, size = groups.cumcount() + 1, groups["rule"].transform("size")
    lines = []
    for line, at, count, (_, file, sheet, column) in zip(
        fault_lines(issues), number, size, issues[alike].itertuples(index=False), strict=True
    ):
        if at <= SHOWN_ALIKE:
            lines.append(line)
        if at == SHOWN_ALIKE < count:
            place = file + (f", sheet {sheet}" if sheet else "") + (f", column {column}" if column else "")
            lines.append(f"{place}: {count - SHOWN_ALIKE} more like this")
    return lines


def fault_lines(issues: pd.DataFrame) -> list[str]:
    """One line a fault or warning: "data/raw/responses.csv, row 6, column responders: 23 of n = 21 (study doe2022)"."""
    lines = []
    for issue in issues.to_dict("records"):
        place = issue["file"]
        place += f", sheet {issue['sheet']}" if issue["sheet"] else ""
        place += f", row {issue['row']}" if pd.notna(issue["row"]) else ""
        place += f", column {issue['column']}" if issue["column"] else ""
        line = f"{place}: {issue['message']}"
        line += f" (study {shown(issue['study_id'])[1:-1]})" if issue["study_id"] else ""
        lines.append(shown(line, width=len(line) + LONGEST_TEXT)[1:-1])  # names in it may hold line feeds
    return lines


# ---------------------------------------------------------------------------------------------- reading


def read_tables(folder: str | Path, complete: bool = True, *, covariates: Collection[str] = ()) -> Tables:
    """Read the tables of a review as strings, from CSV files or from the sheets of one workbook.

    Parameters
    ----------
    folder : path of data/raw, holding <table>.csv or extraction.xlsx with a sheet of the same name a table
    complete : whether a table that every review needs must be there, with rows; else it is empty when it is not
    covariates : as in `check_extraction`

    Returns
    -------
    dict of DataFrames of str, one for every table of the schema (a table that is not there and need not be is
    empty); the index, named "row", is the row number a spreadsheet shows

    Raises
    ------
    ExtractionError: files that are missing, unreadable, or lack columns
    """
    tables, faults = _read(Path(folder), covariates)
    if not complete:
        faults = [fault for fault in faults if fault[0] not in _GAPS]
    errors = _issues(faults, "error")
    if len(errors):
        raise ExtractionError(errors, shown_folder(folder))
    return {table: tables[table] if table in tables else empty_table(table) for table in TABLES}


def read_places(folder: str | Path) -> pd.DataFrame:
    """Where each study and each response stands, for people who want to see the row itself.

    Parameters
    ----------
    folder : path of data/raw, whose tables have passed `check_extraction`

    Returns
    -------
    DataFrame with columns table, id (study_id or response_id), file, sheet ("" = a CSV file) and row, the number a
    spreadsheet shows; a row that only the second extraction has stands there
    """
    parts = []
    for tables, _ in (_read(Path(folder)), _read_second(Path(folder))):
        for table, key in PLACED.items():
            frame = tables.get(table, empty_table(table))
            place = {"file": frame.attrs.get("file", ""), "sheet": frame.attrs.get("sheet", "")}
            parts.append(pd.DataFrame({"table": table, "id": frame[key], **place, "row": frame.index}))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["table", "id"], ignore_index=True)


def shown_folder(folder: str | Path) -> str:
    """The folder as people of the review know it: from data/raw on, or its last part."""
    parts = Path(folder).absolute().parts
    for start in range(len(parts) - 2, -1, -1):
        if parts[start : start + 2] == ("data", "raw"):
            return "/".join(parts[start:])
    return Path(folder).name or str(folder)


def _read(folder: Path, covariates: Collection[str] = ()) -> tuple[Tables, list[Fault]]:
    """Tables as `read_tables` returns them and the faults found on the way, each a tuple for `_issues`."""
    where = shown_folder(folder)
    if not folder.is_dir():
        return {}, [("missing_folder", where, "", None, "", "", NO_FOLDER)]
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SPREADSHEETS and not path.name.startswith((".", "~$"))
    ]
    sheets: dict[str, Sheet] = {}
    book_of: dict[str, str] = {}
    faults: list[Fault] = []
    unread_workbook = False
    csv_files = {path.stem: path for path in files if path.suffix == ".csv"}
    for book in (WORKBOOK, DECISIONS):
        if folder / book not in files:
            continue
        try:
            held, found = _read_sheets(folder, book, f"{where}/{book}")
            faults += found
        except UnreadableFileError as error:
            faults.append((error.rule, f"{where}/{book}", "", None, "", "", error.words))
            unread_workbook |= book == WORKBOOK
            continue
        if book == DECISIONS:
            held = {name: sheet for name, sheet in held.items() if name == Path(DECISIONS).stem}
            if not held:
                words = f"has no sheet {Path(DECISIONS).stem}; fill in results/tables/disagreements.xlsx"
                faults.append(("missing_table", f"{where}/{book}", "", None, "", "", words))
            elif _has_header_only(csv_files.get(Path(DECISIONS).stem), folder):
                del csv_files[Path(DECISIONS).stem]
        sheets |= held
        book_of |= dict.fromkeys(held, f"{where}/{book}")

    tables = {}
    for table, (_, _, required, _) in TABLES.items():
        file = f"{where}/{table}.csv"
        if table in csv_files and table in sheets:
            words = f"also in {book_of[table]}, sheet {table}; keep one of the two"
            faults.append(("two_sources", file, "", None, "", "", words))
        elif table in csv_files:
            try:
                rows = read_csv(open_file(csv_files[table], folder), columns(table))
            except UnreadableFileError as error:
                faults.append((error.rule, file, "", error.row, error.column, "", error.words))
                continue
            tables[table], found = _frame(rows, table, (file, ""), covariates=_asked(table, covariates))
            faults += found
        elif table in sheets:
            sheet = sheets[table]
            place, row_numbers = (book_of[table], table), sheet.row_numbers[1:]
            tables[table], found = _frame(sheet.rows, table, place, row_numbers, _asked(table, covariates))
            faults += found
        elif not required:
            if asked := _asked(table, covariates):
                words = f"missing, but the config names covariates: {', '.join(asked)}"
                faults.append(("missing_covariate", file, "", None, "", "", words))
            tables[table], _ = _frame([columns(table)], table, (file, ""))
        elif not unread_workbook:
            words = f"missing; sought {file} and the sheet {table} of {where}/{WORKBOOK}"
            faults.append(("missing_table", file, "", None, "", "", words))

    absent = [table for table in TABLES if table not in csv_files and table not in sheets]
    others = [(path.stem, f"{where}/{path.name}", "") for path in files if path.name not in (WORKBOOK, DECISIONS)]
    known = (*TABLES, "retractions")  # a list that is read by a module of its own
    others = [other for other in others if f"{where}/{other[0]}.csv" != other[1] or other[0] not in known]
    others += [
        (name, f"{where}/{WORKBOOK}", name)
        for name, sheet in sheets.items()
        if name not in (*TABLES, *FORM_SHEETS) and any(sheet.rows)
    ]
    faults += [_other_table(*other, absent) for other in others]
    for frame in tables.values():
        frame.attrs["warnings"] = [fault for fault in faults if RULES[fault[0]][0] == "warning"]
    return tables, faults


def _other_table(name: str, file: str, sheet: str, absent: list[str]) -> Fault:
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


def _has_header_only(path: Path | None, folder: Path) -> bool:
    if path is None:
        return False
    try:
        return len([row for row in read_csv(open_file(path, folder), columns(path.stem)) if any(row)]) <= 1
    except UnreadableFileError:  # which is said where the table itself is read
        return False


def _read_second(folder: Path) -> tuple[Tables, list[Fault]]:
    """The tables of a second person that are compared, as `_read` returns them; none where there is no such folder."""
    path = folder / SECOND
    if not path.is_dir():
        return {}, []
    where = f"{shown_folder(folder)}/{SECOND}"
    if not path.resolve().is_relative_to(folder.resolve()):
        words = "a link to a folder outside this one; put the folder itself here"
        return {}, [("link_outside", where, "", None, "", "", words)]
    tables, faults = _read(path)
    faults = [fault for fault in faults if fault[0] not in ("missing_table", "empty_table")]
    for table in [table for table in tables if table not in agreement.COMPARED and len(tables[table])]:
        words = f"not compared; compared are {', '.join(agreement.COMPARED)}"
        faults.append(("extra_table", tables[table].attrs["file"], tables[table].attrs["sheet"], None, "", "", words))
    return {table: tables[table] for table in agreement.COMPARED if len(tables.get(table, ()))}, faults


def _read_sheets(folder: Path, book: str, file: str) -> tuple[dict[str, Sheet], list[Fault]]:
    """The sheets of the workbook by name and what is wrong with, or to be said of, those that are tables."""
    sheets, marks = read_workbook(open_file(folder / book, folder), TABLES)
    faults: list[Fault] = [(mark.rule, file, "", None, "", "", mark.words) for mark in marks]
    for table in set(TABLES) & set(sheets):
        header = sheets[table].rows[0]
        for rule, row, position, words in sheets[table].marks:
            column = header[position].strip() if position is not None and position < len(header) else ""
            faults.append((rule, file, table, row, column, "", words))
    return sheets, faults


def _asked(table: str, covariates: Iterable[str]) -> tuple[str, ...]:
    """The covariates that a table must have."""
    return tuple(covariates) if table == COVARIATES_OF else ()


def _frame(
    rows: list[list[str]],
    table: str,
    place: tuple[str, str],
    row_numbers: Sequence[int] | None = None,
    covariates: Collection[str] = (),
) -> tuple[pd.DataFrame, list[Fault]]:
    """A table from its rows of strings; a column it lacks is empty, one it does not know is left out.

    `place` is its file and sheet. `row_numbers` are those of the rows below the header, as a spreadsheet shows them, by
    default 2, 3, … `covariates` must be there, and are kept where they are columns of the user's own.
    """
    file, sheet = place
    faults: list[Fault] = []
    row_numbers = row_numbers if row_numbers is not None else range(2, len(rows) + 1)

    def fault(rule: str, words: str, row: int | None = None, column: str = "") -> None:
        faults.append((rule, file, sheet, row, column, "", words))

    rows = [[cell.strip() for cell in row] for row in rows]
    known = [*columns(table), *(name for name in covariates if name not in columns(table))]
    start = next(
        (at for at, row in enumerate(rows[:HEADER_ROWS]) if any(column_name(cell) in known for cell in row)), 0
    )
    if start and sum(column_name(cell) in known for cell in rows[start]) > 1:
        number = start + 1 if not sheet else row_numbers[start - 1]
        fault("title_row", f"looks like a title above the header, which is row {number}; delete what is above it", 1)
        frame = empty_table(table)
        frame.index = pd.Index([], dtype="int64", name="row")
        frame.attrs = {"file": file, "sheet": sheet, "absent": [], "broken": True}
        return frame, faults
    header = rows[0] if rows else []
    read = {name: column_name(name) for name in header if name not in known and column_name(name) in known}
    read = {name: column for name, column in read.items() if column not in header}
    if read:
        fault("column_as_typed", defaults.as_typed(read), 1)
        header = [read.get(name, name) for name in header]
    width = max((position for position, name in enumerate(header, start=1) if name), default=0)
    for position, name in enumerate(header[:width]):
        if name and name in header[:position]:
            fault("duplicate_column", "appears twice in the header", 1, name)
    absent = [name for name in known if name not in header]
    needed = {*needed_columns(table), *covariates}
    unknown = [name for name in header if name and name not in known]
    meant = {name: near for name in unknown if (near := nearest(name, absent, cutoff=0.75))}
    for name in absent:
        if name in needed:
            near = next((f"; is {shown(word)} meant?" for word, near in meant.items() if near == name), "")
            words = f"missing; sought in the header: {', '.join(filter(None, header)) or 'empty'}{near}"
            if name in covariates:
                words = f"a covariate of the config, but {words}"
            fault("missing_covariate" if name in covariates else "missing_column", words, 1, name)
    for name in unknown:
        if name not in meant:
            fault("extra_column", "not a column of this table; left out", 1, name)
        elif meant[name] not in needed:
            fault("misspelt_column", f"not a column of this table; is {meant[name]} meant?", 1, name)

    body, kept = [], []
    for number, row in zip(row_numbers, rows[1:], strict=True):
        if not any(row):
            continue
        if table in TOTALLED and next(filter(None, row)).casefold().strip(" :") in TOTALS:
            fault("total_row", "looks like a total row; remove it", number)
            continue
        if not sheet and len(row) != len(header) and (len(row) < width or any(row[width:])):
            words = f"{len(row)} cells, the header has {len(header)}; a separator inside a text needs quotation marks"
            fault("ragged_row", words, number)
            continue  # its cells stand in the wrong columns
        if any(row[width:]):
            words = f"{shown(next(filter(None, row[width:])))} is in a column without a name"
            fault("unnamed_column", words, number)
        for position, name in enumerate(header[:width]):
            if not name and position < len(row) and row[position]:
                words = f"{shown(row[position])} is in a column without a name"
                fault("unnamed_column", words, number)
        body.append((row + [""] * width)[:width])
        kept.append(number)
    if TABLES[table].required and not body and not any(f[0] in ("missing_column", "missing_covariate") for f in faults):
        fault("empty_table", "the table has no rows")

    frame = pd.DataFrame("", index=range(len(body)), columns=known, dtype="str")
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


def check_review(folder: str | Path = ".", config: Mapping[str, Any] | None = None) -> tuple[Tables, pd.DataFrame]:
    """Read and check the tables of the review in a folder, under its choices and with its risk-of-bias instruments.

    Parameters
    ----------
    folder : of the review
    config : complete choices; those of the folder by default

    Returns
    -------
    (tables, issues) as of `check_extraction`

    Raises
    ------
    ReviewError: a choice is not allowed, or with every fault of files, cells and rows
    """
    choices = read_config(folder) if config is None else config
    checked = check_extraction(
        Path(folder) / "data/raw",
        require_adjudication=choices["extraction"]["require_adjudication"],
        instruments=standards_of(folder).instruments,
        covariates=choices["synthesis"]["covariates"],
        outcomes=choices["synthesis"]["outcomes"],
    )
    refuse_unknown_names(choices["synthesis"], checked[0])
    return checked


def refuse_unknown_names(policy: Mapping[str, Any], tables: Tables) -> None:
    """Compare the outcomes and classes that the config names with those of the tables.

    Parameters
    ----------
    policy : the section `synthesis` of the config

    Raises
    ------
    ReviewError: each name that no table has, with the nearest that one has
    """
    outcomes = [*tables["outcomes"]["outcome"], *tables["responses"]["outcome"]]
    classes = list(tables["therapies"]["therapy_class"])
    named = [
        *(("outcomes", slug, outcomes) for slug in policy["outcomes"]),
        *(("outcome", slug, outcomes) for slug in [policy["outcome"]] if slug),
        # a class that no table has cannot be combined either; one that is almost there is mistyped
        *(("classes_not_combined", slug, classes) for slug in policy["classes_not_combined"] if nearest(slug, classes)),
    ]
    errors = []
    for key, slug, there in named:
        if slug not in there:
            known = sorted({one for one in there if one not in SILENT})
            near = nearest(slug, known)
            words = f", nearest is {near}" if near else ""
            errors.append(f"{FILE}, synthesis: {key}: no table has {shown(slug)}{words}; there are {', '.join(known)}")
    if errors:
        raise ReviewError("\n".join(errors))


def check_extraction(
    folder: str | Path,
    year: int | None = None,
    *,
    require_adjudication: bool = False,
    instruments: Mapping[str, appraisals.Instrument] | None = None,
    covariates: Collection[str] = (),
    outcomes: Collection[str] = (),
) -> tuple[Tables, pd.DataFrame]:
    """Read and check the tables of a review in one go.

    Parameters
    ----------
    folder : path of data/raw
    year : the newest year a study may have, by default the present one
    require_adjudication : whether it is an error that two extractions differ in a count that a pool depends on
        and nobody has decided; a warning otherwise
    instruments : as of `standards.read_instruments`, which the table risk_of_bias is checked against; it is not
        by default
    covariates : names of columns of studies that the review's config uses; columns of the user's own are kept
    outcomes : slugs of the outcomes that the review's config pools; the primary ones where no column says so

    Returns
    -------
    (tables, issues): tables of str without faults, normalised, with a fresh index, values that two people agreed on in
    place of those of the first; issues as of `check_tables`, warnings only

    Raises
    ------
    ExtractionError: with every fault of files, cells and rows
    """
    tables, faults = _read(Path(folder), covariates)
    second, found = _read_second(Path(folder))
    return _check(
        tables,
        faults + found,
        shown_folder(folder),
        year,
        second=second,
        require_adjudication=require_adjudication,
        instruments=instruments,
        outcomes=outcomes,
    )


def refuse_changed(content: Mapping[str, str]) -> None:
    """Refuse tables of which a file was saved between the start of a run and now, since the run may have read halves.

    Parameters
    ----------
    content : as of `places.contents`, at the start of the run

    Raises
    ------
    ReviewError: naming every such file
    """
    if found := changed(content):
        raise ReviewError("\n".join(f"{path}: saved while it was read; run again" for path in found))


def compare_extractions(
    folder: str | Path, conf_level: float = 0.95, *, outcomes: Collection[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the tables of two people, those in the folder and those in second_extraction below it.

    Parameters
    ----------
    folder : path of data/raw
    conf_level : in (0, 1); coverage of the interval of kappa
    outcomes : as in `check_extraction`

    Returns
    -------
    (agreement, disagreements): DataFrames as of `agreement.agreement` and `agreement.disagreements`, without a row
    where there is no second extraction

    Raises
    ------
    ExtractionError: with every fault of files and cells of both
    """
    second, faults = _read_second(Path(folder))
    if not second and not faults:
        return agreement.agreement({}, {}), agreement.disagreements({}, {})
    tables, found = _read(Path(folder))
    one, other, faults_of_cells = _check_every_cell(tables, second, outcomes)
    faults += [*found, *faults_of_cells]
    errors = _issues(faults, "error")
    if len(errors):
        raise ExtractionError(errors, shown_folder(folder))
    return agreement.agreement(one, other, conf_level), agreement.disagreements(one, other, one["adjudication"])


def check_tables(
    tables: Mapping[str, pd.DataFrame],
    folder: str | Path = "data/raw",
    year: int | None = None,
    *,
    covariates: Collection[str] = (),
    outcomes: Collection[str] = (),
) -> tuple[Tables, pd.DataFrame]:
    """Check tables, as `read_tables` returns them or made in a notebook.

    Parameters
    ----------
    tables : dict of DataFrames of str; a table that is absent and not required is taken as empty
    folder : where they came from, for the messages
    year : the newest year a study may have, by default the present one
    covariates, outcomes : as in `check_extraction`

    Returns
    -------
    (tables, issues): normalised tables, and a DataFrame of warnings with columns severity, rule, file, sheet, row,
    column, study_id, message

    Raises
    ------
    ExtractionError: with every fault
    """
    where = shown_folder(folder)
    framed: Tables = {}
    faults: list[Fault] = []
    for table, (_, _, required, _) in TABLES.items():
        if table in tables:
            frame = tables[table]
            absent = [name for name in frame.attrs.get("absent", ()) if frame.get(name, pd.Series()).eq("").all()]
            frame = frame.drop(columns=absent, errors="ignore")
            cells = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
            rows = [[str(name) for name in frame.columns], *([spell(cell) for cell in row] for row in cells)]
            row_numbers = list(frame.index) if frame.index.name == "row" else None
            file, sheet = frame.attrs.get("file", f"{where}/{table}.csv"), frame.attrs.get("sheet", "")
            framed[table], found = _frame(rows, table, (file, sheet), row_numbers, _asked(table, covariates))
            faults += [*frame.attrs.get("warnings", []), *found]
        elif required:
            faults.append(("missing_table", f"{where}/{table}.csv", "", None, "", "", "missing"))
        else:
            framed[table], _ = _frame([columns(table)], table, (f"{where}/{table}.csv", ""))
    return _check(framed, faults, where, year, outcomes=outcomes)


def _check(
    tables: Tables,
    faults: list[Fault],
    where: str,
    year: int | None,
    *,
    second: Tables | None = None,
    require_adjudication: bool = False,
    instruments: Mapping[str, appraisals.Instrument] | None = None,
    outcomes: Collection[str] = (),
) -> tuple[Tables, pd.DataFrame]:
    checked, other, cell_faults = _check_every_cell(tables, second or {}, outcomes)
    # what is wrong with a cell in the file itself makes the cell empty, which need not be said
    in_file = {fault[1:5] for fault in faults if fault[4] and RULES[fault[0]][0] == "error"}
    cell_faults = [fault for fault in cell_faults if fault[1:5] not in in_file]
    faults = [*faults, *cell_faults]
    bad_cells = in_file | {fault[1:5] for fault in cell_faults}
    # a table that was not read as a whole would only make more faults of the one that is named already
    sound = {table: frame for table, frame in checked.items() if not tables[table].attrs.get("broken")}
    year = year or datetime.date.today().year
    between: list[RowFault] = []
    if "adjudication" in sound and (other or len(sound["adjudication"])):
        changes, between = agreement.settle(sound, other, sound["adjudication"], require_adjudication)
        sound = agreement.apply_changes(sound, changes, other)
        checked |= sound
    if "responses" not in sound or any(fault[0] == "misspelt_table" for fault in faults):
        # the rows of a table that seems to be missing may be in a file that was not read
        sound = {table: frame for table, frame in sound.items() if len(frame) or table not in defaults.NAMED}
    sound, found = defaults.fill_tables(sound)
    checked |= sound
    between += found
    if "screening" in sound:
        between += screening.faults(sound["screening"], sound.get("records"))
    if {"records", "studies"} <= set(sound):
        between += screening.record_faults(sound["records"], sound["studies"])
    if instruments is not None and {"studies", "risk_of_bias"} <= set(sound):
        between += appraisals.faults(sound, instruments)
    for rule, table, row, column, study, words in [*between, *rules.faults_between_rows(sound, year)]:
        file, sheet = tables[table].attrs["file"], tables[table].attrs["sheet"]
        if (file, sheet, row, column) not in bad_cells:
            faults.append((rule, file, sheet, row, column, study, words))
    errors = _issues(faults, "error")
    if len(errors):
        raise ExtractionError(errors, where)
    checked = {table: checked[table].drop(columns="_row").reset_index(drop=True) for table in TABLES}
    return checked, _issues(faults, "warning")


def _check_every_cell(tables: Tables, second: Tables, outcomes: Collection[str]) -> tuple[Tables, Tables, list[Fault]]:
    """Two extractions as of `_check_cells`, their primary outcomes by one rule, and the faults of all cells."""
    faults: list[Fault] = []
    checked: list[Tables] = []
    for given in (tables, second):
        found = {table: _check_cells(table, frame) for table, frame in given.items()}
        checked.append({table: frame for table, (frame, _) in found.items()})
        faults += [fault for _, of_table in found.values() for fault in of_table]
    one, other = checked
    for given, side in ((tables, one), (second, other)):
        if "responses" not in side or side["responses"].empty or given["responses"].attrs.get("broken"):
            continue
        attrs = given["responses"].attrs
        side["responses"], issues = defaults.fill_primary(one, side["responses"], outcomes, attrs.get("absent", ()))
        for rule, _, row, column, study, words in issues:
            faults.append((rule, attrs["file"], attrs["sheet"], row, column, study, words))
    return one, other, faults


def _check_cells(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault]]:
    """The table with every cell in its normal form, the row numbers as column _row, and the faults of its cells."""
    attrs = frame.attrs
    faults: list[Fault] = []
    checked: dict[str, pd.Series] = {}
    named: list[str] = []
    study = frame["study_id"].tolist() if "study_id" in frame else []
    for name in frame.columns:
        cells = frame[name].to_numpy(object).tolist()  # five times as quick as from the column itself
        if name not in attrs.get("absent", []):  # a needed column that is missing is one fault, not one a row
            found = {cell: check_cell(table, name, cell) for cell in set(cells)}
            broken = {cell: (rule, words) for cell, (_, rule, words) in found.items() if rule}
            if not must_be_filled(table, name):
                broken.pop("", None)
            key = TABLES[table].key == (name,) and columns(table)[0] == name
            tried = [cell for cell in dict.fromkeys(cells) if broken.get(cell, ("",))[0] in _OTHER_WORDS]
            typed = _forgiven(table, name, tried, key)
            if typed:
                rule = "name_as_typed" if key else "word_as_typed"
                faults.append((rule, attrs["file"], attrs["sheet"], None, name, "", defaults.as_typed(typed)))
                faults += _alike(typed, attrs, name)
                found |= {cell: (word, "", "") for cell, word in typed.items()}
                broken = {cell: said for cell, said in broken.items() if cell not in typed}
                named = [cell if cell in typed else "" for cell in cells] if key else []
            said = {cell: ("date_cell", _date_words(cell)) for cell in found if _DATE_LIKE.fullmatch(cell)} | broken
            for position in [i for i, cell in enumerate(cells) if cell in said] if said else []:
                rule, words = said[cells[position]]
                who = study[position] if study and name != "study_id" else ""
                faults.append((rule, attrs["file"], attrs["sheet"], frame.index[position], name, who, words))
            # no rule reckons with a number that is a fault already
            empty = dict.fromkeys(broken, "") if name in numeric_columns(table) else {}
            cells = [empty.get(cell, found[cell][0]) for cell in cells]
        checked[name] = pd.Series(cells, dtype="str")
    whole = pd.DataFrame(checked | {"_row": frame.index.to_numpy()})
    if named and "label" in whole:  # the name as typed is kept as the label
        whole["label"] = whole["label"].mask(whole["label"].eq(""), pd.Series(named, dtype="str"))
    if len(whole) and not attrs.get("broken"):
        whole = defaults.fill_columns(table, whole, attrs.get("absent", ()))
        if words := defaults.made_columns(table, attrs.get("absent", ())):
            faults.append(("made_column", attrs["file"], attrs["sheet"], None, "", "", words))
    return whole, faults


def _alike(typed: dict[str, str], attrs: Mapping[Any, Any], name: str) -> list[Fault]:
    """Faults of names that become one slug though they are not alike."""
    faults: list[Fault] = []
    first: dict[str, str] = {}
    for cell, read in typed.items():
        other = first.setdefault(read, cell)
        if defaults.plain(other) != defaults.plain(cell):
            words = f"{shown(cell)} and {shown(other)} both become {read}; write slugs that differ"
            faults.append(("names_alike", attrs["file"], attrs["sheet"], None, name, "", words))
    return faults


def _forgiven(table: str, name: str, cells: list[str], key: bool) -> dict[str, str]:
    """Cells that say in other words what the column may hold: typed -> read; key: whether the column names the row."""
    if name in numeric_columns(table):
        return {cell: cell.upper() for cell in cells if cell not in MISSING and cell.upper() in MISSING}
    if key:
        return {cell: name for cell in cells if (name := defaults.slug(cell)) and name != cell}
    words = {cell: defaults.same_word(table, name, cell) for cell in cells}
    return {cell: word for cell, word in words.items() if word and word != cell}


def _date_words(cell: str) -> str:
    return f"{shown(cell)} looks like a range that a spreadsheet made a date of; type the range again, as text"


def _issues(faults: Iterable[Fault], severity: str) -> pd.DataFrame:
    """Faults of one severity as a DataFrame, sorted by file, sheet, row and column; the same fault once."""
    rows = [(severity, *fault) for fault in faults if RULES[fault[0]][0] == severity]
    issues = pd.DataFrame(rows, columns=_ISSUE_COLUMNS).drop_duplicates()
    issues = issues.astype(dict.fromkeys(set(_ISSUE_COLUMNS) - {"row"}, "str") | {"row": "Int64"})
    by = ["file", "sheet", "row", "column", "rule"]
    return issues.sort_values(by, na_position="first", kind="stable", ignore_index=True)


if __name__ == "__main__":
    # bytes, so that the page is the same on every system
    page = data_dictionary(RULES, Path("data/notes.md").read_text(encoding="utf-8"))
    sys.stdout.buffer.write(page.encode("utf-8"))
