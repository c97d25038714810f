"""Read from an extraction folder the shares over the shortcut, for each unit on its top 100 probes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from extract.errors import ExtractionError
from extract.units import Layer, Unit

if TYPE_CHECKING:
    from extract.folder.extraction import Extraction


@dataclass(frozen=True)
class ShortcutShares:
    """The share of a sum's unit that comes over its shortcut on its `examples` top probes, by three definitions.

    `share_published` is a share of norms, with raw conv3; `share_exact` of the added values; `share_corrected`, which
    has a 95 % interval, of the added values minus their means over all probes. A share is None for a unit that does not
    rise on these probes.
    """

    unit: Unit
    examples: int
    share_published: float | None
    share_exact: float | None
    share_corrected: float | None
    share_corrected_low: float | None
    share_corrected_high: float | None


def shortcut_shares(folder: "Extraction", layer: Layer | None) -> list[ShortcutShares]:
    """Read the shares of the units of a sum (None: of all sums). Raises ExtractionError if the folder has none."""
    table = folder.table("top_100_shares")
    if not table.num_rows:
        raise ExtractionError(
            f"{folder.path} holds no shares on the top 100 probes. Earlier versions recorded only the top 16. Show the "
            "probes again into a new folder."
        )
    rows = table if layer is None else table.filter(pc.field("layer") == str(layer))
    return [ShortcutShares(Unit(Layer.parse(row.pop("layer")), row.pop("channel")), **row) for row in rows.to_pylist()]
