"""The data package is valid by the reference implementation, for the tables of the bundled review too."""

import json

import frictionless
import pytest

from small_evidence.extraction.datapackage import data_package
from small_evidence.extraction.schema import TABLES, columns


@pytest.fixture
def validated(tmp_path):
    def validate(tables):
        path = tmp_path / "datapackage.json"
        path.write_text(data_package("A {title}", tables), encoding="utf-8")
        return frictionless.validate(str(path))

    return validate


def test_the_package_and_every_table_in_it_are_valid(tables, validated, tmp_path):
    report = validated(tables)
    assert report.flatten(["rowNumber", "fieldName", "type", "note"]) == []
    assert report.valid
    resources = frictionless.Package(str(tmp_path / "datapackage.json")).resources
    assert {one.name: len(one.read_rows()) for one in resources} == {
        name.replace("_", "-"): len(tables[name]) for name in TABLES
    }


def test_a_word_that_the_schema_does_not_know_is_found(tables, validated):
    """What shows that the check above can fail."""
    report = validated({**tables, "studies": tables["studies"].assign(status="lost")})
    assert set(map(tuple, report.flatten(["fieldName", "type"]))) == {("status", "constraint-error")}


def test_it_names_every_column_and_has_every_cell(tables):
    resources = json.loads(data_package("x", tables))["resources"]
    for resource, name in zip(resources, TABLES, strict=True):
        assert [field["name"] for field in resource["schema"]["fields"]] == columns(name)
        assert resource["data"] == [columns(name), *tables[name].to_numpy().tolist()]


def test_the_rule_writes_a_valid_package(copy_review):
    review = copy_review("tests/data/minimal")
    review.run("results/datapackage.json")
    report = frictionless.validate(str(review.path("results/datapackage.json")))
    assert report.valid
    assert report.stats["tasks"] == len(TABLES)
