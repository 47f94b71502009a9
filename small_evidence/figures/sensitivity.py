"""What a pooled result hangs on, drawn: one study less, year by year, every method, the posterior, the funnel.

The only module that draws `results/tables/sensitivity.csv`. An analysis that was not pooled has none of these: its
figure says so, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import logit, ndtri

from small_evidence import ReviewError
from small_evidence.extraction.schema import ALL, humanise
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.forest import AXIS_LABEL, counts_text, estimate_text
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.pooling.bayes import posterior
from small_evidence.wording import (
    NOTHING,
    class_label,
    interval_label,
    labels_of,
    measure_label,
    method_label,
    missing,
    variance,
)

LEAST_FUNNEL = 10  # studies; with fewer the test has too little power (Sterne et al. 2011, BMJ 343:d4002)
METHOD_GROUPS = {
    "crude": "Summed counts",
    "glmm": "Binomial-normal model, maximum likelihood",
    "beta_binomial": "Beta-binomial model, maximum likelihood",
    "bayes": "Bayesian binomial-normal model",
    "fixed": "Inverse variance, common effect",
    "inverse_variance": "Inverse variance, random effects",
}


def leave_one_out_forest(analysis: str, sensitivity, pooled, studies, therapies, **options) -> Drawing:
    """Pooled result without each study in turn, above that of all studies.

    Parameters
    ----------
    analysis : str; a row of `pooled`
    sensitivity, pooled : DataFrame; from `synthesis.sensitivity` and `synthesis.pool_arms`
    studies, therapies : DataFrame; checked extraction tables, for the labels
    options : class_labels, reference (proportion with a light line), style

    Raises
    ------
    ReviewError: no such analysis
    """
    labels = labels_of(studies, "study_id")
    return _variants_forest(
        analysis,
        sensitivity[sensitivity["variant"] == "leave one out"],
        pooled,
        therapies,
        what="without one study at a time",
        header="Study left out",
        name=lambda variant: labels.get(variant.change) or variant.change,
        **options,
    )


def cumulative_forest(analysis: str, sensitivity, pooled, studies, therapies, **options) -> Drawing:
    """Pooled result as it grew with the years, crude while there were too few studies; see `leave_one_out_forest`."""
    years = [name[:1].upper() + name[1:] for name in sensitivity["change"].fillna("").astype(str)]
    sensitivity = sensitivity.assign(change=years)
    return _variants_forest(
        analysis,
        sensitivity[sensitivity["variant"] == "cumulative"],
        pooled,
        therapies,
        what="as it grew with the years",
        header="Studies up to",
        name=lambda variant: variant.change,
        **options,
    )


def _variants_forest(
    analysis: str,
    variants: pd.DataFrame,
    pooled: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    what: str,
    header: str,
    name,
    class_labels: Mapping[str, str] | None = None,
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Drawing:
    result, label = _result(analysis, pooled, therapies, class_labels)
    title = f"{label}, {what}"
    if result["pooled"] != "yes":
        return _not_pooled(title, result, style)
    rows = []
    for variant in variants[variants["analysis"] == analysis].itertuples():
        cells = {"change": name(variant), "k": f"{variant.k:.0f}", "count": counts_text(variant.events, variant.n)}
        rows.append(_variant_row(cells, variant, "change", style))
    cells = {"change": "All studies", "k": f"{result['k']:.0f}", "count": counts_text(result["events"], result["n"])}
    cells["estimate"] = estimate_text(result["estimate"], result["ci_lb"], result["ci_ub"], style)
    mark = Mark("pooled", result["estimate"], result["ci_lb"], result["ci_ub"])
    rows.append(Row(cells, mark, bold=True, gap=0.25, rule=True))
    columns = [
        Column("change", header),
        Column("k", "Studies", "right", spare=1),
        Column("count", "Responders/n", "right", narrow="Responders\nof n"),
        Column(AXIS),
        Column("estimate", _header(result, style), "right"),
    ]
    return _beside_primary(title, columns, rows, result, reference, style)


def _beside_primary(title, columns, rows, result, reference: float, style: Style, note: str = "") -> Drawing:
    """Rows drawn on the band of the primary analysis, with its model named below."""
    sheet = Sheet(
        title=title,
        axis_label=AXIS_LABEL,
        reference=reference,
        centre=float(result["estimate"]),
        band=_band(result),
        keys=_keys(rows, result),
        notes=[f"{_model_note(result, reference)} {note}".rstrip()],
    )
    return describe(draw_sheet(columns, rows, sheet, style), title, _words(title, rows, columns[0].key))


def methods_forest(
    analysis: str,
    sensitivity: pd.DataFrame,
    pooled: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    class_labels: Mapping[str, str] | None = None,
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Drawing:
    """One analysis by every method; the interval of the primary one is a band behind all. See leave_one_out_forest."""
    result, label = _result(analysis, pooled, therapies, class_labels)
    title = f"{label}, by every method"
    if result["pooled"] != "yes":
        return _not_pooled(title, result, style)
    own = sensitivity[(sensitivity["analysis"] == analysis) & (sensitivity["variant"] == "method")]
    rows: list[Row] = []
    for method, group in own.groupby("method", sort=False):
        rows.append(Row({"method": METHOD_GROUPS.get(method, humanise(method))}, bold=True, span="tau2", gap=0.2))
        for variant in group.itertuples():
            words = [measure_label(variant.measure, short=True)] if not missing(variant.measure) else []
            words += [] if missing(variant.tau2_method) or method == "fixed" else [variant.tau2_method]
            words += [interval_label(variant.interval, short=True)]
            tau2 = NOTHING if missing(variant.tau2) else variance(variant.tau2)
            primary = (method, variant.interval) == (result["method"], result["interval"])
            text = ", ".join(words)
            cells = {"method": text[:1].upper() + text[1:] + (" (primary)" if primary else ""), "tau2": tau2}
            row = _variant_row(cells, variant, "method", style)
            row.indent = 1.2
            if primary and row.mark:
                row.mark.kind, row.bold = "pooled", True
            rows.append(row)
    rows[0].gap = 0.0
    columns = [
        Column("method", "Method and interval"),
        Column("tau2", "τ²", "right", spare=1),
        Column(AXIS),
        Column("estimate", _header(result, style), "right"),
    ]
    note = (
        "τ² is on the scale of the measure, so that it is compared within one measure only. DL, DerSimonian-Laird; PM, "
        "Paule-Mandel; REML, restricted maximum likelihood; ML, maximum likelihood; EB, empirical Bayes; HE, Hedges; "
        "SJ, Sidik-Jonkman."
    )
    return _beside_primary(title, columns, rows, result, reference, style, note)


def posterior_plot(
    analysis: str,
    arms: pd.DataFrame,
    pooled: pd.DataFrame,
    sensitivity: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    priors: Mapping[str, float] | None = None,
    class_labels: Mapping[str, str] | None = None,
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Drawing:
    """Posterior density of the Bayesian analysis with its prior, above the intervals that are read from it.

    Parameters
    ----------
    arms : DataFrame from `synthesis.select_arms`; those that entered are pooled
    priors : mapping; b_sd and tau_scale on the log odds scale, those of the config
    others : as of `leave_one_out_forest`
    """
    result, label = _result(analysis, pooled, therapies, class_labels)
    title = f"{label}, Bayesian analysis"
    if result["pooled"] != "yes":
        return _not_pooled(title, result, style)
    entered = arms[(arms["analysis"] == analysis) & (arms["entered"] == "yes")]
    priors = dict(priors or {"b_sd": 2.5, "tau_scale": 1.0})
    curve = posterior(entered["responders"], entered["n"], priors, points=199)
    p = curve["p"].to_numpy()
    prior = np.exp(-0.5 * (logit(p) / priors["b_sd"]) ** 2) / (math.sqrt(2 * math.pi) * priors["b_sd"]) / (p * (1 - p))
    top = max(curve["density"].max(), prior.max())
    points = tuple(zip(p, curve["density"] / top, strict=True))
    rows = [
        Row(
            {"what": "Posterior density (filled) and prior (dashed)"},
            Mark("density", 0.5, points=points, limits=_even(p, prior / top)),
            height=8,
        )
    ]
    bayes = sensitivity[(sensitivity["analysis"] == analysis) & (sensitivity["method"] == "bayes")]
    level = f"{result['conf_level']:.0%}"
    for variant in bayes.head(1).itertuples():
        row = _variant_row({"what": f"Posterior median, {level} credible interval"}, variant, "what", style)
        row.bold = True
        if row.mark:
            row.mark.kind = "pooled"
        rows.append(row)
        if not missing(variant.pi_lb):
            middle = (variant.pi_lb + variant.pi_ub) / 2
            mark = Mark("prediction", middle, variant.pi_lb, variant.pi_ub)
            words = style.percent_interval(variant.pi_lb, variant.pi_ub)
            rows.append(Row({"what": f"{level} prediction interval", "estimate": words}, mark))
    if result["method"] != "bayes":
        cells = {"what": "Primary analysis"}
        cells["estimate"] = estimate_text(result["estimate"], result["ci_lb"], result["ci_ub"], style)
        rows.append(Row(cells, Mark("variant", result["estimate"], result["ci_lb"], result["ci_ub"])))
    cells = {"what": f"Crude, {counts_text(result['events'], result['n'])}"}
    cells["estimate"] = estimate_text(result["crude"], result["crude_ci_lb"], result["crude_ci_ub"], style)
    rows.append(Row(cells, Mark("crude", result["crude"], result["crude_ci_lb"], result["crude_ci_ub"])))
    header = f"% ({level} interval)" if style.interval == "parentheses" else f"% [{level} interval]"
    columns = [Column("what", "Median study"), Column(AXIS), Column("estimate", header, "right")]
    b_sd, tau_scale = priors["b_sd"], priors["tau_scale"]
    notes = [
        f"Priors on the log odds scale: b normal with mean 0 and standard deviation {b_sd:g}; τ half-normal with scale "
        f"{tau_scale:g}. By deterministic quadrature, no sampling. {_model_note(result, reference)}"
    ]
    sheet = Sheet(title=title, axis_label=AXIS_LABEL, reference=reference, notes=notes)
    return describe(draw_sheet(columns, rows, sheet, style), title, _words(title, rows[1:], "what"))


def _even(x: np.ndarray, y: np.ndarray, points: int = 160) -> tuple[tuple[float, float], ...]:
    """Points at equal distances along a curve, so that its dashes are all of one length."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y) / 2))])
    steps = np.linspace(0, way[-1], points)
    return tuple(zip(np.interp(steps, way, x), np.interp(steps, way, y), strict=True))


