"""The sweep against autograd: every unit pair from all 47 source layers into RN50's 4/2/5, statistics included.

Prints one table, measured in one run. The methods take turns, and the best turn of each counts:

    python tests/benchmarks/sweep.py [--rounds 3] [--batches 4]

Captum's way is one backward pass for each unit and source. The best use of autograd is one backward pass for each unit
that returns all sources, in either memory format. On a busy machine compare CPU times, with OMP_NUM_THREADS=1, since
waiting threads burn them.
"""

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from extract.expansion.expanded_weights import batch_size, sweep
from extract.folder.kernel_support import sources
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer

TARGET = Layer.parse("4/2/5")
Statistics = list[tuple[Tensor, Tensor]]  # by source: magnitude and sum, both (channels,)


@dataclass
class Method:
    """A way to the statistics: `run` takes the first of `units` channels and returns the statistics of this channel."""

    name: str
    units: int
    run: Callable[[int], Statistics]
    wall: list[float] = field(default_factory=list)  # seconds a unit
    cpu: list[float] = field(default_factory=list)
    first: Statistics = field(default_factory=list)  # of channel 0
    gflop: float = 0.0  # a unit

    def count(self) -> None:
        """Count operations on one thread, because the counter sees those of its own thread alone."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_convolution: _flops}) as counter:
            self.first = self.run(0)
        torch.set_num_threads(threads)
        self.gflop = counter.get_total_flops() / self.units / 1e9

    def time(self, channel: int) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.run(channel)
        self.wall.append((time.perf_counter() - wall) / self.units)
        self.cpu.append((time.process_time() - cpu) / self.units)


def _flops(values: list[int], weight: list[int], *_: object, out_shape: list[int], **__: object) -> int:
    """Count the operations of a 1x1 convolution that calls oneDNN, which torch's counter does not know."""
    return conv_flop_count(values, weight, out_shape)


class Autograd:
    """open_clip's module with the identity in place of its ReLUs, after one forward pass."""

    def __init__(self, network: Network, memory_format: torch.memory_format) -> None:
        visual = deepcopy(network.visual).to(memory_format=memory_format)
        for module in list(visual.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.Identity())
        self.maps: dict[Layer, Tensor] = {}
        for layer in network.architecture.layers:
            visual.get_submodule(layer.module).register_forward_hook(self._keep(layer))
        weight = network.visual.get_parameter("conv1.weight")
        side = network.architecture.image_size
        image = weight.new_zeros(1, 3, side, side).contiguous(memory_format=memory_format)
        visual(image.requires_grad_())
        centre = (network.architecture.grid(TARGET) - 1) // 2
        self.units = self.maps[TARGET][0, :, centre, centre]  # (channels,)
        self.below = [self.maps[source] for source in sources(network.architecture, TARGET)]

    def _keep(self, layer: Layer) -> Callable[[nn.Module, tuple[Tensor], Tensor], Tensor]:
        def keep(_: nn.Module, __: tuple[Tensor], output: Tensor) -> Tensor:
            self.maps[layer] = output  # a sum's is the block's output
            return output.clone() if layer.role in ("conv", "downsample") else output  # the block adds to it in place

        return keep

    def together(self, channel: int) -> Statistics:
        kernels = torch.autograd.grad(self.units[channel], self.below, retain_graph=True)
        return [statistics(kernel) for kernel in kernels]

    def singly(self, channel: int) -> Statistics:
        unit = self.units[channel]
        return [statistics(torch.autograd.grad(unit, source, retain_graph=True)[0]) for source in self.below]


def statistics(kernel: Tensor) -> tuple[Tensor, Tensor]:
    return (kernel * kernel).sum((0, 2, 3)).sqrt(), kernel.sum((0, 2, 3))


def swept(network: Network, units: int, dtype: torch.dtype) -> Callable[[int], Statistics]:
    def run(channel: int) -> Statistics:
        batches = list(sweep(network, TARGET, range(channel, channel + units), dtype=dtype))
        return [(found.magnitude[0], found.sum[0]) for found in batches[0][1].values()]

    return run


def rates() -> dict[str, float]:
    """Measure the best that one core's convolutions and matrix products reach here, in GFLOP a second."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a process's CPU time counts other threads in steps of milliseconds
    image = torch.randn(16, 256, 14, 14).contiguous(memory_format=torch.channels_last)
    best = {}
    for side in (1, 3):
        kernel = torch.randn(256, 256, side, side).contiguous(memory_format=torch.channels_last)
        seconds = _best(partial(F.conv2d, image, kernel, padding=side // 2))
        best[f"{side}x{side} convolution"] = 2 * 16 * 14**2 * 256**2 * side**2 / seconds / 1e9
    square = torch.randn(1024, 1024)
    best["matrix product"] = 2 * 1024**3 / _best(partial(torch.matmul, square, square)) / 1e9
    torch.set_num_threads(threads)
    return best


def _best(run: Callable[[], object]) -> float:
    times = []
    for _ in range(8):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)


def error(found: Statistics, expected: Statistics) -> float:
    """Return the largest relative error of a source's magnitudes."""
    pairs = zip(found, expected, strict=True)
    return max(float((ours[0] - theirs[0]).norm() / theirs[0].norm()) for ours, theirs in pairs)


def methods(network: Network, units: int) -> list[Method]:
    plain, last = (Autograd(network, order) for order in (torch.contiguous_format, torch.channels_last))
    return [
        Method("one backward a unit and source", 1, plain.singly),
        Method("one backward a unit", 1, plain.together),
        Method("one backward a unit, channels-last", 1, last.together),
        Method("sweep, float32", units, swept(network, units, torch.float32)),
        Method("sweep, bfloat16", units, swept(network, units, torch.bfloat16)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=4, help="that a thread sweeps in a turn")
    arguments = parser.parse_args()
    units = arguments.batches * torch.get_num_threads() * batch_size("cpu")
    tried = methods(load_network("RN50"), units)
    for method in tried:
        method.count()
    for turn in range(1, arguments.rounds + 1):
        for method in tried[1:] if turn > 1 else tried:  # the slowest method runs once only
            method.time(turn)
    print(f"{torch.get_num_threads()} threads; GFLOP/s of a core:", *(f"{k} {v:.0f}" for k, v in rates().items()))
    print_table(tried)


def print_table(tried: list[Method]) -> None:
    wall, cpu = (min(min(getattr(method, kind)) for method in tried[1:3]) for kind in ("wall", "cpu"))
    print(f"{'a unit of 4/2/5, 47 sources':36} wall ms  CPU ms   GFLOP  GFLOP/s  times faster: wall   CPU   error")
    for method in tried:
        waited, took = min(method.wall), min(method.cpu)
        print(
            f"{method.name:36} {waited * 1e3:7.0f} {took * 1e3:7.0f} {method.gflop:7.1f} {method.gflop / took:8.0f}"
            f" {wall / waited:19.2f} {cpu / took:5.2f} {error(method.first, tried[1].first):7.1e}"
        )


if __name__ == "__main__":
    main()
