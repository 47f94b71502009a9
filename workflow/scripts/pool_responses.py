from evidence.extraction import read_csv, save_csv
from evidence.synthesis import pool_arms, select_arms

tables = {name: read_csv(snakemake.input[name]) for name in ("studies", "responses", "therapies")}
arms = select_arms(**tables, policy=snakemake.params.policy)
save_csv(arms, snakemake.output.arms)
save_csv(pool_arms(arms, snakemake.params.policy, snakemake.params.reference_line), snakemake.output.pooled)
