# A systematic review of small, uncontrolled evidence: from extracted study tables to evidence tables and forest plots.
# `snakemake` runs the bundled review; `snakemake -d path/to/review` runs the one in that folder.

# An include: that also takes over what is made when nothing is named
workflow.include("workflow/Snakefile", overwrite_default_target=True)
