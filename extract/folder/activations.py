"""Statistics of the activations in an extraction folder, a block of units at a time."""

from collections.abc import Iterator

import numpy as np

from extract.folder.extraction import Extraction
from extract.units import Layer

CONSTANT = 1e-6  # relative deviation below which a unit is constant but for float32 rounding
_BLOCK = 2**21  # activations worked on at once: about 50 MB


def moments(extraction: Extraction, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of a layer's units over all probes, before rounding: float64 (channels,) each.

    The deviation is NaN for a unit that is constant but for float32 rounding.
    """
    chunks = [extraction.lines(name, f"{layer} moments") for name in extraction.under("activations")]
    count, total, squares = np.sum([chunk for chunk in chunks if chunk is not None], axis=0)  # (channels,) each
    mean = total / count
    sd = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(sd > CONSTANT * np.sqrt(squares / count), sd, np.nan)


def blocks(units: int, probes: int) -> Iterator[slice]:
    """Slices of a layer's units, each small enough to load its activations on all probes at once."""
    step = max(1, _BLOCK // max(1, probes))
    return (slice(first, min(first + step, units)) for first in range(0, units, step))
