from small_evidence.figures import save_review_figure
from small_evidence.review import read_review
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
save_review_figure(read_review(config=snakemake.config), snakemake.output.figure)
