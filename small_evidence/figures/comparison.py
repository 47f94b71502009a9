"""Forest plot of two therapies compared within studies: a row a study, what they pool to by each method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from small_evidence import ReviewError
from small_evidence.extraction.schema import LABELS, nearest
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.fonts import text_width, wrap_text
from small_evidence.figures.forest import in_order
from small_evidence.figures.layout import absent, draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet, TooNarrowError
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.words import counts_text
from small_evidence.pooling.comparisons import ASSUMPTIONS, COMPARISON_STATUSES, MEASURES, compare
from small_evidence.reasons import ARM_REASONS
from small_evidence.review import Review
from small_evidence.synthesis.comparisons import compared_studies
from small_evidence.wording import COMPARISON_METHOD_LABELS, capital, coverage, effect_number, missing, variance

RATIO_ENDS = {  # upper end of the axis of a ratio, which begins at its inverse: ratios with ticks
    4.0: (0.25, 0.5, 1, 2, 4),
    10.0: (0.1, 0.5, 1, 2, 10),
    100.0: (0.01, 0.1, 1, 10, 100),
}
DIFFERENCE_ENDS = (0.05, 0.1, 0.2, 0.5, 1.0)  # upper end of the axis of a difference, which begins at its negative
FITTED = ("ok", "tau2_zero")  # statuses that need no word


def comparison_plot(review: Review, name: str, style: Style = SCREEN) -> Drawing:
    """Forest plot of a comparison; absent, with the reason, where no study has usable counts of both groups.

    Parameters
    ----------
    review : Review with results
    name : str; therapy and comparator as in comparisons.csv with a hyphen between them, and -rr or -rd for the risk
        ratio or the risk difference in place of the odds ratio: "drug_a-placebo", "drug_a-placebo-rd"
    style : Style

    Raises
    ------
    ReviewError: no such comparison
    """
    pair, measure = _read(review, name)
    therapy, comparator = pair
    names = (review.labels.therapy[therapy], review.labels.therapy.get(comparator, "NR"))
    title = f"{names[0]} compared with {names[1]}: {MEASURES[measure]}"
    table = review["comparisons"]
    own = table[(table["therapy"] == therapy) & (table["comparator"].fillna("") == comparator)]
    if not (own["k"] > 0).any():
        reason = own["reason"].iloc[0]
        words = ARM_REASONS.get(reason) or LABELS["pool_reason_code"].get(reason, reason)
        return absent(title, f"Not compared: {words}", style)
    found = _found(review, pair, measure, own)
    try:
        return _drawn(review, names, found, measure, title, style)
    except TooNarrowError:
        return _drawn(review, names, found, measure, title, style, stacked=True)


class _Found(NamedTuple):
    """What is drawn of a comparison."""

    studies: pd.DataFrame  # COUNTED with label and year, in the order of the forest plots
    single: list[pd.Series]  # of each study, as `pooling.comparisons.compare` gives it
    pooled: list[pd.Series]  # by every method of the measure, the default first, as synthesised; none of one study

    @property
    def every(self) -> list[pd.Series]:
        return [*self.single, *self.pooled]


def _found(review: Review, pair: tuple[str, str], measure: str, table: pd.DataFrame) -> _Found:
    studies = compared_studies(review, *pair)
    studies["label"] = [review.labels.study.get(slug) or slug for slug in studies["study_id"]]
    years = review["studies"].set_index("study_id")["year"]
    studies["year"] = pd.to_numeric(studies["study_id"].map(years), errors="coerce")
    studies = in_order(review, studies.rename(columns={"x1": "responders", "n1": "n"}))
    studies = studies.rename(columns={"responders": "x1", "n": "n1"})
    against = partial(compare, measure=measure, conf_level=review.conf_level)
    single = [against(*counts) for counts in studies[["x1", "n1", "x2", "n2"]].to_numpy()]
    pooled = table[(table["measure"] == measure) & (table["k"] > 1)]
    return _Found(studies, single, [one for _, one in pooled.iterrows()])


def _drawn(
    review: Review,
    names: tuple[str, str],
    found: _Found,
    measure: str,
    title: str,
    style: Style,
    *,
    stacked: bool = False,
) -> Drawing:
    """The figure with the counts of the two groups beside each other, or `stacked` in one column."""
    groups = [_count_column("one", names[0], style), _count_column("two", names[1], style)]
    if stacked:
        groups = [Column("both", f"{groups[0].header} vs\n{groups[1].header}", "right", wrap=0.0)]
    span, ticks = axis_of(measure, found)
    rows = [*_study_rows(found, measure, style), *_pooled_rows(found, groups[-1].key, measure, style)]
    bracket = f"{coverage(review.conf_level)} CI"
    bracket = f"({bracket})" if style.interval == "parentheses" else f"[{bracket}]"
    head = measure + (",\u00a0%" if measure == "RD" else "")
    effects = Column("estimate", f"{head} {bracket}", "right", wrap=0.2, narrow=f"{head}\n{bracket}")
    event = review.response.noun_plural
    unit = ", percentage points" if measure == "RD" else ""
    sides = _sides(review, names)
    sheet = Sheet(
        title=title,
        axis_label=f"{capital(MEASURES[measure])}{unit}: {event}",
        span=span,
        reference=0.0,
        ticks=ticks[::2] if stacked else ticks,  # the ends and the middle
        sides=sides,
        statements=_heterogeneity(found.pooled),
        keys=_keys(review, found),
        notes=_notes(review, found, measure, span),
    )
    lines = [f"{row.cells['study']} {row.cells['estimate']}" for row in rows if row.cells.get("estimate")]
    null = "0" if measure == "RD" else "1"
    words = f"{title}, of {event}. Below {null} {sides[0]}, above {null} {sides[1]}. {'; '.join(lines)}."
    drawing = draw_sheet([Column("study", "Study"), *groups, Column(AXIS), effects], rows, sheet, style)
    return describe(drawing, f"Forest plot: {title}", words)


def comparison_names(review: Review, counted: bool = False) -> list[str]:
    """What figures of the pairs in comparisons.csv are called after them, in its order.

    Parameters
    ----------
    counted : bool; only pairs with counts of both groups

    Returns
    -------
    list of therapy and comparator with a hyphen between them; of therapy alone where the tables have no comparator
    """
    table = review["comparisons"]
    return list(_pairs(table[table["k"] > 0] if counted else table))


def axis_of(measure: str, found: _Found) -> tuple[tuple[float, float], list[tuple[float, str]]]:
    """Ends of the axis, the same way on both sides of no effect, and its ticks; of ratios both as common logarithms.

    It holds all finite estimates, and all finite limits of what was pooled, as far as the longest axis goes.
    """
    needed = [one["estimate"] for one in found.every]
    needed += [one[limit] for one in found.pooled for limit in ("ci_lb", "ci_ub")]
    reach = [abs(place) for place in (_place(value, measure) for value in needed) if math.isfinite(place)]
    farthest = max(reach, default=0.0)
    if measure == "RD":
        end = next((end for end in DIFFERENCE_ENDS if farthest <= end), DIFFERENCE_ENDS[-1])
        points = (-end, -end / 2, 0.0, end / 2, end)
        return (-end, end), [(point, f"{100 * point:g}".replace("-", "−")) for point in points]
    end = next((end for end in RATIO_ENDS if farthest <= math.log10(end)), max(RATIO_ENDS))
    return (-math.log10(end), math.log10(end)), [(math.log10(ratio), f"{ratio:g}") for ratio in RATIO_ENDS[end]]


def _pairs(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Therapy and comparator by name."""
    pairs = table[["therapy", "comparator"]].fillna("").drop_duplicates()
    return {"-".join(filter(None, pair)): pair for pair in pairs.itertuples(index=False, name=None)}


