"""What units do on images, read while these pass through the network: means over positions, and where they peak."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from extract.units import Layer

_SLAB = 2**20  # numbers of a map reduced at once, so that what lies between two steps stays in the cache

See = Callable[[str, Tensor], None]


@contextmanager
def watched(visual: nn.Module, layers: Iterable[Layer], see: See) -> Iterator[None]:
    """While open, a forward pass hands what the layers do to `see`, by name; each (images, channels), float32.

        4/2/6 value      mean over positions; after the ReLU where one follows, else as batch norm leaves it
        4/2/6 at         the position where it is highest before a ReLU, row times columns plus column, the first of
                         equals; int64
        4/2/6 passed     of a sum: mean of its shortcut over all positions, taken as 0 where the sum is not positive
        4/2/6 open       of a sum: share of positions where it is positive
        4/2/6 published  of a sum: norm of the raw shortcut over its sum with raw conv3's, norms over positions

    The raw shortcut of a block without downsample is its input, else the downsample convolution's output. Nothing is
    cloned: every number is taken before open_clip adds the shortcut or applies the ReLU in place.
    """
    with ExitStack() as stack:
        for layer in layers:
            hooks = _sum_hooks(visual, layer, see) if layer.role == "sum" else _plain_hooks(visual, layer, see)
            for handle in hooks:
                stack.callback(handle.remove)
        yield


@contextmanager
def firing(visual: nn.Module, layers: Iterable[Layer], see: See) -> Iterator[None]:
    """While open, a forward pass hands what bn1 and bn2 layers pass on to `see`, as `4/2/3 fired`.

    Each is the mean over positions after the ReLU, (images, channels), float32.
    """
    with ExitStack() as stack:
        for layer in layers:
            stack.callback(_firing_hook(visual, layer, see).remove)
        yield


def _firing_hook(visual: nn.Module, layer: Layer, see: See) -> RemovableHandle:
    relu = visual.get_submodule(layer.module.replace("bn", "act"))
    return relu.register_forward_hook(lambda _, inputs, maps: see(f"{layer} fired", maps.mean((2, 3))))


def _plain_hooks(visual: nn.Module, layer: Layer, see: See) -> Iterator[RemovableHandle]:
    def done(module: nn.Module, inputs: object, maps: Tensor) -> None:
        see(f"{layer} value", _reduced(_fired, maps) if layer.inner else maps.mean((2, 3)))
        see(f"{layer} at", peak(maps))

    yield visual.get_submodule(layer.module).register_forward_hook(done)


def _sum_hooks(visual: nn.Module, layer: Layer, see: See) -> Iterator[RemovableHandle]:
    """Hooks that keep what a block adds up until its sum is there."""
    block = visual.get_submodule(layer.module.rpartition(".")[0])
    part, read = block.get_submodule, dict[str, Tensor]()

    def output_of(module: nn.Module, name: str, change: Callable[[Tensor], Tensor]) -> RemovableHandle:
        return module.register_forward_hook(lambda _, inputs, output: read.update({name: change(output)}))

    def done(module: nn.Module, inputs: tuple[Tensor]) -> None:
        value, passed, positive = _reduced(_joined, inputs[0], read["shortcut"]).unbind(-1)  # (n, c) each
        over = read["raw_shortcut"]
        see(f"{layer} value", value)
        see(f"{layer} at", peak(inputs[0]))
        see(f"{layer} passed", passed)
        see(f"{layer} open", positive)
        see(f"{layer} published", torch.nan_to_num(over / (over + read["raw_conv"])))
        read.clear()

    norm = partial(_reduced, _norm)
    if block.downsample is None:
        yield block.register_forward_pre_hook(
            lambda _, inputs: read.update(shortcut=inputs[0], raw_shortcut=norm(inputs[0]))
        )
    else:
        yield output_of(part("downsample.0"), "raw_shortcut", norm)
        yield output_of(part("downsample.1"), "shortcut", lambda maps: maps)
    yield output_of(part("conv3"), "raw_conv", norm)
    yield part("act3").register_forward_pre_hook(done)


def _reduced(step: Callable[..., Tensor], *maps: Tensor) -> Tensor:
    """A step on maps laid out as (images, positions, channels), so few images at a time that the cache holds them."""
    flat = [each.permute(0, 2, 3, 1).flatten(1, 2) for each in maps]  # (n, h w, c), a view in channels-last
    images = max(1, _SLAB // flat[0][0].numel())
    parts = zip(*(torch.split(each, images) for each in flat), strict=True)
    return torch.cat([step(*some) for some in parts])


def _norm(maps: Tensor) -> Tensor:
    return (maps * maps).sum(1).sqrt()  # (n, c); several times faster than torch's own norm


def _fired(maps: Tensor) -> Tensor:
    return maps.relu().mean(1)  # (n, c)


def _joined(total: Tensor, shortcut: Tensor) -> Tensor:
    """Means of the sum after its ReLU, of the shortcut where that is positive, and of being so: (n, c, 3)."""
    fired = total.relu()  # (n, p, c)
    value = fired.mean(1)  # (n, c)
    positive = fired.sign_()  # (n, p, c); many times faster than a comparison made a number
    share = positive.mean(1)  # (n, c)
    return torch.stack([value, positive.mul_(shortcut).mean(1), share], dim=-1)


def peak(maps: Tensor) -> Tensor:
    """Where maps (n, c, h, w) are highest: row times columns plus column, the first of equals; int64 (n, c)."""
    places = F.adaptive_max_pool2d(maps, 1, return_indices=True)[1]  # (n, c, 1, 1), one pass in channels-last
    return places.flatten(1)
