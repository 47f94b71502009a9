"""Reporting checklists, filled in as far as a run can tell: the only module that knows how an item is answered.

Which item a run can answer, and in what words, is data (workflow/standards). What only people know is marked for them
and never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import yaml

from small_evidence import ReviewError
from small_evidence.documents.text import Text
from small_evidence.extraction.schema import LABELS, numbers
from small_evidence.synthesis.analyses import over_all
from small_evidence.tables.parts import appraisal_words, extraction_words, scheme_of
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTHING, class_label, counted, interval_label, method_label

ANSWERED = {"run": "by the run", "partly": "in part; authors to complete", "authors": "for the authors"}
FORESTS_BY = {"year": "year", "effect": "effect", "n": "number of patients", "level": "level of evidence"}


def read_checklists(paths: Iterable[str | Path]) -> list[dict]:
    """Read checklists from their files.

    Raises
    ------
    ReviewError: an item says it is answered by the run without words, by the authors with words, or in another way
    """
    made, faults = [], []
    for path in paths:
        checklist = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        for item in checklist["items"]:
            who = item.get("answered")
            if who not in ANSWERED or (who == "authors") == ("says" in item):
                faults.append(
                    f"{path}, item {item.get('id')}: answered is {who}, {'with' if 'says' in item else 'no'} words"
                )
        made.append(checklist)
    if faults:
        raise ReviewError("; ".join(faults))
    return made


def checklist_texts(checklists: Iterable[Mapping], frames: Mapping, schemes: Mapping, config: Mapping) -> list[Text]:
    """Each checklist as a text with its table.

    Parameters
    ----------
    checklists : from `read_checklists`
    frames, schemes, config : as of `manuscript.manuscript`
    """
    known = facts(frames, schemes, config)
    return [
        Text(
            checklist["id"],
            checklist["title"],
            (
                f"{checklist['citation']} ({checklist['licence']}). {checklist['note']} Certainty that the items are "
                f"the published ones: {checklist['confidence']}.",
                _summary(checklist),
                checklist_table(checklist, known),
            ),
        )
        for checklist in checklists
    ]


def checklist_table(checklist: Mapping, known: Mapping[str, str]) -> Table:
    """A checklist with what the run answers; a row an item.

    Parameters
    ----------
    checklist : one of `read_checklists`
    known : mapping from `facts`
    """
    rows = [
        {
            "Section": item["section"],
            "Item": item["id"],
            "What is asked": item["label"],
            "Answered": ANSWERED[item["answered"]],
            "What the run reports": item["says"].format_map(known) if "says" in item else NOTHING,
            "Where": item.get("where", NOTHING),
        }
        for item in checklist["items"]
    ]
    columns = (
        Column("Item", 6, "center"),
        Column("What is asked", 28),
        Column("Answered", 14),
        Column("What the run reports", 34),
        Column("Where", 22),
    )
    frame = pd.DataFrame(rows, columns=["Section", *(column.name for column in columns)])
    return Table(checklist["id"], "", "Items and answers", frame, columns, group="Section", landscape=False)


def facts(frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping) -> dict[str, str]:
    """What a run knows, in words, by the names that the checklists use."""
    policy, review = config["synthesis"], config["review"]
    studies = frames["studies"]
    single = over_all(frames["pooled"])
    done, sizes = int((single["pooled"] == "yes").sum()), Counter(studies["status"])
    scheme = scheme_of(frames["study_levels"], schemes)
    unlike = [class_label(slug, review["class_labels"]) for slug in policy["classes_not_combined"]]
    issues = frames.get("extraction_issues")
    analysed = set(frames["arms"].query("entered == 'yes'")["study_id"])
    appraised = set(frames["appraisal"].query("appraised == 'yes'")["study_id"])
    waiting = {study for ids in single["awaiting"].dropna() for study in str(ids).split(";") if study}
    return {
        "title": review["title"],
        "issues": "warnings are listed" if issues is None else f"no error, {counted(len(issues), 'warning')}",
        "outcome": f"{review['response'][:1].upper()}{review['response'][1:]}; one primary outcome of each study",
        "units": LABELS["unit"][policy["unit"]],
        "selection": f"Arms with counts and at least {counted(policy['min_arm_size'], policy['unit'])}; every arm that "
        "did not enter is listed with the reason",
        "model": method_label(policy["method"])[:1].upper() + method_label(policy["method"])[1:],
        "interval": interval_label(policy["interval"]),
        "coverage": f"{policy['conf_level']:.0%}",
        "sensitivity": "Levels under the other schemes"
        + "; pooled results under other choices" * ("sensitivity" in frames),
        "scheme": schemes["schemes"][scheme]["title"],
        "flow": _flow(frames.get("screening")),
        "excluded": f"{counted(sizes['excluded'], 'study', 'studies')} excluded, each with the reason",
        "studies": f"{counted(len(studies), 'study', 'studies')}: {sizes['included']} included, "
        f"{sizes['awaiting']} awaiting counts, {sizes['excluded']} excluded",
        "pooled": f"{done} of {counted(len(single), 'treatment')} pooled; the others with their counts or the reason",
        "not_pooled": f"Fewer than {policy['min_studies']} studies are not pooled but shown side by side: "
        f"{len(single) - done} of {counted(len(single), 'treatment')}",
        "awaiting": f"Counts of {counted(len(waiting), 'eligible study', 'eligible studies')} are awaited, not imputed",
        "appraisal": appraisal_words(frames["appraisal"]),
        "analysed": f"{len(analysed & appraised)} of {counted(len(analysed), 'analysed study', 'analysed studies')} "
        "appraised for risk of bias",
        "extraction": extraction_words(frames.get("agreement"), frames.get("disagreements")),
        "claims": _claims(frames.get("reconciliation")),
        "unlike": "; ".join(unlike) or "none named",
        "order": FORESTS_BY[config["figures"]["order"]],
    }


def _flow(screening: pd.DataFrame | None) -> str:
    if screening is None or screening.empty:
        return "No number of the flow diagram is recorded"
    known = int(numbers(screening["n"]).notna().sum())
    return f"{known} of {counted(len(screening), 'number')} of the flow diagram recorded"


def _claims(reconciliation: pd.DataFrame | None) -> str:
    if reconciliation is None or reconciliation.empty:
        return "No published claim is recorded to compare with"
    return f"{counted(len(reconciliation), 'published claim')} set beside these tables"


def _summary(checklist: Mapping) -> str:
    """How many items are left for the authors."""
    who = Counter(item["answered"] for item in checklist["items"])
    return (
        f"Of {counted(len(checklist['items']), 'item')}, {who['run']} answered by the run, {who['partly']} in part, "
        f"{who['authors']} left for the authors."
    )
