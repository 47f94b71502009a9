"""Subgroups, meta-regression and what-if pools, against metafor, lme4 and the plain pool they are made of."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import binom, f, norm, t

from small_evidence.pooling import METHODS, RECORD, pool_many, pool_responses
from small_evidence.pooling.glmm import likelihood_ratio_p, student_likelihood_ratio
from small_evidence.pooling.heterogeneity import (
    TEST_CODES,
    TEST_COLUMNS,
    meta_regression,
    predict_regression,
    small_study_test,
    subgroups,
    subgroups_of_many,
)
from small_evidence.pooling.likelihood import RIDGE
from small_evidence.pooling.prediction import study_limits
from small_evidence.pooling.regression import fit_regression, further_studies
from small_evidence.pooling.sensitivity import all_methods, cumulative, influence, leave_one_out, pool_scenarios

METAFOR = Path(__file__).parent / "reference" / "metafor"

DILTIAZEM = pd.DataFrame(
    {
        "study_id": ["a", "b", "c", "d"],
        "year": [1998, 1995, 2012, 1998],
        "responders": [3, 4, 9, 5],
        "n": [12, 4, 17, 8],
    }
)
# Two diseases; no spread within them. lme4 1.1.31, glmer with 25 nodes gave the values in the tests below.
SIX = pd.DataFrame(
    {
        "study_id": list("uvwxyz"),
        "disease": list("aaabbb"),
        "responders": [3, 5, 8, 2, 1, 4],
        "n": [8, 9, 10, 8, 9, 12],
        "since_2005": [-7, -4, -1, 2, 5, 8],
    }
)


def reference(name):
    data = json.loads((METAFOR / f"{name}.json").read_text())
    arms = pd.DataFrame({"responders": data["xi"], "n": data["ni"], "mod": data["mod"]})
    return data["glmm_mods"], arms


def plain_maximum(design, responders=SIX["responders"], offset=0.0):
    """The penalised log-likelihood of SIX at its highest, by sums over a grid of theta."""
    xi, ni = np.asarray(responders)[:, None], SIX["n"].to_numpy()[:, None]
    nodes = np.linspace(-8, 8, 801)

    def loss(where):
        centre = design @ where[:-1] + offset
        of_arms = binom.pmf(xi, ni, expit(centre[:, None] + where[-1] * nodes)) @ norm.pdf(nodes) * 0.02
        return where[-1] ** 2 / 8 - np.log(of_arms).sum()  # half-normal with variance 4

    starts = (np.append(np.zeros(design.shape[1]), tau) for tau in (0.1, 1.0))
    return -min(minimize(loss, start, method="Nelder-Mead", options=PRECISE).fun for start in starts)


PRECISE = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000}


def f_tail(ratio, q, k, p):
    """P of a likelihood ratio of q of p coefficients of k studies, of the F distribution."""
    return f.sf(np.expm1(ratio / k) * (k - p) / q, q, k - p)


# --- subgroups ------------------------------------------------------------------------------------------------------


def test_subgroups_of_lme4():
    """glmer(cbind(x, n - x) ~ g - 1 + (1 | i), nAGQ = 25): b 0.3746934, -1.1451323."""
    found = subgroups(SIX, "disease", interval="wald_z")
    assert found["b"].tolist() == pytest.approx([0.3746934, -1.1451323], abs=5e-7)
    assert found["se"].tolist() == pytest.approx([0.3916747, 0.4339489], abs=5e-7)
    assert found["tau2"].tolist() == [0, 0]
    assert found["status"].tolist() == ["tau2_zero"] * 2
    assert found[["events", "n"]].to_numpy().tolist() == [[16, 27], [7, 29]]


ONE = np.ones((6, 1))
GROUPS = np.column_stack([SIX["disease"] == "a", SIX["disease"] == "b"]).astype(float)


def test_likelihood_ratio_of_subgroups_against_plain_sums():
    """Of the penalised likelihood; without the penalty glmer has 5.307083."""
    found = subgroups(SIX, "disease")
    ratio = 2 * (plain_maximum(GROUPS) - plain_maximum(ONE))
    assert found["chi2"].tolist() == pytest.approx([ratio] * 2, abs=1e-6)
    assert found[["df", "ddf"]].to_numpy().tolist() == [[1, 4]] * 2
    assert found["p"].tolist() == pytest.approx([f_tail(ratio, 1, 6, 2)] * 2, abs=1e-6)
    whole, common = (fit_regression(SIX["responders"], SIX["n"], design) for design in (GROUPS, np.ones((6, 1))))
    assert 2 * (whole.loglik - common.loglik) == pytest.approx(5.307083, abs=5e-7)


@pytest.mark.parametrize("name", ["debruin2009", "bcg_treated"])
def test_subgroups_of_metafor(name):
    """rma.glmm with a factor, 7 nodes: the same common tau2 and coefficients within its numerical error."""
    known, arms = reference(name)
    found = subgroups(arms, "mod", interval="wald_z").sort_values("mod")
    b = np.cumsum([known["b"][0]] + [0] * (len(known["b"]) - 1)) + np.array([0, *known["b"][1:]])
    assert found["b"].tolist() == pytest.approx(b.tolist(), abs=2e-4)
    assert found["tau2"].tolist() == pytest.approx([known["tau2"]] * len(found), abs=2e-4)
    assert found["se"].iloc[0] == pytest.approx(known["se"][0], rel=6e-4)  # metafor's Hessian is numerical


def test_subgroup_of_one_study_is_not_a_pool():
    arms = pd.concat([SIX, pd.DataFrame({"disease": ["c"], "responders": [6], "n": [7]})], ignore_index=True)
    found = subgroups(arms, "disease").set_index("disease")
    assert found.loc["c", "status"] == "single_study"
    assert found.loc["c", ["events", "n", "studies"]].tolist() == [6, 7, 1]
    assert found.loc["c", ["estimate", "ci_lb", "ci_ub", "tau2"]].isna().all()
    assert found.loc["a", "status"] == "tau2_zero"
    assert set(found["test_code"]) == {"group_of_one_study"}
    assert found[["chi2", "df", "ddf", "p"]].isna().all(axis=None)
    assert list(found.columns) == ["studies", *RECORD, *TEST_COLUMNS, "left_out"]


def test_subgroups_are_tested_from_four_studies_on():
    assert subgroups(SIX.iloc[[0, 1, 3, 4]], "disease")["test_code"].tolist() == ["", ""]
    assert subgroups(SIX.iloc[[0, 1, 3]], "disease")["test_code"].tolist() == ["group_of_one_study"] * 2
    three = SIX.iloc[[0, 1, 3, 4]].assign(study_id=["u", "v", "u", "w"])
    assert subgroups(three, "disease")["test_code"].tolist() == ["fewer_than_four_studies"] * 2


def test_arms_of_one_study_are_one_study():
    found = subgroups(SIX.assign(study_id=["u", "u", "u", "x", "y", "z"]), "disease")
    assert found["studies"].tolist() == [1, 3]
    assert found["k"].tolist() == [3, 3]
    assert found["status"].tolist() == ["single_study", "tau2_zero"]
    assert found["test_code"][0] == "group_of_one_study"


def test_not_reported_is_no_subgroup():
    arms = pd.concat([SIX, SIX.iloc[:3].assign(disease=["NR", "", None])], ignore_index=True)
    found, known = subgroups(arms, "disease"), subgroups(SIX, "disease")
    assert found["disease"].tolist() == ["a", "b"]
    assert found["left_out"].tolist() == [3, 3]
    assert found["p"].tolist() == known["p"].tolist()
    assert len(subgroups(SIX.assign(disease="NR"), "disease")) == 0


def test_subgroup_in_which_all_respond():
    """Its likelihood is 1 whatever tau2, so the test compares the rest with the common model."""
    arms = SIX.assign(responders=[8, 9, 10, 2, 1, 4])
    found = subgroups(arms, "disease").set_index("disease")
    assert found.loc["a", "status"] == "all_responders"
    assert found.loc["a", "estimate"] == 1
    rest, common = (fit_regression(arms["responders"][k:], arms["n"][k:], np.ones((6 - k, 1)), RIDGE) for k in (3, 0))
    assert found.loc["b", "chi2"] == pytest.approx(2 * (rest.loglik - common.loglik), abs=1e-9)
    assert found.loc["b", "b"] == pytest.approx(pool_responses([2, 1, 4], [8, 9, 12])["b"], abs=1e-9)


def test_subgroups_of_many_tables_are_those_of_each_alone():
    """Integrals that are taken together differ in the order of their sums only, 1e-12 of them at most."""
    tables = [SIX, SIX.assign(responders=[8, 9, 10, 2, 1, 4]), SIX.iloc[:3], SIX.assign(n=[9, 40, 10, 30, 9, 60])]
    for found, arms in zip(subgroups_of_many(tables, "disease"), tables, strict=True):
        alone = subgroups(arms, "disease")
        pd.testing.assert_frame_equal(found, alone, check_exact=False, rtol=1e-12, atol=1e-12)
        assert found[["mean_proportion", "mean_ci_lb", "mean_ci_ub"]].isna().all(axis=None)  # no model of theirs
    assert subgroups_of_many([], "disease") == []


@pytest.mark.parametrize(
    "arms",
    [
        SIX.assign(responders=[8, 9, 10, 2, 1, 4]),  # the others all respond
        SIX.assign(responders=[8, 9, 10, 2, 1, 12]),  # tau2 above 0
        SIX.assign(disease=list("acdbbb")),  # the others are alone in their subgroups
    ],
)
def test_a_subgroup_that_alone_has_a_tau2_is_the_plain_pool(arms):
    """The other subgroups say nothing about tau2, so the interval is that of pooling this one."""
    found = subgroups(arms, "disease", conf_level=0.9).set_index("disease").loc["b"]
    own = arms.iloc[3:]
    plain = pool_responses(own["responders"], own["n"], conf_level=0.9)
    for name in ("estimate", "ci_lb", "ci_ub", "tau2"):
        assert found[name] == pytest.approx(plain[name], abs=1e-8)
    assert found["status"] == plain["status"]


@pytest.mark.parametrize(
    ("arms", "code"),
    [
        (SIX.assign(disease="a"), "fewer_than_two_groups"),
        (SIX.assign(responders=SIX["n"]), "all_or_none_respond"),
        (SIX.assign(responders=[0, 1, 1, 0, 0, 1], n=1), "studies_of_one_patient"),
    ],
)
def test_subgroups_that_cannot_be_tested(arms, code):
    found = subgroups(arms, "disease")
    assert found["test_code"].tolist() == [code] * len(found)
    assert found["test_note"].tolist() == [TEST_CODES[code]] * len(found)
    assert found[["chi2", "p"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("responders", "whole"),
    [([8, 9, 10, 0, 0, 0], 0.0), ([8, 0, 10, 0, 9, 0], None)],
)
def test_studies_of_all_or_none_are_tested_with_the_penalty(responders, whole):
    """Without it tau2 has no bound, and nothing is estimated; two groups fitted perfectly have likelihood 1."""
    arms = SIX.assign(responders=responders)
    found, slope = subgroups(arms, "disease"), meta_regression(arms, "disease")
    whole = plain_maximum(GROUPS, responders) if whole is None else whole
    assert found["chi2"][0] == pytest.approx(2 * (whole - plain_maximum(ONE, responders)), abs=1e-6)
    assert found["test_code"].tolist() == ["", ""]
    assert found["tau2"].isna().all()
    assert slope["code"].tolist() == ["only_ends"] * 2
    assert slope[["lr_chi2", "lr_p"]].isna().all(axis=None)


@given(ratio=st.floats(0, 60), q=st.integers(1, 4), k=st.integers(6, 60), p=st.integers(1, 5))
def test_p_of_a_likelihood_ratio_is_that_of_f(ratio, q, k, p):
    """And for one coefficient below 1 - conf_level where the ratio exceeds the critical value of the interval."""
    assert likelihood_ratio_p(ratio, q, k, p) == pytest.approx(f_tail(ratio, q, k, p), abs=1e-7)
    critical = student_likelihood_ratio(0.9, np.array(k), p)
    assert likelihood_ratio_p(float(critical), 1, k, p) == pytest.approx(0.1, abs=1e-9)


def test_normal_effects_have_the_level_of_f():
    """Simulated: three groups of two normal effects, variance estimated; P < .05 in 5 % (se 0.1 %)."""
    y = np.random.default_rng(11).standard_normal((40_000, 3, 2))
    within, whole = y.var(axis=2).mean(axis=1), y.reshape(-1, 6).var(axis=1)
    p = [likelihood_ratio_p(ratio, 2, 6, 3) for ratio in 6 * np.log(whole / within)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.004)


# --- meta-regression ------------------------------------------------------------------------------------------------


SINCE = np.column_stack([np.ones(6), SIX["since_2005"]])


def test_regression_of_lme4():
    """glmer(cbind(x, n - x) ~ y + (1 | i), nAGQ = 25): printed to 8 digits, its optimiser stops near 1e-5."""
    found = meta_regression(SIX, "since_2005")
    assert found["term"].tolist() == ["intercept", "since_2005"]
    assert found["b"].tolist() == pytest.approx([-0.34689026, -0.08984747], abs=2e-5)
    assert found["se"].tolist() == pytest.approx([0.37661574, 0.07185905], abs=2e-5)
    assert found["wald_z"][1] == pytest.approx(-1.2503293, abs=2e-5)
    assert found["wald_p"][1] == pytest.approx(0.2111793, abs=1e-5)
    ratio = 2 * (plain_maximum(SINCE) - plain_maximum(ONE))
    assert found["lr_chi2"][1] == pytest.approx(ratio, abs=1e-6)
    assert found["lr_p"][1] == pytest.approx(f_tail(ratio, 1, 6, 2), abs=1e-6)
    assert np.isnan(found["lr_chi2"][0])
    assert found["note"][0] == "fewer than 10 studies for each coefficient: a hint at most"


@pytest.mark.parametrize("name", ["debruin2009", "bcg_treated"])
def test_regression_of_metafor(name):
    known, arms = reference(name)
    first = sorted(set(arms["mod"]))[0]
    # metafor takes the first category of the alphabet as the base, meta_regression the most frequent.
    indicators = {f"is_{word}": (arms["mod"] == word).astype(float) for word in sorted(set(arms["mod"]))[1:]}
    found = meta_regression(arms.assign(**indicators), list(indicators))
    assert first not in {name[3:] for name in indicators}
    assert found["b"].tolist() == pytest.approx(known["b"], abs=2e-4)
    assert found["se"].tolist() == pytest.approx(known["se"], rel=6e-4)
    assert found["tau2"][0] == pytest.approx(known["tau2"], abs=2e-4)


def test_regression_on_categories_is_the_subgroup_test():
    arms = pd.concat([SIX, SIX.assign(responders=[2, 2, 5, 1, 3, 1], disease=list("cccbbb"))], ignore_index=True)
    found, groups = meta_regression(arms, "disease"), subgroups(arms, "disease")
    assert found["term"].tolist() == ["intercept", "disease: a against b", "disease: c against b"]
    assert found["lr_chi2"][1] == pytest.approx(groups["chi2"][0], abs=1e-8)
    assert found["lr_p"][1] == pytest.approx(groups["p"][0], abs=1e-8)
    assert found[["lr_df", "lr_ddf"]].iloc[1:].to_numpy().tolist() == [[2, 9]] * 2
    b = groups.set_index("disease")["b"]
    assert found["b"].tolist() == pytest.approx([b["b"], b["a"] - b["b"], b["c"] - b["b"]], abs=1e-7)


def test_regression_does_not_mind_units():
    year = meta_regression(SIX.assign(year=SIX["since_2005"] + 2005), "year")
    since = meta_regression(SIX, "since_2005")
    for name in ("b", "se", "ci_lb", "ci_ub", "lr_chi2"):
        assert year[name][1] == pytest.approx(since[name][1], rel=1e-6)
    assert year["ci_lb"][1] < year["b"][1] < year["ci_ub"][1]


def test_limits_of_a_slope_meet_their_definition():
    """With the slope held at a limit, the penalised likelihood is less by Student's critical value."""
    for limit in meta_regression(SIX, "since_2005")[["ci_lb", "ci_ub"]].iloc[1]:
        held = plain_maximum(ONE, offset=limit * SIX["since_2005"].to_numpy())
        ratio = 2 * (plain_maximum(SINCE) - held)
        assert ratio == pytest.approx(6 * np.log1p(t.ppf(0.975, 4) ** 2 / 4), abs=1e-6)


