"""Profile-likelihood limits of b and of tau in the binomial-normal model, for many analyses at once."""

from typing import NamedTuple

import numpy as np

from small_evidence.pooling.likelihood import Arms, Point, evaluate, point_at_zero
from small_evidence.pooling.maximum import TAU_SMALL, Maximum, common_proportion, look_along, tau_grid

TAU_LARGE = 100.0  # above, a limit of tau is given as not found: expit(+-100) are 0 and 1 to 40 digits
B_LARGE = 40.0  # beyond, a limit of b is 0 or 1 to 17 digits


class Search(NamedTuple):
    """Limits to be found, one on one side of one analysis; arrays (limits,)."""

    row: np.ndarray  # int; which analysis
    side: np.ndarray  # -1 for lower, 1 for upper limits
    b_hat: np.ndarray
    ll_hat: np.ndarray
    target: np.ndarray  # root of twice the fall of log-likelihood at the limit
    unit: np.ndarray  # standard deviation of a typical study's logit

    def take(self, index: np.ndarray) -> "Search":
        """Some of the limits."""
        return Search(*(part[index] for part in self))


def profile_b(
    arms: Arms, row: np.ndarray, top: Maximum, se: np.ndarray, critical: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of b by profile likelihood: where twice the fall of log-likelihood, maximised over tau, is critical.

    Parameters
    ----------
    top : Maximum of those analyses
    se : array (a,); standard error of b, to start from
    critical : array (a,); squared critical value, for example that of chi-squared with 1 df

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
    row, b_hat, tau_hat, ll_hat = (np.tile(part, 2) for part in (row, top.b, top.tau, top.point.ll))
    target, se = np.tile(np.sqrt(critical), 2), np.tile(se, 2)
    limit = np.full(2 * a, np.nan)
    common, at_zero, unit = common_proportion(arms, row)
    search = Search(row, side, b_hat, ll_hat, target, unit)
    edge = limit_at_zero(arms, search, common, at_zero)
    tau, settled = np.maximum(tau_hat, 0.3 * unit), np.zeros(2 * a, bool)
    b = b_hat + side * np.minimum(target * se, 3 + 2 * tau_hat)
    b = np.where(side * (edge - b) > 0, edge, b)  # never so for an edge that is NaN
    reached = np.flatnonzero(np.isfinite(edge))
    if reached.size:
        reached = reached[point_at_zero(arms, row[reached], edge[reached]).h_tt <= 0]
        taus = tau_grid(unit[reached])
        level_there, slope, _ = look_along(arms, row[reached], taus, edge[reached])
        rises = slope > 0
        floor = (ll_hat - target**2 / 2)[reached]
        below = (level_there <= floor).all(0)
        limit[reached[below]] = edge[reached[below]]
        # Where the likelihood rises towards a larger tau a ridge may lead further out; elsewhere the limit stands.
        settled[reached[below & ~rises.any(0)]] = True
        b[reached] = edge[reached]
        tau[reached] = np.where(
            rises.any(0),
            np.where(rises, taus, 0).max(0) * 1.3,
            np.take_along_axis(taus, level_there.argmax(0)[None], 0)[0],
        )

    def follow(rows: np.ndarray) -> np.ndarray:
        found = follow_ridge(arms, search.take(rows), b[rows], tau[rows])
        # Of two ridges the one that reaches further out is the profile's; a ridge that fades leaves the limit it had.
        return side[rows] * np.fmax(side[rows] * limit[rows], side[rows] * found)

    active = np.flatnonzero(~settled)
    limit[active] = follow(active)
    # There may be another ridge, at another tau, that is higher where the first has come down to the limit.
    active = active[np.abs(limit[active]) < B_LARGE]
    taus = tau_grid(unit[active])
    level_there, _, _ = look_along(arms, row[active], taus, limit[active])
    floor = (ll_hat - target**2 / 2)[active]
    higher = (level_there > floor + 1e-5).any(0)
    if higher.any():
        highest = level_there.argmax(0)[None]
        b[active], tau[active] = limit[active], np.take_along_axis(taus, highest, 0)[0]
        again = active[higher]
        limit[again] = follow(again)
    return limit[:a], limit[a:]


def rounding(arms: Arms, row: np.ndarray) -> np.ndarray:
    """What rounding leaves of a log-likelihood summed over so many patients, array (a,): no step can be smaller."""
    patients: np.ndarray = (arms.weight[row] * arms.n[row]).sum(1)
    return np.finfo(float).eps * patients


def follow_ridge(arms: Arms, search: Search, b: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """From b and tau, Newton's steps to where the profile has fallen by the target; array (limits,)."""
    row, side, b_hat, ll_hat, target, unit = search
    limit = np.full(row.size, np.nan)
    floor, noise = TAU_SMALL * unit, rounding(arms, row)
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
        step = np.where(descent > 0, (target[active] - root) * root / np.where(descent > 0, descent, 1.0), 0.5)
        step = np.where(ridge, np.clip(step, -0.7 * away, 1.5 * away + 0.1 * unit[active]), 0.0)
        still = 1e-9 + noise[active]
        done = ridge & (np.abs(step) < still * (1 + away)) & (np.abs(dt) < 100 * still * (1 + tau))
        limit[active[done]] = (b + side[active] * step)[done]
        turn = np.clip(turn * side[active] * step, -0.5 * tau, 0.5 * tau + 0.3 * unit[active])
        tau = np.maximum(np.maximum(tau + dt + turn, 0.1 * tau), floor[active])
        b = b + side[active] * step
        endless = (np.abs(b) > B_LARGE) | (tau > TAU_LARGE)
        limit[active[endless & ~done]] = side[active[endless & ~done]] * np.inf
        keep = ~(done | endless)
        active, b, tau, before = active[keep], b[keep], tau[keep], dt[keep]
    return limit


def limit_at_zero(arms: Arms, search: Search, common: np.ndarray, at_zero: Point) -> np.ndarray:
    """Where the log-likelihood at tau = 0 has fallen to the target, on one side; NaN where it starts lower.

    common and at_zero are its maximum, as in `maximum.common_proportion`.
    """
    row, side, _, ll_hat, target, _ = search
    limit = np.full(row.size, np.nan)
    fallen = 2 * (ll_hat - at_zero.ll)
    left = np.sqrt(np.maximum(target**2 - fallen, 0))
    active = np.flatnonzero(left > 0)
    b = (common + side * left / np.sqrt(-at_zero.h_bb))[active]
    for _ in range(50):
        point = point_at_zero(arms, row[active], b)
        root = np.sqrt(2 * np.maximum(at_zero.ll[active] - point.ll, 1e-30))
        step = (left[active] - root) * root / np.maximum(np.abs(point.g_b), 1e-300)
        away = np.abs(b - common[active])
        step = np.clip(step, -0.7 * away, away)
        b = b + side[active] * step
        done = (np.abs(step) < 1e-12 * (1 + np.abs(b))) | (np.abs(b) > 2 * B_LARGE)
        limit[active[done]] = b[done]
        active, b = active[~done], b[~done]
        if active.size == 0:
            break
    return limit


def profile_tau(arms: Arms, row: np.ndarray, top: Maximum, critical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Limits of tau by profile likelihood, maximised over b.

    Returns
    -------
    lb, ub : arrays (a,); lb 0 when tau 0 is inside; ub inf when beyond TAU_LARGE; NaN when not found
    """
    b_hat, tau_hat, point, _ = top
    _, at_zero, _ = common_proportion(arms, row)
    a = row.size
    inside, noise = point.ll - at_zero.ll <= critical / 2, rounding(arms, row)
    side = np.repeat([-1.0, 1.0], a)
    limit = np.full(2 * a, np.nan)
    limit[:a][inside] = 0.0
    active = np.nonzero(np.isnan(limit))[0]
    row2, ll_hat, target = np.tile(row, 2), np.tile(point.ll, 2), np.tile(np.sqrt(critical), 2)
    schur = point.h_tt - point.h_bt**2 / point.h_bb
    spread = np.sqrt(critical / np.maximum(-schur, critical / 9))  # at most 3
    tau = np.concatenate([np.maximum(tau_hat - spread, 0.4 * tau_hat), tau_hat + np.maximum(spread, 0.05)])[active]
    b, before = np.tile(b_hat, 2)[active], np.zeros(active.size)
    highest = np.tile(tau_hat, 2)
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
        away = np.abs(tau - highest[active])
        gain = np.where(descent > 0, (target[active] - root) * root / np.where(descent > 0, descent, 1.0), 0.5 * away)
        # Upwards the likelihood falls with log tau, downwards with tau.
        grown = tau * np.exp(np.clip(gain / tau, -0.7, 1.0)) - tau
        grown = np.maximum(grown, -0.7 * away)
        lowered = -np.clip(gain, -0.7 * away, 0.7 * tau)
        step = np.where(ridge, np.where(upper, grown, lowered), 0.0)
        still = 1e-9 + noise[active % a]
        done = ridge & (np.abs(step) < still * (1 + tau)) & (np.abs(inner) < 100 * still)
        limit[active[done]] = (tau + step)[done]
        b = b + inner + np.clip(turn * step, -2 - tau, 2 + tau)
        tau = tau + step
        endless = tau > TAU_LARGE
        limit[active[endless & ~done]] = np.inf
        vanishing = ~upper & (tau < TAU_SMALL)  # hardly outside at 0: there the limit is, to seven digits of tau2
        limit[active[vanishing & ~done]] = 0.0
        keep = ~(done | endless | vanishing)
        if not keep.any():
            break
        active, b, tau, before = active[keep], b[keep], tau[keep], inner[keep]
    return limit[:a], limit[a:]
