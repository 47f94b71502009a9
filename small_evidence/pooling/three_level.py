"""Several arms of one study: the binomial-normal model with arms within studies, as a sensitivity analysis.

    x_ij ~ Binomial(n_ij, expit(b + u_i + v_ij)),   u_i ~ Normal(0, tau2_study),   v_ij ~ Normal(0, tau2_arm)

for arm j of study i. The primary model takes arms as if each came from a study of its own; here arms of one study share
u_i, so they count for less where studies differ.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtri, expit, gammaln, logit, xlogy

from small_evidence.pooling.proportions import check_level, proportion_interval

THREE_LEVEL = (
    *("conf_level", "k", "arms", "events", "n", "estimate", "ci_lb", "ci_ub", "b"),
    *("tau2_study", "tau2_study_lb", "tau2_study_ub", "tau2_arm", "tau2_arm_lb", "tau2_arm_ub", "loglik", "status"),
)

THREE_LEVEL_STATUSES = {
    "ok": "the model was fitted and both variances lie inside their range",
    "tau2_zero": "the model was fitted; one variance or both are 0, the edge of the range",
    "one_arm_each": "no study has two arms: the two variances cannot be told apart; see the primary model",
    "single_study": "arms of one study: nothing is known of how studies differ; summed counts with exact interval",
    "all_responders": "every patient of every arm responded: 1, with the exact bound of the summed counts",
    "no_responders": "no patient of any arm responded: 0, with the exact bound of the summed counts",
    "tau2_unbounded": "every arm has only responders or none: the likelihood has no maximum; nothing is reported",
    "no_data": "no arm with patients",
    "not_converged": "the maximum was not found; nothing is reported",
}

REACH = 8.7  # integrals end where the normal density is 1e-17 of its peak
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
    Two nested integrals by the trapezoidal rule. Either variance may be 0 at the maximum: with tau2_study = 0 this is
    the primary model of the arms, with tau2_arm = 0 arms of a study have one proportion.

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
    b, tau_study, tau_arm = at
    per_study = np.bincount(codes, weights=ni).max()
    u, weight_u = _nodes(tau_study, per_study)
    v, weight_v = _nodes(tau_arm, ni.max())
    eta = (b + u[:, None] + v).ravel()
    softplus = np.log1p(np.exp(-np.abs(eta))) + np.maximum(eta, 0)
    own = xi / ni
    peak = xlogy(xi, own) + xlogy(ni - xi, 1 - own)
    # each arm's integral over v relative to its highest value, at every u: (arms, nodes of u)
    terms = np.outer(xi, eta)
    terms -= np.outer(ni, softplus)
    terms -= peak[:, None]
    np.exp(terms, out=terms)
    arms = terms.reshape(xi.size, u.size, v.size) @ weight_v
    studies = np.zeros((int(codes.max()) + 1, u.size))
    np.add.at(studies, codes, np.log(np.maximum(arms, np.finfo(float).tiny)))
    top = studies.max(axis=1)
    return float((np.log(np.exp(studies - top[:, None]) @ weight_u) + top).sum() + peak.sum())


def _nodes(tau: float, n: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of a normal effect of standard deviation tau and their weights; n patients bound the curvature."""
    if tau < 1e-4:
        return np.zeros(1), np.ones(1)
    step = 0.62 / np.sqrt(n / 4 + 3.3 + 0.6 / tau**2)  # as in `small_evidence.pooling.likelihood`
    z = np.linspace(-REACH, REACH, max(24, int(np.ceil(2 * REACH * tau / step))))
    weight = np.exp(-(z**2) / 2)
    return tau * z, weight / weight.sum()


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

        found = [
            _ascend(lambda values: log_likelihood(xi, ni, codes, tuple(full(values))), start[free], free)
            for start in starts
        ]
        height, values = max(found, key=lambda one: one[0])
        return height, full(values)

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

        warm = [np.maximum(best, [-np.inf, 0.15, 0.15])]

        def outside(value: float) -> float:
            height, at = highest({which: value}, warm)
            warm[0] = np.maximum(at, [-np.inf, 0.15, 0.15])
            return 2 * (top - height) - critical

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


def _ascend(height: Callable[[np.ndarray], float], start: np.ndarray, free: list[int]) -> tuple[float, np.ndarray]:
    from scipy.optimize import minimize

    if not free:
        return height(start), start
    bounds = [(-30.0, 30.0) if i == 0 else (0.0, WIDEST) for i in free]
    found = minimize(lambda at: -height(at), start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12})
    return -float(found.fun), found.x
