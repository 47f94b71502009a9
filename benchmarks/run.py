"""CPU seconds, wall seconds and memory of the workflow beside an R script of metafor that does the same work.

Run as ``make bench`` (needs Rscript with metafor and lme4 for the peer; it stops without them). Works on a copy of the
project in a temporary folder; the two are timed in turn, so that a change in the machine's speed falls on both.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
RUNS = 5
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
NEW_STUDY = (
    "bench2026,Bench 2026,Bench,2026,SYNTHETIC,SYNTHETIC,NR,NR,case_series,no,6,bench2026,no,included,,,,SYNTHETIC\n"
)
NEW_RESPONSE = (
    "bench2026_diltiazem,bench2026,diltiazem,ssc,clinical_response,yes,patient,NR,NR,6,NR,NR,NR,2,SYNTHETIC,full_text,"
    "SYNTHETIC,SYNTHETIC,SYNTHETIC,high,yes,,,SYNTHETIC\n"
)


def measure(command: list[str], folder: Path) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak memory (MiB, largest single process) of a command with its children."""
    start, before = time.perf_counter(), os.times()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed:\n{errors.decode()}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.perf_counter() - start, usage.ru_maxrss / 1024


def edited(text: str) -> str:
    """The responses with one count of one study changed."""
    row = "4 years,12,NR,3,NR,3,"
    if text.count(row) != 1:
        sys.exit(f"benchmarks/run.py: {row!r} is not in one row of data/raw/responses.csv")
    return text.replace(row, "4 years,12,NR,4,NR,4,")


def main() -> None:
    """Time whole run, peer, the peer's share of the run, a run with nothing to do, and one after a change."""
    timings: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        skip = shutil.ignore_patterns(".venv", ".git", "results", "processed", ".snakemake")
        shutil.copytree(PROJECT, folder, ignore=skip)
        studies, responses = folder / "data/raw/studies.csv", folder / "data/raw/responses.csv"
        before = studies.read_text(), responses.read_text()
        peer = ["Rscript", "benchmarks/peer.R", "results/tables/arms.csv", str(Path(place) / "peer")]
        for run in range(RUNS + 1):
            for made in ("results", "data/processed", ".snakemake"):
                shutil.rmtree(folder / made, ignore_errors=True)
            results = {
                "whole run": measure(SNAKEMAKE, folder),
                "nothing to do": measure(SNAKEMAKE, folder),
                "metafor in R": measure(peer, folder),
            }
            responses.write_text(edited(before[1]))
            results["one edited count"] = measure(SNAKEMAKE, folder)
            studies.write_text(before[0] + NEW_STUDY)
            responses.write_text(before[1] + NEW_RESPONSE)
            results["one added study"] = measure(SNAKEMAKE, folder)
            studies.write_text(before[0])
            responses.write_text(before[1])
            for name, timing in results.items() if run else ():  # the first round warms the caches
                timings.setdefault(name, []).append(timing)
    heads = f"{'CPU s':>9}{'wall s':>9}{'MiB':>7}{'CPU / metafor':>16}{'wall / metafor':>16}"
    print(f"{'median of ' + str(RUNS):20}{heads}")
    for name, runs in timings.items():
        cpu, wall, memory = (statistics.median(values) for values in zip(*runs, strict=True))
        pairs = list(zip(runs, timings["metafor in R"], strict=True))
        ratios = [statistics.median(ours[at] / theirs[at] for ours, theirs in pairs) for at in (0, 1)]
        print(f"{name:20}{cpu:9.2f}{wall:9.2f}{memory:7.0f}{ratios[0]:16.2f}{ratios[1]:16.2f}")


if __name__ == "__main__":
    main()
