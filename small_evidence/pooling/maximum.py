"""Maximum of the likelihood of the binomial-normal model over b and tau, for many analyses at once."""

from typing import NamedTuple

import numpy as np
from scipy.special import logit

from small_evidence.pooling.likelihood import Arms, Point, blank_point, evaluate, over_arms, point_at_zero

TAU_SMALL = 3e-4  # below, tau is 0: tau2 changes by less than 1e-7
TAU_LARGEST = 1000.0  # where the iterations stop; reached only by dozens of studies of all or none and one between


class Maximum(NamedTuple):
    """Where the likelihood of each analysis is highest, arrays (a,)."""

    b: np.ndarray
    tau: np.ndarray
    point: Point  # there, with the points of the sums twice as dense as the iterations needed
    converged: np.ndarray  # bool

    def take(self, index: np.ndarray) -> "Maximum":
        """The maxima of some analyses."""
        return Maximum(self.b[index], self.tau[index], self.point.take(index), self.converged[index])


def maximise(arms: Arms, row: np.ndarray) -> Maximum:
    """Maximum-likelihood b and tau by safeguarded Newton steps from a moment start.

    Notes
    -----
    For a fixed tau the log-likelihood is concave in b (an integral over theta of a log-concave function of theta and
    b is log-concave in b), so only the curvature in tau can have the wrong sign; there the step goes upwards by a
    bounded amount. In tau there may be two maxima, one of them at 0. Where the iterations end at 0, the slope is looked
    at for larger tau, and where it is upwards they are repeated from there; the higher maximum is kept.
    """
    common, at_zero, unit = common_proportion(arms, row)
    peaked = at_zero.h_tt <= -1e-8 * at_zero.h_bb  # tau = 0 is a local maximum, or its tau2 not 1e-8 away
    spread = _moment_spread(arms, row)
    found = newton_ascent(arms, row, weighted_centre(arms, row, spread), spread, at_zero.ll, peaked)
    b, tau, point, converged = found
    zero = converged & (tau == 0)
    if zero.any():
        where = np.flatnonzero(zero)
        taus = tau_grid(unit[where])
        _, slope_t, start = look_along(arms, row[where], taus)
        higher = (slope_t > 0).any(0)
        if higher.any():
            again = where[higher]
            last = np.where(slope_t > 0, taus, 0).argmax(0)[higher]
            chosen = last, np.flatnonzero(higher)
            other = newton_ascent(arms, row[again], start[chosen], taus[chosen])
            _keep_better(found, other, again, at_zero.ll)
    # Not at a maximum, though higher than the one that was found: there is another close to tau = 0.
    close = np.flatnonzero(converged & ~peaked & (at_zero.ll >= point.ll))
    if close.size:
        other = newton_ascent(arms, row[close], common[close], 0.3 * unit[close])
        _keep_better(found, other, close, at_zero.ll)
    zero = converged & ((at_zero.ll >= point.ll) | (tau < TAU_SMALL))
    b[zero], tau[zero] = common[zero], 0.0
    point.put(zero, at_zero.take(zero))
    return found


def _keep_better(found: Maximum, other: Maximum, rows: np.ndarray, ll_zero: np.ndarray) -> None:
    """Put other maxima in place of those found, where they are higher and above tau = 0."""
    better = other.converged & (other.point.ll > np.maximum(found.point.ll[rows], ll_zero[rows]))
    where = rows[better]
    found.b[where], found.tau[where], found.converged[where] = other.b[better], other.tau[better], True
    found.point.put(where, other.point.take(better))


def common_proportion(arms: Arms, row: np.ndarray) -> tuple[np.ndarray, Point, np.ndarray]:
    """Maximum at tau = 0: b, its Point, and the standard deviation of a typical study's logit (at most 1)."""
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    common = logit((weight * x).sum(1) / (weight * n).sum(1))
    point = point_at_zero(arms, row, common)
    return common, point, np.minimum(1.0, np.sqrt(weight.sum(1) / -point.h_bb))


def tau_grid(unit: np.ndarray) -> np.ndarray:
    """Values of tau to look at, array (count, a), NaN where an analysis needs no more.

    From below the sampling error of a study to 6, above any likely spread, each 1.7 times the one before.
    """
    low, ratio = 0.4 * unit, 15 ** (1 / 5)
    count = np.ceil(np.log(6 / low) / np.log(ratio) - 1e-9) + 1
    step = np.arange(int(count.max(initial=1)))[:, None]
    return np.where(step < count, low * ratio**step, np.nan)


