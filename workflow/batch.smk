# Many reviews in parts, each part a job: snakemake -s workflow/batch.smk -d FOLDER --config parts=40
# in: every folder with data/raw below FOLDER
# out: the results of each review in its own folder; batch_analyses.csv and batch_reviews.csv in FOLDER


include: "rules/library.smk"


import math

from small_evidence.batch import (
    ANALYSES,
    RAW,
    REVIEWS,
    content_of_part,
    largest_tables,
    reviews_below,
    reviews_of_part,
)

FOUND = reviews_below(Path())
if not FOUND:
    sys.exit(f"{Path.cwd()}: no review below it; a review is a folder with {RAW}")
PARTS = min(int(config.get("parts", 1)), len(FOUND))
MEMORY = 700  # MiB of a process with the library and a small review
MEMORY_OF_TABLES = 100  # MiB for each MiB of raw tables
REVIEWS_A_MINUTE = 15  # on a slow core, half of what was measured


def reviews(wildcards):
    return reviews_of_part(FOUND, (int(wildcards.number), PARTS))


def content(wildcards):
    """A part is computed again when a table or a choice in it has changed."""
    return content_of_part(Path(), reviews(wildcards))


def memory(wildcards, attempt):
    tables = largest_tables(Path(), reviews(wildcards))
    return math.ceil(attempt * (MEMORY + MEMORY_OF_TABLES * tables))


def minutes(wildcards, attempt):
    return attempt * (2 + math.ceil(len(reviews(wildcards)) / REVIEWS_A_MINUTE))


localrules:
    collect_parts,


rule collect_parts:
    default_target: True
    input:
        parts=expand(
            "batch_parts/{number}_of_{parts}.csv",
            number=range(1, PARTS + 1),
            parts=PARTS,
        ),
    output:
        analyses=update(ANALYSES),
        reviews=update(REVIEWS),
    log:
        "batch_parts/collect_parts.log",
    script:
        "scripts/collect_parts.py"


rule run_part:
    input:
        library=sorted(map(str, PACKAGE.rglob("*.py"))),
    output:
        part=update("batch_parts/{number}_of_{parts}.csv"),
    log:
        "batch_parts/{number}_of_{parts}.log",
    threads: 1
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        content=content,
    script:
        "scripts/run_part.py"
