"""Published claims beside the tables, rule by rule; whether agreement is independent, and contradictions."""

import pandas as pd
import pytest

from small_evidence.extraction.schema import columns
from small_evidence.review import Review, read_result, save_csv
from small_evidence.synthesis.claims import (
    CAUSES,
    CONTRADICTIONS,
    INDEPENDENCE,
    KINDS,
    OURS,
    RECONCILIATION,
    REMARKS,
    contradictions,
    reconcile_claims,
)
from small_evidence.tables.claims import ours_words
from small_evidence.wording import level_text
from tests import made_up
from tests.policy import with_levels

CLAIM = {
    "claim_id": "one", "review": "Doe 2020", "doi": "10.1/doe", "therapy": "drug", "disease": "all",
    "quantity": "pooled_response", "value": "0.5", "source": "doi:10.1/doe", "statement": "SYNTHETIC",
}  # fmt: skip
THREE = {"adams": {"n_patients": "10"}, "baker": {"n_patients": "12"}, "clark": {"n_patients": "8"}}
LIKELY = {name: facts | {"published_review": "likely"} for name, facts in THREE.items()}
COUNTS = [
    ("adams", {"n": "10", "responders": "5"}),
    ("baker", {"n": "12", "responders": "7"}),
    ("clark", {"n": "8", "responders": "3"}),
]


def with_results(review: Review) -> Review:
    """The review with what the claims are set beside."""
    review = with_levels(review)
    return review.with_results({"reconciliation": reconcile_claims(review), "contradictions": contradictions(review)})


@pytest.fixture(scope="module")
def judged(synthesised):
    return synthesised["reconciliation"].set_index("claim_id")


def review(studies, responses, claims=(), screening=(), refs=(), classes=None, follows="Doe", scheme_source=""):
    """A made-up review with the claims of another, whose screening is (label, n, source)."""
    found = made_up.review(studies, responses, classes)
    boxes = [{"stage": "identification", "label": label, "n": n, "source": source} for label, n, source in screening]
    found = found.with_tables(
        published_claims=made_up.frame("published_claims", [CLAIM | claim for claim in claims]),
        screening=made_up.frame("screening", boxes),
        published_review=made_up.frame(
            "published_review", [{"ref_no": str(at), "design_as_published": design} for at, design in enumerate(refs)]
        ),
    )
    config = dict(found.config)
    config["review"] = config["review"] | {"follows": follows}
    config["grading"] = config["grading"] | {"scheme_source": scheme_source}
    return Review(found.tables, config)


def first(*arguments, **options) -> pd.Series:
    """The first claim of a made-up review, judged."""
    found = reconcile_claims(with_results(review(*arguments, **options)))
    assert list(found.columns) == RECONCILIATION
    return found.iloc[0]


def codes(*arguments, **options) -> list[str]:
    return first(*arguments, **options)[["verdict", "cause"]].tolist()


# The bundled review -------------------------------------------------------------------------------------------


def test_each_claim_has_codes_of_the_closed_lists(tables, judged):
    assert list(judged.index) == list(tables["published_claims"]["claim_id"])
    assert all(cause in CAUSES[verdict] for verdict, cause in zip(judged["verdict"], judged["cause"], strict=True))
    assert set(";".join(judged["remarks"]).split(";")) <= {"", *REMARKS}
    told = zip(judged["independent"], judged["independence"], strict=True)
    assert all(why in INDEPENDENCE[independent] for independent, why in told)


def test_no_agreement_of_the_bundled_review_is_independent(judged):
    agree = judged[judged["verdict"] == "agrees"]
    assert len(agree) == 11
    assert agree["independence"].value_counts().to_dict() == {
        "own_scheme": 6, "copied": 3, "matched_by_counts": 1, "likely_studies": 1,
    }  # fmt: skip
    assert set(agree["independent"]) == {"no"}


def test_a_published_pool_cannot_be_reproduced_without_the_counts_of_its_studies(judged):
    warfarin = judged.loc["traineau_warfarin_pooled"]
    assert warfarin[["verdict", "cause", "studies"]].tolist() == ["not_assessable", "counts_missing", "lassoued1988"]
    assert warfarin[["events", "n", "k"]].tolist() == [2, 6, 2]
    assert judged.loc["traineau_rituximab_pooled", "studies"] == "aggarwal2017;thiebaut2018"


