"""The shape of a unit's contributions: statistics of each row of (units, n), NaN where a row has none."""

from collections.abc import Callable, Mapping
from math import lgamma

import numpy as np

from catalog.macroscopic.dip import dips, threshold
from extract.ranking import Floats

RowStatistic = Callable[[Floats], Floats]  # (units, n) to (units,)

_NARROWEST, _BROADEST = 0.2, 20.0  # exponents of a generalised normal that moments tell apart


def exponent(values: Floats) -> Floats:
    """The exponent b of the generalised normal exp(-|x|^b) by its moments: 1 for a Laplace, 2 for a normal.

    From the mean absolute deviation over the standard deviation (Mallat 1989); between 0.2 and 20, where a uniform is.
    """
    deviation = values - values.mean(axis=1, keepdims=True)
    observed = np.abs(deviation).mean(axis=1) / _sd(values)
    return np.where(np.isnan(observed), np.nan, np.interp(observed, _RATIOS, _EXPONENTS))


def imbalance(values: Floats) -> Floats:
    """How far the share of the positive in the sum of |x| is from a half: 0 for balanced signs, 0.5 for one sign."""
    sizes = np.abs(values).sum(axis=1)
    return np.asarray(np.abs(np.where(values > 0, values, 0).sum(axis=1) / np.where(sizes, sizes, np.nan) - 0.5))


def density_at_zero(values: Floats) -> Floats:
    """The share of values within a tenth of the standard deviation of zero: 0.080 for a normal around it."""
    sd = _sd(values)
    return np.where(np.isnan(sd), np.nan, (np.abs(values) < 0.1 * sd[:, None]).mean(axis=1))


def breadth(values: Floats) -> Floats:
    """Mean |x| over the root of the mean square: 1 where all are of one size, near 0 where few make up all."""
    size = np.sqrt(np.square(values).mean(axis=1))
    return np.asarray(np.abs(values).mean(axis=1) / np.where(size, size, np.nan))


def offset(values: Floats) -> Floats:
    """|mean| over the standard deviation: two lobes of random sign need more than 1."""
    return np.asarray(np.abs(values.mean(axis=1)) / _sd(values))


def dip(values: Floats) -> Floats:
    """Hartigan's dip over the 95 % quantile of uniform samples of the size: more than 1 for two peaks."""
    measured = dips(values)
    return measured / threshold(values.shape[1]) if np.isfinite(measured).any() else measured


def rank_one_share(values: Floats) -> float:
    """The share of the sum of squares that the best matrix of rank one takes: 1 where all rows are alike in shape."""
    products = values @ values.T if len(values) < values.shape[1] else values.T @ values
    total = np.trace(products)
    return float(np.linalg.eigvalsh(products)[-1] / total) if total else float("nan")


def measure(values: Floats, statistics: Mapping[str, RowStatistic]) -> dict[str, Floats]:
    """Each statistic of each row, (units,); NaN where rows have no value."""
    empty = np.full(len(values), np.nan)
    return {name: statistic(values) if values.shape[1] else empty for name, statistic in statistics.items()}


STATISTICS: Mapping[str, RowStatistic] = {
    "exponent": exponent,
    "imbalance": imbalance,
    "density_at_zero": density_at_zero,
    "breadth": breadth,
    "offset": offset,
}
FORWARD_STATISTICS: Mapping[str, RowStatistic] = {"dip": dip}
_EXPONENTS = np.geomspace(_NARROWEST, _BROADEST, 400)
_RATIOS = [np.exp(lgamma(2 / b) - (lgamma(1 / b) + lgamma(3 / b)) / 2) for b in _EXPONENTS]


def _sd(values: Floats) -> Floats:
    """The standard deviation of each row; NaN where all values are equal but for rounding."""
    sd = values.std(axis=1)
    return np.where(sd > 1e-10 * np.abs(values.mean(axis=1)), sd, np.nan)
