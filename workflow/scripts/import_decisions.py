from small_evidence.extraction.screening_files import proposed_decisions
from small_evidence.review import read_processed, save_csv
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
records = read_processed(snakemake.input.records)
proposals = proposed_decisions("data/raw/screening_exports", records)
save_csv(proposals, snakemake.output.proposals)
counts = proposals["proposal"].value_counts()
print("; ".join(f"{count} {proposal}" for proposal, count in counts.items()), "in", snakemake.output.proposals)
