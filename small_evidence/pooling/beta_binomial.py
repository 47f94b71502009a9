"""Beta-binomial model: the proportions of the studies are draws of one beta distribution.

The only module that knows this likelihood. The mean mu of the beta distribution is the proportion of the average
patient of an average study (not of the median study, which the binomial-normal model estimates), rho the correlation
between two patients of one study: 0 is one proportion for all, 1 all or none within each study.

With theta = rho/(1-rho) and b = logit(mu), the likelihood of x of n is
choose(n, x) mu^(x) (1-mu)^(n-x) / 1^(n), where m^(x) = m (m + theta) ... (m + (x-1) theta). It is finite, and so are
its derivatives, at theta = 0; they are computed here from differences of log-gamma functions that keep their digits
as theta goes to 0, so that the edge needs no cut-off. Arrays are (a, k): a analyses, each padded to k studies.
"""

from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike
from scipy.special import betainc, digamma, expit, gammaln, log_expit, logit, ndtri, zeta

from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.proportions import check_choice, proportion_interval
from small_evidence.pooling.record import MIN_K_PREDICTION

SERIES_FROM = 20.0  # above, Stirling's series with five terms is exact to 1e-15
LOG_THETA = np.linspace(-18, 9, 28)  # grid on which the highest peak is sought: rho from 1e-8 to 0.9999
COARSE_LOG_THETA = LOG_THETA[::3]
LOWEST, HIGHEST = -30.0, 25.0  # range of log theta; both ends are indistinguishable from rho = 0 and rho = 1
B_LARGE = 40.0
MAX_STEPS = 200
FLAT = 1e-11  # a likelihood no more than this above that of rho = 0 is that of rho = 0
# Coefficients of Stirling's series for log-gamma and its first two derivatives; Abramowitz & Stegun 6.1.40, 6.3.18,
# 6.4.12
LOG_GAMMA_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
PREDICTION_NODES, PREDICTION_WEIGHTS = hermegauss(21)
PREDICTION_WEIGHTS = PREDICTION_WEIGHTS / PREDICTION_WEIGHTS.sum()


class Counts(NamedTuple):
    """Responders, others and patients of many analyses, (a, k); 0 where there is no study."""

    events: np.ndarray
    others: np.ndarray
    total: np.ndarray
    constant: np.ndarray  # (a,): sum of the log binomial coefficients

    def take(self, rows: np.ndarray) -> "Counts":
        return Counts(*(part[rows] for part in self))


class Point(NamedTuple):
    """Log-likelihood and its derivatives in b and eta = log theta, arrays (a,)."""

    ll: np.ndarray
    g_b: np.ndarray
    g_e: np.ndarray
    h_bb: np.ndarray
    h_be: np.ndarray
    h_ee: np.ndarray


def log_likelihood(xi: ArrayLike, ni: ArrayLike, mask: ArrayLike, b: ArrayLike, rho: ArrayLike) -> np.ndarray:
    """Log-likelihood of the beta-binomial model, binomial coefficients included.

    Parameters
    ----------
    xi, ni, mask : arrays (a, k)
    b : array (a,); logit of the mean
    rho : array (a,) in [0, 1); correlation within studies

    Returns
    -------
    array (a,)

    Examples
    --------
    >>> value = log_likelihood([[1]], [[2]], [[True]], np.array([0.0]), np.array([0.0]))
    >>> np.exp(value).round(6).tolist()  # two patients, p = 1/2: one responds with probability 1/2
    [0.5]
    """
    counts = _pack(xi, ni, mask)
    rho = np.asarray(rho, dtype=float)
    log_theta = np.log(np.maximum(rho, np.finfo(float).tiny)) - np.log1p(-rho)
    return _height(counts, np.asarray(b, dtype=float), np.where(rho > 0, log_theta, -np.inf))


