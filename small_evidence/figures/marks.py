"""What stands for a number: marks on an axis, glyphs in cells, each with a shape or a sign besides its colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from small_evidence.figures.drawing import Axis, Item, Line, Shape
from small_evidence.figures.style import Style, contrast

LEAST_SIDE = 1.6  # points; a smaller square cannot be seen on its line
SHAPES = {  # what a mark looks like without its colour
    "study": "square", "pooled": "diamond", "subgroup": "diamond", "without": "diamond", "prediction": "bar",
    "crude": "circle", "pooled_row": "diamond on a thick line", "crude_row": "open square",
    "without_row": "light diamond on a line", "variant": "diamond on a line", "density": "curve", "cloud": "dot",
}  # fmt: skip
KEY_POINTS = {
    "density": tuple((step / 20, math.exp(-0.5 * ((step - 10) / 3.2) ** 2)) for step in range(21)),
    "cloud": ((0.5, 0.5),),
}


@dataclass(frozen=True)
class Glyph:
    """A shape in a cell with a sign on it, so that its colour is never the only thing that speaks.

    `share` is its area relative to the largest of its column; `plain` glyphs all have the size of a letter.
    """

    sign: str
    colour: str
    meaning: str = ""
    share: float = math.nan
    hatched: bool = False
    parts: tuple[tuple[float, str, str], ...] = ()  # of a bar: share of its length, sign, colour


@dataclass
class Mark:
    """What a row shows on the axis; `share` is the area of a square relative to the largest."""

    kind: str
    estimate: float
    lower: float = math.nan
    upper: float = math.nan
    share: float = 1.0
    pi_lower: float = math.nan
    pi_upper: float = math.nan
    points: tuple[tuple[float, float], ...] = ()  # of a curve or a cloud: proportion, height from 0 to 1
    limits: tuple[tuple[float, float], ...] = ()  # outline behind a cloud
    scale: tuple[tuple[float, str], ...] = ()  # ticks beside a curve or a cloud: height from 0 to 1, words


def square_side(share: float, pitch: float) -> float:
    """Side of a square in points: its area is in proportion to `share`, down to the smallest that can be seen."""
    return max(LEAST_SIDE, 0.72 * pitch * math.sqrt(share))


def letter_colour(face: str, style: Style) -> str:
    """Ink or white, whichever can be read on a colour."""
    return max(style.colours["ink"], "#FFFFFF", key=lambda colour: contrast(colour, face))


def mark_items(
    mark: Mark, axis: Axis, y: float, pitch: float, style: Style, *, room: float = 0.0, key: bool = False
) -> list[Item]:
    """Shapes and lines of a mark whose row has its middle at `y`; `room` is the height of a curve or a cloud.

    What lies beyond the axis is cut off there, with an arrow. `key` is for the mark beside its words.
    """
    pen = _Pen(mark, axis, y, pitch, style, room, key)
    if not axis.lower <= mark.estimate <= axis.upper:
        pen.interval(mark.lower, mark.upper, style.line)
        return pen.items
    DRAWN[mark.kind](pen)
    return pen.items


@dataclass
class _Pen:
    """Draws one mark."""

    mark: Mark
    axis: Axis
    y: float
    pitch: float
    style: Style
    room: float
    key: bool
    items: list[Item] = field(default_factory=list)

    def interval(self, lower: float, upper: float, width: float, colour: str = "") -> None:
        """A line between two proportions, nothing where they are not known."""
        if math.isnan(lower):
            return
        left, right = self.inside(lower), self.inside(upper)
        colour = colour or self.style.colours["ink"]
        self.items.append(Line(left, self.y, right, self.y, width, colour, "key_lines" if self.key else "intervals"))
        self.arrows(lower, upper)

    def arrows(self, lower: float, upper: float) -> None:
        """An arrow at each end of the axis beyond which an interval goes on."""
        for beyond, x, way in (
            (lower < self.axis.lower, self.axis.left, -1),
            (upper > self.axis.upper, self.axis.right, 1),
        ):
            if beyond:
                head = 0.22 * self.pitch
                tip = ((x + way * head, self.y), (x, self.y - 0.7 * head), (x, self.y + 0.7 * head))
                self.polygon(tip, self.style.colours["ink"])

    def polygon(
        self, points: Iterable[tuple[float, float]], face: str, width: float = 0.0, edge: str = "", role: str = "marks"
    ) -> None:
        """A shape with an edge of ink where it has a width."""
        edge = edge or (self.style.colours["ink"] if width else face)
        self.items.append(Shape(tuple(points), face, edge, width, "keys" if self.key else role))

    def square(self, half: float, face: str, width: float = 0.0, role: str = "marks") -> None:
        x, y = self.centre, self.y
        self.polygon(
            ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)),
            face,
            width,
            role=role,
        )

    def diamond(self, left: float, right: float, half: float, face: str) -> None:
        x, y = self.centre, self.y
        self.polygon(((left, y), (x, y - half), (right, y), (x, y + half)), face, self.style.line)

    def circle(self, x: float, y: float, radius: float, face: str, width: float, corners: int = 24) -> None:
        turns = [2 * math.pi * step / corners for step in range(corners)]
        self.polygon(((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns), face, width)

    @property
    def centre(self) -> float:
        return self.axis.x(self.mark.estimate)

    def inside(self, proportion: float) -> float:
        """Place of a proportion, or the end of the axis beyond which it lies."""
        return self.axis.x(min(max(proportion, self.axis.lower), self.axis.upper))

    def curve(self, points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Places of points of a curve, as far as they are on the axis."""
        base = self.y + self.room / 2
        shown = [(p, height) for p, height in points if self.axis.lower <= p <= self.axis.upper]
        return [(self.axis.x(p), base - height * self.room) for p, height in shown]


