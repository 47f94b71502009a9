"""Standards as files with their source: schemes of levels, risk-of-bias instruments, journals, checklists.

Read when they are first used, and checked then, so that a fault in one stops only what needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from small_evidence import ReviewError
from small_evidence.places import WORKFLOW

FOLDER = WORKFLOW / "standards"
INSTRUMENTS = "config/risk_of_bias"  # where a review keeps instruments of its own
CHECKLISTS = ("prisma2020_checklist", "swim", "prisma_lsr")
ANSWERED = ("run", "partly", "authors")  # who answers an item of a checklist
INSTRUMENT_KEYS = ("id", "label", "version", "source", "confidence", "unit", "designs", "overall")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times as fast where libyaml is there


@dataclass(frozen=True)
class Standards:
    """The standards of a folder.

    Attributes
    ----------
    folder : Path; holds levels.yaml, journal_figures.yaml, the checklists and risk_of_bias/*.yaml
    own : Path; further risk-of-bias instruments, those of a review, in YAML files of the same form
    """

    folder: Path = FOLDER
    own: Path | None = None

    @cached_property
    def levels(self) -> Mapping[str, Any]:
        """Schemes of levels of evidence: `default`, `overrides_written_in`, `schemes`; see `read_schemes`."""
        return read_schemes(self.folder / "levels.yaml")

    @cached_property
    def instruments(self) -> Mapping[str, Mapping[str, Any]]:
        """Risk-of-bias instruments by id."""
        return read_instruments(self.folder / "risk_of_bias", *([self.own] if self.own else []))

    @cached_property
    def journals(self) -> Mapping[str, Any]:
        """Presets of figures by name."""
        presets: Mapping[str, Any] = _read(self.folder / "journal_figures.yaml")["presets"]
        return presets

    @cached_property
    def checklists(self) -> list[Mapping[str, Any]]:
        """Reporting checklists in the order in which they are written."""
        return read_checklists(self.folder / f"{name}.yaml" for name in CHECKLISTS)


def read_schemes(path: str | Path) -> dict[str, Any]:
    """Schemes of levels of evidence.

    Returns
    -------
    dict with `default`, `overrides_written_in` and `schemes` (scheme id -> title, citation, confidence, note,
    order, levels, designs, judgements), levels best first

    Raises
    ------
    ReviewError: a design or judgement points to a level or design that its scheme does not have
    """
    standard: dict[str, Any] = _read(path)
    errors = []
    for name, scheme in standard["schemes"].items():
        if set(scheme["order"]) != set(scheme["levels"]):
            errors.append(f"{name}: order and levels do not name the same levels")
        errors += [
            f"{name}: {design} -> {level}, which is no level of this scheme"
            for design, level in scheme["designs"].items()
            if level not in scheme["order"]
        ]
        errors += [
            f"{name}: {design} is called a judgement but has no level"
            for design in scheme["judgements"]
            if design not in scheme["designs"]
        ]
    errors += [
        f"{key}: {standard[key]} is none of {', '.join(standard['schemes'])}"
        for key in ("default", "overrides_written_in")
        if standard[key] not in standard["schemes"]
    ]
    if errors:
        raise ReviewError(f"{path}: " + "; ".join(errors))
    return standard


def standards_of(folder: str | Path = ".") -> Standards:
    """The standards of this version with the instruments of the review in a folder."""
    return Standards(own=Path(folder) / INSTRUMENTS)


def read_instruments(*folders: str | Path) -> dict[str, dict[str, Any]]:
    """Risk-of-bias instruments by id, from the YAML files of folders.

    Raises
    ------
    ReviewError: a file lacks a needed key, or two have one id
    """
    instruments: dict[str, dict[str, Any]] = {}
    for path in [path for folder in folders for path in sorted(Path(folder).glob("*.yaml"))]:
        instrument = _read(path)
        missing = [key for key in INSTRUMENT_KEYS if key not in instrument]
        missing += [] if ("items" in instrument) != ("domains" in instrument) else ["either items or domains"]
        if missing:
            raise ReviewError(f"{path.name}: lacks {', '.join(missing)}")
        if instrument["id"] in instruments:
            raise ReviewError(f"{path.name}: a second instrument named {instrument['id']}")
        instruments[instrument["id"]] = instrument
    return instruments


def read_checklists(paths: Iterable[str | Path]) -> list[Mapping[str, Any]]:
    """Reporting checklists from their files.

    Raises
    ------
    ReviewError: an item says it is answered by the run without words, by the authors with words, or in another way
    """
    made, errors = [], []
    for path in paths:
        checklist = _read(path)
        for item in checklist["items"]:
            who = item.get("answered")
            if who not in ANSWERED or (who == "authors") == ("says" in item):
                words = "with" if "says" in item else "no"
                errors.append(f"{path}, item {item.get('id')}: answered is {who}, {words} words")
        made.append(checklist)
    if errors:
        raise ReviewError("; ".join(errors))
    return made


def _read(path: str | Path) -> Any:
    with Path(path).open(encoding="utf-8") as file:
        return yaml.load(file, Loader=_LOADER)
