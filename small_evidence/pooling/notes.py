"""Remarks that go with a result, as codes: the only module that knows how they are put together."""

from collections.abc import Mapping

import numpy as np


def join_codes(conditions: Mapping[str, np.ndarray]) -> np.ndarray:
    """Codes that apply to each analysis, joined by ";" in the order given; object array (a,) of str.

    Examples
    --------
    >>> join_codes({"cut": np.array([True, False]), "no_width": np.array([True, True])}).tolist()
    ['cut;no_width', 'no_width']
    """
    held = np.array(list(conditions.values()))
    codes = list(conditions)
    return np.array([";".join(np.compress(column, codes)) for column in held.T], dtype=object)
