"""House style of figures: the only module that reads the journal presets and the only one that writes a figure.

A figure is the same file, byte for byte, each time it is written from the same numbers: no dates, fixed identifiers,
and a font that is found by its file and not by what the machine happens to prefer.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field, fields
from functools import cache
from html import escape, unescape
from multiprocessing.util import Finalize
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import matplotlib
import numpy as np
import yaml
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.text import Text

from small_evidence import ReviewError
from small_evidence.wording import p_value, per_cent

MM = 72 / 25.4  # points in a millimetre
FORMATS = ("svg", "pdf", "png", "eps", "tiff")
LEAST_SIZE = 6.0  # points; Elsevier's artwork pages: nothing under 6 pt once printed
OWN_FONTS = {  # these come with matplotlib, so they are there on every machine
    "DejaVu Sans": ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    "DejaVu Serif": ("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),
}
LAYOUT_TABLES = {"GSUB", "GPOS", "GDEF", "MATH", "FFTM"}  # for scripts that need shaping
COMMON = frozenset(  # Latin, Greek, punctuation, signs, arrows, operators, geometric shapes
    chr(code) for block in ((0x20, 0x250), (0x370, 0x400), (0x2000, 0x2300), (0x25A0, 0x2600)) for code in range(*block)
)
# What a user's own matplotlibrc must not change in our files.
PLAIN = {
    "svg.hashsalt": "evidence",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "pdf.compression": 6,
    "savefig.bbox": None,
    "savefig.transparent": False,
    "path.simplify": False,
    "path.sketch": None,
    "text.hinting": "none",
    "text.antialiased": True,
}


@dataclass(frozen=True)
class Style:
    """One preset; the defaults are the preset `screen`. Lengths in points unless the name says otherwise."""

    name: str = "screen"
    label: str = "Screen and report"
    width_mm: float = 190
    height_mm: float = 277
    wider_mm: tuple[float, ...] = ()
    font: tuple[str, ...] = ("DejaVu Sans",)
    size: float = 7.5
    small: float = 6.5
    title: bool = True
    interval: str = "brackets"
    leading_zero: bool = True
    line: float = 0.6
    dpi: int = 300
    png_dpi: int = 200
    formats: tuple[str, ...] = ("svg", "pdf", "png")
    svg_text: str = "path"
    colours: dict[str, str] = field(
        default_factory=lambda: {
            "ink": "#1A1A1A",
            "quiet": "#595959",
            "rule": "#8C8C8C",
            "grid": "#D9D9D9",
            "band": "#F6F7F9",
            "study": "#0072B2",
            "pooled": "#00314F",
            "subgroup": "#56B4E9",
            "prediction": "#E69F00",
            "crude": "#FFFFFF",
            "without": "#D6E9F5",
            "shade": "#E8EEF3",
            "best": "#003B5C",
            "least": "#D9EAF4",
            "low": "#FED98E",
            "some": "#FE9929",
            "high": "#D95F0E",
            "critical": "#993404",
            "unknown": "#FFFFFF",
            "apart": "#CCCCCC",
        }
    )
    source: str = (
        "own choice, A4 with margins of 10 mm; colours from the colour-blind safe palette of Okabe and Ito "
        "(jfly.uni-koeln.de/color)"
    )
    confidence: str = "high"

    @property
    def width(self) -> float:
        """Width of the figure in points."""
        return self.width_mm * MM

    @property
    def height(self) -> float:
        """Most height of a figure on one page in points."""
        return self.height_mm * MM

    def font_properties(self, size: float, bold: bool = False, words: str = "") -> FontProperties:
        """Font of this style for a text at a size in points, named by its file so that no other can be taken."""
        weight = "bold" if bold else "normal"  # family and weight are only written into SVG whose text stays text
        return FontProperties(
            fname=_font_file(self.font, bold, words), family=list(self.font), weight=weight, size=size
        )

    def percent_interval(self, lower: float, upper: float) -> str:
        """Interval of two proportions as per cent, in the journal's brackets.

        >>> Style().percent_interval(0.351, 1), Style(interval="parentheses").percent_interval(0.351, 1)
        ('[35.1, 100.0]', '(35.1–100.0)')
        """
        if self.interval == "parentheses":
            return f"({per_cent(lower)}–{per_cent(upper)})"
        return f"[{per_cent(lower)}, {per_cent(upper)}]"

    def p_value(self, p: float) -> str:
        """P value with its sign.

        >>> Style().p_value(0.0423), Style(leading_zero=False).p_value(0.0004)
        ('= 0.042', '< .001')
        """
        words = p_value(p)
        words = words.replace("<", "< ") if words.startswith("<") else f"= {words}"
        return words if self.leading_zero else words.replace(" 0.", " .")


SCREEN = Style()


def read_style(path: str | Path, name: str) -> Style:
    """Read a preset from `journal_figures.yaml`: "bmj" at its own width, "bmj/single" at another that it offers.

    Raises
    ------
    ReviewError: no such preset or width, or a field that no figure knows; the message lists what there is
    """
    presets = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["presets"]
    name, _, width = name.partition("/")
    return _style(presets, name, width, path)


def _style(presets: dict, name: str, width: str, path: str | Path) -> Style:
    if name not in presets:
        raise ReviewError(f"{path}: no figure preset {name!r}; there are {', '.join(presets)}")
    chain = []
    while name:
        chain.insert(0, (name, presets[name]))
        name = presets[name].get("inherits", "")
    values: dict = {}
    for preset_name, preset in chain:
        colours = {**values.get("colours", {}), **preset.get("colours", {})}
        values = {**values, **preset, "name": preset_name, "colours": colours}
    values.pop("inherits", None)
    widths, usual = values.pop("widths_mm"), values.pop("width")
    if width and width not in widths:
        raise ReviewError(f"{path}: preset {values['name']} has no width {width!r}; it has {', '.join(widths)}")
    values["width_mm"] = widths[width or usual]
    values["wider_mm"] = tuple(sorted(offered for offered in widths.values() if offered > values["width_mm"]))
    unknown = set(values) - {item.name for item in fields(Style)}
    if unknown:
        raise ReviewError(f"{path}: preset {values['name']} has unknown fields: {', '.join(sorted(unknown))}")
    return Style(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _font_file(families: tuple[str, ...], bold: bool, words: str) -> str:
    """File of the font for a text: a lean copy where that has its letters, else the whole font."""
    file = _font_files(families)[bold]
    return _lean_copy(file) if COMMON.issuperset(words) and file.suffix.lower() == ".ttf" else str(file)


@cache
def _font_files(families: tuple[str, ...]) -> tuple[Path, Path]:
    """Regular and bold file of the first family that is here; matplotlib's DejaVu Sans is always here."""
    for family in families:
        if family in OWN_FONTS:
            folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
            return tuple(folder / name for name in OWN_FONTS[family])
        try:
            return tuple(
                Path(findfont(FontProperties(family=family, weight=weight), fallback_to_default=False))
                for weight in ("normal", "bold")
            )
        except ValueError:  # not installed
            continue
    return _font_files(("DejaVu Sans",))


