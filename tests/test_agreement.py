"""Two extractors: every recorded error is found, agreement is what it is by hand, decisions decide."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from small_evidence.extraction.agreement import (
    COMPARED,
    DISAGREEMENTS,
    ROW,
    agreement,
    apply_changes,
    compared_columns,
    disagreements,
    kappa,
    match_rows,
    save_disagreements,
)
from small_evidence.extraction.checks import ExtractionError, check_extraction, compare_extractions, fault_lines
from small_evidence.extraction.schema import TABLES, empty_table
from small_evidence.review import save_csv
from tests.made_up import frame

PROJECT = Path(__file__).parents[1]
RAW = PROJECT / "data" / "raw"
YEAR = 2026
_spec = importlib.util.spec_from_file_location("make_second", PROJECT / "tests/data/make_second_extraction.py")
maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(maker)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The bundled review with a SYNTHETIC second extraction, and the errors in it."""
    folder = tmp_path_factory.mktemp("review") / "data" / "raw"
    shutil.copytree(RAW, folder)
    errors = maker.make_second_extraction(folder, folder.parent / "SYNTHETIC_second")
    (folder.parent / "SYNTHETIC_second").rename(folder / "second_extraction")
    return folder, errors


@pytest.fixture
def review(made, tmp_path):
    return Path(shutil.copytree(made[0], tmp_path / "data" / "raw"))


@pytest.fixture(scope="module")
def compared(made):
    return compare_extractions(made[0])


def test_every_recorded_error_is_found_and_nothing_else(made, compared):
    _, errors = made
    _, found = compared
    columns = ["table", "row_key", "column", "first", "second"]
    expected = errors.rename(columns={"key": "row_key"})[columns]
    by = ["table", "row_key", "column"]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(by, ignore_index=True),
        expected.sort_values(by, ignore_index=True),
        check_dtype=False,
    )
    assert len(found) == 3 * (24 + 3)
    assert set(found["state"]) == {"open"}
    assert set(found["agreed"]) == {""}


def test_differences_carry_both_sources(compared):
    _, found = compared
    row = found[(found["table"] == "responses") & (found["column"] != ROW)].iloc[0]
    first = pd.read_csv(RAW / "responses.csv", dtype=str, keep_default_na=False)
    mine = first[first["study_id"] == row["row_key"].split(" | ")[0]]
    assert row["first_source"] in set(mine["source"] + "; " + mine["location"])
    assert row["second_source"] == row["first_source"]


def test_agreement_counts_what_was_recorded(made, compared):
    _, errors = made
    table, _ = compared
    table = table.set_index(["table", "column"])
    for name in maker.KEYS:
        rows = len(pd.read_csv(RAW / f"{name}.csv"))
        of_rows = table.loc[(name, ROW)]
        assert of_rows[["compared", "agreed", "only_first", "only_second"]].tolist() == [rows + 1, rows - 2, 2, 1]
        wrong = errors[(errors["table"] == name) & (errors["column"] != ROW)].groupby("column").size()
        for column in compared_columns(name):
            row = table.loc[(name, column)]
            assert row["compared"] - row["agreed"] == wrong.get(column, 0)
            if row["compared"]:
                assert row["share_agreed"] == pytest.approx(row["agreed"] / row["compared"])
            else:
                assert pd.isna(row["share_agreed"])


def test_counts_agree_exactly_or_within_one(made, compared):
    _, errors = made
    table = compared[0].set_index(["table", "column"])
    of_n = errors[(errors["table"] == "responses") & (errors["column"] == "responders")]
    numbers = of_n[of_n["first"].str.isdigit() & of_n["second"].str.isdigit()]
    far = (numbers["first"].astype(int) - numbers["second"].astype(int)).abs() > 1
    row = table.loc[("responses", "responders")]
    assert row["exact"] == pytest.approx(1 - len(numbers) / row["both_numbers"])
    assert row["within_1"] == pytest.approx(1 - far.sum() / row["both_numbers"])


def frames(table, **cells):
    """Two extractions of one table that differ in the cells given as column=(first, second)."""
    count = max(len(values[0]) for values in cells.values())
    sides = []
    for side in (0, 1):
        frame = empty_table(table).reindex(range(count), fill_value="")
        frame[COMPARED[table][0]] = [f"row{number}" for number in range(count)]
        for column, values in cells.items():
            frame[column] = list(values[side])
        sides.append({table: frame})
    return sides


