"""Evidence map: which treatment was tried in which disease, in how many patients, at which level."""

from __future__ import annotations

import math

import pandas as pd

from small_evidence.extraction.schema import ALL, numbers
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.forest import scheme_note, short_level
from small_evidence.figures.layout import draw_sheet
from small_evidence.figures.marks import Glyph
from small_evidence.figures.page import Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.wording import counted, labels_of, level_text, missing, short_labels

UNGRADED = "?"


def evidence_map(
    pooled: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    *,
    title: str = "Evidence map",
    style: Style = SCREEN,
) -> Drawing:
    """A circle for each treatment and disease that was studied, in the order of Table IV.

    Area is the number of patients, colour and letter the best level of evidence, hatching says that no usable counts
    are in hand. An empty place means that no study was found.

    Parameters
    ----------
    pooled : DataFrame; from `synthesis.pool_arms`
    therapy_levels : DataFrame; from `grading.grade_therapies`
    therapies, diseases : DataFrame; checked extraction tables
    title : str; printed only by presets that print titles
    style : Style
    """
    scale = [column.removeprefix("k_") for column in therapy_levels if column.startswith("k_")]
    scale = [level for level in scale if f"patients_{level}" in therapy_levels]
    patients = therapy_levels[[f"patients_{level}" for level in scale]].sum(axis=1)
    cells = therapy_levels.assign(patients=patients)[therapy_levels["scope"] == "therapy"]
    keys = ["therapy", "disease"]
    counts = pooled[pooled["scope"] == "therapy"].set_index(keys)[["k", "k_left_out", "k_awaiting"]]
    cells = cells.drop(columns="k").set_index(keys).join(counts, how="inner")
    by_disease = cells[cells.index.get_level_values("disease") != ALL]
    largest = max(by_disease["patients"].max(), 1) if len(by_disease) else 1

    whole, short = labels_of(diseases, "disease"), short_labels(diseases)
    used = set(by_disease.index.get_level_values("disease"))
    shown = [slug for slug in whole if slug in used]
    labels = labels_of(therapies, "therapy")
    order = numbers(therapies["display_order"]).fillna(math.inf)
    ordered = therapies.assign(_order=order).sort_values("_order", kind="stable")["therapy"]
    rows, words = [], []
    for slug in ordered:
        here = {disease: by_disease.loc[(slug, disease)] for disease in shown if (slug, disease) in by_disease.index}
        if not here:
            continue
        glyphs = {disease: _glyph(cell, scale, largest, style) for disease, cell in here.items()}
        total = cells.loc[(slug, ALL)]
        studies = f"{total['k'] + total['k_left_out'] + total['k_awaiting']:.0f}"
        rows.append(
            Row(
                {
                    "therapy": labels[slug],
                    "level": short_level(total["level"]),
                    "studies": studies,
                    "patients": _known(total["patients"]),
                },
                glyphs=glyphs,
            )
        )
        parts = [
            f"{short[disease]} {glyphs[disease].sign}, {_known(cell['patients'])}" for disease, cell in here.items()
        ]
        words.append(f"{labels[slug]}: {'; '.join(parts)}")
    columns = [
        Column("therapy", "Treatment"),
        *(Column(slug, _lines(short[slug]), "center", least=3.6 * style.size) for slug in shown),
        Column("level", "Level,\noverall", "center", spare=3),
        Column("studies", "Studies", "right", spare=2),
        Column("patients", "Patients", "right", spare=1),
    ]
    drawn = {glyph.sign: glyph for row in rows for glyph in row.glyphs.values()}
    signs = [level for level in [*scale, UNGRADED] if level in drawn]
    circles = [
        (Glyph(sign, drawn[sign].colour), "not gradable" if sign == UNGRADED else f"level {sign}") for sign in signs
    ]
    hatched = [glyph for row in rows for glyph in row.glyphs.values() if glyph.hatched]
    if hatched:
        circles.append((Glyph(" ", hatched[0].colour, hatched=True), "hatched: no usable counts in hand"))
    abbreviations = [f"{short[slug]}, {whole[slug]}" for slug in shown if short[slug] not in whole[slug]]
    notes = [
        f"Area in proportion to the patients of the graded studies (largest: {counted(int(largest), 'patient')}); the "
        "smallest circles are drawn larger, so that their letter fits. Letter and colour: best level among the "
        "studies of that disease; the level overall counts those too that do not state the disease. No circle: no "
        "study found. NR: number of patients not reported."
    ]
    notes += [f"{'; '.join(abbreviations)}."] if abbreviations else []
    note = scheme_note(therapy_levels)
    notes += [f"Level of evidence: {note}"] if note else []
    if not rows:
        rows = [Row({"therapy": "No treatment has a study"}, quiet=True)]
    figure = draw_sheet(columns, rows, Sheet(title=title, keys=circles, notes=notes), style)
    described = f"{title}: level and patients of each treatment by disease. {'. '.join(words)}."
    return describe(figure, title, described)


def _known(patients: float) -> str:
    return f"{patients:.0f}" if patients > 0 else "NR"


def _lines(label: str) -> str:
    """A column head on as many lines as it has words; they are narrow columns."""
    return "\n".join(label.split())


def _glyph(cell, scale: list[str], largest: float, style: Style) -> Glyph:
    level = "" if missing(cell["level"]) else level_text(cell["level"])
    sign = level if level in scale else UNGRADED
    colour = level_colour(scale.index(level), len(scale), style) if level in scale else style.colours["unknown"]
    meaning = f"level {level}" if level in scale else "not gradable"
    no_counts = cell["k"] + cell["k_left_out"] == 0
    return Glyph(sign, colour, meaning, cell["patients"] / largest, hatched=bool(no_counts))


def level_colour(rank: int, count: int, style: Style) -> str:
    """Colour of a level, from the best (rank 0) to the least: even steps, so that they differ in grey too."""
    share = rank / max(1, count - 1)
    channels = [[int(style.colours[end][at : at + 2], 16) for at in (1, 3, 5)] for end in ("best", "least")]
    return "#" + "".join(f"{round(one + share * (other - one)):02X}" for one, other in zip(*channels, strict=True))
