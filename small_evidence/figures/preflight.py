"""Preflight: what a journal would send a figure back for, checked on the figure and on the files that were written.

The only module that reads written figures. Each check has a limit with its source beside it; a fault is words, and an
empty text is none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from small_evidence.figures.style import MM, Style, check_figure, contrast, luminance, pages_of

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text against what is behind it
LEAST_SHAPE_CONTRAST = 3.0  # WCAG 2.2, 1.4.11: outline or face of a shape against the page
LEAST_LIGHTNESS = 8.0  # L* between colours of one shape that mean different things; own choice, three visible steps
# Machado, Oliveira & Fernandes (2009), IEEE Trans Vis Comput Graph 15:1291, deuteranopia; on linear RGB
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
COLUMNS = [
    "figure", "format", "width_mm", "height_mm", "pages", "dpi", "smallest_type", "fonts", "contrast", "grey",
    "deuteranopia", "alt_text", "bytes", "faults",
]  # fmt: skip


def preflight_frame(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows of `check_file` as a table, a row a file; `faults` is empty where there is none."""
    return pd.DataFrame(rows, columns=COLUMNS)


def check_file(figure: Figure, paths: Iterable[Path], style: Style) -> list[dict]:
    """Check a figure and each of the files it was written to.

    Parameters
    ----------
    figure : Figure; from a drawing function of this package
    paths : files of this figure, written by `save_figure`
    style : Style; the preset they were drawn at

    Returns
    -------
    list of dict with the keys COLUMNS: sizes in millimetres and points, `contrast` the least ratio of a text against
    what is behind it, `grey` and `deuteranopia` the least difference between colours that mean different things
    (lightness L*, and distance in CIELAB; NaN with fewer than two colours), faults in words
    """
    faults = list(check_figure(figure))
    width, height = figure.get_figwidth() * 72 / MM, figure.get_figheight() * 72 / MM
    printed = pages_of(figure)
    highest = max(page.get_figheight() * 72 / MM for page in printed)
    if min(abs(width - offered) for offered in (style.width_mm, *style.wider_mm)) > 0.1:
        faults.append(f"{width:.1f} mm wide, the preset says {style.width_mm:g}")
    if highest > style.height_mm + 0.1:
        faults.append(f"{highest:.0f} mm high, at most {style.height_mm:g}")
    pages = dict.fromkeys([figure, *printed])
    sizes = [item.get_fontsize() for page in pages for item in _texts(page)]
    least = min(_text_contrasts(page) for page in pages)
    if least < LEAST_CONTRAST:
        faults.append(f"text of contrast {least:.1f}, at least {LEAST_CONTRAST:g}")
    faults += [fault for page in pages for fault in _faint_shapes(page)]
    grey, deuteranopia, alike = _separation(figure)
    faults += alike
    alt_text = getattr(figure, "alt_text", "")
    if not alt_text or not figure.get_label():
        faults.append("no title or no text for readers who cannot see it")
    rows = []
    for path in paths:
        dpi, fonts, own = _check_written(path, figure, style)
        has_pages = path.suffix == ".pdf"
        rows.append(
            {
                "figure": path.stem, "format": path.suffix.lstrip("."), "width_mm": round(width, 1),
                "height_mm": round(highest if has_pages else height, 1),
                "pages": len(printed) if has_pages else 1, "dpi": dpi,
                "smallest_type": round(min(sizes, default=np.nan), 2), "fonts": fonts, "contrast": round(least, 1),
                "grey": round(grey, 1), "deuteranopia": round(deuteranopia, 1),
                "alt_text": "yes" if alt_text else "no", "bytes": path.stat().st_size,
                "faults": "; ".join([*faults, *own]),
            }
        )  # fmt: skip
    return rows


def _texts(figure: Figure) -> list[Text]:
    return [item for item in figure.findobj(Text) if item.get_visible() and item.get_text().strip()]


def _text_contrasts(figure: Figure) -> float:
    """Least contrast of a text with what is behind it: the page, the band of a row, a shape."""
    height, width = figure.bbox.height, figure.bbox.width
    shapes = []
    for item in figure.artists:
        if item.get_gid() in ("glyphs", "patches") or item.get_zorder() < -1:
            faces = item.get_facecolors()
            for number, path in enumerate(item.get_paths()):
                box = path.transformed(item.get_transform()).get_extents().extents
                shapes.append((box, to_hex(faces[number % len(faces)])))
    least = 21.0
    for item in figure.texts:
        x, y = item.get_position()
        x, y = x * width, y * height
        if item.get_ha() == "left":
            x += 1
        elif item.get_ha() == "right":
            x -= 1
        behind = "#FFFFFF"
        for (x0, y0, x1, y1), face in shapes:
            if x0 <= x <= x1 and y0 <= y + 1 <= y1:
                behind = face
        least = min(least, contrast(to_hex(item.get_color()), behind))
    return least


