# in: everything that the run read and made
# out: the record of what the results rest on


rule write_provenance:
    input:
        raw=[RAW, SECOND],
        standards=[
            LEVELS,
            INSTRUMENTS,
            JOURNALS,
            *expand(STANDARD, standard=CHECKLISTS),
        ],
        library=LIBRARY,
        results=[PROCESSED, TABLES, TEXTS, FIGURES],
    output:
        provenance="results/provenance.json",
    log:
        "results/logs/write_provenance.log",
    conda:
        "../../environment.yml"
    params:
        config=config,
    script:
        "../scripts/write_provenance.py"
