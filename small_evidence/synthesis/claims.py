"""Published claims beside what the tables of this review give, and where published sources contradict each other.

`reconcile_claims` judges each claim by a rule for its quantity: it agrees, differs or is not assessable, each with a
code for the cause. Whether an agreement is independent evidence is decided apart, by rules that do not look at it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, SILENT, claim_unit, number, numbers
from small_evidence.extraction.screening import flow_shown
from small_evidence.names import analysis_id
from small_evidence.review import Analysis, Review

AGREES, DIFFERS, NOT_ASSESSABLE = "agrees", "differs", "not_assessable"
# Verdict -> its causes
CAUSES = {
    AGREES: ("same_number", "same_range", "same_level", "same_counts", "within_intervals"),
    DIFFERS: (
        "other_number",
        "other_level",
        "other_counts",
        "more_studies",  # more studies are marked as the publication's own than it counts
        "list_differs",  # the list of its references has another number
        "outside_range",
        "outside_our_interval",
        "outside_their_interval",
    ),
    NOT_ASSESSABLE: (
        "judgement",  # a recommendation
        "other_quantity",
        "other_scope",  # a publication about other studies than those that are followed here
        "no_review_followed",
        "not_recorded",  # our tables have no such number
        "not_a_number",
        "studies_unknown",  # none is marked as a study of that publication
        "studies_not_identified",
        "sizes_unknown",
        "range_not_reached",
        "counts_missing",  # of the studies in the column `studies`
        "counts_not_found",  # no row has these counts
        "no_denominator",
        "no_study",
        "not_gradable",
    ),
}
# What else to know, whatever the verdict
REMARKS = (
    "likely_studies",  # not every study is proven to be one of that publication
    "narrower_response",  # it counts partial or complete responses, we count any
    "other_unit",  # the row counts lesions where the review counts patients, or the reverse
    "whole_class",  # the therapy is named like its class, which is compared too
    "set_by_hand",  # a level set by the authors stands behind ours
    "sizes_missing",  # the size of some of its studies is not known
)
# Whether agreement would be independent evidence -> why
INDEPENDENCE = {
    "yes": ("own_sources",),
    "no": (
        "copied",  # ours was read in the source of the claim
        "matched_by_counts",  # the row was found by these counts
        "own_list",  # the studies that the publication names as its own were counted
        "likely_studies",  # which studies are those of the publication was inferred
        "own_scheme",  # the scheme of levels was written from this publication
        "set_by_hand",
    ),
    "": ("",),  # nothing of ours is compared with such a claim
}

OURS = [
    "analysis", "response_id", "level", "estimate", "ci_lb", "ci_ub", "events", "n", "k", "k_likely", "k_sized",
    "k_counted", "n_counted", "k_listed", "records", "smallest", "largest",
]  # fmt: skip
_TEXTS = ("analysis", "response_id", "level")
KEPT = ("claim_id", "review", "therapy", "disease", "quantity", "outcome")
RECONCILIATION = [
    *KEPT, "unit", "claimed", "claimed_ci_lb", "claimed_ci_ub", "claimed_i2", "claimed_n", *OURS, "verdict", "cause",
    "studies", "remarks", "independent", "independence", "statement", "source",
]  # fmt: skip
CONTRADICTIONS = [
    "kind", "therapy", "disease", "quantity", "outcome", "unit", "claim_a", "review_a", "value_a", "claim_b",
    "review_b", "value_b", "intervals", "studies",
]  # fmt: skip
KINDS = ("values", "words", "fewer_trials_than_listed", "fewer_trials_than_found")

OF_THE_REVIEW = ("yes", "likely")  # values of studies.published_review that put a study among the publication's own
# First word of the outcome of a claim of responders -> the column of responses that counts them; else responders
COUNTED = {"complete": "n_complete", "partial": "n_partial", "no": "n_none"}
# What a claim says of a therapy; other quantities describe the publication itself, so that two may differ
OF_THE_THERAPY = ("pooled_response", "responders", "level", "recommendation", "other")
# Outcome of a claim of quantity other that says how many trials there are -> designs in studies that are such trials
TRIALS = {"controlled_trials": ("rct", "controlled_nonrandomised"), "randomised_trials": ("rct",)}

Row = Mapping[Any, Any]
Found = dict[str, Any]


def reconcile_claims(review: Review) -> pd.DataFrame:
    """Each published claim beside what the tables of this review give.

    Parameters
    ----------
    review : with the results study_levels, arms, pooled and therapy_levels

    Returns
    -------
    DataFrame with the columns RECONCILIATION, one row a claim in the order of the table. claimed is the value as
    printed; the columns OURS are what stands beside it (proportions 0..1, NaN or "" where there is none): estimate with
    its interval, events of n patients in k studies; of studies of the publication followed k, of which k_likely are not
    proven, k_sized have a known size and k_counted have counts in an analysis (n_counted patients, the largest arm of
    each); k_listed, the references that its list has. verdict, cause, remarks (joined by ";") and independence are
    codes of CAUSES, REMARKS and INDEPENDENCE; studies, those that the cause is about.

    Notes
    -----
    A value agrees or differs only where the same thing is counted here. `independent` depends on where the two come
    from, never on the verdict.
    """
    rows = []
    for claim in review["published_claims"].to_dict("records"):
        unit = claim_unit(claim["quantity"], claim["unit"], _outcome_unit(claim["outcome"], review))
        found = _rule(claim, review)(claim, review)
        independent = _independence(claim, found, review)
        rows.append(
            {key: claim[key] for key in (*KEPT, "statement", "source")}
            | {f"claimed_{key}": claim[key] for key in ("ci_lb", "ci_ub", "i2", "n")}
            | {"claimed": claim["value"], "unit": unit}
            | found
            | {"independent": "yes" if independent == "own_sources" else "no" if independent else ""}
            | {"independence": independent}
        )
    frame = pd.DataFrame(rows, columns=RECONCILIATION)
    return frame.astype({name: float for name in OURS if name not in _TEXTS})


def contradictions(review: Review) -> pd.DataFrame:
    """Claims of different publications that cannot both hold, or that say different things of the same therapy.

    Returns
    -------
    DataFrame with the columns CONTRADICTIONS. kind values: two publications give different values of one quantity of
    the same therapy, disease, outcome and unit (of responders only where both have the same n); intervals then says
    whether the printed intervals overlap ("apart", "overlap", "" where one prints none). words: two recommendations in
    different words, to be read side by side. fewer_trials_than_listed, fewer_trials_than_found: a claim of how many
    trials exist, with fewer than the list of the publication followed, or than studies (their ids are in `studies`).
    """
    claims = review["published_claims"].to_dict("records")
    same = ("therapy", "disease", "quantity", "outcome", "unit")
    rows: list[Found] = []
    for one, other in combinations(claims, 2):
        alike = all(one[key] == other[key] for key in same) and one["quantity"] in OF_THE_THERAPY
        apart = _publication(one, review) != _publication(other, review) and one["source"] != other["source"]
        if not alike or not apart or _same_value(one["value"], other["value"]):
            continue
        if one["quantity"] == "responders" and one["n"] != other["n"]:
            continue
        kind = "words" if one["quantity"] == "recommendation" else "values"
        second = {"claim_b": other["claim_id"], "review_b": other["review"], "value_b": other["value"]}
        rows.append(_contradiction(kind, one) | second | {"intervals": _intervals(one, other)})
    for claim in claims:
        rows += _fewer_trials(claim, review)
    return pd.DataFrame(rows, columns=CONTRADICTIONS).fillna("")


def followed_name(review: Review) -> str:
    """Full name of the publication that is followed, as its first claim prints it; "" if there is none."""
    names = review["published_claims"]["review"]
    return next((name for name in names if is_followed({"review": name}, review)), review.follows)


def is_followed(claim: Row, review: Review) -> bool:
    """Whether a claim is one of the publication followed; all its reports have names that begin alike."""
    return bool(review.follows) and claim["review"].lower().startswith(review.follows.lower())


# Rules, one a quantity -------------------------------------------------------------------------------------


def _rule(claim: Row, review: Review) -> Any:
    quantity = claim["quantity"]
    everywhere = {"recommendation": _recommendation, "responders": _responders, "other": _other}
    if quantity in everywhere:
        return everywhere[quantity]
    return RULES[quantity] if is_followed(claim, review) else _elsewhere


def _judged(verdict: str, cause: str, remarks: Sequence[str] = (), studies: Sequence[str] = (), **ours: Any) -> Found:
    return {
        "verdict": verdict,
        "cause": cause,
        "remarks": ";".join(remarks),
        "studies": ";".join(studies),
        **dict.fromkeys(_TEXTS, ""),
        **ours,
    }


def _identified(review: Review) -> pd.DataFrame:
    """The row of the flow with the records identified, of this review or else of the published one."""
    found, _ = flow_shown(review["screening"], review["records"])
    return found[(found["box"] == "identified") & (found["part"] == "")]


def _n_identified(claim: Row, review: Review) -> Found:
    ours = _identified(review)["n"].sum(min_count=1)
    if pd.isna(ours):
        return _judged(NOT_ASSESSABLE, "not_recorded")
    same = number(claim["value"]) == ours
    return _judged(AGREES if same else DIFFERS, "same_number" if same else "other_number", records=ours)


def _n_studies(claim: Row, review: Review) -> Found:
    own = _own_studies(claim, review)
    counts = _largest_arms(own, claim, review)
    whole = claim["therapy"] == ALL and claim["disease"] == ALL
    listed = len(review["published_review"]) if whole else 0
    ours: Found = {
        "k": len(own),
        "k_likely": _likely(own),
        "k_counted": len(counts),
        "n_counted": _patients(counts, review),
    }
    ours |= {"k_listed": listed} if listed else {}
    remarks = ["likely_studies"] * bool(_likely(own))
    value = number(claim["value"])
    if value != value:
        return _judged(NOT_ASSESSABLE, "not_a_number", **ours)
    if listed and listed != value:
        return _judged(DIFFERS, "list_differs", **ours)
    if len(own) == value:
        return _judged(AGREES, "same_number", remarks, **ours)
    if len(own) > value:
        return _judged(DIFFERS, "more_studies", **ours)
    return _judged(NOT_ASSESSABLE, "studies_not_identified", **ours)


def _n_patients(claim: Row, review: Review) -> Found:
    own = _own_studies(claim, review)
    counts, sizes = _largest_arms(own, claim, review), _known_sizes(own)
    total = _patients(sizes, review)
    whole = claim["therapy"] == ALL and claim["disease"] == ALL
    listed = len(review["published_review"]) if whole else 0
    ours: Found = {"k": len(own), "k_likely": _likely(own), "k_sized": len(sizes), "n": total}
    ours |= {"k_counted": len(counts), "n_counted": _patients(counts, review)}
    ours |= {"k_listed": listed} if listed else {}
    if own.empty:
        return _judged(NOT_ASSESSABLE, "studies_unknown", **ours)
    if listed > len(own):
        return _judged(NOT_ASSESSABLE, "studies_not_identified", ["sizes_missing"] * (len(sizes) < len(own)), **ours)
    if len(sizes) < len(own):
        return _judged(NOT_ASSESSABLE, "sizes_unknown", **ours)
    same = total == number(claim["value"])
    remarks = ["likely_studies"] * bool(_likely(own))
    return _judged(AGREES if same else DIFFERS, "same_number" if same else "other_number", remarks, **ours)


def _size_range(claim: Row, review: Review) -> Found:
    own = _own_studies(claim, review)
    sizes = _known_sizes(own)
    ends = [float(end) for end in re.findall(r"\d+", claim["value"])]
    ours: Found = {"k": len(own), "k_likely": _likely(own), "k_sized": len(sizes)}
    if sizes.empty:
        return _judged(NOT_ASSESSABLE, "sizes_unknown", **ours)
    ours |= {"smallest": sizes.min(), "largest": sizes.max()}
    if len(ends) != 2:
        return _judged(NOT_ASSESSABLE, "not_a_number", **ours)
    remarks = ["sizes_missing"] * (len(sizes) < len(own))
    if ends == [ours["smallest"], ours["largest"]]:
        return _judged(AGREES, "same_range", remarks, **ours)
    if ends[0] <= ours["smallest"] and ours["largest"] <= ends[1]:
        return _judged(NOT_ASSESSABLE, "range_not_reached", remarks, **ours)
    return _judged(DIFFERS, "outside_range", remarks, **ours)


def _pooled_response(claim: Row, review: Review) -> Found:
    own = _own_studies(claim, review)
    analysis = review.analysis_of(*_key(claim, review))
    ours = _response(analysis)
    if own.empty:
        return _judged(NOT_ASSESSABLE, "studies_unknown", **ours)
    remarks = ["likely_studies"] * bool(_likely(own))
    entered = set(analysis.entered["study_id"]) if analysis else set()
    missing = [study for study in own["study_id"] if study not in entered]
    if missing or analysis is None:
        return _judged(NOT_ASSESSABLE, "counts_missing", remarks, missing, **ours)
    estimate, lower, upper = analysis.estimate
    value, ci_lb, ci_ub = (number(claim[name]) for name in ("value", "ci_lb", "ci_ub"))
    if value != value:
        return _judged(NOT_ASSESSABLE, "not_a_number", remarks, **ours)
    remarks += ["narrower_response"] * (_counted_column(claim) != "responders")
    if not lower <= value <= upper:
        return _judged(DIFFERS, "outside_our_interval", remarks, **ours)
    if estimate < ci_lb or estimate > ci_ub:  # false where none is printed
        return _judged(DIFFERS, "outside_their_interval", remarks, **ours)
    return _judged(AGREES, "within_intervals", remarks, **ours)


def _level(claim: Row, review: Review) -> Found:
    key = _key(claim, review)
    single = review.level_of("therapy", claim["therapy"], claim["disease"])
    whole = review.level_of(*key) if key[0] == "class" else {}
    remarks = ["whole_class"] * bool(whole)
    if not single and not whole:
        return _judged(NOT_ASSESSABLE, "no_study")
    graded = next((row for row in (single, whole) if row and row["level"]), None)
    if graded is None:
        return _judged(NOT_ASSESSABLE, "not_gradable", remarks)
    by_hand = _set_by_hand(graded, review)
    remarks += ["set_by_hand"] * bool(by_hand)
    ours = {"level": graded["level"], "k": graded["k"]}
    ours["analysis"] = analysis_id(graded["scope"], graded["therapy"], graded["disease"])
    same = graded["level"] == claim["value"]
    return _judged(AGREES if same else DIFFERS, "same_level" if same else "other_level", remarks, by_hand, **ours)


def _recommendation(claim: Row, review: Review) -> Found:
    key = _key(claim, review)
    level = review.level_of(*key)
    remarks = ["whole_class"] * (key[0] == "class")
    ours = _response(review.analysis_of(*key)) | {"level": level.get("level", "")}
    return _judged(NOT_ASSESSABLE, "judgement", remarks, **ours)


def _responders(claim: Row, review: Review) -> Found:
    """A count out of n is sought among the rows: first in the claim's own source, then among rows of equal counts."""
    responses = review["responses"]
    rows = responses[(responses["therapy"] == claim["therapy"]) & _of_disease(responses, claim)]
    if rows.empty:
        return _judged(NOT_ASSESSABLE, "no_study")
    row = _copied_row(claim, rows) or _row_of_equal_counts(claim, rows)
    if row is None:
        return _judged(NOT_ASSESSABLE, "counts_not_found", **_response(review.analysis_of(*_key(claim, review))))
    ours = {"response_id": row["response_id"], "events": number(_count(row, claim)), "n": number(row["n"])}
    remarks = ["other_unit"] * (row["unit"] != review.policy["unit"])
    if number(claim["n"]) != number(claim["n"]):
        return _judged(NOT_ASSESSABLE, "no_denominator", remarks, **ours)
    same = (_count(row, claim), row["n"]) == (claim["value"], claim["n"])
    return _judged(AGREES if same else DIFFERS, "same_counts" if same else "other_counts", remarks, **ours)


