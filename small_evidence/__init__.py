"""Evidence synthesis for small, uncontrolled evidence: pure functions on DataFrames."""

import re

__version__ = "0.2.0"

# control characters, halves of a character (surrogates), and marks that show text in another order than it is stored
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class ReviewError(ValueError):
    """A fault that the people of a review can mend; its text is all that they need to read."""


def shown(value: object, width: int = 60) -> str:
    """The value as a message shows it: in quotation marks, on one line, not longer than `width`."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(value))
    return f'"{text if len(text) <= width else text[: width - 1] + "…"}"'


def unprintable(text: str) -> str:
    """What is wrong with a text that cannot be printed, or is not shown in the order in which it is stored; else ""."""
    found = CONTROL.search(text)
    code = f"U+{ord(found[0]):04X}" if found else ""
    return f"{shown(text)} contains a character that cannot be printed ({code}); type it again" if found else ""
