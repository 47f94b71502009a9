"""Two people's extractions of the same studies: where they agree, where not, and what they agreed on.

The only module that knows which rows and columns of two extractions are compared. Rows are matched by what they are
about (`COMPARED`), never by their names, which each person is free to choose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from small_evidence import shown
from small_evidence.extraction.schema import (
    SILENT,
    RowFault,
    allowed_words,
    check_cell,
    columns,
    numbers,
    numeric_columns,
)
from small_evidence.extraction.spreadsheets import create_workbook

Tables: TypeAlias = dict[str, pd.DataFrame]
Record: TypeAlias = Mapping[Hashable, Any]  # one row of a table
Place: TypeAlias = tuple[int | None, int | None]  # position of a row in the first and in the second extraction
Sides: TypeAlias = dict[str, tuple[pd.DataFrame, pd.DataFrame | None]]
Key: TypeAlias = tuple[str, str, str]  # table, row_key and column of a cell
Decisions: TypeAlias = dict[Key, Record]
# table, position in first or None, column, and the value or, of a row to add, its position in second
Change: TypeAlias = tuple[str, int | None, str, str | int]

# Table -> the columns by which a row of one person is found again in the table of the other
COMPARED = {
    "studies": ("study_id",),
    "responses": ("study_id", "therapy", "disease", "outcome", "unit"),
    "adverse_events": ("study_id", "therapy", "term"),
    "risk_of_bias": ("study_id", "result", "tool", "item"),
}
# Of several rows about the same thing, the columns that say which is which: those alike in the first are pairs first
WITHIN = {"responses": ("time_point_months", "arm")}
EXACT = {"studies": ("doi", "pmid")}  # texts that are right or wrong, unlike notes in own words
WORDS = {"risk_of_bias": ("answer", "judgement")}  # vocabularies that the instruments define, not the schema
ROW = "(row)"  # stands for a column where one of the two has no such row
PRESENT, ABSENT = "present", "absent"
ENTERS_POOL = ("n", "responders", "n_complete", "pool", ROW)  # columns of responses on which a pool rests
HOW_TO = "The value that both agreed on. Save the filled sheet as data/raw/adjudication.xlsx"
DISAGREEMENTS = columns("adjudication")
AGREEMENT = [
    "table", "column", "kind", "compared", "agreed", "share_agreed", "kappa", "kappa_ci_lb", "kappa_ci_ub",
    "both_numbers", "exact", "within_1", "only_first", "only_second", "note",
]  # fmt: skip


def compared_columns(table: str) -> dict[str, str]:
    """The columns of a table that two extractions are compared on, each "vocabulary", "count" or "text"."""
    kinds = {}
    for column in columns(table):
        if column in COMPARED[table]:
            continue
        if allowed_words(table, column) or column in WORDS.get(table, ()):
            kinds[column] = "vocabulary"
        elif column in numeric_columns(table):
            kinds[column] = "count"
        elif column in EXACT.get(table, ()):
            kinds[column] = "text"
    return kinds


def match_rows(first: pd.DataFrame, second: pd.DataFrame, table: str) -> list[tuple[str, int | None, int | None]]:
    """Rows of two extractions that are about the same thing.

    Parameters
    ----------
    first, second : DataFrame of str with the columns of `table`, cells in their normal form

    Returns
    -------
    list of (row_key, position in first or None, position in second or None), in the order of first and then those
    of second alone. Of several rows about the same thing, those of one time point and arm (`WITHIN`) are pairs, then
    those of one time point, since each person names the arms, then those of one arm; among these, and of subgroups,
    those with the most cells in common.
    """
    within = list(WITHIN.get(table, ()))
    marks = [list(frame[within].itertuples(index=False, name=None)) for frame in (first, second)]
    fields = list(compared_columns(table))
    cells = [frame[fields].to_numpy() if len(frame) else np.empty((0, len(fields))) for frame in (first, second)]
    groups: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}
    for side, frame in enumerate((first, second)):
        for position, key in enumerate(zip(*(frame[name] for name in COMPARED[table]), strict=True)):
            groups.setdefault(key, ([], []))[side].append(position)

    def unlike(i: int, j: int) -> tuple[Any, ...]:
        """Differences of a row of first and one of second, to sort by."""
        apart = [one != other for one, other in zip(marks[0][i], marks[1][j], strict=True)]
        return sum(apart), apart, -int((cells[0][i] == cells[1][j]).sum()), i, j

    matched: dict[int, tuple[str, int | None, int | None]] = {}
    unmatched: dict[int, tuple[str, int | None, int | None]] = {}
    for key, (ours, theirs) in groups.items():
        pairs = _pairs([unlike(i, j) for i in ours for j in theirs])
        left = [position for position in theirs if position not in pairs.values()]
        names = _row_keys(key, [marks[0][position] for position in ours] + [marks[1][position] for position in left])
        for name, position in zip(names, ours, strict=False):
            matched[position] = (name, position, pairs.get(position))
        for name, position in zip(names[len(ours) :], left, strict=True):
            unmatched[position] = (name, None, position)
    return [rows[position] for rows in (matched, unmatched) for position in sorted(rows)]


def _pairs(unlike: Iterable[tuple[Any, ...]]) -> dict[int, int]:
    """The position in second of each position in first that has a partner, the most alike first.

    Parameters
    ----------
    unlike : what each two rows differ in, to sort by, and their positions last
    """
    pairs: dict[int, int] = {}
    for *_, i, j in sorted(unlike):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _row_keys(key: tuple[str, ...], marks: Iterable[tuple[str, ...]]) -> list[str]:
    """Names of the rows about one thing: "doe2022 | balm | gout | pain_response | patient", the next one with (2).

    What marks a row among them, its time point and its arm, comes last where it is reported.
    """
    names: list[str] = []
    times: Counter[str] = Counter()
    for mark in marks:
        name = " | ".join([*key, *(cell for cell in mark if cell and cell not in SILENT)])
        times[name] += 1
        names.append(f"{name} ({times[name]})" if times[name] > 1 else name)
    return names


def disagreements(first: Tables, second: Tables, adjudication: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every cell in which two extractions differ, and every row that only one of them has.

    Parameters
    ----------
    first, second : dict of DataFrames of str, cells in their normal form; a table that second lacks is not compared
    adjudication : DataFrame; the checked table adjudication, whose decisions are shown again

    Returns
    -------
    DataFrame with the columns of the table adjudication: both values, both sources, pooled ("yes" where a pooled
    analysis depends on the cell), state (open, agreed, or out of date: the values have changed since the decision), and
    agreed, empty while open.
    """
    rows = []
    for table in COMPARED:
        if table not in second or table not in first:
            continue
        ours, theirs = first[table].to_dict("records"), second[table].to_dict("records")
        for name, i, j in match_rows(first[table], second[table], table):
            one, other = ours[i] if i is not None else {}, theirs[j] if j is not None else {}
            if one and other:
                kinds = compared_columns(table)
                differ = [(column, one[column], other[column]) for column in kinds if _differ(one, other, column)]
            else:
                differ = [(ROW, PRESENT if one else ABSENT, PRESENT if other else ABSENT)]
            for column, value, other_value in differ:
                in_pool = column in ENTERS_POOL and "yes" in (one.get("pool"), other.get("pool"))
                cells = [table, name, column, value, other_value, _source(one), _source(other)]
                rows.append([*cells, "yes" if in_pool else "no"])
    found = pd.DataFrame(rows, columns=DISAGREEMENTS[:8], dtype="str")
    decided = {} if adjudication is None else dict(_decisions(adjudication))
    states = [_state(row, decided) for row in found.to_dict("records")]
    last = pd.DataFrame(states, columns=DISAGREEMENTS[8:], index=found.index, dtype="str")
    return pd.concat([found, last], axis=1)


