"""A table ready to print: what every builder returns and every writer of documents takes.

Cells are finished: text or whole numbers. A builder decides what is printed, `wording` how, `documents` where to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

MARKS = ("†", "‡", "§", "¶", "‖", "††", "‡‡", "§§", "¶¶", "‖‖")

# What a filter of rows asks for; "against": "yes", where a published review advises against, comes last by level
FACETS = ("class", "kind", "diseases", "levels", "pooled", "counts", "against")


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes
    ----------
    name : str; the column of the frame
    width : float; wished width in characters of the body text
    align : "left", "center" or "right"
    over : str; heading shared with the neighbours that have the same one ("" = none)
    heading : str; what is printed, when it is not the name
    thousands : bool; whether whole numbers are printed with separated thousands, which years are not
    """

    name: str
    width: float
    align: str = "left"
    over: str = ""
    heading: str = ""
    thousands: bool = False

    @property
    def title(self) -> str:
        """The heading as printed."""
        return self.heading or self.name

    def printed(self, cell: Any) -> Any:
        """A cell as documents print it."""
        return f"{cell:,}" if self.thousands and isinstance(cell, int) else cell


@dataclass(frozen=True)
class Table:
    """A table ready to print.

    Attributes
    ----------
    name : str; stem of its files
    number, title : str; "Table IV" ("" = a table without a number) and the caption that follows it
    frame : DataFrame; a row a printed row, cells are str or int; the columns of `columns` and `group`
    columns : tuple of Column
    group : str; column of the frame whose changes make a heading row ("" = no groups)
    emphasised : tuple of int; positions of the rows set in bold (totals, pooled lines)
    footnotes : tuple of str
    landscape : bool
    listed : bool; a machine table has the same rows under the same name; a CSV of this one would only overwrite it
    about : tuple of dict, one a row, or none; what the row is about, for links: ids joined by ";" under the names
        analysis, therapy, study or response; source, where it was read; id, the names by which links reach the row,
        joined by a blank; and what a filter asks for (FACETS), values joined by ";"
    """

    name: str
    number: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    group: str = ""
    emphasised: tuple[int, ...] = ()
    footnotes: tuple[str, ...] = ()
    landscape: bool = True
    listed: bool = False
    about: tuple[Mapping[str, str], ...] = ()

    @property
    def caption(self) -> str:
        """Number and title in one line."""
        return f"{self.number}. {self.title}" if self.number else self.title

    @cached_property
    def cells(self) -> Mapping[str, list[Any]]:
        """Cells by the name of their column."""
        return {str(name): self.frame[name].tolist() for name in self.frame}

    @property
    def spans(self) -> list[tuple[str, int]]:
        """Shared headings from left to right with the number of columns below each; "" and 1 where there is none."""
        if not any(column.over for column in self.columns):
            return []
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and column.over and spans[-1][0] == column.over:
                spans[-1] = (column.over, spans[-1][1] + 1)
            else:
                spans.append((column.over, 1))
        return spans

    def split(self, key: str) -> dict[str, Table]:
        """The rows about each one thing as a table of their own, as in `split("therapy")["drug_a"]`."""
        places: dict[str, list[int]] = {}
        for place, row in enumerate(self.about):
            places.setdefault(row.get(key, ""), []).append(place)
        bold = set(self.emphasised)
        return {
            value: replace(
                self,
                frame=self.frame.iloc[kept].reset_index(drop=True),
                emphasised=tuple(new for new, old in enumerate(kept) if old in bold),
                about=tuple(self.about[place] for place in kept),
            )
            for value, kept in places.items()
        }

    def showing(self, *names: str) -> Table:
        """The table with these columns only, in this order; its groups stay."""
        columns = {column.name: column for column in self.columns}
        return replace(self, columns=tuple(columns[name] for name in names))

    def adding(self, column: Column, cells: Sequence[Any]) -> Table:
        """The table with one more column at its end, a cell a row."""
        return replace(self, frame=self.frame.assign(**{column.name: cells}), columns=(*self.columns, column))

    def sections(self) -> list[tuple[str, list[tuple[list[Any], bool]]]]:
        """Rows under their group ("" without groups): cells in the order of the columns, and whether they are bold."""
        made: list[tuple[str, list[tuple[list[Any], bool]]]] = []
        bold = set(self.emphasised)
        for position in range(len(self.frame)):
            group = str(self.cells[self.group][position]) if self.group else ""
            if not made or made[-1][0] != group:
                made.append((group, []))
            cells = [column.printed(self.cells[column.name][position]) for column in self.columns]
            made[-1][1].append((cells, position in bold))
        return made


class Marks:
    """Footnote marks in the order of their first use; notes are printed in the same order."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def mark(self, note: str) -> str:
        position = list(self.notes).index(note) if note in self.notes else len(self.notes)
        sign = MARKS[position] if position < len(MARKS) else f"({position + 1})"
        return self.notes.setdefault(note, sign)

    def footnotes(self) -> list[str]:
        return [f"{sign} {note}" for note, sign in self.notes.items()]
