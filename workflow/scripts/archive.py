from small_evidence.release.crate import save_crate, today
from small_evidence.review import read_review
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
save_crate(snakemake.output.archive, read_review(config=snakemake.config), today())
