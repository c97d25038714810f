"""How much leads into every unit and out of it over direct edges, kept or not: of what a trace tells the shares.

From the dense matrices of an extraction, which hold every pair of units; without them nothing is known.
"""

import numpy as np
import pyarrow as pa

from extract.extraction import Extraction
from extract.schemas import SCHEMAS, per_unit
from extract.units import Layer


def flows(extraction: Extraction) -> pa.Table:
    """The table `flows`, a row a unit; null where a matrix that it needs was not kept, or no activity measured."""
    layers, shape = list(extraction.layers), extraction.manifest.architecture
    active = _activity(extraction)
    parts = [SCHEMAS["flows"].empty_table()]
    for layer in layers:
        into = [(source, layer) for source in layers if shape.is_direct(source, layer)]
        out = [(layer, target) for target in layers if shape.is_direct(layer, target)]
        parts.append(
            per_unit(
                "flows",
                layer,
                {
                    "inflow": _summed(extraction, into, layer),
                    "inflow_active": _summed(extraction, into, layer, active),
                    "outflow": _summed(extraction, out, layer),
                },
            )
        )
    return pa.concat_tables(parts)


def _summed(
    extraction: Extraction, pairs: list[tuple[Layer, Layer]], layer: Layer, active: dict[str, np.ndarray] | None = None
) -> np.ndarray:
    """Magnitudes summed over all pairs at every unit of a layer, scaled by the sources' activity where given."""
    total = np.full(extraction.layers[layer], 0.0 if pairs else np.nan)  # (channels,)
    for source, target in pairs:
        magnitude = extraction.matrix(source, target, "magnitude")  # (targets, sources)
        if magnitude is None or (active is not None and str(source) not in active):
            return np.full(len(total), np.nan)
        scaled = magnitude if active is None else magnitude * active[str(source)]
        total += scaled.sum(axis=1 if layer == target else 0, dtype=np.float64)
    return total


def _activity(extraction: Extraction) -> dict[str, np.ndarray]:
    """By layer that was measured, in the order of its channels."""
    table = extraction.table("activity").sort_by([("layer", "ascending"), ("channel", "ascending")])
    layers, values = np.array(table["layer"].to_pylist()), table["activity"].to_numpy()
    return {str(layer): values[layers == layer] for layer in np.unique(layers)}
