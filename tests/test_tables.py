"""The printed tables: exact cells, what is missing said, nothing raw."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from small_evidence import tables as printed
from small_evidence import wording
from small_evidence.appraisal.levels import grade_studies, grade_therapies, level_sensitivity
from small_evidence.extraction.checks import check_extraction
from small_evidence.extraction.schema import LABELS, TABLES, columns, empty_table
from small_evidence.review import read_result, save_csv
from small_evidence.standards import read_schemes
from small_evidence.synthesis.analyses import pool_arms, select_arms
from small_evidence.tables.findings import certainty_notes
from tests.policy import POLICY

CLASS_LABELS = {
    "calcium_channel_blocker": "Calcium-channel blockers",
    "anticoagulant": "Anticoagulants",
    "anti_tnf": "TNF inhibitors",
}
NAN = float("nan")


def frame_of(table, rows):
    """Rows of an extraction table; columns not given are empty."""
    return pd.DataFrame([dict.fromkeys(columns(table), "") | row for row in rows], columns=columns(table), dtype="str")


def study(study_id, label, year, design="case_series", status="included", **more):
    return {
        "study_id": study_id,
        "label": label,
        "year": year,
        "design": design,
        "controlled": "no",
        "n_patients": "NR",
        "cohort_id": study_id,
        "published_review": "unknown",
        "status": status,
        "doi": "NR",
        "pmid": "NR",
    } | more


def response(study_id, therapy, disease, n, responders, **more):
    return {
        "response_id": f"{study_id}_{therapy}_{disease}",
        "study_id": study_id,
        "therapy": therapy,
        "disease": disease,
        "outcome": "clinical_response",
        "primary_outcome": "yes",
        "unit": "patient",
        "follow_up": "NR",
        "n": n,
        "responders": responders,
        "response_definition": "NR",
        "evidence_basis": "abstract",
        "pool": "yes",
    } | more


def therapy(slug, label, therapy_class, order):
    return {"therapy": slug, "label": label, "therapy_class": therapy_class, "display_order": order}


def event(study_id, therapy, term, x, n, reporting):
    return {
        "study_id": study_id,
        "therapy": therapy,
        "term": term,
        "n_patients": x,
        "n_at_risk": n,
        "serious": "NR",
        "reporting": reporting,
    }


@pytest.fixture(scope="module")
def schemes():
    return read_schemes("workflow/standards/levels.yaml")


@pytest.fixture(scope="module")
def extraction():
    """Four diltiazem series and the warfarin studies of the bundled review, one treatment awaiting, one excluded."""
    return {
        "studies": frame_of(
            "studies",
            [
                study("vayssairat1998", "Vayssairat 1998", "1998", n_patients="12"),
                study("palmieri1995", "Palmieri 1995", "1995", n_patients="5", doi="10.1002/art.17803", pmid="7488286"),
                study("balin2012", "Balin 2012", "2012", "case_series_retrospective", n_patients="78"),
                study("cohort", "Unidentified cohort", "NR", "NR", controlled="NR"),
                study("jdm2001", "JDM diltiazem 2001", "2001", "NR", "awaiting", status_reason="n missing"),
                study("berger1987", "Berger 1987", "1987", "rct", "awaiting", status_reason="3 or 0 of 3"),
                study("cukierman2004", "Cukierman 2004", "2004", n_patients="3"),
                study("schanz2008", "Schanz 2008", "2008", "case_report", n_patients="1"),
                study(
                    "aggarwal2017",
                    "Aggarwal 2017",
                    "2017",
                    "rct",
                    "awaiting",
                    level_override="IV",
                    level_override_reason="Early against late start",
                    status_reason="Calcinosis counts missing",
                ),
                study("hsct2008", "HSCT 2008", "2008", status="excluded", status_reason="Out of scope: SLE"),
            ],
        ),
        "responses": frame_of(
            "responses",
            [
                response("vayssairat1998", "diltiazem", "ssc", "12", "3", outcome="radiological_response"),
                response("palmieri1995", "diltiazem", "other", "4", "4", follow_up="1-12 years"),
                response("balin2012", "diltiazem", "ctd_mixed", "17", "9"),
                response("cohort", "diltiazem", "ctd_mixed", "8", "5", evidence_basis="secondary"),
                response("jdm2001", "diltiazem", "jdm", "NR", "NR", pool="no", pool_reason="counts not retrieved"),
                response("berger1987", "warfarin", "NR", "3", "0", pool="no", pool_reason="count not settled"),
                response("cukierman2004", "warfarin", "ssc", "3", "2", evidence_basis="secondary"),
                response(
                    "cukierman2004",
                    "warfarin",
                    "ssc",
                    "3",
                    "1",
                    response_id="cukierman_pain",
                    outcome="pain_response",
                    primary_outcome="no",
                    pool="no",
                    pool_reason="second outcome of the same patients",
                ),
                response("schanz2008", "warfarin", "ssc", "1", "0"),
                response("aggarwal2017", "infliximab", "dm", "NR", "NR", pool="no", pool_reason="counts not retrieved"),
                response("hsct2008", "hsct", "other", "3", "3", pool="no", pool_reason="out of scope"),
            ],
        ),
        "therapies": frame_of(
            "therapies",
            [
                therapy("hsct", "Stem-cell transplantation", "cell_therapy", "9"),
                therapy("infliximab", "Infliximab", "anti_tnf", "3"),
                therapy("warfarin", "Warfarin (low dose)", "anticoagulant", "2"),
                therapy("diltiazem", "Diltiazem", "calcium_channel_blocker", "1"),
            ],
        ),
        "diseases": frame_of(
            "diseases",
            [
                {"disease": "ssc", "label": "Systemic sclerosis", "synonyms": "SSc;scleroderma"},
                {"disease": "dm", "label": "Dermatomyositis (adult)", "synonyms": "DM"},
                {"disease": "jdm", "label": "Juvenile dermatomyositis", "synonyms": "JDM"},
                {"disease": "ctd_mixed", "label": "Mixed connective tissue disease, not split"},
                {"disease": "other", "label": "Other or not separable (includes SLE)"},
            ],
        ),
        "adverse_events": frame_of(
            "adverse_events",
            [
                event("palmieri1995", "diltiazem", "intolerance", "1", "5", "reported"),
                event("balin2012", "diltiazem", "any", "0", "17", "reported_none"),
                event("cukierman2004", "warfarin", "bleeding", "NR", "3", "unclear"),
                event("hsct2008", "hsct", "death", "1", "3", "reported"),
            ],
        ),
    }  # fmt: skip


def arm(analysis, therapy, study_id, x, n, year, reason="", disease="all", arm_disease="ssc", basis="abstract"):
    return {
        "analysis": analysis,
        "scope": "therapy",
        "therapy": therapy,
        "disease": disease,
        "study_id": study_id,
        "entered": "no" if reason else "yes",
        "reason": reason,
        "responders": x,
        "n": n,
        "arm_disease": arm_disease,
        "arm_therapy": therapy,
        "evidence_basis": basis,
        "year": year,
        "response_ids": f"{study_id}_{therapy}_{arm_disease}",
        "source": "",
    }


@pytest.fixture(scope="module")
def arms():
    rows = [
        arm("diltiazem", "diltiazem", "vayssairat1998", 3.0, 12.0, 1998.0),
        arm("diltiazem", "diltiazem", "palmieri1995", 4.0, 4.0, 1995.0, arm_disease="other"),
        arm("diltiazem", "diltiazem", "balin2012", 9.0, 17.0, 2012.0, arm_disease="ctd_mixed"),
        arm("diltiazem", "diltiazem", "cohort", 5.0, 8.0, NAN, arm_disease="ctd_mixed", basis="secondary"),
        arm("diltiazem", "diltiazem", "jdm2001", NAN, NAN, 2001.0, "counts not retrieved", arm_disease="jdm"),
        arm("diltiazem-ssc", "diltiazem", "vayssairat1998", 3.0, 12.0, 1998.0, disease="ssc"),
        arm("diltiazem-ctd_mixed", "diltiazem", "balin2012", 9.0, 17.0, 2012.0, "", "ctd_mixed", "ctd_mixed"),
        arm("diltiazem-ctd_mixed", "diltiazem", "cohort", 5.0, 8.0, NAN, "", "ctd_mixed", "ctd_mixed", "secondary"),
        arm("diltiazem-jdm", "diltiazem", "jdm2001", NAN, NAN, 2001.0, "counts not retrieved", "jdm", "jdm"),
        arm("diltiazem-other", "diltiazem", "palmieri1995", 4.0, 4.0, 1995.0, "", "other", "other"),
        arm("warfarin", "warfarin", "berger1987", 0.0, 3.0, 1987.0, "count not settled", arm_disease="NR"),
        arm("warfarin", "warfarin", "cukierman2004", 2.0, 3.0, 2004.0, basis="secondary"),
        arm("warfarin", "warfarin", "schanz2008", 0.0, 1.0, 2008.0, "fewer than 3 patients (1)"),
        arm("warfarin-ssc", "warfarin", "cukierman2004", 2.0, 3.0, 2004.0, disease="ssc", basis="secondary"),
        arm("warfarin-ssc", "warfarin", "schanz2008", 0.0, 1.0, 2008.0, "fewer than 3 patients (1)", disease="ssc"),
        arm("infliximab", "infliximab", "aggarwal2017", NAN, NAN, 2017.0, "counts not retrieved", arm_disease="dm"),
        arm("infliximab-dm", "infliximab", "aggarwal2017", NAN, NAN, 2017.0, "counts not retrieved", "dm", "dm"),
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def pooled(arms):
    """What synthesis.pool_arms gives for these arms; diltiazem's values are those stated for the review."""
    from small_evidence.pooling.proportions import proportion_interval

    empty = {
        "pooled": "no", "method": "", "interval": "", "conf_level": NAN, "estimate": NAN, "ci_lb": NAN, "ci_ub": NAN,
        "pi_lb": NAN, "pi_ub": NAN, "tau2": NAN, "q_p": NAN, "i2": NAN, "status": "", "note": "", "direction": "across",
    }  # fmt: skip
    rows = []
    for (analysis, scope, therapy, disease), group in arms.groupby(
        ["analysis", "scope", "therapy", "disease"], sort=False
    ):
        entered = group[group["entered"] == "yes"]
        counted = group[(group["entered"] == "no") & group["n"].notna()]
        awaiting = group[group["n"].isna()]
        k, events, n = len(entered), int(entered["responders"].sum()), int(entered["n"].sum())
        lower, upper = proportion_interval(events, n) if k else (NAN, NAN)
        row = empty | {
            "analysis": analysis, "scope": scope, "therapy": therapy, "disease": disease, "k": k, "events": events,
            "n": n, "crude": events / n if k else NAN, "crude_ci_lb": float(lower), "crude_ci_ub": float(upper),
            "studies": ";".join(entered["study_id"]), "k_left_out": len(counted), "left_out": "",
            "k_awaiting": len(awaiting), "awaiting": ";".join(awaiting["study_id"]),
            "reason": f"{k} {'study' if k == 1 else 'studies'}, 3 needed" if k else "counts not in hand",
        }  # fmt: skip
        if not k:
            row["direction"] = ""
        if analysis == "diltiazem":
            row |= {
                "pooled": "yes", "reason": "", "method": "glmm", "interval": "profile", "conf_level": 0.95,
                "estimate": 0.54753, "ci_lb": 0.13, "ci_ub": 0.92,
                "pi_lb": 0.05, "pi_ub": 0.97, "tau2": 0.4564, "i2": 0.62, "status": "ok",
            }  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def levels(extraction, arms, pooled, schemes):
    graded = grade_studies(extraction["studies"], schemes)
    names = ("studies", "responses", "therapies", "diseases")
    return graded, grade_therapies(graded, *(extraction[name] for name in names), pooled, arms, schemes)


