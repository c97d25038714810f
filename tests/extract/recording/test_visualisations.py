import hashlib
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from extract.errors import UnknownUnit, VisualisationsError
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.recording.visualisations import SIDE, visualise
from extract.units import Layer
from tests.builders.extractions import without_edges

LAYER = Layer(4, 2, 6)


@pytest.fixture
def folder(tiny: Network, tmp_path: Path) -> Extraction:
    return without_edges(tiny, tmp_path / "x")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    place = tmp_path / "microscope"
    place.mkdir()
    for channel in (34, 2, 200):
        Image.effect_noise((300, 260), 20 + channel).convert("RGB").save(place / f"channel{channel}.png")
    (place / "notes.txt").write_text("no picture")
    (place / "cover.png").write_bytes(b"named as no unit is")
    return place


def test_pictures_of_units_come_with_the_published_share_of_their_own_unit(
    tiny: Network, folder: Extraction, saved: Path
) -> None:
    reading = visualise(tiny, folder, saved, LAYER, progress=False)
    assert (reading.taken, reading.notes) == (3, ())
    assert [(each.name, each.reason) for each in reading.left_out] == [
        ("cover.png", "its name does not fit a unit of the layer"),
        ("notes.txt", "it is not a picture"),
    ]
    rows = Extraction.open(folder.path).table("visualisations").to_pylist()
    assert [(row["layer"], row["channel"]) for row in rows] == [("4/2/6", 2), ("4/2/6", 34), ("4/2/6", 200)]
    block, kept = tiny.visual.get_submodule("layer4.2"), list[torch.Tensor]()
    handles = [
        block.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0].clone())),
        block.get_submodule("conv3").register_forward_hook(lambda module, inputs, output: kept.append(output.clone())),
    ]
    for row in rows:
        kept.clear()
        with torch.no_grad(), Image.open(saved / f"channel{row['channel']}.png") as image:
            tiny.visual(tiny.preprocess(image)[None])
        over, conv = (np.linalg.norm(maps[0, row["channel"]].double()) for maps in kept)
        assert row["share_published"] == pytest.approx(over / (over + conv), rel=1e-4)
        with Image.open(BytesIO(row["image"])) as small:
            assert small.size == (SIDE, SIDE)
    for handle in handles:
        handle.remove()


def test_a_layer_that_is_no_sum_has_pictures_without_a_share(tiny: Network, folder: Extraction, saved: Path) -> None:
    visualise(tiny, folder, saved, LAYER, progress=False)
    visualise(tiny, folder, saved, Layer(4, 2, 5), progress=False)
    visualise(tiny, folder, saved, LAYER, progress=False)  # again: nothing stands twice
    rows = folder.table("visualisations").to_pylist()
    assert len(rows) == 6
    assert all((row["share_published"] is None) == (row["layer"] == "4/2/5") for row in rows)


def test_a_damaged_picture_is_left_out_and_named(tiny: Network, folder: Extraction, saved: Path) -> None:
    (saved / "channel7.png").write_bytes((saved / "channel2.png").read_bytes()[:100])
    skipped = visualise(tiny, folder, saved, LAYER, progress=False)
    (damaged,) = [each for each in skipped.left_out if each.reason.startswith("it cannot be read: ")]
    assert damaged.name == "channel7.png"
    assert 7 not in folder.table("visualisations")["channel"].to_pylist()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"is not a folder\. Name one with pictures"),
        (["hat.png"], "fits a unit of 4/2/6; one is hat.png"),
        (["channel99999.png"], r"channel0.png to channel255.png"),
        (["channel1.png", "1.png"], "has two pictures"),
        (["channel1.png"], "can be read"),
    ],
)
def test_a_folder_that_fits_no_unit_is_refused_and_changes_nothing(
    tiny: Network, folder: Extraction, tmp_path: Path, names: list[str], message: str
) -> None:
    for name in names:
        (tmp_path / "given" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "given" / name).write_bytes(b"no picture")
    with pytest.raises(VisualisationsError, match=message):
        visualise(tiny, folder, tmp_path / "given", LAYER, progress=False)
    assert not folder.manifest.files


def test_pictures_that_take_the_place_of_others_are_told(tiny: Network, folder: Extraction, saved: Path) -> None:
    visualise(tiny, folder, saved, LAYER, progress=False)
    Image.new("RGB", (300, 300), "red").save(saved / "channel34.png")
    reading = visualise(tiny, folder, saved, LAYER, progress=False)
    assert reading.notes == ("1 replaced other pictures of their units",)
    (saved / "channel2.png").unlink()
    reading = visualise(tiny, folder, saved, LAYER, progress=False)
    assert reading.notes == ("earlier pictures removed, because they are no longer in the folder: 1",)


def test_a_picture_that_is_there_and_cannot_be_read_any_more_is_not_called_gone(
    tiny: Network, folder: Extraction, saved: Path
) -> None:
    visualise(tiny, folder, saved, LAYER, progress=False)
    (saved / "channel2.png").write_bytes(b"damaged")
    (saved / "channel34.png").unlink()
    (saved / "channel34.png").symlink_to(saved / "nowhere.png")
    reading = visualise(tiny, folder, saved, LAYER, progress=False)
    assert reading.notes == ("earlier pictures removed, because their files were left out now: 2",)
    assert {"channel2.png", "channel34.png"} < {each.name for each in reading.left_out}


def test_the_extraction_records_which_files_its_pictures_are(tiny: Network, folder: Extraction, saved: Path) -> None:
    visualise(tiny, folder, saved, LAYER, progress=False)
    rows = folder.table("visualisations").to_pylist()
    files = [saved / f"channel{row['channel']}.png" for row in rows]
    assert [row["sha256"] for row in rows] == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    data = bytearray(files[0].read_bytes())
    data[-12:-12] = struct.pack(">I4sI", 0, b"tIME", zlib.crc32(b"tIME"))  # another file, which looks the same
    files[0].write_bytes(data)
    assert "1 replaced other pictures" in str(visualise(tiny, folder, saved, LAYER, progress=False))


def test_pictures_that_an_earlier_version_imported_are_compared_by_how_they_look(
    tiny: Network, folder: Extraction, saved: Path
) -> None:
    visualise(tiny, folder, saved, LAYER, progress=False)
    folder.add({"visualisations.parquet": _without_hashes(folder.table("visualisations"))})
    assert visualise(tiny, folder, saved, LAYER, progress=False).notes == ()
    folder.add({"visualisations.parquet": _without_hashes(folder.table("visualisations"))})
    Image.new("RGB", (300, 300), "red").save(saved / "channel34.png")
    assert "1 replaced other pictures" in str(visualise(tiny, folder, saved, LAYER, progress=False))


def _without_hashes(table: pa.Table) -> pa.Table:
    return table.set_column(table.column_names.index("sha256"), "sha256", pa.nulls(table.num_rows, pa.string()))


def test_a_folder_that_is_not_there_is_named(tiny: Network, folder: Extraction, tmp_path: Path) -> None:
    with pytest.raises(VisualisationsError, match="nowhere is not a folder"):
        visualise(tiny, folder, tmp_path / "nowhere", LAYER, progress=False)


def test_a_layer_that_is_not_there_is_refused(tiny: Network, folder: Extraction, saved: Path) -> None:
    with pytest.raises(UnknownUnit):
        visualise(tiny, folder, saved, Layer(4, 9, 6), progress=False)