@cache
def _lean_copy(file: Path) -> str:
    """A copy of a font with the common letters alone, for this process.

    Embedding a font in a PDF reads all its tables and letters, which takes most of the time of a figure (0.24 s, 0.03 s
    with the copy). Shapes, kerning and metrics stay.
    """
    copy = _font_folder() / file.name
    options = subset.Options(notdef_outline=True, legacy_kern=True, recalc_timestamp=False)
    with TTFont(file, lazy=True, recalcTimestamp=False) as font:
        for table in LAYOUT_TABLES & set(font.keys()):
            del font[table]
        lean = subset.Subsetter(options)
        lean.populate(unicodes=map(ord, COMMON))
        lean.subset(font)
        font.save(copy, reorderTables=None)
    return str(copy)


@cache
def _font_folder() -> Path:
    """A folder of this process and those that it forks; who made it clears it away."""
    folder = mkdtemp(prefix="figure-fonts-")
    Finalize(None, rmtree, (folder,), {"ignore_errors": True}, exitpriority=0)  # forked processes do not hear atexit
    return Path(folder)


@cache
def _em_width(text: str, file: str) -> float:
    font = get_font(file)
    font.set_size(100, 72)
    font.set_text(text, 0, flags=LoadFlags.NO_HINTING)
    return font.get_width_height()[0] / 64 / 100


def text_width(text: str, style: Style, size: float, bold: bool = False) -> float:
    """Width of one line of text in points, from the font file itself."""
    return _em_width(text, _font_file(style.font, bold, text)) * size if text else 0.0


