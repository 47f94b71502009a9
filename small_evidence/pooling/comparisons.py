"""Comparisons of two arms within studies: odds ratio, risk ratio, risk difference, of one study or pooled over several.

Zero cells are answered, never corrected: no method adds 0.5 to a cell. Where every informative study lies at the same
end of what its margins allow, an odds ratio is 0 or infinite and has one finite limit, an exact one. Studies without a
responder, or with nothing but responders, in both arms have no information on the odds ratio; their number is in
`no_information`.

Vocabulary: x1 of n1 treated patients responded, x2 of n2 of the comparison; b is the log odds ratio, log risk ratio or
the risk difference; tau2 the variance of b between studies.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri, erfc, log_expit, ndtri

from small_evidence.pooling.hypergeometric import (
    FARTHEST,
    INTERVALS,
    MOST_FITTED,
    TAUS,
    UNIT_TAU2,
    Tables,
    chances,
    chi_squared,
    conditional_tables,
    end_of,
    evaluate,
    exact_limits,
    exact_p,
    fall_of,
    find_root,
    log_choose,
    make_model,
    maximum,
    tau2_limits,
)
from small_evidence.pooling.proportions import as_typed, check_choice, check_level

MEASURES = {"OR": "odds ratio", "RR": "risk ratio", "RD": "risk difference"}

# method: its measures and the intervals it offers, the default first
COMPARISON_METHODS = {
    "glmm": (("OR",), ("profile_student", "profile")),
    "mantel_haenszel": (("OR", "RR", "RD"), ("wald_z",)),
    "peto": (("OR",), ("wald_z",)),
    "beta_binomial": (("OR", "RR", "RD"), ("profile",)),
    "exact": (("OR",), ("exact",)),
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
    *("estimate", "ci_lb", "ci_ub", "b", "se", "p", "tau2", "tau2_lb", "tau2_ub", "loglik", "status", "note"),
)

COMPARISON_STATUSES = {
    "ok": "the model was fitted and every parameter lies inside its range",
    "tau2_zero": "the model was fitted; its estimate of tau2 (or of the correlation) is 0, the edge of the range",
    "single_study": "one study: its own effect with the interval of one study, nothing is pooled",
    "single_informative": "one study has information on the odds ratio: its exact interval, nothing is pooled",
    "zero": "the effect is 0: every informative study lies at its lower end",
    "infinite": "the effect is infinite: every informative study lies at its upper end",
    "tau2_unbounded": (
        "every informative study lies at one of its ends, and both occur: the likelihood grows with tau2 without "
        "bound, and so wide is the interval"
    ),
    "no_variance": "the method gives no variance: interval of the summed counts",
    "no_information": "no study has information on this effect",
    "too_many_patients": "too many patients to list the tables with the same margins: use mantel_haenszel",
    "no_data": "no study with patients in both arms",
    "not_converged": "the maximum was not found; nothing is reported",
}

# What a comparison says beside its status
COMPARISON_NOTES = {
    "contains_exact": "tau2 is estimated as 0: the interval contains the exact one of one odds ratio for all studies",
    "one_odds_ratio_assumed": "interval and P assume one odds ratio in all studies",
    "one_risk_ratio_assumed": "interval and P assume one risk ratio in all studies",
    "one_risk_difference_assumed": "interval and P assume one risk difference in all studies",
    "penalised_estimate": "the likelihood has no maximum: the estimate is that of the penalised likelihood",
    "no_lower_limit": "the studies set no lower limit",
    "no_upper_limit": "the studies set no upper limit",
    "no_tau2_limit": "the studies set no upper limit of tau2",
    "no_information": "in studies without information nobody, or everybody, responded in both arms",
    "empty_arms": "studies without patients in one arm are left out",
    "summed": "interval and P are those of the summed counts, as if they were one study",
}

# Notes of what takes no account of differences between studies
ASSUMPTIONS = ("one_odds_ratio_assumed", "one_risk_ratio_assumed", "one_risk_difference_assumed")

ROUNDING = 1e-12  # what two sums of thousands of studies leave of 0, in relation to them


def compare(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    measure: str = "OR",
    method: str | None = None,
    interval: str | None = None,
    conf_level: float = 0.95,
) -> pd.Series:
    """Compare two arms in one study or in several.

    Parameters
    ----------
    x1, n1, x2, n2 : numbers or arrays of shape (k,); responders and patients, treated and comparison
    measure : "OR" odds ratio, "RR" risk ratio, "RD" risk difference; of the treated against the comparison
    method : "glmm" conditional hypergeometric-normal model (OR), "mantel_haenszel", "peto" (OR), "beta_binomial",
        "exact" (OR; one odds ratio for all studies); None: glmm for OR, mantel_haenszel for RR and RD
    interval : of glmm "profile_student" (penalised profile likelihood with Student's critical value, never inside the
        exact interval where tau2 is 0) or "profile" (chi-squared); None: the former. Other methods have one each.
    conf_level : coverage of the interval

    Returns
    -------
    Series indexed by COMPARISON; estimate and limits as ratios or differences (0 and inf are answers), b and se on the
    log scale for ratios; interval, how the limits were made: "exact" or "score" where nothing was pooled, "score" for
    RD; p of no effect, from the test of which this interval is the inversion, so that it is below 1 - conf_level where
    the interval excludes no effect; status is one of COMPARISON_STATUSES, note codes of COMPARISON_NOTES

    Raises
    ------
    ValueError: counts that cannot be; a measure or method that is not known or do not go together

    Notes
    -----
    One study: OR by the conditional exact interval (Cornfield 1956) with twice the smaller tail as P (Fay 2010), RR and
    RD by the score intervals (Koopman 1984; Mee 1984) with the P of their common test, Pearson's chi-squared. Several:
    glmm integrates Fisher's noncentral hypergeometric distribution over b ~ Normal(b, tau2) (Stijnen, Hamza & Ozdemir
    2010), by the trapezoidal rule; its penalty is a half-normal density of tau of variance UNIT_TAU2. Mantel-Haenszel
    has the variances of Robins, Breslow & Greenland (1986; OR), Greenland & Robins (1985; RR) and, at every difference,
    Sato, Greenland & Robins (1989; RD, whose limits are those of Klingenberg 2014); all three assume one effect. Peto
    as Yusuf et al. (1985); exact as Gart (1970); beta_binomial has a mean proportion for each arm and one correlation
    within arms (Kuss 2015), not paired by study, so it needs arms of similar patients.

    References
    ----------
    Cornfield (1956), Proc 3rd Berkeley Symp 4:135. Koopman (1984), Biometrics 40:513. Mee (1984), Biometrics 40:1175.
    Fay (2010), Biostatistics 11:373. Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046. Robins, Breslow & Greenland
    (1986), Biometrics 42:311. Greenland & Robins (1985), Biometrics 41:55. Klingenberg (2014), Stat Med 33:2968. Sato,
    Greenland & Robins (1989), Biometrics 45:1323. Yusuf et al. (1985), Prog Cardiovasc Dis 27:335. Gart (1970),
    Biometrika 57:471. Kuss (2015), Stat Med 34:1097.

    Examples
    --------
    >>> found = compare([8, 5, 9], [10, 9, 12], [3, 2, 4], [10, 8, 11])
    >>> print(f"{found.estimate:.2f} [{found.ci_lb:.2f}, {found.ci_ub:.2f}], P {found.p:.3f}, {found.status}")
    5.21 [0.84, 37.72], P 0.062, tau2_zero
    >>> found = compare(5, 5, 0, 6)
    >>> print(f"{found.estimate} [{found.ci_lb:.2f}, {found.ci_ub}], P {found.p:.4f}, {found.status}")
    inf [2.84, inf], P 0.0043, infinite
    """
    check_choice("measure", measure, tuple(MEASURES))
    check_level(conf_level)
    method = DEFAULT_METHODS[measure] if method is None else method
    check_choice("method", method, tuple(COMPARISON_METHODS))
    measures, intervals = COMPARISON_METHODS[method]
    if measure not in measures:
        raise ValueError(f"method {method!r} has no {MEASURES[measure]}; it has {', '.join(measures)}")
    interval = intervals[0] if interval is None else interval
    check_choice("interval", interval, intervals)
    arms = _check_counts(x1, n1, x2, n2)
    both = (arms[1] > 0) & (arms[3] > 0)
    arms = arms[:, both]
    tables = conditional_tables(*arms)
    record = dict.fromkeys(COMPARISON, np.nan) | {"measure": measure, "method": method, "interval": interval}
    silent = int(both.sum()) - tables.x.size
    record |= {"conf_level": conf_level, "k": arms.shape[1], "no_information": silent, "status": "no_data", "note": ""}
    record |= dict(zip(_SUMS, map(int, arms.sum(axis=1)), strict=True))
    if arms.shape[1]:
        record |= (
            _compare_or(arms, tables, method, interval, conf_level)
            if measure == "OR"
            else _compare_risks(arms, measure, method, conf_level)
        )
    of_counts = [
        *(["empty_arms"] if not both.all() else []),
        *(["no_information"] if silent and measure == "OR" and record["status"] != "no_information" else []),
    ]
    record["note"] = ";".join(code for code in (*of_counts, str(record["note"])) if code)
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


def _check_counts(*arms: ArrayLike) -> np.ndarray:
    """Counts (4, k); ValueError with what was typed where they cannot be."""
    typed = [pd.Series(np.ravel(np.asarray(arm, dtype=object))) for arm in arms]
    if len({part.size for part in typed}) > 1:
        raise ValueError(f"x1, n1, x2, n2 have {', '.join(str(part.size) for part in typed)} values")
    parts = np.array([pd.to_numeric(part, errors="coerce").to_numpy(float) for part in typed])
    for arm in (1, 2):
        x, n = parts[2 * arm - 2], parts[2 * arm - 1]
        wrong = ~np.isfinite(x) | ~np.isfinite(n) | (x < 0) | (x > n) | (x != np.floor(x)) | (n != np.floor(n))
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            seen = f"{as_typed(typed[2 * arm - 2][i])} of {as_typed(typed[2 * arm - 1][i])}"
            raise ValueError(f"whole numbers with 0 <= x{arm} <= n{arm} expected: study {i + 1} of {x.size} has {seen}")
    return parts


# --- odds ratio -----------------------------------------------------------------------------------------------------


def _compare_or(arms: np.ndarray, tables: Tables, method: str, interval: str, conf_level: float) -> dict[str, Any]:
    if tables.x.size == 0:
        return {"status": "no_information"}
    seen, most = (tables.x - tables.low).sum(), (tables.high - tables.low).sum()
    status = {0: "zero", most: "infinite"}.get(seen, "ok")
    if status == "ok" and arms.shape[1] == 1:
        status = "single_study"
    elif status == "ok" and tables.x.size == 1 and method != "beta_binomial":
        status = "single_informative"
    exact = status != "ok" or method == "exact"
    if not tables.listed and (exact or method == "glmm"):
        return {"status": "too_many_patients"}
    if exact:
        assumed = "one_odds_ratio_assumed" if tables.x.size > 1 and method != "exact" else ""
        return _exact_odds_ratio(tables, conf_level) | {"interval": "exact", "status": status, "note": assumed}
    if method == "beta_binomial":
        return _beta_binomial(arms, "OR", conf_level)
    if method == "glmm":
        return _hypergeometric_normal(tables, interval, conf_level)
    b, se = _mantel_haenszel_or(arms) if method == "mantel_haenszel" else _peto(arms)
    return _ratio(b, se, conf_level) | {"status": "ok", "note": "one_odds_ratio_assumed"}


def _exact_odds_ratio(tables: Tables, conf_level: float) -> dict[str, Any]:
    """Conditional maximum likelihood and exact limits of one odds ratio for all studies."""
    seen, most = (int(part.sum()) for part in (tables.x - tables.low, tables.high - tables.low))
    lb, ub = exact_limits(tables, conf_level)
    b = {0: -np.inf, most: np.inf}.get(seen)
    if b is None:
        b = find_root(lambda b: float(chances(tables, b) @ np.arange(most + 1)) - seen)
    return {"b": b, "estimate": np.exp(b), "ci_lb": np.exp(lb), "ci_ub": np.exp(ub), "p": exact_p(tables)}


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


def _hypergeometric_normal(tables: Tables, interval: str, conf_level: float) -> dict[str, Any]:
    """Maximum likelihood of b and tau, limits by the profile, the likelihood-ratio test of b = 0."""
    if (tables.high - tables.low).max() > MOST_FITTED:
        return {"status": "too_many_patients"}
    how, k = INTERVALS[interval], tables.x.size
    model = make_model(tables)
    top, unbounded = maximum(model), np.isfinite(model.ends)
    if not unbounded and top.tau > 0.99 * TAUS[-1]:
        return {"status": "not_converged"}
    penalised = model._replace(ridge=1 / UNIT_TAU2)
    held = maximum(penalised) if how.ridge or unbounded else top
    bounded, summit = (penalised, held.ll) if how.ridge else (model, max(top.ll, model.ends))
    b, critical = held.b if unbounded else top.b, how.critical(conf_level, k)
    start = held.b
    if unbounded and not how.ridge:  # with b and tau infinite the likelihood is highest, on the side of more studies
        upper = (tables.x == tables.high).sum()
        start = float(np.sign(2 * upper - k)) * FARTHEST
    limits = [
        end_of(lambda at: fall_of(bounded, summit, at) - critical, start, side * 2 * FARTHEST - start)
        for side in (-1.0, 1.0)
    ]
    p = how.tail(fall_of(bounded, summit, 0.0), k)
    notes = [code for code, end in zip(("no_lower_limit", "no_upper_limit"), limits, strict=True) if np.isinf(end)]
    if how.with_exact and not unbounded and top.tau == 0:
        exact = exact_limits(tables, conf_level)
        limits = [min(limits[0], exact[0]), max(limits[1], exact[1])]
        p = max(p, exact_p(tables))
        notes.append("contains_exact")
    found = {"b": b, "estimate": np.exp(b), "ci_lb": np.exp(min(limits[0], b)), "ci_ub": np.exp(max(limits[1], b))}
    if unbounded:
        found |= {"loglik": summit if not how.ridge else max(top.ll, model.ends), "status": "tau2_unbounded"}
        return found | {"p": p, "note": ";".join([*notes, "penalised_estimate", "no_tau2_limit"])}
    variances = tau2_limits(model, top, chi_squared(conf_level, k))
    if np.isinf(variances[1]):
        notes.append("no_tau2_limit")
    height = evaluate(model, top.b, top.tau)
    information = -height.h_bb + (height.h_bt**2 / height.h_tt if top.tau > 0 else 0.0)
    found |= {"se": 1 / np.sqrt(information) if information > 0 else np.nan, "p": p, "loglik": top.ll}
    found |= {"tau2": top.tau**2, "tau2_lb": variances[0], "tau2_ub": variances[1]}
    return found | {"status": "ok" if top.tau > 0 else "tau2_zero", "note": ";".join(notes)}


# --- risks ----------------------------------------------------------------------------------------------------------


def _compare_risks(arms: np.ndarray, measure: str, method: str, conf_level: float) -> dict[str, Any]:
    x1, n1, x2, n2 = arms.sum(axis=1)
    if measure == "RR" and x1 == x2 == 0:
        return {"status": "no_information"}

    def summed(status: str) -> dict[str, Any]:
        note = "summed" if arms.shape[1] > 1 else ""
        return _one_table(arms.sum(axis=1), measure, conf_level) | {"status": status, "note": note}

    if arms.shape[1] == 1:
        return summed("single_study")
    if measure == "RR" and (x1 == 0 or x2 == 0):
        return summed("zero" if x1 == 0 else "infinite")
    if method == "beta_binomial":
        if x1 in (0, n1) or x2 in (0, n2):
            return summed("no_variance")
        return _beta_binomial(arms, measure, conf_level)
    found = {"status": "ok", "note": "one_risk_ratio_assumed" if measure == "RR" else "one_risk_difference_assumed"}
    if measure == "RD":
        pooled = _mantel_haenszel_rd(arms, conf_level)
        return pooled | found if pooled else summed("no_variance")
    b, se = _mantel_haenszel_rr(arms)
    return _ratio(b, se, conf_level) | found if se > 0 else summed("no_variance")


def _one_table(table: np.ndarray, measure: str, conf_level: float) -> dict[str, Any]:
    """Score interval of one table, and the P of the score test of no effect, which both measures have in common."""
    x1, n1, x2, n2 = table
    critical = float(chdtri(1, 1 - conf_level))
    # no effect, where the score test is Pearson's chi-squared, is a ratio of 1 and a difference of 0
    found = {"interval": "score", "p": float(chdtrc(1, _score(table, 0.0, _means_of_difference)))}
    if measure == "RD":
        difference = x1 / n1 - x2 / n2

        def outside(gap: float) -> float:
            return _score(table, gap, _means_of_difference) - critical

        lb, ub = (
            side if difference == side else end_of(outside, difference, side - difference) for side in (-1.0, 1.0)
        )
        return found | {"estimate": difference, "b": difference, "ci_lb": max(lb, -1.0), "ci_ub": min(ub, 1.0)}

    def outside_ratio(log_ratio: float) -> float:
        return _score(table, log_ratio, _means_of_ratio) - critical

    start = (
        np.log((x1 + 0.5) / (n1 + 0.5)) - np.log((x2 + 0.5) / (n2 + 0.5))
        if 0 in (x1, x2)
        else np.log(x1 * n2 / (x2 * n1))
    )  # only where the search starts
    lb = 0.0 if x1 == 0 else float(np.exp(end_of(outside_ratio, start, -FARTHEST)))
    ub = np.inf if x2 == 0 else float(np.exp(end_of(outside_ratio, start, FARTHEST)))
    with np.errstate(divide="ignore"):
        estimate = (x1 / n1) / np.float64(x2 / n2)
        return found | {"estimate": estimate, "b": np.log(estimate), "ci_lb": lb, "ci_ub": ub}


Means = Callable[[np.ndarray, float], tuple[float, float, float]]


def _score(table: np.ndarray, effect: float, means: Means) -> float:
    """Score statistic of an effect: squared distance of what was seen from it, over its variance under the effect."""
    x1, n1, x2, n2 = table
    p1, p2, slope = means(table, effect)
    variance = p1 * (1 - p1) / n1 + slope**2 * p2 * (1 - p2) / n2
    gap = x1 / n1 - (slope * x2 / n2 if means is _means_of_ratio else x2 / n2 + effect)
    return 0.0 if gap == 0 else float(gap**2 / max(variance, 1e-300))


def _means_of_ratio(table: np.ndarray, log_ratio: float) -> tuple[float, float, float]:
    """Proportions of both arms that are most likely under this ratio (Koopman 1984, equation 2), and the ratio."""
    x1, n1, x2, n2 = table
    ratio = float(np.exp(log_ratio))
    linear = ratio * (n1 + x2) + x1 + n2
    p2 = (linear - np.sqrt(max(linear**2 - 4 * ratio * (n1 + n2) * (x1 + x2), 0.0))) / (2 * ratio * (n1 + n2))
    return min(ratio * p2, 1.0), p2, ratio


def _means_of_difference(table: np.ndarray, gap: float) -> tuple[float, float, float]:
    """Proportions that are most likely under this difference (Miettinen & Nurminen 1985: root of a cubic), and 1."""
    x1, n1, x2, n2 = table
    cubic, square = n1 + n2, (n1 + 2 * n2) * gap - n1 - n2 - x1 - x2
    linear, constant = (n2 * gap - n1 - n2 - 2 * x2) * gap + x1 + x2, x2 * gap * (1 - gap)
    q = (square / (3 * cubic)) ** 3 - square * linear / (6 * cubic**2) + constant / (2 * cubic)
    spread = np.copysign(np.sqrt(max((square / (3 * cubic)) ** 2 - linear / (3 * cubic), 0.0)), q)
    angle = (np.pi + np.arccos(np.clip(q / spread**3 if spread else 0.0, -1, 1))) / 3
    p2 = float(np.clip(2 * spread * np.cos(angle) - square / (3 * cubic), max(0.0, -gap), min(1.0, 1 - gap)))
    return float(np.clip(p2 + gap, 0.0, 1.0)), p2, 1.0


def _mantel_haenszel_rr(arms: np.ndarray) -> tuple[float, float]:
    x1, n1, x2, n2 = arms
    n = n1 + n2
    r, s = (x1 * n2 / n).sum(), (x2 * n1 / n).sum()
    variance = ((n1 * n2 * (x1 + x2) - x1 * x2 * n) / n**2).sum() / (r * s)
    return float(np.log(r / s)), float(np.sqrt(variance))


def _mantel_haenszel_rd(arms: np.ndarray, conf_level: float) -> dict[str, Any]:
    """Mantel-Haenszel risk difference with Klingenberg's (2014) interval, {} where the variance under no effect is 0.

    The variance (d p + q) / weight**2 of Sato, Greenland & Robins (1989) is taken at every difference d instead of at
    the estimate, where with few patients it is near 0 although they say little; P is that of d = 0.
    """
    x1, n1, x2, n2 = arms
    n = n1 + n2
    weight = (n1 * n2 / n).sum()
    b = float(np.clip(((x1 * n2 - x2 * n1) / n).sum() / weight, -1, 1))
    p = ((n1 / n) ** 2 * x2 - (n2 / n) ** 2 * x1 + n1 * n2 * (n2 - n1) / (2 * n**2)).sum()
    q = ((x1 * (n2 - x2) + x2 * (n1 - x1)) / (2 * n)).sum()
    if q == 0:
        return {}
    critical = chdtri(1, 1 - conf_level) / weight**2
    variance = b * p + q
    if variance <= ROUNDING * (abs(b * p) + q):
        variance = 0.0
    shift = critical * p / 2  # of the middle of the interval from b: it solves a quadratic equation
    half = np.sqrt(critical * variance + shift**2)
    limits = {"ci_lb": max(b + shift - half, -1.0), "ci_ub": min(b + shift + half, 1.0), "interval": "score"}
    found = {"estimate": b, "b": b, "se": np.sqrt(variance) / weight, "p": chdtrc(1, b**2 * weight**2 / q)}
    return limits | {name: float(value) for name, value in found.items()}


# --- beta-binomial --------------------------------------------------------------------------------------------------


def _beta_binomial(arms: np.ndarray, measure: str, conf_level: float) -> dict[str, Any]:
    """Means of the two arms and one correlation by maximum likelihood; profile limits of the effect."""
    from scipy.optimize import minimize

    x1, n1, x2, n2 = arms
    sums = arms.sum(axis=1)
    x, n = np.concatenate([x1, x2]), np.concatenate([n1, n2])
    treated = np.arange(x.size) < x1.size
    constant = float(log_choose(n, x).sum())
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
        lb, ub = end_of(outside, b, -1 + 1e-9 - b), end_of(outside, b, 1 - 1e-9 - b)
        limits = {"estimate": b, "ci_lb": max(lb, -1.0), "ci_ub": min(ub, 1.0)}
    else:
        lb, ub = end_of(outside, b, -FARTHEST), end_of(outside, b, FARTHEST)
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