def test_kappa_of_a_table_reckoned_by_hand():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, by chance 0.5, kappa 0.4
    x, y = pd.Series(["yes"] * 25 + ["no"] * 25), pd.Series(["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15)
    result = kappa(x, y)
    assert result["kappa"] == pytest.approx(0.4)
    p, rows, columns = np.array([[20, 5], [10, 15]]) / 50, np.array([0.5, 0.5]), np.array([0.6, 0.4])
    po, pe = 0.7, 0.5
    # Fleiss, Cohen & Everitt (1969), eq. 14
    weights = columns[:, None] + rows[None, :]  # of cell (i, j): p.i + pj.
    diagonal = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - result["kappa"])) ** 2 for i in (0, 1))
    off = (1 - result["kappa"]) ** 2 * sum(p[i, j] * weights[i, j] ** 2 for i in (0, 1) for j in (0, 1) if i != j)
    variance = (diagonal + off - (result["kappa"] - pe * (1 - result["kappa"])) ** 2) / (50 * (1 - pe) ** 2)
    assert po - pe == pytest.approx(result["kappa"] * (1 - pe))
    assert result["kappa_ci_lb"] == pytest.approx(0.4 - 1.959964 * np.sqrt(variance), abs=1e-6)
    assert result["kappa_ci_ub"] == pytest.approx(0.4 + 1.959964 * np.sqrt(variance), abs=1e-6)
    wider = kappa(x, y, conf_level=0.99)
    assert wider["kappa_ci_lb"] < result["kappa_ci_lb"]


@pytest.mark.parametrize(
    ("x", "y", "expected", "note"),
    [
        (["yes", "no"], ["yes", "no"], 1, "complete agreement: no interval"),
        (["yes", "yes"], ["yes", "yes"], None, "kappa is not defined: both use one word only"),
        ([], [], None, "nothing to compare"),
        (["yes"] * 9 + ["no"], ["yes"] * 10, 0, "one of the two has one word for all, so that kappa is 0: no interval"),
        (["yes", "no"], ["no", "yes"], -1, "the standard error is 0: no interval"),
    ],
)
def test_kappa_without_an_interval_says_why(x, y, expected, note):
    result = kappa(pd.Series(x, dtype="str"), pd.Series(y, dtype="str"))
    assert (result.get("kappa"), result["note"]) == (expected, note)
    assert "kappa_ci_lb" not in result


def test_cells_that_are_empty_in_both_are_not_agreement():
    first, second = frames("studies", n_patients=(["", "", "NR", "4"], ["", "3", "NR", "4"]))
    row = agreement(first, second).set_index("column").loc["n_patients"]
    assert row[["compared", "agreed", "both_numbers", "exact"]].tolist() == [3, 2, 1, 1.0]


def test_of_two_rows_about_the_same_thing_those_alike_are_pairs():
    columns = {
        "study_id": (["a"] * 2, ["a"] * 2),
        "n": (["9", "4"], ["4", "9"]),
        "pool": (["yes", "no"], ["no", "yes"]),
    }
    first, second = frames("responses", **columns)
    assert agreement(first, second).set_index("column").loc["n", "agreed"] == 2


ROWS = [("low", "3", "2"), ("low", "12", "4"), ("high", "3", "4"), ("high", "12", "2")]  # arm, months, responders


@pytest.mark.parametrize(
    ("named", "months", "responders", "differences"),
    [
        # the same cells in another order, but for one count
        (ROWS[::-1], "12", "4", [("responders", "low | 12", "4", "9")]),
        # the second person names the arms in another way: time points are compared with themselves all the same
        ([(f"{arm} dose", months, x) for arm, months, x in ROWS], "12", "4", [("responders", "low | 12", "4", "9")]),
        # another time point of the same arm is a difference of the time point
        ([(arm, "6" if months == "12" else months, x) for arm, months, x in ROWS], "6", "4",
         [("time_point_months", "low | 12", "12", "6"), ("responders", "low | 12", "4", "9"),
          ("time_point_months", "high | 12", "12", "6")]),
    ],
)  # fmt: skip
def test_arms_and_time_points_are_compared_with_themselves(named, months, responders, differences):
    wrong = [(arm, time, "9" if (time, x) == (months, responders) else x) for arm, time, x in named]
    sides = []
    for rows in (ROWS, wrong):
        frame = empty_table("responses").reindex(range(4), fill_value="").assign(study_id="doe", therapy="balm")
        frame[["arm", "time_point_months", "responders"]] = [list(row) for row in rows]
        sides.append({"responses": frame})
    found = disagreements(*sides)
    names = found["row_key"].str.split(" | ", regex=False).str[-2:].map(lambda marks: f"{marks[1]} | {marks[0]}")
    assert list(zip(found["column"], names, found["first"], found["second"], strict=True)) == [
        (column, name, one, other) for column, name, one, other in differences
    ]


