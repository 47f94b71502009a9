"""The binomial-normal model against an independent dense integration, metafor, and its own definition."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, gammaln, logit
from scipy.stats import chi2

from small_evidence.pooling import glmm, likelihood, pool_responses
from small_evidence.pooling.regression import fit_regression, profile_limits
from tests import plain_glmm

REFERENCE = Path(__file__).parent / "reference"
NAMES = sorted(path.stem for path in (REFERENCE / "exact").glob("*.json"))


def read(folder, name):
    return json.loads((REFERENCE / folder / f"{name}.json").read_text())


FITTED = [name for name in NAMES if read("exact", name)["binomial_normal_ml"]["status"] == "ok"]

# metafor stops at edge_homogeneous ("Cannot fit ML model").
WITH_METAFOR = [name for name in FITTED if "b" in read("metafor", name).get("glmm", {}).get("nAGQ21_z", {})]


def fit_one(xi, ni, **options):
    xi, ni = np.array([xi], float), np.array([ni], float)
    return {name: values[0] for name, values in glmm.fit(xi, ni, ni > 0, **options).items()}


def dense_log_likelihood(xi, ni, b, tau):
    """Log-likelihood by adaptive Gauss-Kronrod quadrature in pieces around the mode: another method altogether."""
    total = 0.0
    for x, n in zip(xi, ni, strict=True):
        choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)

        def log_density(theta, x=x, n=n):
            return x * theta - n * np.logaddexp(0, theta) - 0.5 * ((theta - b) / tau) ** 2

        grid = np.linspace(b - 40 * tau - 40, b + 40 * tau + 40, 200_001)
        top, mode = log_density(grid).max(), grid[log_density(grid).argmax()]
        width = 1 / np.sqrt(1 / tau**2 + max(n * expit(mode) * expit(-mode), 1e-9))
        edges = mode + width * np.array([-60, -15, -8, -4, -2, 0, 2, 4, 8, 15, 60])
        edges = np.concatenate([[b - 40 * tau - 40], edges, [b + 40 * tau + 40]])
        parts = [
            quad(lambda t: np.exp(log_density(t) - top), low, high, epsabs=1e-15, epsrel=1e-13, limit=200)[0]  # noqa: B023
            for low, high in zip(np.sort(edges)[:-1], np.sort(edges)[1:], strict=True)
        ]
        total += np.log(sum(parts) / (tau * np.sqrt(2 * np.pi))) + top + choose
    return total


@pytest.mark.parametrize("name", FITTED)
def test_agrees_with_dense_integration(name):
    """b, se, limits to 1e-7 where |logit| < 12; tau2 and its limits to 1e-6."""
    data = read("exact", name)
    known, found = data["binomial_normal_ml"], pool_responses(data["xi"], data["ni"], interval="profile")
    assert found["b"] == pytest.approx(known["b"], abs=1e-7)
    assert found["se"] == pytest.approx(known["se"], abs=1e-7)
    assert found["tau2"] == pytest.approx(known["tau2"], abs=1e-6)
    assert found["loglik"] == pytest.approx(known["ll"], abs=1e-7)
    assert found["mean_proportion"] == pytest.approx(known["p_marginal"], abs=1e-7)
    for column, limit in (("ci_lb", "prof_ci_lb"), ("ci_ub", "prof_ci_ub")):
        if abs(known[limit]) < 12:
            assert logit(found[column]) == pytest.approx(known[limit], abs=1e-7)
        else:
            assert found[column] == pytest.approx(expit(known[limit]), abs=1e-7)
    assert found["tau2_lb"] == pytest.approx(known["tau2_prof_lb"], abs=1e-6)
    if known["tau2_prof_ub"] is None:  # the search of the reference ended before the limit was reached
        assert found["tau2_ub"] > 2500 or np.isnan(found["tau2_ub"])
    else:
        assert found["tau2_ub"] == pytest.approx(known["tau2_prof_ub"], abs=1e-6)
    assert found["status"] == ("tau2_zero" if known["boundary_tau"] else "ok")


@pytest.mark.parametrize("name", WITH_METAFOR)
def test_agrees_with_metafor(name):
    """metafor's rma.glmm with 21 nodes and lme4's tolerances: 2e-5 of b and se; Q to 1e-8 relative."""
    data = read("metafor", name)
    known = data["glmm"]["nAGQ21_z"]
    found = pool_responses(data["xi"], data["ni"], interval="wald_z")
    # With tau = 3.8 and 7 of 7 responders 21 Gauss-Hermite nodes are too few: 7 give 0.5341, 21 give 0.5363, and dense
    # integration 0.5367 (see above).
    loose = 200 if name == "edge_k3_tiny" else 1
    assert found["b"] == pytest.approx(known["b"], abs=2e-5 * loose)
    assert found["se"] == pytest.approx(known["se"], abs=2e-5 * loose)
    assert found["tau2"] == pytest.approx(known["tau2"], abs=2e-5 * loose * 10 if loose > 1 else 3e-5)
    assert logit(found["ci_lb"]) == pytest.approx(known["ci.lb"], abs=6e-5 * loose)
    assert found["q"] == pytest.approx(known["QE.LRT"], rel=1e-8, abs=1e-8)
    assert chi2.sf(found["q"], found["q_df"]) == pytest.approx(known["QEp.LRT"], rel=1e-6)


def test_diltiazem():
    """The bundled review's diltiazem arms; values of lme4 1.1.31, glmer with 25 nodes."""
    found = pool_responses([3, 4, 9, 5], [12, 4, 17, 8])
    assert found["b"] == pytest.approx(0.1907, abs=5e-5)
    assert found["se"] == pytest.approx(0.530, abs=5e-4)
    assert found["tau2"] == pytest.approx(0.4564, abs=5e-5)
    assert found["estimate"] == pytest.approx(0.548, abs=5e-4)


