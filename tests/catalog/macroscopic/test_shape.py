"""Shapes of contributions against scipy and closed forms."""

import numpy as np
import pytest
from scipy.stats import gennorm

from catalog.macroscopic.shape import STATISTICS, breadth, density_at_zero, exponent, imbalance, offset, rank_one_share


@pytest.mark.parametrize("b", [0.7, 1.0, 2.0, 4.0])
def test_the_exponent_is_that_of_the_generalised_normal_and_near_scipys_fit(b: float) -> None:
    values = gennorm.rvs(b, size=(4, 4000), random_state=1)
    by_moments = exponent(values)
    assert by_moments == pytest.approx(b, rel=0.12)
    assert by_moments[0] == pytest.approx(gennorm.fit(values[0], floc=0)[0], rel=0.12)


def test_an_exponent_does_not_depend_on_scale_sign_or_offset(generator: np.random.Generator) -> None:
    values = generator.laplace(size=(1, 500))
    assert exponent(values) == pytest.approx(exponent(7 - 1e-6 * values))


def test_a_uniform_lies_at_the_broad_end(generator: np.random.Generator) -> None:
    assert exponent(generator.random((3, 5000))).min() > 10


def test_signs_are_balanced_by_size_and_not_by_count() -> None:
    rows = np.array([[1.0, 1.0, -2.0, 0.0], [1.0, 2.0, 3.0, 4.0], [3.0, 1.0, -2.0, -2.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(imbalance(rows), [0, 0.5, 0, np.nan])


def test_a_normal_around_zero_has_eight_hundredths_near_zero(generator: np.random.Generator) -> None:
    values = generator.normal(size=(1, 200_000))
    assert density_at_zero(values)[0] == pytest.approx(0.0797, abs=0.002)
    assert offset(values + 2)[0] == pytest.approx(2, abs=0.02)
    assert breadth(values)[0] == pytest.approx(np.sqrt(2 / np.pi), abs=0.002)


def test_breadth_tells_one_large_from_many_alike() -> None:
    assert breadth(np.array([[1.0] + [0.0] * 99, [1.0, -1.0] * 50])) == pytest.approx([0.1, 1.0])


def test_the_rank_one_share_is_the_largest_singular_value_squared(generator: np.random.Generator) -> None:
    outer = np.outer(generator.normal(size=24), generator.normal(size=60))
    assert rank_one_share(outer) == pytest.approx(1)
    noise = outer + generator.normal(size=outer.shape)
    squares = np.linalg.svd(noise, compute_uv=False) ** 2
    assert rank_one_share(noise) == pytest.approx(squares[0] / squares.sum())
    assert rank_one_share(noise.T) == pytest.approx(rank_one_share(noise))


def test_equal_values_have_no_shape() -> None:
    same = np.full((1, 100), 0.1)
    for name in ("exponent", "density_at_zero", "offset"):
        assert np.isnan(STATISTICS[name](same)).all()


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)
