"""Tables for people, as functions of a review: a module a group of tables, each cell worded by `wording`."""

from __future__ import annotations

from small_evidence.review import Review
from small_evidence.tables.agreement import agreement_table
from small_evidence.tables.awaiting import awaiting_table
from small_evidence.tables.certainty import certainty_table
from small_evidence.tables.characteristics import table_i, table_ii
from small_evidence.tables.claims import contradictions_table, reconciliation_table
from small_evidence.tables.comparisons import comparison_table
from small_evidence.tables.covariates import covariate_table
from small_evidence.tables.findings import findings_table
from small_evidence.tables.harms import adverse_event_table
from small_evidence.tables.levels import level_table
from small_evidence.tables.responses import table_iii, table_iv
from small_evidence.tables.risk_of_bias import risk_of_bias_table
from small_evidence.tables.scenarios import scenario_table
from small_evidence.tables.table import Table


def evidence_tables(review: Review) -> list[Table]:
    """Every printed table of a review with results, in the order of the paper."""
    return [
        table_i(review),
        table_ii(review),
        table_iii(review),
        table_iv(review),
        findings_table(review),
        certainty_table(review),
        scenario_table(review),
        adverse_event_table(review),
        comparison_table(review),
        level_table(review),
        risk_of_bias_table(review),
        reconciliation_table(review),
        contradictions_table(review),
        awaiting_table(review),
        agreement_table(review),
        *([covariate_table(review)] if review.covariates else []),
    ]
