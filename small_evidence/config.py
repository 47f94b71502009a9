"""The choices of a review: config/config.yaml with a default for every key, checked before anything runs.

Names, allowed values and defaults are those of workflow/schemas/config.schema.yaml. No pandas here: the Snakefile reads
the choices at every start.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from small_evidence import ReviewError, shown

FILE = "config/config.yaml"
SCHEMA = Path(__file__).parents[1] / "workflow/schemas/config.schema.yaml"

# Keys that had another name in version 0.1.0: old name and new, by section.
RENAMED_KEYS = {
    "grading": {"reference_line": "response_threshold"},
    "synthesis": {"least_studies": "min_studies", "least_arm": "min_arm_size", "level": "conf_level"},
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_config(folder: str | Path = ".") -> dict[str, Any]:
    """The choices of the review in a folder, complete; a folder without config/config.yaml has the defaults.

    Raises
    ------
    ReviewError: the file is not YAML, or a choice is not allowed
    """
    path = Path(folder) / FILE
    if not path.exists():
        return complete_config({})
    try:
        given = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ReviewError(f"{FILE}: not readable as YAML: {' '.join(str(error).split())}") from error
    return complete_config(given or {})


def complete_config(given: Mapping[str, Any]) -> dict[str, Any]:
    """The choices with a default where a key is missing.

    Raises
    ------
    ReviewError: every choice that is not allowed, with what is, and every key that has another name now
    """
    if not isinstance(given, Mapping):
        raise ReviewError(f"{FILE}: sections with keys are needed (title: ...), not {shown(given)}")
    errors = [*_renamed(given), *_errors(_filled(given, schema()), schema())]
    if errors:
        raise ReviewError("\n".join(f"{FILE}, {error}" for error in errors))
    return _filled(given, schema())


def with_present_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of an older version under the names that its keys have now, complete."""
    renamed = {
        section: {RENAMED_KEYS.get(section, {}).get(key, key): value for key, value in choices.items()}
        for section, choices in config.items()
    }
    return _filled(renamed, schema())


def meanings() -> dict[str, str]:
    """What each choice means, by its dotted name such as "synthesis.min_studies"."""

    def collect(part: Mapping[str, Any], name: str) -> dict[str, str]:
        found = {name: part["description"]} if "description" in part else {}
        for key, inner in part.get("properties", {}).items():
            found |= collect(inner, f"{name}.{key}".removeprefix("."))
        return found

    return collect(schema(), "")


@cache
def schema() -> Mapping[str, Any]:
    """The JSON schema of the choices."""
    loaded: Mapping[str, Any] = yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=_LOADER)
    return loaded


def _filled(given: Any, part: Mapping[str, Any]) -> Any:
    """`given` with the defaults of the schema where it has no value."""
    if part.get("type") != "object" or not isinstance(given, Mapping):
        return copy.deepcopy(given)
    properties = part.get("properties", {})
    filled = {key: copy.deepcopy(value) for key, value in given.items() if key not in properties}
    for key, inner in properties.items():
        if given.get(key) is None:
            inner_default = {} if "properties" in inner else inner.get("default")
            filled[key] = _filled(inner_default, inner)
        else:
            filled[key] = _filled(given[key], inner)
    return filled


def _renamed(config: Mapping[str, Any]) -> Iterator[str]:
    for section, renamed in RENAMED_KEYS.items():
        choices = config.get(section)
        for old, new in renamed.items():
            if isinstance(choices, Mapping) and old in choices:
                yield f"{section}: {old} is now called {new}"


def _errors(config: Mapping[str, Any], rules: Mapping[str, Any]) -> Iterator[str]:
    """What is not allowed, one sentence each, by place in the file."""
    from jsonschema import Draft202012Validator  # half the time of this module's import

    for error in sorted(Draft202012Validator(rules).iter_errors(config), key=lambda error: list(map(str, error.path))):
        place = ": ".join(map(str, error.path)) or "the file"
        if error.validator == "additionalProperties":
            allowed = list(error.schema.get("properties", {}))
            for key in error.instance:
                if key not in allowed and key not in RENAMED_KEYS.get(str(error.path[-1]) if error.path else "", {}):
                    yield f"{place}: no key {shown(key)}{_nearest(key, allowed)}; keys are {', '.join(allowed)}"
        elif error.validator in ("enum", "const"):
            allowed = error.validator_value if error.validator == "enum" else [error.validator_value]
            near = _nearest(error.instance, allowed)
            yield f"{place}: {shown(error.instance)} is not allowed{near}; allowed: {', '.join(map(str, allowed))}"
        elif error.validator == "type":
            yield f"{place}: {shown(error.instance)} is not of type {error.validator_value}"
        else:
            yield f"{place}: {error.message}"


def _nearest(value: object, allowed: list) -> str:
    found = difflib.get_close_matches(str(value).lower(), [str(word) for word in allowed], n=1)
    return f", nearest is {found[0]}" if found else ""