def test_levels_agree_and_name_those_set_by_the_authors(judged):
    levels = judged[judged["quantity"] == "level"]
    assert set(levels["cause"]) == {"same_level"}
    assert levels.loc["traineau_rituximab_level", ["remarks", "studies"]].tolist() == ["set_by_hand", "aggarwal2017"]
    assert levels.loc["traineau_anti_tnf_level", "remarks"] == "whole_class"
    assert levels.loc["traineau_diltiazem_level", "remarks"] == ""  # one agent is not its class


def test_a_source_without_controlled_trials_contradicts_one_with_two(synthesised):
    found = synthesised["contradictions"].set_index("kind")
    assert set(found.index) <= set(KINDS)
    listed = found.loc["fewer_trials_than_listed"]
    assert listed[["claim_a", "value_a", "value_b"]].tolist() == ["summary_controlled_trials", "0", "2"]
    shown = found.loc["fewer_trials_than_found"]
    assert {"berger1987", "aggarwal2017"} <= set(shown["studies"].split(";"))
    warfarin = found.loc["words"].query("therapy == 'warfarin'")
    assert warfarin[["value_a", "value_b"]].to_numpy().tolist() == [["against", "limited efficacy"]]


def test_a_csv_keeps_what_was_judged(tmp_path, synthesised):
    save_csv(synthesised["reconciliation"], tmp_path / "reconciliation.csv")
    again = read_result(tmp_path / "reconciliation.csv")
    pd.testing.assert_frame_equal(again, synthesised["reconciliation"], check_dtype=False)


# Each rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "source", "found", "independence"),
    [
        ("50", "doi:10.1/doe", ["agrees", "same_number"], "copied"),
        ("50", "our own log", ["agrees", "same_number"], "own_sources"),
        ("51", "doi:10.1/doe", ["differs", "other_number"], "copied"),
        ("51", "our own log", ["differs", "other_number"], "own_sources"),
        ("NR", "our own log", ["not_assessable", "not_recorded"], "own_sources"),
    ],
)
def test_records_identified(n, source, found, independence):
    claim = {"therapy": "all", "quantity": "n_identified", "value": "50"}
    boxes = [("Duplicates removed before screening", "7", ""), ("Records identified", n, source)]
    row = first(THREE, COUNTS, [claim], boxes)
    assert row[["verdict", "cause"]].tolist() == found
    assert row["independence"] == independence


@pytest.mark.parametrize(
    ("value", "refs", "found"),
    [
        ("3", [], ["agrees", "same_number"]),
        ("3", ["rct", "prospective", "NR"], ["agrees", "same_number"]),
        ("2", [], ["differs", "more_studies"]),
        ("4", [], ["not_assessable", "studies_not_identified"]),
        ("3", ["rct", "rct"], ["differs", "list_differs"]),
        ("some", [], ["not_assessable", "not_a_number"]),
    ],
)
def test_number_of_studies(value, refs, found):
    row = first(THREE, COUNTS, [{"therapy": "all", "quantity": "n_studies", "value": value}], refs=refs)
    assert row[["verdict", "cause", "independence"]].tolist() == [*found, "own_list"]
    assert row[["k", "k_likely", "k_counted", "n_counted"]].tolist() == [3, 0, 3, 30]


def test_studies_that_are_only_likely_are_said_to_be():
    row = first(LIKELY, COUNTS, [{"therapy": "all", "quantity": "n_studies", "value": "3"}])
    assert row[["verdict", "remarks", "k_likely"]].tolist() == ["agrees", "likely_studies", 3]


