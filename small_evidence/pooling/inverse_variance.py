"""Two-step pooling: each study becomes an effect with a known variance, then the effects are averaged.

The only module that knows the transformations of a proportion (logit, arcsine, Freeman-Tukey, raw) and the
estimators of tau2 that go with them. It is here for comparison with published pools: the variances are taken as
known though they are guessed from the same few patients, so with small arms, or proportions near 0 or 1, prefer the
likelihood models.

Vocabulary: yi, vi effect and variance of a study; tau2 variance between studies; b, se pooled effect; q Cochran's Q;
i2, h2 the shares of the variance that are not chance. Arrays are (a, k): a analyses, each padded to k studies.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri, expit, ndtri, stdtrit

from small_evidence.pooling.notes import join_codes
from small_evidence.pooling.proportions import check_choice
from small_evidence.pooling.record import MIN_K_PREDICTION

MEASURES = ("PLO", "PAS", "PFT", "PR")
TAU2_METHODS = ("DL", "PM", "REML", "ML", "EB", "HE", "SJ", "FE")
INTERVALS = ("wald_z", "hk", "hk_adhoc")
DEFAULT_MEASURE = "PLO"
DEFAULT_TAU2_METHOD = "REML"
DEFAULT_INTERVAL = "wald_z"

CORRECTION = 0.5  # added to responders and non-responders of a study without one of them; Haldane 1956
GRID_POINTS = 60  # starts of the search for the highest peak of a (restricted) likelihood
MAX_STEPS = 200
COLLAPSED = 1e-12  # a Hartung-Knapp factor below this means identical effects, not certainty


def study_effects(xi: ArrayLike, ni: ArrayLike, measure: str = DEFAULT_MEASURE) -> tuple[np.ndarray, np.ndarray]:
    """Effect and sampling variance of each study on the scale of the measure.

    Parameters
    ----------
    xi, ni : arrays of one shape; responders and patients
    measure : "PLO" log odds; "PAS" arcsine of the square root; "PFT" Freeman-Tukey double arcsine (halved);
        "PR" the proportion itself

    Returns
    -------
    yi, vi : arrays of that shape

    Raises
    ------
    ValueError: the measure is not one of these

    Notes
    -----
    0.5 is added to responders and to non-responders for PLO and PR, and only in studies that lack one of the two;
    their variances would be infinite or 0. PAS and PFT need no correction. Variances: 1/x + 1/(n-x),
    1/(4n), 1/(4n+2), p(1-p)/n.

    References
    ----------
    Freeman & Tukey (1950), Ann Math Stat 21:607. Haldane (1956), Ann Hum Genet 20:309.

    Examples
    --------
    >>> yi, vi = study_effects([5, 7], [8, 7])
    >>> yi.round(4).tolist(), vi.round(4).tolist()
    ([0.5108, 2.7081], [0.5333, 2.1333])
    """
    check_choice("measure", measure, MEASURES)
    xi, ni = np.asarray(xi, dtype=float), np.asarray(ni, dtype=float)
    if measure == "PAS":
        return np.arcsin(np.sqrt(xi / ni)), 1 / (4 * ni)
    if measure == "PFT":
        return _double_arcsine(xi, ni), 1 / (4 * ni + 2)
    add = np.where((xi == 0) | (xi == ni), CORRECTION, 0.0)
    events, others = xi + add, ni - xi + add
    total = events + others
    if measure == "PLO":
        return np.log(events / others), 1 / events + 1 / others
    return events / total, events * others / total**3


def to_proportion(values: ArrayLike, measure: str, n_harmonic: ArrayLike | None = None) -> np.ndarray:
    """Bring values on the scale of a measure back to proportions.

    Parameters
    ----------
    values : array
    measure : see `study_effects`
    n_harmonic : array that broadcasts with values; harmonic mean of the patients in each study, for "PFT" only

    Returns
    -------
    array of proportions. PAS and PFT values beyond the transform of 0 or of 1 give exactly 0 or 1: such values
    belong to no proportion, and the formula would fold them back inside. PR is returned as it is.

    References
    ----------
    Miller (1978), Am Stat 32:138 (inverse of the double arcsine, with the harmonic mean).

    Examples
    --------
    >>> to_proportion([0.0, 1.5], "PLO").round(4).tolist()
    [0.5, 0.8176]
    >>> to_proportion([0.1, 0.8, 1.5], "PFT", n_harmonic=6.0).round(4).tolist()
    [0.0, 0.5169, 1.0]
    """
    check_choice("measure", measure, MEASURES)
    values = np.asarray(values, dtype=float)
    if measure == "PLO":
        return expit(values)
    if measure == "PAS":
        return np.sin(np.clip(values, 0, np.pi / 2)) ** 2
    if measure == "PR":
        return values
    n_harmonic = np.asarray(n_harmonic, dtype=float)
    lowest, highest = _double_arcsine(0.0, n_harmonic), _double_arcsine(n_harmonic, n_harmonic)
    inside = np.clip(values, lowest, highest)
    sine = np.sin(2 * inside)
    # sine > 0 strictly inside the clipped range, as lowest > 0 and highest < pi/2
    root = np.sqrt(np.maximum(0, 1 - (sine + (sine - 1 / sine) / n_harmonic) ** 2))
    share = (1 - np.sign(np.cos(2 * inside)) * root) / 2
    return np.where(values <= lowest, 0.0, np.where(values >= highest, 1.0, share))


def weigh_studies(yi: np.ndarray, vi: np.ndarray, mask: np.ndarray, tau2: np.ndarray) -> dict[str, np.ndarray]:
    """Weighted mean and sums under a given tau2; what all estimators are made of.

    Parameters
    ----------
    yi, vi, mask : arrays (a, k), see `estimate_tau2`; finite also where mask is False, vi above 0
    tau2 : array (a,)

    Returns
    -------
    dict: wi (a, k), weights 1/(vi + tau2), 0 where mask is False; and arrays (a,): total, their sum; b, the weighted
    mean; variance, 1/total; q, sum wi (yi-b)²; slope, the derivative of q in tau2

    Examples
    --------
    >>> yi, vi = study_effects([[5, 7, 0]], [[8, 7, 3]])
    >>> pooled = weigh_studies(yi, vi, np.ones((1, 3), dtype=bool), np.array([0.0]))
    >>> pooled["b"].round(6).tolist(), pooled["q"].round(6).tolist()
    ([0.494692], [4.902859])
    """
    wi = mask / (vi + tau2[:, None])
    total = np.maximum(wi.sum(axis=1), np.finfo(float).tiny)
    b = (wi * yi).sum(axis=1) / total
    residuals = (wi * (yi - b[:, None])) ** 2
    q = (residuals / np.where(wi > 0, wi, 1)).sum(axis=1)
    # slope of q in tau2; the change of b drops out because q is least at b
    return {"b": b, "variance": 1 / total, "q": q, "slope": -residuals.sum(axis=1), "wi": wi, "total": total}


def estimate_tau2(yi: ArrayLike, vi: ArrayLike, mask: ArrayLike, tau2_method: str = DEFAULT_TAU2_METHOD) -> np.ndarray:
    """Variance between studies, one value an analysis.

    Parameters
    ----------
    yi, vi : arrays (a, k); effects and sampling variances, anything where mask is False
    mask : bool array (a, k)
    tau2_method : "DL" DerSimonian-Laird; "PM" Paule-Mandel; "EB" empirical Bayes (Morris), whose equation has
        the root of Paule-Mandel's; "REML", "ML"; "HE" Hedges; "SJ" Sidik-Jonkman; "FE" none, tau2 = 0

    Returns
    -------
    array (a,), never negative; 0 where there is one study

    Raises
    ------
    ValueError: the method is not one of these

    Notes
    -----
    ML and REML: the (restricted) log-likelihood is scanned on a grid of tau2, then the score is solved around the
    highest point, so that a second, lower peak is not taken for the estimate.

    References
    ----------
    Veroniki et al. (2016), Res Synth Methods 7:55, who give every formula.

    Examples
    --------
    >>> yi, vi = study_effects([[5, 7, 0, 6]], [[8, 7, 3, 10]])
    >>> mask = np.ones((1, 4), dtype=bool)
    >>> estimate_tau2(yi, vi, mask, "DL").round(6).tolist(), estimate_tau2(yi, vi, mask, "SJ").round(6).tolist()
    ([0.577689], [1.990596])
    """
    check_choice("tau2_method", tau2_method, TAU2_METHODS)
    mask = np.asarray(mask, dtype=bool)
    yi, vi = np.where(mask, yi, 0.0), np.where(mask, vi, 1.0)
    k = mask.sum(axis=1)
    df = np.maximum(k - 1, 1)
    mean = yi.sum(axis=1) / np.maximum(k, 1)
    spread = (mask * (yi - mean[:, None]) ** 2).sum(axis=1)
    zero = np.zeros(len(k))
    if tau2_method == "FE":
        return zero
    if tau2_method == "DL":
        tau2 = (weigh_studies(yi, vi, mask, zero)["q"] - (k - 1)) / _typical_scale(vi, mask)
    elif tau2_method == "HE":
        tau2 = spread / df - (mask * vi).sum(axis=1) / np.maximum(k, 1)
    elif tau2_method == "SJ":
        start = spread / np.maximum(k, 1)
        # start * Q(start) / df, with the weights divided by start so that start = 0 gives 0
        tau2 = start * weigh_studies(yi, vi, mask, start)["q"] / df
    elif tau2_method in ("PM", "EB"):
        tau2 = _tau2_where_q_is(yi, vi, mask, (k - 1).astype(float))
    else:
        tau2 = _tau2_likelihood(yi, vi, mask, spread / df, restricted=tau2_method == "REML")
    return np.where(k > 1, np.maximum(tau2, 0.0), 0.0)


def tau2_interval(
    yi: ArrayLike, vi: ArrayLike, mask: ArrayLike, conf_level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Q-profile interval of tau2: the values under which the generalised Q is neither too large nor too small.

    Parameters
    ----------
    yi, vi, mask : arrays (a, k), see `estimate_tau2`
    conf_level : float in (0, 1)

    Returns
    -------
    tau2_lb, tau2_ub : arrays (a,); both NaN where there is one study, or where the effects agree more closely than
        chance would have it even under tau2 = 0, so that the interval is empty

    References
    ----------
    Viechtbauer (2007), Stat Med 26:37.

    Examples
    --------
    >>> yi, vi = study_effects([[5, 7, 0, 6]], [[8, 7, 3, 10]])
    >>> [limit.round(4).tolist() for limit in tau2_interval(yi, vi, np.ones((1, 4), dtype=bool))]
    [[0.0], [48.0275]]
    """
    mask = np.asarray(mask, dtype=bool)
    yi, vi = np.where(mask, yi, 0.0), np.where(mask, vi, 1.0)
    k = mask.sum(axis=1)
    df = np.maximum(k - 1, 1)
    low, high = chdtri(df, (1 + conf_level) / 2), chdtri(df, (1 - conf_level) / 2)
    empty = (k < 2) | (weigh_studies(yi, vi, mask, np.zeros(len(k)))["q"] < low)
    lower = _tau2_where_q_is(yi, vi, mask, high)
    upper = _tau2_where_q_is(yi, vi, mask, low)
    return np.where(empty, np.nan, lower), np.where(empty, np.nan, upper)


