"""How often intervals of an odds ratio pooled over a few small studies contain the truth, and how wide they are.

Run as ``python benchmarks/comparisons.py`` (ten minutes on one core); writes ``benchmarks/comparisons.md``. Every
candidate gets the same data, and the exact interval where one study has information or all lie at one end. The odds
ratio of the median study is 2. The likelihood of all comparisons of a cell is computed at once on a grid of log odds
ratios and of tau, by sums over the random effect that are products of matrices. Comparisons without information have no
interval and are not counted.
"""

import itertools
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from coverage import markdown
from scipy.special import expit, logit, ndtr, stdtrit

from small_evidence.pooling import hypergeometric
from small_evidence.pooling.comparisons import compare
from small_evidence.pooling.hypergeometric import Tables, conditional_tables, exact_limits

SEED, LEVEL, TRUTH = 20_242, 0.95, float(np.log(2))
REPEATS, HARDEST, CHECKED = 200, 8, 2
SIZES = {"5-20": (5, 20), "20-100": (20, 100)}  # patients of an arm, each as likely
STEP, REACH = 0.05, 30.0  # of the grid of the random effect, around the truth
EFFECTS = TRUTH + STEP * np.arange(-round(REACH / STEP), round(REACH / STEP) + 1)
# log odds ratios at which the profile is known: dense near the truth, from -14 to 14 around it
NEAR, FAR = round(4 / STEP), round(14 / STEP)
PLACES = round(REACH / STEP) + np.unique(np.r_[-FAR:-NEAR:8, -NEAR : NEAR + 1, NEAR + 8 : FAR + 1 : 8])
TAUS = np.array([0, 0.15, 0.3, 0.45, 0.6, 0.8, 1, 1.25, 1.5, 1.9, 2.4, 3, 4, 5.5, 7.5, 10])
RIDGES = {"none": 0.0, "unit": 1 / hypergeometric.UNIT_TAU2}


def t_squared(level: float, k: int) -> float:
    """Squared quantile of Student's t."""
    return float(stdtrit(k - 1, (1 + level) / 2) ** 2)


class Candidate(NamedTuple):
    """An interval: what is taken off the log-likelihood, the critical value, and whether the exact one is contained."""

    ridge: str  # a key of RIDGES
    critical: Callable[[float, int], float]
    with_exact: bool


CANDIDATES = {
    "penalised profile, Student": Candidate("unit", hypergeometric.student, True),
    "penalised profile, chi-squared": Candidate("unit", hypergeometric.chi_squared, True),
    "profile, Student": Candidate("none", hypergeometric.student, True),
    "profile, t squared": Candidate("none", t_squared, False),
    "profile, chi-squared": Candidate("none", hypergeometric.chi_squared, False),
}
DEFAULT = "penalised profile, Student"


class Cell(NamedTuple):
    """One simulated situation."""

    k: int  # studies
    n: str  # a key of SIZES
    p: float  # event rate of the comparison
    tau: float  # standard deviation of the studies' log odds ratios

    def __str__(self) -> str:
        return f"k {self.k}, n {self.n}, rate {self.p:g}, tau {self.tau:g}"


GRID = [Cell(*values) for values in itertools.product((2, 3, 5, 10), SIZES, (0.1, 0.3, 0.5), (0, 0.5, 1))]


def simulate(cell: Cell, repeats: int) -> np.ndarray:
    """Counts x1, n1, x2, n2 of so many comparisons, array (repeats, 4, k)."""
    rng = np.random.default_rng([SEED, cell.k, *SIZES[cell.n], round(100 * cell.p), round(100 * cell.tau), repeats])
    low, high = SIZES[cell.n]
    n1, n2 = rng.integers(low, high + 1, (2, repeats, cell.k))
    effects = TRUTH + cell.tau * rng.standard_normal((repeats, cell.k))
    x1, x2 = rng.binomial(n1, expit(logit(cell.p) + effects)), rng.binomial(n2, cell.p)
    return np.stack([x1, n1, x2, n2], axis=1).astype(float)


def chances_of(tables: Tables) -> np.ndarray:
    """P(x1 | margins) of every study at EFFECTS, (effects, k), in single precision."""
    found = np.empty((EFFECTS.size, tables.x.size), np.float32)
    for i, (row, x, values) in enumerate(zip(tables.log_w, tables.x, tables.values, strict=True)):
        some = np.isfinite(row)
        own = row[some] - row[some][values[some] == x]
        with np.errstate(over="ignore"):  # what is beyond single precision is a chance of 0
            found[:, i] = 1 / np.exp(own.astype(np.float32) + np.outer(EFFECTS, values[some] - x)).sum(axis=1)
    return found


