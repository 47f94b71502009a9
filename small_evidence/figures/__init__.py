"""Figures of the review: every drawing function returns a Drawing, `render.save_figure` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from small_evidence import ReviewError
from small_evidence.figures.adverse_events import adverse_event_plot
from small_evidence.figures.drawing import Drawing
from small_evidence.figures.evidence_map import evidence_map
from small_evidence.figures.flow import prisma_flow
from small_evidence.figures.forest import forest_plot, scheme_note
from small_evidence.figures.page import TooNarrowError
from small_evidence.figures.preflight import check_file, preflight_frame
from small_evidence.figures.render import save_figure
from small_evidence.figures.risk_of_bias import overall_judgements, risk_of_bias_summary, traffic_light
from small_evidence.figures.sensitivity import (
    cumulative_forest,
    funnel_plot,
    leave_one_out_forest,
    methods_forest,
    posterior_plot,
)
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.summary import summary_forest
from small_evidence.review import save_csv

# stems of files: those of the whole review, and beginnings of those that go on with an analysis
WHOLE = ("summary_forest", "evidence_map", "adverse_events", "prisma_flow", "risk_of_bias", "risk_of_bias_summary")
FOREST = "forest_"
OF_ANALYSIS = (FOREST, "leave_one_out_", "cumulative_", "methods_", "posterior_", "funnel_")


def review_figure(name: str, frames: Mapping[str, pd.DataFrame], config: Mapping, style: Style = SCREEN) -> Drawing:
    """A figure of a review by the stem of its file, such as "summary_forest" or "forest_diltiazem".

    Where it does not fit the width of the style, it is drawn at the next one that the preset offers, as a wide figure
    goes across two columns of a journal.

    Parameters
    ----------
    name : str; one of WHOLE, or one of OF_ANALYSIS and an analysis of results/tables/pooled.csv
    frames : mapping; checked tables and results by name, as `review.read_review` gives them; `judged_items` from
        `appraisal.judged_items` for the wording of the instruments
    config : mapping; the review's choices
    style : Style

    Raises
    ------
    ReviewError: the review has no such figure, or every width of the preset is too narrow for it
    """
    for wider in style.wider_mm:
        try:
            return _drawn(name, frames, config, style)
        except TooNarrowError:
            style = replace(style, width_mm=wider)
    return _drawn(name, frames, config, style)


def _drawn(name: str, frames: Mapping[str, pd.DataFrame], config: Mapping, style: Style) -> Drawing:
    """The figure at the width of the style."""
    if name in WHOLE:
        return _whole_figure(name, frames, config, style)
    kind = next((kind for kind in OF_ANALYSIS if name.startswith(kind)), "")
    analysis = name.removeprefix(kind)
    if not kind or analysis not in set(frames["pooled"]["analysis"]):
        raise ReviewError(
            f"no figure {name}: its name is one of {', '.join(WHOLE)}, or one of {', '.join(OF_ANALYSIS)} and then an "
            "analysis of results/tables/pooled.csv"
        )
    common = {
        "class_labels": config["review"]["class_labels"],
        "reference": config["grading"]["response_threshold"],
        "style": style,
    }
    arms, pooled, studies, therapies = (frames[part] for part in ("arms", "pooled", "studies", "therapies"))
    tests, variants = frames.get("heterogeneity"), frames.get("sensitivity")
    if kind == FOREST:
        needed = (arms, pooled, frames["study_levels"], studies, therapies, frames["diseases"])
        appraised = frames.get("risk_of_bias")
        return forest_plot(
            analysis,
            *needed,
            order=config["figures"]["order"],
            heterogeneity=tests,
            sensitivity=variants,
            risk_of_bias=None if appraised is None else overall_judgements(appraised),
            **common,
        )
    if kind == "leave_one_out_":
        return leave_one_out_forest(analysis, variants, pooled, studies, therapies, **common)
    if kind == "cumulative_":
        return cumulative_forest(analysis, variants, pooled, studies, therapies, **common)
    if kind == "methods_":
        return methods_forest(analysis, variants, pooled, therapies, **common)
    if kind == "funnel_":
        return funnel_plot(analysis, arms, pooled, tests, therapies, **common)
    priors = config["synthesis"]["priors"]
    return posterior_plot(analysis, arms, pooled, variants, therapies, priors=priors, **common)


def _whole_figure(name: str, frames: Mapping[str, pd.DataFrame], config: Mapping, style: Style) -> Drawing:
    therapies, studies = frames["therapies"], frames["studies"]
    if name == "summary_forest":
        return summary_forest(
            frames["pooled"],
            frames["arms"],
            frames["therapy_levels"],
            therapies,
            class_labels=config["review"]["class_labels"],
            sensitivity=frames.get("sensitivity"),
            level_note=scheme_note(frames["study_levels"]),
            reference=config["grading"]["response_threshold"],
            style=style,
        )
    if name == "evidence_map":
        return evidence_map(frames["pooled"], frames["therapy_levels"], therapies, frames["diseases"], style=style)
    if name == "adverse_events":
        conf_level = config["synthesis"]["conf_level"]
        events = frames["adverse_events"]
        return adverse_event_plot(events, studies, frames["responses"], therapies, conf_level=conf_level, style=style)
    if name == "prisma_flow":
        return prisma_flow(frames["screening"], style=style)
    draw = traffic_light if name == "risk_of_bias" else risk_of_bias_summary
    return draw(frames.get("judged_items", frames["risk_of_bias"]), studies, style=style)


def save_review_figures(
    paths: Iterable[str | Path],
    names: Iterable[str],
    frames: Mapping[str, pd.DataFrame],
    config: Mapping,
    style: Style,
    preflight: str | Path | None = None,
    numbers: str | Path | None = None,
    workers: int = 1,
) -> None:
    """Draw each figure once and write it to every path that has its name.

    When all figures of the review are drawn, those made on demand are dropped where their analysis is gone or their
    numbers are older than those of now.

    Parameters
    ----------
    paths : files to write; the stem says which figure, the suffix which format
    names : stems of all figures that the review has
    frames, config, style : as of `review_figure`
    preflight : file for what was checked after drawing, one row a file; none if None
    numbers : file with the results that are drawn, for its age
    workers : int; processes that share the drawing

    Raises
    ------
    ReviewError: a figure cannot be drawn; the message begins with its name
    """
    paths = [Path(path) for path in paths]
    stems = dict.fromkeys(path.stem for path in paths)
    if set(names) <= set(stems):
        _drop_old(paths, set(frames["pooled"]["analysis"]), Path(numbers).stat().st_mtime if numbers else 0.0)
    order = {name: place for place, name in enumerate(stems)}
    shares = [share for share in (list(stems)[start::workers] for start in range(workers)) if share]
    draw = partial(_save_figures, paths=paths, frames=frames, config=config, style=style, check=preflight is not None)
    if len(shares) > 1:
        with ProcessPoolExecutor(len(shares)) as pool:
            rows = [row for found in pool.map(draw, shares) for row in found]
    else:
        rows = [row for share in shares for row in draw(share)]
    if preflight is not None:
        save_csv(preflight_frame(sorted(rows, key=lambda row: order[row["figure"]])), preflight)


def _save_figures(names: list[str], paths: list[Path], frames, config, style: Style, check: bool) -> list[dict]:
    """Draw the named figures and write them to their paths; what was checked of each file."""
    rows = []
    for name in names:
        mine = [path for path in paths if path.stem == name]
        try:
            figure = review_figure(name, frames, config, style)
        except ReviewError as error:
            raise ReviewError(f"figure {name}: {error}") from error
        for path in mine:
            save_figure(figure, path)
        rows += check_file(figure, mine) if check else []
    return rows


def _drop_old(paths: list[Path], analyses: set[str], age: float) -> None:
    """Delete figures beside `paths` of analyses that are gone, and others that were made before `age` (seconds)."""
    for old in (old for folder in {path.parent for path in paths} for old in folder.iterdir()):
        kind = next((kind for kind in OF_ANALYSIS if old.stem.startswith(kind)), "")
        analysis = old.stem.removeprefix(kind)
        if kind and old not in paths and (analysis not in analyses or old.stat().st_mtime < age):
            old.unlink()
