"""The review that the tests of figures draw, and what stands on a figure."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from small_evidence.appraisal.levels import read_schemes
from small_evidence.extraction.checks import read_tables
from small_evidence.review import read_config
from tests.policy import results_of

PROJECT = Path(__file__).parents[1]


@cache
def bundled_review():
    """Frames of the bundled review and its config."""
    config, data = read_config(PROJECT), read_tables(PROJECT / "data/raw")
    standard = read_schemes(PROJECT / "workflow/standards/levels.yaml")
    line = config["grading"]["response_threshold"]
    return data | results_of(data, standard, policy=config["synthesis"], line=line), config


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


def marks(drawing, role="marks"):
    """Vertices of the shapes or lines of one role on the axis: per cent, points from the top."""
    shapes = [shape.points for shape in drawing.shapes(role)]
    ends = [((line.x0, line.y0), (line.x1, line.y1)) for line in drawing.lines(role)]
    return [np.array([(100 * drawing.axis.proportion(x), y) for x, y in points]) for points in [*shapes, *ends]]


def changed(drawing, role="", **values):
    """A drawing whose last item, or last item of a role, is another."""
    place = max(at for at, item in enumerate(drawing.items) if getattr(item, "role", "") == role)
    items = list(drawing.items)
    items[place] = replace(items[place], **values)
    return replace(drawing, items=tuple(items))
