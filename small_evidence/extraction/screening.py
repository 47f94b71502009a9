"""The flow of records and studies after PRISMA 2020: counted from decisions on records, or typed, and checked.

Boxes of Page et al. (2021), BMJ 372:n71, in own words; labels of the published template are understood too. A number
that is not reported (NR) ends a sum: nothing is worked out from the others. A box that is left out takes nothing away.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from small_evidence import shown
from small_evidence.extraction.agreement import kappa
from small_evidence.extraction.schema import LABELS, RowFault, numbers, rows_of

# label in the table screening, in small letters -> box; a label that begins with one of STARTS is in that box too
BOXES = {
    "records identified": "identified",
    "records from databases": "databases",
    "records from registers": "registers",
    "duplicates removed before screening": "duplicates",
    "removed by automation before screening": "automation",
    "removed for other reasons before screening": "other_reasons",
    "records screened": "screened",
    "records excluded": "excluded",
    "reports sought for retrieval": "sought",
    "reports not retrieved": "not_retrieved",
    "reports assessed for eligibility": "assessed",
    "reports excluded with reasons": "reports_excluded",
    "studies included": "studies",
    "reports of included studies": "reports",
    "studies in previous version": "previous_studies",
    "reports in previous version": "previous_reports",
    "total studies included": "total_studies",
    "total reports of included studies": "total_reports",
    "records from websites": "websites",
    "records from organisations": "organisations",
    "records from citation searching": "citations",
    "other reports sought for retrieval": "other_sought",
    "other reports not retrieved": "other_not_retrieved",
    "other reports assessed for eligibility": "other_assessed",
    "other reports excluded": "other_excluded",
    "records awaiting screening": "awaiting_screening",
    "reports awaiting assessment": "awaiting_assessment",
}
# labels as the PRISMA 2020 templates print them
TEMPLATE = {
    "records identified from databases": "databases",
    "records identified from registers": "registers",
    "databases": "databases",
    "registers": "registers",
    "records identified from databases and registers": "identified",
    "duplicate records removed": "duplicates",
    "duplicate records removed before screening": "duplicates",
    "records marked as ineligible by automation tools": "automation",
    "records removed for other reasons": "other_reasons",
    "records excluded by title and abstract": "excluded",
    "reports excluded": "reports_excluded",
    "new studies included in review": "studies",
    "studies included in review": "studies",
    "reports of new included studies": "reports",
    "reports of included studies in review": "reports",
    "studies included in previous version of review": "previous_studies",
    "reports of studies included in previous version of review": "previous_reports",
    "total studies included in review": "total_studies",
    "reports of total included studies": "total_reports",
    "records identified from websites": "websites",
    "records identified from organisations": "organisations",
    "records identified from citation searching": "citations",
    "websites": "websites",
    "organisations": "organisations",
    "citation searching": "citations",
}
_KNOWN = BOXES | TEMPLATE
NEAR_LABEL = 0.75  # ratio of difflib from which a label is likely to mean a box
# a list of reasons ("Reports excluded: wrong outcome") has a row each
STARTS = {"reports excluded:": "reports_excluded", "other reports excluded:": "other_excluded"}
# box, what it is made of (added), what is taken away; the other methods may be absent
SUMS = (
    ("identified", ("databases", "registers"), ()),
    ("screened", ("identified",), ("duplicates", "automation", "other_reasons", "awaiting_screening")),
    ("sought", ("screened",), ("excluded",)),
    ("assessed", ("sought",), ("not_retrieved", "awaiting_assessment")),
    ("other_assessed", ("other_sought",), ("other_not_retrieved",)),
    ("reports", ("assessed", "other_assessed"), ("reports_excluded", "other_excluded")),
    ("total_studies", ("previous_studies", "studies"), ()),
    ("total_reports", ("previous_reports", "reports"), ()),
)
# boxes that most flows do not have: that they are left out is not worth a word
OPTIONAL = (
    "other_assessed", "other_excluded", "previous_studies", "previous_reports", "awaiting_screening",
    "awaiting_assessment", "registers",
)  # fmt: skip
# box, a box it is part of
PARTS = (
    ("duplicates", "identified"),
    ("automation", "identified"),
    ("other_reasons", "identified"),
    ("screened", "identified"),
    ("excluded", "screened"),
    ("sought", "screened"),
    ("not_retrieved", "sought"),
    ("assessed", "sought"),
    ("reports_excluded", "assessed"),
    ("studies", "reports"),
    ("other_not_retrieved", "other_sought"),
    ("other_assessed", "other_sought"),
    ("other_excluded", "other_assessed"),
    ("total_studies", "total_reports"),
    ("studies", "total_studies"),
    ("reports", "total_reports"),
)
RULES = {
    "flow_part": ("error", "No box of the PRISMA flow is larger than the box that it is part of."),
    "flow_sum": ("warning", "The boxes of the PRISMA flow add up; a box that is left out counts as none."),
    "flow_label": ("warning", "A label of the PRISMA flow is not written nearly like that of a known box."),
    "flow_counted": ("warning", "A typed number of the PRISMA flow is the one counted from the table records."),
    "record_reason": (
        "error",
        "A record that is excluded after title and abstract has a reason, an included one none.",
    ),
    "record_study": ("error", "A record belongs to a study of the table studies."),
    "record_open": ("warning", "Where two reviewers differ on a record, a row of the reviewer consensus decides."),
    "record_skipped": ("error", "A record is decided on at a stage only after it was included at the stages before."),
}
FLOW = ["box", "part", "label", "n", "basis", "source"]
COUNTED, TYPED = "counted", "typed"
CONSENSUS = "consensus"
STAGES = tuple(LABELS["screening_stage"])
OTHER_METHODS = {"website": "websites", "organisation": "organisations", "citation": "citations"}
REMOVED = {"duplicate": "duplicates", "automation": "automation"}  # other reasons at identification: other_reasons


def _plain(label: str) -> str:
    """A label as it is compared: small letters, single spaces, no number or colon at its end."""
    return " ".join(label.casefold().replace("*", "").split()).removesuffix(":")


def box_of(label: str) -> str:
    """The box that a label stands for; "" for a label of the review's own."""
    plain = _plain(label)
    start = next((box for words, box in STARTS.items() if plain.startswith(words)), "")
    return _KNOWN.get(plain, start)


