# in: checked tables and results
# out: printed tables, text for the paper, what changed, the report, figures, and all of it in one file for a journal


rule present:
    input:
        PROCESSED,
        RESULTS,
        **tables(*FOUND),
        **tables("agreement", "disagreements"),
        release=paths(f"data/releases/{NEWEST}", ".csv", ".json") if NEWEST else [],
        checked=CHECKED,
        standards=[LEVELS, *INSTRUMENTS, *CHECKLIST_FILES],
        templates=TEMPLATES,
        library=PRINTING,
    output:
        documents=update(
            [path for path in DOCUMENTS if path not in (TABLE_IV, FINDINGS)]
        ),
        table_iv=report(
            update(TABLE_IV),
            caption="../report/table_iv.rst",
            category="Evidence tables",
            labels={"table": "Treatments (Table IV)"},
        ),
        findings=report(
            update(FINDINGS),
            caption="../report/findings.rst",
            category="Evidence tables",
            labels={"table": "Summary of findings"},
        ),
        listed=update(LISTED),
        changes=update(CHANGES),
        report=report(
            update(REPORT),
            caption="../report/report.rst",
            category="Report",
            labels={"page": "Report with all tables and figures"},
        ),
        pdf=update(REPORT_PDF),
    log:
        "results/logs/present.log",
    conda:
        "../../environment.yml"
    params:
        choices=config,
        release=NEWEST,
    script:
        "../scripts/present.py"


rule draw:
    input:
        PROCESSED,
        RESULTS,
        **tables("retracted"),
        standards=[JOURNALS, *INSTRUMENTS],
        library=DRAWING,
    output:
        figures=report(
            update(FIGURES),
            caption="../report/figures.rst",
            category="Figures",
            labels={"table": "List of figures"},
        ),
    log:
        "results/logs/draw.log",
    conda:
        "../../environment.yml"
    params:
        choices=[config[part] for part in ("review", "grading", "synthesis", "figures")],
    script:
        "../scripts/draw.py"


# Any figure in any format, alone: snakemake results/figures/summary_forest.tiff, or forest_, leave_one_out_, cumulative_,
# methods_, arm_sizes_, posterior_ or funnel_ and the analysis, of which the last six only make sense where it was pooled,
# or bubble_, a numeric covariate of the config, a hyphen and the analysis, or comparison_ and two therapies of
# comparisons.csv with a hyphen, and -rr or -rd
rule draw_figure:
    input:
        CHECKED,
        PROCESSED,
        RESULTS,
        **tables("retracted"),
        standards=[JOURNALS, *INSTRUMENTS],
        library=DRAWING,
    output:
        figure=update("results/figures/{figure}.{format}"),
    log:
        "results/logs/{figure}.{format}.log",
    wildcard_constraints:
        format="svg|pdf|png|eps|tiff",
    conda:
        "../../environment.yml"
    params:
        choices=[config[part] for part in ("review", "grading", "synthesis", "figures")],
    script:
        "../scripts/draw_figure.py"


# Everything for a journal at its preset, numbered and captioned: snakemake results/export/jaad.zip
rule export:
    input:
        CHECKED,
        PROCESSED,
        RESULTS,
        **tables(*FOUND),
        **tables("agreement", "disagreements"),
        standards=[LEVELS, JOURNALS, *INSTRUMENTS, *CHECKLIST_FILES],
        library=PRINTING,
    output:
        archive=update("results/export/{preset}.zip"),
    log:
        "results/logs/export_{preset}.log",
    conda:
        "../../environment.yml"
    params:
        choices=config,
    script:
        "../scripts/export.py"


# Included studies, arms and counts for RevMan: snakemake results/export/revman.zip
rule export_revman:
    input:
        PROCESSED,
        RESULTS,
        **tables("retracted"),
        library=PRINTING,
    output:
        archive=update("results/export/revman.zip"),
    log:
        "results/logs/export_revman.log",
    conda:
        "../../environment.yml"
    params:
        choices=config,
    script:
        "../scripts/export_revman.py"


ruleorder: export_revman > export
