from small_evidence.appraisal.levels import grade_studies
from small_evidence.appraisal.risk_of_bias import summarise_appraisals
from small_evidence.review import log_errors, read_frames, save_csv
from small_evidence.standards import read_instruments, read_schemes

log_errors(snakemake.log[0])
frames = read_frames(dict(snakemake.input.items()))
levels = grade_studies(frames["studies"], read_schemes(snakemake.input.standard), snakemake.params.scheme)
save_csv(levels, snakemake.output.study_levels)
instruments = read_instruments(snakemake.input.instruments)
save_csv(summarise_appraisals(**frames, instruments=instruments), snakemake.output.appraisal)
