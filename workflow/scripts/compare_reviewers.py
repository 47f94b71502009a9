from small_evidence.extraction.screening import reviewer_agreement
from small_evidence.review import read_processed, save_csv
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
records = read_processed(snakemake.input.records)
save_csv(reviewer_agreement(records, snakemake.params.conf_level), snakemake.output.agreement)