def test_category_in_which_all_respond_has_no_finite_slope():
    arms = SIX.assign(responders=[8, 9, 10, 2, 1, 4])
    found = meta_regression(arms, "disease")
    assert found["term"][1] == "disease: b against a"
    assert found["b"].isna().all()
    assert "no finite estimate" in found["note"][1]
    groups = subgroups(arms, "disease")
    assert found[["lr_chi2", "lr_p"]].loc[1].tolist() == pytest.approx(groups[["chi2", "p"]].loc[0].tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("arms", "covariates", "note"),
    [
        (SIX.assign(x=1.0), "x", "the covariates do not vary, or one determines another"),
        (
            SIX.assign(x=SIX["since_2005"] * 2),
            ["since_2005", "x"],
            "the covariates do not vary, or one determines another",
        ),
        (SIX.iloc[:3], "since_2005", "3 studies for 2 coefficients and tau2"),
        (SIX.assign(responders=0), "since_2005", "all or no patients respond"),
        (
            SIX.assign(responders=[8, 9, 0, 0, 0, 12]),
            "since_2005",
            "every study has only responders or none: tau2 grows without bound",
        ),
    ],
)
def test_regression_that_cannot_be_fitted(arms, covariates, note):
    found = meta_regression(arms, covariates)
    assert found["status"].tolist() == ["not_estimable"] * len(found)
    assert found["note"][0] == note
    assert found["b"].isna().all()


