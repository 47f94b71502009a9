"""The binomial-normal model with study covariates: one analysis, a few coefficients, one tau2.

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(design_i @ beta, tau2)

The integrals are those of `likelihood`, taken for every study by itself. To take a few costs as much as to take a
hundred, so an ascent does not take them itself: it is a generator that asks for them, and what several ascents ask for
at one time (of all starts, all coefficients, both limits, many analyses) is taken `together`.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from small_evidence.pooling.likelihood import Arms, Point, evaluate, make_arms
from small_evidence.pooling.lockstep import advance
from small_evidence.pooling.maximum import TAU_LARGEST, TAU_SMALL
from small_evidence.pooling.prediction import Mixture
from small_evidence.pooling.profile import B_LARGE

TAU_NODES, TAU_MOST = 40, 12.0  # of the mixture of `further_studies`; the penalty leaves 1e-8 beyond
FAR = 25.0  # a study whose logit is fitted beyond this has been separated: its coefficient has no maximum


Result = TypeVar("Result")
# Asks for the likelihood of single studies at b and tau, arrays (studies,), and gets its Point; then returns a result
Asking = Generator[tuple[Arms, np.ndarray, np.ndarray], Point, Result]


class Regression(NamedTuple):
    """A fitted model with p coefficients."""

    beta: np.ndarray  # (p,)
    covariance: np.ndarray  # (p, p), from the observed information of (beta, tau)
    tau2: float
    loglik: float
    separated: np.ndarray  # (studies,) bool; those that only an infinite coefficient would fit best
    converged: bool
    ridge: float = 0.0  # tau2 times half of this was taken off the log-likelihood


def fit_regression(xi: ArrayLike, ni: ArrayLike, design: ArrayLike, ridge: float = 0.0) -> Regression:
    """Fit by maximum likelihood.

    Parameters
    ----------
    xi, ni : float arrays (k,); responders and patients
    design : float array (k, p) of full column rank, with a column of ones or indicators for the intercept
    ridge : tau2 times half of this is taken off the log-likelihood

    Returns
    -------
    Regression

    Notes
    -----
    Where a coefficient tends to infinity (a category in which all respond) the climb is stopped; the
    log-likelihood has by then reached its supremum to 1e-9, so that likelihood ratios stand.

    Examples
    --------
    >>> model = fit_regression([3.0, 4, 9, 5], [12.0, 4, 17, 8], [[1.0]] * 4)
    >>> print(f"{model.beta[0]:.4f} {model.tau2:.4f} {model.loglik:.4f}")
    0.1907 0.4564 -8.5978
    """
    return answered(regression(np.asarray(xi, float), np.asarray(ni, float), np.asarray(design, float), ridge))


def regression(xi: np.ndarray, ni: np.ndarray, design: np.ndarray, ridge: float = 0.0) -> Asking[Regression]:
    """The steps of `fit_regression`."""
    arms = _single_studies(xi, ni)
    columns, back = scaled(design)
    beta = np.linalg.lstsq(columns, np.log((xi + 0.5) / (ni - xi + 0.5)), rcond=None)[0]
    # Both from a spread of its own and from none: the likelihood may have a maximum at tau = 0 and another beyond.
    starts = (newton_ascent(arms, columns, beta, start, ridge=ridge) for start in (0.0, 0.5, 2.0))
    candidates = yield from together(starts)
    ll, beta, tau, point, converged = max(candidates, key=lambda found: round(found[0], 9))
    information = _information(columns, point, tau, ridge)
    # A direction without information is that of an infinite coefficient, and has no finite variance.
    covariance = np.linalg.pinv(information, rcond=1e-9, hermitian=True)[: beta.size, : beta.size]
    invert = np.linalg.inv(back)
    return Regression(
        invert @ beta,
        invert @ covariance @ invert.T,
        float(tau**2),
        float(ll + arms.constant.sum()),
        np.abs(columns @ beta) > FAR,
        converged,
        ridge,
    )


def further_studies(xi: np.ndarray, ni: np.ndarray, design: np.ndarray, new: np.ndarray, ridge: float) -> Mixture:
    """The logit of further studies with given rows `new` (m, p) of the design.

    At each of a grid of tau the coefficients are normal around their maximum (Laplace); the nodes weigh as much as the
    penalised likelihood that is left when the coefficients are integrated out.
    """
    arms = _single_studies(xi, ni)
    columns, back = scaled(design)
    start = np.linalg.lstsq(columns, np.log((xi + 0.5) / (ni - xi + 0.5)), rcond=None)[0]
    x, width = np.polynomial.legendre.leggauss(TAU_NODES)
    root = (x + 1) / 2  # of tau in units of TAU_MOST: closer together near 0
    taus = TAU_MOST * root**2
    steps = (newton_ascent(arms, columns, start, float(tau), ridge=ridge, hold_tau=True) for tau in taus)
    ends = answered(together(steps))
    rows = new @ np.linalg.inv(back)
    means, variances, heights = [], [], []
    for tau, (ll, beta, _, point, _) in zip(taus, ends, strict=True):
        values, vectors = np.linalg.eigh(columns.T @ (-point.h_bb[:, None] * columns))
        known = values > 1e-9 * values.max()  # the others are directions of infinite coefficients
        means.append(rows @ beta)
        variances.append(((rows @ vectors[:, known]) ** 2 / values[known]).sum(axis=1) + tau**2)
        heights.append(ll - np.log(values[known]).sum() / 2)
    weight = np.exp(np.array(heights) - max(heights)) * width * root
    shares = np.broadcast_to(weight / weight.sum(), (new.shape[0], TAU_NODES))
    return Mixture(np.array(means).T, np.sqrt(np.array(variances)).T, shares)


def scaled(design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal columns (k, p) of length sqrt(k) and the matrix (p, p) by which they make the design.

    Years and indicators alike, Newton's steps are well scaled.
    """
    columns, back = np.linalg.qr(design)
    length = np.sqrt(design.shape[0])
    return columns * length, back / length


