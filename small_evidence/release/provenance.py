"""The record of a run: hashes of its inputs, versions of what computed it, and its choices."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from small_evidence import __version__
from small_evidence.names import SCHEMA_VERSION
from small_evidence.places import PACKAGE, WORKFLOW, changed, sha256

PACKAGES = (
    "jinja2", "matplotlib", "numpy", "openpyxl", "pandas", "pydantic", "python-docx", "scipy", "snakemake",
    "statsmodels", "typst", "xlsxwriter",
)  # fmt: skip


def provenance(
    inputs: Iterable[str], results: Iterable[str], config: Mapping[str, Any], *, read: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Hashes, versions and config of a run, as plain values.

    Neither time nor place of the run is in it, so that two runs on the same inputs agree to the byte.

    Parameters
    ----------
    inputs, results : files to hash
    config : the review's choices
    read : files hashed when they were read, as of `places.contents`; those whose content differs now are listed
    """
    return {
        "small_evidence": __version__,
        "schema_version": SCHEMA_VERSION,
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
        "config": config,
        "inputs": {**(read or {}), **{_name(path): sha256(path) for path in inputs}},
        "changed_since_read": changed(read or {}),
        "results": {_name(path): sha256(path) for path in results},
    }


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of the libraries, for a text that names them."""
    own = {"small_evidence": __version__, "python": platform.python_version()}
    return own | {package: version(package) for package in PACKAGES}


def _name(path: str | Path) -> str:
    """A file of the review by its place there; a file of the library or the standards by its place in the project."""
    path = Path(path)
    for name, folder in (("workflow", WORKFLOW), ("small_evidence", PACKAGE)):
        if path.is_relative_to(folder):
            return f"{name}/{path.relative_to(folder).as_posix()}"
    return path.as_posix()
