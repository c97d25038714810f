"""Exports killed at random points: the file is the earlier or the new one, whole, and the next export goes on."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from catalog import Model, open_catalog
from extract.folder.extraction import Extraction
from graph.embedded.server import stop
from tests.builders.servers import loaded
from tests.faults.fault_table import RecordFault, trials

UNIT, OLD = "2/1/6/3", b"an earlier file"
ACTS = {  # how each file is written, in turn with few and with many units
    "labels.csv": "model.labels.export(path, whole=number % 2 == 0)",
    "labels.json": "model.labels.export(path, whole=number % 2 == 0)",
    "circuit.json": "circuits[number % 2].export(path)",
    "circuit.graphml": "circuits[number % 2].export(path)",
    "circuit.zip": "circuits[number % 2].export(path)",
    "figure.svg": "circuits[number % 2].render(path)",
    "figure.png": "circuits[number % 2].render(path)",
}
EXPORT = """
import sys
from itertools import count
from catalog import open_catalog
path = sys.argv[2]
with open_catalog(sys.argv[1]) as catalog:
    model = catalog.model()
    circuits = [model.unit("2/1/6/3").neighbourhood(limit) for limit in (2, 9)]
    for number in {numbers}:
        {act}
        print(number, flush=True)
"""


@pytest.fixture(scope="module")
def folder(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An embedded catalog of a model with labels, half of which hold."""
    extraction = random_extraction(tmp_path_factory.mktemp("exported") / "a.extraction", "random:a", 1)
    folder = loaded(extraction, tmp_path_factory)
    with open_catalog(folder) as catalog:
        label(catalog.model())
    yield folder
    stop(folder)


def label(model: Model) -> None:
    units = [f"2/1/6/{channel}" for channel in range(32)]
    for text in ("stripes", "dots"):
        model.labels.label_many(units, text, author="ada")
    model.labels.reject_many(units, "dots", author="bob", reason="they are stripes")


def export(folder: Path, file: Path, numbers: str) -> "subprocess.Popen[str]":
    """Export to the file in another process, once for each of the numbers."""
    code = EXPORT.format(act=ACTS[file.name], numbers=numbers)
    return subprocess.Popen([sys.executable, "-c", code, folder, file], stdout=subprocess.PIPE, text=True)


def exported(folder: Path, file: Path, number: int) -> bytes:
    with export(folder, file, f"[{number}]") as client:
        assert client.wait() == 0
    return file.read_bytes()


@cache
def undisturbed(folder: Path, name: str) -> list[bytes]:
    return [exported(folder, folder.parent / name, number) for number in range(2)]


@pytest.mark.parametrize(("name", "trial"), [each for name in ACTS for each in trials(0, 5, name)])
def test_an_export_that_is_killed(
    folder: Path, tmp_path: Path, name: str, trial: int, record_fault: RecordFault
) -> None:
    chance, file = random.Random(f"{name} {trial}"), tmp_path / name  # noqa: S311 (no secret)
    file.write_bytes(OLD)
    with export(folder, file, "count()") as client:
        assert client.stdout is not None
        for _ in range(chance.randint(1, 2)):
            client.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        client.kill()
    began, left, whole = time.monotonic(), file.read_bytes(), undisturbed(folder, name)
    goes_on = exported(folder, file, 0) == whole[0]
    held = left in (OLD, *whole) and goes_on and [each.name for each in tmp_path.iterdir()] == [name]
    record_fault("kill of an export", held, time.monotonic() - began)
    assert held
