"""An extraction folder to work with: its tables, kernels, distributions, censuses, and images to sort."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from catalog.kernel import Kernel
from catalog.shortcut_shares import ShortcutShares, shortcut_shares
from catalog.table import Table
from catalog.weight_summaries import WeightSummary, summaries
from extract.files import at_home
from extract.units import Architecture, Layer, Unit

if TYPE_CHECKING:
    import pyarrow as pa

    from catalog.macroscopic.macroscopic import Macroscopic
    from extract.folder.census_variants import CensusVariant, PairingComparison
    from extract.folder.extraction import ContributionDirection, Extraction
    from extract.folder.manifest import Deviation
    from extract.responses.levels import ActivationDistribution, Estimate

Part = Literal["unit", "sum", "shortcut", "conv"]


class ExtractionView:
    """An extraction folder, read without torch; `open_extraction` opens one, and `LiveNetwork.extract` makes one.

    A `part` names the unit itself (`unit`), or for a sum's unit the sum or one of its branches.
    """

    def __init__(self, folder: "Extraction") -> None:
        self.folder = folder

    @property
    def path(self) -> Path:
        """The path of the folder."""
        return self.folder.path

    @property
    def model(self) -> str:
        """The model's id, such as `RN50:openai`."""
        return self.folder.manifest.model

    @property
    def weights_sha256(self) -> str:
        """The hash of the network weights that the extraction was computed from."""
        return self.folder.manifest.weights_sha256

    @property
    def has_checksum(self) -> bool:
        """Whether the manifest has a checksum; those of earlier versions have none, so they cannot be checked."""
        return self.folder.has_checksum

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.folder.manifest.architecture

    @property
    def precision(self) -> str:
        """The precision in which the expanded weights were computed: float32, bfloat16 or tf32."""
        return self.folder.manifest.settings.precision

    @property
    def deviations(self) -> "tuple[Deviation, ...]":
        """Deviations of sampled magnitudes from float32, per number of blocks between units; empty for float32."""
        return self.folder.manifest.deviations or ()

    def table(self, name: str) -> "pa.Table":
        """Read a table, such as `units`, `edges`, `distributions` or `probes`; empty if the table was not made."""
        return self.folder.table(name)

    def kernel(self, source: Unit | str, target: Unit | str) -> Kernel | None:
        """Read the expanded weight of a direct edge as it was stored, mostly in float16; None if it was not stored.

        Raises NoPath if no path leads from source to target. `LiveNetwork.expanded_weight` computes any expanded
        weight.
        """
        from extract.folder.kernel_support import support  # slow to import, and most uses of a catalog do not need it

        one, other = self.architecture.unit(str(source)), self.architecture.unit(str(target))
        place = support(self.architecture, one.layer, other.layer)
        values = self.folder.kernel(one, other)
        return None if values is None else Kernel(one, other, values, place.rows.start, place.cut)

    def weight_distributions(
        self, layer: Layer | str, other: Layer | str | None = None, direction: "ContributionDirection | None" = None
    ) -> "pa.Table":
        """Read how each unit's weights are distributed over the units of `other` (None: of each other layer).

        A row holds moments, bimodality and density at zero of one unit's weights. `direction` is `backward` (over
        sources), `forward` (over targets) or None (both).
        """
        name = self.architecture.layer
        return self.folder.distributions(name(str(layer)), None if other is None else name(str(other)), direction)

    def weight_summaries(self, layer: Layer | str) -> Table[WeightSummary]:
        """Summarise `weight_distributions` by a record for each other layer and direction, in forward order."""
        return Table(f"Distribution of the weights of {layer}", summaries(self.weight_distributions(layer)))

    def top_100_shares(self, layer: Layer | str | None = None) -> Table[ShortcutShares]:
        """Read the shares over the shortcut on the top 100 probes of each unit of a sum (None: of all sums).

        Raises ExtractionError if no probes were shown, or if an earlier version recorded them.
        """
        total = None if layer is None else self.architecture.layer(str(layer))
        return Table("Shares over the shortcut on the top 100 probes", shortcut_shares(self.folder, total))

    @property
    def has_census(self) -> bool:
        """Whether the extraction holds a census (the statistical test of which units are enriched)."""
        return self.folder.has("census_settings.parquet")

    def sensitivity(self, layer: Layer | str | None = None) -> "Table[CensusVariant]":
        """Read the verdict counts of a sum (None: the last) in censuses with one setting or choice of probes changed.

        Empty if `LiveNetwork.sensitivity` did not take these censuses. Raises UnknownUnit for an unknown layer.
        """
        from extract.folder.census_variants import variants  # slow to import; see `kernel`

        total = self._sum(layer)
        return Table(f"The census of {total} with one thing changed at a time", variants(self.folder, total))

    def pairings(self, layer: Layer | str | None = None) -> "Table[PairingComparison]":
        """Read how the enrichment of a sum (None: the last) compares with that of its branches paired anew.

        Paired anew, each unit has the conv branch of another unit. Empty if `LiveNetwork.pairings` made no comparison.
        Raises UnknownUnit for an unknown layer.
        """
        from extract.folder.census_variants import pairing_comparisons  # slow to import; see `kernel`

        total = self._sum(layer)
        return Table(f"{total} beside its branches paired anew", pairing_comparisons(self.folder, total))

    def verdicts(self, unit: Unit | str) -> dict[str, str]:
        """Read a unit's verdicts in `sensitivity`, keyed by what was changed, such as `nothing` or `pictures alone`."""
        from extract.folder.census_variants import verdicts_by_change  # slow to import; see `kernel`

        return verdicts_by_change(self.folder, self.architecture.unit(str(unit), self.model))

    def _sum(self, layer: Layer | str | None) -> Layer:
        return self.architecture.final if layer is None else self.architecture.layer(str(layer))

    def macroscopic(self, units: int | None = None) -> "Macroscopic":
        """Return the article's macroscopic claims: how contributions between layers are distributed, with controls.

        `units` is the number of units of each layer that every statistic is taken over (None: as many as the controls
        have).
        """
        from catalog.macroscopic.macroscopic import Macroscopic  # slow to import; see `kernel`

        return Macroscopic(self.folder) if units is None else Macroscopic(self.folder, units)

    def distribution(self, unit: Unit | str, part: Part = "unit", bins: int = 100) -> "ActivationDistribution":
        """Return the distribution of a unit's activation over all probes.

        Raises ExtractionError if the unit's layer was not measured, LevelsError if the unit is constant on all probes.
        """
        from extract.responses.levels import distribution  # slow to import; see `kernel`

        return distribution(self.folder, self.unit(unit, part), bins)

    def draw_levels(
        self, unit: Unit | str, folder: Path | str, levels: Iterable[float], count: int = 10, part: Part = "unit"
    ) -> Path:
        """Write `count` images of each level into a folder, for people to sort; return the path of the sheet to fill.

        A level is a distance of the unit's activation from its mean over all probes, in standard deviations.
        """
        from extract.responses.sorting_task import draw  # slow to import; see `kernel`

        return draw(self.folder, self.unit(unit, part), levels, at_home(folder), count)

    def store_sorting(
        self, unit: Unit | str, sheet: Path | str, part: Part = "unit", replace: bool = False
    ) -> "tuple[Estimate, ...]":
        """Store how a person sorted the images of `draw_levels` into categories (the completed sheet).

        Returns an estimate of how probable each category is at each activation level.

        Raises LevelsError if another sheet is stored for the same part, unless `replace` is set.
        """
        from extract.responses.levels import store  # slow to import; see `kernel`
        from extract.responses.sorting_task import read  # slow to import; see `kernel`

        named = self.architecture.unit(str(unit))
        if part != "unit":
            self.unit(named, part)  # raises UnknownUnit for a unit without branches
        return store(self.folder, named, part, read(at_home(sheet)), replace=replace)

    def unit(self, unit: Unit | str, part: Part = "unit") -> Unit:
        """Return the unit itself or, for a `part` of a sum's unit, the unit of that branch. Raises UnknownUnit."""
        from extract.responses.levels import of_branch  # slow to import; see `kernel`

        named = self.architecture.unit(str(unit))
        return named if part == "unit" else of_branch(self.folder, named, part)

    def __repr__(self) -> str:
        """Return the model's id and the folder's path, as text."""
        return f"<extraction of {self.model} in {self.path}>"
