"""What every sum does without either of its branches: one forward pass for all units and both branches.

A branch is replaced by its mean over all probes and positions (mean ablation). The units of a sum do not depend on one
another, so none has to be shown alone; `ablation` takes one branch away and goes on through the rest of the network.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from tqdm import tqdm

from extract.network.network import Network
from extract.network.preprocessing import BATCH
from extract.probes.sources import Probe
from extract.recording.recording import beside, cut_again
from extract.units import Layer


@dataclass(frozen=True)
class Lesioned:
    """Mean z of every concept (k, units), and the same without conv and without the shortcut."""

    whole: np.ndarray
    without_conv: np.ndarray
    without_shortcut: np.ndarray


@torch.inference_mode()
def lesions(
    network: Network,
    probes: Iterable[Probe],
    concepts: Sequence[int],
    branches: Mapping[Layer, tuple[np.ndarray, np.ndarray]],
    progress: bool = True,
) -> dict[Layer, Lesioned]:
    """Show probes, one after the other of the concepts numbered from 0, and ablate either branch of every unit of sums.

    `branches` are the means of shortcut and conv over all probes and positions, (units,) each, by sum. A single pass:
    a sum's units do not depend on one another. Raises what loading a probe raises.
    """
    count = max(concepts, default=-1) + 1
    sums = {layer: np.zeros((3, count, len(means[0]))) for layer, means in branches.items()}
    means = {
        layer: [torch.from_numpy(each).float()[:, None, None] for each in pair] for layer, pair in branches.items()
    }
    now: list[int] = []

    def see(layer: Layer, total: Tensor, shortcut: Tensor) -> None:
        over, conv = means[layer]  # (c, 1, 1) each
        kinds = (total, shortcut + conv, total - shortcut + over)  # (n, c, h, w) each
        for place, maps in enumerate(kinds):
            np.add.at(sums[layer][place], now, maps.relu().mean((2, 3)).double().numpy())

    cuts, places = beside(partial(cut_again, network), probes), iter(concepts)
    with _added(network.visual, branches, see), tqdm(total=len(concepts), desc="ablation", disable=not progress) as bar:
        while some := list(islice(cuts, BATCH)):
            now[:] = islice(places, len(some))
            network.visual(network.normalise(some))
            bar.update(len(some))
    sizes = np.maximum(np.bincount(np.asarray(concepts, int), minlength=count), 1)[:, None]
    return {layer: Lesioned(*(found / sizes)) for layer, found in sums.items()}


@contextmanager
def _added(visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, Tensor, Tensor], None]) -> Iterator[None]:
    """While open, a forward pass hands every sum before its ReLU and its shortcut to `see`: (n, c, h, w) each."""
    with ExitStack() as stack:
        for layer in layers:
            block = visual.get_submodule(layer.module.rpartition(".")[0])
            for handle in _hooks(block, partial(see, layer)):
                stack.callback(handle.remove)
        yield


def _hooks(block: nn.Module, see: Callable[[Tensor, Tensor], None]) -> Iterator[RemovableHandle]:
    kept: list[Tensor] = []
    if block.downsample is None:
        yield block.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    else:
        yield block.get_submodule("downsample.1").register_forward_hook(lambda _, __, output: kept.append(output))
    yield block.get_submodule("act3").register_forward_pre_hook(lambda _, inputs: see(inputs[0], kept.pop()))
