"""A review of version 0.1.0, brought to the present columns and choices, gives the numbers that 0.1.0 gave."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from small_evidence import ReviewError
from small_evidence.cli import main
from small_evidence.config import complete_config, read_config
from small_evidence.extraction.checks import check_review
from small_evidence.migration import KEPT, REPORT, migrate, migrated, schema_version
from small_evidence.review import Review, read_result
from small_evidence.synthesis.analyses import pool_review

PROJECT = Path(__file__).parents[1]
RELEASE = PROJECT / "data/releases/0.1.0"
OUTCOMES = ["clinical_response", "radiological_response", "complete_resolution", "pain_response", "symptom_response"]


@pytest.fixture
def old_review(tmp_path):
    """The tables and choices of the bundled review as release 0.1.0 kept them."""
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    for table in ("studies", "responses", "therapies", "diseases", "overlaps"):
        shutil.copy(RELEASE / f"{table}.csv", raw)
    config = json.loads((RELEASE / "provenance.json").read_text(encoding="utf-8"))["config"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return tmp_path


def test_the_migrated_review_sums_and_pools_as_its_release_did(old_review):
    before = (old_review / "config/config.yaml").read_bytes()
    steps = migrate(old_review)
    tables, _ = check_review(old_review)
    pooled = pool_review(Review(tables, read_config(old_review)))["pooled"]
    there = read_result(RELEASE / "pooled.csv")
    both = there.merge(pooled, on=["scope", "therapy", "disease"], how="outer", suffixes=("_then", ""), indicator=True)
    assert (both["_merge"] == "both").all()
    assert len(both) == len(there) > 100
    for column in ("k", "events", "n", "pooled"):
        assert (both[column] == both[f"{column}_then"]).all(), column
    # the release was written with 6 to 7 significant digits; its interval was another
    assert (both["estimate"] - both["estimate_then"]).abs().max() < 1e-6
    assert (old_review / KEPT.format(1)).read_bytes() == before
    assert len(read_result(old_review / REPORT)) == len(steps) == 7


def test_a_review_is_migrated_once(old_review, capsys):
    assert main(["migrate", str(old_review)]) == 0
    once = {path: path.read_bytes() for path in old_review.rglob("*") if path.is_file()}
    assert main(["migrate", str(old_review)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in old_review.rglob("*") if path.is_file()} == once


def test_an_old_config_is_refused_with_the_command_that_helps(old_review):
    with pytest.raises(ReviewError, match=r"least_arm is now called min_arm_size[\s\S]*small-evidence migrate"):
        read_config(old_review)


@pytest.mark.parametrize(
    "synthesis",
    [
        "synthesis:\n    least_arm: 3   # patients\n    level: 0.9\n",
        "synthesis: {least_arm: 3, level: 0.9}  # patients\n",
        "synthesis: {\n  level: 0.9,\n  least_arm: 3}  # patients\n",
    ],
)
def test_comments_and_order_of_the_config_stay(synthesis):
    text, steps = migrated(f"# mine\n{synthesis}review:\n  title: Übersicht\n")
    choices = complete_config(yaml.safe_load(text))["synthesis"]
    assert (choices["min_arm_size"], choices["conf_level"], choices["outcomes"]) == (3, 0.9, OUTCOMES)
    assert text.startswith("# mine\nsynthesis:")
    assert "# patients" in text
    assert text.endswith("review:\n  title: Übersicht\n")
    assert {step.before for step in steps} == {"least_arm", "level", ""}


def test_outcomes_of_the_review_are_kept(old_review):
    own = old_review / "data/raw/outcomes.csv"
    own.write_text("outcome,label\nclinical_response,Mine\n", encoding="utf-8")
    migrate(old_review)
    assert own.read_text(encoding="utf-8") == "outcome,label\nclinical_response,Mine\n"


def test_a_present_config_has_the_present_version():
    assert schema_version((PROJECT / "config/config.yaml").read_text(encoding="utf-8")) == 2
    assert schema_version("") == 2
    assert schema_version("synthesis: {level: 0.9}") == 1


def test_a_config_that_is_wrong_after_the_changes_too_stays(old_review):
    path = old_review / "config/config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("method: glmm", "method: glmmm"), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(ReviewError, match="nearest is glmm"):
        migrate(old_review)
    assert path.read_bytes() == before
    assert not (old_review / "data/raw/outcomes.csv").exists()
