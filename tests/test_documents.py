"""Documents of the printed tables: text stays text, numbers stay numbers, the same tables give the same bytes."""

import csv
import datetime
import math
import time
import zipfile

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import documents
from evidence.tables.table import Column, Table

HOSTILE = [
    "=1+1",
    "+1",
    "-2",
    "@x",
    "\t=1",
    "<b>bold</b> & 'quoted'",
    "{=SUM(A1)}",
    "https://example.org/x",
    "mailto:a@example.org",
    "internal:Sheet2!A1",
    "007",
    "1e5",
    "a\x07b",
    "]]>",
    "",
]


def table_of(frame, columns=None, **more):
    columns = columns or tuple(Column(name, 12) for name in frame.columns if name != more.get("group"))
    return Table(**{"name": "t", "number": "Table IX", "title": "A title", "frame": frame, "columns": columns} | more)


@pytest.fixture
def small():
    frame = pd.DataFrame(
        {
            "Class": ["Anticoagulants", "Surgery", "Surgery"],
            "Treatment": ["Warfarin (low dose)", "Excision", "All surgery"],
            "Analysed": [1, 2, 2],
            "Patients": [3, "NR", 35],
            "Response": ["2/3 (66.7%)", "34/35 (97.1%)", "—"],
        },
        dtype=object,
    )
    columns = (
        Column("Treatment", 20),
        Column("Analysed", 9, "center", over="Studies"),
        Column("Patients", 9, "center", over="Studies"),
        Column("Response", 16, "right"),
    )
    return table_of(frame, columns, group="Class", emphasised=(2,), footnotes=("NR, not reported.", "=1+1"))


def written(tables, folder):
    path = folder / "book.xlsx"
    documents.save_workbook(tables, path)
    return openpyxl.load_workbook(path)


def test_sheet_has_caption_header_groups_rows_and_footnotes(small, tmp_path):
    sheet = written(small, tmp_path)["Table IX"]
    rows = [[cell for cell in row if cell is not None] for row in sheet.iter_rows(values_only=True)]
    assert rows == [
        ["Table IX. A title"],
        ["Studies"],
        ["Treatment", "Analysed", "Patients", "Response"],
        ["Anticoagulants"],
        ["Warfarin (low dose)", 1, 3, "2/3 (66.7%)"],
        ["Surgery"],
        ["Excision", 2, "NR", "34/35 (97.1%)"],
        ["All surgery", 2, 35, "—"],
        ["NR, not reported."],
        ["=1+1"],
    ]


def test_header_is_frozen_and_repeated_and_the_page_is_one_wide(small, tmp_path):
    sheet = written(small, tmp_path).active
    assert sheet.freeze_panes == "B4"
    assert sheet.print_title_rows == "$2:$3"
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.page_setup.paperSize == 9
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (None, 0)  # None: 1, the default
    assert sheet.sheet_properties.pageSetUpPr.fitToPage


def test_portrait_table_is_not_turned(small, tmp_path):
    sheet = written(table_of(small.frame, small.columns, landscape=False), tmp_path).active
    assert sheet.page_setup.orientation in (None, "portrait")


def test_header_group_and_total_rows_are_bold_and_groups_are_merged(small, tmp_path):
    sheet = written(small, tmp_path).active
    bold = {cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None and cell.font.b}
    assert bold == {
        "Table IX. A title", "Studies", "Treatment", "Analysed", "Patients", "Response", "Anticoagulants", "Surgery",
        "All surgery", 2, 35, "—",
    }  # fmt: skip
    merged = {str(cells) for cells in sheet.merged_cells.ranges}
    assert {"A1:D1", "B2:C2", "A4:D4", "A6:D6", "A9:D9", "A10:D10"} == merged


