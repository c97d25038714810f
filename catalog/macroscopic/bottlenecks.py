"""Measure bottleneck learning: how a sum's units divide between shortcut and conv branch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog.macroscopic.sizes import Size, median, share
from extract.units import Layer

if TYPE_CHECKING:
    from extract.folder.extraction import Extraction
    from graph.records import Share

SHARES: tuple["Share", ...] = ("share_published", "share_exact", "share_corrected")
NEAR_IDENTITY = 0.9  # the article's bound: a unit with a larger share over the shortcut is near identity
_BINS = 20  # from 0 to 1


@dataclass(frozen=True)
class Bottleneck:
    """The shares over the shortcut of a sum's units, by one definition, on their top probes.

    `near_identity` is the part of units whose share is above 0.9. `counts` holds the number of units with a share below
    0, in each of 20 bins from 0 to 1, and above 1.
    """

    layer: Layer
    definition: "Share"
    median: Size
    near_identity: Size
    counts: tuple[int, ...]


def bottlenecks(folder: "Extraction") -> list[Bottleneck]:
    """Summarise the shares over the shortcut: one record per sum and definition of the share, in forward order.

    The list is empty for an extraction without probes.
    """
    table = folder.table("evidence").select(["layer", *SHARES]).to_pandas()
    by_layer = {Layer.parse(str(name)): rows for name, rows in table.groupby("layer")}
    return [
        _bottleneck(layer, definition, values)
        for layer in sorted(by_layer)
        for definition in SHARES
        for values in [by_layer[layer][definition].dropna().to_numpy(np.float64)]
        if len(values)
    ]


def _bottleneck(layer: Layer, definition: "Share", values: np.ndarray) -> Bottleneck:
    inside, _ = np.histogram(values, _BINS, (0, 1))
    counts = (int((values < 0).sum()), *inside.tolist(), int((values > 1).sum()))
    return Bottleneck(layer, definition, median(values), share(values > NEAR_IDENTITY), counts)
