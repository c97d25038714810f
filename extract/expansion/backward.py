"""Propagate gradients from a target layer down through the linearised blocks, a batch of target units at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from extract.expansion.linear_block import LinearBlock, linearised
from extract.expansion.window import Gradient, split
from extract.network.network import Network
from extract.units import Architecture, Layer

_CPU_MEMORY = 2**23  # bytes of a tensor that stays near a core
_GPU_MEMORY = 2**28  # bytes of a tensor that keeps a GPU busy


@dataclass(frozen=True)
class Descent:
    """The linearised blocks from a target down to a lowest layer."""

    architecture: Architecture
    target: Layer
    lowest: Layer
    blocks: tuple[tuple[Layer, LinearBlock], ...]  # nearest first, each with the layer where a gradient enters it
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def between(cls, network: Network, lowest: Layer, target: Layer, dtype: torch.dtype | None = None) -> "Descent":
        """Linearise the blocks on the network's device, in `dtype`, by default the network's but float32 at least."""
        architecture, weight = network.architecture, network.visual.get_parameter("conv1.weight")
        dtype = dtype or torch.promote_types(weight.dtype, torch.float32)
        blocks = []
        layer: Layer | None = target
        while layer is not None and (layer.stage, layer.block) >= (lowest.stage, lowest.block):
            module = network.visual.get_submodule(f"layer{layer.stage}.{layer.block}")
            blocks.append((layer, linearised(architecture, layer, module, dtype)))
            layer = architecture.block_input(layer)
        return cls(architecture, target, lowest, tuple(blocks), dtype, weight.device)

    def gradients(self, batch: range, memory: int | None = None) -> Iterator[tuple[Layer, Gradient]]:
        """Compute the gradients of target channels at the target and at every layer down to the lowest.

        A layer's units come in order, in several parts where a tensor would take more than `memory` bytes.
        """
        values = torch.zeros(len(batch), self.architecture.channels(self.target), 1, 1, dtype=self.dtype)
        values[torch.arange(len(batch)), torch.tensor(batch)] = 1  # (n, channels, 1, 1)
        start = Gradient(values.to(self.device), (self.architecture.grid(self.target) - 1) // 2)
        yield self.target, start
        if self.lowest != self.target:
            yield from self._below(0, start, memory or (_CPU_MEMORY if self.device.type == "cpu" else _GPU_MEMORY))

    def _below(self, depth: int, gradient: Gradient, memory: int) -> Iterator[tuple[Layer, Gradient]]:
        layer, block = self.blocks[depth]
        places = {"bn2": Layer(layer.stage, layer.block, 3), "bn1": Layer(layer.stage, layer.block, 1)}
        if (source := self.architecture.block_input(layer)) is not None:  # the stem's output is no unit
            places["input"] = source
        for name, reached in block.adjoint(layer.role, gradient):
            yield places[name], reached
            if places[name] == self.lowest:
                return
        for part in split(reached, max(1, memory // self.blocks[depth + 1][1].largest)):
            yield from self._below(depth + 1, part, memory)


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Keep a GPU's float32 convolutions from TF32, torch's default, which rounds to 10 bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = before and device.type != "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
