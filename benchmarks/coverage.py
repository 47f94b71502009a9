"""How often each interval holds the truth, how it misses, and how wide it is, for few small studies.

Run as ``python benchmarks/coverage.py`` (an hour on one core); writes ``benchmarks/coverage.md``, of which ``--only``
replaces single sections. The truth of the median is p; that of the mean is the mean of the studies' proportions; that
of prediction is the proportion of one more study. Analyses in which all or no patients respond count, with the interval
they are given. Seeded; every method sees the same data.
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
LARGE_SIZES = {"1000-10000": (1000, 10_000)}
FEW = "mean 8"  # negative binomial, at least 3
HARDEST = 12  # cells that are shown; those of the wide grid are simulated again
MANY_STUDIES = 20  # so many studies cost more, and are simulated less often


class Cell(NamedTuple):
    """One simulated situation."""

    k: int  # studies
    n: str  # FEW or a key of SIZES or LARGE_SIZES
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
LARGE_GRID = grid((3, 5, 10), tuple(LARGE_SIZES), (0.5, 0.9), (0.05, 0.5, 1.5))
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
        low, high = (SIZES | LARGE_SIZES)[n]
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


def measure(cell: Cell, repeats: int, options: dict, prediction: bool = False) -> dict[str, float]:
    """Coverage and misses in per cent, and mean width; an interval that is not given covers, with width 1."""
    arms, true = simulate(cell, repeats)
    pooled = pool_many(arms, by="analysis", homogeneity=False, prediction=prediction, **options)
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
        "mean too low": share((numbers["mean_ci_ub"] < true["mean"])[with_mean]),
        "mean too high": share((numbers["mean_ci_lb"] > true["mean"])[with_mean]),
        "share mean": share(with_mean),
        "mean width": float(np.mean((numbers["mean_ci_ub"] - numbers["mean_ci_lb"])[with_mean]))
        if prediction
        else np.nan,
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
        "mean: width": f"{found['mean width'].mean():.3f}",
        "prediction: average": f"{predicted['further'].mean():.1f}",
        "prediction: least": f"{predicted['further'].min():.1f}",
        "prediction: given in": f"{found['share further'].mean():.0f} %",
    }


def markdown(frame: pd.DataFrame) -> str:
    """A DataFrame as a Markdown table."""
    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + " --- |" * frame.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def mean_in_wide_grid(repeats: int) -> str:
    """Interval of the mean study's proportion; k 4, 6, 10; n, p and tau as in the wide grid. Of analyses in which all
    or no patients respond there is none. Its worst cells are simulated again with twice as many analyses."""
    cells = [cell for cell in WIDE_GRID if 2 < cell.k < MANY_STUDIES]
    found = simulated(cells, repeats, prediction=True)
    hardest = [cells[i] for i in found["mean"].argsort(kind="stable")[:HARDEST]]
    again = simulated(hardest, 2 * repeats, prediction=True)
    sets = {f"k {k}": found[[cell.k == k for cell in cells]] for k in sorted({cell.k for cell in cells})}
    rows = [{"cells": name} | summarise_mean(one) for name, one in (sets | {f"{HARDEST} worst, again": again}).items()]
    worst = again.assign(cell=[str(cell) for cell in hardest]).sort_values("mean", kind="stable")
    columns = ["mean", "mean width", "mean too low", "mean too high", "share mean"]
    text = worst[columns].map("{:.1f}".format).assign(**{"mean width": worst["mean width"].map("{:.2f}".format)})
    return f"{markdown(pd.DataFrame(rows))}\n\n{markdown(pd.concat([worst[['cell']], text], axis=1))}"


def summarise_mean(found: pd.DataFrame) -> dict[str, str | int]:
    """One row of a table: coverage of the interval of the mean in a set of cells."""
    return {
        "number": len(found),
        "least": f"{found['mean'].min():.1f}",
        "average": f"{found['mean'].mean():.1f}",
        f"under {LEAST:g}": int((found["mean"] < LEAST).sum()),
        f"under {LOW:g}": int((found["mean"] < LOW).sum()),
        f"over {HIGH:g}": int((found["mean"] > HIGH).sum()),
        "width": f"{found['mean width'].mean():.3f}",
        "interval too low": f"{found['mean too low'].mean():.1f}, at most {found['mean too low'].max():.1f}",
        "interval too high": f"{found['mean too high'].mean():.1f}, at most {found['mean too high'].max():.1f}",
    }


def worst_cells(cells: list[Cell], found: pd.DataFrame, count: int) -> str:
    """The cells of least coverage, as a Markdown table."""
    rows = found.assign(cell=[str(cell) for cell in cells], effects=[cell.effects for cell in cells])
    rows = rows.sort_values("coverage", kind="stable").head(count)
    columns = ["coverage", "width", "too low", "too high", "tau2 0", "share tau2 0", "boundary", "share boundary"]
    text = rows[columns].map(lambda value: "" if np.isnan(value) else f"{value:.1f}")
    text["width"] = [f"{value:.2f}" for value in rows["width"]]
    return markdown(pd.concat([rows[["cell", "effects"]], text], axis=1))


def error(times: int) -> str:
    """Standard error of a simulated 95 %, with so many analyses a cell, in words."""
    return f"{times} analyses a cell, standard error of 95 %: {100 * np.sqrt(0.95 * 0.05 / times):.1f}"


def simulated(cells: list[Cell], times: int, name: str = DEFAULT, prediction: bool = False) -> pd.DataFrame:
    """Measures of every cell."""
    start = time.perf_counter()
    found = pd.DataFrame([measure(cell, times, CANDIDATES[name], prediction) for cell in cells])
    print(f"{time.perf_counter() - start:5.0f} s  {name}: {summarise(found)}", file=sys.stderr, flush=True)
    return found


def first_grid(repeats: int) -> str:
    """k 3, 5, 8, 15; n negative binomial of mean 8, at least 3; p 0.5, 0.8, 0.95; tau 0, 0.6, 1.2."""
    found = simulated(FIRST_GRID, repeats)
    table = pd.DataFrame({"k": sorted({cell.k for cell in FIRST_GRID})})
    for p, tau in dict.fromkeys((cell.p, cell.tau) for cell in FIRST_GRID):
        column = found["coverage"][[(cell.p, cell.tau) == (p, tau) for cell in FIRST_GRID]]
        table[f"p {p:g}, tau {tau:g}"] = [f"{value:.1f}" for value in column]
    return f"{markdown(pd.DataFrame([summarise(found)]))}\n\n{markdown(table)}"


def wide_grid(repeats: int) -> str:
    """k 2, 4, 6, 10; n uniform on 2-5, 5-12, 10-30, 20-200; p 0.5 to 0.98; tau 0 to 2. Its worst cells are simulated
    again with twice as many analyses: the least of many cells is that of the cell that had the worst luck."""
    cells = [cell for cell in WIDE_GRID if cell.k < MANY_STUDIES]
    found = simulated(cells, repeats)
    hardest = [cells[i] for i in found["coverage"].argsort(kind="stable")[:HARDEST]]
    again = simulated(hardest, 2 * repeats)
    rows = [{"cells": "all"} | summarise(found), {"cells": f"{HARDEST} worst, again"} | summarise(again)]
    return f"{markdown(pd.DataFrame(rows))}\n\n{worst_cells(hardest, again, HARDEST)}"


def many_studies(repeats: int) -> str:
    """k 20 and 40; n, p and tau as in the wide grid."""
    cells = [cell for cell in WIDE_GRID if cell.k >= MANY_STUDIES]
    found = simulated(cells, repeats)
    return f"{markdown(pd.DataFrame([summarise(found)]))}\n\n{worst_cells(cells, found, HARDEST)}"


def other_effects(repeats: int) -> str:
    """Effects with their median at logit(p) and standard deviation tau: skewed (exponential), t3, bimodal, and size
    (correlation -0.5 between effect and rank of n); k 3, 5, 10, 20; n as in the first grid; p 0.5, 0.8, 0.95; tau 0.6,
    1.2."""
    found = simulated(OTHER_GRID, repeats)
    rows = [
        {"effects": name} | summarise(found[[cell.effects == name for cell in OTHER_GRID]].reset_index(drop=True))
        for name in OTHER_EFFECTS
    ]
    return f"{markdown(pd.DataFrame(rows))}\n\n{worst_cells(OTHER_GRID, found, HARDEST)}"


def mean_and_prediction(repeats: int) -> str:
    """Mean study's proportion, and that of a further study, in cells in which there is an interval; of the wide grid
    two studies with p 0.5, 0.9, 0.98 and tau 0, 1, 2."""
    some = [cell for cell in WIDE_GRID if cell.k == 2 and cell.p in (0.5, 0.9, 0.98) and cell.tau in (0, 1, 2)]
    sets = {
        "first grid": FIRST_GRID,
        "wide grid, k 2": some,
    }
    rows = []
    for label, cells in sets.items():
        found = simulated(cells, repeats, prediction=True)
        worst = f"{cells[found['mean'].argmin()]} ({found['mean'].min():.1f})"
        rows.append({"data": label, "cells": len(cells)} | summarise_others(found) | {"worst cell of the mean": worst})
    return markdown(pd.DataFrame(rows))


def large_studies(repeats: int) -> str:
    """k 3, 5, 10; n uniform on 1,000 to 10,000; p 0.5, 0.9; tau 0.05, 0.5, 1.5."""
    found = simulated(LARGE_GRID, repeats, prediction=True)
    worst = f"{LARGE_GRID[found['further'].argmin()]} ({found['further'].min():.1f})"
    return markdown(pd.DataFrame([summarise_others(found) | {"worst cell of the prediction": worst}]))


def all_methods(repeats: int) -> str:
    """First grid. Beta-binomial and arcsine intervals are of a mean, so part of what they miss is that they answer
    another question."""
    found = {name: simulated(FIRST_GRID, repeats, name) for name in CANDIDATES}
    return markdown(pd.DataFrame([{"interval": name} | summarise(one) for name, one in found.items()]))


SECTIONS = {  # heading, what makes it, analyses a cell
    "first": ("First grid", first_grid, 4000),
    "wide": ("Wide grid, 2 to 10 studies", wide_grid, 500),
    "many": ("Wide grid, 20 and 40 studies", many_studies, 200),
    "other": ("Other effects than normal ones", other_effects, 400),
    "mean": ("Intervals of the mean study's proportion and of a further study's", mean_and_prediction, 120),
    "large": ("The same after few large studies", large_studies, 400),
    "mean_wide": ("Interval of the mean study's proportion in the wide grid, 4 to 10 studies", mean_in_wide_grid, 400),
    "methods": ("All intervals in the first grid", all_methods, 50),
}
HEADING = """# Coverage of the intervals

Made by `python benchmarks/coverage.py`. Per cent of 95 % intervals that hold the truth; without another word, of
the default interval and the median study's proportion. Too low: the whole interval lies below the truth. Boundary: all
or no patients respond, and the interval is the exact one of the summed counts.
"""


def section(name: str) -> str:
    """One section of the text, with its heading."""
    title, make, repeats = SECTIONS[name]
    words = " ".join(make.__doc__.split())
    made = f"Version {version('small-evidence')}, seed {SEED}, {error(repeats)}."
    return f"## {title}\n\n{words} {made}\n\n{make(repeats)}\n"


def replace_sections(text: str, names: list[str]) -> str:
    """The text with the named sections simulated anew, in the order of SECTIONS."""
    kept = {part.split("\n", 1)[0]: f"## {part.strip()}\n" for part in text.split("\n## ")[1:]}
    made = {SECTIONS[name][0]: section(name) for name in names}
    parts = [(kept | made).get(title) for title, _, _ in SECTIONS.values()]
    return "\n".join([HEADING, *(part for part in parts if part)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="sections to simulate")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    before = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
    arguments.output.write_text(replace_sections(before, arguments.only), encoding="utf-8")
