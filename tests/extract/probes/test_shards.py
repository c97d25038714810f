"""Whatever a shard holds is a probe with its label, or is counted and named; a damaged shard is refused."""

import hashlib
import json
import sys
import tarfile
from pathlib import Path
from types import FrameType

import pytest

from extract.demo import PROBES
from extract.errors import NoShards, ProbesError
from extract.probes.sources import source
from tests.builders.probe_files import PNG, Samples, concepts, folder, left_out, shard


def test_names_with_dots_are_samples_of_their_own(tmp_path: Path) -> None:
    names = ["22.00", "22.01", "22.02", "22.03", "ok0", "ok1"]
    file = shard(tmp_path / "dots.tar", [(f"{name}.png", PNG) for name in names])
    assert [probe.id for probe in source(file)] == [f"dots/{name}" for name in names]


def test_a_label_belongs_to_the_picture_of_its_name_or_key(tmp_path: Path) -> None:
    samples = [("1.5.png", PNG), ("1.5.cls", b"a"), ("2.input.png", PNG), ("2.target.png", PNG), ("2.cls", b"b")]
    found = [(probe.id, probe.concept) for probe in source(shard(tmp_path / "x.tar", samples))]
    assert found == [("x/1.5", "a"), ("x/2.input", "b"), ("x/2.target", "b")]


def test_labels_that_do_not_lie_beside_their_pictures_are_found(tmp_path: Path) -> None:
    samples = [("1.png", PNG), ("2.png", PNG), ("1.cls", b"a"), ("2.cls", b"b")]
    assert concepts(shard(tmp_path / "x.tar", samples)) == {"a": 1, "b": 1}


def test_a_label_in_json_is_read_and_an_empty_one_is_none(tmp_path: Path) -> None:
    facts = [("0.png", PNG), ("0.json", json.dumps({"label": 0, "caption": "c"}).encode())]
    facts += [("1.png", PNG), ("1.json", json.dumps({"class_name": "cat"}).encode()), ("1.txt", b"a caption")]
    facts += [("2.png", PNG), ("2.json", b"{"), ("3.png", PNG), ("3.cls", b" "), ("sea/4.png", PNG), ("sea/4.cls", b"")]
    assert concepts(shard(tmp_path / "x.tar", facts)) == {"0": 1, "cat": 1, "x": 2, "sea": 1}


def test_labels_that_are_written_in_several_ways_are_one_concept(tmp_path: Path) -> None:
    ways = ["caf\u00e9", "cafe\u0301", " caf\u00e9\n", "\ufeffcaf\u00e9"]
    labels = [(f"{n}.cls", way.encode()) for n, way in enumerate(ways)]
    samples = [(f"{n}.png", PNG) for n in range(len(ways))]
    assert concepts(shard(tmp_path / "a.tar", samples + labels)) == {"caf\u00e9": 4}
    assert concepts(folder(tmp_path / "f", {f"{way.strip()}/1.png": PNG for way in ways[:2]})) == {"caf\u00e9": 2}
    assert concepts(folder(tmp_path / "g", {"cat/1.png": PNG, "cat /1.png": PNG})) == {"cat": 2}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0.cls", b"caf\xe9"),
        ("0.cls", "cat".encode("utf-16")),
        ("0.cls", b"x" * 2000),
        ("0.json", b'{"label": "a", "label": "b"}'),
        ("0.json", b'{"label": true}'),
        ("0.json", b'{"label": 1e400}'),
    ],
)
def test_a_label_that_cannot_be_one_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    probes = source(shard(tmp_path / "a.tar", [("0.png", PNG), (name, content)]))
    assert [probe.concept for probe in probes] == ["a"]
    assert [(each.name, each.reason) for each in probes.left_out()] == [(f"a.tar/{name}", "it holds no label")]


