from small_evidence.figures.style import named_style
from small_evidence.presentation.export import export_review
from small_evidence.review import read_review
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
review = read_review(config=snakemake.config)
style = named_style(review.standards.journals, snakemake.wildcards.preset)
export_review(snakemake.output.archive, review, style)
