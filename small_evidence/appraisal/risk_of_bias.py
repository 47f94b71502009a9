"""Risk of bias: what the appraisals say of each study.

Nothing is computed that an instrument leaves to judgement, and a study without an appraisal has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.appraisals import OVERALL, parts
from small_evidence.extraction.schema import humanise
from small_evidence.review import Review

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


def _answered(answer: str, item: Mapping[str, Any]) -> str:
    earned, most = _stars(answer, item), most_stars(item)
    if most is None:
        return answer
    return "yes" if earned == most else "some_concerns" if earned else "no"


def _stars(answer: str, item: Mapping[str, Any]) -> int:
    given = {part.strip() for part in answer.split(";")} if item.get("several") else {answer}
    return sum(item["answers"].get(part, {}).get("stars", 0) for part in given)


def most_stars(item: Mapping[str, Any]) -> int | None:
    """Most stars of an item; None where its answers earn none, as those of a domain."""
    stars: list[Any] = [answer.get("stars") for answer in item.get("answers", {}).values()]
    if not stars or None in stars:
        return None
    most: int = sum(stars) if item.get("several") else max(stars)
    return most


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
            instrument = review.standards.instruments[str(tool)]
            keys = {"tool": tool, "tool_label": instrument["label"], "result": result, "rater": rater}
            rows.append(first | {"appraised": "yes"} | keys | _summary(group, instrument))
    table = pd.DataFrame(rows, columns=SUMMARY)
    numeric = ["answered", "items", "stars", "stars_max"]
    words = [column for column in SUMMARY if column not in numeric]
    return table.assign(**table[words].astype(object).fillna("").astype("str")).astype(dict.fromkeys(numeric, "Int64"))


def _summary(group: pd.DataFrame, instrument: Mapping[str, Any]) -> dict[str, Any]:
    items = parts(instrument)
    own = group[group["item"] != OVERALL]
    overall = group.loc[group["item"] == OVERALL, "judgement"]
    facts = {"answered": len(own), "items": len(items), "overall": overall.iloc[0] if len(overall) else ""}
    if "stars" not in instrument:
        order = instrument.get("judgements") or list(instrument["answers"])
        counts = own["judgement"].value_counts()
        told = [f"{humanise(word).lower()} {counts[word]}" for word in order if word in counts.index]
        return facts | {"summary": ", ".join(told)}
    earned = [_stars(answer, items[item]) for answer, item in zip(own["answer"], own["item"], strict=True)]
    by_domain = own.assign(stars=earned).groupby("domain", sort=False)["stars"].sum()
    most = sum(instrument["stars"].values())
    told = [f"{domain} {by_domain.get(domain, 0)} of {stars}" for domain, stars in instrument["stars"].items()]
    summary = f"{sum(earned)} of {most} stars: {', '.join(told)}"
    return facts | {"stars": sum(earned), "stars_max": most, "summary": summary}
