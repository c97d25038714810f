"""Pictures of any size and turn: what is decoded is upright, and nothing takes the memory."""

import resource
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image, ImageOps

from extract.errors import UnreadablePicture
from extract.network.network import Network
from extract.probes.pictures import PIXELS, UNREADABLE, decode_thumbnail, opaque, thumbnail
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


RAMP = np.linspace(0, 65535, 40 * 30).reshape(30, 40)  # every grey from black to white
SHADES = RAMP / 257  # in 8 bits


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (RAMP.astype("<u2"), "png"),
        (RAMP.astype("<u2"), "tiff"),
        (RAMP.astype("<i4"), "tiff"),
        ((RAMP * 30_000).astype("<i4"), "tiff"),
        ((RAMP - 30_000).astype("<i4"), "tiff"),
        ((RAMP / 65535).astype("<f4"), "tiff"),
        ((RAMP / 257).astype("<f4"), "tiff"),
        (RAMP.astype("<f4"), "tiff"),
        ((RAMP * 1e20).astype("<f4"), "tiff"),
    ],
)
def test_a_deep_picture_is_scaled_and_not_clipped(values: np.ndarray, form: str) -> None:
    seen = np.asarray(opaque(encoded(Image.fromarray(values), form)))
    np.testing.assert_allclose(seen, np.repeat(SHADES[..., None], 3, axis=2), atol=0.6)


def test_a_deep_picture_of_one_shade_is_that_shade() -> None:
    for mode, shade, expected in (("I;16", 32896, 128), ("I", 200, 200), ("F", 0, 0), ("F", 1, 255)):
        assert opaque(encoded(Image.new(mode, (4, 4), shade), "tiff")).getpixel((0, 0)) == (expected,) * 3


def test_a_deep_picture_with_numbers_that_are_none_is_read() -> None:
    values = np.array([[0, 0.5, 1, np.nan]], np.float32)
    assert np.asarray(opaque(encoded(Image.fromarray(values), "tiff")))[0, :, 0].tolist() == [0, 128, 255, 0]


def test_a_deep_colour_picture_is_scaled() -> None:
    rows = b"".join(b"\0" + struct.pack(">3H", 65535, 32896, 257) * 4 for _ in range(4))  # a filter byte, then RGB
    data = chunked(png_of(4, 4).replace(struct.pack(">IIB", 4, 4, 8), struct.pack(">IIB", 4, 4, 16)), rows)
    assert opaque(data).getpixel((1, 1)) == (255, 128, 1)


