"""The examples and the table of docs/statistics.md are what the package gives."""

import doctest
from pathlib import Path

from small_evidence.pooling import STATUSES

DOCUMENT = Path(__file__).parents[1] / "docs" / "statistics.md"


def test_examples_run():
    found = doctest.testfile(str(DOCUMENT), module_relative=False)
    assert found.attempted >= 10
    assert found.failed == 0


def test_every_status_is_explained():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [status for status in STATUSES if f"`{status}`" not in text] == []
