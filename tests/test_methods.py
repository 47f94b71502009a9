"""The registry of methods is what the engine offers, what a configuration may choose and what the documents list."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from small_evidence.pooling import inverse_variance, proportions
from small_evidence.pooling.glmm import BOUNDS
from small_evidence.pooling.methods import ESTIMANDS, INTERVALS, MEASURES, METHODS
from small_evidence.presentation.references import METHODS as REFERENCES

ROOT = Path(__file__).parents[1]
CONFIGURABLE = [slug for slug, method in METHODS.items() if method.configurable]


def methods_table():
    """The table of docs/statistics.md, from the registry."""
    lines = [
        "| `method` | model | `estimate` is the proportion of | `interval`, the default first |",
        "|" + " --- |" * 4,
    ]
    for slug, method in METHODS.items():
        intervals = ", ".join(f"`{name}`" for name in method.intervals)
        lines.append(f"| `{slug}` | {method.label} | {ESTIMANDS[method.estimand]} | {intervals} |")
    return "\n".join(lines)


def test_registry_is_complete():
    for method in METHODS.values():
        assert method.estimand in ESTIMANDS
        assert set(method.intervals) <= set(INTERVALS)
        assert set(method.citations) <= set(REFERENCES)
        assert not method.module or callable(import_module(method.module).fit)
    assert {name for interval in INTERVALS.values() for name in interval.citations} <= set(REFERENCES)


def test_engine_offers_what_is_registered():
    assert set(BOUNDS) == set(METHODS["glmm"].intervals)
    assert inverse_variance.INTERVALS == METHODS["inverse_variance"].intervals == METHODS["fixed"].intervals
    assert tuple(MEASURES) == inverse_variance.MEASURES
    assert METHODS["crude"].intervals == proportions.INTERVALS


def test_configuration_allows_what_is_registered():
    schema = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
    synthesis = schema["properties"]["synthesis"]
    assert synthesis["properties"]["method"]["enum"] == CONFIGURABLE
    allowed = {
        rule["if"]["properties"]["method"]["const"]: tuple(rule["then"]["properties"]["interval"]["enum"])
        for rule in synthesis["allOf"]
    }
    assert allowed == {slug: ("default", *METHODS[slug].intervals) for slug in CONFIGURABLE}


def test_document_lists_what_is_registered():
    assert methods_table() in (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", CONFIGURABLE)
def test_labels_name_no_slug(slug):
    assert "_" not in METHODS[slug].label + METHODS[slug].short_label
