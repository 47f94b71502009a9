"""The pooling interface: one record whatever the data, boundaries as answers, batches equal to single calls."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from small_evidence import wording
from small_evidence.pooling import METHODS, RECORD, STATUSES, pool_many, pool_responses
from small_evidence.pooling.heterogeneity import likelihood_ratio_q
from small_evidence.pooling.proportions import INTERVALS, proportion_interval
from small_evidence.pooling.record import NOTES

METAFOR = Path(__file__).parent / "reference" / "metafor"
MODELS = [method for method in METHODS if method != "crude"]

study_sets = st.lists(
    st.integers(1, 25).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=7
)


def pool(arms, **options):
    return pool_responses([x for x, _ in arms], [n for _, n in arms], **options)


def check_record(row):
    """What holds of every row, whatever the data."""
    assert list(row.index[-len(RECORD) :]) == list(RECORD)
    assert row["status"] in STATUSES
    if row["k"] and row["status"] != "not_converged":
        assert 0 <= row["ci_lb"] <= row["estimate"] <= row["ci_ub"] <= 1
        assert row["ci_lb"] < row["ci_ub"]
    if not np.isnan(row["pi_lb"]):
        assert 0 <= row["pi_lb"] <= row["ci_ub"]
        assert row["ci_lb"] <= row["pi_ub"] <= 1
    if row["ci_ub"] - row["ci_lb"] > 0.9:
        assert "wide_interval" in row["note"].split(";")
    assert set(row["note"].split(";")) - {""} <= set(NOTES)


# --- one study ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pritz1997", "edge_one_zero", "bcg_treated"])
def test_study_intervals_of_metafor_data(name):
    """Clopper-Pearson, Wilson and the others as R 4.2.2 gives them."""
    data = json.loads((METAFOR / f"{name}.json").read_text())
    names = {"clopper_pearson", "wilson"} & set(data["study_ci"])
    assert names
    for method in names:
        lb, ub = proportion_interval(data["xi"], data["ni"], method=method)
        assert np.column_stack([lb, ub]) == pytest.approx(np.array(data["study_ci"][method]), abs=1e-8)


def test_exact_intervals_are_those_of_statsmodels():
    """Both by quantiles of the beta distribution, so that nothing but rounding lies between them."""
    x, n = np.array([(x, n) for n in (1, 2, 3, 8, 41, 500) for x in range(n + 1)], float).T
    for level in (0.5, 0.95, 0.999):
        expected = proportion_confint(x, n, alpha=1 - level, method="beta")
        assert np.array(proportion_interval(x, n, conf_level=level)) == pytest.approx(np.array(expected), abs=1e-13)


def test_study_intervals_printed():
    """Brown, Cai & DasGupta (2001), Stat Sci 16:101: x = 0 has lower limit 0 by all; rule of three for the exact."""
    for method in INTERVALS:
        lb, ub = proportion_interval([0, 5, 5], [10, 10, 5], method=method)
        assert lb[0] == 0
        assert ub[2] == 1
        assert np.all((lb >= 0) & (lb < ub) & (ub <= 1))
        assert lb[1] == pytest.approx(1 - ub[1])
    assert proportion_interval(0, 10) == pytest.approx((0, 1 - 0.025 ** (1 / 10)))
    assert all(np.isnan(limit) for limit in proportion_interval(0, 0))


def test_study_interval_errors():
    with pytest.raises(ValueError, match=r"^interval 'exact' is not one of clopper_pearson, wilson, jeffreys, agresti"):
        proportion_interval(1, 2, method="exact")
    with pytest.raises(ValueError, match=r"^responders must lie between 0 and the number of patients$"):
        proportion_interval(3, 2)
    with pytest.raises(ValueError, match=r"^conf_level must lie between 0 and 1, not 95$"):
        proportion_interval(1, 2, conf_level=95)


# --- boundaries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("xi", "ni", "status", "estimate", "counts"),
    [
        ([7, 5, 3], [7, 5, 3], "all_responders", 1.0, (15, 15)),
        ([0, 0], [4, 6], "no_responders", 0.0, (0, 10)),
        ([5], [8], "single_study", 0.625, (5, 8)),
        ([8, 0], [8, 0], "single_study", 1.0, (8, 8)),
        ([1, 0, 1, 1], [1, 1, 1, 1], "tau_not_identified", 0.75, (3, 4)),
    ],
)
def test_boundaries_are_the_same_for_every_method(method, xi, ni, status, estimate, counts):
    found = pool_responses(xi, ni, method=method)
    if method == "bayes" and found["k"] > 1:
        # priors that are proper have an answer, within 0 and 1; of heterogeneity the counts still say nothing
        assert (found["status"], found["interval"]) == ("ok", "credible")
        assert 0 < found["ci_lb"] < found["estimate"] < found["ci_ub"] < 1
        assert abs(found["estimate"] - estimate) < 0.1
        assert {"prior_upper", "prior_lower", "prior_tau"} & set(found["note"].split(";"))
        assert found[["q", "q_df", "q_p", "i2", "h2"]].isna().all()
        check_record(found)
        return
    if method == "crude" and status == "tau_not_identified":
        status = "ok"  # summed counts know no tau
    assert found["status"] == status
    assert found["interval"] == "clopper_pearson"
    assert (found["estimate"], found["ci_lb"], found["ci_ub"]) == (estimate, *proportion_interval(*counts))
    if method != "crude":
        assert found[["pi_lb", "pi_ub", "b", "se", "tau2", "q", "i2", "loglik"]].isna().all()
    check_record(found)


def test_no_data():
    for xi, ni in (([], []), ([0, 0], [0, 0])):
        found = pool_responses(xi, ni)
        assert found["status"] == "no_data"
        assert found["k"] == 0
        assert found[["estimate", "ci_lb", "ci_ub", "tau2"]].isna().all()
    assert found["note"] == "empty_arms"


def test_arm_without_patients_is_left_out():
    found, without = pool_responses([3, 0, 4, 9], [12, 0, 4, 17]), pool_responses([3, 4, 9], [12, 4, 17])
    # Three studies so unlike leave the default interval wider than 0.9, which both say.
    assert (found["note"], without["note"]) == ("empty_arms;wide_interval", "wide_interval")
    pd.testing.assert_series_equal(found.drop("note"), without.drop("note"))


def test_identical_studies_have_tau2_zero():
    found = pool_responses([7] * 5, [10] * 5)
    assert found["status"] == "tau2_zero"
    assert found["tau2"] == 0
    assert found["estimate"] == pytest.approx(0.7, abs=1e-12)
    assert (found["q"], found["i2"], found["q_p"]) == (0, 0, 1)
    check_record(found)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("xi", "ni"),
    [
        ([0, 50], [50, 50]),
        ([0, 50, 1], [50, 50, 2]),
        ([1, 50_000], [1, 100_000]),
        ([0, 100_000], [1, 100_000]),
        ([99_999, 1], [100_000, 1]),
        ([1, 0, 0], [100_000, 100_000, 1]),
        ([5, 7, 0], [8, 7, 3]),
        ([2, 3] * 250, [8, 9] * 250),
        ([0, 1] * 250, [1, 1] * 249 + [2, 2]),
        ([7, 7, 7], [7, 7, 8]),
        ([1, 0], [2, 1]),
    ],
)
def test_extremes_have_an_answer(method, xi, ni):
    """No exception, no warning (an error in this suite), an interval within 0..1 that has a width."""
    for interval in [None, "wald_z", "wald_t"] if method == "glmm" else [None]:
        found = pool_responses(xi, ni, method=method, interval=interval)
        assert found["status"] != "not_converged"
        check_record(found)


def test_one_study_with_most_of_the_patients_is_named():
    """28 of 30 patients: 36.7 % [12.0, 99.7] without a word before."""
    assert "giant_arm" in pool_responses([9, 1, 1], [28, 1, 1])["note"].split(";")
    assert "giant_arm" in pool_responses([19, 0, 0], [28, 1, 1])["note"].split(";")
    assert "giant_arm" not in pool_responses([9, 10, 1], [28, 30, 1])["note"].split(";")
    assert set(wording.NOTES) == set(NOTES)


def test_extreme_heterogeneity_says_so():
    found = pool_responses([0, 50], [50, 50])
    assert found["status"] == "tau2_unbounded"
    assert found["estimate"] == 0.5
    plain, exact = pool_responses([0, 50], [50, 50], interval="profile"), proportion_interval(1, 2)
    assert (plain["ci_lb"], plain["ci_ub"]) == exact
    # The default bounds tau2 by a penalty and asks for Student's value of two studies: wider.
    assert found["interval"] == "profile_student"
    assert found["ci_lb"] < exact[0]
    assert found["ci_lb"] == pytest.approx(1 - found["ci_ub"], abs=1e-9)


def test_level_widens():
    narrow, wide = (pool_responses([3, 4, 9, 5], [12, 4, 17, 8], conf_level=level) for level in (0.8, 0.99))
    assert wide["ci_lb"] < narrow["ci_lb"] < narrow["ci_ub"] < wide["ci_ub"]
    assert wide["tau2_ub"] > narrow["tau2_ub"]
    assert narrow["conf_level"] == 0.8


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xi", "ni", "message"),
    [
        ([1, 9], [4, 8], "more responders than patients: arm 2 of 2 has 9 of n = 8"),
        ([-1], [4], "responders must not be negative: arm 1 of 1 has -1 of n = 4"),
        ([1], [-4], "n must not be negative: arm 1 of 1 has 1 of n = -4"),
        ([1.5], [4], "responders must be whole: arm 1 of 1 has 1.5 of n = 4"),
        ([1], [4.2], "n must be whole: arm 1 of 1 has 1 of n = 4.2"),
        ([np.nan], [4], "responders must be a number: arm 1 of 1 has nothing of n = 4"),
        (["NR"], [4], "responders must be a number: arm 1 of 1 has 'NR' of n = 4"),
        ([1], [None], "n must be a number: arm 1 of 1 has 1 of n = nothing"),
        ([1, 2], [4], "2 numbers of responders but 1 of patients"),
    ],
)
def test_counts_that_cannot_be(xi, ni, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        pool_responses(xi, ni)
    assert str(caught.value) == message


def test_options_that_cannot_be():
    with pytest.raises(ValueError, match=r"^method 'reml' is not one of glmm, beta_binomial, bayes, inverse_variance,"):
        pool_responses([1], [2], method="reml")
    with pytest.raises(ValueError, match=r"^method 'glmm' takes no tau2_method; it takes interval$"):
        pool_responses([1], [2], tau2_method="DL")
    with pytest.raises(ValueError, match=r"^conf_level must lie between 0 and 1, not 1$"):
        pool_responses([1], [2], conf_level=1)
    with pytest.raises(ValueError, match=r"^no column n; the table has responders$"):
        pool_many(pd.DataFrame({"responders": [1]}))
    with pytest.raises(ValueError, match=r"^columns of the result cannot be grouped by: k$"):
        pool_many(pd.DataFrame({"responders": [1], "n": [2], "k": ["a"]}), by=["k"])


# --- many -----------------------------------------------------------------------------------------------------------


def many_arms(seed, groups, largest=20):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(0, 13, groups))
    n = rng.integers(0, largest, group.size)
    theta = rng.normal(0.5, 1.2, groups)[group] + rng.choice([0, 0.6, 2], groups)[group] * rng.normal(size=group.size)
    return pd.DataFrame({"group": group, "responders": rng.binomial(n, 1 / (1 + np.exp(-theta))), "n": n})


@pytest.mark.parametrize("method", METHODS)
def test_many_equal_one_by_one(method):
    """To 1e-10, and the same text."""
    arms = many_arms(2, 25)
    table = pool_many(arms, by=["group"], method=method)
    for _, row in table.iterrows():
        mine = arms[arms["group"] == row["group"]]
        one = pool_responses(mine["responders"], mine["n"], method=method)
        check_record(one)
        for name in RECORD:
            if name == "nodes" and method == "bayes":
                continue  # points of the table that serves all analyses of a batch
            if isinstance(one[name], str):
                assert one[name] == row[name]
            else:
                assert float(one[name]) == pytest.approx(float(row[name]), abs=1e-10, rel=1e-10, nan_ok=True)


def test_many_in_order_of_appearance():
    arms = pd.DataFrame(
        {
            "therapy": ["b", "a", "b", "a", "b"],
            "disease": ["x", "y", "x", "y", "z"],
            "responders": [1, 2, 3, 4, 0],
            "n": [4, 5, 6, 7, 2],
        },
        index=[5, 3, 9, 1, 0],
    )
    table = pool_many(arms, by=["therapy", "disease"], interval="wald_z")
    assert list(table.columns) == ["therapy", "disease", *RECORD]
    assert table[["therapy", "disease", "k", "events", "n"]].to_numpy().tolist() == [
        ["b", "x", 2, 4, 10],
        ["a", "y", 2, 6, 12],
        ["b", "z", 1, 0, 2],
    ]
    assert len(pool_many(arms)) == 1
    assert len(pool_many(arms.iloc[:0], by="therapy")) == 0


def test_large_batch_needs_little_memory():
    """1,000 analyses at a time grow by less than 25 MiB, so that 20,000 stay under 1 GiB."""
    arms = many_arms(7, 1000, largest=12)
    pool_many(arms.head(50), by=["group"])
    tracemalloc.start()
    table = pool_many(arms, by=["group"], interval="wald_z")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25 * 2**20
    assert set(table["status"]) <= set(STATUSES) - {"not_converged"}


def test_import_is_quick():
    """Seconds of one import are the reviewer's wait before every rule; what is slow is loaded when it is needed."""
    slow = "('statsmodels', 'scipy.stats')"
    script = f"import sys, small_evidence.pooling; print(*[name for name in sys.modules if name in {slow}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- properties -----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(study_sets)
