"""The form that people extract into: a workbook made from the schema, filled with what a review already has.

A sheet a table, in the words, units and lists of the schema; saved as data/raw/extraction.xlsx it is read as it is.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

import pandas as pd
import xlsxwriter  # type: ignore[import-untyped]  # has no types
from xlsxwriter.format import Format  # type: ignore[import-untyped]  # has no types
from xlsxwriter.utility import xl_col_to_name  # type: ignore[import-untyped]  # has no types
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]  # has no types

from small_evidence.extraction.checks import FORM_SHEETS
from small_evidence.extraction.schema import (
    TABLES,
    allowed_words,
    cell_kind,
    columns,
    describe,
    is_made,
    labels,
    must_be_filled,
    numbers,
    reference,
)
from small_evidence.extraction.spreadsheets import create_workbook

SPARE_ROWS = 1000  # empty rows below the last that have lists and checks
NOTE_CHARACTERS = 52  # of a line of a note
A4 = 9  # XLSX number of the paper
LEAST_WIDTH, MOST_WIDTH = 11, 46  # characters
FONT = {"font_name": "Arial", "font_size": 10}
NEEDED, OPTIONAL, EMPTY, SHADE = "#1F4E5F", "#7A9AA8", "#FFF2CC", "#EEF3F5"
# Settled differences between two extractions: the workflow writes that table, people fill it in.
NOT_IN_FORM = ("adjudication",)

_COUNT_CHECK = 'OR(AND(ISNUMBER({c}),{c}>=0,{c}=INT({c})),{c}="NR",{c}="UNCLEAR")'
# Kind of cell -> number format, check of a cell, and what is said of a wrong one.
_CHECKS = {
    "count": ("0", _COUNT_CHECK, "A whole number from 0 on, NR or UNCLEAR."),
    "order": ("0", "AND(ISNUMBER({c}),{c}>=0,{c}=INT({c}))", "A whole number from 0 on."),
    "year": (
        "0",
        'OR(AND(ISNUMBER({c}),{c}>=1900,{c}<=2100),{c}="NR",{c}="UNCLEAR")',
        "A year of four digits, NR or UNCLEAR.",
    ),
    "share": (
        "General",
        'OR(AND(ISNUMBER({c}),{c}>=0,{c}<=1),{c}="NR",{c}="UNCLEAR")',
        "A share from 0 to 1 (57 % is 0.57), NR or UNCLEAR.",
    ),
    "number": (
        "General",
        'OR(ISNUMBER({c}),{c}="NR",{c}="UNCLEAR")',
        "A number, NR or UNCLEAR.",
    ),
    "slug": (
        "@",
        'AND(EXACT({c},LOWER({c})),ISERROR(FIND(" ",{c})))',
        "Small letters, digits and underscores, as in doe_2022.",
    ),
}
_TEXT = ("@", "", "")  # a cell that is text: what looks like a range or a number is not made a date or cut short

# A study as a person would enter it. It stands on the first sheet only; its name is refused in the tables.
EXAMPLE = {
    "studies": {
        "study_id": "example",
        "label": "Doe 2022",
        "first_author": "Doe J",
        "year": "2022",
        "title": "A made-up series of twelve patients",
        "journal": "J Examples 2022;1:1-5",
        "doi": "10.1000/example",
        "pmid": "NR",
        "design": "case_series_retrospective",
        "controlled": "no",
        "n_patients": "12",
        "published_review": "no",
        "status": "included",
    },
    "responses": {
        "response_id": "example",
        "study_id": "example",
        "therapy": "therapy_slug",
        "disease": "disease_slug",
        "outcome": "clinical_response",
        "primary_outcome": "yes",
        "unit": "patient",
        "dose": "10 mg/day",
        "follow_up": "12 months",
        "n": "12",
        "n_complete": "2",
        "n_partial": "3",
        "n_none": "7",
        "responders": "5",
        "response_definition": "smaller on palpation",
        "evidence_basis": "full_text",
        "source": "doi:10.1000/example",
        "location": "Table 2",
        "paraphrase": "5 of 12 had smaller deposits, 2 none left.",
        "confidence": "high",
        "pool": "yes",
    },
}

STEPS = (
    "One row a study in “studies”; then one row in “responses” for each therapy, disease and outcome that it reports.",
    "A new therapy or disease first gets a row in its own sheet; then the lists of the other sheets offer it.",
    "Empty: does not apply. NR: not reported in what you read. UNCLEAR: not clear from the text. None is ever 0.",
    "Counts are counts of patients (or lesions, where unit says so), never per cent. Shares lie between 0 and 1.",
    "Say for each row what you read (evidence_basis), where (source, location), and what it says, in your own words.",
    "Point at a column's name to read what it means. Dark names: every row needs it; a gap turns yellow.",
    "Do not merge cells, rename sheets or columns, or leave formulas; notes of your own belong in the column notes.",
    "Save as data/raw/extraction.xlsx, remove the CSV files of the same names, and run snakemake. Errors are "
    "reported with sheet, row and column; earlier results stay unchanged until all are fixed.",
)


def save_form(
    tables: Mapping[str, pd.DataFrame], path: str | Path, title: str = "", instruments: Iterable[str] = ()
) -> None:
    """Write the form, filled with the tables of a review.

    Parameters
    ----------
    tables : dict of DataFrames of str, as `evidence.extraction.read_tables` returns them; a table or column that is
        not there is not in the form, so that its default applies
    path : file to write
    title : title of the review, for the first sheet
    instruments : names offered for the column tool of risk_of_bias

    Notes
    -----
    The same tables give the same bytes.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    shown = {table: tables[table] for table in TABLES if table in tables and table not in NOT_IN_FORM}
    font = dict(FONT)  # xlsxwriter changes it
    with create_workbook(path, "Extraction form", default_format_properties=font) as book:
        read_me = book.add_worksheet(FORM_SHEETS[0])
        sheets = {table: book.add_worksheet(table) for table in shown}
        lists = _Lists(book, shown, instruments)
        _write_read_me(book, read_me, title, shown)
        for table, frame in shown.items():
            _write_table(book, sheets[table], table, frame, lists)


