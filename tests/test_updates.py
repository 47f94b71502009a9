"""What changed since a release: every kind of change in its words, nothing that nobody would read, and end to end."""

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_evidence.config import meanings as config_meanings
from small_evidence.documents.plain import markdown
from small_evidence.extraction.schema import empty_table
from small_evidence.release.changes import CHANGES, ORDER, changes_text, compare_results, summary
from small_evidence.release.freeze import freeze
from small_evidence.review import read_release, read_result, read_review, save_csv
from tests.made_up import review
from tests.policy import POLICY, results_of

PROJECT = Path(__file__).parents[1]
CHOICES = {
    "review": {"title": "A review", "class_labels": {"group_one": "Group one"}},
    "grading": {"scheme": "modified_oxford", "response_threshold": 0.5},
    "synthesis": POLICY,
    "figures": {"preset": "screen"},
}
CLAIM = {
    "claim_id": "one", "review": "Published 2020", "about": "Drug", "measure": "pooled response", "claimed": "40%",
    "verdict": "differs", "why": "Other studies.",
}  # fmt: skip
STUDIES = {"ash": {"n_patients": "8"}, "elm": {"n_patients": "10"}, "oak": {"n_patients": "9"}}
RESPONSES = [
    ("ash", {"responders": "4", "n": "8"}),
    ("elm", {"responders": "5", "n": "10"}),
    ("oak", {"responders": "4", "n": "9"}),
]
NEW = {"n_patients": "6", "year": "2026", "label": "Doe 2026"}
PROGRAM = " Neither its studies nor the choices changed; the program did."


@pytest.fixture(scope="module")
def made(standard):
    """Function that gives the tables and results of a made-up review."""

    def make(studies=STUDIES, responses=RESPONSES, classes=None, claims=(CLAIM,), choices=CHOICES, **tables):
        whole = review(studies, responses, classes) | tables
        whole["diseases"] = whole["diseases"].assign(synonyms=["SSc", ""])
        whole["overlaps"] = empty_table("overlaps")
        policy, grading = choices["synthesis"], choices["grading"]
        found = results_of(whole, standard, grading["scheme"], policy, grading["response_threshold"])
        return whole | found | {"reconciliation": pd.DataFrame(claims, columns=list(CLAIM))}

    return make


def changed(section, **values):
    return CHOICES | {section: CHOICES[section] | values}


def told(before, now, choices=CHOICES, meanings=None):
    return compare_results(before, now, CHOICES, choices, meanings)["words"].tolist()


def without(words, *beginnings):
    return [line for line in words if not line.startswith(beginnings)]


# ------------------------------------------------------------------------------------------------ each kind


def test_nothing_changed(made):
    changes = compare_results(made(), made(), CHOICES, CHOICES)
    assert list(changes.columns) == CHANGES
    assert changes.empty


def test_a_new_study_that_changes_a_pooled_response(made):
    now = made(STUDIES | {"doe": NEW}, [*RESPONSES, ("doe", {"responders": "4", "n": "6"})])
    assert told(made(), now) == [
        "New study: Doe 2026 (case series, direction not stated; 6 patients; Drug 4/6).",
        "Drug: pooled response was 48.1% [29.7, 67.0] from 3 studies, 13/27; "
        "now 51.5% [34.8, 68.3] from 4 studies, 17/33.",
        "Drug in SSc: pooled response was 48.1% [29.7, 67.0] from 3 studies, 13/27; "
        "now 51.5% [34.8, 68.3] from 4 studies, 17/33.",
    ]


def test_a_study_that_is_gone_and_one_with_a_small_arm(made):
    small = {"doe": NEW | {"n_patients": "1", "design": "case_report"}}
    now = made(STUDIES | small, [*RESPONSES, ("doe", {"responders": "1", "n": "1"})])
    seen = "Doe 2026 (case report; 1 patient; Drug 1/1; not analysed: Drug, fewer than 3 patients (1))."
    assert told(made(), now) == [f"New study: {seen}"]
    assert told(now, made()) == [f"Study removed: {seen}"]


