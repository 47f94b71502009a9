"""Evidence synthesis for small, uncontrolled evidence: pure functions on DataFrames."""


class ReviewError(ValueError):
    """A fault that the people of a review can mend; its text is all that they need to read."""
