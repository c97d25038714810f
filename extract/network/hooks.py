"""Forward hooks: read or change the maps of a ModifiedResNet while images pass through it.

Every context manager registers its hooks on entry and removes them on exit, even after an error. open_clip adds the
shortcut and applies the ReLU in place, so a hook must read a map before that happens. A map is copied only if the
docstring says so.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from extract.network.parts import BranchName, ConvolutionEdge, NetworkPart, SumBranch, scale
from extract.units import Layer

_CONVOLUTIONS = {"bn1": "conv1", "bn2": "conv2", "conv": "conv3", "downsample": "downsample.0"}
_RELUS = {"bn1": "act1", "bn2": "act2"}  # keyed by role; every other layer passes the block's last ReLU, act3
_SLAB = 2**20  # numbers of a map reduced in one step, so that intermediate results stay in the cache

See = Callable[[Tensor], object]
Change = Callable[[Tensor], Tensor]


@contextmanager
def registered(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Register hooks on entry and remove them on exit; if a hook cannot be registered, remove the earlier ones."""
    with ExitStack() as stack:
        for handle in handles:
            stack.callback(handle.remove)
        yield


def see_input(module: nn.Module, see: See) -> RemovableHandle:
    """Hand a module's input to `see`; what `see` returns is ignored."""

    def hook(module: nn.Module, inputs: tuple[Tensor]) -> None:
        see(inputs[0])

    return module.register_forward_pre_hook(hook)


def see_output(module: nn.Module, see: See) -> RemovableHandle:
    """Hand a module's output to `see`; what `see` returns is ignored."""

    def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        see(output)

    return module.register_forward_hook(hook)


def _change_input(module: nn.Module, change: Change) -> RemovableHandle:
    return module.register_forward_pre_hook(lambda _, inputs: (change(inputs[0]),))


def _change_output(module: nn.Module, change: Change) -> RemovableHandle:
    return module.register_forward_hook(lambda _, inputs, output: change(output))


def block_of(visual: nn.Module, layer: Layer) -> nn.Module:
    """Return the bottleneck block that a layer belongs to."""
    return visual.get_submodule(f"layer{layer.stage}.{layer.block}")


def relu_of(block: nn.Module, layer: Layer) -> nn.Module:
    """Return the ReLU of the block that a layer's output passes, either directly or as a branch of the sum."""
    return block.get_submodule(_RELUS.get(layer.role, "act3"))


def _see_shortcut(block: nn.Module, see: See, raw: bool = False) -> RemovableHandle:
    """Hand a block's shortcut (n, c, h, w) to `see`: the block's input, or the output of its downsample batch norm.

    With `raw`, a downsample is read before its batch norm, as the output of its convolution.
    """
    if block.downsample is None:
        return see_input(block, see)
    return see_output(block.get_submodule("downsample.0" if raw else "downsample.1"), see)


def _see_branch(block: nn.Module, name: BranchName, see: See) -> RemovableHandle:
    return _see_shortcut(block, see) if name == "shortcut" else see_output(block.get_submodule("bn3"), see)


@dataclass(frozen=True)
class SumTerms:
    """The terms from which a sum's shares over its shortcut are computed, each float32 of shape (images, channels).

    `gated_shortcut` is the mean of the shortcut over all positions, counted as 0 where the sum is not positive.
    `active_fraction` is the share of positions where the sum is positive. `published_share` is the norm of the raw
    shortcut, divided by the norm of the raw shortcut plus the norm of raw conv3. Norms are over positions; raw means
    before the batch norm.
    """

    gated_shortcut: Tensor
    active_fraction: Tensor
    published_share: Tensor

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """Join several batches into one."""
        terms = [(batch.gated_shortcut, batch.active_fraction, batch.published_share) for batch in batches]
        return cls(*map(torch.cat, zip(*terms, strict=True)))


@dataclass(frozen=True)
class LayerActivations:
    """The activations of a layer's channels on images, each of shape (images, channels).

    `value` (float32) is the mean over positions, after the ReLU for bn1, bn2 and sums, else after the batch norm.
    `peak` (int64) is the position of the highest value before any ReLU, as row times columns plus column; of equal
    values the first.
    """

    value: Tensor
    peak: Tensor
    terms: SumTerms | None  # None for a layer that is not a sum

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """Join several batches of one layer into one."""
        terms = [batch.terms for batch in batches if batch.terms]
        return cls(
            torch.cat([batch.value for batch in batches]),
            torch.cat([batch.peak for batch in batches]),
            SumTerms.joined(terms) if terms else None,
        )


