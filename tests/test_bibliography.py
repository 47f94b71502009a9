"""References out and in: what is known comes back, what is not is not made up, duplicates are named."""

from pathlib import Path

import pandas as pd
import pytest

from small_evidence.extraction.bibliography import (
    PROPOSAL,
    ReferenceFileError,
    bibtex,
    citations,
    import_proposals,
    read_references,
    ris,
    save_text,
)
from small_evidence.extraction.checks import check_tables
from small_evidence.extraction.schema import columns, empty_table

RAW = Path(__file__).parents[1] / "data" / "raw"
WRITERS = {".bib": bibtex, ".ris": ris}
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


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_bundled_studies_come_back(tables, tmp_path, suffix):
    """Round trip: every cell that is known is the same, every other is empty."""
    studies = tables["studies"]
    save_text(WRITERS[suffix](studies), tmp_path / f"references{suffix}")
    found = read_references(tmp_path / f"references{suffix}")
    assert [reference["key"] for reference in found] == studies["study_id"].tolist()
    for reference, row in zip(found, studies.to_dict("records"), strict=True):
        for name, column in (("author", "first_author"), ("year", "year"), ("doi", "doi"), ("pmid", "pmid")):
            assert reference[name] == ("" if row[column] in ("NR", "UNCLEAR") else row[column])
        # a full stop at the end, curly brackets and a year that the place in the journal lacked are not kept apart
        ends = row["title"].endswith(".") and not row["title"].endswith("...")
        assert reference["title"] == ("" if row["title"] == "NR" else row["title"][: -1 if ends else None])
        if reference["journal"] != row["journal"] and row["journal"] != "NR":
            assert reference["journal"].replace(f"{row['year']};", "") == row["journal"]


@pytest.mark.parametrize("suffix", WRITERS)
def test_signs_that_mean_something_to_latex_come_back(tmp_path, suffix):
    title = "50% of β & γ_1 #2 $3: Ångström’s “trial” – <b>x</b> \\ ~ é"
    save_text(WRITERS[suffix](study(title=title, doi="10.1000/a_b%c")), tmp_path / f"x{suffix}")
    found = read_references(tmp_path / f"x{suffix}")[0]
    assert (found["title"], found["doi"]) == (title, "10.1000/a_b%c")


@pytest.mark.parametrize("suffix", WRITERS)
def test_exporting_what_was_imported_gives_the_same_file(tables, tmp_path, suffix):
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    save_text(WRITERS[suffix](tables["studies"]), first)
    proposals = import_proposals([first], empty_table("studies"))
    save_text(WRITERS[suffix](proposals), second)
    told = [[{k: v for k, v in row.items() if k != "key"} for row in read_references(path)] for path in (first, second)]
    assert told[0] == told[1]


def test_pubmed_files(file):
    found = read_references(file("x.nbib", NBIB))
    assert found == [
        {
            "key": "7488286",
            "author": "Palmieri GM",
            "title": "Treatment of calcinosis with diltiazem",
            "journal": "Arthritis Rheum 1995;38(11):1646-54",
            "year": "1995",
            "doi": "10.1002/art.1780381117",
            "pmid": "7488286",
        },
        {"key": "99", "author": "", "title": "SYNTHETIC paper without a year", "journal": "", "year": "", "doi": "",
         "pmid": "99"},
    ]  # fmt: skip


def test_bibtex_as_other_programs_write_it(file):
    text = '@string{jf = "J Foo"}\n@comment{x}\n@article{k, author = {M{\\"u}ller, Karl-Heinz and Roe, R.}, '
    text += 'title = "{SYNTHETIC} {RNA} \\& balm", '
    text += "journal = jf, year = 2019, volume = 3, number = 2, pages = {1--9}, doi = {https://doi.org/10.1000/X}}\n"
    text += "@article{k, title = {Second with that key}}\n"
    first, second = read_references(file("x.bib", text))
    assert list(first.values()) == [
        "k", "Müller KH", "SYNTHETIC RNA & balm", "J Foo 2019;3(2):1-9", "2019", "10.1000/X", "",
    ]  # fmt: skip
    assert second["title"] == "Second with that key"


def test_ris_as_other_programs_write_it(file):
    text = "TY  - JOUR\r\nA1  - Doe, Jane\r\nT1  - SYNTHETIC balm\r\nT2  - J Foo\r\nY1  - 2018/07/01\r\nVL  - 3\r\n"
    text += "SP  - 1\r\nUR  - https://pubmed.ncbi.nlm.nih.gov/123/\r\nER  - \r\n"
    assert read_references(file("x.ris", b"\xef\xbb\xbf" + text.encode()))[0] == {
        "key": "1", "author": "Doe J", "title": "SYNTHETIC balm", "journal": "J Foo 2018;3:1", "year": "2018",
        "doi": "", "pmid": "123",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.txt", "", "x.txt: not a file of references; allowed are .bib, .ris, .nbib"),
        ("x.bib", "", "x.bib: holds no reference"),
        ("x.ris", "hello", "x.ris: holds no reference"),
        ("x.nbib", "\n", "x.nbib: holds no reference"),
        ("x.bib", b"@misc{a, title={\xe9}}", "x.bib: not text in UTF-8; export it again as UTF-8"),
        (
            "x.bib",
            "@misc{a, title={A}}\n@misc{b, title={B}\n",
            "x.bib, line 2: this reference cannot be read; is a brace or comma missing?",
        ),
        (
            "x.ris",
            "TY  - JOUR\nTI  - A\nER  - \nTY  - JOUR\nTI  - B\n",
            "x.ris: 2 references begin (TY  - ), but 1 are complete (ER  - ); is the file cut off?",
        ),
        ("x.nbib", "garbage\n", 'x.nbib: not a file of PubMed ("For line: "garbage"")'),
        (
            "x.nbib",
            "PMID- 1\nTI  - A\nPMID- 2\nTI  - B\n",
            "x.nbib: 2 references begin (PMID-), but 1 can be told apart; an empty line belongs between two",
        ),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(file, name, text, message):
    with pytest.raises(ReferenceFileError) as error:
        read_references(file(name, text))
    assert str(error.value) == message


def test_a_link_out_of_the_folder_and_a_folder_without_files(tmp_path, file):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.bib").symlink_to(file("y.bib", "@misc{a, title={A}}"))
    with pytest.raises(ReferenceFileError, match=r"x\.bib: a link to a file outside this folder"):
        read_references(tmp_path / "in" / "x.bib")
    with pytest.raises(ReferenceFileError, match=r"no references: put files .* into data/raw/references"):
        import_proposals([], empty_table("studies"))


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
        ["doe1995", "possible duplicate", "palmieri1995", "same title", "found.ris", "r2"],
        ["doe1995b", "new", "", "", "found.ris", "r3"],
        ["doe1995c", "possible duplicate", "doe1995b", "titles alike (0.98 of 1)", "found.ris", "r4"],
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
    assert accepted.iloc[0][["doi", "notes"]].tolist() == ["NR", 'doi in the file: "not a doi"']
    assert set(accepted["status"]) == {"awaiting"}
    more = tables | {"studies": pd.concat([tables["studies"], accepted], ignore_index=True)}
    checked, issues = check_tables(more, RAW, year=2026)
    assert len(checked["studies"]) == 107
    new = issues[issues["study_id"].isin(accepted["study_id"])]
    assert set(new["rule"]) == {"awaiting_without_row"}


def test_nothing_is_written_into_the_tables(tables, file):
    before = tables["studies"].copy()
    import_proposals([file("b.nbib", NBIB)], tables["studies"])
    pd.testing.assert_frame_equal(tables["studies"], before)
