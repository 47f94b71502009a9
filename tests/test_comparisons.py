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
from scipy.optimize import minimize, minimize_scalar
from scipy.special import iv, logsumexp, xlog1py, xlogy
from scipy.stats import betabinom, chi2, chi2_contingency, fisher_exact, t
from scipy.stats.contingency import odds_ratio
from statsmodels.stats.proportion import confint_proportions_2indep

from small_evidence.pooling import comparisons
from small_evidence.pooling.comparisons import (
    COMPARISON,
    COMPARISON_METHODS,
    COMPARISON_NOTES,
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
        assert found["b"] == pytest.approx(known["b"], abs=1e-10)
        assert found["se"] == pytest.approx(known["se"], abs=1e-10)
        if measure == "RD":  # metafor takes its variance at the estimate alone
            squared_distances = [sato(arms_of(one), found["b"], found[limit]) for limit in ("ci_lb", "ci_ub")]
            inside = [abs(found[limit]) < 1 for limit in ("ci_lb", "ci_ub")]
            assert np.array(squared_distances)[inside] == pytest.approx(chi2.ppf(0.95, 1), rel=1e-9)
            assert found["p"] == pytest.approx(chi2.sf(sato(arms_of(one), found["b"], 0), 1), rel=1e-9)
        else:
            limits = np.log([found["ci_lb"], found["ci_ub"]])
            assert limits == pytest.approx([known["ci_lb"], known["ci_ub"]], abs=1e-10)
    assert seen >= 200


def sato(arms, b, d):
    """Squared distance of b from a risk difference over the variance there (Sato, Greenland & Robins 1989)."""
    top, bottom, weight = 0.0, 0.0, 0.0
    for x1, n1, x2, n2 in zip(*map(np.atleast_1d, arms), strict=True):
        top += (n1**2 * x2 - n2**2 * x1 + n1 * n2 * (n2 - n1) / 2) / (n1 + n2) ** 2
        bottom += (x1 * (n2 - x2) + x2 * (n1 - x1)) / (n1 + n2) / 2
        weight += n1 * n2 / (n1 + n2)
    return (b - d) ** 2 / ((d * top + bottom) / weight**2)


def test_one_responder_more_moves_a_risk_difference_little():
    """By the variance at the estimate P of the second was 2e-21, and its lower limit above that of the first."""
    found = [compare(x, [5, 5], [0, 0], [5, 5], measure="RD") for x in ([5, 5], [5, 4], [4, 4])]
    assert [one["ci_lb"] for one in found] == sorted((one["ci_lb"] for one in found), reverse=True)
    assert [one["p"] for one in found] == sorted(one["p"] for one in found)
    assert 1e-4 < found[1]["p"] < 0.01


def tails_in_whole_numbers(x1, n1, x2, n2):
    """Probability of as many responders among the treated or more, and as many or fewer, by counting every table."""
    ways, fewest = [1], 0
    for a, b, c, d in zip(*np.atleast_1d(x1, n1, x2, n2), strict=True):
        low, high = max(0, a + c - d), min(b, a + c)
        own = [comb(int(b), int(j)) * comb(int(d), int(a + c - j)) for j in range(low, high + 1)]
        ways = [
            sum(ways[i] * own[s - i] for i in range(max(0, s - len(own) + 1), min(len(ways), s + 1)))
            for s in range(len(ways) + len(own) - 1)
        ]
        fewest += low
    seen = int(np.sum(x1)) - fewest
    return sum(ways[seen:]) / sum(ways), sum(ways[: seen + 1]) / sum(ways)


def test_exact_odds_ratios_of_r():
    """mantelhaen.test(exact = TRUE) and fisher.test solve with R's uniroot, tolerance 1.2e-4. Their P is not that of
    their interval: here it is twice the smaller tail."""
    seen = 0
    for one, known in zip(SETS, EXACT, strict=False):
        both = (compare(*arms_of(one), method="exact"), known["all"])
        first = (compare(*(part[0] for part in arms_of(one)), method="exact"), known["one"])
        for found, theirs in (both, first):
            if found["status"] == "no_information" or "error" in theirs:
                continue
            seen += 1
            counts = arms_of(one) if theirs is known["all"] else [part[0] for part in arms_of(one)]
            assert found["p"] == pytest.approx(min(1, 2 * min(tails_in_whole_numbers(*counts))), rel=1e-9)
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
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    assert found["p"] == pytest.approx(min(1, 2 * min(tails)), abs=1e-9)
    assert found["status"] == {0: "zero", np.inf: "infinite"}.get(theirs.statistic, "single_study")


def test_score_interval_of_a_risk_ratio():
    """statsmodels has Koopman's interval by his equations, without an answer at some edges."""
    for x1, n1, x2, n2 in itertools.product((2, 5, 9), (10, 17), (1, 4, 8), (9, 14)):
        found = compare(x1, n1, x2, n2, measure="RR")
        known = confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method="score", correction=False)
        assert [found["ci_lb"], found["ci_ub"]] == pytest.approx(known, rel=1e-5)
        other = compare(x2, n2, x1, n1, measure="RR")
        assert [1 / other["ci_ub"], 1 / other["ci_lb"]] == pytest.approx([found["ci_lb"], found["ci_ub"]], rel=1e-6)


