"""PRISMA 2020 flow diagram: the only module that knows its boxes and which numbers must add up.

Boxes and wording of Page et al. (2021), BMJ 372:n71, in own words. A number that the review does not have stays "NR";
it is never worked out from the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd
from matplotlib.figure import Figure

from evidence import ReviewError
from evidence.figures.layout import BASELINE, LINE, MARGIN, Page, Sheet
from evidence.figures.style import MM, SCREEN, Style, describe, text_width, wrap_text
from evidence.schema import numbers
from evidence.wording import joined

TITLE = "Flow of records and studies"
# label in the table of screening, in small letters: key
KNOWN = {
    "records identified": "identified",
    "duplicates removed before screening": "duplicates",
    "removed by automation before screening": "automation",
    "removed for other reasons before screening": "other_reasons",
    "records screened": "screened",
    "records excluded": "excluded",
    "reports sought for retrieval": "sought",
    "reports not retrieved": "not_retrieved",
    "reports assessed for eligibility": "assessed",
    "reports excluded with reasons": "reports_excluded",
    "studies included": "studies",
    "reports of included studies": "reports",
    "studies in previous version": "previous_studies",
    "reports in previous version": "previous_reports",
    "total studies included": "total_studies",
    "total reports of included studies": "total_reports",
    "records from websites": "websites",
    "records from organisations": "organisations",
    "records from citation searching": "citations",
    "other reports sought for retrieval": "other_sought",
    "other reports not retrieved": "other_not_retrieved",
    "other reports assessed for eligibility": "other_assessed",
    "other reports excluded": "other_excluded",
}
# what stands left equals what stands right; a term that was not reported ends the check
SUMS = (
    ("screened", "identified", ("duplicates", "automation", "other_reasons")),
    ("sought", "screened", ("excluded",)),
    ("assessed", "sought", ("not_retrieved",)),
    ("other_assessed", "other_sought", ("other_not_retrieved",)),
)
PHASES = ("Identification", "Screening", "Included")
GAP_ROWS, PAD = 1.7, 0.55  # between boxes, and inside them; type sizes


@dataclass
class _Box:
    lines: list[tuple[str, bool]]  # text, bold
    row: int
    column: str  # main, side, other


def prisma_flow(screening: pd.DataFrame, *, title: str = TITLE, style: Style = SCREEN) -> Figure:
    """PRISMA 2020 flow diagram from the table of screening.

    Rows with a label of KNOWN fill its box, and a box that no row fills says NR. Other rows of a stage are optional:
    those that begin with "reports excluded" are reasons, others stand as further lines in a box of their stage. A
    column for other methods appears when the table has its rows.

    Parameters
    ----------
    screening : DataFrame: stage (identification, screening, included), label, n, source; NR where not reported
    title : str; printed only by presets that print titles
    style : Style

    Raises
    ------
    ReviewError: the numbers do not add up (all faults at once), or the style is too narrow
    """
    counts, extra = _read(screening)
    faults = flow_faults(screening)
    if faults:
        raise ReviewError("data/raw/screening.csv: the numbers do not add up\n" + "\n".join(faults))
    boxes = _boxes(counts, extra)
    page = Page(style)
    if style.title:
        page.heading(title)
    _lay_out(page, boxes, style)
    sources = joined(text for text in screening["source"] if text not in ("", "NR")) if len(screening) else ""
    notes = []
    if any(_n("NR") in text for box in boxes for text, _ in box.lines):
        notes.append("NR: not reported in what was read; not worked out from the other numbers.")
    if sources not in ("", "—"):
        notes.append(f"Numbers from {sources}.")
    notes.append("Boxes after the PRISMA 2020 statement (Page et al., BMJ 2021;372:n71).")
    page.y += 0.6 * style.size
    page.closing(Sheet(notes=[" ".join(notes)]))
    words = "; ".join(" ".join(text for text, _ in box.lines) for box in boxes)
    return describe(page.figure([], None), title, f"{title}. {words}.")


def flow_faults(screening: pd.DataFrame) -> list[str]:
    """Sums of the flow that do not hold, in words; numbers that are not reported are not checked."""
    counts, extra = _read(screening)
    values = {key: float(numbers(pd.Series([n])).iloc[0]) for key, n in counts.items()}
    labels = {key: label for label, key in KNOWN.items()}

    def known(*keys):
        return all(not math.isnan(values.get(key, math.nan)) for key in keys)

    faults = []
    for left, first, less in SUMS:
        terms = [key for key in less if key in counts]
        if known(left, first, *terms) and values[left] != values[first] - sum(values[key] for key in terms):
            words = "".join(f" − {values[key]:.0f} {labels[key]}" for key in terms)
            faults.append(f"{labels[left]}: {values[left]:.0f}, but {values[first]:.0f} {labels[first]}{words}")
    reasons = [float(numbers(pd.Series([n])).iloc[0]) for label, n in extra["screening"] if _is_reason(label)]
    whole = values.get("reports_excluded", math.nan)
    if reasons and not any(map(math.isnan, [whole, *reasons])) and sum(reasons) != whole:
        faults.append(f"reports excluded with reasons: {whole:.0f}, but the reasons sum to {sum(reasons):.0f}")
    if known("reports", "assessed", "reports_excluded") and ("other_assessed" not in counts or known("other_assessed")):
        expected = values["assessed"] - values["reports_excluded"]
        expected += values.get("other_assessed", 0) - values.get("other_excluded", 0)
        if not math.isnan(expected) and values["reports"] != expected:
            words = f"{expected:.0f} were assessed and not excluded"
            faults.append(f"reports of included studies: {values['reports']:.0f}, but {words}")
    if known("studies", "reports") and values["studies"] > values["reports"]:
        faults.append(f"studies included: {values['studies']:.0f} in {values['reports']:.0f} reports")
    if known("total_studies", "studies", "previous_studies"):
        expected = values["previous_studies"] + values["studies"]
        if values["total_studies"] != expected:
            faults.append(f"total studies included: {values['total_studies']:.0f}, but {expected:.0f} by its parts")
    return faults


def _read(screening: pd.DataFrame) -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Numbers of the known boxes by key, and the other rows by stage."""
    counts: dict[str, str] = {}
    extra: dict[str, list[tuple[str, str]]] = {"identification": [], "screening": [], "included": []}
    for row in screening.itertuples():
        key = KNOWN.get(" ".join(row.label.lower().split()))
        if key:
            counts[key] = row.n or "NR"
        else:
            extra.setdefault(row.stage, []).append((row.label, row.n or "NR"))
    return counts, extra


