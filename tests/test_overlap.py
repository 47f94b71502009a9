"""Reports on the same patients: found with their evidence, decided by people, counted once."""

from pathlib import Path

import pandas as pd
import pytest

from small_evidence.config import complete_config
from small_evidence.extraction.checks import ExtractionError, check_tables, fault_lines, read_tables
from small_evidence.extraction.overlap import CANDIDATES, near_titles, overlap_candidates, plain_title, title_ratio
from small_evidence.extraction.schema import columns, empty_table
from small_evidence.review import Review
from small_evidence.synthesis.analyses import pool_arms, sensitivity
from small_evidence.synthesis.policy import select_arms
from tests.policy import POLICY

PROJECT = Path(__file__).parents[1]
NONE = empty_table("overlaps")


def table(name, rows):
    """Rows of a table, the cells that are not given empty."""
    blank = dict.fromkeys(empty_table(name), "")
    return pd.DataFrame([blank | row for row in rows], columns=list(blank), dtype="str")


def study(name, **cells):
    usual = {"label": name.title(), "status": "included", "title": f"SYNTHETIC paper called {name}", "year": "2000"}
    return {"study_id": name, "doi": "NR", "pmid": "NR", "first_author": "NR", "cohort_id": name} | usual | cells


def response(name, responders, n, therapy="balm"):
    cells = {"response_id": f"{name}_{therapy}", "study_id": name, "therapy": therapy, "disease": "gout"}
    counts = {"n": str(n), "responders": str(responders)}
    return cells | counts | {"primary_outcome": "yes", "unit": "patient", "pool": "yes", "source": "SYNTHETIC"}


def decision(a, b, word, keep="", reason="SYNTHETIC"):
    return {"study_a": a, "study_b": b, "decision": word, "keep": keep, "reason": reason}


THERAPIES = table("therapies", [{"therapy": "balm", "label": "Balm", "therapy_class": "salve", "display_order": "1"}])
RESPONSES = table("responses", [response("ahn", 3, 9), response("berg", 4, 6), response("cole", 5, 8)])


def candidates(*studies, responses=RESPONSES, overlaps=NONE):
    return overlap_candidates(table("studies", studies), responses, overlaps)


@pytest.mark.parametrize(
    ("first", "second", "strength", "evidence"),
    [
        ({"cohort_id": "c1"}, {"cohort_id": "c1"}, "same", "cohort_id c1 of both"),
        ({"doi": "10.1000/AB"}, {"doi": "10.1000/ab"}, "same", "DOI 10.1000/ab of both"),
        ({"pmid": "77"}, {"pmid": "77"}, "same", "PubMed number 77 of both"),
        ({"title": "Balm in gout: a trial"}, {"title": "Balm in Gout - a trial."}, "same", "same title"),
        (
            {"title": "Balm in gouty arthritis: a trial"},
            {"title": "Balm in gouty artritis: a trial"},
            "same",
            "titles alike (0.98 of 1)",
        ),
        (
            {"first_author": "Ahn B", "year": "2001"},
            {"first_author": "Ahn B", "year": "2004"},
            "similar",
            "one first author on balm, 2001 and 2004",
        ),
        ({"first_author": "Ahn"}, {"first_author": "Ahn BC"}, "similar", "one first author on balm, 2000 and 2000"),
        (
            {"cohort_id": "c1", "pmid": "77"},
            {"cohort_id": "c1", "pmid": "77"},
            "same",
            "cohort_id c1 of both; PubMed number 77 of both",
        ),
    ],
)
def test_evidence_for_an_overlap(first, second, strength, evidence):
    found = candidates(study("ahn", **first), study("berg", **second), study("cole"))
    assert found[["study_a", "study_b", "strength", "evidence"]].to_numpy().tolist() == [
        ["ahn", "berg", strength, evidence]
    ]
    assert found.loc[0, "pooled_together"] == "balm"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"cohort_id": "NR"}, {"cohort_id": "NR"}),
        ({"cohort_id": ""}, {"cohort_id": ""}),
        ({"title": "[title not seen]"}, {"title": "[title not seen]"}),
        ({"title": "NR"}, {"title": "NR"}),
        ({"title": "Balm in gout. Part 1"}, {"title": "Balm in gout. Part 2"}),
        ({"first_author": "Ahn B", "year": "2001"}, {"first_author": "Ahn B", "year": "2005"}),
        ({"first_author": "Ahn B"}, {"first_author": "Ahn C"}),
        ({"first_author": "Ahn B", "year": "NR"}, {"first_author": "Ahn B", "year": "NR"}),
        ({"first_author": "NR"}, {"first_author": "NR"}),
    ],
)
def test_what_is_not_known_is_no_evidence(first, second):
    found = candidates(study("ahn", **first), study("berg", **second))
    assert found.empty
    assert list(found.columns) == CANDIDATES


