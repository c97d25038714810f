"""Smear pictures, so that nobody can tell what they show."""

import base64
import io
from functools import lru_cache

from PIL import Image

from extract.probes.pictures import decode_thumbnail

_GRAIN = 5  # a side of the smear in colours; too few to tell what is shown
_SIDE = 64  # pixels of the smear


def address(thumbnail: str) -> str:
    """Make a `data:` address of a WebP or PNG picture, given as base64 text."""
    kind = "png" if thumbnail.startswith("iVBOR") else "webp"  # PNG's signature in base64
    return f"data:image/{kind};base64,{thumbnail}"


@lru_cache(maxsize=4096)
def smeared(thumbnail: str) -> str:
    """Average a picture to a few colours: a PNG as base64 text, all grey if the picture cannot be read."""
    stream = io.BytesIO()
    _grains(base64.b64decode(thumbnail)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _grains(data: bytes) -> Image.Image:
    """The picture in `_GRAIN` x `_GRAIN` colours."""
    picture = decode_thumbnail(data) or Image.new("RGB", (1, 1), "grey")
    return picture.convert("RGB").resize((_GRAIN, _GRAIN), Image.Resampling.BOX)
