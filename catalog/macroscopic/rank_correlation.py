"""Compute Spearman's rank correlation without scipy, which the catalog does not require."""

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank values (n,) from 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places])


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Correlate the ranks of two series (n,); NaN if a series is constant."""
    first, second = ranks(one), ranks(other)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
