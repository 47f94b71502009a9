"""The functions of `import small_evidence as se`: the numbers of the engine under free column names, printed."""

import doctest
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import small_evidence as se
from small_evidence.pooling import pool_responses
from small_evidence.pooling.comparisons import compare
from tests.conftest import PROJECT

STUDIES = pd.DataFrame(
    {
        "author": [f"SYNTHETIC {letter}" for letter in "abcdef"],
        "events": [3, 5, 8, 2, 1, 4],
        "total": [8, 9, 10, 8, 9, 12],
        "year": [1998, 2001, 2004, 2007, 2010, 2013],
        "dose": [10, 20, 20, 10, 5, 15],
        "route": ["oral", "oral", "iv", "oral", "iv", "iv"],
    }
)
NAMES = {"x": "events", "n": "total", "label": "author"}


def test_the_page_on_python_shows_what_python_prints():
    options = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failed, tried = doctest.testfile(str(PROJECT / "docs/python.md"), module_relative=False, optionflags=options)
    assert (failed, tried > 10) == (0, True)


def test_importing_the_package_imports_no_library():
    look = (
        "import sys, small_evidence; print([name for name in ('pandas', 'numpy', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout.strip() == "[]"


def test_every_name_of_the_package_leads_somewhere():
    assert all(callable(getattr(se, name)) for name in se.__all__)
    with pytest.raises(AttributeError, match="forrest"):
        se.forrest  # noqa: B018


def test_pool_gives_the_record_of_the_engine_from_lists_and_from_a_table():
    engine = pool_responses(STUDIES["events"], STUDIES["total"])
    for result in (se.pool(STUDIES, **NAMES), se.pool(STUDIES["events"].tolist(), STUDIES["total"].tolist())):
        assert all(result[name] == engine[name] for name in ("estimate", "ci_lb", "ci_ub", "pi_lb", "tau2", "interval"))
    assert "23/56 (41.1%)" in str(result)
    assert "23/56" in result._repr_html_()
    grouped = se.pool(STUDIES, **NAMES, by="route", method="crude").to_frame()
    assert grouped[["route", "events", "n"]].to_numpy().tolist() == [["oral", 10, 25], ["iv", 13, 31]]


def test_text_of_the_data_is_no_markup():
    assert "<b>" not in se.pool(STUDIES.assign(route="<b>x</b>"), **NAMES, by="route")._repr_html_()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: se.pool(STUDIES, x="event", n="total"), "nearest is 'events'; there are author, events"),
        (lambda: se.subgroups(STUDIES, "rout", x="events", n="total"), "nearest is 'route'"),
        (lambda: se.pool([1, 2], [3, 4], by="route"), "no column 'route'"),
        (lambda: se.pool([1, 2], [3]), "2 numbers of responders but 1 of patients"),
        (lambda: se.pool([1, 2]), "patients are missing"),
        (lambda: se.forest([5], [4]), "5 of n = 4"),
        (lambda: se.compare(STUDIES, x1="events", n1="totl", x2="events", n2="total"), "nearest is 'total'"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_there(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_subgroups_test_their_difference():
    result = se.subgroups(STUDIES, "route", **NAMES)
    assert result.to_frame()["route"].tolist() == ["oral", "iv"]
    assert f"P = {result.to_frame()['p'].iloc[0]:.3f}" in result.title


def test_subgroups_that_no_study_names_are_not_tested():
    result = se.subgroups(STUDIES.assign(route=None), "route", **NAMES)
    assert result.to_frame().empty
    assert "no test" in result.title


def test_meta_regression_predicts_and_draws_with_several_covariates():
    model = se.meta_regression(STUDIES, ["year", "dose"], **NAMES)
    frame = model.to_frame().set_index("term")
    assert list(frame.index) == ["intercept", "year", "dose"]
    for name in ("year", "dose"):  # interval and P are of one likelihood
        assert (frame.loc[name, "lr_p"] < 0.05) == (frame.loc[name, "ci_lb"] * frame.loc[name, "ci_ub"] > 0)
    predicted = model.predict({"year": [2000, 2010], "dose": [10, 10]})
    assert predicted["estimate"].between(0, 1).all()
    axes = model.bubble_plot("dose").axes[0]
    assert axes.get_xlabel() == "dose"
    shown = axes.collections[-1]
    assert np.allclose(shown.get_offsets()[:, 1], 100 * STUDIES["events"] / STUDIES["total"])
    assert shown.get_sizes()[2] / shown.get_sizes()[0] == pytest.approx(10 / 8)  # area in proportion to patients
    with pytest.raises(ValueError, match="it has year, dose"):
        model.bubble_plot("route")


TAKEN = pd.DataFrame(
    {
        "events": [3, 5, 8, 2, 1, 4, 6, 3],
        "total": [8, 9, 10, 8, 9, 12, 9, 8],
        "n": [20, 30, 40, 20, 30, 40, 20, 30],
        "responders": [1, 2] * 4,
        "route": list("ababbaab"),
    }
)


@pytest.mark.parametrize("name", ["n", "responders", "study_id", "intercept"])
def test_a_covariate_may_have_any_name(name):
    data = TAKEN.assign(**{name: TAKEN["n"]}, counted=TAKEN["events"], treated=TAKEN["total"], centres=TAKEN["n"])
    counts = {"x": "counted", "n": "treated"}
    found = se.meta_regression(data, [name, "route"], **counts)
    other = se.meta_regression(data, ["centres", "route"], **counts)
    numbers = ["b", "ci_lb", "ci_ub", "lr_p", "tau2"]
    pd.testing.assert_frame_equal(found.to_frame()[numbers], other.to_frame()[numbers])
    assert found.to_frame()["term"].tolist() == ["intercept", name, "route: b against a"]
    assert found.to_frame()["covariate"].tolist() == ["intercept", name, "route"]
    at = {"route": ["a", "b"]}
    known, same = found.predict({name: [25, 35], **at}), other.predict({"centres": [25, 35], **at})
    assert known.columns[:2].tolist() == [name, "route"]
    assert known["estimate"].tolist() == same["estimate"].tolist()
    assert found.bubble_plot().axes[0].get_xlabel() == name


def test_a_covariate_called_n_replaces_no_count():
    slope = se.meta_regression(TAKEN, "n", x="events", n="total").to_frame().iloc[1]
    assert (slope["term"], round(slope["b"], 3), round(slope["lr_p"], 3)) == ("n", 0.023, 0.580)


@pytest.mark.parametrize("name", ["responders", "studies"])
def test_a_group_may_have_the_name_of_a_column_of_the_engine(name):
    counts = {"x": "events", "n": "total"}
    data = TAKEN.assign(r=TAKEN["responders"]).assign(**{name: TAKEN["responders"]})
    for result, other in (
        (se.pool(data, **counts, by=name), se.pool(data, **counts, by="r")),
        (se.pool(data, **counts, by=[name, "route"]), se.pool(data, **counts, by=["r", "route"])),
    ):
        pd.testing.assert_frame_equal(result.to_frame().rename(columns={name: "r"}), other.to_frame())
        assert result.table.columns[0] == name
        assert result.table.to_numpy().tolist() == other.table.to_numpy().tolist()


@pytest.mark.parametrize("name", ["responders", "study_id"])
def test_subgroups_may_have_the_name_of_a_column_of_the_engine(name):
    counts = {"x": "events", "n": "total"}
    data = TAKEN.assign(r=TAKEN["responders"]).assign(**{name: TAKEN["responders"]})
    result, other = (se.subgroups(data, by, **counts) for by in (name, "r"))
    pd.testing.assert_frame_equal(result.to_frame().rename(columns={name: "r"}), other.to_frame())
    assert result.title == other.title.replace("by r", f"by {name}")


@pytest.mark.parametrize("name", ["k", "p", "studies", "n"])
def test_a_group_with_the_name_of_a_result_is_refused(name):
    data = TAKEN.assign(**{name: TAKEN["responders"]})
    with pytest.raises(ValueError, match=f"a column '{name}' of its own"):
        se.subgroups(data, name, x="events", n="total")


def test_a_covariate_with_the_name_of_a_prediction_is_not_overwritten():
    model = se.meta_regression(TAKEN.assign(se=TAKEN["n"]), "se", x="events", n="total")
    with pytest.raises(ValueError, match="a column 'se' of its own"):
        model.predict({"se": [25]})
    assert model.bubble_plot().axes[0].get_xlabel() == "se"


def test_leave_one_out_has_a_row_without_each_study():
    frame = se.leave_one_out(STUDIES, **NAMES).to_frame()
    assert frame["left_out"].tolist() == ["", *STUDIES["author"]]
    assert frame["k"].tolist() == [6] + [5] * 6


def test_compare_gives_the_comparison_of_the_engine():
    arms = [[8, 5, 9], [10, 9, 12], [3, 2, 4], [10, 8, 11]]
    result = se.compare(*arms)
    assert result["estimate"] == compare(*arms)["estimate"]
    assert "5.21" in str(result)


def test_forest_shows_the_studies_and_the_same_interval_as_pool():
    drawing = se.forest(STUDIES, **NAMES, title="Responders")
    words = {text.words for text in drawing.texts}
    pooled = se.pool(STUDIES, **NAMES)
    assert {"SYNTHETIC a", "3/8", "23/56", pooled.table.iloc[0, 2]} <= words
    assert "Level" not in words  # counts have no level of evidence
    assert drawing.figure().get_label() == "Forest plot: Responders"
