"""Whether a new version of a living review is due, by rules that its config states before the results are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

TRIGGERS = ("new_studies_share", "interval_narrowed", "level_changed")  # keys of the section `update` of the config


class Due(NamedTuple):
    """A trigger that was reached.

    Attributes
    ----------
    trigger : one of TRIGGERS
    about : the analysis or the row of therapy_levels, "" where it is the review
    reached : share 0..1, or 1 for a level that changed
    least : the share from which a version is due
    """

    trigger: str
    about: str
    reached: float
    least: float


def due(before: Mapping[str, pd.DataFrame], now: Mapping[str, pd.DataFrame], triggers: Mapping[str, Any]) -> list[Due]:
    """The triggers that the results reached since a release; none where there is nothing to compare.

    Parameters
    ----------
    before, now : tables by name; arms, pooled and therapy_levels are compared
    triggers : the section `update` of the config

    References
    ----------
    Garner et al. (2016), BMJ 354:i3507: decide by stated criteria when a systematic review is updated.
    """
    return [*_new_studies(before, now, triggers), *_narrowed(before, now, triggers), *_levels(before, now, triggers)]


def _new_studies(
    before: Mapping[str, pd.DataFrame], now: Mapping[str, pd.DataFrame], triggers: Mapping[str, Any]
) -> Iterator[Due]:
    if "arms" not in before:
        return
    known, analysed = (set(frame.loc[frame["entered"] == "yes", "study_id"]) for frame in (before["arms"], now["arms"]))
    share = len(analysed - known) / max(len(analysed), 1)
    if share >= triggers["new_studies_share"]:
        yield Due("new_studies_share", "", share, triggers["new_studies_share"])


def _narrowed(
    before: Mapping[str, pd.DataFrame], now: Mapping[str, pd.DataFrame], triggers: Mapping[str, Any]
) -> Iterator[Due]:
    if "pooled" not in before:
        return
    columns = ["analysis", "ci_lb", "ci_ub"]
    was, is_ = (frame.loc[frame["pooled"] == "yes", columns] for frame in (before["pooled"], now["pooled"]))
    both = was.merge(is_, on="analysis", suffixes=("_was", ""))
    for row in both.to_dict("records"):
        width = row["ci_ub_was"] - row["ci_lb_was"]
        narrowed = 1 - (row["ci_ub"] - row["ci_lb"]) / width if width > 0 else 0.0
        if narrowed >= triggers["interval_narrowed"]:
            yield Due("interval_narrowed", row["analysis"], narrowed, triggers["interval_narrowed"])


def _levels(
    before: Mapping[str, pd.DataFrame], now: Mapping[str, pd.DataFrame], triggers: Mapping[str, Any]
) -> Iterator[Due]:
    if "therapy_levels" not in before or not triggers["level_changed"]:
        return
    key = ["scope", "therapy", "disease"]
    was, is_ = (frame[[*key, "level"]] for frame in (before["therapy_levels"], now["therapy_levels"]))
    both = was.merge(is_, on=key, suffixes=("_was", ""))
    for row in both[both["level_was"] != both["level"]].to_dict("records"):
        yield Due("level_changed", ":".join(row[part] for part in key), 1.0, 1.0)
