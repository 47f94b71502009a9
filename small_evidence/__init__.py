"""Evidence synthesis for small, uncontrolled evidence: pure functions on DataFrames.

    >>> import small_evidence as se
    >>> print(se.pool([5, 7, 0], [8, 7, 3]).table.iloc[0, 1])
    12/18 (66.7%)

What the names below lead to is imported when it is first used.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from small_evidence.counts import compare, forest, leave_one_out, meta_regression, pool, subgroups
    from small_evidence.figures.forest import forest_plot
    from small_evidence.figures.render import save_figure
    from small_evidence.review import read_review

__all__ = [
    "ReviewError", "compare", "forest", "forest_plot", "leave_one_out", "meta_regression", "pool", "read_review",
    "save_figure", "subgroups",
]  # fmt: skip
__version__ = "0.2.0"

# control characters, halves of a character (surrogates), and marks that show text in another order than it is stored
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class ReviewError(ValueError):
    """An error that the authors of a review can correct; its text is all that they need to read."""


def shown(value: object, width: int = 60) -> str:
    """The value as a message shows it: in quotation marks, on one line, not longer than `width`.

    >>> shown("six or more", width=6), shown("sixsix", width=6)
    ('"six o…"', '"sixsix"')
    """
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(value))
    return f'"{text if len(text) <= width else text[: width - 1] + "…"}"'


def unprintable(text: str) -> str:
    """What is wrong with a text that cannot be printed, or is not shown in the order in which it is stored; else ""."""
    found = CONTROL.search(text)
    code = f"U+{ord(found[0]):04X}" if found else ""
    return f"{shown(text)} contains a character that cannot be printed ({code}); type it again" if found else ""


_MODULES = {
    **dict.fromkeys(("compare", "forest", "leave_one_out", "meta_regression", "pool", "subgroups"), "counts"),
    "forest_plot": "figures.forest",
    "read_review": "review",
    "save_figure": "figures.render",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
