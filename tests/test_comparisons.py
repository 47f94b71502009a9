"""Two arms compared: against metafor and R's exact tests, an integration of its own, and at the edges."""

import itertools
import json
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import betabinom, chi2, fisher_exact
from scipy.stats.contingency import odds_ratio
from statsmodels.stats.proportion import confint_proportions_2indep

from small_evidence.pooling import comparisons
from small_evidence.pooling.comparisons import (
    COMPARISON,
    COMPARISON_METHODS,
    COMPARISON_STATUSES,
    compare,
    compare_many,
)

REFERENCE = Path(__file__).parent / "reference" / "comparisons"
SETS = json.loads((REFERENCE / "comparisons.json").read_text())["sets"]
EXACT = json.loads((REFERENCE / "exact.json").read_text())["sets"]


def arms_of(one):
    return [one[name] for name in ("x1", "n1", "x2", "n2")]


# --- closed forms against metafor -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "measure", "method"),
    [
        ("mh_or", "OR", "mantel_haenszel"),
        ("mh_rr", "RR", "mantel_haenszel"),
        ("mh_rd", "RD", "mantel_haenszel"),
        ("peto", "OR", "peto"),
    ],
)
def test_mantel_haenszel_and_peto_of_metafor(key, measure, method):
    """240 random data sets; the reference has twelve decimals."""
    seen = 0
    for one in SETS:
        known, found = one[key], compare(*arms_of(one), measure=measure, method=method)
        if found["status"] != "ok":
            # metafor has no answer, one of no width, or Peto's where no odds ratio is finite; one study is not pooled
            assert found["status"] in ("zero", "infinite", "no_information", "no_variance", "single_informative")
            continue
        seen += 1
        limits = np.array([found["ci_lb"], found["ci_ub"]])
        theirs = [known["ci_lb"], known["ci_ub"]]
        limits, theirs = (limits, np.clip(theirs, -1, 1)) if measure == "RD" else (np.log(limits), theirs)
        assert [found["b"], found["se"], *limits] == pytest.approx([known["b"], known["se"], *theirs], abs=1e-10)
    assert seen >= 200


def test_exact_odds_ratios_of_r():
    """mantelhaen.test(exact = TRUE) and fisher.test solve with R's uniroot, tolerance 1.2e-4."""
    seen = 0
    for one, known in zip(SETS, EXACT, strict=False):
        both = (compare(*arms_of(one), method="exact"), known["all"])
        first = (compare(*(part[0] for part in arms_of(one)), method="exact"), known["one"])
        for found, theirs in (both, first):
            if found["status"] == "no_information" or "error" in theirs:
                continue
            seen += 1
            assert found["p"] == pytest.approx(theirs["p"], abs=1e-7)
            mine = [found["estimate"], found["ci_lb"], found["ci_ub"]]
            wanted = np.array([theirs["estimate"], *theirs["ci"]], dtype=float)
            assert np.isinf(mine).tolist() == np.isinf(wanted).tolist()
            # R solves for the ratio below 1, for its inverse above
            with np.errstate(divide="ignore"):
                folded, theirs = (np.minimum(values, 1 / np.array(values, dtype=float)) for values in (mine, wanted))
            assert folded == pytest.approx(theirs, abs=1.3e-4)
    assert seen >= 150


@given(st.tuples(st.integers(1, 30), st.integers(1, 30)), st.data())
@settings(max_examples=40, deadline=None)
def test_one_study_of_scipy(sizes, data):
    n1, n2 = sizes
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    found = compare(x1, n1, x2, n2)
    table = [[x1, n1 - x1], [x2, n2 - x2]]
    if found["status"] == "no_information":
        assert x1 + x2 in (0, n1 + n2)
        return
    theirs = odds_ratio(table)
    interval = theirs.confidence_interval(0.95)
    assert [found["ci_lb"], found["ci_ub"]] == pytest.approx([interval.low, interval.high], rel=1e-6)
    assert found["estimate"] == pytest.approx(theirs.statistic, rel=1e-5)
    assert found["p"] == pytest.approx(fisher_exact(table).pvalue, abs=1e-9)
    assert found["status"] == {0: "zero", np.inf: "infinite"}.get(theirs.statistic, "single_study")


