"""Studies whose counts are missing or not verified: what is missing, where it may be found, what it would add."""

import pytest

from small_evidence.synthesis.analyses import pool_arms
from small_evidence.synthesis.awaiting import (
    AWAITING,
    FIELDS,
    KINDS,
    awaiting_list,
    rows_without_counts,
    studies_without_counts,
)
from small_evidence.synthesis.policy import select_arms
from small_evidence.tables.awaiting import missing_counts_words
from tests import made_up
from tests.test_claims import COUNTS, THREE, with_results


def listed(review):
    """The review with its work list."""
    review = with_results(review)
    return review.with_results({"awaiting": awaiting_list(review)})


@pytest.fixture(scope="module")
def awaited(synthesised):
    return synthesised["awaiting"].set_index("study_id")


def doe(facts, rows=(), **options):
    """A review of three studies with counts, and Doe."""
    return made_up.review(THREE | {"doe": facts}, [*COUNTS, *(("doe", row) for row in rows)], **options)


# The bundled review -------------------------------------------------------------------------------------------


def test_one_rule_gives_every_number_of_studies_without_counts(tables, synthesised, awaited):
    found = studies_without_counts(synthesised)
    assert set(found["study_id"]) == set(awaited.index)
    status = tables["studies"].set_index("study_id")["status"]
    assert set(status.index[status == "awaiting"]) <= set(awaited.index)
    assert awaited["priority"].tolist() == list(range(1, len(awaited) + 1))
    assert dict(zip(found["study_id"], found["kind"], strict=True)) == awaited["kind"].to_dict()


@pytest.mark.parametrize(
    ("study", "kind", "missing", "allows"),
    [
        ("jdm_diltiazem2001", "counts_missing", "n;responders", ""),
        ("thiebaut2018", "counts_missing", "n;responders", "rituximab"),
        ("deakin2018", "counts_unverified", "verification", ""),
        ("fredi2017", "counts_missing", "therapy;n;responders", ""),
        ("bottomley1996", "counts_missing", "responders", ""),
    ],
)
def test_what_is_missing_and_what_it_would_allow(awaited, study, kind, missing, allows):
    row = awaited.loc[study]
    assert row[["kind", "missing"]].tolist() == [kind, missing]
    assert set(allows.split(";")) - {""} <= set(row["allows"].split(";"))
    assert row["would_allow_pooling"] == ("yes" if row["allows"] else "no")


def test_where_the_text_may_be_found(awaited):
    assert awaited.loc["jdm_diltiazem2001", "links"].split(";") == [
        "https://doi.org/10.1097/00131402-200106000-00005", "https://pubmed.ncbi.nlm.nih.gov/19078635/",
    ]  # fmt: skip
    assert awaited.loc["thiebaut2018", ["links", "quoted"]].tolist() == [
        "",
        "https://doi.org/10.1016/j.jaad.2019.07.006",
    ]
    assert awaited.loc["yu2020", "links"] == "https://pmc.ncbi.nlm.nih.gov/articles/PMC7958081/"


def test_order_of_the_list(synthesised, awaited):
    """Pooling first, then the published review's studies; within these the level and the number of patients."""
    rank = {level: place for place, level in enumerate(synthesised.scheme["order"])}
    keys = [
        (
            row.would_allow_pooling == "no",
            row.in_published_review not in ("yes", "likely"),
            rank.get(row.level, 9),
            -(row.n if row.n == row.n else synthesised.policy["min_arm_size"] - 0.5),
        )
        for row in awaited.itertuples()
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) > 8


@pytest.mark.parametrize(("study", "n", "analysis"), [("thiebaut2018", "9", "rituximab")])
def test_the_promise_of_pooling_is_kept(tables, synthesised, awaited, study, n, analysis):
    """Filling in the counts makes the analysis pooled, and takes the study off the list."""
    assert not synthesised.analyses[analysis].pooled
    assert analysis in awaited.loc[study, "allows"].split(";")
    studies, responses = tables["studies"].copy(), tables["responses"].copy()
    studies.loc[studies["study_id"] == study, "status"] = "included"
    cells = ["n", "responders", "pool", "pool_reason_code", "pool_reason"]
    responses.loc[responses["study_id"] == study, cells] = [n, "4", "yes", "", ""]
    filled = synthesised.with_tables(studies=studies, responses=responses)
    assert pool_arms(filled, select_arms(filled)).set_index("analysis").loc[analysis, "pooled"] == "yes"
    assert study not in set(studies_without_counts(filled)["study_id"])


# Each rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "rows", "kind", "missing"),
    [
        ({}, [], "no_response_row", "therapy;disease;n;responders"),
        ({"status": "awaiting"}, [{"n": "5", "responders": "2"}], "counts_unverified", "verification"),
        ({"status": "awaiting"}, [{"n": "5"}], "counts_missing", "responders"),
        ({}, [{"n": "5", "disease": "NR"}], "counts_missing", "disease;responders"),
        ({}, [{"n": "0", "responders": "0"}], "counts_missing", "n"),
        ({}, [{"n": "NR", "responders": "0"}], "counts_missing", "n"),
        ({"status": "awaiting"}, [{"n": "5", "responders": "0", "primary_outcome": "no"}], "no_response_row",
         "therapy;disease;n;responders"),
        ({}, [{"n": "5", "responders": "2", "pool": "no", "pool_reason_code": "counts_missing"}], "counts_unverified",
         "verification"),
    ],
)  # fmt: skip
def test_kinds_of_gaps(facts, rows, kind, missing):
    found = awaiting_list(with_results(doe(facts, rows)))
    assert found[["study_id", "kind", "missing"]].to_numpy().tolist() == [["doe", kind, missing]]
    assert kind in KINDS
    assert set(missing.split(";")) <= set(FIELDS)