@pytest.fixture(scope="module")
def made(extraction, arms, pooled, levels, schemes):
    """All printed tables of the small review, by name."""
    frames = extraction | {"arms": arms, "pooled": pooled, "study_levels": levels[0], "therapy_levels": levels[1]}
    names = ("studies", "responses", "therapies", "diseases")
    frames["level_sensitivity"] = level_sensitivity(*(extraction[name] for name in names), schemes)
    config = {
        "review": {"condition": "calcinosis cutis", "follows": "Traineau", "class_labels": CLASS_LABELS},
        "grading": {"scheme": "modified_oxford", "response_threshold": 0.5},
        "synthesis": POLICY,
    }
    return {table.name: table for table in printed.evidence_tables(frames, schemes, config)}


def row_of(table, **where):
    frame = table.frame
    for name, value in where.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1, frame
    return frame.iloc[0]


def test_table_iv_diltiazem_row(made):
    row = row_of(made["table_iv"], Treatment="Diltiazem")
    assert row.to_dict() == {
        "Class": "Calcium-channel blockers",
        "Treatment": "Diltiazem",
        "Level": "IV",
        "Direction": "across",
        "Analysed": 4,
        "Left out": 0,
        "Awaiting": 1,
        "Patients": 41,
        "Responders/n (%) [95% CI]": "21/41 (51.2%) [35.1, 67.1]†",
        "Pooled % [95% CI]": "54.8 [13.0, 92.0]",
        "SSc": "1 study; 3/12 (25.0%)",
        "DM": "—",
        "JDM": "1 awaiting",
        "Mixed connective tissue disease": "2 studies; 14/25 (56.0%)",
        "Other or not separable": "1 study; 4/4 (100.0%)",
        "References": "Palmieri 1995; Vayssairat 1998; Balin 2012; Unidentified cohort; JDM diltiazem 2001*",
    }
    assert (
        "† Rests wholly or partly on counts known from a secondary source only (see Table III)."
        in made["table_iv"].footnotes
    )


