"""The sweep's values against autograd in float64: random unit pairs over all layer pairs, sums added up included.

Prints the largest errors of magnitude and sum in float32, in parts of the kernel's magnitude, and those in bfloat16 by
the blocks between the two layers. A sum of n positions is divided by the root of n, as it is up to that many times the
magnitude:

    python -m tests.benchmarks.sweep_values [--network RN50] [--pretrained TAG] [--pairs 500] [--seed 0]
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from extract.expansion.expanded_weights import Weights, sweep_together
from extract.expansion.plan import Shard, added_up, plan
from extract.folder.kernel_support import sources, support
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer, Unit
from tests.benchmarks.sweep import Autograd

MEMORY = 2**40  # a shard a group


def pairs(network: Network, shards: tuple[Shard, ...], count: int, seed: int) -> Iterator[tuple[Shard, Unit, Unit]]:
    """Draw layer pairs, each as likely as any other, and a unit of either layer."""
    random, shape = np.random.default_rng(seed), network.architecture
    every = [
        (shard, target, source) for shard in shards for target in shard.targets for source in sources(shape, target)
    ]
    for place in random.integers(len(every), size=count):
        shard, target, source = every[place]
        yield shard, *(Unit(layer, int(random.integers(shape.channels(layer)))) for layer in (target, source))


def swept(network: Network, shard: Shard, unit: Unit, dtype: torch.dtype) -> dict[Layer, Weights]:
    ((_, weights),) = sweep_together(network, shard.targets, range(unit.channel, unit.channel + 1), dtype=dtype)
    return weights[unit.layer]


def exact(autograd: Autograd, target: Unit, source: Unit) -> tuple[float, float]:
    """The magnitude and sum of a kernel, by autograd."""
    image = autograd.maps[target.layer]
    centre = (image.shape[-1] - 1) // 2
    unit = image[0, target.channel, centre, centre]
    (kernel,) = torch.autograd.grad(unit, autograd.maps[source.layer], retain_graph=True)
    return float(kernel[0, source.channel].norm()), float(kernel[0, source.channel].sum())


def errors(weights: Weights, source: Unit, span: int, magnitude: float, total: float) -> tuple[float, float]:
    size, added = float(weights.magnitude[0, source.channel]), float(weights.sum[0, source.channel])
    return abs(size - magnitude) / magnitude, abs(added - total) / magnitude / span**0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="RN50")
    parser.add_argument("--pretrained")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    network = load_network(arguments.network, arguments.pretrained)
    shape = network.architecture
    targets = [layer for layer in shape.layers if sources(shape, layer)]
    autograd = Autograd(replace(network, clip=deepcopy(network.clip).double()), torch.contiguous_format)
    single, half = list[tuple[float, float]](), defaultdict[int, list[tuple[float, float]]](list)
    sums = 0
    for shard, target, source in pairs(network, plan(shape, targets, MEMORY), arguments.pairs, arguments.seed):
        magnitude, total = exact(autograd, target, source)
        span = support(shape, source.layer, target.layer).span
        ours, rounded = (
            swept(network, shard, target, dtype)[source.layer] for dtype in (torch.float32, torch.bfloat16)
        )
        single.append(errors(ours, source, span, magnitude, total))
        between = sum(source.layer.output < block < target.layer.output for block in shape.sums)
        half[between].append(errors(rounded, source, span, magnitude, total))
        sums += target.layer in added_up(shape, shard.targets)
    largest = np.max(single, axis=0)
    print(f"{len(single)} pairs, {sums} of them into sums that are added up; errors in parts of the kernel's magnitude")
    print(f"float32: magnitude {largest[0]:.1e}, sum {largest[1]:.1e} at most")
    print("bfloat16, blocks between: pairs, median and largest error of the magnitude, of the sum")
    for between, found in sorted(half.items()):
        (a, b), (c, d) = np.median(found, axis=0), np.max(found, axis=0)
        print(f"{between:4} {len(found):5} {a:9.1e} {c:9.1e} {b:9.1e} {d:9.1e}")


if __name__ == "__main__":
    main()
