"""Hartigan's dip against a linear program over all unimodal functions, and against published critical values."""

import numpy as np
import pytest
from scipy.optimize import linprog

from catalog.macroscopic.dip import dips, threshold


def _nearest_unimodal(sample: np.ndarray) -> float:
    """The dip as the smallest of linear programs, one for each place that the peak may have."""
    x = np.sort(sample)
    return min(_nearest_with_peak(x, peak) for peak in range(len(x)))


def _nearest_with_peak(x: np.ndarray, peak: int) -> float:
    """The least distance of a function that is convex before the peak, concave after it, and may jump there."""
    n, places = len(x), np.insert(x, peak, x[peak])  # the peak stands twice: before the jump and after it
    rows, bounds = list[np.ndarray](), list[float]()

    def at_most(terms: dict[int, float], bound: float) -> None:
        rows.append(np.array([terms.get(place, 0.0) for place in range(n + 2)]))
        bounds.append(bound)

    for place in range(n + 1):
        before = place - (place > peak)  # points of the sample below this place
        heights = {peak: [before], peak + 1: [before + 1]}.get(place, [before, before + 1])
        for height in heights:
            at_most({place: 1, n + 1: -1}, height / n)
            at_most({place: -1, n + 1: -1}, -height / n)
        if place <= n - 1:
            at_most({place: 1, place + 1: -1}, 0)
    for place in range(1, n):
        if place in (peak, peak + 1):
            continue
        left, right = 1 / (places[place] - places[place - 1]), 1 / (places[place + 1] - places[place])
        sign = 1 if place < peak else -1  # slopes rise before the peak and fall after it
        at_most({place - 1: -sign * left, place: sign * (left + right), place + 1: -sign * right}, 0)
    solution = linprog([0.0] * (n + 1) + [1.0], np.array(rows), bounds, bounds=[(0, None)] * (n + 2))
    return float(solution.fun)


@pytest.mark.parametrize("n", [4, 5, 8, 12])
def test_a_dip_is_the_distance_of_the_nearest_unimodal_function(n: int, generator: np.random.Generator) -> None:
    flat, normal = generator.random((3, n)), generator.normal(size=(3, n))
    lobes = generator.normal(size=(3, n)) + 6 * (np.arange(n) < n // 2)
    samples = np.concatenate([flat, normal, lobes])
    np.testing.assert_allclose(dips(samples), [_nearest_unimodal(sample) for sample in samples], atol=1e-9)


# The 95 % quantiles of the dip of uniform samples, as Maechler simulated them a million times for R's diptest.
@pytest.mark.parametrize(("n", "critical"), [(20, 0.1051), (50, 0.0703), (200, 0.0368), (500, 0.0237), (2000, 0.0120)])
def test_the_null_is_the_published_one(n: int, critical: float) -> None:
    assert threshold(n) == pytest.approx(critical, rel=0.04)


def test_one_peak_stays_below_the_null_and_two_lobes_exceed_it(generator: np.random.Generator) -> None:
    n = 300
    skewed, heavy = generator.exponential(size=(50, n)), generator.standard_t(3, size=(50, n))
    assert (dips(np.concatenate([skewed, heavy])) > threshold(n)).mean() < 0.05
    lobes = generator.normal(size=(50, n)) + 4 * (np.arange(n) % 2)
    assert (dips(lobes) > threshold(n)).all()


def test_equal_values_count_as_often_as_they_stand() -> None:
    stretched, repeated = np.repeat([0.0, 1.0, 2.0, 3.0], [5, 1, 1, 5]), np.tile([0.0, 1.0, 2.0, 3.0], 3)
    assert dips(np.stack([stretched, repeated])) == pytest.approx([1 / 6, 1 / 8], abs=0.05)
    assert dips(stretched[None]) > dips(repeated[None])


def test_too_few_different_values_have_no_dip() -> None:
    assert np.isnan(dips(np.array([[1.0, 1.0, 2.0, 3.0]]))).all()


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)
