"""Ask whether a covariate of the probes, such as ink or the width of lettering, explains a facet.

In each modality, what a branch brings on a concept is regressed on the covariate, a linear spline fitted on discovery
probes over all concepts. The covariate explains of a facet how much more the spline gives on its held-out probes than
on the modality's concepts on average: what all words or all pictures share is no effect of a covariate.
"""

from dataclasses import dataclass

import numpy as np

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.concept_table import ConceptTable
from extract.enrichment.facets import Facets

_KNOTS = (0.25, 0.5, 0.75)  # quantiles


@dataclass(frozen=True)
class Explanation:
    """How much of a facet its best covariate explains, as a part and in sd, and the covariate: (units,) each."""

    part: np.ndarray
    amount: np.ndarray
    covariate: np.ndarray


def explanations(table: ConceptTable, probes: CensusProbes, facets: Facets) -> list[Explanation]:
    """Explain the shortcut facet and the conv facet of every unit."""
    amounts = np.zeros((2, 1 + len(probes.covariates), len(table.held_out)))  # the first is of no covariate
    for place, covariate in enumerate(probes.covariates.values(), start=1):
        for side, values in enumerate(facets.values(_explained(table, probes, covariate))):
            amounts[side, place] = values[..., side].mean(axis=1)
    brought = [values[..., side].mean(axis=1) for side, values in enumerate(facets.values(table.held_out))]
    names = np.array([None, *probes.covariates], object)
    return [_best(*each, names) for each in zip(amounts, brought, strict=True)]


def _best(amounts: np.ndarray, brought: np.ndarray, names: np.ndarray) -> Explanation:
    """The best covariate of amounts (covariates, units)."""
    most, part = amounts.max(axis=0), np.zeros(len(brought))
    np.divide(most, brought, out=part, where=brought > 0)
    return Explanation(part, most, names[amounts.argmax(axis=0)])


def _explained(table: ConceptTable, probes: CensusProbes, covariate: np.ndarray) -> np.ndarray:
    """What a covariate (probes,) explains on every concept's held-out probes: (units, c, 2)."""
    explained, concepts = np.zeros(table.held_out.shape), probes.concepts
    discovery, held_out = (values[:, 0] for values in concepts.means(covariate[:, None]))
    for modality in (False, True):
        fitted = (concepts.words == modality) & np.isfinite(discovery) & np.isfinite(held_out)
        if fitted.sum() > 2 + len(_KNOTS):
            knots = np.quantile(discovery[fitted], _KNOTS)
            units, _, sides = table.discovery.shape
            brought = table.discovery[:, fitted].transpose(1, 0, 2).reshape(fitted.sum(), -1)  # (f, units * 2)
            weights = np.linalg.lstsq(_spline(discovery[fitted], knots), brought)[0]
            given = _spline(held_out[fitted], knots) @ weights
            given -= given.mean(axis=0)
            explained[:, fitted] = given.reshape(-1, units, sides).transpose(1, 0, 2)
    return explained


def _spline(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """The basis of a linear spline: (n, 2 + knots)."""
    return np.column_stack([np.ones(len(values)), values, *(np.maximum(values - knot, 0) for knot in knots)])
