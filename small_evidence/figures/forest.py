"""Forest plot of one analysis: the only module that knows what stands on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from small_evidence import ReviewError
from small_evidence.extraction.schema import ALL, SILENT, humanise, rows_of
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.judgements import judgement_glyph, judgement_keys
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import LEAST_SIDE, Mark, square_side
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.risk_of_bias import overall_judgements
from small_evidence.figures.scale import span_note, span_of
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.words import (
    axis_label,
    count_column,
    counts_text,
    estimate_column,
    estimate_text,
    is_estimated,
    level_note,
    model_note,
    short_level,
    threshold_note,
)
from small_evidence.pooling.heterogeneity import TEST_CODES
from small_evidence.pooling.record import STATUSES
from small_evidence.reasons import arm_reason, not_pooled_reason, retraction_notes
from small_evidence.review import Analysis, Review
from small_evidence.wording import (
    NOTHING,
    VARIANTS,
    capital,
    counted,
    ids_in,
    joined,
    missing,
    per_cent,
    sentence,
    sort_name,
    variance,
    word,
)

OTHER_TIME = "other_time_point"  # the reason of an arm that is in the analysis at another time point
WITHOUT = "without_secondary"  # the variant without counts from secondary sources
FACTORS = {"disease": "diseases", "design": "study designs", "level": "levels of evidence"}  # what arms are grouped by
ORDERS = ("year", "effect", "n", "level")
FURTHER = {"dose": "Dose", "follow_up": "Follow-up", "outcome": "Outcome", "time_point": "Months"}  # columns on request
FIXED = ("fixed",)  # methods without a variance between studies


def forest_plot(
    review: Review,
    analysis: str,
    style: Style = SCREEN,
    *,
    order: str = "",
    subgroups: str | bool | None = None,
    columns: Sequence[str] = (),
    title: str = "",
) -> Drawing:
    """Forest plot of one therapy or class: its study arms, what they pool to, and what did not enter.

    Parameters
    ----------
    review : Review with results
    analysis : str; its name, such as "drug_a", "drug_a-adults" or "class-class_a"
    style : Style
    order : one of ORDERS; that of the config if empty
    subgroups : one of FACTORS, or False for none. If None: by disease when there are at least two diseases with two
        arms each on average; with fewer, a column says the disease
    columns : some of FURTHER, beside those that every forest plot has; those of the config if empty
    title : str; the label of the analysis if empty (printed only by presets that print titles)

    Returns
    -------
    Drawing with one axis (none when no arm entered)

    Raises
    ------
    ReviewError: no such analysis, an order, subgroups or columns that are not known, a style too narrow
    """
    one = review.analysis(analysis)
    arms = _Arms(review, one, columns or review.config["figures"]["columns"])
    entered = in_order(review, one.entered, order)
    left_out = in_order(review, one.left_out, order)
    other_times = (left_out["reason"] == OTHER_TIME) & left_out["study_id"].isin(entered["study_id"])
    left_out = left_out[~other_times]
    factor = _factor(subgroups, one)
    shown = _columns(arms, factor, style)
    rows = _study_rows(arms, entered, factor, style)
    rows += _summary_rows(review, one, style)
    tested = factor or ("disease" if any(column.key == "disease" for column in shown) else "")
    statements = [_heterogeneity(one.result, style)] if one.pooled else []
    statements += _test_between(one.tests, tested, style)
    label = title or one.label
    span = span_of(review, rows)
    sheet = Sheet(
        title=label,
        axis_label=axis_label(review),
        span=span,
        reference=review.response_threshold,
        centre=float(one.result["estimate"]) if one.pooled else math.nan,
        statements=statements,
        below_heading="Counts that are not in the analysis",
        below=[_left_out_row(arms, arm, factor) for arm in rows_of(left_out)],
        keys=[*_keys(review, rows, one, factor), *judgement_keys(map(arms.judged.get, entered["study_id"]), style)],
        notes=[*_notes(arms, entered, left_out, factor, style), *_other_times(other_times), *span_note(span, rows)],
    )
    return describe(draw_sheet(shown, rows, sheet, style), f"Forest plot: {label}", _words(review, one, label))


def in_order(review: Review, arms: pd.DataFrame, order: str = "") -> pd.DataFrame:
    """Arms sorted as a forest plot has them; that of the config if no order is given.

    Raises
    ------
    ReviewError: an order that is not one of ORDERS
    """
    order = order or review.config["figures"]["order"]
    if order not in ORDERS:
        raise ReviewError(f"order {order!r} is not known; one of {', '.join(ORDERS)}")
    if order == "level":
        # The levels of every scheme sort as text, best first: IA, IB, IIA ... V; 1a, 1b ... 5.
        levels = {study: short_level(row["level"]) for study, row in review.study_grades.items()}
        values = arms["study_id"].map(levels).replace(NOTHING, "~")
    else:
        values = arms["responders"] / arms["n"] if order == "effect" else arms[order]
    ascending = order in ("year", "level")
    labels = arms["study_id"].map(lambda slug: sort_name(review.labels.study.get(slug, slug)))
    keyed = arms.assign(_key=values, _label=labels)
    keyed = keyed.sort_values(["_key", "_label"], ascending=[ascending, True], na_position="last", kind="stable")
    return keyed.drop(columns=["_key", "_label"])


def _factor(subgroups: str | bool | None, one: Analysis) -> str:
    """What the arms are grouped by; "" for nothing."""
    if subgroups is None:
        groups = one.entered["arm_disease"].nunique()
        subgroups = one.scope == "therapy" and 2 <= groups <= len(one.entered) / 2
    factor = subgroups if isinstance(subgroups, str) else "disease" if subgroups else ""
    if factor and factor not in FACTORS:
        raise ReviewError(f"subgroups {factor!r} are not known; one of {', '.join(FACTORS)}")
    return factor


class _Arms:
    """What is printed of the arms of one analysis, in words."""

    def __init__(self, review: Review, one: Analysis, further: Sequence[str]):
        unknown = [name for name in further if name not in FURTHER]
        if unknown:
            raise ReviewError(f"column {unknown[0]!r} is not known; one of {', '.join(FURTHER)}")
        self.review, self.one, self.further = review, one, tuple(further)
        self.levels = {study: short_level(row["level"]) for study, row in review.study_grades.items()}
        self.graded = any(level != NOTHING for level in self.levels.values())  # else a column of levels says nothing
        self.designs = {study: row["design"] for study, row in review.study_grades.items()}
        overall = overall_judgements(review)
        self.judged = dict(zip(overall["study_id"], overall["judgement"], strict=True))
        self.years = self._silent_years()

    def study(self, slug: str) -> str:
        return self.review.labels.study.get(slug) or slug

    def _silent_years(self) -> dict[str, str]:
        """Year of each study, when most labels do not carry it; a column that repeats the labels says nothing."""
        shown = pd.concat([self.one.entered, self.one.left_out])
        known = shown[shown["year"].notna()]
        years = {study: f"{year:.0f}" for study, year in zip(known["study_id"], known["year"], strict=True)}
        silent = [study for study, year in years.items() if year not in self.study(study)]
        return years if 2 * len(silent) > len(years) else {}

    def disease(self, slugs: str) -> str:
        if slugs in SILENT:
            return "Disease not reported"
        return " + ".join(self.review.labels.disease.get(slug) or humanise(slug) for slug in slugs.split(";"))

    def short_disease(self, slugs: str) -> str:
        if slugs in SILENT:
            return "NR" if slugs == "NR" else NOTHING
        return ", ".join(self.review.labels.disease_short.get(slug) or humanise(slug) for slug in slugs.split(";"))

    def group_of(self, arm: Mapping[Any, Any], factor: str) -> str:
        """The subgroup of an arm, as the subgroup analysis names it."""
        if factor == "disease":
            return str(arm["arm_disease"])
        known = self.designs if factor == "design" else self.levels
        return known.get(arm["study_id"], NOTHING) or NOTHING

    def group(self, factor: str, value: str) -> str:
        """A subgroup in words."""
        if factor == "disease":
            return self.disease(value)
        if factor == "level":
            return "Level of evidence not gradable" if value == NOTHING else f"Level of evidence {value}"
        return "Design not reported" if value in (*SILENT, NOTHING) else capital(word("design", value))

    def facts(self, arm: Mapping[Any, Any]) -> dict[str, str]:
        """Cells of an arm, also of one that is not in the analysis."""
        labels, study = self.review.labels, arm["study_id"]
        therapies = str(arm["arm_therapy"]).split(";")
        cells = {
            "study": self.study(study) + ("\u00a0†" if is_secondary(str(arm["evidence_basis"])) else ""),
            "therapy": ", ".join(labels.therapy.get(slug) or humanise(slug) for slug in therapies),
            "disease": self.short_disease(arm["arm_disease"]),
            "level": self.levels.get(study, NOTHING),
            "count": counts_text(arm["responders"], arm["n"]),
        }
        if self.years:
            cells["year"] = self.years.get(study, NOTHING)
        return cells | {name: self._further(name, arm["response_ids"]) for name in self.further}

    def says(self, name: str) -> bool:
        """Whether a further column has anything in it."""
        shown = [*self.one.entered["response_ids"], *self.one.left_out["response_ids"]]
        return any(self._further(name, ids) != NOTHING for ids in shown)

    def _further(self, name: str, ids: str) -> str:
        """What the response rows of an arm say."""
        column = "time_point_months" if name == "time_point" else name
        rows = [self.review.response_rows[one] for one in ids_in(ids) if one in self.review.response_rows]
        values = [row[column] for row in rows if row[column] not in SILENT]
        if name == "outcome":
            values = [self.review.outcome(value).label for value in values]
        return joined(values, ", ") or NOTHING


def is_secondary(evidence_basis: str) -> bool:
    """Whether counts of that basis are known from a secondary source only."""
    return "secondary" in evidence_basis.split(";")


def _columns(arms: _Arms, factor: str, style: Style) -> list[Column]:
    one, review = arms.one, arms.review
    entered = len(one.entered)
    several_diseases = len(review.diseases) > 1
    columns = [Column("study", "Study")]
    if one.scope == "class":
        columns.append(Column("therapy", capital(review.subject.singular), wrap=0.2))
    if arms.years:
        columns.append(Column("year", "Year", "center", spare=1))
    if one.scope != "class" and factor != "disease" and one.disease == ALL and several_diseases:
        columns.append(Column("disease", "Disease", wrap=0.15, spare=2))
    columns += [Column(name, FURTHER[name], wrap=0.14, spare=5) for name in arms.further if arms.says(name)]
    if arms.graded and factor != "level":
        columns.append(Column("level", "Level", "center", spare=3))
    if arms.judged:
        columns.append(Column("bias", "Risk\nof bias", "center"))
    columns += [count_column(review, style), Column(AXIS)]
    if entered:
        columns.append(estimate_column(review, style))
    if entered > 1:
        columns.append(Column("share", "Patients,\u00a0%", "right", narrow="Patients,\n%", spare=4))
    return columns


def _study_rows(arms: _Arms, entered: pd.DataFrame, factor: str, style: Style) -> list[Row]:
    if entered.empty:
        reason = not_pooled_reason(arms.one.result, arms.review)
        words = "No study arm is in the analysis" + (f": {reason}" if reason else "")
        return [Row({"study": words}, span="count", quiet=True)]
    largest, patients = entered["n"].max(), entered["n"].sum()

    def study_row(arm: Mapping[Any, Any], indent: float) -> Row:
        share = arm["responders"] / arm["n"]
        cells = arms.facts(arm) | {
            "estimate": estimate_text(share, arm["ci_lb"], arm["ci_ub"], style),
            "share": per_cent(arm["n"] / patients),
        }
        mark = Mark("study", share, arm["ci_lb"], arm["ci_ub"], arm["n"] / largest)
        glyphs = {"bias": judgement_glyph(arms.judged.get(arm["study_id"], ""), style)} if arms.judged else {}
        return Row(cells, mark, indent=indent, glyphs=glyphs)

    records = rows_of(entered)
    if not factor:
        return [study_row(arm, 0.0) for arm in records]
    groups: dict[str, list[Mapping[Any, Any]]] = {}
    for arm in records:
        groups.setdefault(arms.group_of(arm, factor), []).append(arm)
    ranked = list(arms.review.labels.disease) if factor == "disease" else sorted({*arms.levels.values()} - {NOTHING})
    rows: list[Row] = []
    for slug in sorted(groups, key=lambda slug: ranked.index(slug) if slug in ranked else len(ranked)):
        rows.append(Row({"study": arms.group(factor, slug)}, bold=True, span="count", gap=0.3 if rows else 0.0))
        rows += [study_row(arm, 1.2) for arm in groups[slug]]
        if len(groups[slug]) > 1:
            rows.append(_subgroup_row(arms, factor, slug, pd.DataFrame(groups[slug]), style))
    return rows


def _subgroup_row(arms: _Arms, factor: str, slug: str, group: pd.DataFrame, style: Style) -> Row:
    """Diamond of a subgroup when it was pooled from these very arms, its summed counts and the reason otherwise."""
    review, one = arms.review, arms.one
    events, n = group["responders"].sum(), group["n"].sum()
    share = per_cent(n / one.entered["n"].sum())
    cells = {"study": "Subgroup", "count": counts_text(events, n), "share": share}
    own = _pooled_group(review, one, factor, slug)
    if own and own["k"] == len(group):
        if is_estimated(own):
            values = own["estimate"], own["ci_lb"], own["ci_ub"]
            cells["estimate"] = estimate_text(*values, style)
            return Row(cells, Mark("subgroup", *values), indent=1.2, span="level")
        reason = not_pooled_reason(own, review)
    else:
        reason = ""
    reason = reason or "no analysis of these arms alone"
    return Row(cells, note=f"Not pooled: {reason}", indent=1.2, span="level")


def _pooled_group(review: Review, one: Analysis, factor: str, slug: str) -> Mapping[str, Any]:
    """Result of a subgroup: of the subgroup analysis where that was done, else of the analysis of that disease."""
    if len(one.tests):
        found = one.tests[(one.tests["factor"] == factor) & (one.tests["subgroup"].astype(str) == slug)]
        return {**found.iloc[0], "pooled": "yes", "reason": ""} if len(found) else {}
    alone = review.analysis_of(one.scope, one.therapy, slug) if factor == "disease" else None
    return alone.result if alone else {}


def _summary_rows(review: Review, one: Analysis, style: Style) -> list[Row]:
    result = one.result
    if not result["k"]:
        return []
    counts = counts_text(result["events"], result["n"])
    rows = []
    if is_estimated(result):
        effects = "common effect" if result["method"] in FIXED else "random effects"
        values = result["estimate"], result["ci_lb"], result["ci_ub"]
        cells = {"study": f"Pooled, {effects}", "count": counts, "estimate": estimate_text(*values, style)}
        cells["share"] = per_cent(1.0)
        rows.append(Row(cells, Mark("pooled", *values), bold=True, span="level", gap=0.25, rule=True))
        if not missing(result["pi_lb"]):
            bounds = result["pi_lb"], result["pi_ub"]
            cells = {"study": "Prediction interval", "estimate": style.percent_interval(*bounds)}
            rows.append(Row(cells, Mark("prediction", sum(bounds) / 2, *bounds), span="count"))
    else:
        reason = not_pooled_reason(result, review) or STATUSES.get(result["status"], "no estimate")
        note = f"Not pooled: {reason}"
        rows.append(Row({"study": "Pooled"}, note=note, bold=True, span="level", gap=0.25, rule=True))
    if result["k"] > 1:
        values = result["crude"], result["crude_ci_lb"], result["crude_ci_ub"]
        cells = {"study": "Crude, summed counts", "count": counts, "estimate": estimate_text(*values, style)}
        rows.append(Row(cells, Mark("crude", *values), span="level"))
    without = without_secondary(one)
    return [*rows, _without_row(without, style)] if without else rows


def without_secondary(one: Analysis) -> Mapping[Any, Any]:
    """The analysis once more without the counts that are known from secondary sources only; empty where it has none."""
    return next((row for row in one.variant_rows if row["variant"] == WITHOUT), {})


def _without_row(variant: Mapping[Any, Any], style: Style) -> Row:
    k = int(variant["k"])
    if not k:
        return Row({"study": VARIANTS[WITHOUT]}, note="No study is left", span="level")
    mark = without_mark(variant)
    cells = {"study": f"{VARIANTS[WITHOUT]}: {counted(k, 'study', 'studies')}"}
    cells["count"] = counts_text(variant["events"], variant["n"])
    cells["estimate"] = estimate_text(mark.estimate, mark.lower, mark.upper, style)
    if mark.kind == "crude":
        cells["study"] += ", not pooled, crude"
    return Row(cells, mark, span="level")


def without_mark(variant: Mapping[Any, Any]) -> Mark:
    """A lighter diamond where the variant could be pooled, the crude proportion otherwise."""
    if is_estimated(variant):
        return Mark("without", variant["estimate"], variant["ci_lb"], variant["ci_ub"])
    return Mark("crude", variant["crude"], variant["crude_ci_lb"], variant["crude_ci_ub"])


def _test_between(tests: pd.DataFrame, factor: str, style: Style) -> list[str]:
    """The test for differences between subgroups in words, or why there is none."""
    own = tests[tests["factor"] == factor] if len(tests) and factor else tests[:0]
    if own.empty:
        return []
    first = own.iloc[0]
    if missing(first["chi2"]):
        note = "" if missing(first["test_note"]) else TEST_CODES.get(first["test_note"], first["test_note"])
        return [f"Test for differences between {FACTORS[factor]}: not done ({note or 'not estimable'})."]
    return [f"Test for differences between {FACTORS[factor]}: {style.ratio_test(first)}"]


def _left_out_row(arms: _Arms, arm: Mapping[Any, Any], factor: str) -> Row:
    """An arm under the plot; where no column says the disease, the reason begins with it."""
    disease = f"{arms.short_disease(arm['arm_disease'])}: " if factor == "disease" else ""
    return Row(arms.facts(arm), note=f"{disease}{arm_reason(arm, arms.review)}")


def _heterogeneity(result: Mapping[str, Any], style: Style) -> str:
    """Between-study variance in words; I2 last, as it says least."""
    if missing(result["tau2"]):
        status = STATUSES.get(result["status"], "")
        return f"Heterogeneity: not estimable{f' ({status})' if status else ''}."
    tau2 = variance(result["tau2"])
    parts = [f"τ² {tau2}" if tau2.startswith("<") else f"τ² = {tau2}"]
    if not missing(result["tau2_lb"]):
        upper = result["tau2_ub"]
        words = "no upper bound" if math.isinf(upper) else variance(upper)
        parts[0] += f" ({result['conf_level']:.0%} CI {variance(result['tau2_lb'])} to {words})"
    if result["status"] == "tau2_zero":
        parts[0] += ", at the edge of its range"
    if not missing(result["q"]):
        parts.append(f"Q = {result['q']:.2f}, df = {result['q_df']:.0f}, exact P {style.p_value(result['q_p'])}")
    if not missing(result["i2"]):
        parts.append(f"I² = {100 * result['i2']:.0f}%")
    return f"Heterogeneity: {'; '.join(parts)}."


def _keys(review: Review, rows: list[Row], one: Analysis, factor: str) -> list[tuple[str, str]]:
    percent = f"{review.conf_level:.0%}"
    drawn = {row.mark.kind for row in rows if row.mark}
    several = "; area in proportion to patients" if one.result["k"] > 1 else ""
    words = {
        "study": f"study arm, exact {percent} CI{several}",
        "pooled": f"pooled, {percent} CI",
        "subgroup": f"pooled within a {factor or 'subgroup'}, {percent} CI",
        "prediction": f"{percent} prediction interval",
        "crude": f"crude, exact {percent} CI",
        "without": f"pooled without secondary sources, {percent} CI",
    }
    return [(kind, text) for kind, text in words.items() if kind in drawn]


def _notes(arms: _Arms, entered: pd.DataFrame, left_out: pd.DataFrame, factor: str, style: Style) -> list[str]:
    one, review = arms.one, arms.review
    shown = pd.concat([entered, left_out])
    notes = []
    if len(entered):
        words = []
        if len(entered) > 1:
            words.append("Patients, %: share of the patients, as the model has no inverse-variance weights.")
        if is_estimated(one.result):
            words.append(f"Pooled: {model_note(one.result)} Dotted line: pooled value.")
        if square_side(entered["n"].min() / entered["n"].max(), 1.5 * style.size) <= LEAST_SIDE:
            words.append("The smallest squares are drawn larger than in proportion, so that they can be seen.")
        notes.append(" ".join([*words, threshold_note(review)]))
    notes += _summed_outcomes(review, entered)
    if any(map(is_secondary, shown["evidence_basis"].astype(str))):
        notes.append("† Counts known from a secondary source only.")
    notes += retraction_notes(review, shown["study_id"])
    if arms.graded and len(shown):
        ungraded = any(arms.levels.get(slug, NOTHING) == NOTHING for slug in shown["study_id"])
        notes.append(f"Level of evidence: {level_note(review)}" + f" {NOTHING}, not gradable." * ungraded)
    if one.scope == "therapy" and one.disease == ALL and len(review.diseases) > 1:
        used = [*left_out["arm_disease"], *([] if factor == "disease" else entered["arm_disease"])]
        labels, slugs = review.labels, {slug for several in used for slug in several.split(";")}
        pairs = [
            f"{short}, {labels.disease[slug]}"
            for slug, short in labels.disease_short.items()
            if slug in slugs and short not in labels.disease[slug]
        ]
        notes += [f"{'; '.join(pairs)}."] if pairs else []
    awaiting = sorted((arms.study(slug) for slug in ids_in(one.result["awaiting"])), key=sort_name)
    if awaiting:
        notes.append(sentence(f"Awaiting counts ({len(awaiting)}): {', '.join(awaiting)}"))
    return notes


def _other_times(other_times: pd.Series) -> list[str]:
    """How many counts are not shown, since the same patients are shown at another time point."""
    number = int(other_times.sum())
    words = f"{counted(number, 'count')} of these studies at other time points in Table III."
    return [words] if number else []


def _summed_outcomes(review: Review, entered: pd.DataFrame) -> list[str]:
    """Which outcomes are summed, where there is more than one."""
    sums = entered.groupby("outcome", sort=False)[["responders", "n"]].sum()
    if len(sums) < 2:
        return []
    parts = (f"{review.outcome(str(slug)).label.lower()} {counts_text(*row)}" for slug, row in sums.iterrows())
    return [f"Different outcomes are summed: {', '.join(parts)}."]


def _words(review: Review, one: Analysis, label: str) -> str:
    """The figure in words, for readers who cannot see it."""
    result = one.result
    k = int(result["k"])
    words = [f"Forest plot of {label}."]
    if not k:
        words.append("No study arm is in the analysis.")
    else:
        crude = estimate_text(result["crude"], result["crude_ci_lb"], result["crude_ci_ub"], SCREEN)
        counts = f"{counts_text(result['events'], result['n'])} {review.response.event_plural}"
        arms = counted(len(one.entered), "study arm")
        if len(one.entered) != k:
            arms += f" of {counted(k, 'study', 'studies')}"
        words.append(f"{arms}, {counts}, {crude} per cent.")
        if is_estimated(result):
            pooled = estimate_text(result["estimate"], result["ci_lb"], result["ci_ub"], SCREEN)
            words.append(f"Pooled {pooled} per cent.")
            if not missing(result["pi_lb"]):
                predicted = SCREEN.percent_interval(result["pi_lb"], result["pi_ub"])
                words.append(f"Prediction interval {predicted} per cent.")
        else:
            words.append(f"Not pooled: {not_pooled_reason(result, review) or 'no estimate'}.")
    without = without_secondary(one)
    if without:
        words.append(without_words(without))
    if result["k_left_out"]:
        words.append(f"Studies with counts that are not in the analysis: {int(result['k_left_out'])}.")
    if result["k_awaiting"]:
        words.append(f"Studies awaiting counts: {int(result['k_awaiting'])}.")
    return " ".join(words)


def without_words(variant: Mapping[Any, Any]) -> str:
    """The analysis without secondary sources in one sentence."""
    if not variant["k"]:
        return "Without secondary sources no study is left."
    mark = without_mark(variant)
    kind = "crude" if mark.kind == "crude" else "pooled"
    counts = f"{counted(int(variant['k']), 'study', 'studies')}, {counts_text(variant['events'], variant['n'])}"
    value = estimate_text(mark.estimate, mark.lower, mark.upper, SCREEN)
    return f"Without secondary sources: {counts}, {kind} {value}."