def test_every_set_has_an_answer(arms):
    for interval in ("profile", "wald_z"):
        check_record(pool(arms, interval=interval))


@settings(max_examples=15, deadline=None)
@given(study_sets, st.sampled_from(MODELS))
def test_every_method_has_an_answer(arms, method):
    check_record(pool(arms, method=method))


@settings(max_examples=25, deadline=None)
@given(study_sets)
def test_symmetric_under_exchange_of_outcome(arms):
    found, mirror = pool(arms), pool([(n - x, n) for x, n in arms])
    other = {"all_responders": "no_responders", "no_responders": "all_responders"}
    assert found["status"] == other.get(mirror["status"], mirror["status"])
    assert found["estimate"] == pytest.approx(1 - mirror["estimate"], abs=1e-8)
    assert found["ci_lb"] == pytest.approx(1 - mirror["ci_ub"], abs=1e-7)
    assert found["ci_ub"] == pytest.approx(1 - mirror["ci_lb"], abs=1e-7)
    assert found["tau2"] == pytest.approx(mirror["tau2"], abs=1e-7, rel=1e-7, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(study_sets, st.randoms())
def test_order_does_not_matter(arms, random):
    shuffled = random.sample(arms, len(arms))
    pd.testing.assert_series_equal(pool(arms), pool(shuffled))


@settings(max_examples=25, deadline=None)
@given(study_sets)
def test_crude_within_the_studies(arms):
    shares = [x / n for x, n in arms]
    assert min(shares) - 1e-12 <= pool(arms, method="crude")["estimate"] <= max(shares) + 1e-12


@settings(max_examples=25, deadline=None)
@given(study_sets, st.data())
def test_one_more_responder_raises_the_pool(arms, data):
    """Crude always; the model's where tau2 is 0 before and after.

    With tau2 above 0 it need not: 0/1, 0/2, 4/7 pool to 0.40 (tau2 0), 0/1, 0/2, 5/7 to 0.27 (tau2 2.7), because the
    extra responder sets one study apart from the others.
    """
    able = [i for i, (x, n) in enumerate(arms) if x < n]
    if not able:
        return
    i = data.draw(st.sampled_from(able))
    more = [(x + (j == i), n) for j, (x, n) in enumerate(arms)]
    assert pool(more, method="crude")["estimate"] > pool(arms, method="crude")["estimate"]
    low, high = (pool(rows, interval="wald_z") for rows in (arms, more))
    if low["status"] == high["status"] == "tau2_zero":
        assert high["estimate"] > low["estimate"]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 24), st.integers(2, 6))
