"""Figures of a review: every drawing function takes a `Review` and returns a `Drawing`; `save_figure` writes it.

The registries name the figures: those of the whole review, and those of one analysis, whose names go on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pandas.api.types import is_numeric_dtype

from small_evidence import ReviewError
from small_evidence.extraction.schema import nearest
from small_evidence.figures.adverse_events import adverse_event_plot
from small_evidence.figures.comparison import comparison_names, comparison_plot
from small_evidence.figures.covariates import bubble_plot
from small_evidence.figures.drawing import Drawing
from small_evidence.figures.evidence_map import evidence_map
from small_evidence.figures.flow import prisma_flow
from small_evidence.figures.forest import forest_plot
from small_evidence.figures.page import TooNarrowError
from small_evidence.figures.preflight import absent_row, check_file, preflight_frame, read_preflight
from small_evidence.figures.render import content_of_files, save_figure
from small_evidence.figures.risk_of_bias import risk_of_bias_summary, traffic_light
from small_evidence.figures.sensitivity import (
    arm_sizes_forest,
    cumulative_forest,
    funnel_plot,
    leave_one_out_forest,
    methods_forest,
    posterior_plot,
)
from small_evidence.figures.style import SCREEN, Style, named_style
from small_evidence.figures.summary import summary_forest
from small_evidence.made import Made
from small_evidence.names import forest_names
from small_evidence.review import Review, save_csv
from small_evidence.saving import at_once, delete

WHOLE: Mapping[str, Callable[[Review, Style], Drawing]] = {
    "summary_forest": summary_forest,
    "evidence_map": evidence_map,
    "adverse_events": adverse_event_plot,
    "prisma_flow": prisma_flow,
    "risk_of_bias": traffic_light,
    "risk_of_bias_summary": risk_of_bias_summary,
}
ON_DEMAND = ("risk_of_bias_summary",)
FOREST = "forest_"
OF_ANALYSIS: Mapping[str, Callable[[Review, str, Style], Drawing]] = {
    FOREST: forest_plot,
    "leave_one_out_": leave_one_out_forest,
    "cumulative_": cumulative_forest,
    "methods_": methods_forest,
    "arm_sizes_": arm_sizes_forest,
    "posterior_": posterior_plot,
    "funnel_": funnel_plot,
}
COMPARISON = "comparison_"  # then therapy, a hyphen and comparator; and -rr or -rd where it is not of the odds ratio
BUBBLE = "bubble_"  # then a covariate, a hyphen and an analysis


def review_figure(review: Review, name: str, style: Style = SCREEN) -> Drawing:
    """A figure of a review by the stem of its file, such as "summary_forest" or "forest_drug_a".

    Where it does not fit the width of the style, it is drawn at the next one that the preset offers, as a wide figure
    goes across two columns of a journal.

    Parameters
    ----------
    review : Review with results
    name : str; a key of WHOLE, or a key of OF_ANALYSIS and the name of an analysis, or BUBBLE, a covariate, a hyphen
        and the name of an analysis, or COMPARISON and a name of `comparison_plot`
    style : Style

    Raises
    ------
    ReviewError: the review has no such figure, or every width of the preset is too narrow for it
    """
    draw = _drawer(review, name)
    for wider in style.wider_mm:
        try:
            return draw(style)
        except TooNarrowError:
            style = replace(style, width_mm=wider)
    return draw(style)


def _drawer(review: Review, name: str) -> Callable[[Style], Drawing]:
    """What draws the figure of that name."""
    if name in WHOLE:
        return partial(WHOLE[name], review)
    if name.startswith(COMPARISON):
        return partial(comparison_plot, review, name.removeprefix(COMPARISON))
    if name.startswith(BUBBLE):
        return partial(bubble_plot, review, name.removeprefix(BUBBLE))
    kind, analysis = kind_of(name)
    if analysis not in review.analyses:
        near = nearest(name, [*WHOLE, *(f"{kind}{analysis}" for kind in OF_ANALYSIS for analysis in review.analyses)])
        raise ReviewError(
            f"no such figure{f'; nearest is {near}' if near else ''}. Names are {', '.join(WHOLE)}; "
            f"{', '.join(OF_ANALYSIS)} followed by an analysis of results/tables/pooled.csv; {BUBBLE} followed by a "
            f"covariate, a hyphen and an analysis; {COMPARISON} followed by two therapies of "
            "results/tables/comparisons.csv with a hyphen between them"
        )
    return partial(OF_ANALYSIS[kind], review, analysis)


def kind_of(name: str) -> tuple[str, str]:
    """The kind of a figure of one analysis and its analysis; both empty where the name is not of that form.

    >>> kind_of("leave_one_out_drug_a"), kind_of("summary_forest")
    (('leave_one_out_', 'drug_a'), ('', ''))
    """
    kind = next((kind for kind in OF_ANALYSIS if name.startswith(kind)), "")
    return kind, name.removeprefix(kind) if kind else ""


def figure_names(review: Review) -> list[str]:
    """Figures that a run draws: of the whole review, and for each therapy or class offered for pooling a forest plot.

    After them a bubble plot of each numeric covariate for those that are pooled, and the odds ratio of each pair of
    therapies that are compared within studies.
    """
    responses, therapies = (review[table].to_dict("records") for table in ("responses", "therapies"))
    analyses = forest_names(responses, therapies, review.policy["classes_not_combined"])
    whole = [name for name in WHOLE if name not in ON_DEMAND]
    known = [name for name in analyses if name in review.analyses]
    bubbles = [name for analysis in known for name in bubble_names(review, analysis)]
    comparisons = [f"{COMPARISON}{name}" for name in comparison_names(review)]
    return [*whole, *(f"{FOREST}{name}" for name in known), *bubbles, *comparisons]


def bubble_names(review: Review, analysis: str) -> list[str]:
    """Bubble plots of a pooled analysis, one a numeric covariate."""
    if not review.analysis(analysis).pooled:
        return []
    numeric = [name for name, values in review.covariates.items() if is_numeric_dtype(values)]
    return [f"{BUBBLE}{name}-{analysis}" for name in numeric]


def draw_figures(review: Review, preflight: str | Path, style: Style | None = None) -> None:
    """Draw the figures of a run beside `preflight`, which lists and checks them; what did not change keeps its file.

    A figure that has nothing to show is not written; its row says why. Files of the last run whose figure is gone are
    deleted.

    Parameters
    ----------
    review : Review with results
    preflight : file to write; the figures stand beside it
    style : Style; that of the config if None

    Raises
    ------
    ReviewError: a figure cannot be drawn; the message begins with its name
    """
    preflight, style = Path(preflight), style or style_of(review)
    formats = review.config["figures"]["formats"]
    before = read_preflight(preflight)
    rows = []
    with at_once():
        for name in figure_names(review):
            drawing = _drawn(review, name, style)
            paths = [preflight.with_name(f"{name}.{ending}") for ending in formats]
            rows += [absent_row(name, drawing)] if drawing.absent else _written(drawing, paths, before)
        for name in before.keys() - {row["file"] for row in rows}:
            delete(preflight.with_name(name))
        save_csv(preflight_frame(rows), preflight)


def save_review_figure(review: Review, path: str | Path, style: Style | None = None) -> None:
    """Draw one figure; the stem of the path says which, its ending the format.

    Raises
    ------
    ReviewError: there is no such figure, or it cannot be drawn; the message begins with its name
    """
    save_figure(_drawn(review, Path(path).stem, style or style_of(review)), path)


def style_of(review: Review) -> Style:
    """The style of the preset that the config names."""
    return named_style(review.standards.journals, review.config["figures"]["preset"])


def _drawn(review: Review, name: str, style: Style) -> Drawing:
    try:
        return review_figure(review, name, style)
    except ReviewError as error:
        raise ReviewError(f"figure {name}: {error}") from error


def _written(drawing: Drawing, paths: list[Path], before: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write a drawing to the paths where it is not yet; what was checked of each file."""
    content = content_of_files(drawing)
    old = {path: before[path.name] for path in paths if _is_that(path, before.get(path.name, {}), content)}
    new = [path for path in paths if path not in old]
    for path in new:
        save_figure(drawing, path)
    checked = {row["format"]: row for row in check_file(drawing, new)} if new else {}
    rows = [old.get(path) or checked[path.suffix[1:]] for path in paths]
    return [{**row, "content": content} for row in rows]


def _is_that(path: Path, row: Mapping[str, Any], content: str) -> bool:
    """Whether a file is the one of its row in the last preflight, made of the same content."""
    return row.get("content") == content and Made(content, row["sha256"]).is_still(path)
