"""The workflow as its users run it: reviews good and bad, run end to end, changed and run again."""

import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from small_evidence.config import read_config
from small_evidence.extraction.checks import check_extraction
from small_evidence.extraction.schema import TABLES, columns
from small_evidence.review import RESULT_TABLES, Review, read_processed, read_review
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.awaiting import studies_without_counts
from tests.conftest import IGNORED, Run

PROJECT = Path(__file__).parents[1]
FAST = ("--config", "figures={preset: screen, formats: [svg], order: year}")


@pytest.fixture(scope="module")
def vasospasm(tmp_path_factory):
    """A small review, run once; no test changes it."""
    folder = tmp_path_factory.mktemp("vasospasm") / "review"
    shutil.copytree(PROJECT / "examples/vasospasm", folder, ignore=IGNORED)
    review = Run(folder, PROJECT)
    review.run(*FAST)
    return review


@pytest.fixture
def small(vasospasm, tmp_path):
    """The small review as it was run, with the times of its files, for a test that changes its tables."""
    shutil.copytree(vasospasm.folder, tmp_path / "review")
    return Run(tmp_path / "review", PROJECT)


def table(review, name):
    return pd.read_csv(review.path(f"results/tables/{name}.csv"), keep_default_na=False, na_values=[""])


def jobs(printed):
    """Names of the rules that a dry run would run."""
    return set(re.findall(r"^(\w+)\s+\d+$", printed, re.M)) - {"total", "all"}


def test_the_bundled_review_runs_from_tables_to_figures(calcinosis):
    pooled = table(calcinosis, "pooled").set_index("analysis")
    assert pooled.loc["diltiazem", ["k", "events", "n"]].tolist() == [4, 21, 41]
    assert pooled.loc["diltiazem", "estimate"] == pytest.approx(0.548, abs=5e-4)
    for suffix in ("svg", "pdf", "png"):
        assert calcinosis.path(f"results/figures/forest_diltiazem.{suffix}").stat().st_size > 1000
        assert calcinosis.path(f"results/figures/summary_forest.{suffix}").stat().st_size > 1000
    frames = read_review(calcinosis.folder)
    assert set(frames) >= {*TABLES, *RESULT_TABLES}
    assert [len(frames[name]) for name in ("studies", "responses", "therapies")] == [107, 121, 54]
    assert len(frames["reconciliation"]) == len(frames["published_claims"]) == 74


def test_warnings_are_counted_on_screen_and_listed(calcinosis):
    issues = table(calcinosis, "extraction_issues")
    assert f"no error, {len(issues)} warnings" in calcinosis.printed


def test_processed_tables_are_those_of_the_schema(calcinosis):
    assert {path.stem for path in calcinosis.path("data/processed").iterdir()} == set(TABLES)


def test_table_iv_can_be_read_by_people(calcinosis):
    sheet = openpyxl.load_workbook(calcinosis.path("results/tables/table_iv.xlsx")).active
    words = " ".join(str(value) for row in sheet.values for value in row if value is not None)
    assert "Diltiazem" in words
    assert "21/41 (51.2%)" in words
    assert not re.search(r"\bnan\b|None|sodium_thiosulfate|\d\.\d{6}", words)


MISSING_COUNTS = re.compile(r"ounts are missing or not verified in (\d+)|(\d+) stud\w+ whose counts are missing or not")


