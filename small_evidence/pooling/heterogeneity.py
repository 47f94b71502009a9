"""How much studies differ: the likelihood-ratio Q, subgroups and meta-regression in the binomial-normal model."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import erfc, expit, logit, ndtri, stdtrit, xlog1py, xlogy

from small_evidence.pooling.glmm import likelihood_ratio_p, student_likelihood_ratio
from small_evidence.pooling.homogeneity import homogeneity_test
from small_evidence.pooling.likelihood import RIDGE
from small_evidence.pooling.prediction import study_limits
from small_evidence.pooling.proportions import check_choice, check_counts, check_level, proportion_interval
from small_evidence.pooling.regression import (
    Asking,
    Regression,
    answered,
    fit_regression,
    further_studies,
    limits_of,
    regression,
    together,
)

MIN_K_SMALL_STUDY = (
    10  # Sterne et al. (2011) BMJ 343:d4002: with fewer studies such a test cannot tell chance from bias
)
STUDIES_PER_COEFFICIENT = 10  # Cochrane Handbook 10.11.5.1
TEST_COLUMNS = ("chi2", "df", "ddf", "p", "test_code", "test_note")
MIN_STUDIES_SUBGROUP = 2  # in each group: one study is not a group
MIN_STUDIES_SUBGROUP_TEST = 4  # in all groups together: two groups of two
# Words that are no value of a covariate and name no group: not applicable, not reported, unclear; in any letter case
NO_VALUE = ("", "-", "–", "—", "NR", "UNCLEAR", "NA", "N/A", "NAN")

# Why there is no test of subgroups ("": there is one).
TEST_CODES = {
    "": "",
    "fewer_than_two_groups": "fewer than two subgroups",
    "group_of_one_study": f"a subgroup has fewer than {MIN_STUDIES_SUBGROUP} studies",
    "fewer_than_four_studies": f"fewer than {MIN_STUDIES_SUBGROUP_TEST} studies",
    "all_or_none_respond": "all or no patients respond in every subgroup",
    "studies_of_one_patient": "every study has one patient: tau2 not identified",
    "not_converged": "the maximum was not found",
}
INTERVALS = ("profile_student", "wald_z")  # of subgroups and of coefficients
TERM_COLUMNS = (
    *("term", "covariate", "b", "se", "wald_z", "wald_p", "ci_lb", "ci_ub", "lr_chi2", "lr_df", "lr_ddf", "lr_p"),
    *("k", "tau2", "tau2_without", "loglik", "status", "code", "note"),
)
PREDICTION_COLUMNS = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "status", "code")

SMALL_STUDY_CODES = {
    "": "",
    "too_few_studies": f"{{k}} studies, {MIN_K_SMALL_STUDY} needed",
    "same_size": "all studies have the same size",
}

# Why a regression, or a coefficient of it, has no estimate ("": it has).
REGRESSION_CODES = {
    "": "",
    "no_variation": "the covariates do not vary, or one determines another",
    "too_few_studies": "{k} studies for {coefficients} coefficients and tau2",
    "all_or_none_respond": "all or no patients respond",
    "studies_of_one_patient": "every study has one patient: tau2 not identified",
    "only_ends": "every study has only responders or none: tau2 grows without bound",
    "not_converged": "the maximum was not found",
    "infinite": "no finite estimate: the studies that bear on it have only responders or none; see the test",
    "no_limit": "the studies set no limit on one side",
    "limit_not_found": "a limit was not found",
}


def likelihood_ratio_q(xi: ArrayLike, ni: ArrayLike, mask: ArrayLike) -> dict[str, np.ndarray]:
    """Test of one proportion for all studies against one for each, for many analyses at once.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients
    mask : bool array (a, k); True where there is a study

    Returns
    -------
    dict of arrays (a,): q, twice the difference of the log-likelihoods; q_df = k - 1; q_p, exact given the total, and
    q_p_se, its standard error, 0 unless it was estimated from random tables (see `homogeneity_test`); i2 =
    max(0, (q - q_df)/q), 0..1; h2 = q/q_df. NaN where there are fewer than two studies.

    Notes
    -----
    I2 depends on the size of the studies as much as on how they differ; read tau2 and the prediction interval first.

    References
    ----------
    Higgins & Thompson (2002), Stat Med 21:1539.

    Examples
    --------
    >>> test = likelihood_ratio_q([[3.0, 4, 9, 5]], [[12.0, 4, 17, 8]], [[True] * 4])
    >>> print(f"{test['q'][0]:.3f} {test['q_p'][0]:.4f} {test['i2'][0]:.3f}")
    9.224 0.0423 0.675
    """
    mask = np.asarray(mask, bool)
    xi, ni = np.where(mask, xi, 0.0), np.where(mask, ni, 0.0)
    k, events, total = mask.sum(1), xi.sum(1), ni.sum(1)
    own = _binomial_peak(xi, ni).sum(1)
    some = k > 1
    q = np.where(some, np.maximum(2 * (own - _binomial_peak(events, total)), 0.0), np.nan)
    q = np.where(q < 1e-9 * (1 + np.abs(own)), 0.0, q)  # what is left of 0 after two large sums cancel
    df = np.where(some, k - 1.0, np.nan)
    share = np.where(q > 0, 1 - df / np.where(q > 0, q, 1.0), 0.0)
    tests = [homogeneity_test(x[used], n[used]) for x, n, used in zip(xi, ni, mask, strict=True)]
    return {
        "q": q,
        "q_df": df,
        "q_p": np.array([test.p for test in tests]),
        "q_p_se": np.array([test.p_se for test in tests]),
        "i2": np.where(some, np.maximum(share, 0.0), np.nan),
        "h2": q / df,
    }


def subgroups(
    responses: pd.DataFrame, column: str, conf_level: float = 0.95, interval: str = "profile_student"
) -> pd.DataFrame:
    """Pool subgroups of studies with one tau2 for all, and test whether they differ.

    Parameters
    ----------
    responses : DataFrame with responders, n and `column`, a row a study arm
    column : name of the column that makes the subgroups; rows where it is missing or one of NO_VALUE name no group and
        are left out, their number in `left_out`
    conf_level : coverage of the intervals
    interval : "profile_student" or "wald_z"

    Returns
    -------
    DataFrame, a row a subgroup in order of appearance: `column`, studies, those of RECORD, and the test against one
    proportion for all: chi2, the likelihood ratio (twice the difference of the log-likelihoods with the penalty on tau
    of `likelihood.RIDGE`), df, ddf (arms less subgroups) and p of F as in `glmm.likelihood_ratio_p`, with test_code
    (one of TEST_CODES), test_note (its words) and left_out. There is a test only where every subgroup has two studies
    or more and all together have four or more. A subgroup of one study has its counts and the status "single_study" but
    no estimate: it is that study. One in which all or none respond has its exact interval and status; tau2 in the other
    rows is the common one. Arms of one study (column study_id, where there is one) count as one study.

    Raises
    ------
    ValueError: as `small_evidence.pooling.pool_responses`

    Notes
    -----
    Both models have one tau2, that of the subgroups of two arms or more: with few studies in each subgroup a tau2 of
    its own could not be estimated. Limits are those of the default of a pooled proportion, with k and p counted over
    the arms that tau2 is estimated from: where one subgroup is left, those of pooling it alone. q, i2 and h2 are within
    the subgroup.

    Examples
    --------
    >>> arms = pd.DataFrame({"disease": list("aaabbb"), "responders": [3, 5, 8, 2, 1, 4], "n": [8, 9, 10, 8, 9, 12]})
    >>> found = subgroups(arms, "disease")
    >>> print(found[["disease", "k", "estimate", "tau2"]].round(3).to_string(index=False))
    disease  k  estimate  tau2
          a  3     0.593   0.0
          b  3     0.241   0.0
    >>> print(f"{found.chi2[0]:.3f} {found.p[0]:.4f}")
    5.438 0.0720
    """
    return subgroups_of_many([responses], column, conf_level, interval)[0]


def subgroups_of_many(
    tables: Sequence[pd.DataFrame], column: str, conf_level: float = 0.95, interval: str = "profile_student"
) -> list[pd.DataFrame]:
    """The `subgroups` of several tables, whose integrals are taken together, which costs a fraction."""
    from small_evidence.pooling import pool_many

    check_choice("interval", interval, INTERVALS)
    if not tables:
        return []
    named = [has_value(table[column]) for table in tables]
    for table in tables:
        check_counts(table["responders"], table["n"])
    kept = [
        table[names & (table["n"].to_numpy(float) > 0)].reset_index(drop=True)
        for table, names in zip(tables, named, strict=True)
    ]
    numbered = pd.concat([one.assign(**{_TABLE: number}) for number, one in enumerate(kept)], ignore_index=True)
    options: Mapping[str, Any] = {"conf_level": conf_level, "interval": interval, "prediction": False}
    pooled = pool_many(numbered, by=[_TABLE, column], method="glmm", **options)
    groups = [one.groupby(column, sort=False).ngroup().to_numpy() for one in kept]
    steps = [_model(one, codes, conf_level, interval) for one, codes in zip(kept, groups, strict=True)]
    models = answered(together(steps))
    own = [pooled[pooled[_TABLE] == number].drop(columns=_TABLE).reset_index(drop=True) for number in range(len(kept))]
    parts = zip(own, kept, models, named, strict=True)
    return [_with_model(*part[:3], column, interval, int((~part[3]).sum())) for part in parts]


_TABLE = "number of the table"


def _with_model(
    out: pd.DataFrame, kept: pd.DataFrame, found: "_Model", column: str, interval: str, left_out: int
) -> pd.DataFrame:
    """Subgroups pooled each for itself with what the model of all of them says, and the test."""
    alone = pd.Series([f"arm {row}" for row in kept.index])
    study = kept["study_id"].fillna(alone) if "study_id" in kept else alone
    studies = study.groupby(kept[column], sort=False).nunique().to_numpy()
    out.insert(1, "studies", studies)
    too_few = _too_few(studies, study.nunique())
    code, result = (too_few, NO_TEST) if too_few else (found.code, found.test)
    test: tuple[float | str, ...] = (*result, code, TEST_CODES[code])
    for name, value in zip(TEST_COLUMNS, test, strict=True):
        out[name] = value
    out["left_out"] = left_out
    rows = found.rows
    if np.isnan(found.tau2):
        # Nothing is known of a common tau2: no subgroup of several studies has an answer of the model.
        several = out["status"].isin(["ok", "tau2_zero", "not_converged"])
        out.loc[several, _OF_MODEL] = np.nan
        out.loc[several, "status"] = "no_common_tau2"
    else:
        out.loc[rows, _OF_MODEL] = np.nan
        out.loc[rows, ["estimate", "ci_lb", "ci_ub"]] = expit(np.column_stack([found.b, found.limits]))
        out.loc[rows, ["b", "se", "tau2"]] = np.column_stack([found.b, found.se, np.full(rows.size, found.tau2)])
        out.loc[rows, "status"] = "ok" if found.tau2 > 0 else "tau2_zero"
        out.loc[rows, ["interval", "note", "nodes"]] = interval, "common_tau2", 0
    single = out["studies"] < MIN_STUDIES_SUBGROUP
    out.loc[single, _OF_MODEL] = np.nan
    out.loc[single, "status"] = "single_study"
    return out


_OF_MODEL = [
    *("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "tau2", "tau2_lb", "tau2_ub"),
    *("mean_proportion", "loglik"),
]


NO_TEST = (np.nan, np.nan, np.nan, np.nan)


class _Model(NamedTuple):
    """One tau2 for all subgroups: the test, and the coefficients of some of them."""

    test: tuple[float, float, float, float]  # chi2, df, ddf, p
    code: str  # one of TEST_CODES
    tau2: float = np.nan
    rows: np.ndarray = np.empty(0, int)  # subgroups with a coefficient
    b: np.ndarray = np.empty(0)
    se: np.ndarray = np.empty(0)
    limits: np.ndarray = np.empty((0, 2))


def _model(kept: pd.DataFrame, codes: np.ndarray, conf_level: float, interval: str) -> Asking[_Model]:
    """Steps that test the subgroups with these numbers and fit one tau2 to them, with the limits of coefficients.

    A subgroup of one arm is left out: its own coefficient fits it, so that it says nothing about tau2.
    """
    several = (np.bincount(codes) >= 2)[codes]
    xi, ni = kept["responders"].to_numpy(float)[several], kept["n"].to_numpy(float)[several]
    codes = codes[several]
    groups = np.unique(codes)
    if groups.size == 0:
        return _Model(NO_TEST, "group_of_one_study")
    if xi.sum() in (0, ni.sum()):
        return _Model(NO_TEST, "all_or_none_respond")
    if (ni == 1).all():
        return _Model(NO_TEST, "studies_of_one_patient")
    # All or no responders in a subgroup: its coefficient is infinite and its likelihood 1, so it may be left out.
    mixed = np.array([group for group in groups if 0 < xi[codes == group].sum() < ni[codes == group].sum()], int)
    inside = np.isin(codes, mixed)
    design = (codes[inside, None] == mixed).astype(float)
    fits = [regression(xi, ni, np.ones((xi.size, 1)), RIDGE)]
    if mixed.size:
        fits += [regression(xi[inside], ni[inside], design, RIDGE), regression(xi[inside], ni[inside], design)]
    common, *of_mixed = yield from together(fits)
    if not all(fit.converged for fit in (common, *of_mixed[:1])):
        return _Model(NO_TEST, "not_converged")
    ratio = 2 * (sum(fit.loglik for fit in of_mixed[:1]) - common.loglik)
    test = _likelihood_ratio_test(ratio, groups.size - 1, xi.size, groups.size) if groups.size > 1 else NO_TEST
    if _why_no_tau2(xi[inside], ni[inside]) or not of_mixed[1].converged:
        return _Model(test, "")
    held, model = of_mixed
    places = np.arange(mixed.size)
    b, se, limits = yield from _limits(xi[inside], ni[inside], design, (model, held), places, conf_level, interval)
    if interval == "profile_student" and model.tau2 == 0:  # as that of a pooled proportion
        events, total = (np.bincount(codes, part)[mixed] for part in (xi, ni))
        lb, ub = logit(proportion_interval(events, total, conf_level=conf_level))
        limits = np.column_stack([np.minimum(limits[:, 0], lb), np.maximum(limits[:, 1], ub)])
    return _Model(test, "", model.tau2, mixed, b, se, limits)


def _limits(
    xi: np.ndarray,
    ni: np.ndarray,
    design: np.ndarray,
    fits: tuple[Regression, Regression],
    places: np.ndarray,
    conf_level: float,
    interval: str,
) -> Asking[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Steps that give coefficients at some places (m,), their standard errors (m,) and limits (m, 2).

    fits: without and with the penalty on tau.
    """
    model, held = fits
    b, se = model.beta[places], np.sqrt(np.diag(model.covariance)[places])
    if interval == "profile_student":
        critical = float(student_likelihood_ratio(conf_level, np.array(xi.size), design.shape[1]))
        found = yield from limits_of(xi, ni, design, held, places.tolist(), critical)
        lb, ub = np.array(found).reshape(-1, 2).T
        return b, se, np.column_stack([np.minimum(lb, b), np.maximum(ub, b)])
    reach = ndtri((1 + conf_level) / 2) * se
    return b, se, np.column_stack([b - reach, b + reach])