def test_a_treatment_that_can_be_pooled_now_and_no_longer(made):
    few = made({name: STUDIES[name] for name in ("ash", "elm")}, RESPONSES[:2])
    pooled = "48.1% [29.7, 67.0] from 3 studies, 13/27"
    assert told(few, made())[:2] == [
        f"Drug can be pooled now: {pooled} (before: 2 studies, 3 needed).",
        f"Drug in SSc can be pooled now: {pooled} (before: 2 studies, 3 needed).",
    ]
    assert told(made(), few)[0] == f"Drug can no longer be pooled: 2 studies, 3 needed (before: {pooled})."


def test_a_new_treatment_is_told_once_and_a_new_disease_of_a_known_one_too(made):
    classes = {"drug": "group_one", "other": "group_two"}
    rows = [*RESPONSES, ("ash", {"therapy": "other", "responders": "1", "n": "3", "disease": "dm"})]
    known = made(classes=classes)
    assert told(known, made(responses=rows, classes=classes)) == [
        "New in the review: Other, not pooled, 1/3 from 1 study (1 study, 3 needed).",
        "New result of a known study: Ash, Other in Dermatomyositis, 1/3 (33.3%).",
    ]
    rows[-1] = ("ash", {"responders": "1", "n": "3", "disease": "dm"})
    words = told(known, made(responses=rows, classes=classes))
    assert "New in the review: Drug in Dermatomyositis, not pooled, 1/3 from 1 study (1 study, 3 needed)." in words
    words = told(made(responses=rows, classes=classes), known)
    assert (
        "No longer in the review: Drug in Dermatomyositis, not pooled, 1/3 from 1 study (1 study, 3 needed)." in words
    )
    assert "Result removed: Ash, Drug in Dermatomyositis, 1/3 (33.3%)." in words


def test_a_changed_direction_comes_first(made):
    rows = [(study, cells | {"responders": cells["n"]}) for study, cells in RESPONSES]
    words = told(made(), made(responses=rows))
    assert words[0] == "Drug: the interval lay across 50%, lies above 50% now."


def test_a_corrected_count(made):
    rows = [("ash", {"responders": "3", "n": "8"}), *RESPONSES[1:]]
    words = told(made(), made(responses=rows))
    assert without(words, "Drug") == ["Ash, Drug in SSc, corrected: responders 4/8 (50.0%) before, 3/8 (37.5%) now."]
    assert words[0].startswith("Drug: pooled response was 48.1% [29.7, 67.0] from 3 studies, 13/27; now 44.4%")


def test_a_count_that_came_later_is_no_correction(made):
    rows = [("ash", {"responders": "NR", "n": "NR"}), *RESPONSES[1:]]
    assert told(made(responses=rows), made())[-1] == "Ash, Drug in SSc: responders NR before, 4/8 (50.0%) now."


def test_a_sum_that_is_not_pooled(made):
    few, more = [("ash", {"responders": "NR", "n": "8"})], [("ash", {"responders": "4", "n": "8"})]
    one = {"ash": STUDIES["ash"]}
    assert without(told(made(one, few), made(one, more)), "Drug in", "Ash") == [
        "Drug, not pooled: no study entered before; now 4/8 from 1 study."
    ]


def test_another_level_of_evidence_of_a_study_and_of_its_treatment(made):
    trial = STUDIES | {"elm": STUDIES["elm"] | {"design": "rct", "controlled": "yes"}}
    assert told(made(), made(trial)) == [
        "Drug: level of evidence was IV, is IB: 1 randomised controlled trial (Elm).",
        "Drug in SSc: level of evidence was IV, is IB: 1 randomised controlled trial (Elm).",
        "Elm: level of evidence of the study was IV, is IB: randomised controlled trial.",
        "Elm, corrected: design case series, direction not stated before, randomised controlled trial now.",
        "Elm, corrected: control group no before, yes now.",
    ]


def test_a_study_with_another_status(made):
    out = STUDIES | {"oak": STUDIES["oak"] | {"status": "excluded", "status_reason": "retracted"}}
    words = without(told(made(), made(out)), "Drug")
    assert words == [
        "Oak was included, is excluded now (case series, direction not stated; 9 patients; Drug 4/9; "
        "excluded: retracted)."
    ]


