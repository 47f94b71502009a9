"""Forest plot of one analysis: the only module that knows what stands on it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from small_evidence import ReviewError
from small_evidence.extraction.schema import ALL, humanise
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.judgements import judgement_glyph, judgement_keys
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import LEAST_SIDE, Mark, square_side
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.pooling.record import STATUSES
from small_evidence.wording import (
    NOTHING,
    SILENT,
    class_label,
    counted,
    ids_in,
    interval_label,
    labels_of,
    level_text,
    method_label,
    missing,
    per_cent,
    percent,
    scheme_name,
    short_labels,
    variance,
    word,
)

WITHOUT = "without secondary sources"  # the variant of `synthesis.sensitivity`
FACTORS = ("disease", "design", "level")
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
    subgroups: str | bool | None = None,
    heterogeneity: pd.DataFrame | None = None,
    sensitivity: pd.DataFrame | None = None,
    risk_of_bias: pd.DataFrame | None = None,
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Drawing:
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
    subgroups : "disease", "design" or "level", or False for none. If None: by disease when there are at least two
        diseases with two arms each on average; with fewer, a column says the disease
    heterogeneity : DataFrame; from `synthesis.heterogeneity`, for diamonds of subgroups and the test between them.
        Without it, a disease has a diamond where `pooled` has an analysis of these very arms
    sensitivity : DataFrame; from `synthesis.sensitivity`. Where an analysis uses counts from secondary sources, a row
        shows it without them
    risk_of_bias : DataFrame; study_id, judgement, one row a study; a column of signs
    reference : float; proportion with a light line
    style : Style

    Returns
    -------
    Drawing with one axis (none when no arm entered), 0 to 100 per cent, y in points downwards

    Raises
    ------
    ReviewError: no such analysis, an order or subgroups that are not known, a style too narrow for the columns
    """
    found = pooled[pooled["analysis"] == analysis]
    if found.empty:
        raise ReviewError(f"no analysis {analysis!r} in the pooled results")
    result = found.iloc[0]
    here = arms[arms["analysis"] == analysis]
    names = _Names(studies, therapies, diseases, class_labels or {}, study_levels)
    entered = _sorted(here[here["entered"] == "yes"], order, names)
    left_out = here[(here["entered"] == "no") & here["responders"].notna() & here["n"].notna()]
    left_out = _sorted(left_out, order, names)
    factor = _factor(subgroups, result, entered)
    tests = _of_analysis(heterogeneity, analysis)
    without = _of_analysis(sensitivity, analysis)
    without = without[without["variant"] == WITHOUT] if len(without) else without
    judged = dict(zip(risk_of_bias["study_id"], risk_of_bias["judgement"], strict=True)) if _has(risk_of_bias) else {}

    label = title or names.therapy(result["scope"], result["therapy"], result["disease"])
    years = _years(pd.concat([entered, left_out]), names)
    columns = _columns(result, entered, factor, len(diseases) > 1, bool(years), bool(judged), style)
    rows = _study_rows(entered, pooled, tests, result, names, factor, years, judged, style)
    rows += _summary_rows(result, without, style)
    tested = factor or ("disease" if any(column.key == "disease" for column in columns) else "")
    statements = [_heterogeneity(result, style)] if result["pooled"] == "yes" else []
    statements += _test_between(tests, tested, style)
    is_pooled = result["pooled"] == "yes"
    sheet = Sheet(
        title=label,
        axis_label=axis_label,
        reference=reference,
        centre=float(result["estimate"]) if is_pooled else math.nan,
        statements=statements,
        below_heading="Counts that did not enter the analysis",
        below=[_left_out_row(arm, names, factor, years) for arm in left_out.itertuples()],
        keys=[*_keys(rows, result, factor), *judgement_keys((judged.get(slug) for slug in entered["study_id"]), style)],
        notes=_notes(result, entered, left_out, names, factor, level_note, reference, style),
    )
    words = _words(label, result, without, names)
    return describe(draw_sheet(columns, rows, sheet, style), f"Forest plot: {label}", words)


