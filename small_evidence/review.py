"""A review on disk: the only module that knows where its checked tables and its results lie."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import yaml

from small_evidence import ReviewError
from small_evidence.config import with_present_keys
from small_evidence.extraction.checks import read_processed, read_result, save_csv
from small_evidence.extraction.schema import TABLES

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
        if not isinstance(path, list) and str(path).endswith(".csv")
    }


def read_release(paths: Iterable[str | Path]) -> tuple[dict[str, pd.DataFrame], dict]:
    """Tables by the stem of their file, and the choices that the provenance.json among the paths holds ({} without)."""
    frames = read_frames({Path(path).stem: path for path in paths})
    records = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths if str(path).endswith(".json")]
    return frames, with_present_keys(records[0]["config"]) if records else {}


def freeze(paths: Iterable[str | Path], folder: str | Path) -> None:
    """Copy files into a new folder, the last one last; a folder without it was not frozen to the end.

    Raises
    ------
    FileExistsError: the folder is there, whose files stay as they are
    """
    Path(folder).mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, Path(folder) / Path(path).name)


def read_meanings(path: str | Path) -> dict[str, str]:
    """What each choice means, by its dotted name, from the schema of the choices."""

    def meanings(part: Mapping, name: str) -> dict[str, str]:
        found = {name: part["description"]} if "description" in part else {}
        for key, inner in part.get("properties", {}).items():
            found |= meanings(inner, f"{name}.{key}".removeprefix("."))
        return found

    return meanings(yaml.safe_load(Path(path).read_text(encoding="utf-8")), "")


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
