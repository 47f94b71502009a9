"""Bayesian binomial-normal model on a grid: no sampling, no seed, the same digits every time.

The model is that of `glmm` with priors::

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(b, tau²)
    b ~ Normal(0, b_sd²),    tau ~ half-normal(tau_scale)

The only module that knows these priors. It gives an answer where maximum likelihood has none (all patients respond,
one study, one patient a study); there the answer leans on the priors, and the note says so.

All functions of a logit are held as values on one grid of equal steps, symmetric around 0. The integral over theta_i is
a convolution with a normal density, which multiplies the coefficients of the cosine transform by exp(-tau² w² / 2);
so is the prediction of a new study. Sums over such grids converge exponentially (Trefethen & Weideman 2014, SIAM Rev
56:385). Limits of proportions are right to 1e-6, those of the mean study to 5e-4 of probability.

References
----------
Smith, Spiegelhalter & Thomas (1995), Stat Med 14:2685 (the model). Gelman (2006), Bayesian Anal 1:515 (prior of tau).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.fft import dct, idct
from scipy.special import expit, log_expit, logit

from small_evidence.pooling.likelihood import Arms, make_arms
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.notes import join_codes
from small_evidence.pooling.proportions import check_choice
from small_evidence.pooling.record import MIN_K_PREDICTION

DEFAULT_PRIORS = {"b_sd": 2.5, "tau_scale": 1.0}
MOST_POINTS = 1 << 18  # of a grid of b: more would take gigabytes
TAUS = 28  # values of tau = s sinh(u), u equally spaced over the range that matters
LOOKS = 12  # values of tau looked at to find that range
FURTHEST = 12.0  # prior scales up to which is looked: the half-normal density there is 5e-32 of its peak
STEPS = 2.5  # values of b in two of its standard deviations, were there one proportion for all
DROP = 18.0  # log density below the peak where the range ends: exp(-18) = 2e-8
MOST_LOGIT = 60.0  # the grid ends there at the latest: expit(-60) is 1e-26
ROUNDING = 1e-14  # of a study's likelihood: what is smaller is lost in the cosine transform
LOST = 1e-5  # probability of points with such a likelihood, above which there is no answer
FINER = 8  # points of b for each of the grid, where those of one mean are sought
NUMBERS = 2**21  # in the largest array
VALUES = (
    *("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "mean_proportion", "mean_ci_lb", "mean_ci_ub"),
    *("b", "se", "tau2", "tau2_lb", "tau2_ub", "nodes"),
)


def fit(
    xi: ArrayLike,
    ni: ArrayLike,
    mask: ArrayLike,
    conf_level: float = 0.95,
    *,
    interval: str | None = None,
    priors: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Posterior of the pooled proportion, many analyses at once.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients, anything where mask is False
    mask : bool array (a, k); True where there is a study
    conf_level : probability inside the intervals
    interval : "credible" (default), equal tails
    priors : b_sd (standard deviation of the normal prior of the pooled log odds, mean 0) and tau_scale (of the
        half-normal prior of tau); what is left out is taken from DEFAULT_PRIORS

    Returns
    -------
    dict of arrays (a,): interval; estimate (posterior median of expit(b)), ci_lb, ci_ub, pi_lb, pi_ub (proportion of
    a new study; from three studies on), mean_proportion (posterior mean of a new study's proportion), mean_ci_lb,
    mean_ci_ub (of the mean study's); b (posterior median), se (posterior standard deviation of b); tau2 (squared
    posterior median of tau), tau2_lb, tau2_ub (squared limits of tau); nodes (points of the grid); status, note

    Raises
    ------
    ValueError: unknown interval or prior, or a prior that is not a positive number

    Examples
    --------
    >>> mask = [[True] * 6, [True] * 3 + [False] * 3]  # in the second analysis all of three studies responded
    >>> pooled = fit([[5, 7, 0, 6, 4, 3], [3, 4, 5, 0, 0, 0]], [[8, 7, 3, 10, 9, 5], [3, 4, 5, 1, 1, 1]], mask,
    ...              priors={"b_sd": 2.5, "tau_scale": 1.0})
    >>> [pooled[key].round(3).tolist() for key in ("estimate", "ci_lb", "ci_ub")]
    [[0.591, 0.971], [0.324, 0.769], [0.808, 0.999]]
    """
    interval = interval or METHODS["bayes"].default_interval
    check_choice("interval", interval, METHODS["bayes"].intervals)
    b_sd, tau_scale = _read_priors(priors)
    mask = np.asarray(mask, dtype=bool)
    xi, ni = np.where(mask, xi, 0.0), np.where(mask, ni, 0.0)
    size, k = len(mask), mask.sum(axis=1)
    result = {name: np.full(size, np.nan) for name in VALUES}
    reach, points = _grids(xi, ni, b_sd)
    fits = points <= MOST_POINTS
    for count in np.unique(points[(k > 0) & fits]):
        alike = np.flatnonzero((points == count) & (k > 0))
        for rows in np.array_split(alike, -(-alike.size * TAUS * count // NUMBERS)):
            found = _posterior(make_arms(xi[rows], ni[rows], mask[rows]), reach[rows], count, b_sd, tau_scale)
            for name, values in zip(VALUES, _summarise(found, conf_level), strict=True):
                result[name][rows] = values
    result["nodes"] = np.nan_to_num(result["nodes"])
    for name in ("pi_lb", "pi_ub"):
        result[name][k < MIN_K_PREDICTION] = np.nan
    answered = np.isfinite(result["ci_ub"])
    events, total = xi.sum(axis=1), ni.sum(axis=1)
    result["status"] = np.select([k == 0, answered], ["no_data", "ok"], "not_converged").astype(object)
    result["note"] = join_codes(
        {
            "prior_upper": answered & (events == total),
            "prior_lower": answered & (events == 0),
            "prior_tau": answered & ((k == 1) | (np.where(mask, ni, 1).max(axis=1) == 1)),
            "prior_overruled": ~answered & (k > 0) & fits,
            "too_many_patients": ~fits,
        }
    )
    result["interval"] = np.full(size, interval, dtype=object)
    return result


def posterior(
    xi: ArrayLike, ni: ArrayLike, priors: Mapping[str, float] | None = None, points: int = 401
) -> pd.DataFrame:
    """Posterior density of the pooled proportion of one analysis, for drawing.

    Parameters
    ----------
    xi, ni : arrays (k,); responders and patients
    priors : see `fit`
    points : equally spaced proportions strictly between 0 and 1

    Returns
    -------
    DataFrame with columns p and density (of expit(b), the median study's proportion)

    Raises
    ------
    ValueError: see `fit`

    Examples
    --------
    >>> curve = posterior([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5])
    >>> float((curve["density"].sum() / 402).round(4))  # the area under it
    1.0
    """
    xi, ni = np.asarray([xi], dtype=float), np.asarray([ni], dtype=float)
    b_sd, tau_scale = _read_priors(priors)
    reach, count = _grids(xi, ni, b_sd)
    if count[0] > MOST_POINTS:
        raise ValueError(f"too many patients for the sums of the Bayesian model: {ni.sum():.0f}")
    found = _posterior(make_arms(xi, ni, np.ones(xi.shape, bool)), reach, count[0], b_sd, tau_scale)
    p = np.arange(1, points + 1) / (points + 1)
    share = (logit(p) + reach) / (2 * reach)
    waves = np.cos(np.pi * share[:, None] * np.arange(count[0]))
    density = waves @ _coefficients(found.weight.sum(axis=1))[0] / (2 * reach)
    return pd.DataFrame({"p": p, "density": np.maximum(density, 0) / (p * (1 - p))})


def _read_priors(priors: Mapping[str, float] | None) -> tuple[float, float]:
    values = {**DEFAULT_PRIORS, **(priors or {})}
    unknown = set(values) - set(DEFAULT_PRIORS)
    if unknown:
        raise ValueError(f"prior {sorted(unknown)[0]!r} is not one of {', '.join(DEFAULT_PRIORS)}")
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"prior {name} must be a positive number, not {value!r}")
    return float(values["b_sd"]), float(values["tau_scale"])


class Posterior(NamedTuple):
    """Probabilities of the points of the grid."""

    weight: np.ndarray  # (a, TAUS, points)
    reach: np.ndarray  # (a,); the values of b are the middles of equal parts of -reach to reach
    s: np.ndarray  # (a,); tau = s sinh(u)
    low: np.ndarray  # (a,); the values of u are the middles of equal parts of low to high
    high: np.ndarray
    lost: np.ndarray  # (a,); whether rounding may have changed it


def _grids(xi: np.ndarray, ni: np.ndarray, b_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Largest logit and number of points of each analysis; arrays (a,)."""
    farthest = np.abs(np.log((xi + 0.5) / (ni - xi + 0.5))).max(axis=1, initial=0)
    reach = np.minimum(np.maximum(7 * b_sd, farthest + 8), MOST_LOGIT)
    events, total = xi.sum(axis=1), np.maximum(ni.sum(axis=1), 1)
    information = events * (total - events) / total + 3  # of b, at most
    half_powers = np.ceil(2 * np.log2(STEPS * reach * np.sqrt(information)))
    return reach, (2 ** (half_powers // 2) * np.where(half_powers % 2, 1.5, 1)).astype(int)


def _log_density(
    arms: Arms, logits: np.ndarray, tau: np.ndarray, b_sd: float, tau_scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Log posterior density of b (logits, (a, points)) and tau (a, m); and which are lost in rounding."""
    frequency = np.pi * np.arange(logits.shape[1]) / (-2 * logits[:, :1] + (logits[:, 1:2] - logits[:, :1]))
    damping = np.exp(-((tau[:, :, None] * frequency[:, None]) ** 2) / 2)
    density = -((logits / b_sd) ** 2)[:, None] / 2 - ((tau / tau_scale) ** 2)[:, :, None] / 2
    lost = np.zeros(density.shape, bool)
    success, failure = log_expit(logits), log_expit(-logits)
    for x, n, peak, times in zip(arms.x.T, arms.n.T, arms.peak.T, arms.weight.T, strict=True):
        x, n, peak, times = (part[:, None] for part in (x, n, peak, times))
        likelihood = dct(np.exp(x * success + (n - x) * failure - peak))
        mixed = idct(likelihood[:, None] * damping)
        lost |= mixed < ROUNDING
        density += times[:, None] * np.log(np.maximum(mixed, ROUNDING))
    return density, lost


def _posterior(arms: Arms, reach: np.ndarray, points: int, b_sd: float, tau_scale: float) -> Posterior:
    variance = 1 / (arms.x + 0.5) + 1 / (arms.n - arms.x + 0.5)
    s = np.minimum(np.sqrt(np.where(arms.weight > 0, variance, np.inf).min(axis=1)), tau_scale)
    logits = _middles(-reach, reach, points)

    def log_density(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        density, lost = _log_density(arms, logits, s[:, None] * np.sinh(u), b_sd, tau_scale)
        return density + np.log(np.cosh(u))[:, :, None], lost

    end = np.arcsinh(FURTHEST * tau_scale / s)
    height = log_density(_middles(np.zeros(s.size), end, LOOKS))[0].max(axis=2)
    matters = height > height.max(axis=1, keepdims=True) - DROP
    first, last = matters.argmax(axis=1), LOOKS - matters[:, ::-1].argmax(axis=1)
    low, high = np.maximum(first - 1, 0) / LOOKS * end, (last + 1) / LOOKS * end
    density, lost = log_density(_middles(low, high, TAUS))
    weight = np.exp(density - density.max(axis=(1, 2), keepdims=True))
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    unsure = ((weight * lost).sum(axis=(1, 2)) > LOST) | (last == LOOKS)
    return Posterior(weight, reach, s, low, high, unsure)


def _middles(low: np.ndarray, high: np.ndarray, count: int) -> np.ndarray:
    """Middles (a, count) of equal parts of low to high."""
    return low[:, None] + (high - low)[:, None] * (2 * np.arange(count) + 1) / (2 * count)


def _coefficients(weight: np.ndarray) -> np.ndarray:
    """Coefficients (a, points) of the cosine series of a density on 0 to 1, from probabilities of equal parts."""
    series = dct(weight)
    series[:, 0] /= 2
    return series / series[:, :1]


def _quantiles(series: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Quantiles (shares, a) on 0 to 1 of a density given by its cosine series (a, points)."""
    wave = np.pi * np.arange(1, series.shape[1])
    integral = series[:, 1:] / wave
    low, high = np.zeros((len(shares), len(series))), np.ones((len(shares), len(series)))
    for _ in range(40):
        middle = (low + high) / 2
        below = middle + (np.sin(middle[:, :, None] * wave) * integral).sum(axis=2) < np.array(shares)[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _mean_limits(weight: np.ndarray, waves: np.ndarray, logits: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Quantiles (shares, a) of the mean study's proportion.

    Posterior and mean are taken from their cosine series to a finer grid of b, and its points sorted by their mean.
    waves (a, TAUS, points) is what the spread between studies leaves of each wave.
    """
    found = []
    for density, damping, each in zip(dct(weight), waves, logits, strict=True):
        finer = FINER * each.size
        means = idct(dct(expit(each)) * damping, n=finer).ravel() * FINER
        parts = np.maximum(idct(density, n=finer).ravel(), 0)
        order = means.argsort()
        parts = parts[order] / parts.sum()
        found.append(np.interp(shares, parts.cumsum() - parts / 2, means[order]))
    return np.array(found).T


def _summarise(found: Posterior, conf_level: float) -> tuple[np.ndarray, ...]:
    """The values named in VALUES, arrays (a,)."""
    weight, reach, s, low, high, lost = found
    size, taus, points = weight.shape
    shares = 0.5, (1 - conf_level) / 2, (1 + conf_level) / 2
    of_b, logits = weight.sum(axis=1), _middles(-reach, reach, points)
    b, lb, ub = reach * (2 * _quantiles(_coefficients(of_b), shares) - 1)
    tau = s[:, None] * np.sinh(_middles(low, high, taus))
    frequency = np.pi * np.arange(points) / (2 * reach[:, None])
    waves = np.exp(-((tau[:, :, None] * frequency[:, None]) ** 2) / 2)
    new = (dct(weight) * waves).sum(axis=1)
    mean = (idct(new) * expit(logits)).sum(axis=1)
    mean_lb, mean_ub = _mean_limits(weight, waves, logits, shares[1:])
    new[:, 0] /= 2
    new_lb, new_ub = reach * (2 * _quantiles(new / new[:, :1], shares[1:]) - 1)
    se = np.sqrt((of_b * (logits - (of_b * logits).sum(axis=1, keepdims=True)) ** 2).sum(axis=1))
    u = low + (high - low) * _quantiles(_coefficients(weight.sum(axis=2)), shares)
    tau2, tau2_lb, tau2_ub = (s * np.sinh(u)) ** 2
    limits = (expit(value) for value in (b, lb, ub, new_lb, new_ub))
    values = (*limits, mean, mean_lb, mean_ub, b, se, tau2, tau2_lb, tau2_ub, np.full(size, taus * points))
    return tuple(np.where(lost, np.nan, value) for value in values)
