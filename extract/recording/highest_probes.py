"""The highest discovery probes of a sum's units in one chunk: the numbers that its shares over the shortcut need.

A unit's top probes over all chunks are among the highest of every chunk, so nothing else is stored.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from extract.folder.extraction import Extraction
from extract.folder.schemas import TOP_PROBES
from extract.network.hooks import SumTerms
from extract.ranking import top
from extract.units import Layer

_KEYS = {  # what the arrays are called in the chunk's file
    "places": "best",
    "value": "best value",
    "gated_shortcut": "best passed",
    "active_fraction": "best open",
    "published_share": "best published",
}


@dataclass(frozen=True)
class HighestProbes:
    """Places in the chunk of its highest discovery probes, and what the sum does on them: (TOP_PROBES, units) each.

    The last three are as in `SumTerms`. There are fewer rows where the chunk has fewer discovery probes.
    """

    places: np.ndarray
    value: np.ndarray
    gated_shortcut: np.ndarray
    active_fraction: np.ndarray
    published_share: np.ndarray

    @classmethod
    def of(cls, ranked: np.ndarray, value: np.ndarray, terms: SumTerms, discovery: np.ndarray) -> Self:
        """Rank by the rounded values `ranked` (units, n); `value` (n, units) is exact, `discovery` bool (n,)."""
        candidates = np.flatnonzero(discovery)
        places = np.ascontiguousarray(candidates[top(ranked[:, candidates], TOP_PROBES)].T)  # (TOP_PROBES, units)
        numbers = (value, *(tensor.numpy() for tensor in vars(terms).values()))
        return cls(places.astype(np.uint16), *(np.take_along_axis(each, places, axis=0) for each in numbers))

    def arrays(self, layer: Layer) -> dict[str, np.ndarray]:
        """The arrays as a chunk's file names them."""
        return {f"{layer} {key}": getattr(self, name) for name, key in _KEYS.items()}

    @classmethod
    def read(cls, extraction: Extraction, file: str, layer: Layer) -> Self | None:
        """Read those of a layer from a chunk's file; None where the chunk has no discovery probe."""
        arrays = [extraction.lines(file, f"{layer} {_KEYS[field.name]}") for field in fields(cls)]
        present = [array for array in arrays if array is not None]
        return cls(*present) if len(present) == len(arrays) else None
