"""What several tables have in common: order of the rows, columns of counts and pooled values, notes, marks."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from small_evidence.extraction.appraisals import CONSENSUS
from small_evidence.extraction.schema import ALL, SILENT, numbers
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.pooling.record import MEAN_CODES, STATUSES
from small_evidence.reasons import not_pooled_reason
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.claims import is_followed
from small_evidence.tables.table import Column, Marks
from small_evidence.wording import (
    NOTHING,
    all_of,
    capital,
    cell,
    counted,
    coverage,
    coverage_of,
    estimate,
    fraction,
    ids_in,
    interval,
    joined,
    labels_of,
    level_text,
    method_label,
    missing,
    note_words,
    sentence,
    short_labels,
    sort_name,
    variance,
)

PROGRAM = "program:"  # begins who extracted a row where that was no person
WIDE_INTERVAL = 0.80  # a pooled interval wider than this leaves nearly every response possible; it has a note
ESTIMANDS = {"median": "median study", "mean": "mean study", "common": "one proportion for all studies"}
EVERYBODY = {"all_responders": "Every", "no_responders": "No"}
RECOMMENDATIONS = {"against": "should not be used"}  # words for what publications are extracted to say
NOT_IN_NUMBER = "Level not of the studies in this number: no study of that level has counts that are included."
STUDIES_NOTE = (
    "Studies: included, counts are in the analysis; not included, counts are available but not used (reasons in Table "
    "III); without counts, eligible but the counts are not available."
)
RESPONSE, POOLED = "Responders", "Pooled"  # names of columns; their headings have the words of the review


# Rows ------------------------------------------------------------------------------------------------------


class Treatment(NamedTuple):
    """A treatment or a class as a whole, as tables list them."""

    group: str  # label of the class
    label: str
    scope: str  # "therapy" or "class"
    slug: str
    therapy_class: str


def treatments(review: Review) -> Iterator[Treatment]:
    """Every treatment in printing order, and after the treatments of a class the class as a whole."""
    for therapy_class, members in review.classes:
        group = review.labels.therapy_class[therapy_class]
        for therapy in members:
            yield Treatment(group, review.labels.therapy[therapy], "therapy", therapy, therapy_class)
        yield Treatment(group, all_of(group), "class", therapy_class, therapy_class)


def studies_of(arms: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Studies of which an arm is included, and the others; each by year."""
    named = arms.assign(_name=arms["study_id"].map(sort_name))
    by_year = named.sort_values(["year", "_name"], na_position="last", kind="stable")
    included = dict.fromkeys(by_year.loc[by_year["entered"] == "yes", "study_id"])
    return list(included), [study for study in dict.fromkeys(by_year["study_id"]) if study not in included]


