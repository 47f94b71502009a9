"""The report as a PDF to send or print: the same tables and figures as the page, each whole, with bookmarks.

Set by the renderer that the figures use (`figures.render`), so that no browser is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typst

from small_evidence.documents.measures import shares
from small_evidence.documents.text import Heading, Item, Text
from small_evidence.figures import FOREST, review_figure
from small_evidence.figures.drawing import Drawing
from small_evidence.figures.fonts import families, font_book, needs_system
from small_evidence.figures.render import svg
from small_evidence.figures.style import SCREEN
from small_evidence.presentation.summary import about_review, evidence_map_table, plain_summary
from small_evidence.review import Review
from small_evidence.tables.scenarios import caveat_table
from small_evidence.tables.table import Table
from small_evidence.wording import printable, unbroken

TEMPLATE = Path(__file__).with_name("report.typ")
# Tables of the PDF after the summary, under their heading; the page has the extracted rows beside these
PARTS = (
    ("Table IV", ("table_iv",)),
    ("Summary of findings", ("findings",)),
    ("Evidence by clinical scenario", ("scenarios", "caveats")),
    ("Table III", ("table_iii",)),
    ("Adverse events", ("adverse_events",)),
    ("Comparisons within studies", ("comparisons",)),
    ("Studies", ("table_ii",)),
    ("What is missing", ("awaiting",)),
    ("Published claims beside these tables", ("reconciliation", "contradictions")),
    ("Risk of bias", ("risk_of_bias",)),
    ("Levels of evidence", ("table_i", "levels")),
)
ROOM, SIZE = 1017, 6.5  # of a table: pixels between the margins of the template, points of its text
Block = str | Heading | Item | Table | Drawing


def report_pdf(
    review: Review, release: str, versions: Mapping[str, str], tables: Iterable[Table], methods: Text
) -> bytes:
    """The report as PDF: summary, figures and every table.

    Parameters
    ----------
    review : with every result
    release : the newest frozen version of the data, "" if there is none
    versions : of the software, small_evidence among them
    tables : those of `evidence_tables`
    methods : from `manuscript.methods_text`
    """
    title = review.config["review"]["title"]
    blocks = list(report_blocks(review, release, versions, tables))
    blocks += [Heading("Methods"), *(_below(block) for block in methods.blocks)]
    data = {
        "title": title,
        "version": f"data {release or 'not released'}, small-evidence {versions['small_evidence']}",
        "families": families(SCREEN.font),
        "blocks": [_plain(block) for block in blocks],
    }
    compiler = typst.Compiler(TEMPLATE, font_paths=font_book(needs_system(SCREEN.font)))
    made: Any = compiler.compile(format="pdf", sys_inputs={"report": json.dumps(data)})
    return bytes(made)


def report_blocks(
    review: Review, release: str, versions: Mapping[str, str], tables: Iterable[Table]
) -> Iterable[Block]:
    """What the PDF has before the methods, in order."""
    by_name = {table.name: table for table in tables} | {"caveats": caveat_table(review)}
    yield Heading("In plain words")
    yield from plain_summary(review)
    yield Heading("About this review")
    yield from (f"{term}: {words}" for term, words in about_review(review, release, versions))
    yield Heading("Forest plot")
    yield review_figure(review, "summary_forest")
    yield Heading("Evidence map")
    yield evidence_map_table(review)
    for heading, names in PARTS:
        yield Heading(heading)
        yield from (by_name[name] for name in names)
    yield Heading("Forest plots")
    for one in review.analyses.values():
        if one.disease == "all" and one.pooled:
            yield Heading(one.label, 2)
            yield review_figure(review, f"{FOREST}{one.name}")


def _below(block: Block) -> Block:
    return Heading(block.words, block.level + 1) if isinstance(block, Heading) else block


def _plain(block: Block) -> dict[str, Any]:
    """A block as data for the template: words stay words whatever they hold."""
    if isinstance(block, Heading):
        return {"kind": "heading", "level": block.level, "words": printable(block.words)}
    if isinstance(block, Item):
        number = f"{block.number}. " if block.number else ""
        return {"kind": "paragraph" if number else "item", "words": number + printable(block.words)}
    if isinstance(block, Drawing):
        size = {"width": block.width, "height": block.height}
        return {"kind": "figure", "svg": svg(block).decode("utf-8"), "alt": block.alt_text} | size
    if isinstance(block, Table):
        return _table(block)
    return {"kind": "paragraph", "words": printable(block)}


def _table(table: Table) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for group, lines in table.sections():
        rows += [{"kind": "group", "words": printable(group)}] if group else []
        rows += [{"kind": "row", "cells": _cells(cells), "bold": bold} for cells, bold in lines]
    columns = [
        {"words": one.title, "width": width, "align": one.align}
        for one, width in zip(table.columns, shares(table, ROOM, SIZE), strict=True)
    ]
    if not rows:
        rows.append({"kind": "group", "words": "Nothing to show."})
    return {
        "kind": "table",
        "caption": table.caption,
        "columns": columns,
        "spans": [{"words": words, "width": width} for words, width in table.spans],
        "rows": rows,
        "notes": [printable(note) for note in table.footnotes],
    }


def _cells(cells: Sequence[object]) -> list[str]:
    return [unbroken(printable(cell)) for cell in cells]
