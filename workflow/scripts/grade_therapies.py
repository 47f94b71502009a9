from evidence.extraction import save_csv
from evidence.grading import grade_therapies, level_sensitivity, read_schemes
from evidence.review import log_errors, read_frames

log_errors(snakemake.log[0])
frames = read_frames(dict(snakemake.input.items()))
standard, policy = read_schemes(snakemake.input.standard), snakemake.params.policy
unlike, line = policy["classes_not_combined"], snakemake.params.reference_line
levels = grade_therapies(
    **frames, standard=standard, reference_line=line, classes_not_combined=unlike, unit=policy["unit"]
)
save_csv(levels, snakemake.output.therapy_levels)
tables = {name: frames[name] for name in ("studies", "responses", "therapies", "diseases")}
save_csv(
    level_sensitivity(**tables, standard=standard, classes_not_combined=unlike), snakemake.output.level_sensitivity
)
