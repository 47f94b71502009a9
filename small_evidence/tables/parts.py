"""What several tables say in the same words: notes on levels and models, pooled values and their marks, order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from small_evidence.extraction.appraisals import CONSENSUS
from small_evidence.extraction.schema import numbers
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.tables.table import Marks
from small_evidence.wording import (
    NOTHING,
    SILENT,
    cell,
    counted,
    coverage_of,
    estimate,
    fraction,
    ids_in,
    interval,
    joined,
    labels_of,
    method_label,
    missing,
    short_labels,
    variance,
)

WIDE_INTERVAL = (
    0.80  # a pooled interval wider than this leaves nearly every response possible; it is shown, with a note
)


def level_note(schemes: Mapping, scheme: str) -> list[str]:
    """The scheme of the levels and what to know about it; printed wherever a level is printed."""
    if not scheme:
        return []
    facts = schemes["schemes"][scheme]
    note = f"Levels of evidence: {facts['title']}."
    return [note + (f" {' '.join(facts['note'].split())}" if facts["note"] else "")]


def abbreviations(slugs: Iterable[str], diseases: pd.DataFrame) -> list[str]:
    """A footnote that spells out the short names of the diseases used."""
    used = set(slugs)
    short, long = short_labels(diseases), labels_of(diseases, "disease")
    pairs = [
        long[slug] if long[slug].startswith(short[slug]) else f"{short[slug]}, {long[slug]}"
        for slug in diseases["disease"]
        if slug in used and short[slug] != long[slug]
    ]
    return ["; ".join(pairs) + "."] if pairs else []


def scheme_of(levels: pd.DataFrame, schemes: Mapping) -> str:
    return levels["scheme"].iloc[0] if len(levels) else schemes["default"]


def model_notes(pooled: pd.DataFrame, policy: Mapping) -> list[str]:
    """Model and intervals of the pooled values, and which arms could enter."""
    level = f"{policy['conf_level']:.0%}"
    notes = []
    done = pooled[pooled["pooled"] == "yes"]
    if len(done):
        models = joined(method_label(name) for name in done["method"] if not missing(name))
        kinds = joined(coverage_of(policy["conf_level"], name) for name in done["interval"] if not missing(name))
        notes.append(f"Pooled %: {models}; {kinds}.")
    notes.append(
        f"Responders/n: summed counts of the study arms that entered, with the exact (Clopper-Pearson) {level} "
        "interval."
    )
    unit = policy["unit"]
    notes.append(
        f"Pooled from {counted(policy['min_studies'], 'study', 'studies')} on; arms of fewer than "
        f"{counted(policy['min_arm_size'], unit)} are shown in Table III and do not enter."
    )
    return notes


def appraisal_words(appraisal: pd.DataFrame) -> str:
    """How many eligible studies were appraised, by what and by how many; of `appraisal.summarise_appraisals`."""
    eligible = counted(appraisal["study_id"].nunique(), "eligible study", "eligible studies")
    done = appraisal[appraisal["appraised"] == "yes"]
    if done.empty:
        return f"No study has been appraised for risk of bias (of {eligible})"
    tools = done.groupby("tool_label", sort=False)["study_id"].nunique()
    names = done["rater"].fillna("").astype(str).str.casefold()  # people may be numbers
    single = done[~names.isin(["", "nr", "unclear", CONSENSUS])]
    raters = single["rater"].nunique()
    twice = single[single.duplicated(["study_id", "tool", "result"])]["study_id"].nunique()
    words = f"{done['study_id'].nunique()} of {eligible} appraised for risk of bias"
    words += f", by {counted(raters, 'rater')}" * bool(raters)
    words += f", {counted(twice, 'study', 'studies')} by more than one" * bool(twice)
    return f"{words}: " + "; ".join(f"{label} ({counted(k, 'study', 'studies')})" for label, k in tools.items())


def extraction_words(agreement: pd.DataFrame | None, disagreements: pd.DataFrame | None) -> str:
    """How far two extractions agree and what is still open; of `extraction.compare_extractions`, None without."""
    if agreement is None or disagreements is None:
        return "No second extraction is recorded"
    cells = agreement[agreement["kind"] != "rows"]
    decided = int((disagreements["state"] == "agreed").sum())
    return (
        f"{fraction(cells['agreed'].sum(), cells['compared'].sum())} of the cells in rows of both extractions agree; "
        f"{decided} of {counted(len(disagreements), 'difference')} in cells and rows decided"
    )


def therapy_order(therapies: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Classes in the order of their first therapy, each with its therapies in display order."""
    order = numbers(therapies["display_order"]).fillna(math.inf)
    ordered = therapies.assign(order=order).sort_values("order", kind="stable")
    return [(slug, list(rows["therapy"])) for slug, rows in ordered.groupby("therapy_class", sort=False)]


