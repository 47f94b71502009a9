"""Reading and checking: every rule against a broken copy of the real tables, every kind of file, random damage."""

import csv
import io
import os
import random
import re
import shutil
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import python_calamine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from small_evidence.extraction import spreadsheets
from small_evidence.extraction.checks import (
    NO_FOLDER,
    RULES,
    ExtractionError,
    check_extraction,
    check_tables,
    fault_lines,
    read_tables,
)
from small_evidence.extraction.schema import TABLES, allowed_words, columns, empty_table, numbers
from small_evidence.review import read_processed, read_result, save_csv, save_tables
from tests.damage import spoilt

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT / "data" / "raw"
YEAR = 2026  # the newest year of the bundled studies, so that the tests do not depend on the day
REAL = read_tables(RAW)


def copy_tables(tables=REAL):
    return {name: frame.copy() for name, frame in tables.items()}


def put(table, row, **cells):
    """A change to the real tables: these cells of this row of the spreadsheet."""

    def change(tables):
        for column, value in cells.items():
            tables[table].loc[row, column] = value

    return change


def add(table, like, **cells):
    """A change to the real tables: one more row at the end, like row `like` but for these cells."""

    def change(tables):
        frame = tables[table]
        frame.loc[frame.index.max() + 1] = frame.loc[like].to_dict() | cells

    return change


def judged(**cells):
    """A change to the real tables: one more row of certainty."""

    def change(tables):
        frame = tables["certainty"]
        row = {"disease": "all", "reason": "few patients", "confirmed_by": "AB"} | cells
        frame.loc[len(frame) + 2] = [row[name] for name in frame.columns]
        frame.index.name = "row"

    return change


def drop(table, column, values):
    def change(tables):
        tables[table] = tables[table][~tables[table][column].isin(values)]

    return change


def found(*changes):
    """The lines of all faults, or where there is none, of the warnings the real tables do not have."""
    tables = copy_tables()
    for change in changes:
        change(tables)
    try:
        _, issues = check_tables(tables, RAW, year=YEAR)
    except ExtractionError as error:
        return fault_lines(error.faults), set(error.faults["rule"])
    _, usual = check_tables(REAL, RAW, year=YEAR)
    new = issues[~issues.apply(tuple, axis=1).isin(usual.apply(tuple, axis=1))]
    return fault_lines(new), set(new["rule"])


def place_of(line):
    table, row, column = re.match(r"data/raw/(\w+)\.csv, row (\d+), column (\w+): ", line).groups()
    return table, int(row), column


def test_the_bundled_tables_have_no_faults():
    tables, issues = check_extraction(RAW, year=YEAR)
    assert {name: len(frame) for name, frame in tables.items()} == {
        "studies": 107,
        "responses": 121,
        "adverse_events": 35,
        "therapies": 54,
        "diseases": 5,
        "published_review": 30,
        "published_claims": 74,
        "screening": 12,
        "scenarios": 12,
        "caveats": 6,
        "outcomes": 6,
        "certainty": 0,
        "records": 0,
        "risk_of_bias": 0,
        "overlaps": 0,
        "adjudication": 0,
    }
    assert set(issues["severity"]) == {"warning"}


def test_the_warnings_of_the_bundled_tables():
    _, issues = check_extraction(RAW, year=YEAR)
    found = issues[["rule", "row", "study_id"]].to_numpy().tolist()
    assert found == [
        ["pooled_secondary", 6, "unidentified_cohort"],
        ["pooled_secondary", 8, "jawad2020"],
        ["pooled_secondary", 26, "berger1987"],
        ["pooled_secondary", 29, "cukierman2004"],
        ["pooled_secondary", 82, "linear_jdm_nd"],
        ["pooled_secondary", 98, "beatty2021"],
        ["pooled_secondary", 101, "unidentified_cohort"],
        ["pooled_secondary", 108, "handakademie_nd"],
        ["unused_name", 55, ""],
    ]
    assert fault_lines(issues)[0] == (
        "data/raw/responses.csv, row 6, column evidence_basis: secondary, and pool = yes: 5/8 is from a secondary "
        "source (study unidentified_cohort)"
    )


def test_checking_changes_nothing_but_the_form_of_numbers():
    tables, _ = check_extraction(RAW, year=YEAR)
    changed = {
        (name, column, before, after)
        for name in TABLES
        for column in columns(name)
        for before, after in zip(REAL[name][column], tables[name][column], strict=True)
        if before != after
    }
    assert changed == {
        ("published_claims", "value", "0.50", "0.5"),
        ("published_claims", "value", "0.60", "0.6"),
        ("published_claims", "ci_ub", "1.00", "1"),
        ("responses", "role", "", "treatment"),
    }
    for frame in tables.values():
        assert frame.index.equals(pd.RangeIndex(len(frame)))


# ------------------------------------------------------------------------------------- rules between rows

