"""Files that cannot hurt: each is refused in one sentence, or its text stays text in everything that is written."""

import contextlib
import io
import os
import re
import resource
import shutil
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pytest

from small_evidence.extraction import spreadsheets
from small_evidence.extraction.checks import ExtractionError, check_extraction, fault_lines

ROOT = Path(__file__).resolve().parents[1]
MINIMAL = ROOT / "tests" / "data" / "minimal" / "data" / "raw"
BOOK = "data/raw/extraction.xlsx"
AGAIN = "save it again as .xlsx"
DOCUMENT_TYPE = "contains an XML document type, which no spreadsheet writes"


@pytest.fixture
def review(tmp_path):
    """A copy of data/raw of a review of two rows."""
    return Path(shutil.copytree(MINIMAL, tmp_path / "data" / "raw"))


def faults_of(folder):
    with pytest.raises(ExtractionError) as error:
        check_extraction(folder, year=2026)
    head, *lines = str(error.value).splitlines()
    assert head == f"{len(lines)} {'error' if len(lines) == 1 else 'errors'} in data/raw; nothing was changed:"
    return lines


# ------------------------------------------------------------------------------------- CSV files

CSV_FILES = {}


def csv_file(*lines):
    """Register a change to the folder with the lines that must be said of it; {f} is the file diseases.csv."""

    def register(change):
        CSV_FILES[change.__name__.replace("_", " ")] = (
            change,
            [line.format(f="data/raw/diseases.csv") for line in lines],
        )
        return change

    return register


def replace(folder, content):
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").write_bytes(content)


@csv_file("{f}: larger than 128 MiB")
def a_sparse_file_of_1_gib(folder):
    with (folder / "diseases.csv").open("wb") as stream:
        stream.truncate(2**30)


@csv_file("{f}: has more than 10000000 cells, empty ones between counted")
def ten_million_commas(folder):
    replace(folder, b"," * 10_000_001)


@csv_file("{f}: has more than 10000000 cells, empty ones between counted")
def ten_million_blank_rows(folder):
    replace(folder, b"disease,label,mondo,synonyms" + b"\n" * 10_000_001)


@csv_file("{f}: a link to a file outside this folder; put the file itself here")
def a_link_out_of_the_folder(folder):
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").symlink_to("/etc/passwd")


@csv_file("{f}: a link to a file outside this folder; put the file itself here")
def a_link_upwards(folder):
    shutil.copy(folder / "diseases.csv", folder.parent / "diseases.csv")
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").symlink_to("../diseases.csv")


@csv_file("{f}: a link to a file outside this folder; put the file itself here")
def a_link_to_endless_zeros(folder):
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").symlink_to("/dev/zero")


@csv_file("{f}: a broken symbolic link; put the file itself here")
def a_link_to_nothing(folder):
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").symlink_to("nothing.csv")


@csv_file("{f}: a broken symbolic link; put the file itself here")
def a_link_to_itself(folder):
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").symlink_to("diseases.csv")


@csv_file("{f}: not a file")
def a_pipe_that_nobody_fills(folder):
    (folder / "diseases.csv").unlink()
    os.mkfifo(folder / "diseases.csv")


@csv_file("{f}: not a file")
def a_folder_named_csv(folder):
    (folder / "diseases.csv").unlink()
    (folder / "diseases.csv").mkdir()


@csv_file("{f}: not text in UTF-8; save it as CSV UTF-8")
def a_program(folder):
    replace(folder, b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00")


@csv_file("{f}: a workbook, not a CSV file; save it as extraction.xlsx or as CSV UTF-8")
def an_encrypted_workbook(folder):
    replace(folder, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096))


@csv_file("{f}: not text in UTF-8; save it as CSV UTF-8")
def text_in_utf_16(folder):
    replace(folder, (folder / "diseases.csv").read_text().encode("utf-16"))


@csv_file('{f}, row 2, column label: "Sjögren" is not UTF-8; save the file as CSV UTF-8')
def text_in_windows_1252(folder):
    replace(folder, "disease,label,mondo,synonyms\nssc,Sjögren,,\n".encode("cp1252"))


@csv_file(
    "{f}, row 2: a quotation mark in this row is not closed, or is inside a text and is not doubled",
)
def an_open_quotation_mark(folder):
    replace(folder, b'disease,label,mondo,synonyms\nssc,"SSc,,\n' + b"dm,DM,,\n" * 1000)


