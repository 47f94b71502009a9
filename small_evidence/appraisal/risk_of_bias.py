"""Risk of bias: instruments as data, the checks they demand, and what they say of each study.

An instrument is a file of workflow/standards/risk_of_bias. A checklist has `items`, each with the answers it allows
(and the stars they earn); an instrument of `domains` has a judgement for each domain and optional signalling questions.
Nothing is reckoned that the instrument leaves to judgement, and a study without an appraisal is "not appraised".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from small_evidence import shown
from small_evidence.extraction.schema import MISSING, humanise, nearest
from small_evidence.review import Review

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
SUMMARY = [
    "study_id", "status", "design", "appraised", "tool", "tool_label", "result", "rater", "answered", "items",
    "summary", "stars", "stars_max", "overall",
]  # fmt: skip
JUDGED = [
    "study_id",
    "tool",
    "tool_label",
    "result",
    "item",
    "label",
    "domain",
    "judgement",
    "answer",
    "stars",
    "rater",
]


def parts(instrument: Mapping) -> dict[str, dict]:
    """The items or domains of an instrument, without overall: id -> {label, domain, answers or judgements}."""
    if "domains" in instrument:
        return {
            domain["id"]: {"label": domain["label"], "domain": domain["id"], "judgements": instrument["judgements"]}
            for domain in instrument["domains"]
        }
    return {item["id"]: {"answers": instrument.get("answers", {}), **item} for item in instrument["items"]}


def _questions(instrument: Mapping) -> dict[str, str]:
    """Signalling question -> domain."""
    return {
        question: domain["id"] for domain in instrument.get("domains", ()) for question in domain.get("questions", ())
    }


# ---------------------------------------------------------------------------------------------- checks


def faults(tables: Mapping[str, pd.DataFrame], instruments: Mapping[str, dict]) -> Iterator[tuple]:
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
    for (study, result, tool, rater), group in rows[known].groupby(
        ["study_id", "result", "tool", "rater"], sort=False, dropna=False
    ):
        instrument = instruments[tool]
        who = (study, result, tool, rater)
        yield from _faults_of_cells(group, instrument)
        yield from _faults_of_whole(group, instrument, who)
        yield from _faults_of_design(group, instrument, study, designs.get(study))


def _fault(rule: str, row: dict, column: str, words: str) -> tuple:
    return rule, "risk_of_bias", row["_row"], column, row["study_id"], words


def _faults_of_cells(group: pd.DataFrame, instrument: Mapping) -> Iterator[tuple]:
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


def _answer_fault(row: dict, answers: Mapping, several: bool) -> Iterator[tuple]:
    given = [part.strip() for part in row["answer"].split(";")] if several else [row["answer"]]
    wrong = next((answer for answer in given if answer not in answers), None)
    if wrong is not None:
        words = f"{shown(wrong) if wrong else 'empty'}; allowed for {row['item']} are {', '.join(answers)}"
        yield _fault("appraisal_answer", row, "answer", words + (" (several with ;)" if several else ""))


def _judgement_fault(row: dict, judgements: list[str]) -> Iterator[tuple]:
    if row["judgement"] not in judgements:
        seen = shown(row["judgement"]) if row["judgement"] else "empty"
        words = f"{seen}; allowed for {row['item']} are {', '.join(judgements)}"
        yield _fault("appraisal_judgement", row, "judgement", words)


def _faults_of_whole(group: pd.DataFrame, instrument: Mapping, who: tuple) -> Iterator[tuple]:
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


def _faults_of_design(group: pd.DataFrame, instrument: Mapping, study: str, design: str | None) -> Iterator[tuple]:
    first = group.iloc[0].to_dict()
    if design in MISSING:
        words = f"{instrument['id']}, but the design of the study is {design}: nobody can tell whether it fits"
        yield _fault("appraisal_no_design", first, "tool", words)
    elif design is not None and design not in instrument["designs"]:
        words = f"{instrument['id']} is not for {design}; it is for {', '.join(instrument['designs'])}"
        yield _fault("appraisal_design", first, "tool", words)


# --------------------------------------------------------------------------------------------- results


def judged_items(review: Review) -> pd.DataFrame:
    """The judgements that a traffic light shows: items of checklists, domains of the others, and overall.

    Returns
    -------
    DataFrame with the columns JUDGED, in the order of the instrument: item (its id, or overall), label (what it asks),
    judgement (the instrument's word; for a checklist the answer; for an item that earns stars "yes" for all of its
    stars, "some_concerns" for some and "no" for none), answer as typed, stars earned ("" where the item has none).
    Signalling questions are left out.
    """
    rows = []
    for row in review["risk_of_bias"].to_dict("records"):
        instrument = review.standards.instruments[row["tool"]]
        items = parts(instrument)
        stars = ""
        if row["item"] == OVERALL:
            label, domain, judgement, place = "Overall", OVERALL, row["judgement"], len(items)
        elif row["item"] in items:
            item = items[row["item"]]
            label, domain, place = item["label"], item["domain"], list(items).index(row["item"])
            judgement = row["judgement"] if "domains" in instrument else _answered(row["answer"], item)
            if most_stars(item) is not None:
                stars = str(_stars(row["answer"], item))
        else:
            continue
        keys = [row["study_id"], row["tool"], instrument["label"], row["result"], row["item"]]
        rows.append([*keys, label, domain, judgement, row["answer"], stars, row["rater"], place])
    found = pd.DataFrame(rows, columns=[*JUDGED, "place"])
    first = found.groupby(["study_id", "tool", "result", "rater"], sort=False).ngroup()
    found = found.assign(group=first).sort_values(["group", "place"], kind="stable", ignore_index=True)
    return found[JUDGED].astype("str")


def _answered(answer: str, item: Mapping) -> str:
    earned, most = _stars(answer, item), most_stars(item)
    if most is None:
        return answer
    return "yes" if earned == most else "some_concerns" if earned else "no"


def _stars(answer: str, item: Mapping) -> int:
    given = {part.strip() for part in answer.split(";")} if item.get("several") else {answer}
    return sum(item["answers"].get(part, {}).get("stars", 0) for part in given)


def most_stars(item: Mapping) -> int | None:
    """Most stars of an item; None where its answers earn none, as those of a domain."""
    stars = [answer.get("stars") for answer in item.get("answers", {}).values()]
    if not stars or None in stars:
        return None
    return sum(stars) if item.get("several") else max(stars)


def summarise_appraisals(review: Review) -> pd.DataFrame:
    """One row for every study that is not excluded and each of its appraisals; appraised "no" where it has none.

    Returns
    -------
    DataFrame with the columns SUMMARY: answered of items, summary in words ("yes 5, no 1, not applicable 2", "6 of 9
    stars: selection 3 of 4, …"), stars where the instrument gives stars (NaN elsewhere), overall as judged by the
    raters ("" where they did not). No score is made of instruments that have none.
    """
    studies = review["studies"]
    by_study = dict(list(judged_items(review).groupby("study_id", sort=False)))
    rows = []
    for study in studies[studies["status"] != "excluded"].to_dict("records"):
        first = {name: study[name] for name in ("study_id", "status", "design")}
        own = by_study.get(study["study_id"])
        if own is None:
            rows.append(first | {"appraised": "no"})
            continue
        for (tool, result, rater), group in own.groupby(["tool", "result", "rater"], sort=False):
            instrument = review.standards.instruments[tool]
            keys = {"tool": tool, "tool_label": instrument["label"], "result": result, "rater": rater}
            rows.append(first | {"appraised": "yes"} | keys | _summary(group, instrument))
    table = pd.DataFrame(rows, columns=SUMMARY)
    numeric = ["answered", "items", "stars", "stars_max"]
    words = [column for column in SUMMARY if column not in numeric]
    return table.assign(**table[words].astype(object).fillna("").astype("str")).astype(dict.fromkeys(numeric, "Int64"))


def _summary(group: pd.DataFrame, instrument: Mapping) -> dict:
    items = parts(instrument)
    own = group[group["item"] != OVERALL]
    overall = group.loc[group["item"] == OVERALL, "judgement"]
    facts = {"answered": len(own), "items": len(items), "overall": overall.iloc[0] if len(overall) else ""}
    if "stars" not in instrument:
        order = instrument.get("judgements") or list(instrument["answers"])
        counts = own["judgement"].value_counts()
        told = [f"{humanise(word).lower()} {counts[word]}" for word in order if word in counts.index]
        return facts | {"summary": ", ".join(told)}
    earned = [_stars(row.answer, items[row.item]) for row in own.itertuples()]
    by_domain = own.assign(stars=earned).groupby("domain", sort=False)["stars"].sum()
    most = sum(instrument["stars"].values())
    told = [f"{domain} {by_domain.get(domain, 0)} of {stars}" for domain, stars in instrument["stars"].items()]
    summary = f"{sum(earned)} of {most} stars: {', '.join(told)}"
    return facts | {"stars": sum(earned), "stars_max": most, "summary": summary}