def test_score_interval_of_a_risk_ratio():
    """statsmodels has Koopman's interval by his equations, without an answer at some edges."""
    for x1, n1, x2, n2 in itertools.product((2, 5, 9), (10, 17), (1, 4, 8), (9, 14)):
        found = compare(x1, n1, x2, n2, measure="RR")
        known = confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method="score", correction=False)
        assert [found["ci_lb"], found["ci_ub"]] == pytest.approx(known, rel=1e-5)
        other = compare(x2, n2, x1, n1, measure="RR")
        assert [1 / other["ci_ub"], 1 / other["ci_lb"]] == pytest.approx([found["ci_lb"], found["ci_ub"]], rel=1e-6)


def test_newcombe_printed():
    """Newcombe (1998), table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 5/56 - 0/29, 10/10 - 0/10; four decimals."""
    for counts, printed in (
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 10), (0.6075, 1.0000)),
    ):
        found = compare(*counts, measure="RD")
        assert [found["ci_lb"], found["ci_ub"]] == pytest.approx(printed, abs=5e-5)


# --- the hypergeometric-normal model ----------------------------------------------------------------------------------


def integrated(one, b, tau):
    """Log-likelihood by 1,501 points of the normal density and binomial coefficients in whole numbers."""
    u = np.linspace(-9.5, 9.5, 1501)
    weight = np.exp(-(u**2) / 2)
    weight /= weight.sum()
    total = 0.0
    for x1, n1, x2, n2 in zip(*arms_of(one), strict=True):
        t = x1 + x2
        j = np.arange(max(0, t - n2), min(n1, t) + 1)
        ways = np.log([float(comb(n1, i) * comb(n2, t - i)) for i in j]) - np.log(float(comb(n1, x1) * comb(n2, x2)))
        chance = np.exp(-logsumexp(ways + (b + tau * u)[:, None] * (j - x1), axis=1))
        total += np.log(weight @ chance)
    return total


def fits():
    """Random data sets the model can be fitted to, and what it finds."""
    for one in SETS:
        found = compare(*arms_of(one))
        if found["status"] in ("ok", "tau2_zero"):
            yield one, found


@pytest.fixture(scope="module")
def fitted():
    return list(itertools.islice(fits(), 55))


def test_likelihood_and_maximum_against_integration(fitted):
    """The log-likelihood at the maximum, and that no point around it or on a grid is higher."""
    assert len(fitted) == 55
    for one, found in fitted:
        b, tau = found["b"], np.sqrt(found["tau2"])
        top = integrated(one, b, tau)
        assert found["loglik"] == pytest.approx(top, abs=2e-7)
        around = [(b + d, max(tau + e, 0)) for d in (-0.02, 0, 0.02) for e in (-0.02, 0, 0.02)]
        grid = [(b + d, t) for d in (-1.0, 0.0, 1.0) for t in (0.0, 0.3, 1.0, 3.0)]
        assert max(integrated(one, *at) for at in around + grid) <= top + 1e-7


def test_limits_and_test_against_integration(fitted):
    """At a limit twice the fall of the log-likelihood, highest over a grid of the other parameter, is 3.84."""
    taus = np.linspace(0, 5, 51)
    for one, found in fitted[:4]:
        for limit in ("ci_lb", "ci_ub"):
            b = np.log(found[limit])
            if np.isfinite(b):
                fall = found["loglik"] - max(integrated(one, b, tau) for tau in taus)
                assert 2 * fall == pytest.approx(3.841459, abs=0.02)  # the grid misses its maximum by that at most
        fall = found["loglik"] - max(integrated(one, 0.0, tau) for tau in taus)
        assert found["p"] == pytest.approx(chi2.sf(2 * fall, 1), abs=0.005)


def test_metafor_where_it_converges(fitted):
    """rma.glmm(model = "CM.EL") answers 25 of 70 sets; nlminb stops early, so its maximum is never the higher one."""
    seen = 0
    for one, found in fitted:
        known = one.get("glmm")
        if not known or "error" in known:
            continue
        seen += 1
        assert found["loglik"] >= known["loglik"] - 1e-6
        if known["tau2"] > 0.02:
            assert [found["b"], found["se"], found["tau2"]] == pytest.approx(
                [known["b"], known["se"], known["tau2"]], abs=2e-4
            )
    assert seen >= 20


def test_limits_contain_the_estimate(fitted):
    for _, found in fitted:
        assert found["ci_lb"] < found["estimate"] < found["ci_ub"]
        assert found["tau2_lb"] <= found["tau2"] <= found["tau2_ub"]


# --- beta-binomial ----------------------------------------------------------------------------------------------------


