from small_evidence.figures.style import read_style
from small_evidence.presentation.export import export_review
from small_evidence.review import log_errors, read_frames
from small_evidence.standards import read_instruments, read_schemes

log_errors(snakemake.log[0])
names, texts, config = snakemake.params.figures, snakemake.input.texts, snakemake.params.config
schemes, instruments = read_schemes(snakemake.input.standard), read_instruments(snakemake.input.instruments)
style = read_style(snakemake.input.journals, snakemake.wildcards.preset)
frames = read_frames(dict(snakemake.input.items()))
export_review(snakemake.output.archive, names, frames, schemes, instruments, config, style, texts)
