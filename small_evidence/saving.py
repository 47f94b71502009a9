"""Files written so that the last good one stays until the new one is whole, whatever stops the process.

A file is written in a hidden folder beside its place and then renamed; where the same bytes are there, that file stays
and only gets the time. What a step writes `at_once` is renamed together at the end, so that a step which fails changes
nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

# By path, the file that will take its place; None for a file that will be deleted.
_PENDING: ContextVar[dict[Path, Path | None] | None] = ContextVar("pending", default=None)


def save_bytes(content: bytes, path: str | Path) -> None:
    """Write a file so that whoever reads it meanwhile sees the old content or the new, never a part."""
    with beside(Path(path)) as place:
        place.write_bytes(content)


def save_json(record: Mapping[str, Any], path: str | Path) -> None:
    """Write plain values as JSON, keys in order."""
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    save_bytes(text.encode("utf-8"), path)


def read_json(path: str | Path) -> dict[str, Any]:
    """What `save_json` wrote."""
    record: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return record


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A place of the same name to write to; the file there takes the path's place when all of it is written."""
    place = path.parent / f".{os.getpid()}" / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    pending = _PENDING.get()
    try:
        yield place
        if pending is None:
            _put(place, path)
        else:
            pending[path] = place
    finally:
        if pending is None or path not in pending:
            _clear([place])


@contextmanager
def at_once() -> Iterator[None]:
    """What is saved or deleted inside takes effect at the end, in that order; after an error nothing does."""
    if _PENDING.get() is not None:
        yield
        return
    pending: dict[Path, Path | None] = {}
    token = _PENDING.set(pending)
    try:
        yield
        for path, place in pending.items():
            if place is None:
                path.unlink(missing_ok=True)
            else:
                _put(place, path)
    finally:
        _PENDING.reset(token)
        _clear(place for place in pending.values() if place is not None)


def delete(path: Path) -> None:
    """Delete a file if it is there, inside `at_once` at its end."""
    pending = _PENDING.get()
    if pending is None:
        path.unlink(missing_ok=True)
    else:
        pending[path] = None


def keep(path: Path) -> bool:
    """Give a file that is up to date the time of now, by which Snakemake decides; whether its owner allows it."""
    try:
        path.touch()
    except OSError:
        return False
    return True


def written(path: Path) -> Path:
    """Where the content last saved to a path is now: beside it until the end of `at_once`, else at the path."""
    return (_PENDING.get() or {}).get(path) or path


def clear_unfinished(folders: Iterable[Path]) -> None:
    """Delete what processes that were killed began to write below these folders; no other process may be at work."""
    begun = [path for folder in folders for path in folder.rglob(".*") if path.name[1:].isdigit() and path.is_dir()]
    for folder in begun:
        _clear(list(folder.iterdir()))


def _put(place: Path, path: Path) -> None:
    """Let a file take its place, unless the one there is the same."""
    if _is_same(place, path) and keep(path):
        place.unlink()
    else:
        place.replace(path)


def _is_same(place: Path, path: Path) -> bool:
    try:
        same_size = path.is_file() and not path.is_symlink() and path.stat().st_size == place.stat().st_size
        return same_size and path.read_bytes() == place.read_bytes()
    except OSError:  # a file of another user may be one to replace and none to read
        return False


def _clear(places: Iterable[Path]) -> None:
    """Delete files beside their place, and the hidden folder when the last is gone."""
    for place in places:
        place.unlink(missing_ok=True)
        with suppress(OSError):
            place.parent.rmdir()
