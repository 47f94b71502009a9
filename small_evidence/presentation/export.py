"""What goes to a journal in one file: figures at its preset, tables and texts, numbered, captioned, with a manifest.

The only module that numbers figures and supplementary tables: what the paper itself shows comes first (Figure 1, Tables
I to IV), everything else is supplementary (S1, S2, …).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from small_evidence.documents import save_documents
from small_evidence.documents.text import Heading, Text
from small_evidence.figures import BUBBLE, COMPARISON, FOREST, figure_names, review_figure
from small_evidence.figures.drawing import pages_of
from small_evidence.figures.render import save_figure
from small_evidence.figures.style import Style
from small_evidence.names import analysis_id
from small_evidence.presentation.checklists import checklist_texts
from small_evidence.presentation.manuscript import manuscript
from small_evidence.presentation.records import title_page
from small_evidence.release.archive import save_archive
from small_evidence.release.provenance import versions
from small_evidence.review import Review
from small_evidence.tables import evidence_tables
from small_evidence.tables.table import Table
from small_evidence.wording import printable

TABLE_FORMATS = ("docx", "xlsx", "tex")
TEXT_FORMATS = ("docx", "md")
SUPPLEMENTARY = (FOREST, BUBBLE, COMPARISON)  # figures of one analysis or comparison
COLUMNS = ("file", "kind", "number", "caption", "description", "sha256")
Entry = dict[str, str]  # a row of the manifest


def export_review(path: str | Path, review: Review, style: Style) -> None:
    """Write one archive with everything for the journal; the same review and preset give the same bytes.

    Parameters
    ----------
    path : archive to write
    style : preset of the journal, whose formats are written
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        entries = [*_figures(folder, review, style), *_tables(folder, numbered(evidence_tables(review)))]
        legends = folder / "legends.docx"
        save_documents([_legends(entries)], [legends])
        entries.append({"file": legends.name, "kind": "text", "caption": "Legends of figures and titles of tables"})
        entries += _texts(folder, [title_page(review), *manuscript(review, versions()), *checklist_texts(review)])
        members = {entry["file"]: (folder / entry["file"]).read_bytes() for entry in entries}
    save_archive({"manifest.csv": _manifest(entries, members)} | members, path)


def numbered(tables: Iterable[Table]) -> list[Table]:
    """Tables with a number each: those that have one keep it, the others are Table S1, S2 and so on."""
    made, further = [], 0
    for table in tables:
        if not table.number:
            further += 1
            table = replace(table, number=f"Table S{further}")
        made.append(table)
    return made


def figure_numbers(names: Sequence[str]) -> dict[str, str]:
    """Number of each figure, in the order given: the whole review first; those of SUPPLEMENTARY after them.

    >>> figure_numbers(["forest_drug_a", "summary_forest", "forest_drug_b"])
    {'summary_forest': 'Figure 1', 'forest_drug_a': 'Figure S1', 'forest_drug_b': 'Figure S2'}
    """
    main = [name for name in names if not name.startswith(SUPPLEMENTARY)]
    others = [name for name in names if name.startswith(SUPPLEMENTARY)]
    numbers = {name: f"Figure {at}" for at, name in enumerate(main, 1)}
    return numbers | {name: f"Figure S{at}" for at, name in enumerate(others, 1)}


def _figures(folder: Path, review: Review, style: Style) -> list[Entry]:
    """Write the figures of a run that have something to show, one file a page where the format has no pages."""
    (folder / "figures").mkdir()
    drawings = {name: review_figure(review, name, style) for name in _in_order(figure_names(review), review)}
    shown = [name for name, drawing in drawings.items() if not drawing.absent]
    entries = []
    for name, number in figure_numbers(shown).items():
        drawing = drawings[name]
        pages = pages_of(drawing)
        stem = f"{number.lower().replace(' ', '_')}_{name}"
        stems = [f"{stem}-page{at}" for at in range(1, len(pages) + 1)] if len(pages) > 1 else [stem]
        files = {f"{stem}.pdf": drawing} if "pdf" in style.formats else {}
        for ending in (ending for ending in style.formats if ending != "pdf"):
            files |= {f"{page_stem}.{ending}": page for page_stem, page in zip(stems, pages, strict=True)}
        for file, drawn in files.items():
            save_figure(drawn, folder / "figures" / file)
            entry = {"file": f"figures/{file}", "kind": "figure", "number": number}
            entries.append(entry | {"caption": drawing.title, "description": drawing.alt_text})
    return entries


def _in_order(names: Sequence[str], review: Review) -> list[str]:
    """Names in the order of the tables: by treatment, each class after its members; others stay before them."""
    order = [
        f"{FOREST}{analysis}"
        for therapy_class, members in review.classes
        for analysis in (*members, analysis_id("class", therapy_class))
    ]
    places = {name: place for place, name in enumerate(order)}
    return sorted(names, key=lambda name: len(order) if name.startswith((BUBBLE, COMPARISON)) else places.get(name, -1))


def _tables(folder: Path, tables: Sequence[Table]) -> list[Entry]:
    entries: list[Entry] = []
    for table in tables:
        stem = (
            table.name if table.name.startswith("table_") else f"{table.number.lower().replace(' ', '_')}_{table.name}"
        )
        files = [f"tables/{stem}.{ending}" for ending in TABLE_FORMATS]
        save_documents([replace(table, name=stem)], [folder / name for name in files])
        entries += [
            {"file": name, "kind": "table", "number": table.number, "caption": printable(table.title)} for name in files
        ]
    return entries


def _texts(folder: Path, texts: Sequence[Text]) -> list[Entry]:
    paths = {f"text/{text.name}.{ending}": text.title for text in texts for ending in TEXT_FORMATS}
    save_documents(texts, [folder / name for name in paths])
    return [{"file": name, "kind": "text", "caption": title} for name, title in paths.items()]


def _legends(entries: Iterable[Entry]) -> Text:
    """A page with every number and its caption, once each."""
    blocks: list[str | Heading] = []
    for kind, title in (("figure", "Figures"), ("table", "Tables")):
        lines = {entry["number"]: entry for entry in entries if entry["kind"] == kind}
        blocks.append(Heading(title))
        blocks += [
            " ".join(part for part in (f"{number}. {entry['caption']}.", entry.get("description", "")) if part)
            for number, entry in lines.items()
        ]
    return Text("legends", "Legends", tuple(blocks))


def _manifest(entries: Iterable[Entry], members: Mapping[str, bytes]) -> bytes:
    """What each file is, with its checksum, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        row = dict(entry) | {"sha256": hashlib.sha256(members[entry["file"]]).hexdigest()}
        # a spreadsheet must not take a caption for a formula
        writer.writerow({key: f"'{value}" if value[:1] in tuple("=+-@\t") else value for key, value in row.items()})
    return text.getvalue().encode("utf-8")
