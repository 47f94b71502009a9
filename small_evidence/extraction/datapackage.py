"""The description of the extraction tables for other programs: a Frictionless data package, made from the schema."""

from __future__ import annotations

import json

from small_evidence.extraction.schema import TABLES, allowed_words, check_cell, describe


def data_package(name: str, title: str, folder: str = "data/processed") -> str:
    """datapackage.json of a review, as JSON.

    Parameters
    ----------
    name : small letters, digits, - and _
    title : title of the review
    folder : where the tables lie, seen from the file

    References
    ----------
    Data Package (v1) of the Frictionless specifications. Fields are strings, since empty, NR and UNCLEAR stay apart.
    """
    resources = []
    for table, (_, key, _, row) in TABLES.items():
        fields = []
        for column in describe(table).to_dict("records"):
            field = {"name": column["column"], "type": "string", "description": column["meaning"]}
            if words := allowed_words(table, column["column"]):
                may_be_empty = not check_cell(table, column["column"], "")[1]
                field["constraints"] = {"enum": sorted({*words, ""} if may_be_empty else {*words} - {""})}
            fields.append(field)
        # an empty cell is text, "not applicable", and no missing value
        schema = {"fields": fields, "missingValues": [], "x-key": list(key)}
        resource = {
            "name": table.replace("_", "-"),
            "path": f"{folder}/{table}.csv",
            "profile": "tabular-data-resource",
        }
        resources.append(resource | {"description": f"One row per {row}.", "encoding": "utf-8", "schema": schema})
    package = {"name": name, "title": title, "profile": "tabular-data-package", "resources": resources}
    return json.dumps(package, ensure_ascii=False, indent=2) + "\n"
