"""Documents of the printed tables: text stays text, numbers stay numbers, the same tables give the same bytes."""

import csv
import datetime
import html.parser
import math
import os
import re
import shutil
import subprocess
import time
import zipfile
from dataclasses import replace

import docx
import openpyxl
import pandas as pd
import pytest
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from hypothesis import given
from hypothesis import strategies as st

from small_evidence.documents import WRITERS, latex, measures, plain, save_documents, webpage, word, workbook
from small_evidence.documents.text import Heading, Item, Text
from small_evidence.made import changed_by_hand, content_of, maker_of, read_made
from small_evidence.release.archive import save_archive
from small_evidence.tables.table import Column, Table
from small_evidence.wording import printable

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
    workbook.save_workbook(tables, path)
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
    workbook.save_workbook([small, small], paths[0])
    time.sleep(1.1)  # a date of the run in the file would differ by now
    workbook.save_workbook([small, small], paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_created_date_is_the_one_given(small, tmp_path):
    path = tmp_path / "book.xlsx"
    workbook.save_workbook(small, path, created=datetime.datetime(2026, 1, 2))
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
    assert len(sheet["A3"].value) == workbook.CELL_LIMIT
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
    assert sheet.row_dimensions[3].height >= 20 * workbook.LINE
    assert sheet.row_dimensions[4].height >= 8 * workbook.LINE


def test_a_column_is_as_wide_as_its_longest_word(tmp_path):
    frame = pd.DataFrame({"A": ["Immunosuppressants"], "B": ["x"]})
    sheet = written(table_of(frame, (Column("A", 14), Column("B", 5))), tmp_path).active
    assert sheet.column_dimensions["A"].width > 18
    assert sheet.column_dimensions["B"].width == pytest.approx(5.71, abs=0.01)  # 5 and the cell's own padding


@given(st.text(max_size=200), st.integers(40, 600))
def test_lines_never_fall_short_of_the_text(text, room):
    lines = measures.lines_of(text, room)
    words = sum(measures.pixels(word) for word in text.split())
    assert lines >= math.ceil(words / room)
    assert lines >= text.count("\n") + 1


@given(st.lists(st.text(max_size=50), max_size=12))
def test_sheet_names_are_valid_and_different(wished):
    taken = set()
    for wish in wished:
        name = workbook.sheet_name(wish, taken)
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
    plain.save_table_csv(table_of(frame, small.columns, group="Class"), path)
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
    wanted = ["all_tables.xlsx", "awaiting.docx", "t.csv", "t.docx", "t.html", "t.tex", "t.xlsx"]
    save_documents([small, listed], [tmp_path / name for name in wanted])
    assert sorted(path.name for path in tmp_path.iterdir()) == wanted
    assert openpyxl.load_workbook(tmp_path / "all_tables.xlsx").sheetnames == ["Table IX", "Awaiting"]


def test_a_document_is_written_again_only_if_it_would_differ_or_was_changed_by_hand(small, tmp_path, monkeypatch):
    """Of two tables in three formats and both in one book, each time exactly those files that have to be."""
    other, listed = table_of(small.frame, small.columns, name="other"), tmp_path / "logs/documents.csv"
    paths = [tmp_path / f"{name}.{ending}" for name in ("t", "other") for ending in ("csv", "docx", "xlsx")]
    paths.append(tmp_path / "all_tables.docx")
    listed.parent.mkdir()

    def saved(*tables):
        for path in (*paths, listed):
            if path.exists():
                os.utime(path, (0, 0))
        numbers = {path: path.stat().st_ino for path in paths if path.exists()}
        save_documents(tables, paths, listed=listed)
        assert all(path.stat().st_mtime for path in (*paths, listed))  # up to date for whoever compares times
        assert set(read_made(listed)) == set(paths)
        assert changed_by_hand(listed) == []
        return {path.name for path in paths if path.stat().st_ino != numbers.get(path)}

    everything = {path.name for path in paths}
    assert saved(small, other) == everything
    first = [path.read_bytes() for path in paths]
    assert saved(small, other) == set()
    (tmp_path / "t.docx").write_bytes(b"changed by hand")
    (tmp_path / "other.xlsx").unlink()
    assert changed_by_hand(listed) == [tmp_path / "t.docx", tmp_path / "other.xlsx"]
    assert saved(small, other) == {"t.docx", "other.xlsx"}
    assert [path.read_bytes() for path in paths] == first
    changed = replace(other, frame=other.frame.replace("NR", 4))
    assert saved(small, changed) == {"other.csv", "other.docx", "other.xlsx", "all_tables.docx"}
    # what would be the same bytes again stays the same file even where it is written again
    written = []
    monkeypatch.setitem(WRITERS, "csv", lambda table, path: (written.append(path), plain.save_table_csv(table, path)))
    monkeypatch.setattr("small_evidence.documents.maker_of", lambda *_: "another version")
    assert saved(small, changed) == set()
    assert {path.name for path in written} == {"t.csv", "other.csv"}


@pytest.mark.parametrize(
    ("one", "other"),
    [((1,), (1.0,)), ((1,), ("1",)), (("a", "b"), ("ab",)), ((pd.DataFrame({"a": [1]}),), (pd.DataFrame({"b": [1]}),)),
     ((pd.DataFrame({"a": ["x", ""]}),), (pd.DataFrame({"a": ["x", None]}),)), ((Heading("a"),), (Item("a"),)),
     ((Column("a", 1),), (Column("a", 2),))],
)  # fmt: skip
def test_different_content_has_a_different_hash(one, other):
    assert content_of(*one) != content_of(*other)
    assert content_of(*one) == content_of(*one)


def test_the_code_that_writes_a_file_is_part_of_what_it_is_made_of():
    drawing, writing = maker_of(("figures",), ("typst",)), maker_of(("documents",), ("typst",))
    assert len({drawing, writing, maker_of(("figures",), ("pandas",))}) == 3


@pytest.mark.parametrize("name", ["other.csv", "t.md", "all_tables.html", "t"])
def test_a_document_that_nobody_can_write_is_named(name, small, tmp_path):
    with pytest.raises(
        ValueError, match=rf"{name}: names are t and all_tables; formats are csv, xlsx, docx, html, tex"
    ):
        save_documents([small], [tmp_path / name])


# Word, web pages, LaTeX, Markdown ------------------------------------------------------------------------------------

HARMFUL = "<script>alert(1)</script>"
INPUT = r"\input{/etc/passwd}"
EVERYWHERE = [
    *HOSTILE,
    HARMFUL,
    INPUT,
    "a & b",
    "50% of $x_1^2 ~ {y} #1",
    "]]>",
    "[x](javascript:y)",
    "Ἱπποκράτης 中文 é",
]


@pytest.fixture
def hostile():
    """A table with one hostile text in every place a text can have."""

    def make(text):
        frame = pd.DataFrame({"Group": [text], "A": [text], "B": [text]})
        columns = (Column("A", 10, heading=text), Column("B", 10, over=text, heading=text))
        return table_of(frame, columns, group="Group", footnotes=(text,), title=text, number="")

    return make


def seen(text):
    """A text as a reader finds it: what cannot be printed is gone, blanks are closed up."""
    return " ".join(printable(text).split())


def word_rows(path):
    """Texts of the cells of each row of the first table, a merged cell once."""
    table = docx.Document(path).tables[0]
    return [[cell.text for cell in dict.fromkeys(row.cells)] for row in table.rows]


def test_word_table_has_caption_header_groups_rows_and_notes(small, tmp_path):
    word.save_word(small, tmp_path / "t.docx")
    document = docx.Document(tmp_path / "t.docx")
    assert [(p.style.name, p.text) for p in document.paragraphs] == [
        ("Caption", "Table IX. A title"),
        ("Table Note", "NR, not reported."),
        ("Table Note", "=1+1"),
    ]
    assert word_rows(tmp_path / "t.docx") == [
        ["Treatment", "Studies", "Response"],
        ["Treatment", "Analysed", "Patients", "Response"],
        ["Anticoagulants"],
        ["Warfarin (low dose)", "1", "3", "2/3 (66.7%)"],
        ["Surgery"],
        ["Excision", "2", "NR", "34/35 (97.1%)"],
        ["All surgery", "2", "35", "—"],
    ]


def test_word_header_repeats_and_no_row_is_broken(small, tmp_path):
    word.save_word(small, tmp_path / "t.docx")
    rows = docx.Document(tmp_path / "t.docx").tables[0]._tbl.tr_lst
    assert [row.trPr.find(qn("w:tblHeader")) is not None for row in rows] == [True] * 2 + [False] * 5
    assert all(row.trPr.find(qn("w:cantSplit")) is not None for row in rows)


def test_word_marks_totals_and_fits_the_page(small, tmp_path):
    word.save_word(small, tmp_path / "t.docx")
    document = docx.Document(tmp_path / "t.docx")
    table, section = document.tables[0], document.sections[0]
    bold = [cell.text for row in table.rows for cell in dict.fromkeys(row.cells) if cell.paragraphs[0].runs[0].bold]
    assert bold == ["All surgery", "2", "35", "—"]
    assert (section.orientation, section.page_width.mm) == (WD_ORIENT.LANDSCAPE, pytest.approx(297, abs=0.1))
    room = section.page_width - section.left_margin - section.right_margin
    assert sum(column.width for column in table.columns) == pytest.approx(room, rel=0.002)


def test_word_is_the_same_bytes_on_another_day(small, tmp_path, monkeypatch):
    word.save_word(small, tmp_path / "one.docx")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2e9))
    word.save_word(small, tmp_path / "two.docx")
    assert (tmp_path / "one.docx").read_bytes() == (tmp_path / "two.docx").read_bytes()
    facts = docx.Document(tmp_path / "one.docx").core_properties
    assert (facts.title, facts.author, facts.last_modified_by) == ("Table IX. A title", "", "")


