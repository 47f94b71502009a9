"""The review's policy: which arms enter which analysis, what is pooled, what is not and why.

The only module that decides whether a study's counts are used. Its two frames are the trace from number to source:
`arms` (a row an analysis and study arm, entered or not, with the reason) and `pooled` (a row an analysis).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from small_evidence.extraction.overlap import assumed, chosen, cohorts, exchanged, overlap_candidates
from small_evidence.extraction.schema import ALL, LABELS, SILENT, empty_table, numbers
from small_evidence.pooling import pool_many
from small_evidence.pooling.heterogeneity import small_study_test, subgroups
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.pooling.record import RECORD, TEXT_COLUMNS
from small_evidence.pooling.sensitivity import all_methods, cumulative, leave_one_out
from small_evidence.synthesis.trace import counted_column, trace_rows

# Choices of the policy that are changed one at a time in the sensitivity table
CHOICES = {
    "without secondary sources": {"secondary_sources": "exclude"},
    "with arms of any size": {"min_arm_size": 1},
    "complete responses only": {"response": "complete"},
}
NO_OVERLAP = "without overlapping reports"
OTHER_REPORT = "with the other report of the same patients"
VARIANTS = ("leave one out", "cumulative", "method", *CHOICES, NO_OVERLAP, OTHER_REPORT)
FACTORS = {"disease": "by_disease", "design": "design", "level": "level_of_evidence", "source": "evidence_basis"}
NO_COUNTS = "counts not in hand"

ARMS = [
    "analysis", "scope", "therapy", "disease", "study_id", "entered", "reason", "responders", "n", "ci_lb", "ci_ub",
    "arm_disease", "arm_therapy", "evidence_basis", "year", "response_ids", "source",
]  # fmt: skip


def select_arms(
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    policy: dict,
    overlaps: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Study arms of every analysis: those that enter and those that do not, with the reason.

    Analyses are each therapy and each class of two or more therapies, over all diseases and by disease. Within one
    analysis a cohort is counted once: its disjoint disease rows are summed, and of two therapies or reports of the
    same patients the one chosen in the table overlaps is kept, or else the larger.

    Parameters
    ----------
    studies, responses, therapies : DataFrame; checked extraction tables (text cells)
    policy : dict; the section `synthesis` of the config
    overlaps : DataFrame; the checked table overlaps, by default without rows

    Returns
    -------
    DataFrame with the columns ARMS; responders and n are counts (NaN where not in hand), ci_lb and ci_ub the exact
    interval of an arm that entered. A study whose counts are not in hand has its row too, so that nothing is dropped in
    silence.
    """
    rows = _candidate_rows(studies, responses, policy)
    rows = pd.concat([rows.assign(scope="therapy", group=rows["therapy"]), _class_rows(rows, therapies, policy)])
    by_disease = rows[~rows["disease"].isin((*SILENT, ALL))]
    rows = pd.concat([rows.assign(analysed=ALL), by_disease.assign(analysed=by_disease["disease"])])
    if rows.empty:
        return pd.DataFrame(columns=ARMS)
    rows["analysis"] = [
        analysis_id(scope, group, disease)
        for scope, group, disease in zip(rows["scope"], rows["group"], rows["analysed"], strict=True)
    ]
    arms = _one_arm_a_study(rows)
    arms = _one_arm_a_cohort(arms, studies, therapies, empty_table("overlaps") if overlaps is None else overlaps)
    small = (arms["reason"] == "") & (arms["n"] < policy["min_arm_size"])
    arms.loc[small, "reason"] = [
        f"fewer than {policy['min_arm_size']} {policy['unit']}s ({n:.0f})" for n in arms.loc[small, "n"]
    ]
    arms["entered"] = np.where(arms["reason"] == "", "yes", "no")
    counts = arms[["responders", "n"]].where(arms["entered"] == "yes", 0.0).to_numpy(float)
    arms["ci_lb"], arms["ci_ub"] = proportion_interval(*counts.T, conf_level=policy["conf_level"])
    return arms[ARMS].reset_index(drop=True)


