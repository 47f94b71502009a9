"""Retracted studies are marked by DOI or PubMed number, from our columns or those of Retraction Watch."""

import pandas as pd
import pytest

from small_evidence.extraction.reference_files import ReferenceFileError
from small_evidence.extraction.retractions import MARKED, read_retractions, retracted_reports, retracted_studies
from small_evidence.figures.forest import forest_plot
from small_evidence.presentation.references import study_references
from small_evidence.tables.characteristics import table_ii
from tests.drawn import texts, whole_text

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
    found = retracted_studies(STUDIES, listed(text))
    assert set(found.loc[found["nature"] == "retraction", "study_id"]) == expected


def test_what_the_list_says_of_a_study(listed):
    text = WATCH + watch("10.1000/c", 333, "Correction") + watch("10.1000/c", 333)
    found = retracted_studies(STUDIES, listed(text))
    assert found.to_numpy().tolist() == [
        ["c", "correction", "doi", "1/2/2020 0:00", "+Error;", "10.1000/n"],
        ["c", "retraction", "doi", "1/2/2020 0:00", "+Error;", "10.1000/n"],
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title\nx\n", "needs a column doi or pmid"),
        ("doi,nature\n10.1000/a,gone\n", 'row 2, column nature: "gone" is not known'),
        (
            "doi,reason\n10.1000/a,\u202ex\n,y\n10.1000/b,\u2066z\n",
            "row 2, column reason: (?s:.*)\n.*row 4, column reason: ",
        ),
    ],
)
def test_a_list_that_cannot_be_used_is_named(listed, text, words):
    with pytest.raises(ReferenceFileError, match=words):
        listed(text)


def test_a_link_that_leads_nowhere_or_elsewhere_is_named(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "retractions.csv").symlink_to("gone.csv")
    with pytest.raises(ReferenceFileError, match="broken symbolic link"):
        retracted_reports(STUDIES, tmp_path / "raw")
    (tmp_path / "gone.csv").write_text("doi\n10.1000/a\n")
    (tmp_path / "raw" / "retractions.csv").unlink()
    (tmp_path / "raw" / "retractions.csv").symlink_to("../gone.csv")
    with pytest.raises(ReferenceFileError, match="a link to a file outside this folder"):
        retracted_reports(STUDIES, tmp_path / "raw")


def test_a_folder_without_a_list_marks_nothing(tmp_path):
    found = retracted_reports(STUDIES, tmp_path)
    assert list(found.columns) == MARKED
    assert found.empty


def test_a_retracted_study_is_marked_wherever_it_is_named_and_stays_in_the_analysis(synthesised):
    study = synthesised.analysis("diltiazem").entered["study_id"].iloc[0]
    rows = [(study, "retraction", "doi", "", "", ""), ("palmieri1995", "correction", "doi", "", "", "")]
    review = synthesised.with_results({"retracted": pd.DataFrame(rows, columns=MARKED)})
    label = f"{synthesised.labels.study[study]} [retracted]"
    assert {slug for slug, words in review.labels.study.items() if words != synthesised.labels.study[slug]} == {study}
    assert review.labels.study[study] == label
    assert label in set(table_ii(review).frame["Study"])
    assert "[retracted]" in " ".join(table_ii(review).footnotes)
    assert not [words for words in table_ii(synthesised).footnotes if "retracted" in words]
    assert label in texts(forest_plot(review, "diltiazem"))
    assert "[retracted]: the report was" in whole_text(forest_plot(review, "diltiazem"))
    assert "retracted" not in whole_text(forest_plot(review, "eswl"))
    assert study_references(review["studies"], review.retracted)[study].endswith(" [retracted]")
    assert review["pooled"] is synthesised["pooled"]


def test_a_list_in_the_raw_folder_marks_the_study_end_to_end(copy_review):
    review = copy_review("tests/data/minimal")
    review.edit("data/raw/studies.csv", "01 of diltiazem,SYNTHETIC,NR,", "01 of diltiazem,SYNTHETIC,10.1000/s1,")
    wanted = ("results/tables/table_ii.csv", "results/figures/forest_diltiazem.svg", "results/report.html")
    found = "results/tables/retracted.csv"
    listed = review.path("data/raw/retractions.csv")
    listed.write_text("doi,date,reason\nhttps://doi.org/10.1000/S1,2026-01-02,SYNTHETIC\n")
    review.run(*wanted)
    rows = pd.read_csv(review.path(found), keep_default_na=False)
    assert rows[["study_id", "nature", "matched_by", "reason"]].to_numpy().tolist() == [
        ["synthetic01", "retraction", "doi", "SYNTHETIC"]
    ]
    for name in wanted:
        assert "[retracted]" in review.path(name).read_text(), name
    listed.write_text("doi,nature\n10.1000/s1,gone\n")
    printed = review.run(found, code=1)
    assert "retractions.csv, row 2" in printed
    assert "Traceback" not in printed
    listed.unlink()
    review.run(found)
    assert pd.read_csv(review.path(found)).empty
