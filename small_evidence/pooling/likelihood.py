"""Likelihood of the binomial-normal model: log-likelihood, gradient and Hessian of many analyses at once.

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

What is found for an analysis does not depend, to the last digit, on the analyses that are evaluated with it: every sum
is taken in an order of its own, and what is iterated stops for each by itself.

References
----------
Hamza, van Houwelingen & Stijnen (2008), J Clin Epidemiol 61:41; Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, gammaln, logit, xlog1py, xlogy

REACH = 8.7  # the shared grid spans b +- REACH tau; the normal density there is 1e-17 of its peak
DROP = 38.0  # a study's own grid ends where the integrand has fallen by exp(-DROP) = 3e-17
SHARED_NODES = np.array([24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512])
MANY_ARMS = 12  # from so many studies on it pays to look for arms with the same counts
ROWS_AT_ONCE = 48  # a multiple of the rows that any processor's matrix product takes together
BLOCK = 1 << 17  # numbers in the largest temporary array (1 MiB): keeps the passes within the processor's cache
SQRT_2PI = np.sqrt(2 * np.pi)
UNIT_TAU2 = 4.0  # variance of the log odds of one patient at p = 1/2: the unit information (Röver et al. 2021)
RIDGE = 1 / UNIT_TAU2  # of the half-normal penalty on tau with this variance


class Arms(NamedTuple):
    """Padded counts of many analyses, arrays of shape (a, k_max) unless said otherwise."""

    x: np.ndarray
    n: np.ndarray
    weight: np.ndarray  # how often the arm occurs; 0 where there is none
    peak: np.ndarray  # log-likelihood of the arm (no binomial coefficient) at its own proportion
    widest: np.ndarray  # shape (a,): the largest curvature n/4 an arm can have
    constant: np.ndarray  # shape (a,): sum of peaks and of log binomial coefficients
    ridge: float = 0.0  # tau2 times half of this is taken off the log-likelihood
    of_mean: bool = False  # b is the logit of the mean study's proportion instead of the median study's


class Point(NamedTuple):
    """Log-likelihood and its derivatives in b and tau at one point an analysis, arrays of shape (a,)."""

    ll: np.ndarray
    g_b: np.ndarray
    g_t: np.ndarray
    h_bb: np.ndarray
    h_bt: np.ndarray
    h_tt: np.ndarray
    nodes: np.ndarray

    def take(self, index: np.ndarray | slice) -> "Point":
        """The points of some analyses."""
        return Point(*(part[index] for part in self))

    def put(self, index: np.ndarray, other: "Point") -> None:
        """Replace the points of some analyses by others, which have a point for each."""
        for part, new in zip(self, other, strict=True):
            part[index] = new


def blank_point(size: int) -> Point:
    """A place for the points of so many analyses, lower than any of them."""
    return Point._make((*(np.full(size, -np.inf) for _ in range(6)), np.zeros(size, int)))


class Moments(NamedTuple):
    """Log-likelihood of each arm and the mean of the powers of z under its integrand, arrays (a, k)."""

    log_l: np.ndarray
    z1: np.ndarray
    z2: np.ndarray
    z3: np.ndarray
    z4: np.ndarray


def over_arms(values: np.ndarray) -> np.ndarray:
    """Sums over the arms of each analysis, (a, k) to (a,), one after the other: places without an arm add nothing."""
    sums: np.ndarray = np.add.accumulate(values, axis=1)[:, -1]
    return sums


def make_arms(xi: np.ndarray, ni: np.ndarray, mask: np.ndarray) -> Arms:
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
    return Arms(x, n, weight, peak, n.max(1) / 4, over_arms(weight * (peak + choose)))


def _merge_alike(x: np.ndarray, n: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    return merged[0], merged[1], merged[2]


def _softplus(eta: np.ndarray) -> np.ndarray:
    """log(1 + exp(eta)) without overflow."""
    out = np.abs(eta)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(eta, 0)
    return out


def _step_width(curvature: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Distance of points in theta that keeps the error of the sum near 1e-13 of the integral.

    The sum's relative error is the integrand's Fourier transform at 2 pi / step. For a binomial likelihood of
    curvature s it falls like that of a log-gamma density of shape s (|Gamma(s + i w)|), for the random effect like
    exp(-w**2 tau**2 / 2); their product's width adds as curvatures do. The constants make either alone fall to 1e-13.
    """
    return 0.62 / np.sqrt(curvature + 3.3 + 0.6 / tau**2)


