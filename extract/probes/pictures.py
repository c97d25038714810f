"""Pictures from the bytes of a file, and thumbnails."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from extract.errors import ProbesError

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".gif", ".bmp"}
FORMATS = ("PNG", "WEBP", "JPEG", "GIF", "BMP")  # of the files with those suffixes
THUMBNAIL = 128  # pixels
LARGEST = 2048  # pixels of a side of what is still a thumbnail
UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # Pillow's own


def opaque(data: bytes) -> Image.Image:
    """Decode a picture: upright, RGB, transparent parts on white; raises one of `UNREADABLE`."""
    picture = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def thumbnail(data: bytes, side: int = THUMBNAIL) -> bytes:
    """Crop a picture to its middle square of at most `side` pixels, as WebP; a small square is returned as it is."""
    with Image.open(BytesIO(data)) as picture:
        if picture.width == picture.height <= side:
            return data
    square = ImageOps.fit(opaque(data), (side, side), Image.Resampling.BICUBIC)
    stream = BytesIO()
    square.save(stream, "webp", quality=80)
    return stream.getvalue()


def decode_thumbnail(data: bytes) -> Image.Image | None:
    """Decode a thumbnail, RGBA; None where it is no picture, is cut short, or has more than `LARGEST` pixels a side.

    Thumbnails come with an extraction, which may be a stranger's: none of them may take the memory or end a page.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            return picture.convert("RGBA") if max(picture.size) <= LARGEST else None
    except (*UNREADABLE, RuntimeError, TypeError, struct.error, MemoryError):  # what Pillow's decoders let through
        return None


def read_picture(file: Path) -> Image.Image:
    """Read a picture file as `opaque` decodes it; ProbesError if it cannot be read."""
    with _readable(str(file)):
        return opaque(file.read_bytes())


def decode_picture(content: bytes, name: str) -> Image.Image:
    """Decode a file's content as `opaque` does; ProbesError, which names the file, if it cannot be read."""
    with _readable(name):
        return opaque(content)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise ProbesError(f"{name} is no picture that can be read ({error}). Give a PNG, JPEG or WebP file.") from error
