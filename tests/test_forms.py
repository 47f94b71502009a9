"""The form: every column explained, every vocabulary offered, and what was not changed comes back as it was."""

import re
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from small_evidence.extraction.checks import FORM_SHEETS, check_extraction, check_tables, read_tables
from small_evidence.extraction.forms import EXAMPLE, NOT_IN_FORM, SPARE_ROWS, save_form
from small_evidence.extraction.schema import (
    TABLES,
    allowed_words,
    check_cell,
    columns,
    describe,
    labels,
    must_be_filled,
    reference,
)
from small_evidence.review import save_tables

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT / "data" / "raw"
YEAR = 2026
SHOWN = [table for table in TABLES if table not in NOT_IN_FORM]
SOFFICE = shutil.which("soffice")


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    """The form of the bundled review."""
    path = tmp_path_factory.mktemp("form") / "extraction.xlsx"
    save_form(read_tables(RAW), path, "A review", ["murad2018"])
    return path


@pytest.fixture(scope="module")
def book(form):
    return openpyxl.load_workbook(form)


def processed(folder, target):
    tables, issues = check_extraction(folder, year=YEAR)
    save_tables(tables, target)
    return {path.name: path.read_bytes() for path in target.iterdir()}, issues


def put_back(form, folder):
    """A review whose tables are the form, saved as data/raw/extraction.xlsx."""
    raw = folder / "data" / "raw"
    raw.mkdir(parents=True)
    shutil.copy(form, raw / "extraction.xlsx")
    return raw


def rule_of(sheet, column):
    """The check that a spreadsheet makes of a column, and the rows it is made of."""
    letter = openpyxl.utils.get_column_letter(column)
    rules = [rule for rule in sheet.data_validations.dataValidation if str(rule.sqref).startswith(f"{letter}2:")]
    assert len(rules) <= 1
    return rules[0] if rules else None


def test_a_sheet_a_table_after_the_page_that_explains(book):
    assert book.sheetnames == [FORM_SHEETS[0], *SHOWN, FORM_SHEETS[1]]
    assert book[FORM_SHEETS[1]].sheet_state == "hidden"
    for table in SHOWN:
        assert [cell.value for cell in book[table][1]] == columns(table)
        assert book[table].freeze_panes == "B2"
        assert all(book[table].column_dimensions[cell.column_letter].width >= 11 for cell in book[table][1])


def test_notes_say_what_the_schema_says(book):
    for table in SHOWN:
        for cell, column in zip(book[table][1], describe(table).itertuples(index=False), strict=True):
            note = cell.comment.text
            assert column.meaning in note
            assert column.unit in note
            assert ("Every row needs it." in note) == must_be_filled(table, column.column)
            for word in allowed_words(table, column.column):
                assert f"\n{word}" in note
                assert labels(table, column.column)[word] in note


def words_offered(book, name):
    area = book.defined_names[name.removeprefix("=")].attr_text
    assert area.startswith("Lists!")
    return [row[0].value for row in book["Lists"][area.removeprefix("Lists!").replace("$", "")]]


def test_every_vocabulary_has_a_drop_down_with_its_words(book):
    seen = 0
    for table in SHOWN:
        for position, name in enumerate(columns(table), start=1):
            if words := [word for word in allowed_words(table, name) if word]:
                rule = rule_of(book[table], position)
                assert rule.type == "list"
                assert words_offered(book, rule.formula1) == words
                assert rule.showErrorMessage
                seen += 1
    assert seen > 15
    assert words_offered(book, rule_of(book["risk_of_bias"], 3).formula1) == ["murad2018"]


