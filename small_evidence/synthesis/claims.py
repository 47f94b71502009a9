"""What others printed beside what these tables give, and what the reviewer could still get.

`reconcile_claims` judges each published claim by a rule for its quantity: agrees, differs or cannot be told, and
why. `awaiting_list` is the work list: studies whose counts are missing, where their text may be had, and what
they would add.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from small_evidence.extraction.schema import ALL, LABELS, SILENT, humanise, numbers
from small_evidence.review import Review
from small_evidence.wording import counted, fraction, interval, percent

AGREES, DIFFERS, UNTOLD = "agrees", "differs", "cannot be told"
OF_THE_REVIEW = ("yes", "likely")  # values of studies.published_review that put a study among the review's own

RECONCILIATION = [
    "claim_id", "review", "therapy", "disease", "quantity", "outcome", "about", "measure", "claimed", "ours",
    "verdict", "why", "statement", "source",
]  # fmt: skip
AWAITING = [
    "priority", "study_id", "label", "year", "level", "therapies", "diseases", "n", "in_published_review", "kind",
    "missing", "reason", "where", "adds", "would_allow_pooling", "analyses",
]  # fmt: skip

# What claims are about beside responses, for people. An outcome with a unit is not a share.
OUTCOMES = {
    "adverse_event": "share with an adverse event",
    "cdasi_change": "change of the skin index CDASI",
    "duration_months": "duration of treatment",
    "overall_disease_improvement": "improvement of the disease as a whole",
    "pain_vas_reduction": "fall of pain on the visual analogue scale",
    "recurrence": "share with a recurrence",
    "share_of_clinicians": "share of clinicians",
    "share_of_procedures": "share of procedures",
}
UNITS = {"cdasi_change": "points", "duration_months": "months", "pain_vas_reduction": "points"}
SCREENED_FIRST = ("identification", "identified")  # stage of the table screening, and a word of its label
DIRECTION_OF = {
    "rct": "rct",
    "case_series_prospective": "prospective",
    "case_series_retrospective": "retrospective",
}
# Words of a pool_reason that doubt the counts themselves; other reasons (refractory cases, second outcomes) are policy.
UNSETTLED = re.compile(r"not (?:settled|verified)|unsettled|unverified")

PMC = re.compile(r"PMC\d{4,}")
NCT = re.compile(r"NCT\d{8}")
LINK = re.compile(r"https?://[^\s;]+")
DOI = re.compile(r"doi:\s?(10\.\S+)")
PMID = re.compile(r"pmid:\s?(\d+)")


@dataclass(frozen=True)
class _InHand:
    """What the rules of the claims look up, prepared once."""

    studies: dict  # study_id -> row
    responses: list  # rows, with n_ = the number of patients or NaN
    therapy_labels: dict
    disease_labels: dict
    class_of: dict
    class_labels: Mapping
    refs: pd.DataFrame
    screening: pd.DataFrame
    pooled: dict  # (scope, therapy, disease) -> row
    entered: dict  # (scope, therapy, disease) -> {study_id: n}
    levels: dict  # (scope, therapy, disease) -> row
    study_levels: dict  # study_id -> row
    sizes: dict  # study_id -> n_patients, NaN where not known
    follows: str  # full name, "" if no review is followed
    prefix: str  # how the names of all its reports begin


def reconcile_claims(
    published_claims: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    published_review: pd.DataFrame,
    screening: pd.DataFrame,
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    study_levels: pd.DataFrame,
    *,
    follows: str = "none",
    class_labels: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Each published claim beside what these tables give: agrees, differs or cannot be told, and why.

    Parameters
    ----------
    published_claims, studies, responses, therapies, diseases, published_review, screening : DataFrame; checked tables
    pooled, arms, therapy_levels, study_levels : DataFrame; results
    follows : str; start of the name of the review whose studies these tables collect; "none" if there is none
    class_labels : therapy_class -> words for people

    Returns
    -------
    DataFrame with the columns RECONCILIATION, one row a claim in the given order. therapy, disease, quantity and
    outcome are the words of the table; about, measure, claimed, ours and why are for people.

    Notes
    -----
    A figure is called agreeing or differing only where the same thing can be counted here. It cannot be told where
    the claim rests on other studies, on studies whose counts are not in hand, on another outcome, or is a
    judgement. Agreement with a row that was copied from the same source is agreement, and `why` says that it
    proves nothing.
    """
    entered = defaultdict(dict)
    for arm in arms[arms["entered"] == "yes"].itertuples(index=False):
        entered[arm.scope, arm.therapy, arm.disease][arm.study_id] = float(arm.n)
    known = _InHand(
        studies=studies.set_index("study_id").to_dict("index"),
        responses=responses.assign(n_=numbers(responses["n"])).to_dict("records"),
        therapy_labels=dict(zip(therapies["therapy"], therapies["label"], strict=True)),
        disease_labels=dict(zip(diseases["disease"], diseases["label"], strict=True)),
        class_of=dict(zip(therapies["therapy"], therapies["therapy_class"], strict=True)),
        class_labels=class_labels or {},
        refs=published_review,
        screening=screening,
        pooled=_by_analysis(pooled),
        entered=entered,
        levels=_by_analysis(therapy_levels),
        study_levels=study_levels.set_index("study_id").to_dict("index"),
        sizes=dict(zip(studies["study_id"], numbers(studies["n_patients"]), strict=True)),
        follows=_followed_review(published_claims, follows),
        prefix="" if follows.lower() == "none" else follows.lower(),
    )
    rows = []
    for claim in published_claims.to_dict("records"):
        ours, verdict, why = _judge(claim, known)
        kept = {key: claim[key] for key in RECONCILIATION if key in claim}
        rows.append(
            kept
            | {
                "about": _about(claim["therapy"], claim["disease"], known),
                "measure": _measure(claim),
                "claimed": claimed(claim),
                "ours": ours,
                "verdict": verdict,
                "why": why,
            }
        )
    return pd.DataFrame(rows, columns=RECONCILIATION)


