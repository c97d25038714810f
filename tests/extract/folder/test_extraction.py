"""The extraction folder: what is written reads back equal, and what was touched is refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from extract.errors import ExtractionError
from extract.folder.encoding import Content
from extract.folder.extraction import Extraction, MatrixKind
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS
from extract.units import Layer

KINDS: tuple[MatrixKind, ...] = ("magnitude", "mean", "kernel")
SOURCE, TARGET = Layer(4, 1, 6), Layer(4, 2, 1)


def manifest(**changes: Any) -> Manifest:
    settings = ExtractionSettings(targets=("4/2/1", "4/2/3"), strongest=2, matrices=True)
    fields = {"model": "RN50:openai", "weights_sha256": "00", "blocks": (3, 4, 6, 3), "width": 64, "image_size": 224}
    return Manifest.model_validate(fields | {"settings": settings, "tools": {"torch": "2"}} | changes)


def column(field: "pa.Field[Any]", rows: int) -> "pa.Array[Any]":
    """Different values for every row, of the field's type."""
    kinds: dict[pa.DataType, Callable[[int], Any]] = {
        pa.string(): str,
        pa.binary(): lambda row: str(row).encode(),
        pa.bool_(): bool,
        pa.list_(pa.int32()): lambda row: [row] * row,
        pa.list_(pa.float32()): lambda row: [row / 2] * row,
    }
    value = kinds.get(field.type, int)
    values: pa.Array[Any] = pa.array([value(row) for row in range(rows)], field.type)
    return values


def table(name: str, rows: int = 3) -> pa.Table:
    return pa.Table.from_arrays([column(field, rows) for field in SCHEMAS[name]], schema=SCHEMAS[name])


