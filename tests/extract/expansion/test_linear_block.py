"""Each linearised block against open_clip's own, and its adjoint against its forward map."""

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.expansion.linear_block import LinearBlock, fold
from extract.expansion.window import CellKernels, Gradient, spread, spread_cells

if TYPE_CHECKING:
    from extract.network.network import Network

BLOCKS = ["layer1.0", "layer1.1", "layer2.0", "layer4.0", "layer4.2"]  # every kind of shortcut, at every stride


@pytest.fixture(params=BLOCKS)
def pair(request: pytest.FixtureRequest, tiny: "Network") -> tuple[nn.Module, LinearBlock]:
    """open_clip's block in float64 with its ReLUs the identity, and the same linearised, for inputs of 6 x 6."""
    block = tiny.clip.visual.get_submodule(request.param)
    stride = 2 if request.param in ("layer2.0", "layer4.0") else 1
    linear = fold(block, 6, stride, torch.float64)
    state = block.state_dict()
    plain = type(block)(linear.conv1.shape[1], linear.conv1.shape[0], stride)
    plain.load_state_dict(state)
    for name in ("act1", "act2", "act3"):
        setattr(plain, name, nn.Identity())
    return plain.double().eval(), linear


def test_forward_is_open_clips_block_without_relus_and_constants(pair: tuple[nn.Module, LinearBlock]) -> None:
    plain, linear = pair
    image = torch.randn(2, linear.conv1.shape[1], 6, 6, dtype=torch.float64)
    with torch.no_grad():
        expected = plain(image) - plain(torch.zeros_like(image))
    torch.testing.assert_close(linear.forward(image), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 3), (1, 2), (2, 3), (1, 3)])
def test_adjoint_pairs_with_forward_on_windows_at_every_border(
    pair: tuple[nn.Module, LinearBlock], start: int, stop: int
) -> None:
    _, linear = pair
    if linear.stride == 1:
        start, stop = 2 * start, 2 * stop
    image = torch.randn(1, linear.conv1.shape[1], 6, 6, dtype=torch.float64)
    above = torch.randn(3, linear.conv3.shape[0], stop - start, stop - start, dtype=torch.float64)
    (*_, (name, below)) = linear.adjoint("sum", Gradient(above, start))
    assert name == "input"
    forward = (linear.forward(image)[:, :, start:stop, start:stop] * above).sum((1, 2, 3))
    torch.testing.assert_close((image * _on_map(below, 6)).sum((1, 2, 3)), forward, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("grid", [8, 6])
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 3), (1, 2), (2, 3), (1, 3)])
def test_cells_spread_as_the_positions_they_stand_for(start: int, stop: int, grid: int) -> None:
    kernel = torch.randn(5, 5, 3, 3, dtype=torch.float64)
    cells = Gradient(torch.randn(2, 5, stop - start, stop - start, dtype=torch.float64), 2 * start, 2)
    quick = spread_cells(cells, CellKernels.of(kernel)).cropped(grid)
    plain = F.conv_transpose2d(_on_map(cells, grid), kernel, padding=1)
    torch.testing.assert_close(_on_map(quick, grid), plain, rtol=1e-11, atol=1e-12)
    dense = spread(cells.dense(), kernel.flip(2, 3).transpose(0, 1), grid)
    assert (dense.start, dense.stop) == (quick.start, quick.stop)
    torch.testing.assert_close(dense.values, quick.values, rtol=1e-11, atol=1e-12)


def test_weights_are_folded_in_float64_and_kept_as_asked(tiny: "Network") -> None:
    block = tiny.clip.visual.layer4[0]
    exact, single, half = (fold(block, 4, 2, dtype) for dtype in (torch.float64, torch.float32, torch.bfloat16))
    assert torch.equal(single.conv2, exact.conv2.float())
    assert torch.equal(half.conv2, exact.conv2.bfloat16())
    assert single.conv2.is_contiguous(memory_format=torch.channels_last)


def _on_map(gradient: Gradient, grid: int) -> Tensor:
    """The gradient on its whole map, zero outside its window: (n, channels, grid, grid)."""
    n, channels = gradient.values.shape[:2]
    image = torch.zeros(n, channels, grid, grid, dtype=gradient.values.dtype)
    image[:, :, gradient.start : gradient.stop, gradient.start : gradient.stop] = gradient.dense().values
    return image
