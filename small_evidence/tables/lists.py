"""The lists beside the paper: published claims, studies whose counts are missing, agreement of two extractions."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.agreement import ROW
from small_evidence.extraction.schema import humanise
from small_evidence.tables.parts import extraction_words, level_note
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    cell,
    counted,
    fraction,
    joined,
    level_text,
    missing,
    number_or_nr,
    rounded,
    whole_or_text,
)


def reconciliation_table(reconciliation: pd.DataFrame) -> Table:
    """Published claims beside what these tables give.

    Parameters
    ----------
    reconciliation : DataFrame of `reconciliation.reconcile_claims`
    """
    columns = (
        Column("About", 24),
        Column("What", 18),
        Column("Published", 20),
        Column("These tables", 26),
        Column("Verdict", 10),
        Column("Why", 52),
    )
    rows = [
        {
            "about": {"source": cell(claim.source)},
            "Publication": cell(claim.review),
            "About": cell(claim.about),
            "What": cell(claim.measure),
            "Published": cell(claim.claimed),
            "These tables": cell(claim.ours),
            "Verdict": cell(claim.verdict),
            "Why": cell(claim.why),
        }
        for claim in reconciliation.itertuples()
    ]
    # One heading a publication, also where its claims are not beside each other.
    order = list(dict.fromkeys(row["Publication"] for row in rows))
    rows.sort(key=lambda row: order.index(row["Publication"]))
    frame = pd.DataFrame(rows, columns=["Publication", *(column.name for column in columns)])
    sizes = frame["Verdict"].value_counts()
    notes = [
        f"Of {counted(len(frame), 'claim')}: "
        + "; ".join(f"{sizes[verdict]} {verdict}" for verdict in sizes.index)
        + "."
    ] * bool(len(frame))
    notes += [
        "Cannot be told: the claim rests on studies whose counts are not in hand, on another outcome, or is a "
        "judgement. That is neither agreement nor disagreement.",
        NOTE_NR,
    ]
    return Table(
        "reconciliation", "", "Published claims beside these tables", frame, columns,
        group="Publication", footnotes=tuple(notes), listed=True, about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def awaiting_table(awaiting: pd.DataFrame, schemes: Mapping, scheme: str) -> Table:
    """The reviewer's work list: studies whose counts are missing, most useful first.

    Parameters
    ----------
    awaiting : DataFrame of `reconciliation.awaiting_list`
    schemes : mapping; the file of the level schemes
    scheme : str; the scheme used
    """
    columns = (
        Column("No.", 5, "center"),
        Column("Study", 20),
        Column("Year", 6, "center"),
        Column("Level", 8),
        Column("Treatments", 20),
        Column("Diseases", 18),
        Column("Patients", 8, "center"),
        Column("What is missing", 34),
        Column("Where it may be had", 28),
        Column("What it would add", 34),
    )
    rows = [
        {
            "about": {"study": study.study_id},
            "No.": number_or_nr(study.priority),
            "Study": cell(study.label),
            "Year": whole_or_text(study.year),
            "Level": level_text(study.level),
            "Treatments": cell(study.therapies),
            "Diseases": cell(study.diseases),
            "Patients": whole_or_text(study.n),
            "What is missing": joined(cell(text) for text in (study.missing, study.reason) if not missing(text)),
            "Where it may be had": cell(study.where),
            "What it would add": cell(study.adds),
        }
        for study in awaiting.itertuples()
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    allows = int((awaiting["would_allow_pooling"] == "yes").sum())
    notes = [
        f"{counted(len(frame), 'study', 'studies')}, most useful first; {allows} of them would make an analysis "
        "large enough to pool. Then those of the earlier review, then by level and by number of patients.",
        *level_note(schemes, scheme),
        NOTE_NR,
    ]
    return Table(
        "awaiting", "", "Studies whose counts are missing", frame, columns, footnotes=tuple(notes),
        listed=True, about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def agreement_table(agreement: pd.DataFrame, disagreements: pd.DataFrame, conf_level: float) -> Table:
    """How far two extractions agree, a row a column of a table, and how many differences are decided.

    Parameters
    ----------
    agreement, disagreements : DataFrames of `extraction.compare_extractions`
    conf_level : float in (0, 1); coverage of the interval of kappa
    """
    decided = disagreements[["table", "column"]].assign(decided=disagreements["state"] == "agreed")
    settled = decided.groupby(["table", "column"])["decided"].agg(["sum", "count"]).astype(int).to_dict("index")
    kappa = f"Kappa [{conf_level:.0%} CI]"
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
    columns = (
        Column("Column", 24),
        Column("Agreed/compared (%)", 20),
        Column("Within 1 (%)", 16),
        Column(kappa, 20),
        Column("Decided", 9, "center", over="Differences"),
        Column("Open", 9, "center", over="Differences"),
        Column("Note", 34),
    )
    frame = pd.DataFrame(rows, columns=["Table", *(column.name for column in columns)])
    notes = (
        f"{extraction_words(agreement, disagreements)}.",
        "Compared: cells of rows that both have, without those that are empty in both. Within 1: of the cells that are "
        "numbers in both. Open: undecided, or decided before a value changed; the value of the first extraction is "
        "used. Decided: the value that both agreed on is used.",
        f"Kappa (Cohen): agreement beyond chance, for columns with a fixed vocabulary{_sizes(agreement)}. With few "
        "cells, or where nearly all have one word, a single cell moves it far and it can be low though nearly all "
        "agree; its interval is one for large samples. That two people agree does not tell that they are right.",
        NOTE_NR,
    )
    return Table(
        "agreement", "", "Agreement of two extractions", frame, columns, group="Table", footnotes=notes, listed=True,
    )  # fmt: skip


def _column(name: str) -> str:
    """A column as words: "DOI", "Evidence basis", "n complete"."""
    if name in ("doi", "pmid"):
        return name.upper()
    return name.replace("_", " ") if name.startswith("n_") or name == "n" else humanise(name)


def _kappa(line: Mapping) -> str:
    if missing(line["kappa"]):
        return NOTHING
    bounds = [line["kappa_ci_lb"], line["kappa_ci_ub"]]
    words = rounded(line["kappa"], 2)
    return words if any(map(missing, bounds)) else f"{words} [{', '.join(rounded(bound, 2) for bound in bounds)}]"


def _sizes(agreement: pd.DataFrame) -> str:
    """', here of 12 to 83 cells'."""
    sizes = agreement.loc[agreement["kind"] == "vocabulary", "compared"]
    sizes = sorted({int(size) for size in (sizes.min(), sizes.max())}) if len(sizes) else []
    return f", here of {' to '.join(map(str, sizes))} cells" * bool(sizes)
