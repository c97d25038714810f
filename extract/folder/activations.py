"""Compute statistics of the activations in an extraction folder, and split units into blocks that fit into memory."""

from collections.abc import Iterator

import numpy as np

from extract.folder.extraction import Extraction
from extract.units import Layer

CONSTANT = 1e-6  # relative deviation below which a unit is constant except for float32 rounding
_BLOCK = 2**21  # activations of one block: about 50 MB


def moments(extraction: Extraction, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean and standard deviation of a layer's units over all probes.

    Both are float64 of shape (channels,), from the activations before rounding. The deviation is NaN for a unit that is
    constant except for float32 rounding.
    """
    chunks = [extraction.lines(name, f"{layer} moments") for name in extraction.under("activations")]
    count, total, squares = np.sum([chunk for chunk in chunks if chunk is not None], axis=0)  # (channels,) each
    mean = total / count
    sd = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(sd > CONSTANT * np.sqrt(squares / count), sd, np.nan)


def blocks(units: int, probes: int) -> Iterator[slice]:
    """Slice a layer's units into blocks, each small enough that its activations on all probes fit into memory."""
    step = max(1, _BLOCK // max(1, probes))
    return (slice(first, min(first + step, units)) for first in range(0, units, step))
