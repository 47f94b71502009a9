"""The bundled review for every test: its checked tables, and running it as its users do, in a folder that may spoil."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from small_evidence.config import read_config
from small_evidence.extraction.checks import check_extraction
from small_evidence.review import Review
from small_evidence.standards import read_schemes
from small_evidence.synthesis.analyses import synthesise

PROJECT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns(
    ".venv", ".git", ".snakemake", "results", "processed", ".pytest_cache", ".hypothesis", ".ruff_cache"
)


class Run:
    """A copy of a review, run by the Snakefile of `project` (the folder itself when it is a copy of the project)."""

    def __init__(self, folder: Path, project: Path | None = None):
        self.folder = folder
        self.project = project

    def run(self, *arguments: str, code: int = 0) -> str:
        """What snakemake prints; the exit code must be `code`."""
        where = ["--directory", str(self.folder)] if self.project else []
        command = [sys.executable, "-m", "snakemake", *where, *arguments]
        place = self.project or self.folder
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, check=False)
        printed = done.stdout + done.stderr
        assert done.returncode == code, printed
        return printed

    def path(self, name: str) -> Path:
        return self.folder / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place where `old` stands in a file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def files(self, *folders: str) -> dict[str, bytes]:
        """Contents of all files below the folders, by name."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for folder in folders
            for path in sorted((self.folder / folder).rglob("*"))
            if path.is_file()
        }


@pytest.fixture(scope="session")
def tables():
    """Checked tables of the bundled review, for all tests: copy before you change a cell."""
    return check_extraction(PROJECT / "data/raw", year=2026)[0]


@pytest.fixture(scope="session")
def bundled(tables):
    """The bundled review, checked and without results."""
    return Review(tables, read_config(PROJECT))


@pytest.fixture(scope="session")
def synthesised(bundled):
    """The bundled review with every result."""
    return synthesise(bundled)


@pytest.fixture(scope="session")
def standard():
    """The schemes of levels of evidence."""
    return read_schemes(PROJECT / "workflow/standards/levels.yaml")


@pytest.fixture
def copy_review(tmp_path):
    """Function that copies a review of the project ("." is the bundled one) into the test's own folder."""

    def copy(source: str, name: str = "review") -> Run:
        shutil.copytree(PROJECT / source, tmp_path / name, ignore=IGNORED)
        return Run(tmp_path / name, None if source == "." else PROJECT)

    return copy


@pytest.fixture(scope="session")
def review_in():
    """Function that takes a folder that holds a review, to be run by the Snakefile of the project."""
    return lambda folder: Run(folder, PROJECT)


@pytest.fixture(scope="session")
def calcinosis(tmp_path_factory):
    """The bundled review, run once; a test that changes it brings it back."""
    folder = tmp_path_factory.mktemp("calcinosis") / "project"
    shutil.copytree(PROJECT, folder, ignore=IGNORED)
    review = Run(folder)
    review.printed = review.run()
    return review
