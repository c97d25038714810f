"""One flipped bit in a folder or a database: told by the check that is its own, or no answer has changed."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.embedded.server import stop
from graph.errors import DatabaseDamaged, GraphError
from graph.loading.load import load
from graph.opening import connect
from graph.store import Store
from tests.builders.servers import emptied, loaded
from tests.faults.fault_table import RecordFault, trials

MODEL = "random:a"
ANSWERS = (
    "MATCH (n:Unit) RETURN properties(n) AS p",
    "MATCH (n:Layer) RETURN properties(n) AS p",
    "MATCH (n:Image) RETURN properties(n) AS p",
    "MATCH (n:Word) RETURN properties(n) AS p",
    "MATCH (s:Unit)-[e:CONTRIBUTES]->(t:Unit) RETURN s.key AS s, t.key AS t, properties(e) AS p",
    "MATCH (s:Image)-[e:ACTIVATES]->(t:Unit) RETURN s.key AS s, t.key AS t, properties(e) AS p",
)


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("whole") / "a.extraction", MODEL, 1, width=2)


@pytest.fixture(scope="module")
def database(extraction: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database that holds the model and is not served."""
    return loaded(extraction, tmp_path_factory)


@pytest.fixture
def copied(database: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "database"
    shutil.copytree(database, folder)
    yield folder
    stop(folder)


def flip(files: list[Path], chance: random.Random) -> Path:
    """Flip a bit of a byte that is not zero, in a file drawn by its length."""
    file = chance.choices(files, [file.stat().st_size for file in files])[0]
    data = bytearray(file.read_bytes())
    place = chance.choice([place for place, byte in enumerate(data) if byte])
    data[place] ^= 1 << chance.randrange(8)
    file.write_bytes(data)
    return file


def numbers(extraction: Extraction) -> list[object]:
    """All that an extraction holds, read anew."""
    manifest, folder = extraction.manifest, Extraction.open(extraction.path)
    tables = [folder.part(name).to_pylist() for name in manifest.files if name.endswith(".parquet")]
    return [folder.manifest, folder.has_checksum, *tables]


@pytest.mark.parametrize("kind", ["tables", "manifest"])
@pytest.mark.parametrize("trial", trials(ordinary=5, whole=60))
def test_a_flipped_bit_of_an_extraction(
    extraction: Extraction, tmp_path: Path, kind: str, trial: int, record_fault: RecordFault
) -> None:
    folder = tmp_path / "a.extraction"
    shutil.copytree(extraction.path, folder)
    manifest = folder / "manifest.json"
    files = [manifest] if kind == "manifest" else sorted(folder.rglob("*.parquet"))
    flip([file for file in files if file.is_file()], random.Random(f"{kind} {trial}"))  # noqa: S311 (no secret)
    began = time.monotonic()
    try:
        held = numbers(Extraction(folder, extraction.manifest)) == numbers(extraction)
    except ExtractionError:
        held = True
    record_fault(f"flipped bit in an extraction's {kind}", held, time.monotonic() - began)
    assert held


def all_answers(database: Database) -> list[list[str]]:
    """Every row in a text of its own, in the order of these, since loads write them in other orders."""
    return [sorted(json.dumps(row, sort_keys=True) for row in database.read(text)) for text in ANSWERS]


@pytest.fixture(scope="module")
def answers(extraction: Extraction, embedded: Path) -> list[list[str]]:
    """What a whole database answers."""
    with emptied(embedded) as database:
        load(extraction, database, progress=False)
        return all_answers(database)


@pytest.mark.parametrize("trial", trials(ordinary=1, whole=80))
def test_a_flipped_bit_of_a_database(
    copied: Path, answers: list[list[str]], trial: int, record_fault: RecordFault
) -> None:
    files = [file for file in (copied / "databases").rglob("*") if file.is_file() and file.stat().st_size]
    file = flip(files, random.Random(trial))  # noqa: S311 (no secret)
    began, told = time.monotonic(), ""
    try:
        with connect(copied) as database:
            Store(database).verify(MODEL)
            Store(database).verify_numbers(MODEL)
            held = all_answers(database) == answers
    except GraphError as error:
        held, told = True, str(error)
    record_fault("flipped bit in a database", held, time.monotonic() - began)
    assert held, (file.name, told)


def test_a_record_that_the_server_cannot_read_is_told_as_damage(copied: Path) -> None:
    bucket = next((copied / "databases").rglob("Model_0_out_edges*.bucket"))
    data = bytearray(bucket.read_bytes())
    data[8216] ^= 4  # in the address of a layer, to which the model's first edge leads
    bucket.write_bytes(data)
    with (
        connect(copied) as database,
        pytest.raises(DatabaseDamaged, match=r"random:a: a record cannot be read \(Record"),
    ):
        Store(database).verify_numbers(MODEL)