def test_regression_leaves_out_what_is_not_known():
    arms = SIX.assign(since_2005=[-7, np.nan, -1, 2, 5, 8])
    found = meta_regression(arms, "since_2005")
    known = meta_regression(arms.dropna(), "since_2005")
    assert found["k"][0] == 5
    assert found["note"][0].startswith("1 without covariate left out")
    assert found["b"].tolist() == known["b"].tolist()


def test_regression_errors():
    with pytest.raises(ValueError, match=r"^covariates must be different and at least one: a, a$"):
        meta_regression(SIX, ["a", "a"])
    with pytest.raises(ValueError, match=r"^covariates must be different and at least one: none$"):
        meta_regression(SIX, [])
    with pytest.raises(
        ValueError, match=r"^no column dose; the table has study_id, disease, responders, n, since_2005$"
    ):
        meta_regression(SIX, ["since_2005", "dose"])
    with pytest.raises(ValueError, match=r"^more responders than patients: arm 1 of 6 has 30 of n = 8$"):
        meta_regression(SIX.assign(responders=30), "since_2005")
    with pytest.raises(ValueError, match="conf_level"):
        meta_regression(SIX, "since_2005", conf_level=1.5)
    with pytest.raises(ValueError, match=r"^interval 'hk' is not one of profile_student, wald_z$"):
        subgroups(SIX, "disease", interval="hk")


