from small_evidence.places import ANSWERS
from small_evidence.review import read_review, save_results
from small_evidence.step import begin_step
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.each import answers_kept

begin_step(snakemake.log[0])
review = read_review(config=snakemake.config, results=False)
with answers_kept(ANSWERS):
    review = synthesise(review)
save_results(review, snakemake.output)
