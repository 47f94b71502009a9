"""Binomial-normal random-intercept model by maximum likelihood, for many analyses at once.

The model, for responders x_i of n_i patients in study i::

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(b, tau2)

Every integral over theta_i is a sum over equally spaced points (the trapezoidal rule), which for analytic integrands
that die away at both ends converges exponentially in the number of points (Trefethen & Weideman 2014, SIAM Rev
56:385). Gauss-Hermite quadrature, also when centred and scaled to each study, presumes a nearly normal shape; that of
7 of 7 responders under tau = 4 is a cliff, for which it needs hundreds of nodes. The step is chosen from the width of
the integrand and its distance to the singularities of the logistic function at +-i pi, and checked: at the maximum
the number of points is doubled until the answer stands still.

There are two grids. Where studies are small next to the spread between them, one grid of theta = b + tau u serves all
studies of an analysis. Otherwise each study has a grid of its own around the mode of its integrand, reaching out to
where that has fallen by exp(-38). Both give log-likelihood, gradient and Hessian from the moments of
z = (theta - b)/tau under the integrand.

References
----------
Hamza, van Houwelingen & Stijnen (2008), J Clin Epidemiol 61:41; Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, expit, gammaln, logit, ndtri, stdtrit, xlog1py, xlogy

from small_evidence.pooling.calibration import TAU_SCALE, critical_likelihood_ratio, outward_factor
from small_evidence.pooling.proportions import check_choice, proportion_interval
from small_evidence.pooling.record import MIN_K_PREDICTION

# Interval of b: how, and the squared critical value as a function of conf_level and k (none: see `calibration`).
INTERVALS = {
    "profile_calibrated": ("calibrated", None),
    "profile": ("profile", lambda conf_level, k: np.full(k.shape, chdtri(1, 1 - conf_level))),
    "profile_t": ("profile", lambda conf_level, k: stdtrit(k - 1, (1 + conf_level) / 2) ** 2),
    "wald_z": ("wald", lambda conf_level, k: np.full(k.shape, ndtri((1 + conf_level) / 2) ** 2)),
    "wald_t": ("wald", lambda conf_level, k: stdtrit(k - 1, (1 + conf_level) / 2) ** 2),
}

DEFAULT_INTERVAL = "profile_calibrated"

REACH = 8.7  # the shared grid spans b +- REACH tau; the normal density there is 1e-17 of its peak
DROP = 38.0  # a study's own grid ends where the integrand has fallen by exp(-DROP) = 3e-17
SHARED_NODES = np.array([24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512])
MANY_ARMS = 12  # from so many studies on it pays to look for arms with the same counts
BLOCK = 1 << 17  # numbers in the largest temporary array (1 MiB): keeps the passes within the processor's cache
TAU_SMALL = 3e-4  # below, tau is 0: tau2 changes by less than 1e-7
TAU_LARGE = 100.0  # above, a limit of tau is given as not found: expit(+-100) are 0 and 1 to 40 digits
TAU_LARGEST = 1000.0  # where the climb gives up; reached only by dozens of studies of all or none and one between
B_LARGE = 40.0  # beyond, a limit of b is 0 or 1 to 17 digits
SQRT_2PI = np.sqrt(2 * np.pi)


class Arms(NamedTuple):
    """Padded counts of many analyses, arrays of shape (a, k_max) unless said otherwise."""

    x: np.ndarray
    n: np.ndarray
    weight: np.ndarray  # how often the arm occurs; 0 where there is none
    peak: np.ndarray  # log-likelihood of the arm (no binomial coefficient) at its own proportion
    widest: np.ndarray  # shape (a,): the largest curvature n/4 an arm can have
    constant: np.ndarray  # shape (a,): sum of peaks and of log binomial coefficients
    ridge: float = 0.0  # tau2 times half of this is taken off the log-likelihood


class Point(NamedTuple):
    """Log-likelihood and its derivatives in b and tau at one point an analysis, arrays of shape (a,)."""

    ll: np.ndarray
    g_b: np.ndarray
    g_t: np.ndarray
    h_bb: np.ndarray
    h_bt: np.ndarray
    h_tt: np.ndarray
    nodes: np.ndarray

    def take(self, index):
        return Point(*(part[index] for part in self))


def make_arms(xi, ni, mask):
    """Pack counts (a, k_max) and what does not change between evaluations.

    Where studies are many, those with the same counts become one arm with a weight, and k_max shrinks.
    """
    weight = mask.astype(float)
    x, n = np.where(mask, xi, 0.0), np.where(mask, ni, 0.0)
    if x.shape[1] >= MANY_ARMS:
        x, n, weight = _merge_alike(x, n, weight)
    p = x / np.maximum(n, 1)
    peak = xlogy(x, p) + xlog1py(n - x, -p)
    choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return Arms(x, n, weight, peak, n.max(1) / 4, (weight * (peak + choose)).sum(1))


def _merge_alike(x, n, weight):
    """The distinct arms of each analysis and how often each occurs; arrays (a, fewer)."""
    order = np.lexsort((x, n, weight), axis=1)[:, ::-1]
    x, n, weight = (np.take_along_axis(part, order, 1) for part in (x, n, weight))
    new = np.ones(x.shape, bool)
    new[:, 1:] = (x[:, 1:] != x[:, :-1]) | (n[:, 1:] != n[:, :-1]) | (weight[:, 1:] != weight[:, :-1])
    place = new.cumsum(1) - 1
    shape = x.shape[0], place.max(initial=0) + 1
    row = np.broadcast_to(np.arange(x.shape[0])[:, None], x.shape)
    merged = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    merged[0][row, place], merged[1][row, place] = x, n
    np.add.at(merged[2], (row, place), weight)
    return merged


def _softplus(eta):
    """log(1 + exp(eta)) without overflow."""
    out = np.abs(eta)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(eta, 0)
    return out


def _step_width(curvature, tau):
    """Distance of points in theta that keeps the error of the sum near 1e-13 of the integral.

    The sum's relative error is the integrand's Fourier transform at 2 pi / step. For a binomial likelihood of
    curvature s it falls like that of a log-gamma density of shape s (|Gamma(s + i w)|), for the random effect like
    exp(-w**2 tau**2 / 2); their product's width adds as curvatures do. The constants make either alone fall to 1e-13.
    """
    return 0.62 / np.sqrt(curvature + 3.3 + 0.6 / tau**2)


def _split(rows, numbers):
    """Split rows, of so many numbers each, into parts of about BLOCK numbers."""
    return np.array_split(rows, min(-(-rows.size * int(numbers) // BLOCK), rows.size))


_GRIDS = {}


def _grid(nodes):
    """Points u of the standard normal and the columns w, w u, ..., w u**4 (nodes, 5) that take moments."""
    if nodes not in _GRIDS:
        u = np.linspace(-REACH, REACH, nodes)
        density = np.exp(-(u**2) / 2)
        _GRIDS[nodes] = u, (density / density.sum())[:, None] * u[:, None] ** np.arange(5)
    return _GRIDS[nodes]


def _derivatives(tau, weight, log_l, z1, z2, z3, z4, nodes):
    """Sum over arms of log-likelihood, gradient and Hessian, from the moments of z; arrays (a, k)."""
    t = 1 / tau
    t2 = t * t
    return Point(
        np.einsum("ak,ak->a", weight, log_l),
        np.einsum("ak,ak->a", weight, z1) * t,
        np.einsum("ak,ak->a", weight, z2 - 1) * t,
        np.einsum("ak,ak->a", weight, z2 - z1 * z1 - 1) * t2,
        np.einsum("ak,ak->a", weight, z3 - z1 * (2 + z2)) * t2,
        np.einsum("ak,ak->a", weight, z4 - z2 * (z2 + 3) + 1) * t2,
        nodes,
    )


def _at_zero(arms, row, b):
    """The point at tau = 0, where the likelihood is that of one common proportion.

    In tau the likelihood is even, so g_t and h_bt are 0 and h_tt is twice the derivative in tau2:
    sum (x - n p)**2 - n p q, the score statistic for tau2 = 0.
    """
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    eta = b[:, None]
    p = expit(eta)
    info = n * p * expit(-eta)
    residual = x - n * p
    zero = np.zeros(b.shape)
    return Point(
        (weight * (x * eta - n * _softplus(eta) - arms.peak[row])).sum(1),
        (weight * residual).sum(1),
        zero,
        -(weight * info).sum(1),
        zero,
        (weight * (residual**2 - info)).sum(1) - arms.ridge,
        np.zeros(b.shape, int),
    )


def _on_shared_grid(arms, row, b, tau, nodes):
    """The point by one grid an analysis, and a mask of the analyses whose studies reach beyond it."""
    x, n = arms.x[row], arms.n[row]
    u, columns = _grid(nodes)
    eta = b[:, None] + tau[:, None] * u
    terms = x[:, :, None] * eta[:, None, :]
    terms -= n[:, :, None] * _softplus(eta)[:, None, :]
    terms -= arms.peak[row][:, :, None]
    np.exp(terms, out=terms)
    a, k = x.shape
    moments = (terms.reshape(a * k, nodes) @ columns).reshape(a, k, 5)
    total = moments[:, :, 0]
    ends = np.maximum(terms[:, :, 0], terms[:, :, -1]) * columns[0, 0]
    # Not a number of use either where the likelihood underflows on most of the grid.
    beyond = ((ends > 1e-14 * total) | (total < 1e-250)).any(1)
    if beyond.any():
        total[beyond] = 1.0
    moments[:, :, 1:] /= total[:, :, None]
    parts = (moments[:, :, j] for j in range(1, 5))
    count = np.full(b.shape, nodes)
    return _derivatives(tau, arms.weight[row], np.log(total), *parts, count), beyond


def _on_own_grids(arms, row, b, tau, refine):
    """The point by a grid for every study."""
    weight = arms.weight[row]
    used = weight > 0
    which = np.nonzero(used)[0]
    x, n, peak = arms.x[row][used], arms.n[row][used], arms.peak[row][used]
    centre, precision = b[which], 1 / tau[which] ** 2
    finer = refine[which]

    def log_integrand(eta):
        return x * eta - n * _softplus(eta) - 0.5 * precision * (eta - centre) ** 2

    def slope(eta):
        return x - n * expit(eta) - precision * (eta - centre)

    # The mode lies between b and the study's own logit; b -+ tau2 n bounds it when that is infinite.
    own = logit(np.clip(x / n, 1e-300, 1 - 1e-16))
    own = np.clip(own, centre - n / precision, centre + n / precision)
    low, high = np.minimum(own, centre), np.maximum(own, centre)
    s = x * (n - x) / n + 0.2
    mode = (precision * centre + s * np.clip(own, centre - 8, centre + 8)) / (precision + s)
    before = high - low
    for _ in range(100):
        g = slope(mode)
        low, high = np.where(g > 0, mode, low), np.where(g > 0, high, mode)
        info = n * expit(mode) * expit(-mode) + precision
        move = g / info
        # Newton can leap to and fro across the shoulder of the logistic: halve the bracket unless steps shrink.
        outside = (mode + move < low) | (mode + move > high) | (np.abs(move) > before / 2)
        move = np.where(outside, (low + high) / 2 - mode, move)
        mode, before = mode + move, np.abs(move)
        if (before * np.sqrt(info)).max(initial=0) < 0.01:  # to place a grid, a hundredth of its width is near
            break
    top = log_integrand(mode)
    info = n * expit(mode) * expit(-mode)
    step = _step_width(np.maximum(info, x * (n - x) / n), 1 / np.sqrt(precision)) / finer

    # The log integrand is concave, so Newton's iterates from outside stay outside and approach its fall by DROP.
    reach = np.sqrt(2 * DROP / precision)
    edges = []
    for sign in (-1.0, 1.0):
        edge = mode + sign * reach
        for _ in range(40):
            move = (log_integrand(edge) - top + DROP) / slope(edge)
            edge = edge - move
            if np.abs(move / (edge - mode)).max(initial=0) < 0.05:
                break
        edges.append(edge)
    left, right = edges
    needed = np.ceil((right - left) / step).astype(int) + 1
    # Nodes to the next quarter of a power of two: few sizes, so that studies of one size go together.
    quantum = 2 ** np.maximum(np.floor(np.log2(needed)).astype(int) - 2, 3)
    nodes = -(-needed // quantum) * quantum
    log_l, moments = np.empty(x.shape), np.empty((4, *x.shape))
    for size in np.unique(nodes):
        of_size = np.nonzero(nodes == size)[0]
        for part in _split(of_size, size):
            spacing = (right[part] - left[part]) / (size - 1)
            eta = left[part, None] + spacing[:, None] * np.arange(size)
            z = (eta - centre[part, None]) * np.sqrt(precision[part, None])
            terms = x[part, None] * eta - n[part, None] * _softplus(eta) - 0.5 * z * z - top[part, None]
            np.exp(terms, out=terms)
            total = terms.sum(1)
            log_l[part] = np.log(total * spacing * np.sqrt(precision[part]) / SQRT_2PI)
            for j in range(4):
                terms *= z
                moments[j, part] = terms.sum(1) / total
    full = np.zeros((5, *weight.shape))
    full[0][used] = log_l + top - peak
    full[1:, used] = moments
    full[2][~used], full[4][~used] = 1.0, 3.0
    count = np.zeros(b.shape, int)
    np.maximum.at(count, which, nodes)
    return _derivatives(tau, weight, *full, count)


def evaluate(arms, row, b, tau, refine=1):
    """Log-likelihood (without ``arms.constant``) and derivatives for analyses ``row`` at ``b``, ``tau``.

    Parameters
    ----------
    arms : Arms
    row : int array (a,); which analyses (one may occur more than once)
    b, tau : float arrays (a,); tau 0 is the common-proportion model
    refine : float or array (a,); the points are made denser by this factor

    Returns
    -------
    Point
    """
    if b.size == 0:
        return Point(*(np.empty(0) for _ in range(6)), np.empty(0, int))
    refine = np.broadcast_to(refine, b.shape)
    zero = tau <= 0
    width = np.where(zero, 1.0, tau)
    needed = 2 * REACH * width / _step_width(arms.widest[row], width) * refine
    size = np.searchsorted(SHARED_NODES, needed)
    size[zero] = -1
    out = None
    for one in np.unique(size):
        where = np.nonzero(size == one)[0]
        per_analysis = arms.x.shape[1] * (SHARED_NODES[one] if one < SHARED_NODES.size else 1)
        for part in _split(where, per_analysis):
            if one == -1:
                point = _at_zero(arms, row[part], b[part])
            elif one < SHARED_NODES.size:
                point, beyond = _on_shared_grid(arms, row[part], b[part], tau[part], SHARED_NODES[one])
                if beyond.any():
                    far = part[beyond]
                    exact = _on_own_grids(arms, row[far], b[far], tau[far], refine[far])
                    for whole, piece in zip(point, exact, strict=True):
                        whole[beyond] = piece
            else:
                point = _on_own_grids(arms, row[part], b[part], tau[part], refine[part])
            if one != -1 and arms.ridge:
                held = tau[part] * arms.ridge
                point = point._replace(
                    ll=point.ll - tau[part] * held / 2, g_t=point.g_t - held, h_tt=point.h_tt - arms.ridge
                )
            if part.size == b.size:
                return point
            if out is None:
                out = Point(*(np.empty(b.shape, piece.dtype) for piece in point))
            for whole, piece in zip(out, point, strict=True):
                whole[part] = piece
    return out


def maximise(arms, row):
    """Maximum-likelihood b and tau by safeguarded Newton steps from a moment start.

    Returns
    -------
    b, tau : arrays (a,)
    point : Point at the maximum, with the points of the sums twice as dense as the iterations needed
    converged : bool array (a,)

    Notes
    -----
    For a fixed tau the log-likelihood is concave in b (an integral over theta of a log-concave function of theta and
    b is log-concave in b), so only the curvature in tau can have the wrong sign; there the step goes uphill by a
    bounded amount. In tau there may be two maxima, one of them at 0. Where the climb ends at 0, the slope is looked
    at for larger tau, and where it is upwards the climb is repeated from there; the higher maximum is kept.
    """
    common, at_zero, unit = _common_proportion(arms, row)
    peaked = at_zero.h_tt <= -1e-8 * at_zero.h_bb  # tau = 0 is a local maximum, or its tau2 not 1e-8 away
    spread = _moment_spread(arms, row)
    b, tau, point, converged = _climb(arms, row, _weighted_centre(arms, row, spread), spread, at_zero.ll, peaked)
    zero = converged & (tau == 0)
    if zero.any():
        where = np.flatnonzero(zero)
        ladder = _ladder(unit[where])
        _, uphill, start = _look_along(arms, row[where], ladder)
        higher = (uphill > 0).any(0)
        if higher.any():
            again = where[higher]
            last = np.where(uphill > 0, ladder, 0).argmax(0)[higher]
            chosen = last, np.flatnonzero(higher)
            other = _climb(arms, row[again], start[chosen], ladder[chosen])
            _keep_better((b, tau, point, converged), other, again, at_zero.ll)
    # Not at a maximum, though higher than the one that was found: there is another close to tau = 0.
    close = np.flatnonzero(converged & ~peaked & (at_zero.ll >= point.ll))
    if close.size:
        other = _climb(arms, row[close], common[close], 0.3 * unit[close])
        _keep_better((b, tau, point, converged), other, close, at_zero.ll)
    zero = converged & ((at_zero.ll >= point.ll) | (tau < TAU_SMALL))
    b[zero], tau[zero] = common[zero], 0.0
    for whole, piece in zip(point, at_zero, strict=True):
        whole[zero] = piece[zero]
    return b, tau, point, converged


def _keep_better(found, other, rows, ll_zero):
    """Put another climb's maxima in place of those found, where they are higher and above tau = 0."""
    b, tau, point, converged = found
    better = other[3] & (other[2].ll > np.maximum(point.ll[rows], ll_zero[rows]))
    where = rows[better]
    b[where], tau[where], converged[where] = other[0][better], other[1][better], True
    for whole, piece in zip(point, other[2], strict=True):
        whole[where] = piece[better]