@csv_file("{f}, row 1, column disease: missing; sought in the header: empty")
def an_empty_file(folder):
    replace(folder, b"")


@csv_file(
    '{f}, row 2, column disease: "../../x" cannot be part of a path: use at most 100 small letters, digits and '
    "underscores, as in doe_2022",
    '{f}, row 3, column disease: "con" is a reserved name; choose another',
    '{f}, row 4, column disease: "{{wildcard}}" cannot be part of a path: use at most 100 small letters, digits and '
    "underscores, as in doe_2022",
    '{f}, row 5, column disease: "$(reboot)" cannot be part of a path: use at most 100 small letters, digits and '
    "underscores, as in doe_2022",
    r'{f}, row 6, column disease: "dm\u0000" contains a character that cannot be printed (U+0000); type it again',
)
def names_that_are_paths_and_commands(folder):
    names = ["../../x", "con", "{wildcard}", "$(reboot)", "dm\1", "ssc", "dm", "jdm"]
    replace(folder, ("disease,label,mondo,synonyms\n" + "".join(f"{n},{n!r},,\n" for n in names)).encode())


CSV_FILES["names that are paths and commands"][1][-1] = CSV_FILES["names that are paths and commands"][1][-1].replace(
    "0000", "0001"
)


@pytest.mark.parametrize("kind", CSV_FILES)
def test_csv_files(review, kind):
    change, lines = CSV_FILES[kind]
    change(review)
    begin = time.process_time()
    assert faults_of(review) == lines
    assert time.process_time() - begin < 5


def test_a_link_out_of_the_folder_has_a_rule_of_its_own(review):
    a_link_out_of_the_folder(review)
    with pytest.raises(ExtractionError) as error:
        check_extraction(review, year=2026)
    assert set(error.value.faults["rule"]) == {"link_outside"}


def test_a_folder_that_is_a_link_is_read(review, tmp_path):
    (tmp_path / "elsewhere").symlink_to(review)
    tables, _ = check_extraction(tmp_path / "elsewhere", year=2026)
    assert len(tables["responses"]) == 2


def test_a_link_within_the_folder_is_read(review):
    (review / "diseases.csv").rename(review / "diseases_2026.txt")
    (review / "diseases.csv").symlink_to("diseases_2026.txt")
    assert len(check_extraction(review, year=2026)[0]["diseases"]) == 3


# ------------------------------------------------------------------------------------- workbooks

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
PACKAGE_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>disease</t></is></c><c r="B1" t="inlineStr"><is><t>label</t></is></c>'
    "</row>"
)
BODY = "".join(
    f'<row r="{row}"><c r="A{row}" t="s"><v>{row - 2}</v></c><c r="B{row}" t="str"><v>{name.upper()}</v></c></row>'
    for row, name in enumerate(["ssc", "dm", "jdm"], start=2)
)


def parts_of(rows=HEADER + BODY, before="", after=""):
    """The parts of a small workbook with the sheet diseases; the rows as XML."""
    links = [("1", "worksheet", "worksheets/sheet1.xml"), ("2", "sharedStrings", "sharedStrings.xml")]
    kinds = {"workbook": "sheet.main", "worksheets/sheet1": "worksheet", "sharedStrings": "sharedStrings"}
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE_TYPES}">'
        + "".join(
            f'<Override PartName="/xl/{part}.xml" ContentType="{CONTENT}.{kind}+xml"/>' for part, kind in kinds.items()
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships {PACKAGE}><Relationship Id="r" Type="{OFFICE}/officeDocument" '
        'Target="/xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets><sheet name="diseases" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships {PACKAGE}>"
        + "".join(f'<Relationship Id="r{i}" Type="{OFFICE}/{kind}" Target="{path}"/>' for i, kind, path in links)
        + "</Relationships>",
        "xl/sharedStrings.xml": f"<sst {MAIN}><si><t>ssc</t></si><si><r><t>d</t></r><r><t>m</t></r><rPh><t>?</t></rPh>"
        "</si><si><t>jdm</t></si></sst>",
        "xl/worksheets/sheet1.xml": f"{before}<worksheet {MAIN}><sheetData>{rows}</sheetData>{after}</worksheet>",
    }


