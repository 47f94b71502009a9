from small_evidence.figures import draw_figures
from small_evidence.review import read_review
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
draw_figures(read_review(config=snakemake.config), snakemake.output.figures)
