"""The data package is valid by the reference implementation, for the tables of the bundled review too."""

import json

import frictionless

from small_evidence.extraction.datapackage import data_package
from small_evidence.extraction.schema import TABLES, columns
from small_evidence.review import save_csv


def test_the_package_and_every_table_in_it_are_valid(tables, tmp_path):
    (tmp_path / "data").mkdir()
    for name in TABLES:
        save_csv(tables[name], tmp_path / "data" / f"{name}.csv")
    (tmp_path / "datapackage.json").write_text(data_package("calcinosis", "A {title}", "data"), encoding="utf-8")
    report = frictionless.validate(str(tmp_path / "datapackage.json"))
    assert report.flatten(["rowNumber", "fieldName", "type", "note"]) == []
    assert report.valid
    assert report.stats["tasks"] == len(TABLES)


def test_a_word_that_the_schema_does_not_know_is_found(tables, tmp_path):
    """What shows that the check above can fail."""
    (tmp_path / "data").mkdir()
    for name in TABLES:
        save_csv(tables[name], tmp_path / "data" / f"{name}.csv")
    save_csv(tables["studies"].assign(status="lost"), tmp_path / "data" / "studies.csv")
    (tmp_path / "datapackage.json").write_text(data_package("calcinosis", "x", "data"), encoding="utf-8")
    found = frictionless.validate(str(tmp_path / "datapackage.json")).flatten(["fieldName", "type"])
    assert set(map(tuple, found)) == {("status", "constraint-error")}


def test_it_names_every_column():
    resources = json.loads(data_package("x", "x"))["resources"]
    found = {resource["name"]: [field["name"] for field in resource["schema"]["fields"]] for resource in resources}
    assert found == {name.replace("_", "-"): columns(name) for name in TABLES}
