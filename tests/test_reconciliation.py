"""Published claims beside the tables, rule by rule, and the list of what is awaited."""

import re

import pandas as pd
import pytest

from small_evidence.extraction.schema import LABELS
from small_evidence.synthesis.claims import AWAITING, RECONCILIATION, claim_results, claimed
from tests import made_up
from tests.policy import POLICY, results_of

CLASSES = {"anti_tnf": "TNF inhibitors", "bisphosphonate": "Bisphosphonates", "surgery": "Surgery"}
CLAIM = {
    "claim_id": "one", "review": "Doe 2020", "doi": "", "therapy": "drug", "disease": "all",
    "quantity": "pooled_response", "outcome": "", "value": "0.5", "ci_lb": "", "ci_ub": "", "i2": "", "p": "", "n": "",
    "statement": "", "source": "",
}  # fmt: skip
SCREENING = ["stage", "label", "n", "source"]
REFS = ["ref_no", "design_as_published", "in_table_iv", "identity", "notes"]
THREE = {"adams": {"n_patients": "10"}, "baker": {"n_patients": "12"}, "clark": {"n_patients": "8"}}
COUNTS = [
    ("adams", {"n": "10", "responders": "5"}),
    ("baker", {"n": "12", "responders": "7"}),
    ("clark", {"n": "8", "responders": "3"}),
]


@pytest.fixture(scope="module")
def bundled(tables, standard):
    return reconciled(tables, standard, follows="Traineau")


@pytest.fixture(scope="module")
def awaited(tables, standard):
    return work_list(tables, standard)


def claimed_and_awaited(tables, standard, follows="Doe"):
    review = {"follows": follows, "class_labels": CLASSES}
    return claim_results(tables | results_of(tables, standard), standard, review, POLICY)


def reconciled(tables, standard, follows="Doe"):
    """The claims of a review judged, keyed by claim."""
    found = claimed_and_awaited(tables, standard, follows)["reconciliation"]
    assert list(found.columns) == RECONCILIATION
    return found.set_index("claim_id")


def work_list(tables, standard):
    return claimed_and_awaited(tables, standard)["awaiting"]


def review(studies, responses, claims=(), screening=(), refs=(), classes=None):
    """Tables of a small made-up review with the claims of another."""
    return made_up.review(studies, responses, classes) | {
        "published_claims": pd.DataFrame([CLAIM | claim for claim in claims], columns=list(CLAIM)),
        "screening": pd.DataFrame(list(screening), columns=SCREENING),
        "published_review": pd.DataFrame(
            [dict.fromkeys(REFS, "") | {"design_as_published": design} for design in refs], columns=REFS
        ),
    }


def judged(tables, standard, follows="Doe"):
    """ours, verdict, why of the only claim."""
    return reconciled(tables, standard, follows).loc["one", ["ours", "verdict", "why"]].tolist()


# The bundled review -------------------------------------------------------------------------------------------


def test_each_claim_has_a_verdict_and_a_reason(tables, bundled):
    assert list(bundled.index) == list(tables["published_claims"]["claim_id"])
    assert len(bundled) == 55
    assert set(bundled["verdict"]) <= {"agrees", "differs", "cannot be told"}
    for column in ("about", "measure", "claimed", "ours", "why"):
        assert (bundled[column] != "").all(), column


def test_verdicts_do_not_hang_on_the_names_of_the_claims(tables, standard, bundled):
    renamed = tables["published_claims"].copy()
    renamed["claim_id"] = [f"c{at}" for at in range(len(renamed))]
    again = reconciled(tables | {"published_claims": renamed}, standard, "Traineau")
    for column in ("ours", "verdict", "why"):
        assert again[column].tolist() == bundled[column].tolist()


def test_the_published_pools_cannot_be_reproduced(bundled):
    warfarin = bundled.loc["traineau_warfarin_pooled"]
    assert warfarin["claimed"] == "22% [0, 53], I² 57%"
    assert (
        warfarin["ours"] == "66.7% [9.4, 99.2], 2/3 in 1 study, not pooled: 1 study, 3 needed; 1 study without counts"
    )
    assert warfarin["verdict"] == "cannot be told"
    assert warfarin["why"] == (
        "Cannot be reproduced: counts of these studies are not in hand (Berger 1987; Lassoued [1988]);"
        " which studies were pooled is itself not shown."
    )
    rituximab = bundled.loc["traineau_rituximab_pooled"]
    assert rituximab["claimed"] == "68% [24, 100]"
    assert rituximab["verdict"] == "cannot be told"
    assert rituximab["why"].startswith(
        "Cannot be reproduced: counts of these studies are not in hand (Aggarwal 2017; Thiebaut 2018)"
    )