def _read(review: Review, name: str) -> tuple[tuple[str, str], str]:
    """Pair and measure that a name means."""
    known = _pairs(review["comparisons"])
    start, _, last = name.rpartition("-")
    measure = {"rr": "RR", "rd": "RD"}.get(last, "OR")
    pair = name if measure == "OR" else start
    if pair not in known:
        near = nearest(pair, known)
        hint = f"; nearest is {near}" if near else ""
        raise ReviewError(f"{pair!r} is not a comparison of results/tables/comparisons.csv{hint}")
    return known[pair], measure


def _place(value: float, measure: str) -> float:
    """Place of an effect on the axis: the common logarithm of a ratio, minus infinity for 0."""
    if measure == "RD" or math.isnan(value) or math.isinf(value):
        return float(value)
    return math.log10(value) if value > 0 else -math.inf


def _study_rows(found: _Found, measure: str, style: Style) -> list[Row]:
    patients = found.studies["n1"] + found.studies["n2"]
    rows = []
    shown = zip(found.studies.to_dict("records"), patients / patients.max(), found.single, strict=True)
    for study, share, one in shown:
        cells = {"study": study["label"], **_counts(study)}
        rows.append(_row(cells, "study", one, measure, style, share=share))
    return rows


def _pooled_rows(found: _Found, last: str, measure: str, style: Style) -> list[Row]:
    """Summed counts, and below them the methods, whose names reach to the column `last`."""
    if not found.pooled:
        return []
    total = {"study": "All studies", **_counts(found.studies[["x1", "n1", "x2", "n2"]].sum())}
    rows = [Row(total, bold=True, gap=0.25, rule=True)]
    for number, one in enumerate(found.pooled):
        cells = {"study": COMPARISON_METHOD_LABELS[one["method"]]}
        row = _row(cells, "variant" if number else "pooled", one, measure, style)
        row.bold, row.indent, row.span = number == 0, 1.2, last
        rows.append(row)
    return rows