def _too_few(studies: np.ndarray, together: int) -> str:
    """Code of the rule by which groups of so many studies are not tested, "" where they are."""
    if studies.size < 2:
        return "fewer_than_two_groups"
    if studies.min() < MIN_STUDIES_SUBGROUP:
        return "group_of_one_study"
    return "fewer_than_four_studies" if together < MIN_STUDIES_SUBGROUP_TEST else ""


def _likelihood_ratio_test(ratio: float, q: int, k: int, p: int) -> tuple[float, int, int, float]:
    """chi2, df, ddf and p of a test of q of p coefficients in k arms."""
    ratio = max(ratio, 0.0)
    return ratio, q, k - p, likelihood_ratio_p(ratio, q, k, p)


class Covariate(NamedTuple):
    """How a column of studies enters the design: as numbers (no levels), or as indicators of levels against a base."""

    name: str
    levels: tuple[str, ...]  # without the base
    base: str


def meta_regression(
    responses: pd.DataFrame,
    covariates: str | Sequence[str],
    conf_level: float = 0.95,
    interval: str = "profile_student",
) -> pd.DataFrame:
    """Regress the log odds of response on covariates of the studies.

    Parameters
    ----------
    responses : DataFrame with responders, n and the covariates, a row a study arm
    covariates : one name or several, read by `read_covariate`. Numbers, typed as text or not, enter as they are;
        anything else as indicators of its values against the most frequent one (the first of these in the alphabet).
        Rows with a missing value are left out. There must be two studies more than coefficients.
    conf_level : coverage of the intervals
    interval : "profile_student" or "wald_z"

    Returns
    -------
    DataFrame, a row a coefficient: term, covariate; b, se, wald_z, wald_p, ci_lb, ci_ub on the log-odds scale (per unit
    of the covariate; NaN with a note where it is infinite); lr_chi2, lr_df, lr_ddf, lr_p, the test of the whole
    covariate by the penalised likelihood ratio, P of F as in `glmm.likelihood_ratio_p`, to be preferred to wald_p, and
    below 1 - conf_level exactly where the profile interval of a single coefficient excludes 0; k; tau2 with the
    covariates and tau2_without them; loglik; status ("ok", "tau2_zero", "not_estimable", "not_converged"); code, one of
    REGRESSION_CODES; note

    Raises
    ------
    ValueError: no covariate, one twice, or counts as in `small_evidence.pooling.pool_responses`

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [3, 5, 8, 2, 1, 4], "n": [8, 9, 10, 8, 9, 12],
    ...                      "year": [1998, 2001, 2004, 2007, 2010, 2013]})
    >>> print(meta_regression(arms, "year")[["term", "b", "se", "lr_p"]].round(3).to_string(index=False))
         term       b      se  lr_p
    intercept 179.799 144.109   NaN
         year  -0.090   0.072  0.35
    """
    names = _check_regression(responses, covariates, conf_level)
    responses = responses.assign(**{name: read_covariate(responses[name]) for name in names})
    check_choice("interval", interval, INTERVALS)
    kept, left_out = _complete(responses, names)
    xi, ni = kept["responders"].to_numpy(float), kept["n"].to_numpy(float)
    read = [_covariate(kept[name]) for name in names]
    design, terms, owners = _design(kept, read)
    notes = [f"{left_out} without covariate left out"] if left_out else []
    out = pd.DataFrame({"term": terms, "covariate": owners}).reindex(columns=list(TERM_COLUMNS))
    out["k"] = xi.size
    code = _why_not(xi, ni, design, owners)
    if code:
        words = REGRESSION_CODES[code].format(k=xi.size, coefficients=design.shape[1])
        return out.assign(status="not_estimable", code=code, note="; ".join([words, *notes]))
    if xi.size < STUDIES_PER_COEFFICIENT * (design.shape[1] - 1):
        notes.append(f"fewer than {STUDIES_PER_COEFFICIENT} studies for each coefficient: a hint at most")
    # The estimates are those of the likelihood; tests and limits those of the likelihood with a penalty on tau.
    of_names = {name: np.array([owner == name for owner in owners]) for name in names}
    less = [regression(xi, ni, design[:, ~mine], RIDGE) for mine in of_names.values()]
    fits = [regression(xi, ni, design), regression(xi, ni, design[:, :1]), regression(xi, ni, design, RIDGE), *less]
    model, without, held, *less_of_names = answered(together(fits))
    out["tau2"], out["tau2_without"], out["loglik"] = model.tau2, without.tau2, model.loglik
    out["status"] = "ok" if model.tau2 > 0 else "tau2_zero"
    if not (model.converged and without.converged and held.converged):
        note = "; ".join([REGRESSION_CODES["not_converged"], *notes])
        return out.assign(status="not_converged", code="not_converged", note=note)
    for mine, less_of_name in zip(of_names.values(), less_of_names, strict=True):
        found = _likelihood_ratio_test(2 * (held.loglik - less_of_name.loglik), int(mine.sum()), *design.shape)
        out.loc[mine, ["lr_chi2", "lr_df", "lr_ddf", "lr_p"]] = found
    infinite = _infinite(model, design, np.eye(design.shape[1]))
    places = np.flatnonzero(~infinite)
    b, se, limits = answered(_limits(xi, ni, design, (model, held), places, conf_level, interval))
    out.loc[places, ["b", "se", "wald_z", "wald_p"]] = np.column_stack(
        [b, se, b / se, erfc(np.abs(b / se) / np.sqrt(2))]
    )
    out.loc[places, ["ci_lb", "ci_ub"]] = limits
    limits = out[["ci_lb", "ci_ub"]].to_numpy(float)
    out["code"] = np.where(np.isnan(limits).any(axis=1), "limit_not_found", "")
    out.loc[np.isinf(limits).any(axis=1), "code"] = "no_limit"
    out.loc[infinite, "code"] = "infinite"
    out["note"] = ["; ".join(text for text in (REGRESSION_CODES[own], *notes) if text) for own in out["code"]]
    return out


