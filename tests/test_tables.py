"""The printed tables: exact cells, what is missing said, nothing raw."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import tables as printed
from evidence.grading import grade_studies, grade_therapies, read_schemes
from evidence.schema import TABLES, columns, empty_table
from evidence.synthesis import ARMS

POLICY = {
    "method": "glmm",
    "interval": "profile",
    "level": 0.95,
    "least_studies": 3,
    "least_arm": 3,
    "response": "any",
    "unit": "patient",
    "secondary_sources": "include",
    "classes_not_combined": [],
}
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
                study("palmieri1995", "Palmieri 1995", "1995", n_patients="5", doi="10.1002/art.1780381117", pmid="7488286"),
                study("balin2012", "Balin 2012", "2012", "case_series_retrospective", n_patients="78"),
                study("cohort", "Unidentified cohort", "NR", "NR", controlled="NR"),
                study("jdm2001", "JDM diltiazem 2001", "2001", "NR", "awaiting", status_reason="n and responders missing"),
                study("berger1987", "Berger 1987", "1987", "rct", "awaiting", controlled="yes", status_reason="3 or 0 of 3"),
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
                response("berger1987", "warfarin", "NR", "3", "0", pool="no", pool_reason="responder count not settled"),
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
                {"therapy": "hsct", "label": "Stem-cell transplantation", "therapy_class": "cell_therapy", "display_order": "9"},
                {"therapy": "infliximab", "label": "Infliximab", "therapy_class": "anti_tnf", "display_order": "3"},
                {"therapy": "warfarin", "label": "Warfarin (low dose)", "therapy_class": "anticoagulant", "display_order": "2"},
                {
                    "therapy": "diltiazem",
                    "label": "Diltiazem",
                    "therapy_class": "calcium_channel_blocker",
                    "display_order": "1",
                },
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
                {"study_id": "palmieri1995", "therapy": "diltiazem", "term": "intolerance", "n_patients": "1", "n_at_risk": "5",
                 "serious": "NR", "reporting": "reported"},
                {"study_id": "balin2012", "therapy": "diltiazem", "term": "any", "n_patients": "0", "n_at_risk": "17",
                 "serious": "NR", "reporting": "reported_none"},
                {"study_id": "cukierman2004", "therapy": "warfarin", "term": "bleeding", "n_patients": "NR", "n_at_risk": "3",
                 "serious": "yes", "reporting": "unclear"},
                {"study_id": "hsct2008", "therapy": "hsct", "term": "death", "n_patients": "1", "n_at_risk": "3",
                 "serious": "yes", "reporting": "reported"},
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
        arm("warfarin", "warfarin", "berger1987", 0.0, 3.0, 1987.0, "responder count not settled", arm_disease="NR"),
        arm("warfarin", "warfarin", "cukierman2004", 2.0, 3.0, 2004.0, basis="secondary"),
        arm("warfarin", "warfarin", "schanz2008", 0.0, 1.0, 2008.0, "fewer than 3 patients (1)"),
        arm("warfarin-ssc", "warfarin", "cukierman2004", 2.0, 3.0, 2004.0, disease="ssc", basis="secondary"),
        arm("warfarin-ssc", "warfarin", "schanz2008", 0.0, 1.0, 2008.0, "fewer than 3 patients (1)", disease="ssc"),
        arm("infliximab", "infliximab", "aggarwal2017", NAN, NAN, 2017.0, "counts not retrieved", arm_disease="dm"),
        arm("infliximab-dm", "infliximab", "aggarwal2017", NAN, NAN, 2017.0, "counts not retrieved", "dm", "dm"),
    ]
    return pd.DataFrame(rows, columns=ARMS)


@pytest.fixture(scope="module")
def pooled(arms):
    """What synthesis.pool_arms gives for these arms; diltiazem's values are those stated for the review."""
    from evidence.pooling.proportions import proportion_interval

    empty = {
        "pooled": "no", "method": "", "interval": "", "level": NAN, "estimate": NAN, "ci_lb": NAN, "ci_ub": NAN, "pi_lb": NAN,
        "pi_ub": NAN, "tau2": NAN, "q_p": NAN, "i2": NAN, "status": "", "note": "", "direction": "across",
    }  # fmt: skip
    rows = []
    for (analysis, scope, therapy, disease), group in arms.groupby(["analysis", "scope", "therapy", "disease"], sort=False):
        entered = group[group["entered"] == "yes"]
        counted = group[(group["entered"] == "no") & group["n"].notna()]
        awaiting = group[group["n"].isna()]
        k, events, n = len(entered), int(entered["responders"].sum()), int(entered["n"].sum())
        lower, upper = proportion_interval(events, n) if k else (NAN, NAN)
        row = empty | {
            "analysis": analysis, "scope": scope, "therapy": therapy, "disease": disease, "k": k, "events": events, "n": n,
            "crude": events / n if k else NAN, "crude_ci_lb": float(lower), "crude_ci_ub": float(upper),
            "studies": ";".join(entered["study_id"]), "k_left_out": len(counted), "left_out": "",
            "k_awaiting": len(awaiting), "awaiting": ";".join(awaiting["study_id"]),
            "reason": f"{k} {'study' if k == 1 else 'studies'}, 3 needed" if k else "counts not in hand",
        }  # fmt: skip
        if not k:
            row["direction"] = ""
        if analysis == "diltiazem":
            row |= {
                "pooled": "yes", "reason": "", "method": "glmm", "interval": "profile", "level": 0.95, "estimate": 0.54753,
                "ci_lb": 0.13, "ci_ub": 0.92, "pi_lb": 0.05, "pi_ub": 0.97, "tau2": 0.4564, "i2": 0.62, "status": "ok",
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
    results = {"arms": arms, "pooled": pooled, "study_levels": levels[0], "therapy_levels": levels[1]}
    config = {
        "review": {"condition": "calcinosis cutis", "follows": "Traineau", "class_labels": CLASS_LABELS},
        "grading": {"scheme": "modified_oxford", "reference_line": 0.5},
        "synthesis": POLICY,
    }
    return {table.name: table for table in printed.evidence_tables(extraction, results, schemes, config)}


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
        "Responders/n (%) [95% CI]": "21/41 (51.2%) [35.1, 67.1]‡",
        "Pooled % [95% CI]": "54.8 [13.0, 92.0]",
        "SSc": "1 study; 3/12 (25.0%)",
        "DM": "—",
        "JDM": "1 awaiting",
        "Mixed connective tissue disease": "2 studies; 14/25 (56.0%)",
        "Other or not separable": "1 study; 4/4 (100.0%)",
        "References": "Palmieri 1995; Vayssairat 1998; Balin 2012; Unidentified cohort; JDM diltiazem 2001*",
    } | {"Responders/n (%) [95% CI]": "21/41 (51.2%) [35.1, 67.1]†"}
    assert "† Rests wholly or partly on counts known from a secondary source only (see Table III)." in made["table_iv"].footnotes