def test_numbers_are_numbers_and_text_is_wrapped(small, tmp_path):
    sheet = written(small, tmp_path).active
    assert sheet["B5"].data_type == "n"
    assert sheet["C7"].data_type == "s"
    assert all(cell.alignment.wrap_text for row in sheet.iter_rows() for cell in row if cell.value is not None)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_never_a_formula_a_link_or_a_number(text, tmp_path):
    frame = pd.DataFrame({"Group": [text], "A": [text], "B": [text]})
    table = table_of(
        frame,
        (Column("A", 10, heading=text), Column("B", 10, over=text)),
        group="Group",
        footnotes=(text,),
        title=text,
        number="",
    )
    sheet = written(table, tmp_path).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} <= {"s"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    with zipfile.ZipFile(tmp_path / "book.xlsx") as book:
        parts = {name: book.read(name).decode() for name in book.namelist() if name.endswith((".xml", ".rels"))}
    assert "<f>" not in parts["xl/worksheets/sheet1.xml"]
    assert not [name for name in parts if "externalLink" in name or "sheet1.xml.rels" in name]
    if text and text.isprintable():
        assert sheet.cell(5, 1).value == text  # caption, two header rows, group row, then the row


def test_same_tables_give_the_same_bytes(small, tmp_path):
    paths = [tmp_path / "one.xlsx", tmp_path / "two.xlsx"]
    documents.save_workbook([small, small], paths[0])
    time.sleep(1.1)  # a date of the run in the file would differ by now
    documents.save_workbook([small, small], paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_created_date_is_the_one_given(small, tmp_path):
    path = tmp_path / "book.xlsx"
    documents.save_workbook(small, path, created=datetime.datetime(2026, 1, 2))
    properties = openpyxl.load_workbook(path).properties
    assert properties.created == datetime.datetime(2026, 1, 2)
    assert properties.title == "Table IX. A title"


def test_a_table_without_rows_says_so(tmp_path):
    frame = pd.DataFrame(columns=["A", "B"])
    sheet = written(table_of(frame, footnotes=("Note.",)), tmp_path).active
    assert [sheet["A1"].value, sheet["A3"].value, sheet["A4"].value] == [
        "Table IX. A title",
        "Nothing to show.",
        "Note.",
    ]


def test_a_table_of_one_column_is_not_merged(tmp_path):
    sheet = written(table_of(pd.DataFrame({"A": ["x"]})), tmp_path).active
    assert not sheet.merged_cells.ranges
    assert sheet["A1"].value == "Table IX. A title"


def test_a_cell_longer_than_a_spreadsheet_holds_is_cut_with_a_sign(tmp_path):
    sheet = written(table_of(pd.DataFrame({"A": ["x" * 40_000], "B": ["y"]})), tmp_path).active
    assert len(sheet["A3"].value) == documents.CELL_LIMIT
    assert sheet["A3"].value.endswith("…")


def test_missing_values_are_blank_and_never_nan(tmp_path):
    frame = pd.DataFrame({"A": [None, float("nan")], "B": [float("inf"), True]}, dtype=object)
    sheet = written(table_of(frame), tmp_path).active
    assert {sheet["A3"].value, sheet["A4"].value} <= {None, ""}
    assert [sheet["B3"].value, sheet["B4"].value] == ["inf", "True"]


def test_rows_are_high_enough_for_wrapped_text(tmp_path):
    text = "word " * 60
    frame = pd.DataFrame({"A": [text.strip()], "B": ["x"]})
    sheet = written(table_of(frame, footnotes=(text.strip() * 3,)), tmp_path).active
    # 60 words of 5 characters, two to three of which go into 12 characters: 20 lines at least
    assert sheet.row_dimensions[3].height >= 20 * documents.LINE
    assert sheet.row_dimensions[4].height >= 8 * documents.LINE


def test_a_column_is_as_wide_as_its_longest_word(tmp_path):
    frame = pd.DataFrame({"A": ["Immunosuppressants"], "B": ["x"]})
    sheet = written(table_of(frame, (Column("A", 14), Column("B", 5))), tmp_path).active
    assert sheet.column_dimensions["A"].width > 18
    assert sheet.column_dimensions["B"].width == pytest.approx(5.71, abs=0.01)  # 5 and the cell's own padding


@given(st.text(max_size=200), st.integers(40, 600))
def test_lines_never_fall_short_of_the_text(text, room):
    lines = documents._lines(text, room)
    words = sum(documents._pixels(word) for word in text.split())
    assert lines >= math.ceil(words / room)
    assert lines >= text.count("\n") + 1


@given(st.lists(st.text(max_size=50), max_size=12))
def test_sheet_names_are_valid_and_different(wished):
    taken = set()
    for wish in wished:
        name = documents.sheet_name(wish, taken)
        assert 1 <= len(name) <= 31
        assert not set(name) & set("[]:*?/\\")
        assert "'" not in (name[0], name[-1])
        assert name.casefold() not in taken
        taken.add(name.casefold())


def test_tables_of_the_same_number_get_sheets_of_their_own(small, tmp_path):
    assert written([small, small], tmp_path).sheetnames == ["Table IX", "Table IX 2"]


def test_csv_holds_the_cells_and_is_safe(small, tmp_path):
    frame = small.frame.copy()
    frame.loc[0, "Response"] = "=1+1"
    path = tmp_path / "t.csv"
    documents.save_table_csv(table_of(frame, small.columns, group="Class"), path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["Class", "Treatment", "Studies: Analysed", "Studies: Patients", "Response"],
        ["Anticoagulants", "Warfarin (low dose)", "1", "3", "'=1+1"],
        ["Surgery", "Excision", "2", "NR", "34/35 (97.1%)"],
        ["Surgery", "All surgery", "2", "35", "—"],
    ]
    assert b"\r" not in path.read_bytes()


def test_documents_are_named_after_their_tables(small, tmp_path):
    listed = table_of(small.frame, small.columns, name="awaiting", number="Awaiting", listed=True)
    documents.save_documents([small, listed], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all_tables.xlsx", "awaiting.xlsx", "t.csv", "t.xlsx"]
    assert openpyxl.load_workbook(tmp_path / "all_tables.xlsx").sheetnames == ["Table IX", "Awaiting"]
