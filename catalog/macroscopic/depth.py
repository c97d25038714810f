"""Versatility by depth: whether the contributions of earlier layers are spread more evenly over a layer's units.

Layers that follow one another are alike without any trend, so that chance is an autoregressive series: its first
autocorrelation is that of the ranks beside a straight line, corrected for their number (Marriott and Pope 1954).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import atanh, inf, isnan, nan, sqrt, tanh

import numpy as np

from catalog.macroscopic.comparisons import Comparison
from catalog.macroscopic.rank_correlation import rank_correlation, ranks
from extract.ranking import Floats
from extract.responses.levels import Z95
from extract.units import Layer
from graph.records import Variant

STATISTICS = ("density_at_zero", "breadth")  # an even spread has a low density at zero, and a great breadth
_SERIES = 2000
_SEED = 1904
_FEWEST = 9  # layers: of fewer, the correction leaves less than three independent ones even of a perfect trend


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a series of layers with their places, NaN for less than nine.

    `autocorrelation`, of neighbours and beside the trend, is at least 0. `p` is the share of series without a trend,
    their neighbours as alike, with as strong a correlation of either sign; `low` to `high` the 95 % interval (Bonett
    and Wright 2000) of as many independent layers as these are worth. Of 12 to 47 layers with an autocorrelation of .7
    and no trend p is below .05 in 8 to 13 % instead of 5, and in a random walk, whose steps add up, in a third.
    """

    value: float
    low: float
    high: float
    p: float
    autocorrelation: float


@dataclass(frozen=True)
class Trend:
    """How a forward statistic correlates with how far below the target a layer lies, over `layers` layers.

    `randomised` is the same with randomised weights, which tells what comes of the network's shape alone, and
    `over_randomised` of what the statistic exceeds theirs by; None where not every layer was swept.
    """

    target: Layer
    variant: Variant
    statistic: str
    layers: int
    observed: Correlation
    randomised: Correlation | None
    over_randomised: Correlation | None


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
    observed = np.array([c.observed.value for c in series])  # (layers,)
    control = np.array([c.randomised.value for c in series if c.randomised])  # (layers,)
    beside = [None, None] if len(control) < len(series) else [correlate(of) for of in (control, observed - control)]
    return Trend(target, variant, statistic, len(series), correlate(observed), *beside)


def correlate(series: Floats) -> Correlation:
    """Correlate a statistic of layers (layers,) with their places."""
    count, places = len(series), np.arange(len(series))
    correlation = rank_correlation(places, series) if count >= _FEWEST else nan
    if isnan(correlation):
        return Correlation(nan, nan, nan, nan, nan)
    autocorrelation = _autocorrelation(ranks(series))
    p = (1 + int((_by_chance(count, autocorrelation) >= abs(correlation) - 1e-9).sum())) / (1 + _SERIES)
    limit = min(abs(correlation), 1 - 6 / (count**3 - count))  # half a step from the perfect one, which has no interval
    centre = atanh(np.copysign(limit, correlation))
    independent = count * (1 - autocorrelation) / (1 + autocorrelation)  # layers that these are worth
    half = Z95 * sqrt((1 + correlation**2 / 2) / (independent - 3)) if independent > 3 else inf
    return Correlation(correlation, tanh(centre - half), tanh(centre + half), p, autocorrelation)


def _autocorrelation(values: Floats) -> float:
    """The first autocorrelation of values (n,) beside their straight line, corrected for n: 0 to .99, in hundredths."""
    count, places = len(values), np.arange(len(values))
    rest = values - np.polyval(np.polyfit(places, values, 1), places)  # (n,)
    size = float(rest @ rest)
    plain = float(rest[1:] @ rest[:-1]) / size if size > 1e-9 else 0.0
    return round(min(max((count * plain + 2) / (count - 4), 0.0), 0.99), 2)


@cache
def _by_chance(count: int, autocorrelation: float) -> Floats:
    """How strongly autoregressive series of so many layers correlate with their places: (series,).

    Their autocorrelations are as uncertain as an estimate from so many layers is.
    """
    error, *drawn = np.random.default_rng(_SEED).normal(size=(count + 1, _SERIES))
    estimates = np.clip(autocorrelation + error * sqrt((1 - autocorrelation**2) / count), 0, 0.99)  # (series,)
    series = drawn / np.sqrt(1 - estimates**2)  # (layers, series); the first layer has the spread of all
    for layer in range(1, count):
        series[layer] = estimates * series[layer - 1] + drawn[layer]
    places = np.arange(count) - (count - 1) / 2
    ordered = np.argsort(np.argsort(series, axis=0), axis=0) - (count - 1) / 2
    return np.asarray(np.abs(places @ ordered) / (places @ places))
