"""PRISMA 2020 flow diagram: the only module that knows where its boxes stand.

Boxes and wording of Page et al. (2021), BMJ 372:n71, in own words. A number that the review does not have stays "NR";
it is never worked out from the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from small_evidence.extraction.screening import faults, flow_shown
from small_evidence.figures.drawing import Drawing, Shape, describe
from small_evidence.figures.fonts import text_width, wrap_text
from small_evidence.figures.page import BASELINE, LINE, MARGIN, Page, Sheet, TooNarrowError
from small_evidence.figures.style import MM, SCREEN, Style
from small_evidence.review import Review
from small_evidence.wording import joined

TITLE = "Flow of records and studies"
PUBLISHED_TITLE = "Flow of records and studies of the published review"
ARITHMETIC = ("flow_part", "flow_sum", "flow_counted")
PHASES = ("Identification", "Screening", "Included")
GAP_ROWS, PAD = 1.7, 0.55  # between boxes, and inside them; type sizes


@dataclass
class _Box:
    lines: list[tuple[str, bool]]  # text, bold
    row: int
    column: str  # main, side, other


def prisma_flow(
    review: Review,
    style: Style = SCREEN,
    *,
    hide: Collection[str] | None = None,
    by_database: bool | None = None,
    title: str = "",
) -> Drawing:
    """PRISMA 2020 flow diagram, counted from the table of records, else from the numbers in the table of screening.

    Of a review without numbers of its own, the flow of the published review is drawn and named as that.

    Rows with a label of `screening.BOXES` fill its box, and a box that no row fills says NR. Other rows are optional:
    those that begin with "reports excluded:" are reasons, others stand as further lines in a box of their stage. A
    column for other methods appears when the table has its rows. Numbers that do not add up are said so in a note.

    Parameters
    ----------
    review : Review; of its tables records and screening
    style : Style
    hide : codes of boxes (`screening.BOXES`) to leave out; those of the config if None
    by_database : bool; whether records identified are shown by database too; as the config says if None
    title : str; printed only by presets that print titles; by default it says whose flow it is

    Raises
    ------
    TooNarrowError: the style is too narrow
    """
    screening, records = review["screening"], review["records"]
    found, is_published = flow_shown(screening, records)
    title = title or (PUBLISHED_TITLE if is_published else TITLE)
    choices = review.config["figures"]
    counts, extra = _read(found, choices["flow_by_database"] if by_database is None else by_database)
    boxes = _boxes(counts, extra, frozenset(choices["flow_hide"] if hide is None else hide))
    page = Page(style)
    if style.title:
        page.heading(title)
    _lay_out(page, boxes, style)
    sources = joined(text for text in found["source"] if text not in ("", "NR")) if len(found) else ""
    notes = []
    if any(_n("NR") in text for box in boxes for text, _ in box.lines):
        notes.append("NR: not reported in what was read; not worked out from the other numbers.")
    if sources not in ("", "—"):
        notes.append(f"Numbers from {sources}.")
    if is_published:
        notes.append("This is the flow of the published review.")
    wrong = [words for rule, *_, words in faults(screening.assign(_row=0), records) if rule in ARITHMETIC]
    if wrong:
        notes.append(f"The numbers do not add up: {'; '.join(wrong)}.")
    notes.append("Boxes after the PRISMA 2020 statement (Page et al., BMJ 2021;372:n71).")
    page.y += 0.6 * style.size
    page.closing(Sheet(notes=[" ".join(notes)]))
    words = "; ".join(" ".join(text for text, _ in box.lines) for box in boxes)
    return describe(page.drawing(), title, f"{title}. {words}.")


def _read(found: pd.DataFrame, by_database: bool) -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Numbers of the boxes by code, and the other rows by stage, or by box for the reasons of an exclusion."""
    counts: dict[str, str] = {}
    extra: dict[str, list[tuple[str, str]]] = {"identification": [], "screening": [], "included": []}
    row: Any
    for row in found.itertuples():
        n = "NR" if math.isnan(row.n) else f"{row.n:.0f}"
        if row.box and not row.part:
            counts[row.box] = n
        elif row.box == "identified":
            extra["identification"] += [(row.label, n)] * by_database
        else:
            extra.setdefault(row.box or row.part, []).append((row.label, n))
    return counts, extra


def _n(number: str) -> str:
    return f"(n\u00a0=\u00a0{number})"


