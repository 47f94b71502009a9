"""The review that the tests of figures draw, and what stands on a figure."""

from functools import cache
from pathlib import Path

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


def texts(figure):
    return [item.get_text() for item in figure.texts]


def whole_text(figure):
    return " ".join(texts(figure))


def row_of(figure, text):
    """Texts on the line of a text, from left to right."""
    line = next(item for item in figure.texts if item.get_text() == text)
    same = [item for item in figure.texts if abs(item.get_position()[1] - line.get_position()[1]) < 1e-9]
    return [item.get_text() for item in sorted(same, key=lambda item: item.get_position()[0])]


def marks(figure, gid="marks"):
    """Vertices on the axis, per cent and points, of the shapes or lines of one kind."""
    (axes,) = figure.axes
    found = next(item for item in axes.collections if item.get_gid() == gid)
    return [path.vertices for path in found.get_paths()]