def decided(folder, rows):
    """Save an adjudication with these rows: (table, row_key, column, first, second, agreed)."""
    frame = pd.DataFrame(rows, columns=["table", "row_key", "column", "first", "second", "agreed"])
    save_csv(frame.reindex(columns=DISAGREEMENTS, fill_value=""), folder / "adjudication.csv")


def without_second(tmp_path):
    folder = tmp_path / "alone" / "data" / "raw"
    shutil.copytree(RAW, folder)
    return folder


KEY = "vayssairat1998 | diltiazem | ssc | radiological_response | patient"


def second_with(folder, **cells):
    """A second extraction that repeats the responses but for these cells of the row of Vayssairat 1998."""
    frame = pd.read_csv(folder / "responses.csv", dtype=str, keep_default_na=False)
    for column, value in cells.items():
        frame.loc[0, column] = value
    (folder / "second_extraction").mkdir(exist_ok=True)
    frame.to_csv(folder / "second_extraction" / "responses.csv", index=False)


def new_lines(folder, **options):
    tables, issues = check_extraction(folder, year=YEAR, **options)
    _, usual = check_extraction(RAW, year=YEAR)
    lines = [line for line in fault_lines(issues) if line not in fault_lines(usual)]
    rules = list(dict.fromkeys(rule for rule in issues["rule"] if rule not in set(usual["rule"])))
    return tables["responses"].set_index("response_id"), lines, rules


def test_an_undecided_count_in_a_pool_is_a_warning_and_stays_the_first(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="4", confidence="low", paraphrase="other words")
    responses, lines, rules = new_lines(folder)
    assert responses.loc["vayssairat1998_diltiazem", "responders"] == "3"
    assert rules == ["extractors_differ"]
    assert lines == [
        "data/raw/responses.csv, row 2, column responders: 3, but 4 in row 2 of the second extraction (study "
        "vayssairat1998)"
    ]


def test_an_undecided_count_stops_the_run_where_the_config_says_so(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="4")
    with pytest.raises(ExtractionError) as error:
        check_extraction(folder, year=YEAR, require_adjudication=True)
    assert set(error.value.faults["rule"]) == {"adjudication_missing"}
    assert str(error.value).splitlines() == [
        "1 error in data/raw; nothing was changed:",
        "data/raw/responses.csv, row 2, column responders: 3, but 4 in row 2 of the second extraction (study "
        "vayssairat1998)",
    ]


@pytest.mark.parametrize("agreed", ["2", "4", "NR"])
def test_a_decision_takes_the_place_of_the_first_value_and_is_told(tmp_path, agreed):
    folder = without_second(tmp_path)
    second_with(folder, n_none="8", n_partial="4", responders="4")
    rows = [("responses", KEY, column, "3", "4", agreed) for column in ("n_partial", "responders")]
    decided(
        folder, [*rows, ("responses", KEY, "pool", "yes", "yes", "no"), ("responses", KEY, "n_none", "NR", "8", "8")]
    )
    frame = pd.read_csv(folder / "responses.csv", dtype=str, keep_default_na=False)
    frame.loc[0, "pool_reason"] = "SYNTHETIC"
    frame.to_csv(folder / "responses.csv", index=False)
    responses, lines, rules = new_lines(folder, require_adjudication=True)
    assert responses.loc["vayssairat1998_diltiazem", ["n_partial", "responders", "n_none", "pool"]].tolist() == [
        agreed, agreed, "8", "no",
    ]  # fmt: skip
    assert (
        f"data/raw/adjudication.csv, row 3, column agreed: responders of {KEY} is {agreed} by adjudication, 3 in the "
        "first extraction (study vayssairat1998)"
    ) in lines
    assert set(rules) - {"included_without_counts"} == {"adjudicated_value"}


def test_a_decision_for_the_first_value_is_quiet(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="4")
    decided(folder, [("responses", KEY, "responders", "3", "4", "3")])
    responses, lines, rules = new_lines(folder, require_adjudication=True)
    assert responses.loc["vayssairat1998_diltiazem", "responders"] == "3"
    assert (lines, rules) == ([], [])


