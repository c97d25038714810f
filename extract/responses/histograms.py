"""How every unit's activation is spread over the probes, in so few bins that a catalog can carry them.

What `levels.distribution` tells of one unit exactly, this tells of all of them, from two looks at every chunk.
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
    """The rows of the histograms table of layers that were measured, from what lies on the disk."""
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
    """What the units do on a chunk of probes, float64 (channels, n), one chunk after the other."""
    for name in extraction.under("activations"):
        if (found := extraction.lines(name, f"{layer} value")) is not None:
            yield found.astype(np.float64)


def _range(extraction: Extraction, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest activation (channels,); half below and above that of a unit that always does the same."""
    ends = [(values.min(axis=1), values.max(axis=1)) for values in _chunks(extraction, layer)]
    low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
    aside = np.where(low == high, 0.5, 0.0)  # as numpy's histogram has it
    return low - aside, high + aside


def binned(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How many of a unit's values (units, n) lie in each of its bins: int (units, BINS); the last holds its upper end.

    A value at an edge belongs to the bin above it, exactly: where rounding put it beside, it is put back.
    """
    edges = np.linspace(low, high, BINS + 1, axis=1)  # (units, BINS + 1)
    places = ((values - low[:, None]) * (BINS / (high - low)[:, None])).astype(np.int64).clip(0, BINS - 1)
    places -= values < np.take_along_axis(edges, places, axis=1)
    places += (values >= np.take_along_axis(edges, places + 1, axis=1)) & (places < BINS - 1)
    cells = places + BINS * np.arange(len(values))[:, None]
    return np.bincount(cells.ravel(), minlength=BINS * len(values)).reshape(-1, BINS)
