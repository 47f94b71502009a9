"""The last words of a run: what it wrote, or the errors, after everything else on the screen."""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from functools import cache
from pathlib import Path

# What a person opens first, in this order
TO_OPEN = (
    "results/report.html", "results/tables/table_iv.xlsx", "results/figures/summary_forest.pdf",
    "results/tables/awaiting.xlsx", "results/changes.md",
)  # fmt: skip
WRITTEN = ("results", "data/releases")
LOGS = Path("results/logs")
NAMED = 5  # files named one by one


@cache
def print_last(text: str) -> None:
    """Print a text when the process ends, once."""
    atexit.register(print, text)


def closing_words(since: float) -> str:
    """What a run that began at `since` (seconds since the epoch) wrote, in one sentence."""
    new = sorted(path.as_posix() for path in _new_files(map(Path, WRITTEN), since) if LOGS not in path.parents)
    first = [path for path in TO_OPEN if path in new]
    if first:
        return f"Done. Open {', '.join(first)}."
    if not new:
        return "Done. The tables were checked; no result is new."
    more = len(new) - NAMED
    return f"Done. Written: {', '.join(new[:NAMED])}{f' and {more} more' if more > 0 else ''}."


def errors_since(since: float) -> str:
    """What the logs say that were written since (seconds since the epoch); where to look if none says anything."""
    texts = [path.read_text(encoding="utf-8").strip() for path in sorted(_new_files([LOGS], since, "*.log"))]
    found = [text for text in texts if text]
    return "\n\n".join(found) or f"The run stopped. Messages are above and in {LOGS}."


def _new_files(folders: Iterable[Path], since: float, pattern: str = "*") -> list[Path]:
    paths = [path for folder in folders for path in folder.rglob(pattern)]
    return [path for path in paths if path.is_file() and path.stat().st_mtime >= since]
