"""Run the blocks between two layers again and again on the same images, each time with one channel replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from extract.network.hooks import change_source, registered, relu_of, see_input, see_output, see_target
from extract.network.network import Network
from extract.network.preprocessing import BATCH, stack
from extract.units import Architecture, Layer


@dataclass(frozen=True)
class Stretch:
    """The blocks between a source and a target layer, and what both layers do on the images while nothing is replaced.

    `inputs` are what the first of the `blocks` reads, batch by batch. `activity` and `before` are means over positions,
    float64 (images, channels): `activity` of the source behind its ReLU, `before` of the target as batch norm leaves
    it, or before its ReLU if the target is a sum. `alive`, bool (channels,), says which of the target's units ever
    fire; a branch's unit fires where its sum does.
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
        """Show the images to the network once, and keep what the blocks read."""
        blocks = _blocks(network.visual, network.architecture, source, target)
        inputs, activity, before, highest = list[Tensor](), list[Tensor](), list[Tensor](), list[Tensor]()

        def read(maps: Tensor) -> Tensor:
            activity.append(maps.mean((2, 3)))
            return maps

        hooks = (
            see_input(blocks[0], lambda maps: inputs.append(maps.clone())),
            change_source(blocks[0], source, read),
            see_target(blocks[-1], target, before.append),
            see_output(relu_of(blocks[-1], target), lambda maps: highest.append(maps.amax((0, 2, 3)))),
        )
        with registered(hooks):
            for batch in stack(images, network.preprocess, BATCH):
                network.visual(batch)
        alive = torch.stack(highest).amax(0).numpy() > 0  # (channels,)
        return cls(source, target, blocks, inputs, _joined(activity), _joined(before), alive)

    def without(self, channel: int, value: float) -> np.ndarray:
        """Replace a channel of the source by a number, and measure the target as in `before`."""

        def replace(maps: Tensor) -> Tensor:
            changed = maps.clone()  # (n, c, h, w)
            changed[:, channel] = value
            return changed

        after: list[Tensor] = []
        hooks = (
            change_source(self.blocks[0], self.source, replace),
            see_target(self.blocks[-1], self.target, after.append),
        )
        with torch.inference_mode(), registered(hooks):
            for maps in self.inputs:
                self.blocks(maps)
        return _joined(after)


def _blocks(visual: nn.Module, architecture: Architecture, source: Layer, target: Layer) -> nn.Sequential:
    """Return the blocks that a change of the source passes through, up to the target's block.

    If the source is a sum, they begin with the block after it.
    """
    every = [(stage, block) for stage, depth in enumerate(architecture.blocks, 1) for block in range(depth)]
    first = every.index((source.stage, source.block)) + (source.role == "sum")
    last = every.index((target.stage, target.block))
    return nn.Sequential(*(visual.get_submodule(f"layer{s}.{b}") for s, b in every[first : last + 1]))


def _joined(batches: Sequence[Tensor]) -> np.ndarray:
    return torch.cat(list(batches)).double().numpy()