def test_word_cuts_a_title_to_what_its_property_can_hold(small, tmp_path):
    word.save_word(replace(small, title="x" * 300), tmp_path / "long.docx")
    assert len(docx.Document(tmp_path / "long.docx").core_properties.title) == 255


def test_all_tables_in_one_word_file_turn_their_own_pages(small, tmp_path):
    upright = table_of(small.frame, small.columns, name="u", landscape=False)
    save_documents([small, upright], [tmp_path / "all_tables.docx"])
    document = docx.Document(tmp_path / "all_tables.docx")
    assert [section.orientation for section in document.sections] == [WD_ORIENT.LANDSCAPE, WD_ORIENT.PORTRAIT]
    assert len(document.tables) == 2


@pytest.mark.parametrize("text", EVERYWHERE)
def test_text_is_text_in_word(text, hostile, tmp_path):
    word.save_word(hostile(text), tmp_path / "t.docx")
    told = {printable(text)} | ({"A", "B"} if not text else set())  # a column without a heading has its name
    assert {cell for row in word_rows(tmp_path / "t.docx") for cell in row} == told
    with zipfile.ZipFile(tmp_path / "t.docx") as package:
        assert not [name for name in package.namelist() if "vba" in name.lower() or "embeddings" in name]
        assert b"fldSimple" not in package.read("word/document.xml")
        assert b'TargetMode="External"' not in package.read("word/_rels/document.xml.rels")


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self._style = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_data(self, data):
        if data.strip() and not self._style:
            self.words.append(data)

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def test_web_page_can_be_read_by_ear_and_without_a_network(small):
    page = Page(webpage.webpage(small))
    assert page.of("html") == [{"lang": "en-GB"}]
    assert page.words[1:] == [
        "Table IX. A title", "Treatment", "Studies", "Response", "Analysed", "Patients",
        "Anticoagulants", "Warfarin (low dose)", "1", "3", "2/3 (66.7%)",
        "Surgery", "Excision", "2", "NR", "34/35 (97.1%)", "All surgery", "2", "35", "—", "NR, not reported.", "=1+1",
    ]  # fmt: skip
    assert [th["scope"] for th in page.of("th")] == [
        "col", "colgroup", "col", "col", "col", "rowgroup", "row", "rowgroup", "row", "row",
    ]  # fmt: skip
    assert len(page.of("caption")) == len(page.of("table")) == len(page.of("title")) == 1
    assert page.of("table")[0]["aria-describedby"] == "t-notes"
    assert {"tabindex": "0", "role": "region"}.items() <= page.of("div")[0].items()
    assert not {"script", "link", "img", "iframe", "a"} & {tag for tag, _ in page.tags}
    assert "default-src 'none'" in webpage.webpage(small)


