"""Compressed shards, files with holes, and headers that lie about sizes are read in little memory or refused."""

import bz2
import gzip
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extract.errors import NoShards, UnreadablePicture
from extract.probes.sources import source
from tests.builders.probe_files import CATS, PNG, left_out, shard


def test_a_shard_that_is_compressed_or_has_holes_holds_the_same_pictures(tmp_path: Path) -> None:
    (tmp_path / "1.bmp").write_bytes(PNG + bytes(2**20) + PNG)
    for name, command in (("packed", ["-czf"]), ("holes", ["--sparse", "--hole-detection=raw", "-cf"])):
        subprocess.run(["tar", *command, tmp_path / f"{name}.tar", "-C", tmp_path, "1.bmp"], check=True)
        (probe,) = source(tmp_path / f"{name}.tar")
        assert probe.load() == (tmp_path / "1.bmp").read_bytes()


def packed(plain: Path, file: Path, mode: str) -> None:
    """Write a shard's bytes compressed."""
    writers: dict[str, Any] = {"gz": gzip, "bz2": bz2, "xz": lzma}
    file.write_bytes(writers[mode].compress(plain.read_bytes()))


@pytest.mark.parametrize(("suffix", "mode"), [("tar.gz", "gz"), ("tgz", "gz"), ("tar.bz2", "bz2"), ("TAR.XZ", "xz")])
def test_a_compressed_shard_holds_what_the_plain_one_does(tmp_path: Path, suffix: str, mode: str) -> None:
    plain = shard(tmp_path / "s.tar", [*((name, PNG + bytes([n])) for n, name in enumerate(CATS)), ("cat/0.cls", b"a")])
    (tmp_path / "packed").mkdir()
    packed(plain, tmp_path / "packed" / f"s.{suffix}", mode)
    for place in (tmp_path / "packed", tmp_path / "packed" / f"s.{suffix}"):
        probes = list(source(place))  # loaded when all were listed, as those of a chunk may be
        loaded = {(probe.id, probe.concept, probe.split, probe.load()) for probe in probes}
        assert loaded == {(probe.id, probe.concept, probe.split, probe.load()) for probe in source(plain)}


def test_the_pictures_of_a_compressed_shard_are_not_in_memory_before_they_are_shown(tmp_path: Path) -> None:
    pictures = [(f"{n}.png", np.random.default_rng(n).bytes(2**20)) for n in range(12)]
    packed(shard(tmp_path / "s.tar", pictures), tmp_path / "s.tgz", "gz")
    tracemalloc.start()
    try:
        probes = list(source(tmp_path / "s.tgz"))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [probe.load() for probe in probes] == [data for _, data in pictures]
    assert most < 6 * 2**20


def of_size(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def with_holes(name: str, parts: list[tuple[int, int]], size: int) -> bytes:
    """The header of a file that GNU tar stored without its holes; its own bytes follow."""
    header = bytearray(of_size(name, sum(length for _, length in parts)).tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    for place, part in enumerate(parts):
        header[386 + 24 * place : 410 + 24 * place] = b"".join(b"%011o\0" % number for number in part)
    header[483:495] = b"%011o\0" % size
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    return bytes(header)


LARGE = 2**28 + 1


@pytest.mark.parametrize("packing", [Path.read_bytes, lambda file: gzip.compress(file.read_bytes(), 1)])
def test_what_is_too_large_in_a_shard_is_named_and_not_read(tmp_path: Path, packing: Callable[[Path], bytes]) -> None:
    file = shard(tmp_path / "plain", [("a.png", PNG), ("a.cls", b"x" * (2**20 + 1))])
    whole = file.read_bytes()[: 1024 + 512 + 2**20 + 512]
    whole += with_holes("b.png", [(0, 1)], 8**11 - 1) + b"b".ljust(512, b"\0")
    whole += with_holes("b.txt", [(0, 1)], LARGE) + b"b".ljust(512, b"\0")
    file.write_bytes(whole + bytes(1024))
    (tmp_path / "s.tar").write_bytes(packing(file))
    tracemalloc.start()
    try:
        assert left_out(tmp_path / "s.tar") == {
            "s.tar/a.cls": "it is too large: 1,048,577 bytes, where 1,048,576 are read",
            "s.tar/b.png": "it is too large: 8,589,934,591 bytes, where 268,435,456 are read",
            "s.tar/b.txt": "it is too large: 268,435,457 bytes, where 1,048,576 are read",
        }
        (probe,) = source(tmp_path / "s.tar")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert probe.load() == PNG
    assert most < 8 * 2**20


def test_a_picture_beyond_the_limit_is_named_and_a_small_one_with_large_holes_read_when_it_is_shown(
    tmp_path: Path,
) -> None:
    file = tmp_path / "s.tar"
    header = with_holes("a.png", [(0, 3), (2**28 - 3, 3)], 2**28)
    file.write_bytes(header + b"abcxyz".ljust(512, b"\0") + of_size("b.png", LARGE).tobuf())
    os.truncate(file, 2**28 + 2**20)  # zeros to the end, which take no room
    tracemalloc.start()
    try:
        (probe,) = source(file)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left_out(file) == {"s.tar/b.png": "it is too large: 268,435,457 bytes, where 268,435,456 are read"}
    assert most < 8 * 2**20
    data = probe.load()
    assert (len(data), data[:4], data[-4:]) == (2**28, b"abc\0", b"\0xyz")


def test_holes_that_do_not_fit_into_a_picture_are_told(tmp_path: Path) -> None:
    header = with_holes("a.png", [(5, 6)], 10)
    (tmp_path / "s.tar").write_bytes(header + b"abcdef".ljust(512, b"\0") + bytes(1024))
    (probe,) = source(tmp_path / "s.tar")
    with pytest.raises(UnreadablePicture, match="its parts do not fit into it"):
        probe.load()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.REGTYPE])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = of_size("long", -512 if kind == tarfile.REGTYPE else 2**40)
    member.type = kind
    for before in ([], [("a.png", PNG)]):
        file = shard(tmp_path / "s.tar", before)
        room = 1024 * len(before)
        file.write_bytes(file.read_bytes()[:room] + member.tobuf(tarfile.GNU_FORMAT) + bytes(2**20))
        with pytest.raises(NoShards, match="the header of 'long' gives a size of"):
            source(file)


