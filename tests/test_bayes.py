"""Bayesian model against Gauss-Legendre quadrature on rectangles, and against what is known in closed form."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy.special import expit, logit, ndtr
from scipy.stats import beta, halfnorm

from small_evidence.pooling import bayes, pool_responses

# What the Gauss-Legendre sums leave; rounding a limit to the printed digits moves its probability by more.
SHARE = 3e-5
PRINTED = 3e-4
NODES, WEIGHTS = leggauss(16)
Z = np.linspace(-8, 8, 45)
Z_WEIGHTS = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()


def fit_one(xi, ni, conf_level=0.95, **priors):
    priors = {"b_sd": 2.5, "tau_scale": 1.0} | priors
    fitted = bayes.fit([xi], [ni], [[True] * len(xi)], conf_level, priors=priors)
    return {key: values[0] for key, values in fitted.items()}


class Rectangles:
    """Posterior mass of rectangles in (b, tau), integrated the plain way."""

    def __init__(self, xi, ni, b_sd=2.5, tau_scale=1.0):
        self.xi, self.ni, self.b_sd, self.tau_scale = xi, ni, b_sd, tau_scale
        self.b_ends, self.tau_ends = (-9 * b_sd, 9 * b_sd), (0.0, 9 * tau_scale)
        self.peak = 0.0
        b, tau, _ = self._points([self.b_ends], [self.tau_ends])
        self.peak = self._log_density(b, tau).max()
        self.total = self.average()

    def _points(self, b_pieces, tau_pieces):
        def spread(pieces):
            points = [(low + high + (high - low) * NODES) / 2 for low, high in pieces]
            weights = [(high - low) * WEIGHTS / 2 for low, high in pieces]
            return np.concatenate(points), np.concatenate(weights)

        (b, b_weights), (tau, tau_weights) = spread(b_pieces), spread(tau_pieces)
        return b, tau, np.outer(tau_weights, b_weights)

    def _log_density(self, b, tau):
        theta = b[None, :, None] + tau[:, None, None] * Z
        softplus = np.logaddexp(0, theta)
        total = -((b / self.b_sd) ** 2)[None] / 2 - ((tau / self.tau_scale) ** 2)[:, None] / 2
        for x, n in zip(self.xi, self.ni, strict=True):
            total = total + np.log(np.exp(x * theta - n * softplus) @ Z_WEIGHTS)
        return total - self.peak

    def average(self, function=None, b_cuts=(), tau_cuts=()):
        """Integral of function(b, tau) (1 where None) under the posterior, cut where the function is not smooth.

        Cuts also thicken the points around the bulk of the posterior.
        """
        b_cuts = sorted({*self.b_ends, -4.0, -1.0, 0.5, 2.0, 5.0, *b_cuts})
        tau_cuts = sorted({*self.tau_ends, 0.1 * self.tau_scale, 1.5 * self.tau_scale, *tau_cuts})
        pieces = [list(pairwise(cuts)) for cuts in (b_cuts, tau_cuts)]
        b, tau, weights = self._points(*pieces)
        values = 1.0 if function is None else function(b[None, :], tau[:, None])
        return (np.exp(self._log_density(b, tau)) * weights * values).sum()

    def share(self, function, **cuts):
        return self.average(function, **cuts) / self.total


CASES = [
    ([5, 7, 0], [8, 7, 3], {}),
    ([7, 5, 3, 8], [7, 5, 3, 8], {"b_sd": 1.5, "tau_scale": 0.5}),
    ([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5], {"b_sd": 2.0, "tau_scale": 1.5}),
    ([0, 12, 1], [12, 12, 11], {"b_sd": 2.5, "tau_scale": 0.3}),  # studies against the prior of tau
    ([7, 5, 3], [7, 5, 3], {}),  # all respond
    ([0, 0, 0, 0], [6, 3, 9, 4], {"b_sd": 1.5, "tau_scale": 0.5}),  # none does
    ([1, 0, 1, 1], [1, 1, 1, 1], {}),  # studies of one patient
    ([1, 1, 1], [1, 1, 1], {}),
]


@pytest.mark.parametrize(("xi", "ni", "priors"), CASES)
def test_quantiles_agree_with_brute_force(xi, ni, priors):
    ours = pool_responses(xi, ni, method="bayes", priors=priors)
    assert ours["status"] == "ok"
    brute = Rectangles(xi, ni, **priors)
    for key, share in (("estimate", 0.5), ("ci_lb", 0.025), ("ci_ub", 0.975)):
        limit = logit(ours[key])
        assert brute.share(lambda b, tau, limit=limit: b < limit, b_cuts=[limit]) == pytest.approx(share, abs=SHARE)
    for key, share in (("tau2", 0.5), ("tau2_lb", 0.025), ("tau2_ub", 0.975)):
        limit = np.sqrt(ours[key])
        below = brute.share(lambda b, tau, limit=limit: tau < limit, tau_cuts=[limit])
        assert below == pytest.approx(share, abs=SHARE)
    for key, share in (("pi_lb", 0.025), ("pi_ub", 0.975)):
        limit = logit(ours[key])
        below = brute.share(lambda b, tau, limit=limit: ndtr((limit - b) / tau), b_cuts=[limit])
        assert below == pytest.approx(share, abs=SHARE)
    mean = brute.share(lambda b, tau: expit(b[..., None] + tau[..., None] * Z) @ Z_WEIGHTS)
    assert ours["mean_proportion"] == pytest.approx(mean, abs=SHARE)
    first, second = (brute.share(lambda b, tau, power=power: b**power) for power in (1, 2))
    assert ours["se"] == pytest.approx(np.sqrt(second - first**2), abs=SHARE)
    assert ours["b"] == pytest.approx(logit(ours["estimate"]), abs=1e-12)


@pytest.mark.parametrize(("xi", "ni", "priors"), [CASES[0], CASES[5]])
def test_limits_of_the_mean_agree_with_a_plain_grid(xi, ni, priors):
    """The grid's own error is 2e-4 of probability."""
    ours = pool_responses(xi, ni, method="bayes", priors=priors)
    brute = Rectangles(xi, ni, **priors)
    b = np.linspace(-6, 6, 1001) * brute.b_sd
    tau = (np.arange(100) + 0.5) / 20 * brute.tau_scale
    weight = np.exp(brute._log_density(b, tau))
    mean = np.array([expit(b[:, None] + one * Z) @ Z_WEIGHTS for one in tau])
    for key, share in (("mean_ci_lb", 0.025), ("mean_ci_ub", 0.975)):
        assert weight[mean < ours[key]].sum() / weight.sum() == pytest.approx(share, abs=5e-4)


