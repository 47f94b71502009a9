"""What changed between two sets of results of one review: the only module that knows which change a reader is told.

A change is told where people would read another word or number: neither the order of rows nor a digit that nobody
prints is one. What a changed choice or a changed program did, and no study, is said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from small_evidence.appraisal.levels import as_text
from small_evidence.documents.text import Heading, Item, Text
from small_evidence.extraction.schema import ALL, LABELS, SILENT, humanise, numbers
from small_evidence.synthesis.analyses import analysis_id, over_all
from small_evidence.wording import (
    NOTHING,
    all_of,
    cell,
    class_label,
    counted,
    fraction,
    interval,
    interval_label,
    joined,
    labels_of,
    level_text,
    method_label,
    missing,
    percent,
    scheme_name,
    short_labels,
    with_labels,
    word,
)

CHANGES = ["about", "id", "label", "column", "before", "after", "words"]

# What is told, most important first, and under which heading; a column that is not named has the place of its table.
ORDER = {
    ("pooled", "direction"): "Conclusions",
    ("pooled", "pooled"): "Conclusions",
    ("pooled", "treatment"): "Conclusions",
    ("levels", ""): "Conclusions",
    ("studies", "study"): "Studies",
    ("studies", "status"): "Studies",
    ("responses", "row"): "Studies",
    ("pooled", "response"): "Numbers",
    ("pooled", "prediction_interval"): "Numbers",
    ("pooled", "analysis"): "Numbers",
    ("arms", ""): "Numbers",
    ("responses", ""): "Corrections",
    ("studies", ""): "Corrections",
    ("claims", ""): "Published claims",
    ("choices", ""): "Choices",
}
RANK = {kind: place for place, kind in enumerate(ORDER)}

# How many there are, in this order; where a kind has two directions, the first word of `after` tells them apart
COUNTED = {
    ("studies", "study", "new"): ("study added", "studies added"),
    ("studies", "study", "gone"): ("study removed", "studies removed"),
    ("studies", "status"): ("study with another status", "studies with another status"),
    ("responses", "row", "new"): ("result added to a known study", "results added to known studies"),
    ("responses", "row", "gone"): ("result of a known study removed", "results of known studies removed"),
    "corrected": ("row corrected", "rows corrected"),
    ("pooled", "treatment", "new"): ("new treatment or group", "new treatments or groups"),
    ("pooled", "treatment", "gone"): ("treatment or group gone", "treatments or groups gone"),
    ("pooled", "direction"): ("direction changed", "directions changed"),
    ("pooled", "pooled", "pooled"): ("result newly pooled", "results newly pooled"),
    ("pooled", "pooled", "not"): ("result no longer pooled", "results no longer pooled"),
    ("levels", ""): ("level of evidence changed", "levels of evidence changed"),
    ("pooled", "response", "pooled"): ("pooled result changed", "pooled results changed"),
    ("pooled", "response", "not"): ("sum of counts changed", "sums of counts changed"),
    ("pooled", "prediction_interval"): ("prediction interval changed", "prediction intervals changed"),
    ("pooled", "analysis"): ("analysis by disease new or gone", "analyses by disease new or gone"),
    ("arms", ""): ("study in or out of an analysis", "studies in or out of an analysis"),
    ("claims", ""): ("verdict on a published claim changed", "verdicts on published claims changed"),
    ("choices", ""): ("choice changed", "choices changed"),
}

# Cells that a reader is told of when they are corrected, in words; notes and places on a page are not told.
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
# Cells that a number or a level can rest on
STUDY_DATA = ["status", *(column for column in STUDY_CELLS if column != "label")]
RESPONSE_DATA = ["n", "responders", *(column for column in RESPONSE_CELLS if column != "counts")]
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
        (study_levels, arms, pooled, therapy_levels, reconciliation) by name. A table or a column that only one of them
        has is not compared; without any table in `before` nothing is
    choices_before, choices : mapping; the review's choices (its config) then and now
    meanings : mapping; what a choice means by its dotted name ("synthesis.conf_level"), from `review.read_meanings`

    Returns
    -------
    DataFrame with the columns CHANGES, a row a change, most important first: about ("studies", "responses", "arms",
    "pooled", "levels", "claims", "choices"), id (of the study, response row, analysis, claim or choice), label, column
    (what of it), before and after as printed, words (a sentence). No row: nothing changed.
    """
    rows = _Comparison(before, now, choices_before, choices, meanings or {}).rows() if before else []
    return pd.DataFrame(rows, columns=CHANGES)


