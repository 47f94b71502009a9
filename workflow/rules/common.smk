# What several rules share: where the library and the standards are, and which forest plots this review has.
# Parsed at every call of snakemake, so it reads the two raw tables that it needs without pandas.

import csv
import os
import time
from pathlib import Path

START = time.time()

PROJECT = Path(workflow.basedir)
os.environ.update(
    PYTHONPATH=str(PROJECT)
)  # scripts use the library beside this Snakefile
LIBRARY = sorted(str(path) for path in (PROJECT / "evidence").rglob("*.py"))
LEVELS = str(PROJECT / "workflow/standards/levels.yaml")
JOURNALS = str(PROJECT / "workflow/standards/journal_figures.yaml")
RAW = sorted(
    str(path) for path in Path("data/raw").glob("*") if path.suffix in (".csv", ".xlsx")
)


def raw_rows(table):
    """Rows of a raw table; none where it cannot be read, since check_extraction says what is wrong with it."""
    path = Path("data/raw") / f"{table}.csv"
    workbook = Path("data/raw/extraction.xlsx")
    try:
        if path.exists():
            with path.open(encoding="utf-8-sig", newline="") as file:
                return list(csv.DictReader(file))
        if workbook.exists():
            from openpyxl import load_workbook

            header, *rows = load_workbook(workbook, read_only=True)[table].values
            return [dict(zip(header, row)) for row in rows]
    except (
        Exception
    ):  # whatever is wrong with the file, one rule reports it, with its cell
        pass
    return []


def forest_plots():
    """Analyses with a forest plot: therapies with a row offered for pooling, and classes of two or more of these."""
    offered = {
        row.get("therapy") for row in raw_rows("responses") if row.get("pool") == "yes"
    }
    classes = {}
    for row in raw_rows("therapies"):
        if row.get("therapy") in offered:
            classes.setdefault(row.get("therapy_class"), []).append(row["therapy"])
    unlike = config["synthesis"]["classes_not_combined"]
    combined = [
        f"class-{name}"
        for name, members in classes.items()
        if len(members) >= 2 and name not in unlike
    ]
    return sorted(
        therapy for members in classes.values() for therapy in members
    ) + sorted(combined)


PROCESSED = expand(
    "data/processed/{table}.csv",
    table=[
        "studies",
        "responses",
        "adverse_events",
        "therapies",
        "diseases",
        "published_review",
        "published_claims",
        "screening",
        "scenarios",
        "risk_of_bias",
        "overlaps",
        "adjudication",
    ],
)
# results that other programs read, and the tables that people print
RESULTS = [
    "study_levels",
    "arms",
    "pooled",
    "trace",
    "overlap_candidates",
    "sensitivity",
    "heterogeneity",
    "therapy_levels",
    "level_sensitivity",
    "reconciliation",
    "awaiting",
    "extraction_issues",
]
PRINTED = [
    "table_i",
    "table_ii",
    "table_iii",
    "table_iv",
    "findings",
    "scenarios",
    "adverse_events",
    "levels",
]
LISTS = ["reconciliation", "awaiting"]
DOCUMENTS = ["xlsx", "docx", "html", "tex"]  # beside CSV, which the lists have already
BOOKS = ["xlsx", "docx"]  # all tables in one file
TABLES = [
    *expand("results/tables/{table}.csv", table=[*RESULTS, *PRINTED]),
    *expand(
        "results/tables/{table}.{format}", table=[*PRINTED, *LISTS], format=DOCUMENTS
    ),
    *expand("results/tables/all_tables.{format}", format=BOOKS),
]
FORESTS = forest_plots()
FIGURE_NAMES = ["summary_forest", *(f"forest_{analysis}" for analysis in FORESTS)]
FIGURES = expand(
    "results/figures/{figure}.{format}",
    figure=FIGURE_NAMES,
    format=config["figures"]["formats"],
)


def age(paths):
    """Make existing files older than any other."""
    for path in map(Path, paths):
        if path.exists():
            os.utime(path, (0, 0))


def errors_of_this_run():
    """What the rules that failed have logged."""
    logs = sorted(Path("results/logs").glob("*.log"))
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in logs
        if path.stat().st_mtime >= START
    )
