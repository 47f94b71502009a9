"""Writes drawings: SVG, PDF, PNG and TIFF by typst from the same data, EPS by matplotlib.

Why typst: its PDF is tagged and passes PDF/UA-1, with the description as alternative text; fonts are embedded as
subsets and text can be searched; hatching is a pattern; without a date the same drawing is the same file, byte for
byte; and it sets whole documents as well. skia-python, the other candidate, is about as fast, but its PDF has no tags
and its SVG rounds the place of each letter to whole points.

An SVG whose text stays text is made here, as renderers turn letters into outlines: a tenth of the size, searchable,
read aloud, and each line keeps its measured length where the reader's machine has another font.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import typst
from PIL import Image
from PIL.PngImagePlugin import PngInfo, putchunk

from small_evidence.figures.drawing import Drawing, Item, Line, Shape, Text, pages_of
from small_evidence.figures.fonts import families, font_book, font_hashes, needs_system, text_width
from small_evidence.made import content_of, maker_of
from small_evidence.saving import save_bytes

FORMATS = ("svg", "pdf", "png", "eps", "tiff")
LIBRARIES = ("fonttools", "matplotlib", "pillow", "typst")
TEMPLATE = Path(__file__).with_name("page.typ")
HEADER = 33  # bytes of a PNG's signature and first chunk, after which texts may stand
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
# For a machine without the font: those of nearly the same widths first.
ALIKE = {"DejaVu Sans": ("Verdana", "sans-serif"), "DejaVu Serif": ("Georgia", "serif")}
HATCH = "M-1,5 L5,-1 M-5,5 L1,-1 M3,5 L9,-1"


def save_figure(drawing: Drawing, path: str | Path) -> None:
    """Write a drawing; the ending of the path says the format. The one place where figures are written.

    PDF and EPS contain their text as text, in embedded fonts (TrueType and Type 3); SVG as text or as outlines, as the
    preset wants; TIFF is RGB with LZW compression at the preset's dpi. Title and description go into SVG, PDF and PNG.
    PDF is the format that has pages; in the others a figure that is too high for one page is whole.

    Raises
    ------
    ValueError: an ending that is not one of FORMATS
    """
    path = Path(path)
    ending = path.suffix.lower().lstrip(".")
    writers = {"svg": svg, "pdf": pdf, "png": png, "eps": _eps, "tiff": _tiff, "tif": _tiff}
    if ending not in writers:
        raise ValueError(f"{path}: figures are written as {', '.join(FORMATS)}, not {ending!r}")
    save_bytes(writers[ending](drawing), path)


def svg(drawing: Drawing) -> bytes:
    """A drawing as SVG, whole, with title and description."""
    if drawing.style.svg_text == "path":
        return _with_description(_compiled(drawing, (drawing,), "svg"), drawing)
    return _svg_with_text(drawing)


def pdf(drawing: Drawing) -> bytes:
    """A drawing as PDF/UA-1 with its pages; one that has no title or description yet as plain PDF."""
    described = drawing.title and drawing.alt_text
    return _compiled(drawing, pages_of(drawing), "pdf", pdf_standards=["ua-1"] if described else [])


def png(drawing: Drawing) -> bytes:
    """A drawing as PNG, whole, at the preset's dpi for screens."""
    dpi = drawing.style.png_dpi
    return _with_texts(_pixels(drawing, dpi), drawing, dpi)


def _tiff(drawing: Drawing) -> bytes:
    dpi = drawing.style.dpi
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(_pixels(drawing, dpi))) as picture:
        picture.convert("RGB").save(buffer, format="TIFF", compression="tiff_lzw", dpi=(dpi, dpi))
    return buffer.getvalue()


def _eps(drawing: Drawing) -> bytes:
    from small_evidence.figures.notebook import eps

    return eps(drawing)


def _pixels(drawing: Drawing, dpi: int) -> bytes:
    return _compiled(drawing, (drawing,), "png", ppi=dpi)


@cache
def _compiler(system: bool) -> typst.Compiler:
    return typst.Compiler(TEMPLATE, font_paths=font_book(system))


def _compiled(
    drawing: Drawing, pages: tuple[Drawing, ...], ending: Literal["svg", "pdf", "png"], **options: Any
) -> bytes:
    """What the renderer makes of some pages."""
    wanted = drawing.style.font
    data = {
        "title": drawing.title,
        "alt_text": drawing.alt_text,
        "families": families(wanted),
        "pages": [
            {"width": page.width, "height": page.height, "items": [_plain(item) for item in page.items]}
            for page in pages
        ],
    }
    inputs = {"drawing": json.dumps(data)}
    made: Any = _compiler(needs_system(wanted)).compile(format=ending, sys_inputs=inputs, **options)
    return bytes(made)


