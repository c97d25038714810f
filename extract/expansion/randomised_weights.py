"""The control of randomised weights: what a few units of every layer contribute when nothing is learned.

The weights of every convolution are permuted and all batch norms stay. So sizes, signs of gamma and the network's shape
are the same, and only the arrangement is lost. By linearity, the mean of an expanded weight is the value at the
target's centre for a map of ones at the source, divided by the number of positions that the kernel can reach. So one
pass upwards serves all targets.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy

import pyarrow as pa
import torch
from torch import Tensor, nn
from tqdm import tqdm

from extract.expansion.backward import float32_on
from extract.expansion.linear_block import LinearBlock, linearised
from extract.expansion.operations import control_sources
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import support
from extract.folder.manifest import part
from extract.folder.randomised import ROLES, evenly
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.units import Architecture, Layer

_SEED = 1904
_MAPS = 5  # copies of the largest map that a block may hold for one unit


def sweep_randomised(
    network: Network, extraction: Extraction, targets: Sequence[Layer], memory: int, progress: bool
) -> None:
    """Store the means of randomised weights into these targets, one part per source layer; finished parts stay.

    Units are swept in batches whose maps take at most `memory` bytes, or one by one.
    """
    architecture = network.architecture
    into = [target for target in targets if target.role in ROLES]
    remaining = list(extraction.remaining(control_sources(architecture, targets), control_file))
    if not remaining:
        return
    blocks = _randomised_blocks(network)
    bar = tqdm(remaining, "randomised weights", unit="layer", disable=not progress)
    for source in bar:
        batches = _batches(architecture, source, memory)
        swept = [dict(_means(architecture, blocks, source, batch, network.device)) for batch in batches]
        means = {target: torch.cat([columns[target] for columns in swept], dim=1) for target in swept[0]}
        table = pa.concat_tables(
            [_rows(architecture, source, target, means[target]) for target in into if target in means]
        )
        extraction.add({control_file(source): table})


def control_file(source: Layer) -> str:
    """Return the name of the file that holds what a layer's units contribute through randomised weights."""
    return part("randomised", str(source))


def permute(block: nn.Module, generator: torch.Generator) -> nn.Module:
    """Copy a block, and permute the weights of each of its convolutions with the CPU's generator."""
    copy = deepcopy(block)
    for module in copy.modules():
        if isinstance(module, nn.Conv2d):
            order = torch.randperm(module.weight.numel(), generator=generator).to(module.weight.device)
            module.weight.copy_(module.weight.flatten()[order].view_as(module.weight))
    return copy


@torch.inference_mode()
def _randomised_blocks(network: Network) -> list[tuple[Layer, LinearBlock]]:
    """Linearise every block with permuted weights; return the blocks in forward order, each with its sum."""
    generator = torch.Generator().manual_seed(_SEED)
    architecture = network.architecture
    modules = {total: network.visual.get_submodule(f"layer{total.stage}.{total.block}") for total in architecture.sums}
    return [
        (total, linearised(architecture, total, permute(module, generator), torch.float32))
        for total, module in modules.items()
    ]


def _batches(architecture: Architecture, source: Layer, memory: int) -> tuple[Tensor, ...]:
    """Divide the channels of a source that are swept into batches (n,) whose maps take at most `memory` bytes."""
    above = [layer for layer in architecture.layers if layer >= source]
    largest = max(4 * architecture.channels(layer) * architecture.grid(layer) ** 2 for layer in above)  # bytes of a map
    channels = torch.from_numpy(evenly(architecture.channels(source)))
    return torch.split(channels, max(1, memory // (_MAPS * largest)))


@torch.inference_mode()
def _means(
    architecture: Architecture,
    blocks: Sequence[tuple[Layer, LinearBlock]],
    source: Layer,
    channels: Tensor,
    device: torch.device,
) -> Iterator[tuple[Layer, Tensor]]:
    """Yield for each target the mean expanded weights (target channels, these channels of the source), float32."""
    side = architecture.grid(source)
    maps = torch.zeros(len(channels), architecture.channels(source), side, side, device=device)
    maps[torch.arange(len(channels)), channels] = 1  # (n, channels, side, side)
    with float32_on(device):
        for total, block in blocks:
            if total <= source:
                continue
            inner = source.inner and source.output == total
            reached = block.maps(source.role if inner else "input", maps)
            maps = reached["sum"]
            for target in _targets(total):
                if target != source and target.role in reached:
                    span, centre = support(architecture, source, target).span, (architecture.grid(target) - 1) // 2
                    yield target, reached[target.role][:, :, centre, centre].T.cpu() / span


def _targets(total: Layer) -> Iterator[Layer]:
    return (Layer(total.stage, total.block, index) for index in (1, 3, 5))


def _rows(architecture: Architecture, source: Layer, target: Layer, means: Tensor) -> pa.Table:
    """Make one row for each swept unit of the source, from means (target channels, swept channels of the source)."""
    channels = evenly(architecture.channels(source)).tolist()
    rows = [
        {"source": str(source), "source_channel": channel, "target": str(target), "means": column.tolist()}
        for channel, column in zip(channels, means.T, strict=True)
    ]
    return pa.Table.from_pylist(rows, SCHEMAS["randomised"])
