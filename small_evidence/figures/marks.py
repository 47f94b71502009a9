"""What stands for a number: marks on an axis, glyphs in cells, each with a shape or a sign besides its colour."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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


def mark_shapes(mark: Mark, x: Callable, y: float, pitch: float, style: Style, room: float = 0.0) -> tuple[list, list]:
    """Shapes and lines of a mark in points; `x` turns a proportion into points, `room` is the height of a curve."""
    ink, thin = style.colours["ink"], style.line
    shapes, lines = [], []
    known = not math.isnan(mark.lower)
    centre = x(mark.estimate)

    def square(half):
        return [
            (centre - half, y - half),
            (centre + half, y - half),
            (centre + half, y + half),
            (centre - half, y + half),
        ]

    def diamond(lower, upper, half):
        return [(lower, y), (centre, y - half), (upper, y), (centre, y + half)]

    if mark.kind == "study":
        if known:
            lines.append((x(mark.lower), y, x(mark.upper), y, 1.5 * thin))
        shapes.append((square(square_side(mark.share, pitch) / 2), style.colours["study"], style.colours["study"], 0))
    elif mark.kind in ("pooled", "subgroup", "without"):
        half = (0.34 if mark.kind == "pooled" else 0.26) * pitch
        shapes.append((diamond(x(mark.lower), x(mark.upper), half), style.colours[mark.kind], ink, thin))
    elif mark.kind == "prediction":
        half, left, right = 0.13 * pitch, x(mark.lower), x(mark.upper)
        bar = [(left, y - half), (right, y - half), (right, y + half), (left, y + half)]
        shapes.append((bar, style.colours["prediction"], ink, thin))
    elif mark.kind == "crude":
        lines.append((x(mark.lower), y, x(mark.upper), y, thin))
        radius = 0.22 * pitch
        turns = [math.pi * step / 12 for step in range(24)]
        circle = [(centre + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
        shapes.append((circle, style.colours["crude"], ink, 1.5 * thin))
    elif mark.kind == "pooled_row":
        if not math.isnan(mark.pi_lower):
            lines.append((x(mark.pi_lower), y, x(mark.pi_upper), y, thin))
        lines.append((x(mark.lower), y, x(mark.upper), y, 4 * thin))
        half = 0.36 * pitch
        shapes.append((diamond(centre - half, centre + half, half), style.colours["pooled"], ink, thin))
    elif mark.kind == "crude_row":
        lines.append((x(mark.lower), y, x(mark.upper), y, thin))
        shapes.append((square(0.22 * pitch), style.colours["crude"], ink, 1.5 * thin))
    elif mark.kind in ("variant", "without_row"):
        if known:
            lines.append((x(mark.lower), y, x(mark.upper), y, 1.5 * thin))
        half = 0.27 * pitch
        face = style.colours["study" if mark.kind == "variant" else "without"]
        shapes.append((diamond(centre - half, centre + half, half), face, ink, thin))
    elif mark.kind == "density":
        base = y + room / 2
        prior = [(x(p), base - height * room) for p, height in mark.limits]
        lines += [(*one, *other, 1.5 * thin) for one, other in zip(prior[::2], prior[1::2], strict=False)]  # dashed
        curve = [(x(p), base - height * room) for p, height in mark.points]
        shapes.append(([(curve[0][0], base), *curve, (curve[-1][0], base)], style.colours["subgroup"], ink, thin))
    elif mark.kind == "cloud":
        base, radius = y + room / 2, 0.16 * pitch
        limits = [(x(p), base - height * room) for p, height in mark.limits]
        if limits:
            shapes.append((limits, style.colours["shade"], style.colours["rule"], thin))
        turns = [math.pi * step / 8 for step in range(16)]
        for p, height in mark.points:
            middle, level = x(p), base - height * room
            dot = [(middle + radius * math.cos(turn), level + radius * math.sin(turn)) for turn in turns]
            shapes.append((dot, style.colours["study"], ink, thin))
    return shapes, lines