def test_table_iv_warfarin_is_ib_and_not_pooled(made):
    row = row_of(made["table_iv"], Treatment="Warfarin (low dose)")
    assert row[["Level", "Direction", "Analysed", "Left out", "Awaiting", "Patients"]].tolist() == [
        "IB",
        "across",
        1,
        2,
        0,
        7,
    ]
    assert row["Responders/n (%) [95% CI]"] == "2/3 (66.7%) [9.4, 99.2]†"
    assert row["Pooled % [95% CI]"] == "not pooled: 1 study, 3 needed"
    assert row["SSc"] == "1 study; 2/3 (66.7%); 1 left out"
    assert row["References"] == "Cukierman 2004; Berger 1987*; Schanz 2008*"


def test_table_iv_shows_a_treatment_that_only_awaits_counts(made):
    row = row_of(made["table_iv"], Treatment="Infliximab")
    assert row.drop("References").to_dict() == {
        "Class": "TNF inhibitors",
        "Treatment": "Infliximab",
        "Level": "IV",
        "Direction": "—",
        "Analysed": 0,
        "Left out": 0,
        "Awaiting": 1,
        "Patients": "NR",
        "Responders/n (%) [95% CI]": "—",
        "Pooled % [95% CI]": "not pooled: counts not in hand",
        "SSc": "—",
        "DM": "1 awaiting",
        "JDM": "—",
        "Mixed connective tissue disease": "—",
        "Other or not separable": "—",
    }
    assert (
        "Counts of 2 studies are awaited. 1 treatment has only studies awaiting counts. "
        "Missing counts are not taken as no response."
    ) in made["table_iv"].footnotes


def test_table_iv_keeps_the_display_order_and_lists_each_treatment_once(made):
    assert made["table_iv"].frame["Treatment"].tolist() == ["Diltiazem", "Warfarin (low dose)", "Infliximab"]
    assert "Without any eligible study: Stem-cell transplantation." in made["table_iv"].footnotes


