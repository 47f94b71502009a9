"""Calibrated likelihood-ratio interval: its critical values, the equation its limits solve, and that it covers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from scipy.stats import chi2

from small_evidence.pooling import calibration, pool_many, pool_responses
from small_evidence.pooling.calibration import critical_likelihood_ratio, outward_factor

U = np.linspace(-9, 9, 721)
WEIGHTS = np.exp(-(U**2) / 2) / np.exp(-(U**2) / 2).sum()


def penalised(xi, ni, b, tau):
    """Log-likelihood less the penalty, by a fixed dense rule."""
    theta = b + tau * U
    each = [np.log(np.exp(x * theta - n * np.logaddexp(0, theta)) @ WEIGHTS) for x, n in zip(xi, ni, strict=True)]
    return sum(each) - tau**2 / (2 * calibration.TAU_SCALE**2)


def highest(function, low, high, points):
    """Maximum of a smooth function by scan and bounded search."""
    grid = np.linspace(low, high, points)
    best = int(np.argmax([function(value) for value in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    found = minimize_scalar(lambda value: -function(value), bounds=ends, method="bounded", options={"xatol": 1e-9})
    return max(-found.fun, function(grid[best]))


def profile(xi, ni, b):
    return highest(lambda tau: penalised(xi, ni, b, tau), 0, 6, 25)


def fitted(xi, ni, **options):
    return pool_responses(xi, ni, interval="profile_calibrated", **options)


@pytest.mark.parametrize(("k", "t"), [(3, 4.303), (5, 2.776), (8, 2.365), (15, 2.145), (31, 2.042)])
def test_studies_that_differ_have_the_critical_value_of_student(k, t):
    """Quantiles as in a printed table of t (0.975, k-1 degrees of freedom), three decimals."""
    xi = np.where(np.arange(k) % 2, 1.0, 9.0)[None]
    found = critical_likelihood_ratio(xi, np.full((1, k), 10.0), np.ones((1, k), bool))[0]
    assert found == pytest.approx(k * np.log1p(t**2 / (k - 1)), abs=2e-3)


def test_studies_that_agree_have_less_and_masked_ones_none():
    xi = [[6, 6, 6, np.nan], [4, 8, 2, 1]]
    ni = [[8, 8, 8, np.nan], [8, 16, 4, 2]]
    mask = np.isfinite(xi)
    found = critical_likelihood_ratio(xi, ni, mask, 0.9)
    assert found == pytest.approx(np.full(2, calibration.FLOOR * chi2.ppf(0.9, 1)), rel=1e-12)


def test_critical_value_between_is_straight_in_pearsons_statistic():
    """5, 5, 8 and 6 of 10: X² = 4/2.4 = 2.5, three degrees of freedom, so h = 0.8333."""
    found = critical_likelihood_ratio([[5, 5, 8, 6]], [[10, 10, 10, 10]], [[True] * 4])[0]
    low, high = calibration.FLOOR * 3.841459, 4 * np.log1p(3.182446**2 / 3)
    assert found == pytest.approx(low + (high - low) * (2.5 / 3 - 0.4) / 0.6, abs=1e-5)


def test_factor_falls_outwards_as_its_slope_says():
    b, step = np.array([0.0, 1.0, 2.0, -2.5, 3.0, -6.0]), 1e-6
    total = np.full(b.size, 30.0)
    factor, slope = outward_factor(b, total)
    after, _ = outward_factor(b + np.where(b < 0, -step, step), total)
    assert slope == pytest.approx((after - factor) / step, abs=1e-5)
    assert (np.diff(factor[np.argsort(np.abs(b))]) < 1e-12).all()
    assert factor[0] == pytest.approx(1, abs=1e-4)
    assert factor[-1] == pytest.approx(calibration.SPARSE, abs=1e-4)
    assert outward_factor(np.array([5.0]), np.array([np.inf]))[0][0] == 1


@pytest.mark.parametrize(
    ("xi", "ni"),
    [
        ([5, 7, 0], [8, 7, 3]),
        ([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5]),
        ([7, 8, 8, 5], [8, 8, 9, 5]),
        ([5, 10, 4, 6, 8], [10, 20, 8, 12, 16]),
        ([0, 1, 0], [9, 12, 6]),
        ([16, 10, 4, 43, 10, 25, 13], [17, 12, 8, 58, 10, 42, 14]),
    ],
)
def test_limits_solve_their_equation(xi, ni):
    found = fitted(xi, ni)
    top = highest(lambda b: profile(xi, ni, b), -6, 6, 49)
    critical = critical_likelihood_ratio([xi], [ni], [[True] * len(xi)])[0]
    # outward is seen from the maximum of the penalised likelihood, whose sign is that of the estimate here
    for limit, side in ((found.ci_lb, -1), (found.ci_ub, 1)):
        b = logit(limit)
        factor = outward_factor(np.array([b]), np.array([float(sum(ni))]))[0][0] if side * found.b > 0 else 1.0
        assert 2 * (top - profile(xi, ni, b)) == pytest.approx(critical * factor, abs=1e-4)


def test_the_estimate_is_untouched_and_inside():
    """Three studies of 15 of 15 and one of 2 of 15: a large tau takes the estimate far out, the limit goes with it."""
    plain, calibrated = pool_responses([15, 15, 15, 2], [15] * 4, interval="profile"), fitted([15, 15, 15, 2], [15] * 4)
    assert calibrated.estimate == plain.estimate
    assert calibrated.tau2 == plain.tau2
    assert calibrated.ci_lb < calibrated.estimate <= calibrated.ci_ub


def test_many_studies_have_the_usual_interval():
    rng = np.random.default_rng(4)
    ni = np.full(400, 12)
    xi = rng.binomial(ni, expit(0.5 + 0.8 * rng.standard_normal(400)))
    plain, calibrated = pool_responses(xi, ni, interval="profile"), fitted(xi, ni)
    assert [calibrated.ci_lb, calibrated.ci_ub] == pytest.approx([plain.ci_lb, plain.ci_ub], abs=5e-4)


@pytest.mark.parametrize(
    ("k", "p", "tau"), [(3, 0.5, 0.0), (3, 0.5, 1.2), (3, 0.95, 0.6), (5, 0.5, 1.2), (5, 0.95, 1.2), (15, 0.95, 1.2)]
)
def test_coverage(k, p, tau):
    """95 % intervals over 600 seeded repeats, whose standard error is 0.9 %."""
    rng = np.random.default_rng([7, k, round(100 * p), round(10 * tau)])
    repeats = 600
    ni = 3 + rng.negative_binomial(2, 2 / 7, repeats * k)
    xi = rng.binomial(ni, expit(logit(p) + tau * rng.standard_normal(repeats * k)))
    arms = pd.DataFrame({"analysis": np.repeat(np.arange(repeats), k), "responders": xi, "n": ni})
    pooled = pool_many(arms, by="analysis", interval="profile_calibrated")
    covered = np.mean((pooled["ci_lb"] <= p) & (p <= pooled["ci_ub"]))
    assert 0.915 <= covered <= 0.985
    assert not pooled["note"].str.contains("not found").any()


arms = st.lists(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(arms)
def test_mirror(arms):
    xi, ni = np.array(arms).T
    one, mirrored = fitted(xi, ni), fitted(ni - xi, ni)
    assert 0 <= one.ci_lb <= one.estimate <= one.ci_ub <= 1
    assert one.ci_lb < one.ci_ub
    assert mirrored.ci_lb == pytest.approx(1 - one.ci_ub, abs=1e-6)
    assert mirrored.ci_ub == pytest.approx(1 - one.ci_lb, abs=1e-6)
