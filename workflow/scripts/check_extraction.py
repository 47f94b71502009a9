import sys

from evidence.extraction import ExtractionError, check_extraction, save_csv, save_tables

try:
    tables, issues = check_extraction("data/raw")
except ExtractionError as error:
    sys.exit(str(error))
save_tables(tables, "data/processed")
save_csv(issues, snakemake.output.issues)
print(f"data/raw: no error, {len(issues)} warnings; read them in {snakemake.output.issues}")
