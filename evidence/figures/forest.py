"""Forest plot of one analysis: the only module that knows what stands on it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from evidence.figures.layout import AXIS, LEAST_SIDE, Column, Mark, Row, Sheet, draw_sheet, square_side
from evidence.figures.style import SCREEN, Style, describe
from evidence.pooling.record import STATUSES
from evidence.schema import humanise
from evidence.wording import (
    INTERVALS,
    MODELS,
    NOTHING,
    SILENT,
    class_label,
    ids_in,
    labels_of,
    level_text,
    missing,
    per_cent,
    percent,
    scheme_name,
    short_labels,
    variance,
)

ALL = "all"
AXIS_LABEL = "Patients with a response,\u00a0%"
FIXED = ("fixed",)  # methods without a variance between studies


def forest_plot(
    analysis: str,
    arms: pd.DataFrame,
    pooled: pd.DataFrame,
    study_levels: pd.DataFrame,
    studies: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    *,
    class_labels: Mapping[str, str] | None = None,
    title: str | None = None,
    axis_label: str = AXIS_LABEL,
    level_note: str | None = None,
    order: str = "year",
    subgroups: bool | None = None,
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Figure:
    """Forest plot of one therapy or class: its study arms, what they pool to, and what did not enter.

    Parameters
    ----------
    analysis : str; a row of `pooled`, such as "diltiazem", "diltiazem-ssc" or "class-bisphosphonate"
    arms, pooled : DataFrame; from `synthesis.select_arms` and `synthesis.pool_arms`, whole or only this analysis
    study_levels : DataFrame; from `grading.grade_studies`
    studies, therapies, diseases : DataFrame; checked extraction tables, for the labels
    class_labels : mapping; class slug to label
    title : str; the label of the therapy if None (printed only by presets that print titles)
    axis_label : str; what the axis counts
    level_note : str; scheme of the levels and its caveat; the note of `study_levels` if None
    order : "year", "effect", "n" or "level"
    subgroups : bool; group the arms by disease. If None: when there are at least two diseases with two arms each on
        average; with fewer, a column says the disease
    reference : float; proportion with a light line
    style : Style

    Returns
    -------
    Figure with one Axes (none when no arm entered), 0 to 100 per cent, y in points downwards

    Raises
    ------
    ValueError: no such analysis, or an order that is not known
    """
    found = pooled[pooled["analysis"] == analysis]
    if found.empty:
        raise ValueError(f"no analysis {analysis!r} in the pooled results")
    result = found.iloc[0]
    here = arms[arms["analysis"] == analysis]
    names = _Names(studies, therapies, diseases, class_labels or {}, study_levels)
    entered = _sorted(here[here["entered"] == "yes"], order, names)
    left_out = here[(here["entered"] == "no") & here["responders"].notna() & here["n"].notna()]
    left_out = _sorted(left_out, order, names)
    if subgroups is None:
        groups = entered["arm_disease"].nunique()
        subgroups = result["scope"] == "therapy" and 2 <= groups <= len(entered) / 2

    label = title or names.therapy(result["scope"], result["therapy"], result["disease"])
    columns = _columns(result, entered, subgroups, len(diseases) > 1, style)
    rows = _study_rows(entered, pooled, result, names, subgroups, style)
    rows += _summary_rows(result, style)
    is_pooled = result["pooled"] == "yes"
    sheet = Sheet(
        title=label,
        axis_label=axis_label,
        reference=reference,
        centre=float(result["estimate"]) if is_pooled else math.nan,
        statements=[_heterogeneity(result, style)] if is_pooled else [],
        below_heading="Counts that did not enter the analysis",
        below=[_left_out_row(arm, names, subgroups) for arm in left_out.itertuples()],
        keys=_keys(rows, result) if len(entered) else [],
        notes=_notes(result, entered, left_out, names, subgroups, level_note, reference, style),
    )
    return describe(draw_sheet(columns, rows, sheet, style), f"Forest plot: {label}", _words(label, result, names))


class _Names:
    """Slugs to words."""

    def __init__(self, studies, therapies, diseases, class_labels, study_levels):
        self.studies = labels_of(studies, "study_id")
        self.therapies = labels_of(therapies, "therapy")
        self.classes = class_labels
        self.diseases = labels_of(diseases, "disease")
        self.short = short_labels(diseases)
        levels = study_levels["level"].map(short_level)
        self.levels = dict(zip(study_levels["study_id"], levels, strict=True))
        self.level_note = scheme_note(study_levels)

    def study(self, slug: str) -> str:
        return self.studies.get(slug) or slug

    def therapy(self, scope: str, slug: str, disease: str = ALL) -> str:
        label = class_label(slug, self.classes) if scope == "class" else self.therapies.get(slug) or humanise(slug)
        return label if disease == ALL else f"{label}: {self.diseases.get(disease) or humanise(disease)}"

    def disease(self, slugs: str) -> str:
        if slugs in SILENT:
            return "Disease not stated"
        return " + ".join(self.diseases.get(slug) or humanise(slug) for slug in slugs.split(";"))

    def short_disease(self, slugs: str) -> str:
        if slugs in SILENT:
            return "NR" if slugs == "NR" else NOTHING
        return ", ".join(self.short.get(slug) or humanise(slug) for slug in slugs.split(";"))


def scheme_note(levels: pd.DataFrame) -> str:
    """What is printed beside levels: the caveat of their scheme, or its name when there is nothing to warn of."""
    if levels.empty:
        return ""
    note = _text(levels["note"].iloc[0]) if "note" in levels else ""
    return note or f"{scheme_name(levels['scheme'].iloc[0])} scheme."


def short_level(value) -> str:
    """A level for a narrow column, where a dash stands for not gradable."""
    return NOTHING if missing(value) else level_text(value)


def _level_of(result) -> float:
    level = result.get("level", math.nan)
    return level if isinstance(level, float) and not math.isnan(level) else 0.95


def _sorted(arms: pd.DataFrame, order: str, names: _Names) -> pd.DataFrame:
    labels = arms["study_id"].map(names.study).str.casefold()
    keys = {
        "year": (arms["year"], True),
        "effect": (arms["responders"] / arms["n"], False),
        "n": (arms["n"], False),
        # The levels of every scheme sort as text, best first: IA, IB, IIA ... V; 1a, 1b ... 5.
        "level": (arms["study_id"].map(names.levels).replace(NOTHING, "~").fillna("~"), True),
    }
    if order not in keys:
        raise ValueError(f"order {order!r} is not known; one of {', '.join(keys)}")
    values, ascending = keys[order]
    keyed = arms.assign(_key=values, _label=labels)
    keyed = keyed.sort_values(["_key", "_label"], ascending=[ascending, True], na_position="last", kind="stable")
    return keyed.drop(columns=["_key", "_label"])


def _columns(result, entered, subgroups: bool, several_diseases: bool, style: Style) -> list[Column]:
    percent = f"{_level_of(result):.0%} CI"
    bracket = f"({percent})" if style.interval == "parentheses" else f"[{percent}]"
    columns = [Column("study", "Study")]
    if result["scope"] == "class":
        columns.append(Column("therapy", "Treatment", wrap=0.2))
    elif not subgroups and result["disease"] == ALL and several_diseases:
        columns.append(Column("disease", "Disease", wrap=0.15))
    columns += [Column("level", "Level", "center"), Column("count", "Responders/n", "right"), Column(AXIS)]
    if len(entered):
        columns.append(Column("estimate", f"% {bracket}", "right"))
    if len(entered) > 1:
        columns.append(Column("weight", "Weight", "right"))
    return columns


def _facts(arm, names: _Names) -> dict[str, str]:
    return {
        "study": names.study(arm.study_id) + ("\u00a0†" if is_secondary(arm) else ""),
        "therapy": ", ".join(names.therapy("therapy", slug) for slug in str(arm.arm_therapy).split(";")),
        "disease": names.short_disease(arm.arm_disease),
        "level": names.levels.get(arm.study_id, NOTHING),
        "count": counts_text(arm.responders, arm.n),
    }


def is_secondary(arm) -> bool:
    """Whether the counts are known from someone else's account only."""
    return "secondary" in str(arm.evidence_basis).split(";")


