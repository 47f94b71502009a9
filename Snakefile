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
    write_form,
    freeze,


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
    print(
        "Done. Open results/report.html first; results/tables/table_iv.xlsx and results/figures/summary_forest.pdf"
    )
    print(
        "are for the paper. What is missing: results/tables/awaiting.xlsx; all tables: results/tables/all_tables.xlsx."
    )
    print("What changed since the last release: results/changes.md.")


onerror:
    for path in sorted(Path("results/logs").glob("*.log")):
        if path.stat().st_mtime >= START:
            print(path.read_text(encoding="utf-8"))
