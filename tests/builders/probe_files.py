"""Write folders and shards of small pictures, and tell what is read of them."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from extract.probes.sources import source

Samples = list[tuple[str, bytes]]


def picture(form: str = "png", shade: int = 90) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (12, 12), (shade, 0, 255)).save(stream, form)
    return stream.getvalue()


PNG = picture()


def folder(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def shard(file: Path, samples: Samples) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, data in samples:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def concepts(place: Path) -> dict[str, int]:
    names = [probe.concept for probe in source(place)]
    return {name: names.count(name) for name in names}


def left_out(place: Path) -> dict[str, str]:
    return {each.name: each.reason for each in source(place).left_out()}


CATS = {f"cat/{n}.png": PNG for n in range(4)}
