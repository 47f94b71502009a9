from small_evidence.appraisal.risk_of_bias import judged_items
from small_evidence.figures import save_review_figures
from small_evidence.figures.style import read_style
from small_evidence.review import log_errors, read_frames
from small_evidence.standards import read_instruments

log_errors(snakemake.log[0])
config, names, workers = snakemake.params.config, snakemake.params.names, snakemake.threads
style = read_style(snakemake.input.journals, config["figures"]["preset"])
frames = read_frames(dict(snakemake.input.items()))
frames["judged_items"] = judged_items(frames["risk_of_bias"], read_instruments(snakemake.input.instruments))
output, checked, numbers = snakemake.output.figures, snakemake.output.get("preflight"), snakemake.input.pooled
save_review_figures(output, names, frames, config, style, checked, numbers, workers)