def _other(claim: Row, review: Review) -> Found:
    return _judged(NOT_ASSESSABLE, "other_quantity")


def _elsewhere(claim: Row, review: Review) -> Found:
    """A value of another publication: ours stands beside it, but the two are about different studies."""
    quantity, key = claim["quantity"], _key(claim, review)
    cause = "other_scope" if review.follows else "no_review_followed"
    remarks = ["whole_class"] * (key[0] == "class")
    ours: Found = {}
    if quantity == "pooled_response":
        ours = _response(review.analysis_of(*key)) if claim["therapy"] != ALL else {}
    elif quantity == "level":
        level = review.level_of(*key)
        ours = {"level": level["level"], "k": level["k"], "analysis": analysis_id(*key)} if level else {}
    elif quantity in ("n_studies", "n_patients", "size_range"):
        studies = _studies_of(claim, review)
        sizes = _sizes(studies, claim, review)
        ours = {"k": len(studies), "k_sized": len(sizes), "n": _patients(sizes, review)}
        ours |= {"smallest": sizes.min(), "largest": sizes.max()} if len(sizes) else {}
    return _judged(NOT_ASSESSABLE, cause, remarks, **ours)


RULES = {
    "n_identified": _n_identified,
    "n_studies": _n_studies,
    "n_patients": _n_patients,
    "size_range": _size_range,
    "pooled_response": _pooled_response,
    "level": _level,
}


