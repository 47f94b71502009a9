from pathlib import Path

from small_evidence.extraction.checks import check_extraction
from small_evidence.review import log_errors, save_csv, save_tables
from small_evidence.standards import read_instruments

log_errors(snakemake.log[0])
require, instruments = snakemake.params.require_adjudication, read_instruments(snakemake.input.instruments)
tables, issues = check_extraction("data/raw", require_adjudication=require, instruments=instruments)
save_tables(tables, Path(snakemake.output.studies).parent)
save_csv(issues, snakemake.output.issues)
print(f"data/raw: no error, {len(issues)} warnings; read them in {snakemake.output.issues}")
