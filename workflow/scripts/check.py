from contextlib import suppress

from small_evidence.extraction.agreement import differences_note, save_disagreements
from small_evidence.extraction.checks import ExtractionError, check_review, compare_extractions, refuse_changed
from small_evidence.extraction.retractions import retracted_reports
from small_evidence.review import save_csv, save_tables
from small_evidence.saving import at_once, save_json
from small_evidence.step import begin_step
from small_evidence.wording import counted

begin_step(snakemake.log[0])
try:
    tables, issues = check_review(config=snakemake.config)
    retracted = retracted_reports(tables["studies"], "data/raw")
    refuse_changed(snakemake.params.content)
    with at_once():
        save_tables(tables)
        save_csv(retracted, snakemake.output.retracted)
        save_csv(issues, snakemake.output.issues)
        save_json(snakemake.params.content, snakemake.output.checked)
    print(f"data/raw: no error, {counted(len(issues), 'warning')}; read them in {snakemake.output.issues}")
finally:
    # two extractions that cannot be compared have faults that the check names with all others
    with suppress(ExtractionError), at_once():
        agreement, disagreements = compare_extractions(
            "data/raw", snakemake.params.conf_level, outcomes=snakemake.config["synthesis"]["outcomes"]
        )
        save_csv(agreement, snakemake.output.agreement)
        save_csv(disagreements, snakemake.output.disagreements)
        save_disagreements(disagreements, snakemake.output.sheet)
        print(differences_note(agreement, disagreements, snakemake.output.sheet), end="")
