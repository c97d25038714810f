"""Attribute a sum to its branches on every image, by interchange between images: a Shapley value of two players.

Let z(r, b) be the mean over positions of relu(r + b), let x be an image, and let x' be a lender, that is, an image
whose branch takes the place of x's. With means E over all lenders x',

    phi_conv(x)     = 1/2 [z(r_x, b_x) - E z(r_x, b_x')] + 1/2 [E z(r_x', b_x) - E z(r_x', b_x')]
    phi_shortcut(x) = 1/2 [z(r_x, b_x) - E z(r_x', b_x)] + 1/2 [E z(r_x, b_x') - E z(r_x', b_x')]

so the two add up to z(x) minus its mean over the lenders. At each position, E relu(t + b') depends only on t. In this
mean only the sorted b' above -t count, and a prefix sum gives their total. Every image is a lender unless some are
named, and nothing is random.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from extract.ablation.branch_ablation import unit_blocks


@dataclass(frozen=True)
class Attribution:
    """What shortcut and conv bring on every image, in standard deviations of the sum: float64 (images, units) each.

    The two add up to the sum minus its mean, and are zero for a sum that never changes.
    """

    shortcut: np.ndarray
    conv: np.ndarray


def attribution(shortcut: np.ndarray, conv: np.ndarray, lenders: np.ndarray | None = None) -> Attribution:
    """Attribute a sum to its branches, from their maps (images, units, positions) as they enter the sum's ReLU.

    `lenders`, bool (images,), are the images whose maps take the place of others' (None: all images).
    """
    parts = [_of_units(shortcut[:, block], conv[:, block], lenders) for block in unit_blocks(conv)]
    return Attribution(*(np.concatenate([part[n] for part in parts]).T for n in range(2)))


def _of_units(shortcut: np.ndarray, conv: np.ndarray, lenders: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Compute what shortcut and conv bring to some units: (units, images) each."""
    r, b = (np.ascontiguousarray(maps.transpose(1, 2, 0), dtype=np.float64) for maps in (shortcut, conv))
    z = np.maximum(r + b, 0).mean(axis=1)  # (u, images)
    shortcuts, convs = _Sorted.of(r), _Sorted.of(b)
    lent = (shortcuts, convs) if lenders is None else [_Sorted.of(maps[:, :, lenders]) for maps in (r, b)]
    own_shortcut = _expected(shortcuts, lent[1])  # the shortcut of x, conv of any image that lends
    own_conv = _expected(convs, lent[0])
    mean = _mean(z)
    scale = _mean((z - mean) ** 2) ** 0.5
    of_lenders = mean if lenders is None else _mean(z[:, lenders])
    scale = np.where(scale > 1e-9 * z.max(axis=1, keepdims=True), scale, np.inf)  # else only rounding
    halves = [(z - of_lenders + own - other) / 2 for own, other in ((own_shortcut, own_conv), (own_conv, own_shortcut))]
    return halves[0] / scale, halves[1] / scale


def _mean(values: np.ndarray) -> np.ndarray:
    """Compute the mean of each row (u, n) as (u, 1), sorted first so that the order of images changes no bit."""
    mean: np.ndarray = np.sort(values, axis=1).mean(axis=1, keepdims=True)
    return mean


def expected(own: np.ndarray, lent: np.ndarray) -> np.ndarray:
    """Compute the mean of relu(own + lent) over positions and over lent maps.

    `own` is (units, positions, images), `lent` (units, positions, lenders); returns (units, images).
    """
    return _expected(_Sorted.of(own), _Sorted.of(lent))


@dataclass(frozen=True)
class _Sorted:
    """Maps of units, with the images at every position sorted from the lowest value up."""

    order: np.ndarray  # int (units, positions, images)
    values: np.ndarray  # (units, positions, images)
    highest: np.ndarray  # (units, positions, images + 1), the sum of so many highest values

    @classmethod
    def of(cls, maps: np.ndarray) -> Self:
        equal = np.count_nonzero(maps) < 0.9 * maps.size  # the zeros of a ReLU, which a quicksort is slow with
        order = np.argsort(maps, axis=2, kind="stable" if equal else "quicksort")
        values, highest = np.take_along_axis(maps, order, axis=2), np.zeros((*maps.shape[:2], maps.shape[2] + 1))
        np.cumsum(values[:, :, ::-1], axis=2, out=highest[:, :, 1:])
        return cls(order, values, highest)


def _expected(own: _Sorted, lent: _Sorted) -> np.ndarray:
    """Compute `expected` of sorted maps.

    Maps that are sorted once serve both ways of lending, and queries in order hit the cache.
    """
    units, positions, images = own.values.shape
    total, lenders = np.zeros((units, images)), lent.values.shape[2]
    for unit, position in np.ndindex(units, positions):
        t = own.values[unit, position]
        above = lenders - np.searchsorted(lent.values[unit, position], -t)  # the lent values that keep the ReLU open
        total[unit, own.order[unit, position]] += above * t + lent.highest[unit, position, above]
    mean: np.ndarray = total / (lenders * positions)
    return mean