def predict_regression(
    responses: pd.DataFrame, covariates: str | Sequence[str], at: pd.DataFrame, conf_level: float = 0.95
) -> pd.DataFrame:
    """Proportion of responders that a meta-regression expects in studies with given covariates.

    Parameters
    ----------
    responses, covariates : as in `meta_regression`
    at : DataFrame with the covariates, a row a study to predict
    conf_level : coverage of the intervals

    Returns
    -------
    DataFrame, a row of `at`: its covariates; estimate, the proportion of the median study with these covariates, with
    ci_lb, ci_ub; pi_lb, pi_ub, where the proportion of a new study is expected; b, se on the log-odds scale; status and
    code as in `meta_regression`, "infinite" where a category of that row has only responders or none

    Raises
    ------
    ValueError: as `meta_regression`; a column that is missing; a missing value, or a category that no study has

    Notes
    -----
    b ± t se with k - p degrees of freedom for p coefficients. The proportion of a new study has a mixture over tau as
    that of a pooled proportion has (`regression.further_studies`); its interval contains that of the estimate. Beyond
    the range of the studies this is extrapolation.

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [3, 5, 8, 2, 1, 4], "n": [8, 9, 10, 8, 9, 12],
    ...                      "year": [1998, 2001, 2004, 2007, 2010, 2013]})
    >>> new = pd.DataFrame({"year": [2000, 2010]})
    >>> print(predict_regression(arms, "year", new).iloc[:, :6].round(3).to_string(index=False))
     year  estimate  ci_lb  ci_ub  pi_lb  pi_ub
     2000     0.526  0.198  0.833  0.033  0.971
     2010     0.311  0.101  0.643  0.013  0.917
    """
    names = _check_regression(responses, covariates, conf_level)
    absent = [name for name in names if name not in at]
    if absent:
        raise ValueError(f"no column {', '.join(absent)} in the studies to predict")
    responses = responses.assign(**{name: read_covariate(responses[name]) for name in names})
    at = at.assign(**{name: read_covariate(at[name]) for name in names})
    kept, _ = _complete(responses, names)
    xi, ni = kept["responders"].to_numpy(float), kept["n"].to_numpy(float)
    read = [_covariate(kept[name]) for name in names]
    design, _, owners = _design(kept, read)
    _check_known(at, read)
    out = at[names].reset_index(drop=True).reindex(columns=[*names, *PREDICTION_COLUMNS])
    code = _why_not(xi, ni, design, owners)
    if code:
        return out.assign(status="not_estimable", code=code)
    model = fit_regression(xi, ni, design)
    if not model.converged:
        return out.assign(status="not_converged", code="not_converged")
    new, _, _ = _design(at, read)
    infinite = _infinite(model, design, new)
    b = new @ model.beta
    se = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", new, model.covariance, new), 0))
    df = xi.size - design.shape[1]  # two or more, by _why_not
    half = stdtrit(df, (1 + conf_level) / 2) * se
    low, high = study_limits(further_studies(xi, ni, design, new, RIDGE), conf_level)
    values = {"estimate": b, "ci_lb": b - half, "ci_ub": b + half}
    values |= {"pi_lb": np.minimum(low, b - half), "pi_ub": np.maximum(high, b + half)}
    for name, value in values.items():
        out[name] = np.where(infinite, np.nan, expit(value))
    out["b"], out["se"] = np.where(infinite, np.nan, b), np.where(infinite, np.nan, se)
    out["status"] = "ok" if model.tau2 > 0 else "tau2_zero"
    out["code"] = np.where(infinite, "infinite", "")
    return out


