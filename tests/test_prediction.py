"""Prediction: against sums over a plain grid of b, tau and the further study's logit, and with few large studies."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq
from scipy.special import comb, expit, log_expit, logit, ndtr

from small_evidence.pooling import pool_many, pool_responses
from small_evidence.pooling.likelihood import UNIT_TAU2
from small_evidence.pooling.prediction import predict

arms = st.lists(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=8)
B = np.arange(-80, 81) * 0.2
EFFECT = np.arange(-200, 201) * 0.2


@cache
def kernels():
    """Densities of a study's logit on the grid, by tau and b; and the weights of tau under its half-normal density."""
    x, width = np.polynomial.legendre.leggauss(32)
    v = (x + 1) / 2 * np.arcsinh(8 / 0.3)
    tau = 0.3 * np.sinh(v)
    density = np.exp(-((EFFECT - B[:, None]) ** 2) / (2 * np.maximum(tau, 0.06)[:, None, None] ** 2))
    return density / density.sum(2, keepdims=True), width * np.cosh(v) * np.exp(-(tau**2) / (2 * UNIT_TAU2))


def plain_density(xi, ni):
    """Density of the logit of a further study at EFFECT, for studies of up to some thirty patients."""
    density, weight = kernels()
    each = np.array([x * log_expit(EFFECT) + (n - x) * log_expit(-EFFECT) for x, n in zip(xi, ni, strict=True)])
    flat = density.reshape(-1, EFFECT.size)
    mass = np.prod(flat @ np.exp(each - each.max(1, keepdims=True)).T, axis=1) * np.repeat(weight, B.size)
    found = mass @ flat
    return found / found.sum()


def plain_limits(xi, ni):
    below = np.cumsum(density := plain_density(xi, ni)) - density / 2
    inside = (below > 1e-6) & (below < 1 - 1e-6)
    return expit(PchipInterpolator(below[inside], EFFECT[inside])([0.025, 0.975]))


def large_limits(xi, ni):
    """Limits where the studies are so large that their logits are normal: b is integrated out in closed form."""
    yi, vi = logit(np.divide(xi, ni)), 1 / np.array(xi) + 1 / np.subtract(ni, xi)
    tau = np.linspace(0.0005, 8, 16000)
    weight = 1 / (vi + tau[:, None] ** 2)
    b = weight @ yi / weight.sum(1)
    log_mass = 0.5 * np.log(weight).sum(1) - 0.5 * np.log(weight.sum(1)) - tau**2 / (2 * UNIT_TAU2)
    log_mass -= 0.5 * (weight * (yi - b[:, None]) ** 2).sum(1)
    mass = np.exp(log_mass - log_mass.max())
    sd = np.sqrt(tau**2 + 1 / weight.sum(1))

    def below(value):
        return mass @ ndtr((value - b) / sd) / mass.sum()

    return [expit(brentq(lambda value, share=share: below(value) - share, -40, 40)) for share in (0.025, 0.975)]


def test_limits_of_two_hundred_sets_against_a_plain_grid():
    """The grid's own error is up to 0.002; a normal density of b in place of its own would be off by up to 0.1."""
    random = np.random.default_rng(11)
    sets = []
    for i in range(200):
        ni = random.integers(2, (5, 13, 31)[i % 3], random.integers(3, 8))
        b, tau = random.normal(0, 1.5), random.choice([0, 0.7, 1.5])
        xi = random.binomial(ni, expit(b + tau * random.standard_normal(ni.size)))
        xi[0] = min(max(xi[0], 1), ni[0] - 1)  # both outcomes occur
        sets.append(pd.DataFrame({"analysis": i, "responders": xi, "n": ni}))
    pooled = pool_many(pd.concat(sets), by="analysis", homogeneity=False).set_index("analysis")
    given_limits = 0
    for i, arms in enumerate(sets):
        lower, upper = plain_limits(arms["responders"], arms["n"])
        found = pooled.loc[i]
        if "wide_prediction" in found.note:
            assert upper - lower > 0.998
            continue
        given_limits += 1
        # the interval of a further study is nowhere inside that of the median one
        assert found.pi_lb == pytest.approx(min(lower, found.ci_lb), abs=0.003)
        assert found.pi_ub == pytest.approx(max(upper, found.ci_ub), abs=0.003)
    assert given_limits > 150