def test_web_page_rows_are_as_wide_as_the_header(small):
    page = Page(webpage.webpage(small))
    rows, here = [], None
    for tag, attributes in page.tags:
        if tag == "tr":
            rows.append(here := [])
        elif tag in ("td", "th"):
            here.append(int(attributes.get("colspan", 1)))
    assert [sum(row) for row in rows] == [4, 2, 4, 4, 4, 4, 4]  # two headings of the second row stand over both


@pytest.mark.parametrize("text", EVERYWHERE)
def test_text_is_text_on_a_web_page(text, hostile):
    plain_page, page = Page(webpage.webpage(hostile("x"))), Page(webpage.webpage(hostile(text)))
    told = [tag for tag, _ in page.tags if tag != "wbr"]
    if text.strip():
        assert told == [tag for tag, _ in plain_page.tags]
        assert (
            "".join(page.words).count(printable(text).strip()) >= 7
        )  # title, caption, two headings, group, cells, note
    assert "<script" not in webpage.webpage(hostile(text))


def test_latex_table_has_rules_header_groups_and_notes(small):
    lines = latex.latex(small).splitlines()
    body = lines[lines.index(latex.BEGIN) + 1 : lines.index(latex.END)]
    assert lines[1] == r"\documentclass[10pt,a4paper,landscape]{article}"
    assert r"\caption*{\textbf{Table IX.} A title}\tabularnewline" in body
    head = [r" & \multicolumn{2}{c}{\textbf{Studies}} &  \tabularnewline", r"\cmidrule(lr){2-3}"]
    head.append(r"\textbf{Treatment} & \textbf{Analysed} & \textbf{Patients} & \textbf{Response} \tabularnewline")
    first = body.index(r"\toprule")
    assert body[first : first + 6] == [r"\toprule", *head, r"\midrule", r"\endfirsthead"]
    assert body[first + 6 : first + 12] == [r"\toprule", *head, r"\midrule", r"\endhead"]
    assert r"Warfarin (low dose) & 1 & 3 & 2/\allowbreak{}3 (66.7\%) \tabularnewline" in body
    assert r"\textbf{All surgery} & \textbf{2} & \textbf{35} & \textbf{\textemdash{}} \tabularnewline" in body
    assert next(line for line in body if "Anticoagulants" in line).startswith(r"\multicolumn{4}{p{")
    assert body[-3:] == [r"\noindent NR{,} not reported.\par", r"\noindent =1+1\par", r"\endgroup"]


