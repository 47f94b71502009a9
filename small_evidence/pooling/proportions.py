"""Intervals for the proportion of one study, the only module that knows how they are made, and checks of counts."""

from collections.abc import Collection
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betaincinv

# The exact one by its quantiles of the beta distribution, the others by statsmodels, with its names. Clopper & Pearson
# 1934; Wilson 1927; Brown, Cai & DasGupta (2001) Stat Sci 16:101 for Jeffreys' and Agresti-Coull.
INTERVALS = ("clopper_pearson", "wilson", "jeffreys", "agresti_coull")


def proportion_interval(
    x: ArrayLike, n: ArrayLike, method: str = "clopper_pearson", conf_level: float = 0.95
) -> tuple[Any, Any]:
    """Interval for a binomial proportion, for any number of studies at once.

    Parameters
    ----------
    x, n : float or array; responders and patients, of one shape
    method : "clopper_pearson" (exact), "wilson", "jeffreys" or "agresti_coull"
    conf_level : float in (0, 1); two-sided, so that with no (only) responders the exact bound is that of conf_level
        ``1 - (1 - conf_level) / 2`` on one side

    Returns
    -------
    lb, ub : floats or arrays of the shape of x, in 0..1; NaN where n is 0

    Raises
    ------
    ValueError: unknown method, conf_level outside (0, 1), x outside 0..n

    Notes
    -----
    Jeffreys' limit is put on 0 (1) when no (all) patients respond, as Brown, Cai & DasGupta (2001) advise:
    otherwise the interval would leave out the proportion seen.

    Examples
    --------
    >>> lb, ub = proportion_interval(5, 8)
    >>> print(f"{lb:.4f} {ub:.4f}")
    0.2449 0.9148
    >>> proportion_interval([7, 0], [7, 0], method="wilson")[0].round(3)
    array([0.646,   nan])
    """
    check_choice("interval", method, INTERVALS)
    check_level(conf_level)
    x, n = np.broadcast_arrays(np.asarray(x, float), np.asarray(n, float))
    if np.any((x < 0) | (x > n)):
        raise ValueError("responders must lie between 0 and the number of patients")
    lb, ub = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    some = n > 0
    if some.any():
        lb[some], ub[some] = _bounds(x[some], n[some], method, 1 - conf_level)
        lb[some & (x == 0)], ub[some & (x == n)] = 0.0, 1.0
        np.clip(lb, 0, 1, out=lb)
        np.clip(ub, 0, 1, out=ub)
    return (float(lb), float(ub)) if lb.ndim == 0 else (lb, ub)


def _bounds(x: np.ndarray, n: np.ndarray, method: str, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    if method != "clopper_pearson":
        # statsmodels takes half a second to import, more than the rest of the package: only who asks for it waits
        from statsmodels.stats.proportion import proportion_confint

        return proportion_confint(x, n, alpha=alpha, method=method)
    # a beta distribution with a parameter of 0 has no quantiles: the caller puts these bounds on 0 and 1
    some, less = np.where(x > 0, x, n), np.where(x < n, x, 0)
    return betaincinv(some, n - some + 1, alpha / 2), betaincinv(less + 1, n - less, 1 - alpha / 2)


def check_choice(name: str, value: object, allowed: Collection[str]) -> None:
    """Raise ValueError where the value of an option is not one of those allowed.

    >>> check_choice("interval", "exact", ("wilson", "jeffreys"))
    Traceback (most recent call last):
    ValueError: interval 'exact' is not one of wilson, jeffreys
    """
    if value not in allowed:
        raise ValueError(f"{name} {value!r} is not one of {', '.join(allowed)}")


def as_typed(value: object) -> str:
    """A count as a message shows it: what was typed, a number without needless digits.

    >>> as_typed("5/8"), as_typed(5.0), as_typed(2.5), as_typed(10**12), as_typed(None)
    ("'5/8'", '5', '2.5', '1000000000000', 'nothing')
    """
    if isinstance(value, str):
        return repr(value)
    if value is None or value is pd.NA or value != value:
        return "nothing"
    number = float(value) if isinstance(value, int | float | np.number) else None
    return str(value) if number is None else f"{number:.0f}" if number == np.floor(number) else f"{number:g}"


def check_counts(responders: ArrayLike, patients: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Counts as float arrays (k,); ValueError that names the first fault of each kind."""
    typed = [pd.Series(np.asarray(values, dtype=object).ravel()) for values in (responders, patients)]
    xi, ni = (pd.to_numeric(values, errors="coerce").to_numpy(float) for values in typed)
    if xi.shape != ni.shape:
        raise ValueError(f"{xi.size} numbers of responders but {ni.size} of patients")
    for wrong, text in (
        (~np.isfinite(xi), "responders must be a number"),
        (~np.isfinite(ni), "n must be a number"),
        (xi < 0, "responders must not be negative"),
        (ni < 0, "n must not be negative"),
        (xi != np.floor(xi), "responders must be whole"),
        (ni != np.floor(ni), "n must be whole"),
        (xi > ni, "more responders than patients"),
    ):
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            seen, of = (as_typed(values[i]) for values in typed)
            raise ValueError(f"{text}: arm {i + 1} of {xi.size} has {seen} of n = {of}")
    return xi, ni


def check_level(level: float, name: str = "conf_level") -> None:
    """Raise ValueError unless a level, such as a coverage, lies in (0, 1)."""
    if not (isinstance(level, Real) and 0 < level < 1):
        raise ValueError(f"{name} must lie between 0 and 1, not {level!r}")
