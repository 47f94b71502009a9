"""The hypergeometric-normal model of odds ratios: likelihood, maximum and limits for the studies of one comparison.

    x1 given the margins ~ noncentral hypergeometric with odds ratio exp(theta_i),    theta_i ~ Normal(b, tau2)

Vocabulary: a study has information where its margins allow more than one table; it lies at an end where x1 is the
smallest or the largest that they allow.

References
----------
Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, chdtri, gammaln, xlogy

from small_evidence.pooling.glmm import likelihood_ratio_p, student_likelihood_ratio
from small_evidence.pooling.likelihood import REACH, normal_grid

FARTHEST = 40.0  # beyond, a log odds ratio is infinite
STEP = 0.02  # between the knots of the spline
BLOCK = 1 << 20  # numbers in the largest temporary array
TAUS = np.array([0.0, 0.1, 0.2, 0.4, 0.7, 1.1, 1.7, 2.6, 4.0, 6.5, 12.0, 25.0, 60.0])  # looked at to place a maximum
ROUGH = 0.02  # how near the highest b is sought while TAUS are compared
TAU_SMALL = 3e-4  # below, tau is 0
NEGLIGIBLE = 1e-100  # of the largest probability
MOST_LISTED = 1_000_000  # tables of all studies that are listed, and
MOST_FITTED = 100_000  # of one study whose likelihood is computed at thousands of odds ratios: seconds
# Variance of the log odds ratio of one patient in each arm at p = 1/2, the unit information (Roever et al. 2021)
UNIT_TAU2 = 8.0


class Tables(NamedTuple):
    """Conditional distributions of x1 given the margins, of the studies that have information on the odds ratio."""

    x: np.ndarray  # (k,) responders among the treated
    low: np.ndarray  # (k,) the fewest and
    high: np.ndarray  # the most that the margins allow
    values: np.ndarray  # (k, m) low, low + 1, ..., padded
    log_w: np.ndarray  # (k, m) log C(n1, j) C(n2, t - j); -inf in the padding

    @property
    def listed(self) -> bool:
        """Whether there are few enough to be listed; else values and log_w are empty."""
        return self.values.shape[1] > 0 or self.x.size == 0


class Density:
    """log P(x1 | margins) of every study and its derivatives at any log odds ratio.

    A cubic spline on steps of STEP, which is exact to 1e-8 at a hundredth of the time of the sum; beyond FARTHEST the
    logarithm is a straight line to the last digit.
    """

    def __init__(self, tables: Tables) -> None:
        from scipy.interpolate import CubicSpline

        theta = np.arange(-round(FARTHEST / STEP), round(FARTHEST / STEP) + 1) * STEP
        above = tables.values - tables.x[:, None]
        place = (tables.x - tables.low).astype(int)
        heights = np.empty((theta.size, tables.x.size))
        for i, (row, own) in enumerate(zip(tables.log_w, place, strict=True)):
            some = np.isfinite(row)
            for part in np.array_split(np.arange(theta.size), 1 + theta.size * some.sum() // BLOCK):
                terms = row[some] + theta[part, None] * above[i, some]
                top = terms.max(axis=1)
                heights[part, i] = row[own] - top - np.log(np.exp(terms - top[:, None]).sum(axis=1))
        self.cubic, self.square, self.linear, self.constant = CubicSpline(theta, heights).c
        self.falls, self.rises = tables.x - tables.high, tables.x - tables.low
        self.width = float((tables.high - tables.low).max())

    def __call__(self, at: np.ndarray) -> np.ndarray:
        """Heights (nodes, k) at log odds ratios (nodes,)."""
        inside = np.minimum(np.maximum(at, -FARTHEST), FARTHEST)
        beyond = (at - inside)[:, None]
        piece, t = self._place(inside)
        t = t[:, None]
        heights = ((self.cubic[piece] * t + self.square[piece]) * t + self.linear[piece]) * t + self.constant[piece]
        return heights + np.where(beyond > 0, self.falls, self.rises) * beyond

    def slopes(self, at: float) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivatives (k,) at one log odds ratio."""
        if abs(at) > FARTHEST:
            return np.where(at > 0, self.falls, self.rises), np.zeros(self.falls.size)
        piece, t = self._place(np.array([at]))
        cubic, square = self.cubic[piece[0]] * t[0], self.square[piece[0]]
        return (3 * cubic + 2 * square) * t[0] + self.linear[piece[0]], 6 * cubic + 2 * square

    def _place(self, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which piece of the spline, and how far into it."""
        piece = np.minimum(((inside + FARTHEST) / STEP).astype(int), len(self.cubic) - 1)
        return piece, inside - (piece * STEP - FARTHEST)


class Height(NamedTuple):
    """The log-likelihood at one point, with its derivatives."""

    ll: float
    g_b: float
    g_t: float
    h_bb: float
    h_bt: float
    h_tt: float


class Peak(NamedTuple):
    """A maximum, over both parameters or over one of them."""

    ll: float
    b: float
    tau: float


class Model(NamedTuple):
    """The likelihood of some studies; tau2 times half of the ridge is taken off its logarithm."""

    density: Density
    ends: float  # log-likelihood as tau goes to infinity: -inf unless every study lies at an end
    ridge: float = 0.0


def conditional_tables(x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray) -> Tables:
    """Distributions given the margins of the studies that have information; arrays (k,) of counts."""
    total = x1 + x2
    low, high = np.maximum(0, total - n2), np.minimum(n1, total)
    some = low < high
    x1, n1, n2, total, low, high = (part[some] for part in (x1, n1, n2, total, low, high))
    longest = int((high - low).max(initial=0)) + 1
    if longest * x1.size > MOST_LISTED:
        return Tables(x1, low, high, np.empty((x1.size, 0)), np.empty((x1.size, 0)))
    values = low[:, None] + np.arange(longest)
    inside = values <= high[:, None]
    j = np.where(inside, values, low[:, None])
    log_w = log_choose(n1[:, None], j) + log_choose(n2[:, None], total[:, None] - j)
    return Tables(x1, low, high, values, np.where(inside, log_w, -np.inf))


def log_choose(n: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Logarithm of the binomial coefficient."""
    log_ways: np.ndarray = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return log_ways


def make_model(tables: Tables) -> Model:
    """The likelihood without a penalty."""
    return Model(Density(tables), likelihood_at_infinity(tables))


def likelihood_at_infinity(tables: Tables) -> float:
    """Log-likelihood as tau goes to infinity: -inf unless every study lies at an end.

    Where m of k lie at the upper one and the others at the lower, the likelihood of b = c tau tends to that of k tosses
    of a coin, so that its supremum over b and tau is at least m log(m/k) + (k - m) log(1 - m/k).
    """
    if not ((tables.x == tables.low) | (tables.x == tables.high)).all():
        return -np.inf
    upper, k = float((tables.x == tables.high).sum()), tables.x.size
    return float(xlogy(upper, upper / k) + xlogy(k - upper, 1 - upper / k))


def evaluate(model: Model, b: float, tau: float) -> Height:
    """Log-likelihood and derivatives by the trapezoidal rule on b ± 8.7 tau, with the step of `likelihood`.

    x1 given the margins is a sum of independent 0s and 1s, as many as high - low, so that the curvature of the
    integrand is at most a quarter of this.
    """
    density, _, ridge = model
    if tau == 0:
        slope, bend = density.slopes(b)
        h_bb = float(bend.sum())
        h_tt = float((slope**2).sum()) + h_bb - ridge
        return Height(float(density(np.array([b])).sum()), float(slope.sum()), 0.0, h_bb, 0.0, h_tt)
    step = 0.62 / np.sqrt(density.width / 4 + 3.3 + 0.6 / tau**2)
    needed = int(np.ceil(2 * REACH * tau / step))
    quantum = 2 ** max(needed.bit_length() - 3, 3)  # few sizes, since each grid is kept
    u, columns = normal_grid(max(24, -(-needed // quantum) * quantum))
    terms = density(b + tau * u)
    top = terms.max(axis=0)
    total, *moments = columns.T @ np.exp(terms - top)
    z1, z2, z3, z4 = (moment / total for moment in moments)  # of the studies' distance from b in units of tau
    ll, g_b, g_t = (np.log(total) + top).sum(), z1.sum() / tau, (z2 - 1).sum() / tau
    h_bb, h_bt = (z2 - z1 * z1 - 1).sum() / tau**2, (z3 - z1 * (2 + z2)).sum() / tau**2
    h_tt = (z4 - z2 * (z2 + 3) + 1).sum() / tau**2
    return Height(ll - ridge * tau**2 / 2, g_b, g_t - ridge * tau, h_bb, h_bt, h_tt - ridge)


def highest_over_b(model: Model, tau: float, start: float = 0.0, near: float = 1e-9) -> tuple[Peak, Height]:
    """Highest point at this tau, to `near` of b in units of 1 + tau; the log-likelihood is concave in b."""
    b = start
    for _ in range(100):
        height = evaluate(model, b, tau)
        step = float(min(max(-height.g_b / min(height.h_bb, -1e-12), -2 - tau), 2 + tau))
        if abs(step) < near * (1 + tau):
            break
        b += step
    return Peak(height.ll, b, tau), height


def highest_over_tau(model: Model, b: float) -> Peak:
    """Highest point at this b."""

    def look(tau: float, _start: float, _near: float) -> tuple[Peak, float, float]:
        height = evaluate(model, b, tau)
        return Peak(height.ll, b, tau), height.g_t, height.h_tt

    return _climb(look, b)


def maximum(model: Model) -> Peak:
    """Highest point over both parameters."""

    def look(tau: float, start: float, near: float) -> tuple[Peak, float, float]:
        peak, height = highest_over_b(model, tau, start, near)
        return peak, height.g_t, height.h_tt - height.h_bt**2 / min(height.h_bb, -1e-12)

    return _climb(look, 0.0)


def _climb(look: Callable[[float, float, float], tuple[Peak, float, float]], b: float) -> Peak:
    """Highest point over tau of a function with slope and curvature: the best of TAUS, then Newton's steps.

    All of TAUS are tried: where large studies contradict each other, a small tau reaches none of them and has less
    likelihood than 0, and a large one has more.
    """
    seen: list[Peak] = []
    for tau in TAUS:
        seen.append(look(tau, seen[-1].b if seen else b, 1e-9 if tau == 0 else ROUGH)[0])
    best = max(range(len(seen)), key=lambda at: seen[at].ll)
    low, high = TAUS[max(best - 1, 0)], TAUS[min(best + 1, TAUS.size - 1)]
    tau, start = float(TAUS[best]) if best else 0.3 * TAUS[1], seen[best].b
    for _ in range(60):
        peak, slope, curvature = look(tau, start, 1e-9)
        start, (low, high) = peak.b, (tau, high) if slope > 0 else (low, tau)
        ahead = tau - slope / curvature if curvature < 0 else -1.0
        ahead = ahead if low < ahead < high else (low + high) / 2
        if abs(ahead - tau) < 1e-8 * (1 + tau) or high < TAU_SMALL:
            break
        tau = float(ahead)
    return seen[0] if peak.ll <= seen[0].ll + 1e-10 else peak


def supremum_over_tau(model: Model, b: float) -> Peak:
    """Supremum over tau at this b; tau is infinite where no tau reaches it: there each study is the toss of a coin."""
    peak = highest_over_tau(model, b)
    tosses = -model.density.falls.size * np.log(2)
    unbounded = model.ridge == 0 and np.isfinite(model.ends) and tosses > peak.ll
    return Peak(tosses, b, np.inf) if unbounded else peak


# --- limits and the test -------------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """How limits are made of the likelihood."""

    ridge: float  # of Model
    critical: Callable[[float, int], float]  # of twice the fall of the log-likelihood, by coverage and studies
    tail: Callable[[float, int], float]  # P of such a fall, by fall and studies
    with_exact: bool  # where tau2 is estimated as 0, never inside the exact interval of one odds ratio


def chi_squared(conf_level: float, k: int) -> float:
    """Critical value of a likelihood ratio in large samples."""
    return float(chdtri(1, 1 - conf_level))


def chi_squared_tail(fall: float, k: int) -> float:
    """P of a likelihood ratio in large samples."""
    return float(chdtrc(1, fall))


def student(conf_level: float, k: int) -> float:
    """Critical value of `glmm.student_likelihood_ratio`."""
    return float(student_likelihood_ratio(conf_level, np.array([k]))[0])


def student_tail(fall: float, k: int) -> float:
    """P of a likelihood ratio where it is k log(1 + T**2 / (k - 1)) with T Student's, the inverse of `student`."""
    return likelihood_ratio_p(fall, 1, k, 1)


INTERVALS = {
    "profile_student": Interval(1 / UNIT_TAU2, student, student_tail, True),
    "profile": Interval(0.0, chi_squared, chi_squared_tail, False),
}


def end_of(outside: Callable[[float], float], start: float, farthest: float) -> float:
    """Where `outside` becomes positive on the way from start by farthest (signed); infinite where it does not."""
    from scipy.optimize import brentq

    inner = start
    for share in (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 1.0):
        outer = start + share * farthest
        if outside(outer) > 0:
            return float(brentq(outside, inner, outer, xtol=1e-9)) if outside(inner) < 0 else inner
        inner = outer
    return float(np.copysign(np.inf, farthest))


def tau2_limits(model: Model, top: Peak, critical: float) -> tuple[float, float]:
    """Limits of tau2 by the profile likelihood without penalty; the upper one is infinite where there is none."""

    def outside(tau: float) -> float:
        return 2 * (top.ll - highest_over_b(model, tau, top.b)[0].ll) - critical

    lower = 0.0 if top.tau == 0 or outside(0.0) <= 0 else end_of(outside, top.tau, -top.tau)
    return lower**2, end_of(outside, top.tau, float(TAUS[-1])) ** 2


def fall_of(model: Model, top: float, b: float) -> float:
    """Twice the fall of the log-likelihood, maximised over tau, from its supremum `top` to b."""
    return max(0.0, 2 * (top - supremum_over_tau(model, b).ll))


# --- one odds ratio for all studies ---------------------------------------------------------------------------------


def chances(tables: Tables, b: float) -> np.ndarray:
    """Probabilities of 0, 1, ... responders among the treated above the fewest, where one log odds ratio holds for all.

    The distributions of the studies are convolved at b itself, so that no probability that counts is lost however many
    patients there are; what is below NEGLIGIBLE of the largest is 0.
    """
    sums, start = np.ones(1), 0
    for row, high, low in zip(tables.log_w, tables.high, tables.low, strict=True):
        terms = row[: int(high - low) + 1] + b * np.arange(int(high - low) + 1)
        terms = np.exp(terms - terms.max())
        first, last = np.flatnonzero(terms > NEGLIGIBLE)[[0, -1]]
        sums, start = np.convolve(sums, terms[first : last + 1]), start + first
        sums /= sums.sum()
    out = np.zeros(int((tables.high - tables.low).sum()) + 1)
    out[start : start + sums.size] = sums
    return out


def exact_tails(tables: Tables, b: float) -> tuple[float, float]:
    """Probability of as many responders among the treated or more, and of as many or fewer, under one odds ratio."""
    seen, at = int((tables.x - tables.low).sum()), chances(tables, b)
    return float(at[seen:].sum()), float(at[: seen + 1].sum())


def exact_p(tables: Tables, b: float = 0.0) -> float:
    """Twice the smaller tail: the test of which the exact interval is the inversion (Fay 2010)."""
    return min(1.0, 2 * min(exact_tails(tables, b)))


def exact_limits(tables: Tables, conf_level: float) -> tuple[float, float]:
    """Exact limits of one log odds ratio for all studies, with half of 1 - conf_level on each side."""
    seen, most, alpha = int((tables.x - tables.low).sum()), int((tables.high - tables.low).sum()), 1 - conf_level
    lb = -np.inf if seen == 0 else find_root(lambda b: exact_tails(tables, b)[0] - alpha / 2)
    ub = np.inf if seen == most else find_root(lambda b: alpha / 2 - exact_tails(tables, b)[1])
    return lb, ub


def find_root(rising: Callable[[float], float]) -> float:
    """Where a function of a log odds ratio is 0."""
    from scipy.optimize import brentq

    return float(brentq(rising, -FARTHEST, FARTHEST, xtol=1e-11))