def test_beta_binomial_likelihood_of_scipy():
    x, n = np.array([1.0, 4, 0, 7]), np.array([5.0, 9, 3, 7])
    for mean, theta in ((0.3, 0.2), (0.8, 1.5)):
        known = betabinom.logpmf(x, n, mean / theta, (1 - mean) / theta).sum()
        ways = np.log([float(comb(int(b), int(a))) for a, b in zip(x, n, strict=True)]).sum()
        assert comparisons._beta_binomial_loglik(x, n, np.full(4, mean), theta) + ways == pytest.approx(
            known, abs=1e-10
        )


def test_beta_binomial_is_one_model_for_all_measures():
    one = SETS[9]
    three = {m: compare(*arms_of(one), measure=m, method="beta_binomial") for m in ("OR", "RR", "RD")}
    assert {found["status"] for found in three.values()} == {"ok"}
    for measure in ("RR", "RD"):
        assert three[measure]["loglik"] == pytest.approx(three["OR"]["loglik"], abs=1e-7)
        assert three[measure]["p"] == pytest.approx(three["OR"]["p"], abs=1e-6)


def test_beta_binomial_without_correlation_is_the_summed_table():
    """Studies that are all alike: one 2 x 2 table, whose likelihood ratio of no effect has a closed form."""
    found = compare([6, 6], [10, 10], [3, 3], [10, 10], method="beta_binomial")
    assert found["status"] == "tau2_zero"
    assert found["estimate"] == pytest.approx((12 / 8) / (6 / 14), rel=1e-5)
    g = 2 * (12 * np.log(0.6 / 0.45) + 8 * np.log(0.4 / 0.55) + 6 * np.log(0.3 / 0.45) + 14 * np.log(0.7 / 0.55))
    assert found["p"] == pytest.approx(chi2.sf(g, 1), abs=1e-6)


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "measure", "status", "estimate"),
    [
        (([], [], [], []), "OR", "no_data", np.nan),
        (([0, 0], [5, 4], [0, 0], [6, 3]), "OR", "no_information", np.nan),
        (([5, 4], [5, 4], [6, 3], [6, 3]), "OR", "no_information", np.nan),
        (([5, 4], [5, 4], [0, 1], [6, 3]), "OR", "infinite", np.inf),
        (([0, 0], [5, 4], [3, 1], [6, 3]), "OR", "zero", 0.0),
        (([0, 2], [5, 4], [0, 1], [6, 3]), "OR", "single_informative", None),
        (([5, 0], [5, 4], [2, 3], [6, 3]), "OR", "tau2_unbounded", None),
        (([0, 0], [5, 4], [0, 0], [6, 3]), "RR", "no_information", np.nan),
        (([0, 0], [5, 4], [3, 1], [6, 3]), "RR", "zero", 0.0),
        (([3, 1], [6, 3], [0, 0], [5, 4]), "RR", "infinite", np.inf),
        (([5, 4], [5, 4], [6, 3], [6, 3]), "RR", "no_variance", 1.0),
        (([0, 0], [5, 4], [0, 0], [6, 3]), "RD", "no_variance", 0.0),
        (([5, 4], [5, 4], [0, 0], [6, 3]), "RD", "no_variance", 1.0),
        (([5, 8], [5, 8], [0, 0], [6, 9]), "RD", "no_variance", 1.0),
        (([0, 0], [6, 9], [5, 8], [5, 8]), "RD", "no_variance", -1.0),
        ((0, 5, 0, 6), "RD", "single_study", 0.0),
        ((5, 5, 0, 6), "RR", "single_study", np.inf),
    ],
)
def test_edges(counts, measure, status, estimate):
    methods = [method for method, (measures, _) in COMPARISON_METHODS.items() if measure in measures]
    found = compare(*counts, measure=measure)
    assert found["status"] == status
    assert status in COMPARISON_STATUSES
    if estimate is not None:
        assert found["estimate"] == pytest.approx(estimate, nan_ok=True)
    if status not in ("no_data", "no_information"):
        assert found["ci_lb"] < found["ci_ub"]
        assert found["ci_lb"] <= found["estimate"] <= found["ci_ub"]
    # every method has an answer or the same code, and none of them no width
    for method in methods:
        other = compare(*counts, measure=measure, method=method)
        assert np.isnan(other["ci_lb"]) or other["ci_lb"] < other["ci_ub"]
        if status in ("no_data", "no_information", "zero", "infinite", "single_study"):
            assert other["status"] == status


