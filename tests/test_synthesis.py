"""The review's policy: which arms enter, what is pooled, and the reasons."""

import numpy as np
import pandas as pd
import pytest

from small_evidence.pooling import pool_responses
from small_evidence.pooling.likelihood import RIDGE
from small_evidence.pooling.prediction import predict
from small_evidence.pooling.regression import fit_regression
from small_evidence.pooling.three_level import pool_three_level
from small_evidence.reasons import arm_reason, not_pooled_reason
from small_evidence.synthesis.analyses import (
    VARIANTS,
    choices,
    grade_and_pool,
    heterogeneity,
    pool_arms,
    pool_events,
    sensitivity,
)
from small_evidence.synthesis.policy import select_arms
from small_evidence.tables.covariates import covariate_table
from tests.made_up import frame, review
from tests.policy import POLICY


@pytest.fixture(scope="module")
def plain(bundled):
    """The bundled review under the policy of the tests."""
    return bundled.with_policy(**POLICY)


def arms_of(made, **choices):
    return select_arms(made.with_policy(**choices))


def pooled_of(made, **choices):
    made = made.with_policy(**choices)
    return pool_arms(made, select_arms(made)).set_index("analysis")


def test_diltiazem_is_pooled_from_four_arms(plain):
    row = pooled_of(plain).loc["diltiazem"]
    assert (row["k"], row["events"], row["n"], row["pooled"]) == (4, 21, 41, "yes")
    # values stated for this review; half a unit of their last digit
    assert row["crude"] == pytest.approx(0.512, abs=5e-4)
    assert row["crude_ci_lb"] == pytest.approx(0.351, abs=5e-4)
    assert row["crude_ci_ub"] == pytest.approx(0.671, abs=5e-4)
    assert row["estimate"] == pytest.approx(0.548, abs=5e-4)
    assert row["b"] == pytest.approx(0.1907, abs=5e-5)
    assert row["se"] == pytest.approx(0.530, abs=5e-4)
    assert row["tau2"] == pytest.approx(0.4564, abs=5e-5)
    assert row["direction"] == "across"


def test_next_patients_of_a_pooled_analysis(plain):
    row = pooled_of(plain).loc["diltiazem"]
    coming = predict([4, 3, 9, 5], [4, 12, 17, 8], m=10, threshold=plain.response_threshold)
    assert (row["next_lb"], row["next_ub"]) == (coming.lower, coming.upper)
    assert row["further_above"] == pytest.approx(coming.above, abs=1e-12)
    assert pooled_of(plain).loc["rituximab", ["next_lb", "next_ub", "further_above"]].isna().all()


def test_two_studies_are_shown_and_not_pooled(plain):
    row = pooled_of(plain).loc["rituximab"]
    assert (row["k"], row["events"], row["n"]) == (2, 4, 14)  # 0/6 and 4/8; three single patients stay out
    assert (row["pooled"], row["reason"]) == ("no", "too_few_studies")
    assert not_pooled_reason(row, plain) == "2 studies, 3 needed"
    assert row["crude"] == pytest.approx(4 / 14)
    assert pd.isna(row["estimate"])
    assert row["k_left_out"] >= 3


def test_small_arms_stay_out_and_say_so(plain):
    arms = arms_of(plain)
    small = arms[(arms["analysis"] == "rituximab") & (arms["study_id"] == "daoussis2012")]
    assert small[["entered", "reason"]].to_numpy().tolist() == [["no", "small_arm"]]
    assert arm_reason(small.iloc[0], plain) == "fewer than 3 patients (1)"


def test_without_secondary_sources_diltiazem_loses_the_unidentified_cohort(plain):
    row = pooled_of(plain, secondary_sources="exclude").loc["diltiazem"]
    assert (row["k"], row["events"], row["n"]) == (3, 16, 33)
    arms = arms_of(plain, secondary_sources="exclude").query("analysis == 'diltiazem' and reason == 'secondary_source'")
    assert arms[["study_id", "responders", "n"]].to_numpy().tolist() == [["unidentified_cohort", 5, 8]]


def test_complete_response_counts_complete_responders_only(plain):
    pooled = pooled_of(plain, response="complete")
    assert pooled.loc["surgical_excision", ["events", "n"]].tolist() == [22, 28]  # Balin 2012 alone states the split
    assert pooled.loc["diltiazem", "k"] == 0


def test_single_studies_can_be_pooled_by_choice_of_the_policy(plain):
    assert pooled_of(plain, min_studies=2).loc["rituximab", "pooled"] == "yes"


