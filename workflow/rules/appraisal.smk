# in: checked studies and risk of bias, the schemes of levels of evidence, the instruments
# out: a level for each study, with the rule that gave it; what was appraised of each study


rule grade_studies:
    input:
        studies="data/processed/studies.csv",
        risk_of_bias="data/processed/risk_of_bias.csv",
        standard=LEVELS,
        instruments=INSTRUMENTS,
        library=LIBRARY,
    output:
        study_levels="results/tables/study_levels.csv",
        appraisal="results/tables/appraisal.csv",
    log:
        "results/logs/grade_studies.log",
    conda:
        "../../environment.yml"
    params:
        scheme=config["grading"]["scheme"],
    script:
        "../scripts/grade_studies.py"
