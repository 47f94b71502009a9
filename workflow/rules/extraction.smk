# in: data/raw, the tables as people typed them
# out: data/processed, the same tables checked, the warnings, and the studies that were retracted; errors stop the run and
# leave the last good tables;
# where two people extracted, how far they agree; on demand the form, references and decisions in and out, a data package


# Also where two extractors differ in what stops the run, so that the differences can be read and decided. Without a second
# extraction the tables of the comparison are empty.
rule check:
    input:
        raw=RAW,
        second=SECOND,
        instruments=INSTRUMENTS,
        library=CHECKING,
    output:
        tables=update(PROCESSED),
        issues=update("results/tables/extraction_issues.csv"),
        retracted=update("results/tables/retracted.csv"),
        checked=update(CHECKED),
        agreement=update("results/tables/agreement.csv"),
        disagreements=update("results/tables/disagreements.csv"),
        sheet=update("results/tables/disagreements.xlsx"),
    log:
        "results/logs/check.log",
    conda:
        "../../environment.yml"
    params:
        content=contents([*RAW, *SECOND]),
        choices=config["extraction"],
        conf_level=config["synthesis"]["conf_level"],
        named=[
            config["synthesis"][key]
            for key in ("covariates", "outcomes", "outcome", "classes_not_combined")
        ],
    script:
        "../scripts/check.py"


# On demand: snakemake results/tables/references.bib (or .ris, or .json for Zotero)
rule write_references:
    input:
        **tables("studies"),
        library=CHECKING,
    output:
        bibtex=update("results/tables/references.bib"),
        ris=update("results/tables/references.ris"),
        csl=update("results/tables/references.json"),
    log:
        "results/logs/write_references.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/write_references.py"


# On demand: snakemake results/tables/import_proposals.csv, from the files in data/raw/references
rule import_references:
    input:
        **tables("studies"),
        library=CHECKING,
    output:
        proposals=update("results/tables/import_proposals.csv"),
    log:
        "results/logs/import_references.log",
    conda:
        "../../environment.yml"
    params:
        content=contents(REFERENCES),  # no input, since braces in the name of a file would be a wildcard
    script:
        "../scripts/import_references.py"


# On demand: snakemake results/tables/screening_proposals.csv, from what ASReview, Rayyan or Covidence exported into
# data/raw/screening_exports
rule import_decisions:
    input:
        **tables("records"),
        library=CHECKING,
    output:
        proposals=update("results/tables/screening_proposals.csv"),
    log:
        "results/logs/import_decisions.log",
    conda:
        "../../environment.yml"
    params:
        content=contents(SCREENING_EXPORTS),  # no input, as above
    script:
        "../scripts/import_decisions.py"


# On demand: snakemake results/tables/reviewer_agreement.csv, how far those who screened agree
rule compare_reviewers:
    input:
        **tables("records"),
        library=CHECKING,
    output:
        agreement=update("results/tables/reviewer_agreement.csv"),
    log:
        "results/logs/compare_reviewers.log",
    conda:
        "../../environment.yml"
    params:
        conf_level=config["synthesis"]["conf_level"],
    script:
        "../scripts/compare_reviewers.py"


# On demand: snakemake results/datapackage.json, the checked tables as a Frictionless data package
rule describe_tables:
    input:
        PROCESSED,
        library=CHECKING,
    output:
        package=update("results/datapackage.json"),
    log:
        "results/logs/describe_tables.log",
    conda:
        "../../environment.yml"
    params:
        review=config["review"],
    script:
        "../scripts/describe_tables.py"


# The form to extract into, on demand: snakemake results/forms/extraction_form.xlsx
rule write_form:
    input:
        raw=RAW,
        instruments=INSTRUMENTS,
        library=CHECKING,
    output:
        form=update("results/forms/extraction_form.xlsx"),
    log:
        "results/logs/write_form.log",
    conda:
        "../../environment.yml"
    params:
        covariates=config["synthesis"]["covariates"],
        review=config["review"],  # a text of its own could hold braces, which would be wildcards
    script:
        "../scripts/write_form.py"
