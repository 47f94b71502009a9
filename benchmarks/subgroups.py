"""How often the test of two subgroups has P < .05, by the F form and by chi-squared, without and with a difference.

Run as ``python benchmarks/subgroups.py`` (a quarter of an hour on one core); writes ``benchmarks/subgroups.md``.
Seeded; both tests see the same data, and data sets without a test count as not below .05.
"""

import argparse
import itertools
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, expit, logit

from small_evidence.pooling.glmm import likelihood_ratio_p
from small_evidence.pooling.likelihood import RIDGE
from small_evidence.pooling.regression import Asking, answered, regression, together

SEED = 20_243
STUDIES = ((2, 2), (2, 5), (3, 3), (5, 5))  # of each of two groups
SIZES = ((3, 8), (10, 30))  # least and most patients of a study, each number between as likely
PROPORTIONS = (0.5, 0.8)  # of the median study of the first group
TAUS = (0.0, 0.6, 1.2, 2.0)  # standard deviation of the studies' log odds
DIFFERENCES = (0.0, 1.5)  # by which the log odds of the second group are lower
ALPHA = 0.05
TESTS = ("F", "χ²")


class Cell(NamedTuple):
    """One simulated situation."""

    studies: tuple[int, int]
    sizes: tuple[int, int]
    p: float
    tau: float


def likelihood_ratios(x: np.ndarray, n: np.ndarray, group: np.ndarray) -> Asking[list[float]]:
    """Steps of the ratio of two groups with one tau2 against one group, with the penalty and without.

    NaN where there is none: all or none respond, or without the penalty every study is of all or none.
    """
    if x.sum() in (0, n.sum()):
        return [np.nan, np.nan]
    designs = np.ones((n.size, 1)), np.column_stack([1 - group, group])
    ridges = (RIDGE,) if ((x == 0) | (x == n)).all() else (RIDGE, 0.0)
    fits = yield from together(regression(x, n, design, ridge) for ridge in ridges for design in designs)
    pairs = zip(fits[::2], fits[1::2], strict=True)
    ratios = [max(2 * (groups.loglik - common.loglik), 0.0) for common, groups in pairs]
    return [*ratios, np.nan][:2]


def share_found(cell: Cell, difference: float, repeats: int) -> list[float]:
    """Per cent of data sets with P < ALPHA by each of TESTS."""
    numbers = (*cell.studies, *cell.sizes, *(round(100 * part) for part in (cell.p, cell.tau, difference)))
    rng = np.random.default_rng([SEED, *numbers])
    group = np.repeat([0.0, 1.0], cell.studies)
    n = rng.integers(cell.sizes[0], cell.sizes[1] + 1, (repeats, group.size))
    x = rng.binomial(n, expit(logit(cell.p) - difference * group + cell.tau * rng.standard_normal(n.shape)))
    sets = zip(x.astype(float), n.astype(float), strict=True)
    penalised, plain = np.array(answered(together(likelihood_ratios(*one, group) for one in sets))).T
    of_f = np.array([likelihood_ratio_p(ratio, 1, group.size, 2) for ratio in penalised])
    return [100 * float((p < ALPHA).mean()) for p in (of_f, chdtrc(1, plain))]


def line(cells: list[object]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |\n"


def markdown(measured: pd.DataFrame, repeats: int) -> str:
    """The page: the least favourable and average cells of each number of studies, then every cell."""
    columns = [f"{test}, difference {difference:g}" for difference in DIFFERENCES for test in TESTS]
    heads = [
        f"P < .05 by {test}{', groups differ' if difference else ''}" for difference in DIFFERENCES for test in TESTS
    ]
    page = (
        "# The test between two subgroups\n\n"
        f"Made by `python benchmarks/subgroups.py` with version {version('small-evidence')}. Per cent of data sets "
        "with P < .05 by the F form of the penalised likelihood ratio, which is the one used, and by chi-squared for "
        "the ratio without a penalty. Every number of patients in the range is as likely; p is the proportion of the "
        "median study in the first group, tau the standard deviation of the log odds. Where groups differ, the log "
        f"odds of the second are lower by {DIFFERENCES[1]:g}. Seed {SEED}, {repeats} data sets a cell; standard error "
        f"of 5 %: {100 * np.sqrt(ALPHA * (1 - ALPHA) / repeats):.1f}.\n\n"
    )
    page += line(["studies", "", *heads]) + line(["---"] * (2 + len(heads)))
    for name, own in [*measured.groupby("studies", sort=False), ("all", measured)]:
        page += line([name, "mean", *(f"{own[column].mean():.1f}" for column in columns)])
        page += line([name, "least to most", *(f"{own[c].min():.1f} to {own[c].max():.1f}" for c in columns)])
    page += "\n" + line(["studies", "patients", "p", "tau", *heads]) + line(["---"] * (4 + len(heads)))
    for row in measured.to_dict("records"):
        numbers = [f"{row[column]:.1f}" for column in columns]
        page += line([row["studies"], row["sizes"], f"{row['p']:g}", f"{row['tau']:g}", *numbers])
    return page


def main() -> None:
    """Measure every cell and write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=200)
    repeats = options.parse_args().repeats
    rows = []
    for cell in itertools.starmap(Cell, itertools.product(STUDIES, SIZES, PROPORTIONS, TAUS)):
        row: dict[str, object] = {
            "studies": f"{cell.studies[0]} + {cell.studies[1]}",
            "sizes": "{} to {}".format(*cell.sizes),
        }
        row |= {"p": cell.p, "tau": cell.tau}
        for difference in DIFFERENCES:
            for test, share in zip(TESTS, share_found(cell, difference, repeats), strict=True):
                row[f"{test}, difference {difference:g}"] = share
        rows.append(row)
    Path(__file__).with_suffix(".md").write_text(markdown(pd.DataFrame(rows), repeats), encoding="utf-8")


if __name__ == "__main__":
    main()
