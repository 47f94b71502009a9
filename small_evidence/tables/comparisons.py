"""Therapies compared within studies: counts of both arms, odds ratio, risk ratio and risk difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import LABELS
from small_evidence.pooling.comparisons import MEASURES
from small_evidence.reasons import ARM_REASONS
from small_evidence.review import Review
from small_evidence.tables.parts import counts_head, level_note, subject_column
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTHING,
    capital,
    coverage,
    effect_number,
    fraction,
    ids_in,
    joined,
    level_text,
    missing,
)


def comparison_table(review: Review) -> Table:
    """A row a pair of therapies that a study compares; those without usable counts of both arms say why."""
    rows: list[dict[str, Any]] = []
    for _, pair in review["comparisons"].groupby(["therapy", "comparator", "reason"], sort=False):
        first = pair.iloc[0].to_dict()
        found = {line["measure"]: line for line in pair.drop_duplicates("measure").to_dict("records")}
        reason = first["reason"]
        rows.append(
            {
                "about": {"therapy": first["therapy"], "study": first["studies"]},
                "Treatment": review.labels.therapy[first["therapy"]],
                "Compared with": review.labels.therapy.get(first["comparator"], "NR"),
                "Studies": int(first["k"]),
                "Treated": NOTHING if reason else fraction(first["events1"], first["n1"]),
                "Comparison": NOTHING if reason else fraction(first["events2"], first["n2"]),
                **{measure: _effect(found.get(measure, {}), measure) for measure in MEASURES},
                "Level": level_text(first["level"]),
                "Not compared": (ARM_REASONS.get(reason) or LABELS["pool_reason_code"].get(reason, reason)) or NOTHING,
                "Study": joined(review.labels.study[study] for study in ids_in(first["studies"])),
            }
        )
    conf = coverage(review.conf_level)
    columns = (
        subject_column(review, 18),
        Column("Compared with", 16),
        Column("Studies", 7, "center"),
        Column("Treated", 13, "right", over=counts_head(review), heading=capital(review.subject.singular)),
        Column("Comparison", 13, "right", over=counts_head(review)),
        Column("OR", 15, "right", heading=f"Odds ratio [{conf} CI]"),
        Column("RR", 15, "right", heading=f"Risk ratio [{conf} CI]"),
        Column("RD", 17, "right", heading=f"Risk difference, percentage points [{conf} CI]"),
        Column("Level", 7),
        Column("Not compared", 16),
        Column("Study", 22),
    )
    notes = [
        "Groups of different patients within one study, over all diseases. An odds or risk ratio above 1 and a risk "
        f"difference above 0 mean that more of the first group {review.response.event_plural}.",
        "One study: exact interval of the odds ratio, score intervals of the risk ratio and the risk difference. "
        "Several: odds ratio of the hypergeometric-normal model, with penalised profile likelihood and Student's "
        "critical value; risk ratio and risk difference by Mantel-Haenszel, which assume one effect in all studies: "
        "where studies differ, their intervals are too narrow.",
        *level_note(review),
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    title = f"{capital(review.subject.plural)} compared within studies"
    return Table(
        "comparisons", "", title, frame, columns, footnotes=tuple(notes), listed=True,
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _effect(line: Mapping[Any, Any], measure: str) -> str:
    if missing(line.get("estimate")):
        return NOTHING
    value, lower, upper = (effect_number(float(line[name]), measure) for name in ("estimate", "ci_lb", "ci_ub"))
    return value if NOTHING in (lower, upper) else f"{value} [{lower}, {upper}]"
