"""Risk of bias: traffic light of every study and item, and how many studies got which judgement.

The only module that knows how several appraisals of one study become one sign.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from small_evidence.appraisal.risk_of_bias import judged_items
from small_evidence.extraction.appraisals import CONSENSUS, OVERALL
from small_evidence.extraction.schema import humanise
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.judgements import judgement_glyph, judgement_keys, judgement_slug
from small_evidence.figures.layout import absent, draw_sheet
from small_evidence.figures.marks import Glyph
from small_evidence.figures.page import Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.review import Review
from small_evidence.wording import SIGNS, counted

NONE = "Not appraised: the review has no risk-of-bias judgements"


def one_judgement(appraisals: pd.DataFrame) -> pd.DataFrame:
    """One judgement a study, tool, result and item: the consensus where there is one, else the gravest of the raters'.

    Parameters
    ----------
    appraisals : DataFrame, a row a judgement: study_id, item, judgement; optional tool, tool_label, result, answer
        (taken where the item has no judgement of its own) and rater. From `appraisal.judged_items`, or the checked
        table itself

    Returns
    -------
    DataFrame: study_id, tool, result, item, judgement (in order of appearance; "" where neither answer nor judgement is
    given), label (what the item asks, where the frame says so)
    """
    columns = ["study_id", "tool", "tool_label", "result", "item", "judgement", "answer", "rater", "label"]
    known = appraisals.reindex(columns=columns).astype(object).fillna("")
    known["tool"] = known["tool_label"].where(known["tool_label"] != "", known["tool"].map(humanise))
    known["judgement"] = known["judgement"].where(known["judgement"] != "", known["answer"]).map(judgement_slug)
    known["agreed"] = known["rater"].str.casefold() != CONSENSUS
    grave = {slug: place for place, slug in enumerate(SIGNS)}
    known["grave"] = -known["judgement"].map(lambda slug: grave.get(slug, -1))
    known["place"] = range(len(known))
    keys = ["study_id", "tool", "result", "item"]
    first = known.groupby(keys, sort=False)["place"].transform("min")
    known = known.assign(first=first).sort_values([*keys, "agreed", "grave"], kind="stable")
    kept = known.drop_duplicates(keys).sort_values("first", kind="stable")
    return kept[[*keys, "judgement", "label"]].reset_index(drop=True)


def overall_judgements(review: Review) -> pd.DataFrame:
    """Overall judgement of each study (study_id, judgement) for the column of a forest plot; the gravest of its tools'.

    Empty where the review appraised nothing.
    """
    appraisals = review["risk_of_bias"]
    if appraisals.empty:
        return pd.DataFrame({"study_id": [], "judgement": []})
    overall = appraisals[appraisals["item"].str.casefold() == OVERALL]
    together = one_judgement(overall.assign(tool="", tool_label="", result=""))
    return together.loc[together["judgement"] != "", ["study_id", "judgement"]].reset_index(drop=True)


def traffic_light(review: Review, style: Style = SCREEN, *, title: str = "Risk of bias") -> Drawing:
    """A row a study, a sign an item; any number of items that the width has room for.

    Parameters
    ----------
    review : Review
    style : Style
    title : str; printed only by presets that print titles

    Raises
    ------
    ReviewError: more items than the width has room for
    """
    studies, known = _eligible(review), _judged(review)
    if known.empty:
        return _nothing(title, studies, style)
    labels = review.labels.study
    several = len(set(known["tool"])) > 1
    if several:  # the columns are numbered then, since one name may be different items; the notes say which
        known["label"] = known["label"].where(known["label"] != "", known["item"])
    rows: list[Row] = []
    notes: list[str] = []
    headings: dict[str, None] = {}
    by_tool: Any = known.groupby("tool", sort=False)
    for tool, judged in by_tool:
        if several:
            rows.append(Row({"study": tool or "Instrument not stated"}, bold=True, gap=0.3 if rows else 0.0))
        numbers = enumerate(_items(judged), start=1)
        places = {item: str(at) if several and item.casefold() != OVERALL else item for at, item in numbers}
        headings |= dict.fromkeys(places.values())
        asked = "; ".join(f"{places[item]}, {label}" for item, label in _asked(judged).items())
        words = ". ".join([f"Instrument: {tool}"] * bool(tool) + [asked] * bool(asked))
        notes += [f"{words}."] * bool(words)
        for (study, result), group in judged.groupby(["study_id", "result"], sort=False):
            glyphs = {places[row.item]: judgement_glyph(row.judgement, style) for row in group.itertuples()}
            name = labels.get(study) or study
            rows.append(Row({"study": f"{name}: {result}" if result else name}, glyphs=glyphs, indent=1.2 * several))
    columns = [
        Column("study", "Study"),
        *(
            Column(item, humanise(item) if item == OVERALL else item, "center", wrap=0.14)
            for item in sorted(headings, key=lambda item: item.casefold() == OVERALL)
        ),
    ]
    notes += _without(known, studies)
    sheet = Sheet(title=title, keys=judgement_keys(known["judgement"], style), notes=notes)
    shown: Any = known.itertuples()
    words = "; ".join(f"{labels.get(row.study_id, row.study_id)} {row.item} {row.judgement}" for row in shown)
    return describe(draw_sheet(columns, rows, sheet, style), title, f"{title}. {words}.")


def risk_of_bias_summary(review: Review, style: Style = SCREEN, *, title: str = "Risk of bias, summary") -> Drawing:
    """A bar an item: how many studies got which judgement. Parameters as of `traffic_light`."""
    studies, known = _eligible(review), _judged(review)
    if known.empty:
        return _nothing(title, studies, style)
    order = list(SIGNS)
    tools = list(dict.fromkeys(known["tool"]))
    rows: list[Row] = []
    for tool in tools:
        own = known[known["tool"] == tool]
        if len(tools) > 1:
            rows.append(Row({"item": tool or "Instrument not stated"}, bold=True, gap=0.3 if rows else 0.0))
        for item in _items(own):
            counts = own.loc[own["item"] == item, "judgement"].value_counts()
            slugs = sorted(counts.index, key=lambda slug: (order.index(slug) if slug in order else len(order), slug))
            glyphs = [judgement_glyph(slug, style) for slug in slugs]
            total = counts.sum()
            parts = tuple(
                (counts[slug] / total, glyph.sign, glyph.colour) for slug, glyph in zip(slugs, glyphs, strict=True)
            )
            words = _asked(own).get(item) or (humanise(item) if item == OVERALL else item)
            said = ", ".join(f"{counts[slug]} {glyph.meaning}" for slug, glyph in zip(slugs, glyphs, strict=True))
            bar = {"bar": Glyph("", "", parts=parts)}
            rows.append(Row({"item": words, "said": said}, glyphs=bar, indent=1.2 * (len(tools) > 1)))
    columns = [
        Column("item", "Item"),
        Column("bar", "Share of the studies", least=0.35 * style.width),
        Column("said", "Studies", wrap=0.3),
    ]
    notes = _without(known, studies)
    sheet = Sheet(title=title, keys=judgement_keys(known["judgement"], style), notes=notes)
    words = "; ".join(f"{row.cells['item']}: {row.cells['said']}" for row in rows if row.glyphs)
    return describe(draw_sheet(columns, rows, sheet, style), title, f"{title}. {words}.")


def _asked(known: pd.DataFrame) -> dict[str, str]:
    """What each item of one instrument asks, where the frame says so."""
    pairs = zip(known["item"], known["label"], strict=True)
    return {item: label for item, label in pairs if label and item.casefold() != OVERALL}


def _items(known: pd.DataFrame) -> list[str]:
    """Items in order of appearance, the overall judgement last."""
    items = list(dict.fromkeys(known["item"]))
    return sorted(items, key=lambda item: item.casefold() == OVERALL)


def _eligible(review: Review) -> pd.DataFrame:
    return review["studies"][review["studies"]["status"] != "excluded"]


def _judged(review: Review) -> pd.DataFrame:
    """One judgement an item of the eligible studies, with what the item asks."""
    appraisals = judged_items(review)
    return one_judgement(appraisals[appraisals["study_id"].isin(_eligible(review)["study_id"])])


def _without(known: pd.DataFrame, studies: pd.DataFrame) -> list[str]:
    """A note on the studies that nobody appraised, as a row that is not there says nothing."""
    left = int((~studies["study_id"].isin(known["study_id"])).sum())
    return [f"Not appraised: {left} of {counted(len(studies), 'eligible study', 'eligible studies')}."] * bool(left)


def _nothing(title: str, studies: pd.DataFrame, style: Style) -> Drawing:
    return absent(title, f"{NONE} ({counted(len(studies), 'eligible study', 'eligible studies')})", style)
