"""The cost of a unit of the last conv branch into all sources, against the network's width and its depth.

Prints CPU milliseconds and GFLOP, statistics included, and the exponents of power laws fitted to them:

    python -m tests.benchmarks.sweep_scaling [--units 16]

On a busy machine set OMP_NUM_THREADS=1.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from extract.expansion.expanded_weights import sweep
from extract.expansion.operations import sweep_operations
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer

BLOCKS = (3, 4, 6, 3)  # RN50's
WIDTHS = (32, 48, 64, 96)
DEPTHS = ((2, 3, 4, 2), BLOCKS, (4, 6, 9, 4), (6, 8, 12, 6))
TEXT = {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1}


def network(blocks: tuple[int, ...], width: int) -> Network:
    """Make a network with random weights, for images of 224 pixels."""
    vision = {"layers": blocks, "width": width, "image_size": 224}
    with TemporaryDirectory() as place:
        path = Path(place) / "network.json"
        path.write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT}))
        return load_network(str(path))


def milliseconds(tried: Network, target: Layer, units: int) -> float:
    """Return the CPU milliseconds of a unit: the best of three batches, after one that warms up."""
    batches = sweep(tried, target, range(4 * units), units=units)
    times = []
    for _ in range(4):
        start = time.process_time()
        next(batches)
        times.append(time.process_time() - start)
    return min(times[1:]) * 1e3 / units


def measure(shapes: list[tuple[tuple[int, ...], int]], sizes: list[int], name: str, units: int) -> None:
    costs = []
    for blocks, width in shapes:
        tried = network(blocks, width)
        target = Layer(4, blocks[-1] - 1, 5)
        cost, work = milliseconds(tried, target, units), sweep_operations(tried.architecture, target) / 1e9
        costs.append(cost)
        print(f"width {width:3}, blocks {'-'.join(map(str, blocks)):9} {cost:8.1f} ms {work:7.2f} GFLOP")
    exponent = np.polyfit(np.log(sizes), np.log(costs), 1)[0]
    print(f"the cost of a unit grows with {name} to the power of {exponent:.2f}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=16)
    units = parser.parse_args().units
    measure([(BLOCKS, width) for width in WIDTHS], list(WIDTHS), "the width", units)
    measure([(blocks, 64) for blocks in DEPTHS], [sum(blocks) for blocks in DEPTHS], "the number of blocks", units)


if __name__ == "__main__":
    main()