def test_table_iv_footnotes_name_model_scheme_spread_and_policy(made):
    notes = "\n".join(made["table_iv"].footnotes)
    for words in (
        "Levels of evidence: Modified Oxford levels",
        "could not be retrieved",
        "Pooled %: binomial-normal random-effects model on the logit scale, by maximum likelihood; 95% confidence "
        "interval by profile likelihood.",
        "Between-study variance (tau², logit scale): Diltiazem 0.46.",
        "Pooled from 3 studies on; arms of fewer than 3 patients",
        "lies above, below or across 50.0% responders",
        "no recommendation",
        "NR, not reported",
        "SSc, Systemic sclerosis",
    ):
        assert words in notes


def test_a_pooled_interval_over_nearly_everything_is_shown_with_a_note(extraction, arms, pooled, levels, schemes):
    wide = pooled.copy()
    wide.loc[wide["analysis"] == "diltiazem", ["ci_lb", "ci_ub"]] = [0.04, 0.97]
    table = table_iv_of(extraction, arms, wide, levels, schemes)
    assert row_of(table, Treatment="Diltiazem")["Pooled % [95% CI]"].startswith("54.8 [4.0, 97.0]")
    assert any("covers nearly the whole scale" in note for note in table.footnotes)
    assert not any("covers nearly" in note for note in table_iv_of(extraction, arms, pooled, levels, schemes).footnotes)


def test_all_responders_is_said_to_be_the_exact_interval(extraction, arms, pooled, levels, schemes):
    every = pooled.copy()
    diltiazem = every["analysis"] == "diltiazem"
    every.loc[diltiazem, ["estimate", "ci_lb", "ci_ub", "tau2"]] = [1.0, 0.914, 1.0, NAN]
    every.loc[diltiazem, "status"] = "all_responders"
    table = table_iv_of(extraction, arms, every, levels, schemes)
    assert row_of(table, Treatment="Diltiazem")["Pooled % [95% CI]"].startswith("100.0 [91.4, 100.0]")
    assert any("Every patient responded" in note for note in table.footnotes)
    assert any("Diltiazem —" in note for note in table.footnotes)


def table_iv_of(extraction, arms, pooled, levels, schemes, **more):
    names = ("studies", "responses", "therapies", "diseases")
    parts = [extraction[name] for name in names]
    return printed.table_iv(pooled, arms, levels[1], *parts, schemes, POLICY, 0.5, **more)


def test_class_row_comes_after_its_members_in_bold(extraction, arms, pooled, levels, schemes):
    """A class analysed as a whole is a row of its own; its name is 'All ...'."""
    therapies = extraction["therapies"].copy()
    therapies.loc[therapies["therapy"] == "warfarin", "therapy_class"] = "calcium_channel_blocker"
    whole = arms[arms["analysis"].isin(["diltiazem", "warfarin"])]
    whole = whole.assign(analysis="class-calcium_channel_blocker", scope="class", therapy="calcium_channel_blocker")
    line = pooled[pooled["analysis"] == "diltiazem"].assign(
        analysis="class-calcium_channel_blocker", scope="class", therapy="calcium_channel_blocker", k=5, events=23, n=44
    )
    table = printed.table_iv(
        pd.concat([pooled, line]), pd.concat([arms, whole]), levels[1], extraction["studies"], extraction["responses"],
        therapies, extraction["diseases"], schemes, POLICY, 0.5, CLASS_LABELS,
    )  # fmt: skip
    assert table.frame["Treatment"].tolist()[:3] == ["Diltiazem", "Warfarin (low dose)", "All calcium-channel blockers"]
    assert table.emphasised == (2,)
    assert table.frame.loc[2, "Patients"] == 48  # 41 and 7: no cohort is in both


def test_table_iii_lists_every_arm_and_then_the_pooled_line(made):
    frame = made["table_iii"].frame
    diltiazem = frame[frame["Treatment"] == "Diltiazem"]
    assert diltiazem["Study"].tolist() == [
        "Palmieri 1995",
        "Vayssairat 1998",
        "Balin 2012",
        "Unidentified cohort",
        "JDM diltiazem 2001",
        "Summed, 4 studies",
        "Pooled, 4 studies",
    ]
    assert diltiazem["Responders/n (%)"].tolist() == [
        "4/4 (100.0%)",
        "3/12 (25.0%)",
        "9/17 (52.9%)",
        "5/8 (62.5%)",
        "NR",
        "21/41 (51.2%)",
        "54.8%",
    ]
    assert diltiazem["95% CI, %"].tolist()[3:] == ["[24.5, 91.5]", "—", "[35.1, 67.1]", "[13.0, 92.0]"]
    assert diltiazem["In the analysis"].tolist()[-3:] == ["no: counts not retrieved", "—", "—"]
    assert diltiazem["Response defined as"].iloc[-1] == "prediction interval [5.0, 97.0]%, tau² 0.46, I² 62%"
    assert diltiazem["Follow-up"].tolist()[:2] == ["1-12 years", "NR"]
    assert diltiazem["Known from"].iloc[3] == "secondary account"


def test_table_iii_says_why_arms_and_outcomes_are_out(made):
    frame = made["table_iii"].frame
    warfarin = frame[frame["Treatment"] == "Warfarin (low dose)"].set_index("Study")
    assert warfarin["In the analysis"].tolist() == [
        "yes",
        "no: count not settled",
        "no: fewer than 3 patients (1)",
        "no: second outcome of the same patients",
        "—",
    ]
    assert warfarin.index[-1] == "Not pooled: 1 study, 3 needed"
    assert warfarin.loc["Berger 1987", "Responders/n (%)"] == "0/3 (0.0%)"
    assert warfarin.loc["Berger 1987", "Disease"] == "NR"


