"""Start a review in a folder of its own, say what a folder lacks, and draw a file of counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small_evidence import ReviewError
from small_evidence.config import FILE

RAW = Path("data/raw")
FORM = RAW / "extraction.xlsx"
TITLE = "Title of your review"
EXAMPLE = "EXAMPLE"
CONFIG = """# The choices of this review. A key that is not here has its default; see the page "Choices of a review".

review:
  title: {title}
  condition: ""                           # of the patients, for captions
  response: ""                            # what counts as a response, for the methods
"""
SNAKEFILE = """from small_evidence.places import SNAKEFILE


module review:
    snakefile:
        SNAKEFILE


use rule * from review
"""
PROFILE = """cores: all
quiet: [all, host, rules]
rerun-incomplete: true
"""
PAGE = """# {title}

1. Fill in `data/raw/extraction.xlsx`: one row for each study in the sheet `studies`, one row for each result in the
   sheet `responses`; list therapies and diseases once in their sheets. Five facts are enough: study, therapy, disease,
   patients (`n`) and responders. Write `NR` for a year or design that is not reported. Delete the rows marked EXAMPLE.
2. `small-evidence check` reports every error in the tables, without a run.
3. `small-evidence run` (or `snakemake`) grades, pools and draws. Open `results/report.html`.

Title, condition and what counts as a response are in `config/config.yaml`. For doses, outcomes, sources, adverse events
and risk of bias, `snakemake results/forms/extraction_form.xlsx` writes the full form with your rows; save it as
`data/raw/extraction.xlsx`.
"""
# The columns of the first form; what it has not gets its default. One study as a person would enter it; the check
# refuses it until it is deleted.
EXAMPLE_ROWS = {
    "studies": {"study_id": EXAMPLE, "label": EXAMPLE, "year": "2022", "design": "case_series_retrospective"},
    "responses": {"study_id": EXAMPLE, "therapy": EXAMPLE, "disease": EXAMPLE, "n": "12", "responders": "5"},
    "therapies": {"therapy": EXAMPLE, "label": EXAMPLE},
    "diseases": {"disease": EXAMPLE, "label": EXAMPLE},
}


# Columns of a file of counts: where they are if no name says so, and the names that say so
COUNTS = {
    "label": (0, ("study", "study_id", "label")),
    "x": (1, ("responders", "events", "x", "r")),
    "n": (2, ("n", "patients", "total")),
}


def new_review(folder: Path, title: str = "") -> list[Path]:
    """Make the folder of a review: form, config, Snakefile, page.

    Returns
    -------
    list of Path; the files written

    Raises
    ------
    ReviewError: the folder has files already
    """
    import pandas as pd
    import yaml

    from small_evidence.extraction.forms import save_form
    from small_evidence.standards import Standards

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReviewError(f"{folder}: not empty; name a new folder")
    title = title or TITLE
    texts = {
        FILE: CONFIG.format(title=yaml.safe_dump(title, allow_unicode=True, width=10**6).removesuffix("...\n").strip()),
        "Snakefile": SNAKEFILE,
        "profiles/default/config.yaml": PROFILE,
        "README.md": PAGE.format(title=title),
        ".gitignore": ".snakemake/\nresults/\ndata/processed/\n",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tables = {table: pd.DataFrame([cells], dtype="str") for table, cells in EXAMPLE_ROWS.items()}
    save_form(tables, folder / FORM, title, Standards().instruments)
    return [folder / FORM, *(folder / name for name in texts)]


def check_folder(folder: Path) -> None:
    """Say what to do next where a folder holds no review yet.

    Raises
    ------
    ReviewError: the folder is not there, empty, or has no data/raw with tables
    """
    if not folder.is_dir():
        raise ReviewError(f"{folder}: no such folder; start a review with: small-evidence new {folder}")
    raw = folder / RAW
    if raw.is_dir() and any(path.suffix.lower() in (".csv", ".xlsx") for path in raw.iterdir()):
        return
    place = "this folder" if folder == Path() else folder
    lacks = f"{raw} has no table" if raw.is_dir() else f"{place} has no folder {RAW}"
    raise ReviewError(
        f"{lacks}. Start a review in a new folder with: small-evidence new my-review. "
        f"Or put the extraction form ({FORM.name}) or CSV tables into {raw}."
    )


def save_forest(counts: Path, output: Path, *, x: str | None, n: str | None, label: str | None, title: str) -> None:
    """Pool the counts of a CSV file, print the result and write its forest plot.

    Columns that are not named are those that are called so, else the first (studies), second (responders) and third
    (patients).

    Raises
    ------
    ReviewError: a file that is not there or cannot be read, fewer than three columns, a column that is not there,
        counts that cannot be, or another format
    """
    import pandas as pd

    import small_evidence as se
    from small_evidence.figures.render import FORMATS

    if output.suffix.lower().removeprefix(".") not in FORMATS:
        raise ReviewError(f"{output}: figures are written as {', '.join(FORMATS)}")
    try:
        frame = pd.read_csv(counts, sep=None, engine="python", encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ReviewError(f"{counts}: no such file") from error
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise ReviewError(f"{counts}: not readable as a table: {error}") from error
    if frame.shape[1] < 3:
        raise ReviewError(f"{counts}: {frame.shape[1]} columns; three are needed: study, responders, patients")
    if numbers := [name for name in frame.columns if str(name).strip().replace(".", "").isdecimal()]:
        # a first study taken for the header would be left out without a word
        heads = "write the names of the columns above the first study, such as study,responders,n"
        raise ReviewError(f"{counts}, row 1: {numbers[0]} is a number where the name of a column belongs; {heads}")
    names: dict[str, Any] = {"label": label, "x": x, "n": n}
    for name, (place, words) in COUNTS.items():
        own = [column for column in frame.columns if str(column).strip().lower() in words]
        names[name] = names[name] or (own[0] if own else frame.columns[place])
    try:
        print(se.pool(frame, **names))
        se.save_figure(se.forest(frame, **names, title=title), output)
    except ReviewError:
        raise
    except ValueError as error:
        raise ReviewError(f"{counts}: {error}") from error
    print(f"Written: {output}")
