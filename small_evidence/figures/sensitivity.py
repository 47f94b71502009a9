"""How far a pooled result depends on a choice: one study less, year by year, every method, the posterior, the funnel.

The only module that draws the variants of an analysis. An analysis that was not pooled has none of these: its figure is
absent, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import logit, ndtri

from small_evidence.extraction.schema import humanise
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.forest import in_order
from small_evidence.figures.layout import absent, draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.scale import span_note, span_of
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.words import (
    axis_label,
    count_column,
    count_text,
    counts_text,
    estimate_column,
    estimate_text,
    is_estimated,
    model_note,
    threshold_note,
)
from small_evidence.pooling.selection import MIN_ARM_SIZES
from small_evidence.reasons import not_pooled_reason
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.analyses import ARM_SIZE, SMALL_STUDIES
from small_evidence.wording import (
    NOTHING,
    capital,
    counted,
    interval_label,
    measure_label,
    method_label,
    missing,
    per_cent,
    variance,
)

LEAST_FUNNEL = 10  # studies; with fewer the test has too little power (Sterne et al. 2011, BMJ 343:d4002)
BETWEEN_TICKS = 0.15  # of log size, so that the numbers beside the axis stand apart
CURVE = 801  # points of the posterior, so that its line has no corners


def leave_one_out_forest(review: Review, analysis: str, style: Style = SCREEN, *, order: str = "") -> Drawing:
    """Pooled result without each study in turn, in the order of the forest plot, above that of all studies.

    Raises
    ------
    ReviewError: no such analysis
    """
    one = review.analysis(analysis)
    title = f"{one.label}, leave-one-out"
    if not one.pooled:
        return _not_pooled(review, one, title, style)
    places = {
        study: place for place, study in enumerate(dict.fromkeys(in_order(review, one.entered, order)["study_id"]))
    }
    variants = sorted(_variants(one, "leave_one_out"), key=lambda variant: places[variant["change"]])
    named = [(review.labels.study.get(variant["change"]) or variant["change"], variant) for variant in variants]
    return _variants_forest(review, one, title, "Study left out", named, style)


def cumulative_forest(review: Review, analysis: str, style: Style = SCREEN) -> Drawing:
    """Pooled result as it grew with the years, crude while there were too few studies; see `leave_one_out_forest`."""
    one = review.analysis(analysis)
    title = f"{one.label}, cumulative by year"
    if not one.pooled:
        return _not_pooled(review, one, title, style)
    named = [(str(variant["change"]) or "Year not reported", variant) for variant in _variants(one, "cumulative")]
    return _variants_forest(review, one, title, "Studies up to", named, style)


def arm_sizes_forest(review: Review, analysis: str, style: Style = SCREEN) -> Drawing:
    """Pooled result by the least number of patients of an arm; see `leave_one_out_forest`.

    A size that takes in the same arms as the primary analysis has its result.
    """
    one = review.analysis(analysis)
    title = f"{one.label}, by least size of an arm"
    if not one.pooled:
        return _not_pooled(review, one, title, style)
    changed = {int(variant["change"]): variant for variant in _variants(one, ARM_SIZE)}
    primary: dict[Hashable, Any] = dict(one.result.items())
    named = [(f"{size} or more", changed.get(size, primary)) for size in MIN_ARM_SIZES]
    last = f"Primary analysis, {review.policy['min_arm_size']} or more"
    return _variants_forest(review, one, title, "Arms of", named, style, last=last)


def _variants(one: Analysis, variant: str) -> list[dict[Hashable, Any]]:
    return one.variants[one.variants["variant"] == variant].to_dict("records")


def _variants_forest(
    review: Review,
    one: Analysis,
    title: str,
    head: str,
    named: list[tuple[str, dict[Hashable, Any]]],
    style: Style,
    *,
    last: str = "All studies",
) -> Drawing:
    """A row a variant, and the primary analysis under the name `last`."""
    rows = []
    for name, variant in named:
        cells = {"change": name, "k": f"{variant['k']:.0f}", "count": counts_text(variant["events"], variant["n"])}
        rows.append(_variant_row(cells, variant, style))
    values = one.estimate
    cells = {"change": last, "k": f"{one.result['k']:.0f}", "estimate": estimate_text(*values, style)}
    cells["count"] = counts_text(one.result["events"], one.result["n"])
    rows.append(Row(cells, Mark("pooled", *values), bold=True, gap=0.25, rule=True))
    columns = [
        Column("change", head),
        Column("k", "Studies", "right", spare=2),
        replace(count_column(review, style), spare=1),
        Column(AXIS),
        estimate_column(review, style),
    ]
    return _beside_primary(review, one, title, columns, rows, style)


def _beside_primary(
    review: Review, one: Analysis, title: str, columns: list[Column], rows: list[Row], style: Style, *, note: str = ""
) -> Drawing:
    """Rows drawn on the band of the primary analysis, with its model named below."""
    span = span_of(review, rows)
    sheet = Sheet(
        title=title,
        axis_label=axis_label(review),
        span=span,
        reference=review.response_threshold,
        centre=float(one.result["estimate"]),
        band=_band(one.result),
        keys=_keys(rows, one.result),
        notes=[f"{_primary_note(review, one)} {note}".rstrip(), *span_note(span, rows)],
    )
    return describe(draw_sheet(columns, rows, sheet, style), title, _words(title, rows, columns[0].key))


def methods_forest(review: Review, analysis: str, style: Style = SCREEN) -> Drawing:
    """One analysis by every method; the interval of the primary one is a band behind all. See leave_one_out_forest."""
    one = review.analysis(analysis)
    title = f"{one.label}, by every method"
    if not one.pooled:
        return _not_pooled(review, one, title, style)
    groups: dict[str, list[dict[Hashable, Any]]] = {}
    for variant in _variants(one, "method"):
        groups.setdefault(variant["method"], []).append(variant)
    rows: list[Row] = []
    for method, variants in groups.items():
        rows.append(Row({"method": capital(method_label(method))}, bold=True, span="tau2", gap=0.2 if rows else 0.0))
        for variant in variants:
            primary = (method, variant["interval"]) == (one.result["method"], one.result["interval"])
            cells = {"method": _method_words(variant) + " (primary)" * primary}
            cells["tau2"] = NOTHING if missing(variant["tau2"]) else variance(variant["tau2"])
            row = _variant_row(cells, variant, style)
            row.indent = 1.2
            if primary and row.mark:
                row.mark.kind, row.bold = "pooled", True
            rows.append(row)
    columns = [
        Column("method", "Method"),
        Column("tau2", "τ²", "right", spare=1),
        Column(AXIS),
        estimate_column(review, style),
    ]
    note = (
        "τ² is on the scale of the measure and is compared within one measure only. DL, DerSimonian-Laird; PM, "
        "Paule-Mandel; REML, restricted maximum likelihood; ML, maximum likelihood; EB, empirical Bayes; HE, Hedges; "
        "SJ, Sidik-Jonkman."
    )
    return _beside_primary(review, one, title, columns, rows, style, note=note)


def _method_words(variant: Mapping[Any, Any]) -> str:
    """Measure, estimator of τ² and interval of a method."""
    words = [] if missing(variant["measure"]) else [measure_label(variant["measure"], short=True)]
    words += [] if missing(variant["tau2_method"]) or variant["method"] == "fixed" else [variant["tau2_method"]]
    return capital(", ".join([*words, interval_label(variant["interval"], short=True)]))


def posterior_plot(review: Review, analysis: str, style: Style = SCREEN) -> Drawing:
    """Posterior density of the Bayesian analysis with its prior, above the intervals that are read from it."""
    one = review.analysis(analysis)
    title, result = f"{one.label}, Bayesian analysis", one.result
    if not one.pooled:
        return _not_pooled(review, one, title, style)
    priors = review.policy["priors"]
    rows = [_density_row(one, priors)]
    level = f"{review.conf_level:.0%}"
    bayes = [variant for variant in _variants(one, "method") if variant["method"] == "bayes"]
    for variant in bayes[:1]:
        row = _variant_row({"what": f"Posterior median, {level} credible interval"}, variant, style)
        row.bold = True
        if row.mark:
            row.mark.kind = "pooled"
        rows.append(row)
        if not missing(variant["pi_lb"]):
            bounds = variant["pi_lb"], variant["pi_ub"]
            cells = {"what": f"{level} prediction interval", "estimate": style.percent_interval(*bounds)}
            rows.append(Row(cells, Mark("prediction", sum(bounds) / 2, *bounds)))
    if result["method"] != "bayes":
        cells = {"what": "Primary analysis", "estimate": estimate_text(*one.estimate, style)}
        rows.append(Row(cells, Mark("variant", *one.estimate)))
    values = result["crude"], result["crude_ci_lb"], result["crude_ci_ub"]
    cells = {"what": f"Crude, {counts_text(result['events'], result['n'])}", "estimate": estimate_text(*values, style)}
    rows.append(Row(cells, Mark("crude", *values)))
    bracket = f"({level} interval)" if style.interval == "parentheses" else f"[{level} interval]"
    columns = [Column("what", "Median study"), Column(AXIS), Column("estimate", f"% {bracket}", "right")]
    span = span_of(review, rows[1:])
    notes = [
        f"Priors on the log odds scale: b normal with mean 0 and standard deviation {priors['b_sd']:g}; τ half-normal "
        f"with scale {priors['tau_scale']:g}. By deterministic quadrature, no sampling. {_primary_note(review, one)}",
        *span_note(span, rows[1:]),
    ]
    sheet = Sheet(
        title=title, axis_label=axis_label(review), span=span, reference=review.response_threshold, notes=notes
    )
    return describe(draw_sheet(columns, rows, sheet, style), title, _words(title, rows[1:], "what"))


def _density_row(one: Analysis, priors: Mapping[str, float]) -> Row:
    """Density of the median proportion after the data, and before them."""
    from small_evidence.pooling.bayes import posterior  # no other figure needs what it loads

    curve = posterior(one.entered["responders"], one.entered["n"], dict(priors), points=CURVE)
    p, b_sd = curve["p"].to_numpy(), priors["b_sd"]
    prior = np.exp(-0.5 * (logit(p) / b_sd) ** 2) / (math.sqrt(2 * math.pi) * b_sd) / (p * (1 - p))
    top = max(curve["density"].max(), prior.max())
    points = tuple(zip(p, curve["density"] / top, strict=True))
    highest = float(p[np.argmax(curve["density"])])
    mark = Mark("density", highest, points=points, limits=_even(p, prior / top))
    return Row({"what": "Posterior density (filled) and prior (dashed)"}, mark, height=8)


def _even(x: np.ndarray, y: np.ndarray, points: int = 160) -> tuple[tuple[float, float], ...]:
    """Points at equal distances along a curve, so that its dashes are all of one length."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y) / 2))])
    steps = np.linspace(0, way[-1], points)
    return tuple(zip(np.interp(steps, way, x), np.interp(steps, way, y), strict=True))


