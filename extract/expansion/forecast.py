"""Forecast an extraction: how long it takes, how large its folder and its memory are, from samples taken here."""

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from extract.expansion.expanded_weights import sweep_together
from extract.expansion.operations import control_operations, shard_operations, sweep_operations
from extract.expansion.plan import Shard, peak
from extract.expansion.precision import dtype
from extract.expansion.table_samples import TableSamples
from extract.folder.kernel_support import sources, support
from extract.folder.manifest import ExtractionSettings
from extract.folder.randomised import ROLES, evenly
from extract.network.network import Network
from extract.units import Architecture, Layer

_BATCH, _BATCHES, _LONG = 16, 3, 2.0  # units that are timed, how often at most, and seconds after which no more is
_DISTRIBUTION, _CONTROL = 28, 6  # bytes that a row and a value take in Parquet, as measured


@dataclass(frozen=True)
class Forecast:
    """What is to be extracted, and what it takes: seconds; bytes of the folder, and of memory with the network."""

    units: int
    pairs: int
    edges: int
    seconds: float
    size: int
    memory: int

    def __str__(self) -> str:
        """One line."""
        time = f"{self.seconds / 60:.0f} minutes" if self.seconds > 100 else f"{self.seconds:.0f} seconds"
        pairs, edges = (f"{count / 1e6:,.1f} million" for count in (self.pairs, self.edges))
        room = f"{self.size / 1e9:.2f} GB on disk, {self.memory / 1e9:.1f} GB of memory"
        return f"{self.units:,} units, {pairs} pairs, {edges} edges: about {time}, {room}"


def forecast_plan(
    network: Network,
    shards: Sequence[Shard],
    settings: ExtractionSettings,
    control: Sequence[Layer],
    clock: Callable[[], float] = time.perf_counter,
    pairs_at_once: int = 1,
) -> Forecast:
    """Forecast these shards, and the control of randomised weights from these layers. Sampling takes a few seconds.

    Tables are made of so many pairs at a time.

    The sweeps, units and pairs are those of the shards' channels; tables are of whole targets, and so are edges and
    bytes.
    """
    architecture = network.architecture
    targets = sorted({target for shard in shards for target in shard.targets})
    shapes = [(architecture.channels(t), architecture.channels(s)) for t in targets for s in sources(architecture, t)]
    tables = TableSamples.take(shapes, settings.strongest, settings.matrices, clock, pairs_at_once)
    rates = operation_rates(network, targets, settings, clock=clock)
    swept = [(target, len(shard.channels)) for shard in shards for target in shard.targets]
    return Forecast(
        units=sum(count for _, count in swept),
        pairs=sum(count * architecture.channels(s) for target, count in swept for s in sources(architecture, target)),
        edges=round(sum(map(tables.edges, shapes))),
        seconds=_computing(architecture, shards, control, rates) + sum(map(tables.time, shapes)),
        size=round(sum(map(tables.bytes, shapes))) + bytes_beside_edges(architecture, targets, settings.matrices),
        memory=resident() + peak(architecture, shards, settings.strongest),
    )


def _computing(
    architecture: Architecture, shards: Sequence[Shard], control: Sequence[Layer], rates: Mapping[int, float]
) -> float:
    """Seconds of the sweeps and of the control, at these operations a second by stage."""
    sweeps = sum(shard_operations(architecture, shard) / rates[shard.targets[0].stage] for shard in shards)
    return sweeps + control_operations(architecture, control) / max(rates.values(), default=1)


def resident() -> int:
    """The most memory that this process has held until now, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def operation_rates(
    network: Network,
    targets: Sequence[Layer],
    settings: ExtractionSettings,
    units: int = _BATCH,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[int, float]:
    """Measure operations a second by the targets' stage: of its costliest sweep, and of its fastest batch.

    The first batch warms up, and other work on the machine slows single ones.
    """
    rates = dict[int, float]()
    for stage in {target.stage for target in targets}:
        work, target = max((sweep_operations(network.architecture, t), t) for t in targets if t.stage == stage)
        channels, times = range(min(units, network.architecture.channels(target))), list[float]()
        while len(times) < _BATCHES and sum(times) < _LONG:
            times.append(_seconds(network, target, channels, settings, clock))
        rates[stage] = work * len(channels) / min(times)
    return rates


def _seconds(
    network: Network, target: Layer, channels: range, settings: ExtractionSettings, clock: Callable[[], float]
) -> float:
    start, tf32 = clock(), settings.precision == "tf32"
    for _, weights in sweep_together(network, [target], channels, dtype=dtype(settings.precision), tf32=tf32):
        [statistics.magnitude.cpu() for statistics in weights[target].values()]  # a card goes on meanwhile
    return clock() - start


def bytes_beside_edges(architecture: Architecture, targets: Sequence[Layer], matrices: bool) -> int:
    """Bytes of kernels of direct edges, distributions and, where they are kept, matrices and randomised weights."""
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
