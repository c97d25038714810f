"""Expanded weights: the linear map from a source layer to the centre of a target layer, over every path between them.

An expanded weight is a gradient, computed with every ReLU as the identity and batch norm in eval mode. It is the
gradient of a target unit's pre-activation at the centre of its map, (H - 1) // 2, with regard to a source layer. The
source layer is read at the batch norm's output for indexes 1 and 3, and at the block's output for 6 and 8. As sources,
5 and 7 equal their block's output, because the sum passes both on. A kernel wider than its map is cut by the border, as
in the network. Definition: Voss et al. 2021, "Visualizing Weights".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from threading import Event
from typing import TypeVar

import torch
from torch import Tensor

from extract.expansion.backward import Descent, Gradients, float32_on
from extract.expansion.plan import CARD_BATCH, CPU_BATCH
from extract.expansion.sweep_statistics import AddedUp, Weights, statistics
from extract.folder.kernel_support import gradient_layer, sources, support
from extract.network.network import Network
from extract.parallel import ordered_parallel_map
from extract.units import Architecture, Layer, Unit

R = TypeVar("R")


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
    at_once: int | None = None,
) -> Iterator[tuple[range, dict[Layer, dict[Layer, Weights]]]]:
    """Sweep several targets of equally many channels in one descent, and yield weights keyed by target, then by source.

    If both branches of a sum are targets too, the sum is not swept: its kernels are its branches' kernels added up.
    With `tf32` a graphics card rounds what it multiplies in float32 to 10 bits. On a CPU at most `at_once` batches are
    swept in parallel, by default one on each thread. Everything else is as in `sweep`.
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
    batches = tuple(_batches(channels, units or batch_size(descent.device)))
    abandoned = Event()  # set when no more batches are asked for

    def weights(batch: range) -> dict[Layer, dict[Layer, Weights]]:
        gradients = takewhile(lambda _: not abandoned.is_set(), descent.gradients(batch, memory))
        with float32_on(descent.device, tf32):
            return _weights(gradients, places, descent.added_up)

    parallel = batches_at_once(descent.device, at_once)
    results = map(weights, batches) if parallel == 1 else _in_threads(weights, batches, parallel, abandoned)
    yield from zip(batches, results, strict=True)


_all_sources = sources  # inside a sweep the name is its argument


def batch_size(device: torch.device | str) -> int:
    """Return how many channels are swept at a time on a device.

    Runs of channels whose lengths are multiples of this number give the same bytes.
    """
    return CPU_BATCH if str(device).startswith("cpu") else CARD_BATCH


def batches_at_once(device: torch.device, most: int | None = None) -> int:
    """Return how many batches are swept in parallel: at most `most`, and one for each of torch's threads on a CPU."""
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    return threads if most is None else min(most, threads)


def _batches(channels: range, units: int) -> Iterator[range]:
    for first in range(0, len(channels), units):
        yield channels[first : first + units]


def _weights(
    gradients: Iterator[tuple[Layer, Gradients]], places: Mapping[Layer, Mapping[Layer, Layer]], added_up: AddedUp
) -> dict[Layer, dict[Layer, Weights]]:
    """Compute the statistics of the kernels for each target and source from the gradients at every layer.

    `places` holds, for each target and source, the layer whose gradient is the kernel.
    """
    parts = {target: {place: list[Weights]() for place in below.values()} for target, below in places.items()}
    for place, reached in gradients:
        read = any(place in below for below in parts.values())
        for target, weights in (statistics(reached, added_up) if read else {}).items():
            if place in parts[target]:
                parts[target][place].append(weights)
    return {
        target: {source: _joined(parts[target][place]) for source, place in below.items()}
        for target, below in places.items()
    }


def _joined(parts: Sequence[Weights]) -> Weights:
    return Weights(torch.cat([part.magnitude for part in parts]), torch.cat([part.sum for part in parts]))


def _in_threads(work: Callable[[range], R], batches: Sequence[range], at_once: int, abandoned: Event) -> Iterator[R]:
    """Work on batches in parallel, each with its part of the threads; yield the results in the batches' order.

    Convolutions of small maps on several threads wait for each other, which takes a seventh of the time on two cores,
    and most of it where the cores are busy. With a batch on each thread, bytes do not depend on the number of threads.
    """
    threads = torch.get_num_threads()
    begin = partial(_compute_with, threads // at_once)
    try:
        yield from ordered_parallel_map(work, batches, at_once, at_once, begin=begin, leave=abandoned.set)
    finally:
        torch.set_num_threads(threads)  # for threads to come; this one's number has not changed


def _compute_with(threads: int) -> None:
    """Set the number of threads for this one; torch sets a new thread's number when it is first asked for."""
    torch.get_num_threads()
    torch.set_num_threads(threads)
