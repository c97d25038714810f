"""What servers and the driver refuse, brought up on real servers, and the advice of the messages followed."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from neo4j import GraphDatabase, Session

from graph.connection.database import Database
from graph.embedded.server import ensure, stop
from graph.errors import AccessRefused, DatabaseMissing, QueryError, ServerUnavailable, WriteRefused
from graph.opening import connect
from tests.builders.neo4j_server import Neo4j

FILLED = "MATCH (n:Filler) RETURN count(n) AS n"
GROWING = "UNWIND range(1, {steps}) AS i WITH collect(i) AS l RETURN size(reduce(a = '', x IN l | a + a + 'x')) AS n"


@contextmanager
def system(server: Neo4j, user: str, password: str) -> Iterator[Session]:
    """The database in which Neo4j keeps its users."""
    with (
        GraphDatabase.driver(server.url, auth=(user, password), telemetry_disabled=True) as driver,
        driver.session(database="system") as session,
    ):
        yield session


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """What starts here writes no file larger than so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_first_password_is_asked_for_and_the_statement_named_changes_it(neo4j: Neo4j) -> None:
    with system(neo4j, neo4j.user, neo4j.password) as session:
        session.run("CREATE USER fresh SET PASSWORD 'at-first' CHANGE REQUIRED").consume()
        try:
            with pytest.raises(AccessRefused, match="ALTER CURRENT USER SET PASSWORD FROM 'old' TO 'new'"):
                connect(neo4j.url, "fresh", "at-first")
            with system(neo4j, "fresh", "at-first") as own:
                own.run("ALTER CURRENT USER SET PASSWORD FROM 'at-first' TO 'of-my-own'").consume()
            connect(neo4j.url, "fresh", "of-my-own").close()
        finally:
            session.run("DROP USER fresh").consume()


def test_the_databases_that_are_shown_can_be_opened(neo4j: Neo4j) -> None:
    with pytest.raises(DatabaseMissing, match="SHOW DATABASES lists those it has"):
        connect(neo4j.url, neo4j.user, neo4j.password, "nowhere")
    with system(neo4j, neo4j.user, neo4j.password) as session:
        names = [row["name"] for row in session.run("SHOW DATABASES YIELD name") if row["name"] != "system"]
    for name in names:
        connect(neo4j.url, neo4j.user, neo4j.password, name).close()
    assert names


def test_encryption_where_there_is_none_is_no_missing_host(neo4j: Neo4j) -> None:
    with pytest.raises(ServerUnavailable, match="bolt:// is without"):
        connect(neo4j.url.replace("bolt://", "bolt+s://"), neo4j.user, neo4j.password)


def test_a_write_as_a_reader_is_refused_by_the_server_itself(neo4j: Neo4j) -> None:
    write = "CREATE (n:Written) WITH n DELETE n RETURN 1 AS n"
    with neo4j.emptied() as database:
        with pytest.raises(WriteRefused, match="only reading is allowed here"):
            database.read(write)
        assert database.write(write) == [{"n": 1}]


def test_a_query_that_takes_a_servers_memory_is_told_to_ask_for_less(neo4j: Neo4j) -> None:
    with neo4j.emptied() as database:
        with pytest.raises(QueryError, match="short of memory"):
            database.query(GROWING.format(steps=100))
        assert database.query(GROWING.format(steps=10)).rows == [[1023]]


def test_what_a_server_cannot_carry_out_is_told_in_its_words(embedded: Path) -> None:
    with connect(embedded) as database:
        with pytest.raises(QueryError, match=r"cannot carry out the query: .*db\.nothing"):
            database.query("CALL db.nothing()")
        assert database.query("RETURN 1 AS n").rows == [[1]]


def test_a_write_onto_a_full_disk_wrote_nothing_and_succeeds_once_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "database"
    with limited_files(4 * 2**20):
        ensure(folder, heap=384)
    with connect(folder) as database:
        with pytest.raises(QueryError, match=r"wrote nothing of it\. Look whether its disk is full"):
            fill(database, times=20)
        ((before,),) = database.query(FILLED).rows
    stop(folder)
    with connect(folder) as database:
        assert database.query(FILLED).rows == [[before]]
        fill(database, times=1)
        assert database.query(FILLED).rows == [[before + 2000]]
    stop(folder)


def fill(database: Database, times: int) -> None:
    """Write 2 MB, so many times."""
    for _ in range(times):
        database.write("UNWIND range(1, 2000) AS i CREATE (:Filler {filler: $filler})", filler="x" * 1000)