def fit(
    xi: ArrayLike, ni: ArrayLike, mask: ArrayLike, conf_level: float = 0.95, *, interval: str | None = None
) -> dict[str, np.ndarray]:
    """Fit the beta-binomial model by maximum likelihood, many analyses at once.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients, anything where mask is False
    mask : bool array (a, k); True where there is a study
    conf_level : float in (0, 1); coverage of the intervals
    interval : "profile" (default), likelihood ratio maximised over rho; "wald_z", b ± z se

    Returns
    -------
    dict of arrays (a,): interval; estimate, ci_lb, ci_ub, pi_lb, pi_ub as proportions (estimate is mu, so
    mean_proportion, mean_ci_lb and mean_ci_ub repeat it and its limits); b = logit(mu) and its se; rho; loglik; status.
    There is no tau2 in this model: rho is on another scale.

    Raises
    ------
    ValueError: the interval is not one of these

    Notes
    -----
    se is from the observed information in (b, log theta). status "tau2_zero" stands for rho = 0, where the model is
    the binomial. Where every study has only responders or none, and both kinds occur, rho = 1 is the maximum: studies
    are counted instead of patients, with the exact interval ("tau2_unbounded"). The prediction interval holds the
    middle of the beta distribution with rho as estimated, averaged over b ~ Normal(b, se²); it needs three studies.

    References
    ----------
    Griffiths (1973), Biometrics 29:637. Young-Xu & Chan (2008), BMC Med Res Methodol 8:58.

    Examples
    --------
    >>> pooled = fit([[5, 7, 0, 6, 4, 3]], [[8, 7, 3, 10, 9, 5]], [[True] * 6])
    >>> [pooled[key].round(4).tolist() for key in ("estimate", "ci_lb", "ci_ub", "rho")]
    [[0.5848], [0.3371], [0.7773], [0.1094]]
    """
    interval = interval or METHODS["beta_binomial"].default_interval
    check_choice("interval", interval, METHODS["beta_binomial"].intervals)
    mask = np.asarray(mask, dtype=bool)
    counts = _pack(xi, ni, mask)
    size, k = len(mask), mask.sum(axis=1)
    events, total = counts.events.sum(axis=1), counts.total.sum(axis=1)
    mixed = (events > 0) & (events < total)
    unbounded = mixed & ~(mask & (counts.events > 0) & (counts.others > 0)).any(axis=1)
    status = np.full(size, "ok", dtype=object)
    for name, held in (
        ("no_data", total == 0),
        ("all_responders", (events == total) & (total > 0)),
        ("no_responders", (events == 0) & (total > 0)),
        ("tau2_unbounded", unbounded),
    ):
        status[held] = name
    names = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "rho", "loglik")
    result = {name: np.full(size, np.nan) for name in names}
    _answer_at_edges(result, status, counts, mask, conf_level)

    rows = np.flatnonzero(status == "ok")
    if rows.size:
        part = counts.take(rows)
        b, log_theta, point = _maximise(part)
        at_zero = np.isneginf(log_theta)
        se = np.sqrt(_variance(point, at_zero))
        z = ndtri((1 + conf_level) / 2)
        if interval == "profile":
            drop = z**2 / 2
            lower, upper = (_profile_limit(part, b, point.ll, drop, se, side) for side in (-1, 1))
        else:
            lower, upper = b - z * se, b + z * se
        found = {
            "estimate": expit(b),
            "ci_lb": expit(lower),
            "ci_ub": expit(upper),
            "b": b,
            "se": se,
            "rho": np.where(at_zero, 0.0, expit(log_theta)),
            "loglik": point.ll,
        }
        predicts = k[rows] >= MIN_K_PREDICTION
        for name, share in (("pi_lb", (1 - conf_level) / 2), ("pi_ub", (1 + conf_level) / 2)):
            found[name] = np.where(predicts, _predict(b, se, log_theta, share), np.nan)
        for name, values in found.items():
            result[name][rows] = values
        status[rows[at_zero]] = "tau2_zero"
    for name, of_mean in (("estimate", "mean_proportion"), ("ci_lb", "mean_ci_lb"), ("ci_ub", "mean_ci_ub")):
        result[of_mean] = result[name].copy()
    result["interval"] = np.full(size, interval, dtype=object)
    result["interval"][np.isin(status, ["all_responders", "no_responders", "tau2_unbounded"])] = "clopper_pearson"
    result["status"] = status
    return result


def _pack(xi: ArrayLike, ni: ArrayLike, mask: ArrayLike) -> Counts:
    mask = np.asarray(mask, dtype=bool)
    events, total = np.where(mask, xi, 0.0), np.where(mask, ni, 0.0)
    choose = gammaln(total + 1) - gammaln(events + 1) - gammaln(total - events + 1)
    return Counts(events, total - events, total, choose.sum(axis=1))


