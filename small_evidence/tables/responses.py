"""Table III, responses by treatment, and Table IV, level and response of every treatment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.schema import humanise, numbers
from small_evidence.synthesis.analyses import ALL, over_all
from small_evidence.tables.parts import (
    abbreviations,
    by_key,
    disease_cell,
    exact_bounds,
    level_note,
    model_notes,
    pooled_marks,
    pooled_value,
    references,
    scheme_of,
    spread,
    studies_of,
    therapy_order,
    treated,
)
from small_evidence.tables.table import Column, Marks, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    SILENT,
    all_of,
    cell,
    class_label,
    counted,
    fraction,
    ids_in,
    interval,
    joined,
    labels_of,
    level_text,
    missing,
    number_or_nr,
    percent,
    short_labels,
    variance,
    with_labels,
    word,
)


def table_iii(
    arms: pd.DataFrame,
    pooled: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    policy: Mapping,
    class_labels: Mapping[str, str] | None = None,
) -> Table:
    """Table III: responses by treatment, each study arm and then the pooled line or why there is none.

    Arms that did not enter are listed with the reason, and so are further outcomes of the same studies.

    Parameters
    ----------
    arms, pooled : DataFrames of `synthesis.select_arms` and `synthesis.pool_arms`
    studies, responses, therapies, diseases : extraction tables
    policy : mapping; the section `synthesis` of the config
    class_labels : mapping from the slug of a class to its label
    """
    class_labels = class_labels or {}
    therapy_labels = labels_of(therapies, "therapy")
    whole_lines = pooled[pooled["disease"] == ALL]
    whole = by_key(whole_lines, ("scope", "therapy"))
    arms_of = dict(list(arms[arms["disease"] == ALL].groupby(["scope", "therapy"], sort=False)))
    active = studies.loc[studies["status"] != "excluded", "study_id"]
    further = responses[(responses["primary_outcome"] != "yes") & responses["study_id"].isin(active)]
    further = further.assign(x=numbers(further["responders"]), n=numbers(further["n"]))
    counts = [*arms["responders"], *further["x"]], [*arms["n"], *further["n"]]
    lines = _Lines(studies, responses, diseases, exact_bounds(*counts, policy["conf_level"]))
    rows, emphasised = [], []

    def add_summary(title, scope, therapy):
        for row in reversed(lines.result(whole[scope, therapy])):
            emphasised.append(len(rows))
            rows.append({"Treatment": title} | row)

    for therapy_class, members in therapy_order(therapies):
        for therapy in members:
            if ("therapy", therapy) not in whole:
                continue
            title = {"Treatment": therapy_labels[therapy]}
            own = arms_of.get(("therapy", therapy), arms.iloc[:0])
            rows += [title | row for row in lines.arms(own)]
            listed = {response for ids in own["response_ids"] for response in ids_in(ids)}
            for extra in further[(further["therapy"] == therapy) & ~further["response_id"].isin(listed)].itertuples():
                role = f"no: {extra.pool_reason or 'further outcome'}"
                rows.append(title | lines.arm(extra.study_id, extra.response_id, extra.x, extra.n, role))
            add_summary(title["Treatment"], "therapy", therapy)
        if ("class", therapy_class) in whole:
            add_summary(all_of(class_label(therapy_class, class_labels)), "class", therapy_class)
    bounds = f"{policy['conf_level']:.0%} CI, %"
    columns = (
        Column("Study", 21),
        Column("Disease", 10),
        Column("Outcome", 12),
        Column("Response defined as", 30),
        Column("Follow-up", 14),
        Column("Known from", 10),
        Column("Responders/n (%)", 14, "right"),
        Column(bounds, 13, "right"),
        Column("In the analysis", 27),
    )
    frame = pd.DataFrame(rows, columns=["Treatment", *(c.name if c.name != bounds else "interval" for c in columns)])
    frame = frame.rename(columns={"interval": bounds})
    notes = [
        *model_notes(whole_lines, policy),
        f"{bounds}: exact (Clopper-Pearson) for arms and sums, of the model for pooled values.",
        "Between-study variance (tau²) is on the logit scale; a prediction interval is where the response of a "
        "further study would lie."
        if (whole_lines["pooled"] == "yes").any()
        else "",
        "Known from: the abstract, the full text, or a secondary source (someone else's account of the study).",
        *lines.marks.footnotes(),
        *abbreviations(lines.diseases_named, diseases),
        NOTE_NR,
    ]
    return Table(
        "table_iii", "Table III", "Responses by treatment", frame, columns, group="Treatment",
        emphasised=tuple(emphasised), footnotes=tuple(note for note in notes if note),
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


class _Lines:
    """Printed lines of one study arm and of one analysis, with what they need of the other tables."""

    def __init__(self, studies, responses, diseases, bounds) -> None:
        self._studies, self._short = labels_of(studies, "study_id"), short_labels(diseases)
        self._facts, self._bounds = responses.set_index("response_id").to_dict("index"), bounds
        self.marks, self.diseases_named = Marks(), set()

    def arms(self, arms: pd.DataFrame) -> list[dict]:
        """The arms of an analysis, those that entered first, each group by year."""
        made = []
        by_year = arms.sort_values(["entered", "year"], ascending=[False, True], na_position="last", kind="stable")
        for arm in by_year.itertuples():
            role = "yes" if arm.entered == "yes" else f"no: {with_labels(arm.reason, self._studies)}"
            made.append(self.arm(arm.study_id, arm.response_ids, arm.responders, arm.n, role))
        return made

    def arm(self, study: str, response_ids: str, x: float, n: float, role: str) -> dict:
        told = [self._facts[response] for response in ids_in(response_ids) if response in self._facts]
        self.diseases_named.update(row["disease"] for row in told)
        units = [u for u in dict.fromkeys(row["unit"] for row in told) if u not in ("patient", *SILENT)]
        return {
            "about": {"study": study, "response": response_ids},
            "Study": self._studies.get(study, study),
            "Disease": joined(self._short.get(row["disease"], cell(row["disease"])) for row in told),
            "Outcome": joined(humanise(row["outcome"]).lower() for row in told),
            "Response defined as": joined(cell(row["response_definition"]) for row in told),
            "Follow-up": joined(cell(row["follow_up"]) for row in told),
            "Known from": joined(word("evidence_basis", row["evidence_basis"]) for row in told),
            "Responders/n (%)": "NR" if missing(x) and missing(n) else fraction(x, n),
            "interval": self._bounds.get((x, n), NOTHING),
            "In the analysis": role + "".join(f"; {word('unit', u)}" for u in units if word("unit", u) not in role),
        }

    def result(self, line: Mapping) -> list[dict]:
        """What an analysis gives: the pooled value and the sum, or why it is not pooled."""
        blank = dict.fromkeys(("Disease", "Outcome", "Follow-up", "Known from", "In the analysis"), NOTHING)
        done, k = line["pooled"] == "yes", counted(int(line["k"]), "study", "studies")
        summed = {
            "Study": f"Summed, {k}" if done else f"Not pooled: {line['reason']}",
            "Response defined as": NOTHING,
            "Responders/n (%)": fraction(line["events"], line["n"]) if line["k"] else NOTHING,
            "interval": interval(line["crude_ci_lb"], line["crude_ci_ub"]) if line["k"] else NOTHING,
        }
        model = {
            "Study": f"Pooled, {k}",
            "Response defined as": spread(line),
            "Responders/n (%)": percent(line["estimate"]) + "".join(pooled_marks(line, self.marks)),
            "interval": interval(line["ci_lb"], line["ci_ub"]),
        }
        return [{"about": {}} | row | blank for row in ((model, summed) if done else (summed,))]


def analysis_table(
    scope: str,
    therapy: str,
    label: str,
    arms: pd.DataFrame,
    pooled: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    diseases: pd.DataFrame,
    policy: Mapping,
) -> Table:
    """What one treatment or class gives, over all diseases and in each: the result, then the study arms it rests on.

    Diseases with the same arms share their lines; links reach the first by the names of its analyses.

    Parameters
    ----------
    scope, therapy : str; "therapy" or "class" and its slug
    label : str; for the caption
    arms, pooled : DataFrames of `synthesis.select_arms` and `synthesis.pool_arms`
    studies, responses, diseases : extraction tables
    policy : mapping; the section `synthesis` of the config
    """
    short = short_labels(diseases)
    arms = arms[(arms["scope"] == scope) & (arms["therapy"] == therapy)]
    lines = _Lines(studies, responses, diseases, exact_bounds(arms["responders"], arms["n"], policy["conf_level"]))
    arms_of = dict(list(arms.groupby("analysis", sort=False)))
    analyses = pooled[(pooled["scope"] == scope) & (pooled["therapy"] == therapy)].to_dict("records")
    alike: dict[tuple, list[dict]] = {}
    for line in analyses:
        alike.setdefault(tuple(arms_of[line["analysis"]]["response_ids"]), []).append(line)
    rows, emphasised = [], []
    for group in alike.values():
        title = joined("All diseases" if line["disease"] == ALL else short[line["disease"]] for line in group)
        result = lines.result(group[0])
        for row in result:  # the spread of a pooled value
            row["In the analysis"] = row["Response defined as"]
        own = arms_of[group[0]["analysis"]]
        result[-1]["about"] = {"response": ";".join(own.loc[own["entered"] == "yes", "response_ids"])}
        result[0]["about"] = result[0]["about"] | {"id": " ".join(f"analysis-{line['analysis']}" for line in group)}
        emphasised += range(len(rows), len(rows) + len(result))
        rows += [{"Diseases": title} | row for row in (*result, *lines.arms(own))]
    bounds = f"{policy['conf_level']:.0%} CI, %"
    columns = (
        Column("Study", 24),
        Column("Disease", 9),
        Column("Outcome", 13),
        Column("Known from", 11),
        Column("Responders/n (%)", 13, "right"),
        Column(bounds, 12, "right"),
        Column("In the analysis", 28),
    )
    frame = pd.DataFrame(rows).rename(columns={"interval": bounds})
    return Table(
        f"results-{scope}-{therapy}", "", f"{label}: results and the study arms they rest on",
        frame[["Diseases", *(column.name for column in columns)]], columns, group="Diseases",
        emphasised=tuple(emphasised), footnotes=tuple(lines.marks.footnotes()),
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def table_iv(
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    schemes: Mapping,
    policy: Mapping,
    response_threshold: float,
    class_labels: Mapping[str, str] | None = None,
    condition: str = "",
) -> Table:
    """Table IV: level of evidence and response of every treatment, over all diseases and by disease.

    A row a treatment with at least one study that is not excluded, in the groups and order of `therapies`; a class
    that is analysed as a whole comes after its members. Treatments whose studies all await counts have their row and
    say so.

    Parameters
    ----------
    pooled, arms : DataFrames of `synthesis.pool_arms` and `synthesis.select_arms`
    therapy_levels : DataFrame of `grading.grade_therapies`
    studies, responses, therapies, diseases : extraction tables
    schemes : mapping; the file of the level schemes
    policy : mapping; the section `synthesis` of the config
    response_threshold : float in (0, 1); what `direction` was read against
    class_labels : mapping from the slug of a class to its label
    condition : str; for the caption
    """
    class_labels = class_labels or {}
    study_labels, therapy_labels = labels_of(studies, "study_id"), labels_of(therapies, "therapy")
    short = short_labels(diseases)
    shown = [slug for slug in diseases["disease"] if slug in set(pooled["disease"])]
    key = ("scope", "therapy", "disease")
    lines = by_key(pooled, key)
    arms_of = dict(list(arms.groupby("analysis", sort=False)))
    level_of = {place: level_text(row["level"]) for place, row in by_key(therapy_levels, key).items()}
    patients = treated(arms, studies, responses, policy["unit"])
    marks = Marks()
    level = f"{policy['conf_level']:.0%}"
    response, result = f"Responders/n (%) [{level} CI]", f"Pooled % [{level} CI]"
    rows, emphasised = [], []

    def row_of(group, label, scope, therapy):
        line = lines[scope, therapy, ALL]
        own = arms_of[line["analysis"]]
        secondary = (
            own.loc[own["entered"] == "yes", "evidence_basis"].map(lambda text: "secondary" in ids_in(text)).any()
        )
        values = {
            "about": {
                "analysis": line["analysis"],
                "study": ";".join(study for some in studies_of(own) for study in some),
            },
            "Class": group,
            "Treatment": label,
            "Level": level_of.get((scope, therapy, ALL), "not gradable"),
            "Direction": NOTHING if missing(line["direction"]) else line["direction"],
            "Analysed": int(line["k"]),
            "Left out": int(line["k_left_out"]),
            "Awaiting": int(line["k_awaiting"]),
            "Patients": number_or_nr(patients.get(line["analysis"])),
            response: NOTHING,
            result: pooled_value(line, marks) if line["pooled"] == "yes" else f"not pooled: {line['reason']}",
        }
        if line["k"]:
            values[response] = (
                f"{fraction(line['events'], line['n'])} {interval(line['crude_ci_lb'], line['crude_ci_ub'])}"
            )
            if secondary:
                values[response] += marks.mark(
                    "Rests wholly or partly on counts known from a secondary source only (see Table III)."
                )
        for disease in shown:
            here = (scope, therapy, disease)
            values[short[disease]] = disease_cell(lines[here], marks) if here in lines else NOTHING
        values["References"] = references(own, study_labels) if scope == "therapy" else "those of the rows above"
        return values

    for therapy_class, members in therapy_order(therapies):
        group = class_label(therapy_class, class_labels)
        for therapy in members:
            if ("therapy", therapy, ALL) in lines:
                rows.append(row_of(group, therapy_labels[therapy], "therapy", therapy))
        if ("class", therapy_class, ALL) in lines:
            emphasised.append(len(rows))
            rows.append(row_of(group, all_of(group), "class", therapy_class))

    columns = (
        Column("Treatment", 17),
        Column("Level", 6),
        Column("Direction", 8.5),
        Column("Analysed", 7.5, "center", over="Studies"),
        Column("Left out", 5, "center", over="Studies"),
        Column("Awaiting", 7.5, "center", over="Studies"),
        Column("Patients", 7.5, "center"),
        Column(response, 14),
        Column(result, 16),
        *(Column(short[disease], 11.5, over="By disease") for disease in shown),
        Column("References", 25),
    )
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = _table_iv_notes(pooled, arms, therapy_labels, policy, response_threshold, marks)
    notes[1:1] = level_note(schemes, scheme_of(therapy_levels, schemes))
    notes += [*abbreviations(shown, diseases), NOTE_NR]
    title = "Level of evidence and response by treatment and disease" + (f": {condition}" if condition else "")
    return Table(
        "table_iv", "Table IV", title, frame, columns, group="Class", emphasised=tuple(emphasised),
        footnotes=tuple(notes), about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _table_iv_notes(pooled, arms, therapy_labels, policy, response_threshold, marks) -> list[str]:
    """What the reader of Table IV must know, in the order in which the columns raise the question."""
    single = over_all(pooled)
    in_hand = over_all(arms)
    entered = set(in_hand.loc[in_hand["entered"] == "yes", "study_id"])
    waiting = {study for ids in single["awaiting"] for study in ids_in(ids)} - entered
    only = int(((single["k"] == 0) & (single["k_left_out"] == 0)).sum())
    line = percent(response_threshold)
    notes = [
        "Studies: analysed, counts entered the analysis; left out, counts in hand but not entered (reasons in Table "
        "III); awaiting, eligible but the counts are not in hand. Patients: of all studies of the row whose number is "
        "known.",
        f"Direction: the {policy['conf_level']:.0%} interval (pooled; where not pooled, of the summed counts) lies "
        f"above, below or across {line} responders. It is read from the numbers and is no recommendation.",
        *model_notes(pooled, policy),
    ]
    done = single[single["pooled"] == "yes"]
    spreads = [f"{therapy_labels[row.therapy]} {variance(row.tau2)}" for row in done.itertuples()]
    if spreads:
        untold = f" {NOTHING}, cannot be estimated." if done["tau2"].isna().any() else ""
        notes.append(f"Between-study variance (tau², logit scale): {'; '.join(spreads)}.{untold}")
    untold_of = [f"Counts of {counted(len(waiting), 'study', 'studies')} are awaited."] if waiting else []
    if only:
        untold_of.append(f"{counted(only, 'treatment')} {'has' if only == 1 else 'have'} only studies awaiting counts.")
    if untold_of:
        notes.append(" ".join(untold_of) + " Missing counts are not taken as no response.")
    without = [label for slug, label in therapy_labels.items() if slug not in set(single["therapy"])]
    if without:
        notes.append(f"Without any eligible study: {'; '.join(without)}.")
    notes.append("* Study of which no arm is in the analysis of all diseases (left out or awaiting counts).")
    return notes + marks.footnotes()
