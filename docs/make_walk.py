"""Walk from an empty folder to a finished review of ten studies, and write what was typed and printed to docs/walk.md.

`make walk` does it. A test takes the same steps without the run and holds the page against them.
"""

import csv
import re
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl

import small_evidence as se
from small_evidence.cli import main
from small_evidence.tables import table_iv

PROJECT = Path(__file__).parents[1]
RAW = PROJECT / "examples/vasospasm/data/raw"
PAGE = PROJECT / "docs/walk.md"
FIGURE = PROJECT / "docs/gallery/walk_forest.png"
FOLDER, TITLE = "vasospasm", "Hyperdynamic therapy for cerebral vasospasm"
THERAPY, DISEASE = "Hyperdynamic therapy", "Cerebral vasospasm"
STUDIES = 10
PYTHON = """import pandas as pd, small_evidence as se
counts = pd.read_csv("counts.csv")
print(se.pool(counts, x="improved", n="treated", label="authors"))
plot = se.forest(counts, x="improved", n="treated", label="authors")
se.save_figure(plot, "forest.pdf")"""
TEXT = """# Ten studies, step by step

From an empty folder to a finished review, using only the commands of [start in ten minutes](start.md). `make walk`
takes each step and writes this page from what was typed and printed; the tests take the steps again.

The counts are those of the first ten of fourteen uncontrolled series of hyperdynamic therapy for cerebral vasospasm
(data set `dat.pritz1997` of the R package metadat, from Zhou, Brizendine & Pritz, Stat Med 1999;18:557-566). The
series themselves were not read. All fourteen are in [examples/vasospasm](../examples/vasospasm).

## 1. Start

{new}

## 2. Fill in the form

{rows}

Each of these rows goes into the sheet `responses` together with the therapy and the disease. The sheet `studies`
takes `study_id`, `year` (here `NR`, not reported: the data set has no years) and `design` (`case_series`). The
therapy and the disease are listed once, in the sheets of these names. That makes **{cells} cells**. Names may be
typed as the paper prints them.

## 3. Check

One count was typed into the wrong column: row {slip_row} says that {slip} patients improved.

{wrong}

Corrected:

{right}

## 4. Run

{run}

Table IV, in part (`results/tables/table_iv.xlsx`):

{table_iv}

![Forest plot of ten series of hyperdynamic therapy](gallery/walk_forest.png)

`results/report.html` shows the rest: how the estimate changes with each choice, what is missing, and the rows
behind each number.

## The same in Python

Five lines, from a file of three columns (`authors`, `improved`, `treated`):

{python}
"""


def studies() -> list[tuple[str, int, int]]:
    """Authors, responders and patients of the ten series."""
    with (RAW / "studies.csv").open(encoding="utf-8") as labels, (RAW / "responses.csv").open(encoding="utf-8") as rows:
        names = {row["study_id"]: row["label"] for row in csv.DictReader(labels)}
        found = [(names[row["study_id"]], int(row["responders"]), int(row["n"])) for row in csv.DictReader(rows)]
    return found[:STUDIES]


def fill_in(folder: Path, rows: list[tuple[str, int, int]]) -> int:
    """Type studies into the form, in place of its example; the number of cells typed."""
    path = folder / "data/raw/extraction.xlsx"
    book = openpyxl.load_workbook(path)
    cells = {
        "studies": [{"study_id": name, "year": "NR", "design": "case_series"} for name, _, _ in rows],
        "responses": [
            {"study_id": name, "therapy": THERAPY, "disease": DISEASE, "n": n, "responders": x} for name, x, n in rows
        ],
        "therapies": [{"therapy": THERAPY}],
        "diseases": [{"disease": DISEASE}],
    }
    for name, lines in cells.items():
        sheet = book[name]
        head = [cell.value for cell in sheet[1]]
        sheet.delete_rows(2, sheet.max_row)
        for number, line in enumerate(lines, start=2):
            for column, value in line.items():
                sheet.cell(number, head.index(column) + 1).value = value
    book.save(path)
    return sum(len(line) for lines in cells.values() for line in lines)


def command(*words: str) -> str:
    """What a command prints, under what was typed, as a block of the page."""
    with StringIO() as printed, redirect_stdout(printed), redirect_stderr(printed):
        main(words)
        shown = printed.getvalue()
    typed = " ".join(f'"{word}"' if " " in word else word for word in words)
    return block(f"$ small-evidence {typed}\n{shown}")


def run() -> str:
    """What the run prints, with what its steps print, as a block of the page."""
    call = [sys.executable, "-m", "small_evidence.cli", "run", FOLDER]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return block(f"$ small-evidence run {FOLDER}\n{done.stdout}")


def python() -> str:
    """What the lines of Python print, under them."""
    with StringIO() as printed, redirect_stdout(printed):
        exec(PYTHON, {})
        return block(f"{PYTHON}\n\n{printed.getvalue()}")


def block(text: str) -> str:
    """A text as a block of code."""
    return "\n".join(f"    {line}".rstrip() for line in text.strip().splitlines())


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Rows as a table of Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def walk() -> dict[str, object]:
    """The steps before the run, in an empty working directory, by their place on the page."""
    rows = studies()
    name, responders, patients = rows[2]
    slip = [*rows[:2], (name, patients, responders), *rows[3:]]
    parts: dict[str, object] = {"new": command("new", FOLDER, "--title", TITLE)}
    fill_in(Path(FOLDER), slip)
    parts |= {"slip_row": 4, "slip": f"{patients} of {responders}", "wrong": command("check", FOLDER)}
    parts["cells"] = fill_in(Path(FOLDER), rows)
    parts["right"] = command("check", FOLDER)
    parts["rows"] = table(("study_id", "responders", "n"), rows)
    counts = ["authors,improved,treated", *(f'"{name}",{x},{n}' for name, x, n in rows)]
    Path("counts.csv").write_text("\n".join(counts), encoding="utf-8")
    return parts | {"python": python()}


def write_page() -> None:
    """Take every step and write the page."""
    with TemporaryDirectory() as place, chdir(place):
        parts = walk()
        parts["run"] = run()
        review = se.read_review(FOLDER)
        shown = table_iv(review).frame
        kept = [name for name in shown.columns if re.search("Treatment|Studies|Responders|Pooled|Level", name)]
        parts["table_iv"] = table(tuple(kept), [tuple(row) for row in shown[kept].to_numpy()])
        se.save_figure(se.forest_plot(review, "hyperdynamic_therapy"), FIGURE)
    PAGE.write_text(TEXT.format(**parts), encoding="utf-8")


if __name__ == "__main__":
    write_page()