def _answer_at_edges(
    result: dict[str, np.ndarray], status: np.ndarray, counts: Counts, mask: np.ndarray, conf_level: float
) -> None:
    """Where the likelihood has its maximum at mu = 0, mu = 1 or rho = 1: counts, with their exact interval."""
    all_or_none = np.isin(status, ["all_responders", "no_responders"])
    unbounded = status == "tau2_unbounded"
    full = (mask & (counts.others == 0)).sum(axis=1)
    events = np.where(unbounded, full, counts.events.sum(axis=1))
    total = np.where(unbounded, mask.sum(axis=1), counts.total.sum(axis=1))
    rows = np.flatnonzero(all_or_none | unbounded)
    if not rows.size:
        return
    lower, upper = proportion_interval(events[rows], total[rows], conf_level=conf_level)
    share = events[rows] / total[rows]
    for name, values in (("estimate", share), ("ci_lb", lower), ("ci_ub", upper)):
        result[name][rows] = values
    rows = np.flatnonzero(unbounded)
    share = events[rows] / total[rows]
    result["b"][rows] = logit(share)
    result["se"][rows] = 1 / np.sqrt(total[rows] * share * (1 - share))
    result["rho"][rows] = 1.0
    result["loglik"][rows] = total[rows] * (share * np.log(share) + (1 - share) * np.log1p(-share))


