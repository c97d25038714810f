"""Summarise a kernel in four numbers; a kernel is the expanded weight of one edge, position by position."""

from dataclasses import dataclass

import numpy as np

from extract.ranking import Floats


@dataclass(frozen=True)
class KernelStatistics:
    """Four numbers of one kernel; an edge with a positive mean excites, one with a negative mean inhibits.

    `magnitude` is the Frobenius norm. `crispness` is the magnitude over the sum of absolute values: 1 for a single
    position, 1/sqrt(span) for a flat kernel, 0 for an empty one (as in the article's expanded_weights.py).
    """

    magnitude: float
    mean: float
    sum: float
    crispness: float


def kernel_statistics(kernel: Floats) -> KernelStatistics:
    """Compute the statistics of a kernel (h, w), cropped to its true support; the mean is over these positions."""
    values = kernel.astype(np.float64)
    magnitude, total = float(np.sqrt(np.square(values).sum())), float(values.sum())
    absolute = float(np.abs(values).sum())
    return KernelStatistics(magnitude, total / values.size, total, magnitude / absolute if absolute else 0.0)
