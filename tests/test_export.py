"""The archive for a journal: numbers, captions, formats of the preset, checksums, the same bytes twice."""

import csv
import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import docx
import pandas as pd
import pytest
import yaml

from small_evidence.extraction.schema import empty_table
from small_evidence.figures.drawing import Drawing, Text, describe
from small_evidence.figures.style import SCREEN
from small_evidence.presentation import export
from small_evidence.tables.table import Column, Table

CONFIG = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
THERAPIES = pd.DataFrame(
    {
        "therapy": ["diltiazem", "warfarin", "verapamil"],
        "therapy_class": ["ccb", "anticoagulant", "ccb"],
        "display_order": ["2", "1", "3"],
        "label": ["Diltiazem", "Warfarin", "Verapamil"],
    }
)
NAMES = ["forest_class-ccb", "forest_diltiazem", "forest_verapamil", "forest_warfarin", "summary_forest"]
TITLES = {"forest_diltiazem": "=1+1", "summary_forest": "Response by treatment"}


def table(name, number=""):
    return Table(name, number, f"Title of {name}", pd.DataFrame({"A": ["x & y"]}), (Column("A", 10),))


TABLES = [table("table_i", "Table I"), table("findings"), table("table_iv", "Table IV"), table("levels")]


def drawn(name, frames, config, style):
    page = Drawing(style, 72, (Text(36, 36, name),))
    pages = (page, page) if name == "forest_warfarin" else ()
    return describe(replace(page, pages=pages), TITLES.get(name, f"Forest plot: {name}"), f"What {name} shows.")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "review_figure", drawn)
    monkeypatch.setattr(export, "evidence_tables", lambda *given: TABLES)
    texts = [tmp_path / "methods.md", tmp_path / "methods.docx"]
    texts[0].write_text("# Methods: a review\n\nWords.\n", encoding="utf-8")
    texts[1].write_bytes(b"docx")

    def make(name="a.zip"):
        frames = {"therapies": THERAPIES, "risk_of_bias": empty_table("risk_of_bias")}
        export.export_review(tmp_path / name, NAMES, frames, {}, {}, CONFIG, SCREEN, texts)
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
        "Figure S1": "figures/figure_s1_forest_warfarin.pdf",
        "Figure S2": "figures/figure_s2_forest_diltiazem.pdf",
        "Figure S3": "figures/figure_s3_forest_verapamil.pdf",
        "Figure S4": "figures/figure_s4_forest_class-ccb.pdf",
    }


def test_figures_are_in_the_formats_of_the_preset_and_pages_too(manifest):
    files = {row["file"] for row in manifest[0] if row["number"] == "Figure S1"}
    assert files == {
        "figures/figure_s1_forest_warfarin-page1.svg", "figures/figure_s1_forest_warfarin-page2.svg",
        "figures/figure_s1_forest_warfarin-page1.png", "figures/figure_s1_forest_warfarin-page2.png",
        "figures/figure_s1_forest_warfarin.pdf",
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
    assert (row["caption"], row["description"]) == ("Response by treatment", "What summary_forest shows.")
    legends = [p.text for p in docx.Document(io.BytesIO(members["legends.docx"])).paragraphs]
    assert legends[:3] == ["Legends", "Figures", "Figure 1. Response by treatment. What summary_forest shows."]
    assert legends.count("Table S2. Title of levels.") == 1
    assert next(row for row in rows if row["file"] == "text/methods.docx")["caption"] == "Methods: a review"


def test_a_caption_is_no_formula_in_the_manifest(manifest):
    row = next(row for row in manifest[0] if row["number"] == "Figure S2")
    assert row["caption"] == "'=1+1"


def test_the_same_review_gives_the_same_bytes(archive):
    assert archive("one.zip").read_bytes() == archive("two.zip").read_bytes()


def test_numbered_keeps_what_has_a_number():
    assert [made.number for made in export.numbered(TABLES)] == ["Table I", "Table S1", "Table IV", "Table S2"]