def test_one_more_responder_in_every_study_raises_the_pool(x, k):
    """Equal studies: the pool is their proportion, exactly, and rises with it."""
    low, high = (pool([(events, 25)] * k)["estimate"] for events in (x, x + 1))
    assert low == pytest.approx(x / 25, abs=1e-10)
    assert high > low


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(7, 12)), min_size=2, max_size=5), st.integers(0, 4))
def test_splitting_a_study_under_tau2_zero(arms, which):
    """Two identical halves in place of a study, tau2 = 0 in both: the same b, se and limits, one study more."""
    arms = [(2 * x, 2 * n) for x, n in arms]
    which %= len(arms)
    x, n = arms[which]
    whole = pool(arms, interval="wald_z")
    halves = pool([*arms[:which], (x // 2, n // 2), (x // 2, n // 2), *arms[which + 1 :]], interval="wald_z")
    if whole["status"] == "tau2_zero" and halves["status"] == "tau2_zero":
        for name in ("estimate", "b", "se", "ci_lb", "ci_ub", "events", "n", "mean_proportion"):
            assert halves[name] == pytest.approx(whole[name], abs=1e-12)
        assert halves["k"] == whole["k"] + 1
    for name in ("estimate", "ci_lb", "ci_ub"):
        crude = [pool(rows, method="crude")[name] for rows in (arms, [*arms, (0, 0)])]
        assert crude[0] == crude[1]


# --- heterogeneity --------------------------------------------------------------------------------------------------


def test_likelihood_ratio_q_by_hand():
    """2 of 4 against 8 of 8, common 10 of 12: Q = 2 (ll of each - ll of one)."""
    found = likelihood_ratio_q(
        [[2, 8, 0], [3, 0, 0]], [[4, 8, 0], [5, 0, 0]], [[True, True, False], [True, False, False]]
    )
    own = 4 * np.log(0.5)
    common = 10 * np.log(10 / 12) + 2 * np.log(2 / 12)
    assert found["q"][0] == pytest.approx(2 * (own - common), rel=1e-12)
    assert found["q_df"][0] == 1
    assert found["i2"][0] == pytest.approx(1 - 1 / found["q"][0])
    assert found["h2"][0] == pytest.approx(found["q"][0])
    assert np.isnan([found[name][1] for name in ("q", "q_df", "q_p", "i2", "h2")]).all()