def _common_proportion(arms, row):
    """Maximum at tau = 0: b, its Point, and the standard deviation of a typical study's logit (at most 1)."""
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    common = logit((weight * x).sum(1) / (weight * n).sum(1))
    point = _at_zero(arms, row, common)
    return common, point, np.minimum(1.0, np.sqrt(weight.sum(1) / -point.h_bb))


def _ladder(unit):
    """Values of tau to look at, array (rungs, a), NaN where an analysis needs no more.

    From below the sampling error of a study to 6, above any likely spread, each 1.7 times the one before.
    """
    low, ratio = 0.4 * unit, 15 ** (1 / 5)
    rungs = np.ceil(np.log(6 / low) / np.log(ratio) - 1e-9) + 1
    step = np.arange(int(rungs.max(initial=1)))[:, None]
    return np.where(step < rungs, low * ratio**step, np.nan)


def _look_along(arms, row, ladder, b=None):
    """Log-likelihood and slope in tau along a ladder, arrays as it, -inf and nan beyond its end; and b, maximised.

    With b given it is held there, and the slope is at that b. Half the points do for a look.
    """
    rung, column = np.nonzero(np.isfinite(ladder))
    tau = ladder[rung, column]
    if b is not None:
        held, point = b[column], evaluate(arms, row[column], b[column], tau, 0.5)
        slope = point.g_t
    else:
        held = _weighted_centre(arms, row[column], tau)
        for _ in range(2):
            point = evaluate(arms, row[column], held, tau, 0.5)
            held = held - point.g_b / point.h_bb
        slope = point.g_t - point.h_bt * point.g_b / point.h_bb
    out = np.full((3, *ladder.shape), np.nan)
    out[0] = -np.inf
    out[:, rung, column] = point.ll, slope, held
    return out