def profile_limits(
    xi: ArrayLike, ni: ArrayLike, design: ArrayLike, model: Regression, coefficients: Sequence[int], critical: float
) -> list[tuple[float, float]]:
    """Limits of some coefficients: where twice the fall of log-likelihood, maximised over the rest, is critical.

    Parameters
    ----------
    xi, ni, design : as in `fit_regression`
    model : Regression fitted to them, with or without a ridge
    coefficients : which, by their places
    critical : float; squared critical value

    Returns
    -------
    list of (lb, ub), one a coefficient; -inf, inf where there is no limit; NaN when not found
    """
    counts = np.asarray(xi, float), np.asarray(ni, float)
    return answered(limits_of(*counts, np.asarray(design, float), model, coefficients, critical))


def limits_of(
    xi: np.ndarray, ni: np.ndarray, design: np.ndarray, model: Regression, coefficients: Sequence[int], critical: float
) -> Asking[list[tuple[float, float]]]:
    """The steps of `profile_limits`."""
    arms, target = _single_studies(xi, ni), float(np.sqrt(critical))
    sides = [_limit(arms, design, model, j, side, target) for j in coefficients for side in (-1.0, 1.0)]
    found = yield from together(sides)
    return list(zip(found[::2], found[1::2], strict=True))


def _limit(arms: Arms, design: np.ndarray, model: Regression, j: int, side: float, target: float) -> Asking[float]:
    """The limit of coefficient j on one side."""
    peak = model.loglik - arms.constant.sum()
    # Orthogonal columns of one length, as in `regression`. The part of column j that the others explain is left to
    # them: the same likelihood, with an upright ridge, whatever the units.
    others, back = scaled(np.delete(design, j, axis=1))
    shared = others.T @ design[:, j] / arms.x.size
    column = design[:, j] - others @ shared
    unit = np.sqrt((column**2).mean())
    column = column / unit
    value, tau = model.beta[j] * unit, np.sqrt(model.tau2)
    rest = back @ np.delete(model.beta, j) + shared * model.beta[j]
    away, inside, outside = target * unit * np.sqrt(model.covariance[j, j]), 0.0, np.inf
    for _ in range(60):
        offset = column * (value + side * away)
        starts = (newton_ascent(arms, others, rest, start, offset, model.ridge) for start in (0.0, max(tau, 0.3)))
        ends = yield from together(starts)
        ll, rest, tau, point, converged = max(ends, key=lambda end: end[0])
        if not converged:
            return np.nan
        root = np.sqrt(2 * max(peak - ll, 1e-14))
        if root < target:
            inside = away
        else:
            outside = away
        slope = -side * float(column @ point.g_b) / root
        new = away + (target - root) / slope if slope > 0 else np.inf
        if not inside < new < outside:
            new = (inside + outside) / 2 if np.isfinite(outside) else 2 * away
        if abs(new - away) < 1e-9 * (1 + away):
            return float(value + side * new) / unit
        if np.abs(column * new).max() > 2 * B_LARGE:
            return side * np.inf
        away = new
    return np.nan


def _single_studies(xi: np.ndarray, ni: np.ndarray) -> Arms:
    return make_arms(xi[:, None], ni[:, None], np.ones((xi.size, 1), bool))


