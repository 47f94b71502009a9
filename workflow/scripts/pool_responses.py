from evidence.extraction import save_csv
from evidence.review import log_errors, read_frames
from evidence.synthesis import pool_arms, select_arms
from evidence.trace import trace_rows

log_errors(snakemake.log[0])
policy = snakemake.params.policy
frames = read_frames(dict(snakemake.input.items()))
arms = select_arms(**frames, policy=policy)
save_csv(arms, snakemake.output.arms)
save_csv(pool_arms(arms, policy, snakemake.params.reference_line), snakemake.output.pooled)
save_csv(trace_rows(arms, frames["responses"], policy), snakemake.output.trace)
