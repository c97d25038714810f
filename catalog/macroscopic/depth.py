"""Test versatility by depth: whether the contributions of earlier layers are spread more evenly over a layer's units.

Neighbouring layers are alike even without a trend, so the null hypothesis is an autoregressive series. Its first
autocorrelation is that of the ranks' residuals from a straight line, corrected for the number of layers (Marriott and
Pope 1954).
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
_FEWEST = 9  # layers: with fewer, the correction leaves less than three independent layers even for a perfect trend


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation between a statistic of layers and the layers' places; NaN for less than nine layers.

    `autocorrelation` is that of neighbouring layers without the trend, at least 0. `p` is the share of simulated series
    with such an autocorrelation and no trend whose correlation is as strong, of either sign. `low` to `high` is the
    95 % interval (Bonett and Wright 2000) for the number of independent layers that these layers are worth.

    The test is not exact. For 12 to 47 layers with an autocorrelation of .7 and no trend, p is below .05 in 8 to 13 %
    of cases instead of 5 %; for a random walk, in a third of cases.
    """

    value: float
    low: float
    high: float
    p: float
    autocorrelation: float


@dataclass(frozen=True)
class Trend:
    """The correlation of a forward statistic with a layer's distance below the target, over `layers` layers.

    `randomised` is the same correlation for randomised weights, which shows the effect of the network's shape alone.
    `over_randomised` is the correlation of the statistic's excess over randomised weights. Both are None unless
    randomised weights were swept from every layer.
    """

    target: Layer
    variant: Variant
    statistic: str
    layers: int
    observed: Correlation
    randomised: Correlation | None
    over_randomised: Correlation | None


def trends(by_source: Iterable[Comparison]) -> list[Trend]:
    """Compute the trends in a target's comparisons, which come per source layer, nearest first.

    Layers whose statistic is undefined (NaN) are left out.
    """
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
    limit = min(abs(correlation), 1 - 6 / (count**3 - count))  # half a step below 1, which has no interval
    centre = atanh(np.copysign(limit, correlation))
    independent = count * (1 - autocorrelation) / (1 + autocorrelation)  # independent layers that these are worth
    half = Z95 * sqrt((1 + correlation**2 / 2) / (independent - 3)) if independent > 3 else inf
    return Correlation(correlation, tanh(centre - half), tanh(centre + half), p, autocorrelation)


def _autocorrelation(values: Floats) -> float:
    """Estimate the first autocorrelation of values (n,) without their linear trend, corrected for n.

    The result is rounded to hundredths and lies between 0 and .99.
    """
    count, places = len(values), np.arange(len(values))
    rest = values - np.polyval(np.polyfit(places, values, 1), places)  # (n,)
    size = float(rest @ rest)
    plain = float(rest[1:] @ rest[:-1]) / size if size > 1e-9 else 0.0
    return round(min(max((count * plain + 2) / (count - 4), 0.0), 0.99), 2)


@cache
def _by_chance(count: int, autocorrelation: float) -> Floats:
    """Simulate autoregressive series of `count` layers; return their absolute rank correlations with place: (series,).

    The series' autocorrelations vary as much as an estimate from so many layers does.
    """
    error, *drawn = np.random.default_rng(_SEED).normal(size=(count + 1, _SERIES))
    estimates = np.clip(autocorrelation + error * sqrt((1 - autocorrelation**2) / count), 0, 0.99)  # (series,)
    series = drawn / np.sqrt(1 - estimates**2)  # (layers, series); the first layer has the spread of all
    for layer in range(1, count):
        series[layer] = estimates * series[layer - 1] + drawn[layer]
    places = np.arange(count) - (count - 1) / 2
    ordered = np.argsort(np.argsort(series, axis=0), axis=0) - (count - 1) / 2
    return np.asarray(np.abs(places @ ordered) / (places @ places))
