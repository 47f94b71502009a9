"""Size of the report, CPU seconds to build it, and seconds until a reader can use it, for reviews of growing size.

Run as ``python benchmarks/report.py 30 300 3000``. Every row of the reviews is SYNTHETIC. The first use is timed in
Chromium through Playwright, from opening the file until Table IV was filtered and the first treatment shows its rows.
"""

from __future__ import annotations

import csv
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from playwright.sync_api import sync_playwright

from small_evidence.config import complete_config
from small_evidence.extraction.checks import check_extraction, compare_extractions, read_places
from small_evidence.presentation.report import read_templates, report, save_report
from small_evidence.review import Review
from small_evidence.synthesis.analyses import synthesise

PROJECT = Path(__file__).parents[1]
TEMPLATES = PROJECT / "workflow/templates"
SIZES = {30: (30, 13, 1), 300: (30, 4, 10), 3000: (30, 3, 100)}  # studies, therapies, copies, by studies in all
NAMES = re.compile(r"([Aa]uthor ?|drug[_ ]|class_)(?=\d)")  # of what is copied under another name
ONCE = ("diseases", "outcomes", "scenarios", "caveats", "records")  # tables without a row a study or therapy
DISEASES = ("ssc", "dm", "jdm", "mixed")
DESIGNS = ("case_series", "case_series_prospective", "cohort_uncontrolled", "single_arm_trial")
KINDS = ("drug", "surgery", "physical")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RECORD = {"small_evidence": "", "python": "", "packages": {}, "inputs": {}, "changed_since_read": []}


def synthetic_tables(studies: int, therapies: int, seed: int = 0) -> dict[str, list[dict[str, object]]]:
    """Rows of the tables of a review, as long as those of the bundled one. SYNTHETIC in every row."""
    chance = random.Random(studies + seed)
    found: dict[str, list[dict[str, object]]] = {
        "diseases": [{"disease": slug, "label": f"SYNTHETIC {slug}", "synonyms": slug.upper()} for slug in DISEASES],
        "therapies": [
            {"therapy": f"drug_{at}", "label": f"SYNTHETIC drug {at}", "therapy_class": f"class_{at // 3}",
             "kind": KINDS[at % 3], "route": "oral", "display_order": at + 1}
            for at in range(therapies)
        ],
        "studies": [], "responses": [], "adverse_events": [],
    }  # fmt: skip
    for at in range(studies):
        study, therapy, awaiting = f"author{at}", f"drug_{at % therapies}", at % 7 == 6
        n, own = chance.randint(1, 20), chance.sample(DISEASES, 1 + (at % 5 == 0))
        found["studies"].append(
            {"study_id": study, "label": f"Author {at}", "first_author": f"Author{at} A", "year": 1980 + at % 45,
             "title": f"SYNTHETIC title {at}: treatment of a rare disease with {therapy} in a series of patients",
             "journal": "SYNTHETIC Journal 2001;57(4):252", "doi": f"10.1000/synthetic.{at}", "design": DESIGNS[at % 4],
             "controlled": "no", "n_patients": n * len(own), "cohort_id": study,
             "status": "awaiting" if awaiting else "included",
             "status_reason": "SYNTHETIC" if awaiting else "", "notes": f"SYNTHETIC {'words of a note ' * 8}"}
        )  # fmt: skip
        for disease in own:
            x = "NR" if awaiting else chance.randint(0, n)
            found["responses"].append(
                {"response_id": f"{study}_{therapy}_{disease}", "study_id": study, "therapy": therapy,
                 "disease": disease, "outcome": "response", "unit": "patient", "dose": "50 mg/day",
                 "follow_up": "12 months", "n": "NR" if awaiting else n, "responders": x,
                 "response_definition": "SYNTHETIC: smaller on radiographs",
                 "evidence_basis": "abstract", "source": f"doi:10.1000/synthetic.{at}", "location": "abstract",
                 "paraphrase": f"SYNTHETIC: {x} of {n} patients had smaller deposits after a year of treatment.",
                 "confidence": "high", "pool": "no" if awaiting else "yes",
                 "pool_reason_code": "counts_missing" if awaiting else "", "notes": "SYNTHETIC"}
            )  # fmt: skip
        if at % 4 == 0:
            found["adverse_events"].append(
                {"study_id": study, "therapy": therapy, "term": "SYNTHETIC nausea", "n_patients": 1, "n_at_risk": n,
                 "serious": "no", "reporting": "reported", "source": f"doi:10.1000/synthetic.{at}",
                 "notes": "SYNTHETIC"}
            )  # fmt: skip
    return found


