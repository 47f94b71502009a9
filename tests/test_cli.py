"""The command small-evidence: a new review from form to results, its check, recovery after a kill, a plot of counts."""

import os
import subprocess
import sys

import openpyxl
import pandas as pd
import pytest

from small_evidence import ReviewError
from small_evidence.alone import alone
from small_evidence.cli import main
from small_evidence.config import read_config
from small_evidence.extraction.schema import check_cell
from small_evidence.starting import save_forest
from tests.conftest import PROJECT

COUNTS = "Author;Events;Total\nSYNTHETIC 1;3;12\nSYNTHETIC 2;4;4\nSYNTHETIC 3;9;17\nSYNTHETIC 4;5;8\n"


def fill(folder, counts):
    """Type studies into the form as a person would: one therapy, one disease; the number of cells typed."""
    path = folder / "data/raw/extraction.xlsx"
    book = openpyxl.load_workbook(path)
    typed = 0

    def write(name, rows):
        nonlocal typed
        sheet = book[name]
        head = [cell.value for cell in sheet[1]]
        sheet.delete_rows(2)
        for number, row in enumerate(rows, start=2):
            for column, value in row.items():
                sheet.cell(number, head.index(column) + 1).value = value
                typed += 1

    ids = [f"synthetic_{number}" for number in range(len(counts))]
    write("studies", [{"study_id": slug, "year": 2010, "design": "case_series_retrospective"} for slug in ids])
    shared = {"therapy": "Drug X", "disease": "adults"}
    rows = [{"study_id": slug, **shared, "n": n, "responders": x} for slug, (x, n) in zip(ids, counts, strict=True)]
    write("responses", rows)
    write("therapies", [{"therapy": "Drug X"}])
    write("diseases", [{"disease": "adults"}])
    book.save(path)
    return typed