def many_studies():
    random = np.random.default_rng(4)
    n = random.integers(8, 40, size=24)
    frame = pd.DataFrame(
        {
            "n": n,
            "dose": random.normal(size=24),
            "age": random.normal(size=24),
            "male": random.random(24),
            "disease": random.choice(list("abc"), 24),
        }
    )
    eta = -0.3 + 0.5 * frame["dose"] - 0.4 * frame["age"] + random.normal(0, 0.5, 24)
    return frame.assign(responders=random.binomial(n, expit(eta)))


def test_regression_on_four_covariates():
    """All that the data carry: the likelihood is at a maximum by Gauss-Hermite quadrature of its own."""
    frame = many_studies()
    found = meta_regression(frame, ["dose", "age", "male", "disease"])
    assert found["covariate"].tolist() == ["intercept", "dose", "age", "male", "disease", "disease"]
    assert found["status"].unique().tolist() == ["ok"]
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    base = frame["disease"].value_counts().index[0]
    levels = [level for level in "abc" if level != base]
    design = np.column_stack([np.ones(24), frame[["dose", "age", "male"]], *(frame["disease"] == v for v in levels)])

    def height(beta, tau):
        p = expit((design @ beta)[:, None] + tau * nodes)
        return np.log(
            binom.pmf(frame["responders"].to_numpy()[:, None], frame["n"].to_numpy()[:, None], p) @ weights
        ).sum()

    beta, tau = found["b"].to_numpy(float), np.sqrt(found["tau2"][0])
    top = height(beta, tau)
    assert found["loglik"][0] == pytest.approx(top, abs=1e-6)
    for j in range(beta.size):
        for step in (-0.02, 0.02):
            assert height(beta + step * np.eye(beta.size)[j], tau) < top
    assert max(height(beta, tau - 0.02), height(beta, tau + 0.02)) < top


