"""Comparisons of two arms within studies: odds ratio, risk ratio, risk difference, of one study or pooled over several.

Zero cells are answered, never corrected: no method adds 0.5 to a cell. Where every informative study lies at the same
end of what its margins allow, an odds ratio is 0 or infinite and has one finite limit, an exact one. Studies without a
responder, or with nothing but responders, in both arms have no information on the odds ratio; their number is in
`no_information`.

Vocabulary: x1 of n1 treated patients responded, x2 of n2 of the comparison; b is the log odds ratio, log risk ratio or
the risk difference; tau2 the variance of b between studies.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtri, erfc, gammaln, log_expit, ndtri

from small_evidence.pooling.proportions import check_choice, check_level

MEASURES = {"OR": "odds ratio", "RR": "risk ratio", "RD": "risk difference"}

# method: its measures and the interval it gives
COMPARISON_METHODS = {
    "glmm": (("OR",), "profile"),
    "mantel_haenszel": (("OR", "RR", "RD"), "wald_z"),
    "peto": (("OR",), "wald_z"),
    "beta_binomial": (("OR", "RR", "RD"), "profile"),
    "exact": (("OR",), "exact"),
}
DEFAULT_METHODS = {"OR": "glmm", "RR": "mantel_haenszel", "RD": "mantel_haenszel"}


def methods_of(measure: str) -> list[str]:
    """Methods that pool a measure, the default first.

    >>> methods_of("RR")
    ['mantel_haenszel', 'beta_binomial']
    """
    offered = [method for method, (measures, _) in COMPARISON_METHODS.items() if measure in measures]
    return sorted(offered, key=lambda method: method != DEFAULT_METHODS[measure])


COMPARISON = (
    *("measure", "method", "interval", "conf_level", "k", "no_information", "events1", "n1", "events2", "n2"),
    *("estimate", "ci_lb", "ci_ub", "b", "se", "p", "tau2", "tau2_lb", "tau2_ub", "loglik", "status"),
)

COMPARISON_STATUSES = {
    "ok": "the model was fitted and every parameter lies inside its range",
    "tau2_zero": "the model was fitted; its estimate of tau2 (or of the correlation) is 0, the edge of the range",
    "single_study": "one study: its own effect with the interval of one study, nothing is pooled",
    "single_informative": "one study has information on the odds ratio: its exact interval, nothing is pooled",
    "zero": "the effect is 0: every informative study lies at its lower end; the upper limit is exact",
    "infinite": "the effect is infinite: every informative study lies at its upper end; the lower limit is exact",
    "tau2_unbounded": (
        "every informative study lies at one of its ends, and both occur: the likelihood grows with tau2 without "
        "bound, so one odds ratio is taken to hold for all (exact interval)"
    ),
    "no_variance": "the method gives no variance: interval of the summed counts",
    "no_information": "no study has information on this effect",
    "no_data": "no study with patients in both arms",
    "not_converged": "the maximum was not found; nothing is reported",
}

FARTHEST = 40.0  # beyond, a log odds ratio is infinite
ROUNDING = 1e-12  # what two sums of thousands of studies leave of 0, in relation to them
WIDEST = 12.0  # largest tau that is looked at
BLOCK = 1 << 20  # numbers in the largest temporary array
REACH = 8.7  # the integral over the random effect ends where the normal density is 1e-17 of its peak
TAUS = np.array([0.0, 0.1, 0.2, 0.4, 0.7, 1.1, 1.7, 2.6, 4.0, 6.5, WIDEST])


class Tables(NamedTuple):
    """Conditional distributions of x1 given the margins, of the studies that have information on the odds ratio."""

    x: np.ndarray  # (k,) responders among the treated
    low: np.ndarray  # (k,) the fewest and
    high: np.ndarray  # the most that the margins allow
    values: np.ndarray  # (k, m) low, low + 1, ..., padded
    log_w: np.ndarray  # (k, m) log C(n1, j) C(n2, t - j); -inf in the padding


def compare(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    measure: str = "OR",
    method: str | None = None,
    conf_level: float = 0.95,
) -> pd.Series:
    """Compare two arms in one study or in several.

    Parameters
    ----------
    x1, n1, x2, n2 : numbers or arrays of shape (k,); responders and patients, treated and comparison
    measure : "OR" odds ratio, "RR" risk ratio, "RD" risk difference; of the treated against the comparison
    method : "glmm" conditional hypergeometric-normal model (OR), "mantel_haenszel", "peto" (OR), "beta_binomial",
        "exact" (OR; one odds ratio for all studies); None: glmm for OR, mantel_haenszel for RR and RD
    conf_level : coverage of the interval

    Returns
    -------
    Series indexed by COMPARISON; estimate and limits as ratios or differences (0 and inf are answers), b and se on the
    log scale for ratios; p of no effect, from the likelihood ratio (glmm, beta_binomial), from z (mantel_haenszel,
    peto), elsewhere exact given the margins; status is one of COMPARISON_STATUSES

    Raises
    ------
    ValueError: counts that cannot be; a measure or method that is not known or do not go together

    Notes
    -----
    One study: OR by the conditional exact interval (Cornfield 1956), RR by the score interval (Koopman 1984), RD by
    Newcombe's hybrid score interval (1998, method 10). Several: glmm integrates Fisher's noncentral hypergeometric
    distribution over b ~ Normal(b, tau2) (Stijnen, Hamza & Ozdemir 2010), by the trapezoidal rule, with limits by
    profile likelihood; Mantel-Haenszel with the variances of Robins, Breslow & Greenland (1986; OR), Greenland &
    Robins (1985; RR) and Sato, Greenland & Robins (1989; RD); Peto as Yusuf et al. (1985); exact as Gart (1970);
    beta_binomial has a mean proportion for each arm and one correlation within arms (Kuss 2015), not paired by study,
    so it needs arms of similar patients.

    References
    ----------
    Cornfield (1956), Proc 3rd Berkeley Symp 4:135. Koopman (1984), Biometrics 40:513. Newcombe (1998), Stat Med 17:873.
    Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046. Robins, Breslow & Greenland (1986), Biometrics 42:311. Greenland
    & Robins (1985), Biometrics 41:55. Sato, Greenland & Robins (1989), Biometrics 45:1323. Yusuf et al. (1985), Prog
    Cardiovasc Dis 27:335. Gart (1970), Biometrika 57:471. Kuss (2015), Stat Med 34:1097.

    Examples
    --------
    >>> found = compare([8, 5, 9], [10, 9, 12], [3, 2, 4], [10, 8, 11])
    >>> print(f"{found.estimate:.2f} [{found.ci_lb:.2f}, {found.ci_ub:.2f}], P {found.p:.3f}, {found.status}")
    5.21 [1.74, 17.24], P 0.013, tau2_zero
    >>> found = compare(5, 5, 0, 6)
    >>> print(f"{found.estimate} [{found.ci_lb:.2f}, {found.ci_ub}], P {found.p:.4f}, {found.status}")
    inf [2.84, inf], P 0.0022, infinite
    """
    check_choice("measure", measure, tuple(MEASURES))
    check_level(conf_level)
    method = DEFAULT_METHODS[measure] if method is None else method
    check_choice("method", method, tuple(COMPARISON_METHODS))
    measures, interval = COMPARISON_METHODS[method]
    if measure not in measures:
        raise ValueError(f"method {method!r} has no {MEASURES[measure]}; it has {', '.join(measures)}")
    x1, n1, x2, n2 = _check_counts(x1, n1, x2, n2)
    both = (n1 > 0) & (n2 > 0)
    x1, n1, x2, n2 = (part[both] for part in (x1, n1, x2, n2))
    tables = _conditional_tables(x1, n1, x2, n2)
    record = dict.fromkeys(COMPARISON, np.nan) | {"measure": measure, "method": method, "interval": interval}
    record |= {"conf_level": conf_level, "k": x1.size, "no_information": x1.size - tables.x.size, "status": "no_data"}
    record |= {name: int(part.sum()) for name, part in zip(_SUMS, (x1, n1, x2, n2), strict=True)}
    if x1.size:
        arms = np.array([x1, n1, x2, n2])
        if measure == "OR":
            record |= _compare_or(arms, tables, method, conf_level)
        else:
            record |= _compare_risks(arms, tables, measure, method, conf_level)
    return pd.Series(record, index=list(COMPARISON), dtype=object)


_SUMS = ("events1", "n1", "events2", "n2")


def compare_many(
    frame: pd.DataFrame,
    by: str | Sequence[str] = (),
    measure: str = "OR",
    method: str | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Compare two arms in every group of studies.

    Parameters
    ----------
    frame : DataFrame with columns x1, n1, x2, n2 and those of `by`; a row a study
    by : names of the columns whose values make a group; none: all rows are one group
    measure, method, conf_level : as in `compare`

    Returns
    -------
    DataFrame, a row a group in order of first appearance: the `by` columns, then those of COMPARISON

    Examples
    --------
    >>> trials = pd.DataFrame({"therapy": ["a", "a", "b"], "x1": [8, 5, 2], "n1": [10, 9, 6],
    ...                        "x2": [3, 2, 0], "n2": [10, 8, 5]})
    >>> compare_many(trials, by="therapy", measure="RD")[["therapy", "k", "estimate", "status"]].round(3)
      therapy  k  estimate        status
    0       a  2     0.411            ok
    1       b  1     0.333  single_study
    """
    by = [by] if isinstance(by, str) else list(by)
    absent = [name for name in ("x1", "n1", "x2", "n2", *by) if name not in frame]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}; the table has {', '.join(map(str, frame.columns))}")
    groups = list(frame.groupby(by, sort=False, dropna=False)) if by else [((), frame)]
    rows = []
    for keys, group in groups:
        found = compare(
            group["x1"], group["n1"], group["x2"], group["n2"], measure=measure, method=method, conf_level=conf_level
        )
        rows.append(dict(zip(by, keys, strict=True)) | found.to_dict())
    return pd.DataFrame(rows, columns=[*by, *COMPARISON])


