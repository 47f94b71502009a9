"""Beta-binomial model against the plain product form of its likelihood, and the reference values."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, gammaln, logit
from scipy.stats import beta, betabinom, chi2

from small_evidence.pooling import beta_binomial

REFERENCE = Path(__file__).parent / "reference" / "exact"
DATA_SETS = sorted(path.stem for path in REFERENCE.glob("*.json"))
INSIDE = ["bcg_treated", "debruin2009", "edge_k3_tiny", "edge_one_zero", "nielweise2007_treated", "pritz1997"]
AT_ZERO = ["edge_homogeneous", "hine1989_treated"]


def read_reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def fit_one(xi, ni, **options):
    fitted = beta_binomial.fit([xi], [ni], [[True] * len(xi)], **options)
    return {key: values[0] for key, values in fitted.items()}


def newton_on_products(xi, ni, mu, theta):
    """Maximum from the sums over single patients, in extended precision: b, se, rho, gradient at the start."""
    mu, theta = np.longdouble(mu), np.longdouble(theta)
    for step in range(6):
        gradient, hessian = np.zeros(2, np.longdouble), np.zeros((2, 2), np.longdouble)
        for x, n in zip(xi, ni, strict=True):
            for count, base, in_mu, sign in ((x, mu, 1, 1), (n - x, 1 - mu, -1, 1), (n, np.longdouble(1), 0, -1)):
                j = np.arange(count).astype(np.longdouble)
                part = 1 / (base + j * theta)
                gradient += [sign * in_mu * part.sum(), sign * (j * part).sum()]
                mixed = in_mu * (j * part**2).sum()
                hessian -= sign * np.array([[in_mu**2 * (part**2).sum(), mixed], [mixed, (j**2 * part**2).sum()]])
        if step == 0:
            first = gradient.copy()
        det = hessian[0, 0] * hessian[1, 1] - hessian[0, 1] ** 2
        mu -= (hessian[1, 1] * gradient[0] - hessian[0, 1] * gradient[1]) / det
        theta -= (hessian[0, 0] * gradient[1] - hessian[0, 1] * gradient[0]) / det
    se = np.sqrt(-hessian[1, 1] / det) / (mu * (1 - mu))
    return float(np.log(mu / (1 - mu))), float(se), float(theta / (1 + theta)), first


def log_likelihood_by_products(xi, ni, b, theta):
    mu, rest = expit(b), expit(-b)
    total = 0.0
    for x, n in zip(xi, ni, strict=True):
        total += gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
        total += np.log(mu + theta * np.arange(x)).sum() + np.log(rest + theta * np.arange(n - x)).sum()
        total -= np.log1p(theta * np.arange(n)).sum()
    return total


def profile_by_search(xi, ni, b):
    """Highest likelihood at b, by scanning theta and a bounded search around the best."""
    grid = np.concatenate([[-40.0], np.linspace(-14, 14, 57)])
    heights = [log_likelihood_by_products(xi, ni, b, np.exp(value)) for value in grid]
    best = int(np.argmax(heights))
    found = minimize_scalar(
        lambda value: -log_likelihood_by_products(xi, ni, b, np.exp(value)),
        bounds=(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return max(-found.fun, max(heights))


@pytest.mark.parametrize("name", INSIDE)
def test_maximum_agrees_with_products_to_1e_9(name):
    reference = read_reference(name)
    ours = fit_one(reference["xi"], reference["ni"], interval="wald_z")
    theta = ours["rho"] / (1 - ours["rho"])
    b, se, rho, _ = newton_on_products(reference["xi"], reference["ni"], ours["estimate"], theta)
    assert ours["b"] == pytest.approx(b, abs=1e-9)
    assert ours["se"] == pytest.approx(se, abs=1e-9)
    assert ours["rho"] == pytest.approx(rho, abs=1e-9)
    assert ours["status"] == "ok"
    assert ours["ci_ub"] == pytest.approx(expit(b + 1.959963984540054 * se), abs=1e-9)


@pytest.mark.parametrize("name", INSIDE)
def test_maximum_agrees_with_reference(name):
    """The reference's search stopped earlier and its se is from finite differences: 1e-7 where n is small.

    bcg_treated has up to 88,391 patients; there log-gamma functions of 4e6 leave 1e-9 of noise in its likelihood.
    The gradient, summed patient by patient, shows which of the two is the maximum.
    """
    reference = read_reference(name)
    theirs = reference["beta_binomial_ml"]
    ours = fit_one(reference["xi"], reference["ni"], interval="wald_z")
    large = max(reference["ni"]) > 100
    assert ours["b"] == pytest.approx(theirs["logit_p"], abs=3e-6 if large else 1.1e-7)
    assert ours["rho"] == pytest.approx(theirs["rho"], abs=2e-7 if large else 1e-7)
    assert ours["se"] == pytest.approx(theirs["se_logit_p"], rel=3e-3 if large else 1e-6)
    assert ours["loglik"] == pytest.approx(theirs["ll"], abs=1e-8)

    def off_the_top(mu, rho):
        gradient = newton_on_products(reference["xi"], reference["ni"], mu, rho / (1 - rho))[3]
        return np.abs(gradient.astype(float) * [mu * (1 - mu), rho]).max()

    assert off_the_top(ours["estimate"], ours["rho"]) < off_the_top(theirs["p"], theirs["rho"]) / 100


@pytest.mark.parametrize("name", AT_ZERO)
def test_no_spread_is_the_binomial(name):
    """The reference has rho = 1e-12 there: its likelihood has lost all digits. The maximum is rho = 0, the binomial."""
    reference = read_reference(name)
    events, total = sum(reference["xi"]), sum(reference["ni"])
    ours = fit_one(reference["xi"], reference["ni"])
    assert reference["beta_binomial_ml"]["rho"] < 1e-11
    assert ours["status"] == "tau2_zero"
    assert ours["rho"] == 0
    assert ours["estimate"] == pytest.approx(events / total, rel=1e-12)
    assert ours["se"] == pytest.approx(np.sqrt(total / (events * (total - events))), rel=1e-12)
    # the slope at theta = 0, from pairs of patients, points outside
    xi, ni = np.array(reference["xi"]), np.array(reference["ni"])
    p = events / total
    others = ni - xi
    assert (xi * (xi - 1) / p + others * (others - 1) / (1 - p) - ni * (ni - 1)).sum() < 0


@pytest.mark.parametrize("name", [*INSIDE, *AT_ZERO])
def test_profile_limits_solve_their_equation(name):
    reference = read_reference(name)
    ours = fit_one(reference["xi"], reference["ni"])
    if max(reference["ni"]) > 1000:
        return  # the search over products takes too long with 88,391 patients
    for limit in ("ci_lb", "ci_ub"):
        height = profile_by_search(reference["xi"], reference["ni"], logit(ours[limit]))
        assert 2 * (ours["loglik"] - height) == pytest.approx(chi2.ppf(0.95, 1), abs=1e-6)


def test_likelihood_is_scipys():
    for rho in (1e-6, 0.02, 0.5, 0.97):
        mu = 0.3
        first, second = mu * (1 - rho) / rho, (1 - mu) * (1 - rho) / rho
        xi, ni = np.array([[0, 3, 9, 400]]), np.array([[5, 4, 9, 1000]])
        wanted = betabinom.logpmf(xi, ni, first, second).sum()
        ours = beta_binomial.log_likelihood(xi, ni, np.ones(xi.shape, bool), np.array([logit(mu)]), np.array([rho]))
        assert ours[0] == pytest.approx(wanted, rel=1e-9)


def test_likelihood_is_smooth_down_to_no_spread():
    """Slope in rho near 0 from differences equals the slope counted in pairs: no digits are lost at the edge."""
    xi, ni, mu = np.array([[50, 80, 300]]), np.array([[100, 200, 500]]), 0.5
    mask = np.ones(xi.shape, bool)
    pairs = (xi * (xi - 1) / mu + (ni - xi) * (ni - xi - 1) / (1 - mu) - ni * (ni - 1)).sum() / 2
    heights = [
        beta_binomial.log_likelihood(xi, ni, mask, np.array([0.0]), np.array([rho]))[0] for rho in (0.0, 1e-9, 1e-8)
    ]
    assert (heights[1] - heights[0]) / 1e-9 == pytest.approx(pairs, rel=1e-3)
    assert (heights[2] - heights[0]) / 1e-8 == pytest.approx(pairs, rel=1e-3)


def test_maximum_is_the_highest_of_a_dense_scan():
    rng = np.random.default_rng(5)
    size, k = 40, 5
    ni = rng.integers(1, 30, (size, k))
    ni[:10, 0] = 400  # one large study among small ones can hide the spread of the small ones from a local search
    xi = rng.binomial(ni, expit(rng.normal(0.5, 1.2, (size, k))))
    mask = np.ones(xi.shape, bool)
    fitted = beta_binomial.fit(xi, ni, mask)
    rows = np.flatnonzero(np.isin(fitted["status"], ["ok", "tau2_zero"]))
    assert rows.size > 30
    for row in rows:
        for rho in np.concatenate([[0], np.geomspace(1e-6, 0.3, 25), np.linspace(0.35, 0.99, 14)]):
            b = np.linspace(-3, 4, 60)
            heights = beta_binomial.log_likelihood(
                np.repeat(xi[[row]], 60, 0), np.repeat(ni[[row]], 60, 0), np.ones((60, k), bool), b, np.full(60, rho)
            )
            assert heights.max() <= fitted["loglik"][row] + 1e-9


def test_all_or_none_within_studies_counts_studies():
    """Every study all or none: rho = 1, and 2 of 3 studies respond; Clopper-Pearson of 2/3 is 0.0943 to 0.9916."""
    ours = fit_one([5, 0, 8], [5, 3, 8])
    assert ours["status"] == "tau2_unbounded"
    assert ours["rho"] == 1
    assert ours["estimate"] == pytest.approx(2 / 3)
    assert [ours["ci_lb"], ours["ci_ub"]] == pytest.approx([0.0943, 0.9916], abs=5e-5)
    assert ours["interval"] == "clopper_pearson"
    assert ours["se"] == pytest.approx(1 / np.sqrt(3 * 2 / 3 * 1 / 3))  # of the logit of 2 in 3
    near = [
        beta_binomial.log_likelihood([[5, 0, 8]], [[5, 3, 8]], [[True] * 3], np.array([logit(2 / 3)]), np.array([rho]))
        for rho in (0.9, 0.99, 0.999999)
    ]
    assert near[0] < near[1] < near[2] < ours["loglik"]
    assert near[2] == pytest.approx(ours["loglik"], abs=1e-4)


def test_edges_answered():
    assert fit_one([5, 3], [5, 3])["status"] == "all_responders"
    # Clopper-Pearson of 8/8: 0.025 ** (1/8)
    assert fit_one([5, 3], [5, 3])["ci_lb"] == pytest.approx(0.025 ** (1 / 8), abs=1e-12)
    assert fit_one([0, 0], [5, 3])["status"] == "no_responders"
    nothing = beta_binomial.fit([[np.nan, np.nan]], [[np.nan, np.nan]], [[False, False]])
    assert nothing["status"][0] == "no_data"
    assert np.isnan(nothing["estimate"][0])


def test_one_patient_against_a_hundred_thousand():
    ours = fit_one([1, 40_000], [1, 100_000])
    assert 0.39 < ours["ci_lb"] < ours["estimate"] < ours["ci_ub"] <= 1
    assert ours["status"] == "tau2_zero"


def test_prediction_interval_tends_to_the_beta_of_the_studies():
    """With many studies the mean is known, and the interval is the middle 95 % of the beta distribution drawn from."""
    rng = np.random.default_rng(3)
    ni = np.full(3000, 40)
    xi = rng.binomial(ni, rng.beta(4, 2, 3000))
    ours = fit_one(xi, ni)
    assert [ours["pi_lb"], ours["pi_ub"]] == pytest.approx(beta.ppf([0.025, 0.975], 4, 2), abs=0.02)
    mu, size = ours["estimate"], 1 / ours["rho"] - 1
    plugged = beta.ppf([0.025, 0.975], mu * size, (1 - mu) * size)
    assert [ours["pi_lb"], ours["pi_ub"]] == pytest.approx(plugged, abs=2e-4)
    assert ours["pi_lb"] < plugged[0]
    assert np.isnan(fit_one([4, 7], [8, 9])["pi_lb"])


def test_unknown_interval_is_named():
    with pytest.raises(ValueError, match=r"^interval 'hk' is not one of profile, wald_z$"):
        fit_one([4, 7], [8, 9], interval="hk")


arms = st.lists(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=8)


@settings(max_examples=8, deadline=None)
@given(arms, st.randoms())
def test_mirror_order_and_padding(arms, random):
    xi, ni = np.array(arms, dtype=float).T
    one = fit_one(xi, ni)
    mirrored = fit_one(ni - xi, ni)
    assert mirrored["estimate"] == pytest.approx(1 - one["estimate"], abs=1e-8)
    assert mirrored["ci_lb"] == pytest.approx(1 - one["ci_ub"], abs=1e-7)
    order = list(range(len(xi)))
    random.shuffle(order)
    assert fit_one(xi[order], ni[order])["ci_lb"] == pytest.approx(one["ci_lb"], abs=1e-8)
    wide = np.full((2, 2, len(xi) + 3), np.nan)
    wide[:, 0, 2:-1] = xi, ni
    wide[:, 1, :2] = [[3, 4], [8, 5]]
    batch = beta_binomial.fit(wide[0], wide[1], np.isfinite(wide[0]))
    for key in ("b", "se", "ci_lb", "ci_ub", "rho"):
        assert batch[key][0] == pytest.approx(one[key], abs=1e-8, nan_ok=True)
        assert batch[key][1] == pytest.approx(fit_one([3, 4], [8, 5])[key], abs=1e-8)
    assert 0 <= one["ci_lb"] <= one["estimate"] <= one["ci_ub"] <= 1
    assert one["ci_lb"] < one["ci_ub"]


@pytest.mark.parametrize(("xi", "ni"), [([1, 0], [3, 4]), ([2, 4], [3, 4])])
def test_one_responder_or_one_other_in_one_study_bounds_the_spread(xi, ni):
    assert fit_one(xi, ni)["status"] == "tau2_zero"
