"""Rank values: find the places of the highest or lowest values of every row."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]

_KEYS = 2**20  # values ranked in one step, which takes about 40 MB


def top(values: Floats, count: int) -> Integers:
    """Return the places of the highest values of every row, the highest first; ties and NaN are ordered as in `lowest`.

    Shapes are those of `lowest`.
    """
    return lowest(-values, count)


def lowest(values: Floats, count: int) -> Integers:
    """Return the places of the lowest values of every row, the lowest first.

    `values` has the shape (rows, n); the places are int64 of shape (rows, at most `count`). Of equal values the
    leftmost comes first; -0.0 equals 0.0; NaN comes last. Values are compared in float32.
    """
    rows, length = values.shape
    places = np.empty((rows, min(count, length)), np.int64)
    step = max(1, _KEYS // max(1, length))
    for first in range(0, rows, step):
        places[first : first + step] = _lowest(values[first : first + step], count)
    return places


def _lowest(values: Floats, count: int) -> Integers:
    # A float's bits, read as an integer, sort as the float does, but in reverse order below zero. With the place in
    # its lower half, every key is unique, so one integer sort breaks all ties. It is several times as fast as argsort.
    exact = values.astype(np.float32, order="C") + np.float32(0)  # -0.0 becomes 0.0; rows are contiguous, to sort
    exact[np.isnan(exact)] = np.nan  # which drops a NaN's sign
    bits = exact.view(np.int32).astype(np.int64)
    keys = (np.where(bits < 0, -(2**31) - bits, bits) << 32) + np.arange(values.shape[1])  # (rows, n)
    if count < values.shape[1]:
        keys = np.partition(keys, count, axis=1)[:, :count]
    places: Integers = np.sort(keys, axis=1) & (2**32 - 1)
    return places


def ranks(values: Floats, count: int | None = None) -> Integers:
    """Rank each value within its row: 1 for the highest, in the order of `top`, and 0 beyond rank `count`.

    Ranks are int32, of the shape of `values`.
    """
    highest = top(values, values.shape[1] if count is None else count)
    places = np.zeros(values.shape, np.int32)
    np.put_along_axis(places, highest, np.arange(1, highest.shape[1] + 1, dtype=np.int32)[None], axis=1)
    return places
