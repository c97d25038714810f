"""Count the multiplications and additions of sweeps, from the network's shape only."""

from collections.abc import Iterable, Iterator

from extract.expansion.plan import Shard, added_up
from extract.folder.kernel_support import sources, support
from extract.folder.randomised import ROLES, evenly
from extract.units import Architecture, Layer

_SUM = 100  # operations that take as long as adding up a sum's value and computing its statistics, as measured


def shard_operations(architecture: Architecture, shard: Shard) -> int:
    """Count the operations of a shard's sweep; a sum that is added up counts as the operations that take as long."""
    sums = added_up(architecture, shard.targets)
    each = (
        _SUM * _values(architecture, target) if target in sums else sweep_operations(architecture, target)
        for target in shard.targets
    )
    return len(shard.channels) * sum(each)


def sweep_operations(architecture: Architecture, target: Layer) -> int:
    """Count the operations of the sweep of one unit, down to every source."""
    return 2 * sum(_products(architecture, target))


def control_sources(architecture: Architecture, targets: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return the layers from whose units the control of randomised weights starts, in forward order."""
    into = [target for target in targets if target.role in ROLES]
    below = {source for target in into for source in sources(architecture, target)}
    return tuple(layer for layer in architecture.layers if layer in below)


def control_operations(architecture: Architecture, starts: Iterable[Layer]) -> int:
    """Count the operations of the control of randomised weights that starts from the units of these layers."""
    return sum(
        len(evenly(architecture.channels(source)))
        * sum(_block_operations(architecture, total, source) for total in architecture.sums if total > source)
        for source in starts
    )


def _values(architecture: Architecture, target: Layer) -> int:
    """Count the numbers that the kernels of one unit have, over all sources."""
    below = sources(architecture, target)
    return sum(architecture.channels(source) * support(architecture, source, target).span for source in below)


def _products(architecture: Architecture, target: Layer) -> Iterator[int]:
    """Yield the multiplications of every step of a descent: positions times channels in and out."""
    layer: Layer | None = target
    while layer is not None:
        total, low = layer.output, 1 if layer == target else support(architecture, layer, target).span
        width, wide = architecture.channels(Layer(total.stage, total.block, 1)), architecture.channels(total)
        cells = 4 if total.block == 0 and total.stage > 1 else 1  # positions that share a value above the pool
        if layer.role in ("sum", "conv"):
            yield low * wide * width
        if layer.role not in ("bn1", "downsample"):
            inner = support(architecture, Layer(total.stage, total.block, 1), target).span
            yield inner * width * width * 9 // (cells if layer.role != "bn2" else 1)
        if (below := architecture.block_input(layer)) is not None:
            if layer.role != "downsample":
                yield support(architecture, below, target).span * width * architecture.channels(below)
            if total.block == 0 and layer.role in ("sum", "downsample"):
                yield low * wide * architecture.channels(below)
        layer = below


def _block_operations(architecture: Architecture, total: Layer, source: Layer) -> int:
    """Count the operations of a block on a whole map, or of its part above the source if the source lies inside."""
    inner = source.role if source.inner and source.output == total else "input"
    grid, pooled = architecture.grid(Layer(total.stage, total.block, 1)) ** 2, architecture.grid(total) ** 2
    width, wide = architecture.channels(Layer(total.stage, total.block, 1)), architecture.channels(total)
    below = architecture.block_input(total)
    entering = architecture.channels(below) if below else width
    operations = pooled * width * wide
    if inner != "bn2":
        operations += 9 * grid * width * width
    if inner == "input":
        operations += grid * width * entering + (pooled * entering * wide if total.block == 0 else 0)
    return 2 * operations
