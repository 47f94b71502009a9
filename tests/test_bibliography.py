"""References out and in: what is known comes back, what is not is not made up, duplicates are named."""

import json
from pathlib import Path

import pandas as pd
import pytest

from small_evidence.extraction.bibliography import (
    PROPOSAL,
    bibtex,
    citations,
    csl_json,
    import_proposals,
    ris,
    save_text,
)
from small_evidence.extraction.checks import check_tables
from small_evidence.extraction.reference_files import ReferenceFileError, read_files
from small_evidence.extraction.schema import columns, empty_table

RAW = Path(__file__).parents[1] / "data" / "raw"
NBIB = """
PMID- 7488286
OWN - NLM
VI  - 38
IP  - 11
DP  - 1995 Nov
TI  - Treatment of calcinosis with
      diltiazem.
PG  - 1646-54
FAU - Palmieri, G M
AU  - Palmieri GM
FAU - Sebes, J I
AU  - Sebes JI
JT  - Arthritis and rheumatism
TA  - Arthritis Rheum
AID - 10.1002/art.1780381117 [doi]

PMID- 99
TI  - SYNTHETIC paper without a year.
"""
WRITERS = {".bib": bibtex, ".ris": ris, ".json": csl_json}


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    return write


def study(**cells):
    usual = {"study_id": "doe2022", "label": "Doe 2022", "first_author": "Doe JX", "year": "2022", "status": "included"}
    known = {"title": "NR", "journal": "NR", "doi": "NR", "pmid": "NR", "notes": "SYNTHETIC"}
    blank = dict.fromkeys(columns("studies"), "")
    return pd.DataFrame([blank | usual | known | cells], dtype="str")


def test_only_what_is_known_is_cited():
    studies = study(first_author="NR", year="NR", title="[description]")
    assert citations(studies) == [{"study_id": "doe2022", "status": "included", "title": "[description]"}]
    assert bibtex(studies) == "@misc{doe2022,\n\ttitle = {[description]},\n\tkeywords = {included}\n}\n"
    assert ris(studies).split("\n") == [
        "TY  - GEN", "ID  - doe2022", "TI  - [description]", "KW  - included", "ER  - ", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ("Ann Rheum Dis 2022;57(4):252-8", ["Ann Rheum Dis", "57", "4", "252-8"]),
        ("Rheumatology (Oxford) 44(4):536", ["Rheumatology (Oxford)", "44", "4", "536"]),
        ("Ann Rheum Dis 2022;57:252", ["Ann Rheum Dis", "57", None, "252"]),
        ("Ann Rheum Dis 2011;70:630", ["Ann Rheum Dis 2011;70:630", None, None, None]),  # not the study's year
        ("ACR meeting abstract", ["ACR meeting abstract", None, None, None]),
    ],
)
def test_the_place_in_a_journal_is_split_where_it_is_printed_as_one(journal, expected):
    found = citations(study(journal=journal))[0]
    assert [found.get(name) for name in ("journal", "volume", "issue", "pages")] == expected


def read(path):
    references, unread = read_files([path])
    assert unread == []
    return references


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_bundled_studies_come_back(tables, tmp_path, suffix):
    """Round trip: every cell that is known is the same, every other is empty."""
    studies = tables["studies"]
    save_text(WRITERS[suffix](studies), tmp_path / f"references{suffix}")
    found = read(tmp_path / f"references{suffix}")
    assert [reference.key for reference in found] == studies["study_id"].tolist()
    for reference, row in zip(found, studies.to_dict("records"), strict=True):
        told = (reference.author, reference.year, reference.doi, reference.pmid)
        known = (row[column] for column in ("first_author", "year", "doi", "pmid"))
        assert told == tuple("" if value in ("NR", "UNCLEAR") else value for value in known)
        # a full stop at the end, curly brackets and a year that the place in the journal lacked are not kept apart
        ends = row["title"].endswith(".") and not row["title"].endswith("...")
        assert reference.title == ("" if row["title"] == "NR" else row["title"][: -1 if ends else None])
        if reference.place != row["journal"] and row["journal"] != "NR":
            assert reference.place.replace(f"{row['year']};", "") == row["journal"]


@pytest.mark.parametrize("suffix", WRITERS)
def test_signs_that_mean_something_to_latex_come_back(tmp_path, suffix):
    title = "50% of β & γ_1 #2 $3: Ångström’s “trial” – p<0.05 \\ ~ é"
    save_text(WRITERS[suffix](study(title=title, doi="10.1000/a_b%c")), tmp_path / f"x{suffix}")
    found = read(tmp_path / f"x{suffix}")[0]
    assert (found.title, found.doi) == (title, "10.1000/a_b%c")


@pytest.mark.parametrize("suffix", WRITERS)
def test_exporting_what_was_imported_gives_the_same_file(tables, tmp_path, suffix):
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    save_text(WRITERS[suffix](tables["studies"]), first)
    proposals = import_proposals([first], empty_table("studies"))
    save_text(WRITERS[suffix](proposals), second)
    told = [
        [(one.author, one.title, one.place, one.year, one.doi, one.pmid) for one in read(path)]
        for path in (first, second)
    ]
    assert told[0] == told[1]