def test_regression_with_too_many_covariates():
    frame = many_studies().iloc[:5]
    found = meta_regression(frame, ["dose", "age", "male"])
    assert found["code"].tolist() == ["too_few_studies"] * 4
    assert found["note"][0].startswith("5 studies for 4 coefficients")


def test_prediction_of_a_regression():
    """At its own values by hand from the coefficients; with a category, the same as its subgroup."""
    frame = many_studies()
    found = predict_regression(frame, ["dose"], pd.DataFrame({"dose": [0.0, 1.0]}))
    terms = meta_regression(frame, "dose")
    assert found["b"].tolist() == pytest.approx([terms["b"][0], terms["b"].sum()], abs=1e-10)
    half = t.ppf(0.975, 22) * terms["se"][0]
    assert [found["ci_lb"][0], found["ci_ub"][0]] == pytest.approx(
        expit(terms["b"][0] + np.array([-half, half])).tolist()
    )
    assert (found["pi_lb"] < found["ci_lb"]).all()
    assert (found["ci_ub"] < found["pi_ub"]).all()
    groups = subgroups(frame, "disease", interval="wald_z")
    by_disease = predict_regression(frame, "disease", groups[["disease"]])
    for name in ("estimate", "se"):
        assert by_disease[name].tolist() == pytest.approx(groups[name].tolist(), abs=1e-7)


