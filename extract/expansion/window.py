"""Gradients on a window of a map, and the adjoints of a block's parts, each in the fastest way that was measured.

A gradient starts at one position and reaches a window of each map below, so only windows are computed and kept. Maps
and windows are square. In shapes, n counts target units and p the channels of a 3x3 convolution. Tensors are in
channels-last order, because the convolutions of oneDNN and cuDNN work in that order, 1x1 convolutions included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product as pairs
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

K = TypeVar("K")

_ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Gradient:
    """The gradients of n units with regard to a map, zero outside a window.

    Where `cell` is 2, each value stands for a cell of 2 x 2 equal positions, as below an average pool.
    """

    values: Tensor  # (n, channels, h, w), h = w = positions / cell
    start: int  # the window's first row and first column
    cell: int = 1

    @property
    def stop(self) -> int:
        """One past the window's last row and column."""
        return self.start + self.cell * self.values.shape[-1]

    def units(self, few: slice) -> "Gradient":
        """Select some of the target units."""
        return Gradient(self.values[few], self.start, self.cell)

    def dense(self) -> "Gradient":
        """Repeat each cell's value at its positions."""
        if self.cell == 1:
            return self
        dense = self.values.repeat_interleave(self.cell, 2).repeat_interleave(self.cell, 3)
        return Gradient(dense.contiguous(memory_format=torch.channels_last), self.start)

    def cropped(self, grid: int) -> "Gradient":
        """Cut off the positions outside a map of `grid` x `grid`, which are the padding of the convolution."""
        inside = slice(max(0, -self.start), grid - self.start)
        values = self.values[:, :, inside, inside].contiguous(memory_format=torch.channels_last)  # (n, channels, h, w)
        return Gradient(values, max(0, self.start))


def product(values: Tensor, weight: Tensor) -> Tensor:
    """Compute a 1x1 convolution, (n, in, h, w) to (n, out, h, w), with oneDNN on a CPU or cuBLAS on a graphics card.

    oneDNN is called directly for float32. On one thread torch would give fewer than 16 images to a convolution of its
    own, which takes a tenth to a third longer. On a card, cuDNN has half of cuBLAS's rate in float32.
    """
    if values.device.type == "cuda":
        return F.linear(_channels_last(values), weight[:, :, 0, 0]).permute(0, 3, 1, 2)
    if _ONEDNN and values.device.type == "cpu" and values.dtype == torch.float32:
        return torch.mkldnn_convolution(values, weight, None, (0, 0), (1, 1), (1, 1), 1)
    return F.conv2d(values, weight)


def spread(gradient: Gradient, flipped: Tensor, grid: int) -> Gradient:
    """Compute the adjoint of a 3x3 convolution with padding 1, as a convolution with the `flipped`, transposed kernel.

    The adjoint is one oneDNN call, at the rate of any forward convolution. A window grows by one on each side. A window
    that is already the whole map is padded by one instead of two, so that nothing is computed only to be cropped.
    """
    margin = 0 if gradient.start == 0 and gradient.stop == grid else 1
    values = F.conv2d(gradient.values, flipped, padding=1 + margin)  # (n, p, h + 2 margin, w + 2 margin)
    return Gradient(values, gradient.start - margin).cropped(grid)


@dataclass(frozen=True)
class CellKernels:
    """A 3x3 convolution's adjoint as 1x1 convolutions, for gradients constant on cells of 2x2: see `spread_cells`."""

    whole: Tensor  # (p, p, 1, 1) for a cell's value
    rows: Tensor  # (2p, p, 1, 1) for the step from row to row, as odd and even rows see it
    columns: Tensor  # (2p, p, 1, 1) for the step from column to column
    corners: Tensor  # (4p, p, 1, 1) for the step in both

    @classmethod
    def of(cls, kernel: Tensor) -> "CellKernels":
        """Make the 1x1 kernels from a convolution's kernel (p, p, 3, 3)."""
        taps = kernel.double().transpose(0, 1)  # (p, p, 3, 3)
        every = taps.new_tensor([[1, 1, 1]])
        step = taps.new_tensor([[1, 0, 0], [0, 0, -1]])  # odd, even
        parts = [torch.einsum("ipde,rd,ce->rcip", taps, r, c) for r in (every, step) for c in (every, step)]
        whole, columns, rows, corners = (part.flatten(0, 2)[:, :, None, None].to(kernel.dtype) for part in parts)
        return cls(whole, rows, columns, corners)


