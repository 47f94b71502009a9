from evidence import overlap, trace
from evidence.extraction import save_csv
from evidence.review import log_errors, read_frames
from evidence.synthesis import pool_arms, pool_events, select_arms

log_errors(snakemake.log[0])
frames, policy, output = read_frames(dict(snakemake.input.items())), snakemake.params.policy, snakemake.output
events = frames.pop("adverse_events")
arms = select_arms(**frames, policy=policy)
save_csv(arms, output.arms)
save_csv(pool_arms(arms, policy, snakemake.params.reference_line), output.pooled)
save_csv(pool_events(events, frames["studies"], policy), output.pooled_events)
save_csv(trace.trace_rows(arms, frames["responses"], policy), output.trace)
save_csv(overlap.overlap_candidates(*(frames[name] for name in overlap.TABLES)), output.overlap_candidates)
