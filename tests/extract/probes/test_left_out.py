"""Whatever lies in a folder or a shard is a probe, or is counted and named: nothing is left out in silence."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from extract.demo import PROBES
from extract.enrichment.pipeline import measure
from extract.errors import CircuitsError, NoShards, ProbesError, UnreadablePicture
from extract.network.network import Network
from extract.probes.pictures import opaque, read_picture
from extract.probes.rasterised_words import ARTICLE, rasterise
from extract.probes.sources import source
from extract.units import Layer
from tests.builders.extractions import without_edges

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

# ---- folders


def test_a_class_folder_that_is_a_link_is_read(tmp_path: Path) -> None:
    store = folder(tmp_path / "store", {f"dog/{n}.png": PNG for n in range(4)})
    (folder(tmp_path / "linked", {"cat/1.png": PNG, "cat/2.png": PNG}) / "dog").symlink_to(store / "dog")
    assert concepts(tmp_path / "linked") == {"cat": 2, "dog": 4}
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "dog").symlink_to(store / "dog")
    assert concepts(tmp_path / "alone") == {"dog": 4}


def test_links_in_a_circle_and_to_a_folder_twice_are_walked_once_and_named(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    away = folder(tmp_path / "away", {"1.png": PNG})
    (pets / "cat" / "up").symlink_to(pets)
    (pets / "kitten").symlink_to(pets / "cat")
    (pets / "a").symlink_to(away)
    (pets / "b").symlink_to(away)
    (away / "back").symlink_to(pets)
    assert concepts(pets) == {"a": 1, "cat": 4}
    assert left_out(pets) == dict.fromkeys(
        ["a/back", "b", "cat/up", "kitten"], "it is a link to a folder that is read in another place"
    )


def test_a_link_into_a_hidden_folder_is_followed(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", {".cache/17/1.png": PNG})
    (pets / "cat").symlink_to(pets / ".cache" / "17")
    assert concepts(pets) == {"cat": 1}
    assert left_out(pets) == {".cache": "it is hidden"}


def test_a_link_that_leads_to_itself_is_named(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    (pets / "loop").symlink_to(pets / "loop")
    assert concepts(pets) == {"cat": 4}
    assert left_out(pets) == {"loop": "it is a link that cannot be followed: Too many levels of symbolic links"}


def test_a_link_to_what_is_not_there_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    (pets / "cat" / "5.png").symlink_to(tmp_path / "not" / "fetched.png")
    assert [probe.load() for probe in source(pets)] == [PNG] * 4
    assert left_out(pets) == {"cat/5.png": "it is a link that leads nowhere: No such file or directory"}


def test_what_cannot_be_asked_for_is_left_out_with_a_reason(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    (pets / "cat" / "long.png").symlink_to("x" * 300)
    assert left_out(pets) == {"cat/long.png": "it is a link that cannot be followed: File name too long"}


def test_a_link_to_a_folder_above_is_not_walked(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    folder(tmp_path / "others", CATS)
    (pets / "up").symlink_to("..")
    assert left_out(pets) == {"up": "it is a link to a folder that holds this one"}


def test_hidden_files_and_folders_that_end_like_shards_are_none(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", {"x.tar/1.png": PNG, "x.tar/2.png": PNG, "._s.tar": b"none"})
    assert concepts(pets) == {"x.tar": 2}


def test_a_label_that_is_no_text_is_none(tmp_path: Path) -> None:
    labels = [("a.json", json.dumps({"label": "\ud800"}).encode()), ("b.cls", b"\0dog\0")]
    assert concepts(shard(tmp_path / "x.tar", [("a.png", PNG), ("b.png", PNG), *labels])) == {"x": 2}


def test_names_that_are_no_utf8_are_written_with_the_numbers_of_their_bytes(tiny: Network, tmp_path: Path) -> None:
    latin = os.fsencode(tmp_path) + b"/latin/caf\xe9"
    os.makedirs(latin)  # noqa: PTH103, a name in bytes
    for n in range(4):
        Path(os.fsdecode(latin), f"{n}.png").write_bytes(PNG)
    assert concepts(tmp_path / "latin") == {r"caf\xe9": 4}
    extraction = without_edges(tiny, tmp_path / "x")
    reading = measure(tiny, extraction, source(tmp_path / "latin"), [Layer(4, 2, 6)], progress=False)
    assert str(reading) == "probes: 4 seen, 4 taken"


def test_what_programs_leave_behind_is_no_concept_and_no_picture(tmp_path: Path) -> None:
    names = ["cat/.ipynb_checkpoints/1.png", ".ipynb_checkpoints/x.png", ".Trash-0/old.png", "__MACOSX/cat/1.png"]
    names += ["cat/._1.png", "cat/.DS_Store", "Thumbs.db", "@eaDir/1.png"]
    hidden = dict.fromkeys(names, PNG)
    pets = folder(tmp_path / "pets", CATS | hidden)
    assert concepts(pets) == {"cat": 4}
    assert [probe.split for probe in source(pets)] == ["discovery", "held-out"] * 2
    assert set(left_out(pets).values()) == {"it is hidden"}
    assert "cat/.ipynb_checkpoints" in left_out(pets)


def test_a_folder_inside_a_hidden_one_can_be_read(tmp_path: Path) -> None:
    assert concepts(folder(tmp_path / ".cache" / "pets", CATS)) == {"cat": 4}


def test_an_archive_beside_class_folders_is_refused_by_its_name(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    shard(pets / "download.tar", [("dog/1.png", PNG)])
    with pytest.raises(ProbesError, match=r"both the archive download\.tar and pictures, such as cat/0\.png"):
        source(pets)


def test_an_archive_in_a_class_folder_is_named(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    shard(pets / "cat" / "download.tar", [("dog/1.png", PNG)])
    assert concepts(pets) == {"cat": 4}
    assert left_out(pets) == {"cat/download.tar": "it is an archive: unpack it, or give it by itself"}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val"),
        ("train", "test"),
        ("Training", "Validation"),
        ("train",),
        ("training_set", "test_set"),
        ("train2017", "val2017"),
    ],
)
def test_class_folders_below_splits_are_the_concepts(tmp_path: Path, names: tuple[str, ...]) -> None:
    files = {f"{split}/{concept}/{n}.png": PNG for split in names for concept in ("cat", "dog") for n in range(2)}
    expected = {"cat": 2 * len(names), "dog": 2 * len(names)}
    assert concepts(folder(tmp_path / "layout", files)) == expected


def test_class_folders_below_different_splits_are_the_concepts(tmp_path: Path) -> None:
    layout = folder(tmp_path / "layout", {"train/cat/1.png": PNG, "val/dog/1.png": PNG})
    assert concepts(layout) == {"cat": 1, "dog": 1}


def test_splits_without_class_folders_are_one_concept(tmp_path: Path) -> None:
    assert concepts(folder(tmp_path / "cats", {"train/1.png": PNG, "val/2.png": PNG})) == {"cats": 2}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert concepts(folder(tmp_path / "a", {"train/1.png": PNG, "cat/deep/2.png": PNG})) == {"cat": 1, "train": 1}
    assert concepts(folder(tmp_path / "b", {"train/1.png": PNG})) == {"train": 1}


def test_splits_beside_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match="train and val beside other folders"):
        source(folder(tmp_path / "mixed", {"train/cat/1.png": PNG, "val/cat/2.png": PNG, "cat/3.png": PNG}))


@pytest.mark.parametrize(("suffix", "form"), [("tif", "tiff"), ("TIFF", "tiff"), ("avif", "avif"), ("jfif", "jpeg")])
def test_formats_that_pillow_reads_are_taken(tmp_path: Path, suffix: str, form: str) -> None:
    (probe,) = source(folder(tmp_path / "cats", {f"1.{suffix}": picture(form)}))
    np.testing.assert_allclose(np.asarray(opaque(probe.load())).mean(axis=(0, 1)), [90, 0, 255], atol=3)


def test_formats_that_are_not_read_are_named(tiny: Network, tmp_path: Path) -> None:
    others = {"cat/1.HEIC": b"", "cat/2.heic": b"", "cat/3.svg": b"", "notes.txt": b"", "README": b""}
    pets = folder(tmp_path / "pets", CATS | others)
    extraction = without_edges(tiny, tmp_path / "x")
    reading = measure(tiny, extraction, source(pets), [Layer(4, 2, 6)], progress=False)
    assert (reading.seen, reading.taken) == (9, 4)
    assert str(reading) == (
        "probes: 9 seen, 4 taken, the rest because it is no picture (2), HEIC is not read (2), SVG is not read (1)"
    )
    names = extraction.table("skipped")["id"].to_pylist()
    assert names == ["README", "notes.txt", "cat/1.HEIC", "cat/2.heic", "cat/3.svg"]
    again = measure(tiny, extraction, source(pets), [Layer(4, 2, 6)], progress=False)
    assert again == reading


def test_a_folder_of_pictures_that_are_not_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match=r"no picture to show, because HEIC is not read \(2\)"):
        source(folder(tmp_path / "pets", {"cat/1.heic": b"", "cat/2.heic": b""}))


def test_a_pipe_is_no_picture_that_is_waited_for(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    os.mkfifo(pets / "cat" / "5.png")
    assert concepts(pets) == {"cat": 4}
    assert left_out(pets) == {"cat/5.png": "it is a pipe or a device"}


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("pipe", source),
        ("pipe.tar", source),
        ("pipe.png", read_picture),
        ("pipe.ttf", lambda font: rasterise("hat", lettering=replace(ARTICLE, font=font))),
    ],
)
def test_a_pipe_is_nothing_that_is_waited_for(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(CircuitsError, match="it is a pipe or a device"):
        read(tmp_path / name)


def test_concepts_of_one_picture_each_are_told(tiny: Network, tmp_path: Path) -> None:
    captions = [sample for n in range(3) for sample in ((f"{n}.png", PNG), (f"{n}.txt", f"caption {n}".encode()))]
    extraction = without_edges(tiny, tmp_path / "x")
    shards = source(shard(tmp_path / "a.tar", captions))
    reading = measure(tiny, extraction, shards, [Layer(4, 2, 6)], progress=False)
    assert str(reading) == ("probes: 3 seen, 3 taken; 3 of 3 concepts have one probe, on which no unit can be tested")


# ---- shards


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
    ("content", "reason"), [(b"", "it is empty"), (b"PK\x05\x06" + bytes(18), "it is no tar file")]
)
def test_what_is_no_shard_is_called_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(NoShards, match=rf"is no whole WebDataset shard: {reason}\. Make"):
        source(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.zst", "a.7z"])
def test_an_archive_of_another_kind_is_called_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ProbesError, match="is an archive of a kind that is not read"):
        source(tmp_path / name)


def test_a_table_in_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match="because it is a table, to be given by itself"):
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
        "index.json": "it is no picture",
        "more/b.tar": "it is an archive: unpack it, or give it by itself",
        "more/notes.txt": "it is no picture",
    }


@pytest.mark.parametrize("block", range(1, 8, 2))
def test_a_header_that_is_damaged_refuses_the_shard(tmp_path: Path, block: int) -> None:
    file = shard(tmp_path / "x.tar", [(f"{n}.cls", b"a") for n in range(4)] + [("4.png", PNG)])
    data = bytearray(file.read_bytes())
    data[512 * (block + 1) + 130] ^= 1  # its size
    file.write_bytes(data)
    with pytest.raises(NoShards, match=r"x\.tar is no whole WebDataset shard: the header at byte .* is damaged"):
        source(file)


@pytest.mark.parametrize("blocks", range(1, 20))
def test_a_shard_cut_anywhere_is_refused(tmp_path: Path, blocks: int) -> None:
    file = shard(tmp_path / "x.tar", [(f"{n}.png", PNG) for n in range(9)])
    file.write_bytes(file.read_bytes()[: 512 * blocks - 512 * 2 * 10 - 1])
    with pytest.raises(NoShards, match="no whole WebDataset shard"):
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
        ([("a.png", PNG), ("a.png", PNG), ("b.png", PNG)], r"In .*x\.tar the member 'a\.png' stands twice"),
        ([("a.png", PNG), ("a.cls", b"1"), ("b.png", PNG), ("a.cls", b"2")], r"the member 'a\.cls' stands twice"),
        ([("a.png", PNG), ("a.jpg", PNG)], r"sample 'a' stands twice, as 'a\.png' and 'a\.jpg'\. Rename"),
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
    with pytest.raises(UnreadablePicture, match="its holes do not fit into it"):
        probe.load()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.REGTYPE])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = of_size("long", -512 if kind == tarfile.REGTYPE else 2**40)
    member.type = kind
    for before in ([], [("a.png", PNG)]):
        file = shard(tmp_path / "s.tar", before)
        room = 1024 * len(before)
        file.write_bytes(file.read_bytes()[:room] + member.tobuf(tarfile.GNU_FORMAT) + bytes(2**20))
        with pytest.raises(NoShards, match="the header of 'long' tells a size of"):
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
    with pytest.raises(NoShards, match=r"the header of 'b\.png' tells a size of -"):
        source(file)


FEW_FILES = """
import resource, sys
from extract.probes.sources import source

resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
probes = list(source(sys.argv[1]))
print(len(probes), sum(len(probe.load()) for probe in probes))
"""


def test_more_compressed_shards_than_a_process_may_have_files_open_are_read(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for n in range(60):
        packed(shard(tmp_path / "s.tar", [(f"{n}.png", PNG)]), tmp_path / "shards" / f"{n}.tgz", "gz")
    (tmp_path / "temporary").mkdir()
    answer = subprocess.run(
        [sys.executable, "-c", FEW_FILES, tmp_path / "shards"],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["60", str(60 * len(PNG))]
    assert list((tmp_path / "temporary").iterdir()) == []


KILLED = """
import os, signal, sys
from extract.probes.sources import source

probes = list(source(sys.argv[1]))
print(len(probes), len(probes[-1].load()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_of_a_compressed_shard_stays_on_the_disk_when_the_process_is_killed(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for n in range(2):
        packed(shard(tmp_path / "s.tar", [(f"{n}.png", PNG)]), tmp_path / "shards" / f"{n}.tgz", "gz")
    (tmp_path / "temporary").mkdir()
    answer = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "shards"],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout.split()) == (-signal.SIGKILL, ["2", str(len(PNG))])
    assert list((tmp_path / "temporary").iterdir()) == []