# Independence ----------------------------------------------------------------------------------------------


def _independence(claim: Row, found: Found, review: Review) -> str:
    """Whether agreement would be independent evidence: a code of INDEPENDENCE, "" where nothing is compared.

    It depends on where the claim and our value come from, and neither on the values nor on the verdict.
    """
    quantity = claim["quantity"]
    if quantity == "responders" and found.get("response_id"):
        responses = review["responses"]
        row = responses[responses["response_id"] == found["response_id"]].iloc[0]
        return "copied" if _from_source(claim, [row["source"]]) else "matched_by_counts"
    if quantity not in RULES or not is_followed(claim, review):
        return ""
    if quantity == "n_identified":
        return "copied" if _from_source(claim, _identified(review)["source"]) else "own_sources"
    if quantity == "n_studies":
        return "own_list"
    if quantity == "level":
        if claim["doi"] not in SILENT and claim["doi"] == review.config["grading"]["scheme_source"]:
            return "own_scheme"
        return "set_by_hand" if "set_by_hand" in found["remarks"].split(";") else "own_sources"
    own = _own_studies(claim, review)
    if _likely(own):
        return "likely_studies"
    rows = review["responses"]
    rows = rows[rows["study_id"].isin(own["study_id"]) & rows["therapy"].isin(_therapies(claim, review))]
    return "copied" if _from_source(claim, rows.loc[_of_disease(rows, claim), "source"]) else "own_sources"


