# in: everything that the run read and made, and a frozen release
# out: the record of what the results are based on; on demand what changed since a release, and a new release


rule record:
    input:
        checked=CHECKED,
        standards=[LEVELS, *INSTRUMENTS, JOURNALS, *CHECKLIST_FILES],
        library=PRINTING,
        results=[
            *PROCESSED,
            *RESULTS,
            *DOCUMENTS,
            *CHANGES,
            FIGURES,
            REPORT,
            REPORT_PDF,
        ],
    output:
        provenance=update(PROVENANCE),
    log:
        "results/logs/record.log",
    conda:
        "../../environment.yml"
    params:
        choices=config,
    script:
        "../scripts/record.py"


# Since another release than the newest one: snakemake results/changes_since_0.1.0.md
rule compare_since:
    input:
        PROCESSED,
        RESULTS,
        release="data/releases/{version}/provenance.json",
        library=PRINTING,
    output:
        csv=update("results/changes_since_{version}.csv"),
        md=update("results/changes_since_{version}.md"),
    log:
        "results/logs/compare_since_{version}.log",
    wildcard_constraints:
        version=VERSION,
    conda:
        "../../environment.yml"
    script:
        "../scripts/compare_since.py"


# The results as they are now, kept: snakemake data/releases/2026-11
rule freeze:
    input:
        tables=[*PROCESSED, *RESULTS],
        changes="results/changes.md",
        report=REPORT,
        provenance=PROVENANCE,
        library=PRINTING,
    output:
        release=update(directory("data/releases/{version}")),
    log:
        "results/logs/freeze_{version}.log",
    wildcard_constraints:
        version=VERSION,
    conda:
        "../../environment.yml"
    script:
        "../scripts/freeze.py"


# A folder to publish as it is: report, data, figures, changes and every release at its own address
rule publish_site:
    input:
        report=[REPORT, REPORT_PDF, *CHANGES],
        data=[*PROCESSED, *RESULTS, PROVENANCE],
        figures=FIGURES,
        releases=[f"{release}/provenance.json" for release in RELEASES],
        library=PRINTING,
    output:
        site=update(directory("results/site")),
    log:
        "results/logs/publish_site.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/publish_site.py"


# Tables, choices, code, results and their record in one RO-Crate: snakemake results/archive.zip
rule archive:
    input:
        CHECKED,
        PROCESSED,
        RESULTS,
        DOCUMENTS,
        CHANGES,
        FIGURES,
        REPORT,
        REPORT_PDF,
        provenance=PROVENANCE,
        library=PRINTING,
    output:
        archive=update("results/archive.zip"),
    log:
        "results/logs/archive.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/archive.py"