def _n(number: str) -> str:
    return f"(n\u00a0=\u00a0{number})"


def _is_reason(label: str) -> bool:
    return label.lower().startswith("reports excluded")


def _boxes(counts: dict[str, str], extra: dict[str, list[tuple[str, str]]]) -> list[_Box]:
    def line(words: str, key: str, bold: bool = True) -> tuple[str, bool]:
        return f"{words} {_n(counts.get(key, 'NR'))}", bold

    def optional(*pairs: tuple[str, str]) -> list[tuple[str, bool]]:
        return [line(words, key, False) for words, key in pairs if key in counts]

    def further(rows: list[tuple[str, str]]) -> list[tuple[str, bool]]:
        return [(f"{label} {_n(n)}", False) for label, n in rows]

    reasons = [(label, n) for label, n in extra["screening"] if _is_reason(label)]
    others = [pair for pair in extra["screening"] if pair not in reasons]
    reasons = [(label.split(":", 1)[-1].strip(), n) for label, n in reasons]
    removed = [("Records removed before screening:", True)]
    ways = (("Duplicates", "duplicates"), ("By automation", "automation"), ("For other reasons", "other_reasons"))
    removed += optional(*ways) or [line(words, key, False) for words, key in ways]
    boxes = [
        _Box([line("Records identified", "identified"), *further(extra["identification"])], 0, "main"),
        _Box(removed, 0, "side"),
        _Box([line("Records screened", "screened")], 1, "main"),
        _Box([line("Records excluded", "excluded"), *further(others)], 1, "side"),
        _Box([line("Reports sought for retrieval", "sought")], 2, "main"),
        _Box([line("Reports not retrieved", "not_retrieved")], 2, "side"),
        _Box([line("Reports assessed for eligibility", "assessed")], 3, "main"),
        _Box([line("Reports excluded with reasons", "reports_excluded"), *further(reasons)], 3, "side"),
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
                [line("Reports assessed", "other_assessed"), line("Reports excluded", "other_excluded", False)],
                3,
                "other",
            ),
        ]
    return boxes


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
        raise ReviewError(f"{style.width_mm:g} mm is too narrow for this figure; it needs {needed} mm")
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
                page.rules.append((MARGIN, middle, MARGIN + phase - 8, middle, style.line))
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


def _draw_box(page: Page, corners: tuple, lines: list[tuple[str, bool]], style: Style) -> None:
    x0, y0, x1, y1 = corners
    box = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    page.shapes.append((box, "#FFFFFF", style.colours["ink"], style.line, False))
    y = (y0 + y1) / 2 - (len(lines) - 1) / 2 * LINE * style.size + BASELINE * style.size
    for words, bold in lines:
        page.text(x0 + 5, y, words, bold=bold)
        y += LINE * style.size


def _arrow(page: Page, points: list[tuple[float, float]], style: Style) -> None:
    ink, head = style.colours["ink"], 0.55 * style.size
    for (x0, y0), (x1, y1) in pairwise(points):
        page.lines.append((x0, y0, x1, y1, style.line))
    (x0, y0), (x1, y1) = points[-2:]
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    back = (x1 - head * dx, y1 - head * dy)
    wing = 0.5 * head
    tip = [(x1, y1), (back[0] - wing * dy, back[1] + wing * dx), (back[0] + wing * dy, back[1] - wing * dx)]
    page.shapes.append((tip, ink, ink, style.line, False))