def test_a_study_whose_counts_were_awaited_is_told_once(made):
    awaited = STUDIES | {"oak": STUDIES["oak"] | {"status": "awaiting"}}
    assert without(told(made(awaited), made()), "Drug") == [
        "Oak was awaiting counts, is included now (case series, direction not stated; 9 patients; Drug 4/9)."
    ]


def test_a_new_study_of_two_diseases_names_both(made):
    rows = [("doe", {"responders": "1", "n": "3"}), ("doe", {"responders": "2", "n": "3", "disease": "dm"})]
    words = told(made(), made(STUDIES | {"doe": NEW}, [*RESPONSES, *rows]))
    assert (
        "New study: Doe 2026 (case series, direction not stated; 6 patients; Drug in SSc 1/3; "
        "Drug in Dermatomyositis 2/3)."
    ) in words


def test_a_study_that_no_longer_enters(made):
    rows = [*RESPONSES[:2], ("oak", RESPONSES[2][1] | {"pool": "no", "pool_reason": "refractory\ncases"})]
    assert without(told(made(), made(responses=rows)), "Drug") == [
        "Oak no longer enters the analysis of Drug: refractory cases.",
        "Oak, Drug in SSc, corrected: offered for pooling yes before, no now.",
    ]
    assert without(told(made(responses=rows), made()), "Drug")[0] == (
        "Oak enters the analysis of Drug now (before: refractory cases)."
    )


def test_a_verdict_on_a_claim(made):
    agrees = made(claims=[CLAIM | {"verdict": "agrees", "why": "Within 1 per cent point."}])
    label = "Published 2020, Drug, pooled response 40%"
    assert told(made(), agrees) == [f"{label}: verdict differs before, agrees now: Within 1 per cent point.{PROGRAM}"]
    assert told(made(claims=[]), made()) == [f"New published claim: {label} (differs)."]
    assert told(made(), made(claims=[])) == [f"Published claim removed: {label} (differs)."]


# ---------------------------------------------------------------------------------------- what caused it


def test_a_changed_choice_alone_is_said_to_be_the_cause(made):
    choices = changed("synthesis", min_studies=4)
    meanings = {"synthesis.min_studies": "fewest studies that are pooled"}
    assert told(made(), made(choices=choices), choices, meanings) == [
        "Drug can no longer be pooled: 3 studies, 4 needed (before: 48.1% [29.7, 67.0] from 3 studies, 13/27). "
        "No study of it changed; choices of the review did.",
        "Drug in SSc can no longer be pooled: 3 studies, 4 needed "
        "(before: 48.1% [29.7, 67.0] from 3 studies, 13/27). No study of it changed; choices of the review did.",
        "Choice changed, fewest studies that are pooled: 3 before, 4 now.",
    ]


def test_a_changed_choice_beside_a_corrected_count_is_said_too(made):
    choices = changed("synthesis", conf_level=0.9)
    rows = [("ash", {"responders": "3", "n": "8"}), *RESPONSES[1:]]
    words = told(made(), made(responses=rows, choices=choices), choices)
    assert words[0].endswith(" Choices of the review changed too.")


def test_another_scheme_changes_levels_and_no_number(made):
    choices = changed("grading", scheme="ocebm_2011")
    changes = compare_results(made(), made(choices=choices), CHOICES, choices)
    assert set(changes["about"]) == {"levels", "choices"}
    assert changes["words"].iloc[0] == (
        "Drug: level of evidence was IV, is 4: 3 case series, direction not stated (Ash; Elm; Oak). "
        "No study of it changed; choices of the review did."
    )
    assert changes["words"].iloc[-1] == "Choice changed, grading.scheme: Modified Oxford before, OCEBM 2011 now."


def test_another_line_of_reference_changes_directions(made):
    choices = changed("grading", response_threshold=0.2)
    words = told(made(), made(choices=choices), choices)
    assert words[0] == (
        "Drug: the interval lay across 50%, lies above 20% now. No study of it changed; choices of the review did."
    )