class _Lists:
    """The hidden sheet of words and names that the drop-downs offer; each list is written when it is first asked for.

    Names of studies, therapies and diseases are formulas on their sheets, so that a new row is offered at once.
    """

    def __init__(self, book: xlsxwriter.Workbook, tables: Mapping[str, pd.DataFrame], instruments: Iterable[str]):
        self._book, self._tables, self._instruments = book, tables, list(instruments)
        self._sheet = book.add_worksheet(FORM_SHEETS[1])
        self._sheet.hide()
        self._made: dict[str, str] = {}

    def offered(self, table: str, column: str) -> tuple[str, str]:
        """Formula of what a column's drop-down offers, and what is said of anything else; "" where it has none."""
        if words := allowed_words(table, column):
            return self._words(f"{table}_{column}", words), "Choose a word of the list."
        if column == "tool" and self._instruments:
            return self._words(column, self._instruments), "Choose an instrument of the list."
        target, also = reference(table, column)
        if target:
            wrong = f"Choose a name of the list; a new one first gets a row in the sheet {target}."
            return self._names(target, list(also)), wrong
        return "", ""

    def _words(self, name: str, words: list[str]) -> str:
        name = f"words_{name}"
        if name not in self._made:
            letter = self._start(name, words)
            self._define(name, f"Lists!${letter}$2:${letter}${len(words) + 1}")
        return self._made[name]

    def _names(self, target: str, also: list[str]) -> str:
        name = "_".join(["names", target, *also]).lower()
        if name not in self._made:
            position, letter = len(self._made), self._start(name, also)
            names = self._tables[target].iloc[:, 0].tolist()
            last = len(names) + SPARE_ROWS + 1
            for row, known in enumerate([*names, *[""] * SPARE_ROWS], start=2):
                formula = f'=IF({target}!$A${row}="","",{target}!$A${row})'
                self._sheet.write_formula(len(also) + row - 1, position, formula, None, known)
            used = f"MAX(1,{len(also)}+COUNTA({target}!$A$2:$A${last}))"
            self._define(name, f"OFFSET(Lists!${letter}$2,0,0,{used},1)")
        return self._made[name]

    def _start(self, name: str, words: list[str]) -> str:
        """Write the words of a new list; the letter of its column."""
        position = len(self._made)
        for row, word in enumerate([name, *words]):
            self._sheet.write_string(row, position, word)
        self._sheet.set_column(position, position, 28)
        return str(xl_col_to_name(position))

    def _define(self, name: str, area: str) -> None:
        self._book.define_name(name, f"={area}")
        self._made[name] = f"={name}"


