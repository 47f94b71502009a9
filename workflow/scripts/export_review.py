from evidence.appraisal import judged_items, read_instruments
from evidence.export import export_review
from evidence.figures.style import read_style
from evidence.grading import read_schemes
from evidence.review import log_errors, read_frames
from evidence.tables import evidence_tables

log_errors(snakemake.log[0])
frames, config = read_frames(dict(snakemake.input.items())), snakemake.params.config
instruments = read_instruments(snakemake.input.instruments)
frames["judged_items"] = judged_items(frames["risk_of_bias"], instruments)
tables = evidence_tables(frames, read_schemes(snakemake.input.standard), config, instruments)
style = read_style(snakemake.input.journals, snakemake.wildcards.preset)
names, texts = snakemake.params.figures, snakemake.input.texts
export_review(snakemake.output.archive, tables, names, frames, config, style, texts)
