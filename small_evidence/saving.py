"""Files written so that the last good one stays until the new one is whole, whatever stops the process.

A file is written in a hidden folder beside its place and then renamed. What a step writes `at_once` is renamed together
at the end, so that a step which fails changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

# By path, the file that will take its place; None for a file that will be deleted.
_PENDING: ContextVar[dict[Path, Path | None] | None] = ContextVar("pending", default=None)


def save_bytes(content: bytes, path: str | Path) -> None:
    """Write a file so that whoever reads it meanwhile sees the old content or the new, never a part."""
    with beside(Path(path)) as place:
        place.write_bytes(content)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A place of the same name to write to; the file there takes the path's place when all of it is written."""
    place = path.parent / f".{os.getpid()}" / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    pending = _PENDING.get()
    try:
        yield place
        if pending is None:
            place.replace(path)
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
                place.replace(path)
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


def written(path: Path) -> Path:
    """Where the content last saved to a path is now: beside it until the end of `at_once`, else at the path."""
    return (_PENDING.get() or {}).get(path) or path


def clear_unfinished(folders: Iterable[Path]) -> None:
    """Delete what processes that were killed began to write below these folders; no other process may be at work."""
    begun = [path for folder in folders for path in folder.rglob(".*") if path.name[1:].isdigit() and path.is_dir()]
    for folder in begun:
        _clear(list(folder.iterdir()))


def _clear(places: Iterable[Path]) -> None:
    """Delete files beside their place, and the hidden folder when the last is gone."""
    for place in places:
        place.unlink(missing_ok=True)
        with suppress(OSError):
            place.parent.rmdir()