def funnel_plot(
    analysis: str,
    arms: pd.DataFrame,
    pooled: pd.DataFrame,
    heterogeneity: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    class_labels: Mapping[str, str] | None = None,
    reference: float = math.nan,
    style: Style = SCREEN,
) -> Drawing:
    """Proportions against the size of the studies, from ten studies on; with fewer, the reason why there is no plot.

    Parameters
    ----------
    arms : DataFrame from `synthesis.select_arms`; those that entered are drawn
    heterogeneity : DataFrame from `synthesis.heterogeneity`, for the test of small-study effects
    others : as of `leave_one_out_forest`

    Notes
    -----
    Size stands on the axis and not the standard error, which depends on the proportion itself and would make a slope
    where there is none.
    """
    result, label = _result(analysis, pooled, therapies, class_labels)
    title = f"{label}, small-study effects"
    if result["pooled"] != "yes":
        return _not_pooled(title, result, style)
    entered = arms[(arms["analysis"] == analysis) & (arms["entered"] == "yes")]
    if len(entered) < LEAST_FUNNEL:
        reason = f"{len(entered)} studies, {LEAST_FUNNEL} needed"
        return _said(title, f"No funnel plot: {reason}", style)
    smallest, largest = entered["n"].min(), entered["n"].max()
    low, high = math.log(smallest) - 0.15, math.log(largest) + 0.15

    def height(n):
        return (np.log(n) - low) / (high - low)

    sizes = np.exp(np.linspace(low, high, 40))
    middle = float(result["estimate"])
    reach = ndtri((1 + result["conf_level"]) / 2) * np.sqrt(middle * (1 - middle) / sizes)
    lower, upper = np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)
    limits = [*zip(lower, height(sizes), strict=True), *zip(upper[::-1], height(sizes)[::-1], strict=True)]
    steps = [n for power in range(7) for n in (10**power, 2 * 10**power, 5 * 10**power) if smallest <= n <= largest]
    mark = Mark(
        "cloud",
        middle,
        points=tuple(zip(entered["responders"] / entered["n"], height(entered["n"]), strict=True)),
        limits=tuple(limits),
        scale=tuple((float(height(n)), f"{n}") for n in steps),
    )
    tests = heterogeneity[(heterogeneity["analysis"] == analysis) & (heterogeneity["factor"] == "small studies")]
    statement = "Small-study effects: not tested."
    if len(tests):
        test = tests.iloc[0]
        if missing(test["chi2"]):
            statement = f"Small-study effects: not tested ({test['test_note']})."
        else:
            numbers = f"χ² = {test['chi2']:.2f}, df = {test['df']:.0f}, P {style.p_value(test['p'])}"
            statement = f"Small-study effects, log odds against 1/n: {numbers}."
    sheet = Sheet(
        title=title,
        axis_label=AXIS_LABEL,
        reference=reference,
        centre=middle,
        widest=0.8,
        statements=[statement],
        keys=[
            ("cloud", f"study arm ({len(entered)})"),
            ("band", f"{result['conf_level']:.0%} of studies of that size, if they differed by chance alone"),
        ],
        notes=["Height: patients of the arm, on a logarithmic scale. Dotted line: pooled value. The shaded range is "
               "a normal approximation."],
    )  # fmt: skip
    columns = [Column("n", "Patients"), Column(AXIS)]
    words = f"{title}. {len(entered)} study arms of {smallest:.0f} to {largest:.0f} patients. {statement}"
    return describe(draw_sheet(columns, [Row({}, mark, height=18)], sheet, style), title, words)