def synthetic_review(studies: int, therapies: int, copies: int = 1) -> Review:
    """A review, checked and with every result; copies of it under other names where it is to be larger.

    To pool thousands of studies takes longer than to report them, and the report asks only how many rows there are.
    """
    with tempfile.TemporaryDirectory() as place:
        for name, rows in synthetic_tables(studies, therapies).items():
            write_rows(Path(place) / f"{name}.csv", rows)
        tables, issues = check_extraction(place, year=2026)
        compared = dict(zip(("agreement", "disagreements"), compare_extractions(place), strict=True))
        choices = {"title": "SYNTHETIC review", "condition": "a SYNTHETIC disease"}
        review = synthesise(Review(tables, complete_config({"review": choices})))
        review = review.with_results({"extraction_issues": issues, "places": read_places(place), **compared})
    if copies == 1:
        return review
    tables = {name: _copied(frame, copies if name not in ONCE else 1) for name, frame in review.tables.items()}
    return Review(tables, review.config, {name: _copied(frame, copies) for name, frame in review.results.items()})


def _copied(frame: pd.DataFrame, copies: int) -> pd.DataFrame:
    """Rows as often as that, with other names of studies, therapies and classes each time."""
    made = [frame]
    for at in range(1, copies):
        names = partial(NAMES.sub, rf"\g<0>{at}_")
        made.append(frame.map(lambda cell, names=names: names(cell) if isinstance(cell, str) else cell))
    return pd.concat(made, ignore_index=True)


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows with the same keys as CSV."""
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def opened(page: Path) -> dict[str, float]:
    """Seconds from opening a report in Chromium until each step of a reader is done."""
    taken = {}
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        start = time.perf_counter()
        tab.goto(f"{page.as_uri()}#table-iv")
        kind = tab.locator("#table-iv select[name=kind]")
        kind.wait_for()
        taken["filters ready"] = time.perf_counter() - start
        kind.select_option("drug")
        taken["Table IV filtered"] = time.perf_counter() - start
        tab.locator("#table-iv tbody a[href='#therapy-drug_0']").first.click()
        tab.locator("#therapy-drug_0 figure img").wait_for()
        taken["treatment opened"] = time.perf_counter() - start
        tab.evaluate("location.hash = '#study-author1'")
        tab.locator("tr#study-author1").wait_for()
        taken["study found"] = time.perf_counter() - start
        browser.close()
    return taken


def main() -> None:
    """Print a line a size."""
    templates = read_templates(sorted(TEMPLATES.glob("report*")))
    for studies in map(int, sys.argv[1:] or SIZES):
        review = synthetic_review(*SIZES[studies])
        start = time.process_time()
        made = report(review, record=RECORD, templates=templates)
        built = time.process_time() - start
        with tempfile.TemporaryDirectory() as place:
            page = Path(place) / "report.html"
            save_report(made, page)
            steps = "; ".join(f"{name} {seconds:.1f} s" for name, seconds in opened(page).items())
        size = len(made.encode()) / 1e6
        print(f"{studies} studies: {size:.2f} MB, built in {built:.1f} CPU s; {steps}", flush=True)


if __name__ == "__main__":
    main()
