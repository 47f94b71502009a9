"""Tables with an axis in them, laid out: which columns a width has room for, how close rows stand, how many pages."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.page import ROOMY, Column, Page, Row, Sheet, TooNarrowError
from small_evidence.figures.style import Style

CROWDED = (20, 60)  # rows from which a figure is drawn closer, and at which it is as close as DENSE
DENSE = 1.5
CLOSER = (1.65, 1.5, 1.4, 1.3)  # pitches in type sizes that are tried where a page would be too high

Places = dict[str, tuple[float, float]]  # left and right edge of each column, in points
Fits = Callable[[list[Row], Sheet], bool]  # whether some rows have room on one page


def absent(title: str, reason: str, style: Style) -> Drawing:
    """What stands in place of a figure that has nothing to show: the reason."""
    drawing = draw_sheet([Column("reason", "")], [], Sheet(title=title, statements=[f"{reason}."]), style)
    return replace(describe(drawing, title, f"{title}. {reason}."), absent=reason)


def draw_sheet(columns: list[Column], rows: list[Row], sheet: Sheet, style: Style) -> Drawing:
    """Lay a table with an axis out and draw it; the height follows from the rows.

    Where the style is narrow, headers are shortened and spare columns left out, and a note says which. Where a page of
    the style is too low, rows stand closer; what is too much even so is drawn twice: whole, and as pages.

    Returns
    -------
    Drawing; its `pages` are the same as drawings that each fit the height of the style, none where it fits as a whole

    Raises
    ------
    TooNarrowError: the style is too narrow for the columns; the message says how wide it must be
    """
    columns, places, dropped = _fitting(columns, rows, sheet, style)
    if dropped:
        words = ", ".join(dropped)
        sheet = replace(sheet, notes=[*sheet.notes, f"Left out to fit the width: {words}."])
    rows = [_respanned(row, columns) for row in rows]
    lay_out = partial(_page, columns=columns, places=places, style=style)
    low, high = CROWDED
    crowding = min(1.0, max(0.0, (len(rows) + len(sheet.below) - low) / (high - low)))
    usual = ROOMY - (ROOMY - DENSE) * crowding
    whole = roomy = lay_out(rows, sheet, usual)
    for pitch in (pitch for pitch in CLOSER if pitch < usual):
        if whole.height <= style.height:
            break
        whole = lay_out(rows, sheet, pitch)
    if whole.height <= style.height:
        return whole.drawing()
    parts = _pages(rows, sheet, lambda here, around: lay_out(here, around, usual).height <= style.height)
    return replace(roomy.drawing(), pages=tuple(lay_out(here, around, usual).drawing() for here, around in parts))


def _page(rows: list[Row], sheet: Sheet, pitch: float, columns: list[Column], places: Places, style: Style) -> Page:
    """Rows on a page; its columns stand at the places that were measured for the rows of all pages."""
    page = Page(style, pitch, sheet.span)
    page.places = places
    if sheet.title and style.title:
        page.heading(sheet.title)
    if rows:
        page.header(columns)
    top = page.y
    number = 0
    for row in rows:
        number = 0 if row.is_heading else number + 1
        page.row(row, columns, band=number > 0 and number % 2 == 0)
    if any(row.mark for row in rows):
        page.axis_bottom(top, sheet)
    elif rows:
        page.rule(page.y + 2)
        page.y += 4
    for statement in sheet.statements:
        page.y += 0.45 * style.size
        page.paragraph(statement, style.size)
    if sheet.below:
        page.y += 0.9 * style.size
        page.paragraph(sheet.below_heading, style.size, bold=True)
        for row in sheet.below:
            page.row(row, columns, to_edge=True)
    page.closing(sheet)
    return page


def _fitting(
    columns: list[Column], rows: list[Row], sheet: Sheet, style: Style
) -> tuple[list[Column], Places, list[str]]:
    """Columns that fit with their places, and the headers of those left out: shorter heads, then fewer columns."""
    narrow = [replace(column, header=column.narrow or column.header) for column in columns]
    spare = sorted((column for column in narrow if column.spare), key=lambda column: -column.spare)
    tries = [columns, narrow]
    for number in range(1, len(spare) + 1):
        tries.append([column for column in narrow if column not in spare[:number]])
    for number, chosen in enumerate(tries):
        kept = [_respanned(row, chosen) for row in rows]
        page = Page(style)
        try:
            page.set_columns(chosen, kept, sheet.below, sheet.widest)
        except TooNarrowError:
            if number == len(tries) - 1:
                raise
            continue
        dropped = [_named(column.header) for column in spare[: max(0, number - 1)]]
        return chosen, page.places, dropped
    raise AssertionError("no column was tried")


def _named(head: str) -> str:
    """A head of a column inside a sentence."""
    return head.replace("\n", " ").removesuffix(",\u00a0%").removesuffix(", %").lower()


def _respanned(row: Row, columns: list[Column]) -> Row:
    """A row whose first cell reaches to the counts where the column it should reach to is not there."""
    keys = [column.key for column in columns]
    if not row.span or row.span in keys:
        return row
    before = keys.index("count") - 1 if "count" in keys else 0
    return replace(row, span=keys[before] if before > 0 else "")


def _pages(rows: list[Row], sheet: Sheet, fits: Fits) -> list[tuple[list[Row], Sheet]]:
    """Rows and sheet of each page: as few pages as there can be, and if that goes as many rows on each."""
    total = len(_filled(rows, sheet, fits))
    even = _filled(rows, sheet, fits, total, even=True)
    return even if len(even) == total else _filled(rows, sheet, fits, total)


def _filled(
    rows: list[Row], sheet: Sheet, fits: Fits, total: int = 2, even: bool = False
) -> list[tuple[list[Row], Sheet]]:
    """Pages with as many rows as fit on each, or with an equal share of them.

    The rows of the table come first, then those below it. Statements, keys and footnotes stand on the last page. A
    heading whose rows go on over the page is said again.
    """
    rest, below = list(rows), list(sheet.below)
    pages: list[tuple[list[Row], Sheet]] = []
    heading = repeated = None

    def part(count: int, last: bool = False) -> tuple[list[Row], Sheet]:
        number = len(pages) + 1
        title = f"{sheet.title} (page {number} of {total})"
        here = replace(sheet, title=title, below=below[: max(0, count - len(rest))])
        if not last:
            here = replace(here, statements=[], keys=[], closing=[], notes=[f"Continued on page {number + 1}."])
        return rest[:count], here

    while True:
        left, remaining = len(rest) + len(below), max(1, total - len(pages))
        if not left or ((remaining == 1 or not even) and fits(*part(left, last=True))):
            return [*pages, part(left, last=True)]
        share = math.ceil(left / remaining) if even else left
        count = max(1, bisect_left(range(1, share + 1), True, key=lambda n: not fits(*part(n))))
        if 1 < count < len(rest) and rest[count - 1].is_heading:
            count -= 1
        pages.append(part(count))
        for row in rest[:count]:
            heading = row if row.is_heading and row is not repeated else heading
        rest, below = rest[count:], below[max(0, count - len(rest)) :]
        if rest and heading is not None and rest[0].indent:
            words = {key: f"{text} (continued)" for key, text in heading.cells.items()}
            repeated = replace(heading, cells=words, gap=0.0)
            rest = [repeated, *rest]
