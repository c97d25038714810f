"""Linear splines of a covariate of the probes, such as ink: what is fitted to the concepts of one modality."""

from dataclasses import dataclass

import numpy as np

_KNOTS = (0.25, 0.5, 0.75)  # quantiles


@dataclass(frozen=True)
class Spline:
    """A linear spline of a covariate in one modality, with j weights to fit.

    `fitted`, bool (c,), marks the f concepts of the modality whose covariate is known. `discovery` (f, j) is the basis
    on their discovery probes. `held_out` (c, j) is the basis on held-out probes, minus its mean, and zero for concepts
    that are not fitted.
    """

    fitted: np.ndarray
    discovery: np.ndarray
    held_out: np.ndarray


def splines(words: np.ndarray, discovery: np.ndarray, held_out: np.ndarray) -> list[Spline]:
    """Make the spline of either modality that has enough concepts.

    `words`, bool (c,), says which concepts are words. `discovery` and `held_out` (c,) are the covariate's means over
    every concept's probes, NaN where it is not known.
    """
    known = np.isfinite(discovery) & np.isfinite(held_out)
    both = [known & (words == modality) for modality in (False, True)]
    return [_spline(fitted, discovery, held_out) for fitted in both if fitted.sum() > 2 + len(_KNOTS)]


def _spline(fitted: np.ndarray, discovery: np.ndarray, held_out: np.ndarray) -> Spline:
    knots = np.quantile(discovery[fitted], _KNOTS)
    rows, basis = _basis(held_out[fitted], knots), np.zeros((len(fitted), 2 + len(knots)))
    basis[fitted] = rows - rows.mean(axis=0)
    return Spline(fitted, _basis(discovery[fitted], knots), basis)


def _basis(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Compute the basis of a linear spline: (n, 2 + knots)."""
    return np.column_stack([np.ones(len(values)), values, *(np.maximum(values - knot, 0) for knot in knots)])