def _study_rows(entered, pooled, result, names: _Names, subgroups: bool, style: Style) -> list[Row]:
    if entered.empty:
        reason = _text(result["reason"])
        words = "No arm entered the analysis" + (f": {reason}" if reason not in ("", "no arm entered") else "")
        return [Row({"study": words}, span="count", quiet=True)]
    largest, patients = entered["n"].max(), entered["n"].sum()

    def study_row(arm, indent):
        cells = _facts(arm, names) | {
            "estimate": estimate_text(arm.responders / arm.n, arm.ci_lb, arm.ci_ub, style),
            "weight": percent(arm.n / patients),
        }
        mark = Mark("study", arm.responders / arm.n, arm.ci_lb, arm.ci_ub, arm.n / largest)
        return Row(cells, mark, indent=indent)

    if not subgroups:
        return [study_row(arm, 0.0) for arm in entered.itertuples()]
    rows = []
    known = list(names.diseases)
    groups = sorted(
        entered.groupby("arm_disease", sort=False),
        key=lambda group: known.index(group[0]) if group[0] in known else len(known),
    )
    for slug, group in groups:
        rows.append(Row({"study": names.disease(slug)}, bold=True, span="count", gap=0.3 if rows else 0.0))
        rows += [study_row(arm, 1.2) for arm in group.itertuples()]
        if len(group) > 1:
            rows.append(_subgroup_row(slug, group, pooled, result, patients, style))
    return rows


