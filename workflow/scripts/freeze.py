from small_evidence.release.freeze import freeze
from small_evidence.review import log_errors

log_errors(snakemake.log[0])
freeze([*snakemake.input.tables, snakemake.input.changes, snakemake.input.provenance], snakemake.output.release)
