"""What is computed of the arms of each analysis: once for the same arms, on all cores, and kept for the next run.

`each` is the one way from a table of arms to the models. What a model gives for an analysis depends on the cells that
it gets, its options, the code and the libraries, and on no other analysis (tests/test_batches.py). So the answer to the
same cells and options is taken from where it is known, and the others are computed together or apart, with the same
digits.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from small_evidence.made import content_of, maker_of
from small_evidence.saving import save_bytes

# What computes the answers, beside the modules that all use
MODULES = ("appraisal", "extraction", "pooling", "synthesis")
LIBRARIES = ("numpy", "pandas", "scipy")
WORTH_A_PROCESS = 500  # arms: fewer are computed sooner than another process begins
PARTS_A_PROCESS = 4  # so that none waits long for the last one
SET = "number of the set"  # the column that tells sets apart for a function

# Of the arms of several sets, told apart by a column, a table with that column
Compute = Callable[..., pd.DataFrame]


@dataclass
class Answers:
    """Answers that are known, as lines of JSON by the hash of what they answer.

    Attributes
    ----------
    known : those of an earlier run and of this one
    used : those that this run asked for
    cores : processes that may compute at a time
    """

    known: dict[str, bytes] = field(default_factory=dict)
    used: dict[str, bytes] = field(default_factory=dict)
    cores: int = 1


_ANSWERS: ContextVar[Answers | None] = ContextVar("answers", default=None)


def each(compute: Compute, arms: pd.DataFrame, by: str | Sequence[str] = "analysis", **options: Any) -> pd.DataFrame:
    """What a function gives for every group of arms, in the order of the groups.

    Parameters
    ----------
    compute : function of a module; called as compute(arms of some groups, by=column, **options), returns a table with
        that column, whose rows of a group depend on the other cells of that group alone
    arms : DataFrame; a row an arm, with the `by` columns and those that the function reads, no others
    by : columns that make a group
    options : plain values

    Returns
    -------
    DataFrame: the `by` columns, then those of the function
    """
    by = [by] if isinstance(by, str) else list(by)
    cells = arms.drop(columns=by).reset_index(drop=True)
    if arms.empty:
        return pd.concat([arms[by], compute(cells.assign(**{SET: 0}), by=SET, **options).drop(columns=SET)], axis=1)
    number = arms.groupby(by, sort=False).ngroup().to_numpy()
    keys = arms[by].drop_duplicates()
    places = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    asked = _names(compute, cells, places, options)
    answers = _ANSWERS.get() or Answers()
    new = {name: place for name, place in zip(asked, places, strict=True) if name not in answers.known}
    answers.known |= _computed(compute, cells, new, options, answers.cores)
    lines = {name: answers.known[name] for name in asked}
    answers.used |= lines
    return _joined(keys, [json.loads(lines[name]) for name in asked])


@contextmanager
def answers_kept(path: Path | None = None, *, cores: int | None = None) -> Iterator[None]:
    """Inside, answers are known from before; those that were asked for are written at the end, no others.

    Parameters
    ----------
    path : file of the answers, in memory only if None. One that is damaged, or of other code, libraries or kind of
        processor, is as none.
    cores : processes that may compute at a time, those that this one may use if None
    """
    answers = Answers(_read(path) if path else {}, cores=_cores() if cores is None else cores)
    token = _ANSWERS.set(answers)
    try:
        yield
    finally:
        _ANSWERS.reset(token)
    if path:
        save_bytes(_written(answers.used), path)


def _cores() -> int:
    """Cores that this process may use, 1 where a process cannot be forked."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _names(
    compute: Compute, cells: pd.DataFrame, places: Sequence[np.ndarray], options: Mapping[str, Any]
) -> list[str]:
    """The hash of what is asked for each group: function, options, columns and cells."""
    question = content_of(compute.__module__, compute.__qualname__, options, list(cells.columns))
    columns = [cells[name].astype(object).to_numpy() for name in cells.columns]
    found = []
    for place in places:
        content = json.dumps([question, *(column[place].tolist() for column in columns)], default=_plain)
        found.append(hashlib.sha256(content.encode("utf-8")).hexdigest())
    return found


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    if value is pd.NA:
        return None
    raise TypeError(f"{type(value).__name__} is no cell of a table of arms")


