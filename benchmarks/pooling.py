"""Fits a second of processor time of the pooling engine beside metafor's, in the same run and on one thread.

Run as ``python benchmarks/pooling.py`` (needs Rscript with metafor and lme4 for the peer). Prints the fits a second at
batches of 1, 200 and 1,000 analyses with the profile interval off and on, how the cost grows with k, and the memory of
the largest batch. Processor time, so that other work of the machine does not count.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from small_evidence.pooling import pool_many, pool_responses

PEER = Path(__file__).parent / "pooling.R"
SEED, REPEATS = 41, 1
GLMM_FITS, TWO_STEP_FITS = 40, 200  # of R, enough for a second or two
INTERVALS = ("wald_z", "profile", "profile_student")


def random_arms(analyses: int, rng: np.random.Generator, least: int = 3, most: int = 12) -> pd.DataFrame:
    """Arms of like size to those of small reviews: k studies of 3 to 30 patients, logit-normal proportions."""
    k = rng.integers(least, most + 1, analyses)
    group = np.repeat(np.arange(analyses), k)
    n = rng.integers(3, 31, group.size)
    theta = rng.normal(0, 1, analyses)[group] + rng.normal(0, 0.7, group.size)
    return pd.DataFrame({"group": group, "responders": rng.binomial(n, 1 / (1 + np.exp(-theta))), "n": n})


def rate(analyses: int, work) -> float:
    """Analyses a second: the median of REPEATS runs after one that warms up."""
    work()
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return analyses / statistics.median(spent)


def one_by_one(arms: pd.DataFrame, interval: str) -> float:
    """Analyses a second where each is a call of its own."""
    parts = [(part["responders"].to_numpy(), part["n"].to_numpy()) for _, part in arms.groupby("group")]
    return rate(len(parts), lambda: [pool_responses(x, n, interval=interval) for x, n in parts])


def main() -> None:
    """Print the tables."""
    rng = np.random.default_rng(SEED)
    few, some, many = (random_arms(analyses, rng) for analyses in (50, 200, 1_000))
    ours = {}
    for interval in INTERVALS:
        ours[1, interval] = one_by_one(few, interval)
        for analyses, arms in ((200, some), (1_000, many)):
            ours[analyses, interval] = rate(
                analyses, lambda arms=arms, i=interval: pool_many(arms, "group", interval=i)
            )
    bayes = rate(200, lambda: pool_many(some, "group", method="bayes"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    two_step = rate(1_000, lambda: pool_many(many, "group", method="inverse_variance", interval="wald_z"))
    theirs = None
    if shutil.which("Rscript"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "arms.csv"
            many[many["group"] < TWO_STEP_FITS].to_csv(path, index=False)
            command = ["Rscript", str(PEER), str(path), str(GLMM_FITS), str(TWO_STEP_FITS)]
            seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            theirs = [1 / float(second) for second in seconds[:2]]
            print(f"metafor, rma.glmm with 21 nodes: {theirs[0]:.0f} fits a second; rma (DL): {theirs[1]:.0f}")
            print(f"rma.glmm fails in {seconds[2]} of {GLMM_FITS} data sets; the time of these counts too")
    print(f"\n{'binomial-normal model':32}{'fits/s':>10}{'ratio to rma.glmm':>20}")
    for (analyses, interval), speed in ours.items():
        label = f"{'one by one' if analyses == 1 else f'batch of {analyses:,}'}, {interval}"
        print(f"{label:32}{speed:10.0f}" + (f"{speed / theirs[0]:20.0f}" if theirs else ""))
    print(
        f"{'inverse variance, batch, wald_z':32}{two_step:10.0f}"
        + (f"{two_step / theirs[1]:20.0f} (to rma)" if theirs else "")
    )
    print(f"{'Bayesian, batch of 200':32}{bayes:10.0f}")
    print(f"\nmemory after the batches of 1,000: {memory:.0f} MiB")
    print(f"\n{'k':>6}{'wald_z fits/s':>16}{'profile fits/s':>16}{'default fits/s':>16}")
    for k in (5, 20, 100, 500):
        arms = random_arms(max(20, 1_000 // k), rng, k, k)
        speeds = [
            rate(arms["group"].nunique(), lambda arms=arms, i=i: pool_many(arms, "group", interval=i))
            for i in INTERVALS
        ]
        print(f"{k:6}" + "".join(f"{speed:16.0f}" for speed in speeds))


if __name__ == "__main__":
    main()
