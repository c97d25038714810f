"""Disks that fill up at random points: an error of ours, what was there is whole, and with room the same goes on."""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog import open_catalog
from catalog.circuits import export
from catalog.circuits.circuit import Circuit, Node
from catalog.labels import files
from extract.errors import CircuitsError
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.embedded.server import stop
from graph.loading.extraction_steps import content
from graph.loading.load import load
from graph.opening import connect
from graph.records import Annotation
from graph.store import Store
from tests.builders.contents import contents
from tests.builders.forked_extracts import ForkedExtracts, is_honest
from tests.builders.servers import loaded
from tests.builders.small_disk import SmallDisk, small_disk
from tests.faults.fault_table import RecordFault, trials

MODEL = "random:a"
LOADED = 20 << 20  # bytes that a load writes, about
LONGEST = 400  # letters of a message that somebody reads


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def chance(kind: str, trial: int) -> random.Random:
    return random.Random(f"{kind} {trial}")  # noqa: S311 (no secret)


def refused(act: Callable[[], object]) -> str:
    """What an error of ours says; nothing if there was none."""
    try:
        act()
    except CircuitsError as error:
        return str(error)
    return ""


CIRCUIT = Circuit("c", "trace", "m", tuple(Node(Unit.parse(f"4/2/6/{i}"), "unit") for i in range(1500)), ())
LABELS = [Annotation(str(i), "m", "4/2/6/1", "a label", "ada", datetime(2026, 1, 2, tzinfo=UTC)) for i in range(2000)]
EXPORTS: dict[str, Callable[[Path], object]] = {
    "labels.csv": lambda file: files.write(LABELS, file),
    "circuit.graphml": lambda file: export.write(CIRCUIT, file),
}


@pytest.mark.parametrize(("name", "trial"), [each for name in EXPORTS for each in trials(1, 7, name)])
def test_an_export_onto_a_full_disk(
    disk: SmallDisk, tmp_path: Path, name: str, trial: int, record_fault: RecordFault
) -> None:
    EXPORTS[name](tmp_path / name)
    whole, file, began = (tmp_path / name).read_bytes(), disk.path / name, time.monotonic()
    file.write_bytes(b"old")
    disk.leave_room(chance(name, trial).randrange(len(whole)))
    said = refused(lambda: EXPORTS[name](file))
    kept = contents(disk.path) == {name: b"old"} and "No space left on device" in said
    disk.enlarge()
    EXPORTS[name](file)
    held = kept and contents(disk.path) == {name: whole}
    record_fault("full disk under an export", held, time.monotonic() - began)
    assert held, said


@pytest.mark.parametrize("trial", trials(0, 12))
def test_an_extraction_onto_a_full_disk(
    disk: SmallDisk,
    extracts: ForkedExtracts,
    undisturbed: tuple[dict[str, bytes], float],
    trial: int,
    record_fault: RecordFault,
) -> None:
    whole, began, folder = undisturbed[0], time.monotonic(), disk.path / "x"
    disk.leave_room(chance("extract", trial).randrange(sum(map(len, whole.values()))))
    code = extracts.run(folder)[0]
    honest = not folder.exists() or is_honest(folder, whole)
    disk.enlarge()
    goes_on = extracts.run(folder)[0] == 0
    held = code == 2 and honest and goes_on and contents(folder) == whole
    record_fault("full disk under an extraction", held, time.monotonic() - began)
    assert held, (code, honest, goes_on)


@pytest.fixture(scope="module")
def pair(
    random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Extraction, Extraction]:
    """Two contents of one model."""
    one, two = (tmp_path_factory.mktemp("pair") / "a.extraction" for _ in range(2))
    return random_extraction(one, MODEL, 1), random_extraction(two, MODEL, 2)


@pytest.fixture
def database(
    disk: SmallDisk, pair: tuple[Extraction, Extraction], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A database on the disk that holds the first of the two."""
    folder = disk.path / "database"
    shutil.copytree(loaded(pair[0], tmp_path_factory), folder)
    yield folder
    stop(folder)


@pytest.mark.parametrize("trial", trials(0, 12))
def test_a_load_onto_a_full_disk(
    disk: SmallDisk, database: Path, pair: tuple[Extraction, Extraction], trial: int, record_fault: RecordFault
) -> None:
    began = time.monotonic()
    disk.leave_room(chance("load", trial).randrange(LOADED))
    said = refused(lambda: load(pair[1], database, progress=False))
    disk.enlarge()
    kept = len(said) < LONGEST and loaded_content(database) == content(pair[bool(not said)])
    load(pair[1], database, progress=False)
    held = kept and loaded_content(database) == content(pair[1])
    record_fault("full disk under a load", held, time.monotonic() - began)
    assert held, said


def loaded_content(folder: Path) -> str:
    """The content of the model there, which is whole."""
    with connect(folder) as database:
        Store(database).verify(MODEL)
        return Store(database).model(MODEL).card.content


@pytest.mark.parametrize("trial", trials(0, 12))
def test_labels_imported_onto_a_full_disk(
    disk: SmallDisk, database: Path, trial: int, record_fault: RecordFault
) -> None:
    acknowledged = list[int]()

    def import_until_full() -> None:
        with open_catalog(database) as catalog:
            labels = catalog.model().labels
            disk.leave_room(chance("import", trial).randrange(8 << 20))
            for number in range(200):
                labels.write(labels.plan_import(label_file(number), author="ada", also=True))
                acknowledged.append(number)

    began, said = time.monotonic(), refused(import_until_full)
    disk.enlarge()
    with open_catalog(database) as catalog:
        labels = catalog.model().labels
        labels.write(labels.plan_import(label_file(999), author="ada", also=True))
        catalog.verify(MODEL, True)
        written = Counter(int(entry.text.split()[0]) for entry in labels.history())
    most = len(acknowledged) + 1  # committed, and full before it was told
    held = set(written.values()) == {16} and {*acknowledged, 999} <= written.keys() and len(written) <= most + 1
    record_fault("full disk under an import of labels", held and 0 < len(said) < LONGEST, time.monotonic() - began)
    assert held, (said, acknowledged[-3:], written)
    assert 0 < len(said) < LONGEST


def label_file(number: int) -> bytes:
    """A long label of every unit in a layer."""
    rows = (f"2/1/6/{unit},{number} {'x' * 90},{'y' * 400}" for unit in range(16))
    return "\n".join(["unit,text,evidence", *rows]).encode()
