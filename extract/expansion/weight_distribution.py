"""How a unit's expanded weights are distributed: moments, bimodality and density at zero."""

from dataclasses import dataclass

import numpy as np

from extract.ranking import Floats

_VALUES = 2**20  # at once: about 40 MB


@dataclass(frozen=True)
class WeightDistribution:
    """Sample statistics of each unit's weights over n values; every array is (units,), NaN where undefined.

    `kurtosis` is the excess kurtosis. `bimodality` is Sarle's coefficient for samples, computed from skewness and
    kurtosis: 1/3 for a normal distribution, 5/9 for a uniform one, and high also for a single peak with a skewed tail.
    `density_at_zero` is the share of values within a tenth of a standard deviation of zero: 0.080 for a normal one
    around zero.
    """

    n: int
    mean: Floats
    sd: Floats
    skewness: Floats
    kurtosis: Floats
    bimodality: Floats
    density_at_zero: Floats


def distribution(values: Floats) -> WeightDistribution:
    """Compute statistics of each row of (units, n); skewness and kurtosis are the unbiased estimates.

    Both are NaN for too few values. scipy's `skew` and `kurtosis` with `bias=False` give the same apart from rounding,
    in three times the time.
    """
    n = values.shape[1]
    units = max(1, _VALUES // max(1, n))
    parts = [_statistics(values[first : first + units]) for first in range(0, max(1, len(values)), units)]
    return WeightDistribution(n, *map(np.concatenate, zip(*parts, strict=True)))


def _statistics(values: Floats) -> tuple[Floats, ...]:
    """Compute the arrays of a `WeightDistribution`, in the order of its fields."""
    n, x = values.shape[1], values.astype(np.float64)  # in the order of memory, which decides how sums are rounded
    mean = x.mean(axis=1)
    deviation = x - mean[:, None]  # (units, n)
    spread = np.sqrt(np.square(deviation).mean(axis=1))
    spread[spread <= 1e-10 * np.abs(mean)] = np.nan  # values equal apart from rounding have no shape
    z = deviation / spread[:, None]  # (units, n)
    square = z * z
    one, two, three = (n - missing or np.nan for missing in (1, 2, 3))
    skewness = np.sqrt(n * (n - 1)) / two * (square * z).mean(axis=1)
    kurtosis = (n - 1) / (two * three) * ((n + 1) * ((square * square).mean(axis=1) - 3) + 6)
    bimodality = (skewness**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / (two * three))
    sd = spread * np.sqrt(n / one)
    near = (np.abs(x) < 0.1 * sd[:, None]).mean(axis=1)
    return mean, sd, skewness, kurtosis, bimodality, np.where(np.isnan(sd), np.nan, near)
