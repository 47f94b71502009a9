"""Levels of evidence: each published rule, the levels of the bundled review, overrides, and sums over studies."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from small_evidence import ReviewError
from small_evidence.appraisal.levels import GradingError, grade_studies, level_sensitivity
from small_evidence.extraction.schema import LABELS
from small_evidence.reasons import agreement_words, study_level_words, therapy_level_words
from small_evidence.review import read_result, save_csv
from small_evidence.standards import read_schemes
from tests.made_up import review
from tests.policy import with_levels

LEVELS = "workflow/standards/levels.yaml"
ONE_NR = "; 1 study not gradable"


@pytest.fixture(scope="module")
def levels(bundled):
    return graded(bundled)


def graded(made, scheme=None):
    """Levels of the therapies of a review, by scope, therapy and disease."""
    return with_levels(made, scheme)["therapy_levels"].set_index(["scope", "therapy", "disease"])


def changed(made, study_id, **cells):
    """The review with cells of one study changed."""
    studies = made["studies"].copy()
    at = studies["study_id"] == study_id
    assert at.sum() == 1
    for column, value in cells.items():
        studies.loc[at, column] = value
    return made.with_tables(studies=studies)


def first_study(made, scheme=None):
    """Its row of `study_levels` and the words for it."""
    row = grade_studies(made, scheme).iloc[0]
    return row, study_level_words(row, made)


OCEBM_2009 = "Oxford CEBM, March 2009, therapy column"
OCEBM_2011 = "OCEBM 2011, row 'Does this intervention help?'"
SHEKELLE = "Shekelle 1999, BMJ 318:593, box 'Category of evidence'"
ABSTRACT = "Traineau 2020, abstract; the definitions themselves were not retrieved"


@pytest.mark.parametrize(
    ("scheme", "design", "level", "quoted", "source"),
    [
        ("ocebm_2009", "rct", "1b", "individual RCT (with narrow confidence interval)", OCEBM_2009),
        ("ocebm_2009", "cohort_controlled", "2b", "individual cohort study (including low quality RCT)", OCEBM_2009),
        ("ocebm_2009", "controlled_nonrandomised", "2b", "individual cohort study", OCEBM_2009),
        ("ocebm_2009", "case_control", "3b", "individual case-control study", OCEBM_2009),
        ("ocebm_2009", "case_series_prospective", "4", "case series (and poor quality cohort studies)", OCEBM_2009),
        ("ocebm_2009", "case_series_retrospective", "4", "case series", OCEBM_2009),
        ("ocebm_2009", "case_series", "4", "case series", OCEBM_2009),
        ("ocebm_2009", "case_report", "4", "case series (a report is a series of one: judgement)", OCEBM_2009),
        ("ocebm_2009", "expert_opinion", "5", "expert opinion without explicit critical appraisal", OCEBM_2009),
        ("ocebm_2011", "rct", "2", "randomized trial or observational study with dramatic effect", OCEBM_2011),
        ("ocebm_2011", "controlled_nonrandomised", "3", "non-randomized controlled cohort/follow-up study", OCEBM_2011),
        ("ocebm_2011", "cohort_controlled", "3", "non-randomized controlled cohort/follow-up study", OCEBM_2011),
        (
            "ocebm_2011",
            "case_control",
            "4",
            "case-series, case-control, or historically controlled studies",
            OCEBM_2011,
        ),
        ("ocebm_2011", "case_series_prospective", "4", "case-series", OCEBM_2011),
        ("ocebm_2011", "case_series_retrospective", "4", "case-series", OCEBM_2011),
        ("ocebm_2011", "case_series", "4", "case-series", OCEBM_2011),
        ("ocebm_2011", "case_report", "4", "case-series (judgement)", OCEBM_2011),
        ("ocebm_2011", "expert_opinion", "5", "mechanism-based reasoning (judgement)", OCEBM_2011),
        ("shekelle_1999", "rct", "Ib", "at least one randomised controlled trial", SHEKELLE),
        (
            "shekelle_1999",
            "controlled_nonrandomised",
            "IIa",
            "at least one controlled study without randomisation",
            SHEKELLE,
        ),
        ("shekelle_1999", "cohort_controlled", "IIa", "at least one controlled study without randomisation", SHEKELLE),
        ("shekelle_1999", "case_control", "III", "comparative, correlation and case-control studies", SHEKELLE),
        ("shekelle_1999", "case_series_prospective", "III", "non-experimental descriptive studies", SHEKELLE),
        ("shekelle_1999", "case_series_retrospective", "III", "non-experimental descriptive studies", SHEKELLE),
        ("shekelle_1999", "case_series", "III", "non-experimental descriptive studies", SHEKELLE),
        ("shekelle_1999", "case_report", "III", "non-experimental descriptive studies (judgement)", SHEKELLE),
        ("shekelle_1999", "expert_opinion", "IV", "expert committee reports or opinions", SHEKELLE),
        ("modified_oxford", "rct", "IB", "small randomised trial of warfarin: level IB", ABSTRACT),
        ("modified_oxford", "controlled_nonrandomised", "IIA", "inferred: between the trial and the series", ABSTRACT),
        ("modified_oxford", "cohort_controlled", "IIB", "inferred: between the trial and the series", ABSTRACT),
        ("modified_oxford", "case_control", "III", "inferred: between the trial and the series", ABSTRACT),
        ("modified_oxford", "case_series_prospective", "IV", "level IV (uncontrolled series)", ABSTRACT),
        ("modified_oxford", "case_series_retrospective", "IV", "diltiazem, bisphosphonates: level IV", ABSTRACT),
        ("modified_oxford", "case_series", "IV", "level IV (uncontrolled series)", ABSTRACT),
        ("modified_oxford", "case_report", "IV", "inferred: with the series", ABSTRACT),
        ("modified_oxford", "expert_opinion", "V", "inferred: below the series", ABSTRACT),
    ],
)
def test_each_published_rule(standard, scheme, design, level, quoted, source):
    row, words = first_study(review({"one": {"design": design}}, []), scheme)
    assert (row["gradable"], row["level"], row["level_by_design"]) == ("yes", level, level), f"{source}: {quoted}"
    judgement = design in standard["schemes"][scheme]["judgements"]
    assert (row["basis"], row["judgement"]) == ("design", "yes" if judgement else "no")
    assert words == f"{level}: {LABELS['design'][design]}" + " (placed there by judgement)" * judgement


def test_every_design_of_the_schema_is_graded_or_left_ungraded_on_purpose(standard):
    for name, scheme in standard["schemes"].items():
        left = set(LABELS["design"]) - set(scheme["designs"])
        assert left == {"systematic_review", "NR", "UNCLEAR"}, name
        assert set(scheme["designs"]) - set(LABELS["design"]) == {"systematic_review_of_rcts"}, name


def test_the_four_schemes_name_their_source(standard):
    assert set(standard["schemes"]) == {"modified_oxford", "ocebm_2009", "ocebm_2011", "shekelle_1999"}
    assert standard["default"] == "modified_oxford"
    for scheme in standard["schemes"].values():
        assert re.search(r"https?://|doi:10\.", scheme["citation"])
        assert all(scheme["levels"][level]["meaning"] for level in scheme["order"])
    assert "not one published standard" in standard["schemes"]["modified_oxford"]["note"]


@pytest.mark.parametrize(
    ("key", "level", "rule"),
    [
        (("therapy", "warfarin", "all"), "IB", "IB: 1 randomised controlled trial (Berger 1987)" + ONE_NR),
        (
            ("therapy", "eswl", "all"), "IIA",
            "IIA: 1 controlled trial without randomisation (Blumhardt 2016)" + ONE_NR,
        ),
        (("therapy", "eswl", "ssc"), "IIA", None),
        (("therapy", "diltiazem", "all"), "IV", None),
        (("therapy", "diltiazem", "ssc"), "IV", "IV: 1 case series, direction not stated (Vayssairat 1998)"),
        (("therapy", "bisphosphonates", "all"), "IV", None),
        (("class", "bisphosphonate", "all"), "IV", None),
        (("therapy", "rituximab", "all"), "IV", None),
        (("therapy", "rituximab", "dm"), "IV", None),
        (("therapy", "rituximab", "ssc"), "IV", None),
        (("therapy", "anti_tnf", "jdm"), "IV", "IV: 1 retrospective case series (Campanilho-Marques 2020)"),
        (
            ("class", "anti_tnf", "jdm"), "IV",
            "IV: 2 prospective case series; 1 retrospective case series; 1 case series, direction not stated",
        ),
        (("therapy", "sodium_thiosulfate_intralesional", "all"), "IV", None),
        (("therapy", "surgery", "all"), "", None),
        (("therapy", "incision_drainage", "all"), "", "1 study not gradable"),
    ],
)  # fmt: skip
def test_levels_of_the_bundled_review(bundled, levels, key, level, rule):
    row = levels.loc[key]
    assert (row["level"], row["scheme"]) == (level, "modified_oxford")
    if rule is not None:
        assert therapy_level_words(row, with_levels(bundled)) == rule


def test_the_levels_come_from_the_designs_and_the_override(bundled, levels):
    """The same rows with one cell changed: nothing is looked up by name."""
    assert therapy_level_words(levels.loc[("therapy", "rituximab", "all")], with_levels(bundled)).endswith(
        "1 randomised controlled trial set to IV by the authors (Aggarwal 2017)"
    )
    without_override = graded(changed(bundled, "aggarwal2017", level_override="", level_override_reason=""))
    assert without_override.loc[("therapy", "rituximab", "all"), "level"] == "IB"
    no_design = graded(changed(bundled, "berger1987", design="NR"))
    assert no_design.loc[("therapy", "warfarin", "all"), "level"] == "IV"
    excluded = graded(changed(bundled, "berger1987", status="excluded", status_reason="test"))
    assert excluded.loc[("therapy", "warfarin", "all"), "level"] == "IV"
    assert "berger1987" not in excluded.loc[("therapy", "warfarin", "all"), "studies"]
    case_control = graded(changed(bundled, "vayssairat1998", design="case_control"))
    assert case_control.loc[("therapy", "diltiazem", "ssc"), "level"] == "III"
    assert case_control.loc[("therapy", "diltiazem", "ctd_mixed"), "level"] == "IV"


def test_included_and_awaiting_studies_are_graded_and_excluded_ones_are_not(bundled):
    levels = grade_studies(bundled).set_index("study_id")
    assert list(levels.index) == list(bundled["studies"]["study_id"])
    assert levels.loc["riley2008", ["status", "gradable", "level"]].tolist() == ["awaiting", "yes", "IV"]
    assert levels.loc["galimberti2018", ["gradable", "level", "basis"]].tolist() == ["no", "", "excluded"]
    assert (levels.loc[levels["status"] == "excluded", "level"] == "").all()


def test_a_systematic_review_is_no_ia_by_itself(bundled):
    row = grade_studies(bundled).set_index("study_id").loc["pseudotumoral2020"]
    assert (row["gradable"], row["level"], row["basis"]) == ("no", "", "review_of_unknown")


def test_an_override_wins_and_is_shown(bundled):
    row = grade_studies(bundled).set_index("study_id").loc["aggarwal2017"]
    assert (row["level"], row["level_by_design"], row["override"], row["basis"]) == ("IV", "IB", "IV", "override")
    words = study_level_words(row, bundled)
    assert words.startswith("IV, set by the authors (its design (randomised controlled trial) alone would give IB).")
    assert row["override_reason"].startswith("Randomisation was between early and late rituximab")


@pytest.mark.parametrize(
    ("override", "scheme", "level"),
    [
        ("IV", "shekelle_1999", "III"),  # an uncontrolled series; IV itself would be opinion there
        ("IV", "ocebm_2009", "4"),
        ("IV", "ocebm_2011", "4"),
        ("IIB", "ocebm_2009", "2b"),
        ("III", "ocebm_2011", "4"),
        ("IA", "ocebm_2009", "1a"),
        ("IA", "ocebm_2011", "1"),
        ("IA", "shekelle_1999", "Ia"),
        ("V", "shekelle_1999", "IV"),
    ],
)
def test_an_override_is_carried_to_another_scheme_as_a_design(override, scheme, level):
    made = review({"one": {"design": "rct", "level_override": override, "level_override_reason": "why"}}, [])
    row, words = first_study(made, scheme)
    assert (row["level"], row["basis"]) == (level, "override_carried")
    assert override in words
    assert words.endswith("Reason: why")


def test_an_override_without_counterpart_is_not_carried_over(standard):
    """Shekelle's IIb (quasi-experimental) has no place in the 2009 levels."""
    made = review({"one": {"design": "rct", "level_override": "IIb", "level_override_reason": "why"}}, [])
    standards = SimpleNamespace(levels=standard | {"overrides_written_in": "shekelle_1999"})
    row, words = first_study(replace(made, standards=standards), "ocebm_2009")
    assert (row["gradable"], row["level"], row["basis"]) == ("no", "", "no_counterpart")
    assert words == "not gradable: set by the authors to IIb of another scheme, without counterpart here"