def test_studies_and_patients_of_the_published_review_against_what_is_in_hand(bundled):
    studies = bundled.loc["traineau_studies"]
    assert studies["claimed"] == "30 studies"
    assert studies["ours"] == (
        "17 likely studies of that review in hand (none proven by name): 2 randomised, 2 prospective, 3 retrospective,"
        " 10 of another design or direction not stated; 7 with counts that enter an analysis."
        " The list of its reference numbers has 30: 2 randomised, 11 prospective, 17 retrospective"
    )
    assert studies["verdict"] == "cannot be told"
    assert studies["why"].startswith("13 of its 30 studies are not identified in these tables.")
    patients = bundled.loc["traineau_patients"]
    # 66 patients, largest arm of each of the seven: data/raw/README of the extraction
    assert "; 66 patients in the 7 with counts that enter an analysis (largest arm of each)" in patients["ours"]
    assert patients["verdict"] == "cannot be told"
    assert patients["why"] == "The sum cannot be made: 13 studies not identified and 7 studies of unknown size."


def test_levels_agree_by_rule_and_carry_their_caveat(bundled):
    levels = bundled[bundled["quantity"] == "level"]
    assert len(levels) == 6
    assert (levels["verdict"] == "agrees").all()
    assert levels["why"].str.contains("could not be retrieved").all()
    assert (
        "Aggarwal 2017 was set to IV by hand (its design alone: IB)." in levels.loc["traineau_rituximab_level", "why"]
    )
    assert "Whole class (TNF inhibitors): IV: 2 prospective" in levels.loc["traineau_anti_tnf_level", "ours"]
    assert "class" not in levels.loc["traineau_diltiazem_level", "ours"]  # one agent is not its class


def test_a_recommendation_is_never_judged(bundled):
    rows = bundled[bundled["quantity"] == "recommendation"]
    assert len(rows) == 6
    assert set(rows["verdict"]) == {"cannot be told"}
    assert rows.loc["traineau_warfarin_reco", ["claimed", "ours"]].tolist() == [
        "against",
        "level IB; 66.7% [9.4, 99.2], 2/3 in 1 study, not pooled: 1 study, 3 needed; 1 study without counts;"
        " the interval lies across the reference line",
    ]
    assert rows.loc["traineau_bisphosphonates_reco", "ours"].startswith(
        "Bisphosphonates as a class: level IV; no counts"
    )


@pytest.mark.parametrize(
    ("claim", "counts"), [("summary_diltiazem", "5/8 (62.5%)"), ("summary_surgery", "7/7 (100.0%)")]
)
def test_a_row_and_a_claim_from_one_source_prove_nothing(bundled, claim, counts):
    row = bundled.loc[claim]
    assert row["ours"].startswith(f"{counts} patients")
    assert row["verdict"] == "agrees"
    assert row["why"] == "Circular: both were copied from the same source, so agreement proves nothing."


def test_lesions_are_called_lesions(bundled):
    row = bundled.loc["nowaczyk_laser"]
    assert row[["claimed", "ours"]].tolist() == ["12/21", "12/21 (57.1%) lesions, symptom response, Bottomley 1996"]
    assert row["why"].endswith("Lesions, not patients: they enter no pool of patients.")


def test_seven_operated_patients_are_not_seven_of_seven(bundled):
    row = bundled.loc["pseudotumoral_surgery"]
    assert row[["claimed", "verdict"]].tolist() == ["7/NR", "cannot be told"]
    assert row["why"].startswith("Of how many is not reported")