def test_lesions_never_enter_a_pool_of_patients(plain):
    arms = arms_of(plain)
    lesions = arms[arms["response_ids"] == "bottomley1996_co2_laser_2"]
    assert set(lesions["entered"]) == {"no"}
    assert set(lesions["reason"]) == {"other_unit"}
    assert arm_reason(lesions.iloc[0], plain) == "lesions, not patients"


def test_every_arm_that_enters_is_a_sum_of_its_response_rows(plain):
    responses = plain["responses"].set_index("response_id")
    entered = arms_of(plain).query("entered == 'yes'")
    for arm in entered.itertuples():
        rows = responses.loc[arm.response_ids.split(";")]
        assert rows["n"].astype(int).sum() == arm.n
        assert rows["responders"].astype(int).sum() == arm.responders


def test_a_study_enters_an_analysis_once(plain):
    entered = arms_of(plain).query("entered == 'yes'")
    assert not entered.duplicated(["analysis", "study_id"]).any()


def test_class_rows_stand_beside_their_members(plain):
    pooled = pooled_of(plain)
    row = pooled.loc["class-surgery"]
    assert (row["events"], row["n"]) == (34, 35)  # Balin 27/28 and the unidentified cohort 7/7
    assert "class-combination" not in pooled.index
    assert (pooled.loc["class-anti_tnf", "k"], pooled.loc["class-anti_tnf", "reason"]) == (0, "counts_missing")


def small_review(rows, **policy):
    """A review of one class with two therapies; rows are (study, cohort, therapy, disease, responders, n)."""
    return review(
        {study: {"cohort_id": cohort} for study, cohort, *_ in rows},
        [
            (study, {"therapy": therapy, "disease": disease, "n": str(n), "responders": str(x)})
            for study, _, therapy, disease, x, n in rows
        ],
        {"one": "numbers", "two": "numbers"},
        **policy,
    )


def test_disease_rows_of_a_study_are_summed_over_all_diseases():
    arms = arms_of(small_review([("a", "a", "one", "ssc", 3, 5), ("a", "a", "one", "dm", 1, 4)]))
    whole = arms[arms["analysis"] == "one"]
    assert whole[["responders", "n", "arm_disease"]].to_numpy().tolist() == [[4, 9, "ssc;dm"]]
    assert arms[arms["analysis"] == "one-dm"][["responders", "n"]].to_numpy().tolist() == [[1, 4]]


def test_same_patients_are_counted_once_in_a_class():
    arms = arms_of(small_review([("a", "a", "one", "ssc", 3, 5), ("a", "a", "two", "ssc", 6, 8)]))
    whole = arms[arms["analysis"] == "class-numbers"].set_index("arm_therapy")
    assert whole["entered"].to_dict() == {"one": "no", "two": "yes"}
    assert whole.loc["one", ["reason", "detail"]].tolist() == ["maybe_same_patients", "two"]


def test_two_reports_of_a_cohort_are_counted_once():
    arms = arms_of(small_review([("a", "c", "one", "ssc", 3, 5), ("b", "c", "one", "ssc", 6, 8)]))
    whole = arms[arms["analysis"] == "one"].set_index("study_id")
    assert whole["entered"].to_dict() == {"a": "no", "b": "yes"}
    assert whole.loc["a", ["reason", "detail"]].tolist() == ["same_patients", "b"]


def test_all_responding_is_an_answer():
    pooled = pooled_of(small_review([(s, s, "one", "ssc", 7, 7) for s in "abc"]))
    row = pooled.loc["one"]
    assert (row["pooled"], row["estimate"], row["ci_ub"], row["status"]) == ("yes", 1, 1, "all_responders")
    assert row["ci_lb"] == pytest.approx(0.025 ** (1 / 21))  # exact bound of 21 of 21
    assert row["direction"] == "above"


def sensitivity_of(made, **choices):
    made = made.with_policy(**choices)
    no_pairs = made["overlap_candidates"] if "overlap_candidates" in made else pd.DataFrame()
    return sensitivity(made.with_results({"arms": select_arms(made), "overlap_candidates": no_pairs}))


def test_diltiazem_stands_with_and_without_the_unidentified_cohort(plain):
    table = sensitivity_of(plain).query("analysis == 'diltiazem'")
    # it has no patients who are reported twice or were not evaluated, and no study with two arms
    unchanged = {"without_overlap", "other_report", "worst_case", "best_case", "three_level"}
    assert set(table["variant"]) == set(VARIANTS) - unchanged
    assert set(table.loc[table["variant"] == "arm_size", "change"]) == {"5", "10"}  # its smallest arm has 4 patients
    without = table.query("variant == 'without_secondary'").iloc[0]
    left_out = table.query("variant == 'leave_one_out' and change == 'unidentified_cohort'").iloc[0]
    assert without[["k", "events", "n"]].tolist() == [3, 16, 33]
    assert without["estimate"] == left_out["estimate"] == pytest.approx(0.552, abs=5e-4)


