"""Bayesian binomial-normal model by deterministic quadrature: no sampling, no seed, the same digits every time.

The model is that of `glmm` with priors::

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(b, tau²)
    b ~ Normal(0, b_sd²),    tau ~ half-normal(tau_scale)

The only module that knows these priors. It gives an answer where maximum likelihood has none (all patients respond,
one study, one patient a study); there the answer leans on the priors, and the note says so.

How it is computed. Every integrand here is analytic and dies away at both ends, so sums over equally spaced points
(the trapezoidal rule) converge exponentially. tau = s sinh(u) is put on half-integer multiples of a step in u (the
integrand is even in tau, so u = 0 is no end). Given tau, b lies on multiples of a power of 2 that suits the width of
its conditional posterior. A study's integral over theta_i depends on (x_i, n_i, b, tau) only, and the points of b are
multiples of one step, so one table serves all analyses that hold the same counts. Quantiles come from the
integral of the sinc interpolant, which has the same exponential accuracy as the sum.
Each analysis checks itself: what the window cuts off, and the characteristic function of the density near the highest
frequency the points can carry. Where these are not negligible its window is widened or its step halved.

References
----------
Trefethen & Weideman (2014), SIAM Rev 56:385 (trapezoidal rule). Stenger (1981), SIAM Rev 23:165 (sinc integration).
Smith, Spiegelhalter & Thomas (1995), Stat Med 14:2685 (the model). Gelman (2006), Bayesian Anal 1:515 (prior of tau).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import expit, logit, sici, xlog1py, xlogy

from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.notes import join_notes
from small_evidence.pooling.proportions import check_choice
from small_evidence.pooling.record import MIN_K_PREDICTION

DEFAULT_PRIORS = {"b_sd": 2.5, "tau_scale": 1.0}

REACH = 8.8  # standard deviations after which a normal density is 1e-17 of its peak
CUT_OFF = 30.0  # log density at the end of a window, below the peak: exp(-30) = 1e-13
ALIASED = 1e-8  # characteristic function of b allowed at CHECKED of the highest frequency
ALIASED_U = 1e-5  # the same of u: sums over tau err by the square of it, quantiles of tau by a tenth of it
CHECKED = 0.875
SUPPORT = 40.0  # a study's likelihood is left out where it is below exp(-40) of its peak
MARGIN = 60.0  # approximate log density of tau below which it is not looked at
MAX_ROUNDS = 12
CHUNK = 512  # analyses that share one table
STEP_Z, REACH_Z = 0.6, 9.6  # points of the integral over a study's effect where tau is small
PREDICTION_REACH = 24.0  # tau scales from b to the farthest new study: beyond lies exp(-24) = 4e-11


class Data(NamedTuple):
    """Distinct pairs (x, n) and the analyses made of them."""

    x: np.ndarray  # (pairs,)
    n: np.ndarray
    index: np.ndarray  # (analyses, k): which pair
    mask: np.ndarray
    y: np.ndarray  # (analyses, k): log odds with 0.5 added, for a first guess of where to look
    v: np.ndarray


class Lattice(NamedTuple):
    """Densities at (start + 0, 1, 2, ...) * step, one row an analysis."""

    step: float
    start: float
    density: np.ndarray


def fit(xi, ni, mask, conf_level=0.95, *, interval=None, priors=None):
    """Posterior of the pooled proportion, many analyses at once.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients, anything where mask is False
    mask : bool array (a, k); True where there is a study
    conf_level : float in (0, 1); probability inside the intervals
    interval : "credible" (default), equal tails
    priors : dict with b_sd (standard deviation of the normal prior of the pooled log odds, mean 0) and tau_scale (of
        the half-normal prior of tau); what is left out is taken from DEFAULT_PRIORS

    Returns
    -------
    dict of arrays (a,): interval; estimate (posterior median of expit(b)), ci_lb, ci_ub, pi_lb, pi_ub (proportion of
    a new study; from three studies on), mean_proportion (posterior mean of a new study's proportion); b (posterior
    median), se (posterior standard deviation of b); tau2 (squared posterior median of tau), tau2_lb, tau2_ub (squared
    limits of tau); nodes (points (b, tau) of the quadrature); status, note

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
    tails = ((1 - conf_level) / 2, (1 + conf_level) / 2)

    names = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "mean_proportion")
    names += ("b", "se", "tau2", "tau2_lb", "tau2_ub", "nodes")
    result = {name: np.full(size, np.nan) for name in names}
    settled = np.ones(size, dtype=bool)
    filled = np.flatnonzero(k > 0)
    if filled.size:
        data, back = _distinct(xi[filled], ni[filled], mask[filled])
        for rows, part in _integrate(data, b_sd, tau_scale):
            values = _summarise(part, tails)
            values["settled"] = part.settled
            where = np.flatnonzero(np.isin(back, rows))
            place = np.full(len(data.index), -1)
            place[rows] = np.arange(len(rows))
            for name, column in values.items():
                target = settled if name == "settled" else result[name]
                target[filled[where]] = column[place[back[where]]]
    for name in ("pi_lb", "pi_ub"):
        result[name][k < MIN_K_PREDICTION] = np.nan
    for name in names:
        result[name][~settled] = np.nan

    events, total = xi.sum(axis=1), ni.sum(axis=1)
    status = np.where(k == 0, "no_data", np.where(settled, "ok", "not_converged")).astype(object)
    result["status"] = status
    answered = (k > 0) & settled
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