def test_errors_of_overrides_are_reported_all_at_once():
    made = review(
        {
            "good": {},
            "unknown": {"level_override": "4", "level_override_reason": "why"},
            "silent": {"level_override": "IV"},
        },
        [],
    )
    with pytest.raises(GradingError) as error:
        grade_studies(made)
    assert str(error.value) == (
        "studies, row 3, column level_override: '4' is no level of modified_oxford: IA, IB, IIA, IIB, III, IV, V"
        " (study unknown)\n"
        "studies, row 4, column level_override_reason: empty beside IV (study silent)"
    )


def test_a_broken_file_of_schemes_is_refused(tmp_path):
    broken = yaml.safe_load(Path(LEVELS).read_text(encoding="utf-8"))
    broken["default"] = "oxford"
    broken["schemes"]["ocebm_2011"]["designs"]["rct"] = "7"
    broken["schemes"]["ocebm_2009"]["judgements"].append("poster")
    path = tmp_path / "levels.yaml"
    path.write_text(yaml.safe_dump(broken), encoding="utf-8")
    with pytest.raises(ReviewError) as error:
        read_schemes(path)
    for fault in (
        "ocebm_2011: rct -> 7, which is no level of this scheme",
        "ocebm_2009: poster is called a judgement but has no level",
        "default: oxford is none of modified_oxford, ocebm_2009, ocebm_2011, shekelle_1999",
    ):
        assert fault in str(error.value)


