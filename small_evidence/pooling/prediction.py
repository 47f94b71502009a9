"""Prediction in the binomial-normal model: a further study, and its next patients.

What the studies leave open about b and tau is averaged over: tau has the half-normal density that also penalises the
default interval, b none (a flat one). No sampling: tau has nodes, and for each the log-density of b, which is concave,
is interpolated between its values, slopes and curvatures at three places.

With few large studies the density of tau has a sharp peak and falls away from it only like a power of tau. The nodes
are dense around the maximum and spread out from there like an exponential function, up to the end of the half-normal
density. With few non-responders the density of b is skewed and falls on one side only like an exponential function; a
normal one in its place (nested Laplace, Rue et al. 2009) would move a limit by up to ten points in a hundred.

References
----------
Rue, Martino & Chopin (2009), J R Stat Soc B 71:319. Röver et al. (2021), Res Synth Methods 12:448.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_expit, logit, ndtr

from small_evidence.pooling.batches import batches
from small_evidence.pooling.likelihood import (
    RIDGE,
    UNIT_TAU2,
    Arms,
    Point,
    evaluate,
    make_arms,
    normal_grid,
    over_arms,
    split_rows,
)
from small_evidence.pooling.maximum import Maximum, maximise, weighted_centre
from small_evidence.pooling.proportions import check_counts, check_level

NODES = 16  # of tau; all constants together leave an error of less than 0.001 in the limits
LEGENDRE_X, LEGENDRE_W = np.polynomial.legendre.leggauss(NODES)
REACH = 6  # standard deviations of tau, see nodes_of_tau
TAU_MOST = 6 * np.sqrt(UNIT_TAU2)  # studies of all or none draw tau far into the half-normal density
PLACES = np.array([-4, 0, 4])  # where the density of b is evaluated, in its standard deviations
STEP = 0.2
FINE = np.arange(-50, 51) * STEP  # where it is interpolated
SMOOTH = 0.1 * STEP  # standard deviation of a piece of that density
MOST_STEPS = 50
LEAST_WEIGHT = 1e-9  # of a part of the mixture
MIXED_AT_ONCE = 512  # studies whose mixtures are made together
NEXT_PATIENTS = 10  # of whom responders are predicted


class Mixture(NamedTuple):
    """Normal densities of the logit of a further study and their weights, arrays (a, m)."""

    mean: np.ndarray
    sd: np.ndarray
    weight: np.ndarray


def nodes_of_tau(tau_hat: np.ndarray, se_tau: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of tau and the width that each stands for; arrays (a, NODES).

    tau is tau_hat + se_tau sinh(v), with Gauss-Legendre nodes in v. Far above its maximum the density falls at least
    like tau to the power 1 - k; the nodes end where that makes it 1e-6 of what it is REACH standard deviations above.
    """
    most = np.minimum(TAU_MOST - tau_hat, REACH * se_tau * 10 ** (6 / (k - 1)))
    low, high = np.arcsinh(-tau_hat / se_tau), np.arcsinh(most / se_tau)
    half = (high - low)[:, None] / 2
    v = (low + high)[:, None] / 2 + half * LEGENDRE_X
    tau = tau_hat[:, None] + se_tau[:, None] * np.sinh(v)
    return np.maximum(tau, 0), half * LEGENDRE_W * se_tau[:, None] * np.cosh(v)


