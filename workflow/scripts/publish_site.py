from pathlib import Path

from small_evidence.release.site import save_site
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
save_site(
    snakemake.output.site,
    title=snakemake.config["review"]["title"],
    report=snakemake.input.report,
    data=snakemake.input.data,
    figures=Path(snakemake.input.figures).parent,
    releases=[Path(record).parent for record in snakemake.input.releases],
)
