"""The dense rows of a shard: what its target channels receive from every unit below."""

from collections.abc import Callable

import numpy as np

from extract.errors import ExtractionError
from extract.expansion.expanded_weights import sweep
from extract.expansion.plan import Shard
from extract.folder.kernel_support import sources, support
from extract.network.network import Network
from extract.ranking import Floats
from extract.units import Layer

Dense = dict[Layer, tuple[Floats, Floats]]  # by source: magnitude and mean, both float32 (channels, source channels)


def rows(network: Network, shard: Shard, done: Callable[[int], object]) -> dict[Layer, Dense]:
    """Sweep a shard: by target, the rows of the shard's channels; `done` is called with counts of swept units.

    Raises ExtractionError if weights overflow.
    """
    return {target: _dense(network, target, shard.channels, done) for target in shard.targets}


def _dense(network: Network, target: Layer, channels: range, done: Callable[[int], object]) -> Dense:
    architecture = network.architecture
    spans = {source: support(architecture, source, target).span for source in sources(architecture, target)}
    shapes = {source: (len(channels), architecture.channels(source)) for source in spans}
    dense = {source: (np.empty(shape, np.float32), np.empty(shape, np.float32)) for source, shape in shapes.items()}
    for swept, weights in sweep(network, target, channels, tuple(spans)):
        place = slice(swept.start - channels.start, swept.stop - channels.start)
        for source, (magnitude, mean) in dense.items():
            magnitude[place] = weights[source].magnitude.cpu().numpy()
            mean[place] = weights[source].sum.cpu().numpy() / spans[source]
        done(len(swept))
    if not all(np.isfinite(magnitude).all() for magnitude, _ in dense.values()):
        raise ExtractionError(
            f"The weights into target layer {target} overflow. Usually the network's weights are damaged: "
            "fetch them again."
        )
    return dense
