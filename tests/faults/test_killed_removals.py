"""Removals killed at random points: the model is whole or gone, what people said is there, and both can go on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.embedded.directory import DatabaseDirectory
from graph.embedded.server import stop
from graph.loading.load import load
from graph.loading.removal import remove
from graph.opening import connect
from graph.store import Store
from tests.builders.killable_server import KillableServer
from tests.builders.neo4j_server import Neo4j
from tests.builders.removals import MODEL, REMOVE_IN_FOLDER, check_said, kill_removal, speak
from tests.faults.fault_table import RecordFault, trials

WRITES = 8  # of a removal over Bolt
SECONDS = 8.0  # that one from a folder takes, about


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("removed") / "a.extraction", MODEL, 1, width=2)


@pytest.fixture(scope="module")
def folder(extraction: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An embedded database that holds the model, and what people said of it."""
    folder = tmp_path_factory.mktemp("killed") / "database"
    with connect(folder) as database:
        load(extraction, database, progress=False)
        speak(database)
    yield folder
    stop(folder)


@contextmanager
def recorded(record_fault: RecordFault, kind: str) -> Iterator[None]:
    """Record whether all assertions of the block held."""
    held, start = False, time.monotonic()
    try:
        yield
        held = True
    finally:
        record_fault(kind, held, time.monotonic() - start)


def check_whole_or_gone(database: Database, extraction: Extraction) -> None:
    """The model is whole; or gone, and then a removal goes on, and a load brings it back with what people said."""
    if not Store(database).models():
        if database.read("MATCH (m:Model) RETURN m.id AS id"):
            remove(database, MODEL, progress=False)
        assert database.read("MATCH (n:Unit) RETURN count(n) AS n") == [{"n": 0}]
        load(extraction, database, progress=False)
    check_said(database)


@pytest.mark.parametrize("trial", trials(0, 25))
def test_a_removal_from_neo4j_whose_client_is_killed(
    neo4j: Neo4j, extraction: Extraction, trial: int, record_fault: RecordFault
) -> None:
    login = {"CIRCUITS_USER": neo4j.user, "CIRCUITS_PASSWORD": neo4j.password}
    with neo4j.emptied() as database, recorded(record_fault, "remove, Neo4j"):
        load(extraction, database, progress=False)
        speak(database)
        assert kill_removal(neo4j.url, login, random.Random(trial).randrange(WRITES))  # noqa: S311 (no secret)
        check_whole_or_gone(database, extraction)


REMOVE = """
import sys
from graph.loading.removal import remove
from graph.opening import connect
with connect(sys.argv[1], timeout=2.0) as database:
    remove(database, sys.argv[2], progress=False)
"""


@pytest.mark.parametrize("trial", trials(0, 6))
def test_a_removal_over_bolt_whose_server_is_killed(
    service: KillableServer, extraction: Extraction, trial: int, record_fault: RecordFault
) -> None:
    chance = random.Random(trial)  # noqa: S311 (no secret)
    with service.connect() as database:
        load(extraction, database, progress=False)
        speak(database)
    with recorded(record_fault, "remove, server killed"):
        service.interrupt("server", chance.randint(1, WRITES), chance.uniform(0, 0.03), REMOVE, MODEL)
        with service.connect() as database:
            check_whole_or_gone(database, extraction)


@pytest.mark.parametrize("trial", trials(0, 25))
def test_a_removal_from_a_folder_that_is_killed(
    folder: Path, extraction: Extraction, trial: int, record_fault: RecordFault
) -> None:
    chance, directory = random.Random(trial), DatabaseDirectory(folder)  # noqa: S311 (no secret)
    with recorded(record_fault, "remove, embedded"):
        with subprocess.Popen([sys.executable, "-c", REMOVE_IN_FOLDER, str(folder), MODEL]) as client:
            time.sleep(chance.uniform(0, SECONDS))
            children = Path(f"/proc/{client.pid}/task/{client.pid}/children").read_text().split()
            for process in (*map(int, children if chance.random() < 0.5 else ()), client.pid):
                os.kill(process, signal.SIGKILL)
        while directory.is_locked() and directory.lock_holder()[0] == "load":
            time.sleep(0.05)  # a loading process whose client is dead ends by itself
        with connect(folder) as database:
            check_whole_or_gone(database, extraction)
