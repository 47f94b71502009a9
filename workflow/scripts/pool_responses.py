from evidence.review import log_errors, read_frames, save_frames
from evidence.synthesis import pooling_results

log_errors(snakemake.log[0])
frames = read_frames(dict(snakemake.input.items()))
results = pooling_results(frames, snakemake.params.policy, snakemake.params.reference_line)
save_frames(results, dict(snakemake.output.items()))
