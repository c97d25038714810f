"""Choose the concepts of every unit's two facets, and how many, only on discovery probes.

r and b are what shortcut and conv bring on a concept, and the rise is r + b. The shortcut facet has the concepts with
the highest min(rise, r - b), because the sum rises on them, and more over the shortcut than over conv. The conv facet
has the concepts with the highest min(rise, b - r). These scores equal r - |b| and b - |r|.
"""

from dataclasses import dataclass

import numpy as np

from extract.enrichment.concept_table import ConceptTable
from extract.enrichment.contrasts import Contrast, estimates

_DIGITS = 9  # of a score: scores that differ only by rounding are a tie, decided by name


@dataclass(frozen=True)
class Facets:
    """The concepts of both facets, best first, as places among all concepts: int (units, k) each."""

    shortcut: np.ndarray
    conv: np.ndarray

    @property
    def size(self) -> int:
        """The number of concepts in each facet."""
        return int(self.conv.shape[1])

    def first(self, size: int) -> "Facets":
        """Select the best `size` concepts of each facet."""
        return Facets(self.shortcut[:, :size], self.conv[:, :size])

    def of(self, units: np.ndarray) -> "Facets":
        """Select the facets of some units."""
        return Facets(self.shortcut[units], self.conv[units])

    def values(self, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Select from `means` (units, c, ...) the concepts of either facet, the shortcut's first: (units, k, ...)."""
        own = np.arange(len(means))[:, None]
        return means[own, self.shortcut], means[own, self.conv]


def facets(table: ConceptTable, size: int) -> Facets:
    """Choose `size` concepts for each facet of every unit."""
    r, b = np.moveaxis(table.discovery, 2, 0)  # (units, c) each
    scores = np.round(r - np.abs(b), _DIGITS), np.round(b - np.abs(r), _DIGITS)
    return Facets(*(np.argsort(-score, axis=1, kind="stable")[:, :size] for score in scores))


def best_sizes(table: ConceptTable, ranked: Facets, sizes: tuple[int, ...], rows: list[Contrast]) -> np.ndarray:
    """Choose how many concepts each unit's facets have, (units,).

    With this number, the unit's weakest contrast has the highest t on discovery probes.
    """
    t = [estimates(ranked.first(size).values(table.discovery), rows).t.min(axis=1) for size in sizes]
    return np.asarray(np.array(sizes)[np.argmax(np.round(t, _DIGITS), axis=0)])