def chunked(header: bytes, rows: bytes, *before: tuple[bytes, bytes]) -> bytes:
    """A PNG with the header of another, these chunks, and these rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = header[:8] + chunk(b"IHDR", header[16:29])
    return start + b"".join(chunk(*each) for each in before) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_transparent_grey_of_a_deep_picture_is_white() -> None:
    header = png_of(2, 1).replace(struct.pack(">IIBB", 2, 1, 8, 2), struct.pack(">IIBB", 2, 1, 16, 0))
    data = chunked(header, b"\0" + struct.pack(">2H", 1000, 2000), (b"tRNS", struct.pack(">H", 1000)))
    assert np.asarray(opaque(data))[0, :, 0].tolist() == [255, 8]


def test_what_is_transparent_in_a_palette_is_white() -> None:
    picture = Image.new("P", (2, 1), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    assert np.asarray(opaque(encoded(picture, "png", transparency=0)))[0].tolist() == [[255] * 3, [0, 0, 255]]


@pytest.mark.parametrize("form", ["jpeg", "tiff"])
def test_inks_are_the_colours_that_they_print(form: str) -> None:
    magenta = encoded(Image.new("CMYK", (8, 8), (0, 255, 0, 0)), form)
    np.testing.assert_allclose(np.asarray(opaque(magenta))[4, 4], (255, 0, 255), atol=3)


@pytest.mark.parametrize("form", ["gif", "webp", "png"])
def test_of_thousands_of_frames_the_first_is_shown(form: str) -> None:
    frames = [Image.new("L", (8, 8), shade % 256) for shade in range(90, 3090)]
    data = encoded(frames[0].convert("RGB"), form, save_all=True, append_images=frames[1:])
    begun = resource.getrusage(resource.RUSAGE_SELF)
    np.testing.assert_allclose(np.asarray(opaque(data))[4, 4], (90, 90, 90), atol=2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun.ru_maxrss < 20_000  # KiB


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_chunk_that_unpacks_to_very_much_takes_no_memory(kind: bytes) -> None:
    packed = zlib.compress(bytes(2**28))
    header = png_of(2, 1).replace(struct.pack(">IIBB", 2, 1, 8, 2), struct.pack(">IIBB", 2, 1, 8, 0))
    data = chunked(header, b"\0\1\2", (kind, b"name\0\0" + packed))
    begun = resource.getrusage(resource.RUSAGE_SELF)
    with suppress(UnreadablePicture):
        opaque(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun.ru_maxrss < 20_000  # KiB


@pytest.mark.parametrize("size", [(1, 1_000_000), (1_000_000, 1), (3, 200_000)])
def test_a_picture_of_any_shape_takes_little_memory(tiny: Network, size: tuple[int, int]) -> None:
    colours = np.zeros((size[1], size[0], 3), np.uint8)
    colours[..., 0] = 200
    picture, begun = Image.fromarray(colours), resource.getrusage(resource.RUSAGE_SELF)
    assert tiny.cut(picture)[32, 32].tolist() == [200, 0, 0]
    assert tuple(tiny.preprocess(picture).shape) == (3, 64, 64)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun.ru_maxrss < 50_000  # KiB


def test_a_picture_of_an_ordinary_shape_is_cut_as_open_clip_does(tiny: Network) -> None:
    picture = Image.effect_noise((900, 70), 80).convert("RGB")
    expected = open_clip.image_transform(64, is_train=False)(picture)
    assert torch.equal(tiny.preprocess(picture), expected)
    longer = picture.resize((9, 7)).resize((9000, 70), Image.Resampling.BICUBIC)  # smooth, for it moves a little
    expected = open_clip.image_transform(64, is_train=False)(longer)
    np.testing.assert_allclose(tiny.preprocess(longer), expected, atol=0.1)


def test_the_largest_numbers_of_a_deep_picture_are_black_and_white() -> None:
    for largest in (3e38, np.inf):
        values = np.array([[-largest, 0, largest]], np.float32)
        assert np.asarray(opaque(encoded(Image.fromarray(values), "tiff")))[0, :, 0].tolist() == [0, 128, 255]


def of_many_scans(times: int) -> tuple[bytes, bytes]:
    """A progressive JPEG, and the same whose last scan stands so many times more."""
    plain = encoded(Image.effect_noise((64, 64), 80), "jpeg", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain, plain[:-2] + plain[last:-2] * times + plain[-2:]


@pytest.mark.parametrize("decode", [opaque, thumbnail])
def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(decode: Callable[[bytes], object]) -> None:
    plain, bomb = of_many_scans(200)
    decode(plain)
    with pytest.raises(UnreadablePicture, match="a JPEG of more than 100 scans"):
        decode(bomb)
    assert decode_thumbnail(plain) is not None
    assert decode_thumbnail(bomb) is None


def test_an_empty_file_is_called_so() -> None:
    with pytest.raises(UnreadablePicture, match="it is empty"):
        opaque(b"")


def test_what_looks_like_a_scan_beside_the_picture_is_none() -> None:
    plain, _ = of_many_scans(0)
    comment = b"\xff\xfe" + (2002).to_bytes(2, "big") + b"\xff\xda" * 1000
    opaque(plain[:2] + comment + plain[2:] + b"\xff\xda" * 1000)


def test_scans_behind_markers_without_a_length_are_counted() -> None:
    _, bomb = of_many_scans(200)
    with pytest.raises(UnreadablePicture, match="scans"):
        opaque(bomb.replace(b"\xff\xda", b"\xff\x01\xff\xff\xda"))
