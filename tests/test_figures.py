"""Figures: texts, positions and limits on the Figure, and `check_figure` for everything that could go wrong on paper."""

import math

import numpy as np
import pandas as pd
import pytest

from evidence.figures.forest import forest_plot
from evidence.figures.style import SCREEN, check_figure, read_style, save_figure
from evidence.pooling.proportions import proportion_interval

DISEASES = pd.DataFrame(
    {
        "disease": ["ssc", "dm", "jdm", "ctd_mixed", "other"],
        "label": [
            "Systemic sclerosis",
            "Dermatomyositis (adult)",
            "Juvenile dermatomyositis",
            "Mixed or overlap connective tissue disease, results not split",
            "Other or not separable (includes idiopathic calcinosis, SLE, localised scleroderma)",
        ],
        "synonyms": ["SSc;scleroderma", "DM", "JDM;childhood dermatomyositis", "ACTD;CTD;overlap", ""],
    }
)
THERAPIES = pd.DataFrame({"therapy": ["diltiazem"], "label": ["Diltiazem"]})
LONG = "Bouchard-Desrochers-Villeneuve, van den Berghe and the Calcinosis Collaborative Group 2015"


def frames(arms, left_out=(), awaiting=(), pooled=None, subgroups=None):
    """Hand-made frames of one analysis. Arms are (label, responders, n, disease, level, year)."""
    rows = [
        {
            "analysis": "diltiazem", "scope": "therapy", "therapy": "diltiazem", "disease": "all",
            "study_id": f"s{number}", "entered": entered, "reason": reason, "responders": float(x), "n": float(n),
            "arm_disease": disease, "arm_therapy": "diltiazem", "evidence_basis": "abstract", "year": float(year),
            "response_ids": f"r{number}", "source": "doi:", "label": label, "level": level,
        }
        for number, (entered, reason, (label, x, n, disease, level, year)) in enumerate(
            [("yes", "", arm) for arm in arms] + [("no", reason, arm) for reason, arm in left_out]
        )
    ]  # fmt: skip
    table = pd.DataFrame(
        rows,
        columns=[
            "analysis", "scope", "therapy", "disease", "study_id", "entered", "reason", "responders", "n",
            "arm_disease", "arm_therapy", "evidence_basis", "year", "response_ids", "source", "label", "level",
        ],
    )  # fmt: skip
    studies = table[["study_id", "label"]].drop_duplicates()
    more = pd.DataFrame({"study_id": [f"w{i}" for i in range(len(awaiting))], "label": list(awaiting)})
    studies = pd.concat([studies, more], ignore_index=True)
    levels = table[["study_id", "level"]].assign(
        scheme="modified_oxford", note="Modified Oxford scheme. Its definitions could not be retrieved."
    )
    used = table[table["entered"] == "yes"]
    results = [_result(used, "all", pooled, left_out, more)]
    for disease, values in (subgroups or {}).items():
        results.append(_result(used[used["arm_disease"] == disease], disease, values, (), more))
    return {
        "arms": table.drop(columns=["label", "level"]),
        "pooled": pd.DataFrame(results),
        "study_levels": levels,
        "studies": studies,
        "therapies": THERAPIES,
        "diseases": DISEASES,
    }


def _result(used, disease, pooled, left_out, awaiting):
    k, x, n = len(used), used["responders"].sum(), used["n"].sum()
    lower, upper = proportion_interval(x, n) if n else (math.nan, math.nan)
    nothing = dict.fromkeys(
        ["estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "tau2", "tau2_lb", "tau2_ub", "q", "q_df", "q_p", "i2"],
        math.nan,
    )
    record = nothing | dict(pooled or {})
    reason = "" if pooled else f"{k} {'study' if k == 1 else 'studies'}, 3 needed" if k else "no arm entered"
    return {
        "analysis": "diltiazem" if disease == "all" else f"diltiazem-{disease}",
        "scope": "therapy", "therapy": "diltiazem", "disease": disease, "pooled": "yes" if pooled else "no",
        "reason": reason, "k": k, "events": x, "n": n, "crude": x / n if n else math.nan, "crude_ci_lb": lower,
        "crude_ci_ub": upper, "method": "glmm" if pooled else math.nan, "interval": "profile" if pooled else math.nan,
        "level": 0.95, **record, "status": record.get("status", "ok") if pooled else math.nan, "note": math.nan,
        "direction": "across", "studies": ";".join(used["study_id"]), "k_left_out": len(left_out), "left_out": "",
        "k_awaiting": len(awaiting), "awaiting": ";".join(awaiting["study_id"]),
    }  # fmt: skip


GLMM = {
    "estimate": 0.5475, "ci_lb": 0.235, "ci_ub": 0.868, "pi_lb": 0.12, "pi_ub": 0.92, "tau2": 0.4564, "tau2_lb": 0.0,
    "tau2_ub": 6.31, "q": 8.05, "q_df": 3.0, "q_p": 0.045, "i2": 0.62,
}  # fmt: skip
FOUR = [
    ("Vayssairat 1998", 3, 12, "ssc", "IV", 1998),
    ("Palmieri 1995", 4, 4, "other", "IV", 1995),
    ("Balin 2012", 9, 17, "ctd_mixed", "IV", 2012),
    ("Unidentified cohort (clinical summary, its ref. 2)", 5, 8, "ctd_mixed", "", math.nan),
]
LEFT_OUT = [
    ("fewer than 3 patients (1)", ("Jawad 2020", 0, 1, "dm", "IV", 2020)),
    (
        "stabilisation counted as success, and the diagnosis of two children not given",
        ("Vilnius (n.d.)", 2, 2, "jdm", "IV", 2001),
    ),
]


def many(k, seed=3):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 79, k)
    diseases = ["ssc", "dm", "jdm", "ctd_mixed"]
    return [
        (f"{name} {1980 + i % 40}", int(rng.binomial(n, 0.5)), int(n), diseases[i % 4], "IV", 1980 + i % 40)
        for i, (n, name) in enumerate(zip(sizes, ["Abe", "Ó Súilleabháin", "Traineau-Duval", "Wu"] * 30, strict=False))
    ]
