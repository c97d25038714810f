"""Decode pictures from the bytes of a file, and make thumbnails."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from extract.errors import ProbesError, UnreadablePicture
from extract.files import reason_of, refuse_pipe

FORMATS = ("PNG", "WEBP", "JPEG", "GIF", "BMP")  # of thumbnails
SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
_READ = (*FORMATS, "TIFF", "AVIF")  # whichever of their suffixes a file has
LARGEST_FILE = 2**28  # bytes
THUMBNAIL = 128  # pixels of a side
PIXELS = 2**26  # the most that are decoded at full resolution: 200 MB
LARGEST = 2048  # pixels of a side, the most that a thumbnail may have
SCANS = 100  # the most that a JPEG may have; encoders write a dozen
UNREADABLE = (OSError, UnreadablePicture)  # what loading and decoding raise


_JPEG, _SCAN, _END = b"\xff\xd8", b"\xda", b"\xd9"
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # a JPEG's markers, except those without a length


def opaque(data: bytes) -> Image.Image:
    """Decode a picture as upright RGB, with transparent parts on white. Raises UnreadablePicture with the reason.

    A JPEG of more than `PIXELS`, up to Pillow's own limit, is decoded at a lower resolution. Any other picture of more
    than `PIXELS` is refused.
    """
    with _decoding():
        picture = _eight_bits(_upright(_bounded(_opened(data))))
        if "A" not in picture.getbands() and "transparency" not in picture.info:
            return picture.convert("RGB")
        clear = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn any error of Pillow and its decoders into UnreadablePicture."""
    try:
        yield
    except UnidentifiedImageError as error:  # whose own message contains a memory address
        raise UnreadablePicture("it has a format that is not read") from error
    except Exception as error:
        raise UnreadablePicture(str(error) or type(error).__name__) from error


def _opened(data: bytes, formats: tuple[str, ...] = _READ) -> Image.Image:
    """Open a picture without decoding it.

    Raises ValueError for empty data, and for a JPEG of so many scans that decoding would take minutes.
    """
    if not data:
        raise ValueError("it is empty")
    if data.startswith(_JPEG) and sum(1 for _ in islice(_scans(data), SCANS + 1)) > SCANS:
        raise ValueError(f"it is a JPEG of more than {SCANS} scans")
    return Image.open(BytesIO(data), formats=formats)


def _scans(data: bytes) -> Iterator[int]:
    """Yield the places where the scans of a JPEG begin; each scan goes over the whole picture once more."""
    place = len(_JPEG)
    while (marker := _MARKER.search(data, place)) and marker[1] != _END:
        if marker[1] == _SCAN:
            yield marker.start()
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])


def _bounded(picture: Image.Image) -> Image.Image:
    """Return an opened picture if decoding it takes bounded memory, for a JPEG by lowering its resolution.

    Raises ValueError otherwise.
    """
    if picture.width * picture.height > PIXELS:
        picture.draft(None, (LARGEST, LARGEST))  # a JPEG's decoder can leave out detail
    if picture.width * picture.height > PIXELS:
        raise ValueError(f"it has {picture.width} x {picture.height} pixels, where at most {PIXELS:,} are allowed")
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale a grey picture of 16 or 32 bits to 8 bits, as viewers do; transparent pixels become white."""
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;"):
        return picture
    values = np.nan_to_num(np.asarray(picture, np.float32), copy=True)  # (height, width)
    low, high = (0.0, 65535.0) if picture.mode.startswith("I;") else _range(values)
    transparent = picture.info.get("transparency")
    clear = values == transparent if isinstance(transparent, int) else None
    scale = 255 / (high - low)
    values *= scale  # first, since the differences of very large numbers do not fit in float32
    values -= low * scale
    grey = np.rint(values, out=values).astype(np.uint8)
    if clear is not None:
        grey[clear] = 255
    return Image.fromarray(grey)


def _range(values: np.ndarray) -> tuple[float, float]:
    """Choose the values for black and white if the format does not define them: a usual range if the values fit."""
    low, high = float(values.min()), float(values.max())
    if low < 0:
        return low, max(high, 0.0)
    return 0.0, next((usual for usual in (1.0, 255.0, 65535.0) if high <= usual), high)


_ORIENTATION = 0x0112  # EXIF's tag; below, the turn that makes a picture upright, for each of its values
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture upright as its EXIF says; only the orientation is read, because the rest may be damaged."""
    try:
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF can raise any error
        turn = None
    return picture if turn is None else picture.transpose(turn)


