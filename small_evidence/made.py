"""What files were made of: one that would be made of the same again is kept, one that was changed by hand is not."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from small_evidence.places import PACKAGE, code, sha256

COLUMNS = ("file", "content", "sha256")  # of a list of files; a file by its place from the folder of the list


@dataclass(frozen=True)
class Made:
    """A file as it was made.

    Attributes
    ----------
    content : SHA-256 of all that it was made of, see `content_of`
    sha256 : of the file itself
    """

    content: str
    sha256: str

    def is_still(self, path: Path) -> bool:
        """Whether the file at a path is the one that was made."""
        return path.is_file() and sha256(path) == self.sha256


def content_of(*parts: Any) -> str:
    """SHA-256 of plain values, data classes and tables, such as a printed table and what writes it."""
    return hashlib.sha256(json.dumps(parts, default=_plain).encode("utf-8")).hexdigest()


@cache
def maker_of(packages: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """SHA-256 of the code of these packages of ours with the modules that all use, and of the versions of libraries."""
    modules = {Path(path).relative_to(PACKAGE).as_posix(): sha256(path) for path in code(*packages)}
    return content_of(modules, [version(library) for library in libraries])


def read_made(listed: Path) -> dict[Path, Made]:
    """Files that a list names, with what it says of them; none where there is no list."""
    if not listed.is_file():
        return {}
    with listed.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if all(row.get(name) for name in COLUMNS)]
    return {Path(os.path.normpath(listed.parent / row["file"])): Made(row["content"], row["sha256"]) for row in rows}


def changed_by_hand(listed: Path) -> list[Path]:
    """Files of a list that are no longer as they were made, or gone."""
    return [path for path, made in read_made(listed).items() if not made.is_still(path)]


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return [type(value).__name__, {field.name: getattr(value, field.name) for field in fields(value)}]
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "dtypes"):  # a table, of which nothing else is needed here than its cells
        return [list(value.columns), [value.iloc[:, place].tolist() for place in range(value.shape[1])]]
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    raise TypeError(f"{type(value).__name__} is no content of a file")
