"""Compute where the kernels between two layers can be non-zero; this follows from the network's shape."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from extract.errors import NoPath
from extract.units import Architecture, Layer


@dataclass(frozen=True)
class Support:
    """The rows and columns of a source's map where a kernel can be non-zero.

    `cut` says whether the map's border cuts the kernel.
    """

    rows: slice
    columns: slice
    cut: bool

    @property
    def span(self) -> int:
        """The number of positions in the support."""
        return int((self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start))


def sources(architecture: Architecture, target: Layer) -> tuple[Layer, ...]:
    """List the layers of index 1, 3, 6 and 8 that have a path to the target, nearest first.

    Raises UnknownUnit if the network has no such target.
    """
    return tuple(_reach(architecture, target))[1:]


def support(architecture: Architecture, source: Layer, target: Layer) -> Support:
    """Find where the kernels of a layer pair can be non-zero. Raises NoPath if the source is not below the target."""
    place = gradient_layer(architecture, source, target)
    window, grid = _reach(architecture, target)[place], architecture.grid(place)
    rows = slice(max(0, window.start), min(grid, window.stop))
    return Support(rows, rows, rows.stop - rows.start < len(window))


def gradient_layer(architecture: Architecture, source: Layer, target: Layer) -> Layer:
    """Return the layer whose gradient gives a source's kernels; for index 5 and 7 that is the sum of the block.

    Raises NoPath if the source is not below the target.
    """
    architecture.check(source)
    place = source if source == target else source.as_source
    if place not in _reach(architecture, target):
        raise NoPath(
            f"No path leads from {source} to {target}. Name a source below its target; perhaps exchange the two."
        )
    return place


@lru_cache(maxsize=1024)  # enough for every layer of a large network; a plan asks for each pair many times
def _reach(architecture: Architecture, target: Layer) -> dict[Layer, range]:
    """Return the windows of `_windows`, keyed by layer; the dict is cached, so do not change it."""
    return dict(_windows(architecture, target))


def _windows(architecture: Architecture, target: Layer) -> Iterator[tuple[Layer, range]]:
    """Yield the target and the layers below it, nearest first, each with its kernels' rows on a map without borders."""
    layer: Layer | None = architecture.check(target)
    first = last = (architecture.grid(target) - 1) // 2
    yield target, range(first, last + 1)
    while layer is not None:
        stride = 2 if layer.block == 0 and layer.stage > 1 else 1
        if not layer.inner:
            first, last = stride * first, stride * last + stride - 1
        if layer.role in ("sum", "conv"):
            yield Layer(layer.stage, layer.block, 3), range(first, last + 1)
        if layer.role not in ("bn1", "downsample"):
            first, last = first - 1, last + 1
            yield Layer(layer.stage, layer.block, 1), range(first, last + 1)
        if (layer := architecture.block_input(layer)) is not None:
            yield layer, range(first, last + 1)
