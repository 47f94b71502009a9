"""Run a review with Snakemake: plain messages of each step, recovery after a run that was killed, errors last."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from small_evidence import ReviewError
from small_evidence.closing import closing_words, errors_since, print_last
from small_evidence.config import read_config
from small_evidence.places import SNAKEFILE
from small_evidence.starting import check_folder

LOCKS = Path(".snakemake/locks")
RUNNING = Path(".snakemake/small_evidence_run")  # host and process of the run that holds the folder
# What each rule does, in words for the screen
STEPS = {
    "check": "Tables checked",
    "compare_extractions": "Second extraction compared, if there is one",
    "synthesise": "Studies graded and pooled",
    "present": "Tables, texts and report written",
    "draw": "Figures drawn",
    "draw_figure": "Figure drawn",
    "export": "Files for the journal packed",
    "record": "Record of the run written",
    "freeze": "Release frozen",
    "all": "Every result is up to date",
}


class _Progress(logging.Handler):
    """Prints a line when a step is done: "2 of 6: studies graded and pooled (14 s)"."""

    def __init__(self) -> None:
        super().__init__()
        self.rules: dict[int, str] = {}
        self.since = time.monotonic()
        self.finished = ""
        self.jobs = 0

    def emit(self, record: logging.LogRecord) -> None:
        from snakemake_interface_logger_plugins.common import LogEvent

        event, fields = getattr(record, "event", None), vars(record)
        if event == LogEvent.JOB_INFO:
            self.rules[fields["jobid"]] = fields["rule_name"]
        elif event == LogEvent.JOB_FINISHED:
            self.jobs += 1
            rule = self.rules.get(fields["job_id"], "")
            self.finished = STEPS.get(rule, rule.replace("_", " "))
        elif event == LogEvent.PROGRESS and self.finished:
            print(
                f"{fields['done']} of {fields['total']}: {self.finished} ({time.monotonic() - self.since:.0f} s)",
                flush=True,
            )
            self.finished = ""


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
    from snakemake.exceptions import MissingRuleException, RuleException, WorkflowError  # type: ignore[import-untyped]  # has no types

    check_folder(folder)
    read_config(folder)
    snakefile = (folder / "Snakefile").resolve() if (folder / "Snakefile").exists() else SNAKEFILE
    since = time.time()
    with chdir(folder), _alone():
        progress = _Progress()
        try:
            _execute(snakefile, targets, cores or os.cpu_count() or 1, progress)
        except MissingRuleException:
            raise ReviewError(
                f"none of the files or rules that a run makes: {', '.join(targets)}; a figure is named like "
                "results/figures/summary_forest.pdf"
            ) from None
        except (WorkflowError, RuleException, SystemExit) as error:
            words = errors_since(since) if progress.rules else str(error)
            print_last(words)
            return 1
        print_last(closing_words(since) if progress.jobs else "Nothing to do: every result is up to date.")
    return 0


def _execute(snakefile: Path, targets: Sequence[str], cores: int, progress: logging.Handler) -> None:
    from snakemake.api import SnakemakeApi  # type: ignore[import-untyped]  # has no types
    from snakemake.logging import logger  # type: ignore[import-untyped]  # has no types
    from snakemake.settings.enums import Quietness  # type: ignore[import-untyped]  # has no types
    from snakemake.settings.types import (  # type: ignore[import-untyped]  # has no types
        DAGSettings,
        OutputSettings,
        ResourceSettings,
    )

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, nocolor=True)) as api:
        logger.addHandler(progress)
        try:
            workflow: Any = api.workflow(resource_settings=ResourceSettings(cores=cores), snakefile=snakefile)
            dag = workflow.dag(DAGSettings(targets=frozenset(targets), force_incomplete=True))
            dag.execute_workflow()
        finally:
            logger.removeHandler(progress)


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
