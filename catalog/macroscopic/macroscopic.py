"""The article's macroscopic claims of a network, computed from its extraction folder; needs no torch.

Definitions: "Enrichment circuits" article, its figures of forward and backward contributions, and what a second reading
of them asks for: the variants of `contributions`, and controls beside every number.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tqdm import tqdm

from catalog.macroscopic.bottlenecks import Bottleneck, bottlenecks
from catalog.macroscopic.comparisons import Comparison, PairStatistics, comparisons, pair_statistics
from catalog.macroscopic.contributions import StoredContributions, default_variant
from catalog.macroscopic.depth import Trend, trends
from catalog.macroscopic.headlines import LEGEND, MEANINGS, LayerSummary
from catalog.macroscopic.paired_shares import PairedShares, paired_shares
from catalog.macroscopic.sweeps import Sweeps
from catalog.macroscopic.versatility import Versatility, versatility
from extract.folder.randomised import ROLES, UNITS
from extract.units import Architecture, Layer, Unit
from graph.records import Variant

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from extract.folder.extraction import ContributionDirection, Extraction


class Macroscopic:
    """How contributions between layers are distributed, in one extraction folder that holds their dense matrices.

    `units` is how many evenly spaced units of each layer every statistic is taken over.
    """

    legend, meanings = LEGEND, MEANINGS  # of the headlines, and of every statistic

    def __init__(self, folder: "Extraction", units: int = UNITS) -> None:
        self.stored, self.units = StoredContributions(folder), units
        self._measured = dict[Layer, list[PairStatistics]]()

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.stored.architecture

    @property
    def path(self) -> "Path":
        """Where the folder lies."""
        return self.stored.folder.path

    @property
    def changed(self) -> int:
        """When it was written last, in nanoseconds."""
        return (self.path / "manifest.json").stat().st_mtime_ns

    @property
    def targets(self) -> tuple[Layer, ...]:
        """The layers into which matrices are stored, in forward order."""
        return self.stored.targets

    @property
    def conv_layers(self) -> tuple[Layer, ...]:
        """The conv branches into which matrices are stored, in forward order: those that the article looks at."""
        return self.stored.conv_layers

    @property
    def lacks_randomised(self) -> bool:
        """Whether randomised weights were not swept from every layer below, so that the second control is missing."""
        return not all(self.stored.has_randomised(target) for target in self.targets if target.role in ROLES)

    @property
    def without_randomised(self) -> str:
        """What to do where it is missing."""
        amount = "not all" if self.stored.folder.under("randomised.parquet") else "no"
        return (
            f"{self.path} holds {amount} randomised weights, the second control. Extracting again with the settings "
            "that it was made with adds them, and computes nothing else again."
        )

    def contributions(
        self, unit: Unit | str, other: Layer | str, direction: "ContributionDirection", variant: Variant | None = None
    ) -> "np.ndarray":
        """What a unit contributes to each unit of another layer (`forward`), or receives from each: (units,).

        The variant is by default raw, and scaled where the target is a sum. Raw and folded leave out what
        `Contributions.variant` does. Raises MacroscopicError, NoPath, UnknownUnit.
        """
        named, layer = self.architecture.unit(str(unit)), self.architecture.layer(str(other))
        target = layer if direction == "forward" else named.layer
        return self.stored.of_unit(named, layer, direction, variant or default_variant(target))

    @property
    def sweeps(self) -> Sweeps:
        """The article's two sweeps, and their figure."""
        return Sweeps(self.stored)

    def comparisons(self, target: Layer | str, source: Layer | str | None = None) -> tuple[Comparison, ...]:
        """Every statistic of the contributions into a layer beside its controls, pooled over all layers below.

        With a `source`, of that layer alone. Raises MacroscopicError, NoPath.
        """
        into = self.architecture.layer(str(target))
        if source is not None:
            return tuple(comparisons(into, self._pair(self.architecture.layer(str(source)), into), pooled=False))
        return tuple(comparisons(into, self._statistics(into), pooled=True))

    def summaries(self, layers: Iterable[Layer | str] | None = None, progress: bool = False) -> list[LayerSummary]:
        """The comparisons of these layers, None for all conv branches, each pooled over the layers below."""
        names = self.conv_layers or [self.stored.last_conv] if layers is None else layers
        targets = [self.architecture.layer(str(name)) for name in names]
        for target in targets:
            self.stored.sources(target)  # raises before the first of them is measured
        bar = tqdm(targets, unit="layer", disable=not progress, leave=False)
        return [LayerSummary(target, self.comparisons(target)) for target in bar]

    def by_source(self, target: Layer | str) -> tuple[Comparison, ...]:
        """The same of every layer below by itself, the nearest first."""
        into = self.architecture.layer(str(target))
        return tuple(comparisons(into, self._statistics(into), pooled=False))

    def versatility(self, unit: Unit | str) -> list[Versatility]:
        """What a unit receives from each layer below and contributes to each above, in sums; of what is stored.

        Empty where nothing is. Raises UnknownUnit.
        """
        named = self.architecture.unit(str(unit))
        rows = []
        for other in self.architecture.layers:
            direction: ContributionDirection = "forward" if named.layer < other else "backward"
            if edges := self.stored.edges(named, other, direction):
                rows.append(versatility(named, other, direction, *edges))
        return rows

    def trends(self, target: Layer | str) -> list[Trend]:
        """Whether the contributions into a layer are spread more evenly the further below their source lies."""
        return trends(self.by_source(target))

    def bottlenecks(self) -> list[Bottleneck]:
        """How the shares over the shortcut are distributed, block by block; none where no probes were shown."""
        return bottlenecks(self.stored.folder)

    def paired_shares(self, progress: bool = False) -> list[PairedShares]:
        """How many units of the last sums are near identity, beside their branches paired anew; none without probes."""
        return paired_shares(self.stored.folder, progress=progress)

    def _statistics(self, target: Layer) -> list[PairStatistics]:
        """Measure a target's contributions from every layer below, once."""
        if target not in self._measured:
            pairs = [self._pair(source, target) for source in self.stored.sources(target)]
            self._measured[target] = [part for pair in pairs for part in pair]
        return self._measured[target]

    def _pair(self, source: Layer, target: Layer) -> Iterator[PairStatistics]:
        between = self.stored.between(source, target)
        return pair_statistics(between, self.stored.randomised(between), self.units)