def test_table_ii_groups_by_status_and_marks_the_override(made):
    table = made["table_ii"]
    assert table.frame["Status"].drop_duplicates().tolist() == ["Included", "Awaiting counts", "Excluded"]
    assert len(table.frame) == 10
    row = row_of(table, Study="Palmieri 1995")
    assert row["DOI, PMID"] == "doi:10.1002/art.17803; PMID 7488286"
    assert (row["Year"], row["Patients with calcinosis cutis"]) == (1995, 5)
    assert row_of(table, Study="Aggarwal 2017")["Level"] == "IV†"
    assert "† Level set by hand from IB: Early against late start" in table.footnotes
    assert row_of(table, Study="Unidentified cohort")["Level"] == "not gradable"
    excluded = row_of(table, Study="HSCT 2008")
    assert (excluded["Level"], excluded["What is missing, or why excluded"]) == ("—", "Out of scope: SLE")


def test_table_i_gives_the_levels_of_the_scheme_with_its_caveat(made):
    table = made["table_i"]
    assert table.frame["Level"].tolist() == ["IA", "IB", "IIA", "IIB", "III", "IV", "V"]
    assert table.frame.set_index("Level")["Studies"].to_dict() == {
        "IA": 0, "IB": 1, "IIA": 0, "IIB": 0, "III": 0, "IV": 6, "V": 0,
    }  # fmt: skip
    assert any("could not be retrieved" in note for note in table.footnotes)
    assert any("2 studies could not be graded" in note for note in table.footnotes)


def test_a_scheme_of_numbers_survives_the_way_through_csv(extraction, schemes):
    """Levels 1 to 5 come back from a CSV as numbers; 4.0 is level 4."""
    graded = grade_studies(extraction["studies"], schemes, "ocebm_2011")
    graded["level"] = pd.to_numeric(graded["level"])
    graded["level_by_design"] = pd.to_numeric(graded["level_by_design"])
    table = printed.table_i(schemes, "ocebm_2011", graded)
    assert table.frame.set_index("Level")["Studies"].to_dict() == {"1": 0, "2": 1, "3": 0, "4": 6, "5": 0}


def test_adverse_events_keep_silence_and_zero_apart(made):
    frame = made["adverse_events"].frame
    diltiazem = frame[frame["Treatment"] == "Diltiazem"].set_index("Study")
    assert diltiazem.loc["Palmieri 1995", "Patients (%)"] == "1/5 (20.0%)"
    assert diltiazem.loc["Balin 2012", ["Patients (%)", "Statement"]].tolist() == [
        "0/17 (0.0%)",
        "reported that none occurred",
    ]
    silent = diltiazem.loc["Vayssairat 1998; Unidentified cohort; JDM diltiazem 2001"]
    assert (silent["Adverse event"], silent["Patients (%)"]) == ("no statement found", "NR")
    assert frame[frame["Treatment"] == "Infliximab"]["Adverse event"].tolist() == ["no statement found"]
    assert "Stem-cell transplantation" not in set(frame["Treatment"])
    assert "Not shown: 1 statement of excluded studies." in made["adverse_events"].footnotes


def test_level_table_gives_the_rule_in_words(made):
    row = row_of(made["levels"], Treatment="Warfarin (low dose)", Disease="All diseases")
    assert row["Level"] == "IB"
    assert row["How it was reached"] == "IB: 1 randomised controlled trial (Berger 1987)"
    assert row["Under other schemes"] == "OCEBM 2009: 1b; OCEBM 2011: 2; Shekelle 1999: Ib"
    assert row["Studies and patients by level"] == (
        "IB: 1 study, 0 with counts, 3 patients; IV: 2 studies, 2 with counts, 4 patients"
    )


def test_reconciliation_puts_the_claims_of_a_publication_together():
    claims = pd.DataFrame(
        [
            ("A 2020", "Warfarin", "level", "IB", "IB", "agrees", "same trial"),
            ("B 2021", "All treatments", "studies", "11", "104", "differs", "another search"),
            ("A 2020", "Warfarin", "pooled response", "22% [0, 53]", NAN, "cannot be told", "counts not in hand"),
        ],
        columns=["review", "about", "measure", "claimed", "ours", "verdict", "why"],
    )
    claims["source"] = ["doi:10.1/a", "doi:10.1/b", "doi:10.1/c"]
    table = printed.reconciliation_table(claims)
    assert [row["source"] for row in table.about] == ["doi:10.1/a", "doi:10.1/c", "doi:10.1/b"]
    assert table.frame["Publication"].tolist() == ["A 2020", "A 2020", "B 2021"]
    assert table.frame["These tables"].tolist() == ["IB", "—", "104"]
    assert table.footnotes[0] == "Of 3 claims: 1 agrees; 1 cannot be told; 1 differs."
    assert table.listed


def test_awaiting_says_what_is_missing_and_what_it_would_add(schemes):
    study = {
        "priority": 1, "study_id": "berger1987", "label": "Berger 1987", "year": 1987.0, "level": "IB",
        "therapies": "Warfarin", "diseases": "NR", "n": "3", "missing": "responders", "reason": NAN,
        "where": "PMID 1", "adds": "a second study",
        "would_allow_pooling": "no",
    }  # fmt: skip
    table = printed.awaiting_table(pd.DataFrame([study]), schemes, "modified_oxford")
    assert table.frame.iloc[0].tolist() == [
        1, "Berger 1987", 1987, "IB", "Warfarin", "NR", 3, "responders", "PMID 1", "a second study",
    ]  # fmt: skip
    assert table.footnotes[0].startswith("1 study, most useful first; 0 of them would make")