def _moment_spread(arms, row):
    """A start for tau: the variance of the studies' logits beyond that of sampling."""
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    k = weight.sum(1)
    yi = np.log((x + 0.5) / (n - x + 0.5))
    vi = 1 / (x + 0.5) + 1 / (n - x + 0.5)
    centre = (weight * yi).sum(1) / k
    beyond = (weight * (yi - centre[:, None]) ** 2).sum(1) / np.maximum(k - 1, 1) - (weight * vi).sum(1) / k
    return np.sqrt(np.clip(beyond, 0.16, 9.0))


def _weighted_centre(arms, row, tau):
    """A start for b: the mean of the studies' logits, weighted for the given tau."""
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    w = weight / (1 / (x + 0.5) + 1 / (n - x + 0.5) + tau[:, None] ** 2)
    return (w * np.log((x + 0.5) / (n - x + 0.5))).sum(1) / w.sum(1)


def _climb(arms, row, b, tau, ll_zero=None, may_jump=None):
    """Newton's iterations to a maximum over b and tau; see `maximise`.

    Where may_jump, and the way is down towards a tau = 0 that lies higher, the climb ends there at once.
    """
    a = row.size
    if may_jump is None:
        ll_zero, may_jump = np.full(a, np.inf), np.zeros(a, bool)
    final_b, final_tau, converged = b.copy(), np.zeros(a), np.zeros(a, bool)
    best = Point(*(np.full(a, -np.inf) for _ in range(6)), np.zeros(a, int))
    refine = np.ones(a)
    active = np.arange(a)
    ll = np.full(a, -np.inf)
    db, dt = np.zeros(a), np.zeros(a)
    for _ in range(100):
        point = evaluate(arms, row[active], b, tau, refine)
        worse = point.ll < ll - 1e-10
        schur = point.h_tt - point.h_bt**2 / point.h_bb
        uphill = point.g_t - point.h_bt * point.g_b / point.h_bb
        concave = schur < 0
        new_t = np.where(concave, -uphill / np.where(concave, schur, -1.0), np.sign(uphill) * (0.5 * tau + 0.1))
        new_t = np.clip(new_t, -0.8 * tau, 1.5 * tau + 0.2)
        new_b = np.clip(-(point.g_b + point.h_bt * new_t) / point.h_bb, -2 - tau, 2 + tau)
        still = ~worse & concave & (np.abs(new_b) + np.abs(new_t) < 1e-8 * (1 + tau))
        done = still & (refine > 1)
        to_zero = may_jump[active] & (ll_zero[active] >= point.ll) & (uphill < 0) & ~worse & ~done
        small = ~done & ~to_zero & ~worse & (tau < TAU_SMALL)
        done |= small
        if done.any():
            where = active[done]
            final_b[where], final_tau[where] = b[done], tau[done]
            for whole, piece in zip(best, point, strict=True):
                whole[where] = piece[done]
        converged[active[done | to_zero]] = True
        refine = np.where(still, refine * 2, refine)
        # A step that led down is taken back but for a quarter.
        b, tau = b - np.where(worse, db, 0), tau - np.where(worse, dt, 0)
        db, dt = np.where(worse, db / 4, new_b), np.where(worse, dt / 4, new_t)
        ll = np.where(worse, ll, point.ll)
        b, tau = b + db, np.minimum(tau + dt, TAU_LARGEST)
        keep = ~(done | to_zero)
        if not keep.any():
            break
        active, b, tau, ll, db, dt, refine = (part[keep] for part in (active, b, tau, ll, db, dt, refine))
    return final_b, final_tau, best, converged


