"""Both servers through one driver: reading only, time and row limits, plain values, and refusals in our words."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from graph.database import Database, connect
from graph.errors import (
    AccessRefused,
    ConstraintViolated,
    DatabaseMissing,
    GraphError,
    QueryError,
    QueryTimeout,
    ServerUnavailable,
    WriteRefused,
)
from graph.local_server import ensure
from graph.server import ARCADEDB, NEO4J, _capabilities

RUNAWAY = "MATCH (a:Many), (b:Many), (c:Many), (d:Many) WHERE a.i + b.i + c.i + d.i < 0 RETURN count(*) AS n"
NUMBERS = "UNWIND range(1, 99999) AS a UNWIND range(1, 99999) AS b RETURN sum(a * b)"
WRITES = """
CREATE (:Intruder)
cReAtE /* MATCH */ (:Intruder)
MERGE (i:Intruder {name: 'x'}) RETURN i
MERGE (m:Many {i: 1}) ON MATCH SET m.hit = true RETURN m
MATCH (m:Many) SET m.i = 7
MATCH (m:Many {i: 1}) SET m:Intruder
MATCH (m:Many) SET m += {i: 7} RETURN m
MATCH (m:Many) REMOVE m.i
MATCH (m:Many) DETACH DELETE m
MATCH (m:Many) FOREACH (x IN [1] | CREATE (:Intruder))
MATCH (m:Many) WITH m LIMIT 1 CALL (m) { CREATE (:Intruder) } RETURN m
UNWIND [1, 2] AS x CREATE (:Intruder {x: x})
MATCH (a:Many {i: 1}), (b:Many {i: 2}) CREATE (a)-[:INTRUDES]->(b)
CREATE INDEX intruder IF NOT EXISTS FOR (m:Many) ON (m.hit)
CREATE CONSTRAINT intruder IF NOT EXISTS FOR (i:Intruder) REQUIRE i.name IS UNIQUE
DROP CONSTRAINT many_i
CREATE USER intruder SET PASSWORD 'intruder1'
LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line
load/**/csv from '/etc/passwd' as line return line
LOAD CSV FROM 'https://example.org/x.csv' AS line RETURN line
CALL { LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line } RETURN line
CALL db.createLabel('Intruder')
CALL apoc.cypher.doIt('CREATE (:Intruder)', {})
""".strip().split("\n")


SERVERS = ["embedded"] + ["neo4j"] * ("CIRCUITS_TEST_NEO4J" in os.environ)  # such as bolt://localhost:7687


@pytest.fixture(scope="module", params=SERVERS)
def database(request: pytest.FixtureRequest, embedded: Path) -> Iterator[Database]:
    """A database with 300 nodes :Many, whose `i` counts from 1: the embedded one, and a real Neo4j if there is one."""
    url = embedded if request.param == "embedded" else os.environ["CIRCUITS_TEST_NEO4J"]
    with connect(url) as database:
        database.write("CREATE CONSTRAINT many_i IF NOT EXISTS FOR (m:Many) REQUIRE m.i IS UNIQUE")
        database.write("UNWIND range(1, 300) AS i MERGE (:Many {i: i})")
        yield database
        database.write("MATCH (m:Many) DETACH DELETE m")


def everything(database: Database) -> list[object]:
    sums = database.write("MATCH (n) RETURN count(n) AS n, sum(n.i) AS i, count(n.hit) AS hits")
    return [
        sums,
        database.write("MATCH ()-[r]->() RETURN count(r) AS n"),
        database.write("SHOW INDEXES YIELD name RETURN name"),
    ]


@pytest.mark.parametrize("text", [*WRITES, "// MATCH\nCREATE (:Intruder)"])
def test_the_server_refuses_to_write_when_reading(database: Database, text: str) -> None:
    before = everything(database)
    with pytest.raises(QueryError) as refusal:
        database.query(text)
    assert isinstance(refusal.value, WriteRefused) or "CALL" in text  # no such procedure
    assert everything(database) == before


@pytest.mark.parametrize("place", ["file:///etc/passwd", "/etc/passwd", "https://example.org/x.csv"])
def test_the_embedded_server_loads_no_csv_even_for_those_who_may_write(embedded: Path, place: str) -> None:
    with connect(embedded) as database, pytest.raises(GraphError, match="disabled"):
        database.write("LOAD CSV FROM $place AS line RETURN line", place=place)


@pytest.mark.parametrize("text", [RUNAWAY, NUMBERS])
def test_a_query_that_runs_away_is_stopped_and_the_server_goes_on(database: Database, text: str) -> None:
    start = time.monotonic()
    with pytest.raises(QueryTimeout, match="after 1 s"):
        database.query(text, timeout=1.0)
    assert time.monotonic() - start < 30
    assert database.query("MATCH (m:Many) RETURN count(m)").rows == [[300]]
    running = database.write("SHOW TRANSACTIONS YIELD currentQuery")
    assert not [row for row in running if text in row["currentQuery"]]


def test_a_query_in_time_is_not_stopped_and_leaves_no_watchdog(database: Database) -> None:
    threads = threading.active_count()
    assert database.query("RETURN 1 AS one // a comment to the end", timeout=30).rows == [[1]]
    assert threading.active_count() == threads


def test_rows_end_at_the_limit_at_once_and_say_so(database: Database) -> None:
    start = time.monotonic()
    rows = database.query("MATCH (a:Many), (b:Many), (c:Many), (d:Many) RETURN a.i, b.i", limit=3, timeout=300)
    assert time.monotonic() - start < 30  # there are 8,100,000,000
    assert (rows.columns, len(rows.rows), rows.truncated) == (("a.i", "b.i"), 3, True)
    exact = database.query("MATCH (m:Many) WHERE m.i <= $most RETURN m.i ORDER BY m.i", {"most": 3}, limit=3)
    assert (exact.rows, exact.truncated) == ([[1], [2], [3]], False)


def test_values_are_plain_json(database: Database) -> None:
    try:
        database.write("CREATE (:Left {x: 1, at: datetime('2026-01-02T03:04:05Z')})-[:JOINS {mean: 0.5}]->(:Right)")
        rows = database.query(
            "MATCH p = (l:Left)-[j:JOINS]->(r:Right) RETURN l, j, r, p, [date('2026-01-02'), {k: l.x}] AS v"
        )
    finally:
        database.write("MATCH (n) WHERE n:Left OR n:Right DETACH DELETE n")
    assert json.loads(json.dumps(rows.rows)) == rows.rows
    left, joins, right, path, values = rows.rows[0]
    assert left == {"id": left["id"], "labels": ["Left"], "properties": {"x": 1, "at": "2026-01-02T03:04:05+00:00"}}
    assert joins == {
        "id": joins["id"], "type": "JOINS", "start": left["id"], "end": right["id"], "properties": {"mean": 0.5}
    }  # fmt: skip
    assert path == {"nodes": [left, right], "relationships": [joins]}
    assert values == ["2026-01-02", {"k": 1}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("BOGUS", "BOGUS"),
        ("MATCH (m RETURN m", "line 1"),
        ("RETURN $absent", "absent"),
        ("RETURN nothing(1)", "nothing"),
    ],
)
def test_a_query_in_error_is_told_what_is_wrong_without_our_mark(database: Database, text: str, words: str) -> None:
    with pytest.raises(QueryError, match=words) as refusal:
        database.query(text)
    assert "/*" not in str(refusal.value)


def test_two_of_what_there_is_one_of_is_refused(database: Database) -> None:
    with pytest.raises(ConstraintViolated, match="has this already"):
        database.write("CREATE (:Many {i: 1})")


def test_writes_that_collide_are_tried_again(database: Database) -> None:
    database.write("CREATE (:Tally {n: 0})")

    def count() -> None:
        for _ in range(10):
            database.write("MATCH (t:Tally) SET t.n = t.n + 1")

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.write("MATCH (t:Tally) WITH t, t.n AS n DELETE t RETURN n") == [{"n": 30}]


def test_a_wrong_password_or_database_is_told_at_once(embedded: Path) -> None:
    endpoint = ensure(embedded)
    with pytest.raises(AccessRefused, match="CIRCUITS_PASSWORD"):
        connect(endpoint.uri, endpoint.user, "wrong")
    with pytest.raises(DatabaseMissing, match="nowhere"):
        connect(endpoint.uri, endpoint.user, endpoint.password, "nowhere")


def test_a_server_that_would_let_a_query_write_is_not_asked(embedded: Path) -> None:
    endpoint = ensure(embedded)
    with connect(endpoint.uri, endpoint.user, endpoint.password, endpoint.database) as database:
        assert database.write("RETURN 1 AS one") == [{"one": 1}]
        with pytest.raises(WriteRefused, match="no user here that may only read"):
            database.query("RETURN 1")


@pytest.fixture
def places() -> Iterator[dict[str, int]]:
    """Ports: one where nothing listens, one that never answers, one that speaks HTTP."""

    class Silent(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with (
        socket.socket() as dead,
        socket.create_server(("127.0.0.1", 0)) as silent,
        HTTPServer(("127.0.0.1", 0), Silent) as http,
    ):
        dead.bind(("127.0.0.1", 0))
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield {"dead": dead.getsockname()[1], "silent": silent.getsockname()[1], "http": http.server_port}
        http.shutdown()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("bolt://127.0.0.1:{dead}", "nothing listens there"),
        ("neo4j://127.0.0.1:{dead}", "start the server"),
        ("bolt://127.0.0.1:{http}", "speaks no Bolt"),
        ("bolt://127.0.0.1:{silent}", "speaks no Bolt"),
        ("http://127.0.0.1:{http}", "no address of a database"),
        ("bolt://nowhere.invalid:7687", "no such host"),
        ("bolt://127.0.0.1:port", "no address"),
    ],
)
def test_where_no_database_answers_is_told_soon(
    places: dict[str, int], url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.server.PATIENCE", 2.0)
    start = time.monotonic()
    with pytest.raises(ServerUnavailable, match=words):
        connect(url.format_map(places), "neo4j", "x")
    assert time.monotonic() - start < 20


def test_a_server_is_known_by_what_it_calls_itself() -> None:
    assert _capabilities("Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)", "bolt://x") == (ARCADEDB, "26.10.2")
    for version in ("2025.06.2", "5.26.31"):
        assert _capabilities(f"Neo4j/{version}", "bolt://x") == (NEO4J, version)


@pytest.mark.parametrize("agent", ["Neo4j/4.4.9", "Neo4j/5.22.0", "Neo4j/v5.11.0 compatible - Memgraph", "x"])
def test_a_server_too_old_or_of_another_make_is_refused(agent: str) -> None:
    with pytest.raises(ServerUnavailable, match=r"need Neo4j 5\.23"):
        _capabilities(agent, "bolt://x")