@contextmanager
def watch_activations(
    visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, LayerActivations], object]
) -> Iterator[None]:
    """While open, hand the activations of each layer to `see` as soon as a forward pass computes that layer."""

    def hooks(layer: Layer) -> Iterator[RemovableHandle]:
        return (_sum_hooks if layer.role == "sum" else _plain_hooks)(visual, layer, partial(see, layer))

    with registered(handle for layer in layers for handle in hooks(layer)):
        yield


def _plain_hooks(
    visual: nn.Module, layer: Layer, see: Callable[[LayerActivations], object]
) -> Iterator[RemovableHandle]:
    def measure(maps: Tensor) -> None:
        value = _reduced(_relu_mean, maps) if layer.inner else maps.mean((2, 3))
        see(LayerActivations(value, peak(maps), None))

    yield see_output(visual.get_submodule(layer.module), measure)


def _sum_hooks(visual: nn.Module, layer: Layer, see: Callable[[LayerActivations], object]) -> Iterator[RemovableHandle]:
    """Yield hooks that keep a block's branches until its sum is computed, and then measure the sum."""
    block, waiting = block_of(visual, layer), dict[str, Tensor]()

    def keep(name: str, maps: Tensor) -> None:
        waiting[name] = maps

    def keep_norm(name: str, maps: Tensor) -> None:
        waiting[name] = _reduced(_norm, maps)

    def measure(total: Tensor) -> None:
        value, gated, active = _reduced(_sum_means, total, waiting["shortcut"]).unbind(-1)  # (n, c) each
        raw = waiting["raw shortcut"]
        published = torch.nan_to_num(raw / (raw + waiting["raw conv"]))
        waiting.clear()
        see(LayerActivations(value, peak(total), SumTerms(gated, active, published)))

    yield _see_shortcut(block, partial(keep_norm, "raw shortcut"), raw=True)
    yield _see_shortcut(block, partial(keep, "shortcut"))
    yield see_output(block.get_submodule("conv3"), partial(keep_norm, "raw conv"))
    yield see_input(block.get_submodule("act3"), measure)


def _reduced(step: Callable[..., Tensor], *maps: Tensor) -> Tensor:
    """Apply a step to maps (n, c, h, w), reshaped to (images, positions, channels).

    The step runs on a few images at a time, so that intermediate results stay in the cache.
    """
    flat = [each.permute(0, 2, 3, 1).flatten(1, 2) for each in maps]  # (n, h w, c), a view in channels-last
    images = max(1, _SLAB // flat[0][0].numel())
    slabs = zip(*(torch.split(each, images) for each in flat), strict=True)
    return torch.cat([step(*slab) for slab in slabs])


def _norm(maps: Tensor) -> Tensor:
    return (maps * maps).sum(1).sqrt()  # (n, c); several times faster than torch's own norm


def _relu_mean(maps: Tensor) -> Tensor:
    return maps.relu().mean(1)  # (n, c)


def _sum_means(total: Tensor, shortcut: Tensor) -> Tensor:
    """Compute three means over positions for `SumTerms` and a sum's value, of shape (n, c, 3).

    They are the mean of the sum after its ReLU, of the shortcut with 0 where the sum is not positive, and the share of
    positions where the sum is positive.
    """
    output = total.relu()  # (n, p, c)
    value = output.mean(1)  # (n, c)
    positive = output.sign_()  # (n, p, c); many times faster than converting a comparison to numbers
    fraction = positive.mean(1)  # (n, c)
    return torch.stack([value, positive.mul_(shortcut).mean(1), fraction], dim=-1)


def peak(maps: Tensor) -> Tensor:
    """Find the position where each map of (n, c, h, w) is highest, the first of equals.

    Returns row times columns plus column, int64 of shape (n, c).
    """
    places = F.adaptive_max_pool2d(maps, 1, return_indices=True)[1]  # (n, c, 1, 1), one pass in channels-last
    return places.flatten(1)


@contextmanager
def watch_relu_means(
    visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, Tensor], object]
) -> Iterator[None]:
    """While open, hand the mean over positions of bn1 and bn2 layers, after their ReLU, to `see`: (n, channels)."""

    def hook(layer: Layer) -> RemovableHandle:
        relu = relu_of(block_of(visual, layer), layer)
        return see_output(relu, lambda maps: see(layer, maps.mean((2, 3))))

    with registered(map(hook, layers)):
        yield


