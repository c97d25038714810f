"""Prepare images for a network."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pyarrow as pa
import torch
from PIL import Image

from extract.network.network import Network
from extract.probes.table import images


def stack(
    shown: Iterable[Image.Image], preprocess: Callable[[Image.Image], torch.Tensor], size: int
) -> Iterator[torch.Tensor]:
    """Images in order, `size` at a time, as `preprocess` of a network makes them: float32 (n, 3, side, side)."""
    stream = map(preprocess, shown)
    while some := list(islice(stream, size)):
        yield torch.stack(some).contiguous(memory_format=torch.channels_last)  # (n, 3, side, side)


BATCH = 32  # images; a batch's maps of one block are all that is held of them, under 1 GB for RN50


def seen(network: Network, picture: Image.Image) -> Image.Image:
    """What the network sees of a picture, RGB (side, side): resized and cropped at the centre."""
    return Image.fromarray(network.cut(picture))


def batches(table: pa.Table, preprocess: Callable[[Image.Image], torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """The probes in order, `size` at a time, as `preprocess` of a network makes them: float32 (n, 3, side, side).

    No more than a batch is decoded at once. Raises ProbesError for an image that cannot be read.
    """
    yield from stack(images(table), preprocess, size)