def test_a_further_study_is_predicted_as_without_covariates():
    """With the intercept alone: the pooled prediction takes the density of b less roughly, the difference is 0.002."""
    frame = many_studies()
    pooled = pool_responses(frame["responders"], frame["n"])
    counts = (frame[name].to_numpy(float) for name in ("responders", "n"))
    further = further_studies(*counts, np.ones((24, 1)), np.ones((1, 1)), RIDGE)
    limits = expit(np.ravel(study_limits(further, 0.95)))
    assert limits.tolist() == pytest.approx([pooled["pi_lb"], pooled["pi_ub"]], abs=0.003)


@pytest.mark.parametrize(("unit", "start"), [(1e-6, 0), (1, 2000), (3e7, 1e9)])
def test_limits_depend_on_neither_unit_nor_origin_of_another_covariate(unit, start):
    """Beside calendar years intervals were up to 41 % too narrow when each coefficient was climbed to for itself."""
    arms = many_studies()[:9]
    plain = meta_regression(arms, ["dose", "age"])
    moved = meta_regression(arms.assign(age=start + unit * arms["age"]), ["dose", "age"])
    for name in ("b", "ci_lb", "ci_ub", "lr_p"):
        assert moved[name][1] == pytest.approx(plain[name][1], rel=1e-6)
        assert moved[name][2] * (1 if name == "lr_p" else unit) == pytest.approx(plain[name][2], rel=1e-6)
    inside = (plain["ci_lb"] < 0) & (plain["ci_ub"] > 0)
    assert (inside == (plain["lr_p"] > 0.05))[1:].all()


def test_what_the_others_determine_is_finite_beside_an_infinite_coefficient():
    """In the base all respond: no coefficient is finite, but the proportions of the other groups are."""
    arms = pd.DataFrame({"responders": [5, 6, 4, 7, 2, 3, 1, 4], "n": [5, 6, 4, 7, 8, 9, 7, 9], "g": list("aaaabbcc")})
    found = predict_regression(arms, "g", pd.DataFrame({"g": list("abc")}))
    assert found["code"].tolist() == ["infinite", "", ""]
    assert found["estimate"][1:].tolist() == pytest.approx([5 / 17, 5 / 16], abs=1e-6)
    one_sided = meta_regression(arms[4:].assign(responders=[1, 2, 0, 4], n=[2, 2, 2, 7], y=[9, 20, -3, 8]), "y")
    assert one_sided["code"].tolist() == ["", "no_limit"]


