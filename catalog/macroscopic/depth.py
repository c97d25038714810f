"""Versatility by depth: whether the contributions of earlier layers are spread more evenly over a layer's units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import atanh, isnan, nan, sqrt, tanh

import numpy as np

from catalog.macroscopic.comparisons import Comparison
from catalog.macroscopic.rank_correlation import rank_correlation, ranks
from catalog.macroscopic.sizes import Size
from extract.ranking import Floats
from extract.responses.levels import Z95
from extract.units import Layer
from graph.records import Variant

STATISTICS = ("density_at_zero", "breadth")  # an even spread has a low density at zero, and a great breadth
_PERMUTATIONS = 2000
_SEED = 1904
_FEWEST = 4  # layers


@dataclass(frozen=True)
class Trend:
    """Spearman's rank correlation of a forward statistic with how far below the target a layer lies.

    `low` to `high` is its 95 % interval (Bonett and Wright 2000), `p` the share of permuted layers with as strong a
    correlation of either sign: both take layers for exchangeable, and neighbours that are alike by the way a network
    is built make them too sure; NaN for less than four layers. `randomised` is the correlation with randomised weights
    and its interval, which tells what comes of the network's shape alone; None where not every layer was swept.
    """

    target: Layer
    variant: Variant
    statistic: str
    layers: int
    correlation: float
    low: float
    high: float
    p: float
    randomised: Size | None

    @property
    def over_randomised(self) -> Size | None:
        """How much more it is than with randomised weights, with an interval made of both."""
        own = Size(self.correlation, self.low, self.high, self.layers)
        return self.randomised and own.over(self.randomised)


def trends(by_source: Iterable[Comparison]) -> list[Trend]:
    """The trends in the comparisons of a target's sources, nearest first; of the layers whose statistic is defined."""
    places: dict[tuple[Layer, Variant, str], list[Comparison]] = {}
    for c in by_source:
        if c.direction == "forward" and c.statistic in STATISTICS:
            series = places.setdefault((c.target, c.variant, c.statistic), [])
            if not isnan(c.observed.value):
                series.append(c)
    return [_trend(*place, series) for place, series in places.items()]


def _trend(target: Layer, variant: Variant, statistic: str, series: Sequence[Comparison]) -> Trend:
    observed = _correlation(np.array([c.observed.value for c in series]))
    control = [c.randomised.value for c in series if c.randomised]
    randomised = None
    if control and len(control) == len(series):
        value, low, high, _ = _correlation(np.array(control))
        randomised = Size(value, low, high, len(control))
    return Trend(target, variant, statistic, len(series), *observed, randomised)


def _correlation(series: Floats) -> tuple[float, float, float, float]:
    """Spearman's correlation of values with their places, its interval, and its p."""
    count = len(series)
    if count < _FEWEST:
        return nan, nan, nan, nan
    places = np.arange(count)
    correlation = rank_correlation(places, series)
    if isnan(correlation):
        return nan, nan, nan, nan
    permuted = np.random.default_rng(_SEED).permuted(
        np.tile(ranks(series), (_PERMUTATIONS, 1)), axis=1
    )  # (permutations, n)
    others = np.corrcoef(places, permuted)[0, 1:]
    p = (1 + int((np.abs(others) >= abs(correlation) - 1e-9).sum())) / (1 + _PERMUTATIONS)
    limit = min(abs(correlation), 1 - 6 / (count**3 - count))  # half a step from the perfect one, which has no interval
    centre, half = atanh(np.copysign(limit, correlation)), Z95 * sqrt((1 + correlation**2 / 2) / (count - 3))
    return correlation, tanh(centre - half), tanh(centre + half), p
