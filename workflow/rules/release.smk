# in: everything that the run read and made, and the newest frozen release
# out: what changed since that release, the record of what the results rest on, and on demand a new release


rule compare_release:
    input:
        now=FROZEN,
        frozen=frozen(NEWEST),
        schema=SCHEMA,
        library=LIBRARY,
    output:
        csv="results/changes.csv",
        md="results/changes.md",
    log:
        "results/logs/compare_release.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
        release=NEWEST,
    script:
        "../scripts/compare_release.py"


# Since another release than the newest one: snakemake results/changes_since_0.1.0.md
use rule compare_release as compare_since with:
    input:
        now=FROZEN,
        frozen=frozen_in,
        schema=SCHEMA,
        library=LIBRARY,
    output:
        csv="results/changes_since_{version}.csv",
        md="results/changes_since_{version}.md",
    log:
        "results/logs/compare_since_{version}.log",
    wildcard_constraints:
        version=VERSION,
    params:
        config=config,
        release="{version}",


rule write_provenance:
    input:
        raw=[RAW, SECOND],
        standards=[
            LEVELS,
            INSTRUMENTS,
            JOURNALS,
            *expand(STANDARD, standard=CHECKLISTS),
        ],
        library=LIBRARY,
        results=[PROCESSED, TABLES, TEXTS, FIGURES, "results/report.html"],
    output:
        provenance="results/provenance.json",
    log:
        "results/logs/write_provenance.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
    script:
        "../scripts/write_provenance.py"


# The results as they are now, kept: snakemake data/releases/2026-11
rule freeze_release:
    input:
        tables=not_frozen_yet,
        changes="results/changes.md",
        provenance="results/provenance.json",
        library=LIBRARY,
    output:
        release=directory("data/releases/{version}"),
    log:
        "results/logs/freeze_{version}.log",
    wildcard_constraints:
        version=VERSION,
    conda:
        "../../environment.yml"
    script:
        "../scripts/freeze_release.py"