def score_of_difference(x1, n1, x2, n2, gap):
    """Score statistic with the proportions found by a search for the highest likelihood under the difference."""

    def fall(p):
        return -(xlogy(x1, p + gap) + xlog1py(n1 - x1, -p - gap) + xlogy(x2, p) + xlog1py(n2 - x2, -p))

    ends = max(0, -gap), min(1, 1 - gap)
    p = minimize_scalar(fall, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    return (x1 / n1 - x2 / n2 - gap) ** 2 / ((p + gap) * (1 - p - gap) / n1 + p * (1 - p) / n2)


def test_score_interval_of_a_risk_difference():
    for counts in itertools.product((0, 2, 9, 10), (10, 17), (0, 4, 9), (9, 14)):
        found = compare(*counts, measure="RD")
        for limit in (found["ci_lb"], found["ci_ub"]):
            if abs(limit) < 1:
                assert score_of_difference(*counts, limit) == pytest.approx(3.841459, abs=2e-5)
            else:
                assert found["estimate"] == limit


def test_score_interval_printed():
    """Newcombe (1998), table II, method 5 (Mee): 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10; four decimals."""
    for counts, printed in (
        ((56, 70, 48, 80), (0.0533, 0.3377)),
        ((9, 10, 3, 10), (0.1821, 0.8370)),
        ((10, 10, 0, 10), (0.6777, 1.0000)),
    ):
        found = compare(*counts, measure="RD")
        assert [found["ci_lb"], found["ci_ub"]] == pytest.approx(printed, abs=5e-5)


def test_p_of_risks_is_pearsons_chi_squared():
    for x1, n1, x2, n2 in itertools.product((0, 5, 10), (10, 17), (1, 9), (9, 14)):
        for measure in ("RR", "RD"):
            found = compare(x1, n1, x2, n2, measure=measure)
            if x1 + x2 in (0, n1 + n2):
                continue
            known = chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False).pvalue
            assert found["p"] == pytest.approx(known, rel=1e-9)


def test_p_of_one_study_is_that_of_its_interval():
    """6/18 against 12/17, the example of the R package exact2x2: Fisher's P is below 0.05, and 1 in the interval."""
    found = compare(6, 18, 12, 17)
    assert fisher_exact([[6, 12], [12, 5]]).pvalue < 0.05 < found["p"]
    assert found["ci_ub"] > 1