def funnel_plot(review: Review, analysis: str, style: Style = SCREEN) -> Drawing:
    """Proportions against the size of the studies, from ten studies on; with fewer, the reason why there is no plot.

    Notes
    -----
    Size stands on the axis and not the standard error, which depends on the proportion itself and would make a slope
    where there is none.
    """
    one = review.analysis(analysis)
    title, entered = f"{one.label}, small-study effects", one.entered
    if not one.pooled:
        return _not_pooled(review, one, title, style)
    if len(entered) < LEAST_FUNNEL:
        return absent(title, f"No funnel plot: {counted(len(entered), 'study arm')}, {LEAST_FUNNEL} needed", style)
    statement = _small_study_test(one, style)
    sheet = Sheet(
        title=title,
        axis_label=axis_label(review),
        reference=review.response_threshold,
        centre=float(one.result["estimate"]),
        widest=0.8,
        statements=[statement],
        keys=[
            ("cloud", f"study arm ({len(entered)})"),
            ("band", f"{review.conf_level:.0%} of studies of that size, if they differed by chance alone"),
        ],
        notes=[
            "Height: patients of the arm, on a logarithmic scale. Dotted line: pooled value. The shaded range is a "
            f"normal approximation. {threshold_note(review)}"
        ],
    )
    sizes = f"{count_text(entered['n'].min())} to {count_text(entered['n'].max())} patients"
    words = f"{title}. {len(entered)} study arms of {sizes}. {statement}"
    columns = [Column("n", "Patients"), Column(AXIS)]
    row = Row({}, _cloud(one, review.conf_level), height=18)
    return describe(draw_sheet(columns, [row], sheet, style), title, words)


