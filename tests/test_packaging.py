"""The wheel holds the workflow, and a review outside the checkout runs from it (whole run: `make wheel-test`)."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from small_evidence import __version__
from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (path,) = folder.glob(f"small_evidence-{__version__}-*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_library_and_the_workflow_once(wheel):
    ours = {
        f"{prefix}{path.relative_to(PROJECT).as_posix()}"
        for prefix, folder in (("", "small_evidence"), ("small_evidence/", "workflow"))
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(held) == sorted([*ours, "small_evidence/environment.yml"])


def test_standards_schema_and_templates_are_found_in_the_unpacked_wheel(wheel, tmp_path):
    """Without the checkout on the path, from a working directory that has none of them."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    look = (
        "import small_evidence.places as p, small_evidence.config as c; from small_evidence.standards import Standards;"
        "s = Standards(); print(p.SNAKEFILE.is_file(), len(s.checklists), len(s.journals) > 3, len(s.instruments) > 3,"
        "c.complete_config({})['synthesis']['min_studies'], p.WORKFLOW)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", look], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "3", "True", "True", "3", str(tmp_path / "site/small_evidence/workflow")]


@pytest.mark.skipif("WHEEL_TEST" not in os.environ, reason="installs a wheel in a fresh environment: make wheel-test")
def test_a_review_runs_from_the_wheel_in_a_fresh_environment(wheel, tmp_path):
    """The small review of two studies, outside the checkout, by the three commands of the README."""
    python = tmp_path / "env/bin/python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "env"], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, wheel], check=True)

    def command(*arguments: str, where: Path = tmp_path) -> str:
        name, *rest = arguments
        path = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run([name, *rest], cwd=where, env=path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    command("small-evidence", "new", "mine")
    raw = tmp_path / "mine/data/raw"
    (raw / "extraction.xlsx").unlink()
    for path in (PROJECT / "tests/data/minimal/data/raw").glob("*.csv"):
        (raw / path.name).write_bytes(path.read_bytes())
    assert "no error" in command("small-evidence", "check", "mine")
    command("snakemake", where=tmp_path / "mine")
    assert (tmp_path / "mine/results/report.html").is_file()
    assert "Nothing to do" in command("small-evidence", "run", "mine")
