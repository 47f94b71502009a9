"""One run at a time in a folder: a live run is named, and one that was killed holds nothing back.

The system takes a lock from a file when the process that holds it ends, however it ends; a file with the number of a
process says nothing after the next start of the machine. Each step holds a lock of its own, as a step outlives the run
that started it when only that is killed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where Snakemake's own lock has to do
    fcntl = None  # type: ignore[assignment]

NOTES = Path(".snakemake")  # where Snakemake keeps its own
RUN = NOTES / "small_evidence_run"
STEP = NOTES / "small_evidence_step"


@contextmanager
def alone() -> Iterator[bool]:
    """Hold the working directory until the end, once no step of an earlier run is at work.

    Yields
    ------
    bool; whether the disk knows locks, so that nobody else is at work for sure

    Raises
    ------
    BlockingIOError: another run is at work; the message names its process
    """
    RUN.parent.mkdir(exist_ok=True)
    with RUN.open("a+", encoding="utf-8") as run, STEP.open("a", encoding="utf-8") as step:
        try:
            _take(run)
        except BlockingIOError:
            run.seek(0)
            holder = run.read() or "a process that has just begun"
            raise BlockingIOError(
                f"{Path.cwd().name}: another run is at work here ({holder}); wait until it has ended"
            ) from None
        except OSError:  # a disk without locks
            yield False
            return
        run.truncate(0)
        run.write(f"process {os.getpid()} on {socket.gethostname()}")
        run.flush()
        try:
            _take(step)
        except BlockingIOError:
            print("A step of a run that was stopped is still at work; this run goes on when it has ended.", flush=True)
            fcntl.flock(step, fcntl.LOCK_EX)
        fcntl.flock(step, fcntl.LOCK_UN)
        yield True


def _take(file: IO[str]) -> None:
    """Lock a file, or raise BlockingIOError where another process has it, OSError where there are no locks."""
    if fcntl is None:
        raise OSError("no locks on this system")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def join_run() -> None:
    """Let the next run wait for this process, a step of a run."""
    if fcntl is None:
        return
    NOTES.mkdir(exist_ok=True)
    with suppress(OSError):  # a disk without locks
        fcntl.flock(os.open(STEP, os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)  # open until the process ends
