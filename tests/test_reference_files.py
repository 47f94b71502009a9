"""Files of references from the wild: every record is read or named, names, years and identifiers are right."""

from pathlib import Path

import nbib
import pytest
import rispy
from hypothesis import given
from hypothesis import strategies as st

from small_evidence.extraction.reference_files import FORMATS, read_files, read_folder, read_text

CASES = Path(__file__).parent / "data" / "references"


def read(text, name="x.txt"):
    references, unread = read_text(text, name)
    assert unread == []
    return references


def one(text):
    (reference,) = read(text)
    return reference


def ris(*lines):
    return "\n".join(("TY  - JOUR", *lines, "ER  - ", ""))


@pytest.mark.parametrize(
    ("case", "column", "expected"),
    [
        ("record_without_type_first", "title", ["First paper on diltiazem", "Second paper"]),
        ("single_space_tags_crash", "title", ["Alpha", "Beta"]),
        ("single_space_tags_crash", "line", [1, 7]),
        ("authors_in_one_field", "author", ["Doe A", "Doe A"]),
        ("natural_order_names", "author", ["Berg A", "Berg A"]),
        ("corporate_author", "author", ["World Health Organization", "Food and Drug Administration"]),
        ("doi_in_other_field", "doi", ["10.1000/abc", "10.1000/abc"]),
        ("doi_with_tail", "doi", ["10.1000/abc"]),
        ("pmid_in_other_field", "pmid", ["35957633", "32789069", "39012781"]),
        ("files_of_other_suffix", "pmid", ["12345678"]),
        ("bibtex_string_concat", "journal", ["J Test"]),
        ("bibtex_crossref", "year", ["2020", "2020"]),
        ("year_in_second_field", "year", ["2021", "2021", "2021"]),
        ("title_markup", "title", ['Alpha sapiens and "beta"']),
    ],
)
def test_cases_from_public_exports(case, column, expected):
    references, unread = read_folder(CASES / case)
    assert [getattr(reference, column) for reference in references] == expected
    assert unread == []


def test_every_case_is_tested():
    tested = {case for case, *_ in test_cases_from_public_exports.pytestmark[0].args[1]}
    assert tested == {path.name for path in CASES.iterdir() if path.is_dir()}


# ------------------------------------------------------------------------------------------- nothing is dropped


def test_fields_before_the_type_belong_to_the_record():
    found = one("DB  - Own\nTI  - Alpha\nSP  - 3\nTY  - JOUR\nAU  - Doe, A\nPY  - 2020\nER  - \n")
    assert (found.title, found.author, found.year, found.pages, found.line) == ("Alpha", "Doe A", "2020", "3", 1)


def test_two_records_without_an_end_between_them():
    first, second = read("TY  - JOUR\nTI  - Alpha\nTY  - JOUR\nTI  - Beta\nER  - \n")
    assert (first.title, second.title, second.line) == ("Alpha", "Beta", 3)
    assert "no end" in first.remark
    assert second.remark == ""


def test_a_file_cut_off_after_its_type_line_is_named_with_the_line():
    references, unread = read_text(ris("TI  - Alpha") + "TY  - JOUR\n", "x.ris")
    assert [reference.title for reference in references] == ["Alpha"]
    assert [(part.file, part.line) for part in unread] == [("x.ris", 4)]


def test_a_file_cut_off_within_a_record_keeps_what_is_there_and_says_so():
    found = one("TY  - JOUR\nTI  - Alpha\nAU  - Do")
    assert found.title == "Alpha"
    assert "no end" in found.remark


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (ris("TI  - A") + "\nsome words of a person\n\n" + ris("TI  - B"), 5),
        ("some words of a person\n" + ris("TI  - A") + ris("TI  - B"), 1),
        ("@misc{a, title={A}}\nsome words of a person\n@misc{b, title={B}}\n", 2),
        ("some words of a person\n\nPMID- 1\nTI  - A\n\nPMID- 2\nTI  - B\n", 1),
    ],
)
def test_text_between_records_is_named_with_its_line(text, line):
    references, unread = read_text(text, "x")
    assert [reference.title for reference in references] == ["A", "B"]
    assert [part.line for part in unread] == [line]


