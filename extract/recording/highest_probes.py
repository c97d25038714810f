"""The highest discovery probes of a sum's units in one chunk, with the numbers that the shares of the sum need.

A unit's top probes over all chunks are among the highest probes of their chunks, so nothing else is stored. The numbers
of the first TOP_PROBES, on which most shares are taken, are stored in float32. The numbers of the next probes, up to
SHARE_PROBES, are stored in half precision and without the value, which stands among the values of all probes. Earlier
versions stored no next probes, and ranked after rounding the values to half precision.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from extract.folder.extraction import Extraction
from extract.folder.schemas import SHARE_PROBES, TOP_PROBES
from extract.network.hooks import SumTerms
from extract.ranking import top
from extract.recording.half_precision import half_precision
from extract.units import Layer

_KEYS = {  # what the arrays are called in the chunk's file, behind "best" or "next"
    "places": "",
    "value": " value",
    "gated_shortcut": " passed",
    "active_fraction": " open",
    "published_share": " published",
}
_NEXT = [name for name in _KEYS if name not in ("places", "value")]  # in half precision


@dataclass(frozen=True)
class HighestProbes:
    """Each unit's highest discovery probes in a chunk, and what the sum does on them: (SHARE_PROBES, units) each.

    `places` are the probes' places in the chunk. The last three arrays are as in `SumTerms`. There are fewer rows if
    the chunk has fewer discovery probes, or if an earlier version recorded the chunk.
    """

    places: np.ndarray
    value: np.ndarray
    gated_shortcut: np.ndarray
    active_fraction: np.ndarray
    published_share: np.ndarray

    @classmethod
    def of(cls, value: np.ndarray, terms: SumTerms, discovery: np.ndarray) -> Self:
        """Rank the chunk's discovery probes by `value` (n, units), before any rounding; `discovery` is bool (n,)."""
        candidates = np.flatnonzero(discovery)
        places = np.ascontiguousarray(candidates[top(value[candidates].T, SHARE_PROBES)].T)  # (SHARE_PROBES, units)
        numbers = (value, *(tensor.numpy() for tensor in vars(terms).values()))
        return cls(places.astype(np.uint16), *(np.take_along_axis(each, places, axis=0) for each in numbers))

    def arrays(self, layer: Layer) -> dict[str, np.ndarray]:
        """Return the arrays under their names in a chunk's file. Raises ExtractionError for numbers that overflow."""
        arrays = {_key(layer, "best", name): getattr(self, name)[:TOP_PROBES] for name in _KEYS}
        if len(self.places) > TOP_PROBES:
            places = self.places[TOP_PROBES:]
            arrays[_key(layer, "next", "places")] = places.astype(np.uint8) if places.max() < 256 else places
            for name in _NEXT:
                arrays[_key(layer, "next", name)] = half_precision(layer, getattr(self, name)[TOP_PROBES:])
        return arrays

    @classmethod
    def read(cls, extraction: Extraction, file: str, layer: Layer) -> Self | None:
        """Read a layer's highest probes from a chunk's file; None if the chunk has no discovery probe."""
        best = {field.name: extraction.lines(file, _key(layer, "best", field.name)) for field in fields(cls)}
        if any(array is None for array in best.values()):
            return None
        following = _read_next(extraction, file, layer)
        return cls(**{name: np.concatenate([array, *following.get(name, ())]) for name, array in best.items()})


def _read_next(extraction: Extraction, file: str, layer: Layer) -> dict[str, tuple[np.ndarray]]:
    """Read the arrays of the next probes, keyed by name; none if the chunk has no more or is of an earlier version."""
    places = extraction.lines(file, _key(layer, "next", "places"))
    values = extraction.lines(file, f"{layer} value")  # (units, n)
    if places is None or values is None:
        return {}
    arrays = {"places": places, "value": np.take_along_axis(values.T, places.astype(np.int64), axis=0)}
    arrays |= {
        name: array for name in _NEXT if (array := extraction.lines(file, _key(layer, "next", name))) is not None
    }
    return {name: (array,) for name, array in arrays.items()}


def _key(layer: Layer, which: str, name: str) -> str:
    return f"{layer} {which}{_KEYS[name]}"
