"""The strongest edges against plain loops."""

import numpy as np
import pytest

from extract.expansion.strongest import strongest
from extract.ranking import Floats


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


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
