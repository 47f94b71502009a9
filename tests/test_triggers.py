"""When a new version is due: each criterion just reached and just missed, as data and in words."""

import pandas as pd
import pytest

from small_evidence.config import complete_config
from small_evidence.release.changes import Release, compare_results
from small_evidence.release.sentences import changes_text
from small_evidence.release.triggers import due

CRITERIA = {"new_studies_share": 0.25, "interval_narrowed": 0.5, "level_changed": True}


def tables(studies=("a", "b", "c"), limits=(0.2, 0.8), level="IV", pooled="yes"):
    return {
        "arms": pd.DataFrame({"study_id": [*studies, "small"], "entered": ["yes"] * len(studies) + ["no"]}),
        "pooled": pd.DataFrame(
            {"analysis": ["drug"], "pooled": [pooled], "ci_lb": [limits[0]], "ci_ub": [limits[1]]}
        ),
        "therapy_levels": pd.DataFrame(
            {"scope": ["therapy"], "therapy": ["drug"], "disease": ["all"], "level": [level]}
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (tables(), []),
        (tables(studies=("a", "b", "c", "d")), [("new_studies_share", "", 0.25)]),
        (tables(studies=("a", "b", "c", "e", "d")), [("new_studies_share", "", 0.4)]),
        (tables(studies=("a", "b")), []),  # fewer studies are none that are new
        (tables(limits=(0.35, 0.65)), [("interval_narrowed", "drug", 0.5)]),
        (tables(limits=(0.34, 0.65)), []),
        (tables(limits=(0.0, 1.0)), []),  # wider
        (tables(limits=(0.5, 0.51), pooled="no"), []),
        (tables(level="IIB"), [("level_changed", "therapy:drug:all", 1.0)]),
    ],
)
def test_each_criterion_at_its_edge(now, expected):
    found = due(tables(), now, CRITERIA)
    assert [(one.trigger, one.about) for one in found] == [one[:2] for one in expected]
    assert [one.reached for one in found] == pytest.approx([one[2] for one in expected])


def test_nothing_is_due_without_an_earlier_version_or_without_the_criterion():
    assert due({}, tables(), CRITERIA) == []
    assert due(tables(), tables(level="IIB"), CRITERIA | {"level_changed": False}) == []
    assert due(tables(studies=("a", "b", "c", "d")), tables(studies=()), CRITERIA) == []


def test_the_bundled_review_is_due_since_the_release_of_its_first_version(synthesised):
    """Mirrored: a release that lacks one study of every three."""
    now = Release({**synthesised.tables, **synthesised.results}, synthesised.config)
    arms = now.frames["arms"]
    gone = set(sorted(set(arms["study_id"]))[::3])
    before = Release({**now.frames, "arms": arms[~arms["study_id"].isin(gone)]}, now.config)
    found = compare_results(before, now).set_index("kind")
    entered = set(arms.loc[arms["entered"] == "yes", "study_id"])
    assert found.loc["update_due", "id"] == "new_studies_share:"
    assert float(found.loc["update_due", "after"]) == pytest.approx(len(gone & entered) / len(entered), rel=1e-5)
    assert float(found.loc["update_due", "before"]) == complete_config({})["update"]["new_studies_share"]
    assert compare_results(now, now).empty


def test_a_change_below_the_criteria_says_that_no_version_is_due():
    one = pd.DataFrame([{"kind": "study_added", "id": "a", "words": "New study: a."}], columns=["kind", "id", "words"])
    first, second, *_ = changes_text(one, "1.0").blocks
    assert "1 study added" in first
    assert second.startswith("No new version is due")
