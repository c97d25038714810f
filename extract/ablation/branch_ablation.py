"""Mean-ablate each branch of every sum, all units in one forward pass.

A branch is replaced by its mean over all probes and positions. The units of a sum do not depend on one another, so one
pass serves them all. `part_ablation` ablates a single branch and lets the rest of the network run on without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from extract.network.hooks import watch_sums
from extract.network.network import Network
from extract.probes.probe import Probe
from extract.recording.decoding import batches_again
from extract.units import Layer


@dataclass(frozen=True)
class BranchAblation:
    """Means of a sum after its ReLU over each concept's probes, intact and without either branch: (concepts, units)."""

    intact: np.ndarray
    without_conv: np.ndarray
    without_shortcut: np.ndarray


@torch.inference_mode()
def ablate_branches(
    network: Network,
    probes: Iterable[Probe],
    concepts: Sequence[int],
    branches: Mapping[Layer, tuple[np.ndarray, np.ndarray]],
    progress: bool = True,
) -> dict[Layer, BranchAblation]:
    """Show probes once and ablate either branch of every unit of several sums.

    `concepts` numbers each probe's concept, from 0. `branches` are by sum the means of the shortcut and of conv over
    all probes and positions, (units,) each. Raises what loading a probe raises.
    """
    count = max(concepts, default=-1) + 1
    totals = {layer: np.zeros((3, count, len(means[0]))) for layer, means in branches.items()}
    means = {
        layer: [torch.from_numpy(mean).float()[:, None, None] for mean in pair] for layer, pair in branches.items()
    }
    batch: list[int] = []  # the concepts of the probes in the network

    def see(layer: Layer, total: Tensor, shortcut: Tensor) -> None:
        shortcut_mean, conv_mean = means[layer]  # (c, 1, 1) each
        sums = (total, shortcut + conv_mean, total - shortcut + shortcut_mean)  # (n, c, h, w) each
        for place, maps in enumerate(sums):
            np.add.at(totals[layer][place], batch, maps.relu().mean((2, 3)).double().numpy())

    numbers = iter(concepts)
    with watch_sums(network.visual, branches, see):
        for images in batches_again(network, probes, len(concepts), "ablation", progress):  # (n, 3, side, side)
            batch[:] = islice(numbers, len(images))
            network.visual(images)
    sizes = np.maximum(np.bincount(np.asarray(concepts, int), minlength=count), 1)[:, None]
    return {layer: BranchAblation(*(total / sizes)) for layer, total in totals.items()}
