from evidence.documents import save_documents
from evidence.grading import read_schemes
from evidence.review import log_errors, read_frames
from evidence.tables import evidence_tables

log_errors(snakemake.log[0])
frames = read_frames(dict(snakemake.input.items()))
tables = evidence_tables(frames, read_schemes(snakemake.input.standard), snakemake.params.config)
save_documents(tables, snakemake.output)