def command(*arguments, where, module="small_evidence.cli"):
    """Exit code and what is printed, as in a terminal."""
    call = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(call, cwd=where, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def review(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "mine"
    assert main(["new", str(folder), "--title", "SYNTHETIC: a review"]) == 0
    return folder


def test_a_new_folder_has_choices_of_its_own_and_a_form_with_an_example(review):
    assert read_config(review)["review"]["title"] == "SYNTHETIC: a review"
    book = openpyxl.load_workbook(review / "data/raw/extraction.xlsx")
    assert book["studies"]["A2"].value == "EXAMPLE"
    assert book["studies"].data_validations.dataValidation  # drop-down lists
    assert main(["new", str(review)]) == 1  # nothing is overwritten


def test_the_check_refuses_the_example_until_it_is_deleted(review, capsys):
    assert main(["check", str(review)]) == 1
    printed = capsys.readouterr().err
    assert printed.count("marks the made-up row of the form; delete the row") == 3


def test_check_names_every_error_and_says_so_by_its_exit_code(review, capsys):
    assert fill(review, [(3, 12), (14, 4), (19, 17)]) == 26
    assert main(["check", str(review)]) == 1
    printed = capsys.readouterr().err.splitlines()
    assert printed[0].startswith("2 errors in data/raw")
    assert [line.split(": ")[1] for line in printed[1:]] == [
        "14 of n = 4 (study synthetic_1)",
        "19 of n = 17 (study synthetic_2)",
    ]
    fill(review, [(3, 12), (4, 4), (9, 17)])
    assert main(["check", str(review)]) == 0
    assert "no error" in capsys.readouterr().out


def test_run_makes_a_result_recovers_from_a_kill_and_respects_a_live_run(review):
    fill(review, [(3, 12), (4, 4), (9, 17)])
    target = "results/tables/pooled.csv"
    code, printed, _ = command("run", str(review), target, where=review.parent)
    assert code == 0
    assert "1 of 2: tables checked" in printed
    assert "results/tables/pooled.csv" in printed.splitlines()[-1] or "more" in printed.splitlines()[-1]
    pooled = pd.read_csv(review / target).set_index("analysis").loc["drug_x"]
    assert pooled[["k", "events", "n"]].tolist() == [3, 16, 33]

    lock = review / ".snakemake/locks/0.output.lock"  # as a killed run leaves it
    lock.parent.mkdir()
    lock.write_text(str(review / target))
    (review / "data/raw/extraction.xlsx").touch()
    holder = "from small_evidence.alone import alone\nwith alone():\n    print(flush=True)\n    input()"
    here = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", holder], cwd=review, env=here, **pipes) as other:
        other.stdout.readline()
        code, _, errors = command("run", str(review), target, where=review.parent)
        other.kill()
    assert code == 1
    assert f"process {other.pid}" in errors
    assert lock.exists()
    code, printed, _ = command("run", str(review), target, where=review.parent)
    assert code == 0
    assert printed.splitlines()[-1].startswith("Nothing to do")


def test_a_file_that_no_rule_makes_is_named_with_the_nearest(review):
    assert command("run", ".", "results/tables/pooledd.csv", where=review) == (
        1,
        "",
        "results/tables/pooledd.csv: no file or rule of this review; nearest is results/tables/pooled.csv\n",
    )


def test_a_failed_run_prints_the_errors_and_nothing_else(review, monkeypatch):
    """Also where bare `snakemake` reads the folder's own Snakefile and profile, which it names in its first line."""
    monkeypatch.setenv("CI", "true")
    fill(review, [(3, 12), (14, 4), (9, 17)])
    code, printed, errors = command("run", ".", "results/tables/pooled.csv", where=review)
    assert (code, printed) == (1, "")
    assert errors.splitlines()[0].startswith("1 error in data/raw")
    assert len(errors.splitlines()) == 2
    code, printed, bare = command("results/tables/pooled.csv", where=review, module="snakemake")
    assert (code, printed) == (1, "")
    assert bare.splitlines()[1:] == errors.splitlines()


@pytest.mark.parametrize(
    ("made", "words"),
    [((), "small-evidence new"), (("config",), "no folder data/raw"), (("data/raw",), "has no table")],
)
def test_a_folder_without_a_review_says_what_to_do_next(tmp_path, capsys, made, words):
    for name in made:
        (tmp_path / name).mkdir(parents=True)
    for name in ("check", "run"):
        assert main([name, str(tmp_path)]) == 1
        assert words in capsys.readouterr().err


def test_forest_pools_and_draws_three_columns(tmp_path, capsys):
    (tmp_path / "counts.csv").write_text(COUNTS)
    assert main(["forest", str(tmp_path / "counts.csv"), "-o", str(tmp_path / "plot.svg")]) == 0
    assert "21/41 (51.2%) 54.8 [18.8, 93.3]" in capsys.readouterr().out
    drawn = (tmp_path / "plot.svg").read_text()
    assert all(word in drawn for word in ("SYNTHETIC 1", "3/12", "54.8 [18.8, 93.3]"))


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (COUNTS, ["--x", "Event"], "nearest is 'Events'"),
        (COUNTS, ["-o", "plot.docx"], "svg, pdf"),
        (COUNTS.replace("3;12", "13;12"), [], "13 of n = 12"),
        (COUNTS.replace("3;12", "x;12"), [], "must be a number"),
        ("a;b\n1;2\n", [], "three are needed"),
    ],
)
def test_forest_says_what_is_wrong_with_a_file(tmp_path, capsys, text, arguments, words):
    (tmp_path / "counts.csv").write_text(text)
    assert main(["forest", str(tmp_path / "counts.csv"), *arguments]) == 1
    assert words in capsys.readouterr().err


def test_the_first_study_of_counts_is_no_header(tmp_path):
    counts = tmp_path / "counts.csv"
    counts.write_text("SYNTHETIC a,11,12\nSYNTHETIC b,7,7\nSYNTHETIC c,19,25\n", encoding="utf-8")
    with pytest.raises(ReviewError, match=r"row 1: 11 is a number where the name of a column belongs"):
        save_forest(counts, tmp_path / "forest.pdf", x=None, n=None, label=None, title="")
    assert not (tmp_path / "forest.pdf").exists()


def test_columns_of_counts_are_found_by_their_names(tmp_path, capsys):
    counts = tmp_path / "counts.csv"
    counts.write_text("study,patients,responders\nSYNTHETIC a,12,11\nSYNTHETIC b,7,7\n", encoding="utf-8")
    save_forest(counts, tmp_path / "forest.svg", x=None, n=None, label=None, title="")
    assert "18/19" in capsys.readouterr().out


def test_what_is_left_of_the_example_is_refused():
    assert check_cell("therapies", "label", "EXAMPLE")[1] == "example_row"
    assert check_cell("therapies", "label", "Example drug")[1] == ""


def test_a_second_run_in_a_folder_names_the_process_of_the_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with alone() as knows_locks:
        if not knows_locks:
            pytest.skip("a disk without locks")
        with pytest.raises(BlockingIOError, match=f"process {os.getpid()} on "), alone():
            pass
    with alone():
        pass
