from evidence.extraction import save_csv
from evidence.grading import read_schemes
from evidence.reconciliation import awaiting_list, reconcile_claims
from evidence.review import log_errors, read_frames

log_errors(snakemake.log[0])
frames, review = read_frames(dict(snakemake.input.items())), snakemake.params.review
standard, labels = read_schemes(snakemake.input.standard), review["class_labels"]
save_csv(reconcile_claims(**frames, follows=review["follows"], class_labels=labels), snakemake.output.reconciliation)
needed = ("studies", "responses", "therapies", "diseases", "pooled", "study_levels")
policy = {key: snakemake.params.policy[key] for key in ("least_studies", "least_arm", "unit")}
waiting = awaiting_list(**{name: frames[name] for name in needed}, standard=standard, class_labels=labels, **policy)
save_csv(waiting, snakemake.output.awaiting)
