"""Pool proportions of a few small studies: one call, one record of results, whatever the method.

`pool_responses` pools one set of studies, `pool_many` any number of sets at once. What maximum likelihood cannot answer
(all or no responders, one study, studies of one patient) is answered here, the same way for every method; the Bayesian
model, whose priors are proper, has its own answer there from two studies on. The models live in modules of their own,
each with ``fit(xi, ni, mask, conf_level, **options)`` on padded arrays.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from small_evidence.pooling.batches import batches
from small_evidence.pooling.heterogeneity import likelihood_ratio_q
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.notes import join_codes
from small_evidence.pooling.proportions import check_choice, check_counts, check_level, proportion_interval
from small_evidence.pooling.record import RECORD, STATUSES, TEXT_COLUMNS

__all__ = ["METHODS", "RECORD", "STATUSES", "pool_many", "pool_responses"]

PROPER = ("bayes",)  # methods with a posterior also where the likelihood has no maximum inside the range
OPTIONAL_PREDICTION = ("glmm",)  # methods that take time to predict and can leave it
GIANT = 0.8  # share of the patients in one of several studies that gets a remark
UNINFORMATIVE = 0.9  # an interval wider than this gets a remark
VACUOUS = 0.999  # a prediction interval wider than this is printed as 0 to 100 % and is not given
# Methods with a test of homogeneity of their own
OWN_HOMOGENEITY = ("fixed", "inverse_variance")
FIXED_OPTIONS = {"fixed": {"tau2_method": "FE"}}  # what a method asks of its module beside the options


def pool_responses(
    xi: ArrayLike,
    ni: ArrayLike,
    method: str = "glmm",
    conf_level: float = 0.95,
    *,
    interval: str | None = None,
    measure: str | None = None,
    tau2_method: str | None = None,
    priors: Mapping[str, float] | None = None,
) -> pd.Series:
    """Pool the proportions of one set of studies.

    Parameters
    ----------
    xi, ni : array of shape (k,); responders and patients of each study arm
    method : "glmm" (binomial-normal, maximum likelihood), "beta_binomial", "bayes", "inverse_variance", "fixed"
        (inverse variance, common effect) or "crude" (summed counts)
    conf_level : float in (0, 1); coverage of every interval
    interval : how the interval of the estimate is made, None for the default of the method; `methods.METHODS` lists
        those of each
    measure, tau2_method : inverse_variance only; scale ("PLO", "PAS", "PFT", "PR") and estimator of tau2
    priors : bayes only

    Returns
    -------
    Series indexed by RECORD; proportions 0..1; b, se, tau2 on the scale of the model; NaN = not estimable, and
    status (one of STATUSES) and note say why

    Raises
    ------
    ValueError: counts that cannot be (negative, not whole, missing, more responders than patients); an option that is
        not known or that the method does not take

    Examples
    --------
    >>> pooled = pool_responses([3, 4, 9, 5], [12, 4, 17, 8])
    >>> print(f"{pooled.estimate:.3f} [{pooled.ci_lb:.3f}, {pooled.ci_ub:.3f}], tau2 {pooled.tau2:.4f}")
    0.548 [0.188, 0.933], tau2 0.4564
    >>> pooled = pool_responses([7, 5], [7, 5])
    >>> print(f"{pooled.estimate} [{pooled.ci_lb:.3f}, {pooled.ci_ub}] {pooled.status}")
    1.0 [0.735, 1.0] all_responders
    >>> pooled = pool_responses([7, 5], [7, 5], method="bayes")
    >>> print(f"{pooled.estimate:.3f} [{pooled.ci_lb:.3f}, {pooled.ci_ub:.3f}] {pooled.status}")
    0.968 [0.726, 0.999] ok
    """
    x, n = check_counts(xi, ni)
    options = {"interval": interval, "measure": measure, "tau2_method": tau2_method, "priors": priors}
    columns = _pool(x, n, np.zeros(x.size, int), 1, method, conf_level, options=options)
    return pd.Series({name: columns[name][0] for name in RECORD}, dtype=object)


def pool_many(
    responses: pd.DataFrame,
    by: str | Sequence[str] = (),
    method: str = "glmm",
    conf_level: float = 0.95,
    *,
    interval: str | None = None,
    measure: str | None = None,
    tau2_method: str | None = None,
    priors: Mapping[str, float] | None = None,
    prediction: bool = True,
    homogeneity: bool = True,
) -> pd.DataFrame:
    """Pool every group of study arms in one call.

    Parameters
    ----------
    responses : DataFrame with columns responders, n and those of `by`; a row a study arm
    by : names of the columns whose values make a group; none: all rows are one group
    method, conf_level, interval, measure, tau2_method, priors : as in `pool_responses`
    prediction : without it pi_lb, pi_ub, mean_ci_lb and mean_ci_ub stay empty, which saves time where many are pooled
    homogeneity : without it q, its exact P, i2 and h2 stay empty (two-step models have them in any case), likewise

    Returns
    -------
    DataFrame, a row a group in order of first appearance: the `by` columns, then those of RECORD

    Raises
    ------
    ValueError: as `pool_responses`; a column that is missing

    Examples
    --------
    >>> arms = pd.DataFrame({"therapy": ["a", "a", "a", "b"], "responders": [3, 4, 9, 0], "n": [12, 4, 17, 3]})
    >>> pool_many(arms, by=["therapy"])[["therapy", "k", "events", "n", "status"]]
      therapy  k  events   n        status
    0       a  3      16  33            ok
    1       b  1       0   3  single_study
    """
    by = [by] if isinstance(by, str) else list(by)
    absent = [name for name in ("responders", "n", *by) if name not in responses]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}; the table has {', '.join(map(str, responses.columns))}")
    xi, ni = check_counts(responses["responders"], responses["n"])
    if by:
        groups = responses.groupby(by, sort=False, dropna=False)
        number = groups.ngroup().to_numpy()
        first = np.unique(number, return_index=True)[1]
        keys = responses[by].iloc[first].reset_index(drop=True)
    else:
        number, keys = np.zeros(xi.size, int), pd.DataFrame(index=range(1))
    options = {"interval": interval, "measure": measure, "tau2_method": tau2_method, "priors": priors}
    columns = _pool(
        xi, ni, number, len(keys), method, conf_level, options=options, prediction=prediction, homogeneity=homogeneity
    )
    both = set(by) & set(RECORD)
    if both:
        raise ValueError(f"columns of the result cannot be grouped by: {', '.join(sorted(both))}")
    return pd.concat([keys, pd.DataFrame(columns, columns=list(RECORD))], axis=1)


def _pool(
    xi: np.ndarray,
    ni: np.ndarray,
    group: np.ndarray,
    size: int,
    method: str,
    conf_level: float,
    *,
    options: Mapping[str, Any],
    prediction: bool = True,
    homogeneity: bool = True,
) -> dict[str, np.ndarray]:
    """Columns of RECORD, arrays (size,), for arms xi of ni in groups numbered 0 .. size - 1."""
    check_level(conf_level)
    options = _check_options(method, options)
    empty = np.bincount(group[ni == 0], minlength=size)
    used = ni > 0
    # Sorted within the group, so that the answer does not depend on the order of the rows, not even in the last digit.
    order = np.lexsort((xi[used], ni[used], group[used]))
    xi, ni, group = xi[used][order], ni[used][order], group[used][order]
    k = np.bincount(group, minlength=size)
    events, total = (np.bincount(group, weights=values, minlength=size) for values in (xi, ni))

    out = {name: np.full(size, "", object) if name in TEXT_COLUMNS else np.full(size, np.nan) for name in RECORD}
    out["method"][:], out["conf_level"][:] = method, conf_level
    out["k"], out["events"], out["n"] = k, events.astype(int), total.astype(int)
    out["nodes"] = np.zeros(size, int)
    status = np.full(size, "ok", object)
    status[(k >= 2) & (total == k)] = "tau_not_identified" if method != "crude" else "ok"
    status[events == total] = "all_responders"
    status[events == 0] = "no_responders"
    status[k == 1] = "single_study"
    status[k == 0] = "no_data"
    inside = status == "ok"  # elsewhere the counts do not identify heterogeneity
    if method in PROPER:
        status[k >= 2] = "ok"
    modelled = status == "ok"
    if method == "crude":
        modelled[:] = False
    exact = ~modelled & (k > 0)
    if exact.any():
        name = options.get("interval", "clopper_pearson") if method == "crude" else "clopper_pearson"
        out["interval"][exact] = name
        out["estimate"][exact] = events[exact] / total[exact]
        out["ci_lb"][exact], out["ci_ub"][exact] = proportion_interval(events[exact], total[exact], name, conf_level)
    out["status"] = status
    if method == "crude":
        _add_common_proportion(out, np.flatnonzero(status == "ok"), events, total)
    fitted = np.flatnonzero(modelled)
    with_q = np.flatnonzero(modelled | ((method == "crude") & (status == "ok")))
    for rows, x, n, mask in batches(xi, ni, k, with_q):
        result = {}
        if homogeneity and method not in OWN_HOMOGENEITY:
            test = likelihood_ratio_q(x, n, mask)
            result = {name: np.where(inside[rows], values, np.nan) for name, values in test.items()}
        if fitted.size:
            module = import_module(METHODS[method].module)
            fixed = FIXED_OPTIONS.get(method, {}) | (
                {"prediction": prediction} if method in OPTIONAL_PREDICTION else {}
            )
            result |= module.fit(x, n, mask, conf_level, **options, **fixed)
        for name, values in result.items():
            if name in out:
                out[name][rows] = values
    if not prediction:
        for name in ("pi_lb", "pi_ub", "mean_ci_lb", "mean_ci_ub"):
            out[name][:] = np.nan
    # A further study differs from the median one: its interval is never the narrower.
    out["pi_lb"], out["pi_ub"] = np.minimum(out["pi_lb"], out["ci_lb"]), np.maximum(out["pi_ub"], out["ci_ub"])
    vacuous = out["pi_ub"] - out["pi_lb"] > VACUOUS
    out["pi_lb"][vacuous] = out["pi_ub"][vacuous] = np.nan
    failed = out["status"] == "not_converged"
    for name in ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "tau2", "tau2_lb", "tau2_ub"):
        out[name][failed] = np.nan
    fitted_without = np.isin(out["status"], ("ok", "tau2_zero")) & np.isnan(out["ci_lb"] + out["ci_ub"])
    out["status"][fitted_without] = "no_interval"
    wide = out["ci_ub"] - out["ci_lb"] > UNINFORMATIVE
    # Of the mean study something is expected wherever several studies were pooled for the median one.
    pooled = (METHODS[method].estimand == "median") & (k >= 2) & ~failed
    without_mean = np.isnan(out["mean_proportion"])
    largest = np.zeros(size)
    np.maximum.at(largest, group, ni)
    common = {
        "empty_arms": empty > 0,
        "giant_arm": (k > 1) & (largest >= GIANT * np.maximum(total, 1)),
        "one_proportion_assumed": exact & (k > 1) & (METHODS[method].estimand != "common"),
        "wide_interval": wide,
        "wide_prediction": vacuous,
        "no_mean": pooled & without_mean,
        "no_mean_interval": pooled & ~without_mean & np.isnan(out["mean_ci_lb"]) & prediction,
    }
    both = zip(join_codes(common), out["note"], strict=True)
    out["note"] = np.array([";".join(codes for codes in pair if codes) for pair in both], object)
    return out


def _check_options(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that were given, after checking that the method takes them."""
    check_choice("method", method, METHODS)
    given = {name: value for name, value in options.items() if value is not None}
    foreign = [name for name in given if name not in METHODS[method].options]
    if foreign:
        takes = ", ".join(METHODS[method].options)
        raise ValueError(f"method {method!r} takes no {', '.join(foreign)}; it takes {takes}")
    return given


def _add_common_proportion(out: dict[str, np.ndarray], rows: np.ndarray, events: np.ndarray, total: np.ndarray) -> None:
    """b and se (log odds) of the summed counts."""
    x, n = events[rows], total[rows]
    out["b"][rows], out["se"][rows] = np.log(x / (n - x)), np.sqrt(n / (x * (n - x)))
