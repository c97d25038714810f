"""A statistic of many units beside its controls: sizes with 95 % intervals, and differences with theirs.

Units are taken as a sample of their layers. The interval of a median is that between two order statistics, by the
binomial, which asks nothing of the distribution; that of a share is Wilson's. The interval of a difference is made of
both (Zou and Donner 2008). Units of one layer share weights, so the intervals are those of other units of this network,
not of others.
"""

from dataclasses import dataclass
from functools import cache
from math import hypot, nan

import numpy as np

from extract.ranking import Floats
from extract.responses.levels import wilson

_FEWEST = 6  # units: of fewer, not even the smallest and the largest hold the median 95 times of 100


@dataclass(frozen=True)
class Size:
    """A number with its 95 % interval, NaN where too few units give none; `units` is how many it was taken over."""

    value: float
    low: float
    high: float
    units: int

    def over(self, control: "Size") -> "Size":
        """How far it exceeds a control."""
        value = self.value - control.value
        below = hypot(self.value - self.low, control.high - control.value)
        above = hypot(self.high - self.value, control.value - control.low)
        return Size(value, value - below, value + above, min(self.units, control.units))


def median(values: Floats) -> Size:
    """The median over units (units,), NaN left out."""
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
    """The rank of the order statistic from either end that the median of `count` values lies beyond 97.5 % of times.

    How many values lie below the median is binomial with a chance of a half, exactly.
    """
    rank, ways, tail = 0, 1, 1  # of 2 ** count outcomes, those with `rank` values below, and those with at most so many
    while 40 * tail <= 2**count:
        rank += 1
        ways = ways * (count - rank + 1) // rank
        tail += ways
    return rank


def share(values: np.ndarray) -> Size:
    """The share of units (units,) whose value is not 0, NaN left out."""
    measured = values[np.isfinite(values)]
    if not len(measured):
        return Size(nan, nan, nan, 0)
    positive = int(np.count_nonzero(measured))
    return Size(positive / len(measured), *wilson(positive, len(measured)), len(measured))