def test_numbers_and_headers_that_programs_write_around_records_are_no_loss():
    head = "Provider: EBSCOhost\nContent: text/plain\n\n"
    assert [found.title for found in read(f"{head}1.\n{ris('TI  - A')}\n2.\n{ris('TI  - B')}")] == ["A", "B"]


def test_a_line_of_an_abstract_that_looks_like_a_tag_is_text():
    found = one(ris("TI  - Alpha", "AB  - Results in", "CI - confidence interval", "USA - a country", "PY  - 2020"))
    assert (found.year, found.fields["ab"]) == ("2020", ["Results in\nCI - confidence interval\nUSA - a country"])


def test_pubmed_records_without_an_empty_line_between_and_with_one_inside():
    first, second = read("PMID- 1\nTI  - A\n\nDP  - 2001 Jan\nPMID- 2\nTI  - B\n      and more\nDP  - 2002 Summer\n")
    assert (first.title, first.year, second.title, second.year) == ("A", "2001", "B and more", "2002")


def test_a_damaged_bibtex_entry_is_named_and_the_others_are_read():
    references, unread = read_text("@misc{a, title={A}}\n@misc{b, title={B}\n@misc{c, title={C}}\n", "x.bib")
    assert [reference.key for reference in references] == ["a", "c"]
    assert [(part.line, part.words) for part in unread] == [
        (2, "this reference cannot be read; is a brace or comma missing?")
    ]


