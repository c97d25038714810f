"""Make the article's two small multiples: one unit into ever higher layers, units of ever higher layers into one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from catalog.errors import MacroscopicError
from catalog.macroscopic.contributions import StoredContributions, default_variant
from catalog.macroscopic.figure import draw
from catalog.macroscopic.panel import Panel, SmallMultiples, panel
from extract.units import Layer, Unit
from graph.records import Variant

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection


class StoredMultiples:
    """The small multiples of stored contributions. Methods take units and layers as text too, and raise UnknownUnit.

    `variant` None is raw, or scaled if the target is a sum.
    """

    def __init__(self, stored: StoredContributions) -> None:
        self._stored, self._architecture = stored, stored.architecture

    def vary_upper(self, unit: Unit | str, variant: Variant | None = None) -> SmallMultiples:
        """Make the article's first small multiples: a panel of one unit's contributions to each conv branch above."""
        lower, of = self._architecture.unit(str(unit)), variant or "raw"
        panels = [
            self._panel(lower, upper, "forward", of)
            for upper in self._stored.conv_layers
            if lower.layer.as_source in self._stored.sources(upper)
        ]
        return SmallMultiples(f"{lower} into every conv branch above ({of})", tuple(panels))

    def vary_lower(self, target: Layer | str, variant: Variant | None = None, most: int = 12) -> SmallMultiples:
        """Make the article's second small multiples: a panel per layer below, of its middle unit into one layer.

        At most `most` of the layers below are taken, evenly spaced. Raises MacroscopicError if matrices into the target
        are not stored.
        """
        upper = self._architecture.layer(str(target))
        below = self._stored.sources(upper)[::-1]
        places = np.unique(np.linspace(0, len(below) - 1, min(most, len(below))).round().astype(int))
        of = variant or default_variant(upper)
        panels = [self._panel(self._middle(below[place]), upper, "forward", of) for place in places]
        return SmallMultiples(f"A unit of every layer below into {upper} ({of})", tuple(panels))

    def vary_below(self, unit: Unit | str, variant: Variant | None = None) -> SmallMultiples:
        """Make a panel of what one unit receives from each layer below; no panels if that is not stored."""
        upper = self._architecture.unit(str(unit))
        below = self._stored.sources(upper.layer) if upper.layer in self._stored.targets else ()
        of = variant or default_variant(upper.layer)
        panels = [self._panel(upper, lower, "backward", of) for lower in reversed(below)]
        return SmallMultiples(f"Every layer below into {upper} ({of})", tuple(panels))

    def of_unit(self, unit: Unit | str, variant: Variant | None = None) -> list[SmallMultiples]:
        """Make both small multiples of a unit: into every conv branch above, and from every layer below.

        Raises MacroscopicError if neither is stored.
        """
        multiples = [self.vary_upper(unit, variant), self.vary_below(unit, variant)]
        if not any(part.panels for part in multiples):
            raise MacroscopicError(
                f"{self._stored.folder.path} holds no dense matrices from or into the layer of {unit}. Extract it, or "
                "conv branches above it, into a new folder with their matrices (matrices=True)."
            )
        return multiples

    def figure(
        self, unit: Unit | str | None = None, layers: Sequence[Layer | str] = (), variant: Variant | None = None
    ) -> str:
        """Draw small multiples as an SVG: a unit into every conv branch above, then the layers below into each layer.

        `unit` None is the middle unit of the lowest layer; without `layers`, the last conv branch is taken. With a unit
        and without layers, the second part is instead what that unit receives. Raises MacroscopicError if these
        contributions are not stored.
        """
        if unit is not None and not layers:
            return draw(self.of_unit(unit, variant))
        into = layers or [self._stored.last_conv]
        lowest = self._stored.sources(self._architecture.layer(str(into[0])))[-1]
        lower = self._middle(lowest) if unit is None else unit
        return draw([self.vary_upper(lower, variant), *(self.vary_lower(layer, variant) for layer in into)])

    def _middle(self, layer: Layer) -> Unit:
        return Unit(layer, self._architecture.channels(layer) // 2)

    def _panel(self, unit: Unit, other: Layer, direction: "ContributionDirection", variant: Variant) -> Panel:
        return panel(unit, other, direction, variant, self._stored.of_unit(unit, other, direction, variant))
