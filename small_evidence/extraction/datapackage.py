"""The checked tables for other programs: one Frictionless data package, described by the schema, with every row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.defaults import slug
from small_evidence.extraction.schema import TABLES, allowed_words, check_cell, describe
from small_evidence.names import SCHEMA_VERSION


def data_package(title: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """datapackage.json of a review, as JSON; the rows are in the file, since a path out of its folder is not allowed.

    Parameters
    ----------
    title : title of the review
    tables : the checked tables by name

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
        rows = [list(tables[table].columns), *tables[table].to_numpy().tolist()]
        about = {"name": table.replace("_", "-"), "profile": "tabular-data-resource"}
        resources.append(about | {"description": f"One row per {row}.", "schema": schema, "data": rows})
    name = slug(title).replace("_", "-") or "review"
    package: dict[str, Any] = {
        "name": name,
        "title": title,
        "profile": "tabular-data-package",
        "x-schema-version": SCHEMA_VERSION,
    }
    package["resources"] = resources
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"
