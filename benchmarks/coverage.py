"""How often each interval holds the truth, how it misses, and how wide it is, for few small studies.

Run as ``python benchmarks/coverage.py`` (an hour on one core); writes ``benchmarks/coverage.md``. The truth of the
median is p; that of the mean is the mean of the studies' proportions; that of prediction is the proportion of one
more study. Analyses in which all or no patients respond count, with the interval they are given. Seeded; every method
sees the same data.
"""

import argparse
import itertools
import sys
import time
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from small_evidence.pooling import pool_many

SEED = 20_240
DEFAULT = "glmm profile_student"  # the default interval
CANDIDATES = {
    DEFAULT: {"interval": "profile_student"},
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
LOW, LEAST, HIGH = 93.0, 92.0, 97.5  # asked of the default: LOW in the first grid, LEAST in the wide one
SIZES = {"2-5": (2, 5), "5-12": (5, 12), "10-30": (10, 30), "20-200": (20, 200)}  # patients, each as likely
FEW = "mean 8"  # negative binomial, at least 3
HARDEST, AGAIN = 12, 2  # cells of the wide grid that are simulated again, so many times as often


MANY_STUDIES = 20  # so many studies are simulated a twentieth as often: they cost more


class Cell(NamedTuple):
    """One simulated situation."""

    k: int  # studies
    n: str  # FEW or a key of SIZES
    p: float  # proportion of the median study
    tau: float  # standard deviation of the studies' log odds
    effects: str = "normal"  # a key of EFFECTS

    def __str__(self) -> str:
        return f"k {self.k}, n {self.n}, p {self.p:g}, tau {self.tau:g}"


def grid(k: tuple, n: tuple, p: tuple, tau: tuple, effects: tuple = ("normal",)) -> list[Cell]:
    """Every combination."""
    return [Cell(*values) for effect in effects for values in itertools.product(k, n, p, tau, [effect])]


FIRST_GRID = grid((3, 5, 8, 15), (FEW,), (0.5, 0.8, 0.95), (0, 0.6, 1.2))
WIDE_GRID = grid((2, 4, 6, 10, 20, 40), tuple(SIZES), (0.5, 0.7, 0.9, 0.95, 0.98), (0, 0.3, 0.6, 1, 1.5, 2))
OTHER_EFFECTS = ("skewed", "t3", "bimodal", "size")
OTHER_GRID = grid((3, 5, 10, 20), (FEW,), (0.5, 0.8, 0.95), (0.6, 1.2), OTHER_EFFECTS)


def skewed(rng: np.random.Generator, size: int) -> np.ndarray:
    """Exponential, median 0, standard deviation 1."""
    return rng.standard_exponential(size) - np.log(2)


def t3(rng: np.random.Generator, size: int) -> np.ndarray:
    """Student's t with 3 degrees of freedom, scaled to standard deviation 1."""
    return rng.standard_t(3, size) / np.sqrt(3)


def bimodal(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two normal humps of standard deviation 0.44 at -0.9 and 0.9."""
    return rng.choice([-0.9, 0.9], size) + np.sqrt(0.19) * rng.standard_normal(size)


def normal(rng: np.random.Generator, size: int) -> np.ndarray:
    """Standard normal."""
    return rng.standard_normal(size)


# "size": normal, rank correlation -0.5 with the number of patients, so that larger studies have lower proportions
EFFECTS = {"normal": normal, "skewed": skewed, "t3": t3, "bimodal": bimodal, "size": normal}


def draw_sizes(rng: np.random.Generator, size: int, n: str) -> np.ndarray:
    """Patients of `size` studies."""
    if n != FEW:
        low, high = SIZES[n]
        return rng.integers(low, high + 1, size)
    drawn = rng.negative_binomial(3, 3 / 11, 3 * size + 100)
    return drawn[drawn >= 3][:size]


def simulate(cell: Cell, repeats: int) -> tuple[pd.DataFrame, dict[str, np.ndarray | float]]:
    """Table of arms of `repeats` analyses in the form that pool_many takes, and what is true."""
    rng = np.random.default_rng([SEED, zlib.crc32(str(cell).encode()), zlib.crc32(cell.effects.encode())])
    ni = draw_sizes(rng, repeats * cell.k, cell.n)
    effect = EFFECTS[cell.effects](rng, ni.size)
    if cell.effects == "size":
        rank = (ni.argsort(kind="stable").argsort() + 0.5) / ni.size
        effect = np.sqrt(0.75) * effect - 0.5 * np.sqrt(12) * (rank - 0.5)
    further, many = EFFECTS[cell.effects](rng, repeats), EFFECTS[cell.effects](rng, 200_000)
    xi = rng.binomial(ni, expit(logit(cell.p) + cell.tau * effect))
    arms = pd.DataFrame({"analysis": np.repeat(np.arange(repeats), cell.k), "responders": xi, "n": ni})
    true = {
        "median": cell.p,
        "mean": float(expit(logit(cell.p) + cell.tau * many).mean()),
        "further": expit(logit(cell.p) + cell.tau * further),
    }
    return arms, true


def share(held: np.ndarray) -> float:
    """Per cent; NaN of nothing."""
    return 100 * float(held.mean()) if held.size else np.nan


def measure(cell: Cell, repeats: int, options: dict) -> dict[str, float]:
    """Coverage and misses in per cent, and mean width; an interval that is not given covers, with width 1."""
    arms, true = simulate(cell, repeats)
    pooled = pool_many(arms, by="analysis", homogeneity=False, **options)
    numbers = {name: pooled[name].to_numpy(float) for name in pooled.columns if name.endswith(("_lb", "_ub", "tau2"))}
    lower, upper = np.nan_to_num(numbers["ci_lb"], nan=0.0), np.nan_to_num(numbers["ci_ub"], nan=1.0)
    held = (lower <= true["median"]) & (true["median"] <= upper)
    boundary = pooled["status"].isin(["all_responders", "no_responders"]).to_numpy()
    with_mean, with_further = np.isfinite(numbers["mean_ci_lb"]), np.isfinite(numbers["pi_lb"])
    mean = (numbers["mean_ci_lb"] <= true["mean"]) & (true["mean"] <= numbers["mean_ci_ub"])
    further = (numbers["pi_lb"] <= true["further"]) & (true["further"] <= numbers["pi_ub"])
    return {
        "coverage": share(held),
        "width": float(np.mean(upper - lower)),
        "too low": share(upper < true["median"]),
        "too high": share(lower > true["median"]),
        "tau2 0": share(held[numbers["tau2"] == 0]),
        "share tau2 0": share(numbers["tau2"] == 0),
        "boundary": share(held[boundary]),
        "share boundary": share(boundary),
        "mean": share(mean[with_mean]),
        "further": share(further[with_further]),
        "share further": share(with_further),
    }


def summarise(found: pd.DataFrame) -> dict[str, str | int]:
    """One row of a table: what a set of cells has in common."""
    coverage = found["coverage"]
    weight = found["share tau2 0"]
    at_zero = (found["tau2 0"] * weight)[weight > 0].sum() / weight.sum() if weight.sum() > 0 else np.nan
    return {
        "cells": len(found),
        "least": f"{coverage.min():.1f}",
        "mean": f"{coverage.mean():.1f}",
        f"under {LEAST:g}": int((coverage < LEAST).sum()),
        f"under {LOW:g}": int((coverage < LOW).sum()),
        f"over {HIGH:g}": int((coverage > HIGH).sum()),
        "mean width": f"{found['width'].mean():.3f}",
        "interval too low": f"{found['too low'].mean():.1f}, at most {found['too low'].max():.1f}",
        "interval too high": f"{found['too high'].mean():.1f}, at most {found['too high'].max():.1f}",
        "given tau2 = 0": f"{at_zero:.1f}",
    }


def summarise_others(found: pd.DataFrame) -> dict[str, str]:
    """Coverage of the interval of the mean and of prediction, over cells in which one was given."""
    predicted = found[found["share further"] > 0]
    return {
        "mean: average": f"{found['mean'].mean():.1f}",
        "mean: least": f"{found['mean'].min():.1f}",
        f"mean: under {LEAST:g}": str(int((found["mean"] < LEAST).sum())),
        "prediction: average": f"{predicted['further'].mean():.1f}",
        "prediction: least": f"{predicted['further'].min():.1f}",
        "prediction: given in": f"{found['share further'].mean():.0f} %",
    }


def markdown(frame: pd.DataFrame) -> str:
    """A DataFrame as a Markdown table."""
    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + " --- |" * frame.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def worst_cells(cells: list[Cell], found: pd.DataFrame, count: int) -> str:
    """The cells of least coverage, as a Markdown table."""
    rows = found.assign(cell=[str(cell) for cell in cells], effects=[cell.effects for cell in cells])
    rows = rows.sort_values("coverage", kind="stable").head(count)
    columns = ["coverage", "width", "too low", "too high", "tau2 0", "share tau2 0", "boundary", "share boundary"]
    text = rows[columns].map(lambda value: "" if np.isnan(value) else f"{value:.1f}")
    text["width"] = [f"{value:.2f}" for value in rows["width"]]
    return markdown(pd.concat([rows[["cell", "effects"]], text], axis=1))


def run(repeats: int) -> str:
    """All tables as one Markdown text."""
    start = time.perf_counter()

    def simulated(cells: list[Cell], times: int, name: str = DEFAULT) -> pd.DataFrame:
        found = pd.DataFrame(
            [
                measure(cell, times // 20 if cell.k >= MANY_STUDIES and cell in WIDE_GRID else times, CANDIDATES[name])
                for cell in cells
            ]
        )
        print(f"{time.perf_counter() - start:5.0f} s  {name}: {summarise(found)}", file=sys.stderr, flush=True)
        return found

    precise = simulated(FIRST_GRID, 8 * repeats)
    wide = simulated(WIDE_GRID, repeats)
    small = np.array([cell.k < MANY_STUDIES for cell in WIDE_GRID])
    order = wide["coverage"].where(small).argsort(kind="stable")[:HARDEST]
    hardest = [WIDE_GRID[i] for i in order]
    again = simulated(hardest, AGAIN * repeats)
    other = simulated(OTHER_GRID, repeats // 5)
    methods = {name: simulated(FIRST_GRID, repeats // 10, name) for name in CANDIDATES}

    def error(times: int) -> str:
        return f"{100 * np.sqrt(0.95 * 0.05 / times):.2f}"

    sets = {
        f"first grid, {8 * repeats} analyses a cell": precise,
        f"wide grid, k 2 to 10, {repeats}": wide[small],
        f"wide grid, k 20 and 40, {repeats // 20}": wide[~small],
        f"its {HARDEST} worst cells again, {AGAIN * repeats}": again,
    }
    by_effects = {
        f"{name} effects, {repeats // 5}": other[[cell.effects == name for cell in OTHER_GRID]]
        for name in OTHER_EFFECTS
    }
    sets |= {label: part.reset_index(drop=True) for label, part in by_effects.items()}
    table = pd.DataFrame({"k": sorted({cell.k for cell in FIRST_GRID})})
    for p, tau in dict.fromkeys((cell.p, cell.tau) for cell in FIRST_GRID):
        column = precise["coverage"][[(cell.p, cell.tau) == (p, tau) for cell in FIRST_GRID]]
        table[f"p {p:g}, tau {tau:g}"] = [f"{value:.1f}" for value in column]
    parts = [
        "# Coverage of the intervals",
        f"Made by `python benchmarks/coverage.py --repeats {repeats}` with version {version('small-evidence')}, seed "
        f"{SEED}. Per cent of 95 % intervals that hold the truth. First grid: k 3, 5, 8, 15; n negative binomial of "
        "mean 8, at least 3; p 0.5, 0.8, 0.95; tau 0, 0.6, 1.2. Wide grid: k 2, 4, 6, 10, 20, 40; n uniform on 2-5, "
        "5-12, 10-30, 20-200; p 0.5, 0.7, 0.9, 0.95, 0.98; tau 0, 0.3, 0.6, 1, 1.5, 2. Other effects than normal ones, "
        "with their "
        "median at logit(p) and standard deviation tau: skewed (exponential), t3, bimodal, and size (correlation -0.5 "
        "between effect and rank of n); k 3, 5, 10, 20; n as in the first grid; p 0.5, 0.8, 0.95; tau 0.6, 1.2. A "
        f"simulated 95 % has a standard error of {error(repeats)} with {repeats} analyses a cell and of "
        f"{error(8 * repeats)} with {8 * repeats}; the least of many cells is that of the cell "
        "that had the worst luck, and with few analyses says nothing.",
        f"## The default interval, `{DEFAULT.split()[1]}`: proportion of the median study",
        "Too low: the whole interval lies below the truth.",
        markdown(pd.DataFrame([{"data": label} | summarise(found) for label, found in sets.items()])),
        "## Worst cells of the wide grid",
        "Boundary: all or no patients respond, and the interval is the exact one of the summed counts.",
        worst_cells(hardest, again, HARDEST),
        "## Worst cells of other effects",
        worst_cells(OTHER_GRID, other, 12),
        f"## First grid, {8 * repeats} analyses a cell",
        markdown(table),
        "## Intervals of the mean study's proportion and of a further study's",
        markdown(pd.DataFrame([{"data": label} | summarise_others(found) for label, found in sets.items()])),
        f"## All intervals in the first grid, {repeats // 10} analyses a cell",
        "Beta-binomial and arcsine intervals are of a mean, so part of what they miss is that they answer another "
        "question.",
        markdown(pd.DataFrame([{"interval": name} | summarise(found) for name, found in methods.items()])),
    ]
    print(f"{time.perf_counter() - start:5.0f} s  done", file=sys.stderr)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=500, help="analyses a cell of the wide grid")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    text = run(arguments.repeats)
    arguments.output.write_text(text, encoding="utf-8")
    print(text)
