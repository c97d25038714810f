"""Prepare images for a network."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from PIL import Image

from extract.network.network import Network

BATCH = 32  # images; only one block's maps of one batch are in memory, under 1 GB for RN50


def stack(
    images: Iterable[Image.Image], preprocess: Callable[[Image.Image], torch.Tensor], size: int
) -> Iterator[torch.Tensor]:
    """Preprocess images in order and yield them in batches of `size`: float32 (n, 3, side, side), in channels-last."""
    stream = map(preprocess, images)
    while batch := list(islice(stream, size)):
        yield torch.stack(batch).contiguous(memory_format=torch.channels_last)


def seen(network: Network, picture: Image.Image) -> Image.Image:
    """Return the part of a picture that the network sees: resized, cropped at the centre, RGB (side, side)."""
    return Image.fromarray(network.cut(picture))
