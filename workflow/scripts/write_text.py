from small_evidence.documents import save_documents
from small_evidence.presentation.checklists import checklist_texts, read_checklists
from small_evidence.presentation.manuscript import manuscript
from small_evidence.release.provenance import versions
from small_evidence.review import log_errors, read_frames
from small_evidence.standards import read_schemes

log_errors(snakemake.log[0])
made_of = read_frames(dict(snakemake.input.items())), read_schemes(snakemake.input.standard), snakemake.params.config
texts = [*manuscript(*made_of, versions()), *checklist_texts(read_checklists(snakemake.input.checklists), *made_of)]
save_documents(texts, snakemake.output)
