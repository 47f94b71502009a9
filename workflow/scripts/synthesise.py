from small_evidence.review import read_review, save_results
from small_evidence.step import begin_step
from small_evidence.synthesis.analyses import synthesise

begin_step(snakemake.log[0])
review = read_review(config=snakemake.config, results=False)
save_results(synthesise(review), snakemake.output)
