"""Printed tables as web pages: the only module that writes HTML. One file each, read without a network or a script.

A page with more rows than anybody reads at once has its tables as data (`table_data`), from which it makes the same
elements when they are looked at.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from small_evidence.documents.measures import shares
from small_evidence.saving import save_bytes
from small_evidence.tables.table import FACETS, Column, Table
from small_evidence.wording import printable, unbroken

# What the words of a cell lead to, of its column, what its row is about and its text: pairs of words and address
Links = Callable[[str, Mapping[str, str], str], Sequence[tuple[str, str]]]
LANGUAGE = "en-GB"
LONG = 16  # letters of a word that may be broken
SHORT = 7  # letters of a cell, with quotes, that is not worth a place of its own
BREAKS = r"\s+|(?<=[/_])|(?<=[^\W\d]-)(?=[^\W\d])"  # after a slash and a low line, too, and a hyphen between letters
ALIGN = {"left": "", "center": ' class="c"', "right": ' class="r"'}
STYLE = """
:root { color-scheme: light; --paper: #fff; --ink: #1a1a1a; --quiet: #4d4d4d; --rule: #6b6b6b;
  --hair: #d4d4d4; --shade: #eee }
* { box-sizing: border-box }
body { margin: 0; padding: 1.5rem; color: var(--ink); background: var(--paper);
  font: 0.875rem/1.4 Arial, "Liberation Sans", Helvetica, sans-serif }
main { max-width: 96rem; margin: 0 auto }
.table { overflow-x: auto; border-bottom: 1px solid var(--rule) }
.table:focus-visible { outline: 3px solid #0072b2; outline-offset: 2px }
table { width: 100%; border-collapse: separate; border-spacing: 0 }
caption { padding: 0 0 0.5rem; text-align: left; font-weight: bold; font-size: 1.125rem; line-height: 1.3 }
caption > span { position: sticky; left: 0; display: inline-block; max-width: calc(100vw - 3rem) }
th, td { padding: 0.3rem 0.45rem; text-align: left; vertical-align: top; overflow-wrap: break-word }
thead th { vertical-align: bottom; border-bottom: 1px solid var(--rule) }
thead tr:first-child th { border-top: 2px solid var(--rule) }
thead th[scope="colgroup"] { text-align: center; border-bottom: 1px solid var(--hair) }
tbody tr > * { border-bottom: 1px solid var(--hair) }
tbody th { font-weight: normal }
th[scope="rowgroup"], tr.total > * { font-weight: bold }
th[scope="rowgroup"] { background: var(--shade) }
th[scope="rowgroup"] > span { position: sticky; left: 0.45rem }
.c { text-align: center } .r { text-align: right }
.notes { max-width: 70rem; margin-top: 0.75rem; color: var(--quiet); font-size: 0.8125rem }
.notes p { margin: 0 0 0.3rem }
@media screen and (max-width: 48rem) {
  body { padding: 0.75rem } caption > span { max-width: calc(100vw - 1.5rem) }
  tbody th[scope="row"], thead tr:first-child th:first-child { position: sticky; left: 0; max-width: 9rem;
    background: var(--paper); box-shadow: 1px 0 var(--hair) }
}
@media print {
  body { padding: 0; font-size: 7.5pt } main { max-width: none } .table { overflow: visible }
  table { min-width: 0 !important } thead { display: table-header-group } tr { break-inside: avoid }
  tbody tr:first-child:has(th[scope="rowgroup"]) { break-after: avoid } .notes { font-size: 7pt }
  th[scope="rowgroup"] { print-color-adjust: exact }
}
"""
WIDEST = 240  # em; the most that a table on a narrow screen keeps
# A page that allows no style but its own takes no style of an element: widths are classes.
STYLE += "".join(f".w{percent} {{ width: {percent}% }}\n" for percent in range(1, 101))
STYLE += "".join(f".m{width} {{ min-width: {width}em }}\n" for width in range(5, WIDEST + 1, 5))


def save_webpage(table: Table, path: Path | str) -> None:
    """Write a table as a page of its own."""
    save_bytes(webpage(table).encode("utf-8"), path)


def webpage(table: Table) -> str:
    """A table as a whole page: caption, headings with their scope, groups, footnotes."""
    style = f"@page {{ size: A4 {'landscape' if table.landscape else 'portrait'}; margin: 12mm }}{STYLE}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{LANGUAGE}">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # nothing is loaded and nothing runs, whatever a cell may hold
            f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src {hashed(style)}">',
            f"<title>{_text(table.caption)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            fragment(table),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def hashed(text: str) -> str:
    """A style or script as the content security policy of a page names it."""
    return f"'sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def fragment(
    table: Table,
    links: Links = lambda column, about, text: (),
    role: str = "region",
) -> str:
    """A table as a part of a page, in the looks of STYLE.

    Parameters
    ----------
    table : Table
    links : function from the name of a column ("" for a footnote), what the row is about (`Table.about`) and the text
        of the cell to pairs of words and address; the words are sought in the text in their order
    role : str; "region", a landmark of the page, or "group" where many tables would be too many landmarks
    """
    widths = shares(table, 0, breaks=BREAKS)
    described = f' aria-describedby="{table.name}-notes"' if table.footnotes else ""
    # On a narrow screen the table keeps a width at which its words fit, and its frame scrolls, also by the keyboard.
    lines = [
        f'<div class="table" role="{role}" aria-labelledby="{table.name}-caption" tabindex="0">',
        f'<table class="m{narrowest(table)}"{described}>',
        f'<caption id="{table.name}-caption"><span>{_text(table.caption)}</span></caption>',
        "<colgroup>" + "".join(f'<col class="w{max(1, round(100 * width))}">' for width in widths) + "</colgroup>",
        "<thead>",
        *_header(table),
        "</thead>",
    ]
    about = iter(table.about or [{}] * len(table.frame))
    for group, rows in table.sections():
        lines.append("<tbody>")
        if group:
            wide = f'<th scope="rowgroup" colspan="{len(table.columns)}"><span>{_text(group)}</span></th>'
            lines.append(f"<tr>{wide}</tr>")
        lines += [_row(table.columns, cells, bold, next(about), links) for cells, bold in rows]
        lines.append("</tbody>")
    if table.frame.empty:
        lines.append(f'<tbody><tr><td colspan="{len(table.columns)}">Nothing to show.</td></tr></tbody>')
    lines += ["</table>", "</div>"]
    if table.footnotes:
        notes = "".join(f"\n<p>{linked(note, links('', {}, note))}</p>" for note in table.footnotes)
        lines.append(f'<div class="notes" id="{table.name}-notes">{notes}\n</div>')
    return "\n".join(lines)


def linked(value: object, links: Iterable[tuple[str, str]], known: Container[str] = ()) -> str:
    """Text in which words lead somewhere; a place outside the page learns nothing of it.

    Parameters
    ----------
    value : what is printed
    links : pairs of words and address
    known : addresses that a link just before has already; the keyboard need not stop there again

    >>> linked("<b> 5/8", [("5/8", "#row")])
    '&lt;b&gt; <a href="#row">5/8</a>'
    >>> linked(0, [("0", "#row")])
    '<a href="#row">0</a>'
    """
    made = []
    for piece in pieces(value, links):
        if isinstance(piece, str):
            made.append(_text(piece))
            continue
        words, address = piece
        more = ' tabindex="-1"' * (address in known) + ' rel="noreferrer"' * (not address.startswith("#"))
        made.append(f'<a href="{html.escape(address)}"{more}>{_text(words)}</a>')
    return "".join(made)


def pieces(value: object, links: Iterable[tuple[str, str]]) -> list[str | tuple[str, str]]:
    """A text as words and, where they lead somewhere, pairs of words and address.

    >>> pieces("see 5/8.", [("5/8", "#row")])
    ['see ', ('5/8', '#row'), '.']
    """
    made: list[str | tuple[str, str]] = []
    rest = unbroken(printable(value))
    for words, address in links if rest else ():
        before, found, after = rest.partition(unbroken(words))
        if found:
            made += [before] if before else []
            made.append((found, address))
            rest = after
    return [*made, *([rest] if rest else [])]


def table_data(table: Table, links: Links) -> dict[str, Any]:
    """A table as plain data, for JSON: what `fragment` writes as elements.

    Returns
    -------
    dict with name, caption, width (em that its words need), columns (title, width in per cent, align, over), rows,
    notes and shared. A row has cells; and where it has them id (names by which links reach it), group (the first row of
    each group), bold, and facets. A cell or note is text, or a list of its `pieces`; cells and facets that come back
    are written once, in shared, and are the number of their place there.
    """
    widths = shares(table, 0, breaks=BREAKS)
    rows: list[dict[str, Any]] = []
    about = iter(table.about or [{}] * len(table.frame))
    for group, lines in table.sections():
        for at, (cells, bold) in enumerate(lines):
            facts = next(about)
            found = [
                links(column.name, facts, printable(cell)) for column, cell in zip(table.columns, cells, strict=True)
            ]
            row: dict[str, Any] = {"cells": list(map(_piece, cells, found))}
            row |= {"id": facts["id"].split()} if facts.get("id") else {}
            row |= {"group": group} if group and at == 0 else {}
            row |= {"bold": True} if bold else {}
            facets = {name: facts[name] for name in FACETS if facts.get(name)}
            rows.append(row | ({"facets": facets} if facets else {}))
    return {
        "name": table.name,
        "caption": unbroken(printable(table.caption)),
        "width": narrowest(table),
        "columns": [
            {
                "title": unbroken(column.title),
                "width": max(1, round(100 * width)),
                "align": column.align,
                "over": column.over,
            }
            for column, width in zip(table.columns, widths, strict=True)
        ],
        "notes": [_piece(note, links("", {}, note)) for note in table.footnotes],
        **_sharing(rows),
    }


def _sharing(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows in which a cell or facets that come back are the number of their place in what is shared."""
    rows = list(rows)
    texts = Counter(
        repr(cell) for row in rows for cell in (*row["cells"], *([row["facets"]] if "facets" in row else []))
    )
    places: dict[str, int] = {}
    shared: list[Any] = []

    def place(cell: Any) -> Any:
        text = repr(cell)
        if texts[text] == 1 or len(text) < SHORT:
            return cell
        if text not in places:
            places[text] = len(shared)
            shared.append(cell)
        return places[text]

    made = [
        {**row, "cells": list(map(place, row["cells"]))} | ({"facets": place(row["facets"])} if "facets" in row else {})
        for row in rows
    ]
    return {"rows": made, "shared": shared}


def narrowest(table: Table) -> int:
    """Width in em at which the words of a table fit; a narrower frame scrolls."""
    return min(WIDEST, max(5, 5 * int(0.1 * sum(column.width for column in table.columns))))


def _piece(value: object, links: Iterable[tuple[str, str]]) -> str | list[str | tuple[str, str]]:
    found = pieces(value, links)
    if not any(isinstance(piece, tuple) for piece in found):
        return "".join(map(str, found))
    return found


def _header(table: Table) -> list[str]:
    spans = table.spans
    if not spans:
        return [_headings(table.columns)]
    first: list[str] = []
    below: list[Column] = []
    position = 0
    for over, width in spans:
        if over:
            first.append(f'<th scope="colgroup" colspan="{width}">{_text(over)}</th>')
            below += table.columns[position : position + width]
        else:
            first.append(_heading(table.columns[position], ' rowspan="2"'))
        position += width
    return [f"<tr>{''.join(first)}</tr>", _headings(below)]


def _headings(columns: Sequence[Column]) -> str:
    return f"<tr>{''.join(_heading(column) for column in columns)}</tr>"


def _heading(column: Column, more: str = "") -> str:
    return f'<th scope="col"{more}{ALIGN[column.align]}>{_text(column.title)}</th>'


def _row(columns: Sequence[Column], cells: Sequence[object], bold: bool, about: Mapping[str, str], links: Links) -> str:
    own, *further = map(html.escape, about.get("id", "").split() or [""])
    made: list[str] = []
    known: set[str] = set()
    for position, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        tag, scope = ("th", ' scope="row"') if position == 0 else ("td", "")
        places = "".join(f'<span id="{place}"></span>' for place in further if position == 0)
        found = links(column.name, about, printable(cell))
        made.append(f"<{tag}{scope}{ALIGN[column.align]}>{places}{linked(cell, found, known)}</{tag}>")
        known.update(address for _, address in found)
    place = f' id="{own}"' * bool(own)
    place += "".join(f' data-{name}="{html.escape(about[name])}"' for name in FACETS if name in about)
    return f"<tr{place}" + (' class="total">' if bold else ">") + "".join(made) + "</tr>"


def _text(value: object) -> str:
    """Text that is never markup; a long address or name may be broken after a slash or a low line."""
    text = html.escape(unbroken(printable(value)))
    return re.sub("[/_]", r"\g<0><wbr>", text) if _long(value) else text


def _long(value: object) -> bool:
    return isinstance(value, str) and any(len(word) > LONG and re.search("[/_]", word) for word in value.split())
