"""The archive for a journal: numbers, captions, formats of the preset, checksums, the same bytes twice."""

import csv
import hashlib
import io
import zipfile
from dataclasses import replace

import docx
import pandas as pd
import pytest

from small_evidence.config import complete_config
from small_evidence.documents.text import Text as Words
from small_evidence.extraction.schema import columns
from small_evidence.figures.drawing import Drawing, Text, describe
from small_evidence.figures.style import SCREEN
from small_evidence.presentation import export
from small_evidence.review import Review
from small_evidence.tables.table import Column, Table

THERAPIES = pd.DataFrame(
    {
        "therapy": ["drug_b", "drug_a", "drug_c"],
        "therapy_class": ["class_b", "class_a", "class_b"],
        "display_order": ["2", "1", "3"],
        "label": ["Drug B", "Drug A", "Drug C"],
    },
    columns=columns("therapies"),
).fillna("")
NAMES = ["risk_of_bias", "summary_forest", "forest_class-class_b", "forest_drug_b", "forest_drug_c", "forest_drug_a"]
TITLES = {"forest_drug_b": "=1+1", "summary_forest": "Results by treatment"}


def table(name, number=""):
    return Table(name, number, f"Title of {name}", pd.DataFrame({"A": ["x & y"]}), (Column("A", 10),))


TABLES = [table("table_i", "Table I"), table("findings"), table("table_iv", "Table IV"), table("levels")]


def drawn(review, name, style):
    page = Drawing(style, 72, (Text(36, 36, name),), absent="nothing to draw" if name == "risk_of_bias" else "")
    pages = (page, page) if name == "forest_drug_a" else ()
    return describe(replace(page, pages=pages), TITLES.get(name, f"Forest plot: {name}"), f"What {name} shows.")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "review_figure", drawn)
    monkeypatch.setattr(export, "figure_names", lambda review: NAMES)
    monkeypatch.setattr(export, "evidence_tables", lambda review: TABLES)
    monkeypatch.setattr(
        export, "manuscript", lambda review, versions: [Words("methods", "Methods: a review", ("Words.",))]
    )
    monkeypatch.setattr(export, "checklist_texts", lambda review: [Words("swim", "SWiM", ("Words.",))])

    def make(name="a.zip"):
        export.export_review(tmp_path / name, Review({"therapies": THERAPIES}, complete_config({})), SCREEN)
        return tmp_path / name

    return make


@pytest.fixture
def manifest(archive):
    with zipfile.ZipFile(archive()) as opened:
        rows = list(csv.DictReader(io.StringIO(opened.read("manifest.csv").decode())))
        return rows, {name: opened.read(name) for name in opened.namelist()}


def test_every_file_is_in_the_manifest_with_its_checksum(manifest):
    rows, members = manifest
    assert {row["file"] for row in rows} == set(members) - {"manifest.csv"}
    assert all(row["sha256"] == hashlib.sha256(members[row["file"]]).hexdigest() for row in rows)


def test_figures_are_numbered_in_the_order_of_the_tables(manifest):
    first = {}
    for row in manifest[0]:
        if row["file"].endswith(".pdf"):
            first[row["number"]] = row["file"]
    assert first == {
        "Figure 1": "figures/figure_1_summary_forest.pdf",
        "Figure S1": "figures/figure_s1_forest_drug_a.pdf",
        "Figure S2": "figures/figure_s2_forest_drug_b.pdf",
        "Figure S3": "figures/figure_s3_forest_drug_c.pdf",
        "Figure S4": "figures/figure_s4_forest_class-class_b.pdf",
    }


def test_figures_are_in_the_formats_of_the_preset_and_pages_too(manifest):
    files = {row["file"] for row in manifest[0] if row["number"] == "Figure S1"}
    assert files == {
        "figures/figure_s1_forest_drug_a-page1.svg", "figures/figure_s1_forest_drug_a-page2.svg",
        "figures/figure_s1_forest_drug_a-page1.png", "figures/figure_s1_forest_drug_a-page2.png",
        "figures/figure_s1_forest_drug_a.pdf",
    }  # fmt: skip


def test_tables_without_a_number_are_supplementary_and_say_so_inside(manifest):
    rows, members = manifest
    assert [
        (row["number"], row["file"]) for row in rows if row["file"].startswith("tables") and "docx" in row["file"]
    ] == [
        ("Table I", "tables/table_i.docx"),
        ("Table S1", "tables/table_s1_findings.docx"),
        ("Table IV", "tables/table_iv.docx"),
        ("Table S2", "tables/table_s2_levels.docx"),
    ]
    inside = docx.Document(io.BytesIO(members["tables/table_s1_findings.docx"]))
    assert inside.paragraphs[0].text == "Table S1. Title of findings"
    assert {name.rsplit(".")[-1] for name in members if name.startswith("tables/")} == {"docx", "xlsx", "tex"}


def test_captions_are_in_the_manifest_and_on_the_page_of_legends(manifest):
    rows, members = manifest
    row = next(row for row in rows if row["file"] == "figures/figure_1_summary_forest.svg")
    assert (row["caption"], row["description"]) == ("Results by treatment", "What summary_forest shows.")
    legends = [p.text for p in docx.Document(io.BytesIO(members["legends.docx"])).paragraphs]
    assert legends[:3] == ["Legends", "Figures", "Figure 1. Results by treatment. What summary_forest shows."]
    assert legends.count("Table S2. Title of levels.") == 1
    assert next(row for row in rows if row["file"] == "text/methods.docx")["caption"] == "Methods: a review"


def test_a_caption_is_no_formula_in_the_manifest(manifest):
    row = next(row for row in manifest[0] if row["number"] == "Figure S2")
    assert row["caption"] == "'=1+1"


def test_the_same_review_gives_the_same_bytes(archive):
    assert archive("one.zip").read_bytes() == archive("two.zip").read_bytes()


def test_a_figure_with_nothing_to_show_is_left_out(manifest):
    assert not [row for row in manifest[0] if "risk_of_bias" in row["file"]]


def test_texts_are_there_in_both_formats(manifest):
    assert {row["file"] for row in manifest[0] if row["file"].startswith("text/")} == {
        "text/methods.docx", "text/methods.md", "text/swim.docx", "text/swim.md", "text/title_page.docx",
        "text/title_page.md",
    }  # fmt: skip


def test_numbered_keeps_what_has_a_number():
    assert [made.number for made in export.numbered(TABLES)] == ["Table I", "Table S1", "Table IV", "Table S2"]
