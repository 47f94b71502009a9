"""Zip archives that are the same bytes whenever the same members go in."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from small_evidence.saving import beside

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold


def save_archive(members: Mapping[str, bytes], path: str | Path) -> None:
    """Write members in their order, without the time and the machine of the run.

    Raises
    ------
    ValueError: a name that leads out of the folder where the archive is unpacked
    """
    with beside(Path(path)) as place, zipfile.ZipFile(place, "w") as archive:
        for name, data in members.items():
            if name.startswith("/") or "\\" in name or ".." in name.split("/"):
                raise ValueError(f"{name} cannot be a name in an archive")
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
