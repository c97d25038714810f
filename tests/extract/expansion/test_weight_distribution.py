"""The distributions of expanded weights against scipy."""

import numpy as np
import pytest
from scipy import stats

from extract.expansion.weight_distribution import distribution


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def test_moments_are_scipys(generator: np.random.Generator) -> None:
    values = np.stack([generator.normal(2, 3, 500), generator.exponential(size=500), generator.choice([-1, 1], 500)])
    found = distribution(values.astype(np.float32))
    reference = values.astype(np.float32).astype(np.float64)
    assert found.n == 500
    np.testing.assert_allclose(found.mean, reference.mean(1))
    np.testing.assert_allclose(found.sd, reference.std(1, ddof=1))
    np.testing.assert_allclose(found.skewness, stats.skew(reference, axis=1, bias=False), atol=1e-12)
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(reference, axis=1, bias=False), rtol=1e-10)


def test_tiny_values_keep_their_shape(generator: np.random.Generator) -> None:
    values = generator.exponential(size=(1, 200))
    small = distribution(values * 1e-30)
    np.testing.assert_allclose(small.kurtosis, distribution(values).kurtosis, rtol=1e-9)


def test_sarles_coefficient_is_a_third_for_a_normal_five_ninths_for_a_flat_and_one_for_two_points(
    generator: np.random.Generator,
) -> None:
    normal, flat = generator.normal(size=200_000), generator.uniform(size=200_000)
    two = np.tile([-1.0, 1.0], 100_000)
    found = distribution(np.stack([normal, flat, two])).bimodality
    np.testing.assert_allclose(found, [1 / 3, 5 / 9, 1], atol=0.01)


def test_sarles_coefficient_of_a_small_sample_is_the_formula_over_scipys_moments(
    generator: np.random.Generator,
) -> None:
    values, n = generator.normal(size=(1, 12)), 12
    skewness, kurtosis = stats.skew(values[0], bias=False), stats.kurtosis(values[0], bias=False)
    expected = (skewness**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))
    assert distribution(values).bimodality[0] == pytest.approx(expected)


def test_density_at_zero(generator: np.random.Generator) -> None:
    values = generator.normal(size=(2, 50_000))
    values[1] += np.sign(values[1]) * 3 * values[1].std()  # two lobes, nothing between them
    found = distribution(values)
    assert found.density_at_zero[0] == pytest.approx(stats.norm.cdf(0.1) - stats.norm.cdf(-0.1), abs=0.005)
    assert found.density_at_zero[0] == (np.abs(values[0]) < 0.1 * values[0].std(ddof=1)).mean()
    assert found.density_at_zero[1] == 0


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_equal_values_have_a_mean_and_no_shape(value: float) -> None:
    found = distribution(np.full((1, 1000), value))
    assert found.mean[0] == pytest.approx(value)
    shapes = [found.sd, found.skewness, found.kurtosis, found.bimodality, found.density_at_zero]
    assert np.isnan(shapes).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_of_few_values_what_is_undefined_is_none(generator: np.random.Generator, n: int) -> None:
    few = distribution(generator.normal(size=(2, n)))
    assert np.isfinite(few.mean).all()
    assert np.isfinite(few.sd).all() == (n > 1)
    assert np.isfinite(few.skewness).all() == (n > 2)
    assert np.isnan(few.kurtosis).all() == np.isnan(few.bimodality).all() == (n < 4)
