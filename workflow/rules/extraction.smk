# in: data/raw, the tables as people typed them
# out: data/processed, the same tables checked, and the warnings; errors stop the run and leave the last good tables


rule check_extraction:
    input:
        raw=RAW,
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
    script:
        "../scripts/check_extraction.py"