def content_of_files(drawing: Drawing) -> str:
    """SHA-256 of all that a drawing's files are made of: its data with its style, the fonts, and what writes them."""
    return content_of(drawing, font_hashes(drawing.style.font), maker_of(("figures",), LIBRARIES))


def _plain(item: Item) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)} | {"kind": type(item).__name__.lower()}


def _with_texts(data: bytes, drawing: Drawing, dpi: int) -> bytes:
    """A PNG with its title, description and pixels per metre, without coding its pixels again."""
    info, buffer = PngInfo(), io.BytesIO()
    for name, words in (("Title", drawing.title), ("Description", drawing.alt_text)):
        info.add_itxt(name, words, "en")
    buffer.write(data[:HEADER])
    metre = round(dpi / 0.0254).to_bytes(4, "big")
    putchunk(buffer, b"pHYs", metre, metre, b"\x01")
    for chunk in info.chunks:
        putchunk(buffer, *chunk[:2])
    buffer.write(data[HEADER:])
    return buffer.getvalue()


def _root(drawing: Drawing) -> ET.Element:
    width, height = f"{drawing.width:.2f}", f"{drawing.height:.2f}"
    root = ET.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", width=f"{width}pt", height=f"{height}pt",
        viewBox=f"0 0 {width} {height}",
    )  # fmt: skip
    _describe(root, drawing)
    return root


def _describe(root: ET.Element, drawing: Drawing) -> None:
    """What a screen reader reads."""
    root.set("role", "img")
    root.set("aria-label", drawing.title)
    for place, (tag, words) in enumerate((("title", drawing.title), ("desc", drawing.alt_text))):
        element = ET.Element(tag)
        element.text = words
        root.insert(place, element)


def _with_description(data: bytes, drawing: Drawing) -> bytes:
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ET.fromstring(data)
    _describe(root, drawing)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _svg_with_text(drawing: Drawing) -> bytes:
    root = _root(drawing)
    first, *others = families(drawing.style.font)
    names = dict.fromkeys([first, *others, *ALIKE.get(first, ALIKE["DejaVu Sans"])])
    group = ET.Element("g", {"font-family": ", ".join(names), "stroke-linejoin": "round", "xml:space": "preserve"})
    ET.SubElement(root, "rect", width="100%", height="100%", fill="#FFFFFF")
    hatches = {
        (item.face, item.hatch, item.width): "" for item in drawing.items if isinstance(item, Shape) and item.hatch
    }
    for number, (face, hatch, width) in enumerate(hatches):
        hatches[face, hatch, width] = name = f"hatch{number}"
        pattern = ET.SubElement(root, "pattern", id=name, width="4", height="4", patternUnits="userSpaceOnUse")
        ET.SubElement(pattern, "rect", width="4", height="4", fill=face)
        ET.SubElement(pattern, "path", {"d": HATCH, "stroke": hatch, "stroke-width": f"{width:g}"})
    root.append(group)
    for item in drawing.items:
        if isinstance(item, Text):
            _svg_text(group, item, drawing)
        elif isinstance(item, Line):
            _svg_line(group, item)
        else:
            _svg_shape(group, item, hatches)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _svg_text(group: ET.Element, item: Text, drawing: Drawing) -> None:
    length = text_width(item.words, drawing.style, item.size, item.bold)
    attributes = {"x": _number(item.x), "y": _number(item.y), "font-size": _number(item.size), "fill": item.colour}
    attributes |= {"font-weight": "bold"} if item.bold else {}
    attributes |= {} if item.align == "left" else {"text-anchor": ANCHORS[item.align]}
    attributes |= {"textLength": _number(length), "lengthAdjust": "spacingAndGlyphs"}
    ET.SubElement(group, "text", attributes).text = item.words


def _svg_line(group: ET.Element, item: Line) -> None:
    path = f"M{_number(item.x0)},{_number(item.y0)} L{_number(item.x1)},{_number(item.y1)}"
    attributes = {"d": path, "stroke": item.colour, "stroke-width": _number(item.width)}
    attributes |= {"stroke-dasharray": " ".join(map(_number, item.dash))} if item.dash else {}
    ET.SubElement(group, "path", attributes)


def _svg_shape(group: ET.Element, item: Shape, hatches: Mapping[tuple[str, str, float], str]) -> None:
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in item.points)
    face = f"url(#{hatches[item.face, item.hatch, item.width]})" if item.hatch else item.face
    attributes = {"points": points, "fill": face}
    attributes |= {"stroke": item.edge, "stroke-width": _number(item.width)} if item.width else {}
    ET.SubElement(group, "polygon", attributes)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
