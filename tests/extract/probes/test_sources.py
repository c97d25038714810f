import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from extract.enrichment.pipeline import measure
from extract.errors import NoShards, ProbesError
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.probes.picture_folder import PictureFolder
from extract.probes.shards import Shards
from extract.probes.sources import ProbeTable, source
from extract.units import Layer
from tests.builders.extractions import without_edges


def picture(shade: int, form: str = "png") -> bytes:
    stream = BytesIO()
    Image.effect_noise((80, 70), 20 + shade).convert("RGB").save(stream, form)
    return stream.getvalue()


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


PETS = {
    "cat/1.png": picture(1),
    "cat/2.png": picture(2)[:60],
    "cat/deep/er/3.webp": picture(3, "webp"),
    "cat/4.JPG": picture(4, "jpeg"),
    "cat/notes.txt": b"no picture",
    "nude/art.png": picture(5),
    "loose.png": picture(6),
}


def shard(file: Path, samples: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, data in samples.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    return file


SAMPLES = {
    "001.jpg": picture(1, "jpeg"), "001.cls": b"cat",
    "002.png": picture(2), "002.txt": b" dog \n",
    "sea/003.webp": picture(3, "webp"),
    "004.txt": b"a caption without a picture",
    "005.jpg": b"no picture", "005.cls": b"cat",
    "006.png": picture(6),
}  # fmt: skip


@pytest.fixture
def fresh(tiny: Network, tmp_path: Path) -> Callable[[str], Extraction]:
    return lambda name: without_edges(tiny, tmp_path / name)


def test_a_folder_however_deep_names_its_concepts_by_the_first_level(tmp_path: Path) -> None:
    probes = list(source(folder(tmp_path / "pets", PETS)))
    assert [(probe.id, probe.concept, probe.split) for probe in probes] == [
        ("loose.png", "pets", "discovery"),
        ("cat/1.png", "cat", "discovery"),
        ("cat/2.png", "cat", "held-out"),
        ("cat/4.JPG", "cat", "discovery"),
        ("cat/deep/er/3.webp", "cat", "held-out"),
        ("nude/art.png", "nude", "discovery"),
    ]
    assert [probe.id for probe in probes if probe.sensitive] == ["nude/art.png"]
    assert probes[1].load() == PETS["cat/1.png"]


def test_shards_are_samples_with_their_class_text_or_folder_as_concept(tmp_path: Path) -> None:
    shard(tmp_path / "b.tar", {"001.png": picture(9)})
    probes = list(source(shard(tmp_path / "a.tar", SAMPLES).parent))
    assert [(probe.id, probe.concept, probe.split) for probe in probes] == [
        ("a/001", "cat", "discovery"),
        ("a/002", "dog", "discovery"),
        ("a/sea/003", "sea", "discovery"),
        ("a/005", "cat", "held-out"),
        ("a/006", "a", "discovery"),
        ("b/001", "b", "discovery"),
    ]
    assert probes[0].load() == SAMPLES["001.jpg"]


def test_a_source_is_the_same_each_time_and_another_has_another_digest(tmp_path: Path) -> None:
    pets, shards = folder(tmp_path / "pets", PETS), shard(tmp_path / "a.tar", SAMPLES)
    for path in (pets, shards):
        once = source(path)
        assert [probe.id for probe in once] == [probe.id for probe in once]
        assert source(path).digest == once.digest
    before = source(pets).digest, source(shards).digest
    (pets / "cat/1.png").unlink()
    shard(shards, SAMPLES | {"007.png": picture(7)})
    assert source(pets).digest != before[0]
    assert source(shards).digest != before[1]


def test_a_table_in_a_file_shows_what_the_table_in_memory_does(noise: pa.Table, tmp_path: Path) -> None:
    pq.write_table(noise, tmp_path / "noise.parquet")
    shown = [
        [(probe.id, probe.load()) for probe in each]
        for each in (source(tmp_path / "noise.parquet"), ProbeTable.of(noise))
    ]
    assert shown[0] == shown[1] == [(row["id"], row["image"]) for row in noise.to_pylist()]


def test_a_folder_and_shards_of_the_same_pictures_give_the_same_activations(
    tiny: Network, fresh: Callable[[str], Extraction], tmp_path: Path
) -> None:
    same = {f"{n:03}.png": picture(n) for n in range(40)}
    for name, path in (("a", folder(tmp_path / "pictures", same)), ("b", shard(tmp_path / "shard.tar", same))):
        measure(tiny, fresh(name), source(path), [Layer(4, 2, 6)], progress=False)
    found = [Extraction.open(tmp_path / name).activations(Layer(4, 2, 6)) for name in "ab"]
    assert found[0] is not None
    assert found[0].shape == (40, 256)
    assert (found[0] == found[1]).all()


def test_damaged_pictures_are_left_out_and_listed(
    tiny: Network, fresh: Callable[[str], Extraction], tmp_path: Path
) -> None:
    extraction = fresh("x")
    measure(tiny, extraction, source(folder(tmp_path / "pets", PETS)), [Layer(4, 2, 6)], progress=False)
    assert extraction.table("skipped")["id"].to_pylist() == ["cat/2.png", "cat/notes.txt"]
    assert extraction.table("probes").num_rows == 5
    extraction = fresh("y")
    measure(tiny, extraction, source(shard(tmp_path / "a.tar", SAMPLES)), [Layer(4, 2, 6)], progress=False)
    assert extraction.table("skipped")["id"].to_pylist() == ["a/005", "a.tar/004.txt"]
    assert extraction.table("probes")["id"].to_pylist() == ["a/001", "a/002", "a/sea/003", "a/006"]


def test_a_folder_of_damaged_pictures_is_refused_and_leaves_nothing(
    tiny: Network, fresh: Callable[[str], Extraction], tmp_path: Path
) -> None:
    extraction = fresh("x")
    damaged = source(folder(tmp_path / "pets", {f"{n}.png": b"no picture" for n in range(3)}))
    with pytest.raises(ProbesError, match="None of the images can be read"):
        measure(tiny, extraction, damaged, [Layer(4, 2, 6)], progress=False)
    assert not extraction.manifest.files
    assert [file.name for file in extraction.path.rglob("*") if file.is_file()] == ["manifest.json"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ProbesError, match="holds no picture"):
        source(tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match=r"nowhere cannot be read: No such file or directory\. Name a folder"):
        source(tmp_path / "nowhere")
    with pytest.raises(NoShards, match=r"nowhere\.tar"):
        source(tmp_path / "nowhere.tar")


def test_a_file_that_is_no_shard_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar file at all" * 100)
    with pytest.raises(NoShards, match=r"x\.tar is not a complete WebDataset shard"):
        source(tmp_path / "x.tar")


def test_a_shard_cut_short_is_refused(tmp_path: Path) -> None:
    file = shard(tmp_path / "x.tar", {f"{n}.png": picture(n) for n in range(5)})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(NoShards, match="not a complete WebDataset shard"):
        list(Shards.at(file))


def test_shards_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NoShards, match="holds no sample with a picture"):
        source(shard(tmp_path / "x.tar", {"1.txt": b"a caption"}))


def test_files_are_found_one_folder_at_a_time(tmp_path: Path) -> None:
    probes = iter(PictureFolder.at(folder(tmp_path, {"a/1.png": b"", "b/1.png": b""})))
    assert next(probes).id == "a/1.png"
    (tmp_path / "b/2.png").write_bytes(b"")
    assert [probe.id for probe in probes] == ["b/1.png", "b/2.png"]


def test_links_that_lead_nowhere_are_left_out_with_a_reason(tiny: Network, tmp_path: Path) -> None:
    pets = folder(tmp_path / "pets", PETS)
    (pets / "cat" / "0.png").symlink_to(tmp_path / "not fetched.png")
    extraction = without_edges(tiny, tmp_path / "x")
    measure(tiny, extraction, PictureFolder.at(pets), progress=False)
    skipped = {str(row["id"]): str(row["reason"]) for row in extraction.table("skipped").to_pylist()}
    assert skipped.keys() == {"cat/0.png", "cat/2.png", "cat/notes.txt"}
    assert "No such file" in skipped["cat/0.png"]
    assert extraction.table("probes").num_rows == 5
