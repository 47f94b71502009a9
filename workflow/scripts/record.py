from small_evidence.release.provenance import provenance, save_provenance
from small_evidence.review import log_errors

log_errors(snakemake.log[0])
inputs = [*snakemake.input.raw, *snakemake.input.standards, *snakemake.input.library]
record = provenance(inputs, snakemake.input.results, snakemake.config)
save_provenance(record, snakemake.output.provenance)
