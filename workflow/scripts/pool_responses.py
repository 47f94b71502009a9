from evidence.extraction import save_csv
from evidence.review import log_errors, read_frames
from evidence.synthesis import pool_arms, select_arms

log_errors(snakemake.log[0])
policy = snakemake.params.policy
arms = select_arms(**read_frames(dict(snakemake.input.items())), policy=policy)
save_csv(arms, snakemake.output.arms)
save_csv(pool_arms(arms, policy, snakemake.params.reference_line), snakemake.output.pooled)