def test_no_spread_and_flat_prior_is_the_beta_distribution():
    """tau_scale to 0 and b_sd to infinity: Haldane's prior, whose posterior for 14 of 23 is Beta(14, 9)."""
    ours = fit_one([5, 7, 2], [8, 9, 6], b_sd=1e4, tau_scale=1e-5)
    wanted = beta.ppf([0.5, 0.025, 0.975], 14, 9)
    assert [ours["estimate"], ours["ci_lb"], ours["ci_ub"]] == pytest.approx(wanted, abs=PRINTED)
    assert [ours["pi_lb"], ours["pi_ub"]] == pytest.approx(wanted[1:], abs=PRINTED)
    assert ours["mean_proportion"] == pytest.approx(14 / 23, abs=PRINTED)
    wide = fit_one([5, 7, 2], [8, 9, 6], conf_level=0.5, b_sd=1e4, tau_scale=1e-5)
    assert [wide["ci_lb"], wide["ci_ub"]] == pytest.approx(beta.ppf([0.25, 0.75], 14, 9), abs=PRINTED)


def test_patients_of_their_own_say_nothing_of_tau():
    """Studies of one patient: given b and tau each is a coin, so tau keeps (almost) its half-normal prior."""
    ours = fit_one([1], [1])
    assert ours["tau2_ub"] == pytest.approx(halfnorm.ppf(0.975) ** 2, rel=PRINTED)
    assert ours["tau2"] == pytest.approx(halfnorm.ppf(0.5) ** 2, rel=PRINTED)
    assert "prior_tau" in ours["note"].split(";")
    assert np.isnan(ours["pi_lb"])


@pytest.mark.parametrize(("xi", "ni"), [([8, 5, 3], [8, 5, 3]), ([0, 0], [5, 3]), ([5], [8]), ([1, 0, 1], [1, 1, 1])])
def test_boundaries_have_answers_inside(xi, ni):
    ours = fit_one(xi, ni)
    assert ours["status"] == "ok"
    assert 0 < ours["ci_lb"] < ours["estimate"] < ours["ci_ub"] < 1
    assert ours["ci_ub"] - ours["ci_lb"] < 0.95
    if sum(xi) == sum(ni):
        assert "prior_upper" in ours["note"]
        assert ours["ci_lb"] > 0.5


