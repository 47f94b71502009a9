"""Records of the review: from the config to title page, methods and checklist, left for the authors where empty."""

import pytest

from small_evidence import ReviewError
from small_evidence.config import complete_config
from small_evidence.presentation.checklists import checklist_table, facts
from small_evidence.presentation.manuscript import methods_text
from small_evidence.presentation.records import FOR_AUTHORS, title_page
from small_evidence.release.provenance import versions
from small_evidence.review import Review

RECORDS = {
    "authors": [
        {"name": "SYNTHETIC Doe", "orcid": "0000-0002-1825-0097", "affiliation": "SYNTHETIC", "roles": ["Software"]},
        {"name": "SYNTHETIC Roe"},
    ],
    "conflicts": "None.",
    "registration": "SYNTHETIC register 1",
    "databases": ["MEDLINE", "Embase"],
    "search_dates": "2000 to 2025",
}


def words(text):
    return [block if isinstance(block, str) else getattr(block, "words", "") for block in text.blocks]


def test_the_title_page_prints_the_records_and_leaves_the_rest_to_the_authors():
    review = Review({}, complete_config({"review": {"title": "SYNTHETIC"}, "publication": RECORDS}))
    shown = words(title_page(review))
    assert "SYNTHETIC Doe, SYNTHETIC, ORCID 0000-0002-1825-0097" in shown
    assert "Software: SYNTHETIC Doe." in shown
    assert "Databases searched: MEDLINE, Embase (2000 to 2025)." in shown
    assert shown[shown.index("Funding") + 1] == FOR_AUTHORS
    assert set(words(title_page(Review({})))) & {FOR_AUTHORS}


def test_checklist_and_methods_of_the_bundled_review_carry_what_its_source_says(synthesised):
    known = facts(synthesised)
    prisma = synthesised.standards.checklists[0]
    answered = checklist_table(prisma, known).frame.set_index("Item")
    assert "Medline, Embase, Cochrane Library" in answered.loc["6", "Reported"]
    assert "1980 to July 2018" in answered.loc["6", "Reported"]
    assert answered.loc["6", "Answered"] == answered.loc["25", "Answered"] == "from the configuration"
    assert answered.loc["24a", "Answered"] == answered.loc["26", "Answered"] == "by the authors"
    assert any("1980 to July 2018" in line for line in words(methods_text(synthesised, versions())))


@pytest.mark.parametrize(
    ("author", "fault"),
    [
        ({"name": "X", "orcid": "0000"}, '"0000" is not of the form'),
        ({"name": "X", "roles": ["Softwear"]}, "nearest is Software"),
        ({"orcid": "0000-0002-1825-0097"}, "name"),
    ],
)
def test_a_wrong_record_is_refused(author, fault):
    with pytest.raises(ReviewError, match=fault):
        complete_config({"publication": {"authors": [author]}})
