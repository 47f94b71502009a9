"""Decisions on records as ASReview, Rayyan and Covidence export them, as rows of the table records.

The decisions are people's and are taken over as they stand; "maybe" is no decision. A reason that is none of the closed
list becomes "other", with its words in the notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from small_evidence.extraction.identifiers import normal_pmid, same_doi
from small_evidence.extraction.reference_files import Reference, ReferenceFileError, read_files, reference_files
from small_evidence.extraction.schema import LABELS, columns
from small_evidence.extraction.screening import STAGES

STAGE = "title_abstract"  # what ASReview and Rayyan screen, where nothing else is said
_VOTES = re.compile(r"\"([^\"]+)\"\s*=>\s*\"(Included|Excluded|Maybe)\"")
_DECISIONS = {"Included": "include", "Excluded": "exclude", "Maybe": ""}
_LABELS_OF_ASREVIEW = {"1": "include", "0": "exclude", "1.0": "include", "0.0": "exclude"}
# which list of Covidence a file is, by a part of its name
_LISTS_OF_COVIDENCE = {
    "included": ("full_text", "include"),
    "excluded": ("full_text", "exclude"),
    "irrelevant": ("title_abstract", "exclude"),
    "select": ("title_abstract", "include"),
}
# what programs call reasons by default, beside our own labels
REASONS = {
    "wrong outcomes": "wrong_outcome",
    "wrong study design": "wrong_design",
    "wrong patient population": "wrong_population",
    "wrong drug": "wrong_intervention",
    "wrong study duration": "other",
    "foreign language": "wrong_language",
    "duplicate": "duplicate",
    "wrong comparators": "wrong_comparator",
    "wrong route of administration": "wrong_intervention",
} | {label: code for code, label in LABELS["exclusion_reason"].items()}


def read_decisions(
    paths: Iterable[str | Path], stage: str = STAGE, reviewer: str = "", folder: str | Path | None = None
) -> pd.DataFrame:
    """Rows of the table records from exports of screening programs.

    Parameters
    ----------
    paths : files: CSV or RIS of ASReview (columns asreview_label or included), CSV or RIS of Rayyan (notes with
        RAYYAN-INCLUSION), lists of Covidence (names with included, excluded, irrelevant or select)
    stage : stage that was screened, of ASReview and Rayyan; Covidence's lists say it themselves
    reviewer : who screened, of ASReview; by default "asreview"
    folder : path that no link may lead out of

    Raises
    ------
    ReferenceFileError: a file cannot be read whole, or has no decision in one of these forms
    """
    references, unread = read_files(paths, folder)
    if unread:
        raise ReferenceFileError("\n".join(map(str, unread)))
    rows, without = [], set()
    for at, reference in enumerate(references, 1):
        found = list(_decisions(reference, stage, reviewer))
        without |= set() if found else {reference.file}
        name = reference.doi or reference.pmid or f"{Path(reference.file).stem}_{reference.key or at}"
        about = {"record_id": name, "title": reference.title, "doi": reference.doi, "pmid": reference.pmid}
        rows += [about | {"database": reference.database} | row for row in found]
    if without:
        words = "no decision of ASReview, Rayyan or Covidence in at least one record"
        raise ReferenceFileError("\n".join(f"{file}: {words}" for file in sorted(without)))
    return pd.DataFrame(rows, columns=columns("records"), dtype="str").fillna("")


def proposed_decisions(folder: str | Path, records: pd.DataFrame) -> pd.DataFrame:
    """Rows for the table records from every export below a folder, for a person to accept.

    Parameters
    ----------
    folder : path of data/raw/screening_exports. Exports of ASReview and Rayyan are of the stage title_abstract, or of
        the stage whose code their own folder has (full_text/asreview.csv)
    records : DataFrame; the checked table records. A record of the same DOI or PubMed number keeps its record_id

    Returns
    -------
    DataFrame with the columns of records and proposal: "new"; "known" (the table has this decision of this reviewer
    already), "differs" (it has another decision)

    Raises
    ------
    ReferenceFileError: there is no file, or one of them cannot be read whole or has no decision
    """
    by_stage: dict[str, list[Path]] = {}
    for path in reference_files(folder):
        stage = path.parent.name if path.parent.name in STAGES else STAGE
        by_stage.setdefault(stage, []).append(path)
    if not by_stage:
        raise ReferenceFileError(f"no decisions: put exports of screening programs into {folder}")
    frames = [read_decisions(paths, stage, folder=folder) for stage, paths in by_stage.items()]
    found = pd.concat(frames, ignore_index=True)
    for name, normal in (("pmid", normal_pmid), ("doi", same_doi)):
        known = {normal(value): record for value, record in zip(records[name], records["record_id"], strict=True)}
        known.pop("", None)
        found["record_id"] = found[name].map(normal).map(known).fillna(found["record_id"])
    keys = ["record_id", "screening_stage", "reviewer"]
    decided = dict(zip(records[keys].itertuples(index=False, name=None), records["screening_decision"], strict=True))
    before = [decided.get(key) for key in found[keys].itertuples(index=False, name=None)]
    pairs = zip(before, found["screening_decision"], strict=True)
    return found.assign(proposal=["new" if old is None else "known" if old == now else "differs" for old, now in pairs])


def _decisions(reference: Reference, stage: str, reviewer: str) -> Iterator[dict[str, str]]:
    notes = "\n".join(text for tag in ("notes", "n1", "note") for text in reference.fields.get(tag, []))
    label = next(iter(reference.fields.get("asreview_label", reference.fields.get("included", []))), None)
    if "RAYYAN-INCLUSION" in notes:
        reasons = _after(notes, "RAYYAN-EXCLUSION-REASONS:").split(",")
        for who, word in _VOTES.findall(notes):
            yield _row(stage, who, _DECISIONS[word], reasons)
    elif label is not None or "ASReview" in notes:
        # RIS of ASReview has the label as a note of its own: ASReview_relevant, ASReview_irrelevant, ASReview_not_seen
        words = {"ASReview_relevant": "include", "ASReview_irrelevant": "exclude"}
        decision = _LABELS_OF_ASREVIEW.get((label or "").strip(), "")
        decision = decision or next((words[part] for part in notes.split() if part in words), "")
        yield _row(stage, reviewer or "asreview", decision, [])
    else:
        parts = re.split(r"[^a-z]+", Path(reference.file).stem.casefold())
        for part in parts:
            if part in _LISTS_OF_COVIDENCE and "covidence #" in reference.fields:
                where, decision = _LISTS_OF_COVIDENCE[part]
                yield _row(where, "consensus", decision, [_after(notes, "Exclusion reason:")])
                return


def _after(notes: str, head: str) -> str:
    """What stands after a heading of a note, up to the next part."""
    return re.split(r"[|;\n]", notes.partition(head)[2])[0].strip()


def _row(stage: str, reviewer: str, decision: str, reasons: Iterable[str]) -> dict[str, str]:
    said = [reason.strip() for reason in reasons if reason.strip()] if decision == "exclude" else []
    codes = list(dict.fromkeys(REASONS.get(" ".join(reason.casefold().split()), "other") for reason in said))
    code = codes[0] if codes else "other" if decision == "exclude" and stage == "full_text" else ""
    row = {"screening_stage": stage, "reviewer": reviewer, "screening_decision": decision, "exclusion_reason": code}
    return row | {"notes": f"reason in the file: {', '.join(said)}" if said else ""}