def words_of(path):
    """What people read in a file of results."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        return " ".join(str(cell) for sheet in book for row in sheet.values for cell in row if cell is not None)
    if path.suffix == ".docx":
        return zipfile.ZipFile(path).read("word/document.xml").decode()
    return path.read_text(encoding="utf-8") if path.suffix in (".md", ".html", ".tex", ".svg") else ""


def test_every_output_counts_the_same_studies_without_counts(calcinosis):
    expected = len(studies_without_counts(read_review(calcinosis.folder)))
    found = {}
    for path in sorted(calcinosis.path("results").rglob("*.*")):
        for numbers in MISSING_COUNTS.findall(words_of(path)):
            found.setdefault(path.name, set()).update(map(int, filter(None, numbers)))
    tables = ("table_iv.html", "table_iv.docx", "table_iv.tex", "awaiting.xlsx", "all_tables.xlsx", "all_tables.docx")
    assert {*tables, "results.md", "prisma2020_checklist.md", "report.html"} <= set(found)
    assert set(map(frozenset, found.values())) == {frozenset([expected])}
    assert len(table(calcinosis, "awaiting")) == expected


def test_nothing_changed_means_nothing_to_do(calcinosis):
    assert "Nothing to be done" in calcinosis.run("--dry-run")


def test_provenance_names_inputs_and_results(calcinosis):
    record = json.loads(calcinosis.path("results/provenance.json").read_text())
    assert "data/raw/responses.csv" in record["inputs"]
    assert {"results/tables/pooled.csv", "results/report.html"} <= set(record["results"])
    assert record["config"]["synthesis"]["min_studies"] == 3
    assert str(calcinosis.folder) not in json.dumps(record)


def test_a_second_clean_run_gives_the_same_bytes(vasospasm, copy_review):
    again = copy_review("examples/vasospasm")
    again.run(*FAST)
    first, second = vasospasm.files("results", "data/processed"), again.files("results", "data/processed")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_mistyped_count_stops_the_run_and_spoils_nothing(small):
    review, kept = small, ("results", "data/processed")
    before = review.files(*kept)
    logs = {name for name in before if name.startswith("results/logs/")}
    review.edit("data/raw/responses.csv", ",17,NR,NR,NR,16,", ",17,NR,NR,NR,26,")
    for _ in range(2):  # the second run must not take the tables that were put back for new ones
        printed = review.run(*FAST, code=1)
        assert "data/raw/responses.csv, row 2, column responders: 26 of n = 17 (study giannotta)" in printed
        assert "Traceback" not in printed
        after = review.files(*kept)
        assert {name for name in before | after if before.get(name) != after.get(name)} <= logs
    review.edit("data/raw/responses.csv", ",17,NR,NR,NR,26,", ",17,NR,NR,NR,16,")
    review.run("results/tables/pooled.csv", *FAST)
    tables = ("results/tables", "data/processed")
    assert review.files(*tables) == {name: data for name, data in before.items() if name.startswith(tables)}


def test_an_added_study_reruns_what_depends_on_it_and_a_removed_therapy_leaves_no_figure(small):
    raw = {name: small.path(f"data/raw/{name}.csv") for name in ("studies", "responses", "therapies")}
    before = {name: path.read_text() for name, path in raw.items()}
    both = ("new2025", "new2026")
    new = {
        "studies": [{"study_id": name, "label": f"Study {name}", "cohort_id": name} for name in both],
        "responses": [{"study_id": name, "response_id": name, "therapy": "other"} for name in both],
        "therapies": [{"therapy": "other", "label": "Other (SYNTHETIC)", "therapy_class": "other"}],
    }
    for name, rows in new.items():
        frame = pd.read_csv(raw[name], dtype=str, keep_default_na=False)
        added = pd.DataFrame([frame.iloc[0].to_dict() | cells for cells in rows])
        pd.concat([frame, added]).to_csv(raw[name], index=False)
    small.run("results/figures/preflight.csv", *FAST)
    row = table(small, "pooled").set_index("analysis").loc["other"]
    assert row[["k", "events", "n"]].tolist() == [2, 32, 34]
    figure = small.path("results/figures/forest_other.svg")
    assert "Study new2026" in figure.read_text()

    for name, path in raw.items():
        path.write_text(before[name])
    small.run("results/figures/preflight.csv", *FAST)
    assert not figure.exists()
    assert "other" not in set(table(small, "pooled")["therapy"])


def test_a_table_restored_from_an_older_copy_is_checked_again(calcinosis):
    path = calcinosis.path("data/raw/responses.csv")
    kept, times = path.read_bytes(), (path.stat().st_atime, path.stat().st_mtime)
    try:
        calcinosis.edit("data/raw/responses.csv", "4 years,12,NR,3,NR,3,", "4 years,12,NR,3,NR,4,")
        os.utime(path, (0, 0))
        assert "check" in jobs(calcinosis.run("--dry-run"))
    finally:
        path.write_bytes(kept)
        os.utime(path, times)


def test_a_changed_choice_reruns_what_rests_on_it(calcinosis):
    text = calcinosis.path("config/config.yaml").read_text()
    try:
        calcinosis.edit("config/config.yaml", "min_studies: 3 ", "min_studies: 2 ")
        to_do = jobs(calcinosis.run("--dry-run"))
        assert {"synthesise", "present", "draw"} <= to_do
        assert "check" not in to_do
    finally:
        calcinosis.path("config/config.yaml").write_text(text)


def test_a_changed_module_reruns(calcinosis):
    module = calcinosis.path("small_evidence/synthesis/analyses.py")
    text = module.read_text()
    try:
        module.write_text(text + "\n# changed\n")
        assert "synthesise" in jobs(calcinosis.run("--dry-run"))
    finally:
        module.write_text(text)
    assert "Nothing to be done" in calcinosis.run("--dry-run")


def test_one_edited_count_writes_again_what_it_is_in_and_no_other_file(small):
    """The small review has one analysis: its figures change, the flow of studies and the tables of studies stay."""
    before, numbers = small.files("results"), {path: path.stat().st_ino for path in small.path("results").rglob("*.*")}
    small.edit("data/raw/responses.csv", ",17,NR,NR,NR,16,", ",17,NR,NR,NR,15,")
    small.run(*FAST)
    after = small.files("results")
    different = {name for name, data in after.items() if data != before[name]}
    written = {str(path.relative_to(small.folder)) for path, number in numbers.items() if path.stat().st_ino != number}
    logs = {name for name in after if name.startswith("results/logs/")}
    assert written - logs == different - logs
    for name in ("figures/forest_hyperdynamic.svg", "figures/summary_forest.svg", "tables/table_iv.docx"):
        assert f"results/{name}" in different
    for name in ("figures/prisma_flow.svg", "tables/table_i.docx", "text/swim.docx"):
        assert f"results/{name}" not in written
    assert "Nothing to be done" in small.run("--dry-run", *FAST)


def test_a_figure_changed_by_hand_is_drawn_again_and_nothing_is_pooled(small):
    path = small.path("results/figures/summary_forest.svg")
    before = path.read_bytes()
    path.write_bytes(before.replace(b"100", b"99"))
    printed = small.run("results/figures/preflight.csv", *FAST)
    assert "Not as the last run wrote it: results/figures/summary_forest.svg; written again." in printed
    assert path.read_bytes() == before
    assert set(re.findall(r"^\d+ of \d+: (.*) \(", printed, re.M)) == {"figures drawn"}
    assert "Nothing to be done" in small.run("--dry-run", *FAST)


def test_a_changed_module_of_figures_pools_nothing_again(calcinosis):
    module = calcinosis.path("small_evidence/figures/marks.py")
    text = module.read_text()
    try:
        module.write_text(text + "\n# changed\n")
        to_do = jobs(calcinosis.run("--dry-run"))
        assert "draw" in to_do
        assert not {"check", "synthesise"} & to_do
    finally:
        module.write_text(text)


def test_one_figure_on_demand_in_a_format_of_its_own(calcinosis):
    calcinosis.run("results/figures/forest_diltiazem.tiff")
    path = calcinosis.path("results/figures/forest_diltiazem.tiff")
    assert path.read_bytes()[:4] in (b"II*\0", b"MM\0*")
    path.unlink()


def test_a_workbook_gives_the_same_tables_as_csv_files(calcinosis, copy_review):
    review = copy_review(".")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for path in sorted(review.path("data/raw").glob("*.csv")):
        sheet = book.create_sheet(path.stem)
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        sheet.append(list(frame))
        for row in frame.itertuples(index=False):
            sheet.append([int(cell) if re.fullmatch(r"[1-9]\d{0,6}|0", cell) else cell or None for cell in row])
        path.unlink()
    book.save(review.path("data/raw/extraction.xlsx"))
    review.run("data/processed/studies.csv")  # all that comes after is made of these tables
    theirs, ours = review.files("data/processed"), calcinosis.files("data/processed")
    issues = "results/tables/extraction_issues.csv"  # names the file, which differs
    assert len(review.path(issues).read_text().splitlines()) == len(calcinosis.path(issues).read_text().splitlines())
    assert theirs.keys() == ours.keys()
    assert [name for name in ours if theirs[name] != ours[name]] == []


def test_wrong_choices_are_named_before_anything_is_touched(calcinosis):
    text = calcinosis.path("config/config.yaml").read_text()
    before = calcinosis.files("results")
    try:
        calcinosis.edit("config/config.yaml", "scheme: modified_oxford", "scheme: modified_oxfrod")
        printed = calcinosis.run(code=1)
        assert "modified_oxfrod" in printed
        assert "modified_oxford" in printed
    finally:
        calcinosis.path("config/config.yaml").write_text(text)
    assert calcinosis.files("results") == before


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        ("extraction={require_adjudication: false}", '"false" is not of type boolean'),
        ("extraction={require_adjudication: maybe}", '"maybe" is not of type boolean'),
        ("synthesis={min_studies: 2}", '"2" is not of type integer'),
    ],
)
def test_text_from_the_command_line_is_never_taken_for_a_number_or_a_yes(calcinosis, choice, fault):
    """Snakemake hands on everything inside the braces of --config as text, and the text "false" would be a yes."""
    key = re.search(r"{(\w+)", choice)[1]
    printed = calcinosis.run("--dry-run", "--config", choice, code=1)
    assert fault in printed
    assert key in printed


def test_braces_in_a_title_are_no_wildcard(copy_review):
    review = copy_review(".")
    text = review.path("config/config.yaml").read_text()
    text = re.sub("  title: .*", '  title: "A {study} of {0} and {"', text, count=1)
    review.path("config/config.yaml").write_text(text)
    review.run("results/forms/extraction_form.xlsx")
    book = openpyxl.load_workbook(review.path("results/forms/extraction_form.xlsx"), read_only=True)
    assert any("A {study} of {0} and {" in str(cell) for row in book["Read me"].values for cell in row)


def test_a_choice_for_one_run_comes_from_a_file(calcinosis, tmp_path):
    (tmp_path / "other.yaml").write_text("extraction: {require_adjudication: true}\n")
    printed = calcinosis.run("--dry-run", "--configfile", str(tmp_path / "other.yaml"))
    assert "check" in jobs(printed)
    assert not jobs(calcinosis.run("--dry-run"))


def test_the_synthetic_review_has_the_published_shape():
    folder = PROJECT / "tests/data/synthetic"
    frames = synthesise(Review(check_extraction(folder / "data/raw", year=2026)[0], read_config(folder)))
    assert len(frames["studies"]) == 30
    entered = frames["arms"].query("entered == 'yes' and disease == 'all' and scope == 'therapy'")
    assert entered["n"].sum() == 288
    assert entered["therapy"].nunique() == 13
    arms = set(zip(entered["therapy"], entered["responders"], entered["n"], strict=True))
    assert {("diltiazem", 5, 8), ("surgical_excision", 7, 7)} <= arms
    assert all("SYNTHETIC" in " ".join(row) for name in TABLES if name != "outcomes" for row in frames[name].to_numpy())


def test_the_notes_of_a_run_have_the_hash_of_every_input(calcinosis):
    """By these a table is noticed whose time is that of the last run; Snakemake hashes files of up to a megabyte."""
    notes = [path for path in calcinosis.path(".snakemake/metadata").rglob("*") if path.is_file()]
    assert notes
    for note in notes:
        found = json.loads(note.read_text())
        hashed = {name for name in found["input"] if calcinosis.path(name).stat().st_size <= 1_000_000}
        assert found["rule"] == "all" or set(found["input_checksums"]) == hashed


def test_two_extractors_differ_decide_and_the_run_uses_what_they_agreed_on(copy_review):
    review = copy_review("tests/data/minimal")
    first = pd.read_csv(review.path("data/raw/responses.csv"), dtype=str, keep_default_na=False)
    second = first.assign(response_id="synthetic_" + first["response_id"], notes="SYNTHETIC second extraction")
    for column, change in (("n_partial", 1), ("n_none", -1), ("responders", 1)):
        second.loc[0, column] = str(int(first.loc[0, column]) + change)
    review.path("data/raw/second_extraction").mkdir()
    second.to_csv(review.path("data/raw/second_extraction/responses.csv"), index=False)
    wanted = ("results/tables/pooled.csv", "results/tables/disagreements.xlsx")

    review.run(*wanted)
    before = read_processed(review.path("data/processed/responses.csv"))
    assert before["responders"].tolist() == first["responders"].tolist()
    assert table(review, "extraction_issues")["rule"].tolist().count("extractors_differ") == 1
    agreed = table(review, "agreement").set_index(["table", "column"])["agreed"]
    assert agreed["responses", "responders"] == len(first) - 1

    review.edit("config/config.yaml", "require_adjudication: false", "require_adjudication: true")
    printed = review.run(*wanted, code=1)
    seen = first.loc[0, "responders"], second.loc[0, "responders"]
    assert "column responders: {}, but {} in row 2 of the second extraction".format(*seen) in printed
    assert "Traceback" not in printed

    book = openpyxl.load_workbook(review.path("results/tables/disagreements.xlsx"))
    header = [cell.value for cell in book.active[1]]
    assert book.active.max_row == 1 + 3
    for row in book.active.iter_rows(min_row=2):
        row[header.index("agreed")].value = int(row[header.index("second")].value)
    book.save(review.path("data/raw/adjudication.xlsx"))
    review.run(*wanted)
    after = read_processed(review.path("data/processed/responses.csv"))
    assert after["responders"].tolist() == second["responders"].tolist()
    assert table(review, "disagreements")["state"].tolist() == ["agreed"] * 3
    # from the pooled number back to the row that two people agreed on
    trace = table(review, "trace").query("analysis == 'diltiazem' and entered == 'yes'")
    row = table(review, "pooled").set_index("analysis").loc["diltiazem"]
    assert trace["responders"].sum() == row["events"] == after["responders"].astype(int).sum()


def test_appraisals_and_a_second_extraction_reach_the_archive_and_leave_with_their_tables(copy_review):
    review = copy_review("tests/data/minimal")
    studies = pd.read_csv(review.path("data/raw/studies.csv"), dtype=str, keep_default_na=False)
    rows = [
        {"study_id": studies["study_id"][0], "tool": "jbi_case_series", "item": f"J{number}", "answer": "yes",
         "support": "SYNTHETIC", "rater": "SYNTHETIC rater"}
        for number in range(1, 11)
    ]  # fmt: skip
    pd.DataFrame(rows, columns=columns("risk_of_bias")).to_csv(review.path("data/raw/risk_of_bias.csv"), index=False)
    second = review.path("data/raw/second_extraction")
    second.mkdir()
    studies.to_csv(second / "studies.csv", index=False)
    archive = "results/export/screen.zip"
    review.run(archive, "results/report.html", *FAST)
    with zipfile.ZipFile(review.path(archive)) as opened:
        names = opened.namelist()
        light = next(name for name in names if name.endswith("_risk_of_bias.svg"))
        assert "Clear inclusion criteria" in opened.read(light).decode()
    assert {"risk_of_bias.docx", "agreement.docx"} <= {re.sub(r"tables/table_s\d+_", "", name) for name in names}

    assert len(table(review, "agreement"))
    shutil.rmtree(second)
    review.run("results/report.html", *FAST)
    assert table(review, "risk_of_bias")["Answers"].tolist() == ["yes 10"] + ["not appraised"] * (len(studies) - 1)
    assert table(review, "agreement").empty
    assert not read_review(review.folder).extracted_twice
    assert "No second extraction is recorded" in review.path("results/tables/agreement.html").read_text()


def test_vasospasm_agrees_with_metafor_and_with_the_exact_integration(vasospasm):
    row = read_review(vasospasm.folder)["pooled"].set_index("analysis").loc["hyperdynamic"]
    exact = json.loads((PROJECT / "tests/reference/exact/pritz1997.json").read_text())["binomial_normal_ml"]
    glmm = json.loads((PROJECT / "tests/reference/metafor/pritz1997.json").read_text())["glmm"]["nAGQ21_z"]
    assert row["k"] == 14
    assert row["b"] == pytest.approx(exact["b"], abs=1e-7)
    assert row["se"] == pytest.approx(exact["se"], abs=1e-7)
    assert row["tau2"] == pytest.approx(exact["tau2"], abs=1e-6)
    # metafor's optimiser stops earlier: 2e-5 is its distance from the exact integration
    assert row["b"] == pytest.approx(glmm["b"], abs=2e-5)
    assert row["tau2"] == pytest.approx(glmm["tau2"], abs=2e-5)


def test_a_review_without_tables_says_what_is_sought(copy_review):
    review = copy_review("tests/data/minimal")
    shutil.rmtree(review.path("data/raw"))
    printed = review.run(code=1)
    assert "data/raw" in printed
    assert "small-evidence new" in printed
    assert "extraction.xlsx" in printed
    assert "Traceback" not in printed