def further_study(arms: Arms, row: np.ndarray, tau_hat: np.ndarray, se_tau: np.ndarray) -> Mixture:
    """What the studies say of a further one, for analyses with both responders and others.

    Parameters
    ----------
    arms : Arms, without a penalty of their own
    row : int array (a,)
    tau_hat, se_tau : arrays (a,); maximum of the penalised likelihood and standard deviation there, to place the nodes
    """
    nodes, width = nodes_of_tau(tau_hat, se_tau, arms.weight[row].sum(1))
    tau, rows = nodes.ravel(), np.repeat(row, NODES)
    b, point = near_the_maximum(arms, rows, tau)
    sd = np.sqrt(-1 / point.h_bb)
    points = [point if place == 0 else evaluate(arms, rows, b + place * sd, tau, 0.5) for place in PLACES]
    height = log_density_between(np.array([(at.ll, at.g_b * sd, at.h_bb * sd**2) for at in points]))
    height -= tau**2 / (2 * UNIT_TAU2)
    shape = FINE.size, *nodes.shape
    height = height.reshape(shape)
    weight = np.exp(height - height.max((0, 2), keepdims=True)) * width * sd.reshape(nodes.shape)
    mean = b + FINE[:, None] * sd
    spread = np.broadcast_to(np.hypot(tau, SMOOTH * sd), mean.shape)
    by_analysis = (np.moveaxis(part.reshape(shape), 0, 2).reshape(row.size, -1) for part in (mean, spread, weight))
    return largest_parts(Mixture(*by_analysis))


def near_the_maximum(arms: Arms, row: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, Point]:
    """For each tau a place within half a standard deviation of the most likely b, by Newton's steps; array (a,)."""
    b = weighted_centre(arms, row, tau)
    point = evaluate(arms, row, b, tau, 0.5)
    for _ in range(MOST_STEPS):
        far = np.nonzero(point.g_b**2 > -0.25 * point.h_bb)[0]
        if far.size == 0:
            break
        longest = 2 + tau[far]
        b[far] += np.clip(-point.g_b[far] / point.h_bb[far], -longest, longest)
        point.put(far, evaluate(arms, row[far], b[far], tau[far], 0.5))
    return b, point


def largest_parts(mixture: Mixture) -> Mixture:
    """The mixture without the parts that do not reach LEAST_WEIGHT, a third of all and more."""
    weight = mixture.weight / mixture.weight.sum(1, keepdims=True)
    weight[weight < LEAST_WEIGHT] = 0
    weight /= weight.sum(1, keepdims=True)
    kept = np.count_nonzero(weight, axis=1).max()
    order = np.argsort(-weight, axis=1, kind="stable")[:, :kept]
    mean, sd, weight = (np.take_along_axis(part, order, 1) for part in (mixture.mean, mixture.sd, weight))
    # Places beyond the last part of an analysis, where another has more, take nothing from it and add nothing.
    mean, sd = (np.where(weight > 0, part, part[:, :1]) for part in (mean, sd))
    return Mixture(mean, sd, weight)


def log_density_between(known: np.ndarray) -> np.ndarray:
    """Log-density at FINE by quintic polynomials, and beyond the PLACES by straight lines, which are above it.

    known : array (PLACES, 3, m); value, slope and curvature, in standard deviations
    """
    from scipy.interpolate import BPoly  # loads most of scipy, which printing and drawing do without

    inside = np.abs(FINE) <= PLACES[-1]
    out = np.empty((FINE.size, known.shape[2]))
    out[inside] = BPoly.from_derivatives(PLACES, known)(FINE[inside])
    for end, side in ((0, -1), (-1, 1)):
        beyond = side * FINE > side * PLACES[end]
        out[beyond] = known[end, 0] + known[end, 1] * (FINE[beyond] - PLACES[end])[:, None]
    return out


def quantile(mixture: Mixture, share: float) -> np.ndarray:
    """Quantiles of the mixtures, array (a,)."""
    from scipy.optimize.elementwise import find_root  # as above

    def excess(value: np.ndarray, row: np.ndarray) -> np.ndarray:
        parts = mixture.weight[row] * ndtr((value[:, None] - mixture.mean[row]) / mixture.sd[row])
        return over_arms(parts) - share

    reach = 9 * mixture.sd
    bracket = (mixture.mean - reach).min(1), (mixture.mean + reach).max(1)
    found: np.ndarray = find_root(excess, bracket, args=(np.arange(len(mixture.mean)),)).x
    return found


