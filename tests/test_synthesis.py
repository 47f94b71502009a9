"""The review's policy: which arms enter, what is pooled, and the reasons."""

import pandas as pd
import pytest

from small_evidence.synthesis.analyses import VARIANTS, heterogeneity, pool_arms, pool_events, select_arms, sensitivity
from tests.policy import POLICY


def arms_of(tables, **changes):
    policy = POLICY | changes
    return select_arms(tables["studies"], tables["responses"], tables["therapies"], policy)


def pooled_of(tables, **changes):
    return pool_arms(arms_of(tables, **changes), POLICY | changes, response_threshold=0.5).set_index("analysis")


def test_diltiazem_is_pooled_from_four_arms(tables):
    row = pooled_of(tables).loc["diltiazem"]
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


def test_two_studies_are_shown_and_not_pooled(tables):
    row = pooled_of(tables).loc["rituximab"]
    assert (row["k"], row["events"], row["n"]) == (2, 4, 14)  # 0/6 and 4/8; three single patients stay out
    assert (row["pooled"], row["reason"]) == ("no", "2 studies, 3 needed")
    assert row["crude"] == pytest.approx(4 / 14)
    assert pd.isna(row["estimate"])
    assert row["k_left_out"] >= 3


def test_small_arms_stay_out_and_say_so(tables):
    arms = arms_of(tables)
    small = arms[(arms["analysis"] == "rituximab") & (arms["study_id"] == "daoussis2012")]
    assert small[["entered", "reason"]].to_numpy().tolist() == [["no", "fewer than 3 patients (1)"]]


def test_without_secondary_sources_diltiazem_loses_the_unidentified_cohort(tables):
    row = pooled_of(tables, secondary_sources="exclude").loc["diltiazem"]
    assert (row["k"], row["events"], row["n"]) == (3, 16, 33)
    assert "unidentified_cohort 5/8: known from a secondary source only" in row["left_out"]


def test_complete_response_counts_complete_responders_only(tables):
    pooled = pooled_of(tables, response="complete")
    assert pooled.loc["surgical_excision", ["events", "n"]].tolist() == [22, 28]  # Balin 2012 alone states the split
    assert pooled.loc["diltiazem", "k"] == 0


def test_single_studies_can_be_pooled_by_choice_of_the_policy(tables):
    assert pooled_of(tables, min_studies=2).loc["rituximab", "pooled"] == "yes"


def test_lesions_never_enter_a_pool_of_patients(tables):
    arms = arms_of(tables)
    lesions = arms[arms["response_ids"] == "bottomley1996_co2_laser_2"]
    assert set(lesions["entered"]) == {"no"}
    assert set(lesions["reason"]) == {"lesions, not patients"}


def test_every_arm_that_enters_is_a_sum_of_its_response_rows(tables):
    responses = tables["responses"].set_index("response_id")
    entered = arms_of(tables).query("entered == 'yes'")
    for arm in entered.itertuples():
        rows = responses.loc[arm.response_ids.split(";")]
        assert rows["n"].astype(int).sum() == arm.n
        assert rows["responders"].astype(int).sum() == arm.responders


def test_a_study_enters_an_analysis_once(tables):
    entered = arms_of(tables).query("entered == 'yes'")
    assert not entered.duplicated(["analysis", "study_id"]).any()


def test_class_rows_stand_beside_their_members(tables):
    pooled = pooled_of(tables)
    row = pooled.loc["class-surgery"]
    assert (row["events"], row["n"]) == (34, 35)  # Balin 27/28 and the unidentified cohort 7/7
    assert "class-combination" not in pooled.index
    assert (pooled.loc["class-anti_tnf", "k"], pooled.loc["class-anti_tnf", "reason"]) == (0, "counts not in hand")


def small_review(rows):
    """A review of one class with two therapies; rows are (study, cohort, therapy, disease, responders, n)."""
    studies = {(study, cohort) for study, cohort, *_ in rows}
    return {
        "studies": pd.DataFrame(
            [
                {"study_id": study, "label": study.title(), "cohort_id": cohort, "status": "included", "year": "2000"}
                for study, cohort in sorted(studies)
            ]
        ),
        "therapies": pd.DataFrame(
            [
                {"therapy": "one", "label": "One", "therapy_class": "numbers"},
                {"therapy": "two", "label": "Two", "therapy_class": "numbers"},
            ]
        ),
        "responses": pd.DataFrame(
            [
                {
                    "response_id": f"{study}_{therapy}_{disease}", "study_id": study, "therapy": therapy,
                    "disease": disease, "primary_outcome": "yes", "unit": "patient", "n": str(n), "n_complete": "NR",
                    "responders": str(x), "evidence_basis": "abstract", "source": study, "pool": "yes",
                    "pool_reason": "",
                }
                for study, _, therapy, disease, x, n in rows
            ]
        ),
    }  # fmt: skip


def test_a_row_that_is_not_offered_stays_out_even_without_a_reason():
    tables = small_review([("a", "a", "one", "ssc", 3, 5)])
    tables["responses"]["pool"] = "no"
    arms = arms_of(tables)
    assert set(arms["entered"]) == {"no"}
    assert set(arms["reason"]) == {"not offered for pooling"}


def test_disease_rows_of_a_study_are_summed_over_all_diseases():
    arms = arms_of(small_review([("a", "a", "one", "ssc", 3, 5), ("a", "a", "one", "dm", 1, 4)]))
    whole = arms[arms["analysis"] == "one"]
    assert whole[["responders", "n", "arm_disease"]].to_numpy().tolist() == [[4, 9, "ssc;dm"]]
    assert arms[arms["analysis"] == "one-dm"][["responders", "n"]].to_numpy().tolist() == [[1, 4]]


