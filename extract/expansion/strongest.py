"""Select the strongest edges of a layer pair.

The pair's magnitudes and means are matrices (target channels, source channels) over all channels of both layers.
"""

from dataclasses import dataclass

import numpy as np

from extract.ranking import Floats, Integers, ranks


@dataclass(frozen=True)
class Strongest:
    """The strongest edges of a layer pair, ordered by target and then source channel; all arrays are (edges,).

    `rank_in` is an edge's rank by magnitude among all sources of its target, and `rank_out` among all targets of its
    source. Ranks start at 1; among equals the lower channel comes first. No edge left out exceeds the cutoffs, which
    are 0 if none was left out.
    """

    target: Integers
    source: Integers
    rank_in: Integers
    rank_out: Integers
    cutoff_magnitude: float
    cutoff_mean: float


def most(shape: tuple[int, int], k: int) -> int:
    """Return the most edges that a layer pair of this shape can keep, by magnitude and by mean."""
    targets, sources = shape
    return min(targets * sources, 2 * k * (targets + sources))


def strongest(magnitude: Floats, mean: Floats, k: int) -> Strongest:
    """Select the k strongest edges by magnitude and by absolute mean, into every target and out of every source."""
    rank_in, rank_out = ranks(magnitude), ranks(magnitude.T).T  # both (T, S)
    absolute = np.abs(mean)
    selected = np.minimum(rank_in, rank_out) <= k
    selected |= (ranks(absolute, k) > 0) | (ranks(absolute.T, k).T > 0)
    target, source = selected.nonzero()
    return Strongest(
        target=target,
        source=source,
        rank_in=rank_in[target, source],
        rank_out=rank_out[target, source],
        cutoff_magnitude=float(magnitude.max(where=~selected, initial=0)),
        cutoff_mean=float(absolute.max(where=~selected, initial=0)),
    )