def weights_of(tau: float) -> np.ndarray:
    """Weights of EFFECTS under a normal random effect around each of PLACES; its mass beyond is put at the ends."""
    if tau == 0:
        return np.eye(EFFECTS.size, dtype=np.float32)[PLACES]
    z = ((EFFECTS - EFFECTS[PLACES, None]) / tau).astype(np.float32)
    weight = np.exp(-(z**2) / 2) * np.float32(STEP / tau / np.sqrt(2 * np.pi))
    weight[:, 0] += ndtr(z[:, 0] - STEP / 2 / tau)
    weight[:, -1] += ndtr(-z[:, -1] - STEP / 2 / tau)
    return weight


WEIGHTS = np.concatenate([weights_of(tau) for tau in TAUS])


def heights(chances: np.ndarray, studies: np.ndarray, size: int) -> np.ndarray:
    """Log-likelihoods (TAUS, PLACES, size) of comparisons; studies (all of them,) says whose each is."""
    with np.errstate(divide="ignore"):
        logs = np.log(WEIGHTS @ chances)
    starts = np.searchsorted(studies, np.arange(size))
    return np.add.reduceat(logs, starts, axis=1).reshape(TAUS.size, PLACES.size, size).astype(float)


def peak_of(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Highest value along the first axis, by the parabola through the highest point of a grid and its neighbours."""
    best = np.clip(values.argmax(axis=0), 1, len(at) - 2)
    (a, b, c), (u, v, w) = (
        (np.take_along_axis(values, best[None] + d, 0)[0] for d in (-1, 0, 1)),
        (at[best + d] for d in (-1, 0, 1)),
    )
    slope, other = (b - a) / (v - u), (c - b) / (w - v)
    bend = (other - slope) / (w - u)
    with np.errstate(invalid="ignore", divide="ignore"):
        top = np.clip((u + v) / 2 - slope / (2 * bend), u, w)
        found = a + slope * (top - u) + bend * (top - u) * (top - v)
    return np.fmax(values.max(axis=0), np.where(bend < 0, found, -np.inf))


def intervals(cell: Cell, repeats: int) -> pd.DataFrame:
    """Limits of the log odds ratio by every candidate, a row a comparison with information."""
    every = [conditional_tables(*one) for one in simulate(cell, repeats)]
    tables = [one for one in every if one.x.size]
    exact = np.array([exact_limits(one, LEVEL) for one in tables])
    seen = np.array([(one.x - one.low).sum() / (one.high - one.low).sum() for one in tables])
    k = np.array([one.x.size for one in tables])
    fitted = np.flatnonzero((k > 1) & (seen > 0) & (seen < 1))
    found = {"number": np.flatnonzero([one.x.size > 0 for one in every]), "fitted": np.isin(np.arange(k.size), fitted)}
    found |= {f"{name} {end}": exact[:, side].copy() for name in CANDIDATES for side, end in enumerate(("lb", "ub"))}
    if fitted.size:
        studies = np.repeat(np.arange(fitted.size), k[fitted])
        ll = heights(np.concatenate([chances_of(tables[i]) for i in fitted], axis=1), studies, fitted.size)
        ends = np.array([hypergeometric.likelihood_at_infinity(tables[i]) for i in fitted])
        places = EFFECTS[PLACES]
        for ridge, penalty in RIDGES.items():
            profile = peak_of(ll - penalty * TAUS[:, None, None] ** 2 / 2, TAUS)
            if ridge == "none":
                profile = np.where(np.isfinite(ends), np.maximum(profile, -k[fitted] * np.log(2)), profile)
                at_zero = ll[0].max(axis=0) >= profile.max(axis=0) - 1e-4
            top = peak_of(profile, places)
            fall = 2 * (np.maximum(top, ends) if ridge == "none" else top) - 2 * profile
            for name, one in CANDIDATES.items():
                if one.ridge == ridge:
                    critical = np.array([one.critical(LEVEL, count) for count in k[fitted]])
                    lb, ub = limits(fall - critical, places)
                    held = at_zero & one.with_exact
                    found[f"{name} lb"][fitted] = np.where(held, np.minimum(lb, exact[fitted, 0]), lb)
                    found[f"{name} ub"][fitted] = np.where(held, np.maximum(ub, exact[fitted, 1]), ub)
    return pd.DataFrame(found)


def limits(excess: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of where excess (places, a) is not above 0; infinite where it is so at an end of the grid."""
    inside = excess <= 0
    found = []
    for side in (1, -1):
        value, place = excess[::side], places[::side]
        first = inside[::side].argmax(axis=0)
        after, column = np.maximum(first - 1, 0), np.arange(first.size)
        out, near = value[after, column], value[first, column]
        share = np.where(first > 0, out / np.where(out == near, 1, out - near), 0)
        found.append(np.where(first > 0, place[after] + share * (place[first] - place[after]), -side * np.inf))
    return found[0], found[1]


def measure(cell: Cell, repeats: int) -> dict[str, object]:
    """Coverage in per cent and widths, by candidate; and how far the limits of the library are from the default's."""
    start = time.perf_counter()
    found = intervals(cell, repeats)
    row: dict[str, object] = {"cell": str(cell), "interval": 100 * len(found) / repeats}
    row["exact"] = 100 * float((~found["fitted"]).mean())
    for name in CANDIDATES:
        lb, ub = found[f"{name} lb"], found[f"{name} ub"]
        row[name] = 100 * float(((lb <= TRUTH) & (ub >= TRUTH)).mean())
        row[f"{name} low"] = 100 * float((ub < TRUTH).mean())
        row[f"{name} high"] = 100 * float((lb > TRUTH).mean())
        row[f"{name} widths"] = (ub - lb)[found["fitted"]].to_numpy()
    counts, gaps = simulate(cell, repeats), [0.0]
    for one in found[found["fitted"]].head(CHECKED).to_dict("records"):
        mine = compare(*counts[one["number"]])
        theirs = np.array([one[f"{DEFAULT} lb"], one[f"{DEFAULT} ub"]])
        near = np.abs(theirs - TRUTH) < 4  # where the grid is dense
        gaps += np.abs(np.log(np.array([mine["ci_lb"], mine["ci_ub"]], float)) - theirs)[near].tolist()
    row["gap"] = max(gaps)
    print(f"{time.perf_counter() - start:5.0f} s  {cell}: {row[DEFAULT]:.1f}", file=sys.stderr, flush=True)
    return row


def summarise(found: pd.DataFrame) -> str:
    """A row a candidate."""
    rows = []
    for name in CANDIDATES:
        widths = np.concatenate(list(found[f"{name} widths"]))
        rows.append(
            {
                "interval": name,
                "least": f"{found[name].min():.1f}",
                "mean": f"{found[name].mean():.1f}",
                "cells under 92": int((found[name] < 92).sum()),
                "cells under 93": int((found[name] < 93).sum()),
                "too low": f"{found[f'{name} low'].mean():.1f}, at most {found[f'{name} low'].max():.1f}",
                "too high": f"{found[f'{name} high'].mean():.1f}, at most {found[f'{name} high'].max():.1f}",
                "median width of the log odds ratio": f"{np.median(widths):.2f}",
                "a limit missing, %": f"{100 * np.mean(~np.isfinite(widths)):.0f}",
            }
        )
    return markdown(pd.DataFrame(rows))


def error(times: int) -> str:
    """Standard error of a simulated 95 %, in words."""
    return f"standard error of 95 %: {100 * np.sqrt(0.95 * 0.05 / times):.1f}"


def worst(found: pd.DataFrame) -> str:
    """The cells of least coverage of the default."""
    rows = found.sort_values(DEFAULT, kind="stable").head(HARDEST)
    numbers = rows[["interval", "exact", *CANDIDATES]].map("{:.1f}".format)
    named = numbers.rename(columns={"interval": "with an interval", "exact": "of these exact"})
    return markdown(pd.concat([rows[["cell"]], named], axis=1))


def by_studies(found: pd.DataFrame) -> str:
    """Mean and least coverage and median width by number of studies and size of the arms."""
    rows = []
    for k, n in itertools.product(sorted({cell.k for cell in GRID}), SIZES):
        own = found[[(cell.k, cell.n) == (k, n) for cell in GRID]]
        row = {"studies": k, "patients of an arm": n}
        for name in CANDIDATES:
            width = np.median(np.concatenate(list(own[f"{name} widths"])))
            row[name] = f"{own[name].mean():.1f}, least {own[name].min():.1f}; {width:.2f}"
        rows.append(row)
    return markdown(pd.DataFrame(rows))


if __name__ == "__main__":
    found = pd.DataFrame([measure(cell, REPEATS) for cell in GRID])
    hardest = found[DEFAULT].argsort(kind="stable")[:HARDEST]
    again = pd.DataFrame([measure(GRID[i], 2 * REPEATS) for i in hardest])
    described = " ".join(__doc__.split("``benchmarks/comparisons.md``.")[1].split())
    gap = max(found["gap"].max(), again["gap"].max())
    more = 2 * REPEATS
    parts = [
        "# Coverage of the intervals of a pooled odds ratio",
        f"Made by `python benchmarks/comparisons.py`, version {version('small-evidence')}, seed {SEED}. {described} "
        f"The limits of the library are at most {gap:.1g} from those on the grid (first {CHECKED} comparisons a cell).",
        f"{len(GRID)} cells: k 2, 3, 5, 10; 5 to 20 or 20 to 100 patients in each arm; event rate of the comparison "
        f"0.1, 0.3, 0.5; tau 0, 0.5, 1. {REPEATS} comparisons a cell: {error(REPEATS)}. Too low: the whole interval "
        "lies below the truth.",
        summarise(found),
        "## By number of studies",
        "Mean coverage, least coverage; median width of the interval of the log odds ratio.",
        by_studies(found),
        "## Worst cells of the default",
        worst(found),
        f"The same cells with {more} other comparisons ({error(more)}):",
        worst(again),
    ]
    Path(__file__).with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