def _boxes(
    counts: dict[str, str], extra: dict[str, list[tuple[str, str]]], hide: frozenset[str] = frozenset()
) -> list[_Box]:
    def line(words: str, key: str, bold: bool = True) -> tuple[str, bool]:
        return ("" if key in hide else f"{words} {_n(counts.get(key, 'NR'))}"), bold

    def optional(*pairs: tuple[str, str]) -> list[tuple[str, bool]]:
        return [line(words, key, False) for words, key in pairs if key in counts]

    def further(rows: list[tuple[str, str]]) -> list[tuple[str, bool]]:
        return [(f"{label} {_n(n)}", False) for label, n in rows]

    reasons = extra.get("reports_excluded", [])
    removed = [("Records removed before screening:", True)]
    ways = (("Duplicates", "duplicates"), ("By automation", "automation"), ("For other reasons", "other_reasons"))
    removed += optional(*ways) or [line(words, key, False) for words, key in ways]
    boxes = [
        _Box(
            [
                line("Records identified", "identified"),
                *optional(("Databases", "databases"), ("Registers", "registers")),
                *further(extra["identification"]),
            ],
            0,
            "main",
        ),
        _Box(removed, 0, "side"),
        _Box([line("Records screened", "screened")], 1, "main"),
        _Box(
            [
                line("Records excluded", "excluded"),
                *optional(("Records awaiting screening", "awaiting_screening")),
                *further(extra["screening"]),
            ],
            1,
            "side",
        ),
        _Box([line("Reports sought for retrieval", "sought")], 2, "main"),
        _Box([line("Reports not retrieved", "not_retrieved")], 2, "side"),
        _Box([line("Reports assessed for eligibility", "assessed")], 3, "main"),
        _Box(
            [
                line("Reports excluded with reasons", "reports_excluded"),
                *further([] if "reports_excluded" in hide else reasons),
                *optional(("Reports awaiting assessment", "awaiting_assessment")),
            ],
            3,
            "side",
        ),
        _Box(
            [
                line("Studies included", "studies"),
                line("Reports of included studies", "reports", False),
                *optional(
                    ("Studies in previous version", "previous_studies"),
                    ("Reports in previous version", "previous_reports"),
                    ("Total studies", "total_studies"),
                    ("Total reports", "total_reports"),
                ),
                *further(extra["included"]),
            ],
            4,
            "main",
        ),
    ]
    found = optional(("Websites", "websites"), ("Organisations", "organisations"), ("Citation searching", "citations"))
    if found or any(key.startswith("other_") and key != "other_reasons" for key in counts):
        boxes += [
            _Box([("Records from other methods:", True), *found], 0, "other"),
            _Box(
                [
                    line("Reports sought", "other_sought"),
                    line("Reports not retrieved", "other_not_retrieved", False),
                ],
                2,
                "other",
            ),
            _Box(
                [
                    line("Reports assessed", "other_assessed"),
                    line("Reports excluded", "other_excluded", False),
                    *further(extra.get("other_excluded", [])),
                ],
                3,
                "other",
            ),
        ]
    for box in boxes:
        box.lines = [(text, bold) for text, bold in box.lines if text]
    shown = {box.row for box in boxes if box.lines and box.column == "main"}
    # what branches off a box goes with it
    return [box for box in boxes if box.lines and (box.column != "side" or box.row in shown)]


def _lay_out(page: Page, boxes: list[_Box], style: Style) -> None:
    """Columns of equal width beside the names of the phases; every row as high as its fullest box."""
    size = style.size
    columns = [name for name in ("main", "side", "other") if any(box.column == name for box in boxes)]
    phase = max(text_width(name, style, size, True) for name in PHASES) + 8
    gap = 2.4 * size
    width = (style.width - 2 * MARGIN - phase - gap * (len(columns) - 1)) / len(columns)
    least = 13 * size
    if width < least:
        needed = math.ceil((style.width + (least - width) * len(columns)) / MM)
        raise TooNarrowError(f"{style.width_mm:g} mm is too narrow for this figure; it needs {needed} mm")
    left = {name: MARGIN + phase + number * (width + gap) for number, name in enumerate(columns)}
    wrapped = {
        id(box): [(part, bold) for text, bold in box.lines for part in wrap_text(text, style, size, width - 10, bold)]
        for box in boxes
    }
    rows = sorted({box.row for box in boxes})
    top, place = page.y + 2, {}
    starts = {0: "Identification", 1: "Screening", 4: "Included"}
    for row in rows:
        here = [box for box in boxes if box.row == row]
        height = max(len(wrapped[id(box)]) for box in here) * LINE * size + 2 * PAD * size
        if row in starts:
            if row:
                middle = top - GAP_ROWS * size / 2
                page.line((MARGIN, middle, MARGIN + phase - 8, middle), "rules")
            page.text(MARGIN, top + PAD * size + 0.95 * size, starts[row], bold=True)
        for box in here:
            x = left[box.column]
            place[box.row, box.column] = (x, top, x + width, top + height)
            _draw_box(page, (x, top, x + width, top + height), wrapped[id(box)], style)
        top += height + GAP_ROWS * size
    page.y = top - GAP_ROWS * size
    for (row, column), (x0, y0, x1, y1) in place.items():
        if column == "side":
            main = place[row, "main"]
            middle = (y0 + y1) / 2
            _arrow(page, [(main[2], middle), (x0, middle)], style)
        else:
            below = [other for other, name in place if name == column and other > row]
            if below:
                target = place[min(below), column]
                _arrow(page, [((x0 + x1) / 2, y1), ((x0 + x1) / 2, target[1])], style)
            elif column == "other":
                target = place[4, "main"]
                middle = (target[1] + target[3]) / 2
                _arrow(page, [((x0 + x1) / 2, y1), ((x0 + x1) / 2, middle), (target[2], middle)], style)


def _draw_box(
    page: Page, corners: tuple[float, float, float, float], lines: list[tuple[str, bool]], style: Style
) -> None:
    x0, y0, _, y1 = corners
    page.box(corners, "glyphs", "#FFFFFF", style.colours["ink"])
    y = (y0 + y1) / 2 - (len(lines) - 1) / 2 * LINE * style.size + BASELINE * style.size
    for words, bold in lines:
        page.text(x0 + 5, y, words, bold=bold)
        y += LINE * style.size


def _arrow(page: Page, points: list[tuple[float, float]], style: Style) -> None:
    ink, head = style.colours["ink"], 0.55 * style.size
    for (x0, y0), (x1, y1) in pairwise(points):
        page.line((x0, y0, x1, y1), "lines")
    (x0, y0), (x1, y1) = points[-2:]
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    back = (x1 - head * dx, y1 - head * dy)
    wing = 0.5 * head
    tip = [(x1, y1), (back[0] - wing * dy, back[1] + wing * dx), (back[0] + wing * dy, back[1] - wing * dx)]
    page.items.append(Shape(tuple(tip), ink, ink, style.line, "glyphs"))
