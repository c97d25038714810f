"""What the channels of any layers do on images, on average over positions: one forward pass for all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from extract.network.network import Network
from extract.network.preprocessing import BATCH, stack
from extract.units import Layer


@torch.inference_mode()
def channel_means(
    network: Network,
    images: Iterable[Image],
    layers: Sequence[Layer],
    shown: Callable[[int], object] = lambda count: None,
) -> dict[Layer, np.ndarray]:
    """The mean over positions of every channel of the layers on every image: float32 (images, channels) a layer.

    A sum is read after its ReLU, as the article's final units are, other layers as batch norm leaves them. No more than
    a batch of images is held at once; `shown` hears of each how many they were. Raises UnknownUnit for a layer that
    this network does not have.
    """
    shape = network.architecture
    found = {layer: [torch.empty(0, shape.channels(shape.check(layer)))] for layer in layers}
    with means(network.visual, layers, lambda layer, values: found[layer].append(values)):
        for some in stack(images, network.preprocess, BATCH):
            network.visual(some)
            shown(len(some))
    return {layer: torch.cat(found.pop(layer)).numpy() for layer in layers}


@contextmanager
def means(visual: nn.Module, layers: Iterable[Layer], see: Callable[[Layer, Tensor], None]) -> Iterator[None]:
    """While open, a forward pass hands the means (n, channels) of every chosen layer to `see`; leaves no hook behind.

    A mean is taken as soon as a map is there, before open_clip adds the shortcut or applies the ReLU in place, so
    nothing is cloned. Where more than means is wanted, `hooks.watched` has it, at a price.
    """

    def hook(layer: Layer, module: nn.Module, inputs: object, output: Tensor) -> None:
        see(layer, output.mean((2, 3)))  # (n, channels)

    with ExitStack() as handles:
        for layer in layers:
            handle = visual.get_submodule(layer.module).register_forward_hook(partial(hook, layer))
            handles.callback(handle.remove)
        yield
