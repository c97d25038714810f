"""Measure a unit's versatility: how much it contributes to the units of another layer, or receives from them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from extract.units import Layer, Unit

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection


@dataclass(frozen=True)
class Versatility:
    """Statistics over all `n` edges between a unit and another layer, whether or not the database stores the edges.

    They are those of the article's `versatility_stats`, over the edges' means: `mean`, `mean_size` (of absolute
    values), `positive_mean` and `negative_mean` (without its sign; None if no mean has that sign). The others are
    `mean_magnitude`, and the Euclidean norms of all means and of all magnitudes.
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
    """Summarise the means and magnitudes (n,) of a unit's edges with another layer."""
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