def _check_regression(responses: pd.DataFrame, covariates: str | Sequence[str], conf_level: float) -> list[str]:
    """Names of the covariates, after checking them and the counts."""
    from small_evidence.pooling import pool_many

    names = [covariates] if isinstance(covariates, str) else list(covariates)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"covariates must be different and at least one: {', '.join(names) or 'none'}")
    absent = [name for name in names if name not in responses]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}; the table has {', '.join(map(str, responses.columns))}")
    check_level(conf_level)
    pool_many(responses, method="crude", conf_level=conf_level)  # checks the counts
    for name in names:
        values = pd.to_numeric(read_covariate(responses[name]), errors="coerce").to_numpy(float)
        if np.isinf(values).any():
            raise ValueError(f"{name} is infinite in row {int(np.flatnonzero(np.isinf(values))[0]) + 1}")
    return names


def has_value(values: pd.Series) -> pd.Series:
    """Which cells say something: not missing, and not one of NO_VALUE.

    >>> has_value(pd.Series(["oral", "NR", None, " ", 3])).tolist()
    [True, False, False, False, True]
    """
    words = values.astype(object).where(values.notna(), "").map(lambda value: str(value).strip().upper())
    return ~words.isin(NO_VALUE)


def read_covariate(values: pd.Series) -> pd.Series:
    """A covariate as it enters a model: numbers where every cell that says something is one, else what was typed.

    Returns
    -------
    Series with the index of `values`, missing where a cell says nothing; True and False, and categories, stay words

    Examples
    --------
    >>> read_covariate(pd.Series(["1", "2.5", "NR"])).tolist(), read_covariate(pd.Series(["iv", "NR"])).tolist()
    ([1.0, 2.5, nan], ['iv', None])
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values
    typed = values.astype(object).map(lambda value: value.strip() if isinstance(value, str) else value)
    given = typed.astype(object).where(has_value(values), None)
    if (
        isinstance(values.dtype, pd.CategoricalDtype)
        or given.map(lambda value: isinstance(value, bool | np.bool_)).any()
    ):
        return given
    numbers = pd.to_numeric(given, errors="coerce")
    return numbers.astype(float) if given.notna().any() and numbers.notna().equals(given.notna()) else given


def _complete(responses: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, int]:
    """Arms with patients and all covariates, and how many lack a covariate."""
    complete = responses[names].notna().all(axis=1).to_numpy()
    return responses[complete & (responses["n"].to_numpy(float) > 0)], int((~complete).sum())


def _covariate(values: pd.Series) -> Covariate:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return Covariate(str(values.name), (), "")
    counts = values.astype(str).value_counts()
    base = min(counts.index[counts == counts.max()], default="")
    return Covariate(str(values.name), tuple(word for word in sorted(counts.index) if word != base), base)


def _design(frame: pd.DataFrame, read: Sequence[Covariate]) -> tuple[np.ndarray, list[str], list[str]]:
    """Design (rows, p) with a column of ones first, the terms and the covariates they belong to."""
    columns: list[np.ndarray] = [np.ones(len(frame))]
    terms, owners = ["intercept"], ["intercept"]
    for name, levels, base in read:
        if base:
            words = frame[name].astype(str)
            columns += [(words == level).to_numpy(float) for level in levels]
            terms += [f"{name}: {level} against {base}" for level in levels]
            owners += [name] * len(levels)
        else:
            columns.append(frame[name].to_numpy(float))
            terms.append(name)
            owners.append(name)
    return np.column_stack(columns), terms, owners


def _check_known(at: pd.DataFrame, read: Sequence[Covariate]) -> None:
    for name, levels, base in read:
        if at[name].isna().any():
            raise ValueError(f"{name} is missing in a study to predict")
        if not base and not pd.api.types.is_numeric_dtype(at[name]):
            raise ValueError(f"{name} is a number in the studies, not {at[name].iloc[0]!r}")
        unknown = sorted(set(at[name].astype(str)) - {*levels, base}) if base else []
        if unknown:
            raise ValueError(f"{name} {unknown[0]!r} is in no study; one of {', '.join(sorted([*levels, base]))}")


def _infinite(model: Regression, design: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Which rows (m, p) of a design have no finite estimate, bool (m,): those that no finite study says anything about.

    The studies that are not separated determine what their rows add up to, and nothing else has a finite estimate.
    """
    largest = np.abs(design).max(axis=0)
    _, size, directions = np.linalg.svd(design[~model.separated] / largest, full_matrices=True)
    rank = int((size > 1e-9 * size.max(initial=0)).sum())
    return (np.abs((rows / largest) @ directions[rank:].T) > 1e-9).any(axis=1)