MATRICES: dict[str, NDArray[np.floating]] = {
    f"{SOURCE} magnitude": np.arange(6, dtype=np.float16).reshape(2, 3),
    f"{SOURCE} mean": -np.arange(6, dtype=np.float16).reshape(2, 3),
    f"{SOURCE} kernel": np.ones((2, 3, 1, 1), np.float32),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "some" / "new.extraction"
    extraction = Extraction.create(path, manifest())
    extraction.add({"units.parquet": table("units")})
    shard: dict[str, Content] = {part(name, "4/2/1"): table(name) for name in ("edges", "sweeps", "distributions")}
    extraction.add({**shard, part("matrices", "4/2/1"): MATRICES})
    return path


@pytest.mark.parametrize("name", ["units", "edges", "sweeps", "distributions"])
def test_a_table_reads_back_equal_with_its_meanings(folder: Path, name: str) -> None:
    read = Extraction.open(folder).table(name)
    assert read.equals(table(name), check_metadata=True)


@pytest.mark.parametrize("name", SCHEMAS)
def test_any_table_can_be_added_and_empty_ones_read(tmp_path: Path, name: str) -> None:
    extraction = Extraction.create(tmp_path / "x", manifest())
    assert extraction.table(name).equals(SCHEMAS[name].empty_table())
    extraction.add({f"{name}.parquet": table(name, 5)})
    assert Extraction.open(tmp_path / "x").table(name).equals(table(name, 5))


def test_every_meaning_belongs_to_a_column() -> None:
    for schema in SCHEMAS.values():
        assert {key.decode() for key in schema.metadata or {}} <= set(schema.names)


def test_columns_may_come_in_any_order_and_wider_types(tmp_path: Path) -> None:
    extraction = Extraction.create(tmp_path / "x", manifest())
    plain = pa.table({"scale": [1.5, None], "channel": [0, 1], "layer": ["1/0/1", "1/0/8"], "note": [1, 2]})
    extraction.add({"units.parquet": plain})
    read = extraction.table("units")
    assert read.schema.equals(SCHEMAS["units"])
    assert read.to_pylist()[1] == {"layer": "1/0/8", "channel": 1, "scale": None}


def test_parts_stand_in_the_order_of_their_names(folder: Path) -> None:
    extraction = Extraction.open(folder)
    extraction.add({part("edges", "4/2/3"): table("edges", 1), part("edges", "4/1/6"): table("edges", 2)})
    assert [found.num_rows for found in Extraction.open(folder).parts("edges")] == [2, 3, 1]
    assert extraction.table("edges").num_rows == 6


def test_matrices_read_back_equal_and_absent_ones_are_none(folder: Path) -> None:
    extraction = Extraction.open(folder)
    for kind in KINDS:
        read = extraction.matrix(SOURCE, TARGET, kind)
        assert read is not None
        assert read.dtype == MATRICES[f"{SOURCE} {kind}"].dtype
        np.testing.assert_array_equal(read, MATRICES[f"{SOURCE} {kind}"])
    assert extraction.matrix(Layer(4, 0, 8), TARGET, "mean") is None
    assert extraction.matrix(SOURCE, Layer(4, 2, 3), "mean") is None


def test_the_manifest_says_what_is_missing_and_what_the_network_is(folder: Path) -> None:
    read = Extraction.open(folder)
    assert read.manifest.missing == ("4/2/3",)
    assert read.has("units.parquet", part("edges", "4/2/1"))
    assert not read.has("units.parquet", part("edges", "4/2/3"))
    assert read.manifest.architecture.channels(Layer(4, 2, 6)) == read.layers[Layer(4, 2, 6)] == 2048


def test_the_same_contents_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    other = Extraction.create(tmp_path / "other", manifest())
    shard: dict[str, Content] = {part(name, "4/2/1"): table(name) for name in ("distributions", "edges", "sweeps")}
    other.add({part("matrices", "4/2/1"): MATRICES, **shard})
    other.add({"units.parquet": table("units")})
    files = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    assert len(files) == 6
    for file in files:
        assert (folder / file).read_bytes() == (other.path / file).read_bytes()


def test_an_extraction_goes_on_with_what_is_there(folder: Path) -> None:
    again = Extraction.create(folder, manifest())
    assert again.has("units.parquet", part("edges", "4/2/1"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "RN50:yfcc15m"}, "another model"),
        ({"weights_sha256": "11"}, "other weights"),
        ({"image_size": 288}, "another architecture"),
        ({"settings": ExtractionSettings(targets=("4/2/1", "4/2/3"), strongest=3, matrices=True)}, "other settings"),
        ({"settings": ExtractionSettings(targets=("4/2/1",), strongest=2, matrices=True)}, "other settings"),
        ({"tools": {"torch": "3"}}, "other versions of its tools"),
        ({"tools": {"torch": "2", "card": "H200"}}, "another processor"),
        ({"model": "RN50:openai@11", "weights_sha256": "11"}, "other weights"),
        ({"weights_sha256": "11", "tools": {"torch": "3"}}, "other weights and other versions of its tools"),
    ],
)
def test_other_settings_do_not_go_on_with_a_folder(folder: Path, changes: dict[str, Any], reason: str) -> None:
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(ExtractionError, match=rf"was begun with {reason}\. "):
        Extraction.create(folder, manifest(**changes))
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_a_folder_of_an_earlier_version_goes_on_under_its_models_name_without_a_hash(folder: Path) -> None:
    again = Extraction.create(folder, manifest(model="RN50:openai@00"))
    assert again.manifest.model == "RN50:openai"
    again.add({"examples.parquet": table("examples")})
    assert Extraction.open(folder).manifest.model == "RN50:openai"


def test_a_folder_whose_manifest_was_never_finished_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "manifest.json.tmp").write_text('{"form')
    Extraction.create(tmp_path / "x", manifest())
    assert [file.name for file in (tmp_path / "x").iterdir()] == ["manifest.json"]


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(ExtractionError, match="is not an extraction"):
        Extraction.create(tmp_path, manifest())
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("name", ["units.parquet", "edges.parquet/4-2-1.parquet"])
@pytest.mark.parametrize("damage", ["cut", "altered", "longer", "gone"])
def test_a_damaged_table_is_refused_when_the_folder_is_opened(folder: Path, name: str, damage: str) -> None:
    spoil(folder / name, damage)
    with pytest.raises(ExtractionError, match=f"{name} is missing, cut short or altered"):
        Extraction.open(folder)


