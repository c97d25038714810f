"""Choose the concepts of every unit's two facets, and how many, on discovery probes alone.

The shortcut facet has the concepts on which min(rise, r - b) is highest: the sum rises there, and more over the
shortcut than over conv. The conv facet has those of the highest min(rise, b - r). As the rise is r + b, these are
r - |b| and b - |r|.
"""

from dataclasses import dataclass

import numpy as np

from extract.enrichment.concept_table import ConceptTable
from extract.enrichment.contrasts import Contrast, estimates

_DIGITS = 9  # of a score: what rounding alone tells apart is a tie, which goes by name


@dataclass(frozen=True)
class Facets:
    """The concepts of both facets, best first, as places among all: int (units, k) each."""

    shortcut: np.ndarray
    conv: np.ndarray

    @property
    def size(self) -> int:
        """The number of concepts of either facet."""
        return int(self.conv.shape[1])

    def first(self, size: int) -> "Facets":
        """The best concepts of either."""
        return Facets(self.shortcut[:, :size], self.conv[:, :size])

    def of(self, units: np.ndarray) -> "Facets":
        """Those of some units."""
        return Facets(self.shortcut[units], self.conv[units])

    def values(self, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What `means` (units, c, ...) says of the concepts of the shortcut facet and of conv's: (units, k, ...)."""
        own = np.arange(len(means))[:, None]
        return means[own, self.shortcut], means[own, self.conv]


def facets(table: ConceptTable, size: int) -> Facets:
    """Choose so many concepts for both facets of every unit."""
    r, b = np.moveaxis(table.discovery, 2, 0)  # (units, c) each
    scores = np.round(r - np.abs(b), _DIGITS), np.round(b - np.abs(r), _DIGITS)
    return Facets(*(np.argsort(-score, axis=1, kind="stable")[:, :size] for score in scores))


def best_sizes(table: ConceptTable, ranked: Facets, sizes: tuple[int, ...], rows: list[Contrast]) -> np.ndarray:
    """The number of concepts at which each unit's weakest contrast has the highest t on discovery probes, (units,)."""
    t = [estimates(ranked.first(size).values(table.discovery), rows).t.min(axis=1) for size in sizes]
    return np.asarray(np.array(sizes)[np.argmax(np.round(t, _DIGITS), axis=0)])