def changes_text(changes: pd.DataFrame, release: str) -> Text:
    """The changes as a text: how many of each kind, then a sentence each.

    Parameters
    ----------
    changes : DataFrame from `compare_results`
    release : str; the version compared with, "" when there is none
    """
    if not release:
        words = "No earlier release to compare with. Freeze these results with: snakemake data/releases/1.0"
        return Text("changes", "What changed", (f"{words} (or another name).",))
    if changes.empty:
        return Text("changes", "What changed", (f"Nothing changed since release {release}.",))
    blocks: list = [summary(changes)]
    headings = pd.Series([ORDER[_kind(row)] for row in changes.itertuples()], index=changes.index)
    for heading in dict.fromkeys(ORDER.values()):
        told = changes.loc[headings == heading, "words"]
        blocks += [Heading(heading), *map(Item, told)] if len(told) else []
    return Text("changes", f"What changed since release {release}", tuple(blocks))


def summary(changes: pd.DataFrame) -> str:
    """How many changes there are of each kind; "" where there is none.

    >>> summary(pd.DataFrame([("studies", "doe", "Doe", "study", "—", "case report", "New study")], columns=CHANGES))
    '1 study added.'
    """
    corrected, kinds = set(), Counter()
    for row in changes.itertuples():
        kind = _kind(row)
        way = "new" if row.before == NOTHING else "gone" if row.after == NOTHING else row.after.split(" ")[0].strip(",")
        kinds.update([kind, (*kind, way)])
        corrected |= {(row.about, row.id)} if ORDER[kind] == "Corrections" else set()
    kinds["corrected"] = len(corrected)
    told = [counted(kinds[kind], one, many) for kind, (one, many) in COUNTED.items() if kinds[kind]]
    return f"{'; '.join(told)}." if told else ""


def _kind(row) -> tuple[str, str]:
    """The place of a change in ORDER."""
    return (row.about, row.column) if (row.about, row.column) in ORDER else (row.about, "")


