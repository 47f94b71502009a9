"""The choices of a review: config/config.yaml with a default for every key, checked before anything runs.

Names, allowed values and defaults are those of workflow/schemas/config.schema.yaml. No pandas here: the Snakefile reads
the choices at every start.
"""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from small_evidence import ReviewError, shown, unprintable
from small_evidence.places import WORKFLOW
from small_evidence.standards import Standards

FILE = "config/config.yaml"
SCHEMA = WORKFLOW / "schemas/config.schema.yaml"

# Keys that had another name in version 0.1.0: old name and new, by section.
RENAMED_KEYS = {
    "grading": {"reference_line": "response_threshold"},
    "synthesis": {"least_studies": "min_studies", "least_arm": "min_arm_size", "level": "conf_level"},
}
# Words for a rule of the schema whose own message names no reader's term
MISSING = {
    "minLength": "empty; a text is needed",
    "minItems": "empty; at least one is needed",
    "uniqueItems": "one of the list is there twice",
    "required": "without a name",
}
LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
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
    filled: dict[str, Any] = _filled(given, schema())
    renamed = list(_renamed(given))
    errors = [*_unprintable(given), *renamed, *_errors(filled, schema()), *_wrong_figures(filled["figures"])]
    if errors:
        way = ["Written for an earlier version; `small-evidence migrate` brings it to this one."] if renamed else []
        raise ReviewError("\n".join([*(f"{FILE}, {error}" for error in errors), *way]))
    return filled


def with_present_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of an older version under the names that its keys have now; what it does not name is not there."""
    return {
        section: {RENAMED_KEYS.get(section, {}).get(key, key): value for key, value in choices.items()}
        for section, choices in config.items()
    }


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of an older version with a default where a key is missing, not checked."""
    filled: dict[str, Any] = _filled(config, schema())
    return filled


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


def _unprintable(given: Any, place: str = "") -> Iterator[str]:
    """Keys and texts that cannot be printed and numbers without end, by place in the file."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            if words := unprintable(str(key)):
                yield f"{place or 'the file'}: the key {words}"
            yield from _unprintable(value, f"{place}: {shown(key)[1:-1]}".removeprefix(": "))
    elif isinstance(given, list):
        for value in given:
            yield from _unprintable(value, place)
    elif isinstance(given, str) and (words := unprintable(given)):
        yield f"{place}: {words}"
    elif isinstance(given, float) and not math.isfinite(given):
        yield f"{place}: {given} is not a number to compute with"


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
        elif error.validator == "pattern":
            yield f"{place}: {shown(error.instance)} is not of the form {error.schema['description']}"
        elif error.validator in MISSING:
            yield f"{place}: {MISSING[error.validator]}"
        elif error.validator == "type":
            yield f"{place}: {shown(error.instance)} is not of type {error.validator_value}"
        elif error.validator in LIMITS:
            yield f"{place}: {error.instance} is not allowed; allowed: {_range(error.schema)}"
        elif error.validator == "anyOf":
            yield f"{place}: {shown(error.instance)} is not allowed; allowed: {_values('', error.schema)}"
        else:
            yield f"{place}: {error.message}"


def _wrong_figures(choices: object) -> Iterator[str]:
    """A preset that is not there, and an axis that ends where it begins or before."""
    if not isinstance(choices, Mapping):
        return
    preset, axis = choices.get("preset"), choices.get("axis")
    presets = Standards().journals
    allowed = [*presets, *(f"{name}/{width}" for name in presets for width in _widths(presets, name))]
    if isinstance(preset, str) and preset not in allowed:
        near = _nearest(preset, allowed)
        yield f"figures: preset: {shown(preset)} is not allowed{near}; allowed: {', '.join(allowed)}"
    ends = axis if isinstance(axis, list) and all(isinstance(end, (int, float)) for end in axis) else []
    if len(ends) == 2 and not ends[0] < ends[1]:
        yield f"figures: axis: {axis} does not begin below its end; allowed: such as [0, 20]"


def _widths(presets: Mapping[str, Any], name: str) -> Mapping[str, float]:
    """Widths of a preset, or of the one that it is made from."""
    widths: Mapping[str, float] = presets[name].get("widths_mm") or _widths(presets, presets[name]["inherits"])
    return widths


def _nearest(value: object, allowed: Iterable[object]) -> str:
    found = difflib.get_close_matches(str(value).lower(), [str(word) for word in allowed], n=1)
    return f", nearest is {found[0]}" if found else ""


# The page config/README.md ------------------------------------------------------------------------------------

PAGE = """# The choices of a review

Generated from `workflow/schemas/config.schema.yaml` by `python -m small_evidence.config > config/README.md`; a test
fails when this page is older.

`config/config.yaml` contains the choices of the review. A key that is not there has its default. A value that is not
allowed stops the run before anything is written, and the message names the nearest allowed value. To change some
choices for one run, write them to another file: `snakemake --configfile other.yaml`. On the command line everything
inside braces is text (`--config 'synthesis={{method: bayes, interval: credible}}'`), so `true`, `false` and numbers
are refused there.

| key | default | values | meaning |
|---|---|---|---|
{rows}

The pooling methods and their intervals are described in [docs/statistics.md](../docs/statistics.md), the coverage of
the intervals in [benchmarks/coverage.md](../benchmarks/coverage.md), the schemes of levels in
[workflow/standards/levels.yaml](../workflow/standards/levels.yaml).
"""


def page() -> str:
    """config/README.md: every key with its default, its values and its meaning."""
    rows = [
        f"| `{name}` | {_default(rules)} | {_values(name, rules)} | {rules['description']} |"
        for name, rules in _keys(schema())
    ]
    return PAGE.format(rows="\n".join(rows))


def _keys(part: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Keys that take a value, by their dotted name, with what the schema says of each."""
    for key, inner in part.get("properties", {}).items():
        if "properties" in inner:
            yield from _keys(inner, f"{name}{key}.")
        else:
            yield f"{name}{key}", inner


def _default(rules: Mapping[str, Any]) -> str:
    value = rules["default"]
    written = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
    return "empty" if value in ("", [], {}) else f"`{written}`"


def _values(name: str, rules: Mapping[str, Any]) -> str:
    if name == "synthesis.interval":
        by_method = schema()["properties"]["synthesis"]["allOf"]
        return "; ".join(
            f"{rule['if']['properties']['method']['const']}: {_words(rule['then']['properties']['interval']['enum'])}"
            for rule in by_method
        )
    if "anyOf" in rules:
        return " or ".join(_values(name, one) for one in rules["anyOf"])
    if "enum" in rules:
        return _words(rules["enum"])
    if "properties" in rules:
        return " with ".join(["entries", ", ".join(f"`{key}`" for key in rules["properties"])])
    kinds = {"boolean": "`true`, `false`", "string": "text", "object": "slug: text"}
    if rules["type"] == "array":
        return f"list of {_values(name, rules['items'])}"
    return kinds.get(rules["type"]) or _range(rules)


def _words(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _range(rules: Mapping[str, Any]) -> str:
    """Limits of a number in words.

    >>> _range({"type": "integer", "minimum": 2}), _range({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
    ('whole number, at least 2', 'number, above 0, at most 1')
    """
    parts = [f"{words} {rules[key]:g}" for key, words in LIMITS.items() if key in rules]
    return ", ".join(["whole number" if rules["type"] == "integer" else "number", *parts])


if __name__ == "__main__":
    print(page(), end="")