def test_agreed_values_are_checked_like_typed_ones(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="4")
    decided(folder, [("responses", KEY, "responders", "3", "4", "13")])
    with pytest.raises(ExtractionError, match="column responders: 13 of n = 12"):
        check_extraction(folder, year=YEAR)


def test_a_decision_on_other_values_is_out_of_date(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="4")
    decided(folder, [("responses", KEY, "responders", "2", "4", "4")])
    responses, lines, rules = new_lines(folder)
    assert responses.loc["vayssairat1998_diltiazem", "responders"] == "3"
    assert rules == ["adjudication_stale", "extractors_differ"]
    assert lines == [
        f"data/raw/adjudication.csv, row 2, column agreed: responders of {KEY} not used: decided when the first "
        "extraction said 2, now it says 3 (study vayssairat1998)",
        "data/raw/responses.csv, row 2, column responders: 3, but 4 in row 2 of the second extraction (study "
        "vayssairat1998)",
    ]
    _, found = compare_extractions(folder)
    assert found["state"].tolist() == ["out of date: decided when the first extraction said 2, now it says 3"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ("responces", KEY, "n", "12", "11", "11"),
            'column table: "responces" is not extracted twice; allowed are studies, responses, adverse_events, '
            "risk_of_bias",
        ),
        (("responses", KEY, "notes", "", "", "x"), 'column column: "notes" of responses is not compared'),
        (
            ("responses", "nobody", "n", "12", "11", "11"),
            'column row_key: "nobody" is no row of responses in the first extraction',
        ),
        (
            ("responses", KEY, "n", "12", "11", "-1"),
            'column agreed: "-1" is not a count: a whole number from 0 on, NR, UNCLEAR or empty (n of responses)',
        ),
        (("responses", KEY, ROW, "present", "absent", "maybe"), 'column agreed: "maybe" is not present or absent'),
        (
            ("responses", "nobody", ROW, "absent", "present", "present"),
            "column row_key: present, but neither extraction has the row nobody of responses",
        ),
    ],
)
def test_decisions_about_nothing_are_named(tmp_path, row, message):
    folder = without_second(tmp_path)
    decided(folder, [row])
    with pytest.raises(ExtractionError) as error:
        check_extraction(folder, year=YEAR)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"data/raw/adjudication.csv, row 2, {message}")
    expected = "adjudication_value" if message.startswith("column agreed") else "adjudication_unknown"
    assert error.value.faults["rule"].tolist() == [expected]


def test_rows_of_one_extractor_are_kept_dropped_or_added_by_decision(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, outcome="pain_response")  # so that both have a row that the other has not
    other = KEY.replace("radiological", "pain")
    _, lines, rules = new_lines(folder)
    assert rules == ["extractors_differ"]
    assert [line.split(": ", 1)[1] for line in lines] == [
        f"the second extraction has {other} (its row 2), the first has not (study vayssairat1998)",
        f"the second extraction has no row for {KEY} (study vayssairat1998)",
    ]
    decided(
        folder,
        [
            ("responses", KEY, ROW, "present", "absent", "absent"),
            ("responses", other, ROW, "absent", "present", "present"),
        ],
    )
    responses, lines, rules = new_lines(folder, require_adjudication=True)
    assert responses.loc["vayssairat1998_diltiazem", "outcome"] == "pain_response"
    assert len(responses) == 121
    assert (len(lines), rules) == (2, ["adjudicated_value"])


def test_faults_of_the_second_extraction_name_its_file(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="four")
    with pytest.raises(ExtractionError, match=r"data/raw/second_extraction/responses\.csv, row 2, column responders: "):
        check_extraction(folder, year=YEAR)
    with pytest.raises(ExtractionError, match=r"data/raw/second_extraction/responses\.csv, row 2, column responders: "):
        compare_extractions(folder)


def test_a_table_that_cannot_be_read_is_the_only_fault(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder, responders="4")
    frame = pd.read_csv(folder / "responses.csv", dtype=str, keep_default_na=False)
    frame.drop(columns="n").to_csv(folder / "responses.csv", index=False)
    with pytest.raises(ExtractionError) as error:
        check_extraction(folder, year=YEAR)
    assert error.value.faults["rule"].tolist() == ["missing_column"]


def test_a_second_extraction_may_not_lie_outside(tmp_path):
    folder = without_second(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (folder / "second_extraction").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExtractionError, match="data/raw/second_extraction: a link to a folder outside this one"):
        check_extraction(folder, year=YEAR)


