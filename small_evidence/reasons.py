"""Why an arm is left out, a result is not pooled, a level was given: codes of a review's results in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from small_evidence.extraction.schema import LABELS
from small_evidence.review import Review
from small_evidence.wording import NOTHING, RETRACTED, counted, ids_in, percent, plural, word

ARM_REASONS = {
    "comparator": "comparison group (placebo or no treatment)",
    "other_outcome": "another outcome than the one that is pooled",
    "other_time_point": "another time point of the same patients",
    "complete_not_reported": "complete responses not reported",
    "counts_missing": "counts not available",
    "counts_unverified": "counts not verified",
    "secondary_source": "known from a secondary source only",
    "unverified": "not verified by a second person",
}

NOT_POOLED = {
    "comparator": ARM_REASONS["comparator"],
    "counts_held_back": "counts left out, for the reasons in Table III",
    "counts_missing": "counts not available",
}

AGREEMENTS = {
    "only_level": "only this level",
    "agrees": "agree",
    "differs": "differ",
    "no_counts": "not assessable",
    "on_threshold": "not assessable",
    "": NOTHING,
}

NAMED_STUDIES = 3  # the studies of a level are named up to this many


def arm_reason(arm: Mapping[str, Any], review: Review) -> str:
    """Why a study arm is not in an analysis, of its row of `arms`; "" where it is."""
    reason, detail = str(arm["reason"]), str(arm["detail"])
    unit = LABELS["unit"][review.policy["unit"]]
    other = review.labels.study.get(detail) or review.labels.therapy.get(detail)
    if reason in ("same_patients", "maybe_same_patients") and other:
        return f"{'same' if reason == 'same_patients' else 'perhaps the same'} patients as {other}"
    if reason == "small_arm":
        return f"fewer than {review.policy['min_arm_size']} {unit} ({arm['n']:.0f})"
    if reason == "other_unit":
        return f"{LABELS['unit'].get(detail, detail)}, not {unit}"
    if reason in LABELS["pool_reason_code"] and detail:
        return detail
    return ARM_REASONS.get(reason) or LABELS["pool_reason_code"].get(reason, reason)


def not_pooled_reason(result: Mapping[str, Any], review: Review) -> str:
    """Why an analysis or a variant is not pooled, of its row of `pooled` or `sensitivity`; "" where it is."""
    reason, policy = result["reason"], review.policy
    if reason == "too_few_studies":
        return f"{counted(int(result['k']), 'study', 'studies')}, {policy['min_studies']} needed"
    if reason == "no_large_arm":
        return f"no arm of {policy['min_arm_size']} or more {LABELS['unit'][policy['unit']]}"
    return NOT_POOLED.get(reason, "")


def study_level_words(graded: Mapping[str, Any], review: Review) -> str:
    """The level of a study with the rule that gave it, of its row of `study_levels`."""
    basis, level = graded["basis"], graded["level"]
    design = word("design", graded["design"])
    alone = graded["level_by_design"]
    instead = f"its design ({design}) alone would give {alone}" if alone else f"design: {design}"
    if basis == "design":
        by_judgement = graded["judgement"] == "yes"
        return f"{level}: {design} (placed there by judgement)" if by_judgement else f"{level}: {design}"
    if basis == "override":
        return f"{level}, set by the authors ({instead}). Reason: {graded['override_reason']}"
    if basis == "override_carried":
        home = review.standards.levels["schemes"][review.standards.levels["overrides_written_in"]]
        meant = word("design", home["levels"][graded["override"]]["stands_for"])
        reason = graded["override_reason"]
        return (
            f"{level}: set by the authors to {graded['override']} of another scheme, which corresponds to {meant} "
            f"({instead}). Reason: {reason}"
        )
    return f"not gradable: {_no_level(graded)}"


def _no_level(graded: Mapping[str, Any]) -> str:
    words: dict[str, str] = {
        "excluded": "excluded study",
        "design_not_reported": "design not reported",
        "review_of_unknown": "systematic review; the studies reviewed are not recorded",
        "no_counterpart": f"set by the authors to {graded['override']} of another scheme, without counterpart here",
    }
    return words[graded["basis"]]


def therapy_level_words(level: Mapping[str, Any], review: Review) -> str:
    """The level of a therapy with the studies that give it, of its row of `therapy_levels`."""
    graded = {study: review.study_grades[study] for study in ids_in(level["studies"])}
    best = {study: row for study, row in graded.items() if row["level"] == level["level"]}
    left = counted(int(level["k_not_gradable"]), "study", "studies") + " not gradable"
    if not level["level"]:
        return left
    order = list(review.scheme["designs"])
    kinds: dict[tuple[bool, str], list[str]] = {}
    for study, row in best.items():
        kinds.setdefault((row["override"] != "", row["design"]), []).append(review.labels.study[study])
    parts = []
    ranked = sorted(kinds, key=lambda kind: (kind[0], order.index(kind[1]) if kind[1] in order else len(order)))
    for by_authors, design in ranked:
        names = kinds[by_authors, design]
        label = word("design", design)
        words = f"{len(names)} {label if len(names) == 1 else plural(label)}"
        words += f" set to {level['level']} by the authors" * by_authors
        if by_authors or len(best) <= NAMED_STUDIES:
            words += f" ({'; '.join(names)})"
        parts.append(words)
    if level["k_not_gradable"]:
        parts.append(left)
    return f"{level['level']}: " + "; ".join(parts)


def agreement_words(level: Mapping[str, Any], review: Review) -> str:
    """How the studies of the best level compare with those of lower levels, of a row of `therapy_levels`."""
    words = AGREEMENTS[level["agreement"]]
    if level["agreement"] not in ("agrees", "differs", "on_threshold"):
        return words
    counts = (
        f"level {level['level']}: {level['best_events']:.0f}/{level['best_n']:.0f}, "
        f"lower levels: {level['lower_events']:.0f}/{level['lower_n']:.0f}"
    )
    return f"{words} ({counts}; threshold {percent(review.response_threshold)})"


def retraction_notes(review: Review, studies: Iterable[str]) -> list[str]:
    """What the mark of a retracted study means, where one of the studies has it; else nothing."""
    if review.retracted.isdisjoint(studies):
        return []
    return [f"{RETRACTED}: the report was retracted; its counts stay in the analyses."]
