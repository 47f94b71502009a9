"""Agreement of the statistics with computations of their own on 200 random data sets and more.

Run as ``python benchmarks/agreement.py`` (minutes on one core); writes ``benchmarks/agreement.md``. Nothing here uses
the likelihoods of the package: sums over hundreds of points of the random effect, plain grids, searches of scipy.
"""

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
from coverage import markdown
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_expit, logit, logsumexp
from scipy.stats import t as student

from small_evidence.pooling import pool_responses
from small_evidence.pooling.comparisons import compare
from small_evidence.pooling.heterogeneity import subgroups

SEED = 20_243
SETS = 200
REFERENCE = Path(__file__).parents[1] / "tests/reference/comparisons/comparisons.json"
U = np.linspace(-9.5, 9.5, 601)
LOG_WEIGHT = -(U**2) / 2 - logsumexp(-(U**2) / 2)
RIDGE = 0.25  # of the penalty of the default interval: a half-normal density of scale 2
PRIORS = {"b_sd": 2.5, "tau_scale": 1.0}


def random_sets(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Responders and patients of studies with both outcomes, at least one with both."""
    rng, found = np.random.default_rng(SEED), []
    while len(found) < count:
        n = rng.integers(2, 40, rng.integers(2, 9))
        x = rng.binomial(n, expit(rng.normal(0, 1.5) + rng.choice([0, 0.5, 1.5]) * rng.standard_normal(n.size)))
        if ((x > 0) & (x < n)).any():
            found.append((x.astype(float), n.astype(float)))
    return found


def height(x: np.ndarray, n: np.ndarray, b: float, tau: float) -> float:
    """Log-likelihood without binomial coefficients, by the trapezoidal rule on 601 points."""
    eta = b + tau * U
    terms = x[:, None] * log_expit(eta) + (n - x)[:, None] * log_expit(-eta)
    return float(logsumexp(terms + LOG_WEIGHT, axis=1).sum())


def median_of(mean: float, tau: float) -> float:
    """Logit of the median study where the mean study has this proportion."""
    return brentq(lambda b: np.exp(LOG_WEIGHT) @ expit(b + tau * U) - mean, -60, 60, xtol=1e-12)


def mean_limits(x: np.ndarray, n: np.ndarray) -> float:
    """Largest distance of twice the fall of the penalised profile at the limits of the mean from the critical value."""
    found, k = pool_responses(x, n), x.size
    critical = k * np.log1p(student.ppf(0.975, k - 1) ** 2 / (k - 1))

    def highest(at: Callable[[float], float]) -> float:
        """Over tau of b(tau), by a grid and a search around its best point."""
        taus = np.r_[0.0, np.geomspace(0.02, 9, 28)]

        def value(tau: float) -> float:
            return height(x, n, at(tau), tau) - RIDGE * tau**2 / 2

        values = [value(tau) for tau in taus]
        best = int(np.argmax(values))
        bounds = taus[max(best - 1, 0)], taus[min(best + 1, taus.size - 1)]
        search = minimize_scalar(lambda tau: -value(tau), bounds=bounds, method="bounded", options={"xatol": 1e-6})
        return max(values[best], -search.fun)

    over = minimize_scalar(lambda b: -highest(lambda _: b), bracket=(found["b"] - 0.3, found["b"] + 0.3), tol=1e-6)
    exact = found["tau2"] == 0  # there the interval is widened to the exact one
    gaps = []
    for limit in (found["mean_ci_lb"], found["mean_ci_ub"]):
        if 1e-9 < limit < 1 - 1e-9:
            fall = 2 * (-over.fun - highest(lambda tau, limit=limit: median_of(limit, tau)))
            gaps.append(max(0.0, critical - fall) if exact else abs(fall - critical))
    return max(gaps, default=0.0)


def ratio_of_groups(x: np.ndarray, n: np.ndarray) -> float | None:
    """Distance of the penalised likelihood ratio of two groups of studies from that of plain searches.

    Every other study is of the first group; None where one has fewer than two, or all or none of the patients respond.
    """
    group = np.arange(x.size) % 2
    parts = [(x[group == one], n[group == one]) for one in (0, 1)]
    if x.size < 4 or any(xi.sum() in (0, ni.sum()) for xi, ni in parts):
        return None
    found = subgroups(pd.DataFrame({"group": group, "responders": x, "n": n}), "group")

    def highest(parts: list[tuple[np.ndarray, np.ndarray]], tau: float) -> float:
        over_b = (minimize_scalar(lambda b, one=one: -height(*one, b, tau), bounds=(-15, 15)) for one in parts)
        return -sum(one.fun for one in over_b) - RIDGE * tau**2 / 2

    def peak(parts: list[tuple[np.ndarray, np.ndarray]]) -> float:
        taus = np.r_[0.0, np.geomspace(0.05, 5, 10)]
        values = [highest(parts, tau) for tau in taus]
        best = int(np.argmax(values))
        bounds = taus[max(best - 1, 0)], taus[min(best + 1, taus.size - 1)]
        return max(values[best], -minimize_scalar(lambda tau: -highest(parts, tau), bounds=bounds).fun)

    return abs(found["chi2"][0] - max(2 * (peak(parts) - peak([(x, n)])), 0.0))


def posterior(x: np.ndarray, n: np.ndarray) -> float:
    """Largest distance of the posterior probability below limits and median of b from 0.025, 0.5, 0.975, by a grid."""
    found = pool_responses(x, n, method="bayes", priors=PRIORS)
    middle = logit(np.clip(found["estimate"], 1e-9, 1 - 1e-9))
    b = np.linspace(middle - 8 * found["se"], middle + 8 * found["se"], 241)
    tau = (np.arange(90) + 0.5) / 90 * 4.5  # beyond, the prior has 7e-6
    weight = np.exp(-(U[::3] ** 2) / 2)
    weight /= weight.sum()
    total = np.zeros(b.size)
    for one in tau:
        eta = b[:, None] + one * U[::3]
        success, failure = log_expit(eta), log_expit(-eta)
        ll = np.zeros(b.size)
        for xi, ni in zip(x, n, strict=True):
            terms = xi * success + (ni - xi) * failure
            top = terms.max(axis=1, keepdims=True)
            ll += np.log(np.exp(terms - top) @ weight) + top[:, 0]
        prior = -((b / PRIORS["b_sd"]) ** 2) / 2 - (one / PRIORS["tau_scale"]) ** 2 / 2
        total = np.logaddexp(total, ll + prior) if one > tau[0] else ll + prior
    density = np.exp(total - total.max())
    below = np.r_[0, np.cumsum((density[1:] + density[:-1]) / 2)]
    below /= below[-1]
    limits = logit(np.array([found["ci_lb"], found["estimate"], found["ci_ub"]], float))
    return float(np.abs(np.interp(limits, b, below) - [0.025, 0.5, 0.975]).max())


def conditional_height(one: dict, b: float, tau: float) -> float:
    """Log-likelihood of the hypergeometric-normal model, with binomial coefficients in whole numbers."""
    total = 0.0
    for x1, n1, x2, n2 in zip(*(one[name] for name in ("x1", "n1", "x2", "n2")), strict=True):
        events = x1 + x2
        j = np.arange(max(0, events - n2), min(n1, events) + 1)
        ways = np.log([float(comb(n1, i) * comb(n2, events - i)) for i in j])
        own = np.log(float(comb(n1, x1) * comb(n2, x2)))
        total += logsumexp(LOG_WEIGHT - logsumexp(ways - own + (b + tau * U)[:, None] * (j - x1), axis=1))
    return float(total)


def conditional(one: dict) -> tuple[float, float] | None:
    """Distance of the log-likelihood from the integral, and how much higher a neighbour or a point of a grid is."""
    found = compare(*(one[name] for name in ("x1", "n1", "x2", "n2")))
    if found["status"] not in ("ok", "tau2_zero"):
        return None
    b, tau = found["b"], float(np.sqrt(found["tau2"]))
    top = conditional_height(one, b, tau)
    others = [(b + d, abs(tau + e)) for d in (-0.02, 0, 0.02) for e in (-0.02, 0.02)]
    others += [(b + d, e) for d in (-1, 0, 1) for e in (0, 0.3, 1, 3)]
    return abs(found["loglik"] - top), max(conditional_height(one, *at) for at in others) - top


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=SETS)
    count = parser.parse_args().sets
    sets, references = random_sets(count), json.loads(REFERENCE.read_text(encoding="utf-8"))["sets"]
    bayes = [posterior(*one) for one in sets]
    fits = [found for found in map(conditional, references) if found]
    means = [mean_limits(*one) for one in sets]
    groups = [gap for gap in (ratio_of_groups(*one) for one in random_sets(2 * count)) if gap is not None]
    tried = [one["glmm"] for one in references if "glmm" in one]
    answered = sum("error" not in one for one in tried)
    rows = [
        (
            "limits of the mean study's proportion",
            "fall of the penalised profile at the limits",
            len(means),
            max(means),
        ),
        ("test between subgroups", "penalised likelihood ratio of two groups", len(groups), max(groups)),
        ("credible limits and median of `bayes`", "posterior probability below them", len(bayes), max(bayes)),
        ("`glmm` odds ratio", "log-likelihood at the maximum", len(fits), max(one[0] for one in fits)),
        ("`glmm` odds ratio", "how much higher any other point is", len(fits), max(0.0, *(one[1] for one in fits))),
    ]
    table = pd.DataFrame(rows, columns=["statistic", "compared", "data sets", "largest difference"])
    table["largest difference"] = table["largest difference"].map("{:.1g}".format)
    parts = [
        "# Agreement with computations of their own",
        f"Made by `python benchmarks/agreement.py`, version {version('small-evidence')}, seed {SEED}. SYNTHETIC data; "
        "the odds ratios are those of `tests/reference/comparisons`.",
        markdown(table),
        f'`rma.glmm(model = "CM.EL")` of metafor was tried on {len(tried)} of the comparisons: it has an answer for '
        f"{answered} and stops with an error in {len(tried) - answered}.",
    ]
    Path(__file__).with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
