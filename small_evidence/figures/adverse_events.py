"""Adverse events by treatment: the only figure in which a missing row, an unknown count and a zero look different."""

from __future__ import annotations

import math

import pandas as pd

from small_evidence.extraction.schema import numbers
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.forest import counts_text, estimate_text
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import Mark
from small_evidence.figures.page import AXIS, Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.wording import cell, labels_of

TITLE = "Adverse events by treatment"


def adverse_event_plot(
    adverse_events: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    *,
    conf_level: float = 0.95,
    title: str = TITLE,
    style: Style = SCREEN,
) -> Drawing:
    """Dot plot of the patients with each adverse event that a source states.

    A dot where both counts are known; "0" only where the source states that there was none; words where a count is not
    in hand. Treatments of which no source says anything are named below: silence is not zero. Nothing is summed over
    studies, as they name their events each in their own way.

    Parameters
    ----------
    adverse_events, studies, responses, therapies : DataFrame; checked extraction tables
    conf_level : float; coverage of the exact intervals
    title : str; printed only by presets that print titles
    style : Style

    Returns
    -------
    Drawing with one axis (none when no count is known), 0 to 100 per cent of the patients watched
    """
    status = dict(zip(studies["study_id"], studies["status"], strict=True))
    kept = adverse_events[adverse_events["study_id"].map(status).ne("excluded")]
    excluded = len(adverse_events) - len(kept)
    study_labels, therapy_labels = labels_of(studies, "study_id"), labels_of(therapies, "therapy")
    order = numbers(therapies["display_order"]).fillna(math.inf)
    ordered = therapies.assign(_order=order).sort_values("_order", kind="stable")["therapy"].tolist()
    ordered += sorted(set(kept["therapy"]) - set(ordered))

    rows: list[Row] = []
    for slug in ordered:
        own = kept[kept["therapy"] == slug]
        if own.empty:
            continue
        heading = therapy_labels.get(slug) or "Treatment not stated"
        rows.append(Row({"event": heading}, bold=True, span="count", gap=0.2 if rows else 0.0))
        rows += [_event_row(event, study_labels, conf_level, style) for event in own.itertuples()]
    counted = responses[responses["study_id"].map(status).isin(["included", "awaiting"])]
    silent = [slug for slug in ordered if slug in set(counted["therapy"]) and slug not in set(kept["therapy"])]
    names = "; ".join(therapy_labels[slug] for slug in silent)
    closing = [("No statement on adverse events seen, which does not mean that there were none", f"{names}.")]
    bracket = f"({conf_level:.0%} CI)" if style.interval == "parentheses" else f"[{conf_level:.0%} CI]"
    columns = [
        Column("event", "Event"),
        Column("study", "Study", wrap=0.2),
        Column("serious", "Serious", "center", spare=1),
        Column("count", "Patients/\nwatched", "right"),
        Column(AXIS),
        Column("estimate", f"% {bracket}", "right", narrow=f"%\n{bracket}"),
    ]
    left = f" {excluded} statements of excluded studies are not shown." if excluded > 1 else ""
    left = " 1 statement of an excluded study is not shown." if excluded == 1 else left
    sheet = Sheet(
        title=title,
        axis_label="Patients with the event,\u00a0%",
        keys=[("crude", f"patients with the event, exact {conf_level:.0%} CI")]
        if any(row.mark for row in rows)
        else [],
        closing=closing if silent else [],
        notes=[
            "NR: not reported in what was read, neither zero nor none. 0 only where the source states that there was "
            f"none.{left} Events as each source names them, so that nothing is summed over studies."
        ],
    )
    if not rows:
        rows = [Row({"event": "No source states anything on adverse events"}, span="count", quiet=True)]
    stated = [row for row in rows if not row.is_heading]
    words = "; ".join(f"{row.cells['event']} {row.cells.get('count', '')}" for row in stated)
    return describe(draw_sheet(columns, rows, sheet, style), title, f"{title}. {words}. {names}".strip())


def _event_row(event, study_labels: dict[str, str], conf_level: float, style: Style) -> Row:
    x, n = numbers(pd.Series([event.n_patients, event.n_at_risk]))
    cells = {
        "event": cell(event.term),
        "study": study_labels.get(event.study_id) or event.study_id,
        "serious": cell(event.serious),
        "count": f"{cell(event.n_patients)}/{cell(event.n_at_risk)}",
    }
    if math.isnan(x) or math.isnan(n) or n == 0:
        unknown = "count" if math.isnan(x) else "patients watched"
        words = "unclear in the source" if event.reporting == "unclear" else f"{unknown} not reported"
        return Row(cells, note=words, indent=1.2)
    lower, upper = (float(bound[0]) for bound in proportion_interval([x], [n], conf_level=conf_level))
    cells |= {"count": counts_text(x, n), "estimate": estimate_text(x / n, lower, upper, style)}
    return Row(cells, Mark("crude", x / n, lower, upper), indent=1.2)
