"""Retracted studies are marked by DOI or PubMed number, from our columns or those of Retraction Watch."""

import pandas as pd
import pytest

from small_evidence.extraction.reference_files import ReferenceFileError
from small_evidence.extraction.retractions import read_retractions, retracted, retracted_studies

# columns of the published database
WATCH = (
    "Record ID,Title,Subject,Institution,Journal,Publisher,Country,Author,URLS,ArticleType,RetractionDate,"
    "RetractionDOI,RetractionPubMedID,OriginalPaperDate,OriginalPaperDOI,OriginalPaperPubMedID,RetractionNature,Reason,"
    "Paywalled,Notes,\n"
)
STUDIES = pd.DataFrame(
    [("a", "10.1000/ABC", "NR"), ("b", "NR", "222"), ("c", "10.1000/c", "333"), ("d", "NR", "NR"), ("e", "", "")],
    columns=["study_id", "doi", "pmid"],
)


def watch(doi, pmid, nature="Retraction"):
    row = f"1,SYNTHETIC,,,J,P,,A,,,1/2/2020 0:00,10.1000/n,0,1/1/2019 0:00,{doi},{pmid},{nature},+Error;,No,,\n"
    assert row.count(",") == WATCH.count(",")
    return row


@pytest.fixture
def listed(tmp_path):
    def read(text):
        (tmp_path / "retractions.csv").write_text(text)
        return read_retractions(tmp_path / "retractions.csv")

    return read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doi\nhttps://doi.org/10.1000/abc\n", {"a"}),
        ("pmid;doi\n222;\n;10.1000/C\n", {"b", "c"}),
        (WATCH + watch("10.1000/abc", 0) + watch("unavailable", 333), {"a", "c"}),
        (WATCH + watch("10.1000/abc", 0, "Expression of concern"), set()),
        (WATCH + watch("10.1000/abc", 0) + watch("10.1000/abc", 0, "Reinstatement"), set()),
        ("doi\nNR\n\n", set()),
    ],
)
def test_studies_are_marked(listed, text, expected):
    assert retracted(STUDIES, listed(text)) == expected


def test_what_the_list_says_of_a_study(listed):
    text = WATCH + watch("10.1000/c", 333, "Correction") + watch("10.1000/c", 333)
    found = retracted_studies(STUDIES, listed(text))
    assert found.to_numpy().tolist() == [
        ["c", "correction", "doi", "1/2/2020 0:00", "+Error;", "10.1000/n"],
        ["c", "retraction", "doi", "1/2/2020 0:00", "+Error;", "10.1000/n"],
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("title\nx\n", "needs a column doi or pmid"), ("doi,nature\n10.1000/a,gone\n", "row 2: 'gone' is not known")],
)
def test_a_list_that_cannot_be_used_is_named(listed, text, words):
    with pytest.raises(ReferenceFileError, match=words):
        listed(text)