def _from_source(claim: Row, sources: Sequence[str] | pd.Series) -> bool:
    """Whether one of the sources is that of the claim."""
    own = {claim["source"]} | ({f"doi:{claim['doi']}"} if claim["doi"] not in SILENT else set())
    return any(source in own for source in sources if source not in SILENT)


# Contradictions --------------------------------------------------------------------------------------------


def _contradiction(kind: str, claim: Row) -> Found:
    kept = {key: claim[key] for key in ("therapy", "disease", "quantity", "outcome", "unit")}
    return {"kind": kind} | kept | {
        "claim_a": claim["claim_id"], "review_a": claim["review"], "value_a": claim["value"], "intervals": "",
        "studies": "",
    }  # fmt: skip


def _publication(claim: Row, review: Review) -> str:
    return review.follows if is_followed(claim, review) else claim["review"]


def _same_value(one: str, other: str) -> bool:
    numbers_of = number(one), number(other)
    return one == other or numbers_of[0] == numbers_of[1]


def _intervals(one: Row, other: Row) -> str:
    bounds = [number(claim[name]) for claim in (one, other) for name in ("ci_lb", "ci_ub")]
    if any(bound != bound for bound in bounds):
        return ""
    return "apart" if bounds[1] < bounds[2] or bounds[3] < bounds[0] else "overlap"


