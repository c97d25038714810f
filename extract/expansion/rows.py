"""The dense rows of a shard: the weights into its target channels from every unit below."""

from collections.abc import Callable

import numpy as np

from extract.expansion.expanded_weights import sweep_together
from extract.expansion.finite import check_finite
from extract.expansion.plan import Shard
from extract.expansion.precision import dtype
from extract.folder.kernel_support import sources, support
from extract.folder.manifest import Precision
from extract.network.network import Network
from extract.ranking import Floats
from extract.units import Architecture, Layer

Dense = dict[Layer, tuple[Floats, Floats]]  # keyed by source: magnitude, mean, both float32 (channels, source channels)


def rows(
    network: Network,
    shard: Shard,
    done: Callable[[int], object],
    precision: Precision = "float32",
    at_once: int | None = None,
) -> dict[Layer, Dense]:
    """Sweep a shard, and return the rows of its channels, keyed by target.

    `done` is called after every batch with the number of swept units, and `at_once` is that of `sweep_together`. Raises
    ExtractionError if weights overflow.
    """
    architecture, channels = network.architecture, shard.channels
    dense = {target: _empty(architecture, target, len(channels)) for target in shard.targets}
    for swept, weights in sweep_together(
        network, shard.targets, channels, dtype=dtype(precision), tf32=precision == "tf32", at_once=at_once
    ):
        place = slice(swept.start - channels.start, swept.stop - channels.start)
        for target, by_source in weights.items():
            for source, statistics in by_source.items():
                magnitude, mean = dense[target][source]
                magnitude[place] = statistics.magnitude.cpu().numpy()
                mean[place] = statistics.sum.cpu().numpy() / support(architecture, source, target).span
        done(len(swept) * len(shard.targets))
    for target, matrices in dense.items():
        check_finite(target, (magnitude for magnitude, _ in matrices.values()))
    return dense


def _empty(architecture: Architecture, target: Layer, channels: int) -> Dense:
    shapes = {source: (channels, architecture.channels(source)) for source in sources(architecture, target)}
    return {source: (np.empty(shape, np.float32), np.empty(shape, np.float32)) for source, shape in shapes.items()}
