"""The default interval: symmetric, without jumps, never inside the exact one; its limits solve their equation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, logit
from scipy.stats import t

from small_evidence.pooling import pool_many, pool_responses
from small_evidence.pooling.glmm import student_likelihood_ratio
from small_evidence.pooling.likelihood import UNIT_TAU2
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.pooling.record import MEAN_CODES

U = np.linspace(-9, 9, 721)
WEIGHTS = np.exp(-(U**2) / 2) / np.exp(-(U**2) / 2).sum()
arms = st.lists(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=8)


def limits(xi, ni):
    found = pool_responses(xi, ni)
    return np.array([found.ci_lb, found.ci_ub], float)


def penalised(xi, ni, b, tau):
    """Log-likelihood less the penalty, by a fixed dense rule."""
    theta = b + tau * U
    each = [np.log(np.exp(x * theta - n * np.logaddexp(0, theta)) @ WEIGHTS) for x, n in zip(xi, ni, strict=True)]
    return sum(each) - tau**2 / (2 * UNIT_TAU2)


def highest(function, low, high, points):
    """Maximum of a smooth function by scan and bounded search."""
    grid = np.linspace(low, high, points)
    best = int(np.argmax([function(value) for value in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    found = minimize_scalar(lambda value: -function(value), bounds=ends, method="bounded", options={"xatol": 1e-9})
    return max(-found.fun, function(grid[best]))


def test_critical_value_is_exact_for_normal_effects():
    """Simulated: the likelihood ratio of a normal mean, variance estimated, exceeds it in 5 % (se 0.1 %)."""
    rng = np.random.default_rng(1)
    for k in (2, 3, 5, 15):
        y = rng.standard_normal((40_000, k))
        ratio = k * np.log((y**2).mean(1) / y.var(1))
        assert np.mean(ratio > student_likelihood_ratio(0.95, np.array([k]))[0]) == pytest.approx(0.05, abs=0.004)
    assert student_likelihood_ratio(0.9, np.array([4]))[0] == pytest.approx(4 * np.log1p(t.ppf(0.95, 3) ** 2 / 3))


@pytest.mark.parametrize(
    ("xi", "ni"),
    [
        ([5, 7, 0], [8, 7, 3]),
        ([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5]),
        ([3, 4, 9, 5], [12, 4, 17, 8]),
        ([16, 10, 4, 43, 10, 25, 13], [17, 12, 8, 58, 10, 42, 14]),
    ],
)
def test_limits_solve_their_equation(xi, ni):
    """Where the exact interval of the summed counts lies inside."""

    def profile(b):
        return highest(lambda tau: penalised(xi, ni, b, tau), 0, 8, 25)

    top = highest(profile, -6, 6, 33)
    critical = student_likelihood_ratio(0.95, np.array([len(xi)]))[0]
    for limit in limits(xi, ni):
        assert 2 * (top - profile(logit(limit))) == pytest.approx(critical, abs=1e-4)


@pytest.mark.parametrize(("xi", "ni"), [([5, 7, 0], [8, 7, 3]), ([12, 5], [15, 15]), ([3, 4, 9, 5], [12, 4, 17, 8])])
def test_limits_of_the_mean_solve_the_same_equation(xi, ni):
    """Where the exact interval of the summed counts lies inside."""

    def median(m, tau):
        return brentq(lambda b: expit(b + tau * U) @ WEIGHTS - expit(m), -60, 60, xtol=1e-10)

    def profile(m):
        return highest(lambda tau: penalised(xi, ni, median(m, tau), tau), 0, 8, 25)

    found = pool_responses(xi, ni)
    top = highest(lambda b: highest(lambda tau: penalised(xi, ni, b, tau), 0, 8, 25), -6, 6, 33)
    critical = student_likelihood_ratio(0.95, np.array([len(xi)]))[0]
    for limit in (found.mean_ci_lb, found.mean_ci_ub):
        assert 2 * (top - profile(logit(limit))) == pytest.approx(critical, abs=1e-4)


def test_the_mean_of_two_studies_is_held():
    """The worst cell of the wide grid: 95 % intervals over 300 seeded repeats, whose standard error is 1.3 %."""
    rng = np.random.default_rng(2)
    ni = rng.integers(20, 201, 600)
    xi = rng.binomial(ni, expit(2 * rng.standard_normal(600)))
    table = pd.DataFrame({"analysis": np.repeat(np.arange(300), 2), "responders": xi, "n": ni})
    pooled = pool_many(table, by="analysis", homogeneity=False)
    assert np.mean((pooled["mean_ci_lb"] <= 0.5) & (pooled["mean_ci_ub"] >= 0.5)) >= 0.93


@pytest.mark.parametrize(
    ("method", "xi", "code"),
    [
        ("glmm", [5, 7, 0], ""), ("bayes", [5, 7, 0], ""), ("bayes", [8, 7, 3], ""), ("beta_binomial", [5, 7, 0], ""),
        ("inverse_variance", [5, 7, 0], "no_mean"), ("glmm", [8, 7, 3], "no_mean"), ("crude", [5, 7, 0], ""),
    ],
)  # fmt: skip
def test_where_the_mean_is_not_estimated_a_code_says_so(method, xi, code):
    found = pool_responses(xi, [8, 7, 3], method=method)
    assert [name for name in found.note.split(";") if name in MEAN_CODES] == [code] * bool(code)
    assert np.isfinite(found.mean_ci_ub) == (not code and method != "crude")


@pytest.mark.parametrize(("xi", "ni"), [([27, 7], [28, 7]), ([8, 7], [10, 10]), ([1, 0, 0], [20, 14, 1])])
def test_never_inside_the_exact_interval(xi, ni):
    """34 of 35 has [.851, .999], 15 of 20 [.509, .913]."""
    lb, ub = limits(xi, ni)
    exact = proportion_interval(sum(xi), sum(ni))
    assert lb <= exact[0]
    assert ub >= exact[1]


def test_no_jump_where_one_patient_changes():
    """[4, 4, 6] and [4, 4, 7] of [5, 6, 7]; 1, 4, 7 of 8 each is its own mirror image."""
    before, after = limits([4, 4, 6], [5, 6, 7]), limits([4, 4, 7], [5, 6, 7])
    assert np.abs(after - before).max() < 0.1
    assert limits([1, 4, 7], [8, 8, 8]).sum() == pytest.approx(1, abs=1e-9)
    before, after = limits([7, 4, 1], [8, 8, 8]), limits([7, 5, 1], [8, 8, 8])
    assert (after >= before).all()


def test_studies_of_all_or_none_have_the_interval_of_their_neighbours():
    before, after = limits([5, 0, 8], [5, 3, 8]), limits([5, 1, 8], [5, 3, 8])
    assert (after - before).max() > 0
    assert np.abs(after - before).max() < 0.12  # counting three studies instead: [.094, .992]


def test_large_arms_have_limits():
    found = pool_responses([9, 999, 999_999, 1_000_000, 1000, 10_000], [10, 1000, 1_000_000, 1_000_000, 1000, 10_000])
    assert found.status == "ok"
    assert 0.99 < found.ci_lb < found.estimate < found.ci_ub < 1


def test_many_studies_have_nearly_the_plain_interval():
    rng = np.random.default_rng(4)
    ni = np.full(400, 12)
    xi = rng.binomial(ni, expit(0.5 + 0.8 * rng.standard_normal(400)))
    plain = pool_responses(xi, ni, interval="profile")
    assert limits(xi, ni) == pytest.approx([plain.ci_lb, plain.ci_ub], abs=1e-3)


@pytest.mark.parametrize(("k", "p", "tau"), [(3, 0.5, 1.2), (3, 0.95, 0.6), (5, 0.5, 1.2), (15, 0.95, 1.2)])
def test_coverage(k, p, tau):
    """95 % intervals over 500 seeded repeats, whose standard error is 1 %."""
    rng = np.random.default_rng([7, k, round(100 * p), round(10 * tau)])
    ni = 3 + rng.negative_binomial(2, 2 / 7, 500 * k)
    xi = rng.binomial(ni, expit(logit(p) + tau * rng.standard_normal(500 * k)))
    table = pd.DataFrame({"analysis": np.repeat(np.arange(500), k), "responders": xi, "n": ni})
    pooled = pool_many(table, by="analysis")
    assert np.mean((pooled["ci_lb"] <= p) & (p <= pooled["ci_ub"])) >= 0.925
    assert not pooled["note"].str.contains("not_found").any()


@settings(max_examples=60, deadline=None)
@given(arms)
def test_mirror(arms):
    xi, ni = np.array(arms).T
    found, mirrored = pool_responses(xi, ni), pool_responses(ni - xi, ni)
    assert 0 <= found.ci_lb <= found.estimate <= found.ci_ub <= 1
    for low, high in (("ci_lb", "ci_ub"), ("mean_ci_lb", "mean_ci_ub"), ("pi_lb", "pi_ub")):
        assert found[low] == pytest.approx(1 - mirrored[high], abs=1e-9, nan_ok=True)
        assert found[high] == pytest.approx(1 - mirrored[low], abs=1e-9, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(arms, st.data())
def test_one_more_responder_never_lowers_both_limits(arms, data):
    able = [i for i, (x, n) in enumerate(arms) if x < n]
    if not able:
        return
    i = data.draw(st.sampled_from(able))
    xi, ni = np.array(arms).T
    change = limits(xi + (np.arange(xi.size) == i), ni) - limits(xi, ni)
    assert change.max() >= -1e-7


@settings(max_examples=40, deadline=None)
@given(arms)
def test_contains_the_exact_interval_where_tau2_is_zero(arms):
    xi, ni = np.array(arms).T
    found, exact = pool_responses(xi, ni), proportion_interval(int(xi.sum()), int(ni.sum()))
    if found.status == "tau2_zero":
        assert found.ci_lb <= exact[0]
        assert found.ci_ub >= exact[1]
