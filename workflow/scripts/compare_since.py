from small_evidence.config import meanings
from small_evidence.documents.plain import save_markdown
from small_evidence.release.changes import changes_text, compare_results
from small_evidence.review import log_errors, read_release, save_csv

log_errors(snakemake.log[0])
before, choices_before = read_release(snakemake.input.frozen)
now, _ = read_release(snakemake.input.now)
changes = compare_results(before, now, choices_before, snakemake.params.config, meanings())
save_csv(changes, snakemake.output.csv)
save_markdown(changes_text(changes, snakemake.params.release), snakemake.output.md)