def published_verdicts(review: Review) -> Mapping[tuple[str, str], str]:
    """What the published review that is followed recommends, by scope and slug; in words, with the disease it names.

    A claim about a treatment that stands for its class is shown with the class too.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for claim in review["reconciliation"].to_dict("records"):
        if claim["quantity"] != "recommendation" or not is_followed(claim, review):
            continue
        words = RECOMMENDATIONS.get(claim["claimed"], cell(claim["claimed"]))
        disease = review.labels.disease_short.get(claim["disease"], "")
        compared = review.analyses.get(claim["analysis"])
        keys = [("therapy", claim["therapy"])] + ([(compared.scope, compared.therapy)] if compared else [])
        for key in dict.fromkeys(keys):
            found[key].append(f"{words} ({disease})" if disease else words)
    return {key: joined(verdicts) for key, verdicts in found.items()}


# Columns ---------------------------------------------------------------------------------------------------


def counts_head(review: Review) -> str:
    """Heading of a column of counts in the words of the review: "Responders/n (%)"."""
    return f"{capital(review.response.noun_plural)}/n (%)"


def subject_column(review: Review, width: float = 17) -> Column:
    """The column of treatments, tests or exposures."""
    return Column("Treatment", width, heading=capital(review.subject.singular))


def response_column(review: Review, width: float = 15) -> Column:
    """The column of summed counts with their exact interval."""
    return Column(RESPONSE, width, heading=f"{counts_head(review)} [{coverage(review.conf_level)} CI]")


def pooled_column(review: Review, width: float = 16, align: str = "left") -> Column:
    """The column of pooled values, which says of what they are the proportion: the median or the mean study."""
    estimand = ESTIMANDS[METHODS[review.policy["method"]].estimand]
    return Column(POOLED, width, align, heading=f"Pooled %, {estimand} [{coverage(review.conf_level)} CI]")


def response_cell(analysis: Analysis, review: Review) -> str:
    """Summed counts of an analysis with their interval; where they sum several outcomes, the counts of each."""
    result = analysis.result
    if not result["k"]:
        return NOTHING
    words = f"{fraction(result['events'], result['n'])} {interval(result['crude_ci_lb'], result['crude_ci_ub'])}"
    parts = outcome_counts(analysis, review)
    return f"{words}: {'; '.join(parts)}" if len(parts) > 1 else words


def outcome_counts(analysis: Analysis, review: Review) -> list[str]:
    """Counts of each outcome among the arms that are included: "8/9 clinical response"."""
    arms, sums = analysis.entered, dict[str, list[float]]()
    for outcome, x, n in zip(arms["outcome"], arms["responders"], arms["n"], strict=True):
        own = sums.setdefault(outcome, [0.0, 0.0])
        own[0] += x
        own[1] += n
    return [f"{x:,.0f}/{n:,.0f} {outcome_label(outcomes, review)}" for outcomes, (x, n) in sums.items()]


def outcome_label(outcomes: str, review: Review) -> str:
    """Outcomes joined by ";" as words within a line."""
    labels = [review.outcome(outcome).label for outcome in ids_in(outcomes)]
    return joined((label[:1].lower() + label[1:] for label in labels), " and ")


def pooled_cell(analysis: Analysis, review: Review, marks: Marks) -> str:
    """Pooled estimate and interval with the marks of its notes, or why there is none."""
    if analysis.pooled:
        return pooled_value(analysis.result, review, marks)
    return f"not pooled: {not_pooled_reason(analysis.result, review)}"


def pooled_value(result: Mapping[str, Any], review: Review, marks: Marks) -> str:
    """Pooled estimate and interval with the marks of its notes."""
    return estimate(result["estimate"], result["ci_lb"], result["ci_ub"]) + "".join(pooled_marks(result, review, marks))


def pooled_marks(result: Mapping[str, Any], review: Review, marks: Marks) -> list[str]:
    """Marks of what must be known of a pooled value: an interval over nearly everything, an answer on the boundary."""
    notes = []
    if result["ci_ub"] - result["ci_lb"] > WIDE_INTERVAL:
        notes.append(
            "The interval covers nearly the whole scale: these data are compatible with almost any proportion."
        )
    status = result["status"]
    if status in EVERYBODY:
        notes.append(
            f"{EVERYBODY[status]} {review.policy['unit']} {review.response.event_singular}: the interval is the exact "
            "one of the summed counts; the variance between studies cannot be estimated."
        )
    elif status == "tau2_zero":
        notes.append("The variance between studies is estimated as zero, the boundary of its range.")
    elif status != "ok":
        notes.append(sentence(STATUSES[status]))
    # a wide interval has its own words above, an interval of prediction and the mean study their own columns
    said = ("wide_interval", "wide_prediction", *MEAN_CODES)
    kept = ";".join(code for code in ids_in(result["note"]) if code not in said)
    notes += [sentence(words) for words in note_words(kept)]
    return [marks.mark(note) for note in notes]


def mean_cell(result: Mapping[str, Any], marks: Marks) -> str:
    """Proportion of the mean study with its interval and the marks of what it lacks; nothing beside a pooled mean."""
    if METHODS[result["method"]].estimand != "median":
        return NOTHING
    lacks = ";".join(code for code in ids_in(result["note"]) if code in MEAN_CODES)
    value = estimate(result["mean_proportion"], result["mean_ci_lb"], result["mean_ci_ub"])
    return value + "".join(marks.mark(sentence(words)) for words in note_words(lacks))


def level_cell(level: Mapping[str, Any], marks: Marks) -> str:
    """A level of evidence, of a row of `therapy_levels`; marked where no study of it is in the number beside it."""
    if not level:
        return level_text("")
    words = level_text(level["level"])
    return words + marks.mark(NOT_IN_NUMBER) if level["level_in_number"] == "no" else words


def disease_cell(analysis: Analysis, review: Review, marks: Marks) -> str:
    """Studies, counts, pooled value and level of a treatment in one disease, and how many studies are not included."""
    result, parts = analysis.result, []
    if result["k"]:
        parts.append(f"{counted(int(result['k']), 'study', 'studies')}; {fraction(result['events'], result['n'])}")
    if analysis.pooled:
        parts.append(f"pooled {pooled_value(result, review, marks)}")
    if result["k_left_out"]:
        parts.append(f"{int(result['k_left_out'])} not included")
    if result["k_awaiting"]:
        parts.append(f"{int(result['k_awaiting'])} without counts")
    if analysis.level:
        parts.append(level_cell(analysis.level, marks))
    return "; ".join(parts) or NOTHING


def tau2_words(result: Mapping[str, Any]) -> str:
    """Variance between studies with its interval: "0.46 [0.02, 8.1]"."""
    lower, upper = result["tau2_lb"], result["tau2_ub"]
    if missing(result["tau2"]) or missing(lower) or missing(upper):
        return variance(result["tau2"])
    return f"{variance(result['tau2'])} [{variance(lower)}, {'∞' if math.isinf(upper) else variance(upper)}]"


def spread(result: Mapping[str, Any]) -> str:
    """Prediction interval and variance between studies, then I²."""
    parts = []
    if not missing(result["pi_lb"]):
        parts.append(f"prediction interval {interval(result['pi_lb'], result['pi_ub'])}%")
    if not missing(result["tau2"]):
        parts.append(f"tau² {tau2_words(result)}")
    if not missing(result["i2"]):
        parts.append(f"I² {result['i2']:.0%}")
    return ", ".join(parts) or NOTHING


def exact_bounds(x: Iterable[float], n: Iterable[float], conf_level: float) -> dict[tuple[float, float], str]:
    """Printed exact interval of each pair of counts, from one call.

    Bounds of one arm are descriptive, so a count of lesions has them too.
    """
    known = [pair for pair in dict.fromkeys(zip(x, n, strict=True)) if not any(map(missing, pair)) and pair[1] > 0]
    lower, upper = proportion_interval([pair[0] for pair in known], [pair[1] for pair in known], conf_level=conf_level)
    return {pair: interval(*bounds) for pair, *bounds in zip(known, lower, upper, strict=True)}


# Notes -----------------------------------------------------------------------------------------------------


def level_note(review: Review) -> list[str]:
    """The scheme of the levels and what to know about it; printed wherever a level is printed."""
    note = f"Levels of evidence: {review.scheme['title']}."
    return [f"{note} {review.scheme['note']}".strip()]


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


def model_notes(review: Review) -> list[str]:
    """Model and intervals of the pooled values, and which arms could be included."""
    policy, pooled = review.policy, review["pooled"]
    notes = []
    done = pooled[pooled["pooled"] == "yes"]
    if len(done):
        models = joined(method_label(name) for name in done["method"] if not missing(name))
        kinds = joined(coverage_of(review.conf_level, name) for name in done["interval"] if not missing(name))
        notes.append(f"Pooled %: {models}; {kinds}.")
    notes.append(
        f"{counts_head(review).removesuffix(' (%)')}: summed counts of the study arms that are included, with the "
        f"exact (Clopper-Pearson) {coverage(review.conf_level)} interval."
    )
    summed = [review.outcome(outcome).label.lower() for outcome in outcomes_included(review)]
    if len(summed) > 1:
        notes.append(f"These outcomes count as one, any of them: {', '.join(summed)}.")
    notes.append(
        f"Pooled from {counted(policy['min_studies'], 'study', 'studies')} on; arms of fewer than "
        f"{counted(policy['min_arm_size'], policy['unit'])} are shown in Table III and are not included."
    )
    return notes


def outcomes_included(review: Review) -> list[str]:
    """Outcomes of the arms that are included, in the order of the choices of the review."""
    arms = review["arms"]
    found = {outcome for ids in arms.loc[arms["entered"] == "yes", "outcome"] for outcome in ids_in(ids)}
    return [outcome for outcome in review.response_outcomes if outcome in found]


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


def time_span(analysis: Analysis, review: Review) -> str:
    """From which to which month the outcome was counted in the arms of an analysis; "" where they do not differ."""
    used = {response for ids in analysis.entered["response_ids"] for response in ids_in(ids)}
    responses = review["responses"]
    months = numbers(responses.loc[responses["response_id"].isin(used), "time_point_months"]).dropna()
    return f"{months.min():g} to {months.max():g} months" if months.min() < months.max() else ""


def comparison_group_words(studies: Collection[str], review: Review) -> str:
    """How many of some studies had a comparison group, and of how many it is not reported: "2 of 6 studies"."""
    groups = Counter(review.comparison_group[study] for study in studies)
    known = groups["yes"] + groups["no"]
    unknown = f"not reported for {counted(len(studies) - known, 'study', 'studies')}"
    if not known:
        return unknown
    words = f"{groups['yes']} of {counted(known, 'study', 'studies')}"
    return words if known == len(studies) else f"{words}; {unknown}"


def verification_words(review: Review) -> str:
    """How many of the included counts a second person has verified, and how many of a program nobody has."""
    arms = review["arms"]
    whole = (arms["entered"] == "yes") & (arms["scope"] == "therapy") & (arms["disease"] == ALL)
    included = set(arms.loc[whole, "response_ids"].str.split(";").explode())
    rows = review["responses"]
    rows = rows[rows["response_id"].isin(included)]
    verified = ~rows["verified_by"].isin(SILENT)
    program = rows["extracted_by"].str.casefold().str.startswith(PROGRAM) & ~verified
    words = f"a second person verified {verified.sum()}"
    if program.any():
        words += f"; {program.sum()} were extracted by a program and not verified"
    return f"Of {counted(len(rows), 'included count')}, {words}"


def extraction_words(review: Review) -> str:
    """How far two extractions agree and what is still open."""
    if not review.extracted_twice:
        return "No second extraction is recorded"
    agreement, disagreements = review["agreement"], review["disagreements"]
    cells = agreement[agreement["kind"] != "rows"]
    decided = int((disagreements["state"] == "agreed").sum())
    return (
        f"{fraction(cells['agreed'].sum(), cells['compared'].sum())} of the cells in rows of both extractions agree; "
        f"{decided} of {counted(len(disagreements), 'difference')} in cells and rows decided"
    )