def test_a_member_that_would_lie_outside_is_a_probe(tmp_path: Path) -> None:
    names = ["../up.png", "/root.png", "b/../in.png", "../cat/1.png", ".././../cat/2.png"]
    probes = list(source(shard(tmp_path / "a.tar", [(name, PNG) for name in names])))
    assert [probe.id for probe in probes] == ["a/../up", "a/root", "a/b/../in", "a/../cat/1", "a/../../cat/2"]
    assert [probe.concept for probe in probes] == ["a", "a", "b", "cat", "cat"]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "it is empty"), (b"PK\x05\x06" + bytes(18), "it is not a tar file")]
)
def test_what_is_no_shard_is_called_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(NoShards, match=rf"is not a complete WebDataset shard: {reason}\. Make"):
        source(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.zst", "a.7z"])
def test_an_archive_of_another_kind_is_called_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ProbesError, match="is a kind of archive that is not read"):
        source(tmp_path / name)


def test_a_table_in_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match="because it is a table, which must be named by itself"):
        source(folder(tmp_path / "f", {"train-0.parquet": PROBES.read_bytes()}))


def test_members_that_are_no_probes_are_named(tmp_path: Path) -> None:
    samples = [
        ("./1.png", PNG),
        ("1.npy", b""),
        ("2.heic", b""),
        ("._1.png", b""),
        ("__MACOSX/1.png", PNG),
        ("3.cls", b"a"),
    ]
    file = shard(tmp_path / "x.tar", samples)
    assert [probe.id for probe in source(file)] == ["x/1"]
    assert left_out(file) == {
        "x.tar/1.npy": "NPY is not read: convert it to PNG or JPEG",
        "x.tar/2.heic": "HEIC is not read: convert it to PNG or JPEG",
        "x.tar/._1.png": "it is hidden",
        "x.tar/__MACOSX/1.png": "it is hidden",
        "x.tar/3.cls": "it belongs to no picture",
    }


def test_what_lies_beside_shards_is_named(tmp_path: Path) -> None:
    shard(folder(tmp_path / "x", {"more/notes.txt": b"", "index.json": b""}) / "a.tar", [("1.png", PNG)])
    shard(tmp_path / "x" / "more" / "b.tar", [("1.png", PNG)])
    assert left_out(tmp_path / "x") == {
        "index.json": "it is not a picture",
        "more/b.tar": "it is an archive: unpack it, or name it by itself",
        "more/notes.txt": "it is not a picture",
    }


@pytest.mark.parametrize("block", range(1, 8, 2))
def test_a_header_that_is_damaged_refuses_the_shard(tmp_path: Path, block: int) -> None:
    file = shard(tmp_path / "x.tar", [(f"{n}.cls", b"a") for n in range(4)] + [("4.png", PNG)])
    data = bytearray(file.read_bytes())
    data[512 * (block + 1) + 130] ^= 1  # its size
    file.write_bytes(data)
    with pytest.raises(NoShards, match=r"x\.tar is not a complete WebDataset shard: the header at byte .* is damaged"):
        source(file)


@pytest.mark.parametrize("blocks", range(1, 20))
def test_a_shard_cut_anywhere_is_refused(tmp_path: Path, blocks: int) -> None:
    file = shard(tmp_path / "x.tar", [(f"{n}.png", PNG) for n in range(9)])
    file.write_bytes(file.read_bytes()[: 512 * blocks - 512 * 2 * 10 - 1])
    with pytest.raises(NoShards, match="not a complete WebDataset shard"):
        source(file)


def test_a_shard_without_its_last_blocks_is_refused(tmp_path: Path) -> None:
    file = shard(tmp_path / "x.tar", [("1.png", PNG), ("2.png", PNG)])
    file.write_bytes(file.read_bytes()[:2048])
    with pytest.raises(NoShards, match="it has no end"):
        source(file)


