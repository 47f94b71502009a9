"""The changes since a release as sentences for people, made from the codes of `changes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from small_evidence.config import meanings, with_defaults
from small_evidence.documents.text import Heading, Item, Text
from small_evidence.extraction.schema import ALL, LABELS, SILENT, TABLES, humanise, numbers
from small_evidence.names import analysis_id
from small_evidence.reasons import arm_reason, not_pooled_reason, study_level_words, therapy_level_words
from small_evidence.release.changes import Release, compare_results
from small_evidence.review import Review
from small_evidence.tables.claims import VERDICTS, about_words, quantity_words
from small_evidence.wording import (
    NOTHING,
    all_of,
    cell,
    counted,
    fraction,
    ids_in,
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
    word,
)

# Heading -> its kinds of change, in the order of the text, with what one and several of a kind are called
HEADINGS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "New version": {"update_due": ("reason for a new version", "reasons for a new version")},
    "Conclusions": {
        "direction": ("direction changed", "directions changed"),
        "newly_pooled": ("result newly pooled", "results newly pooled"),
        "no_longer_pooled": ("result no longer pooled", "results no longer pooled"),
        "treatment_added": ("treatment or class added", "treatments or classes added"),
        "treatment_removed": ("treatment or class removed", "treatments or classes removed"),
        "level": ("level of evidence changed", "levels of evidence changed"),
        "study_level": ("level of evidence of a study changed", "levels of evidence of studies changed"),
    },
    "Studies": {
        "study_added": ("study added", "studies added"),
        "study_removed": ("study removed", "studies removed"),
        "study_status": ("study with another status", "studies with another status"),
        "row_added": ("result added to a known study", "results added to known studies"),
        "row_removed": ("result of a known study removed", "results of known studies removed"),
    },
    "Numbers": {
        "pooled_result": ("pooled result changed", "pooled results changed"),
        "sum_of_counts": ("sum of counts changed", "sums of counts changed"),
        "prediction_interval": ("prediction interval changed", "prediction intervals changed"),
        "analysis_added": ("analysis by disease added", "analyses by disease added"),
        "analysis_removed": ("analysis by disease removed", "analyses by disease removed"),
        "arm_entered": ("study newly in an analysis", "studies newly in an analysis"),
        "arm_left": ("study no longer in an analysis", "studies no longer in an analysis"),
        "event_result": ("result on an adverse event changed", "results on adverse events changed"),
    },
    "Corrections": {
        "row_corrected": ("result corrected", "results corrected"),
        "study_corrected": ("study corrected", "studies corrected"),
        "event_added": ("report of an adverse event added", "reports of adverse events added"),
        "event_removed": ("report of an adverse event removed", "reports of adverse events removed"),
        "event_corrected": ("report of an adverse event corrected", "reports of adverse events corrected"),
        "appraisal": ("appraisal of the risk of bias changed", "appraisals of the risk of bias changed"),
    },
    "Published claims": {
        "claim_verdict": ("verdict on a published claim changed", "verdicts on published claims changed"),
        "claim_added": ("published claim added", "published claims added"),
        "claim_removed": ("published claim removed", "published claims removed"),
    },
    "Choices": {"choice": ("choice changed", "choices changed")},
}
NAMES = {kind: names for kinds in HEADINGS.values() for kind, names in kinds.items()}
CELLS = {
    "label": "name", "year": "year", "design": "design", "controlled": "comparison group",
    "n_patients": "number of patients", "cohort_id": "cohort", "level_override": "level set by the authors",
    "study_id": "study", "therapy": "treatment", "disease": "disease", "arm": "arm", "role": "role of the arm",
    "outcome": "outcome", "primary_outcome": "primary outcome", "unit": "what is counted", "dose": "dose",
    "follow_up": "follow-up", "time_point_months": "time point (months)", "responders": "responders",
    "n": "evaluable patients", "n_treated": "patients treated", "n_complete": "complete responses",
    "n_partial": "partial responses", "n_none": "patients without response",
    "response_definition": "definition of response", "evidence_basis": "what was read", "source": "source",
    "confidence": "confidence of the extraction", "pool": "may be pooled", "pool_reason_code": "why it is not pooled",
    "reporting": "reporting", "n_at_risk": "patients at risk", "serious": "serious",
}  # fmt: skip
CAUSES = {
    "": "",
    "data": "",
    "data;choices": " Choices of the review changed too.",
    "choices": " No study of it changed; choices of the review did.",
    "program": " Neither its studies nor the choices changed; the program did.",
}

Row = Mapping[Any, Any]


def with_words(changes: pd.DataFrame, before: Release, now: Release) -> pd.DataFrame:
    """The changes with a column `words`: a sentence in the first row of each (kind, id), "" in its other rows."""
    if changes.empty:
        return changes.assign(words=pd.Series(dtype="str"))
    worded = _Sentences(before, now)
    words = pd.Series("", index=changes.index)
    for _, rows in changes.groupby(["kind", "id"], sort=False):
        cells: list[Row] = [*rows.to_dict("records")]
        words[rows.index[0]] = worded.sentence(cells[0]["kind"], cells[0]["id"], cells)
    return changes.assign(words=words)


def changes_since(before: Release, review: Review) -> pd.DataFrame:
    """What changed from a release to a review with results, with the sentences of `with_words`."""
    now = Release({**review.tables, **review.results}, review.config)
    return with_words(compare_results(before, now), before, now)


def changes_text(changes: pd.DataFrame, release: str) -> Text:
    """The changes as a text: how many of each kind, then a sentence each.

    Parameters
    ----------
    changes : DataFrame from `with_words`
    release : the version compared with, "" when there is none
    """
    if not release:
        words = "No earlier release to compare with. Freeze these results with: snakemake data/releases/1.0"
        return Text("changes", "What changed", (f"{words} (or another name).",))
    if changes.empty:
        return Text("changes", "What changed", (f"Nothing changed since release {release}.",))
    told = changes[changes["words"] != ""]
    blocks: list[Any] = [summary(told)]
    if "update_due" not in set(told["kind"]):
        blocks.append("No new version is due by the criteria of the review (section update of its configuration).")
    for heading, kinds in HEADINGS.items():
        sentences = told.loc[told["kind"].isin(list(kinds)), "words"]
        blocks += [Heading(heading), *map(Item, sentences)] if len(sentences) else []
    return Text("changes", f"What changed since release {release}", tuple(blocks))


def summary(changes: pd.DataFrame) -> str:
    """How many changes there are of each kind, of `with_words`.

    >>> summary(pd.DataFrame({"kind": ["study_added", "level", "study_added"], "id": ["a", "b", "c"]}))
    '1 level of evidence changed; 2 studies added.'
    """
    kinds = Counter(changes.drop_duplicates(["kind", "id"])["kind"])
    return "; ".join(counted(kinds[kind], *names) for kind, names in NAMES.items() if kinds[kind]) + "."


class _Sentences:
    """Two releases, with the labels and rows that the sentences name."""

    def __init__(self, before: Release, now: Release) -> None:
        self.before, self.now = before, now
        self.reviews = [
            Review(
                {name: frame for name, frame in release.frames.items() if name in TABLES},
                with_defaults(release.config),
                {name: frame for name, frame in release.frames.items() if name not in TABLES},
            )
            for release in (before, now)
        ]

    def sentence(self, kind: str, name: str, cells: list[Row]) -> str:
        makers: Mapping[str, Callable[[str, list[Row]], str]] = {
            "update_due": self._due,
            "direction": self._direction, "newly_pooled": self._pooling, "no_longer_pooled": self._pooling,
            "treatment_added": self._analysis, "treatment_removed": self._analysis,
            "analysis_added": self._analysis, "analysis_removed": self._analysis,
            "level": self._level, "study_level": self._study_level,
            "study_added": self._study, "study_removed": self._study, "study_status": self._status,
            "row_added": self._row, "row_removed": self._row,
            "pooled_result": self._result, "sum_of_counts": self._result,
            "prediction_interval": self._prediction,
            "arm_entered": self._arm, "arm_left": self._arm, "event_result": self._event_result,
            "row_corrected": self._corrected_row, "study_corrected": self._corrected_study,
            "event_added": self._event, "event_removed": self._event, "event_corrected": self._event,
            "appraisal": self._appraisal, "claim_verdict": self._claim, "claim_added": self._claim,
            "claim_removed": self._claim, "choice": self._choice,
        }  # fmt: skip
        return makers[kind](name, cells) + ("" if kind == "choice" else CAUSES[cells[0]["cause"]])

    # Labels and rows ---------------------------------------------------------------------------------------

    @cached_property
    def studies(self) -> Mapping[str, str]:
        return self._labels("studies", "study_id")

    @cached_property
    def therapies(self) -> Mapping[str, str]:
        return self._labels("therapies", "therapy")

    @cached_property
    def diseases(self) -> Mapping[str, str]:
        frames = [release.frames["diseases"] for release in (self.before, self.now)]
        return short_labels(pd.concat(frames).drop_duplicates("disease", keep="last"))

    def _labels(self, table: str, key: str) -> Mapping[str, str]:
        return labels_of(self.before.frames[table], key) | labels_of(self.now.frames[table], key)

    def _rows(self, table: str, key: tuple[str, ...], name: str) -> tuple[Row, Row]:
        """A row then and now; an empty one where there is none."""
        cached = self._indexed.setdefault(table, [
            {":".join(str(row[part]) for part in key): row for row in release.frames[table].to_dict("records")}
            for release in (self.before, self.now)
        ])  # fmt: skip
        return cached[0].get(name, {}), cached[1].get(name, {})

    @cached_property
    def _indexed(self) -> dict[str, list[dict[str, Row]]]:
        return {}

    def _of_analysis(self, row: Row) -> str:
        """What an analysis is called."""
        if row["scope"] == "class":
            labels = {**self.reviews[0].labels.therapy_class, **self.reviews[1].labels.therapy_class}
            what = all_of(labels.get(row["therapy"]) or humanise(row["therapy"]))
        else:
            what = self.therapies.get(row["therapy"], row["therapy"])
        return what if row["disease"] == ALL else f"{what} in {self._disease(row['disease'])}"

    def _disease(self, slug: str) -> str:
        return self.diseases.get(slug, cell(slug))

    def _outcome_of(self, row: Row, side: int) -> str:
        """The result of an analysis, with why it is not pooled."""
        reason = not_pooled_reason(row, self.reviews[side])
        return result_words(row) + (f" ({reason})" if reason else "")

    # Results -----------------------------------------------------------------------------------------------

    def _due(self, name: str, cells: list[Row]) -> str:
        """Why a new version is due, by the choice that says so."""
        trigger, about = name.split(":", 1)
        if trigger == "level_changed":
            label = self._of_analysis(self._rows("therapy_levels", ("scope", "therapy", "disease"), about)[1])
            return f"A new version is due: the level of evidence of {label} changed."
        reached, least = (percent(float(cells[0][side])) for side in ("after", "before"))
        if trigger == "interval_narrowed":
            label = self._of_analysis(self._rows("pooled", ("analysis",), about)[1])
            return f"A new version is due: the interval of {label} is narrower by {reached} (due from {least})."
        return f"A new version is due: {reached} of the analysed studies are new (due from {least})."

    def _direction(self, name: str, cells: list[Row]) -> str:
        lines = [f"{review.response_threshold:.0%}" for review in self.reviews]
        label = self._of_analysis(self._rows("pooled", ("analysis",), name)[1])
        before, after = cells[0]["before"], cells[0]["after"]
        return f"{label}: the interval was {before} {lines[0]}, now it is {after} {lines[1]}."

    def _pooling(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("pooled", ("analysis",), name)
        label = self._of_analysis(new)
        if new["pooled"] == "yes":
            reason = not_pooled_reason(old, self.reviews[0])
            return f"{label} can be pooled now: {result_words(new)}" + f" (before: {reason})" * bool(reason) + "."
        reason = not_pooled_reason(new, self.reviews[1])
        return f"{label} can no longer be pooled: {reason} (before: {result_words(old)})."

    def _result(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("pooled", ("analysis",), name)
        what = "pooled response" if new["pooled"] == "yes" else "not pooled"
        return f"{self._of_analysis(new)}, {what}: {result_words(old)} before, {result_words(new)} now."

    def _prediction(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("pooled", ("analysis",), name)
        spans = [interval(row["pi_lb"], row["pi_ub"]) for row in (old, new)]
        return f"{self._of_analysis(new)}, prediction interval: {spans[0]} before, {spans[1]} now."

    def _analysis(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("pooled", ("analysis",), name)
        what = "New in the review" if new else "No longer in the review"
        return f"{what}: {self._of_analysis(new or old)}, {self._outcome_of(new or old, 1 if new else 0)}."

    def _level(self, name: str, cells: list[Row]) -> str:
        row = self._rows("therapy_levels", ("scope", "therapy", "disease"), name)[1]
        rule = therapy_level_words(row, self.reviews[1])
        return f"{self._of_analysis(row)}, level of evidence: {level_text(cells[0]['before'])} before, now {rule}."

    def _study_level(self, name: str, cells: list[Row]) -> str:
        rule = study_level_words(self._rows("study_levels", ("study_id",), name)[1], self.reviews[1])
        return f"{self.studies[name]}, level of evidence: {level_text(cells[0]['before'])} before, now {rule}."

    def _arm(self, name: str, cells: list[Row]) -> str:
        therapy, study = name.split(":")
        left = cells[0]["after"] != ""
        arms = self.reviews[left]["arms"]
        rows = arms[(arms["analysis"] == analysis_id("therapy", therapy)) & (arms["study_id"] == study)]
        reason = joined(arm_reason(row, self.reviews[left]) for row in rows.to_dict("records"))
        label = self.therapies.get(therapy, therapy)
        if left:
            return f"{self.studies[study]} is no longer in the analysis of {label}: {reason}."
        return f"{self.studies[study]} is now in the analysis of {label} (before: {reason})."

    def _event_result(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("pooled_events", ("therapy", "term"), name)
        label = f"{self.therapies.get(new['therapy'], new['therapy'])}, {humanise(new['term']).lower()}"
        return f"{label}: {result_words(old)} before, {result_words(new)} now."

    # Data --------------------------------------------------------------------------------------------------

    def _study(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("studies", ("study_id",), name)
        what = "New study" if new else "Study removed"
        return f"{what}: {self.studies[name]} ({self._described(new or old, 1 if new else 0)})."

    def _status(self, name: str, cells: list[Row]) -> str:
        new = self._rows("studies", ("study_id",), name)[1]
        before, after = (word("status", cells[0][when]) for when in ("before", "after"))
        return f"{self.studies[name]}: {before} before, {after} now ({self._described(new, 1)})."

    def _described(self, study: Row, side: int) -> str:
        """Design, size, counts, and what is in no analysis and why, of a study then (0) or now (1)."""
        review, name = self.reviews[side], study["study_id"]
        size = cell(study["n_patients"])
        parts = [word("design", study["design"])]
        parts.append(counted(int(size), "patient") if size.isdecimal() else "number of patients not reported")
        responses = review["responses"]
        rows = responses[(responses["study_id"] == name) & (responses["primary_outcome"] == "yes")]
        often = Counter(rows["therapy"])
        for row in rows.to_dict("records"):
            label = self.therapies.get(row["therapy"], cell(row["therapy"]))
            label += f" in {self._disease(row['disease'])}" * (often[row["therapy"]] > 1)
            parts.append(f"{label} {_counts(row)}")
        if study["status"] != "included":
            reason = "" if study["status_reason"] in SILENT else f": {cell(study['status_reason'])}"
            return "; ".join([*parts, word("status", study["status"]) + reason])
        arms = review["arms"]
        aside = arms[(arms["study_id"] == name) & (arms["entered"] == "no")]
        aside = aside[(aside["scope"] == "therapy") & (aside["disease"] == ALL)]
        if len(aside):
            named = [
                f"{self.therapies.get(row['therapy'], row['therapy'])}, {arm_reason(row, review)}"
                for row in aside.to_dict("records")
            ]
            parts.append(f"not analysed: {joined(named)}")
        return "; ".join(parts)

    def _of_row(self, row: Row) -> str:
        """What a response row is called."""
        label = f"{self.studies[row['study_id']]}, {self.therapies.get(row['therapy'], cell(row['therapy']))}"
        return label if row["disease"] in (*SILENT, ALL) else f"{label} in {self._disease(row['disease'])}"

    def _row(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("responses", ("response_id",), name)
        what = "New result of a known study" if new else "Result removed"
        return f"{what}: {self._of_row(new or old)}, {_counts(new or old)}."

    def _corrected_row(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("responses", ("response_id",), name)
        return self._corrected(self._of_row(new), cells, old, new)

    def _corrected_study(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("studies", ("study_id",), name)
        return self._corrected(self.studies[name], cells, old, new)

    def _corrected(self, label: str, cells: list[Row], old: Row, new: Row) -> str:
        """Cells that differ; responders and n are printed together, and what was not known before is no correction."""
        parts, known = [], False
        columns = [one["column"] for one in cells]
        for one in cells:
            column = one["column"]
            known = known or one["before"] not in SILENT
            if column in ("responders", "n") and "responders" in old:
                if column == columns[min(columns.index(name) for name in ("responders", "n") if name in columns)]:
                    parts.append(f"responders {_counts(old)} before, {_counts(new)} now")
                continue
            before, after = (self._printed(column, one[when]) for when in ("before", "after"))
            parts.append(f"{CELLS[column]} {before} before, {after} now")
        return f"{label}{', corrected' * known}: {'; '.join(parts)}."

    def _printed(self, column: str, text: str) -> str:
        labels = {"study_id": self.studies, "therapy": self.therapies, "disease": self.diseases}
        if column in labels:
            return labels[column].get(text) or cell(text)
        if column == "outcome":
            return self.reviews[1].outcome(text).label if text not in SILENT else cell(text)
        return word(column, text) if column in LABELS else cell(text)

    def _event(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("adverse_events", ("study_id", "therapy", "term"), name)
        row = new or old
        label = f"{self.studies[row['study_id']]}, {self.therapies.get(row['therapy'], cell(row['therapy']))}, "
        label += humanise(row["term"]).lower()
        if old and new:
            return self._corrected(label, cells, old, new)
        what = "New report of an adverse event" if new else "Report of an adverse event removed"
        counts = fraction(*numbers(pd.Series([row["n_patients"], row["n_at_risk"]], dtype="str")))
        return f"{what}: {label} ({counts if counts != NOTHING else word('reporting', row['reporting'])})."

    def _appraisal(self, name: str, cells: list[Row]) -> str:
        study, tool = name.split(":")
        label = f"{self.studies.get(study, study)}, {humanise(tool)}"
        return f"{label}: {counted(len(cells), 'answer or judgement', 'answers or judgements')} changed."

    # Claims and choices ------------------------------------------------------------------------------------

    def _claim(self, name: str, cells: list[Row]) -> str:
        old, new = self._rows("reconciliation", ("claim_id",), name)
        row = new or old
        review = self.reviews[1]
        label = f"{cell(row['review'])}, {about_words(row, review)}, {quantity_words(row, review)}"
        if old and new:
            return f"{label}: {VERDICTS[old['verdict']]} before, {VERDICTS[new['verdict']]} now."
        what = "New published claim" if new else "Published claim removed"
        return f"{what}: {label} ({VERDICTS[row['verdict']]})."

    def _choice(self, name: str, cells: list[Row]) -> str:
        before, after = (_choice_words(name, cells[0][when]) for when in ("before", "after"))
        return f"Choice changed, {meanings().get(name, name)}: {before} before, {after} now."


def result_words(row: Row) -> str:
    """An analysis as printed; its row of `pooled` or `pooled_events`.

    >>> result_words({"pooled": "no", "k": 2, "events": 5, "n": 18}), result_words({"pooled": "no", "k": 0})
    ('5/18 from 2 studies', 'no study with counts')
    """
    if not row["k"]:
        return "no study with counts"
    studies, counts = counted(int(row["k"]), "study", "studies"), f"{row['events']:.0f}/{row['n']:.0f}"
    if row["pooled"] != "yes":
        return f"{counts} from {studies}"
    value = f"{percent(row['estimate'])} {interval(row['ci_lb'], row['ci_ub'])}"
    return f"{'no estimate' if missing(row['estimate']) else value} from {studies}, {counts}"


def _counts(row: Row) -> str:
    """Responders of patients of a response row."""
    counts = fraction(*numbers(pd.Series([row["responders"], row["n"]], dtype="str")))
    return "counts not reported" if counts == NOTHING else counts


def _choice_words(name: str, value: str) -> str:
    labels: Mapping[str, Callable[[str], str]] = {
        "grading.scheme": scheme_name,
        "synthesis.method": method_label,
        "synthesis.interval": interval_label,
        "synthesis.unit": lambda unit: LABELS["unit"].get(unit, unit),
    }
    return labels[name](value) if name in labels else ", ".join(ids_in(value)) or "none"