def _subgroup_row(slug: str, group, pooled, result, patients: float, style: Style) -> Row:
    """Diamond of a disease when it was pooled from these very arms, its summed counts and the reason otherwise."""
    own = pooled[
        (pooled["scope"] == result["scope"])
        & (pooled["therapy"] == result["therapy"])
        & (pooled["disease"] == slug)
        & (pooled["k"] == len(group))
    ]
    events, n = group["responders"].sum(), group["n"].sum()
    cells = {"study": "Subgroup", "count": counts_text(events, n), "weight": percent(n / patients)}
    if len(own) and own.iloc[0]["pooled"] == "yes" and not missing(own.iloc[0]["estimate"]):
        row = own.iloc[0]
        cells["estimate"] = estimate_text(row["estimate"], row["ci_lb"], row["ci_ub"], style)
        mark = Mark("subgroup", row["estimate"], row["ci_lb"], row["ci_ub"])
        return Row(cells, mark, indent=1.2, span="level")
    reason = _text(own.iloc[0]["reason"]) if len(own) else ""
    reason = reason or "no analysis of these arms alone"
    return Row(cells, note=f"Not pooled: {reason}", indent=1.2, span="level")


def _summary_rows(result, style: Style) -> list[Row]:
    if not result["k"]:
        return []
    counts = counts_text(result["events"], result["n"])
    rows = []
    if result["pooled"] == "yes" and not missing(result["estimate"]):
        effects = "common effect" if result["method"] in FIXED else "random effects"
        cells = {
            "study": f"Pooled, {effects}",
            "count": counts,
            "estimate": estimate_text(result["estimate"], result["ci_lb"], result["ci_ub"], style),
            "weight": "100%",
        }
        mark = Mark("pooled", result["estimate"], result["ci_lb"], result["ci_ub"])
        rows.append(Row(cells, mark, bold=True, span="level", gap=0.25, rule=True))
        if not missing(result["pi_lb"]):
            cells = {
                "study": "Prediction interval",
                "estimate": style.percent_interval(result["pi_lb"], result["pi_ub"]),
            }
            middle = (result["pi_lb"] + result["pi_ub"]) / 2
            mark = Mark("prediction", middle, result["pi_lb"], result["pi_ub"])
            rows.append(Row(cells, mark, span="count"))
    else:
        reason = _text(result["reason"]) or _text(result["note"]) or STATUSES.get(result["status"], "no estimate")
        rows.append(
            Row({"study": "Pooled"}, note=f"Not pooled: {reason}", bold=True, span="level", gap=0.25, rule=True)
        )
    if result["k"] > 1:
        cells = {
            "study": "Crude, summed counts",
            "count": counts,
            "estimate": estimate_text(result["crude"], result["crude_ci_lb"], result["crude_ci_ub"], style),
        }
        mark = Mark("crude", result["crude"], result["crude_ci_lb"], result["crude_ci_ub"])
        rows.append(Row(cells, mark, span="level"))
    return rows


def _left_out_row(arm, names: _Names, subgroups: bool) -> Row:
    """An arm under the plot; where no column says the disease, the reason begins with it."""
    disease = f"{names.short_disease(arm.arm_disease)}: " if subgroups else ""
    return Row(_facts(arm, names), note=f"{disease}{arm.reason}")


def counts_text(responders: float, n: float) -> str:
    """Responders of patients, as 5/8."""
    return f"{responders:.0f}/{n:.0f}"


def estimate_text(proportion: float, lower: float, upper: float, style: Style) -> str:
    """Per cent with its interval: 62.5 [24.5, 91.5]."""
    return f"{per_cent(proportion)} {style.percent_interval(lower, upper)}"


def _text(value) -> str:
    """A text cell; an empty one comes back from a CSV file as NaN."""
    return value if isinstance(value, str) else ""


def _heterogeneity(result, style: Style) -> str:
    """Between-study variance in words; I2 last, as it says least."""
    if missing(result["tau2"]):
        status = STATUSES.get(result["status"], "")
        return f"Heterogeneity: not estimable{f' ({status})' if status else ''}."
    tau2 = variance(result["tau2"])
    parts = [f"τ² {tau2}" if tau2.startswith("<") else f"τ² = {tau2}"]
    if not missing(result["tau2_lb"]):
        upper = result["tau2_ub"]
        words = "no upper bound" if math.isinf(upper) else variance(upper)
        parts[0] += f" ({_level_of(result):.0%} CI {variance(result['tau2_lb'])} to {words})"
    if result["status"] == "tau2_zero":
        parts[0] += ", at the edge of its range"
    if not missing(result["q"]):
        parts.append(f"Q = {result['q']:.2f}, df = {result['q_df']:.0f}, P {style.p_value(result['q_p'])}")
    if not missing(result["i2"]):
        parts.append(f"I² = {100 * result['i2']:.0f}%")
    return "Heterogeneity: " + "; ".join(parts)