def test_csl_json_has_the_fields_of_its_schema():
    """Names and types of the CSL-JSON schema 1.0 (citationstyles.org): family and given, date-parts of numbers."""
    row = study(
        title="SYNTHETIC balm", journal="J Foo 2022;3(2):1-9", doi="10.1000/x", pmid="12", first_author="Doe JX"
    )
    assert json.loads(csl_json(row)) == [
        {
            "id": "doe2022", "type": "article-journal", "title": "SYNTHETIC balm", "container-title": "J Foo",
            "volume": "3", "issue": "2", "page": "1-9", "DOI": "10.1000/x", "PMID": "12",
            "author": [{"family": "Doe", "given": "J. X."}], "note": "Later authors are not recorded.",
            "issued": {"date-parts": [[2022]]}, "keyword": "included",
        }
    ]  # fmt: skip


def test_a_folder_without_files_and_one_of_which_nothing_can_be_read(file):
    with pytest.raises(ReferenceFileError, match="no references: put files of references into data/raw/references"):
        import_proposals([], empty_table("studies"))
    with pytest.raises(ReferenceFileError, match=r"x\.docx, line 1: not text in UTF-8"):
        import_proposals([file("x.docx", b"PK\x03\x04\xff")], empty_table("studies"))


def test_what_is_not_read_is_a_row_with_file_and_line(file):
    paths = [file("a.ris", "TY  - JOUR\nTI  - SYNTHETIC one\nER  - \n\nlost words\n"), file("b.pdf", b"\xff\xfe\x00")]
    found = import_proposals(paths, empty_table("studies"))
    assert found[["proposal", "file", "line"]].to_numpy().tolist() == [
        ["new", "a.ris", "1"], ["not_read", "a.ris", "5"], ["not_read", "b.pdf", "1"],
    ]  # fmt: skip
    assert found.loc[1, "evidence"] == 'text outside of a record: "lost words"'


def test_duplicates_are_named_with_their_evidence(tables, file):
    path = file(
        "found.ris",
        "TY  - JOUR\nID  - r1\nAU  - Palmieri, G\nTI  - Other title\nPY  - 1995\nDO  - 10.1002/ART.1780381117\nER  - \n"
        "TY  - JOUR\nID  - r2\nAU  - Doe, J\nTI  - Treatment of calcinosis with diltiazem.\nPY  - 1995\nER  - \n"
        "TY  - JOUR\nID  - r3\nAU  - Doe, J\nTI  - SYNTHETIC balm for calcinosis\nPY  - 1995\nER  - \n"
        "TY  - JOUR\nID  - r4\nAU  - Doe, J\nTI  - SYNTHETIC balms for calcinosis\nPY  - 1995\nER  - \n"
        "TY  - JOUR\nID  - r5\nAU  - Doe, J\nTI  - Nothing of it\nPY  - 1995\nAN  - 7488286\nDB  - PubMed\nER  - \n",
    )
    found = import_proposals([path], tables["studies"])
    assert found[["study_id", "proposal", "duplicate_of", "evidence", "file", "reference"]].to_numpy().tolist() == [
        ["palmieri1995b", "duplicate", "palmieri1995", "DOI 10.1002/ART.1780381117 of both", "found.ris", "r1"],
        ["doe1995", "possible_duplicate", "palmieri1995", "same title", "found.ris", "r2"],
        ["doe1995b", "new", "", "", "found.ris", "r3"],
        ["doe1995c", "possible_duplicate", "doe1995b", "titles alike (0.98 of 1)", "found.ris", "r4"],
        ["doe1995d", "duplicate", "palmieri1995", "PubMed number 7488286 of both", "found.ris", "r5"],
    ]
    assert list(found.columns) == [*columns("studies"), *PROPOSAL]


def test_accepted_proposals_pass_the_checks(tables, file):
    text = "TY  - JOUR\nAU  - Þórsdóttir, Å. B.\nTI  - SYNTHETIC =1+1\nPY  - s.a.\nDO  - not a doi\nER  - \n"
    text += "TY  - JOUR\nTI  - SYNTHETIC\tnobody wrote\nPY  - 2020\nER  - \n"
    found = import_proposals([file("a.ris", text), file("b.nbib", NBIB)], tables["studies"])
    accepted = found.loc[found["proposal"] == "new", columns("studies")]
    assert accepted["study_id"].tolist() == ["orsdottir_nd", "study2020", "study_nd"]
    assert accepted["first_author"].tolist() == ["Þórsdóttir ÅB", "NR", "NR"]
    assert accepted.iloc[0][["doi", "notes"]].tolist() == [
        "NR",
        'year in the file: "s.a."; doi in the file: "not a doi"',
    ]
    assert set(accepted["status"]) == {"awaiting"}
    more = tables | {"studies": pd.concat([tables["studies"], accepted], ignore_index=True)}
    checked, issues = check_tables(more, RAW, year=2026)
    assert len(checked["studies"]) == len(tables["studies"]) + 3
    new = issues[issues["study_id"].isin(accepted["study_id"])]
    assert set(new["rule"]) == {"awaiting_without_row"}


def test_nothing_is_written_into_the_tables(tables, file):
    before = tables["studies"].copy()
    import_proposals([file("b.nbib", NBIB)], tables["studies"])
    pd.testing.assert_frame_equal(tables["studies"], before)
