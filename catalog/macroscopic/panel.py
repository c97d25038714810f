"""The data of a panel of the article's small multiples: one unit's contributions to or from another layer."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catalog.macroscopic.shape import FORWARD_STATISTICS, STATISTICS, measure
from extract.ranking import Floats
from extract.units import Layer, Unit
from graph.records import Variant

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection

BINS = 48  # of a panel
REACH = 4  # standard deviations to either side of zero; what lies beyond is counted in the outermost bins


@dataclass(frozen=True)
class Panel:
    """The distribution of a unit's contributions to (`forward`) or from (`backward`) the `n` units of another layer.

    `counts` are in equal bins from -4 to 4 standard deviations. The statistics are defined in `shape`; an undefined one
    is NaN.
    """

    unit: Unit
    other: Layer
    direction: "ContributionDirection"
    variant: Variant
    n: int
    counts: tuple[int, ...]
    exponent: float
    imbalance: float
    density_at_zero: float
    breadth: float
    offset: float
    dip: float


@dataclass(frozen=True)
class SmallMultiples:
    """Panels in forward order."""

    title: str
    panels: tuple[Panel, ...]

    def beside(self, layers: Collection[Layer]) -> "SmallMultiples":
        """Return only the panels whose other layer is one of these."""
        return replace(self, panels=tuple(panel for panel in self.panels if panel.other in layers))


def panel(unit: Unit, other: Layer, direction: "ContributionDirection", variant: Variant, values: Floats) -> Panel:
    """Count a unit's contributions (n,) and measure their shape."""
    sd = (values.std() if len(values) else 0.0) or 1.0
    counts, _ = np.histogram(np.clip(values / sd, -REACH, REACH), BINS, (-REACH, REACH))
    shape = measure(values[None], {**STATISTICS, **FORWARD_STATISTICS})
    measured = {name: float(size) for name, [size] in shape.items()}
    return Panel(unit, other, direction, variant, len(values), tuple(counts.tolist()), **measured)
