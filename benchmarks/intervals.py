"""Other intervals for the median study's proportion beside the default, on the same simulated data.

Run as ``python benchmarks/intervals.py`` (ten minutes on one core); writes ``benchmarks/intervals.md``. All
candidates are limits b at which a statistic of the binomial-normal likelihood reaches its critical value, and get what
the default gets at the edges: the exact interval where all or no patients respond, and inside the interval where tau2
is estimated as 0. So they differ in the statistic and its critical value alone.
"""

import argparse
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from coverage import FEW, Cell, grid, markdown, simulate
from scipy.special import chdtri, expit, logit

from small_evidence.pooling import pool_many
from small_evidence.pooling.glmm import student_likelihood_ratio
from small_evidence.pooling.likelihood import UNIT_TAU2, Arms, Point, evaluate, make_arms
from small_evidence.pooling.maximum import Maximum, look_along, maximise
from small_evidence.pooling.proportions import proportion_interval

SEED = 20_241
LEVEL, CHI2 = 0.95, float(chdtri(1, 0.05))
TAUS = np.array([0.05, 0.2, 0.5, 1, 1.8, 3, 6, 15, 40])  # looked at to place the constrained maximum
FARTHEST = 12.0  # limits are sought so far from the estimate: expit(12) is 1 to five digits
NEAR_ZERO = 0.1  # below, the signed root is 0 within rounding and is not corrected
RESAMPLES = 99
STEPS = 12  # to a limit
CELLS = [
    *grid((3, 15), (FEW,), (0.5, 0.95), (0, 1.2)),
    *(Cell(2, "2-5", 0.5, 2), Cell(2, "20-200", 0.98, 2), Cell(4, "20-200", 0.9, 1.5), Cell(4, "20-200", 0.98, 2)),
    *(Cell(6, "10-30", 0.7, 2), Cell(10, "20-200", 0.7, 2)),
]


class Fit(NamedTuple):
    """Data sets with both outcomes and the highest likelihood of each; arrays (a,) or (a, k)."""

    arms: Arms
    row: np.ndarray
    top: Maximum

    def take(self, index: np.ndarray) -> "Fit":
        """Some of the data sets."""
        return Fit(self.arms, self.row[index], self.top.take(index))


Statistic = Callable[[Fit, np.ndarray], np.ndarray]  # of b: 0 at the estimate, above 1 outside the interval


class Candidate(NamedTuple):
    """An interval, and how much of it the processor can pay for."""

    statistic: Statistic
    ridge: float  # penalty on tau, as in `likelihood.Arms`
    share: float = 1.0  # of the data sets
    few: int = 30  # data sets of a cell whose limits are found; coverage needs the statistic at the truth alone


