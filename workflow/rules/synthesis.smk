# in: checked tables, the schemes of levels of evidence, the risk-of-bias instruments
# out: levels, arms, pooled proportions, sensitivity, claims, missing counts, and the trace back to the rows


rule synthesise:
    input:
        PROCESSED,
        CHECKED,
        standards=[LEVELS, *INSTRUMENTS],
        library=COMPUTING,
    output:
        update([path for path in RESULTS if path != POOLED]),
        report(
            update(POOLED),
            caption="../report/pooled.rst",
            category="Results",
            labels={"table": "Pooled proportions, every analysis"},
        ),
    log:
        "results/logs/synthesise.log",
    conda:
        "../../environment.yml"
    params:
        choices=[config[part] for part in ("review", "grading", "synthesis")],
    script:
        "../scripts/synthesise.py"
