from small_evidence.presentation.revman import save_revman
from small_evidence.review import begin_step, read_review

begin_step(snakemake.log[0])
save_revman(read_review(config=snakemake.config), snakemake.output.archive)
