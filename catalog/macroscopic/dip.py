"""Compute Hartigan's dip, which measures how far a sample is from having one peak, and its null distribution.

Definition: Hartigan and Hartigan 1985, "The dip test of unimodality". Among unimodal distributions the uniform has the
largest dips, so a dip beyond those of uniform samples of the same size is not an accident of a single peak. The package
that computes the dip is under the GPL, so the code here is our own.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from extract.ranking import Floats, Integers

SIMULATED = 2000  # uniform samples of one size
_SEED = 1985
_FEWEST = 4  # different values
_BATCH = 64  # samples in one batch: few enough that their hulls stay in a processor's cache


def dips(values: Floats) -> Floats:
    """Compute the dip of each sample (samples, n): its distribution function's distance from the nearest unimodal one.

    The distance is the largest difference between the two functions. It lies between 1 / (2 n) and 1/4, and is NaN for
    less than four different values.
    """
    sizes = np.full(len(values), np.nan)
    if values.shape[1] < _FEWEST:
        return sizes
    for first in range(0, len(values), _BATCH):
        searches = {place: _Search(values[place]) for place in range(first, min(first + _BATCH, len(values)))}
        searches = {place: search for place, search in searches.items() if len(search.x) >= _FEWEST}
        _run(list(searches.values()))
        for place, search in searches.items():
            sizes[place] = search.largest / 2
    return sizes


@cache
def null_dips(n: int) -> Floats:
    """Compute the sorted dips of `SIMULATED` uniform samples of `n` values; the samples are the same at every call."""
    return np.sort(dips(np.random.default_rng((_SEED, n)).random((SIMULATED, n))))


def threshold(n: int, level: float = 0.95) -> float:
    """Return the dip that the share `level` of uniform samples of `n` values stays below."""
    return float(np.quantile(null_dips(n), level))


class _Search:
    """The search for a sample's modal interval; `largest`, a lower bound of twice the dip, grows to twice the dip."""

    def __init__(self, sample: Floats) -> None:
        self.x, counts = np.unique(sample, return_counts=True)
        self.above = np.cumsum(counts) / len(sample)  # the distribution function at each value
        self.below = self.above - counts / len(sample)  # the distribution function just before each value
        self.inside, self.largest = slice(0, len(self.x)), 1 / len(sample)

    def narrow(self, minorant: Floats, below: Integers, majorant: Floats, above: Integers) -> bool:
        """Narrow the interval by its hulls, given with the places of their knots.

        Returns whether the search continues in a smaller interval.
        """
        first, last, gap = _modal_interval(majorant - minorant, below, above)
        if gap <= self.largest:
            return False
        left = (self.above[self.inside] - minorant)[: first + 1].max()
        right = (majorant - self.below[self.inside])[last:].max()
        self.largest = max(self.largest, left, right)
        whole, start = len(minorant), self.inside.start
        self.inside = slice(start + first, start + last + 1)
        return last + 1 - first < whole


def _run(searches: list[_Search]) -> None:
    """Narrow all intervals together to the end, because numpy takes as long for one short hull as for many."""
    while searches:
        x = [search.x[search.inside] for search in searches]
        minorants = _convex(x, [search.below[search.inside] for search in searches])
        majorants = _convex(x, [-search.above[search.inside] for search in searches])
        hulls = zip(searches, minorants, majorants, strict=True)
        searches = [search for search, (low, below), (high, above) in hulls if search.narrow(low, below, -high, above)]


def _convex(xs: Sequence[Floats], ys: Sequence[Floats]) -> list[tuple[Floats, Integers]]:
    """Compute, for rows of points, the greatest convex function below each row, and which points lie on it."""
    x, y = np.concatenate(xs), np.concatenate(ys)
    starts = np.cumsum([0, *map(len, xs)])
    is_end = np.zeros(len(x), bool)
    is_end[starts[:-1]] = is_end[starts[1:] - 1] = True
    knots = np.arange(len(x))
    while True:
        at, height = x[knots], y[knots]
        with np.errstate(divide="ignore", invalid="ignore"):  # slopes from the end of a row to the start of the next
            slopes = (height[1:] - height[:-1]) / (at[1:] - at[:-1])
        on_it = is_end[knots]
        on_it[1:-1] |= slopes[1:] > slopes[:-1]  # a point above its neighbours' chord is not on the convex function
        if on_it.all():
            break
        knots = knots[on_it]
    rows = np.split(knots, np.searchsorted(knots, starts[1:-1]))
    return [
        (np.interp(places, x[row], y[row]), row - start)
        for places, row, start in zip(xs, rows, starts[:-1], strict=True)
    ]


def _modal_interval(gap: Floats, below: Integers, above: Integers) -> tuple[int, int, float]:
    """Find the places between which the peak lies, where the two hulls are furthest apart; also return their gap."""
    from_below, from_above = below[np.argmax(gap[below])], above[::-1][np.argmax(gap[above][::-1])]
    if gap[from_above] > gap[from_below]:
        return int(below[below <= from_above][-1]), int(from_above), float(gap[from_above])
    return int(from_below), int(above[above >= from_below][0]), float(gap[from_below])
