"""Plan an extraction: which target layers are swept together, over which runs of their channels, in how much memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from extract.errors import ExtractionError
from extract.folder.kernel_support import sources, support
from extract.units import Architecture, Layer

CPU_BATCH, CARD_BATCH = 16, 256  # channels swept at a time, as measured; a sweep splits them on large maps
RUN = 256  # a multiple of every sweep's batch, so that a run's length changes no bytes
DENSE = 8  # bytes of a pair's magnitude and mean in float32
_SENT = 2**28  # bytes of rows that a task sends, if one step does not have more
_EDGE = 80  # bytes of an edge while the tables are made
_BLOCKS = 2**26  # bytes of what is ranked, or added up, block by block
_RANKS = 18  # bytes of a unit pair while it is ranked, as measured
_WAITING = 4  # batches whose statistics a thread holds, as they gather or wait for their turn
_COPIES = 8  # copies of a unit's largest gradient that a step of the sweep may hold


@dataclass(frozen=True)
class Shard:
    """A shard: target layers that are swept together, and the run of their channels that is swept."""

    targets: tuple[Layer, ...]
    channels: range


def plan(
    architecture: Architecture, targets: Sequence[Layer], memory: int, strongest: int = 20, step: int | None = None
) -> tuple[Shard, ...]:
    """Divide targets into shards, in forward order; the shards of the same targets follow each other.

    Which targets are swept together depends only on the architecture and the targets. `memory`, in bytes, decides how
    many of their channels a shard has. With `step`, shards are small enough to be sent to other machines as tasks, and
    their lengths are multiples of `step`, except a group's last. Raises ExtractionError if one target's tables do not
    fit in `memory`.
    """
    for target in targets:
        _check(architecture, target, memory, strongest)
    return tuple(
        Shard(group, channels)
        for group in _groups(architecture, targets)
        for channels in _runs(architecture, group, memory, strongest, step)
    )


def rows_size(architecture: Architecture, shard: Shard) -> int:
    """Return the bytes of a shard's rows."""
    return len(shard.channels) * _row(architecture, shard.targets)


def sweep_memory(architecture: Architecture, shard: Shard, threads: int) -> int:
    """Return the bytes that sweeping a shard on so many threads takes beside the network."""
    first = max(_gradients(architecture, target) for target in shard.targets)
    return rows_size(architecture, shard) + first + (threads - 1) * _thread(architecture, shard)


def added_up(architecture: Architecture, targets: Iterable[Layer]) -> dict[Layer, tuple[Layer, Layer]]:
    """Return the sums among the targets whose branches are targets too, each with its shortcut and conv branch.

    The kernels of such a sum are its branches' kernels added up, so it needs no sweep. The sums come in forward order.
    """
    branches = {target: architecture.branches(target) for target in sorted(targets) if target.role == "sum"}
    pairs = {total: (parts["shortcut"], parts["conv"]) for total, parts in branches.items()}
    return {total: pair for total, pair in pairs.items() if set(pair) <= set(targets)}


def _groups(architecture: Architecture, targets: Sequence[Layer]) -> tuple[tuple[Layer, ...], ...]:
    """Group each sum that is added up with its branches; every other target is a group of its own."""
    groups: dict[Layer, tuple[Layer, ...]] = {target: (target,) for target in targets}
    for total, branches in added_up(architecture, targets).items():
        joined = {target for part in (total, *branches) for target in groups[part]}
        group = tuple(target for target in targets if target in joined)
        groups |= dict.fromkeys(group, group)
    return tuple(dict.fromkeys(groups.values()))


