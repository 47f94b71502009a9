from pathlib import Path

from small_evidence.documents.plain import save_markdown
from small_evidence.release.changes import release_of
from small_evidence.release.sentences import changes_since, changes_text
from small_evidence.review import read_release, read_review, save_csv
from small_evidence.saving import at_once
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
before = read_release(Path(snakemake.input.release).parent.glob("*.*"))
changes = changes_since(release_of(*before), read_review(config=snakemake.config))
with at_once():
    save_csv(changes, snakemake.output.csv)
    save_markdown(changes_text(changes, snakemake.wildcards.version), snakemake.output.md)