def _has(frame: pd.DataFrame | None) -> bool:
    return frame is not None and len(frame) > 0


def _of_analysis(frame: pd.DataFrame | None, analysis: str) -> pd.DataFrame:
    """The rows of one analysis; none where the frame was not given."""
    return frame[frame["analysis"] == analysis] if _has(frame) else pd.DataFrame()


def _factor(subgroups: str | bool | None, result, entered: pd.DataFrame) -> str:
    """What the arms are grouped by; "" for nothing."""
    if subgroups is None:
        groups = entered["arm_disease"].nunique()
        subgroups = result["scope"] == "therapy" and 2 <= groups <= len(entered) / 2
    factor = {True: "disease", False: ""}.get(subgroups, subgroups)
    if factor and factor not in FACTORS:
        raise ReviewError(f"subgroups {factor!r} are not known; one of {', '.join(FACTORS)}")
    return factor


def _years(arms: pd.DataFrame, names: _Names) -> dict[str, str]:
    """Year of each study, when most labels do not carry it; a column that repeats the labels says nothing."""
    known = arms[arms["year"].notna()]
    years = {arm.study_id: f"{arm.year:.0f}" for arm in known.itertuples()}
    silent = [study for study, year in years.items() if year not in names.study(study)]
    return years if 2 * len(silent) > len(years) else {}


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
        self.designs = dict(zip(study_levels["study_id"], study_levels.get("design", ""), strict=False))
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

    def group_of(self, arm, factor: str) -> str:
        """The subgroup of an arm, as the subgroup analysis names it."""
        if factor == "disease":
            return arm.arm_disease
        known = self.designs if factor == "design" else self.levels
        return known.get(arm.study_id, NOTHING) or NOTHING

    def group(self, factor: str, value: str) -> str:
        """A subgroup in words."""
        if factor == "disease":
            return self.disease(value)
        if factor == "level":
            return "Level of evidence not gradable" if value == NOTHING else f"Level of evidence {value}"
        words = "design not reported" if value in (*SILENT, NOTHING) else word("design", value)
        return words[:1].upper() + words[1:]

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
    level = result.get("conf_level", math.nan)
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


def _columns(
    result, entered, factor: str, several_diseases: bool, years: bool, judged: bool, style: Style
) -> list[Column]:
    percent = f"{_level_of(result):.0%} CI"
    bracket = f"({percent})" if style.interval == "parentheses" else f"[{percent}]"
    columns = [Column("study", "Study")]
    if result["scope"] == "class":
        columns.append(Column("therapy", "Treatment", wrap=0.2))
    if years:
        columns.append(Column("year", "Year", "center", spare=1))
    if result["scope"] != "class" and factor != "disease" and result["disease"] == ALL and several_diseases:
        columns.append(Column("disease", "Disease", wrap=0.15, spare=2))
    if factor != "level":
        columns.append(Column("level", "Level", "center", spare=3))
    if judged:
        columns.append(Column("bias", "Risk\nof bias", "center"))
    columns += [Column("count", "Responders/n", "right", narrow="Responders\nof n"), Column(AXIS)]
    if len(entered):
        columns.append(Column("estimate", f"% {bracket}", "right", narrow=f"%\n{bracket}"))
    if len(entered) > 1:
        columns.append(Column("weight", "Weight", "right", spare=4))
    return columns


def _facts(arm, names: _Names, years: Mapping[str, str]) -> dict[str, str]:
    return {
        "year": years.get(arm.study_id, NOTHING) if years else "",
        "study": names.study(arm.study_id) + ("\u00a0†" if is_secondary(arm) else ""),
        "therapy": ", ".join(names.therapy("therapy", slug) for slug in str(arm.arm_therapy).split(";")),
        "disease": names.short_disease(arm.arm_disease),
        "level": names.levels.get(arm.study_id, NOTHING),
        "count": counts_text(arm.responders, arm.n),
    }


