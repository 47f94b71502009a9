"""The numbers of a PRISMA flow: what does not add up is named, what is not reported stays so."""

from pathlib import Path

import pandas as pd
import pytest

from small_evidence.extraction.checks import ExtractionError, check_tables, fault_lines, read_tables
from small_evidence.extraction.screening import BOXES, PARTS, SUMS, box_numbers, box_of

RAW = Path(__file__).parents[1] / "data" / "raw"
REAL = read_tables(RAW)
SMALL = read_tables(Path(__file__).parent / "data/minimal/data/raw")
# a flow whose numbers add up
FLOW = {
    "Records identified": 120,
    "Duplicates removed before screening": 15,
    "Removed by automation before screening": 0,
    "Removed for other reasons before screening": 5,
    "Records screened": 100,
    "Records excluded": 60,
    "Reports sought for retrieval": 40,
    "Reports not retrieved": 2,
    "Reports assessed for eligibility": 38,
    "Reports excluded: no counts": 20,
    "Reports excluded: other disease": 8,
    "Studies included": 9,
    "Reports of included studies": 10,
}


def flow(**changes):
    """The table screening with these numbers: label=number, None takes the box away."""
    known = {label: number for label, number in (FLOW | changes).items() if number is not None}
    stages = ["identification"] * len(known)
    rows = {"stage": stages, "label": list(known), "n": [str(number) for number in known.values()]}
    return pd.DataFrame(rows | {"source": ["SYNTHETIC"] * len(known)}, dtype="str")


def said(screening):
    tables = SMALL | {"screening": screening}
    try:
        _, issues = check_tables(tables, RAW, year=2026)
    except ExtractionError as error:
        issues = error.faults
    issues = issues[issues["file"].str.endswith("screening.csv")]
    return [line.removeprefix("data/raw/screening.csv, ") for line in fault_lines(issues)], set(issues["rule"])


def test_a_flow_that_adds_up_has_no_fault():
    assert said(flow()) == ([], set())


def test_the_bundled_flow_has_two_numbers_and_no_fault():
    assert said(REAL["screening"]) == ([], set())
    known = {box: number for box, number in box_numbers(REAL["screening"]).items() if number == number}
    assert known == {"identified": 3032, "studies": 30}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"Records screened": 101, "Reports sought for retrieval": 41, "Reports not retrieved": 3},
            "row 6, column n: 101, but 120 (Records identified) − 15 (Duplicates removed before screening) − 0 "
            "(Removed by automation before screening) − 5 (Removed for other reasons before screening) is 100",
        ),
        (
            {"Records excluded": 61},
            "row 8, column n: 40, but 100 (Records screened) − 61 (Records excluded) is 39",
        ),
        (
            {"Reports not retrieved": 0},
            "row 10, column n: 38, but 40 (Reports sought for retrieval) − 0 (Reports not retrieved) is 40",
        ),
        (
            {"Reports excluded: no counts": 21},
            "row 14, column n: 10, but 38 (Reports assessed for eligibility) − 29 (Reports excluded) is 9",
        ),
        (
            {"Other reports sought for retrieval": 5, "Other reports not retrieved": 1,
             "Other reports assessed for eligibility": 3},
            "row 17, column n: 3, but 5 (Other reports sought for retrieval) − 1 (Other reports not retrieved) is 4",
        ),
        (
            {"Studies in previous version": 4, "Total studies included": 12},
            "row 16, column n: 12, but 4 (Studies in previous version) + 9 (Studies included) is 13",
        ),
    ],
)  # fmt: skip
def test_numbers_that_do_not_add_up_are_named(changes, line):
    lines, rules = said(flow(**changes))
    assert line in lines
    assert rules == {"flow_sum"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"Records excluded": 101}, "row 7, column n: 101, more than Records screened (100)"),
        ({"Studies included": 11}, "row 13, column n: 11, more than Reports of included studies (10)"),
        ({"Records screened": 121}, "row 6, column n: 121, more than Records identified (120)"),
    ],
)
def test_a_part_larger_than_the_whole_stops_the_run(changes, line):
    lines, rules = said(flow(**changes))
    assert lines == [line]
    assert rules == {"flow_part"}


def test_other_methods_join_the_reports():
    other = {
        "Other reports sought for retrieval": 4,
        "Other reports not retrieved": 0,
        "Other reports assessed for eligibility": 4,
        "Other reports excluded": 1,
    }
    assert said(flow(**other, **{"Reports of included studies": 13})) == ([], set())
    lines, _ = said(flow(**other))
    assert lines[0].startswith("row 14, column n: 10, but 38 (Reports assessed for eligibility) + 4 (Other reports")


@pytest.mark.parametrize("label", [label for label in FLOW if FLOW[label]])
def test_what_is_not_reported_is_not_worked_out(label):
    assert said(flow(**{label: "NR"})) == ([], set())
    assert said(flow(**{label: None})) == ([], set()) or label.startswith("Reports excluded:")


def test_a_total_beside_its_reasons_counts_once():
    assert said(flow(**{"Reports excluded with reasons": 28})) == ([], set())
    lines, _ = said(flow(**{"Reports excluded with reasons": 27}))
    assert lines == [
        "row 14, column n: 10, but 38 (Reports assessed for eligibility) − 27 (Reports excluded with reasons) is 11"
    ]


def test_labels_of_the_review_s_own_are_no_box():
    assert box_of("  Records   SCREENED ") == "screened"
    assert box_of("Reports excluded: wrong outcome") == "reports_excluded"
    assert box_of("Books weighed") == ""
    assert said(flow(**{"Books weighed": 7000})) == ([], set())


def test_every_box_of_a_sum_has_a_label():
    boxes = set(BOXES.values())
    assert {name for box, added, taken in SUMS for name in (box, *added, *taken)} <= boxes
    assert {name for pair in PARTS for name in pair} <= boxes