def test_one_author_on_two_therapies_is_no_evidence():
    responses = table("responses", [response("ahn", 3, 9), response("berg", 4, 6, therapy="oil")])
    assert candidates(
        study("ahn", first_author="Ahn B"), study("berg", first_author="Ahn B"), responses=responses
    ).empty


def test_decisions_stand_beside_the_candidates_and_name_pairs_nothing_else_shows():
    overlaps = table(
        "overlaps", [decision("berg", "ahn", "same_patients", "berg"), decision("ahn", "cole", "distinct")]
    )
    found = candidates(study("ahn", pmid="7"), study("berg", pmid="7"), study("cole"), overlaps=overlaps)
    assert found[["study_a", "study_b", "strength", "decision", "keep"]].to_numpy().tolist() == [
        ["ahn", "berg", "same", "same_patients", "berg"],
        ["ahn", "cole", "named", "distinct", ""],
    ]


def test_the_bundled_review_has_one_pair_and_none_in_a_pool(tables):
    found = overlap_candidates(tables["studies"], tables["responses"], tables["overlaps"])
    assert found[["study_a", "study_b", "evidence", "pooled_together"]].to_numpy().tolist() == [
        ["wang2020", "pachman2012", "cohort_id wang2020 of both", ""]
    ]


def test_near_titles_among_thousands_are_those_of_comparing_all(tables):
    titles = tables["studies"].set_index("study_id")["title"]
    spoilt = {f"{name}_copy": title[:-3] + title[-2:] for name, title in titles.items()}
    everything = pd.concat([titles, pd.Series(spoilt, dtype="str")])
    plain = {name: plain_title(title) for name, title in everything.items()}
    names = list(plain)
    expected = {
        (a, b)
        for position, a in enumerate(names)
        for b in names[position + 1 :]
        if title_ratio(plain[a], plain[b]) >= 0.9
    }
    assert {(a, b) for a, b, _ in near_titles(everything)} == expected
    assert len(expected) >= 60


STUDIES = table("studies", [study("ahn", pmid="7"), study("berg", pmid="7"), study("cole")])


def review_of(overlaps, responses=RESPONSES, **choices):
    """The three studies as a review under the policy of the tests."""
    responses = responses.assign(outcome="clinical_response")
    tables = {"studies": STUDIES, "responses": responses, "therapies": THERAPIES, "overlaps": overlaps}
    return Review(tables, complete_config({"synthesis": POLICY | choices}))


def pooled(overlaps):
    made = review_of(overlaps)
    arms = select_arms(made)
    return arms.set_index(["analysis", "study_id"]), pool_arms(made, arms).set_index("analysis").loc["balm"]


def test_the_chosen_report_is_kept_though_it_is_smaller():
    decided = decision("ahn", "berg", "same_patients", "berg", "longer follow-up")
    arms, row = pooled(table("overlaps", [decided]))
    assert row[["k", "events", "n", "studies"]].tolist() == [2, 9, 14, "berg;cole"]
    assert arms.loc[("balm", "ahn"), ["reason", "detail"]].tolist() == ["same_patients", "berg"]