def wrap_text(text: str, style: Style, size: float, width: float, bold: bool = False) -> list[str]:
    """Break text into lines of at most `width` points: at spaces, a longer word at its hyphens, at worst anywhere."""
    lines: list[str] = []
    line = ""
    for word in re.split(r"[ \t\r\n]+", text.strip()):  # not at a no-break space
        longer = f"{line} {word}" if line else word
        if text_width(longer, style, size, bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while text_width(word, style, size, bold) > width and len(word) > 1:
            cut = len(word) - 1
            while cut > 1 and text_width(word[:cut], style, size, bold) > width:
                cut -= 1
            hyphen = max(word.rfind(sign, 0, cut) for sign in "-–/")
            cut = hyphen + 1 if hyphen > 0 else cut
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines


def luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2; text wants 4.5, shapes 3)."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def describe(figure: Figure, title: str, description: str) -> Figure:
    """Give a figure and its pages their title and the text for readers who cannot see it; `save_figure` writes both."""
    pages = getattr(figure, "pages", [])
    figure.set_label(title)
    for number, page in enumerate(pages, 1):
        page.set_label(f"{title} (page {number} of {len(pages)})")
    for each in (figure, *pages):
        each.alt_text = description
    return figure


def pages_of(figure: Figure) -> list[Figure]:
    """The pages of a figure that is too high for one, otherwise the figure itself."""
    return getattr(figure, "pages", []) or [figure]


def save_figure(figure: Figure, path: str | Path, style: Style = SCREEN) -> None:
    """Write a figure; the ending of the path says the format. The one place where figures are written.

    PDF and EPS hold their text as text (TrueType, embedded); SVG as outlines unless the preset wants it editable; TIFF
    is RGB with LZW compression at the preset's dpi. Title and description go into SVG, PDF and PNG. PDF is the format
    that has pages; in the others a figure that is too high for one page is whole.

    Raises
    ------
    ValueError: an ending that is not one of FORMATS
    """
    path = Path(path)
    ending = path.suffix.lower().lstrip(".")
    ending = "tiff" if ending == "tif" else ending
    if ending not in FORMATS:
        raise ValueError(f"{path}: figures are written as {', '.join(FORMATS)}, not {ending!r}")
    title, words = str(figure.get_label()), getattr(figure, "alt_text", "")
    buffer = io.BytesIO()
    with matplotlib.rc_context(PLAIN):
        if ending == "svg":
            data = svg(figure, style)
        elif ending == "pdf":
            metadata = {"CreationDate": None, "Title": title, "Subject": words}
            with PdfPages(buffer, metadata=metadata) as book:
                for page in pages_of(figure):
                    page.savefig(book, format="pdf")
            data = buffer.getvalue()
        elif ending == "eps":
            figure.savefig(buffer, format="eps")
            data = re.sub(rb"%%CreationDate:[^\n]*\n", b"", buffer.getvalue())
        elif ending == "png":
            metadata = {"Software": None, "Title": title, "Description": words}
            packing = {"compress_level": 3}  # smaller than the usual 6 for flat colours, in two thirds of the time
            figure.savefig(buffer, format="png", dpi=style.png_dpi, metadata=metadata, pil_kwargs=packing)
            data = buffer.getvalue()
        else:
            data = _tiff(figure, style.dpi)
    path.write_bytes(data)


