from small_evidence.documents import save_documents
from small_evidence.extraction.agreement import drop_comparison
from small_evidence.review import log_errors, read_frames
from small_evidence.standards import read_instruments, read_schemes
from small_evidence.tables import evidence_tables

log_errors(snakemake.log[0])
frames, config = read_frames(dict(snakemake.input.items())), snakemake.params.config
schemes, instruments = read_schemes(snakemake.input.standard), read_instruments(snakemake.input.instruments)
save_documents(evidence_tables(frames, schemes, config, instruments), snakemake.output)
drop_comparison("results/tables", unless=frames)
