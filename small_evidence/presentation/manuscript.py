"""Text for the paper: sentences that the config and the results make, and nothing that only the authors can know.

Every number comes from the tables of the run. What people decided (question, search, selection, interpretation) is left
to them; the checklists say where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from small_evidence.documents.text import Heading, Item, Text
from small_evidence.extraction.schema import LABELS, numbers
from small_evidence.presentation.references import METHODS, Citations, study_references
from small_evidence.synthesis.analyses import ALL, CHOICES, VARIANTS, over_all
from small_evidence.tables.findings import FEW_STUDIES, Q_P, SMALL_ARM, WIDE, level_notes
from small_evidence.tables.parts import (
    abbreviations,
    appraisal_words,
    by_key,
    extraction_words,
    scheme_of,
    therapy_order,
)
from small_evidence.wording import (
    SILENT,
    all_of,
    cell,
    class_label,
    counted,
    coverage_of,
    ids_in,
    labels_of,
    level_text,
    measure_label,
    method_label,
    missing,
    p_value,
    per_cent,
    scheme_name,
    short_labels,
    variance,
    word,
)

SOFTWARE = {  # as their makers write them; the others are written as they are imported
    "jinja2": "Jinja2", "matplotlib": "Matplotlib", "numpy": "NumPy", "scipy": "SciPy", "snakemake": "Snakemake",
    "xlsxwriter": "XlsxWriter", "pydantic": "Pydantic",
}  # fmt: skip
CITED_SOFTWARE = {"snakemake": "molder2021", "numpy": "harris2020", "scipy": "virtanen2020"}
VALUES = {  # what a pooled value is, by model
    "glmm": "The pooled value is the proportion of the median study.",
    "beta_binomial": "The pooled value is the mean proportion.",
    "bayes": "The pooled value is the posterior median of the proportion of the median study.",
    "inverse_variance": "The pooled value is the back-transformed mean.",
}
LISTED = 3  # names in a sentence; more are counted


def manuscript(
    frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping, versions: Mapping[str, str]
) -> list[Text]:
    """The methods and the results of a review in words.

    Parameters
    ----------
    frames : mapping; checked extraction tables and results by name, as `tables.evidence_tables` takes them
    schemes : mapping from `grading.read_schemes`
    config : mapping; the review's choices
    versions : mapping from `provenance.versions`
    """
    return [methods_text(frames, schemes, config, versions), results_text(frames, schemes, config)]


def methods_text(
    frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping, versions: Mapping[str, str]
) -> Text:
    """Methods: outcome, levels, synthesis, software; parameters as of `manuscript`."""
    scheme = scheme_of(frames["study_levels"], schemes)
    cites = Citations(METHODS | {"scheme": cell(schemes["schemes"][scheme]["citation"])})
    blocks = [
        "Made from the choices of the review and from what was run. Question, eligibility, search, selection "
        "and data "
        "extraction are the authors' to describe.",
        Heading("Outcome"),
        _outcome(config),
        Heading("Extraction and risk of bias"),
        _quality(frames),
        Heading("Level of evidence"),
        *_grading(frames, schemes, config, cites),
        Heading("Which study arms entered"),
        _selection(frames, config),
        Heading("Synthesis"),
        *_synthesis(frames["pooled"], config["synthesis"], cites),
        *_sensitivity_methods(frames.get("sensitivity")),
        _direction(config),
        Heading("Certainty"),
        f"No rating of certainty was made. The summary of findings notes what in the numbers limits it: fewer than "
        f"{FEW_STUDIES} studies; half of the arms or more with fewer than {SMALL_ARM} patients; an interval of more "
        f"than {WIDE * 100:.0f} percentage points; a heterogeneity test with P < {Q_P:.2f}; a wide prediction "
        f"interval; "
        "counts known from a secondary source or read as an abstract only; no comparison group; studies whose counts "
        "are awaited.",
        Heading("Software"),
        _software(versions, cites),
        f"The checklists of PRISMA 2020 {cites.cite('page2021')} and, for what was not pooled, of SWiM "
        f"{cites.cite('campbell2020')} are filled in as far as the run can tell; what only the authors can "
        f"answer is marked.",
        Heading("References"),
        *cites.items(),
    ]
    return Text("methods", f"Methods: {config['review']['title']}", tuple(blocks))


def results_text(frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping) -> Text:
    """Results: the studies, what was pooled and what not and why, a line a treatment; parameters as of `manuscript`."""
    studies, therapies = frames["studies"], frames["therapies"]
    cites = Citations(study_references(studies))
    labels = config["review"]["class_labels"]
    blocks = [Heading("Studies"), *_studies(frames, schemes), Heading("Synthesis"), _pooled_or_not(frames, config)]
    lines = by_key(frames["pooled"], ("scope", "therapy", "disease"))
    levels = by_key(frames["therapy_levels"], ("scope", "therapy", "disease"))
    entered = _entered(frames["arms"])
    therapy_labels = labels_of(therapies, "therapy")
    tell = _Teller(frames, config, levels, entered, cites)
    blocks.append(Heading("Response by treatment"))
    for therapy_class, members in therapy_order(therapies):
        known = [therapy for therapy in members if ("therapy", therapy, ALL) in lines]
        analysed = [therapy for therapy in known if lines["therapy", therapy, ALL]["k"]]
        if not known:
            continue
        group = class_label(therapy_class, labels)
        blocks.append(Heading(group, 2))
        blocks += [Item(tell.line(therapy_labels[name], "therapy", name, lines)) for name in analysed]
        if len(analysed) > 1 and ("class", therapy_class, ALL) in lines:
            blocks.append(Item(tell.line(all_of(group), "class", therapy_class, lines)))
        others = [therapy for therapy in known if therapy not in analysed]
        if others:
            blocks.append(Item(tell.without(others, therapy_labels, lines)))
    short = abbreviations(tell.diseases_named, frames["diseases"])
    if short:
        blocks.append(f"Abbreviations: CI, confidence interval; {short[0]}")
    sensitivity = _sensitivity_results(frames.get("sensitivity"), frames["pooled"], therapy_labels, config)
    if sensitivity:
        blocks += [Heading("Sensitivity analyses"), *map(Item, sensitivity)]
    blocks += [Heading("Adverse events"), _harms(frames)]
    if len(frames.get("reconciliation", ())):
        blocks += [Heading("Comparison with published claims"), claim_words(frames["reconciliation"])]
    cited = cites.items()
    if cited:
        blocks += [Heading("References"), *cited]
    return Text("results", f"Results: {config['review']['title']}", tuple(blocks))


# Methods ---------------------------------------------------------------------------------------------------


def _outcome(config: Mapping) -> str:
    policy, review = config["synthesis"], config["review"]
    kind = "a complete or partial response" if policy["response"] == "any" else "a complete response only"
    return (
        f"The outcome was the proportion of {LABELS['unit'][policy['unit']]} with a response, defined as "
        f"{review['response']}, among those treated. A responder had {kind}, as the study defined it. One "
        f"outcome, the "
        "primary one, counted for each study, treatment, disease and unit."
    )


def _quality(frames) -> str:
    """Whether two people extracted and whether anybody appraised; how, the authors must say."""
    agreement, appraisal = frames.get("agreement"), frames["appraisal"]
    words = f"{extraction_words(None, None)}."
    if agreement is not None:
        told = _listed(cell(name.replace("_", " ")) for name in agreement["table"].unique())
        words = (
            f"Two extractions of {told} were set side by side. Where a difference was decided, the value that both "
            "agreed on was used, elsewhere that of the first."
        )
    tools = appraisal.loc[appraisal["appraised"] == "yes", "tool_label"].unique()
    if not len(tools):
        return f"{words} {appraisal_words(appraisal)}."
    return (
        f"{words} Instruments for the risk of bias: {'; '.join(tools)}. No score was made where an instrument has none."
    )


def _grading(frames, schemes, config, cites) -> list[str]:
    graded = frames["study_levels"]
    scheme = scheme_of(graded, schemes)
    facts = schemes["schemes"][scheme]
    active = graded[graded["status"] != "excluded"]
    by_hand = int((~active["override"].map(missing)).sum())
    ungraded = int((active["gradable"] != "yes").sum())
    first = (
        f"Each study was graded by its design. Scheme: {facts['title']} {cites.cite('scheme')}. A treatment has the "
        "best level among its eligible studies, with or without usable counts; direction and agreement of the lower "
        "levels stand beside it."
    )
    if facts["note"]:
        first += f" {cell(facts['note'])}"
    if by_hand:
        first += f" The level of {counted(by_hand, 'study', 'studies')} was set by hand, with the reason (Table II)."
    if ungraded:
        first += f" Not gradable: {counted(ungraded, 'study', 'studies')}."
    others = [scheme_name(name) for name in schemes["schemes"] if name != scheme]
    if others and "level_sensitivity" in frames:
        first += f" As a sensitivity analysis all were graded under {_listed(others)} too."
    return [first]


def _selection(frames, config) -> str:
    policy, labels = config["synthesis"], config["review"]["class_labels"]
    unit, units = policy["unit"], LABELS["unit"][policy["unit"]]
    other = next(words for slug, words in LABELS["unit"].items() if slug != unit)
    parts = [
        f"An arm entered the analysis when responders and number of {units} were in hand and it had at least "
        f"{counted(policy['min_arm_size'], unit)}; smaller arms are shown, not pooled.",
        f"Counts of {units} and of {other} never shared an analysis, and a cohort reported twice was counted once.",
    ]
    if policy["secondary_sources"] == "include":
        parts.append("Counts known only from someone else's account of a study were included and are marked.")
    else:
        parts.append("Counts known only from someone else's account of a study were excluded.")
    parts.append(
        "Missing counts were not taken as no response: such studies are listed as awaited. Treatments were analysed "
        "over all diseases and by disease, singly and by class."
    )
    unlike = [class_label(slug, labels) for slug in policy["classes_not_combined"]]
    if unlike:
        parts.append(f"The members of these classes were judged too unlike to be combined: {_listed(unlike)}.")
    return " ".join(parts)


def _synthesis(pooled: pd.DataFrame, policy: Mapping, cites: Citations) -> list[str]:
    coverage = f"{policy['conf_level']:.0%}"
    exact = (
        f"Every proportion is shown as responders among {LABELS['unit'][policy['unit']]} with its exact "
        f"(Clopper-Pearson) {coverage} confidence interval {cites.cite('clopper1934')}, for each arm and for "
        f"the sum of an analysis."
    )
    model = f"From {counted(policy['min_studies'], 'study', 'studies')} on, proportions were pooled by "
    model += f"{_with_article(method_label(policy['method']))}{_model_details(pooled, policy, cites)}. "
    model += f"Each pooled value has its {coverage_of(policy['conf_level'], policy['interval'])}"
    if policy["interval"].startswith("profile"):
        model += f" {cites.cite('hardy1996')}"
    model += f". {VALUES[policy['method']]}"
    edges = (
        "Where all or none responded, the pooled value is 100% or 0% with the exact bound of the summed counts, and "
        "the variance between studies is not estimated. Fewer studies were not pooled; their results stand side "
        "by side."
    )
    spread = (
        "Heterogeneity is given as the variance between studies (tau², logit scale) and, from 3 studies on, a "
        f"{coverage} prediction interval {cites.cite('higgins2009')}; a likelihood-ratio test and I² "
        f"{cites.cite('higgins2002')} stand beside them."
    )
    return [exact, f"{model} {edges}", spread]


def _model_details(pooled: pd.DataFrame, policy: Mapping, cites: Citations) -> str:
    """What must be known of a model beside its name: source, corrections, priors."""
    if policy["method"] == "glmm":
        return f" {cites.cite('stijnen2010')}, without a continuity correction"
    if policy["method"] == "beta_binomial":
        return ", without a continuity correction"
    if policy["method"] == "bayes":
        priors = policy["priors"]
        return (
            f": normal with standard deviation {priors['b_sd']:g} for the mean log odds, half-normal with scale "
            f"{priors['tau_scale']:g} for the standard deviation between studies; without a continuity correction"
        )
    done = pooled[pooled["pooled"] == "yes"]
    details = [measure_label(measure) for measure in done["measure"].dropna().unique() if measure]
    details += [f"tau² by {name}" for name in done["tau2_method"].dropna().unique() if name]
    return (f" ({', '.join(details)})" if details else "") + (
        "; 0.5 was added only to studies in which all or none responded"
    )


def _with_article(words: str) -> str:
    """Words after 'a' or 'an'.

    >>> _with_article("inverse-variance model"), _with_article("beta-binomial model")
    ('an inverse-variance model', 'a beta-binomial model')
    """
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _sensitivity_methods(sensitivity: pd.DataFrame | None) -> list[str]:
    """What was changed to see what the results hang on; nothing where it was not run."""
    if sensitivity is None:
        return []
    done = set(sensitivity["variant"])
    repeated = [variant for variant in VARIANTS[3:] if variant in {*CHOICES, *done}]
    repeated = [variant if variant.startswith("with") else f"with {variant}" for variant in repeated]
    return [
        "Sensitivity analyses: of what was pooled, each study was left out in turn, the studies were added by year, "
        "and other models and intervals were fitted to the same arms. Every analysis was repeated "
        f"{_listed(repeated)}."
    ]


def _direction(config: Mapping) -> str:
    line = per_cent(config["grading"]["response_threshold"]).removesuffix(".0")
    coverage = f"{config['synthesis']['conf_level']:.0%}"
    return (
        f"The direction of a result is whether its {coverage} interval lies above, below or across {line}% "
        "responders. It is read from the numbers and is no recommendation."
    )


def _software(versions: Mapping[str, str], cites: Citations) -> str:
    told = []
    for name, version in versions.items():
        if name in ("small_evidence", "python"):
            continue
        mark = f" {cites.cite(CITED_SOFTWARE[name])}" if name in CITED_SOFTWARE else ""
        told.append(f"{SOFTWARE.get(name, name)} {version}{mark}")
    return (
        f"All tables, figures and numbers were made by small-evidence {versions['small_evidence']} on Python "
        f"{versions['python']}, with {_listed(told)}. The record of the run (results/provenance.json) holds the "
        f"choices "
        "and the checksums of every input and result."
    )


# Results ---------------------------------------------------------------------------------------------------


def _studies(frames, schemes) -> list[str]:
    studies, graded = frames["studies"], frames["study_levels"]
    sizes = Counter(studies["status"])
    flow = _flow(frames.get("screening"))
    first = (
        f"The review holds {counted(len(studies), 'study', 'studies')}: {sizes['included']} included, "
        f"{sizes['awaiting']} awaiting counts and {sizes['excluded']} excluded (Table II)."
    )
    active = graded[graded["status"] != "excluded"]
    by_level = Counter(level_text(level) for level in active.loc[active["gradable"] == "yes", "level"])
    order = schemes["schemes"][scheme_of(graded, schemes)]["order"]
    levels = [f"{level} in {by_level[level]}" for level in order if by_level[level]]
    ungraded = len(active) - sum(by_level.values())
    second = f"Among the {counted(len(active), 'eligible study', 'eligible studies')} the level of evidence was "
    second += _listed(levels) if levels else "given to none"
    second += f"; {ungraded} could not be graded." if ungraded else "."
    known = studies["status"] != "excluded"
    designs = Counter(
        "not reported" if design in SILENT else word("design", design) for design in studies["design"][known]
    )
    told = [f"{name} ({number})" for name, number in designs.most_common()]
    third = f"Designs: {_listed(told)}." if told else ""
    agreement = frames.get("agreement")
    fourth = "" if agreement is None else f"{extraction_words(agreement, frames['disagreements'])}. "
    fourth += f"{appraisal_words(frames['appraisal'])}."
    return [" ".join(part for part in (flow, first) if part), f"{second} {third}".strip(), fourth]


def _flow(screening: pd.DataFrame | None) -> str:
    """What is known of the flow of records; boxes without a number are not filled in."""
    if screening is None or screening.empty:
        return ""
    values = numbers(screening["n"])
    known = screening[values.notna()]
    told = [
        f"{label[:1].lower() + label[1:]}, {value:,.0f}"
        for label, value in zip(known["label"], values[values.notna()], strict=True)
    ]
    sources = dict.fromkeys(cell(source) for source in known["source"] if source not in SILENT)
    # the flow may be that of an earlier review, whose numbers are not those of these tables
    origin = f" as given by {_listed(sources)}" if sources else ""
    blank = len(screening) - len(known)
    words = f"Flow of records{origin}: {'; '.join(told)}." if told else ""
    gap = f" {counted(blank, 'box', 'boxes')} of the flow diagram {'is' if blank == 1 else 'are'} not reported."
    return (words + gap * bool(blank)).strip()


def _pooled_or_not(frames, config) -> str:
    policy = config["synthesis"]
    single = over_all(frames["pooled"])
    labels = labels_of(frames["therapies"], "therapy")
    total, done = len(single), single[single["pooled"] == "yes"]
    few = single[(single["pooled"] != "yes") & (single["k"] > 0)]
    none = single[single["k"] == 0]
    of_these = []
    if len(done):
        names = f" ({_listed(labels[slug] for slug in done['therapy'])})" if len(done) <= LISTED else ""
        of_these.append(f"{len(done)} could be pooled{names}")
    if len(few):
        of_these.append(
            f"{len(few)} had counts of fewer than {policy['min_studies']} studies and {_were(len(few))} not pooled"
        )
    if len(none):
        told = [f"{reason}, {number}" for reason, number in Counter(none["reason"]).most_common()]
        of_these.append(f"{len(none)} had no arm that could be analysed ({'; '.join(told)})")
    parts = [f"Eligible studies were found for {counted(total, 'treatment')}."]
    if of_these:
        parts.append(f"Of these, {'; '.join(of_these)}.")
    if not len(done):
        parts.append("Nothing could be pooled.")
    waiting = {study for ids in single["awaiting"] for study in ids_in(ids)}
    if waiting:
        parts.append(f"The counts of {counted(len(waiting), 'study', 'studies')} are awaited.")
    by_disease = frames["pooled"].query("disease != 'all' and scope == 'therapy' and pooled == 'yes'")
    if len(by_disease):
        shorts = short_labels(frames["diseases"])
        told = [f"{labels[row.therapy]} in {shorts[row.disease]}" for row in by_disease.itertuples()]
        parts.append(f"By disease, {_listed(told)} could be pooled.")
    elif len(done):
        parts.append("Within a single disease nothing could be pooled.")
    return " ".join(parts)


class _Teller:
    """Sentences on one analysis, with what they need of the other tables."""

    def __init__(self, frames, config, levels, entered, cites) -> None:
        self._coverage = f"{config['synthesis']['conf_level']:.0%}"
        self._unit = config["synthesis"]["unit"]
        self._least = config["synthesis"]["min_studies"]
        self._diseases = short_labels(frames["diseases"])
        self._levels, self._entered, self._cites = levels, entered, cites
        self.diseases_named: set[str] = set()

    def line(self, label: str, scope: str, therapy: str, lines: Mapping) -> str:
        """What was found with a treatment that has counts."""
        line = lines[scope, therapy, ALL]
        cited = self._cites.cite(*self._entered[line["analysis"]])
        parts = [f"{label}: {self._counts(line)} {cited}."]
        if line["pooled"] == "yes":
            parts.append(self._pooled(line))
        else:
            parts.append(f"Not pooled: {line['reason']}.")
        here = [slug for slug in self._diseases if lines.get((scope, therapy, slug), {}).get("k")]
        if here:
            self.diseases_named.update(here)
            told = [f"{self._diseases[slug]}, {self._share(lines[scope, therapy, slug])}" for slug in here]
            parts.append(f"By disease: {'; '.join(told)}.")
        level = self._levels.get((scope, therapy, ALL))
        if level:
            parts.append(" ".join([_level_words(level_text(level["level"])), *map(_sentence, level_notes(level))]))
        parts += self._beside(line)
        return " ".join(parts)

    def without(self, therapies: list[str], labels: Mapping, lines: Mapping) -> str:
        """Treatments of a class that have no counts to analyse, by the reason."""
        why: dict[str, list[str]] = {}
        for slug in therapies:
            why.setdefault(lines["therapy", slug, ALL]["reason"], []).append(labels[slug])
        return " ".join(
            ["Not analysed.", *(f"{_sentence(f'{reason}: ' + '; '.join(names))}" for reason, names in why.items())]
        )

    def _counts(self, line: Mapping) -> str:
        k, n = int(line["k"]), int(line["n"])
        who = counted(n, self._unit)
        studies = counted(k, "study", "studies")
        return (
            f"{line['events']:.0f} of {who} responded in {studies} ({per_cent(line['crude'])}%; {self._coverage} CI "
            f"{_span(line['crude_ci_lb'], line['crude_ci_ub'])})"
        )

    def _share(self, line: Mapping) -> str:
        return f"{line['events']:.0f} of {int(line['n'])} in {counted(int(line['k']), 'study', 'studies')}"

    def _pooled(self, line: Mapping) -> str:
        bounds = _span(line["ci_lb"], line["ci_ub"])
        words = f"Pooled response {per_cent(line['estimate'])}% ({self._coverage} CI {bounds}"
        if not missing(line["pi_lb"]):
            words += f"; {self._coverage} prediction interval {_span(line['pi_lb'], line['pi_ub'])}"
        if not missing(line["tau2"]):
            words += f"; tau² {variance(line['tau2'])}"
        if not missing(line["q_p"]):
            p = p_value(line["q_p"])
            words += f"; heterogeneity P {p if p.startswith('<') else f'= {p}'}"
        words += ")."
        if line["status"] in ("all_responders", "no_responders"):
            every = "Every patient" if line["status"] == "all_responders" else "No patient"
            words += f" {every} responded: the interval is the exact one of the summed counts."
        elif line["status"] == "tau2_zero":
            words += " The variance between studies is estimated as zero, the edge of its range."
        elif line["status"] != "ok" and not missing(line["note"]):
            words += f" {_sentence(cell(line['note']))}"
        return words

    def _beside(self, line: Mapping) -> list[str]:
        parts = []
        if line["k_left_out"]:
            k = int(line["k_left_out"])
            parts.append(f"Not entered though with counts: {counted(k, 'study', 'studies')} (Table III).")
        if line["k_awaiting"]:
            k = int(line["k_awaiting"])
            parts.append(f"The counts of {counted(k, 'further study', 'further studies')} are awaited.")
        return parts


def _sensitivity_results(sensitivity, pooled: pd.DataFrame, labels: Mapping[str, str], config: Mapping) -> list[str]:
    """What leaving out studies and other methods did to what was pooled, and what each other choice gives."""
    if sensitivity is None or sensitivity.empty:
        return []
    coverage = f"{config['synthesis']['conf_level']:.0%}"
    treatments = over_all(pooled)
    rows = sensitivity[sensitivity["analysis"].isin(treatments["analysis"])]
    told = []
    for analysis in treatments.loc[treatments["pooled"] == "yes", "analysis"]:
        own = rows[(rows["analysis"] == analysis) & rows["estimate"].notna()]
        ranges = []
        for variant, words in (
            ("leave one out", "with each study left out in turn"),
            ("method", "by {} combinations of method and interval"),
        ):
            values = own.loc[own["variant"] == variant, "estimate"]
            if len(values):
                between = f"{per_cent(values.min())}% to {per_cent(values.max())}%"
                ranges.append(f"{between} {words.format(len(values))}")
        if ranges:
            told.append(f"{labels[analysis]}, range of the pooled response: {'; '.join(ranges)}.")
    for variant in VARIANTS[3:]:
        results = []
        for row in rows[rows["variant"] == variant].itertuples():
            share = f"{row.events:.0f} of {row.n:.0f} in {counted(int(row.k), 'study', 'studies')}"
            if not row.k:
                results.append(f"{labels[row.analysis]}, no arm left")
            elif row.pooled == "yes":
                bounds = f"{coverage} CI {_span(row.ci_lb, row.ci_ub)}"
                results.append(f"{labels[row.analysis]}, {share}, pooled {per_cent(row.estimate)}% ({bounds})")
            else:
                results.append(f"{labels[row.analysis]}, {share}, not pooled")
        if results:
            told.append(f"{_sentence(f'{variant}: ' + '; '.join(results))}")
    return told


def _harms(frames) -> str:
    studies = frames["studies"]
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    events = frames.get("adverse_events")
    told = () if events is None else events[events["study_id"].isin(active)].itertuples()
    said: dict[str, set[str]] = {}
    for row in told:
        said.setdefault(row.study_id, set()).add(row.reporting)
    if not said:
        return "No statement about adverse events was found in an eligible study. Silence is not zero."
    harmed = sum("reported" in kinds for kinds in said.values())
    free = sum("reported" not in kinds and "reported_none" in kinds for kinds in said.values())
    parts = [f"{harmed} reported at least one", f"{free} reported that none occurred"]
    if unclear := len(said) - harmed - free:
        parts.append(f"{unclear} {_were(unclear)} unclear")
    words = (
        f"A statement about adverse events was found in {counted(len(said), 'eligible study', 'eligible studies')}: "
    )
    words += f"{_listed(parts)}. "
    if silent := len(active) - len(said):
        words += f"In the other {counted(silent, 'study', 'studies')} none was found; silence is not zero. "
    return words + "The table of adverse events lists them by treatment."


def claim_words(reconciliation: pd.DataFrame) -> str:
    """How many published claims agree with these tables, differ or cannot be told; of `reconcile_claims`, with rows."""
    verdicts = Counter(reconciliation["verdict"])
    plural = {"agrees": "agree", "differs": "differ"}
    told = _listed(
        f"{number} {plural.get(name, name) if number != 1 else name}" for name, number in verdicts.most_common()
    )
    words = f"Of {counted(len(reconciliation), 'published claim')} set beside these tables, {told}."
    if verdicts["cannot be told"]:
        words += " Cannot be told is neither agreement nor disagreement: the studies behind the claim are not in hand."
    return words


# Words -----------------------------------------------------------------------------------------------------


def _entered(arms: pd.DataFrame) -> dict[str, list[str]]:
    """Studies that entered each analysis, by year."""
    entered = arms[arms["entered"] == "yes"].sort_values(["year", "study_id"], na_position="last", kind="stable")
    return {analysis: list(dict.fromkeys(rows["study_id"])) for analysis, rows in entered.groupby("analysis")}


def _span(lower: float, upper: float) -> str:
    """An interval in running text.

    >>> _span(0.351, 0.671)
    '35.1% to 67.1%'
    """
    return f"{per_cent(lower)}% to {per_cent(upper)}%"


def _level_words(level: str) -> str:
    return "The level of evidence could not be graded." if level == "not gradable" else f"Level of evidence {level}."


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _listed(words: Iterable[str]) -> str:
    """Words as people list them.

    >>> _listed(["a"]), _listed("ab"), _listed("abc"), _listed([])
    ('a', 'a and b', 'a, b and c', '')
    """
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
