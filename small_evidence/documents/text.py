"""A text ready to print: headings, paragraphs, list items and tables, without any markup.

Builders put plain sentences in, `documents` writes them as Markdown or DOCX; what looks like markup in a sentence came
from a table of the review and stays text.
"""

from __future__ import annotations

from dataclasses import dataclass

from small_evidence.tables.table import Table


@dataclass(frozen=True)
class Heading:
    """A heading; 1 is the level below the title."""

    words: str
    level: int = 1


@dataclass(frozen=True)
class Item:
    """An entry of a list; a number is printed before it, 0 = a bullet."""

    words: str
    number: int = 0


@dataclass(frozen=True)
class Text:
    """A text with its title.

    Attributes
    ----------
    name : str; stem of its files
    title : str
    blocks : tuple of str (a paragraph), Heading, Item or Table, in reading order
    """

    name: str
    title: str
    blocks: tuple[str | Heading | Item | Table, ...]
