"""Tables and texts as plain text: CSV for other programs, Markdown for people."""

from __future__ import annotations

import re
from pathlib import Path

from small_evidence.documents.text import Heading, Item, Text
from small_evidence.review import save_csv
from small_evidence.saving import save_bytes
from small_evidence.tables.table import Column, Table
from small_evidence.wording import printable

DIVIDERS = {"left": ":--", "center": ":-:", "right": "--:"}
# What a reader of Markdown would take for markup; percentages, brackets of intervals and names stay as they are.
MARKUP = re.compile(
    r"[\\`|]|[*~](?=\S)|(?<=\S)[*~]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|!(?=\[)"
)
LINE_START = re.compile(r"^(?=[#>+=-])|^(\d+)(?=[.)]\s)")


def save_table_csv(table: Table, path: Path | str) -> None:
    """Write the cells of a table as CSV, the group as its first column; caption and footnotes are in the documents."""
    save_csv(table.frame.rename(columns={column.name: _heading(column) for column in table.columns}), path)


def save_markdown(text: Text, path: Path | str) -> None:
    """Write a text as Markdown."""
    save_bytes(markdown(text).encode("utf-8"), path)


def markdown(text: Text) -> str:
    """A text as Markdown, every word of it as text.

    >>> print(markdown(Text("t", "A <b>", ("5/8 (62.5%) [24.5, 91.5]",))))
    # A \\<b>
    <BLANKLINE>
    5/8 (62.5%) [24.5, 91.5]
    <BLANKLINE>
    """
    blocks, before = [f"# {_escaped(text.title)}"], None
    for block in text.blocks:
        if isinstance(block, Item):
            line = f"{block.number}. " * bool(block.number) + "- " * (not block.number) + _paragraph(block.words)
            if isinstance(before, Item):
                blocks[-1] += "\n" + line
            else:
                blocks.append(line)
        elif isinstance(block, Heading):
            blocks.append(f"{'#' * (block.level + 1)} {_escaped(block.words)}")
        elif isinstance(block, Table):
            blocks += _table(block)
        else:
            blocks.append(_paragraph(block))
        before = block
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> list[str]:
    columns = [*([Column(table.group, 0)] if table.group else []), *table.columns]
    lines = [
        "| " + " | ".join(_escaped(_heading(column)) for column in columns) + " |",
        "|" + "|".join(DIVIDERS[column.align] for column in columns) + "|",
    ]
    for row in table.frame.to_dict("records"):
        lines.append("| " + " | ".join(_escaped(row[column.name]) for column in columns) + " |")
    return [f"**{_escaped(table.caption)}**", "\n".join(lines), *map(_paragraph, table.footnotes)]


def _paragraph(words: str) -> str:
    """A paragraph that begins with no mark of a list, a heading or a quotation."""
    return LINE_START.sub(lambda match: f"{match[1]}\\" if match[1] else "\\", _escaped(words))


def _escaped(value: object) -> str:
    line = " ".join(printable(value).split())
    return MARKUP.sub(lambda match: "\\" + match[0], line)


def _heading(column: Column) -> str:
    """A heading for one header row: the shared part before the own; what is said by the headings themselves is not."""
    return f"{column.over}: {column.title}" if column.over not in ("", "By disease") else column.title
