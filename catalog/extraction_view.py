"""An extraction folder: its tables, how a unit's activation is distributed, and images of its levels to sort."""

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
    """An extraction folder, which needs no torch; `open_extraction` opens one, and `LiveNetwork.extract` makes one.

    A `part` names the unit itself, or of a sum's unit one of its branches.
    """

    def __init__(self, folder: "Extraction") -> None:
        self.folder = folder

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder.path

    @property
    def model(self) -> str:
        """The model's id, such as `RN50:openai`."""
        return self.folder.manifest.model

    @property
    def weights_sha256(self) -> str:
        """The hash of the weights that it was computed from."""
        return self.folder.manifest.weights_sha256

    @property
    def has_checksum(self) -> bool:
        """Whether its manifest could be checked; those of earlier versions cannot."""
        return self.folder.has_checksum

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.folder.manifest.architecture

    @property
    def precision(self) -> str:
        """In which its weights were computed: float32, bfloat16 or tf32."""
        return self.folder.manifest.settings.precision

    @property
    def deviations(self) -> "tuple[Deviation, ...]":
        """How far its magnitudes are from those in float32, by blocks between, of a sample; none of float32's own."""
        return self.folder.manifest.deviations or ()

    def table(self, name: str) -> "pa.Table":
        """One of its tables, such as `units`, `edges`, `distributions` or `probes`; empty where it was not made."""
        return self.folder.table(name)

    def kernel(self, source: Unit | str, target: Unit | str) -> Kernel | None:
        """The expanded weight of a direct edge as it was extracted, mostly in float16; None for any other edge.

        Raises NoPath where no edge leads from source to target. `LiveNetwork.expanded_weight` computes any.
        """
        from extract.folder.kernel_support import support  # slow to import, and a catalog does without

        one, other = self.architecture.unit(str(source)), self.architecture.unit(str(target))
        place = support(self.architecture, one.layer, other.layer)
        values = self.folder.kernel(one, other)
        return None if values is None else Kernel(one, other, values, place.rows.start, place.cut)

    def weight_distributions(
        self, layer: Layer | str, other: Layer | str | None = None, direction: "ContributionDirection | None" = None
    ) -> "pa.Table":
        """How the weights of a layer's units are spread over every other layer's units, or over one's: a row a unit.

        Moments, bimodality and density at zero, `backward` over sources or `forward` over targets, or both.
        """
        name = self.architecture.layer
        return self.folder.distributions(name(str(layer)), None if other is None else name(str(other)), direction)

    def weight_summaries(self, layer: Layer | str) -> Table[WeightSummary]:
        """`weight_distributions` in short: a record for each other layer and direction, in forward order."""
        return Table(f"Distribution of the weights of {layer}", summaries(self.weight_distributions(layer)))

    def top_100_shares(self, layer: Layer | str | None = None) -> Table[ShortcutShares]:
        """Shares over the shortcut on the top 100 probes of every unit of a sum, or of all sums.

        Raises ExtractionError where no probes were shown, or an earlier version recorded them.
        """
        total = None if layer is None else self.architecture.layer(str(layer))
        return Table("Shares over the shortcut on the top 100 probes", shortcut_shares(self.folder, total))

    @property
    def has_census(self) -> bool:
        """Whether a census was taken of it, on probes."""
        return self.folder.has("census_settings.parquet")

    def sensitivity(self, layer: Layer | str | None = None) -> "Table[CensusVariant]":
        """The census of a sum, None for the last, with one thing changed at a time.

        Empty where `LiveNetwork.sensitivity` did not take it. Raises UnknownUnit for a layer that is none.
        """
        from extract.folder.census_variants import variants  # slow to import, and a catalog does without

        total = self._sum(layer)
        return Table(f"The census of {total} with one thing changed at a time", variants(self.folder, total))

    def pairings(self, layer: Layer | str | None = None) -> "Table[PairingComparison]":
        """A sum, None for the last, beside its branches paired anew.

        Empty where `LiveNetwork.pairings` did not pair them. Raises UnknownUnit for a layer that is none.
        """
        from extract.folder.census_variants import pairing_comparisons  # slow to import, and a catalog does without

        total = self._sum(layer)
        return Table(f"{total} beside its branches paired anew", pairing_comparisons(self.folder, total))

    def verdicts(self, unit: Unit | str) -> dict[str, str]:
        """A unit's verdict by what is changed in `sensitivity`, such as `nothing` or `pictures alone`."""
        from extract.folder.census_variants import verdicts_by_change  # slow to import, and a catalog does without

        return verdicts_by_change(self.folder, self.architecture.unit(str(unit), self.model))

    def _sum(self, layer: Layer | str | None) -> Layer:
        return self.architecture.final if layer is None else self.architecture.layer(str(layer))

    def macroscopic(self, units: int | None = None) -> "Macroscopic":
        """The article's macroscopic claims: how contributions between layers are distributed, beside controls.

        `units` is how many units of each layer every statistic is taken over, None for as many as the controls have.
        """
        from catalog.macroscopic.macroscopic import Macroscopic  # slow to import, and a catalog does without

        return Macroscopic(self.folder) if units is None else Macroscopic(self.folder, units)

    def distribution(self, unit: Unit | str, part: Part = "unit", bins: int = 100) -> "ActivationDistribution":
        """How a unit's activation over all probes is distributed.

        Raises ExtractionError where its layer was not measured, LevelsError for a unit that does the same on all.
        """
        from extract.responses.levels import distribution  # slow to import, and a catalog does without

        return distribution(self.folder, self.unit(unit, part), bins)

    def draw_levels(
        self, unit: Unit | str, folder: Path | str, levels: Iterable[float], count: int = 10, part: Part = "unit"
    ) -> Path:
        """Lay out `count` images of each level, to be sorted into categories; the sheet to fill in.

        A level is a distance from the mean over all probes, in standard deviations.
        """
        from extract.responses.sorting_task import draw  # slow to import, and a catalog does without

        return draw(self.folder, self.unit(unit, part), levels, at_home(folder), count)

    def store_sorting(
        self, unit: Unit | str, sheet: Path | str, part: Part = "unit", replace: bool = False
    ) -> "tuple[Estimate, ...]":
        """Store how somebody sorted the images of `draw_levels`; how probable each category is at each level.

        `replace` replaces what another sheet said of the same part; else that raises LevelsError.
        """
        from extract.responses.levels import store  # slow to import, and a catalog does without
        from extract.responses.sorting_task import read  # slow to import, and a catalog does without

        named = self.architecture.unit(str(unit))
        if part != "unit":
            self.unit(named, part)  # raises UnknownUnit for a unit without branches
        return store(self.folder, named, part, read(at_home(sheet)), replace=replace)

    def unit(self, unit: Unit | str, part: Part = "unit") -> Unit:
        """A unit, or of a sum's unit that of one of its branches. Raises UnknownUnit."""
        from extract.responses.levels import of_branch  # slow to import, and a catalog does without

        named = self.architecture.unit(str(unit))
        return named if part == "unit" else of_branch(self.folder, named, part)

    def __repr__(self) -> str:
        """The model and the place."""
        return f"<extraction of {self.model} in {self.path}>"