def test_a_number_that_the_program_alone_changed_is_said_to_be(made):
    now = made()
    now["pooled"] = now["pooled"].assign(pi_ub=now["pooled"]["pi_ub"] + 0.01)
    words = told(made(), now)
    assert words[0].startswith("Drug: prediction interval was [")
    assert all(line.endswith(PROGRAM) for line in words)


@pytest.mark.parametrize("table", ["overlaps", "study_levels"])
def test_reports_of_the_same_patients_and_judgements_are_data_too(made, table):
    now = made()
    now["pooled"] = now["pooled"].assign(pi_ub=now["pooled"]["pi_ub"] + 0.01)
    pair = empty_table("overlaps").reindex([0], fill_value="").assign(study_a="ash", study_b="elm")
    now[table] = {"overlaps": pair, "study_levels": now["study_levels"].assign(judgement="low")}[table]
    assert all(line.endswith("].") for line in told(made(), now))


def test_a_treatment_moved_to_another_class_changes_both_classes(made):
    rows = [*RESPONSES, ("ash", {"therapy": "other", "responders": "1", "n": "3"})]
    one = made(responses=rows, classes={"drug": "group_one", "other": "group_one"})
    two = made(responses=rows, classes={"drug": "group_one", "other": "group_two"})
    assert told(one, two) == [
        "No longer in the review: All group one, pooled 48.1% [29.7, 67.0] from 3 studies, 13/27."
    ]


# ---------------------------------------------------------------------------------------- what is not told


def test_order_notes_figures_and_digits_that_nobody_prints_are_no_change(made):
    now = {name: frame.iloc[::-1].reset_index(drop=True) for name, frame in made().items()}
    now["studies"] = now["studies"].assign(notes="read again", title="A Title")
    for column in ("estimate", "ci_lb", "ci_ub", "b"):
        now["pooled"][column] += 1e-6
    choices = changed("figures", preset="jaad") | {"review": CHOICES["review"] | {"class_labels": {}}}
    assert told(made(), now, choices) == []


def test_another_number_of_studies_needed_is_no_change_where_too_few_stay_too_few(made):
    one, choices = ({"ash": STUDIES["ash"]}, RESPONSES[:1]), changed("synthesis", min_studies=2)
    assert told(made(*one), made(*one, choices=choices), choices) == [
        "Choice changed, synthesis.min_studies: 3 before, 2 now."
    ]


def test_a_table_or_a_column_that_a_release_does_not_have_is_not_compared(made):
    old = made()
    del old["reconciliation"], old["overlaps"]
    old["studies"] = old["studies"].drop(columns="cohort_id")
    assert told(old, made()) == []


def test_a_study_under_another_id_is_the_same_study(made):
    named = made({name: facts | {"doi": f"10.1/{name}"} for name, facts in STUDIES.items()})
    renamed = {"ash2": STUDIES["ash"] | {"doi": "10.1/ash"}}
    renamed |= {name: STUDIES[name] | {"doi": f"10.1/{name}"} for name in ("elm", "oak")}
    now = made(renamed, [("ash2", RESPONSES[0][1]), *RESPONSES[1:]])
    assert told(named, now) == ["Ash2, corrected: name Ash before, Ash2 now."]


def test_one_doi_of_two_studies_makes_neither_the_other(made):
    same = {name: STUDIES[name] | {"doi": "10.1/same"} for name in ("ash", "elm")}
    now = {"fir": STUDIES["ash"] | {"doi": "10.1/same"}}
    two, one = made(same, RESPONSES[:2]), made(now, [("fir", RESPONSES[0][1])])
    for before, after, added, removed in ((two, one, ["Fir"], ["Ash", "Elm"]), (one, two, ["Ash", "Elm"], ["Fir"])):
        words = [line.split(" (")[0] for line in told(before, after)]
        assert [line for line in words if line.startswith(("New study", "Study removed"))] == [
            *(f"New study: {label}" for label in added),
            *(f"Study removed: {label}" for label in removed),
        ]


