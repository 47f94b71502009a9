"""How often each interval holds the truth, and how wide it is, for few small studies.

Run as ``python benchmarks/coverage.py`` (ten minutes on one core); writes ``benchmarks/coverage.md``. Data: k studies
of n patients (negative binomial of mean 8, at least 3), log odds normal around logit(p) with standard deviation tau.
The truth is p, the proportion of the median study: beta-binomial and arcsine intervals aim at a mean, so part of what
they miss is that they answer another question. Analyses in which all or no patients respond count: they have the
exact interval of the summed counts, the Bayesian model its posterior. Seeded; every method sees the same data.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from small_evidence.pooling import pool_many

SEED = 20_240
STUDIES, PROPORTIONS, SPREADS = (3, 5, 8, 15), (0.5, 0.8, 0.95), (0.0, 0.6, 1.2)
CELLS = [(k, p, tau) for k in STUDIES for p in PROPORTIONS for tau in SPREADS]
RECOMMENDED, PRECISE = "glmm profile_student", 8  # simulated so many times as often in a table of its own
LOW, LEAST, HIGH = 93.0, 92.0, 97.5  # what the default is to reach: within LOW..HIGH, never under LEAST
CANDIDATES = {
    "glmm profile_student": {"interval": "profile_student"},
    "glmm profile": {"interval": "profile"},
    "glmm profile_t": {"interval": "profile_t"},
    "glmm wald_z": {"interval": "wald_z"},
    "glmm wald_t": {"interval": "wald_t"},
    "beta_binomial profile": {"method": "beta_binomial"},
    "bayes b_sd 2.5, tau_scale 1": {"method": "bayes", "priors": {"b_sd": 2.5, "tau_scale": 1.0}},
    "bayes b_sd 2.5, tau_scale 0.5": {"method": "bayes", "priors": {"b_sd": 2.5, "tau_scale": 0.5}},
    "bayes b_sd 1.5, tau_scale 1": {"method": "bayes", "priors": {"b_sd": 1.5, "tau_scale": 1.0}},
    "inverse variance PLO z": {"method": "inverse_variance", "measure": "PLO", "interval": "wald_z"},
    "inverse variance PLO hk": {"method": "inverse_variance", "measure": "PLO", "interval": "hk"},
    "inverse variance PLO hk_adhoc": {"method": "inverse_variance", "measure": "PLO", "interval": "hk_adhoc"},
    "inverse variance PFT z": {"method": "inverse_variance", "measure": "PFT", "interval": "wald_z"},
    "inverse variance PFT hk": {"method": "inverse_variance", "measure": "PFT", "interval": "hk"},
}
# Where the constants of the calibration were not chosen: other sizes, numbers of studies, proportions, spreads.
OTHER_PROPORTIONS, OTHER_SPREADS = (0.5, 0.7, 0.9, 0.98), (0.0, 0.6, 1.2, 2.0)
ELSEWHERE = {"n 2 to 6": ("tiny", (3, 5, 10)), "n around 8": ("few", (2, 4, 30)), "n around 60": ("many", (3, 5, 10))}


def draw_sizes(rng, size, kind):
    """Patients of `size` studies."""
    if kind == "tiny":
        return rng.integers(2, 7, size)
    mean, shape = {"few": (8, 3), "many": (60, 2)}[kind]
    drawn = rng.negative_binomial(shape, shape / (shape + mean), 3 * size + 100)
    return drawn[drawn >= 3][:size]


def simulate(k, p, tau, repeats, kind="few"):
    """Table of arms of `repeats` analyses, in the form that pool_many takes."""
    rng = np.random.default_rng([SEED, k, round(100 * p), round(10 * tau), len(kind)])
    ni = draw_sizes(rng, repeats * k, kind)
    xi = rng.binomial(ni, expit(logit(p) + tau * rng.standard_normal(ni.size)))
    return pd.DataFrame({"analysis": np.repeat(np.arange(repeats), k), "responders": xi, "n": ni})


def measure(arms, p, options):
    """Coverage in per cent and mean width of one interval; one that is not estimable covers, with width 1."""
    pooled = pool_many(arms, by="analysis", **options)
    lower, upper = (np.asarray(pooled[name], dtype=float) for name in ("ci_lb", "ci_ub"))
    lower, upper = np.nan_to_num(lower, nan=0.0), np.nan_to_num(upper, nan=1.0)
    return 100 * np.mean((lower <= p) & (p <= upper)), np.mean(upper - lower)


def summarise(coverage, widths):
    """One row of the table of methods."""
    return {
        "least": f"{coverage.min():.1f}",
        "most": f"{coverage.max():.1f}",
        f"under {LEAST:g}": int((coverage < LEAST).sum()),
        f"under {LOW:g}": int((coverage < LOW).sum()),
        f"over {HIGH:g}": int((coverage > HIGH).sum()),
        "mean width": f"{widths.mean():.3f}",
    }


def markdown(frame):
    """A DataFrame as a Markdown table."""
    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + " --- |" * frame.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def run(repeats):
    """All tables as one Markdown text."""
    start = time.perf_counter()
    cells, rows = {}, []
    data = [simulate(*cell, repeats) for cell in CELLS]
    for name, options in CANDIDATES.items():
        found = np.array([measure(arms, cell[1], options) for arms, cell in zip(data, CELLS, strict=True)])
        cells[name] = found
        rows.append({"interval": name} | summarise(found[:, 0], found[:, 1]))
        print(f"{time.perf_counter() - start:5.0f} s  {name}: {rows[-1]}", file=sys.stderr, flush=True)
    error = 100 * np.sqrt(0.95 * 0.05 / repeats)
    parts = [
        "# Coverage of the intervals",
        f"Made by `python benchmarks/coverage.py --repeats {repeats}`: {len(CELLS)} cells (k {STUDIES}, p "
        f"{PROPORTIONS}, tau {SPREADS}), {repeats} analyses a cell, seed {SEED}; n negative binomial of mean 8, at "
        "least 3. Per cent of 95 % intervals that hold p, the median study's proportion. A simulated 95 % has a "
        f"standard error of {error:.1f}.",
        "## All cells together",
        markdown(pd.DataFrame(rows)),
    ]
    options = CANDIDATES[RECOMMENDED]
    found = np.array([measure(simulate(*cell, PRECISE * repeats), cell[1], options) for cell in CELLS])
    frame = pd.DataFrame({"k": STUDIES})
    for column, (p, tau) in enumerate((p, tau) for p in PROPORTIONS for tau in SPREADS):
        frame[f"p {p:g}, tau {tau:g}"] = [f"{value:.1f}" for value in found.reshape(len(STUDIES), -1, 2)[:, column, 0]]
    summary = ", ".join(f"{name} {value}" for name, value in summarise(found[:, 0], found[:, 1]).items())
    parts += [
        f"## {RECOMMENDED} with {PRECISE * repeats} analyses a cell",
        f"{summary}. A simulated 95 % has a standard error of {error / np.sqrt(PRECISE):.2f}.",
        markdown(frame),
    ]
    print(f"{time.perf_counter() - start:5.0f} s  {RECOMMENDED}, precisely: {summary}", file=sys.stderr, flush=True)
    for k in STUDIES:
        frame = pd.DataFrame({"interval": list(cells)})
        for place, (size, p, tau) in enumerate(CELLS):
            if size == k:
                texts = [f"{found[place, 0]:.1f} ({found[place, 1]:.2f})" for found in cells.values()]
                frame[f"p {p:g}, tau {tau:g}"] = texts
        parts += [f"## k = {k}: coverage (mean width)", markdown(frame)]
    rows = []
    for label, (kind, studies) in ELSEWHERE.items():
        grid = [(k, p, tau) for k in studies for p in OTHER_PROPORTIONS for tau in OTHER_SPREADS]
        for name in ("glmm profile_student", "glmm profile"):
            found = np.array([measure(simulate(*cell, repeats // 2, kind), cell[1], CANDIDATES[name]) for cell in grid])
            row = {"data": f"{label}, k {', '.join(map(str, studies))}", "cells": len(grid), "interval": name}
            row |= summarise(found[:, 0], found[:, 1])
            row["worst cell"] = "k {}, p {:g}, tau {:g}".format(*grid[int(found[:, 0].argmin())])
            rows.append(row)
    parts += [
        "## Elsewhere: cells on which the calibration was not chosen",
        f"p {OTHER_PROPORTIONS}, tau {OTHER_SPREADS}; {repeats // 2} analyses a cell.",
        markdown(pd.DataFrame(rows)),
    ]
    print(f"{time.perf_counter() - start:5.0f} s  done", file=sys.stderr)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2000, help="analyses a cell")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    text = run(arguments.repeats)
    arguments.output.write_text(text, encoding="utf-8")
    print(text)
