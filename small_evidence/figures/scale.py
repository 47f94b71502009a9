"""The range of the axis: 0 to 100 per cent, the range that the config names, or the one that the estimates need."""

from __future__ import annotations

import math
from collections.abc import Sequence

from small_evidence.figures.marks import Mark
from small_evidence.figures.page import Row
from small_evidence.review import Review

FULL = (0.0, 1.0)
ENDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)  # where an axis of small proportions may end


def span_of(review: Review, rows: Sequence[Row]) -> tuple[float, float]:
    """Proportions at the ends of the axis, by `config: figures: axis`.

    auto: all of it, unless all estimates and all pooled intervals lie in one half; then from 0 to, or from, the next
    round number. Which half makes no difference. Intervals of single studies may go on beyond it.
    """
    choice = review.config["figures"]["axis"]
    if choice == "full":
        return FULL
    if choice != "auto":
        return choice[0] / 100, choice[1] / 100
    marks = [row.mark for row in rows if row.mark]
    needed = [mark.estimate for mark in marks]
    needed += [bound for mark in marks if mark.kind != "study" for bound in _bounds(mark)]
    needed = [value for value in needed if not math.isnan(value)]
    for end in ENDS if needed else ():
        if max(needed) <= end:
            return 0.0, end
        if min(needed) >= 1 - end:
            return 1 - end, 1.0
    return FULL


def span_note(span: tuple[float, float], rows: Sequence[Row]) -> list[str]:
    """Says that the axis is not the whole one, and what its arrows mean where there are any."""
    lower, upper = span
    marks = [row.mark for row in rows if row.mark]
    bounds = [bound for mark in marks for bound in (*_bounds(mark), mark.estimate)]
    arrow = " An arrow points to what lies beyond it." * any(bound < lower or bound > upper for bound in bounds)
    return [words + arrow for words in span_words(span)]


def _bounds(mark: Mark) -> tuple[float, ...]:
    return mark.lower, mark.upper, mark.pi_lower, mark.pi_upper


def span_words(span: tuple[float, float]) -> list[str]:
    """Says that the axis is not the whole one; nothing where it is."""
    return [] if span == FULL else [f"The axis shows {100 * span[0]:g} to {100 * span[1]:g}% only."]