def posterior(xi, ni, priors=None, points=401):
    """Posterior density of the pooled proportion of one analysis, for drawing.

    Parameters
    ----------
    xi, ni : arrays (k,); responders and patients
    priors : dict, see `fit`
    points : int; equally spaced proportions strictly between 0 and 1

    Returns
    -------
    DataFrame with columns p and density (of expit(b), the median study's proportion)

    Raises
    ------
    ValueError: see `fit`

    Examples
    --------
    >>> curve = posterior([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5])
    >>> float((curve["density"].sum() / 402).round(6))  # the area under it
    1.0
    """
    b_sd, tau_scale = _read_priors(priors)
    xi, ni = np.asarray([xi], dtype=float), np.asarray([ni], dtype=float)
    data, _ = _distinct(xi, ni, np.ones(xi.shape, dtype=bool))
    ((_, part),) = _integrate(data, b_sd, tau_scale)
    p = np.arange(1, points + 1) / (points + 1)
    density = sum(_sinc_sum(lattice, logit(p)[None, :])[0] for lattice in part.pooled)
    return pd.DataFrame({"p": p, "density": np.maximum(density, 0) / (p * (1 - p))})


def _read_priors(priors):
    unknown = set(priors or {}) - set(DEFAULT_PRIORS)
    if unknown:
        raise ValueError(f"prior {sorted(unknown)[0]!r} is not one of {', '.join(DEFAULT_PRIORS)}")
    values = {**DEFAULT_PRIORS, **(priors or {})}
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"prior {name} must be a positive number, not {value!r}")
    return float(values["b_sd"]), float(values["tau_scale"])


def _distinct(xi, ni, mask):
    """Analyses that differ, whatever the order of their studies, and which of them each row is."""
    pairs, index = np.unique(np.stack([xi[mask], ni[mask]], axis=1), axis=0, return_inverse=True)
    table = np.full(mask.shape, len(pairs))
    table[mask] = index.ravel()
    rows, back = np.unique(np.sort(table, axis=1), axis=0, return_inverse=True)
    held = rows < len(pairs)
    rows = np.where(held, rows, 0)
    x, n = pairs[:, 0], pairs[:, 1]
    y, v = np.log((x + 0.5) / (n - x + 0.5)), 1 / (x + 0.5) + 1 / (n - x + 0.5)
    return Data(x, n, rows, held, y[rows], v[rows]), back.ravel()


# --- Where to look: normal approximation -----------------------------------------------------------------------------


