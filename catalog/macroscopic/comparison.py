"""A statistic of many units beside its controls: sizes with 95 % intervals, and differences with theirs.

Units are taken as a sample of their layers. The interval of a median is that between two order statistics, which asks
nothing of the distribution; that of a share is Wilson's. The interval of a difference is made of both (Zou and Donner
2008). Units of one layer share weights, so the intervals are those of other units of this network, not of others.
"""

from dataclasses import dataclass
from math import floor, hypot, nan, sqrt

import numpy as np

from extract.ranking import Floats
from extract.responses.levels import Z95, wilson

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
    lowest = floor((count - Z95 * sqrt(count)) / 2)
    return Size(float(np.median(ordered)), float(ordered[lowest]), float(ordered[count - 1 - lowest]), count)


def share(values: np.ndarray) -> Size:
    """The share of units (units,) whose value is not 0, NaN left out."""
    measured = values[np.isfinite(values)]
    if not len(measured):
        return Size(nan, nan, nan, 0)
    positive = int(np.count_nonzero(measured))
    return Size(positive / len(measured), *wilson(positive, len(measured)), len(measured))
