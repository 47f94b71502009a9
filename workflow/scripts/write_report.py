from small_evidence.extraction.checks import read_places
from small_evidence.presentation.report import read_templates, report, save_report
from small_evidence.release.provenance import provenance
from small_evidence.review import log_errors, read_frames
from small_evidence.standards import read_instruments, read_schemes

log_errors(snakemake.log[0])
given, record = snakemake.input, provenance(snakemake.input.hashed, [], snakemake.params.config)
frames = read_frames(dict(given.items())) | {"places": read_places("data/raw")}
made_of = read_schemes(given.standard), read_instruments(given.instruments), read_templates(given.templates)
save_report(report(frames, *made_of, record, snakemake.params.release), snakemake.output.report)
