"""A drawing as a matplotlib Figure, to be changed in a notebook, and the EPS that matplotlib writes of it."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.transforms import Affine2D

from small_evidence.figures.drawing import Drawing, Line, Text
from small_evidence.figures.fonts import families

# What a user's own matplotlibrc must not change in our files.
PLAIN: Any = {
    "ps.fonttype": 3,
    "savefig.bbox": None,
    "path.simplify": False,
    "path.sketch": None,
    "text.hinting": "none",
}


def matplotlib_figure(drawing: Drawing) -> Figure:
    """Draw the same texts, lines and shapes with matplotlib.

    Returns
    -------
    Figure; where the drawing has an axis, with one Axes over it, in per cent, y in points downwards, for what a
    notebook adds
    """
    width, height = drawing.width, drawing.height
    look: dict[str, Any]
    figure = Figure(figsize=(width / 72, height / 72), dpi=drawing.style.png_dpi, facecolor="white")
    points = Affine2D().scale(1, -1).translate(0, height).scale(1 / 72) + figure.dpi_scale_trans
    names = families(drawing.style.font)
    for order, item in enumerate(drawing.items):
        if isinstance(item, Text):
            font = FontProperties(family=list(names), weight="bold" if item.bold else "normal", size=item.size)
            look = {"ha": item.align, "va": "baseline", "zorder": order, "gid": "texts"}
            words = figure.text(
                item.x / width, 1 - item.y / height, item.words, fontproperties=font, color=item.colour, **look
            )
            words.set_parse_math(False)
        elif isinstance(item, Line):
            style = (0, [length / item.width for length in item.dash]) if item.dash else "-"
            x, y = (item.x0, item.x1), (item.y0, item.y1)
            look = {"color": item.colour, "linewidth": item.width, "linestyle": style, "dash_capstyle": "butt"}
            figure.add_artist(
                Line2D(x, y, solid_capstyle="butt", transform=points, zorder=order, gid=item.role, **look)
            )
        else:
            look = {"facecolor": item.face, "edgecolor": item.edge, "linewidth": item.width, "joinstyle": "round"}
            polygon = Polygon(item.points, closed=True, transform=points, zorder=order, gid=item.role, **look)
            if item.hatch:
                polygon.set(hatch="//////", hatchcolor=item.hatch, hatch_linewidth=item.width)
            figure.add_artist(polygon)
    if drawing.axis:
        axis = drawing.axis
        wide, high = axis.right - axis.left, axis.bottom - axis.top
        place = (axis.left / width, (height - axis.bottom) / height, wide / width, high / height)
        axes = figure.add_axes(place)
        axes.set(xlim=(100 * axis.lower, 100 * axis.upper), ylim=(axis.bottom - axis.top, 0))
        axes.set_axis_off()
    figure.set_label(drawing.title)
    return figure


def eps(drawing: Drawing) -> bytes:
    """The drawing as EPS without a date.

    Fonts are embedded as Type 3: as TrueType, matplotlib takes 10 s for each figure.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context(PLAIN):
        matplotlib_figure(drawing).savefig(buffer, format="eps")
    return re.sub(rb"%%CreationDate:[^\n]*\n", b"", buffer.getvalue())
