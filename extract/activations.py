"""What the units of a residual sum and of its two branches do on every probe, read in one pass over the network."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from tqdm import tqdm

from extract.errors import UnknownUnit
from extract.probes import batches
from extract.schemas import SCHEMAS
from extract.units import Layer

if TYPE_CHECKING:
    from extract.weights import Network

BATCH = 32  # images; a batch's maps of one block are all that is held of them, under 1 GB for RN50
LENGTH = 16  # examples a list: few enough to look at, enough that one odd probe does not rule the means
CONSTANT = 1e-6  # relative deviation below which float32 rounding is all that a unit does


@dataclass(frozen=True)
class Branches:
    """What a block adds up, each (images, channels, rows, columns); total = shortcut + conv to the last bit.

    `shortcut` is the block's input, after its ReLU, or the downsample batch norm's output; `conv` is bn3's output; the
    raw ones are the outputs of conv3 and of the downsample convolution, which the article compares. A block without
    downsample has its shortcut as raw shortcut.
    """

    shortcut: Tensor
    conv: Tensor
    total: Tensor
    raw_shortcut: Tensor
    raw_conv: Tensor

    @property
    def output(self) -> Tensor:
        """The sum after its ReLU: the block's output."""
        return self.total.relu()


@contextmanager
def taps(visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, Branches], None]) -> Iterator[None]:
    """While open, a forward pass hands every chosen sum's branches to `see`, block by block; leaves no hook behind.

    To keep them all, pass a dict's `__setitem__`. Raises UnknownUnit for a layer that is no sum.
    """
    with ExitStack() as stack:
        for layer in layers:
            if layer.role != "sum":
                raise UnknownUnit(f"{layer} adds nothing up. Choose the block's sum, {layer.output}.")
            block = visual.get_submodule(layer.module.rpartition(".")[0])
            for handle in _hooks(block, partial(see, layer)):
                stack.callback(handle.remove)
        yield


def _hooks(block: nn.Module, see: Callable[[Branches], None]) -> Iterator[RemovableHandle]:
    """Hooks that gather a block's branches and pass them on at its end.

    Each tensor is cloned as it goes by: open_clip adds the shortcut into bn3's output and applies the ReLU in place,
    so that a tensor merely kept would hold the block's output in the end.
    """
    read: dict[str, Tensor] = {}

    def input_of(module: nn.Module, *names: str) -> RemovableHandle:
        return module.register_forward_pre_hook(lambda _, inputs: read.update(dict.fromkeys(names, inputs[0].clone())))

    def output_of(module: nn.Module, name: str) -> RemovableHandle:
        return module.register_forward_hook(lambda _, inputs, output: read.update({name: output.clone()}))

    def done(*_: object) -> None:
        see(Branches(**read))
        read.clear()

    part = block.get_submodule
    if block.downsample is None:
        yield input_of(block, "shortcut", "raw_shortcut")
    else:
        yield output_of(part("downsample.1"), "shortcut")
        yield output_of(part("downsample.0"), "raw_shortcut")
    yield output_of(part("conv3"), "raw_conv")
    yield output_of(part("bn3"), "conv")
    yield input_of(part("act3"), "total")
    yield block.register_forward_hook(done)


@dataclass(frozen=True)
class Responses:
    """What a sum's units do on every probe: float32 (probes, channels), enough for every share and every ranking.

    Means over positions: of the `shortcut`, of the `conv` branch, of the `output` (the sum after its ReLU), and of what
    `passed`, the shortcut where the sum is positive and nothing elsewhere. `open` is the share of positions where it
    is. The norms are Frobenius norms over positions, of the raw shortcut and of raw conv3.
    """

    shortcut: np.ndarray
    conv: np.ndarray
    output: np.ndarray
    passed: np.ndarray
    open: np.ndarray
    norm_shortcut: np.ndarray
    norm_conv: np.ndarray

    @classmethod
    def empty(cls, probes: int, channels: int) -> Self:
        """Room for so many probes and channels."""
        return cls(*(np.empty((probes, channels), np.float32) for _ in fields(cls)))

    def put(self, first: int, branches: Branches) -> None:
        """Write a batch's responses, that of its first image to row `first`."""
        for name, values in _summary(branches).items():
            getattr(self, name)[first : first + len(values)] = values.numpy()


