"""Histograms of every unit's activation over the probes, with few bins, so that a catalog can hold them.

`levels.distribution` is exact, but serves one unit. This module serves all units and reads every chunk of activations
twice.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from extract.folder.activations import moments
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, per_unit
from extract.units import Layer

BINS = 20


def histograms(extraction: Extraction, layers: Iterable[Layer]) -> pa.Table:
    """Make the table `histograms` of layers that were measured, from an extraction folder."""
    return pa.concat_tables([SCHEMAS["histograms"].empty_table(), *(_rows(extraction, layer) for layer in layers)])


def _rows(extraction: Extraction, layer: Layer) -> pa.Table:
    low, high = _range(extraction, layer)
    counts = np.zeros((len(low), BINS), np.int64)
    for values in _chunks(extraction, layer):
        counts += binned(values, low, high)
    mean, sd = moments(extraction, layer)
    numbers = {"low": low, "high": high, "n": counts.sum(axis=1), "mean": mean, "sd": sd}
    return per_unit("histograms", layer, {"counts": list(counts), **numbers})


def _chunks(extraction: Extraction, layer: Layer) -> Iterator[np.ndarray]:
    """Read a layer's activations chunk by chunk: float64 (channels, n)."""
    for name in extraction.under("activations"):
        if (chunk := extraction.lines(name, f"{layer} value")) is not None:
            yield chunk.astype(np.float64)


def _range(extraction: Extraction, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest activation, (channels,) each; for a constant unit, 0.5 to either side of it."""
    ends = [(values.min(axis=1), values.max(axis=1)) for values in _chunks(extraction, layer)]
    low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
    margin = np.where(low == high, 0.5, 0.0)  # as numpy's histogram has it
    return low - margin, high + margin


def binned(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Count a unit's values (units, n) in each of its bins: int (units, BINS); the last bin includes its upper end.

    A value at an edge belongs to the bin above the edge. This is exact, because a value that rounding put beside its
    bin is moved back.
    """
    edges = np.linspace(low, high, BINS + 1, axis=1)  # (units, BINS + 1)
    places = ((values - low[:, None]) * (BINS / (high - low)[:, None])).astype(np.int64).clip(0, BINS - 1)
    places -= values < np.take_along_axis(edges, places, axis=1)
    places += (values >= np.take_along_axis(edges, places + 1, axis=1)) & (places < BINS - 1)
    cells = places + BINS * np.arange(len(values))[:, None]
    return np.bincount(cells.ravel(), minlength=BINS * len(values)).reshape(-1, BINS)
