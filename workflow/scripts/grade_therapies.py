from small_evidence.appraisal.levels import therapy_results
from small_evidence.review import log_errors, read_frames, save_frames
from small_evidence.standards import read_schemes

log_errors(snakemake.log[0])
frames, standard = read_frames(dict(snakemake.input.items())), read_schemes(snakemake.input.standard)
results = therapy_results(frames, standard, snakemake.params.policy, snakemake.params.response_threshold)
save_frames(results, dict(snakemake.output.items()))
