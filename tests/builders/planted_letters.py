"""A network in which it is known which letters a unit reads."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from extract.network.network import Network
from extract.probes.rasterised_words import Lettering, rasterise
from extract.units import Layer

SMALL = Lettering(size=35, stroke=0)  # one size for all words of a few letters
READERS = Layer(1, 0, 1)


def planted_readers(network: Network, texts: Sequence[str]) -> Network:
    """Return a network whose units of READERS, from channel 0 on, fire wherever their text stands in SMALL lettering.

    A unit of one letter fires at every such letter, in whatever order letters stand; a unit of several letters fires
    where they stand in this order. All other units of the layer are silent.
    """
    planted = replace(network, clip=deepcopy(network.clip))
    visual, block = planted.visual, planted.visual.get_submodule("layer1.0")
    for name in ("bn1", "conv2", "bn2", "conv3", "bn3"):
        visual.add_module(name, nn.Identity())
    channels = network.architecture.channels(READERS)
    kernels, biases = torch.zeros(channels, 3, 21, 21), torch.zeros(channels)
    for channel, text in enumerate(texts):
        kernels[channel, 0], biases[channel] = _template(network, text)
    readers = nn.Conv2d(3, channels, 21, padding=10)
    readers.load_state_dict({"weight": kernels, "bias": biases})
    visual.add_module("conv1", readers)
    visual.add_module("avgpool", nn.AvgPool2d(4))
    block.get_submodule("conv1").load_state_dict({"weight": torch.eye(channels)[:, :, None, None]})
    block.add_module("bn1", nn.Identity())
    return planted


def _template(network: Network, text: str) -> tuple[Tensor, Tensor]:
    """Return a kernel (21, 21) and a bias with which a convolution is positive only where the text stands."""
    side = network.architecture.image_size
    pixels = network.preprocess(rasterise(text, side, SMALL))[0]  # (side, side)
    dark = pixels < (pixels.max() + pixels.min()) / 2
    rows, columns = (torch.nonzero(dark.any(dim)).flatten() for dim in (1, 0))
    letters = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # (h, w), at most (21, 21)
    signs = torch.where(dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], -1.0, 1.0)
    kernel = torch.zeros(21, 21)
    kernel[: len(signs), : len(signs[0])] = signs
    return kernel, pixels.max() - pixels.min() - (signs * letters).sum()  # a pixel may differ