# Rows used below: 2 vayssairat1998 (diltiazem, ssc, 3/12), 5 balin2012 (diltiazem, 9/17), 12 nair_nd (2 + 12 of 14),
# 26 berger1987 (therapy known, disease NR), 94 bottomley1996 (12 + 5 + 4 of 21 lesions), 100 balin2012 (surgery).
CASES = [
    (
        "duplicate_key",
        [add("studies", 2)],
        [("studies", 109, "study_id")],
    ),
    (
        "duplicate_key",
        [add("screening", 2)],
        [("screening", 14, "stage")],
    ),
    (
        "unknown_study",
        [put("responses", 2, study_id="vayssairat1989")],
        [("responses", 2, "study_id")],
    ),
    (
        "unknown_study",
        [put("adverse_events", 2, study_id="xyz")],
        [("adverse_events", 2, "study_id")],
    ),
    (
        "unknown_therapy",
        [put("responses", 2, therapy="diltiazm")],
        [("responses", 2, "therapy")],
    ),
    (
        "unknown_therapy",
        [put("published_claims", 6, therapy="RTX"), put("scenarios", 2, therapy="all")],
        [("published_claims", 6, "therapy"), ("scenarios", 2, "therapy")],
    ),
    (
        "unknown_disease",
        [put("responses", 2, disease="scleroderma")],
        [("responses", 2, "disease")],
    ),
    (
        "label_twice",
        [put("studies", 3, label="vayssairat 1998", year="1998")],
        [("studies", 3, "label")],
    ),
    (
        "unused_name",
        [add("therapies", 2, therapy="lithium", label="Lithium")],
        [("therapies", 56, "therapy")],
    ),
    (
        "year_range",
        [put("studies", 2, year="2027", label="Vayssairat"), put("studies", 3, year="1899", label="Palmieri")],
        [("studies", 2, "year"), ("studies", 3, "year")],
    ),
    (
        "label_year",
        [put("studies", 2, year="1989")],
        [("studies", 2, "year")],
    ),
    (
        "design_controlled",
        [put("studies", 2, controlled="yes"), put("studies", 22, controlled="no")],
        [("studies", 2, "controlled"), ("studies", 22, "controlled")],
    ),
    (
        "case_report_size",
        [put("studies", 10, n_patients="5")],
        [("studies", 10, "design")],
    ),
    (
        "status_reason",
        [put("studies", 6, status_reason="NR")],
        [("studies", 6, "status_reason")],
    ),
    (
        "override_reason",
        [put("studies", 2, level_override="IV")],
        [("studies", 2, "level_override_reason")],
    ),
    (
        "override_missing",
        [put("studies", 2, level_override_reason="because")],
        [("studies", 2, "level_override")],
    ),
    (
        "same_report",
        [
            put(
                "studies",
                6,
                doi="10.1002/ART.1780381117",
                pmid="7488286",
                title="Treatment of Calcinosis with diltiazem.",
            )
        ],
        [("studies", 6, "doi"), ("studies", 6, "pmid"), ("studies", 6, "title")],
    ),
    (
        "included_without_counts",
        [put("responses", 2, responders="NR", n_partial="NR", pool="no", pool_reason="not settled")],
        [("studies", 2, "status")],
    ),
    (
        "awaiting_without_row",
        [drop("responses", "study_id", ["jdm_diltiazem2001"])],
        [("studies", 6, "study_id")],
    ),
    (
        "responders_over_n",
        [put("responses", 5, responders="23")],
        [("responses", 5, "responders")],
    ),
    (
        "counts_sum",
        [put("responses", 12, responders="13")],
        [("responses", 12, "responders")],
    ),
    (
        "part_over_responders",
        [put("responses", 5, n_partial="10")],
        [("responses", 5, "n_partial")],
    ),
    (
        "counts_over_n",
        [put("responses", 5, n_none="9"), put("responses", 12, n_none="1"), put("responses", 24, n_none="2")],
        [("responses", 5, "n"), ("responses", 12, "n"), ("responses", 24, "n")],
    ),
    (
        "counts_short",
        [put("responses", 94, n="22")],
        [("responses", 94, "n")],
    ),
    (
        "responders_missing",
        [put("responses", 18, n_partial="0")],
        [("responses", 18, "responders")],
    ),
    (
        "n_over_patients",
        [put("responses", 2, n="13")],
        [("responses", 2, "n")],
    ),
    (
        "diseases_over_patients",
        [add("responses", 2, response_id="more", disease="dm", n="4")],
        [("responses", 123, "n")],
    ),
    (
        "one_primary",
        [put("responses", 39, primary_outcome="yes")],
        [("responses", 39, "primary_outcome")],
    ),
    (
        "no_primary",
        [put("responses", 26, primary_outcome="no", pool="no", pool_reason_code="not_primary")],
        [("responses", 26, "primary_outcome")],
    ),
    (
        "all_beside_diseases",
        [put("responses", 2, n="6"), add("responses", 2, response_id="whole", disease="all", n="6")],
        [("responses", 123, "disease")],
    ),
    (
        "pool_without_counts",
        [
            put("responses", 2, n="NR"),
            put("responses", 5, responders="", n_partial=""),
            put("responses", 8, n="0", n_none="0"),
        ],
        [("responses", 2, "n"), ("responses", 5, "responders"), ("responses", 8, "n")],
    ),
    (
        "pool_without_name",
        [put("responses", 2, therapy="NR"), put("responses", 5, therapy="UNCLEAR")],
        [("responses", 2, "therapy"), ("responses", 5, "therapy")],
    ),
    (
        "pool_second_outcome",
        [put("responses", 39, pool="yes", pool_reason_code="", pool_reason="")],
        [("responses", 39, "pool")],
    ),
    (
        "pool_reason",
        [
            put("responses", 2, pool="no"),
            put("responses", 3, pool="no", pool_reason_code="other"),
            put("responses", 5, pool_reason_code="subgroup"),
        ],
        [("responses", row, "pool_reason_code") for row in (2, 3, 5)],
    ),
    (
        "pool_not_included",
        [put("studies", 2, status="awaiting", status_reason="counts to be verified")],
        [("responses", 2, "pool")],
    ),
    (
        "mixed_units",
        [put("responses", 94, therapy="eswl", pool="yes", pool_reason_code="")],
        [("responses", 94, "unit")],
    ),
    (
        "cohort_twice",
        [put("studies", 4, cohort_id="palmieri1995")],
        [("responses", 5, "pool")],
    ),
    (
        "report_twice",
        [put("studies", 4, doi="10.1002/art.1780381117")],
        [("responses", 5, "pool")],
    ),
    (
        "pooled_review",
        [put("studies", 2, design="systematic_review")],
        [("responses", 2, "pool")],
    ),
    (
        "pooled_secondary",
        [put("responses", 2, evidence_basis="secondary")],
        [("responses", 2, "evidence_basis")],
    ),
    (
        "events_over_risk",
        [put("adverse_events", 2, n_patients="6")],
        [("adverse_events", 2, "n_patients")],
    ),
    (
        "events_reporting",
        [put("adverse_events", 10, n_patients="1"), put("adverse_events", 2, reporting="not_reported")],
        [("adverse_events", 2, "reporting"), ("adverse_events", 10, "reporting")],
    ),
    (
        "events_zero",
        [put("adverse_events", 2, n_patients="0")],
        [("adverse_events", 2, "reporting")],
    ),
    (
        "events_without_response",
        [put("adverse_events", 2, therapy="minocycline")],
        [("adverse_events", 2, "therapy")],
    ),
    (
        "claim_interval",
        [put("published_claims", 6, value="0.54"), put("published_claims", 52, ci_lb="-14", ci_ub="", unit="points")],
        [("published_claims", 6, "value")],
    ),
    (
        "claim_share",
        [put("published_claims", 6, value="22", ci_ub="53")],
        [("published_claims", 6, "ci_ub"), ("published_claims", 6, "value")],
    ),
    (
        "claim_responders",
        [put("published_claims", 20, value="9")],
        [("published_claims", 20, "value")],
    ),
    # rules on cells, once each; test_schema.py has the rest
    (
        "blank_cell",
        [put("studies", 2, title="")],
        [("studies", 2, "title")],
    ),
    (
        "unknown_word",
        [put("responses", 2, unit="limbs")],
        [("responses", 2, "unit")],
    ),
    (
        "not_a_slug",
        [put("responses", 2, response_id="../x")],
        [("responses", 2, "response_id")],
    ),
    (
        "reserved_name",
        [put("therapies", 13, therapy_class="summary")],
        [("therapies", 13, "therapy_class")],
    ),
    (
        "not_a_count",
        [put("responses", 2, n="12 patients")],
        [("responses", 2, "n")],
    ),
    (
        "not_a_number",
        [put("published_claims", 6, ci_ub="53%")],
        [("published_claims", 6, "ci_ub")],
    ),
    (
        "not_a_number",
        [put("published_claims", 6, value="0,22"), put("published_claims", 3, value="3,032")],
        [("published_claims", 3, "value"), ("published_claims", 6, "value")],
    ),
    (
        "date_cell",
        [put("published_claims", 5, value="Mar-78"), put("responses", 2, follow_up="3-Jul")],
        [("published_claims", 5, "value"), ("responses", 2, "follow_up")],
    ),
    (
        "unknown_word",
        [put("responses", 2, unit="Mar-78")],
        [("responses", 2, "unit")],
    ),
    (
        "not_a_share",
        [put("published_claims", 6, i2="57")],
        [("published_claims", 6, "i2")],
    ),
    (
        "not_a_year",
        [put("studies", 2, year="in press")],
        [("studies", 2, "year")],
    ),
    (
        "not_a_doi",
        [put("published_claims", 2, doi="jaad.2019.07.006")],
        [("published_claims", 2, "doi")],
    ),
    (
        "not_a_pmid",
        [put("studies", 3, pmid="PMID 7488286")],
        [("studies", 3, "pmid")],
    ),
    ("unknown_outcome", [put("responses", 2, outcome="colour")], [("responses", 2, "outcome")]),
    ("not_a_date", [put("responses", 2, verified_on="28.11.2026")], [("responses", 2, "verified_on")]),
    (
        "claim_unit",
        [put("published_claims", 6, unit="points")],
        [("published_claims", 6, "unit")],
    ),
    (
        "claim_unit_unusual",
        [put("published_claims", 52, quantity="other", unit="patient")],
        [("published_claims", 52, "unit")],
    ),
    (
        "certainty_judgement",
        [
            judged(therapy="rituximab", domain="overall", judgement="serious"),
            judged(therapy="diltiazem", domain="imprecision", judgement="low"),
        ],
        [("certainty", 2, "judgement"), ("certainty", 3, "judgement")],
    ),
    (
        "not_a_level",
        [put("studies", 2, level_override="good", level_override_reason="it is")],
        [("studies", 2, "level_override")],
    ),
    (
        "control_character",
        [put("studies", 2, notes="a\x00b")],
        [("studies", 2, "notes")],
    ),
    (
        "text_too_long",
        [put("studies", 2, notes="x" * 40_000)],
        [("studies", 2, "notes")],
    ),
]


