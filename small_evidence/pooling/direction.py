"""Direction of a result: whether its interval lies above, below or across a line, by one rule for all results."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from small_evidence.pooling import pool_responses

DIRECTIONS = ("above", "below", "across", "")

DIRECTION_CODES = {
    "": "the interval is that of the binomial-normal model, which lets the proportions of studies differ",
    "single_study": "one study: its exact interval; nothing is known of how studies differ",
    "all_responders": "everybody responded: the exact bound of the summed counts",
    "no_responders": "nobody responded: the exact bound of the summed counts",
    "heterogeneity_unknown": "every study has one patient: no interval can allow for differences between studies",
    "no_interval": "there is no interval",
}


class SetDirection(NamedTuple):
    """Direction of a set of studies and the interval it was read from."""

    direction: str  # one of DIRECTIONS
    code: str  # one of DIRECTION_CODES
    ci_lb: float
    ci_ub: float


def direction(lb: float, ub: float, threshold: float) -> str:
    """Where an interval lies against a line.

    Parameters
    ----------
    lb, ub, threshold : proportions, or differences or ratios, all on one scale

    Returns
    -------
    "above", "below", "across" (also where a limit is on the line), "" where a limit is missing

    Examples
    --------
    >>> direction(0.55, 0.9, 0.5), direction(0.1, 0.4, 0.5), direction(0.5, 0.9, 0.5), direction(float("nan"), 1, 0.5)
    ('above', 'below', 'across', '')
    """
    if np.isnan([lb, ub, threshold]).any():
        return ""
    if lb > threshold:
        return "above"
    return "below" if ub < threshold else "across"


def set_direction(
    xi: ArrayLike, ni: ArrayLike, threshold: float = 0.5, conf_level: float = 0.95, interval: str | None = None
) -> SetDirection:
    """Direction of a set of studies, whether or not it is large enough to be pooled.

    Parameters
    ----------
    xi, ni : arrays of shape (k,); responders and patients of each study arm
    threshold : float in (0, 1); the line
    interval : of the binomial-normal model, None for its default, as in `small_evidence.pooling.pool_responses`

    Notes
    -----
    Two studies are read like ten: by the interval of the binomial-normal model, which widens with the likelihood of
    differences between studies, and never by that of the summed counts, which takes one proportion to hold for all.
    The rule is the same under exchange of responders and non-responders.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046 (the model).

    Examples
    --------
    >>> set_direction([8, 34], [9, 78]).direction, set_direction([9], [9])[:2]
    ('across', ('above', 'single_study'))
    """
    pooled = pool_responses(xi, ni, method="glmm", conf_level=conf_level, interval=interval)
    lb, ub = float(pooled["ci_lb"]), float(pooled["ci_ub"])
    status = pooled["status"]
    if status == "tau_not_identified":
        return SetDirection("", "heterogeneity_unknown", np.nan, np.nan)
    found = direction(lb, ub, threshold)
    if not found:
        return SetDirection("", "no_interval", np.nan, np.nan)
    return SetDirection(found, status if status in DIRECTION_CODES else "", lb, ub)
