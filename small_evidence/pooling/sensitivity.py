"""Sensitivity of a pooled result: the same pool with a study, a year, a criterion or a method changed.

Every function takes study arms (columns responders, n and an identifier), pools all variants in one call of
`pool_many`, and returns one tidy row a variant with the columns of RECORD.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from small_evidence.pooling import pool_many
from small_evidence.pooling.inverse_variance import TAU2_METHODS
from small_evidence.pooling.methods import MEASURES, METHODS
from small_evidence.pooling.record import RECORD


def leave_one_out(
    responses: pd.DataFrame, by: str | Sequence[str] = (), study: str = "study_id", **options: Any
) -> pd.DataFrame:
    """Pool each group without one of its studies, for every study in turn.

    Parameters
    ----------
    responses : DataFrame with responders, n, `study` and the `by` columns; a row a study arm
    by : names of the columns whose values make a group
    study : name of the column with the study; all arms of a study are left out together
    options : method, conf_level, interval and so on, as in `pool_many`

    Returns
    -------
    DataFrame: the `by` columns, left_out (the study; "" in the first row of each group, where none is), RECORD
    (without prediction and interval of the mean, unless `prediction=True`)

    Examples
    --------
    >>> arms = pd.DataFrame({"study_id": list("abcd"), "responders": [3, 4, 9, 5], "n": [12, 4, 17, 8]})
    >>> print(leave_one_out(arms)[["left_out", "k", "estimate", "tau2"]].round(3).to_string(index=False))
    left_out  k  estimate  tau2
              4     0.548 0.456
           a  3     0.621 0.000
           b  3     0.459 0.014
           c  3     0.614 1.588
           d  3     0.552 1.068
    """
    by = _as_list(by)
    parts = [responses.assign(left_out="")]
    labels = responses[study].astype(str)
    for _, group in _groups(responses, by):
        for name in dict.fromkeys(labels[group.index]):
            rest = group[labels[group.index] != name]
            # A study that is the only one leaves nothing: a row of no patients keeps its place in the table.
            parts.append((rest if len(rest) else _nothing(group)).assign(left_out=name))
    options = {"prediction": False} | options
    pooled = pool_many(pd.concat(parts, ignore_index=True), by=[*by, "left_out"], **options)
    return _clear_of_blanks(_in_order(pooled, responses, by))


def influence(
    responses: pd.DataFrame, by: str | Sequence[str] = (), study: str = "study_id", **options: Any
) -> pd.DataFrame:
    """How far each study moves the pooled result: with it minus without it.

    Parameters
    ----------
    responses, by, study, options : as in `leave_one_out`

    Returns
    -------
    DataFrame: the `by` columns, the study, its responders and n; estimate (of all), estimate_without, delta_estimate,
    delta_b, delta_tau2 (all minus without; NaN where one of them is not estimable), status_without

    Examples
    --------
    >>> arms = pd.DataFrame({"study_id": list("abcd"), "responders": [3, 4, 9, 5], "n": [12, 4, 17, 8]})
    >>> print(influence(arms)[["study_id", "delta_estimate", "delta_tau2"]].round(3).to_string(index=False))
    study_id  delta_estimate  delta_tau2
           a          -0.073       0.456
           b           0.088       0.443
           c          -0.066      -1.132
           d          -0.005      -0.611
    """
    by = _as_list(by)
    every = leave_one_out(responses, by, study, **options)
    whole, without = every[every["left_out"] == ""], every[every["left_out"] != ""]
    own = responses.assign(left_out=responses[study].astype(str)).groupby([*by, "left_out"], sort=False, dropna=False)
    counts = own[["responders", "n"]].sum().reset_index()
    frame = without[[*by, "left_out", "estimate", "b", "tau2", "status"]].merge(counts, on=[*by, "left_out"])
    values = whole[[*by, "estimate", "b", "tau2"]]
    keys = {"on": by} if by else {"how": "cross"}
    both = frame.merge(values, suffixes=("_without", ""), **keys)
    for name in ("estimate", "b", "tau2"):
        both[f"delta_{name}"] = both[name] - both[f"{name}_without"]
    both = both.rename(columns={"left_out": study, "status": "status_without"})
    columns = ["responders", "n", "estimate", "estimate_without"]
    columns += ["delta_estimate", "delta_b", "delta_tau2", "status_without"]
    return both[[*by, study, *columns]]


def cumulative(
    responses: pd.DataFrame,
    order: str = "year",
    by: str | Sequence[str] = (),
    study: str = "study_id",
    **options: Any,
) -> pd.DataFrame:
    """Pool each group as it grew: the first study, the first two, and so on.

    Parameters
    ----------
    responses : DataFrame with responders, n, `order`, `study` and the `by` columns; a row a study arm
    order : name of a column of numbers. Studies with the same value enter together; those without one last, together
    by, study, options : as in `leave_one_out`

    Returns
    -------
    DataFrame: the `by` columns, `order` (NaN where not known), added (studies that entered, joined by ";"), RECORD
    (without prediction)

    Examples
    --------
    >>> arms = pd.DataFrame({"study_id": list("abcd"), "year": [1995, 1998, 1998, 2012],
    ...                      "responders": [4, 3, 5, 9], "n": [4, 12, 8, 17]})
    >>> cumulative(arms)[["year", "added", "k", "status"]]
         year added  k        status
    0  1995.0     a  1  single_study
    1  1998.0   b;c  3            ok
    2  2012.0     d  4            ok
    """
    by = _as_list(by)
    values = pd.to_numeric(responses[order], errors="coerce").astype(float)
    parts, heads = [], []
    for number, (_, group) in enumerate(_groups(responses, by)):
        mine = values[group.index]
        steps = sorted(mine.dropna().unique()) + ([np.nan] if mine.isna().any() else [])
        for place, value in enumerate(steps):
            new = mine.isna() if np.isnan(value) else mine == value
            so_far = mine.notna() | mine.isna() if np.isnan(value) else mine <= value
            parts.append(group[so_far].assign(_group=number, _step=place))
            added = ";".join(dict.fromkeys(group.loc[new, study].astype(str)))
            heads.append({name: group[name].iloc[0] for name in by} | {order: value, "added": added})
    if not parts:
        return pd.DataFrame(columns=[*by, order, "added", *RECORD])
    pooled = pool_many(pd.concat(parts, ignore_index=True), by=["_group", "_step"], prediction=False, **options)
    return pd.concat([pd.DataFrame(heads), pooled[list(RECORD)]], axis=1)


def pool_scenarios(
    responses: pd.DataFrame, scenarios: Mapping[Any, ArrayLike], by: str | Sequence[str] = (), **options: Any
) -> pd.DataFrame:
    """Pool each group under stricter or other criteria.

    Parameters
    ----------
    responses : DataFrame with responders, n and the `by` columns; a row a study arm
    scenarios : dict of a label to a bool array (rows,): which arms enter
    by, options : as in `leave_one_out`

    Returns
    -------
    DataFrame: the `by` columns, scenario, left_out (arms that do not enter), RECORD; a row for every group and
    scenario, with status "no_data" where no arm is left

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [3, 4, 9, 2], "n": [12, 4, 17, 2]})
    >>> pool_scenarios(arms, {"all": [True] * 4, "n >= 3": arms.n >= 3})[["scenario", "left_out", "k", "events"]]
      scenario  left_out  k  events
    0      all         0  4      18
    1   n >= 3         1  3      16
    """
    by = _as_list(by)
    parts = []
    for label, enters in scenarios.items():
        enters = np.asarray(enters, bool)
        part = responses.assign(scenario=label, _out=(~enters).astype(int))
        # An arm that does not enter stays as one without patients, so that no group falls out of the table.
        part[["responders", "n"]] = part[["responders", "n"]].where(pd.Series(enters, index=part.index), 0)
        parts.append(part)
    stacked = pd.concat(parts, ignore_index=True)
    left_out = stacked.groupby([*by, "scenario"], sort=False, dropna=False)["_out"].sum().to_numpy()
    pooled = pool_many(stacked, by=[*by, "scenario"], **options)
    pooled.insert(len(by) + 1, "left_out", left_out)
    return _clear_of_blanks(pooled)


def all_methods(
    responses: pd.DataFrame,
    by: str | Sequence[str] = (),
    conf_level: float = 0.95,
    priors: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Pool each group by every method, interval and scale the package has.

    Parameters
    ----------
    responses : DataFrame with responders, n and the `by` columns; a row a study arm
    by : names of the columns whose values make a group
    conf_level : coverage of the intervals
    priors : of the Bayesian model, None for its own

    Returns
    -------
    DataFrame: the `by` columns, label (method, scale and interval in words), RECORD. The two-step models with every
    scale and interval under REML, and with every other estimator of tau2 on the logit scale. No prediction by the
    binomial-normal model.

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [3, 4, 9, 5], "n": [12, 4, 17, 8]})
    >>> table = all_methods(arms)
    >>> sorted(set(table.method))
    ['bayes', 'beta_binomial', 'crude', 'fixed', 'glmm', 'inverse_variance']
    """
    parts = []
    for choice in choices_of_all_methods():
        extra: dict[str, Any] = {"priors": priors} if choice["method"] == "bayes" else {}
        extra["prediction"] = choice["method"] != "glmm"
        part = pool_many(responses, by=by, conf_level=conf_level, **choice, **extra)
        words = [METHODS[choice["method"]].short_label, *(str(choice[name]) for name in _SHOWN if choice.get(name))]
        part.insert(len(_as_list(by)), "label", ", ".join(words).replace("_", " "))
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    if not _as_list(by):
        return table
    place = table.groupby(_as_list(by), sort=False, dropna=False).ngroup()
    return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