def test_same_patients_are_counted_once_in_a_class():
    arms = arms_of(small_review([("a", "a", "one", "ssc", 3, 5), ("a", "a", "two", "ssc", 6, 8)]))
    whole = arms[arms["analysis"] == "class-numbers"].set_index("arm_therapy")
    assert whole["entered"].to_dict() == {"one": "no", "two": "yes"}
    assert whole.loc["one", "reason"] == "same patients as Two"


def test_two_reports_of_a_cohort_are_counted_once():
    arms = arms_of(small_review([("a", "c", "one", "ssc", 3, 5), ("b", "c", "one", "ssc", 6, 8)]))
    whole = arms[arms["analysis"] == "one"].set_index("study_id")
    assert whole["entered"].to_dict() == {"a": "no", "b": "yes"}
    assert whole.loc["a", "reason"] == "same patients as B"


def test_all_responding_is_an_answer():
    pooled = pool_arms(
        arms_of(small_review([(s, s, "one", "ssc", 7, 7) for s in "abc"])), POLICY, response_threshold=0.5
    ).set_index("analysis")
    row = pooled.loc["one"]
    assert (row["pooled"], row["estimate"], row["ci_ub"], row["status"]) == ("yes", 1, 1, "all_responders")
    assert row["ci_lb"] == pytest.approx(0.025 ** (1 / 21))  # exact bound of 21 of 21
    assert row["direction"] == "above"


def sensitivity_of(tables, **changes):
    policy = POLICY | changes
    return sensitivity(arms_of(tables, **changes), tables["studies"], tables["responses"], tables["therapies"], policy)


def test_diltiazem_stands_with_and_without_the_unidentified_cohort(tables):
    table = sensitivity_of(tables).query("analysis == 'diltiazem'")
    # it has no smaller arm, and no patients who are reported twice
    unchanged = {"with arms of any size", "without overlapping reports", "with the other report of the same patients"}
    assert set(table["variant"]) == set(VARIANTS) - unchanged
    without = table.query("variant == 'without secondary sources'").iloc[0]
    left_out = table.query("variant == 'leave one out' and change == 'unidentified_cohort'").iloc[0]
    assert without[["k", "events", "n"]].tolist() == [3, 16, 33]
    assert without["estimate"] == left_out["estimate"] == pytest.approx(0.552, abs=5e-4)


def test_a_variant_with_too_few_studies_is_not_pooled(tables):
    table = sensitivity_of(tables)
    surgery = table.query("analysis == 'surgical_excision' and variant == 'without secondary sources'").iloc[0]
    assert surgery[["k", "events", "n", "pooled", "reason"]].tolist() == [1, 27, 28, "no", "1 study, 3 needed"]
    assert surgery["crude"] == pytest.approx(27 / 28)
    assert pd.isna(surgery["estimate"])


def test_the_last_step_of_the_cumulative_pool_is_the_pool(tables):
    table = sensitivity_of(tables).query("analysis == 'diltiazem' and variant == 'cumulative'")
    assert table["change"].tolist() == ["1995", "1998", "2012", "year not reported"]
    assert table["estimate"].iloc[-1] == pooled_of(tables).loc["diltiazem", "estimate"]


def test_every_method_stands_beside_the_others(tables):
    table = sensitivity_of(tables).query("analysis == 'diltiazem' and variant == 'method'")
    assert {"glmm", "beta_binomial", "bayes", "inverse_variance", "fixed", "crude"} == set(table["method"])
    assert not table["change"].duplicated().any()


def test_an_analysis_without_arms_has_no_variants():
    tables = small_review([("a", "a", "one", "ssc", 1, 2)])
    assert sensitivity_of(tables, secondary_sources="exclude").query("variant == 'method'").empty


def test_subgroups_of_one_study_are_not_pooled_and_small_studies_need_ten(tables):
    levels = tables["studies"].assign(level="IV")
    table = heterogeneity(arms_of(tables), levels, POLICY).query("analysis == 'diltiazem'")
    disease = table.query("factor == 'disease'").set_index("subgroup")
    assert disease.loc["ssc", "status"] == "single_study"
    assert disease.loc["ctd_mixed", ["events", "n"]].tolist() == [14, 25]
    assert disease["df"].iloc[0] == 2
    assert table.query("factor == 'small studies'")["test_note"].tolist() == ["4 studies, 10 needed"]


def test_silence_about_an_adverse_event_is_not_zero(tables):
    table = pool_events(tables["adverse_events"], tables["studies"], POLICY).set_index(["therapy", "term"])
    silent = table.loc[("minocycline", "minor adverse events (any)")]
    assert silent[["k", "k_not_reported", "pooled", "reason"]].tolist() == [0, 1, "no", "0 studies, 3 needed"]
    assert pd.isna(silent["crude"])
    stated = table.loc[("infliximab_intralesional", "treatment-related side effects")]
    assert stated[["k", "events", "n", "crude"]].tolist() == [1, 0, 5, 0]


def test_an_event_that_three_studies_count_is_pooled_as_responses_are():
    studies = pd.DataFrame({"study_id": list("abcd"), "status": ["included", "included", "awaiting", "included"]})
    events = pd.DataFrame(
        {
            "study_id": list("abcd"), "therapy": "one", "term": "rash", "n_patients": ["3", "4", "9", "NR"],
            "n_at_risk": ["12", "4", "17", "8"],
        }
    )  # fmt: skip
    row = pool_events(events, studies, POLICY).iloc[0]
    assert row[["pooled", "k", "events", "n", "k_not_reported"]].tolist() == ["yes", 3, 16, 33, 1]
    assert row["estimate"] == pytest.approx(0.552, abs=5e-4)  # as diltiazem's three arms with these counts