def test_rows_without_therapy_or_disease():
    """A row whose therapy is not reported counts for none; one whose disease is not reported only for all diseases."""
    levels = graded(
        review(
            {"trial": {"design": "rct"}, "series": {}, "lost": {"design": "rct"}},
            [("trial", {"disease": "NR"}), ("series", {}), ("lost", {"therapy": "NR"})],
        )
    )
    assert levels.loc[("therapy", "drug", "all"), ["level", "k"]].tolist() == ["IB", 2]
    assert levels.loc[("therapy", "drug", "ssc"), ["level", "k"]].tolist() == ["IV", 1]
    assert set(levels.index) == {("therapy", "drug", "all"), ("therapy", "drug", "ssc")}


def test_a_second_outcome_alone_gives_a_level():
    levels = graded(review({"series": {}}, [("series", {"primary_outcome": "no", "n": "9", "responders": "2"})]))
    row = levels.loc[("therapy", "drug", "all")]
    assert (row["level"], row["k_IV"], row["patients_IV"], row["counts_IV"]) == ("IV", 1, 0, 0)


def test_studies_patients_and_counts_at_each_level(levels):
    row = levels.loc[("therapy", "diltiazem", "all")]
    # Vayssairat 12, Palmieri 4, Balin 17 with counts, the thesis 2 without; two more report no design
    assert (row["k"], row["k_not_gradable"], row["k_IV"], row["patients_IV"], row["counts_IV"]) == (4, 2, 4, 35, 3)
    assert row["studies"] == "vayssairat1998;palmieri1995;balin2012;vilnius_nd"
    assert row["direction"] == "across"
    warfarin = levels.loc[("therapy", "warfarin", "all")]
    assert (warfarin["k_IB"], warfarin["patients_IB"], warfarin["counts_IB"]) == (1, 3, 1)


