"""Adverse events by treatment: the only figure in which a missing row, an unknown count and a zero look different."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import numbers
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.layout import absent, draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.scale import span_note, span_of
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.words import counts_text, estimate_column, estimate_text
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.review import Review
from small_evidence.wording import capital, cell, counted


def adverse_event_plot(review: Review, style: Style = SCREEN, *, title: str = "") -> Drawing:
    """Dot plot of the patients with each adverse event that a source states.

    A dot where both counts are known; "0" only where the source states that there was none; words where a count is not
    available. Treatments of which no source says anything are named below: silence is not zero. Nothing is summed over
    studies, as they name their events each in their own way.

    Parameters
    ----------
    review : Review
    style : Style
    title : str; names what is studied if empty (printed only by presets that print titles)

    Returns
    -------
    Drawing with one axis (none when no count is known), of the patients watched
    """
    title = title or f"Adverse events by {review.subject.singular}"
    status = review["studies"].set_index("study_id")["status"]
    events = review["adverse_events"]
    kept = events[events["study_id"].map(status) != "excluded"]
    if kept.empty:
        return absent(title, "No source states anything on adverse events", style)
    ordered = [therapy for _, members in review.classes for therapy in members]
    ordered += sorted(set(kept["therapy"]) - set(ordered))
    rows: list[Row] = []
    for slug in ordered:
        own = kept[kept["therapy"] == slug]
        if own.empty:
            continue
        heading = review.labels.therapy.get(slug) or f"{capital(review.subject.singular)} not reported"
        rows.append(Row({"event": heading}, bold=True, span="count", gap=0.2 if rows else 0.0))
        rows += [_event_row(event, review, style) for event in own.to_dict("records")]
    included = review["responses"][review["responses"]["study_id"].map(status).isin(["included", "awaiting"])]
    silent = [slug for slug in ordered if slug in set(included["therapy"]) and slug not in set(kept["therapy"])]
    names = "; ".join(review.labels.therapy[slug] for slug in silent)
    closing = [("No statement on adverse events found, which does not mean that there were none", f"{names}.")]
    columns = [
        Column("event", "Event"),
        Column("study", "Study", wrap=0.2),
        Column("serious", "Serious", "center", spare=1),
        Column("count", "Patients/\nwatched", "right"),
        Column(AXIS),
        estimate_column(review, style),
    ]
    excluded = len(events) - len(kept)
    left = counted(excluded, "statement of an excluded study", "statements of excluded studies")
    note = (
        "NR: not reported in what was read, neither zero nor none. 0 only where the source states that there was "
        "none. Events as each source names them, so that nothing is summed over studies."
    )
    span = span_of(review, rows)
    marked = any(row.mark for row in rows)
    sheet = Sheet(
        title=title,
        axis_label="Patients with the event,\u00a0%",
        span=span,
        keys=[("crude", f"patients with the event, exact {review.conf_level:.0%} CI")] if marked else [],
        closing=closing if silent else [],
        notes=[note + f" Not shown: {left}." * (excluded > 0), *span_note(span, rows)],
    )
    words = "; ".join(f"{row.cells['event']} {row.cells.get('count', '')}" for row in rows if not row.is_heading)
    return describe(draw_sheet(columns, rows, sheet, style), title, f"{title}. {words}. {names}".strip())


def _event_row(event: Mapping[Any, str], review: Review, style: Style) -> Row:
    x, n = numbers(pd.Series([event["n_patients"], event["n_at_risk"]]))
    cells = {
        "event": cell(event["term"]),
        "study": review.labels.study.get(event["study_id"]) or event["study_id"],
        "serious": cell(event["serious"]),
        "count": f"{cell(event['n_patients'])}/{cell(event['n_at_risk'])}",
    }
    if math.isnan(x) or math.isnan(n) or n == 0:
        unknown = "count" if math.isnan(x) else "patients watched"
        words = "unclear in the source" if event["reporting"] == "unclear" else f"{unknown} not reported"
        return Row(cells, note=words, indent=1.2)
    lower, upper = (float(bound[0]) for bound in proportion_interval([x], [n], conf_level=review.conf_level))
    cells |= {"count": counts_text(x, n), "estimate": estimate_text(x / n, lower, upper, style)}
    return Row(cells, Mark("crude", x / n, lower, upper), indent=1.2)
