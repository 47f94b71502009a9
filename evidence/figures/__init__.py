"""Figures of the review: every drawing function returns a matplotlib Figure, `style.save_figure` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from evidence import ReviewError
from evidence.figures.forest import forest_plot, scheme_note
from evidence.figures.style import SCREEN, Style, save_figure
from evidence.figures.summary import summary_forest

SUMMARY, FOREST = "summary_forest", "forest_"  # stems of files; that of a forest plot goes on with its analysis


def review_figure(name: str, frames: Mapping[str, pd.DataFrame], config: Mapping, style: Style = SCREEN) -> Figure:
    """A figure of a review by the stem of its file, such as "summary_forest" or "forest_diltiazem".

    Parameters
    ----------
    name : str
    frames : mapping; checked tables and results by name, as `review.read_review` gives them
    config : mapping; the review's choices
    style : Style

    Raises
    ------
    ReviewError: the review has no such figure
    """
    labels, line = config["review"]["class_labels"], config["grading"]["reference_line"]
    if name == SUMMARY:
        needed = (frames[part] for part in ("pooled", "arms", "therapy_levels", "therapies"))
        note = scheme_note(frames["study_levels"])
        return summary_forest(*needed, class_labels=labels, level_note=note, reference=line, style=style)
    analysis = name.removeprefix(FOREST)
    if analysis not in set(frames["pooled"]["analysis"]):
        raise ReviewError(
            f"no figure {name}: its name is {SUMMARY}, or {FOREST} and an analysis of results/tables/pooled.csv"
        )
    needed = (frames[part] for part in ("arms", "pooled", "study_levels", "studies", "therapies", "diseases"))
    order = config["figures"]["order"]
    return forest_plot(analysis, *needed, class_labels=labels, order=order, reference=line, style=style)


def save_review_figures(
    paths: Iterable[str | Path], names: Iterable[str], frames: Mapping[str, pd.DataFrame], config: Mapping, style: Style
) -> None:
    """Draw each figure once, write it to every path that has its name, and drop forest plots of analyses that are gone.

    Parameters
    ----------
    paths : files to write; the stem says which figure, the suffix which format
    names : stems of all figures that the review has
    frames, config, style : as of `review_figure`
    """
    paths = [Path(path) for path in paths]
    for name in dict.fromkeys(path.stem for path in paths):
        figure = review_figure(name, frames, config, style)
        for path in paths:
            if path.stem == name:
                save_figure(figure, path, style)
    wanted = {*names, *(path.stem for path in paths)}
    for folder in {path.parent for path in paths}:
        for old in folder.glob(f"{FOREST}*"):
            if old.stem not in wanted:
                old.unlink()