def _differ(one: Record, other: Record, column: str) -> bool:
    return bool(one[column].casefold() != other[column].casefold() if column == "doi" else one[column] != other[column])


def _source(row: Record) -> str:
    """Where a row was read, as far as its table says."""
    parts = [row.get(name, "") for name in ("source", "location", "support")]
    return "; ".join(part for part in parts if part)


def _decisions(adjudication: pd.DataFrame) -> Iterator[tuple[Key, Record]]:
    """The decided rows of the table adjudication by table, row and column, values in their normal form."""
    for row in adjudication.to_dict("records"):
        if row["agreed"]:
            values = {name: _normal(row["table"], row["column"], row[name]) for name in ("first", "second", "agreed")}
            yield (row["table"], row["row_key"], row["column"]), row | values


def _normal(table: str, column: str, value: str) -> str:
    return check_cell(table, column, value)[0] if column in columns_of(table) else value


def columns_of(table: str) -> list[str]:
    """The compared columns of a table, none where it is not compared."""
    return list(compared_columns(table)) if table in COMPARED else []


def _state(found: Record, decided: Decisions) -> list[str]:
    row = decided.get((found["table"], found["row_key"], found["column"]))
    if row is None:
        return ["open", "", "", ""]
    last = [row["agreed"], row["decided_by"], row["reason"]]
    stale = _stale(row, found["first"], found["second"])
    return [f"out of date: {stale}", *last] if stale else ["agreed", *last]