def _check_counts(*arms: ArrayLike) -> tuple[np.ndarray, ...]:
    parts = [np.atleast_1d(pd.to_numeric(pd.Series(np.ravel(arm)), errors="coerce").to_numpy(float)) for arm in arms]
    if len({part.size for part in parts}) > 1:
        raise ValueError(f"x1, n1, x2, n2 have {', '.join(str(part.size) for part in parts)} values")
    for arm in (1, 2):
        x, n = parts[2 * arm - 2], parts[2 * arm - 1]
        wrong = ~np.isfinite(x) | ~np.isfinite(n) | (x < 0) | (x > n) | (x != np.floor(x)) | (n != np.floor(n))
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"whole numbers with 0 <= x{arm} <= n{arm} expected: study {i + 1} of {x.size} has {x[i]:g} of {n[i]:g}"
            )
    return tuple(parts)


# --- odds ratio -----------------------------------------------------------------------------------------------------


def _conditional_tables(x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray) -> Tables:
    total = x1 + x2
    low, high = np.maximum(0, total - n2), np.minimum(n1, total)
    some = low < high
    x1, n1, n2, total, low, high = (part[some] for part in (x1, n1, n2, total, low, high))
    values = low[:, None] + np.arange(int((high - low).max(initial=0)) + 1)
    inside = values <= high[:, None]
    j = np.where(inside, values, low[:, None])
    log_w = _log_choose(n1[:, None], j) + _log_choose(n2[:, None], total[:, None] - j)
    return Tables(x1, low, high, values, np.where(inside, log_w, -np.inf))