def test_where_the_chosen_report_has_no_counts_the_other_one_stands():
    responses = RESPONSES.copy()
    responses.loc[1, ["n", "responders", "pool", "pool_reason"]] = ["NR", "NR", "no", "no counts"]
    overlaps = table("overlaps", [decision("ahn", "berg", "same_patients", "berg")])
    arms = select_arms(review_of(overlaps, responses))
    assert arms.query("analysis == 'balm' and entered == 'yes'")["study_id"].tolist() == ["ahn", "cole"]


def test_of_three_reports_joined_by_decisions_one_is_counted():
    overlaps = [decision("ahn", "berg", "same_patients", "berg"), decision("cole", "ahn", "same_patients", "cole")]
    _, row = pooled(table("overlaps", overlaps))
    assert row[["k", "studies"]].tolist() == [1, "cole"]  # of berg and cole, of which neither was set aside, the larger


@pytest.mark.parametrize("word", ["distinct", "undecided"])
def test_other_decisions_leave_the_pool_as_it_is(word):
    _, row = pooled(table("overlaps", [decision("ahn", "berg", word)]))
    assert row[["k", "events", "n"]].tolist() == [3, 12, 23]


def variants(overlaps, **changes):
    made = review_of(overlaps, **changes)
    found = overlap_candidates(STUDIES, RESPONSES, overlaps)
    made = made.with_results({"arms": select_arms(made), "overlap_candidates": found})
    return sensitivity(made).set_index(["analysis", "variant"])


def test_an_undecided_overlap_is_shown_with_and_without():
    table = variants(NONE)
    assert table.loc[("balm", "without_overlap"), ["k", "events", "n", "pooled"]].tolist() == [2, 8, 17, "no"]
    assert ("balm", "other_report") not in table.index


def test_a_decided_overlap_is_shown_with_the_other_report():
    overlaps = table("overlaps", [decision("ahn", "berg", "same_patients", "berg")])
    found = variants(overlaps, min_studies=2)
    assert found.loc[("balm", "other_report"), ["k", "events", "n"]].tolist() == [2, 8, 17]
    assert ("balm", "without_overlap") not in found.index  # it would change nothing


def test_a_pair_of_different_patients_has_no_variant():
    found = variants(table("overlaps", [decision("ahn", "berg", "distinct")]))
    assert not {"without_overlap", "other_report"} & set(found.index.get_level_values("variant"))


REAL = read_tables(PROJECT / "data/raw")
# rows 2 and 3 of studies, both pooled for diltiazem
PAIR = ("vayssairat1998", "palmieri1995")


USUAL = set(check_tables(REAL, PROJECT / "data/raw", year=2026)[1]["message"])


def checked(*overlaps, row_2=None, **cells):
    """Lines and rules of the bundled tables with these overlaps, and these cells in rows 2 and 3 of studies."""
    tables = {name: frame.copy() for name, frame in REAL.items()}
    tables["overlaps"] = pd.DataFrame(overlaps, columns=columns("overlaps"), dtype="str").fillna("")
    for column, value in cells.items():
        tables["studies"].loc[3, column] = value
    for column, value in (row_2 or {}).items():
        tables["studies"].loc[2, column] = value
    try:
        kept, issues = check_tables(tables, PROJECT / "data/raw", year=2026)
    except ExtractionError as error:
        kept, issues = None, error.faults
    new = issues[~issues["message"].isin(USUAL)]
    return [line.removeprefix("data/raw/") for line in fault_lines(new)], list(new["rule"]), kept


UNDECIDED = "overlap_undecided"


