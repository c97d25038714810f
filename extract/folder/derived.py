"""How much leads into every unit and out of it over direct edges, kept or not: of what a trace tells the shares.

From the dense matrices of an extraction, which hold every pair of units; without them nothing is known.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, per_unit
from extract.ranking import Floats
from extract.units import Layer

_COLUMNS = SCHEMAS["flows"].names[2:]


def flows(extraction: Extraction) -> pa.Table:
    """The table `flows`, a row a unit; null where a matrix that it needs was not kept, or no activity measured."""
    layers, shape, active = extraction.layers, extraction.manifest.architecture, _activity(extraction)
    sums: dict[tuple[str, Layer], np.ndarray] = {}  # by column and layer, (channels,); NaN once a term is not known
    for target in layers:
        for source in (layer for layer in layers if shape.is_direct(layer, target)):
            for column, layer, term in _terms(extraction, source, target, active.get(str(source))):
                sums[column, layer] = sums.get((column, layer), 0.0) + term
    nothing = {layer: np.full(channels, np.nan) for layer, channels in layers.items()}
    return pa.concat_tables(
        per_unit("flows", layer, {column: sums.get((column, layer), nothing[layer]) for column in _COLUMNS})
        for layer in layers
    )


def _terms(
    extraction: Extraction, source: Layer, target: Layer, activity: np.ndarray | None
) -> list[tuple[str, Layer, np.ndarray]]:
    """What the edges between two layers add to each column of either; NaN where that is not known."""
    magnitude = extraction.matrix(source, target, "magnitude")  # (targets, sources)
    if magnitude is None:
        magnitude = np.full((extraction.layers[target], extraction.layers[source]), np.nan, np.float32)
    scaled = magnitude * (np.nan if activity is None else activity)
    return [
        ("inflow", target, magnitude.sum(axis=1, dtype=np.float64)),
        ("inflow_active", target, scaled.sum(axis=1, dtype=np.float64)),
        ("outflow", source, magnitude.sum(axis=0, dtype=np.float64)),
    ]


def _activity(extraction: Extraction) -> dict[str, np.ndarray]:
    """By layer that was measured, in the order of its channels."""
    table = extraction.table("activity").sort_by([("layer", "ascending"), ("channel", "ascending")])
    layers, values = np.array(table["layer"].to_pylist()), table["activity"].to_numpy()
    return {str(layer): values[layers == layer] for layer in np.unique(layers)}


@dataclass(frozen=True)
class KernelStatistics:
    """One kernel in four numbers; positive means excite and negative ones inhibit.

    `magnitude` is the Frobenius norm and `crispness` magnitude over the sum of absolute values: 1 for a single
    position, 1/sqrt(span) for a flat kernel, 0 for an empty one (the article's expanded_weights.py).
    """

    magnitude: float
    mean: float
    sum: float
    crispness: float


def kernel_statistics(kernel: Floats) -> KernelStatistics:
    """The numbers of a kernel (h, w), cropped to its true support, which the mean divides by."""
    values = kernel.astype(np.float64)
    magnitude, total = float(np.sqrt(np.square(values).sum())), float(values.sum())
    absolute = float(np.abs(values).sum())
    return KernelStatistics(magnitude, total / values.size, total, magnitude / absolute if absolute else 0.0)
