"""pyproject.toml, environment.yml and requirements.lock name the same packages."""

import re
import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[1]
# conda's smaller builds of the same packages
CONDA_NAMES = {"matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}


def requirements(*extras: str) -> dict[str, str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    found = {re.match(r"[\w-]+", line)[0]: re.sub(r"^[\w-]+", "", line) for line in listed}
    return {"python": project["requires-python"], **found}


def test_conda_environment_names_the_same_packages_and_bounds():
    dependencies = yaml.safe_load((PROJECT / "environment.yml").read_text())["dependencies"]
    pip = next(entry for entry in dependencies if isinstance(entry, dict))["pip"]
    lines = [entry for entry in dependencies if isinstance(entry, str)] + pip
    conda = {CONDA_NAMES.get(name, name): bounds for name, _, bounds in (line.partition(" ") for line in lines)}
    del conda["pip"]
    assert conda == requirements()


def test_lock_holds_every_package_within_its_bounds():
    lock = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (PROJECT / "requirements.lock").read_text(), re.M))
    lock = {name.replace("_", "-"): version for name, version in lock.items()}
    for name, bounds in requirements("dev").items():
        if name == "python":
            continue
        version = tuple(int(part) for part in re.findall(r"\d+", lock[name.replace("_", "-")]))
        lower, upper = re.fullmatch(r">=([\d.]+),<([\d.]+)", bounds).groups()
        assert tuple(map(int, lower.split("."))) <= version < tuple(map(int, upper.split("."))), name


def test_lock_leaves_out_what_only_a_cluster_the_site_or_the_notebooks_need():
    lock = (PROJECT / "requirements.lock").read_text()
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) == {"dev", "cluster", "docs", "notebooks"}
    left_out = [line for extra in ("cluster", "docs", "notebooks") for line in extras[extra]]
    assert not [line for line in left_out if re.search(rf"^{re.match(r'[a-z-]+', line)[0]}==", lock, re.M)]


def test_lock_has_hashes_and_no_addresses():
    lock = (PROJECT / "requirements.lock").read_text()
    assert "://" not in lock
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", lock) if "==" in block)