def answered(asking: Asking[Result]) -> Result:
    """What a generator returns after all that it asked for."""
    point = None
    while True:
        try:
            arms, b, tau = next(asking) if point is None else asking.send(point)
        except StopIteration as end:
            result: Result = end.value
            return result
        point = evaluate(arms, np.arange(b.size), b, tau)


def together(asking: Iterable[Asking[Result]]) -> Asking[list[Result]]:
    """What several generators return; what they ask for at one time is asked for at once."""
    all_of_them = dict(enumerate(asking))
    results: dict[int, Result] = {}
    points: dict[int, Point | None] = dict.fromkeys(all_of_them)
    while points:
        asked, ended = advance(all_of_them, points)
        results |= ended
        if not asked:
            break
        arms, bs, taus = zip(*asked.values(), strict=True)
        # of Arms, what comes before `ridge` has a row a study
        joined = [np.concatenate(parts) for parts in zip(*(one[:6] for one in arms), strict=True)]
        answer = yield Arms._make([*joined, 0.0, False]), np.concatenate(bs), np.concatenate(taus)
        ends = np.cumsum([b.size for b in bs])
        parts = (answer.take(slice(end - b.size, end)) for b, end in zip(bs, ends, strict=True))
        points = dict(zip(asked, parts, strict=True))
    return [results[place] for place in range(len(all_of_them))]


def newton_ascent(
    arms: Arms,
    design: np.ndarray,
    beta: np.ndarray,
    tau: float,
    offset: float | np.ndarray = 0.0,
    ridge: float = 0.0,
    *,
    hold_tau: bool = False,
) -> Asking[tuple[float, np.ndarray, float, Point, bool]]:
    """Newton's iterations; (log-likelihood, beta, tau, Point a study, converged)."""
    beta = np.array(beta, float)
    p: int = design.shape[1]

    def look(beta: np.ndarray, tau: float) -> Asking[Point]:
        return (yield arms, design @ beta + offset, np.full(design.shape[0], tau))

    def height(point: Point, tau: float) -> float:
        return float(point.ll.sum() - ridge * tau**2 / 2)

    point = yield from look(beta, tau)
    ll = height(point, tau)
    for _ in range(200):
        if np.abs(design @ beta).max(initial=0) > 1.5 * FAR:
            break
        gradient = np.append(design.T @ point.g_b, point.g_t.sum() - ridge * tau)
        information = _information(design, point, tau, ridge)
        if tau == 0 or hold_tau:
            free = slice(0, p)  # at 0 the slope in tau is 0 here by symmetry
        else:
            free = slice(0, p + 1)
            schur = _schur(information)
            if schur <= 0:
                information[p, p] += 2 * abs(schur) + abs(gradient[p]) / (0.5 * tau + 0.1)
        step = np.zeros(p + 1)
        if p or tau > 0:
            step[free] = np.linalg.lstsq(information[free, free], gradient[free], rcond=None)[0]
        step[:p] = np.clip(step[:p], -3, 3)
        step[p] = np.clip(step[p], -0.8 * tau, 1.5 * tau + 0.2)
        for _ in range(30):
            new_tau = float(tau + step[p])
            trial = beta + step[:p], (0.0 if new_tau < TAU_SMALL else min(new_tau, TAU_LARGEST))
            seen = yield from look(*trial)
            if height(seen, trial[1]) >= ll - 1e-11:
                break
            step /= 4
        size = np.abs(trial[0] - beta).sum() + abs(trial[1] - tau)
        beta, tau, point, ll = *trial, seen, height(seen, trial[1])
        if size < 1e-9 * (1 + tau):
            if tau == 0 and not hold_tau and point.h_tt.sum() - ridge > 1e-8 * -point.h_bb.sum():
                tau = 0.3  # tau = 0 is a minimum: leave it
                point = yield from look(beta, tau)
                ll = -np.inf
                continue
            return ll, beta, tau, point, True
    return ll, beta, tau, point, bool(np.abs(design @ beta).max(initial=0) > FAR)


def _information(design: np.ndarray, point: Point, tau: float, ridge: float) -> np.ndarray:
    """Minus the Hessian in (beta, tau); at tau = 0 that of beta alone, bordered by zeros."""
    p = design.shape[1]
    out = np.zeros((p + 1, p + 1))
    out[:p, :p] = design.T @ (-point.h_bb[:, None] * design)
    if tau > 0:
        out[:p, p] = out[p, :p] = -design.T @ point.h_bt
        out[p, p] = ridge - point.h_tt.sum()
    return out


def _schur(information: np.ndarray) -> float:
    """Curvature in tau with beta following its ridge."""
    p = information.shape[0] - 1
    if p == 0:
        return information[0, 0]
    ridge = np.linalg.lstsq(information[:p, :p], information[:p, p], rcond=None)[0]
    return information[p, p] - information[:p, p] @ ridge
