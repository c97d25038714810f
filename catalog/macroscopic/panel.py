"""A panel of the article's small multiples: how one unit's contributions are distributed over another layer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog.macroscopic.shape import FORWARD_STATISTICS, STATISTICS
from extract.ranking import Floats
from extract.units import Layer, Unit
from graph.records import Variant

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection

BINS = 48  # of a panel
REACH = 4  # standard deviations to either side of zero; what lies beyond is counted in the outermost bins


@dataclass(frozen=True)
class Panel:
    """How a unit's contributions to (`forward`) or from another layer are distributed over its `n` units.

    `counts` are in equal bins from -4 to 4 standard deviations; statistics are those of `shape`, NaN where undefined.
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


def panel(unit: Unit, other: Layer, direction: "ContributionDirection", variant: Variant, values: Floats) -> Panel:
    """Count a unit's contributions (n,) and measure their shape."""
    sd = values.std() or 1.0
    counts, _ = np.histogram(np.clip(values / sd, -REACH, REACH), BINS, (-REACH, REACH))
    measured = {name: float(of(values[None])[0]) for name, of in {**STATISTICS, **FORWARD_STATISTICS}.items()}
    return Panel(unit, other, direction, variant, len(values), tuple(counts.tolist()), **measured)
