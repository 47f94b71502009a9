"""One page of a figure: texts, lines and shapes in points, collected from the top down until the height is known.

Text is measured first, columns are set from what was measured, the axis takes the width that is left and the height
follows from the rows. So nothing is cut off or runs into its neighbour. Lengths are points, x from the left edge of
the figure, y from the top; proportions are 0..1 until they are drawn on the axis of 0 to 100 per cent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D

from small_evidence import ReviewError
from small_evidence.figures.marks import KEY_POINTS, SHAPES, Glyph, Mark, letter_colour, mark_shapes
from small_evidence.figures.style import MM, Style, text_width, wrap_text

MARGIN = 4.0
GAP = 9.0  # between columns; more than half of the largest square, which may stand on the end of the axis
ROOMY = 1.8  # row pitch in type sizes where there is room for it
LINE = 1.24  # line pitch within a cell or a paragraph, in type sizes; more than the height of the font's box
LEAST_AXIS, MOST_AXIS = 0.26, 0.48  # width of the axis as a share of the figure's
TIGHT_AXIS = 0.20  # the axis gives way to this before the first column wraps to a third line
BASELINE = 0.36  # half the height of capitals, in type sizes: centres text on its row
TICKS = (0, 25, 50, 75, 100)
AXIS = "axis"  # key of the column that holds the axis
NARROWEST_AXIS = 60.0  # points; less leaves no room for the numbers under the axis
LARGEST_GLYPH = 3.6  # its side in type sizes
LETTER_ROOM = 1.35  # side of a glyph in type sizes, so that two capitals fit inside
BETWEEN_GLYPHS = 1.5  # points; least room between glyphs of two rows


class TooNarrowError(ReviewError):
    """A figure does not fit into the width of its style; the message says which width it needs."""


@dataclass
class Column:
    """A column of the table; the one with key AXIS is where the marks go."""

    key: str
    header: str = ""
    align: str = "left"
    wrap: float = 1.0  # widest it may be before it wraps, as a share of the figure's width
    narrow: str = ""  # header where room is short
    spare: int = 0  # left out where room is short, the largest first; 0 stays
    least: float = 0.0  # points; least width


@dataclass
class Row:
    """A row: text by column key, and a mark or a note on the axis."""

    cells: dict[str, str]
    mark: Mark | None = None
    note: str = ""
    bold: bool = False
    quiet: bool = False
    indent: float = 0.0  # type sizes
    span: str = ""  # last column that the first cell may reach across
    gap: float = 0.0  # room above, in row pitches
    rule: bool = False  # line above
    glyphs: dict[str, Glyph] = field(default_factory=dict)
    height: float = 1.0  # row pitches, at least

    @property
    def is_heading(self) -> bool:
        """Whether the row names the rows that follow."""
        return self.bold and len(self.cells) == 1 and not self.mark and not self.note and not self.glyphs


@dataclass
class Sheet:
    """Everything around the table: title, axis label, statements, a second table without axis, keys, footnotes."""

    title: str = ""
    axis_label: str = ""
    reference: float = math.nan  # proportion with a light line
    centre: float = math.nan  # proportion with a dotted line, the pooled estimate
    band: tuple[float, float] | None = None  # proportions with a shade between them
    statements: list[str] = field(default_factory=list)
    below_heading: str = ""
    below: list[Row] = field(default_factory=list)
    keys: list[tuple[str | Glyph, str]] = field(default_factory=list)
    widest: float = MOST_AXIS  # share of the width that the axis may take
    closing: list[tuple[str, str]] = field(default_factory=list)  # heading and a paragraph
    notes: list[str] = field(default_factory=list)


class Page:
    """Texts, lines and shapes in points, collected from the top down until the height is known."""

    def __init__(self, style: Style, pitch: float = ROOMY):
        self.style = style
        self.y = MARGIN
        self.pitch = pitch * style.size
        self.texts: list[tuple] = []
        self.rules: list[tuple] = []
        self.bands: list[list] = []
        self.marks: list[tuple] = []  # (vertices, face, edge, width) on the axis
        self.intervals: list[tuple] = []  # (x0, y0, x1, y1, width) on the axis
        self.key_marks: list[tuple] = []
        self.key_intervals: list[tuple] = []
        self.shapes: list[tuple] = []  # (vertices, face, edge, width, hatched) of glyphs and boxes
        self.patches: list[tuple] = []
        self.lines: list[tuple] = []  # (x0, y0, x1, y1, width) of arrows and scales
        self.meanings: dict[str, tuple[str, str]] = {}  # what is drawn: colour, and the sign or shape that goes with it
        self.plain: list[tuple] = []  # (top, bottom) of rows that guide lines cross
        self.places: dict[str, tuple[float, float]] = {}
        self.axis: tuple = ()  # top, bottom, sheet

    # -- columns

    def set_columns(
        self, columns: list[Column], rows: list[Row], below: list[Row], widest_axis: float = MOST_AXIS
    ) -> None:
        """Widths from the measured texts; the first column wraps when the axis would become too narrow."""
        style, first = self.style, columns[0]
        others = {}
        for column in columns[1:]:
            if column.key == AXIS:
                continue
            cells = [(row.cells.get(column.key, ""), row.bold) for row in [*rows, *below]]
            cells += [(line, True) for line in column.header.split("\n")]
            sides = [self._side(row.glyphs[column.key]) for row in rows if column.key in row.glyphs]
            others[column.key] = max([self._widest(cells, column.wrap * style.width), column.least, *sides])
        free = style.width - 2 * MARGIN - sum(others.values()) - GAP * (len(columns) - 1)
        has_axis = any(column.key == AXIS for column in columns)
        if columns[-1].key == AXIS:
            free -= GAP  # the last number under the axis reaches beyond its end
        least_axis = LEAST_AXIS * style.width if has_axis else 0
        wanted = [text_width(line, style, style.size, True) for line in first.header.split("\n")]
        keys = [column.key for column in columns]
        for row in [*rows, *below]:
            width = self._width(row.cells.get(first.key, ""), row)
            if row.span:
                crossed = keys[1 : keys.index(row.span) + 1]
                width -= sum(others[key] + GAP for key in crossed)
            wanted.append(width)
        widest = max(wanted)
        in_two_lines = min(0.55 * widest + 4 * style.size, free - TIGHT_AXIS * style.width if has_axis else free)
        width = max(min(widest, max(free - least_axis, in_two_lines)), 6 * style.size)
        if has_axis and free - width < NARROWEST_AXIS:
            width = max(free - NARROWEST_AXIS, 6 * style.size)
            short = NARROWEST_AXIS - (free - width)
            if short > 0:
                needed = math.ceil((style.width + short) / MM)
                raise TooNarrowError(f"{style.width_mm:g} mm is too narrow for this figure; it needs {needed} mm")
        if not has_axis and free < 6 * style.size:
            needed = math.ceil((style.width + 6 * style.size - free) / MM)
            raise TooNarrowError(f"{style.width_mm:g} mm is too narrow for this figure; it needs {needed} mm")
        if has_axis and free - width > widest_axis * style.width:
            width = free - widest_axis * style.width
        if not has_axis and not any(column.key == "bar" for column in columns):
            width = max(width, free - 2 * MARGIN)  # the first column takes the room that an axis would have
        x = MARGIN
        for column in columns:
            size = others.get(column.key, width if column is first else free - width)
            self.places[column.key] = (x, x + size)
            x += size + GAP

    def _widest(self, cells: list[tuple[str, bool]], limit: float) -> float:
        """Widest line once the cells are wrapped to `limit`, which gives way to a word that is longer."""
        style, size = self.style, self.style.size
        words = {(word, bold) for text, bold in cells for word in text.split()}
        limit = max([limit, *(text_width(word, style, size, bold) for word, bold in words)])
        lines = ((line, bold) for text, bold in cells for line in wrap_text(text, style, size, limit, bold))
        return max((text_width(line, style, size, bold) for line, bold in lines), default=0.0)

    def _side(self, glyph: Glyph) -> float:
        """Side of a glyph in points: that of a letter, or by its area where that is more."""
        size = self.style.size
        small = self.style.small
        least = max(LETTER_ROOM * small, text_width(glyph.sign, self.style, small, True) + 0.6 * small)
        if math.isnan(glyph.share):
            return least
        return max(least, LARGEST_GLYPH * size * math.sqrt(glyph.share))

    def _width(self, text: str, row: Row) -> float:
        return text_width(text, self.style, self.style.size, row.bold) + row.indent * self.style.size

    # -- text

    def text(
        self, x: float, y: float, words: str, align="left", size=0.0, bold=False, quiet=False, colour=""
    ) -> None:  # y is the baseline
        colour = colour or self.style.colours["quiet" if quiet else "ink"]
        self.texts.append((x, y, words, align, size or self.style.size, bold, colour))

    def heading(self, words: str) -> None:
        """Title of the figure."""
        self.paragraph(words, self.style.size + 1.5, bold=True)
        self.y += 0.5 * self.style.size

    def closing(self, sheet: Sheet) -> None:
        """What stands under every figure: keys of the marks, paragraphs with headings, footnotes."""
        style = self.style
        if sheet.keys:
            self.y += 0.8 * style.size
            self.key_line(sheet.keys)
        for heading, words in sheet.closing:
            self.y += 0.3 * style.size
            self.paragraph(heading, style.small, bold=True)
            self.paragraph(words, style.small)
            self.y += 0.2 * style.size
        for note in sheet.notes:
            self.y += 0.3 * style.small
            self.paragraph(note, style.small, quiet=True)

    def glyph(self, glyph: Glyph, x: float, y: float, width: float = 0.0) -> None:
        """A circle with its sign, centred on a place; a bar of parts where the glyph has these, `width` long."""
        size = self.style.small
        ink = self.style.colours["ink"]
        if glyph.parts:
            left, half = x - width / 2, 0.36 * self.pitch
            for share, sign, colour in glyph.parts:
                right = left + share * width
                box = [(left, y - half), (right, y - half), (right, y + half), (left, y + half)]
                self.shapes.append((box, colour, ink, self.style.line, False))
                if text_width(sign, self.style, size, True) + 2 < right - left:
                    colours = letter_colour(colour, self.style)
                    self.text((left + right) / 2, y + BASELINE * size, sign, "center", size, bold=True, colour=colours)
                left = right
            return
        radius = self._side(glyph) / 2
        turns = [math.pi * step / 24 for step in range(48)]
        circle = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
        self.shapes.append((circle, glyph.colour, ink, self.style.line, glyph.hatched))
        if glyph.meaning:
            self.meanings[glyph.meaning] = (glyph.colour, glyph.sign)
        if glyph.sign:
            wide = text_width(glyph.sign, self.style, size, True) / 2 + 0.12 * size
            if glyph.hatched:  # a plain patch, so that no line runs through the letter
                patch = [(x - wide, y - 0.55 * size), (x + wide, y - 0.55 * size)]
                patch += [(x + wide, y + 0.55 * size), (x - wide, y + 0.55 * size)]
                self.patches.append((patch, glyph.colour, "none", 0))
            colour = letter_colour(glyph.colour, self.style)
            self.text(x, y + BASELINE * size, glyph.sign, "center", size, bold=True, colour=colour)

    def paragraph(self, words: str, size: float, bold: bool = False, quiet: bool = False) -> None:
        """Text across the whole width."""
        for line in wrap_text(words, self.style, size, self.style.width - 2 * MARGIN, bold):
            self.text(MARGIN, self.y + 0.95 * size, line, size=size, bold=bold, quiet=quiet)
            self.y += LINE * size

    def cell(self, column: Column, middle: float, lines: list[str], row: Row) -> None:
        """Lines of one cell, centred on the row."""
        left, right = self.places[column.key]
        size = self.style.size
        x = {"left": left, "right": right, "center": (left + right) / 2}[column.align]
        y = middle - (len(lines) - 1) / 2 * LINE * size + BASELINE * size
        for line in lines:
            self.text(x, y, line, column.align, bold=row.bold, quiet=row.quiet)
            y += LINE * size

    def rule(self, y: float, heavy: bool = False) -> None:
        self.rules.append((MARGIN, y, self.style.width - MARGIN, y, self.style.line * (2 if heavy else 1)))

    def header(self, columns: list[Column]) -> None:
        """Column heads between two lines."""
        size = self.style.size
        self.rule(self.y + 1, heavy=True)
        deepest = max(len(column.header.split("\n")) for column in columns)
        height = self.pitch + (deepest - 1) * LINE * size + 2
        head = Row({}, bold=True)
        for column in columns:
            if column.header:
                self.cell(column, self.y + 1 + height / 2, column.header.split("\n"), head)
        self.y += height + 1
        self.rule(self.y)
        self.y += 1.5

    # -- rows

    def row(self, row: Row, columns: list[Column], band: bool = False, to_edge: bool = False) -> None:
        """One row; `to_edge` lets the note run to the right edge, as there is no axis."""
        style, size = self.style, self.style.size
        self.y += row.gap * self.pitch
        if row.rule:
            self.rule(self.y)
        first = columns[0]
        lines = {}
        for column in columns:
            text = row.cells.get(column.key, "")
            if not text:
                continue
            left, right = self.places[column.key]
            width = right - left + 0.5
            if column is first:
                right = self.places[row.span][1] if row.span else right
                width = right - left - row.indent * size + 0.5
            lines[column.key] = wrap_text(text, style, size, width, row.bold)
        note, note_left = [], 0.0
        if row.note:
            note_left, note_right = self.places.get(AXIS, self.places[columns[-1].key])
            for column in columns[[c.key for c in columns].index(AXIS) + 1 :]:
                if not to_edge and row.cells.get(column.key):
                    break
                note_right = self.places[column.key][1]
            note = wrap_text(row.note, style, size, note_right - note_left + 0.5)
        deepest = max([len(text) for text in lines.values()] + [len(note), 1])
        height = max(self.pitch + (deepest - 1) * LINE * size, row.height * self.pitch)
        sides = [self._side(glyph) + BETWEEN_GLYPHS for glyph in row.glyphs.values() if not glyph.parts]
        height = max([height, *sides])
        middle = self.y + height / 2
        if band and style.colours["band"]:
            self.bands.append(
                [(0, self.y), (style.width, self.y), (style.width, self.y + height), (0, self.y + height)]
            )
        for column in columns:
            if column.key in lines:
                self.cell(column, middle, lines[column.key], row)
                if column is first and row.indent:
                    self.texts[-len(lines[column.key]) :] = [
                        (text[0] + row.indent * size, *text[1:]) for text in self.texts[-len(lines[column.key]) :]
                    ]
        for number, line in enumerate(note):
            y = middle - (len(note) - 1) / 2 * LINE * size + BASELINE * size + number * LINE * size
            self.text(note_left, y, line, quiet=True)
        if row.mark and not math.isnan(row.mark.estimate):
            left, right = self.places[AXIS]
            room = (row.height - 0.3) * self.pitch if row.height > 1 else self.pitch
            shapes, lines_ = mark_shapes(row.mark, lambda p: left + p * (right - left), middle, self.pitch, style, room)
            self.marks += shapes
            self.intervals += lines_
            self._note_meaning(row.mark.kind, shapes)
            self._scale(row.mark, left, middle, room)
        for key, glyph in row.glyphs.items():
            left, right = self.places[key]
            self.glyph(glyph, (left + right) / 2, middle, right - left)
        if not note:
            self.plain.append((self.y, self.y + height))
        self.y += height

    def _note_meaning(self, kind: str, shapes: list) -> None:
        if shapes:
            self.meanings[kind] = (shapes[-1][1] if shapes[-1][1] != "none" else shapes[0][1], SHAPES.get(kind, kind))

    def _scale(self, mark: Mark, left: float, middle: float, room: float) -> None:
        """Ticks with their words left of a curve or a cloud."""
        size, bottom = self.style.size, middle + room / 2
        for height, words in mark.scale:
            y = bottom - height * room
            self.lines.append((left - 3, y, left, y, self.style.line))
            self.text(left - 5, y + BASELINE * size, words, "right")
        if mark.scale:
            heights = [height for height, _ in mark.scale]
            ends = bottom - max(heights) * room, bottom - min(heights) * room
            self.lines.append((left, ends[0], left, ends[1], self.style.line))

    def axis_bottom(self, top: float, sheet: Sheet) -> None:
        """Guide lines through the rows, then room for ticks and the label of the axis."""
        self.axis = (top, self.y + 2, sheet)
        self.y += 2 + 3 + 0.35 * self.style.size
        self.y += 1.2 * self.style.size  # tick labels
        left, right = self.places[AXIS]
        for line in wrap_text(sheet.axis_label, self.style, self.style.size, 1.35 * (right - left)):
            self.text((left + right) / 2, self.y + 0.95 * self.style.size, line, "center")
            self.y += LINE * self.style.size
        self.y += 0.2 * self.style.size

    def key_line(self, keys: list[tuple[str, str]]) -> None:
        """What the marks mean, drawn beside the words, over as many lines as it takes."""
        style, size = self.style, self.style.small
        x, wide, room = MARGIN, 2.6 * size, 1.9 * size
        pitch = 1.75 * size if any(isinstance(kind, Glyph) for kind, _ in keys) else 1.5 * size
        for kind, words in keys:
            width = wide + 0.6 * size + text_width(words, style, size)
            if x > MARGIN and x + width > style.width - MARGIN:
                x, self.y = MARGIN, self.y + pitch
            middle = self.y + 0.75 * size
            if isinstance(kind, Glyph):
                self.glyph(replace(kind, share=math.nan), x + wide / 2, middle)
            elif kind == "band":
                box = [(x, middle - 0.5 * size), (x + wide, middle - 0.5 * size)]
                box += [(x + wide, middle + 0.5 * size), (x, middle + 0.5 * size)]
                self.key_marks.append((box, style.colours["shade"], "none", 0))
            else:
                mark = Mark(kind, 0.5, 0.08, 0.92, 0.55, 0.0, 1.0, KEY_POINTS.get(kind, ()))
                shapes, lines = mark_shapes(mark, lambda p, x=x: x + p * wide, middle, 1.5 * size, style, 1.2 * size)
                self.key_marks += shapes
                self.key_intervals += lines
            lines = wrap_text(words, style, size, style.width - MARGIN - x - wide - 0.6 * size)
            for number, line in enumerate(lines):
                self.y += number and LINE * size
                self.text(x + wide + 0.6 * size, self.y + (0.75 + BASELINE) * size, line, size=size, quiet=True)
            x += width + room
        self.y += 1.6 * size

    # -- the figure

    @property
    def height(self) -> float:
        """Height in points of what stands on the page so far, with its margin."""
        return self.y + MARGIN

    def figure(self) -> Figure:
        """Turn what was collected into artists."""
        style = self.style
        width, height = style.width, self.height
        figure = Figure(figsize=(width / 72, height / 72), dpi=style.png_dpi, facecolor="white")
        points = Affine2D().scale(1, -1).translate(0, height).scale(1 / 72) + figure.dpi_scale_trans
        ink = style.colours["ink"]
        if self.bands:
            figure.add_artist(
                PolyCollection(self.bands, facecolors=style.colours["band"], linewidths=0, transform=points, zorder=-2)
            )
        figure.add_artist(_lines(self.rules, ink, transform=points, zorder=-1, gid="rules"))
        if self.axis:
            self._axes(figure, height)
        if self.lines:
            figure.add_artist(_lines(self.lines, ink, transform=points, zorder=1, gid="lines"))
        for hatched in (False, True):
            shapes = [shape[:4] for shape in self.shapes if shape[4] is hatched]
            if shapes:
                glyphs = _polygons(shapes, transform=points, zorder=2, gid="glyphs")
                if hatched:
                    glyphs.set_hatch("//////")
                    glyphs.set_hatch_linewidth(style.line)
                    glyphs.set_hatchcolor([letter_colour(face, style) for _, face, *_ in shapes])
                figure.add_artist(glyphs)
        if self.patches:
            figure.add_artist(_polygons(self.patches, transform=points, zorder=3, gid="patches"))
        figure.meanings = self.meanings
        if self.key_marks:
            figure.add_artist(_lines(self.key_intervals, ink, transform=points, zorder=2, gid="keys"))
            figure.add_artist(_polygons(self.key_marks, transform=points, zorder=3, gid="keys"))
        for x, y, words, align, size, bold, colour in self.texts:
            figure.text(
                x / width,
                1 - y / height,
                words,
                ha=align,
                va="baseline",
                fontproperties=style.font_properties(size, bold, words),
                color=colour,
                parse_math=False,
            )
        return figure

    def _axes(self, figure: Figure, height: float) -> None:
        """The axis of 0 to 100 per cent; y runs in points from the first row down."""
        style = self.style
        left, right = self.places[AXIS]
        top, bottom, sheet = self.axis
        axes = figure.add_axes(
            (left / style.width, 1 - bottom / height, (right - left) / style.width, (bottom - top) / height)
        )
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom - top, 0)
        axes.patch.set_visible(False)
        axes.yaxis.set_visible(False)
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set(color=style.colours["ink"], linewidth=style.line)
        axes.tick_params(axis="x", length=3, width=style.line, color=style.colours["ink"], pad=2)
        labels = [str(tick) for tick in TICKS]
        axes.set_xticks(TICKS, labels, fontproperties=style.font_properties(style.size), color=style.colours["ink"])
        scale = Affine2D().translate(-left, -top).scale(100 / (right - left), 1)

        if sheet.band:
            lower, upper = (100 * bound for bound in sheet.band)
            shades = [
                [(lower, start), (upper, start), (upper, end), (lower, end)]
                for start, end in _joined(self.plain, top, bottom)
            ]
            shade = PolyCollection(shades, facecolors=style.colours["shade"], linewidths=0, zorder=-0.5)
            shade.set_gid("guides")
            axes.add_collection(shade, autolim=False)
        guides = []
        for start, end in _joined(self.plain, top, bottom):
            if not math.isnan(sheet.reference):
                guides.append(((100 * sheet.reference, start), (100 * sheet.reference, end)))
        if guides:
            lines = LineCollection(guides, colors=style.colours["grid"], linewidths=1.6 * style.line, zorder=0)
            lines.set_gid("guides")
            axes.add_collection(lines, autolim=False)
        if not math.isnan(sheet.centre):
            spans = _joined(self.plain, top, bottom)
            lines = LineCollection(
                [((100 * sheet.centre, start), (100 * sheet.centre, end)) for start, end in spans],
                colors=style.colours["rule"], linewidths=style.line, linestyles=[(0, (1.5, 2))], zorder=0.5,
            )  # fmt: skip
            lines.set_gid("guides")
            axes.add_collection(lines, autolim=False)
        intervals = [(*scale.transform((a, b)), *scale.transform((c, d)), w) for a, b, c, d, w in self.intervals]
        if intervals:
            axes.add_collection(_lines(intervals, style.colours["ink"], zorder=2, gid="intervals"), autolim=False)
        marks = [(scale.transform(vertices), *rest) for vertices, *rest in self.marks]
        if marks:
            axes.add_collection(_polygons(marks, zorder=3, gid="marks"), autolim=False)


def _joined(spans: list[tuple[float, float]], top: float, bottom: float) -> list[tuple[float, float]]:
    """Rows that guide lines cross, neighbours joined, measured from the top of the axis."""
    joined: list[list[float]] = []
    for start, end in spans:
        if start < top or start > bottom:
            continue
        start, end = start - top, end - top
        if joined and start - joined[-1][1] < 1e-6 + 12:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return [tuple(span) for span in joined]


def _lines(lines: list[tuple], colour: str, **options) -> LineCollection:
    return LineCollection(
        [((x0, y0), (x1, y1)) for x0, y0, x1, y1, _ in lines],
        colors=colour,
        linewidths=[line[4] for line in lines],
        capstyle="butt",
        clip_on=False,
        **options,
    )


def _polygons(marks: list[tuple], **options) -> PolyCollection:
    return PolyCollection(
        [mark[0] for mark in marks],
        facecolors=[mark[1] for mark in marks],
        edgecolors=[mark[2] for mark in marks],
        linewidths=[mark[3] for mark in marks],
        clip_on=False,
        **options,
    )
