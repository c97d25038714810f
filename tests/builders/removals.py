"""What people say of a model, and removals of the model that are killed."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

from extract.units import Unit
from graph.connection.database import Database
from graph.records import Annotation, Flag, SavedCircuit
from graph.store import Store

MODEL, UNIT = "random:a", Unit.parse("2/1/6/3")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PATIENCE = 180.0
KILLED_AT_A_WRITE = """
import os, signal, sys
from graph.connection.database import Database
from graph.loading.removal import remove
from graph.opening import connect

def write(self, text, _write=Database.write, _left=[int(sys.argv[3])], **parameters):
    if not _left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    _left[0] -= 1
    return _write(self, text, **parameters)

Database.write = write
with connect(sys.argv[1]) as database:
    remove(database, sys.argv[2], with_labels=len(sys.argv) > 4, progress=False)
"""
REMOVE_IN_FOLDER = """
import sys
from pathlib import Path
from graph.loading.removal import remove
remove(Path(sys.argv[1]), sys.argv[2])
"""


def speak(database: Database) -> None:
    """Write what people make: a label and a saved circuit, each in place of an earlier one, and a flag."""
    store = Store(database).model(MODEL)
    store.annotate(Annotation("a", MODEL, str(UNIT), "hat", "ada", NOON))
    store.annotate(Annotation("b", MODEL, str(UNIT), "a hat", "bob", NOON, action="amend", supersedes="a"))
    store.flag(Flag("f", MODEL, "unit", str(UNIT), True, "ada", NOON))
    circuit = SavedCircuit("feeds a hat", MODEL, "neighbourhood", "ada", NOON, 1)
    for identity in ("earlier", "c"):
        assert store.save_circuit(circuit, identity, "{}", {str(UNIT): "unit"}, replace=True)


def check_said(database: Database) -> None:
    """Check that everything that `speak` wrote is there, tied to the units."""
    store = Store(database).model(MODEL)
    assert store.unit(UNIT).labels == ("a hat",)
    assert [(a.id, a.author) for a in store.annotations()] == [("a", "ada"), ("b", "bob")]
    assert [flag.name for flag in store.flags()] == [str(UNIT)]
    tied = "MATCH (c:Circuit {name: 'feeds a hat'})-[:INCLUDES]->(u:Unit) RETURN u.id AS unit"
    assert database.read(tied) == [{"unit": str(UNIT)}]
    Store(database).verify(MODEL)


def kill_removal(url: str, environment: dict[str, str], writes: int, with_labels: bool = False) -> bool:
    """Remove the model in a process that is killed after this many writes; return whether the process was killed."""
    command = [sys.executable, "-c", KILLED_AT_A_WRITE, url, MODEL, str(writes), *(["labels"] if with_labels else [])]
    process = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE)
    assert process.returncode in (0, -signal.SIGKILL), process.stderr
    return process.returncode != 0