@pytest.mark.parametrize(
    ("xi", "ni"),
    [([5000, 5500, 5200], [10_000] * 3), ([500, 600, 450], [1000] * 3), ([900, 910, 905, 700, 830], [1000] * 5)],
)
def test_limits_with_few_large_studies(xi, ni):
    """The density of tau falls away from its maximum only like a power. Counts of a thousand are normal to 0.003."""
    found = pool_responses(xi, ni)
    assert [found.pi_lb, found.pi_ub] == pytest.approx(large_limits(xi, ni), abs=0.003)


@settings(max_examples=40, deadline=None)
@given(arms)
def test_prediction_contains_the_interval_and_says_something(arms):
    xi, ni = np.array(arms).T
    found = pool_responses(xi, ni)
    if not np.isnan(found.pi_lb):
        assert len(arms) >= 3
        assert found.pi_lb <= found.ci_lb
        assert found.pi_ub >= found.ci_ub
        assert found.pi_ub - found.pi_lb < 0.9991


@pytest.mark.parametrize(
    ("xi", "ni"), [([7, 0, 7, 6, 4], [9, 3, 9, 11, 7]), ([7, 0, 7, 1, 10, 0], [14, 3, 14, 3, 18, 5])]
)
def test_prediction_is_wider_than_the_interval(xi, ni):
    found = pool_responses(xi, ni)
    assert found.pi_lb < found.ci_lb
    assert found.pi_ub > found.ci_ub


def test_next_patients_against_a_plain_grid():
    xi, ni, m = np.array([3, 4, 9, 5]), np.array([12, 4, 17, 8]), 6
    coming = predict(xi, ni, m=m, threshold=0.6)
    density, x = plain_density(xi, ni), np.arange(m + 1)[:, None]
    pmf = comb(m, x) * np.exp(x * log_expit(EFFECT) + (m - x) * log_expit(-EFFECT)) @ density
    above = 1 - PchipInterpolator(EFFECT, np.cumsum(density) - density / 2)(logit(0.6))
    assert coming.pmf.sum() == pytest.approx(1, abs=1e-9)
    assert coming.pmf == pytest.approx(pmf, abs=5e-4)
    assert coming.above == pytest.approx(above, abs=0.002)
    mirrored = predict(ni - xi, ni, m=m, threshold=0.4)
    assert mirrored.pmf[::-1] == pytest.approx(coming.pmf, abs=1e-9)
    assert mirrored.above == pytest.approx(1 - coming.above, abs=1e-9)
    with pytest.raises(ValueError, match=r"^7 of 7 in 2 studies"):
        predict([3, 4], [3, 4])


@pytest.mark.parametrize(
    ("counts", "options", "words"),
    [
        (([3, 9], [12, 8]), {}, "more responders than patients: arm 2 of 2"),
        (([3, np.nan], [12, 8]), {}, "responders must be a number: arm 2 of 2"),
        (([3, 4.5], [12, 8]), {}, "responders must be whole"),
        (([3, -1], [12, 8]), {}, "responders must not be negative"),
        (([3, 4, 5], [12, 8]), {}, "3 numbers of responders but 2 of patients"),
        (([3, 0], [12, 0]), {}, "3 of 12 in 1 study: two studies"),
        (([3, 4], [12, 8]), {"m": 0}, "m must be a whole number"),
        (([3, 4], [12, 8]), {"m": 2.5}, "m must be a whole number"),
        (([3, 4], [12, 8]), {"threshold": 1}, "threshold must lie between 0 and 1"),
        (([3, 4], [12, 8]), {"conf_level": 95}, "conf_level must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_predicted_is_named(counts, options, words):
    with pytest.raises(ValueError, match=words):
        predict(*counts, **options)


def test_many_next_patients_respond_as_often_as_the_further_study():
    xi, ni = [3, 4, 9, 5], [12, 4, 17, 8]
    few, many = predict(xi, ni, m=1), predict(xi, ni, m=400)
    assert many.pmf.sum() == pytest.approx(1, abs=1e-9)
    assert many.pmf @ np.arange(401) / 400 == pytest.approx(few.pmf[1], abs=1e-9)  # the mean proportion
    # half a patient is an eight-hundredth, and the chance spread of 400 patients blurs the density a little more
    assert many.pmf[201:].sum() + many.pmf[200] / 2 == pytest.approx(many.above, abs=0.003)


def test_an_empty_arm_changes_no_prediction():
    assert predict([3, 4, 0], [12, 8, 0]).pmf == pytest.approx(predict([3, 4], [12, 8]).pmf, abs=1e-12)
