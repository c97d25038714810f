"""What either branch brings to a sum on every image: interchange between images, as a Shapley value of two players.

Let z(r, b) be the mean over positions of relu(r + b), x an image and x' another that lends one branch. Over all x',

    phi_conv(x)     = 1/2 [z(r_x, b_x) - E z(r_x, b_x')] + 1/2 [E z(r_x', b_x) - E z(r_x', b_x')]
    phi_shortcut(x) = 1/2 [z(r_x, b_x) - E z(r_x', b_x)] + 1/2 [E z(r_x, b_x') - E z(r_x', b_x')]

so that both add up to z(x) less its mean. At a position, E relu(t + b') depends on t alone: of the sorted b' those
above -t count, and the sum of these is a prefix sum. Every image lends, and nothing is random.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

_BLOCK = 2**22  # numbers of a map worked on at once


@dataclass(frozen=True)
class Attribution:
    """What shortcut and conv bring on every image, in standard deviations of the sum: float64 (images, units) each.

    Both add up to the sum less its mean, and are zero for a sum that never changes.
    """

    shortcut: np.ndarray
    conv: np.ndarray


def attribution(shortcut: np.ndarray, conv: np.ndarray) -> Attribution:
    """Attribute a sum to its branches, whose maps are as they enter its ReLU: (images, units, positions) each."""
    images, units, positions = conv.shape
    step = max(1, _BLOCK // (images * positions))
    parts = [_of_units(shortcut[:, at : at + step], conv[:, at : at + step]) for at in range(0, units, step)]
    return Attribution(*(np.concatenate([part[n] for part in parts]).T for n in range(2)))


def _of_units(shortcut: np.ndarray, conv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What shortcut and conv bring to some units: (units, images) each."""
    r, b = (np.ascontiguousarray(maps.transpose(1, 2, 0), dtype=np.float64) for maps in (shortcut, conv))
    z = np.maximum(r + b, 0).mean(axis=1)  # (u, images)
    shortcuts, convs = _Sorted.of(r), _Sorted.of(b)
    own_shortcut = _expected(shortcuts, convs)  # the shortcut of x, conv of any image
    own_conv = _expected(convs, shortcuts)
    mean = np.sort(z, axis=1).mean(axis=1, keepdims=True)  # sorted, so that the order of images changes no bit
    scale = np.sort((z - mean) ** 2, axis=1).mean(axis=1, keepdims=True) ** 0.5
    scale = np.where(scale > 1e-9 * z.max(axis=1, keepdims=True), scale, np.inf)  # else rounding alone
    halves = [(z - mean + own - other) / 2 for own, other in ((own_shortcut, own_conv), (own_conv, own_shortcut))]
    return halves[0] / scale, halves[1] / scale


def expected(own: np.ndarray, lent: np.ndarray) -> np.ndarray:
    """The mean over positions, and over lent maps, of relu(own + lent).

    `own` is (units, positions, images), `lent` (units, positions, lenders); returns (units, images).
    """
    return _expected(_Sorted.of(own), _Sorted.of(lent))


@dataclass(frozen=True)
class _Sorted:
    """Maps of units and positions, the images from the lowest value on."""

    order: np.ndarray  # int (units, positions, images)
    values: np.ndarray  # (units, positions, images)
    highest: np.ndarray  # (units, positions, images + 1), the sum of so many highest values

    @classmethod
    def of(cls, maps: np.ndarray) -> Self:
        order = np.argsort(maps, axis=2)
        values, highest = np.take_along_axis(maps, order, axis=2), np.zeros((*maps.shape[:2], maps.shape[2] + 1))
        np.cumsum(values[:, :, ::-1], axis=2, out=highest[:, :, 1:])
        return cls(order, values, highest)


def _expected(own: _Sorted, lent: _Sorted) -> np.ndarray:
    """As `expected`; what is sorted once serves both ways of lending, and queries in order hit the cache."""
    units, positions, images = own.values.shape
    total, lenders = np.zeros((units, images)), lent.values.shape[2]
    for unit, position in np.ndindex(units, positions):
        t = own.values[unit, position]
        above = lenders - np.searchsorted(lent.values[unit, position], -t)  # the lent values that keep the ReLU open
        total[unit, own.order[unit, position]] += above * t + lent.highest[unit, position, above]
    mean: np.ndarray = total / (lenders * positions)
    return mean
