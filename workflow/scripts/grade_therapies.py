from evidence.grading import read_schemes, therapy_results
from evidence.review import log_errors, read_frames, save_frames

log_errors(snakemake.log[0])
frames, standard = read_frames(dict(snakemake.input.items())), read_schemes(snakemake.input.standard)
results = therapy_results(frames, standard, snakemake.params.policy, snakemake.params.reference_line)
save_frames(results, dict(snakemake.output.items()))