def svg(figure: Figure, style: Style = SCREEN) -> bytes:
    """A figure as SVG with title and description."""
    buffer, title = io.BytesIO(), str(figure.get_label())
    with matplotlib.rc_context({**PLAIN, "svg.fonttype": "path" if style.svg_text == "path" else "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    data = _with_description(buffer.getvalue(), title, getattr(figure, "alt_text", ""))
    return data if style.svg_text == "path" else _with_lengths(data, style)


def _with_description(svg: bytes, title: str, words: str) -> bytes:
    """Add what a screen reader reads: role, and <desc> beside the <title> that matplotlib writes."""
    svg = svg.replace(b"<svg ", b'<svg role="img" aria-label="%s" ' % escape(title).encode(), 1)
    head, mark, rest = svg.partition(b"</title>")
    return head + mark + b"\n <desc>%s</desc>" % escape(words, quote=False).encode() + rest if mark else svg


def _with_lengths(svg: bytes, style: Style) -> bytes:
    """Give every text its measured width, so that another font on the reader's machine is set to the same length."""

    def with_length(found: re.Match) -> str:
        css, rest, words = found.groups()
        size = float(re.search(r"font-size: ([\d.]+)px", css)[1])
        width = text_width(unescape(words), style, size, "font-weight: 700" in css)
        return f'<text style="{css}"{rest} textLength="{width:.2f}" lengthAdjust="spacingAndGlyphs">{words}</text>'

    pattern = r'<text style="([^"]*)"([^>]*)>([^<]*)</text>'
    return re.sub(pattern, with_length, svg.decode("utf-8")).encode("utf-8")


def _tiff(figure: Figure, dpi: int) -> bytes:
    from PIL import Image

    canvas, screen_dpi = figure.canvas, figure.dpi
    picture = FigureCanvasAgg(figure)
    figure.dpi = dpi
    picture.draw()
    pixels = Image.fromarray(np.asarray(picture.buffer_rgba())[:, :, :3].copy())
    figure.dpi = screen_dpi
    figure.set_canvas(canvas)
    buffer = io.BytesIO()
    pixels.save(buffer, format="TIFF", compression="tiff_lzw", dpi=(dpi, dpi))
    return buffer.getvalue()


def check_figure(figure: Figure, least_size: float = LEAST_SIZE) -> list[str]:
    """Look a drawn figure over and list its faults in words; an empty list when there is none.

    Faults: text or a mark outside the canvas, two texts on one another, a text on a mark, a text that is partly on a
    glyph or a box, type smaller than `least_size` points, a letter that the font does not have. Of the whole and of
    its pages.
    """
    faults = _check_page(figure, least_size)
    for number, page in enumerate(getattr(figure, "pages", []), 1):
        faults += [f"page {number}: {fault}" for fault in _check_page(page, least_size)]
    return faults


def _check_page(figure: Figure, least_size: float) -> list[str]:
    canvas = figure.canvas
    renderer = FigureCanvasAgg(figure).get_renderer()
    with matplotlib.rc_context(PLAIN):
        figure.draw_without_rendering()  # ticks get their texts and places only then
        texts = [item for item in figure.findobj(Text) if item.get_visible() and item.get_text().strip()]
        boxes = [item.get_window_extent(renderer).extents for item in texts]
    figure.set_canvas(canvas)
    words = [item.get_text() for item in texts]
    marks = [box for axes in figure.axes for box in _mark_boxes(axes)]
    glyphs = [
        path.transformed(item.get_transform()).get_extents().extents
        for item in figure.artists
        if item.get_gid() == "glyphs"
        for path in item.get_paths()
    ]
    faults = []
    right, top = figure.bbox.width, figure.bbox.height
    for text, box in [*zip(words, boxes, strict=True), *(("a mark", box) for box in [*marks, *glyphs])]:
        if box[0] < 0 or box[1] < 0 or box[2] > right or box[3] > top:
            faults.append(f"cut off at the edge: {text!r}")
    for i, box in enumerate(boxes):
        faults += [
            f"overlap: {words[i]!r} and {words[j]!r}" for j in range(i + 1, len(boxes)) if _overlap(box, boxes[j])
        ]
        if any(_overlap(box, mark) for mark in marks):
            faults.append(f"text on a mark: {words[i]!r}")
        if any(_overlap(box, glyph) and not _within(box, glyph) for glyph in glyphs):
            faults.append(f"text across the edge of a shape: {words[i]!r}")
    for item in texts:
        if item.get_fontsize() < least_size:
            faults.append(f"type of {item.get_fontsize():g} pt, smallest is {least_size:g}: {item.get_text()!r}")
        properties = item.get_fontproperties()
        font = get_font(properties.get_file() or findfont(properties))
        missing = sorted({c for c in item.get_text() if not c.isspace() and not font.get_char_index(ord(c))})
        if missing:
            faults.append(f"not in the font: {' '.join(missing)} in {item.get_text()!r}")
    return faults


def _mark_boxes(axes) -> list:
    """Extents of squares, diamonds and interval lines in pixels; guide lines (gid "guides") may pass behind text."""
    boxes = []
    for collection in axes.collections:
        if isinstance(collection, (PolyCollection, LineCollection)) and collection.get_gid() != "guides":
            paths = (path.transformed(axes.transData) for path in collection.get_paths())
            boxes += [path.get_extents().extents for path in paths]
    return boxes


def _overlap(a, b, slack: float = 0.5) -> bool:
    """Whether two boxes (x0, y0, x1, y1 in pixels) share more than half a pixel both ways."""
    return min(a[2], b[2]) - max(a[0], b[0]) > slack and min(a[3], b[3]) - max(a[1], b[1]) > slack


def _within(a, b) -> bool:
    """Whether a box lies within another in x and reaches no farther than half its own height beyond it in y."""
    slack = (a[3] - a[1]) / 2
    return b[0] <= a[0] and a[2] <= b[2] and b[1] - slack <= a[1] and a[3] <= b[3] + slack
