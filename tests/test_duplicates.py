"""Duplicates on 2,000 SYNTHETIC records with known truth, beside a plain comparison of DOIs."""

import pandas as pd
import pytest

from small_evidence.extraction.duplicates import find_duplicates
from small_evidence.extraction.identifiers import same_doi
from tests.made_references import made, scores


def test_more_are_found_than_by_doi_and_hardly_any_pair_is_wrong():
    records, truth = made(2000)
    found = find_duplicates(records)
    dois = records["doi"].map(same_doi)
    dois = dois[dois != ""]
    first = {doi: at for at, doi in reversed(list(dois.items()))}
    again = dois[dois.duplicated()]
    plain = pd.DataFrame({"record": again.index, "other": again.map(first)})
    ours, theirs = scores(found, truth), scores(plain, truth)
    certain = scores(found[found["certainty"] == "duplicate"], truth)
    assert certain["precision"] == 1.0  # one DOI or PubMed number
    assert ours["precision"] > 0.97
    assert ours["recall"] > 0.9
    assert theirs["precision"] == 1.0
    assert 0.3 < theirs["recall"] < 0.4 < certain["recall"]


def record(**cells):
    usual = {
        "title": "SYNTHETIC balm for calcinosis of the hands",
        "surname": "Doe",
        "year": "2020",
        "doi": "",
        "pmid": "",
    }
    return usual | {"volume": "", "pages": ""} | cells


@pytest.mark.parametrize(
    ("other", "certainty"),
    [
        ({}, "possible_duplicate"),
        ({"doi": "10.1000/b"}, "possible_duplicate"),
        ({"title": "Something else", "doi": "https://doi.org/10.1000/A."}, "duplicate"),
        ({"year": "2021", "surname": "van Doe"}, "possible_duplicate"),
        ({"title": "SYNTHETIC balms for calcinosis of the hand"}, "possible_duplicate"),
        ({"title": "SYNTHETIC balm for calcinosis of the hands part 2"}, None),
        ({"title": "Erratum: SYNTHETIC balm for calcinosis of the hands"}, None),
        ({"year": "2012", "surname": "Roe"}, None),
        ({"doi": "10.1000/b", "year": "2012"}, None),
        ({"pmid": "2"}, None),
        ({"title": "Reply", "year": "2012"}, None),
    ],
)
def test_what_speaks_for_and_against_a_pair(other, certainty):
    found = find_duplicates(pd.DataFrame([record(doi="10.1000/a", pmid="1"), record(**other)]))
    assert found["certainty"].tolist() == ([certainty] if certainty else [])


def test_the_same_place_makes_a_possible_duplicate_of_a_translated_title():
    place = {"volume": "3", "pages": "12-19"}
    found = find_duplicates(pd.DataFrame([record(**place), record(title="SYNTHETIC Salbe", volume="3", pages="12")]))
    assert found[["certainty", "evidence"]].to_numpy().tolist() == [["possible_duplicate", "place"]]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [("2020", "2020", 1), ("2020", "2021", 1), ("", "2020", 1), ("2020", "", 1), ("", "", 1), ("2012", "2020", 0)],
)
def test_titles_that_begin_otherwise_are_compared_in_close_years(first, second, found):
    rows = [record(year=first), record(title="SYNTHETICS balm for calcinosis of the hands", year=second)]
    assert len(find_duplicates(pd.DataFrame(rows))) == found


def test_one_word_of_a_short_title_may_be_spelt_otherwise():
    rows = [record(title="Calcinosis after lithotripsy"), record(title="Kalcinosis after lithotripsy")]
    assert find_duplicates(pd.DataFrame(rows))["certainty"].tolist() == ["possible_duplicate"]


def test_a_wrong_year_alone_does_not_part_titles_that_begin_alike():
    rows = [record(year="2012"), record(title="SYNTHETIC balm for calcinosis of the hand", year="2020")]
    assert find_duplicates(pd.DataFrame(rows))["certainty"].tolist() == ["possible_duplicate"]
