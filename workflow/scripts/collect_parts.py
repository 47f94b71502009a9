from pathlib import Path

from small_evidence.batch import collect_parts
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
collect_parts(Path(), snakemake.input.parts)
