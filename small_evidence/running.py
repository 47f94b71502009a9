"""Run a review with Snakemake: plain messages of each step, recovery after a run that was killed, errors last."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from small_evidence import ReviewError
from small_evidence.config import read_config
from small_evidence.places import SNAKEFILE
from small_evidence.starting import check_folder

LOCKS = Path(".snakemake/locks")
RUNNING = Path(".snakemake/small_evidence_run")  # host and process of the run that holds the folder


def run_review(folder: Path, targets: Sequence[str] = (), cores: int | None = None) -> int:
    """Make what is missing or out of date in a review.

    Parameters
    ----------
    folder : of the review; its own Snakefile is used where it has one
    targets : files or rules to make; all if none
    cores : all if None

    Returns
    -------
    int; exit code

    Raises
    ------
    ReviewError: there is no review in the folder, a choice is not allowed, or another run is at work there
    """
    check_folder(folder)
    read_config(folder)
    snakefile = (folder / "Snakefile").resolve() if (folder / "Snakefile").exists() else SNAKEFILE
    with chdir(folder), _alone():
        return int(not _execute(snakefile, targets, cores or os.cpu_count() or 1))


def _execute(snakefile: Path, targets: Sequence[str], cores: int) -> bool:
    """Run a Snakefile, which shows what it does (screen.py); whether all was made."""
    from snakemake.api import SnakemakeApi  # type: ignore[import-untyped]  # has no types
    from snakemake.settings.enums import Quietness  # type: ignore[import-untyped]  # has no types
    from snakemake.settings.types import (  # type: ignore[import-untyped]  # has no types
        DAGSettings,
        OutputSettings,
        ResourceSettings,
    )

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, nocolor=True)) as api:
        try:
            workflow: Any = api.workflow(resource_settings=ResourceSettings(cores=cores), snakefile=snakefile)
            workflow.dag(DAGSettings(targets=frozenset(targets), force_incomplete=True)).execute_workflow()
        except Exception as error:  # whatever it is, Snakemake has the words for it
            api.print_exception(error)
            return False
    return True


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the folder; a lock that a killed run left there is taken away.

    Raises
    ------
    ReviewError: another run is at work in the folder, here or on another machine
    """
    here = Path.cwd()
    holder = _holder(here)
    if holder:
        raise ReviewError(f"{here.name}: another run is at work here ({holder}); wait until it has ended")
    left = list(LOCKS.glob("*.lock"))
    for path in left:
        path.unlink()
    if left:
        print("A run was stopped before; it goes on from there.")
    RUNNING.parent.mkdir(exist_ok=True)
    RUNNING.write_text(f"{socket.gethostname()} {os.getpid()}", encoding="utf-8")
    try:
        yield
    finally:
        RUNNING.unlink(missing_ok=True)


def _holder(folder: Path) -> str:
    """Who runs the review in a folder, in words; "" if nobody does."""
    import psutil  # type: ignore[import-untyped]  # has no types

    if RUNNING.exists():
        host, process = RUNNING.read_text(encoding="utf-8").split()
        if host != socket.gethostname():
            return f"on {host}; if it was killed there, delete {RUNNING}"
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        ours = process.info["pid"] in (os.getpid(), os.getppid())
        works = "snakemake" in words or "small-evidence" in words or "small_evidence" in words
        if not ours and works and process.info["cwd"] == str(folder.resolve()):
            return f"process {process.info['pid']}"
    return ""