def profile_b(arms, row, b_hat, tau_hat, ll_hat, se, critical, total=None):
    """Limits of b by profile likelihood: where twice the fall of log-likelihood, maximised over tau, is critical.

    Parameters
    ----------
    b_hat, tau_hat, ll_hat, se : arrays (a,); the maximum
    critical : array (a,); squared critical value, for example that of chi-squared with 1 df
    total : array (a,) or None; all patients of an analysis: the critical value of the limit nearer 0 or 1 falls
        outwards by `calibration.outward_factor`

    Returns
    -------
    lb, ub : arrays (a,); -inf or inf when beyond B_LARGE or TAU_LARGE, NaN when not found

    Notes
    -----
    The limit under tau = 0 is found first. It stands where no larger tau gives a higher likelihood; elsewhere the
    limit lies further out, and is followed along the ridge of the likelihood: each step is Newton's in tau, and in
    b on the signed root of the fall, which is nearly linear in b.
    """
    a = row.size
    side = np.repeat([-1.0, 1.0], a)
    row, b_hat, tau_hat, ll_hat = (np.tile(part, 2) for part in (row, b_hat, tau_hat, ll_hat))
    target, se = np.tile(np.sqrt(critical), 2), np.tile(se, 2)
    limit = np.full(2 * a, np.nan)
    common, at_zero, unit = _common_proportion(arms, row)
    total = np.full(2 * a, np.inf) if total is None else np.where(side * b_hat > 0, np.tile(total, 2), np.inf)
    edge = _limit_at_zero(arms, row, common, at_zero, ll_hat, target, total, side)
    tau, settled = np.maximum(tau_hat, 0.3 * unit), np.zeros(2 * a, bool)
    b = b_hat + side * np.minimum(target * se, 3 + 2 * tau_hat)
    b = np.where(side * (edge - b) > 0, edge, b)  # never so for an edge that is NaN
    reached = np.flatnonzero(np.isfinite(edge))
    if reached.size:
        reached = reached[_at_zero(arms, row[reached], edge[reached]).h_tt <= 0]
        ladder = _ladder(unit[reached])
        level_there, slope, _ = _look_along(arms, row[reached], ladder, edge[reached])
        rises = slope > 0
        floor = ll_hat[reached] - _aim(target[reached], total[reached], edge[reached])[0] ** 2 / 2
        below = (level_there <= floor).all(0)
        limit[reached[below]] = edge[reached[below]]
        # Where the likelihood rises towards a larger tau a ridge may lead further out; elsewhere the limit stands.
        settled[reached[below & ~rises.any(0)]] = True
        b[reached] = edge[reached]
        tau[reached] = np.where(
            rises.any(0),
            np.where(rises, ladder, 0).max(0) * 1.3,
            np.take_along_axis(ladder, level_there.argmax(0)[None], 0)[0],
        )

    def follow(rows):
        problem = (part[rows] for part in (row, side, b_hat, ll_hat, target, total, unit, b, tau))
        found = _follow_ridge(arms, *problem)
        # Of two ridges the one that reaches further out is the profile's; a ridge that fades leaves the limit it had.
        return side[rows] * np.fmax(side[rows] * limit[rows], side[rows] * found)

    active = np.flatnonzero(~settled)
    limit[active] = follow(active)
    # There may be another ridge, at another tau, that is higher where the first has come down to the limit.
    active = active[np.abs(limit[active]) < B_LARGE]
    ladder = _ladder(unit[active])
    level_there, _, _ = _look_along(arms, row[active], ladder, limit[active])
    floor = ll_hat[active] - _aim(target[active], total[active], limit[active])[0] ** 2 / 2
    higher = (level_there > floor + 1e-5).any(0)
    if higher.any():
        top = level_there.argmax(0)[None]
        b[active], tau[active] = limit[active], np.take_along_axis(ladder, top, 0)[0]
        again = active[higher]
        limit[again] = follow(again)
    return limit[:a], limit[a:]


