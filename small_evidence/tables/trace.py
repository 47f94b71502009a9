"""The way back from a number: response rows as they were extracted, and what other choices would have given."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.schema import ALL, numbers
from small_evidence.synthesis.analyses import over_all
from small_evidence.synthesis.trace import counted_column
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTHING,
    all_of,
    cell,
    class_label,
    estimate,
    fraction,
    interval,
    interval_label,
    joined,
    labels_of,
    measure_label,
    method_label,
    missing,
    short_labels,
    with_labels,
    word,
)

CHANGED = {"leave one out": "one study left out", "cumulative": "studies up to", "method": "method"}


def row_table(
    name: str,
    title: str,
    responses: pd.DataFrame,
    arms: pd.DataFrame,
    studies: pd.DataFrame,
    diseases: pd.DataFrame,
    places: pd.DataFrame,
    policy: Mapping,
) -> Table:
    """Response rows as they were extracted: where each stands, what it says, whether it is used, where it was read.

    Parameters
    ----------
    name, title : str; of the table
    responses : DataFrame; the rows to show of that extraction table
    arms : DataFrame of `synthesis.select_arms`
    studies, diseases : extraction tables
    places : DataFrame of `extraction.read_places`
    policy : mapping; the section `synthesis` of the config
    """
    study_labels, short = labels_of(studies, "study_id"), short_labels(diseases)
    excluded = dict(studies.loc[studies["status"] == "excluded", ["study_id", "status_reason"]].to_numpy())
    place_of = places_of(places, "responses")
    used = {
        response: "yes" if arm.entered == "yes" else f"no: {with_labels(arm.reason, study_labels)}"
        for arm in over_all(arms).itertuples()
        for response in arm.response_ids.split(";")
    }
    counts = numbers(responses[counted_column(policy)]), numbers(responses["n"])
    rows = []
    for row, x, n in zip(responses.itertuples(), *counts, strict=True):
        if row.study_id in excluded:
            role = f"no: study excluded, {cell(excluded[row.study_id])}"
        else:
            role = used.get(row.response_id) or f"no: {row.pool_reason or 'further outcome'}"
        rows.append(
            {
                "about": {"id": f"row-{row.response_id}", "study": row.study_id},
                "Row": place_of.get(row.response_id, NOTHING),
                "Name of the row": row.response_id,
                "Study": study_labels.get(row.study_id, row.study_id),
                "Disease": short.get(row.disease, cell(row.disease)),
                "Outcome": f"{word('outcome', row.outcome)} ({word('unit', row.unit)}), defined as: "
                + cell(row.response_definition),
                "Responders/n (%)": "NR" if missing(x) and missing(n) else fraction(x, n),
                "Used": role,
                "Known from": f"{word('evidence_basis', row.evidence_basis)}, confidence "
                + word("confidence", row.confidence),
                "Source": cell(row.source),
                "Where in it": cell(row.location),
                "What it says, in other words": cell(row.paraphrase),
            }
        )
    columns = (
        Column("Row", 15),
        Column("Study", 15),
        Column("Disease", 8),
        Column("Outcome", 22),
        Column("Responders/n (%)", 11, "right"),
        Column("Used", 18),
        Column("Known from", 10),
        Column("Source", 24),
        Column("Where in it", 10),
        Column("What it says, in other words", 34),
        Column("Name of the row", 18),
    )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table(
        name, "", title, frame, columns, about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def places_of(places: pd.DataFrame, table: str) -> dict[str, str]:
    """Where each row of a table stands, in words: "data/raw/responses.csv, row 5"."""
    own = places[places["table"] == table].fillna("")
    return {
        place.id: joined([place.file, *[f"sheet {place.sheet}"] * bool(place.sheet), f"row {place.row}"], ", ")
        for place in own.itertuples()
    }


def sensitivity_table(
    sensitivity: pd.DataFrame,
    pooled: pd.DataFrame,
    studies: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    class_labels: Mapping[str, str],
    conf_level: float,
) -> Table:
    """What other methods, fewer studies and other choices give, beside the result itself.

    Parameters
    ----------
    sensitivity, pooled : DataFrames of `synthesis.sensitivity` and `synthesis.pool_arms`
    studies, therapies, diseases : extraction tables
    class_labels : mapping from the slug of a class to its label
    conf_level : float in (0, 1); coverage of the intervals
    """
    study_labels, therapy_labels = labels_of(studies, "study_id"), labels_of(therapies, "therapy")
    result = f"Pooled % [{conf_level:.0%} CI]"
    short = short_labels(diseases)
    names = {}
    for line in pooled.itertuples():
        whole = line.scope == "class"
        name = all_of(class_label(line.therapy, class_labels)) if whole else therapy_labels[line.therapy]
        names[line.analysis] = name if line.disease == ALL else f"{name}, {short[line.disease]}"
    main = pooled[pooled["analysis"].isin(sensitivity["analysis"])].assign(variant="nothing", change="")
    rows = []
    for line in pd.concat([main, sensitivity]).to_dict("records"):
        change = "" if missing(line["change"]) else str(line["change"])
        change = _method(line) if line["variant"] == "method" else study_labels.get(change, change)
        done = line["pooled"] == "yes"
        rows.append(
            {
                "about": {"analysis": line["analysis"]},
                "Analysis": names[line["analysis"]],
                "What is changed": CHANGED.get(line["variant"], line["variant"]),
                "To": change or NOTHING,
                "Studies": int(line["k"]),
                "Responders/n (%)": fraction(line["events"], line["n"]) if line["k"] else NOTHING,
                result: estimate(line["estimate"], line["ci_lb"], line["ci_ub"])
                if done
                else f"not pooled: {cell(line['reason'])}",
                "Interval": NOTHING if missing(line["interval"]) else interval_label(line["interval"]),
                "Prediction interval, %": interval(line["pi_lb"], line["pi_ub"]),
            }
        )
    order = list(names)
    rows.sort(key=lambda row: order.index(row["about"]["analysis"]))
    columns = (
        Column("What is changed", 20),
        Column("To", 30),
        Column("Studies", 8, "center"),
        Column("Responders/n (%)", 15, "right"),
        Column(result, 18, "right"),
        Column("Interval", 26),
        Column("Prediction interval, %", 14, "right"),
    )
    frame = pd.DataFrame(rows, columns=["Analysis", *(column.name for column in columns)])
    return Table(
        "sensitivity", "", "Other methods, fewer studies, other choices", frame, columns, group="Analysis",
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _method(line: Mapping) -> str:
    """The model of a line with its scale and its estimator of the variance between studies."""
    words = [method_label(line["method"])]
    words += [] if missing(line["measure"]) else [measure_label(line["measure"])]
    words += [] if missing(line["tau2_method"]) or line["method"] == "fixed" else [f"tau² by {line['tau2_method']}"]
    return ", ".join(words)
