"""Summary forest of the whole review, the figure that goes with Table IV: the only module that knows its rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from evidence.figures.forest import AXIS_LABEL, counts_text, estimate_text, scheme_note, short_level
from evidence.figures.layout import AXIS, Column, Mark, Row, Sheet, draw_sheet
from evidence.figures.style import SCREEN, Style, describe
from evidence.schema import humanise, numbers
from evidence.wording import INTERVALS, MODELS, NOTHING, all_of, class_label, labels_of, level_text

ALL = "all"
INDENT = 1.2  # of the members of a class, in type sizes


def summary_forest(
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    class_labels: Mapping[str, str] | None = None,
    title: str = "Response by treatment",
    axis_label: str = AXIS_LABEL,
    level_note: str = "",
    reference: float = 0.5,
    style: Style = SCREEN,
) -> Figure:
    """All treatments of the review on one page, grouped and ordered as in Table IV.

    A row a treatment with study arms that entered: pooled (filled diamond, thick line, bold) or with its crude
    proportion only (open square, thin line). A class that is analysed as a whole has its own row after its members. The
    other treatments are named below, with their level: those whose counts did not enter, and those that have none yet.

    Parameters
    ----------
    pooled, arms : DataFrame; from `synthesis.pool_arms` and `synthesis.select_arms`
    therapy_levels : DataFrame; from `grading.grade_therapies`
    therapies : DataFrame; checked extraction table
    class_labels : mapping; class slug to label
    title : str; printed only by presets that print titles
    axis_label : str; what the axis counts
    level_note : str; scheme of the levels and its caveat; the name of the scheme if empty
    reference : float; proportion with a light line
    style : Style

    Returns
    -------
    Figure with one Axes (none when no arm entered anywhere), 0 to 100 per cent, y in points downwards
    """
    whole = pooled[pooled["disease"] == ALL].set_index(["scope", "therapy"])
    kept_out = arms[
        (arms["disease"] == ALL) & (arms["entered"] == "no") & arms["responders"].notna() & arms["n"].notna()
    ]
    kept_out = dict(list(kept_out.groupby(["scope", "therapy"])))
    grades = therapy_levels[therapy_levels["disease"] == ALL].set_index(["scope", "therapy"])
    levels = {key: short_level(value) for key, value in grades["level"].items()}
    labels = labels_of(therapies, "therapy")

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
        rows += [row_of("therapy", therapy, labels[therapy]) for therapy in shown]
        if ("class", slug) in whole.index and whole.loc[("class", slug)]["k"]:
            rows.append(row_of("class", slug, all_of(label), _same_arms(slug, shown, whole, labels)))

    waiting = any(row.cells.get("awaiting", NOTHING) != NOTHING for row in rows)
    columns = [
        Column("therapy", "Treatment"),
        Column("level", "Level", "center"),
        Column("studies", "Studies", "right"),
        *([Column("awaiting", "Awaiting\ncounts", "right")] if waiting else []),
        Column("count", "Responders/n", "right"),
        Column(AXIS),
        Column("estimate", f"% {_bracket(pooled, style)}", "right"),
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
    known = pooled["level"].dropna()
    return f"{known.iloc[0] if len(known) else 0.95:.0%}"


def _bracket(pooled: pd.DataFrame, style: Style) -> str:
    return f"({_level(pooled)} CI)" if style.interval == "parentheses" else f"[{_level(pooled)} CI]"


def _keys(rows: list[Row], pooled: pd.DataFrame) -> list[tuple[str, str]]:
    drawn = {row.mark.kind for row in rows if row.mark}
    words = {
        "pooled_row": f"pooled (bold), {_level(pooled)} CI thick, prediction interval thin",
        "crude_row": f"not pooled: crude proportion, exact {_level(pooled)} CI",
    }
    return [(kind, text) for kind, text in words.items() if kind in drawn]


def _notes(rows: list[Row], whole, therapy_levels, level_note: str, reference: float, waiting: bool) -> list[str]:
    notes = []
    words = ["Studies: arms that entered" + ("; awaiting counts: studies without usable counts." if waiting else ".")]
    done = whole[whole["pooled"] == "yes"]
    if len(done):
        first = done.iloc[0]
        model = MODELS.get(first["method"], humanise(str(first["method"])))
        kind = INTERVALS.get(first["interval"], humanise(str(first["interval"])))
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
    for kind, name in (("pooled_row", "Pooled"), ("crude_row", "Crude only")):
        values = [
            f"{row.cells['therapy']} {row.cells['count']}, {row.cells['estimate']}"
            for row in rows
            if row.mark and row.mark.kind == kind
        ]
        if values:
            words.append(f"{name}, per cent: {'; '.join(values)}.")
    if kept_out:
        words.append(f"Treatments with counts that did not enter: {len(kept_out)}.")
    if without:
        words.append(f"Treatments without usable counts: {len(without)}.")
    return " ".join(words)
