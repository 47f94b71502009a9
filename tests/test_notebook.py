"""The notebook runs as it stands, on a review that was run."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks/01_explore.ipynb"


@pytest.fixture(scope="module")
def cells(calcinosis):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shutil.copy(NOTEBOOK, calcinosis.path("notebooks"))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": calcinosis.path("notebooks")}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_stored_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)


def test_it_shows_table_iv_and_two_forest_plots(cells):
    assert "Diltiazem" in cells[1].outputs[0]["data"]["text/html"]
    assert "image/png" in cells[2].outputs[0]["data"]
    assert "image/png" in cells[4].outputs[0]["data"]


def test_its_what_if_leaves_out_the_secondary_source(cells):
    printed = cells[3].outputs[0]["text"]
    assert "as published: 21/41 in 4 studies" in printed
    assert "without secondary sources: 16/33 in 3 studies" in printed
