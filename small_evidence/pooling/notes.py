"""Remarks that go with a result: the only module that knows how they are put together."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def join_notes(size: int, parts: Sequence[tuple[Any, Any]]) -> np.ndarray:
    """Join the remarks that hold for each analysis into one text.

    Parameters
    ----------
    size : int; number of analyses a
    parts : sequence of (condition, text); condition is a bool or bool array (a,), text a str or a
        sequence of a str

    Returns
    -------
    object array (a,) of str, the remarks that hold joined by "; " in the order given

    Examples
    --------
    >>> join_notes(2, [([True, False], "cut at 1"), (True, "2 studies")]).tolist()
    ['cut at 1; 2 studies', '2 studies']
    """
    notes = np.full(size, "", dtype=object)
    for condition, text in parts:
        held = np.broadcast_to(np.asarray(condition, dtype=bool), (size,))
        texts = np.broadcast_to(np.asarray(text, dtype=object), (size,))
        for row in np.flatnonzero(held):
            notes[row] = f"{notes[row]}; {texts[row]}" if notes[row] else str(texts[row])
    return notes


def join_codes(conditions: dict[str, np.ndarray]) -> np.ndarray:
    """Codes that apply to each analysis, joined by ";" in the order given; object array (a,) of str.

    Examples
    --------
    >>> join_codes({"cut": np.array([True, False]), "no_width": np.array([True, True])}).tolist()
    ['cut;no_width', 'no_width']
    """
    held = np.array(list(conditions.values()))
    codes = list(conditions)
    return np.array([";".join(np.compress(column, codes)) for column in held.T], dtype=object)