def _cloud(one: Analysis, conf_level: float) -> Mark:
    """Points of the arms by their size, and the range of chance around the pooled value."""
    n, middle = one.entered["n"], float(one.result["estimate"])
    low, high = math.log(n.min()) - 0.15, math.log(n.max()) + 0.15

    def height(size: Any) -> Any:  # a number or an array of them
        return (np.log(size) - low) / (high - low)

    sizes = np.exp(np.linspace(low, high, 40))
    reach = ndtri((1 + conf_level) / 2) * np.sqrt(middle * (1 - middle) / sizes)
    lower, upper = np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)
    round_numbers = [size for power in range(8) for size in (10**power, 2 * 10**power, 5 * 10**power)]
    ends = {n.min(), n.max()}
    apart = [size for size in round_numbers if all(abs(math.log(size / end)) > BETWEEN_TICKS for end in ends)]
    inside = sorted(ends | {size for size in apart if n.min() < size < n.max()})
    return Mark(
        "cloud",
        middle,
        points=tuple(zip(one.entered["responders"] / n, height(n), strict=True)),
        limits=(*zip(lower, height(sizes), strict=True), *zip(upper[::-1], height(sizes)[::-1], strict=True)),
        scale=tuple((float(height(size)), count_text(size)) for size in inside),
    )


