"""One drawing, two renderings: what typst writes and what matplotlib shows stands at the places of the data."""

import ctypes
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from small_evidence.figures import review_figure
from small_evidence.figures.drawing import Line, Shape, Text
from small_evidence.figures.preflight import text_box
from small_evidence.figures.render import save_figure, svg
from small_evidence.figures.style import SCREEN
from tests.drawn import bundled_review

DRAWN = ["forest_diltiazem", "summary_forest", "evidence_map", "prisma_flow"]


def drawing_of(name):
    return review_figure(bundled_review(), name)


def corners(item):
    """Corners of a shape, or ends of a line, from the data."""
    return item.points if isinstance(item, Shape) else ((item.x0, item.y0), (item.x1, item.y1))


def in_pdf(drawing, path):
    """Boxes of texts and corners of all else as the PDF has them, x and y in points from the left and the top."""
    save_figure(drawing, path)
    with pypdfium2.PdfDocument(path) as document:
        page = document[0]
        read = page.get_textpage()
        paths = [item for item in page.get_objects() if item.type == pdfium.FPDF_PAGEOBJ_PATH]
        others = [[(x, drawing.height - y) for x, y in path_points(item)] for item in paths]
        whole = read.get_text_range()
        texts = []
        for text in drawing.texts:  # readers order text by rows, so that of equal words the nearest is meant
            starts = [found.start() for found in re.finditer(re.escape(text.words), whole)]
            boxes = [box_of(read, start, text.words, drawing.height) for start in starts]
            texts.append(min(boxes, key=lambda box: math.dist(box[:2], text_box(drawing, text)[:2])))
    return texts, others


def box_of(read, start, words, height):
    letters = [start + at for at, letter in enumerate(words) if not letter.isspace()]
    boxes = np.array([read.get_charbox(at) for at in letters])
    (left, bottom), (right, top) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return left, height - top, right, height - bottom


def path_points(item):
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(pdfium.FPDFPath_CountSegments(item)):
        pdfium.FPDFPathSegment_GetPoint(pdfium.FPDFPath_GetPathSegment(item, number), x, y)
        yield item.get_matrix().on_point(x.value, y.value)


def in_matplotlib(drawing):
    """The same of the matplotlib Figure."""
    figure = drawing.figure()
    renderer, scale = FigureCanvasAgg(figure).get_renderer(), 72 / figure.dpi
    boxes = [text.get_window_extent(renderer).extents * scale for text in figure.texts]
    texts = [(left, drawing.height - top, right, drawing.height - bottom) for left, bottom, right, top in boxes]
    others = []
    for item in sorted(figure.artists, key=lambda item: item.get_zorder()):
        vertices = item.get_transform().transform(item.get_path().vertices) * scale
        others.append([(x, drawing.height - y) for x, y in vertices])
    return texts, others


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("rendering", ["pdf", "matplotlib"])
def test_both_renderings_have_each_text_and_shape_at_its_place(name, rendering, tmp_path):
    drawing = drawing_of(name)
    texts, others = in_pdf(drawing, tmp_path / "a.pdf") if rendering == "pdf" else in_matplotlib(drawing)
    wanted = [corners(item) for item in drawing.items if not isinstance(item, Text)]
    for found, points in zip(others, wanted, strict=True):
        assert np.array(found)[: len(points)] == pytest.approx(np.array(points), abs=0.01)
    for found, item in zip(texts, drawing.texts, strict=True):
        box = text_box(drawing, item)
        place = {"left": [1, 0], "right": [0, 1], "center": [0.5, 0.5]}[item.align]
        near, wide = np.dot([found[0], found[2]], place), found[2] - found[0]
        assert near == pytest.approx(item.x, abs=1.1)  # letters leave space at their sides
        assert wide == pytest.approx(box[2] - box[0], rel=0.06, abs=2)  # that, and kerning
        assert box[1] - 1.2 < found[1] < found[3] < box[3] + 1.2


@pytest.mark.parametrize("text", ["text", "path"])
def test_svg_has_each_text_and_shape(text):
    drawing = drawing_of("evidence_map")
    drawing = replace(drawing, style=replace(SCREEN, svg_text=text))
    root = ET.fromstring(svg(drawing))
    size = float(root.get("width").removesuffix("pt")), float(root.get("height").removesuffix("pt"))
    assert size == pytest.approx((drawing.width, drawing.height), abs=0.01)
    words = [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words == ([item.words for item in drawing.texts] if text == "text" else [])
    assert root.find("{http://www.w3.org/2000/svg}title").text == "Evidence map"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}pattern"))) > 0


def test_svg_dashes_the_lines_that_are_dashed():
    drawing = drawing_of("forest_diltiazem")
    dashed = [item for item in drawing.items if isinstance(item, Line) and item.dash]
    there = [item for item in ET.fromstring(svg(drawing)).iter() if "stroke-dasharray" in item.attrib]
    assert len(there) == len(dashed) > 0


def test_words_of_a_pdf_can_be_searched_and_read_aloud(tmp_path):
    drawing = drawing_of("forest_diltiazem")
    save_figure(drawing, tmp_path / "a.pdf")
    with pypdfium2.PdfDocument(tmp_path / "a.pdf") as document:
        found = document[0].get_textpage().get_text_bounded()
        assert document.get_metadata_dict()["Title"] == "Forest plot: Diltiazem"
        assert document.is_tagged()
    assert all(text.words in found for text in drawing.texts)


def test_png_says_what_it_shows(tmp_path):
    drawing = drawing_of("forest_diltiazem")
    save_figure(drawing, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text["Title"] == drawing.title
        assert picture.text["Description"] == drawing.alt_text
        assert picture.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert picture.size[0] == pytest.approx(drawing.width / 72 * 200, abs=1)