def _why_not(xi: np.ndarray, ni: np.ndarray, design: np.ndarray, owners: list[str]) -> str:
    """Code of why a regression cannot be fitted, "" when it can."""
    largest = np.abs(design).max(axis=0, initial=0)
    if len(set(owners)) == 1 or not largest.all() or np.linalg.matrix_rank(design / largest) < design.shape[1]:
        return "too_few_studies" if 0 < xi.size <= design.shape[1] - 1 else "no_variation"
    if xi.size <= design.shape[1] + 1:
        return "too_few_studies"
    return _why_no_tau2(xi, ni)


def _why_no_tau2(xi: np.ndarray, ni: np.ndarray) -> str:
    """Code of why counts have no estimate of tau2, "" where they have one."""
    if xi.sum() in (0, ni.sum()):
        return "all_or_none_respond"
    if (ni == 1).all():
        return "studies_of_one_patient"
    return "only_ends" if ((xi == 0) | (xi == ni)).all() else ""


def small_study_test(responses: pd.DataFrame, conf_level: float = 0.95) -> pd.DataFrame:
    """Test whether smaller studies report other proportions, from ten studies on.

    The slope of the log odds on 1/n in the binomial-normal model. Regressing on 1/n rather than on the standard
    error follows Peters et al. (2006), JAMA 295:676: the standard error of a proportion depends on the proportion, and
    would make a slope by itself.

    Parameters
    ----------
    responses : DataFrame with responders, n, a row a study arm
    conf_level : coverage of the interval

    Returns
    -------
    DataFrame of one row: tested ("yes" or "no"), code (one of SMALL_STUDY_CODES, or of REGRESSION_CODES where the
    regression failed), reason (its words), k, b (log odds for 1/n from 0 to 1), se, wald_z,
    ci_lb, ci_ub, lr_chi2, lr_df, lr_ddf, lr_p (the test), tau2, note

    Examples
    --------
    >>> arms = pd.DataFrame({"responders": [3, 4, 9, 5], "n": [12, 4, 17, 8]})
    >>> small_study_test(arms)[["tested", "reason"]].to_dict("records")
    [{'tested': 'no', 'reason': '4 studies, 10 needed'}]
    """
    numbers = ["b", "se", "wald_z", "ci_lb", "ci_ub", "lr_chi2", "lr_df", "lr_ddf", "lr_p", "tau2"]
    names = ["tested", "code", "reason", "k", *numbers, "note"]
    out = pd.DataFrame(np.nan, index=range(1), columns=names).astype(
        dict.fromkeys(["tested", "code", "reason"], object)
    )
    n = responses["n"].to_numpy(float)
    arms = responses[n > 0].assign(inverse_n=1 / n[n > 0])
    out["k"], out["tested"], out["note"] = len(arms), "no", ""
    if len(arms) < MIN_K_SMALL_STUDY:
        reason = SMALL_STUDY_CODES["too_few_studies"].format(k=len(arms))
        return out.assign(code="too_few_studies", reason=reason)
    if arms["n"].eq(arms["n"].iloc[0]).all():
        return out.assign(code="same_size", reason=SMALL_STUDY_CODES["same_size"])
    slope = meta_regression(arms, "inverse_n", conf_level=conf_level).iloc[-1]
    if slope["status"] in ("not_estimable", "not_converged"):
        return out.assign(code=slope["code"], reason=slope["note"])
    for name in names[4:]:
        out[name] = slope[name]
    return out.assign(tested="yes", code="", reason="")


def _binomial_peak(x: np.ndarray | float, n: np.ndarray | float) -> np.ndarray:
    """Log-likelihood, without the coefficient, of x of n at the proportion x/n."""
    p = x / np.maximum(n, 1)
    return xlogy(x, p) + xlog1py(n - x, -p)
