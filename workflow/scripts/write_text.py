from evidence.checklists import checklist_texts, read_checklists
from evidence.documents import save_documents
from evidence.grading import read_schemes
from evidence.manuscript import manuscript
from evidence.provenance import versions
from evidence.review import log_errors, read_frames

log_errors(snakemake.log[0])
made_of = read_frames(dict(snakemake.input.items())), read_schemes(snakemake.input.standard), snakemake.params.config
texts = [*manuscript(*made_of, versions()), *checklist_texts(read_checklists(snakemake.input.checklists), *made_of)]
save_documents(texts, snakemake.output)
