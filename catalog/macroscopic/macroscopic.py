"""The article's macroscopic claims of a network, computed from its extraction folder; needs no torch.

Definitions: "Enrichment circuits" article, its figures of forward and backward contributions, and what a second reading
of them asks for: the variants of `contributions`, and controls beside every number.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from catalog.macroscopic.bottlenecks import Bottleneck, bottlenecks
from catalog.macroscopic.contributions import StoredContributions, Variant
from catalog.macroscopic.depth import Trend, trends
from catalog.macroscopic.layer_report import Comparison, PairStatistics, comparisons, pair_statistics
from extract.folder.randomised import UNITS
from extract.units import Architecture, Layer, Unit

if TYPE_CHECKING:
    import numpy as np

    from extract.folder.extraction import ContributionDirection, Extraction


class Macroscopic:
    """How contributions between layers are distributed, in one extraction folder that holds their dense matrices.

    `units` is how many evenly spaced units of each layer every statistic is taken over.
    """

    def __init__(self, folder: "Extraction", units: int = UNITS) -> None:
        self.stored, self.units = StoredContributions(folder), units

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.stored.folder.manifest.architecture

    @property
    def conv_layers(self) -> tuple[Layer, ...]:
        """The conv branches into which matrices are stored, in forward order: those that the article looks at."""
        return tuple(layer for layer in self.stored.targets if layer.role == "conv")

    @property
    def lacks_randomised(self) -> bool:
        """Whether no randomised weights were swept, so that the second control is missing."""
        return not self.stored.folder.under("randomised.parquet")

    def contributions(
        self, unit: Unit | str, other: Layer | str, direction: "ContributionDirection", variant: Variant = "raw"
    ) -> "np.ndarray":
        """What a unit contributes to each unit of another layer (`forward`), or receives from each: (units,).

        Raw and folded leave out what `Contributions.variant` does. Raises MacroscopicError, NoPath, UnknownUnit.
        """
        named, layer = self.architecture.unit(str(unit)), self.architecture.layer(str(other))
        ends = (named.layer, layer) if direction == "forward" else (layer, named.layer)
        between = self.stored.between(*ends)
        if direction == "forward":
            return between.variant(variant)[:, named.channel]
        return between.of_target(named.channel).variant(variant).ravel()

    def comparisons(self, target: Layer | str, source: Layer | str | None = None) -> tuple[Comparison, ...]:
        """Every statistic of the contributions into a layer beside its controls, pooled over all layers below.

        With a `source`, of that layer alone. Raises MacroscopicError, NoPath.
        """
        into = self.architecture.layer(str(target))
        below = self.stored.sources(into) if source is None else (self.architecture.layer(str(source)),)
        return tuple(comparisons(into, self._statistics(below, into), pooled=source is None))

    def by_source(self, target: Layer | str) -> tuple[Comparison, ...]:
        """The same of every layer below by itself, the nearest first."""
        into = self.architecture.layer(str(target))
        return tuple(comparisons(into, self._statistics(self.stored.sources(into), into), pooled=False))

    def trends(self, target: Layer | str) -> list[Trend]:
        """Whether the contributions into a layer are spread more evenly the further below their source lies."""
        return trends(self.by_source(target))

    def bottlenecks(self) -> list[Bottleneck]:
        """How the shares over the shortcut are distributed, block by block; none where no probes were shown."""
        return bottlenecks(self.stored.folder)

    def _statistics(self, sources: tuple[Layer, ...], target: Layer) -> Iterator[PairStatistics]:
        for source in sources:
            between = self.stored.between(source, target)
            yield from pair_statistics(between, self.stored.randomised(between), self.units)
