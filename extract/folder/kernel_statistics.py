"""A kernel, the expanded weight of one edge position by position, in four numbers."""

from dataclasses import dataclass

import numpy as np

from extract.ranking import Floats


@dataclass(frozen=True)
class KernelStatistics:
    """One kernel in four numbers; a positive mean excites and a negative one inhibits.

    `magnitude` is the Frobenius norm and `crispness` magnitude over the sum of absolute values: 1 for a single
    position, 1/sqrt(span) for a flat kernel, 0 for an empty one (the article's expanded_weights.py).
    """

    magnitude: float
    mean: float
    sum: float
    crispness: float


def kernel_statistics(kernel: Floats) -> KernelStatistics:
    """The statistics of a kernel (h, w), cropped to its true support, by whose positions the mean divides."""
    values = kernel.astype(np.float64)
    magnitude, total = float(np.sqrt(np.square(values).sum())), float(values.sum())
    absolute = float(np.abs(values).sum())
    return KernelStatistics(magnitude, total / values.size, total, magnitude / absolute if absolute else 0.0)