NUMBERS = re.compile(r"\d\.\d{3,}")


def test_no_cell_or_note_is_raw(made, extraction):
    """No nan, slug, long decimal, stray blank or underscore reaches a reader."""
    slugs = {
        value
        for table, key in (("studies", "study_id"), ("therapies", "therapy"), ("diseases", "disease"))
        for value in extraction[table][key]
        if re.search(r"\d|_", value)
    }
    assert len(made) == 8
    for table in made.values():
        texts = [str(value) for value in table.frame.to_numpy().ravel()] + list(table.footnotes) + [table.caption]
        for text in texts:
            assert text.strip() == text
            assert text
            assert "nan" not in re.findall(r"\w+", text.lower())
            assert not slugs & set(re.findall(r"[\w]+", text)), text
            assert not (NUMBERS.search(text) and "doi:10." not in text), text
            assert "  " not in text


def test_every_column_of_a_table_is_in_its_frame(made):
    for table in made.values():
        names = [column.name for column in table.columns]
        assert list(table.frame.columns) == [table.group] * bool(table.group) + names
        assert len(set(names)) == len(names)


def test_an_empty_review_gives_tables_without_rows(schemes):
    empty = {name: empty_table(name) for name in TABLES}
    graded = grade_studies(empty["studies"], schemes)
    arms = pd.DataFrame(columns=list(arm("", "", "", 0, 0, 0)))
    pooled = pd.DataFrame(
        columns=[
            "analysis",
            "scope",
            "therapy",
            "disease",
            "pooled",
            "k",
            "k_left_out",
            "awaiting",
            "method",
            "interval",
        ]
    )
    parts = [empty[name] for name in ("studies", "responses", "therapies", "diseases")]
    levels = grade_therapies(graded, *parts, pooled.assign(direction=""), arms, schemes)
    frames = empty | {"arms": arms, "pooled": pooled, "study_levels": graded, "therapy_levels": levels}
    config = {
        "review": {"condition": "c", "follows": "none", "class_labels": {}},
        "grading": {"scheme": "modified_oxford", "response_threshold": 0.5},
        "synthesis": POLICY,
    }
    for table in printed.evidence_tables(frames, schemes, config):
        assert len(table.frame) == (7 if table.name == "table_i" else 0)


def test_two_diseases_with_the_same_short_name_are_told_apart(extraction):
    diseases = extraction["diseases"].copy()
    diseases.loc[diseases["disease"] == "jdm", "synonyms"] = "DM"
    short = wording.short_labels(diseases)
    assert len(set(short.values())) == len(short)
    assert short["dm"] == "Dermatomyositis (adult) (dm)"


@given(st.floats(0, 1))
def test_per_cent_has_one_decimal_and_is_never_falsely_certain(proportion):
    text = wording.per_cent(proportion)
    assert re.fullmatch(r"\d{1,3}\.\d|<0\.1|>99\.9", text)
    assert (text == "0.0") == (proportion == 0)
    assert (text == "100.0") == (proportion == 1)
    if text[0] not in "<>":
        assert abs(float(text) / 100 - proportion) <= 0.0005 + 1e-12


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_fraction_rounds_half_up_as_by_hand(x, n):
    x = min(x, n)
    text = wording.fraction(float(x), float(n))
    tenths = (2000 * x + n) // (2 * n)  # round half up in whole numbers
    share = f"{tenths // 10}.{tenths % 10}"
    if share == "0.0" and x:
        share = "<0.1"
    if share == "100.0" and x < n:
        share = ">99.9"
    assert text == f"{x}/{n} ({share}%)"


@given(st.text())
def test_a_cell_is_one_line_and_never_empty(text):
    made = wording.cell(text)
    assert made
    assert made == " ".join(made.split())


@pytest.mark.parametrize(
    ("text", "shown"), [("NR", "NR"), ("UNCLEAR", "unclear"), ("", "—"), ("NA", "NA"), ("-2", "-2"), ("=1+1", "=1+1")]
)
def test_missing_words_stay_apart(text, shown):
    assert wording.cell(text) == shown


@pytest.fixture(scope="module")
def review(schemes):
    """The bundled review as it is, from the raw tables to the printed ones."""
    config = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    frames, _ = check_extraction("data/raw")
    parts = {name: frames[name] for name in ("studies", "responses", "therapies", "diseases")}
    policy, line = config["synthesis"], config["grading"]["response_threshold"]
    arms = select_arms(parts["studies"], parts["responses"], parts["therapies"], policy)
    pooled = pool_arms(arms, policy, line)
    graded = grade_studies(parts["studies"], schemes, config["grading"]["scheme"])
    levels = grade_therapies(
        graded, **parts, pooled=pooled, arms=arms, standard=schemes, response_threshold=line,
        classes_not_combined=policy["classes_not_combined"],
    )  # fmt: skip
    frames |= {"arms": arms, "pooled": pooled, "study_levels": graded, "therapy_levels": levels}
    frames["level_sensitivity"] = level_sensitivity(**parts, standard=schemes)
    return frames, {table.name: table for table in printed.evidence_tables(frames, schemes, config)}


