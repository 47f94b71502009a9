"""Summary forest of the whole review, the figure that goes with Table IV: the only module that knows its rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from small_evidence.extraction.schema import ALL, numbers
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.forest import (
    AXIS_LABEL,
    WITHOUT,
    counts_text,
    estimate_text,
    scheme_note,
    short_level,
    without_mark,
)
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.wording import NOTHING, all_of, class_label, interval_label, labels_of, level_text, method_label

INDENT = 1.2  # of the members of a class, in type sizes


def summary_forest(
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    class_labels: Mapping[str, str] | None = None,
    sensitivity: pd.DataFrame | None = None,
    title: str = "Response by treatment",
    axis_label: str = AXIS_LABEL,
    level_note: str = "",
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Drawing:
    """All treatments of the review on one page, grouped and ordered as in Table IV.

    A row a treatment with study arms that entered: pooled (filled diamond, thick line, bold) or with its crude
    proportion only (open square, thin line). Below a treatment with counts known from secondary sources only, a row
    shows it without them. A class that is analysed as a whole has its own row after its members. The
    other treatments are named below, with their level: those whose counts did not enter, and those that have none yet.

    Parameters
    ----------
    pooled, arms : DataFrame; from `synthesis.pool_arms` and `synthesis.select_arms`
    therapy_levels : DataFrame; from `grading.grade_therapies`
    therapies : DataFrame; checked extraction table
    class_labels : mapping; class slug to label
    sensitivity : DataFrame; from `synthesis.sensitivity`, for the rows without secondary sources
    title : str; printed only by presets that print titles
    axis_label : str; what the axis counts
    level_note : str; scheme of the levels and its caveat; the name of the scheme if empty
    reference : float; proportion with a light line
    style : Style

    Returns
    -------
    Drawing with one axis (none when no arm entered anywhere), 0 to 100 per cent, y in points downwards
    """
    whole = pooled[pooled["disease"] == ALL].set_index(["scope", "therapy"])
    kept_out = arms[
        (arms["disease"] == ALL) & (arms["entered"] == "no") & arms["responders"].notna() & arms["n"].notna()
    ]
    kept_out = dict(list(kept_out.groupby(["scope", "therapy"])))
    grades = therapy_levels[therapy_levels["disease"] == ALL].set_index(["scope", "therapy"])
    levels = {key: short_level(value) for key, value in grades["level"].items()}
    labels = labels_of(therapies, "therapy")

    variants = sensitivity if sensitivity is not None else pd.DataFrame({"variant": [], "analysis": []})
    variants = variants[variants["variant"] == WITHOUT].set_index("analysis")

    def row_of(scope: str, slug: str, label: str, note: str = "") -> Row:
        result = whole.loc[(scope, slug)]
        cells = {
            "therapy": label,
            "level": levels.get((scope, slug), NOTHING),
            "studies": f"{result['k']:.0f}",
            "awaiting": f"{result['k_awaiting']:.0f}" if result["k_awaiting"] else NOTHING,
        }
        cells["count"] = counts_text(result["events"], result["n"])
        if note:
            return Row(cells, note=note, indent=INDENT)
        is_pooled = result["pooled"] == "yes" and not math.isnan(result["estimate"])
        if is_pooled:
            value = (result["estimate"], result["ci_lb"], result["ci_ub"])
            mark = Mark("pooled_row", *value, pi_lower=result["pi_lb"], pi_upper=result["pi_ub"])
        else:
            value = (result["crude"], result["crude_ci_lb"], result["crude_ci_ub"])
            mark = Mark("crude_row", *value)
        return Row(cells | {"estimate": estimate_text(*value, style)}, mark, indent=INDENT, bold=is_pooled)

    def rows_of(slug: str) -> list[Row]:
        analysis = whole.loc[("therapy", slug)]["analysis"]
        rows = [row_of("therapy", slug, labels[slug])]
        return [*rows, _without_row(variants.loc[analysis], style)] if analysis in variants.index else rows

    rows: list[Row] = []
    small, held, without = [], [], []
    order = numbers(therapies["display_order"]).fillna(math.inf)
    ordered = therapies.assign(_order=order).sort_values("_order", kind="stable")
    for slug, members in ordered.groupby("therapy_class", sort=False):
        here = [therapy for therapy in members["therapy"] if ("therapy", therapy) in whole.index]
        shown = [therapy for therapy in here if whole.loc[("therapy", therapy)]["k"]]
        for therapy in here:
            if therapy in shown:
                continue
            level = levels.get(("therapy", therapy), NOTHING)
            level = level_text("") if level == NOTHING else level
            own = kept_out.get(("therapy", therapy))
            if own is None:
                studies = whole.loc[("therapy", therapy)]["k_awaiting"]
                without.append(f"{labels[therapy]} ({level};\u00a0{studies:.0f})")
            else:
                counts = ", ".join(_counts_with_unit(arm) for arm in own.itertuples())
                chosen = small if own["reason"].str.startswith("fewer than").all() else held
                chosen.append(f"{labels[therapy]} ({level}) {counts}")
        if not shown:
            continue
        label = class_label(slug, class_labels or {})
        rows.append(Row({"therapy": label}, bold=True, span="count", gap=0.2 if rows else 0.0))
        rows += [row for therapy in shown for row in rows_of(therapy)]
        if ("class", slug) in whole.index and whole.loc[("class", slug)]["k"]:
            rows.append(row_of("class", slug, all_of(label), _same_arms(slug, shown, whole, labels)))

    waiting = any(row.cells.get("awaiting", NOTHING) != NOTHING for row in rows)
    columns = [
        Column("therapy", "Treatment"),
        Column("level", "Level", "center", spare=1),
        Column("studies", "Studies", "right", spare=2),
        *([Column("awaiting", "Awaiting\ncounts", "right", spare=3)] if waiting else []),
        Column("count", "Responders/n", "right", narrow="Responders\nof n"),
        Column(AXIS),
        Column("estimate", f"% {_bracket(pooled, style)}", "right", narrow=f"%\n{_bracket(pooled, style)}"),
    ]
    closing = [
        ("Only arms too small to enter: treatment (level) counts of each arm", small),
        ("Counts held back, for the reasons given in the tables: treatment (level) counts of each arm", held),
        ("No usable counts yet: treatment (level; studies awaiting counts)", without),
    ]
    sheet = Sheet(
        title=title,
        axis_label=axis_label,
        reference=reference,
        keys=_keys(rows, pooled),
        closing=[(heading, "; ".join(names) + ".") for heading, names in closing if names],
        notes=_notes(rows, whole, therapy_levels, level_note, reference, waiting),
    )
    if not rows:
        rows = [Row({"therapy": "No treatment has usable counts"}, span="count", quiet=True)]
    return describe(draw_sheet(columns, rows, sheet, style), title, _words(rows, small + held, without, title))


def _without_row(variant, style: Style) -> Row:
    """A treatment once more without the counts that are known from secondary sources only."""
    cells = {"therapy": WITHOUT, "studies": f"{variant['k']:.0f}"}
    if not variant["k"]:
        return Row(cells, note="no study is left", indent=2 * INDENT, quiet=True)
    mark = without_mark(variant)
    kind = "without_row" if mark.kind == "without" else "crude_row"
    cells["count"] = counts_text(variant["events"], variant["n"])
    cells["estimate"] = estimate_text(mark.estimate, mark.lower, mark.upper, style)
    return Row(cells, replace(mark, kind=kind), indent=2 * INDENT)


def _counts_with_unit(arm) -> str:
    """Counts of an arm that did not enter, with the unit when that is why ("lesions, not patients")."""
    other_unit = re.fullmatch(r"(\w+), not \w+", arm.reason)
    return counts_text(arm.responders, arm.n) + (f" {other_unit[1]}" if other_unit else "")


def _same_arms(slug: str, members: list[str], whole: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Words in place of a mark when a class has no other arms than one of its members, so that none is drawn twice."""
    studies = whole.loc[("class", slug)]["studies"]
    for therapy in members:
        if studies == whole.loc[("therapy", therapy)]["studies"]:
            return f"no other arms than {labels[therapy]}"
    return ""