@pytest.mark.parametrize("damage", ["cut", "altered", "longer", "gone"])
def test_damaged_matrices_are_refused_when_they_are_read(folder: Path, damage: str) -> None:
    spoil(folder / "matrices/4-2-1.safetensors", damage)
    extraction = Extraction.open(folder)
    with pytest.raises(ExtractionError, match="safetensors is missing, cut short or altered"):
        extraction.matrix(SOURCE, TARGET, "mean")


@pytest.mark.parametrize("damage", ["cut", "altered", "header", "longer", "gone"])
def test_damaged_activations_are_refused_before_anything_is_computed_from_them(folder: Path, damage: str) -> None:
    values: Content = {f"{SOURCE} value": np.ones((3, 50), np.float16), "embedding": np.ones((50, 4), np.float32)}
    Extraction.open(folder).add({"activations/a.safetensors": values})
    assert Extraction.open(folder).activations(SOURCE) is not None
    spoil(folder / "activations/a.safetensors", damage)
    extraction = Extraction.open(folder)
    with pytest.raises(ExtractionError, match=r"a\.safetensors is missing, cut short or altered"):
        extraction.activations(SOURCE)
    with pytest.raises(ExtractionError, match=r"a\.safetensors is missing, cut short or altered"):
        list(extraction.embeddings())


def test_a_file_that_is_written_anew_is_checked_anew(folder: Path) -> None:
    extraction = Extraction.open(folder)
    assert extraction.matrix(SOURCE, TARGET, "mean") is not None
    extraction.add({part("matrices", "4/2/1"): MATRICES})
    spoil(folder / "matrices/4-2-1.safetensors", "altered")
    with pytest.raises(ExtractionError, match="safetensors is missing, cut short or altered"):
        extraction.matrix(SOURCE, TARGET, "mean")