def _aim(target, total, b):
    """Root of twice the fall wanted at b, and its derivative in the distance of b from 0."""
    factor, slope = outward_factor(b, total)
    root = np.sqrt(factor)
    return target * root, target * slope / (2 * root)


def _follow_ridge(arms, row, side, b_hat, ll_hat, target, total, unit, b, tau):
    """From b and tau, Newton's steps to where the likelihood on its ridge over tau has fallen as `_aim` says."""
    limit = np.full(row.size, np.nan)
    floor = TAU_SMALL * unit
    active, before = np.arange(row.size), np.zeros(row.size)
    b, tau = b.copy(), tau.copy()
    for _ in range(80):
        if active.size == 0:
            break
        point = evaluate(arms, row[active], b, tau)
        concave = point.h_tt < 0
        curve = np.where(concave, point.h_tt, -1.0)
        dt = np.where(concave, -point.g_t / curve, np.sign(point.g_t) * (0.5 * tau + 0.1 * unit[active]))
        dt = np.clip(dt, -0.9 * tau, tau + 0.3 * unit[active])
        # Leaps to and fro must shrink.
        dt = np.where(dt * before < 0, np.sign(dt) * np.minimum(np.abs(dt), 0.5 * np.abs(before)), dt)
        dt = np.where((tau <= floor[active]) & (dt < 0), 0.0, dt)
        turn = np.where(concave, -point.h_bt / curve, 0.0)  # d tau / d b along the ridge
        ridge = concave & (np.abs(dt) <= 0.3 * tau + 0.02 * unit[active])  # near enough to see where it goes
        fall = ll_hat[active] - point.ll + np.where(ridge, 0.5 * point.g_t**2 / curve, 0.0)
        root = np.sqrt(2 * np.maximum(fall, 1e-12))
        descent = -side[active] * (point.g_b + turn * point.g_t)
        away = side[active] * (b - b_hat[active])
        wanted, bend = _aim(target[active], total[active], b)
        steepness = np.where(descent > 0, descent, 1.0) / root - bend
        step = np.where(descent > 0, (wanted - root) / steepness, 0.5)
        step = np.where(ridge, np.clip(step, -0.7 * away, 1.5 * away + 0.1 * unit[active]), 0.0)
        done = ridge & (np.abs(step) < 1e-9 * (1 + away)) & (np.abs(dt) < 1e-7 * (1 + tau))
        limit[active[done]] = (b + side[active] * step)[done]
        turn = np.clip(turn * side[active] * step, -0.5 * tau, 0.5 * tau + 0.3 * unit[active])
        tau = np.maximum(np.maximum(tau + dt + turn, 0.1 * tau), floor[active])
        b = b + side[active] * step
        endless = (np.abs(b) > B_LARGE) | (tau > TAU_LARGE)
        limit[active[endless & ~done]] = side[active[endless & ~done]] * np.inf
        keep = ~(done | endless)
        active, b, tau, before = active[keep], b[keep], tau[keep], dt[keep]
    return limit