def test_another_scope_cannot_be_compared(bundled):
    other = bundled[~bundled["review"].str.startswith("Traineau") & (bundled["quantity"] != "responders")]
    assert len(other) == 33
    assert set(other["verdict"]) == {"cannot be told"}
    assert other["why"].str.contains("is another review with its own studies; these tables follow Traineau 2020").all()
    assert bundled.loc["kouba_studies", "ours"] == "12 studies in these tables (whole class)"


@pytest.mark.parametrize(
    ("claim", "printed"),
    [
        ("traineau_identified", "3032 records"),
        ("traineau_size_range", "3-78 patients"),
        ("nowaczyk_range_low", "64%"),
        ("nowaczyk_recurrence", "2% of 136"),
        ("nowaczyk_ilsts_injpain", ">11%"),
        ("nowaczyk_ilsts_pain", "1 point"),
        ("nowaczyk_topsts_duration", "4.9 months"),
        ("kouba_simple", "85.9%"),
        ("ma_cdasi", "−17.67 [−20.94, −14.41] points"),
        ("traineau_rituximab_reco", "promising"),
    ],
)
def test_claims_as_printed(bundled, claim, printed):
    assert bundled.loc[claim, "claimed"] == printed


def test_shares_keep_the_digits_they_were_printed_with():
    claim = CLAIM | {"value": "0.07", "ci_lb": "0.005", "ci_ub": "0.29"}
    assert claimed(claim) == "7% [0.5, 29]"  # 100 * 0.07 is 7.000000000000001


# Each rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "source", "verdict", "why"),
    [
        ("50", "doi:10.1/x", "agrees", "Both were copied from the same source: agreement shows only that they were"),
        ("50", "our own log", "agrees", "The table screening gives the same number."),
        ("51", "our own log", "differs", "The table screening gives another number."),
        ("NR", "our own log", "cannot be told", "The table screening does not give it."),
    ],
)
def test_records_identified(standard, n, source, verdict, why):
    claim = {"therapy": "all", "quantity": "n_identified", "value": "50", "source": "doi:10.1/x"}
    boxes = [("identification", "Duplicates removed", "7", ""), ("identification", "Records identified", n, source)]
    found = judged(review(THREE, COUNTS, [claim], boxes), standard)
    assert found[1] == verdict
    assert found[2].startswith(why)


@pytest.mark.parametrize(
    ("value", "refs", "verdict", "why"),
    [
        ("3", [], "agrees", "The same number of its studies is in hand."),
        ("3", ["rct", "prospective", "NR"], "agrees", "The same number of its studies is in hand."),
        ("2", [], "differs", "More studies are marked as its own than it counts (3 against 2)."),
        ("4", [], "cannot be told", "1 of its 4 studies is not identified in these tables."),
        ("3", ["rct", "rct"], "differs", "The list of its reference numbers has 2 studies, not 3."),
    ],
)
def test_number_of_studies(standard, value, refs, verdict, why):
    claim = {"therapy": "all", "quantity": "n_studies", "value": value}
    assert judged(review(THREE, COUNTS, [claim], refs=refs), standard)[1:] == [verdict, why]


def test_studies_that_are_only_likely_are_said_to_be(standard):
    claim = {"therapy": "all", "quantity": "n_studies", "value": "3"}
    likely = {name: facts | {"published_review": "likely"} for name, facts in THREE.items()}
    ours, verdict, why = judged(review(likely, COUNTS, [claim]), standard)
    assert verdict == "agrees"
    assert "(none proven by name)" in ours
    assert why.endswith("Not every one of them is proven to be a study of that review.")


@pytest.mark.parametrize(
    ("value", "changes", "refs", "verdict", "why"),
    [
        ("30", {}, [], "agrees", "The sizes of its studies sum to the same number."),
        ("31", {}, [], "differs", "The sizes of its studies sum to 30."),
        (
            "30",
            {"clark": {"n_patients": "NR"}},
            [],
            "cannot be told",
            "The sum cannot be made: 1 study of unknown size.",
        ),
        ("30", {}, ["NR"] * 4, "cannot be told", "The sum cannot be made: 1 study not identified."),
        (
            "22",
            {"baker": {"cohort_id": "c"}, "adams": {"cohort_id": "c"}},
            [],
            "differs",
            "The sizes of its studies sum to 20.",
        ),
    ],
)
def test_number_of_patients(standard, value, changes, refs, verdict, why):
    claim = {"therapy": "all", "quantity": "n_patients", "value": value}
    studies = {name: facts | changes.get(name, {}) for name, facts in THREE.items()}
    assert judged(review(studies, COUNTS, [claim], refs=refs), standard)[1:] == [verdict, why]


