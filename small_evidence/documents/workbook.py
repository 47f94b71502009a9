"""Printed tables as workbooks, in which text is never a formula or a link."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter  # type: ignore[import-untyped]  # has no types

from small_evidence.documents.measures import MARGIN, SIZE, lines_of, pixels
from small_evidence.extraction.schema import humanise
from small_evidence.extraction.spreadsheets import CREATED, create_workbook
from small_evidence.tables.table import Column, Table

FONT = "Arial"
PIXELS = 7  # of one unit of column width, with the font that a spreadsheet measures columns in
LINE = 12.0  # points; height of a line of body text
INDENT = 9  # pixels; keeps the text of neighbouring columns apart
CELL_LIMIT = 32_767  # characters; of a cell in XLSX
ROW_LIMIT = 409.0  # points; height of a row
SHEET_LIMIT = 31  # characters; of the name of a sheet
A4 = 9  # XLSX number of the paper
RULE, HAIR, SHADE = "#808080", "#D4D4D4", "#EAEAEA"


def save_workbook(tables: Table | Iterable[Table], path: Path | str, created: datetime.datetime = CREATED) -> None:
    """Write tables as a workbook, a sheet each: caption, header (repeated on every printed page), rows, footnotes.

    Parameters
    ----------
    tables : Table or several
    path : file to write
    created : datetime; the date in the file's properties
    """
    tables = [tables] if isinstance(tables, Table) else list(tables)
    title = tables[0].caption if len(tables) == 1 else "Tables"
    options = {
        # Columns are measured in digits of the default font: one that every machine has, or a metric twin of it.
        "default_format_properties": {"font_name": FONT, "font_size": SIZE},
        "default_row_height": 17,
        "default_column_width": 64,
    }
    with create_workbook(path, title, created, **options) as book:
        styles = _Styles(book)
        names: set[str] = set()
        for table in tables:
            name = sheet_name(table.number or humanise(table.name), names)
            names.add(name.casefold())
            _write_sheet(book.add_worksheet(name), table, styles)


def sheet_name(wished: str, taken: Iterable[str] = ()) -> str:
    """A name that a spreadsheet accepts for a sheet, unlike those taken (casefolded).

    >>> sheet_name("Table IV"), sheet_name("a/b: [c]?", {"a b c"}), sheet_name("'")
    ('Table IV', 'a b c 2', 'Table')
    """
    taken = set(taken)
    clean = " ".join(re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", wished).split()).strip("'") or "Table"
    name, number = clean[:SHEET_LIMIT].strip(), 1
    while name.casefold() in taken:
        number += 1
        name = f"{clean[: SHEET_LIMIT - len(str(number)) - 1].strip()} {number}"
    return name


class _Styles:
    """The cell formats of a workbook, made once each."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def get(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            base = {"font_name": FONT, "font_size": SIZE, "text_wrap": True, "valign": "top"}
            self._made[key] = self._book.add_format(base | properties)
        return self._made[key]


def _write_sheet(sheet: Any, table: Table, styles: _Styles) -> None:
    last = len(table.columns) - 1
    widths = [_width(table, position) for position in range(len(table.columns))]
    for position, width in enumerate(widths):
        sheet.set_column(position, position, width, styles.get())
    total = sum(widths)

    caption = styles.get(bold=True, font_size=SIZE + 2, valign="vcenter")
    _write_across(sheet, 0, last, table.caption, caption, total, size=SIZE + 2, bold=True)
    first_body = _write_header(sheet, table, styles, widths)
    row = _write_body(sheet, table, styles, first_body, widths)

    sheet.repeat_rows(1, first_body - 1)
    sheet.freeze_panes(first_body, 1)
    for position, note in enumerate(table.footnotes):
        top = {"top": 1, "top_color": RULE} if position == 0 else {}
        _write_across(sheet, row + position, last, note, styles.get(**top), total)
    sheet.set_paper(A4)
    if table.landscape:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    font = f'&"{FONT},Regular"&8'
    sheet.set_footer(f"&L{font}{(table.number or table.title).replace('&', '&&')}&R{font}Page &P of &N")
    sheet.hide_gridlines(2)


