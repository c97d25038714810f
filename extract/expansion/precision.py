"""The precision in which kernels are computed, and how far a lower one is from float32, measured on a sample."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch

from extract.errors import WeightsError
from extract.expansion.expanded_weights import sweep_together
from extract.expansion.finite import check_finite
from extract.expansion.plan import Shard
from extract.folder.manifest import Deviation, Precision
from extract.network.network import Network
from extract.ranking import Floats
from extract.units import Architecture, Layer

_GROUPS, _CHANNELS = 8, 4  # groups of targets and channels of each that are swept twice


def check(precision: Precision, device: torch.device) -> None:
    """Raise WeightsError for TF32 on a processor, because only graphics cards have TF32."""
    if precision == "tf32" and device.type != "cuda":
        raise WeightsError(
            f"TF32 is a precision of graphics cards, and the network is on {device}. Choose the device cuda, or the "
            "precision float32 or bfloat16."
        )


def dtype(precision: Precision) -> torch.dtype | None:
    """Return the type of a sweep's convolutions for a precision; None means the sweep's own default."""
    return torch.bfloat16 if precision == "bfloat16" else None


def deviations(network: Network, shards: Sequence[Shard], precision: Precision) -> tuple[Deviation, ...]:
    """Sweep a sample in float32 too, and return the errors of magnitudes for each distance between source and target.

    Distance is in blocks. The sample has every source into four channels of eight groups of targets, evenly spread, or
    of all groups if there are fewer. For float32 itself, returns none. Raises ExtractionError if weights overflow.
    """
    groups = list(dict.fromkeys(shard.targets for shard in shards))
    if precision == "float32" or not groups:
        return ()
    errors = defaultdict[int, list[Floats]](list)
    for place in sorted({round(place) for place in np.linspace(0, len(groups) - 1, _GROUPS)}):
        for blocks, relative in _errors(network, groups[place], precision):
            errors[blocks].append(relative)
    return tuple(_summary(blocks, np.concatenate(errors[blocks])) for blocks in sorted(errors))


def _errors(network: Network, targets: Sequence[Layer], precision: Precision) -> list[tuple[int, Floats]]:
    """Return for each layer pair the number of blocks between, and the relative errors of magnitudes against float32.

    Magnitudes of 0 are left out.
    """
    count = network.architecture.channels(targets[0])
    channels = range(0, count, max(1, count // _CHANNELS))
    exact, lower = (_magnitudes(network, targets, channels, each) for each in ("float32", precision))
    return [
        (_blocks_between(network.architecture, source, target), _relative(lower[target][source], magnitude))
        for target in targets
        for source, magnitude in exact[target].items()
    ]


def _magnitudes(
    network: Network, targets: Sequence[Layer], channels: range, precision: Precision
) -> dict[Layer, dict[Layer, Floats]]:
    """Sweep magnitudes (channels, source channels) in one precision, keyed by target, then by source.

    Raises ExtractionError if weights overflow.
    """
    tf32 = precision == "tf32"
    swept = sweep_together(network, targets, channels, dtype=dtype(precision), units=len(channels), tf32=tf32)
    ((_, weights),) = swept
    magnitudes = {
        target: {source: statistics.magnitude.cpu().numpy() for source, statistics in by_source.items()}
        for target, by_source in weights.items()
    }
    for target, by_source in magnitudes.items():
        check_finite(target, by_source.values())
    return magnitudes


def _relative(lower: Floats, exact: Floats) -> Floats:
    """Return the errors of magnitudes relative to the exact ones, where these are not 0."""
    positive = exact > 0
    relative: Floats = np.abs(lower[positive] - exact[positive]) / exact[positive]
    return relative


def _blocks_between(architecture: Architecture, source: Layer, target: Layer) -> int:
    """Count the blocks between a source's block and a target's block; 0 for the same block, and for the next."""
    blocks = [total for total in architecture.sums if source.output < total < target.output]
    return len(blocks)


def _summary(blocks: int, errors: Floats) -> Deviation:
    median, percentile_99, largest = np.quantile(errors, [0.5, 0.99, 1]).tolist() if errors.size else (0, 0, 0)
    return Deviation(blocks=blocks, pairs=errors.size, median=median, percentile_99=percentile_99, largest=largest)
