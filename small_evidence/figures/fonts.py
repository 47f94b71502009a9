"""Fonts of the figures: which files a style uses, how wide a line is, where it breaks, which letters there are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pyphen  # type: ignore[import-untyped]  # has no types
import typst
from fontTools.pens.boundsPen import BoundsPen  # type: ignore[import-untyped]  # has no types
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # has no types

from small_evidence import ReviewError
from small_evidence.figures.style import Style
from small_evidence.places import sha256

FALLBACK = "DejaVu Sans"  # has the letters that a journal's font lacks
OWN = (FALLBACK, "DejaVu Serif")  # these come with matplotlib, so they are on every machine
REGULAR, BOLD = 400, 700
BREAKS = "-–/"  # a long word may break after these


@dataclass(frozen=True)
class Font:
    """Advance widths of one font file, and how far its letters reach above and below the line; in type sizes."""

    advances: dict[str, float] = field(repr=False)
    above: float
    below: float


@cache
def own_folder() -> Path:
    """The folder of the fonts that come with matplotlib, found without loading it."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ReviewError("matplotlib, whose fonts the figures use, is not installed")
    return Path(spec.origin).parent / "mpl-data/fonts/ttf"


@cache
def font_book(system: bool) -> typst.Fonts:
    """The fonts that the renderer may use: ours, and those of the machine where a style asks for them."""
    return typst.Fonts(include_system_fonts=system, include_embedded_fonts=False, font_paths=[str(own_folder())])


@cache
def families(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The first family that is here, and after it the one for letters that it lacks."""
    known = set(font_book(needs_system(wanted)).families())
    first = next((family for family in wanted if family in known), FALLBACK)
    return tuple(dict.fromkeys((first, FALLBACK)))


def needs_system(wanted: tuple[str, ...]) -> bool:
    """Whether fonts of the machine are looked for: where one of ours comes first, files are the same everywhere."""
    return wanted[0] not in OWN


@cache
def _fonts(wanted: tuple[str, ...], bold: bool) -> tuple[Font, ...]:
    """What the renderer takes for a text, in the order in which it looks for a letter."""
    return tuple(_read(path, number) for path, number in _faces(wanted, bold))


@cache
def font_hashes(wanted: tuple[str, ...]) -> list[str]:
    """SHA-256 of each font file that the renderer takes for texts."""
    return [sha256(path) for bold in (False, True) for path, _ in _faces(wanted, bold)]


@cache
def _faces(wanted: tuple[str, ...], bold: bool) -> tuple[tuple[str, int], ...]:
    """File and number in it of each font."""
    weight = BOLD if bold else REGULAR
    book = font_book(needs_system(wanted)).fonts()
    return tuple(
        (str(info.path), info.index)
        for family in families(wanted)
        for info in [
            next(
                info
                for info in book
                if (info.family, info.style, info.weight, info.stretch) == (family, "normal", weight, 1.0)
            )
        ]
    )


@cache
def _read(path: str, number: int) -> Font:
    with TTFont(path, lazy=True, fontNumber=number) as font:
        em, metrics, letters = font["head"].unitsPerEm, font["hmtx"], font.getBestCmap()
        advances = {chr(code): metrics[name][0] / em for code, name in letters.items()}
        pen = BoundsPen(font.getGlyphSet())
        for letter in "lp":
            font.getGlyphSet()[letters[ord(letter)]].draw(pen)
        _, low, _, high = pen.bounds
    return Font(advances, high / em, -low / em)


@cache
def _em_width(text: str, wanted: tuple[str, ...], bold: bool) -> float:
    fonts = _fonts(wanted, bold)
    missing = fonts[0].advances.get("\u25a1", 1.0)  # about what is drawn for a letter that no font has
    return sum(next((font.advances[letter] for font in fonts if letter in font.advances), missing) for letter in text)


def text_width(text: str, style: Style, size: float, bold: bool = False) -> float:
    """Width of one line in points by the advances of its letters; kerning makes it slightly less."""
    return _em_width(text, style.font, bold) * size


def text_reach(style: Style, size: float, bold: bool = False) -> tuple[float, float]:
    """How far letters reach above and below the baseline, in points."""
    font = _fonts(style.font, bold)[0]
    return font.above * size, font.below * size


def missing_letters(text: str, style: Style, bold: bool = False) -> list[str]:
    """Letters that no font of the style has."""
    fonts = _fonts(style.font, bold)
    return sorted({c for c in text if not c.isspace() and not any(c in font.advances for font in fonts)})


def wrap_text(text: str, style: Style, size: float, width: float, bold: bool = False) -> list[str]:
    """Break text into lines of at most `width` points: at spaces, a longer word after its hyphens or between syllables.

    A syllable that is wider stands alone on its line.
    """

    def fits(words: str) -> bool:
        return text_width(words, style, size, bold) <= width

    lines: list[str] = []
    line = ""
    for word in re.split(r"[ \t\r\n]+", text.strip()):  # not at a no-break space
        longer = f"{line} {word}" if line else word
        if fits(longer):
            line = longer
            continue
        lines += [line] if line else []
        line, sign = "", ""
        for part, mark in [(word, "")] if fits(word) else _parts(word):
            if line and not fits(line + part + mark):
                lines.append(line + sign)
                line = ""
            line, sign = line + part, mark
    return [*lines, line] if line else lines


@cache
def _parts(word: str) -> list[tuple[str, str]]:
    """Where a long word may break: its parts, each with the sign to add if the line ends after it."""
    found = []
    for piece in re.findall(rf"[^{BREAKS}]*[{BREAKS}]+|[^{BREAKS}]+", word):
        cuts = [0, *_syllables().positions(piece), len(piece)]
        ends = ["-"] * (len(cuts) - 2) + [""]
        found += [(piece[start:end], sign) for (start, end), sign in zip(pairwise(cuts), ends, strict=True)]
    return found


@cache
def _syllables() -> pyphen.Pyphen:
    return pyphen.Pyphen(lang="en_GB", left=3, right=3)


def widest_part(text: str, style: Style, size: float, bold: bool = False) -> float:
    """Width in points that a text needs at least, where its words break only as they may."""
    parts = [f"{part}{sign}" for word in text.split() for part, sign in _parts(word)]
    return max((text_width(part, style, size, bold) for part in parts), default=0.0)