def over_all(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows on single treatments over all diseases, of a table with scope and disease."""
    return frame[(frame["scope"] == "therapy") & (frame["disease"] == ALL)]


def analysis_id(scope: str, therapy: str, disease: str = ALL) -> str:
    """Name of an analysis; slugs hold no hyphen, so the parts cannot run into each other.

    >>> analysis_id("therapy", "diltiazem"), analysis_id("class", "anti_tnf", "jdm")
    ('diltiazem', 'class-anti_tnf-jdm')
    """
    parts = ["class"] * (scope == "class") + [therapy] + [disease] * (disease != ALL)
    return "-".join(parts)


def pool_arms(arms: pd.DataFrame, policy: dict, response_threshold: float) -> pd.DataFrame:
    """Pool the arms that entered; a row an analysis, pooled or not, with the reason.

    Parameters
    ----------
    arms : DataFrame from `select_arms`
    policy : dict; the section `synthesis` of the config
    response_threshold : float in (0, 1); the response that `direction` is read against

    Returns
    -------
    DataFrame: analysis, scope, therapy, disease, pooled, reason, crude proportion with its exact interval, the record
    of the pooling engine (proportions 0..1; b, se, tau2 on the model's scale; empty where not pooled), direction, and
    what was left out or is awaited.
    """
    keys = ["analysis", "scope", "therapy", "disease"]
    heads = arms[keys].drop_duplicates().reset_index(drop=True)
    entered = arms[arms["entered"] == "yes"]
    counted = arms[(arms["entered"] == "no") & arms["n"].notna() & arms["responders"].notna()]
    uncounted = arms[arms["n"].isna() | arms["responders"].isna()]
    # a study waits for its counts where none of its rows in the analysis has any
    elsewhere = pd.MultiIndex.from_frame(pd.concat([entered, counted])[["analysis", "study_id"]])
    awaiting = uncounted[~pd.MultiIndex.from_frame(uncounted[["analysis", "study_id"]]).isin(elsewhere)]

    table = heads.set_index("analysis")
    sums = entered.groupby("analysis").agg(
        k=("study_id", "nunique"),
        events=("responders", "sum"),
        n=("n", "sum"),
        studies=("study_id", ";".join),
    )
    left_out = counted.assign(
        words=[f"{row.study_id} {row.responders:.0f}/{row.n:.0f}: {row.reason}" for row in counted.itertuples()]
    )
    left_out = left_out.groupby("analysis").agg(
        k_left_out=("study_id", "nunique"), left_out=("words", "; ".join), largest_left_out=("n", "max")
    )
    waited = awaiting.groupby("analysis")["study_id"].agg(
        k_awaiting="nunique", awaiting=lambda ids: ";".join(dict.fromkeys(ids))
    )
    table = table.join([sums, left_out, waited])
    counts = ["k", "events", "n", "k_left_out", "k_awaiting"]
    table[counts] = table[counts].fillna(0).astype(int)
    words = ["studies", "left_out", "awaiting"]
    table[words] = table[words].astype("str").where(table[words].notna(), "")

    table["crude"] = table["events"] / table["n"].where(table["n"] > 0)
    lower, upper = proportion_interval(
        table["events"].to_numpy(float), table["n"].to_numpy(float), conf_level=policy["conf_level"]
    )
    table["crude_ci_lb"], table["crude_ci_ub"] = lower, upper

    enough = table["k"] >= policy["min_studies"]
    table["pooled"] = np.where(enough, "yes", "no")
    table["reason"] = [_why_not_pooled(row, policy) for row in table.itertuples()]
    pooled_arms = entered[entered["analysis"].isin(table.index[enough])]
    records = pool_many(pooled_arms, by=["analysis"], **_method(policy)).set_index("analysis")
    table = table.join(records.drop(columns=["k", "events", "n"]))

    interval = table[["ci_lb", "ci_ub"]].where(enough, table[["crude_ci_lb", "crude_ci_ub"]].to_numpy())
    table["direction"] = np.select(
        [
            interval["ci_lb"] > response_threshold,
            interval["ci_ub"] < response_threshold,
            interval.notna().all(axis=1),
        ],
        ["above", "below", "across"],
        default="",
    )
    first = [
        "scope", "therapy", "disease", "pooled", "reason", "k", "events", "n", "crude", "crude_ci_lb", "crude_ci_ub",
    ]  # fmt: skip
    last = ["direction", "studies", "k_left_out", "left_out", "k_awaiting", "awaiting"]
    record = [column for column in records.columns if column not in first]
    return table[[*first, *record, *last]].reset_index()


def sensitivity(
    arms: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    policy: dict,
    overlaps: pd.DataFrame | None = None,
    overlap_candidates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What each result hangs on: the same analysis with a study, a year, a choice or the method changed.

    Parameters
    ----------
    arms : DataFrame from `select_arms` under this policy
    studies, responses, therapies : DataFrame; checked extraction tables
    policy : dict; the section `synthesis` of the config
    overlaps : DataFrame; the checked table overlaps, by default without rows
    overlap_candidates : DataFrame from `overlap.overlap_candidates`; in the variant without overlapping reports each of
        these pairs counts once, unless it was decided to be of different patients. By default without rows

    Returns
    -------
    DataFrame, a row a variant: analysis, variant (one of VARIANTS), change (the study left out, the year reached, the
    method), pooled and reason as in `pool_arms`, k, events, n, crude with its exact interval, and the record of the
    pooling engine (empty where too few studies are left). Variants of choice are listed for every analysis over all
    diseases whose arms they change; the others for those that are pooled.
    """
    entered = arms[arms["entered"] == "yes"]
    size = entered.groupby("analysis")["study_id"].nunique()
    pooled = entered[entered["analysis"].isin(size.index[size >= policy["min_studies"]])]
    options = _method(policy)
    without = leave_one_out(pooled, by="analysis", **options).query("left_out != ''")
    grown = cumulative(pooled, by="analysis", **options)
    years = [f"{year:.0f}" if year == year else "year not reported" for year in grown["year"].astype(float)]
    methods = all_methods(pooled, by="analysis", conf_level=policy["conf_level"], priors=policy["priors"])
    parts = [
        without.rename(columns={"left_out": "change"}).assign(variant="leave one out"),
        grown.assign(variant="cumulative", change=years),
        methods.rename(columns={"label": "change"}).assign(variant="method"),
    ]
    others = {variant: (policy | changed, overlaps) for variant, changed in CHOICES.items()}
    if overlap_candidates is not None and len(overlap_candidates):
        others[NO_OVERLAP] = (policy, assumed(overlap_candidates.fillna("")))
    if overlaps is not None and len(overlaps):
        others[OTHER_REPORT] = (policy, exchanged(overlaps))
    for variant, (choices, taken_as_one) in others.items():
        other = select_arms(studies, responses, therapies, choices, taken_as_one)
        whole = other[(other["entered"] == "yes") & (other["disease"] == ALL)]
        same = _fingerprint(whole).eq(_fingerprint(entered))
        differs = same.index[~same]
        # an analysis that loses all its arms keeps its row
        lost = entered[entered["analysis"].isin(differs.difference(whole["analysis"])) & (entered["disease"] == ALL)]
        kept = pd.concat([whole[whole["analysis"].isin(differs)], lost.assign(responders=0, n=0)])
        parts.append(pool_many(kept, by="analysis", **options).assign(variant=variant, change=""))
    table = pd.concat(parts, ignore_index=True)
    few = (table["k"] < policy["min_studies"]) & (table["variant"] != "method")
    table["pooled"] = np.where(few, "no", "yes")
    table["reason"] = [_too_few(k, policy) if short else "" for k, short in zip(table["k"], few, strict=True)]
    table["crude"] = table["events"] / table["n"].where(table["n"] > 0)
    table["crude_ci_lb"], table["crude_ci_ub"] = proportion_interval(
        table["events"].to_numpy(float), table["n"].to_numpy(float), conf_level=policy["conf_level"]
    )
    record = [column for column in RECORD if column not in ("k", "events", "n")]
    numeric = [column for column in record if column not in TEXT_COLUMNS]
    table.loc[few, numeric] = np.nan
    table.loc[few, list(TEXT_COLUMNS)] = ""
    first = ["analysis", "variant", "change", "pooled", "reason", "k", "events", "n"]
    order = {analysis: place for place, analysis in enumerate(arms["analysis"].unique())}
    table = table.sort_values("analysis", key=lambda names: names.map(order), kind="stable")
    return table[[*first, "crude", "crude_ci_lb", "crude_ci_ub", *record]].reset_index(drop=True)


def heterogeneity(arms: pd.DataFrame, study_levels: pd.DataFrame, policy: dict) -> pd.DataFrame:
    """Whether subgroups and small studies of each pooled analysis differ.

    Parameters
    ----------
    arms : DataFrame from `select_arms`
    study_levels : DataFrame from `grading.grade_studies`; design and level of each study
    policy : dict; the section `synthesis` of the config

    Returns
    -------
    DataFrame, a row a subgroup: analysis, factor (one of FACTORS, or "small studies"), subgroup, the record of the
    pooling engine with one tau2 for all subgroups, and the test: chi2, df, p, test_note ("" or why there is no test).
    For small studies b is the slope of the log odds on 1/n.
    """
    facts = study_levels.set_index("study_id")
    entered = arms[arms["entered"] == "yes"].rename(columns={"arm_disease": "by_disease"})
    entered = entered.assign(
        design=entered["study_id"].map(facts["design"]), level_of_evidence=entered["study_id"].map(facts["level"])
    )
    parts = []
    for analysis, group in entered.groupby("analysis", sort=False):
        if group["study_id"].nunique() < policy["min_studies"]:
            continue
        for factor, column in FACTORS.items():
            known = group[group[column].notna() & (group[column] != "")]
            if known[column].nunique() < 2:
                continue
            found = subgroups(known, column, conf_level=policy["conf_level"]).rename(columns={column: "subgroup"})
            parts.append(found.assign(analysis=analysis, factor=factor))
        test = small_study_test(group, conf_level=policy["conf_level"]).rename(columns={"lr_chi2": "chi2", "lr_p": "p"})
        parts.append(test.assign(analysis=analysis, factor="small studies", test_note=test["reason"]))
    columns = ["analysis", "factor", "subgroup", *RECORD, "chi2", "df", "p", "test_note"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def pool_events(adverse_events: pd.DataFrame, studies: pd.DataFrame, policy: dict) -> pd.DataFrame:
    """Pool each adverse event of a therapy by the engine that pools responses; silence is not zero.

    Parameters
    ----------
    adverse_events, studies : DataFrame; checked extraction tables
    policy : dict; the section `synthesis` of the config; its least numbers of studies and patients hold here too

    Returns
    -------
    DataFrame, a row a therapy and term: therapy, term, pooled and reason as in `pool_arms`, k, events, n (studies that
    state both counts, a stated zero among them), crude with its exact interval, the record of the pooling engine (empty
    where not pooled), studies, k_left_out (smaller arms), k_not_reported (the event is named, a count is not)
    """
    live = studies.loc[studies["status"] != "excluded", "study_id"]
    told = adverse_events[adverse_events["study_id"].isin(live)].drop_duplicates(["study_id", "therapy", "term"])
    told = told.assign(responders=numbers(told["n_patients"]), n=numbers(told["n_at_risk"]))
    known = told["responders"].notna() & (told["n"] > 0)
    enters = known & (told["n"] >= policy["min_arm_size"])
    keys = ["therapy", "term"]
    entered = (
        told[enters]
        .groupby(keys)
        .agg(k=("study_id", "nunique"), events=("responders", "sum"), n=("n", "sum"), studies=("study_id", ";".join))
    )
    table = told[keys].drop_duplicates().set_index(keys).join(entered)
    table["k_left_out"] = told[known & ~enters].groupby(keys)["study_id"].nunique()
    table["k_not_reported"] = told[~known].groupby(keys)["study_id"].nunique()
    counts = ["k", "events", "n", "k_left_out", "k_not_reported"]
    table[counts] = table[counts].fillna(0).astype(int)
    table["studies"] = table["studies"].astype("str").where(table["studies"].notna(), "")
    enough = table["k"] >= policy["min_studies"]
    table["pooled"] = np.where(enough, "yes", "no")
    table["reason"] = ["" if k >= policy["min_studies"] else _too_few(k, policy) for k in table["k"]]
    table["crude"] = table["events"] / table["n"].where(table["n"] > 0)
    summed = table[["events", "n"]].to_numpy(float)
    table["crude_ci_lb"], table["crude_ci_ub"] = proportion_interval(*summed.T, conf_level=policy["conf_level"])
    chosen = pd.MultiIndex.from_frame(told[keys]).isin(table.index[enough])
    records = pool_many(told[enters & chosen], by=keys, **_method(policy)).set_index(keys)
    table = table.join(records.drop(columns=["k", "events", "n"]))
    first = ["pooled", "reason", "k", "events", "n", "crude", "crude_ci_lb", "crude_ci_ub"]
    record = [column for column in RECORD if column not in first]
    return table[[*first, *record, "studies", "k_left_out", "k_not_reported"]].reset_index()


def pooling_results(
    frames: Mapping[str, pd.DataFrame], policy: dict, response_threshold: float
) -> dict[str, pd.DataFrame]:
    """All that is counted and pooled, with the trace back to the rows and the reports that may share patients.

    Parameters
    ----------
    frames : the checked tables studies, responses, therapies, overlaps, adverse_events
    policy : dict; the section `synthesis` of the config
    response_threshold : float in (0, 1); see `pool_arms`

    Returns
    -------
    dict: arms from `select_arms`, pooled from `pool_arms`, pooled_events from `pool_events`, trace from
    `trace.trace_rows`, overlap_candidates from `overlap.overlap_candidates`
    """
    studies, responses, overlaps = frames["studies"], frames["responses"], frames["overlaps"]
    arms = select_arms(studies, responses, frames["therapies"], policy, overlaps)
    return {
        "arms": arms,
        "pooled": pool_arms(arms, policy, response_threshold),
        "pooled_events": pool_events(frames["adverse_events"], studies, policy),
        "trace": trace_rows(arms, responses, policy),
        "overlap_candidates": overlap_candidates(studies, responses, overlaps),
    }


def _method(policy: dict) -> dict:
    """Options of the pooling engine that the policy names."""
    options = {key: policy[key] for key in ("method", "interval", "conf_level")}
    return options | ({"priors": policy["priors"]} if policy["method"] == "bayes" else {})


def _fingerprint(entered: pd.DataFrame) -> pd.Series:
    """The counts of each analysis over all diseases in one word, to tell whether a choice changed them."""
    whole = entered[entered["disease"] == ALL]
    words = whole["study_id"] + " " + whole["responders"].astype(str) + "/" + whole["n"].astype(str)
    return words.groupby(whole["analysis"]).agg(lambda counts: ";".join(sorted(counts)))


def _why_not_pooled(row, policy: dict) -> str:
    least = policy["min_studies"]
    if row.k >= least:
        return ""
    if row.k:
        return _too_few(row.k, policy)
    if row.largest_left_out < policy["min_arm_size"]:
        return f"no arm of {policy['min_arm_size']} or more {policy['unit']}s"
    return "counts held back" if row.k_left_out else NO_COUNTS


def _too_few(k: int, policy: dict) -> str:
    return f"{k} {'study' if k == 1 else 'studies'}, {policy['min_studies']} needed"


def _candidate_rows(studies: pd.DataFrame, responses: pd.DataFrame, policy: dict) -> pd.DataFrame:
    """Rows of primary outcomes of studies that are not excluded; `reason` says what keeps a row out by itself."""
    facts = studies.set_index("study_id")
    rows = responses[
        (responses["primary_outcome"] == "yes")
        & ~responses["therapy"].isin(SILENT)
        & responses["study_id"].map(facts["status"]).isin(["included", "awaiting"])
    ].copy()
    rows["n"] = numbers(rows["n"])
    rows["responders"] = numbers(rows[counted_column(policy)])
    rows["year"] = numbers(rows["study_id"].map(facts["year"]))
    missing = rows["n"].isna() | rows["responders"].isna() | (rows["n"] == 0)
    awaiting = rows["study_id"].map(facts["status"]) == "awaiting"
    rows["reason"] = np.select(
        [
            rows["unit"] != policy["unit"],
            rows["pool"] != "yes",
            missing & (policy["response"] == "complete"),
            missing,
            awaiting,
            (rows["evidence_basis"] == "secondary") & (policy["secondary_sources"] == "exclude"),
        ],
        [
            rows["unit"].map(LABELS["unit"]) + f", not {LABELS['unit'][policy['unit']]}",
            rows["pool_reason"].where(~rows["pool_reason"].isin(SILENT), "not offered for pooling"),
            "complete responses not reported",
            NO_COUNTS,
            "counts not verified",
            "known from a secondary source only",
        ],
        default="",
    )
    return rows


def _class_rows(rows: pd.DataFrame, therapies: pd.DataFrame, policy: dict) -> pd.DataFrame:
    """The same rows once more under their class, for classes of two or more therapies that may be combined."""
    classes = therapies.set_index("therapy")["therapy_class"]
    group = rows["therapy"].map(classes)
    members = rows["therapy"].groupby(group).nunique()
    combined = members.index[members >= 2].difference([*policy["classes_not_combined"], *SILENT])
    chosen = group.isin(combined)
    return rows[chosen].assign(scope="class", group=group[chosen])


def _one_arm_a_study(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum a study's disjoint disease rows of one therapy; a row that is kept out stays a row of its own."""
    kept_out = rows["reason"] != ""
    rows = rows.assign(part=np.where(kept_out, rows["response_id"], ""))
    keys = ["analysis", "scope", "group", "analysed", "study_id", "therapy", "part"]
    together = rows.groupby(keys, sort=False, as_index=False).agg(
        reason=("reason", "first"),
        responders=("responders", lambda cells: cells.sum(min_count=1)),
        n=("n", lambda cells: cells.sum(min_count=1)),
        arm_disease=("disease", lambda cells: ";".join(dict.fromkeys(cells))),
        evidence_basis=("evidence_basis", lambda cells: ";".join(dict.fromkeys(cells))),
        year=("year", "first"),
        response_ids=("response_id", ";".join),
        source=("source", lambda cells: "; ".join(dict.fromkeys(cells))),
    )
    together = together.rename(columns={"therapy": "arm_therapy", "group": "therapy", "analysed": "disease"})
    return together


def _one_arm_a_cohort(
    arms: pd.DataFrame, studies: pd.DataFrame, therapies: pd.DataFrame, overlaps: pd.DataFrame
) -> pd.DataFrame:
    """Keep one arm of the same patients in an analysis; say of the others where their patients are counted.

    Where people chose a report and it has an arm in the analysis, that arm is kept, otherwise the largest.
    """
    study_labels = studies.set_index("study_id")["label"]
    therapy_labels = therapies.set_index("therapy")["label"]
    # in this order: pandas fills an empty frame with the rows of a column assigned to it
    free = arms.assign(cohort=arms["study_id"].map(cohorts(studies, overlaps)))[arms["reason"] == ""]
    aside = chosen(overlaps)
    there = set(zip(free["analysis"], free["study_id"], strict=True))
    free["aside"] = [
        any((row.analysis, kept) in there for kept in aside.get(row.study_id, ())) for row in free.itertuples()
    ]
    free = free.sort_values(["aside", "n"], ascending=[True, False], kind="stable")
    kept = free.drop_duplicates(["analysis", "cohort"]).set_index(["analysis", "cohort"])
    for row in free[free.duplicated(["analysis", "cohort"])].itertuples():
        first = kept.loc[(row.analysis, row.cohort)]
        same_study = first["study_id"] == row.study_id
        words = therapy_labels[first["arm_therapy"]] if same_study else study_labels[first["study_id"]]
        why = aside.get(row.study_id, {}).get(first["study_id"], "")
        arms.loc[row.Index, "reason"] = f"same patients as {words}" + (f", which was chosen: {why}" if why else "")
    return arms
