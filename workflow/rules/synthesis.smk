# in: checked tables and study levels
# out: which arms enter which analysis, the pooled responses, a level for each therapy, the published claims beside ours


rule pool_responses:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        therapies="data/processed/therapies.csv",
        library=LIBRARY,
    output:
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
    conda:
        "../../environment.yml"
    params:
        policy=config["synthesis"],
        reference_line=config["grading"]["reference_line"],
    script:
        "../scripts/pool_responses.py"
