"""Messages about pictures, shards, tables, words and letterings."""

import os
import resource
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from extract.folder.schemas import SCHEMAS
from extract.probes import word_lists
from extract.probes.explicit_words import sensitive
from extract.probes.pictures import LARGEST_FILE, read_picture
from extract.probes.rasterised_words import ARTICLE, rasterise
from extract.probes.sample import random_sample
from extract.probes.scrambled_pictures import scrambled
from extract.probes.sources import ProbeTable, source
from extract.probes.table import check, images
from tests.builders.tiny_network import noise_probes
from tests.faults.advice.messages import Act, Advice, Table


def _png() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "png")
    return stream.getvalue()


PNG = _png()


def folder(*names: str) -> Act:
    def show() -> object:
        for file in [file for file in Path("probes").rglob("*") if file.is_file()]:
            file.unlink()
        for empty in sorted(Path("probes").rglob("*"), reverse=True):
            empty.rmdir()
        Path("probes").mkdir(exist_ok=True)
        for name in names:
            (Path("probes") / name).parent.mkdir(parents=True, exist_ok=True)
            (Path("probes") / name).write_bytes(PNG)
        return source("probes")

    return show


def shard(name: str, cut: int | None = None) -> Act:
    def show() -> object:
        with tarfile.open("s.tar", "w") as archive:
            member = tarfile.TarInfo(name)
            member.size = len(PNG)
            archive.addfile(member, BytesIO(PNG))
        Path("s.tar").write_bytes(Path("s.tar").read_bytes()[:cut])
        return source("s.tar")

    return show


def shards_of_names(*names: str) -> Act:
    def show() -> object:
        place = Path("-".join(names))
        place.mkdir()
        for name in names:
            shard("a.png")()
            Path("s.tar").rename(place / name)
        return source(place)

    return show