def load(file: Path) -> bytes:
    """Read a picture file's bytes. Raises OSError, or UnreadablePicture for more than `LARGEST_FILE` bytes."""
    if not file.is_relative_to("/dev"):
        refuse_pipe(file)
    with file.open("rb") as stream:
        data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise UnreadablePicture(f"it has more than {LARGEST_FILE:,} bytes")
    return data


def thumbnail(data: bytes, side: int = THUMBNAIL) -> bytes:
    """Crop a picture to its middle square, scale the square to `side` pixels, and encode it as WebP without EXIF.

    A square of at most `side` pixels keeps its size and loses no detail. A file with such a square that is already a
    WebP or PNG with only pixels is returned unchanged. Raises UnreadablePicture.
    """
    with _decoding(), _opened(data) as picture:
        small = picture.width == picture.height <= side
    if small and _holds_nothing_else(data):
        return data
    square = opaque(data) if small else ImageOps.fit(opaque(data), (side, side), Image.Resampling.BICUBIC)
    stream = BytesIO()
    square.save(stream, "webp", quality=80, lossless=small, exif=b"", xmp=b"", icc_profile=None)
    return stream.getvalue()


def _holds_nothing_else(data: bytes) -> bool:
    """Check whether a file is a WebP in the simple format, which has no room for EXIF, or a PNG with only pixels."""
    if data[8:16] in (b"WEBPVP8 ", b"WEBPVP8L"):
        pixels = int.from_bytes(data[16:20], "little")
        return int.from_bytes(data[4:8], "little") + 8 == len(data) == 20 + pixels + pixels % 2  # one chunk
    chunks = list(_chunks(data)) if data.startswith(b"\x89PNG\r\n\x1a\n") else []
    return chunks[-1:] == [b"IEND"] and _PIXEL_CHUNKS.issuperset(chunks)


_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield the kinds of a PNG's chunks; bytes after the end give a kind that does not exist."""
    place = 8
    while place < len(data):
        yield data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4])


def decode_thumbnail(data: bytes) -> Image.Image | None:
    """Decode a thumbnail as RGBA; None if it is not a picture, is cut short, or has a side of more than `LARGEST`.

    An extraction may come from a stranger, so its thumbnails must neither exhaust the memory nor break a page.
    """
    try:
        with _decoding(), _opened(data, FORMATS) as picture:
            return picture.convert("RGBA") if max(picture.size) <= LARGEST else None
    except UnreadablePicture:
        return None


def read_picture(file: Path) -> Image.Image:
    """Read a picture file and decode it with `opaque`. Raises ProbesError if the file cannot be read."""
    with _readable(str(file)):
        return opaque(load(file))


def decode_picture(content: bytes, name: str) -> Image.Image:
    """Decode a file's content with `opaque`. Raises ProbesError, which names the file, if it is not a picture."""
    with _readable(name):
        return opaque(content)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise ProbesError(
            f"{name} is not a picture that can be read ({reason_of(error)}). Name a PNG, JPEG or WebP file."
        ) from error


@contextmanager
def reading_probe(name: str) -> Iterator[None]:
    """Turn the error of an image that cannot be read into ProbesError, which names the probe."""
    try:
        yield
    except UNREADABLE as error:
        raise unreadable_probe(name, reason_of(error)) from error


def unreadable_probe(name: str, reason: object) -> ProbesError:
    """Make the error for a probe whose image cannot be read."""
    return ProbesError(f"The image of probe {name} cannot be read ({reason}). Remove the probe, or write it again.")
