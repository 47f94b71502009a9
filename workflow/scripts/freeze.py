from small_evidence.release.freeze import freeze
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
kept = [*snakemake.input.tables, snakemake.input.changes, snakemake.input.report, snakemake.input.provenance]
freeze(kept, snakemake.output.release)
