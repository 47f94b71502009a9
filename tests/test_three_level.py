"""Arms within studies against a nested integration of its own, the primary model, and lme4."""

import itertools

import numpy as np
import pytest
from scipy.stats import binom

from small_evidence.pooling import pool_responses
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.pooling.three_level import THREE_LEVEL_STATUSES, log_likelihood, pool_three_level

ARMS = ([8, 9, 1, 2, 9, 5, 7, 0, 1], [12, 11, 14, 17, 18, 9, 9, 6, 7], list("aabbccddd"))


def integrated(xi, ni, study, b, tau_study, tau_arm, points=101, reach=7.5):
    """Log-likelihood with points of each normal density and scipy's binomial probabilities."""
    z = np.linspace(-reach, reach, points)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    eta = b + tau_study * z[:, None] + tau_arm * z
    total = 0.0
    for name in dict.fromkeys(study):
        arms = [
            binom.pmf(x, n, 1 / (1 + np.exp(-eta))) @ weight
            for x, n, own in zip(xi, ni, study, strict=True)
            if own == name
        ]
        total += np.log(weight @ np.prod(arms, axis=0))
    return total


@pytest.fixture(scope="module")
def fitted():
    return pool_three_level(*ARMS)


@pytest.mark.parametrize("at", [(0.0, 0.5, 0.5), (-1.0, 0.0, 1.0), (0.7, 2.0, 0.0), (-0.5, 0.3, 1.4), (0.2, 0.0, 0.0)])
def test_likelihood_against_nested_integration(at):
    xi, ni, study = ARMS
    codes = np.unique(study, return_inverse=True)[1]
    ways = binom.logpmf(xi, ni, 0.5).sum() + np.log(2) * sum(ni)
    found = log_likelihood(np.array(xi, float), np.array(ni, float), codes, at)
    assert found + ways == pytest.approx(integrated(xi, ni, study, *at), abs=1e-9)


def test_likelihood_of_random_sets():
    """200 sets of 2 to 6 arms in up to 3 studies."""
    random = np.random.default_rng(5)
    for _ in range(200):
        k = random.integers(2, 7)
        ni = random.integers(1, 30, k)
        xi, study = random.binomial(ni, random.beta(1, 1, k)), random.integers(0, 3, k)
        at = random.normal(), *random.uniform(0, 1.5, 2)
        codes = np.unique(study, return_inverse=True)[1]
        ways = binom.logpmf(xi, ni, 0.5).sum() + np.log(2) * ni.sum()
        found = log_likelihood(xi.astype(float), ni.astype(float), codes, at)
        assert found + ways == pytest.approx(integrated(xi, ni, study, *at, 121, 9), abs=1e-8)


def test_maximum(fitted):
    at = np.array([fitted["b"], np.sqrt(fitted["tau2_study"]), np.sqrt(fitted["tau2_arm"])])
    top = integrated(*ARMS, *at)
    assert fitted["status"] == "ok"
    assert fitted["loglik"] == pytest.approx(top, abs=1e-9)
    around = [at + step for step in itertools.product((-0.03, 0, 0.03), repeat=3)]
    grid = itertools.product((-1.0, 0.0), (0.0, 0.7, 2.0), (0.0, 0.7, 2.0))
    assert max(integrated(*ARMS, *values) for values in [*around, *grid]) <= top + 1e-9


def test_lme4_near_by(fitted):
    """lme4 1.1.31, glmer(cbind(x, n - x) ~ 1 + (1 | study) + (1 | arm)), by Laplace's approximation."""
    assert fitted["b"] == pytest.approx(-0.5146348, abs=0.01)
    assert fitted["tau2_study"] == pytest.approx(0.7764661, abs=0.01)
    assert fitted["tau2_arm"] == pytest.approx(1.2147824, rel=0.1)
    assert fitted["loglik"] > -21.5227908


def test_limits_fall_by_the_critical_value(fitted):
    taus = np.linspace(0, 2.4, 9)
    for limit in ("ci_lb", "ci_ub"):
        b = np.log(fitted[limit] / (1 - fitted[limit]))
        highest = max(integrated(*ARMS, b, *pair) for pair in itertools.product(taus, repeat=2))
        assert 2 * (fitted["loglik"] - highest) == pytest.approx(3.8415, abs=0.06)  # what a grid of 0.3 may miss
    for name in ("study", "arm"):
        assert fitted[f"tau2_{name}_lb"] <= fitted[f"tau2_{name}"] <= fitted[f"tau2_{name}_ub"]


def test_without_variance_between_studies_it_is_the_primary_model():
    xi, ni, study = [3, 9, 4, 9, 5, 2], [12, 11, 4, 17, 8, 9], list("aabcdd")
    found, primary = pool_three_level(xi, ni, study), pool_responses(xi, ni, interval="profile")
    assert found["status"] == "tau2_zero"
    assert found["tau2_study"] == 0
    for name in ("loglik", "b", "tau2"):
        assert found["tau2_arm" if name == "tau2" else name] == pytest.approx(primary[name], abs=1e-4)
    assert found["ci_lb"] <= primary["ci_lb"] + 1e-4
    assert found["ci_ub"] >= primary["ci_ub"] - 1e-4


def test_exchange_of_outcome():
    xi, ni, study = [3, 9, 4, 5], [5, 11, 9, 8], list("aabc")
    found, other = pool_three_level(xi, ni, study), pool_three_level(np.subtract(ni, xi), ni, study)
    assert found["estimate"] == pytest.approx(1 - other["estimate"], abs=1e-5)
    assert found["ci_lb"] == pytest.approx(1 - other["ci_ub"], abs=2e-4)
    assert found["tau2_arm"] == pytest.approx(other["tau2_arm"], abs=1e-4)


@pytest.mark.parametrize(
    ("xi", "ni", "study", "status"),
    [
        ([], [], [], "no_data"),
        ([0], [0], ["a"], "no_data"),
        ([3, 4, 5], [5, 6, 7], list("abc"), "one_arm_each"),
        ([3, 4, 5], [5, 6, 7], list("aaa"), "single_study"),
        ([5, 6, 7], [5, 6, 7], list("aab"), "all_responders"),
        ([0, 0, 0], [5, 6, 7], list("aab"), "no_responders"),
        ([0, 6, 7], [5, 6, 7], list("aab"), "tau2_unbounded"),
    ],
)
def test_edges(xi, ni, study, status):
    found = pool_three_level(xi, ni, study)
    assert found["status"] == status
    assert status in THREE_LEVEL_STATUSES
    if status in ("single_study", "all_responders", "no_responders"):
        assert (found["ci_lb"], found["ci_ub"]) == proportion_interval(sum(xi), sum(ni))
    else:
        assert np.isnan(found["estimate"])


def test_errors():
    with pytest.raises(ValueError, match=r"^more responders than patients: arm 2 of 2 has 9 of n = 6$"):
        pool_three_level([3, 9], [5, 6], ["a", "a"])
    with pytest.raises(ValueError, match=r"^2 numbers of responders, 2 of patients, 1 studies$"):
        pool_three_level([3, 4], [5, 6], ["a"])
