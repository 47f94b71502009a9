"""Tables and texts as files: the only module that knows which format is written by what.

Text of the tables is data everywhere: never a formula, a link, markup or a command. The same tables give the
same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from small_evidence.documents.latex import save_latex
from small_evidence.documents.plain import save_markdown, save_table_csv
from small_evidence.documents.text import Text
from small_evidence.documents.webpage import save_webpage
from small_evidence.documents.word import save_word
from small_evidence.documents.workbook import save_workbook
from small_evidence.tables.table import Table

Writers = Mapping[str, Callable[[Any, Path], None]]  # by suffix; what each can write differs
WRITERS: Writers = {
    "csv": save_table_csv,
    "xlsx": save_workbook,
    "docx": save_word,
    "html": save_webpage,
    "tex": save_latex,
}
TEXT_WRITERS: Writers = {"md": save_markdown, "docx": save_word}
BOOK = "all_tables"  # stem of a file with every table


def save_documents(made: Iterable[Table | Text], paths: Iterable[str | Path]) -> None:
    """Write tables and texts, each to the paths that have its name; the suffix says the format.

    Parameters
    ----------
    made : tables and texts
    paths : files to write; the stem is the name of a table or text, or `all_tables` for all tables in one XLSX or DOCX

    Raises
    ------
    ValueError: a path has the name of none of them, or a format in which it cannot be written
    """
    by_name = {one.name: one for one in made}
    for path in map(Path, paths):
        one: Table | Text | list[Table] | None = by_name.get(path.stem)
        writers, suffix = TEXT_WRITERS if isinstance(one, Text) else WRITERS, path.suffix[1:]
        if path.stem == BOOK and suffix in ("xlsx", "docx"):
            one = [table for table in by_name.values() if isinstance(table, Table)]
        if one is None or suffix not in writers:
            raise ValueError(f"{path}: names are {', '.join(by_name)} and {BOOK}; formats are {', '.join(writers)}")
        writers[suffix](one, path)