def _result(analysis: str, pooled: pd.DataFrame, therapies: pd.DataFrame, class_labels) -> tuple[pd.Series, str]:
    """Row of an analysis and its name for people."""
    found = pooled[pooled["analysis"] == analysis]
    if found.empty:
        raise ReviewError(f"no analysis {analysis!r} in the pooled results")
    result = found.iloc[0]
    slug = result["therapy"]
    label = (
        class_label(slug, class_labels or {}) if result["scope"] == "class" else labels_of(therapies, "therapy")[slug]
    )
    return result, label if result["disease"] == ALL else f"{label} ({result['disease']})"


def _not_pooled(title: str, result, style: Style) -> Drawing:
    return _said(title, f"Not pooled: {result['reason']}", style)


def _said(title: str, words: str, style: Style) -> Drawing:
    """A figure that says why there is nothing to draw."""
    figure = draw_sheet([Column("what", "")], [], Sheet(title=title, statements=[words]), style)
    return describe(figure, title, f"{title}. {words}.")


def _variant_row(cells: dict[str, str], variant, first: str, style: Style) -> Row:
    """Pooled where it was, else crude; words in place of a mark where there is no estimate."""
    if variant.pooled != "yes":
        cells["estimate"] = estimate_text(variant.crude, variant.crude_ci_lb, variant.crude_ci_ub, style)
        return Row(cells, Mark("crude", variant.crude, variant.crude_ci_lb, variant.crude_ci_ub))
    if missing(variant.estimate):
        return Row(cells, note=f"no estimate ({humanise(str(variant.status)).lower()})")
    if missing(variant.ci_lb):
        return Row(cells | {"estimate": f"{100 * variant.estimate:.1f}"}, note="no interval")
    cells["estimate"] = estimate_text(variant.estimate, variant.ci_lb, variant.ci_ub, style)
    return Row(cells, Mark("variant", variant.estimate, variant.ci_lb, variant.ci_ub))


