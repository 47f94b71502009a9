"""Critical values of the likelihood ratio for few small studies: the only module that knows this calibration.

The likelihood-ratio interval of the pooled log odds holds every b with LR(b) <= c. Chi-squared's c (3.84 for 95 %) is
right for many studies. With few it is too small where studies differ, too large where they agree, and too large for
the limit nearer 0 or 1 where only a patient or two fail to respond; and because a handful of studies cannot rule out
an enormous tau, some intervals hold almost every proportion. Here the likelihood is held back in tau: tau² / (2
TAU_SCALE²) is taken off its logarithm, as a half-normal prior would (TAU_SCALE = 2: middle 95 % of the studies' odds
within a factor of 2500; the estimate is left as it is). And c depends on what decides how far off chi-squared is:

1. k, the number of studies. Were the effects of the studies normal with one unknown variance, the exact interval is
   Student's, and its likelihood ratio is c_t = k log(1 + t² / (k-1)), t the quantile with k-1 degrees of freedom:
   6.98 for three studies, 5.37 for five, tending to chi-squared's.
2. h = X² / (k-1), Pearson's X² of one proportion for all. At h >= 1 the studies differ as chance alone makes them, or
   more: c = c_t. Below, c falls linearly to FLOOR of chi-squared's at h = CLOSE, as a Hartung-Knapp interval narrows
   where studies agree, but not to nothing.
3. e(b) = n expit(-|b|), the patients expected to be of the rarer kind if b is true, for the outward limit only (the
   one nearer 0 or 1). There errors in the other direction cannot happen, the limit has their share to itself, and c
   falls by the factor SPARSE + (1 - SPARSE) / (1 + (EXPECTED / e)^STEEPNESS).

TAU_SCALE, FLOOR, CLOSE, SPARSE, EXPECTED and STEEPNESS were chosen by simulation, not derived. The table made by
``benchmarks/coverage.py`` shows what they achieve, also where they were not chosen.

References
----------
Chung et al. (2013), Psychometrika 78:685 (a penalty that keeps tau reasonable). Hartung & Knapp (2001), Stat Med
20:3875.
"""

import numpy as np
from scipy.special import chdtri, expit, stdtrit

TAU_SCALE = 2.0
FLOOR = 0.8
CLOSE = 0.4
SPARSE = 0.55
EXPECTED = 3.0
STEEPNESS = 6


def critical_likelihood_ratio(xi, ni, mask, conf_level=0.95):
    """Critical value of the likelihood ratio of b, before what `outward_factor` takes off.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients, anything where mask is False
    mask : bool array (a, k); at least two studies, a responder and a non-responder in each row
    conf_level : float in (0, 1)

    Returns
    -------
    array (a,)

    Examples
    --------
    >>> mask = np.ones((1, 3), dtype=bool)
    >>> critical_likelihood_ratio([[6, 6, 6]], [[8, 8, 8]], mask).round(2).tolist()  # the studies agree
    [3.07]
    >>> critical_likelihood_ratio([[8, 1, 6]], [[8, 8, 8]], mask).round(2).tolist()
    [6.98]
    """
    mask = np.asarray(mask, dtype=bool)
    events, total = np.where(mask, xi, 0.0), np.where(mask, ni, 0.0)
    k = mask.sum(axis=1)
    share = (events.sum(axis=1) / total.sum(axis=1))[:, None]
    variance = np.where(mask, total * share * (1 - share), 1.0)
    dispersion = ((events - total * share) ** 2 / variance).sum(axis=1) / (k - 1)
    smallest = FLOOR * chdtri(1, 1 - conf_level)
    exact = k * np.log1p(stdtrit(k - 1, (1 + conf_level) / 2) ** 2 / (k - 1))
    return smallest + (exact - smallest) * np.clip((dispersion - CLOSE) / (1 - CLOSE), 0, 1)


def outward_factor(b, total):
    """Factor on the critical value at b for the limit nearer 0 or 1, and its derivative in the distance of b from 0.

    Parameters
    ----------
    b : array (a,); log odds
    total : array (a,); patients in all studies

    Returns
    -------
    factor, slope : arrays (a,); the slope is never positive

    Examples
    --------
    >>> factor, _ = outward_factor(np.array([0.0, -3.0]), np.array([24.0, 24.0]))
    >>> factor.round(3).tolist()
    [1.0, 0.551]
    """
    away = np.abs(b)
    expected = total * expit(-away)
    # the power of a large ratio may overflow; beyond 1e12 the factor is SPARSE to all digits
    ratio = np.minimum(EXPECTED / np.maximum(expected, 1e-300), 100.0) ** STEEPNESS
    factor = SPARSE + (1 - SPARSE) / (1 + ratio)
    slope = -(1 - SPARSE) * STEEPNESS * ratio / (1 + ratio) ** 2 * expit(away)
    return factor, slope
