"""What changed between two sets of results of one review: the only module that knows which change a reader is told.

A change is told where people would read another word or number: neither the order of rows nor a digit that nobody
prints is one. What a changed choice or a changed program did, and no study, is said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from evidence.grading import as_text
from evidence.schema import ALL, SILENT, empty_table, numbers
from evidence.synthesis import analysis_id
from evidence.text import Heading, Item, Text
from evidence.wording import (
    INTERVALS,
    MODELS,
    NOTHING,
    all_of,
    cell,
    class_label,
    counted,
    fraction,
    interval,
    joined,
    labels_of,
    level_text,
    missing,
    percent,
    scheme_name,
    short_labels,
    with_labels,
    word,
)

CHANGES = ["about", "id", "label", "column", "before", "after", "words"]

# What is told, most important first, and under which heading; a column that is not named has its table's place.
ORDER = {
    ("pooled", "direction"): "Conclusions",
    ("pooled", "pooled"): "Conclusions",
    ("pooled", "analysis"): "Conclusions",
    ("levels", ""): "Conclusions",
    ("studies", "study"): "Studies",
    ("studies", "status"): "Studies",
    ("pooled", "response"): "Numbers",
    ("pooled", "prediction_interval"): "Numbers",
    ("arms", ""): "Numbers",
    ("responses", ""): "Corrections",
    ("studies", ""): "Corrections",
    ("claims", ""): "Published claims",
    ("choices", ""): "Choices",
}
RANK = {kind: place for place, kind in enumerate(ORDER)}

# Cells that a reader is told of when they are corrected, in words; notes and places on a page are not.
STUDY_CELLS = {
    "label": "name",
    "year": "year",
    "design": "design",
    "controlled": "control group",
    "n_patients": "number of patients",
    "cohort_id": "cohort",
    "level_override": "level set by hand",
}
RESPONSE_CELLS = {
    "study_id": "study",
    "therapy": "treatment",
    "disease": "disease",
    "outcome": "outcome",
    "primary_outcome": "primary outcome",
    "unit": "what is counted",
    "dose": "dose",
    "follow_up": "follow-up",
    "counts": "responders",
    "n_complete": "complete responses",
    "n_partial": "partial responses",
    "n_none": "patients without response",
    "response_definition": "definition of response",
    "evidence_basis": "what was read",
    "source": "source",
    "confidence": "confidence of the extraction",
    "pool": "offered for pooling",
}
UNTOLD_CHOICES = ("figures", "review.class_labels")  # how results look, not what they are


def compare_results(
    before: Mapping[str, pd.DataFrame],
    now: Mapping[str, pd.DataFrame],
    choices_before: Mapping,
    choices: Mapping,
    meanings: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """What changed from one set of results of a review to another.

    Parameters
    ----------
    before, now : mapping; checked tables (studies, responses, therapies, diseases, overlaps) and results
        (study_levels, arms, pooled, therapy_levels, reconciliation) by name; a table that one of them lacks is not
        compared, and neither is a column; `before` may be empty, which is no change
    choices_before, choices : mapping; the review's choices (its config) then and now
    meanings : mapping; what a choice means by its dotted name ("synthesis.level"), from `review.read_meanings`

    Returns
    -------
    DataFrame with the columns CHANGES, a row a change, most important first: about ("studies", "responses", "arms",
    "pooled", "levels", "claims", "choices"), id (of the study, the response row, the analysis, the claim or the
    choice), label, column (what of it), before and after as printed, words (a sentence). No rows: nothing changed.
    """
    rows = _Comparison(before, now, choices_before, choices, meanings or {}).rows() if before else []
    return pd.DataFrame(rows, columns=CHANGES)


def changes_text(changes: pd.DataFrame, release: str) -> Text:
    """The changes as a text: how many of each, then a sentence each.

    Parameters
    ----------
    changes : DataFrame from `compare_results`
    release : str; the version compared with, "" when there is none
    """
    if not release:
        words = "No release to compare with; freeze one with: snakemake data/releases/<version>"
        return Text("changes", "What changed", (words,))
    if changes.empty:
        return Text("changes", "What changed", (f"Nothing changed since release {release}.",))
    blocks: list = [summary(changes)]
    headings = pd.Series([ORDER[_kind(row)] for row in changes.itertuples()], index=changes.index)
    for heading in dict.fromkeys(ORDER.values()):
        told = changes.loc[headings == heading, "words"]
        blocks += [Heading(heading), *map(Item, told)] if len(told) else []
    return Text("changes", f"What changed since release {release}", tuple(blocks))


def summary(changes: pd.DataFrame) -> str:
    """How many changes of each kind, in a sentence or two."""
    kinds = Counter(_kind(row) for row in changes.itertuples())
    studies = changes[(changes["about"] == "studies") & (changes["column"] == "study")]
    added = int((studies["before"] == NOTHING).sum())
    rows = changes[[_kind(row) in {("responses", ""), ("studies", "")} for row in changes.itertuples()]]
    corrected = rows["id"].where(rows["about"] == "studies", rows["label"]).nunique()
    of_studies = [
        (added, "added"),
        (len(studies) - added, "removed"),
        (kinds["studies", "status"], "with another status"),
    ]
    told = [f"{number} {words}" for number, words in of_studies if number]
    first = f"Studies: {', '.join(told)}." if told else ""
    others = [
        (kinds["pooled", "direction"], "direction changed", "directions changed"),
        (kinds["pooled", "pooled"], "result newly pooled or no longer", "results newly pooled or no longer"),
        (kinds["pooled", "analysis"], "analysis new or gone", "analyses new or gone"),
        (kinds["levels", ""], "level of evidence changed", "levels of evidence changed"),
        (kinds["pooled", "response"], "result changed", "results changed"),
        (corrected, "row corrected", "rows corrected"),
        (kinds["claims", ""], "verdict on a published claim changed", "verdicts on published claims changed"),
        (kinds["choices", ""], "choice changed", "choices changed"),
    ]
    rest = "; ".join(counted(number, one, many) for number, one, many in others if number)
    return " ".join(part for part in (first, f"{rest}." if rest else "") if part)


def _kind(row) -> tuple[str, str]:
    return (row.about, row.column) if (row.about, row.column) in ORDER else (row.about, "")


class _Comparison:
    """Two sets of results with what sentences on them need."""

    def __init__(self, before, now, choices_before, choices, meanings) -> None:
        self._both = {name: (before[name], now[name]) for name in now if name in before}
        self._line = choices_before["grading"]["reference_line"], choices["grading"]["reference_line"]
        self._meanings = meanings
        self._choices = _flat(choices_before), _flat(choices)
        self._class_labels = choices_before["review"]["class_labels"] | choices["review"]["class_labels"]
        self._studies = self._labels("studies", "study_id")
        self._therapies = self._labels("therapies", "therapy")
        diseases = pd.concat(self._both["diseases"]).drop_duplicates("disease", keep="last")
        self._diseases = short_labels(diseases)
        changed = {key for key, *_ in self._changed_choices()}
        self._chosen = any(key.startswith(("synthesis.", "grading.")) for key in changed)
        self._altered, self._touched = self._what_changed()

    def rows(self) -> list[dict]:
        """All changes, most important first."""
        parts = (
            self._pooled, self._levels, self._study_levels, self._study_rows, self._arms, self._response_rows,
            self._claims, self._choice_rows,
        )  # fmt: skip
        made = [dict(zip(CHANGES, row, strict=True)) for part in parts for row in part()]
        return sorted(made, key=lambda row: RANK.get((row["about"], row["column"]), RANK.get((row["about"], ""), 0)))

    # What the sentences rest on ------------------------------------------------------------------------------

    def _labels(self, table: str, key: str) -> dict[str, str]:
        before, now = self._both[table]
        return labels_of(before, key) | labels_of(now, key)

    def _what_changed(self) -> tuple[set[str], set[tuple]]:
        """Studies whose rows changed, and the analyses as (therapy or class, disease) that rest on a changed row."""
        altered = {key for key, was, is_ in self._pairs("studies", "study_id") if _differ(was, is_, _DATA_OF_STUDY)}
        judged = self._pairs("study_levels", "study_id")
        altered |= {key for key, was, is_ in judged if _differ(was, is_, ["judgement"])}
        for was, is_ in [self._both.get("overlaps", (empty_table("overlaps"),) * 2)]:
            unlike = set(was.itertuples(index=False)) ^ set(is_.itertuples(index=False))
            altered |= {study for row in unlike for study in (row.study_a, row.study_b)}
        touched: set[tuple] = set()
        classes = [
            dict(zip(frame["therapy"], frame["therapy_class"], strict=True)) for frame in self._both["therapies"]
        ]
        for _, was, is_ in self._pairs("responses", "response_id"):
            rows = [row for row in (was, is_) if row]
            moved = classes[0].get(rows[0]["therapy"]) != classes[1].get(rows[0]["therapy"])
            changed = _differ(was, is_, _DATA_OF_RESPONSE) or any(row["study_id"] in altered for row in rows)
            for row in rows * (changed or moved):
                groups = {known.get(row["therapy"]) for known in classes} | ({row["therapy"]} if changed else set())
                touched |= {(group, disease) for group in groups for disease in (ALL, row["disease"])}
        return altered, touched

    def _pairs(self, table: str, key: str) -> Iterator[tuple[str, dict, dict]]:
        """Rows of a table then and now by their key, in the order of now; an empty row where there is none."""
        if table not in self._both:
            return
        was, is_ = ({str(row[key]): row for row in frame.to_dict("records")} for frame in self._both[table])
        for name in [*is_, *(name for name in was if name not in is_)]:
            yield name, was.get(name, {}), is_.get(name, {})

    def _cause(self, touched: bool) -> str:
        """What else to know: whether a change rests on studies at all."""
        if touched:
            return " Choices of the review changed too." if self._chosen else ""
        if self._chosen:
            return " No study of it changed; choices of the review did."
        return " Neither its studies nor the choices changed; the program did."

    def _of_analysis(self, row: Mapping) -> str:
        """What an analysis is called."""
        if row["scope"] == "class":
            what = all_of(class_label(row["therapy"], self._class_labels))
        else:
            what = self._therapies.get(row["therapy"], row["therapy"])
        return what if row["disease"] == ALL else f"{what} in {self._diseases.get(row['disease'], row['disease'])}"

    # Conclusions and numbers ---------------------------------------------------------------------------------

    def _pooled(self) -> Iterator[tuple]:
        known = [set(zip(frame["scope"], frame["therapy"], strict=True)) for frame in self._both["pooled"]]
        for key, was, is_ in self._pairs("pooled", "analysis"):
            row = is_ or was
            label, group = self._of_analysis(row), (row["scope"], row["therapy"])
            cause = self._cause((row["therapy"], row["disease"]) in self._touched)
            before, after = _result(was), _result(is_)
            if not was or not is_:
                # a treatment that is new or gone is told once, not once a disease
                if row["disease"] == ALL or (group in known[0] and group in known[1]):
                    words = (
                        f"New in the review: {label}, {after}" if is_ else f"No longer in the review: {label}, {before}"
                    )
                    yield "pooled", key, label, "analysis", before, after, f"{words}.{cause}"
                continue
            if was["pooled"] != is_["pooled"]:
                if is_["pooled"] == "yes":
                    words = f"{label} can be pooled now: {after} (before: {was['reason']})"
                else:
                    words = f"{label} can no longer be pooled: {is_['reason']} (before: {before})"
                yield "pooled", key, label, "pooled", before, after, f"{words}.{cause}"
            elif before != after:
                if is_["pooled"] == "yes":
                    was_now = [text.removeprefix("pooled ") for text in (before, after)]
                    words = "{}: pooled response was {}; now {}".format(label, *was_now)
                else:
                    words = f"{label}, not pooled: {_counts(was)} before; now {_counts(is_)}"
                yield "pooled", key, label, "response", before, after, f"{words}.{cause}"
            else:
                spans = [interval(side["pi_lb"], side["pi_ub"]) for side in (was, is_)]
                if spans[0] != spans[1]:
                    words = f"{label}: prediction interval was {spans[0]}, is {spans[1]}"
                    yield "pooled", key, label, "prediction_interval", *spans, f"{words}.{cause}"
            if not missing(was["direction"]) and not missing(is_["direction"]) and was["direction"] != is_["direction"]:
                sides = [f"{side['direction']} {line:.0%}" for side, line in zip((was, is_), self._line, strict=True)]
                words = f"{label}: the interval lay {sides[0]}, lies {sides[1]} now"
                yield "pooled", key, label, "direction", *sides, f"{words}.{cause}"

    def _levels(self) -> Iterator[tuple]:
        if "therapy_levels" not in self._both:
            return
        was, is_ = (
            {(row["scope"], row["therapy"], row["disease"]): row for row in as_text(frame).to_dict("records")}
            for frame in self._both["therapy_levels"]
        )
        for key, row in is_.items():
            if key in was and was[key]["level"] != row["level"]:
                levels = level_text(was[key]["level"]), level_text(row["level"])
                label, why = self._of_analysis(row), self._why(row, levels[1])
                cause = self._cause(key[1:] in self._touched)
                words = f"Level of evidence of {label} was {levels[0]}, is {levels[1]}{why}.{cause}"
                yield "levels", analysis_id(*key), label, "level", *levels, words

    def _study_levels(self) -> Iterator[tuple]:
        for key, was, is_ in self._pairs("study_levels", "study_id"):
            levels = [level_text(row.get("level")) for row in (was, is_)]
            if was and is_ and levels[0] != levels[1]:
                label, cause = self._studies[key], self._cause(key in self._altered)
                words = (
                    f"Level of evidence of the study {label} was {levels[0]}, is {levels[1]}{self._why(is_, levels[1])}"
                )
                yield "levels", key, label, "level", *levels, f"{words}.{cause}"

    def _why(self, row: Mapping, level: str) -> str:
        rule = cell(row["rule"]).removeprefix(f"{level}: ")
        return "" if rule == NOTHING else f": {with_labels(rule, self._studies)}"

    # Studies -------------------------------------------------------------------------------------------------

    def _study_rows(self) -> Iterator[tuple]:
        for key, was, is_ in self._pairs("studies", "study_id"):
            label = self._studies[key]
            if not was:
                told = self._described(is_, 1)
                yield "studies", key, label, "study", NOTHING, told, f"New study: {label} ({told})."
            elif not is_:
                told = self._described(was, 0)
                yield "studies", key, label, "study", told, NOTHING, f"Study removed: {label} ({told})."
            else:
                if was["status"] != is_["status"]:
                    words = [word("status", row["status"]) for row in (was, is_)]
                    sentence = f"{label} was {words[0]}, is {words[1]} now ({self._described(is_, 1)})."
                    yield "studies", key, label, "status", *words, sentence
                yield from self._cells("studies", key, label, was, is_, STUDY_CELLS)

    def _described(self, study: Mapping, side: int) -> str:
        """Design, size, counts, and what does not enter an analysis and why, of a study then (0) or now (1)."""
        size = cell(study["n_patients"])
        parts = [word("design", study["design"])]
        parts.append(counted(int(size), "patient") if size.isdigit() else "number of patients not reported")
        responses = self._both["responses"][side]
        rows = responses[(responses["study_id"] == study["study_id"]) & (responses["primary_outcome"] == "yes")]
        rows = rows.to_dict("records")
        often = Counter(row["therapy"] for row in rows)
        for row in rows:
            name = self._therapies.get(row["therapy"], cell(row["therapy"]))
            if often[row["therapy"]] > 1:
                name += f" in {self._diseases.get(row['disease'], cell(row['disease']))}"
            parts.append(f"{name} {_fraction(row)}")
        if study["status"] != "included":
            reason = "" if study["status_reason"] in SILENT else f": {cell(study['status_reason'])}"
            return "; ".join([*parts, word("status", study["status"]) + reason])
        arms = self._both["arms"][side]
        aside = arms[(arms["study_id"] == study["study_id"]) & (arms["entered"] == "no")]
        aside = aside[(aside["scope"] == "therapy") & (aside["disease"] == ALL)]
        if len(aside):
            named = [f"{self._therapies.get(row.therapy, row.therapy)}, {row.reason}" for row in aside.itertuples()]
            parts.append(f"not analysed: {joined(named)}")
        return "; ".join(parts)

    def _arms(self) -> Iterator[tuple]:
        """Studies that enter an analysis of a treatment now, or no longer, beside those that are new themselves."""
        sides = [
            frame[(frame["scope"] == "therapy") & (frame["disease"] == ALL)].fillna({"reason": ""})
            for frame in self._both["arms"]
        ]
        was, is_ = (
            {
                key: NOTHING if (rows["entered"] == "yes").any() else joined(rows["reason"])
                for key, rows in frame.groupby(["therapy", "study_id"], sort=False)
            }
            for frame in sides
        )
        status = {key: (old.get("status"), new.get("status")) for key, old, new in self._pairs("studies", "study_id")}
        for (therapy, study), reason in is_.items():
            old = was.get((therapy, study))
            if old is None or (old == NOTHING) == (reason == NOTHING) or len(set(status[study])) > 1:
                continue
            label, name = self._studies[study], self._therapies.get(therapy, therapy)
            cause = self._cause((therapy, ALL) in self._touched)
            printed = ["analysed" if why == NOTHING else f"not analysed: {why}" for why in (old, reason)]
            if reason == NOTHING:
                words = f"{label} enters the analysis of {name} now; before: {old}"
            else:
                words = f"{label} no longer enters the analysis of {name}: {reason}"
            yield "arms", f"{therapy}:{study}", label, "entered", *printed, f"{words}.{cause}"

    def _response_rows(self) -> Iterator[tuple]:
        known = set.intersection(*(set(frame["study_id"]) for frame in self._both["studies"]))
        for key, was, is_ in self._pairs("responses", "response_id"):
            row = is_ or was
            if row["study_id"] not in known:
                continue  # told with its study
            label = f"{self._studies[row['study_id']]}, {self._treated(row)}"
            told = _fraction(row)
            if not was:
                yield "responses", key, label, "row", NOTHING, told, f"New result of a known study: {label}, {told}."
            elif not is_:
                yield "responses", key, label, "row", told, NOTHING, f"Result removed: {label}, {told}."
            else:
                yield from self._cells("responses", key, label, was, is_, RESPONSE_CELLS)

    def _treated(self, row: Mapping) -> str:
        therapy = self._therapies.get(row["therapy"], cell(row["therapy"]))
        return therapy if row["disease"] in (*SILENT, ALL) else f"{therapy} in {self._diseases.get(row['disease'])}"

    def _cells(self, about: str, key: str, label: str, was: Mapping, is_: Mapping, cells: Mapping) -> Iterator[tuple]:
        """The cells of a row that print something else now."""
        for column, name in cells.items():
            before, after = (self._printed(row, column) for row in (was, is_))
            if before != after and (column == "counts" or (column in was and column in is_)):
                yield about, key, label, column, before, after, f"{label}: {name} was {before}, is {after}."

    def _printed(self, row: Mapping, column: str) -> str:
        if column == "counts":
            return _fraction(row)
        labels = {"study_id": self._studies, "therapy": self._therapies, "disease": self._diseases}
        value = row.get(column, "")
        if column in labels:
            return labels[column].get(value, cell(value))
        return word(column, value) if column in _WORDS else cell(value)

    # Claims and choices --------------------------------------------------------------------------------------

    def _claims(self) -> Iterator[tuple]:
        for key, was, is_ in self._pairs("reconciliation", "claim_id"):
            row = is_ or was
            label = f"{cell(row['review'])}, {cell(row['about'])}, {cell(row['measure'])} {cell(row['claimed'])}"
            verdicts = [cell(side.get("verdict")) for side in (was, is_)]
            if verdicts[0] == verdicts[1]:
                continue
            if was and is_:
                words = f"{label}: the verdict was {verdicts[0]}, is {verdicts[1]}: {cell(is_['why'])}"
                words = words.rstrip(".") + "." + self._cause(bool(self._touched or self._altered))
            else:
                words = (
                    f"{'New published claim' if is_ else 'Published claim removed'}: {label} ({verdicts[bool(is_)]})."
                )
            yield "claims", key, label, "verdict", *verdicts, words

    def _changed_choices(self) -> Iterator[tuple[str, str, str]]:
        was, is_ = self._choices
        for key in [*is_, *(key for key in was if key not in is_)]:
            values = was.get(key, NOTHING), is_.get(key, NOTHING)
            if values[0] != values[1] and not key.startswith(UNTOLD_CHOICES):
                yield key, *values

    def _choice_rows(self) -> Iterator[tuple]:
        for key, was, is_ in self._changed_choices():
            meaning = self._meanings.get(key, key)
            yield "choices", key, meaning, key, was, is_, f"Choice changed, {meaning}: was {was}, is {is_}."


_WORDS = ("design", "controlled", "outcome", "primary_outcome", "unit", "evidence_basis", "confidence", "pool")
_DATA_OF_STUDY = [*(column for column in STUDY_CELLS if column != "label"), "status"]
_DATA_OF_RESPONSE = [*(column for column in RESPONSE_CELLS if column != "counts"), "n", "responders"]


def _differ(was: Mapping, is_: Mapping, columns: Iterable[str]) -> bool:
    """Whether a row is new, gone or another in one of the columns that both releases have."""
    if not was or not is_:
        return True
    return any(str(was[name]) != str(is_[name]) for name in columns if name in was and name in is_)


def _fraction(row: Mapping) -> str:
    pair = numbers(pd.Series([row["responders"], row["n"]], dtype="str"))
    return fraction(*pair)


def _counts(row: Mapping) -> str:
    """Summed counts of an analysis.

    >>> _counts({"k": 2, "events": 5, "n": 18}), _counts({"k": 0, "events": 0, "n": 0})
    ('5/18 from 2 studies', 'no counts')
    """
    if not row["k"]:
        return "no counts"
    return f"{row['events']:.0f}/{row['n']:.0f} from {counted(int(row['k']), 'study', 'studies')}"


def _result(row: Mapping) -> str:
    """An analysis as printed: the pooled response, or the counts that were not pooled and why."""
    if not row:
        return NOTHING
    if row["pooled"] != "yes":
        return f"not pooled: {_counts(row)} ({row['reason']})"
    studies = f"from {counted(int(row['k']), 'study', 'studies')}, {row['events']:.0f}/{row['n']:.0f}"
    if missing(row["estimate"]):
        return f"pooled without an estimate {studies}"
    return f"pooled {percent(row['estimate'])} {interval(row['ci_lb'], row['ci_ub'])} {studies}"


def _flat(choices: Mapping, path: str = "") -> dict[str, str]:
    """Choices by their dotted names, as printed."""
    made: dict[str, str] = {}
    for key, value in choices.items():
        name = f"{path}{key}"
        made |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: _choice(name, value)}
    return made


def _choice(name: str, value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(part).replace("_", " ") for part in value) or "none"
    if name == "grading.scheme":
        return scheme_name(value)
    return {**MODELS, **INTERVALS}.get(str(value)) or cell(value)
