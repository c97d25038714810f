import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from extract.demo import PROBES
from extract.errors import ProbesError
from extract.folder.schemas import SCHEMAS
from extract.network.preprocessing import stack
from extract.probes.pictures import THUMBNAIL, opaque, thumbnail
from extract.probes.sources import source
from extract.probes.table import check, images, read

Ids = list[str]
SIDE = 64
PREPROCESS = open_clip.image_transform(SIDE, is_train=False)


def encoded(colour: tuple[int, ...], mode: str = "RGB", form: str = "png") -> bytes:
    stream = BytesIO()
    Image.new(mode, (SIDE, SIDE), colour).save(stream, form)
    return stream.getvalue()


def table(**changes: list[object]) -> pa.Table:
    columns: dict[str, list[object]] = {
        "id": ["a", "b", "c"],
        "modality": ["picture", "word", "word"],
        "concept": ["cat", "cat", "dog"],
        "source": ["noto", "lora", "lora"],
        "split": ["discovery", "held-out", "discovery"],
        "sensitive": [False] * 3,
        "image": [encoded((shade, 0, 255)) for shade in (0, 100, 200)],
    }
    return pa.Table.from_pydict(columns | changes, schema=SCHEMAS["probes"])


def test_batches_keep_the_order_and_normalise_as_clip_does() -> None:
    parts = list(stack(images(table()), PREPROCESS, 2))
    assert [tuple(part.shape) for part in parts] == [(2, 3, SIDE, SIDE), (1, 3, SIDE, SIDE)]
    red = torch.cat(parts)[:, 0, 0, 0]
    expected = (np.array([0, 100, 200]) / 255 - 0.48145466) / 0.26862954
    np.testing.assert_allclose(red.numpy(), expected, atol=1e-6)


def test_a_batch_is_decoded_only_when_its_turn_comes() -> None:
    stream = stack(images(table(image=[encoded((0, 0, 0)), b"no image", b"no image"])), PREPROCESS, 1)
    assert next(stream).shape == (1, 3, SIDE, SIDE)
    with pytest.raises(ProbesError, match="probe b cannot be read"):
        next(stream)


def test_a_table_read_back_equals_the_one_written(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "probes.parquet")
    assert read(tmp_path / "probes.parquet").equals(table())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modality": ["picture", "sound", "word"]}, "modality is 'sound'"),
        ({"split": ["discovery", "test", "held-out"]}, "split is 'test'"),
        ({"concept": ["cat", None, "dog"]}, "concept is missing in 1 rows"),
        ({"id": ["a", "a", "c"]}, "occurs twice"),
    ],
)
def test_an_unsound_table_is_refused(changes: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ProbesError, match=message):
        check(table(**changes))


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ProbesError, match="there are none"):
        check(SCHEMAS["probes"].empty_table())


@pytest.mark.parametrize("content", [b"", b"PAR1 cut short"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "probes.parquet").write_bytes(content)
    with pytest.raises(ProbesError, match="not a table of probes"):
        read(tmp_path / "probes.parquet")


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(table().drop(["split"]), tmp_path / "probes.parquet")
    with pytest.raises(ProbesError, match="with the columns"):
        read(tmp_path / "probes.parquet")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match=r"absent\.parquet cannot be read: No such file or directory\. Name a"):
        read(tmp_path / "absent.parquet")


def other(**columns: Any) -> pa.Table:
    """The demo's first two probes with other columns."""
    return pa.table({**read().slice(0, 2).to_pydict(), **columns})


@pytest.mark.parametrize(
    ("columns", "ids"),
    [({"id": [1, 2]}, ["1", "2"]), ({"id": pa.array(["a", "b"]).dictionary_encode()}, ["a", "b"])],
)
def test_columns_of_another_type_are_read_as_their_text(tmp_path: Path, columns: dict[str, object], ids: Ids) -> None:
    file = tmp_path / "probes.parquet"
    pq.write_table(other(**columns, sensitive=[0.0, 1.0]).select(reversed(SCHEMAS["probes"].names)), file)
    probes = list(source(file))
    assert [probe.id for probe in probes] == read(file)["id"].to_pylist() == ids
    assert [probe.sensitive for probe in probes] == [False, True]
    assert [probe.load() for probe in probes] == read()["image"][:2].to_pylist()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"image": [{"bytes": b"x", "path": "1.png"}] * 2}, "is not a table of probes"),
        ({"image": [[1, 2], [3]]}, "is not a table of probes"),
        ({"sensitive": ["no", "yes"]}, "is not a table of probes"),
        ({"concept": ["cat", ""]}, "concept is empty in a row"),
        ({"id": ["", "b"]}, "id is empty in a row"),
    ],
)
def test_columns_that_say_nothing_are_refused_when_the_table_is_opened(
    tmp_path: Path, columns: dict[str, object], reason: str
) -> None:
    pq.write_table(other(**columns), tmp_path / "probes.parquet")
    with pytest.raises(ProbesError, match=reason):
        source(tmp_path / "probes.parquet")


def test_a_column_that_stands_twice_is_refused_by_its_name(tmp_path: Path) -> None:
    pq.write_table(read().append_column("id", read()["id"]), tmp_path / "probes.parquet")
    with pytest.raises(ProbesError, match="the column 'id' occurs twice"):
        source(tmp_path / "probes.parquet")


def test_a_file_whose_name_is_no_utf8_is_read(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"h\xf6hle.parquet")
    file.write_bytes(PROBES.read_bytes())
    assert read(file).equals(read())
    assert next(iter(source(file))).load() == read()["image"][0].as_py()


def test_a_thumbnail_is_the_middle_square_and_small_pictures_stay_as_they_are() -> None:
    assert thumbnail(table()["image"][0].as_py()) == table()["image"][0].as_py()
    wide = Image.new("RGB", (600, 300), "red")
    wide.paste("blue", (150, 0, 450, 300))
    stream = BytesIO()
    wide.save(stream, "png")
    with Image.open(BytesIO(thumbnail(stream.getvalue()))) as small:
        assert (small.format, small.size) == ("WEBP", (THUMBNAIL, THUMBNAIL))
        red, _, blue = np.asarray(small.convert("RGB")).mean(axis=(0, 1))
    assert red < 40
    assert blue > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_transparent_picture_stands_on_white(mode: str) -> None:
    assert opaque(encoded((0,) * len(mode), mode)).getpixel((0, 0)) == (255, 255, 255)


def test_a_picture_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    stream = BytesIO()
    Image.new("RGB", (40, 20)).save(stream, "jpeg", exif=exif)
    assert opaque(stream.getvalue()).size == (20, 40)
