"""Queries that take all the time or all the memory, beside people who read and label: who asks is answered in time."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.labels.labels import Labels
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.embedded.server import stop
from graph.errors import QueryError
from graph.opening import connect
from graph.store import Store
from tests.builders.costly_queries import COSTLY
from tests.builders.servers import loaded
from tests.faults.fault_table import RecordFault, trials

UNITS = [Unit.parse(f"4/2/6/{channel}") for channel in range(32)]
QUICK = ("a text doubled", "every node with every other")
KINDS = [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.whole) for kind in COSTLY]
BOUNDS = {True: (5.0, 7.0, 15.0), False: (1.0, 60.0, 60.0)}  # seconds: a query's limit, its asker's wait, all others'


class Client(threading.Thread):
    """Somebody who acts on the labels again and again: how often, the longest that it took, and what went wrong."""

    def __init__(self, folder: Path, act: Callable[[Labels, int], object]) -> None:
        super().__init__()
        self.acts, self.longest, self.error, self.over = 0, 0.0, "", threading.Event()
        self._folder, self._act = folder, act

    def run(self) -> None:
        try:
            with connect(self._folder) as database:
                labels = Labels(Store(database).model())
                while not self.over.wait(0.1):
                    start = time.monotonic()
                    self._act(labels, self.acts)
                    self.longest = max(self.longest, time.monotonic() - start)
                    self.acts += 1
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"

    def act_twice(self) -> None:
        """Wait for two acts, of which the second begins now."""
        acts = self.acts + 2
        while self.acts < acts and not self.error:
            time.sleep(0.05)


def read(labels: Labels, number: int) -> None:
    unit = UNITS[number % len(UNITS)]
    assert labels.store.unit(unit).id == unit


def write(labels: Labels, number: int) -> None:
    labels.add(UNITS[number % len(UNITS)], f"label {number}", "ada")


@pytest.fixture(scope="module")
def folder(planted: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The planted catalog and 300 nodes :Many, behind a server with a small heap that may end at any time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRCUITS_HEAP", "256")
        folder = loaded(planted, tmp_path_factory)
        with connect(folder) as database:
            database.write("UNWIND range(1, 300) AS i CREATE (:Many {i: i})")
        yield folder
        stop(folder)


@pytest.fixture(scope="module")
def clients(folder: Path) -> Iterator[tuple[Client, Client]]:
    """One who reads and one who labels, all the time."""
    clients = Client(folder, read), Client(folder, write)
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.over.set()
        client.join()


@pytest.mark.parametrize("trial", trials(ordinary=1, whole=10))
@pytest.mark.parametrize("kind", KINDS)
def test_the_asker_is_answered_and_others_go_on(
    folder: Path,
    clients: tuple[Client, Client],
    kind: str,
    trial: int,
    request: pytest.FixtureRequest,
    record_fault: RecordFault,
) -> None:
    limit, most, longest = BOUNDS[request.config.getoption("--whole")]
    for client in clients:
        client.act_twice()  # on a server that is there
        client.longest = 0.0
    with connect(folder) as database:
        start = time.monotonic()
        with pytest.raises(QueryError):
            database.query(COSTLY[kind], timeout=limit)
        answered = time.monotonic() - start
    for client in clients:
        client.act_twice()
    waited, errors = max(client.longest for client in clients), [client.error for client in clients]
    record_fault(f"costly query: {kind}", answered <= most, answered)
    record_fault("reading and labelling beside costly queries", waited <= longest and errors == ["", ""], waited)
    assert errors == ["", ""]
    assert answered <= most
    assert waited <= longest


def test_every_label_is_written_once(folder: Path, clients: tuple[Client, Client]) -> None:
    _, writer = clients
    writer.over.set()
    writer.join()
    with connect(folder) as database:
        written = Counter(entry.text for entry in Labels(Store(database).model()).history() if entry.author == "ada")
    assert written == {f"label {number}": 1 for number in range(writer.acts)}
