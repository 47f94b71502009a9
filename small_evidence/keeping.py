"""What Snakemake notes about a review, so that results stay until new ones are whole and a killed run resumes.

Snakemake by itself puts results back after a failed step by copying, which cuts each file to nothing first and fails on
a full disk; it then notes the failed step as done; after a kill it wants options that a reviewer does not know; it
stops at a file that is dated in the future, as every file is after the clock was set back; and asked to end (SIGTERM)
while it notes a step as done, it waits for itself for ever.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import snakemake.api  # type: ignore[import-untyped]  # has no types; before workflow, as the two import each other
import snakemake.dag  # type: ignore[import-untyped]  # has no types
import snakemake.workflow  # type: ignore[import-untyped]  # has no types
from snakemake.exceptions import WorkflowError  # type: ignore[import-untyped]  # has no types
from snakemake.io import IOCache  # type: ignore[import-untyped]  # has no types
from snakemake.persistence.file import FilePersistence  # type: ignore[import-untyped]  # has no types
from snakemake.scheduling.job_scheduler import JobScheduler  # type: ignore[import-untyped]  # has no types

from small_evidence.alone import alone
from small_evidence.made import changed_by_hand
from small_evidence.places import DOCUMENT_LIST, FIGURE_LIST
from small_evidence.saving import clear_unfinished

WRITTEN = (Path("results"), Path("data"))
EXIT_GRACEFULLY = JobScheduler.exit_gracefully
NAMED = 5  # files named one by one


class AnotherRunError(WorkflowError):  # type: ignore[misc]  # has no types
    """Another run is at work in the folder."""


class Keeping(FilePersistence):  # type: ignore[misc]  # has no types
    """Notes on the steps of a review.

    The steps write their results `saving.at_once`: after a failure those of the last good run are still there, whole,
    and need not be put back.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._failed: set[Path] = set()
        if self.dag is not None:
            self.dag.workflow.dag_settings.force_incomplete = True  # go on after a stopped run without an option
            if self.dag.workflow.is_main_process:
                self._repeat_what_was_changed()

    def _repeat_what_was_changed(self) -> None:
        """Have the steps repeated whose figures or documents were changed by hand, of which they make those again."""
        for listed in (FIGURE_LIST, DOCUMENT_LIST):
            if changed := changed_by_hand(listed):
                self.dag.forcefiles.add(str(listed))
                names = ", ".join(path.as_posix() for path in changed[:NAMED])
                more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
                print(f"Not as the last run wrote it: {names}{more}; written again.", flush=True)

    @property
    def _serialize_param(self) -> Callable[[Any], Any]:
        """How the notes show a parameter of a rule; one can be a table only where pandas is loaded, which is slow."""
        is_loaded = "pandas" in sys.modules
        return super()._serialize_param if is_loaded else self._serialize_param_builtin  # type: ignore[no-any-return]

    def backup_output(self, path: Path) -> None:
        """Nothing to do for the results of a review."""
        if not _is_ours(path):
            super().backup_output(path)

    def restore_output(self, path: Path) -> bool:
        """Take note that the step of this file failed; the file itself is as it was."""
        self._failed.add(path)
        return True if _is_ours(path) else bool(super().restore_output(path))

    def started(self, job: Any, external_jobid: str | None = None) -> None:
        """Note that a step begins, perhaps again."""
        self._failed.difference_update(map(Path, job.output))
        super().started(job, external_jobid)

    async def finished(self, job: Any) -> None:
        """Note that a step is done; one that failed stays noted as begun, so that the next run repeats it."""
        if self._failed.isdisjoint(map(Path, job.output)):
            workflow = self.dag.workflow
            before = workflow.iocache
            workflow.iocache = IOCache(before.max_wait_time)  # else each input is read once for every output
            try:
                await super().finished(job)
            finally:
                workflow.iocache = before

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this run; what a run that was killed left there is taken away.

        Raises
        ------
        AnotherRunError: another run is at work there
        """
        try:
            with alone() as certain:
                if certain:
                    self._clear_after_kill()
                with super().lock():
                    yield
        except BlockingIOError as error:
            raise AnotherRunError(str(error)) from None

    def _clear_after_kill(self) -> None:
        left = list(Path(self._lockdir).glob("*.lock"))
        for path in left:
            path.unlink()
        if left:
            print("A run was stopped before; it goes on from there.", flush=True)
        clear_unfinished(WRITTEN)


def _is_ours(path: Path) -> bool:
    """Whether a file is of this workflow, where another one uses it as a module."""
    return path.parts[0] in {folder.name for folder in WRITTEN}


def keep_results() -> None:
    """Let Snakemake make its notes as above from now on."""
    snakemake.workflow.FilePersistence = Keeping
    snakemake.dag.DAG.check_output_mtime = _take_any_time
    JobScheduler.exit_gracefully = _stop


async def _take_any_time(dag: Any, job: Any, outputs: Any) -> None:
    """Outputs may be older than inputs: the notes have the hashes of the inputs, by which the next run decides."""


def _stop(scheduler: Any, *_: object) -> None:
    """Take a signal to end. A thread waits for the lock of the scheduler, which the interrupted code may hold."""
    _thread.start_new_thread(EXIT_GRACEFULLY, (scheduler,))
