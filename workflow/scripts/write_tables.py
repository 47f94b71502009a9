from pathlib import Path

from evidence.agreement import drop_comparison
from evidence.appraisal import read_instruments
from evidence.documents import save_documents
from evidence.grading import read_schemes
from evidence.review import log_errors, read_frames
from evidence.tables import evidence_tables

log_errors(snakemake.log[0])
frames, config = read_frames(dict(snakemake.input.items())), snakemake.params.config
instruments = read_instruments(snakemake.input.instruments)
tables = evidence_tables(frames, read_schemes(snakemake.input.standard), config, instruments)
if "agreement" not in frames:
    drop_comparison(Path(snakemake.output[0]).parent)
save_documents(tables, snakemake.output)
