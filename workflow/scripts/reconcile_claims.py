from small_evidence.review import log_errors, read_frames, save_frames
from small_evidence.standards import read_schemes
from small_evidence.synthesis.claims import claim_results

log_errors(snakemake.log[0])
frames, standard = read_frames(dict(snakemake.input.items())), read_schemes(snakemake.input.standard)
results = claim_results(frames, standard, snakemake.params.review, snakemake.params.policy)
save_frames(results, dict(snakemake.output.items()))
