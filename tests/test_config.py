"""The choices of a review: the page that lists them, and the remark on the scheme of levels."""

from pathlib import Path

import pytest
import yaml

from small_evidence import ReviewError
from small_evidence.config import FILE, complete_config, meanings, page, schema
from small_evidence.extraction.checks import refuse_unknown_names

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


# A wrong value of every key that has a closed list or a form, and the hint that its message gives
@pytest.mark.parametrize(
    ("section", "key", "value", "hint"),
    [
        ("review", "title", "", "empty; a text is needed"),
        ("review", "titel", "x", "nearest is title"),
        ("publication", "authors", [{"name": "A", "orcid": "1"}], "0000-0000-0000-0000"),
        ("publication", "authors", [{"orcid": "0000-0000-0000-0000"}], "without a name"),
        ("publication", "authors", [{"name": "A", "roles": ["Methodolgy"]}], "nearest is Methodology"),
        ("publication", "databases", "PubMed", "not of type array"),
        ("extraction", "require_adjudication", "maybe", "not of type boolean"),
        ("grading", "scheme", "modified_oxfrod", "nearest is modified_oxford"),
        ("synthesis", "method", "glm", "nearest is glmm"),
        ("synthesis", "interval", "hk", "profile_student"),  # of another method
        ("synthesis", "priors", {"bsd": 1}, "nearest is b_sd"),
        ("synthesis", "response", "compleet", "nearest is complete"),
        ("synthesis", "unit", "patients", "nearest is patient"),
        ("synthesis", "secondary_sources", "exlude", "nearest is exclude"),
        ("synthesis", "verified_only", "yes", "not of type boolean"),
        ("synthesis", "covariates", ["Dose mg"], "small letters"),
        ("synthesis", "covariates", ["dose", "dose"], "twice"),
        ("figures", "preset", "jaaad", "nearest is jaad"),
        ("figures", "preset", "bmj/singel", "nearest is bmj/single"),
        ("figures", "formats", ["jpg"], "nearest is png"),
        ("figures", "formats", [], "at least one"),
        ("figures", "order", "yaer", "nearest is year"),
        ("figures", "axis", [20, 0], "does not begin below its end"),
        ("figures", "columns", ["doses"], "nearest is dose"),
        ("figures", "flow_hide", ["database"], "nearest is databases"),
    ],
)
def test_a_wrong_choice_is_one_sentence_with_the_nearest(section, key, value, hint):
    with pytest.raises(ReviewError) as error:
        complete_config({section: {key: value}})
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"{FILE}, {section}: ")
    assert key in line
    assert hint in line


# Values that once hung or broke a run, and their neighbours; each is refused with the range that is allowed.
@pytest.mark.parametrize(
    ("section", "key", "value", "allowed"),
    [
        ("synthesis", "conf_level", 0.9999999999999999, "at least 0.5, at most 0.9999"),
        ("synthesis", "conf_level", 0.49, "at least 0.5, at most 0.9999"),
        ("synthesis", "conf_level", float("nan"), "nan is not a number"),
        ("synthesis", "min_studies", 1, "whole number, at least 2"),
        ("synthesis", "min_arm_size", 0, "whole number, at least 1"),
        ("synthesis", "time_point", float("inf"), "number, at least 0, at most 1200"),
        ("synthesis", "time_point", "lats", "`first`, `last` or number"),
        ("grading", "response_threshold", 1, "above 0, below 1"),
        ("grading", "response_threshold", 0, "above 0, below 1"),
        *(
            ("synthesis", "priors", {key: value}, "at least 0.01, at most 100")
            for key in ("b_sd", "tau_scale")
            for value in (1e6, 1e308, float("inf"), 0, 1e-300, -1)
        ),
    ],
)
def test_a_number_beyond_its_range_is_refused_with_the_range(section, key, value, allowed):
    with pytest.raises(ReviewError) as error:
        complete_config({section: {key: value}})
    assert f"{section}: {key}" in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("key", "given", "near"),
    [
        ("outcomes", ["clinical_respons"], "clinical_response"),
        ("outcome", "respnse", "response"),
        ("classes_not_combined", ["surgry"], "surgery"),
    ],
)
def test_a_name_that_no_table_has_is_refused_with_the_nearest(tables, key, given, near):
    policy = complete_config({})["synthesis"]
    refuse_unknown_names(policy, tables)
    with pytest.raises(ReviewError, match=f"synthesis: {key}: no table has .*, nearest is {near};"):
        refuse_unknown_names(policy | {key: given}, tables)