def test_labels_are_those_of_now(made):
    diseases = made()["diseases"].assign(synonyms=["SSc, all forms", ""])
    now = made(responses=[("ash", {"responders": "3", "n": "8"}), *RESPONSES[1:]])
    now["diseases"] = diseases
    assert any(line.startswith("Drug in SSc, all forms: pooled response") for line in told(made(), now))


# ---------------------------------------------------------------------------------------------- properties

COUNTS = st.tuples(st.integers(0, 6), st.sampled_from(["1", "3", "6"])).map(
    lambda pair: {"responders": str(min(pair[0], int(pair[1]))), "n": pair[1]}
)
REVIEWS = st.dictionaries(st.sampled_from(["ash", "elm", "oak", "fir"]), COUNTS, min_size=1)


@settings(max_examples=15, deadline=None)
@given(REVIEWS, REVIEWS)
def test_the_way_back_mirrors_the_way_there(made, one, other):
    first, second = (
        made({study: {} for study in arms}, [(study, cells | {"response_id": study}) for study, cells in arms.items()])
        for arms in (one, other)
    )
    there, back = compare_results(first, second, CHOICES, CHOICES), compare_results(second, first, CHOICES, CHOICES)
    key = ["about", "id", "label", "column"]
    mirrored = set(back[[*key, "after", "before"]].itertuples(index=False, name=None))
    assert set(there[[*key, "before", "after"]].itertuples(index=False, name=None)) == mirrored
    assert (there["before"] != there["after"]).all()
    assert not there.duplicated(["about", "id", "column"]).any()
    assert there.empty == (one == other)
    places = [
        list(ORDER).index(kind if kind in ORDER else (kind[0], ""))
        for kind in zip(there["about"], there["column"], strict=True)
    ]
    assert places == sorted(places)
    assert not re.search(r"\bnan\b|None|\d\.\d{6}|_", " ".join(there["words"]))


# -------------------------------------------------------------------------------------------------- the text


def test_counts_come_before_the_sentences(made):
    now = made(STUDIES | {"doe": NEW}, [*RESPONSES, ("doe", {"responders": "4", "n": "6"})])
    changes = compare_results(made(), now, CHOICES, CHOICES)
    assert summary(changes) == "1 study added; 2 pooled results changed."
    lines = markdown(changes_text(changes, "1.0")).splitlines()
    assert lines[:6] == [
        "# What changed since release 1.0", "", "1 study added; 2 pooled results changed.", "", "## Studies", "",
    ]  # fmt: skip
    assert [line for line in lines if line.startswith("## ")] == ["## Studies", "## Numbers"]


def test_texts_without_a_change_and_without_a_release():
    none = compare_results({}, {}, {}, CHOICES)
    assert markdown(changes_text(none, "1.0")) == "# What changed\n\nNothing changed since release 1.0.\n"
    assert markdown(changes_text(none, "")) == (
        "# What changed\n\nNo earlier release to compare with. Freeze these results with: "
        "snakemake data/releases/1.0 (or another name).\n"
    )


def test_text_of_the_tables_stays_text(made, tmp_path):
    hostile = {"doe": NEW | {"label": "=cmd|'x'!A1 <b>*Doe*</b>\n# [a](http://b)"}}
    now = made(STUDIES | hostile, [*RESPONSES, ("doe", {"responders": "4", "n": "6"})])
    changes = compare_results(made(), now, CHOICES, CHOICES)
    text = markdown(changes_text(changes, "1.0"))
    assert "- New study: =cmd\\|'x'!A1 \\<b>\\*Doe\\*\\</b> # [a\\](http://b) (case series" in text
    save_csv(changes, tmp_path / "changes.csv")
    assert ",'=cmd|" in (tmp_path / "changes.csv").read_text()
    pd.testing.assert_frame_equal(read_result(tmp_path / "changes.csv"), changes, check_dtype=False)


# --------------------------------------------------------------------------------------------------- on disk


def test_a_folder_that_is_there_is_never_frozen_into(tmp_path):
    (tmp_path / "new.csv").write_text("a\n2\n")
    (tmp_path / "1.0").mkdir()
    (tmp_path / "1.0/new.csv").write_text("a\n1\n")
    with pytest.raises(FileExistsError):
        freeze([tmp_path / "new.csv"], tmp_path / "1.0")
    assert (tmp_path / "1.0/new.csv").read_text() == "a\n1\n"


