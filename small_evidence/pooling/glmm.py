"""Binomial-normal random-intercept model by maximum likelihood, for many analyses at once.

The model, for responders x_i of n_i patients in study i::

    x_i ~ Binomial(n_i, expit(theta_i)),    theta_i ~ Normal(b, tau2)

`likelihood` has its integrals, `maximum` finds b and tau, `profile` the limits.

References
----------
Hamza, van Houwelingen & Stijnen (2008), J Clin Epidemiol 61:41; Stijnen, Hamza & Ozdemir (2010), Stat Med 29:3046.
"""

import numpy as np
from scipy.special import chdtri, expit, ndtri, stdtrit, xlogy

from small_evidence.pooling.calibration import TAU_SCALE, critical_likelihood_ratio
from small_evidence.pooling.likelihood import make_arms, mean_proportion
from small_evidence.pooling.maximum import TAU_LARGEST, maximise
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.profile import TAU_LARGE, profile_b, profile_tau
from small_evidence.pooling.proportions import check_choice, proportion_interval
from small_evidence.pooling.record import MIN_K_PREDICTION

# How b is bounded, and the squared critical value as a function of conf_level and k (none: see `calibration`).
BOUNDS = {
    "profile_calibrated": ("calibrated", None),
    "profile": ("profile", lambda conf_level, k: np.full(k.shape, chdtri(1, 1 - conf_level))),
    "profile_t": ("profile", lambda conf_level, k: stdtrit(k - 1, (1 + conf_level) / 2) ** 2),
    "wald_z": ("wald", lambda conf_level, k: np.full(k.shape, ndtri((1 + conf_level) / 2) ** 2)),
    "wald_t": ("wald", lambda conf_level, k: stdtrit(k - 1, (1 + conf_level) / 2) ** 2),
}


def fit(xi, ni, mask, conf_level=0.95, *, interval=None):
    """Fit the model to many analyses.

    Parameters
    ----------
    xi, ni : float arrays (a, k_max); responders and patients, anything where mask is False
    mask : bool array (a, k_max); which arms exist. Each analysis needs two arms, a responder and a non-responder.
    conf_level : coverage of all intervals
    interval : one of the method's intervals in methods.METHODS, or None for its default

    Returns
    -------
    dict of arrays (a,), keys as in record.RECORD. Limits of tau2 by profile likelihood for the profile intervals only.

    Notes
    -----
    The prediction interval is ``b -+ t * sqrt(tau2 + se**2)`` with k - 2 degrees of freedom (Higgins, Thompson &
    Spiegelhalter 2009, J R Stat Soc A 172:137), therefore from three studies on.
    """
    interval = interval or METHODS["glmm"].default_interval
    check_choice("interval", interval, METHODS["glmm"].intervals)
    arms = make_arms(xi, ni, mask)
    a = mask.shape[0]
    k = arms.weight.sum(1)
    out = {name: np.full(a, np.nan) for name in _FITTED}
    out["nodes"] = np.zeros(a, int)
    out["status"], out["note"] = np.full(a, "ok", object), np.full(a, "", object)
    out["interval"] = np.full(a, interval, object)

    split = (((arms.x == 0) | (arms.x == arms.n)) | (arms.weight == 0)).all(1)
    _fill_unbounded(out, arms, np.nonzero(split)[0], conf_level)
    row = np.nonzero(~split)[0]
    if row.size == 0:
        return out
    b, tau, point, converged = maximise(arms, row)
    out["status"][row[tau == 0]] = "tau2_zero"
    out["status"][row[~converged]] = "not_converged"
    _add_note(out, row[~converged], f"no maximum of the likelihood with tau below {TAU_LARGEST:.0f}")
    if not converged.all():
        row, b, tau, point = row[converged], b[converged], tau[converged], point.take(converged)
    k_row = k[row]
    interior = tau > 0
    se = 1 / np.sqrt(np.where(interior, point.h_bt, 0) ** 2 / np.where(interior, point.h_tt, -1) - point.h_bb)
    out["b"][row], out["se"][row], out["tau2"][row] = b, se, tau**2
    out["estimate"][row] = expit(b)
    out["mean_proportion"][row] = mean_proportion(b, tau)
    out["loglik"][row] = point.ll + arms.constant[row]
    out["nodes"][row] = point.nodes
    kind, squared = BOUNDS[interval]
    if kind == "wald":
        half = np.sqrt(squared(conf_level, k_row)) * se
        lb, ub = b - half, b + half
    else:
        if kind == "calibrated":
            critical = critical_likelihood_ratio(xi[row], ni[row], mask[row], conf_level)
            lb, ub = _calibrated_limits(arms, row, critical, b)
        else:
            lb, ub = profile_b(arms, row, b, tau, point.ll, se, squared(conf_level, k_row))
        normal = BOUNDS["profile"][1](conf_level, k_row)
        t_lb, t_ub = profile_tau(arms, row, b, tau, point, normal)
        out["tau2_lb"][row] = t_lb**2
        out["tau2_ub"][row] = np.where(np.isfinite(t_ub), t_ub, np.nan) ** 2
        _add_note(out, row[np.isinf(t_ub)], f"no upper limit of tau2 below {TAU_LARGE**2:.0f}")
        _add_note(out, row[np.isnan(t_lb) | np.isnan(t_ub)], "a limit of tau2 was not found")
        _add_note(out, row[np.isnan(lb) | np.isnan(ub)], "a limit of the interval was not found")
        _add_note(out, row[np.isinf(lb)], "the data set no lower limit")
        _add_note(out, row[np.isinf(ub)], "the data set no upper limit")
    out["ci_lb"][row], out["ci_ub"][row] = expit(lb), expit(ub)
    wide = k_row >= MIN_K_PREDICTION
    spread = stdtrit(k_row[wide] - 2, (1 + conf_level) / 2) * np.sqrt(tau[wide] ** 2 + se[wide] ** 2)
    out["pi_lb"][row[wide]], out["pi_ub"][row[wide]] = expit(b[wide] - spread), expit(b[wide] + spread)
    return out


def _calibrated_limits(arms, row, critical, b_hat):
    """Limits of b by the likelihood held back in tau, as `calibration` describes; they enclose the estimate."""
    held = arms._replace(ridge=TAU_SCALE**-2)
    b, tau, point, converged = maximise(held, row)
    se = np.sqrt(-1 / point.h_bb)
    total = (arms.weight[row] * arms.n[row]).sum(1)
    lb, ub = profile_b(held, row, b, tau, point.ll, se, critical, total)
    lb[~converged] = ub[~converged] = np.nan
    return np.minimum(lb, b_hat), np.maximum(ub, b_hat)


_FITTED = (
    *("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "b", "se", "tau2", "tau2_lb", "tau2_ub"),
    *("mean_proportion", "loglik"),
)


def _add_note(out, rows, text):
    for i in rows:
        out["note"][i] = f"{out['note'][i]}; {text}" if out["note"][i] else text


def _fill_unbounded(out, arms, row, conf_level):
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
    _add_note(
        out,
        row,
        "each study has only responders or none: tau2 grows without bound; given is the share of studies in which "
        "all responded, with its exact interval",
    )
