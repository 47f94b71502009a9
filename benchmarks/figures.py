"""Time of forest plots, ours beside metafor's in R, for the same treatments: one figure, one format, the full set.

Run as ``make bench``, or ``python benchmarks/figures.py`` after ``snakemake`` (needs Rscript with metafor for the
peer; R's meta is timed where it is installed). Both draw every analysis over all diseases with an arm that entered,
from the results of the last run; both are timed as whole processes and inside them, in turn, so that a change in the
machine's speed falls on both. Width and dots per inch are the same. Metafor's plots are plain, without columns for
disease and level, summary rows and notes, and are far quicker than ours; the ratios are printed as they are.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))
RUNS = 5
ARMS = PROJECT / "results/tables/arms.csv"
OURS, PEERS = ("svg", "pdf", "png"), ("pdf", "png")
ONE = "diltiazem"


def draw(folder: Path) -> dict[str, float]:
    """Seconds of our figures in this process: importing, reading, one figure, the set in each format and in all."""
    start = time.perf_counter()
    from small_evidence.figures import review_figure, style_of
    from small_evidence.figures.render import save_figure
    from small_evidence.review import read_review

    seconds = {"start": time.perf_counter() - start}
    start = time.perf_counter()
    review = read_review(PROJECT)
    seconds["reading"] = time.perf_counter() - start
    style = style_of(review)
    names = [f"forest_{name}" for name, one in review.analyses.items() if one.disease == "all" and one.result["k"]]
    save_figure(review_figure(review, names[0], style), folder / "first.svg")  # loads fonts, once
    for ending in OURS:
        start = time.perf_counter()
        save_figure(review_figure(review, f"forest_{ONE}", style), folder / f"one.{ending}")
        seconds[f"one figure, {ending}"] = time.perf_counter() - start
    start = time.perf_counter()
    figures = {name: review_figure(review, name, style) for name in names}
    seconds["laying out the set"] = time.perf_counter() - start
    for ending in OURS:
        start = time.perf_counter()
        for name, figure in figures.items():
            save_figure(figure, folder / f"{name}.{ending}")
        seconds[f"writing the set, {ending}"] = time.perf_counter() - start
    parts = [value for name, value in seconds.items() if "the set" in name]
    seconds["the set, all three formats"] = sum(parts)
    seconds["figures"] = float(len(names))
    return seconds


def timed(command: list[str]) -> dict[str, float]:
    """What a command prints as its seconds, and those of the whole process."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1]) | {"whole process": whole}


def main() -> None:
    """Time both in turn and print what was found."""
    if not ARMS.exists():
        sys.exit(f"{ARMS.relative_to(PROJECT)} is not there; run snakemake first")
    commands = {"ours": [sys.executable, __file__, "draw"]}
    if shutil.which("Rscript"):
        commands["R"] = ["Rscript", str(PROJECT / "benchmarks/figures.R"), str(ARMS), ONE]
    timings: dict[str, dict[str, list[float]]] = {name: {} for name in commands}
    with tempfile.TemporaryDirectory() as place:
        for run in range(RUNS + 1):
            for who, command in commands.items():
                found = timed([*command, place])
                for name, seconds in found.items() if run else ():  # the first round warms the caches
                    timings[who].setdefault(name, []).append(seconds)
    middle = {who: {name: statistics.median(runs) for name, runs in found.items()} for who, found in timings.items()}
    for who, found in middle.items():
        print(f"{who}, {found.pop('figures'):.0f} figures (seconds, median of {RUNS})")
        for name, seconds in found.items():
            print(f"  {name:32}{seconds:8.3f}")
    if "R" in middle:
        ours, theirs = middle["ours"], middle["R"]
        pairs = [
            *((f"one figure, {ending}", f"metafor, one figure, {ending}") for ending in PEERS),
            ("the set, all three formats", "metafor, the set, png"),
            ("the set, all three formats", "metafor, the set, pdf"),
            ("whole process", "whole process"),
        ]
        print("ours / R")
        for name, peer in pairs:
            print(f"  {name} / {peer}: {ours[name] / theirs[peer]:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["draw"]:
        print(json.dumps(draw(Path(sys.argv[2]))))
    else:
        main()
