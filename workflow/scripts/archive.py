from small_evidence.release.crate import save_crate, today
from small_evidence.review import begin_step, read_review

begin_step(snakemake.log[0])
save_crate(snakemake.output.archive, read_review(config=snakemake.config), today())
