from pathlib import Path

from small_evidence.batch import run_batch, save_part
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
part = int(snakemake.wildcards.number), int(snakemake.wildcards.parts)
save_part(run_batch(Path(), workers=1, part=part), snakemake.output.part)