def _write_table(book: xlsxwriter.Workbook, sheet: Worksheet, table: str, frame: pd.DataFrame, lists: _Lists) -> None:
    last = len(frame) + SPARE_ROWS
    blank = book.add_format({"bg_color": EMPTY})
    own = [name for name in frame.columns if name not in columns(table)]
    known = describe(table, own)
    for position, column in enumerate(known[known["column"].isin(frame.columns)].to_dict("records")):
        name = column["column"]
        cells = frame[name].tolist()
        number_format, check, wrong = _CHECKS.get(cell_kind(table, name), _TEXT)
        look = {} if number_format == "@" else {"align": "right"}  # NR stands below the numbers
        body = book.add_format({**FONT, "num_format": number_format, **look})
        is_needed = must_be_filled(table, name)
        shade = NEEDED if is_needed else OPTIONAL
        head = book.add_format({**FONT, "bold": True, "font_color": "white", "bg_color": shade, "valign": "vcenter"})
        sheet.set_column(position, position, _width(name, cells), body)
        sheet.write_string(0, position, name, head)
        _write_note(sheet, position, table, column, is_needed)
        values = numbers(frame[name]).tolist() if number_format != "@" else [math.nan] * len(cells)
        for row, (cell, value) in enumerate(zip(cells, values, strict=True), start=1):
            if not math.isnan(value):
                sheet.write_number(row, position, value, body)
            elif cell:
                sheet.write_string(row, position, cell, body)

        letter = xl_col_to_name(position)
        source, not_offered = lists.offered(table, name)
        if source or check:
            rule: dict[str, str | bool] = {"validate": "list", "source": source} if source else {"validate": "custom"}
            rule |= {} if source else {"value": "=" + check.format(c=f"{letter}2")}
            rule |= {"error_title": name, "error_message": not_offered or wrong, "ignore_blank": True}
            sheet.data_validation(1, position, last, position, rule)
        if position and is_needed:
            criteria = f'=AND($A2<>"",{letter}2="")'
            look = {"type": "formula", "criteria": criteria, "format": blank}
            sheet.conditional_format(1, position, last, position, look)
        if number_format == "@":
            sheet.ignore_errors({"number_stored_as_text": f"{letter}2:{letter}{last + 1}"})
    sheet.set_row(0, 20)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(frame), 1), len(frame.columns) - 1)
    sheet.set_landscape()
    sheet.repeat_rows(0)


def _write_note(sheet: Worksheet, position: int, table: str, column: Mapping[Hashable, str], is_needed: bool) -> None:
    """What a column means, its unit and words, shown when one points at its name."""
    known = labels(table, column["column"])
    words = allowed_words(table, column["column"])
    also = reference(table, column["column"])[1]
    lines = [column["meaning"]]
    lines += [f"Unit: {column['unit']}."] if column["unit"] else []
    if words:
        lines += ["One of:", *(f"{word} = {known[word]}" if known[word] != word else word for word in words)]
    elif also:
        lines += [f"Besides the names: {', '.join(also)}."]
    elif is_needed or cell_kind(table, column["column"]) not in ("note", "reference", "text"):
        lines += [f"Allowed: {column['allowed']}."]
    empty = f"May stay empty: {column['default']}." if is_made(table, column["column"]) else "May stay empty."
    lines += ["Every row needs it." if is_needed else empty]
    height = sum(math.ceil(len(line) / NOTE_CHARACTERS) for line in lines)
    size = {"width": 320, "height": 15 * height + 12}
    sheet.write_comment(0, position, "\n".join(lines), {"author": "", "font_size": 9, **size})


def _width(name: str, cells: list[str]) -> float:
    longest = max((len(line) for cell in cells for line in cell.split("\n")), default=0)
    return max(LEAST_WIDTH, len(name) + 5, min(longest + 1, MOST_WIDTH))


def _write_read_me(book: xlsxwriter.Workbook, sheet: Worksheet, title: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """One page: what to do, what the sheets are, and one study as it is entered."""

    def style(**look: object) -> Format:
        return book.add_format({**FONT, "valign": "top", "text_wrap": True, **look})

    plain, bold, head = style(), style(bold=True), style(bold=True, font_size=14, text_wrap=False)
    band = style(bold=True, font_color="white", bg_color=NEEDED)
    example = style(italic=True, bg_color=SHADE)
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 44)
    sheet.set_column(2, 2, 22)
    sheet.set_column(3, 3, 44)
    sheet.write_string(0, 0, "Extraction form" + (f": {title}" if title else ""), head)
    sheet.set_row(0, 24)
    row = 1
    for number, step in enumerate(STEPS, start=1):
        sheet.merge_range(row, 0, row, 3, "", plain)
        sheet.write_string(row, 0, f"{number}. {step}", plain)
        sheet.set_row(row, 14 * math.ceil(len(step) / 135))
        row += 1
    row += 1
    for position, words in enumerate(("Sheet", "One row per", "Rows now", "Needed")):
        sheet.write_string(row, position, words, band)
    for table, frame in tables.items():
        row += 1
        sheet.write_string(row, 0, table, bold)
        sheet.write_string(row, 1, TABLES[table].row, plain)
        sheet.write_number(row, 2, len(frame), style(align="left"))
        sheet.write_string(row, 3, "yes" if TABLES[table].required else "no", plain)
        sheet.set_row(row, 14 * math.ceil(len(TABLES[table].row) / 44))
    row += 2
    sheet.merge_range(row, 0, row, 3, "", band)
    words = "EXAMPLE, made up: never read from here; the name “example” is refused in the tables"
    sheet.write_string(row, 0, words, band)
    for side, (table, cells) in enumerate(EXAMPLE.items()):
        sheet.write_string(row + 1, 2 * side, f"sheet {table}", bold)
        for line, (column, cell) in enumerate(cells.items(), start=row + 2):
            sheet.write_string(line, 2 * side, column, plain)
            sheet.write_string(line, 2 * side + 1, cell, example)
    sheet.hide_gridlines(2)
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 1)
