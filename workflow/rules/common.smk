# Where things are: the library and the standards, the raw tables, and the files that a run makes.

import re

from small_evidence.names import EXTRACTED, FOUND, RESULT_TABLES
from small_evidence.places import DOCUMENT_LIST, FIGURE_LIST, WORKFLOW, code, contents


def paths(folder, *endings):
    """Files of a folder with one of these endings, in order."""
    found = Path(folder).glob("*")
    return sorted(
        str(path) for path in found if path.suffix.lower() in endings and path.is_file()
    )


def below(folder):
    """Every file below a folder, and links that are to be refused, in order."""
    found = Path(folder).rglob("*")
    return sorted(str(path) for path in found if not path.is_dir() or path.is_symlink())


def tables(*names):
    """Checked tables and results by name."""
    folders = {name: "data/processed" for name in EXTRACTED}
    return {name: f"{folders.get(name, 'results/tables')}/{name}.csv" for name in names}


CHECKING = code("extraction", "appraisal")
COMPUTING = code("extraction", "appraisal", "pooling", "synthesis")
PRINTING = code(
    "extraction",
    "appraisal",
    "pooling",
    "synthesis",
    "tables",
    "documents",
    "presentation",
    "release",
    "figures",
)
DRAWING = code("figures")

STANDARDS = WORKFLOW / "standards"
LEVELS = str(STANDARDS / "levels.yaml")
JOURNALS = str(STANDARDS / "journal_figures.yaml")
INSTRUMENTS = [
    *paths(STANDARDS / "risk_of_bias", ".yaml"),
    *paths("config/risk_of_bias", ".yaml"),  # of the review
]
CHECKLISTS = ["prisma2020_checklist", "swim", "prisma_lsr"]
CHECKLIST_FILES = [str(STANDARDS / f"{name}.yaml") for name in CHECKLISTS]
TEMPLATES = paths(WORKFLOW / "templates", ".j2", ".css", ".js")

RAW = paths("data/raw", ".csv", ".xlsx")
SECOND = paths(
    "data/raw/second_extraction", ".csv", ".xlsx"
)  # the tables of a second person
# references to propose as new studies, and decisions on records, whatever the names of the files end in
REFERENCES = below("data/raw/references")
SCREENING_EXPORTS = below("data/raw/screening_exports")

# What the last check has read
CHECKED = "results/logs/checked.json"
PROCESSED = list(tables(*EXTRACTED).values())
RESULTS = list(tables(*RESULT_TABLES).values())
POOLED = "results/tables/pooled.csv"
PRINTED = [
    "table_i",
    "table_ii",
    "table_iii",
    "table_iv",
    "findings",
    "certainty",
    "scenarios",
    "adverse_events",
    "levels",
    "risk_of_bias",
]
LISTS = [
    "comparisons",
    "reconciliation",
    "contradictions",
    "awaiting",
    "agreement",
    *["covariates"] * bool(config["synthesis"]["covariates"]),
]
DOCUMENTS = [
    *expand("results/tables/{table}.csv", table=PRINTED),
    *expand(
        "results/tables/{table}.{format}",
        table=[*PRINTED, *LISTS],
        format=["xlsx", "docx", "html", "tex"],
    ),
    *expand("results/tables/all_tables.{format}", format=["xlsx", "docx"]),
    *expand(
        "results/text/{text}.{format}",
        text=["title_page", "methods", "results", *CHECKLISTS],
        format=["md", "docx"],
    ),
]
LISTED = str(DOCUMENT_LIST)
TABLE_IV = "results/tables/table_iv.html"
FINDINGS = "results/tables/findings.html"
FIGURES = str(FIGURE_LIST)
REPORT = "results/report.html"
REPORT_PDF = "results/report.pdf"
CHANGES = ["results/changes.csv", "results/changes.md"]
PROVENANCE = "results/provenance.json"

VERSION = "[A-Za-z0-9][A-Za-z0-9._-]*"
RELEASES = sorted(
    (path.parent for path in Path("data/releases").glob("*/provenance.json")),
    key=lambda path: [
        (part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in re.split("([0-9]+)", path.name)
    ],
)
NEWEST = RELEASES[-1].name if RELEASES else ""
