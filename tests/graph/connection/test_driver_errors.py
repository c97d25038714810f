"""Writes that a server refuses, by a reader and onto a full disk; tests/faults/advice/connections has the others."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graph.connection.database import Database
from graph.embedded.server import ensure, stop
from graph.errors import QueryError, WriteRefused
from graph.opening import connect
from tests.builders.neo4j_server import Neo4j

FILLED = "MATCH (n:Filler) RETURN count(n) AS n"
FULL = (
    r"^The database could not end the transaction \(.*\)\. It wrote nothing\. "
    r"Check whether its disk is full, and try again\.$"
)


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """What starts here writes no file larger than so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_as_a_reader_is_refused_by_the_server_itself(neo4j: Neo4j) -> None:
    write = "CREATE (n:Written) WITH n DELETE n RETURN 1 AS n"
    with neo4j.emptied() as database:
        for ask in (database.read, database.query):
            with pytest.raises(WriteRefused, match=r"^The server refuses this \(.*\): only reading is allowed here\.$"):
                ask(write)
        assert not database.query("MATCH (n:Written) RETURN n").rows
        assert database.write(write) == [{"n": 1}]


def test_a_write_onto_a_full_disk_wrote_nothing_and_succeeds_once_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "database"
    with limited_files(4 * 2**20):
        ensure(folder, heap=384)
    with connect(folder) as database:
        with pytest.raises(QueryError, match=FULL):
            fill(database, times=20)
        ((before,),) = database.query(FILLED).rows
    stop(folder)
    with connect(folder) as database:
        assert database.query(FILLED).rows == [[before]]
        fill(database, times=1)
        assert database.query(FILLED).rows == [[before + 2000]]
        server = ensure(folder).pid
        room = resource.prlimit(server, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        with pytest.raises(QueryError, match=FULL):
            database.write("CREATE (:Passing)")
        resource.prlimit(server, resource.RLIMIT_FSIZE, room)
        database.write("CREATE (n:Passing) DELETE n")  # without a restart
    stop(folder)


def fill(database: Database, times: int) -> None:
    """Write 2 MB, so many times."""
    for _ in range(times):
        database.write("UNWIND range(1, 2000) AS i CREATE (:Filler {filler: $filler})", filler="x" * 1000)