def write_parts(folder, parts):
    (folder / "diseases.csv").unlink(missing_ok=True)
    with zipfile.ZipFile(folder / "extraction.xlsx", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_the_small_workbook_is_sound(review):
    write_parts(review, parts_of())
    diseases = check_extraction(review, year=2026)[0]["diseases"]
    assert diseases[["disease", "label"]].to_numpy().tolist() == [["ssc", "SSC"], ["dm", "DM"], ["jdm", "JDM"]]


def test_other_prefixes_and_missing_references_are_read(review):
    parts = parts_of()
    sheet = re.sub(r"<(/?)(?=\w)", r"<\1x:", parts["xl/worksheets/sheet1.xml"]).replace("xmlns=", "xmlns:x=")
    parts["xl/worksheets/sheet1.xml"] = re.sub(r' r="\w+"', "", sheet)
    write_parts(review, parts)
    diseases = check_extraction(review, year=2026)[0]["diseases"]
    assert diseases[["disease", "label"]].to_numpy().tolist() == [["ssc", "SSC"], ["dm", "DM"], ["jdm", "JDM"]]


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 30)) + "]>"
)
LAUGH = HEADER + '<row r="2"><c r="A2" t="inlineStr"><is><t>&a29;</t></is></c></row>'
DAMAGED = {
    "a cell twice": HEADER + '<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
    "a row twice": HEADER + BODY + '<row r="3"><c r="A3"><v>1</v></c></row>',
    "a cell in another row": HEADER + '<row r="2"><c r="A3"><v>1</v></c></row>',
    "a row below the last": HEADER + '<row r="1048577"><c><v>1</v></c></row>',
    "a column after the last": HEADER + '<row r="2"><c r="XFE2"><v>1</v></c></row>',
    "a column without letters": HEADER + '<row r="2"><c r="2"><v>1</v></c></row>',
    "a cell without a row": HEADER + '<c r="A2"><v>1</v></c>',
    "no number": HEADER + '<row r="2"><c r="A2"><v>many</v></c></row>',
    "no finite number": HEADER + '<row r="2"><c r="A2"><v>1e999</v></c></row>',
    "a cell of no kind": HEADER + '<row r="2"><c r="A2" t="program"><v>1</v></c></row>',
}
WORKBOOKS = {
    **{kind: (parts_of(rows), f"damaged, it cannot be read (ValueError); {AGAIN}") for kind, rows in DAMAGED.items()},
    "a text that is not there": (
        parts_of(HEADER + '<row r="2"><c r="A2" t="s"><v>3</v></c></row>'),
        f"damaged, it cannot be read (IndexError); {AGAIN}",
    ),
    "billion laughs in a sheet": (parts_of(LAUGH, before=LAUGHS), DOCUMENT_TYPE),
    "billion laughs behind a long comment": (
        parts_of(LAUGH, before=f"<!--{'x' * 70_000}-->" + LAUGHS),
        DOCUMENT_TYPE,
    ),
    "billion laughs in UTF-16": (
        parts_of()
        | {
            "xl/worksheets/sheet1.xml": ('<?xml version="1.0" encoding="UTF-16"?>' + LAUGHS + "<worksheet/>").encode(
                "utf-16"
            )
        },
        DOCUMENT_TYPE,
    ),
    "billion laughs in the texts": (
        parts_of() | {"xl/sharedStrings.xml": LAUGHS + f"<sst {MAIN}><si><t>&a29;</t></si></sst>"},
        DOCUMENT_TYPE,
    ),
    "a file in the list of sheets": (
        parts_of()
        | {
            "xl/workbook.xml": f'<!--{"x" * 70_000}--><!DOCTYPE x [<!ENTITY p SYSTEM "file:///etc/passwd">]>'
            f"<workbook {MAIN}>&p;</workbook>"
        },
        DOCUMENT_TYPE,
    ),
    "macros": (parts_of() | {"xl/vbaProject.bin": "Sub AutoOpen()"}, "contains macros; save it as .xlsx"),
    "old macros": (
        parts_of() | {"xl/macrosheets/sheet1.xml": "<worksheet/>"},
        "contains macros; save it as .xlsx",
    ),
    "unclosed XML": (
        parts_of(HEADER + '<row r="2"><c r="A2">'),
        f"damaged, it cannot be read (ParseError); {AGAIN}",
    ),
    "no sheet part": (
        {name: text for name, text in parts_of().items() if "sheet1" not in name},
        f"damaged, it cannot be read (KeyError); {AGAIN}",
    ),
    "no list of sheets": ({"mimetype": "x"}, f"damaged, it cannot be read (KeyError); {AGAIN}"),
    "two sheets of one name": (
        parts_of()
        | {
            "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="diseases" sheetId="1" r:id="r1"/>'
            '<sheet name="diseases" sheetId="2" r:id="r1"/></sheets></workbook>'
        },
        'two sheets are named "diseases"',
    ),
    "a wide sheet": (
        parts_of(HEADER + "".join(f'<row r="{r}"><c r="XFD{r}"><v>1</v></c></row>' for r in range(2, 620))),
        'the sheet "diseases" has more than 10000000 cells, empty ones between counted',
    ),
    "a zip bomb": (
        parts_of() | {"xl/media/bomb.png": bytes(401 * 2**20)},
        "unpacks to more than 400 MiB",
    ),
    "a large list of sheets": (
        parts_of() | {"xl/workbook.xml": f"<workbook {MAIN}>" + " " * 9 * 2**20 + "</workbook>"},
        "its part xl/workbook.xml is larger than 8 MiB",
    ),
}