def on_a_full_disk(packed: bool) -> Act:
    """List a shard of 64 KB where no file may grow beyond 16 KB, which stands for a disk without room."""

    def show() -> object:
        with tarfile.open("s.tgz", "w:gz" if packed else "w") as archive:
            member = tarfile.TarInfo("a.png")
            member.size = 2**16
            archive.addfile(member, BytesIO(bytes(member.size)))
        room = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, room[1]))
        try:
            return list(source("s.tgz"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, room)

    return show


def archive_beside_pictures(apart: bool) -> Act:
    def show() -> object:
        folder("a.png")()
        shard("a.png")()
        Path("s.tar").rename("apart.tar" if apart else "probes/s.tar")
        return source("probes")

    return show


def rows(**values: object) -> pa.Table:
    """Two probes, of the second one with these values."""
    one, other = noise_probes().slice(0, 2).to_pylist()
    return pa.Table.from_pylist([one, other | values], schema=SCHEMAS["probes"])


def parquet(table: pa.Table) -> Act:
    def read() -> object:
        pq.write_table(table, "probes.parquet")
        return source("probes.parquet")

    return read


def zip_file() -> Path:
    Path("probes.zip").write_bytes(b"PK")
    return Path("probes.zip")


def text_file(content: str, encoding: str = "utf-8") -> Path:
    Path("words.txt").write_text(content, encoding=encoding)
    return Path("words.txt")


def words(content: str, encoding: str = "utf-8") -> Act:
    return lambda: word_lists.from_file(text_file(content, encoding))


def picture(content: bytes, size: int | None = None) -> Act:
    def read() -> object:
        Path("picture.png").write_bytes(content)
        os.truncate("picture.png", len(content) if size is None else size)
        return read_picture(Path("picture.png"))

    return read


def lettered(text: str = "a", at: tuple[float, float] | None = None, **lettering: object) -> Act:
    return lambda: rasterise(text, lettering=replace(ARTICLE, **lettering), at=at)  # type: ignore[arg-type]


TABLE = Table(
    tuple(
        f"extract.probes.{name}"
        for name in (
            *(
                "picture_folder",
                "pictures",
                "rasterised_words",
                "scrambled_pictures",
                "tar_members",
                "shards",
                "sources",
            ),
            *("table", "unpacked_shard", "word_lists", "explicit_words"),
        )
    ),
    (
        Advice(
            "these could be splits or concepts",
            folder("train/a.png", "val/b.png", "dog/c.png"),
            folder("train/c/a.png"),
        ),
        Advice("In {path}", shards_of_names("s.tar", "s.tgz"), shards_of_names("s.tar", "t.tgz")),
        Advice("or unpack the shard", on_a_full_disk(packed=True), on_a_full_disk(packed=False)),
        Advice("{path} holds no picture", folder(), folder("cat/a.png")),
        Advice("{name} is not a picture that can be read", picture(PNG[:40]), picture(PNG)),
        Advice("it has a format that is not read", picture(b"no picture"), picture(PNG)),
        Advice("it has more than {LARGEST_FILE", picture(PNG, LARGEST_FILE + 1), picture(PNG)),
        Advice("less than a pixel high", lettered(size=0.5), lettered(size=20)),
        Advice("There is no text to set", lettered(" "), lettered("a")),
        Advice("Choose a font with these letters", lettered("漢"), lettered("kan")),
        Advice("Set it smaller, or set a widest share", lettered("word" * 20), lettered("word" * 20, widest=0.9)),
        Advice("is outside a picture", lettered(at=(-1, 0)), lettered(at=(1, 0))),
        Advice("is not a font that can be read", lettered(font=Path("no.ttf")), lettered(font=ARTICLE.font)),
        Advice("of letters cannot be {length}", lettered(size=0), lettered(size=20)),
        Advice("is not a colour", lettered(ink="inky"), lettered(ink="#000000")),
        Advice(
            "The image of probe {name} cannot be read",
            lambda: random_sample(ProbeTable.of(rows(image=b"x")), 2),
            lambda: random_sample(ProbeTable.of(rows()), 2),
        ),
        Advice(
            "cannot be cut into",
            lambda: scrambled(Image.new("RGB", (9, 8)), 0),
            lambda: scrambled(Image.new("RGB", (16, 8)), 0),
        ),
        Advice("is not a complete WebDataset shard", shard("a.png", cut=700), shard("a.png")),
        Advice("Name a folder of pictures, WebDataset", lambda: source("gone"), shard("a.png")),
        Advice("is a kind of archive", lambda: source(zip_file()), shard("a.png")),
        Advice("In {file}", parquet(rows().append_column("id", rows()["id"])), parquet(rows())),
        Advice("Name one that you may read", lambda: source("gone.tar"), shard("a.png")),
        Advice("holds no sample with a picture", shard("a.npy"), shard("a.png")),
        Advice("holds both the archive", archive_beside_pictures(apart=False), archive_beside_pictures(apart=True)),
        Advice("These probes cannot be used", lambda: check(rows(split="test")), lambda: check(rows(split="held-out"))),
        Advice("is not a table of probes", parquet(rows().drop(["split"])), parquet(rows())),
        Advice(
            "The image of probe {name} cannot be read",
            lambda: list(images(rows(image=b"x"))),
            lambda: list(images(rows())),
        ),
        Advice("words is not possible", lambda: word_lists.most_common(10**9), lambda: word_lists.most_common(10)),
        Advice("{file} holds no word", words("\n\n"), words("cat\n")),
        Advice("a number beside every word", words("the 22038615\nof 12545825\n"), words("the\nof\n")),
        Advice("Name a text file in UTF-8 with one word per line", words("Hüte", "latin-1"), words("Hüte")),
        Advice(
            "Name a list of words in UTF-8",
            lambda: sensitive("a", [Path("gone.txt")]),
            lambda: sensitive("a", [text_file("bad\n")]),
        ),
    ),
    {"its parts do not fit into it": "tests/extract/probes/test_left_out.py"},
    {"libfribidi": "Pillow has the library here"},
)
