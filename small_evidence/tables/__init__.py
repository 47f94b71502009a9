"""Tables for people, as DataFrames ready to print: a module a group of tables, each cell worded by `wording`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from small_evidence.extraction.schema import TABLES, empty_table
from small_evidence.review import Review
from small_evidence.tables.agreement import agreement_table
from small_evidence.tables.awaiting import awaiting_table
from small_evidence.tables.characteristics import table_i, table_ii
from small_evidence.tables.claims import contradictions_table, reconciliation_table
from small_evidence.tables.findings import findings_table
from small_evidence.tables.harms import adverse_event_table
from small_evidence.tables.levels import level_table
from small_evidence.tables.responses import table_iii, table_iv
from small_evidence.tables.risk_of_bias import risk_of_bias_table
from small_evidence.tables.scenarios import scenario_table
from small_evidence.tables.table import Table


def evidence_tables(
    frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping, instruments: Mapping | None = None
) -> list[Table]:
    """Every printed table of a review, in the order of the paper.

    Parameters
    ----------
    frames : mapping; the checked extraction tables and the results by name (`review.read_frames`): studies, responses,
        therapies, diseases, arms, pooled, study_levels, therapy_levels; adverse_events, scenarios and
        level_sensitivity may be absent, and without reconciliation, awaiting or agreement (and disagreements) there is
        no such table
    schemes : mapping from `grading.read_schemes`
    config : mapping; the sections review, grading and synthesis
    instruments : mapping from `appraisal.read_instruments`; without there is no table of the risk of bias, which needs
        the frame risk_of_bias
    """
    names = ("studies", "responses", "therapies", "diseases", "arms", "pooled", "study_levels", "therapy_levels")
    studies, responses, therapies, diseases, arms, pooled, graded, levels = (frames[name] for name in names)
    events = frames.get("adverse_events")
    events = empty_table("adverse_events") if events is None else events
    scenarios = frames.get("scenarios")
    scenarios = empty_table("scenarios") if scenarios is None else scenarios
    review, policy = config["review"], config["synthesis"]
    class_labels, follows = review["class_labels"], "" if review["follows"] == "none" else review["follows"]
    made = [
        table_i(schemes, config["grading"]["scheme"], graded),
        table_ii(studies, responses, therapies, diseases, graded, schemes, review["condition"], follows),
        table_iii(arms, pooled, studies, responses, therapies, diseases, policy, class_labels),
        table_iv(
            pooled, arms, levels, studies, responses, therapies, diseases, schemes, policy,
            config["grading"]["response_threshold"], class_labels, review["condition"],
        ),
        findings_table(
            pooled, arms, levels, studies, responses, therapies, schemes, policy, class_labels, review["condition"]
        ),
        scenario_table(scenarios, pooled, levels, therapies, diseases, schemes, policy),
        adverse_event_table(events, studies, responses, therapies),
        level_table(
            levels, therapies, diseases, studies, schemes, class_labels, frames.get("level_sensitivity")
        ),
    ]  # fmt: skip
    if instruments is not None:
        made.append(risk_of_bias_table(studies, frames["risk_of_bias"], instruments))
    whole = Review(
        {name: frame for name, frame in frames.items() if name in TABLES},
        config,
        {name: frame for name, frame in frames.items() if name not in TABLES},
    )
    if "reconciliation" in frames:
        made += [reconciliation_table(whole), contradictions_table(whole)]
    if "awaiting" in frames:
        made.append(awaiting_table(whole))
    if "agreement" in frames:
        made.append(agreement_table(frames["agreement"], frames["disagreements"], policy["conf_level"]))
    return made