def _write_header(sheet: Any, table: Table, styles: _Styles, widths: list[float]) -> int:
    """One header row, or two where columns share a heading; the row below it."""
    look = {"bold": True, "valign": "bottom", "bottom": 1, "bottom_color": RULE}
    two = any(column.over for column in table.columns)
    for position, column in enumerate(table.columns):
        edge = {} if two else {"top": 1, "top_color": RULE}
        style = styles.get(**_aligned(column, position), **look, **edge)
        sheet.write_string(1 + two, position, _text(column.title), style)
        if two:
            sheet.write_blank(1, position, None, styles.get(top=1, top_color=RULE))
    start = 0
    while two and start < len(table.columns):
        stop = start
        while stop + 1 < len(table.columns) and table.columns[stop + 1].over == table.columns[start].over:
            stop += 1
        over = table.columns[start].over
        if over:
            shared = styles.get(align="center", **look, top=1, top_color=RULE)
            _merge(sheet, 1, start, stop, over, shared)
        start = stop + 1
    rooms = _rooms(table, widths)
    lines = max(lines_of(column.title, room, bold=True) for column, room in zip(table.columns, rooms, strict=True))
    sheet.set_row(1 + two, LINE * lines + 3)
    return 2 + two


def _write_body(sheet: Any, table: Table, styles: _Styles, row: int, widths: list[float]) -> int:
    last = len(table.columns) - 1
    total = sum(widths)
    rooms = _rooms(table, widths)
    group = None
    for position in range(len(table.frame)):
        cells = {name: values[position] for name, values in table.cells.items()}
        if table.group and cells[table.group] != group:
            group = cells[table.group]
            _write_across(
                sheet, row, last, group, styles.get(bold=True, bg_color=SHADE, valign="vcenter"), total, bold=True
            )
            row += 1
        bold = {"bold": True} if position in table.emphasised else {}
        for column_position, column in enumerate(table.columns):
            look = styles.get(**_aligned(column, column_position), bottom=1, bottom_color=HAIR, **bold)
            _write_cell(sheet, row, column_position, cells[column.name], look)
        lines = max(
            lines_of(str(cells[column.name]), room, bold=bool(bold))
            for column, room in zip(table.columns, rooms, strict=True)
        )
        sheet.set_row(row, min(LINE * lines + 3, ROW_LIMIT))
        row += 1
    if table.frame.empty:
        _merge(sheet, row, 0, last, "Nothing to show.", styles.get(italic=True))
        row += 1
    return row


def _write_cell(sheet: Any, row: int, column: int, value: object, style: Any) -> None:
    """Numbers as numbers, everything else as text and nothing but text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        sheet.write_number(row, column, value, style)
    else:
        sheet.write_string(row, column, _text(value), style)


def _write_across(
    sheet: Any, row: int, last: int, text: str, style: Any, total: float, *, size: float = SIZE, bold: bool = False
) -> None:
    """A paragraph over the whole width."""
    _merge(sheet, row, 0, last, text, style)
    lines = lines_of(text, total * PIXELS, size, bold)
    sheet.set_row(row, min(LINE * size / SIZE * lines + 3, ROW_LIMIT))


def _merge(sheet: Any, row: int, first: int, last: int, text: str, style: Any) -> None:
    if first == last:
        sheet.write_string(row, first, _text(text), style)
        return
    # merge_range writes through write(), which guesses types; the text itself goes in as text.
    sheet.merge_range(row, first, row, last, "", style)
    sheet.write_string(row, first, _text(text), style)


def _aligned(column: Column, position: int) -> dict[str, Any]:
    grouped = {"num_format": "#,##0"} if column.thousands else {}
    return {"align": column.align} | ({"indent": 1} if _indented(column, position) else {}) | grouped


def _indented(column: Column, position: int) -> bool:
    return column.align == "right" or (column.align == "left" and position > 0)


def _rooms(table: Table, widths: list[float]) -> list[float]:
    """Pixels for text in the cells of each column."""
    return [
        width * PIXELS - (INDENT if _indented(column, position) else 0)
        for position, (column, width) in enumerate(zip(table.columns, widths, strict=True))
    ]


def _width(table: Table, position: int) -> float:
    """The wished width, wider for a longer word so that none is broken, but never by more than half."""
    column = table.columns[position]
    words = {word for text in (column.title, *table.cells[column.name]) for word in str(text).split()}
    longest = max((pixels(word, bold=True) for word in words), default=0)
    indent = INDENT if _indented(column, position) else 0
    return max(column.width, min((longest + indent + MARGIN) / PIXELS, 1.5 * column.width))


def _text(value: Any) -> str:
    text = "" if pd.isna(value) else str(value)
    return text if len(text) <= CELL_LIMIT else text[: CELL_LIMIT - 1] + "…"
