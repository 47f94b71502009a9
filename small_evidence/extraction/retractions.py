"""Retracted reports among the studies of a review, from a list in data/raw/retractions.csv; no network is used.

The list has columns doi and pmid, or those in which Retraction Watch publishes its database
(OriginalPaperDOI, OriginalPaperPubMedID, RetractionNature, ...).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from small_evidence import shown, unprintable
from small_evidence.extraction.identifiers import normal_pmid, same_doi
from small_evidence.extraction.reference_files import ReferenceFileError
from small_evidence.extraction.spreadsheets import UnreadableFileError, open_file, read_csv

# our column -> names it may have, in small letters
_NAMES = {
    "doi": ("doi", "originalpaperdoi"),
    "pmid": ("pmid", "originalpaperpubmedid"),
    "nature": ("nature", "retractionnature"),
    "date": ("date", "retractiondate"),
    "reason": ("reason",),
    "notice": ("notice", "retractiondoi"),
}
FILE = "retractions.csv"
MARKED = ["study_id", "nature", "matched_by", "date", "reason", "notice"]
# natures of a notice by which a study is marked; "reinstatement" takes a mark away
_OF_NOTICE = {
    "": "retraction", "retraction": "retraction", "expression of concern": "concern", "correction": "correction",
    "reinstatement": "reinstatement",
}  # fmt: skip


def read_retractions(path: str | Path) -> pd.DataFrame:
    """A list of retracted reports.

    Parameters
    ----------
    path : CSV file with a column doi or pmid, or with the columns of Retraction Watch

    Returns
    -------
    DataFrame of str with the columns doi (in the form in which DOIs are compared), pmid, nature (retraction, concern,
    correction, reinstatement), date, reason, notice (DOI of the notice) and row of the spreadsheet

    Raises
    ------
    ReferenceFileError: the file cannot be read, has neither column, or cells that are not allowed; all at once
    """
    path = Path(path)
    wanted = {name for names in _NAMES.values() for name in names}
    try:
        header, *rows = read_csv(open_file(path, path.parent), wanted) or [[]]
    except UnreadableFileError as error:
        raise ReferenceFileError(f"{path.name}: {error.words}") from error
    places = {name.strip().casefold().replace(" ", ""): at for at, name in enumerate(header)}
    found = {column: next((places[name] for name in names if name in places), None) for column, names in _NAMES.items()}
    if found["doi"] is None and found["pmid"] is None:
        raise ReferenceFileError(f"{path.name}: needs a column doi or pmid, or those of Retraction Watch")
    made, errors = [], []
    for number, row in enumerate(rows, 2):
        cells = {name: row[at].strip() if at is not None and at < len(row) else "" for name, at in found.items()}
        nature = _OF_NOTICE.get(cells["nature"].casefold())
        wrong = {name: words for name, cell in cells.items() if (words := unprintable(cell))}
        if nature is None and "nature" not in wrong:
            allowed = ", ".join(filter(None, _OF_NOTICE))
            wrong["nature"] = f"{shown(cells['nature'])} is not known; allowed are {allowed}"
        errors += [f"{path.name}, row {number}, column {name}: {words}" for name, words in wrong.items()]
        same = {"doi": same_doi(cells["doi"]), "pmid": normal_pmid(cells["pmid"]), "nature": nature}
        made.append(cells | same | {"row": number})
    if errors:
        raise ReferenceFileError("\n".join(errors))
    return pd.DataFrame(made, columns=[*_NAMES, "row"])


def retracted_studies(studies: pd.DataFrame, retractions: pd.DataFrame) -> pd.DataFrame:
    """The studies that the list names, one row a study and nature of notice.

    Parameters
    ----------
    studies : DataFrame; the checked table studies
    retractions : DataFrame; as `read_retractions` gives it

    Returns
    -------
    DataFrame with the columns MARKED: nature (retraction, concern, correction), matched_by (doi or pmid). A retraction
    that was taken back (reinstatement) later in the list marks nothing.
    """
    by = {name: studies.assign(key=studies[name].map(normal))[["study_id", "key"]] for name, normal in _KEYS.items()}
    rows = []
    for name, known in by.items():
        pairs = retractions.merge(known[known["key"] != ""], left_on=name, right_on="key")
        rows.append(pairs.assign(matched_by=name))
    found = pd.concat(rows).sort_values("row", kind="stable").drop_duplicates(["study_id", "row"])
    back = found[found["nature"] == "reinstatement"].groupby("study_id")["row"].max()
    is_back = found["row"] < found["study_id"].map(back).fillna(0)
    marked = found[~is_back & (found["nature"] != "reinstatement")]
    return marked.drop_duplicates(["study_id", "nature"])[MARKED].reset_index(drop=True)


_KEYS = {"doi": same_doi, "pmid": normal_pmid}


def retracted_reports(studies: pd.DataFrame, folder: str | Path) -> pd.DataFrame:
    """The studies that the list in a folder names, as `retracted_studies` gives them; none where there is no list.

    Parameters
    ----------
    studies : DataFrame; the checked table studies
    folder : path of data/raw

    Raises
    ------
    ReferenceFileError: the list cannot be read
    """
    path = Path(folder) / FILE
    if not (path.exists() or path.is_symlink()):
        return pd.DataFrame(columns=MARKED)
    return retracted_studies(studies, read_retractions(path))
