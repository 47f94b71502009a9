"""Certainty of the evidence by the domains of GRADE: what the rules propose and what the authors confirmed, apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from small_evidence.appraisal.certainty import (
    DOMAINS,
    ENOUGH_PATIENTS,
    MAJORITY,
    Q_P,
    SMALL_ARM,
    WIDE,
)
from small_evidence.extraction.schema import LABELS
from small_evidence.review import Review
from small_evidence.tables.parts import subject_column, treatments
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTHING, cell, counted, ids_in, joined, p_value

TO_CONFIRM = "not yet confirmed"


def _points(width: float) -> str:
    return f"{100 * width:.0f} percentage points"


# Words of the grounds, as functions of their value
GROUNDS: Mapping[str, Callable[[float], str]] = {
    "no_comparison": lambda k: f"{counted(int(k), 'study', 'studies')}, none with a comparison in this result",
    "high_risk": lambda share: f"high risk of bias in studies with {share:.0%} of the patients",
    "critical_risk": lambda share: f"critical risk of bias in studies with {share:.0%} of the patients",
    "not_appraised": lambda share: f"no overall appraisal of studies with {share:.0%} of the patients",
    "second_hand": lambda share: f"counts of {share:.0%} of the patients not read in a full text",
    "one_study": lambda _: "one study",
    "no_difference": lambda p: f"test of one proportion P {_equal(p)}",
    "differ": lambda p: f"test of one proportion P {_equal(p)}",
    "differ_widely": lambda width: f"prediction interval {_points(width)} wide",
    "several_outcomes": lambda number: f"{number:.0f} outcomes counted as one",
    "several_therapies": lambda number: f"{number:.0f} members of the class counted as one",
    "few_patients": lambda n: f"{counted(int(n), 'patient')}, fewer than {ENOUGH_PATIENTS}",
    "across_threshold": lambda _: "the interval includes the threshold",
    "wide_interval": lambda width: f"interval {_points(width)} wide",
    "small_arms": lambda n: f"half of the arms with {n:.0f} patients or fewer",
    "counts_missing": lambda share: f"counts of {share:.0%} of the studies missing",
    "unpublished": lambda n: (
        f"{counted(int(n), 'unpublished patient')} with the other outcome would cross the threshold"
    ),
}


def _equal(p: float) -> str:
    words = p_value(p)
    return words if words.startswith("<") else f"= {words}"


class Rating(NamedTuple):
    """Certainty of an analysis in words."""

    proposed: str
    confirmed: str  # TO_CONFIRM where the authors have not


def ratings(review: Review) -> dict[str, Rating]:
    """Overall certainty of each analysis, by its name."""
    overall = review["certainty_ratings"].query("domain == 'overall'")
    return {
        row["analysis"]: Rating(
            _judgement(row["proposed"]), _judgement(row["confirmed"]) if row["confirmed"] else TO_CONFIRM
        )
        for row in overall.to_dict("records")
    }


def certainty_table(review: Review) -> Table:
    """A row a treatment over all diseases, or in one disease where the authors judged that."""
    found = review["certainty_ratings"]
    stated = set(found.loc[found["confirmed"] != "", "analysis"])
    rows: list[dict[str, Any]] = []
    for treatment in treatments(review):
        own = found[(found["scope"] == treatment.scope) & (found["therapy"] == treatment.slug)]
        for analysis, lines in own.groupby("analysis", sort=False):
            disease = lines["disease"].iloc[0]
            if disease != "all" and analysis not in stated:
                continue
            rows.append(
                {"Class": treatment.group, "Treatment": review.labels.of(treatment.scope, treatment.slug, disease)}
                | {"about": {"analysis": analysis}}
                | _row({line["domain"]: line for line in lines.to_dict("records")})
            )
    columns = (
        subject_column(review),
        *(Column(_head(domain), 15) for domain in DOMAINS),
        Column("Proposed", 9, over="Certainty"),
        Column("Confirmed", 10, over="Certainty"),
        Column("Grounds of the proposal", 42),
        Column("Reasons of the authors", 26),
    )
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    return Table(
        "certainty", "", "Certainty of the evidence", frame, columns, group="Class", footnotes=_notes(), listed=True,
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _head(domain: str) -> str:
    words: str = LABELS["domain"][domain]
    return words[:1].upper() + words[1:]


def _judgement(code: str) -> str:
    return LABELS["certainty.judgement"].get(code, code) or NOTHING


def _row(lines: Mapping[Any, Mapping[Any, Any]]) -> dict[str, str]:
    cells = {}
    for domain in DOMAINS:
        line = lines.get(domain, {"proposed": "", "confirmed": ""})
        confirmed = f"; confirmed: {_judgement(line['confirmed'])}" if line["confirmed"] else ""
        cells[_head(domain)] = f"{_judgement(line['proposed'])}{confirmed}"
    overall = lines.get("overall", {"proposed": "", "confirmed": ""})
    grounds = [f"{_head(domain)}: {grounds_words(line)}" for domain, line in lines.items() if line["codes"]]
    reasons = [
        f"{_head(domain)}: {cell(line['reason'])} ({cell(line['confirmed_by'])})"
        for domain, line in lines.items()
        if line["confirmed"]
    ]
    return cells | {
        "Proposed": _judgement(overall["proposed"]),
        "Confirmed": _judgement(overall["confirmed"]) if overall["confirmed"] else TO_CONFIRM,
        "Grounds of the proposal": joined(grounds) or NOTHING,
        "Reasons of the authors": joined(reasons) or NOTHING,
    }


def grounds_words(line: Mapping[Any, Any]) -> str:
    """The grounds of one domain in words: "few patients (41, fewer than 97), ..."."""
    pairs = zip(ids_in(line["codes"]), ids_in(line["values"]), strict=True)
    return ", ".join(GROUNDS[code](float(value)) for code, value in pairs)


def _notes() -> tuple[str, ...]:
    return (
        "Proposed by rules from the numbers; confirmed by the authors in the table certainty, which may say otherwise. "
        "Without a comparison group certainty starts low. A serious concern lowers it by one level, a very serious one "
        "by two; nothing raises it unless the authors do (GRADE; Balshem 2011, Guyatt 2011).",
        f"A concern begins where: studies with {MAJORITY:.0%} of the patients are at high risk of bias, not appraised "
        f"or not read in full; the exact test of one proportion has P < {Q_P:.2f}, very serious with a prediction "
        f"interval wider than {_points(WIDE)}; outcomes or members of a class are counted together; there are fewer "
        f"than {ENOUGH_PATIENTS} patients, the interval includes the threshold or is wider than {_points(WIDE)}; "
        f"half of the arms have fewer than {SMALL_ARM} patients, or counts of half of the studies are missing. No rule "
        "asks whether the proportion is high or low.",
    )