def _limit_at_zero(arms, row, common, at_zero, ll_hat, target, total, side):
    """Where the log-likelihood at tau = 0 has fallen as `_aim` says, on the given side; NaN where it starts lower."""
    limit = np.full(row.size, np.nan)
    fallen = 2 * (ll_hat - at_zero.ll)
    left = _aim(target, total, common)[0] ** 2 - fallen
    active = np.flatnonzero(left > 0)
    b = (common + side * np.sqrt(np.maximum(left, 0) / -at_zero.h_bb))[active]
    for _ in range(50):
        point = _at_zero(arms, row[active], b)
        root = np.sqrt(2 * np.maximum(at_zero.ll[active] - point.ll, 1e-30))
        wanted, bend = _aim(target[active], total[active], b)
        left = np.sqrt(np.maximum(wanted**2 - fallen[active], 1e-30))
        step = (left - root) / (np.maximum(np.abs(point.g_b), 1e-300) / root - bend * wanted / left)
        away = np.abs(b - common[active])
        step = np.clip(step, -0.7 * away, away)
        b = b + side[active] * step
        done = (np.abs(step) < 1e-12 * (1 + np.abs(b))) | (np.abs(b) > 2 * B_LARGE)
        limit[active[done]] = b[done]
        active, b = active[~done], b[~done]
        if active.size == 0:
            break
    return limit


