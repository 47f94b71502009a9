"""One page of a figure: texts, lines and shapes in points, collected from the top down until the height is known.

Text is measured first, columns are set from what was measured, the axis takes the width that is left and the height
follows from the rows. So nothing is cut off or runs into its neighbour. Lengths are points, x from the left edge of
the figure, y from the top; proportions are 0..1 until they are drawn on the axis of 0 to 100 per cent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from small_evidence import ReviewError
from small_evidence.figures.drawing import Axis, Drawing, Item, Line, Shape, Text
from small_evidence.figures.fonts import text_width, widest_part, wrap_text
from small_evidence.figures.marks import KEY_POINTS, SHAPES, Glyph, Mark, letter_colour, mark_items
from small_evidence.figures.style import MM, Style

MARGIN = 4.0
GAP = 9.0  # between columns; more than half of the largest square, which may stand on the end of the axis
ROOMY = 1.8  # row pitch in type sizes where there is room for it
LINE = 1.24  # line pitch within a cell or a paragraph, in type sizes; more than the height of the font's box
LEAST_AXIS, MOST_AXIS = 0.26, 0.48  # width of the axis as a share of the figure's
TIGHT_AXIS = 0.20  # the axis gives way to this before the first column wraps to a third line
BASELINE = 0.36  # half the height of capitals, in type sizes: centres text on its row
TICK = 3.0  # points; length of a tick
PAINTING = (  # roles, what is painted later covers what was painted before; texts come last
    "bands", "rules", "guides", "axis", "squares", "intervals", "marks", "lines", "glyphs", "patches", "key_lines",
    "keys",
)  # fmt: skip
AXIS = "axis"  # key of the column that holds the axis
LEAST_FIRST = 6.0  # type sizes; least width of the first column
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
    span: tuple[float, float] = (0.0, 1.0)  # proportions at the ends of the axis
    reference: float = math.nan  # proportion with a light line
    centre: float = math.nan  # proportion with a dotted line, the pooled estimate
    band: tuple[float, float] | None = None  # proportions with a shade between them
    ticks: Sequence[tuple[float, str]] = ()  # places with their words; those of per cent if empty
    sides: tuple[str, str] = ("", "")  # what left and right of the light line means, below the ticks
    statements: list[str] = field(default_factory=list)
    below_heading: str = ""
    below: list[Row] = field(default_factory=list)
    keys: Sequence[tuple[str | Glyph, str]] = field(default_factory=list)
    widest: float = MOST_AXIS  # share of the width that the axis may take
    closing: list[tuple[str, str]] = field(default_factory=list)  # heading and a paragraph
    notes: list[str] = field(default_factory=list)


class Page:
    """Texts, lines and shapes in points, collected from the top down until the height is known."""

    def __init__(self, style: Style, pitch: float = ROOMY, span: tuple[float, float] = (0.0, 1.0)):
        self.style = style
        self.span = span
        self.y = MARGIN
        self.pitch = pitch * style.size
        self.items: list[Item] = []
        self.meanings: dict[str, tuple[str, str]] = {}  # what is drawn: colour, and the sign or shape that goes with it
        self.plain: list[tuple[float, float]] = []  # (top, bottom) of rows that guide lines cross
        self.places: dict[str, tuple[float, float]] = {}
        self.axis: Axis | None = None

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
        least = max([LEAST_FIRST * style.size, *(self._least(row, first.key) for row in [*rows, *below])])
        in_two_lines = min(0.55 * widest + 4 * style.size, free - TIGHT_AXIS * style.width if has_axis else free)
        width = max(min(widest, max(free - least_axis, in_two_lines)), least)
        if has_axis and free - width < NARROWEST_AXIS:
            width = max(free - NARROWEST_AXIS, least)
            short = NARROWEST_AXIS - (free - width)
            if short > 0:
                needed = math.ceil((style.width + short) / MM)
                raise TooNarrowError(f"{style.width_mm:g} mm is too narrow for this figure; it needs {needed} mm")
        if not has_axis and free < least:
            needed = math.ceil((style.width + least - free) / MM)
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
        words = {(word, bold) for text, bold in cells for word in text.split(" ")}
        limit = max([limit, *(text_width(word, style, size, bold) for word, bold in words)])
        lines = ((line, bold) for text, bold in cells for line in wrap_text(text, style, size, limit, bold))
        return max((text_width(line, style, size, bold) for line, bold in lines), default=0.0)

    def _least(self, row: Row, key: str) -> float:
        """Width that the first cell of a row needs, where its words break only as they may; one that spans has more."""
        style = self.style
        if row.span:
            return 0.0
        return widest_part(row.cells.get(key, ""), style, style.size, row.bold) + row.indent * style.size + 0.5

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
        self, x: float, y: float, words: str, align: str = "left", size: float = 0.0, *,
        bold: bool = False, quiet: bool = False, colour: str = "",
    ) -> None:  # fmt: skip
        """A line of text; y is its baseline."""
        colour = colour or self.style.colours["quiet" if quiet else "ink"]
        self.items.append(Text(x, y, words, align, size or self.style.size, bold, colour))

    def line(self, ends: tuple[float, float, float, float], role: str, width: float = 0.0, colour: str = "") -> None:
        """A line between two places, as x0, y0, x1, y1."""
        width, colour = width or self.style.line, colour or self.style.colours["ink"]
        self.items.append(Line(*ends, width, colour, role))

    def box(self, corners: tuple[float, float, float, float], role: str, face: str, edge: str = "") -> None:
        """A rectangle from its left, top, right and bottom, with an edge where that has a colour."""
        left, top, right, bottom = corners
        points = ((left, top), (right, top), (right, bottom), (left, bottom))
        self.items.append(Shape(points, face, edge or face, self.style.line if edge else 0, role))

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
                self.box((left, y - half, right, y + half), "glyphs", colour, ink)
                if text_width(sign, self.style, size, True) + 2 < right - left:
                    colours = letter_colour(colour, self.style)
                    self.text((left + right) / 2, y + BASELINE * size, sign, "center", size, bold=True, colour=colours)
                left = right
            return
        radius = self._side(glyph) / 2
        turns = [math.pi * step / 24 for step in range(48)]
        circle = tuple((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns)
        hatch = letter_colour(glyph.colour, self.style) if glyph.hatched else ""
        self.items.append(Shape(circle, glyph.colour, ink, self.style.line, "glyphs", hatch))
        if glyph.meaning:
            self.meanings[glyph.meaning] = (glyph.colour, glyph.sign)
        if glyph.sign.strip():
            wide = text_width(glyph.sign, self.style, size, True) / 2 + 0.12 * size
            if glyph.hatched:  # a plain patch, so that no line runs through the letter
                self.box((x - wide, y - 0.55 * size, x + wide, y + 0.55 * size), "patches", glyph.colour)
            colour = letter_colour(glyph.colour, self.style)
            self.text(x, y + BASELINE * size, glyph.sign, "center", size, bold=True, colour=colour)

    def paragraph(self, words: str, size: float, bold: bool = False, quiet: bool = False) -> None:
        """Text across the whole width."""
        for line in wrap_text(words, self.style, size, self.style.width - 2 * MARGIN, bold):
            self.text(MARGIN, self.y + 0.95 * size, line, size=size, bold=bold, quiet=quiet)
            self.y += LINE * size

    def cell(self, column: Column, middle: float, lines: list[str], row: Row, first: bool = False) -> None:
        """Lines of one cell, centred on the row; the first cell of a row is indented."""
        left, right = self.places[column.key]
        size = self.style.size
        x = {"left": left + row.indent * size * first, "right": right, "center": (left + right) / 2}[column.align]
        y = middle - (len(lines) - 1) / 2 * LINE * size + BASELINE * size
        for line in lines:
            self.text(x, y, line, column.align, bold=row.bold, quiet=row.quiet)
            y += LINE * size

    def rule(self, y: float, heavy: bool = False) -> None:
        self.line((MARGIN, y, self.style.width - MARGIN, y), "rules", self.style.line * (2 if heavy else 1))

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
            self.box((0, self.y, style.width, self.y + height), "bands", style.colours["band"])
        for column in columns:
            if column.key in lines:
                self.cell(column, middle, lines[column.key], row, column is first)
        for number, line in enumerate(note):
            y = middle - (len(note) - 1) / 2 * LINE * size + BASELINE * size + number * LINE * size
            self.text(note_left, y, line, quiet=True)
        if row.mark and not math.isnan(row.mark.estimate):
            left, right = self.places[AXIS]
            room = (row.height - 0.3) * self.pitch if row.height > 1 else self.pitch
            axis = Axis(left, right, 0, 0, *self.span)
            drawn = mark_items(row.mark, axis, middle, self.pitch, style, room=room)
            self.items += drawn
            self._note_meaning(row.mark.kind, drawn)
            self._scale(row.mark, left, middle, room)
        for key, glyph in row.glyphs.items():
            left, right = self.places[key]
            self.glyph(glyph, (left + right) / 2, middle, right - left)
        if not note:
            self.plain.append((self.y, self.y + height))
        self.y += height

    def _note_meaning(self, kind: str, drawn: list[Item]) -> None:
        faces = [item.face for item in drawn if isinstance(item, Shape)]
        if faces:
            self.meanings[kind] = (faces[-1] if kind == "cloud" else faces[0], SHAPES[kind])

    def _scale(self, mark: Mark, left: float, middle: float, room: float) -> None:
        """Ticks with their words left of a curve or a cloud."""
        size, bottom = self.style.size, middle + room / 2
        for height, words in mark.scale:
            y = bottom - height * room
            self.line((left - 3, y, left, y), "lines")
            self.text(left - 5, y + BASELINE * size, words, "right")
        if mark.scale:
            self.line((left, bottom - room, left, bottom), "lines")

    def axis_bottom(self, top: float, sheet: Sheet) -> None:
        """Guide lines through the rows from `top` down, and below them the axis with its ticks and its label."""
        style, size = self.style, self.style.size
        left, right = self.places[AXIS]
        bottom = self.y + 2
        self.axis = Axis(left, right, top, bottom, *self.span)
        spans = _joined(self.plain, top, bottom)
        if sheet.band:
            lower, upper = (self.axis.x(min(max(bound, sheet.span[0]), sheet.span[1])) for bound in sheet.band)
            for start, end in spans:
                self.box((lower, start, upper, end), "guides", style.colours["shade"])
        for start, end in spans if sheet.span[0] <= sheet.reference <= sheet.span[1] else ():
            x = self.axis.x(sheet.reference)
            self.line((x, start, x, end), "guides", 1.6 * style.line, style.colours["grid"])
        for start, end in spans if sheet.span[0] <= sheet.centre <= sheet.span[1] else ():
            x, dash = self.axis.x(sheet.centre), (1.5 * style.line, 2 * style.line)
            self.items.append(Line(x, start, x, end, style.line, style.colours["rule"], "guides", dash))
        self.line((left, bottom, right, bottom), "axis")
        baseline = bottom + TICK + 2 + 0.95 * size
        for place, words in sheet.ticks or [(tick / 100, f"{tick:g}") for tick in self.axis.ticks]:
            x = self.axis.x(place)
            self.line((x, bottom, x, bottom + TICK), "axis")
            self.text(x, baseline, words, "center")
        self.y = bottom + TICK + 1.7 * size
        if any(sheet.sides):
            self._sides(self.axis.x(sheet.reference), sheet.sides)
        for line in wrap_text(sheet.axis_label, style, size, 1.35 * (right - left)):
            self.text((left + right) / 2, self.y + 0.95 * size, line, "center")
            self.y += LINE * size
        self.y += 0.2 * size

    def _sides(self, middle: float, sides: tuple[str, str]) -> None:
        """Words at both sides of a place; each has the room to the edge of the figure."""
        size, edge = self.style.size, self.style.width - MARGIN
        apart = 0.6 * size
        left, right = (
            wrap_text(words, self.style, size, room - apart)
            for words, room in zip(sides, (middle - MARGIN, edge - middle), strict=True)
        )
        for lines, x, align in ((left, middle - apart, "right"), (right, middle + apart, "left")):
            for number, line in enumerate(lines):
                self.text(x, self.y + (0.95 + number * LINE) * size, line, align)
        self.y += max(len(left), len(right)) * LINE * size + 0.3 * size

    def key_line(self, keys: Sequence[tuple[str | Glyph, str]]) -> None:
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
                self.box((x, middle - 0.5 * size, x + wide, middle + 0.5 * size), "keys", style.colours["shade"])
            else:
                mark = Mark(kind, 0.5, 0.08, 0.92, 0.55, 0.0, 1.0, KEY_POINTS.get(kind, ()))
                place = Axis(x, x + wide, 0, 0)
                self.items += mark_items(mark, place, middle, 1.5 * size, style, room=1.2 * size, key=True)
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

    def drawing(self) -> Drawing:
        """What was collected, in the order of painting."""

        def layer(item: Item) -> int:
            return len(PAINTING) if isinstance(item, Text) else PAINTING.index(item.role)

        return Drawing(self.style, self.height, tuple(sorted(self.items, key=layer)), self.axis, self.meanings)


def _joined(spans: list[tuple[float, float]], top: float, bottom: float) -> list[tuple[float, float]]:
    """Tops and bottoms of the rows that guide lines cross, neighbours joined."""
    joined: list[tuple[float, float]] = []
    for start, end in spans:
        if start < top or start > bottom:
            continue
        if joined and start - joined[-1][1] < 1e-6 + 12:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
