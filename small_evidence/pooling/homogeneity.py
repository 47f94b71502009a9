"""Exact test that one proportion holds in all studies: no chi-squared, which a handful of patients does not follow.

Given the total number of responders, and if one proportion holds everywhere, the responders of k studies follow the
multivariate hypergeometric distribution, whatever that proportion is. P is the probability of tables of the same
margins that are as far from homogeneity as the one observed or farther, measured by the likelihood-ratio statistic.
For two studies this is Fisher's exact test, its tables ordered by the likelihood ratio.
"""

import itertools
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, gammaln, xlog1py, xlogy

STATES = 60_000  # tables of half of the studies; where there are more, P is estimated from random tables
DRAWS = 2_000  # random tables at a time
MOST_DRAWS = 20_000
PRECISION = 0.025, 0.0015  # drawing ends when the standard error is at most this share of P, or this
SEED = 20_111  # the same data give the same P
MOST_PATIENTS = 10**7  # a table of the statistic for each number of responders is kept in memory while drawing
TIED = 1e-9  # tables whose statistics differ by less, relative to 1 + q, are equally far


class Homogeneity(NamedTuple):
    """Result of the test; NaN for fewer than two studies with patients."""

    q: float  # likelihood-ratio statistic
    df: float  # k - 1
    p: float
    p_se: float  # standard error of p: 0 where p is exact, NaN where it is from chi-squared
    how: str  # one of HOW


HOW = {
    "exact": "sum over all tables with the same margins",
    "random_tables": f"{DRAWS:,} to {MOST_DRAWS:,} random tables with the same margins",
    "chi_squared": "chi-squared approximation: too many patients to draw tables of",
    "not_tested": "fewer than two studies",
}


def homogeneity_p(xi: ArrayLike, ni: ArrayLike) -> float:
    """P of the exact conditional test that one proportion holds in all studies.

    Parameters
    ----------
    xi, ni : arrays of shape (k,); responders and patients

    Examples
    --------
    >>> print(f"{homogeneity_p([4, 3, 9, 5], [4, 12, 17, 8]):.4f} {homogeneity_p([8, 34], [9, 78]):.4f}")
    0.0423 0.0130
    """
    return homogeneity_test(xi, ni).p


def homogeneity_test(xi: ArrayLike, ni: ArrayLike) -> Homogeneity:
    """Exact conditional test of one proportion in all studies, with how its P was computed.

    Parameters
    ----------
    xi, ni : arrays of shape (k,); responders and patients; studies without patients do not count

    Notes
    -----
    Tables are ordered by 2 Σ [x log(x / n p) + (n - x) log((n - x) / n (1 - p))] with p = Σx / Σn, which is the q of
    the pooled record. The studies are divided into two halves, every table of each half is listed, and the tables of
    the second half are sorted by their share of the statistic, so that the tail is summed for each table of the first
    at once. Where a half has more than STATES tables, P is (1 + m) / (1 + d), m the number of d random tables that are
    as far or farther; its standard error is at most 0.0015, or 2.5 % of P, or d is 20,000 (0.0016 at P = 0.05).
    Responders and non-responders may be exchanged without any change of P.

    References
    ----------
    Freeman & Halton (1951), Biometrika 38:141. Agresti (1992), Stat Sci 7:131. Davison & Hinkley (1997), Bootstrap
    Methods and their Application, 4.2 (the 1 that is added).

    Examples
    --------
    >>> test = homogeneity_test([4, 3, 9, 5], [4, 12, 17, 8])
    >>> print(f"{test.q:.3f} {test.df:g} {test.p:.4f} {test.how}")
    9.224 3 0.0423 exact
    """
    xi, ni = np.asarray(xi, float), np.asarray(ni, float)
    xi, ni = xi[ni > 0], ni[ni > 0]
    # In one order, and counting the rarer of responders and non-responders: no digit depends on either.
    alike = (_in_order(xi, ni), _in_order(ni - xi, ni))
    return _test(*min(alike, key=lambda counts: (sum(counts[0]), counts)))