def spread_cells(gradient: Gradient, kernels: CellKernels) -> Gradient:
    """Compute `spread` of a gradient that is constant on cells of 2x2, with nine products per cell instead of 36.

    In one dimension, let x be the cells and t0, t1, t2 the kernel's taps. Two rows of the result read these cells:

        row 2i        t0 x[i] + t1 x[i] + t2 x[i-1]  =  (t0 + t1 + t2) x[i] - t2 (x[i] - x[i-1])
        row 2i + 1    t0 x[i+1] + t1 x[i] + t2 x[i]  =  (t0 + t1 + t2) x[i] + t0 (x[i+1] - x[i])

    So each row takes one product of a cell and one of a step between cells, and each step serves the rows on both of
    its sides. In two dimensions there are products of cells, of steps between rows, of steps between columns, and of
    steps in both directions. Each is a 1x1 convolution at low resolution. The result's window starts with an odd row.
    `tests/extract/expansion` compares the result with `spread` of the dense gradient.
    """
    cells = gradient.values  # (n, p, h, w)
    steps = torch.diff(F.pad(cells, (0, 0, 1, 1)), dim=2)  # from row to row (n, p, h + 1, w)
    n, p, h, w = cells.shape
    values = _channels_last(product(cells, kernels.whole)).view(n, h, w, 1, 1, p)
    rows = _channels_last(product(steps, kernels.rows)).view(n, h + 1, w, 2, 1, p)
    columns = product(torch.diff(F.pad(cells, (1, 1)), dim=3), kernels.columns)
    columns = _channels_last(columns).view(n, h, w + 1, 1, 2, p)
    total = product(torch.diff(F.pad(steps, (1, 1)), dim=3), kernels.corners)
    total = _channels_last(total).view(n, h + 1, w + 1, 2, 2, p)  # odd or even row, odd or even column
    for parity, own in enumerate((slice(1, None), slice(None, -1))):  # the place of cell i among steps: i + 1 or i
        total[:, :, own, :, parity] += rows[:, :, :, :, 0]
        columns[:, :, own, :, parity] += values[:, :, :, :, 0]
    for parity, own in enumerate((slice(1, None), slice(None, -1))):
        total[:, own, :, parity] += columns[:, :, :, 0]
    dense = total.transpose(2, 3).reshape(n, 2 * h + 2, 2 * w + 2, p)
    return Gradient(dense.permute(0, 3, 1, 2), gradient.start - 1)  # (n, p, 2h + 2, 2w + 2)


def add(total: Gradient, shortcut: Gradient) -> None:
    """Add the shortcut's gradient in place to `total`, which has the larger window.

    The shortcut's cells are expanded to positions only here.
    """
    first, last = shortcut.start - total.start, shortcut.stop - total.start
    window = total.values[:, :, first:last, first:last]  # (n, channels, h, w)
    if shortcut.cell == 1:
        window += shortcut.values
    else:
        for row, column in pairs(range(shortcut.cell), repeat=2):
            window[:, :, row :: shortcut.cell, column :: shortcut.cell] += shortcut.values


def widened(gradients: Mapping[K, Gradient]) -> dict[K, Gradient]:
    """Put the gradients into windows of equal size; the smaller windows lie within the largest."""
    largest = max(gradients.values(), key=lambda gradient: gradient.values.shape[-1], default=None)
    return {key: gradient if largest is None else _within(largest, gradient) for key, gradient in gradients.items()}


def _within(larger: Gradient, gradient: Gradient) -> Gradient:
    side = gradient.values.shape[-1]
    if side == larger.values.shape[-1]:
        return gradient
    first = (gradient.start - larger.start) // larger.cell
    values = torch.zeros_like(larger.values)  # (n, channels, h, w)
    values[:, :, first : first + side, first : first + side] = gradient.values
    return Gradient(values, larger.start, larger.cell)


def _channels_last(values: Tensor) -> Tensor:
    """View (n, channels, h, w) as (n, h, w, channels); copy only if memory is not in channels-last order."""
    return values.permute(0, 2, 3, 1).contiguous()
