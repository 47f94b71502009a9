"""The schema: types of cells, words and their labels, and the data dictionary made from it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from small_evidence.extraction import schema
from small_evidence.extraction.checks import RULES

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT / "data" / "raw"


def raw(table):
    return pd.read_csv(RAW / f"{table}.csv", dtype=str, keep_default_na=False)


@pytest.mark.parametrize("table", schema.TABLES)
def test_models_know_every_column_of_the_bundled_tables(table):
    assert set(schema.needed_columns(table)) <= set(raw(table).columns) <= set(schema.columns(table))
    assert list(raw(table).columns) == [name for name in schema.columns(table) if name in raw(table)]


@pytest.mark.parametrize("table", schema.TABLES)
def test_models_take_every_bundled_row(table):
    for row in raw(table).to_dict("records"):
        assert schema.TABLES[table].model.model_validate(row).model_dump(exclude_unset=True).keys() == row.keys()


def test_model_refuses_a_column_it_does_not_know():
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        schema.Disease.model_validate({"disease": "ssc", "label": "SSc", "colour": "red"})


@pytest.mark.parametrize("table", schema.TABLES)
def test_key_columns_exist_and_are_needed(table):
    made = {name for name in schema.columns(table) if schema.is_made(table, name)}
    assert set(schema.TABLES[table].key) <= {*schema.needed_columns(table), *made}


def test_every_vocabulary_has_labels_and_the_other_way_round():
    vocabularies = set()
    for table in schema.TABLES:
        for column in schema.columns(table):
            if words := schema.allowed_words(table, column):
                assert [word for word in words if word] == list(schema.labels(table, column))
                vocabularies |= {column, f"{table}.{column}"}
    assert set(schema.LABELS) <= vocabularies


def test_a_column_of_two_tables_has_the_words_of_its_table():
    assert schema.allowed_words("responses", "role") == ["treatment", "comparator"]
    assert schema.allowed_words("scenarios", "role") == ["first", "add", "consider", "adjunct"]
    assert schema.labels("scenarios", "role")["add"] == "in addition"
    assert schema.labels("responses", "unit") == {"patient": "patients", "lesion": "lesions"}
    assert schema.labels("published_claims", "quantity")["level"] == "level of evidence"
    assert schema.labels("responses", "dose") == {}


@pytest.mark.parametrize(
    ("quantity", "unit", "of_outcome", "expected"),
    [
        ("other", "days", "", "days"),
        ("other", "", "points", "points"),
        ("other", "", "", "share"),
        ("n_studies", "", "share", "studies"),
        ("responders", "lesions", "", "lesions"),
        ("pooled_response", "", "", "share"),
        ("level", "", "share", ""),
    ],
)
def test_the_unit_of_a_claim(quantity, unit, of_outcome, expected):
    assert schema.claim_unit(quantity, unit, of_outcome) == expected


def test_labels_are_words_for_people():
    assert schema.LABELS["design"]["case_series_retrospective"] == "retrospective case series"
    assert schema.LABELS["design"]["NR"] == "not reported"
    assert all("_" not in label for words in schema.LABELS.values() for label in words.values())


@pytest.mark.parametrize(
    ("table", "column", "typed", "normal"),
    [
        ("responses", "n", "12", "12"),
        ("responses", "n", " 12.0 ", "12"),
        ("responses", "n", "007", "7"),
        ("responses", "n", "12.00", "12"),
        ("responses", "n", "1234.000", "1234"),
        ("responses", "n", "0.000", "0"),
        ("responses", "n", "NR", "NR"),
        ("responses", "n", "UNCLEAR", "UNCLEAR"),
        ("responses", "n", "", ""),
        ("studies", "year", "1998.0", "1998"),
        ("studies", "year", "NR", "NR"),
        ("studies", "pmid", "7488286.0", "7488286"),
        ("studies", "study_id", "null", "null"),
        ("studies", "study_id", "na", "na"),
        ("studies", "study_id", "2020", "2020"),
        ("studies", "label", "NA", "NA"),
        ("studies", "label", "Null 2020\r\nsecond line", "Null 2020\nsecond line"),
        ("studies", "level_override", "2b", "2b"),
        ("studies", "controlled", "TRUE", "yes"),
        ("responses", "pool", "FALSE", "no"),
        ("published_claims", "value", "3-78", "3-78"),
        ("published_claims", "value", ">0.11", ">0.11"),
        ("published_claims", "value", "0.60", "0.6"),
        ("published_claims", "value", "-17.67", "-17.67"),
        ("published_claims", "ci_ub", "1.00", "1"),
        ("published_claims", "ci_lb", "-0.0", "0"),
        ("published_claims", "i2", ".57", "0.57"),
    ],
)
def test_cells_in_their_normal_form(table, column, typed, normal):
    assert schema.check_cell(table, column, typed) == (normal, "", "")


DESIGNS = ", ".join(schema.LABELS["design"])
SLUG = "cannot be part of a path: use at most 100 small letters, digits and underscores, as in doe_2022"
COUNT = "is not a count: a whole number from 0 on, NR, UNCLEAR or empty"


@pytest.mark.parametrize(
    ("table", "column", "typed", "rule", "words"),
    [
        ("responses", "n", "-1", "not_a_count", f'"-1" {COUNT}'),
        ("responses", "n", "2,5", "not_a_count", f'"2,5" {COUNT}'),
        ("responses", "n", "2.5", "not_a_count", f'"2.5" {COUNT}'),
        ("responses", "n", "1e3", "not_a_count", f'"1e3" {COUNT}'),
        ("responses", "n", "٣", "not_a_count", f'"٣" {COUNT}'),
        ("responses", "n", "nr", "not_a_count", f'"nr" {COUNT}'),
        ("responses", "n", "1.000", "not_a_count", '"1.000" may mean 1 or 1000; write 1 or 1000'),
        ("studies", "n_patients", "12.000", "not_a_count", '"12.000" may mean 12 or 12000; write 12 or 12000'),
        ("screening", "n", "999.000", "not_a_count", '"999.000" may mean 999 or 999000; write 999 or 999000'),
        ("responses", "n", "10000001", "not_a_count", '"10000001" is more than 10000000'),
        ("responses", "n", "9" * 80, "not_a_count", f'"{"9" * 59}…" {COUNT}'),
        ("therapies", "display_order", "NR", "not_a_number", '"NR" is not a whole number from 0 on'),
        ("studies", "year", "98", "not_a_year", '"98" is not a year: four digits, NR or UNCLEAR'),
        ("studies", "year", "", "blank_cell", "empty; write NR if it is not reported"),
        ("studies", "study_id", "Doe 2022", "not_a_slug", f'"Doe 2022" {SLUG}'),
        ("studies", "study_id", "../../x", "not_a_slug", f'"../../x" {SLUG}'),
        ("studies", "study_id", "doe\n", "", ""),
        ("studies", "study_id", "doe\nroe", "not_a_slug", rf'"doe\u000aroe" {SLUG}'),
        ("studies", "study_id", "_", "not_a_slug", f'"_" {SLUG}'),
        ("studies", "study_id", "con", "reserved_name", '"con" is a reserved name; choose another'),
        ("therapies", "therapy", "com1", "reserved_name", '"com1" is a reserved name; choose another'),
        ("therapies", "therapy", "class", "reserved_name", '"class" is a reserved name; choose another'),
        ("diseases", "disease", "all", "reserved_name", '"all" is a reserved name; choose another'),
        ("studies", "study_id", "", "blank_cell", "empty; every row needs its name"),
        ("studies", "title", " ", "blank_cell", "empty; write NR if it is not reported"),
        (
            "studies",
            "design",
            "case_serie",
            "unknown_word",
            f'"case_serie" is not known, nearest is case_series; allowed are {DESIGNS}',
        ),
        (
            "studies",
            "design",
            "RCT",
            "unknown_word",
            f'"RCT" is not known, nearest is rct; allowed are {DESIGNS}',
        ),
        ("responses", "pool", "", "unknown_word", "empty; allowed are yes, no"),
        (
            "studies",
            "doi",
            "https://doi.org/10.1000/1",
            "not_a_doi",
            '"https://doi.org/10.1000/1" is not a DOI: write it without an address, as in 10.1000/xyz123, NR or empty',
        ),
        ("studies", "pmid", "PMC12", "not_a_pmid", '"PMC12" is not a PMID: digits only, NR or empty'),
        ("studies", "level_override", "best", "not_a_level", '"best" is not a level such as IV, IIB or 2b'),
        (
            "published_claims",
            "ci_lb",
            "0,24",
            "not_a_number",
            '"0,24" is not a number: digits with a decimal point as in 0.25, NR, UNCLEAR or empty',
        ),
        ("published_claims", "i2", "57", "not_a_share", '"57" is not a share from 0 to 1 (57 % is 0.57)'),
        (
            "studies",
            "notes",
            "bell \x07 {words}",
            "control_character",
            r'"bell \u0007 {words}" contains a character that cannot be printed (U+0007); type it again',
        ),
        (
            "studies",
            "notes",
            "x" * 32768,
            "text_too_long",
            "32768 characters; the limit of a spreadsheet cell is 32767",
        ),
    ],
)
def test_faults_of_cells(table, column, typed, rule, words):
    assert schema.check_cell(table, column, typed)[1:] == (rule, words)


def test_numbers_are_plain_numbers_only():
    cells = ["12", "-17.67", " 3.0 ", "NR", "UNCLEAR", "", ">0.11", "3-78", "1e3", "inf", "nan", "٣", "1,5"]
    got = schema.numbers(pd.Series(cells, index=range(5, 18)))
    assert got.dtype == float
    assert got.dropna().to_dict() == {5: 12.0, 6: -17.67, 7: 3.0}
    assert schema.numbers(pd.Series([1, 2])).tolist() == [1.0, 2.0]
    assert schema.numbers(pd.Series([], dtype=str)).dtype == float


def test_humanise():
    assert schema.humanise("calcium_channel_blocker") == "Calcium channel blocker"
    assert schema.humanise("") == ""


def test_describe_says_what_a_form_needs():
    columns = schema.describe("responses").set_index("column")
    assert columns.loc["n"].to_dict() == {
        "meaning": "Evaluable patients (or lesions).",
        "unit": "patients or lesions",
        "allowed": "whole number from 0 on, NR, UNCLEAR or empty",
        "needed": "yes",
        "default": "",
    }
    assert columns.loc["role", "default"] == "treatment"
    assert columns.loc["arm", "default"] == "empty"
    assert columns.loc["unit", "allowed"] == "patient, lesion"
    for table in schema.TABLES:
        assert (schema.describe(table)[["meaning", "allowed"]] != "").all(axis=None)


def test_data_dictionary_is_up_to_date():
    notes = (ROOT / "data" / "notes.md").read_text(encoding="utf-8")
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert page == schema.data_dictionary(RULES, notes), (
        "run python -m small_evidence.extraction.checks > data/README.md"
    )


def test_data_dictionary_from_the_command_line():
    made = subprocess.run(
        [sys.executable, "-m", "small_evidence.extraction.checks"], cwd=ROOT, capture_output=True, check=True
    )
    assert made.stdout == (ROOT / "data" / "README.md").read_bytes()


def test_importing_the_schema_stays_cheap():
    slow = "('openpyxl', 'scipy', 'matplotlib')"
    code = f"import sys, small_evidence.extraction.checks; print([m for m in {slow} if m in sys.modules])"
    got = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    assert got.stdout.strip() == "[]"


ORDER_MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("table", ["studies", "responses"])
@pytest.mark.parametrize("sign", [*ORDER_MARKS, "\ud800", "\x00"])
def test_what_cannot_be_printed_is_refused_in_every_column(table, sign):
    """Also in columns with a vocabulary, where pydantic has a rule of its own for half a character."""
    for column in schema.columns(table):
        value, rule, words = schema.check_cell(table, column, f"a{sign}b")
        assert (value, rule) == (f"a{sign}b", "control_character")
        assert f"(U+{ord(sign):04X})" in words
        assert sign not in words


@pytest.mark.parametrize("text", ["دراسة", "מחקר", "研究", "a\u200fb", "é", "😀"])
def test_other_scripts_are_text(text):
    assert schema.check_cell("studies", "title", text) == (text, "", "")