def test_prediction_that_cannot_be():
    with pytest.raises(ValueError, match=r"^disease 'z' is in no study; one of a, b$"):
        predict_regression(SIX, "disease", pd.DataFrame({"disease": ["a", "z"]}))
    with pytest.raises(ValueError, match=r"^no column disease in the studies to predict$"):
        predict_regression(SIX, "disease", pd.DataFrame({"x": [1]}))
    separated = SIX.assign(responders=[8, 9, 10, 2, 1, 4])
    found = predict_regression(separated, "disease", pd.DataFrame({"disease": ["a", "b"]}))
    assert "infinite" in found["code"].tolist()
    assert found["estimate"].isna().tolist() == (found["code"] == "infinite").tolist()
    assert predict_regression(SIX.iloc[:3], "since_2005", SIX)["code"].unique().tolist() == ["too_few_studies"]


# --- small-study effects --------------------------------------------------------------------------------------------


def test_small_study_test_needs_ten():
    found = small_study_test(SIX).loc[0]
    assert (found["tested"], found["reason"], found["k"]) == ("no", "6 studies, 10 needed", 6)
    assert np.isnan(found["b"])
    same = pd.DataFrame({"responders": [1, 2, 3, 4, 5] * 2, "n": 8})
    assert small_study_test(same)["reason"][0] == "all studies have the same size"
    assert small_study_test(same)["code"][0] == "same_size"
    assert found["code"] == "too_few_studies"


def test_small_study_test_finds_a_slope():
    """Small studies report more: the slope on 1/n is that of the regression, and its test rejects."""
    n = np.array([4, 4, 5, 6, 8, 10, 20, 40, 60, 80, 100, 120])
    arms = pd.DataFrame({"n": n, "responders": np.round(n * expit(-1 + 8 / n))})
    found = small_study_test(arms).loc[0]
    slope = meta_regression(arms.assign(inverse=1 / n), "inverse").loc[1]
    assert (found["tested"], found["reason"]) == ("yes", "")
    assert found["b"] == pytest.approx(slope["b"])
    assert found["b"] > 0
    assert found["lr_p"] < 0.002
    level = small_study_test(arms.assign(responders=np.round(n * 0.4))).loc[0]
    assert level["lr_p"] > 0.5


# --- variants of one pool -------------------------------------------------------------------------------------------


def test_leave_one_out_is_the_pool_of_the_rest():
    """lme4 1.1.31, glmer with 25 nodes, without each study: 0.6206897, 0.4592797, 0.6139687, 0.5523447."""
    found = leave_one_out(DILTIAZEM)
    assert found["left_out"].tolist() == ["", "a", "b", "c", "d"]
    assert found["estimate"].tolist()[1:] == pytest.approx([0.6206897, 0.4592797, 0.6139687, 0.5523447], abs=5e-6)
    assert found["tau2"].tolist()[1:] == pytest.approx([0, 0.01370648, 1.588379, 1.067653], abs=5e-5)
    whole, first = pool_responses(DILTIAZEM["responders"], DILTIAZEM["n"]), found.loc[0, list(RECORD)]
    predicted = ["pi_lb", "pi_ub", "mean_ci_lb", "mean_ci_ub"]
    assert whole[predicted].notna().all()
    assert found[predicted].isna().all(axis=None)
    pd.testing.assert_series_equal(first.drop(predicted), whole.drop(predicted), check_names=False)


def test_leave_one_out_by_group():
    arms = pd.concat([DILTIAZEM.assign(therapy="x"), SIX.iloc[:1].assign(therapy="y")], ignore_index=True)
    arms = arms.iloc[[4, 0, 1, 2, 3]]
    found = leave_one_out(arms, by="therapy", interval="wald_z")
    assert found["therapy"].tolist() == ["y", "y", "x", "x", "x", "x", "x"]
    assert found["left_out"].tolist() == ["", "u", "", "a", "b", "c", "d"]
    assert found["status"].tolist()[:2] == ["single_study", "no_data"]
    assert found["note"][1] == ""
    assert found["estimate"].tolist()[2:] == leave_one_out(DILTIAZEM, interval="wald_z")["estimate"].tolist()


