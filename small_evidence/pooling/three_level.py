"""Several arms of one study: the binomial-normal model with arms within studies, as a sensitivity analysis.

    x_ij ~ Binomial(n_ij, expit(b + u_i + v_ij)),   u_i ~ Normal(0, tau2_study),   v_ij ~ Normal(0, tau2_arm)

for arm j of study i. The primary model takes arms as if each came from a study of its own; here arms of one study share
u_i, so they count for less where studies differ.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtri, expit, gammaln, logit

from small_evidence.pooling.proportions import check_level, proportion_interval

THREE_LEVEL = (
    *("conf_level", "k", "arms", "events", "n", "estimate", "ci_lb", "ci_ub", "b"),
    *("tau2_study", "tau2_study_lb", "tau2_study_ub", "tau2_arm", "tau2_arm_lb", "tau2_arm_ub", "loglik", "status"),
)

THREE_LEVEL_STATUSES = {
    "ok": "the model was fitted and both variances lie inside their range",
    "tau2_zero": "the model was fitted; one variance or both are 0, the edge of the range",
    "one_arm_each": "no study has two arms: the two variances cannot be separated; see the primary model",
    "single_study": "arms of one study: nothing is known of how studies differ; summed counts with exact interval",
    "all_responders": "every patient of every arm responded: 1, with the exact bound of the summed counts",
    "no_responders": "no patient of any arm responded: 0, with the exact bound of the summed counts",
    "tau2_unbounded": "every arm has only responders or none: the likelihood has no maximum; nothing is reported",
    "no_data": "no arm with patients",
    "not_converged": "the maximum was not found; nothing is reported",
}

SMALLEST = 1e-4  # a standard deviation below this is 0
MOST_STEPS = 40  # of Newton's method for a peak
NEAR_PEAK = 1e-3  # standard deviations; steps below this end it
POINTS, _WEIGHTS = np.polynomial.hermite.hermgauss(41)
LOG_WEIGHTS = np.log(_WEIGHTS) + POINTS**2
WIDEST = 12.0  # largest standard deviation that is looked at
STARTS = ((0.7, 0.7), (0.2, 1.5), (1.5, 0.2))


def pool_three_level(xi: ArrayLike, ni: ArrayLike, study: ArrayLike, conf_level: float = 0.95) -> pd.Series:
    """Pool arms within studies by maximum likelihood.

    Parameters
    ----------
    xi, ni : arrays of shape (arms,); responders and patients
    study : array (arms,); which study each arm belongs to
    conf_level : coverage of the intervals

    Returns
    -------
    Series indexed by THREE_LEVEL; estimate is the proportion of the median arm of the median study; all limits are by
    profile likelihood; status is one of THREE_LEVEL_STATUSES

    Raises
    ------
    ValueError: more responders than patients, or arrays of different length

    Notes
    -----
    Two nested integrals, each by Gauss-Hermite points around the peak of what is integrated. Either variance may be 0
    at the maximum: with tau2_study = 0 this is the primary model of the arms, with tau2_arm = 0 arms of a study have
    one proportion.

    References
    ----------
    Hamza, van Houwelingen & Stijnen (2008), J Clin Epidemiol 61:41. Konstantopoulos (2011), Res Synth Methods 2:61.

    Examples
    --------
    >>> found = pool_three_level([3, 9, 4, 9, 5, 2], [12, 11, 4, 17, 8, 9], ["a", "a", "b", "c", "d", "d"])
    >>> print(f"{found.estimate:.3f} [{found.ci_lb:.3f}, {found.ci_ub:.3f}], {found.tau2_study:.3f} between studies, "
    ...       f"{found.tau2_arm:.3f} between arms, {found.status}")
    0.559 [0.285, 0.857], 0.000 between studies, 0.945 between arms, tau2_zero
    """
    check_level(conf_level)
    xi, ni, study = np.asarray(xi, float), np.asarray(ni, float), np.asarray(study)
    if not xi.shape == ni.shape == study.shape:
        raise ValueError(f"{xi.size} numbers of responders, {ni.size} of patients, {study.size} studies")
    wrong = ~((xi >= 0) & (xi <= ni))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"more responders than patients: arm {i + 1} of {xi.size} has {xi[i]:g} of n = {ni[i]:g}")
    xi, ni, study = xi[ni > 0], ni[ni > 0], study[ni > 0]
    codes = pd.factorize(study)[0]
    k = int(codes.max(initial=-1)) + 1
    events, total = xi.sum(), ni.sum()
    record: dict[str, Any] = dict.fromkeys(THREE_LEVEL, np.nan)
    record |= {"conf_level": conf_level, "k": k, "arms": xi.size, "events": int(events), "n": int(total)}
    record |= {"status": _edge(xi, ni, k)}
    if record["status"] in ("all_responders", "no_responders", "single_study"):
        lb, ub = proportion_interval(events, total, conf_level=conf_level)
        record |= {"estimate": events / total, "ci_lb": lb, "ci_ub": ub}
    elif record["status"] == "ok":
        record |= _fit(xi, ni, codes, conf_level)
    return pd.Series(record, index=list(THREE_LEVEL), dtype=object)


def _edge(xi: np.ndarray, ni: np.ndarray, k: int) -> str:
    """Status where there is nothing to fit, "ok" where there is."""
    if k == 0:
        return "no_data"
    if k == xi.size:
        return "one_arm_each"
    if k == 1:
        return "single_study"
    if xi.sum() == ni.sum():
        return "all_responders"
    if xi.sum() == 0:
        return "no_responders"
    return "tau2_unbounded" if ((xi == 0) | (xi == ni)).all() else "ok"


def log_likelihood(xi: np.ndarray, ni: np.ndarray, codes: np.ndarray, at: tuple[float, float, float]) -> float:
    """Log-likelihood without the binomial coefficients.

    Parameters
    ----------
    xi, ni : float arrays (arms,)
    codes : int array (arms,); studies numbered 0 .. k - 1
    at : b, and the standard deviations between studies and between arms
    """
    return _with_gradient(xi, ni, codes, at)[0]


def _with_gradient(
    xi: np.ndarray, ni: np.ndarray, codes: np.ndarray, at: tuple[float, float, float]
) -> tuple[float, np.ndarray]:
    """Log-likelihood and its gradient in `at`, each the mean of that given the effects, over their distribution given
    the counts (Louis 1982, J R Stat Soc B 44:226)."""
    b, tau_study, tau_arm = at
    k = int(codes.max()) + 1
    if tau_study < SMALLEST:
        arms = _arms_at(xi, ni, np.full((xi.size, 1), b), tau_arm)
        return float(arms.ll.sum()), np.array([arms.slope.sum(), 0.0, arms.slope_tau.sum()])

    def of_studies(part: np.ndarray) -> np.ndarray:
        """Sums over the arms of each study, (k, m)."""
        total = np.zeros((k, part.shape[1]))
        np.add.at(total, codes, part)
        return total

    def height(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logarithm of what is integrated over the effect of a study, with its slope and curvature; arrays (k, m)."""
        arms = _arms_at(xi, ni, (b + tau_study * z)[codes], tau_arm)
        slope, curvature = of_studies(arms.slope), of_studies(arms.curvature)
        return of_studies(arms.ll) - z**2 / 2, tau_study * slope - z, tau_study**2 * curvature - 1

    events, n = np.bincount(codes, weights=xi), np.bincount(codes, weights=ni)
    mode, scale = _peak(height, _between(events, n, np.full((k, 1), b), tau_study))
    z = mode + np.sqrt(2) * scale * POINTS
    arms = _arms_at(xi, ni, (b + tau_study * z)[codes], tau_arm)
    total, share = _integrate(of_studies(arms.ll) - z**2 / 2, scale)
    slope = share * of_studies(arms.slope)
    return float(total.sum()), np.array([slope.sum(), (slope * z).sum(), (share * of_studies(arms.slope_tau)).sum()])


