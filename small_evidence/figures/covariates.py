"""Bubble plot: the proportion of each study arm against a numeric covariate, with the regression line of the model."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from small_evidence import ReviewError
from small_evidence.extraction.schema import humanise, nearest
from small_evidence.figures.drawing import Axis, Drawing, Line, Shape, describe
from small_evidence.figures.layout import absent
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import MARGIN, Page, Row, Sheet
from small_evidence.figures.scale import span_of, span_words
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.words import axis_label, count_text
from small_evidence.pooling.heterogeneity import REGRESSION_CODES, predict_regression
from small_evidence.reasons import not_pooled_reason
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.analyses import COVARIATE
from small_evidence.wording import counted, coverage, missing, odds_ratio, per_cent

TALL = 0.5  # height of the plot, as a share of the width of the figure
LARGEST, LEAST = 1.3, 0.25  # radius of a bubble in type sizes
POINTS = 61  # of the line
MARGIN_OF_RANGE = 0.06  # of the range of the covariate, left free at each end
TICKS = 6  # at most, and one
COEFFICIENTS = 2  # intercept and slope


def bubble_plot(review: Review, name: str, style: Style = SCREEN) -> Drawing:
    """Bubble plot of a covariate and an analysis; absent, with the reason, where it is not numeric or not pooled.

    Parameters
    ----------
    review : Review with results
    name : str; covariate and analysis with a hyphen between them, such as "year-drug_a"
    style : Style

    Raises
    ------
    ReviewError: no such covariate or analysis
    """
    covariate, _, analysis = name.partition("-")
    if covariate not in review.covariates:
        near = nearest(covariate, review.covariates)
        names = ", ".join(review.covariates) or "none"
        hint = f"; nearest is {near}" if near else ""
        raise ReviewError(f"{covariate!r} is not a covariate of the config; there are: {names}{hint}")
    one, label = review.analysis(analysis), humanise(covariate)
    title = f"{one.label} by {label[:1].lower()}{label[1:]}"
    values = review.covariates[covariate]
    if not one.pooled:
        return absent(title, f"Not pooled: {not_pooled_reason(one.result, review)}", style)
    if not pd.api.types.is_numeric_dtype(values):
        return absent(title, f"{label} is categorical; its groups are in the table of covariates", style)
    arms = one.entered.assign(**{COVARIATE: one.entered["study_id"].map(values)})
    known = arms[arms[COVARIATE].notna()]
    if known.empty:
        return absent(title, f"No study of this analysis reports {label[:1].lower()}{label[1:]}", style)
    return _drawn(review, one, known, (title, label), style)


def _drawn(review: Review, one: Analysis, arms: pd.DataFrame, words: tuple[str, str], style: Style) -> Drawing:
    title, label = words
    rows = [Row({}, Mark("crude", share)) for share in arms["responders"] / arms["n"]]
    span = span_of(review, rows)
    beyond = sum(not span[0] <= row.mark.estimate <= span[1] for row in rows if row.mark)
    silent = one.entered["study_id"].nunique() - arms["study_id"].nunique()
    notes = [
        "Area of a circle: patients of the arm. Line and shade: binomial-normal model with its "
        f"{coverage(review.conf_level)} confidence interval for the median study.",
        *([f"{counted(silent, 'study', 'studies')} without a value left out."] if silent else []),
        *span_words(span),
        *([f"{counted(beyond, 'study arm')} beyond the axis not drawn."] if beyond else []),
    ]
    statement = _statement(one, label, style)
    page = Page(style, span=span)
    if style.title:
        page.heading(title)
    page.paragraph(axis_label(review), style.size, bold=True)
    line = _line(arms, review.conf_level)
    _plot(page, arms, line)
    page.text(style.width / 2, page.y, label, "center", bold=True)
    page.y += 0.8 * style.size
    page.paragraph(statement, style.size)
    page.closing(Sheet(notes=notes))
    ordered: Any = arms.sort_values(COVARIATE).itertuples()
    described = "; ".join(
        f"{review.labels.study.get(arm.study_id, arm.study_id)} {getattr(arm, COVARIATE):g}: "
        f"{per_cent(arm.responders / arm.n)} of {count_text(arm.n)}"
        for arm in ordered
    )
    return describe(page.drawing(), title, f"{title}. {statement} Per cent of patients: {described}.")


def _line(arms: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """The regression over the range of the covariate; no rows where it has no estimate."""
    at = pd.DataFrame({COVARIATE: np.linspace(arms[COVARIATE].min(), arms[COVARIATE].max(), POINTS)})
    return predict_regression(arms, COVARIATE, at, conf_level).dropna(subset=["estimate", "ci_lb", "ci_ub"])


def _plot(page: Page, arms: pd.DataFrame, line: pd.DataFrame) -> None:
    """Both axes, the shade, the line and the bubbles, the largest first."""
    style, size = page.style, page.style.size
    values = arms[COVARIATE]
    room = MARGIN_OF_RANGE * (values.max() - values.min()) or 1.0
    left, right = MARGIN + 3.2 * size, style.width - MARGIN - LARGEST * size
    top, bottom = page.y + LARGEST * size, page.y + TALL * style.width
    across = Axis(left, right, top, bottom, values.min() - room, values.max() + room)
    up = Axis(bottom, top, left, right, *page.span)
    for tick in up.ticks:
        y = up.x(tick / 100)
        page.line((left, y, right, y), "guides", style.line, style.colours["grid"])
        page.text(left - 4, y + 0.35 * size, f"{tick:g}", "right")
    page.line((left, top, left, bottom), "axis")
    page.line((left, bottom, right, bottom), "axis")
    whole = bool((values % 1 == 0).all())
    for place, words in round_ticks(across.lower, across.upper, least=float(whole)):
        page.line((across.x(place), bottom, across.x(place), bottom + 3), "axis")
        page.text(across.x(place), bottom + 4 + size, words, "center")
    if len(line):
        lower, upper = page.span
        x = [across.x(value) for value in line[COVARIATE]]
        heights = {
            name: [up.x(min(max(p, lower), upper)) for p in line[name]] for name in ("estimate", "ci_lb", "ci_ub")
        }
        shade = (*zip(x, heights["ci_lb"], strict=True), *zip(x[::-1], heights["ci_ub"][::-1], strict=True))
        page.items.append(Shape(tuple(shade), style.colours["shade"], style.colours["rule"], style.line, "bands"))
        ends = list(zip(x, heights["estimate"], strict=True))
        page.items += [
            Line(*one, *other, 2 * style.line, style.colours["pooled"], "lines") for one, other in pairwise(ends)
        ]
    arm: Any
    for arm in arms.sort_values("n", ascending=False).itertuples():
        share = arm.responders / arm.n
        if page.span[0] <= share <= page.span[1]:
            radius = size * max(LEAST, LARGEST * math.sqrt(arm.n / arms["n"].max()))
            _bubble(page, across.x(getattr(arm, COVARIATE)), up.x(share), radius)
    page.y = bottom + 2.8 * size


def _bubble(page: Page, x: float, y: float, radius: float) -> None:
    turns = [math.pi * step / 24 for step in range(48)]
    circle = tuple((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns)
    colours = page.style.colours
    page.items.append(Shape(circle, colours["subgroup"], colours["ink"], page.style.line, "marks"))


def round_ticks(lower: float, upper: float, least: float = 0.0) -> list[tuple[float, str]]:
    """Places of a few round numbers between two ends, with their words.

    Parameters
    ----------
    least : the least distance between two of them, 1 for years and other whole numbers

    >>> round_ticks(1996.4, 2012.6)
    [(2000.0, '2000'), (2005.0, '2005'), (2010.0, '2010')]
    >>> [words for _, words in round_ticks(0.1, 0.9)]
    ['0.2', '0.4', '0.6', '0.8']
    >>> [words for _, words in round_ticks(2008.9, 2011.1, least=1)]
    ['2009', '2010', '2011']
    """
    power = math.floor(math.log10(max((upper - lower) / TICKS, least)))
    step = next(s for factor in (1, 2, 5, 10) if (s := factor * 10.0**power) * TICKS >= upper - lower)
    digits = max(0, -power if step < 10.0 ** (power + 1) else -power - 1)
    places = [number * step for number in range(math.ceil(lower / step), math.floor(upper / step) + 1)]
    return [(place, f"{place:.{digits}f}") for place in places]


def _statement(one: Analysis, label: str, style: Style) -> str:
    """The slope with its test in words, or why there is none."""
    tests = one.tests[one.tests["factor"] == COVARIATE]
    test = tests[tests["covariate"].map(humanise) == label].iloc[0]
    if missing(test["p"]):
        code = "" if missing(test["test_note"]) else test["test_note"]
        reason = REGRESSION_CODES.get(code, code).format(k=int(test["k"]), coefficients=COEFFICIENTS)
        return f"{label}: not tested ({reason or 'not estimable'})."
    ratio = odds_ratio(test["b"], test["ci_lb"], test["ci_ub"])
    return f"{label}, odds ratio for one unit more: {ratio}; {style.ratio_test(test)}."