def test_leave_one_out_drops_all_arms_of_a_study():
    arms = pd.concat([DILTIAZEM, DILTIAZEM.iloc[[0]].assign(responders=1, n=3)], ignore_index=True)
    found = leave_one_out(arms)
    assert found["k"].tolist() == [5, 3, 4, 4, 4]


def test_influence_is_with_minus_without():
    found, every = influence(DILTIAZEM), leave_one_out(DILTIAZEM)
    assert found["study_id"].tolist() == ["a", "b", "c", "d"]
    assert found["n"].tolist() == [12, 4, 17, 8]
    assert found["delta_estimate"].tolist() == (every["estimate"][0] - every["estimate"][1:]).tolist()
    assert found["delta_tau2"].tolist() == (every["tau2"][0] - every["tau2"][1:]).tolist()
    assert found["delta_b"].abs().idxmax() == 1  # 4 of 4
    arms = pd.concat([DILTIAZEM.assign(therapy="x"), SIX.assign(therapy="y")], ignore_index=True)
    assert influence(arms, by=["therapy"]).groupby("therapy").size().to_dict() == {"x": 4, "y": 6}


def test_cumulative_by_year():
    found = cumulative(DILTIAZEM)
    assert found["added"].tolist() == ["b", "a;d", "c"]
    assert found["year"].tolist() == [1995, 1998, 2012]
    assert found["k"].tolist() == [1, 3, 4]
    assert found["events"].tolist() == [4, 12, 21]
    assert found["estimate"].iloc[-1] == pool_responses(DILTIAZEM["responders"], DILTIAZEM["n"])["estimate"]


def test_cumulative_puts_the_unknown_last():
    arms = DILTIAZEM.assign(year=["NR", "1995", "2012", "1998"], therapy="x")
    found = cumulative(arms, by="therapy")
    assert found["added"].tolist() == ["b", "d", "c", "a"]
    assert found["k"].tolist() == [1, 2, 3, 4]
    assert np.isnan(found["year"].iloc[-1])
    assert len(cumulative(DILTIAZEM.iloc[:0])) == 0


def test_scenarios():
    arms = pd.concat([DILTIAZEM.assign(therapy="x"), SIX.assign(therapy="y")], ignore_index=True)
    found = pool_scenarios(arms, {"all": arms["n"] > 0, "n > 9": arms["n"] > 9, "none": arms["n"] > 99}, by="therapy")
    assert found["scenario"].tolist() == ["all", "all", "n > 9", "n > 9", "none", "none"]
    assert found["left_out"].tolist() == [0, 0, 2, 4, 4, 6]
    assert found["k"].tolist() == [4, 6, 2, 2, 0, 0]
    assert found["status"].tolist()[4:] == ["no_data"] * 2
    plain = pool_many(arms[arms["n"] > 9], by="therapy")
    assert found["estimate"][2:4].tolist() == plain["estimate"].tolist()
    assert not found["note"].str.contains("empty_arms").any()


def test_all_methods_side_by_side():
    arms = pd.concat([DILTIAZEM.assign(therapy="x"), SIX.assign(therapy="y")], ignore_index=True)
    found = all_methods(arms, by="therapy", conf_level=0.9)
    assert set(found["method"]) == set(METHODS)
    assert found["label"].groupby(found["therapy"]).apply(lambda labels: labels.is_unique).all()
    assert found["therapy"].is_monotonic_increasing
    assert (found["conf_level"] == 0.9).all()
    for _, row in found.iterrows():
        options = {name: row[name] for name in ("interval", "measure", "tau2_method") if row[name]}
        if row["method"] == "fixed":
            options = {"measure": row["measure"]}
        mine = arms[arms["therapy"] == row["therapy"]]
        one = pool_responses(mine["responders"], mine["n"], method=row["method"], conf_level=0.9, **options)
        assert one["estimate"] == pytest.approx(row["estimate"], abs=1e-10)
    assert logit(found["estimate"]).between(-3, 3).all()
