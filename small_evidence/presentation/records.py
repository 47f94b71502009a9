"""Who made the review, with whose money, registered where, searched in which databases: the title page, and facts.

All of it comes from the section `publication` of the config; what is empty there is left for the authors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from small_evidence.documents.text import Heading, Item, Text
from small_evidence.review import Review
from small_evidence.wording import joined

FOR_AUTHORS = "For the authors."
# Key of the config and its heading on the title page
STATEMENTS = {
    "funding": "Funding",
    "conflicts": "Conflicts of interest",
    "registration": "Registration",
    "protocol": "Protocol",
    "licence": "Licence",
}


def title_page(review: Review) -> Text:
    """Title, authors with ORCID, contributions by CRediT, and the statements that journals print."""
    publication = review.config["publication"]
    authors = publication["authors"]
    blocks: list[str | Heading | Item] = [Heading("Authors"), *([] if authors else [FOR_AUTHORS])]
    blocks += [Item(_author(author)) for author in authors]
    blocks += [Heading("Contributions"), contributions(authors) or FOR_AUTHORS]
    blocks += [Heading("Search"), search_words(publication) or FOR_AUTHORS]
    for key, heading in STATEMENTS.items():
        blocks += [Heading(heading), publication[key] or FOR_AUTHORS]
    return Text("title_page", review.config["review"]["title"], tuple(blocks))


def record_facts(review: Review) -> dict[str, str]:
    """What the config says of the review, in words, by the names that the checklists use; "" where it says nothing."""
    publication = review.config["publication"]
    return {"search": search_words(publication), **{key: publication[key] for key in STATEMENTS}}


def search_words(publication: Mapping[str, Any]) -> str:
    """Databases and dates in a sentence.

    >>> search_words({"databases": ["MEDLINE", "Embase"], "search_dates": "2000 to May 2026"})
    'Databases searched: MEDLINE, Embase (2000 to May 2026).'
    >>> search_words({"databases": [], "search_dates": "2000 to May 2026"})
    'Dates of the search: 2000 to May 2026.'
    """
    databases, dates = publication["databases"], publication["search_dates"]
    if databases:
        return f"Databases searched: {joined(databases, ', ')}{f' ({dates})' if dates else ''}."
    return f"Dates of the search: {dates}." if dates else ""


def contributions(authors: list[Mapping[str, Any]]) -> str:
    """Roles with the authors who had them, in the order in which they are first named.

    >>> contributions([{"name": "A Doe", "roles": ["Software", "Validation"]}, {"name": "B", "roles": ["Software"]}])
    'Software: A Doe, B; Validation: A Doe.'
    """
    who: dict[str, list[str]] = {}
    for author in authors:
        for role in author.get("roles", []):
            who.setdefault(role, []).append(author["name"])
    return "; ".join(f"{role}: {joined(names, ', ')}" for role, names in who.items()) + "." * bool(who)


def _author(author: Mapping[str, Any]) -> str:
    parts = [author["name"], author.get("affiliation", ""), f"ORCID {author['orcid']}" if author.get("orcid") else ""]
    return ", ".join(part for part in parts if part)
