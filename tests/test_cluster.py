"""The bundled profile runs a review on a Slurm cluster, where there is one."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
PROFILE = PROJECT / "profiles/slurm"


def no_cluster() -> str:
    """Why nothing can be submitted from here; "" where it can."""
    if not shutil.which("sbatch"):
        return "no sbatch: this machine belongs to no Slurm cluster"
    if subprocess.run(["sinfo"], capture_output=True, check=False, timeout=60).returncode:
        return "sbatch is here, but no Slurm controller answers"
    return "" if find_spec("snakemake_executor_plugin_slurm") else "the optional packages `cluster` are not installed"


def test_every_rule_is_part_of_the_submission_or_runs_where_snakemake_does():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "workflow/rules").glob("*.smk"))
    rules = re.findall(r"^\s*(?:use rule \w+ as|rule) (\w+)", text, re.M)
    local = re.search(
        r"^localrules:\n((?:    \w+,\n)+)", (PROJECT / "workflow/Snakefile").read_text(encoding="utf-8"), re.M
    )
    grouped = yaml.safe_load((PROFILE / "config.yaml").read_text(encoding="utf-8"))["groups"]
    assert sorted([*re.findall(r"\w+", local[1]), *grouped]) == sorted(rules)
    assert set(grouped.values()) == {"review"}


# the test's folder must be on a disk that the cluster's machines share: pytest --basetemp=FOLDER
@pytest.mark.skipif(bool(no_cluster()), reason=no_cluster())
def test_a_review_runs_on_the_cluster_in_one_submission_and_gives_the_same_files(copy_review):
    here, there = copy_review("tests/data/minimal", "here"), copy_review("tests/data/minimal", "there")
    here.run()
    printed = there.run("--quiet", "host", "rules", "--profile", str(PROFILE))
    assert printed.count("has been submitted with SLURM jobid") == 1
    made = there.files("results/tables", "results/figures", "results/text")
    assert made == here.files("results/tables", "results/figures", "results/text")
    assert "results/figures/preflight.csv" in made
    assert there.path("results/provenance.json").read_bytes() == here.path("results/provenance.json").read_bytes()
