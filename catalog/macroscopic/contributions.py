"""Read the contributions between two layers as matrices (target units, source units), in three variants.

scaled  the mean expanded weight from batch norm's output to batch norm's output, as edges have it
raw     from raw convolution to raw convolution, as in the article's code: scaled, times the source's batch norm scale,
        divided by the target's; a sum has no batch norm, so its scale as a source is 1
folded  the absolute values of raw with the signs of scaled, because the sign of batch norm's gamma is arbitrary
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from catalog.errors import MacroscopicError
from extract.folder.kernel_support import gradient_layer, sources
from extract.folder.manifest import part
from extract.folder.randomised import evenly
from extract.ranking import Floats, Integers
from extract.units import Architecture, Layer, Unit
from graph.records import Variant

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection, Extraction, MatrixKind

VARIANTS: tuple[Variant, ...] = get_args(Variant)

_KINDS: tuple["MatrixKind", ...] = ("mean", "magnitude")
_BLOCK = 2**18  # weights read together for one unit of the source: half a megabyte
_FAINTEST = 2.0**-18  # root mean square of a row in float16: smaller values have less than six bits


@dataclass(frozen=True)
class Contributions:
    """The contributions of one layer's units to another's: `scaled` is float64 (target units, source units).

    `source_scale` and `target_scale` are batch norm's gamma divided by its standard deviation, (units,); `target_scale`
    is None for a sum, which has only the scaled variant. `resolved`, bool (target units,), marks the target units that
    the raw and folded variants contain.
    """

    source: Layer
    target: Layer
    scaled: Floats
    source_scale: Floats
    target_scale: Floats | None
    resolved: NDArray[np.bool]

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants that these contributions have."""
        return VARIANTS if self.target_scale is not None else ("scaled",)

    def variant(self, name: Variant) -> Floats:
        """Return the matrix of a variant (target units, source units).

        The raw and folded matrices leave out target units whose weights batch norm scales to zero, or to less than
        float16 resolves. Raises MacroscopicError for a variant that a sum does not have.
        """
        if name == "scaled":
            return self.scaled
        if self.target_scale is None:
            raise MacroscopicError(
                f"{self.target} is a sum, which has no batch norm, so only the scaled variant exists. Choose scaled."
            )
        factors = self.source_scale / self.target_scale[self.resolved, None]  # (target units, source units)
        return np.asarray(self.scaled[self.resolved] * (np.abs(factors) if name == "folded" else factors))

    def of_sources(self, channels: Integers, scaled: Floats) -> "Contributions":
        """Return other contributions into the same target units, from these source channels.

        `scaled` is (target units, channels).
        """
        return replace(self, scaled=scaled, source_scale=self.source_scale[channels])


@dataclass(frozen=True)
class Randomised:
    """Contributions of randomised weights, and the network's `own` from the same few units of the source."""

    weights: Contributions
    own: Contributions


