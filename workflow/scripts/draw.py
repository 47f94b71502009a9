from small_evidence.figures import draw_figures
from small_evidence.review import log_errors, read_review

log_errors(snakemake.log[0])
draw_figures(read_review(config=snakemake.config), snakemake.output.figures)
