from small_evidence.figures import save_review_figure
from small_evidence.review import log_errors, read_review

log_errors(snakemake.log[0])
save_review_figure(read_review(config=snakemake.config), snakemake.output.figure)