def _log_rising(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Difference lgamma(a+x) - lgamma(a) - x log a, exact also for very large a; 0 as a goes to infinity."""
    large = a >= SERIES_FROM
    small = np.where(large, 1.0, a)
    r = gammaln(small + x) - gammaln(small) - x * np.log(small)
    if large.any():
        large, base, count = np.broadcast_arrays(large, a, x)
        base, count = base[large], count[large]
        above, below = 1 / (base + count), 1 / base
        series = (base + count - 0.5) * np.log1p(count * below) - count
        for order, coefficient in enumerate(LOG_GAMMA_SERIES):
            series += coefficient * (above ** (2 * order + 1) - below ** (2 * order + 1))
        r[large] = series
    return r


def _slopes(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivative of `_log_rising` in log a, brought to a form that keeps its digits.

    Returns u = a (psi(a+x) - psi(a)) and w = u + a² (psi'(a+x) - psi'(a)): the first derivative of r in -log a is
    x - u, the second w. As a grows u goes to x and w to 0.
    """
    large = a >= SERIES_FROM
    small = np.where(large, 1.0, a)
    u = small * (digamma(small + x) - digamma(small))
    w = u + small**2 * (zeta(2, small + x) - zeta(2, small))  # psi' is Hurwitz' zeta of 2
    if large.any():
        large, base, count = np.broadcast_arrays(large, a, x)
        base, count = base[large], count[large]
        above, below = 1 / (base + count), 1 / base
        first = np.log1p(count * below) + count * above * below / 2
        second = -count * above * below + (above**2 - below**2) / 2
        for order, coefficient in enumerate(LOG_GAMMA_SERIES):
            power = 2 * order + 1
            first -= coefficient * power * (above ** (power + 1) - below ** (power + 1))
            second += coefficient * power * (power + 1) * (above ** (power + 2) - below ** (power + 2))
        u[large] = base * first
        w[large] = base * first + base**2 * second
    return u, w


def _height(counts: Counts, b: np.ndarray, log_theta: np.ndarray) -> np.ndarray:
    """Log-likelihood; log_theta = -inf is rho = 0."""
    ll = (counts.events * log_expit(b)[:, None] + counts.others * log_expit(-b)[:, None]).sum(axis=1)
    ll += counts.constant
    positive = np.isfinite(log_theta)
    if not positive.any():
        return ll
    scale = np.exp(-np.where(positive, log_theta, 0.0))[:, None]
    extra = (
        _log_rising(scale * expit(b)[:, None], counts.events)
        + _log_rising(scale * expit(-b)[:, None], counts.others)
        - _log_rising(scale, counts.total)
    )
    return ll + np.where(positive, extra.sum(axis=1), 0.0)


def _evaluate(counts: Counts, b: np.ndarray, log_theta: np.ndarray) -> Point:
    """Log-likelihood and derivatives; log_theta = -inf is rho = 0, where those in log theta are 0."""
    mu, rest = expit(b)[:, None], expit(-b)[:, None]
    events, others, total = counts.events, counts.others, counts.total
    positive = np.isfinite(log_theta)
    scale = np.exp(-np.where(positive, log_theta, 0.0))[:, None]
    u_1, w_1 = _slopes(mu * scale, events)
    u_0, w_0 = _slopes(rest * scale, others)
    u_n, w_n = _slopes(scale, total)
    keep = positive[:, None]
    u_1, u_0, w_1, w_0 = (
        np.where(keep, value, limit) for value, limit in ((u_1, events), (u_0, others), (w_1, 0.0), (w_0, 0.0))
    )
    return Point(
        ll=_height(counts, b, log_theta),
        g_b=(rest * u_1 - mu * u_0).sum(axis=1),
        g_e=np.where(positive, (u_n - u_1 - u_0).sum(axis=1), 0.0),
        h_bb=(rest**2 * w_1 + mu**2 * w_0 - mu * rest * (u_1 + u_0)).sum(axis=1),
        h_be=(mu * w_0 - rest * w_1).sum(axis=1),
        h_ee=np.where(positive, (w_1 + w_0 - w_n).sum(axis=1), 0.0),
    )


def _maximise(counts: Counts) -> tuple[np.ndarray, np.ndarray, Point]:
    """Joint maximum: b, log theta (-inf for rho = 0) and the point there."""
    size = len(counts.constant)
    crude = logit(counts.events.sum(axis=1) / counts.total.sum(axis=1))
    nothing = np.full(size, -np.inf)
    at_zero = _evaluate(counts, crude, nothing)

    # start: the best of a grid of theta, each with the mean that weighs studies by their information
    heights, starts = [], []
    for log_theta in LOG_THETA:
        weight = counts.total / (1 + np.maximum(counts.total - 1, 0) * expit(log_theta))
        share = counts.events / np.maximum(counts.total, 1)
        mean = (weight * share).sum(axis=1) / weight.sum(axis=1)
        starts.append(logit(np.clip(mean, 1e-12, 1 - 1e-12)))
        heights.append(_height(counts, starts[-1], np.full(size, log_theta)))
    best = np.argmax(heights, axis=0)
    b = np.stack(starts)[best, np.arange(size)]
    log_theta = LOG_THETA[best]

    point = _evaluate(counts, b, log_theta)
    damping = np.full(size, 1e-3)
    active = np.arange(size)
    for _ in range(MAX_STEPS):
        now = Point(*(part[active] for part in point))
        # Levenberg's step; scaled by the curvature so that it does not depend on the units of b
        a_bb = -now.h_bb + damping[active] * np.abs(now.h_bb) + 1e-300
        a_ee = -now.h_ee + damping[active] * (np.abs(now.h_ee) + 1e-8)
        det = a_bb * a_ee - now.h_be**2
        downhill = (det > 0) & (a_bb > 0)
        det = np.where(downhill, det, 1.0)
        step_b = np.where(downhill, (a_ee * now.g_b + now.h_be * now.g_e) / det, 0.0)
        step_e = np.where(downhill, (a_bb * now.g_e + now.h_be * now.g_b) / det, 0.0)
        step_b, step_e = np.clip(step_b, -2, 2), np.clip(step_e, -2, 2)
        new_b = np.clip(b[active] + step_b, -B_LARGE, B_LARGE)
        new_e = np.clip(log_theta[active] + step_e, LOWEST, HIGHEST)
        tried = _evaluate(counts.take(active), new_b, new_e)
        better = downhill & (tried.ll >= now.ll - 1e-14 * np.abs(now.ll))
        taken = active[better]
        b[taken], log_theta[taken] = new_b[better], new_e[better]
        for old, new in zip(point, tried, strict=True):
            old[taken] = new[better]
        damping[active] = np.where(better, damping[active] / 10, np.maximum(damping[active], 1e-6) * 8)
        damping[active] = np.where(damping[active] < 1e-9, 0.0, damping[active])
        settled = better & (np.abs(step_b) < 1e-11) & (np.abs(step_e) < 1e-9)
        falling = log_theta[active] <= LOWEST + 2
        active = active[~(settled | falling | (damping[active] > 1e12))]
        if not active.size:
            break
    edge = point.ll <= at_zero.ll + FLAT
    b, log_theta = np.where(edge, crude, b), np.where(edge, -np.inf, log_theta)
    point = Point(*(np.where(edge, zero, inside) for zero, inside in zip(at_zero, point, strict=True)))
    return b, log_theta, point


def _variance(point: Point, at_zero: np.ndarray) -> np.ndarray:
    """Variance of b from the observed information, with log theta where that is free."""
    shared = np.where(at_zero, 0.0, point.h_be**2 / np.where(at_zero, 1.0, point.h_ee))
    return 1 / -(point.h_bb - shared)


def _profile(counts: Counts, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Highest log-likelihood at a given b, and its slope in b."""
    size = len(b)
    heights = np.stack([_height(counts, b, np.full(size, log_theta)) for log_theta in COARSE_LOG_THETA])
    best = heights.argmax(axis=0)
    edges = np.concatenate([[LOWEST], COARSE_LOG_THETA, [HIGHEST]])
    low, high, log_theta = edges[best], edges[best + 2], COARSE_LOG_THETA[best]
    active = np.arange(size)
    for _ in range(MAX_STEPS):
        now = _evaluate(counts.take(active), b[active], log_theta[active])
        here = log_theta[active]
        low[active] = np.where(now.g_e > 0, here, low[active])
        high[active] = np.where(now.g_e > 0, high[active], here)
        step = here + now.g_e / np.where(now.h_ee < 0, -now.h_ee, 1.0)
        inside = (now.h_ee < 0) & (step > low[active]) & (step < high[active])
        log_theta[active] = np.where(inside, step, (low[active] + high[active]) / 2)
        # an error of e in log theta costs curvature e²/2 in the likelihood
        close = np.abs(log_theta[active] - here) < 1e-7
        active = active[~(close | (high[active] <= LOWEST + 6))]
        if not active.size:
            break
    zero, point = (_evaluate(counts, b, values) for values in (np.full(size, -np.inf), log_theta))
    edge = zero.ll >= point.ll
    return np.where(edge, zero.ll, point.ll), np.where(edge, zero.g_b, point.g_b)


def _profile_limit(
    counts: Counts, b: np.ndarray, peak: np.ndarray, drop: float, se: np.ndarray, side: int
) -> np.ndarray:
    """Where the profile of b has fallen by drop from its peak, below (side -1) or above (side 1) the maximum.

    The slope of the profile is the partial slope at the best theta, so it comes for nothing. The signed root of the
    fall is nearly straight in b: Newton's steps are taken on it, and kept inside a bracket.
    """
    near, far = b.copy(), b + side * 2 * np.clip(se, 1e-8, 5.0)
    value, slope = _profile(counts, far)
    for _ in range(MAX_STEPS):
        rows = np.flatnonzero((peak - value < drop) & (np.abs(far) < B_LARGE))
        if not rows.size:
            break
        near[rows] = far[rows]
        far[rows] = np.clip(b[rows] + (far[rows] - b[rows]) * 1.7, -B_LARGE, B_LARGE)
        value[rows], slope[rows] = _profile(counts.take(rows), far[rows])
    limit = far.copy()
    active = np.flatnonzero(np.abs(far) < B_LARGE)
    value, slope = value[active], slope[active]
    for _ in range(MAX_STEPS):
        if not active.size:
            break
        fall = np.maximum(peak[active] - value, 0.0)
        inner = fall < drop
        near[active] = np.where(inner, limit[active], near[active])
        far[active] = np.where(inner, far[active], limit[active])
        root = np.sqrt(fall)
        usable = (slope * side < 0) & (root > 0)
        steepness = np.where(usable, -slope * side, 1.0) / np.where(usable, 2 * root, 1.0)
        step = limit[active] + side * (np.sqrt(drop) - root) / steepness
        low, high = np.minimum(near[active], far[active]), np.maximum(near[active], far[active])
        following = np.where(usable & (step > low) & (step < high), step, (low + high) / 2)
        moved = np.abs(following - limit[active])
        limit[active] = following
        active = active[moved > 1e-10 * np.maximum(1, np.abs(following))]
        if active.size:
            value, slope = _profile(counts.take(active), limit[active])
    return limit


def _predict(b: np.ndarray, se: np.ndarray, log_theta: np.ndarray, share: float) -> np.ndarray:
    """Quantile of a new study's proportion: beta with rho as estimated, mixed over the normal error of b."""
    at_zero = np.isneginf(log_theta)
    scale = np.exp(-np.where(at_zero, 0.0, log_theta))[:, None]
    means = b[:, None] + se[:, None] * PREDICTION_NODES
    first, second = scale * expit(means), scale * expit(-means)
    low, high = np.full(len(b), -B_LARGE), np.full(len(b), B_LARGE)
    for _ in range(60):
        middle = (low + high) / 2
        reached = (PREDICTION_WEIGHTS * betainc(first, second, expit(middle)[:, None])).sum(axis=1) > share
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(at_zero, expit(b + ndtri(share) * se), expit((low + high) / 2))
