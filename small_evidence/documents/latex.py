"""Printed tables as LaTeX: the only module that knows its commands. Text of the tables is never one.

A file is a whole document that compiles alone; what lies between its two marks can be copied into a manuscript.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from small_evidence.documents.measures import shares
from small_evidence.saving import save_bytes
from small_evidence.tables.table import Table
from small_evidence.wording import printable, unbroken

COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # a bracket or a star after a row would be an argument of the row
    "[": "{[}",
    "]": "{]}",
    "*": r"{\textasteriskcentered}",
    "-": "{-}",  # no dashes made of hyphens
    ",": "{,}",
    "!": "{!}",
    "?": "{?}",
    "/": r"/\allowbreak{}",
}
# Characters that LaTeX knows by command in every engine; letters with accents are left as they are.
SYMBOLS = {
    "—": r"\textemdash{}", "–": r"\textendash{}", "−": r"\ensuremath{-}", "×": r"\texttimes{}", "±": r"\textpm{}",
    "≥": r"\ensuremath{\geq}", "≤": r"\ensuremath{\leq}", "≠": r"\ensuremath{\neq}", "≈": r"\ensuremath{\approx}",
    "²": r"\texttwosuperior{}", "³": r"\textthreesuperior{}", "°": r"\textdegree{}", "µ": r"\textmu{}",
    "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "§": r"\textsection{}", "¶": r"\textparagraph{}",
    "‖": r"\textbardbl{}", "•": r"\textbullet{}", "…": r"\textellipsis{}", "™": r"\texttrademark{}",
    "®": r"\textregistered{}", "©": r"\textcopyright{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}",
    "‘": r"\textquoteleft{}", "’": r"\textquoteright{}", "½": r"\textonehalf{}", "¼": r"\textonequarter{}",
    "→": r"\ensuremath{\rightarrow}", "α": r"\ensuremath{\alpha}", "β": r"\ensuremath{\beta}",
    "γ": r"\ensuremath{\gamma}", "δ": r"\ensuremath{\delta}", "κ": r"\ensuremath{\kappa}", "λ": r"\ensuremath{\lambda}",
    "μ": r"\ensuremath{\mu}", "σ": r"\ensuremath{\sigma}", "τ": r"\ensuremath{\tau}", "χ": r"\ensuremath{\chi}",
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "\u200b": r"\allowbreak{}", "\u2010": "{-}", "\u2011": "{-}",
}  # fmt: skip
# Letters that the Latin fonts of pdfLaTeX have; what lies beyond it prints as a code point, LuaLaTeX as itself.
KNOWN = re.compile(r"[\x20-\x7e¡-ÿĀ-ďĒ-ěĞ-ğĢ-ģĪ-īĮ-ıĶ-ķĹ-ŇŌ-ōŐ-śŞ-ťŪ-ūŮ-ųŵ-žȘ-ț\n]")
# an empty space first, so that TeX may break also the first word of a cell
ALIGN = {
    side: rf"{command}\hspace{{0pt}}"
    for side, command in (("left", r"\raggedright"), ("center", r"\centering"), ("right", r"\raggedleft"))
}
BEGIN, END = "% ---- table begins ----", "% ---- table ends ----"


def save_latex(table: Table, path: Path | str) -> None:
    """Write a table as a LaTeX document."""
    save_bytes(latex(table).encode("utf-8"), path)


def latex(table: Table) -> str:
    """A table as a document: longtable with the rules of booktabs, header repeated on every page, notes below."""
    body = "\n".join(_table(table))
    return "\n".join(
        [
            "% Needs the packages booktabs, longtable and array; compiles with pdflatex, xelatex and lualatex.",
            rf"\documentclass[10pt,a4paper{',landscape' if table.landscape else ''}]{{article}}",
            r"\usepackage[margin=15mm]{geometry}",
            r"\usepackage{iftex,booktabs,longtable,array}",
            r"\ifPDFTeX\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}\usepackage{textcomp}\else\usepackage{fontspec}\fi",
            *_declared(body),
            r"\begin{document}",
            BEGIN,
            body,
            END,
            r"\end{document}",
            "",
        ]
    )


def escaped(value: object) -> str:
    r"""Text that LaTeX prints as it stands.

    >>> print(escaped(r"50% & more_"), escaped(r"\input{x}"))
    50\% \& more\_\allowbreak{} \textbackslash{}input\{x\}
    """
    text = unbroken(re.sub(r"[^\S\u00a0\u2009\u202f]", " ", printable(value)))
    return "".join(COMMANDS.get(sign) or SYMBOLS.get(sign) or sign for sign in text)


def _declared(body: str) -> list[str]:
    """What pdfLaTeX prints for characters that its fonts lack, instead of stopping."""
    foreign = sorted({sign for sign in body if not KNOWN.match(sign)})
    lines = [rf"\DeclareUnicodeCharacter{{{ord(sign):04X}}}{{[U+{ord(sign):04X}]}}" for sign in foreign]
    return [r"\ifPDFTeX", *lines, r"\fi"] if lines else []


def _table(table: Table) -> list[str]:
    count = len(table.columns)
    wide = 267 if table.landscape else 180  # mm between the margins
    widths = shares(table, wide * 96 / 25.4, size=8)
    # shares are of the whole line, the room between columns included; rows end by \tabularnewline, so that the column
    # may redefine \\ as it likes
    columns = [
        rf">{{{ALIGN[column.align]}}}p{{\dimexpr{width:.4f}\linewidth-2\tabcolsep\relax}}"
        for column, width in zip(table.columns, widths, strict=True)
    ]
    header = _header(table)
    whole = rf"\multicolumn{{{count}}}{{p{{\dimexpr\linewidth-2\tabcolsep\relax}}}}"
    number, title = (rf"\textbf{{{escaped(table.number)}.}} " if table.number else ""), escaped(table.title)
    lines = [
        r"\begingroup\footnotesize\setlength{\tabcolsep}{2.5pt}\setlength{\LTleft}{0pt}\setlength{\LTright}{0pt}",
        r"\setlength{\LTcapwidth}{\linewidth}\renewcommand{\arraystretch}{1.15}",
        r"\begin{longtable}{" + "%\n" + "%\n".join(columns) + "}",
        rf"\caption*{{{number}{title}}}\tabularnewline",
        r"\toprule",
        *header,
        r"\midrule",
        r"\endfirsthead",
        r"\toprule",
        *header,
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        r"\bottomrule",
        r"\endlastfoot",
    ]
    for position, (group, rows) in enumerate(table.sections()):
        if group:
            lines += [r"\addlinespace"] * bool(position)
            lines.append(rf"{whole}{{\textbf{{{escaped(group)}}}}}\tabularnewline*")
        lines += [_row(cells, bold) for cells, bold in rows]
    if table.frame.empty:
        lines.append(rf"{whole}{{Nothing to show.}}\tabularnewline")
    lines.append(r"\end{longtable}")
    lines += [rf"\noindent {escaped(note)}\par" for note in table.footnotes]
    return [*lines, r"\endgroup"]


def _header(table: Table) -> list[str]:
    rows, rules, position = [], [], 1
    if table.spans:
        cells = []
        for over, span in table.spans:
            cells.append(rf"\multicolumn{{{span}}}{{c}}{{\textbf{{{escaped(over)}}}}}" if over else "")
            if over:
                rules.append(rf"\cmidrule(lr){{{position}-{position + span - 1}}}")
            position += span
        rows = [" & ".join(cells) + r" \tabularnewline", *rules]
    return [*rows, _row([column.title for column in table.columns], bold=True)]


def _row(cells: Sequence[object], bold: bool) -> str:
    made = [escaped(cell) for cell in cells]
    return " & ".join(rf"\textbf{{{cell}}}" if bold and cell else cell for cell in made) + r" \tabularnewline"
