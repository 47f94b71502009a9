"""Tables and texts as files: the only module that knows which format is written by what.

Text of the tables is data everywhere: never a formula, a link, markup or a command. The same tables give the
same bytes, and a file that would be the same again is not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os.path import relpath
from pathlib import Path
from typing import Any

import pandas as pd

from small_evidence.documents.latex import save_latex
from small_evidence.documents.plain import save_markdown, save_table_csv
from small_evidence.documents.text import Text
from small_evidence.documents.webpage import save_webpage
from small_evidence.documents.word import save_word
from small_evidence.documents.workbook import save_workbook
from small_evidence.made import COLUMNS, Made, content_of, maker_of, read_made
from small_evidence.places import sha256
from small_evidence.review import save_csv
from small_evidence.saving import at_once, keep, written
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
# What writes a document, beside the modules that all use, and the libraries it is written by
MODULES = ("documents", "extraction", "release", "tables")
LIBRARIES = ("lxml", "pandas", "python-docx", "xlsxwriter")


def save_documents(
    made: Iterable[Table | Text], paths: Iterable[str | Path], *, listed: str | Path | None = None
) -> None:
    """Write tables and texts, each to the paths that have its name; the suffix says the format.

    Parameters
    ----------
    made : tables and texts
    paths : files to write; the stem is the name of a table or text, or `all_tables` for all tables in one XLSX or DOCX
    listed : list of these files and what they are made of, to write; what it lists as made of the same is kept

    Raises
    ------
    ValueError: a path has the name of none of them, or a format in which it cannot be written
    """
    by_name = {one.name: one for one in made}
    before = read_made(Path(listed)) if listed else {}
    now = {}
    with at_once():
        for path in map(Path, paths):
            one: Table | Text | list[Table] | None = by_name.get(path.stem)
            writers, suffix = TEXT_WRITERS if isinstance(one, Text) else WRITERS, path.suffix[1:]
            if path.stem == BOOK and suffix in ("xlsx", "docx"):
                one = [table for table in by_name.values() if isinstance(table, Table)]
            if one is None or suffix not in writers:
                raise ValueError(f"{path}: names are {', '.join(by_name)} and {BOOK}; formats are {', '.join(writers)}")
            content = content_of(one, suffix, maker_of(MODULES, LIBRARIES))
            known = before.get(path)
            if known is None or known.content != content or not known.is_still(path) or not keep(path):
                writers[suffix](one, path)
                known = Made(content, sha256(written(path)))
            now[path] = known
        if listed:
            rows = [(relpath(path, Path(listed).parent), one.content, one.sha256) for path, one in now.items()]
            save_csv(pd.DataFrame(rows, columns=list(COLUMNS)), listed)
