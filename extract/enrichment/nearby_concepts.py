"""Choose new concepts for both facets of a unit: near to what a branch responds to, but in none of its facets.

The embeddings of new concepts lie near to the mean of the branch's own top probes, and nearer to this mean than to the
mean of the other branch's top probes. As many of the new concepts are words as in the branch's top list. New concepts
are not chosen by the branch's own activation, because then the unit would lose them without the branch by construction.
A concept that is in either branch's top list or in the census's facets, in whichever modality, is not new.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.facet_distance import unit_length
from extract.enrichment.facets import Facets
from extract.enrichment.facts import ProbeEmbeddings
from extract.responses.top_probes import RankedProbes

CONCEPTS = 12  # of each facet


@dataclass(frozen=True)
class Nearness:
    """How near concepts lie to the mean of a branch's top probes, keyed by branch: (units, c) each.

    `near` is -inf for concepts that are in a list, or nearer to the other branch's mean. `words`, keyed by branch, is
    the number of words among CONCEPTS: int (units,) each.
    """

    near: dict[str, np.ndarray]
    words: dict[str, np.ndarray]

    @classmethod
    def of(
        cls,
        top_probes: Mapping[str, RankedProbes],
        recorded: pa.Table,
        embeddings: ProbeEmbeddings,
        probes: CensusProbes,
    ) -> Self:
        """Compute the nearness of every concept for every unit.

        `top_probes` are the branches' top lists, of the probes `recorded`; `embeddings` are of the probes in the lists.
        """
        discovery, _ = probes.concepts.means(unit_length(probes.embeddings))
        rows = unit_length(discovery)  # (c, E)
        free = ~_listed(top_probes, recorded, probes.concepts)  # (units, c)
        cosines = {branch: unit_length(embeddings.sums(ranked)) @ rows.T for branch, ranked in top_probes.items()}
        written = np.array(recorded["modality"].to_pylist()) == "word"  # (probes,)
        near, words = dict[str, np.ndarray](), dict[str, np.ndarray]()
        for branch, other in (("shortcut", "conv"), ("conv", "shortcut")):
            valid = top_probes[branch].valid
            own = free & valid.any(axis=1, keepdims=True) & (cosines[branch] > cosines[other])
            near[branch] = np.where(own, cosines[branch], -np.inf)
            share = (written[top_probes[branch].probes] & valid).sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
            words[branch] = np.rint(CONCEPTS * share).astype(int)
        return cls(near, words)

    def only(self, units: np.ndarray) -> "Nearness":
        """Select some units."""
        near, words = ({branch: rows[units] for branch, rows in by.items()} for by in (self.near, self.words))
        return Nearness(near, words)


@dataclass(frozen=True)
class NearbyConcepts:
    """New concepts of both facets, and whether a unit has CONCEPTS of them for each facet: bool (units,)."""

    facets: Facets
    complete: np.ndarray


def nearby_concepts(
    nearness: Nearness, own: Iterable[tuple[np.ndarray, Facets]], concepts: ProbeConcepts
) -> NearbyConcepts:
    """Choose new concepts for every unit; `own` are the census's facets, with the units that have them."""
    units = len(nearness.words["conv"])
    taken, complete, facets = _in_facets(own, units, concepts), np.ones(units, bool), dict[str, np.ndarray]()
    for branch, near in nearness.near.items():
        score, words = np.where(taken, -np.inf, near), nearness.words[branch]
        facets[branch] = _nearest(score, concepts.words, words)
        new = score > -np.inf  # (units, c)
        complete &= (new & concepts.words).sum(axis=1) >= words
        complete &= (new & ~concepts.words).sum(axis=1) >= CONCEPTS - words
    return NearbyConcepts(Facets(**facets), complete)


def _nearest(score: np.ndarray, written: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Select the CONCEPTS concepts with the highest score (units, c), as int (units, CONCEPTS).

    `words` (units,) is the number of words among them; `written` (c,) says which concepts are words.
    """
    of_words, of_pictures = (
        np.argsort(-np.where(written == modality, score, -np.inf), axis=1, kind="stable") for modality in (True, False)
    )
    place = np.arange(CONCEPTS)
    behind = np.maximum(place - words[:, None], 0)  # (units, CONCEPTS)
    return np.where(place < words[:, None], of_words[:, place], np.take_along_axis(of_pictures, behind, axis=1))


def _listed(top_probes: Mapping[str, RankedProbes], recorded: pa.Table, concepts: ProbeConcepts) -> np.ndarray:
    """Mark which concepts are in either list of a unit, in whichever modality: bool (units, c)."""
    names = np.concatenate([concepts.plain, np.array(recorded["concept"].to_pylist(), str)])
    every, numbers = np.unique(names, return_inverse=True)
    of_concept, of_probe = np.split(numbers, [len(concepts.plain)])
    listed = np.zeros((len(top_probes["conv"].probes), len(every)), bool)
    for ranked in top_probes.values():
        unit, rank = np.nonzero(ranked.valid)
        listed[unit, of_probe[ranked.probes[unit, rank]]] = True
    return listed[:, of_concept]


def _in_facets(own: Iterable[tuple[np.ndarray, Facets]], units: int, concepts: ProbeConcepts) -> np.ndarray:
    """Mark which concepts are in a unit's own facets, in whichever modality: bool (units, c)."""
    every, of_concept = np.unique(concepts.plain, return_inverse=True)
    taken = np.zeros((units, len(every)), bool)
    for places, facets in own:
        for facet in (facets.shortcut, facets.conv):
            taken[places[:, None], of_concept[facet]] = True
    return taken[:, of_concept]
