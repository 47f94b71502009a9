"""Starting with five facts, names and words in people's own spelling, and rows that are no rows of the table."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_evidence.config import complete_config
from small_evidence.extraction.checks import (
    ExtractionError,
    check_extraction,
    check_review,
    check_tables,
    grouped_lines,
    read_tables,
)
from small_evidence.extraction.defaults import plain, same_word, slug
from small_evidence.extraction.rules import fisher
from small_evidence.extraction.schema import TABLES, check_cell, column_name, columns, default_cell, needed_columns
from small_evidence.review import Review
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.policy import select_arms
from small_evidence.tables.responses import table_iv

FIVE = "study,therapy,disease,n,responders\n"
YEAR = 2026


@pytest.fixture
def start(tmp_path):
    """Function that writes tables as CSV files and checks them."""

    def check(responses, **others):
        folder = tmp_path / "data" / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        for table, text in {"responses": responses, **others}.items():
            (folder / f"{table}.csv").write_text(text, encoding="utf-8")
        return check_extraction(folder, year=YEAR)

    return check


def errors_of(start, *arguments, **tables):
    with pytest.raises(ExtractionError) as error:
        start(*arguments, **tables)
    return error.value.faults[["rule", "row", "column"]].fillna(0).to_numpy().tolist(), str(error.value)


def test_five_facts_are_enough(start):
    tables, issues = start(FIVE + "doe,a,x,8,5\nroe,a,x,7,7\npoe,b,x,6,0\n")
    responses = tables["responses"]
    assert responses["response_id"].tolist() == ["doe_a", "roe_a", "poe_b"]
    assert responses[["n", "responders"]].to_numpy().tolist() == [["8", "5"], ["7", "7"], ["6", "0"]]
    for column, cell in {
        "outcome": "response", "primary_outcome": "yes", "pool": "yes", "unit": "patient", "evidence_basis": "NR",
        "role": "treatment", "arm": "", "pool_reason_code": "", "n_complete": "NR",
    }.items():  # fmt: skip
        assert set(responses[column]) == {cell}, column
    assert tables["studies"]["study_id"].tolist() == ["doe", "roe", "poe"]
    assert set(tables["studies"]["design"]) == {"NR"}
    assert set(tables["studies"]["status"]) == {"included"}
    assert tables["therapies"][["therapy", "label", "therapy_class", "kind", "display_order"]].to_numpy().tolist() == [
        ["a", "A", "a", "NR", "1"],
        ["b", "B", "b", "NR", "2"],
    ]
    assert tables["outcomes"]["event_singular"].tolist() == ["had a response"]
    assert sorted(set(issues["rule"])) == ["column_as_typed", "made_column", "made_table"]
    assert len(issues) == 5  # three tables, the columns, the name of a column
    # what was made passes every check as if it had been typed
    again, _ = check_tables(tables, year=YEAR)
    for table in TABLES:
        pd.testing.assert_frame_equal(again[table], tables[table])


def test_five_facts_give_results_that_say_what_they_cannot(start):
    """cases/model 8: two studies of a, three are needed; no design, no level."""
    tables, _ = start(FIVE + "doe,a,x,8,5\nroe,a,x,7,7\npoe,b,x,6,0\n")
    made = synthesise(Review(tables, complete_config({})))
    a = made.analysis("a")
    assert [a.result[name] for name in ("k", "events", "n", "pooled", "reason")] == [2, 12, 15, "no", "too_few_studies"]
    assert (a.level["level"], set(made["study_levels"]["basis"])) == ("", {"design_not_reported"})
    row = table_iv(made).frame.set_index("Treatment").loc["A"]
    assert row[["Level", "Pooled"]].tolist() == ["not gradable", "not pooled: 2 studies, 3 needed"]
    assert row["Responders"].startswith("12/15 (80.0%)")


def test_a_missing_count_or_therapy_is_not_pooled_and_says_why(start):
    tables, _ = start(FIVE + "doe,a,x,8,NR\nroe,NR,x,7,7\npoe,a,NR,6,0\n")
    assert tables["responses"][["pool", "pool_reason_code"]].to_numpy().tolist() == [
        ["no", "counts_missing"],
        ["no", "other"],
        ["yes", ""],
    ]
    assert tables["diseases"]["disease"].tolist() == ["x"]
    assert tables["therapies"]["therapy"].tolist() == ["a"]


def test_a_second_outcome_of_an_arm_is_not_primary_and_other_time_points_are(start):
    head = "study,therapy,disease,outcome,time_point_months,n,responders\n"
    tables, _ = start(head + "doe,a,x,cure,3,10,3\ndoe,a,x,cure,12,10,5\ndoe,a,x,pain,3,10,1\n")
    assert tables["responses"]["primary_outcome"].tolist() == ["yes", "yes", "no"]
    assert tables["responses"]["pool_reason_code"].tolist() == ["", "", "not_primary"]
    assert tables["responses"]["response_id"].tolist() == ["doe_a", "doe_a_2", "doe_a_3"]
    assert tables["outcomes"][["outcome", "label"]].to_numpy().tolist() == [["cure", "Cure"], ["pain", "Pain"]]


TWO = "study,therapy,disease,outcome,n,responders\n"
MIXED = [
    "doe,a,x,recurrence,25,6", "doe,a,x,Cure,25,19", "roe,a,x,cure,20,11", "poe,a,x,cure,18,9",
    "poe,b,x,recurrence,9,2", "moe,a,x,recurrence,12,3", "coe,a,x,cure,10,4",
]  # fmt: skip
OUTCOMES = "outcome,label,event_singular,event_plural,noun_singular,noun_plural,good,unit\n" + "".join(
    f"{name},{name},{name},{name},{name},{name},yes,share\n" for name in ("recurrence", "cure")
)


def primary(tables):
    found = tables["responses"].query("primary_outcome == 'yes'")
    return sorted(found[["study_id", "therapy", "outcome", "pool"]].itertuples(index=False, name=None))


@given(st.permutations(MIXED))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_decides_no_primary_outcome(tmp_path_factory, rows):
    """Most studies have cure; two arms have no row of it, keep what they have, and are named."""
    folder = written(tmp_path_factory.mktemp("review"), {"responses.csv": TWO + "\n".join(rows)})
    tables, issues = check_extraction(folder, year=YEAR)
    alone = [("moe", "a", "recurrence", "yes"), ("poe", "b", "recurrence", "yes")]
    assert primary(tables) == sorted([(study, "a", "cure", "yes") for study in ("coe", "doe", "poe", "roe")] + alone)
    assert sorted(issues.loc[issues["rule"] == "no_review_outcome", "study_id"]) == ["moe", "poe"]
    assert tables["outcomes"]["outcome"].tolist() == ["cure", "recurrence"]
    assert Review(tables, complete_config({})).response_outcomes == ["cure"]


@pytest.mark.parametrize("rows", [MIXED, MIXED[::-1]])
@pytest.mark.parametrize(
    ("others", "chosen", "counts"),
    [
        ({}, [], {"doe": 19, "roe": 11, "poe": 9, "coe": 4}),
        ({}, ["recurrence"], {"doe": 6, "moe": 3}),
        ({"outcomes": OUTCOMES}, [], {"doe": 6, "moe": 3}),
        ({"outcomes": OUTCOMES}, ["cure"], {"doe": 19, "roe": 11, "poe": 9, "coe": 4}),
        ({}, ["cure", "recurrence"], {"doe": 19, "roe": 11, "poe": 9, "coe": 4, "moe": 3}),
    ],
)
def test_the_outcome_of_the_review_is_pooled(tmp_path, rows, others, chosen, counts):
    """The config decides, then the table outcomes, then how many studies have an outcome."""
    files = {"responses.csv": TWO + "\n".join(rows)} | {f"{table}.csv": text for table, text in others.items()}
    written(tmp_path, files)
    config = complete_config({"synthesis": {"outcomes": chosen}})
    review = Review(check_review(tmp_path, config)[0], config)
    arms = select_arms(review).query("analysis == 'a' and entered == 'yes'")
    assert arms.set_index("study_id")["responders"].to_dict() == counts


def test_the_same_arm_and_outcome_twice_is_an_error(start):
    found, _ = errors_of(start, FIVE + "doe,a,x,8,5\ndoe,a,x,7,7\n")
    assert found == [["one_primary", 3, "primary_outcome"]]


def test_labels_in_place_of_slugs_become_slugs_and_stay_labels(start):
    tables, issues = start(FIVE + "Doe 2022,Intralesional steroid,SSc,8,5\nMüller 2020,Intralesional steroid,SSc,7,7\n")
    assert tables["studies"][["study_id", "label"]].to_numpy().tolist() == [
        ["doe_2022", "Doe 2022"],
        ["muller_2020", "Müller 2020"],
    ]
    assert tables["therapies"][["therapy", "label"]].to_numpy().tolist() == [
        ["intralesional_steroid", "Intralesional steroid"]
    ]
    assert tables["responses"]["response_id"].tolist()[0] == "doe_2022_intralesional_steroid"
    assert issues.loc[issues["rule"] == "name_as_typed", "column"].tolist() == ["disease", "study_id", "therapy"]


def test_a_label_names_the_row_of_a_table_that_is_there(start):
    tables, _ = start(
        FIVE + "doe,Shock waves,SSc ,8,5\n",
        therapies="therapy,label\neswl,Shock waves\n",
        diseases="disease,label\nssc,Systemic sclerosis\n",
    )
    assert tables["responses"][["therapy", "disease"]].to_numpy().tolist() == [["eswl", "ssc"]]


@pytest.mark.parametrize("name", ["../a", "/etc", "a\\b", "<b>", "=1+1", "con", "가", "`x`"])
def test_names_that_are_no_names_are_refused(start, name):
    found, _ = errors_of(start, FIVE + f'doe,"{name}",x,8,5\n')
    assert {(rule, column) for rule, _, column in found} <= {("not_a_slug", "therapy"), ("reserved_name", "therapy")}
    assert found


def test_names_that_become_one_slug_are_refused(start):
    found, _ = errors_of(start, FIVE + "doe,A+,x,8,5\nroe,A-,x,7,7\n")
    assert [row[::2] for row in found] == [["names_alike", "therapy"]]


def test_columns_and_words_in_other_spelling_are_accepted_with_one_warning_a_kind(start):
    head = "Study ID,Therapy,Disease,Evidence Basis,Unit,Pool,Pool Reason Code,n,Responders\n"
    rows = "doe,a,x,Full text,Patients,Yes,,8,5\nroe,a,x,Abstract,patient,no,counts missing,7,nr\n"
    tables, issues = start(head + rows)
    row = tables["responses"].iloc[0]
    assert row[["study_id", "evidence_basis", "unit", "pool"]].tolist() == ["doe", "full_text", "patient", "yes"]
    assert tables["responses"].loc[1, "responders"] == "NR"
    typed = issues[issues["rule"].isin(["word_as_typed", "column_as_typed"])]
    assert typed.groupby("rule")["column"].apply(list).to_dict() == {
        "column_as_typed": [""],
        "word_as_typed": ["evidence_basis", "pool", "pool_reason_code", "responders", "unit"],
    }


def test_what_is_not_clear_is_still_an_error(start):
    head = "study,therapy,disease,unit,pool,n,responders\n"
    found, _ = errors_of(start, head + "doe,a,x,limbs,perhaps,1.000,2\n")
    assert {(rule, column) for rule, _, column in found} == {
        ("unknown_word", "unit"),
        ("unknown_word", "pool"),
        ("not_a_count", "n"),
    }


def test_a_total_row_is_one_error(start):
    found, text = errors_of(start, FIVE + "doe,a,x,8,5\nroe,a,x,7,7\npoe,b,x,6,0\nTotal,,,21,12\n")
    assert found == [["total_row", 5, ""]]
    assert text.splitlines() == [
        "1 error in data/raw; nothing was changed:",
        "data/raw/responses.csv, row 5: looks like a total row; remove it",
    ]


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_title_above_the_header_is_one_error(start, separator):
    text = "Treatments of warts, 2026\n" * 2 + FIVE + "doe,a,x,8,5\n"
    found, _ = errors_of(start, text if separator == "," else text.replace(",", ";"))
    assert found == [["title_row", 1, ""]]


def test_repeated_errors_are_grouped_and_the_table_keeps_all(start):
    rows = "".join(f"s{number},a,x,5,many\n" for number in range(12))
    found, text = errors_of(start, FIVE + rows)
    assert len(found) == 12
    assert text.splitlines()[0] == "12 errors in data/raw; nothing was changed:"
    assert len(text.splitlines()) == 5
    assert text.splitlines()[-1] == "data/raw/responses.csv, column responders: 9 more like this"


def test_two_kinds_of_errors_in_a_column_are_grouped_apart():
    issues = pd.DataFrame(
        [("error", rule, "f.csv", "", row, "n", "", "x") for rule in ("a", "b") for row in range(5)],
        columns=["severity", "rule", "file", "sheet", "row", "column", "study_id", "message"],
    )
    assert len(grouped_lines(issues)) == 8


def test_an_empty_display_order_is_the_order_of_the_rows(start):
    tables, _ = start(FIVE + "doe,a,x,8,5\nroe,b,x,8,5\n", therapies="therapy,display_order\nb,\na,\n")
    assert tables["therapies"][["therapy", "display_order"]].to_numpy().tolist() == [["b", "1"], ["a", "2"]]


def test_an_empty_cell_of_a_column_with_evidence_is_still_an_error(start):
    found, _ = errors_of(start, FIVE + "doe,a,x,8,5\n", studies="study_id,design,status\ndoe,,included\n")
    assert found == [["unknown_word", 2, "design"]]


def test_empty_and_not_reported_stay_apart(start):
    head = "study,therapy,disease,n,n_complete,responders\n"
    tables, _ = start(head + "doe,a,x,8,,5\nroe,a,x,8,NR,5\n")
    assert tables["responses"]["n_complete"].tolist() == ["", "NR"]


def test_reading_again_what_lacks_columns_gives_the_same(start, tmp_path):
    expected, _ = start(FIVE + "doe,a,x,8,5\n")
    read = read_tables(tmp_path / "data" / "raw")
    for table, frame in check_tables(read, year=YEAR)[0].items():
        pd.testing.assert_frame_equal(frame, expected[table])


def single(number, responders, pool="yes", code=""):
    return f"s{number},a,x,1,{responders},{pool},{code},{'chosen' if code else ''}\n"


HEAD = "study,therapy,disease,n,responders,pool,pool_reason_code,pool_reason\n"


@pytest.mark.parametrize("left_out", [0, 1])
def test_rows_left_out_by_their_result_are_a_warning_for_nobody_and_for_everybody(start, left_out):
    kept = [single(number, 1 - left_out) for number in range(16)] + [single(number, left_out) for number in (16, 17)]
    out = [single(number, left_out, "no", "other") for number in range(20, 30)]
    _, issues = start(HEAD + "".join(kept + out))
    found = issues[issues["rule"] == "left_out_by_result"]
    assert len(found) == 1
    words = found["message"].iloc[0]
    nobody, everybody = ((10, 2), (0, 16)) if left_out == 0 else ((0, 16), (10, 2))
    assert f"nobody responded in {nobody[0]} of the rows left out" in words
    assert f"in {nobody[1]} of the rows kept, everybody in {everybody[0]} and {everybody[1]}" in words


def test_rows_left_out_alike_or_for_want_of_counts_are_no_warning(start):
    rows = [single(number, number % 2) for number in range(12)]
    rows += [single(number, number % 2, "no", "other") for number in range(20, 30)]
    rows += [single(number, 0, "no", "counts_missing") for number in range(30, 50)]
    _, issues = start(HEAD + "".join(rows))
    assert "left_out_by_result" not in set(issues["rule"])


def test_fisher_against_scipy():
    from scipy.stats import fisher_exact

    for table in [(10, 2, 0, 16), (3, 1, 1, 3), (0, 5, 4, 1), (4, 4, 4, 4), (1, 0, 0, 0)]:
        expected = fisher_exact([table[:2], table[2:]])[1]
        assert fisher(*table) == pytest.approx(expected, abs=1e-9)  # both sum the same exact terms


@given(*[st.integers(0, 12)] * 4)
@settings(max_examples=60, deadline=None)
def test_fisher_is_the_same_for_nobody_and_everybody(a, b, c, d):
    assert fisher(a, b, c, d) == pytest.approx(fisher(c, d, a, b), abs=1e-12)
    assert 0 <= fisher(a, b, c, d) <= 1 + 1e-12


ARMS = "study,therapy,disease,arm,n,responders\n"
THERAPIES = "therapy,therapy_class\na,k\nb,k\n"


@pytest.mark.parametrize(
    ("design", "controlled", "arms", "warned"),
    [
        ("case_series", "no", ("", ""), True),
        ("NR", "NR", ("", ""), True),
        ("case_series", "no", ("g1", "g2"), False),
        ("cohort_controlled", "yes", ("", ""), False),
        ("rct", "NR", ("", ""), False),
        ("registry", "yes", ("", ""), False),
    ],
)
def test_two_therapies_of_a_class_in_one_study_ask_for_arms(start, design, controlled, arms, warned):
    _, issues = start(
        ARMS + f"doe,a,x,{arms[0]},10,2\ndoe,b,x,{arms[1]},11,9\n",
        therapies=THERAPIES,
        studies=f"study_id,design,controlled\ndoe,{design},{controlled}\n",
    )
    found = issues[issues["rule"] == "maybe_same_patients"]
    assert found[["row", "column"]].to_numpy().tolist() == ([[3, "arm"]] if warned else [])


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("n_treated", "9", ["treated_under_n", 2, "n_treated"]),
        ("time_point_months", "-1", ["time_point", 2, "time_point_months"]),
        ("verified_by,verified_on", "AB,1.2.2026", ["not_a_date", 2, "verified_on"]),
    ],
)
def test_new_columns_are_checked(start, columns, cells, expected):
    head = f"study,therapy,disease,{columns},n,responders\n"
    found, _ = errors_of(start, head + f"doe,a,x,{cells},10,2\n")
    assert found == [expected]


@pytest.mark.parametrize(
    ("people", "warned"), [("AB,,2026-01-31", True), ("AB,ab,", True), ("AB,CD,2026-01-31", False)]
)
def test_who_verified_is_a_second_person(start, people, warned):
    head = "study,therapy,disease,n,responders,extracted_by,verified_by,verified_on\n"
    _, issues = start(head + f"doe,a,x,10,2,{people}\n")
    assert ("verified_by" in set(issues["rule"])) == warned


def test_a_named_arm_is_counted_once_at_each_time_point(start):
    head = "study,therapy,disease,arm,outcome,primary_outcome,time_point_months,n,responders,pool,pool_reason_code\n"
    rows = ["a,x,g,cure,yes,3,10,3,yes,", "a,x,g,cure,no,3,10,4,no,not_primary", "a,x,g,cure,no,3,5,4,no,subgroup"]
    found, _ = errors_of(start, head + "".join(f"doe,{row}\n" for row in rows))
    assert found == [["arm_twice", 3, "arm"]]


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_slug_is_a_slug_or_nothing(name):
    made = slug(name)
    assert made == "" or check_cell("studies", "study_id", made)[1] in ("", "reserved_name", "example_row")
    assert slug(made) == made


@pytest.mark.parametrize("word", ["Case Series", "case-series", "CASE_SERIES", "case series, direction not stated"])
def test_words_in_other_spelling(word):
    assert same_word("studies", "design", word) == "case_series"
    assert plain("Case  series") == plain("case_series")
    assert same_word("studies", "design", "series") == ""


def test_names_of_columns():
    names = ["Study ID", "study", " Evidence-Basis ", "n", "N"]
    assert [column_name(name) for name in names] == ["study_id", "study_id", "evidence_basis", "n", "n"]


def test_every_default_is_a_cell_that_the_column_takes():
    for table in TABLES:
        for column in set(columns(table)) - set(needed_columns(table)):
            default = default_cell(table, column)
            assert not default or check_cell(table, column, default) == (default, "", "")
    assert needed_columns("responses") == ["study_id", "therapy", "disease", "n", "responders"]
    assert [needed_columns(table) for table in ("studies", "therapies", "diseases")] == [
        ["study_id"],
        ["therapy"],
        ["disease"],
    ]


def written(folder, files):
    """The files in a folder data/raw, which is returned."""
    raw = folder / "data" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (raw / name).write_text(text, encoding="utf-8")
    return raw


COVARIATES = {
    "studies.csv": "study_id,label,Mean Age,country\na,A,61.5,Peru\nb,B,NR,Chad\nc,C,70,\n",
    "responses.csv": "study_id,therapy,disease,n,responders\na,x,d,8,3\nb,x,d,9,4\nc,x,d,7,7\n",
}


def test_columns_of_ones_own_are_kept_as_covariates(tmp_path):
    """Numeric where every cell that reports something is a number; other columns of one's own are left out."""
    tables, issues = check_extraction(written(tmp_path, COVARIATES), covariates=["mean_age"])
    assert tables["studies"]["mean_age"].tolist() == ["61.5", "NR", "70"]
    assert "country" not in tables["studies"]
    assert {"column_as_typed", "extra_column"} <= set(issues["rule"])
    tables, _ = check_extraction(written(tmp_path, COVARIATES), covariates=["mean_age", "country"])
    review = Review(tables, complete_config({"synthesis": {"covariates": ["mean_age", "country"]}}))
    assert review.covariates["mean_age"].dropna().to_dict() == {"a": 61.5, "c": 70.0}
    assert review.covariates["country"].dropna().to_dict() == {"a": "Peru", "b": "Chad"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            COVARIATES,
            "a covariate of the config, but missing; sought in the header: study_id, label, Mean Age, country; ",
        ),
        ({"responses.csv": COVARIATES["responses.csv"]}, "missing, but the config names covariates: contry"),
    ],
)
def test_a_covariate_that_is_no_column_is_an_error_with_the_nearest(tmp_path, files, words):
    with pytest.raises(ExtractionError) as error:
        check_extraction(written(tmp_path, files), covariates=["contry"])
    found = error.value.faults[error.value.faults["rule"] == "missing_covariate"]
    assert len(found) == 1
    assert found["message"].item().startswith(words)
    assert files is not COVARIATES or "country" in found["message"].item().removeprefix(words)


def test_a_disease_of_a_scenario_that_is_not_in_its_table_is_an_error(tmp_path):
    scenario = "scenario,scenario_label,diseases,therapy,role,rationale,source\ns,S,heart;hart,x,first,why,where\n"
    files = {
        "responses.csv": "study_id,therapy,disease,n,responders\na,x,heart,8,3\n",
        "scenarios.csv": scenario,
    }
    with pytest.raises(ExtractionError) as error:
        check_extraction(written(tmp_path, files))
    found = error.value.faults.iloc[0]
    assert (found["rule"], found["row"], found["column"]) == ("unknown_disease_of_scenario", 2, "diseases")
    assert found["message"] == '"hart" is not in the table diseases; nearest is heart'