@pytest.mark.parametrize("complete", ["NR", "0", "5"])
def test_complete_responses_are_a_variant_where_any_row_reports_them_be_it_nobody(complete):
    made = small_review([("a", "a", "one", "ssc", 5, 5), ("b", "a", "one", "ssc", 2, 5)])
    responses = made["responses"].assign(n_complete=[complete, "NR"])
    assert ("complete_only" in choices(made.with_tables(responses=responses))) == (complete != "NR")
    assert "without_secondary" in choices(made)


def test_a_variant_with_too_few_studies_is_not_pooled(plain):
    table = sensitivity_of(plain)
    surgery = table.query("analysis == 'surgical_excision' and variant == 'without_secondary'").iloc[0]
    assert surgery[["k", "events", "n", "pooled", "reason"]].tolist() == [1, 27, 28, "no", "too_few_studies"]
    assert surgery["crude"] == pytest.approx(27 / 28)
    assert pd.isna(surgery["estimate"])


def test_the_last_step_of_the_cumulative_pool_is_the_pool(plain):
    table = sensitivity_of(plain).query("analysis == 'diltiazem' and variant == 'cumulative'")
    assert table["change"].tolist() == ["1995", "1998", "2012", ""]
    assert table["estimate"].iloc[-1] == pooled_of(plain).loc["diltiazem", "estimate"]


def test_every_method_stands_beside_the_others(plain):
    table = sensitivity_of(plain).query("analysis == 'diltiazem' and variant == 'method'")
    assert {"glmm", "beta_binomial", "bayes", "inverse_variance", "fixed", "crude"} == set(table["method"])
    assert not table.duplicated(["method", "interval", "measure", "tau2_method"]).any()


def test_an_analysis_without_arms_has_no_variants():
    made = small_review([("a", "a", "one", "ssc", 1, 2)])
    assert sensitivity_of(made, secondary_sources="exclude").query("variant == 'method'").empty


def test_subgroups_of_one_study_are_not_pooled_and_small_studies_need_ten(synthesised):
    table = heterogeneity(synthesised).query("analysis == 'diltiazem'")
    disease = table.query("factor == 'disease'").set_index("subgroup")
    assert disease.loc["ssc", "status"] == "single_study"
    assert disease.loc["ctd_mixed", ["events", "n"]].tolist() == [14, 25]
    assert set(disease["test_note"]) == {"group_of_one_study"}
    assert disease["p"].isna().all()
    assert table.query("factor == 'small_studies'")["test_note"].tolist() == ["4 studies, 10 needed"]


@pytest.mark.parametrize(("studies", "rows"), [(19, 0), (20, 2)])
def test_several_covariates_are_fitted_together_with_ten_studies_for_each_coefficient(studies, rows):
    """The rule counts studies, never results; the tests are likelihood ratios against the model without a covariate."""
    x = [at * 7 % 9 for at in range(studies)]
    made = review(
        {f"s{at}": {} for at in range(studies)},
        [(f"s{at}", {"n": "9", "responders": str(found)}) for at, found in enumerate(x)],
        covariates=["age", "route"],
    )
    age, iv = [40 + at % 5 for at in range(studies)], [at % 3 == 0 for at in range(studies)]
    values = {"age": list(map(str, age)), "route": ["iv" if one else "oral" for one in iv]}
    made = grade_and_pool(made.with_tables(studies=made["studies"].assign(**values)))
    tested, of_one = (heterogeneity(one) for one in (made, made.with_policy(covariates=["age"])))
    found, alone = (one.query("analysis == 'drug' and factor == 'covariates_together'") for one in (tested, of_one))
    assert (len(found), len(alone)) == (rows, 0)
    if rows:
        design = np.column_stack([np.ones(studies), age, iv])
        whole = fit_regression(x, [9] * studies, design, RIDGE).loglik
        for place, name in ((1, "age"), (2, "route")):
            less = fit_regression(x, [9] * studies, np.delete(design, place, axis=1), RIDGE).loglik
            row = found.set_index("covariate").loc[name]
            assert row[["chi2", "df", "k"]].tolist() == [pytest.approx(2 * (whole - less), abs=1e-6), 1, studies]
        printed = covariate_table(made.with_results({"heterogeneity": tested})).frame.query("Treatment == 'Drug'")[
            "Covariate"
        ]
        assert printed.tolist()[-2:] == ["Age, with the others", "Route, with the others"]