def _header(result, style: Style) -> str:
    percent = f"{result['conf_level']:.0%} CI"
    return f"% ({percent})" if style.interval == "parentheses" else f"% [{percent}]"


def _band(result) -> tuple[float, float] | None:
    return None if missing(result["ci_lb"]) else (float(result["ci_lb"]), float(result["ci_ub"]))


def _keys(rows: list[Row], result) -> list[tuple[str, str]]:
    level = f"{result['conf_level']:.0%}"
    words = {
        "variant": f"pooled, {level} CI",
        "crude": f"too few to pool: crude, exact {level} CI",
        "pooled": f"primary analysis, {level} CI",
    }
    drawn = {row.mark.kind for row in rows if row.mark}
    keys = [(kind, text) for kind, text in words.items() if kind in drawn]
    return [*keys, ("band", "interval of the primary analysis")] if _band(result) else keys


def _model_note(result, reference: float) -> str:
    model = method_label(result["method"])
    kind = interval_label(result["interval"])
    line = "" if math.isnan(reference) else f" Grey line: {100 * reference:g}%."
    return f"Primary analysis: {model}; interval by {kind}.{line}"


def _words(title: str, rows: list[Row], first: str) -> str:
    """The figure in words, for readers who cannot see it."""
    values = [f"{row.cells[first]} {row.cells['estimate']}" for row in rows if "estimate" in row.cells]
    return f"{title}. Per cent with interval: {'; '.join(values)}."