def _study(pen: _Pen) -> None:
    """A square with its interval on it, so that a large square does not hide a narrow one."""
    half = square_side(pen.mark.share, pen.pitch) / 2
    pen.square(half, pen.style.colours["study"], role="squares")
    hidden = not math.isnan(pen.mark.lower) and pen.inside(pen.mark.upper) - pen.inside(pen.mark.lower) < 2 * half
    colour = letter_colour(pen.style.colours["study"], pen.style) if hidden else ""
    pen.interval(pen.mark.lower, pen.mark.upper, 1.5 * pen.style.line, colour)


def _pooled(pen: _Pen) -> None:
    mark, half = pen.mark, (0.34 if pen.mark.kind == "pooled" else 0.26) * pen.pitch
    pen.diamond(pen.inside(mark.lower), pen.inside(mark.upper), half, pen.style.colours[mark.kind])
    pen.arrows(mark.lower, mark.upper)


def _prediction(pen: _Pen) -> None:
    half, left, right = 0.13 * pen.pitch, pen.inside(pen.mark.lower), pen.inside(pen.mark.upper)
    y = pen.y
    bar = ((left, y - half), (right, y - half), (right, y + half), (left, y + half))
    pen.polygon(bar, pen.style.colours["prediction"], pen.style.line)
    pen.arrows(pen.mark.lower, pen.mark.upper)


def _crude(pen: _Pen) -> None:
    pen.interval(pen.mark.lower, pen.mark.upper, pen.style.line)
    pen.circle(pen.centre, pen.y, 0.22 * pen.pitch, pen.style.colours["crude"], 1.5 * pen.style.line)


def _pooled_row(pen: _Pen) -> None:
    pen.interval(pen.mark.pi_lower, pen.mark.pi_upper, pen.style.line)
    pen.interval(pen.mark.lower, pen.mark.upper, 4 * pen.style.line)
    half = 0.36 * pen.pitch
    pen.diamond(pen.centre - half, pen.centre + half, half, pen.style.colours["pooled"])


def _crude_row(pen: _Pen) -> None:
    pen.interval(pen.mark.lower, pen.mark.upper, pen.style.line)
    pen.square(0.22 * pen.pitch, pen.style.colours["crude"], 1.5 * pen.style.line)


def _variant(pen: _Pen) -> None:
    pen.interval(pen.mark.lower, pen.mark.upper, 1.5 * pen.style.line)
    half = 0.27 * pen.pitch
    face = pen.style.colours["study" if pen.mark.kind == "variant" else "without"]
    pen.diamond(pen.centre - half, pen.centre + half, half, face)


def _density(pen: _Pen) -> None:
    base, curve = pen.y + pen.room / 2, pen.curve(pen.mark.points)
    outline = [(curve[0][0], base), *curve, (curve[-1][0], base)]
    pen.polygon(outline, pen.style.colours["subgroup"], pen.style.line)
    prior = pen.curve(pen.mark.limits)
    role = "key_lines" if pen.key else "lines"
    for one, other in zip(prior[::2], prior[1::2], strict=False):  # dashed
        pen.items.append(Line(*one, *other, 1.5 * pen.style.line, pen.style.colours["ink"], role))


def _cloud(pen: _Pen) -> None:
    limits = pen.curve(pen.mark.limits)
    if limits:
        pen.polygon(limits, pen.style.colours["shade"], pen.style.line, pen.style.colours["rule"], role="guides")
    for x, y in pen.curve(pen.mark.points):
        pen.circle(x, y, 0.16 * pen.pitch, pen.style.colours["study"], pen.style.line, corners=16)


DRAWN: Mapping[str, Callable[[_Pen], None]] = {
    "study": _study, "pooled": _pooled, "subgroup": _pooled, "without": _pooled, "prediction": _prediction,
    "crude": _crude, "pooled_row": _pooled_row, "crude_row": _crude_row, "variant": _variant, "without_row": _variant,
    "density": _density, "cloud": _cloud,
}  # fmt: skip