def test_silence_about_an_adverse_event_is_not_zero(plain):
    table = pool_events(plain).set_index(["therapy", "term"])
    silent = table.loc[("minocycline", "minor adverse events (any)")]
    assert silent[["k", "k_not_reported", "pooled", "reason"]].tolist() == [0, 1, "no", "too_few_studies"]
    assert pd.isna(silent["crude"])
    stated = table.loc[("infliximab_intralesional", "treatment-related side effects")]
    assert stated[["k", "events", "n", "crude"]].tolist() == [1, 0, 5, 0]


def test_an_event_that_three_studies_count_is_pooled_as_responses_are():
    made = review({name: {"status": "awaiting" if name == "c" else "included"} for name in "abcd"}, [])
    counts = {"a": ("3", "12"), "b": ("4", "4"), "c": ("9", "17"), "d": ("NR", "8")}
    rows = [
        {"study_id": name, "therapy": "one", "term": "rash", "n_patients": x, "n_at_risk": n}
        for name, (x, n) in counts.items()
    ]
    row = pool_events(made.with_tables(adverse_events=frame("adverse_events", rows))).iloc[0]
    assert row[["pooled", "k", "events", "n", "k_not_reported"]].tolist() == ["yes", 3, 16, 33, 1]
    assert row["estimate"] == pytest.approx(0.552, abs=5e-4)  # as diltiazem's three arms with these counts


CONTROLLED = {"design": "cohort_controlled", "controlled": "yes"}


def test_patients_treated_and_not_evaluated_fail_or_respond():
    rows = [
        ("a", {"n": "8", "responders": "5", "n_treated": "10"}),
        ("a", {"n": "6", "responders": "3", "disease": "dm"}),  # of the same patients' arm, nobody missing
        ("b", {"n": "7", "responders": "7"}),
        ("c", {"n": "6", "responders": "2", "n_treated": "6"}),
    ]
    table = (
        sensitivity_of(review({study: {} for study in "abc"}, rows)).query("analysis == 'drug'").set_index("variant")
    )
    assert table.loc["worst_case", ["k", "events", "n"]].tolist() == [3, 17, 29]
    assert table.loc["best_case", ["k", "events", "n"]].tolist() == [3, 19, 29]


def test_several_arms_of_a_study_are_pooled_within_it_too():
    counts = {"a": ((3, 12), (9, 11)), "b": ((4, 9), (8, 17)), "c": ((5, 8), (2, 9))}
    rows = [
        (study, {"therapy": therapy, "responders": str(x), "n": str(n)})
        for study, arms in counts.items()
        for therapy, (x, n) in zip(("one", "two"), arms, strict=True)
    ]
    made = review(dict.fromkeys(counts, CONTROLLED), rows, {"one": "group_one", "two": "group_one"})
    table = sensitivity_of(made).query("variant == 'three_level' and analysis == 'class-group_one'")
    expected = pool_three_level([3, 9, 4, 8, 5, 2], [12, 11, 9, 17, 8, 9], list("aabbcc"))
    assert table[["k", "events", "n"]].to_numpy().tolist() == [[3, 31, 66]]
    every = sensitivity_of(made).query("analysis == 'class-group_one'")
    left_out = every.query("variant == 'leave_one_out'")
    assert left_out[["k", "pooled"]].to_numpy().tolist() == [[2, "no"]] * 3  # studies, not their two arms each
    assert set(every.query("variant == 'method'")["k"]) == {3}
    assert every.query("variant == 'cumulative'")["k"].tolist() == [3]
    # the arms may come in another order, which moves the maximum by the tolerance of the search
    assert table["estimate"].item() == pytest.approx(expected["estimate"], abs=1e-4)


def test_how_many_unpublished_patients_move_a_result_across_the_threshold(plain):
    row = pooled_of(plain).loc["diltiazem"]
    arms = select_arms(plain).query("analysis == 'diltiazem' and entered == 'yes'")
    assert (row["unpublished_needed"], row["unpublished_direction"]) == (2, "non_responders")
    for patients, above in ((1, True), (2, False)):
        x, n = [*arms["responders"], *[0] * patients], [*arms["n"], *[1] * patients]
        assert (pool_responses(x, n, interval="profile")["estimate"] > 0.5) == above
