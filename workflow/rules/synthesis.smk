# in: checked tables and study levels
# out: which arms enter which analysis, what they pool to, a level for each therapy, published claims beside ours


rule pool_responses:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        therapies="data/processed/therapies.csv",
        overlaps="data/processed/overlaps.csv",
        adverse_events="data/processed/adverse_events.csv",
        library=LIBRARY,
    output:
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
        pooled_events="results/tables/pooled_events.csv",
        trace="results/tables/trace.csv",
        overlap_candidates="results/tables/overlap_candidates.csv",
    log:
        "results/logs/pool_responses.log",
    conda:
        "../../environment.yml"
    params:
        policy=config["synthesis"],
        response_threshold=config["grading"]["response_threshold"],
    script:
        "../scripts/pool_responses.py"


rule probe_sensitivity:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        therapies="data/processed/therapies.csv",
        overlaps="data/processed/overlaps.csv",
        overlap_candidates="results/tables/overlap_candidates.csv",
        study_levels="results/tables/study_levels.csv",
        arms="results/tables/arms.csv",
        library=LIBRARY,
    output:
        sensitivity="results/tables/sensitivity.csv",
        heterogeneity="results/tables/heterogeneity.csv",
    log:
        "results/logs/probe_sensitivity.log",
    conda:
        "../../environment.yml"
    params:
        policy=config["synthesis"],
    script:
        "../scripts/probe_sensitivity.py"


rule grade_therapies:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        study_levels="results/tables/study_levels.csv",
        pooled="results/tables/pooled.csv",
        arms="results/tables/arms.csv",
        standard=LEVELS,
        library=LIBRARY,
    output:
        therapy_levels="results/tables/therapy_levels.csv",
        level_sensitivity="results/tables/level_sensitivity.csv",
    log:
        "results/logs/grade_therapies.log",
    conda:
        "../../environment.yml"
    params:
        policy=config["synthesis"],
        response_threshold=config["grading"]["response_threshold"],
    script:
        "../scripts/grade_therapies.py"


rule reconcile_claims:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        published_review="data/processed/published_review.csv",
        published_claims="data/processed/published_claims.csv",
        screening="data/processed/screening.csv",
        study_levels="results/tables/study_levels.csv",
        therapy_levels="results/tables/therapy_levels.csv",
        pooled="results/tables/pooled.csv",
        arms="results/tables/arms.csv",
        standard=LEVELS,
        library=LIBRARY,
    output:
        reconciliation="results/tables/reconciliation.csv",
        awaiting="results/tables/awaiting.csv",
    log:
        "results/logs/reconcile_claims.log",
    conda:
        "../../environment.yml"
    params:
        review=config["review"],
        policy=config["synthesis"],
    script:
        "../scripts/reconcile_claims.py"
