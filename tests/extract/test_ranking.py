import heapq
from math import isnan

import numpy as np
import pytest

from extract.ranking import Floats, lowest, ranks, top

AWKWARD = [0.0, -0.0, 1.5, 1.5, -1.5, np.inf, -np.inf, np.nan, -np.nan, 1e-45, -1e-45, 3.4e38, 2.0, 2.0, -2.0]


def examples(dtype: type[np.floating]) -> Floats:
    random = np.random.default_rng(0)
    with np.errstate(over="ignore", under="ignore"):
        awkward = random.choice(np.array(AWKWARD), (40, 23)).astype(dtype)
    return np.concatenate(
        [awkward, random.integers(-3, 3, (40, 23)).astype(dtype), random.normal(size=(40, 23))]
    ).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("count", [1, 5, 22, 23, 40])
def test_the_lowest_are_those_of_a_stable_sort(dtype: type[np.floating], count: int) -> None:
    values = examples(dtype)
    np.testing.assert_array_equal(lowest(values, count), np.argsort(values, axis=1, kind="stable")[:, :count])
    np.testing.assert_array_equal(top(values, count), np.argsort(-values, axis=1, kind="stable")[:, :count])


@pytest.mark.parametrize("count", [1, 5, 23, 40])
def test_the_lowest_are_those_of_a_heap(count: int) -> None:
    for row in examples(np.float32):
        order = [(isnan(value), 0 if isnan(value) else value, place) for place, value in enumerate(row.tolist())]
        assert lowest(row[None], count)[0].tolist() == [place for _, _, place in heapq.nsmallest(count, order)]


@pytest.mark.parametrize("count", [1, 5, 23, None])
def test_ranks_count_from_one_and_end_at_the_count(count: int | None) -> None:
    values = examples(np.float32)
    for row, places in zip(values, ranks(values, count), strict=True):
        order = np.argsort(-row, kind="stable")[:count]
        expected = np.zeros(23, int)
        expected[order] = range(1, len(order) + 1)
        np.testing.assert_array_equal(places, expected)


def test_many_rows_are_ranked_as_one_is() -> None:
    values = np.random.default_rng(1).integers(0, 50, (5, 400_000)).astype(np.float32)  # more than is ranked at once
    np.testing.assert_array_equal(lowest(values, 7), [np.argsort(row, kind="stable")[:7] for row in values])


def test_no_rows_and_no_columns_are_ranked() -> None:
    assert lowest(np.empty((0, 5), np.float32), 3).shape == (0, 3)
    assert lowest(np.empty((5, 0), np.float32), 3).shape == (5, 0)
