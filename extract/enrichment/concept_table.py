"""Average numbers, such as attributions, over every concept's discovery probes and over its held-out probes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class ProbeConcepts:
    """The concepts that have probes in both splits, ordered by name; a word and a picture are different concepts.

    `names` (c,) are as shown, with words in quotes. `plain` (c,) are the names without quotes, the same for word and
    picture. `words` (c,) says which concepts are words. `places` (2, probes) holds every probe's place among the
    concepts, for discovery probes in the first row and held-out probes in the second, -1 for others.
    """

    names: np.ndarray
    plain: np.ndarray
    words: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, probes: pa.Table) -> Self:
        """Read the concepts from a table of probes."""
        modality, concept, split = (np.array(probes[name].to_pylist()) for name in ("modality", "concept", "split"))
        named = np.array([f"{m}/{c}" for m, c in zip(modality, concept, strict=True)], str)
        held_out = split == "held-out"
        both = np.intersect1d(named[held_out], named[~held_out])
        place = np.searchsorted(both, named) % max(1, len(both))
        place = np.where(both[place] == named, place, -1) if len(both) else np.full(len(named), -1)
        words = np.char.startswith(both, "word/")
        plain = [name.split("/", 1)[1] for name in both.tolist()]
        shown = [f"\u201c{name}\u201d" if word else name for name, word in zip(plain, words.tolist(), strict=True)]
        places = np.stack([np.where(held_out, -1, place), np.where(held_out, place, -1)])
        return cls(np.array(shown, object), np.array(plain, str), words, places)

    def means(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average (probes, n) over every concept's discovery probes and over its held-out ones: (c, n) each."""
        discovery, held_out = (_means(values, places, len(self.names)) for places in self.places)
        return discovery, held_out


def _means(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
    starts = np.searchsorted(places[order], np.arange(count))
    sizes = np.bincount(places[order], minlength=count)
    means: np.ndarray = np.add.reduceat(values[order], starts, axis=0) / sizes[:, None]
    return means


@dataclass(frozen=True)
class ConceptTable:
    """Numbers on every concept, on discovery probes and on held-out probes: (units, c, n) each.

    In the census, the numbers are what shortcut and conv bring.
    """

    discovery: np.ndarray
    held_out: np.ndarray

    def of(self, units: np.ndarray) -> "ConceptTable":
        """Select some units."""
        return ConceptTable(self.discovery[units], self.held_out[units])


def concept_table(concepts: ProbeConcepts, *numbers: np.ndarray) -> ConceptTable:
    """Average `numbers` on every probe, (probes, units) each, over the probes of every concept."""
    splits = zip(*map(concepts.means, numbers), strict=True)
    return ConceptTable(*(np.stack([means.T for means in split], axis=2) for split in splits))
