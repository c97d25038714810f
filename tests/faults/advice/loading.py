"""Messages about embedded servers, and what is loaded into them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.embedded import server
from graph.embedded.directory import DatabaseDirectory
from tests.faults.advice.messages import Act, Advice, Table
from tests.faults.advice.queries import LIMITS

EMBEDDED, LOAD = "tests/graph/embedded/test_server.py", "tests/graph/loading/test_load.py"
REMOVAL, CSV = "tests/graph/loading/test_removal.py", "tests/graph/loading/test_neo4j_import.py"


def beside_another(act: Callable[[Path], object], ended: bool) -> Act:
    """Act on a folder that another process uses without serving it, or has used until now."""

    def do() -> None:
        folder = DatabaseDirectory(Path("used"))
        folder.prepare()
        lock = folder.lock("serve")
        assert lock is not None
        with pytest.MonkeyPatch.context() as patch:
            if ended:
                os.close(lock)
            else:
                patch.setattr(server, "_START_TIMEOUT", 0.2)
            try:
                act(folder.path)
            finally:
                server.stop(folder.path)
                if not ended:
                    os.close(lock)

    return do


def load_nothing(folder: Path) -> None:
    server.bulk_load(folder, [], heap=256)


def start(folder: Path) -> None:
    server.ensure(folder, heap=256)


TABLE = Table(
    (
        "graph.connection.database",
        *(f"graph.embedded.{name}" for name in ("batch_writer", "pipe", "server")),
        *(f"graph.loading.{name}" for name in ("load", "migration", "neo4j_import", "removal", "same_weights")),
    ),
    (
        Advice("neither starts nor stops", beside_another(start, ended=False), beside_another(start, ended=True)),
        Advice(
            "Close that process, then load",
            beside_another(load_nothing, ended=False),
            beside_another(load_nothing, ended=True),
        ),
    ),
    elsewhere={
        **dict.fromkeys(("ran out of memory during", "broke off the answer"), LIMITS),
        **dict.fromkeys(
            (
                *(
                    "is not unique",
                    "that edges lead to or from",
                    "holds a value that is not finite",
                    "strings and lists of these fit",
                ),
                *(
                    "did not start: {reason}",
                    "Load the extraction into another folder",
                    "The load stopped and changed nothing",
                ),
            ),
            EMBEDDED,
        ),
        **dict.fromkeys(
            (
                *(
                    "was not loaded completely, and cannot be opened",
                    "it resumes where it stopped.",
                    "may not fit together: copy it again",
                ),
                "Load into another database",
            ),
            LOAD,
        ),
        "Update clip-circuits; the database stays as it is": "tests/graph/loading/test_migration.py",
        "Name a new folder for the CSV files": CSV,
        "on a disk with room": "tests/test_full_disk.py",
        "Wait until they have finished": REMOVAL,
        "Remove them too (with_labels=True)": REMOVAL,
    },
    untested={
        "cannot name nodes": "a load of ours makes no such step",
        "ended during the query": "a server would have to end anew until the time is over",
        "the process that sent the data ended": "nobody is left to hear it",
        "Try again once it has ended": "no process here outlives being killed",
    },
)
