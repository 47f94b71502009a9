"""Printed tables and texts as DOCX: the only module that knows Word.

Tables are written as XML in one go, since python-docx looks a cell up by counting all cells before it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.section import Section
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from small_evidence.documents.measures import shares
from small_evidence.documents.text import Heading, Item, Text
from small_evidence.extraction.spreadsheets import CREATED
from small_evidence.release.archive import save_archive
from small_evidence.tables.table import Column, Table
from small_evidence.wording import printable, unbroken

FONT, LANGUAGE = "Arial", "en-GB"
PAPER, MARGIN = (210, 297), 15  # mm; A4
TEXT_MARGIN = 25  # mm; of a text to read
BODY, SMALL, CAPTION, NARROWEST = 8, 7.5, 10, 6.5  # points
COMFORTABLE = 150  # characters that a landscape line takes at the size of the body
RULE, HAIR, SHADE = "808080", "D4D4D4", "EAEAEA"
TWIPS = 1440 / 25.4  # in a millimetre
TEXT, HEAD, GROUP, NOTE = "Table Text", "Table Heading", "Table Group", "Table Note"


def save_word(made: Table | Text | Iterable[Table], path: Path | str) -> None:
    """Write a table, several tables (a section each) or a text.

    Header rows repeat on every page, no row is broken over two, headings of groups stay with their first row.
    """
    tables = [made] if isinstance(made, Table) else made if not isinstance(made, Text) else []
    document = docx.Document(io.BytesIO(_template()))
    if isinstance(made, Text):
        _turn(document.sections[0], False, TEXT_MARGIN)
        _add_text(document, made)
    for position, table in enumerate(tables):
        if position:
            document.add_section(WD_SECTION.NEW_PAGE)
        _turn(document.sections[-1], table.landscape, MARGIN)
        _add_table(document, table, MARGIN)
    titled = getattr(made, "caption", None) or getattr(made, "title", None) or "Tables"
    _save(document, printable(titled), path)


@cache
def _template() -> bytes:
    """An empty document with our styles and page numbers; the text of the styles that Word has is set in our font."""
    document = docx.Document()
    styles = document.styles
    normal = styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(10.5)
    normal.paragraph_format.space_after, normal.paragraph_format.line_spacing = Pt(6), 1.15
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), LANGUAGE)
    for name, size, before in (("Title", 16, 0), ("Heading 1", 13, 12), ("Heading 2", 11, 8), ("Caption", CAPTION, 6)):
        style = styles[name]
        style.font.name, style.font.size, style.font.bold = FONT, Pt(size), True
        style.font.color.rgb = RGBColor(0, 0, 0)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(4)
        style.paragraph_format.keep_with_next = True
        fonts = style.element.rPr.rFonts  # the template names its theme's font beside, which would win
        for attribute in [name for name in fonts.attrib if "Theme" in name]:
            del fonts.attrib[attribute]
    borders = styles["Title"].element.pPr.find(qn("w:pBdr"))
    if borders is not None:
        styles["Title"].element.pPr.remove(borders)
    for name, points, bold in ((TEXT, BODY, False), (HEAD, BODY, True), (GROUP, BODY, True), (NOTE, SMALL, False)):
        style = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = normal
        style.font.size, style.font.bold = Pt(points), bold
        style.paragraph_format.space_before = Pt(0 if name == NOTE else 1)
        style.paragraph_format.space_after, style.paragraph_format.line_spacing = Pt(2 if name == NOTE else 1), 1.0
        style.paragraph_format.keep_with_next = name in (HEAD, GROUP)
    _add_page_numbers(document)
    package = document.part.package  # python-docx brings a picture of the first page of its own
    for key in [key for key, part in package.rels.items() if part.reltype.endswith("/thumbnail")]:
        del package.rels[key]
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _turn(section: Section, landscape: bool, margin: float) -> None:
    width, height = PAPER[::-1] if landscape else PAPER
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(margin)
    section.header_distance = section.footer_distance = Mm(8)


def _add_paragraph(document: Document, words: str, style: str) -> Paragraph:
    """A paragraph of a style by its id, which is its name without blanks; python-docx would search it by the name."""
    paragraph = document.add_paragraph(words)
    paragraph._p.style = style.replace(" ", "")
    return paragraph


def _add_text(document: Document, text: Text) -> None:
    _add_paragraph(document, printable(text.title), "Title")
    for block in text.blocks:
        if isinstance(block, Heading):
            _add_paragraph(document, printable(block.words), f"Heading {block.level}")
        elif isinstance(block, Item):
            if not block.number:
                _add_paragraph(document, printable(block.words), "List Bullet")
            else:  # a number that a sentence cites must not depend on the program's own counting
                paragraph = document.add_paragraph()
                paragraph.paragraph_format.left_indent = Mm(8)
                paragraph.paragraph_format.first_line_indent = Mm(-8)
                paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(8))
                paragraph.add_run(f"{block.number}.\t{printable(block.words)}")
        elif isinstance(block, Table):
            _add_table(document, block, TEXT_MARGIN)
        else:
            document.add_paragraph(printable(block))


def _add_table(document: Document, table: Table, margin: float) -> None:
    caption = _add_paragraph(document, "", "Caption")
    if table.number:
        caption.add_run(printable(f"{table.number}. "))
    caption.add_run(printable(table.title)).bold = not table.number
    body = document.element.body
    body.insert(len(body) - 1, parse_xml(_table_xml(table, PAPER[table.landscape] - 2 * margin)))  # before w:sectPr
    for position, note in enumerate(table.footnotes):
        paragraph = _add_paragraph(document, printable(note), NOTE)
        if position == 0:
            paragraph.paragraph_format.space_before = Pt(4)


def _table_xml(table: Table, width: float) -> str:
    """A table as WordprocessingML; width in mm."""
    total = round(width * TWIPS)
    size = _size(table, width)
    grid = [round(share * total) for share in shares(table, width * 96 / 25.4, size)]
    last = len(table.columns) - 1
    rows = _header_rows(table, grid, size)
    for group, members in table.sections():
        if group:
            rows.append(_row([_cell(group, sum(grid), GROUP, size, span=last + 1, bottom=HAIR, shade=SHADE)]))
        for cells, bold in members:
            made = [
                _cell(cell, wide, TEXT, size, column.align, bottom=HAIR, bold=bold)
                for column, cell, wide in zip(table.columns, cells, grid, strict=True)
            ]
            rows.append(_row(made))
    if table.frame.empty:
        rows.append(_row([_cell("Nothing to show.", sum(grid), TEXT, size, span=last + 1, bottom=HAIR)]))
    edges = "".join(f'<w:{edge} w:val="single" w:sz="8" w:space="0" w:color="{RULE}"/>' for edge in ("top", "bottom"))
    return (
        f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{sum(grid)}" w:type="dxa"/><w:tblBorders>{edges}</w:tblBorders>'
        '<w:tblLayout w:type="fixed"/><w:tblCellMar><w:left w:w="50" w:type="dxa"/><w:right w:w="50" w:type="dxa"/>'
        '</w:tblCellMar><w:tblLook w:val="0020" w:firstRow="1" w:lastRow="0" w:firstColumn="0" w:lastColumn="0" '
        f'w:noHBand="1" w:noVBand="1"/><w:tblCaption w:val={quoteattr(printable(table.caption))}/></w:tblPr><w:tblGrid>'
        + "".join(f'<w:gridCol w:w="{wide}"/>' for wide in grid)
        + f"</w:tblGrid>{''.join(rows)}</w:tbl>"
    )


def _size(table: Table, width: float) -> float:
    """Points; smaller where a table has more columns than the page is wide."""
    comfortable = COMFORTABLE * width / (PAPER[1] - 2 * MARGIN)
    wished = sum(column.width for column in table.columns)
    return max(NARROWEST, min(BODY, round(2 * BODY * comfortable / wished) / 2))


def _header_rows(table: Table, grid: Sequence[int], size: float) -> list[str]:
    """One header row, or two: a column without a shared heading has a cell over both."""
    if not table.spans:
        pairs = zip(table.columns, grid, strict=True)
        return [_row([_heading(column, wide, size, bottom=RULE) for column, wide in pairs], header=True)]
    first, below, position = [], [], 0
    for over, span in table.spans:
        columns, widths = table.columns[position : position + span], grid[position : position + span]
        if over:
            first.append(_cell(over, sum(widths), HEAD, size, "center", span=span, bottom=HAIR))
            below += [_heading(column, wide, size, bottom=RULE) for column, wide in zip(columns, widths, strict=True)]
        else:
            first.append(_heading(columns[0], widths[0], size, merge="restart", bottom=RULE))
            below.append(_cell("", widths[0], HEAD, size, merge="continue", bottom=RULE))
        position += span
    return [_row(first, header=True), _row(below, header=True)]


def _heading(column: Column, width: int, size: float, *, merge: str = "", bottom: str = "") -> str:
    return _cell(column.title, width, HEAD, size, column.align, merge=merge, bottom=bottom)


def _row(cells: list[str], header: bool = False) -> str:
    repeated = "<w:tblHeader/>" if header else ""
    return f"<w:tr><w:trPr><w:cantSplit/>{repeated}</w:trPr>{''.join(cells)}</w:tr>"


def _cell(
    value: object, width: int, style: str, size: float, align: str = "left", *, span: int = 1, merge: str = "",
    bottom: str = "", shade: str = "", bold: bool = False,
) -> str:  # fmt: skip
    """A cell; the order of its properties is that of the schema."""
    properties = f'<w:tcW w:w="{width}" w:type="dxa"/>'
    properties += f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    properties += f'<w:vMerge w:val="{merge}"/>' if merge else ""
    line = f'<w:bottom w:val="single" w:sz="4" w:space="0" w:color="{bottom}"/>'
    properties += f"<w:tcBorders>{line}</w:tcBorders>" if bottom else ""
    properties += f'<w:shd w:val="clear" w:color="auto" w:fill="{shade}"/>' if shade else ""
    properties += '<w:vAlign w:val="bottom"/>' if style == HEAD else ""
    strong, small = "<w:b/>" if bold else "", f'<w:sz w:val="{round(2 * size)}"/>' if size != BODY else ""
    look = f"<w:rPr>{strong}{small}</w:rPr>" if strong or small else ""
    words = unbroken(printable(value))
    text = f'<w:r>{look}<w:t xml:space="preserve">{escape(words)}</w:t></w:r>' if words else ""
    placed = f'<w:jc w:val="{align}"/>' if align != "left" else ""
    paragraph = f'<w:p><w:pPr><w:pStyle w:val="{style.replace(" ", "")}"/>{placed}</w:pPr>{text}</w:p>'
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph}</w:tc>"


def _add_page_numbers(document: Document) -> None:
    """'Page X of Y' below every page; later sections take the footer of the first."""
    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.style, paragraph.alignment = document.styles[NOTE], 2
    for words, field in (("Page ", "PAGE"), (" of ", "NUMPAGES")):
        paragraph.add_run(words)
        paragraph._p.append(
            parse_xml(f'<w:fldSimple {nsdecls("w")} w:instr="{field}"><w:r><w:t>1</w:t></w:r></w:fldSimple>')
        )


def _save(document: Document, title: str, path: Path | str) -> None:
    """Write the document without a trace of when and on what machine."""
    facts = document.core_properties
    facts.title, facts.author, facts.last_modified_by, facts.comments = title[:255], "", "", ""
    facts.created = facts.modified = CREATED
    facts.revision, facts.language = 1, LANGUAGE
    with zipfile.ZipFile(io.BytesIO(_template())) as empty:
        members = {name: empty.read(name) for name in empty.namelist()}
    members |= {part.partname.removeprefix("/"): part.blob for part in document.part.package.iter_parts()}
    save_archive(members, path)
