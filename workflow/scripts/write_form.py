from pathlib import Path

from evidence.extraction import read_tables
from evidence.forms import save_form
from evidence.review import log_errors

log_errors(snakemake.log[0])
instruments = [Path(path).stem for path in snakemake.input.instruments]
save_form(read_tables("data/raw", complete=False), snakemake.output.form, snakemake.params.title, instruments)
print(f"{snakemake.output.form}: fill it in and save it as data/raw/extraction.xlsx; its first sheet says how")
