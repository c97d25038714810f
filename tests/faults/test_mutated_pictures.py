"""A damaged picture is a picture or a reason, whatever bytes it holds: 100,000 mutated files with `--whole`."""

import io
import random
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from PIL import Image

from extract.errors import UnreadablePicture
from extract.probes.pictures import decode_thumbnail, opaque, thumbnail
from tests.faults.fault_table import RecordFault, trials

PICTURES = 500  # mutated in a trial


@cache
def whole_pictures() -> tuple[bytes, ...]:
    """One of every format that is read, turned by its EXIF where the format has that, and some deep and animated."""
    noise = Image.effect_noise((24, 18), 80)
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x010E] = 6, 72.0, "a turned picture"
    colour, deep = noise.convert("RGB"), noise.convert("I").point(lambda value: value * 257)
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (colour, form, {"exif": exif}) for form in ("png", "jpeg", "webp", "avif", "tiff")
    ]
    kinds += [(noise, "gif", {"save_all": True, "append_images": [noise.rotate(90)]}), (colour, "bmp", {})]
    kinds += [(colour, "jpeg", {"progressive": True}), (colour.convert("CMYK"), "jpeg", {}), (deep, "tiff", {})]
    kinds += [(colour.convert("P"), "png", {"transparency": 3}), (deep.convert("I;16"), "png", {})]
    kinds += [(colour, "tiff", {"compression": packing}) for packing in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")]
    kinds += [(colour, "webp", {"save_all": True, "append_images": [colour.rotate(90)], "lossless": True})]
    return tuple(encoded(picture, form, options) for picture, form, options in kinds)


def encoded(picture: Image.Image, form: str, options: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def mutated(seed: int) -> Iterator[bytes]:
    """Files with bytes changed, most of them near the head, with parts cut out, doubled or taken from another."""
    rng = random.Random(seed)  # noqa: S311, no secret
    whole = whole_pictures()
    for _ in range(PICTURES):
        data = bytearray(rng.choice(whole))
        for _ in range(rng.choice((1, 1, 2, 4, 16))):
            place = rng.randrange(min(len(data), rng.choice((32, 256, len(data)))))
            data[place] = rng.choice((0, 1, 127, 255, rng.randrange(256)))
        first, last = sorted(rng.randrange(len(data)) for _ in range(2))
        kind = rng.randrange(8)
        if kind == 0:
            del data[first:last]
        elif kind == 1:
            data[first:first] = data[first:last]
        elif kind == 2:
            data[first:] = rng.choice(whole)[first:]
        yield bytes(data)


def refusal(decode: Callable[[bytes], object], data: bytes) -> str | None:
    """The reason why the data are no picture, if they are none."""
    try:
        decode(data)
    except UnreadablePicture as error:
        return str(error)
    return None


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("trial", trials(ordinary=1, whole=200))
def test_a_mutated_picture_is_a_picture_or_a_reason(trial: int, record_fault: RecordFault) -> None:
    longest = 0.0
    for data in mutated(trial):
        begun = time.perf_counter()
        reasons = [reason for decode in (opaque, thumbnail) if (reason := refusal(decode, data)) is not None]
        assert all(reason and "0x" not in reason for reason in reasons)
        small = decode_thumbnail(data)
        assert small is None or small.mode == "RGBA"
        longest = max(longest, time.perf_counter() - begun)
    record_fault(f"mutated pictures, {PICTURES} a trial", True, longest)


def test_all_formats_are_read_when_they_are_whole() -> None:
    for data in whole_pictures():
        assert opaque(data).mode == "RGB"