def test_a_folder_is_read_with_its_subfolders_and_links_out_of_it_are_refused(tmp_path):
    folder = tmp_path / "references"
    (folder / "scopus").mkdir(parents=True)
    (folder / "scopus" / "b.ris").write_text(ris("TI  - B"))
    (folder / "a.weird").write_text(ris("TI  - A"))
    (folder / "notes.docx").write_bytes(b"PK\x03\x04\xff\xfe")
    (folder / "empty.ris").write_text("")
    (folder / ".hidden").write_text("x")
    (tmp_path / "out.ris").write_text(ris("TI  - Out"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "c.ris").write_text(ris("TI  - Out"))
    (folder / "link.ris").symlink_to(tmp_path / "out.ris")
    (folder / "linked").symlink_to(tmp_path / "outside")
    references, unread = read_folder(folder)
    assert [(found.file, found.title) for found in references] == [("a.weird", "A"), ("scopus/b.ris", "B")]
    assert {part.file: part.words.split(";")[0] for part in unread} == {
        "empty.ris": "empty",
        "link.ris": "a link to a file outside this folder",
        "linked": "a link to a file outside this folder",
        "notes.docx": "not text in UTF-8",
    }


def test_what_is_no_format_is_named():
    references, unread = read_text("Dear colleague,\nplease find attached", "letter.txt")
    assert references == []
    assert unread[0].words == f"no format of references that is known; known are {FORMATS}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, ends):
    path = tmp_path / "x.ris"
    path.write_bytes(ris("TI  - Älpha", "AU  - Müller, A").replace("\n", ends).encode(encoding))
    ((found,), unread) = read_files([path])
    assert (found.title, found.author, unread) == ("Älpha", "Müller A", [])


PLAIN = st.text("abcXYZ éß研", min_size=1, max_size=20).map(lambda text: f"T {text.strip()} end")


@given(st.lists(PLAIN, min_size=1, max_size=5))
def test_whole_ris_files_are_read_as_the_library_reads_them(titles):
    """The reader is our own, since rispy keeps no lines and drops what it does not expect; whole files agree."""
    text = "".join(ris(f"TI  - {title}", "AU  - Doe, A") for title in titles)
    assert [record["title"].split() for record in rispy.loads(text)] == [found.title.split() for found in read(text)]


def test_whole_pubmed_files_are_read_as_the_library_reads_them():
    text = "PMID- 7488286\nVI  - 38\nIP  - 11\nDP  - 1995 Nov\nTI  - Treatment with\n      diltiazem\nPG  - 1646-54\n"
    text += "FAU - Palmieri, G M\nAU  - Palmieri GM\nTA  - Arthritis Rheum\nAID - 10.1002/art.1780381117 [doi]\n"
    (theirs,), ours = nbib.read(text + "\n"), one(text)
    assert (ours.pmid, ours.title, ours.doi) == (str(theirs["pubmed_id"]), theirs["title"], theirs["doi"])
    assert ours.place == "Arthritis Rheum 1995;38(11):1646-54"
    assert ours.author == theirs["authors"][0]["author_abbreviated"]


@given(st.text(max_size=80))
def test_no_text_breaks_the_readers(text):
    for start in ("", "TY  - JOUR\n", "PMID- 1\n", "@article{", "%0 X\n", "PT J\n", "<xml>", "[{", "title,authors\n"):
        references, unread = read_text(start + text, "x")
        assert references or unread


# ----------------------------------------------------------------------------------------------- other formats


def test_endnote_tagged():
    text = "%0 Journal Article\n%A Doe, Anna\n%A Roe, B.\n%T Alpha\n%J J Foo\n%D 2020\n%V 3\n%N 2\n%P 1-9\n"
    text += "%R 10.1000/abc\n%M 12345678\n%~ PubMed\n\n%0 Journal Article\n%T Beta\n%D 2021\n"
    first, second = read(text)
    assert (first.author, first.title, first.place) == ("Doe A", "Alpha", "J Foo 2020;3(2):1-9")
    assert (first.doi, first.pmid, second.title, second.line) == ("10.1000/abc", "12345678", "Beta", 14)


def test_endnote_xml():
    text = """<?xml version="1.0" encoding="UTF-8"?><xml><records><record><rec-number>7</rec-number>
    <contributors><authors><author><style face="normal">Doe, Anna</style></author><author>Roe, B.</author></authors>
    <secondary-authors><author>Editor, E</author></secondary-authors></contributors>
    <titles><title><style face="italic">Alpha</style><style> sapiens</style></title></titles>
    <periodical><full-title>J Foo</full-title></periodical><pages>1-9</pages><volume>3</volume><number>2</number>
    <dates><year>2020</year></dates><accession-num>12345678</accession-num>
    <electronic-resource-num>10.1000/abc</electronic-resource-num>
    <remote-database-name>PubMed</remote-database-name></record></records></xml>"""
    found = one(text)
    assert (found.key, found.title, found.place) == ("7", "Alpha sapiens", "J Foo 2020;3(2):1-9")
    assert [author.short for author in found.authors] == ["Doe A", "Roe B"]
    assert (found.doi, found.pmid) == ("10.1000/abc", "12345678")


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><xml><records><record>&c;</record></records></xml>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><records><record>&a;</record></records></xml>',
        "<html><body>Not found</body></html>",
        "<xml><records><record>",
    ],
)
def test_xml_that_could_hurt_or_is_something_else_is_named(text):
    references, unread = read_text(text, "x.xml")
    assert (references, len(unread)) == ([], 1)


def test_web_of_science():
    text = "FN Clarivate Analytics Web of Science\nVR 1.0\nPT J\nAU Doe, A\n   Roe, B\nAF Doe, Anna\n   Roe, Bob\n"
    text += "TI Alpha beta\n   gamma\nSO JOURNAL OF FOO\nJI J. Foo\nPY 2020\nVL 3\nIS 2\nBP 1\nEP 9\nDI 10.1000/abc\n"
    text += "PM 12345678\nUT WOS:000123456700001\nER\n\nPT J\nAU Poe, C\nTI Delta\nEA JAN 2021\n"
    text += "UT MEDLINE:87654321\nER\n\nEF\n"
    first, second = read(text)
    assert [author.inverted for author in first.authors] == ["Doe, Anna", "Roe, Bob"]
    assert (first.title, first.place) == ("Alpha beta gamma", "J. Foo 2020;3(2):1-9")
    assert (first.doi, first.pmid, second.year, second.pmid) == ("10.1000/abc", "12345678", "2021", "87654321")