def _row(cells: dict[str, str], kind: str, found: pd.Series, measure: str, style: Style, share: float = 1.0) -> Row:
    """A row with its mark, or with the words that say why there is none."""
    if missing(found["estimate"]):
        return Row(cells, note="no information" if found["status"] == "no_information" else "no estimate")
    estimate, lower, upper = (_place(found[name], measure) for name in ("estimate", "ci_lb", "ci_ub"))
    return Row(cells | {"estimate": _effect(found, measure, style)}, Mark(kind, estimate, lower, upper, share))


def _effect(found: pd.Series, measure: str, style: Style) -> str:
    value, lower, upper = (effect_number(float(found[name]), measure) for name in ("estimate", "ci_lb", "ci_ub"))
    if missing(found["ci_lb"]):
        return value
    return (
        f"{value} ({lower} to\u00a0{upper})" if style.interval == "parentheses" else f"{value} [{lower},\u00a0{upper}]"
    )


def _counts(study: Mapping[Any, Any] | pd.Series) -> dict[str, str]:
    one, two = counts_text(study["x1"], study["n1"]), counts_text(study["x2"], study["n2"])
    return {"one": one, "two": two, "both": f"{one}\u00a0vs {two}"}


def _count_column(key: str, name: str, style: Style) -> Column:
    longest = max(text_width(word, style, style.size, bold=True) for word in name.split())
    return Column(key, "\n".join(wrap_text(name, style, style.size, max(longest, 5 * style.size), bold=True)), "right")


def _sides(review: Review, names: tuple[str, str]) -> tuple[str, str]:
    """Whom the sides of no effect favour: more of a good outcome, or fewer of a bad one."""
    left, right = (names[1], names[0]) if review.response.good == "yes" else names
    return f"favours {left}", f"favours {right}"


def _heterogeneity(pooled: list[pd.Series]) -> list[str]:
    """Variance between studies of the default method where it has one."""
    if not pooled or missing(pooled[0]["tau2"]):
        return []
    tau2, lower, upper = (variance(pooled[0][name]) for name in ("tau2", "tau2_lb", "tau2_ub"))
    return [f"Variance of the log odds ratio between studies: τ² = {tau2} [{lower},\u00a0{upper}]."]


def _keys(review: Review, found: _Found) -> list[tuple[str, str]]:
    level = coverage(review.conf_level)
    keys = [("study", f"study, {level} CI; area: patients")]
    pooled = [("pooled", f"pooled, {level} CI"), ("variant", f"by other methods, {level} CI")]
    return [*keys, *(pooled if found.pooled else [])]


def _notes(review: Review, found: _Found, measure: str, span: tuple[float, float]) -> list[str]:
    meant = "difference above 0" if measure == "RD" else "ratio above 1"
    interval = {"OR": "exact interval", "RR": "score interval", "RD": "score interval"}[measure]
    notes = [f"A {meant} means that more of the treated {review.response.event_plural}. Single studies: {interval}."]
    places = [_place(one[name], measure) for one in found.every for name in ("estimate", "ci_lb", "ci_ub")]
    if any(place < span[0] or place > span[1] for place in places):
        notes.append("An arrow points to what lies beyond the axis.")
    assuming = [
        COMPARISON_METHOD_LABELS[one["method"]]
        for one in found.pooled
        if set(ASSUMPTIONS) & set(str(one["note"]).split(";"))
    ]
    if assuming:
        words = (
            f"{', '.join(assuming)}: one effect in all studies assumed; where they differ, the interval is too narrow."
        )
        notes.append(words)
    special = [one for one in found.pooled if one["status"] not in FITTED]
    return notes + [
        f"{COMPARISON_METHOD_LABELS[one['method']]}: {COMPARISON_STATUSES[one['status']]}." for one in special
    ]
