"""Loads over a whole model, killed at random points: a model that can be used is there, the former or the new one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from graph.embedded.server import stop
from graph.errors import DatabaseBusy
from graph.loading.extraction_steps import content
from graph.opening import connect
from graph.store import Store
from tests.builders.servers import loaded
from tests.faults.fault_table import RecordFault, trials

MODEL = "random:a"
LOAD = """
import sys
from pathlib import Path
from extract.folder.extraction import Extraction
from graph.loading.load import load
load(Extraction.open(Path(sys.argv[2])), Path(sys.argv[1]), progress=False)
"""
PATIENCE = 60.0


@pytest.fixture(scope="module")
def extractions(
    random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Extraction, Extraction]:
    """Two contents of one model."""
    one, two = tmp_path_factory.mktemp("one") / "a.extraction", tmp_path_factory.mktemp("two") / "a.extraction"
    return random_extraction(one, MODEL, 1), random_extraction(two, MODEL, 2)


@pytest.fixture(scope="module")
def database(extractions: tuple[Extraction, Extraction], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = loaded(extractions[0], tmp_path_factory)
    yield folder
    stop(folder)


def children(pid: int) -> list[int]:
    """The processes that a process started and that run."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in lists for child in file.read_text().split()]


def content_of(folder: Path) -> str:
    """The content of the model there, which can be used and is whole."""
    with connect(folder) as database:
        Store(database).verify(MODEL)
        return Store(database).model(MODEL).card.content


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the loader is found by Linux's list of processes")
@pytest.mark.parametrize("trial", trials(ordinary=2, whole=40))
def test_a_load_that_is_killed(
    database: Path, extractions: tuple[Extraction, Extraction], trial: int, record_fault: RecordFault
) -> None:
    before = content_of(database)
    new = next(extraction for extraction in extractions if content(extraction) != before)
    victim, moment = ("loader", "client")[trial % 2], random.Random(trial).uniform(0, 6)  # noqa: S311
    command = [sys.executable, "-c", LOAD, str(database), str(new.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client:
        while not (loaders := children(client.pid)) and client.poll() is None:
            time.sleep(0.01)
        time.sleep(moment)
        for pid in loaders if victim == "loader" else [client.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was done
        said = client.communicate(timeout=PATIENCE)[1]
    began = time.monotonic()
    while (after := usable(database)) is None and time.monotonic() < began + PATIENCE:
        time.sleep(0.1)
    changed_nothing = "changed nothing" not in said or after == before
    held = after in (before, content(new)) and changed_nothing and "damaged" not in said
    record_fault(f"kill of a load's {victim}", held, time.monotonic() - began)
    assert held, (said, before, after)


def usable(folder: Path) -> str | None:
    """The content of the model there; None while the loader of a killed client has locked the folder."""
    try:
        return content_of(folder)
    except DatabaseBusy:
        return None
