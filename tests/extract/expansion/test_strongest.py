"""Numbers of kernels, strongest edges and distributions against scipy and plain loops."""

import numpy as np
import pytest
from scipy import stats

from extract.expansion.distribution import distribution
from extract.expansion.strongest import strongest
from extract.folder.derived import kernel_statistics
from extract.ranking import Floats


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_kernels_numbers() -> None:
    found = kernel_statistics(np.array([[3.0, 0.0], [-4.0, 0.0]], np.float32))
    assert (found.magnitude, found.mean, found.sum) == (5, -0.25, -1)
    assert found.crispness == pytest.approx(5 / 7)


@pytest.mark.parametrize(("kernel", "crispness"), [(np.eye(1), 1), (np.ones((3, 3)), 1 / 3), (np.zeros((2, 2)), 0)])
def test_crispness_tells_a_point_from_a_plain(kernel: Floats, crispness: float) -> None:
    assert kernel_statistics(kernel).crispness == pytest.approx(crispness)


def plainly_strongest(magnitude: Floats, mean: Floats, k: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Ranks in and out of each edge kept, by Python's stable sort of one unit after the other."""
    kept = set()
    targets, sources = magnitude.shape
    ranks_in: dict[tuple[int, int], int] = {}
    ranks_out: dict[tuple[int, int], int] = {}
    for t in range(targets):
        by_magnitude = sorted(range(sources), key=lambda s: -magnitude[t, s])
        ranks_in |= {(t, s): place for place, s in enumerate(by_magnitude, start=1)}
        kept |= {(t, s) for s in by_magnitude[:k]}
        kept |= {(t, s) for s in sorted(range(sources), key=lambda s: -abs(mean[t, s]))[:k]}
    for s in range(sources):
        by_magnitude = sorted(range(targets), key=lambda t: -magnitude[t, s])
        ranks_out |= {(t, s): place for place, t in enumerate(by_magnitude, start=1)}
        kept |= {(t, s) for t in by_magnitude[:k]}
        kept |= {(t, s) for t in sorted(range(targets), key=lambda t: -abs(mean[t, s]))[:k]}
    return {edge: (ranks_in[edge], ranks_out[edge]) for edge in sorted(kept)}


@pytest.mark.parametrize("k", [1, 3, 100])
@pytest.mark.parametrize("ties", [False, True])
def test_strongest_edges_and_ranks_are_those_of_a_plain_sort(
    generator: np.random.Generator, k: int, ties: bool
) -> None:
    magnitude = generator.gamma(1, size=(23, 37)).astype(np.float32)
    mean = generator.normal(size=(23, 37)).astype(np.float32)
    if ties:
        magnitude, mean = np.round(magnitude), np.round(mean)
    expected = plainly_strongest(magnitude, mean, k)
    found = strongest(magnitude, mean, k)
    edges = list(zip(found.target.tolist(), found.source.tolist(), strict=True))
    assert edges == list(expected)
    assert list(zip(found.rank_in.tolist(), found.rank_out.tolist(), strict=True)) == list(expected.values())


def test_nothing_left_out_exceeds_the_cutoffs(generator: np.random.Generator) -> None:
    magnitude = generator.gamma(1, size=(23, 37)).astype(np.float32)
    mean = generator.normal(size=(23, 37)).astype(np.float32)
    found = strongest(magnitude, mean, 2)
    left = np.ones(magnitude.shape, bool)
    left[found.target, found.source] = False
    assert found.cutoff_magnitude == magnitude[left].max()
    assert found.cutoff_mean == np.abs(mean[left]).max()


def test_cutoffs_are_zero_when_every_edge_is_kept(generator: np.random.Generator) -> None:
    magnitude = generator.gamma(1, size=(4, 5)).astype(np.float32)
    found = strongest(magnitude, -magnitude, 5)
    assert (len(found.target), found.cutoff_magnitude, found.cutoff_mean) == (20, 0, 0)


def test_an_inhibitory_edge_is_kept_for_its_mean() -> None:
    magnitude = np.array([[3, 2, 1]] * 3, np.float32)
    mean = np.array([[0.1, 0, -9]] * 3, np.float32)
    assert 2 in strongest(magnitude, mean, 1).source


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
