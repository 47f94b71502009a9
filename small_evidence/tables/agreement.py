"""Agreement of two extractions as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.agreement import ROW
from small_evidence.extraction.schema import humanise
from small_evidence.review import Review
from small_evidence.tables.parts import extraction_words
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTE_NR, NOTHING, coverage, fraction, joined, missing, rounded


def agreement_table(review: Review) -> Table:
    """How far two extractions agree, a row a column of a table, and how many differences are decided."""
    kappa = f"Kappa [{coverage(review.conf_level)} CI]"
    columns = (
        Column("Column", 24),
        Column("Agreed/compared (%)", 20),
        Column("Within 1 (%)", 16),
        Column(kappa, 20),
        Column("Decided", 9, "center", over="Differences"),
        Column("Open", 9, "center", over="Differences"),
        Column("Note", 34),
    )
    rows: list[dict[str, Any]] = []
    notes: tuple[str, ...] = (f"{extraction_words(review)}.",)
    if review.extracted_twice:
        rows = _compared(review["agreement"], review["disagreements"], kappa)
        notes += _notes(review["agreement"])
    frame = pd.DataFrame(rows, columns=["Table", *(column.name for column in columns)])
    return Table(
        "agreement", "", "Agreement of two extractions", frame, columns, group="Table", footnotes=notes, listed=True,
    )  # fmt: skip


def _compared(agreement: pd.DataFrame, disagreements: pd.DataFrame, kappa: str) -> list[dict[str, Any]]:
    decided = disagreements[["table", "column"]].assign(decided=disagreements["state"] == "agreed")
    settled = decided.groupby(["table", "column"])["decided"].agg(["sum", "count"]).astype(int).to_dict("index")
    rows = []
    for line in agreement.astype(object).fillna("").to_dict("records"):  # an empty cell of a CSV comes back as missing
        state = settled.get((line["table"], line["column"]), {"sum": 0, "count": 0})
        near, numeric = line["within_1"], line["both_numbers"]
        lone = [f"{int(line[side])} in the {side[5:]} only" for side in ("only_first", "only_second") if line[side]]
        rows.append(
            {
                "Table": humanise(line["table"]),
                "Column": "Rows that both have" if line["column"] == ROW else _column(line["column"]),
                "Agreed/compared (%)": fraction(line["agreed"], line["compared"]),
                "Within 1 (%)": NOTHING if missing(near) else fraction(near * numeric, numeric),
                kappa: _kappa(line),
                "Decided": state["sum"],
                "Open": state["count"] - state["sum"],
                "Note": joined([*lone, *[line["note"]] * bool(line["note"])]),
            }
        )
    return rows


def _notes(agreement: pd.DataFrame) -> tuple[str, ...]:
    return (
        "Compared: cells of rows that both have, without those that are empty in both. Within 1: of the cells that are "
        "numbers in both. Open: undecided, or decided before a value changed; the value of the first extraction is "
        "used. Decided: the value that both agreed on is used.",
        f"Kappa (Cohen): agreement beyond chance, for columns with a fixed vocabulary{_sizes(agreement)}. With few "
        "cells, or where nearly all have one word, a single cell moves it far and it can be low though nearly all "
        "agree; its interval is one for large samples. Agreement of two people does not show that they are right.",
        NOTE_NR,
    )


def _column(name: str) -> str:
    """A column as words: "DOI", "Evidence basis", "n complete"."""
    if name in ("doi", "pmid"):
        return name.upper()
    return name.replace("_", " ") if name.startswith("n_") or name == "n" else humanise(name)


def _kappa(line: Mapping[Any, Any]) -> str:
    if missing(line["kappa"]):
        return NOTHING
    bounds = [line["kappa_ci_lb"], line["kappa_ci_ub"]]
    words = rounded(line["kappa"], 2)
    return words if any(map(missing, bounds)) else f"{words} [{', '.join(rounded(bound, 2) for bound in bounds)}]"


def _sizes(agreement: pd.DataFrame) -> str:
    """', here of 12 to 83 cells'."""
    compared = agreement.loc[agreement["kind"] == "vocabulary", "compared"]
    sizes = sorted({int(size) for size in (compared.min(), compared.max())}) if len(compared) else []
    return f", here of {' to '.join(map(str, sizes))} cells" * bool(sizes)