def constrained(fit: Fit, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood maximised over tau with b held, and that tau; arrays (a,)."""
    arms, row, _ = fit
    ll, _, _ = look_along(arms, row, np.repeat(TAUS[:, None], b.size, 1), b)
    best = ll.argmax(0)
    low, high = TAUS[np.maximum(best - 1, 0)], TAUS[np.minimum(best + 1, TAUS.size - 1)]
    tau = TAUS[best]
    for _ in range(5):
        point = evaluate(arms, row, b, tau)
        step = np.where(point.h_tt < 0, -point.g_t / np.where(point.h_tt < 0, point.h_tt, -1), 0)
        tau = np.clip(tau + step, low, high)
    ll = evaluate(arms, row, b, tau).ll
    at_zero = evaluate(arms, row, b, np.zeros(b.size)).ll
    return np.maximum(ll, at_zero), np.where(at_zero >= ll, 0.0, tau)


def bartlett_factor(fit: Fit, b: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """1 + 2 sum w^3 / (sum w sum w^2), with the weights of the constrained fit."""
    n, there = fit.arms.n[fit.row], fit.arms.weight[fit.row]
    p = expit(b)
    w = np.where(there > 0, 1 / (tau[:, None] ** 2 + 1 / np.maximum(n * (p * (1 - p))[:, None], 1e-12)), 0)
    times = there * w
    return 1 + 2 * (times * w**2).sum(1) / (times.sum(1) * (times * w).sum(1))


def student(fit: Fit, b: np.ndarray) -> np.ndarray:
    """The default: Student's critical value."""
    ll, _ = constrained(fit, b)
    k = fit.arms.weight[fit.row].sum(1)
    return 2 * (fit.top.point.ll - ll) / student_likelihood_ratio(LEVEL, k)


def plain(fit: Fit, b: np.ndarray) -> np.ndarray:
    """Chi-squared's critical value."""
    return 2 * (fit.top.point.ll - constrained(fit, b)[0]) / CHI2


def bartlett(fit: Fit, b: np.ndarray) -> np.ndarray:
    """Chi-squared's critical value with Bartlett's factor in its simplified form."""
    ll, tau = constrained(fit, b)
    return 2 * (fit.top.point.ll - ll) / (CHI2 * bartlett_factor(fit, b, tau))


def outcomes(fit: Fit) -> tuple[Arms, np.ndarray, np.ndarray]:
    """Every count that each study could have had, as sets of one study; data set and times that each occurs."""
    n, there = fit.arms.n[fit.row], fit.arms.weight[fit.row]
    place, column = np.nonzero(there > 0)
    patients = n[place, column].astype(int)
    each = np.repeat(np.arange(patients.size), patients + 1)
    x = np.arange(each.size) - np.repeat(np.cumsum(patients + 1) - patients - 1, patients + 1)
    arms = make_arms(x[:, None].astype(float), patients[each, None].astype(float), np.ones((each.size, 1), bool))
    return arms, place[each], there[place, column][each]


def skovgaard(fit: Fit, b: np.ndarray) -> np.ndarray:
    """Squared signed root r* by Skovgaard's approximation; the plain root where either tau is 0, or b at the estimate.

    Covariances of score and likelihood at the estimate are sums over all counts that the studies could have had.
    """
    ll, tau = constrained(fit, b)
    top = fit.top
    root = np.sign(top.b - b) * np.sqrt(np.maximum(2 * (top.point.ll - ll), 0))
    corrected = root.copy()
    inner = np.flatnonzero((tau > 0) & (top.tau > 0) & (np.abs(root) > NEAR_ZERO))
    if inner.size:
        held = evaluate(fit.arms, fit.row[inner], b[inner], tau[inner])
        u = _skovgaard_u(fit.take(inner), b[inner], tau[inner], held)
        r = root[inner]
        with np.errstate(all="ignore"):
            better = r + np.log(u / r) / r
        corrected[inner] = np.where(np.isfinite(better), better, r)
    return corrected**2 / CHI2


def _skovgaard_u(fit: Fit, b: np.ndarray, tau: np.ndarray, held: Point) -> np.ndarray:
    arms, place, times = outcomes(fit)
    every = np.arange(place.size)
    at_top = evaluate(arms, every, fit.top.b[place], fit.top.tau[place])
    at_held = evaluate(arms, every, b[place], tau[place])
    # Probability of each count: arms.constant has the binomial coefficient and the peak taken off.
    weight = times * np.exp(at_top.ll + arms.constant)

    def expected(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Sum over studies of the covariance; the score has mean 0 at the estimate."""
        return np.bincount(place, weight * first * second, minlength=b.size)

    score, other = (at_top.g_b, at_top.g_t), (at_held.g_b, at_held.g_t)
    s = [[expected(one, two) for two in other] for one in score]
    i = [[expected(one, two) for two in score] for one in score]
    q = [expected(one, at_top.ll - at_held.ll) for one in score]
    det_s, det_i = s[0][0] * s[1][1] - s[0][1] * s[1][0], i[0][0] * i[1][1] - i[0][1] * i[1][0]
    first = (s[1][1] * q[0] - s[0][1] * q[1]) / det_s
    point = fit.top.point
    det_j = point.h_bb * point.h_tt - point.h_bt**2
    with np.errstate(all="ignore"):
        return first * np.sqrt(det_j) / det_i * det_s / np.sqrt(-held.h_tt)


def bootstrap(fit: Fit, b: np.ndarray) -> np.ndarray:
    """Likelihood ratio over the 95 % point of those of sets drawn from the constrained fit."""
    ll, tau = constrained(fit, b)
    rng = np.random.default_rng(SEED)  # the same draws at every b
    n = np.repeat(fit.arms.n[fit.row], RESAMPLES, 0)
    there = np.repeat(fit.arms.weight[fit.row] > 0, RESAMPLES, 0)
    held, spread = np.repeat(b, RESAMPLES), np.repeat(tau, RESAMPLES)
    x = rng.binomial(n.astype(int), expit(held[:, None] + spread[:, None] * rng.standard_normal(n.shape)))
    again = fitted(x.astype(float), n, there, fit.arms.ridge)
    all_or_none = (x.sum(1) == 0) | (x.sum(1) == n.sum(1))
    top = np.where(all_or_none, 0.0, again.top.point.ll)  # the likelihood rises to 1 as b goes to an end
    ratio = (2 * (top - constrained(again, held)[0])).reshape(-1, RESAMPLES)
    critical = np.sort(ratio, 1)[:, round(LEVEL * (RESAMPLES + 1)) - 1]
    return 2 * (fit.top.point.ll - ll) / np.maximum(critical, 1e-9)


def fitted(x: np.ndarray, n: np.ndarray, there: np.ndarray, ridge: float) -> Fit:
    """Maxima of sets of the same number of studies."""
    arms, row = make_arms(x, n, there)._replace(ridge=ridge), np.arange(len(x))
    with np.errstate(all="ignore"):
        return Fit(arms, row, maximise(arms, row))


PENALTY = 1 / UNIT_TAU2
CANDIDATES = {
    "default: penalty, Student's critical value": Candidate(student, PENALTY),
    "penalty, chi-squared": Candidate(plain, PENALTY),
    "penalty, simplified Bartlett": Candidate(bartlett, PENALTY),
    "no penalty, simplified Bartlett": Candidate(bartlett, 0.0),
    "no penalty, r* (Skovgaard)": Candidate(skovgaard, 0.0, 1 / 2, 5),
    "penalty, constrained bootstrap": Candidate(bootstrap, PENALTY, 1 / 5, 2),
}


def limits(fit: Fit, statistic: Statistic) -> tuple[np.ndarray, np.ndarray]:
    """Where the statistic reaches 1 on either side: secant steps inside a bracket; arrays (a,)."""
    a = fit.row.size
    side = np.repeat([-1.0, 1.0], a)
    both = fit.take(np.tile(np.arange(a), 2))
    start = both.top.b
    near, far = np.zeros(2 * a), np.full(2 * a, FARTHEST)
    low, high = np.full(2 * a, -1.0), np.sqrt(statistic(both, start + side * far)) - 1
    open_end = high <= 0
    active = np.flatnonzero(~open_end)
    for step in range(STEPS):
        if active.size == 0:
            break
        middle = (near * high - far * low)[active] / (high - low)[active]
        # Where the statistic is flat the secant crawls: halve every third time.
        middle = np.where(step % 3 == 2, (near + far)[active] / 2, middle)
        value = np.sqrt(statistic(both.take(active), start[active] + side[active] * middle)) - 1
        inside = value <= 0
        near[active[inside]], low[active[inside]] = middle[inside], value[inside]
        far[active[~inside]], high[active[~inside]] = middle[~inside], value[~inside]
        active = active[(np.abs(value) > 1e-4) & ((far - near)[active] > 1e-3)]
    found = np.where(np.abs(low) < np.abs(high), near, far)
    found = start + side * np.where(open_end, np.inf, found)
    return found[:a], found[a:]


class Start(NamedTuple):
    """What every candidate has in common for arrays (a, k) of counts."""

    lower: np.ndarray  # (a,); exact interval where the likelihood has none
    upper: np.ndarray
    estimate: np.ndarray
    rows: np.ndarray  # data sets with an interval by likelihood
    widen: np.ndarray  # of these, where the exact interval lies inside
    fit: Fit


def prepare(x: np.ndarray, n: np.ndarray, ridge: float) -> Start:
    """Estimates, exact intervals and maxima."""
    arms = pd.DataFrame({"g": np.repeat(np.arange(len(x)), x.shape[1]), "responders": x.ravel(), "n": n.ravel()})
    pooled = pool_many(arms, "g", interval="wald_z", prediction=False, homogeneity=False)
    status = pooled["status"].to_numpy()
    lower, upper = proportion_interval(x.sum(1), n.sum(1))
    split = status == "tau2_unbounded"
    if ridge == 0:  # one toss a study, as the plain profile has it
        by_study = proportion_interval((x == n).sum(1), np.full(len(x), x.shape[1]))
        lower[split], upper[split] = by_study[0][split], by_study[1][split]
    rows = np.flatnonzero(np.isin(status, ["ok", "tau2_zero"]) | (split & (ridge > 0)))
    fit = fitted(x[rows], n[rows], np.ones((rows.size, x.shape[1]), bool), ridge)
    return Start(lower, upper, pooled["estimate"].to_numpy(float), rows, status[rows] == "tau2_zero", fit)


def intervals(x: np.ndarray, n: np.ndarray, statistic: Statistic, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the median study's proportion."""
    lower, upper, estimate, rows, widen, fit = prepare(x, n, ridge)
    low, high = (expit(limit) for limit in limits(fit, statistic))
    low, high = np.minimum(low, estimate[rows]), np.maximum(high, estimate[rows])
    lower[rows] = np.where(widen, np.minimum(low, lower[rows]), low)
    upper[rows] = np.where(widen, np.maximum(high, upper[rows]), high)
    return lower, upper


def held(x: np.ndarray, n: np.ndarray, p: float, statistic: Statistic, ridge: float) -> np.ndarray:
    """Whether the interval contains p, from the statistic there alone."""
    lower, upper, _, rows, widen, fit = prepare(x, n, ridge)
    inside = (lower <= p) & (p <= upper)
    by_likelihood = statistic(fit, np.full(rows.size, logit(p))) <= 1
    inside[rows] = by_likelihood | (widen & inside[rows])
    return inside


def measure(cell: Cell, name: str, repeats: int) -> dict[str, float]:
    """Coverage, misses, width, and how the limits answer exchange and one responder more."""
    statistic, ridge, share, few = CANDIDATES[name]
    arms, _ = simulate(cell, repeats)
    x, n = (arms[column].to_numpy(float).reshape(repeats, cell.k) for column in ("responders", "n"))
    x, n = x[: round(share * repeats)], n[: round(share * repeats)]
    inside = held(x, n, cell.p, statistic, ridge)
    high = x.sum(1) / n.sum(1) > cell.p
    x, n = x[:few], n[:few]
    more = x + (np.arange(cell.k) == 0) * (x < n)
    found = intervals(np.concatenate([x, n - x, more]), np.tile(n, (3, 1)), statistic, ridge)
    (lower, mirrored_upper, lower_after), (upper, mirrored_lower, upper_after) = (part.reshape(3, -1) for part in found)
    return {
        "coverage": 100 * float(inside.mean()),
        "too low": 100 * float(np.mean(~inside & ~high)),
        "too high": 100 * float(np.mean(~inside & high)),
        "width": float(np.mean(upper - lower)),
        "asymmetry": float(np.abs([lower + mirrored_lower - 1, upper + mirrored_upper - 1]).max()),
        "lowered": 100 * float(np.mean((lower_after < lower - 1e-3) & (upper_after < upper - 1e-3))),
        "repeats": inside.size,
    }


def run(repeats: int) -> str:
    """All tables as one Markdown text."""
    start = time.perf_counter()
    found = {}
    for name in CANDIDATES:
        found[name] = pd.DataFrame([measure(cell, name, repeats) for cell in CELLS])
        print(f"{time.perf_counter() - start:5.0f} s  {name}: {found[name]['coverage'].round(1).tolist()}", flush=True)
    rows = [
        {
            "candidate": name,
            "analyses a cell": int(one["repeats"][0]),
            "standard error": f"{100 * np.sqrt(0.95 * 0.05 / one['repeats'][0]):.1f}",
            "mean": f"{one['coverage'].mean():.1f}",
            "least": f"{one['coverage'].min():.1f}",
            "under 92": int((one["coverage"] < 92).sum()),
            "too low": f"{one['too low'].mean():.1f}, at most {one['too low'].max():.1f}",
            "too high": f"{one['too high'].mean():.1f}, at most {one['too high'].max():.1f}",
            "limits": CANDIDATES[name].few,
            "mean width": f"{one['width'].mean():.3f}",
            "asymmetry": f"{one['asymmetry'].max():.0e}",
            "both limits lower after one responder more": f"{one['lowered'].mean():.1f} %",
        }
        for name, one in found.items()
    ]
    cells = pd.DataFrame({"cell": [str(cell) for cell in CELLS]})
    for name, one in found.items():
        cells[name] = [f"{c:.1f} ({w:.2f})" for c, w in zip(one["coverage"], one["width"], strict=True)]
    parts = [
        "# Other intervals beside the default",
        f"Made by `python benchmarks/intervals.py --repeats {repeats}` with version {version('small-evidence')}. The "
        "median study's proportion, 95 %; the same data sets, of which the slower candidates see the first. Asymmetry "
        "is the largest difference of a limit from 1 minus that of the exchanged counts; it, the width and the share "
        "of sets in which one responder more lowers both limits by more than 0.001 are of the number of sets under "
        "limits. Limits are solved in few steps here, to about 0.001; the bootstrap draws anew.",
        markdown(pd.DataFrame(rows)),
        "## Coverage (mean width) by cell",
        markdown(cells),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=500, help="analyses a cell of the fast candidates")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    text = run(arguments.repeats)
    arguments.output.write_text(text, encoding="utf-8")
    print(text)
