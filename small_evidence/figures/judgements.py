"""Judgements of the risk of bias as drawn: the only module that knows which colour the sign of a judgement has.

Signs are those of the tables (`wording.SIGNS`); colours from the style, those of robvis that colour-blind readers can
tell apart by their lightness.
"""

from __future__ import annotations

from collections.abc import Iterable

from small_evidence.extraction.schema import SILENT, humanise
from small_evidence.figures.marks import Glyph
from small_evidence.figures.style import SCREEN, Style
from small_evidence.wording import SIGNS, judgement_sign

NOT_APPRAISED = "not appraised"
COLOURS = {  # of the style, by sign
    "+": "low", "Y": "low", "PY": "low", "/": "apart", "−": "some", "?": "unknown", "PN": "high", "N": "high",
    "×": "high", "!": "critical",
}  # fmt: skip
SHORT = {
    "y": "yes", "py": "probably_yes", "pn": "probably_no", "n": "no", "ni": "no_information", "na": "not_applicable",
    "some concerns": "some_concerns", "nr": "no_information",
}  # fmt: skip


def judgement_slug(judgement: object) -> str:
    """A judgement as this module knows it; what is not known stays as it is, empty is not appraised."""
    text = "" if judgement is None or judgement != judgement else str(judgement).strip()
    if text in ("", *SILENT[:1]):
        return ""
    lower = text.lower()
    return SHORT.get(lower, lower.replace(" ", "_"))


def judgement_glyph(judgement: object, style: Style = SCREEN) -> Glyph:
    """Glyph of a judgement; a judgement of another instrument has its first two letters on white."""
    slug = judgement_slug(judgement)
    if not slug:
        return Glyph(judgement_sign(""), style.colours["unknown"], NOT_APPRAISED)
    sign = judgement_sign(slug)
    colour = COLOURS[sign] if slug in SIGNS else "unknown"
    return Glyph(sign, style.colours[colour], humanise(slug).lower())


def judgement_keys(judgements: Iterable[object], style: Style = SCREEN) -> list[tuple[Glyph, str]]:
    """A key for each sign that is drawn, from good to bad; nothing when all are missing."""
    slugs = {judgement_slug(judgement) for judgement in judgements}
    if slugs <= {""}:
        return []
    known = list(SIGNS)
    ordered = sorted(slugs, key=lambda slug: (slug == "", known.index(slug) if slug in known else len(known), slug))
    glyphs = [judgement_glyph(slug, style) for slug in ordered]
    return [(glyph, glyph.meaning) for glyph in glyphs]
