"""The difference between two sets of results of one review, as data; `sentences` words it.

A change is one that a reader would see: neither the order of rows nor a digit that is not printed counts. Each has the
codes of what caused it: changed data, changed choices, or the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from small_evidence.config import with_defaults
from small_evidence.extraction.schema import ALL, LABELS, SILENT, rows_of
from small_evidence.release.triggers import due
from small_evidence.wording import missing, per_cent

CHANGES = ["kind", "about", "id", "column", "before", "after", "cause"]
# Every kind of change, most important first
KINDS = (
    "update_due",
    "direction", "newly_pooled", "no_longer_pooled", "treatment_added", "treatment_removed", "level", "study_level",
    "study_added", "study_removed", "study_status", "row_added", "row_removed",
    "pooled_result", "sum_of_counts", "prediction_interval", "analysis_added", "analysis_removed", "arm_entered",
    "arm_left", "event_result",
    "row_corrected", "study_corrected", "event_added", "event_removed", "event_corrected", "appraisal",
    "claim_verdict", "claim_added", "claim_removed",
    "choice",
)  # fmt: skip
CAUSES = ("data", "choices", "program")  # joined by ";"; program: neither the data nor the choices changed

# Columns of results that print as per cent; a difference that is not printed is none
SHARES = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub")
RESULT = ("estimate", "ci_lb", "ci_ub", "k", "events", "n")
SUMMED = ("k", "events", "n")  # where nothing is pooled
PREDICTION = ("pi_lb", "pi_ub")
# Cells of which a reader learns when they are corrected; notes and places on a page are not among them.
STUDY_CELLS = ("label", "year", "design", "controlled", "n_patients", "cohort_id", "level_override")
RESPONSE_CELLS = (
    "study_id", "therapy", "disease", "arm", "role", "outcome", "primary_outcome", "unit", "dose", "follow_up",
    "time_point_months", "responders", "n", "n_treated", "n_complete", "n_partial", "n_none", "response_definition",
    "evidence_basis", "source", "confidence", "pool", "pool_reason_code",
)  # fmt: skip
EVENT_CELLS = ("reporting", "n_patients", "n_at_risk", "serious")
# Cells on which a number or a level can depend
STUDY_DATA = ("status", *STUDY_CELLS[1:])
RESPONSE_DATA = RESPONSE_CELLS
NOT_COMPARED = ("figures", "publication", "review.class_labels", "update")  # choices of how results look

Row = Mapping[Any, Any]
Cell = tuple[str, str, str]  # column, before, after
Change = dict[str, str]


@dataclass(frozen=True)
class Release:
    """Tables, results and choices of a review at one time.

    Attributes
    ----------
    frames : mapping of name to DataFrame; checked tables and results. One that was not kept is not there
    config : mapping; the choices under the names that their keys have now
    """

    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


def compare_results(before: Release, now: Release) -> pd.DataFrame:
    """What changed from one set of results of a review to another.

    Compared are studies, responses, adverse_events, risk_of_bias, overlaps, study_levels, arms, pooled, pooled_events,
    therapy_levels, reconciliation and the choices. A table or a column that only one of them has is not compared.

    Returns
    -------
    DataFrame with the columns CHANGES, a row a changed cell, most important first: kind (of KINDS), about (the table,
    or "choices"), id (of the study, response row, analysis, claim or choice; parts joined by ":"), column, before and
    after (as in the tables; empty with column "" where the whole row is new or gone), cause (codes of CAUSES; "" of a
    trigger of a new version, whose id is trigger:analysis). No row: nothing changed.
    Without any table in `before` nothing is compared.
    """
    if not before.frames:
        return pd.DataFrame(columns=CHANGES)
    compared = _Comparison(before, now)
    rows = sorted(compared.changes(), key=lambda row: KINDS.index(row["kind"]))
    return pd.DataFrame(rows, columns=CHANGES)


def release_of(frames: Mapping[str, pd.DataFrame], config: Mapping[str, Any]) -> Release:
    """A release with the codes of today in place of the closed wordings of version 0.1.0.

    What that version put into other words is kept as the code `other` with these words as detail.
    """
    frames = dict(frames)
    if "reconciliation" in frames:
        verdicts = frames["reconciliation"]["verdict"].replace({"cannot be told": "not_assessable"})
        frames["reconciliation"] = frames["reconciliation"].assign(verdict=verdicts)
    if "arms" in frames and "detail" not in frames["arms"]:
        policy = config["synthesis"]
        unit, arms, pooled = LABELS["unit"][policy["unit"]], frames["arms"], frames["pooled"]
        codes = [_arm_code(row, policy, unit) for row in arms.to_dict("records")]
        frames["arms"] = arms.assign(reason=[code for code, _ in codes], detail=[detail for _, detail in codes])
        frames["pooled"] = pooled.assign(reason=pooled["reason"].replace(_pooled_codes(policy, unit)))
    return Release(frames, config)


def _pooled_codes(policy: Mapping[str, Any], unit: str) -> dict[str, str]:
    """Reasons of version 0.1.0 why an analysis is not pooled -> their codes."""
    few = {
        f"{k} {'study' if k == 1 else 'studies'}, {policy['min_studies']} needed": "too_few_studies"
        for k in range(1, policy["min_studies"])
    }
    return few | {
        f"no arm of {policy['min_arm_size']} or more {unit}": "no_large_arm",
        "counts held back": "counts_held_back",
        "counts not in hand": "counts_missing",
    }


def _arm_code(row: Row, policy: Mapping[str, Any], unit: str) -> tuple[str, str]:
    """Code and detail of a reason of version 0.1.0."""
    units = {f"{label}, not {unit}": ("other_unit", slug) for slug, label in LABELS["unit"].items()}
    known = {
        "": ("", ""),
        "complete responses not reported": ("complete_not_reported", ""),
        "counts not in hand": ("counts_missing", ""),
        "counts not verified": ("counts_unverified", ""),
        "known from a secondary source only": ("secondary_source", ""),
        "not offered for pooling": ("other", ""),
    }
    small = f"fewer than {policy['min_arm_size']} {unit} ({row['n']:.0f})"
    return {**units, **known, small: ("small_arm", "")}.get(row["reason"], ("other", row["reason"]))


class _Comparison:
    """Two releases, with what the cause of a change depends on."""

    def __init__(self, before: Release, now: Release) -> None:
        renamed = _named_as_now(before.frames, now.frames)
        self.both = {name: (renamed[name], now.frames[name]) for name in now.frames if name in renamed}
        self.choices = list(_choices(before.config, now.config))
        self.triggers = with_defaults(now.config)["update"]
        self.altered = self._altered_studies()
        self.touched = self._touched_analyses()

    def changes(self) -> Iterator[Change]:
        yield from self._due()
        yield from self._pooled()
        yield from self._levels()
        yield from self._studies()
        yield from self._responses()
        yield from self._arms()
        yield from self._events()
        yield from self._appraisals()
        yield from self._claims()
        for name, before, after in self.choices:
            yield _change("choice", "choices", name, (name, before, after), "choices")

    # What the causes depend on -----------------------------------------------------------------------------

    def _differences(
        self, table: str, key: tuple[str, ...], columns: Iterable[str]
    ) -> Iterator[tuple[Row, Row, list[Cell]]]:
        """Rows then and now that differ, with column, before and after; one empty row where there is no counterpart."""
        if table not in self.both:
            return
        before, now = self.both[table]
        shared = [name for name in columns if name in before and name in now]
        was, is_ = ({_id(row, key): row for row in rows_of(frame)} for frame in (before, now))
        for name in [*is_, *(name for name in was if name not in is_)]:
            old, new = was.get(name, {}), is_.get(name, {})
            compared = [(column, _cells(old, new, column)) for column in shared] if old and new else []
            cells = [(column, *texts) for column, texts in compared if texts is not None]
            if cells or not old or not new:
                yield old, new, cells

    def _altered_studies(self) -> set[str]:
        """Studies that are new, gone or differ in what a number or a level can depend on."""
        parts = [
            self._differences("studies", ("study_id",), STUDY_DATA),
            self._differences("study_levels", ("study_id",), ("judgement",)),
        ]
        altered = {(new or old)["study_id"] for part in parts for old, new, _ in part}
        if "overlaps" in self.both:
            was, is_ = (set(frame.itertuples(index=False, name=None)) for frame in self.both["overlaps"])
            pairs = pd.DataFrame(was ^ is_, columns=self.both["overlaps"][1].columns)
            altered |= {*pairs["study_a"], *pairs["study_b"]}
        return altered

    def _touched_analyses(self) -> set[tuple[str, str]]:
        """Therapies and classes with a disease (or all) that have a response row that is new, gone or changed."""
        classes = [dict(zip(each["therapy"], each["therapy_class"], strict=True)) for each in self.both["therapies"]]
        changed = {_id(new or old, ("response_id",)): None for old, new, _ in
                   self._differences("responses", ("response_id",), RESPONSE_DATA)}  # fmt: skip
        touched = set()
        for frame in self.both["responses"]:
            for row in frame.to_dict("records"):
                groups = {known.get(row["therapy"]) for known in classes}
                if row["response_id"] in changed or row["study_id"] in self.altered or len(groups) > 1:
                    names = {row["therapy"], *groups}
                    touched |= {(name, place) for name in names for place in (ALL, row["disease"])}
        return touched

    def _cause(self, touched: bool, *sections: str) -> str:
        """Codes of CAUSES of a result that depends on the choices of these sections, all if none is named."""
        chosen = any(not sections or name.startswith(sections) for name, _, _ in self.choices)
        found = ["data"] * touched + ["choices"] * chosen
        return ";".join(found) or "program"

    def _due(self) -> Iterator[Change]:
        """Triggers of a new version; `before` is the share from which one is due, `after` what was reached."""
        before, now = ({name: pair[side] for name, pair in self.both.items()} for side in (0, 1))
        for one in due(before, now, self.triggers):
            cell = (one.trigger, _text(one.least), _text(one.reached))
            yield _change("update_due", "choices", f"{one.trigger}:{one.about}", cell, "")

    # Results -----------------------------------------------------------------------------------------------

    def _pooled(self) -> Iterator[Change]:
        columns = ("pooled", "reason", "direction", *RESULT, *PREDICTION)
        known = [set(zip(frame["scope"], frame["therapy"], strict=True)) for frame in self.both["pooled"]]
        for old, new, cells in self._differences("pooled", ("analysis",), columns):
            row = new or old
            touched = (row["therapy"], row["disease"]) in self.touched
            cause = self._cause(touched, "synthesis.")
            if not old or not new:
                # a therapy that is new or gone is named once, not again for each disease
                if row["disease"] == ALL or all((row["scope"], row["therapy"]) in each for each in known):
                    what = "treatment" if row["disease"] == ALL else "analysis"
                    yield _change(f"{what}_{'added' if new else 'removed'}", "pooled", row["analysis"], cause=cause)
                continue
            found = {column: (column, before, after) for column, before, after in cells}
            if "direction" in found and old["direction"] and new["direction"]:
                line = self._cause(touched, "synthesis.", "grading.response_threshold")
                yield _change("direction", "pooled", row["analysis"], found["direction"], line)
            yield from self._result("pooled", row["analysis"], new, found, cause)

    def _result(self, about: str, name: str, new: Row, found: Mapping[str, Cell], cause: str) -> Iterator[Change]:
        """What changed of a pooled value or a sum, one kind of change for each analysis."""
        counted = RESULT if new["pooled"] == "yes" else SUMMED
        if "pooled" in found:
            kind = "newly_pooled" if new["pooled"] == "yes" else "no_longer_pooled"
            shown: Iterable[str] = ("pooled", "reason", *RESULT)
        elif any(column in found for column in counted):
            kind, shown = "pooled_result" if new["pooled"] == "yes" else "sum_of_counts", counted
        else:
            kind, shown = "prediction_interval", PREDICTION
        for column in shown:
            if column in found:
                yield _change(kind if about == "pooled" else "event_result", about, name, found[column], cause)

    def _levels(self) -> Iterator[Change]:
        key = ("scope", "therapy", "disease")
        for old, new, cells in self._differences("therapy_levels", key, ("level",)):
            if old and new:
                cause = self._cause((new["therapy"], new["disease"]) in self.touched, "grading.scheme")
                yield from (_change("level", "therapy_levels", _id(new, key), one, cause) for one in cells)
        for old, new, cells in self._differences("study_levels", ("study_id",), ("level",)):
            if old and new and "excluded" not in (old["status"], new["status"]):
                cause = self._cause(new["study_id"] in self.altered, "grading.scheme")
                yield from (_change("study_level", "study_levels", new["study_id"], one, cause) for one in cells)

    def _arms(self) -> Iterator[Change]:
        """Known studies that enter an analysis of a therapy now, or no longer; a changed status is reported apart."""
        if "arms" not in self.both:
            return
        was, is_ = (_entered(frame) for frame in self.both["arms"])
        status = [dict(zip(frame["study_id"], frame["status"], strict=True)) for frame in self.both["studies"]]
        for key, reason in is_.items():
            therapy, study = key
            before = was.get(key, reason)
            same = status[0].get(study) == status[1].get(study)
            if same and bool(before) != bool(reason):
                kind = "arm_left" if reason else "arm_entered"
                cause = self._cause((therapy, ALL) in self.touched, "synthesis.")
                yield _change(kind, "arms", f"{therapy}:{study}", ("reason", before, reason), cause)

    # Data --------------------------------------------------------------------------------------------------

    def _studies(self) -> Iterator[Change]:
        for old, new, cells in self._differences("studies", ("study_id",), ("status", *STUDY_CELLS)):
            name = (new or old)["study_id"]
            if not old or not new:
                yield _change("study_added" if new else "study_removed", "studies", name)
            for one in cells:
                yield _change("study_status" if one[0] == "status" else "study_corrected", "studies", name, one)

    def _known(self) -> set[str]:
        """Studies that both have; the rows of others are reported with their study."""
        before, now = self.both["studies"]
        return set(before["study_id"]) & set(now["study_id"])

    def _responses(self) -> Iterator[Change]:
        known = self._known()
        for old, new, cells in self._differences("responses", ("response_id",), RESPONSE_CELLS):
            row = new or old
            if row["study_id"] not in known:
                continue
            if not old or not new:
                yield _change("row_added" if new else "row_removed", "responses", row["response_id"])
            yield from (_change("row_corrected", "responses", row["response_id"], one) for one in cells)

    def _events(self) -> Iterator[Change]:
        known, key = self._known(), ("study_id", "therapy", "term")
        changed = set()
        for old, new, cells in self._differences("adverse_events", key, EVENT_CELLS):
            row = new or old
            changed.add((row["therapy"], row["term"]))
            if row["study_id"] not in known:
                continue
            if not old or not new:
                yield _change("event_added" if new else "event_removed", "adverse_events", _id(row, key))
            yield from (_change("event_corrected", "adverse_events", _id(row, key), one) for one in cells)
        pooled = ("therapy", "term")
        for old, new, cells in self._differences("pooled_events", pooled, ("pooled", *RESULT)):
            if old and new:
                cause = self._cause((new["therapy"], new["term"]) in changed, "synthesis.")
                found = {column: (column, before, after) for column, before, after in cells}
                yield from self._result("pooled_events", _id(new, pooled), new, found, cause)

    def _appraisals(self) -> Iterator[Change]:
        key = ("study_id", "result", "tool", "item", "rater")
        for old, new, cells in self._differences("risk_of_bias", key, ("answer", "judgement")):
            row = new or old
            for column, before, after in cells or [("", "", "added" if new else "removed")]:
                item = ":".join(part for part in (row["result"], row["item"], row["rater"], column) if part)
                yield _change("appraisal", "risk_of_bias", f"{row['study_id']}:{row['tool']}", (item, before, after))

    def _claims(self) -> Iterator[Change]:
        for old, new, cells in self._differences("reconciliation", ("claim_id",), ("verdict",)):
            name = (new or old)["claim_id"]
            if not old or not new:
                yield _change("claim_added" if new else "claim_removed", "reconciliation", name)
            cause = self._cause(bool(self.touched or self.altered))
            yield from (_change("claim_verdict", "reconciliation", name, one, cause) for one in cells)


def _change(kind: str, about: str, name: str, cell: Cell = ("", "", ""), cause: str = "data") -> Change:
    column, before, after = cell
    parts = {"column": column, "before": before, "after": after}
    return {"kind": kind, "about": about, "id": name, **parts, "cause": cause}


def _id(row: Row, key: tuple[str, ...]) -> str:
    return ":".join(str(row[name]) for name in key)


def _cells(old: Row, new: Row, column: str) -> tuple[str, str] | None:
    """The cell then and now as text, None where both print alike."""
    printed = per_cent if column in SHARES else _text
    if printed(old[column]) == printed(new[column]):
        return None
    return _text(old[column]), _text(new[column])


def _text(value: object) -> str:
    """A cell as text: six digits, blanks closed up.

    >>> _text(0.54753759), _text(12.0), _text(" two  words "), _text(float("nan"))
    ('0.547538', '12', 'two words', '')
    """
    if missing(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())


def _entered(arms: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Why a study is in no arm of a therapy over all diseases, "" where it is in one, by (therapy, study)."""
    found: dict[tuple[str, str], str] = {}
    for row in arms[(arms["scope"] == "therapy") & (arms["disease"] == ALL)].to_dict("records"):
        key = (row["therapy"], row["study_id"])
        before = found.get(key)
        if row["entered"] == "yes" or before == "":
            found[key] = ""
        else:
            found[key] = ";".join(dict.fromkeys([*(before or row["reason"]).split(";"), row["reason"]]))
    return found


