"""Risk of bias of the studies: every appraisal in the words and signs of its instrument, or that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.appraisal.risk_of_bias import judged_items, most_stars
from small_evidence.extraction.appraisals import CONSENSUS, OVERALL, parts
from small_evidence.extraction.schema import humanise
from small_evidence.review import Review
from small_evidence.tables.parts import appraisal_words
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTE_NR, SIGNS, cell, counted, judgement_sign, word

KEYS = ["study_id", "tool", "result", "rater"]


def risk_of_bias_table(review: Review) -> Table:
    """Every appraisal of a study that is not excluded, a row a rater; without any, one sentence."""
    studies, risk_of_bias, instruments = review["studies"], review["risk_of_bias"], review.standards.instruments
    rows = review["appraisal"].copy()
    left = int((studies["status"] == "excluded").sum())
    about = [f"{appraisal_words(rows)}."]
    about += [f"Not shown: {counted(left, 'excluded study', 'excluded studies')}."] * bool(left)
    if not (rows["appraised"] == "yes").any():
        return _not_appraised(about)
    judged = judged_items(review)
    judged["sign"] = judged["stars"].where(judged["stars"] != "", judged["judgement"].map(judgement_sign))
    signs = {key: dict(zip(own["item"], own["sign"], strict=True)) for key, own in judged.groupby(KEYS)}
    overall = risk_of_bias[risk_of_bias["item"] == OVERALL]
    support = dict(zip(overall[KEYS].itertuples(index=False, name=None), overall["support"], strict=True))
    used = [tool for tool in instruments if tool in set(rows["tool"])]
    most = max(len(parts(instruments[tool])) for tool in used)
    rows["name"] = rows["study_id"].map(review.labels.study)
    rows["place"] = rows["tool"].map({tool: place for place, tool in enumerate([*used, ""])})
    rows = rows.sort_values(["place", "name", "result"], key=_in_order, kind="stable")
    made = [_row(row, signs, support, instruments, most) for row in rows.to_dict("records")]
    columns = (
        Column("Study", 20),
        Column("Design", 15),
        *(Column(str(number), 3, "center", over="Items or domains") for number in range(1, most + 1)),
        Column("Answers", 22),
        Column("Judgement", 12),
        Column("Rater", 11),
        Column("Note", 24),
    )
    own = judged[judged["study_id"].isin(rows["study_id"])]
    notes = [
        *about,
        *(_instrument_note(instruments[tool]) for tool in used),
        _sign_note(own[own["item"] != OVERALL]),
        "Judgement and note: the overall ones of the raters, where they gave any; no score is made where the "
        "instrument has none. What each answer is based on is in the table risk_of_bias.",
    ]
    agreed = rows["rater"].str.casefold() == CONSENSUS
    if rows.duplicated(["study_id", "tool", "result"]).any():
        notes.append("Each rater has a row; nothing is chosen between them." + " Bold: consensus." * bool(agreed.any()))
    frame = pd.DataFrame(made, columns=["Instrument", *(column.name for column in columns)])
    return Table(
        "risk_of_bias", "", "Risk of bias in the studies", frame, columns, group="Instrument",
        emphasised=tuple(agreed.to_numpy().nonzero()[0].tolist()), footnotes=(*notes, NOTE_NR),
        about=tuple({"study": study} for study in rows["study_id"]),
    )  # fmt: skip


def _in_order(column: pd.Series) -> pd.Series:
    return column if column.name == "place" else column.str.casefold()


def _row(
    row: Mapping[Any, Any],
    signs: Mapping[Any, Mapping[str, str]],
    support: Mapping[Any, str],
    instruments: Mapping[str, Any],
    most: int,
) -> dict[str, str]:
    """Cells of one appraisal, or of a study that has none."""
    key = tuple(row[name] for name in KEYS)
    items = list(parts(instruments[row["tool"]])) if row["tool"] else []
    own = [signs[key].get(item, "") for item in items] + [""] * (most - len(items))
    return {
        "Instrument": row["tool_label"] or "Not appraised",
        "Study": f"{row['name']}: {cell(row['result'])}" if row["result"] else row["name"],
        "Design": word("design", row["design"]),
        **{str(number): sign or judgement_sign("") for number, sign in enumerate(own, start=1)},
        "Answers": cell(row["summary"]) if row["appraised"] == "yes" else "not appraised",
        "Judgement": cell(humanise(row["overall"]).lower()),
        "Rater": cell(row["rater"]),
        "Note": cell(support.get(key)),
    }


def _instrument_note(instrument: Mapping[str, Any]) -> str:
    """What the numbers of the columns ask, in the words of the instrument's file."""
    asked = []
    for number, part in enumerate(parts(instrument).values(), start=1):
        stars = most_stars(part)
        asked.append(f"{number}, {part['label']}" + (f" (up to {stars} stars)" if stars and stars > 1 else ""))
    kind = "Domains" if "domains" in instrument else "Items"
    return (
        f"{instrument['label']} ({instrument['version']}). {cell(instrument['source'])}. {kind}, in our words: "
        f"{'; '.join(asked)}."
    )


def _sign_note(judged: pd.DataFrame) -> str:
    stars = judged["stars"] != ""
    drawn = set(judged.loc[~stars, "judgement"])
    meanings: dict[str, list[str]] = {}
    for slug in [*(slug for slug in SIGNS if slug in drawn), *sorted(drawn - set(SIGNS))]:
        meanings.setdefault(judgement_sign(slug), []).append(humanise(slug).lower())
    signs = [f"{sign}, {' or '.join(words)}" for sign, words in meanings.items()]
    signs += ["a number, the stars earned"] * bool(stars.any())
    return f"Signs: {'; '.join(signs)}; {judgement_sign('')}, no such item, or not appraised."


def _not_appraised(about: list[str]) -> Table:
    """One sentence where no study was appraised."""
    sentence, *notes = about
    frame = pd.DataFrame({"Risk of bias": [sentence]})
    columns = (Column("Risk of bias", 90),)
    return Table("risk_of_bias", "", "Risk of bias in the studies: not appraised", frame, columns, footnotes=(*notes,))
