from evidence.agreement import drop_comparison
from evidence.appraisal import read_instruments
from evidence.documents import save_documents
from evidence.grading import read_schemes
from evidence.review import log_errors, read_frames
from evidence.tables import evidence_tables

log_errors(snakemake.log[0])
frames, config = read_frames(dict(snakemake.input.items())), snakemake.params.config
schemes, instruments = read_schemes(snakemake.input.standard), read_instruments(snakemake.input.instruments)
save_documents(evidence_tables(frames, schemes, config, instruments), snakemake.output)
drop_comparison("results/tables", unless=frames)