@pytest.mark.parametrize(("rule", "changes", "places"), CASES, ids=[case[0] for case in CASES])
def test_rule(rule, changes, places):
    lines, rules = found(*changes)
    assert rules == {rule}
    assert [place_of(line) for line in lines] == places


def test_sentences_name_value_study_and_what_was_expected():
    assert found(put("responses", 2, responders="23"))[0] == [
        "data/raw/responses.csv, row 2, column responders: 23 of n = 12 (study vayssairat1998)"
    ]
    assert found(put("responses", 2, therapy="diltiazm"))[0] == [
        'data/raw/responses.csv, row 2, column therapy: "diltiazm" is not in the table therapies; nearest is '
        "diltiazem (study vayssairat1998)"
    ]


def test_faults_of_all_tables_come_at_once_sorted_by_file_row_and_column():
    lines, _ = found(
        put("studies", 10, year="x", n_patients="y"),
        put("studies", 3, year="z"),
        put("responses", 100, n="1"),
        put("adverse_events", 2, therapy="zz"),
    )
    assert [place_of(line) for line in lines] == [
        ("adverse_events", 2, "therapy"),
        ("responses", 100, "n"),
        ("responses", 100, "responders"),
        ("studies", 3, "year"),
        ("studies", 10, "n_patients"),
        ("studies", 10, "year"),
    ]


def test_one_cell_is_named_once():
    lines, rules = found(put("responses", 2, n="many", responders="-3", therapy=" "))
    assert (len(lines), rules) == (3, {"not_a_count", "blank_cell"})


def test_a_fault_stays_on_one_line_whatever_the_cells_hold():
    lines, _ = found(put("responses", 2, study_id="doe\nroe\x1b[31m" + "x" * 99))
    seen = r"doe\u000aroe\u001b[31m" + "x" * 37 + "…"
    assert lines == [
        f'data/raw/responses.csv, row 2, column study_id: "{seen}" contains a character that cannot be printed '
        "(U+001B); type it again"
    ]
    lines, _ = found(put("adverse_events", 2, study_id="doe\nroe"))
    assert lines == [
        r'data/raw/adverse_events.csv, row 2, column study_id: "doe\u000aroe" is not in the table studies '
        r"(study doe\u000aroe)"
    ]


def test_marked_subgroups_may_stand_beside_the_row_for_all():
    assert found(
        put("responses", 2, disease="all"),
        add("responses", 2, response_id="part", disease="ssc", primary_outcome="no", pool="no", pool_reason="subgroup"),
    ) == (
        [
            "data/raw/responses.csv, row 123, column primary_outcome: no row of this study for diltiazem, ssc, patient "
            "is the primary outcome (study vayssairat1998)"
        ],
        {"no_primary"},
    )


def test_two_reports_declared_as_one_cohort_may_share_a_doi():
    assert found(put("studies", 60, doi="10.1000/a"), put("studies", 61, doi="10.1000/a")) == ([], set())


def test_year_defaults_to_the_present_one():
    tables = copy_tables()
    put("studies", 2, year=str(date.today().year + 1), label="Vayssairat")(tables)
    with pytest.raises(ExtractionError, match="is not between 1900 and "):
        check_tables(tables)