@pytest.mark.parametrize(
    ("value", "verdict"), [("8-12", "agrees"), ("3-78", "cannot be told"), ("9-12", "differs"), ("8-11", "differs")]
)
def test_smallest_and_largest_study(standard, value, verdict):
    claim = {"therapy": "all", "quantity": "size_range", "value": value}
    ours, found, _ = judged(review(THREE, COUNTS, [claim]), standard)
    assert ours.startswith("8-12 patients in the 3 of 3 studies")
    assert found == verdict


@pytest.mark.parametrize(
    ("value", "ci_lb", "ci_ub", "verdict", "why"),
    [
        ("0.5", "0.3", "0.7", "agrees", "Each figure lies in the other's interval."),
        ("0.52", "", "", "agrees", "Each figure lies in the other's interval."),
        ("0.95", "0.9", "1", "differs", "From the counts of its studies, its figure lies outside our interval."),
        ("0.6", "0.58", "0.62", "differs", "From the counts of its studies, our figure lies outside its interval."),
    ],
)
def test_a_pool_whose_counts_are_all_in_hand_is_compared(standard, value, ci_lb, ci_ub, verdict, why):
    claim = {"value": value, "ci_lb": ci_lb, "ci_ub": ci_ub}
    ours, *found = judged(review(THREE, COUNTS, [claim]), standard)
    assert re.match(r"50\.0% \[3\d\.\d, 6\d\.\d\], 15/30 in 3 studies, pooled$", ours)
    assert found == [verdict, why]


def test_a_pool_is_not_compared_when_one_of_its_studies_lacks_counts(standard):
    counts = [*COUNTS[:2], ("clark", {"n": "8"})]
    ours, verdict, why = judged(review(THREE, counts, [{}]), standard)
    assert verdict == "cannot be told"
    assert why == "Cannot be reproduced: counts of these studies are not in hand (Clark)."
    assert ours.endswith("in 2 studies, not pooled: 2 studies, 3 needed; 1 study without counts")


def test_a_pool_of_unknown_studies_is_not_compared(standard):
    strangers = {name: facts | {"published_review": "unknown"} for name, facts in THREE.items()}
    _, verdict, why = judged(review(strangers, COUNTS, [{}]), standard)
    assert verdict == "cannot be told"
    assert why.startswith("Cannot be reproduced: which studies were pooled is not known")


def test_a_claim_of_partial_response_is_told_apart(standard):
    _, _, why = judged(review(THREE, COUNTS, [{"outcome": "partial_response"}]), standard)
    assert why.endswith("The claim is of partial response; these tables count any response.")


def test_levels_against_a_claim(standard):
    def level(value, **studies):
        tables = review(THREE | studies, COUNTS, [{"quantity": "level", "value": value}])
        return judged(tables, standard)

    assert level("IV")[1] == "agrees"
    ours, verdict, why = level("IB")
    assert (ours, verdict) == ("IV: 3 case series, direction not stated (Adams; Baker; Clark)", "differs")
    assert why.startswith("The studies in hand give IV;")
    assert level("IB", adams={"design": "rct"})[1] == "agrees"
    unknown = {name: {"design": "NR"} for name in THREE}
    assert level("IV", **unknown)[1:] == ["cannot be told", "None of the studies in hand can be graded."]
    nothing = review(THREE, [], [{"quantity": "level", "value": "IV"}])
    assert judged(nothing, standard)[:2] == ["no study in these tables", "cannot be told"]