def _fewer_trials(claim: Row, review: Review) -> list[Found]:
    """A claim of how many trials exist against those that the list of references and the studies show."""
    value = number(claim["value"])
    if claim["quantity"] != "other" or claim["outcome"] not in TRIALS or value != value:
        return []
    found = []
    whole = claim["therapy"] == ALL and claim["disease"] == ALL
    listed = int((review["published_review"]["design_as_published"] == "rct").sum())
    if whole and listed > value and not is_followed(claim, review):
        second = {"claim_b": "", "review_b": followed_name(review), "value_b": str(listed)}
        found.append(_contradiction("fewer_trials_than_listed", claim) | second)
    studies = _studies_of(claim, review)
    trials = studies.loc[studies["design"].isin(TRIALS[claim["outcome"]]), "study_id"]
    if len(trials) > value:
        second = {"claim_b": "", "review_b": "", "value_b": str(len(trials)), "studies": ";".join(trials)}
        found.append(_contradiction("fewer_trials_than_found", claim) | second)
    return found


# What the rules share --------------------------------------------------------------------------------------


def _studies_of(claim: Row, review: Review) -> pd.DataFrame:
    """Studies that are not excluded and have a row of the claim's therapy and disease."""
    studies = review["studies"]
    live = studies[studies["status"] != "excluded"]
    if claim["therapy"] == ALL and claim["disease"] == ALL:
        return live
    rows = review["responses"]
    meant = rows[rows["therapy"].isin(_therapies(claim, review)) & _of_disease(rows, claim)]
    return live[live["study_id"].isin(meant["study_id"])]


