"""Studies whose counts are missing or not verified: what is missing, where it may be found, what it would add.

`rows_without_counts` is the one rule for what is missing; the list of studies and every number of them follow from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, SILENT, numbers
from small_evidence.names import analysis_id
from small_evidence.review import Review
from small_evidence.synthesis.claims import OF_THE_REVIEW

# What keeps a study from being counted, the first that applies
KINDS = ("no_response_row", "counts_missing", "counts_unverified")
# What a row lacks; verification: the counts are known and await a check against the full text
FIELDS = ("therapy", "disease", "n", "responders", "verification")
# What its counts would do in the analyses of the list
ADDS = ("enters", "small_arm", "nothing", "therapy_unknown")

WITHOUT_COUNTS = ["study_id", "response_id", "therapy", "disease", "kind", "missing"]
AWAITING = [
    "priority", "study_id", "label", "year", "level", "therapies", "diseases", "n", "in_published_review", "kind",
    "missing", "reason", "links", "quoted", "adds", "analyses", "studies_now", "studies_listed", "would_allow_pooling",
    "allows",
]  # fmt: skip

NO_ROW = {
    "response_id": "", "therapy": "NR", "disease": "NR", "kind": "no_response_row",
    "missing": "therapy;disease;n;responders",
}  # fmt: skip
UNVERIFIED = ("counts_missing", "counts_unverified")  # codes of pool_reason_code that doubt counts that are given

PMC = re.compile(r"PMC\d{4,}")
NCT = re.compile(r"NCT\d{8}")
LINK = re.compile(r"https?://[^\s;]+")
DOI = re.compile(r"doi:\s?(10\.\S+)")
PMID = re.compile(r"pmid:\s?(\d+)")

Row = Mapping[Any, Any]
Key = tuple[str, str, str]  # scope, therapy or class, disease


def rows_without_counts(review: Review) -> pd.DataFrame:
    """Response rows that lack a count or whose counts are not verified, and studies without any row.

    Looked at are studies that are not excluded and their rows of the primary outcome in the unit that is counted.

    Returns
    -------
    DataFrame with the columns WITHOUT_COUNTS, a row a response row (response_id "" where the study has none): kind is
    one of KINDS, missing the fields of FIELDS joined by ";".
    """
    responses = review["responses"]
    counted = responses[(responses["primary_outcome"] == "yes") & (responses["unit"] == review.policy["unit"])]
    counted = counted.assign(known_n=numbers(counted["n"]), known_responders=numbers(counted["responders"]))
    of_study = _by_study(counted)
    with_rows = set(responses["study_id"])
    rows: list[dict[str, str]] = []
    for study in review["studies"].to_dict("records"):
        if study["status"] == "excluded":
            continue
        name, is_awaiting = study["study_id"], study["status"] == "awaiting"
        lacking = [found for row in of_study.get(name, []) if (found := _lacking(row, is_awaiting))]
        if not lacking and (is_awaiting or name not in with_rows):
            lacking = [NO_ROW]
        rows += [{"study_id": name} | found for found in lacking]
    return pd.DataFrame(rows, columns=WITHOUT_COUNTS)


def studies_without_counts(review: Review) -> pd.DataFrame:
    """Studies of which counts are missing or not verified; what every output counts under these words.

    Returns
    -------
    DataFrame, a row a study in the order of the studies: study_id, status and kind (the first of KINDS that applies to
    one of its rows).
    """
    kinds = (
        rows_without_counts(review)
        .groupby("study_id", sort=False)["kind"]
        .agg(lambda found: min(found, key=KINDS.index))
    )
    status = review["studies"].set_index("study_id")["status"]
    return pd.DataFrame({"study_id": kinds.index, "status": status.reindex(kinds.index), "kind": kinds}).reset_index(
        drop=True
    )


def awaiting_list(review: Review) -> pd.DataFrame:
    """The reviewer's work list: studies whose counts are missing or not verified, most useful first.

    Parameters
    ----------
    review : with the results study_levels and pooled

    Returns
    -------
    DataFrame with the columns AWAITING, one row a study; columns of several values are joined by ";". therapies and
    diseases are slugs (NR where not known); n, the largest known n of its rows; missing, fields of FIELDS; reason, the
    extractor's own words; links, where its text may be had; quoted, other people's pages that its rows were read from;
    analyses, those that it would enter, each with studies_now studies and studies_listed studies of this list; allows,
    those of them that it would make large enough to pool; adds, one of ADDS.

    Notes
    -----
    Order: studies that would make an analysis large enough to pool, then those of the published review, then by level,
    then by number of patients (unknown after those large enough).
    """
    policy, order = review.policy, review.scheme["order"]
    levels = dict(zip(review["study_levels"]["study_id"], review["study_levels"]["level"], strict=True))
    rank = {level: place for place, level in enumerate(order)}
    lacking = rows_without_counts(review)
    responses = review["responses"]
    of_study = _by_study(responses)
    sizes = numbers(responses.set_index("response_id")["n"])
    class_of = dict(zip(review["therapies"]["therapy"], review["therapies"]["therapy_class"], strict=True))
    wanted_by = {
        study: list(dict.fromkeys(key for row in rows for key in _analyses_of(row, class_of)))
        for study, rows in _by_study(lacking).items()
    }
    listed = Counter(key for keys in wanted_by.values() for key in keys)
    kinds = studies_without_counts(review).set_index("study_id")["kind"]
    facts = review["studies"].set_index("study_id", drop=False).to_dict("index")
    found = []
    for label, rows in lacking.groupby("study_id", sort=False):
        name = str(label)
        study = facts[name]
        named = set(rows["response_id"])
        known = sizes.reindex(rows["response_id"]).dropna()
        largest = known.max() if len(known) else float("nan")
        added = _added(study, wanted_by[name], list(known), listed, review)
        links, quoted = _links(study, of_study.get(name, []))
        level = levels.get(name, "")
        found.append(
            {
                "study_id": name,
                "label": study["label"],
                "year": study["year"] or "NR",
                "level": level,
                "therapies": _joined(rows["therapy"]),
                "diseases": _joined(rows["disease"]),
                "n": largest,
                "in_published_review": study["published_review"],
                "kind": kinds[name],
                "missing": _fields(";".join(rows["missing"]).split(";")),
                "reason": _reason(study, [row for row in of_study.get(name, []) if row["response_id"] in named]),
                "links": ";".join(links),
                "quoted": ";".join(quoted),
                **added,
                "order": (
                    added["would_allow_pooling"] == "no",
                    study["published_review"] not in OF_THE_REVIEW,
                    rank.get(level, len(rank)),
                    -(largest if largest == largest else policy["min_arm_size"] - 0.5),
                    study["label"],
                ),
            }
        )
    found.sort(key=lambda row: row["order"])
    return pd.DataFrame([row | {"priority": place} for place, row in enumerate(found, start=1)], columns=AWAITING)


def _lacking(row: Row, is_awaiting: bool) -> dict[str, str] | None:
    """What a row lacks, None if nothing; a row of no patients has no counts."""
    has_n = row["known_n"] > 0  # false for NaN
    absent = ["n"] * (not has_n) + ["responders"] * (row["known_responders"] != row["known_responders"])
    if not absent and not is_awaiting and row["pool_reason_code"] not in UNVERIFIED:
        return None
    unknown = [name for name in ("therapy", "disease") if row[name] in SILENT]
    kept = {name: row[name] for name in ("response_id", "therapy", "disease")}
    kind = "counts_missing" if absent else "counts_unverified"
    return kept | {"kind": kind, "missing": _fields([*unknown, *(absent or ["verification"])])}


def _analyses_of(row: Row, class_of: Mapping[str, str]) -> list[Key]:
    """The analyses a row would belong to, whether they exist or not."""
    if row["therapy"] in SILENT:
        return []
    diseases = [ALL] if row["disease"] in (*SILENT, ALL) else [ALL, row["disease"]]
    names = [("therapy", row["therapy"]), ("class", class_of.get(row["therapy"], ""))]
    return [(scope, name, disease) for scope, name in names for disease in diseases]


def _added(
    study: Row, keys: list[Key], known: list[float], listed: Mapping[Key, int], review: Review
) -> dict[str, Any]:
    """What the study would add: the columns adds to allows."""
    none = {"analyses": "", "studies_now": "", "studies_listed": "", "would_allow_pooling": "no", "allows": ""}
    if not keys:
        return none | {"adds": "therapy_unknown"}
    there = {key: found for key in keys if (found := review.analysis_of(*key)) is not None}
    new = {key: found for key, found in there.items() if study["study_id"] not in found.result["studies"].split(";")}
    if not new:
        return none | {"adds": "nothing"}
    columns = {
        "analyses": ";".join(analysis_id(*key) for key in new),
        "studies_now": ";".join(f"{found.result['k']:.0f}" for found in new.values()),
        "studies_listed": ";".join(str(listed[key]) for key in new),
    }
    sizes = [*known, *numbers(pd.Series([study["n_patients"]])).dropna()]
    if sizes and min(sizes) < review.policy["min_arm_size"]:
        return none | columns | {"adds": "small_arm"}
    least = review.policy["min_studies"]
    allows = [analysis_id(*key) for key, found in new.items() if found.result["k"] + 1 == least]
    pooling = {"would_allow_pooling": "yes" if allows else "no", "allows": ";".join(allows)}
    return columns | pooling | {"adds": "enters"}


def _fields(found: Iterable[str]) -> str:
    there = set(found)
    return ";".join(name for name in FIELDS if name in there)


def _joined(cells: Iterable[str]) -> str:
    return ";".join(dict.fromkeys("NR" if cell in SILENT else cell for cell in cells))


def _reason(study: Row, rows: Iterable[Row]) -> str:
    """Why the counts are missing, in the extractor's own words."""
    if study["status"] == "awaiting" and study["status_reason"] not in SILENT:
        return str(study["status_reason"])
    return "; ".join(dict.fromkeys(cell for cell in (row["pool_reason"] for row in rows) if cell not in SILENT))