class _Arms(NamedTuple):
    """Log-likelihood of each arm at log odds eta of its study, with slope and curvature in eta and slope in tau_arm."""

    ll: np.ndarray  # each (arms, m)
    slope: np.ndarray
    curvature: np.ndarray
    slope_tau: np.ndarray


def _arms_at(xi: np.ndarray, ni: np.ndarray, eta: np.ndarray, tau_arm: float) -> _Arms:
    x, n = xi[:, None, None], ni[:, None, None]

    def binomial(at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        p = expit(at)
        return x * at - n * np.logaddexp(0, at), x - n * p, -n * p * (1 - p)

    at = eta[:, :, None]
    if tau_arm < SMALLEST:
        ll, slope, curvature = (part[..., 0] for part in binomial(at))
        return _Arms(ll, slope, curvature, np.zeros(ll.shape))

    def height(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ll, slope, curvature = binomial(at + tau_arm * v)
        return ll - v**2 / 2, tau_arm * slope - v, tau_arm**2 * curvature - 1

    mode, scale = _peak(height, _between(xi, ni, eta, tau_arm)[..., None])
    v = mode + np.sqrt(2) * scale * POINTS
    ll, slope, curvature = binomial(at + tau_arm * v)
    total, share = _integrate(ll - v**2 / 2, scale)
    mean = (share * slope).sum(axis=-1)
    spread = (share * (slope - mean[..., None]) ** 2).sum(axis=-1)
    return _Arms(total, mean, spread + (share * curvature).sum(axis=-1), (share * slope * v).sum(axis=-1))


def _between(x: np.ndarray, n: np.ndarray, eta: np.ndarray, tau: float) -> np.ndarray:
    """Where the peak of counts (rows) and a standard normal effect lies, nearly: between their two peaks."""
    share = (x + 0.5) / (n + 1)
    precision = (tau**2 * n * share * (1 - share))[:, None]
    return (logit(share)[:, None] - eta) / tau * precision / (precision + 1)


def _peak(
    height: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]], z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Peak of a log-concave function by Newton's method, and the standard deviation that its curvature means."""
    for _ in range(MOST_STEPS):
        _, slope, curvature = height(z)
        step = np.clip(-slope / curvature, -1 - np.abs(z) / 2, 1 + np.abs(z) / 2)
        z = z + step
        if (np.abs(step) * np.sqrt(-curvature)).max() < NEAR_PEAK:
            break
    return z, 1 / np.sqrt(-height(z)[2])


def _integrate(heights: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the integral over a standard normal effect on the last axis, and the share of each point in it.

    heights : logarithm of what is integrated at mode + sqrt(2) * scale * POINTS, Gauss-Hermite points around the peak
        (Pinheiro & Bates 1995, J Comput Graph Stat 4:12)
    """
    terms = heights + LOG_WEIGHTS
    top = terms.max(axis=-1, keepdims=True)
    shares = np.exp(terms - top)
    total = shares.sum(axis=-1, keepdims=True)
    log_integral = top + np.log(total * scale / np.sqrt(np.pi))
    return log_integral[..., 0], shares / total


def _fit(xi: np.ndarray, ni: np.ndarray, codes: np.ndarray, conf_level: float) -> dict[str, Any]:
    critical = float(chdtri(1, 1 - conf_level))
    start_b = float(logit(xi.sum() / ni.sum()))

    def highest(held: dict[int, float], starts: list[np.ndarray]) -> tuple[float, np.ndarray]:
        """Highest log-likelihood with some of b, tau_study, tau_arm held, and where it is."""
        free = [i for i in range(3) if i not in held]

        def full(values: np.ndarray) -> np.ndarray:
            at = np.zeros(3)
            at[free], at[list(held)] = values, list(held.values())
            return at

        def downhill(values: np.ndarray) -> tuple[float, np.ndarray]:
            ll, gradient = _with_gradient(xi, ni, codes, tuple(full(values)))
            return -ll, -gradient[free]

        found = [_lowest(downhill, start[free], free) for start in starts]
        value, values = min(found, key=lambda one: one[0])
        return -value, full(values)

    starts = [np.array([start_b, *pair]) for pair in STARTS]
    top, best = highest({}, starts)
    for held in ({1: 0.0}, {2: 0.0}, {1: 0.0, 2: 0.0}):
        height, at = highest(held, starts[:2])
        if height >= top - 1e-7:  # the simpler model where it is as good
            top, best = max(height, top), at
    if max(best[1:]) > 0.99 * WIDEST:
        return {"status": "not_converged"}

    def limit(which: int, side: float) -> float:
        from scipy.optimize import brentq

        start = [np.maximum(best, [-np.inf, 0.15, 0.15])]

        def outside(value: float) -> float:
            return 2 * (top - highest({which: value}, start)[0]) - critical

        if which > 0 and side < 0:
            if best[which] == 0 or outside(0.0) <= 0:
                return 0.0
            return float(brentq(outside, 0.0, best[which], xtol=1e-3))
        inner, step = float(best[which]), 0.5
        while abs(inner - best[which]) < 2 * WIDEST:
            outer = inner + side * step
            if outside(outer) > 0:
                return float(brentq(outside, min(inner, outer), max(inner, outer), xtol=1e-4))
            inner, step = outer, 2 * step
        return side * np.inf

    constant = float((gammaln(ni + 1) - gammaln(xi + 1) - gammaln(ni - xi + 1)).sum())
    lb, ub = limit(0, -1.0), limit(0, 1.0)
    return {
        "b": best[0],
        "estimate": expit(best[0]),
        "ci_lb": expit(lb),
        "ci_ub": expit(ub),
        "tau2_study": best[1] ** 2,
        "tau2_study_lb": limit(1, -1.0) ** 2,
        "tau2_study_ub": limit(1, 1.0) ** 2,
        "tau2_arm": best[2] ** 2,
        "tau2_arm_lb": limit(2, -1.0) ** 2,
        "tau2_arm_ub": limit(2, 1.0) ** 2,
        "loglik": top + constant,
        "status": "ok" if min(best[1:]) > 0 else "tau2_zero",
    }


def _lowest(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray, free: list[int]
) -> tuple[float, np.ndarray]:
    """Lowest value of a function that also gives its gradient, and where it is."""
    from scipy.optimize import minimize

    if not free:
        return function(start)[0], start
    bounds = [(-30.0, 30.0) if i == 0 else (0.0, WIDEST) for i in free]
    found = minimize(function, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-11})
    return float(found.fun), found.x