def box_label(box: str) -> str:
    """What a box is called: "Records screened"."""
    return next(label for label, name in BOXES.items() if name == box).capitalize()


def box_numbers(screening: pd.DataFrame) -> dict[str, float]:
    """The number in each box that the table has, NaN where one of its rows is not reported.

    Parameters
    ----------
    screening : DataFrame; the checked table. The rows of a box with several (reasons for exclusion) are added up; where
        a total stands beside its reasons, the total counts. Records identified are those of databases and registers
        where only these are given.
    """
    rows = screening.assign(box=screening["label"].map(box_of), count=numbers(screening["n"]))
    rows = rows[rows["box"] != ""]
    is_total = rows["label"].map(_plain).isin(list(_KNOWN))
    has_total = rows["box"].isin(rows.loc[is_total & rows["count"].notna(), "box"])
    totals = rows[is_total | ~has_total & ~is_total].groupby("box", sort=False)["count"].agg(_total)
    found = {str(box): float(count) for box, count in totals.items()}
    parts = [found[box] for box in ("databases", "registers") if box in found]
    return {"identified": sum(parts), **found} if parts and "identified" not in found else found


def _total(counts: pd.Series) -> float:
    return float(counts.sum(skipna=False))


# ------------------------------------------------------------------------------------------- decisions on records


def final_decisions(records: pd.DataFrame) -> pd.DataFrame:
    """What was decided on each record at each stage: the row of consensus, else what all reviewers agree on.

    Parameters
    ----------
    records : DataFrame; the checked table records

    Returns
    -------
    DataFrame with record_id, screening_stage, screening_decision (include, exclude, or "" while reviewers differ) and
    exclusion_reason (reasons_differ where they agree to exclude, for different reasons)
    """
    decided = records[records["screening_decision"] != ""]
    is_consensus = decided["reviewer"].str.casefold() == CONSENSUS
    key = ["record_id", "screening_stage"]
    has_consensus = is_consensus.groupby([decided[name] for name in key]).transform("any")
    used = decided[is_consensus | ~has_consensus]
    return used.groupby(key, sort=False, as_index=False).agg(
        screening_decision=("screening_decision", _agreed), exclusion_reason=("exclusion_reason", _one_reason)
    )


def _agreed(values: pd.Series) -> str:
    return values.iloc[0] if len(set(values)) == 1 else ""


def _one_reason(values: pd.Series) -> str:
    given = set(values) - {""}
    return "reasons_differ" if len(given) > 1 else next(iter(given), "")


