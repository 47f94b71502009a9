"""Certainty by the domains of GRADE: one row a rule, symmetry, what the authors say beside what is proposed."""

import pandas as pd
import pytest

from small_evidence.appraisal.certainty import CODES, CONCERNS, DOMAINS, certainty, propose
from small_evidence.extraction.rules import CERTAINTIES
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.analyses import pool_review
from small_evidence.tables.certainty import GROUNDS, TO_CONFIRM, certainty_table, grounds_words
from small_evidence.tables.findings import findings_table
from tests import made_up

GOOD = {"overall": "low", "basis": "full_text", "outcome": "response", "therapy": "drug"}


def analysis_of(counts, *, pooled="yes", scope="therapy", arms=(), **changed):
    """An analysis whose every domain is without concern, but for what is changed."""
    x, n = zip(*counts, strict=True)
    result = {"k": len(counts), "n": sum(n), "pooled": pooled, "estimate": 0.75, "ci_lb": 0.7, "ci_ub": 0.8,
              "crude": 0.75, "crude_ci_lb": 0.7, "crude_ci_ub": 0.8, "pi_lb": 0.6, "pi_ub": 0.85, "direction": "above",
              "k_awaiting": 0, "unpublished_needed": float("nan")}  # fmt: skip
    facts = [GOOD | (arms[at] if at < len(arms) else {}) for at in range(len(counts))]
    rows = pd.DataFrame(
        {
            "study_id": [f"s{at}" for at in range(len(counts))],
            "responders": x,
            "n": n,
            "entered": "yes",
            "evidence_basis": [fact["basis"] for fact in facts],
            "outcome": [fact["outcome"] for fact in facts],
            "arm_therapy": [fact["therapy"] for fact in facts],
        }
    )
    appraisal = pd.DataFrame({"study_id": rows["study_id"], "overall": [fact["overall"] for fact in facts]})
    review = Review({}, results={"appraisal": appraisal})
    return Analysis("drug", scope, "drug", "all", "Drug", result | changed, rows), review


NOT_APPRAISED = pd.DataFrame({"study_id": [], "overall": []})
ALIKE = [(30, 40)] * 4


@pytest.mark.parametrize(
    ("domain", "counts", "changed", "judged", "codes"),
    [
        ("start", ALIKE, {}, "low", ["no_comparison"]),
        ("overall", ALIKE, {}, "low", []),
        ("risk_of_bias", ALIKE, {}, "not_serious", []),
        ("risk_of_bias", ALIKE, {"arms": [{"overall": "high"}]}, "not_serious", []),
        ("risk_of_bias", ALIKE, {"arms": [{"overall": "high"}] * 2}, "serious", ["high_risk"]),
        ("risk_of_bias", ALIKE, {"arms": [{"overall": "critical"}] * 2}, "very_serious", ["critical_risk"]),
        ("risk_of_bias", ALIKE, {"arms": [{"overall": ""}] * 2}, "serious", ["not_appraised"]),
        ("risk_of_bias", ALIKE, {"arms": [{"basis": "abstract"}] * 2}, "serious", ["second_hand"]),
        ("risk_of_bias", ALIKE, {"arms": [{"basis": "abstract;full_text"}] * 4}, "not_serious", []),
        ("inconsistency", [(30, 40)], {}, "not_serious", ["one_study"]),
        ("inconsistency", ALIKE, {}, "not_serious", ["no_difference"]),
        ("inconsistency", [(10, 40), (35, 40), (30, 40)], {}, "serious", ["differ"]),
        ("inconsistency", [(10, 40), (35, 40), (30, 40)], {"pi_lb": 0.2}, "very_serious", ["differ", "differ_widely"]),
        ("inconsistency", [(10, 40), (35, 40)], {"pooled": "no"}, "serious", ["differ"]),
        ("indirectness", ALIKE, {}, "not_serious", []),
        ("indirectness", ALIKE, {"arms": [{"outcome": "pain"}]}, "serious", ["several_outcomes"]),
        ("indirectness", ALIKE, {"arms": [{"outcome": "pain", "therapy": "other"}]}, "very_serious",
         ["several_outcomes", "several_therapies"]),
        ("imprecision", ALIKE, {}, "not_serious", []),
        ("imprecision", [(18, 24)] * 4, {}, "serious", ["few_patients"]),
        ("imprecision", ALIKE, {"direction": "across"}, "serious", ["across_threshold"]),
        ("imprecision", ALIKE, {"ci_lb": 0.29}, "serious", ["wide_interval"]),
        ("imprecision", [(18, 24)] * 4, {"direction": "across", "ci_lb": 0.2}, "very_serious",
         ["few_patients", "across_threshold", "wide_interval"]),
        ("publication_bias", ALIKE, {}, "not_serious", []),
        ("publication_bias", [(7, 9), (7, 9), (30, 40)], {}, "serious", ["small_arms"]),
        ("publication_bias", ALIKE, {"k_awaiting": 4}, "serious", ["counts_missing"]),
        ("publication_bias", ALIKE, {"unpublished_needed": 12.0}, "not_serious", ["unpublished"]),
        ("overall", [(18, 24)] * 4, {}, "very_low", []),
    ],
)  # fmt: skip
def test_each_rule(domain, counts, changed, judged, codes):
    found, grounds = propose(*analysis_of(counts, **changed))[domain]
    assert (found, [ground.code for ground in grounds]) == (judged, codes)


