"""Bayesian binomial-normal model on a grid: no sampling, no seed, the same digits every time.

The model is that of `glmm` with priors::

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(b, tau²)
    b ~ Normal(0, b_sd²),    tau ~ half-normal(tau_scale)

The only module that knows these priors. It gives an answer where maximum likelihood has none (all patients respond,
one study, one patient a study); there the answer leans on the priors, and the note says so.

The grid has TAUS values of tau = s sinh(u), equally spaced in u over the range that matters, and for each of them BS
equally spaced values of b. Sums over such points converge exponentially for densities that die away at both ends
(Trefethen & Weideman 2014, SIAM Rev 56:385). Between the points the distribution is smoothed by a kernel of fourth
order. Limits of proportions are right to 3e-4, most of them to 1e-5.

References
----------
Smith, Spiegelhalter & Thomas (1995), Stat Med 14:2685 (the model). Gelman (2006), Bayesian Anal 1:515 (prior of tau).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtr

from small_evidence.pooling.likelihood import Arms, Point, evaluate, make_arms, mean_proportion
from small_evidence.pooling.maximum import weighted_centre
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.notes import join_notes
from small_evidence.pooling.proportions import check_choice
from small_evidence.pooling.record import MIN_K_PREDICTION

DEFAULT_PRIORS = {"b_sd": 2.5, "tau_scale": 1.0}
TAUS, BS = 56, 48  # values of tau, and of b for each of them
LOOKS = 48  # values of tau looked at to find the range that matters
FURTHEST = 60.0  # prior scales of tau up to which is looked
DROP = 16.0  # log density below the peak where the grid ends: exp(-16) = 1e-7
KERNEL = 0.7  # width of the kernel in steps: narrower ones show the steps
TAU_LEAST = 1e-5  # below, the likelihood is that of tau = 0 and its curvature would be lost in rounding
AT_ONCE = 40  # analyses in memory together
PHI = 1 / np.sqrt(2 * np.pi)


class Grid(NamedTuple):
    """Points of the posterior, arrays (a, points) unless said otherwise."""

    b: np.ndarray
    width: np.ndarray  # of the kernel in b
    tau: np.ndarray
    weight: np.ndarray
    u: np.ndarray  # (a, TAUS), tau = s sinh(u)
    s: np.ndarray  # (a,)


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
    a new study; from three studies on), mean_proportion (posterior mean of a new study's proportion); b (posterior
    median), se (posterior standard deviation of b); tau2 (squared posterior median of tau), tau2_lb, tau2_ub (squared
    limits of tau); nodes (points of the grid); status, note

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
    result = {name: np.full(size, np.nan) for name in _VALUES}
    filled = np.flatnonzero(k > 0)
    for rows in np.array_split(filled, -(-filled.size // AT_ONCE) or 1):
        if rows.size:
            grid = _grid(make_arms(xi[rows], ni[rows], mask[rows]), b_sd, tau_scale)
            for name, values in zip(_VALUES, _summarise(grid, conf_level), strict=True):
                result[name][rows] = values
    for name in ("pi_lb", "pi_ub"):
        result[name][k < MIN_K_PREDICTION] = np.nan
    answered = np.isfinite(result["ci_ub"])
    events, total = xi.sum(axis=1), ni.sum(axis=1)
    result["status"] = np.select([k == 0, answered], ["no_data", "ok"], "not_converged").astype(object)
    result["note"] = join_notes(
        size,
        [
            (answered, f"priors b ~ N(0, {b_sd:g}²), tau ~ HN({tau_scale:g})"),
            (answered & (events == total), "all patients responded: the upper limit is the prior's"),
            (answered & (events == 0), "no patient responded: the lower limit is the prior's"),
            (answered & ((k == 1) | (np.where(mask, ni, 1).max(axis=1) == 1)), "tau is the prior's"),
        ],
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
    grid = _grid(make_arms(xi, ni, np.ones(xi.shape, bool)), *_read_priors(priors))
    p = np.arange(1, points + 1) / (points + 1)
    t = (logit(p)[:, None] - grid.b) / grid.width
    density = (grid.weight / grid.width * PHI * np.exp(-(t**2) / 2) * (3 - t**2) / 2).sum(axis=1)
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


def _grid(arms: Arms, b_sd: float, tau_scale: float) -> Grid:
    """Points and weights of the posterior of b and tau."""
    v = 1 / (arms.x + 0.5) + 1 / (arms.n - arms.x + 0.5)
    s = np.minimum(np.sqrt(np.where(arms.weight > 0, v, np.inf).min(axis=1)), tau_scale)

    def conditional(b: np.ndarray, tau: np.ndarray) -> Point:
        """Log density of b given tau, with slope and curvature; arrays (a, m)."""
        row = np.repeat(np.arange(s.size), b.shape[1])
        point = evaluate(arms, row, b.ravel(), np.maximum(tau.ravel(), TAU_LEAST), 0.5)
        ll, g_b, h_bb = (part.reshape(b.shape) for part in (point.ll, point.g_b, point.h_bb))
        return point._replace(ll=ll - (b / b_sd) ** 2 / 2, g_b=g_b - b / b_sd**2, h_bb=h_bb - 1 / b_sd**2)

    def peak(tau: np.ndarray, steps: int) -> tuple[np.ndarray, Point]:
        """Maximum over b for each tau, by Newton's steps (the density is log-concave)."""
        row = np.repeat(np.arange(s.size), tau.shape[1])
        b = weighted_centre(arms, row, tau.ravel()).reshape(tau.shape)
        b = b * b_sd**2 / (b_sd**2 + tau**2 + 4 / arms.n.sum(axis=1)[:, None])
        for _ in range(steps):
            point = conditional(b, tau)
            b = b + np.clip(-point.g_b / point.h_bb, -1 - tau, 1 + tau)
        return b, conditional(b, tau)

    def prior(u: np.ndarray) -> np.ndarray:
        return np.log(np.cosh(u)) - (s[:, None] * np.sinh(u) / tau_scale) ** 2 / 2

    u = (np.arange(LOOKS) + 0.5) / LOOKS * np.arcsinh(FURTHEST * tau_scale / s)[:, None]
    _, point = peak(s[:, None] * np.sinh(u), 2)
    height = point.ll - point.g_b**2 / point.h_bb / 2 - np.log(-point.h_bb) / 2 + prior(u)
    matters = height > height.max(axis=1, keepdims=True) - DROP
    half = u[:, 0]
    first, last = (
        np.take_along_axis(u, place[:, None], 1)[:, 0]
        for place in (matters.argmax(axis=1), LOOKS - 1 - matters[:, ::-1].argmax(axis=1))
    )
    low, high = np.maximum(first - 3 * half, 0), last + 3 * half
    u = low[:, None] + (high - low)[:, None] * (np.arange(TAUS) + 0.5) / TAUS
    tau = s[:, None] * np.sinh(u)
    b, top = peak(tau, 4)
    ends = []
    for side in (-1, 1):
        end = b + side * np.sqrt(-2 * DROP / top.h_bb)
        for _ in range(3):  # from outside, Newton's steps on a concave function stay outside
            point = conditional(end, tau)
            end = end - (point.ll - top.ll + DROP) / point.g_b
        ends.append(end)
    step = (ends[1] - ends[0]) / (BS - 1)
    points = (ends[0][:, :, None] + step[:, :, None] * np.arange(BS)).reshape(s.size, -1)
    taus, widths = np.repeat(tau, BS, axis=1), np.repeat(KERNEL * step, BS, axis=1)
    height = conditional(points, taus).ll + np.repeat(prior(u) + np.log(step), BS, axis=1)
    weight = np.exp(height - height.max(axis=1, keepdims=True))
    return Grid(points, widths, taus, weight / weight.sum(axis=1, keepdims=True), u, s)


