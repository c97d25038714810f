"""Derive further statistics from an extraction's tables and matrices, so that older folders have them, too."""

import numpy as np
import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, per_unit
from extract.units import Layer

_COLUMNS = SCHEMAS["flows"].names[2:]


def node_strength(extraction: Extraction) -> pa.Table:
    """Compute the table `flows`: the magnitude into and out of every unit, summed over all its direct edges.

    The sums come from the dense matrices, so they include edges that are not stored. One row per unit; null if a matrix
    is missing, or if a number needs activity that was not measured.
    """
    layers, shape, active = extraction.layers, extraction.manifest.architecture, _activity(extraction)
    sums: dict[tuple[str, Layer], np.ndarray] = {}  # keyed by column and layer, (channels,); NaN once a term is unknown
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
    """List what the edges between two layers add to `flows`, as (column, layer, values of shape (channels,)).

    Values are NaN if the matrix, or for `inflow_active` the activity, is missing.
    """
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
    """Read the activity of the units of every measured layer, of shape (channels,), keyed by layer."""
    table = extraction.table("activity").sort_by([("layer", "ascending"), ("channel", "ascending")])
    layers, values = np.array(table["layer"].to_pylist()), table["activity"].to_numpy()
    return {str(layer): values[layers == layer] for layer in np.unique(layers)}


def selectivity_difference(extraction: Extraction) -> pa.Table:
    """Compute how differently the two branches of each sum's unit prefer words to pictures.

    A branch's preference is its selectivity for words minus that for pictures; the number is half the absolute
    difference of the two. One row per unit whose branches were both measured.
    """
    rows = extraction.table("modality").to_pylist()
    leanings = {(row["layer"], row["channel"]): (row["words"] - row["pictures"]) / 2 for row in rows}
    architecture = extraction.manifest.architecture
    differences = [
        {"layer": str(total), "channel": channel, "selectivity_difference": abs(shortcut - conv)}
        for total in architecture.sums
        for channel in range(architecture.channels(total))
        for branches in [architecture.branches(total)]
        if (shortcut := leanings.get((str(branches["shortcut"]), channel))) is not None
        and (conv := leanings.get((str(branches["conv"]), channel))) is not None
    ]
    types = {"layer": pa.string(), "channel": pa.int32(), "selectivity_difference": pa.float32()}
    return pa.Table.from_pylist(differences, schema=pa.schema([pa.field(name, kind) for name, kind in types.items()]))
