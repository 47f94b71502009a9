"""Which arms enter which analysis: parallel arms, comparators, time points, outcomes, and the reasons of the others."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_evidence.figures.forest import forest_plot
from small_evidence.synthesis.analyses import grade_and_pool, pool_arms, synthesise
from small_evidence.synthesis.policy import ARMS, select_arms
from small_evidence.tables.characteristics import table_ii
from small_evidence.tables.findings import certainty_notes
from small_evidence.tables.parts import comparison_group_words
from small_evidence.wording import cell
from tests.made_up import review

TWO = {"a": "k", "b": "k"}
CONTROLLED = {"design": "cohort_controlled", "controlled": "yes"}


def row(therapy, x, n, **cells):
    return {"therapy": therapy, "responders": str(x), "n": str(n)} | cells


def parallel(design, names=("one", "two", "three"), arms=("", "")):
    """Studies of 2/10 under a and 9/11 under b."""
    rows = [
        (name, row(therapy, x, n, arm=arm))
        for name in names
        for (therapy, x, n), arm in zip((("a", 2, 10), ("b", 9, 11)), arms, strict=True)
    ]
    return review(dict.fromkeys(names, design), rows, TWO)


def counts(made, analysis):
    """k, arms, events and n of an analysis."""
    pooled = pool_arms(made, select_arms(made)).set_index("analysis")
    return pooled.loc[analysis, ["k", "k_arms", "events", "n"]].tolist()


def reasons(made, analysis):
    """Reason and detail of each arm that is not in the analysis, by study and therapy."""
    arms = select_arms(made).query("analysis == @analysis and entered == 'no'")
    return {(arm.study_id, arm.arm_therapy): (arm.reason, arm.detail) for arm in arms.itertuples()}


def test_arms_of_a_controlled_study_are_different_patients():
    made = parallel(CONTROLLED)
    assert counts(made, "class-k") == [3, 6, 33, 63]
    assert reasons(made, "class-k") == {}


@pytest.mark.parametrize("design", ["rct", "controlled_nonrandomised", "cohort_controlled", "case_control"])
def test_every_design_with_a_comparison_has_separate_arms(design):
    assert counts(parallel({"design": design}), "class-k") == [3, 6, 33, 63]


@pytest.mark.parametrize(
    ("facts", "compares"),
    [({"design": "rct", "controlled": "NR"}, True), ({"design": "registry", "controlled": "yes"}, True),
     ({"design": "case_series", "controlled": "NR"}, False)],
)  # fmt: skip
def test_a_design_that_compares_groups_needs_no_word_of_it(facts, compares):
    made = grade_and_pool(review({"one": facts}, [("one", row("a", 1, 5))], {"a": "k"}))
    assert made.controlled == ({"one"} if compares else set())
    assert ("no comparison group" in certainty_notes(made.analysis("a"), made.comparison_group)) != compares


@pytest.mark.parametrize(
    ("design", "controlled", "group"),
    [("rct", "NR", "yes"), ("case_series", "NR", "no"), ("NR", "no", "no"), ("NR", "NR", "NR"),
     ("registry", "UNCLEAR", "UNCLEAR")],
)  # fmt: skip
def test_a_comparison_group_that_is_not_reported_is_neither_there_nor_absent(design, controlled, group):
    facts = {"design": design, "controlled": controlled}
    made = synthesise(review({"one": facts}, [("one", row("a", 1, 5))], {"a": "k"}))
    assert made.comparison_group == {"one": group}
    notes = certainty_notes(made.analysis("a"), made.comparison_group)
    assert ("no comparison group" in notes, "no comparison group reported" in notes) == (
        group == "no", group in ("NR", "UNCLEAR")
    )  # fmt: skip
    words = {"yes": "1 of 1 study", "no": "0 of 1 study"}.get(group, "not reported for 1 study")
    assert comparison_group_words({"one"}, made) == words
    assert table_ii(made).frame["Controlled"].tolist() == [cell(group)]


def test_where_nobody_says_whether_the_patients_are_the_same_the_larger_arm_enters():
    made = parallel({"design": "case_series", "controlled": "no"})
    assert counts(made, "a") == [3, 3, 6, 30]
    assert counts(made, "b") == [3, 3, 27, 33]
    assert counts(made, "class-k") == [3, 3, 27, 33]
    assert set(reasons(made, "class-k").values()) == {("maybe_same_patients", "b")}


def test_named_arms_are_different_patients_in_any_design():
    assert counts(parallel({}, arms=("g1", "g2")), "class-k") == [3, 6, 33, 63]


@pytest.mark.parametrize("design", [{}, CONTROLLED])
def test_one_arm_under_two_therapies_is_the_same_patients(design):
    made = parallel(design, arms=("g1", "g1"))
    assert counts(made, "class-k") == [3, 3, 27, 33]
    assert set(reasons(made, "class-k").values()) == {("same_patients", "b")}


def test_two_named_arms_of_one_therapy_are_two_arms_of_one_study():
    made = review({"one": {}}, [("one", row("a", 2, 5, arm="low")), ("one", row("a", 4, 6, arm="high"))], TWO)
    assert counts(made, "a") == [1, 2, 6, 11]


def test_placebo_is_in_no_pool_of_therapies():
    made = review(
        {"trial": {"design": "rct"}}, [("trial", row("a", 9, 335)), ("trial", row("placebo", 12, 336))],
        {"a": "k", "placebo": "k"},
    )  # fmt: skip
    assert counts(made, "class-k") == [1, 1, 9, 335]
    assert reasons(made, "class-k") == {("trial", "placebo"): ("comparator", "")}
    assert counts(made, "placebo") == [0, 0, 0, 0]
    assert pool_arms(made, select_arms(made)).set_index("analysis").loc["placebo", "reason"] == "comparator"


@pytest.mark.parametrize(
    ("which", "responders"), [("last", 5), ("first", 3), (4, 3), (12, 5), (7, 3), (8, 5), (100, 5), (0, 3)]
)
def test_one_time_point_of_an_arm_is_used(which, responders):
    made = review(
        {"one": {}},
        [("one", row("a", 3, 10, time_point_months="3")), ("one", row("a", 5, 10, time_point_months="12"))],
        {"a": "k"},
        time_point=which,
    )
    assert counts(made, "a") == [1, 1, responders, 10]
    assert [reason for reason, _ in reasons(made, "a").values()] == ["other_time_point"]


def test_a_study_at_another_time_point_is_no_other_study_and_the_forest_says_how_many_counts():
    rows = [(name, row("a", x, 10, time_point_months=at)) for name in "xyz" for x, at in ((3, "3"), (5, "12"))]
    made = review({name: {} for name in "xyz"}, rows, {"a": "k"})
    made = grade_and_pool(made)
    assert made.analysis("a").result["k_left_out"] == 0
    words = {text.words for text in forest_plot(made, "a").texts}
    assert "3 counts of these studies at other time points in Table III." in words
    assert not any("another time point" in text for text in words)


def test_a_time_point_without_counts_is_not_the_one_that_is_used():
    made = review(
        {"one": {}},
        [("one", row("a", 3, 10, time_point_months="3")), ("one", row("a", "NR", 10, time_point_months="12"))],
        {"a": "k"},
    )
    assert counts(made, "a") == [1, 1, 3, 10]


def test_a_disease_that_is_not_reported_counts_over_all_diseases_only():
    made = review({"one": {}, "two": {}}, [("one", row("a", 2, 3, disease="NR")), ("two", row("a", 0, 3))], {"a": "k"})
    arms = select_arms(made)
    assert counts(made, "a") == [2, 2, 2, 6]
    assert set(arms["analysis"]) == {"a", "a-ssc"}
    assert set(arms.loc[arms["analysis"] == "a-ssc", "study_id"]) == {"two"}


def test_only_outcomes_that_count_as_one_response_are_summed():
    rows = [("one", row("a", 8, 9)), ("two", row("a", 34, 78, outcome="symptom_response"))]
    alone = review({"one": {}, "two": {}}, rows, {"a": "k"})
    assert counts(alone, "a") == [1, 1, 8, 9]
    assert reasons(alone, "a") == {("two", "a"): ("other_outcome", "")}
    both = alone.with_policy(outcomes=["clinical_response", "symptom_response"])
    assert counts(both, "a") == [2, 2, 42, 87]
    assert select_arms(both).query("analysis == 'a'")["outcome"].tolist() == ["clinical_response", "symptom_response"]


def test_unverified_counts_are_left_out_on_request_alone():
    rows = [("one", row("a", 2, 5, verified_by="second reader")), ("two", row("a", 4, 6))]
    made = review({"one": {}, "two": {}}, rows, {"a": "k"})
    assert counts(made, "a") == [2, 2, 6, 11]
    assert reasons(made.with_policy(verified_only=True), "a") == {("two", "a"): ("unverified", "")}


@pytest.mark.parametrize(
    ("cells", "policy", "expected"),
    [
        ({"pool": "no", "pool_reason": "twice in the paper"}, {}, ("other", "twice in the paper")),
        ({"pool": "no", "pool_reason_code": "out_of_scope"}, {}, ("out_of_scope", "")),
        ({"unit": "lesion"}, {}, ("other_unit", "lesion")),
        ({"responders": "NR"}, {}, ("counts_missing", "")),
        ({"n": "0", "responders": "0"}, {}, ("counts_missing", "")),
        ({}, {"response": "complete"}, ("complete_not_reported", "")),
        ({"evidence_basis": "secondary"}, {"secondary_sources": "exclude"}, ("secondary_source", "")),
        ({"n": "2"}, {}, ("small_arm", "")),
    ],
)
def test_every_reason_is_a_code(cells, policy, expected):
    made = review({"one": {}}, [("one", row("a", 1, 5) | cells)], {"a": "k"}, **policy)
    assert reasons(made, "a") == {("one", "a"): expected}


@pytest.mark.parametrize(("n", "enters"), [(2, "no"), (3, "yes"), (4, "yes")])
def test_an_arm_of_exactly_the_least_size_enters(n, enters):
    made = review({"one": {}}, [("one", row("a", 1, n))], {"a": "k"})
    assert select_arms(made).query("analysis == 'a'")["entered"].tolist() == [enters]


def test_counts_of_an_awaiting_study_are_not_verified():
    made = review({"one": {"status": "awaiting"}}, [("one", row("a", 1, 5))], {"a": "k"})
    assert reasons(made, "a") == {("one", "a"): ("counts_unverified", "")}


def test_a_review_without_rows_has_no_arms():
    assert list(select_arms(review({}, [])).columns) == ARMS


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.sampled_from("ab")), min_size=1, max_size=6))
def test_no_selection_looks_at_the_result(made_of):
    """With responders and non-responders exchanged the same arms enter, for the same reasons."""
    made_of = [(min(x, n), n, therapy) for x, n, therapy in made_of]
    studies = {f"s{at}": {} for at in range(len(made_of))}

    def made(turned):
        rows = [(f"s{at}", row(therapy, n - x if turned else x, n)) for at, (x, n, therapy) in enumerate(made_of)]
        return select_arms(review(studies, rows, TWO))[["analysis", "study_id", "entered", "reason", "detail", "n"]]

    pd.testing.assert_frame_equal(made(False), made(True))
