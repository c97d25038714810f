"""Writers of labels killed at random points, they or their server: what was acknowledged is there, and whole."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog import open_catalog
from extract.folder.extraction import Extraction
from graph.embedded.directory import DatabaseDirectory
from graph.loading.load import load
from tests.builders.neo4j_server import Neo4j
from tests.builders.servers import emptied
from tests.faults.fault_table import RecordFault, trials

MODEL, AT_ONCE = "random:a", 7
LABEL = """
import sys
from catalog import open_catalog
with open_catalog(sys.argv[1]) as catalog:
    model = catalog.model("random:a")
    print("ready", flush=True)
    for number in range(1000):
        model.unit(f"2/1/6/{number % 16}").label(f"{sys.argv[2]} {number}", author="ada")
        print(number, flush=True)
"""
BULK = """
import sys
from catalog import open_catalog
with open_catalog(sys.argv[1]) as catalog:
    model = catalog.model("random:a")
    print("ready", flush=True)
    for number in range(1000):
        model.labels.label_many([f"2/1/6/{unit}" for unit in range(7)], f"{sys.argv[2]} {number}", author="ada")
        print(number, flush=True)
"""
IMPORT = """
import sys
from catalog import open_catalog
with open_catalog(sys.argv[1]) as catalog:
    labels = catalog.model("random:a").labels
    print("ready", flush=True)
    for number in range(1000):
        rows = "".join(f"2/1/6/{unit},{sys.argv[2]} {number}\\n" for unit in range(7))
        labels.write(labels.plan_import(f"unit,text\\n{rows}".encode(), author="ada", also=True))
        print(number, flush=True)
"""
WRITERS = {"label": (LABEL, 1), "bulk": (BULK, AT_ONCE), "import": (IMPORT, AT_ONCE)}  # units that get one text at once


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("labelled") / "a.extraction", MODEL, 1)


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def server(request: pytest.FixtureRequest, extraction: Extraction) -> Iterator[Path | Neo4j]:
    """A server that holds the model, without labels."""
    server: Path | Neo4j = request.getfixturevalue(request.param)
    with emptied(server) as database:
        load(extraction, database, progress=False)
    yield server
    emptied(server).close()


@pytest.mark.parametrize("trial", trials(ordinary=1, whole=60))
def test_a_writer_of_labels_that_is_killed(server: Path | Neo4j, trial: int, record_fault: RecordFault) -> None:
    chance, writer = random.Random(trial), ("label", "bulk", "import")[trial % 3]  # noqa: S311 (no secret)
    victim = "server" if isinstance(server, Path) and trial % 2 else "client"
    text, at_once = WRITERS[writer]
    login = {} if isinstance(server, Path) else {"CIRCUITS_USER": server.user, "CIRCUITS_PASSWORD": server.password}
    where = str(server) if isinstance(server, Path) else server.url
    with subprocess.Popen(
        [sys.executable, "-c", text, where, f"trial {trial}"], env=os.environ | login, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 1.5))
        if victim == "server" and isinstance(server, Path) and (endpoint := DatabaseDirectory(server).endpoint()):
            os.kill(endpoint.pid, signal.SIGKILL)
            time.sleep(chance.uniform(0, 1))  # in which the client may have it started again
        client.kill()
        acknowledged = [int(line) for line in client.stdout]
    began = time.monotonic()
    written = histories(server)
    texts = [f"trial {trial} {number}" for number in range(max(acknowledged, default=-1) + 2)]
    own = [text for text in written if text.startswith(f"trial {trial} ")]
    whole = all(own.count(text) in (0, at_once) for text in texts) and len(own) <= len(texts) * at_once
    held = whole and all(f"trial {trial} {number}" in written for number in acknowledged)
    record_fault(f"kill of the {victim} of a {writer} writer", held, time.monotonic() - began)
    assert held, (acknowledged[-3:], written[-3:])


def histories(server: Path | Neo4j) -> list[str]:
    """Every label's text, after every view was compared with its history and every number with the load's."""
    login = {} if isinstance(server, Path) else {"user": server.user, "password": server.password}
    with open_catalog(str(server) if isinstance(server, Path) else server.url, **login) as catalog:
        catalog.verify(MODEL, True)
        return [change.text for change in catalog.model(MODEL).labels.history()]
