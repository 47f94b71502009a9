"""What people read of a run: printed tables, texts, what changed, and the report, all made of one review."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from small_evidence.documents import save_documents
from small_evidence.places import WORKFLOW
from small_evidence.presentation.checklists import checklist_texts
from small_evidence.presentation.manuscript import manuscript, methods_text
from small_evidence.presentation.records import title_page
from small_evidence.presentation.report import read_templates, report
from small_evidence.presentation.report_pdf import report_pdf
from small_evidence.release.changes import Release
from small_evidence.release.provenance import versions
from small_evidence.release.sentences import changes_since, changes_text
from small_evidence.review import Review, save_csv
from small_evidence.saving import at_once, save_bytes
from small_evidence.tables import evidence_tables

TEMPLATES = WORKFLOW / "templates"


def publish(
    review: Review,
    paths: Iterable[str | Path],
    *,
    before: Release,
    version: str,
    record: Mapping[str, Any],
    listed: str | Path,
) -> None:
    """Write printed tables and texts, changes.csv, changes.md, report.html and report.pdf.

    Parameters
    ----------
    review : with every result, the warnings of the check and the places of the rows
    paths : files to write; the stem says what, the ending the format
    before : the release to compare with, empty if there is none
    version : its name, "" if there is none
    record : from `provenance.provenance` over the inputs, for the report
    listed : the one of the paths that lists the printed tables and texts with what they are made of
    """
    review = review.with_results({"changes": changes_since(before, review)})
    tables = evidence_tables(review)
    texts = [
        title_page(review),
        *manuscript(review, versions()),
        *checklist_texts(review),
        changes_text(review["changes"], version),
    ]
    documents = []
    with at_once():
        for path in map(Path, set(paths) - {listed}):
            if path.name == "changes.csv":
                save_csv(review["changes"], path)
            elif path.name == "report.pdf":
                methods = methods_text(review, versions())
                save_bytes(report_pdf(review, version, versions(), tables, methods), path)
            elif path.stem == "report":
                page = report(
                    review, version, record=record, templates=read_templates(TEMPLATES.glob("report*")), tables=tables
                )
                save_bytes(page.encode("utf-8"), path)
            else:
                documents.append(path)
        save_documents([*tables, *texts], sorted(documents), listed=listed)
