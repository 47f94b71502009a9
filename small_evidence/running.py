"""Run a review with Snakemake: plain messages of each step, recovery after a run that was killed, errors last."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

from small_evidence import ReviewError
from small_evidence.config import read_config
from small_evidence.places import SNAKEFILE
from small_evidence.starting import check_folder


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
    with chdir(folder):
        _find_cache()
        return int(not _execute(snakefile, targets, cores or os.cpu_count() or 1))


def _find_cache() -> None:
    """Take a folder of the review for Snakemake's cache where that of the user cannot be written."""
    from snakemake.common import get_appdirs  # type: ignore[import-untyped]  # has no types

    cache = Path(get_appdirs().user_cache_dir)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(cache, os.W_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        os.environ["XDG_CACHE_HOME"] = str(Path(".snakemake/cache").resolve())


def _execute(snakefile: Path, targets: Sequence[str], cores: int) -> bool:
    """Run a Snakefile, which shows what it does (screen.py); whether all was made."""
    from snakemake.api import SnakemakeApi  # type: ignore[import-untyped]  # has no types
    from snakemake.scheduling.greedy import SchedulerSettings  # type: ignore[import-untyped]  # has no types
    from snakemake.settings.enums import Quietness  # type: ignore[import-untyped]  # has no types
    from snakemake.settings.types import (  # type: ignore[import-untyped]  # has no types
        DAGSettings,
        OutputSettings,
        ResourceSettings,
        SchedulingSettings,
    )

    from small_evidence.keeping import AnotherRunError

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, nocolor=True)) as api:
        try:
            workflow: Any = api.workflow(resource_settings=ResourceSettings(cores=cores), snakefile=snakefile)
            workflow.dag(DAGSettings(targets=frozenset(targets))).execute_workflow(
                scheduling_settings=SchedulingSettings(scheduler="greedy"),
                scheduler_settings=SchedulerSettings(),
            )
        except AnotherRunError as error:
            raise ReviewError(str(error)) from None
        except Exception as error:  # whatever it is, Snakemake has the words for it
            api.print_exception(error)
            return False
    return True
