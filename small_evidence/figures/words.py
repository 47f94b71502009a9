"""Words that several figures share: heads, counts, the label of the axis, how the primary analysis was done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from small_evidence.figures.fonts import text_width, wrap_text
from small_evidence.figures.page import Column
from small_evidence.figures.style import Style
from small_evidence.pooling.methods import ESTIMANDS, METHODS
from small_evidence.review import Review
from small_evidence.wording import (
    NOTHING,
    capital,
    interval_label,
    level_text,
    method_label,
    missing,
    per_cent,
    scheme_name,
)

WIDEST_HEAD = 9.0  # of the column of counts, in type sizes


def count_text(value: float) -> str:
    """A count with separated thousands, NR where it is not known.

    >>> count_text(28708), count_text(float("nan"))
    ('28,708', 'NR')
    """
    return "NR" if missing(value) else f"{value:,.0f}"


def counts_text(events: float, n: float) -> str:
    """Events of patients.

    >>> counts_text(5, 8), counts_text(867, 28708)
    ('5/8', '867/28,708')
    """
    return f"{count_text(events)}/{count_text(n)}"


def estimate_text(proportion: float, lower: float, upper: float, style: Style) -> str:
    """Per cent with its interval: 62.5 [24.5, 91.5]."""
    return f"{per_cent(proportion)} {style.percent_interval(lower, upper)}"


def estimate_column(review: Review, style: Style) -> Column:
    """The column of estimates with their intervals."""
    bracket = f"{review.conf_level:.0%} CI"
    bracket = f"({bracket})" if style.interval == "parentheses" else f"[{bracket}]"
    return Column("estimate", f"% {bracket}", "right", narrow=f"%\n{bracket}")


def count_column(review: Review, style: Style) -> Column:
    """The column of counts, with a head such as "Responders/n"."""
    head = f"{capital(review.response.noun_plural)}/n"
    longest = max(text_width(word, style, style.size, bold=True) for word in head.split())
    wide, narrow = (
        "\n".join(wrap_text(head, style, style.size, width, bold=True)) for width in (WIDEST_HEAD * style.size, longest)
    )
    return Column("count", wide, "right", narrow=narrow)


def axis_label(review: Review) -> str:
    """What the axis counts: "Patients with a stroke, %"."""
    return f"{capital(review.response.noun_plural)},\u00a0%"


def threshold_note(review: Review) -> str:
    """What the grey line is."""
    return f"Grey line: {100 * review.response_threshold:g}%."


def model_note(result: Mapping[str, Any]) -> str:
    """How a pooled row was estimated, and whose proportion it is."""
    whose = ESTIMANDS[METHODS[result["method"]].estimand]
    return f"{method_label(result['method'])}; proportion of {whose}; interval by {interval_label(result['interval'])}."


def level_note(review: Review) -> str:
    """What is printed beside levels: the caveat of their scheme, or its name when there is nothing to warn of."""
    return str(review.scheme["note"]).strip() or f"{scheme_name(review.scheme_name)} scheme."


@lru_cache(maxsize=256, typed=True)  # each figure asks it of every study
def short_level(value: object) -> str:
    """A level for a narrow column, where a dash stands for not gradable."""
    return NOTHING if missing(value) else level_text(value)


def is_estimated(result: Mapping[str, Any]) -> bool:
    """Whether a row of results was pooled and has an estimate."""
    return result["pooled"] == "yes" and not math.isnan(result["estimate"])
