from small_evidence.extraction.checks import read_places
from small_evidence.release.changes import release_of
from small_evidence.release.provenance import provenance
from small_evidence.release.publish import publish
from small_evidence.review import read_release, read_review
from small_evidence.saving import read_json
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
publish(
    read_review(config=snakemake.config).with_results({"places": read_places("data/raw")}),
    snakemake.output,
    before=release_of(*read_release(snakemake.input.release)),
    version=snakemake.params.release,
    listed=snakemake.output.listed,
    record=provenance(snakemake.input.standards, [], snakemake.config, read=read_json(snakemake.input.checked)),
)
