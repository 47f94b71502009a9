"""The bundled profile runs a review on a Slurm cluster, where there is one."""

import os
import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from small_evidence.batch import ANALYSES, REVIEWS, run_batch
from tests import loopback_slurm

PROJECT = Path(__file__).parents[1]
PROFILE = PROJECT / "profiles/slurm"
LOOPBACK = os.environ.get("LOOPBACK_SLURM", "")  # folder of the Slurm that `make test-cluster` starts


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


def batch_folder(folder: Path, reviews: int) -> Path:
    """Equal small reviews, and one with a fault."""
    for number in range(reviews):
        shutil.copytree(PROJECT / "tests/data/minimal/data/raw", folder / f"review_{number}/data/raw")
    faulty = folder / "faulty/data/raw"
    faulty.mkdir(parents=True)
    (faulty / "responses.csv").write_text("study,therapy,disease,n,responders\nSYNTHETIC,a,b,3,4\n", encoding="utf-8")
    return folder


@pytest.mark.skipif(not LOOPBACK or bool(no_cluster()), reason=no_cluster() or "only with make test-cluster")
def test_a_batch_survives_a_node_that_is_killed_and_gives_the_same_files(tmp_path):
    here, there = (batch_folder(tmp_path / name, 4) for name in ("here", "there"))
    run_batch(here, workers=1)
    command = [sys.executable, "-m", "snakemake", "-s", str(PROJECT / "workflow/batch.smk"), "-d", str(there)]
    run = subprocess.Popen(
        [*command, "--config", "parts=2", "--profile", str(PROJECT / "profiles/slurm-batch"), "--quiet", "rules"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT,
    )  # fmt: skip
    node = ""
    for _ in range(600):
        listed = subprocess.run(
            ["squeue", "-h", "-t", "running", "-o", "%N"], capture_output=True, text=True, check=True
        )
        if listed.stdout.split():
            node = listed.stdout.split()[0]
            break
        time.sleep(0.2)
    time.sleep(3)  # in the middle of a part, which takes longer to start
    loopback_slurm.kill_node(Path(LOOPBACK), node)
    printed = run.communicate(timeout=500)[0]
    assert run.returncode == 0, printed
    # what ran on the node was given to the other one, by Slurm or by Snakemake
    events = (Path(LOOPBACK) / "slurmctld.log").read_text(encoding="utf-8")
    assert re.search(r"[Rr]equeue", events) or "Trying to restart job" in printed, printed
    names = [ANALYSES, REVIEWS, *(f"review_{number}/results/tables/pooled.csv" for number in range(4))]
    for name in names:
        assert (there / name).read_bytes() == (here / name).read_bytes(), name