def study_limits(mixture: Mixture, conf_level: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the logit of a further study, arrays (a,)."""
    return quantile(mixture, (1 - conf_level) / 2), quantile(mixture, (1 + conf_level) / 2)


def standard_deviation_of_tau(held: Maximum) -> np.ndarray:
    """Standard deviation of tau at the maximum of the penalised likelihood, at most that of the penalty; array (a,)."""
    point = held.point
    ridge = np.where(held.tau > 0, point.h_bt**2 / point.h_bb, 0)
    return 1 / np.sqrt(np.maximum(ridge - point.h_tt, RIDGE))


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
    if not (isinstance(m, Real) and not isinstance(m, bool) and 1 <= m < np.inf and m == np.floor(m)):
        raise ValueError(f"m must be a whole number of 1 or more, not {m!r}")
    k = np.count_nonzero(ni)
    if k < 2 or not 0 < xi.sum() < ni.sum():
        seen = f"{xi.sum():.0f} of {ni.sum():.0f} in {k} {'study' if k == 1 else 'studies'}"
        raise ValueError(f"{seen}: two studies with patients and both outcomes are needed")
    return _coming(xi[None], ni[None], ni[None] > 0, int(m), threshold, conf_level)[0]


def predict_many(
    responses: pd.DataFrame, by: str, m: int = NEXT_PATIENTS, threshold: float = 0.5, conf_level: float = 0.95
) -> pd.DataFrame:
    """The `predict` of every group of arms.

    Parameters
    ----------
    responses : DataFrame with columns responders, n and `by`; a row a study arm. Each group has two studies with
        patients and both outcomes.
    by : name of the column whose values make a group
    m, threshold, conf_level : as in `predict`

    Returns
    -------
    DataFrame, a row a group in order of first appearance: `by`, lower, upper, above
    """
    xi, ni = check_counts(responses["responders"], responses["n"])
    number = responses.groupby(by, sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    order = order[ni[order] > 0]
    keys = responses[by].drop_duplicates().tolist()
    found = np.empty((len(keys), 3))
    k = np.bincount(number[order], minlength=len(keys))
    for rows, x, n, mask in batches(xi[order], ni[order], k, np.arange(len(keys)), MIXED_AT_ONCE):
        coming = _coming(x, n, mask, m, threshold, conf_level)
        found[rows] = [(one.lower, one.upper, one.above) for one in coming]
    return pd.DataFrame({by: keys, "lower": found[:, 0], "upper": found[:, 1], "above": found[:, 2]})


def _coming(
    xi: np.ndarray, ni: np.ndarray, mask: np.ndarray, m: int, threshold: float, conf_level: float
) -> list[Next]:
    """The next m patients of each analysis, from padded counts (a, k)."""
    arms, row = make_arms(xi, ni, mask), np.arange(len(mask))
    held = maximise(arms._replace(ridge=RIDGE), row)
    mixtures = further_study(arms, row, held.tau, standard_deviation_of_tau(held))
    above = over_arms(mixtures.weight * ndtr((mixtures.mean - logit(threshold)) / mixtures.sd))
    found = []
    for share, mixture in zip(above, zip(*mixtures, strict=True), strict=True):
        pmf = _responders(Mixture(*mixture), m)
        sums = np.cumsum(pmf)
        lower, upper = (int(np.searchsorted(sums, (1 + side * conf_level) / 2)) for side in (-1, 1))
        found.append(Next(pmf, lower, min(upper, m), float(share)))
    return found


def _responders(mixture: Mixture, m: int) -> np.ndarray:
    """Probability of 0, 1, ... m responders of m patients; the mixture is that of one analysis, arrays (parts,)."""
    u, columns = normal_grid(96)
    x = np.arange(m + 1)
    log_ways = gammaln(m + 1) - gammaln(x + 1) - gammaln(m - x + 1)
    pmf = np.zeros(m + 1)
    used = np.flatnonzero(mixture.weight)
    for part in split_rows(used, u.size):
        eta = mixture.mean[part, None] + mixture.sd[part, None] * u
        share = mixture.weight[part, None] * columns[:, 0]
        responds, fails = log_expit(eta), log_expit(-eta)
        pmf += [(share * np.exp(ways + one * responds + (m - one) * fails)).sum() for one, ways in enumerate(log_ways)]
    return pmf
