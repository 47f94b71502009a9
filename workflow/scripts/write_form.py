from pathlib import Path

from small_evidence.extraction.checks import read_tables
from small_evidence.extraction.forms import save_form
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
instruments = [Path(path).stem for path in snakemake.input.instruments]
title = snakemake.params.review["title"]
tables = read_tables("data/raw", complete=False, covariates=snakemake.config["synthesis"]["covariates"])
save_form(tables, snakemake.output.form, title, instruments)
print(f"{snakemake.output.form}: fill it in and save it as data/raw/extraction.xlsx; its first sheet says how")
