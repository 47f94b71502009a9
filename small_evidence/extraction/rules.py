"""The rules between the rows of the extracted tables: what can be true of two cells at once, and what cannot.

A rule is a function that gets the checked tables `t` (strings; _row is the row of the spreadsheet), the numbers `x`
of their numeric columns, and the present year. `t["arms"]` are the responses with the columns of their study. It
yields the table and column at fault, a mask of rows, a sentence in which {n} stands for the cell of column n
({n!q} in quotation marks, {n!e} the word "empty" where it is), and for more words a dict of Series.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd

from small_evidence import shown
from small_evidence.extraction.overlap import overlap_candidates
from small_evidence.extraction.schema import (
    ALL,
    CLAIM_UNITS,
    CONTROLLED_DESIGNS,
    MISSING,
    QUANTITY_UNITS,
    SILENT,
    TABLES,
    UNCONTROLLED_DESIGNS,
    RowFault,
    nearest,
    numbers,
    numeric_columns,
    reference,
)

FIRST_YEAR = 1900
LARGEST_CASE_REPORT = 4  # patients; from five on authors speak of a series (Abu-Zidan 2012, World J Emerg Surg 7:5)
# Reasons that somebody chose to apply; the others follow from the row itself.
BY_CHOICE = ("counts_unverified", "same_patients", "out_of_scope", "stabilisation_counted", "identity_unknown", "other")
LEFT_OUT_P = 0.05  # P value below which rows are said to be left out by their result
CERTAINTIES = ("high", "moderate", "low", "very_low")  # GRADE: what a body of evidence has; domains have concerns

# Rule -> (severity, the rule in a sentence). Errors are impossible or incomplete and stop the run; warnings
# are suspicious but possible.
RULES: dict[str, tuple[str, str]] = {}

Tables: TypeAlias = Mapping[str, pd.DataFrame]
Numbers: TypeAlias = Mapping[str, dict[str, "pd.Series[float]"]]
Mask: TypeAlias = "pd.Series[bool]"
# table, column, mask of rows, sentence, and for more words a dict of Series
Found: TypeAlias = tuple[str, str, Mask, str] | tuple[str, str, Mask, str, Mapping[str, pd.Series]]
Check: TypeAlias = Callable[[Tables, Numbers, int], Iterator[Found]]

_CHECKS: list[tuple[str, tuple[str, ...], Check]] = []


def _rule(name: str, severity: str, sentence: str, *needs: str) -> Callable[[Check], Check]:
    """Register a rule with the tables it cannot do without."""
    RULES[name] = (severity, sentence)

    def register(check: Check) -> Check:
        _CHECKS.append((name, needs, check))
        return check

    return register


class _Sentence(string.Formatter):
    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion == "q":
            return shown(value)
        return (value or "empty") if conversion == "e" else super().convert_field(value, conversion)


def faults_between_rows(tables: Tables, year: int) -> Iterator[RowFault]:
    """Apply every rule whose tables are there.

    Parameters
    ----------
    tables : dict of DataFrames of str with the columns of the schema and _row, the row of the spreadsheet
    year : int; the newest year a study may have

    Yields
    ------
    (rule, table, row, column, study_id or "", words) for each fault
    """
    t = dict(tables)
    if {"studies", "responses"} <= set(t):
        of_study = t["studies"].drop_duplicates("study_id").drop(columns=["_row", "notes"])
        t["arms"] = t["responses"].merge(of_study, on="study_id", how="left").fillna("")
    x = {table: _numbers(frame, table) for table, frame in t.items()}
    sentence = _Sentence()
    for name, needs, check in _CHECKS:
        if not set(t).issuperset(needs):
            continue
        for table, column, bad, words, *more in check(t, x, year):
            if not bad.any():
                continue  # nearly always; taking no rows of forty columns is what would cost
            rows = t[table][bad.to_numpy()]
            extra = {key: series[rows.index] for key, series in more[0].items()} if more else {}
            where = "responses" if table == "arms" else table
            for record in rows.assign(**extra).to_dict("records"):
                cells = {str(name): cell for name, cell in record.items()}
                yield name, where, cells["_row"], column, cells.get("study_id", ""), sentence.format(words, **cells)


def _numbers(frame: pd.DataFrame, table: str) -> dict[str, pd.Series[float]]:
    names = [*numeric_columns("responses"), "n_patients"] if table == "arms" else numeric_columns(table)
    return {name: numbers(frame[name]) for name in names}


def _given(series: pd.Series) -> Mask:
    """Where a cell says something: not empty, NR or UNCLEAR."""
    return ~series.isin(SILENT)


def _first(values: pd.Series, rows: Mask, *by: pd.Series) -> pd.Series:
    """For each row, the first (smallest) of `values` among the rows of the mask that agree with it in all of `by`."""
    return values.where(rows).groupby(list(by)).transform("min")


def _in_row(frame: pd.DataFrame, row_numbers: pd.Series, column: str) -> pd.Series:
    """The cell of a column in the rows of these numbers."""
    return row_numbers.map(dict(zip(frame["_row"], frame[column], strict=True)))


def _cohort(frame: pd.DataFrame) -> pd.Series:
    """The cohort of each row; a study that names none is its own."""
    return frame["cohort_id"].where(_given(frame["cohort_id"]), frame["study_id"])


# ---------------------------------------------------------------------------------------- keys and names


@_rule("duplicate_key", "error", "The columns that name a row name one row only.")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    for table in set(t) & set(TABLES):
        frame, key = t[table], TABLES[table].key
        rows = frame[key[0]].ne("")
        first = _first(frame["_row"], rows, *(frame[name] for name in key))
        words = ", ".join(f"{{{name}}}" for name in key) + ", duplicate of row {first:.0f}"
        yield table, key[0], rows & (frame["_row"] > first), words, {"first": first}


def _unknown(t: Tables, table: str, column: str) -> Found:
    target, also = reference(table, column)
    names, cells = t[target], t[table][column]
    bad = ~cells.isin([*names.iloc[:, 0], *also, ""])
    words = f"{{{column}!q}} is not in the table {target}{{hint}}"
    if not bad.any():
        return table, column, bad, words
    known, other = set(names.iloc[:, 0]), {}
    for name in names.itertuples(index=False):
        for word in [getattr(name, "label", ""), *getattr(name, "synonyms", "").split(";")]:
            other[word.strip().lower()] = name[0]
    # comparing words is slow: after two hundred unknown ones something else is wrong
    near = {word: other.get(word.lower()) or nearest(word, known) for word in cells[bad].unique()[:200]}
    hints = cells.map({word: f"; nearest is {name}" for word, name in near.items() if name})
    hints = hints.astype(object).fillna("")
    return table, column, bad, words, {"hint": hints}


@_rule("unknown_study", "error", "A study_id is in the table studies.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    for table in {"responses", "adverse_events", "risk_of_bias"} & set(t):
        yield _unknown(t, table, "study_id")
    for column in ("study_a", "study_b") if "overlaps" in t else ():
        yield _unknown(t, "overlaps", column)


@_rule("unknown_therapy", "error", "A therapy is in the table therapies.", "therapies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    for table in {"responses", "adverse_events", "published_claims", "scenarios", "certainty"} & set(t):
        yield _unknown(t, table, "therapy")


@_rule("unknown_disease", "error", "A disease is in the table diseases.", "diseases")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    for table in {"responses", "published_claims", "certainty"} & set(t):
        yield _unknown(t, table, "disease")


@_rule(
    "unknown_disease_of_scenario",
    "error",
    "The diseases of a scenario are in the table diseases.",
    "scenarios",
    "diseases",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    known = {*t["diseases"]["disease"], ALL}
    listed = t["scenarios"]["diseases"].map(lambda cell: [part.strip() for part in cell.split(";")])
    unknown = listed.map(lambda parts: [part for part in parts if part and part not in (*known, *SILENT)])
    hints = unknown.map(
        lambda parts: "".join(f"; nearest is {near}" for part in parts[:1] if (near := nearest(part, known)))
    )
    words = "{unknown!q} is not in the table diseases{hint}"
    yield "scenarios", "diseases", unknown.map(bool), words, {"unknown": unknown.map("; ".join), "hint": hints}


@_rule("unknown_outcome", "error", "An outcome is in the table outcomes.", "responses", "outcomes")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    yield _unknown(t, "responses", "outcome")


@_rule("label_twice", "warning", "No two studies, therapies or diseases have the same label.")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    for table in {"studies", "therapies", "diseases"} & set(t):
        frame = t[table]
        rows = _given(frame["label"])
        first = _first(frame["_row"], rows, frame["label"].str.casefold())
        words = "{label!q} is the label in row {first:.0f} too"
        yield table, "label", rows & (frame["_row"] > first), words, {"first": first}


@_rule("unused_name", "warning", "Every therapy and disease is used somewhere.", *TABLES)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    for table, column in (("therapies", "therapy"), ("diseases", "disease")):
        others = [t[name][column] for name in TABLES if name != table and column in t[name]]
        yield table, column, ~t[table][column].isin(["", *pd.concat(others)]), "not used in any table"


# ----------------------------------------------------------------------------------------------- studies


@_rule("year_range", "error", "A year lies between 1900 and the present one.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    years = x["studies"]["year"]
    words = f"{{year}} is not between {FIRST_YEAR} and {year}"
    yield "studies", "year", (years < FIRST_YEAR) | (years > year), words


@_rule("label_year", "warning", "A year in a study's label is the year of the study.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    in_label = s["label"].str.extract(r"\b((?:19|20)[0-9]{2})[a-z]?$", expand=False)
    bad = in_label.notna() & _given(s["year"]) & (in_label != s["year"])
    yield "studies", "year", bad, "{year}, but the label is {label!q}"


@_rule(
    "design_controlled",
    "error",
    "Randomised and controlled trials, controlled cohorts and case-control studies are controlled; case series and "
    "reports, single-arm trials and uncontrolled cohorts are not.",
    "studies",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    bad = s["design"].isin(CONTROLLED_DESIGNS) & s["controlled"].eq("no")
    bad |= s["design"].isin(UNCONTROLLED_DESIGNS) & s["controlled"].eq("yes")
    yield "studies", "controlled", bad, "{controlled} contradicts design {design}"


@_rule("case_report_size", "warning", f"A case report has at most {LARGEST_CASE_REPORT} patients.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    bad = t["studies"]["design"].eq("case_report") & (x["studies"]["n_patients"] > LARGEST_CASE_REPORT)
    yield "studies", "design", bad, "case_report with n_patients = {n_patients}"


@_rule("status_reason", "error", "A study that is awaiting or excluded has a reason.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    bad = s["status"].isin(["awaiting", "excluded"]) & ~_given(s["status_reason"])
    yield "studies", "status_reason", bad, "no reason is given for status {status}"


@_rule("override_reason", "error", "A level set by hand has a reason.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    bad = s["level_override"].ne("") & ~_given(s["level_override_reason"])
    yield "studies", "level_override_reason", bad, "no reason is given for level {level_override}"


@_rule("override_missing", "warning", "A reason for a level set by hand comes with the level.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    bad = s["level_override"].eq("") & _given(s["level_override_reason"])
    yield "studies", "level_override", bad, "a reason is given, but no level"


@_rule("same_report", "warning", "A DOI, a PubMed number and a title belong to one study or one cohort.", "studies")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    title = s["title"].str.lower().str.replace(r"\W+", " ", regex=True).str.strip()
    cohort, decided = _cohort(s), _decided_pairs(t)
    for column, same in {"doi": s["doi"].str.lower(), "pmid": s["pmid"], "title": title}.items():
        rows = _given(s[column])
        first = _first(s["_row"], rows, same)
        other = _in_row(s.assign(cohort=cohort), first, "cohort")
        words = f"{{{column}!q}} is in row {{first:.0f}} too: the same patients?"
        bad = rows & (s["_row"] > first) & cohort.ne(other) & ~_are_pairs(s, _in_row(s, first, "study_id"), decided)
        yield "studies", column, bad, words, {"first": first}


@_rule(
    "included_without_counts",
    "warning",
    "A study that is included has a row with n and responders.",
    "studies",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s, n = t["studies"], x["responses"]
    counted = t["responses"]["study_id"][n["n"].notna() & n["responders"].notna()]
    bad = s["status"].eq("included") & ~s["study_id"].isin(counted)
    yield "studies", "status", bad, "included, but no row of responses has both n and responders"


@_rule(
    "awaiting_without_row", "warning", "A study that is awaiting counts has a row in responses.", "studies", "responses"
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    s = t["studies"]
    bad = s["status"].eq("awaiting") & ~s["study_id"].isin(t["responses"]["study_id"])
    yield "studies", "study_id", bad, "awaiting counts, but no row of responses says for which therapy"


# --------------------------------------------------------------------------------------------- responses


@_rule("responders_over_n", "error", "Responders are at most n.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    yield "responses", "responders", n["responders"] > n["n"], "{responders} of n = {n}"


@_rule(
    "counts_sum",
    "error",
    "Complete and partial responses together are the responders, when all are given.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    bad = (n["n_complete"] + n["n_partial"] - n["responders"]).abs() > 0
    yield "responses", "responders", bad, "{responders}, but complete + partial is {n_complete} + {n_partial}"


@_rule(
    "part_over_responders",
    "error",
    "Complete or partial responses alone are not more than the responders.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    both = (n["n_complete"] + n["n_partial"]).notna()  # then counts_sum tells
    for column in ("n_complete", "n_partial"):
        bad = ~both & (n[column] > n["responders"])
        yield "responses", column, bad, f"{{{column}}} of responders = {{responders}}"


@_rule("counts_over_n", "error", "Complete, partial and no responses together are at most n.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    known = n["n_complete"].fillna(0) + n["n_partial"].fillna(0) + n["n_none"].fillna(0)
    bad = known > n["n"]
    words = "{n}, but complete {n_complete!e}, partial {n_partial!e} and none {n_none!e} add up to {known:.0f}"
    yield "responses", "n", bad, words, {"known": known}
    bad = ~bad & (n["responders"] + n["n_none"] > n["n"]) & ~(n["responders"] > n["n"])
    yield "responses", "n", bad, "{n}, but responders {responders} + none {n_none} is more"


@_rule("counts_short", "warning", "Complete, partial and no responses together are n, when all are given.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    known = n["n_complete"] + n["n_partial"] + n["n_none"]
    words = "{n}, but complete, partial and none add up to {known:.0f}"
    yield "responses", "n", known < n["n"], words, {"known": known}


@_rule("responders_missing", "warning", "Responders are given where complete and partial responses are.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    bad = (n["n_complete"] + n["n_partial"]).notna() & ~_given(t["responses"]["responders"])
    words = "{responders!e}, though complete {n_complete} and partial {n_partial} are given"
    yield "responses", "responders", bad, words


@_rule(
    "n_over_patients", "error", "The patients of a row are at most the patients of its study.", "studies", "responses"
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    bad = t["arms"]["unit"].eq("patient") & (x["arms"]["n"] > x["arms"]["n_patients"])
    yield "arms", "n", bad, "{n} of the study's n_patients = {n_patients}"


@_rule(
    "diseases_over_patients",
    "error",
    "The patients of a study over all diseases, for one therapy, are at most the patients of the study.",
    "studies",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    a, n, most = t["arms"], x["arms"]["n"], x["arms"]["n_patients"]
    by = [a["study_id"], a["therapy"]]
    rows = a["unit"].eq("patient") & a["primary_outcome"].eq("yes") & a["disease"].ne(ALL) & _given(a["therapy"])
    rows &= a["_row"] == _first(a["_row"], rows, *by, a["disease"])  # a second one is a fault of its own
    total = n.where(rows).groupby(by).transform("sum")
    last = a["_row"].where(rows & n.notna()).groupby(by).transform("max")
    alone = (n.where(rows) > most).groupby(by).transform("any")  # then n_over_patients tells
    words = "the rows of {therapy} add up to {total:.0f} of the study's n_patients = {n_patients}"
    yield "arms", "n", rows & (a["_row"] == last) & (total > most) & ~alone, words, {"total": total}


@_rule(
    "one_primary",
    "error",
    "An arm has one primary outcome for a disease and unit, counted once at each time point.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    rows = r["primary_outcome"].eq("yes") & _given(r["therapy"])
    by = [r[name] for name in ("study_id", "arm", "therapy", "disease", "unit")]
    words = "second primary outcome for {therapy}, {disease}, {unit}; the first is in row {first:.0f}"
    first = _first(r["_row"], rows, *by)
    other = r["outcome"].ne(_in_row(r, first, "outcome"))
    same_time = _first(r["_row"], rows & ~other, *by, x["responses"]["time_point_months"].fillna(-1))
    bad = rows & (r["_row"] > first) & (other | (r["_row"] > same_time))
    yield "responses", "primary_outcome", bad, words, {"first": first.where(other, same_time)}


@_rule(
    "arm_twice",
    "error",
    "A named arm has one row for a disease, outcome, unit and time point, unless the others are subgroups.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    rows = r["arm"].ne("") & r["pool_reason_code"].ne("subgroup")
    by = [r[name] for name in ("study_id", "arm", "disease", "outcome", "unit")]
    first = _first(r["_row"], rows, *by, x["responses"]["time_point_months"].fillna(-1))
    is_primary = r["primary_outcome"].eq("yes") & r["therapy"].eq(
        _in_row(r, first, "therapy")
    )  # then one_primary says it
    words = "arm {arm!q} has {outcome}, {disease}, at the same time point in row {first:.0f} too"
    yield "responses", "arm", rows & (r["_row"] > first) & ~is_primary, words, {"first": first}


@_rule("time_point", "error", "A time point is not before the treatment.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    yield "responses", "time_point_months", x["responses"]["time_point_months"] < 0, "{time_point_months} is below 0"


@_rule("treated_under_n", "error", "Patients treated are at least the evaluable n.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["responses"]
    yield "responses", "n_treated", n["n_treated"] < n["n"], "{n_treated} treated, but n = {n}"


@_rule(
    "verified_by",
    "warning",
    "A row that was verified says by whom, and that is not who extracted it.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    yield (
        "responses",
        "verified_by",
        r["verified_on"].ne("") & ~_given(r["verified_by"]),
        "empty, but verified_on is given",
    )
    same = _given(r["verified_by"]) & r["verified_by"].str.casefold().eq(r["extracted_by"].str.casefold())
    yield "responses", "verified_by", same, "{verified_by!q} extracted the row too; a second person verifies"


@_rule(
    "maybe_same_patients",
    "warning",
    "Rows of one uncontrolled study under two therapies of a class say by `arm` whether the patients are the same.",
    "studies",
    "responses",
    "therapies",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    a = t["arms"]
    group = a["therapy"].map(dict(zip(t["therapies"]["therapy"], t["therapies"]["therapy_class"], strict=True)))
    compares = a["design"].isin(CONTROLLED_DESIGNS) | a["controlled"].eq("yes")
    rows = a["pool"].eq("yes") & a["arm"].eq("") & ~compares & group.notna()
    first = _first(a["_row"], rows, a["study_id"], group, a["unit"])
    other = _in_row(a, first, "therapy")
    words = "same patients as in row {first:.0f} ({other})? Name the groups of patients in the column arm"
    bad = rows & (a["_row"] > first) & a["therapy"].ne(other)
    yield "arms", "arm", bad, words, {"first": first, "other": other}


@_rule("no_primary", "warning", "A study has a primary outcome for each therapy, disease and unit.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    by = [r[name] for name in ("study_id", "therapy", "disease", "unit")]
    bad = ~r["primary_outcome"].eq("yes").groupby(by).transform("any")
    bad &= r["_row"] == r["_row"].groupby(by).transform("min")
    words = "no row of this study for {therapy}, {disease}, {unit} is the primary outcome"
    yield "responses", "primary_outcome", bad, words


@_rule(
    "all_beside_diseases",
    "error",
    "A row for all diseases is never beside rows for single diseases of the same study and therapy, unless "
    "these are marked as second outcomes that are not pooled.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    rows = (r["primary_outcome"].eq("yes") | r["pool"].eq("yes")) & _given(r["therapy"])
    single = _first(r["_row"], rows & r["disease"].ne(ALL), r["study_id"], r["therapy"], r["unit"])
    more = {"single": single, "name": _in_row(r, single, "disease")}
    words = "all, but row {single:.0f} has {name} of the same study and therapy"
    yield "responses", "disease", rows & r["disease"].eq(ALL) & single.notna(), words, more


# ----------------------------------------------------------------------------------------------- pooling


@_rule("pool_without_counts", "error", "A row that is pooled has n, from 1 on, and responders.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    pooled = t["responses"]["pool"].eq("yes")
    for column in ("n", "responders"):
        bad = pooled & x["responses"][column].isna()
        yield "responses", column, bad, f"{{{column}!e}}, but pool = yes needs the count"
    yield "responses", "n", pooled & x["responses"]["n"].eq(0), "0, but pool = yes needs patients"


@_rule("pool_without_name", "error", "A row that is pooled names its therapy.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    bad = r["pool"].eq("yes") & r["therapy"].isin(MISSING)
    yield "responses", "therapy", bad, "{therapy}, but pool = yes needs the name"


@_rule("pool_second_outcome", "error", "A row that is pooled is the primary outcome.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    bad = r["pool"].eq("yes") & r["primary_outcome"].eq("no")
    yield "responses", "pool", bad, "yes, but the row is not the primary outcome"


@_rule("pool_reason", "error", "A row that is not pooled has a reason, and a row that is pooled has none.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    left_out, code, silent = r["pool"].eq("no"), r["pool_reason_code"], ~_given(r["pool_reason"])
    yield "responses", "pool_reason_code", left_out & code.eq("") & silent, "no reason is given for pool = no"
    words = "other, but pool_reason does not say what"
    yield "responses", "pool_reason_code", left_out & code.eq("other") & silent, words
    words = "{pool_reason_code} is a reason for pool = no, but pool is yes"
    yield "responses", "pool_reason_code", r["pool"].eq("yes") & code.ne(""), words


@_rule(
    "left_out_by_result",
    "warning",
    "Rows in which nobody responded are left out by choice as often as rows in which everybody did.",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r, n = t["responses"], x["responses"]
    rows = r["primary_outcome"].eq("yes") & n["n"].gt(0) & n["responders"].notna()
    kept, left_out = rows & r["pool"].eq("yes"), rows & r["pool"].eq("no") & r["pool_reason_code"].isin(BY_CHOICE)
    nobody, everybody = n["responders"].eq(0), n["responders"].eq(n["n"])
    none_out, none_kept = int((left_out & nobody).sum()), int((kept & nobody).sum())
    all_out, all_kept = int((left_out & everybody).sum()), int((kept & everybody).sum())
    p = fisher(none_out, none_kept, all_out, all_kept)
    is_none = none_out * (all_out + all_kept) > all_out * (
        none_out + none_kept
    )  # which of the two is left out more often
    which = left_out & (nobody if is_none else everybody)
    words = f"rows may be left out because of their result: nobody responded in {none_out} of the rows left out by "
    words += f"choice and in {none_kept} of the rows kept, everybody in {all_out} and {all_kept} (Fisher's exact test, "
    words += f"P = {p:.2g})"
    bad = which & r["_row"].eq(r["_row"].where(which).min()) & (p < LEFT_OUT_P)
    yield "responses", "pool", bad, words


def fisher(a: int, b: int, c: int, d: int) -> float:
    """Two-sided P value of Fisher's exact test of the table [[a, b], [c, d]]; 1 where a margin is 0."""
    row, column, total = a + b, a + c, a + b + c + d
    ways = [
        math.comb(row, k) * math.comb(total - row, column - k)
        for k in range(max(0, column + row - total), min(row, column) + 1)
    ]
    here = math.comb(row, a) * math.comb(total - row, c)
    return sum(way for way in ways if way <= here) / math.comb(total, column)


