"""The binomial-normal model as one would write it down: a fixed grid for each integral and a general optimiser.

Slow and for studies of a few dozen patients only; the reference that `small_evidence.pooling.glmm` is compared with.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import comb

U = np.linspace(-9, 9, 181)  # the random effect in standard deviations
WEIGHTS = np.exp(-(U**2) / 2) / np.exp(-(U**2) / 2).sum()


def log_likelihood(b, tau, xi, ni):
    """Sum over studies of the log of the binomial probability, averaged over the random effect."""
    p = 1 / (1 + np.exp(-(b + tau * U)))
    x, n = xi[:, None], ni[:, None]
    return np.log((comb(n, x) * p**x * (1 - p) ** (n - x)) @ WEIGHTS).sum()


def fit(xi, ni):
    """Log-likelihood, b and tau2 at the maximum, from several starts."""

    def fall(at):
        return -log_likelihood(at[0], abs(at[1]), xi, ni)

    common = np.log(sum(xi) / (sum(ni) - sum(xi)))
    options = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 2000}
    found = [minimize(fall, (common, tau), method="Nelder-Mead", options=options) for tau in (0.1, 1.5)]
    best = min(found, key=lambda one: one.fun)
    return -best.fun, best.x[0], best.x[1] ** 2