def _in_order(xi: np.ndarray, ni: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    order = np.lexsort((xi, ni))
    return tuple(xi[order].tolist()), tuple(ni[order].tolist())


@lru_cache(maxsize=4096)  # the same studies are pooled by many methods
def _test(xi: tuple[float, ...], ni: tuple[float, ...]) -> Homogeneity:
    x, n = np.array(xi), np.array(ni)
    if n.size < 2:
        return Homogeneity(np.nan, np.nan, np.nan, np.nan, "not_tested")
    events, df = x.sum(), n.size - 1.0
    if events == 0:
        return Homogeneity(0.0, df, 1.0, 0.0, "exact")
    share = events / n.sum()
    q = float(_distance(x, n, share).sum())
    edge = q - TIED * (1 + q)
    lowest, highest = np.maximum(0, events - (n.sum() - n)), np.minimum(n, events)
    tables = highest - lowest + 1
    first, second = _halves(tables)
    if first.size and max(np.log(tables[half]).sum() for half in (first, second)) <= np.log(STATES):
        one, other = (_tables(n[half], lowest[half], highest[half], share) for half in (first, second))
        return Homogeneity(q, df, _tail(one, other, events, edge), 0.0, "exact")
    if n.sum() > MOST_PATIENTS:
        return Homogeneity(q, df, float(chdtrc(df, q)), np.nan, "chi_squared")
    p, p_se = _p_of_random_tables(n.astype(int), int(events), edge, share)
    return Homogeneity(q, df, p, p_se, "random_tables")


def _p_of_random_tables(n: np.ndarray, events: int, edge: float, share: float) -> tuple[float, float]:
    """P and its standard error from tables drawn until it is precise enough."""
    random = np.random.default_rng(SEED)
    known = np.concatenate([_distance(np.arange(size + 1), size, share) for size in n])
    first = np.concatenate([[0], np.cumsum(n + 1)[:-1]])
    farther, drawn, p, p_se = 0, 0, 1.0, 1.0
    while drawn < MOST_DRAWS and p_se > max(PRECISION[0] * p, PRECISION[1]):
        tables = random.multivariate_hypergeometric(n, events, size=DRAWS, method="marginals")
        farther += int(np.count_nonzero(known[tables + first].sum(1) >= edge))
        drawn += DRAWS
        p = (1 + farther) / (1 + drawn)
        p_se = float(np.sqrt(p * (1 - p) / drawn))
    return p, p_se


def _distance(x: np.ndarray, n: np.ndarray, share: float) -> np.ndarray:
    """Each study's part of the likelihood-ratio statistic against the proportion `share`."""
    own = x / n
    distance: np.ndarray = 2 * (xlogy(x, own / share) + xlogy(n - x, (1 - own) / (1 - share)))
    return distance


def _halves(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide the studies in two so that each part has about as many tables."""
    sums = np.zeros(2)
    part = np.zeros(tables.size, int)
    for i in np.argsort(-tables, kind="stable"):
        part[i] = sums.argmin()
        sums[part[i]] += np.log(tables[i])
    return np.flatnonzero(part == 1), np.flatnonzero(part == 0)


def _tables(
    n: np.ndarray, lowest: np.ndarray, highest: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Responders, statistic and probability under `share` of every table of these studies."""
    responders, distance, probability = np.zeros(1), np.zeros(1), np.ones(1)
    for size, low, high in zip(n, lowest, highest, strict=True):
        x = np.arange(low, high + 1)
        log_p = gammaln(size + 1) - gammaln(x + 1) - gammaln(size - x + 1) + xlogy(x, share) + xlog1py(size - x, -share)
        responders = np.add.outer(responders, x).ravel()
        distance = np.add.outer(distance, _distance(x, size, share)).ravel()
        probability = np.multiply.outer(probability, np.exp(log_p)).ravel()
    return responders, distance, probability


def _tail(
    first: tuple[np.ndarray, np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray, np.ndarray],
    events: float,
    edge: float,
) -> float:
    """Share of the probability of tables with so many events in those whose statistic is `edge` or more."""
    order = np.lexsort((second[1], second[0]))
    responders, distance, probability = (part[order] for part in second)
    # what is summed from the far end keeps its digits where the tail is small
    starts = np.searchsorted(responders, np.arange(events + 2))
    beyond = np.zeros(probability.size + 1)
    for start, end in itertools.pairwise(starts):
        beyond[start:end] = np.cumsum(probability[start:end][::-1])[::-1]
    needed = events - first[0]
    possible = (needed >= 0) & (needed <= events)
    needed, left, own = needed[possible].astype(int), edge - first[1][possible], first[2][possible]
    # one search for all: the statistic shifted by the number of responders, so that both sort together
    scale = 2 * (distance.max() + 1)
    place = np.searchsorted(responders * scale + distance, needed * scale + np.clip(left, 0, scale / 2))
    place = np.clip(place, starts[needed], starts[needed + 1])
    far = np.where(place < starts[needed + 1], beyond[place], 0.0)
    filled = starts[needed] < starts[needed + 1]
    whole = np.where(filled, beyond[np.minimum(starts[needed], probability.size)], 0.0)
    return float(min((own * far).sum() / (own * whole).sum(), 1.0))