@pytest.mark.parametrize(
    ("xi", "ni", "b", "tau"),
    [
        ([7, 7], [7, 7], 1.0, 4.0),  # a cliff, not a bell
        ([0, 3, 1], [3, 3, 200], -2.0, 12.0),
        ([5, 0], [8, 1], 0.3, 0.05),
        ([180, 505], [1541, 88391], -4.9, 1.15),  # far narrower than the spread between studies
        ([20_000, 0], [20_000, 20_000], 0.0, 6.0),
        ([1, 60], [2, 60], -8.0, 0.7),  # the data lie far out in the tail of the random effect
    ],
)
def test_likelihood_against_quadrature(xi, ni, b, tau):
    arms = likelihood.make_arms(np.array([xi], float), np.array([ni], float), np.ones((1, len(xi)), bool))
    point = likelihood.evaluate(arms, np.array([0]), np.array([b]), np.array([tau]))
    assert point.ll[0] + arms.constant[0] == pytest.approx(dense_log_likelihood(xi, ni, b, tau), abs=2e-10, rel=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_doubling_the_points_changes_nothing(seed):
    """The step is chosen beforehand; the points made four times as dense must give the same."""
    rng = np.random.default_rng(seed)
    size = 150
    ni = np.ceil(10 ** rng.uniform(0, 5, (size, 3)))
    xi = rng.binomial(ni.astype(int), rng.choice([0, 0.001, 0.3, 0.9, 1], (size, 3))).astype(float)
    b, tau = rng.normal(0, 3, size), 10 ** rng.uniform(-2, 1.5, size)
    arms, row = likelihood.make_arms(xi, ni, np.ones(xi.shape, bool)), np.arange(size)
    once, finer = (likelihood.evaluate(arms, row, b, tau, refine) for refine in (1, 4))
    assert np.median(finer.nodes / once.nodes) > 3
    assert np.abs((once.ll - finer.ll) / (1 + np.abs(once.ll))).max() < 1e-10
    # Gradients are sums of residuals as large as theta is far from b, in units of tau, so that is their precision.
    for name in ("g_b", "g_t"):
        size_of = 1 + np.abs(getattr(once, name)) + 1 / tau**2
        assert np.abs((getattr(once, name) - getattr(finer, name)) / size_of).max() < 1e-9


def test_derivatives_are_those_of_the_likelihood():
    rng = np.random.default_rng(5)
    ni = rng.integers(1, 300, (40, 4)).astype(float)
    xi = rng.binomial(ni.astype(int), rng.uniform(0, 1, (40, 4))).astype(float)
    b, tau, row = rng.normal(0, 1, 40), rng.uniform(0.2, 3, 40), np.arange(40)
    arms = likelihood.make_arms(xi, ni, np.ones(xi.shape, bool))
    h = 1e-5

    def difference(name, db, dt):
        up, down = (likelihood.evaluate(arms, row, b + s * db, tau + s * dt) for s in (1, -1))
        return (getattr(up, name) - getattr(down, name)) / (2 * h)

    point = likelihood.evaluate(arms, row, b, tau)
    for known, name, db, dt in (
        (point.g_b, "ll", h, 0),
        (point.g_t, "ll", 0, h),
        (point.h_bb, "g_b", h, 0),
        (point.h_bt, "g_b", 0, h),
        (point.h_bt, "g_t", h, 0),
        (point.h_tt, "g_t", 0, h),
    ):
        assert known == pytest.approx(difference(name, db, dt), rel=1e-6, abs=1e-5)


def test_score_at_zero_is_the_slope_in_tau2():
    """Near tau = 0 the log-likelihood is that of a common proportion plus tau2 times half the score statistic."""
    xi, ni = np.array([[5, 10, 4.0, 0]]), np.array([[10, 12, 8.0, 0]])
    arms, row, b = likelihood.make_arms(xi, ni, ni > 0), np.array([0]), np.array([0.4])
    zero, near = (likelihood.evaluate(arms, row, b, np.array([tau])) for tau in (0.0, 1e-3))
    assert near.ll - zero.ll == pytest.approx(zero.h_tt / 2 * 1e-6, rel=1e-4)
    assert near.h_bb == pytest.approx(zero.h_bb, rel=1e-4)


def random_sets(seed, size, largest):
    rng = np.random.default_rng(seed)
    k = rng.integers(2, 7, size)
    mask = np.arange(6) < k[:, None]
    ni = np.where(mask, rng.integers(1, largest + 1, (size, 6)), 0)
    theta = rng.normal(0.3, 1.5, (size, 1)) + rng.choice([0, 0.6, 2.5], (size, 1)) * rng.normal(size=(size, 6))
    xi = rng.binomial(ni, expit(theta))
    split = (((xi == 0) | (xi == ni)) | ~mask).all(1)
    keep = (xi.sum(1) > 0) & (xi.sum(1) < ni.sum(1)) & (ni.max(1) > 1) & ~split
    return xi[keep].astype(float), ni[keep].astype(float), mask[keep]


@pytest.mark.parametrize("largest", [4, 15, 2000])
def test_maximum_and_limits_meet_their_definition(largest):
    """No tau on a grid has a higher likelihood; at each limit the profile has fallen by half the critical value.

    Sets of this size often have two maxima, one of them at tau = 0.
    """
    xi, ni, mask = random_sets(11, 60, largest)
    found = glmm.fit(xi, ni, mask, 0.95, interval="profile")
    assert set(found["status"]) <= {"ok", "tau2_zero"}
    arms, row = likelihood.make_arms(xi, ni, mask), np.arange(len(xi))
    peak = found["loglik"] - arms.constant

    def profile_over_b(tau):
        b = found["b"].copy()
        for _ in range(12):
            point = likelihood.evaluate(arms, row, b, tau)
            b = b - np.clip(point.g_b / point.h_bb, -1 - tau, 1 + tau)
        return likelihood.evaluate(arms, row, b, tau).ll

    for tau in np.geomspace(0.03, 30, 14):
        assert np.all(profile_over_b(np.full(len(xi), tau)) <= peak + 1e-9)
    assert np.all(np.isfinite(found["ci_lb"]) & np.isfinite(found["ci_ub"]) & np.isfinite(found["tau2_lb"]))
    fall = chi2.ppf(0.95, 1) / 2
    for name in ("tau2_lb", "tau2_ub"):
        inside = np.isfinite(found[name]) & (found[name] > 0)
        tau = np.sqrt(np.where(inside, found[name], 1.0))
        assert profile_over_b(tau)[inside] == pytest.approx((peak - fall)[inside], abs=1e-8)
    for name in ("ci_lb", "ci_ub"):
        b = logit(found[name])
        near = np.abs(b) < 12
        b = np.where(near, b, 0)
        best = likelihood.evaluate(arms, row, b, np.zeros(len(b))).ll
        for tau in np.geomspace(0.01, 60, 60):
            best = np.maximum(best, likelihood.evaluate(arms, row, b, np.full(len(b), tau)).ll)
        assert np.all(best[near] <= (peak - fall)[near] + 1e-6)
        assert np.all(best[near] >= (peak - fall)[near] - 0.03)  # the grid of tau may miss the ridge by this


def test_profile_limits_by_another_route():
    """The regression's limits come from a search of its own, one analysis at a time."""
    xi, ni, mask = random_sets(3, 14, 12)
    found = glmm.fit(xi, ni, mask, 0.9, interval="profile")
    for i in range(len(xi)):
        x, n = xi[i, mask[i]], ni[i, mask[i]]
        model = fit_regression(x, n, np.ones((x.size, 1)))
        assert model.beta[0] == pytest.approx(found["b"][i], abs=1e-7)
        assert model.tau2 == pytest.approx(found["tau2"][i], abs=1e-6)
        assert np.sqrt(model.covariance[0, 0]) == pytest.approx(found["se"][i], abs=1e-7)
        limits = profile_limits(x, n, np.ones((x.size, 1)), model, [0], chi2.ppf(0.9, 1))[0]
        assert expit(limits) == pytest.approx([found["ci_lb"][i], found["ci_ub"][i]], abs=1e-7)


def test_second_maximum_is_found():
    """tau = 0 is a local maximum of these; the likelihood is higher at another (lme4 stays at 0 for the second)."""
    for xi, ni, gain in (([4, 70], [22, 170], 0.06), ([0, 8, 8], [1, 8, 9], 0.02)):
        found = fit_one(xi, ni)
        p = sum(xi) / sum(ni)
        at_zero = sum(
            gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + x * np.log(p) + (n - x) * np.log(1 - p)
            for x, n in zip(xi, ni, strict=True)
        )
        assert found["status"] == "ok"
        dense = dense_log_likelihood(xi, ni, found["b"], np.sqrt(found["tau2"]))
        assert found["loglik"] == pytest.approx(dense, abs=1e-9)
        assert dense - at_zero > gain


@pytest.mark.parametrize(
    ("interval", "root"),
    [("profile", 1.960), ("wald_z", 1.960), ("profile_t", 2.262), ("wald_t", 2.262)],
)
def test_critical_values_are_those_of_printed_tables(interval, root):
    """Of the normal distribution, and of t with 9 degrees of freedom, to their three decimals."""
    _, squared = glmm.BOUNDS[interval]
    assert np.sqrt(squared(0.95, np.array([10]))) == pytest.approx([root], abs=5e-4)


def test_wald_intervals():
    """Limits from b and se; t with k - 1 degrees of freedom."""
    xi, ni = [3, 4, 9, 5], [12, 4, 17, 8]
    z, t = (fit_one(xi, ni, interval=interval) for interval in ("wald_z", "wald_t"))
    assert logit(z["ci_ub"]) == pytest.approx(z["b"] + 1.959963984540054 * z["se"], abs=1e-12)
    assert logit(t["ci_ub"]) == pytest.approx(t["b"] + 3.182446305284263 * t["se"], abs=1e-12)  # t(3), 0.975
    wider = fit_one(xi, ni, interval="profile_t")
    plain = fit_one(xi, ni, interval="profile")
    assert wider["ci_lb"] < plain["ci_lb"] < plain["estimate"] < plain["ci_ub"] < wider["ci_ub"]
    assert np.isnan(fit_one([3, 4], [12, 5])["pi_lb"])


def test_mean_proportion_is_the_integral():
    for b, tau in ((0.4, 0.0), (0.4, 0.7), (-3.0, 9.0), (1.0, 40.0), (50.0, 280.0)):
        found = likelihood.mean_proportion(np.array([b]), np.array([tau]))[0]
        density = lambda u, b=b, tau=tau: expit(b + tau * u) * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)  # noqa: E731
        cut = -b / max(tau, 0.1)
        known = sum(
            quad(density, *ends, epsabs=1e-13, epsrel=1e-13)[0]
            for ends in ((-12, cut - 0.3), (cut - 0.3, cut + 0.3), (cut + 0.3, 12))
        )
        assert found == pytest.approx(known, abs=1e-10)


