"""Blur pictures so far that nobody can tell what they show."""

import base64
import io
from functools import lru_cache

from PIL import Image

from extract.probes.pictures import decode_thumbnail

_GRAIN = 5  # colours along a side of the blurred picture; too few to tell what it shows
_SIDE = 64  # pixels along a side of the blurred picture


def address(thumbnail: str) -> str:
    """Return the `data:` URL of a WebP or PNG picture in base64 text."""
    kind = "png" if thumbnail.startswith("iVBOR") else "webp"  # PNG's signature in base64
    return f"data:image/{kind};base64,{thumbnail}"


@lru_cache(maxsize=4096)
def smeared(thumbnail: str) -> str:
    """Blur a picture to a few colours; return a PNG as base64 text, all grey if the picture cannot be read."""
    stream = io.BytesIO()
    _grains(base64.b64decode(thumbnail)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _grains(data: bytes) -> Image.Image:
    """Average a picture to `_GRAIN` x `_GRAIN` colours."""
    picture = decode_thumbnail(data) or Image.new("RGB", (1, 1), "grey")
    return picture.convert("RGB").resize((_GRAIN, _GRAIN), Image.Resampling.BOX)