class _Comparison:
    """Two sets of results, with what a sentence on a difference needs."""

    def __init__(self, before, now, choices_before, choices, meanings) -> None:
        before = _named_as_now(before, now)
        self._both = {name: (as_text(before[name]), as_text(now[name])) for name in now if name in before}
        self._line = choices_before["grading"]["response_threshold"], choices["grading"]["response_threshold"]
        self._class_labels = choices_before["review"]["class_labels"] | choices["review"]["class_labels"]
        self._meanings = meanings
        self._studies = self._labels("studies", "study_id")
        self._therapies = self._labels("therapies", "therapy")
        self._diseases = short_labels(pd.concat(self._both["diseases"]).drop_duplicates("disease", keep="last"))
        values = _flat(choices_before), _flat(choices)
        self._choices = {
            key: (values[0].get(key, NOTHING), values[1].get(key, NOTHING))
            for key in values[0] | values[1]
            if values[0].get(key) != values[1].get(key) and not key.startswith(UNTOLD_CHOICES)
        }
        self._altered = self._altered_studies()
        self._touched = self._touched_analyses()

    def rows(self) -> list[tuple]:
        """All changes in the order of ORDER, those of one kind in the order of the tables now."""
        parts = (
            self._pooled, self._levels, self._study_levels, self._study_rows, self._arms, self._response_rows,
            self._claims, self._choice_rows,
        )  # fmt: skip
        made = [row for part in parts for row in part()]
        return sorted(made, key=lambda row: RANK.get((row[0], row[3]), RANK.get((row[0], ""))))

    # What the sentences rest on ------------------------------------------------------------------------------

    def _labels(self, table: str, key: str) -> dict[str, str]:
        before, now = self._both[table]
        return labels_of(before, key) | labels_of(now, key)

    def _pairs(self, table: str, key: str) -> Iterator[tuple[str, dict, dict]]:
        """Rows of a table then and now by their key, in the order of now; an empty row where there is none."""
        if table not in self._both:
            return
        was, is_ = ({row[key]: row for row in frame.to_dict("records")} for frame in self._both[table])
        for name in [*is_, *(name for name in was if name not in is_)]:
            yield name, was.get(name, {}), is_.get(name, {})

    def _altered_studies(self) -> set[str]:
        """Studies that are new, gone or differ in what a number or a level can rest on."""
        altered = {key for key, was, is_ in self._pairs("studies", "study_id") if _differ(was, is_, STUDY_DATA)}
        judged = self._pairs("study_levels", "study_id")
        altered |= {key for key, was, is_ in judged if _differ(was, is_, ["judgement"])}
        if "overlaps" in self._both:
            was, is_ = (set(frame.itertuples(index=False, name=None)) for frame in self._both["overlaps"])
            pairs = pd.DataFrame(was ^ is_, columns=self._both["overlaps"][1].columns)
            altered |= {*pairs["study_a"], *pairs["study_b"]}
        return altered

    def _touched_analyses(self) -> set[tuple[str, str]]:
        """Treatments and classes with a disease (or all) that rest on a row that is new, gone or changed."""
        classes = [dict(zip(each["therapy"], each["therapy_class"], strict=True)) for each in self._both["therapies"]]
        touched = set()
        for _, was, is_ in self._pairs("responses", "response_id"):
            rows = [row for row in (was, is_) if row]
            changed = _differ(was, is_, RESPONSE_DATA) or any(row["study_id"] in self._altered for row in rows)
            for row in rows:
                therapy = row["therapy"]
                groups = {known.get(therapy) for known in classes}
                if changed or len(groups) > 1:
                    touched |= {(name, place) for name in {therapy, *groups} for place in (ALL, row["disease"])}
        return touched

    def _cause(self, touched: bool, *sections: str) -> str:
        """What else to know: whether a change rests on studies at all, or on choices of the sections that matter."""
        chosen = any(key.startswith(sections) for key in self._choices)
        if touched:
            return " Choices of the review changed too." if chosen else ""
        if chosen:
            return " No study of it changed; choices of the review did."
        return " Neither its studies nor the choices changed; the program did."

    def _of_analysis(self, row: Mapping) -> str:
        """What an analysis is called."""
        label = self._therapies.get(row["therapy"], row["therapy"])
        what = all_of(class_label(row["therapy"], self._class_labels)) if row["scope"] == "class" else label
        return what if row["disease"] == ALL else f"{what} in {self._disease(row['disease'])}"

    def _disease(self, slug: str) -> str:
        return self._diseases.get(slug, cell(slug))

    # Conclusions and numbers ---------------------------------------------------------------------------------

    def _pooled(self) -> Iterator[tuple]:
        known = [set(zip(frame["scope"], frame["therapy"], strict=True)) for frame in self._both["pooled"]]
        for key, was, is_ in self._pairs("pooled", "analysis"):
            row = is_ or was
            label, touched = self._of_analysis(row), (row["therapy"], row["disease"]) in self._touched
            if was and is_:
                cause = self._cause(touched, "synthesis.", "grading.response_threshold")
                told = [
                    *self._direction(label, was, is_, cause),
                    *self._response(label, was, is_, self._cause(touched, "synthesis.")),
                ]
            elif row["disease"] == ALL or all((row["scope"], row["therapy"]) in each for each in known):
                told = [self._new_or_gone(label, was, is_, self._cause(touched, "synthesis."))]
            else:
                told = []  # a treatment that is new or gone is told once, not once more for each disease
            for column, before, after, words in told:
                yield "pooled", key, label, column, before, after, words

    def _direction(self, label: str, was: Mapping, is_: Mapping, cause: str) -> Iterator[tuple]:
        if was["direction"] and is_["direction"] and was["direction"] != is_["direction"]:
            before, after = (f"{row['direction']} {line:.0%}" for row, line in zip((was, is_), self._line, strict=True))
            yield "direction", before, after, f"{label}: the interval lay {before}, lies {after} now.{cause}"

    def _response(self, label: str, was: Mapping, is_: Mapping, cause: str) -> Iterator[tuple]:
        before, after = _result(was), _result(is_)
        spans = [interval(row["pi_lb"], row["pi_ub"]) for row in (was, is_)]
        short = [text.removeprefix("pooled ").removeprefix("not pooled, ") for text in (before, after)]
        if was["pooled"] != is_["pooled"]:
            words = f"{label} can be pooled now: {short[1]} (before: {was['reason']})"
            if is_["pooled"] != "yes":
                words = f"{label} can no longer be pooled: {is_['reason']} (before: {short[0]})"
            yield "pooled", before, after, f"{words}.{cause}"
        elif before != after:
            words = f"{label}: pooled response was {short[0]}; now {short[1]}"
            if is_["pooled"] != "yes":
                words = f"{label}, not pooled: {short[0]} before; now {short[1]}"
            yield "response", before, after, f"{words}.{cause}"
        elif spans[0] != spans[1]:
            words = f"{label}: prediction interval was {spans[0]}, is {spans[1]}"
            yield "prediction_interval", *spans, f"{words}.{cause}"

    def _new_or_gone(self, label: str, was: Mapping, is_: Mapping, cause: str) -> tuple:
        row = is_ or was
        result = _result(row) + (f" ({row['reason']})" if row["pooled"] != "yes" else "")
        words = f"{'New in the review' if is_ else 'No longer in the review'}: {label}, {result}.{cause}"
        return "treatment" if row["disease"] == ALL else "analysis", _result(was), _result(is_), words

    def _levels(self) -> Iterator[tuple]:
        if "therapy_levels" not in self._both:
            return
        was, is_ = (
            {analysis_id(row["scope"], row["therapy"], row["disease"]): row for row in frame.to_dict("records")}
            for frame in self._both["therapy_levels"]
        )
        for key, row in is_.items():
            if key in was and was[key]["level"] != row["level"]:
                cause = self._cause((row["therapy"], row["disease"]) in self._touched, "grading.scheme")
                yield self._level(key, self._of_analysis(row), "level of evidence", was[key], row, cause)

    def _study_levels(self) -> Iterator[tuple]:
        for key, was, is_ in self._pairs("study_levels", "study_id"):
            if was and is_ and was["level"] != is_["level"] and "excluded" not in (was["status"], is_["status"]):
                cause = self._cause(key in self._altered, "grading.scheme")
                yield self._level(key, self._studies[key], "level of evidence of the study", was, is_, cause)

    def _level(self, key: str, label: str, what: str, was: Mapping, is_: Mapping, cause: str) -> tuple:
        before, after = level_text(was["level"]), level_text(is_["level"])
        rule = with_labels(cell(is_["rule"]).removeprefix(f"{after}: ").removeprefix(f"{after} ("), self._studies)
        words = f"{label}: {what} was {before}, is {after}: {rule}.{cause}"
        return "levels", key, label, "level", before, after, words

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
                    before, after = (word("status", row["status"]) for row in (was, is_))
                    words = f"{label} was {before}, is {after} now ({self._described(is_, 1)})."
                    yield "studies", key, label, "status", before, after, words
                yield from self._cells("studies", key, label, was, is_, STUDY_CELLS)

    def _described(self, study: Mapping, side: int) -> str:
        """Design, size, counts, and what does not enter an analysis and why, of a study then (0) or now (1)."""
        size = cell(study["n_patients"])
        parts = [word("design", study["design"])]
        parts.append(counted(int(size), "patient") if size.isdecimal() else "number of patients not reported")
        responses, arms = (self._both[table][side] for table in ("responses", "arms"))
        rows = responses[(responses["study_id"] == study["study_id"]) & (responses["primary_outcome"] == "yes")]
        often = Counter(rows["therapy"])
        for row in rows.to_dict("records"):
            name = self._therapies.get(row["therapy"], cell(row["therapy"]))
            name += f" in {self._disease(row['disease'])}" if often[row["therapy"]] > 1 else ""
            parts.append(f"{name} {_told(row).split(' (')[0]}")
        if study["status"] != "included":
            reason = "" if study["status_reason"] in SILENT else f": {cell(study['status_reason'])}"
            return "; ".join([*parts, word("status", study["status"]) + reason])
        aside = over_all(arms[(arms["study_id"] == study["study_id"]) & (arms["entered"] == "no")])
        if len(aside):
            named = [
                f"{self._therapies.get(row.therapy, row.therapy)}, {cell(row.reason)}" for row in aside.itertuples()
            ]
            parts.append(f"not analysed: {joined(named)}")
        return "; ".join(parts)

    def _arms(self) -> Iterator[tuple]:
        """Known studies that enter an analysis of a treatment now, or no longer; what changed status is told there."""
        was, is_ = (
            {
                key: "" if (rows["entered"] == "yes").any() else joined(map(cell, rows["reason"]))
                for key, rows in over_all(frame).groupby(["therapy", "study_id"], sort=False)
            }
            for frame in self._both["arms"]
        )
        settled = {
            key for key, old, new in self._pairs("studies", "study_id") if old.get("status") == new.get("status")
        }
        for (therapy, study), reason in is_.items():
            old = was.get((therapy, study), reason)
            if study not in settled or bool(old) == bool(reason):
                continue
            label, name = self._studies[study], self._therapies.get(therapy, therapy)
            words = f"{label} no longer enters the analysis of {name}: {reason}"
            if not reason:
                words = f"{label} enters the analysis of {name} now (before: {old})"
            before, after = (f"not analysed: {why}" if why else "analysed" for why in (old, reason))
            cause = self._cause((therapy, ALL) in self._touched, "synthesis.")
            yield "arms", f"{therapy}:{study}", label, "entered", before, after, f"{words}.{cause}"

    def _response_rows(self) -> Iterator[tuple]:
        known = set.intersection(*(set(frame["study_id"]) for frame in self._both["studies"]))
        for key, was, is_ in self._pairs("responses", "response_id"):
            row = is_ or was
            if row["study_id"] not in known:
                continue  # told with its study
            therapy = self._therapies.get(row["therapy"], cell(row["therapy"]))
            where = "" if row["disease"] in (*SILENT, ALL) else f" in {self._disease(row['disease'])}"
            label, told = f"{self._studies[row['study_id']]}, {therapy}{where}", _told(row)
            if not was:
                yield (
                    "responses",
                    key,
                    label,
                    "row",
                    NOTHING,
                    told,
                    f"New result of a known study: {label}, {told}.",
                )
            elif not is_:
                yield "responses", key, label, "row", told, NOTHING, f"Result removed: {label}, {told}."
            else:
                yield from self._cells("responses", key, label, was, is_, RESPONSE_CELLS)

    def _cells(self, about: str, key: str, label: str, was: Mapping, is_: Mapping, cells: Mapping) -> Iterator[tuple]:
        """The cells of a row that print something else now."""
        for column, name in cells.items():
            if column == "counts" or (column in was and column in is_):
                before, after = (self._printed(row, column) for row in (was, is_))
                if before != after:
                    known = before.split("/")[0] not in (NOTHING, "NR", "unclear")
                    words = f"{label}{', corrected' * known}: {name} {before} before, {after} now."
                    yield about, key, label, column, before, after, words

    def _printed(self, row: Mapping, column: str) -> str:
        if column == "counts":
            return _fraction(row).replace(NOTHING, "NR")
        labels = {"study_id": self._studies, "therapy": self._therapies, "disease": self._diseases}
        if column in labels:
            return labels[column].get(row[column], cell(row[column]))
        return word(column, row[column]) if column in LABELS else cell(row[column])

    # Claims and choices --------------------------------------------------------------------------------------

    def _claims(self) -> Iterator[tuple]:
        for key, was, is_ in self._pairs("reconciliation", "claim_id"):
            row = is_ or was
            label = f"{cell(row['review'])}, {cell(row['about'])}, {cell(row['measure'])} {cell(row['claimed'])}"
            before, after = (cell(each.get("verdict")) for each in (was, is_))
            if was and is_:
                words = f"{label}: verdict {before} before, {after} now: {cell(row['why']).rstrip('.')}."
                words += self._cause(bool(self._touched or self._altered), "")
            else:
                words = (
                    f"{'New published claim' if is_ else 'Published claim removed'}: {label} ({cell(row['verdict'])})."
                )
            if before != after:
                yield "claims", key, label, "verdict", before, after, words

    def _choice_rows(self) -> Iterator[tuple]:
        for key, (before, after) in self._choices.items():
            label = self._meanings.get(key, key)
            yield "choices", key, label, key, before, after, f"Choice changed, {label}: {before} before, {after} now."


