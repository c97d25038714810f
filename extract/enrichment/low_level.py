"""Test whether a covariate of the probes, such as ink or the width of lettering, explains a facet.

In each modality, a linear spline of the covariate is fitted to what a branch brings on all concepts, on discovery
probes. On held-out probes, the spline's mean over the facet's concepts minus its mean over all concepts of the modality
is what the covariate explains of the facet. The mean over all concepts is subtracted because what all words or all
pictures share is not an effect of a covariate.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.concept_table import ConceptTable
from extract.enrichment.facets import Facets
from extract.enrichment.spline import Spline


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
    for place, splines in enumerate(probes.splines.values(), start=1):
        for basis, weights in _fits(discovery, splines):
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


def _fits(attributed: _Discovery, splines: Iterable[Spline]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Fit a covariate in each modality; yield the basis on held-out probes, (c, j), and its weights, (j, units, 2)."""
    units, _, sides = attributed.shape
    for spline in splines:
        weights = np.linalg.lstsq(spline.discovery, attributed.on(spline.fitted))[0]  # (j, units * 2)
        yield spline.held_out, weights.reshape(-1, units, sides)
