"""Reporting checklists, completed as far as the results allow.

Which items the results answer, and in what words, is data (workflow/standards). Items that only people can answer are
marked for them and never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.documents.text import Text
from small_evidence.extraction.schema import LABELS
from small_evidence.extraction.screening import COUNTED, flow_shown
from small_evidence.presentation.manuscript import interval_words
from small_evidence.presentation.records import record_facts
from small_evidence.review import Review
from small_evidence.tables.awaiting import missing_counts_words
from small_evidence.tables.parts import appraisal_words, extraction_words
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTHING, counted, coverage, method_label

ANSWERED = {
    "run": "from the results",
    "config": "from the configuration",
    "partly": "in part; authors to complete",
    "authors": "by the authors",
}
FORESTS_BY = {"year": "year", "effect": "proportion", "n": "number of patients", "level": "level of evidence"}


def checklist_texts(review: Review) -> list[Text]:
    """Each checklist as a text with its table."""
    known = facts(review)
    return [
        Text(
            checklist["id"],
            checklist["title"],
            (
                f"{checklist['citation']} ({checklist['licence']}). {checklist['note']} Certainty that the items are "
                f"those published: {checklist['confidence']}.",
                _summary(checklist, known),
                checklist_table(checklist, known),
            ),
        )
        for checklist in review.standards.checklists
    ]


def checklist_table(checklist: Mapping[str, Any], known: Mapping[str, str]) -> Table:
    """A checklist with the answers of the results; a row an item.

    Parameters
    ----------
    checklist : one of `Standards.checklists`
    known : mapping from `facts`
    """
    rows = [
        {
            "Section": item["section"],
            "Item": item["id"],
            "Requirement": item["label"],
            "Answered": ANSWERED[who_answers(item, known)],
            "Reported": item["says"].format_map(known) if "says" in item else known.get(item.get("record")) or NOTHING,
            "Where": item.get("where", NOTHING).format_map(known),
        }
        for item in checklist["items"]
    ]
    columns = (
        Column("Item", 6, "center"),
        Column("Requirement", 28),
        Column("Answered", 14),
        Column("Reported", 34),
        Column("Where", 22),
    )
    frame = pd.DataFrame(rows, columns=["Section", *(column.name for column in columns)])
    return Table(checklist["id"], "", "Items and answers", frame, columns, group="Section", landscape=False)


def who_answers(item: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """A key of ANSWERED; an item for the authors is answered where the config has a record of it."""
    return "config" if known.get(item.get("record", "")) else str(item["answered"])


def facts(review: Review) -> dict[str, str]:
    """What the results answer, in words, by the names that the checklists use."""
    policy, studies = review.policy, review["studies"]
    single = review.studied
    done, sizes = sum(one.pooled for one in single), Counter(studies["status"])
    unit, units = policy["unit"], LABELS["unit"][policy["unit"]]
    apart = [review.labels.of("class", slug) for slug in policy["classes_not_combined"]]
    analysed = set(review["arms"].query("entered == 'yes'")["study_id"])
    appraised = set(review["appraisal"].query("appraised == 'yes'")["study_id"])
    return {
        "title": review.config["review"]["title"],
        "subject": review.subject.singular,
        "issues": _issues(review),
        "event": review.response.event_plural,
        "outcome": f"Proportion of {units} who {review.response.event_plural}; one primary outcome for each study",
        "units": units,
        "selection": f"Study arms with counts and at least {counted(policy['min_arm_size'], unit)}; every arm that was "
        "not included is listed with the reason",
        "model": _capital(method_label(policy["method"])),
        "intervals": interval_words(review),
        "coverage": coverage(review.conf_level),
        "sensitivity": _sensitivity(review),
        "scheme": review.scheme["title"],
        "flow": _flow(review),
        "excluded": f"{counted(sizes['excluded'], 'study', 'studies')} excluded, each with the reason",
        "studies": f"{counted(len(studies), 'study', 'studies')}: {sizes['included']} included, "
        f"{sizes['awaiting']} awaiting counts, {sizes['excluded']} excluded",
        "pooled": f"{done} of {counted(len(single), *review.subject)} pooled; the others with their counts "
        "or the reason",
        "not_pooled": f"Fewer than {policy['min_studies']} studies are shown side by side and not pooled: "
        f"{len(single) - done} of {counted(len(single), *review.subject)}",
        "awaiting": f"{missing_counts_words(review)} They were not imputed.",
        "appraisal": appraisal_words(review["appraisal"]),
        "analysed": f"{len(analysed & appraised)} of {counted(len(analysed), 'analysed study', 'analysed studies')} "
        "appraised for risk of bias",
        "extraction": _extraction(review),
        "claims": _claims(review["reconciliation"]),
        "apart": "; ".join(apart) or "none",
        **record_facts(review),
        "order": FORESTS_BY[review.config["figures"]["order"]],
    }


def _issues(review: Review) -> str:
    if "extraction_issues" not in review:
        return "warnings are listed"
    return f"no errors, {counted(len(review['extraction_issues']), 'warning')}"


def _extraction(review: Review) -> str:
    return extraction_words(review)


def _sensitivity(review: Review) -> str:
    words = "Levels of evidence by the other schemes"
    return f"{words}; pooled results under other choices" if "sensitivity" in review else words


def _flow(review: Review) -> str:
    found, is_published = flow_shown(review["screening"], review["records"])
    whose = " of the published review" * is_published
    if found.empty:
        return "No number of the flow diagram is recorded"
    known = int(found["n"].notna().sum())
    basis = ", counted from the decisions on records" if (found["basis"] == COUNTED).any() else ""
    return f"{known} of {counted(len(found), 'number')} of the flow diagram{whose} recorded{basis}"


def _claims(reconciliation: pd.DataFrame) -> str:
    if reconciliation.empty:
        return "No published claim is recorded for comparison"
    return f"{counted(len(reconciliation), 'published claim')} compared with the results"


def _summary(checklist: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """How many items are left for the authors."""
    who = Counter(who_answers(item, known) for item in checklist["items"])
    records = f"{who['config']} from the configuration, " if who["config"] else ""
    return (
        f"Of {counted(len(checklist['items']), 'item')}, {who['run']} are answered from the results, {records}"
        f"{who['partly']} in part, and {who['authors']} are for the authors."
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
