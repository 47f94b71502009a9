from small_evidence.presentation.revman import save_revman
from small_evidence.review import read_review
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
save_revman(read_review(config=snakemake.config), snakemake.output.archive)
