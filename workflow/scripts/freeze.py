from small_evidence.release.freeze import freeze
from small_evidence.review import begin_step

begin_step(snakemake.log[0])
freeze([*snakemake.input.tables, snakemake.input.changes, snakemake.input.provenance], snakemake.output.release)
