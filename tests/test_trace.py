"""Every analysis leads back to its response rows, and every row that counts leads to its analyses."""

import numpy as np
import pandas as pd
import pytest

from small_evidence.extraction.schema import numbers
from small_evidence.synthesis.analyses import pool_arms
from small_evidence.synthesis.policy import select_arms
from small_evidence.synthesis.trace import COLUMNS, trace_rows


def followed(made, response):
    made = made.with_policy(response=response)
    arms = select_arms(made)
    return made["responses"], arms, pool_arms(made, arms), trace_rows(made, arms)


@pytest.fixture(scope="module", params=["any", "complete"])
def chain(request, bundled):
    return request.param, *followed(bundled, request.param)


def test_every_analysis_leads_to_rows_whose_counts_are_its_sums(chain):
    _, _, _, pooled, trace = chain
    assert set(trace["analysis"]) == set(pooled["analysis"])
    assert list(trace.columns) == COLUMNS
    entered = trace[trace["entered"] == "yes"].groupby("analysis")
    for row in pooled.itertuples():
        if row.k == 0:
            assert row.analysis not in entered.groups
            continue
        behind = entered.get_group(row.analysis)
        assert (behind["responders"].sum(), behind["n"].sum()) == (row.events, row.n)
        assert set(behind["study_id"]) == set(row.studies.split(";"))
        assert len(set(behind["study_id"])) == row.k


def test_every_arm_keeps_its_own_rows(chain):
    _, responses, arms, _, trace = chain
    assert len(trace) == sum(len(ids.split(";")) for ids in arms["response_ids"])
    assert not trace.duplicated(["analysis", "response_id"]).any()
    study_of = responses.set_index("response_id")["study_id"]
    assert (trace["response_id"].map(study_of) == trace["study_id"]).all()
    by = ["analysis", "study_id", "entered", "reason"]
    sums = trace.groupby(by)[["responders", "n"]].sum(min_count=1)
    expected = arms.groupby(by)[["responders", "n"]].sum(min_count=1)
    pd.testing.assert_frame_equal(sums, expected, check_dtype=False)


def test_every_row_offered_for_pooling_is_followed_to_its_therapy_and_back(chain):
    response, responses, _, _, trace = chain
    whole = trace[(trace["scope"] == "therapy") & (trace["disease"] == "all")].set_index("response_id")
    offered = responses[responses["pool"] == "yes"].set_index("response_id")
    assert len(offered) == 45
    assert set(offered.index) <= set(whole.index)
    assert (whole.loc[offered.index, "row_therapy"] == whole.loc[offered.index, "therapy"]).all()
    column = "responders" if response == "any" else "n_complete"
    np.testing.assert_array_equal(whole.loc[offered.index, "responders"], numbers(offered[column]))
    for cell in ("source", "location", "paraphrase", "evidence_basis", "confidence", "outcome", "unit"):
        assert (whole.loc[offered.index, cell] == offered[cell]).all()


def test_every_followed_row_names_its_source(chain):
    *_, trace = chain
    assert (trace["source"].str.len() > 0).all()
    out = trace[trace["entered"] == "no"]
    assert (out["reason"] != "").all()
    assert (trace.loc[trace["entered"] == "yes", ["responders", "n"]].notna()).all(axis=None)


def test_a_review_without_arms_has_an_empty_trace(bundled):
    assert trace_rows(bundled, select_arms(bundled).iloc[:0]).columns.tolist() == COLUMNS