def test_only_responders_or_none():
    """The likelihood of m1 studies of all and m0 of no responders is below that of coin tosses, and comes near it."""
    found = fit_one([50, 40, 0], [50, 40, 50], interval="profile")
    assert found["status"] == "tau2_unbounded"
    assert found["estimate"] == pytest.approx(2 / 3)
    assert (found["ci_lb"], found["ci_ub"]) == pytest.approx((0.0942993, 0.9915962), abs=5e-8)  # exact, 2 of 3
    assert np.isnan(found["tau2"])
    assert np.isnan(found["b"])
    arms = likelihood.make_arms(*(np.array([v], float) for v in ([50, 40, 0], [50, 40, 50])), np.ones((1, 3), bool))
    tau = np.array([3.0, 10.0, 30.0, 90.0])
    b = tau * 0.430727  # normal quantile of 2/3
    ll = likelihood.evaluate(arms, np.zeros(4, int), b, tau).ll
    assert np.all(np.diff(ll) > 0)
    assert np.all(ll < found["loglik"])
    assert ll[-1] == pytest.approx(found["loglik"], abs=0.15)


def test_unknown_interval():
    known = "profile_student, profile, profile_t, wald_z, wald_t"
    with pytest.raises(ValueError, match=f"^interval 'hk' is not one of {known}$"):
        fit_one([1, 2], [3, 4], interval="hk")