def test_scopus_csv():
    text = '"Authors","Author full names","Title","Year","Source title","Volume","Issue","Art. No.","Page start",'
    text += '"Page end","DOI","Link","PubMed ID","EID"\n"Doe A.; van Roe B.","Doe, Anna (57200000001); van Roe, Bob '
    text += '(57200000002)","Alpha, with a comma",2020,"J Foo","3","2","","1","9","10.1000/abc","https://x.example","",'
    text += '"2-s2.0-1"\n'
    found = one(text)
    assert [author.short for author in found.authors] == ["Doe A", "van Roe B"]
    assert (found.title, found.place, found.doi) == ("Alpha, with a comma", "J Foo 2020;3(2):1-9", "10.1000/abc")
    assert (found.key, found.line) == ("2-s2.0-1", 2)


def test_pubmed_csv():
    text = "PMID,Title,Authors,Citation,First Author,Journal/Book,Publication Year,Create Date,PMCID,NIHMS ID,DOI\n"
    text += '12345678,Alpha.,"Doe A, Roe BC.",J Foo. 2020 Jan;3(2):1-9. doi: 10.1000/abc.,Doe A,J Foo,2020,2020/01/02,'
    text += "PMC7654321,,10.1000/abc\n"
    found = one(text)
    assert [author.short for author in found.authors] == ["Doe A", "Roe BC"]
    assert (found.title, found.pmid, found.pmcid, found.year) == ("Alpha", "12345678", "PMC7654321", "2020")


TAB_OF_WOS = "PT\tAU\tAF\tTI\tSO\tPY\tVL\tIS\tBP\tEP\tDI\tPM\tUT\n"


@pytest.mark.parametrize(
    "text",
    [
        "Title;Authors;Year;Journal;Volume;Pages;DOI;PMID\n"
        "Alpha;Doe A., Roe B.;2020;J Foo;3;1-9;10.1000/abc;12345678\n",
        TAB_OF_WOS
        + "J\tDoe, A; Roe, B\tDoe, Anna; Roe, Bob\tAlpha\tJ Foo\t2020\t3\t\t1\t9\t10.1000/abc\t12345678\tWOS:1\n",
        '"Key","Publication Year","Author","Title","Publication Title","DOI","Pages","Volume","Extra"\n'
        '"ABC","2020","Doe, Anna; Roe, Bob","Alpha","J Foo","10.1000/abc","1-9","3","PMID: 12345678"\n',
        '{"items": [{"title": "Alpha", "creators": [{"lastName": "Editor", "creatorType": "editor"},{"lastName": "Doe",'
        '"firstName": "Anna", "creatorType": "author"}, {"lastName": "Roe", "firstName": "Bob"}], "date": "2020-05",'
        '"publicationTitle": "J Foo", "volume": 3, "pages": "1-9", "DOI": "10.1000/abc", "extra": "PMID: 12345678"}]}',
    ],
)
def test_tables_of_other_separators_and_what_zotero_writes(text):
    found = one(text)
    assert [author.short for author in found.authors] == ["Doe A", "Roe B"]
    assert (found.title, found.place) == ("Alpha", "J Foo 2020;3:1-9")
    assert (found.doi, found.pmid, found.remark) == ("10.1000/abc", "12345678", "")


def test_a_row_with_more_cells_than_columns_is_named_and_not_taken():
    references, unread = read_text("Title,Authors,Year\nAlpha, and beta,Doe A,2020\nGamma,Roe B,2021\n", "x.csv")
    assert [found.title for found in references] == ["Gamma"]
    assert [part.line for part in unread] == [2]


def test_a_record_without_a_title_says_so():
    first, second = read("PMID- 1\nTI  - A\n\nPMID- 2\nDP  - 2020\n")
    assert (first.remark, second.remark) == ("", "the record has no title")


def test_marks_without_a_width_and_halves_of_signs_are_left_out():
    found = one('[{"title": "A\u202ebc\ud800 d\u00ade", "author": [{"family": "D\u202eoe", "given": "A"}]}]')
    assert (found.title, found.author) == ("Abc de", "Doe A")