@given(
    st.lists(st.tuples(*[st.integers(1, 12)] * 2), min_size=1, max_size=3),
    st.sampled_from([("OR", None), ("OR", "exact"), ("OR", "peto"), ("RR", None), ("RD", None)]),
    st.sampled_from([0.8, 0.95, 0.99]),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_p_and_interval_are_of_one_test(sizes, what, conf_level, data):
    """No effect lies outside the interval where P is below 1 - conf_level, and only there."""
    measure, method = what
    n1, n2 = np.array(sizes).T
    x1, x2 = ([data.draw(st.integers(0, int(n))) for n in arm] for arm in (n1, n2))
    found = compare(x1, n1, x2, n2, measure=measure, method=method, conf_level=conf_level)
    if np.isnan(found["p"]):
        assert found["status"] == "no_information"
        return
    nothing = 0.0 if measure == "RD" else 1.0
    outside = nothing < found["ci_lb"] or nothing > found["ci_ub"]
    if abs(found["p"] - (1 - conf_level)) > 1e-6:
        assert outside == (found["p"] < 1 - conf_level)


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
    return list(itertools.islice(fits(), 15))


def test_likelihood_and_maximum_against_integration(fitted):
    """The log-likelihood at the maximum, and that no point around it or on a grid is higher; `benchmarks/agreement.md`
    has the same for every data set."""
    for one, found in fitted:
        b, tau = found["b"], np.sqrt(found["tau2"])
        top = integrated(one, b, tau)
        assert found["loglik"] == pytest.approx(top, abs=2e-7)
        around = [(b + d, max(tau + e, 0)) for d in (-0.02, 0, 0.02) for e in (-0.02, 0, 0.02)]
        grid = [(b + d, t) for d in (-1.0, 0.0, 1.0) for t in (0.0, 0.3, 1.0, 3.0)]
        assert max(integrated(one, *at) for at in around + grid) <= top + 1e-7


@pytest.mark.parametrize("interval", ["profile", "profile_student"])
def test_limits_and_test_against_integration(interval):
    """At a limit twice the fall of the log-likelihood, highest over a grid of tau, is the critical value; P is the
    probability of the fall at no effect. Where tau2 is above 0, so that the interval is that of the profile alone."""
    taus, ridge = np.linspace(0, 6, 41), {"profile": 0.0, "profile_student": 1 / 8}[interval]
    chosen = [one for one in SETS[:70] if 0.05 < one["glmm"].get("tau2", 0) < 0.8][:2]
    assert len(chosen) == 2
    for one in chosen:
        found = compare(*arms_of(one), interval=interval)
        k = found["k"] - found["no_information"]

        def height(b, one=one):
            return max(integrated(one, b, tau) - ridge * tau**2 / 2 for tau in taus)

        top = found["loglik"]
        if interval == "profile_student":
            start = [found["b"], np.sqrt(found["tau2"]) / 2]
            top = -minimize(
                lambda at, one=one: ridge * at[1] ** 2 / 2 - integrated(one, at[0], abs(at[1])),
                start,
                method="Nelder-Mead",
            ).fun
        critical = 3.841459 if interval == "profile" else k * np.log1p(t.ppf(0.975, k - 1) ** 2 / (k - 1))
        for limit in ("ci_lb", "ci_ub"):
            if np.isfinite(np.log(found[limit])):
                # the grids miss their maxima by that at most
                assert 2 * (top - height(np.log(found[limit]))) == pytest.approx(critical, abs=0.03)
        fall = 2 * (top - height(0.0))
        of_student = 2 * t.sf(np.sqrt((k - 1) * np.expm1(max(fall, 0) / k)), k - 1)
        assert found["p"] == pytest.approx(chi2.sf(fall, 1) if interval == "profile" else of_student, abs=0.02)


def test_where_tau2_is_zero_the_interval_contains_the_exact_one(fitted):
    seen = 0
    for one, found in fitted:
        if found["tau2"] > 0:
            assert "contains_exact" not in found["note"]
            continue
        seen += 1
        exact = compare(*arms_of(one), method="exact")
        assert found["ci_lb"] <= exact["ci_lb"] * (1 + 1e-9)
        assert found["ci_ub"] >= exact["ci_ub"] * (1 - 1e-9)
        assert found["p"] >= exact["p"] - 1e-12
    assert seen > 3


# --- studies at their ends --------------------------------------------------------------------------------------------


def test_studies_at_opposite_ends_leave_every_odds_ratio_possible():
    """0/40 against 40/40 and the reverse: tau2 has no maximum, each study is a toss, and no odds ratio is excluded."""
    counts = [0, 40], [40, 40], [40, 0], [40, 40]
    plain = compare(*counts, interval="profile")
    assert (plain["status"], plain["ci_lb"], plain["ci_ub"], plain["p"]) == ("tau2_unbounded", 0, np.inf, 1)
    assert plain["loglik"] == pytest.approx(2 * np.log(0.5))
    assert {"no_lower_limit", "no_upper_limit", "no_tau2_limit"} <= set(plain["note"].split(";"))
    found = compare(*counts)
    assert (found["status"], found["estimate"], found["p"]) == ("tau2_unbounded", pytest.approx(1), 1)
    assert found["ci_lb"] * found["ci_ub"] == pytest.approx(1)
    assert found["ci_ub"] > 1e6
    assert np.isnan(found["tau2"])
    assert {"penalised_estimate", "no_tau2_limit"} <= set(found["note"].split(";"))


def test_more_studies_at_one_end_than_at_the_other_are_tosses_of_which_more_came_up():
    """Nine of ten at the upper end: the plain likelihood excludes an odds ratio of 1 as nine of ten tosses exclude one
    half by their likelihood ratio, 2 (9 log 0.9 + log 0.1 + 10 log 2) = 7.36."""
    up, down = [8] * 9 + [0], [0] * 9 + [8]
    found = compare(up, [8] * 10, down, [8] * 10, interval="profile")
    fall = 2 * (9 * np.log(0.9) + np.log(0.1) + 10 * np.log(2))
    assert found["p"] <= chi2.sf(fall, 1) + 1e-9
    assert (found["status"], found["ci_ub"]) == ("tau2_unbounded", np.inf)


def test_nearly_at_the_ends_is_nearly_the_same():
    """Limits grow as studies come nearer to their ends, and never leave the status "ok" without limits."""
    widths = []
    for x in (20, 10, 5, 2, 1, 0):
        found = compare([x, 40 - x], [40, 40], [40 - x, x], [40, 40])
        assert found["status"] in ("ok", "tau2_zero", "tau2_unbounded")
        widths.append(np.log(found["ci_ub"] / found["ci_lb"]))
    assert widths == sorted(widths)


def test_a_thousand_patients_of_whom_all_or_none_responded():
    """Both studies at the upper end: P of this at the lower limit is 0.025."""
    found = compare([1500, 1500], [1500, 1500], [0, 0], [1500, 1500])
    assert (found["status"], found["ci_ub"]) == ("infinite", np.inf)
    # C(1500, j)^2 is nearly (1500^j / j!)^2 for small j, and the sum of these times OR^-j a Bessel function
    assert iv(0, 2 * 1500 / np.sqrt(found["ci_lb"])) ** -2 == pytest.approx(0.025, rel=0.01)


def test_giant_counts_have_an_answer_or_a_status():
    for method in ("glmm", "exact"):
        found = compare([5 * 10**8] * 2, [10**9] * 2, [4 * 10**8] * 2, [10**9] * 2, method=method)
        assert (found["status"], np.isnan(found["ci_lb"])) == ("too_many_patients", True)
    answered = compare([5 * 10**8] * 2, [10**9] * 2, [4 * 10**8] * 2, [10**9] * 2, method="mantel_haenszel")
    assert answered["estimate"] == pytest.approx(1.5)


def test_what_was_left_out_has_a_code():
    found = compare([3, 4, 0, 2], [9, 8, 6, 5], [1, 2, 0, 0], [9, 9, 7, 0])
    assert {"empty_arms", "no_information"} <= set(found["note"].split(";"))
    assert set(found["note"].split(";")) <= set(COMPARISON_NOTES)
    assert compare([0, 0], [5, 4], [0, 0], [6, 3], measure="RD")["note"] == "summed"
    for measure in ("RR", "RD"):
        assert compare([3, 4], [9, 8], [1, 2], [9, 9], measure=measure)["note"] in COMPARISON_NOTES


def test_metafor_where_it_converges():
    """nlminb stops early, so the maximum of rma.glmm(model = "CM.EL") is never the higher one."""
    answered = [one for one in SETS if "error" not in one.get("glmm", {"error": ""})]
    for one in answered[:20]:
        known, found = one["glmm"], compare(*arms_of(one))
        if found["status"] not in ("ok", "tau2_zero"):
            continue
        assert found["loglik"] >= known["loglik"] - 1e-6
        if known["tau2"] > 0.02:
            assert [found["b"], found["se"], found["tau2"]] == pytest.approx(
                [known["b"], known["se"], known["tau2"]], abs=2e-4
            )
    assert len(answered) >= 20


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
    ("counts", "method", "measure", "status"),
    [
        (([5, 4], [5, 4], [3, 1], [6, 3]), "beta_binomial", "RR", "no_variance"),  # all respond in one arm only
        (([3, 1], [6, 3], [5, 4], [5, 4]), "beta_binomial", "RR", "no_variance"),
        (([20, 1, 19], [20, 20, 20], [1, 19, 2], [20, 20, 20]), "glmm", "OR", "ok"),
        (([200, 1, 199], [200, 200, 200], [1, 199, 2], [200, 200, 200]), "glmm", "OR", "ok"),  # tau 13
        (([2000, 1, 1999], [2000] * 3, [1, 1999, 2], [2000] * 3), "glmm", "OR", "ok"),
    ],
)
def test_a_model_that_cannot_be_fitted_says_so(counts, method, measure, status):
    found = compare(*counts, method=method, measure=measure)
    assert found["status"] == status
    assert np.isnan(found["estimate"]) == (status == "not_converged")


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
        (([5, 4], [5, 4], [0, 0], [6, 3]), "RD", "ok", 1.0),
        (([5, 8], [5, 8], [0, 0], [6, 9]), "RD", "ok", 1.0),
        (([0, 0], [6, 9], [5, 8], [5, 8]), "RD", "ok", -1.0),
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
def test_a_standard_error_of_zero_up_to_rounding_is_0_and_a_small_one_is_none(k):
    random = np.random.default_rng(k)
    n1, n2 = random.integers(1, 300, k), random.integers(1, 300, k)
    found, mirrored = compare(n1, n1, 0 * n2, n2, measure="RD"), compare(0 * n2, n2, n1, n1, measure="RD")
    assert (found["se"], found["estimate"], found["ci_ub"]) == (0, pytest.approx(1), 1)
    assert (mirrored["se"], mirrored["ci_lb"]) == (0, -1)
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
        ((("2/5", 5, 1, 5), {}), r"^whole numbers with 0 <= x1 <= n1 expected: study 1 of 1 has '2/5' of 5$"),
        (((3, 2, 1, 5), {}), r"^whole numbers with 0 <= x1 <= n1 expected: study 1 of 1 has 3 of 2$"),
        (
            (([1, 2], [5, 5], [1, 7], [5, 5]), {}),
            r"^whole numbers with 0 <= x2 <= n2 expected: study 2 of 2 has 7 of 5$",
        ),
        ((([1, 2], [5, 5], [1], [5]), {}), r"^x1, n1, x2, n2 have 2, 2, 1, 1 values$"),
        (((1, 2, 1, 5), {"conf_level": 95}), r"^conf_level must lie between 0 and 1, not 95$"),
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