def _log_choose(n: np.ndarray, x: np.ndarray) -> np.ndarray:
    log_ways: np.ndarray = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return log_ways


def _compare_or(arms: np.ndarray, tables: Tables, method: str, conf_level: float) -> dict[str, Any]:
    if tables.x.size == 0:
        return {"status": "no_information"}
    seen, most = (tables.x - tables.low).sum(), (tables.high - tables.low).sum()
    ends = (tables.x == tables.low) | (tables.x == tables.high)
    status = {0: "zero", most: "infinite"}.get(seen, "ok")
    if status == "ok" and arms.shape[1] == 1:
        status = "single_study"
    elif status == "ok" and tables.x.size == 1 and method != "beta_binomial":
        status = "single_informative"
    elif status == "ok" and method == "glmm" and ends.all():
        status = "tau2_unbounded"
    if status != "ok" or method == "exact":
        return _exact_odds_ratio(tables, conf_level) | {"interval": "exact", "status": status}
    if method == "beta_binomial":
        return _beta_binomial(arms, "OR", conf_level)
    if method == "glmm":
        return _hypergeometric_normal(tables, conf_level)
    b, se = _mantel_haenszel_or(arms) if method == "mantel_haenszel" else _peto(arms)
    return _ratio(b, se, conf_level) | {"status": "ok"}