@pytest.mark.parametrize(
    ("claim", "verdict", "why"),
    [
        ({"value": "5", "n": "10", "source": "doi:10.1/own"}, "agrees", "Circular: both were copied"),
        ({"value": "6", "n": "10", "source": "doi:10.1/own"}, "differs", "The same source is copied with other counts"),
        ({"value": "7", "n": "12", "source": "elsewhere"}, "agrees", "A row has the same counts."),
        (
            {"value": "7", "n": "12", "source": "elsewhere", "review": "Roe 1999"},
            "agrees",
            "The same 12 patients, counted by",
        ),
        ({"value": "9", "n": "11", "source": "elsewhere"}, "cannot be told", "No row of these tables has these counts"),
        ({"value": "5", "n": "NR", "source": "doi:10.1/own"}, "cannot be told", "Of how many is not reported"),
        (
            {"value": "5", "n": "10", "therapy": "other"},
            "cannot be told",
            "No study of this treatment is in the tables.",
        ),
    ],
)
def test_responders(standard, claim, verdict, why):
    counts = [
        (study, facts | {"source": "doi:10.1/own" if study == "adams" else f"doi:10.1/{study}"})
        for study, facts in COUNTS
    ]
    tables = review(THREE, counts, [{"quantity": "responders"} | claim], classes={"drug": "a", "other": "b"})
    found = judged(tables, standard)
    assert found[1] == verdict
    assert found[2].startswith(why)


def test_complete_responders_are_compared_with_the_complete_ones(standard):
    counts = [("adams", {"n": "10", "responders": "5", "n_complete": "2"})]
    claim = {"quantity": "responders", "outcome": "complete_resolution", "value": "2", "n": "10"}
    assert judged(review(THREE, counts, [claim]), standard)[0] == "2/10 (20.0%) patients, clinical response, Adams"


def test_a_congress_abstract_belongs_to_its_review_and_others_do_not(standard):
    claims = [
        {"claim_id": "paper", "review": "Doe 2020"},
        {"claim_id": "abstract", "review": "Doe 2019 (congress abstract of the same review)"},
        {"claim_id": "other", "review": "Roe 2021"},
    ]
    tables = review(THREE, COUNTS, claims)
    assert reconciled(tables, standard)["verdict"].tolist() == ["agrees", "agrees", "cannot be told"]
    none = reconciled(tables, standard, follows="none")
    assert none["verdict"].tolist() == ["cannot be told"] * 3
    assert none["why"].tolist() == ["The scope differs. These tables follow no published review."] * 3


def test_a_review_without_optional_tables(standard):
    tables = review(THREE, COUNTS)
    assert reconciled(tables, standard).empty
    assert work_list(tables, standard).empty
    assert list(work_list(tables, standard).columns) == AWAITING


# The list of what is awaited ----------------------------------------------------------------------------------


def test_the_list_has_each_awaiting_study_and_what_is_held_back(tables, awaited):
    awaiting = set(tables["studies"].loc[tables["studies"]["status"] == "awaiting", "study_id"])
    held_back = {"berger1987", "bottomley1996", "baumgartnernielsen_eadv"}
    assert set(awaited["study_id"]) == awaiting | held_back
    assert awaited["priority"].tolist() == list(range(1, len(awaited) + 1))
    kinds = awaited.set_index("study_id")["kind"]
    assert set(kinds[kinds == "counts not verified"].index) == {"berger1987", "deakin2018", "baumgartnernielsen_eadv"}


