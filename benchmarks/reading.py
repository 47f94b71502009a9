"""CPU time and memory of reading and checking an extraction of 1,000 to 100,000 response rows, beside a plain read.

Run as ``python benchmarks/reading.py [rows ...]``. The extraction is made up (seeded) and passes every check; the whole
of it is read and checked. The peers only read the table of responses as text: pandas with its CSV reader, with openpyxl
and with calamine. Each run is a process of its own, its start counted; ours and the peers are timed in turn, so that a
change in the machine's speed falls on all.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import xlsxwriter
from run import measure

PROJECT = Path(__file__).parents[1]
RUNS = 3
ROWS = (1_000, 10_000, 100_000)
ROWS_A_STUDY = 5
WORDS = ("deposits", "smaller", "after", "treatment", "on", "palpation", "radiograph", "patients", "dose", "improved")
OURS = "from small_evidence.extraction.checks import check_extraction; check_extraction({folder!r}, year=2026)"
AS_TEXT = "dtype=str, keep_default_na=False"
SHEET = "{folder!r} + '/extraction.xlsx', sheet_name='responses'"
PEERS = {
    "csv": {"pandas": f"import pandas; pandas.read_csv({{folder!r}} + '/responses.csv', {AS_TEXT})"},
    "xlsx": {
        "pandas, openpyxl": f"import pandas; pandas.read_excel({SHEET}, {AS_TEXT}, engine='openpyxl')",
        "pandas, calamine": f"import pandas; pandas.read_excel({SHEET}, {AS_TEXT}, engine='calamine')",
    },
}


def extraction(rows: int) -> dict[str, pd.DataFrame]:
    """A made-up extraction without a fault: `rows` rows of responses, five a study, texts of usual length."""
    draw = random.Random(rows)

    def words(number):
        return " ".join(draw.choices(WORDS, k=number))

    therapies = [f"therapy{number}" for number in range(40)]
    diseases = [f"disease{number}" for number in range(5)]
    studies, responses = [], []
    for study in range(-(-rows // ROWS_A_STUDY)):
        name = f"study{study}"
        studies.append(
            {
                "study_id": name, "label": f"Doe {study}", "first_author": "Doe J", "year": "2020",
                "title": f"{words(12)} {study}", "journal": "SYNTHETIC", "doi": "NR", "pmid": "NR",
                "design": "case_series", "controlled": "no", "n_patients": "60", "cohort_id": name,
                "published_review": "no", "status": "included", "status_reason": "", "level_override": "",
                "level_override_reason": "", "notes": words(20),
            }
        )  # fmt: skip
        for number, therapy in enumerate(draw.sample(therapies, min(ROWS_A_STUDY, rows - len(responses)))):
            n = draw.randint(1, 60)
            complete = draw.randint(0, n)
            partial = draw.randint(0, n - complete)
            responses.append(
                {
                    "response_id": f"{name}_{number}", "study_id": name, "therapy": therapy,
                    "disease": draw.choice(diseases), "outcome": "clinical_response", "primary_outcome": "yes",
                    "unit": "patient", "dose": "NR", "follow_up": f"{draw.randint(1, 60)} months", "n": str(n),
                    "n_complete": str(complete), "n_partial": str(partial), "n_none": str(n - complete - partial),
                    "responders": str(complete + partial), "response_definition": words(6),
                    "evidence_basis": "full_text", "source": f"doi:10.1000/{study}", "location": "Table 2",
                    "paraphrase": words(25), "confidence": "high", "pool": "yes", "pool_reason": "",
                    "notes": words(10),
                }
            )  # fmt: skip
    return {
        "studies": pd.DataFrame(studies),
        "responses": pd.DataFrame(responses),
        "therapies": pd.DataFrame(
            [
                {"therapy": name, "label": name, "therapy_class": "drugs", "kind": "drug", "display_order": str(order)}
                for order, name in enumerate(therapies)
            ]
        ),
        "diseases": pd.DataFrame([{"disease": name, "label": name} for name in diseases]),
    }


def write(tables: dict[str, pd.DataFrame], folder: str | Path, form: str) -> None:
    """Write the tables as CSV files ("csv") or as one workbook ("xlsx"), counts as numbers."""
    folder = Path(folder)
    folder.mkdir()
    if form == "csv":
        for name, frame in tables.items():
            frame.to_csv(folder / f"{name}.csv", index=False)
        return
    with xlsxwriter.Workbook(folder / "extraction.xlsx", {"strings_to_numbers": True}) as book:
        for name, frame in tables.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate([list(frame.columns), *frame.to_numpy().tolist()]):
                sheet.write_row(row, 0, cells)


def main() -> None:
    """Print median CPU seconds and largest MiB of ours and of the peers, and their ratio."""
    print(f"{'rows':>8} {'form':5}{'':34}{'CPU s':>8}{'MiB':>7}  ours / peer: CPU s, MiB")
    for rows in [int(word) for word in sys.argv[1:]] or ROWS:
        for form, peers in PEERS.items():
            with tempfile.TemporaryDirectory() as place:
                folder = str(Path(place) / "raw")
                # in a process of its own: the memory of a process counts as that of those it starts
                make = f"import reading; reading.write(reading.extraction({rows}), {folder!r}, {form!r})"
                subprocess.run([sys.executable, "-c", make], cwd=Path(__file__).parent, check=True)
                codes = {"this library, read and checked": OURS} | {
                    f"{name}, read": code for name, code in peers.items()
                }
                timings = {name: [] for name in codes}
                for _ in range(RUNS):
                    for name, code in codes.items():
                        timings[name].append(measure([sys.executable, "-c", code.format(folder=folder)], PROJECT))
            ours = None
            for name, runs in timings.items():
                seconds, memory = statistics.median(run[0] for run in runs), max(run[2] for run in runs)
                ours = ours or (seconds, memory)
                ratio = "" if name.startswith("this") else f"  {ours[0] / seconds:.2f}, {ours[1] / memory:.2f}"
                print(f"{rows:8} {form:5}{name:34}{seconds:8.2f}{memory:7.0f}{ratio}", flush=True)


if __name__ == "__main__":
    main()
