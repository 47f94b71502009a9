"""A drawing is data: texts, lines and shapes in points, x from the left edge, y from the top, in the order of painting.

`render` writes it as SVG, PDF, PNG and TIFF, `notebook` shows the same as a matplotlib Figure, `preflight` checks it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from small_evidence.figures.style import Style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


STEPS = (25, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1)  # per cent between ticks
LEAST_STEPS = 3


@dataclass(frozen=True)
class Text:
    """One line of text; `y` is its baseline, `x` its left end, its middle or its right end by `align`."""

    x: float
    y: float
    words: str
    align: str = "left"  # left, center, right
    size: float = 7.5
    bold: bool = False
    colour: str = "#000000"


@dataclass(frozen=True)
class Line:
    """A straight line."""

    x0: float
    y0: float
    x1: float
    y1: float
    width: float
    colour: str
    role: str  # rules, guides, axis, intervals, lines, keys
    dash: tuple[float, ...] = ()  # points drawn and left out


@dataclass(frozen=True)
class Shape:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    face: str
    edge: str
    width: float  # of the edge; 0 is none
    role: str  # bands, guides, marks, glyphs, patches, keys
    hatch: str = ""  # colour of the hatching; "" is none

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True)
class Axis:
    """Where the axis stands, and the proportions at its two ends."""

    left: float
    right: float
    top: float
    bottom: float
    lower: float = 0.0
    upper: float = 1.0

    def x(self, proportion: float) -> float:
        """Place of a proportion."""
        return self.left + (proportion - self.lower) / (self.upper - self.lower) * (self.right - self.left)

    @property
    def ticks(self) -> list[float]:
        """Per cent at which it has ticks.

        >>> Axis(0, 1, 0, 1).ticks, Axis(0, 1, 0, 1, 0, 0.2).ticks, Axis(0, 1, 0, 1, 0.5, 1).ticks
        ([0, 25, 50, 75, 100], [0, 5, 10, 15, 20], [50, 60, 70, 80, 90, 100])
        """
        width = round(100 * (self.upper - self.lower), 6)
        step = next((step for step in STEPS if width / step >= LEAST_STEPS), width)
        ends = round(100 * self.lower / step, 6), round(100 * self.upper / step, 6)
        return [round(number * step, 6) for number in range(math.ceil(ends[0]), math.floor(ends[1]) + 1)]

    def proportion(self, x: float) -> float:
        """Proportion at a place."""
        return self.lower + (x - self.left) / (self.right - self.left) * (self.upper - self.lower)


Item = Text | Line | Shape


@dataclass(frozen=True, repr=False)
class Drawing:
    """A figure of the review: one page that holds everything, and where that is too high, the pages it is split into.

    In a notebook it shows itself; `figure` gives it as a matplotlib Figure.
    """

    style: Style
    height: float  # points
    items: tuple[Item, ...]
    axis: Axis | None = None
    meanings: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # colour, and the shape or sign with it
    title: str = ""
    alt_text: str = ""
    absent: str = ""  # why there is nothing to draw, which the drawing then says
    pages: tuple[Drawing, ...] = ()

    @property
    def width(self) -> float:
        """Width in points."""
        return self.style.width

    @property
    def texts(self) -> list[Text]:
        """The texts, in the order of painting."""
        return [item for item in self.items if isinstance(item, Text)]

    def lines(self, *roles: str) -> list[Line]:
        """Lines of some roles."""
        return [item for item in self.items if isinstance(item, Line) and item.role in roles]

    def shapes(self, *roles: str) -> list[Shape]:
        """Shapes of some roles."""
        return [item for item in self.items if isinstance(item, Shape) and item.role in roles]

    def __repr__(self) -> str:
        """What it is: its points and lines are thousands."""
        return f"<Drawing {self.title!r}, {self.width:.0f} x {self.height:.0f} points>"

    def figure(self) -> Figure:
        """The drawing as a matplotlib Figure, to be changed in a notebook."""
        from small_evidence.figures.notebook import matplotlib_figure

        return matplotlib_figure(self)

    def _repr_svg_(self) -> str:
        from small_evidence.figures.render import svg

        return svg(self).decode("utf-8")


def describe(drawing: Drawing, title: str, words: str) -> Drawing:
    """Give a drawing and its pages their title and the text for readers who cannot see it."""
    many = len(drawing.pages)
    pages = tuple(
        replace(page, title=f"{title} (page {number} of {many})", alt_text=words)
        for number, page in enumerate(drawing.pages, 1)
    )
    return replace(drawing, title=title, alt_text=words, pages=pages)


def pages_of(drawing: Drawing) -> tuple[Drawing, ...]:
    """The pages of a drawing that is too high for one, otherwise the drawing itself."""
    return drawing.pages or (drawing,)