@pytest.mark.parametrize(
    ("value", "changes", "refs", "found", "n"),
    [
        ("30", {}, [], ["agrees", "same_number"], 30),
        ("31", {}, [], ["differs", "other_number"], 30),
        ("30", {"clark": {"n_patients": "NR"}}, [], ["not_assessable", "sizes_unknown"], 22),
        ("30", {}, ["NR"] * 4, ["not_assessable", "studies_not_identified"], 30),
        ("30", {}, ["NR"] * 3, ["agrees", "same_number"], 30),
        ("22", {"baker": {"cohort_id": "c"}, "adams": {"cohort_id": "c"}}, [], ["differs", "other_number"], 20),
        ("30", {name: {"published_review": "no"} for name in THREE}, [], ["not_assessable", "studies_unknown"], 0),
    ],
)
def test_number_of_patients(value, changes, refs, found, n):
    studies = {name: facts | changes.get(name, {}) for name, facts in THREE.items()}
    row = first(studies, COUNTS, [{"therapy": "all", "quantity": "n_patients", "value": value}], refs=refs)
    assert row[["verdict", "cause", "n"]].tolist() == [*found, n]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("8-12", ["agrees", "same_range"]),
        ("3-78", ["not_assessable", "range_not_reached"]),
        ("8-13", ["not_assessable", "range_not_reached"]),
        ("7-12", ["not_assessable", "range_not_reached"]),
        ("9-12", ["differs", "outside_range"]),
        ("8-11", ["differs", "outside_range"]),
        ("8", ["not_assessable", "not_a_number"]),
    ],
)
def test_smallest_and_largest_study(value, found):
    row = first(THREE, COUNTS, [{"therapy": "all", "quantity": "size_range", "value": value}])
    assert row[["verdict", "cause", "smallest", "largest", "k_sized"]].tolist() == [*found, 8, 12, 3]


@pytest.mark.parametrize(
    ("value", "ci_lb", "ci_ub", "found"),
    [
        ("0.5", "0.3", "0.7", ["agrees", "within_intervals"]),
        ("0.52", "", "", ["agrees", "within_intervals"]),
        ("0.95", "0.9", "1", ["differs", "outside_our_interval"]),
        ("0.05", "0", "1", ["differs", "outside_our_interval"]),
        ("0.6", "0.58", "0.62", ["differs", "outside_their_interval"]),
        ("0.4", "0.38", "0.42", ["differs", "outside_their_interval"]),
        (">0.11", "", "", ["not_assessable", "not_a_number"]),
    ],
)
def test_a_pool_whose_counts_are_all_known_is_compared(value, ci_lb, ci_ub, found):
    # one responder of each pair: 15/30 and tau2 = 0, so that the estimate is exactly one half
    row = first(THREE, COUNTS, [{"value": value, "ci_lb": ci_lb, "ci_ub": ci_ub}])
    assert row[["verdict", "cause", "independence"]].tolist() == [*found, "own_sources"]
    assert row[["events", "n", "k"]].tolist() == [15, 30, 3]
    assert row["estimate"] == pytest.approx(0.5, abs=1e-6)


def test_a_pool_is_not_compared_when_one_of_its_studies_lacks_counts():
    row = first(THREE, [*COUNTS[:2], ("clark", {"n": "8"})], [{}])
    assert row[["verdict", "cause", "studies"]].tolist() == ["not_assessable", "counts_missing", "clark"]
    unknown = {name: facts | {"published_review": "unknown"} for name, facts in THREE.items()}
    assert codes(unknown, COUNTS, [{}]) == ["not_assessable", "studies_unknown"]


def test_a_pool_of_one_kind_of_response_and_of_likely_studies_says_so():
    row = first(LIKELY, COUNTS, [{"outcome": "partial_response"}])
    assert row["remarks"] == "likely_studies;narrower_response"
    assert row["independence"] == "likely_studies"


@pytest.mark.parametrize(
    ("value", "studies", "found"),
    [
        ("IV", THREE, ["agrees", "same_level"]),
        ("IB", THREE, ["differs", "other_level"]),
        ("IB", THREE | {"adams": {"design": "rct"}}, ["agrees", "same_level"]),
        ("IV", {name: {"design": "NR"} for name in THREE}, ["not_assessable", "not_gradable"]),
    ],
)
def test_levels_against_a_claim(value, studies, found):
    assert codes(studies, COUNTS, [{"quantity": "level", "value": value}]) == found


@pytest.mark.parametrize(
    ("design", "value", "found"),
    [("NR", "IV", ["agrees", "same_level"]), ("NR", "IB", ["differs", "other_level"])],
)
def test_a_therapy_named_like_its_class_is_compared_with_the_class_too(design, value, found):
    """Its own studies cannot be graded; those of the other therapy of the class can."""
    studies = {"adams": {"design": design}, "baker": {}}
    rows = [("adams", {"therapy": "agents"}), ("baker", {"therapy": "drug"})]
    claim = {"quantity": "level", "value": value, "therapy": "agents"}
    row = first(studies, rows, [claim], classes={"agents": "agent", "drug": "agent"})
    assert row[["verdict", "cause"]].tolist() == found
    assert row[["remarks", "analysis"]].tolist() == ["whole_class", "class-agent"]


