"""Adds what the tests of faults found to the record of `make faults`."""

import csv
import os
from pathlib import Path

import pytest

RECORD = os.environ.get("FAULTS_RECORD", "")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    ended = report.when == "call" or report.outcome == "skipped"
    if RECORD and ended and item.path.name == "test_faults.py":
        name = item.name.removeprefix("test_").replace("_", " ")
        with (Path(RECORD) / "faults.csv").open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([name, report.outcome])
