"""The files for RevMan have the columns that are published, and the counts of the review, each once."""

import csv
import io
import zipfile

import pandas as pd

from small_evidence.extraction.retractions import MARKED
from small_evidence.presentation.revman import revman_tables, save_revman

# Columns as the public program ebm_backend (persistence/formats/study_results.py) writes them, and those of study
# information that programs read from data packages of Cochrane reviews
ARMS = ["Study", "Arm", "Description", "Intervention"]
RESULTS_USED = ["Study", "Outcome", "Data type", "Arm", "Sample size", "Cases", "Footnotes"]
INFORMATION = ["Study", "Char: Participants", "Char: Notes"]


def test_columns_and_keys(synthesised):
    made = revman_tables(synthesised)
    information, arms, results = made["study-information"], made["study-arms"], made["study-results"]
    assert list(information.columns) == INFORMATION
    assert list(arms.columns) == ARMS
    assert len(results.columns) == 41
    assert list(results.loc[:, (results != "").any()].columns) == RESULTS_USED
    assert information["Study"].is_unique
    assert not arms.duplicated(["Study", "Arm"]).any()
    assert not results.duplicated(["Study", "Arm", "Outcome"]).any()
    assert set(arms["Study"]) <= set(information["Study"])
    assert set(zip(results["Study"], results["Arm"], strict=True)) == set(zip(arms["Study"], arms["Arm"], strict=True))
    assert set(results["Data type"]) == {"Dichotomous"}
    assert not set(information["Char: Participants"]) & {"NR", "NR patients"}
    told = synthesised["responses"]["response_definition"]
    assert set(results["Footnotes"]) & set(told[~told.isin(["", "NR"])])
    assert not set(results["Footnotes"]) & {"NR", "UNCLEAR"}


def test_every_arm_of_an_analysis_is_there_with_its_counts(synthesised):
    results = revman_tables(synthesised)["study-results"]
    entered = synthesised["arms"].query("entered == 'yes' and scope == 'therapy' and disease == 'all'")
    names = entered.assign(
        study=entered["study_id"].map(synthesised.labels.study),
        therapy=entered["therapy"].map(synthesised.labels.therapy),
    )
    found = set(results[["Study", "Arm", "Cases", "Sample size"]].itertuples(index=False, name=None))
    assert set(names[["study", "therapy", "responders", "n"]].itertuples(index=False, name=None)) <= found


def test_studies_of_one_name_stay_apart_and_a_retracted_one_is_noted(synthesised):
    studies = synthesised["studies"]
    first, second = studies.loc[studies["status"] == "included", "study_id"][:2]
    same = studies.assign(label=studies["label"].where(~studies["study_id"].isin([first, second]), "Doe 2020"))
    marks = pd.DataFrame([(first, "retraction", "doi", "", "", "")], columns=MARKED)
    review = synthesised.with_tables(studies=same).with_results({"retracted": marks})
    information = revman_tables(review)["study-information"].set_index("Study")
    assert information.loc[f"Doe 2020 ({first})", "Char: Notes"].endswith("Report retracted")
    assert not information.loc[f"Doe 2020 ({second})", "Char: Notes"].endswith("Report retracted")


def test_a_formula_is_no_formula_in_the_archive(synthesised, tmp_path):
    studies = synthesised["studies"]
    label = studies["label"].where(studies.index != 0, "=cmd|'/C calc'!A0")
    save_revman(synthesised.with_tables(studies=studies.assign(label=label)), tmp_path / "revman.zip")
    with zipfile.ZipFile(tmp_path / "revman.zip") as archive:
        text = archive.read("study-information.csv").decode()
    assert [row[0] for row in csv.reader(io.StringIO(text))][1] == "'=cmd|'/C calc'!A0"


def test_the_rule_writes_the_archive(copy_review):
    review = copy_review("tests/data/minimal")
    review.run("results/export/revman.zip")
    with zipfile.ZipFile(review.path("results/export/revman.zip")) as archive:
        names = archive.namelist()
        results = pd.read_csv(archive.open("study-results.csv"))
    assert names == ["study-information.csv", "study-arms.csv", "study-results.csv"]
    raw = pd.read_csv(review.path("data/raw/responses.csv"))
    assert results["Cases"].sum() == raw["responders"].sum()
    assert results["Sample size"].sum() == raw["n"].sum()
