"""What was not evaluated, not published or too small to count: bounds on what selection could do to a result."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from small_evidence.pooling import pool_many
from small_evidence.pooling.lockstep import advance
from small_evidence.pooling.sensitivity import pool_scenarios

MIN_ARM_SIZES = (1, 3, 5, 10)
CASE_REPORT_SIZE = 2  # patients of the largest arm that counts as a case report
MOST_UNPUBLISHED = 4096
POWERS = [0, *(2**power for power in range(MOST_UNPUBLISHED.bit_length()))]  # numbers that are tried first
FIRST = 7  # of them in the first call
FURTHER = 4  # and in each further one
AT_ONCE = 7  # numbers between two of them that are tried in one call

UNPUBLISHED_CODES = {
    "": "so many would bring the result to the other side of the line",
    "on_the_line": "the result is on the line: none is needed",
    "more_than_counted": f"more than {MOST_UNPUBLISHED:,}",
    "no_result": "there is no result that could be moved",
}


class EvaluableBounds(NamedTuple):
    """Counts if the patients who were treated but not evaluated had all failed, or all responded; arrays."""

    worst: np.ndarray  # responders of n_treated: none of those not evaluated responded
    best: np.ndarray  # responders of n_treated: all of them responded
    n_treated: np.ndarray
    not_evaluated: np.ndarray


class UnpublishedNeeded(NamedTuple):
    """How many unpublished patients would bring a result to the other side of a line."""

    patients: float  # NaN where code says why
    respond: bool | None  # whether these patients respond (the result lies below the line) or not (above)
    result: float  # the result with them
    code: str  # one of UNPUBLISHED_CODES


def evaluable_bounds(x: ArrayLike, n: ArrayLike, n_treated: ArrayLike) -> EvaluableBounds:
    """Worst and best case for patients who were treated but not evaluated.

    Parameters
    ----------
    x, n, n_treated : arrays of one shape; responders, patients evaluated, patients treated (NaN: not reported, taken to
        be n)

    Raises
    ------
    ValueError: fewer patients treated than evaluated, or more responders than patients

    Examples
    --------
    >>> bounds = evaluable_bounds([5, 7], [8, 7], [10, np.nan])
    >>> bounds.worst.tolist(), bounds.best.tolist(), bounds.n_treated.tolist()
    ([5.0, 7.0], [7.0, 7.0], [10.0, 7.0])
    """
    x, n, n_treated = np.broadcast_arrays(*(np.asarray(part, float) for part in (x, n, n_treated)))
    n_treated = np.where(np.isnan(n_treated), n, n_treated)
    faults = {"fewer patients treated than evaluated": n_treated < n, "responders outside 0..n": (x < 0) | (x > n)}
    for text, wrong in faults.items():
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            counts = f"{x.flat[i]:g} of n = {n.flat[i]:g}, n_treated = {n_treated.flat[i]:g}"
            raise ValueError(f"{text}: arm {i + 1} of {x.size} has {counts}")
    return EvaluableBounds(x, x + n_treated - n, n_treated, n_treated - n)


def pool_evaluable_bounds(responses: pd.DataFrame, by: Sequence[str] = (), **options: Any) -> pd.DataFrame:
    """Pool each group as evaluated and in the worst and the best case for patients not evaluated.

    Parameters
    ----------
    responses : DataFrame with responders, n, n_treated (NaN: not reported) and the `by` columns; a row a study arm
    by, options : as in `small_evidence.pooling.pool_many`

    Returns
    -------
    DataFrame: the `by` columns, case ("evaluated", "worst", "best"), not_evaluated (patients), the columns of RECORD

    Notes
    -----
    The summed counts of the worst case are never above those evaluated. The median of a random-effects model can be:
    patients added to one arm also change how much the studies differ.

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [5, 7, 2], "n": [8, 9, 6], "n_treated": [10, 9, 6]})
    >>> pool_evaluable_bounds(arms)[["case", "not_evaluated", "events", "n"]]
            case  not_evaluated  events   n
    0  evaluated            2.0      14  23
    1      worst            2.0      14  25
    2       best            2.0      16  25
    """
    bounds = evaluable_bounds(responses["responders"], responses["n"], responses["n_treated"])
    counts = {
        "evaluated": (responses["responders"], responses["n"]),
        "worst": (bounds.worst, bounds.n_treated),
        "best": (bounds.best, bounds.n_treated),
    }
    own = responses.assign(not_evaluated=bounds.not_evaluated)
    cases = [own.assign(case=case, responders=np.asarray(x), n=np.asarray(n)) for case, (x, n) in counts.items()]
    keys = [*by, "case"]
    stacked = pd.concat(cases, ignore_index=True)
    pooled = pool_many(stacked, by=keys, **options)
    missing = stacked.groupby(keys, sort=False, dropna=False)["not_evaluated"].sum().to_numpy()
    pooled.insert(len(keys), "not_evaluated", missing)
    return pooled


def unpublished_needed(
    xi: ArrayLike, ni: ArrayLike, threshold: float = 0.5, of: str = "estimate", **options: Any
) -> UnpublishedNeeded:
    """How many unpublished single patients would bring a result to the other side of a line.

    Above the line these are patients who did not respond, each a report of its own that was not published; below it,
    patients who responded.

    Parameters
    ----------
    xi, ni : arrays of shape (k,); responders and patients of each study arm
    threshold : float in (0, 1); the line
    of : "estimate", or "limit": the limit of its interval that is nearer to the line
    options : method (here "crude" unless given), conf_level and so on, as in `small_evidence.pooling.pool_responses`

    Raises
    ------
    ValueError: as `pool_responses`; `of` is not known

    Notes
    -----
    A tipping-point bound, not an estimate of how many there are. It has no model of selection: every unpublished
    patient is taken to have the other outcome. It is symmetric: exchange responders and non-responders, and the
    threshold for one minus it, and the number stays.

    References
    ----------
    Rosenthal (1979), Psychol Bull 86:638 (the number of unpublished null results), here for proportions and a line.

    Examples
    --------
    >>> unpublished_needed([1, 1, 1, 2, 8], [1, 1, 1, 2, 13])
    UnpublishedNeeded(patients=9.0, respond=False, result=0.48148148148148145, code='')
    >>> unpublished_needed([0, 0, 0, 0, 5], [1, 1, 1, 2, 13])
    UnpublishedNeeded(patients=9.0, respond=True, result=0.5185185185185185, code='')
    """
    counts = pd.DataFrame({"responders": np.asarray(xi, float), "n": np.asarray(ni, float), _SET: 0})
    if counts.empty:
        return UnpublishedNeeded(np.nan, None, np.nan, "no_result")
    found = unpublished_of_many(counts, _SET, threshold, of, **options).iloc[0]
    respond = None if np.isnan(found["respond"]) else bool(found["respond"])
    return UnpublishedNeeded(float(found["patients"]), respond, float(found["result"]), str(found["code"]))


_SET = "number of the set"


def unpublished_of_many(
    responses: pd.DataFrame, by: str, threshold: float = 0.5, of: str = "estimate", **options: Any
) -> pd.DataFrame:
    """The `unpublished_needed` of every group of arms; what is tried for several is pooled in one call.

    Parameters
    ----------
    responses : DataFrame with columns responders, n and `by`; a row a study arm
    by : name of the column whose values make a group
    threshold, of, options : as in `unpublished_needed`

    Returns
    -------
    DataFrame, a row a group in order of first appearance: `by`, patients, respond (1, 0, or NaN where none is needed or
    known), result, code
    """
    if of not in ("estimate", "limit"):
        raise ValueError(f"of {of!r} is not one of estimate, limit")
    options = {"method": "crude"} | options | {"prediction": False, "homogeneity": False}
    keys = responses[by].drop_duplicates().tolist()
    if options["method"] == "crude":  # only the sums count: one arm will do
        responses = responses.groupby(by, sort=False)[["responders", "n"]].sum().reset_index()
    # every interval has the same estimate beside it, and this one is had for nothing
    quick = {"interval": "wald_z"} if options["method"] == "glmm" else {}
    tried = options | quick if of == "estimate" else options
    published = pool_many(responses, by=by, **options | quick)["estimate"].to_numpy(float)
    counts = [group[["responders", "n"]].to_numpy(float) for _, group in responses.groupby(by, sort=False)]
    searches = dict(enumerate(_search(result, threshold) for result in published))
    found: dict[int, UnpublishedNeeded] = {}
    results: Mapping[int, np.ndarray | None] = dict.fromkeys(searches)
    while results:
        asked, ended = advance(searches, results)
        found |= ended
        results = _with_reports(counts, asked, published > threshold, tried, of) if asked else {}
    table = pd.DataFrame([found[place] for place in range(len(keys))], columns=list(UnpublishedNeeded._fields))
    return table.astype({"respond": float}).assign(**{by: keys})[[by, *UnpublishedNeeded._fields]]


def _search(published: float, threshold: float) -> Generator[Sequence[int], np.ndarray, UnpublishedNeeded]:
    """Asks for the results with some numbers of further patients, until it knows the least that is enough."""
    if not np.isfinite(published):
        return UnpublishedNeeded(np.nan, None, np.nan, "no_result")
    if published == threshold:
        return UnpublishedNeeded(0.0, None, float(published), "on_the_line")
    above = bool(published > threshold)
    low, high, result = -1, MOST_UNPUBLISHED + 1, np.nan  # low is not enough, high is
    numbers = POWERS[:FIRST]
    while high - low > 1:
        results = yield numbers
        enough = results < threshold if above else results > threshold
        first = int(np.argmax(np.append(enough, True)))
        if first < len(numbers):
            high, result = numbers[first], results[first]
        low = numbers[first - 1] if first else low
        if low == MOST_UNPUBLISHED:
            return UnpublishedNeeded(np.nan, not above, np.nan, "more_than_counted")
        between = np.linspace(low + 1, high - 1, AT_ONCE).round().astype(int)
        further = [power for power in POWERS if power > low][:FURTHER]
        numbers = further if high > MOST_UNPUBLISHED else sorted(set(between.tolist()))
    return UnpublishedNeeded(float(high), not above, float(result), "")


def _with_reports(
    counts: Sequence[np.ndarray],
    asked: Mapping[int, Sequence[int]],
    above: np.ndarray,
    options: Mapping[str, Any],
    of: str,
) -> dict[int, np.ndarray]:
    """The result of each group, by its place, with each number of further patients that is asked for, in one call."""
    parts = []
    for place, numbers in asked.items():
        for patients in numbers:
            reports = np.full(1, patients) if options["method"] == "crude" else np.ones(patients)
            parts.append(np.vstack([counts[place], np.column_stack([reports * (not above[place]), reports])]))
    arms = pd.DataFrame(np.concatenate(parts), columns=["responders", "n"])
    number = np.repeat(np.arange(len(parts)), list(map(len, parts)))
    pooled = pool_many(arms.assign(**{_SET: number}), by=_SET, **options)
    sizes = list(map(len, asked.values()))
    is_above = np.repeat(above[list(asked)], sizes)
    values = pooled["estimate"] if of == "estimate" else pooled["ci_lb"].where(is_above, pooled["ci_ub"])
    return dict(zip(asked, np.split(values.to_numpy(float), np.cumsum(sizes)[:-1]), strict=True))


def least_arm_sensitivity(
    responses: pd.DataFrame, by: Sequence[str] = (), sizes: Sequence[int] = MIN_ARM_SIZES, **options: Any
) -> pd.DataFrame:
    """Pool each group with arms of at least 1, 3, 5 and 10 patients.

    Parameters
    ----------
    responses : DataFrame with responders, n and the `by` columns; a row a study arm
    sizes : least numbers of patients
    by, options : as in `small_evidence.pooling.pool_many`

    Returns
    -------
    DataFrame, a row a group and size: the `by` columns, min_arm_size, left_out (arms), the columns of RECORD

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [1, 1, 3, 4, 9], "n": [1, 2, 12, 4, 17]})
    >>> least_arm_sensitivity(arms)[["min_arm_size", "left_out", "k", "n"]]
       min_arm_size  left_out  k   n
    0             1         0  5  36
    1             3         2  3  33
    2             5         3  2  29
    3            10         3  2  29
    """
    enters = {size: (responses["n"] >= size).to_numpy() for size in sizes}
    pooled: pd.DataFrame = pool_scenarios(responses, enters, by=by, **options)
    return pooled.rename(columns={"scenario": "min_arm_size"})


def split_case_reports(responses: pd.DataFrame, largest: int = CASE_REPORT_SIZE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Arms of more than `largest` patients, and the case reports, which are never pooled with them.

    Examples
    --------
    >>> series, reports = split_case_reports(pd.DataFrame({"responders": [1, 4, 2], "n": [1, 9, 2]}))
    >>> series["n"].tolist(), reports["n"].tolist()
    ([9], [1, 2])
    """
    report = responses["n"] <= largest
    return responses[~report], responses[report]


def sum_case_reports(
    responses: pd.DataFrame, by: Sequence[str] = (), largest: int = CASE_REPORT_SIZE, conf_level: float = 0.95
) -> pd.DataFrame:
    """Case reports of each group as one stratum: summed counts with an exact interval.

    Parameters
    ----------
    responses : DataFrame with responders, n and the `by` columns; a row a study arm, series left out here
    largest : patients of the largest arm that counts as a case report

    Returns
    -------
    DataFrame, a row a group that has case reports: the `by` columns and those of RECORD, method "crude"

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [1, 1, 0, 4], "n": [1, 2, 1, 9]})
    >>> sum_case_reports(arms)[["k", "events", "n", "estimate"]]
       k  events  n  estimate
    0  3       2  4       0.5
    """
    reports = split_case_reports(responses, largest)[1]
    if reports.empty and not by:
        return pool_many(responses.iloc[:0], by=by, method="crude", conf_level=conf_level).iloc[:0]
    return pool_many(reports, by=by, method="crude", conf_level=conf_level)