@pytest.mark.parametrize(
    ("xi", "ni", "low", "high"),
    [
        ([1, 40_000], [1, 100_000], 0.1, 0.95),
        ([0, 100_000], [100_000, 100_000], 0.01, 0.99),
        ([40_000, 40_010, 40_020], [100_000] * 3, 0.38, 0.42),
        ([6] * 250 + [4] * 250, [10] * 500, 0.48, 0.52),
        ([10**6], [10**6], 0.5, 1.0),
    ],
)
def test_extremes_converge(xi, ni, low, high):
    ours = fit_one(xi, ni)
    assert ours["status"] == "ok"
    assert low < ours["ci_lb"] < ours["estimate"] < ours["ci_ub"] <= high


def test_prior_of_tau_overruled_by_the_data():
    """0 and 100,000 of 100,000 need a tau of 4; a half-normal of 0.1 gives that e^-800 and no digit is left."""
    assert np.sqrt(fit_one([0, 100_000], [100_000, 100_000])["tau2"]) > 3
    refused = fit_one([0, 100_000], [100_000, 100_000], tau_scale=0.1)
    assert (refused["status"], refused["note"]) == ("not_converged", "prior_overruled")
    assert np.isnan(refused["estimate"])


def test_batches_equal_single_calls():
    rng = np.random.default_rng(8)
    size, k = 20, 7
    ni = rng.integers(1, 40, (size, k)).astype(float)
    ni[:3, 0] = 2000
    xi = rng.binomial(ni.astype(int), expit(rng.normal(1, 1, (size, k)))).astype(float)
    mask = np.arange(k) < rng.integers(1, k + 1, size)[:, None]
    mask[-1] = False
    priors = {"b_sd": 2.5, "tau_scale": 1.0}
    batch = bayes.fit(np.where(mask, xi, np.nan), np.where(mask, ni, np.nan), mask, priors=priors)
    for row in (0, 2, 10, 18):
        held = mask[row]
        one = fit_one(xi[row, held], ni[row, held])
        for key in ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "mean_proportion", "se"):
            # The order of the studies and the points of a batch move the sums in their last digits only.
            assert batch[key][row] == pytest.approx(one[key], abs=1e-7, nan_ok=True)
        assert batch["tau2_ub"][row] == pytest.approx(one["tau2_ub"], rel=1e-5)
    assert batch["status"].tolist() == ["ok"] * (size - 1) + ["no_data"]
    assert np.isnan(batch["estimate"][-1])


def test_density_integrates_to_the_interval():
    curve = bayes.posterior([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5], points=999, priors={"b_sd": 2.5, "tau_scale": 1.0})
    assert list(curve.columns) == ["p", "density"]
    assert curve["p"].to_numpy() == pytest.approx(np.arange(1, 1000) / 1000)
    assert isinstance(curve, pd.DataFrame)
    below = np.cumsum(curve["density"]) / 1000
    ours = fit_one([5, 7, 0, 6, 4, 3], [8, 7, 3, 10, 9, 5])
    for key, share in (("ci_lb", 0.025), ("estimate", 0.5), ("ci_ub", 0.975)):
        reached = np.interp(ours[key], curve["p"] + 0.0005, below)
        assert reached == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "hpd"}, "interval 'hpd' is not one of credible"),
        ({"priors": {"sd": 2}}, "prior 'sd' is not one of b_sd, tau_scale"),
        ({"priors": {"b_sd": 0}}, "prior b_sd must be a positive number, not 0"),
        ({"priors": {"tau_scale": np.nan}}, "prior tau_scale must be a positive number, not nan"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        bayes.fit([[5]], [[8]], [[True]], **options)


arms = st.lists(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=6)


@settings(max_examples=8, deadline=None)
@given(arms)
def test_mirror_and_more_responders(arms):
    xi, ni = np.array(arms, dtype=float).T
    one = fit_one(xi, ni)
    mirrored = fit_one(ni - xi, ni)
    assert mirrored["estimate"] == pytest.approx(1 - one["estimate"], abs=1e-9)
    assert mirrored["ci_lb"] == pytest.approx(1 - one["ci_ub"], abs=1e-9)
    assert 0 < one["ci_lb"] < one["estimate"] < one["ci_ub"] < 1
