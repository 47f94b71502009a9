"""Levels of evidence: the only module that turns a study design into a level and says by which rule.

Schemes are data (workflow/standards/levels.yaml). A study is graded by its design, or by an override with a reason; a
therapy by its best study. What a design alone does not settle (NR, or a systematic review of studies that are not
recorded) is not graded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence import ReviewError
from small_evidence.extraction.schema import ALL, SILENT, numbers
from small_evidence.names import combined_classes
from small_evidence.review import Review

# What the level of a study is based on; the last four give none.
BASES = (
    "design",
    "override",  # set by the authors, with a reason
    "override_carried",  # the same, written in another scheme and carried over by the design that it stands for
    "excluded",
    "design_not_reported",
    "review_of_unknown",  # a systematic review; what it reviewed is not recorded
    "no_counterpart",  # an override of another scheme whose design this scheme does not grade
)
# Whether the best level lies on the same side of the response threshold as the lower ones; "" where no level is given.
AGREEMENTS = ("only_level", "agrees", "differs", "no_counts", "on_threshold")

STUDY_LEVELS = [
    "study_id", "status", "design", "controlled", "gradable", "level", "level_by_design", "judgement", "basis",
    "override", "override_reason", "scheme",
]  # fmt: skip

Key = tuple[str, str, str]  # scope, therapy or class, disease
Cell = tuple[str, str]  # therapy, disease of a response row


class GradingError(ReviewError):
    """Every error in the levels set by hand, in one message."""


def grade_studies(review: Review, scheme: str | None = None) -> pd.DataFrame:
    """Level of each study: by design, or by its override.

    Included and awaiting studies are graded, since a level needs the design and not the counts.

    Parameters
    ----------
    scheme : a scheme of the standard, that of the review if None

    Returns
    -------
    DataFrame with the columns STUDY_LEVELS, one row a study; basis is one of BASES. `judgement` is yes where the scheme
    does not settle the place of the design.

    Raises
    ------
    GradingError: an override that is no level of the scheme it is written in, or has no reason

    Notes
    -----
    An override is written in the words of `overrides_written_in` and states what design the study amounts to.
    Under another scheme it is carried over as that design (IV under modified Oxford = uncontrolled series = III
    under Shekelle), because the same numeral means something else there.
    """
    standard, name = review.standards.levels, scheme or review.scheme_name
    rules, home_name = standard["schemes"][name], standard["overrides_written_in"]
    home = standard["schemes"][home_name]
    _check_overrides(review["studies"], home_name, home)
    rows = []
    for study in review["studies"].to_dict("records"):
        rows.append(
            {key: study[key] for key in ("study_id", "status", "design", "controlled")}
            | _grade(study, rules, None if name == home_name else home)
            | {
                "override": _known(study["level_override"]),
                "override_reason": _known(study["level_override_reason"]),
                "scheme": name,
            }
        )
    return pd.DataFrame(rows, columns=STUDY_LEVELS)


def grade_therapies(review: Review) -> pd.DataFrame:
    """Level of each therapy and class, over all diseases and by disease: the best level among its studies.

    A study counts for a therapy and disease through any of its response rows; a row whose therapy is not reported
    counts for none, one whose disease is not reported only for all diseases.

    Parameters
    ----------
    review : with the results study_levels, pooled and arms

    Returns
    -------
    DataFrame: scope, therapy, disease, scheme, level ("" = not gradable), k (graded studies), k_not_gradable, then for
    each level k_, patients_ (sum of the known n) and counts_ (studies whose counts may be used), studies (graded, ids),
    direction, agreement (one of AGREEMENTS), best_events, best_n, lower_events, lower_n (what it compares), and
    level_in_number: whether a study of that level is among those in the number of the analysis ("" without a number).

    Notes
    -----
    patients_: a study gives the sum of its disjoint disease rows. Over the therapies of a class the same patients
    may return, so the sum is capped at the study's n_patients, or where that is not known only the largest
    therapy is counted. Reports of one cohort give their largest number once.
    """
    order = list(review.scheme["order"])
    graded = review["study_levels"].set_index("study_id").to_dict("index")
    studies = review["studies"].assign(size=numbers(review["studies"]["n_patients"]))
    facts = studies.set_index("study_id").to_dict("index")
    patients, usable = _patients(review)
    directions = {_key(row): row["direction"] for row in review["pooled"].to_dict("records")}
    entered: dict[Key, dict[str, tuple[float, float]]] = defaultdict(dict)
    for arm in review["arms"].query("entered == 'yes'").to_dict("records"):
        before = entered[_key(arm)].get(arm["study_id"], (0.0, 0.0))
        entered[_key(arm)][arm["study_id"]] = (before[0] + arm["responders"], before[1] + arm["n"])

    rows = []
    for key, members in _members(review).items():
        of_level: dict[str, list[str]] = defaultdict(list)
        for study in members:
            of_level[graded[study]["level"] if graded[study]["gradable"] == "yes" else ""].append(study)
        ungraded = of_level.pop("", [])
        level = next((name for name in order if name in of_level), "")
        counts: dict[str, int] = {}
        for one in order:
            there = of_level.get(one, [])
            counts[f"k_{one}"] = len(there)
            counts[f"patients_{one}"] = _sum_patients(there, members, patients, facts)
            counts[f"counts_{one}"] = sum(
                any((study, therapy, disease) in usable for therapy, disease in members[study]) for study in there
            )
        rows.append(
            {
                **dict(zip(("scope", "therapy", "disease"), key, strict=True)),
                "scheme": review.scheme_name,
                "level": level,
                "k": sum(map(len, of_level.values())),
                "k_not_gradable": len(ungraded),
                **counts,
                "studies": ";".join(study for study in members if graded[study]["gradable"] == "yes"),
                "direction": directions.get(key, ""),
                **_agreement(level, of_level, entered[key], review.response_threshold),
                "level_in_number": _in_number(of_level.get(level, []), entered[key]),
            }
        )
    levels = [f"{what}_{one}" for one in order for what in ("k", "patients", "counts")]
    columns = [
        "scope", "therapy", "disease", "scheme", "level", "k", "k_not_gradable", *levels, "studies", "direction",
        "agreement", "best_events", "best_n", "lower_events", "lower_n", "level_in_number",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def level_sensitivity(review: Review) -> pd.DataFrame:
    """Level of each therapy and class under every scheme of the standard.

    Returns
    -------
    DataFrame: scope, therapy, disease, one column a scheme, differs (yes where the main numbers of the levels are
    not all the same: IV, 4 and 4 do not differ, IV and III do; only schemes that give a level are compared)
    """
    groups = _members(review)
    table = pd.DataFrame(list(groups), columns=["scope", "therapy", "disease"])
    main = []
    for name, rules in review.standards.levels["schemes"].items():
        graded = grade_studies(review, name)
        level_of = dict(zip(graded["study_id"], graded["level"], strict=True))
        best = [
            next((one for one in rules["order"] if any(level_of[study] == one for study in members)), "")
            for members in groups.values()
        ]
        table[name] = best
        main.append([rules["levels"][one]["number"] if one else None for one in best])
    table["differs"] = ["yes" if len(set(given) - {None}) > 1 else "no" for given in zip(*main, strict=True)]
    return table


def _key(row: Mapping[Any, Any]) -> Key:
    return row["scope"], row["therapy"], row["disease"]


def _known(cell: str) -> str:
    return "" if cell in SILENT else cell


def _check_overrides(studies: pd.DataFrame, home_name: str, home: Mapping[str, Any]) -> None:
    errors = []
    for row, study in enumerate(studies.to_dict("records"), start=2):
        level, reason = _known(study["level_override"]), _known(study["level_override_reason"])
        place = f"studies, row {row}, column"
        if level and level not in home["order"]:
            errors.append(
                f"{place} level_override: {level!r} is no level of {home_name}: {', '.join(home['order'])}"
                f" (study {study['study_id']})"
            )
        if level and not reason:
            errors.append(f"{place} level_override_reason: empty beside {level} (study {study['study_id']})")
    if errors:
        raise GradingError("\n".join(errors))


def _grade(study: Mapping[Any, Any], rules: Mapping[str, Any], home: Mapping[str, Any] | None) -> dict[str, str]:
    """Level of one study; `home` is the scheme its override is written in, None if that is `rules` itself."""
    design, override = study["design"], _known(study["level_override"])
    if study["status"] == "excluded":
        return _no_level("", "excluded")
    by_design = rules["designs"].get(design, "")
    if override and home is None:
        return _level(override, by_design, "override")
    if override and home is not None:
        level = rules["designs"].get(home["levels"][override]["stands_for"], "")
        return _level(level, by_design, "override_carried") if level else _no_level(by_design, "no_counterpart")
    if not by_design:
        return _no_level("", "review_of_unknown" if design == "systematic_review" else "design_not_reported")
    return _level(by_design, by_design, "design", design in rules["judgements"])


def _level(level: str, by_design: str, basis: str, judgement: bool = False) -> dict[str, str]:
    return {
        "gradable": "yes",
        "level": level,
        "level_by_design": by_design,
        "judgement": "yes" if judgement else "no",
        "basis": basis,
    }


def _no_level(by_design: str, basis: str) -> dict[str, str]:
    return {"gradable": "no", "level": "", "level_by_design": by_design, "judgement": "no", "basis": basis}


def _members(review: Review) -> dict[Key, dict[str, list[Cell]]]:
    """(scope, therapy or class, disease) -> {study: its (therapy, disease) cells}, in printing order."""
    studies, responses, therapies = review["studies"], review["responses"], review["therapies"]
    live = set(studies.loc[studies["status"] != "excluded", "study_id"])
    cells = [
        cell
        for cell in zip(responses["study_id"], responses["therapy"], responses["disease"], strict=True)
        if cell[0] in live and cell[1] not in SILENT
    ]
    class_of = dict(zip(therapies["therapy"], therapies["therapy_class"], strict=True))
    in_class = defaultdict(set)
    for _, therapy, _ in cells:
        in_class[class_of.get(therapy, "")].add(therapy)
    combined = set(combined_classes(in_class, review.policy["classes_not_combined"]))

    groups: dict[Key, dict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for study, therapy, disease in dict.fromkeys(cells):
        places = [("therapy", therapy)]
        if class_of.get(therapy) in combined:
            places.append(("class", class_of[therapy]))
        for place in places:
            groups[*place, ALL][study].append((therapy, disease))
            if disease not in (*SILENT, ALL):
                groups[*place, disease][study].append((therapy, disease))
    order = {name: rank for rank, name in enumerate(dict.fromkeys([*therapies["therapy"], *class_of.values()]))}
    rank_disease = {name: rank for rank, name in enumerate([ALL, *review.diseases])}
    keys = sorted(
        groups,
        key=lambda key: (key[0] == "class", order.get(key[1], len(order)), rank_disease.get(key[2], len(rank_disease))),
    )
    return {key: dict(groups[key]) for key in keys}


def _patients(review: Review) -> tuple[dict[tuple[str, str, str], float], set[tuple[str, str, str]]]:
    """Known patients by (study, therapy, disease), and the cells whose counts may be used."""
    studies, responses = review["studies"], review["responses"]
    status = dict(zip(studies["study_id"], studies["status"], strict=True))
    rows = responses[(responses["primary_outcome"] == "yes") & (responses["unit"] == review.policy["unit"])]
    rows = rows.assign(n=numbers(rows["n"]), responders=numbers(rows["responders"]))
    patients: dict[tuple[str, str, str], float] = defaultdict(float)
    usable = set()
    for (*cell, _), n in (
        rows.groupby(["study_id", "therapy", "disease", "arm"], sort=False)["n"].max().dropna().items()
    ):
        patients[tuple(cell)] += n  # of several time points one, of several arms all
    for row in rows.itertuples(index=False):
        cell = (row.study_id, row.therapy, row.disease)
        both = row.n == row.n and row.responders == row.responders
        if both and row.pool == "yes" and status.get(row.study_id) == "included":
            usable.add(cell)
    return patients, usable


def _sum_patients(
    there: list[str],
    members: Mapping[str, list[Cell]],
    patients: Mapping[tuple[str, str, str], float],
    facts: Mapping[Any, Mapping[Any, Any]],
) -> int:
    """Known patients of studies, reports of one cohort once; see `grade_therapies`."""
    of_cohort: dict[str, float] = defaultdict(float)
    for study in there:
        by_therapy: dict[str, float] = defaultdict(float)
        for therapy, disease in members[study]:
            by_therapy[therapy] += patients.get((study, therapy, disease), 0)
        n = sum(by_therapy.values())
        if len(by_therapy) > 1:
            n = min(n, max(by_therapy.values()) if math.isnan(facts[study]["size"]) else facts[study]["size"])
        cohort = _known(facts[study]["cohort_id"]) or study
        of_cohort[cohort] = max(of_cohort[cohort], n)
    return int(sum(of_cohort.values()))


def _in_number(best: list[str], entered: Mapping[str, object]) -> str:
    """Whether a study of the best level is in the number of the analysis; "" where there is no level or no number."""
    if not best or not entered:
        return ""
    return "yes" if any(study in entered for study in best) else "no"


def _agreement(
    level: str, of_level: Mapping[str, list[str]], entered: Mapping[str, tuple[float, float]], threshold: float
) -> dict[str, Any]:
    """Does the best level lie on the same side of the threshold as the rest? Only arms of the analysis are compared."""
    none = {"best_events": math.nan, "best_n": math.nan, "lower_events": math.nan, "lower_n": math.nan}
    if not level:
        return {"agreement": "", **none}
    rest = [study for one, there in of_level.items() if one != level for study in there]
    if not rest:
        return {"agreement": "only_level", **none}
    x1, n1 = _summed(of_level[level], entered)
    x2, n2 = _summed(rest, entered)
    sums = {"best_events": x1, "best_n": n1, "lower_events": x2, "lower_n": n2}
    if not n1 or not n2:
        return {"agreement": "no_counts", **sums}
    if x1 / n1 == threshold or x2 / n2 == threshold:
        return {"agreement": "on_threshold", **sums}
    same = (x1 / n1 > threshold) == (x2 / n2 > threshold)
    return {"agreement": "agrees" if same else "differs", **sums}


def _summed(there: list[str], entered: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    counts = [entered[study] for study in there if study in entered]
    return sum(x for x, _ in counts), sum(n for _, n in counts)