@contextmanager
def watch_means(visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, Tensor], object]) -> Iterator[None]:
    """While open, hand the mean over positions of every layer to `see`: float32 (n, channels).

    A sum is read after its ReLU, any other layer right after its batch norm. `watch_activations` reads more and is
    slower.
    """

    def hook(layer: Layer) -> RemovableHandle:
        return see_output(visual.get_submodule(layer.module), lambda maps: see(layer, maps.mean((2, 3))))

    with registered(map(hook, layers)):
        yield


@contextmanager
def watch_branches(visual: nn.Module, total: Layer, see: Callable[[BranchName, Tensor], object]) -> Iterator[None]:
    """While open, hand the name and a copy of the map (n, c, h, w) of each branch of a sum to `see`."""
    block = block_of(visual, total)

    def hook(name: BranchName) -> RemovableHandle:
        return _see_branch(block, name, lambda maps: see(name, maps.clone()))

    with registered(map(hook, get_args(BranchName))):
        yield


@contextmanager
def watch_sums(
    visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, Tensor, Tensor], object]
) -> Iterator[None]:
    """While open, hand every sum (before its ReLU) and the sum's shortcut to `see`: maps (n, c, h, w), not copied."""

    def hooks(layer: Layer) -> Iterator[RemovableHandle]:
        block, shortcuts = block_of(visual, layer), list[Tensor]()
        yield _see_shortcut(block, shortcuts.append)
        yield see_input(block.get_submodule("act3"), lambda total: see(layer, total, shortcuts.pop()))

    with registered(handle for layer in layers for handle in hooks(layer)):
        yield


@contextmanager
def replace_part(visual: nn.Module, part: NetworkPart, change: Change) -> Iterator[None]:
    """Within the context, replace the map (n, h, w) that a branch or an edge adds to its unit with `change(map)`.

    `change` gets a copy; returning the copy unchanged changes nothing. The map of a convolution edge excludes the
    batch norm's offset. The part must have passed `parts.check`.
    """
    waiting: list[Tensor] = []

    def add_difference(maps: Tensor) -> Tensor:
        before = waiting.pop()  # (n, h, w)
        changed = maps.clone()  # (n, c, h, w)
        changed[:, part.unit.channel] += change(before) - before
        return changed

    if isinstance(part, SumBranch):
        hooks = _branch_hooks(visual, part, waiting.append, add_difference)
    else:
        hooks = _edge_hooks(visual, part, waiting.append, add_difference)
    with registered(hooks):
        yield


def _branch_hooks(visual: nn.Module, branch: SumBranch, keep: See, add: Change) -> Iterator[RemovableHandle]:
    block, channel = block_of(visual, branch.unit.layer), branch.unit.channel
    yield _see_branch(block, branch.name, lambda maps: keep(maps[:, channel].clone()))
    yield _change_input(block.get_submodule("act3"), add)


def _edge_hooks(visual: nn.Module, edge: ConvolutionEdge, keep: See, add: Change) -> Iterator[RemovableHandle]:
    """Yield hooks that compute an edge's map from its convolution's input, and change the unit's batch norm's output.

    If a pool precedes the convolution, the input is read after the pool.
    """
    layer, source, target = edge.unit.layer, edge.source.channel, edge.unit.channel
    norm = visual.get_submodule(layer.module)
    convolution = block_of(visual, layer).get_submodule(_CONVOLUTIONS[layer.role])
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101, open_clip's own
    kernel = convolution.weight[target : target + 1, source : source + 1] * scale(norm)[target]  # (1, 1, k, k)
    kernel, padding = kernel.to(convolution.weight.dtype), convolution.padding

    def convolve(maps: Tensor) -> None:
        keep(F.conv2d(maps[:, source : source + 1], kernel, padding=padding)[:, 0])  # (n, h, w)

    yield see_input(convolution, convolve)
    yield _change_output(norm, add)


def change_source(first: nn.Module, source: Layer, change: Change) -> RemovableHandle:
    """Change a source layer's map (n, c, h, w) after its ReLU; `first` is the first block that the change reaches.

    For a sum, `first` is the block that reads the sum; for any other layer, it is the layer's own block.
    """
    if source.role == "sum":
        return _change_input(first, change)
    return _change_output(relu_of(first, source), change)


def see_target(last: nn.Module, target: Layer, see: See) -> RemovableHandle:
    """Hand the mean over positions of a layer in the block `last` to `see`: (n, c); a sum is read before its ReLU."""
    module = last.get_submodule(target.module.split(".", 2)[2])
    hook = see_input if target.role == "sum" else see_output
    return hook(module, lambda maps: see(maps.mean((2, 3))))