def test_names_are_offered_from_their_own_sheets_with_room_for_new_ones(book):
    lists, seen = book["Lists"], set()
    for table in SHOWN:
        for position, name in enumerate(columns(table), start=1):
            target, also = reference(table, name)
            if not target:
                continue
            area = book.defined_names[rule_of(book[table], position).formula1.removeprefix("=")].attr_text
            first, used, sheet, last = re.fullmatch(
                r"OFFSET\(Lists!\$([A-Z]+)\$2,0,0,MAX\(1,(\d+)\+COUNTA\((\w+)!\$A\$2:\$A\$(\d+)\)\),1\)", area
            ).groups()
            rows = len(read_tables(RAW)[target])
            assert (sheet, int(used), int(last)) == (target, len(also), rows + SPARE_ROWS + 1)
            offered = [row[0].value for row in lists[f"{first}2:{first}{len(also) + rows + 2}"]]
            assert offered == [
                *also,
                *(f'=IF({target}!$A${row}="","",{target}!$A${row})' for row in range(2, rows + 3)),
            ]
            seen.add((target, also))
    assert len(seen) == 7


def test_counts_are_numbers_and_the_rest_is_text(book):
    table = read_tables(RAW)["responses"]
    sheet = book["responses"]
    for name in ("n", "responders"):
        cells = [cell.value for cell in sheet[openpyxl.utils.get_column_letter(columns("responses").index(name) + 1)]]
        typed = [str(value) if isinstance(value, int) else value for value in cells[1 : len(table) + 1]]
        assert typed == table[name].tolist()
        assert {type(value) for value in cells[1 : len(table) + 1]} == {int, str}
    formats = {name: sheet.cell(2, i).number_format for i, name in enumerate(columns("responses"), start=1)}
    assert {formats[name] for name in ("n", "n_complete", "n_partial", "n_none", "responders")} == {"0"}
    assert {formats[name] for name in ("dose", "follow_up", "response_id", "notes")} == {"@"}
    assert isinstance(book["published_claims"]["H5"].value, str)  # 3-78, which must not become a date
    assert rule_of(sheet, columns("responses").index("n") + 1).type == "custom"


def test_the_first_sheet_explains_and_shows_an_example_that_would_pass(book):
    words = [cell.value for row in book[FORM_SHEETS[0]] for cell in row if cell.value is not None]
    assert words[0] == "Extraction form: A review"
    assert any("EXAMPLE" in str(word) for word in words)
    assert {*SHOWN} <= set(words)
    assert book[FORM_SHEETS[0]].sheet_properties.pageSetUpPr.fitToPage  # one page of paper
    named = {"example": "doe_2022", "therapy_slug": "diltiazem", "disease_slug": "ssc"}
    tables = read_tables(RAW)
    for table, cells in EXAMPLE.items():
        row = dict.fromkeys(columns(table), "") | {name: named.get(cell, cell) for name, cell in cells.items()}
        tables[table].loc[len(tables[table]) + 2] = row
        assert set(cells.values()) <= set(words)

    checked, issues = check_tables(tables, year=YEAR)
    assert len(checked["responses"]) == 122
    assert set(issues["rule"]) == {"pooled_secondary", "unused_name"}


def test_the_example_is_refused_among_the_data():
    assert check_cell("studies", "study_id", "example")[1:] == (
        "example_row",
        '"example" marks the made-up row of the form; delete the row',
    )


def test_the_same_tables_give_the_same_bytes(form, tmp_path):
    save_form(read_tables(RAW), tmp_path / "again.xlsx", "A review", ["murad2018"])
    assert (tmp_path / "again.xlsx").read_bytes() == form.read_bytes()


def test_the_form_put_back_gives_the_same_tables_without_a_new_warning(form, tmp_path):
    expected, usual = processed(RAW, tmp_path / "expected")
    got, issues = processed(put_back(form, tmp_path), tmp_path / "got")
    assert got == expected
    assert issues["message"].tolist() == usual["message"].tolist()


def test_a_form_of_a_form_is_the_same(form, tmp_path):
    save_form(read_tables(put_back(form, tmp_path)), tmp_path / "again.xlsx", "A review", ["murad2018"])
    assert (tmp_path / "again.xlsx").read_bytes() == form.read_bytes()


