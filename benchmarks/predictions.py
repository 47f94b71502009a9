"""How often a further study lies in the interval that a meta-regression on the year predicts for it.

Run as ``python benchmarks/predictions.py`` (five minutes on one core); writes ``benchmarks/predictions.md``. Seeded.
"""

import argparse
import itertools
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from coverage import markdown
from scipy.special import expit

from small_evidence.pooling.heterogeneity import predict_regression

SEED = 20_245
STUDIES = ((6, 5, 12), (6, 20, 60), (10, 5, 12))  # how many, and their least and most patients
TAUS = (0.0, 0.6, 1.2)
B = 1.0  # log odds of the median study in every year
YEARS = (1990, 2020)
AT = {"in the middle": 2005, "at the end": 2020}


def share_inside(k: int, least: int, most: int, tau: float, repeats: int) -> tuple[int, dict[str, float]]:
    """Data sets with an interval, and per cent of them whose further study lies in it, by its year."""
    rng = np.random.default_rng([SEED, k, least, round(10 * tau)])
    found = []
    for _ in range(repeats):
        n = rng.integers(least, most + 1, k)
        x = rng.binomial(n, expit(B + tau * rng.standard_normal(k)))
        studies = pd.DataFrame({"responders": x, "n": n, "year": rng.uniform(*YEARS, k)})
        further = expit(B + tau * rng.standard_normal(len(AT)))
        interval = predict_regression(studies, "year", pd.DataFrame({"year": list(AT.values())}))
        if interval["pi_lb"].notna().all():
            found.append(((interval["pi_lb"] <= further) & (further <= interval["pi_ub"])).to_numpy())
    return len(found), dict(zip(AT, 100 * np.mean(found, axis=0), strict=True))


def main() -> None:
    """Measure every cell and write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=200)
    repeats = options.parse_args().repeats
    rows = []
    for (k, least, most), tau in itertools.product(STUDIES, TAUS):
        sets, inside = share_inside(k, least, most, tau, repeats)
        rows.append({"studies": k, "patients": f"{least} to {most}", "tau": tau, "data sets": sets}
                    | {f"year {name}, %": f"{share:.1f}" for name, share in inside.items()})  # fmt: skip
    page = (
        "# The interval of a further study after meta-regression\n\n"
        f"Made by `python benchmarks/predictions.py`, version {version('small-evidence')}: per cent of SYNTHETIC data "
        f"sets whose further study lies in its 95 % interval. Log odds {B:g} in every year; seed {SEED}, {repeats} "
        "sets a cell, less those in which nothing can be fitted.\n\n"
    )
    Path(__file__).with_suffix(".md").write_text(page + markdown(pd.DataFrame(rows)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