def test_a_level_without_a_study_is_not_assessable():
    assert codes(THREE, [], [{"quantity": "level", "value": "IV"}]) == ["not_assessable", "no_study"]


OWN = [(study, facts | {"source": f"doi:10.1/{'doe' if study == 'adams' else study}"}) for study, facts in COUNTS]


@pytest.mark.parametrize(
    ("claim", "found", "independence"),
    [
        ({"value": "5", "n": "10"}, ["agrees", "same_counts"], "copied"),
        ({"value": "6", "n": "10"}, ["differs", "other_counts"], "copied"),
        ({"value": "7", "n": "12", "source": "elsewhere"}, ["agrees", "same_counts"], "matched_by_counts"),
        ({"value": "7", "n": "12", "source": "elsewhere", "review": "Roe"}, ["agrees", "same_counts"],
         "matched_by_counts"),
        ({"value": "5", "n": "10", "source": "its abstract"}, ["agrees", "same_counts"], "copied"),  # the same DOI
        ({"value": "9", "n": "11", "source": "elsewhere"}, ["not_assessable", "counts_not_found"], ""),
        ({"value": "5", "n": "NR"}, ["not_assessable", "no_denominator"], "copied"),
        ({"value": "5", "n": "10", "therapy": "other"}, ["not_assessable", "no_study"], ""),
    ],
)  # fmt: skip
def test_responders(claim, found, independence):
    row = first(THREE, OWN, [{"quantity": "responders"} | claim], classes={"drug": "a", "other": "b"})
    assert row[["verdict", "cause", "independence"]].tolist() == [*found, independence]


@pytest.mark.parametrize(
    ("outcome", "events"), [("complete_response", 2), ("partial_response", 3), ("any_response", 5)]
)
def test_a_kind_of_response_is_compared_with_its_own_count(outcome, events):
    counts = [("adams", {"n": "10", "responders": "5", "n_complete": "2", "n_partial": "3", "source": "doi:10.1/doe"})]
    row = first(THREE, counts, [{"quantity": "responders", "outcome": outcome, "value": str(events), "n": "10"}])
    assert row[["cause", "events", "n", "response_id"]].tolist() == ["same_counts", events, 10, "adams_0"]


def test_lesions_are_not_patients():
    counts = [("adams", {"n": "10", "responders": "5", "unit": "lesion", "source": "doi:10.1/doe"})]
    row = first(THREE, counts, [{"quantity": "responders", "value": "5", "n": "10"}])
    assert row[["cause", "remarks"]].tolist() == ["same_counts", "other_unit"]


def test_a_recommendation_is_never_judged():
    for value in ("effective", "should not be used"):
        assert codes(THREE, COUNTS, [{"quantity": "recommendation", "value": value}]) == ["not_assessable", "judgement"]


def test_reports_of_the_publication_followed_and_others():
    claims = [
        {"claim_id": "paper", "review": "Doe 2020"},
        {"claim_id": "abstract", "review": "Doe 2019 (congress abstract of the same review)"},
        {"claim_id": "other", "review": "Roe 2021"},
    ]
    found = reconcile_claims(with_results(review(THREE, COUNTS, claims)))
    assert found["cause"].tolist() == ["within_intervals", "within_intervals", "other_scope"]
    lower = reconcile_claims(with_results(review(THREE, COUNTS, claims, follows="doe")))
    assert lower["cause"].tolist() == found["cause"].tolist()
    none = reconcile_claims(with_results(review(THREE, COUNTS, claims, follows="none")))
    assert none["cause"].tolist() == ["no_review_followed"] * 3
    assert none["events"].tolist() == [15] * 3  # ours stands beside it all the same


def test_a_review_without_claims():
    found = with_results(review(THREE, COUNTS))
    assert found["reconciliation"].empty
    assert list(found["contradictions"].columns) == CONTRADICTIONS


# Independence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "level"), [("10.1/doe", "own_scheme"), ("10.1/other", "own_sources"), ("", "own_sources")]
)
def test_independence_does_not_look_at_the_verdict(scheme, level):
    counts = [("adams", COUNTS[0][1] | {"source": "doi:10.1/doe"})]
    claims = [
        claim
        for value in range(11)
        for claim in (
            {"quantity": "n_studies", "value": str(value)},
            {"quantity": "level", "value": ["IV", "IB"][value % 2]},
            {"quantity": "responders", "value": str(value), "n": "10"},
        )
    ]
    found = reconcile_claims(with_results(review(THREE, counts, claims, scheme_source=scheme)))
    assert found["independence"].tolist() == ["own_list", level, "copied"] * 11
    assert set(found["verdict"]) == {"agrees", "differs", "not_assessable"}