def _stale(row: Record, first: str, second: str | None) -> str:
    """In words, what has changed since the decision; "" where nothing has that matters."""
    for name, now in (("first", first), ("second", second)):
        if now is not None and now not in (row[name], row["agreed"]):
            return f"decided when the {name} extraction said {row[name] or 'nothing'}, now it says {now or 'nothing'}"
    return ""


def agreement(first: Tables, second: Tables, conf_level: float = 0.95) -> pd.DataFrame:
    """How far two extractions agree, by table and column.

    Parameters
    ----------
    first, second : dict of DataFrames of str, cells in their normal form; a table that second lacks is not compared
    conf_level : float in (0, 1); coverage of the interval of kappa

    Returns
    -------
    DataFrame with the columns AGREEMENT. Kind "rows": compared = rows that either has, agreed = rows that both have,
    and those of one alone. Other kinds compare the cells of rows that both have, without cells that are empty in
    both: agreed of compared, share_agreed = their share (0..1); for vocabularies Cohen's kappa with its interval; for
    counts the share that is equal and the share that differs by at most 1, of the cells that are numbers in both.

    References
    ----------
    Cohen (1960), Educ Psychol Meas 20:37; standard error of Fleiss, Cohen & Everitt (1969), Psychol Bull 72:323,
    through statsmodels.
    """
    rows = []
    for table in COMPARED:
        if table not in second or table not in first:
            continue
        matches = match_rows(first[table], second[table], table)
        pairs = [(i, j) for _, i, j in matches if i is not None and j is not None]
        lone = {"only_first": sum(j is None for *_, j in matches), "only_second": sum(i is None for _, i, _ in matches)}
        rows.append({"table": table, "column": ROW, "kind": "rows", **_share(len(pairs), len(matches)), **lone})
        ours = first[table].iloc[[i for i, _ in pairs]].reset_index(drop=True)
        theirs = second[table].iloc[[j for _, j in pairs]].reset_index(drop=True)
        for column, kind in compared_columns(table).items():
            x, y = ours[column], theirs[column]
            if column == "doi":
                x, y = x.str.casefold(), y.str.casefold()
            filled = (x != "") | (y != "")
            x, y = x[filled], y[filled]
            row = {"table": table, "column": column, "kind": kind, **_share(int((x == y).sum()), len(x))}
            if kind == "vocabulary":
                row |= kappa(x, y, conf_level)
            elif kind == "count":
                distance = (numbers(x) - numbers(y)).abs().dropna()
                row |= {"both_numbers": len(distance)}
                if len(distance):
                    row |= {"exact": (distance == 0).mean(), "within_1": (distance <= 1).mean()}
            rows.append(row)
    found = pd.DataFrame(rows, columns=AGREEMENT)
    whole = ["compared", "agreed", "both_numbers", "only_first", "only_second"]
    return found.astype(dict.fromkeys(whole, "Int64")).assign(note=found["note"].fillna("").astype("str"))


def _share(agreed: int, compared: int) -> dict[str, float]:
    share = agreed / compared if compared else np.nan
    return {"compared": compared, "agreed": agreed, "share_agreed": share}