@pytest.mark.parametrize(
    ("study", "missing", "where", "adds"),
    [
        (
            "jdm_diltiazem2001",
            "number of patients, number of responders",
            "https://doi.org/10.1097/00131402-200106000-00005; https://pubmed.ncbi.nlm.nih.gov/19078635/",
            "Diltiazem: 4 studies now, would be the 5th;"
            " Calcium channel blocker as a class: 4 studies now, would be the 5th",
        ),
        (
            "aggarwal2017",
            "Dermatomyositis (adult): number of patients, number of responders;"
            " Juvenile dermatomyositis: number of patients, number of responders",
            "https://doi.org/10.1093/rheumatology/kew396; https://pubmed.ncbi.nlm.nih.gov/27837048/;"
            " https://pmc.ncbi.nlm.nih.gov/articles/PMC5854037/",
            "Rituximab: 2 studies now, this 3rd would allow pooling",
        ),
        (
            "thiebaut2018",
            "number of patients, number of responders",
            "no identifier known; look for: Efficacy and safety of rituximab in systemic sclerosis: French"
            " retrospective study and literature review, Autoimmun Rev; quoted on https://doi.org/10.1016/j.jaad.2019.07.006",
            "Rituximab: 2 studies now, this 3rd would allow pooling",
        ),
        (
            "deakin2018",
            "confirmation of 9/14 from the full text",
            "https://doi.org/10.1002/art.40418; https://pubmed.ncbi.nlm.nih.gov/29342499/;"
            " https://pmc.ncbi.nlm.nih.gov/articles/PMC5947636/",
            "Cyclophosphamide, intravenous: no study now, would be the 1st of 3 needed;"
            " Immunosuppressant as a class: no study now, would be the 1st of 3 needed",
        ),
        (
            "berger1987",
            "confirmation of 0/3 from the full text, disease",
            None,
            "Warfarin (low dose): 1 study now, would be the 2nd of 3 needed (2 in this list)",
        ),
        (
            "pseudotumoral2020",
            "number of patients",
            None,
            "Surgery (technique not stated): no study now, would be the 1st of 3 needed;"
            " Surgery as a class: 2 studies now, this 3rd would allow pooling",
        ),
        ("bottomley1996", "number of responders", "https://pubmed.ncbi.nlm.nih.gov/8881679/", None),
        ("yu2020", None, "https://pmc.ncbi.nlm.nih.gov/articles/PMC7958081/", None),
        ("chung2022", "number of responders", None, None),
        (
            "fredi2017", "treatment, number of patients, number of responders", None,
            "cannot be told: the treatment is not visible",
        ),
        ("vilnius_nd", "number of responders", None, "Diltiazem: 2 patients, fewer than 3: shown, not pooled"),
        ("jscr2024", None, None, "Surgical excision: 1 patient, fewer than 3: shown, not pooled"),
    ],
)  # fmt: skip
def test_what_is_missing_where_it_may_be_had_and_what_it_adds(awaited, study, missing, where, adds):
    row = awaited.set_index("study_id").loc[study]
    for found, wanted in ((row["missing"], missing), (row["where"], where), (row["adds"], adds)):
        assert wanted is None or found == wanted


def test_the_reason_is_the_extractors_own(awaited):
    reasons = awaited.set_index("study_id")["reason"]
    assert reasons["riley2008"].startswith("Responders missing: repository page states five children")
    assert reasons["berger1987"].startswith("responder count not settled")
    assert (reasons != "").all()


def test_order_of_the_list(awaited):
    """Pooling first, then the published review's studies; within these the level and the number of patients."""
    keys = [
        (row.would_allow_pooling == "no", row.in_published_review not in ("yes", "likely"))
        for row in awaited.itertuples()
    ]
    assert keys == sorted(keys)
    assert awaited["study_id"].head(3).tolist() == ["aggarwal2017", "thiebaut2018", "jhandsurg2021"]
    rest = awaited[(awaited["would_allow_pooling"] == "no") & (awaited["in_published_review"] == "likely")]
    assert rest["study_id"].iloc[0] == "berger1987"  # the only IB
    assert rest["study_id"].tolist().index("bottomley1996") < rest["study_id"].tolist().index("riley2008")  # 6 before 5
    unlikely = awaited[
        (awaited["would_allow_pooling"] == "no") & ~awaited["in_published_review"].isin(["yes", "likely"])
    ]
    sizes = unlikely.loc[unlikely["level"] == "IV", "n"].tolist()
    assert sizes == [
        *sizes[: sizes.index("NR")],
        *["NR"] * sizes.count("NR"),
        *sizes[len(sizes) - sizes[::-1].index("NR") :],
    ]
    assert min(int(n) for n in sizes[: sizes.index("NR")]) >= 3


@pytest.mark.parametrize(
    ("study", "n", "analysis"), [("thiebaut2018", "9", "rituximab"), ("jhandsurg2021", "39", "class-surgery")]
)
def test_the_promise_of_pooling_is_kept(tables, standard, awaited, study, n, analysis):
    """Filling in the counts makes the analysis pooled, and takes the study off the list."""
    assert results_of(tables, standard)["pooled"].set_index("analysis").loc[analysis, "pooled"] == "no"
    row = awaited.set_index("study_id").loc[study]
    assert row["would_allow_pooling"] == "yes"
    assert analysis in row["analyses"].split(";")
    studies, responses = tables["studies"].copy(), tables["responses"].copy()
    studies.loc[studies["study_id"] == study, "status"] = "included"
    cells = ["n", "responders", "pool", "pool_reason"]
    responses.loc[responses["study_id"] == study, cells] = [n, "4", "yes", ""]
    filled = tables | {"studies": studies, "responses": responses}
    assert results_of(filled, standard)["pooled"].set_index("analysis").loc[analysis, "pooled"] == "yes"
    assert study not in set(work_list(filled, standard)["study_id"])


