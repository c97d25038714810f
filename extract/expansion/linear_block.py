"""The linearised vision tower: every batch norm folded into its convolution, every ReLU replaced by the identity.

A block is reduced to three convolutions and a shortcut. The numbers are Microscope's indexes:

    input ─┬─ conv1 1x1 ─ 1 ─ conv2 3x3 ─ 3 ─ pool ─ conv3 1x1 ─ 5 ─┬─ 6 or 8, the next block's input
           └─ the identity, or in block 0: pool ─ downsample 1x1 ─ 7 ─┘

The block's adjoint takes a gradient at 6 or 8 down to 3, 1 and the input. In shapes, n counts images or target units, p
is the width of the bottleneck, and q is the number of the input's channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.expansion.window import CellKernels, Gradient, add, product, spread, spread_cells
from extract.network.parts import scale
from extract.units import Architecture, Layer


@dataclass(frozen=True)
class LinearBlock:
    """One linearised bottleneck block; its weights are folded and in channels-last order."""

    grid: int  # side of the input's map, on which conv1 and conv2 run
    stride: int  # 2 halves the grid, by average pools before conv3 and downsample
    conv1: Tensor  # (p, q, 1, 1)
    conv2: Tensor  # (p, p, 3, 3)
    conv3: Tensor  # (4p, p, 1, 1)
    downsample: Tensor | None  # (4p, q, 1, 1); None where the shortcut is the identity

    @property
    def largest(self) -> int:
        """Bytes of the block's largest tensor, which is one unit's gradient on the whole input."""
        return self.grid**2 * self.conv1.shape[1] * self.conv1.element_size()

    def forward(self, image: Tensor) -> Tensor:
        """Compute the sum (n, 4p, h / stride, w / stride) for an input (n, q, h, w).

        `adjoint` is the adjoint of this map.
        """
        return self.maps("input", image)["sum"]

    def maps(self, role: str, image: Tensor) -> dict[str, Tensor]:
        """Compute the block's maps above a map that enters at `role`: the input, bn1 or bn2.

        The maps are keyed by role (bn1, bn2, conv, sum), and the entering map is among them. A map that enters at bn1
        or bn2 adds nothing to the shortcut.
        """
        maps = {role: image}
        if role == "input":
            maps["bn1"] = F.conv2d(image, self.conv1)  # (n, p, h, w)
        if role != "bn2":
            maps["bn2"] = F.conv2d(maps["bn1"], self.conv2, padding=1)  # (n, p, h, w)
        maps["conv"] = F.conv2d(F.avg_pool2d(maps["bn2"], self.stride), self.conv3)  # (n, 4p, h / stride, w / stride)
        maps["sum"] = maps["conv"] + self._shortcut(image) if role == "input" else maps["conv"]
        return maps

    def _shortcut(self, image: Tensor) -> Tensor:
        if self.downsample is None:
            return image
        return F.conv2d(F.avg_pool2d(image, self.stride), self.downsample)

    def adjoint(self, role: str, gradient: Gradient) -> Iterator[tuple[str, Gradient]]:
        """Propagate the gradient at one of the block's layers, named by its role, down the block.

        Yields the gradients at bn2, bn1 and input, as far as they lie below that layer, each with its role.
        """
        below = gradient
        if role == "downsample":
            yield "input", self._through_downsample(gradient).dense()
            return
        if role in ("sum", "conv"):
            yield "bn2", (below := self._through_conv3(below))
        if role != "bn1":
            yield "bn1", (below := self._through_conv2(below))
        below = Gradient(product(below.values, self._conv1_adjoint), below.start)  # (n, q, h, w)
        if role == "sum":
            add(below, gradient if self.downsample is None else self._through_downsample(gradient))
        yield "input", below

    def _through_conv3(self, gradient: Gradient) -> Gradient:
        values = product(gradient.values, self._conv3_adjoint)  # (n, p, h, w)
        return Gradient(values, self.stride * gradient.start, self.stride)

    def _through_downsample(self, gradient: Gradient) -> Gradient:
        values = product(gradient.values, self._downsample_adjoint)  # (n, q, h, w)
        return Gradient(values, self.stride * gradient.start, self.stride)

    def _through_conv2(self, gradient: Gradient) -> Gradient:
        if gradient.cell == 2:
            return spread_cells(gradient, self._conv2_cells).cropped(self.grid)
        return spread(gradient, self._conv2_adjoint, self.grid)

    @cached_property
    def _conv1_adjoint(self) -> Tensor:
        return _packed(self.conv1.transpose(0, 1))  # (q, p, 1, 1)

    @cached_property
    def _conv2_adjoint(self) -> Tensor:
        return _packed(self.conv2.flip(2, 3).transpose(0, 1))  # (p, p, 3, 3)

    @cached_property
    def _conv2_cells(self) -> CellKernels:
        return CellKernels.of(self.conv2)

    @cached_property
    def _conv3_adjoint(self) -> Tensor:
        return _packed(self.conv3.transpose(0, 1) / self.stride**2)  # (p, 4p, 1, 1), with the average pool's factor

    @cached_property
    def _downsample_adjoint(self) -> Tensor:
        assert self.downsample is not None  # noqa: S101, read only where the block has one
        return _packed(self.downsample.transpose(0, 1) / self.stride**2)  # (q, 4p, 1, 1)


def linearised(architecture: Architecture, layer: Layer, block: nn.Module, dtype: torch.dtype) -> LinearBlock:
    """Linearise open_clip's `Bottleneck` that a layer belongs to, for the map that the block has in the network."""
    grid, below_pool = (architecture.grid(Layer(layer.stage, layer.block, index)) for index in (1, 5))
    return fold(block, grid, grid // below_pool, dtype)


def fold(block: nn.Module, grid: int, stride: int, dtype: torch.dtype) -> LinearBlock:
    """Linearise open_clip's `Bottleneck` for an input of `grid` x `grid` positions.

    Batch norm is folded in float64; the weights are then cast to `dtype`.
    """
    pairs = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("downsample.0", "downsample.1"))
    parts = dict(block.named_modules())
    conv1, conv2, conv3, *shortcut = (_folded(parts[c], parts[n], dtype) for c, n in pairs if c in parts)
    return LinearBlock(grid, stride, conv1, conv2, conv3, shortcut[0] if shortcut else None)


def _folded(convolution: nn.Module, norm: nn.Module, dtype: torch.dtype) -> Tensor:
    """Return a convolution's weight (out, in, k, k), with each output channel multiplied by its batch norm's scale."""
    weight = convolution.get_parameter("weight").detach().double() * scale(norm)[:, None, None, None]
    return _packed(weight.to(dtype))


def _packed(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)