def fit(
    xi: ArrayLike,
    ni: ArrayLike,
    mask: ArrayLike,
    conf_level: float = 0.95,
    *,
    interval: str | None = None,
    measure: str | None = None,
    tau2_method: str | None = None,
) -> dict[str, np.ndarray]:
    """Pool proportions by inverse variance, many analyses at once.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients, anything where mask is False
    mask : bool array (a, k); True where there is a study
    conf_level : float in (0, 1); coverage of all intervals
    interval : "wald_z" (default); "hk" Hartung-Knapp; "hk_adhoc" the same, never narrower than with factor 1
    measure : "PLO" (default), "PAS", "PFT", "PR"; see `study_effects`
    tau2_method : "REML" (default) and others; see `estimate_tau2`

    Returns
    -------
    dict of arrays (a,): interval, measure, tau2_method; estimate, ci_lb, ci_ub, pi_lb, pi_ub as proportions; b, se,
    tau2, tau2_lb, tau2_ub on the scale of the measure; q, q_df, q_p, i2 (share, 0..1), h2; i2_lb, i2_ub (i2 at
    tau2_lb and tau2_ub); b_lb, b_ub, b_pi_lb, b_pi_ub, the intervals before the back-transformation; status;
    note, codes of `record.NOTES` joined by ";"

    Raises
    ------
    ValueError: an option is not one of those named

    Notes
    -----
    With wi = 1/(vi + tau2): b = sum wi yi / sum wi, se² = 1 / sum wi; Hartung-Knapp multiplies se² by
    sum wi (yi-b)² / (k-1) and takes t with k-1 degrees of freedom. Where all effects are the same this factor is 0:
    the interval would have no width, and is NaN. i2 = tau2 / (tau2 + typical vi), h2 = 1 + tau2 / typical vi; for
    "FE", from Q. Prediction: b ± t sqrt(se² + tau2), t with k-2 degrees of freedom, from three studies on, not for
    "FE"; as t is above every critical value of the interval, that of the prediction contains it.

    References
    ----------
    DerSimonian & Laird (1986), Control Clin Trials 7:177. Hartung & Knapp (2001), Stat Med 20:3875.
    Higgins & Thompson (2002), Stat Med 21:1539. Knapp, Biggerstaff & Hartung (2006), Biom J 48:271. Higgins, Thompson
    & Spiegelhalter (2009), J R Stat Soc A 172:137 (prediction).

    Examples
    --------
    >>> pooled = fit([[5, 7, 0, 6, 4, 3]], [[8, 7, 3, 10, 9, 5]], [[True] * 6], tau2_method="DL")
    >>> [pooled[key].round(4).tolist() for key in ("estimate", "ci_lb", "ci_ub", "tau2")]
    [[0.5689], [0.3899], [0.7315], [0.0965]]
    """
    interval, measure = interval or DEFAULT_INTERVAL, measure or DEFAULT_MEASURE
    tau2_method = tau2_method or DEFAULT_TAU2_METHOD
    check_choice("interval", interval, INTERVALS)
    check_choice("measure", measure, MEASURES)
    mask = np.asarray(mask, dtype=bool)
    xi, ni = np.where(mask, xi, 1.0), np.where(mask, ni, 2.0)
    size, k = len(mask), mask.sum(axis=1)
    with_studies = k > 0
    yi, vi = study_effects(xi, ni, measure)
    tau2 = estimate_tau2(yi, vi, mask, tau2_method)
    tau2_lb, tau2_ub = tau2_interval(yi, vi, mask, conf_level)
    common = tau2_method == "FE"
    if common:
        tau2_lb = tau2_ub = np.full(size, np.nan)

    pool = weigh_studies(yi, vi, mask, tau2)
    b, se = pool["b"], np.sqrt(pool["variance"])
    df = np.maximum(k - 1, 1)
    factor = pool["q"] / df
    collapsed = np.zeros(size, dtype=bool)
    if interval == "wald_z":
        crit = np.full(size, ndtri((1 + conf_level) / 2))
    else:
        collapsed = (k < 2) | ((interval == "hk") & (factor < COLLAPSED))
        factor = np.where(k > 1, factor if interval == "hk" else np.maximum(factor, 1), 1)
        se = se * np.sqrt(factor)
        crit = stdtrit(df, (1 + conf_level) / 2)
    se = np.where(collapsed, np.nan, se)
    half = crit * se
    predicts = (k >= MIN_K_PREDICTION) & (not common)
    pi_half = np.where(predicts, stdtrit(np.maximum(k - 2, 1), (1 + conf_level) / 2) * np.sqrt(se**2 + tau2), np.nan)

    q = weigh_studies(yi, vi, mask, np.zeros(size))["q"]
    typical = np.where(k > 1, df / np.maximum(_typical_scale(vi, mask), np.finfo(float).tiny), 1.0)
    if common:
        h2 = np.where(k > 1, q / df, 1.0)
        i2 = np.where(h2 > 1, 1 - 1 / np.maximum(h2, 1), 0.0)
    else:
        h2 = 1 + tau2 / typical
        i2 = tau2 / (tau2 + typical)

    scale = {"b": b, "b_lb": b - half, "b_ub": b + half, "b_pi_lb": b - pi_half, "b_pi_ub": b + pi_half}
    n_harmonic = np.maximum(k, 1) / np.where(mask, 1 / ni, 0).sum(axis=1).clip(min=np.finfo(float).tiny)
    names = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub")
    shares = {
        name: to_proportion(values, measure, n_harmonic) for name, values in zip(names, scale.values(), strict=True)
    }
    beyond = np.zeros(size, dtype=bool)
    if measure == "PR":
        beyond = (shares["ci_lb"] < 0) | (shares["ci_ub"] > 1) | (shares["pi_lb"] < 0) | (shares["pi_ub"] > 1)
        shares = {name: np.clip(values, 0, 1) for name, values in shares.items()}

    at_zero = (tau2 == 0) & (k > 1) & (not common)
    result = {
        **shares,
        **scale,
        "se": se,
        "tau2": tau2,
        "tau2_lb": tau2_lb,
        "tau2_ub": tau2_ub,
        "q": q,
        "q_df": (k - 1).astype(float),
        "q_p": np.where(k > 1, chdtrc(df, q), 1.0),
        "q_p_se": np.zeros(size),
        "i2": i2,
        "h2": h2,
        "i2_lb": tau2_lb / (tau2_lb + typical),
        "i2_ub": tau2_ub / (tau2_ub + typical),
    }
    result = {key: np.where(with_studies, values, np.nan) for key, values in result.items()}
    result["status"] = np.where(
        ~with_studies, "no_data", np.where(k == 1, "single_study", np.where(at_zero, "tau2_zero", "ok"))
    ).astype(object)
    corrected = (mask & ((xi == 0) | (xi == ni))).sum(axis=1) * (measure in ("PLO", "PR"))
    several = (k > 1) & (not common)
    remarks = {
        "corrected": corrected > 0,
        "common_effect": np.full(size, common),
        "tau2_interval_empty": ~np.isfinite(tau2_ub) & several,
        "tau2_outside_interval": several & ((tau2 < tau2_lb) | (tau2 > tau2_ub)),
        "no_width": collapsed & (k > 1),
        "cut": beyond,
    }
    result["note"] = join_codes(remarks)
    for name, value in (("interval", interval), ("measure", measure), ("tau2_method", tau2_method)):
        result[name] = np.full(size, value, dtype=object)
    return result


