"""Evidence map: which treatment was tried in which disease, in how many patients, at which level."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from small_evidence.extraction.schema import SILENT
from small_evidence.figures.drawing import Drawing, describe
from small_evidence.figures.layout import absent, draw_sheet
from small_evidence.figures.marks import Glyph
from small_evidence.figures.page import Column, Row, Sheet
from small_evidence.figures.style import SCREEN, Style
from small_evidence.figures.words import count_text, level_note, short_level
from small_evidence.review import Review
from small_evidence.synthesis.analyses import over_all
from small_evidence.synthesis.patients import treated
from small_evidence.wording import NOTHING, capital, counted, missing

UNGRADED = "?"
UNNAMED = "NR"  # the column of studies that do not report the disease


def evidence_map(review: Review, style: Style = SCREEN, *, title: str = "Evidence map") -> Drawing:
    """A circle for each treatment and disease that was studied, in the order of Table IV.

    Area is the number of patients, colour and letter the best level of evidence, hatching says that no usable counts
    are available. An empty place means that no study was found.

    Parameters
    ----------
    review : Review with results
    style : Style
    title : str; printed only by presets that print titles
    """
    overall = treated(review)
    cells = _cells(review, overall)
    if not cells:
        return absent(title, f"No {review.subject.singular} has a study", style)
    largest = max(*(cell.patients for cell in cells.values()), 1)
    labels, short = review.labels, {**review.labels.disease_short, UNNAMED: "disease NR"}
    shown = [slug for slug in (*review.diseases, UNNAMED) if any(disease == slug for _, disease in cells)]
    rows, words = [], []
    for therapy in dict.fromkeys(therapy for therapy, _ in cells):
        here = {disease: cells[therapy, disease] for disease in shown if (therapy, disease) in cells}
        glyphs = {disease: _glyph(review, cell, largest, style) for disease, cell in here.items()}
        rows.append(Row(_overall(review, therapy, overall), glyphs=glyphs))
        parts = [f"{short[disease]} {glyphs[disease].sign}, {_known(cell.patients)}" for disease, cell in here.items()]
        words.append(f"{labels.therapy[therapy]}: {'; '.join(parts)}")
    columns = [
        Column("therapy", capital(review.subject.singular)),
        *(Column(slug, _lines(capital(short[slug])), "center", least=3.6 * style.size) for slug in shown),
        Column("level", "Level,\noverall", "center", spare=3),
        Column("studies", "Studies", "right", spare=2),
        Column("patients", "Patients", "right", spare=1),
    ]
    scale = list(review.scheme["order"])
    sheet = Sheet(title=title, keys=_keys(rows, scale), notes=_notes(review, rows, shown, int(largest)))
    described = f"{title}: level and patients of each {review.subject.singular} by disease. {'. '.join(words)}."
    return describe(draw_sheet(columns, rows, sheet, style), title, described)


class _Cell(NamedTuple):
    """Studies of a treatment in a disease."""

    level: str
    patients: float  # 0 where no study reports its number
    counted: bool  # whether usable counts of one are available


def _cells(review: Review, patients: pd.Series) -> dict[tuple[str, str], _Cell]:
    """Treatment and disease, also where the disease is not reported (UNNAMED), in the order of Table IV."""
    unnamed = treated(review, SILENT)
    trace = over_all(review["trace"])
    silent = trace[trace["row_disease"].isin(SILENT)]
    levels = review["study_levels"].set_index("study_id")["level"]
    cells = {}
    for therapy in (therapy for _, members in review.classes for therapy in members):
        for disease in review.diseases:
            one, level = review.analysis_of("therapy", therapy, disease), review.level_of("therapy", therapy, disease)
            if one and level:
                has_counts = bool(one.result["k"] + one.result["k_left_out"])
                cells[therapy, disease] = _Cell(level["level"], _number(patients, one.name), has_counts)
        own = silent[silent["therapy"] == therapy]
        if len(own):
            there = set(levels.reindex(own["study_id"]))
            best = next((level for level in review.scheme["order"] if level in there), "")
            has_counts = bool((own["responders"].notna() & own["n"].notna()).any())
            cells[therapy, UNNAMED] = _Cell(best, _number(unnamed, therapy), has_counts)
    return cells


def _number(patients: pd.Series, analysis: str) -> float:
    value = float(patients.get(analysis, 0.0))
    return 0.0 if missing(value) else value


def _overall(review: Review, therapy: str, patients: pd.Series) -> dict[str, str]:
    """Cells of a treatment over all diseases."""
    level, whole = review.level_of("therapy", therapy), review.analysis_of("therapy", therapy)
    result = whole.result if whole else {"k": 0, "k_left_out": 0, "k_awaiting": 0}
    return {
        "therapy": review.labels.therapy[therapy],
        "level": short_level(level.get("level", "")),
        "studies": f"{result['k'] + result['k_left_out'] + result['k_awaiting']:.0f}",
        "patients": _known(_number(patients, therapy)),
    }


def _known(patients: float) -> str:
    return count_text(patients) if patients > 0 else "NR"


def _lines(label: str) -> str:
    """A column head on as many lines as it has words; they are narrow columns."""
    return "\n".join(label.split())


def _glyph(review: Review, cell: _Cell, largest: float, style: Style) -> Glyph:
    scale, level = list(review.scheme["order"]), short_level(cell.level)
    graded = level in scale
    colour = level_colour(scale.index(level), len(scale), style) if graded else style.colours["unknown"]
    meaning = f"level {level}" if graded else "not gradable"
    sign = level if graded else UNGRADED
    return Glyph(sign, colour, meaning, cell.patients / largest, hatched=not cell.counted)


def _keys(rows: list[Row], scale: list[str]) -> list[tuple[Glyph, str]]:
    drawn = {glyph.sign: glyph for row in rows for glyph in row.glyphs.values()}
    signs = [level for level in [*scale, UNGRADED] if level in drawn]
    keys = [(Glyph(sign, drawn[sign].colour), drawn[sign].meaning) for sign in signs]
    hatched = [glyph for row in rows for glyph in row.glyphs.values() if glyph.hatched]
    return (
        [*keys, (Glyph(" ", hatched[0].colour, hatched=True), "hatched: no usable counts available")]
        if hatched
        else keys
    )


def _notes(review: Review, rows: list[Row], shown: list[str], largest: int) -> list[str]:
    labels = review.labels
    pairs = [(labels.disease_short[slug], labels.disease[slug]) for slug in shown if slug != UNNAMED]
    abbreviations = [f"{short}, {label}" for short, label in pairs if short not in label]
    ungraded = any(row.cells["level"] == NOTHING for row in rows)
    notes = [
        f"Area in proportion to the patients, counted as in Table IV (largest: {counted(largest, 'patient')}); the "
        "smallest circles are drawn larger, so that their letter fits. Letter and colour: best level among the "
        "studies of that disease. No circle: no study found. NR: number of patients not reported."
        + f" {NOTHING}, not gradable."
        * ungraded
    ]
    notes += [f"{'; '.join(abbreviations)}."] if abbreviations else []
    return [*notes, f"Level of evidence: {level_note(review)}"]


def level_colour(rank: int, count: int, style: Style) -> str:
    """Colour of a level, from the best (rank 0) to the least: even steps, so that they differ in grey too."""
    share = rank / max(1, count - 1)
    channels = [[int(style.colours[end][at : at + 2], 16) for at in (1, 3, 5)] for end in ("best", "least")]
    return "#" + "".join(f"{round(one + share * (other - one)):02X}" for one, other in zip(*channels, strict=True))
