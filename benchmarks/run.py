"""CPU seconds, wall seconds and memory of the workflow beside an R script of metafor that does the same work.

Run as ``make bench`` or ``python benchmarks/run.py [rounds]`` (needs Rscript with metafor and lme4 for the peer; it
stops without them). Works on a copy of the project in a temporary folder; in each round everything is timed in turn, so
that a change in the machine's speed falls on all, and ratios are those within a round.
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
ROUNDS = 5
PEER, WHOLE, EDITED = "metafor in R", "whole run", "one edited count"
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
# What the peer writes: the pooled table and forest plots as PNG; a run draws the other figures with them
SAME_WORK = [
    *SNAKEMAKE, "results/tables/pooled.csv", "results/figures/preflight.csv",
    "--config", "figures={preset: screen, formats: [png], order: year}",
]  # fmt: skip
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


def one_round(folder: Path, place: Path) -> dict[str, tuple[float, float, float]]:
    """Every row once."""
    studies, responses = folder / "data/raw/studies.csv", folder / "data/raw/responses.csv"
    before = studies.read_text(), responses.read_text()
    peer = ["Rscript", "benchmarks/peer.R", "results/tables/arms.csv", str(place / "peer")]
    clear(folder)
    found = {"same work": measure(SAME_WORK, folder)}
    clear(folder)
    found |= {
        WHOLE: measure(SNAKEMAKE, folder),
        "nothing to do": measure(SNAKEMAKE, folder),
        PEER: measure(peer, folder),
    }
    responses.write_text(edited(before[1]))
    found[EDITED] = measure(SNAKEMAKE, folder)
    studies.write_text(before[0] + NEW_STUDY)
    responses.write_text(before[1] + NEW_RESPONSE)
    found["one added study"] = measure(SNAKEMAKE, folder)
    studies.write_text(before[0])
    responses.write_text(before[1])
    return found


def clear(folder: Path) -> None:
    """Delete all that a run made."""
    for made in ("results", "data/processed", ".snakemake"):
        shutil.rmtree(folder / made, ignore_errors=True)


def main() -> None:
    """Time same work, whole run, peer, a run with nothing to do, and runs after a change."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        skip = shutil.ignore_patterns(".venv", ".git", "results", "processed", ".snakemake")
        shutil.copytree(PROJECT, folder, ignore=skip)
        measure([sys.executable, "-m", "compileall", "-q", "small_evidence"], folder)
        timings = [one_round(folder, Path(place)) for _ in range(rounds)]
    heads = f"{'CPU s':>9}{'wall s':>9}{'MiB':>7}{'CPU / metafor':>16}{'wall / metafor':>16}"
    print(f"{'medians of ' + str(rounds):20}{heads}")
    for name in timings[0]:
        cpu, wall, memory = (statistics.median(one[name][at] for one in timings) for at in range(3))
        ratios = [statistics.median(one[name][at] / one[PEER][at] for one in timings) for at in (0, 1)]
        print(f"{name:20}{cpu:9.2f}{wall:9.2f}{memory:7.0f}{ratios[0]:16.2f}{ratios[1]:16.2f}")
    share = statistics.median(one[EDITED][0] / one[WHOLE][0] for one in timings)
    print(f"CPU s after one edited count / whole run: {share:.2f}")


if __name__ == "__main__":
    main()