def kappa(x: pd.Series, y: pd.Series, conf_level: float = 0.95) -> dict[str, Any]:
    """Cohen's kappa of two raters' words, with its interval, or a note on why there is none.

    Parameters
    ----------
    x, y : Series of str, the words of both for the same rows
    conf_level : float in (0, 1); coverage of the interval

    Returns
    -------
    dict of kappa, kappa_ci_lb, kappa_ci_ub (NaN where not defined) and note. Where both agree throughout or nowhere, or
    one has one word for all, the standard error is 0 or not defined and says nothing, so no interval is given.
    """
    words = sorted(set(x) | set(y))
    if len(words) < 2:
        return {"note": "kappa is not defined: both use one word only" if words else "nothing to compare"}
    if min(x.nunique(), y.nunique()) < 2:
        return {"kappa": 0.0, "note": "one of the two has one word for all, so that kappa is 0: no interval"}
    from statsmodels.stats.inter_rater import cohens_kappa  # costs a second, and few runs have two extractions

    if (x == y).all():
        return {"kappa": 1.0, "note": "complete agreement: no interval"}
    counts = np.zeros((len(words), len(words)))
    np.add.at(counts, ([words.index(word) for word in x], [words.index(word) for word in y]), 1)
    result = cohens_kappa(counts)
    if result.std_kappa < 1e-9:
        return {"kappa": result.kappa, "note": "the standard error is 0: no interval"}
    half = NormalDist().inv_cdf(0.5 + conf_level / 2) * result.std_kappa
    bounds = np.clip([result.kappa - half, result.kappa + half], -1, 1)
    return {"kappa": result.kappa, "kappa_ci_lb": bounds[0], "kappa_ci_ub": bounds[1], "note": ""}


def settle(
    first: Tables, second: Tables, adjudication: pd.DataFrame, required: bool = False
) -> tuple[list[Change], list[RowFault]]:
    """What the decisions on differences change in the first extraction, and what is still to be decided.

    Parameters
    ----------
    first, second : dict of DataFrames of str with _row, the row of the spreadsheet; cells in their normal form. second
        holds the tables that were extracted twice, none where there was one person
    adjudication : DataFrame of str with _row; the table adjudication
    required : bool; whether a difference that a pool depends on is an error while undecided

    Returns
    -------
    (changes, faults): changes as (table, position in first or None, column, value), where column ROW with value
    absent takes the row away, and with position None value is the position in second of the row to add; faults as
    (rule, table, row, column, study_id, words) of the tables in first and of adjudication
    """
    changes: list[Change] = []
    faults: list[RowFault] = []
    rows: dict[tuple[str, str], Place] = {}
    sides: Sides = {}
    for table in COMPARED:
        if table in first:
            blank = first[table].iloc[:0]
            for name, i, j in match_rows(first[table], second.get(table, blank), table):
                rows[table, name] = (i, j)
            sides[table] = (first[table], second.get(table))
    row_numbers = dict(zip(zip(*(adjudication[key] for key in _KEY), strict=True), adjudication["_row"], strict=True))
    decided: Decisions = {}
    for key, row in _decisions(adjudication):
        change, rule, column, words = _decide(row, rows.get(key[:2]), sides)
        if rule:
            study = row["row_key"].split(" | ")[0]
            faults.append((rule, "adjudication", row_numbers[key], column, study, words))
        if not words or rule == "adjudicated_value":
            decided[key] = row
        if change:
            changes.append(change)
    return changes, faults + _open_differences(first, second, rows, decided, required)


_KEY = ("table", "row_key", "column")


def _decide(row: Record, found: Place | None, sides: Sides) -> tuple[Change | None, str, str, str]:
    """(change or None, rule, column of adjudication, words) of one decision; rule "" where there is nothing to say."""
    table, column, agreed = row["table"], row["column"], row["agreed"]
    if table not in COMPARED:
        words = f"{shown(table)} is not extracted twice; allowed are {', '.join(COMPARED)}"
        return None, "adjudication_unknown", "table", words
    if column not in (ROW, *columns_of(table)):
        return None, "adjudication_unknown", "column", f"{shown(column)} of {table} is not compared"
    i, j = found or (None, None)
    if column == ROW:
        if agreed not in (PRESENT, ABSENT):
            return None, "adjudication_value", "agreed", f"{shown(agreed)} is not {PRESENT} or {ABSENT}"
        if i is not None and agreed == ABSENT:
            words = f"absent by adjudication: {row['row_key']} of {table} is left out"
            return (table, i, ROW, ABSENT), "adjudicated_value", "agreed", words
        if i is None and agreed == PRESENT:
            if j is None:
                words = f"present, but neither extraction has the row {row['row_key']} of {table}"
                return None, "adjudication_unknown", "row_key", words
            words = f"present by adjudication: {row['row_key']} of {table} is taken from the second extraction"
            return (table, None, ROW, j), "adjudicated_value", "agreed", words
        return None, "", "", ""
    if i is None:
        words = f"{shown(row['row_key'])} is no row of {table} in the first extraction"
        return None, "adjudication_unknown", "row_key", words
    _, rule, words = check_cell(table, column, agreed)
    if rule:
        return None, "adjudication_value", "agreed", f"{words} ({column} of {table})"
    first, second = sides[table]
    now = first.iloc[i][column]
    stale = _stale(row, now, second.iloc[j][column] if second is not None and j is not None else None)
    if stale:
        return None, "adjudication_stale", "agreed", f"{column} of {row['row_key']} not used: {stale}"
    if now == agreed:
        return None, "", "", ""
    words = f"{column} of {row['row_key']} is {agreed} by adjudication, {now or 'empty'} in the first extraction"
    return (table, i, column, agreed), "adjudicated_value", "agreed", words


