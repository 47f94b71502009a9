"""README shows rows and results of the bundled review as they are, and names files and figures that exist."""

import re

import pandas as pd
import pytest

from small_evidence.reasons import not_pooled_reason
from small_evidence.wording import estimate, fraction
from tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def rows_under(head):
    """Cells of the table of README whose header begins so."""
    lines = README[README.index(f"| {head}") :].split("\n\n")[0].splitlines()
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return pd.DataFrame(rows, columns=header)


def test_the_rows_it_shows_are_rows_of_the_tables(tables):
    shown = rows_under("study_id")
    assert len(shown) == 5
    found = shown.merge(tables["responses"], on=list(shown.columns))
    assert len(found) == 5


def test_the_results_it_shows_are_those_of_the_run(synthesised):
    shown = rows_under("Treatment").set_index("Treatment")
    for name in ("diltiazem", "warfarin"):
        one = synthesised.analysis(name)
        result = one.result
        value = estimate(*one.estimate) if one.pooled else f"not pooled: {not_pooled_reason(result, synthesised)}"
        row = [str(result["k"]), fraction(result["events"], result["n"]), value, one.level["level"]]
        assert shown.loc[one.label].tolist() == row


def test_the_number_of_studies_it_gives_is_that_of_the_tables(tables):
    assert re.search(r"\((\d+) studies\)", README)[1] == str(len(tables["studies"]))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_to_files(path):
    assert (PROJECT / path).exists()
