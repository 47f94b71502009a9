"""How much studies differ: the likelihood-ratio Q, subgroups and meta-regression in the binomial-normal model."""

import numpy as np
from scipy.special import chdtrc, xlog1py, xlogy


def likelihood_ratio_q(xi, ni, mask):
    """Test of one proportion for all studies against one for each, for many analyses at once.

    Parameters
    ----------
    xi, ni : float arrays (a, k); responders and patients
    mask : bool array (a, k); True where there is a study

    Returns
    -------
    dict of arrays (a,): q, twice the difference of the log-likelihoods; q_df = k - 1; q_p from chi-squared; i2 =
    max(0, (q - q_df)/q), 0..1; h2 = q/q_df. NaN where there are fewer than two studies.

    Notes
    -----
    Chi-squared is a rough guide when studies have a handful of patients: the test is then too ready to reject. I2
    depends on the size of the studies as much as on how they differ; read tau2 and the prediction interval first.

    References
    ----------
    Higgins & Thompson (2002), Stat Med 21:1539.

    Examples
    --------
    >>> test = likelihood_ratio_q([[3.0, 4, 9, 5]], [[12.0, 4, 17, 8]], [[True] * 4])
    >>> print(f"{test['q'][0]:.3f} {test['q_p'][0]:.4f} {test['i2'][0]:.3f}")
    9.224 0.0265 0.675
    """
    mask = np.asarray(mask, bool)
    xi, ni = np.where(mask, xi, 0.0), np.where(mask, ni, 0.0)
    k, events, total = mask.sum(1), xi.sum(1), ni.sum(1)
    own = _binomial_peak(xi, ni).sum(1)
    some = k > 1
    q = np.where(some, np.maximum(2 * (own - _binomial_peak(events, total)), 0.0), np.nan)
    q = np.where(q < 1e-9 * (1 + np.abs(own)), 0.0, q)  # what is left of 0 after two large sums cancel
    df = np.where(some, k - 1.0, np.nan)
    share = np.where(q > 0, 1 - df / np.where(q > 0, q, 1.0), 0.0)
    return {
        "q": q,
        "q_df": df,
        "q_p": np.where(some, chdtrc(np.where(some, df, 1.0), np.where(some, q, 0.0)), np.nan),
        "i2": np.where(some, np.maximum(share, 0.0), np.nan),
        "h2": q / df,
    }


def _binomial_peak(x, n):
    """Log-likelihood, without the coefficient, of x of n at the proportion x/n."""
    p = x / np.maximum(n, 1)
    return xlogy(x, p) + xlog1py(n - x, -p)