def _own_studies(claim: Row, review: Review) -> pd.DataFrame:
    """Those of them that are or are likely to be studies of the publication followed."""
    studies = _studies_of(claim, review)
    return studies[studies["published_review"].isin(OF_THE_REVIEW)]


def _likely(own: pd.DataFrame) -> int:
    return int((own["published_review"] == "likely").sum())


def _therapies(claim: Row, review: Review) -> set[str]:
    """Therapies a claim is about: one, all, or those of a class."""
    if claim["therapy"] == ALL:
        return set(review["responses"]["therapy"])
    scope, name, _ = _key(claim, review)
    if scope == "class":
        therapies = review["therapies"]
        return set(therapies.loc[therapies["therapy_class"] == name, "therapy"])
    return {claim["therapy"]}


def _of_disease(rows: pd.DataFrame, claim: Row) -> pd.Series:
    meant: pd.Series = (rows["disease"] == claim["disease"]) | (claim["disease"] == ALL)
    return meant


def _key(claim: Row, review: Review) -> tuple[str, str, str]:
    """The analysis a claim is about. A therapy named like its class is the class without a named agent."""
    therapy, disease = claim["therapy"], claim["disease"]
    therapies = review["therapies"]
    group = next(iter(therapies.loc[therapies["therapy"] == therapy, "therapy_class"]), "")
    named_alike = group not in SILENT and therapy.rstrip("s") == group.rstrip("s")
    if named_alike and review.level_of("class", group, disease):
        return "class", group, disease
    return "therapy", therapy, disease