def is_secondary(arm) -> bool:
    """Whether the counts are known from someone else's account only."""
    return "secondary" in str(arm.evidence_basis).split(";")


def _study_rows(
    entered, pooled, tests, result, names: _Names, factor: str, years: Mapping, judged: Mapping, style: Style
) -> list[Row]:
    if entered.empty:
        reason = _text(result["reason"])
        words = "No arm entered the analysis" + (f": {reason}" if reason not in ("", "no arm entered") else "")
        return [Row({"study": words}, span="count", quiet=True)]
    largest, patients = entered["n"].max(), entered["n"].sum()

    def study_row(arm, indent):
        cells = _facts(arm, names, years) | {
            "estimate": estimate_text(arm.responders / arm.n, arm.ci_lb, arm.ci_ub, style),
            "weight": percent(arm.n / patients),
        }
        mark = Mark("study", arm.responders / arm.n, arm.ci_lb, arm.ci_ub, arm.n / largest)
        glyphs = {"bias": judgement_glyph(judged.get(arm.study_id, ""), style)} if judged else {}
        return Row(cells, mark, indent=indent, glyphs=glyphs)

    if not factor:
        return [study_row(arm, 0.0) for arm in entered.itertuples()]
    rows = []
    known = list(names.diseases) if factor == "disease" else sorted(set(names.levels.values()) - {NOTHING})
    keyed = entered.assign(_group=[names.group_of(arm, factor) for arm in entered.itertuples()])
    groups = sorted(
        keyed.groupby("_group", sort=False),
        key=lambda group: known.index(group[0]) if group[0] in known else len(known),
    )
    for slug, group in groups:
        rows.append(Row({"study": names.group(factor, slug)}, bold=True, span="count", gap=0.3 if rows else 0.0))
        rows += [study_row(arm, 1.2) for arm in group.itertuples()]
        if len(group) > 1:
            rows.append(_subgroup_row(factor, slug, group, pooled, tests, result, patients, style))
    return rows


def _subgroup_row(factor: str, slug: str, group, pooled, tests, result, patients: float, style: Style) -> Row:
    """Diamond of a subgroup when it was pooled from these very arms, its summed counts and the reason otherwise."""
    if len(tests):
        same = (tests["factor"] == factor) & (tests["subgroup"].astype(str) == slug)
        own = tests[same & (tests["k"] == len(group))].assign(pooled="yes", reason=tests["note"])
    else:
        same = (pooled["scope"] == result["scope"]) & (pooled["therapy"] == result["therapy"])
        own = pooled[same & (pooled["disease"] == slug) & (pooled["k"] == len(group)) & (factor == "disease")]
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


def _summary_rows(result, without: pd.DataFrame, style: Style) -> list[Row]:
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
    if len(without):
        rows.append(_without_row(without.iloc[0], style))
    return rows


def _without_row(variant, style: Style) -> Row:
    """The analysis once more without the counts that are known from secondary sources only."""
    k = int(variant["k"])
    if not k:
        return Row({"study": "Without secondary sources"}, note="No study is left", span="level")
    cells = {"study": f"Without secondary sources: {counted(k, 'study', 'studies')}"}
    cells["count"] = counts_text(variant["events"], variant["n"])
    mark = without_mark(variant)
    if mark.kind == "crude":
        cells["study"] += ", not pooled, crude"
    return Row(cells | {"estimate": estimate_text(mark.estimate, mark.lower, mark.upper, style)}, mark, span="level")


def without_mark(variant) -> Mark:
    """A lighter diamond where the variant could be pooled, the crude proportion otherwise."""
    if variant["pooled"] == "yes" and not missing(variant["estimate"]):
        return Mark("without", variant["estimate"], variant["ci_lb"], variant["ci_ub"])
    return Mark("crude", variant["crude"], variant["crude_ci_lb"], variant["crude_ci_ub"])


