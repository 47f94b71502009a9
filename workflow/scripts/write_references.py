from small_evidence.extraction.bibliography import bibtex, csl_json, ris, save_text
from small_evidence.review import read_processed
from small_evidence.saving import at_once
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
studies = read_processed(snakemake.input.studies)
with at_once():
    save_text(bibtex(studies), snakemake.output.bibtex)
    save_text(ris(studies), snakemake.output.ris)
    save_text(csl_json(studies), snakemake.output.csl)