def _exact_odds_ratio(tables: Tables, conf_level: float) -> dict[str, Any]:
    """Conditional maximum likelihood and exact limits of one odds ratio for all studies."""
    log_c = _log_ways(tables)
    s = np.arange(log_c.size)
    seen = int((tables.x - tables.low).sum())

    def chances(b: float) -> np.ndarray:
        terms = log_c + b * s
        terms = np.exp(terms - terms.max())
        shares: np.ndarray = terms / terms.sum()
        return shares

    alpha = 1 - conf_level
    lb = -np.inf if seen == 0 else _root(lambda b: chances(b)[seen:].sum() - alpha / 2)
    ub = np.inf if seen == s[-1] else _root(lambda b: alpha / 2 - chances(b)[: seen + 1].sum())
    b = {0: -np.inf, int(s[-1]): np.inf}.get(seen)
    if b is None:
        b = _root(lambda b: float(chances(b) @ s) - seen)
    p = _exact_p(log_c, seen)
    return {"b": b, "estimate": np.exp(b), "ci_lb": np.exp(lb), "ci_ub": np.exp(ub), "p": p}


def _log_ways(tables: Tables) -> np.ndarray:
    """Log of the number of ways to 0, 1, ... responders among the treated of all studies above the fewest."""
    log_c = np.zeros(1)
    for row, high, low in zip(tables.log_w, tables.high, tables.low, strict=True):
        one = row[: int(high - low) + 1]
        top = log_c.max() + one.max()
        with np.errstate(divide="ignore"):
            log_c = np.log(np.convolve(np.exp(log_c - log_c.max()), np.exp(one - one.max()))) + top
    return log_c


def _exact_p(log_c: np.ndarray, seen: int) -> float:
    """Probability of what was seen and all that is no more probable, where the odds ratio is 1."""
    chance = np.exp(log_c - log_c.max())
    chance /= chance.sum()
    return float(min(1.0, chance[chance <= chance[seen] * (1 + 1e-7)].sum()))


def _root(rising: Callable[[float], float]) -> float:
    from scipy.optimize import brentq

    return float(brentq(rising, -FARTHEST, FARTHEST, xtol=1e-11))


def _mantel_haenszel_or(arms: np.ndarray) -> tuple[float, float]:
    x1, n1, x2, n2 = arms
    n = n1 + n2
    r, s = x1 * (n2 - x2) / n, (n1 - x1) * x2 / n
    p, q = (x1 + n2 - x2) / n, (n1 - x1 + x2) / n
    rs, ss = r.sum(), s.sum()
    variance = (p * r).sum() / rs**2 + (p * s + q * r).sum() / (rs * ss) + (q * s).sum() / ss**2
    return float(np.log(rs / ss)), float(np.sqrt(variance / 2))


def _peto(arms: np.ndarray) -> tuple[float, float]:
    x1, n1, x2, n2 = arms
    n, total = n1 + n2, x1 + x2
    variance = (n1 * n2 * total * (n - total) / (n**2 * (n - 1)))[n > 1].sum()
    return float((x1 - n1 * total / n).sum() / variance), float(1 / np.sqrt(variance))


def _ratio(b: float, se: float, conf_level: float) -> dict[str, Any]:
    half = ndtri((1 + conf_level) / 2) * se
    limits = {"estimate": np.exp(b), "ci_lb": np.exp(b - half), "ci_ub": np.exp(b + half)}
    return limits | {"b": b, "se": se, "p": float(erfc(abs(b / se) / np.sqrt(2)))}


