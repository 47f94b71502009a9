"""A review of an earlier version under the choices and tables of this one.

Version 1 of the schema (releases 0.1.x) knew five outcomes and summed them all; they are a table of the review and a
choice of the config now. Its other columns are read as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from small_evidence import ReviewError
from small_evidence.config import FILE, RENAMED_KEYS, complete_config
from small_evidence.names import SCHEMA_VERSION
from small_evidence.places import WORKFLOW

OUTCOMES = Path("data/raw/outcomes.csv")
OUTCOMES_OF_1 = WORKFLOW / "standards/outcomes_schema_1.csv"  # the vocabulary that version 1 had built in
RESPONSE = "response"  # the row of these whose words name them all together
KEPT = "config/config-schema-{}.yaml"  # the config as it was
REPORT = "migration.csv"


class Step(NamedTuple):
    """One change: the file and the place in it, what stood there before and after, and why."""

    file: str
    place: str
    before: str
    after: str
    reason: str


class _Edit(NamedTuple):
    """Text to put in the place of what stands between two positions of the config."""

    start: int
    end: int
    text: str
    step: Step


def migrate(folder: Path) -> list[Step]:
    """Bring a review to the present version of the schema; its raw tables stay as they are, and the old config is kept.

    Returns
    -------
    list of Step, empty where there is nothing to do; they are written to REPORT too

    Raises
    ------
    ReviewError: the config cannot be read, or is not allowed after the changes either; nothing is written then
    """
    from pandas import DataFrame

    from small_evidence.review import save_csv
    from small_evidence.saving import save_bytes

    path = folder / FILE
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    version = schema_version(old)
    if version == SCHEMA_VERSION:
        return []
    new, steps = migrated(old)
    complete_config(yaml.safe_load(new))
    if not (folder / OUTCOMES).exists():
        save_bytes(OUTCOMES_OF_1.read_bytes(), folder / OUTCOMES)
        reason = "the outcomes of version 1 with their words, a table of the review now"
        steps.append(Step(OUTCOMES.as_posix(), "table", "", "a row an outcome", reason))
    save_bytes(old.encode("utf-8"), folder / KEPT.format(version))
    save_bytes(new.encode("utf-8"), path)
    save_csv(DataFrame(steps, columns=list(Step._fields)), folder / REPORT)
    return steps


def schema_version(config: str) -> int:
    """The version of the schema that a config is written for: 1 where a key has a name of that version.

    Raises
    ------
    ReviewError: the text is not YAML
    """
    try:
        given = yaml.safe_load(config) or {}
    except yaml.YAMLError as error:
        raise ReviewError(f"{FILE}: not readable as YAML: {' '.join(str(error).split())}") from error
    sections = {name: part for name, part in given.items() if isinstance(part, dict)} if isinstance(given, dict) else {}
    renamed = (old in sections.get(section, {}) for section, keys in RENAMED_KEYS.items() for old in keys)
    return 1 if any(renamed) else SCHEMA_VERSION


def migrated(config: str) -> tuple[str, list[Step]]:
    """A config of version 1 as one of this version, its comments and its order kept, with what was changed."""
    root = yaml.compose(config)
    parts = root.value if isinstance(root, yaml.MappingNode) else []
    sections = {key.value: part for key, part in parts if isinstance(part, yaml.MappingNode)}
    edits = sorted([*_renamed(sections), *_other_interval(sections), *_all_outcomes(sections)])
    for edit in reversed(edits):
        config = config[: edit.start] + edit.text + config[edit.end :]
    return config, [edit.step for edit in edits]


def _renamed(sections: dict[str, yaml.MappingNode]) -> Iterator[_Edit]:
    for section, names in RENAMED_KEYS.items():
        for key, _ in sections[section].value if section in sections else []:
            if key.value in names:
                new = names[key.value]
                step = Step(FILE, section, key.value, new, "the key has another name")
                yield _Edit(key.start_mark.index, key.end_mark.index, new, step)


def _other_interval(sections: dict[str, yaml.MappingNode]) -> Iterator[_Edit]:
    """The interval of version 1 was neither symmetric nor continuous; the default of the method takes its place."""
    for key, value in sections["synthesis"].value if "synthesis" in sections else []:
        if key.value == "interval" and value.value == "profile_calibrated":
            reason = "this interval is no longer offered; limits of pooled results change (docs/statistics.md)"
            step = Step(FILE, "synthesis: interval", value.value, "default", reason)
            yield _Edit(value.start_mark.index, value.end_mark.index, "default", step)


def _all_outcomes(sections: dict[str, yaml.MappingNode]) -> Iterator[_Edit]:
    """Version 1 summed every outcome; without this choice only the first of the table would be pooled."""
    if "synthesis" not in sections:
        raise ReviewError(f"{FILE}: no section synthesis, which every review of version 1 has")
    part = sections["synthesis"]
    slugs = [line.split(",")[0] for line in OUTCOMES_OF_1.read_text(encoding="utf-8").splitlines()[1:]]
    named = f"[{', '.join(slug for slug in slugs if slug != RESPONSE)}]"
    reason = "all outcomes counted as one response, and still do; name fewer to pool fewer"
    step = Step(FILE, "synthesis: outcomes", "", named, reason)
    start = part.value[0][0].start_mark  # the first key of the section
    after = ", " if part.flow_style else f"\n{' ' * start.column}"
    yield _Edit(start.index, start.index, f"outcomes: {named}{after}outcome: {RESPONSE}{after}", step)