def _choices(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Choices that both name and that differ, as (dotted name, before, now)."""
    was, is_ = _flat(before), _flat(now)
    for name in is_:
        if name in was and was[name] != is_[name] and not name.startswith(NOT_COMPARED):
            yield name, was[name], is_[name]


def _flat(choices: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Choices by their dotted names, as text; the parts of a list joined by ";"."""
    made: dict[str, str] = {}
    for key, value in choices.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            made |= _flat(value, f"{name}.")
        else:
            made[name] = ";".join(map(_choice, value if isinstance(value, list) else [value]))
    return made


def _choice(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _named_as_now(before: Mapping[str, pd.DataFrame], now: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables then, in which studies and response rows that only got another id have the one of now."""
    studies: dict[str, str] = {}
    for mark in ("doi", "pmid"):
        studies |= _renamed(before["studies"], now["studies"], "study_id", [mark])
    made = {
        name: frame.assign(study_id=frame["study_id"].replace(studies)) if "study_id" in frame else frame
        for name, frame in before.items()
    }
    same = ["study_id", "therapy", "disease", "outcome", "unit"]
    rows = _renamed(made["responses"], now["responses"], "response_id", same)
    made["responses"] = made["responses"].assign(response_id=made["responses"]["response_id"].replace(rows))
    return made


def _renamed(was: pd.DataFrame, is_: pd.DataFrame, key: str, same: list[str]) -> dict[str, str]:
    """Old key to new key of the rows that these columns, where given, make the same one to one."""
    gone, come = was[~was[key].isin(is_[key])], is_[~is_[key].isin(was[key])]
    pairs = gone[[key, *same]].merge(come[[key, *same]], on=same, suffixes=("", "_now"))
    pairs = pairs[~pairs[same].isin(SILENT).any(axis=1)]
    once = pairs.drop_duplicates(key, keep=False).drop_duplicates(f"{key}_now", keep=False)
    return dict(zip(once[key], once[f"{key}_now"], strict=True))
