# What several rules share: where the library and the standards are, and which forest plots this review has.
# Parsed at every call of snakemake, so it reads the two raw tables that it needs without pandas.

import hashlib
import os
import re
import sys
import time
from pathlib import Path

START = time.time()

PROJECT = Path(workflow.basedir)
os.environ.update(
    PYTHONPATH=str(PROJECT)
)  # scripts use the library beside this Snakefile
sys.path.insert(0, str(PROJECT))

from small_evidence.extraction.spreadsheets import peek

LIBRARY = sorted(str(path) for path in (PROJECT / "small_evidence").rglob("*.py"))
LEVELS = str(PROJECT / "workflow/standards/levels.yaml")
JOURNALS = str(PROJECT / "workflow/standards/journal_figures.yaml")
TEMPLATES = [
    str(PROJECT / "workflow/templates" / name)
    for name in ("report.html.j2", "report.css", "report.js")
]
STANDARD = str(PROJECT / "workflow/standards/{standard}.yaml")
CHECKLISTS = ["prisma2020_checklist", "swim", "prisma_lsr"]
INSTRUMENTS = sorted(
    str(path) for path in (PROJECT / "workflow/standards/risk_of_bias").glob("*.yaml")
)
RAW = sorted(
    str(path)
    for path in Path("data/raw").glob("*")
    if path.suffix in (".csv", ".xlsx") and path.is_file()
)
# the tables of a second person, where there is one
SECOND = sorted(
    str(path)
    for path in Path("data/raw/second_extraction").glob("*")
    if path.suffix in (".csv", ".xlsx") and path.is_file()
)
# references to propose as new studies, whatever their names end in: snakemake results/tables/import_proposals.csv
REFERENCES = sorted(
    str(path)
    for path in Path("data/raw/references").rglob("*")
    if not path.is_dir() or path.is_symlink()
)


def contents(paths):
    """Files by name with the SHA-256 of their content; "" for one that cannot be read, which the check reports."""
    found = {}
    for path in paths:
        try:
            found[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError:
            found[path] = ""
    return found


def forest_plots():
    """Analyses with a forest plot: therapies with a row offered for pooling, and classes of two or more of these."""
    # what is wrong with a file or a name, check_extraction says; here it only must do no harm
    raw = peek(
        Path("data/raw"),
        {"responses": ["therapy", "pool"], "therapies": ["therapy", "therapy_class"]},
    )
    offered = {
        row.get("therapy") for row in raw["responses"] if row.get("pool") == "yes"
    }
    classes = {}
    for row in raw["therapies"]:
        names = row.get("therapy", ""), row.get("therapy_class", "")
        if names[0] in offered and all(
            re.fullmatch("[a-z0-9_]{1,100}", name) for name in names
        ):
            classes.setdefault(names[1], set()).add(names[0])
    unlike = config["synthesis"]["classes_not_combined"]
    combined = [
        f"class-{name}"
        for name, members in classes.items()
        if len(members) >= 2 and name not in unlike
    ]
    return sorted(
        therapy for members in classes.values() for therapy in members
    ) + sorted(combined)


# Snakemake compares times only: with the content as a parameter, a table restored from an older copy is noticed too.
CONTENT = contents([*RAW, *SECOND])
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
        "caveats",
        "outcomes",
        "certainty",
        "risk_of_bias",
        "overlaps",
        "adjudication",
    ],
)
# results that other programs read, and the tables that people print
RESULTS = [
    "study_levels",
    "appraisal",
    "arms",
    "pooled",
    "pooled_events",
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
    "risk_of_bias",
]
LISTS = ["reconciliation", "awaiting", *["agreement"] * bool(SECOND)]
DOCUMENTS = ["xlsx", "docx", "html", "tex"]  # beside CSV, which the lists have already
BOOKS = ["xlsx", "docx"]  # all tables in one file
TABLES = [
    *expand("results/tables/{table}.csv", table=[*RESULTS, *PRINTED]),
    *expand(
        "results/tables/{table}.{format}", table=[*PRINTED, *LISTS], format=DOCUMENTS
    ),
    *expand("results/tables/all_tables.{format}", format=BOOKS),
]
# only where there are two extractions
AGREEMENT = "results/tables/agreement.csv" if SECOND else []
DISAGREEMENTS = "results/tables/disagreements.csv" if SECOND else []
if SECOND:
    TABLES += [AGREEMENT, DISAGREEMENTS, "results/tables/disagreements.xlsx"]
TEXTS = expand(
    "results/text/{text}.{format}",
    text=["methods", "results", *CHECKLISTS],
    format=["md", "docx"],
)
# what a release keeps, for the next one to be compared with
FROZEN = [
    *expand(
        "data/processed/{table}.csv",
        table=["studies", "responses", "therapies", "diseases", "overlaps"],
    ),
    *expand(
        "results/tables/{table}.csv",
        table=["study_levels", "arms", "pooled", "therapy_levels", "reconciliation"],
    ),
]
VERSION = "[A-Za-z0-9][A-Za-z0-9._-]*"
SCHEMA = str(PROJECT / "workflow/schemas/config.schema.yaml")
FORESTS = forest_plots()
FIGURE_NAMES = [
    "summary_forest",
    "evidence_map",
    "adverse_events",
    "prisma_flow",
    "risk_of_bias",
    *(f"forest_{analysis}" for analysis in FORESTS),
]
FIGURES = expand(
    "results/figures/{figure}.{format}",
    figure=FIGURE_NAMES,
    format=config["figures"]["formats"],
)


def releases():
    """Frozen versions, oldest first; the numbers in a version are compared as numbers, so that 0.10 follows 0.9."""
    names = [
        path.parent.name
        for path in Path("data/releases").glob("*/provenance.json")
        if re.fullmatch(VERSION, path.parent.name)
    ]
    return sorted(
        names, key=lambda name: (re.sub("[0-9]+", lambda d: d[0].zfill(20), name), name)
    )


def frozen(version):
    """Files of a release; none where there is no version."""
    files = Path("data/releases", version).glob("*.*") if version else []
    return sorted(str(path) for path in files if path.suffix in (".csv", ".json"))


def frozen_in(wildcards):
    """Files of the release that was asked for."""
    if wildcards.version not in releases():
        sys.exit(
            f"No release {wildcards.version} in data/releases: {', '.join(releases()) or 'none'}."
        )
    return frozen(wildcards.version)


def not_frozen_yet(wildcards):
    """What a new release is made of; Snakemake would delete an older one of the same name first."""
    if Path("data/releases", wildcards.version).exists():
        sys.exit(
            f"Release {wildcards.version} is frozen already and stays as it is; choose another name."
        )
    return FROZEN


NEWEST = (releases() or [""])[-1]


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
