"""The exact test of homogeneity against a list of all tables in whole numbers, and against Fisher's test."""

import itertools
from fractions import Fraction
from math import comb, log, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, fisher_exact

from small_evidence.pooling import homogeneity, pool_responses
from small_evidence.pooling.homogeneity import homogeneity_p, homogeneity_test


def likelihood_ratio(table, ni):
    """The statistic up to what the margins fix."""
    return 2 * sum(x * log(x / n) for x, n in zip(table, ni, strict=True) if x) + 2 * sum(
        (n - x) * log((n - x) / n) for x, n in zip(table, ni, strict=True) if x < n
    )


def p_of_all_tables(xi, ni):
    """Sum of the probabilities, as fractions, of all tables that are as far from homogeneity or farther."""
    total = Fraction(comb(sum(ni), sum(xi)))
    edge = likelihood_ratio(xi, ni) - 1e-8
    tables = (t for t in itertools.product(*(range(n + 1) for n in ni)) if sum(t) == sum(xi))
    far = (t for t in tables if likelihood_ratio(t, ni) >= edge)
    return float(sum(Fraction(prod(map(comb, ni, t))) for t in far) / total)


def test_sum_over_all_tables():
    """200 random sets."""
    for seed in range(200):
        random = np.random.default_rng(seed)
        k = 2 + seed % 4
        ni = random.integers(1, {2: 40, 3: 12, 4: 6, 5: 4}[k], size=k).tolist()
        xi = random.binomial(ni, random.beta(1, 1, size=k)).tolist()
        found = homogeneity_test(xi, ni)
        assert (found.how, found.p_se, found.df) == ("exact", 0, k - 1)
        assert found.p == pytest.approx(p_of_all_tables(xi, ni), abs=1e-12)


def test_diltiazem():
    """Pearson's statistic or the probability as the order of the tables would give .054 or .058."""
    assert homogeneity_p([4, 3, 9, 5], [4, 12, 17, 8]) == pytest.approx(0.0423, abs=5e-5)


@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.data())
@settings(max_examples=50, deadline=None)
def test_two_studies_of_one_size_are_fishers_test(sizes, data):
    """With equal arms the order by the likelihood ratio is the order by probability, which Fisher's test has."""
    n = sizes[0]
    x = data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))
    assert homogeneity_p(x, [n, n]) == pytest.approx(fisher_exact([x, [n - x[0], n - x[1]]]).pvalue, abs=1e-9)


def test_arms_of_many_thousands_with_none_or_nearly_all():
    """The probability of the observed table of the small arms is less than the smallest number there is."""
    found = homogeneity_test([0, 0, 0, 68646], [15984, 21677, 10, 71137])
    assert found.how == "random_tables"
    assert 0 < found.p < 0.01


def test_minocycline():
    assert homogeneity_p([8, 34], [9, 78]) == pytest.approx(fisher_exact([[8, 1], [34, 44]]).pvalue, abs=1e-12)


arms = st.lists(st.integers(1, 15).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=14)


@given(arms, st.randoms())
@settings(max_examples=40, deadline=None)
def test_exchange_of_outcome_and_of_studies(arms, random):
    xi, ni = np.array(arms).T
    found = homogeneity_test(xi, ni)
    assert 0 < found.p <= 1
    assert homogeneity_test(ni - xi, ni) == found
    mixed = list(arms)
    random.shuffle(mixed)
    assert homogeneity_test(*np.array(mixed).T) == found


def test_nothing_to_test():
    assert homogeneity_test([3], [5]).how == "not_tested"
    assert np.isnan(homogeneity_p([], []))
    assert homogeneity_test([3, 0], [5, 0]).how == "not_tested"
    assert homogeneity_p([0, 0, 0], [4, 5, 6]) == homogeneity_p([4, 5], [4, 5]) == 1
    assert homogeneity_p([3, 3], [6, 6]) == 1


def test_random_tables_within_their_standard_error(monkeypatch):
    """The same data with and without a limit on the number of tables; five standard errors."""
    random = np.random.default_rng(3)
    for _ in range(12):
        ni = random.integers(2, 9, size=7)
        xi = random.binomial(ni, random.beta(3, 3, size=7))
        exact = homogeneity_test(xi, ni)
        with monkeypatch.context() as patch:
            patch.setattr(homogeneity, "STATES", 1)
            homogeneity._test.cache_clear()
            drawn = homogeneity_test(xi, ni)
        homogeneity._test.cache_clear()
        assert (exact.how, drawn.how) == ("exact", "random_tables")
        assert drawn.p == pytest.approx(exact.p, abs=5 * drawn.p_se + 1e-3)
        assert drawn.p_se < max(0.0016, 0.026 * drawn.p)


def test_large_studies():
    found = homogeneity_test([500, 560, 480], [1000, 1000, 1000])
    assert found.how == "random_tables"
    assert found.p == pytest.approx(chi2.sf(found.q, 2), abs=0.003)
    assert homogeneity_test([999_999, 9, 3], [1_000_000, 10, 3]).how == "exact"
    assert homogeneity_test([3] * 2000, [9] * 2000).p == 1
    assert homogeneity_test([3e8, 4e8, 5e8], [1e9, 1e9, 1e9]).how == "chi_squared"


def test_pooled_record_has_this_p():
    for method in ("glmm", "beta_binomial", "crude"):
        assert pool_responses([4, 3, 9, 5], [4, 12, 17, 8], method=method).q_p == homogeneity_p(
            [4, 3, 9, 5], [4, 12, 17, 8]
        )