def test_csl_json_of_zotero():
    text = """[{"id": "http://zotero.org/x", "type": "article-journal", "title": "Alpha", "container-title": "J Foo",
    "volume": "3", "issue": "2", "page": "1-9", "DOI": "10.1000/abc", "issued": {"date-parts": [["2020", 5, 1]]},
    "author": [{"family": "Berg", "given": "Jan", "non-dropping-particle": "van der"}, {"literal": "Foo Group"}]},
    {"id": 2, "title": "Beta", "issued": {"raw": "in 2021"}, "note": "PMID: 12345678"}]"""
    first, second = read(text)
    assert [author.short for author in first.authors] == ["van der Berg J", "Foo Group"]
    assert (first.place, first.doi) == ("J Foo 2020;3(2):1-9", "10.1000/abc")
    assert (second.year, second.pmid) == ("2021", "12345678")
    references, unread = read_text('[{"id": 1, "title": "A"}, {"id": ', "x.json")
    assert (references, unread[0].line) == ([], 1)


# ------------------------------------------------------------------------------------------------ BibTeX


def test_bibtex_as_other_programs_write_it():
    text = '@string{jf = "J Foo"}\n@comment{x}\n@article{k, author = {M{\\"u}ller, Karl-Heinz and Roe, R.}, '
    text += 'title = "{SYNTHETIC} {RNA} \\& balm", '
    text += "journal = jf, year = 2019, volume = 3, number = 2, pages = {1--9}, doi = {https://doi.org/10.1000/X}}\n"
    text += "@article{k, title = {Second with that key}}\n"
    first, second = read(text)
    assert (first.author, first.title, first.doi) == ("Müller KH", "SYNTHETIC RNA & balm", "10.1000/X")
    assert (first.place, second.title) == ("J Foo 2019;3(2):1-9", "Second with that key")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('a # " and " # {B}', "Alpha and B"),
        ('{has # in it} # "!"', "has # in it!"),
        ('"quoted {"}inner{"} # text"', 'quoted "inner" # text'),
        ("A", "Alpha"),
        ("unknown", "unknown"),
        ("2020 # a", "2020Alpha"),
        (r"{Stra{\ss}e of {\"O}land, Fran\c{c}ois, {\AA}, \o, \~n, \v{c}}", "Straße of Öland, François, Å, ø, ñ, č"),
    ],
)
def test_bibtex_values(value, expected):
    assert one(f'@string{{a = "Alpha"}}\n@article{{k, title = {value}, year = 2020}}').title == expected


def test_a_crossref_without_its_parent_is_said():
    assert "crossref" in one("@inproceedings{k, author={Doe, A}, title={Alpha}, crossref={gone}}").remark


# ------------------------------------------------------------------------------------- years, titles, identifiers