def _level(pooled: pd.DataFrame) -> str:
    known = pooled["conf_level"].dropna()
    return f"{known.iloc[0] if len(known) else 0.95:.0%}"


def _bracket(pooled: pd.DataFrame, style: Style) -> str:
    return f"({_level(pooled)} CI)" if style.interval == "parentheses" else f"[{_level(pooled)} CI]"


def _keys(rows: list[Row], pooled: pd.DataFrame) -> list[tuple[str, str]]:
    drawn = {row.mark.kind for row in rows if row.mark}
    words = {
        "pooled_row": f"pooled (bold), {_level(pooled)} CI thick, prediction interval thin",
        "without_row": f"pooled without secondary sources, {_level(pooled)} CI",
        "crude_row": f"not pooled: crude proportion, exact {_level(pooled)} CI",
    }
    return [(kind, text) for kind, text in words.items() if kind in drawn]


def _notes(rows: list[Row], whole, therapy_levels, level_note: str, reference: float, waiting: bool) -> list[str]:
    notes = []
    words = ["Studies: arms that entered" + ("; awaiting counts: studies without usable counts." if waiting else ".")]
    done = whole[whole["pooled"] == "yes"]
    if len(done):
        first = done.iloc[0]
        model = method_label(first["method"])
        kind = interval_label(first["interval"])
        words.append(f"Pooled: {model}; interval by {kind}.")
    if any(row.mark for row in rows) and not math.isnan(reference):
        words.append(f"Grey line: {100 * reference:g}%.")
    if any(row.cells.get("level") == NOTHING for row in rows):
        words.append(f"Level {NOTHING}: not gradable.")
    notes.append(" ".join(words))
    level_note = level_note or scheme_note(therapy_levels)
    if level_note:
        notes.append(f"Level of evidence: {level_note}")
    return notes


def _words(rows: list[Row], kept_out: list[str], without: list[str], title: str) -> str:
    """The figure in words, for readers who cannot see it."""
    words = [f"{title}: forest plot of all treatments."]
    kinds = {"pooled_row": "Pooled", "crude_row": "Crude only", "without_row": "Pooled without secondary sources"}
    values: dict[str, list[str]] = {name: [] for name in kinds.values()}
    treatment = ""
    for row in rows:
        if not row.mark:
            continue
        without = row.cells["therapy"] == WITHOUT
        treatment = treatment if without else row.cells["therapy"]
        label = f"{treatment} {WITHOUT}" if without else treatment
        value = f"{label} {row.cells['count']}, {row.cells['estimate']}"
        values[kinds[row.mark.kind]].append(value)
    words += [f"{name}, per cent: {'; '.join(found)}." for name, found in values.items() if found]
    if kept_out:
        words.append(f"Treatments with counts that did not enter: {len(kept_out)}.")
    if without:
        words.append(f"Treatments without usable counts: {len(without)}.")
    return " ".join(words)
