"""The kernel of an expanded weight (its value at each position), drawn as a heat map."""

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
    """An expanded weight over positions of the source, float32 (h, w), in a notebook drawn as a heat map.

    Its first row and column are number `first` of the source's map. `cut` says whether the border of the map cuts the
    kernel.
    """

    source: Unit
    target: Unit
    values: "np.ndarray"
    first: int
    cut: bool

    @cached_property
    def statistics(self) -> "KernelStatistics":
        """The kernel's magnitude, mean, sum and crispness."""
        from extract.folder.kernel_statistics import kernel_statistics  # imports numpy in 0.1 s; few uses need a kernel

        return kernel_statistics(self.values)

    @property
    def magnitude(self) -> float:
        """The kernel's Frobenius norm."""
        return self.statistics.magnitude

    @property
    def mean(self) -> float:
        """The kernel's mean over its positions, all of which can be non-zero."""
        return self.statistics.mean

    def agrees(self, edge: Contribution) -> bool:
        """Check that a catalog edge has the same magnitude and mean, to 1 % (it may come from half precision)."""
        close = 0.01 * edge.magnitude
        return abs(self.magnitude - edge.magnitude) <= close and abs(self.mean - edge.mean) <= close

    @property
    def svg(self) -> str:
        """The kernel as a heat map: positive positions are green, negative ones red and hatched."""
        size = " x ".join(map(str, self.values.shape))
        return matrix(self.values, self.first, f"{self.source} to {self.target}, {size} positions")

    def _repr_html_(self) -> str:
        title = f"{self.source} to {self.target}: magnitude {self.magnitude:.3g}, mean {self.mean:+.3g}"
        return framed(f"<div>{self.svg}</div>", title)