@_rule("pool_not_included", "error", "A row that is pooled belongs to an included study.", "studies", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    a = t["arms"]
    bad = a["pool"].eq("yes") & a["status"].isin(["awaiting", "excluded"])
    yield "arms", "pool", bad, "yes, but the study is {status}"


@_rule("mixed_units", "error", "Patients and lesions are never in one pool.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    pooled = r["pool"].eq("yes") & _given(r["therapy"])
    first = _first(r["_row"], pooled & r["unit"].eq("patient"), r["therapy"])
    words = "lesion, but row {first:.0f} pools patients for {therapy}"
    yield "responses", "unit", pooled & r["unit"].eq("lesion") & first.notna(), words, {"first": first}


def _twice_in_pool(a: pd.DataFrame, same: pd.Series, named: Mask) -> tuple[Mask, dict[str, pd.Series]]:
    """Rows of a pool that agree in `same` with an earlier row of another study, and what to say of the earlier one."""
    pooled = a["pool"].eq("yes") & _given(a["therapy"]) & named
    first = _first(a["_row"], pooled, a["therapy"], same)
    study = _in_row(a, first, "study_id")
    return pooled & a["study_id"].ne(study), {"first": first, "study": study}


def _decided_pairs(t: Tables) -> set[tuple[str, str]]:
    """Pairs of studies that the table overlaps names, in both orders; what is pooled of them is decided there."""
    if "overlaps" not in t:
        return set()
    pairs = set(zip(t["overlaps"]["study_a"], t["overlaps"]["study_b"], strict=True))
    return pairs | {(b, a) for a, b in pairs}


def _are_pairs(frame: pd.DataFrame, other: pd.Series, pairs: set[tuple[str, str]]) -> Mask:
    """Whether the study of each row and that of `other` are one of the pairs."""
    found = [pair in pairs for pair in zip(frame["study_id"], other, strict=True)] if pairs else False
    return pd.Series(found, index=frame.index, dtype=bool)


@_rule(
    "cohort_twice",
    "error",
    "Two reports on one cohort are never in one pool, unless the table overlaps says what is kept or that it is open.",
    "studies",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    a = t["arms"]
    bad, more = _twice_in_pool(a, a["cohort_id"], _given(a["cohort_id"]))
    bad &= ~_are_pairs(a, more["study"], _decided_pairs(t))
    words = "yes, but cohort {cohort_id} is pooled for {therapy} in row {first:.0f}, study {study}"
    yield "arms", "pool", bad, words, more


@_rule("report_twice", "error", "A DOI or PubMed number is never twice in one pool.", "studies", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    a = t["arms"]
    cohort = _cohort(a)
    for column in ("doi", "pmid"):
        bad, more = _twice_in_pool(a, a[column].str.lower(), _given(a[column]))
        bad &= ~_are_pairs(a, more["study"], _decided_pairs(t))
        bad &= cohort.ne(_in_row(a.assign(cohort=cohort), more["first"], "cohort"))  # else cohort_twice tells
        name = column.upper()
        words = f"yes, but {name} {{{column}}} is pooled for {{therapy}} in row {{first:.0f}}, study {{study}}"
        yield "arms", "pool", bad, words, more


@_rule(
    "pooled_review",
    "warning",
    "Reviews and opinions are not pooled with the studies that they discuss.",
    "studies",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    a = t["arms"]
    bad = a["pool"].eq("yes") & a["design"].isin(["systematic_review", "expert_opinion"])
    yield "arms", "pool", bad, "yes, but the design is {design}: its patients may be in other rows"


@_rule("pooled_secondary", "warning", "A row that is pooled is based on the study itself.", "responses")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    r = t["responses"]
    bad = r["pool"].eq("yes") & r["evidence_basis"].eq("secondary")
    words = "secondary, and pool = yes: {responders}/{n} is from a secondary source"
    yield "responses", "evidence_basis", bad, words


# --------------------------------------------------------------------------------------------- overlaps


@_rule("overlap_pair", "error", "A pair of studies is once in the table overlaps.", "overlaps")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    o = t["overlaps"]
    yield "overlaps", "study_b", o["study_a"].ne("") & o["study_a"].eq(o["study_b"]), "{study_b} twice"
    names = [" ".join(sorted(pair)) for pair in zip(o["study_a"], o["study_b"], strict=True)]
    pair = pd.Series(names, index=o.index, dtype="str")
    first = _first(o["_row"], o["study_a"].ne(""), pair)
    same_order = o["study_a"].eq(_in_row(o, first, "study_a"))  # then duplicate_key tells
    words = "the pair {study_a}, {study_b}: duplicate of row {first:.0f}"
    yield "overlaps", "study_a", (o["_row"] > first) & ~same_order, words, {"first": first}


@_rule("overlap_keep", "error", "Of two reports on the same patients, one of them is kept.", "overlaps")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    o = t["overlaps"]
    is_one = o["keep"].eq(o["study_a"]) | o["keep"].eq(o["study_b"])
    words = "{keep!e}, but same_patients needs {study_a} or {study_b}"
    yield "overlaps", "keep", o["decision"].eq("same_patients") & ~is_one, words
    words = "{keep!q}, but the decision is {decision}: both are pooled as the tables say"
    yield "overlaps", "keep", o["decision"].isin(["distinct", "undecided"]) & o["keep"].ne(""), words


@_rule("overlap_reason", "error", "A decision on an overlap has a reason.", "overlaps")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    o = t["overlaps"]
    bad = o["decision"].isin(["same_patients", "distinct"]) & ~_given(o["reason"])
    yield "overlaps", "reason", bad, "no reason is given for {decision}"


@_rule("overlap_cohort", "error", "Reports on different patients have no cohort in common.", "studies", "overlaps")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    o = t["overlaps"]
    cohort = dict(zip(t["studies"]["study_id"], _cohort(t["studies"]), strict=True))
    one, other = o["study_a"].map(cohort), o["study_b"].map(cohort)
    words = "distinct, but both studies have the cohort_id {cohort}"
    yield (
        "overlaps",
        "decision",
        o["decision"].eq("distinct") & one.eq(other) & o["study_a"].ne(o["study_b"]),
        words,
        {"cohort": one},
    )


@_rule(
    "overlap_undecided",
    "warning",
    "Two reports that may be on the same patients are not in one pool without a decision.",
    "studies",
    "responses",
    "overlaps",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    offered = t["responses"][t["responses"]["pool"].eq("yes")]
    studies = t["studies"][t["studies"]["study_id"].isin(offered["study_id"])].drop_duplicates("study_id")
    found = overlap_candidates(studies, offered, t["overlaps"], similar=False)
    found = found[found["strength"].isin(["same", "named"]) & found["decision"].isin(["", "undecided"])]
    found = found[found["pooled_together"].ne("")].drop_duplicates("study_b").set_index("study_b")
    s = t["studies"]
    bad = s["study_id"].isin(found.index) & ~s["study_id"].duplicated()
    more = {name: s["study_id"].map(found[name]) for name in ("study_a", "evidence", "pooled_together")}
    words = "may report on patients of {study_a} ({evidence}), both pooled for {pooled_together}: decide in overlaps"
    yield "studies", "study_id", bad, words, more


# ------------------------------------------------------------------------------ adverse events and claims


@_rule("events_over_risk", "error", "Patients with an adverse event are at most those at risk.", "adverse_events")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["adverse_events"]
    yield "adverse_events", "n_patients", n["n_patients"] > n["n_at_risk"], "{n_patients} of n_at_risk = {n_at_risk}"


@_rule(
    "events_reporting", "error", "A stated zero has no patients, and what is not reported no count.", "adverse_events"
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    reporting, count = t["adverse_events"]["reporting"], x["adverse_events"]["n_patients"]
    bad = (reporting.eq("reported_none") & (count > 0)) | (reporting.eq("not_reported") & count.notna())
    yield "adverse_events", "reporting", bad, "{reporting}, but n_patients = {n_patients}"


@_rule("events_zero", "warning", "A stated zero is marked as reported_none.", "adverse_events")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    bad = t["adverse_events"]["reporting"].eq("reported") & x["adverse_events"]["n_patients"].eq(0)
    yield "adverse_events", "reporting", bad, "reported, but n_patients = 0: reported_none?"


@_rule(
    "events_without_response",
    "warning",
    "A study with adverse events of a therapy has a response row for it, if it has any.",
    "adverse_events",
    "responses",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    e, r = t["adverse_events"], t["responses"]
    there = pd.MultiIndex.from_frame(e[["study_id", "therapy"]]).isin(
        list(zip(r["study_id"], r["therapy"], strict=True))
    )
    bad = e["study_id"].isin(r["study_id"]) & _given(e["therapy"]) & ~there
    yield "adverse_events", "therapy", bad, "{therapy}, but the study has no row of responses for it"


@_rule("claim_interval", "error", "A published value lies within its interval.", "published_claims")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    n = x["published_claims"]
    bad = (n["ci_lb"] > n["ci_ub"]) | (n["value"] < n["ci_lb"]) | (n["value"] > n["ci_ub"])
    words = "{value} with an interval from {ci_lb!e} to {ci_ub!e} (claim {claim_id})"
    yield "published_claims", "value", bad, words


@_rule("claim_share", "error", "A published share lies between 0 and 1.", "published_claims")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    c = t["published_claims"]
    is_share = c["unit"].eq("share") | c["quantity"].eq("pooled_response")
    for column in ("value", "ci_lb", "ci_ub"):
        share = x["published_claims"][column]
        words = f"{{{column}}} is not a share from 0 to 1 (claim {{claim_id}})"
        yield "published_claims", column, is_share & ((share < 0) | (share > 1)), words


@_rule("claim_unit", "error", "The unit of a published claim is one that its quantity has.", "published_claims")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    c = t["published_claims"]
    units = c["quantity"].map(QUANTITY_UNITS)
    bad = [allowed == allowed and unit not in ("", *allowed) for unit, allowed in zip(c["unit"], units, strict=True)]
    allowed = units.map(lambda known: " or ".join(filter(None, known)) or "no unit", na_action="ignore")
    words = "{unit!q}, but a claim of quantity {quantity} has {allowed} (claim {claim_id})"
    yield "published_claims", "unit", pd.Series(bad, index=c.index, dtype=bool), words, {"allowed": allowed}


@_rule("claim_unit_unusual", "warning", "The unit of a published claim is a usual one.", "published_claims")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    c = t["published_claims"]
    near = c["unit"].map({unit: nearest(unit, CLAIM_UNITS, cutoff=0.8) for unit in set(c["unit"]) - set(CLAIM_UNITS)})
    bad = c["quantity"].eq("other") & near.fillna("").ne("")
    yield "published_claims", "unit", bad, "{unit!q}; is {near} meant? (claim {claim_id})", {"near": near}


@_rule("claim_responders", "error", "Published responders are at most n.", "published_claims")
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    c, n = t["published_claims"], x["published_claims"]
    bad = c["quantity"].eq("responders") & (n["value"] > n["n"])
    yield "published_claims", "value", bad, "{value} of n = {n} (claim {claim_id})"


# --------------------------------------------------------------------------------------------- certainty


@_rule(
    "certainty_judgement",
    "error",
    "Start and overall are a certainty (high to very low); the other domains say how serious the concern is.",
    "certainty",
)
def _(t: Tables, x: Numbers, year: int) -> Iterator[Found]:
    c = t["certainty"]
    is_whole, is_certainty = c["domain"].isin(["start", "overall"]), c["judgement"].isin(CERTAINTIES)
    words = "{judgement}, but {domain} is " + ", ".join(CERTAINTIES[:-1]) + f" or {CERTAINTIES[-1]}"
    yield "certainty", "judgement", is_whole & ~is_certainty & c["judgement"].ne(""), words
    words = "{judgement}, but {domain} is not_serious, serious, very_serious or extremely_serious"
    yield "certainty", "judgement", ~is_whole & is_certainty & c["domain"].ne(""), words
