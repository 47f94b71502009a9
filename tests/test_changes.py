"""What changed since a release: every kind of change as codes and cells, nothing that nobody would read, its words."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_evidence import ReviewError
from small_evidence.config import complete_config, meanings
from small_evidence.documents.plain import markdown
from small_evidence.release.changes import CAUSES, CHANGES, KINDS, Release, compare_results, release_of
from small_evidence.release.freeze import freeze
from small_evidence.release.sentences import CELLS, HEADINGS, changes_since, changes_text, summary, with_words
from small_evidence.review import Review, read_release, read_result, save_csv
from small_evidence.synthesis.analyses import pool_events
from tests import made_up
from tests.policy import POLICY, with_levels

PROJECT = Path(__file__).parents[1]
STUDIES = {"ash": {"n_patients": "8"}, "elm": {"n_patients": "10"}, "oak": {"n_patients": "9"}}
RESPONSES = [
    ("ash", {"responders": "4", "n": "8"}),
    ("elm", {"responders": "5", "n": "10"}),
    ("oak", {"responders": "4", "n": "9"}),
]
NEW = {"n_patients": "6", "year": "2026", "label": "Doe 2026"}
ADDED = (STUDIES | {"doe": NEW}, [*RESPONSES, ("doe", {"responders": "4", "n": "6"})])
CLAIM = {
    "claim_id": "one", "review": "Published 2020", "therapy": "drug", "disease": "all", "quantity": "pooled_response",
    "outcome": "", "verdict": "differs",
}  # fmt: skip
EVENT = {
    "study_id": "ash",
    "therapy": "drug",
    "term": "rash",
    "reporting": "reported",
    "n_patients": "1",
    "n_at_risk": "8",
}
BIAS = {"study_id": "ash", "tool": "jbi", "item": "1", "answer": "yes", "rater": "A"}


def made(studies=None, responses=None, classes=None, *, claims=(CLAIM,), events=(), bias=(), choices=None, **tables):
    """A made-up review with results, as a release: tables, results and choices."""
    review = made_up.review(studies or STUDIES, RESPONSES if responses is None else responses, classes)
    review = review.with_tables(
        adverse_events=made_up.frame("adverse_events", list(events)),
        risk_of_bias=made_up.frame("risk_of_bias", list(bias)),
        **tables,
    )
    given = {
        "review": {"class_labels": {"group_one": "Group one"}},
        "synthesis": POLICY,
        "figures": {"preset": "screen"},
        "update": {"new_studies_share": 1, "interval_narrowed": 1, "level_changed": False},
    }
    for section, changed in (choices or {}).items():
        given[section] = given.get(section, {}) | changed
    review = with_levels(Review(review.tables, complete_config(given)))
    results = {"pooled_events": pool_events(review), "reconciliation": pd.DataFrame(claims, columns=list(CLAIM))}
    review = review.with_results(results)
    return Release({**review.tables, **review.results}, review.config)


@pytest.fixture(scope="module")
def usual():
    """Ash, elm and oak, pooled."""
    return made()


def told(before, now):
    """(kind, id, column, before, after) of each change."""
    changes = compare_results(before, now)
    assert list(changes.columns) == CHANGES
    assert set(changes["kind"]) <= set(KINDS)
    assert set(";".join(changes["cause"]).split(";")) <= {"", *CAUSES}
    return list(changes[["kind", "id", "column", "before", "after"]].itertuples(index=False, name=None))


def kinds(before, now):
    """(kind, id) of each change, once."""
    return list(dict.fromkeys(row[:2] for row in told(before, now)))


def words(before, now):
    changes = with_words(compare_results(before, now), before, now)
    return [line for line in changes["words"] if line]


def without(found, kind):
    return [row for row in found if row[0] != kind]


# Each kind ----------------------------------------------------------------------------------------------------


def test_nothing_changed(usual):
    assert told(usual, usual) == []


def test_a_new_study_changes_the_pooled_response(usual):
    now = made(*ADDED)
    found = told(usual, now)
    assert found[0] == ("study_added", "doe", "", "", "")
    assert [row[2:] for row in found if row[:2] == ("pooled_result", "drug")][3:] == [
        ("k", "3", "4"), ("events", "13", "17"), ("n", "27", "33"),
    ]  # fmt: skip
    before, after = (release.frames["pooled"].set_index("analysis").loc["drug"] for release in (usual, now))
    shown = {row[2]: row[3:] for row in found if row[:2] == ("pooled_result", "drug")}
    assert [float(cell) for cell in shown["ci_lb"]] == pytest.approx([before["ci_lb"], after["ci_lb"]], rel=1e-5)
    assert set(compare_results(usual, now)["cause"]) == {"data"}
    assert kinds(now, usual)[0] == ("study_removed", "doe")


def test_the_sentences_of_a_new_study(usual):
    """The whole sentences."""
    assert words(usual, made(*ADDED)) == [
        "New study: Doe 2026 (case series, direction not stated; 6 patients; Drug 4/6 (66.7%)).",
        "Drug, pooled response: 48.1% [29.7, 67.0] from 3 studies, 13/27 before, "
        "51.5% [34.8, 68.3] from 4 studies, 17/33 now.",
        "Drug in Systemic sclerosis, pooled response: 48.1% [29.7, 67.0] from 3 studies, 13/27 before, "
        "51.5% [34.8, 68.3] from 4 studies, 17/33 now.",
    ]  # fmt: skip


def test_a_small_arm_is_reported_with_its_study(usual):
    small = {"doe": NEW | {"n_patients": "1", "design": "case_report"}}
    now = made(STUDIES | small, [*RESPONSES, ("doe", {"responders": "1", "n": "1"})])
    assert told(usual, now) == [("study_added", "doe", "", "", "")]
    assert "not analysed: Drug, fewer than 3 patients (1)" in words(usual, now)[0]


def test_a_treatment_that_can_be_pooled_now_and_no_longer(usual):
    few = made({name: STUDIES[name] for name in ("ash", "elm")}, RESPONSES[:2])
    found = told(few, usual)
    assert ("newly_pooled", "drug", "pooled", "no", "yes") in found
    assert ("newly_pooled", "drug", "reason", "too_few_studies", "") in found
    assert ("no_longer_pooled", "drug", "reason", "", "too_few_studies") in told(usual, few)
    assert words(few, usual)[0] == (
        "Drug can be pooled now: 48.1% [29.7, 67.0] from 3 studies, 13/27 (before: 2 studies, 3 needed)."
    )
    assert words(usual, few)[0].startswith("Drug can no longer be pooled: 2 studies, 3 needed (before: 48.1%")


def test_a_new_treatment_is_reported_once_and_a_new_disease_of_a_known_one_too():
    classes = {"drug": "group_one", "other": "group_two"}
    known = made(classes=classes)
    rows = [*RESPONSES, ("ash", {"therapy": "other", "responders": "1", "n": "3", "disease": "dm"})]
    assert kinds(known, made(responses=rows, classes=classes)) == [("treatment_added", "other"), ("row_added", "ash_3")]
    rows[-1] = ("ash", {"responders": "1", "n": "3", "disease": "dm"})
    other = made(responses=rows, classes=classes)
    assert {("analysis_added", "drug-dm"), ("row_added", "ash_3")} <= set(kinds(known, other))
    assert {("analysis_removed", "drug-dm"), ("row_removed", "ash_3")} <= set(kinds(other, known))


def test_a_changed_direction_comes_first(usual):
    now = made(responses=[(study, cells | {"responders": cells["n"]}) for study, cells in RESPONSES])
    assert told(usual, now)[0] == ("direction", "drug", "direction", "across", "above")
    assert words(usual, now)[0] == "Drug: the interval was across 50%, now it is above 50%."


def test_a_corrected_count_and_one_that_came_later(usual):
    corrected = made(responses=[("ash", {"responders": "3", "n": "8"}), *RESPONSES[1:]])
    assert ("row_corrected", "ash_0", "responders", "4", "3") in told(usual, corrected)
    assert words(usual, corrected)[-1] == (
        "Ash, Drug in Systemic sclerosis, corrected: responders 4/8 (50.0%) before, 3/8 (37.5%) now."
    )
    later = made(responses=[("ash", {"responders": "NR", "n": "NR"}), *RESPONSES[1:]])
    assert ("row_corrected", "ash_0", "responders", "NR", "4") in told(later, usual)
    assert (
        words(later, usual)[-1]
        == "Ash, Drug in Systemic sclerosis: responders counts not reported before, 4/8 (50.0%) now."
    )


def test_a_sum_that_is_not_pooled():
    one = {"ash": STUDIES["ash"]}
    few, more = ([("ash", {"responders": x, "n": "8"})] for x in ("3", "4"))
    found = told(made(one, few), made(one, more))
    assert ("sum_of_counts", "drug", "events", "3", "4") in found
    assert not {row[2] for row in found if row[0] == "sum_of_counts"} & {"ci_lb", "estimate"}


def test_another_level_of_evidence_of_a_study_and_of_its_treatment(usual):
    now = made(STUDIES | {"elm": STUDIES["elm"] | {"design": "rct", "controlled": "yes"}})
    assert told(usual, now) == [
        ("level", "therapy:drug:all", "level", "IV", "IB"),
        ("level", "therapy:drug:ssc", "level", "IV", "IB"),
        ("study_level", "elm", "level", "IV", "IB"),
        ("study_corrected", "elm", "design", "case_series", "rct"),
        ("study_corrected", "elm", "controlled", "no", "yes"),
    ]
    assert words(usual, now)[0] == ("Drug, level of evidence: IV before, now IB: 1 randomised controlled trial (Elm).")


def test_a_study_with_another_status_is_reported_once(usual):
    out = made(STUDIES | {"oak": STUDIES["oak"] | {"status": "excluded", "status_reason": "retracted"}})
    assert ("study_status", "oak", "status", "included", "excluded") in told(usual, out)
    assert not [row for row in told(usual, out) if row[0] in ("arm_left", "study_level")]
    awaited = made(STUDIES | {"oak": STUDIES["oak"] | {"status": "awaiting"}})
    assert ("study_status", "oak", "status", "awaiting", "included") in told(awaited, usual)
    assert not [row for row in told(awaited, usual) if row[0] == "arm_entered"]


def test_a_known_study_that_enters_an_analysis_and_leaves_it(usual):
    cells = RESPONSES[2][1] | {"pool": "no", "pool_reason_code": "subgroup"}
    without_oak = made(responses=[*RESPONSES[:2], ("oak", cells)])
    assert ("arm_left", "drug:oak", "reason", "", "subgroup") in told(usual, without_oak)
    assert ("arm_entered", "drug:oak", "reason", "subgroup", "") in told(without_oak, usual)
    assert any(line.startswith("Oak is no longer in the analysis of Drug: ") for line in words(usual, without_oak))


def test_a_verdict_on_a_claim(usual):
    agrees = made(claims=[CLAIM | {"verdict": "agrees"}])
    assert told(usual, agrees) == [("claim_verdict", "one", "verdict", "differs", "agrees")]
    assert words(usual, agrees) == [
        "Published 2020, Drug, pooled response: differs before, agrees now. "
        "Neither its studies nor the choices changed; the program did."
    ]
    assert kinds(made(claims=[]), usual) == [("claim_added", "one")]
    assert kinds(usual, made(claims=[])) == [("claim_removed", "one")]


def test_adverse_events_and_risk_of_bias_are_compared(usual):
    more = made(events=[EVENT], bias=[BIAS])
    assert told(usual, more) == [
        ("event_added", "ash:drug:rash", "", "", ""), ("appraisal", "ash:jbi", "1:A", "", "added"),
    ]  # fmt: skip
    other = made(events=[EVENT | {"n_patients": "2"}], bias=[BIAS | {"answer": "no"}])
    assert told(more, other) == [
        ("event_result", "drug:rash", "events", "1", "2"),
        ("event_corrected", "ash:drug:rash", "n_patients", "1", "2"),
        ("appraisal", "ash:jbi", "1:A:answer", "yes", "no"),
    ]
    gone = ("adverse_events", "risk_of_bias")
    old = Release({name: frame for name, frame in usual.frames.items() if name not in gone}, usual.config)
    assert told(old, more) == []


# What caused it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("responses", "choices", "cause"),
    [
        (RESPONSES, {"synthesis": {"min_studies": 4}}, "choices"),
        ([("ash", {"responders": "3", "n": "8"}), *RESPONSES[1:]], {"synthesis": {"conf_level": 0.9}}, "data;choices"),
        ([("ash", {"responders": "3", "n": "8"}), *RESPONSES[1:]], {}, "data"),
    ],
)
def test_what_caused_a_change_of_a_result(usual, responses, choices, cause):
    found = compare_results(usual, made(responses=responses, choices=choices))
    assert set(found.loc[found["about"] == "pooled", "cause"]) == {cause}


def test_a_choice_is_reported_by_its_meaning(usual):
    now = made(choices={"synthesis": {"min_studies": 4}})
    assert told(usual, now)[-1] == ("choice", "synthesis.min_studies", "synthesis.min_studies", "3", "4")
    assert words(usual, now)[-1] == f"Choice changed, {meanings()['synthesis.min_studies']}: 3 before, 4 now."
    assert words(usual, now)[0].endswith("No study of it changed; choices of the review did.")


def test_another_scheme_changes_levels_and_no_number(usual):
    changes = compare_results(usual, made(choices={"grading": {"scheme": "ocebm_2011"}}))
    assert set(changes["about"]) == {"therapy_levels", "study_levels", "choices"}
    assert set(changes["cause"]) == {"choices"}
    assert changes.loc[0, ["before", "after"]].tolist() == ["IV", "4"]


def test_another_threshold_changes_directions(usual):
    now = made(choices={"grading": {"response_threshold": 0.2}})
    assert told(usual, now)[0] == ("direction", "drug", "direction", "across", "above")
    assert words(usual, now)[0].startswith("Drug: the interval was across 50%, now it is above 20%.")


@pytest.mark.parametrize(("table", "cause"), [("", "program"), ("overlaps", "data"), ("study_levels", "data")])
def test_a_number_that_the_program_alone_changed_is_said_to_be(usual, table, cause):
    """Reports of the same patients and judgements on designs are data too."""
    now = dict(usual.frames)
    now["pooled"] = now["pooled"].assign(pi_ub=now["pooled"]["pi_ub"] + 0.01)
    pair = made_up.frame("overlaps", [{"study_a": "ash", "study_b": "elm"}])
    if table:
        now[table] = {"overlaps": pair, "study_levels": now["study_levels"].assign(judgement="yes")}[table]
    found = compare_results(usual, Release(now, usual.config))
    assert set(found["kind"]) == {"prediction_interval"}
    assert set(found["column"]) == {"pi_ub"}
    assert set(found["cause"]) == {cause}


def test_a_treatment_moved_to_another_class_changes_the_class():
    rows = [*RESPONSES, ("ash", {"therapy": "other", "responders": "1", "n": "3"})]
    one = made(responses=rows, classes={"drug": "group_one", "other": "group_one"})
    two = made(responses=rows, classes={"drug": "group_one", "other": "group_two"})
    found = compare_results(one, two)
    assert found[["kind", "id", "cause"]].to_numpy().tolist() == [["treatment_removed", "class-group_one", "data"]]
    assert words(one, two)[0].startswith("No longer in the review: All group one, ")


# What is no change --------------------------------------------------------------------------------------------


def test_order_notes_figures_and_digits_that_nobody_prints_are_no_change(usual):
    now = {name: frame.iloc[::-1].reset_index(drop=True) for name, frame in usual.frames.items()}
    now["studies"] = now["studies"].assign(notes="read again", title="A Title")
    for column in ("estimate", "ci_lb", "ci_ub", "b"):
        now["pooled"][column] += 1e-6
    other = complete_config({**usual.config, "figures": {"preset": "jaad"}, "review": {"class_labels": {}}})
    assert told(usual, Release(now, other | {"review": usual.config["review"] | {"class_labels": {}}})) == []


def test_another_number_of_studies_needed_is_no_change_where_too_few_stay_too_few():
    one = {"ash": STUDIES["ash"]}, RESPONSES[:1]
    assert [row[0] for row in told(made(*one), made(*one, choices={"synthesis": {"min_studies": 2}}))] == ["choice"]


def test_what_a_release_did_not_keep_is_not_compared(usual):
    frames = dict(usual.frames)
    del frames["reconciliation"], frames["overlaps"], frames["pooled_events"]
    frames["studies"] = frames["studies"].drop(columns="cohort_id")
    config = {section: dict(choices) for section, choices in usual.config.items()}
    del config["synthesis"]["verified_only"]
    assert told(Release(frames, config), usual) == []
    assert compare_results(Release(), usual).empty


def test_a_study_under_another_id_is_the_same_study():
    named = made({name: facts | {"doi": f"10.1/{name}"} for name, facts in STUDIES.items()})
    renamed = {"ash2": STUDIES["ash"] | {"doi": "10.1/ash"}}
    renamed |= {name: STUDIES[name] | {"doi": f"10.1/{name}"} for name in ("elm", "oak")}
    now = made(renamed, [("ash2", RESPONSES[0][1]), *RESPONSES[1:]])
    assert told(named, now) == [("study_corrected", "ash2", "label", "Ash", "Ash2")]


def test_one_doi_of_two_studies_makes_neither_the_other():
    same = {name: STUDIES[name] | {"doi": "10.1/same"} for name in ("ash", "elm")}
    two = made(same, RESPONSES[:2])
    one = made({"fir": STUDIES["ash"] | {"doi": "10.1/same"}}, [("fir", RESPONSES[0][1])])
    names = {row[:2] for row in told(two, one)}
    assert {("study_added", "fir"), ("study_removed", "ash"), ("study_removed", "elm")} <= names


# Version 0.1.0 ------------------------------------------------------------------------------------------------


def test_wordings_of_version_0_1_0_become_codes(usual):
    arms = usual.frames["arms"].drop(columns="detail").assign(entered="no")
    reasons = [
        ("counts not in hand", "counts_missing", ""), ("counts not verified", "counts_unverified", ""),
        ("known from a secondary source only", "secondary_source", ""),
        ("lesions, not patients", "other_unit", "lesion"),
        ("fewer than 3 patients (2)", "small_arm", ""), ("refractory cases", "other", "refractory cases"),
    ]  # fmt: skip
    arms = arms.iloc[: len(reasons)].assign(reason=[reason for reason, _, _ in reasons], n=2.0)
    pooled = usual.frames["pooled"].iloc[:1]
    whys = {
        "1 study, 3 needed": "too_few_studies", "2 studies, 3 needed": "too_few_studies",
        "no arm of 3 or more patients": "no_large_arm", "counts held back": "counts_held_back",
        "counts not in hand": "counts_missing", "": "",
    }  # fmt: skip
    claims = pd.DataFrame({"verdict": ["agrees", "cannot be told"]})
    old = {
        "arms": arms,
        "pooled": pd.concat([pooled] * len(whys)).assign(reason=list(whys)),
        "reconciliation": claims,
    }
    found = release_of(old, usual.config).frames
    assert list(zip(found["arms"]["reason"], found["arms"]["detail"], strict=True)) == [row[1:] for row in reasons]
    assert found["pooled"]["reason"].tolist() == list(whys.values())
    assert found["reconciliation"]["verdict"].tolist() == ["agrees", "not_assessable"]


@pytest.mark.parametrize("folder", sorted(PROJECT.glob("data/releases/*")), ids=lambda folder: folder.name)
def test_a_release_of_the_bundled_review_can_be_compared(folder, synthesised):
    release = release_of(*read_release(sorted(folder.glob("*.*"))))
    assert set(release.config) >= {"review", "grading", "synthesis"}
    assert len(release.frames["pooled"]) > 100
    assert compare_results(release, release).empty
    changes = changes_since(release, synthesised)
    assert "not_assessable" not in " ".join(changes["words"])
    for release_side in (release.frames, synthesised.results):
        assert set(release_side["pooled"]["reason"]) <= {
            "", "too_few_studies", "no_large_arm", "comparator", "counts_held_back", "counts_missing",
        }  # fmt: skip
    if folder.name == "0.1.0":
        found = set(zip(changes["kind"], changes["id"], strict=True))
        assert {
            ("study_added", "rauch2021"),
            ("sum_of_counts", "warfarin"),
            ("arm_entered", "warfarin:berger1987"),
        } <= found
        assert not set(changes["kind"]) & {"claim_verdict", "level"}


def test_a_release_read_back_from_its_files_is_what_it_was(synthesised, tmp_path):
    """Frozen as CSV with its choices: numbers and texts come back such that nothing differs."""
    for name in [*synthesised.tables, *synthesised.results]:
        save_csv(synthesised[name], tmp_path / f"{name}.csv")
    (tmp_path / "provenance.json").write_text(json.dumps({"config": synthesised.config}), encoding="utf-8")
    release = release_of(*read_release(tmp_path.glob("*.*")))
    assert changes_since(release, synthesised).empty
    fewer = Release(release.frames | {"studies": release.frames["studies"].iloc[1:]}, release.config)
    assert changes_since(fewer, synthesised).loc[0, "kind"] == "study_added"


# Properties ---------------------------------------------------------------------------------------------------

COUNTS = st.tuples(st.integers(0, 6), st.sampled_from(["1", "3", "6"])).map(
    lambda pair: {"responders": str(min(pair[0], int(pair[1]))), "n": pair[1]}
)
REVIEWS = st.dictionaries(st.sampled_from(["ash", "elm", "oak", "fir"]), COUNTS, min_size=1)
BACK = {"added": "removed", "removed": "added"} | {
    "newly_pooled": "no_longer_pooled", "no_longer_pooled": "newly_pooled", "arm_entered": "arm_left",
    "arm_left": "arm_entered",
}  # fmt: skip


def mirrored(kind: str) -> str:
    stem, _, end = kind.rpartition("_")
    return f"{stem}_{BACK[end]}" if end in BACK else BACK.get(kind, kind)


@settings(max_examples=5, deadline=None)
@given(REVIEWS, REVIEWS)
def test_the_way_back_mirrors_the_way_there(one, other):
    first, second = (
        made({study: {} for study in arms}, [(study, cells | {"response_id": study}) for study, cells in arms.items()])
        for arms in (one, other)
    )
    there, back = told(first, second), told(second, first)
    whole = {(mirrored(kind), name, column, after, before) for kind, name, column, before, after in back}
    one_way = ("update_due", "sum_of_counts", "pooled_result")  # an interval narrows one way only
    same = {row for row in there if row[0] not in one_way}
    assert same == {row for row in whole if row[0] not in one_way}
    assert len(set(there)) == len(there)
    assert (there == []) == (one == other)
    places = [KINDS.index(row[0]) for row in there]
    assert places == sorted(places)
    assert not re.search(r"\bnan\b|None|\d\.\d{6}|_", " ".join(words(first, second)))


# The text -----------------------------------------------------------------------------------------------------


def test_every_kind_has_a_heading_a_name_and_a_place():
    named = [kind for kinds_of in HEADINGS.values() for kind in kinds_of]
    assert named == list(KINDS)
    assert all(CELLS.values())


def test_counts_come_before_the_sentences(usual):
    now = made(*ADDED)
    changes = with_words(compare_results(usual, now), usual, now)
    assert summary(changes) == "1 study added; 2 pooled results changed."
    lines = markdown(changes_text(changes, "1.0")).splitlines()
    assert lines[:8] == [
        "# What changed since release 1.0", "", "1 study added; 2 pooled results changed.", "",
        "No new version is due by the criteria of the review (section update of its configuration).", "",
        "## Studies", "",
    ]  # fmt: skip
    assert [line for line in lines if line.startswith("## ")] == ["## Studies", "## Numbers"]


def test_texts_without_a_change_and_without_a_release(usual):
    none = with_words(compare_results(Release(), usual), Release(), usual)
    assert markdown(changes_text(none, "1.0")) == "# What changed\n\nNothing changed since release 1.0.\n"
    assert markdown(changes_text(none, "")) == (
        "# What changed\n\nNo earlier release to compare with. Freeze these results with: "
        "snakemake data/releases/1.0 (or another name).\n"
    )


def test_text_of_the_tables_stays_text(usual, tmp_path):
    hostile = {"doe": NEW | {"label": "=cmd|'x'!A1 <b>*Doe*</b>\n# [a](http://b)"}}
    now = made(STUDIES | hostile, ADDED[1])
    changes = with_words(compare_results(usual, now), usual, now)
    text = markdown(changes_text(changes, "1.0"))
    assert "- New study: =cmd\\|'x'!A1 \\<b>\\*Doe\\*\\</b> # [a\\](http://b) (case series" in text
    save_csv(changes, tmp_path / "changes.csv")
    pd.testing.assert_frame_equal(read_result(tmp_path / "changes.csv"), changes, check_dtype=False)


def test_a_folder_that_is_there_is_never_frozen_into(tmp_path):
    (tmp_path / "new.csv").write_text("a\n2\n")
    (tmp_path / "1.0").mkdir()
    (tmp_path / "1.0/new.csv").write_text("a\n1\n")
    with pytest.raises(ReviewError):
        freeze([tmp_path / "new.csv"], tmp_path / "1.0")
    assert (tmp_path / "1.0/new.csv").read_text() == "a\n1\n"
