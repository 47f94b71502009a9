"""A release: the results of one day kept under a name, to compare with later."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from small_evidence import ReviewError
from small_evidence.saving import at_once, save_bytes


def freeze(paths: Iterable[str | Path], folder: str | Path) -> None:
    """Copy files into a folder, the last one last; a folder without it was not frozen to the end.

    Raises
    ------
    ReviewError: the release is there, whose files stay as they are
    """
    copies = {Path(folder) / Path(path).name: Path(path) for path in paths}
    if list(copies)[-1].exists():
        raise ReviewError(f"{folder}: this release is frozen and stays as it is; name another version")
    with at_once():
        for copy, path in copies.items():
            save_bytes(path.read_bytes(), copy)