def test_tables_that_are_not_compared_are_named(tmp_path):
    folder = without_second(tmp_path)
    second_with(folder)
    shutil.copy(folder / "screening.csv", folder / "second_extraction" / "screening.csv")
    _, lines, rules = new_lines(folder)
    assert rules == ["extra_table"]
    assert lines == [
        "data/raw/second_extraction/screening.csv: not compared; compared are studies, responses, adverse_events, "
        "risk_of_bias"
    ]


def test_the_filled_sheet_decides(review):
    """The workbook as the run writes it, filled in as people do, saved beside the empty CSV file."""
    _, found = compare_extractions(review)
    book_path = review / "adjudication.xlsx"
    save_disagreements(found, book_path)
    book = openpyxl.load_workbook(book_path)
    sheet = book["adjudication"]
    header = [cell.value for cell in sheet[1]]
    assert header == DISAGREEMENTS
    first, agreed = header.index("first"), header.index("agreed")
    for row in sheet.iter_rows(min_row=2):
        value = row[first].value or ""
        row[agreed].value = int(value) if value.isdigit() else value  # a spreadsheet makes numbers of counts
    book.save(book_path)
    tables, issues = check_extraction(review, year=YEAR, require_adjudication=True)
    usual, _ = check_extraction(RAW, year=YEAR)
    for name in set(TABLES) - {"adjudication"}:
        pd.testing.assert_frame_equal(tables[name], usual[name])
    assert "extractors_differ" not in set(issues["rule"])
    _, after = compare_extractions(review)
    assert set(after.loc[after["first"] != "", "state"]) == {"agreed"}
    assert (after["agreed"] == after["first"]).all()


def test_the_sheet_offers_the_words_of_each_column(made, tmp_path):
    _, found = compare_extractions(made[0])
    save_disagreements(found, tmp_path / "disagreements.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "disagreements.xlsx")["adjudication"]
    letter = chr(65 + DISAGREEMENTS.index("agreed"))
    offered = {str(rule.sqref): rule.formula1 for rule in sheet.data_validations.dataValidation}
    for number, row in enumerate(found.to_dict("records"), start=2):
        words = offered.get(f"{letter}{number}", "")
        if row["column"] == "confidence":
            assert words == '"high,medium,low,NR,UNCLEAR"'
        elif row["column"] == ROW:
            assert words == '"present,absent"'
        elif row["column"] == "n":
            assert words == ""


def test_without_a_second_extraction_there_is_nothing_to_say():
    table, found = compare_extractions(RAW)
    assert table.empty
    assert found.empty
    assert list(found.columns) == DISAGREEMENTS


def rows_of(*cells):
    """Rows of one study, therapy, disease and outcome with their time point, arm and n."""
    same = {"study_id": "ash", "therapy": "drug", "disease": "ssc", "outcome": "clinical_response", "unit": "patient"}
    rows = [same | dict(zip(("time_point_months", "arm", "n"), row, strict=True)) for row in cells]
    return frame("responses", rows)


def test_a_row_has_one_partner_and_the_most_alike_is_the_first_to_have_it():
    first = rows_of(("6", "", "9"), ("12", "", "9"))
    second = rows_of(("12", "", "9"), ("6", "", "9"), ("24", "", "4"))
    assert [pair[1:] for pair in match_rows(first, second, "responses")] == [(0, 1), (1, 0), (None, 2)]
    assert [pair[1:] for pair in match_rows(second, first, "responses")] == [(0, 1), (1, 0), (2, None)]


def test_a_row_that_is_added_stays_where_another_is_taken_away():
    first = {"studies": pd.DataFrame({"study_id": ["ash", "elm"], "_row": [2, 3]})}
    second = {"studies": pd.DataFrame({"study_id": ["ash", "oak"], "_row": [2, 3]})}
    made = apply_changes(first, [("studies", 1, ROW, "absent"), ("studies", None, ROW, "1")], second)["studies"]
    assert made["study_id"].tolist() == ["ash", "oak"]
    assert made["_row"].tolist() == [2, 4]


def test_an_interval_of_kappa_ends_at_one_and_minus_one():
    first = pd.Series(["yes"] * 5 + ["no"] * 5)
    second = pd.Series(["yes"] * 4 + ["no"] * 6)
    assert kappa(first, second)["kappa_ci_ub"] == 1.0
    assert kappa(first, second.replace({"yes": "no", "no": "yes"}))["kappa_ci_lb"] == -1.0
