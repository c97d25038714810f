"""Scramble a picture's blocks, which gives a control with the same colours and textures but no large shape."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from extract.errors import WordsError

BLOCKS = 8  # along a side of a scrambled picture; divides the input of every CLIP ResNet


def scrambled(picture: Image.Image, seed: int | Sequence[int], blocks: int = BLOCKS) -> Image.Image:
    """Shuffle a picture's `blocks` x `blocks` equal blocks, which keeps colours and textures but no large shape.

    Returns RGB of the same size, with new edges at the seams. The same seed gives the same order. Raises WordsError if
    a side is not a multiple of `blocks`.
    """
    if picture.width % blocks or picture.height % blocks:
        raise WordsError(
            f"A picture of {picture.width} x {picture.height} pixels cannot be cut into {blocks} x {blocks} equal "
            f"blocks. Resize it to multiples of {blocks}."
        )
    high, wide = picture.height // blocks, picture.width // blocks
    pixels = np.asarray(picture.convert("RGB")).reshape(blocks, high, blocks, wide, 3)
    tiles = pixels.swapaxes(1, 2).reshape(blocks * blocks, high, wide, 3)
    mixed = np.random.default_rng(seed).permutation(tiles).reshape(blocks, blocks, high, wide, 3)
    return Image.fromarray(mixed.swapaxes(1, 2).reshape(picture.height, picture.width, 3))
