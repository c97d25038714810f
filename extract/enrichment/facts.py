"""What is known of the probes: modality, split and concept of all, embeddings of some."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.responses.top_probes import RankedProbes


@dataclass(frozen=True)
class ProbeFacts:
    """Modality, split and concept of every probe, (probes,) each."""

    words: np.ndarray  # bool
    held_out: np.ndarray  # bool
    concepts: np.ndarray  # int; a concept has another number in the other modality

    @classmethod
    def of(cls, probes: pa.Table) -> Self:
        """Read the facts from a table of probes."""
        modality, split = (np.array(probes[name].to_pylist()) for name in ("modality", "split"))
        numbers = dict[object, int]()
        pairs = zip(modality.tolist(), probes["concept"].to_pylist(), strict=True)
        concepts = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
        return cls(modality == "word", split == "held-out", np.array(concepts))


def recorded_probes(extraction: Extraction) -> pa.Table:
    """Read the table of probes without their images, which need not all be in memory."""
    return pa.concat_tables([each.drop(["image"]) for each in extraction.parts("probes")]).combine_chunks()


@dataclass(frozen=True)
class ProbeEmbeddings:
    """The image embeddings of some probes: their places among all, in order, and float32 rows (probes, E)."""

    probes: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, lists: Iterable[RankedProbes], chunks: Iterable[np.ndarray]) -> Self:
        """Gather the embeddings of the probes in `lists` from the embeddings of all probes, which come in chunks."""
        probes = np.unique(np.concatenate([ranked.probes[ranked.valid] for ranked in lists]))
        first, rows = 0, list[np.ndarray]()
        for chunk in chunks:
            inside = probes[(probes >= first) & (probes < first + len(chunk))]
            rows.append(chunk[inside - first])
            first += len(chunk)
        return cls(probes, np.concatenate(rows))

    def local(self, ranked: RankedProbes) -> RankedProbes:
        """Return the same list, with its valid probes as places among `probes`."""
        return replace(ranked, probes=np.searchsorted(self.probes, ranked.probes))

    def sums(self, ranked: RankedProbes) -> np.ndarray:
        """Add up the embeddings over every unit's list: float64 (units, E)."""
        total = np.zeros((len(ranked.probes), self.rows.shape[1]))
        unit, rank = np.nonzero(ranked.valid)
        np.add.at(total, unit, self.rows[self.local(ranked).probes[unit, rank]])
        return total