def _known_sizes(studies: pd.DataFrame) -> pd.Series:
    """Number of patients by study, of the studies where it is known."""
    sizes: pd.Series = numbers(studies.set_index("study_id")["n_patients"]).dropna()
    return sizes


def _sizes(studies: pd.DataFrame, claim: Row, review: Review) -> pd.Series:
    """Known numbers of patients: of the study, or of its rows of the therapy that the claim is about."""
    if claim["therapy"] == ALL:
        return _known_sizes(studies)
    rows = review["responses"]
    rows = rows[
        (rows["primary_outcome"] == "yes")
        & (rows["unit"] == review.policy["unit"])
        & rows["therapy"].isin(_therapies(claim, review))
        & _of_disease(rows, claim)
        & rows["study_id"].isin(studies["study_id"])
    ]
    sizes: pd.Series = numbers(rows["n"]).groupby(rows["study_id"]).sum(min_count=1).dropna()
    return sizes


def _largest_arms(own: pd.DataFrame, claim: Row, review: Review) -> pd.Series:
    """Patients of each study's largest arm in an analysis of one therapy; studies without one are not in it."""
    arms = review["arms"]
    arms = arms[
        (arms["entered"] == "yes")
        & (arms["scope"] == "therapy")
        & (arms["disease"] == claim["disease"])
        & arms["therapy"].isin(_therapies(claim, review))
        & arms["study_id"].isin(own["study_id"])
    ]
    largest: pd.Series = arms.groupby("study_id")["n"].max()
    return largest


def _patients(n_of: pd.Series, review: Review) -> float:
    """Sum over studies (index), reports of one cohort counted once with the largest number."""
    cohort = review["studies"].set_index("study_id")["cohort_id"].reindex(n_of.index)
    cohort = cohort.mask(cohort.isin(SILENT), n_of.index.to_series())
    return float(n_of.groupby(cohort).max().sum())


def _response(analysis: Analysis | None) -> Found:
    """What an analysis gives as response: pooled, else of the summed counts."""
    if analysis is None:
        return {}
    found = {"analysis": analysis.name, **{key: analysis.result[key] for key in ("events", "n", "k")}}
    return found | dict(zip(("estimate", "ci_lb", "ci_ub"), analysis.estimate, strict=True))


def _set_by_hand(level: Row, review: Review) -> list[str]:
    """Studies of a graded therapy whose level the authors have set."""
    graded = review["study_levels"].set_index("study_id")["override"]
    return [study for study in level["studies"].split(";") if study and graded[study] != ""]


def _copied_row(claim: Row, rows: pd.DataFrame) -> Row | None:
    found = rows[(rows["source"] == claim["source"]) & ~rows["source"].isin(SILENT)]
    return next(iter(found.to_dict("records")), None)


def _row_of_equal_counts(claim: Row, rows: pd.DataFrame) -> Row | None:
    found = (row for row in rows.to_dict("records") if (_count(row, claim), row["n"]) == (claim["value"], claim["n"]))
    return next(found, None)


def _counted_column(claim: Row) -> str:
    return COUNTED.get(claim["outcome"].partition("_")[0], "responders")


def _count(row: Row, claim: Row) -> str:
    """The cell of a row that counts what the claim counts."""
    cell = row[_counted_column(claim)]
    return str(row["responders"] if cell in SILENT else cell)


def _outcome_unit(outcome: str, review: Review) -> str:
    outcomes = review["outcomes"]
    return next(iter(outcomes.loc[outcomes["outcome"] == outcome, "unit"]), "")
