"""Read the maps of both branches of sums on every image, as they enter the sum's ReLU, and the images' embeddings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from extract.network.hooks import watch_sums
from extract.network.network import Network
from extract.network.preprocessing import BATCH, stack
from extract.units import Layer

SIDE = 7  # positions read along each side of a map: all in the last stage, a regular grid in larger maps


@dataclass(frozen=True)
class BranchMaps:
    """The maps of shortcut and conv, float32 (images, units, positions), and embeddings of length 1, (images, E)."""

    shortcut: np.ndarray
    conv: np.ndarray
    embeddings: np.ndarray


def branch_maps(network: Network, images: Iterable[Image.Image], layer: Layer) -> BranchMaps:
    """Show images to the network, and read the branches of one sum.

    All maps are held in memory: the maps of the demo's last sum on 3,000 images take 110 MB.
    """
    shown, channels = list(images), {layer: range(network.architecture.channels(layer))}
    return maps_of_sums(network, stack(shown, network.preprocess, BATCH), len(shown), channels)[layer]


@torch.inference_mode()
def maps_of_sums(
    network: Network, batches: Iterable[Tensor], images: int, channels: Mapping[Layer, range]
) -> dict[Layer, BranchMaps]:
    """Show batches (n, 3, side, side) to the network once, and read the maps of consecutive channels of sums.

    `images` is the number of images in all batches.
    """
    shapes = {layer: (2, images, len(own), positions(network, layer)) for layer, own in channels.items()}
    maps = {layer: np.empty(shape, np.float32) for layer, shape in shapes.items()}
    rows, first = list[np.ndarray](), 0

    def see(layer: Layer, total: Tensor, shortcut: Tensor) -> None:
        own, grid = channels[layer], read_positions(network.architecture.grid(layer))
        parts = [part[:, own.start : own.stop, grid, grid].float() for part in (total, shortcut)]  # (n, c, s, s) each
        shown = slice(first, first + len(total))
        maps[layer][0, shown], maps[layer][1, shown] = parts[1].flatten(2), (parts[0] - parts[1]).flatten(2)

    with watch_sums(network.visual, channels, see):
        for batch in batches:
            rows.append(network.clip.encode_image(batch, normalize=True).numpy())
            first += len(batch)
    embeddings = np.concatenate(rows)
    return {layer: BranchMaps(pair[0], pair[1], embeddings) for layer, pair in maps.items()}


def read_positions(grid: int) -> slice:
    """Return which rows, and which columns, are read of a map with `grid` of them: at most SIDE, equally far apart."""
    step = -(-grid // SIDE)
    return slice(step // 2, None, step)


def positions(network: Network, layer: Layer) -> int:
    """Count the positions that are read of a sum's map."""
    grid = network.architecture.grid(layer)
    return len(range(grid)[read_positions(grid)]) ** 2