def _computed(
    compute: Compute, cells: pd.DataFrame, new: Mapping[str, np.ndarray], options: Mapping[str, Any], cores: int
) -> dict[str, bytes]:
    """Answers by name, of one process or several."""
    if not new:
        return {}
    names = list(new)
    arms = sum(map(len, new.values()))
    processes = min(cores, arms // WORTH_A_PROCESS + 1, len(names))
    if processes == 1:
        return dict(zip(names, _lines(compute, cells, list(new.values()), options), strict=True))
    count = min(processes * PARTS_A_PROCESS, len(names))
    parts = [names[start::count] for start in range(count)]
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        running = [pool.submit(_lines, compute, *_part(cells, [new[name] for name in part]), options) for part in parts]
        lines = [one.result() for one in running]
    return dict(zip(chain.from_iterable(parts), chain.from_iterable(lines), strict=True))


def _part(cells: pd.DataFrame, places: Sequence[np.ndarray]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """The cells of some groups alone, and their places among these."""
    ends = np.cumsum([place.size for place in places])
    return cells.iloc[np.concatenate(places)].reset_index(drop=True), np.split(np.arange(ends[-1]), ends[:-1])


def _lines(
    compute: Compute, cells: pd.DataFrame, places: Sequence[np.ndarray], options: Mapping[str, Any]
) -> list[bytes]:
    """The answer for each group as a line of JSON, in which every float keeps its last digit."""
    number = np.repeat(np.arange(len(places)), [place.size for place in places])
    arms = cells.iloc[np.concatenate(places)].assign(**{SET: number}).reset_index(drop=True)
    table = compute(arms, by=SET, **options)
    kinds = {name: str(dtype) for name, dtype in table.drop(columns=SET).dtypes.items()}
    values = {name: table[name].astype(object).to_numpy() for name in kinds}
    rows: list[list[int]] = [[] for _ in places]
    for row, one in enumerate(table[SET].tolist()):
        rows[one].append(row)
    return [
        json.dumps(
            {"rows": len(mine), "kinds": kinds, "values": [column[mine].tolist() for column in values.values()]},
            default=_plain,
        ).encode("utf-8")
        for mine in rows
    ]


def _joined(keys: pd.DataFrame, answers: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One table of all answers, each after its keys."""
    repeated = keys.iloc[np.repeat(np.arange(len(keys)), [one["rows"] for one in answers])].reset_index(drop=True)
    columns: dict[str, pd.Series] = {name: repeated[name] for name in keys.columns}
    full = [one for one in answers if one["rows"]] or list(answers[:1])
    for name in dict.fromkeys(chain.from_iterable(one["kinds"] for one in full)):
        kinds = {one["kinds"].get(name, "float64") for one in full}
        parts = (
            one["values"][list(one["kinds"]).index(name)] if name in one["kinds"] else repeat(np.nan, one["rows"])
            for one in full
        )
        kind = kinds.pop() if len(kinds) == 1 else "float64" if kinds <= {"int64", "float64"} else "object"
        columns[name] = pd.Series(list(chain.from_iterable(parts)), dtype=kind)
    return pd.DataFrame(columns)


# Keeping ---------------------------------------------------------------------------------------------------


@cache
def _maker() -> str:
    """SHA-256 of all that the last digit of an answer depends on beside the question."""
    machine = [platform.system(), platform.machine(), platform.python_version(), _instructions()]
    return content_of(maker_of(MODULES, LIBRARIES), machine)


def _instructions() -> list[str]:
    """Instructions of the processor by which numpy chooses among ways to the last digit."""
    shown: Any = np.show_config(mode="dicts")
    return list(shown["SIMD Extensions"].get("found", []))


def _written(answers: Mapping[str, bytes]) -> bytes:
    """A file of answers: a line that says what made them and what they are, then one an answer."""
    body = b"".join(name.encode() + b" " + line + b"\n" for name, line in sorted(answers.items()))
    return f"{_maker()} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def _read(path: Path) -> dict[str, bytes]:
    """Answers of a file, none where it is not there, not whole, or not made by this code on this kind of machine."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return {}
    if head != f"{_maker()} {hashlib.sha256(body).hexdigest()}".encode():
        return {}
    return dict(_named(line) for line in body.splitlines())


def _named(line: bytes) -> tuple[str, bytes]:
    name, _, answer = line.partition(b" ")
    return name.decode(), answer
