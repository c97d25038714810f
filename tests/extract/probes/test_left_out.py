"""Whatever lies in a folder is a probe, or is counted and named: nothing is left out in silence."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extract.enrichment.pipeline import measure
from extract.errors import CircuitsError, ProbesError
from extract.network.network import Network
from extract.probes.pictures import opaque, read_picture
from extract.probes.rasterised_words import ARTICLE, rasterise
from extract.probes.sources import source
from extract.units import Layer
from tests.builders.extractions import without_edges
from tests.builders.probe_files import CATS, PNG, concepts, folder, left_out, picture, shard


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
    with pytest.raises(ProbesError, match=r"both the archive download\.tar and pictures such as cat/0\.png"):
        source(pets)


def test_an_archive_in_a_class_folder_is_named(tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", CATS)
    shard(pets / "cat" / "download.tar", [("dog/1.png", PNG)])
    assert concepts(pets) == {"cat": 4}
    assert left_out(pets) == {"cat/download.tar": "it is an archive: unpack it, or name it by itself"}


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
        "probes: 9 seen, 4 taken, the rest because it is not a picture (2), HEIC is not read (2), SVG is not read (1)"
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
