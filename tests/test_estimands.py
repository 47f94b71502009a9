"""Every output that prints a pooled value says whose proportion it is, and no range mixes medians and means."""

import numpy as np
import pytest
from scipy.special import expit

from small_evidence.figures.forest import forest_plot
from small_evidence.figures.sensitivity import arm_sizes_forest, leave_one_out_forest, methods_forest
from small_evidence.figures.summary import summary_forest
from small_evidence.pooling.likelihood import Point, mean_proportion, median_of_mean
from small_evidence.pooling.methods import METHODS
from small_evidence.presentation.manuscript import _ranges, results_text
from small_evidence.presentation.report import _results, overview
from small_evidence.tables.findings import findings_table
from small_evidence.tables.responses import table_iv
from small_evidence.wording import per_cent
from tests.drawn import bundled_review, whole_text

MEDIAN = "median study"
POOLED = [name for name, one in bundled_review().analyses.items() if one.pooled]


@pytest.mark.parametrize("table", [findings_table, table_iv])
def test_columns_of_tables(table):
    (column,) = [column for column in table(bundled_review()).columns if column.name == "Pooled"]
    assert MEDIAN in column.heading


@pytest.mark.parametrize("draw", [forest_plot, leave_one_out_forest, arm_sizes_forest, methods_forest])
def test_figures_of_an_analysis(draw):
    assert MEDIAN in whole_text(draw(bundled_review(), POOLED[0]))


def test_the_figure_of_all():
    assert MEDIAN in whole_text(summary_forest(bundled_review()))


def test_a_range_over_models_is_of_one_estimand():
    for name in POOLED:
        one = bundled_review().analysis(name)
        (_, *ranges) = _ranges(one)
        found = {words: {METHODS[one.variants.loc[at, "method"]].estimand for at in own.index} for words, own in ranges}
        assert sorted(map(tuple, found.values())) == [("common",), ("mean",), ("median",)]
        of_median = next(words for words, kinds in found.items() if kinds == {"median"})
        assert of_median.endswith("models of the median study")


def test_sentences():
    words = " ".join(map(str, results_text(bundled_review()).blocks))
    assert words.count("Pooled proportion ") == words.count("Pooled proportion of the median study ") > 0


def test_the_overview_of_the_report():
    """Every pooled value that it prints is that of a named study, and the mean study's stands beside it."""
    words = " ".join(text for _, sentences in overview(bundled_review()) for text, _ in sentences)
    assert words.count(", pooled ") == words.count(" in the median study") > 0
    for name in POOLED:
        one = bundled_review().analysis(name)
        if one in bundled_review().studied and one.label in words:
            assert f"{per_cent(one.result['mean_proportion'])} [" in words


@pytest.mark.parametrize("name", POOLED)
def test_the_results_of_an_analysis_in_the_report(name):
    facts = {fact[0]: fact for fact in _results(bundled_review().analysis(name), bundled_review())}
    assert MEDIAN in facts["Pooled"][1]
    assert any("mean study" in " ".join(map(str, fact)).lower() for fact in facts.values())


@pytest.mark.parametrize(("m", "tau"), [(-1.2, 0.7), (0.8, 1.5), (3.0, 0.4), (-4.0, 2.5)])
def test_derivatives_in_the_mean_study_are_those_of_differences(m, tau):
    """Of any smooth function of median study and tau; differences of 1e-3 are wrong by their square."""

    def height(m, tau):
        b = median_of_mean(np.array([m]), np.array([tau])).b[0]
        return np.sin(b) + b * tau**2 + tau**3

    median = median_of_mean(np.array([m]), np.array([tau]))
    assert mean_proportion(median.b, np.array([tau])) == pytest.approx(expit(m), rel=1e-9)
    b, h = median.b, 1e-3
    by_b = np.sin(b) + b * tau**2 + tau**3, np.cos(b) + tau**2, 2 * b * tau + 3 * tau**2
    there = median.change(Point(*by_b, -np.sin(b), np.full(1, 2 * tau), 2 * b + 6 * tau, np.ones(1)))
    at = {(i, j): height(m + i * h, tau + j * h) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert there.g_b == pytest.approx((at[1, 0] - at[-1, 0]) / (2 * h), abs=1e-4)
    assert there.g_t == pytest.approx((at[0, 1] - at[0, -1]) / (2 * h), abs=1e-4)
    assert there.h_bb == pytest.approx((at[1, 0] - 2 * at[0, 0] + at[-1, 0]) / h**2, abs=1e-4)
    assert there.h_tt == pytest.approx((at[0, 1] - 2 * at[0, 0] + at[0, -1]) / h**2, abs=1e-4)
    mixed = (at[1, 1] - at[1, -1] - at[-1, 1] + at[-1, -1]) / (4 * h**2)
    assert there.h_bt == pytest.approx(mixed, abs=1e-4)
