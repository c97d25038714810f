"""Parts of a unit's sum, one map each, that can be exchanged while images pass through the network.

A part is a branch of a sum's unit, what conv or the shortcut brings it; or a direct edge, what one unit brings another
over the one convolution that joins them, times the scale of the batch norm behind it. Either is added to the unit, so
another map takes its place when their difference is added too.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from extract.errors import AblationError
from extract.units import Architecture, Layer, Unit

_CONVOLUTIONS = {"bn1": "conv1", "bn2": "conv2", "conv": "conv3", "downsample": "downsample.0"}

BranchName = Literal["conv", "shortcut"]
Keep = Callable[[Tensor], None]
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Branch:
    """What one branch brings a sum's unit."""

    unit: Unit
    name: BranchName

    def __str__(self) -> str:
        """Such as conv of 4/2/6/34."""
        return f"{self.name} of {self.unit}"


@dataclass(frozen=True)
class Edge:
    """What a source brings a unit over the one convolution between them."""

    source: Unit
    unit: Unit

    def __str__(self) -> str:
        """Such as 4/2/3/12 into 4/2/5/34."""
        return f"{self.source} into {self.unit}"


Part = Branch | Edge


def check(architecture: Architecture, part: Part) -> Part:
    """The part itself if this network has it.

    Raises UnknownUnit for a unit that is not there, or a branch of a unit that is no sum; AblationError for an edge
    over more than one convolution.
    """
    layer = architecture.unit(str(part.unit)).layer
    if isinstance(part, Branch):
        architecture.branches(layer)
    elif not architecture.is_direct(architecture.unit(str(part.source)).layer, layer):
        raise AblationError(
            f"No single convolution leads from {part.source.layer} to {layer}. {_way(architecture, layer)}"
        )
    return part


def _way(architecture: Architecture, target: Layer) -> str:
    if target.role == "sum":
        conv = Layer(target.stage, target.block, 5)
        return f"A sum has branches: name one, or the unit of a branch, such as {conv}, as the edge's end."
    direct = [str(layer) for layer in architecture.layers if architecture.is_direct(layer, target)]
    return f"Into {target} one leads from {direct[0]}." if direct else f"{target} reads the stem, which has no units."


@contextmanager
def exchanged(visual: nn.Module, part: Part, change: Change) -> Iterator[None]:
    """While open, a forward pass goes on with what `change` makes of the map that a part brings, (n, h, w).

    The map is `change`'s own; where it is only to be read, `change` gives it back. An edge's map is before the batch
    norm's offset. No hook is left behind. The part must be one that `check` lets through.
    """
    kept: list[Tensor] = []

    def add(maps: Tensor) -> Tensor:
        brought = kept.pop()  # (n, h, w)
        changed = maps.clone()  # (n, c, h, w)
        changed[:, part.unit.channel] += change(brought) - brought
        return changed

    with ExitStack() as stack:
        for handle in _hooks(visual, part, kept.append, add):
            stack.callback(handle.remove)
        yield


@contextmanager
def watched_branches(visual: nn.Module, total: Layer, see: Callable[[BranchName, Tensor], object]) -> Iterator[None]:
    """While open, a forward pass hands a copy of either branch's map of a sum to `see`, by name: (n, c, h, w)."""
    with ExitStack() as stack:
        for name in get_args(BranchName):
            handle = _branch_hook(_block(visual, total), name, partial(_copied, see, name))
            stack.callback(handle.remove)
        yield


def _copied(see: Callable[[BranchName, Tensor], object], name: BranchName, maps: Tensor) -> None:
    see(name, maps.clone())


def _block(visual: nn.Module, layer: Layer) -> nn.Module:
    return visual.get_submodule(f"layer{layer.stage}.{layer.block}")


def _hooks(visual: nn.Module, part: Part, keep: Keep, add: Change) -> Iterator[RemovableHandle]:
    if isinstance(part, Branch):
        return _branch_hooks(visual, part, keep, add)
    return _edge_hooks(visual, part, keep, add)


def _branch_hooks(visual: nn.Module, part: Branch, keep: Keep, add: Change) -> Iterator[RemovableHandle]:
    block, channel = _block(visual, part.unit.layer), part.unit.channel
    yield _branch_hook(block, part.name, lambda maps: keep(maps[:, channel].clone()))
    yield block.get_submodule("act3").register_forward_pre_hook(lambda _, inputs: (add(inputs[0]),))


def _branch_hook(block: nn.Module, name: BranchName, see: Keep) -> RemovableHandle:
    """Hands on a branch's map (n, c, h, w) before open_clip adds the shortcut in place; whoever keeps it copies it."""
    if name == "shortcut" and block.downsample is None:
        return block.register_forward_pre_hook(lambda _, inputs: see(inputs[0]))
    norm = block.get_submodule("bn3" if name == "conv" else "downsample.1")
    return norm.register_forward_hook(lambda _, inputs, output: see(output))


def _edge_hooks(visual: nn.Module, part: Edge, keep: Keep, add: Change) -> Iterator[RemovableHandle]:
    """An edge's map is made of the convolution's input, behind the pool where there is one."""
    layer, source, target = part.unit.layer, part.source.channel, part.unit.channel
    norm = visual.get_submodule(layer.module)
    convolution = _block(visual, layer).get_submodule(_CONVOLUTIONS[layer.role])
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101, open_clip's own
    kernel = convolution.weight[target : target + 1, source : source + 1] * scale(norm)[target]  # (1, 1, k, k)
    kernel, padding = kernel.to(convolution.weight.dtype), convolution.padding

    def read(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        keep(F.conv2d(inputs[0][:, source : source + 1], kernel, padding=padding)[:, 0])  # (n, h, w)

    yield convolution.register_forward_hook(read)
    yield norm.register_forward_hook(lambda _, inputs, output: add(output))


def scale(norm: nn.Module) -> Tensor:
    """What a batch norm in eval mode multiplies its channels by (channels,), in float64: gamma over the deviation."""
    assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101, what follows every convolution of a ModifiedResNet
    assert norm.running_var is not None  # noqa: S101
    return norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