HOLD = """
import sys
from pathlib import Path
from extract.folder.extraction import Extraction
with Extraction.open(Path(sys.argv[1])).writing():
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_of_the_first_and_a_kill_lets_it_go_on(folder: Path) -> None:
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        extraction = Extraction.create(folder, manifest())
        with pytest.raises(ExtractionError, match=f"is being written by process {other.pid}. Wait until"):
            extraction.add({"examples.parquet": table("examples")})
        other.kill()
    assert (folder / "writing.lock").exists()  # as a kill leaves it
    extraction.add({"examples.parquet": table("examples")})
    extraction.drop(["examples.parquet"])
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_what_another_wrote_meanwhile_stays_recorded(folder: Path) -> None:
    one, other = Extraction.open(folder), Extraction.open(folder)
    one.add({"examples.parquet": table("examples")})
    other.add({"shares.parquet": table("shares")})
    assert Extraction.open(folder).has("examples.parquet", "shares.parquet")


def test_a_folder_that_was_begun_anew_meanwhile_is_left_alone(folder: Path) -> None:
    extraction = Extraction.open(folder)
    shutil.rmtree(folder)
    Extraction.create(folder, manifest(model="RN50:other"))
    with pytest.raises(ExtractionError, match="was begun with another model"):
        extraction.add({"examples.parquet": table("examples")})
    assert not Extraction.open(folder).manifest.files


def spoil(file: Path, damage: str) -> None:
    data = file.read_bytes()
    middle = len(data) // 2
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[:middle])
    elif damage == "header":
        file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif damage == "longer":
        file.write_bytes(data + b"\0")
    else:
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def test_a_table_of_another_shape_is_refused_though_the_manifest_vouches_for_it(folder: Path) -> None:
    extraction = Extraction.open(folder)
    extraction.add({"probes.parquet": table("probes")})
    (folder / "units.parquet").write_bytes((folder / "probes.parquet").read_bytes())
    record = json.loads((folder / "manifest.json").read_text())
    record["files"]["units.parquet"] = record["files"]["probes.parquet"]
    del record["checksum"]  # as earlier versions wrote it
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(ExtractionError, match=r"units\.parquet is missing, cut short or altered"):
        Extraction.open(folder).table("units")


def forget(record: dict[str, Any]) -> None:
    del record["blocks"]


@pytest.mark.parametrize(
    "change",
    [
        forget,
        lambda record: record.update(format=2),
        lambda record: record.update(model=7),
        lambda record: record.update(extra=1),
        lambda record: record["settings"].update(strongest="many"),
        lambda record: record["files"].update({"../secret.parquet": {"sha256": "", "size": 0}}),
        lambda record: record["files"].update({"/etc/passwd": {"sha256": "", "size": 0}}),
        lambda record: record.update(model=""),
        lambda record: record.update(model="evil\x1b[2J"),
        lambda record: record.update(model="evil\u202etxt"),
        lambda record: record.update(model="x" * 2**20),
        lambda record: record.update(blocks=[]),
        lambda record: record.update(blocks=[3, 4, 6, 3, 1]),
        lambda record: record.update(blocks=[3, 4, 10**9, 3]),
        lambda record: record.update(blocks=[3, 4, 0, 3]),
        lambda record: record.update(width=0),
        lambda record: record.update(width=-8),
        lambda record: record.update(width=2**70),
        lambda record: record.update(image_size=0),
        lambda record: record.update(image_size=-224),
        lambda record: record.update(image_size=225),
        lambda record: record["settings"].update(targets=["\x07"]),
        lambda record: record["settings"].update(strongest=-1),
        lambda record: record["tools"].update({"x\0": "1"}),
        lambda record: record["files"]["units.parquet"].update(size=-1),
        lambda record: record["files"].update({"x" * 2**20: {"sha256": "", "size": 0}}),
    ],
)
def test_an_altered_manifest_is_refused(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads((folder / "manifest.json").read_text())
    change(record)
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(ExtractionError, match="is not a manifest of format 1") as caught:
        Extraction.open(folder)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(model="RN50:other"),
        lambda record: record.update(width=16),
        lambda record: record.update(blocks=[3, 4, 23, 3]),
        lambda record: record["settings"].update(targets=[]),
        lambda record: record["files"].clear(),
        lambda record: record["files"]["units.parquet"].update(size=1),
        lambda record: record.update(checksum="0" * 64),
    ],
)
def test_a_manifest_of_another_content_than_its_checksum_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    record = json.loads((folder / "manifest.json").read_text())
    change(record)
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(ExtractionError, match="was altered: its content does not match its checksum"):
        Extraction.open(folder)


def test_a_manifest_of_an_earlier_version_opens_unchecked_and_gets_a_checksum_when_written(folder: Path) -> None:
    record = json.loads((folder / "manifest.json").read_text())
    del record["checksum"]
    (folder / "manifest.json").write_text(json.dumps(record))
    extraction = Extraction.create(folder, manifest())
    assert not extraction.has_checksum
    extraction.add({"examples.parquet": table("examples")})
    assert Extraction.open(folder).has_checksum


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}'])
def test_a_truncated_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ExtractionError, match="is not a manifest of format 1"):
        Extraction.open(folder)


def test_what_is_no_extraction_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(ExtractionError, match="is not an extraction"):
            Extraction.open(path)


def test_what_cannot_be_asked_for_is_told_by_the_systems_reason(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match=r"cannot be read: File name too long\. Change its permissions"):
        Extraction.open(tmp_path / ("x" * 300))


@pytest.mark.parametrize("place", ["file/x.extraction", "/proc/x.extraction"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExtractionError, match=r"x\.extraction.* cannot be written"):
        Extraction.create(tmp_path / place, manifest())


@pytest.mark.parametrize(
    ("name", "reason"), [("x" * 300, "File name too long"), ("a\0b", "null"), (os.fsdecode(b"\xf6"), "is not UTF-8")]
)
def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ExtractionError, match=reason):
        Extraction.create(tmp_path / name, manifest())
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_records_nothing(folder: Path) -> None:
    extraction = Extraction.open(folder)
    (folder / "examples.parquet").mkdir()  # a folder stands where the file should go
    with pytest.raises(ExtractionError, match="cannot be written"):
        extraction.add({"probes.parquet": table("probes"), "examples.parquet": table("examples")})
    assert not Extraction.open(folder).has("probes.parquet")


def test_tables_need_no_torch() -> None:
    code = "import sys, extract.folder.extraction, extract.expansion.strongest; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_parquet_files_are_plain(folder: Path) -> None:
    read = pq.read_table(folder / "edges.parquet")  # the whole folder of parts, as any other tool would
    assert read.num_rows == 3
    assert b"Frobenius" in read.schema.metadata[b"magnitude"]
