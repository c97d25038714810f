"""The sweep's values against autograd in float64: random unit pairs over all layer pairs, sums as added up included.

Prints the largest errors of magnitude and sum in float32, in parts of the kernel's magnitude, compared with those of
autograd in float32, for each number of positions that a kernel has. A kernel of a single position is one sum of
products, which can be small compared with its terms. Then come the errors in bfloat16 by the number of blocks between
the two layers. The error of a sum of n positions is divided by the root of n, because the sum can be that many times
the magnitude:

    python -m tests.benchmarks.sweep_values [--network RN50] [--pretrained TAG] [--pairs 500] [--seed 0]
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from extract.expansion.expanded_weights import sweep_together
from extract.expansion.plan import Shard, added_up, plan
from extract.folder.kernel_support import sources, support
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer, Unit
from tests.benchmarks.sweep import Autograd

Errors = tuple[float, ...]
Values = tuple[float, float]  # of a kernel: its magnitude and sum
MEMORY = 2**40  # bytes, so many that a group of targets is one shard


def pairs(network: Network, shards: tuple[Shard, ...], count: int, seed: int) -> Iterator[tuple[Shard, Unit, Unit]]:
    """Draw layer pairs, each as likely as any other, and a unit of either layer."""
    random, shape = np.random.default_rng(seed), network.architecture
    every = [
        (shard, target, source) for shard in shards for target in shard.targets for source in sources(shape, target)
    ]
    for place in random.integers(len(every), size=count):
        shard, target, source = every[place]
        yield shard, *(Unit(layer, int(random.integers(shape.channels(layer)))) for layer in (target, source))


def together(network: Network, shard: Shard, source: Unit) -> list[Layer]:
    """Return the targets of a shard that lie above a source."""
    return [layer for layer in shard.targets if source.layer in sources(network.architecture, layer)]


def swept(network: Network, shard: Shard, target: Unit, source: Unit, dtype: torch.dtype) -> Values:
    """Compute the magnitude and sum of a kernel as an extraction does, swept together with the targets of the shard."""
    targets = together(network, shard, source)
    channels = range(target.channel, target.channel + 1)
    ((_, weights),) = sweep_together(network, targets, channels, [source.layer], dtype)
    kernels = weights[target.layer][source.layer]
    return float(kernels.magnitude[0, source.channel]), float(kernels.sum[0, source.channel])


def by_autograd(autograd: Autograd, target: Unit, source: Unit) -> Values:
    """Compute the magnitude and sum of a kernel by autograd."""
    image = autograd.maps[target.layer]
    centre = (image.shape[-1] - 1) // 2
    unit = image[0, target.channel, centre, centre]
    (kernel,) = torch.autograd.grad(unit, autograd.maps[source.layer], retain_graph=True)
    return float(kernel[0, source.channel].norm()), float(kernel[0, source.channel].sum())


def errors(values: Values, exact: Values, span: int) -> tuple[float, float]:
    magnitude, total = exact
    return abs(values[0] - magnitude) / magnitude, abs(values[1] - total) / magnitude / span**0.5


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
    double = Autograd(replace(network, clip=deepcopy(network.clip).double()), torch.contiguous_format)
    single = Autograd(network, torch.contiguous_format)
    float32, bfloat16 = defaultdict[str, list[Errors]](list), defaultdict[int, list[Errors]](list)
    sums = 0
    for shard, target, source in pairs(network, plan(shape, targets, MEMORY), arguments.pairs, arguments.seed):
        exact, span = by_autograd(double, target, source), support(shape, source.layer, target.layer).span
        ours, rounded = (swept(network, shard, target, source, dtype) for dtype in (torch.float32, torch.bfloat16))
        theirs = errors(by_autograd(single, target, source), exact, span)
        float32["one" if span == 1 else "several"].append((*errors(ours, exact, span), *theirs))
        between = sum(source.layer.output < block < target.layer.output for block in shape.sums)
        bfloat16[between].append(errors(rounded, exact, span))
        sums += target.layer in added_up(shape, together(network, shard, source))
    print(f"{arguments.pairs} pairs, {sums} into sums that are added up; errors in parts of the kernel's magnitude")
    print("float32, positions: pairs, largest error of the magnitude and of the sum, and autograd's")
    for positions, rows in sorted(float32.items()):
        print(f"{positions:8} {len(rows):4}", *(f"{error:9.1e}" for error in np.max(rows, axis=0)))
    print("bfloat16, blocks between: pairs, median and largest error of the magnitude, of the sum")
    for blocks, rows in sorted(bfloat16.items()):
        (a, b), (c, d) = np.median(rows, axis=0), np.max(rows, axis=0)
        print(f"{blocks:4} {len(rows):5} {a:9.1e} {c:9.1e} {b:9.1e} {d:9.1e}")


if __name__ == "__main__":
    main()