def look_along(arms: Arms, row: np.ndarray, taus: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Log-likelihood and slope in tau along a grid of tau; and b, maximised.

    Array (3, *shape of the grid), -inf and nan beyond its end.

    With b given it is held there, and the slope is at that b. Half the points do for a look.
    """
    place, column = np.nonzero(np.isfinite(taus))
    tau = taus[place, column]
    if b is not None:
        held, point = b[column], evaluate(arms, row[column], b[column], tau, 0.5)
        slope = point.g_t
    else:
        held = weighted_centre(arms, row[column], tau)
        for _ in range(2):
            point = evaluate(arms, row[column], held, tau, 0.5)
            held = held - point.g_b / point.h_bb
        slope = point.g_t - point.h_bt * point.g_b / point.h_bb
    out = np.full((3, *taus.shape), np.nan)
    out[0] = -np.inf
    out[:, place, column] = point.ll, slope, held
    return out


def _moment_spread(arms: Arms, row: np.ndarray) -> np.ndarray:
    """A start for tau: the variance of the studies' logits beyond that of sampling."""
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    k = weight.sum(1)
    yi = np.log((x + 0.5) / (n - x + 0.5))
    vi = 1 / (x + 0.5) + 1 / (n - x + 0.5)
    centre = over_arms(weight * yi) / k
    beyond = over_arms(weight * (yi - centre[:, None]) ** 2) / np.maximum(k - 1, 1) - over_arms(weight * vi) / k
    return np.sqrt(np.clip(beyond, 0.16, 9.0))


def weighted_centre(arms: Arms, row: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """A start for b: the mean of the studies' logits, weighted for the given tau."""
    x, n, weight = arms.x[row], arms.n[row], arms.weight[row]
    w = weight / (1 / (x + 0.5) + 1 / (n - x + 0.5) + tau[:, None] ** 2)
    return over_arms(w * np.log((x + 0.5) / (n - x + 0.5))) / over_arms(w)


def newton_ascent(
    arms: Arms,
    row: np.ndarray,
    b: np.ndarray,
    tau: np.ndarray,
    ll_zero: np.ndarray | None = None,
    may_jump: np.ndarray | None = None,
) -> Maximum:
    """Newton's iterations to a maximum over b and tau; see `maximise`.

    Where may_jump, and the way is down towards a tau = 0 that lies higher, the iterations end there at once.
    """
    a = row.size
    if ll_zero is None or may_jump is None:
        ll_zero, may_jump = np.full(a, np.inf), np.zeros(a, bool)
    final_b, final_tau, converged = b.copy(), np.zeros(a), np.zeros(a, bool)
    best = blank_point(a)
    refine = np.ones(a)
    active = np.arange(a)
    # Rounding of a log-likelihood summed over so many patients is no step downwards.
    noise = 1e-10 + 4 * np.finfo(float).eps * (arms.weight[row] * arms.n[row]).sum(1)
    ll = np.full(a, -np.inf)
    db, dt = np.zeros(a), np.zeros(a)
    for _ in range(100):
        point = evaluate(arms, row[active], b, tau, refine)
        worse = point.ll < ll - noise[active]
        schur = point.h_tt - point.h_bt**2 / point.h_bb
        slope_t = point.g_t - point.h_bt * point.g_b / point.h_bb
        concave = schur < 0
        new_t = np.where(concave, -slope_t / np.where(concave, schur, -1.0), np.sign(slope_t) * (0.5 * tau + 0.1))
        new_t = np.clip(new_t, -0.8 * tau, 1.5 * tau + 0.2)
        new_b = np.clip(-(point.g_b + point.h_bt * new_t) / point.h_bb, -2 - tau, 2 + tau)
        still = ~worse & concave & (np.abs(new_b) + np.abs(new_t) < 1e-8 * (1 + tau))
        done = still & (refine > 1)
        to_zero = may_jump[active] & (ll_zero[active] >= point.ll) & (slope_t < 0) & ~worse & ~done
        small = ~done & ~to_zero & ~worse & (tau < TAU_SMALL)
        done |= small
        if done.any():
            where = active[done]
            final_b[where], final_tau[where] = b[done], tau[done]
            best.put(where, point.take(done))
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
    return Maximum(final_b, final_tau, best, converged)
