from small_evidence.extraction.bibliography import import_proposals
from small_evidence.extraction.reference_files import reference_files
from small_evidence.review import read_processed, save_csv
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
studies = read_processed(snakemake.input.studies)
proposals = import_proposals(reference_files("data/raw/references"), studies, "data/raw/references")
save_csv(proposals, snakemake.output.proposals)
counts = proposals["proposal"].value_counts()
print("; ".join(f"{count} {proposal}" for proposal, count in counts.items()), "in", snakemake.output.proposals)