@pytest.mark.parametrize("k", [2, 30])
def test_a_variance_of_zero_up_to_rounding_is_none_and_a_small_one_is_one(k):
    random = np.random.default_rng(k)
    n1, n2 = random.integers(1, 300, k), random.integers(1, 300, k)
    found, mirrored = compare(n1, n1, 0 * n2, n2, measure="RD"), compare(0 * n2, n2, n1, n1, measure="RD")
    assert (found["status"], found["estimate"], found["ci_ub"]) == ("no_variance", pytest.approx(1), 1)
    assert (mirrored["status"], mirrored["ci_lb"]) == ("no_variance", -1)
    assert mirrored["ci_ub"] == pytest.approx(-found["ci_lb"])
    rare = compare([1, 0], [10**6] * 2, [0, 0], [10**6] * 2, measure="RD")
    assert (rare["status"], rare["se"]) == ("ok", pytest.approx(5e-7, rel=1e-3))  # root of 1 / (2e6)^2


def test_double_zero_studies_say_nothing_of_odds_and_something_of_differences():
    without, counted = compare([3, 4], [9, 8], [1, 2], [9, 9]), compare([3, 4, 0], [9, 8, 6], [1, 2, 0], [9, 9, 7])
    assert [counted["estimate"], counted["ci_ub"]] == [without["estimate"], without["ci_ub"]]
    assert [without["no_information"], counted["no_information"]] == [0, 1]
    assert [without["k"], counted["k"]] == [2, 3]
    difference = compare([3, 4, 0], [9, 8, 6], [1, 2, 0], [9, 9, 7], measure="RD")
    assert difference["estimate"] < compare([3, 4], [9, 8], [1, 2], [9, 9], measure="RD")["estimate"]


studies = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
    ),
    min_size=1,
    max_size=4,
)


@given(
    studies, st.sampled_from([("OR", "exact"), ("OR", "mantel_haenszel"), ("OR", "peto"), ("OR", "glmm"), ("RD", None)])
)
@settings(max_examples=30, deadline=None)
def test_exchange_of_arms_and_of_outcomes(studies, what):
    """Either turns an odds ratio into its inverse and a difference into its negative; NaN stays NaN."""
    measure, method = what
    x1, n1, x2, n2 = np.array(studies).T
    found = compare(x1, n1, x2, n2, measure=measure, method=method)
    mine = np.array([found["ci_lb"], found["estimate"], found["ci_ub"]], dtype=float)
    for other in ((x2, n2, x1, n1), (n1 - x1, n1, n2 - x2, n2)):
        turned = compare(*other, measure=measure, method=method)
        theirs = np.array([turned["ci_ub"], turned["estimate"], turned["ci_lb"]], dtype=float)
        with np.errstate(divide="ignore"):
            theirs = -theirs if measure == "RD" else 1 / theirs
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-6, nan_ok=True)


def test_compare_many_is_one_by_one():
    frame = pd.DataFrame(
        {"therapy": list("aabbc"), "x1": [3, 4, 0, 2, 1], "n1": [9, 8, 5, 7, 4], "x2": [1, 2, 0, 1, 1], "n2": [9] * 5}
    )
    table = compare_many(frame, by="therapy", method="exact")
    assert list(table.columns) == ["therapy", *COMPARISON]
    for name, row in zip("abc", table.itertuples(index=False), strict=True):
        own = frame[frame["therapy"] == name]
        one = compare(own["x1"], own["n1"], own["x2"], own["n2"], method="exact")
        assert list(row)[1:] == pytest.approx(one.tolist(), nan_ok=True) or list(map(str, row))[1:] == list(
            map(str, one)
        )
    assert len(compare_many(frame)) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (((3, 2, 1, 5), {}), r"^whole numbers with 0 <= x1 <= n1 expected: study 1 of 1 has 3 of 2$"),
        (
            (([1, 2], [5, 5], [1, 7], [5, 5]), {}),
            r"^whole numbers with 0 <= x2 <= n2 expected: study 2 of 2 has 7 of 5$",
        ),
        ((([1, 2], [5, 5], [1], [5]), {}), r"^x1, n1, x2, n2 have 2, 2, 1, 1 values$"),
        (((1, 2, 1, 5), {"measure": "HR"}), r"^measure 'HR' is not one of OR, RR, RD$"),
        (((1, 2, 1, 5), {"measure": "RR", "method": "peto"}), r"^method 'peto' has no risk ratio; it has OR$"),
    ],
)
def test_calls_that_cannot_be(call, message):
    counts, options = call
    with pytest.raises(ValueError, match=message):
        compare(*counts, **options)
    with pytest.raises(ValueError, match=r"^no column n2; the table has x1, n1, x2$"):
        compare_many(pd.DataFrame({"x1": [1], "n1": [2], "x2": [1]}))
