"""Prediction in the binomial-normal model: a further study, and its next patients.

What the studies leave open about b and tau is averaged over: tau has the half-normal density that also penalises the
default interval, b none (a flat one). For each tau on a grid b is normal around its maximum (nested Laplace), so that
the logit of a further study is a mixture of normals. No sampling.

References
----------
Rue, Martino & Chopin (2009), J R Stat Soc B 71:319. Röver et al. (2021), Res Synth Methods 12:448.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_expit, logit, ndtr

from small_evidence.pooling.likelihood import UNIT_TAU2, Arms, evaluate, make_arms, normal_grid
from small_evidence.pooling.maximum import Maximum, maximise, weighted_centre
from small_evidence.pooling.proportions import check_counts, check_level

NODES = 24  # of tau; twice as many change no limit by 0.002
REACH = 6.0  # standard deviations of tau that the nodes span on either side of the maximum
TAU_MOST = 4 * np.sqrt(UNIT_TAU2)  # above lie 6e-5 of the half-normal density
NEXT_PATIENTS = 10  # of whom responders are predicted
STEPS = 60  # of bisection: 1e-17 of the range


class Mixture(NamedTuple):
    """What is known of b and tau, arrays (a, NODES): normal densities of b, one for each tau, with weights."""

    b: np.ndarray
    variance: np.ndarray
    tau: np.ndarray
    weight: np.ndarray


def posterior_mixture(arms: Arms, row: np.ndarray, tau_hat: np.ndarray, se_tau: np.ndarray) -> Mixture:
    """Densities of b and tau for analyses with both responders and others.

    Parameters
    ----------
    arms : Arms, without a penalty of their own
    row : int array (a,)
    tau_hat, se_tau : arrays (a,); maximum of the penalised likelihood and standard deviation there, to place the nodes
    """
    low = np.maximum(tau_hat - REACH * se_tau, 0)
    high = np.minimum(np.maximum(tau_hat + REACH * se_tau, 4 * se_tau), TAU_MOST)
    share = (np.arange(NODES) + 0.5) / NODES
    tau = low[:, None] + (high - low)[:, None] * share
    flat, rows = tau.ravel(), np.repeat(row, NODES)
    b = weighted_centre(arms, rows, flat)
    for _ in range(2):
        point = evaluate(arms, rows, b, flat, 0.5)
        b = b + np.clip(-point.g_b / point.h_bb, -2 - flat, 2 + flat)
    variance = -1 / point.h_bb
    height = point.ll - 0.5 * point.g_b**2 / point.h_bb + 0.5 * np.log(variance) - flat**2 / (2 * UNIT_TAU2)
    height = height.reshape(tau.shape)
    weight = np.exp(height - height.max(1, keepdims=True))
    return Mixture(b.reshape(tau.shape), variance.reshape(tau.shape), tau, weight / weight.sum(1, keepdims=True))


def mixture_quantile(mean: np.ndarray, sd: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """Quantile of mixtures of normals, arrays (a, m), by bisection; array (a,)."""
    low, high = (mean - 9 * sd).min(1), (mean + 9 * sd).max(1)
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = (weight * ndtr((middle[:, None] - mean) / sd)).sum(1) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def study_limits(mixture: Mixture, conf_level: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the logit of a further study, arrays (a,)."""
    sd = np.sqrt(mixture.variance + mixture.tau**2)
    tails = (1 - conf_level) / 2, (1 + conf_level) / 2
    lower, upper = (mixture_quantile(mixture.b, sd, mixture.weight, share) for share in tails)
    return lower, upper


def standard_deviation_of_tau(held: Maximum) -> np.ndarray:
    """Standard deviation of tau at the maximum of the penalised likelihood, at most that of the penalty; array (a,)."""
    point = held.point
    ridge = np.where(held.tau > 0, point.h_bt**2 / point.h_bb, 0)
    return 1 / np.sqrt(np.maximum(ridge - point.h_tt, 1 / UNIT_TAU2))


class Next(NamedTuple):
    """The next patients of a further study."""

    pmf: np.ndarray  # (m + 1,); probability of 0, 1, ... m responders
    lower: int  # responders; fewer have at most the probability (1 - conf_level) / 2
    upper: int
    above: float  # probability that the proportion of a further study lies above the threshold


def predict(
    xi: ArrayLike, ni: ArrayLike, m: int = NEXT_PATIENTS, threshold: float = 0.5, conf_level: float = 0.95
) -> Next:
    """Responders among the next m patients of a further study like those that were pooled.

    Parameters
    ----------
    xi, ni : arrays (k,); responders and patients of each study, two or more with patients
    m : 1 or more
    threshold : proportion in (0, 1)

    Raises
    ------
    ValueError: counts as in `small_evidence.pooling.pool_responses`; m, threshold or conf_level outside its range;
        fewer than two studies; all or no patients responded (the likelihood sets no limit on that side)

    Examples
    --------
    >>> coming = predict([3, 4, 9, 5], [12, 4, 17, 8])
    >>> coming.lower, coming.upper, round(coming.above, 2)
    (0, 10, 0.59)
    """
    xi, ni = check_counts(xi, ni)
    check_level(conf_level)
    check_level(threshold, "threshold")
    scalar: bool = np.isscalar(m)
    if not (scalar and 1 <= m < np.inf and m == np.floor(m)):
        raise ValueError(f"m must be a whole number of 1 or more, not {m!r}")
    m, k = int(m), np.count_nonzero(ni)
    if k < 2 or not 0 < xi.sum() < ni.sum():
        seen = f"{xi.sum():.0f} of {ni.sum():.0f} in {k} {'study' if k == 1 else 'studies'}"
        raise ValueError(f"{seen}: two studies with patients and both outcomes are needed")
    arms, row = make_arms(xi[None], ni[None], ni[None] > 0), np.zeros(1, int)
    held = maximise(arms._replace(ridge=1 / UNIT_TAU2), row)
    mixture = posterior_mixture(arms, row, held.tau, standard_deviation_of_tau(held))
    b, weight = mixture.b[0], mixture.weight[0]
    sd = np.sqrt(mixture.variance + mixture.tau**2)[0]
    u, columns = normal_grid(192)
    x = np.arange(m + 1)
    log_ways = gammaln(m + 1) - gammaln(x + 1) - gammaln(m - x + 1)
    pmf = np.zeros(m + 1)
    for share, centre, width in zip(weight, b, sd, strict=True):  # one by one, which bounds the memory
        eta = (centre + width * u)[:, None]
        pmf += share * (columns[:, 0] @ np.exp(log_ways + x * log_expit(eta) + (m - x) * log_expit(-eta)))
    lower, upper = (int(np.searchsorted(np.cumsum(pmf), (1 + side * conf_level) / 2)) for side in (-1, 1))
    return Next(pmf, lower, min(upper, m), float(weight @ ndtr((b - logit(threshold)) / sd)))
