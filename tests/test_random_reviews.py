"""Two hundred random data sets against metafor 3.8.1 (tests/reference/random/make.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaln
from scipy.stats import norm

from small_evidence.pooling import pool_many

FOLDER = Path(__file__).parent / "reference/random"
# 21 nodes integrate well while the random effects vary little beside the width of a study's likelihood; metafor's
# optimiser stops 2e-5 from the maximum
ENOUGH_NODES, OPTIMISER = 1.4, 3e-5


@pytest.fixture(scope="module")
def arms():
    return pd.read_csv(FOLDER / "arms.csv").rename(columns={"xi": "responders", "ni": "n"})


@pytest.fixture(scope="module")
def fits():
    return pd.read_csv(FOLDER / "fits.csv").set_index(["model", "set"])


def pool(arms, **options):
    return pool_many(arms, by=["set"], **options).set_index("set")


@pytest.mark.parametrize("method", ["DL", "REML", "PM"])
def test_inverse_variance(arms, fits, method):
    ours = pool(arms, method="inverse_variance", measure="PLO", tau2_method=method, interval="wald_z")
    theirs = fits.loc[method]
    assert len(ours) == len(theirs) == 200
    for column in ("b", "se", "tau2", "q"):
        # the two iterate to their own ends: 1e-8 is the least that both promise
        np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours["ci_lb"], expit(theirs["ci_lb"]), rtol=1e-8)


def test_hartung_knapp(arms, fits):
    ours = pool(arms, method="inverse_variance", measure="PLO", tau2_method="DL", interval="hk")
    theirs = fits.loc["DL knha"]
    np.testing.assert_allclose(ours["ci_lb"], expit(theirs["ci_lb"]), rtol=1e-8)
    np.testing.assert_allclose(ours["ci_ub"], expit(theirs["ci_ub"]), rtol=1e-8)


def test_binomial_normal_where_21_nodes_are_enough(arms, fits):
    ours, theirs = pool(arms, interval="wald_z"), fits.loc["glmm"]
    near = ours.index[ours["tau2"] < ENOUGH_NODES]
    assert len(near) > 150
    for column in ("b", "se", "tau2"):
        np.testing.assert_allclose(ours.loc[near, column], theirs.loc[near, column], atol=OPTIMISER)
    np.testing.assert_allclose(ours["q"], theirs["q"], atol=1e-8)


def test_binomial_normal_has_the_higher_likelihood_elsewhere(arms, fits):
    ours, theirs = pool(arms, interval="wald_z"), fits.loc["glmm"]
    for number in ours.index[ours["tau2"] >= ENOUGH_NODES]:
        counts = arms[arms["set"] == number]
        here = log_likelihood(counts, ours.loc[number, "b"], ours.loc[number, "tau2"])
        there = log_likelihood(counts, theirs.loc[number, "b"], theirs.loc[number, "tau2"])
        assert here == pytest.approx(ours.loc[number, "loglik"], abs=1e-8)
        assert here >= there - 1e-9


def log_likelihood(counts, b, tau2):
    """Binomial-normal log-likelihood by a dense sum, written for this test alone."""
    x, n = counts["responders"].to_numpy()[:, None], counts["n"].to_numpy()[:, None]
    z = np.linspace(-12, 12, 48_001)
    theta = b + np.sqrt(tau2) * z
    log_p, log_q = -np.logaddexp(0, -theta), -np.logaddexp(0, theta)
    choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    likelihood = np.exp(choose + x * log_p + (n - x) * log_q) @ norm.pdf(z) * (z[1] - z[0])
    return float(np.log(likelihood).sum())
