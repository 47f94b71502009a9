from small_evidence.presentation import present
from small_evidence.review import log_errors, read_review

log_errors(snakemake.log[0])
review = read_review(config=snakemake.config)
present(review, snakemake.output, release=snakemake.params.release)