def references(arms: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Studies of an analysis, those that entered first, each group by year; a star marks the others."""
    entered, others = studies_of(arms)
    return joined([labels.get(s, s) for s in entered] + [labels.get(s, s) + "*" for s in others])


def studies_of(arms: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Studies of which an arm entered, and the others; each by year."""
    by_year = arms.sort_values(["year", "study_id"], na_position="last", kind="stable")
    entered = dict.fromkeys(by_year.loc[by_year["entered"] == "yes", "study_id"])
    return list(entered), [study for study in dict.fromkeys(by_year["study_id"]) if study not in entered]


def treated(arms: pd.DataFrame, studies: pd.DataFrame, responses: pd.DataFrame, unit: str = "patient") -> pd.Series:
    """Patients of all studies of an analysis whose number is known, those without usable counts too; a cohort once.

    Returns
    -------
    Series of float by analysis; NaN where no study tells its number
    """
    rows = arms.assign(response_id=arms["response_ids"].map(ids_in)).explode("response_id")
    facts = responses.set_index("response_id")
    rows["unit"] = rows["response_id"].map(facts["unit"])
    rows["size"] = rows["response_id"].map(numbers(facts["n"]))
    cohorts = studies.set_index("study_id")["cohort_id"]
    rows["cohort"] = rows["study_id"].map(cohorts)
    rows["cohort"] = rows["cohort"].where(~rows["cohort"].isin(SILENT), rows["study_id"])
    rows = rows[rows["unit"] == unit].drop_duplicates(["analysis", "response_id"])
    sums = rows.groupby(["analysis", "cohort", "study_id", "arm_therapy"])["size"].sum(min_count=1)
    return sums.groupby(["analysis", "cohort"]).max().groupby("analysis").sum(min_count=1)


def exact_bounds(x: Iterable[float], n: Iterable[float], conf_level: float) -> dict[tuple[float, float], str]:
    """Printed exact interval of each pair of counts, from one call.

    Bounds of one arm are descriptive, so a count of lesions has them too.
    """
    known = [pair for pair in dict.fromkeys(zip(x, n, strict=True)) if not any(map(missing, pair)) and pair[1] > 0]
    lower, upper = proportion_interval([pair[0] for pair in known], [pair[1] for pair in known], conf_level=conf_level)
    return {pair: interval(*bounds) for pair, *bounds in zip(known, lower, upper, strict=True)}


def by_key(frame: pd.DataFrame, key: tuple[str, ...]) -> dict[tuple, dict]:
    """Rows as dictionaries by their key."""
    return {tuple(row[name] for name in key): row for row in frame.to_dict("records")}


def pooled_value(line: Mapping, marks: Marks) -> str:
    """Pooled estimate and interval with the marks of its notes."""
    return estimate(line["estimate"], line["ci_lb"], line["ci_ub"]) + "".join(pooled_marks(line, marks))


def pooled_marks(line: Mapping, marks: Marks) -> list[str]:
    """Marks of what must be known of a pooled value: an interval over nearly everything, an answer on the boundary."""
    notes = []
    if line["ci_ub"] - line["ci_lb"] > WIDE_INTERVAL:
        notes.append("The interval covers nearly the whole scale: these data leave almost any response possible.")
    if line["status"] in ("all_responders", "no_responders"):
        words = "Every patient responded" if line["status"] == "all_responders" else "No patient responded"
        notes.append(
            f"{words}: the interval is the exact one of the summed counts; the variance between studies cannot be told."
        )
    elif line["status"] == "tau2_zero":
        notes.append("The variance between studies is estimated as zero, the edge of its range.")
    elif line["status"] != "ok" and not missing(line["note"]):
        notes.append(cell(line["note"]))
    return [marks.mark(note) for note in notes]


def spread(line: Mapping) -> str:
    """Prediction interval and variance between studies, then I²."""
    parts = []
    if not missing(line["pi_lb"]):
        parts.append(f"prediction interval {interval(line['pi_lb'], line['pi_ub'])}%")
    if not missing(line["tau2"]):
        parts.append(f"tau² {variance(line['tau2'])}")
    if not missing(line["i2"]):
        parts.append(f"I² {line['i2']:.0%}")
    return ", ".join(parts) or NOTHING


def disease_cell(line: Mapping, marks: Marks) -> str:
    """Studies, counts and pooled value of a treatment in one disease; what did not enter is said."""
    parts = []
    if line["k"]:
        parts.append(f"{counted(int(line['k']), 'study', 'studies')}; {fraction(line['events'], line['n'])}")
    if line["pooled"] == "yes":
        parts.append(f"pooled {pooled_value(line, marks)}")
    if line["k_left_out"]:
        parts.append(f"{int(line['k_left_out'])} left out")
    if line["k_awaiting"]:
        parts.append(f"{int(line['k_awaiting'])} awaiting")
    return "; ".join(parts) or NOTHING
