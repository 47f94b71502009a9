"""The lists beside the paper: claims, contradictions and missing counts in words."""

import re

import pytest

from small_evidence.synthesis.awaiting import KINDS
from small_evidence.synthesis.claims import CAUSES, INDEPENDENCE, REMARKS
from small_evidence.tables import claims as printed
from small_evidence.tables.awaiting import awaiting_table, missing_counts_words
from tests import made_up
from tests.test_awaiting import doe, listed
from tests.test_claims import COUNTS, THREE, first, review, with_results


@pytest.fixture(scope="module")
def judged(synthesised):
    return synthesised["reconciliation"].set_index("claim_id")


def test_every_code_has_words():
    assert set(printed.CAUSES) == {cause for group in CAUSES.values() for cause in group}
    assert set(printed.VERDICTS) == set(CAUSES)
    assert set(printed.REMARKS) == set(REMARKS)
    assert set(printed.INDEPENDENCE) == {why for group in INDEPENDENCE.values() for why in group}


def test_how_many_claims_agree_and_how_many_of_them_independently(judged):
    """The whole sentence."""
    assert printed.claim_words(judged) == (
        f"Of {len(judged)} published claims compared with these results, 11 agree (none of them independently), "
        f"0 differ and {len(judged) - 11} are not assessable."
    )
    found = with_results(review(THREE, COUNTS, [{}]))["reconciliation"]
    assert "1 agrees (1 of them independently)" in printed.claim_words(found)


def test_how_many_studies_lack_counts(synthesised):
    """The whole sentence."""
    awaiting = synthesised["awaiting"]
    arms, allows = synthesised["arms"], (awaiting["would_allow_pooling"] == "yes").sum()
    assert set(arms.loc[arms["entered"] == "yes", "study_id"]).isdisjoint(awaiting["study_id"])
    assert missing_counts_words(synthesised) == (
        f"Counts are missing or not verified in {len(awaiting)} studies; {allows} of them would make an analysis large "
        "enough to pool."
    )
    none = listed(made_up.review(THREE, COUNTS))
    assert missing_counts_words(none) == "Counts are missing or not verified in 0 studies."
    assert awaiting_table(none).frame.empty


def test_tables_of_a_review_without_claims():
    found = with_results(review(THREE, COUNTS))
    assert printed.reconciliation_table(found).frame.empty
    assert printed.contradictions_table(found).frame.empty


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("traineau_identified", "3,032 records"),
        ("traineau_size_range", "3-78 patients"),
        ("nowaczyk_range_low", "64%"),
        ("nowaczyk_recurrence", "2% of 136"),
        ("nowaczyk_ilsts_injpain", ">11%"),
        ("nowaczyk_ilsts_pain", "1 point"),
        ("nowaczyk_topsts_duration", "4.9 months"),
        ("kouba_simple", "85.9%"),
        ("ma_cdasi", "−17.67 [−20.94, −14.41] points"),
        ("traineau_rituximab_reco", "promising"),
        ("pseudotumoral_surgery", "7/NR"),
        ("traineau_warfarin_pooled", "22% [0, 53], I² 57%"),
    ],
)
def test_claims_as_printed(judged, claim, words):
    assert printed.claimed_words(judged.loc[claim]) == words


def test_the_table_has_words_for_every_claim(tables, synthesised):
    """No slug, no missing number as "nan", no digits of a computer, no cell without words."""
    slugs = {*tables["studies"]["study_id"], *tables["therapies"]["therapy"], *tables["diseases"]["disease"]}
    slugs |= {
        *tables["published_claims"]["outcome"],
        *REMARKS,
        *(cause for group in CAUSES.values() for cause in group),
    }
    slugs = {slug for slug in slugs if "_" in slug or any(letter.isdigit() for letter in slug)}
    for table in (printed.reconciliation_table(synthesised), printed.contradictions_table(synthesised)):
        assert len(table.frame)
        for text in table.frame.to_numpy().ravel():
            assert text
            assert not slugs.intersection(re.findall(r"[a-z0-9_]+", text)), text
            assert not re.search(r"\bnan\b|\d\.\d{3}|\bNone\b|[{}]", text), text


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"outcome": "length_of_stay_days", "unit": "days", "value": "12"}, "12 days"),
        ({"outcome": "length_of_stay_days", "unit": "days", "value": "1"}, "1 day"),
        ({"outcome": "cost_eur", "unit": "EUR", "value": "3500"}, "3,500 EUR"),
        ({"outcome": "relapse", "unit": "share", "value": "0.07", "ci_lb": "0.005", "ci_ub": "0.29"}, "7% [0.5, 29]"),
        ({"outcome": "relapse", "unit": "", "value": "0.5"}, "50%"),
        ({"outcome": "trials", "unit": "studies", "value": "1"}, "1 study"),
    ],
)
def test_a_claim_is_printed_in_its_unit(claim, words):
    """The first and third are of the model of another review: 12 days and 3,500 EUR, never 1200%."""
    row = first(THREE, COUNTS, [{"quantity": "other"} | claim])
    assert row["cause"] == "other_quantity"
    assert printed.claimed_words(row) == words


def test_the_table_has_words_for_every_study(synthesised):
    table = awaiting_table(synthesised)
    row = table.frame.set_index("Study").loc["Thiebaut 2018"]
    assert row["What it would add"] == "Rituximab: 2 studies now, this 3rd would allow pooling"
    assert row["Where it may be found"].startswith("no identifier known; title: Efficacy and safety of rituximab")
    row = table.frame.set_index("Study").loc["Deakin 2018"]
    assert row["What is missing"].startswith("check of the counts against the full text (9/14)")
    words = " ".join(map(str, table.frame.to_numpy().ravel()))
    assert not [slug for slug in (*KINDS, "NR;", "nan") if slug in words.split()]


def test_a_study_without_any_identifier_says_so():
    table = awaiting_table(listed(doe({"status": "awaiting", "title": "NR"}, [{"source": "NR"}])))
    assert table.frame["Where it may be found"].tolist() == ["no identifier and no title known"]