def claimed(claim: Mapping[str, str]) -> str:
    """A claim's figure as it was printed.

    >>> claim = dict.fromkeys(("value", "ci_lb", "ci_ub", "i2", "n", "outcome"), "")
    >>> claimed(claim | {"quantity": "pooled_response", "value": "0.22", "ci_lb": "0", "ci_ub": "0.53", "i2": "0.57"})
    '22% [0, 53], I² 57%'
    >>> claimed(claim | {"quantity": "responders", "value": "7", "n": "NR"})
    '7/NR'
    """
    quantity, value, n = claim["quantity"], claim["value"], claim["n"]
    share = quantity == "pooled_response" or (quantity == "other" and claim["outcome"] not in UNITS)
    scale = _hundredfold if share else _signed
    bounds = ""
    if claim["ci_lb"] not in SILENT and claim["ci_ub"] not in SILENT:
        bounds = f" [{scale(claim['ci_lb'])}, {scale(claim['ci_ub'])}]"
    if share:
        i2 = f", I² {_hundredfold(claim['i2'])}%" if claim["i2"] not in SILENT else ""
        of = f" of {n}" if n not in SILENT else ""
        return f"{_hundredfold(value)}%{bounds}{i2}{of}"
    if quantity == "other":
        unit = UNITS[claim["outcome"]]
        return f"{_signed(value)}{bounds} {unit.removesuffix('s') if value == '1' else unit}"
    if quantity == "responders":
        return f"{value}/{n or 'NR'}"
    units = {"n_studies": "studies", "n_patients": "patients", "n_identified": "records", "size_range": "patients"}
    return f"{value} {units[quantity]}" if quantity in units else value