def test_tables_made_in_a_notebook_are_checked_too():
    made = ("studies", "responses", "therapies", "diseases", "outcomes")
    tables = {name: frame.reset_index(drop=True) for name, frame in copy_tables().items() if name in made}
    tables["responses"]["n"] = pd.to_numeric(tables["responses"]["n"], errors="coerce")
    for frame in tables.values():
        frame.attrs = {}
    checked, _ = check_tables(tables, year=YEAR)
    assert checked["responses"]["n"].tolist()[:3] == ["12", "4", "1"]
    assert checked["screening"].equals(empty_table("screening"))
    tables["responses"].loc[3, "responders"] = "23"
    with pytest.raises(ExtractionError) as error:
        check_tables(tables, year=YEAR)
    assert str(error.value).splitlines()[1:] == [
        "data/raw/responses.csv, row 5, column responders: 23 of n = 17 (study balin2012)"
    ]
    del tables["responses"]
    with pytest.raises(ExtractionError, match=r"data/raw/responses\.csv: missing"):
        check_tables(tables, year=YEAR)


# --------------------------------------------------------------------------------------------- files


@pytest.fixture
def review(tmp_path):
    """A copy of data/raw of the bundled review."""
    return Path(shutil.copytree(RAW, tmp_path / "data" / "raw"))


def text_of(path):
    return path.read_text(encoding="utf-8")


def rewrite(path, change, encoding="utf-8"):
    path.write_bytes(change(text_of(path)).encode(encoding))


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def write_rows(path, rows, **options):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", **options).writerows(rows)
    path.write_bytes(buffer.getvalue().encode("utf-8"))