def profile_tau(arms, row, b_hat, tau_hat, point, critical):
    """Limits of tau by profile likelihood, maximised over b.

    Returns
    -------
    lb, ub : arrays (a,); lb 0 when tau 0 is inside; ub inf when beyond TAU_LARGE; NaN when not found
    """
    _, at_zero, _ = _common_proportion(arms, row)
    a = row.size
    inside = point.ll - at_zero.ll <= critical / 2
    side = np.repeat([-1.0, 1.0], a)
    limit = np.full(2 * a, np.nan)
    limit[:a][inside] = 0.0
    active = np.nonzero(np.isnan(limit))[0]
    row2, ll_hat, target = np.tile(row, 2), np.tile(point.ll, 2), np.tile(np.sqrt(critical), 2)
    schur = point.h_tt - point.h_bt**2 / point.h_bb
    spread = np.sqrt(critical / np.maximum(-schur, critical / 9))  # at most 3
    tau = np.concatenate([np.maximum(tau_hat - spread, 0.4 * tau_hat), tau_hat + np.maximum(spread, 0.05)])[active]
    b, before = np.tile(b_hat, 2)[active], np.zeros(active.size)
    top = np.tile(tau_hat, 2)
    for _ in range(80):
        point = evaluate(arms, row2[active], b, tau)
        inner = np.clip(-point.g_b / point.h_bb, -2 - tau, 2 + tau)
        # Leaps to and fro must shrink.
        inner = np.where(inner * before < 0, np.sign(inner) * np.minimum(np.abs(inner), np.abs(before) / 2), inner)
        turn = -point.h_bt / point.h_bb
        ridge = np.abs(inner) * np.sqrt(-point.h_bb) < 0.7  # near enough to see where it goes
        fall = ll_hat[active] - point.ll + np.where(ridge, 0.5 * point.g_b**2 / point.h_bb, 0.0)
        root = np.sqrt(2 * np.maximum(fall, 1e-12))
        descent = -side[active] * (point.g_t + turn * point.g_b)
        upper = side[active] > 0
        away = np.abs(tau - top[active])
        gain = np.where(descent > 0, (target[active] - root) * root / np.where(descent > 0, descent, 1.0), 0.5 * away)
        # Upwards the likelihood falls with log tau, downwards with tau.
        grown = tau * np.exp(np.clip(gain / tau, -0.7, 1.0)) - tau
        grown = np.maximum(grown, -0.7 * away)
        lowered = -np.clip(gain, -0.7 * away, 0.7 * tau)
        step = np.where(ridge, np.where(upper, grown, lowered), 0.0)
        done = ridge & (np.abs(step) < 1e-9 * (1 + tau)) & (np.abs(inner) < 1e-7)
        limit[active[done]] = (tau + step)[done]
        b = b + inner + np.clip(turn * step, -2 - tau, 2 + tau)
        tau = tau + step
        endless = tau > TAU_LARGE
        limit[active[endless & ~done]] = np.inf
        keep = ~(done | endless)
        if not keep.any():
            break
        active, b, tau, before = active[keep], b[keep], tau[keep], inner[keep]
    return limit[:a], limit[a:]


def mean_proportion(b, tau):
    """Mean of expit(b + tau u) over standard normal u; arrays (a,)."""
    out = np.empty(b.shape)
    # Steps of at most 0.3 in the logit: the singularities of expit are pi away.
    size = 2 ** np.maximum(np.ceil(np.log2(60 * tau + 1)), 6).astype(int)
    for one in np.unique(size):
        where = np.nonzero(size == one)[0]
        u, columns = _grid(int(one))
        for part in _split(where, one):
            out[part] = expit(b[part, None] + tau[part, None] * u) @ columns[:, 0]
    return out