def pax(name: str, record: bytes, size: int = 0) -> bytes:
    """The headers of a member of which a record of pax tells more."""
    extended = of_size("PaxHeaders/0", len(record))
    extended.type = tarfile.XHDTYPE
    return extended.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0") + of_size(name, size).tobuf()


def chain(count: int) -> bytes:
    """So many headers of a long name before one member."""
    name = of_size("./@LongLink", 6)
    name.type = tarfile.GNUTYPE_LONGNAME
    return (name.tobuf() + b"a.png\0".ljust(512, b"\0")) * count + of_size("a.png", 0).tobuf()


def map_of_holes(blocks: int) -> bytes:
    """A member whose header goes on for so many blocks, each of which tells 21 parts of a file."""
    header = bytearray(with_holes("a.png", [(0, 1)] * 4, 10))
    header[482] = 1
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    part = (b"%011o\0" % 9 + b"%011o\0" % 1) * 21
    return bytes(header) + part.ljust(504, b"\0").ljust(512, b"\1") * blocks


def numbered_map(parts: int) -> bytes:
    """The same as newer versions of GNU tar write it: in front of the member's bytes."""
    records = [b"GNU.sparse.major=1\n", b"GNU.sparse.minor=0\n", b"GNU.sparse.name=a.png\n", b"GNU.sparse.realsize=9\n"]
    told = b"%d\n" % parts + b"0\n" * (2 * parts)
    return pax("a.png", b"".join(b"%d %s" % (len(each) + 3, each) for each in records), len(told)) + told


@pytest.mark.parametrize(
    "headers",
    [map_of_holes(50_000), numbered_map(2_000_000), chain(400_000), chain(1500)],
    ids=["old map", "new map", "chain", "short chain"],
)
def test_a_header_that_has_no_end_refuses_the_shard_in_little_memory(tmp_path: Path, headers: bytes) -> None:
    (tmp_path / "s.tar.gz").write_bytes(gzip.compress(headers + bytes(1024), 1))
    tracemalloc.start()
    try:
        with pytest.raises(NoShards, match=r"a header is larger than|recursion"):
            source(tmp_path / "s.tar.gz")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 64 * 2**20


@pytest.mark.parametrize("headers", [map_of_holes(20), chain(20)], ids=["map", "chain"])
def test_a_header_of_some_parts_is_read(tmp_path: Path, headers: bytes) -> None:
    (tmp_path / "s.tar").write_bytes(headers.ljust(len(headers) // 512 * 512, b"\0") + bytes(2048))
    assert [probe.id for probe in source(tmp_path / "s.tar")] == ["s/a"]


@pytest.mark.parametrize(
    "headers",
    [
        pax("b.png", b"14 size=-1536\n"),
        pax("b.png", b"22 GNU.sparse.size=-5\n"),
        pax("b.png", b"26 GNU.sparse.realsize=-5\n"),
        with_holes("b.png", [(0, 1)], 5).replace(b"%011o\0" % 5, b"\xff" * 11 + b"\xfb"),
    ],
)
def test_a_negative_size_that_stands_beside_the_headers_own_refuses_the_shard(tmp_path: Path, headers: bytes) -> None:
    header = bytearray(headers[-512:])
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    file = shard(tmp_path / "s.tar", [("a.png", PNG)])
    file.write_bytes(file.read_bytes()[:1024] + headers[:-512] + header + bytes(2048))
    with pytest.raises(NoShards, match=r"the header of 'b\.png' gives a size of -"):
        source(file)


def read_compressed(place: Path, count: int, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script, in a process of its own, on a folder of compressed shards of one picture each."""
    (place / "shards").mkdir()
    for n in range(count):
        packed(shard(place / "s.tar", [(f"{n}.png", PNG)]), place / "shards" / f"{n}.tgz", "gz")
    (place / "temporary").mkdir()
    return subprocess.run(
        [sys.executable, "-c", script, place / "shards"],
        env={**os.environ, "TMPDIR": str(place / "temporary")},
        capture_output=True,
        text=True,
        check=False,
    )


FEW_FILES = """
import resource, sys
from extract.probes.sources import source

resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
probes = list(source(sys.argv[1]))
print(len(probes), sum(len(probe.load()) for probe in probes))
"""
KILLED = """
import os, signal, sys
from extract.probes.sources import source

probes = list(source(sys.argv[1]))
print(len(probes), len(probes[-1].load()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_more_compressed_shards_than_a_process_may_have_files_open_are_read(tmp_path: Path) -> None:
    answer = read_compressed(tmp_path, 60, FEW_FILES)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["60", str(60 * len(PNG))]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_nothing_of_a_compressed_shard_stays_on_the_disk_when_the_process_is_killed(tmp_path: Path) -> None:
    answer = read_compressed(tmp_path, 2, KILLED)
    assert (answer.returncode, answer.stdout.split()) == (-signal.SIGKILL, ["2", str(len(PNG))])
    assert list((tmp_path / "temporary").iterdir()) == []