def _faint_shapes(figure: Figure) -> list[str]:
    """Marks and glyphs of which neither face nor outline stands out from the page."""
    faults = []
    collections = [item for axes in figure.axes for item in axes.collections if item.get_gid() == "marks"]
    for item in [*collections, *(item for item in figure.artists if item.get_gid() == "glyphs")]:
        faces, edges, widths = item.get_facecolors(), item.get_edgecolors(), item.get_linewidths()
        for number in range(len(item.get_paths())):
            seen = [to_hex(faces[number % len(faces)])] if len(faces) else []
            if len(edges) and widths[number % len(widths)] > 0:
                seen.append(to_hex(edges[number % len(edges)]))
            strongest = max((contrast(colour, "#FFFFFF") for colour in seen), default=1.0)
            if strongest < LEAST_SHAPE_CONTRAST:
                faults.append(f"a shape of contrast {strongest:.1f}, at least {LEAST_SHAPE_CONTRAST:g}")
    return faults


def _separation(figure: Figure) -> tuple[float, float, list[str]]:
    """Least differences between colours of different meaning, and pairs that only their colour tells apart."""
    meanings = getattr(figure, "meanings", {})
    grey, deuteranopia, faults = [], [], []
    for (one, (colour, sign)), (other, (second, mark)) in itertools.combinations(meanings.items(), 2):
        if colour == second:
            if sign == mark:
                faults.append(f"{one} and {other} look the same")
            continue
        apart = abs(_lightness(colour) - _lightness(second))
        seen = float(np.linalg.norm(_lab(_deuteranope(colour)) - _lab(_deuteranope(second))))
        grey.append(apart)
        deuteranopia.append(seen)
        if sign == mark and min(apart, seen) < LEAST_LIGHTNESS:
            faults.append(f"{one} and {other} differ by their colour alone, and too little: {min(apart, seen):.1f}")
    return min(grey, default=np.nan), min(deuteranopia, default=np.nan), faults


def _lightness(colour: str) -> float:
    """CIE lightness L*, 0 to 100."""
    y = luminance(colour)
    return 116 * y ** (1 / 3) - 16 if y > 216 / 24389 else y * 24389 / 27


def _linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _deuteranope(colour: str) -> np.ndarray:
    """Linear RGB of a colour as a reader without green cones sees it."""
    return np.clip(DEUTERANOPIA @ _linear(colour), 0, 1)


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of linear sRGB."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (xyz * 24389 / 27 + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _check_written(path: Path, figure: Figure, style: Style) -> tuple[float, str, list[str]]:
    """Dots per inch (NaN for vectors), how fonts are held, and faults of one written file."""
    data, ending, faults = path.read_bytes(), path.suffix.lower(), []
    if ending in (".png", ".tiff", ".tif"):
        wanted = style.png_dpi if ending == ".png" else style.dpi
        with Image.open(path) as picture:
            dpi = picture.size[0] / figure.get_figwidth()
            mode = picture.mode
        if abs(dpi - wanted) > 1:
            faults.append(f"{dpi:.0f} dpi, the preset says {wanted}")
        if ending != ".png" and mode != "RGB":
            faults.append(f"colours are {mode}, not RGB")
        return round(dpi, 1), "in the picture", faults
    if ending == ".pdf":
        embedded = b"/FontFile2" in data or b"/FontFile3" in data
        if not embedded or b"/Type3" in data:
            faults.append("fonts are not embedded as TrueType")
        return np.nan, "embedded" if embedded else "missing", faults
    if ending == ".eps":
        embedded = b"/FontType 42" in data
        return np.nan, "embedded" if embedded else "missing", [] if embedded else ["fonts are not embedded"]
    if b"<title>" not in data or b"<desc>" not in data:
        faults.append("no title or description in the file")
    outlines = not re.search(rb"<text", data)
    if outlines != (style.svg_text == "path"):
        faults.append(f"text is {'outlines' if outlines else 'text'}, the preset says {style.svg_text}")
    return np.nan, "outlines" if outlines else "text", faults
