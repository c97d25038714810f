"""What was measured is of the pictures' bytes: one that changed under its name and size is noticed."""

import hashlib
import tarfile
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from extract.enrichment.pipeline import TABLES, measure
from extract.errors import ExtractionError, ProbesError
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.parallel import THREADS
from extract.probes.sources import source
from extract.read_report import Reading
from extract.recording.probe_hashes import compare
from extract.recording.recording import CHUNK, record
from extract.units import Layer
from tests.builders.extractions import without_edges

LAYER = Layer(4, 2, 6)
Show = Callable[[Extraction], Reading]


def picture(shade: int) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (16, 16), (shade, 10, 10)).save(stream, "bmp")  # as many bytes whatever the shade
    return stream.getvalue()


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for n in range(8):
        file = tmp_path / "pets" / f"concept {n % 2}" / f"{n}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(n))
    return tmp_path / "pets"


@pytest.fixture
def show(tiny: Network, pets: Path) -> Show:
    return lambda extraction: measure(tiny, extraction, source(pets), [LAYER], progress=False, chunk=4)


@pytest.fixture
def extraction(tiny: Network, tmp_path: Path) -> Extraction:
    return without_edges(tiny, tmp_path / "x")


def test_the_same_pictures_are_not_shown_again(extraction: Extraction, show: Show) -> None:
    first, files = show(extraction), dict(extraction.manifest.files)
    assert show(extraction) == first
    assert extraction.manifest.files == files


def test_a_picture_that_changed_under_its_name_and_size_is_named(
    extraction: Extraction, show: Show, pets: Path
) -> None:
    show(extraction)
    files = dict(extraction.manifest.files)
    (pets / "concept 1" / "5.bmp").write_bytes(picture(99))
    with pytest.raises(ExtractionError, match=r"concept 1/5\.bmp has changed since"):
        show(extraction)
    assert extraction.manifest.files == files


def test_a_sample_of_a_shard_that_changed_is_named(tiny: Network, extraction: Extraction, tmp_path: Path) -> None:
    def shard(changed: int) -> Path:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for n in range(4):
                member = tarfile.TarInfo(f"{n}.bmp")
                data = picture(99 if n == changed else n)
                member.size = len(data)
                archive.addfile(member, BytesIO(data))
        return tmp_path / "a.tar"

    measure(tiny, extraction, source(shard(-1)), [LAYER], progress=False)
    with pytest.raises(ExtractionError, match="a/2 has changed since"):
        measure(tiny, extraction, source(shard(2)), [LAYER], progress=False)


def interrupted(tiny: Network, extraction: Extraction, pets: Path) -> None:
    """Show the first chunk alone: nobody can read the second."""
    (pets / "concept 1" / "1.bmp").rename(pets / "first")
    unread = pets / "concept 1" / "1.bmp"
    unread.write_bytes(b"x" * (pets / "first").stat().st_size)
    strict = source(pets)
    object.__setattr__(strict, "forgiving", False)
    layers = sorted(tiny.architecture.branches(LAYER).values())
    with pytest.raises(ProbesError):
        record(tiny, extraction, strict, layers, progress=False, chunk=4)
    (pets / "first").rename(unread)


def test_a_pass_that_goes_on_notices_a_picture_that_was_shown_and_changed(
    tiny: Network, extraction: Extraction, show: Show, pets: Path
) -> None:
    interrupted(tiny, extraction, pets)
    assert len(extraction.under("contents.parquet")) == 1
    (pets / "concept 0" / "2.bmp").write_bytes(picture(99))
    with pytest.raises(ExtractionError, match=r"concept 0/2\.bmp has changed since"):
        show(extraction)
    (pets / "concept 0" / "2.bmp").write_bytes(picture(2))
    (pets / "concept 1" / "7.bmp").write_bytes(picture(99))  # was not shown as yet
    assert show(extraction).taken == 8


def test_what_an_earlier_version_measured_is_measured_anew_and_told(extraction: Extraction, show: Show) -> None:
    first, files = show(extraction), dict(extraction.manifest.files)
    extraction.drop(extraction.under("contents.parquet"))
    again = show(extraction)
    assert again.taken == first.taken
    assert "an earlier version" in again.notes[-1]
    assert extraction.manifest.files == files
    extraction.drop([*TABLES, *extraction.under("contents.parquet")])
    assert "an earlier version" in show(extraction).notes[-1]


def test_what_an_earlier_version_measured_is_measured_anew_also_where_the_folder_lists_other_files(
    extraction: Extraction, show: Show, pets: Path
) -> None:
    show(extraction)
    extraction.drop(extraction.under("contents.parquet"))
    (pets / "concept 0" / "8.bmp").write_bytes(picture(8))
    again = show(extraction)
    assert again.taken == 9
    assert "an earlier version" in again.notes[-1]
    (pets / "concept 0" / "10.bmp").write_bytes(picture(10))  # of this version, it is refused
    with pytest.raises(ExtractionError, match="evidence from other probes"):
        show(extraction)


def test_what_an_earlier_version_measured_on_none_of_these_probes_stays(
    tiny: Network, extraction: Extraction, show: Show, tmp_path: Path
) -> None:
    show(extraction)
    extraction.drop(extraction.under("contents.parquet"))
    files = dict(extraction.manifest.files)
    for n in range(2):
        (tmp_path / "others" / "c").mkdir(parents=True, exist_ok=True)
        (tmp_path / "others" / "c" / f"{n}.bmp").write_bytes(picture(n))
    with pytest.raises(ExtractionError, match="evidence from other probes"):
        measure(tiny, extraction, source(tmp_path / "others"), [LAYER], progress=False, chunk=4)
    assert extraction.manifest.files == files


def test_the_hashes_are_those_of_the_bytes(extraction: Extraction, show: Show, pets: Path) -> None:
    show(extraction)
    rows = extraction.table("contents").to_pylist()
    assert len(rows) == 8
    assert all(hashlib.sha256((pets / row["id"]).read_bytes()).hexdigest() == row["sha256"] for row in rows)


def test_large_samples_of_a_shard_are_compared_one_after_the_other(
    tiny: Network, extraction: Extraction, tmp_path: Path
) -> None:
    large = 2**24
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in [("0.bmp", picture(0)), *((f"{n}.bmp", bytes(large)) for n in range(1, 13))]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    probes = source(tmp_path / "a.tar")
    record(tiny, extraction, probes, [LAYER], progress=False)
    tracemalloc.start()
    compare(extraction, probes, CHUNK, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (THREADS + 2) * large
