"""A review on disk: the only module that knows where its checked tables and its results lie."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from evidence import ReviewError
from evidence.extraction import read_processed, read_result, save_csv
from evidence.schema import TABLES

PROCESSED = Path("data/processed")
RESULTS = Path("results/tables")
RESULT_TABLES = (
    "study_levels", "appraisal", "arms", "pooled", "pooled_events", "trace", "overlap_candidates", "sensitivity",
    "heterogeneity", "therapy_levels", "level_sensitivity", "reconciliation", "awaiting",
)  # fmt: skip


def read_review(folder: str | Path = ".") -> dict[str, pd.DataFrame]:
    """Checked tables and results of a review that has been run, by name.

    Parameters
    ----------
    folder : the review's folder, with data/processed and results/tables below it

    Raises
    ------
    FileNotFoundError: the review was not run yet
    """
    folder = Path(folder)
    paths = {name: folder / PROCESSED / f"{name}.csv" for name in TABLES}
    paths |= {name: folder / RESULTS / f"{name}.csv" for name in RESULT_TABLES}
    missing = [str(path) for path in paths.values() if not path.exists()]
    if missing:
        raise FileNotFoundError(f"run snakemake first: {', '.join(missing)} not there")
    return read_frames(paths)


def read_frames(paths: Mapping[str, str | Path | list]) -> dict[str, pd.DataFrame]:
    """The tables among named files: cells of extraction tables are text, those of results numbers where they are."""
    return {
        name: read_processed(Path(path).parent, name) if name in TABLES else read_result(path)
        for name, path in paths.items()
        if str(path).endswith(".csv")
    }


def save_frames(frames: Mapping[str, pd.DataFrame], paths: Mapping[str, str | Path]) -> None:
    """Write each table to the path of its name.

    Raises
    ------
    ValueError: a table without a path, or a path without a table
    """
    unlike = sorted(set(frames) ^ set(paths))
    if unlike:
        raise ValueError(f"tables and paths differ in {', '.join(unlike)}")
    for name, frame in frames.items():
        save_csv(frame, paths[name])


def read_config(folder: str | Path = ".") -> dict:
    """The review's choices, as config/config.yaml has them."""
    return yaml.safe_load((Path(folder) / "config/config.yaml").read_text(encoding="utf-8"))


def log_errors(path: str | Path) -> None:
    """Send what this process says of errors to a log; of a fault that people can mend, only its own words."""
    with Path(path).open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    say_all = sys.excepthook
    sys.excepthook = lambda kind, error, trace: (
        print(error, file=sys.stderr) if isinstance(error, ReviewError) else say_all(kind, error, trace)
    )