@pytest.mark.parametrize(
    ("facts", "rows", "kind", "missing"),
    [
        ({}, [], "no response row", "a response row: treatment, disease, number of patients, number of responders"),
        ({"status": "awaiting"}, [{"n": "5", "responders": "2"}],
         "counts not verified", "confirmation of 2/5 from the full text"),
        ({"status": "awaiting"}, [{"n": "5"}], "counts missing", "number of responders"),
        ({}, [{"n": "5", "disease": "NR"}], "counts missing", "number of responders, disease"),
        ({}, [{"n": "5", "responders": "2", "pool": "no", "pool_reason": "counts not verified: web copy"}],
         "counts not verified", "confirmation of 2/5 from the full text"),
    ],
)  # fmt: skip
def test_kinds_of_gaps(standard, facts, rows, kind, missing):
    tables = review(THREE | {"doe": facts}, [*COUNTS, *(("doe", row) for row in rows)])
    found = work_list(tables, standard)
    assert found["study_id"].tolist() == ["doe"]
    assert found.loc[0, ["kind", "missing"]].tolist() == [kind, missing]


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        ({}, {"n": "5", "responders": "2"}),
        (
            {},
            {"n": "5", "responders": "2", "pool": "no", "pool_reason": "single-patient arm chosen because refractory"},
        ),
        ({}, {"n": "5", "primary_outcome": "no"}),
        ({}, {"n": "5", "unit": "lesion"}),
        ({"status": "excluded"}, {"n": "5"}),
    ],
)
def test_what_is_no_gap(standard, facts, row):
    tables = review(THREE | {"doe": facts}, [*COUNTS, ("doe", row)])
    assert work_list(tables, standard).empty


def test_links_do_not_send_the_reader_to_somebody_elses_page(standard):
    rows = [
        {"evidence_basis": "secondary", "source": "https://news.example/a, https://news.example/b"},
        {"evidence_basis": "abstract", "source": "https://journal.example/x; page 3", "disease": "dm"},
    ]
    facts = {"status": "awaiting", "pmid": "123", "notes": "registered as NCT01234567"}
    found = work_list(review(THREE | {"doe": facts}, [*COUNTS, *(("doe", row) for row in rows)]), standard)
    assert found.loc[0, "where"] == (
        "https://pubmed.ncbi.nlm.nih.gov/123/; https://journal.example/x; https://clinicaltrials.gov/study/NCT01234567;"
        " quoted on https://news.example/a; quoted on https://news.example/b"
    )


def test_a_study_without_any_identifier_says_so(standard):
    facts = {"status": "awaiting", "title": "NR"}
    found = work_list(review(THREE | {"doe": facts}, [*COUNTS, ("doe", {"source": "NR"})]), standard)
    assert found.loc[0, "where"] == "no identifier and no title known"


def test_words_for_people(tables, bundled, awaited):
    """No slug, no missing number as "nan", no digits of a computer."""
    slugs = {*tables["studies"]["study_id"], *tables["therapies"]["therapy"], *tables["therapies"]["therapy_class"]}
    slugs |= {*LABELS["design"], *LABELS["quantity"], *LABELS["outcome"], *tables["diseases"]["disease"]}
    slugs |= {*tables["published_claims"]["outcome"]}
    slugs = {slug for slug in slugs if "_" in slug or any(letter.isdigit() for letter in slug)}
    columns = [bundled[name] for name in ("about", "measure", "claimed", "ours", "why")]
    columns += [awaited[name] for name in ("label", "level", "therapies", "diseases", "n", "kind", "missing", "adds")]
    for column in columns:
        for text in column:
            assert not slugs.intersection(re.findall(r"[a-z0-9_]+", text)), text
            assert not re.search(r"\bnan\b|\d\.\d{3}|\bNone\b", text), text
