"""Measure the mean activation of channels over positions, for any layers in one forward pass."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from PIL.Image import Image

from extract.network.hooks import watch_means
from extract.network.network import Network
from extract.network.preprocessing import BATCH, stack
from extract.units import Layer


@torch.inference_mode()
def channel_means(
    network: Network,
    images: Iterable[Image],
    layers: Sequence[Layer],
    update: Callable[[int], object] = lambda count: None,
) -> dict[Layer, np.ndarray]:
    """Measure every channel's mean over positions on every image: float32 (images, channels) for each layer.

    A sum is read after its ReLU, as the enrichment circuits article reads its final units; other layers are read as
    batch norm leaves them. No more than one batch of images is in memory; `update` is called with the size of each
    batch. Raises UnknownUnit for a layer that this network does not have.
    """
    shape = network.architecture
    means = {layer: [torch.empty(0, shape.channels(shape.check(layer)))] for layer in layers}
    with watch_means(network.visual, layers, lambda layer, values: means[layer].append(values)):
        for batch in stack(images, network.preprocess, BATCH):
            network.visual(batch)
            update(len(batch))
    return {layer: torch.cat(means.pop(layer)).numpy() for layer in layers}
