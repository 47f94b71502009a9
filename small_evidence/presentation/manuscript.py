"""Methods and results of a review in words, generated from its configuration and its results.

Every number comes from the tables of the run. What only people know (question, search, selection, interpretation) is
left to the authors; the checklists say where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from small_evidence.appraisal.certainty import ENOUGH_PATIENTS, MAJORITY, Q_P, SMALL_ARM, WIDE
from small_evidence.documents.text import Heading, Item, Text
from small_evidence.extraction.schema import ALL, LABELS, SILENT, humanise, numbers
from small_evidence.extraction.screening import box_label, flow_shown
from small_evidence.pooling.heterogeneity import MIN_K_SMALL_STUDY, MIN_STUDIES_SUBGROUP, MIN_STUDIES_SUBGROUP_TEST
from small_evidence.pooling.methods import ESTIMANDS, INTERVALS
from small_evidence.pooling.methods import METHODS as POOLING
from small_evidence.pooling.prediction import NEXT_PATIENTS
from small_evidence.pooling.record import STATUSES
from small_evidence.presentation.records import record_facts
from small_evidence.presentation.references import METHODS, Citations, study_references
from small_evidence.reasons import not_pooled_reason
from small_evidence.review import Analysis, Review
from small_evidence.synthesis.analyses import ARM_SIZE, COVARIATE, SMALL_STUDIES, choices
from small_evidence.tables.awaiting import missing_counts_words
from small_evidence.tables.claims import claim_words
from small_evidence.tables.findings import FEW_STUDIES
from small_evidence.tables.parts import abbreviations, appraisal_words, extraction_words, tau2_words, verification_words
from small_evidence.wording import (
    FACTORS,
    all_of,
    capital,
    cell,
    counted,
    coverage,
    interval_label,
    measure_label,
    method_label,
    missing,
    next_patients,
    note_words,
    p_value,
    per_cent,
    rounded,
    scheme_name,
    sentence,
    variant_label,
    word,
)

SOFTWARE = {  # as their makers write them; the others are written as they are imported
    "jinja2": "Jinja2", "matplotlib": "Matplotlib", "numpy": "NumPy", "pydantic": "Pydantic", "scipy": "SciPy",
    "snakemake": "Snakemake", "typst": "Typst", "xlsxwriter": "XlsxWriter",
}  # fmt: skip
CITED_SOFTWARE: Mapping[str, Sequence[str]] = {
    "snakemake": ["molder2021"],
    "numpy": ["harris2020"],
    "scipy": ["virtanen2020"],
}
REPEATED = {  # how the analyses of a variant were repeated; the others are described in a sentence of their own
    "without_secondary": "without counts from secondary sources",
    "arm_size": "with study arms of 1, 3, 5 and 10 or more patients",
    "complete_only": "with complete responses only",
    "without_overlap": "without reports that may overlap",
    "other_report": "with the other report of the same patients",
    "worst_case": "counting no patient who was treated but not evaluated",
    "best_case": "counting every patient who was treated but not evaluated",
    "three_level": "with arms within studies, where a study has several",
}
LISTED = 3  # names in a sentence; more are counted


def manuscript(review: Review, versions: Mapping[str, str]) -> list[Text]:
    """The methods and the results.

    Parameters
    ----------
    versions : name of each program to its version, from `release.provenance.versions`
    """
    return [methods_text(review, versions), results_text(review)]


def methods_text(review: Review, versions: Mapping[str, str]) -> Text:
    """Methods: outcome, extraction, levels of evidence, selection of arms, synthesis, certainty, software."""
    cites = Citations(METHODS | {"scheme": cell(review.scheme["citation"])})
    blocks: list[str | Heading | Item] = [
        "Generated from the configuration and the results. The review question, eligibility criteria, search, study "
        "selection and data extraction are to be described by the authors.",
        *_records(review),
        Heading("Outcome"),
        _outcome(review),
        Heading("Data extraction and risk of bias"),
        _extraction(review),
        Heading("Level of evidence"),
        _grading(review, cites),
        Heading("Selection of study arms"),
        _selection(review),
        Heading("Synthesis"),
        *_synthesis(review, cites),
        Heading("Certainty of the evidence"),
        _certainty(review, cites),
        Heading("Software and reporting"),
        _software(versions, cites),
        f"The checklists of PRISMA 2020 {cites.cite('page2021')} and, for results that were not pooled, of SWiM "
        f"{cites.cite('campbell2020')} are completed as far as the results allow; items that only the authors can "
        "answer are marked.",
    ]
    blocks += [Heading("References"), *cites.items()]
    return Text("methods", f"Methods: {review.config['review']['title']}", tuple(blocks))


def results_text(review: Review) -> Text:
    """Results: the studies, which treatments were pooled and why others were not, and each treatment in turn."""
    cites = Citations(study_references(review["studies"], review.retracted))
    blocks: list[str | Heading | Item] = [
        Heading("Studies"),
        *_studies(review),
        Heading("Synthesis"),
        _pooled_or_not(review),
        Heading(f"Results by {review.subject.singular}"),
        *_by_class(review, cites),
        *_abbreviations(review),
    ]
    sensitivity = _sensitivity_results(review)
    if sensitivity:
        blocks += [Heading("Sensitivity analyses"), *map(Item, sensitivity)]
    blocks += [Heading("Adverse events"), _harms(review)]
    if len(review["reconciliation"]):
        blocks += [Heading("Comparison with published claims"), claim_words(review["reconciliation"])]
    cited = cites.items()
    if cited:
        blocks += [Heading("References"), *cited]
    return Text("results", f"Results: {review.config['review']['title']}", tuple(blocks))


def _records(review: Review) -> list[str | Heading | Item]:
    """Registration, protocol and search, as far as the config says."""
    known = record_facts(review)
    words = [
        f"{label}: {known[key]}"
        for key, label in (("registration", "Registration"), ("protocol", "Protocol"))
        if known[key]
    ]
    found = [*words, *([known["search"]] if known["search"] else [])]
    return [Heading("Protocol and search"), *found] if found else []


# Methods ---------------------------------------------------------------------------------------------------


def _outcome(review: Review) -> str:
    response, unit = review.response, review.policy["unit"]
    words = f"The outcome was the proportion of {LABELS['unit'][unit]} {'who' if unit == 'patient' else 'that'} "
    words += response.event_plural
    outcomes = [review.outcome(slug).label for slug in review.response_outcomes]
    if review.config["review"]["response"]:
        words += f" ({review.config['review']['response']})"
    elif len(outcomes) > 1:
        words += f" (outcomes combined: {'; '.join(outcomes)})"
    parts = [f"{words}."]
    if review.policy["response"] == "complete":
        parts.append("Only complete responses, as defined in each study, were counted.")
    elif review.complete_reported:
        parts.append("Complete and partial responses, as defined in each study, were counted.")
    parts.append(
        f"One primary outcome was used for each study, {review.subject.singular}, disease and unit of analysis."
    )
    if numbers(review["responses"]["time_point_months"]).notna().any():
        which = review.policy["time_point"]
        chosen = which if isinstance(which, str) else f"time point nearest to {which:g} months"
        parts.append(f"Of several time points of a study arm, the {chosen} was used.")
    return " ".join(parts)


def _extraction(review: Review) -> str:
    """Whether two people extracted and whether anybody appraised; how, the authors describe."""
    words = f"{extraction_words(review)}."
    if review.extracted_twice:
        tables = _listed(cell(name.replace("_", " ")) for name in review["agreement"]["table"].unique())
        words = (
            f"Two independent extractions of {tables} were compared. Where a difference was resolved, the agreed value "
            "was used; otherwise the value of the first extraction was used."
        )
    words += f" {verification_words(review)}."
    appraisal = review["appraisal"]
    tools = appraisal.loc[appraisal["appraised"] == "yes", "tool_label"].unique()
    if not len(tools):
        return f"{words} {appraisal_words(appraisal)}."
    return (
        f"{words} Risk of bias was appraised with {'; '.join(tools)}. No summary score was calculated for instruments "
        "that do not define one."
    )


def _grading(review: Review, cites: Citations) -> str:
    graded = review["study_levels"]
    active = graded[graded["status"] != "excluded"]
    by_authors, ungraded = int((active["override"] != "").sum()), int((active["gradable"] != "yes").sum())
    parts = [
        "The level of evidence of each study was assigned from its design. "
        f"Scheme: {review.scheme['title']} {cites.cite('scheme')}."
    ]
    if review.scheme["note"]:
        parts.append(sentence(review.scheme["note"]))
    parts.append(
        f"The level of each {review.subject.singular} is the highest level among its eligible studies, whether or not "
        "their counts could be analysed; it is marked where the analysis includes no study of that level."
    )
    if by_authors:
        parts.append(f"The authors set the level of {_studies_of(by_authors)}, with the reason given in Table II.")
    if ungraded:
        parts.append(f"The level of {_studies_of(ungraded)} could not be graded.")
    others = [scheme_name(name) for name in review.standards.levels["schemes"] if name != review.scheme_name]
    if others and "level_sensitivity" in review:
        parts.append(f"As a sensitivity analysis, all studies were also graded by {_listed(others)}.")
    return " ".join(parts)


def _selection(review: Review) -> str:
    policy = review.policy
    unit, units = policy["unit"], LABELS["unit"][policy["unit"]]
    others = [words for slug, words in LABELS["unit"].items() if slug != unit]
    parts = [
        f"A study arm was included in an analysis if the numbers of {review.response.noun_plural} and of {units} were "
        f"available and it "
        f"had at least {counted(policy['min_arm_size'], unit)}. Other arms are shown with the reason.",
        f"Counts of {units} and of {_listed(others)} were not combined, and patients reported more than once were "
        "counted once.",
    ]
    if (review["therapies"]["kind"] == "none").any():
        parts.append("Comparison groups that received no treatment or placebo were not pooled.")
    if policy["secondary_sources"] == "include":
        parts.append("Counts known only from a secondary source were included and are marked.")
    else:
        parts.append("Counts known only from a secondary source were not included.")
    if policy["verified_only"]:
        parts.append("Only counts verified by a second person were included.")
    parts.append(
        "Missing counts were not imputed; the studies concerned are listed as awaiting counts. "
        f"{capital(review.subject.plural)} were analysed across all diseases and by disease, individually and by class."
    )
    apart = [review.labels.of("class", slug) for slug in policy["classes_not_combined"]]
    if apart:
        parts.append(f"Classes whose members were considered too different to be combined: {'; '.join(apart)}.")
    return " ".join(parts)


def _synthesis(review: Review, cites: Citations) -> Iterator[str]:
    policy, conf = review.policy, coverage(review.conf_level)
    method = POOLING[policy["method"]]
    yield (
        f"Proportions are reported with exact (Clopper-Pearson) {conf} confidence intervals "
        f"{cites.cite('clopper1934')}, for each study arm and for the summed counts of each analysis."
    )
    label = method_label(policy["method"])
    model = f"{_article(label)} {label}{_after(cites.cite(*method.citations))}{_model_details(review)}"
    kind = _interval(review)
    limits = f"{interval_words(review)}{_after(cites.cite(*INTERVALS[kind].citations))}"
    yield (
        f"Analyses of at least {_studies_of(policy['min_studies'])} were pooled with {model}. Pooled proportions are "
        f"reported with {limits}. The pooled proportion is that of {ESTIMANDS[method.estimand]}. If all or none of the "
        f"{LABELS['unit'][policy['unit']]} {review.response.event_plural}, it is 100% or 0% with the exact interval of "
        "the summed counts, and the variance between studies is not estimated. Smaller analyses were not pooled; their "
        "results are shown side by side."
    )
    yield (
        f"Heterogeneity is described by the variance between studies (tau²) and a {conf} prediction interval "
        f"{cites.cite('higgins2009')}, and tested by the exact conditional distribution of the likelihood-ratio "
        f"statistic; I² {cites.cite('higgins2002')} is given in the tables."
    )
    if "heterogeneity" in review and len(review["heterogeneity"]):
        yield _difference_methods(review["heterogeneity"])
    if "comparisons" in review and review["comparisons"]["estimate"].notna().any():
        yield (
            "Groups of different patients within one study were compared by odds ratio (exact for one study; for "
            f"several by the hypergeometric-normal model {cites.cite('stijnen2010')} with penalised profile likelihood "
            "and Student's critical value), risk ratio and risk difference (score intervals for one study; for several "
            "by Mantel-Haenszel, which assume one effect in all studies)."
        )
    if "sensitivity" in review:
        yield _sensitivity_methods(review)
    yield (
        f"The direction of a result states whether its {conf} interval lies above, below or across a "
        f"proportion of {_threshold(review)}%. It follows from the numbers alone and is not a recommendation."
    )


def interval_words(review: Review) -> str:
    """Which intervals pooled proportions have."""
    kind, conf = _interval(review), coverage(review.conf_level)
    return (
        f"{conf} credible intervals" if kind == "credible" else f"{conf} confidence intervals ({interval_label(kind)})"
    )


def _interval(review: Review) -> str:
    """Slug of the interval of pooled proportions."""
    named = str(review.policy["interval"])
    return POOLING[review.policy["method"]].default_interval if named == "default" else named


def _model_details(review: Review) -> str:
    """Corrections and priors of the model, and the scale of a two-step model."""
    method, priors = review.policy["method"], review.policy["priors"]
    if method == "bayes":
        return (
            f" (mean log odds normal with standard deviation {priors['b_sd']:g}, standard deviation between studies "
            f"half-normal with scale {priors['tau_scale']:g}), without continuity correction"
        )
    if method != "inverse_variance":
        return ", without continuity correction"
    done = review["pooled"].query("pooled == 'yes'")
    scales = [f"{measure_label(slug)} scale" for slug in done["measure"].unique() if slug]
    estimators = [f"{name} estimate of tau²" for name in done["tau2_method"].unique() if name]
    details = [*scales, *estimators, "0.5 added only to studies in which all or none had the outcome"]
    return f" ({', '.join(details)})"


def _difference_methods(table: pd.DataFrame) -> str:
    """Which differences between studies were looked at, and how many were tested, whatever came of it."""
    looked_at = table.drop_duplicates(["analysis", "factor", "covariate"])
    of_subgroups = looked_at[looked_at["factor"].isin(FACTORS) & (looked_at["factor"] != SMALL_STUDIES)]
    by = [FACTORS[factor].lower() for factor in FACTORS if factor in set(of_subgroups["factor"])]
    by += [humanise(str(name)) for name in looked_at.loc[looked_at["factor"] == COVARIATE, "covariate"].unique()]
    compared = (
        f"In each pooled analysis, studies were compared by {_listed(by)}, with one variance between studies, where "
        f"each subgroup had at least {MIN_STUDIES_SUBGROUP} studies and all together at least "
        f"{MIN_STUDIES_SUBGROUP_TEST}; "
        if by
        else "Subgroups were not compared, since no pooled analysis had any; "
    )
    done = int(looked_at["chi2"].notna().sum())
    return (
        f"{compared}small-study effects were tested (log odds against 1/n) where there were at least "
        f"{MIN_K_SMALL_STUDY} study arms. P values, not adjusted for their number, are those of the F distribution for "
        "the likelihood ratio with a penalty on the variance between studies. Of "
        f"{counted(len(looked_at), 'such comparison')} {done or 'none'} could be tested."
    )


def _sensitivity_methods(review: Review) -> str:
    """Choices are named whether or not they changed a result, overlaps only where there are any."""
    done = {ARM_SIZE, *choices(review), *review["sensitivity"]["variant"]}
    repeated = [words for variant, words in REPEATED.items() if variant in done]
    return (
        "In sensitivity analyses, each pooled analysis was repeated with one study left out at a time, cumulatively by "
        f"year of publication, and with other models and intervals. All analyses were repeated {_listed(repeated)}."
    )


def _certainty(review: Review, cites: Citations) -> str:
    overall = review["certainty_ratings"].query("domain == 'overall'")
    confirmed = int((overall["confirmed"] != "").sum())
    return (
        f"Certainty was judged by the domains of GRADE {cites.cite('balshem2011', 'guyatt2011')}. A rating was "
        "proposed by rules from the numbers, which do not ask whether the proportion is high or low: evidence without "
        f"a comparison group started low; a concern was raised if studies with {MAJORITY:.0%} of the patients were at "
        "high risk of bias, not appraised or not read in full, if the exact test of one proportion had "
        f"P < {Q_P:.2f}, if outcomes or members of a class were counted together, if there were fewer than "
        f"{ENOUGH_PATIENTS} patients, if the interval included {review.response_threshold * 100:g}% or was wider than "
        f"{WIDE * 100:.0f} percentage points, if half of the study arms had fewer than {SMALL_ARM} patients, or if "
        f"counts of half of the studies were missing. The authors confirmed {confirmed} of "
        f"{counted(len(overall), 'rating')}; the others are proposals. The summary of findings also notes fewer than "
        f"{FEW_STUDIES} studies, wide prediction intervals and counts from a secondary source or an abstract only."
    )


def _software(versions: Mapping[str, str], cites: Citations) -> str:
    programs = [
        f"{SOFTWARE.get(name, name)} {version}{_after(cites.cite(*CITED_SOFTWARE.get(name, [])))}"
        for name, version in versions.items()
        if name not in ("small_evidence", "python")
    ]
    return (
        f"Numbers, tables and figures were produced with small-evidence {versions['small_evidence']} under Python "
        f"{versions['python']}, using {_listed(programs)}. The configuration and the checksums of all input and result "
        "files are recorded in results/provenance.json."
    )


# Results ---------------------------------------------------------------------------------------------------


def _studies(review: Review) -> Iterator[str]:
    studies, graded = review["studies"], review["study_levels"]
    sizes = Counter(studies["status"])
    included = (
        f"The tables contain {_studies_of(len(studies))}: {sizes['included']} included, {sizes['awaiting']} awaiting "
        f"counts and {sizes['excluded']} excluded (Table II)."
    )
    yield " ".join(part for part in (_flow(review), included) if part)
    active = graded[graded["status"] != "excluded"]
    by_level = Counter(active.loc[active["gradable"] == "yes", "level"])
    levels = [f"{level} in {by_level[level]}" for level in review.scheme["order"] if by_level[level]]
    ungraded = len(active) - sum(by_level.values())
    among = f"Among the {counted(len(active), 'eligible study', 'eligible studies')}, "
    words = f"{among}the level of evidence was {_listed(levels)}" if levels else f"{among}no level could be assigned"
    words += f"; {ungraded} could not be graded." if ungraded and levels else "."
    designs = Counter(studies.loc[studies["status"] != "excluded", "design"])
    named = [
        f"{'not reported' if slug in SILENT else word('design', slug)} ({number})"
        for slug, number in designs.most_common()
    ]
    yield f"{words} Study designs: {'; '.join(named)}." if named else words
    if review.retracted:
        named = [review.labels.study[slug] for slug in studies["study_id"] if slug in review.retracted]
        yield f"Retracted reports, whose counts stay in the analyses: {_listed(named)}."
    agreement = f"{extraction_words(review)}. " if review.extracted_twice else ""
    yield f"{agreement}{appraisal_words(review['appraisal'])}."


def _flow(review: Review) -> str:
    """The numbers of the flow of records, counted or typed, with their source."""
    found, is_published = flow_shown(review["screening"], review["records"])
    if found.empty:
        return ""
    known = found[found["n"].notna()]
    boxes = [f"{_box_words(row)}, {row['n']:,.0f}" for row in known.to_dict("records")]
    sources = [cell(source) for source in dict.fromkeys(known["source"]) if source not in SILENT]
    origin = f" (source: {'; '.join(sources)})" if sources else ""
    blank = len(found) - len(known)
    whose = " of the published review" * is_published
    words = [f"Flow of records{whose}{origin}: {'; '.join(boxes)}."] if boxes else []
    if blank:
        other = "other " * bool(boxes)
        words.append(f"The {other}{counted(blank, 'number')} of the flow diagram{whose} {_were(blank)} not reported.")
    return " ".join(words)


def _box_words(row: Mapping[Hashable, Any]) -> str:
    """What is counted: "records screened"; a part after its box: "reports excluded with reasons: wrong outcome"."""
    label = f"{box_label(row['box'])}: {row['label']}" if row["box"] and row["part"] else str(row["label"])
    return label[:1].lower() + label[1:]


def _pooled_or_not(review: Review) -> str:
    policy, single = review.policy, review.studied
    done = [one for one in single if one.pooled]
    few = [one for one in single if not one.pooled and one.result["k"]]
    none = [one for one in single if not one.result["k"]]
    of_these = []
    if done:
        names = f" ({_listed(one.label for one in done)})" if len(done) <= LISTED else ""
        of_these.append(f"{len(done)} could be pooled{names}")
    if few:
        least = _studies_of(policy["min_studies"])
        of_these.append(f"{len(few)} had counts from fewer than {least} and {_were(len(few))} not pooled")
    if none:
        reasons = Counter(not_pooled_reason(one.result, review) for one in none)
        why = "; ".join(f"{reason}, {number}" for reason, number in reasons.most_common())
        of_these.append(f"{len(none)} had no study arm that could be analysed ({why})")
    parts = [f"Eligible studies were found for {counted(len(single), *review.subject)}."]
    if of_these:
        parts.append(f"Of these, {'; '.join(of_these)}.")
    if not len(done):
        parts.append(f"No {review.subject.singular} could be pooled.")
    if len(review["awaiting"]):
        parts.append(missing_counts_words(review))
    by_disease = review["pooled"].query("disease != 'all' and scope == 'therapy' and pooled == 'yes'")
    if len(review.diseases) < 2:
        return " ".join(parts)
    if len(by_disease):
        within = [review.labels.of("therapy", row["therapy"], row["disease"]) for _, row in by_disease.iterrows()]
        parts.append(f"By disease, {_listed(within)} could be pooled.")
    elif len(done):
        parts.append(f"No {review.subject.singular} could be pooled within a single disease.")
    return " ".join(parts)


def _by_class(review: Review, cites: Citations) -> Iterator[Heading | Item]:
    """Each class with its treatments, the class as a whole, and those of its treatments without analysable counts."""
    for therapy_class, members in review.classes:
        found = [review.analysis_of("therapy", therapy) for therapy in members]
        known = [analysis for analysis in found if analysis is not None]
        analysed = [analysis for analysis in known if analysis.result["k"]]
        if not known:
            continue
        label = review.labels.therapy_class[therapy_class]
        yield Heading(label, 2)
        for analysis in analysed:
            yield Item(f"{analysis.label}: {_finding(analysis, review, cites)}")
        whole = review.analysis_of("class", therapy_class)
        if len(analysed) > 1 and whole is not None:
            yield Item(f"{all_of(label)}: {_finding(whole, review, cites)}")
        without: dict[str, list[str]] = {}
        for analysis in known:
            if not analysis.result["k"]:
                without.setdefault(not_pooled_reason(analysis.result, review), []).append(analysis.label)
        if without:
            reasons = [sentence(f"{why}: {'; '.join(names)}") for why, names in without.items()]
            yield Item(" ".join(["Not analysed.", *reasons]))


def _finding(analysis: Analysis, review: Review, cites: Citations) -> str:
    """What was found with a treatment or class that has counts."""
    result = analysis.result
    included = analysis.entered.sort_values(["year", "study_id"], na_position="last", kind="stable")
    mark = cites.cite(*dict.fromkeys(included["study_id"]))
    crude = _span(result["crude_ci_lb"], result["crude_ci_ub"])
    parts = [
        f"{_counts(result, review)} ({per_cent(result['crude'])}%; {coverage(review.conf_level)} CI {crude}) {mark}.",
        _pooled(result, review) if analysis.pooled else f"Not pooled ({not_pooled_reason(result, review)}).",
    ]
    by_disease = [review.analysis_of(analysis.scope, analysis.therapy, disease) for disease in review.diseases]
    shares = [
        f"{review.labels.disease_short[part.disease]}, {part.result['events']:,.0f} of {part.result['n']:,.0f} "
        f"({_studies_of(part.result['k'])})"
        for part in by_disease
        if part is not None and part.result["k"]
    ]
    if shares and len(review.diseases) > 1:
        parts.append(f"By disease: {'; '.join(shares)}.")
    parts += [_level(analysis)] * bool(analysis.level)
    if result["k_left_out"]:
        k = int(result["k_left_out"])
        parts.append(f"Counts from {counted(k, 'other study', 'other studies')} were not included (Table III).")
    if result["k_awaiting"]:
        k = int(result["k_awaiting"])
        parts.append(f"Counts from {counted(k, 'further study', 'further studies')} are awaited.")
    return " ".join(parts)


def _counts(result: Mapping[str, Any], review: Review) -> str:
    events, response = int(result["events"]), review.response
    event = response.event_singular if events == 1 else response.event_plural
    return f"{events:,} of {counted(int(result['n']), review.policy['unit'])} {event} in {_studies_of(result['k'])}"


def _pooled(result: Mapping[str, Any], review: Review) -> str:
    conf, response, unit = coverage(review.conf_level), review.response, review.policy["unit"]
    name = "CrI" if result["interval"] == "credible" else "CI"
    details = [f"{conf} {name} {_span(result['ci_lb'], result['ci_ub'])}"]
    if POOLING[result["method"]].estimand == "median" and not missing(result["mean_proportion"]):
        bounds = "" if missing(result["mean_ci_lb"]) else f", {_span(result['mean_ci_lb'], result['mean_ci_ub'])}"
        details.append(f"mean study {per_cent(result['mean_proportion'])}%{bounds}")
    if not missing(result["pi_lb"]):
        details.append(f"{conf} prediction interval {_span(result['pi_lb'], result['pi_ub'])}")
    if not missing(result["next_lb"]):
        units, above = LABELS["unit"][unit], rounded(result["further_above"], 2)
        coming = f"{next_patients(result)} {response.noun_plural} expected among {NEXT_PATIENTS} further {units}"
        details += [coming, f"probability that a further study is above {review.response_threshold * 100:g}% {above}"]
    if not missing(result["tau2"]):
        details.append(f"tau² {tau2_words(result)}")
    if not missing(result["q_p"]):
        p = p_value(result["q_p"])
        details.append(f"heterogeneity P {p if p[0] == '<' else f'= {p}'}")
    modelled = not missing(result["b"])
    estimand = f" of {ESTIMANDS[POOLING[result['method']].estimand]}" if modelled else ""
    words = f"Pooled proportion{estimand} {per_cent(result['estimate'])}% ({'; '.join(details)})."
    exact = "the interval is the exact interval of the summed counts."
    status = result["status"]
    if status == "all_responders":
        return f"{words} All {LABELS['unit'][unit]} {response.event_plural}; {exact}"
    if status == "no_responders":
        return f"{words} No {unit} {response.event_singular}; {exact}"
    if status == "tau2_zero":
        return f"{words} The variance between studies is estimated as zero, the boundary of its range."
    remarks = [STATUSES[status]] * (status != "ok") + note_words(result["note"])
    return " ".join([words, *(sentence(remark) for remark in remarks)])


def _level(analysis: Analysis) -> str:
    """The level of evidence, with a mark where no study of that level is in the counts beside it."""
    level = analysis.level["level"]
    if not level:
        return "Level of evidence: not gradable."
    apart = analysis.level["level_in_number"] == "no"
    return f"Level of evidence {level}" + ("; no study of this level is included in these counts." if apart else ".")


def _abbreviations(review: Review) -> Iterator[str]:
    shown = {
        analysis.disease
        for analysis in review.analyses.values()
        if analysis.scope == "therapy" and analysis.disease != ALL and analysis.result["k"]
    }
    credible = (review["pooled"]["interval"] == "credible").any()
    diseases = abbreviations(shown, review["diseases"])
    parts = ["CI, confidence interval", *["CrI, credible interval"] * bool(credible), *diseases]
    if review.analyses:
        yield f"Abbreviations: {sentence('; '.join(parts))}"


def _sensitivity_results(review: Review) -> list[str]:
    """How far pooled proportions depend on single studies and on the method, and what each other choice gives.

    Results of a choice are given where they are pooled, or were; the others are counted.
    """
    if "sensitivity" not in review:
        return []
    single = review.studied
    found = []
    for analysis in (one for one in single if one.pooled):
        ranges = [f"{_range(values)} {words}" for words, values in _ranges(analysis)]
        if ranges:
            found.append(f"{analysis.label}, pooled proportion: {'; '.join(ranges)}.")
    for variant, change in _repeated(review["sensitivity"]):
        rows = [
            (analysis, row)
            for analysis in single
            for row in analysis.variant_rows
            if (row["variant"], row["change"]) == (variant, change)
        ]
        shown = [(analysis, row) for analysis, row in rows if analysis.pooled or row["pooled"] == "yes"]
        results = [f"{analysis.label}, {_variant_result(row, review)}" for analysis, row in shown]
        if others := len(rows) - len(shown):
            other = "other " * bool(shown)
            results.append(f"counts changed in {others} {other}{'analysis' if others == 1 else 'analyses'}, not pooled")
        if results:
            found.append(f"{variant_label(variant, change)}: {'; '.join(results)}.")
    return found


def _repeated(sensitivity: pd.DataFrame) -> list[tuple[str, str]]:
    """The variants of which each result is given, with what was changed, in the order of the methods."""
    rows = sensitivity[sensitivity["variant"].isin(list(REPEATED))].drop_duplicates(["variant", "change"])
    order = list(REPEATED)
    pairs = zip(rows["variant"], rows["change"], strict=True)
    return sorted(pairs, key=lambda pair: (order.index(pair[0]), int(pair[1] or 0)))


def _ranges(analysis: Analysis) -> Iterator[tuple[str, pd.Series]]:
    """Estimates without each study, and by every model of each estimand, with what they are of; none if not pooled.

    A model counts once, however many intervals it has.
    """
    rows = analysis.variants
    if not len(rows):
        return
    rows = rows[rows["estimate"].notna()]
    without = rows[rows["variant"] == "leave_one_out"]
    if len(without):
        yield "with one study left out at a time", without["estimate"]
    models = rows[rows["variant"] == "method"].drop_duplicates(["method", "measure", "tau2_method"])
    for estimand, own in models.groupby(models["method"].map(lambda name: POOLING[name].estimand), sort=False):
        of = {"common": "of one proportion for all studies"}.get(estimand, f"of {ESTIMANDS[estimand]}")
        yield f"with {counted(len(own), 'model')} {of}", own["estimate"]


def _range(values: pd.Series) -> str:
    """Lowest and highest of estimates, which may be one."""
    ends = dict.fromkeys(f"{per_cent(value)}%" for value in (values.min(), values.max()))
    return " to ".join(ends)


def _variant_result(row: Mapping[Any, Any], review: Review) -> str:
    if not row["k"]:
        return "no study arm remains"
    share = f"{row['events']:,.0f} of {row['n']:,.0f} in {_studies_of(row['k'])}"
    if row["pooled"] != "yes":
        return f"{share}, not pooled"
    name = "CrI" if row["interval"] == "credible" else "CI"
    bounds = f"{coverage(review.conf_level)} {name} {_span(row['ci_lb'], row['ci_ub'])}"
    return f"{share}, pooled {per_cent(row['estimate'])}% ({bounds})"


def _harms(review: Review) -> str:
    studies, events = review["studies"], review["adverse_events"]
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    kinds = events[events["study_id"].isin(active)].groupby("study_id")["reporting"].agg(set)
    if kinds.empty:
        return "No eligible study stated whether adverse events occurred, which does not show that there were none."
    harmed = sum("reported" in kind for kind in kinds)
    free = sum("reported" not in kind and "reported_none" in kind for kind in kinds)
    parts = [f"{harmed} reported at least one event", f"{free} reported that none occurred"]
    if unclear := len(kinds) - harmed - free:
        parts.append(f"{unclear} {_were(unclear)} unclear")
    words = (
        f"Adverse events were addressed in {len(kinds)} of {counted(len(active), 'eligible study', 'eligible studies')}"
    )
    words += f": {_listed(parts)}. "
    if silent := len(active) - len(kinds):
        words += (
            f"The other {_studies_of(silent) if silent > 1 else 'study'} did not mention them, which does not show "
        )
        words += "that there were none. "
    return words + f"Adverse events are listed by {review.subject.singular} in the table of adverse events."


# Words -----------------------------------------------------------------------------------------------------


def _studies_of(number: float) -> str:
    return counted(int(number), "study", "studies")


def _span(lower: float, upper: float) -> str:
    """An interval in running text.

    >>> _span(0.351, 0.671)
    '35.1% to 67.1%'
    """
    return f"{per_cent(lower)}% to {per_cent(upper)}%"


def _threshold(review: Review) -> str:
    return f"{review.response_threshold * 100:.3g}"


def _after(mark: str) -> str:
    """A citation after a word."""
    return f" {mark}" if mark else ""


def _article(words: str) -> str:
    """The indefinite article.

    >>> _article("inverse-variance model"), _article("beta-binomial model")
    ('an', 'a')
    """
    return "an" if words[0] in "aeiou" else "a"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _listed(words: Iterable[str]) -> str:
    """Words as people list them.

    >>> _listed(["a"]), _listed("ab"), _listed("abc"), _listed([])
    ('a', 'a and b', 'a, b and c', '')
    """
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