def test_latex_columns_fill_the_line(small):
    widths = [float(width) for width in re.findall(r"dimexpr(0\.\d+)\\linewidth", latex.latex(small))]
    assert len(widths) == 4
    assert sum(widths) == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize("text", EVERYWHERE)
def test_text_is_text_in_latex(text, hostile):
    pattern = hostile("x")
    assert latex_commands(latex.latex(hostile(text))) - latex_commands(latex.latex(pattern)) <= PRINTING
    printed = latex.escaped(text)
    assert latex_text(printed) == re.sub(r"\s", " ", printable(text))
    assert not re.search(r"(?<!\\)[%$#&]", printed)
    assert printed.count("{") == printed.count("}")


PRINTING = {
    r"\textbackslash", r"\{", r"\}", r"\$", r"\&", r"\#", r"\%", r"\_", r"\allowbreak", r"\textasciitilde",
    r"\textasciicircum", r"\textless", r"\textgreater", r"\textbar", r"\textquotedbl", r"\textquotesingle",
    r"\textasciigrave", r"\textasteriskcentered", r"\DeclareUnicodeCharacter", r"\ensuremath", r"\kappa", r"\tau",
}  # fmt: skip


def test_latex_declares_the_characters_that_its_fonts_lack_and_no_others(hostile):
    found = re.findall(r"\\DeclareUnicodeCharacter\{(\w+)\}", latex.latex(hostile("é and 漢")))
    assert found == ["6F22"]


def latex_commands(text):
    return set(re.findall(r"\\(?:[A-Za-z]+|.)", text))


def latex_text(printed):
    """What LaTeX prints for an escaped text."""
    back = {command.removesuffix("{}"): sign for sign, command in latex.COMMANDS.items() if command.startswith("\\")}
    back |= {
        r"\ensuremath": "",
        r"\kappa": "κ",
        r"\tau": "τ",
        r"\allowbreak": "",
        r"\_": "_",
        r"\textasteriskcentered": "*",
        r"\{": "\0",
        r"\}": "\1",
    }
    text = re.sub(r"\\(?:[A-Za-z]+|.)(?:\{\})?", lambda m: back[m[0].removesuffix("{}")], printed)
    return text.replace("{", "").replace("}", "").replace("\0", "{").replace("\1", "}")


