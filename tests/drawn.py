"""The review that the tests of figures draw, and what stands on a figure."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from small_evidence.config import read_config
from small_evidence.extraction.checks import read_tables
from small_evidence.review import Review
from small_evidence.synthesis.analyses import synthesise

PROJECT = Path(__file__).parents[1]


@cache
def bundled_review():
    """The bundled review with its results."""
    return synthesise(Review(read_tables(PROJECT / "data/raw"), read_config(PROJECT)))


def texts(drawing):
    return [text.words for text in drawing.texts]


def whole_text(drawing):
    return " ".join(texts(drawing))


def text_of(drawing, words):
    return next(text for text in drawing.texts if text.words == words)


def row_of(drawing, words):
    """Texts on the line of a text, from left to right."""
    line = text_of(drawing, words)
    same = [text for text in drawing.texts if abs(text.y - line.y) < 1e-9]
    return [text.words for text in sorted(same, key=lambda text: text.x)]


def marks(drawing, *roles):
    """Vertices of shapes or lines of some roles (all marks if none): per cent on the axis, points from the top."""
    roles = roles or ("squares", "marks")
    shapes = [shape.points for shape in drawing.shapes(*roles)]
    ends = [((line.x0, line.y0), (line.x1, line.y1)) for line in drawing.lines(*roles)]
    return [np.array([(100 * drawing.axis.proportion(x), y) for x, y in points]) for points in [*shapes, *ends]]


def changed(drawing, role="", **values):
    """A drawing whose last item, or last item of a role, is another."""
    place = max(at for at, item in enumerate(drawing.items) if getattr(item, "role", "") == role)
    items = list(drawing.items)
    items[place] = replace(items[place], **values)
    return replace(drawing, items=tuple(items))
