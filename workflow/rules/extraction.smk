# in: data/raw, the tables as people typed them
# out: data/processed, the same tables checked, and the warnings; errors stop the run and leave the last good tables;
# where two people extracted, how far they agree; on demand the studies as references, and references as studies


rule check_extraction:
    input:
        raw=RAW,
        second=SECOND,
        instruments=INSTRUMENTS,
        library=LIBRARY,
    output:
        studies=update("data/processed/studies.csv"),
        responses=update("data/processed/responses.csv"),
        adverse_events=update("data/processed/adverse_events.csv"),
        therapies=update("data/processed/therapies.csv"),
        diseases=update("data/processed/diseases.csv"),
        published_review=update("data/processed/published_review.csv"),
        published_claims=update("data/processed/published_claims.csv"),
        screening=update("data/processed/screening.csv"),
        scenarios=update("data/processed/scenarios.csv"),
        caveats=update("data/processed/caveats.csv"),
        outcomes=update("data/processed/outcomes.csv"),
        certainty=update("data/processed/certainty.csv"),
        risk_of_bias=update("data/processed/risk_of_bias.csv"),
        overlaps=update("data/processed/overlaps.csv"),
        adjudication=update("data/processed/adjudication.csv"),
        issues=update("results/tables/extraction_issues.csv"),
    log:
        "results/logs/check_extraction.log",
    conda:
        "../../environment.yml"
    params:
        content=CONTENT,
        require_adjudication=config["extraction"]["require_adjudication"],
    script:
        "../scripts/check_extraction.py"


# Runs first, so that the differences can be read and decided also where they stop the run.
rule compare_extractions:
    input:
        raw=RAW,
        second=SECOND,
        library=LIBRARY,
    output:
        agreement="results/tables/agreement.csv",
        disagreements="results/tables/disagreements.csv",
        sheet="results/tables/disagreements.xlsx",
    log:
        "results/logs/compare_extractions.log",
    priority: 10
    conda:
        "../../environment.yml"
    params:
        content=CONTENT,
        conf_level=config["synthesis"]["conf_level"],
    script:
        "../scripts/compare_extractions.py"


# On demand: snakemake results/tables/references.bib (or .ris, or .json for Zotero)
rule write_references:
    input:
        studies="data/processed/studies.csv",
        library=LIBRARY,
    output:
        bibtex="results/tables/references.bib",
        ris="results/tables/references.ris",
        csl="results/tables/references.json",
    log:
        "results/logs/write_references.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/write_references.py"


# On demand: snakemake results/tables/import_proposals.csv, from the files in data/raw/references
rule import_references:
    input:
        studies="data/processed/studies.csv",
        library=LIBRARY,
    output:
        proposals="results/tables/import_proposals.csv",
    log:
        "results/logs/import_references.log",
    conda:
        "../../environment.yml"
    params:
        content=contents(REFERENCES),  # no input, since braces in the name of a file would be a wildcard
    script:
        "../scripts/import_references.py"


# The form to extract into, on demand: snakemake results/forms/extraction_form.xlsx
rule write_form:
    input:
        raw=RAW,
        instruments=INSTRUMENTS,
        library=LIBRARY,
    output:
        form="results/forms/extraction_form.xlsx",
    log:
        "results/logs/write_form.log",
    conda:
        "../../environment.yml"
    params:
        review=config["review"],  # a text of its own could hold braces, which would be wildcards
    script:
        "../scripts/write_form.py"
