"""The way back from a number: response rows as they were extracted, and what other choices would have given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, LABELS, numbers
from small_evidence.reasons import arm_reason, not_pooled_reason
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.policy import counted_column
from small_evidence.tables.parts import POOLED, RESPONSE, counts_head, outcome_label, pooled_column, tau2_words
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTHING,
    VARIANTS,
    all_of,
    cell,
    coverage,
    estimate,
    fraction,
    interval,
    interval_label,
    joined,
    measure_label,
    method_label,
    missing,
    word,
)


def row_table(review: Review, responses: pd.DataFrame, *, name: str, title: str) -> Table:
    """Response rows as they were extracted: where each is, what it says, whether it is used, where it was read.

    Parameters
    ----------
    review : with the result places
    responses : DataFrame; the rows to show of that extraction table
    name, title : of the table
    """
    short = review.labels.disease_short
    studies = {row["study_id"]: row for row in review["studies"].to_dict("records")}
    place_of, used = places_of(review["places"], "responses"), _used(review)
    counts = numbers(responses[counted_column(review.policy)]), numbers(responses["n"])
    rows = []
    for row, x, n in zip(responses.to_dict("records"), *counts, strict=True):
        study, response = row["study_id"], row["response_id"]
        if studies[study]["status"] == "excluded":
            role = f"no: study excluded, {cell(studies[study]['status_reason'])}"
        else:
            role = used.get(response) or f"no: {_why(row)}"
        defined = f"defined as: {cell(row['response_definition'])}"
        rows.append(
            {
                "about": {"id": f"row-{response}", "study": study, "response": response, "therapy": row["therapy"]},
                "Row": place_of.get(response, NOTHING),
                "Name of the row": response,
                "Study": review.labels.study.get(study, study),
                "Disease": short.get(row["disease"], cell(row["disease"])),
                "Outcome": f"{outcome_label(row['outcome'], review)} ({word('unit', row['unit'])}), {defined}",
                RESPONSE: "NR" if missing(x) and missing(n) else fraction(x, n),
                "Used": role,
                "Known from": f"{word('evidence_basis', row['evidence_basis'])}, confidence "
                + word("confidence", row["confidence"]),
                "Source": cell(row["source"]),
                "Where in it": cell(row["location"]),
                "What it says, in other words": cell(row["paraphrase"]),
            }
        )
    columns = (
        Column("Row", 15),
        Column("Study", 15),
        Column("Disease", 8),
        Column("Outcome", 22),
        Column(RESPONSE, 11, "right", heading=counts_head(review)),
        Column("Used", 18),
        Column("Known from", 10),
        Column("Source", 24),
        Column("Where in it", 10),
        Column("What it says, in other words", 34),
        Column("Name of the row", 18),
    )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table(name, "", title, frame, columns, about=tuple(row["about"] for row in rows))


def _used(review: Review) -> dict[str, str]:
    """Whether each response row is in the analysis of its therapy over all diseases, or why not."""
    arms = review["arms"]
    whole: list[Any] = arms[(arms["scope"] == "therapy") & (arms["disease"] == ALL)].to_dict("records")
    return {
        response: "yes" if arm["entered"] == "yes" else f"no: {arm_reason(arm, review)}"
        for arm in whole
        for response in arm["response_ids"].split(";")
    }


def _why(response: Mapping[Any, Any]) -> str:
    """Why a row is in no analysis: in the words of its extractor, else of its code."""
    return response["pool_reason"] or LABELS["pool_reason_code"].get(response["pool_reason_code"]) or "further outcome"


def places_of(places: pd.DataFrame, table: str) -> dict[str, str]:
    """Where each row of a table is, in words: "data/raw/responses.csv, row 5"."""
    own: Iterable[Any] = places[places["table"] == table].fillna("").itertuples()
    return {
        place.id: joined([place.file, *([f"sheet {place.sheet}"] if place.sheet else []), f"row {place.row:.0f}"], ", ")
        for place in own
    }


def sensitivity_table(review: Review) -> Table:
    """Results of other methods, fewer studies and other choices, beside the result itself."""
    rows: list[dict[str, Any]] = []
    for analysis in review.analyses.values():
        if analysis.variants.empty:
            continue
        main: dict[str, Any] = {**analysis.result, "variant": "", "change": ""}
        lines: list[Any] = [main, *analysis.variant_rows]
        for line in lines:
            rows.append(
                {
                    "about": {"analysis": analysis.name},
                    "Analysis": _name(analysis, review),
                    "What is changed": VARIANTS[line["variant"]] if line["variant"] else "Primary analysis",
                    "To": _change(line, review),
                    "Studies": int(line["k"]),
                    RESPONSE: fraction(line["events"], line["n"]) if line["k"] else NOTHING,
                    POOLED: estimate(line["estimate"], line["ci_lb"], line["ci_ub"])
                    if line["pooled"] == "yes"
                    else f"not pooled: {not_pooled_reason(line, review)}",
                    "Interval": NOTHING if missing(line["interval"]) else interval_label(line["interval"]),
                    "tau²": tau2_words(line),
                    "Prediction interval, %": interval(line["pi_lb"], line["pi_ub"]),
                }
            )
    columns = (
        Column("What is changed", 20),
        Column("To", 30),
        Column("Studies", 8, "center"),
        Column(RESPONSE, 15, "right", heading=counts_head(review)),
        pooled_column(review, 18, "right"),
        Column("Interval", 26),
        Column("tau²", 11, "right", heading=f"tau² [{coverage(review.conf_level)} CI]"),
        Column("Prediction interval, %", 14, "right"),
    )
    frame = pd.DataFrame(rows, columns=["Analysis", *(column.name for column in columns)])
    notes = (
        "The pooled value is that of the median study in random-effects models on the logit scale, of the mean study "
        "in the beta-binomial model, and the common proportion in the others.",
    )
    return Table(
        "sensitivity", "", "Sensitivity of the results: other methods, fewer studies, other choices", frame, columns,
        group="Analysis", footnotes=notes, about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _name(analysis: Analysis, review: Review) -> str:
    group = analysis.scope == "class"
    name = all_of(review.labels.therapy_class[analysis.therapy]) if group else review.labels.therapy[analysis.therapy]
    return name if analysis.disease == ALL else f"{name}, {review.labels.disease_short[analysis.disease]}"


def _change(line: Mapping[Any, Any], review: Review) -> str:
    """To what a variant changes the analysis: the study left out, the year reached, the size, the model."""
    if line["variant"] == "method":
        return _method(line)
    if line["variant"] == "cumulative":
        return f"studies up to {line['change']}" if line["change"] else "year not reported"
    if line["variant"] == "arm_size":
        return f"{line['change']} or more {word('unit', review.policy['unit'])}"
    return review.labels.study.get(line["change"]) or NOTHING


def _method(line: Mapping[Any, Any]) -> str:
    """The model of a line with its scale and its estimator of the variance between studies."""
    words = [method_label(line["method"])]
    words += [] if missing(line["measure"]) else [measure_label(line["measure"])]
    words += [] if missing(line["tau2_method"]) or line["method"] == "fixed" else [f"tau² by {line['tau2_method']}"]
    return ", ".join(words)
