"""Many reviews in one command: each as a run of it alone gives it, faults kept apart, a stopped batch that goes on."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from small_evidence import ReviewError
from small_evidence.batch import (
    ANALYSES,
    REVIEWS,
    WRITTEN,
    collect_parts,
    content_of_part,
    largest_tables,
    reviews_below,
    reviews_of_part,
    run_batch,
    save_part,
)
from small_evidence.config import read_config
from small_evidence.extraction.checks import check_extraction
from small_evidence.review import Review, csv_bytes
from small_evidence.standards import Standards
from small_evidence.synthesis.analyses import synthesise

DATA = Path(__file__).parent / "data"


@pytest.fixture
def folder(tmp_path):
    """Two good reviews, one of them deeper, and one with a fault."""
    for name in ("first", "group/second", "faulty"):
        shutil.copytree(DATA / "minimal", tmp_path / name, ignore=shutil.ignore_patterns("results", "processed"))
    path = tmp_path / "faulty/data/raw/responses.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[0, "responders"] = "999"
    frame.to_csv(path, index=False)
    studies = tmp_path / "first/data/raw/studies.csv"  # and one with a column of its own
    pd.read_csv(studies, dtype=str, keep_default_na=False).assign(country="SYNTHETIC").to_csv(studies, index=False)
    config = tmp_path / "first/config/config.yaml"
    choices = yaml.safe_load(config.read_text(encoding="utf-8"))
    choices.setdefault("synthesis", {})["covariates"] = ["country"]
    config.write_text(yaml.safe_dump(choices), encoding="utf-8")
    return tmp_path


def states(done):
    return {one.review: one.state for one in done}


def test_reviews_are_those_of_single_runs_and_a_faulty_one_is_named(folder):
    done = run_batch(folder, workers=2)
    assert states(done) == {"faulty": "failed", "first": "done", "group/second": "done"}
    message = next(one.message for one in done if one.state == "failed")
    assert "data/raw/responses.csv, row 2, column responders: 999" in message
    raw = folder / "first/data/raw"
    tables = check_extraction(raw, instruments=Standards().instruments, covariates=["country"])[0]
    assert (folder / "first/data/processed/studies.csv").read_bytes() == csv_bytes(tables["studies"])
    assert set(tables["studies"]["country"]) == {"SYNTHETIC"}
    alone = synthesise(Review(tables, read_config(folder / "first")))
    for name in WRITTEN:
        assert (folder / f"first/results/tables/{name}.csv").read_bytes() == csv_bytes(alone[name]), name
    assert not (folder / "faulty/results").exists()
    analyses = pd.read_csv(folder / ANALYSES)
    assert analyses["review"].unique().tolist() == ["first", "group/second"]
    assert len(analyses) == 2 * len(alone["pooled"])
    assert pd.read_csv(folder / REVIEWS)["state"].tolist() == ["failed", "done", "done"]


def test_only_what_changed_is_computed_again_and_parts_make_the_whole(folder):
    assert states(run_batch(folder, workers=1, part=(2, 3))) == {"first": "done"}
    assert not (folder / ANALYSES).exists()
    assert states(run_batch(folder, workers=1)) == {"faulty": "failed", "first": "unchanged", "group/second": "done"}
    whole = (folder / ANALYSES).read_bytes()
    config = folder / "first/config/config.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert states(run_batch(folder, workers=1))["first"] == "done"
    assert (folder / ANALYSES).read_bytes() == whole


def test_a_folder_without_a_review_says_what_one_is(tmp_path):
    with pytest.raises(ReviewError, match="data/raw"):
        run_batch(tmp_path)


def test_parts_of_a_batch_make_the_same_tables(folder):
    run_batch(folder, workers=1)
    whole = [(folder / name).read_bytes() for name in (ANALYSES, REVIEWS)]
    for name in (ANALYSES, REVIEWS):
        (folder / name).unlink()
    shutil.rmtree(folder / "first/results")
    paths = [folder / f"{number}_of_2.csv" for number in (1, 2)]
    for number, path in enumerate(paths, start=1):
        save_part(run_batch(folder, workers=1, part=(number, 2)), path)
    collect_parts(folder, paths)
    analyses, reviews = ((folder / name).read_bytes() for name in (ANALYSES, REVIEWS))
    assert analyses == whole[0]
    assert reviews.replace(b"unchanged", b"done") == whole[1]


def test_the_content_of_a_part_is_that_of_its_reviews(folder):
    found = reviews_below(folder)
    assert [*reviews_of_part(found, (1, 2)), *reviews_of_part(found, (2, 2))] == ["faulty", "group/second", "first"]
    before = [content_of_part(folder, [name]) for name in found]
    assert len(set(before)) == len(found)
    table = folder / "first/data/raw/responses.csv"
    table.write_text(table.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    after = [content_of_part(folder, [name]) for name in found]
    assert [name for name, was, now in zip(found, before, after, strict=True) if was != now] == ["first"]
    assert largest_tables(folder, found) == max(largest_tables(folder, [name]) for name in found) > 0
