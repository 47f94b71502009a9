"""Where the package and its workflow are, and what the files of a review hold, for the Snakefile at every start.

Package and workflow are side by side in a checkout, one inside the other when installed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

PACKAGE = Path(__file__).parent
WORKFLOW = next(path for path in (PACKAGE / "workflow", PACKAGE.parent / "workflow") if path.is_dir())
SNAKEFILE = WORKFLOW / "Snakefile"
# Lists of the files that a step made, in a review; see made.py
FIGURE_LIST = Path("results/figures/preflight.csv")
DOCUMENT_LIST = Path("results/logs/documents.csv")
# What was computed of the arms of each analysis, in a review; see synthesis/each.py
ANSWERS = Path("results/logs/answers.txt")


def code(*packages: str) -> list[str]:
    """Modules of these packages of the library, and those that all of them use."""
    folders = [PACKAGE / name for name in packages]
    found = [path for folder in folders for ending in ("py", "typ") for path in folder.rglob(f"*.{ending}")]
    return sorted(map(str, [*PACKAGE.glob("*.py"), *found]))


def contents(files: Iterable[str]) -> dict[str, str]:
    """Files with the SHA-256 of their content; "" for one that cannot be read, which the check reports.

    Snakemake compares times only: with the content as a parameter, a table restored from an older copy is noticed too.
    """
    found = dict.fromkeys(files, "")
    for path in found:
        # a link may lead to a pipe or a device, which never end
        if Path(path).is_file():
            with suppress(OSError):
                found[path] = sha256(path)
    return found


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def changed(content: Mapping[str, str]) -> list[str]:
    """Files whose content is no longer the one that `contents` found."""
    now = contents(content)
    return [path for path, digest in content.items() if now[path] != digest]
