"""Compute the article's macroscopic claims for a network from its extraction folder, without torch.

Definitions: the "Enrichment circuits" article, its figures of forward and backward contributions. Beyond the article,
numbers come in the variants of `contributions`, and each is compared with controls.
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
from catalog.macroscopic.stored_multiples import StoredMultiples
from catalog.macroscopic.versatility import Versatility, versatility
from extract.folder.randomised import ROLES, UNITS
from extract.units import Architecture, Layer, Unit
from graph.records import Variant

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from extract.folder.extraction import ContributionDirection, Extraction


class Macroscopic:
    """The distributions of contributions between layers, from an extraction folder with their dense matrices.

    Every statistic is taken over `units` evenly spaced units of each layer.
    """

    legend, meanings = LEGEND, MEANINGS  # texts on the headlines, and on every statistic

    def __init__(self, folder: "Extraction", units: int = UNITS) -> None:
        self.stored, self.units = StoredContributions(folder), units
        self._measured = dict[Layer, list[PairStatistics]]()

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.stored.architecture

    @property
    def path(self) -> "Path":
        """The path of the extraction folder."""
        return self.stored.folder.path

    @property
    def changed(self) -> int:
        """The time when the extraction folder was last written, in nanoseconds."""
        return (self.path / "manifest.json").stat().st_mtime_ns

    @property
    def targets(self) -> tuple[Layer, ...]:
        """The layers into which dense matrices are stored, in forward order."""
        return self.stored.targets

    @property
    def conv_layers(self) -> tuple[Layer, ...]:
        """The conv branches into which dense matrices are stored, in forward order; the article looks at these."""
        return self.stored.conv_layers

    @property
    def lacks_randomised(self) -> bool:
        """Whether the second control, randomised weights, is missing for some target layer."""
        return not all(self.stored.has_randomised(target) for target in self.targets if target.role in ROLES)

    @property
    def without_randomised(self) -> str:
        """A text that says how to add missing randomised weights."""
        amount = "not all" if self.stored.folder.under("randomised.parquet") else "no"
        return (
            f"{self.path} holds {amount} randomised weights, the second control. Extract again with the same settings "
            "to add them; nothing else is computed again."
        )

    def contributions(
        self, unit: Unit | str, other: Layer | str, direction: "ContributionDirection", variant: Variant | None = None
    ) -> "np.ndarray":
        """Read a unit's contributions to (`forward`) or from (`backward`) each unit of another layer: (units,).

        `variant` None is raw, or scaled if the target is a sum. Raw and folded contributions leave out some target
        units (`Contributions.variant`). Raises MacroscopicError, NoPath, UnknownUnit.
        """
        named, layer = self.architecture.unit(str(unit)), self.architecture.layer(str(other))
        target = layer if direction == "forward" else named.layer
        return self.stored.of_unit(named, layer, direction, variant or default_variant(target))

    @property
    def small_multiples(self) -> StoredMultiples:
        """The article's small multiples and their figure.

        There are two: one unit into ever higher layers, and units of ever higher layers into one layer.
        """
        return StoredMultiples(self.stored)

    def comparisons(self, target: Layer | str, source: Layer | str | None = None) -> tuple[Comparison, ...]:
        """Compare every statistic of the contributions into a layer with its controls.

        The contributions come from one `source` layer (None: from all layers below, pooled). Raises MacroscopicError,
        NoPath.
        """
        into = self.architecture.layer(str(target))
        if source is not None:
            return tuple(comparisons(into, self._pair(self.architecture.layer(str(source)), into), pooled=False))
        return tuple(comparisons(into, self._statistics(into), pooled=True))

    def summaries(self, layers: Iterable[Layer | str] | None = None, progress: bool = False) -> list[LayerSummary]:
        """Return the comparisons of each of these layers (None: all conv branches), pooled over the layers below."""
        names = self.conv_layers or [self.stored.last_conv] if layers is None else layers
        targets = [self.architecture.layer(str(name)) for name in names]
        for target in targets:
            self.stored.sources(target)  # raises before the first target is measured
        bar = tqdm(targets, unit="layer", disable=not progress, leave=False)
        return [LayerSummary(target, self.comparisons(target)) for target in bar]

    def by_source(self, target: Layer | str) -> tuple[Comparison, ...]:
        """Compare the contributions into a layer with their controls for each layer below separately, nearest first."""
        into = self.architecture.layer(str(target))
        return tuple(comparisons(into, self._statistics(into), pooled=False))

    def versatility(self, unit: Unit | str) -> list[Versatility]:
        """Summarise what a unit receives from each layer below and contributes to each layer above, where stored.

        Empty if no matrices of the unit's layer are stored. Raises UnknownUnit.
        """
        named = self.architecture.unit(str(unit))
        rows = []
        for other in self.architecture.layers:
            direction: ContributionDirection = "forward" if named.layer < other else "backward"
            if edges := self.stored.edges(named, other, direction):
                rows.append(versatility(named, other, direction, *edges))
        return rows

    def trends(self, target: Layer | str) -> list[Trend]:
        """Test whether the contributions into a layer are spread more evenly, the further below their source lies."""
        return trends(self.by_source(target))

    def bottlenecks(self) -> list[Bottleneck]:
        """Summarise the shares over the shortcut of each sum; empty if no probes were shown."""
        return bottlenecks(self.stored.folder)

    def paired_shares(self, progress: bool = False) -> list[PairedShares]:
        """Compare the last sums' share of units near identity with branches paired anew; empty without probes."""
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