def _summary(branches: Branches) -> dict[str, Tensor]:
    positive = (branches.total > 0).float()  # (n, c, h, w)

    def mean(maps: Tensor) -> Tensor:
        return maps.mean((2, 3))  # (n, c)

    def norm(maps: Tensor) -> Tensor:
        return (maps * maps).sum((2, 3)).sqrt()  # (n, c); several times faster than torch's own norm

    return {
        "shortcut": mean(branches.shortcut),
        "conv": mean(branches.conv),
        "output": mean(branches.output),
        "passed": mean(branches.shortcut * positive),
        "open": mean(positive),
        "norm_shortcut": norm(branches.raw_shortcut),
        "norm_conv": norm(branches.raw_conv),
    }


@torch.inference_mode()
def respond(
    network: "Network", probes: pa.Table, layers: Sequence[Layer], progress: bool = True
) -> tuple[np.ndarray, dict[Layer, Responses]]:
    """Show the network all probes once: their embeddings, of length 1 (probes, E), and the responses of each sum.

    Memory: 28 bytes a probe and channel, so 0.3 GB for 4,000 probes and all sums of the demo, 1.7 GB for RN50's.
    Raises UnknownUnit for a layer that is no sum, ProbesError for an image that cannot be read.
    """
    shape = network.architecture
    answers = {layer: Responses.empty(probes.num_rows, shape.channels(layer)) for layer in layers}
    embeddings: list[Tensor] = []
    shown = 0

    def see(layer: Layer, branches: Branches) -> None:
        answers[layer].put(shown, branches)

    with taps(network.visual, layers, see), tqdm(total=probes.num_rows, desc="probes", disable=not progress) as bar:
        for images in batches(probes, network.preprocess, BATCH):
            embeddings.append(network.clip.encode_image(images, normalize=True))  # (n, E)
            shown += len(images)
            bar.update(len(images))
    return torch.cat(embeddings).numpy(), answers


@dataclass(frozen=True)
class Examples:
    """The top discovery probes of every channel of a branch, from the strongest: (LENGTH, channels) where `valid`.

    A list ends at the mean over all probes: a unit that answers to three probes has three examples, and a constant one
    none. Equals keep the order of the table.
    """

    probes: np.ndarray  # int, rows of the table
    values: np.ndarray  # mean over positions
    z: np.ndarray  # standard deviations above the mean over all probes
    valid: np.ndarray  # bool
    members: np.ndarray  # bool (all probes, channels)

    def table(self, layer: Layer, branch: str, names: np.ndarray) -> pa.Table:
        """One row an example, by channel and then rank; `names` are the ids of all probes."""
        channel, rank = np.nonzero(self.valid.T)
        columns: dict[str, pa.Array[Any]] = {
            "layer": pa.array([str(layer)] * len(channel), pa.string()),
            "channel": pa.array(channel, pa.int32()),
            "branch": pa.array([branch] * len(channel), pa.string()),
            "rank": pa.array(rank + 1, pa.int32()),
            "probe": pa.array(names[self.probes[rank, channel]], pa.string()),
            "value": pa.array(self.values[rank, channel].astype(np.float32)),
            "z": pa.array(self.z[rank, channel].astype(np.float32)),
        }
        return pa.table(columns, schema=SCHEMAS["examples"])


def examples(values: np.ndarray, held_out: np.ndarray) -> Examples:
    """The lists of a branch from its `values` (probes, channels) and which probes are held out (probes,)."""
    z = _standardised(values)  # (N, C)
    order = np.argsort(np.where(held_out[:, None], np.inf, -z), axis=0, kind="stable")[:LENGTH]  # (LENGTH, C)
    highest = np.take_along_axis(z, order, axis=0)
    valid = (highest > 0) & ~held_out[order]
    members = np.zeros(values.shape, bool)
    np.put_along_axis(members, order, valid, axis=0)
    return Examples(order, np.take_along_axis(values, order, axis=0), highest, valid, members)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Deviations from each channel's mean in units of its standard deviation; NaN for a constant channel."""
    exact = values.astype(np.float64)
    deviation = exact.std(axis=0)
    deviation[deviation <= CONSTANT * np.abs(exact).max(axis=0)] = np.nan
    z: np.ndarray = (exact - exact.mean(axis=0)) / deviation
    return z


def tops(responses: Responses, held_out: np.ndarray) -> dict[str, Examples]:
    """The lists of a layer's sum, shortcut and conv branch."""
    answers = {"sum": responses.output, "shortcut": responses.shortcut, "conv": responses.conv}
    return {branch: examples(values, held_out) for branch, values in answers.items()}
