"""Certainty of single-arm evidence by the domains of GRADE: proposed by rules, confirmed or changed by the authors.

The proposal reads numbers of the analysis: studies, patients, limits of intervals, P values, appraisals. No rule asks
whether many or few responded; exchanging responders and non-responders, and the response threshold with them, changes
nothing. Evidence without a comparison group starts low, and nothing is proposed that would raise it: that is left to
the authors, as every judgement is.

References
----------
Balshem et al. (2011), J Clin Epidemiol 64:401 (start and levels). Guyatt et al. (2011), J Clin Epidemiol 64:407 (risk
of bias), 64:1277 (publication bias), 64:1283 (imprecision), 64:1294 (inconsistency), 64:1303 (indirectness), 64:1311
(raising). The numbers at which a concern begins are choices of this project.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from small_evidence.extraction.rules import CERTAINTIES
from small_evidence.names import analysis_id
from small_evidence.pooling.homogeneity import homogeneity_p
from small_evidence.review import Analysis, Review
from small_evidence.wording import ids_in

CONCERNS = ("not_serious", "serious", "very_serious")
DOMAINS = ("risk_of_bias", "inconsistency", "indirectness", "imprecision", "publication_bias")
START = "low"

MAJORITY = 0.5  # share of the patients from which a property of their studies is a concern
GRAVE = ("high", "serious", "critical")  # overall judgements of the instruments
Q_P = 0.10  # a test of homogeneity below this
WIDE = 0.50  # an interval that spans more of the scale than this
ENOUGH_PATIENTS = 97  # for a 95 % interval of 10 percentage points to either side of one half: 1.96² / 4 / 0.1²
SMALL_ARM = 10  # patients; half of the arms or more have fewer

# What a proposal is based on, and by how many steps it lowers the certainty. {value} is printed with it.
CODES = {
    "no_comparison": 0,
    "high_risk": 1,
    "critical_risk": 2,
    "not_appraised": 1,
    "second_hand": 1,
    "one_study": 0,
    "no_difference": 0,
    "differ": 1,
    "differ_widely": 2,
    "several_outcomes": 1,
    "several_therapies": 1,
    "few_patients": 1,
    "across_threshold": 1,
    "wide_interval": 1,
    "small_arms": 1,
    "counts_missing": 1,
    "unpublished": 0,
}
CERTAINTY = [
    *("analysis", "scope", "therapy", "disease", "domain", "proposed", "codes", "values"),
    *("confirmed", "reason", "confirmed_by"),
]


class Ground(NamedTuple):
    """A reason in numbers."""

    code: str  # of CODES
    value: float


def certainty(review: Review) -> pd.DataFrame:
    """Proposed and confirmed certainty of every analysis with counts.

    Parameters
    ----------
    review : with arms, pooled and appraisal

    Returns
    -------
    DataFrame with the columns CERTAINTY: a row an analysis and domain ("start", DOMAINS, "overall"); proposed; codes of
    CODES and their values, each joined by ";"; what the table `certainty` says instead, "" where it says nothing. Of a
    class nothing can be confirmed. A row of that table without an analysis has one here without a proposal.
    """
    rows = []
    for analysis in review.analyses.values():
        if not analysis.result["k"]:
            continue
        about = {name: getattr(analysis, name) for name in ("scope", "therapy", "disease")}
        for domain, (judged, grounds) in propose(analysis, review).items():
            rows.append(
                {"analysis": analysis.name, "domain": domain, "proposed": judged}
                | about
                | {"codes": ";".join(ground.code for ground in grounds)}
                | {"values": ";".join(f"{ground.value:.6g}" for ground in grounds)}
            )
    proposed = pd.DataFrame(rows, columns=CERTAINTY[:8])
    stated = review["certainty"].rename(columns={"judgement": "confirmed"}).assign(scope="therapy")
    both = proposed.merge(stated, on=["scope", "therapy", "disease", "domain"], how="outer", sort=False)
    alone = both["analysis"].isna()
    stray = zip(both.loc[alone, "therapy"], both.loc[alone, "disease"], strict=True)
    both.loc[alone, "analysis"] = [analysis_id("therapy", therapy, disease) for therapy, disease in stray]
    order = {key: place for place, key in enumerate(zip(proposed["analysis"], proposed["domain"], strict=True))}
    place = [order.get(key, len(order)) for key in zip(both["analysis"], both["domain"], strict=True)]
    both = both.assign(place=place).sort_values("place", kind="stable")
    return both[CERTAINTY].fillna("").astype("str").reset_index(drop=True)


def propose(analysis: Analysis, review: Review) -> dict[str, tuple[str, list[Ground]]]:
    """Judgement and grounds of "start", each of DOMAINS and "overall", for an analysis with counts."""
    found = {
        "risk_of_bias": _risk_of_bias(analysis, review),
        "inconsistency": _inconsistency(analysis),
        "indirectness": _indirectness(analysis),
        "imprecision": _imprecision(analysis),
        "publication_bias": _publication_bias(analysis),
    }
    # in these two the grounds are different facts and add up; elsewhere they are views of one
    adding = ("indirectness", "imprecision")
    steps: dict[str, int] = {}
    for domain, grounds in found.items():
        each = [CODES[ground.code] for ground in grounds] or [0]
        steps[domain] = min(sum(each) if domain in adding else max(each), len(CONCERNS) - 1)
    overall = min(CERTAINTIES.index(START) + sum(steps.values()), len(CERTAINTIES) - 1)
    return {
        "start": (START, [Ground("no_comparison", analysis.result["k"])]),
        **{domain: (CONCERNS[steps[domain]], grounds) for domain, grounds in found.items()},
        "overall": (CERTAINTIES[overall], []),
    }


def _risk_of_bias(analysis: Analysis, review: Review) -> list[Ground]:
    arms = analysis.entered
    overall = arms["study_id"].map(lambda study: review.judgements.get(study, frozenset()))
    patients = arms["n"] / arms["n"].sum()

    def share(held: pd.Series) -> float:
        return float(patients[held].sum())

    grave = share(overall.map(lambda words: bool(words & set(GRAVE))))
    critical = share(overall.map(lambda words: "critical" in words))
    unknown = share(overall.map(lambda words: not words - {""}))
    read = arms["evidence_basis"].map(ids_in)
    second_hand = share(read.map(lambda bases: "full_text" not in bases))
    grounds = {"high_risk": grave, "not_appraised": unknown, "second_hand": second_hand}
    if critical >= MAJORITY:
        grounds = {"critical_risk": critical, "not_appraised": unknown, "second_hand": second_hand}
    return [Ground(code, value) for code, value in grounds.items() if value >= MAJORITY]


def _inconsistency(analysis: Analysis) -> list[Ground]:
    arms, result = analysis.entered, analysis.result
    if result["k"] == 1:
        return [Ground("one_study", 1)]
    p = homogeneity_p(arms["responders"], arms["n"])
    if p >= Q_P:
        return [Ground("no_difference", p)]
    grounds = [Ground("differ", p)]
    if analysis.pooled:
        # a prediction interval of nearly everything is not given
        width = 1.0 if np.isnan(result["pi_lb"]) else result["pi_ub"] - result["pi_lb"]
        grounds += [Ground("differ_widely", width)] * bool(width > WIDE)
    return grounds


def _indirectness(analysis: Analysis) -> list[Ground]:
    arms = analysis.entered
    outcomes = {outcome for ids in arms["outcome"] for outcome in ids_in(ids)}
    therapies = arms["arm_therapy"].nunique()
    grounds = [Ground("several_outcomes", len(outcomes))] * (len(outcomes) > 1)
    return grounds + [Ground("several_therapies", therapies)] * (therapies > 1)


def _imprecision(analysis: Analysis) -> list[Ground]:
    result = analysis.result
    _, lower, upper = analysis.estimate
    grounds = [Ground("few_patients", result["n"])] * bool(result["n"] < ENOUGH_PATIENTS)
    grounds += [Ground("across_threshold", upper - lower)] * (result["direction"] == "across")
    return grounds + [Ground("wide_interval", upper - lower)] * bool(upper - lower > WIDE)


def _publication_bias(analysis: Analysis) -> list[Ground]:
    result, sizes = analysis.result, np.sort(analysis.entered["n"].to_numpy(float))
    median = float(sizes[(len(sizes) - 1) // 2])
    missing = result["k_awaiting"] / (result["k"] + result["k_awaiting"])
    grounds = [Ground("small_arms", median)] * (median < SMALL_ARM)
    grounds += [Ground("counts_missing", missing)] * bool(missing >= MAJORITY)
    needed = result["unpublished_needed"]
    return grounds + [Ground("unpublished", needed)] * bool(not np.isnan(needed))