def test_studies_of_the_same_counts_share_the_work():
    """Merged into weighted arms, they give what they give one by one."""
    rng = np.random.default_rng(4)
    ni = rng.integers(0, 9, (5, 60)).astype(float)
    mask = ni > 0
    xi = rng.binomial(ni.astype(int), 0.6).astype(float)
    merged = likelihood.make_arms(xi, ni, mask)
    assert merged.x.shape[1] <= 45  # distinct pairs of x <= n <= 8
    assert merged.weight.sum(1).tolist() == mask.sum(1).tolist()
    assert (merged.weight * merged.x).sum(1).tolist() == xi.sum(1).tolist()
    parts = [likelihood.make_arms(*(v[:, i : i + 10] for v in (xi, ni, mask))) for i in range(0, 60, 10)]
    b, tau, row = rng.normal(0, 1, 5), np.array([0.0, 0.3, 1, 2, 8]), np.arange(5)
    whole = likelihood.evaluate(merged, row, b, tau)
    pieces = [likelihood.evaluate(part, row, b, tau) for part in parts]
    for name in ("ll", "g_b", "g_t", "h_bb", "h_bt", "h_tt"):
        assert getattr(whole, name) == pytest.approx(
            sum(getattr(piece, name) for piece in pieces), rel=1e-10, abs=1e-10
        )
    assert merged.constant == pytest.approx(sum(part.constant for part in parts))


