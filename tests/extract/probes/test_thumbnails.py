"""Thumbnails of a stranger's: a picture, or none, and never an error or the memory."""

import io
import resource

import numpy as np
import pytest
from PIL import Image

from extract.probes.pictures import FORMATS, LARGEST, decode_thumbnail, thumbnail
from tests.builders.png_header import png_of

OTHERS = ("TIFF", "AVIF", "PPM", "SGI", "DDS", "TGA", "JPEG2000", "ICNS", "PCX")


def encoded(form: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


@pytest.mark.parametrize("form", [*FORMATS, *OTHERS])
def test_a_damaged_thumbnail_is_a_picture_or_none(form: str) -> None:
    whole, rng = encoded(form), np.random.default_rng(1)
    assert (decode_thumbnail(whole) is not None) == (form in FORMATS)
    for _ in range(60):
        damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for place in rng.integers(0, len(damaged), rng.integers(1, 9)):
            damaged[place] = rng.integers(256)
        picture = decode_thumbnail(bytes(damaged))
        assert picture is None or picture.mode == "RGBA"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [LARGEST + 1, 13_000, 30_000, 2**31 - 1])
def test_a_picture_far_larger_than_a_thumbnail_is_none_and_takes_no_memory(side: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert decode_thumbnail(png_of(side, side)) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
def test_a_small_square_of_pixels_alone_stays_as_it_is(form: str) -> None:
    assert thumbnail(encoded(form)) == encoded(form)
    assert thumbnail(encoded(form) + b"more") == thumbnail(encoded(form) + b"else") != encoded(form) + b"more"


def with_place(form: str, side: int) -> tuple[bytes, Image.Image]:
    """A picture that says where it was taken and who took it."""
    pixels = np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8)
    picture, stream, exif = Image.fromarray(pixels), io.BytesIO(), Image.Exif()
    exif[0x010E] = "52.5200 N 13.4050 E"
    picture.save(stream, form, exif=exif)
    return stream.getvalue() + b"52.5200 N 13.4050 E", picture  # behind the end, where some programs put more


@pytest.mark.parametrize("side", [32, 200])
@pytest.mark.parametrize("form", ["WEBP", "PNG", "JPEG"])
def test_a_thumbnail_holds_the_picture_alone(form: str, side: int) -> None:
    data, picture = with_place(form, side)
    small = thumbnail(data)
    assert b"52.5200" in data
    assert b"52.5200" not in small
    with Image.open(io.BytesIO(small)) as opened:
        assert (opened.format, opened.size, dict(opened.getexif())) == ("WEBP", (min(side, 128),) * 2, {})
        if side == 32 and form == "PNG":
            assert np.array_equal(np.asarray(opened.convert("RGB")), np.asarray(picture))
    assert thumbnail(small) == small