def test_a_cohort_twice_in_one_pool_stops_the_run_until_overlaps_says_something():
    cohort = {"cohort_id": "vayssairat1998"}
    assert checked(**cohort)[1] == ["cohort_twice"]
    lines, rules, _ = checked(decision(*PAIR, "undecided", reason=""), **cohort)
    assert rules == [UNDECIDED]
    assert lines == [
        "studies.csv, row 3, column study_id: may report on patients of vayssairat1998 (cohort_id vayssairat1998 of "
        "both), both pooled for diltiazem: decide in overlaps (study palmieri1995)"
    ]
    _, rules, kept = checked(decision(*PAIR, "same_patients", "palmieri1995"), **cohort)
    assert rules == []
    outcomes = list(kept["outcomes"]["outcome"])
    arms = select_arms(Review(kept, complete_config({"synthesis": POLICY | {"outcomes": outcomes}})))
    arms = arms[arms["analysis"] == "diltiazem"].set_index("study_id")
    assert arms.loc[list(PAIR), "entered"].tolist() == ["no", "yes"]


def test_an_undecided_pair_that_is_only_named_is_a_warning():
    lines, rules, _ = checked(decision(*PAIR, "undecided", reason=""))
    assert rules == [UNDECIDED]
    assert "(named in the table overlaps)" in lines[0]
    assert checked(decision(*PAIR, "distinct"))[1] == []


def test_titles_alike_in_one_pool_are_a_warning():
    title = REAL["studies"].loc[2, "title"].replace("calcinosis", "calcinoses")
    lines, rules, _ = checked(title=title)
    assert rules == [UNDECIDED]
    assert "titles alike (0.99 of 1)" in lines[0]
    assert checked(decision(*PAIR, "distinct"), title=title)[1] == []


def test_a_pubmed_number_twice_in_one_pool_needs_a_decision():
    both = {"row_2": {"pmid": "11111111"}, "pmid": "11111111"}
    assert "report_twice" in checked(**both)[1]
    assert checked(decision(*PAIR, "distinct"), **both)[1] == []


@pytest.mark.parametrize(
    ("rows", "rule", "line"),
    [
        (
            [decision(PAIR[0], "nobody", "distinct")],
            "unknown_study",
            'overlaps.csv, row 2, column study_b: "nobody" is not in the table studies',
        ),
        (
            [decision(PAIR[0], PAIR[0], "distinct")],
            "overlap_pair",
            "overlaps.csv, row 2, column study_b: vayssairat1998 twice",
        ),
        (
            [decision(*PAIR, "distinct"), decision(*reversed(PAIR), "distinct")],
            "overlap_pair",
            "overlaps.csv, row 3, column study_a: the pair palmieri1995, vayssairat1998: duplicate of row 2",
        ),
        (
            [decision(*PAIR, "distinct"), decision(*PAIR, "distinct")],
            "duplicate_key",
            "overlaps.csv, row 3, column study_a: vayssairat1998, palmieri1995, duplicate of row 2",
        ),
        (
            [decision(*PAIR, "same_patients")],
            "overlap_keep",
            "overlaps.csv, row 2, column keep: empty, but same_patients needs vayssairat1998 or palmieri1995",
        ),
        (
            [decision(*PAIR, "same_patients", "nobody")],
            "overlap_keep",
            "overlaps.csv, row 2, column keep: nobody, but same_patients needs vayssairat1998 or palmieri1995",
        ),
        (
            [decision(*PAIR, "distinct", PAIR[0])],
            "overlap_keep",
            'overlaps.csv, row 2, column keep: "vayssairat1998", but the decision is distinct: both are pooled as the '
            "tables say",
        ),
        (
            [decision(*PAIR, "distinct", reason="")],
            "overlap_reason",
            "overlaps.csv, row 2, column reason: no reason is given for distinct",
        ),
        (
            [decision("wang2020", "pachman2012", "distinct")],
            "overlap_cohort",
            "overlaps.csv, row 2, column decision: distinct, but both studies have the cohort_id wang2020",
        ),
    ],
)
def test_decisions_that_say_nothing_or_too_much_are_named(rows, rule, line):
    lines, rules, _ = checked(*rows)
    assert (lines[0], rules[0]) == (line, rule)
    assert set(rules) - {UNDECIDED} == {rule}
