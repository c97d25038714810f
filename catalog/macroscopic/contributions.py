"""The contributions between two layers as matrices (target units, source units), in three variants.

scaled  the mean expanded weight from batch norm's output to batch norm's output, as edges have it
raw     from raw convolution to raw convolution, as the article's code takes it: times the source's scale, over the
        target's; a sum has no batch norm, so as a source it has the scale 1
folded  the sizes of raw with the signs of scaled, since the sign of batch norm's gamma is arbitrary
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
_BLOCK = 2**18  # weights read at once for one unit of the source: half a megabyte
_FAINTEST = 2.0**-18  # root mean square of a row in float16: fainter ones have less than six bits


@dataclass(frozen=True)
class Contributions:
    """What the units of one layer contribute to those of another: `scaled` (target units, source units), float64.

    `source_scale` and `target_scale` are batch norm's gamma over its deviation, (units,); `target_scale` is None for a
    sum, which has but the scaled variant. `resolved` (target units,) are those that raw and folded have.
    """

    source: Layer
    target: Layer
    scaled: Floats
    source_scale: Floats
    target_scale: Floats | None
    resolved: NDArray[np.bool]

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Those that it has."""
        return VARIANTS if self.target_scale is not None else ("scaled",)

    def variant(self, name: Variant) -> Floats:
        """The matrix of a variant (target units, source units).

        Raw and folded ones leave out the target units whose weights batch norm scales to nothing, or to less than
        float16 resolves. Raises MacroscopicError for one that a sum does not have.
        """
        if name == "scaled":
            return self.scaled
        if self.target_scale is None:
            raise MacroscopicError(
                f"{self.target} is a sum, which no batch norm scales: it has the scaled variant alone."
            )
        factors = self.source_scale / self.target_scale[self.resolved, None]  # (target units, source units)
        return np.asarray(self.scaled[self.resolved] * (np.abs(factors) if name == "folded" else factors))

    def of_sources(self, channels: Integers, scaled: Floats) -> "Contributions":
        """Others into the same units of the target, from these channels of the source: (target units, channels)."""
        return replace(self, scaled=scaled, source_scale=self.source_scale[channels])


@dataclass(frozen=True)
class Randomised:
    """Contributions of randomised weights, and the network's own from the same few units of the source."""

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
        """The layers below a target, the nearest first. Raises MacroscopicError where no matrix is stored."""
        if target not in self.targets:
            raise MacroscopicError(
                f"{self.folder.path} holds no dense matrices into {target}. Extract this target layer into a new "
                "folder with its matrices (matrices=True)."
            )
        return sources(self.architecture, target)

    def between(self, source: Layer, target: Layer, units: slice = slice(None)) -> Contributions:
        """Read those of two layers, into these units of the target alone.

        Raises MacroscopicError where they are not stored, NoPath where no path leads.
        """
        place = gradient_layer(self.architecture, source, target)
        self.sources(target)
        stored = self.folder.matrix(place, target, "mean", units)
        assert stored is not None  # noqa: S101, a target's matrices are stored all at once
        scaled, scales = stored.astype(np.float64), self.scales.get(target)
        target_scale = None if scales is None else scales[units]
        source_scale = self.scales.get(place, np.ones(stored.shape[1]))
        return Contributions(place, target, scaled, source_scale, target_scale, _resolved(scaled, target_scale))

    @property
    def conv_layers(self) -> tuple[Layer, ...]:
        """The conv branches among them."""
        return tuple(layer for layer in self.targets if layer.role == "conv")

    @property
    def last_conv(self) -> Layer:
        """The last of them, or where there is none the network's."""
        final = self.architecture.final
        return self.conv_layers[-1] if self.conv_layers else Layer(final.stage, final.block, 5)

    def of_unit(self, unit: Unit, other: Layer, direction: "ContributionDirection", variant: Variant) -> Floats:
        """What a unit contributes to each unit of another layer (`forward`), or receives from each: (units,)."""
        if direction == "backward":
            return self.between(other, unit.layer, _only(unit)).variant(variant).ravel()
        blocks = (self.between(unit.layer, other, units) for units in self._blocks(unit.layer, other))
        return np.concatenate([block.variant(variant)[:, unit.channel].copy() for block in blocks])

    def edges(self, unit: Unit, other: Layer, direction: "ContributionDirection") -> tuple[Floats, Floats] | None:
        """Read the means and magnitudes (units,) of a unit's edges with another layer; None where not stored."""
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
        """Slices of the target's units: a unit of the source needs one value of each, which stand far apart."""
        units, step = self.architecture.channels(target), max(1, _BLOCK // self.architecture.channels(source))
        return (slice(first, min(first + step, units)) for first in range(0, units, step))

    def has_randomised(self, target: Layer) -> bool:
        """Whether randomised weights were swept from every layer below a target."""
        return self.folder.has(*(part("randomised", str(source)) for source in self.sources(target)))

    def randomised(self, own: Contributions) -> Randomised | None:
        """Those of randomised weights between the same layers, from a few channels; None where they were not swept."""
        if (swept := self.folder.randomised(own.source, own.target)) is None:
            return None
        channels, means = swept
        return Randomised(own.of_sources(channels, means), own.of_sources(channels, own.scaled[:, channels]))

    @cached_property
    def scales(self) -> Mapping[Layer, Floats]:
        """By layer the scale of each unit's batch norm; sums have none."""
        units = self.folder.table("units").select(["layer", "channel", "scale"]).to_pandas()
        layers = units.dropna().sort_values("channel").groupby("layer")
        return {Layer.parse(str(name)): group["scale"].to_numpy(np.float64) for name, group in layers}


def _only(unit: Unit) -> slice:
    return slice(unit.channel, unit.channel + 1)


def _resolved(scaled: Floats, target_scale: Floats | None) -> NDArray[np.bool]:
    """Which rows are not too faint for float16, of units that batch norm does not scale to nothing: (target units,)."""
    sizes = np.sqrt(np.square(scaled).mean(axis=1))  # (target units,)
    return np.asarray((sizes >= _FAINTEST) & (True if target_scale is None else target_scale != 0))


def default_variant(target: Layer) -> Variant:
    """Raw, as the article has it; scaled where the target is a sum, which has no other."""
    return "scaled" if target.role == "sum" else "raw"


def lower_units(contributions: Contributions, count: int) -> Contributions:
    """Those of a few lower units, evenly spaced over the layer."""
    channels = evenly(contributions.scaled.shape[1], count)
    return contributions.of_sources(channels, contributions.scaled[:, channels])