def _hypergeometric_normal(tables: Tables, conf_level: float) -> dict[str, Any]:
    """Maximum likelihood of b and tau, profile limits, likelihood-ratio test of b = 0."""
    from scipy.optimize import minimize_scalar

    critical = float(chdtri(1, 1 - conf_level))
    density, width = conditional_density(tables), float((tables.high - tables.low).max())

    def height(b: float, tau: float) -> float:
        return log_likelihood(density, b, tau, width)

    expected = (np.exp(tables.log_w - tables.log_w.max(axis=1, keepdims=True)) * tables.values).sum(axis=1)
    expected /= np.exp(tables.log_w - tables.log_w.max(axis=1, keepdims=True)).sum(axis=1)
    middle = float(np.sign((tables.x - expected).sum()))  # only where the search starts

    def over_tau(b: float) -> tuple[float, float]:
        """Highest log-likelihood at b, and its tau."""
        heights = [height(b, tau) for tau in TAUS]
        best = int(np.argmax(heights))
        bracket = TAUS[max(best - 1, 0)], TAUS[min(best + 1, TAUS.size - 1)]
        found = minimize_scalar(lambda tau: -height(b, tau), bounds=bracket, method="bounded", options={"xatol": 1e-5})
        return max((heights[0], 0.0), (heights[best], TAUS[best]), (-float(found.fun), float(found.x)))

    def over_b(tau: float) -> tuple[float, float]:
        """Highest log-likelihood at tau, and its b; concave in b."""
        found = minimize_scalar(lambda b: -height(b, tau), bracket=(middle - 0.5, middle + 0.5), options={"xtol": 1e-9})
        return -float(found.fun), float(found.x)

    heights = [over_b(tau)[0] for tau in TAUS]
    best = int(np.argmax(heights))
    bracket = TAUS[max(best - 1, 0)], TAUS[min(best + 1, TAUS.size - 1)]
    found = minimize_scalar(lambda tau: -over_b(tau)[0], bounds=bracket, method="bounded", options={"xatol": 1e-5})
    tau = float(found.x) if -found.fun > heights[0] + 1e-10 else 0.0
    top, b = over_b(tau)
    if tau > 0.99 * WIDEST:
        return {"status": "not_converged"}

    def outside_b(value: float) -> float:
        return 2 * (top - over_tau(value)[0]) - critical

    def outside_tau(value: float) -> float:
        return 2 * (top - over_b(value)[0]) - critical

    curvature = -_second_difference(lambda value: height(value, tau), b, 1e-3)
    if tau > 0:
        in_tau = -_second_difference(lambda value: height(b, value), tau, min(1e-3, tau / 4))
        step = min(1e-3, tau / 4)
        mixed = -sum(
            sign_b * sign_t * height(b + sign_b * step, tau + sign_t * step) for sign_b in (-1, 1) for sign_t in (-1, 1)
        ) / (4 * step**2)
        curvature -= mixed**2 / in_tau if in_tau > 0 else 0.0
    difference = max(0.0, 2 * (top - over_tau(0.0)[0]))
    lower_tau = 0.0 if outside_tau(0.0) <= 0 else _limit(outside_tau, tau, -tau)
    return {
        "b": b,
        "estimate": np.exp(b),
        "ci_lb": np.exp(_limit(outside_b, b, -FARTHEST / 2)),
        "ci_ub": np.exp(_limit(outside_b, b, FARTHEST / 2)),
        "se": 1 / np.sqrt(curvature) if curvature > 0 else np.nan,
        "p": float(erfc(np.sqrt(difference / 2))),
        "tau2": tau**2,
        "tau2_lb": lower_tau**2,
        "tau2_ub": _limit(outside_tau, tau, WIDEST) ** 2,
        "loglik": top,
        "status": "ok" if tau > 0 else "tau2_zero",
    }


def _second_difference(function: Callable[[float], float], at: float, step: float) -> float:
    return (function(at + step) - 2 * function(at) + function(at - step)) / step**2


def _limit(outside: Callable[[float], float], start: float, farthest: float) -> float:
    """Where `outside` becomes positive on the way from start by farthest (signed); infinite where it does not."""
    from scipy.optimize import brentq

    inner = start
    for share in (0.02, 0.05, 0.1, 0.2, 0.4, 1.0):
        outer = start + share * farthest
        if outside(outer) > 0:
            return float(brentq(outside, inner, outer, xtol=1e-8))
        inner = outer
    return float(np.copysign(np.inf, farthest))


