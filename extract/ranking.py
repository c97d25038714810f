"""Rank values: the places of the highest or lowest of every row."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]

_KEYS = 2**20  # values ranked at once: about 40 MB


def top(values: Floats, count: int) -> Integers:
    """Places of the highest values of every row, the highest first; equals and NaN as in `lowest`."""
    return lowest(-values, count)


def lowest(values: Floats, count: int) -> Integers:
    """Places of the lowest values of every row (rows, n), the lowest first: int64 (rows, at most `count`).

    Among equals the leftmost comes first; -0.0 equals 0.0; NaN comes last. Values are ranked in float32.
    """
    rows, length = values.shape
    places = np.empty((rows, min(count, length)), np.int64)
    step = max(1, _KEYS // max(1, length))
    for first in range(0, rows, step):
        places[first : first + step] = _lowest(values[first : first + step], count)
    return places


def _lowest(values: Floats, count: int) -> Integers:
    # A float's bits, read as an integer, are ordered as the float is, but backwards below zero. With the place in the
    # lower half no two keys are equal, so that one integer sort, several times as fast as argsort, breaks all ties.
    exact = values.astype(np.float32, order="C") + np.float32(0)  # one zero instead of two; rows in one piece, to sort
    exact[np.isnan(exact)] = np.nan  # without its sign
    bits = exact.view(np.int32).astype(np.int64)
    keys = (np.where(bits < 0, -(2**31) - bits, bits) << 32) + np.arange(values.shape[1])  # (rows, n)
    if count < values.shape[1]:
        keys = np.partition(keys, count, axis=1)[:, :count]
    places: Integers = np.sort(keys, axis=1) & (2**32 - 1)
    return places


def ranks(values: Floats, count: int | None = None) -> Integers:
    """Place of each value in its row, from 1 for the highest, in the order of `top`; 0 beyond `count`: int32."""
    highest = top(values, values.shape[1] if count is None else count)
    places = np.zeros(values.shape, np.int32)
    np.put_along_axis(places, highest, np.arange(1, highest.shape[1] + 1, dtype=np.int32)[None], axis=1)
    return places
