"""Every analysis of a review: which arms it has, what they pool to, and how far the result depends on a choice.

`synthesise` is the one step from checked tables to results; each function gives one table of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from small_evidence.appraisal.certainty import certainty
from small_evidence.appraisal.levels import grade_studies, grade_therapies, level_sensitivity
from small_evidence.appraisal.risk_of_bias import summarise_appraisals
from small_evidence.extraction.overlap import assumed, exchanged, overlap_candidates
from small_evidence.extraction.schema import ALL, numbers
from small_evidence.made import content_of
from small_evidence.pooling import pool_many
from small_evidence.pooling.direction import direction
from small_evidence.pooling.heterogeneity import (
    STUDIES_PER_COEFFICIENT,
    meta_regression,
    small_study_test,
    subgroups_of_many,
)
from small_evidence.pooling.prediction import NEXT_PATIENTS, predict_many
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.pooling.record import MIN_K_PREDICTION, RECORD, TEXT_COLUMNS
from small_evidence.pooling.selection import MIN_ARM_SIZES, evaluable_bounds, unpublished_of_many
from small_evidence.pooling.sensitivity import all_methods, cumulative, leave_one_out
from small_evidence.pooling.three_level import pool_three_level
from small_evidence.review import Review
from small_evidence.synthesis.awaiting import awaiting_list
from small_evidence.synthesis.claims import contradictions, reconcile_claims
from small_evidence.synthesis.comparisons import compare_arms
from small_evidence.synthesis.each import each
from small_evidence.synthesis.policy import select_arms, with_least_size
from small_evidence.synthesis.trace import trace_rows

COMPLETE = "complete_only"
# Variants of the sensitivity table that change one choice of the policy
CHOICES: Mapping[str, Mapping[str, Any]] = {
    "without_secondary": {"secondary_sources": "exclude"},
    COMPLETE: {"response": "complete"},
}
ARM_SIZE = "arm_size"  # change: the least number of patients of an arm
EVALUABLE = ("worst_case", "best_case")  # patients treated but not evaluated all failed, or all responded
THREE_LEVEL = "three_level"  # arms within studies
VARIANTS = (
    "leave_one_out", "cumulative", "method", ARM_SIZE, *CHOICES, "without_overlap", "other_report", *EVALUABLE,
    THREE_LEVEL,
)  # fmt: skip
COUNTS = ["analysis", "responders", "n"]
FACTORS = {"disease": "by_disease", "design": "design", "level": "level_of_evidence", "source": "evidence_basis"}
SMALL_STUDIES = "small_studies"
COVARIATE = "covariate"  # a column of studies that the config names
TOGETHER = "covariates_together"  # all of them in one model
# Columns of a test of a regression, and their names in the table, which are those of a test of subgroups
TEST_OF_REGRESSION = {"lr_chi2": "chi2", "lr_df": "df", "lr_ddf": "ddf", "lr_p": "p"}
# Why an analysis is not pooled, "" where it is
NOT_POOLED = ("too_few_studies", "no_large_arm", "comparator", "counts_held_back", "counts_missing")


def synthesise(review: Review) -> Review:
    """The review with every result, in the order in which one needs the other."""
    review = grade_and_pool(review)
    review = review.with_results(
        {
            "appraisal": summarise_appraisals(review),
            "pooled_events": pool_events(review),
            "trace": trace_rows(review, review["arms"]),
            "overlap_candidates": overlap_candidates(review["studies"], review["responses"], review["overlaps"]),
        }
    )
    review = review.with_results({"sensitivity": sensitivity(review), "heterogeneity": heterogeneity(review)})
    review = review.with_results({"certainty_ratings": certainty(review)})
    return review.with_results(
        {
            "level_sensitivity": level_sensitivity(review),
            "reconciliation": reconcile_claims(review),
            "contradictions": contradictions(review),
            "awaiting": awaiting_list(review),
        }
    )


def grade_and_pool(review: Review) -> Review:
    """The review with the results that all others build on: levels, arms, pooled proportions, comparisons."""
    return pool_graded(review.with_results({"study_levels": grade_studies(review), "arms": select_arms(review)}))


def pool_graded(review: Review) -> Review:
    """The results of `grade_and_pool`, of a review that has the levels of its studies and its arms."""
    review = review.with_results({"pooled": pool_arms(review, review["arms"])})
    return review.with_results({"comparisons": compare_arms(review), "therapy_levels": grade_therapies(review)})


def pool_ahead(reviews: Sequence[Review]) -> None:
    """Compute at once what `pool_arms` will ask for each of these reviews, inside `each.answers_kept`."""
    alike: dict[str, list[Review]] = {}
    for review in reviews:
        alike.setdefault(content_of(review.policy, review.response_threshold), []).append(review)
    for some in alike.values():
        arms = [one["arms"].assign(analysis=f"{at} " + one["arms"]["analysis"]) for at, one in enumerate(some)]
        pool_arms(some[0], pd.concat(arms, ignore_index=True))


def pool_review(review: Review) -> Review:
    """The review with its arms selected and pooled under its present tables and choices; other results as they are."""
    arms = select_arms(review)
    return review.with_results({"arms": arms, "pooled": pool_arms(review, arms)})


def choices(review: Review) -> dict[str, Mapping[str, Any]]:
    """The variants of CHOICES that the review's tables allow: complete responses alone only where any are reported."""
    return {variant: changed for variant, changed in CHOICES.items() if variant != COMPLETE or review.complete_reported}


