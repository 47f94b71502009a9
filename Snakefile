# A systematic review of small, uncontrolled evidence: from extracted study tables to evidence tables and forest plots.
# `snakemake` runs the bundled review; `snakemake -d path/to/review` runs the one in that folder.

import sys

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")
sys.path.insert(0, workflow.basedir)

from small_evidence import ReviewError
from small_evidence.config import FILE, complete_config

if Path(FILE).exists():

    configfile: FILE


try:
    config.update(complete_config(config))
except ReviewError as error:
    sys.exit(str(error))


include: "workflow/rules/common.smk"
include: "workflow/rules/extraction.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/presentation.smk"
include: "workflow/rules/release.smk"


# On a cluster these run where snakemake does: errors of the tables are reported at once, the others are not worth a wait.
localrules:
    check,
    compare_extractions,
    write_references,
    import_references,
    import_decisions,
    compare_reviewers,
    describe_tables,
    write_form,
    freeze,


# What a person opens first, in this order
TO_OPEN = [
    REPORT,
    "results/tables/table_iv.xlsx",
    "results/figures/summary_forest.pdf",
    "results/tables/awaiting.xlsx",
    "results/changes.md",
]


rule all:
    default_target: True
    input:
        PROCESSED,
        RESULTS,
        DOCUMENTS,
        CHANGES,
        FIGURES,
        REPORT,
        PROVENANCE,


onsuccess:
    written = [
        path
        for path in TO_OPEN
        if Path(path).exists() and os.stat(path).st_mtime >= START
    ]
    print(
        "Done. "
        + ("Open " + ", ".join(written) if written else "Nothing else is new")
        + "."
    )


onerror:
    # Snakemake puts the tables of a failed check back with a new time: made older than the faulty raw ones, so that the
    # next run checks again.
    for path in PROCESSED:
        if Path(path).exists():
            os.utime(path, (0, 0))
    logs = sorted(Path("results/logs").glob("*.log"))
    for path in logs:
        if path.stat().st_mtime >= START:
            print(path.read_text(encoding="utf-8"))
