from small_evidence.release.provenance import provenance
from small_evidence.saving import read_json, save_json
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
inputs = [*snakemake.input.standards, *snakemake.input.library]
record = provenance(inputs, snakemake.input.results, snakemake.config, read=read_json(snakemake.input.checked))
save_json(record, snakemake.output.provenance)
