"""The workflow as a Snakemake module of another Snakefile, in a folder of its own."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from small_evidence.places import SNAKEFILE
from tests.conftest import PROJECT

FOREIGN = """
module evidence:
    snakefile: "{snakefile}"
    config: config

use rule * from evidence as evidence_*

rule count_pooled:
    default_target: True
    input: "results/tables/pooled.csv"
    output: "pooled_rows.txt"
    shell: "wc -l < {{input}} > {{output}}"
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A folder with the small review and a Snakefile that uses the workflow under other rule names and choices."""
    folder = tmp_path_factory.mktemp("foreign")
    shutil.copytree(PROJECT / "tests/data/minimal/data", folder / "data")
    (folder / "Snakefile").write_text(FOREIGN.format(snakefile=SNAKEFILE))
    return folder


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--quiet", "host", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_dry_run_knows_every_step(foreign):
    code, printed = snakemake(foreign, "--dry-run", "evidence_all")
    assert code == 0, printed
    steps = {
        line.split()[0] for line in printed.splitlines() if line.startswith("evidence_") and line.split()[-1] == "1"
    }
    assert steps >= {f"evidence_{name}" for name in ("check", "synthesise", "present", "draw", "record", "all")}


def test_a_run_pools_under_the_choices_of_the_other_snakefile(foreign):
    code, printed = snakemake(foreign, "--config", "synthesis={conf_level: 0.9}")
    assert code == 1
    assert '"0.9" is not of type number' in printed  # its choices are checked too
    (foreign / "choices.yaml").write_text("synthesis: {min_studies: 2, conf_level: 0.9}\n")
    code, printed = snakemake(foreign, "--configfile", "choices.yaml")
    assert code == 0, printed
    pooled = pd.read_csv(foreign / "results/tables/pooled.csv").set_index("analysis").loc["diltiazem"]
    assert pooled[["k", "events", "n", "conf_level"]].tolist() == [2, 14, 25, 0.9]
    assert int((foreign / "pooled_rows.txt").read_text()) > 1
    assert "data/raw/responses.csv" in json.loads((foreign / "results/logs/checked.json").read_text())


def test_a_failed_check_is_repeated_until_the_table_is_right(foreign):
    """Snakemake puts the tables of the last good run back, newer than the wrong one."""
    path = foreign / "data/raw/responses.csv"
    path.write_text(path.read_text().replace(",17,4,5,8,9,", ",17,4,5,8,29,"))
    assert [snakemake(foreign, "results/logs/checked.json")[0] for _ in range(2)] == [1, 1]
    assert "29 of n = 17" in (foreign / "results/logs/check.log").read_text()