def test_every_choice_has_a_meaning(standard):
    meanings = config_meanings()
    assert meanings["synthesis.min_studies"] == "fewest studies that are pooled"
    assert meanings["synthesis.priors.b_sd"] == "standard deviation of the prior of b"


STUDY = "doe2026,Doe 2026,Doe,2026,SYNTHETIC,SYNTHETIC,NR,NR,case_series,no,6,doe2026,no,included,,,,SYNTHETIC\n"
ROW = (
    "doe2026_diltiazem,doe2026,diltiazem,ssc,clinical_response,yes,patient,NR,NR,6,NR,NR,NR,4,SYNTHETIC,full_text,"
    "SYNTHETIC,SYNTHETIC,SYNTHETIC,high,yes,,SYNTHETIC\n"
)
CHANGED = """\
# What changed since release 0.10

1 study added; 1 row corrected; 1 result newly pooled; 1 sum of counts changed.

## Conclusions

- Diltiazem (SYNTHETIC) can be pooled now: 58.1% [42.4, 73.8] from 3 studies, 18/31 (before: 2 studies, 3 needed).

## Studies

- New study: Doe 2026 (case series, direction not stated; 6 patients; Diltiazem (SYNTHETIC) 4/6).

## Numbers

- Diltiazem (SYNTHETIC) in SSC, not pooled: 9/17 from 1 study before; now 13/23 from 2 studies.

## Corrections

- SYNTHETIC 01, corrected: year 2010 before, 2011 now.
"""


def test_a_review_of_two_rows_runs_is_frozen_gets_a_study_and_says_what_changed(copy_review):
    minimal = copy_review("tests/data/minimal")
    fast = ("--config", "figures={preset: screen, formats: [svg], order: year}")
    minimal.run("data/releases/0.10", *fast)
    row = read_review(minimal.folder)["pooled"].set_index("analysis").loc["diltiazem"]
    assert (row["k"], row["pooled"], row["reason"]) == (2, "no", "2 studies, 3 needed")
    assert "No earlier release" in minimal.path("data/releases/0.10/changes.md").read_text()
    frozen = minimal.files("data/releases/0.10")
    for older in ("0.9", "draft"):  # an older version, and a folder that was not frozen to the end
        minimal.path(f"data/releases/{older}").mkdir()
    minimal.path("data/releases/0.9/provenance.json").write_text("{}")
    minimal.run("results/changes.md", *fast)
    assert minimal.path("results/changes.md").read_text() == "# What changed\n\nNothing changed since release 0.10.\n"

    for table, line in (("studies", STUDY), ("responses", ROW)):
        path = minimal.path(f"data/raw/{table}.csv")
        path.write_text(path.read_text() + line)
    minimal.edit("data/raw/studies.csv", ",2010,", ",2011,")
    minimal.run("results/changes.md", *fast)
    assert minimal.path("results/changes.md").read_text() == CHANGED
    assert read_result(minimal.path("results/changes.csv")).columns.tolist() == CHANGES

    printed = minimal.run("./data/releases/0.10/", "--force", *fast, code=1)
    assert "Release 0.10 is frozen already and stays as it is; choose another name." in printed
    assert "Traceback" not in printed
    assert minimal.files("data/releases/0.10") == frozen
    assert "No release 7 in data/releases: 0.9, 0.10." in minimal.run("results/changes_since_7.md", *fast, code=1)


@pytest.mark.parametrize("folder", sorted(PROJECT.glob("data/releases/*")), ids=lambda folder: folder.name)
def test_a_release_of_the_bundled_review_can_be_compared(folder):
    frames, choices = read_release(sorted(folder.glob("*.*")))
    assert set(choices) >= {"review", "grading", "synthesis"}
    assert len(frames["pooled"]) > 100
    assert compare_results(frames, frames, choices, choices).empty
    less = frames | {"studies": frames["studies"].iloc[1:]}
    assert compare_results(less, frames, choices, choices)["words"].iloc[0].startswith("New study: ")
