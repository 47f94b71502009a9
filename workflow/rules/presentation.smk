# in: checked tables and results
# out: Tables I to IV and the others, text for the paper, figures, the report, and all of it in one file for a journal


rule write_tables:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        adverse_events="data/processed/adverse_events.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        scenarios="data/processed/scenarios.csv",
        risk_of_bias="data/processed/risk_of_bias.csv",
        study_levels="results/tables/study_levels.csv",
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
        therapy_levels="results/tables/therapy_levels.csv",
        level_sensitivity="results/tables/level_sensitivity.csv",
        reconciliation="results/tables/reconciliation.csv",
        awaiting="results/tables/awaiting.csv",
        agreement=AGREEMENT,
        disagreements=DISAGREEMENTS,
        standard=LEVELS,
        instruments=INSTRUMENTS,
        library=LIBRARY,
    output:
        csv=expand("results/tables/{table}.csv", table=PRINTED),
        documents=expand(
            "results/tables/{table}.{format}",
            table=[*PRINTED, *LISTS],
            format=DOCUMENTS,
        ),
        books=expand("results/tables/all_tables.{format}", format=BOOKS),
    log:
        "results/logs/write_tables.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
    script:
        "../scripts/write_tables.py"


rule write_text:
    input:
        studies="data/processed/studies.csv",
        adverse_events="data/processed/adverse_events.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        screening="data/processed/screening.csv",
        extraction_issues="results/tables/extraction_issues.csv",
        study_levels="results/tables/study_levels.csv",
        appraisal="results/tables/appraisal.csv",
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
        sensitivity="results/tables/sensitivity.csv",
        therapy_levels="results/tables/therapy_levels.csv",
        level_sensitivity="results/tables/level_sensitivity.csv",
        reconciliation="results/tables/reconciliation.csv",
        agreement=AGREEMENT,
        disagreements=DISAGREEMENTS,
        checklists=expand(STANDARD, standard=CHECKLISTS),
        standard=LEVELS,
        library=LIBRARY,
    output:
        texts=TEXTS,
    log:
        "results/logs/write_text.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
    script:
        "../scripts/write_text.py"


rule draw_figures:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        adverse_events="data/processed/adverse_events.csv",
        risk_of_bias="data/processed/risk_of_bias.csv",
        screening="data/processed/screening.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        study_levels="results/tables/study_levels.csv",
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
        sensitivity="results/tables/sensitivity.csv",
        heterogeneity="results/tables/heterogeneity.csv",
        therapy_levels="results/tables/therapy_levels.csv",
        standard=LEVELS,
        instruments=INSTRUMENTS,
        journals=JOURNALS,
        library=LIBRARY,
    output:
        figures=FIGURES,
        preflight="results/figures/preflight.csv",
    log:
        "results/logs/draw_figures.log",
    conda:
        "../../environment.yml"
    threads: 2
    params:
        config=config,
        names=FIGURE_NAMES,
    script:
        "../scripts/draw_figures.py"


# Any figure in any format, alone: snakemake results/figures/forest_diltiazem.tiff, or leave_one_out_, cumulative_,
# methods_, posterior_ or funnel_ and the analysis, which only make sense where it was pooled
use rule draw_figures as draw_figure with:
    output:
        figures=["results/figures/{figure}.{format}"],
    log:
        "results/logs/{figure}.{format}.log",
    wildcard_constraints:
        format="svg|pdf|png|eps|tiff",


ruleorder: draw_figures > draw_figure


rule write_report:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        adverse_events="data/processed/adverse_events.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        scenarios="data/processed/scenarios.csv",
        risk_of_bias="data/processed/risk_of_bias.csv",
        extraction_issues="results/tables/extraction_issues.csv",
        study_levels="results/tables/study_levels.csv",
        appraisal="results/tables/appraisal.csv",
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
        sensitivity="results/tables/sensitivity.csv",
        heterogeneity="results/tables/heterogeneity.csv",
        therapy_levels="results/tables/therapy_levels.csv",
        level_sensitivity="results/tables/level_sensitivity.csv",
        reconciliation="results/tables/reconciliation.csv",
        awaiting="results/tables/awaiting.csv",
        agreement=AGREEMENT,
        disagreements=DISAGREEMENTS,
        changes="results/changes.csv" if NEWEST else [],
        hashed=[RAW, SECOND, LEVELS, INSTRUMENTS],
        standard=LEVELS,
        instruments=INSTRUMENTS,
        templates=TEMPLATES,
        library=LIBRARY,
    output:
        report="results/report.html",
    log:
        "results/logs/write_report.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
        release=NEWEST,
    script:
        "../scripts/write_report.py"


# Everything for a journal at its preset, numbered and captioned: snakemake results/export/jaad.zip
rule export_review:
    input:
        studies="data/processed/studies.csv",
        responses="data/processed/responses.csv",
        adverse_events="data/processed/adverse_events.csv",
        risk_of_bias="data/processed/risk_of_bias.csv",
        screening="data/processed/screening.csv",
        therapies="data/processed/therapies.csv",
        diseases="data/processed/diseases.csv",
        scenarios="data/processed/scenarios.csv",
        study_levels="results/tables/study_levels.csv",
        arms="results/tables/arms.csv",
        pooled="results/tables/pooled.csv",
        sensitivity="results/tables/sensitivity.csv",
        heterogeneity="results/tables/heterogeneity.csv",
        therapy_levels="results/tables/therapy_levels.csv",
        level_sensitivity="results/tables/level_sensitivity.csv",
        reconciliation="results/tables/reconciliation.csv",
        awaiting="results/tables/awaiting.csv",
        agreement=AGREEMENT,
        disagreements=DISAGREEMENTS,
        texts=TEXTS,
        standard=LEVELS,
        instruments=INSTRUMENTS,
        journals=JOURNALS,
        library=LIBRARY,
    output:
        archive="results/export/{preset}.zip",
    log:
        "results/logs/export_{preset}.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
        figures=FIGURE_NAMES,
    script:
        "../scripts/export_review.py"
