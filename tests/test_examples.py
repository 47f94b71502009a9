"""The two reviews in examples/ that are of other kinds: prevalence, and several arms a study, against metafor."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from small_evidence.appraisal.levels import grade_studies
from small_evidence.config import read_config
from small_evidence.extraction.checks import check_extraction
from small_evidence.figures.covariates import bubble_plot
from small_evidence.review import Review
from small_evidence.synthesis.analyses import COVARIATE, heterogeneity, pool_arms
from small_evidence.synthesis.comparisons import compare_arms
from small_evidence.synthesis.policy import select_arms
from small_evidence.tables.covariates import covariate_table

ROOT = Path(__file__).parents[1]
METAFOR = pd.read_csv(ROOT / "tests/reference/examples/pooled.csv")  # by make.R beside it
B, TAU2 = 1e-4, 2e-4  # of another optimiser: metafor stops at a relative change of the likelihood of 1e-8


@pytest.fixture(scope="module", params=["prevalence", "anticoagulation"])
def example(request):
    folder = ROOT / "examples" / request.param
    config = read_config(folder)
    tables, issues = check_extraction(folder / "data/raw", covariates=config["synthesis"]["covariates"])
    # what is left out is written in the README: every count is known from the paper that pooled them
    assert set(issues["rule"]) <= {"pooled_secondary", "made_column"}
    review = Review(tables, config)
    review = review.with_results({"study_levels": grade_studies(review)})
    arms = select_arms(review)
    arms = arms[arms["disease"] == "all"]  # there is one disease: by disease everything would be the same
    review = review.with_results({"arms": arms, "pooled": pool_arms(review, arms)})
    tested = METAFOR.loc[METAFOR["model"].isin(review.covariates), "analysis"]  # the other tests take most of the time
    part = review.with_results({"arms": arms[arms["analysis"].isin(tested)]})
    return request.param, review.with_results({"heterogeneity": heterogeneity(part)})


def test_pooled_numbers_against_metafor(example):
    name, review = example
    wanted = METAFOR[(METAFOR["review"] == name) & (METAFOR["model"] == "glmm")].set_index("analysis")
    pooled = review["pooled"].set_index("analysis")
    assert set(wanted.index) <= set(pooled.index[pooled["pooled"] == "yes"]) | {"class-vka"}  # a class of one drug
    for analysis, row in wanted.drop(index="class-vka", errors="ignore").iterrows():
        ours = pooled.loc[analysis]
        assert ours["b"] == pytest.approx(row["b"], abs=B)
        assert ours["se"] == pytest.approx(row["se"], abs=5e-4)
        assert ours["tau2"] == pytest.approx(row["tau2"], abs=TAU2)


def test_covariates_against_metafor(example):
    name, review = example
    tests = review["heterogeneity"]
    found = tests[tests["factor"] == COVARIATE].set_index(["analysis", "covariate"])
    wanted = METAFOR[METAFOR["model"].isin(review.covariates) & (METAFOR["analysis"] != "class-vka")]
    wanted = wanted[wanted["review"] == name]
    assert len(wanted)
    for row in wanted.itertuples():
        ours = found.loc[[(row.analysis, row.model)]]
        if name == "anticoagulation":  # numeric: the slope itself
            assert ours["b"].item() == pytest.approx(row.b, abs=B)
            assert ours["tau2"].item() == pytest.approx(row.tau2, abs=TAU2)
            assert ours["ci_lb"].item() < row.b < ours["ci_ub"].item()
        else:  # categorical: the difference of two groups
            b = ours.set_index("subgroup")["b"]
            assert b["test"] - b["self-report"] == pytest.approx(row.b, abs=B)
            assert ours["tau2"].iloc[0] == pytest.approx(row.tau2, abs=TAU2)
            assert ours["p"].iloc[0] < 0.01


def test_every_arm_is_in_one_therapy_and_a_study_counts_once(example):
    name, review = example
    pooled = review["pooled"].set_index("analysis")
    if name == "prevalence":
        assert pooled.loc["class-smell", ["k", "k_arms", "events", "n"]].tolist() == [35, 35, 7711, 16349]
        return
    rows = list(csv.DictReader((ROOT / "examples/anticoagulation/data/raw/responses.csv").open(encoding="utf-8")))
    alone = review["arms"].query("scope == 'therapy' and disease == 'all' and entered == 'yes'")
    assert len(rows) == 44
    assert len(alone) == sum(row["therapy"] != "placebo" for row in rows) == 36
    assert pooled.loc["class-antiplatelet", ["k", "k_arms"]].tolist() == [14, 15]  # ACTIVE A has two arms of the class
    assert pooled.loc["class-doac", ["k", "k_arms"]].tolist() == [4, 5]  # RE-LY two doses
    assert pooled.loc["placebo", ["pooled", "k", "n"]].tolist() == ["no", 0, 0]


def test_warfarin_and_placebo_within_trials_against_metafor(example):
    name, review = example
    if name == "prevalence":
        return
    responses = review["responses"]
    pair = review.with_tables(responses=responses[responses["therapy"].isin(["vka", "placebo"])])
    row = compare_arms(pair).query("measure == 'RR' and reason == ''").iloc[0]
    assert row[["therapy", "comparator"]].tolist() == ["vka", "placebo"]
    wanted = METAFOR.query("analysis == 'vka-placebo'").iloc[0]
    assert row["k"] == wanted["k"]
    assert pd.Series([row["estimate"]]).map("{:.6f}".format).item() == f"{2.718281828459045 ** wanted['b']:.6f}"


def test_bubbles_and_the_table_of_covariates(example):
    name, review = example
    table = covariate_table(review)
    if name == "prevalence":
        groups = table.frame.query("Treatment == 'Assessments of smell'")
        assert groups["Group"].tolist() == ["test", "self-report"]
        assert "categorical" in bubble_plot(review, "method-class-smell").absent
        return
    row = table.frame.query("Treatment == 'Aspirin'").iloc[0]
    assert row["Group"] == "One unit more"
    assert row["OR"].startswith("0.98 [")  # exp(-0.0214)
    drawing = bubble_plot(review, "year-aspirin")
    assert len(drawing.shapes("marks")) == 13
    assert "0.98 [" in " ".join(text.words for text in drawing.texts)  # the odds ratio of the table
    assert [text.words for text in drawing.texts if text.bold][-1:] == ["Year"]  # the axis
    assert {"1990", "2010"} <= {text.words for text in drawing.texts}
    assert "WASPO 2007 2007: 0.0 of 39" in drawing.alt_text
    assert not any("arrow" in text.words for text in drawing.texts)  # it draws none