@pytest.mark.parametrize("words", ["counts not verified", "counts to be checked against the full text", ""])
def test_the_code_decides_and_the_words_beside_it_do_not(words):
    row = {"n": "5", "responders": "2", "pool": "no", "pool_reason_code": "counts_unverified", "pool_reason": words}
    found = rows_without_counts(doe({}, [row]))
    assert found[["study_id", "kind"]].to_numpy().tolist() == [["doe", "counts_unverified"]]


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        ({}, {"n": "5", "responders": "2"}),
        ({}, {"n": "5", "responders": "0"}),
        ({}, {"n": "5", "responders": "2", "pool": "no", "pool_reason_code": "other", "pool_reason": "not verified"}),
        ({}, {"n": "5", "primary_outcome": "no"}),
        ({}, {"n": "5", "unit": "lesion"}),
        ({"status": "excluded"}, {"n": "5"}),
    ],
)
def test_what_is_no_gap(facts, row):
    assert awaiting_list(with_results(doe(facts, [row]))).empty


def test_counts_that_are_missing_come_before_those_to_be_verified():
    rows = [{"n": "5", "responders": "2"}, {"n": "5", "disease": "dm"}]
    found = awaiting_list(with_results(doe({"status": "awaiting"}, rows)))
    assert found.loc[0, ["kind", "missing"]].tolist() == ["counts_missing", "responders;verification"]


@pytest.mark.parametrize(
    ("n", "row", "adds", "allows"),
    [
        ("5", {"n": "5"}, "enters", "drug;drug-ssc"),
        ("3", {"n": "3"}, "enters", "drug;drug-ssc"),  # exactly the smallest arm that is analysed
        ("2", {"n": "2"}, "small_arm", ""),
        ("NR", {"n": "2"}, "small_arm", ""),
        ("NR", {}, "enters", "drug;drug-ssc"),
        ("5", {"therapy": "NR"}, "therapy_unknown", ""),
    ],
)
def test_what_a_study_would_add_to_two_others(n, row, adds, allows):
    facts = {"doe": {"n_patients": n, "status": "awaiting"}}
    two = {name: THREE[name] for name in ("adams", "baker")}
    found = awaiting_list(with_results(made_up.review(two | facts, [*COUNTS[:2], ("doe", row)])))
    assert found.loc[0, ["adds", "allows"]].tolist() == [adds, allows]
    if adds == "enters":
        assert found.loc[0, ["analyses", "studies_now", "studies_listed"]].tolist() == ["drug;drug-ssc", "2;2", "1;1"]


@pytest.mark.parametrize("others", [1, 3])
def test_only_the_study_that_completes_an_analysis_allows_pooling(others):
    names = list(THREE)[:others]
    found = awaiting_list(
        with_results(made_up.review({name: THREE[name] for name in names} | {"doe": {"status": "awaiting"}},
                                    [*COUNTS[:others], ("doe", {"n": "5"})]))
    )  # fmt: skip
    assert found.loc[0, ["adds", "would_allow_pooling", "allows"]].tolist() == ["enters", "no", ""]


def test_a_study_that_is_in_the_analysis_already_adds_nothing():
    rows = [*COUNTS, ("adams", {"n": "4", "outcome": "clinical_response", "arm": "b"})]
    found = awaiting_list(with_results(made_up.review(THREE, rows)))
    assert found.loc[0, ["study_id", "kind", "adds"]].tolist() == ["adams", "counts_missing", "nothing"]


def test_links_do_not_send_the_reader_to_another_publication():
    rows = [
        {"evidence_basis": "secondary", "source": "https://news.example/a, https://news.example/b"},
        {"evidence_basis": "abstract", "source": "https://journal.example/x; page 3", "disease": "dm"},
    ]
    facts = {"status": "awaiting", "pmid": "123", "notes": "registered as NCT01234567"}
    found = listed(doe(facts, rows))["awaiting"].iloc[0]
    assert found["links"].split(";") == [
        "https://pubmed.ncbi.nlm.nih.gov/123/", "https://journal.example/x",
        "https://clinicaltrials.gov/study/NCT01234567",
    ]  # fmt: skip
    assert found["quoted"].split(";") == ["https://news.example/a", "https://news.example/b"]


@pytest.mark.parametrize(
    ("rows", "partly"),
    [([{}], False), ([{}, {"disease": "dm", "n": "5", "responders": "2"}], True),
     ([{}, {"disease": "dm", "n": "2", "responders": "1"}], False)],
)  # fmt: skip
def test_only_a_study_with_an_arm_in_an_analysis_is_included_with_other_rows(rows, partly):
    made = listed(doe({}, rows))
    assert made["awaiting"]["study_id"].tolist() == ["doe"]
    assert ("of which 1 is included with other rows" in missing_counts_words(made)) == partly


def test_a_review_in_which_nothing_is_missing():
    review = listed(made_up.review(THREE, COUNTS))
    assert review["awaiting"].empty
    assert list(review["awaiting"].columns) == AWAITING