class StoredContributions:
    """The contributions in an extraction folder: its dense matrices, and those of randomised weights."""

    def __init__(self, folder: "Extraction") -> None:
        self.folder = folder

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.folder.manifest.architecture

    @property
    def targets(self) -> tuple[Layer, ...]:
        """The layers into which dense matrices are stored, in forward order."""
        stored = self.folder.has if self.folder.manifest.settings.matrices else lambda _: False
        return tuple(layer for layer in self.folder.layers if stored(part("matrices", str(layer))))

    def sources(self, target: Layer) -> tuple[Layer, ...]:
        """Return the layers below a target, nearest first. Raises MacroscopicError if no matrices are stored."""
        if target not in self.targets:
            raise MacroscopicError(
                f"{self.folder.path} holds no dense matrices into {target}. Extract this target layer into a new "
                "folder with its matrices (matrices=True)."
            )
        return sources(self.architecture, target)

    def between(self, source: Layer, target: Layer, units: slice = slice(None)) -> Contributions:
        """Read the contributions between two layers, into these units of the target only.

        Raises MacroscopicError if they are not stored, NoPath if no path leads from source to target.
        """
        place = gradient_layer(self.architecture, source, target)
        self.sources(target)
        stored = self.folder.matrix(place, target, "mean", units)
        assert stored is not None  # noqa: S101, a target's matrices are stored together
        scaled, scales = stored.astype(np.float64), self.scales.get(target)
        target_scale = None if scales is None else scales[units]
        source_scale = self.scales.get(place, np.ones(stored.shape[1]))
        return Contributions(place, target, scaled, source_scale, target_scale, _resolved(scaled, target_scale))

    @property
    def conv_layers(self) -> tuple[Layer, ...]:
        """The conv branches into which dense matrices are stored, in forward order."""
        return tuple(layer for layer in self.targets if layer.role == "conv")

    @property
    def last_conv(self) -> Layer:
        """The last conv branch into which matrices are stored; if there is none, the network's last conv branch."""
        final = self.architecture.final
        return self.conv_layers[-1] if self.conv_layers else Layer(final.stage, final.block, 5)

    def of_unit(self, unit: Unit, other: Layer, direction: "ContributionDirection", variant: Variant) -> Floats:
        """Read a unit's contributions to (`forward`) or from (`backward`) each unit of another layer: (units,)."""
        if direction == "backward":
            return self.between(other, unit.layer, _only(unit)).variant(variant).ravel()
        blocks = (self.between(unit.layer, other, units) for units in self._blocks(unit.layer, other))
        return np.concatenate([block.variant(variant)[:, unit.channel].copy() for block in blocks])

    def edges(self, unit: Unit, other: Layer, direction: "ContributionDirection") -> tuple[Floats, Floats] | None:
        """Read the means and magnitudes, each (units,), of a unit's edges with another layer; None if not stored."""
        if direction == "forward":
            parts = [(block, _only(unit)) for block in self._blocks(unit.layer, other)]
            source, target = unit.layer.as_source, other
        else:
            parts, source, target = [(_only(unit), slice(None))], other, unit.layer
        means, magnitudes = (
            [
                stored[:, columns].ravel().astype(np.float64)
                for rows, columns in parts
                if (stored := self.folder.matrix(source, target, kind, rows)) is not None
            ]
            for kind in _KINDS
        )
        return (np.concatenate(means), np.concatenate(magnitudes)) if means and magnitudes else None

    def _blocks(self, source: Layer, target: Layer) -> Iterator[slice]:
        """Yield slices of the target's units, to read a source unit's values, one per row, in blocks of whole rows."""
        units, step = self.architecture.channels(target), max(1, _BLOCK // self.architecture.channels(source))
        return (slice(first, min(first + step, units)) for first in range(0, units, step))

    def has_randomised(self, target: Layer) -> bool:
        """Check whether randomised weights were swept from every layer below a target."""
        return self.folder.has(*(part("randomised", str(source)) for source in self.sources(target)))

    def randomised(self, own: Contributions) -> Randomised | None:
        """Read the contributions of randomised weights between the same layers, from a few source channels.

        Returns None if randomised weights were not swept.
        """
        if (swept := self.folder.randomised(own.source, own.target)) is None:
            return None
        channels, means = swept
        return Randomised(own.of_sources(channels, means), own.of_sources(channels, own.scaled[:, channels]))

    @cached_property
    def scales(self) -> Mapping[Layer, Floats]:
        """The scale of each unit's batch norm, keyed by layer; sums have none."""
        units = self.folder.table("units").select(["layer", "channel", "scale"]).to_pandas()
        layers = units.dropna().sort_values("channel").groupby("layer")
        return {Layer.parse(str(name)): group["scale"].to_numpy(np.float64) for name, group in layers}


def _only(unit: Unit) -> slice:
    return slice(unit.channel, unit.channel + 1)


def _resolved(scaled: Floats, target_scale: Floats | None) -> NDArray[np.bool]:
    """Mark the target units that batch norm does not scale to zero and float16 resolves: bool (target units,)."""
    sizes = np.sqrt(np.square(scaled).mean(axis=1))  # (target units,)
    return np.asarray((sizes >= _FAINTEST) & (True if target_scale is None else target_scale != 0))


def default_variant(target: Layer) -> Variant:
    """Return the default variant: raw, as in the article, or for a sum scaled, the only variant of a sum."""
    return "scaled" if target.role == "sum" else "raw"


def lower_units(contributions: Contributions, count: int) -> Contributions:
    """Return the contributions of `count` units of the source, evenly spaced over that layer."""
    channels = evenly(contributions.scaled.shape[1], count)
    return contributions.of_sources(channels, contributions.scaled[:, channels])
