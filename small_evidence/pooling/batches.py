"""Sets of studies in padded arrays: sets of like sizes together, in batches of bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

ARMS_AT_ONCE = 16384  # bounds the memory of one call of a model
PADDED_SIZES = np.array([2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])


class Batch(NamedTuple):
    """Some sets of studies; places without a study have counts of 0."""

    rows: np.ndarray  # (a,); which sets
    xi: np.ndarray  # (a, width)
    ni: np.ndarray
    mask: np.ndarray


def batches(
    xi: np.ndarray, ni: np.ndarray, k: np.ndarray, rows: np.ndarray, at_once: int = ARMS_AT_ONCE
) -> Iterator[Batch]:
    """Padded counts of some sets of studies.

    Parameters
    ----------
    xi, ni : arrays of the studies of all sets, those of the first set first
    k : array; studies of each set
    rows : which sets, each of one study or more
    at_once : studies of a batch

    Notes
    -----
    How wide the arrays are depends on the studies of a set alone, so that the last digit of a sum over them does too.
    """
    start = np.concatenate([[0], np.cumsum(k)])
    width = np.where(k > PADDED_SIZES[-1], k, PADDED_SIZES[np.searchsorted(PADDED_SIZES[:-1], k)])
    for wide in np.unique(width[rows]):
        alike = rows[width[rows] == wide]
        for some in np.array_split(alike, min(-(-alike.size * wide // at_once), alike.size)):
            mask = np.arange(wide) < k[some, None]
            where = np.minimum(start[some, None] + np.arange(wide), xi.size - 1)
            yield Batch(some, np.where(mask, xi[where], 0.0), np.where(mask, ni[where], 0.0), mask)
