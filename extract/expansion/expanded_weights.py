"""Expanded weights: the linear map from a source layer to the centre of a target layer, over every path between them.

An expanded weight is a gradient, computed with every ReLU as the identity and batch norm in eval mode. It is the
gradient of a target unit's pre-activation at the centre of its map, (H - 1) // 2, with regard to a source layer. The
source layer is read at the batch norm's output for indexes 1 and 3, and at the block's output for 6 and 8. As sources,
5 and 7 equal their block's output, because the sum passes both on. A kernel wider than its map is cut by the border, as
in the network. Definition: Voss et al. 2021, "Visualizing Weights".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from extract.expansion.backward import Descent, Gradients, float32_on
from extract.expansion.window import Gradient
from extract.folder.kernel_support import gradient_layer, sources, support
from extract.network.network import Network
from extract.units import Architecture, Layer, Unit

_CPU_UNITS, _CARD_UNITS = 16, 256  # units at a time, as measured; `Descent.gradients` splits them on large maps
_STRIP = 2**19  # numbers whose squares stay in a processor's cache


@dataclass(frozen=True)
class Weights:
    """Statistics of the kernels from one source layer."""

    magnitude: Tensor  # (target channels, source channels), the Frobenius norm over positions
    sum: Tensor  # (target channels, source channels), over positions


def expanded_weights(
    network: Network, source: Unit | Layer, target: Unit | Layer, dtype: torch.dtype | None = None
) -> Tensor:
    """Compute the kernels between two units, as (h, w), or two layers (target channels, source channels, h, w).

    (h, w) is the rectangle of `support`. With a unit on one side only, that side's dimension is left out. The kernels
    have the type `dtype`; by default they are float64 for a float64 network, and float32 otherwise. Raises the NoPath
    of `support`, and UnknownUnit.
    """
    architecture, lower, upper = network.architecture, _layer(source), _layer(target)
    rows = support(architecture, lower, upper).rows
    read, swept = _channels(architecture, source), _channels(architecture, target)
    descent = Descent.between(network, gradient_layer(architecture, lower, upper), [upper], dtype)
    shape = len(swept), len(read), rows.stop - rows.start, rows.stop - rows.start
    kernels = torch.empty(shape, dtype=descent.dtype, device=descent.device)  # (target channels, source channels, h, w)
    done = 0
    for part in _lowest(descent, upper, swept):
        kernels[done : done + len(part)] = part[:, read.start : read.stop]
        done += len(part)
    kernels = kernels[0] if isinstance(target, Unit) else kernels
    return kernels.select(-3, 0) if isinstance(source, Unit) else kernels


def _layer(end: Unit | Layer) -> Layer:
    return end.layer if isinstance(end, Unit) else end


def _channels(architecture: Architecture, end: Unit | Layer) -> range:
    if isinstance(end, Layer):
        return range(architecture.channels(end))
    channel = architecture.unit(str(end)).channel
    return range(channel, channel + 1)


def _lowest(descent: Descent, target: Layer, channels: range) -> Iterator[Tensor]:
    """Compute the expanded weights from a descent's lowest layer, and yield them by runs of the target channels.

    Each run is (target channels, source channels, h, w).
    """
    for batch in _batches(channels, batch_size(descent.device)):
        with float32_on(descent.device):
            reached = [below for place, below in descent.gradients(batch) if place == descent.lowest]
        yield from (gradients[target].dense().values for gradients in reached)


def sweep(
    network: Network,
    target: Layer,
    channels: range,
    sources: Sequence[Layer] | None = None,
    dtype: torch.dtype | None = None,
    units: int | None = None,
    memory: int | None = None,
) -> Iterator[tuple[range, dict[Layer, Weights]]]:
    """Compute magnitudes and sums of the kernels from every source layer, and yield them per batch of target channels.

    A sweep is one descent of gradients from the target, which serves all `sources` (by default every source there is).
    Batches come in the order of `channels`. `units` is a batch's size; where maps are large, a batch is split so that
    no gradient takes more than `memory` bytes. The defaults of both suit the device. `dtype` is the type of the
    convolutions, as in `expanded_weights`; statistics are in float32 at least. Raises the NoPath and UnknownUnit of
    `expanded_weights`.
    """
    for batch, weights in sweep_together(network, [target], channels, sources, dtype, units, memory):
        yield batch, weights[target]


def sweep_together(
    network: Network,
    targets: Sequence[Layer],
    channels: range,
    sources: Sequence[Layer] | None = None,
    dtype: torch.dtype | None = None,
    units: int | None = None,
    memory: int | None = None,
    tf32: bool = False,
) -> Iterator[tuple[range, dict[Layer, dict[Layer, Weights]]]]:
    """Sweep several targets of equally many channels in one descent, and yield weights keyed by target, then by source.

    If both branches of a sum are targets too, the sum is not swept: its kernels are its branches' kernels added up.
    With `tf32` a graphics card rounds what it multiplies in float32 to 10 bits. Everything else is as in `sweep`.
    """
    architecture = network.architecture
    places = dict[Layer, dict[Layer, Layer]]()
    for target in targets:
        if channels:
            architecture.unit(f"{target}/{max(channels)}")
        swept = _all_sources(architecture, target) if sources is None else sources
        places[target] = {source: gradient_layer(architecture, source, target) for source in swept}
    lowest = min((place for below in places.values() for place in below.values()), default=min(targets))
    descent = Descent.between(network, lowest, targets, dtype)
    for batch in _batches(channels, units or batch_size(descent.device)):
        with float32_on(descent.device, tf32):
            weights = _weights(descent.gradients(batch, memory), places)
        yield batch, weights


_all_sources = sources  # inside a sweep the name is its argument


def batch_size(device: torch.device | str) -> int:
    """Return how many channels are swept at a time on a device.

    Runs of channels whose lengths are multiples of this number give the same bytes.
    """
    return _CPU_UNITS if str(device).startswith("cpu") else _CARD_UNITS


def _batches(channels: range, units: int) -> Iterator[range]:
    for first in range(0, len(channels), units):
        yield channels[first : first + units]


def _weights(
    gradients: Iterator[tuple[Layer, Gradients]], places: Mapping[Layer, Mapping[Layer, Layer]]
) -> dict[Layer, dict[Layer, Weights]]:
    """Compute the statistics of the kernels for each target and source from the gradients at every layer.

    `places` holds, for each target and source, the layer whose gradient is the kernel.
    """
    parts = {target: {place: list[Weights]() for place in below.values()} for target, below in places.items()}
    for place, reached in gradients:
        for target, gradient in reached.items():
            if place in parts[target]:
                parts[target][place].append(statistics(gradient))
    return {
        target: {source: _joined(parts[target][place]) for source, place in below.items()}
        for target, below in places.items()
    }


def _joined(parts: Sequence[Weights]) -> Weights:
    return Weights(torch.cat([part.magnitude for part in parts]), torch.cat([part.sum for part in parts]))


def statistics(gradient: Gradient) -> Weights:
    """Compute the magnitude and sum of every kernel by multiplying and adding, a strip of positions at a time.

    torch.linalg.vector_norm is not vectorised over positions, the last dimension but one, and takes 4 to 15 times as
    long. The squares of a strip stay in the cache. Statistics are in float32 at least, because bfloat16 cannot add up
    hundreds of values. On a graphics card vector_norm is used: the card reads the kernels twice and writes nothing in
    between.
    """
    values = gradient.values.permute(0, 2, 3, 1).flatten(1, 2)  # (n, positions, channels), no copy in channels-last
    precision = torch.promote_types(values.dtype, torch.float32)
    if values.device.type == "cuda":
        norm = torch.linalg.vector_norm(values, dim=1, dtype=precision)  # (n, channels)
        return Weights(norm * gradient.cell, values.sum(1, dtype=precision) * gradient.cell**2)
    squares, total = values.new_zeros(2, len(values), values.shape[2], dtype=precision)  # both (n, channels)
    for strip in torch.split(values, max(1, _STRIP // squares.numel()), dim=1):
        exact = strip.to(precision)
        squares += (exact * exact).sum(1)
        total += exact.sum(1)
    return Weights(squares.sqrt() * gradient.cell, total * gradient.cell**2)  # a value stands for cell^2 positions