def write_workbook(folder, tables=TABLES, as_number=True, change=None):
    """The CSV files of the folder as one workbook: numbers as numbers, as a person's typing makes them."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in tables:
        sheet = book.create_sheet(name)
        path = folder / f"{name}.csv"
        for row in rows_of(path):
            is_number = [as_number and re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in row]
            sheet.append([float(cell) if number else cell for cell, number in zip(row, is_number, strict=True)])
        path.unlink()
    if change:
        change(book)
    book.save(folder / "extraction.xlsx")


def faults_of(folder):
    with pytest.raises(ExtractionError) as error:
        check_extraction(folder, year=YEAR)
    return fault_lines(error.value.faults), set(error.value.faults["rule"])


def processed(folder, target):
    tables, _ = check_extraction(folder, year=YEAR)
    save_tables(tables, target)
    return {path.name: path.read_bytes() for path in target.iterdir()}


FORMS = {
    "byte order mark": lambda text: "\ufeff" + text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "every cell in quotation marks": lambda text: re.sub(
        '(?m)^(?!.*")(.+)$', lambda row: '"' + row[1].replace(",", '","') + '"', text
    ),
    "CR": lambda text: text.replace("\n", "\r"),
    "blank rows at the end": lambda text: text + "\n,,,,\n\n",
    "no line feed at the end": lambda text: text.rstrip("\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_csv_give_the_same_tables(review, tmp_path, form):
    expected = processed(review, tmp_path / "expected")
    for path in review.iterdir():
        rewrite(path, FORMS[form])
    assert processed(review, tmp_path / "got") == expected


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_give_the_same_tables(review, tmp_path, separator):
    expected = processed(review, tmp_path / "expected")
    for path in review.iterdir():
        write_rows(path, rows_of(path), delimiter=separator)
    assert processed(review, tmp_path / "got") == expected


def test_columns_may_stand_in_any_order_with_blanks_around(review, tmp_path):
    expected = processed(review, tmp_path / "expected")
    for path in review.iterdir():
        write_rows(path, [[f" {cell}\u00a0" for cell in reversed(row)] for row in rows_of(path)])
    assert processed(review, tmp_path / "got") == expected


@pytest.mark.parametrize("as_number", [True, False])
def test_one_workbook_gives_the_same_tables_byte_for_byte(review, tmp_path, as_number):
    expected = processed(review, tmp_path / "expected")
    assert len(expected) == len(TABLES)
    write_workbook(review, as_number=as_number)
    assert sorted(path.name for path in review.iterdir()) == ["extraction.xlsx"]
    assert processed(review, tmp_path / "got") == expected


def test_a_workbook_beside_csv_files(review, tmp_path):
    expected = processed(review, tmp_path / "expected")
    write_workbook(review, tables=["studies", "screening"])
    assert processed(review, tmp_path / "got") == expected


def test_a_fault_in_a_workbook_names_sheet_and_row(review):
    def change(book):
        sheet = book["responses"]
        sheet.insert_rows(3, 2)
        sheet.cell(7, 14, 23)

    write_workbook(review, change=change)
    assert rows_of(RAW / "responses.csv")[0][13] == "responders"
    assert faults_of(review) == (
        [
            "data/raw/extraction.xlsx, sheet responses, row 7, column responders: 23 of n = 17 (study balin2012)",
        ],
        {"responders_over_n"},
    )


def test_one_table_from_two_sources(review):
    studies = text_of(review / "studies.csv")
    write_workbook(review, tables=["studies"])
    (review / "studies.csv").write_text(studies, encoding="utf-8")
    assert faults_of(review) == (
        ["data/raw/studies.csv: also in data/raw/extraction.xlsx, sheet studies; keep one of the two"],
        {"two_sources"},
    )


def test_names_that_look_like_missing_values_survive(review, tmp_path):
    rewrite(review / "studies.csv", lambda text: text.replace("Vayssairat M,", "Null,").replace("Balin 2012", "NA"))
    rewrite(review / "studies.csv", lambda text: re.sub("^nair_nd,", "null,", text, flags=re.M))
    rewrite(review / "responses.csv", lambda text: text.replace(",nair_nd,", ",null,"))
    processed(review, tmp_path / "got")
    studies = read_processed(tmp_path / "got/studies.csv")
    assert studies.loc[[0, 2, 5], ["study_id", "label", "first_author"]].to_numpy().tolist() == [
        ["vayssairat1998", "Vayssairat 1998", "Null"],
        ["balin2012", "NA", "Balin SJ"],
        ["null", "Nair (n.d.)", "Nair AM"],
    ]


def test_rows_are_counted_as_a_spreadsheet_shows_them(review):
    rows = rows_of(review / "responses.csv")
    rows[1][-1] = "two\nlines"
    rows[4][13] = "23"
    rows.insert(3, [""] * len(rows[0]))
    write_rows(review / "responses.csv", rows)
    assert faults_of(review)[0] == ["data/raw/responses.csv, row 6, column responders: 23 of n = 17 (study balin2012)"]


def test_windows_1252_is_named_with_its_cell(review):
    rewrite(review / "studies.csv", lambda text: text, encoding="cp1252")
    rows = rows_of(RAW / "studies.csv")
    row = next(number for number, row in enumerate(rows, start=1) if not "".join(row).isascii())
    column, cell = next((name, cell) for name, cell in zip(rows[0], rows[row - 1], strict=True) if not cell.isascii())
    seen = cell.encode("cp1252").decode("latin-1")
    seen = seen if len(seen) <= 60 else seen[:59] + "…"
    assert faults_of(review) == (
        [f'data/raw/studies.csv, row {row}, column {column}: "{seen}" is not UTF-8; save the file as CSV UTF-8'],
        {"not_utf8"},
    )


def test_utf_16_is_named(review):
    rewrite(review / "studies.csv", lambda text: text, encoding="utf-16")
    assert faults_of(review) == (
        ["data/raw/studies.csv: not text in UTF-8; save it as CSV UTF-8"],
        {"not_utf8"},
    )


def test_a_workbook_named_csv(review):
    write_workbook(review, tables=["screening"])
    (review / "extraction.xlsx").rename(review / "screening.csv")
    assert faults_of(review)[0] == [
        "data/raw/screening.csv: a workbook, not a CSV file; save it as extraction.xlsx or as CSV UTF-8"
    ]


def test_a_missing_folder(tmp_path):
    assert faults_of(tmp_path / "data" / "raw") == ([f"data/raw: {NO_FOLDER}"], {"missing_folder"})


def test_missing_tables_say_where_they_were_sought(review):
    (review / "responses.csv").unlink()
    (review / "screening.csv").unlink()
    assert faults_of(review) == (
        [
            "data/raw/responses.csv: missing; sought data/raw/responses.csv and the sheet responses of "
            "data/raw/extraction.xlsx"
        ],
        {"missing_table"},
    )


def test_a_table_that_need_not_be_there_is_empty(review):
    for name, table in TABLES.items():
        if not table.required and name not in ("studies", "therapies", "diseases"):
            (review / f"{name}.csv").unlink()
    tables, _ = check_extraction(review, year=YEAR)
    assert tables["published_claims"].equals(empty_table("published_claims"))


def test_misspelt_and_other_files(review):
    (review / "screening.csv").rename(review / "screenings.csv")
    (review / "studies.csv").rename(review / "studies.CSV")
    (review / "responses_old.csv").write_text("a\n1\n")
    (review / "extraction.xlsm").write_text("macros")
    (review / "~$extraction.xlsx").write_text("lock")
    (review / "notes.txt").write_text("not a table")
    assert faults_of(review) == (
        [
            "data/raw/extraction.xlsm: not read; save it as extraction.xlsx, without macros",
            "data/raw/screenings.csv: not read; is screening meant?",
            "data/raw/studies.CSV: not read; save it as studies.csv or as the sheet studies of extraction.xlsx",
        ],
        {"misspelt_table"},
    )


def test_extra_files_sheets_and_columns_are_left_out_with_a_warning(review):
    def change(book):
        book.create_sheet("my notes").append(["x"])
        book.create_sheet("Sheet1")

    write_workbook(review, tables=["screening"], change=change)
    (review / "responses_old.csv").write_text("a\n1\n")
    rows = rows_of(review / "diseases.csv")
    write_rows(
        review / "diseases.csv", [[*row, colour] for row, colour in zip(rows, ["colour", *"12345"], strict=True)]
    )
    tables, issues = check_extraction(review, year=YEAR)
    assert "colour" not in tables["diseases"]
    expected = [
        "data/raw/diseases.csv, row 1, column colour: not a column of this table; left out",
        "data/raw/extraction.xlsx, sheet my notes: not a table of the review; left out",
        "data/raw/responses_old.csv: not a table of the review; left out",
    ]
    assert fault_lines(issues[issues["rule"].isin(["extra_column", "extra_table"])]) == expected
    _, again = check_tables(read_tables(review), review, year=YEAR)
    pd.testing.assert_frame_equal(again, issues)


HEADER = ", ".join(columns("diseases"))
CSV_FAULTS = [
    (
        "missing_column",
        lambda rows: [row[1:] for row in rows],
        [f"row 1, column disease: missing; sought in the header: {HEADER.replace('disease, ', '')}"],
    ),
    (
        "missing_column",
        lambda rows: [["diseases", *rows[0][1:]], *rows[1:]],
        [
            f"row 1, column disease: missing; sought in the header: {HEADER.replace('disease', 'diseases')}; "
            'is "diseases" meant?'
        ],
    ),
    ("missing_column", lambda rows: [], None),
    (
        "misspelt_column",
        lambda rows: [[*rows[0][:3], "synonym"], *rows[1:]],
        ["row 1, column synonym: not a column of this table; is synonyms meant?"],
    ),
    (
        "duplicate_column",
        lambda rows: [[*row, "label" if row is rows[0] else "x"] for row in rows],
        ["row 1, column label: appears twice in the header"],
    ),
    (
        "ragged_row",
        lambda rows: [*rows[:2], [*rows[2], "more"], *rows[3:]],
        ["row 3: 5 cells, the header has 4; a separator inside a text needs quotation marks"],
    ),
    (
        "ragged_row",
        lambda rows: [*rows[:2], rows[2][:2], *rows[3:]],
        ["row 3: 2 cells, the header has 4; a separator inside a text needs quotation marks"],
    ),
    (
        "unnamed_column",
        lambda rows: [[*row, "" if row is rows[0] else "x", "colour"] for row in rows][:2] + rows[2:2],
        ['row 2: "x" is in a column without a name'],
    ),
]


@pytest.mark.parametrize(("rule", "change", "lines"), CSV_FAULTS)
def test_faults_of_headers_and_rows(review, rule, change, lines):
    write_rows(review / "diseases.csv", change(rows_of(review / "diseases.csv")))
    with pytest.raises(ExtractionError) as error:
        read_tables(review)
    assert set(error.value.faults["rule"]) == {rule}
    if lines is not None:
        assert fault_lines(error.value.faults) == [f"data/raw/diseases.csv, {line}" for line in lines]


def test_responses_without_rows_are_an_error_and_other_tables_are_made(review):
    write_rows(review / "diseases.csv", rows_of(review / "diseases.csv")[:1])
    tables, issues = check_extraction(review, year=YEAR)
    assert set(tables["diseases"]["disease"]) >= {"ssc", "dm"}
    assert "made_table" in set(issues["rule"])
    write_rows(review / "responses.csv", rows_of(review / "responses.csv")[:1])
    with pytest.raises(ExtractionError) as error:
        read_tables(review)
    assert set(error.value.faults["rule"]) == {"empty_table"}


def test_a_quotation_mark_that_is_not_closed(review):
    rewrite(review / "diseases.csv", lambda text: text.replace("dm,Derma", 'dm,"Derma'))
    assert faults_of(review) == (
        [
            "data/raw/diseases.csv, row 3: a quotation mark in this row is not closed, or is inside a text and is "
            "not doubled"
        ],
        {"bad_csv"},
    )


def test_a_file_that_is_too_large(review, monkeypatch):
    monkeypatch.setattr(spreadsheets, "LARGEST_FILE", 10_000)
    assert faults_of(review) == (
        [f"data/raw/{name}.csv: larger than 0 MiB" for name in ("published_claims", "responses", "studies")],
        {"file_too_large"},
    )


def test_a_file_that_cannot_be_opened(review, monkeypatch):
    def refuse(path, mode="r", **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    lines, rules = faults_of(review)
    assert rules == {"unreadable_file"}
    assert lines[0] == "data/raw/adjudication.csv: cannot be opened (Permission denied)"


# ----------------------------------------------------------------------------------------- workbooks


def keep_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_macros(path):
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("xl/vbaProject.bin", b"Sub AutoOpen()")


def with_entities(path):
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("xl/more.xml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><x>&a;</x>')


def encrypt_part(path):
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            raw[at + offset] |= 1
            at = raw.find(signature, at + 4)
    path.write_bytes(raw)


BAD_WORKBOOKS = {
    "truncated": (keep_half, "bad_workbook", "damaged, it cannot be read (BadZipFile); save it again as .xlsx"),
    "macros": (with_macros, "bad_workbook", "contains macros; save it as .xlsx"),
    "entities": (with_entities, "bad_workbook", "contains an XML document type, which no spreadsheet writes"),
    "encrypted part": (encrypt_part, "bad_workbook", "encrypted; save it as .xlsx without a password"),
    "encrypted": (
        lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096)),
        "bad_workbook",
        "encrypted, or an old .xls file; save it as .xlsx without a password",
    ),
    "program": (lambda path: path.write_bytes(b"MZ" + bytes(99)), "bad_workbook", "not a workbook; save it as .xlsx"),
    "empty": (lambda path: path.write_bytes(b""), "bad_workbook", "not a workbook; save it as .xlsx"),
    "other zip": (
        lambda path: zipfile.ZipFile(path, "w").close() or path.write_bytes(b"PK" + path.read_bytes()[2:]),
        "bad_workbook",
        "damaged, it cannot be read (KeyError); save it again as .xlsx",
    ),
}


@pytest.mark.parametrize("kind", BAD_WORKBOOKS)
def test_workbooks_that_cannot_be_read_give_one_sentence(review, kind):
    spoil, rule, words = BAD_WORKBOOKS[kind]
    write_workbook(review)
    spoil(review / "extraction.xlsx")
    assert faults_of(review) == ([f"data/raw/extraction.xlsx: {words}"], {rule})


def test_cells_of_a_workbook(review):
    def change(book):
        studies, responses = book["studies"], book["responses"]
        studies["R2"] = datetime(2018, 7, 1)
        studies["R3"] = datetime(2018, 7, 1, 9, 30)
        studies["R4"] = "=1+1"
        studies["R5"] = "#REF!"
        studies["R5"].data_type = "e"
        studies["J6"] = False
        studies.merge_cells("R7:R8")
        responses["J2"] = 12.5

    write_workbook(review, tables=["studies", "responses"], change=change)
    lines, rules = faults_of(review)
    assert rules == {"uncached_formula", "error_cell", "merged_cells", "not_a_count"}
    place = "data/raw/extraction.xlsx, sheet "
    assert lines == [
        f'{place}responses, row 2, column n: "12.5" is not a count: a whole number from 0 on, NR, UNCLEAR or empty '
        "(study vayssairat1998)",
        f'{place}studies, row 4, column notes: the formula "=1+1" has no stored value; type the value',
        f"{place}studies, row 5, column notes: the cell shows #REF!",
        f"{place}studies, row 7: the cells R7:R8 are merged; split them and fill each",
    ]


def test_hidden_cells_are_read_and_named(review, tmp_path):
    expected = processed(review, tmp_path / "expected")

    def change(book):
        for row in (3, 4, 5, 9):
            book["studies"].row_dimensions[row].hidden = True
        book["studies"].row_dimensions[900].hidden = True  # nothing in it
        book["studies"].column_dimensions["R"].hidden = True
        book["studies"].column_dimensions["Z"].hidden = True
        book["screening"].sheet_state = "hidden"

    write_workbook(review, change=change)
    assert processed(review, tmp_path / "got") == expected
    _, issues = check_extraction(review, year=YEAR)
    assert fault_lines(issues[issues["rule"] == "hidden_cells"]) == [
        "data/raw/extraction.xlsx, sheet screening: the sheet is hidden; it is read",
        "data/raw/extraction.xlsx, sheet studies: hidden rows are read too: 3 to 5, 9",
        "data/raw/extraction.xlsx, sheet studies, row 1, column notes: the column is hidden; it is read",
    ]


def test_a_workbook_is_read_as_two_other_readers_do(review):
    write_workbook(review)
    book = review / "extraction.xlsx"
    sheets, _ = spreadsheets.read_workbook(book.read_bytes(), TABLES)
    theirs = openpyxl.load_workbook(book, read_only=True, data_only=True)
    calamine = python_calamine.CalamineWorkbook.from_path(str(book))
    for name in TABLES:
        ours = sheets[name].rows
        width = len(ours[0])
        for rows in (theirs[name].values, calamine.get_sheet_by_name(name).to_python(skip_empty_area=False)):
            spelled = [[spreadsheets.spell(value) for value in row][:width] for row in rows]
            assert spelled == [row + [""] * (width - len(row)) for row in ours]


def test_floats_of_results_come_back_with_every_digit(tmp_path):
    digits = random.Random(4)
    frame = pd.DataFrame({"estimate": [digits.random() * 10.0 ** digits.randint(-300, 300) for _ in range(2000)]})
    save_csv(frame, tmp_path / "x.csv")
    assert read_result(tmp_path / "x.csv")["estimate"].tolist() == frame["estimate"].tolist()


def test_dates_in_a_workbook_are_read_and_named(review):
    def change(book):
        book["studies"]["R2"] = datetime(2018, 7, 1)
        book["studies"]["R3"] = datetime(2018, 7, 1, 9, 30)
        book["studies"]["J2"] = False

    write_workbook(review, tables=["studies"], change=change)
    tables, issues = check_extraction(review, year=YEAR)
    assert tables["studies"]["notes"].tolist()[:2] == ["2018-07-01", "2018-07-01 09:30:00"]
    assert tables["studies"]["controlled"][0] == "no"
    assert fault_lines(issues[issues["rule"] == "date_cell"]) == [
        "data/raw/extraction.xlsx, sheet studies, row 2, column notes: a date, read as 2018-07-01; if a range was "
        "typed, format the cell as text",
        "data/raw/extraction.xlsx, sheet studies, row 3, column notes: a date, read as 2018-07-01 09:30:00; if a range "
        "was typed, format the cell as text",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.0, "12"), (12, "12"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (1e20, "1" + "0" * 20), (True, "TRUE")],
)
def test_numbers_of_a_workbook_as_a_spreadsheet_shows_them(value, text):
    assert spreadsheets.spell(value) == text


# -------------------------------------------------------------------------------------- broken reviews


@pytest.mark.parametrize("folder", sorted((ROOT / "tests" / "data" / "broken").iterdir()), ids=lambda path: path.name)
def test_broken_reviews(folder):
    with pytest.raises(ExtractionError) as error:
        check_extraction(folder / "data" / "raw", year=YEAR)
    assert str(error.value) + "\n" == (folder / "expected.txt").read_text(encoding="utf-8")


def test_every_rule_has_a_test():
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert {rule for rule in RULES if f'"{rule}"' not in tests} == set()
    assert {case[0] for case in CASES} <= set(RULES)


# ----------------------------------------------------------------------------------------------- saving


@pytest.mark.parametrize("head", ["=cmd|'/C calc'!A0", "+1+1", "-x", "@sum", "'=x"])
def test_a_column_head_of_a_csv_file_is_no_formula(tmp_path, head):
    save_csv(pd.DataFrame({head: ["a"], "n": ["b"]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text()[0] not in "=+-@\t"
    assert list(read_result(tmp_path / "x.csv")) == [head, "n"]


def test_save_csv_makes_no_formulas_and_keeps_every_digit(tmp_path):
    frame = pd.DataFrame(
        {
            "text": ["=1+1", "-17.67", "- so", "@x", "'=1", "NR", "", "NA", "+5", "two\nlines"],
            "estimate": [0.1 + 0.2, -1.5, None, 1e-17, 3.0, 4.0, 5.0, 6.0, 7.0, 1 / 3],
            "k": range(10),
        }
    )
    save_csv(frame, tmp_path / "new" / "folder" / "x.csv")
    saved = (tmp_path / "new" / "folder" / "x.csv").read_bytes()
    assert saved == (
        b"text,estimate,k\n'=1+1,0.30000000000000004,0\n-17.67,-1.5,1\n'- so,,2\n'@x,1e-17,3\n''=1,3.0,4\n"
        b'NR,4.0,5\n,5.0,6\nNA,6.0,7\n+5,7.0,8\n"two\nlines",0.3333333333333333,9\n'
    )
    assert frame["text"][0] == "=1+1"
    again = read_result(tmp_path / "new" / "folder" / "x.csv")
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)
    assert again["estimate"].dtype == float
    assert again["k"].dtype == int


@given(st.lists(st.text("=+-@'1.aé,;\"\n\t ", max_size=6), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_processed_tables_come_back_as_they_were_saved(tmp_path, cells):
    table = empty_table("diseases").reindex(range(len(cells)), fill_value="")
    table["synonyms"] = pd.Series(cells, dtype="str")
    save_csv(table, tmp_path / "diseases.csv")
    pd.testing.assert_frame_equal(read_processed(tmp_path / "diseases.csv"), table)


def test_processed_tables_of_the_bundled_review_come_back(tmp_path):
    tables, _ = check_extraction(RAW, year=YEAR)
    save_tables(tables, tmp_path)
    for name in TABLES:
        pd.testing.assert_frame_equal(read_processed(tmp_path / f"{name}.csv"), tables[name])


# ---------------------------------------------------------------------------------------- random damage

# a few of always the same examples here; `make fuzz` tries as many new ones as it is asked for
FUZZ_EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
some_examples = settings(
    max_examples=max(12, int(FUZZ_EXAMPLES or 0) // 10),  # a whole review each
    derandomize=not FUZZ_EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

WORDS = [
    "",
    "NR",
    "UNCLEAR",
    "all",
    "yes",
    "no",
    "0",
    "1",
    "2",
    "3",
    "12",
    "23",
    "12.0",
    "-1",
    "2,5",
    "1e3",
    "٣",
    "nan",
]
WORDS += ["ssc", "diltiazem", "rituximab", "patient", "lesion", "included", "awaiting", "excluded", "rct", "balin2012"]
WORDS += ["=1+1", "../../x", "con", "{words}", "<b>", "10.1002/art.1780381117", "a\x00", "\ud800", "0" * 400, " 7 "]
VALUES = st.one_of(st.sampled_from(WORDS), st.integers(-5, 200).map(str), st.text(max_size=8))
COUNT_COLUMNS = ["n", "n_complete", "n_partial", "n_none", "responders"]


POOLED = [row for row, pool in REAL["responses"]["pool"].items() if pool == "yes"]
FILLED = [name for name in TABLES if len(REAL[name])]
VOCABULARIES = [(name, column) for name in FILLED for column in columns(name) if allowed_words(name, column)]


@st.composite
def damages(draw):
    """One change: half of them to counts of pooled rows and to words, where a fault may look like sound data."""
    kind = draw(st.sampled_from(["count", "word", "cell", "copy row", "drop row", "swap columns", "drop column"]))
    if kind == "count":
        name, column = draw(
            st.sampled_from([*(("responses", column) for column in COUNT_COLUMNS), ("adverse_events", "n_patients")])
        )
        row = draw(st.sampled_from(POOLED) if name == "responses" else st.integers(2, 31))
        return "cell", name, row, column, str(draw(st.integers(0, 40)))
    if kind == "word":
        name, column = draw(st.sampled_from(VOCABULARIES))
        row = draw(st.sampled_from(POOLED) if name == "responses" else st.integers(2, len(REAL[name]) + 1))
        return "cell", name, row, column, draw(st.sampled_from(allowed_words(name, column)))
    name = draw(st.sampled_from(FILLED))
    row = draw(st.integers(2, len(REAL[name]) + 1))
    column = draw(st.sampled_from(columns(name)))
    return kind, name, row, column, draw(st.sampled_from(columns(name)) if kind == "swap columns" else VALUES)


def damaged(changes):
    tables = copy_tables()
    for kind, name, row, column, value in changes:
        frame = tables[name]
        if row not in frame.index or column not in frame or (kind == "swap columns" and value not in frame):
            continue
        if kind == "cell":
            frame.loc[row, column] = value
        elif kind == "copy row":
            frame.loc[frame.index.max() + 1] = frame.loc[row].to_dict()
        elif kind == "drop row":
            tables[name] = frame.drop(index=row)
        elif kind == "swap columns":
            frame[[column, value]] = frame[[value, column]].to_numpy()
        else:
            tables[name] = frame.drop(columns=column)
    return tables


def count_of(cell):
    return int(cell) if cell.isascii() and cell.isdigit() else None


def impossible(tables):
    """What can never be true in tables that passed, found without the rules of the library."""
    patients = {row["study_id"]: count_of(row["n_patients"]) for row in tables["studies"].to_dict("records")}
    status = dict(zip(tables["studies"]["study_id"], tables["studies"]["status"], strict=True))
    therapies, diseases = set(tables["therapies"]["therapy"]), set(tables["diseases"]["disease"])
    wrong, pooled_units, pooled_studies = [], {}, {}
    for row in tables["responses"].to_dict("records"):
        n, complete, partial, none, responders = (count_of(row[name]) for name in COUNT_COLUMNS)
        known = sum(part for part in (complete, partial, none) if part is not None)
        pooled = row["pool"] == "yes"
        wrong += [
            name
            for name, is_wrong in {
                "not a count": any(
                    count_of(row[name]) is None and row[name] not in ("", "NR", "UNCLEAR") for name in COUNT_COLUMNS
                ),
                "responders > n": None not in (responders, n) and responders > n,
                "sum": None not in (complete, partial, responders) and complete + partial != responders,
                "known > n": n is not None and known > n,
                "none > rest": None not in (n, responders, none) and responders + none > n,
                "patients": row["unit"] == "patient"
                and None not in (n, patients.get(row["study_id"]))
                and n > patients[row["study_id"]],
                "no study": row["study_id"] not in patients,
                "no therapy": row["therapy"] not in therapies | {"NR", "UNCLEAR"},
                "no disease": row["disease"] not in diseases | {"NR", "UNCLEAR", "all"},
                "pooled without counts": pooled and (not n or responders is None),
                "pooled, not included": pooled and status[row["study_id"]] != "included",
            }.items()
            if is_wrong
        ]
        if pooled:
            pooled_units.setdefault(row["therapy"], set()).add(row["unit"])
            pooled_studies.setdefault((row["study_id"], row["therapy"], row["disease"]), []).append(row)
    wrong += [therapy for therapy, units in pooled_units.items() if len(units) > 1]
    wrong += [key for key, rows in pooled_studies.items() if len(rows) > 1]
    for row in tables["adverse_events"].to_dict("records"):
        events, at_risk = count_of(row["n_patients"]), count_of(row["n_at_risk"])
        wrong += ["events"] if None not in (events, at_risk) and events > at_risk else []
    for name, (_, key, _, _) in TABLES.items():
        wrong += [name] if tables[name].duplicated(list(key)).any() else []
    return wrong


@pytest.mark.parametrize("column", COUNT_COLUMNS)
@pytest.mark.parametrize("count", ["1", "30", "9999"])
def test_no_row_passes_with_an_impossible_count(column, count):
    tables = copy_tables()
    tables["responses"][column] = count
    counts = {name: numbers(tables["responses"][name]) for name in COUNT_COLUMNS}
    parts = counts["n_complete"] + counts["n_partial"]
    known = pd.DataFrame(counts)[["n_complete", "n_partial", "n_none"]].sum(axis=1)
    patients = tables["responses"]["study_id"].map(REAL["studies"].set_index("study_id")["n_patients"])
    wrong = counts["responders"] > counts["n"]
    wrong |= (parts.notna() & counts["responders"].notna() & (parts != counts["responders"])) | (known > counts["n"])
    wrong |= counts["responders"] + counts["n_none"] > counts["n"]
    wrong |= tables["responses"]["unit"].eq("patient") & (counts["n"] > numbers(patients))
    with pytest.raises(ExtractionError) as error:
        check_tables(tables, RAW, year=YEAR)
    named = set(error.value.faults.loc[error.value.faults["file"] == "data/raw/responses.csv", "row"])
    assert wrong.sum() >= 5
    assert set(wrong.index[wrong]) <= named


@given(st.lists(damages(), min_size=1, max_size=2))
@example([("cell", "responses", 6, "responders", "9")])
@some_examples
def test_random_damage_to_cells_rows_and_columns(changes):
    try:
        tables, _ = check_tables(damaged(changes), RAW, year=YEAR)
    except ExtractionError as error:
        named = len(error.faults)
        said = len(fault_lines(error.faults))
    else:
        assert impossible(tables) == []
        return
    assert said == named >= 1


SPOILS = st.lists(
    st.tuples(
        st.floats(0, 0.999), st.integers(0, 40), st.binary(max_size=6) | st.sampled_from([b'"', b",", b"\n", b";"])
    ),
    min_size=1,
    max_size=3,
)


@given(st.sampled_from(list(TABLES)), SPOILS)
@some_examples
def test_random_damage_to_the_bytes_of_a_csv_file(tmp_path_factory, name, changes):
    folder = tmp_path_factory.mktemp("review") / "data" / "raw"
    shutil.copytree(RAW, folder)
    path = folder / f"{name}.csv"
    path.write_bytes(spoilt(path.read_bytes(), changes))
    try:
        tables, _ = check_extraction(folder, year=YEAR)
    except ExtractionError:
        return
    assert impossible(tables) == []


@given(SPOILS)
@some_examples
def test_random_damage_to_the_bytes_of_a_workbook(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("review") / "data" / "raw"
    folder.mkdir(parents=True)
    (folder / "extraction.xlsx").write_bytes(spoilt(workbook_bytes(tmp_path_factory), changes))
    try:
        tables, _ = check_extraction(folder, year=YEAR)
    except ExtractionError:
        return
    assert impossible(tables) == []


def workbook_bytes(tmp_path_factory, cache={}):  # noqa: B006  the workbook is made once
    if not cache:
        folder = Path(shutil.copytree(RAW, tmp_path_factory.mktemp("book") / "raw"))
        write_workbook(folder)
        cache["book"] = (folder / "extraction.xlsx").read_bytes()
    return cache["book"]