def _test_between(tests: pd.DataFrame, factor: str, style: Style) -> list[str]:
    """The test for differences between subgroups in words, or why there is none."""
    own = tests[tests["factor"] == factor] if len(tests) and factor else tests
    if not factor or own.empty:
        return []
    first = own.iloc[0]
    words = {"disease": "diseases", "design": "study designs", "level": "levels of evidence"}[factor]
    note = _text(first["test_note"])
    if missing(first["chi2"]):
        return [f"Test for differences between {words}: not done ({note or 'not estimable'})."]
    numbers = f"χ² = {first['chi2']:.2f}, df = {first['df']:.0f}, P {style.p_value(first['p'])}"
    return [f"Test for differences between {words}: {numbers}{f'; {note}' if note else ''}"]


def _left_out_row(arm, names: _Names, factor: str, years: Mapping[str, str]) -> Row:
    """An arm under the plot; where no column says the disease, the reason begins with it."""
    disease = f"{names.short_disease(arm.arm_disease)}: " if factor == "disease" else ""
    return Row(_facts(arm, names, years), note=f"{disease}{arm.reason}")


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
    return f"Heterogeneity: {'; '.join(parts)}."


def _keys(rows: list[Row], result, factor: str) -> list[tuple[str, str]]:
    percent = f"{_level_of(result):.0%}"
    drawn = {row.mark.kind for row in rows if row.mark}
    several = "; area in proportion to patients" if result["k"] > 1 else ""
    words = {
        "study": f"study arm, exact {percent} CI{several}",
        "pooled": f"pooled, {percent} CI",
        "subgroup": f"pooled within a {factor or 'subgroup'}, {percent} CI",
        "prediction": f"{percent} prediction interval",
        "crude": f"crude, exact {percent} CI",
        "without": f"pooled without secondary sources, {percent} CI",
    }
    return [(kind, text) for kind, text in words.items() if kind in drawn]


def _notes(result, entered, left_out, names: _Names, factor, level_note, reference, style: Style) -> list[str]:
    notes = []
    if len(entered):
        words = []
        if len(entered) > 1:
            words.append("Weight: share of the patients, as the model has no inverse-variance weights.")
        if result["pooled"] == "yes" and not missing(result["estimate"]):
            model = method_label(result["method"])
            kind = interval_label(result["interval"])
            words.append(f"Pooled: {model}; interval by {kind}. Dotted line: pooled value.")
        if square_side(entered["n"].min() / entered["n"].max(), 1.5 * style.size) <= LEAST_SIDE:
            words.append("The smallest squares are drawn larger than in proportion, so that they can be seen.")
        if not math.isnan(reference):
            words.append(f"Grey line: {100 * reference:g}%.")
        notes.append(" ".join(words))
    used = []
    if result["scope"] == "therapy" and result["disease"] == ALL:
        used = [*left_out["arm_disease"], *([] if factor == "disease" else entered["arm_disease"])]
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


def _words(label: str, result, without: pd.DataFrame, names: _Names) -> str:
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
    if len(without):
        words.append(without_words(without.iloc[0]))
    if result["k_left_out"]:
        words.append(f"Studies with counts that did not enter: {int(result['k_left_out'])}.")
    if result["k_awaiting"]:
        words.append(f"Studies awaiting counts: {int(result['k_awaiting'])}.")
    return " ".join(words)


def without_words(variant) -> str:
    """The analysis without secondary sources in one sentence."""
    if not variant["k"]:
        return "Without secondary sources no study is left."
    mark = without_mark(variant)
    kind = "crude" if mark.kind == "crude" else "pooled"
    counts = f"{counted(int(variant['k']), 'study', 'studies')}, {counts_text(variant['events'], variant['n'])}"
    return (
        f"Without secondary sources: {counts}, {kind} {estimate_text(mark.estimate, mark.lower, mark.upper, SCREEN)}."
    )
