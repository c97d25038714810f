"""Prepare images for a network."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from PIL import Image

from extract.network.network import Network

BATCH = 32  # images; only one batch's maps of one block are in memory, under 1 GB for RN50


def stack(
    images: Iterable[Image.Image], preprocess: Callable[[Image.Image], torch.Tensor], size: int
) -> Iterator[torch.Tensor]:
    """Preprocess images in order and stack `size` at a time: float32 (n, 3, side, side), in channels-last."""
    stream = map(preprocess, images)
    while batch := list(islice(stream, size)):
        yield torch.stack(batch).contiguous(memory_format=torch.channels_last)


def seen(network: Network, picture: Image.Image) -> Image.Image:
    """What the network sees of a picture, RGB (side, side): resized and cropped at the centre."""
    return Image.fromarray(network.cut(picture))