def test_the_form_of_a_new_review_is_empty(tmp_path):
    save_form(read_tables(tmp_path / "data" / "raw", complete=False), tmp_path / "form.xlsx")
    book = openpyxl.load_workbook(tmp_path / "form.xlsx")
    assert [len(list(book[table].values)) for table in SHOWN] == [1] * len(SHOWN)
    assert rule_of(book["responses"], 2).type == "list"


def test_hostile_text_in_a_form_is_text(tmp_path):
    tables = read_tables(RAW)
    tables["studies"].loc[2, ["title", "notes"]] = ["=1+1", "http://example.org <b> _x000D_ 😀"]
    save_form(tables, tmp_path / "extraction.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "extraction.xlsx")["studies"]
    assert (sheet["E2"].value, sheet["E2"].data_type) == ("=1+1", "s")
    assert sheet["R2"].hyperlink is None
    got = read_tables(put_back(tmp_path / "extraction.xlsx", tmp_path))["studies"]
    assert got.loc[2, ["title", "notes"]].tolist() == ["=1+1", "http://example.org <b> _x000D_ 😀"]


def save_in_libreoffice(path, folder):
    """Open a workbook in LibreOffice without a window and save it as LibreOffice does."""
    profile = (folder / "profile").as_uri()
    command = [SOFFICE, f"-env:UserInstallation={profile}", "--headless", "--convert-to"]
    command += ["xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "saved"), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / "saved" / path.name


@pytest.mark.skipif(not SOFFICE, reason="needs LibreOffice")
def test_the_form_saved_by_libreoffice_gives_the_same_tables(form, tmp_path):
    expected, usual = processed(RAW, tmp_path / "expected")
    saved = save_in_libreoffice(form, tmp_path)
    got, issues = processed(put_back(saved, tmp_path), tmp_path / "got")
    assert got == expected
    assert issues["message"].tolist() == usual["message"].tolist()


@pytest.mark.skipif(not SOFFICE, reason="needs LibreOffice")
def test_a_study_and_a_therapy_added_in_the_form_are_in_the_tables(form, tmp_path):
    book = openpyxl.load_workbook(form)
    named = {"example": "doe_2022", "therapy_slug": "lithium", "disease_slug": "ssc"}
    new = EXAMPLE | {
        "therapies": {
            "therapy": "lithium",
            "label": "Lithium",
            "therapy_class": "uricosuric",
            "kind": "drug",
            "display_order": "60",
        }
    }
    for table, cells in new.items():
        row = len(read_tables(RAW)[table]) + 2
        for name, cell in cells.items():
            value = int(cell) if cell.isdigit() else named.get(cell, cell)
            book[table].cell(row, columns(table).index(name) + 1, value)
    book.save(tmp_path / "changed.xlsx")
    saved = save_in_libreoffice(tmp_path / "changed.xlsx", tmp_path)
    offered = openpyxl.load_workbook(saved, data_only=True)["Lists"]
    lists = {column[0].value: {cell.value for cell in column} for column in offered.columns}
    assert "lithium" in lists["names_therapies_nr_unclear"]  # LibreOffice has worked out the formulas again
    assert "doe_2022" in lists["names_studies"]
    tables, _ = check_extraction(put_back(saved, tmp_path), year=YEAR)
    last = tables["responses"].iloc[-1]
    assert last[["study_id", "therapy", "n", "responders"]].tolist() == ["doe_2022", "lithium", "12", "5"]
    before = check_extraction(RAW, year=YEAR)[0]["responses"]
    pd.testing.assert_frame_equal(tables["responses"].iloc[:-1], before)


def test_the_rule_writes_the_form(copy_review):
    review = copy_review("tests/data/minimal")
    printed = review.run("results/forms/extraction_form.xlsx")
    assert "save it as data/raw/extraction.xlsx" in printed
    book = openpyxl.load_workbook(review.path("results/forms/extraction_form.xlsx"))
    assert book[FORM_SHEETS[0]]["A1"].value == "Extraction form: SYNTHETIC review of two rows"
    assert book["studies"]["A3"].value == "synthetic02"
