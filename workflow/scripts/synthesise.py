from small_evidence.review import log_errors, read_review, save_results
from small_evidence.synthesis.analyses import synthesise

log_errors(snakemake.log[0])
review = read_review(config=snakemake.config, results=False)
save_results(synthesise(review), snakemake.output)