@pytest.mark.parametrize("kind", WORKBOOKS)
def test_workbooks(review, kind):
    parts, words = WORKBOOKS[kind]
    write_parts(review, parts)
    begin = time.process_time()
    assert faults_of(review) == [f"{BOOK}: {words}"]
    assert time.process_time() - begin < 5


def test_a_workbook_of_very_many_small_parts_of_xml_is_not_taken_apart(review):
    write_parts(review, parts_of(HEADER + "<x/>" * 10_000_001))
    begin = time.process_time()
    assert faults_of(review) == [f"{BOOK}: contains more than 10000000 elements of XML"]
    assert time.process_time() - begin < 5


def say_it_is_small(path):
    """The sizes in the archive say that the sheet is short: a reader that believes them is not stopped by a limit."""
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    assert raw.count(size) == 2
    path.write_bytes(raw.replace(size, (100).to_bytes(4, "little")))


def ten_thousand_parts(path):
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(10_000):
            archive.writestr(str(number), b"")


RAW_WORKBOOKS = {
    "truncated": (
        lambda path: path.write_bytes(path.read_bytes()[:400]),
        f"damaged, it cannot be read (BadZipFile); {AGAIN}",
    ),
    "encrypted": (
        lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096)),
        "encrypted, or an old .xls file; save it as .xlsx without a password",
    ),
    "a renamed program": (lambda path: path.write_bytes(b"MZ" + bytes(99)), "not a workbook; save it as .xlsx"),
    "a renamed web page": (lambda path: path.write_text("<html>"), "not a workbook; save it as .xlsx"),
    "nothing in it": (lambda path: path.write_bytes(b""), "not a workbook; save it as .xlsx"),
    "sizes that are not true": (say_it_is_small, f"damaged, it cannot be read (BadZipFile); {AGAIN}"),
    "ten thousand parts": (ten_thousand_parts, "contains more than 10000 parts"),
    "a sparse file of 1 GiB": (lambda path: os.truncate(path, 2**30), "larger than 128 MiB"),
    "a link out of the folder": (
        lambda path: path.unlink() or path.symlink_to("/etc/passwd"),
        "a link to a file outside this folder; put the file itself here",
    ),
    "a pipe": (lambda path: path.unlink() or os.mkfifo(path), "not a file"),
}


@pytest.mark.parametrize("kind", RAW_WORKBOOKS)
def test_files_named_as_a_workbook(review, kind):
    write_parts(review, parts_of())
    change, words = RAW_WORKBOOKS[kind]
    change(review / "extraction.xlsx")
    assert faults_of(review) == [f"{BOOK}: {words}"]


@pytest.mark.parametrize("name", ["extraction.xlsm", "extraction.xls", "extraction.ods", "Extraction.XLSX"])
def test_workbooks_of_other_kinds_are_named_and_never_opened(review, name):
    (review / name).symlink_to("/dev/zero")
    assert faults_of(review) == [f"data/raw/{name}: not read; save it as extraction.xlsx, without macros"]


def warnings_of(folder, rule):
    _, issues = check_extraction(folder, year=2026)
    return fault_lines(issues[issues["rule"] == rule])