def test_bundled_review_diltiazem_row(review):
    row = row_of(review[1]["table_iv"], Treatment="Diltiazem")
    assert row.to_dict() == {
        "Class": "Calcium-channel blockers",
        "Treatment": "Diltiazem",
        "Level": "IV",
        "Direction": "across",
        "Analysed": 4,
        "Left out": 0,
        "Awaiting": 2,
        "Patients": 43,
        "Responders/n (%) [95% CI]": "21/41 (51.2%) [35.1, 67.1]†",
        "Pooled % [95% CI]": "54.8 [18.8, 91.4]",
        "SSc": "1 study; 3/12 (25.0%)",
        "DM": "—",
        "JDM": "2 awaiting",
        "ACTD": "2 studies; 14/25 (56.0%)",
        "Other or not separable": "1 study; 4/4 (100.0%)",
        "References": "Palmieri 1995; Vayssairat 1998; Balin 2012; Unidentified cohort (clinical summary, its ref. 2); "
        "JDM diltiazem 2001*; Vilnius thesis (n.d.)*",
    }


def test_bundled_review_warfarin_row(review):
    row = row_of(review[1]["table_iv"], Treatment="Warfarin (low dose)")
    assert row["Level"] == "IB"
    assert row["Responders/n (%) [95% CI]"] == "2/3 (66.7%) [9.4, 99.2]†"
    assert row["Pooled % [95% CI]"] == "not pooled: 1 study, 3 needed"
    assert row["References"] == "Cukierman 2004; Berger 1987*; Schanz 2008*; Lassoued [1988]*"


def test_results_read_back_from_csv_print_the_same(review, schemes, tmp_path):
    frames, made = review
    config = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    back = dict(frames)
    for name in ("arms", "pooled", "study_levels", "therapy_levels", "level_sensitivity"):
        save_csv(frames[name], tmp_path / f"{name}.csv")
        back[name] = read_result(tmp_path / f"{name}.csv")
    for table in printed.evidence_tables(back, schemes, config):
        pd.testing.assert_frame_equal(table.frame, made[table.name].frame)
        assert table.footnotes == made[table.name].footnotes


def test_bundled_review_lists_every_treatment_once(review):
    frames, made = review
    shown = made["table_iv"].frame["Treatment"].tolist()
    assert len(set(shown)) == len(shown)
    without = next(note for note in made["table_iv"].footnotes if note.startswith("Without any eligible study: "))
    missing = without.removeprefix("Without any eligible study: ").rstrip(".").split("; ")
    treatments = [name for name in shown if not name.startswith("All ")]
    assert sorted(treatments + missing) == sorted(frames["therapies"]["label"])
    assert len(made["table_ii"].frame) == len(frames["studies"])


def test_bundled_review_shows_every_response_row_of_eligible_studies(review):
    """Table III has a row for each response row of a study that is not excluded (summed disease rows count as one)."""
    frames, made = review
    responses, studies = frames["responses"], frames["studies"]
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    told = responses[responses["study_id"].isin(active) & (responses["therapy"] != "NR")]
    arms = frames["arms"]
    whole = arms[(arms["disease"] == "all") & (arms["scope"] == "therapy")]
    ids = [part for cell in whole["response_ids"] for part in cell.split(";")]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(told.loc[told["primary_outcome"] == "yes", "response_id"])
    body = made["table_iii"].frame.drop(index=list(made["table_iii"].emphasised))
    assert len(body) == len(whole) + int((told["primary_outcome"] != "yes").sum())


def test_bundled_review_prints_nothing_raw(review):
    frames, made = review
    keys = (("studies", "study_id"), ("therapies", "therapy"), ("diseases", "disease"))
    slugs = {slug for table, key in keys for slug in frames[table][key] if re.search(r"\d|_", slug)}
    vocabulary = {word for words in LABELS.values() for word in words if "_" in word}
    for table in made.values():
        for text in [*map(str, table.frame.to_numpy().ravel()), *table.footnotes, table.caption]:
            words = set(re.findall(r"\w+", text))
            assert text == " ".join(text.split())
            assert text
            assert not words & (slugs | vocabulary | {"nan", "NaN", "None"}), text
            assert not re.search(r"(?<![\d.])0\.\d{4,}", text), text


def test_bundled_review_findings_of_diltiazem(review):
    row = row_of(review[1]["findings"], Treatment="Diltiazem")
    assert row.to_dict() == {
        "Class": "Calcium-channel blockers",
        "Treatment": "Diltiazem",
        "Outcome": "radiological response; clinical response",
        "Studies": 4,
        "Patients": 41,
        "Responders/n (%) [95% CI]": "21/41 (51.2%) [35.1, 67.1]",
        "Pooled % [95% CI]": "54.8 [18.8, 91.4]",
        "95% prediction interval, %": "[2.9, 98.0]",
        "Level": "IV",
        "What limits certainty": "few studies (4); small arms (4 to 17 patients); wide interval (73 percentage "
        "points); studies differ (P = 0.042); a further study may find anything from 2.9% to 98.0%; 1 of 4 known from "
        "a secondary source only; 3 of 4 read as an abstract only; no comparison group; counts of 2 further studies "
        "awaited",
    }


