"""Pictures of any size and turn: what is decoded is upright, and nothing takes the memory."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageOps

from extract.probes.pictures import PIXELS, UNREADABLE, opaque, thumbnail
from tests.builders.png_header import png_of

SIDE = 8200  # pixels: a little more than is decoded whole


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("width", "height"), [(SIDE, SIDE), (PIXELS + 1, 1), (30_000, 30_000)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    with pytest.raises(UNREADABLE, match="pixels"):
        opaque(png_of(width, height))
    with pytest.raises(UNREADABLE, match="pixels"):
        thumbnail(png_of(width, height))


def test_a_jpeg_of_too_many_pixels_is_decoded_at_a_lower_resolution() -> None:
    small = opaque(encoded(Image.new("L", (SIDE, SIDE), 200), "jpeg"))
    assert small.width == small.height < SIDE
    assert small.width >= 2048
    assert small.getpixel((0, 0)) == (200, 200, 200)


@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_upright_as_pillow_turns_it(orientation: int) -> None:
    picture = Image.effect_noise((9, 5), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture, "png", exif=exif)
    assert opaque(data).tobytes() == ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB").tobytes()


def test_a_turned_picture_with_a_broken_number_in_its_exif_is_read() -> None:
    orientation = struct.pack("<HHII", 0x0112, 3, 1, 6)
    resolution = struct.pack("<HHI4s", 0x011A, 2, 3, b"72\0")  # as text, which Pillow cannot write again
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + orientation + resolution + bytes(4)
    data = encoded(Image.new("RGB", (40, 30), "red"), "jpeg", exif=exif)
    with pytest.raises(TypeError):
        ImageOps.exif_transpose(Image.open(BytesIO(data)))
    assert opaque(data).size == (30, 40)
