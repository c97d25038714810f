"""Measure the shape of units' contributions, by statistics of each row of (units, n); NaN where undefined."""

from collections.abc import Callable, Mapping
from math import lgamma

import numpy as np

from catalog.macroscopic.dip import dips, threshold
from extract.ranking import Floats

RowStatistic = Callable[[Floats], Floats]  # (units, n) to (units,)

_NARROWEST, _BROADEST = 0.2, 20.0  # exponents of a generalised normal that moments tell apart


def exponent(values: Floats) -> Floats:
    """Estimate the exponent b of the generalised normal exp(-|x|^b): 1 for a Laplace, 2 for a normal distribution.

    The estimate uses the ratio of mean absolute deviation to standard deviation (Mallat 1989). It lies between 0.2 and
    20, which a uniform distribution reaches.
    """
    deviation = values - values.mean(axis=1, keepdims=True)
    observed = np.abs(deviation).mean(axis=1) / _sd(values)
    return np.where(np.isnan(observed), np.nan, np.interp(observed, _RATIOS, _EXPONENTS))


def imbalance(values: Floats) -> Floats:
    """Measure how far the positive values' share of the sum of |x| is from a half: 0 if balanced, 0.5 for one sign."""
    sizes = np.abs(values).sum(axis=1)
    return np.asarray(np.abs(np.where(values > 0, values, 0).sum(axis=1) / np.where(sizes, sizes, np.nan) - 0.5))


def density_at_zero(values: Floats) -> Floats:
    """Compute the share of values less than 0.1 standard deviations from zero: 0.080 for a normal around zero."""
    sd = _sd(values)
    return np.where(np.isnan(sd), np.nan, (np.abs(values) < 0.1 * sd[:, None]).mean(axis=1))


def breadth(values: Floats) -> Floats:
    """Compute mean |x| over root mean square: 1 if all values have one size, near 0 if few values dominate."""
    size = np.sqrt(np.square(values).mean(axis=1))
    return np.asarray(np.abs(values).mean(axis=1) / np.where(size, size, np.nan))


def offset(values: Floats) -> Floats:
    """Compute |mean| over standard deviation, which must exceed 1 for two lobes of random sign to be two peaks."""
    return np.asarray(np.abs(values.mean(axis=1)) / _sd(values))


def dip(values: Floats) -> Floats:
    """Compute Hartigan's dip over the 95 % quantile of uniform samples of the same size: above 1 for two peaks."""
    measured = dips(values)
    return measured / threshold(values.shape[1]) if np.isfinite(measured).any() else measured


def rank_one_share(values: Floats) -> float:
    """Compute the best rank-one matrix's share of the sum of squares: 1 if all rows have the same shape."""
    products = values @ values.T if len(values) < values.shape[1] else values.T @ values
    total = np.trace(products)
    return float(np.linalg.eigvalsh(products)[-1] / total) if total else float("nan")


def measure(values: Floats, statistics: Mapping[str, RowStatistic]) -> dict[str, Floats]:
    """Compute each statistic of each row, (units,), keyed by name; NaN if the rows have no values."""
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
    """Compute the standard deviation of each row; NaN if all values are equal up to rounding."""
    sd = values.std(axis=1)
    return np.where(sd > 1e-10 * np.abs(values.mean(axis=1)), sd, np.nan)
