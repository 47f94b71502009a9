"""Evidence synthesis for small, uncontrolled evidence: pure functions on DataFrames."""