def _keys(rows: list[Row], result) -> list[tuple[str, str]]:
    percent = f"{_level_of(result):.0%}"
    drawn = {row.mark.kind for row in rows if row.mark}
    several = "; area in proportion to patients" if result["k"] > 1 else ""
    words = {
        "study": f"study arm, exact {percent} CI{several}",
        "pooled": f"pooled, {percent} CI",
        "subgroup": f"pooled within a disease, {percent} CI",
        "prediction": f"{percent} prediction interval",
        "crude": f"crude, exact {percent} CI",
    }
    return [(kind, text) for kind, text in words.items() if kind in drawn]


def _notes(result, entered, left_out, names: _Names, subgroups, level_note, reference, style: Style) -> list[str]:
    notes = []
    if len(entered):
        words = []
        if len(entered) > 1:
            words.append("Weight: share of the patients, as the model has no inverse-variance weights.")
        if result["pooled"] == "yes" and not missing(result["estimate"]):
            model = MODELS.get(result["method"], humanise(str(result["method"])))
            kind = INTERVALS.get(result["interval"], humanise(str(result["interval"])))
            words.append(f"Pooled: {model}; interval by {kind}. Dotted line: pooled value.")
        if square_side(entered["n"].min() / entered["n"].max(), 1.5 * style.size) <= LEAST_SIDE:
            words.append("The smallest squares are drawn larger than in proportion, so that they can be seen.")
        if not math.isnan(reference):
            words.append(f"Grey line: {100 * reference:g}%.")
        notes.append(" ".join(words))
    used = []
    if result["scope"] == "therapy" and result["disease"] == ALL:
        used = [*left_out["arm_disease"], *([] if subgroups else entered["arm_disease"])]
        used = used if len(names.diseases) > 1 else []
    shown = {slug for slugs in used for slug in slugs.split(";")}
    pairs = [
        f"{short}, {names.diseases[slug]}"
        for slug, short in names.short.items()
        if slug in shown and short not in names.diseases[slug]
    ]
    if any(is_secondary(arm) for arm in pd.concat([entered, left_out]).itertuples()):
        notes.append("† Counts known from a secondary source only.")
    level = f"Level of evidence: {names.level_note if level_note is None else level_note}"
    shown_studies = {*entered["study_id"], *left_out["study_id"]}
    if shown_studies and (names.level_note or level_note):
        ungraded = any(names.levels.get(slug, NOTHING) == NOTHING for slug in shown_studies)
        notes.append(f"{level} {NOTHING}, not gradable." if ungraded else level)
    if pairs:
        notes.append("; ".join(pairs) + ".")
    awaiting = ids_in(result["awaiting"])
    if awaiting:
        labels = sorted((names.study(slug) for slug in awaiting), key=str.casefold)
        notes.append(f"Awaiting counts ({len(labels)}): {', '.join(labels)}.")
    return notes


def _words(label: str, result, names: _Names) -> str:
    """The figure in words, for readers who cannot see it."""
    k = int(result["k"])
    words = [f"Forest plot of {label}."]
    if not k:
        words.append("No study arm entered the analysis.")
    else:
        crude = estimate_text(result["crude"], result["crude_ci_lb"], result["crude_ci_ub"], SCREEN)
        responded = counts_text(result["events"], result["n"])
        words.append(f"{k} study {'arm' if k == 1 else 'arms'}, {responded} responded, {crude} per cent.")
        if result["pooled"] == "yes" and not missing(result["estimate"]):
            pooled = estimate_text(result["estimate"], result["ci_lb"], result["ci_ub"], SCREEN)
            words.append(f"Pooled {pooled} per cent.")
            if not missing(result["pi_lb"]):
                words.append(
                    f"Prediction interval {SCREEN.percent_interval(result['pi_lb'], result['pi_ub'])} per cent."
                )
        else:
            words.append(f"Not pooled: {_text(result['reason']) or 'no estimate'}.")
    if result["k_left_out"]:
        words.append(f"Studies with counts that did not enter: {int(result['k_left_out'])}.")
    if result["k_awaiting"]:
        words.append(f"Studies awaiting counts: {int(result['k_awaiting'])}.")
    return " ".join(words)
