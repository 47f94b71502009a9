"""Direction by one rule; patients not evaluated, reports not published, small arms."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_evidence.pooling import pool_many, pool_responses
from small_evidence.pooling.direction import DIRECTION_CODES, direction, set_direction
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.pooling.selection import (
    evaluable_bounds,
    least_arm_sensitivity,
    pool_evaluable_bounds,
    split_case_reports,
    sum_case_reports,
    unpublished_needed,
)

arms = st.lists(st.integers(1, 15).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=7)
MIRRORED = {"above": "below", "below": "above", "across": "across", "": ""}

# --- direction ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lb", "ub", "found"),
    [(0.51, 1, "above"), (0.5, 1, "across"), (0, 0.49, "below"), (0, 0.5, "across"), (0.2, 0.7, "across")],
)
def test_direction(lb, ub, found):
    assert direction(lb, ub, 0.5) == found
    assert direction(1 - ub, 1 - lb, 0.5) == MIRRORED[found]
    assert direction(lb, np.nan, 0.5) == direction(np.nan, ub, 0.5) == ""


def test_two_studies_are_read_like_three():
    """Surgery: 27 of 28 and 7 of 7. Both sets are read from the interval of the same model."""
    for xi, ni in (([27, 7], [28, 7]), ([27, 7, 2], [28, 7, 3])):
        pooled = pool_responses(xi, ni, interval="profile")
        found = set_direction(xi, ni, interval="profile")
        assert found == ("above", "", pooled["ci_lb"], pooled["ci_ub"])


def test_two_studies_that_differ_are_across():
    """Minocycline, 8 of 9 and 34 of 78: the exact interval of 42 of 87 would be 0.374 to 0.592."""
    found = set_direction([8, 34], [9, 78])
    assert found.direction == "across"
    assert found.ci_lb < 0.374
    assert found.ci_ub > 0.592


def test_sets_at_the_edge():
    assert set_direction([9], [9])[:2] == ("above", "single_study")
    assert set_direction([9, 4], [9, 4]) == ("above", "all_responders", *proportion_interval(13, 13))
    assert set_direction([0, 0], [9, 4])[:2] == ("below", "no_responders")
    assert set_direction([1, 1, 0], [1, 1, 1])[:2] == ("", "heterogeneity_unknown")
    assert set_direction([], [])[:2] == ("", "no_interval")


@given(arms)
@settings(max_examples=25, deadline=None)
def test_direction_under_exchange_of_outcome(arms):
    xi, ni = np.array(arms).T
    found = set_direction(xi, ni, 0.5, interval="profile")
    other = set_direction(ni - xi, ni, 0.5, interval="profile")
    assert MIRRORED[found.direction] == other.direction
    assert found.code in DIRECTION_CODES


# --- patients not evaluated -----------------------------------------------------------------------------------------


@given(arms, st.data())
def test_bounds_are_those_of_every_outcome_of_the_missing(arms, data):
    xi, ni = np.array(arms, float).T
    missing = np.array([data.draw(st.integers(0, 5)) for _ in arms])
    bounds = evaluable_bounds(xi, ni, ni + missing)
    assert bounds.worst.tolist() == xi.tolist()
    assert bounds.best.tolist() == (xi + missing).tolist()
    mirrored = evaluable_bounds(ni - xi, ni, ni + missing)
    assert (bounds.n_treated - mirrored.best).tolist() == bounds.worst.tolist()


def test_bounds_errors():
    with pytest.raises(ValueError, match=r"^fewer patients treated than evaluated: arm 2 of 2 has 3 of n = 9, n_tr"):
        evaluable_bounds([1, 3], [4, 9], [4, 8])
    with pytest.raises(ValueError, match=r"^responders outside 0\.\.n: arm 1 of 1 has 5 of n = 4"):
        evaluable_bounds([5], [4], [4])


def test_pooled_bounds_by_hand():
    arms = pd.DataFrame({"responders": [3, 4, 9], "n": [10, 4, 15], "n_treated": [12, 4, np.nan]})
    found = pool_evaluable_bounds(arms, interval="profile").set_index("case")
    for case, xi, ni in (
        ("evaluated", [3, 4, 9], [10, 4, 15]),
        ("worst", [3, 4, 9], [12, 4, 15]),
        ("best", [5, 4, 9], [12, 4, 15]),
    ):
        pooled = pool_responses(xi, ni, interval="profile")
        assert found.loc[case, "estimate"] == pytest.approx(pooled["estimate"], abs=1e-9)
        assert found.loc[case, "not_evaluated"] == 2
    share = found["events"] / found["n"]
    assert share["worst"] < share["evaluated"] < share["best"]


# --- reports not published ------------------------------------------------------------------------------------------


@given(arms, st.sampled_from([0.25, 0.5, 0.75]))
@settings(deadline=None)
def test_unpublished_by_counting_and_symmetric(arms, threshold):
    xi, ni = np.array(arms).T
    found = unpublished_needed(xi, ni, threshold)
    other = unpublished_needed(ni - xi, ni, 1 - threshold)
    assert found.patients == other.patients
    assert found.code == other.code
    x, n = int(xi.sum()), int(ni.sum())
    if x / n == threshold:
        assert found.code == "on_the_line"
    elif x / n > threshold:
        assert found.patients == next(m for m in range(1000) if x / (n + m) < threshold)
        assert found.respond is False
    else:
        assert found.patients == next(m for m in range(1000) if (x + m) / (n + m) > threshold)
        assert found.respond is True


def test_unpublished_in_the_model_and_its_limit():
    xi, ni = [1, 1, 1, 2, 11], [1, 1, 1, 2, 13]
    for options in ({"method": "glmm", "interval": "profile"}, {"of": "limit"}):
        found = unpublished_needed(xi, ni, **options)
        column = "ci_lb" if "of" in options else "estimate"
        pool = {name: value for name, value in options.items() if name != "of"} or {"method": "crude"}
        m = int(found.patients)
        with_m = pool_responses([*xi, *[0] * m], [*ni, *[1] * m], **pool)[column]
        with_fewer = pool_responses([*xi, *[0] * (m - 1)], [*ni, *[1] * (m - 1)], **pool)[column]
        assert with_m < 0.5 <= with_fewer
        assert found.result == pytest.approx(with_m, rel=1e-12)  # pooled in one batch with other numbers of patients


def test_unpublished_without_an_answer():
    assert unpublished_needed([], []).code == "no_result"
    assert unpublished_needed([9000], [9000]).code == "more_than_counted"
    assert unpublished_needed([6], [10], of="limit").patients == 0
    with pytest.raises(ValueError, match=r"^of 'ci' is not one of estimate, limit$"):
        unpublished_needed([1], [2], of="ci")


# --- small arms -----------------------------------------------------------------------------------------------------


def test_least_arm_sizes_by_group():
    table = pd.DataFrame({"therapy": list("aaab"), "responders": [1, 3, 9, 2], "n": [2, 4, 17, 3]})
    found = least_arm_sensitivity(table, by=["therapy"], method="crude").set_index(["therapy", "min_arm_size"])
    assert found.loc["a", "n"].tolist() == [23, 21, 17, 17]
    assert found.loc["a", "left_out"].tolist() == [0, 1, 2, 2]
    assert found.loc["b", "status"].tolist() == ["single_study", "single_study", "no_data", "no_data"]


def test_case_reports_are_summed_and_never_in_the_series():
    table = pd.DataFrame({"therapy": list("aaaab"), "responders": [1, 1, 0, 9, 4], "n": [1, 2, 1, 17, 8]})
    series, reports = split_case_reports(table)
    assert sorted([*series.index, *reports.index]) == list(table.index)
    assert series["n"].min() > reports["n"].max()
    found = sum_case_reports(table, by=["therapy"])
    assert found[["therapy", "k", "events", "n"]].to_numpy().tolist() == [["a", 3, 2, 4]]
    assert (found["ci_lb"][0], found["ci_ub"][0]) == proportion_interval(2, 4)
    assert len(sum_case_reports(series)) == 0
    assert pool_many(series, by=["therapy"])["n"].tolist() == [17, 8]