def count_flow(records: pd.DataFrame) -> pd.DataFrame:
    """The boxes of the flow, counted.

    Parameters
    ----------
    records : DataFrame; the checked table records

    Returns
    -------
    DataFrame with the columns FLOW: a row a box (part ""), and rows for its parts: databases of identified, reasons of
    reports_excluded and other_excluded. A record without a row at retrieval counts as retrieved. Records of websites,
    organisations and citation searching are in the boxes of other methods. studies is NaN where an included record has
    no study.
    """
    of_record = records.groupby("record_id", sort=False)[["database", "source_kind", "included_study"]].agg(
        _first_given
    )
    final = final_decisions(records)
    decision, reason = (
        final.pivot_table(index="record_id", columns="screening_stage", values=name, aggfunc="first")
        .reindex(index=of_record.index, columns=STAGES)
        .astype(object)  # a stage that nobody has come to has no words yet
        .fillna("")
        for name in ("screening_decision", "exclusion_reason")
    )
    is_other = of_record["source_kind"].isin(list(OTHER_METHODS))
    first, abstract, retrieval, full_text = STAGES
    removed = decision[first] == "exclude"
    later = (decision[[retrieval, full_text]] != "").any(axis=1)
    screened = ~removed & (decision[abstract].isin(["include", "exclude"]) | later)
    excluded = ~removed & (decision[abstract] == "exclude")
    sought = ~removed & ~excluded & (screened | is_other)
    not_retrieved = sought & (decision[retrieval] == "exclude")
    assessed = sought & ~not_retrieved & decision[full_text].isin(["include", "exclude"])
    dropped = assessed & (decision[full_text] == "exclude")
    included = assessed & ~dropped
    main = ~is_other

    counts: dict[str, float] = {"identified": main.sum()}
    kinds = of_record.loc[main, "source_kind"]
    if (kinds == "register").any():
        counts |= {"databases": (kinds != "register").sum(), "registers": (kinds == "register").sum()}
    why = reason.loc[main & removed, first]
    counts |= {box: (why == code).sum() for code, box in REMOVED.items()}
    counts |= {"other_reasons": (~why.isin(list(REMOVED))).sum(), "screened": (main & screened).sum()}
    counts |= {"excluded": (main & excluded).sum(), "sought": (main & sought).sum()}
    counts |= {"not_retrieved": (main & not_retrieved).sum(), "assessed": (main & assessed).sum()}
    counts["reports_excluded"] = (main & dropped).sum()
    for box, waiting in (
        ("awaiting_screening", main & ~removed & ~screened),
        ("awaiting_assessment", sought & ~not_retrieved & ~assessed),
    ):
        counts |= {box: waiting.sum()} if waiting.any() else {}
    named = of_record.loc[included, "included_study"]
    counts |= {"studies": named.nunique() if (named != "").all() else np.nan, "reports": included.sum()}
    if is_other.any():
        found = of_record.loc[is_other, "source_kind"].map(OTHER_METHODS).value_counts()
        counts |= {box: found[box] for box in OTHER_METHODS.values() if box in found}
        counts |= {"other_sought": (is_other & sought).sum(), "other_not_retrieved": (is_other & not_retrieved).sum()}
        counts |= {"other_assessed": (is_other & assessed).sum(), "other_excluded": (is_other & dropped).sum()}
    rows = [(box, "", box_label(box), float(n)) for box, n in counts.items()]
    by_database = of_record.loc[main, "database"].value_counts(sort=False)
    rows += [
        ("identified", name, name, float(n)) for name, n in zip(by_database.index, by_database, strict=True) if name
    ]
    for box, group in (("reports_excluded", main & dropped), ("other_excluded", is_other & dropped)):
        by_reason = reason.loc[group, full_text].value_counts()
        rows += [
            (box, code, LABELS["exclusion_reason"][code], float(n))
            for code, n in zip(by_reason.index, by_reason, strict=True)
            if code
        ]
    return pd.DataFrame([(*row, COUNTED, "table records") for row in rows], columns=FLOW)


def _first_given(values: pd.Series) -> str:
    return next((value for value in values if value), "")


