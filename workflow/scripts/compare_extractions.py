from small_evidence.extraction.agreement import differences_note, save_disagreements
from small_evidence.extraction.checks import compare_extractions
from small_evidence.review import save_csv
from small_evidence.saving import at_once
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
agreement, disagreements = compare_extractions(
    "data/raw", snakemake.params.conf_level, outcomes=snakemake.params.outcomes
)
with at_once():
    save_csv(agreement, snakemake.output.agreement)
    save_csv(disagreements, snakemake.output.disagreements)
    save_disagreements(disagreements, snakemake.output.sheet)
print(differences_note(agreement, disagreements, snakemake.output.sheet), end="")