def _small_study_test(one: Analysis, style: Style) -> str:
    found = one.tests[one.tests["factor"] == SMALL_STUDIES] if len(one.tests) else one.tests
    if not len(found):
        return "Small-study effects: not tested."
    test = found.iloc[0]
    if missing(test["chi2"]):
        return f"Small-study effects: not tested ({test['test_note']})."
    return f"Small-study effects, log odds against 1/n: {style.ratio_test(test)}."


def _not_pooled(review: Review, one: Analysis, title: str, style: Style) -> Drawing:
    return absent(title, f"Not pooled: {not_pooled_reason(one.result, review)}", style)


def _variant_row(cells: dict[str, str], variant: Mapping[Any, Any], style: Style) -> Row:
    """Pooled where it was, else crude; words in place of a mark where there is no estimate."""
    if variant["pooled"] != "yes" and missing(variant["crude"]):
        return Row(cells, note="no study arm is left")
    if variant["pooled"] != "yes":
        values = variant["crude"], variant["crude_ci_lb"], variant["crude_ci_ub"]
        return Row(cells | {"estimate": estimate_text(*values, style)}, Mark("crude", *values))
    if not is_estimated(variant):
        return Row(cells, note=f"no estimate ({humanise(str(variant['status'])).lower()})")
    if missing(variant["ci_lb"]):
        return Row(cells | {"estimate": per_cent(variant["estimate"])}, note="no interval")
    values = variant["estimate"], variant["ci_lb"], variant["ci_ub"]
    return Row(cells | {"estimate": estimate_text(*values, style)}, Mark("variant", *values))


def _band(result: Mapping[str, Any]) -> tuple[float, float] | None:
    return None if missing(result["ci_lb"]) else (float(result["ci_lb"]), float(result["ci_ub"]))


def _keys(rows: list[Row], result: Mapping[str, Any]) -> list[tuple[str, str]]:
    level = f"{result['conf_level']:.0%}"
    words = {
        "variant": f"pooled, {level} CI",
        "crude": f"too few to pool: crude, exact {level} CI",
        "pooled": f"primary analysis, {level} CI",
    }
    drawn = {row.mark.kind for row in rows if row.mark}
    keys = [(kind, text) for kind, text in words.items() if kind in drawn]
    return [*keys, ("band", "interval of the primary analysis")] if _band(result) else keys


def _primary_note(review: Review, one: Analysis) -> str:
    return f"Primary analysis: {model_note(one.result)} {threshold_note(review)}"


def _words(title: str, rows: list[Row], first: str) -> str:
    """The figure in words, for readers who cannot see it."""
    values = [f"{row.cells[first]} {row.cells['estimate']}" for row in rows if "estimate" in row.cells]
    return f"{title}. Per cent with interval: {'; '.join(values)}."