@pytest.mark.parametrize(
    ("facts", "patients"),
    [
        ({"n_patients": "10"}, 10),  # 8 + 6 cannot all be different patients
        ({"n_patients": "20"}, 14),
        ({"n_patients": "NR"}, 8),  # nobody says how far they overlap
    ],
)
def test_patients_of_a_class_are_not_counted_twice(facts, patients):
    levels = graded(
        review(
            {"series": facts},
            [("series", {"n": "8", "responders": "4"}), ("series", {"therapy": "other", "n": "6", "responders": "1"})],
            {"drug": "group", "other": "group"},
        )
    )
    assert levels.loc[("class", "group", "all"), "patients_IV"] == patients
    assert levels.loc[("therapy", "drug", "all"), "patients_IV"] == 8


def test_two_time_points_give_the_patients_once_and_two_arms_both():
    cells = {"n": "8", "responders": "4"}
    later = graded(review({"one": {}}, [("one", cells), ("one", cells | {"time_point_months": "6"})]))
    assert later.loc[("therapy", "drug", "all"), "patients_IV"] == 8
    arms = graded(review({"one": {}}, [("one", cells | {"arm": "low"}), ("one", cells | {"arm": "high"})]))
    assert arms.loc[("therapy", "drug", "all"), "patients_IV"] == 16


