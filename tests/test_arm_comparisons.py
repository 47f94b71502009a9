"""Therapies compared within the studies of a review: which pairs, which counts, and what is missing."""

import pandas as pd
import pytest

from small_evidence.appraisal.levels import grade_studies
from small_evidence.review import read_result, save_csv
from small_evidence.synthesis.comparisons import compare_arms
from small_evidence.tables.comparisons import comparison_table
from tests.made_up import frame, review

TRIAL = {"design": "rct", "controlled": "yes"}
CLASSES = {"drug": "k", "other": "k", "placebo": "k"}


def row(therapy, x, n, **cells):
    return {"therapy": therapy, "responders": str(x), "n": str(n)} | cells


def compared(studies, rows, **tables):
    made = review(studies, rows, CLASSES).with_tables(**tables)
    return compare_arms(made.with_results({"study_levels": grade_studies(made)}))


def test_a_trial_against_placebo():
    rows = [("trial", row("placebo", 12, 336, role="comparator")), ("trial", row("drug", 9, 335))]
    found = compared({"trial": TRIAL}, rows)
    assert found[["therapy", "comparator", "measure", "k"]].to_numpy().tolist() == [
        ["drug", "placebo", measure, 1] for measure in ("OR", "RR", "RD")
    ]
    difference = found.set_index("measure").loc["RD"]
    assert difference["estimate"] == pytest.approx(9 / 335 - 12 / 336)  # -0.0088
    assert difference["ci_lb"] < 0 < difference["ci_ub"]
    assert (difference["status"], difference["studies"], difference["level"]) == ("single_study", "trial", "IB")


def test_two_trials_are_pooled_and_an_arm_without_counts_is_a_row_of_its_own():
    rows = []
    for name, x in (("one", 8), ("two", 5)):
        rows += [(name, row("drug", x, 10)), (name, row("other", 3, 10))]
    rows += [("three", row("drug", 8, 10)), ("three", row("other", "NR", 10)), ("four", row("drug", 2, 4))]
    found = compared(dict.fromkeys(("one", "two", "three", "four"), TRIAL), rows)
    both = found[found["comparator"] == "other"]
    assert both["k"].tolist() == [2, 2, 2, 0]
    assert both["reason"].tolist() == ["", "", "", "counts_missing"]
    assert both["studies"].tolist() == ["one;two"] * 3 + ["three"]
    assert both.iloc[0][["events1", "n1", "events2", "n2"]].tolist() == [13, 20, 6, 20]
    alone = found[found["comparator"] == ""]
    assert alone[["therapy", "reason", "studies"]].to_numpy().tolist() == [["drug", "counts_missing", "four"]]


def test_rows_of_an_uncontrolled_study_are_compared_only_where_their_arms_are_named():
    rows = [row("drug", 8, 10), row("other", 3, 10)]
    assert compared({"series": {}}, [("series", cells) for cells in rows]).empty
    named = [("series", cells | {"arm": arm}) for cells, arm in zip(rows, ("g1", "g2"), strict=True)]
    assert compared({"series": {}}, named)["k"].tolist() == [1, 1, 1]
    same = [("series", cells | {"arm": "g1"}) for cells in rows]
    assert compared({"series": TRIAL}, same).empty


def test_patients_of_two_reports_are_counted_once():
    rows = []
    for name, n in (("early", 10), ("late", 20)):
        rows += [(name, row("drug", 8, n)), (name, row("placebo", 3, n))]
    pair = frame("overlaps", [{"study_a": "early", "study_b": "late", "decision": "same_patients", "keep": "early"}])
    studies = dict.fromkeys(("early", "late"), TRIAL)
    assert set(compared(studies, rows)["studies"]) == {"early;late"}
    assert set(compared(studies, rows, overlaps=pair)["studies"]) == {"early"}


def test_the_bundled_trials_have_no_counts_of_a_second_arm(synthesised, tmp_path):
    table = synthesised["comparisons"]
    assert set(table["reason"]) == {"counts_missing"}
    assert {"berger1987", "aggarwal2017"} <= set(";".join(table["studies"]).split(";"))
    save_csv(table, tmp_path / "comparisons.csv")
    back = read_result(tmp_path / "comparisons.csv")
    assert pd.api.types.is_numeric_dtype(back["k"])
    assert back["estimate"].isna().all()


def test_the_table_prints_a_row_a_pair(synthesised):
    rows = [("trial", row("drug", 9, 335)), ("trial", row("placebo", 12, 336)), ("half", row("drug", 2, 4))]
    made = review(dict.fromkeys(("trial", "half"), TRIAL), rows, CLASSES)
    made = made.with_results({"study_levels": grade_studies(made)})
    table = comparison_table(made.with_results({"comparisons": compare_arms(made)}))
    cells = table.frame.set_index("Study")
    assert cells.loc["Trial", ["Treated", "Comparison"]].tolist() == ["9/335 (2.7%)", "12/336 (3.6%)"]
    assert cells.loc["Trial", "RD"].startswith("−0.9 [")
    assert cells.loc["Half", ["OR", "RR", "RD"]].tolist() == ["—"] * 3
    assert len(comparison_table(synthesised).frame) == len(synthesised["comparisons"])
