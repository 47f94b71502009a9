from evidence.grading import read_schemes
from evidence.reconciliation import claim_results
from evidence.review import log_errors, read_frames, save_frames

log_errors(snakemake.log[0])
frames, standard = read_frames(dict(snakemake.input.items())), read_schemes(snakemake.input.standard)
results = claim_results(frames, standard, snakemake.params.review, snakemake.params.policy)
save_frames(results, dict(snakemake.output.items()))
