from small_evidence.review import freeze, log_errors

log_errors(snakemake.log[0])
freeze([*snakemake.input.tables, snakemake.input.changes, snakemake.input.provenance], snakemake.output.release)
