from small_evidence.extraction.bibliography import bibtex, csl_json, ris, save_text
from small_evidence.review import log_errors, read_processed

log_errors(snakemake.log[0])
studies = read_processed(snakemake.input.studies)
save_text(bibtex(studies), snakemake.output.bibtex)
save_text(ris(studies), snakemake.output.ris)
save_text(csl_json(studies), snakemake.output.csl)