def _double_arcsine(xi: np.ndarray | float, ni: np.ndarray) -> np.ndarray:
    return (np.arcsin(np.sqrt(xi / (ni + 1))) + np.arcsin(np.sqrt((xi + 1) / (ni + 1)))) / 2


def _typical_scale(vi: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Denominator of DerSimonian-Laird: sum w - sum w² / sum w with w = 1/vi."""
    wi = mask / vi
    total = np.maximum(wi.sum(axis=1), np.finfo(float).tiny)
    return np.maximum(total - (wi**2).sum(axis=1) / total, np.finfo(float).tiny)


def _tau2_where_q_is(yi: np.ndarray, vi: np.ndarray, mask: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Root of Q(tau2) = target, 0 where Q(0) is below it already.

    Q is a partial minimum of quadratic-over-linear functions, hence convex and falling in tau2: Newton's steps from
    0 rise to the root and never pass it.
    """
    tau2, moving = np.zeros(len(target)), np.ones(len(target), bool)
    for _ in range(MAX_STEPS):
        pool = weigh_studies(yi, vi, mask, tau2)
        gap = pool["q"] - target
        rises = moving & (gap > 0) & (pool["slope"] < 0)
        move = np.where(rises, -gap / np.where(rises, pool["slope"], -1), 0)
        tau2 = tau2 + move
        moving &= move > 1e-15 * tau2  # each analysis stops by itself, whatever the others do
        if not moving.any():
            break
    return tau2


def _tau2_likelihood(
    yi: np.ndarray, vi: np.ndarray, mask: np.ndarray, spread: np.ndarray, restricted: bool
) -> np.ndarray:
    """Highest peak of the log-likelihood (restricted or not) of normal effects, in tau2 >= 0."""
    smallest = np.where(mask, vi, np.inf).min(axis=1, initial=np.inf)
    smallest = np.where(np.isfinite(smallest), smallest, 1.0)
    # beyond the plain variance of the effects (times k for ML's bias) the score is negative
    top = 4 * spread * mask.shape[1] + smallest
    steps = np.linspace(0, 1, GRID_POINTS)
    grid = smallest[:, None] * 1e-3 * np.expm1(steps * np.log1p(top / smallest * 1e3)[:, None])
    heights = np.stack([_log_likelihood(yi, vi, mask, tau2, restricted) for tau2 in grid.T], axis=1)
    best = heights.argmax(axis=1)
    rows = np.arange(len(best))
    low = grid[rows, np.maximum(best - 1, 0)]
    high = grid[rows, np.minimum(best + 1, GRID_POINTS - 1)]
    at_zero = (best == 0) & (_score(yi, vi, mask, np.zeros(len(best)), restricted)[0] <= 0)
    tau2, before, moving = grid[rows, best], high - low, ~at_zero
    for _ in range(MAX_STEPS):
        slope, information = _score(yi, vi, mask, tau2, restricted)
        low, high = np.where(slope > 0, tau2, low), np.where(slope > 0, high, tau2)
        step = slope / information
        # Fisher's step where it stays inside the bracket and is half the last one or less, else to the middle: with
        # one study much larger than the others the expected information is so far off that the steps go to and fro
        inside = (tau2 + step > low) & (tau2 + step < high) & (np.abs(step) <= before / 2)
        following = np.where(moving, np.where(inside, tau2 + step, (low + high) / 2), tau2)
        before = np.abs(following - tau2)
        moving &= before > 1e-15 * tau2
        tau2 = following
        if not moving.any():
            break
    return np.where(at_zero, 0.0, tau2)


def _log_likelihood(yi: np.ndarray, vi: np.ndarray, mask: np.ndarray, tau2: np.ndarray, restricted: bool) -> np.ndarray:
    pool = weigh_studies(yi, vi, mask, tau2)
    height = -(np.where(mask, np.log(vi + tau2[:, None]), 0).sum(axis=1) + pool["q"]) / 2
    return height - np.log(pool["total"]) / 2 if restricted else height


def _score(
    yi: np.ndarray, vi: np.ndarray, mask: np.ndarray, tau2: np.ndarray, restricted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """First derivative of `_log_likelihood` in tau2 and the expected information."""
    pool = weigh_studies(yi, vi, mask, tau2)
    one, two, three = (np.sum(pool["wi"] ** power, axis=1) for power in (1, 2, 3))
    trace, information = one, two
    if restricted:
        share = two / pool["total"]
        trace = one - share
        information = two - 2 * three / pool["total"] + share**2
    return (-trace - pool["slope"]) / 2, np.maximum(information, np.finfo(float).tiny) / 2
