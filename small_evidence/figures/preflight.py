"""Preflight: what a journal would send a figure back for, checked on the drawing and on the files that were written.

The only module that reads written figures. Each check has a limit with its source beside it; a fault is words, and an
empty text is none. Whether the colours of a preset can be told apart, also in grey and by colour-blind readers, is a
property of the preset and is tested there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from small_evidence.figures.drawing import Drawing, Shape, Text, pages_of
from small_evidence.figures.fonts import missing_letters, text_reach, text_width
from small_evidence.figures.style import MM, contrast
from small_evidence.places import sha256
from small_evidence.saving import written

LEAST_SIZE = 6.0  # points; Elsevier's artwork pages: nothing under 6 pt once printed
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text against what is behind it
LEAST_SHAPE_CONTRAST = 3.0  # WCAG 2.2, 1.4.11: outline or face of a shape against the page
PAGE = "#FFFFFF"
SLACK = 0.18  # points that two boxes may share, half a pixel of a screen
COLUMNS = [
    "file", "figure", "format", "width_mm", "height_mm", "pages", "dpi", "smallest_type", "fonts", "contrast",
    "alt_text", "bytes", "sha256", "faults", "absent", "content",
]  # fmt: skip

Box = tuple[float, float, float, float]  # left, top, right, bottom


def preflight_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `check_file` as a table, a row a file; `faults` is empty where there is none.

    A figure that has nothing to show has one row without a format; `absent` says why. `content` is the hash of what
    the files of a figure are made of, `sha256` that of the file itself.
    """
    return pd.DataFrame(rows, columns=COLUMNS)


def absent_row(name: str, drawing: Drawing) -> dict[str, Any]:
    """Row of a figure that has nothing to show."""
    return dict.fromkeys(COLUMNS, "") | {"figure": name, "absent": drawing.absent}


def read_preflight(path: str | Path) -> dict[str, Mapping[Any, Any]]:
    """Rows of an earlier preflight by the name of the file; none where there is no such table."""
    if not Path(path).exists():
        return {}
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).reindex(columns=COLUMNS, fill_value="")
    return {row["file"]: row for row in rows.to_dict("records") if row["file"]}