def _named_as_now(before: Mapping[str, pd.DataFrame], now: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables then, in which studies and response rows that only got another id have the one of now."""
    studies = {}
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
    """Old key to new key of the rows that these columns, when they say something, make the same one to one."""
    gone, come = was[~was[key].isin(is_[key])], is_[~is_[key].isin(was[key])]
    pairs = gone[[key, *same]].merge(come[[key, *same]], on=same, suffixes=("", "_now"))
    pairs = pairs[~pairs[same].isin(SILENT).any(axis=1)]
    once = pairs.drop_duplicates(key, keep=False).drop_duplicates(f"{key}_now", keep=False)
    return dict(zip(once[key], once[f"{key}_now"], strict=True))


def _differ(was: Mapping, is_: Mapping, columns: Iterable[str]) -> bool:
    """Whether a row is new, gone or another in one of the columns that both have."""
    if not was or not is_:
        return True
    return any(str(was[name]) != str(is_[name]) for name in columns if name in was and name in is_)


def _fraction(row: Mapping) -> str:
    """Responders of patients of a response row."""
    return fraction(*numbers(pd.Series([row["responders"], row["n"]], dtype="str")))


def _told(row: Mapping) -> str:
    counts = _fraction(row)
    return "counts not reported" if counts == NOTHING else counts


def _result(row: Mapping) -> str:
    """An analysis as printed.

    >>> _result({"pooled": "no", "k": 2, "events": 5, "n": 18}), _result({"pooled": "no", "k": 0}), _result({})
    ('not pooled, 5/18 from 2 studies', 'not pooled, no study entered', '—')
    """
    if not row:
        return NOTHING
    if not row["k"]:
        return "not pooled, no study entered"
    studies, counts = counted(int(row["k"]), "study", "studies"), f"{row['events']:.0f}/{row['n']:.0f}"
    if row["pooled"] != "yes":
        return f"not pooled, {counts} from {studies}"
    value = f"{percent(row['estimate'])} {interval(row['ci_lb'], row['ci_ub'])}"
    return f"pooled {'without an estimate' if missing(row['estimate']) else value} from {studies}, {counts}"


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
    if isinstance(value, list):
        return ", ".join(humanise(part) for part in value) or "none"
    if name == "grading.scheme":
        return scheme_name(value)
    if name == "synthesis.method":
        return method_label(value)
    if name == "synthesis.interval":
        return interval_label(value)
    return LABELS["unit"].get(value) or cell(value)
