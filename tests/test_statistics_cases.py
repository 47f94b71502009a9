"""Small data sets on which earlier versions, or common methods, go wrong: each with what is right."""

import warnings

import numpy as np
import pytest

from small_evidence.pooling import pool_responses
from small_evidence.pooling.direction import set_direction
from small_evidence.pooling.homogeneity import homogeneity_p
from small_evidence.pooling.proportions import proportion_interval


def limits(xi, ni):
    found = pool_responses(xi, ni)
    return np.array([found["ci_lb"], found["ci_ub"]], float)


def test_symmetric():
    assert limits([1, 4, 7], [8, 8, 8]).sum() == pytest.approx(1, abs=1e-9)


def test_one_responder_more_lowers_no_limit():
    assert (limits([7, 5, 1], [8, 8, 8]) >= limits([7, 4, 1], [8, 8, 8])).all()


@pytest.mark.parametrize(
    ("xi", "ni", "exact"), [([27, 7], [28, 7], (0.851, 0.999)), ([8, 7], [10, 10], (0.509, 0.913))]
)
def test_not_inside_the_exact_interval(xi, ni, exact):
    assert proportion_interval(sum(xi), sum(ni)) == pytest.approx(exact, abs=5e-4)
    lb, ub = limits(xi, ni)
    assert (lb <= exact[0] + 5e-4, ub >= exact[1] - 5e-4) == (True, True)


def test_continuity():
    """One responder more in a study of 7; an earlier interval went from [.581, .889] to [.320, .980]."""
    assert np.abs(limits([4, 4, 7], [5, 6, 7]) - limits([4, 4, 6], [5, 6, 7])).max() < 0.1


@pytest.mark.parametrize(
    ("xi", "ni"), [([7, 0, 7, 6, 4], [9, 3, 9, 11, 7]), ([7, 0, 7, 1, 10, 0], [14, 3, 14, 3, 18, 5])]
)
def test_prediction_contains_the_interval(xi, ni):
    found = pool_responses(xi, ni)
    assert found["pi_lb"] < found["ci_lb"] < found["ci_ub"] < found["pi_ub"]


@pytest.mark.parametrize(
    ("xi", "ni", "ml", "reml"),
    [
        ([1982, 4, 2, 1, 3, 3, 4, 1], [2000, 4, 3, 1, 3, 3, 4, 1], None, 1.8834),
        ([*[0] * 8, 3, *[0] * 6, 22, *[0] * 7],
         [4, 3, 5, 8, 11, 20, 10, 12, 11, 24, 17, 23, 11, 20, 12, 26, 1, 2, 9, 1, 4, 21, 29], 1.62828, 1.70828),
    ],
)  # fmt: skip
def test_two_step_models_reach_their_maximum(xi, ni, ml, reml):
    for method, tau2 in (("ML", ml), ("REML", reml)):
        if tau2 is not None:
            found = pool_responses(xi, ni, method="inverse_variance", measure="PLO", tau2_method=method)
            assert found["tau2"] == pytest.approx(tau2, abs=5e-5)


def test_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pool_responses([103, 5, 5], [200, 5, 5])["status"] == "ok"


def test_homogeneity_is_exact():
    assert homogeneity_p([4, 3, 9, 5], [4, 12, 17, 8]) == pytest.approx(0.042, abs=5e-4)


def test_two_studies_that_differ():
    """8/9 and 34/78: Fisher's P is .013, and the interval allows for the difference."""
    assert homogeneity_p([8, 34], [9, 78]) == pytest.approx(0.013, abs=5e-4)
    found = set_direction([8, 34], [9, 78])
    lb, ub = proportion_interval(42, 87)
    assert found.direction == "across"
    assert (found.ci_lb < lb, found.ci_ub > ub) == (True, True)


def test_one_giant_arm_is_remarked():
    assert "giant_arm" in pool_responses([9, 1, 1], [28, 1, 1])["note"].split(";")


def test_large_arms_have_limits():
    found = pool_responses([9, 999, 999_999, 1_000_000, 1000, 10_000], [10, 1000, 1_000_000, 1_000_000, 1000, 10_000])
    assert found["status"] == "ok"
    assert 0.99 < found["ci_lb"] < found["ci_ub"] < 1
