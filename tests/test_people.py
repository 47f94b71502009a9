"""Names of authors as databases write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_evidence.extraction.people import people, person


@pytest.mark.parametrize(
    ("name", "short", "inverted"),
    [
        ("Palmieri, Gino M. A.", "Palmieri GMA", "Palmieri, Gino M. A."),
        ("Palmieri GMA", "Palmieri GMA", "Palmieri, GMA"),
        ("Anna Berg", "Berg A", "Berg, Anna"),
        ("J. R. R. Tolkien", "Tolkien JRR", "Tolkien, J. R. R."),
        ("Müller, Karl-Heinz", "Müller KH", "Müller, Karl-Heinz"),
        ("O'Brien KL", "O'Brien KL", "O'Brien, KL"),
        # particles
        ("van der Berg, Jan", "van der Berg J", "van der Berg, Jan"),
        ("Jan van der Berg", "van der Berg J", "van der Berg, Jan"),
        ("Berg, Jan van der", "van der Berg J", "van der Berg, Jan"),
        ("de la Cruz MA", "de la Cruz MA", "de la Cruz, MA"),
        ("DE SILVA A", "DE SILVA A", "DE SILVA, A"),
        # suffixes
        ("Doe, Jr., John", "Doe J", "Doe, John, Jr"),
        ("Doe, John, Jr.", "Doe J", "Doe, John, Jr"),
        ("Doe JX 3rd", "Doe JX", "Doe, JX, 3rd"),
        ("Doe, J. X., III", "Doe JX", "Doe, J. X., III"),
        # groups
        ("World Health Organization", "World Health Organization", "World Health Organization"),
        ("{Food and Drug Administration}", "Food and Drug Administration", "Food and Drug Administration"),
        ("Novartis,", "Novartis", "Novartis"),
        ("CLASSICC Study Group", "CLASSICC Study Group", "CLASSICC Study Group"),
        ("Research, Anna", "Research A", "Research, Anna"),
        # other scripts
        ("王小明", "王小明", "王小明"),
        ("王, 小明", "王 小明", "王, 小明"),
        ("Иванов И.И.", "Иванов ИИ", "Иванов, И.И."),
        ("Иванов, Иван", "Иванов И", "Иванов, Иван"),
        ("Παπαδόπουλος, Γιώργος", "Παπαδόπουλος Γ", "Παπαδόπουλος, Γιώργος"),
        ("Madonna", "Madonna", "Madonna"),
    ],
)
def test_one_author(name, short, inverted):
    assert (person(name).short, person(name).inverted) == (short, inverted)


@pytest.mark.parametrize(
    ("field", "shorts"),
    [
        ("Doe, A.; Roe, B.; Poe, C.", ["Doe A", "Roe B", "Poe C"]),
        ("Doe A., Roe B.C.", ["Doe A", "Roe BC"]),
        ("Doe, A., Roe, B.", ["Doe A", "Roe B"]),
        ("Doe, A. and Roe, B.", ["Doe A", "Roe B"]),
        ("Doe A, Roe B, and Poe C", ["Doe A", "Roe B", "Poe C"]),
        ("Doe, A. & Roe, B.", ["Doe A", "Roe B"]),
        ("Doe, A.; et al.", ["Doe A"]),
        ("Doe A et al.", ["Doe A"]),
        ("Doe A and Roe BC and others", ["Doe A", "Roe BC"]),
        ("Anna Doe and Jan van der Roe", ["Doe A", "van der Roe J"]),
        ("Anna Doe, Jan Roe, Eva Poe", ["Doe A", "Roe J", "Poe E"]),
        ("García López, Ana María", ["García López AM"]),
        ("Doe A*, Roe B†", ["Doe A", "Roe B"]),
        ("[Anonymous]", []),
        ("[No author name available]", []),
        ("Food and Drug Administration", ["Food and Drug Administration"]),
        ("Doe, Jane", ["Doe J"]),
        ("", []),
    ],
)
def test_several_authors_in_one_field(field, shorts):
    assert [author.short for author in people([field])] == shorts


SURNAMES = st.text("ABCDEFGabcdefgéüñ", min_size=2, max_size=8).map(str.capitalize)


@given(SURNAMES, st.text("ABCDEFG", min_size=1, max_size=3))
def test_the_three_ways_of_writing_a_name_agree(surname, letters):
    spaced = " ".join(f"{letter}." for letter in letters)
    ways = [f"{surname} {letters}", f"{surname}, {spaced}", f"{spaced} {surname}"]
    assert {person(way).short for way in ways} == {f"{surname} {letters}"}
