"""The functions of `import small_evidence as se`: the numbers of the engine under free column names, printed."""

import doctest
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import small_evidence as se
from small_evidence.pooling import pool_responses
from small_evidence.pooling.comparisons import COMPARISON_STATUSES, compare
from small_evidence.pooling.record import STATUSES
from small_evidence.wording import COMPARISON_INTERVALS, NOTES, p_value
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


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: se.pool(["5/8"], [8]), "'5/8' of n = 8"),
        (lambda: se.compare(["5/8"], [8], [3], [8]), "has '5/8' of 8"),
        (lambda: se.pool(pd.concat([STUDIES, STUDIES[["total"]]], axis=1), **NAMES), "2 columns are called 'total'"),
        (lambda: se.subgroups(STUDIES, ["route", "dose"], **NAMES), "one column, not"),
        (lambda: se.meta_regression(STUDIES, [["route"]], **NAMES), "name of a column is needed"),
        (lambda: se.pool([[1, 2], [3, 4]], [5, 6]), "responders must be a number"),
        (lambda: se.pool(np.ones((2, 2)), [5, 6]), "a row of numbers is needed"),
        (lambda: se.forest([], []), "no studies: there is nothing to draw"),
        *(
            (lambda function=function: function(STUDIES, level=0.9), "no option 'level'; nearest is 'conf_level'")
            for function in (se.pool, se.forest, se.leave_one_out, se.compare)
        ),
        (lambda: se.subgroups(STUDIES, "route", level=0.9), "nearest is 'conf_level'"),
        (lambda: se.meta_regression(STUDIES, "year", conflevel=0.9), "nearest is 'conf_level'"),
        (
            lambda: se.meta_regression(STUDIES, "year", x="events", n="total").predict({"year": ["NR"]}),
            "year is missing",
        ),
        (lambda: se.meta_regression(STUDIES, "year", x="events", n="total").predict({"year": ["late"]}), "is a number"),
    ],
)
def test_errors_name_what_was_typed_and_what_is_expected(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "responses.csv" not in str(caught.value)


def test_one_study_may_be_two_numbers():
    assert se.pool(5, 8).to_frame()[["k", "events", "n", "status"]].to_numpy().tolist() == [[1, 5, 8, "single_study"]]
    assert se.pool({"responders": [5, 7], "n": [8, 7]})["n"] == 15


# --- covariates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silent", ["NR", "nr ", "", None, np.nan, "UNCLEAR", "N/A"])
def test_a_covariate_that_says_nothing_leaves_the_study_out(silent):
    for name, others in (("dose", [1, 2, 3, 4, 5]), ("route", ["oral", "oral", "iv", "iv", "iv"])):
        data = STUDIES.assign(**{name: [silent, *others]})
        result, known = se.meta_regression(data, name, **NAMES), se.meta_regression(data.iloc[1:], name, **NAMES)
        numbers = ["term", "k", "b", "ci_lb", "ci_ub", "lr_p", "tau2"]
        pd.testing.assert_frame_equal(result.to_frame()[numbers], known.to_frame()[numbers])
        assert f"left out, no value of {name}: SYNTHETIC a" in result.notes
        assert f"left out, no value of {name}" not in " ".join(known.notes)


def test_numbers_typed_as_text_are_numbers():
    typed = STUDIES.assign(dose=["1", " 2.5", "3e0", "4", "5", "6"])
    result = se.meta_regression(typed, "dose", **NAMES)
    numbers = se.meta_regression(typed.assign(dose=[1, 2.5, 3, 4, 5, 6]), "dose", **NAMES)
    pd.testing.assert_frame_equal(result.to_frame(), numbers.to_frame())
    assert result.to_frame()["term"].tolist() == ["intercept", "dose"]
    assert result.predict({"dose": ["2"]})["estimate"].tolist() == numbers.predict({"dose": [2]})["estimate"].tolist()
    assert result.bubble_plot("dose").axes[0].get_xlabel() == "dose"


def test_categories_and_truths_stay_words_and_a_mixture_is_named():
    year = STUDIES.assign(year=pd.Categorical(["1", "2", "1", "2", "1", "2"]))
    assert se.meta_regression(year, "year", **NAMES).to_frame()["term"].iloc[1] == "year: 2 against 1"
    truth = STUDIES.assign(blind=[True, False] * 3)
    assert se.meta_regression(truth, "blind", **NAMES).to_frame()["term"].iloc[1] == "blind: True against False"
    mixed = se.meta_regression(STUDIES.assign(dose=["1", "1", "1", "high", "high", "high"]), "dose", **NAMES)
    assert any("dose is taken as words" in note and "'high'" in note for note in mixed.notes)


def test_a_group_that_says_nothing_is_left_out_of_subgroups():
    result = se.subgroups(STUDIES.assign(route=["UNCLEAR", "oral", "oral", "iv", "iv", "nr"]), "route", **NAMES)
    assert result.to_frame()["route"].tolist() == ["oral", "iv"]
    assert "left out, no value of route: SYNTHETIC a, SYNTHETIC f" in result.notes


# --- what is printed --------------------------------------------------------------------------------------------------


def test_remarks_and_studies_left_out_are_printed():
    result = se.pool([3, 900, 0], [8, 1000, 0], ["a", "b", "c"])
    assert result["note"].split(";") == ["empty_arms", "giant_arm", "wide_interval"]
    assert "left out, no patients: c" in result.notes
    for code in ("giant_arm", "wide_interval"):
        assert NOTES[code] in str(result)
        assert NOTES[code] in result._repr_html_()


@pytest.mark.parametrize(("x", "status"), [([7, 5], "all_responders"), ([0, 0], "no_responders")])
def test_the_exact_interval_of_several_studies_says_what_it_assumes(x, status):
    result = se.pool(x, [7, 5])
    assert (result["status"], result["note"].split(";")[0]) == (status, "one_proportion_assumed")
    assert NOTES["one_proportion_assumed"] in str(result)
    assert "one_proportion_assumed" not in se.pool(x[:1], [7])["note"]
    assert "one_proportion_assumed" not in se.pool(x, [7, 5], method="crude")["note"]  # its title says so


def test_what_was_not_done_is_printed():
    result = se.subgroups(STUDIES.assign(route=list("aaabbc")), "route", **NAMES)
    assert "no test" in result.title
    assert any(note.startswith("c: one study") for note in result.notes)
    assert "ok" not in result.to_frame().loc[result.to_frame()["estimate"].isna(), "status"].tolist()
    only = se.subgroups(STUDIES.assign(route="a"), "route", **NAMES)
    assert "no test" in only.title
    assert only.to_frame()["ci_lb"][0] == pytest.approx(se.pool(STUDIES, **NAMES)["ci_lb"], abs=1e-8)
    nothing = se.meta_regression(STUDIES.assign(events=0), "year", **NAMES)
    assert nothing.to_frame()["status"].eq("not_estimable").all()
    assert "all or no patients respond" in nothing.notes
    assert "nan" not in str(nothing)


def test_small_p_giant_counts_and_nearly_one_as_coverage():
    counts = se.pool([10**6], [3 * 10**6], conf_level=0.9999)
    assert "1,000,000/3,000,000" in str(counts)
    assert "[99.99% CI]" in str(counts)
    assert "<0.001" in str(se.compare([90, 80], [100, 100], [10, 20], [100, 100], measure="RD"))
    wide = str(se.compare([0, 40], [40, 40], [40, 0], [40, 40]))
    assert "<0.01 to >1,000,000" in wide


def test_a_drawing_has_a_short_name():
    assert len(repr(se.forest(STUDIES, **NAMES))) < 100


@pytest.mark.parametrize(
    ("counts", "measure", "interval"),
    [((8, 10, 3, 10), "RR", "score"), ((8, 10, 3, 10), "RD", "score"), ((8, 10, 3, 10), "OR", "exact"),
     (([5, 4], [5, 4], [0, 0], [6, 3]), "RD", "score"), (([5, 8], [9, 9], [2, 1], [9, 9]), "RR", "wald_z")],
)  # fmt: skip
def test_the_title_of_a_comparison_names_what_was_used(counts, measure, interval):
    result = se.compare(*counts, measure=measure)
    assert result["interval"] == interval
    assert COMPARISON_INTERVALS[interval] in result.title
    assert ("Mantel-Haenszel" in result.title) == (interval == "wald_z")


@pytest.mark.parametrize("arms", [(5, 5, 0, 6), (0, 6, 5, 5), (3, 9, 1, 9)])
def test_a_comparison_says_what_its_status_means(arms):
    assert COMPARISON_STATUSES[compare(*arms)["status"]] in se.compare(*arms).notes


def test_studies_left_out_of_a_comparison_are_printed():
    notes = " ".join(se.compare([3, 4, 0, 2], [9, 8, 6, 5], [1, 2, 0, 0], [9, 9, 7, 0]).notes)
    assert "(study 3)" in notes
    assert "(study 4)" in notes


@pytest.mark.parametrize("method", ["glmm", "beta_binomial", "bayes", "inverse_variance", "fixed", "crude"])
@pytest.mark.parametrize("x", [[0, 0], [5 * 10**11, 4 * 10**11], [5 * 10**11, 5 * 10**11], [3, 10**12]])
def test_giant_studies_have_limits_or_a_status(method, x):
    for responders, patients in ((x, [10**12] * 2), ([*x, 3, 4], [10**12, 10**12, 5, 9])):
        found = pool_responses(responders, patients, method=method)
        limits = np.isfinite([found["ci_lb"], found["ci_ub"]]).all()
        assert limits or found["status"] in ("not_converged", "no_interval")


def test_subgroups_test_their_difference():
    result = se.subgroups(STUDIES, "route", **NAMES)
    assert result.to_frame()["route"].tolist() == ["oral", "iv"]
    assert f"P = {p_value(result.to_frame()['p'].iloc[0])}" in result.title


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
    assert (slope["term"], round(slope["b"], 3), round(slope["lr_p"], 3)) == ("n", 0.023, 0.642)


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


def test_groups_named_by_long_numbers_stay_apart_and_arms_of_a_study_are_one():
    named = STUDIES.assign(pmid=[1234567] * 3 + [1234568] * 3)
    assert se.subgroups(named, "pmid", **NAMES).to_frame()["pmid"].tolist() == ["1234567", "1234568"]
    of_two = STUDIES.assign(route=list("aaabbb"), author=["S1"] * 3 + ["S2"] * 3)
    frame = se.subgroups(of_two, "route", **NAMES).to_frame()
    assert frame["studies"].tolist() == [1, 1]
    assert frame["test_code"][0] == "group_of_one_study"


def test_leave_one_out_has_a_row_without_each_study():
    frame = se.leave_one_out(STUDIES, **NAMES).to_frame()
    assert (
        frame[["mean_ci_lb", "mean_ci_ub"]].notna().all(axis=None)
    )  # what is printed of a mean study has its interval
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


def test_groups_typed_differently_are_one():
    typed = pd.DataFrame({"responders": [3, 5, 8, 2, 1, 4], "n": [8, 9, 10, 8, 9, 12]})
    numbers = se.subgroups(typed.assign(g=[1, "1", 1.0, "2", 2, "2 "]), "g").to_frame()
    words = se.subgroups(typed.assign(g=["oral", "oral ", " oral", "iv", "iv", "iv "]), "g").to_frame()
    assert numbers["g"].tolist() == ["1", "2"]
    assert words["g"].tolist() == ["oral", "iv"]
    assert numbers["p"].tolist() == words["p"].tolist()


def test_small_coefficients_keep_their_digits():
    arms = pd.DataFrame({"responders": [3, 5, 8, 2, 1, 4], "n": [8, 9, 10, 8, 9, 12]})
    shown = se.meta_regression(arms.assign(dose=[1000, 2500, 4000, 300, 200, 1500]), "dose").table.iloc[1]
    lower, upper = map(float, shown["95% CI"].split(" to "))
    assert 0 < lower < float(shown["log odds"]) < upper


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_interval_widened_to_its_estimate_says_so(mirrored):
    xi, ni = np.array([22, *[50] * 6]), np.array([719, *[50] * 6])
    found = se.pool(ni - xi if mirrored else xi, ni)
    assert "widened_to_estimate" in found["note"].split(";")
    assert "widened_to_estimate" not in se.pool([3, 5, 8], [8, 9, 10])["note"]


@pytest.mark.parametrize("swapped", [False, True])
def test_an_infinite_odds_ratio_says_what_it_assumes(swapped):
    arms = ([10, 9], [10, 9], [0, 0], [10, 8])
    found = se.compare(*(arms[2:] + arms[:2] if swapped else arms))
    assert (found["status"], found["note"]) == ("zero" if swapped else "infinite", "one_odds_ratio_assumed")
    assert se.compare(10, 10, 0, 10)["note"] == ""


@pytest.mark.parametrize("level", [".95", True, None, [0.95], float("nan")])
def test_a_level_that_is_no_number_is_named(level):
    with pytest.raises(ValueError, match="conf_level must lie between 0 and 1, not"):
        se.pool([3, 4], [8, 9], conf_level=level)


def test_leaving_one_of_no_studies_out_says_that_there_is_none():
    assert STATUSES["no_data"] in str(se.leave_one_out([], []))