def flow(screening: pd.DataFrame, records: pd.DataFrame | None = None, of: str = "review") -> pd.DataFrame:
    """The boxes of a flow: counted from the decisions on records where there are any, else as they were typed.

    Parameters
    ----------
    screening : DataFrame; the checked table screening
    records : DataFrame; the checked table records; None or empty where nobody keeps it
    of : "review" for the flow of this review, "published" for that of the published review

    Returns
    -------
    DataFrame with the columns FLOW: box (a code of BOXES, "" for a line of the review's own, whose stage is in part),
    part ("", or the database or reason that the row is a part for), label, n (NaN: not reported), basis (counted,
    typed), source
    """
    typed = screening[screening["flow"].replace("", "review") == of] if "flow" in screening else screening
    counted = count_flow(records) if records is not None and len(records) and of == "review" else None
    rows: list[tuple[object, ...]] = [] if counted is None else list(counted.itertuples(index=False, name=None))
    have = set() if counted is None else set(counted["box"])
    known = box_numbers(typed)
    sources = dict(zip(typed["label"].map(box_of), typed["source"], strict=True))
    rows += [(box, "", box_label(box), n, TYPED, sources.get(box, "")) for box, n in known.items() if box not in have]
    for row, n in zip(rows_of(typed), numbers(typed["n"]), strict=True):
        box = box_of(row["label"])
        is_reason = box and _plain(row["label"]) not in _KNOWN and box not in have
        if is_reason:
            label = row["label"].partition(":")[2].strip()
            rows.append((box, label, label, n, TYPED, row["source"]))
        elif not box:
            rows.append(("", row["stage"], row["label"], n, TYPED, row["source"]))
    return pd.DataFrame(rows, columns=FLOW)


