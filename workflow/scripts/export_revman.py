from small_evidence.presentation.revman import save_revman
from small_evidence.review import log_errors, read_review

log_errors(snakemake.log[0])
save_revman(read_review(config=snakemake.config), snakemake.output.archive)
