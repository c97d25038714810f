"""Choose new concepts for both facets of a unit: near to what a branch responds to, and in neither branch's top list.

They are those whose embeddings lie nearest to the mean of the branch's own top probes, and nearer to it than to that of
the other branch's; as many of them are words as in the list. Chosen by the branch's own activation, they would be lost
with it by construction.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.facet_distance import unit_length
from extract.enrichment.facets import Facets
from extract.enrichment.facts import ProbeEmbeddings
from extract.responses.top_probes import RankedProbes

CONCEPTS = 12  # of each facet


@dataclass(frozen=True)
class NearbyConcepts:
    """Concepts near either branch's top probes, and whether a unit has CONCEPTS of both: bool (units,)."""

    facets: Facets
    complete: np.ndarray

    def of(self, units: np.ndarray) -> "NearbyConcepts":
        """Those of some units."""
        return NearbyConcepts(self.facets.of(units), self.complete[units])


def nearby_concepts(
    top_probes: Mapping[str, RankedProbes], recorded: pa.Table, embeddings: ProbeEmbeddings, probes: CensusProbes
) -> NearbyConcepts:
    """Choose them for every unit.

    `top_probes` are the branches' top lists, of the probes `recorded`; `embeddings` are of those in the lists.
    """
    discovery, _ = probes.concepts.means(unit_length(probes.embeddings))
    rows = unit_length(discovery)  # (c, E)
    free = ~_listed(top_probes, probes.concepts.among(recorded), len(rows))  # (units, c)
    near = {branch: unit_length(embeddings.sums(ranked)) @ rows.T for branch, ranked in top_probes.items()}
    written = np.array(recorded["modality"].to_pylist()) == "word"  # (probes,)
    complete, facets = np.ones(len(free), bool), dict[str, np.ndarray]()
    for branch, other in (("shortcut", "conv"), ("conv", "shortcut")):
        valid, own = top_probes[branch].valid, free & (near[branch] > near[other])
        share = (written[top_probes[branch].probes] & valid).sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
        words = np.rint(CONCEPTS * share).astype(int)  # (units,)
        score = np.where(own, near[branch], -np.inf)
        facets[branch] = _nearest(score, probes.concepts.words, words)
        reached = np.take_along_axis(score, facets[branch], axis=1) > -np.inf
        complete &= valid.any(axis=1) & reached.all(axis=1)
    return NearbyConcepts(Facets(**facets), complete)


def _nearest(score: np.ndarray, written: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The CONCEPTS of the highest score (units, c), so many of them words: int (units, CONCEPTS)."""
    of_words, of_pictures = (
        np.argsort(-np.where(written == modality, score, -np.inf), axis=1, kind="stable") for modality in (True, False)
    )
    place = np.arange(CONCEPTS)
    behind = np.maximum(place - words[:, None], 0)  # (units, CONCEPTS)
    return np.where(place < words[:, None], of_words[:, place], np.take_along_axis(of_pictures, behind, axis=1))


def _listed(top_probes: Mapping[str, RankedProbes], concept: np.ndarray, concepts: int) -> np.ndarray:
    """Which concepts either list of a unit holds, bool (units, concepts); `concept` is that of every probe, or -1."""
    units = len(top_probes["conv"].probes)
    listed = np.zeros((units, concepts + 1), bool)  # the last is that of no concept
    for ranked in top_probes.values():
        unit, rank = np.nonzero(ranked.valid)
        listed[unit, concept[ranked.probes[unit, rank]]] = True
    return listed[:, :-1]
