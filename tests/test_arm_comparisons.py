"""Therapies compared within the studies of a review: which pairs, which counts, and what is missing."""

import itertools
import math
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest

from small_evidence import ReviewError
from small_evidence.appraisal.levels import grade_studies
from small_evidence.figures import figure_names, review_figure
from small_evidence.figures.comparison import comparison_names, comparison_plot
from small_evidence.figures.preflight import check_figure
from small_evidence.figures.style import SCREEN
from small_evidence.pooling.comparisons import compare
from small_evidence.review import read_result, save_csv
from small_evidence.synthesis.comparisons import compare_arms
from small_evidence.tables.comparisons import comparison_table
from tests.drawn import row_of, text_of, texts
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
    both = found[found["comparator"] == "other"].drop_duplicates(["measure", "reason"])
    assert both["method"].tolist() == ["glmm", "mantel_haenszel", "mantel_haenszel", ""]
    assert both["k"].tolist() == [2, 2, 2, 0]
    assert both["reason"].tolist() == ["", "", "", "counts_missing"]
    assert both["studies"].tolist() == ["one;two"] * 3 + ["three"]
    others = found[(found["measure"] == "OR") & (found["method"] != "glmm")].set_index("method")
    by_hand = compare([8, 5], [10, 10], [3, 3], [10, 10], method="peto")
    assert set(others.index) == {"mantel_haenszel", "peto", "beta_binomial", "exact"}
    assert others.loc["peto", "estimate"] == by_hand["estimate"]
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


COUNTS = {"alpha": (8, 10, 3, 10), "beta": (5, 5, 0, 6), "gamma": (9, 12, 4, 11), "delta": (0, 4, 0, 5)}


@cache
def drawn_review():
    return counted_review(COUNTS)


def counted_review(counts, **tables):
    rows = []
    for name, (x1, n1, x2, n2) in counts.items():
        rows += [(name, row("drug", x1, n1)), (name, row("placebo", x2, n2, role="comparator"))]
    made = review(dict.fromkeys(counts, TRIAL), rows, CLASSES).with_tables(**tables)
    made = made.with_results({"study_levels": grade_studies(made)})
    return made.with_results({"comparisons": compare_arms(made)})


def intervals(drawing, words):
    """Left and right end of the lines on the row of a text."""
    y = text_of(drawing, words).y
    return [(line.x0, line.x1) for line in drawing.lines("intervals") if abs(line.y0 - y) < SCREEN.size]


def tick_places(drawing, words):
    """Places of the words below the axis."""
    below = [text for text in drawing.texts if text.align == "center" and drawing.axis.bottom < text.y]
    return [next(text.x for text in below if text.words == word) for word in words]


def test_odds_ratios_stand_on_a_log_axis_and_infinite_limits_are_arrows():
    drawing = comparison_plot(drawn_review(), "drug-placebo")
    assert check_figure(drawing) == []
    assert row_of(drawing, "Alpha") == [
        "Alpha",
        "8/10",
        "3/10",
        "8.15 [0.88,\u00a0127.01]",
    ]  # exact, as scipy odds_ratio
    assert row_of(drawing, "Beta")[-1] == "∞ [2.84,\u00a0∞]"
    assert row_of(drawing, "Delta")[-1] == "no information"
    assert row_of(drawing, "All studies") == ["All studies", "22/31", "7/32"]
    assert text_of(drawing, "All studies").bold
    between = text_of(drawing, "Delta").y, text_of(drawing, "All studies").y
    assert [line.y0 for line in drawing.lines("rules") if between[0] < line.y0 < between[1]]
    places = tick_places(drawing, ["0.01", "0.1", "1", "10", "100"])
    assert [after - before for before, after in itertools.pairwise(places)] == pytest.approx(
        [(places[-1] - places[0]) / 4] * 4
    )
    ((left, right),) = intervals(drawing, "Beta")
    exact = compare(5, 5, 0, 6)["ci_lb"]  # 2.84
    assert left == pytest.approx(places[2] + math.log10(exact) * (places[3] - places[2]))
    assert right == pytest.approx(drawing.axis.right)
    tips = [max(x for x, _ in shape.points) for shape in drawing.shapes("marks") if len(shape.points) == 3]
    assert sum(tip > right for tip in tips) == 3  # alpha, beta and the hypergeometric-normal model
    assert {"Mantel-Haenszel", "Peto", "Beta-binomial"} <= set(texts(drawing))
    assert "τ² = 0 [0," in " ".join(texts(drawing))
    assert "Alpha 8.15" in drawing.alt_text
    assert "Below 1 favours Placebo, above 1 favours Drug" in drawing.alt_text


def test_risk_differences_stand_on_a_linear_axis_in_percentage_points():
    drawing = comparison_plot(drawn_review(), "drug-placebo-rd")
    places = tick_places(drawing, ["−100", "−50", "0", "50", "100"])
    ((left, right),) = intervals(drawing, "Alpha")
    found = compare(8, 10, 3, 10, measure="RD")
    unit = places[4] - places[2]
    assert (left, right) == pytest.approx((places[2] + found["ci_lb"] * unit, places[2] + found["ci_ub"] * unit))
    assert places[3] - places[2] == pytest.approx(unit / 2)
    assert row_of(drawing, "Alpha")[-1] == "50.0 [6.5,\u00a077.6]"


def test_fewer_of_a_bad_outcome_favour_the_treatment():
    words = {"outcome": "clinical_response", "label": "Stroke", "event_singular": "had a stroke"}
    words |= {"event_plural": "had a stroke", "noun_singular": "patient with a stroke"}
    bad = frame("outcomes", [words | {"noun_plural": "patients with a stroke", "good": "no"}])
    drawing = comparison_plot(counted_review({"one": (3, 40, 9, 41)}, outcomes=bad), "drug-placebo-rr")
    left, right = (text_of(drawing, f"favours {name}") for name in ("Drug", "Placebo"))
    assert left.x < drawing.axis.x(0) < right.x
    assert "All studies" not in texts(drawing)  # one study is not pooled


def test_a_narrow_figure_has_the_counts_in_one_column():
    drawing = comparison_plot(drawn_review(), "drug-placebo-rr", replace(SCREEN, width_mm=90))
    assert check_figure(drawing) == []
    assert {"8/10\u00a0vs", "3/10"} <= set(texts(drawing))


def test_rows_stand_in_the_order_of_the_forest_plots():
    made = drawn_review()
    config = made.config | {"figures": made.config["figures"] | {"order": "effect"}}
    drawing = comparison_plot(replace(made, config=config), "drug-placebo")
    places = [text_of(drawing, name).y for name in ("Beta", "Alpha", "Gamma", "Delta")]  # 5/5, 8/10, 9/12, 0/4
    assert places == sorted(places)


def test_pairs_without_counts_have_no_figure_but_a_reason(synthesised):
    names = [name for name in figure_names(synthesised) if name.startswith("comparison_")]
    assert names[0] == "comparison_warfarin"
    assert comparison_names(synthesised, counted=True) == []
    assert comparison_names(drawn_review(), counted=True) == ["drug-placebo"]
    assert {review_figure(synthesised, name).absent for name in names} == {"Not compared: counts not available"}
    with pytest.raises(ReviewError, match="nearest is drug-placebo"):
        comparison_plot(drawn_review(), "drug-placbo")
