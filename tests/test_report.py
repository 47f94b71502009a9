"""The report: what it says, that every number leads to its rows, and how it behaves in a browser."""

import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pypdfium2 as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_evidence.config import read_config
from small_evidence.documents.webpage import linked
from small_evidence.extraction.checks import check_extraction, compare_extractions, read_places
from small_evidence.extraction.schema import TABLES, empty_table
from small_evidence.pooling import pool_many
from small_evidence.presentation.manuscript import methods_text
from small_evidence.presentation.report import (
    _pooled_words,
    overview,
    read_templates,
    report,
    save_report,
    sources_in,
)
from small_evidence.presentation.report_pdf import report_pdf
from small_evidence.presentation.summary import plain_summary
from small_evidence.presentation.whatif import whatif_data
from small_evidence.release.site import save_site
from small_evidence.review import Review, save_csv
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.policy import select_arms
from small_evidence.tables import evidence_tables
from tests import made_up
from tests.policy import with_levels

PROJECT = Path(__file__).parents[1]
MINIMAL = PROJECT / "tests/data/minimal"
TEMPLATES = read_templates(sorted((PROJECT / "workflow/templates").iterdir()))
RECORD = {
    "small_evidence": "0.1.0", "python": "3.12.1", "packages": {"pandas": "3.1.1"}, "inputs": {"a.csv": "0" * 64},
    "changed_since_read": [],
}  # fmt: skip
VOID = {"meta", "link", "img", "source", "input", "br", "wbr", "col"}
HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(1)>"'&amp; </td></style> javascript:alert(1)"""


def with_extraction(review, folder):
    """The review with what the check of its folder leaves beside the tables."""
    _, issues = check_extraction(folder, year=2026)
    compared = dict(zip(("agreement", "disagreements"), compare_extractions(folder), strict=True))
    return review.with_results({"extraction_issues": issues, "places": read_places(folder), **compared})


def write(review, **more):
    return report(review, record=RECORD, templates=TEMPLATES, **more)


@pytest.fixture(scope="module")
def whole(synthesised):
    """The bundled review with everything that its report is made of."""
    return with_extraction(synthesised, PROJECT / "data/raw")


@pytest.fixture(scope="module")
def small():
    """Function that makes a small review, its checked tables changed by `edit` and its choices by `review`."""
    folder = MINIMAL / "data/raw"
    checked = Review(check_extraction(folder, year=2026)[0], read_config(MINIMAL))
    left = with_extraction(checked, folder).results

    def make(edit=lambda tables: None, **choices):
        tables, config = dict(checked.tables), checked.config
        edit(tables)
        config = {**config, "review": {**config["review"], **choices}}
        return synthesise(Review(tables, config)).with_results(left)

    return make


@pytest.fixture(scope="module")
def plain(small):
    """The small review as it is."""
    return small()


@pytest.fixture(scope="module")
def plain_page(plain):
    return write(plain)


@pytest.fixture(scope="module")
def page(whole):
    return write(whole)


@pytest.fixture(scope="module")
def found(page):
    """What the report of the bundled review holds."""
    return Page(page)


