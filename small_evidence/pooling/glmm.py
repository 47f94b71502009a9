"""Binomial-normal random-intercept model by maximum likelihood, for many analyses at once.

The model, for responders x_i of n_i patients in study i::

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(b, tau2)

`likelihood` has its integrals, `maximum` finds b and tau, `profile` the limits.

References
----------
Hamza, van Houwelingen & Stijnen (2008), J Clin Epidemiol 61:41; Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import betainc, chdtri, expit, logit, ndtri, stdtrit, xlogy

from small_evidence.pooling.likelihood import RIDGE, Arms, evaluate, make_arms, mean_proportion
from small_evidence.pooling.maximum import Maximum, maximise
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.prediction import further_study, standard_deviation_of_tau, study_limits
from small_evidence.pooling.profile import profile_b, profile_tau
from small_evidence.pooling.proportions import check_choice, proportion_interval
from small_evidence.pooling.record import MIN_K_PREDICTION


def student_likelihood_ratio(conf_level: float, k: np.ndarray, p: int = 1) -> np.ndarray:
    """Critical value of the likelihood ratio of one of p coefficients of k normal effects whose variance is estimated.

    There the ratio is k log(1 + T**2 / (k - p)) with T Student's, so this value is exact; for many studies that of a
    mean, p = 1, tends to chi-squared's times 1 + 3/(2k), which is Bartlett's correction.

    Examples
    --------
    >>> student_likelihood_ratio(0.95, np.array([3, 5, 15, 1000])).round(2).tolist()
    [6.98, 5.37, 4.26, 3.85]
    """
    return k * np.log1p(stdtrit(k - p, (1 + conf_level) / 2) ** 2 / (k - p))


def likelihood_ratio_p(ratio: float, q: int, k: int, p: int) -> float:
    """P of the likelihood ratio of q constraints on p coefficients of k > p normal effects whose variance is estimated.

    There F = (exp(ratio / k) - 1) (k - p) / q has q and k - p degrees of freedom, so this P is exact. For q = 1 it is
    below 1 - conf_level where the ratio exceeds `student_likelihood_ratio`.

    Examples
    --------
    >>> [round(likelihood_ratio_p(5.3071, 1, k, 2), 3) for k in (4, 6, 10, 1000)]
    [0.143, 0.076, 0.045, 0.021]
    """
    return float(betainc((k - p) / 2, q / 2, np.exp(-ratio / k)))  # the tail of F, which may itself be too large


# How b is bounded, and the squared critical value as a function of conf_level and k.
BOUNDS: dict[str, tuple[str, Callable[[float, np.ndarray], np.ndarray]]] = {
    "profile_student": ("penalised", student_likelihood_ratio),
    "profile": ("profile", lambda conf_level, k: np.full(k.shape, chdtri(1, 1 - conf_level))),
    "profile_t": ("profile", lambda conf_level, k: stdtrit(k - 1, (1 + conf_level) / 2) ** 2),
    "wald_z": ("wald", lambda conf_level, k: np.full(k.shape, ndtri((1 + conf_level) / 2) ** 2)),
    "wald_t": ("wald", lambda conf_level, k: stdtrit(k - 1, (1 + conf_level) / 2) ** 2),
}


def fit(
    xi: np.ndarray,
    ni: np.ndarray,
    mask: np.ndarray,
    conf_level: float = 0.95,
    *,
    interval: str | None = None,
    prediction: bool = True,
) -> dict[str, np.ndarray]:
    """Fit the model to many analyses.

    Parameters
    ----------
    xi, ni : float arrays (a, k_max); responders and patients, anything where mask is False
    mask : bool array (a, k_max); which arms exist. Each analysis needs two arms, a responder and a non-responder.
    conf_level : coverage of all intervals
    interval : one of the method's intervals in methods.METHODS, or None for its default
    prediction : whether the intervals of the mean and of a further study are wanted

    Returns
    -------
    dict of arrays (a,), keys as in record.RECORD. Limits of tau2 by profile likelihood for the profile intervals only.

    Notes
    -----
    The interval of the mean is that of the default for the median, whatever the interval of the median. The interval of
    a further study, from three studies on, is that of `prediction`, and contains the interval of the median.
    """
    interval = interval or METHODS["glmm"].default_interval
    check_choice("interval", interval, METHODS["glmm"].intervals)
    arms = make_arms(xi, ni, mask)
    a, k = mask.shape[0], arms.weight.sum(1)
    out = {name: np.full(a, np.nan) for name in _FITTED}
    out["nodes"] = np.zeros(a, int)
    out["status"], out["note"] = np.full(a, "ok", object), np.full(a, "", object)
    out["interval"] = np.full(a, interval, object)

    split = (((arms.x == 0) | (arms.x == arms.n)) | (arms.weight == 0)).all(1)
    unbounded = np.flatnonzero(split)
    _fill_unbounded(out, arms, unbounded, conf_level)
    row = np.flatnonzero(~split)
    top = maximise(arms, row)
    row, top = _fill_maximum(out, arms, row, top)
    kind, squared = BOUNDS[interval]
    if kind == "penalised" or prediction:
        held = maximise(_penalised(arms), np.arange(a))
    if kind == "penalised":
        # Where tau2 is unbounded the penalty bounds it: the interval is that of a patient more or less responding.
        both = np.concatenate([row, unbounded])
        _fill_penalised_limits(out, arms, both, held, squared(conf_level, k[both]))
        out["interval"][both] = interval
    elif row.size:
        critical = squared(conf_level, k[row])
        se = out["se"][row]
        if kind == "wald":
            lb, ub = top.b - np.sqrt(critical) * se, top.b + np.sqrt(critical) * se
        else:
            lb, ub = profile_b(arms, row, top, se, critical)
        _fill_limits(out, row, lb, ub)
    if kind != "wald" and row.size:
        _fill_tau2_limits(out, arms, row, top, chdtri(1, 1 - conf_level))
    if prediction:
        _fill_predictions(out, arms, np.concatenate([row, unbounded]), held, conf_level)
    if kind == "penalised":
        _widen_to_exact(out, arms, row, conf_level)
    return out


Columns = dict[str, np.ndarray]


def _penalised(arms: Arms) -> Arms:
    """The arms with a half-normal penalty on tau.

    A handful of studies cannot rule out an enormous tau, under which any b would do.
    """
    return arms._replace(ridge=RIDGE)


def _fill_maximum(out: Columns, arms: Arms, row: np.ndarray, top: Maximum) -> tuple[np.ndarray, Maximum]:
    """Estimates and status; the rows whose maximum was found, and these maxima."""
    _, tau, _, converged = top
    out["status"][row[tau == 0]] = "tau2_zero"
    out["status"][row[~converged]] = "not_converged"
    _add_note(out, row[~converged], "no_maximum")
    row, top = row[converged], top.take(converged)
    b, tau, point, _ = top
    interior = tau > 0
    se = 1 / np.sqrt(np.where(interior, point.h_bt, 0) ** 2 / np.where(interior, point.h_tt, -1) - point.h_bb)
    out["b"][row], out["se"][row], out["tau2"][row] = b, se, tau**2
    out["estimate"][row], out["mean_proportion"][row] = expit(b), mean_proportion(b, tau)
    out["loglik"][row] = point.ll + arms.constant[row]
    out["nodes"][row] = point.nodes
    return row, top


def _fill_limits(out: Columns, row: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> None:
    _add_note(out, row[np.isnan(lb) | np.isnan(ub)], "limit_not_found")
    _add_note(out, row[np.isinf(lb)], "no_lower_limit")
    _add_note(out, row[np.isinf(ub)], "no_upper_limit")
    out["ci_lb"][row], out["ci_ub"][row] = expit(lb), expit(ub)


def _fill_penalised_limits(out: Columns, arms: Arms, row: np.ndarray, held: Maximum, critical: np.ndarray) -> None:
    """Limits by the penalised profile, widened to the estimate, which is that of the likelihood without a penalty."""
    if row.size == 0:
        return
    top = held.take(row)
    lb, ub = profile_b(_penalised(arms), row, top, np.sqrt(-1 / top.point.h_bb), critical)
    lb[~top.converged] = ub[~top.converged] = np.nan
    with np.errstate(divide="ignore"):  # an estimate of 0 or 1 lies at infinity
        estimate = logit(out["estimate"][row])
    _add_note(out, row[(lb > estimate) | (ub < estimate)], "widened_to_estimate")
    _fill_limits(out, row, np.minimum(lb, estimate), np.maximum(ub, estimate))


def _widen_to_exact(out: Columns, arms: Arms, row: np.ndarray, conf_level: float) -> None:
    """Where tau2 is 0, widen intervals to the exact one of the summed counts, which takes one proportion for all."""
    row = row[out["tau2"][row] == 0]
    events, total = ((arms.weight[row] * part[row]).sum(1) for part in (arms.x, arms.n))
    lb, ub = proportion_interval(events, total, conf_level=conf_level)
    for low, high in (("ci_lb", "ci_ub"), ("mean_ci_lb", "mean_ci_ub")):
        out[low][row] = np.minimum(out[low][row], lb)
        out[high][row] = np.maximum(out[high][row], ub)


def _fill_tau2_limits(out: Columns, arms: Arms, row: np.ndarray, top: Maximum, critical: float) -> None:
    lb, ub = profile_tau(arms, row, top, np.full(row.size, critical))
    out["tau2_lb"][row] = lb**2
    out["tau2_ub"][row] = np.where(np.isfinite(ub), ub, np.nan) ** 2
    _add_note(out, row[np.isinf(ub)], "no_tau2_limit")
    _add_note(out, row[np.isnan(lb) | np.isnan(ub)], "tau2_limit_not_found")


def _fill_predictions(out: Columns, arms: Arms, row: np.ndarray, held: Maximum, conf_level: float) -> None:
    """Interval of the mean study's proportion and, from three studies on, of a further study's."""
    row = row[held.converged[row]]
    if row.size == 0:
        return
    k = arms.weight[row].sum(1)
    lb, ub = profile_mean(arms, row, held.take(row), student_likelihood_ratio(conf_level, k))
    out["mean_ci_lb"][row] = np.minimum(expit(lb), out["mean_proportion"][row])
    out["mean_ci_ub"][row] = np.maximum(expit(ub), out["mean_proportion"][row])
    row = row[k >= MIN_K_PREDICTION]
    if row.size == 0:
        return
    mixture = further_study(arms, row, held.tau[row], standard_deviation_of_tau(held.take(row)))
    lb, ub = study_limits(mixture, conf_level)
    out["pi_lb"][row], out["pi_ub"][row] = expit(lb), expit(ub)


def profile_mean(arms: Arms, row: np.ndarray, held: Maximum, critical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the logit of the mean study's proportion by the penalised profile; arrays (a,).

    held is the maximum of the penalised likelihood, of which the limits of the median are made as well.
    """
    arms = _penalised(arms)._replace(of_mean=True)
    mean = logit(mean_proportion(held.b, held.tau))
    point = evaluate(arms, row, mean, held.tau)
    top = held._replace(b=mean, point=point._replace(ll=held.point.ll))
    return profile_b(arms, row, top, np.sqrt(-1 / point.h_bb), critical)


