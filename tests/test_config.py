"""The choices of a review: the page that lists them, and the remark on the scheme of levels."""

from pathlib import Path

import pytest
import yaml

from small_evidence import ReviewError
from small_evidence.config import FILE, complete_config, meanings, page, schema

PROJECT = Path(__file__).parents[1]


def keys(config, name=""):
    """Dotted names of all choices that are no section."""
    for key, value in config.items():
        if isinstance(value, dict) and value and key != "class_labels":
            yield from keys(value, f"{name}{key}.")
        else:
            yield f"{name}{key}"


def test_the_page_is_that_of_the_schema():
    assert (PROJECT / "config/README.md").read_text(encoding="utf-8") == page()


def test_the_page_has_each_key_once_with_its_default():
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    defaults = complete_config({})
    assert sorted(row[0].strip("| `") for row in rows) == sorted(keys(defaults))
    for name, shown in ((row[0].strip("| `"), row[1].strip("`")) for row in rows):
        value = defaults
        for part in name.split("."):
            value = value[part]
        assert value in ("", [], {}) if shown == "empty" else yaml.safe_load(shown) == value, name


def test_each_key_has_a_meaning():
    assert set(keys(complete_config({}))) <= set(meanings())


def test_the_schema_refuses_unknown_keys_in_every_section():
    sections = [schema(), *(part for part in schema()["properties"].values() if "properties" in part)]
    assert all(part["additionalProperties"] is False for part in sections)


def test_marks_of_order_and_halves_of_signs_are_refused_with_the_key():
    given = {"review": {"title": "a\u202eb", "class_labels": {"drugs": "\ud800"}}, "figures": {"columns": ["\u2066"]}}
    with pytest.raises(ReviewError) as error:
        complete_config(given)
    found = [line.rpartition(": ")[0] for line in str(error.value).splitlines() if "cannot be printed" in line]
    assert found == [
        f"{FILE}, {place}" for place in ("review: title", "review: class_labels: drugs", "figures: columns")
    ]