def split_rows(rows: np.ndarray, numbers: int) -> list[np.ndarray]:
    """Split rows, of so many numbers each, into parts of about BLOCK numbers."""
    return np.array_split(rows, min(-(-rows.size * int(numbers) // BLOCK), rows.size))


_GRIDS: dict[int, tuple[np.ndarray, np.ndarray]] = {}


def normal_grid(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points u of the standard normal and the columns w, w u, ..., w u**4 (nodes, 5) that take moments."""
    if nodes not in _GRIDS:
        u = np.linspace(-REACH, REACH, nodes)
        density = np.exp(-(u**2) / 2)
        _GRIDS[nodes] = u, (density / density.sum())[:, None] * u[:, None] ** np.arange(5)
    return _GRIDS[nodes]


def _derivatives(tau: np.ndarray, weight: np.ndarray, moments: Moments, nodes: np.ndarray) -> Point:
    """Sum over arms of log-likelihood, gradient and Hessian, from the moments of z; arrays (a, k)."""
    log_l, z1, z2, z3, z4 = moments
    t = 1 / tau
    t2 = t * t
    return Point(
        over_arms(weight * log_l),
        over_arms(weight * z1) * t,
        over_arms(weight * (z2 - 1)) * t,
        over_arms(weight * (z2 - z1 * z1 - 1)) * t2,
        over_arms(weight * (z3 - z1 * (2 + z2))) * t2,
        over_arms(weight * (z4 - z2 * (z2 + 3) + 1)) * t2,
        nodes,
    )


def point_at_zero(arms: Arms, row: np.ndarray, b: np.ndarray) -> Point:
    """The point at tau = 0, where the likelihood is that of one common proportion.

    In tau the likelihood is even, so g_t and h_bt are 0 and h_tt is twice the derivative in tau2:
    sum (x - n p)**2 - n p q, the score statistic for tau2 = 0. For a given mean the median moves with tau2, by
    (p - 1/2) of it.
    """
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    eta = b[:, None]
    p = expit(eta)
    info = n * p * expit(-eta)
    residual = x - n * p
    zero, slope = np.zeros(b.shape), over_arms(weight * residual)
    bend = (2 * p[:, 0] - 1) * slope if arms.of_mean else 0.0
    return Point(
        over_arms(weight * (x * eta - n * _softplus(eta) - arms.peak[row])),
        slope,
        zero,
        -over_arms(weight * info),
        zero,
        over_arms(weight * (residual**2 - info)) + bend - arms.ridge,
        np.zeros(b.shape, int),
    )


def _on_shared_grid(
    arms: Arms, row: np.ndarray, b: np.ndarray, tau: np.ndarray, nodes: int
) -> tuple[Point, np.ndarray]:
    """The point by one grid an analysis, and a mask of the analyses whose studies reach beyond it."""
    x, n = arms.x[row], arms.n[row]
    u, columns = normal_grid(nodes)
    eta = b[:, None] + tau[:, None] * u
    a, k = x.shape
    # A product of matrices sums the last rows in another order unless their number is a whole one of its blocks.
    padded = np.zeros((-(-a * k // ROWS_AT_ONCE) * ROWS_AT_ONCE, nodes))
    terms = padded[: a * k].reshape(a, k, nodes)
    np.multiply(x[:, :, None], eta[:, None, :], out=terms)
    terms -= n[:, :, None] * _softplus(eta)[:, None, :]
    terms -= arms.peak[row][:, :, None]
    np.exp(terms, out=terms)
    moments = (padded @ columns)[: a * k].reshape(a, k, 5)
    total = moments[:, :, 0]
    ends = np.maximum(terms[:, :, 0], terms[:, :, -1]) * columns[0, 0]
    # Not a number of use either where the likelihood underflows on most of the grid.
    beyond = ((ends > 1e-14 * total) | (total < 1e-250)).any(1)
    if beyond.any():
        total[beyond] = 1.0
    moments[:, :, 1:] /= total[:, :, None]
    known = Moments(np.log(total), *(moments[:, :, j] for j in range(1, 5)))
    return _derivatives(tau, arms.weight[row], known, np.full(b.shape, nodes)), beyond


def _on_own_grids(arms: Arms, row: np.ndarray, b: np.ndarray, tau: np.ndarray, refine: np.ndarray) -> Point:
    """The point by a grid for every study."""
    weight = arms.weight[row]
    used = weight > 0
    which = np.nonzero(used)[0]
    x, n, peak = arms.x[row][used], arms.n[row][used], arms.peak[row][used]
    centre, precision = b[which], 1 / tau[which] ** 2
    finer = refine[which]

    def log_integrand(eta: np.ndarray) -> np.ndarray:
        return x * eta - n * _softplus(eta) - 0.5 * precision * (eta - centre) ** 2

    def slope(eta: np.ndarray) -> np.ndarray:
        return x - n * expit(eta) - precision * (eta - centre)

    # The mode lies between b and the study's own logit; b -+ tau2 n bounds it when that is infinite.
    own = logit(np.clip(x / n, 1e-300, 1 - 1e-16))
    own = np.clip(own, centre - n / precision, centre + n / precision)
    low, high = np.minimum(own, centre), np.maximum(own, centre)
    s = x * (n - x) / n + 0.2
    mode = (precision * centre + s * np.clip(own, centre - 8, centre + 8)) / (precision + s)
    before, moving = high - low, np.ones(x.shape, bool)
    for _ in range(100):
        g = slope(mode)
        low, high = np.where(g > 0, mode, low), np.where(g > 0, high, mode)
        info = n * expit(mode) * expit(-mode) + precision
        move = g / info
        # Newton can leap to and fro across the shoulder of the logistic: halve the bracket unless steps shrink.
        outside = (mode + move < low) | (mode + move > high) | (np.abs(move) > before / 2)
        move = np.where(moving, np.where(outside, (low + high) / 2 - mode, move), 0.0)
        mode, before = mode + move, np.abs(move)
        moving &= before * np.sqrt(info) >= 0.01  # to place a grid, a hundredth of its width is near
        if not moving.any():
            break
    top = log_integrand(mode)
    info = n * expit(mode) * expit(-mode)
    step = _step_width(np.maximum(info, x * (n - x) / n), 1 / np.sqrt(precision)) / finer

    # The log integrand is concave, so Newton's iterates from outside stay outside and approach its fall by DROP.
    reach = np.sqrt(2 * DROP / precision)
    edges = []
    for sign in (-1.0, 1.0):
        edge, moving = mode + sign * reach, np.ones(x.shape, bool)
        for _ in range(40):
            move = np.where(moving, (log_integrand(edge) - top + DROP) / slope(edge), 0.0)
            edge = edge - move
            moving &= np.abs(move / (edge - mode)) >= 0.05
            if not moving.any():
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
        for part in split_rows(of_size, size):
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
    return _derivatives(tau, weight, Moments(*full), count)


def evaluate(arms: Arms, row: np.ndarray, b: np.ndarray, tau: np.ndarray, refine: float | np.ndarray = 1.0) -> Point:
    """Log-likelihood (without ``arms.constant``) and derivatives for analyses ``row`` at ``b``, ``tau``.

    Parameters
    ----------
    arms : Arms
    row : int array (a,); which analyses (one may occur more than once)
    b, tau : float arrays (a,); tau 0 is the common-proportion model
    refine : float or array (a,); the points are made denser by this factor
    """
    if b.size == 0:
        return blank_point(0)
    if arms.of_mean:
        median = median_of_mean(b, tau)
        return median.change(evaluate(arms._replace(of_mean=False), row, median.b, tau, refine))
    refine = np.broadcast_to(refine, b.shape)
    zero = tau <= 0
    width = np.where(zero, 1.0, tau)
    needed = 2 * REACH * width / _step_width(arms.widest[row], width) * refine
    size = np.searchsorted(SHARED_NODES, needed)
    size[zero] = -1
    out = blank_point(b.size)
    for one in np.unique(size):
        where = np.nonzero(size == one)[0]
        per_analysis = arms.x.shape[1] * (SHARED_NODES[one] if one < SHARED_NODES.size else 1)
        for part in split_rows(where, per_analysis):
            if one == -1:
                point = point_at_zero(arms, row[part], b[part])
            elif one < SHARED_NODES.size:
                point, beyond = _on_shared_grid(arms, row[part], b[part], tau[part], SHARED_NODES[one])
                if beyond.any():
                    far = part[beyond]
                    point.put(beyond, _on_own_grids(arms, row[far], b[far], tau[far], refine[far]))
            else:
                point = _on_own_grids(arms, row[part], b[part], tau[part], refine[part])
            if one != -1 and arms.ridge:
                held = tau[part] * arms.ridge
                point = point._replace(
                    ll=point.ll - tau[part] * held / 2, g_t=point.g_t - held, h_tt=point.h_tt - arms.ridge
                )
            if part.size == b.size:
                return point
            out.put(part, point)
    return out


def _mean_over(column: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums over the points of a normal grid with these weights, (a, points) to (a,)."""
    sums: np.ndarray = (values * column).sum(1)
    return sums


def mean_proportion(b: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Mean of expit(b + tau u) over standard normal u; arrays (a,)."""
    out = np.empty(b.shape)
    # Steps of at most 0.3 in the logit: the singularities of expit are pi away.
    size = 2 ** np.maximum(np.ceil(np.log2(60 * tau + 1)), 6).astype(int)
    for one in np.unique(size):
        where = np.nonzero(size == one)[0]
        u, columns = normal_grid(int(one))
        for part in split_rows(where, one):
            out[part] = _mean_over(columns[:, 0], expit(b[part, None] + tau[part, None] * u))
    return out


class Median(NamedTuple):
    """Logit b of the median study as a function of that of the mean study, m, and of tau; arrays (a,)."""

    b: np.ndarray
    m: np.ndarray  # its derivatives
    t: np.ndarray
    mm: np.ndarray
    mt: np.ndarray
    tt: np.ndarray

    def change(self, point: Point) -> Point:
        """The point with derivatives in m and tau instead of b and tau."""
        return Point(
            point.ll,
            point.g_b * self.m,
            point.g_t + point.g_b * self.t,
            point.h_bb * self.m**2 + point.g_b * self.mm,
            (point.h_bb * self.t + point.h_bt) * self.m + point.g_b * self.mt,
            point.h_tt + 2 * point.h_bt * self.t + point.h_bb * self.t**2 + point.g_b * self.tt,
            point.nodes,
        )


def median_of_mean(m: np.ndarray, tau: np.ndarray) -> Median:
    """The median study's logit under which the mean study has logit m, by Newton's steps; arrays (a,)."""
    out = np.empty((6, *m.shape))
    size = 2 ** np.maximum(np.ceil(np.log2(30 * tau + 1)), 5).astype(int)
    for one in np.unique(size):
        where = np.nonzero(size == one)[0]
        u, columns = normal_grid(int(one))
        for part in split_rows(where, one):
            low, spread = -np.abs(m[part]), tau[part]  # below 1/2, where a proportion keeps its digits
            b = low * np.sqrt(1 + 0.346 * spread**2)
            moving = np.ones(b.shape, bool)
            for _ in range(50):
                p = expit(b[:, None] + spread[:, None] * u)
                mean = _mean_over(columns[:, 0], p)
                slope = _mean_over(columns[:, 0], p * (1 - p)) / (mean * (1 - mean))
                step = np.where(moving, (low - logit(mean)) / slope, 0.0)
                b = b + np.clip(step, -2 - spread, 2 + spread)
                moving &= np.abs(step) >= 1e-11 * (1 + np.abs(b))
                if not moving.any():
                    break
            side = np.where(m[part] > 0, -1.0, 1.0)
            out[:, part] = np.array(_low_median(b, spread, u, columns)) * np.where(ODD[:, None], side, 1.0)
    return Median(*out)


ODD = np.array([True, False, True, True, False, True])  # parts of Median whose sign is that of m


def _low_median(b: np.ndarray, tau: np.ndarray, u: np.ndarray, columns: np.ndarray) -> Median:
    """The Median of b and tau, by implicit differentiation of m(b, tau)."""
    p = expit(b[:, None] + tau[:, None] * u)
    mean, first = _mean_over(columns[:, 0], p), p * (1 - p)
    variance, skew = mean * (1 - mean), 1 - 2 * mean
    second = first * (1 - 2 * p)
    e_b, e_t = (_mean_over(column, first) / variance for column in columns.T[:2])
    squares = (e_b * e_b, e_b * e_t, e_t * e_t)
    e_bb, e_bt, e_tt = (
        _mean_over(column, second) / variance - skew * square
        for column, square in zip(columns.T[:3], squares, strict=True)
    )
    by_t = -e_t / e_b
    return Median(
        b,
        1 / e_b,
        by_t,
        -e_bb / e_b**3,
        -(e_bt + e_bb * by_t) / e_b**2,
        -(e_tt + 2 * e_bt * by_t + e_bb * by_t**2) / e_b,
    )