_SHOWN = ("measure", "tau2_method", "interval")


def choices_of_all_methods() -> list[dict[str, Any]]:
    """Options of pool_many for every method, from what the registry lists."""
    choices: list[dict[str, Any]] = [{"method": "crude"}]
    for method in ("glmm", "beta_binomial", "bayes"):
        choices += [{"method": method, "interval": interval} for interval in METHODS[method].intervals]
    choices += [{"method": "fixed", "measure": measure} for measure in MEASURES]
    choices += [
        {"method": "inverse_variance", "measure": measure, "tau2_method": "REML", "interval": interval}
        for measure in MEASURES
        for interval in METHODS["inverse_variance"].intervals
    ]
    choices += [
        {"method": "inverse_variance", "measure": "PLO", "tau2_method": name, "interval": "wald_z"}
        for name in TAU2_METHODS
        if name not in ("REML", "FE")
    ]
    return choices


def _as_list(by: str | Sequence[str]) -> list[str]:
    return [by] if isinstance(by, str) else list(by)


def _groups(responses: pd.DataFrame, by: list[str]) -> list[tuple[Any, pd.DataFrame]]:
    """(keys, rows) of each group in order of appearance."""
    if not by:
        return [((), responses)] if len(responses) else []
    return list(responses.groupby(by, sort=False, dropna=False))


def _nothing(group: pd.DataFrame) -> pd.DataFrame:
    """A row of the group's keys without patients."""
    row = group.iloc[:1].copy()
    row[["responders", "n"]] = 0
    return row


def _in_order(pooled: pd.DataFrame, responses: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rows of one group together, groups in order of appearance."""
    if not by:
        return pooled
    first = responses.groupby(by, sort=False, dropna=False).ngroup()
    keys = responses[by].assign(_place=first).drop_duplicates()
    place = pooled[by].merge(keys, on=by, how="left")["_place"].to_numpy()
    return pooled.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _clear_of_blanks(pooled: pd.DataFrame) -> pd.DataFrame:
    """Drop the remark on arms without patients, which stand for what was left out."""
    kept = [[code for code in codes.split(";") if code != "empty_arms"] for codes in pooled["note"]]
    return pooled.assign(note=[";".join(codes) for codes in kept])