def test_bundled_review_findings_of_warfarin_do_not_borrow_its_level(review):
    row = row_of(review[1]["findings"], Treatment="Warfarin (low dose)")
    assert row["Pooled % [95% CI]"] == "not pooled: 1 study, 3 needed"
    assert row["What limits certainty"] == (
        "1 study only; small arm (3 patients); wide interval (90 percentage points); known from a secondary source "
        "only; no comparison group; counts of 1 further study awaited; level IB rests on 1 study whose counts did not "
        "enter"
    )


def test_findings_have_the_treatments_with_counts_and_name_the_others(review):
    frames, tables = review
    over_all = frames["pooled"].query("disease == 'all' and scope == 'therapy'")
    labels = frames["therapies"].set_index("therapy")["label"]
    with_counts = set(labels[over_all.loc[over_all["k"] > 0, "therapy"]])
    shown = tables["findings"].frame["Treatment"]
    assert set(shown) == with_counts  # no class here has counts of two members
    without = next(note for note in tables["findings"].footnotes if note.startswith("No counts"))
    assert all(labels[slug] in without for slug in over_all.loc[over_all["k"] == 0, "therapy"])


def test_findings_never_claim_a_rating(review):
    words = " ".join([*review[1]["findings"].footnotes, *review[1]["findings"].frame.to_numpy().ravel().astype(str)])
    assert "no rating of certainty, since none was made" in words
    assert not re.search(r"\bGRADE\b|([Vv]ery low|[Ll]ow|[Mm]oderate|[Hh]igh) (certainty|quality)|[Dd]owngrad", words)


@pytest.mark.parametrize(
    ("line", "arms", "expected"),
    [
        ({"k": 6}, [(30, "full_text")] * 6, []),
        ({"k": 1, "pooled": "no"}, [(30, "full_text")], ["1 study only"]),
        ({"k": 2, "pooled": "no"}, [(30, "full_text")] * 2,
         ["few studies (2)", "difference between studies not estimated"]),
        ({"k": 6}, [(9, "full_text")] * 3 + [(30, "full_text")] * 3, ["small arms (9 to 30 patients)"]),
        ({"k": 6}, [(10, "full_text")] * 6, []),
        ({"k": 6, "ci_lb": 0.2, "ci_ub": 0.7001}, [(30, "full_text")] * 6, ["wide interval (50 percentage points)"]),
        ({"k": 6, "q_p": 0.00001}, [(30, "full_text")] * 6, ["studies differ (P <0.001)"]),
        ({"k": 6, "q_p": 0.10}, [(30, "full_text")] * 6, []),
        ({"k": 6, "pi_lb": float("nan")}, [(30, "full_text")] * 6, ["difference between studies cannot be estimated"]),
        ({"k": 6, "pi_lb": 0.1, "pi_ub": 0.9}, [(30, "full_text")] * 6,
         ["a further study may find anything from 10.0% to 90.0%"]),
        ({"k": 6}, [(30, "secondary")] * 2 + [(30, "full_text")] * 4, ["2 of 6 known from a secondary source only"]),
        ({"k": 6}, [(30, "full_text;abstract")] * 6, []),
        ({"k": 6, "k_awaiting": 1}, [(30, "full_text")] * 6, ["counts of 1 further study awaited"]),
    ],
)  # fmt: skip
def test_certainty_notes_are_read_from_the_numbers(line, arms, expected):
    usual = {"pooled": "yes", "ci_lb": 0.4, "ci_ub": 0.6, "crude_ci_lb": 0.4, "crude_ci_ub": 0.6, "pi_lb": 0.3,
             "pi_ub": 0.7, "q_p": 0.5, "k_awaiting": 0}  # fmt: skip
    frame = pd.DataFrame(
        [{"study_id": f"s{at}", "n": float(n), "evidence_basis": basis} for at, (n, basis) in enumerate(arms)]
    )
    assert certainty_notes(usual | line, frame, controlled={"s0"}) == expected


def test_bundled_review_scenarios_put_the_evidence_beside_the_suggestion(review):
    table = review[1]["scenarios"]
    assert table.frame["Scenario"].drop_duplicates().tolist() == [
        "Active dermatomyositis or juvenile dermatomyositis",
        "Localised, symptomatic calcinosis",
        "Severe, refractory calcinosis",
    ]
    row = row_of(table, Treatment="Diltiazem†")
    assert row.to_dict() == {
        "Scenario": "Active dermatomyositis or juvenile dermatomyositis",
        "Treatment": "Diltiazem†",
        "Suggested": "in addition",
        "Why, as its source says": "Added for symptomatic calcinosis; partial response at best.",
        "Level": "IV",
        "Studies": "4 analysed; 2 awaiting",
        "Responders/n (%) [95% CI]": "21/41 (51.2%) [35.1, 67.1]",
        "Pooled % [95% CI]": "54.8 [18.8, 91.4]",
        "By disease": "SSc: 1 study, 3/12 (25.0%); JDM: 2 awaiting; ACTD: 2 studies, 14/25 (56.0%); "
        "Other or not separable: 1 study, 4/4 (100.0%)",
    }


def test_a_suggestion_without_evidence_says_so(review):
    table = review[1]["scenarios"]
    row = row_of(table, Treatment="Mycophenolate mofetil†")
    assert row[["Level", "Studies", "Pooled % [95% CI]"]].tolist() == ["—", "no evidence in these tables", "—"]
    assert table.footnotes[0] == "Of 12 suggestions, 2 have no evidence in these tables."