def _runs(
    architecture: Architecture, group: tuple[Layer, ...], memory: int, strongest: int, step: int | None
) -> Iterator[range]:
    """Yield the runs of a group's channels that are swept one after the other.

    All channels are one run if the group's rows fit beside one target's tables; else a run is as long as memory allows.
    """
    channels = architecture.channels(group[0])
    row = _row(architecture, group)
    tables = max(_beside_rows(architecture, target, strongest) for target in group)
    if channels * row + tables <= memory:
        run = channels
    else:
        spare = memory - max(_gradients(architecture, target) for target in group)
        fitting, parts = spare // (_written(architecture, group) * RUN), (channels - 1) // RUN
        run = max(1, min(fitting, parts)) * RUN
    if step:
        run = min(run, RUN, max(1, _SENT // (row * step)) * step)
    for first in range(0, channels, run):
        yield range(first, min(first + run, channels))


def _row(architecture: Architecture, group: Sequence[Layer]) -> int:
    """Return the bytes of the rows of one channel of each target."""
    return DENSE * sum(_reached(architecture, target) for target in group)


def _written(architecture: Architecture, group: Sequence[Layer]) -> int:
    """Return the bytes of one channel's rows while they are written, one target at a time: copied, then encoded."""
    return _row(architecture, group) + 2 * max(_row(architecture, [target]) for target in group)


def peak(architecture: Architecture, shards: Sequence[Shard], strongest: int, threads: int = 1) -> int:
    """Return the most bytes that a plan takes at any time beside the network, with sweeps on so many threads."""
    tables = (_held(architecture, shard, strongest) for shard in shards)
    sweeps = (sweep_memory(architecture, shard, threads) for shard in shards)
    return max((*tables, *sweeps), default=0)


def sweeps_at_once(architecture: Architecture, shards: Sequence[Shard], memory: int) -> int:
    """Return how many batches can be swept in parallel in `memory` bytes, each on a thread; at least one."""
    spare = [(memory - sweep_memory(architecture, shard, 1), _thread(architecture, shard)) for shard in shards]
    return 1 + max(0, min((left // needed for left, needed in spare), default=0))


def pairs_at_once(architecture: Architecture, shards: Sequence[Shard], memory: int, strongest: int) -> int:
    """Return how many layer pairs can be tabulated in parallel in `memory` bytes; at least one."""
    spare = memory - peak(architecture, shards, strongest)
    return 1 + max(0, spare) // max((_ranking(architecture, target) for s in shards for target in s.targets), default=1)


def _held(architecture: Architecture, shard: Shard, strongest: int) -> int:
    """Return the most bytes that a shard takes at any time.

    These are all rows of the shard and one target's tables. For a run of channels they are the run's rows and
    gradients, or the rows and tables of one whole target, whichever is more.
    """
    channels = architecture.channels(shard.targets[0])
    row = _row(architecture, shard.targets)
    tables = [_beside_rows(architecture, target, strongest) for target in shard.targets]
    if len(shard.channels) == channels:
        return channels * row + max(tables)
    whole = [DENSE * channels * _reached(architecture, target) for target in shard.targets]
    run = len(shard.channels) * _written(architecture, shard.targets)
    run += max(_gradients(architecture, target) for target in shard.targets)
    return max(run, *map(sum, zip(whole, tables, strict=True)))


@cache
def _reached(architecture: Architecture, target: Layer) -> int:
    """Count the units of all sources of a target."""
    return sum(map(architecture.channels, sources(architecture, target)))


@cache
def _gradients(architecture: Architecture, target: Layer) -> int:
    """Estimate the most bytes that the gradients of one unit take at any time."""
    pairs = sources(architecture, target)
    sizes = (architecture.channels(source) * support(architecture, source, target).span for source in pairs)
    return 4 * _COPIES * max(sizes)


def _thread(architecture: Architecture, shard: Shard) -> int:
    """Estimate the most bytes that a further thread takes: gradients of a shard's targets, and rows of batches."""
    swept = set(shard.targets) - added_up(architecture, shard.targets).keys()
    rows = _WAITING * CPU_BATCH * _row(architecture, shard.targets)
    return rows + sum(_gradients(architecture, target) for target in swept)


def _beside_rows(architecture: Architecture, target: Layer, strongest: int) -> int:
    """Estimate the bytes that a target's tables and matrices take beside its rows, while they are stored."""
    channels = architecture.channels(target)
    reached = [architecture.channels(source) for source in sources(architecture, target)]
    dense = DENSE * channels * sum(reached)
    edges = sum(_EDGE * min(channels * n, 2 * strongest * (channels + n)) for n in reached)
    return dense + edges + _ranking(architecture, target) + _gradients(architecture, target)


def _ranking(architecture: Architecture, target: Layer) -> int:
    """Estimate the bytes that the tables of one layer pair take while they are made."""
    most = max(architecture.channels(source) for source in sources(architecture, target))
    return _RANKS * architecture.channels(target) * most + _BLOCKS


def _check(architecture: Architecture, target: Layer, memory: int, strongest: int) -> None:
    """Raise ExtractionError if one target layer, with all its sources, takes more than `memory` bytes."""
    rows = DENSE * architecture.channels(target) * _reached(architecture, target)
    needed = rows + _beside_rows(architecture, target, strongest)
    if needed > memory:
        raise ExtractionError(
            f"The weights into target layer {target} from its {len(sources(architecture, target))} source layers take "
            f"{needed / 2**30:.1f} GiB, more than the {memory / 2**30:.1f} GiB allowed. Allow more memory, keep fewer "
            "edges, or leave this target layer out."
        )
