from small_evidence.documents.plain import save_markdown
from small_evidence.extraction.checks import save_csv
from small_evidence.release.changes import changes_text, compare_results
from small_evidence.review import log_errors, read_meanings, read_release

log_errors(snakemake.log[0])
before, choices_before = read_release(snakemake.input.frozen)
now, _ = read_release(snakemake.input.now)
changes = compare_results(before, now, choices_before, snakemake.params.config, read_meanings(snakemake.input.schema))
save_csv(changes, snakemake.output.csv)
save_markdown(changes_text(changes, snakemake.params.release), snakemake.output.md)