_FITTED = (
    *("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "tau2", "tau2_lb", "tau2_ub"),
    *("mean_proportion", "mean_ci_lb", "mean_ci_ub", "loglik"),
)


def _add_note(out: Columns, rows: np.ndarray, code: str) -> None:
    for i in rows:
        out["note"][i] = f"{out['note'][i]};{code}" if out["note"][i] else code


def _fill_unbounded(out: Columns, arms: Arms, row: np.ndarray, conf_level: float) -> None:
    """Answer for analyses whose every study has only responders or none, with both kinds present.

    By p**n + (1 - p)**n <= 1 the likelihood of m1 studies of only and m0 of no responders is at most that of m1 of
    m1 + m0 coin tosses, and comes as near as one likes when tau goes to infinity. What is left is one toss a study.
    """
    if row.size == 0:
        return
    all_respond = (arms.weight[row] * (arms.x[row] == arms.n[row])).sum(1)
    k = arms.weight[row].sum(1)
    share = all_respond / k
    out["estimate"][row] = out["mean_proportion"][row] = share
    out["ci_lb"][row], out["ci_ub"][row] = proportion_interval(all_respond, k, conf_level=conf_level)
    out["loglik"][row] = xlogy(all_respond, share) + xlogy(k - all_respond, 1 - share)
    out["status"][row], out["interval"][row] = "tau2_unbounded", "clopper_pearson"
