"""Compute medians and shares over many units, and their differences from controls, with 95 % intervals.

Units are treated as a sample of their layers. The interval of a median lies between two order statistics, by the
binomial distribution, and assumes nothing about the values' distribution; the interval of a share is Wilson's. The
interval of a difference combines the intervals of both numbers (Zou and Donner 2008). Units of one layer share weights,
so an interval holds for other units of this network, not for other networks.
"""

from dataclasses import dataclass
from functools import cache
from math import hypot, nan

import numpy as np

from extract.ranking import Floats
from extract.responses.levels import wilson

_FEWEST = 6  # units: with fewer, even the smallest and largest value contain the median less than 95 times of 100


@dataclass(frozen=True)
class Size:
    """A number over `units` units, with its 95 % interval (`low` to `high`), which is NaN for too few units."""

    value: float
    low: float
    high: float
    units: int

    def over(self, control: "Size") -> "Size":
        """Return the excess over a control, with its interval."""
        value = self.value - control.value
        below = hypot(self.value - self.low, control.high - control.value)
        above = hypot(self.high - self.value, control.value - control.low)
        return Size(value, value - below, value + above, min(self.units, control.units))


def median(values: Floats) -> Size:
    """Compute the median of values (units,), with its interval; NaN values are left out."""
    ordered = np.sort(values[np.isfinite(values)])
    count = len(ordered)
    if not count:
        return Size(nan, nan, nan, 0)
    if count < _FEWEST:
        return Size(float(np.median(ordered)), nan, nan, count)
    rank = _rank(count)
    return Size(float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank]), count)


@cache
def _rank(count: int) -> int:
    """Return the rank, counted from either end, of the order statistic that bounds the 95 % interval of a median.

    The true median lies beyond that order statistic at least 97.5 % of the time. The number of values below the median
    is exactly binomial with probability a half.
    """
    rank, ways, tail = 0, 1, 1  # of 2 ** count outcomes: those with `rank` values below, and with at most `rank`
    while 40 * tail <= 2**count:
        rank += 1
        ways = ways * (count - rank + 1) // rank
        tail += ways
    return rank


def share(values: np.ndarray) -> Size:
    """Compute the share of values (units,) that are not 0, with its interval; NaN values are left out."""
    measured = values[np.isfinite(values)]
    if not len(measured):
        return Size(nan, nan, nan, 0)
    positive = int(np.count_nonzero(measured))
    return Size(positive / len(measured), *wilson(positive, len(measured)), len(measured))
