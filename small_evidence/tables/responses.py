"""Table III, responses by treatment, and Table IV, level and response of every treatment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, LABELS, SILENT, numbers, rows_of
from small_evidence.reasons import arm_reason, not_pooled_reason, retraction_notes
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.patients import treated
from small_evidence.tables.awaiting import missing_counts_words
from small_evidence.tables.parts import (
    POOLED,
    RESPONSE,
    STUDIES_NOTE,
    Treatment,
    abbreviations,
    counts_head,
    disease_cell,
    exact_bounds,
    level_cell,
    level_note,
    model_notes,
    outcome_label,
    pooled_cell,
    pooled_column,
    pooled_marks,
    published_verdicts,
    response_cell,
    response_column,
    spread,
    studies_of,
    subject_column,
    tau2_words,
    time_span,
    treatments,
)
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    capital,
    cell,
    counted,
    coverage,
    fraction,
    ids_in,
    interval,
    joined,
    level_text,
    missing,
    number_or_nr,
    percent,
    word,
)

DEFINED = "Outcome defined as"
BOUNDS = "Interval"  # name of a column; its heading has the coverage
SECONDARY = "Based wholly or partly on counts known from a secondary source only (see Table III)."
STARRED = "* Study of which no arm is included in the analysis of all diseases."
Row = dict[str, Any]
Facts = Mapping[Any, Mapping[Any, Any]]  # response rows by their id
Bounds = Mapping[tuple[float, float], str]  # exact intervals in words, by counts


def table_iii(review: Review) -> Table:
    """Table III: responses by treatment, each study arm and then the pooled line or why there is none.

    Arms that are not included are listed with the reason, and so are further outcomes of the same studies.
    """
    studies, responses, marks = review["studies"], review["responses"], Marks()
    active = studies.loc[studies["status"] != "excluded", "study_id"]
    further = responses[(responses["primary_outcome"] != "yes") & responses["study_id"].isin(active)]
    further = further.assign(
        x=numbers(further["responders"]), n=numbers(further["n"]), response_ids=further["response_id"]
    )
    arms = review["arms"]
    bounds = exact_bounds([*arms["responders"], *further["x"]], [*arms["n"], *further["n"]], review.conf_level)
    facts = review.response_rows
    rows: list[Row] = []
    emphasised: list[int] = []
    for treatment in treatments(review):
        analysis = review.analysis_of(treatment.scope, treatment.slug)
        if analysis is None:
            continue
        if treatment.scope == "therapy":
            own = list(_arm_rows(analysis, review, facts, bounds))
            listed = {response for ids in analysis.arms["response_ids"] for response in ids_in(ids)}
            more = further[(further["therapy"] == treatment.slug) & ~further["response_id"].isin(listed)]
            for extra in rows_of(more):
                used = [facts[extra["response_id"]]]
                own.append(_arm_row(extra | {"responders": extra["x"]}, used, f"no: {_why(extra)}", review, bounds))
            rows += [{"Treatment": treatment.label} | row for row in own]
        for row in reversed(_result_rows(analysis, review, marks)):
            emphasised.append(len(rows))
            rows.append({"Treatment": treatment.label} | row)
    columns = (
        Column("Study", 21),
        Column("Disease", 10),
        Column("Outcome", 12),
        Column(DEFINED, 30),
        Column("Follow-up", 14),
        Column("Known from", 10),
        Column(RESPONSE, 14, "right", heading=counts_head(review)),
        _bounds_column(review, 13),
        Column("In the analysis", 27),
    )
    frame = pd.DataFrame(rows, columns=["Treatment", *(column.name for column in columns)])
    named = {disease for row in rows for disease in row["diseases"]}
    events = capital(review.response.noun_plural)
    notes = [
        *model_notes(review),
        f"{columns[7].title}: exact (Clopper-Pearson) for arms and sums, of the model for pooled values.",
        *_spread_note(review),
        "Known from: the abstract, the full text, or a secondary source (another publication that cites the study).",
        *marks.footnotes(),
        *abbreviations(named, review["diseases"]),
        NOTE_NR,
    ]
    return Table(
        "table_iii", "Table III", f"{events} by {review.subject.singular}", frame, columns, group="Treatment",
        emphasised=tuple(emphasised), footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def analysis_table(review: Review, analysis: Analysis) -> Table:
    """What one treatment or class gives, over all diseases and in each: the result, then the study arms included.

    Diseases with the same arms share their lines; links reach the first by the names of its analyses.

    Parameters
    ----------
    analysis : of the treatment or class over all diseases
    """
    marks = Marks()
    facts = review.response_rows
    counts: list[pd.DataFrame] = []
    alike: dict[tuple[str, ...], list[Analysis]] = {}
    for disease in (ALL, *review.diseases):
        found = review.analysis_of(analysis.scope, analysis.therapy, disease)
        if found is not None:
            counts.append(found.arms[["responders", "n"]])
            alike.setdefault(tuple(found.arms["response_ids"]), []).append(found)
    x, n = pd.concat(counts).to_numpy().T
    bounds = exact_bounds(x, n, review.conf_level)
    rows: list[Row] = []
    emphasised: list[int] = []
    for group in alike.values():
        first = group[0]
        title = joined(
            "All diseases" if one.disease == ALL else review.labels.disease_short[one.disease] for one in group
        )
        result = _result_rows(first, review, marks)
        for row in result:  # the spread of a pooled value
            row["In the analysis"] = row[DEFINED]
        result[-1]["about"] = {"response": ";".join(first.entered["response_ids"])}
        result[0]["about"] = result[0]["about"] | {"id": " ".join(f"analysis-{one.name}" for one in group)}
        emphasised += range(len(rows), len(rows) + len(result))
        rows += [{"Diseases": title} | row for row in (*result, *_arm_rows(first, review, facts, bounds))]
    columns = (
        Column("Study", 24),
        Column("Disease", 9),
        Column("Outcome", 13),
        Column("Known from", 11),
        Column(RESPONSE, 13, "right", heading=counts_head(review)),
        _bounds_column(review, 12),
        Column("In the analysis", 28),
    )
    frame = pd.DataFrame(rows, columns=["Diseases", *(column.name for column in columns)])
    notes = [*marks.footnotes(), *retraction_notes(review, analysis.arms["study_id"])]
    return Table(
        f"results-{analysis.scope}-{analysis.therapy}", "", f"{analysis.label}: results and study arms", frame, columns,
        group="Diseases", emphasised=tuple(emphasised), footnotes=tuple(notes),
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _arm_rows(analysis: Analysis, review: Review, facts: Facts, bounds: Bounds) -> Iterator[Row]:
    """The arms of an analysis, those that are included first, each group by year."""
    unknown = float("inf")
    by_year = sorted(analysis.arm_rows, key=lambda arm: unknown if missing(arm["year"]) else arm["year"])
    for arm in sorted(by_year, key=lambda arm: arm["entered"] != "yes"):
        used = [facts[response] for response in ids_in(arm["response_ids"]) if response in facts]
        role = "yes" if arm["entered"] == "yes" else f"no: {arm_reason(arm, review)}"
        if arm["reason"] != "other_unit":
            units = dict.fromkeys(row["unit"] for row in used if row["unit"] not in ("patient", *SILENT))
            role += "".join(f"; {word('unit', unit)}" for unit in units)
        yield _arm_row(arm, used, role, review, bounds)


def _arm_row(
    arm: Mapping[Any, Any], used: Sequence[Mapping[Any, Any]], role: str, review: Review, bounds: Bounds
) -> Row:
    """A line of one study arm, made of the response rows used."""
    study, x, n, short = arm["study_id"], arm["responders"], arm["n"], review.labels.disease_short
    return {
        "about": {"study": study, "response": arm["response_ids"]},
        "diseases": [row["disease"] for row in used],
        "Study": review.labels.study.get(study, study),
        "Disease": joined(short.get(row["disease"], cell(row["disease"])) for row in used),
        "Outcome": joined(outcome_label(row["outcome"], review) for row in used),
        DEFINED: joined(cell(row["response_definition"]) for row in used),
        "Follow-up": joined(_follow_up(row) for row in used),
        "Known from": joined(word("evidence_basis", row["evidence_basis"]) for row in used),
        RESPONSE: "NR" if missing(x) and missing(n) else fraction(x, n),
        BOUNDS: bounds.get((x, n), NOTHING),
        "In the analysis": role,
    }


def _follow_up(response: Mapping[Any, Any]) -> str:
    """Follow-up as given, and the months at which the outcome was counted where they are known."""
    given, typed = cell(response["follow_up"]), response["time_point_months"]
    if missing(typed) or typed in SILENT:
        return given
    months = f"{float(typed):g} {'month' if float(typed) == 1 else 'months'}"
    known = response["follow_up"] not in SILENT and given != months
    return f"{given} (counted at {months})" if known else months


def _why(response: Mapping[Any, Any]) -> str:
    """Why a row that is not the primary outcome is left out: in the words of its extractor, else of its code."""
    return response["pool_reason"] or LABELS["pool_reason_code"].get(response["pool_reason_code"]) or "further outcome"


def _result_rows(analysis: Analysis, review: Review, marks: Marks) -> list[Row]:
    """What an analysis gives: the pooled value and the sum, or why it is not pooled."""
    result = analysis.result
    blank = dict.fromkeys(("Disease", "Outcome", "Follow-up", "Known from", "In the analysis"), NOTHING)
    k = counted(int(result["k"]), "study", "studies")
    summed = {
        "Study": f"Summed, {k}" if analysis.pooled else f"Not pooled: {not_pooled_reason(result, review)}",
        DEFINED: NOTHING,
        RESPONSE: fraction(result["events"], result["n"]) if result["k"] else NOTHING,
        BOUNDS: interval(result["crude_ci_lb"], result["crude_ci_ub"]) if result["k"] else NOTHING,
    }
    lines = [summed]
    if analysis.pooled:
        pooled = {
            "Study": f"Pooled, {k}",
            DEFINED: spread(result),
            RESPONSE: percent(result["estimate"]) + "".join(pooled_marks(result, review, marks)),
            BOUNDS: interval(result["ci_lb"], result["ci_ub"]),
        }
        lines = [pooled, summed]
    return [{"about": {}, "diseases": []} | blank | line for line in lines]


def _bounds_column(review: Review, width: float) -> Column:
    return Column(BOUNDS, width, "right", heading=f"{coverage(review.conf_level)} CI, %")


def _spread_note(review: Review) -> list[str]:
    if not (review["pooled"]["pooled"] == "yes").any():
        return []
    return [
        "Between-study variance (tau², with its interval) is on the logit scale; a prediction interval shows the "
        "proportion expected in a further study."
    ]


def table_iv(review: Review) -> Table:
    """Table IV: level of evidence and response of every treatment, over all diseases and by disease.

    A row a treatment with at least one study that is not excluded, in the groups and order of `therapies`; a class
    that is analysed as a whole comes after its members. Treatments whose studies all await counts have their row too.
    """
    marks, patients, verdicts = Marks(), treated(review), published_verdicts(review)
    diseases = [slug for slug in review.diseases if slug in set(review["therapy_levels"]["disease"])]
    rows: list[Row] = []
    emphasised: list[int] = []
    without: list[str] = []
    unanalysed: list[str] = []
    for treatment in treatments(review):
        analysis = review.analysis_of(treatment.scope, treatment.slug)
        if analysis is None:
            graded = review.level_of(treatment.scope, treatment.slug)
            if treatment.scope == "therapy":
                (unanalysed if graded else without).append(treatment.label)
            continue
        if treatment.scope == "class":
            emphasised.append(len(rows))
        size = patients.get(analysis.name, float("nan"))
        verdict = verdicts.get((treatment.scope, treatment.slug), NOTHING)
        row = _treatment_row(treatment, analysis, diseases, review, marks)
        rows.append(row | {"Patients": number_or_nr(size), "Published verdict": verdict})
    columns = _table_iv_columns(review, diseases, bool(verdicts))
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = [
        *_table_iv_notes(review, bool(verdicts)),
        *([f"Without a primary outcome: {'; '.join(unanalysed)}."] if unanalysed else []),
        *([f"Without any eligible study: {'; '.join(without)}."] if without else []),
        *([STARRED] if rows else []),
        *marks.footnotes(),
        *abbreviations(diseases, review["diseases"]),
        NOTE_NR,
    ]
    title = f"Level of evidence and {review.response.noun_plural} by {review.subject.singular} and disease"
    title += f": {review.condition}" * bool(review.condition)
    return Table(
        "table_iv", "Table IV", title, frame, columns, group="Class", emphasised=tuple(emphasised),
        footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _treatment_row(
    treatment: Treatment, analysis: Analysis, diseases: Iterable[str], review: Review, marks: Marks
) -> Row:
    """Cells of a treatment or class."""
    result = analysis.result
    included, others = studies_of(analysis.arms)
    read = analysis.entered["evidence_basis"].map(ids_in)
    secondary = any("secondary" in bases for bases in read)
    here = {disease: review.analysis_of(treatment.scope, treatment.slug, disease) for disease in diseases}
    levels = {disease: review.level_of(treatment.scope, treatment.slug, disease) for disease in diseases}
    names = [review.labels.study[study] for study in included]
    names += [f"{review.labels.study[study]}*" for study in others]
    row: Row = {
        "about": {
            "analysis": analysis.name,
            "study": ";".join([*included, *others]),
            "therapy": treatment.slug,
            "class": treatment.therapy_class,
            "diseases": ";".join(disease for disease in diseases if levels[disease]),
            "levels": ";".join(
                dict.fromkeys(level_text(level["level"]) for level in (analysis.level, *levels.values()) if level)
            ),
            "pooled": "yes" if analysis.pooled else "no",
            "counts": "yes" if result["k"] else "no",
        },
        "Class": treatment.group,
        "Treatment": treatment.label,
        "Level": level_cell(analysis.level, marks),
        "Direction": NOTHING if missing(result["direction"]) else result["direction"],
        "Included": int(result["k"]),
        "Not included": int(result["k_left_out"]),
        "Without counts": int(result["k_awaiting"]),
        RESPONSE: response_cell(analysis, review) + (marks.mark(SECONDARY) if secondary else ""),
        POOLED: pooled_cell(analysis, review, marks),
        "References": joined(names) if treatment.scope == "therapy" else "those of the rows above",
    }
    for disease, found in here.items():
        only_level = level_text(levels[disease]["level"]) if levels[disease] else NOTHING
        row[disease] = disease_cell(found, review, marks) if found else only_level
    return row


def _table_iv_columns(review: Review, diseases: Iterable[str], verdicts: bool) -> tuple[Column, ...]:
    short = review.labels.disease_short
    return (
        subject_column(review),
        Column("Level", 6),
        *([Column("Published verdict", 10)] if verdicts else []),
        Column("Direction", 8.5),
        Column("Included", 7.5, "center", over="Studies"),
        Column("Not included", 7.5, "center", over="Studies"),
        Column("Without counts", 7.5, "center", over="Studies"),
        Column("Patients", 7.5, "center", thousands=True),
        response_column(review, 14),
        pooled_column(review),
        *(Column(disease, 11.5, over="By disease", heading=short[disease]) for disease in diseases),
        Column("References", 25),
    )


def _table_iv_notes(review: Review, verdicts: bool) -> list[str]:
    """What the reader of Table IV must know, in the order in which the columns raise the question."""
    single = review.studied
    done = [one for one in single if one.pooled]
    only = sum(not one.result["k"] and not one.result["k_left_out"] for one in single)
    notes = [
        *level_note(review),
        "Level: the best level among the studies of the row, with or without counts; in the columns by disease, among "
        "the studies of that disease.",
    ]
    if verdicts:
        notes.append(f"Published verdict: what {review.follows} concluded; it is not derived from these numbers.")
    notes += [
        f"Direction: the {coverage(review.conf_level)} interval of the model lies above, below or across "
        f"{100 * review.response_threshold:g}%. It is read from the numbers and is no "
        "recommendation.",
        f"{STUDIES_NOTE} Patients: of all studies of the row whose number is known.",
        *model_notes(review),
    ]
    if done:
        spreads = [f"{one.label} {tau2_words(one.result)}" for one in done]
        unknown = f" {NOTHING}, cannot be estimated." if any(missing(one.result["tau2"]) for one in done) else ""
        notes.append(f"Between-study variance (tau², logit scale): {'; '.join(spreads)}.{unknown}")
    spans = [f"{one.label} from {span}" for one in done if (span := time_span(one, review))]
    if spans:
        notes.append(f"Time points of the arms differ within an analysis: {'; '.join(spans)}.")
    words = missing_counts_words(review)
    if only:
        words += f" {counted(only, *review.subject)} {'has' if only == 1 else 'have'} only such studies."
    return [*notes, f"{words} Missing counts are not taken as zero."]
