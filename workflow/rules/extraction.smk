# in: data/raw, the tables as people typed them
# out: data/processed, the same tables checked, and the warnings; errors stop the run and leave the last good tables;
# where two people extracted, how far they agree


rule check_extraction:
    input:
        raw=RAW,
        second=SECOND,
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
        risk_of_bias=update("data/processed/risk_of_bias.csv"),
        overlaps=update("data/processed/overlaps.csv"),
        adjudication=update("data/processed/adjudication.csv"),
        issues=update("results/tables/extraction_issues.csv"),
    log:
        "results/logs/check_extraction.log",
    conda:
        "../../environment.yml"
    params:
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
        level=config["synthesis"]["level"],
    script:
        "../scripts/compare_extractions.py"