def test_a_level_set_by_the_authors_is_not_independent():
    studies = THREE | {"adams": {"level_override": "IB", "level_override_reason": "SYNTHETIC"}}
    row = first(studies, COUNTS, [{"quantity": "level", "value": "IB"}])
    assert row[["verdict", "independence", "studies"]].tolist() == ["agrees", "set_by_hand", "adams"]


# Contradictions -----------------------------------------------------------------------------------------------

OTHER = {"claim_id": "two", "review": "Roe 2021", "source": "doi:10.1/roe"}


@pytest.mark.parametrize(
    ("one", "two", "kind", "intervals"),
    [
        ({}, {"value": "0.6"}, "values", ""),
        ({"ci_lb": "0.4", "ci_ub": "0.6"}, {"value": "0.7", "ci_lb": "0.6", "ci_ub": "0.8"}, "values", "overlap"),
        ({"ci_lb": "0.4", "ci_ub": "0.6"}, {"value": "0.7", "ci_lb": "0.61", "ci_ub": "0.8"}, "values", "apart"),
        ({"quantity": "level", "value": "IV"}, {"quantity": "level", "value": "IB"}, "values", ""),
        ({"quantity": "recommendation", "value": "yes"}, {"quantity": "recommendation", "value": "no"}, "words", ""),
        ({"quantity": "responders", "n": "9", "value": "5"}, {"quantity": "responders", "n": "9", "value": "6"},
         "values", ""),
    ],
)  # fmt: skip
def test_two_publications_with_different_values_contradict_each_other(one, two, kind, intervals):
    found = contradictions(review(THREE, COUNTS, [one, OTHER | two]))
    assert found[["kind", "claim_a", "claim_b", "intervals"]].to_numpy().tolist() == [[kind, "one", "two", intervals]]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {"value": "0.50"}),
        ({}, {"value": "0.6", "disease": "ssc"}),
        ({}, {"value": "0.6", "review": "Doe 2019 (abstract)"}),
        ({}, {"value": "0.6", "source": "doi:10.1/doe"}),
        ({"quantity": "n_studies", "value": "3"}, {"quantity": "n_studies", "value": "4"}),
        ({"quantity": "responders", "n": "9", "value": "5"}, {"quantity": "responders", "n": "8", "value": "6"}),
    ],
)
def test_what_is_no_contradiction(one, two):
    assert contradictions(review(THREE, COUNTS, [one, OTHER | two])).empty


@pytest.mark.parametrize(("outcome", "value", "kinds"), [
    ("controlled_trials", "0", ["fewer_trials_than_listed", "fewer_trials_than_found"]),
    ("controlled_trials", "1", ["fewer_trials_than_listed", "fewer_trials_than_found"]),
    ("randomised_trials", "1", ["fewer_trials_than_listed"]),
    ("controlled_trials", "2", []),
    ("other_trials", "0", []),
])  # fmt: skip
def test_a_claim_of_fewer_trials_than_there_are(outcome, value, kinds):
    studies = THREE | {"adams": {"design": "rct"}, "baker": {"design": "controlled_nonrandomised"}}
    claim = OTHER | {"therapy": "all", "quantity": "other", "outcome": outcome, "unit": "studies", "value": value}
    found = contradictions(review(studies, COUNTS, [claim], refs=["rct", "rct", "prospective"]))
    assert found["kind"].tolist() == kinds


def test_the_columns_of_ours_are_numbers_but_for_the_names(judged):
    texts = {"analysis", "response_id", "level"}
    assert all(pd.api.types.is_float_dtype(judged[name]) for name in OURS if name not in texts)
    assert set(columns("published_claims")) >= {"unit", "doi"}


def test_beside_a_recommendation_stands_the_level_of_these_tables(synthesised):
    claims = synthesised["reconciliation"].query("quantity == 'recommendation'").to_dict("records")
    levels = {claim["level"] for claim in claims} - {""}
    assert levels
    assert all(level_text(claim["level"]) in ours_words(claim, synthesised) for claim in claims)