def test_grounds_of_imprecision_give_the_width_of_the_interval():
    _, grounds = propose(*analysis_of(ALIKE, direction="across", ci_lb=0.2, ci_ub=0.9))["imprecision"]
    assert {ground.code: ground.value for ground in grounds} == pytest.approx(
        {"across_threshold": 0.7, "wide_interval": 0.7}
    )


def test_every_code_has_steps_and_words():
    assert set(GROUNDS) == set(CODES)
    assert max(CODES.values()) < len(CONCERNS)
    line = {"codes": "few_patients;wide_interval", "values": "41;0.73"}
    assert grounds_words(line) == "41 patients, fewer than 97, interval 73 percentage points wide"


@pytest.mark.parametrize("counts", [[(12, 12), (9, 9), (4, 4)], [(8, 9), (34, 78), (3, 12)], [(5, 8), (7, 7), (0, 3)]])
def test_no_rule_asks_how_many_responded(counts):
    """Every patient or none; the same review with responders and non-responders exchanged, threshold at one half."""

    def made(exchanged):
        cells = [{"n": str(n), "responders": str(n - x if exchanged else x)} for x, n in counts]
        studies = [f"s{at}" for at in range(len(counts))]
        return made_up.review({key: {} for key in studies}, list(zip(studies, cells, strict=True)))

    both = [
        certainty(pool_review(made(exchanged).with_results({"appraisal": NOT_APPRAISED})))
        for exchanged in (False, True)
    ]
    columns = ["analysis", "domain", "proposed", "codes"]
    pd.testing.assert_frame_equal(both[0][columns], both[1][columns])


def test_confirmed_beside_proposed(synthesised):
    stated = pd.DataFrame(
        [
            ["diltiazem", "all", "imprecision", "not_serious", "SYNTHETIC reason", "A. Author"],
            ["diltiazem", "all", "overall", "low", "SYNTHETIC overall", "A. Author"],
        ],
        columns=["therapy", "disease", "domain", "judgement", "reason", "confirmed_by"],
    )
    review = synthesised.with_tables(certainty=stated)
    ratings = certainty(review)
    review = review.with_results({"certainty_ratings": ratings})
    own = ratings[ratings["analysis"] == "diltiazem"].set_index("domain")
    assert list(own.index) == ["start", *DOMAINS, "overall"]
    assert own.loc["imprecision", ["proposed", "confirmed"]].tolist() == ["very_serious", "not_serious"]
    assert own.loc["overall", ["proposed", "confirmed"]].tolist() == ["very_low", "low"]
    row = certainty_table(review).frame.query("Treatment == 'Diltiazem'").iloc[0]
    assert (row["Proposed"], row["Confirmed"]) == ("very low", "low")
    assert row["Imprecision"] == "very serious; confirmed: not serious"
    assert "SYNTHETIC reason (A. Author)" in row["Reasons of the authors"]
    findings = findings_table(review).frame.set_index("Treatment")
    assert findings.loc["Diltiazem", ["Proposed", "Confirmed"]].tolist() == ["very low", "low"]
    assert set(findings.drop("Diltiazem")["Confirmed"]) == {TO_CONFIRM}
    assert set(ratings["proposed"]) <= {*CERTAINTIES, *CONCERNS}
