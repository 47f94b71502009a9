"""A release: the results of one day kept under a name, to compare with later."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path


def freeze(paths: Iterable[str | Path], folder: str | Path) -> None:
    """Copy files into a new folder, the last one last; a folder without it was not frozen to the end.

    Raises
    ------
    FileExistsError: the folder is there, whose files stay as they are
    """
    Path(folder).mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, Path(folder) / Path(path).name)