def check_file(drawing: Drawing, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Check a drawing and each of the files it was written to.

    Parameters
    ----------
    drawing : Drawing; from a drawing function of this package
    paths : files of this drawing, written by `render.save_figure`

    Returns
    -------
    list of dict with the keys COLUMNS: sizes in millimetres and points, `contrast` the least ratio of a text against
    what is behind it, faults in words
    """
    style, printed = drawing.style, pages_of(drawing)
    faults = check_figure(drawing)
    highest = max(page.height for page in printed) / MM
    if highest > style.height_mm + 0.1:
        faults.append(f"{highest:.0f} mm high, at most {style.height_mm:g}")
    pages = [drawing, *drawing.pages]
    least = min((text_contrast(page, text) for page in pages for text in page.texts), default=21.0)
    if least < LEAST_CONTRAST:
        faults.append(f"text of contrast {least:.1f}, at least {LEAST_CONTRAST:g}")
    faults += [fault for page in pages for fault in _faint_shapes(page)]
    faults += _alike(drawing)
    if not drawing.alt_text or not drawing.title:
        faults.append("no title or no text for readers who cannot see it")
    rows = []
    for path in paths:
        place = written(path)
        dpi, fonts, own = _check_written(place, drawing)
        has_pages = path.suffix == ".pdf"
        rows.append(
            {
                "file": path.name, "figure": path.stem, "format": path.suffix.lstrip("."),
                "width_mm": round(style.width_mm, 1),
                "height_mm": round(highest if has_pages else drawing.height / MM, 1),
                "pages": len(printed) if has_pages else 1, "dpi": dpi,
                "smallest_type": round(min((text.size for page in pages for text in page.texts), default=np.nan), 2),
                "fonts": fonts, "contrast": round(least, 1), "alt_text": "yes" if drawing.alt_text else "no",
                "bytes": place.stat().st_size, "sha256": sha256(place),
                "faults": "; ".join([*faults, *own]), "absent": "", "content": "",
            }
        )  # fmt: skip
    return rows


def check_figure(drawing: Drawing, least_size: float = LEAST_SIZE) -> list[str]:
    """Look a drawing over and list its faults in words; an empty list when there is none.

    Faults: text or a mark outside the page, two texts on one another, a text on a mark, a text that is partly on a
    glyph or a box, type smaller than `least_size` points, a letter that the font does not have. Of the whole and of
    its pages.
    """
    faults = _check_page(drawing, least_size)
    for number, page in enumerate(drawing.pages, 1):
        faults += [f"page {number}: {fault}" for fault in _check_page(page, least_size)]
    return faults


def text_box(drawing: Drawing, text: Text) -> Box:
    """Left, top, right and bottom of a line of text in points."""
    width = text_width(text.words, drawing.style, text.size, text.bold)
    above, below = text_reach(drawing.style, text.size, text.bold)
    left = text.x - {"left": 0.0, "center": width / 2, "right": width}[text.align]
    return left, text.y - above, left + width, text.y + below


def _check_page(drawing: Drawing, least_size: float) -> list[str]:
    texts = [text for text in drawing.texts if text.words.strip()]
    boxes = [text_box(drawing, text) for text in texts]
    marks = [shape.box for shape in drawing.shapes("squares", "marks")]
    marks += [(min(line.x0, line.x1), line.y0, max(line.x0, line.x1), line.y1) for line in drawing.lines("intervals")]
    glyphs = [shape.box for shape in drawing.shapes("glyphs")]
    faults = []
    named = [*((repr(text.words), box) for text, box in zip(texts, boxes, strict=True))]
    for name, (left, top, right, bottom) in [*named, *(("'a mark'", box) for box in [*marks, *glyphs])]:
        if left < 0 or top < 0 or right > drawing.width or bottom > drawing.height:
            faults.append(f"cut off at the edge: {name}")
    on_texts, on_marks, on_glyphs = (_overlaps(boxes, others) for others in (boxes, marks, glyphs))
    for number, (name, box) in enumerate(named):
        faults += [f"overlap: {name} and {named[other][0]}" for other in on_texts[number] if other > number]
        if on_marks[number]:
            faults.append(f"text on a mark: {name}")
        if any(not _within(box, glyphs[place]) for place in on_glyphs[number]):
            faults.append(f"text across the edge of a shape: {name}")
    for text in texts:
        if text.size < least_size:
            faults.append(f"type of {text.size:g} pt, smallest is {least_size:g}: {text.words!r}")
        missing = missing_letters(text.words, drawing.style, text.bold)
        if missing:
            faults.append(f"not in the font: {' '.join(missing)} in {text.words!r}")
    return faults


def _overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> list[list[int]]:
    """The places of the others with which each box shares more than a hair both ways, in order.

    Looked at are only those that begin no higher than the tallest of them would have to, since a figure of hundreds of
    treatments has thousands of texts.
    """
    if not others:
        return [[] for _ in boxes]
    table = np.array(others, float)
    order = np.argsort(table[:, 1], kind="stable")
    tops, tallest = table[order, 1], (table[:, 3] - table[:, 1]).max()
    found = []
    for left, top, right, bottom in boxes:
        near = order[np.searchsorted(tops, top - tallest) : np.searchsorted(tops, bottom, "right")]
        across = np.minimum(right, table[near, 2]) - np.maximum(left, table[near, 0])
        down = np.minimum(bottom, table[near, 3]) - np.maximum(top, table[near, 1])
        found.append(sorted(near[(across > SLACK) & (down > SLACK)].tolist()))
    return found


def _within(one: Box, other: Box) -> bool:
    """Whether a box lies within another in x and reaches no farther than half its own height beyond it in y."""
    slack = (one[3] - one[1]) / 2
    return other[0] <= one[0] and one[2] <= other[2] and other[1] - slack <= one[1] and one[3] <= other[3] + slack


def text_contrast(drawing: Drawing, text: Text) -> float:
    """Contrast of a text with what is behind its middle: the page, the band of a row, a shape."""
    left, top, right, bottom = text_box(drawing, text)
    x, y = (left + right) / 2, (top + bottom) / 2
    behind = PAGE
    for shape in drawing.shapes("bands", "guides", "glyphs", "patches"):
        x0, y0, x1, y1 = shape.box
        if x0 <= x <= x1 and y0 <= y <= y1:
            behind = shape.face
    return contrast(text.colour, behind)


def _faint_shapes(drawing: Drawing) -> list[str]:
    """Marks and glyphs of which neither face nor outline stands out from the page."""

    def strongest(shape: Shape) -> float:
        return max(contrast(colour, PAGE) for colour in (shape.face, shape.edge if shape.width else PAGE))

    found = [strongest(shape) for shape in drawing.shapes("squares", "marks", "glyphs")]
    return [
        f"a shape of contrast {value:.1f}, at least {LEAST_SHAPE_CONTRAST:g}"
        for value in found
        if value < LEAST_SHAPE_CONTRAST
    ]


def _alike(drawing: Drawing) -> list[str]:
    """Things of different meaning that have the same colour and the same shape or sign."""
    pairs = itertools.combinations(drawing.meanings.items(), 2)
    return [f"{one} and {other} look the same" for (one, look), (other, its_look) in pairs if look == its_look]


def _check_written(path: Path, drawing: Drawing) -> tuple[float, str, list[str]]:
    """Dots per inch (NaN for vectors), how fonts are held, and faults of one written file."""
    data, ending, style, faults = path.read_bytes(), path.suffix.lower(), drawing.style, []
    if ending in (".png", ".tiff", ".tif"):
        wanted = style.png_dpi if ending == ".png" else style.dpi
        with Image.open(path) as picture:
            dpi, mode = picture.size[0] / drawing.width * 72, picture.mode
        if abs(dpi - wanted) > 1:
            faults.append(f"{dpi:.0f} dpi, the preset says {wanted}")
        if ending != ".png" and mode != "RGB":
            faults.append(f"colours are {mode}, not RGB")
        return round(dpi, 1), "in the picture", faults
    if ending in (".pdf", ".eps"):
        embedded = (b"/FontFile2" in data or b"/FontFile3" in data) if ending == ".pdf" else b"/FontType 3" in data
        if not embedded:
            faults.append("fonts are not embedded")
        if ending == ".pdf" and drawing.alt_text and b"/StructTreeRoot" not in data:
            faults.append("no tags for readers who cannot see it")
        return np.nan, "embedded" if embedded else "missing", faults
    if b"<title>" not in data or b"<desc>" not in data:
        faults.append("no title or description in the file")
    outlines = b"<text" not in data
    if outlines != (style.svg_text == "path"):
        faults.append(f"text is {'outlines' if outlines else 'text'}, the preset says {style.svg_text}")
    return np.nan, "outlines" if outlines else "text", faults
