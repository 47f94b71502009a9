from small_evidence.review import log_errors, read_frames, save_csv
from small_evidence.synthesis.analyses import heterogeneity, sensitivity

log_errors(snakemake.log[0])
frames, policy = read_frames(dict(snakemake.input.items())), snakemake.params.policy
study_levels = frames.pop("study_levels")
save_csv(sensitivity(**frames, policy=policy), snakemake.output.sensitivity)
save_csv(heterogeneity(frames["arms"], study_levels, policy), snakemake.output.heterogeneity)
