"""The notebooks run as they stand, on the tables and results of the bundled review."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from small_evidence.names import RESULT_TABLES
from small_evidence.review import PROCESSED, RESULTS, save_results, save_tables
from tests.conftest import PROJECT

NOTEBOOKS = PROJECT / "notebooks"


@pytest.fixture(scope="module")
def folder(synthesised, tmp_path_factory):
    """What a run leaves of the bundled review and the notebooks read: tables, choices and results."""
    folder = tmp_path_factory.mktemp("calcinosis")
    for name in ("data/raw", "config", "notebooks"):
        shutil.copytree(PROJECT / name, folder / name)
    save_tables(synthesised.tables, folder / PROCESSED)
    save_results(synthesised, [folder / RESULTS / f"{name}.csv" for name in RESULT_TABLES])
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Contents of every file below a folder, by name."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def cells(folder):
    """Function that runs a notebook: what each of its code cells shows, by the kind of it."""

    def run(name: str) -> list[dict]:
        notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
        place = {"metadata": {"path": folder / "notebooks"}}
        NotebookClient(notebook, timeout=120, resources=place).execute()
        return [shown(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]

    return run


def shown(outputs: list) -> dict[str, str]:
    """What a cell shows; printed text, which comes in one part or several, as "text"."""
    printed = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    return {"text": printed} if printed else dict(outputs[0].get("data", {})) if outputs else {}


def rows(cell: dict) -> dict[str, list[str]]:
    """Rows of the table that a cell shows, by their first cell."""
    lines = re.findall(r"<tr.*?>(.*?)</tr>", cell["text/html"], re.DOTALL)
    parts = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", line, re.DOTALL) for line in lines]
    return {name: values for name, *values in parts}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)


def test_explore_shows_table_iv_and_a_forest_plot_with_and_without_the_secondary_source(cells):
    _, table, plot, printed, other = cells("01_explore.ipynb")
    assert "Diltiazem" in table["text/html"]
    assert "image/svg+xml" in plot
    assert "image/svg+xml" in other
    assert "as published: 21/41 in 4 studies" in printed["text"]
    assert "without secondary sources: 16/33 in 3 studies" in printed["text"]


def test_sensitivity_shows_what_every_choice_does_and_its_words_hold(cells):
    _, answer, *_, simulated, methods, left_out, choices, priors, posterior = cells("02_sensitivity.ipynb")
    published = ["4", "21/41 (51.2%)", "54.8", "[18.8, 93.3]", "[2.7, 99.3]", "0.46", "across"]
    assert rows(answer)["As published"] == rows(choices)["As published"] == published
    assert rows(choices)["Arms of 1 or more patients"] == published
    assert rows(choices)["Without secondary sources"][:2] == ["3", "16/33 (48.5%)"]
    assert rows(choices)["Arms of 5 or more patients"][:2] == ["3", "17/37 (45.9%)"]
    assert rows(choices)["Complete responses only"][0] == "0"
    assert all("image/svg+xml" in cell for cell in (methods, left_out, posterior))

    held = {name: int(values[0]) for name, values in rows(simulated).items() if name}
    assert held["wald_z"] < 900 < held["default"] < 975 < held["profile_t"]
    spans = [[float(end) for end in values[3].strip("[]").split(", ")] for name, values in rows(priors).items() if name]
    assert len({high - low for low, high in spans}) == 3
    assert [high - low for low, high in spans] == sorted(high - low for low, high in spans)


def test_the_middle_of_the_answer_is_where_the_sensitivity_notebook_says(synthesised):
    found = synthesised["sensitivity"].query("analysis == 'diltiazem' and pooled == 'yes'")
    assert found["estimate"].between(0.45, 0.65).all()
    differing = found.query("tau2 != 0")
    assert (differing["ci_lb"] < 0.4).all()
    assert (differing["ci_ub"] > 0.6).all()


def test_a_study_is_added_to_a_copy_refused_mended_graded_and_pooled(folder, cells):
    before = files(folder)
    _, _, _, slip, mended, level, both, plot, _ = cells("03_add_a_study.ipynb")
    assert slip["text"].splitlines()[0] == "1 error in data/raw; nothing was changed:"
    assert re.fullmatch(
        r"data/raw/responses\.csv, row \d+, column responders: 23 of n = 21 \(study synthetic2024\)",
        slip["text"].splitlines()[1],
    )
    assert mended["text"].startswith("no error; ")
    assert mended["text"].endswith(" 0 of them about the new study\n")
    assert "IV: retrospective case series" in level["text"]
    assert rows(both)["Before"][:3] == ["4", "21/41 (51.2%)", "54.8"]
    assert rows(both)["After"][:3] == ["5", "34/62 (54.8%)", "55.5"]
    assert "image/svg+xml" in plot
    assert files(folder) == before
