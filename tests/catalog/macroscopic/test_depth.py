"""Trends over layers, where it is known whether there is one and how alike neighbours are."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from catalog.macroscopic.depth import correlate

LAYERS, SERIES = 30, 300


def series_of(autocorrelation: float, slope: float = 0) -> np.ndarray:
    """Autoregressive series of deviation 1, which fall by `slope` from end to end: (series, layers)."""
    drawn = np.random.default_rng(7).normal(size=(LAYERS, SERIES))
    series = drawn.copy()
    for layer in range(1, LAYERS):
        series[layer] = autocorrelation * series[layer - 1] + (1 - autocorrelation**2) ** 0.5 * drawn[layer]
    return np.asarray(series.T - slope * np.linspace(0, 1, LAYERS))


@pytest.mark.parametrize("autocorrelation", [0, 0.5, 0.7])
def test_layers_without_a_trend_are_rarely_said_to_have_one_however_alike_neighbours_are(
    autocorrelation: float,
) -> None:
    series = series_of(autocorrelation)
    without = [correlate(one) for one in series]
    assert np.mean([one.p < 0.05 and one.value < 0 for one in without]) < 0.08
    assert np.mean([one.low <= 0 <= one.high for one in without]) > 0.9
    if autocorrelation:
        naive = [spearmanr(range(LAYERS), one).pvalue < 0.05 for one in series]
        assert np.mean([one.p < 0.05 for one in without]) < np.mean(naive) / 2
    assert np.median([one.autocorrelation for one in without]) == pytest.approx(autocorrelation, abs=0.15)


def test_a_trend_of_three_deviations_is_seen() -> None:
    with_trend = [correlate(one) for one in series_of(0, slope=3)]
    assert np.mean([one.p < 0.05 and one.high < 0 for one in with_trend]) > 0.85


def test_the_correlation_is_spearmans_and_a_perfect_one_has_an_interval() -> None:
    series = np.random.default_rng(1).normal(size=12).round(1)
    assert correlate(series).value == pytest.approx(spearmanr(range(12), series).statistic)
    perfect = correlate(np.arange(9.0))
    assert perfect.value == pytest.approx(1)
    assert perfect.p < 0.01
    assert 0 < perfect.low < perfect.high < 1


@pytest.mark.parametrize("series", [np.arange(8.0), np.ones(9)])
def test_few_layers_and_constant_ones_have_no_correlation(series: np.ndarray) -> None:
    assert np.isnan(correlate(series).value)