@pytest.mark.parametrize(
    ("lines", "year"),
    [
        (["PY  - in press", "DA  - 2021/05/01"], "2021"),
        (["PY  - c2021"], "2021"),
        (["PY  - 2021a"], "2021"),
        (["PY  - 20210501"], "2021"),
        (["PY  - 2021///"], "2021"),
        (["Y1  - 2021/05/01/"], "2021"),
        (["DA  - May 1, 2021"], "2021"),
        (["PY  - 12/31/2021"], "2021"),
        (["PY  - in press"], ""),
        (["PY  - 9999"], ""),
        (["PY  - 12345678901"], ""),
        (["Y2  - 2021/05/01"], ""),  # the day on which somebody looked at the page
    ],
)
def test_years(lines, year):
    found = one(ris("TI  - Alpha", *lines))
    assert found.year == year
    assert ("year in the file" in found.remark) == (not year and lines[0].startswith("PY"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["L1  - 10.1000/abc"], "10.1000/abc"),
        (["L2  - https://doi.org/10.1000/abc"], "10.1000/abc"),
        (["L3  - 10.1000/abc"], "10.1000/abc"),
        (["UR  - http://dx.doi.org/10.1000/abc"], "10.1000/abc"),
        (["N1  - doi: 10.1000/abc"], "10.1000/abc"),
        (["N1  - Cited By: 12\nExport Date: 1 May 2021\nDOI: 10.1000/abc"], "10.1000/abc"),
        (["M3  - doi: 10.1000/abc"], "10.1000/abc"),
        (["LK  - https://dx.doi.org/10.1000/abc"], "10.1000/abc"),
        (["AN  - 10.1000/abc"], "10.1000/abc"),
        (["DO  -10.1000/abc"], "10.1000/abc"),
        (["DO  - 10.1000/abc;10.1000/def"], "10.1000/abc"),
        (["DO  - 10.1000/a\u200bbc"], "10.1000/abc"),
        ([r"DO  - \url{https://doi.org/10.1000/a\_b}"], "10.1000/a_b"),
        (["UR  - https://onlinelibrary.example/doi/full/10.1000/abc"], "10.1000/abc"),
        (
            ["DO  - 10.1002/(SICI)1-2(1999)85:1<1::AID-X1>3.0.CO;2-7"],
            "10.1002/(SICI)1-2(1999)85:1<1::AID-X1>3.0.CO;2-7",
        ),
        (
            ["DO  - 10.1002/(SICI)1-2(1999)85:1%3C1::AID-X1%3E3.0.CO;2-7"],
            "10.1002/(SICI)1-2(1999)85:1<1::AID-X1>3.0.CO;2-7",
        ),
        (["N1  - Comment on: Lancet. doi: 10.1000/other"], ""),  # the DOI of another paper
        (["N1  - doi: 10.1000/a\ndoi: 10.1000/b"], ""),  # one of two would be a guess
        (["AB  - As shown in 10.1000/other"], ""),
    ],
)
def test_doi_where_databases_put_it(lines, expected):
    assert one(ris("TI  - Alpha", *"\n".join(lines).split("\n"))).doi == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["N1  - PMID: 12345678"], "12345678"),
        (["AN  - 12345678", "DB  - PubMed"], "12345678"),
        (["AN  - 12345678", "DP  - NLM"], "12345678"),
        (["AN  - 12345678", "DB  - Embase"], ""),
        (["AN  - 612345678", "DB  - Embase Medline"], ""),
        (["AN  - 12345678"], ""),
        (["UR  - https://www.ncbi.nlm.nih.gov/pubmed/12345678"], "12345678"),
        (["UR  - https://www.ncbi.nlm.nih.gov/pubmed/?term=12345678"], "12345678"),
        (["UR  - https://ovidsp.ovid.com/ovidweb.cgi?T=JS&D=emed22&AN=632789069", "DB  - Embase"], ""),
        (["UR  - https://ovidsp.ovid.com/ovidweb.cgi?T=JS&D=emed22&AN=2789069", "DB  - Ovid MEDLINE(R)"], ""),
        (["PMID - 12345678"], "12345678"),
        (["C2  - PMC1234567"], ""),
    ],
)
def test_pubmed_numbers_where_databases_put_them(lines, expected):
    assert one(ris("TI  - Alpha", *lines)).pmid == expected


def test_numbers_of_pubmed_central_and_of_trials():
    found = one("PMID- 1\nTI  - A\nPMC - PMC0123456\nSI  - ClinicalTrials.gov/NCT01234567\nAB  - See NCT99999999.\n")
    assert (found.pmcid, found.trials) == ("PMC123456", "NCT01234567")
    assert one(ris("TI  - A", "C2  - PMC1234567")).pmcid == "PMC1234567"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("CO<sub>2</sub> &amp; O&lt;sub&gt;2&lt;/sub&gt;", "CO2 & O2"),
        ("<jats:italic>In vivo</jats:italic> effect", "In vivo effect"),
        ("Fewer (p<0.05 and n>3)", "Fewer (p<0.05 and n>3)"),
        ("If a < b and b > c", "If a < b and b > c"),
        ("&#945;-blocker&#x2013;therapy.", "α-blocker–therapy"),
        ("To be continued...", "To be continued..."),
        ("Two\u200b words\u00a0here", "Two words here"),
    ],
)
def test_titles_without_markup(title, expected):
    assert one(ris(f"TI  - {title}")).title == expected


def test_a_translated_title_of_pubmed_is_a_title():
    assert one("PMID- 1\nTI  - [Alpha and beta].\nTT  - Alpha und Beta.\n").title == "Alpha and beta"