def _approximate(data, rows, tau, b_sd):
    """Mean, variance of b given tau, and log density of tau (no prior), if log odds were normal."""
    wi = data.mask[rows] / (data.v[rows] + tau**2)
    precision = wi.sum(axis=1) + 1 / b_sd**2
    mean = (wi * data.y[rows]).sum(axis=1) / precision
    log_p = np.where(data.mask[rows], np.log(data.v[rows] + tau**2), 0).sum(axis=1) + np.log(precision)
    log_p = -(log_p + (wi * data.y[rows] ** 2).sum(axis=1) - mean**2 * precision) / 2
    return mean, 1 / precision, log_p


class Plan(NamedTuple):
    """How each analysis is computed; all arrays (analyses,). Steps are powers of 2, given as exponents."""

    log_s: np.ndarray
    log_step_u: np.ndarray
    finer: np.ndarray  # times the step of b was halved
    wider: np.ndarray  # factor on the window of b
    margin: np.ndarray  # approximate log density below the peak at which tau is left out
    longer: np.ndarray  # factor on the largest tau

    def take(self, rows):
        return Plan(*(part[rows] for part in self))


def _first_plan(data, b_sd, tau_scale):
    size = len(data.index)
    everything = np.arange(size)
    smallest = np.sqrt(np.where(data.mask, data.v, np.inf).min(axis=1))
    log_s = 2 * np.floor(np.log2(np.minimum(smallest, tau_scale)) / 2)  # coarse, so that tables are shared
    s = np.exp2(log_s)
    reach = np.arcsinh(REACH * tau_scale / s)
    shares = (np.arange(48) + 0.5) / 48
    heights = np.empty((size, len(shares)))
    for column, share in enumerate(shares):
        tau = s * np.sinh(share * reach)
        log_p = _approximate(data, everything, tau[:, None], b_sd)[2]
        heights[:, column] = log_p - (tau / tau_scale) ** 2 / 2 + np.log(np.cosh(share * reach))
    weight = np.exp(heights - heights.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    u = shares * reach[:, None]
    mean = (weight * u).sum(axis=1)
    spread = np.sqrt((weight * (u - mean[:, None]) ** 2).sum(axis=1))
    log_step = np.floor(np.log2(np.clip(0.5 * spread, reach / 200, 0.2)))
    return Plan(log_s, log_step, np.zeros(size), np.ones(size), np.full(size, MARGIN), np.ones(size))


# --- A study's likelihood, averaged over its effect -------------------------------------------------------------------


def _peaks(x, n):
    p = x / n
    return xlogy(x, p) + xlog1py(n - x, -p)


def _log_likelihood(x, n, theta):
    """Log-likelihood of x of n at theta below its peak, (pairs, ...)."""
    shape = (-1,) + (1,) * np.ndim(theta)
    x, n = x.reshape(shape), n.reshape(shape)
    return x * theta - n * np.logaddexp(0, theta) - _peaks(x, n)


def _supports(x, n, far):
    """Where each likelihood is above exp(-SUPPORT) of its peak, within (-far, far); and its step of theta."""
    peak = np.clip(logit(np.clip(x / n, 1e-300, 1 - 1e-16)), -far, far)
    ends = []
    for side in (-1, 1):
        inner, outer = peak.copy(), np.full(len(x), side * far)
        for _ in range(60):
            middle = (inner + outer) / 2
            low = x * middle - n * np.logaddexp(0, middle) - _peaks(x, n) < -SUPPORT
            inner, outer = np.where(low, inner, middle), np.where(low, middle, outer)
        ends.append(outer)
    # a likelihood of x of n is as wide as 1/sqrt(npq); that of 0 or of n is a cliff of width 1
    width = 1 / np.sqrt(np.maximum(x * (n - x) / n, 1))
    return ends[0], ends[1], np.floor(np.log2(np.minimum(0.4, 0.5 * width)))


def _cover(first, last):
    """Whole numbers in the union of the ranges first..last, ascending."""
    order = np.argsort(first)
    first, reached = first[order], np.maximum.accumulate(last[order])
    opens = np.concatenate([[True], first[1:] > reached[:-1]])
    first, last = first[opens], np.maximum(reached[np.append(opens[1:], True)], first[opens])
    counts = (last - first + 1).astype(int)
    return np.repeat(first, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _table(x, n, supports, points, tau):
    """Log of the likelihood of each pair averaged over theta ~ Normal(b, tau²), (pairs, points of b)."""
    result = np.empty((len(x), len(points)))
    lower, upper, log_step = supports
    for exponent in np.unique(log_step):
        rows = np.flatnonzero(log_step == exponent)
        step = 2.0**exponent
        if tau >= 1.25 * step:
            # normal density around b is wide enough for the points of theta that suit the likelihoods
            first = np.floor(np.maximum(lower[rows], points[0] - REACH_Z * tau) / step)
            last = np.ceil(np.minimum(upper[rows], points[-1] + REACH_Z * tau) / step)
            theta = _cover(first, last) * step
            likelihood = np.exp(_log_likelihood(x[rows], n[rows], theta))
            kernel = np.exp(-(((theta[:, None] - points) / tau) ** 2) / 2)
            average = likelihood @ kernel * (step / tau / np.sqrt(2 * np.pi))
        else:
            z = np.arange(-REACH_Z, REACH_Z + STEP_Z / 2, STEP_Z)
            theta = points[:, None] + tau * z
            weight = np.exp(-(z**2) / 2) * (STEP_Z / np.sqrt(2 * np.pi))
            softplus = np.logaddexp(0, theta)
            average = np.empty((len(rows), len(points)))
            for place, row in enumerate(rows):
                height = x[row] * theta - n[row] * softplus - _peaks(x[row], n[row])
                average[place] = np.exp(height) @ weight
        result[rows] = np.log(np.maximum(average, np.finfo(float).tiny))
    return result


# --- Sums over b and tau ---------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """Normalised posteriors of a chunk of analyses."""

    pooled: list  # Lattice of b, one a step
    predicted: list  # Lattice of a new study's effect
    spread: Lattice  # of u, mirrored at 0
    s: float
    nodes: np.ndarray
    settled: np.ndarray


def _integrate(data, b_sd, tau_scale):
    """Yield (rows, Part) until every analysis is done; those that fail a check come again with a better plan."""
    plan = _first_plan(data, b_sd, tau_scale)
    waiting = np.arange(len(data.index))
    for attempt in range(MAX_ROUNDS):
        last = attempt == MAX_ROUNDS - 1
        again = []
        far = REACH * (b_sd + REACH_Z * tau_scale * plan.longer[waiting].max())
        supports = _supports(data.x, data.n, far)
        for rows in _chunks(data, plan, waiting, b_sd):
            part, faults = _integrate_chunk(data, rows, plan.take(rows), supports, b_sd, tau_scale)
            good = part.settled
            plan.wider[rows[faults["cut"]]] *= 1.6
            plan.finer[rows[faults["coarse"]]] += 1
            plan.log_step_u[rows[faults["coarse_u"]]] -= 1
            plan.margin[rows[faults["margin"]]] = np.inf
            plan.longer[rows[faults["short"]]] *= 3
            again.append(rows[~good])
            if good.all() or last:
                yield rows, part
            elif good.any():
                yield rows[good], _take(part, good)
        waiting = np.concatenate(again)
        if not waiting.size:
            return


def _take(part, rows):
    def shorten(lattice):
        return lattice._replace(density=lattice.density[rows])

    return Part(
        [shorten(lattice) for lattice in part.pooled],
        [shorten(lattice) for lattice in part.predicted],
        shorten(part.spread),
        part.s,
        part.nodes[rows],
        part.settled[rows],
    )


def _chunks(data, plan, rows, b_sd):
    """Analyses that share steps and lie near each other, at most CHUNK at a time."""
    mean, variance, _ = _approximate(data, rows, 0.0, b_sd)
    step = np.floor(np.log2(np.sqrt(variance))) - plan.finer[rows]
    keys = np.stack([plan.log_s[rows], plan.log_step_u[rows], plan.longer[rows], step])
    order = np.lexsort((mean, *keys))
    same = (np.diff(keys[:, order], axis=1) == 0).all(axis=0)
    start = 0
    for place in range(1, len(order) + 1):
        if (
            place == len(order)
            or not same[place - 1]
            or place - start >= CHUNK
            or mean[order[place]] - mean[order[start]] > 12 * np.sqrt(variance[order[start]])
        ):
            yield rows[order[start:place]]
            start = place


def _windows(data, rows, plan, tau, b_sd):
    """Exponent of the step of b and first and last multiple of it, each (analyses,); and the density of tau."""
    mean, variance, log_p = _approximate(data, rows, tau, b_sd)
    width = np.sqrt(variance)
    events = np.where(data.mask[rows], data.x[data.index[rows]], 0).sum(axis=1)
    others = np.where(data.mask[rows], (data.n - data.x)[data.index[rows]], 0).sum(axis=1)
    # the fewer patients bound the odds on one side, the longer the tail there
    lower = mean - (REACH + 1) * width * plan.wider * (1 + 2 / (1 + events))
    upper = mean + (REACH + 1) * width * plan.wider * (1 + 2 / (1 + others))
    exponent = np.floor(np.log2(0.45 * width)) - plan.finer
    step = np.exp2(exponent)
    lower, upper = np.maximum(lower, -REACH * b_sd), np.minimum(upper, REACH * b_sd)
    return exponent, np.floor(lower / step), np.ceil(upper / step), log_p


def _integrate_chunk(data, rows, plan, supports, b_sd, tau_scale):
    s, step_u = 2.0 ** plan.log_s[0], 2.0 ** plan.log_step_u[0]
    u = (np.arange(np.ceil(np.arcsinh(REACH * tau_scale * plan.longer[0] / s) / step_u)) + 0.5) * step_u
    taus = s * np.sinh(u)
    places = [_windows(data, rows, plan, tau, b_sd) for tau in taus]
    guess = np.stack([log_p for *_, log_p in places], axis=1) - (taus / tau_scale) ** 2 / 2 + np.log(np.cosh(u))
    looked_at = guess > guess.max(axis=1, keepdims=True) - plan.margin[:, None]

    # pairs of this chunk only
    used = np.unique(data.index[rows][data.mask[rows]])
    local = np.searchsorted(used, np.where(data.mask[rows], data.index[rows], used[0]))
    x, n = data.x[used], data.n[used]
    own = tuple(part[used] for part in supports)

    blocks = []
    for place, tau in enumerate(taus):
        exponent, first, last, _ = places[place]
        for power in np.unique(exponent[looked_at[:, place]]):
            here = np.flatnonzero(looked_at[:, place] & (exponent == power))
            start, stop = first[here].min(), last[here].max()
            points = np.arange(start, stop + 1) * 2.0**power
            needed, short = np.unique(local[here], return_inverse=True)
            table = _table(x[needed], n[needed], tuple(part[needed] for part in own), points, tau)
            short = short.reshape(len(here), -1)
            log_p = np.repeat(-((points / b_sd) ** 2)[None] / 2, len(here), axis=0)
            for column in range(short.shape[1]):
                held = data.mask[rows[here], column]
                if held.all():
                    log_p += table[short[:, column]]
                elif held.any():
                    log_p[held] += table[short[held, column]]
            log_p += -((tau / tau_scale) ** 2) / 2 + np.log(np.cosh(u[place]))
            blocks.append((place, power, start, here, log_p))
    return _assemble(blocks, len(rows), taus, u, step_u, s, b_sd, tau_scale * plan.longer[0])


def _assemble(blocks, size, taus, u, step_u, s, b_sd, tau_scale):
    """Add the blocks up to densities of b, of a new effect and of u; check window and steps."""
    peak = np.full(size, -np.inf)
    for _, _, _, here, log_p in blocks:
        peak[here] = np.maximum(peak[here], log_p.max(axis=1))
    nodes = np.zeros(size)
    mass = np.zeros((size, len(u)))
    cut, aliased = np.zeros(size, dtype=bool), np.zeros(size)
    pooled, predicted = {}, {}
    for power in np.unique([block[1] for block in blocks]):
        step = 2.0**power
        of_power = [block for block in blocks if block[1] == power]
        start = min(block[2] for block in of_power)
        stop = max(block[2] + block[4].shape[1] for block in of_power)
        widest = max(taus[block[0]] for block in of_power)
        pad = int(np.ceil(min(REACH_Z * widest, PREDICTION_REACH * tau_scale) / step))
        length = next_fast_len(int(stop - start) + 2 * pad + 1, real=True)
        frequency = np.arange(length // 2 + 1) * (2 * np.pi / (length * step))
        checked = int(CHECKED * (length // 2))
        density = np.zeros((size, int(stop - start)))
        spectrum = np.zeros((size, length // 2 + 1), dtype=complex)
        for place, _, first, here, log_p in of_power:
            values = np.exp(log_p - peak[here][:, None])
            shift = int(first - start)
            density[here, shift : shift + values.shape[1]] += values
            mass[here, place] += values.sum(axis=1) * step
            nodes[here] += values.shape[1]
            ends = np.maximum(
                np.where(first * step <= -REACH * b_sd, -np.inf, log_p[:, 0]),
                np.where((first + values.shape[1] - 1) * step >= REACH * b_sd, -np.inf, log_p[:, -1]),
            )
            cut[here] |= ends > peak[here] - CUT_OFF
            padded = np.zeros((len(here), length))
            padded[:, pad + shift : pad + shift + values.shape[1]] = values
            transform = rfft(padded, axis=1)
            aliased[here] += np.abs(transform[:, checked]) * step
            spectrum[here] += transform * np.exp(-((frequency * taus[place]) ** 2) / 2)
        pooled[power] = Lattice(step, start, density)
        predicted[power] = Lattice(step, start - pad, irfft(spectrum, n=length, axis=1))
    total = mass.sum(axis=1)
    shares = mass / (total * step_u)[:, None]
    for group in (pooled, predicted):
        for power, lattice in group.items():
            group[power] = lattice._replace(density=lattice.density / total[:, None])

    # three frequencies, as the cosine may happen to be 0 at one
    waves = [np.abs(shares @ np.cos(share * np.pi / step_u * u)) * step_u for share in (0.75, 0.8, CHECKED)]
    height = mass / mass.max(axis=1, keepdims=True)
    looked = height > 0
    first, last = looked.argmax(axis=1), len(u) - 1 - looked[:, ::-1].argmax(axis=1)
    each = np.arange(size)
    faults = {
        "cut": cut,
        "coarse": aliased / total > ALIASED,
        "coarse_u": np.max(waves, axis=0) > ALIASED_U,
        "margin": ((first > 0) & (height[each, first] > np.exp(-CUT_OFF)))
        | ((last < len(u) - 1) & (height[each, last] > np.exp(-CUT_OFF))),
        "short": height[:, -1] > np.exp(-CUT_OFF),
    }
    settled = ~np.any(list(faults.values()), axis=0)
    mirrored = np.concatenate([shares[:, ::-1], shares], axis=1) / 2
    spread = Lattice(step_u, 0.5 - len(u), mirrored)
    return Part(list(pooled.values()), list(predicted.values()), spread, s, nodes, settled), faults


# --- Reading a density -----------------------------------------------------------------------------------------------


def _positions(lattice):
    return (lattice.start + np.arange(lattice.density.shape[1])) * lattice.step


def _sinc_sum(lattice, values):
    """Band-limited interpolation of a density at values (analyses, m)."""
    kernel = np.sinc((values[:, :, None] - _positions(lattice)) / lattice.step)
    return np.einsum("amj,aj->am", kernel, lattice.density)


def _distribution(lattices, values):
    """Distribution function and density at one value an analysis."""
    below, density = np.zeros(len(values)), np.zeros(len(values))
    for lattice in lattices:
        scaled = values[:, None] / lattice.step - (lattice.start + np.arange(lattice.density.shape[1]))
        below += (lattice.density * (0.5 + sici(np.pi * scaled)[0] / np.pi)).sum(axis=1) * lattice.step
        density += (lattice.density * np.sinc(scaled)).sum(axis=1)
    return below, density


def _rough_quantile(lattices, share):
    """Value below which lies about the share: the densities taken as constant around each point."""
    low = np.full(len(lattices[0].density), min((lattice.start - 1) * lattice.step for lattice in lattices))
    ends = [(lattice.start + lattice.density.shape[1]) * lattice.step for lattice in lattices]
    high = np.full(len(low), max(ends))
    sums = [np.pad(np.cumsum(lattice.density, axis=1) * lattice.step, ((0, 0), (1, 1))) for lattice in lattices]
    for total in sums:
        total[:, -1] = total[:, -2]
    each = np.arange(len(low))
    for _ in range(30):
        middle = (low + high) / 2
        below = np.zeros(len(low))
        for lattice, total in zip(lattices, sums, strict=True):
            place = np.clip(middle / lattice.step - lattice.start + 0.5, 0, total.shape[1] - 2)
            floor = place.astype(int)
            below += total[each, floor] + (place - floor) * (total[each, floor + 1] - total[each, floor])
        low, high = np.where(below < share, middle, low), np.where(below < share, high, middle)
    return (low + high) / 2


def _moments(lattices):
    mean = sum((lattice.density * _positions(lattice)).sum(axis=1) * lattice.step for lattice in lattices)
    squares = sum(
        (lattice.density * (_positions(lattice) - mean[:, None]) ** 2).sum(axis=1) * lattice.step
        for lattice in lattices
    )
    return mean, np.sqrt(squares)


def _quantile(lattices, share):
    """Value below which lies the share, by Newton's steps inside a bracket."""
    spread = _moments(lattices)[1]
    value = _rough_quantile(lattices, share)
    low = np.full(len(value), min(lattice.start * lattice.step for lattice in lattices))
    high = np.full(len(value), max((lattice.start + lattice.density.shape[1]) * lattice.step for lattice in lattices))
    active = np.arange(len(value))
    for _ in range(80):
        below, density = _distribution(
            [lattice._replace(density=lattice.density[active]) for lattice in lattices], value[active]
        )
        here = value[active]
        low[active] = np.where(below < share, here, low[active])
        high[active] = np.where(below < share, high[active], here)
        step = here + (share - below) / np.maximum(density, 1e-300)
        inside = (step > low[active]) & (step < high[active])
        value[active] = np.where(inside, step, (low[active] + high[active]) / 2)
        # the step after one this small is its square
        active = active[np.abs(value[active] - here) > 1e-6 * spread[active]]
        if not active.size:
            break
    return value


def _summarise(part, tails):
    limits = {"b": 0.5, "b_lb": tails[0], "b_ub": tails[1]}
    found = {name: _quantile(part.pooled, share) for name, share in limits.items()}
    predicted = [_quantile(part.predicted, share) for share in tails]
    # of the density mirrored at 0, the share (1 + q)/2 lies below the quantile q of tau
    tau = [part.s * np.sinh(_quantile([part.spread], (1 + share) / 2)) for share in (0.5, *tails)]
    mean = sum((lattice.density * expit(_positions(lattice))).sum(axis=1) * lattice.step for lattice in part.predicted)
    return {
        "estimate": expit(found["b"]),
        "ci_lb": expit(found["b_lb"]),
        "ci_ub": expit(found["b_ub"]),
        "pi_lb": expit(predicted[0]),
        "pi_ub": expit(predicted[1]),
        "mean_proportion": mean,
        "b": found["b"],
        "se": _moments(part.pooled)[1],
        "tau2": tau[0] ** 2,
        "tau2_lb": tau[1] ** 2,
        "tau2_ub": tau[2] ** 2,
        "nodes": part.nodes,
    }
