"""A unit's own versatility: how much it contributes to the units of another layer, or receives from them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from extract.units import Layer, Unit

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection


@dataclass(frozen=True)
class Versatility:
    """Sums over all `n` edges between a unit and another layer, stored or not; weights as edges have them.

    As in the article's `versatility_stats`: `mean` of the means, their `mean_size` without signs, the mean of the
    positive and of the negative ones (None where there are none; the latter without its sign), the `mean_magnitude`,
    and the Euclidean norms of all means and of all magnitudes.
    """

    unit: Unit
    other: Layer
    direction: "ContributionDirection"
    n: int
    mean: float
    mean_size: float
    positive_mean: float | None
    negative_mean: float | None
    mean_magnitude: float
    norm_of_means: float
    norm_of_magnitudes: float


def versatility(
    unit: Unit, other: Layer, direction: "ContributionDirection", means: np.ndarray, magnitudes: np.ndarray
) -> Versatility:
    """Sum up the means and magnitudes (n,) of a unit's edges with another layer."""
    positive, negative = means[means > 0], means[means < 0]
    return Versatility(
        unit,
        other,
        direction,
        len(means),
        float(means.mean()),
        float(np.abs(means).mean()),
        float(positive.mean()) if len(positive) else None,
        float(-negative.mean()) if len(negative) else None,
        float(magnitudes.mean()),
        float(np.linalg.norm(means)),
        float(np.linalg.norm(magnitudes)),
    )
