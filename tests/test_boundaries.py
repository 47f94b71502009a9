"""Values exactly on a line, and the same thing entered twice: where a small change of a rule would pass unseen."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from small_evidence.appraisal.levels import level_sensitivity
from small_evidence.extraction.checks import shown_folder
from small_evidence.extraction.rules import faults_between_rows
from small_evidence.figures.summary import summary_forest
from small_evidence.pooling.comparisons import compare
from small_evidence.pooling.direction import direction
from small_evidence.synthesis.analyses import pool_events, synthesise
from small_evidence.synthesis.awaiting import rows_without_counts
from small_evidence.synthesis.policy import select_arms
from small_evidence.tables.characteristics import _identifiers, table_i
from small_evidence.tables.harms import NO_STATEMENT, adverse_event_table
from small_evidence.tables.parts import spread
from tests.made_up import frame, review

THREE = {name: {} for name in ("ash", "elm", "oak")}


def events(made, *rows):
    """The review with rows of adverse events: study, therapy, patients with the event, patients at risk."""
    names = ("study_id", "therapy", "n_patients", "n_at_risk")
    cells = [dict(zip(names, row, strict=True)) | {"term": "rash", "reporting": "reported"} for row in rows]
    return made.with_tables(adverse_events=frame("adverse_events", cells))


@pytest.mark.parametrize(("n", "entered"), [("2", "no"), ("3", "yes"), ("4", "yes")])
def test_an_arm_of_exactly_the_least_size_enters(n, entered):
    arms = select_arms(review({"ash": {}}, [("ash", {"n": n, "responders": "1"})], min_arm_size=3))
    assert arms.loc[arms["scope"] == "therapy", "entered"].unique().tolist() == [entered]


@pytest.mark.parametrize(("n", "k", "left_out"), [("2", 0, 1), ("3", 1, 0)])
def test_an_adverse_event_in_exactly_the_least_number_of_patients_enters(n, k, left_out):
    row = pool_events(events(review({"ash": {}}, [], min_arm_size=3), ("ash", "drug", "1", n))).iloc[0]
    assert row[["k", "k_left_out"]].tolist() == [k, left_out]


def test_an_adverse_event_entered_twice_counts_once():
    row = pool_events(events(review({"ash": {}}, []), *[("ash", "drug", "2", "9")] * 2)).iloc[0]
    assert row[["k", "events", "n"]].tolist() == [1, 2, 9]


@pytest.mark.parametrize(("n", "kinds"), [("0", ["counts_missing"]), ("NR", ["counts_missing"]), ("1", [])])
def test_no_patients_are_no_counts(n, kinds):
    found = rows_without_counts(review({"ash": {}}, [("ash", {"n": n, "responders": "0"})]))
    assert found["kind"].tolist() == kinds


def test_a_study_whose_patients_another_report_counts_awaits_nothing():
    studies = {"ash": {"cohort_id": "one"}, "elm": {"cohort_id": "one"}}
    made = review(studies, [("ash", {"n": "9", "responders": "4"}), ("elm", {"n": "6", "responders": "3"})])
    assert rows_without_counts(made).empty
    arms = select_arms(made).query("scope == 'therapy' and analysis == 'drug'").set_index("study_id")
    assert arms["reason"].to_dict() == {"ash": "", "elm": "same_patients"}


@pytest.mark.parametrize(
    ("lb", "ub", "found"),
    [(0.5, 0.9, "across"), (0.1, 0.5, "across"), (0.5000001, 0.9, "above"), (0.1, 0.4999999, "below")],
)
def test_a_limit_on_the_line_is_across(lb, ub, found):
    assert direction(lb, ub, 0.5) == found


def test_the_crude_interval_of_the_summary_forest_keeps_its_sides():
    made = synthesise(review({"ash": {}}, [("ash", {"n": "8", "responders": "2"})]))
    words = [text.words for text in summary_forest(made).texts]
    assert "25.0 [3.2, 65.1]" in words  # exact interval of 2 of 8


def test_a_study_silent_on_one_treatment_is_named_though_it_has_an_event_of_another():
    made = review(
        {"ash": {}, "elm": {}},
        [("ash", {"therapy": "one"}), ("ash", {"therapy": "two"}), ("elm", {"therapy": "one"})],
        classes={"one": "a", "two": "b"},
    )
    table = adverse_event_table(synthesise(events(made, ("ash", "two", "1", "5")))).frame
    silent = table[table["Adverse event"] == NO_STATEMENT].set_index("Treatment")["Study"]
    assert silent.to_dict() == {"One": "Ash; Elm"}


def test_a_scheme_without_a_level_differs_from_none():
    made = review({"ash": {}}, [("ash", {})])
    levels = made.standards.levels
    oxford = levels["schemes"]["ocebm_2009"]
    schemes = {"modified_oxford": oxford, "one": oxford, "without": {**oxford, "designs": {}}}
    standards = SimpleNamespace(levels={**levels, "schemes": schemes})
    row = level_sensitivity(replace(made, standards=standards)).iloc[0]
    assert row[["one", "without", "differs"]].tolist() == ["4", "", "no"]


def faults(**cells):
    claim = {"claim_id": "one", "value": "NR", "unit": "share"} | cells
    tables = {"published_claims": frame("published_claims", [claim]).assign(_row=2)}
    return [rule for rule, *_ in faults_between_rows(tables, 2026) if rule == "claim_interval"]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"ci_lb": "0.6", "ci_ub": "0.4"}, 1),
        ({"ci_lb": "0.4", "ci_ub": "0.4"}, 0),
        ({"value": "0.4", "ci_lb": "0.4", "ci_ub": "0.6"}, 0),
        ({"value": "0.6", "ci_lb": "0.4", "ci_ub": "0.6"}, 0),
        ({"value": "0.39", "ci_lb": "0.4", "ci_ub": "0.6"}, 1),
        ({"value": "0.61", "ci_lb": "0.4", "ci_ub": "0.6"}, 1),
    ],
)
def test_a_published_interval_has_its_limits_in_order(cells, found):
    assert len(faults(**cells)) == found


@pytest.mark.parametrize(
    ("reporting", "n", "found"),
    [("reported_none", "0", 0), ("reported_none", "1", 1), ("not_reported", "NR", 0), ("not_reported", "0", 1)],
)
def test_a_stated_zero_has_no_patients_and_silence_no_count(reporting, n, found):
    row = {"study_id": "ash", "therapy": "drug", "reporting": reporting, "n_patients": n, "n_at_risk": "5"}
    tables = {"adverse_events": frame("adverse_events", [row]).assign(_row=2)}
    rules = [rule for rule, *_ in faults_between_rows(tables, 2026)]
    assert rules.count("events_reporting") == found


@pytest.mark.parametrize(
    ("folder", "shown"),
    [("/one/data/raw/second", "data/raw/second"), ("/one/data/raw", "data/raw"), ("/one/two", "two"), ("/", "/")],
)
def test_a_folder_is_named_as_the_review_knows_it(folder, shown):
    assert shown_folder(folder) == shown


@pytest.mark.parametrize("empty", [0, 2])
def test_a_study_without_patients_in_one_arm_is_left_out_of_a_comparison(empty):
    arms = [[3, 4], [9, 8], [1, 2], [9, 9]]
    for place, counts in enumerate(arms):
        counts.insert(1, 0 if place in (empty, empty + 1) else 2)
    found = compare(*arms)
    assert (found["k"], found["note"].split(";")[0]) == (2, "empty_arms")


@pytest.mark.parametrize(("limits", "shown"), [((0.1, 0.9), True), ((float("nan"), float("nan")), False)])
def test_a_prediction_interval_is_in_the_spread_where_there_is_one(limits, shown):
    row = {"pi_lb": limits[0], "pi_ub": limits[1], "tau2": 0.4, "tau2_lb": 0.1, "tau2_ub": 2.0, "i2": 0.5}
    assert ("prediction interval" in spread(row)) == shown


def test_designs_that_the_review_judged_have_a_mark_and_no_others(synthesised):
    judged = synthesised.scheme["judgements"]
    cells = ";".join(table_i(synthesised).frame["Designs graded so"])
    assert cells.count("*") == sum(design in judged for design in synthesised.scheme["designs"])
    assert 0 < cells.count("*") < len(cells.split(";"))


@pytest.mark.parametrize(
    ("doi", "pmid", "shown"), [("10.1/x", "NR", "doi:10.1/x"), ("NR", "12", "PMID 12"), ("", "UNCLEAR", "NR")]
)
def test_a_study_has_the_identifiers_that_were_found(doi, pmid, shown):
    assert _identifiers({"doi": doi, "pmid": pmid}) == shown
