"""CPU seconds, wall seconds and memory of whole runs of growing reviews, and of batches of growing numbers of reviews.

Run as ``python benchmarks/size.py runs 30 300 3000`` or ``python benchmarks/size.py batch 20 40``: numbers of studies,
numbers of reviews of 30 studies. Every row of the reviews is SYNTHETIC.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import yaml
from report import synthetic_tables, write_rows
from run import PROJECT, measure

THERAPIES = {30: 13, 300: 40, 3000: 300}  # by studies
CHOICES = {"review": {"title": "SYNTHETIC review", "condition": "a SYNTHETIC disease"}}
WORKFLOW = ["--snakefile", str(PROJECT / "Snakefile"), "--profile", str(PROJECT / "profiles/default")]
MANY = (30, 13)  # studies and therapies of each review of a batch


def make_review(folder: Path, studies: int, therapies: int, seed: int = 0) -> None:
    """Write the tables and choices of a review."""
    for name, rows in synthetic_tables(studies, therapies, seed).items():
        (folder / "data/raw").mkdir(parents=True, exist_ok=True)
        write_rows(folder / f"data/raw/{name}.csv", rows)
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(yaml.safe_dump(CHOICES), encoding="utf-8")


def whole_run(studies: int) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and MiB of the largest process of a whole run."""
    with tempfile.TemporaryDirectory() as place:
        make_review(Path(place), studies, THERAPIES[studies])
        return measure([sys.executable, "-m", "snakemake", *WORKFLOW, "--directory", place], PROJECT)


def batch(reviews: int) -> tuple[float, float, float]:
    """The same of one batch of so many reviews."""
    with tempfile.TemporaryDirectory() as place:
        for number in range(reviews):
            make_review(Path(place) / f"review_{number}", *MANY, seed=number)
        return measure([sys.executable, "-m", "small_evidence.cli", "batch", place], PROJECT)


def main() -> None:
    """Print a line a size."""
    kind, *sizes = sys.argv[1:]
    timed, unit = {"runs": (whole_run, "studies"), "batch": (batch, "reviews")}[kind]
    for size in map(int, sizes):
        cpu, wall, memory = timed(size)
        print(f"{size:6} {unit}: {cpu:8.1f} CPU s {wall:8.1f} s {memory:6.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
