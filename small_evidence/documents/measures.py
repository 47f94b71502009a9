"""How much room a text takes: the only module that knows the widths of letters.

Row heights of a workbook and widths of columns in a text document are reckoned from them, since not every program fits
its rows and columns to the text by itself.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from small_evidence.tables.table import Table

SIZE = 9  # points; body text
MARGIN = 4  # pixels; what a cell keeps free at its sides

# Advance widths of Arial (and of its metric twins) in thousandths of the size.
ADVANCES = {
    character: width
    for characters, width in (
        ("'ijl", 222), (" !,./:;I[\\]ft|", 278), ("()-`r{}°", 333), ('"*²†', 389), ("Jcksvxyz", 500), ("+<=>~−", 584),
        ("FTZ", 611), ("&ABEKPSVXY", 667), ("CDHNRUw", 722), ("GOQ", 778), ("Mm", 833), ("%", 889), ("W", 944),
        ("@—…", 1000),
    )
    for character in characters
}  # fmt: skip
ADVANCE, BOLD = 556, 1.08  # the other characters, digits among them; bold is that much wider


@functools.cache  # the same words come back in every table
def pixels(text: str, size: float = SIZE, bold: bool = False) -> float:
    """Width of a text on one line, at 96 pixels an inch."""
    advance = sum(
        ADVANCES.get(character) or (1000 if unicodedata.east_asian_width(character) in "WF" else ADVANCE)
        for character in text
    )
    return advance / 1000 * size * 96 / 72 * (BOLD if bold else 1)


def lines_of(text: str, room: float, size: float = SIZE, bold: bool = False) -> int:
    """Lines that a text takes when it is wrapped at blanks, and inside words that are too long for a line."""
    room = 0.98 * room - MARGIN  # programs differ a little in how they set text
    blank = pixels(" ", size, bold)
    lines = 0
    for paragraph in text.split("\n"):
        lines, used = lines + 1, 0.0
        for word in paragraph.split():
            width = pixels(word, size, bold)
            if used and used + blank + width > room:
                lines, used = lines + 1, 0.0
            elif used:
                used += blank
            while width > room > 0:
                lines, width = lines + 1, width - room
            used += width
    return lines


def shares(table: Table, room: float, size: float = SIZE, breaks: str = r"\s+") -> list[float]:
    """Share of the width that each column gets: as wished, but with room for its longest word where that can be had.

    Parameters
    ----------
    table : Table
    room : float; pixels for the whole table, 0 = as wide as its words need
    size : float; points
    breaks : str; pattern of the places where a text may go on in the next line
    """
    wished = [column.width * 0.75 * size for column in table.columns]  # a letter is about half as wide as high
    longest = []
    for column in table.columns:
        words = {word for text in (column.title, *table.cells[column.name]) for word in re.split(breaks, str(text))}
        longest.append(max((pixels(word, size, bold=True) for word in words), default=0) + 3 * MARGIN)
    total = room or max(sum(wished), sum(longest))
    scale = total / sum(wished)
    widths = [width * scale for width in wished]
    # What the columns with long words lack comes from those that have more than their words need.
    lacking = [max(0, need - width) for need, width in zip(longest, widths, strict=True)]
    spare = [max(0, width - need) for need, width in zip(longest, widths, strict=True)]
    given = min(1, sum(spare) / sum(lacking)) if sum(lacking) else 0
    taken = given * sum(lacking) / sum(spare) if sum(spare) else 0
    widths = [w + given * less - taken * more for w, less, more in zip(widths, lacking, spare, strict=True)]
    return [width / total for width in widths]