def _by_study(rows: pd.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows.to_dict("records"):
        found.setdefault(row["study_id"], []).append(row)
    return found


def _links(study: Row, rows: Iterable[Row]) -> tuple[list[str], list[str]]:
    """Pages of the study itself, and pages of others that its rows were read from.

    The source of a secondary row is another publication's page and never a page of the study.
    """
    own: list[str] = []
    quoted: list[str] = []
    if study["doi"] not in SILENT:
        own.append(f"https://doi.org/{study['doi']}")
    if study["pmid"] not in SILENT:
        own.append(f"https://pubmed.ncbi.nlm.nih.gov/{study['pmid']}/")
    texts = [study["status_reason"], study["notes"]]
    for row in rows:
        first_hand = row["evidence_basis"] != "secondary"
        texts += [row["source"], row["notes"]] if first_hand else [row["notes"]]
        links = [f"https://doi.org/{doi.rstrip(').,')}" for doi in DOI.findall(row["source"])]
        links += [f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" for pmid in PMID.findall(row["source"])]
        links += [link.rstrip(").,") for link in LINK.findall(row["source"]) if not PMC.search(link)]
        (own if first_hand else quoted).extend(links)
    found = " ".join(texts)
    own += [f"https://pmc.ncbi.nlm.nih.gov/articles/{name}/" for name in PMC.findall(found)]
    own += [f"https://clinicaltrials.gov/study/{name}" for name in NCT.findall(found)]
    own = list(dict.fromkeys(own))
    return own, [link for link in dict.fromkeys(quoted) if link not in own]
