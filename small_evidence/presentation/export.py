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

import pandas as pd

from small_evidence.appraisal.risk_of_bias import judged_items
from small_evidence.documents import save_documents
from small_evidence.documents.text import Heading, Text
from small_evidence.figures import FOREST, review_figure
from small_evidence.figures.drawing import pages_of
from small_evidence.figures.render import save_figure
from small_evidence.figures.style import Style
from small_evidence.release.archive import save_archive
from small_evidence.synthesis.analyses import analysis_id
from small_evidence.tables import evidence_tables
from small_evidence.tables.parts import therapy_order
from small_evidence.tables.table import Table
from small_evidence.wording import printable

TABLE_FORMATS = ("docx", "xlsx", "tex")
COLUMNS = ("file", "kind", "number", "caption", "description", "sha256")


def export_review(
    path: str | Path,
    figures: Sequence[str],
    frames: Mapping[str, pd.DataFrame],
    schemes: Mapping,
    instruments: Mapping[str, dict],
    config: Mapping,
    style: Style,
    texts: Iterable[str | Path] = (),
) -> None:
    """Write one archive with everything for the journal; the same review and preset give the same bytes.

    Parameters
    ----------
    path : archive to write
    figures : names of the figures, as `figures.review_figure` takes them
    frames, config : as of `figures.review_figure` and `tables.evidence_tables`
    schemes, instruments : as of `tables.evidence_tables`
    style : Style; the preset of the journal, whose formats are written
    texts : files to put in as they are; each is there as Markdown too
    """
    tables = evidence_tables(frames, schemes, config, instruments)
    frames = {**frames, "judged_items": judged_items(frames["risk_of_bias"], instruments)}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        entries = [*_figures(folder, figures, frames, config, style), *_tables(folder, numbered(tables))]
        legends = folder / "legends.docx"
        save_documents([_legends(entries)], [legends])
        entries.append(
            {"file": legends.name, "kind": "text", "caption": "Legends of the figures, titles of the tables"}
        )
        members = {entry["file"]: (folder / entry["file"]).read_bytes() for entry in entries}
        for text in map(Path, texts):
            entries.append({"file": f"text/{text.name}", "kind": "text", "caption": _title(text)})
            members[f"text/{text.name}"] = text.read_bytes()
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
    """Number of each figure, in the order given: those of the whole review first, forest plots are supplementary.

    >>> figure_numbers(["forest_diltiazem", "summary_forest", "forest_warfarin"])
    {'summary_forest': 'Figure 1', 'forest_diltiazem': 'Figure S1', 'forest_warfarin': 'Figure S2'}
    """
    main = [name for name in names if not name.startswith(FOREST)]
    others = [name for name in names if name.startswith(FOREST)]
    numbers = {name: f"Figure {at}" for at, name in enumerate(main, 1)}
    return numbers | {name: f"Figure S{at}" for at, name in enumerate(others, 1)}


def _figures(folder: Path, names: Sequence[str], frames, config, style: Style) -> list[dict]:
    (folder / "figures").mkdir()
    entries = []
    for name, number in figure_numbers(_in_order(names, frames["therapies"])).items():
        figure = review_figure(name, frames, config, style)
        stem = f"{number.lower().replace(' ', '_')}_{name}"
        files = {f"{stem}.pdf": figure} if "pdf" in style.formats else {}
        pages = pages_of(figure)  # PDF alone has pages; of the other formats each is a file
        for ending in (ending for ending in style.formats if ending != "pdf"):
            names_of = [f"{stem}-page{at}" for at in range(1, len(pages) + 1)] if len(pages) > 1 else [stem]
            files |= {f"{name}.{ending}": page for name, page in zip(names_of, pages, strict=True)}
        caption, words = figure.title, figure.alt_text
        for file, drawn in files.items():
            save_figure(drawn, folder / "figures" / file)
            entry = {"file": f"figures/{file}", "kind": "figure", "number": number}
            entries.append(entry | {"caption": caption, "description": words})
    return entries


def _in_order(names: Sequence[str], therapies: pd.DataFrame) -> list[str]:
    """Names in the order of the tables: by treatment, each class after its members; others stay before them."""
    order = [
        f"{FOREST}{analysis}"
        for therapy_class, members in therapy_order(therapies)
        for analysis in (*members, analysis_id("class", therapy_class))
    ]
    return sorted(names, key=lambda name: order.index(name) if name in order else -1)


def _tables(folder: Path, tables: Sequence[Table]) -> list[dict]:
    entries = []
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


def _title(path: Path) -> str:
    """Title of a text that is written as Markdown and in other formats beside it."""
    first, _, _ = path.with_suffix(".md").read_text(encoding="utf-8").partition("\n")
    return first.removeprefix("# ")


def _legends(entries: Iterable[Mapping]) -> Text:
    """A page with every number and its caption, once each."""
    blocks: list = []
    for kind, title in (("figure", "Figures"), ("table", "Tables")):
        lines = {entry["number"]: entry for entry in entries if entry["kind"] == kind}
        blocks.append(Heading(title))
        blocks += [
            " ".join(part for part in (f"{number}. {entry['caption']}.", entry.get("description", "")) if part)
            for number, entry in lines.items()
        ]
    return Text("legends", "Legends", tuple(blocks))


def _manifest(entries: Iterable[Mapping], members: Mapping[str, bytes]) -> bytes:
    """What each file is, with its checksum, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        row = dict(entry) | {"sha256": hashlib.sha256(members[entry["file"]]).hexdigest()}
        # a spreadsheet must not take a caption for a formula
        writer.writerow({key: f"'{value}" if value[:1] in tuple("=+-@\t") else value for key, value in row.items()})
    return text.getvalue().encode("utf-8")
