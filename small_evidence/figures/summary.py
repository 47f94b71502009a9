"""Summary forest of the whole review, the figure that goes with Table IV: the only module that knows its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from small_evidence.extraction.schema import LABELS, rows_of
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.forest import WITHOUT, is_secondary, without_mark, without_secondary
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet
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
from small_evidence.review import Analysis, Review
from small_evidence.wording import NOTHING, VARIANTS, Subject, all_of, capital, level_text

INDENT = 1.2  # of the members of a class, in type sizes
WITHOUT_WORDS = VARIANTS[WITHOUT].lower()
SMALL = "small_arm"  # the reason of an arm that has too few patients
OTHER_UNIT = "other_unit"  # and of one that counts something else, with what it counts as its detail


def summary_forest(review: Review, style: Style = SCREEN, *, title: str = "") -> Drawing:
    """All treatments of the review on one page, grouped and ordered as in Table IV.

    A row a treatment with study arms that entered: pooled (filled diamond, thick line, bold) or with its crude
    proportion only (open square, thin line). Below a treatment with counts known from secondary sources only, a row
    shows it without them. A class that is analysed as a whole has its own row after its members. The
    other treatments are named below, with their level: those whose counts did not enter, and those that have none yet.

    Parameters
    ----------
    review : Review with results
    style : Style
    title : str; names the outcome if empty (printed only by presets that print titles)

    Returns
    -------
    Drawing with one axis (none when no arm entered anywhere)
    """
    title = title or f"{capital(review.response.noun_plural)} by {review.subject.singular}"
    rows, others, subject = _rows(review, style), _others(review), review.subject
    waiting = any(row.cells.get("awaiting", NOTHING) != NOTHING for row in rows)
    columns = [
        Column("therapy", capital(subject.singular)),
        Column("level", "Level", "center", spare=1),
        Column("studies", "Studies", "right", spare=2),
        *([Column("awaiting", "Awaiting\ncounts", "right", spare=3)] if waiting else []),
        count_column(review, style),
        Column(AXIS),
        estimate_column(review, style),
    ]
    headings = (
        f"Only arms too small to enter: {subject.singular} (level) counts of each arm",
        f"Counts left out, for the reasons given in the tables: {subject.singular} (level) counts of each arm",
        f"No usable counts yet: {subject.singular} (level; studies awaiting counts)",
    )
    span = span_of(review, rows)
    sheet = Sheet(
        title=title,
        axis_label=axis_label(review),
        span=span,
        reference=review.response_threshold,
        keys=_keys(review, rows),
        closing=[(head, "; ".join(names) + ".") for head, names in zip(headings, others, strict=True) if names],
        notes=[*_notes(review, rows, waiting), *span_note(span, rows)],
    )
    words = _words(rows, others, title, subject)
    if not rows:
        rows = [Row({"therapy": f"No {subject.singular} has usable counts"}, span="count", quiet=True)]
    return describe(draw_sheet(columns, rows, sheet, style), title, words)


def _whole(review: Review, members: Sequence[str]) -> list[Analysis]:
    """Analyses of therapies over all diseases, in the order given."""
    found = (review.analysis_of("therapy", therapy) for therapy in members)
    return [one for one in found if one]


def _rows(review: Review, style: Style) -> list[Row]:
    rows: list[Row] = []
    entered = review["arms"][review["arms"]["entered"] == "yes"]
    all_secondary = all(map(is_secondary, entered["evidence_basis"].astype(str)))  # then nothing is left of any of them
    for therapy_class, members in review.classes:
        shown = [one for one in _whole(review, members) if one.result["k"]]
        if not shown:
            continue
        label = review.labels.of("class", therapy_class)
        if [one.label for one in shown] != [label]:  # a class of one therapy with its name needs no heading
            rows.append(Row({"therapy": label}, bold=True, span="count", gap=0.2 if rows else 0.0))
        for one in shown:
            rows.append(_row(one, one.label, style))
            without = {} if all_secondary else without_secondary(one)
            rows += [_without_row(without, style)] if without else []
        whole = review.analysis_of("class", therapy_class)
        if whole and whole.result["k"]:
            rows.append(_row(whole, all_of(label), style, _same_arms(whole, shown)))
    return rows


def _row(one: Analysis, label: str, style: Style, note: str = "") -> Row:
    result = one.result
    cells = {
        "therapy": label,
        "level": short_level(one.level.get("level", "")),
        "studies": f"{result['k']:.0f}",
        "awaiting": f"{result['k_awaiting']:.0f}" if result["k_awaiting"] else NOTHING,
        "count": counts_text(result["events"], result["n"]),
    }
    if note:
        return Row(cells, note=note, indent=INDENT)
    if is_estimated(result):
        values = result["estimate"], result["ci_lb"], result["ci_ub"]
        mark = Mark("pooled_row", *values, pi_lower=result["pi_lb"], pi_upper=result["pi_ub"])
    else:
        values = result["crude"], result["crude_ci_lb"], result["crude_ci_ub"]
        mark = Mark("crude_row", *values)
    cells["estimate"] = estimate_text(*values, style)
    return Row(cells, mark, indent=INDENT, bold=mark.kind == "pooled_row")


def _without_row(variant: Mapping[str, Any], style: Style) -> Row:
    """A treatment once more without the counts that are known from secondary sources only."""
    cells = {"therapy": WITHOUT_WORDS, "studies": f"{variant['k']:.0f}"}
    if not variant["k"]:
        return Row(cells, note="no study is left", indent=2 * INDENT, quiet=True)
    mark = without_mark(variant)
    kind = "without_row" if mark.kind == "without" else "crude_row"
    cells["count"] = counts_text(variant["events"], variant["n"])
    cells["estimate"] = estimate_text(mark.estimate, mark.lower, mark.upper, style)
    return Row(cells, replace(mark, kind=kind), indent=2 * INDENT)


def _same_arms(whole: Analysis, members: Sequence[Analysis]) -> str:
    """Words in place of a mark when a class has no other arms than one of its members, so that none is drawn twice."""
    same = [one.label for one in members if one.result["studies"] == whole.result["studies"]]
    return f"no other arms than {same[0]}" if same else ""


def _others(review: Review) -> tuple[list[str], list[str], list[str]]:
    """Treatments without a row, in words: of arms that are too small, of counts left out, without counts."""
    small: list[str] = []
    held: list[str] = []
    without: list[str] = []
    for _, members in review.classes:
        for one in (one for one in _whole(review, members) if not one.result["k"]):
            level = level_text(one.level.get("level", ""))
            if one.left_out.empty:
                without.append(f"{one.label} ({level};\u00a0{one.result['k_awaiting']:.0f})")
                continue
            counts = ", ".join(_counts_with_unit(arm) for arm in rows_of(one.left_out))
            chosen = small if (one.left_out["reason"] == SMALL).all() else held
            chosen.append(f"{one.label} ({level}) {counts}")
    return small, held, without


def _counts_with_unit(arm: Mapping[Any, Any]) -> str:
    """Counts of an arm that did not enter, with the unit when that is why."""
    counts = counts_text(arm["responders"], arm["n"])
    return f"{counts} {LABELS['unit'].get(arm['detail'], arm['detail'])}" if arm["reason"] == OTHER_UNIT else counts


def _keys(review: Review, rows: list[Row]) -> list[tuple[str, str]]:
    drawn, percent = {row.mark.kind for row in rows if row.mark}, f"{review.conf_level:.0%}"
    words = {
        "pooled_row": f"pooled (bold), {percent} CI thick, prediction interval thin",
        "without_row": f"pooled without secondary sources, {percent} CI",
        "crude_row": f"not pooled: crude proportion, exact {percent} CI",
    }
    return [(kind, text) for kind, text in words.items() if kind in drawn]


def _notes(review: Review, rows: list[Row], waiting: bool) -> list[str]:
    words = [
        "Studies: with counts that are included"
        + ("; awaiting counts: studies without usable counts." if waiting else ".")
    ]
    pooled = [one.result for one in review.analyses.values() if one.pooled]
    words += [f"Pooled: {model_note(pooled[0])}"] if pooled else []
    words += [threshold_note(review)] if any(row.mark for row in rows) else []
    words += [f"Level {NOTHING}: not gradable."] if any(row.cells.get("level") == NOTHING for row in rows) else []
    return [" ".join(words), f"Level of evidence: {level_note(review)}"]


def _words(rows: list[Row], others: tuple[list[str], list[str], list[str]], title: str, subject: Subject) -> str:
    """The figure in words, for readers who cannot see it."""
    kinds = {"pooled_row": "Pooled", "crude_row": "Crude only", "without_row": "Pooled without secondary sources"}
    values: dict[str, list[str]] = {name: [] for name in kinds.values()}
    treatment = ""
    for row in rows:
        if row.mark is None:
            continue
        without = row.cells["therapy"] == WITHOUT_WORDS
        treatment = treatment if without else row.cells["therapy"]
        label = f"{treatment} {WITHOUT_WORDS}" if without else treatment
        values[kinds[row.mark.kind]].append(f"{label} {row.cells['count']}, {row.cells['estimate']}")
    small, held, none = others
    words = [f"{title}: forest plot of all {subject.plural}."]
    words += [f"{name}, per cent: {'; '.join(found)}." for name, found in values.items() if found]
    words += (
        [f"{capital(subject.plural)} with counts that did not enter: {len(small + held)}."] if small or held else []
    )
    words += [f"{capital(subject.plural)} without usable counts: {len(none)}."] if none else []
    return " ".join(words)
