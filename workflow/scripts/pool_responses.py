from small_evidence.review import log_errors, read_frames, save_frames
from small_evidence.synthesis.analyses import pooling_results

log_errors(snakemake.log[0])
frames = read_frames(dict(snakemake.input.items()))
results = pooling_results(frames, snakemake.params.policy, snakemake.params.response_threshold)
save_frames(results, dict(snakemake.output.items()))
