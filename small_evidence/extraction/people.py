"""Names of authors: from the ways in which databases write them to surname and given names.

Nothing is made up: a name that is one word, or that names a group, stays as it is.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

# words of which one is in the name of most groups, institutions and companies, and in that of hardly any person
GROUP_WORDS = """
administration agency alliance association authority board bureau center centre centers centres centro clinic
collaboration collaborative collaborators college commission committee company conference consortium corporation
council department directorate federation forum foundation group hospital inc initiative institut institute institutes
institution instituto investigators league llc ltd ministry network office organisation organization panel partnership
program programme project registry research service society study task team trial trialists union university
université universität universidad writing
"""
_SUFFIX = re.compile(r"(?:jr|sr|junior|senior|ii|iii|iv|[2-4](?:nd|rd|th))\.?", re.I)
_INITIALS = re.compile(r"[^\W\d_]{1,3}|(?:[^\W\d_]\.[\s-]?)+[^\W\d_]?\.?", re.U)
# what stands where more authors, or none, are named
_OTHERS = frozenset(
    ("others", "et al", "et al.", "...", "…", "anonymous", "[anonymous]", "[no author name available]",
     "no author name available", "[no authors listed]", "no authors listed", "none listed")
)  # fmt: skip
_FOOTNOTE_MARKS = re.compile("[*†‡§¶]")
_AND_OTHERS = re.compile(r"[\s,;]+(?:and\s+others|et\.?\s+al)\.?\s*$", re.I)
# words before a surname that belong to it
PARTICLES = """
af al av da dal de degli dei del della den der des di do dos du el la las le los ten ter van vom von zu zum zur
"""
_GROUP_WORDS, _PARTICLES = frozenset(GROUP_WORDS.split()), frozenset(PARTICLES.split())


class Person(NamedTuple):
    """An author: surname with its particles, given names or initials, suffix; a group has a surname only."""

    surname: str
    given: str = ""
    suffix: str = ""
    group: bool = False

    @property
    def short(self) -> str:
        """Surname and initials, as in "Doe JA"; other scripts and groups in full."""
        return " ".join(part for part in (self.surname, initials(self.given)) if part)

    @property
    def inverted(self) -> str:
        """ "Doe, Jane A.", as citations are sorted."""
        return ", ".join(part for part in (self.surname, self.given, self.suffix) if part)


def initials(given: str) -> str:
    """Given names as initials: "Gino M. A." is "GMA", "Karl-Heinz" is "KH"; a script without capitals stays.

    >>> initials("Gino M. A."), initials("GM"), initials("小明"), initials("Jean-Pierre")
    ('GMA', 'GM', '小明', 'JP')
    """
    parts = [part for part in re.split(r"[\s.\-‐‑]+", given.strip(" .")) if part]
    if any(part.upper() == part.lower() for part in parts):  # no capitals: nothing can be shortened safely
        return " ".join(parts)
    # initials that were written together stay together
    return "".join(part if part.isupper() and len(part) <= 3 else part[0].upper() for part in parts)


def people(fields: list[str]) -> list[Person]:
    """The authors of a reference, from its author fields: one each, or several in one.

    Parameters
    ----------
    fields : texts as "Doe, A", "Doe A", "Anna Doe", "Doe, A.; Roe, B.", "Doe A., Roe B.", "World Health Organization"
    """
    names = [name for field in fields for name in split_names(field)]
    return [person(name) for name in names if name.casefold() not in _OTHERS]


def split_names(field: str) -> list[str]:
    """The names in one author field.

    >>> split_names("Doe, A.; Roe, B."), split_names("Doe A., Roe B.C."), split_names("Doe, A., Roe, B.")
    (['Doe, A.', 'Roe, B.'], ['Doe A.', 'Roe B.C.'], ['Doe, A.', 'Roe, B.'])
    """
    plain = " ".join(html.unescape(field).replace("&", " and ").split()) if "&" in field else " ".join(field.split())
    plain = _AND_OTHERS.sub("", _FOOTNOTE_MARKS.sub("", plain))
    if ";" in plain:
        return [name for part in plain.split(";") for name in split_names(part)]
    parts = [part.strip() for part in re.split(r",\s*(?:and\s+)?|\s+and\s+", plain) if part.strip()]
    if len(parts) >= 2 and all(_is_short(part) for part in parts):
        return parts
    in_pairs = len(parts) >= 4 and len(parts) % 2 == 0
    if in_pairs and all(_INITIALS.fullmatch(part) for part in parts[1::2]) and not any(map(_is_group, parts[::2])):
        return [f"{surname}, {given}" for surname, given in zip(parts[::2], parts[1::2], strict=True)]
    whole = re.split(r"\s+and\s+", plain)
    if len(whole) >= 2 and all("," in name or _is_short(name) for name in whole):
        return whole
    # "Anna Doe and Bob Roe"; two with a comma may be the surnames and the given names of one ("García López, Ana")
    several = len(parts) >= 3 or (len(parts) == 2 and len(whole) == 2)
    if several and all(map(_is_natural, parts)):
        return parts
    return [plain.strip(" ,") if plain.strip(" ,") != plain and _is_group(plain) else plain] if plain else []


def person(name: str) -> Person:
    """One author.

    >>> person("van der Berg, Jan").short, person("Jan van der Berg").short, person("Doe, John, Jr.")
    ('van der Berg J', 'van der Berg J', Person(surname='Doe', given='John', suffix='Jr', group=False))
    """
    plain = " ".join(html.unescape(name).replace("{", "").replace("}", "").split()).strip(" ;")
    if name.startswith("{") or (plain.endswith(",") and plain.count(",") == 1) or _is_group(plain):
        return Person(plain.strip(" ,"), group=True)
    parts = [part.strip() for part in plain.split(",") if part.strip()]
    if len(parts) >= 2:
        suffix = next((part.strip(".") for part in parts[1:] if _SUFFIX.fullmatch(part)), "")
        given = [part for part in parts[1:] if not _SUFFIX.fullmatch(part)]
        surname, end = _without_suffix(parts[0])
        first, more = _without_particles(" ".join(given))
        return Person(" ".join(filter(None, [more, surname])), first, suffix or end)
    whole, suffix = _without_suffix(plain)
    words = whole.split()
    if len(words) < 2 or not _has_capitals(whole):
        return Person(whole, suffix=suffix)
    if _is_initials(words[-1]):  # "Doe JA", "van der Berg J. P."
        at = next(at for at in range(1, len(words)) if all(map(_is_initials, words[at:])))
        return Person(" ".join(words[:at]), " ".join(words[at:]), suffix)
    at = next((at for at, word in enumerate(words[1:-1], 1) if word in _PARTICLES), len(words) - 1)
    return Person(" ".join(words[at:]), " ".join(words[:at]), suffix)


def _without_suffix(name: str) -> tuple[str, str]:
    head, _, last = name.rpartition(" ")
    return (head, last.strip(".")) if head and _SUFFIX.fullmatch(last) and not _is_initials(last) else (name, "")


def _without_particles(given: str) -> tuple[str, str]:
    """Given names, and the particles that stand after them ("Doe, Jan van der")."""
    words = given.split()
    at = len(words)
    while at > 1 and words[at - 1] in _PARTICLES:
        at -= 1
    return " ".join(words[:at]), " ".join(words[at:])


def _is_initials(word: str) -> bool:
    """One to three capitals, which no surname and no suffix is.

    >>> _is_initials("GM"), _is_initials("G.M.A."), _is_initials("WANG"), _is_initials("Li")
    (True, True, False, False)
    """
    letters = word.replace(".", "").replace("-", "")
    return 0 < len(letters) <= 3 and letters.isalpha() and letters.isupper()


def _is_short(name: str) -> bool:
    """Surname and initials: "van der Berg JP"."""
    words = _without_suffix(name)[0].split()
    return len(words) >= 2 and _is_initials(words[-1]) and not _is_initials(words[0]) and not _is_group(name)


def _is_natural(name: str) -> bool:
    """Given names and surname: "Anna Doe", "J. van der Berg"."""
    words = name.split()
    return len(words) >= 2 and not _is_group(name) and not _SUFFIX.fullmatch(words[-1]) and name[0].isupper()


def _is_group(name: str) -> bool:
    words = re.split(r"[^\w]+", name.casefold())
    # a comma with one or two words after it is how a person is written, also one who is named "Research"
    before, comma, after = name.partition(",")
    as_person = comma and after.strip() and len(after.split()) <= 2 and len(before.split()) <= 2
    return not as_person and len(words) >= 2 and bool(_GROUP_WORDS & set(words))


def _has_capitals(text: str) -> bool:
    return text.upper() != text.lower()
