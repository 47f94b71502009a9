"""The table risk_of_bias against its instruments: items, answers and judgements that an appraisal must have.

An instrument is a file of workflow/standards/risk_of_bias. A checklist has `items`, each with the answers it allows
(and the stars they earn); an instrument of `domains` has a judgement for each domain and optional signalling questions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd

from small_evidence import shown
from small_evidence.extraction.schema import MISSING, RowFault, nearest

Instrument: TypeAlias = Mapping[str, Any]  # as its file says it
Record: TypeAlias = Mapping[Hashable, Any]  # one row of the table

OVERALL = "overall"
CONSENSUS = "consensus"  # the rater of a version that several agreed on
APART = "no_information"  # neither better nor worse than another judgement
RULES = {
    "appraisal_tool": ("error", "An appraisal names an instrument that the project has."),
    "appraisal_item": ("error", "An appraisal answers items of its instrument."),
    "appraisal_answer": ("error", "Each item of an appraisal has an answer that the instrument allows."),
    "appraisal_judgement": ("error", "Each domain of an appraisal has a judgement in the instrument's words."),
    "appraisal_incomplete": ("error", "An appraisal answers every item of its instrument, and overall where needed."),
    "appraisal_result": ("error", "An appraisal by an instrument for results names the result."),
    "appraisal_design": ("error", "No instrument is used on a design that it is not made for."),
    "appraisal_no_design": ("warning", "The design of an appraised study is reported, so that the instrument fits."),
    "appraisal_overall": ("warning", "An overall judgement is not better than the worst domain without support."),
}


def parts(instrument: Instrument) -> dict[str, dict[str, Any]]:
    """The items or domains of an instrument, without overall: id -> {label, domain, answers or judgements}."""
    if "domains" in instrument:
        return {
            domain["id"]: {"label": domain["label"], "domain": domain["id"], "judgements": instrument["judgements"]}
            for domain in instrument["domains"]
        }
    return {item["id"]: {"answers": instrument.get("answers", {}), **item} for item in instrument["items"]}


def _questions(instrument: Instrument) -> dict[str, str]:
    """Signalling question -> domain."""
    return {
        question: domain["id"] for domain in instrument.get("domains", ()) for question in domain.get("questions", ())
    }


def faults(tables: Mapping[str, pd.DataFrame], instruments: Mapping[str, Instrument]) -> Iterator[RowFault]:
    """What is wrong with the table risk_of_bias, as (rule, table, row, column, study_id, words).

    Parameters
    ----------
    tables : checked tables of str with _row, the row of the spreadsheet; studies and risk_of_bias
    instruments : as from `read_instruments`
    """
    rows = tables["risk_of_bias"]
    designs = dict(zip(tables["studies"]["study_id"], tables["studies"]["design"], strict=True))
    known = rows["tool"].isin(list(instruments))
    for row in rows[~known].to_dict("records"):
        near = nearest(row["tool"], instruments)
        hint = f"; nearest is {near}" if near else ""
        words = f"{shown(row['tool'])} is not an instrument{hint}; known are {', '.join(instruments)}"
        yield _fault("appraisal_tool", row, "tool", words)
    for who, group in rows[known].groupby(["study_id", "result", "tool", "rater"], sort=False, dropna=False):
        study, result, tool, rater = map(str, who)
        instrument = instruments[tool]
        yield from _faults_of_cells(group, instrument)
        yield from _faults_of_whole(group, instrument, (study, result, tool, rater))
        yield from _faults_of_design(group, instrument, study, designs.get(study))


def _fault(rule: str, row: Record, column: str, words: str) -> RowFault:
    return rule, "risk_of_bias", row["_row"], column, row["study_id"], words


def _faults_of_cells(group: pd.DataFrame, instrument: Instrument) -> Iterator[RowFault]:
    items, questions = parts(instrument), _questions(instrument)
    for row in group.to_dict("records"):
        item = row["item"]
        if item == OVERALL:
            yield from _judgement_fault(row, instrument["overall"]["judgements"])
        elif item in items and "domains" in instrument:
            yield from _judgement_fault(row, instrument["judgements"])
        elif item in items:
            yield from _answer_fault(row, items[item]["answers"], items[item].get("several", False))
        elif item in questions:
            yield from _answer_fault(row, instrument["answers"], False)
        else:
            near = nearest(item, [*items, *questions, OVERALL])
            hint = f"; nearest is {near}" if near else ""
            words = f"{shown(item)} is not an item of {instrument['id']}{hint}; items are {', '.join(items)}, {OVERALL}"
            yield _fault("appraisal_item", row, "item", words)


def _answer_fault(row: Record, answers: Mapping[str, Any], several: bool) -> Iterator[RowFault]:
    given = [part.strip() for part in row["answer"].split(";")] if several else [row["answer"]]
    wrong = next((answer for answer in given if answer not in answers), None)
    if wrong is not None:
        words = f"{shown(wrong) if wrong else 'empty'}; allowed for {row['item']} are {', '.join(answers)}"
        yield _fault("appraisal_answer", row, "answer", words + (" (several with ;)" if several else ""))


def _judgement_fault(row: Record, judgements: list[str]) -> Iterator[RowFault]:
    if row["judgement"] not in judgements:
        seen = shown(row["judgement"]) if row["judgement"] else "empty"
        words = f"{seen}; allowed for {row['item']} are {', '.join(judgements)}"
        yield _fault("appraisal_judgement", row, "judgement", words)


def _faults_of_whole(group: pd.DataFrame, instrument: Instrument, who: tuple[str, str, str, str]) -> Iterator[RowFault]:
    study, result, tool, rater = who
    first = group.iloc[0].to_dict()
    given = set(group["item"])
    needed = list(parts(instrument))
    questions = _questions(instrument)
    begun = {questions[item] for item in given if item in questions}
    needed += [question for question, domain in questions.items() if domain in begun]
    needed += [OVERALL] if instrument["overall"]["required"] else []
    missing = [item for item in needed if item not in given]
    if missing:
        of = f"the appraisal of {study} by {tool}" + (f" of {result}" if result else "")
        words = f"{of}{f', rater {rater}' if rater else ''} lacks {', '.join(missing)}"
        yield _fault("appraisal_incomplete", first, "item", words)
    if instrument["unit"] == "result" and not result:
        yield _fault("appraisal_result", first, "result", f"empty, but {tool} judges a result, not a study")
    overall = group[group["item"] == OVERALL]
    if instrument["overall"].get("worst_domain") and len(overall):
        row = overall.iloc[0].to_dict()
        order = [word for word in instrument["judgements"] if word != APART]
        judged = group[group["item"].isin(list(parts(instrument))) & group["judgement"].isin(order)]
        worst = max(judged["judgement"], key=order.index, default=None)
        better = worst and row["judgement"] in order and order.index(row["judgement"]) < order.index(worst)
        if better and not row["support"]:
            items = ", ".join(judged.loc[judged["judgement"] == worst, "item"])
            words = f"{row['judgement']}, but {items} is {worst}; support says nothing"
            yield _fault("appraisal_overall", row, "judgement", words)


def _faults_of_design(
    group: pd.DataFrame, instrument: Instrument, study: str, design: str | None
) -> Iterator[RowFault]:
    first = group.iloc[0].to_dict()
    if design in MISSING:
        words = f"{instrument['id']}, but the design of the study is {design}: whether it fits is not assessable"
        yield _fault("appraisal_no_design", first, "tool", words)
    elif design is not None and design not in instrument["designs"]:
        words = f"{instrument['id']} is not for {design}; it is for {', '.join(instrument['designs'])}"
        yield _fault("appraisal_design", first, "tool", words)
