"""Test whether a covariate of the probes, such as ink or the width of lettering, explains a facet.

In each modality, a linear spline of the covariate is fitted to what a branch brings on all concepts, on discovery
probes. On held-out probes, the spline's mean over the facet's concepts minus its mean over all concepts of the modality
is what the covariate explains of the facet. The mean over all concepts is subtracted because what all words or all
pictures share is not an effect of a covariate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.concept_table import ConceptTable
from extract.enrichment.facets import Facets

_KNOTS = (0.25, 0.5, 0.75)  # quantiles


@dataclass(frozen=True)
class Explanation:
    """How much the best covariate explains of what a branch brings on its facet: arrays (units,).

    `part` is the fraction explained, `amount` the amount in standard deviations of the sum. `covariate` names the best
    covariate.
    """

    part: np.ndarray
    amount: np.ndarray
    covariate: np.ndarray


def explanations(table: ConceptTable, probes: CensusProbes, facets: Facets) -> list[Explanation]:
    """Explain the shortcut facet and the conv facet of every unit."""
    amounts = np.zeros((2, 1 + len(probes.covariates), len(table.held_out)))  # the first is of no covariate
    discovery = _Discovery(table.discovery)
    for place, covariate in enumerate(probes.covariate_means.values(), start=1):
        for basis, weights in _fits(discovery, probes.concepts.words, covariate):
            for side, concepts in enumerate((facets.shortcut, facets.conv)):
                amounts[side, place] += np.einsum("uj,ju->u", basis[concepts].mean(axis=1), weights[:, :, side])
    total = [values[..., side].mean(axis=1) for side, values in enumerate(facets.values(table.held_out))]
    names = np.array([None, *probes.covariates], object)
    return [_best(*each, names) for each in zip(amounts, total, strict=True)]


def _best(amounts: np.ndarray, total: np.ndarray, names: np.ndarray) -> Explanation:
    """Select the best covariate of every unit from amounts (covariates, units)."""
    most, part = amounts.max(axis=0), np.zeros(len(total))
    np.divide(most, total, out=part, where=total > 0)
    return Explanation(part, most, names[amounts.argmax(axis=0)])


class _Discovery:
    """What branches bring on discovery probes of a set of f concepts, (f, units * 2), computed once per set."""

    def __init__(self, discovery: np.ndarray) -> None:
        self.shape, self._discovery = discovery.shape, discovery  # (units, c, 2)
        self._rows = dict[bytes, np.ndarray]()

    def on(self, concepts: np.ndarray) -> np.ndarray:
        """Return what branches bring on the concepts that a mask (c,) selects."""
        key = concepts.tobytes()
        if key not in self._rows:
            self._rows[key] = self._discovery[:, concepts].transpose(1, 0, 2).reshape(int(concepts.sum()), -1)
        return self._rows[key]


def _fits(
    attributed: _Discovery, words: np.ndarray, means: tuple[np.ndarray, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Fit a covariate in each modality, from its means on every concept's discovery and held-out probes.

    Yields the spline's basis on every concept's held-out probes, minus the basis's mean, as (c, j), zero where nothing
    is fitted; and the spline's weights, (j, units, 2).
    """
    units, count, sides = attributed.shape
    discovery, held_out = means
    for modality in (False, True):
        fitted = (words == modality) & np.isfinite(discovery) & np.isfinite(held_out)
        if fitted.sum() > 2 + len(_KNOTS):
            knots = np.quantile(discovery[fitted], _KNOTS)
            weights = np.linalg.lstsq(_spline(discovery[fitted], knots), attributed.on(fitted))[0]  # (j, units * 2)
            rows, basis = _spline(held_out[fitted], knots), np.zeros((count, 2 + len(_KNOTS)))
            basis[fitted] = rows - rows.mean(axis=0)
            yield basis, weights.reshape(-1, units, sides)


def _spline(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Compute the basis of a linear spline: (n, 2 + knots)."""
    return np.column_stack([np.ones(len(values)), values, *(np.maximum(values - knot, 0) for knot in knots)])