def test_two_shards_joined_by_cat_are_refused_and_joined_by_tar_are_read(tmp_path: Path) -> None:
    one = shard(tmp_path / "1.tar", [(f"{n}.png", PNG) for n in range(4)])
    other = shard(tmp_path / "2.tar", [(f"{n}.png", PNG) for n in range(4, 8)])
    joined = tmp_path / "x.tar"
    joined.write_bytes(one.read_bytes() + other.read_bytes())
    with pytest.raises(NoShards, match="bytes follow its end"):
        source(joined)
    joined.write_bytes(one.read_bytes()[: 4 * 1024] + other.read_bytes())  # as tar --concatenate does
    assert concepts(joined) == {"x": 8}


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([("a.png", PNG), ("a.png", PNG), ("b.png", PNG)], r"In .*x\.tar the member 'a\.png' occurs twice"),
        ([("a.png", PNG), ("a.cls", b"1"), ("b.png", PNG), ("a.cls", b"2")], r"the member 'a\.cls' occurs twice"),
        ([("a.png", PNG), ("a.jpg", PNG)], r"sample 'a' has two pictures, 'a\.png' and 'a\.jpg'\. Rename"),
    ],
)
def test_what_stands_twice_in_a_shard_is_refused_by_its_name(tmp_path: Path, samples: Samples, message: str) -> None:
    with pytest.raises(NoShards, match=message):
        source(shard(tmp_path / "x.tar", samples))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a.json", b'{"label": "\\ud800"}'),
        ("a.cls", b"\0dog\0"),
        ("a.json", b"{"),
        ("a.json", b'{"label": 3.0}'),
        ("a.json", b'{"label": ["dog"]}'),
    ],
)
def test_a_label_file_without_a_label_is_named(tmp_path: Path, name: str, label: bytes) -> None:
    file = shard(tmp_path / "s.tar", [("a.png", PNG), (name, label)])
    assert concepts(file) == {"s": 1}
    assert left_out(file) == {f"s.tar/{name}": "it holds no label"}


def test_a_hard_link_in_a_shard_is_the_file_that_it_stands_for(tmp_path: Path) -> None:
    file = shard(tmp_path / "s.tar", [("a.png", PNG), ("a.cls", b"dog")])
    with tarfile.open(file, "a") as archive:
        for suffix in ("png", "cls"):
            member = tarfile.TarInfo(f"b.{suffix}")
            member.type, member.linkname = tarfile.LNKTYPE, f"a.{suffix}"
            archive.addfile(member)
    assert concepts(file) == {"dog": 2}
    assert [probe.load() for probe in source(file)] == [PNG, PNG]


def linked(file: Path, links: int) -> Path:
    """A shard of one picture, and of so many hard links to it."""
    with tarfile.open(shard(file, [("a.png", PNG)]), "a") as archive:
        for n in range(links):
            member = tarfile.TarInfo(f"{n}.png")
            member.type, member.linkname = tarfile.LNKTYPE, "a.png"
            archive.addfile(member)
    return file


def test_the_digest_of_a_shard_with_hard_links_is_not_that_of_an_earlier_version(tmp_path: Path) -> None:
    for name, links in (("plain.tar", 0), ("linked.tar", 1)):
        file = linked(tmp_path / name, links)
        names_and_sizes = hashlib.sha256(f"{name} {file.stat().st_size}\n".encode()).hexdigest()
        assert (source(file).digest == names_and_sizes) == (links == 0)


def test_however_many_hard_links_a_shard_holds_its_members_are_looked_through_as_often(tmp_path: Path) -> None:
    def lookups(links: int) -> int:
        file, count = linked(tmp_path / f"{links}.tar", links), 0

        def watch(frame: FrameType, event: str, _: object) -> None:
            nonlocal count
            count += event == "call" and frame.f_code.co_name in ("getmember", "_getmember", "getmembers")

        sys.setprofile(watch)
        try:
            assert len(list(source(file))) == links + 1
        finally:
            sys.setprofile(None)
        return count

    assert lookups(20) == lookups(2)


def test_a_hard_link_in_a_shard_to_what_is_not_there_is_named(tmp_path: Path) -> None:
    file = shard(tmp_path / "s.tar", [("a.png", PNG)])
    with tarfile.open(file, "a") as archive:
        for name, target in (("b.png", "gone.png"), ("c.cls", "gone.cls"), ("d.png", "d.png")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.LNKTYPE, target
            archive.addfile(member)
    assert concepts(file) == {"s": 1}
    assert left_out(file) == {
        "s.tar/b.png": "it is a link or a device",
        "s.tar/c.cls": "it belongs to no picture",
        "s.tar/d.png": "it is a link or a device",
    }
