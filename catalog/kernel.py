"""An expanded weight position by position, drawn as a heat map."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from catalog.cards import framed
from catalog.charts import matrix
from extract.units import Unit
from graph.records import Contribution

if TYPE_CHECKING:
    import numpy as np

    from extract.folder.kernel_statistics import KernelStatistics


@dataclass(frozen=True)
class Kernel:
    """An expanded weight over the source's positions, float32 (h, w), from row and column `first` of its map on.

    `cut` where the border of the map cuts it.
    """

    source: Unit
    target: Unit
    values: "np.ndarray"
    first: int
    cut: bool

    @cached_property
    def statistics(self) -> "KernelStatistics":
        """Its magnitude, mean, sum and crispness."""
        from extract.folder.kernel_statistics import kernel_statistics  # numpy takes 0.1 s, and few ask for a kernel

        return kernel_statistics(self.values)

    @property
    def magnitude(self) -> float:
        """Its Frobenius norm."""
        return self.statistics.magnitude

    @property
    def mean(self) -> float:
        """Over the positions that can be non-zero, which are all of these."""
        return self.statistics.mean

    def agrees(self, edge: Contribution) -> bool:
        """Whether the catalog holds the same, to a hundredth: it may have been computed in half precision."""
        close = 0.01 * edge.magnitude
        return abs(self.magnitude - edge.magnitude) <= close and abs(self.mean - edge.mean) <= close

    @property
    def svg(self) -> str:
        """A heat map: positive positions green, negative ones red and hatched."""
        size = " x ".join(map(str, self.values.shape))
        return matrix(self.values, self.first, f"{self.source} to {self.target}, {size} positions")

    def _repr_html_(self) -> str:
        title = f"{self.source} to {self.target}: magnitude {self.magnitude:.3g}, mean {self.mean:+.3g}"
        return framed(f"<div>{self.svg}</div>", title)
