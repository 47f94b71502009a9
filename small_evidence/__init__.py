"""Evidence synthesis for small, uncontrolled evidence: pure functions on DataFrames."""


class ReviewError(ValueError):
    """A fault that the people of a review can mend; its text is all that they need to read."""


def shown(value: object, width: int = 60) -> str:
    """The value as a message shows it: in quotation marks, on one line, not longer than `width`."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(value))
    return f'"{text if len(text) <= width else text[: width - 1] + "…"}"'