def flow_shown(screening: pd.DataFrame, records: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The flow that figures and texts show: that of this review, or of the published one where this one has none.

    Parameters
    ----------
    screening, records : DataFrames; the checked tables

    Returns
    -------
    (boxes, is_published): DataFrame as of `flow`, and whether it is that of the published review
    """
    own = flow(screening, records)
    published = flow(screening, of="published")
    is_published = own.empty and not published.empty
    return (published if is_published else own), is_published


def reviewer_agreement(records: pd.DataFrame, conf_level: float = 0.95) -> pd.DataFrame:
    """How far two reviewers agree on the records that both decided on, by stage.

    Parameters
    ----------
    records : DataFrame; the checked table records
    conf_level : float in (0, 1); coverage of the interval of kappa

    Returns
    -------
    DataFrame with a row a stage and pair of reviewers: screening_stage, first, second, compared, agreed, kappa,
    kappa_ci_lb, kappa_ci_ub, note
    """
    rows = []
    judged = records[(records["screening_decision"] != "") & (records["reviewer"].str.casefold() != CONSENSUS)]
    for stage in STAGES:
        wide = judged[judged["screening_stage"] == stage].pivot_table(
            index="record_id", columns="reviewer", values="screening_decision", aggfunc="first"
        )
        for first, second in itertools.combinations(wide.columns, 2):
            both = wide[[first, second]].dropna()
            if both.empty:
                continue
            agreed = int((both[first] == both[second]).sum())
            row = {"screening_stage": stage, "first": first, "second": second, "compared": len(both), "agreed": agreed}
            rows.append(row | kappa(both[first], both[second], conf_level))
    names = ["screening_stage", "first", "second", "compared", "agreed", "kappa", "kappa_ci_lb", "kappa_ci_ub", "note"]
    return pd.DataFrame(rows, columns=names)


# ------------------------------------------------------------------------------------------------------- checks


def faults(screening: pd.DataFrame, records: pd.DataFrame | None = None) -> Iterator[RowFault]:
    """Numbers that do not add up, as (rule, table, row, column, study_id, words).

    Parameters
    ----------
    screening : DataFrame; the checked table with _row, the row of the spreadsheet
    records : DataFrame; the checked table records, whose counts typed numbers are compared with
    """
    if screening.empty:
        return
    for row in screening.to_dict("records"):
        if not box_of(row["label"]):
            near = difflib.get_close_matches(_plain(row["label"]), _KNOWN, n=1, cutoff=NEAR_LABEL)
            if near:
                words = f"{shown(row['label'])} is no box of the flow; is {shown(near[0].capitalize())} meant?"
                yield "flow_label", "screening", row["_row"], "label", "", words
    parts = screening["flow"].replace("", "review") if "flow" in screening else pd.Series("review", screening.index)
    for of, rows in screening.groupby(parts, sort=False):
        yield from _faults_of_one(rows)
        if of == "review" and records is not None and len(records):
            boxes = count_flow(records)
            counted = boxes[boxes["part"] == ""].set_index("box")["n"]
            for box, typed in box_numbers(rows).items():
                if box in counted and typed == typed and counted[box] == counted[box] and typed != counted[box]:
                    at = rows.loc[rows["label"].map(box_of) == box, "_row"]
                    words = f"{typed:.0f}, but {counted[box]:.0f} counted in the table records"
                    yield "flow_counted", "screening", at.iloc[0] if len(at) else None, "n", "", words


def _faults_of_one(screening: pd.DataFrame) -> Iterator[RowFault]:
    known = box_numbers(screening)
    rows = screening.assign(box=screening["label"].map(box_of))
    rows["total"] = rows["label"].map(_plain).isin(list(_KNOWN))
    place = rows.sort_values("total", ascending=False, kind="stable").drop_duplicates("box").set_index("box")
    name = place["label"].where(place["total"], place["label"].str.partition(":")[0]).to_dict()
    name = {box: name.get(box, box_label(box)) for box in BOXES.values()}
    at = place["_row"].to_dict()
    impossible = set()
    for part, whole in PARTS:
        if known.get(part, float("nan")) > known.get(whole, float("nan")):
            impossible |= {part, whole}
            words = f"{known[part]:.0f}, more than {name[whole]} ({known[whole]:.0f})"
            yield "flow_part", "screening", at.get(part, at.get(whole)), "n", "", words
    for box, added, taken in SUMS:
        used = [term for term in (*added, *taken) if term in known]
        # without what it is made of there is nothing to compare; what is taken away counts as none where it is left out
        if box in impossible or added[0] not in known:
            continue
        total = sum(known[term] if term in added else -known[term] for term in used)
        if box not in known:  # left out: the next box is compared with what would be in it
            known[box] = total
            name[box] += ", worked out"
        elif box not in at:
            continue
        elif total == total and known[box] == known[box] and total != known[box]:
            sign = {term: "−" if term in taken else "+" for term in used}
            told = " ".join(f"{sign[term]} {known[term]:.0f} ({name[term]})" for term in used)
            words = f"{known[box]:.0f}, but {told.removeprefix('+ ')} is {total:.0f}"
            gone = [name[term] for term in (*added, *taken) if term not in known and term not in OPTIONAL]
            words += f"; not in the table: {', '.join(gone)}" if gone else ""
            yield "flow_sum", "screening", at[box], "n", "", words


def record_faults(records: pd.DataFrame, studies: pd.DataFrame) -> Iterator[RowFault]:
    """Decisions on records that cannot be, or that are not made yet, as (rule, table, row, column, study_id, words).

    Parameters
    ----------
    records : DataFrame; the checked table with _row
    studies : DataFrame; the checked table studies
    """
    if records.empty:
        return
    given = set(studies["study_id"])
    order = {stage: at for at, stage in enumerate(STAGES)}
    final = final_decisions(records)
    out_at = (
        final[final["screening_decision"] == "exclude"]
        .groupby("record_id")["screening_stage"]
        .agg(lambda stages: min(order[stage] for stage in stages))
    )
    for row in records.to_dict("records"):
        at, stage = row["_row"], order.get(row["screening_stage"], 0)
        needs_reason = row["screening_decision"] == "exclude" and row["screening_stage"] in (
            "identification",
            "full_text",
        )
        if needs_reason and not row["exclusion_reason"]:
            words = "empty; an exclusion at this stage needs a reason"
            yield "record_reason", "records", at, "exclusion_reason", "", words
        if row["screening_decision"] == "include" and row["exclusion_reason"]:
            words = f"{row['exclusion_reason']}, but the record is included"
            yield "record_reason", "records", at, "exclusion_reason", "", words
        if row["included_study"] and row["included_study"] not in given:
            words = f"{shown(row['included_study'])} is not in the table studies"
            yield "record_study", "records", at, "included_study", "", words
        if row["record_id"] in out_at.index and stage > out_at[row["record_id"]]:
            words = f"decided on at {row['screening_stage']}, but excluded at {STAGES[out_at[row['record_id']]]}"
            yield "record_skipped", "records", at, "screening_stage", "", words
    for row in final[final["screening_decision"] == ""].to_dict("records"):
        same = (records["record_id"] == row["record_id"]) & (records["screening_stage"] == row["screening_stage"])
        words = f"reviewers differ on {shown(row['record_id'])} at {row['screening_stage']}; it is in no later box"
        yield "record_open", "records", records.loc[same, "_row"].iloc[0], "screening_decision", "", words
