"""The blocks between two layers, run again and again on the same images with one channel taken away."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from extract.network.network import Network
from extract.network.parts import Change
from extract.network.preprocessing import BATCH, stack
from extract.units import Architecture, Layer

_RELUS = {"bn1": "act1", "bn2": "act2"}  # that of any other layer is its block's last


@dataclass(frozen=True)
class Stretch:
    """What lies between a source and a target layer, and what both do on the images as it stands.

    `inputs` are what the first of the `blocks` reads, batch by batch. `activity` is the source behind its ReLU,
    `before` the target as batch norm leaves it, or of a sum before its ReLU: means over positions, float64 (images,
    channels). `alive` says which of the target's units ever fire, those of a branch in their sum: bool (channels,).
    """

    source: Layer
    target: Layer
    blocks: nn.Sequential
    inputs: Sequence[Tensor]
    activity: np.ndarray
    before: np.ndarray
    alive: np.ndarray

    @classmethod
    def of(cls, network: Network, source: Layer, target: Layer, images: Sequence[Image]) -> Self:
        """Show the images to the network, once."""
        blocks = _blocks(network.visual, network.architecture, source, target)
        inputs, activity, before, highest = list[Tensor](), list[Tensor](), list[Tensor](), list[Tensor]()

        def see(maps: Tensor) -> Tensor:
            activity.append(maps.mean((2, 3)))
            return maps

        relu = blocks[-1].get_submodule(_RELUS.get(target.role, "act3"))
        with _open(
            blocks[0].register_forward_pre_hook(lambda _, given: inputs.append(given[0].clone())),
            _at_source(blocks[0], source, see),
            _at_target(blocks[-1], target, before.append),
            relu.register_forward_hook(lambda _, given, output: highest.append(output.amax((0, 2, 3)))),
        ):
            for some in stack(images, network.preprocess, BATCH):
                network.visual(some)
        alive = torch.stack(highest).amax(0).numpy() > 0  # (channels,)
        return cls(source, target, blocks, inputs, _joined(activity), _joined(before), alive)

    def without(self, channel: int, value: float) -> np.ndarray:
        """What the target does with a channel of the source replaced by a number: as `before`."""

        def replaced(maps: Tensor) -> Tensor:
            changed = maps.clone()  # (n, c, h, w)
            changed[:, channel] = value
            return changed

        found: list[Tensor] = []
        with (
            torch.inference_mode(),
            _open(
                _at_source(self.blocks[0], self.source, replaced),
                _at_target(self.blocks[-1], self.target, found.append),
            ),
        ):
            for flow in self.inputs:
                self.blocks(flow)
        return _joined(found)


@contextmanager
def _open(*handles: RemovableHandle) -> Iterator[None]:
    """Removes the hooks in the end."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _blocks(visual: nn.Module, architecture: Architecture, source: Layer, target: Layer) -> nn.Sequential:
    """Those that a change of the source goes through, up to the target's; a sum's begin with the next one."""
    every = [(stage, block) for stage, depth in enumerate(architecture.blocks, 1) for block in range(depth)]
    first = every.index((source.stage, source.block)) + (source.role == "sum")
    last = every.index((target.stage, target.block))
    return nn.Sequential(*(visual.get_submodule(f"layer{s}.{b}") for s, b in every[first : last + 1]))


def _at_source(first: nn.Module, source: Layer, change: Change) -> RemovableHandle:
    """The first block goes on with what `change` makes of the source's map behind its ReLU."""
    if source.role == "sum":
        return first.register_forward_pre_hook(lambda _, given: (change(given[0]),))
    return first.get_submodule(_RELUS[source.role]).register_forward_hook(lambda _, given, output: change(output))


def _at_target(last: nn.Module, target: Layer, see: Callable[[Tensor], None]) -> RemovableHandle:
    """Hands on the target's means over positions (n, c), a sum's before its ReLU."""
    module = last.get_submodule(target.module.split(".", 2)[2])
    if target.role == "sum":
        return module.register_forward_pre_hook(lambda _, given: see(given[0].mean((2, 3))))
    return module.register_forward_hook(lambda _, given, output: see(output.mean((2, 3))))


def _joined(parts: Sequence[Tensor]) -> np.ndarray:
    return torch.cat(list(parts)).double().numpy()
