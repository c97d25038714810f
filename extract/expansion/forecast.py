"""Forecast how long an extraction takes, and how large its folder and its memory are, from samples taken here."""

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from extract.expansion.expanded_weights import batches_at_once, sweep_together
from extract.expansion.operations import control_operations, shard_operations, sweep_operations
from extract.expansion.plan import CPU_BATCH, Shard, peak
from extract.expansion.precision import dtype
from extract.expansion.table_samples import TableSamples
from extract.folder.kernel_support import sources, support
from extract.folder.manifest import ExtractionSettings
from extract.folder.randomised import ROLES, evenly
from extract.network.network import Network
from extract.units import Architecture, Layer

_SAMPLES, _LONG = 3, 2.0  # most samples, seconds after which none is added
_DISTRIBUTION, _CONTROL = 28, 6  # bytes of a row of distributions and of a randomised weight in Parquet, as measured


@dataclass(frozen=True)
class Forecast:
    """What is to be extracted (units, pairs, edges), and what that takes: seconds, and bytes of folder and of memory.

    `memory` includes the network.
    """

    units: int
    pairs: int
    edges: int
    seconds: float
    size: int
    memory: int

    def __str__(self) -> str:
        """Render the forecast in one line."""
        time = f"{self.seconds / 60:.0f} minutes" if self.seconds > 100 else f"{self.seconds:.0f} seconds"
        pairs, edges = (f"{count / 1e6:,.1f} million" for count in (self.pairs, self.edges))
        room = f"{self.size / 1e9:.2f} GB on disk, {self.memory / 1e9:.1f} GB of memory"
        return f"{self.units:,} units, {pairs} pairs, {edges} edges: about {time}, {room}"


def forecast_plan(
    network: Network,
    shards: Sequence[Shard],
    settings: ExtractionSettings,
    control: Sequence[Layer],
    pairs_at_once: int = 1,
    sweeps_at_once: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Forecast:
    """Forecast the sweeps of these shards, and the control of randomised weights from the layers `control`.

    Sampling takes a few seconds. Tables of `pairs_at_once` layer pairs are made in parallel, and at most
    `sweeps_at_once` batches of channels are swept in parallel. Sweeps, units and pairs
    are counted for the shards' channels only; tables, edges and bytes are counted for whole targets.
    """
    architecture = network.architecture
    targets = sorted({target for shard in shards for target in shard.targets})
    shapes = [(architecture.channels(t), architecture.channels(s)) for t in targets for s in sources(architecture, t)]
    at_once = batches_at_once(network.device, sweeps_at_once)
    tables = TableSamples.take(shapes, settings.strongest, settings.matrices, clock, pairs_at_once)
    rates = operation_rates(network, targets, settings, at_once, clock=clock)
    swept = [(target, len(shard.channels)) for shard in shards for target in shard.targets]
    return Forecast(
        units=sum(count for _, count in swept),
        pairs=sum(count * architecture.channels(s) for target, count in swept for s in sources(architecture, target)),
        edges=round(sum(map(tables.edges, shapes))),
        seconds=_computing(architecture, shards, control, rates, at_once) + sum(map(tables.time, shapes)),
        size=round(sum(map(tables.bytes, shapes))) + bytes_beside_edges(architecture, targets, settings.matrices),
        memory=resident() + peak(architecture, shards, settings.strongest, at_once),
    )


def _computing(
    architecture: Architecture,
    shards: Sequence[Shard],
    control: Sequence[Layer],
    rates: Mapping[int, float],
    at_once: int,
) -> float:
    """Estimate the seconds of the sweeps and of the control; `rates` are operations per second, keyed by stage.

    A shard of fewer than `at_once` batches leaves some threads without work.
    """
    sweeps = sum(
        shard_operations(architecture, shard)
        / (rates[shard.targets[0].stage] * min(1, len(shard.channels) / (at_once * CPU_BATCH)))
        for shard in shards
    )
    return sweeps + control_operations(architecture, control) / max(rates.values(), default=1)


def resident() -> int:
    """Return the most memory that this process has held until now, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def operation_rates(
    network: Network,
    targets: Sequence[Layer],
    settings: ExtractionSettings,
    at_once: int = 1,
    units: int = CPU_BATCH,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[int, float]:
    """Measure operations per second for each stage of the targets, on the stage's costliest sweep.

    A sample is `at_once` batches of `units` channels, which are swept in parallel. The fastest sample counts, because
    the first one warms up and other work on the machine slows single ones.
    """
    rates = dict[int, float]()
    for stage in {target.stage for target in targets}:
        work, target = max((sweep_operations(network.architecture, t), t) for t in targets if t.stage == stage)
        channels, times = range(min(at_once * units, network.architecture.channels(target))), list[float]()
        while len(times) < _SAMPLES and sum(times) < _LONG:
            times.append(_seconds(network, target, channels, settings, at_once, clock))
        rates[stage] = work * len(channels) / min(times)
    return rates


def _seconds(
    network: Network,
    target: Layer,
    channels: range,
    settings: ExtractionSettings,
    at_once: int,
    clock: Callable[[], float],
) -> float:
    start, precision, tf32 = clock(), dtype(settings.precision), settings.precision == "tf32"
    for _, weights in sweep_together(network, [target], channels, dtype=precision, tf32=tf32, at_once=at_once):
        [statistics.magnitude.cpu() for statistics in weights[target].values()]  # waits for a card to finish
    return clock() - start


def bytes_beside_edges(architecture: Architecture, targets: Sequence[Layer], matrices: bool) -> int:
    """Estimate the bytes of direct kernels, distributions and, if `matrices`, matrices and randomised weights."""
    total = 0
    for target in targets:
        for source in sources(architecture, target):
            one, other = architecture.channels(target), architecture.channels(source)
            total += _DISTRIBUTION * (one + other)
            if architecture.is_direct(source, target):
                total += 2 * one * other * support(architecture, source, target).span
            if matrices:
                total += 4 * one * other + _CONTROL * one * len(evenly(other)) * (target.role in ROLES)
    return total