def _open_differences(
    first: Tables, second: Tables, rows: dict[tuple[str, str], Place], decided: Decisions, required: bool
) -> list[RowFault]:
    """Faults for the differences that a pool depends on and that nobody has decided."""
    rule = "adjudication_missing" if required else "extractors_differ"
    faults: list[RowFault] = []
    found = disagreements(first, second)
    for row in found[found["pooled"] == "yes"].to_dict("records"):
        if (row["table"], row["row_key"], row["column"]) in decided:
            continue
        i, j = rows[row["table"], row["row_key"]]
        ours = first[row["table"]].iloc[i] if i is not None else None
        theirs = second[row["table"]].iloc[j] if j is not None else None
        if ours is not None and theirs is not None:
            words = f"{row['first'] or 'empty'}, but {row['second'] or 'empty'} in row {theirs['_row']} of the second "
            words += "extraction"
            faults.append((rule, row["table"], ours["_row"], row["column"], ours["study_id"], words))
        elif ours is not None:
            words = f"the second extraction has no row for {row['row_key']}"
            faults.append((rule, row["table"], ours["_row"], "", ours["study_id"], words))
        elif theirs is not None:
            words = f"the second extraction has {row['row_key']} (its row {theirs['_row']}), the first has not"
            faults.append((rule, row["table"], None, "", theirs["study_id"], words))
    return faults


def apply_changes(tables: Tables, changes: list[Change], second: Tables) -> Tables:
    """The tables of the first extraction, as `settle` got them, with its changes made."""
    tables = dict(tables)
    for table in {change[0] for change in changes}:
        frame, gone = tables[table].copy(), []
        for _, position, column, value in (change for change in changes if change[0] == table):
            if position is None:
                added = second[table].iloc[[int(value)]].assign(_row=frame["_row"].max() + 1)
                frame = pd.concat([frame, added], ignore_index=True)
            elif column == ROW:
                gone.append(frame.index[position])
            else:
                frame.loc[frame.index[position], column] = value
        tables[table] = frame.drop(index=gone).reset_index(drop=True)
    return tables


def save_disagreements(frame: pd.DataFrame, path: str | Path) -> None:
    """Write the differences as a workbook to fill in and save as data/raw/adjudication.xlsx.

    The column agreed is marked and offers the words of the column it is for; everything is text, never a formula.
    """
    widths = {"row_key": 45, "first_source": 30, "second_source": 30, "agreed": 18, "reason": 30, "column": 18}
    with create_workbook(path, "Disagreements") as book:
        sheet = book.add_worksheet("adjudication")
        head = book.add_format({"bold": True, "bottom": 1})
        text = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        fill = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@", "bg_color": "#FFF7D6"})
        for position, column in enumerate(frame.columns):
            sheet.set_column(position, position, widths.get(column, 14))
            sheet.write_string(0, position, column, head)
            for number, value in enumerate(frame[column], start=1):
                sheet.write_string(number, position, str(value), fill if column == "agreed" else text)
        agreed = list(frame.columns).index("agreed")
        sheet.write_comment(0, agreed, HOW_TO)
        for number, row in enumerate(frame.to_dict("records"), start=1):
            words = [PRESENT, ABSENT] if row["column"] == ROW else allowed_words(row["table"], row["column"])
            if words:
                sheet.data_validation(number, agreed, number, agreed, {"validate": "list", "source": words})
        sheet.freeze_panes(1, 3)


def differences_note(agreement: pd.DataFrame, disagreements: pd.DataFrame, sheet: str | Path) -> str:
    """A line for the screen on what is to be decided, and in which sheet; "" without a second extraction."""
    return "" if agreement.empty else f"Second extraction: {len(disagreements)} differences to decide in {sheet}\n"
