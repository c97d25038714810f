"""Propagate gradients from target layers down through the linearised blocks, a batch of target units at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch

from extract.expansion.linear_block import LinearBlock, linearised
from extract.expansion.plan import added_up
from extract.expansion.window import Gradient
from extract.network.network import Network
from extract.units import Architecture, Layer

_CPU_MEMORY = 2**23  # bytes of a tensor that stays near a core
_GPU_MEMORY = 2**28  # bytes of a tensor that keeps a GPU busy
_STEPS = ("bn2", "bn1", "input")  # of a block, from its sum down
_FIRST = {"sum": "bn2", "conv": "bn2", "bn2": "bn1", "bn1": "input", "downsample": "input"}  # step below a role

Gradients = dict[Layer, Gradient]  # keyed by target


@dataclass(frozen=True)
class Descent:
    """The linearised blocks from target layers down to a lowest layer.

    All targets have equally many channels. If both branches of a sum are targets too, the sum is in `added_up`, and its
    gradient is not propagated: at every layer it is the gradients of its branches added up.
    """

    architecture: Architecture
    targets: tuple[Layer, ...]
    lowest: Layer
    blocks: tuple[tuple[Layer, LinearBlock], ...]  # nearest first, each with its sum
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def between(
        cls, network: Network, lowest: Layer, targets: Sequence[Layer], dtype: torch.dtype | None = None
    ) -> "Descent":
        """Linearise the blocks on the network's device, in `dtype` (by default the network's, but float32 at least)."""
        architecture, weight = network.architecture, network.visual.get_parameter("conv1.weight")
        dtype = dtype or torch.promote_types(weight.dtype, torch.float32)
        blocks = []
        layer: Layer | None = max(target.output for target in targets)
        while layer is not None and (layer.stage, layer.block) >= (lowest.stage, lowest.block):
            module = network.visual.get_submodule(f"layer{layer.stage}.{layer.block}")
            blocks.append((layer, linearised(architecture, layer, module, dtype)))
            layer = architecture.block_input(layer)
        return cls(architecture, tuple(targets), lowest, tuple(blocks), dtype, weight.device)

    @cached_property
    def added_up(self) -> dict[Layer, tuple[Layer, Layer]]:
        """The targets that are added up, each with its shortcut and conv branch, which are targets too."""
        return added_up(self.architecture, self.targets)

    def gradients(self, batch: range, memory: int | None = None) -> Iterator[tuple[Layer, Gradients]]:
        """Compute the gradients of the targets' channels at the targets and at every layer below, down to the lowest.

        Yields each layer with its gradients, keyed by target; those of `added_up` are missing. Units come in order.
        Where a tensor would take more than `memory` bytes, a layer comes several times, each time with some of the
        units.
        """
        memory = memory or (_CPU_MEMORY if self.device.type == "cpu" else _GPU_MEMORY)
        yield from self._through(0, batch, {}, memory)

    def _through(self, depth: int, batch: range, arriving: Gradients, memory: int) -> Iterator[tuple[Layer, Gradients]]:
        """Propagate gradients through a block and the blocks below it.

        `arriving` are the gradients at the block's sum. The gradients of targets inside the block start here.
        """
        units = len(batch)
        while units == len(batch):  # what arrived at a block is let go of below it
            total, block = self.blocks[depth]
            starting = {target: self._start(target, batch) for target in self.targets if self._starts(target, total)}
            for target, gradient in starting.items():
                yield target, {target: gradient}
                if target == self.lowest:
                    return
            roles = dict.fromkeys(arriving, "sum") | {target: target.role for target in starting}
            reached: Gradients = {}
            for place, reached in self._steps(block, total, roles, arriving | starting):
                yield place, reached | self._starting_at(place, batch)
                if place == self.lowest:
                    return
            arriving, depth = reached, depth + 1
            units = min(units, max(1, memory // self.blocks[depth][1].largest))
        for first in range(0, len(batch), units):
            few = slice(first, first + units)
            yield from self._through(depth, batch[few], {t: g.units(few) for t, g in arriving.items()}, memory)

    def _steps(
        self, block: LinearBlock, total: Layer, roles: Mapping[Layer, str], gradients: Gradients
    ) -> Iterator[tuple[Layer, Gradients]]:
        """Yield each layer of a block, from the top down, with the gradients of all targets at that layer."""
        places = {"bn2": Layer(total.stage, total.block, 3), "bn1": Layer(total.stage, total.block, 1)}
        if (source := self.architecture.block_input(total)) is not None:  # the stem's output has no units
            places["input"] = source
        descents = {target: block.adjoint(roles[target], gradient) for target, gradient in gradients.items()}
        for name, place in places.items():
            passing = [t for t in descents if _STEPS.index(_FIRST[roles[t]]) <= _STEPS.index(name)]
            yield place, {target: next(descents[target])[1] for target in passing}

    def _starts(self, target: Layer, total: Layer) -> bool:
        return target.output == total and target not in self.added_up

    def _start(self, target: Layer, batch: range) -> Gradient:
        values = torch.zeros(len(batch), self.architecture.channels(target), 1, 1, dtype=self.dtype)
        values[torch.arange(len(batch)), torch.tensor(batch)] = 1  # (n, channels, 1, 1)
        return Gradient(values.to(self.device), (self.architecture.grid(target) - 1) // 2)

    def _starting_at(self, place: Layer, batch: range) -> Gradients:
        """Return the gradient of a layer that is a target at itself, as the shortcut of a target above."""
        return {place: self._start(place, batch)} if place in self.targets else {}


@contextmanager
def float32_on(device: torch.device, tf32: bool = False) -> Iterator[None]:
    """Keep a GPU's float32 products and convolutions from TF32, which rounds to 10 bits, unless `tf32` is set."""
    if device.type != "cuda":
        yield
        return
    settings = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = [each.fp32_precision for each in settings]
    try:
        for each in settings:
            each.fp32_precision = "tf32" if tf32 else "ieee"
        yield
    finally:
        for each, precision in zip(settings, before, strict=True):
            each.fp32_precision = precision