def over_all(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows on single therapies over all diseases, of a table with scope and disease."""
    return frame[(frame["scope"] == "therapy") & (frame["disease"] == ALL)]


def pool_arms(review: Review, arms: pd.DataFrame) -> pd.DataFrame:
    """Pool the arms that entered; a row an analysis, pooled or not, with the reason.

    Parameters
    ----------
    arms : DataFrame from `policy.select_arms`

    Returns
    -------
    DataFrame: analysis, scope, therapy, disease, pooled, reason (a code of NOT_POOLED), k (studies), k_arms, events, n,
    crude proportion with its exact interval, the record of the pooling engine (proportions 0..1; b, se, tau2 on the
    model's scale; empty where not pooled), direction, what is predicted of further patients, studies, and how many were
    left out or have no counts.
    """
    policy = review.policy
    keys = ["analysis", "scope", "therapy", "disease"]
    entered = arms[arms["entered"] == "yes"]
    counted = arms[(arms["entered"] == "no") & arms["n"].notna() & arms["responders"].notna()]
    uncounted = arms[arms["n"].isna() | arms["responders"].isna()]
    # a study has no counts where none of its rows in the analysis has any
    elsewhere = pd.MultiIndex.from_frame(pd.concat([entered, counted])[["analysis", "study_id"]])
    awaiting = uncounted[~pd.MultiIndex.from_frame(uncounted[["analysis", "study_id"]]).isin(elsewhere)]

    def each_once(cells: pd.Series) -> str:
        return ";".join(dict.fromkeys(cells))

    table = arms[keys].drop_duplicates().set_index("analysis")
    sums = entered.groupby("analysis").agg(
        k=("study_id", "nunique"),
        k_arms=("study_id", "size"),
        events=("responders", "sum"),
        n=("n", "sum"),
        studies=("study_id", each_once),
    )
    # and its counts are left out where no arm of it entered
    inside = pd.MultiIndex.from_frame(entered[["analysis", "study_id"]])
    counted = counted[~pd.MultiIndex.from_frame(counted[["analysis", "study_id"]]).isin(inside)]
    left_out = counted.groupby("analysis").agg(k_left_out=("study_id", "nunique"), largest_left_out=("n", "max"))
    waited = awaiting.groupby("analysis").agg(k_awaiting=("study_id", "nunique"), awaiting=("study_id", each_once))
    table = table.join([sums, left_out, waited])
    table["comparators"] = (arms["reason"] == "comparator").groupby(arms["analysis"]).all()
    counts = ["k", "k_arms", "events", "n", "k_left_out", "k_awaiting"]
    table[counts] = table[counts].fillna(0).astype(int)
    words = ["studies", "awaiting"]
    table[words] = table[words].astype("str").where(table[words].notna(), "")
    table = table.assign(**_crude(table, review.conf_level))

    enough = table["k"] >= policy["min_studies"]
    table["pooled"] = np.where(enough, "yes", "no")
    table["reason"] = [_why_not_pooled(row, policy) for row in table.itertuples()]
    pooled_arms = entered[entered["analysis"].isin(table.index[enough])]
    records = each(pool_many, pooled_arms[COUNTS], **_method(policy)).set_index("analysis")
    table = table.join(records.drop(columns=["k", "events", "n"]))
    table["direction"] = _directions(review, table, entered)
    table = table.join(_unpublished(pooled_arms, review))
    table["unpublished_direction"] = table["unpublished_direction"].fillna("").astype("str")
    table = table.join(_next_patients(pooled_arms, table, review))
    first = [
        "scope", "therapy", "disease", "pooled", "reason", "k", "k_arms", "events", "n", "crude", "crude_ci_lb",
        "crude_ci_ub",
    ]  # fmt: skip
    last = [
        "direction",
        "next_lb",
        "next_ub",
        "further_above",
        "unpublished_needed",
        "unpublished_direction",
        "studies",
        "k_left_out",
        "k_awaiting",
        "awaiting",
    ]
    record = [column for column in records.columns if column not in first]
    return table[[*first, *record, *last]].reset_index()


def sensitivity(review: Review) -> pd.DataFrame:
    """Sensitivity of each result: the same analysis with a study, a year, a choice or the method changed.

    Returns
    -------
    DataFrame, a row a variant: analysis, variant (one of VARIANTS), change (the study left out, the year reached, the
    least size of an arm, "" elsewhere), pooled and reason as in `pool_arms`, k, events, n, crude with its exact
    interval, and the record of the pooling engine (empty where too few studies are left). Variants of choice are listed
    for every analysis over all diseases whose arms they change; the others for those that are pooled.
    """
    policy, arms = review.policy, review["arms"]
    entered = arms[arms["entered"] == "yes"]
    pooled = entered[entered["analysis"].isin(_enough(entered, policy))]
    options = _method(policy)
    without = each(leave_one_out, pooled[[*COUNTS, "study_id"]], **options).query("left_out != ''")
    grown = each(cumulative, pooled[[*COUNTS, "study_id", "year"]], **options)
    years = [f"{year:.0f}" if year == year else "" for year in grown["year"].astype(float)]
    methods = each(all_methods, pooled[COUNTS], conf_level=policy["conf_level"], priors=policy["priors"])
    studies = pooled.groupby("analysis")["study_id"].nunique()  # the models count arms
    added = (grown["added"].str.count(";") + 1).groupby(grown["analysis"]).cumsum()
    parts = [
        without.rename(columns={"left_out": "change"}).assign(
            variant="leave_one_out", k=without["analysis"].map(studies) - 1
        ),
        grown.assign(variant="cumulative", change=years, k=added),
        methods.drop(columns="label").assign(variant="method", change="", k=methods["analysis"].map(studies)),
    ]
    for variant, change, changed in _changed_arms(review):
        parts.append(_where_different(changed, entered, options).assign(variant=variant, change=change))
    for variant, bounded in _evaluable(entered).items():
        parts.append(_where_different(bounded, entered, options).assign(variant=variant, change=""))
    parts.append(_three_level(pooled, review.conf_level).assign(variant=THREE_LEVEL, change=""))
    table = pd.concat(parts, ignore_index=True)
    few = (table["k"] < policy["min_studies"]) & (table["variant"] != "method")
    table["pooled"] = np.where(few, "no", "yes")
    table["reason"] = np.where(few, "too_few_studies", "")
    table = table.assign(**_crude(table, review.conf_level))
    record = [column for column in RECORD if column not in ("k", "events", "n")]
    numeric = [column for column in record if column not in TEXT_COLUMNS]
    table.loc[few, numeric] = np.nan
    table.loc[few, list(TEXT_COLUMNS)] = ""
    first = ["analysis", "variant", "change", "pooled", "reason", "k", "events", "n"]
    order = {analysis: place for place, analysis in enumerate(arms["analysis"].unique())}
    table = table.sort_values("analysis", key=lambda names: names.map(order), kind="stable")
    return table[[*first, "crude", "crude_ci_lb", "crude_ci_ub", *record]].reset_index(drop=True)


def _changed_arms(review: Review) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The variant, its change, and the arms under every other choice."""
    for size in MIN_ARM_SIZES:
        if size != review.policy["min_arm_size"]:
            yield ARM_SIZE, str(size), with_least_size(review["arms"], size)
    for variant, changed in choices(review).items():
        yield variant, "", select_arms(review.with_policy(**changed))
    if len(review["overlap_candidates"]):
        yield "without_overlap", "", select_arms(review.with_tables(overlaps=assumed(review["overlap_candidates"])))
    if len(review["overlaps"]):
        yield "other_report", "", select_arms(review.with_tables(overlaps=exchanged(review["overlaps"])))


def _where_different(arms: pd.DataFrame, entered: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Pooled results of the analyses over all diseases whose counts differ from those that entered."""
    whole = arms[(arms["entered"] == "yes") & (arms["disease"] == ALL)]
    same = _fingerprint(whole).eq(_fingerprint(entered))
    differs = same.index[~same]
    # an analysis that loses all its arms keeps its row
    gone = differs.difference(pd.Index(whole["analysis"]))
    lost = entered[entered["analysis"].isin(gone) & (entered["disease"] == ALL)]
    kept = pd.concat([whole[whole["analysis"].isin(differs)], lost.assign(responders=0, n=0)])
    studies = kept[kept["n"] > 0].groupby("analysis")["study_id"].nunique()
    found = each(pool_many, kept[COUNTS], prediction=False, **options)
    return found.assign(k=found["analysis"].map(studies).fillna(0).astype(int))


def _evaluable(entered: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The arms that entered in the worst and in the best case for patients who were treated and not evaluated."""
    bounds = evaluable_bounds(entered["responders"], entered["n"], entered["n_treated"])
    responders = dict(zip(EVALUABLE, (bounds.worst, bounds.best), strict=True))
    return {variant: entered.assign(responders=x, n=bounds.n_treated) for variant, x in responders.items()}


def _three_level(pooled: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Pooled results of the analyses in which a study has several arms; tau2 is that between studies."""
    arms = pooled.groupby("analysis")["study_id"]
    several = pooled[arms.transform("nunique") < arms.transform("size")]
    found = each(three_levels, several[[*COUNTS, "study_id"]], conf_level=conf_level)
    return found.assign(k=found["analysis"].map(several.groupby("analysis")["study_id"].nunique()))


def three_levels(arms: pd.DataFrame, by: str, conf_level: float) -> pd.DataFrame:
    """`pool_three_level` of every group of arms, a row each: `by` and the columns of RECORD."""
    rows = []
    for name, group in arms.groupby(by, sort=False):
        found = pool_three_level(group["responders"], group["n"], group["study_id"], conf_level).to_dict()
        between = {name: found[name.replace("tau2", "tau2_study")] for name in ("tau2", "tau2_lb", "tau2_ub")}
        words = {"method": THREE_LEVEL, "measure": "", "interval": "profile", "tau2_method": ""}
        rows.append(found | between | words | {by: name})
    return pd.DataFrame(rows, columns=[by, *RECORD])


def _unpublished(pooled: pd.DataFrame, review: Review) -> pd.DataFrame:
    """How many unpublished patients would bring each pooled result to the other side of the response threshold.

    Returns
    -------
    DataFrame by analysis: unpublished_needed (patients), unpublished_direction: "non_responders", "responders", or the
    code of `pooling.selection.UNPUBLISHED_CODES` that says why there is no number
    """
    options = _method(review.policy)
    found = each(unpublished_of_many, pooled[COUNTS], threshold=review.response_threshold, **options)
    way = np.where(found["respond"] == 1, "responders", "non_responders")
    found["unpublished_direction"] = found["code"].where(found["code"] != "", way)
    found = found.rename(columns={"patients": "unpublished_needed"}).set_index("analysis")
    return found[["unpublished_needed", "unpublished_direction"]]


def _next_patients(pooled: pd.DataFrame, table: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Responders among the next patients, and the probability that a further study lies above the response threshold.

    Returns
    -------
    DataFrame by analysis that has at least three studies and both outcomes, by the binomial-normal model whatever the
    method: next_lb, next_ub (responders of NEXT_PATIENTS), further_above (0..1)
    """
    enough = (table["k"] >= MIN_K_PREDICTION) & table["status"].isin(["ok", "tau2_zero", "tau2_unbounded"])
    several = enough & (table["events"] > 0) & (table["events"] < table["n"])
    counts = pooled.loc[pooled["analysis"].isin(table.index[several]), COUNTS]
    options: dict[str, Any] = {"threshold": review.response_threshold, "conf_level": review.conf_level}
    found = each(predict_many, counts, m=NEXT_PATIENTS, **options).set_index("analysis")
    return found.rename(columns={"lower": "next_lb", "upper": "next_ub", "above": "further_above"})


def heterogeneity(review: Review) -> pd.DataFrame:
    """Whether subgroups and small studies of each pooled analysis differ.

    Returns
    -------
    DataFrame, a row a subgroup: analysis, factor (one of FACTORS, SMALL_STUDIES, COVARIATE or TOGETHER), covariate (its
    name, "" elsewhere), subgroup, the record of the pooling engine with one tau2 for all subgroups, and the test: chi2,
    df, ddf, p, test_note ("" or the code of why there is no test). For small studies b is the slope of the log odds on
    1/n; for a numeric covariate, which has no subgroup, that on the covariate, one unit more, with ci_lb and ci_ub. Of
    several covariates in one model, a row a coefficient, subgroup is its term.
    """
    arms, facts = review["arms"], review["study_levels"].set_index("study_id")
    entered = arms[arms["entered"] == "yes"].rename(columns={"arm_disease": "by_disease"})
    entered = entered.assign(
        design=entered["study_id"].map(facts["design"]), level_of_evidence=entered["study_id"].map(facts["level"])
    )
    pooled = entered[entered["analysis"].isin(_enough(entered, review.policy))]
    options: dict[str, Any] = {"conf_level": review.conf_level}
    parts = []
    for factor, column in FACTORS.items():
        arms = _with_several(pooled, column).rename(columns={column: "subgroup"})
        found = each(by_subgroup, arms[[*COUNTS, "study_id", "subgroup"]], **options)
        parts.append(found.assign(factor=factor))
    parts.append(each(by_size, pooled[COUNTS], **options).assign(factor=SMALL_STUDIES))
    for name, values in review.covariates.items():
        compute = by_number if pd.api.types.is_numeric_dtype(values) else by_subgroup
        arms = pooled.assign(subgroup=pooled["study_id"].map(values))
        found = each(compute, arms[[*COUNTS, "study_id", "subgroup"]], **options)
        studies = found.get("studies", found["k"])
        parts.append(found.assign(factor=COVARIATE, covariate=name, k=studies))
    if len(review.covariates) > 1:
        arms = pooled[[*COUNTS, "study_id"]].assign(
            **{name: pooled["study_id"].map(values) for name, values in review.covariates.items()}
        )
        parts.append(each(by_all, arms, **options).assign(factor=TOGETHER))
    columns = ["analysis", "factor", "covariate", "subgroup", *RECORD, *TEST_OF_REGRESSION.values(), "test_note"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    order = {analysis: place for place, analysis in enumerate(pooled["analysis"].unique())}
    return table.sort_values("analysis", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _with_several(pooled: pd.DataFrame, column: str) -> pd.DataFrame:
    """The arms that name a value in a column, of the analyses in which it has several."""
    known = pooled[pooled[column].notna() & (pooled[column] != "")]
    return known[known.groupby("analysis")[column].transform("nunique") > 1]


def by_subgroup(arms: pd.DataFrame, by: str, conf_level: float) -> pd.DataFrame:
    """Pooled results of the subgroups of every group of arms, with the test of the binomial-normal model."""
    groups = dict(_groups(arms, by))
    found = subgroups_of_many(list(groups.values()), "subgroup", conf_level)
    named = [one.assign(**{by: name}, test_note=one["test_code"]) for name, one in zip(groups, found, strict=True)]
    columns = [by, "subgroup", "studies", *RECORD, *TEST_OF_REGRESSION.values(), "test_note"]
    return pd.concat(named, ignore_index=True)[columns] if named else pd.DataFrame(columns=columns)


def by_size(arms: pd.DataFrame, by: str, conf_level: float) -> pd.DataFrame:
    """Whether smaller studies report other proportions, of every group of arms."""
    found = [small_study_test(group, conf_level=conf_level).assign(**{by: name}) for name, group in _groups(arms, by)]
    if not found:
        return pd.DataFrame(columns=[by])
    table = pd.concat(found, ignore_index=True).rename(columns=TEST_OF_REGRESSION)
    return table.assign(test_note=table["reason"])


def by_number(arms: pd.DataFrame, by: str, conf_level: float) -> pd.DataFrame:
    """Slope of the log odds on the numbers of the column subgroup, with its test, of every group of arms."""
    rows = []
    for name, group in _groups(arms, by):
        known = group.rename(columns={"subgroup": COVARIATE})
        slope = meta_regression(known, COVARIATE, conf_level=conf_level).iloc[[-1]]
        known = known[known[COVARIATE].notna()]
        counts = {"k": known["study_id"].nunique(), "events": known["responders"].sum(), "n": known["n"].sum()}
        rows.append(slope.assign(**counts, **{by: name}))
    return _with_test(rows, by)


def by_all(arms: pd.DataFrame, by: str, conf_level: float) -> pd.DataFrame:
    """Coefficients of all further columns in one model, of groups with STUDIES_PER_COEFFICIENT studies for each."""
    names = [name for name in arms.columns if name not in (by, "responders", "n", "study_id")]
    rows = []
    for label, group in _groups(arms, by):
        known = group.dropna(subset=names)
        numeric = [name for name in names if pd.api.types.is_numeric_dtype(arms[name])]
        coefficients = len(numeric) + sum(known[name].nunique() - 1 for name in names if name not in numeric)
        studies = known["study_id"].nunique()
        if studies >= STUDIES_PER_COEFFICIENT * max(coefficients, 1):
            found = meta_regression(known, names, conf_level=conf_level).iloc[1:]
            counts = {"k": studies, "events": known["responders"].sum(), "n": known["n"].sum()}
            rows.append(found.assign(subgroup=found["term"], **counts, **{by: label}))
    return _with_test(rows, by)


def _with_test(rows: list[pd.DataFrame], by: str) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame(columns=[by])
    found = pd.concat(rows, ignore_index=True)
    return found.rename(columns=TEST_OF_REGRESSION).assign(test_note=found["code"])


def _groups(arms: pd.DataFrame, by: str) -> list[tuple[Any, pd.DataFrame]]:
    return list(arms.groupby(by, sort=False))


def pool_events(review: Review) -> pd.DataFrame:
    """Pool each adverse event of a therapy by the engine that pools responses; silence is not zero.

    Returns
    -------
    DataFrame, a row a therapy and term: therapy, term, pooled and reason as in `pool_arms`, k, events, n (studies that
    state both counts, a stated zero among them), crude with its exact interval, the record of the pooling engine (empty
    where not pooled), studies, k_left_out (smaller arms), k_not_reported (the event is named, a count is not)
    """
    policy, studies, events = review.policy, review["studies"], review["adverse_events"]
    live = studies.loc[studies["status"] != "excluded", "study_id"]
    named = events[events["study_id"].isin(live)].drop_duplicates(["study_id", "therapy", "term"])
    named = named.assign(responders=numbers(named["n_patients"]), n=numbers(named["n_at_risk"]))
    known = named["responders"].notna() & (named["n"] > 0)
    enters = known & (named["n"] >= policy["min_arm_size"])
    keys = ["therapy", "term"]
    entered = (
        named[enters]
        .groupby(keys)
        .agg(k=("study_id", "nunique"), events=("responders", "sum"), n=("n", "sum"), studies=("study_id", ";".join))
    )
    table = named[keys].drop_duplicates().set_index(keys).join(entered)
    table["k_left_out"] = named[known & ~enters].groupby(keys)["study_id"].nunique()
    table["k_not_reported"] = named[~known].groupby(keys)["study_id"].nunique()
    counts = ["k", "events", "n", "k_left_out", "k_not_reported"]
    table[counts] = table[counts].fillna(0).astype(int)
    table["studies"] = table["studies"].astype("str").where(table["studies"].notna(), "")
    enough = table["k"] >= policy["min_studies"]
    table["pooled"] = np.where(enough, "yes", "no")
    table["reason"] = np.where(enough, "", "too_few_studies")
    table = table.assign(**_crude(table, review.conf_level))
    pooled = pd.MultiIndex.from_frame(named[keys]).isin(table.index[enough])
    counts_of = named.loc[enters & pooled, [*keys, "responders", "n"]]
    records = each(pool_many, counts_of, by=keys, **_method(policy)).set_index(keys)
    table = table.join(records.drop(columns=["k", "events", "n"]))
    first = ["pooled", "reason", "k", "events", "n", "crude", "crude_ci_lb", "crude_ci_ub"]
    record = [column for column in RECORD if column not in first]
    return table[[*first, *record, "studies", "k_left_out", "k_not_reported"]].reset_index()


def _method(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the pooling engine that the policy names."""
    interval = None if policy["interval"] == "default" else policy["interval"]
    options = {"method": policy["method"], "interval": interval, "conf_level": policy["conf_level"]}
    return options | ({"priors": policy["priors"]} if policy["method"] == "bayes" else {})


def _enough(entered: pd.DataFrame, policy: Mapping[str, Any]) -> pd.Index:
    """Analyses with enough studies to pool."""
    size = entered.groupby("analysis")["study_id"].nunique()
    enough: pd.Index = size.index[size >= policy["min_studies"]]
    return enough


def _crude(table: pd.DataFrame, conf_level: float) -> dict[str, Any]:
    """Columns of the summed counts: proportion and exact interval."""
    events, n = table["events"].to_numpy(float), table["n"].to_numpy(float)
    lower, upper = proportion_interval(events, n, conf_level=conf_level)
    return {"crude": table["events"] / table["n"].where(table["n"] > 0), "crude_ci_lb": lower, "crude_ci_ub": upper}


def _directions(review: Review, table: pd.DataFrame, entered: pd.DataFrame) -> pd.Series:
    """Where the interval of each analysis lies against the response threshold, one of `direction.DIRECTIONS`.

    Of arms that are not pooled it is the interval of the binomial-normal model too, never that of the summed counts,
    which takes one proportion to hold for all studies (`direction.set_direction`).
    """
    unpooled = entered[entered["analysis"].isin(table.index[table["pooled"] == "no"])]
    options: dict[str, Any] = {"method": "glmm", "conf_level": review.conf_level, "prediction": False}
    modelled = each(pool_many, unpooled[COUNTS], **options).set_index("analysis")
    known = modelled[modelled["status"] != "tau_not_identified"]
    limits = table[["ci_lb", "ci_ub"]].astype(float).combine_first(known[["ci_lb", "ci_ub"]])
    threshold = review.response_threshold
    found = [direction(lower, upper, threshold) for lower, upper in limits.loc[table.index].to_numpy()]
    return pd.Series(found, index=table.index, dtype="str")


def _fingerprint(entered: pd.DataFrame) -> pd.Series:
    """The counts of each analysis over all diseases in one word, to find whether a choice changed them."""
    whole = entered[entered["disease"] == ALL]
    words = whole["study_id"] + " " + whole["responders"].astype(str) + "/" + whole["n"].astype(str)
    return words.groupby(whole["analysis"]).agg(lambda counts: ";".join(sorted(counts)))


def _why_not_pooled(row: Any, policy: Mapping[str, Any]) -> str:
    """A code of NOT_POOLED, "" where the analysis is pooled."""
    if row.k >= policy["min_studies"]:
        return ""
    if row.k:
        return "too_few_studies"
    if row.comparators:
        return "comparator"
    if row.largest_left_out < policy["min_arm_size"]:
        return "no_large_arm"
    return "counts_held_back" if row.k_left_out else "counts_missing"