def test_links_to_other_files_are_named_and_not_followed(review):
    rows = HEADER + BODY.replace("<v>SSC</v>", "<f>[1]Sheet1!$A$1</f><v>SSC</v>")
    write_parts(review, parts_of(rows) | {"xl/externalLinks/externalLink1.xml": "<externalLink/>"})
    assert warnings_of(review, "external_links") == [
        f"{BOOK}: contains links to other files; they are not followed, the values stored in the cells are read"
    ]


def test_a_command_in_a_formula_is_text(review):
    rows = HEADER + BODY.replace("<v>SSC</v>", "<f>cmd|'/C calc'!A0</f><v>SSC</v>").replace(
        "<v>DM</v>", "<f>HYPERLINK(&quot;http://x&quot;)</f>"
    )
    write_parts(review, parts_of(rows))
    assert faults_of(review) == [
        f'{BOOK}, sheet diseases, row 3, column label: the formula "=HYPERLINK("http://x")" has no stored value; '
        "type the value",
    ]


def test_a_cell_in_the_last_corner_costs_nothing(review):
    rows = HEADER + BODY + '<row r="1048576"><c r="XFD1048576" t="str"><v>x</v></c></row>'
    write_parts(review, parts_of(rows))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert faults_of(review) == [
        f'{BOOK}, sheet diseases, row 1048576: "x" is in a column without a name',
        f"{BOOK}, sheet diseases, row 1048576, column disease: empty; every row needs its name",
    ]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_a_text_that_many_cells_share_is_kept_once(review):
    text = "x" * 32_000
    rows = HEADER + "".join(f'<row r="{r}"><c r="B{r}" t="s"><v>0</v></c></row>' for r in range(2, 40_000))
    write_parts(review, parts_of(rows) | {"xl/sharedStrings.xml": f"<sst {MAIN}><si><t>{text}</t></si></sst>"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sheets, _ = spreadsheets.read_workbook((review / "extraction.xlsx").read_bytes(), ["diseases"])
    assert len(sheets["diseases"].rows) == 39_999
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_dates_of_both_calendars_and_days_that_are_none(review):
    parts = parts_of(
        HEADER
        + "".join(
            f'<row r="{r}"><c r="A{r}" t="str"><v>d{r}</v></c><c r="B{r}" s="{style}"><v>{value}</v></c></row>'
            for r, style, value in [(2, 1, "43282"), (3, 1, "43282.5"), (4, 2, "1.5"), (5, 1, "-1e9"), (6, 0, "43282")]
        )
    )
    parts["xl/styles.xml"] = (
        f'<styleSheet {MAIN}><numFmts><numFmt numFmtId="170" formatCode="[h]:mm"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/></cellXfs></styleSheet>'
    )
    parts["xl/_rels/workbook.xml.rels"] = parts["xl/_rels/workbook.xml.rels"].replace(
        "</Rel", f'<Relationship Id="r3" Type="{OFFICE}/styles" Target="styles.xml"/></Rel'
    )
    write_parts(review, parts)
    sheets, _ = spreadsheets.read_workbook((review / "extraction.xlsx").read_bytes(), ["diseases"])
    read = [row[1] for row in sheets["diseases"].rows[1:]]
    assert read == ["2018-07-01", "2018-07-01 12:00:00", "1 day, 12:00:00", "-1000000000", "43282"]
    assert [mark.row for mark in sheets["diseases"].marks] == [2, 3, 4, 5]
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    write_parts(review, parts)
    sheets, _ = spreadsheets.read_workbook((review / "extraction.xlsx").read_bytes(), ["diseases"])
    assert sheets["diseases"].rows[1][1] == "2022-07-02"


# ------------------------------------------------------------------------------------- whole runs


def test_a_run_names_all_hostile_files_at_once_and_keeps_the_last_good_tables(copy_review):
    review = copy_review("tests/data/minimal")
    review.run("data/processed/studies.csv", "results/tables/agreement.csv")
    before = review.files("data/processed", "results/tables")
    raw = review.path("data/raw")
    a_link_out_of_the_folder(raw)
    with (raw / "screening.csv").open("wb") as stream:
        stream.truncate(2**30)
    os.mkfifo(raw / "scenarios.csv")
    (raw / "adverse_events.csv").symlink_to("/dev/zero")
    with zipfile.ZipFile(raw / "extraction.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", LAUGHS)
    with (raw / "therapies.csv").open("a") as stream:
        stream.write("../../x,X,calcium_channel_blocker,drug,NR,2,\n{y},Y,calcium_channel_blocker,drug,NR,3,\n")
    with (raw / "responses.csv").open("a") as stream:
        for name in ("../../x", "{y}"):
            cells = (raw / "responses.csv").read_text().splitlines()[2].replace("diltiazem,ssc", f"{name},ssc")
            stream.write(cells.replace("synthetic02_diltiazem", "more_" + "ab"[name == "{y}"]) + "\n")
    begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    printed = review.run(code=1)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin < 20
    slug = "cannot be part of a path: use at most 100 small letters, digits and underscores, as in doe_2022"
    lines = [line for line in printed.splitlines() if line.startswith("data/raw/")]
    assert list(dict.fromkeys(lines)) == [
        "data/raw/adverse_events.csv: a link to a file outside this folder; put the file itself here",
        "data/raw/diseases.csv: a link to a file outside this folder; put the file itself here",
        f"{BOOK}: {DOCUMENT_TYPE}",
        "data/raw/scenarios.csv: not a file",
        "data/raw/screening.csv: larger than 128 MiB",
        f'data/raw/therapies.csv, row 3, column therapy: "../../x" {slug}',
        f'data/raw/therapies.csv, row 4, column therapy: "{{y}}" {slug}',
    ]
    assert "7 errors in data/raw; nothing was changed:" in printed
    assert "Traceback" not in printed
    assert "root:" not in printed
    assert review.files("data/processed", "results/tables") == before


TEXTS = [
    "=1+1",
    "=HYPERLINK('http://x','y')",
    "+cmd|' /C calc'!A0",
    "-2+3 cases",
    "@SUM(1)",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    r"\input{/etc/passwd} \write18{reboot} $x^2$ ${HOME} % & # _ ~ ^",
    "{{ 7*7 }} {0} {words} %s",
    "]]><!-- &amp; &lt; -->",
    "javascript:alert(1)",
    "http://example.org/x",
    "$\\frac{1}{0}$ and $unclosed",
]


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory, review_in):
    """A run of a review whose titles, labels and notes are commands of every language that it is written in."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(MINIMAL.parents[1], folder, dirs_exist_ok=True)
    raw = folder / "data" / "raw"

    def put(table, columns):
        frame = pd.read_csv(raw / f"{table}.csv", dtype=str, keep_default_na=False)
        if table in ("studies", "responses"):
            frame = pd.concat([frame.iloc[[0]]] * len(TEXTS), ignore_index=True)
            frame["study_id"] = frame["cohort_id" if table == "studies" else "study_id"] = [
                f"s{number}" for number in range(len(TEXTS))
            ]
            if table == "responses":
                frame["response_id"] = [f"r{number}" for number in range(len(TEXTS))]
        for column in columns:
            frame[column] = [TEXTS[number % len(TEXTS)] for number in range(len(frame))]
        frame.to_csv(raw / f"{table}.csv", index=False)

    put("studies", ["label", "first_author", "title", "journal", "notes"])
    put("responses", ["dose", "follow_up", "response_definition", "source", "location", "paraphrase", "notes"])
    put("therapies", ["label", "route", "synonyms"])
    put("diseases", ["label", "mondo", "synonyms"])
    review = review_in(folder)
    review.printed = review.run("--config", "figures={preset: screen, formats: [svg], order: year}")
    return review


def files_of(review, suffix):
    found = sorted(review.path("results").rglob(f"*.{suffix}"))
    assert found, f"the run writes no .{suffix}"
    return found


def test_no_cell_of_a_csv_file_is_a_formula(hostile_run):
    seen = set()
    for path in [*files_of(hostile_run, "csv"), *sorted(hostile_run.path("data/processed").glob("*.csv"))]:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False).to_numpy().ravel()
        bad = [cell for cell in cells if re.match(r"[=+\-@\t\r]", cell) and not re.fullmatch(r"-?[\d.e-]+", cell)]
        assert bad == [], path
        seen |= set(cells)
    assert "'=1+1" in seen


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(hostile_run):
    seen = set()
    for path in files_of(hostile_run, "xlsx"):
        for sheet in openpyxl.load_workbook(path):
            for cell in (cell for row in sheet.iter_rows() for cell in row):
                assert cell.data_type != "f", (path, cell)
                assert cell.hyperlink is None, (path, cell)
                seen.add(cell.value)
    assert "=1+1" in seen


class Elements(HTMLParser):
    """Names of the elements of a page, their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text, self.pictures = [], set(), "", set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.attributes |= {(name, value) for name, value in attributes}
        self.pictures |= {dict(attributes).get("src", "")[:19]} if tag == "img" else set()

    def handle_data(self, data):
        self.text += data


def test_no_text_is_an_element_of_a_web_page(hostile_run):
    seen = ""
    for path in files_of(hostile_run, "html"):
        page = Elements(path.read_text(encoding="utf-8"))
        assert page.pictures <= {"data:image/svg+xml,"} if path.name == "report.html" else not page.pictures, path
        scripts = re.findall("<script([^>]*)>(.*?)</script>", path.read_text("utf-8"), re.S)
        data = [text for about, text in scripts if 'type="application/json"' in about]
        assert not [text for text in data if "<" in text], path  # texts are there as data, and cannot end it
        assert "alert(1)" not in "".join(text for _, text in scripts if text not in data), path
        assert not [name for name, _ in page.attributes if name.startswith("on")], path
        assert not [value for _, value in page.attributes if str(value).lower().startswith("javascript:")], path
        seen += page.text
    assert "<script>alert(1)</script>" in seen


def test_no_text_is_a_command_of_latex(hostile_run):
    seen = ""
    for path in files_of(hostile_run, "tex"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\\(input|write18|frac)\b", text), path
        assert not re.search(r"(?<!\\)\$(HOME|unclosed)", text), path
        seen += text
    assert r"\textbackslash{}input" in seen.replace(r"\textbackslash input", r"\textbackslash{}input")


def test_text_of_a_word_document_is_text(hostile_run):
    seen = ""
    for path in files_of(hostile_run, "docx"):
        with zipfile.ZipFile(path) as parts:
            document = ElementTree.fromstring(parts.read("word/document.xml"))
            links = parts.read("word/_rels/document.xml.rels").decode()
        assert "instrText" not in {item.tag.rpartition("}")[2] for item in document.iter()} or "PAGE" in "".join(
            item.text or "" for item in document.iter() if item.tag.endswith("instrText")
        )
        assert "TargetMode" not in links, path
        seen += "".join(document.itertext())
    assert "=1+1" in seen
    assert "<script>alert(1)</script>" in seen


def test_text_of_a_figure_is_text(hostile_run):
    seen = ""
    for path in files_of(hostile_run, "svg"):
        figure = ElementTree.parse(path).getroot()
        assert not {"script", "image", "foreignObject"} & {item.tag.rpartition("}")[2] for item in figure.iter()}, path
        seen += "".join(figure.itertext())
    assert "Forest plot: =1+1" in seen


def test_text_in_a_log_stays_on_its_line(hostile_run):
    for path in files_of(hostile_run, "log"):
        assert "\x1b" not in path.read_text(encoding="utf-8"), path
    assert "Traceback" not in hostile_run.printed


@pytest.mark.parametrize(("column", "typed"), [("design", "_xD800_"), ("status", "a_xDFFF_"), ("title", "\u202ex")])
def test_half_characters_and_turned_text_in_a_workbook_are_named_with_their_cell(review, column, typed):
    rows = [line.split(",") for line in (review / "studies.csv").read_text().splitlines()]
    book = openpyxl.Workbook()
    book.active.title = "studies"
    rows[1][rows[0].index(column)] = typed
    for row in rows:
        book.active.append(row)
    (review / "studies.csv").unlink()
    book.save(review / "extraction.xlsx")
    lines = [line for line in faults_of(review) if "sheet studies" in line]
    assert lines[0].startswith(f"{BOOK}, sheet studies, row 2, column {column}: ")
    assert "cannot be printed" in lines[0]


@pytest.mark.parametrize(("most", "is_read"), [(6, True), (5, False)])
def test_a_sheet_may_have_as_many_cells_as_are_allowed_and_no_more(monkeypatch, most, is_read):
    monkeypatch.setattr(spreadsheets, "MOST_CELLS", most)
    book, raw = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "studies"
    for row in (["study_id", "label", "year"], ["a", "SYNTHETIC", "2020"]):
        book.active.append(row)
    book.save(raw)
    with contextlib.nullcontext() if is_read else pytest.raises(spreadsheets.UnreadableFileError):
        spreadsheets.read_workbook(raw.getvalue(), ["studies"])
