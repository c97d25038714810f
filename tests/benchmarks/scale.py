"""Plan the extraction of a whole CLIP ResNet on a cluster, from what sweeps of it take on one core here.

    python -m tests.benchmarks.scale RN50x64 --units 4       # what docs/scale.md shows
    python -m tests.benchmarks.scale RN50x4 --check 3        # the plan against measured shards

Weights are random: time, memory and storage do not depend on them. Seconds are CPU seconds of one thread, so that other
work on the machine does not count. `--check` sweeps so many shards of the plan, evenly spread over it and cut to about
half a minute of channels, and prints the planned and the measured seconds of each.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from extract.expansion.atlas import scope
from extract.expansion.expanded_weights import batch_size
from extract.expansion.forecast import bytes_beside_edges, operation_rates, resident
from extract.expansion.operations import control_operations, control_sources, shard_operations
from extract.expansion.plan import Shard, peak, plan, rows_size, sweep_memory
from extract.expansion.sweepers import ThisProcess
from extract.expansion.table_samples import TableSamples
from extract.folder.kernel_support import sources
from extract.folder.manifest import ExtractionSettings
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Architecture, Layer

STRONGEST, MEMORY = 20, 2**40
LONG = 30  # seconds that a shard may take in a check


def seconds(architecture: Architecture, shard: Shard, rates: dict[int, float]) -> float:
    return shard_operations(architecture, shard) / rates[shard.targets[0].stage]


def tell_plan(
    network: Network, targets: Sequence[Layer], shards: Sequence[Shard], rates: dict[int, float], cores: list[int]
) -> None:
    shape = network.architecture
    shapes = [(shape.channels(t), shape.channels(s)) for t in targets for s in sources(shape, t)]
    tables = TableSamples.take(shapes, STRONGEST, matrices=True)
    sweeps = sum(seconds(shape, shard, rates) for shard in shards) / 3600
    writing = (
        sum(map(tables.time, shapes)) + control_operations(shape, control_sources(shape, targets)) / max(rates.values())
    ) / 3600
    size = sum(map(tables.bytes, shapes)) + bytes_beside_edges(shape, targets, matrices=True)
    tower = sum(value.nbytes for value in network.visual.state_dict().values())
    task = 3 * tower + max(rows_size(shape, shard) + sweep_memory(shape, shard, 1) for shard in shards)
    writer = peak(shape, [whole(shape, shard) for shard in shards], STRONGEST)
    lines = {
        "units": (sum(map(shape.channels, targets)), ""),
        "pairs": (sum(one * other for one, other in shapes), ""),
        "edges kept": (round(sum(map(tables.edges, shapes))), ""),
        "shards": (len(shards), ""),
        "the longest shard": (max(seconds(shape, shard, rates) for shard in shards) / 60, "minutes of a core"),
        "rows of a shard, at most": (max(rows_size(shape, shard) for shard in shards) / 1e9, "GB"),
        "sweeps": (sweeps, "core-hours"),
        "tables and control": (writing, "hours of the process that writes the folder"),
        "memory of a task": (task / 1e9, "GB"),
        "memory of the writer": (writer / 1e9, "GB"),
        "folder": (size / 1e9, "GB"),
    } | {f"on {count:,} cores": (max(sweeps / count, writing) / 24, "days") for count in cores}
    for name, (value, unit) in lines.items():
        print(f"{name:26}{format(value, ',' if isinstance(value, int) else ',.2f'):>16} {unit}")


def whole(shape: Architecture, shard: Shard) -> Shard:
    """Return all channels of the shard's target that takes most, because the writer puts a target's rows together."""
    widest = max(shard.targets, key=lambda target: len(sources(shape, target)))
    return Shard((widest,), range(shape.channels(widest)))


def check(network: Network, shards: Sequence[Shard], rates: dict[int, float], count: int) -> None:
    places = np.linspace(0, len(shards) - 1, count + 2).round().astype(int)[1:-1]
    print(f"{'shard':40} {'planned':>9} {'measured':>9}   measured / planned")
    for place in places:
        shard = shards[place]
        each = seconds(network.architecture, replace(shard, channels=range(1)), rates)
        batch = batch_size("cpu")
        cut = replace(shard, channels=shard.channels[: max(1, int(LONG / each) // batch) * batch])
        start = time.process_time()
        for _ in ThisProcess(network).sweep([cut], tqdm(disable=True)):
            pass
        measured, planned = time.process_time() - start, seconds(network.architecture, cut, rates)
        name = f"{shard.targets[0]} to {shard.targets[-1]}, {len(cut.channels)} channels"
        print(f"{name:40} {planned:7.1f} s {measured:7.1f} s   {measured / planned:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--units", type=int, default=16, help="swept at a time where rates are measured")
    parser.add_argument("--check", type=int, default=0, metavar="SHARDS")
    parser.add_argument("--cores", type=int, nargs="*", default=[2, 64, 1000])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = load_network(arguments.name)
    targets = scope(network.architecture)
    shards = plan(network.architecture, targets, MEMORY, STRONGEST, batch_size("cpu"))
    settings = ExtractionSettings(targets=tuple(map(str, targets)), strongest=STRONGEST, matrices=True)
    rates = operation_rates(network, targets, settings, units=arguments.units, clock=time.process_time)
    print(f"{arguments.name}: " + ", ".join(f"stage {s} {rate / 1e9:.0f} GFLOP/s" for s, rate in sorted(rates.items())))
    tell_plan(network, targets, shards, rates, arguments.cores)
    if arguments.check:
        check(network, shards, rates, arguments.check)
    print(f"this process held {resident() / 1e9:.1f} GB, CPU seconds {time.process_time():.0f}")


if __name__ == "__main__":
    main()