def test_two_reports_of_one_cohort_give_their_patients_once():
    levels = graded(
        review(
            {"early": {"cohort_id": "c1"}, "late": {"cohort_id": "c1"}, "else": {"cohort_id": "c2"}},
            [("early", {"n": "5"}), ("late", {"n": "9"}), ("else", {"n": "4"})],
        )
    )
    assert levels.loc[("therapy", "drug", "all"), ["k_IV", "patients_IV"]].tolist() == [3, 13]


def test_classes_need_two_members_and_may_be_forbidden(levels):
    classes = {therapy for scope, therapy, _ in levels.index if scope == "class"}
    assert {"bisphosphonate", "anti_tnf", "surgery"} <= classes
    assert classes.isdisjoint({"combination", "physical_treatment", "anticoagulant"})


@pytest.mark.parametrize(
    ("trial", "series", "agreement", "in_number"),
    [
        ((8, 10), (7, 10), "agrees", "yes"),
        ((2, 10), (7, 10), "differs", "yes"),
        ((2, 10), (3, 10), "agrees", "yes"),
        ((5, 10), (7, 10), "on_threshold", "yes"),
        ((5, 10), (3, 10), "on_threshold", "yes"),
        ((7, 10), (5, 10), "on_threshold", "yes"),
        (("NR", 10), (2, 3), "no_counts", "no"),
        ((8, 10), (1, 2), "no_counts", "yes"),
    ],
)
def test_agreement_of_the_best_level_with_the_rest(trial, series, agreement, in_number):
    made = review(
        {"trial": {"design": "rct"}, "series": {}},
        [(study, {"responders": str(x), "n": str(n)}) for study, (x, n) in (("trial", trial), ("series", series))],
    )
    row = graded(made).loc[("therapy", "drug", "all")]
    assert (row["level"], row["agreement"], row["level_in_number"]) == ("IB", agreement, in_number)


def test_words_of_agreement_name_the_counts():
    made = with_levels(
        review(
            {"trial": {"design": "rct"}, "series": {}},
            [("trial", {"responders": "8", "n": "10"}), ("series", {"responders": "7", "n": "10"})],
        )
    )
    row = made.level_of("therapy", "drug")
    assert agreement_words(row, made) == "agree (level IB: 8/10, lower levels: 7/10; threshold 50.0%)"


def test_agreement_where_there_is_nothing_to_compare(levels):
    assert levels.loc[("therapy", "diltiazem", "all"), "agreement"] == "only_level"
    assert levels.loc[("therapy", "surgery", "all"), "agreement"] == ""


def test_every_therapy_under_every_scheme(bundled, standard, levels):
    table = level_sensitivity(bundled).set_index(["scope", "therapy", "disease"])
    assert list(table.index) == list(levels.index)
    assert list(table.columns) == [*standard["schemes"], "differs"]
    assert table["modified_oxford"].tolist() == levels["level"].tolist()
    for scheme in standard["schemes"]:
        assert table[scheme].tolist() == graded(bundled, scheme)["level"].tolist()
    warfarin = ["IB", "1b", "2", "Ib", "yes"]  # a trial is 2 in 2011
    assert table.loc[("therapy", "warfarin", "all")].tolist() == warfarin
    assert table.loc[("therapy", "rituximab", "all")].tolist() == ["IV", "4", "4", "III", "yes"]
    assert table.loc[("therapy", "eswl", "all")].tolist() == ["IIA", "2b", "3", "IIa", "yes"]
    assert table.loc[("therapy", "surgery", "all")].tolist() == ["", "", "", "", "no"]


def test_levels_read_back_from_csv_are_the_same(bundled, tmp_path):
    """A scheme with levels 1 to 5 comes back as words, not as numbers."""
    levels = grade_studies(bundled, "ocebm_2011")
    save_csv(levels, tmp_path / "study_levels.csv")
    pd.testing.assert_frame_equal(read_result(tmp_path / "study_levels.csv"), levels, check_dtype=False)


def test_no_slug_in_the_words_for_people(bundled, levels):
    made = with_levels(bundled)
    slugs = {*made["studies"]["study_id"], *LABELS["design"], *made["therapies"]["therapy"]}
    slugs = {slug for slug in slugs if "_" in slug or any(letter.isdigit() for letter in slug)}
    for row in made["therapy_levels"].to_dict("records"):
        for words in (therapy_level_words(row, made), agreement_words(row, made)):
            assert not slugs.intersection(re.findall(r"[a-z0-9_]+", words)), words
            assert not re.search(r"\bnan\b", words)