def fit(xi, ni, mask, conf_level=0.95, *, interval=None):
    """Fit the model to many analyses.

    Parameters
    ----------
    xi, ni : float arrays (a, k_max); responders and patients, anything where mask is False
    mask : bool array (a, k_max); which arms exist. Each analysis needs two arms, a responder and a non-responder.
    conf_level : coverage of all intervals
    interval : one of INTERVALS: "profile_calibrated" (see `calibration`), "profile" (chi-squared), "profile_t" (the
        critical value of Student's t with k - 1 degrees of freedom instead of the normal), "wald_z", "wald_t" (k - 1)

    Returns
    -------
    dict of arrays (a,), keys as in record.RECORD. Limits of tau2 by profile likelihood for the profile intervals only.

    Notes
    -----
    The prediction interval is ``b -+ t * sqrt(tau2 + se**2)`` with k - 2 degrees of freedom (Higgins, Thompson &
    Spiegelhalter 2009, J R Stat Soc A 172:137), therefore from three studies on.
    """
    interval = interval or DEFAULT_INTERVAL
    check_choice("interval", interval, INTERVALS)
    arms = make_arms(xi, ni, mask)
    a = mask.shape[0]
    k = arms.weight.sum(1)
    out = {name: np.full(a, np.nan) for name in _FITTED}
    out["nodes"] = np.zeros(a, int)
    out["status"], out["note"] = np.full(a, "ok", object), np.full(a, "", object)
    out["interval"] = np.full(a, interval, object)

    split = (((arms.x == 0) | (arms.x == arms.n)) | (arms.weight == 0)).all(1)
    _fill_unbounded(out, arms, np.nonzero(split)[0], conf_level)
    row = np.nonzero(~split)[0]
    if row.size == 0:
        return out
    b, tau, point, converged = maximise(arms, row)
    out["status"][row[tau == 0]] = "tau2_zero"
    out["status"][row[~converged]] = "not_converged"
    _add_note(out, row[~converged], f"no maximum of the likelihood with tau below {TAU_LARGEST:.0f}")
    if not converged.all():
        row, b, tau, point = row[converged], b[converged], tau[converged], point.take(converged)
    k_row = k[row]
    interior = tau > 0
    se = 1 / np.sqrt(np.where(interior, point.h_bt, 0) ** 2 / np.where(interior, point.h_tt, -1) - point.h_bb)
    out["b"][row], out["se"][row], out["tau2"][row] = b, se, tau**2
    out["estimate"][row] = expit(b)
    out["mean_proportion"][row] = mean_proportion(b, tau)
    out["loglik"][row] = point.ll + arms.constant[row]
    out["nodes"][row] = point.nodes
    kind, squared = INTERVALS[interval]
    if kind == "wald":
        half = np.sqrt(squared(conf_level, k_row)) * se
        lb, ub = b - half, b + half
    else:
        if kind == "calibrated":
            critical = critical_likelihood_ratio(xi[row], ni[row], mask[row], conf_level)
            lb, ub = _calibrated_limits(arms, row, critical, b)
        else:
            lb, ub = profile_b(arms, row, b, tau, point.ll, se, squared(conf_level, k_row))
        normal = INTERVALS["profile"][1](conf_level, k_row)
        t_lb, t_ub = profile_tau(arms, row, b, tau, point, normal)
        out["tau2_lb"][row] = t_lb**2
        out["tau2_ub"][row] = np.where(np.isfinite(t_ub), t_ub, np.nan) ** 2
        _add_note(out, row[np.isinf(t_ub)], f"no upper limit of tau2 below {TAU_LARGE**2:.0f}")
        _add_note(out, row[np.isnan(t_lb) | np.isnan(t_ub)], "a limit of tau2 was not found")
        _add_note(out, row[np.isnan(lb) | np.isnan(ub)], "a limit of the interval was not found")
        _add_note(out, row[np.isinf(lb)], "the data set no lower limit")
        _add_note(out, row[np.isinf(ub)], "the data set no upper limit")
    out["ci_lb"][row], out["ci_ub"][row] = expit(lb), expit(ub)
    wide = k_row >= MIN_K_PREDICTION
    spread = stdtrit(k_row[wide] - 2, (1 + conf_level) / 2) * np.sqrt(tau[wide] ** 2 + se[wide] ** 2)
    out["pi_lb"][row[wide]], out["pi_ub"][row[wide]] = expit(b[wide] - spread), expit(b[wide] + spread)
    return out


def _calibrated_limits(arms, row, critical, b_hat):
    """Limits of b by the likelihood held back in tau, as `calibration` describes; they enclose the estimate."""
    held = arms._replace(ridge=TAU_SCALE**-2)
    b, tau, point, converged = maximise(held, row)
    se = np.sqrt(-1 / point.h_bb)
    total = (arms.weight[row] * arms.n[row]).sum(1)
    lb, ub = profile_b(held, row, b, tau, point.ll, se, critical, total)
    lb[~converged] = ub[~converged] = np.nan
    return np.minimum(lb, b_hat), np.maximum(ub, b_hat)


_FITTED = (
    *("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "tau2", "tau2_lb", "tau2_ub"),
    *("mean_proportion", "loglik"),
)


def _add_note(out, rows, text):
    for i in rows:
        out["note"][i] = f"{out['note'][i]}; {text}" if out["note"][i] else text


def _fill_unbounded(out, arms, row, conf_level):
    """Answer for analyses whose every study has only responders or none, with both kinds present.

    By p**n + (1 - p)**n <= 1 the likelihood of m1 studies of only and m0 of no responders is at most that of m1 of
    m1 + m0 coin tosses, and comes as near as one likes when tau goes to infinity. What is left is one toss a study.
    """
    if row.size == 0:
        return
    all_respond = (arms.weight[row] * (arms.x[row] == arms.n[row])).sum(1)
    k = arms.weight[row].sum(1)
    share = all_respond / k
    out["estimate"][row] = out["mean_proportion"][row] = share
    out["ci_lb"][row], out["ci_ub"][row] = proportion_interval(all_respond, k, conf_level=conf_level)
    out["loglik"][row] = xlogy(all_respond, share) + xlogy(k - all_respond, 1 - share)
    out["status"][row], out["interval"][row] = "tau2_unbounded", "clopper_pearson"
    _add_note(
        out,
        row,
        "each study has only responders or none: tau2 grows without bound; given is the share of studies in which "
        "all responded, with its exact interval",
    )