def log_likelihood(density: Callable[[np.ndarray], np.ndarray], b: float, tau: float, width: float) -> float:
    """Log-likelihood of the hypergeometric-normal model, given the margins.

    Parameters
    ----------
    density : log P(x1 | margins) of every study at log odds ratios, from `conditional_density`
    b, tau : mean and standard deviation of the log odds ratio between studies
    width : largest high - low; x1 given the margins is a sum of so many independent 0s and 1s, so its variance, the
        curvature of the integrand, is at most a quarter of this

    Notes
    -----
    The trapezoidal rule on b ± 8.7 tau with the step of `small_evidence.pooling.likelihood`.
    """
    if tau == 0:
        return float(density(np.array([b])).sum())
    step = 0.62 / np.sqrt(width / 4 + 3.3 + 0.6 / tau**2)
    nodes = max(24, int(np.ceil(2 * REACH * tau / step)))
    u = np.linspace(-REACH, REACH, nodes)
    terms = density(b + tau * u)
    top = terms.max(axis=0)
    total = np.exp(-(u**2) / 2) @ np.exp(terms - top)
    return float((np.log(total * (u[1] - u[0]) / np.sqrt(2 * np.pi)) + top).sum())


def conditional_density(tables: Tables) -> Callable[[np.ndarray], np.ndarray]:
    """log P(x1 | margins) as a function of log odds ratios (nodes,) that gives (nodes, k).

    A cubic spline on steps of 0.02, which is exact to 1e-8 at a hundredth of the time of the sum; beyond FARTHEST the
    logarithm is a straight line to the last digit.
    """
    from scipy.interpolate import CubicSpline

    theta = np.linspace(-FARTHEST, FARTHEST, 4001)
    above = tables.values - tables.x[:, None]
    heights = np.empty((theta.size, tables.x.size))
    for i, (row, own) in enumerate(zip(tables.log_w, _own(tables), strict=True)):
        some = np.isfinite(row)
        for part in np.array_split(np.arange(theta.size), 1 + theta.size * some.sum() // BLOCK):
            terms = row[some] + theta[part, None] * above[i, some]
            top = terms.max(axis=1)
            heights[part, i] = own - top - np.log(np.exp(terms - top[:, None]).sum(axis=1))
    spline = CubicSpline(theta, heights)
    falls, rises = tables.x - tables.high, tables.x - tables.low

    def density(at: np.ndarray) -> np.ndarray:
        inside = np.clip(at, -FARTHEST, FARTHEST)
        beyond = (at - inside)[:, None]
        heights: np.ndarray = spline(inside) + np.where(beyond > 0, falls, rises) * beyond
        return heights

    return density


def _own(tables: Tables) -> np.ndarray:
    """log C(n1, x1) C(n2, t - x1) of every study."""
    place = (tables.x - tables.low).astype(int)
    log_ways: np.ndarray = tables.log_w[np.arange(place.size), place]
    return log_ways


# --- risks ----------------------------------------------------------------------------------------------------------


def _compare_risks(arms: np.ndarray, tables: Tables, measure: str, method: str, conf_level: float) -> dict[str, Any]:
    x1, n1, x2, n2 = arms.sum(axis=1)
    if measure == "RR" and x1 == x2 == 0:
        return {"status": "no_information"}

    def summed(status: str) -> dict[str, Any]:
        # equal risks are equal odds, so the exact test of the odds ratio is one of these measures too
        p = _exact_p(_log_ways(tables), int((tables.x - tables.low).sum())) if tables.x.size else np.nan
        return _one_table(arms.sum(axis=1), measure, conf_level) | {"p": p, "status": status}

    if arms.shape[1] == 1:
        return summed("single_study")
    if measure == "RR" and (x1 == 0 or x2 == 0):
        return summed("zero" if x1 == 0 else "infinite")
    if method == "beta_binomial":
        if x1 in (0, n1) or x2 in (0, n2):
            return summed("no_variance")
        return _beta_binomial(arms, measure, conf_level)
    b, se = _mantel_haenszel_rr(arms) if measure == "RR" else _mantel_haenszel_rd(arms)
    if not se > 0:
        return summed("no_variance")
    if measure == "RR":
        return _ratio(b, se, conf_level) | {"status": "ok"}
    half = ndtri((1 + conf_level) / 2) * se
    limits = {"estimate": b, "ci_lb": max(b - half, -1.0), "ci_ub": min(b + half, 1.0)}
    return limits | {"b": b, "se": se, "p": float(erfc(abs(b / se) / np.sqrt(2))), "status": "ok"}


def _one_table(table: np.ndarray, measure: str, conf_level: float) -> dict[str, Any]:
    x1, n1, x2, n2 = table
    if measure == "RD":
        from statsmodels.stats.proportion import confint_proportions_2indep

        lb, ub = confint_proportions_2indep(x1, n1, x2, n2, compare="diff", method="newcomb", alpha=1 - conf_level)
        b = x1 / n1 - x2 / n2
        return {
            "interval": "newcombe",
            "estimate": b,
            "b": b,
            "ci_lb": max(float(lb), -1.0),
            "ci_ub": min(float(ub), 1.0),
        }
    with np.errstate(divide="ignore"):
        estimate = (x1 / n1) / np.float64(x2 / n2)
        lb, ub = _score_ratio(table, conf_level)
        return {"interval": "score", "estimate": estimate, "b": np.log(estimate), "ci_lb": lb, "ci_ub": ub}


def _score_ratio(table: np.ndarray, conf_level: float) -> tuple[float, float]:
    """Koopman's interval of a risk ratio: all ratios whose score statistic is not above chi-squared's quantile."""
    x1, n1, x2, n2 = table
    critical = float(chdtri(1, 1 - conf_level))

    def outside(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        # proportion of the comparison that is most likely under this ratio (Koopman 1984, equation 2)
        linear = ratio * (n1 + x2) + x1 + n2
        p2 = (linear - np.sqrt(max(linear**2 - 4 * ratio * (n1 + n2) * (x1 + x2), 0.0))) / (2 * ratio * (n1 + n2))
        p1 = min(ratio * p2, 1.0)
        variance = p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2
        gap = (x1 / n1 - ratio * x2 / n2) ** 2
        return -critical if gap == 0 else gap / max(variance, 1e-300) - critical

    start = (
        np.log((x1 + 0.5) / (n1 + 0.5)) - np.log((x2 + 0.5) / (n2 + 0.5))
        if 0 in (x1, x2)
        else np.log(x1 * n2 / (x2 * n1))
    )  # only where the search starts
    lb = 0.0 if x1 == 0 else float(np.exp(_limit(outside, start, -FARTHEST / 2)))
    ub = np.inf if x2 == 0 else float(np.exp(_limit(outside, start, FARTHEST / 2)))
    return lb, ub


def _mantel_haenszel_rr(arms: np.ndarray) -> tuple[float, float]:
    x1, n1, x2, n2 = arms
    n = n1 + n2
    r, s = (x1 * n2 / n).sum(), (x2 * n1 / n).sum()
    variance = ((n1 * n2 * (x1 + x2) - x1 * x2 * n) / n**2).sum() / (r * s)
    return float(np.log(r / s)), float(np.sqrt(variance))


def _mantel_haenszel_rd(arms: np.ndarray) -> tuple[float, float]:
    x1, n1, x2, n2 = arms
    n = n1 + n2
    weight = (n1 * n2 / n).sum()
    b = ((x1 * n2 - x2 * n1) / n).sum() / weight
    p = ((n1 / n) ** 2 * x2 - (n2 / n) ** 2 * x1 + n1 * n2 * (n2 - n1) / (2 * n**2)).sum()
    q = ((x1 * (n2 - x2) + x2 * (n1 - x1)) / (2 * n)).sum()
    variance = b * p + q
    if variance <= ROUNDING * (abs(b * p) + q):
        variance = 0.0
    return float(b), float(np.sqrt(variance) / weight)


# --- beta-binomial --------------------------------------------------------------------------------------------------


def _beta_binomial(arms: np.ndarray, measure: str, conf_level: float) -> dict[str, Any]:
    """Means of the two arms and one correlation by maximum likelihood; profile limits of the effect."""
    from scipy.optimize import minimize

    x1, n1, x2, n2 = arms
    sums = arms.sum(axis=1)
    if sums[0] in (0, sums[1]) or sums[2] in (0, sums[3]):
        return {"status": "no_information"}
    x, n = np.concatenate([x1, x2]), np.concatenate([n1, n2])
    treated = np.arange(x.size) < x1.size
    constant = float(_log_choose(n, x).sum())
    critical = float(chdtri(1, 1 - conf_level))

    def fall(mean: float, other: float, theta: float) -> float:
        return -_beta_binomial_loglik(x, n, np.where(treated, mean, other), theta)

    def inverse(log_odds: float) -> float:
        return float(np.exp(log_expit(log_odds)))

    def pair(effect: float, nuisance: float) -> tuple[float, float]:
        """Means of the two arms that have this effect; nuisance, any number, runs through all of them."""
        share = inverse(nuisance)
        if measure == "OR":
            return inverse(nuisance + effect / 2), inverse(nuisance - effect / 2)
        if measure == "RR":
            largest = min(1.0, np.exp(-effect))
            return largest * share * np.exp(effect), largest * share
        lowest, highest = max(0.0, -effect), min(1.0, 1 - effect)
        other = lowest + (highest - lowest) * share
        return other + effect, other

    def at(effect: float) -> tuple[float, float]:
        """Least fall at this effect over the means and the correlation, and theta = rho / (1 - rho)."""
        best = (np.inf, 0.0)
        for correlated in (False, True):
            starts = np.array([middle(effect)] + ([np.log(0.1)] if correlated else []))
            found = minimize(
                lambda free, c=correlated: fall(*pair(effect, free[0]), np.exp(free[1]) if c else 0.0),
                starts,
                method="Nelder-Mead",
                options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 600},
            )
            if found.fun < best[0] - 1e-9:
                best = float(found.fun), float(np.exp(found.x[1])) if correlated else 0.0
        return best

    p1, p2 = sums[0] / sums[1], sums[2] / sums[3]

    def middle(effect: float) -> float:
        """Nuisance at which the means are as far from those seen in one arm as in the other, roughly."""
        if measure == "OR":
            return float((np.log(p1 / (1 - p1)) + np.log(p2 / (1 - p2))) / 2)
        top = min(1.0, np.exp(-effect)) if measure == "RR" else min(1.0, 1 - effect)
        bottom = 0.0 if measure == "RR" else max(0.0, -effect)
        share = np.clip((p2 - bottom) / (top - bottom), 0.02, 0.98)
        return float(np.log(share / (1 - share)))

    crude = {"OR": np.log(p1 / (1 - p1)) - np.log(p2 / (1 - p2)), "RR": np.log(p1 / p2), "RD": p1 - p2}[measure]
    # both means are free here, so the effect is read from them
    best = (np.inf, crude, 0.0)
    for correlated in (False, True):
        start = [np.log(p1 / (1 - p1)), np.log(p2 / (1 - p2))] + ([np.log(0.1)] if correlated else [])
        found = minimize(
            lambda free, c=correlated: fall(inverse(free[0]), inverse(free[1]), np.exp(free[2]) if c else 0.0),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 1000},
        )
        if found.fun < best[0] - 1e-9:
            m1, m2 = inverse(found.x[0]), inverse(found.x[1])
            effect = {"OR": found.x[0] - found.x[1], "RR": np.log(m1 / m2), "RD": m1 - m2}[measure]
            best = float(found.fun), float(effect), float(np.exp(found.x[2])) if correlated else 0.0
    least, b, theta = best

    def outside(effect: float) -> float:
        return 2 * (at(effect)[0] - least) - critical

    if measure == "RD":
        lb, ub = _limit(outside, b, -1 + 1e-9 - b), _limit(outside, b, 1 - 1e-9 - b)
        limits = {"estimate": b, "ci_lb": max(lb, -1.0), "ci_ub": min(ub, 1.0)}
    else:
        lb, ub = _limit(outside, b, -FARTHEST / 2), _limit(outside, b, FARTHEST / 2)
        limits = {"estimate": np.exp(b), "ci_lb": np.exp(lb), "ci_ub": np.exp(ub)}
    difference = max(0.0, 2 * (at(0.0)[0] - least))
    status = "ok" if theta > 0 else "tau2_zero"
    p = float(erfc(np.sqrt(difference / 2)))
    return limits | {"b": b, "p": p, "loglik": constant - least, "status": status}


def _beta_binomial_loglik(x: np.ndarray, n: np.ndarray, mean: np.ndarray, theta: float) -> float:
    """Without the binomial coefficients: sum of logs, so that theta = 0 is the binomial to the last digit."""
    j = np.arange(int(n.max()))
    with np.errstate(divide="ignore"):
        up = np.where(j < x[:, None], np.log(mean[:, None] + j * theta), 0.0).sum()
        down = np.where(j < (n - x)[:, None], np.log1p(j * theta - mean[:, None]), 0.0).sum()
    return float(up + down - np.where(j < n[:, None], np.log1p(j * theta), 0.0).sum())