def test_maximum_out_of_reach_is_named():
    """400 studies of all or none and one of 1 in 2: tau runs beyond 1000."""
    found = pool_responses([50] * 200 + [0] * 200 + [1], [50] * 400 + [2])
    assert found["status"] == "not_converged"
    assert found["note"] == "no_maximum"
    assert found[["estimate", "ci_lb", "ci_ub", "b", "tau2"]].isna().all()


def test_agrees_with_the_plain_definition():
    """On 200 seeded data sets.

    Nelder-Mead stops where the log-likelihood stands still to 1e-10, which near the maximum is 1e-5 in b; where the
    likelihood is flat, b and tau2 are loose to 1e-3.
    """
    rng = np.random.default_rng(2026)
    ni = rng.integers(1, 25, (300, 6)) * (np.arange(6) < rng.integers(2, 7, (300, 1)))
    spread = rng.choice([0.0, 0.6, 1.5], (300, 1))
    xi = rng.binomial(ni, expit(rng.normal(0, 1, (300, 1)) + spread * rng.normal(size=ni.shape)))
    mixed = ((xi > 0) & (xi < ni)).any(1)
    xi, ni = xi[mixed][:200].astype(float), ni[mixed][:200].astype(float)
    assert len(xi) == 200
    found = glmm.fit(xi, ni, ni > 0, prediction=False, interval="wald_z")
    for row, (x, n) in enumerate(zip(xi, ni, strict=True)):
        loglik, b, tau2 = plain_glmm.fit(x[n > 0], n[n > 0])
        assert found["loglik"][row] == pytest.approx(loglik, abs=1e-7)
        assert found["b"][row] == pytest.approx(b, abs=1e-3 * (1 + tau2))
        assert found["tau2"][row] == pytest.approx(tau2, abs=1e-3, rel=5e-3)
