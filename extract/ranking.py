"""Rank values."""

import numpy as np


def percentiles(values: np.ndarray) -> np.ndarray:
    """The share of all values in a column that lie below each one, equals counted half: (n, channels), mean 0.5.

    Counting equals half keeps a unit that is silent on many probes, all at zero, from favouring either side.
    """
    ranked = np.sort(values, axis=0)
    sides = [
        [np.searchsorted(ranked[:, c], values[:, c], side) for c in range(values.shape[1])]
        for side in ("left", "right")
    ]
    shares: np.ndarray = np.sum(sides, axis=0).T / (2 * max(1, len(values)))
    return shares