def awaiting_list(
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    pooled: pd.DataFrame,
    study_levels: pd.DataFrame,
    standard: Mapping,
    *,
    min_studies: int = 3,
    min_arm_size: int = 3,
    unit: str = "patient",
    class_labels: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The reviewer's work list: studies whose counts are not in hand, most useful first.

    Included studies are listed too where a row of their primary outcome lacks a count or its counts are not settled.

    Parameters
    ----------
    studies, responses, therapies, diseases : DataFrame; checked tables
    pooled : DataFrame; the analyses, with k and the studies that entered
    study_levels : DataFrame from `grade_studies`
    standard : dict from `read_schemes`; gives the order of the levels
    min_studies, min_arm_size, unit : the policy of pooling
    class_labels : therapy_class -> words for people

    Returns
    -------
    DataFrame with the columns AWAITING, one row a study. Order: studies that would make an analysis large enough to
    pool, then those of the published review, then by level, then by number of patients (unknown after those large
    enough).
    """
    analyses = _by_analysis(pooled)
    therapy_labels = dict(zip(therapies["therapy"], therapies["label"], strict=True))
    disease_labels = dict(zip(diseases["disease"], diseases["label"], strict=True))
    class_of = dict(zip(therapies["therapy"], therapies["therapy_class"], strict=True))
    rows_of = defaultdict(list)
    for row in responses.assign(n_=numbers(responses["n"]), x_=numbers(responses["responders"])).to_dict("records"):
        rows_of[row["study_id"]].append(row)
    level_of = dict(zip(study_levels["study_id"], study_levels["level"], strict=True))
    scheme = study_levels["scheme"].iloc[0] if len(study_levels) else standard["default"]
    rank = {level: at for at, level in enumerate(standard["schemes"][scheme]["order"])}

    gaps = {}
    for study in studies[studies["status"] != "excluded"].to_dict("records"):
        rows = rows_of[study["study_id"]]
        wanted = [(row, gap) for row in rows if (gap := _gap(row, study, unit))]
        if wanted or not rows or study["status"] == "awaiting":
            gaps[study["study_id"]] = (study, rows, wanted)
    listed = Counter(
        key for _, _, wanted in gaps.values() for key in {key for row, _ in wanted for key in _wanted_in(row, class_of)}
    )

    found = []
    for study, rows, wanted in gaps.values():
        size = max((row["n_"] for row, _ in wanted if row["n_"] == row["n_"]), default=float("nan"))
        adds, ids, allows = _adds(
            wanted, study, analyses, listed, class_of, therapy_labels, disease_labels, class_labels or {},
            min_studies, min_arm_size,
        )  # fmt: skip
        kind = (
            "no response row" if not wanted
            else "counts missing" if any(not unsettled for _, (_, unsettled) in wanted)
            else "counts not verified"
        )  # fmt: skip
        level = level_of.get(study["study_id"], "")
        found.append(
            {
                "study_id": study["study_id"],
                "label": study["label"],
                "year": study["year"] or "NR",
                "level": level or "not gradable",
                "therapies": _labels((row["therapy"] for row, _ in wanted), therapy_labels, "not visible"),
                "diseases": _labels((row["disease"] for row, _ in wanted), disease_labels, "not reported"),
                "n": f"{size:.0f}" if size == size else "NR",
                "in_published_review": study["published_review"],
                "kind": kind,
                "missing": _missing(wanted, therapy_labels, disease_labels),
                "reason": _reason(study, wanted),
                "where": _where(study, rows),
                "adds": adds,
                "would_allow_pooling": "yes" if allows else "no",
                "analyses": ";".join(ids),
                "order": (
                    not allows,
                    study["published_review"] not in OF_THE_REVIEW,
                    rank.get(level, len(rank)),
                    -(size if size == size else min_arm_size - 0.5),
                    study["label"],
                ),
            }
        )
    found.sort(key=lambda row: row["order"])
    return pd.DataFrame([row | {"priority": at} for at, row in enumerate(found, start=1)], columns=AWAITING)


def claim_results(review: Review) -> dict[str, pd.DataFrame]:
    """What the published review claims beside these tables, and what is still awaited."""
    labels, policy = review.config["review"]["class_labels"], review.policy
    needed = ("studies", "responses", "therapies", "diseases", "pooled", "study_levels")
    waiting = awaiting_list(
        **{name: review[name] for name in needed},
        standard=review.standards.levels,
        **{key: policy[key] for key in ("min_studies", "min_arm_size", "unit")},
        class_labels=labels,
    )
    claims = ("published_claims", "published_review", "screening", "arms", "therapy_levels")
    beside = reconcile_claims(
        **{name: review[name] for name in (*needed, *claims)},
        follows=review.follows or "none",
        class_labels=labels,
    )
    return {"reconciliation": beside, "awaiting": waiting}


def _by_analysis(frame: pd.DataFrame) -> dict:
    """Rows of a result by (scope, therapy, disease)."""
    keys = zip(frame["scope"], frame["therapy"], frame["disease"], strict=True)
    return dict(zip(keys, frame.to_dict("records"), strict=True))


def _followed_review(claims: pd.DataFrame, follows: str) -> str:
    """Full name of the review that is followed, as its claims print it first; "" if there is none."""
    if not follows or follows.lower() == "none":
        return ""
    names = (name for name in claims["review"] if name.lower().startswith(follows.lower()))
    return next(names, follows)


def _judge(claim: dict, known: _InHand) -> tuple[str, str, str]:
    """ours, verdict and why of one claim, by the rule of its quantity."""
    quantity = claim["quantity"]
    if quantity == "recommendation":
        return _recommendation(claim, known)
    if quantity == "responders":
        return _responders(claim, known)
    if quantity == "other":
        return _other(claim, known)
    if not _is_followed(claim, known):
        return _elsewhere(claim, known)
    return RULES[quantity](claim, known)


def _is_followed(claim: dict, known: _InHand) -> bool:
    # A congress abstract of the same review has its own name, which begins alike.
    return bool(known.prefix) and claim["review"].lower().startswith(known.prefix)


# Rules, one a quantity -----------------------------------------------------------------------------


def _n_identified(claim: dict, known: _InHand) -> tuple[str, str, str]:
    stage, word = SCREENED_FIRST
    boxes = known.screening[
        (known.screening["stage"] == stage) & known.screening["label"].str.contains(word, case=False, regex=False)
    ]
    number = numbers(boxes["n"])
    boxes = boxes[number.notna()]
    if boxes.empty:
        return "no number of records identified", UNTOLD, "The table screening does not give it."
    box = boxes.iloc[0]
    ours = f"{box['n']} records (table screening)"
    if box["n"] != claim["value"]:
        return ours, DIFFERS, "The table screening gives another number."
    if box["source"] and box["source"] == claim["source"]:
        return ours, AGREES, "Both were copied from the same source: agreement shows only that they were copied alike."
    return ours, AGREES, "The table screening gives the same number."


def _n_studies(claim: dict, known: _InHand) -> tuple[str, str, str]:
    own = _own_studies(claim, known)
    value = _whole(claim["value"])
    whole_review = claim["therapy"] == ALL and claim["disease"] == ALL
    counts = [study for study in own if _largest_arm(study, claim, known)]
    ours = f"{_sure(own, known)}: {_designs(own, known)}; {len(counts)} with counts that enter an analysis"
    listed = len(known.refs) if whole_review else 0
    if listed:
        by_design = Counter(known.refs["design_as_published"])
        split = ", ".join(
            f"{by_design[design]} {words}"
            for design, words in LABELS["design_as_published"].items()
            if by_design[design]
        )
        ours += f". The list of its reference numbers has {listed}: {split}"
    if listed and value is not None and listed != value:
        return ours, DIFFERS, f"The list of its reference numbers has {listed} studies, not {value}."
    if value is None:
        return ours, UNTOLD, "The claim is not a number."
    if len(own) == value:
        proven = all(known.studies[study]["published_review"] == "yes" for study in own)
        doubt = "" if proven else " Not every one of them is proven to be a study of that review."
        return ours, AGREES, f"The same number of its studies is in hand.{doubt}"
    if len(own) > value:
        return ours, DIFFERS, f"More studies are marked as its own than it counts ({len(own)} against {value})."
    same = " The list agrees with the claim in number, but names no study." if listed else ""
    lacking = value - len(own)
    are = "is" if lacking == 1 else "are"
    return ours, UNTOLD, f"{lacking} of its {value} studies {are} not identified in these tables.{same}"


def _n_patients(claim: dict, known: _InHand) -> tuple[str, str, str]:
    own = _own_studies(claim, known)
    value = _whole(claim["value"])
    sizes = {study: known.sizes[study] for study in own if known.sizes[study] == known.sizes[study]}
    total = int(_once_a_cohort(sizes, known))
    treated = {study: n for study in own if (n := _largest_arm(study, claim, known))}
    ours = (
        f"{total} patients in the {len(sizes)} of {_sure(own, known)} whose size is known;"
        f" {int(_once_a_cohort(treated, known))} patients in the {len(treated)} with counts that enter an analysis"
        " (largest arm of each)"
    )
    listed = len(known.refs) if claim["therapy"] == ALL and claim["disease"] == ALL else 0
    unnamed = max(listed - len(own), 0)
    unsized = len(own) - len(sizes)
    if unnamed or unsized or not own:
        missing = [f"{counted(unnamed, 'study', 'studies')} not identified"] * bool(unnamed)
        missing += [f"{counted(unsized, 'study', 'studies')} of unknown size"] * bool(unsized)
        missing = missing or ["none of its studies identified"]
        return ours, UNTOLD, f"The sum cannot be made: {' and '.join(missing)}."
    if total == value:
        return ours, AGREES, "The sizes of its studies sum to the same number."
    return ours, DIFFERS, f"The sizes of its studies sum to {total}."


def _size_range(claim: dict, known: _InHand) -> tuple[str, str, str]:
    own = _own_studies(claim, known)
    sizes = sorted(known.sizes[study] for study in own if known.sizes[study] == known.sizes[study])
    ends = [int(end) for end in re.findall(r"\d+", claim["value"])]
    if not sizes or len(ends) != 2:
        return "no size known", UNTOLD, "No study of that review has a known size in these tables."
    smallest, largest = int(sizes[0]), int(sizes[-1])
    ours = f"{smallest}-{largest} patients in the {len(sizes)} of {_sure(own, known)} whose size is known"
    rest = len(own) - len(sizes)
    doubt = f" Sizes of {counted(rest, 'other study', 'other studies')} are not known." if rest else ""
    if [smallest, largest] == ends:
        return ours, AGREES, f"The smallest and the largest known study are of the same size.{doubt}"
    if ends[0] <= smallest and largest <= ends[1]:
        return ours, UNTOLD, f"The known sizes lie inside the range but do not reach both ends.{doubt}"
    return ours, DIFFERS, "A study marked as its own lies outside the range."


def _pooled_response(claim: dict, known: _InHand) -> tuple[str, str, str]:
    key = _key(claim, known)
    ours = _response(key, known)
    own = _own_studies(claim, known)
    if not own:
        return (
            ours,
            UNTOLD,
            "Cannot be reproduced: which studies were pooled is not known, and none is marked here as one.",
        )
    entered = known.entered.get(key, {})
    missing = [known.studies[study]["label"] for study in own if study not in entered]
    if missing:
        return (
            ours,
            UNTOLD,
            "Cannot be reproduced: counts of these studies are not in hand"
            f" ({'; '.join(missing)}){_identity(own, known)}.",
        )
    row = known.pooled[key]
    estimate, lower, upper = _estimate(row)
    value, ci_lb, ci_ub = (_number(claim[name]) for name in ("value", "ci_lb", "ci_ub"))
    outcome = claim["outcome"]
    doubt = (
        f" The claim is of {_outcome(outcome)}; these tables count any response."
        if outcome in ("partial_response", "complete_resolution")
        else ""
    ) + (" It is likely, not proven, that these are the studies it pooled." if _identity(own, known) else "")
    inside = lower <= value <= upper
    covered = ci_lb <= estimate <= ci_ub if ci_lb == ci_lb and ci_ub == ci_ub else True
    if inside and covered:
        return ours, AGREES, f"Each figure lies in the other's interval.{doubt}"
    where = "its figure lies outside our interval" if not inside else "our figure lies outside its interval"
    return ours, DIFFERS, f"From the counts of its studies, {where}.{doubt}"


def _level(claim: dict, known: _InHand) -> tuple[str, str, str]:
    row = known.levels.get(("therapy", claim["therapy"], claim["disease"]))
    whole = _class_row(claim, known)
    if row is None and whole is None:
        return (
            "no study in these tables",
            UNTOLD,
            "No study of this treatment is in the tables, so there is nothing to grade.",
        )
    ours = (row["level"] or "not gradable") if row else "no study under this name"
    if whole:
        ours += f". Whole class ({_class_label(claim['therapy'], known)}): {whole['level'] or 'not gradable'}"
    graded = next((one for one in (row, whole) if one and one["level"]), None)
    if graded is None:
        return ours, UNTOLD, "None of the studies in hand can be graded."
    note = ""
    by_hand = _set_by_hand(graded, known)
    if graded["level"] == claim["value"]:
        return ours, AGREES, f"The same level comes out by rule from the studies in hand.{by_hand}{note}"
    return (
        ours,
        DIFFERS,
        f"The studies in hand give {graded['level']}; the review may have graded other studies or by other definitions."
        f"{by_hand}{note}",
    )


RULES = {
    "n_identified": _n_identified,
    "n_studies": _n_studies,
    "n_patients": _n_patients,
    "size_range": _size_range,
    "pooled_response": _pooled_response,
    "level": _level,
}


def _recommendation(claim: dict, known: _InHand) -> tuple[str, str, str]:
    key = _key(claim, known)
    level = known.levels.get(key)
    grade = f"level {level['level']}" if level and level["level"] else "not gradable"
    if key[0] == "class":
        grade = f"{_class_label(claim['therapy'], known)} as a class: {grade}"
    ours = f"{grade}; {_response(key, known)}"
    direction = known.pooled[key]["direction"] if key in known.pooled else ""
    if direction:
        ours += {
            "above": "; the interval lies above the reference line",
            "below": "; the interval lies below the reference line",
            "across": "; the interval lies across the reference line",
        }[direction]
    return ours, UNTOLD, "A recommendation is a judgement of its authors: it is set beside the numbers and not judged."


def _responders(claim: dict, known: _InHand) -> tuple[str, str, str]:
    """A count out of n is sought among the rows: first in the claim's own source, then among rows of equal counts."""
    rows = [
        row
        for row in known.responses
        if row["therapy"] == claim["therapy"] and claim["disease"] in (ALL, row["disease"])
    ]
    copied = [row for row in rows if row["source"] not in SILENT and row["source"] == claim["source"]]
    alike = [row for row in rows if row["n"] == claim["n"] and _count(row, claim) == claim["value"]]
    row = next(iter(copied or alike), None)
    if row is None:
        ours = _response(("therapy", claim["therapy"], claim["disease"]), known)
        if not rows:
            return "no study in these tables", UNTOLD, "No study of this treatment is in the tables."
        return ours, UNTOLD, "No row of these tables has these counts, so it is not known whose patients they are."
    study = known.studies[row["study_id"]]["label"]
    x, n = _number(_count(row, claim)), _number(row["n"])
    ours = f"{fraction(x, n)} {LABELS['unit'][row['unit']]}, {_outcome(row['outcome'])}, {study}"
    circular = "Both were copied from the same source, so agreement would prove nothing."
    if _number(claim["n"]) != _number(claim["n"]):
        words = "Of how many is not reported, so there is no proportion to compare."
        return ours, UNTOLD, f"{words} {circular}" if copied else words
    if (_count(row, claim), row["n"]) != (claim["value"], claim["n"]):
        return ours, DIFFERS, "The same source is copied with other counts: look it up." if copied else "Other counts."
    if copied:
        return ours, AGREES, "Circular: both were copied from the same source, so agreement proves nothing."
    if not _is_followed(claim, known):
        why = f"The same {row['n']} {LABELS['unit'][row['unit']]}, counted by another review: not independent evidence."
    else:
        why = "A row has the same counts."
    if row["unit"] != "patient":
        why += f" {LABELS['unit'][row['unit']].capitalize()}, not patients: they enter no pool of patients."
    return ours, AGREES, why


def _other(claim: dict, known: _InHand) -> tuple[str, str, str]:
    what = _outcome(claim["outcome"]) or "not named"
    why = f"Another quantity ({what}): these tables count patients with a response of the condition reviewed."
    return "nothing to compare", UNTOLD, why + _scope(claim, known)


def _elsewhere(claim: dict, known: _InHand) -> tuple[str, str, str]:
    """A figure of another review: ours stands beside it, but the two are about other studies."""
    quantity, key = claim["quantity"], _key(claim, known)
    if quantity == "pooled_response":
        ours = _response(key, known) if claim["therapy"] != ALL else "no pool over all treatments"
    elif quantity == "level":
        row = known.levels.get(key)
        ours = (row["level"] or "not gradable") if row else "no study in these tables"
    elif quantity in ("n_studies", "n_patients", "size_range"):
        ids = _studies_of(claim, known)
        sizes = _sizes(ids, claim, known)
        total = counted(int(_once_a_cohort(sizes, known)), "patient")
        known_of = "" if len(sizes) == len(ids) else f"{len(sizes)} of "
        ours = {
            "n_studies": counted(len(ids), "study", "studies"),
            "n_patients": f"{total} in {known_of}{counted(len(ids), 'study', 'studies')}" if sizes else "none known",
            "size_range": f"{min(sizes.values()):.0f}-{max(sizes.values()):.0f} patients" if sizes else "none known",
        }[quantity]
        ours += f" in these tables{' (whole class)' * (key[0] == 'class')}"
        if known_of and sizes and quantity != "n_studies":
            ours += "; sizes of the others are not known"
    else:
        ours = "nothing to compare"
    return ours, UNTOLD, ("The scope differs." + _scope(claim, known)).strip()


# What the rules share ------------------------------------------------------------------------------


def _scope(claim: dict, known: _InHand) -> str:
    if _is_followed(claim, known):
        return ""
    if not known.follows:
        return " These tables follow no published review."
    return f" {claim['review']} is another review with its own studies; these tables follow {known.follows}."


def _studies_of(claim: dict, known: _InHand) -> list[str]:
    """Studies that are not excluded and have a row of the claim's therapy and disease."""
    live = [study for study, row in known.studies.items() if row["status"] != "excluded"]
    if claim["therapy"] == ALL and claim["disease"] == ALL:
        return live
    therapies = _treatments(claim, known)
    named = {
        row["study_id"]
        for row in known.responses
        if row["therapy"] in therapies and claim["disease"] in (ALL, row["disease"])
    }
    return [study for study in live if study in named]


def _treatments(claim: dict, known: _InHand) -> set[str]:
    """Therapies a claim is about: one, all, or those of a class."""
    if claim["therapy"] == ALL:
        return {row["therapy"] for row in known.responses}
    scope, name, _ = _key(claim, known)
    if scope == "class":
        return {therapy for therapy, group in known.class_of.items() if group == name}
    return {claim["therapy"]}


def _key(claim: dict, known: _InHand) -> tuple[str, str, str]:
    """The analysis a claim is about. A therapy named like its class is the class without a named agent."""
    therapy, disease = claim["therapy"], claim["disease"]
    group = known.class_of.get(therapy, "")
    whole = ("class", group, disease)
    return (
        whole
        if group and therapy.rstrip("s") == group.rstrip("s") and whole in known.levels
        else ("therapy", therapy, disease)
    )


def _sizes(ids: list[str], claim: dict, known: _InHand) -> dict:
    """Known numbers of patients: of the study, or of its rows of the treatment that the claim is about."""
    if claim["therapy"] == ALL:
        return {study: known.sizes[study] for study in ids if known.sizes[study] == known.sizes[study]}
    therapies = _treatments(claim, known)
    sizes = defaultdict(float)
    for row in known.responses:
        counted_row = row["primary_outcome"] == "yes" and row["unit"] == "patient" and row["n_"] == row["n_"]
        meant = row["therapy"] in therapies and claim["disease"] in (ALL, row["disease"])
        if counted_row and meant and row["study_id"] in ids:
            sizes[row["study_id"]] += row["n_"]
    return dict(sizes)


def _own_studies(claim: dict, known: _InHand) -> list[str]:
    """Those of them that are or are likely to be studies of the review that is followed."""
    return [study for study in _studies_of(claim, known) if known.studies[study]["published_review"] in OF_THE_REVIEW]


def _sure(own: list[str], known: _InHand) -> str:
    """How many studies of the review are in hand, and how surely they are its own."""
    likely = sum(known.studies[study]["published_review"] == "likely" for study in own)
    if not likely:
        return f"{counted(len(own), 'study', 'studies')} of that review in hand"
    if likely == len(own):
        return f"{likely} likely {'study' if likely == 1 else 'studies'} of that review in hand (none proven by name)"
    return f"{len(own)} studies of that review in hand ({likely} of them likely, not proven)"


def _designs(own: list[str], known: _InHand) -> str:
    """Designs of these studies in the words of the published review."""
    split = Counter(DIRECTION_OF.get(known.studies[study]["design"], "") for study in own)
    words = LABELS["design_as_published"]
    named = [f"{split[design]} {words[design]}" for design in DIRECTION_OF.values()]
    rest = [f"{split['']} of another design or direction not stated"] * bool(split[""])
    return ", ".join(named + rest)


def _identity(own: list[str], known: _InHand) -> str:
    """A clause for studies that are only likely to be the ones behind a figure."""
    if all(known.studies[study]["published_review"] == "yes" for study in own):
        return ""
    return "; which studies were pooled is itself not shown"


def _largest_arm(study: str, claim: dict, known: _InHand) -> float:
    """Patients of the study's largest arm that entered an analysis of one therapy; 0 if none did."""
    therapies = _treatments(claim, known)
    return max(
        (
            arms[study]
            for (scope, therapy, disease), arms in known.entered.items()
            if study in arms and scope == "therapy" and therapy in therapies and disease == claim["disease"]
        ),
        default=0,
    )


def _once_a_cohort(n_of: dict, known: _InHand) -> float:
    """Sum over studies, reports of one cohort counted once."""
    largest = defaultdict(float)
    for study, n in n_of.items():
        cohort = known.studies[study]["cohort_id"]
        cohort = study if cohort in SILENT else cohort
        largest[cohort] = max(largest[cohort], n)
    return sum(largest.values())


def _estimate(row: dict) -> tuple[float, float, float]:
    """Estimate and interval of the primary analysis: pooled, else crude."""
    names = ("estimate", "ci_lb", "ci_ub") if row["pooled"] == "yes" else ("crude", "crude_ci_lb", "crude_ci_ub")
    return tuple(float(row[name]) for name in names)


def _response(key: tuple, known: _InHand) -> str:
    """What these tables give as response of an analysis, in words."""
    row = known.pooled.get(key)
    if row is None:
        return "no study in these tables"
    k, waiting = int(row["k"]), int(row["k_awaiting"])
    awaited = f"{counted(waiting, 'study', 'studies')} without counts" if waiting else ""
    aside = int(row["k_left_out"])
    if not k:
        parts = [f"{counted(aside, 'study', 'studies')} left out"] * bool(aside) + [awaited] * bool(awaited)
        return f"no counts to use ({', '.join(parts) or row['reason']})"
    estimate, lower, upper = _estimate(row)
    counts = f"{row['events']:.0f}/{row['n']:.0f}"
    how = "pooled" if row["pooled"] == "yes" else "not pooled"
    why = f": {row['reason']}" if row["pooled"] != "yes" else ""
    ours = f"{percent(estimate)} {interval(lower, upper)}, {counts} in {counted(k, 'study', 'studies')}, {how}{why}"
    return f"{ours}; {awaited}" if awaited else ours


def _class_row(claim: dict, known: _InHand) -> dict | None:
    key = _key(claim, known)
    return known.levels.get(key) if key[0] == "class" else None


def _class_label(therapy: str, known: _InHand) -> str:
    name = known.class_of[therapy]
    return known.class_labels.get(name, humanise(name))


def _set_by_hand(row: dict, known: _InHand) -> str:
    """Says which studies of a graded row have a level set by hand and what their designs alone would give."""
    words = []
    for study in filter(None, row["studies"].split(";")):
        level = known.study_levels[study]
        if level["override"]:
            alone = level["level_by_design"] or "no level"
            words.append(
                f" {known.studies[study]['label']} was set to {level['level']} by hand (its design alone: {alone})."
            )
    return "".join(words)


def _about(therapy: str, disease: str, known: _InHand) -> str:
    what = "All treatments" if therapy == ALL else known.therapy_labels.get(therapy, humanise(therapy))
    return what if disease == ALL else f"{what}: {known.disease_labels.get(disease, humanise(disease))}"


def _measure(claim: dict) -> str:
    words = LABELS["quantity"].get(claim["quantity"], humanise(claim["quantity"]).lower())
    outcome = _outcome(claim["outcome"])
    if claim["quantity"] == "other":
        return outcome or words
    return f"{words} ({outcome})" if outcome else words


def _outcome(slug: str) -> str:
    return OUTCOMES.get(slug) or humanise(slug).lower()


def _count(row: dict, claim: dict) -> str:
    """The cell of a row that counts what the claim counts."""
    column = {"complete_resolution": "n_complete", "partial_response": "n_partial"}.get(claim["outcome"], "responders")
    return row["responders"] if row[column] in SILENT else row[column]


def _number(text: str) -> float:
    return float(numbers(pd.Series([text])).iloc[0])


def _whole(text: str) -> int | None:
    number = _number(text)
    return None if number != number else int(number)


def _hundredfold(text: str) -> str:
    """A printed share as per cent with the digits it was printed with: ">0.11" -> ">11", "0.859" -> "85.9"."""
    sign = text[: len(text) - len(text.lstrip("<>≤≥~ "))]
    number = _number(text[len(sign) :])
    return text if number != number else sign + _signed(f"{100 * number:.10g}")


def _signed(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text


# The work list -------------------------------------------------------------------------------------


def _gap(row: dict, study: dict, unit: str) -> tuple[list[str], bool] | None:
    """What a row of the primary outcome lacks: (missing fields, counts unsettled); None if it lacks nothing."""
    if row["primary_outcome"] != "yes" or row["unit"] != unit:
        return None
    missing = ["number of patients"] * (row["n_"] != row["n_"]) + ["number of responders"] * (row["x_"] != row["x_"])
    if missing:
        missing = ["treatment"] * (row["therapy"] in SILENT) + missing
        return missing + ["disease"] * (row["disease"] in SILENT), False
    doubted = row["pool"] == "no" and bool(UNSETTLED.search(row["pool_reason"]))
    return (["disease"] * (row["disease"] in SILENT), True) if study["status"] == "awaiting" or doubted else None


def _missing(wanted: list, therapy_labels: Mapping, disease_labels: Mapping) -> str:
    if not wanted:
        return "a response row: treatment, disease, number of patients, number of responders"
    words = []
    for row, (fields, unsettled) in wanted:
        check = [f"confirmation of {row['x_']:.0f}/{row['n_']:.0f} from the full text"] * unsettled
        # only what tells the rows of this study apart; the columns therapies and diseases have the rest
        places = [
            labels.get(row[key], humanise(row[key]))
            for key, labels in (("therapy", therapy_labels), ("disease", disease_labels))
            if len({other[key] for other, _ in wanted}) > 1
        ]
        what = ", ".join(check + fields)
        words.append(f"{', '.join(places)}: {what}" if places else what)
    return "; ".join(dict.fromkeys(words))


def _reason(study: dict, wanted: list) -> str:
    if study["status"] == "awaiting" and study["status_reason"] not in SILENT:
        return study["status_reason"]
    return "; ".join(dict.fromkeys(row["pool_reason"] for row, _ in wanted if row["pool_reason"] not in SILENT))


def _wanted_in(row: dict, class_of: Mapping) -> list[tuple[str, str, str]]:
    """The analyses a row would belong to, whether they exist or not."""
    if row["therapy"] in SILENT:
        return []
    diseases = [ALL] if row["disease"] in (*SILENT, ALL) else [ALL, row["disease"]]
    names = [("therapy", row["therapy"]), ("class", class_of.get(row["therapy"], ""))]
    return [(*name, disease) for name in names for disease in diseases]


def _adds(
    wanted, study, analyses, listed, class_of, therapy_labels, disease_labels, class_labels, min_studies, min_arm_size
):
    """What the study would add, in words; the analyses it would enter; whether one of them could then be pooled."""
    names = {}
    for row, _ in wanted:
        for scope, name, disease in _wanted_in(row, class_of):
            label = (
                therapy_labels.get(name, humanise(name))
                if scope == "therapy"
                else f"{class_labels.get(name, humanise(name))} as a class"
            )
            if disease != ALL:
                label += f" in {disease_labels.get(disease, humanise(disease))}"
            names[scope, name, disease] = label
    if not names:
        return "cannot be told: the treatment is not visible", [], False
    names = {
        key: label
        for key, label in names.items()
        if key in analyses and study["study_id"] not in analyses[key]["studies"].split(";")
    }
    sizes = [_number(study["n_patients"]), *(row["n_"] for row, _ in wanted)]
    size = min((n for n in sizes if n == n), default=min_arm_size)
    if size < min_arm_size:
        place = "; ".join(label for key, label in names.items() if key[0] == "therapy" and key[2] == ALL)
        return f"{place}: {counted(int(size), 'patient')}, fewer than {min_arm_size}: shown, not pooled", [], False
    words, ids, allows = [], [], False
    for key, label in names.items():
        k = int(analyses[key]["k"])
        now = f"{label}: {counted(k, 'study', 'studies') if k else 'no study'} now"
        enough = k + 1 == min_studies
        if enough:
            words.append(f"{now}, this {_ordinal(k + 1)} would allow pooling")
        elif key[2] == ALL:
            of = f" of {min_studies} needed" if k < min_studies else ""
            others = f" ({listed[key]} in this list)" if of and listed[key] > 1 else ""
            words.append(f"{now}, would be the {_ordinal(k + 1)}{of}{others}")
        allows = allows or enough
        ids.append(analyses[key]["analysis"])
    return "; ".join(words), ids, allows


def _ordinal(number: int) -> str:
    """
    >>> [_ordinal(number) for number in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _labels(slugs, labels: Mapping, absent: str) -> str:
    names = dict.fromkeys(absent if slug in SILENT else labels.get(slug, humanise(slug)) for slug in slugs)
    return "; ".join(names) or absent


def _where(study: dict, rows: list) -> str:
    """Where the text may be had: identifiers, the pages its rows were read from, else the title to look for.

    The source of a secondary row is somebody else's page. It is named as such and does not stand for the study.
    """
    own, quoted = [], []
    if study["doi"] not in SILENT:
        own.append(f"https://doi.org/{study['doi']}")
    if study["pmid"] not in SILENT:
        own.append(f"https://pubmed.ncbi.nlm.nih.gov/{study['pmid']}/")
    texts = [study["status_reason"], study["notes"]]
    for row in rows:
        first_hand = row["evidence_basis"] != "secondary"
        texts += [row["source"], row["notes"]] if first_hand else [row["notes"]]
        links = [f"https://doi.org/{doi.rstrip(').,')}" for doi in DOI.findall(row["source"])]
        links += [f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" for pmid in PMID.findall(row["source"])]
        links += [link.rstrip(").,") for link in LINK.findall(row["source"]) if not PMC.search(link)]
        (own if first_hand else quoted).extend(links)
    found = " ".join(texts)
    own += [f"https://pmc.ncbi.nlm.nih.gov/articles/{name}/" for name in PMC.findall(found)]
    own += [f"https://clinicaltrials.gov/study/{name}" for name in NCT.findall(found)]
    own = list(dict.fromkeys(own))
    if not own:
        title = study["title"].strip("[]")
        if title in SILENT:
            own.append("no identifier and no title known")
        else:
            journal = f", {study['journal']}" if study["journal"] not in SILENT else ""
            own.append(f"no identifier known; look for: {title}{journal}")
    quoted = [f"quoted on {link}" for link in dict.fromkeys(quoted) if link not in own]
    return "; ".join(own + quoted)