@given(st.text(max_size=60))
def test_no_text_leaves_latex_unbalanced(text):
    printed = re.sub(r"\\[{}]", "", latex.escaped(text))
    assert printed.count("{") == printed.count("}")
    assert not re.search(r"(?<!\\)[%$#&_^~]", latex.escaped(text.replace("\u00a0", "")))


ENGINE = next((name for name in ("pdflatex", "tectonic", "lualatex", "xelatex") if shutil.which(name)), None)


@pytest.mark.skipif(ENGINE is None, reason="no LaTeX engine here: pdflatex, tectonic, lualatex or xelatex")
def test_latex_compiles(small, hostile, tmp_path):
    for name, table in (("small", small), *((f"t{at}", hostile(text)) for at, text in enumerate(EVERYWHERE))):
        latex.save_latex(table, tmp_path / f"{name}.tex")
        options = [] if ENGINE == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
        done = subprocess.run([ENGINE, *options, f"{name}.tex"], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]


def test_markdown_text_has_headings_lists_and_tables(small):
    blocks = (Heading("Methods"), "We pooled 5/8 (62.5%) [24.5, 91.5].", Item("one"), Item("two"), "1. not a list",
              Item("Doe J. A title.", 1), Heading("More", 2), small)  # fmt: skip
    assert plain.markdown(Text("t", "A title", blocks)) == (
        "# A title\n\n## Methods\n\nWe pooled 5/8 (62.5%) [24.5, 91.5].\n\n- one\n- two\n\n1\\. not a list\n\n"
        "1. Doe J. A title.\n\n### More\n\n**Table IX. A title**\n\n"
        "| Class | Treatment | Studies: Analysed | Studies: Patients | Response |\n|:--|:--|:-:|:-:|--:|\n"
        "| Anticoagulants | Warfarin (low dose) | 1 | 3 | 2/3 (66.7%) |\n"
        "| Surgery | Excision | 2 | NR | 34/35 (97.1%) |\n"
        "| Surgery | All surgery | 2 | 35 | — |\n\nNR, not reported.\n\n=1+1\n"
    ).replace("\n=1+1", "\n\\=1+1")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (HARMFUL, r"\<script>alert(1)\</script>"),
        ("[x](javascript:y)", r"[x\](javascript:y)"),
        ("a|b `c` *d* _e_ f_g", r"a\|b \`c\` \*d\* \_e\_ f_g"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("![x](y)", r"\![x\](y)"),
        ("&lt;b&gt; R&D", r"\&lt;b\&gt; R&D"),
        ("<0.1% to >99.9%", "<0.1% to >99.9%"),
    ],
)
def test_text_is_text_in_markdown(text, written):
    assert plain.markdown(Text("t", "T", (text,))).splitlines()[2] == written


def test_word_text_has_real_headings_and_lists(small, tmp_path):
    blocks = (Heading("Methods"), HARMFUL, Item("one"), Item("Doe J.", 1), Heading("More", 2), small)
    save_documents([Text("t", "A title", blocks)], [tmp_path / "t.docx", tmp_path / "t.md"])
    document = docx.Document(tmp_path / "t.docx")
    assert [(p.style.name, p.text) for p in document.paragraphs][:6] == [
        ("Title", "A title"), ("Heading 1", "Methods"), ("Normal", HARMFUL), ("List Bullet", "one"),
        ("Normal", "1.\tDoe J."), ("Heading 2", "More"),
    ]  # fmt: skip
    assert len(document.tables) == 1
    assert (tmp_path / "t.md").read_text(encoding="utf-8").startswith("# A title\n")


def test_archive_refuses_names_that_lead_out_of_it(tmp_path):
    for name in ("/etc/passwd", "../x", "a/../../x", "a\\b"):
        with pytest.raises(ValueError, match="cannot be a name in an archive"):
            save_archive({name: b""}, tmp_path / "a.zip")


def test_files_of_an_archive_may_be_read_by_all_and_written_by_their_owner(tmp_path):
    save_archive({"a.csv": b"x"}, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [oct(entry.external_attr >> 16) for entry in archive.infolist()] == ["0o644"]