def _quantile(at: np.ndarray, width: np.ndarray, spread: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """Quantile of points (a, m), each blurred by a normal of standard deviation spread; array (a,).

    The kernel of the given width is undone to fourth order, so that it only closes the gaps between the points.
    """
    sd = np.sqrt(width**2 + spread**2)
    undone = (width / sd) ** 2 / 2
    low, high = (at - 9 * sd).min(axis=1), (at + 9 * sd).max(axis=1)
    for _ in range(36):
        middle = (low + high) / 2
        t = (middle[:, None] - at) / sd
        below = (weight * (ndtr(t) + undone * t * PHI * np.exp(-(t**2) / 2))).sum(axis=1) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


_VALUES = (
    *("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "mean_proportion"),
    *("b", "se", "tau2", "tau2_lb", "tau2_ub", "nodes"),
)


def _summarise(grid: Grid, conf_level: float) -> tuple[np.ndarray, ...]:
    """The values named in _VALUES, arrays (a,)."""
    b, width, tau, weight, u, s = grid
    tails = (1 - conf_level) / 2, (1 + conf_level) / 2
    middle, lb, ub = (_quantile(b, width, np.zeros_like(b), weight, share) for share in (0.5, *tails))
    new_lb, new_ub = (_quantile(b, width, tau, weight, share) for share in tails)
    mean = (weight * mean_proportion(b.ravel(), tau.ravel()).reshape(b.shape)).sum(axis=1)
    centre = (weight * b).sum(axis=1, keepdims=True)
    se = np.sqrt((weight * (b - centre) ** 2).sum(axis=1))
    # The density of u, mirrored at 0: below its quantile q lies the share (1 + q) / 2.
    of_tau = weight.reshape(*u.shape, BS).sum(axis=2)
    both = np.concatenate([-u, u], axis=1), np.concatenate([of_tau, of_tau], axis=1) / 2
    kernel = np.broadcast_to(KERNEL * (u[:, 1:2] - u[:, :1]), both[0].shape)
    taus = [
        s * np.sinh(_quantile(both[0], kernel, np.zeros_like(kernel), both[1], (1 + share) / 2))
        for share in (0.5, *tails)
    ]
    limits = (expit(value) for value in (middle, lb, ub, new_lb, new_ub))
    return (*limits, mean, middle, se, *(value**2 for value in taus), np.full(s.size, b.shape[1]))