class Page(HTMLParser):
    """What a page holds: elements, names, links, and the rows of its tables by name."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.names, self.links, self.open, self.words = [], [], [], [], []
        self.headings, self.tables, self.rows, self._cell = [], [], {}, None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attrs:
            self.names.append(attrs["id"])
        if "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "table":
            self.tables.append({"caption": "", "columns": [], "heads": [], "rows": []})
        if tag == "tr":
            self._row = {"names": [], "cells": [], "links": [], "table": self.tables[-1]}
            if "thead" in self.open:
                self.tables[-1]["heads"].append([])
            else:
                self.tables[-1]["rows"].append(self._row)
        if tag in ("td", "th", "caption") or re.fullmatch("h[1-6]", tag):
            self._cell = {"tag": tag, "words": "", "links": []}
            self._cell |= {"scope": attrs.get("scope"), "span": int(attrs.get("colspan", 1))}
        if "id" in attrs and tag in ("tr", "span"):
            self._row["names"].append(attrs["id"])
            self.rows[attrs["id"]] = self._row
        if tag == "a" and self._cell:
            self._cell["links"].append(attrs["href"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "thead":  # what stands below a shared heading is in the second row
            first, *below = self.tables[-1]["heads"]
            below = iter(below[0] if below else [])
            spread = (next(below) if cell["scope"] == "colgroup" else cell
                      for cell in first for _ in range(cell["span"]))  # fmt: skip
            self.tables[-1]["columns"] = [cell["words"] for cell in spread]
        if self._cell and tag == self._cell["tag"]:
            cell, self._cell = self._cell, None
            if tag == "caption":
                self.tables[-1]["caption"] = cell["words"]
            elif tag.startswith("h"):
                self.headings.append((int(tag[1]), cell["words"]))
            elif "thead" in self.open:
                self.tables[-1]["heads"][-1].append(cell)
            else:
                self._row["cells"].append(cell)

    def handle_data(self, data):
        if self.open[-1:] == ["script"] and self.elements[-1][1].get("type") == "application/json":
            self.add(json.loads(data))
        elif self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)
        if self._cell:
            self._cell["words"] += data

    def add(self, data):
        """What is data for a script: a table, or the parts of a treatment."""
        if isinstance(data, dict) and "shared" in data:
            self.add_table(data)
        elif isinstance(data, dict) and "pictures" in data:
            self.elements += [("img", {"alt": picture["alt"]}) for picture in data["pictures"]]
            for table in filter(None, (data["results"], data["rows"], data["harms"])):
                self.add_table(table)

    def add_table(self, data):
        table = {"caption": data["caption"], "columns": [column["title"] for column in data["columns"]], "rows": []}
        self.tables.append(table)
        whole = lambda cell: data["shared"][cell] if isinstance(cell, int) else cell  # noqa: E731
        for line in data["rows"]:
            cells = [self.pieces(whole(cell)) for cell in line["cells"]]
            row = {"names": line.get("id", []), "cells": cells, "table": table}
            if "group" in line:
                self.words.append(line["group"])
                table["rows"].append({"names": [], "cells": [{"words": line["group"], "links": []}], "table": table})
            table["rows"].append(row)
            self.names += row["names"]
            self.rows |= dict.fromkeys(row["names"], row)
        for note in data["notes"]:
            self.pieces(note)

    def pieces(self, cell):
        """Words and links of a cell that is data."""
        parts = [(part, "") if isinstance(part, str) else part for part in ([cell] if isinstance(cell, str) else cell)]
        links = [address for _, address in parts if address]
        self.words += [words for words, _ in parts]
        self.links += links
        self.elements += [("a", {"href": link} | ({} if link[0] == "#" else {"rel": "noreferrer"})) for link in links]
        return {"words": "".join(words for words, _ in parts), "links": links}

    def cell(self, row, column):
        return row["cells"][row["table"]["columns"].index(column)]

    def table(self, caption):
        return next(table for table in self.tables if table["caption"].startswith(caption))


def counts(words):
    """Responders and patients of "5/8 (62.5%)"."""
    return [int(number) for number in re.match(r"(\d+)/(\d+)", words).groups()]


# What it says ----------------------------------------------------------------------------------------------


def test_the_first_screen_says_what_is_known_how_certain_and_what_is_missing(whole):
    known, certain, missing = overview(whole)
    words = [sentence for _, sentences in (known, certain, missing) for sentence, _ in sentences]
    assert words[0].startswith("1 of 45 treatments could be pooled (Diltiazem: 21 of 41 patients responded in 4 stud")
    assert f"{len(whole['studies'])} studies in the tables: " in words[3]
    assert words[4].startswith("Treatments by their highest level of evidence: IB, 1; IIA, 1; IV, ")
    assert "No count was read in the full text of a study." in words
    assert missing[1][0][0].startswith(f"Counts are missing or not verified in {len(whole['awaiting'])} studies")


@pytest.mark.parametrize(("events", "word"), [(1, "one fell"), (2, "several fell"), (0, "several fell")])
def test_one_patient_has_the_singular(whole, events, word):
    words = {"event_singular": "one fell", "event_plural": "several fell"}
    analysis = whole.analysis("diltiazem")
    result = {**analysis.result, "events": events}
    response = SimpleNamespace(**words)
    assert f" {word} in " in _pooled_words(
        SimpleNamespace(label="Drug", result=result), SimpleNamespace(response=response, policy=whole.policy)
    )


def test_results_of_one_disease_are_in_the_summary(whole):
    sentences = plain_summary(whole)
    by_disease = next(words for words in sentences if words.startswith("Looked at in one disease"))
    assert "below 50% for Rituximab (JDM) 0/6 (0.0%)" in by_disease
    assert "No count was read in the full text of a study." in sentences


def test_the_summary_says_the_same_of_responders_and_others():
    def summary(x):
        counts = [
            ("s1", {"responders": str(x), "n": "20"}),
            ("s2", {"therapy": "other", "responders": "10", "n": "20"}),
        ]
        made = made_up.review({"s1": {}, "s2": {}}, counts, classes={"drug": "one", "other": "two"})
        made = with_levels(made).with_results({"awaiting": pd.DataFrame()})
        return next(words for words in plain_summary(made) if words.startswith("Of the treatments"))

    high, low = summary(19), summary(1)
    assert "lies above 50% for Drug 19/20 (95.0%); below 50% for none; " in high
    assert "lies above 50% for none; below 50% for Drug 1/20 (5.0%); " in low


def test_headings_go_down_one_level_at_a_time_and_tables_have_captions(found):
    levels = [level for level, _ in found.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(table["caption"] and table["columns"] for table in found.tables)
    captions = [table["caption"] for table in found.tables]
    assert len(captions) == len(set(captions))
    landmarks = [tag for tag, attrs in found.elements if tag in ("main", "nav")]
    assert landmarks == ["nav", "main", "nav"]
    assert all(attrs["alt"] for tag, attrs in found.elements if tag == "img")
    assert ("html", {"lang": "en-GB"}) in found.elements


def test_nothing_raw_reaches_a_reader(whole, found):
    words = " ".join(found.words)
    assert not re.search(r"\bnan\b|\bNone\b|NaN|<NA>|(?<![\d.])\d\.\d{6}", words)
    # the warnings are those of the check, which name a study by its slug
    told = set(re.findall(r"\w+", words.rpartition("Warnings of the check")[0]))
    told -= set(re.findall(r"\w+", " ".join(whole["responses"]["pool_reason"])))  # an extractor's own words
    keys = {"studies": "study_id", "therapies": "therapy", "diseases": "disease"}
    slugs = {slug for table, key in keys.items() for slug in whole[table][key] if "_" in slug}
    assert len(slugs) > 50
    assert told & slugs == set()


def test_a_review_without_a_pool_or_adverse_events_says_so(small):
    def edit(tables):
        tables["adverse_events"] = tables["adverse_events"].iloc[:0]
        tables["responses"] = tables["responses"].assign(pool="no", pool_reason_code="other", pool_reason="synthetic")

    review = small(edit)
    words = " ".join(Page(write(review)).words)
    assert "could be pooled." in words
    assert overview(review)[0][1][0][0].startswith("0 of ")
    assert "Adverse events: no statement was found in the text that was read of" in words
    assert "Silence is not zero." in words


def test_a_review_without_rows_is_a_page_too(small):
    found = Page(write(small(lambda tables: tables.update({name: empty_table(name) for name in TABLES}))))
    words = " ".join(found.words)
    assert "0 studies in the tables: 0 included, 0 awaiting counts, 0 excluded." in words
    assert "No treatment has a row." in words
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.names)


def test_what_if_is_explained_where_the_page_has_another_model(plain, plain_page):
    other = plain.with_policy(method="beta_binomial", interval="default")
    assert whatif_data(plain)["unable"] == ""
    assert len(whatif_data(plain)["groups"]) > 0
    assert whatif_data(other)["groups"] == {}
    words = " ".join(Page(write(other)).words)
    assert words.count("Studies cannot be unticked in this page: the review pools by ") == 1
    assert "Studies cannot be unticked" not in " ".join(Page(plain_page).words)


def test_what_is_not_pooled_says_what_it_lacks(whole, page):
    short = [one for one in whole.studied if not one.pooled]
    needed = re.findall(r"<dt>Needed to pool</dt><dd>(\d) more stud(?:y|ies) with counts of 3 or more patients; ", page)
    assert len(needed) >= len(short) > 30


def test_changes_are_listed_only_where_there_is_an_earlier_release(plain, plain_page):
    columns = ["kind", "id", "name", "column", "before", "after", "cause", "words"]
    row = ("study_added", "doe", "Doe", "", "", "", "data", "New study: Doe <2020>.")
    assert "What changed" not in plain_page
    none, some = (plain.with_results({"changes": pd.DataFrame(rows, columns=columns)}) for rows in ([], [row]))
    assert "Nothing changed since release 1.0." in write(none, release="1.0")
    assert "<li>New study: Doe &lt;2020&gt;.</li>" in write(some, release="1.0")


def test_the_same_review_gives_the_same_bytes(plain, plain_page):
    assert write(plain) == plain_page


def test_the_report_of_the_bundled_review_is_light(page):
    assert len(page.encode()) < 1_500_000


# From a number to its source ---------------------------------------------------------------------------------


def test_every_link_leads_somewhere_and_names_are_unique(found):
    assert len(found.names) == len(set(found.names))
    inside = {link for link in found.links if link.startswith("#")}
    assert {link[1:] for link in inside} - set(found.names) == set()
    assert {re.match(r"\w+://|#", link)[0] for link in found.links} <= {"#", "https://", "http://"}
    assert all(attrs.get("rel") == "noreferrer" for tag, attrs in found.elements
               if tag == "a" and not attrs["href"].startswith("#"))  # fmt: skip


UNLINKED = ("References", "What limits certainty", "Published verdict")


def test_every_number_of_table_iv_and_findings_leads_to_its_analysis(found):
    checked = 0
    for caption in ("Table IV.", "Summary of findings"):
        for row in found.table(caption)["rows"]:
            if len(row["cells"]) < 2:
                continue
            for column, cell in zip(row["table"]["columns"], row["cells"], strict=True):
                if re.search(r"\d", cell["words"]) and column not in UNLINKED:
                    assert len(cell["links"]) == 1, (column, cell)
                    checked += 1
    assert checked > 300


def test_from_every_analysis_the_rows_add_up_to_its_counts_and_name_their_source(whole, found):
    pooled = whole["pooled"]
    walked = 0
    for line in pooled.itertuples():
        row = found.rows[f"analysis-{line.analysis}"]
        lines = row["table"]["rows"]
        after = lines[lines.index(row) : lines.index(row) + 2]
        result = next((one for one in after if counts_or_none(found, one)), None)
        if not line.k:
            assert found.cell(row, "Responders/n (%)")["words"] == "—"
            continue
        printed = counts(found.cell(result, "Responders/n (%)")["words"])
        assert printed == [line.events, line.n]
        rows = [found.rows[link[1:]] for link in found.cell(result, "Rows")["links"]]
        sums = [counts(found.cell(one, "Responders/n (%)")["words"]) for one in rows]
        assert [sum(pair) for pair in zip(*sums, strict=True)] == printed
        for one in rows:
            assert found.cell(one, "Used")["words"] == "yes"
            assert found.cell(one, "Source")["words"] not in ("", "—", "NR")
            assert re.match(r"data/raw/responses\.csv, row \d+$", found.cell(one, "Row")["words"])
        walked += 1
    assert walked == (pooled["k"] > 0).sum() > 20


def counts_or_none(found, row):
    return re.match(r"\d+/\d+", found.cell(row, "Responders/n (%)")["words"]) if len(row["cells"]) > 1 else None


def test_a_row_is_where_the_report_says(whole, found):
    lines = (PROJECT / "data/raw/responses.csv").read_text(encoding="utf-8").splitlines()
    for name in whole["responses"]["response_id"]:
        place = found.cell(found.rows[f"row-{name}"], "Row")["words"]
        assert lines[int(place.rsplit(" ", 1)[1]) - 1].startswith(f"{name},")


def test_rows_keep_their_place_after_blank_ones_and_in_a_workbook(tmp_path):
    import openpyxl

    for name in ("studies", "responses", "therapies", "diseases"):
        shutil.copy(MINIMAL / f"data/raw/{name}.csv", tmp_path)
    path = tmp_path / "responses.csv"
    head, first, *rest = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([head, "," * head.count(","), first, "", *rest]) + "\n", encoding="utf-8")
    places = read_places(tmp_path).query("table == 'responses'")
    assert places["row"].iloc[0] == 3
    assert places["sheet"].iloc[0] == ""
    book = openpyxl.Workbook()
    book.active.title = "responses"
    for line in (
        check_extraction(MINIMAL / "data/raw")[0]["responses"]
        .reset_index()
        .pipe(lambda frame: [list(frame.columns[1:]), *frame.iloc[:, 1:].to_numpy().tolist()])
    ):
        book.active.append(line)
    path.unlink()
    book.save(tmp_path / "extraction.xlsx")
    place = read_places(tmp_path).query("table == 'responses'").iloc[0]
    assert (place["file"].endswith("/extraction.xlsx"), place["sheet"], place["row"]) == (True, "responses", 2)


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("doi:10.1002/art.1780381117", "https://doi.org/10.1002/art.1780381117"),
        ("doi:10.1002/(SICI)1097<1800::AID>3.0", "https://doi.org/10.1002/(SICI)1097%3C1800::AID%3E3.0"),
        ("pmid:30862449", "https://pubmed.ncbi.nlm.nih.gov/30862449"),
        ("https://a.org/b?c=d&e", "https://a.org/b?c=d&e"),
    ],
)
def test_a_source_leads_to_its_page(words, address):
    assert sources_in(f"see {words}; and more.") == [(words, address)]


@pytest.mark.parametrize(
    "words", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://a.org", "NR"]
)
def test_what_is_no_address_of_a_source_stays_text(words):
    assert sources_in(words) == []


@given(st.lists(st.sampled_from(["doi:10.1/x", "https://a.b/", "pmid:12", *"<>&\"'; .,)/_", "word"])).map("".join))
def test_links_change_no_word_and_lead_to_the_web_only(words):
    made = Page(linked(words, sources_in(words)))
    assert "".join(made.words) == words
    assert all(link.startswith(("https://", "http://")) for link in made.links)


# Hostile text ------------------------------------------------------------------------------------------------

TEXTS = {
    "studies": ["label", "first_author", "title", "journal", "status_reason", "notes"],
    "responses": [
        "dose",
        "follow_up",
        "response_definition",
        "source",
        "location",
        "paraphrase",
        "pool_reason",
        "notes",
    ],
    "therapies": ["label", "synonyms"],
    "diseases": ["label", "synonyms"],
    "adverse_events": ["term", "source", "notes"],
}


def test_text_of_the_tables_is_never_markup(small):
    def edit(tables, words):
        for table, columns in TEXTS.items():
            for column in columns:
                cells = [f"{words} {column} {place}" for place in range(len(tables[table]))]
                tables[table] = tables[table].assign(**{column: cells})

    def made(words):
        named = {"title": words, "condition": words, "class_labels": {"class_one": words}}
        return Page(write(small(lambda tables: edit(tables, words), **named)))

    plain, hostile = made("harmless"), made(HOSTILE)
    kept = [[(tag, sorted(attrs)) for tag, attrs in made.elements if tag != "wbr"] for made in (plain, hostile)]
    assert kept[0] == kept[1]
    assert hostile.links == plain.links
    words = "".join(hostile.words)
    assert words.count("<script>alert(1)</script>") > 20


# In a browser ------------------------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome here")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as running:
        made = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def address(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    save_report(page, path)
    return path.as_uri()


@pytest.fixture
def show(browser, address):
    """Function that opens the report without a network; what it asks for or complains of fails the test."""
    contexts, complaints = [], []

    def ask(request):
        if request.url.split("#")[0] != address and not request.url.startswith(("data:", "blob:")):
            complaints.append(request.url)

    def opened(place="", width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        context.set_offline(True)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", ask)
        tab.goto(address + place)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def tab(show):
    """The report at its beginning."""
    return show()


# What a reader changes ---------------------------------------------------------------------------------------

NAMES = {
    "estimate": "estimate", "lower": "ci_lb", "upper": "ci_ub", "predictedLower": "pi_lb", "predictedUpper": "pi_ub",
    "tau2": "tau2", "mean": "mean_proportion", "meanLower": "mean_ci_lb", "meanUpper": "mean_ci_ub",
}  # fmt: skip
BOUNDARIES = [
    ([], []), ([5], [8]), ([0], [7]), ([7], [7]), ([0, 0], [0, 4]), ([7, 5], [7, 5]), ([0, 0], [3, 9]),
    ([0, 1, 1], [1, 1, 1]), ([7, 0], [7, 3]), ([3, 0, 4, 0], [3, 3, 4, 5]), ([27, 7], [28, 7]), ([1, 4, 7], [8, 8, 8]),
    ([4, 4, 6], [5, 6, 7]), ([4, 4, 7], [5, 6, 7]), ([0, 3], [0, 9]), ([1, 0, 0], [1000, 3, 2]), ([2, 4], [4, 8]),
    ([500, 0], [1000, 2]), ([0, 0, 1], [1, 1, 2]), ([0] * 20 + [1], [5] * 21), ([5] * 20, [5] * 19 + [6]),
    ([3, 4, 9, 5], [12, 4, 17, 8]),
]  # fmt: skip


def random_sets(count):
    """Responders and patients of 2 to 12 studies, small and large, alike and unlike."""
    random = np.random.default_rng(20)
    for at in range(count):
        k = random.integers(2, 13)
        n = random.integers(1, (6, 12, 40, 200)[at % 4], k)
        eta = random.normal(random.normal(0, 1.5), random.choice([0, 0.3, 1, 2.5]), k)
        yield random.binomial(n, 1 / (1 + np.exp(-eta))).tolist(), n.tolist()


@needs_browser
def test_the_page_pools_as_the_library_does(tab):
    sets = [*random_sets(200), *BOUNDARIES]
    found = tab.evaluate("sets => sets.map(([x, n]) => model.pool(x, n))", sets)
    rows = pd.DataFrame([(at, x, n) for at, pair in enumerate(sets) for x, n in zip(*pair, strict=True)])
    theirs = pool_many(rows.set_axis(["set", "responders", "n"], axis=1), by="set").set_index("set")
    for at, ours in enumerate(found):
        if at not in theirs.index:
            assert ours["status"] == "no_data"
            continue
        wanted = theirs.loc[at]
        assert ours["status"] == wanted["status"], sets[at]
        for name, column in NAMES.items():
            # tau2 has no upper bound; the library sums a prediction over fewer points, to 3e-7
            near = pytest.approx(float(wanted[column]), rel=1e-6 * (name == "tau2"), abs=1e-6, nan_ok=True)
            assert ours[name] == near, (sets[at], name)


def random_review(seed):
    """A review whose rows differ in all that the rules on study arms ask for. SYNTHETIC."""
    random = np.random.default_rng(seed)
    studies = {
        f"s{at}": {
            "status": random.choice(["included", "included", "awaiting", "excluded"]),
            "cohort_id": random.choice(["", "", "one"]),
            "controlled": random.choice(["no", "yes"]),
            "notes": "SYNTHETIC",
        }
        for at in range(8)
    }
    classes = {f"drug_{at}": f"class_{at % 4}" for at in range(8)}
    responses = []
    for _ in range(240):
        n = int(random.integers(1, 9))
        x = int(random.integers(0, n + 1))
        row = {
            "therapy": random.choice(list(classes)),
            "disease": random.choice(["ssc", "dm", "NR"]),
            "arm": random.choice(["", "a", "b"]),
            "time_point_months": random.choice(["NR", "6", "12"]),
            "n": random.choice([str(n), str(n), str(n), "NR"]),
            "responders": str(x),
            "n_complete": random.choice(["NR", str(x // 2)]),
            "evidence_basis": random.choice(["abstract", "secondary"]),
            "pool": random.choice(["yes", "yes", "yes", "no"]),
            "verified_by": random.choice(["", "someone"]),
            "notes": "SYNTHETIC",
        }
        responses.append((f"s{random.integers(8)}", row))
    choices = {"time_point": ["first", "last", 6][seed % 3], "verified_only": bool(seed % 2)}
    choices["interval"] = "profile_student"
    pair = {"study_a": "s0", "study_b": "s1", "decision": "same_patients", "keep": "s1", "reason": "SYNTHETIC"}
    made = made_up.review(studies, responses, classes=classes, **choices)
    return made.with_tables(overlaps=made_up.frame("overlaps", [pair]))


SELECT = """([data, cases]) => cases.map((chosen) => Object.fromEntries(
  Object.entries(data.groups).flatMap(([place, group]) => ["", ...Object.keys(data.diseases)].map((disease) => {
    const own = data.rows.filter((row) => group.therapies.includes(row.therapy));
    const all = arms.select(own, data.studies, {...data.choices, ...chosen, disease});
    const cells = all.map((arm) => [arm.study, arm.ids.join(";"), arm.reason, arm.responders, arm.n]);
    return [`${place} ${disease || "all"}`, cells];
  }))))"""


TABLE_IV = re.compile("^Table IV")
ROWS = "tbody tr:has(th[scope=row]):visible"


@needs_browser
def test_a_reader_filters_unticks_downloads_and_goes_back_to_a_source(show, whole):
    tab = show("#table-iv?diseases=jdm")
    rows = tab.get_by_role("table", name=TABLE_IV).locator(ROWS)
    assert tab.locator("#table-iv output").inner_text().endswith("rows; Disease: JDM")
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Download as CSV: Table IV").click()
    seen = pd.read_csv(saved.value.path())
    assert len(seen) == rows.count() > 5
    assert list(seen.columns[:2]) == ["Group", "Treatment"]
    rows.filter(has_text="Rituximab").get_by_role("link", name="Rituximab").first.click()
    section = tab.locator("#therapy-rituximab")
    section.get_by_text("Untick studies").click()
    section.locator(".whatif").get_by_label("Disease").select_option(label="JDM")
    assert "0/6 (0.0%)" in section.locator(".result").inner_text()
    section.get_by_role("button", name="Back to the review").click()

    tab.evaluate("location.hash = '#therapy-diltiazem'")
    left = tab.locator("#therapy-diltiazem")
    left.get_by_text("Untick studies").click()
    pooled = whole.analysis("diltiazem")
    shown = left.locator(".result").inner_text()
    assert f"{100 * pooled.result['estimate']:.1f}% [{100 * pooled.result['ci_lb']:.1f}" in shown
    left.get_by_role("checkbox", name="Balin 2012").uncheck()
    without = pooled.variants.query("variant == 'leave_one_out' and change == 'balin2012'")
    shown = left.locator(".result").inner_text()
    assert f"{100 * without['estimate'].iloc[0]:.1f}% [{100 * without['ci_lb'].iloc[0]:.1f}" in shown
    banner = left.locator(".banner")
    assert banner.inner_text().startswith("Your selection, not the result of the review. Changed: without Balin 2012")
    assert tab.evaluate("location.hash") == "#therapy-diltiazem?without=balin2012_diltiazem"
    again = show(tab.evaluate("location.hash")).locator("#therapy-diltiazem")
    assert again.locator(".banner").inner_text() == banner.inner_text()
    left.get_by_role("button", name="Back to the review").click()
    assert banner.inner_text().startswith("This is the selection of the review.")
    assert tab.evaluate("location.hash") == "#therapy-diltiazem"

    for ending, start in (("SVG", b"<"), ("PNG", b"\x89PNG")):
        with tab.expect_download() as saved:
            tab.get_by_role("button", name=f"Download as {ending}: forest_diltiazem", exact=True).click()
        assert saved.value.suggested_filename == f"forest_diltiazem.{ending.lower()}"
        assert Path(saved.value.path()).read_bytes().startswith(start)

    tab.evaluate("location.hash = '#table-iv'")
    tab.get_by_role("button", name="Show all").first.click()
    tab.get_by_role("table", name=TABLE_IV).locator("a", has_text="21/41 (51.2%)").first.click()
    assert tab.url.endswith("#analysis-diltiazem")
    results = tab.get_by_role("table", name="Diltiazem: results and study arms")
    arm = results.locator("tr", has_text="Balin 2012").first
    arm.locator("a", has_text="9/17 (52.9%)").click()
    row = tab.locator("#row-balin2012_diltiazem")
    assert row.is_visible()
    assert row.evaluate("row => row === document.activeElement")
    source = row.get_by_role("link", name="doi:").get_attribute("href")
    assert source == "https://doi.org/10.1001/archdermatol.2011.2052"


@needs_browser
def test_csv_of_the_page_is_that_of_the_library(tab, tmp_path):
    cells = ["plain", "=1+1", "'=1", "-17.67", "+x", "@a", "\tb", 'say "a", b', "two\nlines", "-", "1e-5", "-1e5"]
    save_csv(pd.DataFrame([cells], columns=[f"c{at}" for at in range(len(cells))]), tmp_path / "a.csv")
    theirs = (tmp_path / "a.csv").read_text(encoding="utf-8")
    made = tab.evaluate("rows => page.csv(rows)", [[f"c{at}" for at in range(len(cells))], cells])
    assert made == theirs


@needs_browser
def test_the_page_selects_arms_as_the_library_does(tab, bundled):
    choices = (("any", "include", 1), ("any", "exclude", 3), ("complete", "include", 3), ("complete", "exclude", 1))
    cases = [dict(zip(("response", "secondary_sources", "min_arm_size"), one, strict=True)) for one in choices]
    renamed = [
        {"response": one["response"], "secondary": one["secondary_sources"], "leastArm": one["min_arm_size"]}
        for one in cases
    ]
    compared = set()
    for review in (bundled, *map(random_review, (1, 2))):
        for case, found in zip(cases, tab.evaluate(SELECT, [whatif_data(review), renamed]), strict=True):
            theirs = {}
            for arm in select_arms(review.with_policy(**case)).itertuples():
                counts = [None if pd.isna(count) else count for count in (arm.responders, arm.n)]
                place = f"{arm.scope}-{arm.therapy} {arm.disease}"
                theirs.setdefault(place, set()).add((arm.study_id, arm.response_ids, arm.reason, *counts))
            for place, ours in found.items():
                assert set(map(tuple, ours)) == theirs.get(place, set())
                compared |= {reason for _, _, reason, _, _ in ours}
    assert compared > {
        "", "small_arm", "same_patients", "maybe_same_patients", "other_time_point", "secondary_source", "unverified",
        "counts_missing", "complete_not_reported", "counts_unverified",
    }  # fmt: skip


@needs_browser
def test_tables_sort_by_the_keyboard_alone(show):
    tab = show("#table-iv")
    table = tab.get_by_role("table", name=TABLE_IV)
    name = "Responders/n (%) [95% CI]"
    button = table.get_by_role("button", name=name)
    head = table.get_by_role("columnheader", name=name)
    cells = f"rows => rows.map(row => row.querySelector('[data-label=\"{name}\"]').textContent)"
    rows = table.locator("tbody tr:has(th[scope=row])")
    first = rows.evaluate_all(cells)
    button.focus()
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    shares = [counts(words) for words in rows.evaluate_all(cells) if words != "—"]
    assert [x / n for x, n in shares] == sorted(x / n for x, n in shares)
    assert rows.evaluate_all(cells)[-1] == "—"
    tab.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    falling = [counts(words) for words in rows.evaluate_all(cells) if words != "—"]
    assert [x / n for x, n in falling] == sorted((x / n for x, n in shares), reverse=True)
    assert rows.evaluate_all(cells)[-1] == "—"
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert rows.evaluate_all(cells) == first
    for sort in ("2", "-2"):  # by level, what is advised against never leads
        tab.evaluate(f"location.hash = '#table-iv?sort={sort}'")
        tab.wait_for_function("document.querySelector('#table-iv table.sorted')")
        marks = rows.evaluate_all("rows => rows.map(row => row.dataset.against)")
        assert 0 < marks.count("yes") < len(marks)
        assert marks == sorted(marks)


@needs_browser
def test_filters_leave_the_rows_that_know_the_value(show, whole):
    tab = show("#table-iv")
    form = tab.get_by_role("form", name="Filter Table IV")
    rows = tab.get_by_role("table", name=TABLE_IV).locator(ROWS)
    total = rows.count()
    levels = whole["therapy_levels"].assign(name=lambda frame: frame["scope"] + frame["therapy"])
    shown = {one.scope + one.therapy for one in whole.analyses.values()}
    kinds = whole["therapies"].set_index("therapy")["kind"]

    def known(**wanted):
        found = levels[levels["name"].isin(shown)]
        for column, value in wanted.items():
            found = found[found["name"].isin(found.loc[found[column] == value, "name"])]
        return found["name"].nunique()

    box = form.get_by_role("searchbox")
    for words, wanted in (("SSc", {"disease": "ssc"}), ("JDM", {"disease": "jdm"}), ("IB", {"level": "IB"})):
        box.fill(words)
        assert 0 < rows.count() == known(**wanted) < total
    box.fill("ib")
    assert tab.locator("#table-iv output").inner_text() == f"{rows.count()} of {total} rows; words: ib"
    box.fill("infl")  # the beginning of a word, wherever the name has it
    assert "Infliximab" in "".join(rows.all_inner_texts())
    box.fill("nhibitor")
    assert rows.count() == 0
    form.get_by_role("searchbox").fill("")
    form.locator("select[name=diseases]").select_option(label="JDM")
    assert rows.count() == known(disease="jdm")
    form.get_by_label("Counts available").select_option("yes")
    assert "Rituximab" in "".join(rows.all_inner_texts())
    tab.get_by_role("button", name="Show all").first.click()
    assert rows.count() == total
    form.get_by_label("Kind of treatment").select_option("surgery")
    single = rows.evaluate_all("rows => rows.filter(row => !row.matches('.total')).length")
    assert single == sum(kinds[one.therapy] == "surgery" for one in whole.analyses.values()
                         if one.scope == "therapy" and one.disease == "all")  # fmt: skip


@needs_browser
def test_every_table_filters_by_what_its_rows_are_about(show, whole):
    tab = show("#studies")
    form = tab.get_by_role("form", name="Filter Table II")
    rows = tab.get_by_role("table", name=re.compile("^Table II")).locator(ROWS)
    form.locator("select[name=diseases]").select_option("jdm")
    form.locator("select[name=levels]").select_option("IV")
    responses = whole["responses"]
    there = set(responses.loc[responses["disease"] == "jdm", "study_id"])
    graded = whole["study_levels"]
    there &= set(graded.loc[graded["level"] == "IV", "study_id"])
    ids = rows.evaluate_all("rows => rows.map(row => row.id)")
    assert sorted(ids) == sorted(f"study-{study}" for study in there)
    offered = {}
    for holder in tab.locator(".later[data-kind=table]").evaluate_all("all => all.map(one => one.id)"):
        tab.evaluate(f"location.hash = '#{holder}'")
        names = f"#{holder} form.facets select"
        offered[holder] = set(tab.locator(names).evaluate_all("all => all.map(one => one.name)"))
    whole_set = {"diseases", "levels", "class", "kind", "pooled", "counts"}
    assert offered["sensitivity-later"] >= {"diseases", "class"}
    assert offered["evidence_map-later"] == whole_set
    assert offered["certainty-later"] >= whole_set - {"counts"}  # all of its rows have counts
    assert offered["awaiting-later"] >= {"diseases", "levels", "class", "kind"}
    assert offered["reconciliation-later"] >= {"diseases", "levels", "class", "kind", "pooled", "counts"}
    assert offered["levels-later"] >= {"diseases", "levels", "class", "kind"}


@needs_browser
def test_a_row_is_found_where_more_rows_are_shown_on_demand(show, whole):
    tab = show("#studies")
    total = len(whole["studies"])
    rows = tab.get_by_role("table", name=re.compile("^Table II")).locator(ROWS)
    assert rows.count() == min(100, total) < total
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Download as CSV: Table II.").click()
    assert len(pd.read_csv(saved.value.path())) == total
    last = pd.read_csv(saved.value.path())["Study"].iloc[-1]
    slug = next(study for study, label in whole.labels.study.items() if label == last)
    tab.evaluate(f"location.hash = '#study-{slug}'")
    tab.locator(f"#study-{slug}").wait_for()
    assert rows.count() == total


@needs_browser
def test_the_search_of_the_browser_finds_every_study(tab, whole):
    """What has not come near the screen is made while the page is idle."""
    labels = sorted(set(whole["studies"].loc[whole["studies"]["status"] == "included", "label"]))
    missing = """(labels) => {
        const cells = [...document.querySelectorAll('main td, main th')].map((cell) => cell.textContent).join(' ');
        return labels.filter((label) => !cells.includes(label));
    }"""
    for _ in range(300):  # the policy of the page forbids Playwright's own waiting for a function
        if not tab.evaluate(missing, labels):
            break
        tab.wait_for_timeout(100)
    assert tab.evaluate(missing, labels) == []


@needs_browser
def test_nothing_is_wider_than_a_phone(show, address):
    tab = show(width=375)
    for place in ("", "#table-iv", "#row-balin2012_diltiazem", "#studies", "#methods"):
        tab.goto(address + place)
        assert tab.evaluate("document.documentElement.scrollWidth") == 375


@needs_browser
def test_without_scripts_the_main_tables_are_there_and_where_the_rest_is(show, whole):
    tab = show(java_script_enabled=False)
    assert tab.locator("th button").count() == 0
    assert tab.get_by_role("table").count() == 2
    words = " ".join(tab.locator("main").text_content().split())
    assert "report.pdf has every table" in words
    assert all(one.label in words for one in whole.analyses.values() if one.disease == "all" and one.result["k"])


@needs_browser
def test_who_cannot_see_hears_names(show):
    tab = show("#therapy-diltiazem")
    assert tab.get_by_role("main").count() == 1
    assert tab.get_by_role("navigation").count() == 2
    for name in ("Studies", "What is missing", "Risk of bias", "How it was made"):
        assert tab.get_by_role("region", name=name, exact=True).count() == 1
    assert tab.get_by_role("img", name=re.compile("^Forest plot of Diltiazem. 4 study arms")).count() == 1
    tab.evaluate("window.scrollTo(0, 0); document.activeElement.blur(); location.hash = ''")
    unnamed = tab.evaluate(
        """[...document.querySelectorAll('[tabindex="0"], th button, input')].filter(part => !(part.textContent.trim()
        || part.getAttribute('aria-label') || part.labels?.length)).length"""
    )
    assert unnamed == 0
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"


@needs_browser
def test_text_stands_out_from_what_is_behind_it(show):
    """WCAG 2.2 wants a contrast of 4.5 for text."""
    colours = show().evaluate(
        """() => { const seen = new Set();
        for (const part of document.querySelectorAll('body *')) {
          if (![...part.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
          let box = part, back = 'rgba(0, 0, 0, 0)';
          while (box && back === 'rgba(0, 0, 0, 0)') {
            back = getComputedStyle(box).backgroundColor;
            box = box.parentElement; }
          seen.add(getComputedStyle(part).color + '|' + back); }
        return [...seen]; }"""
    )

    def luminance(colour):
        parts = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for pair in colours:
        dark, light = sorted(map(luminance, pair.split("|")))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


# Access and safety -------------------------------------------------------------------------------------------

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AUDIT = """async (tags) => {
  // the size of what the browser has not laid out yet is a guess
  for (const part of document.querySelectorAll('section')) part.style.contentVisibility = 'visible';
  for (const part of document.querySelectorAll('.later')) {
    part.scrollIntoView();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }
  for (const part of document.querySelectorAll('details')) part.open = true;
  scrollTo(0, 0);
  await new Promise((done) => setTimeout(done, 100));
  const { violations } = await axe.run(document, { resultTypes: ['violations'], runOnly: tags });
  return violations.map(({ id, nodes }) => [id, nodes[0].html]);
}"""


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(browser, small_address, width):
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    context = browser.new_context(viewport={"width": width, "height": 800})
    tab = context.new_page()
    tab.goto(small_address)
    tab.evaluate(axe.AXE_FILE_PATH.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        assert tab.evaluate(AUDIT, WCAG) == []
    assert tab.locator(".whatif").count() > 0
    assert tab.locator(".wait").count() == 0
    context.close()


@pytest.fixture(scope="module")
def small_address(plain_page, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "report.html"
    save_report(plain_page, path)
    return path.as_uri()


@needs_browser
def test_no_other_script_or_style_runs(browser, page, tmp_path):
    """A page into which markup was smuggled after all: its policy stops what was not in it when it was made."""
    smuggled = "<script>document.title = 'smuggled'</script><p id='s' style='color: red' onclick='alert()'>x</p>"
    (tmp_path / "report.html").write_text(page.replace("<main", smuggled + "<main", 1), encoding="utf-8")
    tab = browser.new_page()
    refused = []
    tab.on("console", lambda message: refused.append(message.text))
    tab.goto((tmp_path / "report.html").as_uri())
    assert tab.title() != "smuggled"
    assert tab.locator("#s").evaluate("part => getComputedStyle(part).color") != "rgb(255, 0, 0)"
    assert sum("Content Security Policy" in words for words in refused) >= 2
    tab.close()


# In print ----------------------------------------------------------------------------------------------------


@needs_browser
def test_a_printout_is_short_and_says_where_the_rest_is(show):
    tab = show()
    printed = pdfium.PdfDocument(tab.pdf(prefer_css_page_size=True))
    assert len(printed) <= 25
    assert "Every table is whole in report.pdf" in printed[0].get_textpage().get_text_range()


@pytest.fixture(scope="module")
def pdf(whole):
    versions = {"small_evidence": "0.2.0", "python": "3.12.1"}
    return report_pdf(whole, "0.2.0", versions, evidence_tables(whole), methods_text(whole, versions))


def test_the_pdf_has_bookmarks_numbers_heads_and_every_row(whole, pdf):
    made = pdfium.PdfDocument(pdf)
    bookmarks = [entry.get_title() for entry in made.get_toc()]
    assert {"In plain words", "Table IV", "Summary of findings", "What is missing", "Methods"} <= set(bookmarks)
    pages = [made[number].get_textpage().get_text_range() for number in range(len(made))]
    assert all(f"Page {number} of {len(pages)}" in words for number, words in enumerate(pages, 1))
    assert all(whole.config["review"]["title"] in words for words in pages)
    words = re.sub(r"\W", "", "".join(pages))
    for table in evidence_tables(whole):
        for row in table.frame.to_dict("records"):
            first = str(row[table.columns[0].name])
            assert re.sub(r"\W", "", first) in words, (table.name, first)


def test_the_pdf_shows_words_as_they_are(small):
    hostile = '#read("/etc/passwd") $x$ *bold* @ref'

    def edit(tables):
        tables["studies"] = tables["studies"].assign(label=hostile)

    review = small(edit)
    versions = {"small_evidence": "0.2.0", "python": "3.12.1"}
    made = pdfium.PdfDocument(report_pdf(review, "", versions, evidence_tables(review), methods_text(review, versions)))
    words = "".join(made[number].get_textpage().get_text_range() for number in range(len(made)))
    assert re.sub(r"\s", "", hostile) in re.sub(r"\s", "", words)


def test_the_site_has_each_part_at_its_address(tmp_path):
    for name in ("report.html", "data/pooled.csv", "figures/a.svg", "0.1.0/provenance.json", "0.2.0/report.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for _ in range(2):
        save_site(
            tmp_path / "site",
            title="A <review>",
            report=[tmp_path / "report.html"],
            data=[tmp_path / "data/pooled.csv"],
            figures=tmp_path / "figures",
            releases=[tmp_path / "0.1.0", tmp_path / "0.2.0"],
        )
    site = tmp_path / "site"
    pages = [site / part / "index.html" for part in ("", "data", "figures", "releases/0.1.0", "releases/0.2.0")]
    for page in pages:
        links = Page(page.read_text(encoding="utf-8")).links
        assert links
        assert all((page.parent / link).is_file() for link in links)
    assert (site / "releases/0.1.0/provenance.json").read_text() == "0.1.0/provenance.json"
    assert (site / "releases/0.2.0/report.html").read_text() == "0.2.0/report.html"
    assert ["frozen without a report" in page.read_text() for page in pages] == [False, False, False, True, False]
