"""What is kept of expanded weights: a few numbers a kernel, the strongest edges of a layer pair, distributions.

A layer pair's magnitudes and means are matrices (target channels, source channels), dense over all of both layers.
Statistics are taken in float64, whatever the precision of the weights.
"""

from dataclasses import dataclass

import numpy as np

from extract.ranking import Floats, Integers, ranks


@dataclass(frozen=True)
class Contribution:
    """One kernel in four numbers; positive means excite and negative ones inhibit.

    `magnitude` is the Frobenius norm and `crispness` magnitude over the sum of absolute values: 1 for a single
    position, 1/sqrt(span) for a flat kernel, 0 for an empty one (the article's expanded_weights.py).
    """

    magnitude: float
    mean: float
    sum: float
    crispness: float


def contribution(kernel: Floats) -> Contribution:
    """The numbers of a kernel (h, w), cropped to its true support, which the mean divides by."""
    values = kernel.astype(np.float64)
    magnitude, total = float(np.sqrt(np.square(values).sum())), float(values.sum())
    absolute = float(np.abs(values).sum())
    return Contribution(magnitude, total / values.size, total, magnitude / absolute if absolute else 0.0)


@dataclass(frozen=True)
class Strongest:
    """The edges kept of a layer pair, by target and then source channel; every array has the shape (kept,).

    `rank_in` is the place by magnitude among all sources of the target and `rank_out` among all targets of the source,
    from 1, the lower channel first among equals. No weight left out exceeds the cutoffs, which are 0 if none was.
    """

    target: Integers
    source: Integers
    rank_in: Integers
    rank_out: Integers
    cutoff_magnitude: float
    cutoff_mean: float


def strongest(magnitude: Floats, mean: Floats, k: int) -> Strongest:
    """The union of the k strongest by magnitude and by absolute mean, into every target and out of every source."""
    rank_in, rank_out = ranks(magnitude), ranks(magnitude.T).T  # both (T, S)
    absolute = np.abs(mean)
    kept = np.minimum(rank_in, rank_out) <= k
    kept |= (ranks(absolute, k) > 0) | (ranks(absolute.T, k).T > 0)
    target, source = kept.nonzero()
    return Strongest(
        target=target,
        source=source,
        rank_in=rank_in[target, source],
        rank_out=rank_out[target, source],
        cutoff_magnitude=float(magnitude.max(where=~kept, initial=0)),
        cutoff_mean=float(absolute.max(where=~kept, initial=0)),
    )


@dataclass(frozen=True)
class Distribution:
    """How each unit's weights are spread: sample statistics over n values, every array (units,), NaN where undefined.

    `kurtosis` is the excess. `bimodality` is Sarle's coefficient for samples, which exceeds 5/9 for two peaks but also
    for skewed tails. `density_at_zero` is the share within a tenth of the deviation of zero, 0.080 for a normal.
    """

    n: int
    mean: Floats
    sd: Floats
    skewness: Floats
    kurtosis: Floats
    bimodality: Floats
    density_at_zero: Floats


def distribution(values: Floats) -> Distribution:
    """Statistics of each row of (units, n), n > 3; skewness and kurtosis are SAS's and SPSS's unbiased ones."""
    n, x = values.shape[1], values.astype(np.float64)
    mean = x.mean(axis=1)
    deviation = x - mean[:, None]  # (units, n)
    spread = np.sqrt(np.square(deviation).mean(axis=1))
    spread[spread <= 1e-10 * np.abs(mean)] = np.nan  # equal values, but for rounding, have no shape
    z = deviation / spread[:, None]  # (units, n)
    square = z * z
    skewness = np.sqrt(n * (n - 1)) / (n - 2) * (square * z).mean(axis=1)
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * ((square * square).mean(axis=1) - 3) + 6)
    bimodality = (skewness**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))
    sd = spread * np.sqrt(n / (n - 1))
    near = (np.abs(x) < 0.1 * sd[:, None]).mean(axis=1)
    return Distribution(n, mean, sd, skewness, kurtosis, bimodality, np.where(np.isnan(sd), np.nan, near))
