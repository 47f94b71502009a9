# in: checked studies, the schemes of levels of evidence
# out: a level for each study, with the rule that gave it


rule grade_studies:
    input:
        studies="data/processed/studies.csv",
        standard=LEVELS,
        library=LIBRARY,
    output:
        study_levels="results/tables/study_levels.csv",
    log:
        "results/logs/grade_studies.log",
    conda:
        "../../environment.yml"
    params:
        scheme=config["grading"]["scheme"],
    script:
        "../scripts/grade_studies.py"
