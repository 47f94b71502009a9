"""Wall time and peak memory of the workflow beside an R script of metafor that pools and draws the same arms.

Run as ``make bench`` (needs Rscript with metafor for the peer). Works on a copy of the project in a temporary folder;
the two are timed in turn, so that a change in the machine's speed falls on both. Prints medians and ratios.
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
    "SYNTHETIC,SYNTHETIC,SYNTHETIC,high,yes,,SYNTHETIC\n"
)


def measure(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory (MiB, largest single process) of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed:\n{errors.decode()}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    """Time whole run, peer, run with nothing to do and run after one added study."""
    timings: dict[str, list[tuple[float, float]]] = {}
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
            whole = measure(SNAKEMAKE, folder)
            results = {"whole run": whole, "nothing to do": measure(SNAKEMAKE, folder)}
            if shutil.which("Rscript"):
                results["metafor in R"] = measure(peer, folder)
            studies.write_text(before[0] + NEW_STUDY)
            responses.write_text(before[1] + NEW_RESPONSE)
            results["after one added study"] = measure(SNAKEMAKE, folder)
            studies.write_text(before[0])
            responses.write_text(before[1])
            for name, timing in results.items() if run else ():  # the first round warms the caches
                timings.setdefault(name, []).append(timing)
    print(f"{'':24}{'seconds':>10}{'min':>8}{'max':>8}{'MiB':>8}")
    for name, runs in timings.items():
        seconds, memory = zip(*runs, strict=True)
        print(
            f"{name:24}{statistics.median(seconds):10.2f}{min(seconds):8.2f}{max(seconds):8.2f}"
            f"{statistics.median(memory):8.0f}"
        )
    if "metafor in R" in timings:
        pairs = zip(timings["whole run"], timings["metafor in R"], strict=True)
        ratios = [ours[0] / theirs[0] for ours, theirs in pairs]
        print(f"whole run / metafor in R: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
